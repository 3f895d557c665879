# SPDX-License-Identifier: MIT
"""Sources and counts by Gibbs sampling: counts given sources, sources given counts. Slow; a check of `fit`.

Counts are drawn exactly given all parameters. Given counts, sources are independent and are drawn by elliptical slice
sampling (Murray et al. 2010), as are count priors; class means from their normal, spreads of classes on a grid, both in
the centred form. Whom each source copies is as `fit` found it. What the first claim about each count would teach of its
source is divided out, as it is in `lone_counts`. For counts that nothing binds to others.

usage: gibbs.py [--events N] [--sources N] [--claims N] [--seed N] [--sweeps N]
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import TypeAlias

import attrs
import numpy as np
from numpy.typing import NDArray

from reconcile.inference.arrays import Cells, Shard
from reconcile.inference.batches import choose_likelihood
from reconcile.inference.fit import Fit, fit
from reconcile.inference.likelihood import TINY
from reconcile.inference.lone_counts import Evidence, first_claims, theta_of
from reconcile.inference.problems import Problem, build_problem
from reconcile.inference.shards import Tasks, build_shard
from reconcile.model import Model
from reconcile.roles import assign_roles
from reconcile.simulate import simulate

Floats: TypeAlias = NDArray[np.float64]
Ints: TypeAlias = NDArray[np.int64]

CHAINS, SWEEPS = 4, 500
INNER = 3  # slice steps of sources for each draw of the counts, since they cost little beside it


@attrs.frozen(eq=False)
class Sampled:
    """Draws of all parameters, posterior masses of the cells of all counts, and what these are worth.

    Attributes
    ----------
    xs : ndarray, shape (draws, p)
    mass : ndarray
    start : ndarray of int, shape (counts + 1,)
        Where the cells of each count begin.
    ess, error : float
        Effective draws of 95 % of the parameters, from the spread between chains; largest standard error of a
        cumulative probability.
    """

    xs: Floats
    mass: Floats
    start: Ints
    ess: float
    error: float


def slice_groups(
    z: Floats, group: Ints, count: int, log_likelihood: Callable[[Floats], Floats], rng: np.random.Generator
) -> Floats:
    """Take one elliptical slice step for each group of coordinates, all groups side by side.

    Parameters
    ----------
    z : ndarray, shape (d,)
        Standard normal a priori.
    group : ndarray of int, shape (d,)
    count : int
        How many groups there are.
    log_likelihood : callable
        Log likelihood of each group, shape (count,), at some z.
    rng : numpy Generator
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


class Chain:
    """The state of one chain.

    Parameters
    ----------
    problem : Problem
        Of a model that has not learned before, in which nothing binds counts together.
    rng : numpy Generator
    """

    def __init__(self, problem: Problem, rng: np.random.Generator) -> None:
        assert not len(problem.hierarchy.joint), "a model that has learned before"
        assert not problem.linked, "counts that are bound together"
        self.problem, self.rng = problem, rng
        self.evidence = Evidence.of(problem, map)
        layout = problem.hierarchy
        self.mine = layout.leaning
        self.group = layout.group
        self.owner = np.zeros(len(layout), dtype=np.int64)
        for speaker, place in enumerate(layout.place):
            self.owner[np.unique(place[place < len(layout)])] = speaker
        self.x = layout.mean.copy()
        self.x[self.mine] += 0.5 * np.exp(layout.log_spread[self.group]) * rng.standard_normal(len(self.mine))
        self.t = layout.log_spread.copy()
        self.first = Evidence.of(first_claims(problem, np.arange(len(problem.claims.outcome))), map)
        self.masses = np.zeros(len(self.evidence.cells.start))
        self.taken = np.zeros(len(problem.claims.outcome))  # sums of the weights of what each count takes back
        self.drawn = np.zeros(len(problem.claims.outcome), dtype=np.int64)  # which cell each count is in
        self.point: Shard | None = None

    def _sum_out(self, evidence: Evidence, x: Floats) -> tuple[Floats, Floats]:
        parts = [found for _, found in evidence.each(_posterior, x[None], evidence.tails(x[None]))]
        value, mass = (np.concatenate(rows) for rows in zip(*parts, strict=True))
        return value, mass

    def counts(self, *, keep: bool) -> None:
        """Draw all counts given everything else.

        What was cut of the claims about a count weighs the draws for that count alone.
        """
        cells, tasks = self.evidence.cells, self.evidence.tasks
        _, mass = self._sum_out(self.evidence, self.x)
        if keep:
            weight = np.exp(-self._openings(self.x))
            self.masses += mass * np.repeat(weight, np.diff(cells.first))
            self.taken += weight
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

    def by_speaker(self, x: Floats) -> Floats:
        """Log likelihood of each source given the counts, what the first claims teach being divided out."""
        problem, total = self.problem, np.zeros(len(self.problem.hierarchy.place))
        total += np.bincount(self.first.problem.source, self._openings(x), len(total))
        shard = self.point
        if shard is None:
            return total
        echo = np.ascontiguousarray(self.evidence.floor()[:, shard.rows].T)
        row = choose_likelihood().rows(shard, theta_of(shard, x[None]), echo)[0]
        some = self.evidence.cells.start[self.drawn] > 0
        row = row[shard.pair[:-1] + some[problem.claims.event[shard.rows]]]
        return total + np.bincount(problem.source[shard.rows], np.log(row), len(total))

    def _by_outcome(self, x: Floats) -> Floats:
        cells, edge, outcome = self.evidence.cells, self.evidence.edges.edge, self.problem.claims.outcome
        total = np.zeros(len(self.problem.hierarchy.counts))
        total += np.bincount(outcome, self._openings(x), len(total))
        tail = self.evidence.tails(x[None])[0]
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
        z = slice_groups(z, self.owner[self.mine], len(layout.place), lambda at: self.by_speaker(put(at)), rng)
        self.x = put(z)
        size = len(self.t)
        weight = np.exp(-2 * self.t)
        number = np.bincount(self.group, minlength=size)
        precision = number * weight + layout.sd[:size] ** -2.0
        pull = weight * np.bincount(self.group, self.x[self.mine], size) + layout.mean[:size] * layout.sd[:size] ** -2.0
        self.x[:size] = pull / precision + rng.standard_normal(size) / np.sqrt(precision)
        square = np.bincount(self.group, (self.x[self.mine] - self.x[self.group]) ** 2, size)
        grid = layout.log_spread[:, None] + layout.log_spread_sd[:, None] * np.linspace(-5, 5, 401)
        log_mass = -number[:, None] * grid - 0.5 * square[:, None] * np.exp(-2 * grid)
        log_mass -= 0.5 * ((grid - layout.log_spread[:, None]) / layout.log_spread_sd[:, None]) ** 2
        self.t = grid[np.arange(size), np.argmax(log_mass + rng.gumbel(size=grid.shape), axis=1)]
        places = layout.counts.ravel()

        def count_x(at: Floats) -> Floats:
            x = self.x.copy()
            x[places] = layout.mean[places] + layout.sd[places] * at
            return x

        at = (self.x[places] - layout.mean[places]) / layout.sd[places]
        of = np.repeat(np.arange(len(layout.counts)), layout.counts.shape[1])
        at = slice_groups(at, of, len(layout.counts), lambda u: self._by_outcome(count_x(u)), rng)
        self.x = count_x(at)


def sample(problem: Problem, *, rng: np.random.Generator, chains: int = CHAINS, sweeps: int = SWEEPS) -> Sampled:
    """Learn sources, classes and count priors, and estimate the counts, by Gibbs sampling.

    Parameters
    ----------
    problem : Problem
        With the favourites that `fit` found.
    rng : numpy Generator, keyword
    chains, sweeps : int, keyword
        The first fifth of the sweeps is left out.
    """
    made = [Chain(problem, one) for one in rng.spawn(chains)]
    xs = []
    for chain in made:
        for sweep in range(sweeps):
            chain.counts(keep=sweep >= sweeps // 5)
            for _ in range(INNER):
                chain.sources()
            if sweep >= sweeps // 5:
                xs.append(chain.x.copy())
    cells = made[0].evidence.cells
    widths = np.diff(cells.first)
    parts = np.array([chain.masses / np.repeat(chain.taken, widths) for chain in made])
    spread = np.cumsum(parts - parts.mean(axis=0), axis=1).std(axis=0, ddof=1)
    error = float(np.max(spread)) / np.sqrt(len(made))
    draws = np.array(xs)
    between = draws.reshape(chains, -1, draws.shape[1]).mean(axis=1).var(axis=0, ddof=1)
    ess = float(np.quantile(draws.var(axis=0) / np.maximum(between, 1e-300), 0.05) * chains)
    return Sampled(draws, parts.mean(axis=0), cells.first, min(ess, float(len(draws))), error)


def compare(mine: Fit, other: Sampled) -> tuple[Floats, Floats]:
    """Largest distances of the distribution functions of counts, and of means of parameters in standard deviations."""
    pairs = zip(mine.start[:-1], mine.start[1:], strict=True)
    counts = [np.max(np.abs(np.cumsum(mine.mass[a:z] - other.mass[a:z]))) for a, z in pairs]
    sd = np.maximum(other.xs.std(axis=0), 1e-9)
    return np.array(counts), np.abs(mine.xs.mean(axis=0) - other.xs.mean(axis=0)) / sd


def main() -> None:
    """Compare `fit` and this sampler on a simulated world."""
    parser = argparse.ArgumentParser(description="Compare `fit` with Gibbs sampling.")
    for name, default in (("events", 14), ("sources", 4), ("claims", 3), ("seed", 0), ("sweeps", SWEEPS)):
        parser.add_argument(f"--{name}", type=int, default=default)
    given = parser.parse_args()
    world = simulate(events=given.events, sources=given.sources, claims_per_event=given.claims, seed=given.seed)
    problem = build_problem(world.claims.columns, assign_roles(world.claims), Model()).problem
    mine = fit(problem, seed=given.seed)
    other = sample(mine.problem, rng=np.random.default_rng(given.seed), sweeps=given.sweeps)
    counts, means = compare(mine, other)
    print(f"{len(problem.source)} claims, {len(problem.hierarchy)} parameters; fit by {mine.way}")
    print(f"counts: distance {counts.mean():.3f} on average, {counts.max():.3f} at most; "
          f"errors stated {mine.error:.3f} and {other.error:.3f}")  # fmt: skip
    print(f"parameters: means apart by {np.median(means):.2f} sd in the middle, {means.max():.2f} at most; "
          f"effective draws {mine.ess:.0f} and {other.ess:.0f}")  # fmt: skip


if __name__ == "__main__":
    main()
