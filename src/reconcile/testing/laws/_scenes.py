# SPDX-License-Identifier: MIT
"""Worlds for laws about meaning, about counts that are bound together, and about sources; see `_worlds`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import attrs

from reconcile.claims import Claim
from reconcile.testing.laws._worlds import (
    ADULT,
    BATTLE,
    BOTH,
    CHILD,
    FAMILY,
    INJURED,
    KILLED,
    LOSSES,
    MARKET,
    MONITORS,
    SOUTH,
    Pair,
    by_monitors,
    exactly,
    numbers,
    values,
)
from reconcile.values import About, AtLeast, AtMost, Exactly, Value
from reconcile.vocabulary import Event, Quantity

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy

EVENTS = 150  # of a simulated world


@attrs.frozen(eq=False, repr=False)
class Simulated:
    """Claims drawn from a model, and the true counts."""

    claims: tuple[Claim, ...]
    counts: Mapping[Quantity, int]


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
        world = simulate(events=EVENTS, sources=50, claims_per_event=(1, 4), outcomes=("displaced",), seed=seed)
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
