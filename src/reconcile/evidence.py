# SPDX-License-Identifier: MIT
"""The evidence of a corpus as a function of all parameters, and as a normal around a mode.

Counts are summed out exactly, shard by shard, wherever an executor runs them.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator
from typing import Any, TypeAlias

import attrs
import numpy as np
from numpy.typing import NDArray

from reconcile.arrays import COUNTS, Cells, Claims, CountEdges, Shard
from reconcile.batches import STEP, choose_likelihood
from reconcile.echoes import Echoes
from reconcile.hierarchy import Hierarchy
from reconcile.shards import Tasks, build_shards

__all__ = ["Claimed", "Normal", "Problem", "estimate_counts", "fill_up", "invert", "theta_of"]

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
    """A problem laid out for computing: counts to be summed out, cut into shards, with what is passed to each.

    Attributes
    ----------
    problem : Problem
    spread : callable
        Maps a function over shards, as the builtin does.
    tasks : Tasks
        Every count with all of its claims, unless made otherwise.
    shards : tuple of Shard
    edges : CountEdges
    echoes : Echoes
    """

    problem: Problem
    spread: Callable[..., Iterable[Any]]
    tasks: Tasks
    shards: tuple[Shard, ...]
    edges: CountEdges
    echoes: Echoes

    @classmethod
    def of(cls, problem: Problem, spread: Callable[..., Iterable[Any]]) -> Claimed:
        """Lay a problem out; `spread` maps a function over its shards."""
        return cls.cut(problem, spread, Tasks.of(problem.claims, Cells.of(problem.claims)), problem.echoes)

    @classmethod
    def cut(cls, problem: Problem, spread: Callable[..., Iterable[Any]], tasks: Tasks, echoes: Echoes) -> Claimed:
        """Lay out the counts that `tasks` names."""
        layout = problem.hierarchy
        shards, edges = build_shards(problem.claims, problem.columns, tasks, layout.wide, len(layout))
        return cls(problem, spread, tasks, shards, edges, echoes)

    @property
    def cells(self) -> Cells:
        """The cells of all counts."""
        return self.tasks.cells

    def without(self, mass: Floats, least: float = NEGLIGIBLE) -> tuple[Claimed, Ints]:
        """Leave out cells in which a count hardly lies, which most are; see `Cells.without`."""
        cells, at = self.cells.without(mass, least)
        tasks = attrs.evolve(self.tasks, cells=cells, base=self.tasks.base[at])
        return self.cut(self.problem, self.spread, tasks, self.echoes), at

    def only(self, events: Ints) -> Claimed:
        """Keep some of the counts, in ascending order."""
        problem = self.problem.only(events)
        echoes = attrs.evolve(problem.echoes, shares=self.echoes.shares)
        return self.cut(problem, self.spread, Tasks.of(problem.claims, self.cells.only(events)), echoes)

    def floor(self) -> Floats:
        """Probability that a copied claim would be each one, and that there is one to copy; shape (2, n)."""
        return self.echoes.floor(self.problem.source)

    def each(self, work: Callable[..., Any], *shared: Any) -> Iterator[tuple[Shard, Any]]:
        """Run `work` over the shards, each with the `echo` of its claims and what is `shared`."""
        floor = self.floor()
        echoes = [np.ascontiguousarray((floor[:, shard.rows] * shard.heard).T) for shard in self.shards]
        same = [[thing] * len(self.shards) for thing in shared]
        yield from zip(self.shards, self.spread(work, self.shards, echoes, *same), strict=True)

    def tails(self, xs: Floats) -> Floats:
        """Tails of the count priors at all edges; `xs` of shape (draws, p), result (draws, outcomes, u)."""
        tail, _ = choose_likelihood().tails(self.edges, self.problem.hierarchy.count_values(xs), slopes=False)
        return tail

    def evaluate(self, xs: Floats) -> tuple[Floats, Floats]:
        """Log evidence of each draw, and its gradient; `xs` of shape (draws, p), results (draws,) and (draws, p)."""
        total, slope, _ = self._evaluate(xs, copies=False)
        return total, slope

    def copies(self, x: Floats) -> Floats:
        """How far each claim calls for a copy: posterior means of 1 / row and of own / row; shape (2, n)."""
        _, _, (found,) = self._evaluate(x[None], copies=True)
        return np.asarray(found, dtype=np.float64)

    def _evaluate(self, xs: Floats, *, copies: bool) -> tuple[Floats, Floats, Floats]:
        layout, engine = self.problem.hierarchy, choose_likelihood()
        tail, slopes = engine.tails(self.edges, layout.count_values(xs), slopes=True)
        total, slope, prior = np.zeros(len(xs)), np.zeros(xs.shape), np.zeros(tail.shape)
        copied = np.ones((len(xs), 2, len(self.problem.source)) if copies else 0)
        for shard, (value, by, by_tail, calls) in self.each(_evaluate, xs, tail, copies):
            total += value
            slope[:, shard.parameters] += by
            prior += by_tail
            if copies:
                copied[:, :, shard.rows[shard.heard]] = calls.swapaxes(1, 2)[:, :, shard.heard]
        free = layout.count_values(xs) == xs[:, layout.counts]  # beyond its limits a parameter changes nothing
        slope[:, layout.counts] += np.where(free, engine.by_counts(slopes, prior), 0.0)
        total[~np.isfinite(xs).all(axis=1)] = np.nan
        return total, slope, copied

    def curvature(self, x: Floats) -> Floats:
        """Observed information at `x`; shape (p, p)."""
        layout = self.problem.hierarchy
        values = np.repeat(layout.count_values(x)[None], 1 + COUNTS, axis=0)
        for k in range(COUNTS):
            values[1 + k, :, k] += STEP
        tail, slopes = choose_likelihood().tails(self.edges, values, slopes=True)
        total = np.zeros((len(layout), len(layout)))
        for shard, part in self.each(_curve, x, tail, slopes):
            at = np.concatenate([shard.parameters, layout.counts.ravel()])
            total[np.ix_(at, at)] += part
        return total


def theta_of(shard: Shard, xs: Floats) -> Floats:
    """Parameters of each voice of a shard at each draw; `xs` of shape (draws, p), result (draws, voices, 8)."""
    mine = np.concatenate([xs[:, shard.parameters], np.zeros((len(xs), 1))], axis=1)
    return np.ascontiguousarray(mine[:, shard.place])


def _evaluate(
    shard: Shard, echo: Floats, xs: Floats, tail: Floats, copies: bool
) -> tuple[Floats, Floats, Floats, Floats]:
    """Log evidence of a shard, its slopes by its parameters and by tails, and how far claims call for copies."""
    found = choose_likelihood().evaluate(shard, theta_of(shard, xs), echo, tail, slopes=True, copies=copies)
    size = len(shard.parameters) + 1
    line = np.arange(len(xs))[:, None] * size + shard.place.ravel()
    slope = np.bincount(line.ravel(), found.score.ravel(), len(xs) * size).astype(np.float64, copy=False)
    return found.value, slope.reshape(-1, size)[:, :-1], found.prior, found.copies


def _halves(shard: Shard, echo: Floats, xs: Floats, tail: Floats) -> tuple[Floats, Floats]:
    """Posterior of cells, averaged over either half of the draws."""
    found = []
    for part in (0, 1) if len(xs) > 1 else (0,):
        mine = xs[part::2]
        weight = np.full((len(mine), len(shard.sign)), 1.0 / len(mine))
        before = np.ascontiguousarray(tail[part::2])
        mass = choose_likelihood().evaluate(shard, theta_of(shard, mine), echo, before, weight=weight).mass
        found.append(mass[shard.cells])
    return found[0], found[-1]


def _curve(shard: Shard, echo: Floats, x: Floats, tail: Floats, slopes: Floats) -> Floats:
    return choose_likelihood().curve(shard, theta_of(shard, x[None])[0], echo, tail, slopes)


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
    mass, error, at = np.empty(len(corpus.cells.start)), 0.0, 0
    for shard, (one, other) in corpus.each(_halves, xs, corpus.tails(xs)):
        mass[at : at + len(shard.cells)] = 0.5 * (one + other)
        at += len(shard.cells)
        # Both halves of a count sum to 1, so what one sum leaves over for the next is nothing.
        error = max(error, float(np.max(np.abs(np.cumsum(one - other)), initial=0.0)) / 2)
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
