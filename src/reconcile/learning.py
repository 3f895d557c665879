# SPDX-License-Identifier: MIT
"""Learn the sources from a corpus: mode of the marginal likelihood, normal around it, draws moved to the posterior.

Counts are summed out exactly, so what is left is the evidence as a function of source parameters, class means and count
priors (`hierarchy`). Spreads within classes are not put at a joint mode, which would be far off: they are fitted by
expectation-maximisation on the normal approximation, and drawn. Importance weights on such draws degenerate with some
hundred parameters, even source by source; a few steps of Hamiltonian Monte Carlo do not.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Executor
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import attrs
import numpy as np
from numpy.typing import NDArray

from reconcile.batches import COPYING, Claims, CountTable, Result, Shard, average, build_shards, curve, evaluate
from reconcile.echoes import Echoes
from reconcile.hierarchy import Hierarchy
from reconcile.importance import normal_points

if TYPE_CHECKING:
    from reconcile.batches import Block

__all__ = ["Lesson", "Problem", "learn"]

Floats: TypeAlias = NDArray[np.float64]
Ints: TypeAlias = NDArray[np.int64]

FIRST = 2_000  # claims, and one in twenty of all, from which a first mode is found
CURVED = 8_000  # claims from which the curvature is taken, at least
CLIMBS = (20, 10, 10)  # steps towards the mode in each round of mode, spreads and favourites
# Passes over all claims are what costs: draws times claims, at most, and the fewest and most draws.
WORK, FEWEST, MOST = 300_000, 16, 256
MOVED = 5_000  # claims up to which draws are moved from the normal approximation to the posterior itself
MOVED_PARAMETERS = 600  # and parameters, since a matrix of them is factored for each chain and sweep
MIXED = 1.3  # median R-hat beyond which a reader is told
EFFORT, CHAINS, STEPS = 1_200_000, 8, 3  # claims times gradients; chains; gradients in a sweep


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
        claims = attrs.evolve(
            self.claims,
            event=renamed[self.claims.event[kept]],
            value=self.claims.value[kept],
            hedged=self.claims.hedged[kept],
            outcome=self.claims.outcome[events],
        )
        echoes = attrs.evolve(self.echoes, there=self.echoes.there[:, kept], same=self.echoes.same[:, kept])
        return Problem(claims, self.source[kept], self.columns[:, kept], self.hierarchy, echoes)


@attrs.define(eq=False)
class _Corpus:
    """A problem cut into shards, with what is passed to each."""

    problem: Problem
    spread: Callable[..., Iterable[Any]]
    shards: tuple[Shard, ...]
    edge: Ints
    echoes: Echoes

    @classmethod
    def of(cls, problem: Problem, spread: Callable[..., Iterable[Any]]) -> _Corpus:
        shards, edge = build_shards(problem.claims)
        return cls(problem, spread, shards, edge, problem.echoes)

    def floor(self) -> Floats:
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
        tables = [layout.table(x, self.edge) for x in xs]
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
            np.add.at(slope[k], layout.counts, np.einsum("oku,ou->ok", table.slopes, prior[k]))
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
    return [average(shard, _pick(xs[part::2], columns), echo, tables[part::2]) for part in (0, 1)]


def _curve(shard: Shard, theta: Floats, echo: Floats, columns: Ints, *shared: Any) -> Floats:
    table, moved, places, size = shared
    return curve(shard, theta, echo, table, moved, columns, places, size)


@attrs.frozen(eq=False)
class _Normal:
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

    def scaled(self, factor: float) -> _Normal:
        """Give the same for so many times as many claims."""
        return attrs.evolve(self, slope=factor * self.slope, curvature=factor * self.curvature)

    def definite(self) -> _Normal:
        """Flatten directions in which the evidence is curved upwards, so that the prior alone decides there."""
        if len(self.x) > MOVED_PARAMETERS:
            return self  # seldom so, and dear
        scale = np.sqrt(np.diag(self.layout.precision(self.layout.log_spread)))
        level, axes = np.linalg.eigh(self.curvature / np.outer(scale, scale))
        flat = (axes * np.maximum(level, 0.0)) @ axes.T
        return attrs.evolve(self, curvature=flat * np.outer(scale, scale))

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
            covariance = _inverse(root)
            variance = np.diag(covariance)
            between = variance[mine] + variance[group] - 2 * covariance[mine, group]
            square = np.bincount(group, (center[mine] - center[group]) ** 2 + between, size)
            for _ in range(20):  # of Newton's method, for each class by itself
                lean = square * np.exp(-2 * t)
                slope = lean - number - (t - layout.log_spread) / sd**2
                t = t + np.clip(slope / (2 * lean + 1 / sd**2), -0.5, 0.5)
        if not steps:
            root, _, _ = self.root(t)
            covariance = _inverse(root)
            between = np.diag(covariance)[mine] + np.diag(covariance)[group] - 2 * covariance[mine, group]
        known = np.bincount(group, (1 - np.minimum(between * np.exp(-2 * t[group]), 1)) ** 2, size)
        return t, 1 / np.sqrt(1 / sd**2 + 2 * known)


def _cholesky(precision: Floats, prior: Floats) -> Floats:
    """Lower factor; where the evidence is curved upwards, more and more of the prior's diagonal is added."""
    ridge = 0.0
    while True:
        with contextlib.suppress(np.linalg.LinAlgError):
            return np.asarray(np.linalg.cholesky(precision + ridge * np.diag(np.diag(prior))), dtype=np.float64)
        ridge = 2 * ridge or 0.125


def _inverse(root: Floats) -> Floats:
    from scipy.linalg.lapack import dpotri

    upper, _ = dpotri(root, lower=1)
    found: Floats = np.tril(upper) + np.tril(upper, -1).T
    return found


@attrs.frozen(eq=False)
class Lesson:
    """What a corpus taught, and the counts that follow.

    Attributes
    ----------
    problem : Problem
        With the favourites found.
    mean : ndarray, shape (p,)
    covariance : ndarray, shape (p, p)
    t, t_sd : ndarray, shape (k,)
        Mean and standard deviation of the logarithms of the spreads of classes.
    xs : ndarray, shape (draws, p)
        Draws of all parameters, each as good as any other.
    low : ndarray of int
        First count of each cell, of all counts one after the other.
    mass : ndarray
        Posterior mass of each cell.
    start : ndarray of int, shape (events + 1,)
        Where the cells of each count begin.
    ess, error : float
        As in `Diagnostics`.
    notes : tuple of str
    """

    problem: Problem
    mean: Floats
    covariance: Floats
    t: Floats
    t_sd: Floats
    xs: Floats
    low: Ints
    mass: Floats
    start: Ints
    ess: float
    error: float
    notes: tuple[str, ...]


def learn(
    problem: Problem,
    *,
    rng: np.random.Generator,
    draws: int | None = None,
    executor: Executor | None = None,
    report: Callable[[str], None] = lambda _: None,
) -> Lesson:
    """Learn sources, classes and count priors, and estimate the counts.

    Parameters
    ----------
    problem : Problem
    rng : numpy Generator, keyword
    draws : int, keyword, optional
        A multiple of 16. Up to 5,000 claims it bounds the sweeps of the chains, as `EFFORT` does; beyond, it is the
        number of draws, by default from 48 (5,000 claims) to 16 (from 18,000).
    executor : Executor, keyword, optional
        Where to compute shards; the result is the same to the last bit with any number of workers.
    report : callable, keyword
        Told in words how far the work is.

    Returns
    -------
    Lesson
    """
    _keep_memory()
    spread: Callable[..., Iterable[Any]] = map if executor is None else executor.map
    total = len(problem.source)
    every = _Corpus.of(problem, spread)
    first = _Corpus.of(_some(problem, max(FIRST, total // 20), rng), spread) if total > 2 * FIRST else every
    layout = problem.hierarchy
    x, t = layout.mean.copy(), layout.log_spread.copy()
    scale = 1 / np.sqrt(np.diag(layout.precision(t)))
    steps_of_spreads = 5 if len(layout) < 800 else 1
    for at, steps in enumerate(CLIMBS, start=1):
        report(f"first mode, round {at} of {len(CLIMBS)}")
        x = _climb(first, x, t, scale=scale, steps=steps if total > MOVED else 4 * steps)
        normal = _curve_at(first, x)
        t, _ = normal.spreads(t, steps_of_spreads)
        scale = 1 / np.sqrt(np.maximum(np.diag(normal.curvature), 0) + np.diag(layout.precision(t)))
        _favour(first, x)
        every.echoes = attrs.evolve(every.echoes, shares=first.echoes.shares)
    if first is not every:
        report("mode of all claims")
        _favour(every, x)
        root, _, _ = normal.scaled(total / len(first.problem.source)).root(t)
        x = _climb(every, x, t, root=root, steps=5)
    report("curvature")
    some = every if total <= CURVED else _Corpus.of(_some(problem, CURVED, rng), spread)
    some.echoes = attrs.evolve(some.echoes, shares=every.echoes.shares)
    curvature = some.curvature(x) * (total / len(some.problem.source))
    (value,), (slope,), _ = every.evaluate(x[None])
    normal = _Normal(layout, x, slope, curvature).definite()
    t, t_sd = normal.spreads(t, steps_of_spreads)
    _, center, _ = normal.root(t)
    (other,), (slope,), _ = every.evaluate(center[None])
    if other + layout.log_prior(center, t) > value + layout.log_prior(x, t):
        normal = attrs.evolve(normal, x=center, slope=slope)
    report("draws")
    return _conclude(every, normal, t, t_sd, draws, rng)


def _keep_memory() -> None:
    """Free one array that is as large as glibc's limit allows: it then keeps what is freed, which halves the time."""
    np.empty(31 << 17)


def _some(problem: Problem, claims: int, rng: np.random.Generator) -> Problem:
    """Pick counts at random, with about so many claims."""
    events = len(problem.claims.outcome)
    number = max(int(events * claims / len(problem.source)), 1)
    return problem.only(np.sort(rng.permutation(events)[:number]))


def _favour(corpus: _Corpus, x: Floats) -> None:
    """See anew whom each source copies."""
    problem = corpus.problem
    chance = 1 / (1 + np.exp(-problem.hierarchy.theta(x, problem.columns)[COPYING]))
    chance = np.where(problem.columns[COPYING] < len(problem.hierarchy), chance, 0.0)
    corpus.echoes = corpus.echoes.revised(problem.source, chance, corpus.evaluate(x[None])[2][0])


def _curve_at(corpus: _Corpus, x: Floats) -> _Normal:
    return _Normal(corpus.problem.hierarchy, x, corpus.evaluate(x[None])[1][0], corpus.curvature(x)).definite()


def _climb(
    corpus: _Corpus, x: Floats, t: Floats, *, steps: int, scale: Floats | None = None, root: Floats | None = None
) -> Floats:
    """Climb to the mode given t, in coordinates scaled one by one or turned by a root of the precision."""
    from scipy.linalg import solve_triangular
    from scipy.optimize import minimize

    layout, start = corpus.problem.hierarchy, x
    prior = layout.precision(t)

    def turned(v: Floats, trans: Literal["N", "T"]) -> Floats:
        if root is not None:
            found: Floats = solve_triangular(root, v, lower=True, trans=trans)
            return found
        return v if scale is None else scale * v

    def target(u: Floats) -> tuple[float, Floats]:
        at = start + turned(u, "T")
        (value,), (slope,), _ = corpus.evaluate(at[None])
        gap = at - layout.mean
        return -float(value - 0.5 * gap @ prior @ gap), -turned(slope - prior @ gap, "N")

    found = minimize(
        target,
        np.zeros(len(x)),
        jac=True,
        method="L-BFGS-B",
        options={"maxiter": steps, "maxfun": 2 * steps, "ftol": 1e-10, "gtol": 1e-2},
    )
    return start + turned(np.asarray(found.x), "T")


def _conclude(
    corpus: _Corpus, normal: _Normal, t: Floats, t_sd: Floats, draws: int | None, rng: np.random.Generator
) -> Lesson:
    problem, total = corpus.problem, len(corpus.problem.source)
    notes: tuple[str, ...] = ()
    if total <= MOVED and len(normal.x) <= MOVED_PARAMETERS:
        xs, ts, ess, disagreement = _move(corpus, normal, t, t_sd, draws or MOST, rng)
        if disagreement > MIXED:
            said = "the sources can be read in more than one way, and the draws do not tell how likely each is"
            notes = (f"{said} (R-hat {disagreement:.1f}): intervals may be off",)
        center, covariance = xs.mean(axis=0), np.cov(xs.T).reshape(len(normal.x), len(normal.x))
        # Few draws say little of correlations between hundreds of parameters, so lean on the normal approximation.
        root, _, _ = normal.root(t)
        share = len(xs) / (len(xs) + 2 * len(center))
        scale = np.sqrt(np.diag(covariance) / np.diag(_inverse(root)))
        covariance = share * covariance + (1 - share) * _inverse(root) * np.outer(scale, scale)
        t, t_sd = ts.mean(axis=0), ts.std(axis=0) + 1e-6
    else:
        number = draws or int(np.clip(WORK // total, FEWEST, MOST)) // 16 * 16
        xs, _ = _propose(normal, t, t_sd, number, rng)
        root, center, _ = normal.root(t)
        covariance, ess = _inverse(root), float(len(xs))
    low, mass, start, error = _estimate(corpus, xs)
    problem = attrs.evolve(problem, echoes=corpus.echoes)
    return Lesson(problem, center, covariance, t, t_sd, xs, low, mass, start, ess, error, notes)


def _propose(normal: _Normal, t: Floats, t_sd: Floats, draws: int, rng: np.random.Generator) -> tuple[Floats, Floats]:
    """Draw the spreads of the classes, and given them all other parameters, from the normal approximation."""
    from scipy.linalg import solve_triangular

    size = len(normal.x)
    kinds = min(draws, 64 if size <= 200 else 16 if size <= 800 else 4)
    each = draws // kinds
    z = normal_points(max(kinds, 8), len(t), rng)[:kinds]
    unit = normal_points(draws, size, rng)
    xs, ts = np.empty((draws, size)), np.empty((draws, len(t)))
    for k in range(kinds):
        mine = slice(k * each, (k + 1) * each)
        ts[mine] = t + t_sd * z[k]
        root, center, _ = normal.root(ts[mine][0])
        xs[mine] = center + solve_triangular(root, unit[mine].T, lower=True, trans="T").T
    return xs, ts


def _move(
    corpus: _Corpus, normal: _Normal, t: Floats, t_sd: Floats, draws: int, rng: np.random.Generator
) -> tuple[Floats, Floats, float, float]:
    """Move draws from the normal approximation to the posterior, by Hamiltonian Monte Carlo on what it leaves out.

    The normal part is followed exactly, as a rotation; what the evidence has beside it gives the kicks (Shahbaba et al.
    2014). Spreads of classes are drawn given all else. Several chains run side by side.
    """
    from scipy.linalg import solve_triangular

    layout, size = normal.layout, len(normal.x)
    sweeps = int(np.clip(EFFORT // (CHAINS * STEPS * max(len(corpus.problem.source), 1)), 16, 4 * draws // CHAINS + 32))
    xs, ts = _propose(normal, t, t_sd, 16 * -(-CHAINS // 16), rng)
    xs, ts = xs[:: len(xs) // CHAINS][:CHAINS], ts[:: len(ts) // CHAINS][:CHAINS]
    xs, ts = normal.x + 0.5 * (xs - normal.x), t + 0.5 * (ts - t)  # the tails of the normal may be nowhere
    value, slope, _ = corpus.evaluate(xs)
    kept, kept_t, angle = [], [], np.full(CHAINS, 0.6)

    for sweep in range(sweeps):
        roots, centers, priors = zip(*(normal.root(one) for one in ts), strict=True)
        middle = np.array(centers)

        def turn(rows: Floats, roots: Sequence[Floats] = roots) -> Floats:
            safe = np.clip(np.nan_to_num(rows), -1e8, 1e8)  # what is so far out is refused below
            return np.array([solve_triangular(r, row, lower=True) for r, row in zip(roots, safe, strict=True)])

        def back(rows: Floats, roots: Sequence[Floats] = roots) -> Floats:
            return np.array(
                [solve_triangular(r, row, lower=True, trans="T") for r, row in zip(roots, rows, strict=True)]
            )

        def beyond(
            u: Floats, x: Floats, value: Floats, slope: Floats, priors: Sequence[Floats] = priors
        ) -> tuple[Floats, Floats]:
            """What the log posterior and its gradient have beside a standard normal of u."""
            gap = x - layout.mean
            pull = np.array([prior @ row for prior, row in zip(priors, gap, strict=True)])
            rest = value - 0.5 * np.sum(gap * pull, axis=1) + 0.5 * np.sum(u**2, axis=1)
            return rest, np.clip(turn(slope - pull) + u, -50.0, 50.0)

        u = np.array([r.T @ (x - c) for r, x, c in zip(roots, xs, centers, strict=True)])
        rest, kick = beyond(u, xs, value, slope)
        speed = rng.standard_normal(u.shape)
        before = rest - 0.5 * np.sum(u**2 + speed**2, axis=1)
        # Short steps now and then, for a chain in a narrow place.
        turning = (angle * rng.uniform(0.7, 1.3, CHAINS) * np.where(rng.random(CHAINS) < 0.2, 0.2, 1.0))[:, None]
        new, new_value, new_slope = xs, value, slope
        for _ in range(STEPS):
            speed = speed + 0.5 * turning * kick
            u, speed = u * np.cos(turning) + speed * np.sin(turning), speed * np.cos(turning) - u * np.sin(turning)
            new = middle + back(u)
            new_value, new_slope, _ = corpus.evaluate(new)
            rest, kick = beyond(u, new, new_value, new_slope)
            speed = speed + 0.5 * turning * kick
        gain = rest - 0.5 * np.sum(u**2 + speed**2, axis=1) - before
        taken = np.log(rng.random(CHAINS)) < np.where(np.isfinite(gain), gain, -np.inf)
        xs[taken], value[taken], slope[taken] = new[taken], new_value[taken], new_slope[taken]
        ts = np.array([_draw_spreads(layout, x, rng) for x in xs])
        if sweep < sweeps // 3:
            angle = np.clip(angle * np.exp(0.4 * (taken - 0.7)), 0.02, 1.0)
        else:
            kept.append(xs.copy())
            kept_t.append(ts.copy())
    chains = np.array(kept)
    return chains.reshape(-1, size), np.array(kept_t).reshape(-1, len(t)), _effective(chains), _disagreement(chains)


def _draw_spreads(layout: Hierarchy, x: Floats, rng: np.random.Generator) -> Floats:
    """Draw the logarithms of the spreads of classes given everything else, on a grid."""
    mine = np.flatnonzero(layout.class_of >= 0)
    group, count = layout.class_of[mine], len(layout.log_spread)
    number = np.bincount(group, minlength=count)
    square = np.bincount(group, (x[mine] - x[group]) ** 2, count)
    grid = np.linspace(-4.5, 4.5, 241)
    at = layout.log_spread[:, None] + layout.log_spread_sd[:, None] * grid
    log_mass = -number[:, None] * at - 0.5 * square[:, None] * np.exp(-2 * at) - 0.5 * grid**2
    below = np.cumsum(np.exp(log_mass - log_mass.max(axis=1, keepdims=True)), axis=1)
    place = np.sum(below < rng.random((count, 1)) * below[:, -1:], axis=1)
    step = (grid[1] - grid[0]) * layout.log_spread_sd
    found: Floats = at[np.arange(count), np.minimum(place, len(grid) - 1)] + step * (rng.random(count) - 0.5)
    return found


def _effective(chains: Floats) -> float:
    """Median effective number of draws over parameters, from autocorrelations; `chains` (sweeps, chains, p)."""
    length, count, _ = chains.shape
    gap = chains - chains.mean(axis=(0, 1))
    variance = np.mean(gap**2, axis=(0, 1))
    factor, alive = np.ones(len(variance)), np.ones(len(variance), dtype=bool)
    for lag in range(1, length):
        correlation = np.mean(gap[lag:] * gap[:-lag], axis=(0, 1)) / np.maximum(variance, 1e-300)
        alive &= correlation > 0.05
        factor += 2 * np.where(alive, correlation, 0.0)
    return float(length * count / np.median(factor))


def _disagreement(chains: Floats) -> float:
    """Median, over parameters, of how much wider all chains together are than each (R-hat, Gelman and Rubin 1992)."""
    within = chains.var(axis=0, ddof=1).mean(axis=0)
    between = chains.mean(axis=0).var(axis=0, ddof=1)
    return float(np.median(np.sqrt(1 + between / np.maximum(within, 1e-300))))


def _estimate(corpus: _Corpus, xs: Floats) -> tuple[Ints, Floats, Ints, float]:
    """Average the counts over the draws; first counts of cells, masses, where each count begins, and the error."""
    tables = [corpus.problem.hierarchy.table(x, corpus.edge) for x in xs]
    cells: list[tuple[Ints, Block, Floats]] = []
    error = 0.0
    for shard, parts in corpus.each(_halves, corpus.problem.columns, corpus.floor(), shared=[xs, tables]):
        for block, one, other in zip(shard.blocks, *parts, strict=True):
            cells.append((shard.events[block.events], block, 0.5 * (one + other)))
            error = max(error, float(np.max(np.abs(np.cumsum(one - other, axis=1)))) / 2)
    number = np.zeros(len(corpus.problem.claims.outcome), dtype=np.int64)
    for mine, block, _ in cells:
        number[mine] = (block.width > 0).sum(axis=1)
    start = np.concatenate([[0], np.cumsum(number)])
    low, mass = np.empty(start[-1], dtype=np.int64), np.empty(start[-1])
    for mine, block, found in cells:
        inside = block.width > 0
        at = (start[mine][:, None] + np.arange(block.width.shape[1]))[inside]
        low[at], mass[at] = block.low[inside].astype(np.int64), found[inside]
    return low, mass, start, error
