# SPDX-License-Identifier: MIT
"""The evidence of a corpus as a function of all parameters, and as a normal around a mode.

Counts are summed out exactly, shard by shard, wherever an executor runs them.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, TypeAlias

import attrs
import numpy as np
from numpy.typing import NDArray

from reconcile.batches import CountTable, Result, average, curve, evaluate
from reconcile.blocks import Cells, Claims, Shard, build_shards
from reconcile.echoes import Echoes
from reconcile.hierarchy import Hierarchy

__all__ = ["Claimed", "Normal", "Problem", "estimate_counts", "fill_up", "invert"]

Floats: TypeAlias = NDArray[np.float64]
Ints: TypeAlias = NDArray[np.int64]

NEGLIGIBLE = 1e-7  # posterior probability of a cell at typical parameters, below which it is left out
DENSE = 600  # parameters up to which matrices of them are factored again and again
FURTHEST = 3  # standard deviations that the spread of a class may be fitted from where it was assumed
MOST_TURNED = 3_000  # parameters up to which a matrix of them is taken apart into its axes, some ten seconds


@attrs.frozen(eq=False)
class Problem:
    """Claims about separate counts, and who makes them.

    Attributes
    ----------
    claims : Claims
    source : ndarray of int, shape (n,)
        Speaker of each claim.
    columns : ndarray of int, shape (8, n)
        Places of the parameters of each claim in the vector of `hierarchy`.
    hierarchy : Hierarchy
    echoes : Echoes
    """

    claims: Claims
    source: Ints
    columns: Ints
    hierarchy: Hierarchy
    echoes: Echoes

    def only(self, events: Ints) -> Problem:
        """Keep some of the counts, in ascending order."""
        renamed = np.full(len(self.claims.outcome), -1, dtype=np.int64)
        renamed[events] = np.arange(len(events))
        kept = np.flatnonzero(renamed[self.claims.event] >= 0)
        return self.take(kept, renamed[self.claims.event[kept]], events)

    def take(self, rows: Ints, event: Ints, events: Ints) -> Problem:
        """Keep the claims at some rows, about counts that are numbered anew by `event` and are those at `events`."""
        claims = attrs.evolve(
            self.claims,
            event=event,
            value=self.claims.value[rows],
            hedged=self.claims.hedged[rows],
            outcome=self.claims.outcome[events],
        )
        echoes = attrs.evolve(self.echoes, there=self.echoes.there[:, rows], same=self.echoes.same[:, rows])
        return Problem(claims, self.source[rows], self.columns[:, rows], self.hierarchy, echoes)


@attrs.define(eq=False)
class Claimed:
    """A problem cut into shards, with what is passed to each.

    Attributes
    ----------
    problem : Problem
    spread : callable
        Maps a function over shards, as the builtin does.
    cells : Cells
    shards : tuple of Shard
    edge : ndarray of int
        See `build_shards`.
    echoes : Echoes
    """

    problem: Problem
    spread: Callable[..., Iterable[Any]]
    cells: Cells
    shards: tuple[Shard, ...]
    edge: Ints
    echoes: Echoes

    @classmethod
    def of(cls, problem: Problem, spread: Callable[..., Iterable[Any]]) -> Claimed:
        """Cut a problem into shards; `spread` maps a function over them."""
        return cls._cut(problem, spread, Cells.of(problem.claims), problem.echoes)

    @classmethod
    def _cut(cls, problem: Problem, spread: Callable[..., Iterable[Any]], cells: Cells, echoes: Echoes) -> Claimed:
        shards, edge = build_shards(problem.claims, cells)
        return cls(problem, spread, cells, shards, edge, echoes)

    def without(self, mass: Floats, least: float = NEGLIGIBLE) -> tuple[Claimed, Ints]:
        """Leave out cells in which a count hardly lies, which most are; see `Cells.without`."""
        cells, at = self.cells.without(mass, least)
        return self._cut(self.problem, self.spread, cells, self.echoes), at

    def only(self, events: Ints) -> Claimed:
        """Keep some of the counts, in ascending order."""
        problem = self.problem.only(events)
        echoes = attrs.evolve(problem.echoes, shares=self.echoes.shares)
        return self._cut(problem, self.spread, self.cells.only(events), echoes)

    def floor(self) -> Floats:
        """Probability that a copied claim would be each one, and that there is one to copy; shape (2, n)."""
        return self.echoes.floor(self.problem.source)

    def each(self, work: Callable[..., Any], *rows: NDArray[Any], shared: Sequence[Any]) -> Iterator[tuple[Shard, Any]]:
        """Run over the shards; `rows` end in an axis of claims and are cut, `shared` is passed as it is."""
        cut = [[np.ascontiguousarray(row[..., shard.rows]) for shard in self.shards] for row in rows]
        same = [[thing] * len(self.shards) for thing in shared]
        yield from zip(self.shards, self.spread(work, self.shards, *cut, *same), strict=True)

    def evaluate(self, xs: Floats) -> tuple[Floats, Floats, Floats]:
        """Log evidence of each draw, its gradient, and how far each claim calls for a copy.

        `xs` of shape (draws, p); shapes (draws,), (draws, p) and (draws, 2, n).
        """
        problem, layout, draws = self.problem, self.problem.hierarchy, len(xs)
        tables = layout.tables(xs, self.edge)
        scores, copies = np.empty((draws, 8, len(problem.source))), np.empty((draws, 2, len(problem.source)))
        total, prior = np.zeros(draws), np.zeros((draws, *tables[0].tail.shape))
        for shard, result in self.each(_evaluate, problem.columns, self.floor(), shared=[xs, tables]):
            found: Result = result
            total += found.log_evidence
            scores[:, :, shard.rows], copies[:, :, shard.rows] = found.scores, found.copies
            prior += found.prior
        slope = np.empty((draws, len(layout)))
        for k, table in enumerate(tables):
            slope[k] = np.bincount(problem.columns.ravel(), scores[k].ravel(), len(layout) + 1)[:-1]
            slope[k, layout.counts] += table.by_parameter(prior[k])
        return total, slope, copies

    def curvature(self, x: Floats) -> Floats:
        """Observed information at `x`; shape (p, p)."""
        layout = self.problem.hierarchy
        moved = [layout.table(x, self.edge, k) for k in range(4)]
        total = np.zeros((len(layout), len(layout)))
        rows = layout.theta(x, self.problem.columns), self.floor(), self.problem.columns
        table = layout.table(x, self.edge)
        for _, part in self.each(_curve, *rows, shared=[table, moved, layout.counts, len(layout)]):
            total += part
        return total


def _pick(xs: Floats, columns: Ints) -> Floats:
    """Parameters of each claim at each draw; shape (draws, 8, n)."""
    found: Floats = np.concatenate([xs, np.zeros((len(xs), 1))], axis=1)[:, columns]
    return found


def _evaluate(shard: Shard, columns: Ints, echo: Floats, xs: Floats, tables: list[CountTable]) -> Result:
    return evaluate(shard, _pick(xs, columns), echo, tables)


def _halves(shard: Shard, columns: Ints, echo: Floats, xs: Floats, tables: list[CountTable]) -> list[list[Floats]]:
    parts = (0, 1) if len(xs) > 1 else (0, 0)
    return [average(shard, _pick(xs[part::2], columns), echo, tables[part::2]) for part in parts]


def _curve(shard: Shard, theta: Floats, echo: Floats, columns: Ints, *shared: Any) -> Floats:
    table, moved, places, size = shared
    return curve(shard, theta, echo, table, moved, columns, places, size)


@attrs.frozen(eq=False)
class Normal:
    """The evidence as a normal around a mode, and the posterior with the prior of a given spread of the classes."""

    layout: Hierarchy
    x: Floats
    slope: Floats
    curvature: Floats

    def root(self, t: Floats) -> tuple[Floats, Floats, Floats]:
        """Cholesky factor of the posterior precision given t, its mean, and the prior precision."""
        prior = self.layout.precision(t)
        precision = self.curvature + prior
        root = _cholesky(precision, prior)
        pull = self.slope - prior @ (self.x - self.layout.mean)
        from scipy.linalg import cho_solve

        return root, self.x + cho_solve((root, True), pull), prior

    def scaled(self, factor: float) -> Normal:
        """Give the same for so many times as many claims."""
        return attrs.evolve(self, slope=factor * self.slope, curvature=factor * self.curvature)

    def definite(self) -> Normal:
        """Flatten directions in which the evidence is curved upwards, so that the prior alone decides there."""
        prior = self.layout.precision(self.layout.log_spread)
        scale = np.sqrt(np.diag(prior))
        curvature = self.curvature.copy()
        if len(self.x) > DENSE:
            # Most such directions concern one source; to flatten those costs next to nothing.
            for place in self.layout.place:
                at = np.unique(place[place < len(self.x)])
                curvature[np.ix_(at, at)] = _flatten(curvature[np.ix_(at, at)], scale[at])
            with contextlib.suppress(np.linalg.LinAlgError):
                np.linalg.cholesky(curvature + prior)
                return attrs.evolve(self, curvature=curvature)
            if len(self.x) > MOST_TURNED:
                return attrs.evolve(self, curvature=curvature)
        return attrs.evolve(self, curvature=_flatten(curvature, scale))

    def spreads(self, t: Floats, steps: int) -> tuple[Floats, Floats]:
        """Fit t by expectation-maximisation; give it with its standard deviation."""
        layout = self.layout
        mine = np.flatnonzero(layout.class_of >= 0)
        group = layout.class_of[mine]
        size = len(t)
        number = np.bincount(group, minlength=size).astype(float)
        sd = layout.log_spread_sd
        for _ in range(steps):
            root, center, _ = self.root(t)
            covariance = invert(root)
            variance = np.diag(covariance)
            between = variance[mine] + variance[group] - 2 * covariance[mine, group]
            square = np.bincount(group, (center[mine] - center[group]) ** 2 + between, size)
            for _ in range(20):  # of Newton's method, for each class by itself
                lean = square * np.exp(-2 * t)
                slope = lean - number - (t - layout.log_spread) / sd**2
                t = t + np.clip(slope / (2 * lean + 1 / sd**2), -0.5, 0.5)
                # A source that fits no class can have its normal far out, and would take the spread with it.
                t = np.clip(t, layout.log_spread - FURTHEST * sd, layout.log_spread + FURTHEST * sd)
        if not steps:
            root, _, _ = self.root(t)
            covariance = invert(root)
            between = np.diag(covariance)[mine] + np.diag(covariance)[group] - 2 * covariance[mine, group]
        known = np.bincount(group, (1 - np.minimum(between * np.exp(-2 * t[group]), 1)) ** 2, size)
        return t, 1 / np.sqrt(1 / sd**2 + 2 * known)


def _flatten(curvature: Floats, scale: Floats) -> Floats:
    """Set to 0 the curvature along the axes, of what has this scale, where it is negative."""
    level, axes = np.linalg.eigh(curvature / np.outer(scale, scale))
    flat: Floats = (axes * np.maximum(level, 0.0)) @ axes.T * np.outer(scale, scale)
    return flat


def _cholesky(precision: Floats, prior: Floats) -> Floats:
    """Lower factor; where the evidence is curved upwards, more and more of the prior's diagonal is added."""
    ridge = 0.0
    while True:
        with contextlib.suppress(np.linalg.LinAlgError):
            return np.asarray(np.linalg.cholesky(precision + ridge * np.diag(np.diag(prior))), dtype=np.float64)
        ridge = 2 * ridge or 0.125


def invert(root: Floats) -> Floats:
    """Give the inverse of a matrix by its lower Cholesky factor."""
    from scipy.linalg.lapack import dpotri

    upper, _ = dpotri(root, lower=1)
    found: Floats = np.tril(upper) + np.tril(upper, -1).T
    return found


def estimate_counts(corpus: Claimed, xs: Floats) -> tuple[Floats, float]:
    """Average the counts over draws of the parameters.

    Returns
    -------
    mass : ndarray, shape (cells,)
    error : float
        Largest standard error of a cumulative probability, from the two halves of the draws.
    """
    tables = corpus.problem.hierarchy.tables(xs, corpus.edge)
    first, mass, error = corpus.cells.first, np.empty(len(corpus.cells.start)), 0.0
    for shard, parts in corpus.each(_halves, corpus.problem.columns, corpus.floor(), shared=[xs, tables]):
        for block, one, other in zip(shard.blocks, *parts, strict=True):
            inside = block.width > 0
            at = (first[shard.events[block.events]][:, None] + np.arange(block.width.shape[1]))[inside]
            mass[at] = (0.5 * (one + other))[inside]
            error = max(error, float(np.max(np.abs(np.cumsum(one - other, axis=1)))) / 2)
    return mass, error


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
