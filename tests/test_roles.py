# SPDX-License-Identifier: MIT
"""What each claim does: relays, duplicates, supersession, and the day of asking."""

from __future__ import annotations

import datetime
import itertools
from collections import defaultdict

import attrs
import numpy as np
import pandas as pd
import pytest
from hypothesis import event, example, given
from hypothesis import strategies as st
from roles import assign_roles_one_by_one
from steps import steps_of

from reconcile.claims import Claim, Corpus
from reconcile.columns import Columns, Moments
from reconcile.errors import InconsistentClaims
from reconcile.estimates import Role
from reconcile.io import table
from reconcile.roles import ROLE_CODES, _succeed, assign_roles
from reconcile.values import AtLeast, Exactly, Share
from reconcile.vocabulary import EVERYONE, Event, Group, Relation, Source

USED, EARLIER, RELAY, DUPLICATE, SUPERSEDED, LATER, UNDATED = Role
MARKET = Event("market")
KILLED, INJURED = MARKET.killed(), MARKET.injured()
CHILDREN = MARKET.killed(Group(age="child"))
MINISTRY, MONITOR, PAPER = (Source(name) for name in ("ministry", "monitor", "paper"))


def day(n):
    return datetime.date(2020, 2, n)


def at(text):
    return datetime.datetime.fromisoformat(f"2020-02-{text}")


def say(name, value=5, source=MINISTRY, quantity=KILLED, **more):
    return Claim(quantity, Exactly(value) if isinstance(value, int) else value, source, id=name, **more)


def roles_of(*claims, as_of=None):
    """The role of each claim, or (role, by) where another stands in its place."""
    roles = assign_roles(Corpus(claims), as_of)
    return {r.claim.id: r.role if r.by is None else (r.role, r.by) for r in roles}


# --- relays -------------------------------------------------------------------------------------------------------


def test_lone_claims_are_used():
    assert roles_of() == {}
    assert roles_of(say("a"), say("b", source=MONITOR), say("c", quantity=INJURED)) == dict.fromkeys("abc", USED)


def test_a_chain_of_relays_is_its_first_claim():
    claims = say("b"), say("a", source=PAPER, quoted_from="b"), say("c", 6, MONITOR, quoted_from="a")
    assert roles_of(*claims) == {"b": USED, "a": (RELAY, "b"), "c": (RELAY, "b")}
    roles = {role.claim.id: role for role in assign_roles(Corpus(claims))}
    assert {role.origin for role in roles.values()} == {MINISTRY}
    assert (roles["a"].note, roles["c"].note) == ("", "says 6, its origin 5")


def test_the_relation_is_that_of_who_speaks():
    syria = Source("Syria", sides={"Syria"})
    dead = MARKET.killed(Group(party="Syria"))
    (role,) = assign_roles(Corpus([say("a", source=PAPER, quantity=dead, quoted_from=syria)]))
    assert (role.origin, role.relation, role.claim.relation) == (syria, Relation.OWN, Relation.THIRD)


def test_relays_of_a_source_without_a_claim_speak_once_in_its_name():
    claims = [say(name, source=Source(name), quoted_from=MINISTRY) for name in "abc"]
    assert roles_of(*claims) == {"a": USED, "b": (RELAY, "a"), "c": (RELAY, "a")}
    assert {role.origin for role in assign_roles(Corpus(claims))} == {MINISTRY}
    differing = [*claims, say("d", 6, PAPER, quoted_from=MINISTRY), say("e", 6, MONITOR, quoted_from="d")]
    assert roles_of(*differing)["d"] is USED
    assert roles_of(*differing)["e"] == (RELAY, "d")


def test_a_relay_of_a_source_and_its_own_claim_are_one():
    assert roles_of(say("a"), say("b", source=PAPER, quoted_from=MINISTRY)) == {"a": USED, "b": (RELAY, "a")}
    assert roles_of(say("b"), say("a", source=PAPER, quoted_from=MINISTRY)) == {"a": USED, "b": (DUPLICATE, "a")}
    late = say("b", 6, PAPER, quoted_from=MINISTRY, reported=day(2))
    assert roles_of(say("a", reported=day(1)), late) == {"a": (SUPERSEDED, "b"), "b": USED}


@pytest.mark.parametrize(
    "claims, to_blame, reason",
    [
        ([say("a", quoted_from="a")], "a", "is quoted from itself"),
        ([say("a", quoted_from="b"), say("b", quoted_from="c"), say("c", quoted_from="a")], "abc", "itself"),
        ([say("a", quoted_from="b"), say("b", quoted_from="c"), say("c", quoted_from="b")], "bc", "itself"),
        ([say("a", quoted_from="z")], "a", "claim 'a' is quoted from 'z', which is not here"),
        ([say("a", quoted_from="b"), say("b", quoted_from="z")], "b", "'z', which is not here"),
        ([say("a", quoted_from="b"), say("b", quantity=INJURED)], "ab", "a relay must speak of what its origin"),
        ([say("a", quoted_from="b"), say("b", quantity=CHILDREN)], "ab", "a relay must speak of"),
        ([say("a", revises="a")], "a", "revises itself"),
        ([say("a", revises="b"), say("b", revises="a"), say("c", revises="a")], "ab", "revises itself"),
        ([say("a", revises="z")], "a", "claim 'a' revises 'z', which is not here"),
    ],
)
def test_links_that_lead_nowhere(claims, to_blame, reason):
    """A claim that leads into a circle was once blamed with those in it."""
    for order in itertools.permutations(claims):
        for as_of in (None, day(1)):
            with pytest.raises(InconsistentClaims, match=reason) as caught:
                assign_roles(Corpus(order), as_of)
            assert set(caught.value.claims) == set(to_blame)


# --- revisions ----------------------------------------------------------------------------------------------------


def test_revisions():
    assert roles_of(say("a"), say("b", 6, revises="a")) == {"a": (SUPERSEDED, "b"), "b": USED}
    # Whatever the dates say, and whoever revises.
    claims = say("a", reported=day(9)), say("b", 6, MONITOR, revises="a", reported=day(1))
    assert roles_of(*claims) == {"a": (SUPERSEDED, "b"), "b": USED}
    chain = say("a"), say("b", 6, revises="a"), say("c", 7, revises="b")
    assert roles_of(*chain) == {"a": (SUPERSEDED, "b"), "b": (SUPERSEDED, "c"), "c": USED}


def test_a_revision_may_correct_what_was_counted():
    claims = say("a"), say("b", quantity=INJURED, revises="a")
    assert roles_of(*claims) == {"a": (SUPERSEDED, "b"), "b": USED}


def test_one_of_two_revisions_is_enough():
    """The second revision of a claim displaced the first, and when it was still to come, the claim stood again."""
    claims = (
        say("a", source=PAPER, reported=day(1)),
        say("b", 6, revises="a", reported=day(2)),
        say("c", 7, MONITOR, revises="a", reported=day(9)),
    )
    assert roles_of(*claims, as_of=day(5)) == {"a": (SUPERSEDED, "b"), "b": USED, "c": LATER}
    assert roles_of(*claims) == {"a": (SUPERSEDED, "b"), "b": USED, "c": USED}


def test_a_relay_that_revises_its_own_origin_silences_nobody():
    """Each once stood in the other's place, and neither spoke."""
    assert roles_of(say("b"), say("a", 6, PAPER, quoted_from="b", revises="b")) == {"a": (RELAY, "b"), "b": USED}


def test_relays_that_revise_each_others_origins_silence_nobody():
    roles = roles_of(
        say("a"),
        say("b", source=MONITOR),
        say("c", source=PAPER, quoted_from="a", revises="b"),
        say("d", source=PAPER, quoted_from="b", revises="a"),
    )
    assert roles == {"a": (SUPERSEDED, "d"), "b": USED, "c": (RELAY, "a"), "d": (RELAY, "b")}


def test_a_revised_relay_does_not_speak_for_an_origin_that_is_still_to_come():
    """The first relay spoke by its id, though the second revised it: then neither did."""
    claims = (
        say("o", reported=day(9)),
        say("a", 6, PAPER, quoted_from="o", reported=day(2)),
        say("b", 7, PAPER, quoted_from="o", revises="a", reported=day(3)),
    )
    assert roles_of(*claims, as_of=day(5)) == {"a": (RELAY, "b"), "b": USED, "o": LATER}
    assert roles_of(*claims, as_of=day(2)) == {"a": USED, "b": LATER, "o": LATER}
    assert roles_of(*claims) == {"a": (RELAY, "o"), "b": (RELAY, "o"), "o": USED}


def test_a_relay_of_a_relay_does_not_speak_for_an_origin_that_is_still_to_come():
    claims = (
        say("o", reported=day(9)),
        say("b", 6, PAPER, quoted_from="o", reported=day(2)),
        say("a", 7, MONITOR, quoted_from="b", reported=day(3)),
    )
    assert roles_of(*claims, as_of=day(5)) == {"a": (RELAY, "b"), "b": USED, "o": LATER}


# --- dates --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "old, new",
    [
        ({"reported": day(1)}, {"reported": day(2)}),
        ({"reported": day(1)}, {"reported": at("02T00:00")}),
        ({"reported": at("01T23:59")}, {"reported": day(2)}),
        ({"reported": at("01T10:00")}, {"reported": at("01T10:01")}),
        ({"reported": at("01T10:00+00:00")}, {"reported": at("01T10:00-01:00")}),
        ({"reported": at("02T01:00+12:00")}, {"reported": at("01T23:00-12:00")}),  # the world's clock, not the date
        ({"reported": at("01T23:00")}, {"reported": at("02T01:00+00:00")}),
        ({"as_of": day(1)}, {"as_of": day(2)}),
        ({"reported": day(3), "as_of": day(1)}, {"reported": day(3), "as_of": day(2)}),
        ({"reported": day(3), "as_of": day(1)}, {"as_of": day(2)}),
        ({"reported": day(3), "as_of": day(1)}, {"reported": at("03T10:00"), "as_of": day(2)}),
        ({"reported": day(3), "as_of": day(2)}, {"reported": day(4), "as_of": day(1)}),  # when it was said comes first
        ({"reported": day(3), "as_of": day(2)}, {"reported": day(4)}),
    ],
)
def test_the_later_claim_replaces_the_earlier(old, new):
    for first, second in ("ab", "ba"):
        roles = roles_of(say(first, 5, **old), say(second, 6, **new))
        assert roles == {first: (SUPERSEDED, second), second: USED}


@pytest.mark.parametrize(
    "one, other",
    [
        ({}, {}),
        ({"reported": day(1)}, {}),
        ({"reported": day(1)}, {"as_of": day(1)}),
        ({"reported": day(1)}, {"reported": day(1)}),
        ({"reported": day(1)}, {"reported": at("01T10:00")}),
        ({"reported": at("01T10:00")}, {"reported": at("01T11:00+00:00")}),  # whose clock?
        ({"reported": at("01T10:00+00:00")}, {"reported": at("01T11:00+01:00")}),
        ({"reported": day(1), "as_of": day(1)}, {"reported": day(1)}),
    ],
)
def test_where_dates_do_not_tell_all_are_used(one, other):
    assert roles_of(say("a", 5, **one), say("b", 6, **other)) == {"a": USED, "b": USED}
    assert roles_of(say("a", 5, **one), say("b", 5, **other)) == {"a": USED, "b": (DUPLICATE, "a")}


def test_what_is_not_about_the_same_is_not_replaced():
    newer = {"reported": day(2)}
    assert set(roles_of(say("a", reported=day(1)), say("b", source=MONITOR, **newer)).values()) == {USED}
    assert set(roles_of(say("a", reported=day(1)), say("b", quantity=INJURED, **newer)).values()) == {USED}
    count = say("a", quantity=CHILDREN, reported=day(1))
    share = say("b", Share(0.5, 0.5), quantity=CHILDREN, reported=day(2))
    other = say("c", Share(0.2, 0.2, of=Group(age={"child", "adult"})), quantity=CHILDREN, reported=day(3))
    assert roles_of(count, share, other) == dict.fromkeys("abc", USED)
    again = say("d", Share(0.6, 0.6), quantity=CHILDREN, reported=day(3))
    assert roles_of(count, share, again) == {"a": USED, "b": (SUPERSEDED, "d"), "d": USED}


def test_duplicates_are_equal_in_kind_and_reserve():
    roles = roles_of(say("a"), say("b"), say("c", AtLeast(5)), say("d", hedged=True), say("e", hedged=True))
    assert roles == {"a": USED, "b": (DUPLICATE, "a"), "c": USED, "d": USED, "e": (DUPLICATE, "d")}


def test_dates_that_turn_in_a_circle_silence_nobody():
    """An undated report, by the day that it speaks of, lay between two that were told apart by their reports.

    Each of the three was then replaced by another, and the source had said nothing.
    """
    circle = (
        say("x", 1, reported=day(4), as_of=day(1)),
        say("y", 2, reported=day(3), as_of=day(3)),
        say("z", 3, as_of=day(2)),
    )
    assert roles_of(*circle) == dict.fromkeys("xyz", USED)
    before, after = say("w", 4, reported=datetime.date(2019, 1, 1)), say("v", 5, reported=day(9), as_of=day(9))
    roles = roles_of(*circle, before)
    assert (roles["w"][0], roles["x"], roles["y"], roles["z"]) == (SUPERSEDED, USED, USED, USED)
    assert roles_of(*circle, before, after) == {**dict.fromkeys("wxyz", (SUPERSEDED, "v")), "v": USED}


def test_clocks_that_turn_in_a_circle_silence_nobody():
    """The date line lets two clocks of the world and a local one do so."""
    clocks = at("01T23:00-12:00"), at("03T00:00+14:00"), at("02T12:00")
    claims = [say(f"c{n}", n, reported=moment) for n, moment in enumerate(clocks)]
    assert roles_of(*claims) == {"c0": USED, "c1": USED, "c2": USED}


CLOCKS = (
    "01T10:00", "02T10:00", "02T12:00", "03T10:00", "01T23:00-12:00", "03T00:00+14:00", "02T10:00+00:00",
    "02T12:00+01:00",
)  # fmt: skip
MOMENTS = st.sampled_from([None, None, day(1), day(2), day(3), *map(at, CLOCKS)])
DATES = st.lists(st.tuples(MOMENTS, MOMENTS), min_size=1, max_size=8)


def possible(reported, as_of):
    """No claim speaks of a day after it was reported."""
    return None if later(as_of, reported) else as_of


def later(one, other):
    if one is None or other is None:
        return False
    clocks = [(isinstance(m, datetime.datetime), getattr(m, "tzinfo", None) is not None) for m in (one, other)]
    if clocks[0] == clocks[1]:
        return one > other
    return one.timetuple()[:3] > other.timetuple()[:3]


def is_newer(one, other):
    """Reported later or, where the reports have no order, as of a later day; the slow and plain way."""
    return later(one[0], other[0]) or (not later(other[0], one[0]) and later(one[1], other[1]))


def replacements(dates):
    """All pairs (i, j) of which i replaces j, itself or through others."""
    places = range(len(dates))
    reach = {(i, j) for i in places for j in places if is_newer(dates[i], dates[j])}
    for k, i, j in itertools.product(places, places, places):  # k outermost: the closure of Warshall
        if (i, k) in reach and (k, j) in reach:
            reach.add((i, j))
    return reach


@given(MOMENTS, MOMENTS)
def test_later(one, other):
    mine, theirs = Moments.of([one]), Moments.of([other])
    assert mine.later(theirs).tolist() == [later(one, other)]
    assert not (mine.later(theirs) & theirs.later(mine)).any()


@given(DATES)
@example([(day(2), day(1)), (day(1), day(3)), (None, day(2)), (day(1), None)])
@example([(m, None) for m in map(at, ("01T23:00-12:00", "03T00:00+14:00", "02T12:00"))])
def test_succession_against_every_pair(dates):
    """What stands is replaced by nothing, but for what it replaces itself, through others or not."""
    reach = replacements(dates)
    event("a circle" if any((i, i) in reach for i in range(len(dates))) else "no circle")
    stands = [all((j, i) in reach for i in range(len(dates)) if (i, j) in reach) for j in range(len(dates))]
    assert any(stands)
    for j, successor in enumerate(_succeed(dates)):
        assert (successor == j) == stands[j]
        assert stands[successor]
        assert successor == j or (successor, j) in reach


@given(DATES, st.randoms())
def test_succession_knows_no_order(dates, random):
    shuffled = random.sample(range(len(dates)), len(dates))
    found, again = _succeed(dates), _succeed([dates[place] for place in shuffled])
    assert {i for i, by in enumerate(found) if i == by} == {shuffled[i] for i, by in enumerate(again) if i == by}


@pytest.mark.parametrize("revise", [False, True])
def test_a_figure_for_every_day_takes_no_more_than_each_by_itself(revise):
    """A thousand figures of one source about one count took a minute and a half, as pairs were compared in threes."""
    days = [datetime.date(2018, 1, 1) + datetime.timedelta(n) for n in range(1_000)]
    claims = [say("c0000", 0, reported=days[0])]
    for n in range(1, 1_000):
        more = {"revises": claims[-1].id} if revise else {"reported": days[n]}
        claims.append(say(f"c{n:04}", n, **more))
    few, many = (steps_of(assign_roles, Corpus(claims[:size])) for size in (250, 1_000))
    assert many < 4.4 * few
    assert [role.claim.id for role in assign_roles(Corpus(claims)) if role.role is USED] == ["c0999"]


# --- the day of asking --------------------------------------------------------------------------------------------


def test_as_of():
    claims = say("a", 5, reported=day(1)), say("b", 6, reported=day(3)), say("c", 7, MONITOR)
    assert roles_of(*claims) == {"a": (SUPERSEDED, "b"), "b": USED, "c": USED}
    assert roles_of(*claims, as_of=day(3)) == {"a": (SUPERSEDED, "b"), "b": USED, "c": UNDATED}
    assert roles_of(*claims, as_of=day(2)) == {"a": USED, "b": LATER, "c": UNDATED}
    assert roles_of(*claims, as_of=datetime.date(2019, 1, 1)) == {"a": LATER, "b": LATER, "c": UNDATED}


@pytest.mark.parametrize(
    "reported, as_of, part",
    [
        (at("02T10:00"), day(2), USED),
        (at("02T10:00"), at("02T10:00"), USED),
        (at("02T10:00"), at("02T09:59"), LATER),
        (day(2), at("02T00:00"), USED),
        (day(3), at("02T23:59"), LATER),
        (at("02T10:00+00:00"), day(2), USED),
        (at("02T10:00+00:00"), at("02T09:00"), USED),
        (at("02T10:00+00:00"), at("02T09:00+00:00"), LATER),
    ],
)
def test_as_of_a_moment(reported, as_of, part):
    assert roles_of(say("a", reported=reported), as_of=as_of) == {"a": part}


def test_a_revision_that_is_set_aside_replaces_nothing():
    for when, part in (({}, UNDATED), ({"reported": day(9)}, LATER)):
        claims = say("a", reported=day(1)), say("b", 6, revises="a", **when)
        assert roles_of(*claims, as_of=day(5)) == {"a": USED, "b": part}


# --- any world ----------------------------------------------------------------------------------------------------

SPEAKERS = [Source(name) for name in ("p", "q", "r")]
DAYS = st.sampled_from([None, day(2), at("02T11:00"), at("02T11:00+00:00")])


def is_heard(claim, as_of):
    return as_of is None or (claim.reported is not None and not later(claim.reported, as_of))


@st.composite
def worlds(draw, as_of=None):
    """Claims with relays and revisions; what is heard on the day of asking links only to what is."""
    names = draw(st.permutations([f"c{n}" for n in range(draw(st.integers(1, 8)))]))
    claims = []
    for name in names:
        reported, when = draw(MOMENTS), draw(st.sampled_from([None, None, day(1), day(2), day(3)]))
        heard = as_of is None or (reported is not None and not later(reported, as_of))
        known = [claim for claim in claims if not heard or is_heard(claim, as_of)]
        relayed = draw(st.none() | st.sampled_from([*known, *SPEAKERS]))
        revised = draw(st.none() | st.sampled_from(known)) if known else None
        quantity = relayed.quantity if isinstance(relayed, Claim) else draw(st.sampled_from([KILLED, CHILDREN]))
        values = [Exactly(5), Exactly(6), AtLeast(5), *([Share(0.5, 0.5, of=EVERYONE)] if quantity is CHILDREN else [])]
        claims.append(
            Claim(
                quantity,
                draw(st.sampled_from(values)),
                draw(st.sampled_from(SPEAKERS)),
                reported=reported,
                as_of=possible(reported, when),
                quoted_from=relayed,
                revises=revised,
                hedged=draw(st.booleans()),
                id=name,
            )
        )
    return claims


@st.composite
def tangled(draw):
    """Worlds in which revisions may point either way, so that they and the relays can make a knot."""
    claims = {claim.id: claim for claim in draw(worlds())}
    order = draw(st.permutations(sorted(claims)))
    revised = {name: draw(st.none() | st.sampled_from(order[:n])) if n else None for n, name in enumerate(order)}
    return [attrs.evolve(claim, revises=revised[name]) for name, claim in claims.items()]


def primary_of(claim, claims):
    while isinstance(claim.quoted_from, str):
        claim = claims[claim.quoted_from]
    return claim


@given(worlds() | tangled(), DAYS)
def test_every_claim_has_one_role_and_somebody_speaks_for_it(claims, as_of):
    roles = {role.claim.id: role for role in assign_roles(Corpus(claims), as_of)}
    known = {claim.id: claim for claim in claims}
    assert list(roles) == sorted(known)
    assert {name: role.claim for name, role in roles.items()} == known
    families = defaultdict(list)
    for name, role in roles.items():
        claim, first = known[name], primary_of(known[name], known)
        assert (role.role in (LATER, UNDATED)) == (not is_heard(claim, as_of))
        assert (role.role is UNDATED) == (as_of is not None and claim.reported is None)
        assert (role.by is None) == (role.role in (USED, LATER, UNDATED))
        assert role.origin == (first.source if first.quoted_from is None else first.quoted_from)
        # Whoever stands in a claim's place was heard and, in the end, is used.
        trail = [name]
        while (by := roles[trail[-1]].by) is not None:
            assert by not in trail
            assert is_heard(known[by], as_of)
            trail.append(by)
        assert len(trail) == 1 or roles[trail[-1]].role is USED
        if is_heard(claim, as_of):
            families[first.id].append(role)
    for first, family in families.items():
        members = {role.claim.id for role in family}
        (speaker,) = (role for role in family if not (role.role is RELAY and role.by in members))
        assert first not in members or speaker.claim.id == first


@given(worlds() | tangled(), DAYS)
def test_of_one_speaker_the_newest_stands_once(claims, as_of):
    """Everything a speaker says of one count, but for relays and what is revised, is settled by dates and equality."""
    known = {claim.id: claim for claim in claims}
    rivals = defaultdict(list)
    for role in assign_roles(Corpus(claims), as_of):
        claim, by = role.claim, known.get(role.by)
        relays = role.role is RELAY and primary_of(by, known) is primary_of(claim, known)
        revised = role.role is SUPERSEDED and by.revises == claim.id
        if is_heard(claim, as_of) and not relays and not revised:
            value = claim.value
            rivals[role.origin, claim.quantity, value.of if isinstance(value, Share) else None].append(role)
    for group in rivals.values():
        used = [role.claim for role in group if role.role is USED]
        assert len({(claim.value, claim.hedged) for claim in used}) == len(used) > 0
        reach = replacements([(role.claim.reported, role.claim.as_of) for role in group])
        for j, role in enumerate(group):
            stands = all((j, i) in reach for i in range(len(group)) if (i, j) in reach)
            assert stands or role.role is SUPERSEDED
            assert not stands or role.role in (USED, DUPLICATE, RELAY)


@given(worlds() | tangled(), st.randoms(), DAYS)
def test_order_of_claims_is_irrelevant(claims, random, as_of):
    shuffled = random.sample(claims, len(claims))
    assert assign_roles(Corpus(shuffled + claims[:2]), as_of) == assign_roles(Corpus(claims), as_of)


@given(DAYS.flatmap(lambda as_of: st.tuples(st.just(as_of), worlds(as_of))))
def test_asking_as_of_a_day_is_never_having_heard(drawn):
    as_of, claims = drawn
    heard = [claim for claim in claims if is_heard(claim, as_of)]
    roles = [role for role in assign_roles(Corpus(claims), as_of) if role.role not in (LATER, UNDATED)]
    assert roles == list(assign_roles(Corpus(heard))) == list(assign_roles(Corpus(heard), as_of))


@given(worlds(), st.sampled_from(SPEAKERS))
def test_a_relayed_copy_changes_nobody_else(claims, source):
    before = assign_roles(Corpus(claims))
    copies = [
        Claim(c.quantity, c.value, source, quoted_from=c.id, id=f"a copy of {c.id}", reported=day(9)) for c in claims
    ]
    after = {role.claim.id: role for role in assign_roles(Corpus([*claims, *copies]))}
    assert [after[role.claim.id] for role in before] == list(before)
    assert all(after[one.id].role is RELAY for one in copies)


# --- by column and one by one -----------------------------------------------------------------------------------------


@given(worlds() | tangled(), DAYS)
def test_roles_by_column_are_those_given_one_by_one(claims, as_of):
    corpus = Corpus([*claims, *claims[:2]])
    assert assign_roles(corpus, as_of) == assign_roles_one_by_one(corpus, as_of)


@st.composite
def choruses(draw):
    """Many claims about few counts by few speakers, without links, on one clock or on several."""
    moments = draw(
        st.sampled_from(
            [
                [day(n) for n in range(1, 6)],
                [None, *(day(n) for n in range(1, 6))],
                [at(f"{n:02}T10:00") for n in range(1, 5)],
                [None, day(1), day(2), day(3), at("01T10:00"), at("02T10:00"), at("02T12:00"), at("03T00:00")],
                [at("02T10:00+00:00"), at("02T11:00+01:00"), at("02T10:30+00:00"), at("01T23:00-12:00")],
                [None],
                [None, day(1), day(2), at("02T10:00"), at("02T10:00+00:00")],
            ]
        )
    )
    when = draw(st.sampled_from([[None], [None, day(1), day(2)], [day(1), day(2)], [at("01T10:00"), at("01T12:00")]]))
    return [
        say(
            f"c{n:02}",
            draw(st.sampled_from([5, 6, AtLeast(5), Share(0.5, 0.5)])),
            draw(st.sampled_from(SPEAKERS[:2])),
            CHILDREN,
            reported=(reported := draw(st.sampled_from(moments))),
            as_of=possible(reported, draw(st.sampled_from(when))),
            quoted_from=draw(st.sampled_from([None, None, None, SPEAKERS[0]])),
            hedged=draw(st.sampled_from([False, False, True])),
        )
        for n in range(draw(st.integers(1, 25)))
    ]


@given(choruses(), st.none() | MOMENTS)
def test_roles_of_a_chorus_are_those_given_one_by_one(claims, as_of):
    corpus = Corpus(claims)
    assert assign_roles(corpus, as_of) == assign_roles_one_by_one(corpus, as_of)


@given(choruses() | worlds(), DAYS)
def test_roles_of_a_table_are_those_of_its_claims(claims, as_of):
    """Though its rows have another order, and most of its claims no id yet."""
    linked = {claim.revises for claim in claims} | {claim.quoted_from for claim in claims}
    cells = [
        {
            "event": claim.quantity.event.id,
            "outcome": claim.quantity.outcome.name,
            "group": "children" if claim.quantity.group.facets else "",
            "value": "half" if isinstance(claim.value, Share) else str(claim.value),
            "source": claim.source.name,
            "reported": None if claim.reported is None else claim.reported.isoformat(),
            "as_of": None if claim.as_of is None else claim.as_of.isoformat(),
            "quoted_from": f"source:{origin.name}" if isinstance(origin := claim.quoted_from, Source) else origin,
            "revises": claim.revises,
            "hedged": claim.hedged,
            "id": claim.id if claim.id in linked else None,
        }
        for claim in claims
    ]  # fmt: skip
    corpus = table.read(pd.DataFrame(cells, dtype=object), strict=True)
    roles = sorted(assign_roles(corpus, as_of), key=lambda role: role.claim.id)
    assert tuple(roles) == assign_roles_one_by_one(Corpus(corpus.claims), as_of)


def test_roles_are_columns_and_a_sequence():
    claims = say("a", reported=day(1)), say("b", 6, reported=day(2)), say("c", source=PAPER, quoted_from=MONITOR)
    corpus = Corpus(claims)
    roles = assign_roles(corpus)
    assert [ROLE_CODES[code] for code in roles.part] == [SUPERSEDED, USED, USED]
    assert [corpus.columns.sources[code] for code in roles.origin] == [MINISTRY, MINISTRY, MONITOR]
    assert roles.by.tolist() == [1, -1, -1]
    assert (roles.part.dtype, roles.origin.dtype, roles.by.dtype) == (np.int8, np.int32, np.int32)
    assert [role.claim for role in (roles[0], roles[-1], *roles[1:])] == [claims[n] for n in (0, 2, 1, 2)]
    assert roles == tuple(roles)
    assert roles != list(roles)
    assert hash(roles) == hash(tuple(roles))
    assert repr(roles) == "<Roles of 3 claims: 2 used, 1 superseded>"
    with pytest.raises(IndexError):
        roles[3]


@pytest.mark.parametrize("n", [2_000, 20_000])
def test_roles_of_many_claims_take_little_work(n, monkeypatch):
    """Only those become objects whose id decides who stands for whom."""
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(
        {
            "event": rng.integers(0, n // 20, n),
            "outcome": "killed",
            "group": "",
            "value": rng.integers(0, 100, n),
            "source": rng.integers(0, 5, n),
            "reported": pd.Timestamp("2020-01-01") + pd.to_timedelta(rng.integers(0, 30, n), unit="D"),
        }
    )
    corpus, made, make = table.read(frame), [], Columns.claim
    monkeypatch.setattr(Columns, "claim", lambda columns, row: made.append(row) or make(columns, row))
    assert steps_of(assign_roles, corpus, datetime.date(2020, 1, 20)) < 10 * n  # some 6.6
    assert len(made) < 0.05 * n  # some 0.024
    roles = assign_roles(corpus, datetime.date(2020, 1, 20))
    assert {ROLE_CODES[code] for code in np.unique(roles.part)} == {USED, SUPERSEDED, LATER}


FIRE = Event("fire", kind="fire", start="2020-02-01T06:00+00:00").killed()


def figures_of_one(*pairs, model=True):
    """Parts of the claims (figure, hour of the day) of one source about a toll that rises."""
    claims = [
        Claim(FIRE, Exactly(n), MINISTRY, reported=f"2020-02-01T{hour:02}:00+00:00", id=f"c{k}")
        for k, (n, hour) in enumerate(pairs)
    ]
    return [role.role for role in assign_roles(Corpus(claims), rising=model)]


def test_earlier_figures_of_a_toll_that_rises_stay():
    assert figures_of_one((5, 9), (11, 12), (18, 19)) == [EARLIER, EARLIER, USED]
    assert figures_of_one((5, 9), (11, 12), (18, 19), model=False) == [SUPERSEDED, SUPERSEDED, USED]


def test_an_equal_figure_counts_at_its_last_time():
    assert figures_of_one((5, 9), (5, 12), (18, 19)) == [SUPERSEDED, EARLIER, USED]
    assert figures_of_one((18, 9), (5, 12), (18, 19)) == [SUPERSEDED, EARLIER, USED]


def test_what_is_revised_is_no_earlier_figure():
    first = Claim(FIRE, Exactly(50), MINISTRY, reported="2020-02-01T09:00+00:00", id="a")
    second = Claim(FIRE, Exactly(5), MINISTRY, reported="2020-02-01T10:00+00:00", id="b", revises=first)
    assert [role.role for role in assign_roles(Corpus([first, second]), rising=True)] == [SUPERSEDED, USED]


def test_long_after_the_event_the_newest_figure_replaces_the_others():
    claims = [
        Claim(FIRE, Exactly(n), MINISTRY, reported=day, id=str(n)) for n, day in ((5, "2020-08-01"), (6, "2020-09-01"))
    ]
    assert [role.role for role in assign_roles(Corpus(claims), rising=True)] == [SUPERSEDED, USED]
