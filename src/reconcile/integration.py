# SPDX-License-Identifier: MIT
"""Source parameters: integrated over their priors, given all claims that they bear on.

A source that makes one claim is integrated inside that claim's row. A source that makes several shares its parameters
between them: these are drawn from several proposals (the prior; normals around the modes; kernels around the draws so
far) and every draw is weighted against the mixture of all of them (multiple importance sampling), so that a proposal
which misses a mode cannot outvote one that found it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, TypeAlias

import attrs
import numpy as np
from numpy.typing import NDArray

from reconcile.components import Column, Component, Draws, Fit
from reconcile.diagnostics import smooth_weights
from reconcile.importance import BLOCKS, normal_points
from reconcile.likelihood import TINY

__all__ = ["REUSED", "Sample", "aim", "error_of", "integrate", "sample"]

Floats: TypeAlias = NDArray[np.float64]
Index: TypeAlias = dict[str, NDArray[np.intp]]

PAIRINGS = 8  # how often the points of different sources are paired anew, where a draw is cheap
REFINEMENTS = 4
ENOUGH = 1_000  # effective draws, which leave a standard error of about .01 on a probability of one half
WORK, WORK_COSTLY = 32_768, 8_192  # points times claims, at most, for 1,024 draws; the latter for sums over pairs
FEWEST = 256  # draws around modes
POOR = 0.1  # effective share of the draws from the prior below which modes are looked for
MANY = 30  # parameters beyond which kernels, source by source, find nothing that the modes did not
NEAR = 0.3  # part of the variance of draws that their kernels' centres keep (judgement)
TAUGHT = 0.02  # nats that are learned of a parameter, from which kernels are told apart by it (judgement)
SEVERAL_STARTS = 40  # claims beyond which modes are looked for from one start only
# Later proposals are built on earlier draws, so blocks share their luck. Root mean square deviation from a long run
# over the stated error, four claims by two sources, 40 seeds: 1.6 without this factor.
REUSED = 1.6


@attrs.frozen(eq=False)
class _Points:
    """Points of each source's parameters, and which of them each draw picks.

    Attributes
    ----------
    z : ndarray, shape (k, d)
        Standardised parameters.
    index : mapping of source to ndarray of int, shape (s,)
    columns : mapping of source to list of int
        Which parameters are whose.
    """

    z: Floats
    index: Index
    columns: dict[str, list[int]]

    def joint(self) -> Floats:
        """Parameters of each draw; shape (s, d)."""
        z = np.empty((len(next(iter(self.index.values()))), self.z.shape[1]))
        for name, at in self.index.items():
            z[:, self.columns[name]] = self.z[at][:, self.columns[name]]
        return z


class _Proposal(Protocol):
    def log_density(self, points: _Points) -> Floats:
        """Log density of each draw, relative to that of a standard normal at 0; shape (s,)."""
        ...


class _Prior:
    def log_density(self, points: _Points) -> Floats:
        """See `_Proposal.log_density`."""
        total: Floats = np.sum(
            [-0.5 * np.sum(points.z[:, points.columns[n]] ** 2, axis=1)[at] for n, at in points.index.items()], axis=0
        )
        return total


@attrs.frozen(eq=False)
class _Kernels:
    """For each source by itself: normals around weighted points, and for one draw in four the prior."""

    centers: dict[str, Floats]
    weights: dict[str, Floats]
    roots: dict[str, Floats]

    def log_density(self, points: _Points) -> Floats:
        """See `_Proposal.log_density`."""
        total = np.zeros(len(next(iter(points.index.values()))))
        for name, at in points.index.items():
            z, root = points.z[:, points.columns[name]], self.roots[name]
            near, far = (np.linalg.solve(root, rows.T) for rows in (z, self.centers[name]))
            gaps = np.sum(near**2, axis=0)[:, None] + np.sum(far**2, axis=0) - 2 * near.T @ far
            kernels = np.exp(-0.5 * gaps) @ self.weights[name] / np.prod(np.diag(root))
            total += np.log(np.maximum(0.25 * np.exp(-0.5 * np.sum(z**2, axis=1)) + 0.75 * kernels, TINY))[at]
        return total


@attrs.frozen(eq=False)
class _Peaks:
    """Normals of one, 1.3 and two times the curvature's width around each mode of all sources together."""

    modes: tuple[Floats, ...]
    widths: tuple[Floats, ...]
    scales: Floats = attrs.field(factory=lambda: np.array([1.0, 1.3, 2.0]))
    shares: Floats = attrs.field(factory=lambda: np.array([0.5, 0.3, 0.2]))

    def log_density(self, points: _Points) -> Floats:
        """See `_Proposal.log_density`."""
        z, terms = points.joint(), []
        for mode, width in zip(self.modes, self.widths, strict=True):
            square = np.sum(np.linalg.solve(width, (z - mode).T) ** 2, axis=0)
            size = -np.linalg.slogdet(width)[1] - np.log(len(self.modes))
            terms += [
                np.log(share) - len(mode) * np.log(scale) + size - 0.5 * square / scale**2
                for scale, share in zip(self.scales, self.shares, strict=True)
            ]
        total: Floats = np.logaddexp.reduce(terms, axis=0)
        return total


@attrs.frozen(eq=False)
class _Shrunk:
    """Normals around weighted draws, these drawn in to their mean, so that all spread as they did (Liu & West 2001)."""

    centers: Floats
    weights: Floats
    scale: Floats

    def log_density(self, points: _Points) -> Floats:
        """See `_Proposal.log_density`."""
        z, centers = points.joint() / self.scale, self.centers / self.scale
        gaps = np.sum(z**2, axis=1)[:, None] + np.sum(centers**2, axis=1) - 2 * z @ centers.T
        least = gaps.min(axis=1, keepdims=True)
        near = np.log(np.exp(-0.5 * (gaps - least)) @ self.weights)
        total: Floats = near - 0.5 * least[:, 0] - np.sum(np.log(self.scale))
        return total


@attrs.frozen(eq=False)
class _Set:
    """Draws from one proposal, with the evidence at each."""

    proposal: _Proposal
    points: _Points
    draws: Draws
    log_evidence: Floats
    _densities: dict[int, Floats] = attrs.field(factory=dict)

    @classmethod
    def of(cls, component: Component, proposal: _Proposal, points: _Points) -> _Set:
        draws = Draws(component.theta(points.z), points.index)
        return cls(proposal, points, draws, component.log_evidence(draws))

    def log_density(self, proposal: _Proposal) -> Floats:
        """Log density of a proposal at these draws, computed once."""
        if id(proposal) not in self._densities:
            self._densities[id(proposal)] = proposal.log_density(self.points)
        return self._densities[id(proposal)]


@attrs.frozen(eq=False)
class Sample:
    """All draws, weighted against the mixture of their proposals; one array of weights for each set.

    Attributes
    ----------
    sets : tuple
    weights : tuple (sets) of ndarray, shape (s,)
        Smoothed; they sum to 1.
    log_weight : ndarray, shape (draws,)
        Of all sets, as they were before.
    ess, khat : float
    """

    sets: tuple[_Set, ...]
    weights: tuple[Floats, ...]
    log_weight: Floats
    ess: float
    khat: float

    @classmethod
    def of(cls, sets: Sequence[_Set]) -> Sample:
        """Weigh; the effective number of draws is that of the source with the fewest effective points."""
        sizes = np.array([len(one.log_evidence) for one in sets])
        log_share = np.log(sizes / sizes.sum())
        log_weights = []
        for one in sets:
            mixture = np.logaddexp.reduce(
                [share + one.log_density(other.proposal) for share, other in zip(log_share, sets, strict=True)]
            )
            log_weights.append(one.log_evidence + _Prior().log_density(one.points) - mixture)
        log_weight = np.concatenate(log_weights)
        weight, khat = smooth_weights(log_weight)
        weights = tuple(np.split(weight, np.cumsum(sizes)[:-1]))
        squares = [float(np.sum(weight**2))]
        for name in sets[0].points.index:
            pairs = zip(sets, weights, strict=True)
            squares += [sum(float(np.sum(np.bincount(one.points.index[name], w) ** 2)) for one, w in pairs)]
        return cls(tuple(sets), weights, log_weight, 1 / max(squares), khat)

    def mixed(
        self, most: int, rng: np.random.Generator
    ) -> tuple[dict[Column, Floats], Floats, NDArray[np.intp], NDArray[np.intp]]:
        """Draw half by weight and half evenly from all sets, so that they serve for any part of the claims.

        Parameters
        ----------
        most : int
            Number of draws, at most.
        rng : numpy Generator

        Returns
        -------
        theta : dict of Column to ndarray, shape (s,)
        log_weight : ndarray, shape (s,)
            Of each draw against the mixture that it was drawn from, all claims considered.
        block : ndarray of int, shape (s,)
            The independent set that each draw comes from.
        kept : ndarray of int, shape (s,)
            Which it is of all draws.
        """
        place = np.concatenate([np.arange(len(one.log_evidence)) for one in self.sets])
        size = len(place)
        if size <= most:
            return self._columns(np.arange(size)), self.log_weight, place % BLOCKS, np.arange(size)
        chance = 0.5 * np.concatenate(self.weights) + 0.5 / size
        strata = (np.arange(most) + rng.random(most)) / most
        kept = np.minimum(np.searchsorted(np.cumsum(chance), strata), size - 1)
        return self._columns(kept), self.log_weight[kept] - np.log(size * chance[kept]), place[kept] % BLOCKS, kept

    def posterior(self, most: int, rng: np.random.Generator) -> tuple[dict[Column, Floats], Floats]:
        """Draw from the posterior, each draw as good as any other; with the log evidence at each."""
        evidence, weight = np.concatenate([one.log_evidence for one in self.sets]), np.concatenate(self.weights)
        strata = (np.arange(most) + rng.random(most)) / most
        kept = np.minimum(np.searchsorted(np.cumsum(weight), strata), len(weight) - 1)
        return self._columns(kept), evidence[kept]

    def _columns(self, kept: NDArray[np.intp]) -> dict[Column, Floats]:
        """Parameters at some of the draws of all sets."""
        return {
            column: np.concatenate([one.draws.points[column][one.points.index[column[0]]] for one in self.sets])[kept]
            for column in self.sets[0].draws.points
        }

    def of_source(self, name: str) -> tuple[Floats, Floats]:
        """Points of one source that carry weight, shape (k, d), and their weights."""
        mine = self.sets[0].points.columns[name]
        z = np.concatenate([one.points.z[:, mine] for one in self.sets])
        weight = np.concatenate(
            [
                np.bincount(one.points.index[name], w, len(one.points.z))
                for one, w in zip(self.sets, self.weights, strict=True)
            ]
        )
        kept = weight > 1e-4 / len(weight)
        return z[kept], weight[kept] / weight[kept].sum()

    def best(self) -> Floats:
        """Parameters of the draw with the largest weight; shape (d,)."""
        which = int(np.argmax([w.max() for w in self.weights]))
        z: Floats = self.sets[which].points.joint()[int(np.argmax(self.weights[which]))]
        return z


def integrate(component: Component, *, draws: int, rng: np.random.Generator) -> Fit:
    """Integrate the source parameters of a component over their priors, given its claims.

    Parameters
    ----------
    component : Component
        All of whose accounts are trees.
    draws : int
        At most how many points for each source and proposal; a multiple of 16. A quarter of them is tried first; more
        are drawn until `ENOUGH` are effective, while the work stays in bounds.
    rng : numpy Generator

    Returns
    -------
    Fit
    """
    if not component.columns:
        solutions = [task.solve(Draws({}), marginals=True) for task in component.tasks]
        return Fit(tuple(tuple(m[0] for m in s.marginals) for s in solutions), 0, np.inf, -np.inf, 0.0)
    return _average(component, sample(component, draws=draws, rng=rng))


def sample(component: Component, *, draws: int, rng: np.random.Generator) -> Sample:
    """Draw the source parameters of a component that has some; see `integrate`."""
    claims = sum(len(task.rows) + len(task.shares) for task in component.tasks)
    work = (WORK_COSTLY if component.costly else WORK) * draws // 1024
    most = max(min(draws, work // claims // 16 * 16), min(draws, 64))
    most = min(most, draws // 2) if component.costly else most
    points = most if component.costly else max(most // 4, 16)
    sets = [_from_prior(component, points, rng)]
    found, peaks = Sample.of(sets), None
    for _ in range(1 if component.costly else REFINEMENTS):
        if found.ess >= ENOUGH:
            break
        if peaks is None and found.ess < POOR * points:
            peaks = _find_peaks(component, found, several=claims <= SEVERAL_STARTS)
            sets.append(_from_peaks(component, peaks, max(most, FEWEST), rng))
            found = Sample.of(sets)
        points = min(2 * points, most)
        if peaks is not None and len(component.columns) > MANY:
            sets.append(_from_peaks(component, peaks, max(points, FEWEST), rng))
        else:
            sets.append(_from_kernels(component, found, points, rng))
        found = Sample.of(sets)
    return found


def aim(component: Component, found: Sample, weight: Floats, points: int, rng: np.random.Generator) -> Sample:
    """Add draws where other claims than all put their mass: the weights, shape (draws,), say where; they sum to 1."""
    some = weight > 1e-4 / len(weight)
    old, weight = np.concatenate([one.points.joint() for one in found.sets])[some], weight[some] / weight[some].sum()
    mean = weight @ old
    spread = np.clip(weight @ (old - mean) ** 2, 0.05, None)
    # In parameters of which nothing was learned the prior does; kernels in all of them would lie too far apart.
    taught = (mean**2 + spread - 1 - np.log(spread)) / 2 > TAUGHT
    near = np.where(taught, np.sqrt(NEAR), 0.0)
    mean, spread = np.where(taught, mean, 0.0), np.where(taught, np.minimum(spread, 1.0), 1.0)
    proposal = _Shrunk(mean + near * (old - mean), weight, np.sqrt((1 - near**2) * spread))
    strata = (rng.permutation(points) + rng.random(points)) / points
    center = proposal.centers[np.minimum(np.searchsorted(np.cumsum(weight), strata), len(old) - 1)]
    z = center + proposal.scale * normal_points(points, len(component.columns), rng)
    index = dict.fromkeys(component.sources, np.arange(points))
    return Sample.of([*found.sets, _Set.of(component, proposal, _Points(z, index, _columns(component)))])


def _average(component: Component, sample: Sample) -> Fit:
    """Average the exact marginals over the draws; the error is that of the spread between independent blocks."""
    top = max(w.max() for w in sample.weights)
    marginals: list[list[Floats]] = [[np.zeros(1)] * len(task.account.nodes) for task in component.tasks]
    for one, weight in zip(sample.sets, sample.weights, strict=True):
        alive = np.flatnonzero(weight > 1e-7 * top)
        kept, block = one.draws.only(alive), alive % BLOCKS
        by_block = np.where(block == np.arange(BLOCKS)[:, None], weight[alive], 0.0)
        for task, nodes in zip(component.tasks, marginals, strict=True):
            solution = task.solve(kept, marginals=True)
            for node, marginal in enumerate(solution.marginals):
                nodes[node] = nodes[node] + by_block @ np.broadcast_to(marginal, (len(alive), marginal.shape[1]))
    total = float(marginals[0][0].sum())
    error = max(error_of(found / total) for nodes in marginals for found in nodes)
    error *= 1.0 if len(sample.sets) == 1 else REUSED
    averaged = tuple(tuple(found.sum(axis=0) / total for found in nodes) for nodes in marginals)
    return Fit(averaged, sum(map(len, sample.weights)), sample.ess, sample.khat, error)


def error_of(by_block: Floats) -> float:
    """Largest standard error of a cumulative probability; `by_block` of shape (blocks, n) sums to 1."""
    below = np.cumsum(by_block, axis=1)
    square = np.sum((below - below[:, -1:] * below.sum(axis=0)) ** 2, axis=0)
    return float(np.sqrt(square.max() * BLOCKS / (BLOCKS - 1)))


def _columns(component: Component) -> dict[str, list[int]]:
    return {name: [k for k, column in enumerate(component.columns) if column[0] == name] for name in component.sources}


def _pairings(component: Component, draws: int, rng: np.random.Generator) -> Index:
    """Pair the points of different sources, in several ways where a draw is cheap; blocks stay apart."""
    rounds = 1 if component.costly or len(component.sources) == 1 else PAIRINGS
    rows = np.tile(np.arange(draws // BLOCKS), (BLOCKS, 1))
    index = {}
    for name in component.sources:
        orders = [BLOCKS * rng.permuted(rows, axis=1).T + np.arange(BLOCKS) for _ in range(rounds)]
        index[name] = np.concatenate([order.ravel() for order in orders])
    return index


def _from_prior(component: Component, draws: int, rng: np.random.Generator) -> _Set:
    z = normal_points(draws, len(component.columns), rng)
    points = _Points(z, _pairings(component, draws, rng), _columns(component))
    return _Set.of(component, _Prior(), points)


def _from_kernels(component: Component, sample: Sample, draws: int, rng: np.random.Generator) -> _Set:
    """Draw each source anew from kernels around its weighted points."""
    z, columns = normal_points(draws, len(component.columns), rng), _columns(component)
    place = np.arange(draws) // BLOCKS  # within its block
    fresh = place % 4 == 0
    rank, count = place - place // 4 - 1, draws // BLOCKS - (draws // BLOCKS + 3) // 4
    centers, weights, roots = {}, {}, {}
    for name, mine in columns.items():
        old, weight = sample.of_source(name)
        size, ess = len(mine), float(1 / np.sum(weight**2))
        spread = (old - weight @ old).T @ ((old - weight @ old) * weight[:, None]) + 0.01 * np.eye(size)
        root = np.linalg.cholesky(spread) * (4 / ((size + 2) * ess)) ** (1 / (size + 4))  # Silverman's rule
        strata = np.clip((rank + rng.random(draws)) / max(count, 1), 0, 1 - 1e-12)
        center = old[np.minimum(np.searchsorted(np.cumsum(weight), strata), len(old) - 1)]
        z[:, mine] = np.where(fresh[:, None], z[:, mine], center + z[:, mine] @ root.T)
        centers[name], weights[name], roots[name] = old, weight, root
    points = _Points(z, _pairings(component, draws, rng), columns)
    return _Set.of(component, _Kernels(centers, weights, roots), points)


def _find_peaks(component: Component, sample: Sample, *, several: bool) -> _Peaks:
    """Find modes of all sources' parameters together, and the curvature there.

    With several starts: the best draw, the prior's centre, and each source held exact while the others are not, since
    who is taken to be exact is what makes modes.
    """
    from scipy.optimize import minimize

    def target(z: Floats) -> tuple[float, Floats]:
        value, slope = component.log_posterior_gradient(z[None])
        return -float(value[0]), -slope[0]

    size = len(component.columns)
    starts = [sample.best()]
    if several:
        starts.append(np.zeros(size))
        for name in component.sources[:3]:
            tilt = [(1.5 if c[0] == name else -1.5) if c[1] == "fidelity" else 0.0 for c in component.columns]
            starts.append(np.array(tilt))
    modes: list[Floats] = []
    for start in starts:
        mode = minimize(target, start, jac=True, method="L-BFGS-B", options={"maxiter": 200}).x
        if all(np.max(np.abs(mode - other)) > 0.3 for other in modes):
            modes.append(mode)
    widths = []
    for mode in modes:
        step = 1e-3 * np.eye(size)
        slopes = component.log_posterior_gradient(np.concatenate([mode + step, mode - step]))[1]
        curvature = -(slopes[:size] - slopes[size:]) / 2e-3
        level, axes = np.linalg.eigh((curvature + curvature.T) / 2)
        widths.append(axes / np.sqrt(np.maximum(level, 0.25)))  # never wider than twice the prior
    return _Peaks(tuple(modes), tuple(widths))


def _from_peaks(component: Component, peaks: _Peaks, draws: int, rng: np.random.Generator) -> _Set:
    place = np.arange(draws) // BLOCKS
    mode = place % len(peaks.modes)
    turn = (place // len(peaks.modes) * 0.6180339887 + 0.5) % 1.0  # golden ratio: even shares at every length
    scale = peaks.scales[np.searchsorted(np.cumsum(peaks.shares), turn)]
    unit = scale[:, None] * normal_points(draws, len(component.columns), rng)
    z = np.empty_like(unit)
    for k, (center, width) in enumerate(zip(peaks.modes, peaks.widths, strict=True)):
        z[mode == k] = center + unit[mode == k] @ width.T
    index = dict.fromkeys(component.sources, np.arange(draws))
    return _Set.of(component, peaks, _Points(z, index, _columns(component)))
