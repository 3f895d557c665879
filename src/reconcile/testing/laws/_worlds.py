# SPDX-License-Identifier: MIT
"""Worlds in which laws are tried: claims few enough to read, by sources and about events with plain names.

Unless a law is about sources that speak often, each source speaks once: then nothing is drawn at random, and answers
are compared closely. Hypothesis is imported when a world is asked for.
"""

from __future__ import annotations

import datetime
import functools
import operator
from collections.abc import Sequence
from typing import TYPE_CHECKING

import attrs

from reconcile.claims import Citation, Claim
from reconcile.values import LARGEST, AtLeast, Exactly, Share, Vague, Value
from reconcile.vocabulary import CASUALTIES, Event, Group, Quantity, Source

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy

MARKET, CLASH = Event("market"), Event("clash")
CHILD, ADULT = Group(age="child"), Group(age="adult")
KILLED, INJURED, BOTH = MARKET.killed(), MARKET.injured(), MARKET.count(CASUALTIES)
FAMILY = (KILLED, INJURED, BOTH, MARKET.killed(CHILD))
# In the order of their names, in which sources without dates are taken to have spoken.
MONITORS = tuple(Source(f"monitor {letter}", kind="monitor") for letter in "ABCDEFGH")
WIRE, STRANGER = Source("wire", kind="media"), Source("witness", kind="witness")
NORTH, SOUTH = (
    Source(f"{one} ministry", kind="government", sides={one}, opposes={other})
    for one, other in (("North", "South"), ("South", "North"))
)
BATTLE = Event("battle")
LOSSES = tuple(BATTLE.killed(Group(party=party)) for party in ("North", "South"))
DAY = datetime.date(2020, 2, 1)


@attrs.frozen(eq=False, repr=False)
class Pair:
    """Claims, and other claims that should be answered alike, or in a known order."""

    before: tuple[Claim, ...]
    after: tuple[Claim, ...]
    renamed: dict[Quantity, Quantity] | None = None


def day(at: int) -> datetime.date:
    """Give one day after another."""
    return DAY + datetime.timedelta(at)


def numbers(low: int = 0, most: int = 10_000) -> SearchStrategy[int]:
    """Counts, small ones first."""
    from hypothesis import strategies as st

    return st.integers(low, min(low + 20, most)) | st.integers(low, most)


def values(most: int = 10_000) -> SearchStrategy[Value]:
    """Values about a count but surveys and shares, plain ones first."""
    from hypothesis import strategies as st

    from reconcile.testing import strategies

    counts = numbers(most=most)
    kinds = (strategies.exactlys, strategies.at_leasts, strategies.at_mosts, strategies.abouts, strategies.betweens)
    words = st.sampled_from(["several", "dozens", "hundreds"] if most > 100 else ["several"])
    # What takes fewer choices counts as simpler: the number beside a word makes it no simpler than a number.
    vague = st.tuples(strategies.vagues(words=words), counts).map(operator.itemgetter(0))
    return functools.reduce(operator.or_, [*(kind(counts=counts) for kind in kinds), vague])


def by_monitors(
    quantities: Sequence[Quantity] = (KILLED,),
    fewest: int = 1,
    most: int = 4,
    *,
    largest: int = 10_000,
    dated: bool = False,
) -> SearchStrategy[tuple[Claim, ...]]:
    """Claims about some counts, each by another monitor."""
    from hypothesis import strategies as st

    def attribute(said: list[tuple[Quantity, Value]]) -> tuple[Claim, ...]:
        return tuple(
            Claim(quantity, value, MONITORS[at], reported=day(at) if dated else None)
            for at, (quantity, value) in enumerate(said)
        )

    one = st.tuples(st.sampled_from(quantities), values(largest))
    return st.lists(one, min_size=fewest, max_size=most).map(attribute)


def worlds(fewest: int = 1, most: int = 4, *, dated: bool = False) -> SearchStrategy[tuple[Claim, ...]]:
    """Claims about one count, or about several that are bound together or not."""
    one = by_monitors((KILLED,), fewest, most, dated=dated)
    return one | by_monitors((*FAMILY, CLASH.killed()), fewest, most, dated=dated)


def of_busy_sources() -> SearchStrategy[tuple[Claim, ...]]:
    """Claims of two monitors that may both speak of everything."""
    from hypothesis import strategies as st

    pairs = st.tuples(st.sampled_from((KILLED, INJURED, CLASH.killed())), st.sampled_from(MONITORS[:2]))
    said = st.lists(st.tuples(pairs, values()), min_size=2, max_size=4, unique_by=lambda one: one[0])
    return said.map(lambda rows: tuple(Claim(q, value, source) for (q, source), value in rows))


def shuffled() -> SearchStrategy[Pair]:
    """Claims, and the same in another order."""
    from hypothesis import strategies as st

    some = worlds(2) | of_busy_sources()
    return some.flatmap(lambda claims: st.permutations(claims).map(lambda other: Pair(claims, tuple(other))))


def relayed() -> SearchStrategy[Pair]:
    """Claims, and with them a relay of one, by somebody new or by one who speaks for himself too."""
    from hypothesis import strategies as st

    def add(claims: tuple[Claim, ...], at: int, who: Source) -> Pair:
        first = claims[at % len(claims)]
        relay = Claim(first.quantity, first.value, WIRE if who == first.source else who, quoted_from=first)
        return Pair(claims, (*claims, relay))

    return st.builds(add, worlds(), st.integers(0, 3), st.sampled_from((WIRE, *MONITORS[:2])))


def repeated() -> SearchStrategy[Pair]:
    """Claims, and one of them found again, once more in the same words or on another page."""
    from hypothesis import strategies as st

    def add(claims: tuple[Claim, ...], at: int, cited: Citation | None) -> Pair:
        first = claims[at % len(claims)]
        again = Claim(first.quantity, first.value, first.source, citation=cited)
        return Pair(claims, (*claims, again))

    pages = st.sampled_from((Citation(publisher="another page"), None))
    return st.builds(add, worlds(), st.integers(0, 3), pages)


def with_nothing_said() -> SearchStrategy[Pair]:
    """Claims, and with them, said last, "at least 0" of one of their counts."""
    from hypothesis import strategies as st

    def add(claims: tuple[Claim, ...], at: int) -> Pair:
        said = Claim(claims[at % len(claims)].quantity, AtLeast(0), STRANGER, reported=day(len(claims)))
        return Pair(claims, (*claims, said))

    return st.builds(add, worlds(dated=True), st.integers(0, 3))


def of_parties(most: int = 4) -> SearchStrategy[tuple[Claim, ...]]:
    """Claims about the losses of two parties, by ministries of both and by monitors, one day after the other."""
    from hypothesis import strategies as st

    def attribute(said: list[tuple[Quantity, Value]], ministries: list[Source]) -> tuple[Claim, ...]:
        speakers = [*ministries, *MONITORS]
        return tuple(Claim(q, value, speakers[at], reported=day(at)) for at, (q, value) in enumerate(said))

    said = st.lists(st.tuples(st.sampled_from(LOSSES), values()), min_size=1, max_size=most)
    return st.builds(attribute, said, st.lists(st.sampled_from((NORTH, SOUTH)), unique=True, max_size=2))


def rename(claims: Sequence[Claim], names: dict[str, str]) -> Pair:
    """Give sources, parties and events other names, everywhere."""

    def other(name: str) -> str:
        return names.get(name, f"{name[::-1]}'")

    @functools.cache
    def moved_source(source: Source) -> Source:
        sides, opposes = ({other(party) for party in some} for some in (source.sides, source.opposes))
        return attrs.evolve(source, name=other(source.name), sides=sides, opposes=opposes)

    @functools.cache
    def moved(quantity: Quantity) -> Quantity:
        event = quantity.event
        event = attrs.evolve(event, id=other(event.id), perpetrators={other(one) for one in event.perpetrators})
        party = {other(one) for one in quantity.group.party} or None
        facets = {name: values for name, values in quantity.group.facets if name != "party"}
        return attrs.evolve(quantity, event=event, group=Group(**facets, **({"party": party} if party else {})))

    after = tuple(
        Claim(moved(c.quantity), c.value, moved_source(c.source), reported=c.reported, hedged=c.hedged) for c in claims
    )
    return Pair(tuple(claims), after, {claim.quantity: moved(claim.quantity) for claim in claims})


def renamed() -> SearchStrategy[Pair]:
    """Claims, and the same with every name written otherwise; in order of time, so that names need not tell it."""
    return (worlds(dated=True) | of_parties()).map(lambda claims: rename(claims, {}))


def swapped() -> SearchStrategy[Pair]:
    """Claims about two parties, and the same with these exchanged."""
    names = {"North": "South", "South": "North", NORTH.name: SOUTH.name, SOUTH.name: NORTH.name, BATTLE.id: BATTLE.id}
    same = {source.name: source.name for source in MONITORS}
    return of_parties().map(lambda claims: rename(claims, names | same))


def superseded() -> SearchStrategy[Pair]:
    """Claims without what one source said first, and with it: replaced by a later day, or by a revision."""
    from hypothesis import strategies as st

    def add(claims: tuple[Claim, ...], at: int, value: Value, *, revised: bool) -> Pair:
        last = claims[at % len(claims)]
        if revised:
            first = Claim(last.quantity, value, last.source)
            final = Claim(last.quantity, last.value, last.source, revises=first)
        else:
            first = Claim(last.quantity, value, last.source, reported=DAY)
            final = attrs.evolve(last, reported=day(9), id=f"{last.id}, later")
        others = [claim for claim in claims if claim is not last]
        alone = attrs.evolve(final, revises=None)
        return Pair((*others, alone), (first, *others, final))

    return st.builds(add, worlds(), st.integers(0, 3), values(), revised=st.booleans())


def dated() -> SearchStrategy[tuple[tuple[Claim, ...], int]]:
    """Claims in order of time, some of one source that says more later, and a day to stop at."""
    from hypothesis import strategies as st

    def attribute(said: list[tuple[Source, Value]]) -> tuple[Claim, ...]:
        return tuple(Claim(KILLED, value, who, reported=day(at)) for at, (who, value) in enumerate(said))

    said = st.lists(st.tuples(st.sampled_from(MONITORS[:3]), values()), min_size=2, max_size=4).map(attribute)
    return st.tuples(said, st.integers(0, 2))


def unconnected() -> SearchStrategy[Pair]:
    """Claims about one event, and with them claims of other sources about another event."""
    from hypothesis import strategies as st

    def add(claims: tuple[Claim, ...], far: list[Value]) -> Pair:
        more = tuple(Claim(CLASH.killed(), value, MONITORS[4 + at]) for at, value in enumerate(far))
        return Pair(claims, (*claims, *more))

    return st.builds(add, by_monitors(FAMILY), st.lists(values(), min_size=1, max_size=3))


def exactly(quantity: Quantity, *said: int, first: int = 0) -> tuple[Claim, ...]:
    """Claims of exact numbers, each by another monitor."""
    return tuple(Claim(quantity, Exactly(n), MONITORS[first + at]) for at, n in enumerate(said))


def linked() -> SearchStrategy[tuple[Claim, ...]]:
    """Claims among which some are relays, repetitions or replaced."""
    pairs = relayed() | repeated() | superseded()
    return pairs.map(lambda pair: pair.after)


def anything_or_little() -> SearchStrategy[tuple[Claim, ...]]:
    """Whatever claims can be made; half the time one claim that gives no number to go by."""
    from hypothesis import strategies as st

    rough: tuple[Value, ...] = Exactly(0), AtLeast(0), Vague("several"), Share(0.5, 0.5)
    little = st.sampled_from(rough).map(lambda value: (Claim(MARKET.killed(CHILD), value, MONITORS[0]),))
    return little | (anything() | worlds()).map(tuple)


def anything() -> SearchStrategy[tuple[Claim, ...]]:
    """Whatever claims can be made: of any kind, size and name, or none."""
    from hypothesis import strategies as st

    from reconcile.testing import strategies

    huge = strategies.exactlys(counts=st.sampled_from([LARGEST, 10**10]))
    some = (strategies.claims(values=values).map(lambda claim: (claim,)) for values in (None, huge))
    return functools.reduce(operator.or_, some, st.just(())) | strategies.corpora(max_size=3).map(tuple)
