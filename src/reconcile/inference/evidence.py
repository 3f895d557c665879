# SPDX-License-Identifier: MIT
"""The evidence of all claims: counts that stand alone, and counts that identities bind together."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

import attrs
import numpy as np
from numpy.typing import NDArray

from reconcile.inference.arrays import Cells
from reconcile.inference.copying import Echoes
from reconcile.inference.importance import BLOCKS
from reconcile.inference.linked_counts import LinkedEvidence
from reconcile.inference.lone_counts import ConditionalEvidence, find_distinct
from reconcile.inference.problems import Problem

if TYPE_CHECKING:
    from scipy.sparse import csr_array

__all__ = ["AllEvidence", "Masses", "fill_up"]

Floats: TypeAlias = NDArray[np.float64]
Ints: TypeAlias = NDArray[np.int64]


@attrs.define(eq=False)
class AllEvidence:
    """The evidence of all claims, conditional on those that open a count.

    Attributes
    ----------
    problem : Problem
    alone : ConditionalEvidence
        Of the counts that nothing binds to others.
    linked : LinkedEvidence
        Of the accounts that are trees.
    where : ndarray of int, shape (counts,)
        Which of those that are computed each count of the problem is; -1 for counts of accounts.
    apart : ConditionalEvidence or None
        Of the counts of accounts, each by itself, where the channel is the standard one.
    """

    problem: Problem
    alone: ConditionalEvidence
    linked: LinkedEvidence
    where: Ints
    apart: ConditionalEvidence | None

    @classmethod
    def of(cls, problem: Problem, spread: Callable[..., Iterable[Any]]) -> AllEvidence:
        """Lay a problem out; `spread` maps a function over parts of the work."""
        alone = problem if not problem.linked else problem.only(problem.alone)
        kept, like = find_distinct(alone)
        times = np.bincount(like, minlength=len(kept)).astype(float)
        where = np.full(len(problem.claims.outcome), -1, dtype=np.int64)
        where[problem.alone] = like
        some = alone if len(kept) == len(like) else alone.only(kept)
        linked, bound = LinkedEvidence.of(problem, spread), np.setdiff1d(np.arange(len(where)), problem.alone)
        apart = None
        if len(bound) and problem.model.is_standard:
            apart = ConditionalEvidence.of(problem.only(bound), spread)
        return cls(problem, ConditionalEvidence.of(some, spread, times), linked, where, apart)

    @property
    def size(self) -> int:
        """How many claims are computed with."""
        return len(self.alone.problem.source) + sum(len(told.rows) for told in self.linked.every)

    @property
    def cells(self) -> Cells:
        """Cells of all counts: those that stand alone, then the nodes of accounts."""
        return Cells.join([self.alone.counted, *self.linked.cells])

    @property
    def units(self) -> Ints:
        """What each count belongs to, by number: itself where it stands alone, else its account."""
        alone, nodes = len(self.alone.problem.claims.outcome), self.linked.nodes
        return np.concatenate([np.arange(alone), alone + np.repeat(np.arange(len(nodes)), nodes)])

    @property
    def echoes(self) -> Echoes:
        """What the claims about counts that stand alone may have been copied from."""
        return self.alone.joint.echoes

    @echoes.setter
    def echoes(self, echoes: Echoes) -> None:
        self.alone.joint.echoes = echoes
        self.linked.echoes = attrs.evolve(self.linked.echoes, shares=echoes.shares)

    def evaluate(self, xs: Floats) -> tuple[Floats, Floats]:
        """Log evidence of each draw, and its gradient; `xs` of shape (draws, p), results (draws,) and (draws, p)."""
        value, slope = self.alone.evaluate(xs)
        if self.linked.every:
            more, by = self.linked.evaluate(xs)
            value, slope = value + more, slope + by
        value[~np.isfinite(xs).all(axis=1)] = np.nan
        return value, slope

    def evaluate_each(self, xs: Floats) -> tuple[Floats, Floats]:
        """Log evidence of each unit at each draw, shape (draws, units), and the gradient of all, (draws, p)."""
        each, slope = self.alone.evaluate_each(xs)
        if self.linked.every:
            more, by = self.linked.evaluate_each(xs)
            each, slope = np.concatenate([each, more], axis=1), slope + by
        each[~np.isfinite(xs).all(axis=1)] = np.nan
        return each, slope

    def find_blocks(self, places: Ints) -> tuple[Ints, Ints, csr_array]:
        """Sort some parameters into blocks that are independent given all others, as no unit depends on two of them.

        Returns
        -------
        order : ndarray of int
            The parameters, block by block.
        first : ndarray of int, shape (blocks,)
            Where each block begins.
        block : csr_array, shape (units, blocks)
            1 for the block on which a unit depends.
        """
        from scipy.sparse import coo_array, csr_array
        from scipy.sparse.csgraph import connected_components

        problem, alone = self.problem, len(self.alone.problem.claims.outcome)
        unit, number = self.where.copy(), alone + len(self.linked.accounts)
        pairs = []
        for at, account in enumerate(self.linked.accounts.tolist(), start=alone):
            one = problem.linked[account]
            unit[[count for count in one.counts if count >= 0]] = at
            pairs += [(at, share.place) for share in one.shares]
        of_share = np.array(pairs, dtype=np.int64).reshape(-1, 2).T
        row = np.concatenate([np.tile(unit[problem.claims.event], len(problem.columns)), of_share[0]])
        column = np.concatenate([problem.columns.ravel(), of_share[1]])
        node = np.full(len(problem.hierarchy) + 1, -1, dtype=np.int64)
        node[places] = number + np.arange(len(places))
        kept = (row >= 0) & (node[column] >= 0)
        ends, size = (row[kept], node[column[kept]]), number + len(places)
        _, label = connected_components(coo_array((np.ones(len(ends[0])), ends), (size, size)), directed=False)
        present, block = np.unique(label[number:], return_inverse=True)
        order = np.argsort(block, kind="stable")
        first = np.searchsorted(block[order], np.arange(len(present)))
        units = np.flatnonzero(np.isin(label[:number], present))
        ends = (units, np.searchsorted(present, label[units]))
        return places[order], first.astype(np.int64), csr_array((np.ones(len(units)), ends), (number, len(present)))

    def values(self, xs: Floats) -> tuple[Floats, Floats]:
        """Log evidence of each draw, and the log of what each unit takes back of its own claims; (draws, units)."""
        value, taken = self.alone.values(xs)
        if not self.linked.every:
            return value, taken
        more, others = self.linked.values(xs)
        return value + more, np.concatenate([taken, others], axis=1)

    def taken(self, xs: Floats) -> Floats:
        """Log of what each unit takes back, alone; see `values`."""
        taken = self.alone.taken(xs)
        return np.concatenate([taken, self.linked.values(xs)[1]], axis=1) if self.linked.every else taken

    def curvature(self, x: Floats, kept: Ints) -> Floats:
        """Observed information at `x`, where each count of an account is taken by itself; see `Evidence.curvature`."""
        found = self.alone.curvature(x, kept)
        return found if self.apart is None else found + self.apart.curvature(x, kept)

    def sums(self, xs: Floats, weight: Floats) -> Floats:
        """Sum the posterior of all counts over draws, `weight` by unit; see `Evidence.sums`."""
        number = len(self.alone.problem.claims.outcome)
        found = self.alone.sums(xs, weight[:, :number])
        if not self.linked.every:
            return found
        return np.concatenate([found, self.linked.sums(xs, weight[:, number:])], axis=1)

    def reduced(self, xs: Floats) -> tuple[AllEvidence, Floats, Ints]:
        """Leave out cells that hold next to nothing at some parameters; with the mass of all, and which are kept."""
        alone, mass, kept = self.alone.reduced(xs)
        if not self.linked.every:
            return attrs.evolve(self, alone=alone), mass, kept
        linked, more, where = self.linked.reduced(xs)
        kept = np.concatenate([kept, len(mass) + where])
        return attrs.evolve(self, alone=alone, linked=linked), np.concatenate([mass, more]), kept

    def only(self, claims: int, rng: np.random.Generator) -> AllEvidence:
        """Keep some of the counts at random, with about so many claims, each by itself."""
        problem, linked = self.problem, self.linked
        counts = len(problem.claims.outcome)
        number = max(int(counts * claims / max(len(problem.source), 1)), 1)
        kept = np.sort(rng.permutation(counts)[:number])
        some = problem.only(kept)
        alone = ConditionalEvidence.of(some, linked.spread)
        alone.joint.echoes = attrs.evolve(alone.joint.echoes, shares=self.echoes.shares)
        nothing = LinkedEvidence(some, linked.spread, (), (), (), some.echoes)
        return AllEvidence(some, alone, nothing, np.arange(number), None)


class Summed(Protocol):
    """What `Masses` asks for of counts: their cells, what they belong to, and sums over draws; see `AllEvidence`."""

    @property
    def cells(self) -> Cells:
        """Cells of all counts."""

    @property
    def units(self) -> Ints:
        """What each count belongs to."""

    def taken(self, xs: Floats) -> Floats:
        """Log of what each unit takes back."""

    def sums(self, xs: Floats, weight: Floats) -> Floats:
        """Sum the posterior of all counts over draws."""


class Masses:
    """Posterior masses of the counts, added up over weighted draws, and how well they are known.

    Parameters
    ----------
    evidence : AllEvidence, or counts that are known at the draws
    """

    def __init__(self, evidence: Summed) -> None:
        self._evidence, self._first = evidence, evidence.cells.first
        units = evidence.units
        self._owner = np.repeat(units, np.diff(self._first))
        self._sums = np.zeros((BLOCKS, len(self._owner)))
        self._totals = np.zeros((BLOCKS, int(units.max(initial=-1)) + 1))
        self._least: Floats | None = None

    def add(self, xs: Floats, log_weight: Floats | None = None) -> None:
        """Add draws, shape (draws, p), with weights, shape (draws, units); draw k is of block k % 8.

        By default what a unit takes back weighs its draws.
        """
        log = self._evidence.taken(xs) if log_weight is None else log_weight
        self._least = log.max(axis=0, initial=-np.inf) if self._least is None else self._least
        weight = np.exp(np.minimum(log - self._least, 50.0))
        self._sums += self._evidence.sums(xs, weight)
        for block in range(BLOCKS):
            self._totals[block] += weight[block::BLOCKS].sum(axis=0)

    @property
    def mean(self) -> Floats:
        """Posterior mass of each cell; shape (cells,)."""
        found: Floats = self._sums.sum(axis=0) / self._totals.sum(axis=0)[self._owner]
        return found

    @property
    def errors(self) -> Floats:
        """Largest standard error of a cumulative probability of each count, from the spread between blocks."""
        if not len(self._owner):
            return np.zeros(0)
        gap = self._sums - self.mean * self._totals[:, self._owner]
        # A gap sums to 0 over a count, so what one sum leaves over for the next is nothing.
        square = np.sum(np.cumsum(gap, axis=1) ** 2, axis=0) * BLOCKS / (BLOCKS - 1)
        total = self._totals.sum(axis=0)[self._evidence.units]
        found: Floats = np.sqrt(np.maximum.reduceat(square, self._first[:-1])) / total
        return found


def fill_up(found: Floats, mass: Floats, at: Ints, first: Ints) -> Floats:
    """Give cells that were left out the mass that they held before, and the others what they are found to hold.

    Parameters
    ----------
    found : ndarray, shape (cells that were kept,)
    mass : ndarray, shape (cells,)
        What all held before.
    at : ndarray of int
        Where those that were kept stand among all.
    first : ndarray of int, shape (events + 1,)
    """
    out = mass.copy()
    out[at] = 0.0
    rest = 1 - np.add.reduceat(out, first[:-1])
    out[at] = found * np.repeat(rest, np.diff(first))[at]
    return out
