# SPDX-License-Identifier: MIT
"""Learn from a corpus by Gibbs sampling: counts given sources, sources given counts. Slow; a check of `learning`.

Counts are drawn exactly given all parameters. Given counts, sources are independent and are drawn by elliptical slice
sampling (Murray et al. 2010), as are count parameters; class means from their normal, spreads of classes on a grid.
Whom each source copies is as it was found before. What the first claim about each count would teach of its source is
divided out, as it is in `openings`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TypeAlias

import attrs
import numpy as np
from numpy.typing import NDArray

from reconcile.batches import posterior_of
from reconcile.blocks import Block, Cells, Shard, build_shards
from reconcile.errors import InvalidValue
from reconcile.evidence import Problem
from reconcile.learning import Lesson
from reconcile.openings import first_claims
from reconcile.rows import speak

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


def _at(block: Block, cell: Ints) -> Block:
    """Keep one cell of each count, after that of 0: nobody can deny that nobody died, and rows know it by place."""
    row, at = np.arange(len(cell))[:, None], np.stack([np.zeros_like(cell), cell], axis=1)

    def pick(x: NDArray[np.generic]) -> NDArray[np.generic]:
        return x[row, at]

    kept = {
        name: pick(getattr(block, name)) for name in ("low", "width", "left", "right", "log_center", "size", "blur")
    }
    exact = np.take_along_axis(block.exact, at[block.event], axis=1)
    return attrs.evolve(block, **kept, exact=exact)  # type: ignore[arg-type]


class _Chain:
    """The state of one chain."""

    def __init__(self, problem: Problem, shards: tuple[Shard, ...], edge: Ints, rng: np.random.Generator) -> None:
        self.problem, self.shards, self.edge, self.rng = problem, shards, edge, rng
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
        self.floor = problem.echoes.floor(problem.source)
        self.points: list[tuple[Shard, list[Block]]] = []
        first = first_claims(problem, np.arange(len(problem.claims.outcome)))
        self.first = first, *build_shards(first.claims, Cells.of(first.claims))
        self.masses: list[list[Floats]] = [[np.zeros(b.low.shape) for b in shard.blocks] for shard in shards]

    def counts(self, *, keep: bool) -> None:
        """Draw all counts given everything else."""
        layout = self.problem.hierarchy
        table = layout.table(self.x, self.edge)
        theta = layout.theta(self.x, self.problem.columns)
        self.points = []
        for shard, sums in zip(self.shards, self.masses, strict=True):
            found = []
            for block, total in zip(shard.blocks, sums, strict=True):
                rows = shard.rows[block.claims]
                row = speak(block, theta[:, rows], self.floor[:, rows], slopes=False).row
                _, mass = posterior_of(block, table.mass(block), row)
                if keep:
                    np.add(total, mass, out=total)
                chosen = np.sum(np.cumsum(mass, axis=1) < self.rng.random((len(mass), 1)) * (1 - 1e-12), axis=1)
                found.append(_at(block, np.minimum(chosen, mass.shape[1] - 1)))
            self.points.append((shard, found))

    def _openings(self, x: Floats) -> Iterator[tuple[Ints, Ints, Floats]]:
        """Outcomes and speakers of first claims, and their log evidence by prior means of sources less that by x."""
        problem, shards, edge = self.first
        layout, table = problem.hierarchy, problem.hierarchy.table(x, edge)
        thetas = [layout.theta(at, problem.columns) for at in (x, layout.mean)]
        for shard in shards:
            for block in shard.blocks:
                rows, mass = shard.rows[block.claims], table.mass(block)
                nothing = np.zeros((2, len(rows)))
                said = [speak(block, theta[:, rows], nothing, slopes=False).row for theta in thetas]
                known, given = (posterior_of(block, mass, row)[0] for row in said)
                yield block.outcome, problem.source[rows], given - known

    def _by_speaker(self, x: Floats) -> Floats:
        theta = self.problem.hierarchy.theta(x, self.problem.columns)
        total = np.zeros(len(self.problem.hierarchy.place))
        for _, speaker, gain in self._openings(x):
            total += np.bincount(speaker, gain, len(total))
        for shard, blocks in self.points:
            for block in blocks:
                rows = shard.rows[block.claims]
                row = speak(block, theta[:, rows], self.floor[:, rows], slopes=False).row
                row = np.where(block.low[block.event, 1] > 0, row[:, 1], row[:, 0])
                total += np.bincount(self.problem.source[rows], np.log(row), len(total))
        return total

    def _by_outcome(self, x: Floats) -> Floats:
        table = self.problem.hierarchy.table(x, self.edge)
        total = np.zeros(len(table.tail))
        for outcome, _, gain in self._openings(x):
            total += np.bincount(outcome, gain, len(total))
        for _, blocks in self.points:
            for block in blocks:
                total += np.bincount(block.outcome, np.log(table.mass(block)[:, 1]), len(total))
        return total

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
    shards, edge = build_shards(problem.claims, Cells.of(problem.claims))
    made = [_Chain(problem, shards, edge, one) for one in rng.spawn(chains)]
    xs, ts = [], []
    for chain in made:
        for sweep in range(sweeps):
            chain.counts(keep=sweep >= sweeps // 5)
            for _ in range(INNER):
                chain.sources()
            if sweep >= sweeps // 5:
                xs.append(chain.x.copy())
                ts.append(chain.t.copy())
    number = np.zeros(len(problem.claims.outcome), dtype=np.int64)
    for shard in shards:
        for block in shard.blocks:
            number[shard.events[block.events]] = (block.width > 0).sum(axis=1)
    start = np.concatenate([[0], np.cumsum(number)])
    low, mass, error = np.empty(start[-1], dtype=np.int64), np.empty(start[-1]), 0.0
    for k, shard in enumerate(shards):
        for j, block in enumerate(shard.blocks):
            parts = np.array([chain.masses[k][j] / chain.masses[k][j].sum(axis=1, keepdims=True) for chain in made])
            inside = block.width > 0
            at = (start[shard.events[block.events]][:, None] + np.arange(block.width.shape[1]))[inside]
            low[at], mass[at] = block.low[inside].astype(np.int64), parts.mean(axis=0)[inside]
            error = max(error, float(np.max(np.cumsum(parts, axis=2).std(axis=0, ddof=1))) / np.sqrt(len(made)))
    draws, spreads = np.array(xs), np.array(ts)
    by_chain = draws.reshape(chains, -1, len(layout))
    between = by_chain.mean(axis=1).var(axis=0, ddof=1)
    ess = float(np.quantile(draws.var(axis=0) / np.maximum(between, 1e-300), 0.05) * chains)
    covariance = np.cov(draws.T).reshape(len(layout), len(layout))
    return Lesson(
        problem, draws.mean(axis=0), covariance, spreads.mean(axis=0), spreads.std(axis=0) + 1e-6, draws, low, mass,
        start, min(ess, float(len(draws))), error, (),
    )  # fmt: skip
