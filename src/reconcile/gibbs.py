# SPDX-License-Identifier: MIT
"""Learn from a corpus by Gibbs sampling: counts given sources, sources given counts. Slow; a check of `learning`.

Counts are drawn exactly given all parameters. Given counts, sources are independent and are drawn by elliptical slice
sampling (Murray et al. 2010), as are count parameters; class means from their normal, spreads of classes on a grid.
Whom each source copies is as it was found before. What the first claim about each count would teach of its source is
divided out, as it is in `openings`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from reconcile.arrays import Cells, Shard
from reconcile.batches import choose_likelihood
from reconcile.errors import InvalidValue
from reconcile.evidence import Claimed, Problem, theta_of
from reconcile.learning import Lesson
from reconcile.likelihood import TINY
from reconcile.openings import first_claims
from reconcile.shards import Tasks, build_shard

__all__ = ["sample_lesson"]

Floats: TypeAlias = NDArray[np.float64]
Ints: TypeAlias = NDArray[np.int64]

CHAINS, SWEEPS, WARMUP = 4, 500, 100
INNER = 3  # slice steps of sources for each draw of the counts, since they cost little beside it


def _slice(
    z: Floats, group: Ints, count: int, log_likelihood: Callable[[Floats], Floats], rng: np.random.Generator
) -> Floats:
    """One elliptical slice step for each group of coordinates, all groups side by side.

    Parameters
    ----------
    z : ndarray, shape (d,)
        Standard normal a priori.
    group : ndarray of int, shape (d,)
    count : int
        How many groups there are.
    log_likelihood : callable
        Log likelihood of each group, shape (count,), at some z.
    """
    other = rng.standard_normal(len(z))
    floor = log_likelihood(z) + np.log(rng.random(count))
    angle = rng.uniform(0, 2 * np.pi, count)
    low, high = angle - 2 * np.pi, angle.copy()
    found, open_ = z.copy(), np.ones(count, dtype=bool)
    while open_.any():
        trial = np.where(open_[group], z * np.cos(angle)[group] + other * np.sin(angle)[group], found)
        good = open_ & (log_likelihood(trial) > floor)
        found = np.where(good[group], trial, found)
        open_ &= ~good
        low, high = np.where(open_ & (angle < 0), angle, low), np.where(open_ & (angle >= 0), angle, high)
        angle = np.where(open_, rng.uniform(low, high), angle)
    return found


def _posterior(shard: Shard, echo: Floats, xs: Floats, tail: Floats) -> tuple[Floats, Floats]:
    """Log evidence of each count at one draw, and the posterior of its cells."""
    weight = np.ones((1, len(shard.sign)))
    found = choose_likelihood().evaluate(shard, theta_of(shard, xs), echo, tail, weight=weight)
    return found.each[0], found.mass[shard.cells]


class _Chain:
    """The state of one chain."""

    def __init__(self, problem: Problem, rng: np.random.Generator) -> None:
        self.problem, self.rng = problem, rng
        self.claimed = Claimed.of(problem, map)
        layout = problem.hierarchy
        self.mine = np.flatnonzero(layout.class_of >= 0)
        self.group = layout.class_of[self.mine]
        self.owner = np.zeros(len(layout), dtype=np.int64)
        for speaker, place in enumerate(layout.place):
            self.owner[np.unique(place[place < len(layout)])] = speaker
        self.sd = 1 / np.sqrt(np.diag(layout.base))[: len(layout.log_spread) + layout.counts.size]
        self.x = layout.mean.copy()
        self.x[self.mine] += 0.5 * np.exp(layout.log_spread[self.group]) * rng.standard_normal(len(self.mine))
        self.t = layout.log_spread.copy()
        self.first = Claimed.of(first_claims(problem, np.arange(len(problem.claims.outcome))), map)
        self.masses = np.zeros(len(self.claimed.cells.start))
        self.drawn = np.zeros(len(problem.claims.outcome), dtype=np.int64)  # which cell each count is in
        self.point: Shard | None = None

    def _sum_out(self, claimed: Claimed, x: Floats) -> tuple[Floats, Floats]:
        parts = [found for _, found in claimed.each(_posterior, x[None], claimed.tails(x[None]))]
        evidence, mass = (np.concatenate(rows) for rows in zip(*parts, strict=True))
        return evidence, mass

    def counts(self, *, keep: bool) -> None:
        """Draw all counts given everything else."""
        cells, tasks = self.claimed.cells, self.claimed.tasks
        _, mass = self._sum_out(self.claimed, self.x)
        if keep:
            self.masses += mass
        below = np.concatenate([[0.0], np.cumsum(mass)])[cells.first]
        level = below[:-1] + self.rng.random(len(tasks.begin)) * (1 - 1e-12) * np.diff(below)
        place = np.searchsorted(np.cumsum(mass), level, side="right")
        self.drawn = np.clip(place, cells.first[:-1], cells.first[1:] - 1)
        # The cell of each count after that of 0: nobody can deny that nobody died, and rows know it by place.
        at = np.stack([cells.first[:-1], self.drawn], axis=1).ravel()
        both = Cells(cells.start[at], cells.stop[at], 2 * np.arange(len(self.drawn) + 1), cells.log_center[at],
                     cells.blur[at])  # fmt: skip
        pair = Tasks(both, tasks.outcome, tasks.sign, tasks.begin, tasks.end, tasks.heard, np.zeros(len(at)))
        problem = self.problem
        self.point = build_shard(problem.claims, problem.columns, pair, len(problem.hierarchy))

    def _openings(self, x: Floats) -> Floats:
        """Log evidence of the first claims by prior means of their sources less that by x; shape (events,)."""
        prior = self.problem.hierarchy.mean.copy()
        prior[self.problem.hierarchy.counts] = x[self.problem.hierarchy.counts]
        return self._sum_out(self.first, prior)[0] - self._sum_out(self.first, x)[0]

    def _by_speaker(self, x: Floats) -> Floats:
        problem, total = self.problem, np.zeros(len(self.problem.hierarchy.place))
        total += np.bincount(self.first.problem.source, self._openings(x), len(total))
        shard = self.point
        if shard is None:
            return total
        echo = np.ascontiguousarray(self.claimed.floor()[:, shard.rows].T)
        row = choose_likelihood().rows(shard, theta_of(shard, x[None]), echo)[0]
        some = self.claimed.cells.start[self.drawn] > 0
        row = row[shard.pair[:-1] + some[problem.claims.event[shard.rows]]]
        return total + np.bincount(problem.source[shard.rows], np.log(row), len(total))

    def _by_outcome(self, x: Floats) -> Floats:
        cells, edge, outcome = self.claimed.cells, self.claimed.edges.edge, self.problem.claims.outcome
        total = np.zeros(len(self.problem.hierarchy.counts))
        total += np.bincount(outcome, self._openings(x), len(total))
        tail = self.claimed.tails(x[None])[0]
        near = tail[outcome, np.searchsorted(edge, cells.start[self.drawn])]
        far = tail[outcome, np.searchsorted(edge, cells.stop[self.drawn])]
        return total + np.bincount(outcome, np.log(np.maximum(near - far, TINY)), len(total))

    def sources(self) -> None:
        """Draw sources, classes and count priors given the counts."""
        layout, rng = self.problem.hierarchy, self.rng
        center, scale = self.x[self.group], np.exp(self.t[self.group])

        def put(z: Floats) -> Floats:
            x = self.x.copy()
            x[self.mine] = center + scale * z
            return x

        z = (self.x[self.mine] - center) / scale
        z = _slice(z, self.owner[self.mine], len(layout.place), lambda at: self._by_speaker(put(at)), rng)
        self.x = put(z)
        size = len(self.t)
        weight = np.exp(-2 * self.t)
        number = np.bincount(self.group, minlength=size)
        precision = number * weight + self.sd[:size] ** -2.0
        pull = weight * np.bincount(self.group, self.x[self.mine], size) + layout.mean[:size] * self.sd[:size] ** -2.0
        self.x[:size] = pull / precision + rng.standard_normal(size) / np.sqrt(precision)
        square = np.bincount(self.group, (self.x[self.mine] - self.x[self.group]) ** 2, size)
        grid = layout.log_spread[:, None] + layout.log_spread_sd[:, None] * np.linspace(-5, 5, 401)
        log_mass = -number[:, None] * grid - 0.5 * square[:, None] * np.exp(-2 * grid)
        log_mass -= 0.5 * ((grid - layout.log_spread[:, None]) / layout.log_spread_sd[:, None]) ** 2
        self.t = grid[np.arange(size), np.argmax(log_mass + rng.gumbel(size=grid.shape), axis=1)]
        places = layout.counts.ravel()

        def count_x(at: Floats) -> Floats:
            x = self.x.copy()
            x[places] = layout.mean[places] + self.sd[places] * at
            return x

        at = (self.x[places] - layout.mean[places]) / self.sd[places]
        of = np.repeat(np.arange(len(layout.counts)), layout.counts.shape[1])
        at = _slice(at, of, len(layout.counts), lambda u: self._by_outcome(count_x(u)), rng)
        self.x = count_x(at)


def sample_lesson(problem: Problem, *, rng: np.random.Generator, chains: int = CHAINS, sweeps: int = SWEEPS) -> Lesson:
    """Learn sources, classes and count priors, and estimate the counts, by Gibbs sampling.

    Parameters
    ----------
    problem : Problem
        Of a model that has not learned before.
    rng : numpy Generator, keyword
    chains, sweeps : int, keyword
        The first fifth of the sweeps is left out.

    Returns
    -------
    Lesson

    Raises
    ------
    InvalidValue
        For a model with what earlier claims have taught.
    """
    layout = problem.hierarchy
    if np.any(layout.class_of[layout.counts.max() + 1 :] < 0):
        raise InvalidValue("estimate(method)", "gibbs", "'laplace', after a model that has learned")
    made = [_Chain(problem, one) for one in rng.spawn(chains)]
    xs, ts = [], []
    for chain in made:
        for sweep in range(sweeps):
            chain.counts(keep=sweep >= sweeps // 5)
            for _ in range(INNER):
                chain.sources()
            if sweep >= sweeps // 5:
                xs.append(chain.x.copy())
                ts.append(chain.t.copy())
    cells = made[0].claimed.cells
    parts = np.array([chain.masses for chain in made])
    parts /= np.repeat(np.add.reduceat(parts, cells.first[:-1], axis=1), np.diff(cells.first), axis=1)
    spread = np.cumsum(parts - parts.mean(axis=0), axis=1).std(axis=0, ddof=1)
    error = float(np.max(spread)) / np.sqrt(len(made))
    draws, spreads = np.array(xs), np.array(ts)
    by_chain = draws.reshape(chains, -1, len(layout))
    between = by_chain.mean(axis=1).var(axis=0, ddof=1)
    ess = float(np.quantile(draws.var(axis=0) / np.maximum(between, 1e-300), 0.05) * chains)
    covariance = np.cov(draws.T).reshape(len(layout), len(layout))
    return Lesson(
        problem, draws.mean(axis=0), covariance, spreads.mean(axis=0), spreads.std(axis=0) + 1e-6, draws, cells.start,
        parts.mean(axis=0), cells.first, min(ess, float(len(draws))), error, (),
    )  # fmt: skip
