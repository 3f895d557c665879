# SPDX-License-Identifier: MIT
"""What a reader is told of the claims themselves: those at odds, several figures of a source at once, duplicates.

And which counts rest on one party alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
from numpy.typing import NDArray

from reconcile.plumbing import count_of
from reconcile.values import AtLeast, AtMost, Between, Value

if TYPE_CHECKING:
    from reconcile.claims import Claim, Corpus
    from reconcile.vocabulary import Source

__all__ = [
    "FAR_APART",
    "MOST_NOTES",
    "bounds_of",
    "describe_contradiction",
    "describe_times",
    "find_contradictions",
    "find_crossed_bounds",
    "find_duplicates",
    "find_one_sided",
    "find_repetitions",
    "find_rising",
]

Ints: TypeAlias = NDArray[np.int64]
Floats: TypeAlias = NDArray[np.float64]

# Factor between two claims, each read as widely as it can be, beyond which a reader is told: 90 % of unequal reports
# of one count are within 2.1 (Civil War historians) or 3.0 (shooting news against the later record); `make evidence`.
FAR_APART = 3.0
MOST_NOTES = 200
MOST_RISING = 20  # tolls that are named one by one as those that may still rise
_AT_ODDS = "at least one is far off, or they count different things"


def describe_contradiction(said: Iterable[tuple[float, float, Claim]], time: Sequence[int] = ()) -> tuple[str, float]:
    """Name the two claims about one count that lie furthest apart, and the ratio.

    That is if they do by more than `FAR_APART`, or if one says that the count is at least so large and another that it
    is at most less than that: bounds that exclude each other are at odds however close they are. A later figure that
    is higher is none, while a toll rises.

    Parameters
    ----------
    said : iterable of (float, float, Claim)
        Each with the lowest and the highest figure that it may stand for.
    time : sequence of int, optional
        At which each speaks of a toll that rises; -1 for those that speak of all that can be known.
    """
    ends = list(said)
    if not ends:
        return "", 1.0
    if max(time, default=-1) >= 0:
        return _describe_falls(ends, time)
    (_, most, lower), (least, _, upper) = min(ends, key=lambda x: x[1]), max(ends, key=lambda x: x[0])
    ratio = float((least + 0.5) / (most + 0.5))
    if ratio <= FAR_APART:
        bounds = [(*bounds_of(claim.value), claim) for _, _, claim in ends]
        (_, most, lower), (least, _, upper) = min(bounds, key=lambda x: x[1]), max(bounds, key=lambda x: x[0])
        if least <= most:
            return "", ratio
        pair = f"{lower.source} ({lower.value}) and {upper.source} ({upper.value})"
        return f"{pair} contradict each other: no number is both; {_AT_ODDS}", ratio
    pair = f"{lower.source} ({lower.value}) and {upper.source} ({upper.value})"
    gap = f"by a factor of {ratio:,.3g} even when read as widely as they allow" if most > 0 else "none against some"
    return f"{pair} contradict each other, {gap}; {_AT_ODDS}", ratio


def _describe_falls(ends: Sequence[tuple[float, float, Claim]], time: Sequence[int]) -> tuple[str, float]:
    """Name the pair that lies furthest apart, of which the lower figure is not the earlier; see the above."""
    found, ratio = "", 1.0
    final = np.iinfo(np.int64).max
    when = [one if one >= 0 else final for one in time]
    for at, lower in enumerate(ends):
        others = [upper for k, upper in enumerate(ends) if when[k] <= when[at]]
        said, far = describe_contradiction([lower, max(others, key=lambda x: x[0])])
        if far > ratio or not found:
            found, ratio = said or found, max(far, ratio)
    return found, ratio


def find_rising(time: Ints, count: Ints, claim: Callable[[int], Claim]) -> list[str]:
    """Say of which counts the toll may still rise.

    Parameters
    ----------
    time : ndarray of int, shape (n,)
        At which each claim speaks of a toll that rises, in ascending order; -1 for those of all that can be known.
    count : ndarray of int, shape (n,)
        Code of the count that each claim is about.
    claim : callable
        Gives the claim of a row.
    """
    counts = np.unique(count[time >= 0])
    if not len(counts):
        return []
    if len(counts) > MOST_RISING:
        return [f"{len(counts):,} tolls may still rise beyond what is claimed; the estimates are of final tolls"]
    notes = []
    for one in counts.tolist():
        mine = np.flatnonzero(count == one)
        timed = mine[time[mine] >= 0]
        if len(timed) < len(mine):
            continue  # who speaks late, or without a time, says how it ended
        first, last = (claim(int(timed[k])) for k in (np.argmin(time[timed]), np.argmax(time[timed])))
        said = f"{last.value} by {last.source}"
        if first != last:
            said = f"from {first.value} by {first.source} to {said}"
        notes.append(
            f"{last.quantity}: the toll may still rise beyond what is claimed ({said}); the estimate is of the final"
            " toll, by how those of other events rose"
        )
    return notes


def describe_times(local: int, early: Sequence[Claim]) -> list[str]:
    """Say how times are read that leave something open.

    Parameters
    ----------
    local : int
        How many claims have a time without a zone, or an event with one.
    early : sequence of Claim
        About tolls that rise, made before their events.
    """
    notes = []
    if local:
        notes.append(f"{count_of(local, 'claim')} about a toll that rises: times without a zone are taken for UTC")
    if early:
        some = "; ".join(f"{claim.quantity}: {claim.value} by {claim.source}" for claim in early[:MOST_RISING])
        more = f"; and {len(early) - MOST_RISING:,} more" if len(early) > MOST_RISING else ""
        notes.append(f"claimed before the event, and taken for final: {some}{more}")
    return notes


def bounds_of(value: Value) -> tuple[float, float]:
    """Give the least and the largest count that a value allows, if it is one that sets bounds; else any."""
    match value:
        case AtLeast(n):
            return n, np.inf
        case AtMost(n):
            return 0, n
        case Between(low, high):
            return low, high
        case _:
            return 0, np.inf


def find_contradictions(
    count: Ints, low: Floats, high: Floats, claim: Callable[[int], Claim], time: Ints | None = None
) -> list[str]:
    """Name, for each count, the two claims that lie furthest apart, if they do by more than `FAR_APART`.

    Parameters
    ----------
    count : ndarray of int, shape (n,)
        Code of the count that each claim is about, in any order.
    low, high : ndarray, shape (n,)
        Lowest and highest figure that each may stand for.
    claim : callable
        Gives the claim of a row.
    time : ndarray of int, shape (n,), optional
        See `describe_contradiction`.

    Returns
    -------
    list of str
        The furthest apart first; `MOST_NOTES` at most, and one that says how many more there are.
    """
    if not len(count):
        return []
    order = np.argsort(count, kind="stable")
    first = np.flatnonzero(np.diff(count[order], prepend=-1))
    ratio = np.maximum.reduceat(low[order] + 0.5, first) / np.minimum.reduceat(high[order] + 0.5, first)
    end = np.append(first[1:], len(order))
    far = np.flatnonzero(ratio > FAR_APART)
    notes = []
    for k in far[np.argsort(-ratio[far], kind="stable")][:MOST_NOTES]:
        mine = order[first[k] : end[k]]
        heard = [(low[row], high[row], claim(int(row))) for row in mine]
        if said := describe_contradiction(heard, () if time is None else time[mine].tolist())[0]:
            notes.append(f"{heard[0][2].quantity}: {said}")
    if len(far) > MOST_NOTES:
        notes.append(f"{len(far) - MOST_NOTES:,} more counts have claims further apart than a factor of {FAR_APART:g}")
    return notes


def find_crossed_bounds(
    count: Ints, least: Floats, most: Floats, told: Callable[[int], list[tuple[float, float, Claim]]]
) -> list[str]:
    """Name the claims about each count that set bounds which exclude each other, and are not `FAR_APART`.

    Parameters
    ----------
    count : ndarray of int, shape (n,)
        Code of the count that each claim is about, in any order.
    least, most : ndarray, shape (n,)
        The bounds that each sets; see `bounds_of`.
    told : callable
        Gives the claims of a count, as `describe_contradiction` takes them.

    Returns
    -------
    list of str
        By count; `MOST_NOTES` at most, and one that says how many more there are.
    """
    if not len(count):
        return []
    order = np.argsort(count, kind="stable")
    first = np.flatnonzero(np.diff(count[order], prepend=-1))
    crossed = np.maximum.reduceat(least[order], first) > np.minimum.reduceat(most[order], first)
    notes: list[str] = []
    more = 0
    for at in count[order][first[crossed]].tolist():
        ends = told(at)
        said, ratio = describe_contradiction(ends)
        if ratio <= FAR_APART and len(notes) < MOST_NOTES:
            notes.append(f"{ends[0][2].quantity}: {said}")
        else:
            more += ratio <= FAR_APART
    return [*notes, f"{more:,} more counts have claims whose bounds exclude each other"] if more else notes


def find_one_sided(account: Ints, speaker: Ints, relation: Ints, *, third: int, known: Ints) -> NDArray[np.bool_]:
    """Find the claims in accounts of which one side alone speaks, while no claim shows how its figures lean.

    That shows where somebody who stands otherwise to the people counted speaks of an account too, there or in another
    of the same source.

    Parameters
    ----------
    account, speaker, relation : ndarray of int, shape (n,)
        Of each claim: its account of counts that are bound together, its source, and how that stands to those counted.
    third : int, keyword
        The relation of those who are no party.
    known : ndarray of int, keyword
        Speakers that are known otherwise.

    Returns
    -------
    ndarray of bool, shape (n,)
    """
    if not len(account):
        return np.zeros(0, dtype=bool)
    size = int(account.max()) + 1
    least, most = np.full(size, np.iinfo(np.int64).max), np.full(size, -1)
    np.minimum.at(least, account, relation)
    np.maximum.at(most, account, relation)
    mixed = (least != most)[account]
    shown = np.isin(speaker, speaker[mixed]) | np.isin(speaker, known)
    found: NDArray[np.bool_] = ~mixed & (relation != third) & ~np.isin(account, account[shown])
    return found


def find_repetitions(count: Ints, origin: Ints, sources: Sequence[Source], claim: Callable[[int], Claim]) -> list[str]:
    """Name the counts of which a source gives several figures at once.

    Parameters
    ----------
    count : ndarray of int, shape (n,)
    origin : ndarray of int, shape (n,)
        Place in `sources` of the one that each claim comes from.
    sources : sequence of Source
    claim : callable
        Gives the claim of a row.

    Returns
    -------
    list of str
        By count and source; `MOST_NOTES` at most, and one that says how many more there are.
    """
    order = np.lexsort((origin, count))
    change = (np.diff(count[order], prepend=-1) != 0) | (np.diff(origin[order], prepend=-1) != 0)
    first = np.flatnonzero(change)
    end = np.append(first[1:], len(order))
    twice = np.flatnonzero(end - first > 1) if len(first) else first
    notes = []
    for k in twice[:MOST_NOTES]:
        mine = order[first[k] : end[k]]
        said = [claim(int(row)) for row in mine]
        values = ", ".join(str(one.value) for one in said)
        notes.append(
            f"{said[0].quantity}: {sources[int(origin[mine[0]])]} gives several figures ({values}) and no date tells"
            " which is the latest; all are used"
        )
    if len(twice) > MOST_NOTES:
        notes.append(f"{len(twice) - MOST_NOTES:,} more counts have several figures of one source")
    return notes


def find_duplicates(corpus: Corpus) -> list[str]:
    """Say how many claims were given more than once, in one note; in none where none was."""
    again = len(corpus) - len(corpus.columns)
    return [f"{count_of(again, 'claim')} given once more, the same in every respect, and counted once"] if again else []
