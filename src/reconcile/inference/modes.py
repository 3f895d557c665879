# SPDX-License-Identifier: MIT
"""The mode of the evidence, with the normal around it: where the draws of a fit begin."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, TypeAlias

import attrs
import numpy as np
from numpy.typing import NDArray

from reconcile.channels import expit
from reconcile.inference.copying import Echoes
from reconcile.inference.evidence import AllEvidence
from reconcile.inference.hierarchy import Hierarchy
from reconcile.inference.laplace import Laplace, flatten
from reconcile.inference.problems import Problem
from reconcile.inference.rows import COPYING, FIDELITY

__all__ = ["Mode", "find_dense", "find_diagonal", "find_mode", "find_precision"]

Floats: TypeAlias = NDArray[np.float64]
Ints: TypeAlias = NDArray[np.int64]

# Logits of copying and of exactness where a climb begins with the reading that sources copy: judgement.
COPIED, INEXACT = 2.0, 2.0
FIRST = 2_000  # claims, and one in twenty of all, from which a first mode is found
CURVED = 8_000  # claims from which the curvature is taken, at least
ALL_STEPS = (12, 60)  # steps towards the mode of all claims, and where not all parameters are dense
CLIMBS = (40, 20)  # steps towards the mode in each round of mode, spreads and favourites
CORNERS, CORNER = 16, 0.02  # at which slopes are taken to see how narrow their coordinates are, and how far away
# Parameters up to which correlations between all are looked at, and claims from which those of a source are beyond;
# matrices of more than so many cost more than they help.
EVERY, HEARD, DENSE = 300, 8, 2_500


@attrs.frozen(eq=False)
class Mode:
    """A mode, the normal around it, the logarithm of its mass but for a constant, and who copies whom there."""

    x: Floats
    t: Floats
    t_sd: Floats
    normal: Laplace
    dense: Ints
    height: float
    echoes: Echoes

    def center(self, evidence: AllEvidence) -> Floats:
        """Middle of the normal in standardised coordinates, or where the climb ended if that is higher; (p + k,)."""
        layout = evidence.problem.hierarchy
        z = np.repeat(layout.fold(self.x[None], self.t[None]), 2, axis=0)
        z[1, self.dense] = self.normal.given(self.t)[1]
        height = evidence.values(layout.unfold(z))[0] - 0.5 * np.sum(z**2, axis=1)
        best: Floats = z[int(np.argmax(np.nan_to_num(height, nan=-np.inf)))]
        return best

    def coordinates(self, layout: Hierarchy) -> Ints:
        """Which of the standardised coordinates are dense: those of dense parameters, and spreads."""
        return np.concatenate([self.dense, np.arange(len(layout), layout.size)])


def find_mode(whole: AllEvidence, rng: np.random.Generator, report: Callable[[str], None]) -> Mode:
    """Find the mode of the evidence, of a part of the claims where they are many, and look at its curvature there."""
    problem, layout = whole.problem, whole.problem.hierarchy
    total, dense = whole.size, find_dense(problem)
    steps = 3 if len(dense) <= 800 else 1
    small = total <= FIRST or not problem.model.is_standard
    part = whole if small else whole.only(max(FIRST, total // 20), rng)
    copying = bool(np.any(problem.echoes.favourites >= 0))
    before = part.echoes
    starts = [(np.zeros(len(layout)), before)] if small or not copying else []
    if copying:
        reading = layout.fold(_as_copiers(problem)[None], layout.log_spread[None])[0, : len(layout)]
        starts.append((reading, before.loyal()))
    modes = []
    for at, (z, echoes) in enumerate(starts, start=1):
        report(f"mode {at} of {len(starts)}")
        modes.append(_search(part, z, echoes, dense, steps))
    mode = max(modes, key=lambda one: one.height)
    whole.echoes = attrs.evolve(whole.echoes, shares=mode.echoes.shares)
    if small:
        return mode
    report("all claims")
    root, _ = mode.normal.scaled(total / part.size).given(mode.t)
    every, _, _ = whole.reduced(mode.x[None])
    _favour(every, mode.x)
    z = layout.fold(mode.x[None], mode.t[None])[0]
    scale = 1 / np.sqrt(find_diagonal(every, z, mode.coordinates(layout), rng))[: len(layout)]
    steps_of_all = ALL_STEPS[len(dense) < len(layout)]
    x = _climb(every, mode.x, mode.t, steps=steps_of_all, scale=scale, root=root, dense=dense)
    some = every if total <= CURVED else every.only(CURVED, rng)
    curved = _curve_at(some, x, dense, total / some.size)
    normal = attrs.evolve(curved, slope=every.evaluate(x[None])[1][0, dense])
    t, t_sd = normal.fit_spreads(mode.t, steps)
    whole.echoes = every.echoes
    return Mode(x, t, t_sd, normal, dense, np.nan, every.echoes)


def _search(part: AllEvidence, z: Floats, echoes: Echoes, dense: Ints, steps_of_spreads: int) -> Mode:
    """Climb from a reading of the sources, with spreads and favourites in turn."""
    layout, before = part.problem.hierarchy, part.echoes
    part.echoes = echoes
    t, t_sd = layout.log_spread.copy(), layout.log_spread_sd
    x = layout.unfold(np.concatenate([z, np.zeros(len(t))])[None])[0]
    first, _, _ = part.reduced(x[None])
    part.echoes = before
    scale: Floats = np.ones(len(x))
    normal = None
    for steps in CLIMBS:
        x = _climb(first, x, t, scale=scale, steps=steps)
        normal = _curve_at(first, x, dense)
        t, t_sd = normal.fit_spreads(t, steps_of_spreads)
        scale[dense] = 1 / np.sqrt(1 + np.maximum(np.diag(normal.turned(t)), 0.0))
        _favour(first, x)
    assert normal is not None  # noqa: S101 - for type checkers: there is more than one round
    root, _ = normal.given(t)
    at = layout.fold(x[None], t[None])
    height = float(first.values(x[None])[0][0] - 0.5 * np.sum(at**2) - np.log(np.diag(root)).sum())
    return Mode(x, t, t_sd, normal, dense, height, first.echoes)


def _as_copiers(problem: Problem) -> Floats:
    """Starting point: every source that may copy does so with probability .88, and is less exact when it does not."""
    x, place = problem.hierarchy.mean.copy(), problem.columns[COPYING]
    mine = problem.columns[:, place < len(x)]
    x[mine[COPYING]] = COPIED
    x[mine[FIDELITY]] = INEXACT
    return x


def find_dense(problem: Problem) -> Ints:
    """Places of the parameters between which correlations are looked at: not those of sources with few claims."""
    layout = problem.hierarchy
    if len(layout) <= EVERY:
        return np.arange(len(layout))
    busy = np.bincount(problem.source, minlength=len(layout.place))
    kept = np.array([name.scope != "source" for name in layout.names])
    kept[layout.joint] = True
    for speaker in np.argsort(-busy, kind="stable"):
        if busy[speaker] < HEARD or np.count_nonzero(kept) >= DENSE:
            break
        place = layout.place[speaker]
        kept[place[place < len(layout)]] = True
    return np.flatnonzero(kept)


def _favour(evidence: AllEvidence, x: Floats) -> None:
    """See anew whom each source copies."""
    problem = evidence.alone.problem
    chance = expit(problem.hierarchy.theta(x, problem.columns)[COPYING])
    chance = np.where(problem.columns[COPYING] < len(problem.hierarchy), chance, 0.0)
    evidence.echoes = evidence.echoes.revised(problem.source, chance, evidence.alone.copies(x))


def _curve_at(evidence: AllEvidence, x: Floats, dense: Ints, factor: float = 1.0) -> Laplace:
    """Curvature by the dense parameters, the others being what they are."""
    slope = evidence.evaluate(x[None])[1][0, dense]
    curvature = evidence.curvature(x, dense)
    return Laplace(evidence.problem.hierarchy.only(dense), x[dense], slope, curvature).scaled(factor).definite()


def _climb(
    evidence: AllEvidence,
    x: Floats,
    t: Floats,
    *,
    steps: int,
    scale: Floats | None = None,
    root: Floats | None = None,
    dense: Ints | None = None,
) -> Floats:
    """Climb to the mode given t, in standardised coordinates scaled one by one or turned by a root of the precision.

    The root is of those that are dense.
    """
    from scipy.linalg import solve_triangular
    from scipy.optimize import minimize

    layout, size = evidence.problem.hierarchy, len(x)
    start = layout.fold(x[None], t[None])

    def turned(v: Floats, trans: Literal["N", "T"]) -> Floats:
        found = v if scale is None else scale * v
        if root is None:
            return found
        found = found.copy()
        found[dense] = solve_triangular(root, v[dense], lower=True, trans=trans)
        return found

    def put(u: Floats) -> Floats:
        z = start.copy()
        z[0, :size] += turned(u, "T")
        return z

    def target(u: Floats) -> tuple[float, Floats]:
        z = put(u)
        (value,), slope = evidence.evaluate(layout.unfold(z))
        pulled = layout.pull(z, slope)[0, :size] - z[0, :size]
        return -float(value - 0.5 * np.sum(z[0, :size] ** 2)), -turned(pulled, "N")

    found = minimize(
        target,
        np.zeros(size),
        jac=True,
        method="L-BFGS-B",
        options={"maxiter": steps, "maxfun": 2 * steps, "ftol": 1e-10, "gtol": 1e-2},
    )
    top: Floats = layout.unfold(put(np.asarray(found.x)))[0]
    return top


def find_precision(evidence: AllEvidence, z: Floats, moved: Ints, curvature: Floats) -> Floats:
    """Precision of the coordinates that are moved around z, the others being what they are.

    A class moves all of its sources, those with few claims too, of which the normal around a mode knows nothing.

    Parameters
    ----------
    evidence : AllEvidence
    z : ndarray, shape (p + k,)
    moved : ndarray of int, shape (q,)
        Which coordinates, in ascending order.
    curvature : ndarray, shape (q, q)
        What that normal knows.

    Returns
    -------
    ndarray, shape (q, q)
    """
    layout, found = evidence.problem.hierarchy, curvature
    if len(moved) < layout.size:
        k = np.flatnonzero((moved < len(layout.classes)) | (moved >= len(layout)))
        step, found = CORNER * np.eye(layout.size)[moved[k]], curvature.copy()
        below, above = (
            layout.pull(there, evidence.evaluate(layout.unfold(there))[1]) for there in (z - step, z + step)
        )
        curved = (below - above)[:, moved] / (2 * CORNER)
        found[k, :], found[:, k] = curved, curved.T
        found[np.ix_(k, k)] = 0.5 * (curved[:, k] + curved[:, k].T)
        found = flatten(found)
    return found + np.eye(len(moved))


def find_diagonal(evidence: AllEvidence, z: Floats, dense: Ints, rng: np.random.Generator) -> Floats:
    """Precision of each coordinate that is not dense around z, from slopes at random corners; 1 for the dense.

    A corner moves all of them at once; what others add has mean zero (Bekas, Kokiopoulou & Saad 2007).
    """
    layout, found = evidence.problem.hierarchy, np.ones(len(z))
    free = np.setdiff1d(np.arange(len(z)), dense)
    if not len(free):
        return found
    corner = np.zeros((CORNERS, len(z)))
    corner[:, free] = rng.choice([-1.0, 1.0], (CORNERS, len(free)))
    slopes = []
    for sign in (1, -1):
        there = z + sign * CORNER * corner
        slopes.append(layout.pull(there, evidence.evaluate(layout.unfold(there))[1]))
    curved = np.mean(corner * (slopes[1] - slopes[0]), axis=0) / (2 * CORNER)
    found[free] += np.maximum(curved[free], 0.0)
    return found
