# SPDX-License-Identifier: MIT
"""What a reader is told of the claims themselves: those far apart, several figures of a source at once, duplicates."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
from numpy.typing import NDArray

from reconcile.plumbing import count_of

if TYPE_CHECKING:
    from reconcile.claims import Claim, Corpus
    from reconcile.vocabulary import Source

__all__ = [
    "FAR_APART",
    "MOST_NOTES",
    "describe_contradiction",
    "find_contradictions",
    "find_duplicates",
    "find_repetitions",
]

Ints: TypeAlias = NDArray[np.int64]
Floats: TypeAlias = NDArray[np.float64]

# Factor between two claims, each read as widely as it can be, beyond which a reader is told: 90 % of unequal reports
# of one count are within 2.1 (Civil War historians) or 3.0 (shooting news against the later record); `make evidence`.
FAR_APART = 3.0
MOST_NOTES = 200


def describe_contradiction(said: Iterable[tuple[float, float, Claim]]) -> tuple[str, float]:
    """Name the two claims about one count that lie furthest apart, if they do by more than `FAR_APART`, and the ratio.

    Parameters
    ----------
    said : iterable of (float, float, Claim)
        Each with the lowest and the highest figure that it may stand for.
    """
    ends = list(said)
    if not ends:
        return "", 1.0
    (_, most, lower), (least, _, upper) = min(ends, key=lambda x: x[1]), max(ends, key=lambda x: x[0])
    ratio = float((least + 0.5) / (most + 0.5))
    if ratio <= FAR_APART:
        return "", ratio
    pair = f"{lower.source} ({lower.value}) and {upper.source} ({upper.value})"
    gap = f"by a factor of {ratio:,.3g} even when read as widely as they allow" if most > 0 else "none against some"
    return f"{pair} contradict each other, {gap}; at least one is far off, or they count different things", ratio


def find_contradictions(count: Ints, low: Floats, high: Floats, claim: Callable[[int], Claim]) -> list[str]:
    """Name, for each count, the two claims that lie furthest apart, if they do by more than `FAR_APART`.

    Parameters
    ----------
    count : ndarray of int, shape (n,)
        Code of the count that each claim is about, in any order.
    low, high : ndarray, shape (n,)
        Lowest and highest figure that each may stand for.
    claim : callable
        Gives the claim of a row.

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
        notes.append(f"{heard[0][2].quantity}: {describe_contradiction(heard)[0]}")
    if len(far) > MOST_NOTES:
        notes.append(f"{len(far) - MOST_NOTES:,} more counts have claims further apart than a factor of {FAR_APART:g}")
    return notes


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
