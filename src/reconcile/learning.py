# SPDX-License-Identifier: MIT
"""Source parameters: integrated over their priors, given all claims that they bear on.

A source that makes one claim is integrated inside that claim's row. A source that makes several shares its parameters
between them: these are drawn (quasi-random draws from the prior; where the claims leave few of them alive, from a
Laplace approximation around the mode), and weighted with the exact evidence of the claims.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TypeAlias

import attrs
import numpy as np
from numpy.typing import NDArray

from reconcile.accounts import Account
from reconcile.inference import Solution, Table, count_potentials, solve
from reconcile.likelihood import SPREADS, Term, share_index
from reconcile.model import Model
from reconcile.pmf import Lattice
from reconcile.vocabulary import Relation

__all__ = ["Component", "Draws", "Fit", "Task", "integrate", "smooth_weights"]

Floats: TypeAlias = NDArray[np.float64]
Column: TypeAlias = tuple[str, str, Relation | None]  # source, parameter, relation it is particular to

PAIRINGS = 8  # how often the points of different sources are paired anew, where a draw is cheap
BLOCKS = 4  # independent sets of draws, whose spread tells the error
REFINEMENTS = 4
TOLERANCE = 0.01  # standard error of a probability that is small beside what the priors leave open
WORK, WORK_COSTLY = 32_768, 4_096  # points times claims, at most, for 1,024 draws; the latter for sums over pairs
POOR = 0.1  # effective share of the draws from the prior below which the mode is looked for
_TINY = 1e-290


class Draws:
    """Draws of source parameters, made from a few points for each source.

    What a claim says at each point of its source is computed once; a draw picks one point for every source.

    Parameters
    ----------
    points : mapping of Column to ndarray, shape (k,)
    index : mapping of source name to ndarray of int, shape (s,), optional
        The point that each draw picks; without it draws are points.
    """

    def __init__(self, points: Mapping[Column, Floats], index: Mapping[str, NDArray[np.intp]] | None = None) -> None:
        self.points, self.index = points, index
        self._computed: dict[int, Floats] = {}

    def __call__(self, term: Term, compute: Callable[[Mapping[str, Floats]], Floats]) -> Floats:
        """Compute a function of a term's parameters for every draw; shape (s, ...)."""
        if id(term) not in self._computed:
            self._computed[id(term)] = compute(pick(self.points, term))
        found = self._computed[id(term)]
        return found if self.index is None else found[self.index[term.source.name]]

    def only(self, draws: NDArray[np.intp]) -> Draws:
        """Keep some of the draws, and what was computed."""
        index = None if self.index is None else {name: at[draws] for name, at in self.index.items()}
        points = {c: v[draws] for c, v in self.points.items()} if self.index is None else self.points
        kept = Draws(points, index)
        kept._computed = {k: v[draws] for k, v in self._computed.items()} if index is None else self._computed
        return kept


@attrs.frozen(eq=False)
class Task:
    """One account, with its claims made ready.

    Attributes
    ----------
    account : Account
    lattice : Lattice
    potentials : list of ndarray, shape (1, n)
        Prior of each node, and the rows of claims whose source is integrated already.
    rows : list of (node, Term)
        Claims whose source parameters are drawn.
    shares : list of (part, whole, Term, drawn)
        Shares, and whether their source's parameters are drawn.
    """

    account: Account
    lattice: Lattice
    potentials: list[Floats]
    rows: list[tuple[int, Term]]
    shares: list[tuple[int, int, Term, bool]]

    @classmethod
    def of(
        cls, account: Account, terms: Iterable[tuple[tuple[int, ...], Term]], drawn: frozenset[str], model: Model
    ) -> Task:
        """Build the lattice of an account and the rows that need no draws.

        Parameters
        ----------
        account : Account
        terms : iterable of (nodes, Term)
            Nodes: that of the count, or of part and whole for a share.
        drawn : frozenset of str
            Names of the sources whose parameters are drawn.
        model : Model
        """
        terms = list(terms)
        counts = [term.meaning for _, term in terms if not term.is_share]
        ends = np.concatenate([np.ones(1), *(m.low for m in counts), *(m.high for m in counts)])
        starts = set().union(*(meaning.starts for meaning in counts))
        lattice = Lattice.around({int(n) for n in ends[np.isfinite(ends)].tolist()}, starts)
        task = cls(account, lattice, count_potentials(account, lattice, model), [], [])
        for nodes, term in terms:
            if term.is_share:
                task.shares.append((*nodes, term, term.source.name in drawn))  # type: ignore[arg-type]
            elif term.source.name in drawn:
                task.rows.append((nodes[0], term))
            else:
                task.potentials[nodes[0]] = task.potentials[nodes[0]] * term.row_marginal(lattice.center)
        return task

    def solve(self, draws: Draws, *, marginals: bool, pairs: bool = False) -> Solution:
        """Solve the account for each draw of the parameters; see `inference.solve`."""
        potentials, center = list(self.potentials), self.lattice.center
        for node, term in self.rows:
            row = draws(term, lambda theta, term=term: np.maximum(term.row(center, theta), _TINY))  # type: ignore[misc]
            potentials[node] = potentials[node] * row
        tables = {}
        for join in {self.account.shares[part, whole] for part, whole, _, _ in self.shares}:
            tables[join] = self._table(join, draws)
        return solve(self.account, self.lattice, potentials, tables, marginals=marginals, pairs=pairs)

    def _table(self, join: int, draws: Draws) -> Table:
        """Multiply the curves of the shares at a join; one drawn source is read between a few spreads."""
        center = self.lattice.center
        index = share_index(center[:, None], center[None, :])
        here = [(term, drawn) for part, whole, term, drawn in self.shares if self.account.shares[part, whole] == join]
        fixed = np.prod([term.curve_marginal() for term, drawn in here if not drawn], axis=0)
        varying = [term for term, drawn in here if drawn]
        if not varying:
            return Table.single(fixed, index)
        spreads = [draws(term, lambda theta: theta["log_spread"]) for term in varying]
        if len(varying) > 1 or len(spreads[0]) <= 2 * len(SPREADS):
            curves = np.prod([term.curve(spread) for term, spread in zip(varying, spreads, strict=True)], axis=0)
            return Table.single(fixed * curves, index)
        spread = np.clip(spreads[0], SPREADS[0], SPREADS[-1] - 1e-9)
        first = np.searchsorted(SPREADS, spread, side="right") - 1
        share = (spread - SPREADS[first]) / (SPREADS[1] - SPREADS[0])
        return Table(fixed * varying[0].curves, index, first, share)

    def gradient(self, theta: Mapping[Column, Floats]) -> tuple[Floats, dict[Column, Floats]]:
        """Log evidence and its slopes, by Fisher's identity: averages of the rows' slopes over the posterior."""
        solution = self.solve(Draws(theta), marginals=True, pairs=True)
        slopes: dict[Column, Floats] = defaultdict(lambda: np.zeros(1))
        center = self.lattice.center
        for node, term in self.rows:
            row, by = term.row_gradient(center, pick(theta, term))
            weight = solution.marginals[node] / np.maximum(row, _TINY)
            for column, name in columns(term):
                slopes[column] = slopes[column] + np.einsum("sn,sn->s", weight, by[name])
        for part, whole, term, drawn in self.shares:
            if not drawn:
                continue
            mass = solution.tables[self.account.shares[part, whole]]
            ((column, name),) = columns(term)
            spread, step = theta[column], 1e-4
            up, down = (np.log(np.maximum(term.curve(spread + h), _TINY)) for h in (step, -step))
            slope = ((up - down) / (2 * step))[:, share_index(center[:, None], center[None, :])]
            slopes[column] = slopes[column] + np.einsum("sik,sik->s", mass, slope)
        return solution.log_evidence, slopes


def columns(term: Term) -> list[tuple[Column, str]]:
    """Name the parameters of a term as columns of a draw."""
    return [((term.source.name, name, relation), name) for name, (relation, _, _) in term.priors().items()]


def pick(theta: Mapping[Column, Floats], term: Term) -> dict[str, Floats]:
    """Pick the parameters of a term from a draw."""
    return {name: theta[column] for column, name in columns(term)}


@attrs.frozen(eq=False)
class Component:
    """Accounts that share sources, and the parameters of these.

    Attributes
    ----------
    tasks : tuple of Task
    columns : tuple of Column
        The parameters that are drawn, in a fixed order.
    mean, sd : ndarray, shape (d,)
        Their normal priors.
    """

    tasks: tuple[Task, ...]
    columns: tuple[Column, ...]
    mean: Floats
    sd: Floats

    @classmethod
    def of(cls, tasks: Sequence[Task]) -> Component:
        """Collect the parameters of some tasks."""
        priors: dict[Column, tuple[float, float]] = {}
        for task in tasks:
            for term in [*(t for _, t in task.rows), *(t for _, _, t, drawn in task.shares if drawn)]:
                for name, (relation, mean, sd) in term.priors().items():
                    priors[term.source.name, name, relation] = (mean, sd)
        ordered = sorted(priors, key=str)
        table = np.array([priors[column] for column in ordered]).reshape(-1, 2)
        return cls(tuple(tasks), tuple(ordered), table[:, 0], table[:, 1])

    def theta(self, z: Floats) -> dict[Column, Floats]:
        """Turn standardised draws, shape (s, d), into parameters."""
        values = self.mean + self.sd * z
        return {column: values[:, at] for at, column in enumerate(self.columns)}

    @property
    def sources(self) -> tuple[str, ...]:
        """Names of the sources whose parameters are drawn."""
        return tuple(sorted({name for name, _, _ in self.columns}))

    def log_evidence(self, draws: Draws) -> Floats:
        """Log probability of all claims for each draw; shape (s,)."""
        total: Floats = np.sum([task.solve(draws, marginals=False).log_evidence for task in self.tasks], axis=0)
        return total

    @property
    def costly(self) -> bool:
        """Whether an account needs sums over all pairs of cells for each draw."""
        return any(task.shares or any(j.right is not None for j in task.account.joins) for task in self.tasks)

    def log_posterior_gradient(self, z: Floats) -> tuple[Floats, Floats]:
        """Log of evidence x standard normal prior, and its gradient; shapes (s,) and (s, d)."""
        theta, total, slope = self.theta(z), -0.5 * np.sum(z**2, axis=1), -z.copy()
        for task in self.tasks:
            value, by = task.gradient(theta)
            total = total + value
            for column, part in by.items():
                slope[:, self.columns.index(column)] += self.sd[self.columns.index(column)] * part
        return total, slope


@attrs.frozen(eq=False)
class Fit:
    """The counts of a component, with its source parameters integrated.

    Attributes
    ----------
    marginals : tuple (tasks) of tuple (nodes) of ndarray, shape (n,)
        Posterior mass of the cells.
    draws : int
        How many draws of the parameters were used; 0 where there was none to draw.
    ess : float
        Effective number of them.
    khat : float
        Pareto shape of their importance weights.
    error : float
        Largest standard error of a cumulative probability.
    """

    marginals: tuple[tuple[Floats, ...], ...]
    draws: int
    ess: float
    khat: float
    error: float


def _quasi_uniform(count: int, size: int, rng: np.random.Generator) -> Floats:
    """Kronecker sequence on the powers of the generalised golden ratio (Roberts 2018), randomly shifted."""
    ratio = 2.0
    for _ in range(60):
        ratio = (1 + ratio) ** (1 / (size + 1))
    step = ratio ** -np.arange(1.0, size + 1)
    points = (rng.random(size) + np.outer(np.arange(1, count + 1), step)) % 1.0
    return np.clip(points, 1e-12, 1 - 1e-12)


def smooth_weights(log_weight: Floats) -> tuple[Floats, float]:
    """Pareto-smooth importance weights (Vehtari et al. 2024).

    Parameters
    ----------
    log_weight : ndarray, shape (s,)

    Returns
    -------
    weight : ndarray, shape (s,)
        Sums to 1.
    khat : float
        Shape of the tail; above .7 the weights are not to be trusted. -inf where the tail is flat.
    """
    count = len(log_weight)
    raw = np.exp(log_weight - log_weight.max())
    tail = int(min(0.2 * count, 3 * np.sqrt(count)))
    order = np.argsort(raw, kind="stable")
    if tail < 5 or raw[order[-tail - 1]] >= raw[order[-1]] * (1 - 1e-9):
        return raw / raw.sum(), -np.inf
    cut = raw[order[-tail - 1]]
    above = raw[order[-tail:]] - cut
    khat, scale = _fit_pareto(np.sort(above))
    if np.isfinite(khat):
        chance = (np.arange(1, tail + 1) - 0.5) / tail
        smooth = scale * np.expm1(-khat * np.log1p(-chance)) / khat if abs(khat) > 1e-9 else -scale * np.log1p(-chance)
        raw[order[-tail:]] = np.minimum(cut + smooth, 1.0)
    return raw / raw.sum(), float(khat)


def _fit_pareto(excess: Floats) -> tuple[float, float]:
    """Fit a generalised Pareto (Zhang & Stephens 2009) with the weak prior of Vehtari et al. on the shape."""
    count = len(excess)
    grid = 30 + int(np.sqrt(count))
    quarter = max(excess[int(count / 4 + 0.5) - 1], _TINY)
    rate = 1 / excess[-1] + (1 - np.sqrt(grid / (np.arange(1, grid + 1) - 0.5))) / (3 * quarter)
    shape = np.mean(np.log1p(-np.outer(rate, excess)), axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        score = count * (np.log(-rate / shape) - shape - 1)
    score = np.where(np.isfinite(score), score, -np.inf)
    weight = np.exp(score - score.max())
    best = float(np.sum(rate * weight) / weight.sum())
    khat = float(np.mean(np.log1p(-best * excess)))
    return (count * khat + 5) / (count + 10), -khat / best


def integrate(component: Component, *, draws: int, rng: np.random.Generator) -> Fit:
    """Integrate the source parameters of a component over their priors, given its claims.

    Parameters
    ----------
    component : Component
        All of whose accounts are trees.
    draws : int
        At most how many points for each source; a multiple of 16. A quarter of them is tried first; more are drawn
        while the standard error of some probability exceeds `TOLERANCE` and the work stays in bounds.
    rng : numpy Generator

    Returns
    -------
    Fit
    """
    if not component.columns:
        solutions = [task.solve(Draws({}), marginals=True) for task in component.tasks]
        return Fit(tuple(tuple(m[0] for m in s.marginals) for s in solutions), 0, np.inf, -np.inf, 0.0)
    claims = sum(len(task.rows) + len(task.shares) for task in component.tasks)
    work = (WORK_COSTLY if component.costly else WORK) * draws // 1024
    most = max(min(draws, work // claims // 16 * 16), min(draws, 64))
    points = most if component.costly else max(most // 4, 16)
    samples = [_from_prior(component, points, rng)]
    if samples[0].ess < POOR * points:
        samples.append(_from_laplace(component, samples[0], points, rng))
    if component.costly:
        samples.append(_from_kernels(component, max(samples, key=_by_ess), points, rng))
        best = max(samples, key=_by_ess)
        return _pool([_average(component, sample) for sample in samples if sample.ess > best.ess / 2])
    fits = [_average(component, sample) for sample in samples]
    for _ in range(REFINEMENTS):
        if _pool(fits).error <= TOLERANCE:
            break
        points = min(2 * points, most)
        samples.append(_from_kernels(component, max(samples, key=_by_ess), points, rng))
        fits.append(_average(component, samples[-1]))
    return _pool(fits)


def _by_ess(sample: _Sample) -> float:
    return sample.ess


def _pool(fits: Sequence[Fit]) -> Fit:
    """Average independent fits by their effective draws."""
    share = np.array([fit.ess for fit in fits])
    share = share / share.sum()
    marginals = tuple(
        tuple(np.tensordot(share, np.array(nodes), 1) for nodes in zip(*tasks, strict=True))
        for tasks in zip(*(fit.marginals for fit in fits), strict=True)
    )
    error = float(np.sqrt(np.sum((share * [fit.error for fit in fits]) ** 2)))
    best = max(fits, key=lambda fit: fit.ess)
    return Fit(marginals, sum(fit.draws for fit in fits), sum(fit.ess for fit in fits), best.khat, error)


def _average(component: Component, sample: _Sample) -> Fit:
    alive = np.flatnonzero(sample.weight > 1e-7 * sample.weight.max())
    kept, weight, block = sample.draws.only(alive), sample.weight[alive], sample.block[alive]
    weight = weight / weight.sum()
    marginals, errors = [], []
    for task in component.tasks:
        solution = task.solve(kept, marginals=True)
        each = [np.broadcast_to(m, (len(weight), m.shape[1])) for m in solution.marginals]
        marginals.append(tuple(weight @ m for m in each))
        errors += [_error(m, weight, block) for m in each]
    return Fit(tuple(marginals), len(sample.weight), sample.ess, sample.khat, max(errors))


@attrs.frozen(eq=False)
class _Sample:
    """Weighted draws: `z` the points, `index` which point of each source a draw picks, `block` its independent set."""

    draws: Draws
    z: Floats
    index: dict[str, NDArray[np.intp]]
    weight: Floats
    block: NDArray[np.intp]
    ess: float
    khat: float

    @classmethod
    def of(cls, component: Component, z: Floats, index: dict[str, NDArray[np.intp]], log_ratio: Floats) -> _Sample:
        """Weigh draws with the evidence; `log_ratio` is that of prior to proposal.

        The effective number of draws is that of the source with the fewest effective points.
        """
        draws = Draws(component.theta(z), index)
        weight, khat = smooth_weights(component.log_evidence(draws) + log_ratio)
        ess = min(1 / np.sum(np.bincount(at, weight) ** 2) for at in (*index.values(), np.arange(len(weight))))
        return cls(draws, z, index, weight, np.arange(len(weight)) % BLOCKS, float(ess), khat)


def _error(marginal: Floats, weight: Floats, block: NDArray[np.intp]) -> float:
    """Largest standard error of a cumulative probability, from the spread between blocks of draws."""
    below = np.array([np.cumsum(weight[block == b] @ marginal[block == b]) for b in range(BLOCKS)])
    share = below[:, -1:]
    square = np.sum((below - share * below.sum(axis=0)) ** 2, axis=0)
    return float(np.sqrt(square.max() * BLOCKS / (BLOCKS - 1)))


def _normal_points(draws: int, size: int, rng: np.random.Generator) -> Floats:
    """Quasi-random standard normal points in independent blocks, interleaved; shape (draws, size)."""
    from scipy.special import ndtri

    blocks = [ndtri(_quasi_uniform(draws // BLOCKS, size, rng)) for _ in range(BLOCKS)]
    return np.stack(blocks, axis=1).reshape(draws, size)


def _pairings(component: Component, draws: int, rng: np.random.Generator) -> dict[str, NDArray[np.intp]]:
    """Pair the points of different sources, in several ways where a draw is cheap; blocks stay apart."""
    rounds = 1 if component.costly or len(component.sources) == 1 else PAIRINGS
    rows = np.tile(np.arange(draws // BLOCKS), (BLOCKS, 1))
    index = {}
    for name in component.sources:
        orders = [BLOCKS * rng.permuted(rows, axis=1).T + np.arange(BLOCKS) for _ in range(rounds)]
        index[name] = np.concatenate([order.ravel() for order in orders])
    return index


def _from_prior(component: Component, draws: int, rng: np.random.Generator) -> _Sample:
    z = _normal_points(draws, len(component.columns), rng)
    index = _pairings(component, draws, rng)
    return _Sample.of(component, z, index, np.zeros(len(next(iter(index.values())))))


def _from_kernels(component: Component, sample: _Sample, draws: int, rng: np.random.Generator) -> _Sample:
    """Draw each source anew from kernels around its weighted points (and, one in four, from the prior)."""
    z, log_ratio = _normal_points(draws, len(component.columns), rng), {}
    index = _pairings(component, draws, rng)
    for name in component.sources:
        mine = [at for at, column in enumerate(component.columns) if column[0] == name]
        old, weight = sample.z[:, mine], np.bincount(sample.index[name], sample.weight, len(sample.z))
        size = len(mine)
        spread = (old - weight @ old).T @ ((old - weight @ old) * weight[:, None]) + 0.01 * np.eye(size)
        width = (4 / ((size + 2) * sample.ess)) ** (1 / (size + 4))  # Silverman's rule
        root = np.linalg.cholesky(spread) * width
        edges = np.cumsum(weight)
        strata = (np.arange(draws) // BLOCKS + rng.random(draws)) / (draws // BLOCKS)
        center = old[np.minimum(np.searchsorted(edges, strata * edges[-1]), len(old) - 1)]
        fresh = np.arange(draws) // BLOCKS % 4 == 0
        z[:, mine] = np.where(fresh[:, None], z[:, mine], center + z[:, mine] @ root.T)
        near, far = (np.linalg.solve(root, points.T) for points in (z[:, mine], old))
        gaps = np.sum(near**2, axis=0)[:, None] + np.sum(far**2, axis=0) - 2 * near.T @ far
        kernels = np.exp(-0.5 * gaps) @ weight / np.prod(np.diag(root))
        prior = np.exp(-0.5 * np.sum(z[:, mine] ** 2, axis=1))
        log_ratio[name] = np.log(np.maximum(prior, _TINY)) - np.log(np.maximum(0.25 * prior + 0.75 * kernels, _TINY))
    return _Sample.of(component, z, index, np.sum([log_ratio[name][at] for name, at in index.items()], axis=0))


def _from_laplace(component: Component, sample: _Sample, draws: int, rng: np.random.Generator) -> _Sample:
    """Draw all sources together around the mode, from normals of one to two times the curvature's width."""
    from scipy.optimize import minimize

    def target(z: Floats) -> tuple[float, Floats]:
        value, slope = component.log_posterior_gradient(z[None])
        return -float(value[0]), -slope[0]

    start = np.zeros(len(component.columns))
    best = int(np.argmax(sample.weight))
    for at, column in enumerate(component.columns):
        start[at] = sample.z[sample.index[column[0]][best], at]
    found = minimize(target, start, jac=True, method="L-BFGS-B", options={"maxiter": 200})
    mode, size, step = found.x, len(start), 1e-3
    around = np.concatenate([mode + step * np.eye(size), mode - step * np.eye(size)])
    slopes = component.log_posterior_gradient(around)[1]
    curvature = -(slopes[:size] - slopes[size:]) / (2 * step)
    level, axes = np.linalg.eigh((curvature + curvature.T) / 2)
    width = axes / np.sqrt(np.maximum(level, 0.25))  # never wider than twice the prior
    scales, shares = np.array([1.0, 1.3, 2.0]), np.array([0.5, 0.3, 0.2])
    which = np.searchsorted(np.cumsum(shares), (np.arange(draws) * 0.6180339887) % 1.0)
    z = mode + (scales[which, None] * _normal_points(draws, size, rng)) @ width.T
    square = np.sum(np.linalg.solve(width, (z - mode).T) ** 2, axis=0)
    height = shares * scales ** -float(size) * np.exp(-0.5 * (square[:, None] / scales**2 - square[:, None] / 4))
    log_proposal = np.log(height.sum(axis=1)) - square / 8  # up to the determinant, which is the same for all
    index = dict.fromkeys(component.sources, np.arange(draws))
    return _Sample.of(component, z, index, -0.5 * np.sum(z**2, axis=1) - log_proposal)
