# SPDX-License-Identifier: MIT
"""Worlds in which laws are tried: claims few enough to read, by sources and about events with plain names.

Unless a law is about sources that speak often, each source speaks once: then nothing is drawn at random, and answers
are compared closely. Hypothesis is imported when a world is asked for.
"""

from __future__ import annotations

import datetime
import functools
import operator
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import attrs

from reconcile.claims import Citation, Claim
from reconcile.values import LARGEST, About, AtLeast, AtMost, Exactly, Value
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
EVENTS = 150  # of a simulated world


@attrs.frozen(eq=False, repr=False)
class Pair:
    """Claims, and other claims that should be answered alike, or in a known order."""

    before: tuple[Claim, ...]
    after: tuple[Claim, ...]
    renamed: dict[Quantity, Quantity] | None = None


@attrs.frozen(eq=False, repr=False)
class Simulated:
    """Claims drawn from a model, and the true counts."""

    claims: tuple[Claim, ...]
    counts: Mapping[Quantity, int]


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


def anything() -> SearchStrategy[tuple[Claim, ...]]:
    """Whatever claims can be made: of any kind, size and name, or none."""
    from hypothesis import strategies as st

    from reconcile.testing import strategies

    values = strategies.values(counts=strategies.counts(max_value=LARGEST))
    one = strategies.claims(values=values).map(lambda claim: (claim,))
    return st.just(()) | one | strategies.corpora(max_size=3).map(tuple)


def said(value: Value, *, hedged: bool = False) -> tuple[Claim, ...]:
    """One claim about one count by a neutral source."""
    return (Claim(KILLED, value, MONITORS[0], hedged=hedged),)


def far_apart() -> SearchStrategy[tuple[Any, int, int]]:
    """A kind of value, a number, and another that is at least twice as large."""
    from hypothesis import strategies as st

    kinds = st.sampled_from((Exactly, AtLeast, About))
    return st.tuples(kinds, numbers(most=2_500), st.integers(2, 4)).map(lambda x: (x[0], x[1], max(x[1], 1) * x[2]))


def denied(n: int, *, blamed: bool) -> tuple[Claim, ...]:
    """A number by a monitor, and "none" by a ministry that may be held responsible."""
    killed = Event("market", perpetrators={"South"} if blamed else ()).killed()
    return Claim(killed, Exactly(n), MONITORS[0]), Claim(killed, Exactly(0), SOUTH)


def tenfold() -> SearchStrategy[Pair]:
    """Claims of hundreds and thousands displaced that lie close to each other, and of ten times as many."""
    from hypothesis import strategies as st

    def multiply(hundreds: int, near: list[int]) -> Pair:
        said = [10 * hundreds * part for part in near]
        before, after = (exactly(MARKET.displaced(), *(times * n for n in said)) for times in (1, 10))
        return Pair(before, after)

    return st.builds(multiply, st.integers(1, 50), st.lists(st.integers(10, 13), min_size=1, max_size=3))


def larger() -> SearchStrategy[Pair]:
    """Claims about one count, and the same with a larger exact number in place of one.

    Small ones: where far numbers meet half way, the cells of a lattice of counts are wide.
    """
    from hypothesis import strategies as st

    def change(claims: tuple[Claim, ...], n: int, more: int) -> Pair:
        return Pair((*claims, *exactly(KILLED, n, first=4)), (*claims, *exactly(KILLED, n + more, first=4)))

    return st.builds(change, by_monitors(fewest=0, most=3, largest=60), numbers(most=60), numbers(1, 60))


def floored() -> SearchStrategy[tuple[tuple[Claim, ...], ...]]:
    """Claims about one count, small as above, and with them "at most n", "exactly n" and "at least n"."""
    from hypothesis import strategies as st

    def add(claims: tuple[Claim, ...], n: int) -> tuple[tuple[Claim, ...], ...]:
        return tuple((*claims, Claim(KILLED, kind(n), MONITORS[4])) for kind in (AtMost, Exactly, AtLeast))

    return st.builds(add, by_monitors(fewest=0, most=3, largest=60), numbers(1, 60))


def about_each(quantities: Sequence[Quantity], more: int = 1, largest: int = 30) -> SearchStrategy[tuple[Claim, ...]]:
    """Claims about each of some counts, and up to so many more, each by another monitor.

    Of numbers that a lattice of counts holds one by one: the laws speak of single counts.
    """
    from hypothesis import strategies as st

    def attribute(every: list[Value], others: list[tuple[Quantity, Value]]) -> tuple[Claim, ...]:
        rows = [*zip(quantities, every, strict=True), *others]
        return tuple(Claim(quantity, value, MONITORS[at]) for at, (quantity, value) in enumerate(rows))

    size = len(quantities)
    one = values(largest)
    every = st.lists(one, min_size=size, max_size=size)
    return st.builds(attribute, every, st.lists(st.tuples(st.sampled_from(quantities), one), max_size=more))


def nested() -> SearchStrategy[tuple[Claim, ...]]:
    """Claims about a count and a part of it."""
    city = Event("city")
    within = Event("market", part_of=city)
    return (
        about_each((KILLED, MARKET.killed(CHILD)))
        | about_each((BOTH, KILLED))
        | about_each((city.killed(), within.killed()))
    )


def summed() -> SearchStrategy[tuple[Claim, ...]]:
    """Claims about killed, injured and casualties."""
    return about_each((KILLED, INJURED, BOTH))


def parted() -> SearchStrategy[tuple[Claim, ...]]:
    """Claims about a count and two parts of it that are apart."""
    city = Event("city")
    within = [Event(name, part_of=city).killed() for name in ("market", "school")]
    return (
        about_each((KILLED, MARKET.killed(CHILD), MARKET.killed(ADULT)))
        | about_each((BATTLE.killed(), *LOSSES))
        | about_each((city.killed(), *within))
    )


def true() -> SearchStrategy[tuple[Claim, ...]]:
    """True claims about killed, injured, casualties and children."""
    from hypothesis import strategies as st

    def speak(killed: int, injured: int, children: int, rows: list[tuple[int, Any, int]]) -> tuple[Claim, ...]:
        truth = (killed, injured, killed + injured, min(children, killed))
        claims = []
        for at, (which, kind, slack) in enumerate(rows):
            n = truth[which] + {Exactly: 0, AtLeast: -slack, AtMost: slack}[kind]
            claims.append(Claim(FAMILY[which], kind(max(n, 0)), MONITORS[at]))
        return tuple(claims)

    count = st.integers(0, 12)
    row = st.tuples(st.integers(0, 3), st.sampled_from((Exactly, AtLeast, AtMost)), st.integers(0, 5))
    return st.builds(speak, count, count, count, st.lists(row, min_size=1, max_size=5))


def agreeing() -> SearchStrategy[tuple[tuple[Claim, ...], int]]:
    """Claims about one count, and a number that they may name or not."""
    from hypothesis import strategies as st

    one = st.tuples(by_monitors(most=3), numbers())
    named = numbers().map(lambda n: (exactly(KILLED, n), n))
    return named | one


def contradicting() -> SearchStrategy[tuple[int, int]]:
    """Two numbers, the second half as large again or more."""
    from hypothesis import strategies as st

    return st.tuples(numbers(most=2_000), st.integers(0, 20)).map(lambda x: (x[0], x[0] + x[0] // 2 + 1 + x[1]))


def simulated() -> SearchStrategy[Simulated]:
    """Claims of displaced people drawn from the model, each made by a source of its own, and the true counts."""
    from hypothesis import strategies as st

    from reconcile.simulate import simulate

    def draw(seed: int) -> Simulated:
        world = simulate(events=EVENTS, sources=50, claims_per_event=(1, 4), outcomes=("displaced",), rng=seed)
        each = [attrs.evolve(c.source, name=f"{c.source} {at}") for at, c in enumerate(world.claims)]
        claims = [attrs.evolve(c, source=source) for c, source in zip(world.claims, each, strict=True)]
        return Simulated(tuple(claims), world.counts)

    return st.integers(0, 9).map(draw)


def leaning() -> SearchStrategy[tuple[tuple[Claim, ...], Claim]]:
    """A source that says twice what two others say, of five events, and speaks alone of one more."""
    from hypothesis import strategies as st

    def speak(step: int, alone: int) -> tuple[tuple[Claim, ...], Claim]:
        claims = []
        for at in range(5):
            killed, n = Event(f"event {at}").killed(), 10 + step * at % 90
            said = zip(MONITORS[:3], (n, n, 2 * n), strict=True)
            claims += [Claim(killed, Exactly(number), source) for source, number in said]
        return tuple(claims), Claim(KILLED, Exactly(alone), MONITORS[2])

    return st.builds(speak, st.integers(7, 30), st.integers(40, 200))
