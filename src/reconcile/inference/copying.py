# SPDX-License-Identifier: MIT
"""Who may have copied whom: for each claim, the earlier ones about the same count, and which of them it repeats.

A source that copies picks one of the earlier claims about the count; a corpus may show that it has favourites.
"""

from __future__ import annotations

from typing import TypeAlias

import attrs
import numpy as np
from numpy.typing import NDArray

__all__ = ["Echoes", "find_echoes"]

Floats: TypeAlias = NDArray[np.float64]
Ints: TypeAlias = NDArray[np.int64]

FAVOURITES = 4  # sources that one source may be found to follow
FEWEST = 6  # equal figures before a source is considered as one that another follows
NEAREST = 6  # earlier equal claims that are looked at for each claim
LOYAL = 0.8  # share of the first favourite where a climb begins with the reading that sources copy it: judgement
# Pseudo-claims behind the shares of whom a source copies: any earlier claim, and each favourite (judgement: two claims
# that say otherwise outweigh them).
ANYONE, EACH = 2.0, 0.25


@attrs.frozen(eq=False)
class Echoes:
    """What each claim could have been copied from.

    Way 0 is any earlier claim about the count, picked evenly; the others are the favourites of the claim's source, each
    with its first claim about the count.

    Attributes
    ----------
    there : ndarray, shape (1 + favourites, n)
        Whether there is something to copy that way.
    same : ndarray, shape (1 + favourites, n)
        Probability that what is copied that way is what the claim says.
    shares : ndarray, shape (1 + favourites, sources)
        How often each source goes each way, when it copies; sums to 1.
    favourites : ndarray of int, shape (favourites, sources)
        Sources, -1 for none.
    """

    there: Floats
    same: Floats
    shares: Floats
    favourites: Ints

    def floor(self, source: Ints) -> Floats:
        """For each claim: the probability that a copy says the same, and that there is one to copy; shape (2, n)."""
        share = self.shares[:, source]
        return np.array([(share * self.same).sum(axis=0), (share * self.there).sum(axis=0)])

    def loyal(self) -> Echoes:
        """Give the reading in which each source that has favourites mostly copies the first of them."""
        wanted = np.vstack([np.ones(self.shares.shape[1]), self.favourites >= 0])
        others = wanted.sum(axis=0) - 1
        shares = wanted * (1 - LOYAL) / np.maximum(others, 1)
        shares[1] = LOYAL
        return attrs.evolve(self, shares=np.where(others > 0, shares, self.shares))

    def revised(self, source: Ints, chance: Floats, copies: Floats) -> Echoes:
        """Estimate the shares anew (one step of expectation-maximisation).

        Parameters
        ----------
        source : ndarray of int, shape (n,)
        chance : ndarray, shape (n,)
            Probability that the claim's source copies.
        copies : ndarray, shape (2, n)
            Posterior means of 1 / P(claim) and of P(claim, if not copied) / P(claim).
        """
        share = self.shares[:, source]
        taken = chance * share * (self.same * copies[0] + (1 - self.there) * copies[1])
        sources = self.shares.shape[1]
        prior = np.where(np.vstack([np.zeros((1, sources)), self.favourites]) >= 0, EACH, 0.0)
        prior[0] = ANYONE
        sums = prior + np.array([np.bincount(source, row, sources) for row in taken])
        return attrs.evolve(self, shares=sums / sums.sum(axis=0))


def _ranks(first: Ints, order: Ints) -> tuple[Ints, Ints]:
    """Place of each item among those with an equal `first`, by `order`; and the permutation that sorts so."""
    by = np.lexsort((order, first))
    starts = np.flatnonzero(np.append(True, np.diff(first[by]) != 0)) if len(by) else np.zeros(0, dtype=np.int64)
    rank = np.empty(len(by), dtype=np.int64)
    rank[by] = np.arange(len(by)) - np.repeat(starts, np.diff(np.append(starts, len(by))))
    return rank, by


def find_echoes(event: Ints, value: Ints, source: Ints, order: Ints) -> Echoes:
    """Find what each claim may repeat.

    Parameters
    ----------
    event, value, source : ndarray of int, shape (n,)
        Codes of the count, of what is said, and of who says it.
    order : ndarray of int, shape (n,)
        Place of each claim in time, all different.

    Returns
    -------
    Echoes
        Before anything is learned: a source copies any earlier claim.
    """
    sources, values = int(source.max(initial=0)) + 1, int(value.max(initial=0)) + 1
    earlier, _ = _ranks(event, order)
    said = event * values + value
    alike, by = _ranks(said, order)
    pairs = []
    for step in range(1, NEAREST + 1):
        later = np.flatnonzero(alike[by] >= step)
        pairs.append(np.stack([source[by[later]], source[by[later - step]]]))
    mine, theirs = np.concatenate(pairs, axis=1)
    key, count = np.unique((mine * sources + theirs)[mine != theirs], return_counts=True)
    favourites = np.full((FAVOURITES, sources), -1, dtype=np.int64)
    kept = count >= FEWEST
    key, count = key[kept], count[kept]
    rank, _ = _ranks(key // sources, np.argsort(np.argsort(-count, kind="stable"), kind="stable"))
    top = rank < FAVOURITES
    favourites[rank[top], key[top] // sources] = key[top] % sources
    there, same = np.zeros((2, 1 + FAVOURITES, len(event)))
    there[0] = earlier > 0
    same[0] = alike / np.maximum(earlier, 1)
    place = event * sources + source
    index = np.lexsort((order, place))
    for k, favourite in enumerate(favourites, start=1):
        wanted = np.where(favourite[source] >= 0, event * sources + favourite[source], -1)
        at = index[np.minimum(np.searchsorted(place[index], wanted), len(index) - 1)]
        there[k] = (place[at] == wanted) & (order[at] < order)
        same[k] = there[k] * (value[at] == value)
    shares = np.where(np.vstack([np.zeros((1, sources)), favourites]) >= 0, EACH, 0.0)
    shares[0] = ANYONE
    return Echoes(there, same, shares / shares.sum(axis=0), favourites)
