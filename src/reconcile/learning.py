# SPDX-License-Identifier: MIT
"""Learn the sources from a corpus: mode of the marginal likelihood, normal around it, draws moved to the posterior.

Counts are summed out exactly, so what is left is the evidence as a function of source parameters, class means and count
priors (`hierarchy`), given the first claim about each count (`openings`). Spreads within classes are not put at a joint
mode, which would be far off: they are fitted by expectation-maximisation on the normal approximation, and drawn.
Importance weights on such draws degenerate with some hundred parameters, even source by source; a few steps of
Hamiltonian Monte Carlo do not.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from concurrent.futures import Executor, ThreadPoolExecutor
from typing import Any, Literal, TypeAlias

import attrs
import numpy as np
from numpy.typing import NDArray

from reconcile.chains import MIXED, begin, move, propose
from reconcile.channels import expit
from reconcile.echoes import Echoes
from reconcile.evidence import DENSE, Normal, Problem, estimate_counts, fill_up, invert
from reconcile.openings import Opened
from reconcile.rows import COPYING, FIDELITY

__all__ = ["Lesson", "learn"]

Floats: TypeAlias = NDArray[np.float64]
Ints: TypeAlias = NDArray[np.int64]

# Logits of copying and of exactness where a climb begins with the reading that sources copy: judgement.
COPIED, INEXACT = 2.0, 2.0
FIRST = 2_000  # claims, and one in twenty of all, from which a first mode is found
CURVED = 8_000  # claims from which the curvature is taken, at least
CLIMBS = (20, 10, 10)  # steps towards the mode in each round of mode, spreads and favourites
# Passes over all claims are what costs: draws times claims, at most, and the fewest and most draws.
WORK, FEWEST, MOST = 300_000, 16, 256
THREADED = 1_000  # claims from which arrays are long enough for threads to run side by side
MOVED = 5_000  # claims up to which draws are moved from the normal approximation to the posterior itself
FEW = 20.0  # effective draws below which it is said


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
        Where to compute shards; by default in threads, one for each core, from 1,000 claims. The result is the same to
        the last bit with any number of workers.
    report : callable, keyword
        Told in words how far the work is.

    Returns
    -------
    Lesson
    """
    import scipy.linalg  # noqa: F401 - brings linear algebra of its own, which is limited only once it is loaded
    from threadpoolctl import threadpool_limits

    _keep_memory()
    # Threads of linear algebra wait for each other on matrices as small as these, at several times the cost, and their
    # number shows in the last bits.
    with threadpool_limits(limits=1, user_api="blas"):
        return _learn_with(problem, rng, draws, executor, report)


def _learn_with(
    problem: Problem,
    rng: np.random.Generator,
    draws: int | None,
    executor: Executor | None,
    report: Callable[[str], None],
) -> Lesson:
    if executor is None and len(problem.source) >= THREADED and (cores := _cores()) > 1:
        with ThreadPoolExecutor(cores) as threads:
            return _learn(problem, threads.map, rng, draws, report)
    return _learn(problem, map if executor is None else executor.map, rng, draws, report)


def _cores() -> int:
    """How many cores this process may use."""
    mine = getattr(os, "sched_getaffinity", None)  # not on every system
    return len(mine(0)) if mine else os.cpu_count() or 1


def _learn(
    problem: Problem,
    spread: Callable[..., Iterable[Any]],
    rng: np.random.Generator,
    draws: int | None,
    report: Callable[[str], None],
) -> Lesson:
    total = len(problem.source)
    whole = Opened.of(problem, spread)
    part = whole.only(_some(problem, max(FIRST, total // 20), rng)) if total > 2 * FIRST else whole
    layout, effort = problem.hierarchy, 1 if total > MOVED else 4
    steps_of_spreads = 5 if len(layout) < 800 else 1
    # A climb stays with the reading that it begins from, so the better one must be looked for. That sources copy is the
    # reading that finds its way back where they do not; beyond `MOVED` claims it is the only one, to save time.
    readings = [(layout.mean, part.joint.echoes)]
    if np.any(problem.echoes.favourites >= 0):
        readings.append((_as_copiers(problem), part.joint.echoes.loyal()))
    if total > MOVED:
        readings = readings[-1:]
    modes = [_search(part, x, echoes, effort, steps_of_spreads, report) for x, echoes in readings]
    mode = max(modes, key=lambda one: one.height)
    x, t, every, mass, kept = mode.x, mode.t, mode.reduced, mode.mass, mode.kept
    if part is not whole:
        report("mode of all claims")
        whole.joint.echoes = attrs.evolve(whole.joint.echoes, shares=every.joint.echoes.shares)
        root, _, _ = mode.normal.scaled(total / len(part.problem.source)).root(t)
        every, mass, kept = whole.reduced(x[None])
        _favour(every, x)
        x = _climb(every, x, t, root=root, steps=12)
    report("curvature")
    some = every if total <= CURVED else every.only(_some(problem, CURVED, rng))
    curvature = some.curvature(x) * (total / len(some.problem.source))
    (value,), (slope,) = every.evaluate(x[None])
    normal = Normal(layout, x, slope, curvature).definite()
    t, t_sd = normal.spreads(t, steps_of_spreads)
    _, center, _ = normal.root(t)
    (other,), (slope,) = every.evaluate(center[None])
    if other + layout.log_prior(center, t) > value + layout.log_prior(x, t):
        normal = attrs.evolve(normal, x=center, slope=slope)
    report("draws")
    if total > MOVED or len(layout) > DENSE:
        number = draws or int(np.clip(WORK // total, FEWEST, MOST)) // 16 * 16
        xs, _ = propose(normal, t, t_sd, number, rng)
        root, center, _ = normal.root(t)
        taught = _Taught(center, invert(root), t, t_sd, xs, float(len(xs)))
    else:
        starts = begin(normal, t, t_sd, total, rng)
        whole.joint.echoes = every.joint.echoes
        every, mass, kept = whole.reduced(np.concatenate([normal.x[None], starts[0]]))
        taught = _moved(every, normal, starts, draws or MOST, rng)
    found, error = estimate_counts(every.joint, taught.xs)
    low, start = whole.joint.cells.start, whole.joint.cells.first
    return Lesson(
        attrs.evolve(problem, echoes=every.joint.echoes), taught.mean, taught.covariance, taught.t, taught.t_sd,
        taught.xs, low, fill_up(found, mass, kept, start), start, taught.ess, error, taught.notes,
    )  # fmt: skip


def _keep_memory() -> None:
    """Free one array that is as large as glibc's limit allows: it then keeps what is freed, which halves the time."""
    np.empty(31 << 17)


@attrs.frozen(eq=False)
class _Mode:
    """A mode, the normal around it, the logarithm of its mass but for a constant, and cells; see `Opened.reduced`."""

    x: Floats
    t: Floats
    normal: Normal
    height: float
    reduced: Opened
    mass: Floats
    kept: Ints


def _search(
    part: Opened, x: Floats, echoes: Echoes, effort: int, steps_of_spreads: int, report: Callable[[str], None]
) -> _Mode:
    """Climb from a reading of the sources, with spreads and favourites in turn."""
    layout, before = part.problem.hierarchy, part.joint.echoes
    part.joint.echoes = echoes
    first, mass, kept = part.reduced(x[None])
    t = layout.log_spread.copy()
    scale = 1 / np.sqrt(np.diag(layout.precision(t)))
    for at, steps in enumerate(CLIMBS, start=1):
        report(f"first mode, round {at} of {len(CLIMBS)}")
        x = _climb(first, x, t, scale=scale, steps=effort * steps)
        normal = _curve_at(first, x)
        t, _ = normal.spreads(t, steps_of_spreads)
        scale = 1 / np.sqrt(np.maximum(np.diag(normal.curvature), 0) + np.diag(layout.precision(t)))
        _favour(first, x)
        part.joint.echoes = first.joint.echoes
        first, mass, kept = part.reduced(x[None])
    part.joint.echoes = before
    root, _, _ = normal.root(t)
    height = float(first.evaluate(x[None])[0][0] + layout.log_prior(x, t) - np.log(np.diag(root)).sum())
    return _Mode(x, t, normal, height, first, mass, kept)


def _as_copiers(problem: Problem) -> Floats:
    """Give the reading in which whoever can copy mostly does, and what is not copied is less exact."""
    x, place = problem.hierarchy.mean.copy(), problem.columns[COPYING]
    mine = problem.columns[:, place < len(x)]
    x[mine[COPYING]] = COPIED
    x[mine[FIDELITY]] = INEXACT
    return x


def _some(problem: Problem, claims: int, rng: np.random.Generator) -> Ints:
    """Pick counts at random, with about so many claims; in ascending order."""
    events = len(problem.claims.outcome)
    number = max(int(events * claims / len(problem.source)), 1)
    return np.sort(rng.permutation(events)[:number])


def _favour(corpus: Opened, x: Floats) -> None:
    """See anew whom each source copies."""
    problem = corpus.problem
    chance = expit(problem.hierarchy.theta(x, problem.columns)[COPYING])
    chance = np.where(problem.columns[COPYING] < len(problem.hierarchy), chance, 0.0)
    corpus.joint.echoes = corpus.joint.echoes.revised(problem.source, chance, corpus.copies(x))


def _curve_at(corpus: Opened, x: Floats) -> Normal:
    return Normal(corpus.problem.hierarchy, x, corpus.evaluate(x[None])[1][0], corpus.curvature(x)).definite()


def _climb(
    corpus: Opened, x: Floats, t: Floats, *, steps: int, scale: Floats | None = None, root: Floats | None = None
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
        (value,), (slope,) = corpus.evaluate(at[None])
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


@attrs.frozen(eq=False)
class _Taught:
    """The part of a `Lesson` that is not about counts."""

    mean: Floats
    covariance: Floats
    t: Floats
    t_sd: Floats
    xs: Floats
    ess: float
    notes: tuple[str, ...] = ()


def _moved(
    corpus: Opened, normal: Normal, starts: tuple[Floats, Floats], draws: int, rng: np.random.Generator
) -> _Taught:
    xs, ts, ess, disagreement = move(corpus, normal, *starts, draws, rng)
    notes: tuple[str, ...] = ()
    if disagreement > MIXED:
        said = "the sources can be read in more than one way, and the draws do not tell how likely each is"
        notes = (f"{said} (R-hat {disagreement:.1f}): intervals may be off; compare with learn=False",)
    elif ess < FEW:
        said = f"what is said of the sources rests on some {ess:.0f} independent draws"
        notes = (f"{said}: their intervals are rough; more `draws` help",)
    center, covariance = xs.mean(axis=0), np.cov(xs.T).reshape(len(normal.x), len(normal.x))
    # Few draws say little of correlations between hundreds of parameters, so lean on the normal approximation.
    t = ts.mean(axis=0)
    root, _, _ = normal.root(t)
    share = len(xs) / (len(xs) + 2 * len(center))
    scale = np.sqrt(np.diag(covariance) / np.diag(invert(root)))
    covariance = share * covariance + (1 - share) * invert(root) * np.outer(scale, scale)
    return _Taught(center, covariance, t, ts.std(axis=0) + 1e-6, xs, ess, notes)
