# SPDX-License-Identifier: MIT
"""What logic alone says of claims, against every small world one by one."""

from __future__ import annotations

import itertools
import math
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from steps import steps_of
from worlds import BOTH, CASUALTIES, CHILD, CIVILIAN, MARKET, MINISTRY, MONITOR, T, claim

import reconcile as rc
from reconcile.constraints import read_literally
from reconcile.crossings import bind
from reconcile.io import table
from reconcile.speech import Speech

KILLED, INJURED, HURT = MARKET.killed(), MARKET.injured(), MARKET.count(CASUALTIES)
CHILDREN, CIVILIANS, SMALL = MARKET.killed(CHILD), MARKET.killed(CIVILIAN), MARKET.killed(BOTH)
TOP = 9

# A world of each kind: the atoms that are counted, and every quantity as a sum of some of them.
TREE = {KILLED: (0, 1), CHILDREN: (0,), INJURED: (2,), HURT: (0, 1, 2)}
CROSSING = {KILLED: (0, 1, 2, 3), CHILDREN: (0, 1), CIVILIANS: (0, 2), SMALL: (0,)}


def worlds(sums, top):
    atoms = 1 + max(itertools.chain(*sums.values()))
    for world in itertools.product(range(top + 1), repeat=atoms):
        yield {quantity: sum(world[k] for k in of) for quantity, of in sums.items()}


def holds(one, counts, factor=Fraction(1)):
    """Whether a claim is literally true, if its numbers may be moved by a factor."""
    n = counts[one.quantity]
    match one.value:
        case rc.Exactly(a):
            return a / factor <= n <= a * factor
        case rc.AtLeast(a):
            return n >= a / factor
        case rc.AtMost(a):
            return n <= a * factor
        case rc.Between(a, b):
            return a / factor <= n <= b * factor
        case rc.Share(a, b):
            slack = 0.5 if a == b else 0
            return a / factor * counts[one.whole] - slack <= n <= b * factor * counts[one.whole] + slack


def fit(claims, sums, top=TOP, factor=Fraction(1)):
    return any(all(holds(one, counts, factor) for one in claims) for counts in worlds(sums, top))


def values(most):
    number = st.integers(0, most)
    return st.one_of(
        st.builds(rc.Exactly, number),
        st.builds(rc.AtLeast, number),
        st.builds(rc.AtMost, number),
        st.tuples(number, number).map(lambda pair: rc.Between(*sorted(pair))),
    )


@st.composite
def some_claims(draw, sums, most, size):
    quantities = draw(st.lists(st.sampled_from(list(sums)), min_size=1, max_size=size))
    return [claim(q, draw(values(most)), f"source {k}") for k, q in enumerate(quantities)]


def reached(claims, sums, quantity, top):
    return [counts[quantity] for counts in worlds(sums, top) if all(holds(one, counts) for one in claims)]


def check_bounds(claims, sums, top):
    mentioned = {one.quantity for one in claims}
    found = reached(claims, sums, claims[0].quantity, top)
    if not found:
        with pytest.raises(rc.ContradictoryClaims) as error:
            rc.bounds(claims)
        ids = {one.id for one in claims}
        assert all(set(some) <= ids for some in error.value.sets)
        return
    bounds = rc.bounds(claims)
    assert set(bounds) == mentioned
    for quantity, bound in bounds.items():
        found = reached(claims, sums, quantity, top)
        assert bound.low == min(found)
        if bound.high is None:
            assert max(found) < max(reached(claims, sums, quantity, top + 1))
        else:
            assert bound.high == max(found)


@settings(max_examples=60)
@given(some_claims(TREE, 4, 4))
def test_bounds_of_a_tree_are_those_of_every_world(claims):
    check_bounds(claims, TREE, TOP)


@settings(max_examples=25, deadline=None)
@given(some_claims(CROSSING, 3, 4))
def test_bounds_of_crossing_groups_are_those_of_every_world(claims):
    check_bounds(claims, CROSSING, 4)


def minimal_by_hand(claims, sums, top):
    found = []
    for size in range(1, len(claims) + 1):
        for some in itertools.combinations(claims, size):
            ids = {one.id for one in some}
            if not any(known <= ids for known in found) and not fit(some, sums, top):
                found.append(ids)
    return {frozenset(ids) for ids in found}


@settings(max_examples=60)
@given(some_claims(TREE, 4, 5))
def test_contradictions_of_a_tree_are_all_minimal_sets(claims):
    found = rc.contradictions(claims)
    assert found.complete
    assert not found.left_out
    assert {frozenset(c.id for c in one.claims) for one in found} == minimal_by_hand(claims, TREE, TOP)
    for one in found:  # minimal, said once more
        for left in one.claims:
            assert not rc.contradictions([c for c in one.claims if c is not left])
    radii = [one.radius for one in found]
    assert radii == sorted(radii, reverse=True)


@settings(max_examples=15, deadline=None)
@given(some_claims(CROSSING, 3, 4))
def test_contradictions_across_crossing_groups_are_all_minimal_sets(claims):
    found = rc.contradictions(claims)
    assert {frozenset(c.id for c in one.claims) for one in found} == minimal_by_hand(claims, CROSSING, 4)


@settings(max_examples=30, deadline=None)
@given(some_claims(TREE, 4, 3))
def test_the_radius_is_the_least_factor_with_which_all_fit(claims):
    found = rc.radius(claims)
    if found == 0:
        assert fit(claims, TREE)
    elif math.isinf(found):
        assert not fit(claims, TREE, factor=Fraction(1_000))
    else:
        exact = Fraction(1 + found).limit_denominator(1_000)
        assert fit(claims, TREE, top=14, factor=exact)
        assert not fit(claims, TREE, top=14, factor=exact - Fraction(1, 500))


def test_five_against_six_is_a_contradiction_of_size_one():
    (one,) = rc.contradictions([claim(KILLED, 5, MINISTRY), claim(KILLED, 6, MONITOR)])
    assert (one.size, one.radius) == (1, pytest.approx(0.2))
    assert str(one) == 'killed, market: ministry: "5"; monitor: "6" cannot both be literally true (off by 1; 20 %)'


def test_some_against_none_fits_with_no_relative_change():
    claims = [claim(KILLED, 0, MINISTRY), claim(KILLED, rc.AtLeast(9), MONITOR)]
    (one,) = rc.contradictions(claims)
    assert (one.size, one.radius) == (9, math.inf)
    assert rc.radius(claims) == math.inf
    assert "no relative change" in str(one)


def test_a_figure_told_for_all_and_for_some_leaves_no_others():
    """Eight military and civilian personnel, further down eight military personnel: no civilian then."""
    everyone, military = (MARKET.killed(rc.Group(party="T", status=s)) for s in ({"military", "civilian"}, "military"))
    civilian = MARKET.killed(rc.Group(party="T", status="civilian"))
    found = rc.bounds([claim(everyone, 8), claim(military, 8)], quantities=[civilian])
    assert (found[civilian].low, found[civilian].high) == (0, 0)
    assert str(found[civilian]).startswith("exactly 0 ")
    by_example = Path(__file__).parents[1] / "examples" / "taftanaz.csv"
    if by_example.exists():
        told = table.read(by_example)
        (clash,) = {c.quantity.event for c in told if "clash" in c.quantity.event.id}
        nobody = clash.killed(rc.Group(party="Turkey", status="civilian"))
        left = rc.bounds(told, trust={"news agency"}, quantities=[nobody])[nobody]
        assert (left.low, left.high) == (0, 0)


def test_shares_bind_part_and_whole():
    half = claim(CHILDREN, rc.Share(0.5, 0.5, of=rc.Group()), MONITOR)
    found = rc.bounds([half, claim(KILLED, 9, MINISTRY)])
    assert (found[CHILDREN].low, found[CHILDREN].high) == (4, 5)
    (one,) = rc.contradictions([half, claim(KILLED, 9, MINISTRY), claim(CHILDREN, 2, "agency")])
    assert len(one.claims) == 3
    assert one.size == 2


@pytest.mark.parametrize("shares", [[0.5, 0.3], [0.0]])
def test_shares_alone_may_contradict_a_figure(shares):
    """A share speaks of a second count, even where all claims are about the first."""
    women = MARKET.killed(rc.Group(sex="female"))
    told = [claim(women, 100), *(claim(women, rc.Share(p, p), f"s{p}") for p in shares)]
    assert rc.contradictions(told)
    assert rc.radius(told) > 0


def test_the_claims_that_force_an_end_are_named():
    claims = [claim(KILLED, 9, "a"), claim(CHILDREN, rc.AtLeast(2), "b"), claim(KILLED, rc.AtLeast(3), "c")]
    found = rc.bounds(claims)
    low, high = found.forced_by(CHILDREN)
    assert {c.source.name for c in low} == {"b"}
    assert {c.source.name for c in high} == {"a"}


@pytest.mark.parametrize("trust", [{"ministry"}, [MINISTRY], lambda c: c.source == MINISTRY])
def test_only_the_trusted_count(trust):
    claims = [claim(KILLED, 5, MINISTRY), claim(KILLED, 6, MONITOR)]
    found = rc.bounds(claims, trust)
    assert (found[KILLED].low, found[KILLED].high) == (5, 5)
    assert not rc.contradictions(claims, trust)


def test_sources_that_say_nothing_cannot_be_trusted():
    with pytest.raises(rc.InvalidValue, match="ministery"):
        rc.bounds([claim(KILLED, 5, MINISTRY)], {"ministery"})


def test_relays_and_earlier_versions_add_nothing():
    first = claim(KILLED, 5, MINISTRY, reported="2020-01-01")
    relay = claim(KILLED, 5, MONITOR, quoted_from=first.id, reported="2020-01-02")
    later = claim(KILLED, 7, MINISTRY, reported="2020-01-03")
    assert not rc.contradictions([first, relay, later])
    assert rc.bounds([first, relay, later])[KILLED].low == 7


def test_nothing_said_is_nothing_forced():
    assert len(rc.bounds([])) == 0
    assert not rc.contradictions([])
    assert rc.radius([]) == 0
    assert str(rc.contradictions([])) == "no contradictions"
    with pytest.raises(rc.UnknownQuantity):
        rc.bounds([])[KILLED]


def test_numbers_of_any_size_are_exact():
    big = 10**9
    found = rc.bounds([claim(HURT, 2 * big + 1), claim(KILLED, big)], quantities=[INJURED])
    assert (found[INJURED].low, found[INJURED].high) == (big + 1, big + 1)
    (one,) = rc.contradictions([claim(KILLED, big), claim(KILLED, big + 1, "b")])
    assert one.size == 1


def test_what_is_left_out_is_counted():
    claims = [claim(KILLED, n, f"s{n}") for n in range(1, 8)]
    found = rc.contradictions(claims, limit=5)
    assert (len(found), found.left_out, found.complete) == (5, 16, True)
    assert str(found).endswith("and 16 more")
    with pytest.raises(rc.InvalidValue, match="limit"):
        rc.contradictions(claims, limit=0)


def test_claims_about_other_events_make_none_harder():
    """A thousand claims take seconds; a search that grows with the square of the claims would take minutes."""
    counts = [("killed", 6), ("killed child", 2), ("injured", 4), ("casualties", 10)]
    claims = []
    for n in range(520):
        event = rc.Event(f"e{n // 10}")
        of = {"killed": event.killed(), "killed child": event.killed(CHILD), "injured": event.injured()}
        name, number = counts[n % 4]
        quantity = of.get(name, event.count(CASUALTIES))
        claims.append(claim(quantity, number + (n % 13 == 0), f"s{n % 11}", reported=f"2020-01-{1 + n % 5:02d}"))
    few, many = (steps_of(rc.contradictions, claims[:size]) for size in (130, 520))
    assert many < 4.4 * few
    found = rc.contradictions(claims)
    assert found.complete
    assert len(found) > 100


def test_parties_and_times_do_not_mix():
    assert not rc.contradictions([claim(MARKET.killed(T), 5), claim(rc.Event("elsewhere").killed(T), 7, "b")])


def test_the_furthest_apart_are_the_last_to_be_left_out():
    other = rc.Event("elsewhere").killed()
    near = [claim(KILLED, 10**6, "a"), claim(KILLED, 10**6 + 70, "b")]
    far = [claim(other, 0, "c"), claim(other, 7, "d")]
    (one,) = rc.contradictions([*near, *far], limit=1)
    assert one.radius == math.inf


# Every box of two outcomes, an age and a status, each mentioned or not: atoms are cells of a cube.
CUBE = np.array(list(itertools.product(("killed", "injured"), ("child", None), ("civilian", None))))


def cells_of(outcome, age, status):
    wanted = [(0, outcome if isinstance(outcome, str) else None), (1, age), (2, status)]
    return np.flatnonzero(np.all([(CUBE[:, at] == name) | (name is None) for at, name in wanted], axis=0))


BOXES = {
    MARKET.count(outcome, rc.Group(age=age, status=status)): cells_of(outcome, age, status)
    for outcome, age, status in itertools.product(
        ("killed", "injured", CASUALTIES), (None, "child"), (None, "civilian")
    )
}
CUBES = np.array(list(itertools.product(range(4), repeat=8)), dtype=np.int8)  # of at most 3 in each cell
SUMS = {quantity: CUBES[:, cells].sum(axis=1, dtype=np.int8) for quantity, cells in BOXES.items()}


@settings(max_examples=80, deadline=None)
@given(some_claims(BOXES, 3, 5))
def test_what_follows_by_way_of_counts_that_nobody_mentions_is_not_missed(claims):
    left = np.ones(len(CUBES), dtype=bool)
    for one in claims:
        low, high = read_literally(one.value, Speech())
        left &= (SUMS[one.quantity] >= low) & (SUMS[one.quantity] <= high)
    found = rc.contradictions(claims)
    assert found.complete
    assert bool(found) != bool(left.any())
    if not left.any():
        return
    bounds = rc.bounds(claims)
    assert bounds.complete
    for quantity, bound in bounds.items():
        counts = SUMS[quantity][left]
        assert bound.low == counts.min()
        assert bound.high in {None, counts.max()}


def test_children_may_not_outnumber_the_killed_and_the_injured_of_whom_they_are():
    claims = [claim(KILLED, 3, "a"), claim(INJURED, 3, "b"), claim(MARKET.count(CASUALTIES, CHILD), 10, "c")]
    (one,) = rc.contradictions(claims)
    assert set(one.claims) == set(claims)
    assert one.size == 4


def test_counts_that_cross_in_too_many_ways_are_said_to_be_bound_in_part():
    outcomes = [rc.Outcome(f"of {a} and {b}", {a, b}) for a, b in itertools.pairwise("abcdefghijklmnopqrstu")]
    groups = [rc.Group(age={f"{a}", f"{a + 1}"}) for a in range(20)]
    accounts, complete = bind([MARKET.count(outcome, group) for outcome in outcomes for group in groups])
    assert not complete
    assert sum(len(one.quantities) for one in accounts) == len(outcomes) * len(groups)
