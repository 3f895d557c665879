# SPDX-License-Identifier: MIT
"""Fit the model to claims: mode, curvature, draws, counts. The page on which the whole method can be read.

Counts are summed out exactly, so what is left is the evidence as a function of the parameters of sources, classes and
count priors. Where few claims say little of them, points of the prior are weighted by the evidence; else its mode is
found, a normal around that, and from there Hamiltonian chains move to the posterior itself. Of very many claims the
normal is the posterior. Where the same has been fitted with a few claims more or less, its draws are weighted anew, or
chains begin with them. These are ways to compute one thing: which of them ran is a diagnostic.
"""

from __future__ import annotations

import contextlib
import functools
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import attrs
import numpy as np
from numpy.typing import NDArray

from reconcile.inference.copying import Echoes
from reconcile.inference.diagnostics import bulk_ess, smooth_weights, split_rhat
from reconcile.inference.evidence import AllEvidence, Masses, fill_up
from reconcile.inference.hierarchy import Hierarchy
from reconcile.inference.hmc import Chains, Turns, soften
from reconcile.inference.importance import BLOCKS, normal_points
from reconcile.inference.laplace import Laplace
from reconcile.inference.linked_counts import KnownThen, LinkedEvidence
from reconcile.inference.modes import Mode, find_dense, find_diagonal, find_mode, find_precision
from reconcile.inference.problems import Linked, Problem
from reconcile.inference.reweighting import Beginning, Reference, Reweighting
from reconcile.inference.workers import map_over
from reconcile.model import Learned
from reconcile.pmf import PMF, TOP, Lattice

if TYPE_CHECKING:
    from threadpoolctl import ThreadpoolController

__all__ = ["Fit", "fit", "one_thread"]

Floats: TypeAlias = NDArray[np.float64]
Ints: TypeAlias = NDArray[np.int64]
Way: TypeAlias = Literal["prior points", "chains", "Laplace", "reweighted"]

# Points of the prior: at first looks, so many that are effective, and the fewest and most that are made for it.
LOOKS, EFFECTIVE, FEWEST, POINTS = (16, 128), 400, 1_024, 4_096
GLANCE = 500  # claims that are looked at first, where there are many
TRUSTED = 0.7  # Pareto shape of weights up to which they are trusted (Vehtari et al. 2024)
NORMAL = 5_000  # claims from which the normal around the mode is the posterior for all that can be seen (tested)
CHAINS, SIDE_BY_SIDE = (16, 48), 1_600  # fewest and most chains; claims times chains up to which more cost little
# Draws from the normal times claims, about, fewest and most draws, and how often that many are made, at most.
WORK, DRAWS, ROUNDS = 300_000, (16, 128), 4
THREADED = 1_000  # claims from which arrays are long enough for threads to run side by side
OTHERS = 8  # sweeps over sources with few claims, given all else
LEAST, MORE, SWEEPS = (8, 16), 8, 200  # sweeps: before the first look, fewest and most; between looks; at most
# Fewest and most sweeps that are left out. After 4 sweeps, of 6 claims or of 100, chains still remember where they
# began: over seeds, probabilities were off by .05 on average; after 16 not.
WARMUP = (4, 16)
SHORT = 4_800  # divided by the number of claims: sweeps, between the fewest and the most of each kind
INTEGRATED = (0, 4, 12)  # points beside each draw at which parameters that are gone are looked at, more and more
BUDGET = 6_000_000  # vectors that chains evaluate, times claims and a quarter of the parameters: work, not time
COARSE = 0.05  # standard error of a probability beyond which chains go on, and a reader is told
MIXED = 1.3  # R-hat of one coordinate in twenty beyond which chains go on, and a reader is told that they differ


@attrs.frozen(eq=False)
class Fit:
    """What claims say of sources, classes, count priors and counts.

    Attributes
    ----------
    problem : Problem
        With the favourites found.
    z : ndarray, shape (draws, p + k)
        Draws of all parameters, standardised.
    log_weight : ndarray, shape (draws,)
        Of each draw, smoothed; 0 where all weigh the same.
    normal : Laplace or None
        The normal around the mode, where one was made, of the parameters that are `dense`.
    dense : ndarray of int, shape (q,)
        Places of the parameters of classes, count priors and busiest sources.
    where : ndarray of int, shape (counts of the problem,)
        Which count each is, of those whose cells follow: alike ones are computed once; -1 for those of accounts.
    accounts : ndarray of int
        Accounts of the problem whose nodes are among the counts, in this order.
    low : ndarray of int
        First count of each cell, of all counts one after the other: those that stand alone, then nodes of accounts.
    mass : ndarray
        Posterior mass of each cell.
    start : ndarray of int, shape (counts + 1,)
        Where the cells of each count begin.
    way : {"prior points", "chains", "Laplace", "reweighted"}
        How the draws were made.
    ess, rhat, khat : float
        Effective draws; R-hat of chains, else nan; Pareto shape of weights, else -inf.
    error : float
        Largest standard error of a probability of a count.
    notes : tuple of str
    """

    problem: Problem
    z: Floats
    log_weight: Floats
    normal: Laplace | None
    dense: Ints
    where: Ints
    accounts: Ints
    low: Ints
    mass: Floats
    start: Ints
    way: Way
    ess: float
    rhat: float
    khat: float
    error: float
    notes: tuple[str, ...]

    @property
    def hierarchy(self) -> Hierarchy:
        """Places and prior of the parameters."""
        return self.problem.hierarchy

    @functools.cached_property
    def xs(self) -> Floats:
        """Draws of all parameters, each as good as any other; shape (draws, p)."""
        return self.hierarchy.unfold(self.even(len(self.z)))

    @functools.cached_property
    def reference(self) -> Reference:
        """The draws, to be weighted anew."""
        return Reference(self.problem, self.z, self.log_weight)

    def pmf(self, count: int) -> PMF:
        """Posterior of a count that is summed out by itself, by its number in the problem."""
        return self._pmf(int(self.where[count]))

    def pmfs(self) -> Iterator[tuple[Linked, tuple[PMF, ...]]]:
        """Give the posteriors of the nodes of each account that is a tree."""
        at = int(self.where.max(initial=-1)) + 1
        for account in self.accounts.tolist():
            one = self.problem.linked[account]
            number = len(one.account.nodes)
            yield one, tuple(self._pmf(at + node) for node in range(number))
            at += number

    def _pmf(self, at: int) -> PMF:
        mine = slice(int(self.start[at]), int(self.start[at + 1]))
        return _to_pmf(self.low[mine], self.mass[mine])

    def known_then(self, asked: Ints) -> dict[int, PMF]:
        """Give what is known of counts at some times.

        Parameters
        ----------
        asked : ndarray of int, shape (counts of the problem,)
            A time for each, as `rising.round_hours` numbers them; -1 for none.

        Returns
        -------
        dict of count to PMF
        """
        assert self.problem.rises is not None  # noqa: S101 - for type checkers: nobody asks where nothing rises
        wanted = [
            one
            for one in self.problem.linked
            if one.account.is_tree and any(count >= 0 and asked[count] >= 0 for count in one.counts)
        ]
        rises = attrs.evolve(self.problem.rises, asked=asked)
        problem = attrs.evolve(self.problem, rises=rises, linked=tuple(wanted))
        then = KnownThen(LinkedEvidence.of(problem, map))
        masses, xs = Masses(then), self.hierarchy.unfold(self.z)
        masses.add(xs, self.log_weight[:, None] + then.taken(xs))
        cells, mean, at, found = then.cells, masses.mean, 0, {}
        for account in then.linked.accounts.tolist():
            for count in problem.linked[account].counts:
                mine = slice(int(cells.first[at]), int(cells.first[at + 1]))
                at += 1
                if count >= 0 and asked[count] >= 0:
                    found[count] = _to_pmf(cells.start[mine], mean[mine])
        return found

    def even(self, draws: int) -> Floats:
        """Draws in standardised coordinates, each as good as any other; shape (draws, p + k)."""
        size = len(self.z)
        if np.ptp(self.log_weight) == 0:
            spaced: Floats = self.z[np.linspace(0, size - 1, min(draws, size)).round().astype(int)]
            return spaced
        below = np.cumsum(np.exp(self.log_weight - self.log_weight.max()))
        strata = (np.arange(draws) + 0.5) / draws * below[-1]
        picked: Floats = self.z[np.minimum(np.searchsorted(below, strata), size - 1)]
        return picked

    def thinned(self, times: int) -> Fit:
        """Keep one in so many draws, of chains: neighbours say much the same, and to look at each again costs as much.

        Groups of one draw of each block are kept or left as multiples of the golden ratio fall, so that neither chains
        nor sweeps are left out one and all.
        """
        group = np.arange(len(self.z)) // BLOCKS
        kept = np.flatnonzero(np.modf(group * (np.sqrt(5) - 1) / 2)[0] < 1 / times)
        return attrs.evolve(self, z=self.z[kept], log_weight=self.log_weight[kept])

    def learned(self, before: Learned | None) -> Learned:
        """Give what was learned in a form for later claims: a normal with the moments of the draws."""
        layout, z = self.hierarchy, self.even(len(self.z))
        xs, ts = layout.unfold(z)[:, self.dense], layout.spreads(z)
        some, t = layout.only(self.dense), ts.mean(axis=0)
        size = len(some)
        covariance = np.cov(xs.T).reshape(size, size)
        if self.normal is not None:
            # Few draws say little of correlations between hundreds of parameters: lean on the normal approximation.
            normal = self.normal.covariance(t)
            share = len(xs) / (len(xs) + 2 * size)
            scale = np.sqrt(np.diag(covariance) / np.maximum(np.diag(normal), 1e-300))
            covariance = share * covariance + (1 - share) * normal * np.outer(scale, scale)
        covariance[np.arange(size), np.arange(size)] += 1e-9  # of what is held
        return some.learned(xs.mean(axis=0), covariance, t, ts.std(axis=0) + 1e-6, before)


def fit(
    problem: Problem,
    *,
    seed: int,
    draws: int | None = None,
    ess: float = 40.0,
    error: float = COARSE,
    near: Fit | None = None,
    afresh: bool = False,
    executor: Executor | None = None,
    report: Callable[[str], None] = lambda _: None,
) -> Fit:
    """Fit sources, classes and count priors, and estimate the counts.

    Parameters
    ----------
    problem : Problem
    seed : int, keyword
    draws : int, keyword, optional
        Draws of the parameters, at least; by default as many as it takes, and from 5,000 claims 128 to 16.
    ess : float, keyword
        Effective draws that 95 % of parameters should reach.
    error : float, keyword
        Standard error that the probabilities of all counts should reach.
    near : Fit, keyword, optional
        Of the same with a few claims more or less, or with all of them: its draws are weighted anew where that gives
        what is asked, else chains begin with them. Parameters are told by their names.
    afresh : bool, keyword
        Whether draws are to be new, so that they are not those of `near`.
    executor : Executor, keyword, optional
        Where to compute shards; by default in threads, one for each core, from 1,000 claims. The result is the same to
        the last bit with any number of workers.
    report : callable, keyword
        Told in words how far the work is.

    Returns
    -------
    Fit
    """
    with one_thread(), contextlib.ExitStack() as stack:
        spread: Callable[..., Iterable[Any]] = map if executor is None else map_over(executor)
        if executor is None and len(problem.source) >= THREADED and (cores := _cores()) > 1:
            spread = stack.enter_context(ThreadPoolExecutor(cores)).map
        if not len(problem.claims.outcome) and not problem.linked:
            return _put_together(problem, (), ())
        parts = problem.split()
        if len(parts) > 1 or (near is not None and not near.reference.holds(problem)):
            near = None
        asked = _Asked(draws, ess, error, near, afresh and near is not None, report)
        found = [_fit(part, spread, np.random.default_rng(seed), asked) for part, _, _, _ in parts]
        if len(found) == 1 and found[0].hierarchy.size == problem.hierarchy.size:
            return attrs.evolve(found[0], problem=with_favourites(problem, found[0].problem.echoes))
        return _put_together(problem, parts, found)


def _to_pmf(low: Ints, mass: Floats) -> PMF:
    """Make a distribution of the first counts of cells and their masses."""
    return PMF(Lattice(low, np.append(low[1:] - 1, TOP)), mass / mass.sum())


def _put_together(problem: Problem, parts: Sequence[tuple[Problem, Ints, Ints, Ints]], found: Sequence[Fit]) -> Fit:
    """Make one fit of those of parts that have no parameter in common."""
    size = max((len(one.z) for one in found), default=1)
    z = np.zeros((size, problem.hierarchy.size))
    shares = problem.echoes.shares.copy()
    where = np.full(len(problem.claims.outcome), -1, dtype=np.int64)
    alone: list[tuple[Ints, Floats]] = []
    nodes: dict[int, list[tuple[Ints, Floats]]] = {}
    for (part, kept, counts, accounts), one in zip(parts, found, strict=True):
        few = one.even(size)
        z[:, kept] = few[np.arange(size) * len(few) // size]
        who = np.unique(part.source)
        shares[:, who] = one.problem.echoes.shares[:, who]
        pieces = list(zip(np.split(one.low, one.start[1:-1]), np.split(one.mass, one.start[1:-1]), strict=True))
        number = int(one.where.max(initial=-1)) + 1
        mine = one.where >= 0
        where[counts[mine]] = len(alone) + one.where[mine]
        alone += pieces[:number]
        for account in one.accounts.tolist():
            more = len(part.linked[account].account.nodes)
            nodes[int(accounts[account])] = pieces[number : number + more]
            number += more
    order = sorted(nodes)
    low, every = zip(*alone, *(piece for at in order for piece in nodes[at]), strict=True) if found else ((), ())
    start = np.cumsum([0, *map(len, every)])
    echoes = attrs.evolve(problem.echoes, shares=shares)
    worst = max(found, key=lambda one: one.error, default=None)
    return Fit(
        with_favourites(problem, echoes), z, np.zeros(size), None, find_dense(problem), where,
        np.array(order, dtype=np.int64),
        np.concatenate([np.zeros(0, dtype=np.int64), *low]), np.concatenate([np.zeros(0), *every]), start,
        worst.way if worst else "prior points", min((one.ess for one in found), default=np.inf),
        max((one.rhat for one in found), default=np.nan), max((one.khat for one in found), default=-np.inf),
        max((one.error for one in found), default=0.0),
        tuple(dict.fromkeys(note for one in found for note in one.notes)),
    )  # fmt: skip


def one_thread() -> AbstractContextManager[Any]:
    """Do linear algebra in one thread.

    Several wait for each other on matrices as small as these, at several times the cost, and their number shows in the
    last bits.
    """
    limited: AbstractContextManager[Any] = _linear_algebra().limit(limits=1, user_api="blas")
    return limited


@functools.cache
def _linear_algebra() -> ThreadpoolController:
    """Find the libraries of linear algebra once, which takes milliseconds."""
    import scipy.linalg  # noqa: F401 - brings one of its own
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController()


def _cores() -> int:
    """How many cores this process may use."""
    mine = getattr(os, "sched_getaffinity", None)  # not on every system
    return len(mine(0)) if mine else os.cpu_count() or 1


def _keep_memory() -> None:
    """Free one array that is as large as glibc's limit allows: it then keeps what is freed, which halves the time."""
    np.empty(31 << 17)


@attrs.frozen
class _Asked:
    """What is asked of a fit; see `fit`."""

    draws: int | None
    ess: float
    error: float
    near: Fit | None
    afresh: bool
    report: Callable[[str], None]


def _fit(problem: Problem, spread: Callable[..., Iterable[Any]], rng: np.random.Generator, asked: _Asked) -> Fit:
    whole = AllEvidence.of(problem, spread)
    near, begun, found = asked.near, None, None
    # Whom sources copy is to be found anew; and the normal is drawn from as soon as it is found.
    if near is not None and near.way != "Laplace" and not np.any(problem.echoes.favourites >= 0):
        found, begun = _weigh_near(whole, near, asked, rng)
    if found is None and (near is None or near.way == "prior points"):
        found = _weigh_prior(whole, asked.draws, rng)
    if found is not None:
        return found
    _keep_memory()
    if near is not None and near.normal is not None and begun is not None:
        return _run_chains(whole, _Around.near(near, whole, rng), asked, rng, begun)
    mode = find_mode(whole, rng, asked.report)
    asked.report("draws")
    if whole.size > NORMAL:
        return _draw_normal(whole, mode, asked.draws, rng)
    return _run_chains(whole, _Around.mode(mode, whole, rng), asked, rng, begun)


# --------------------------------------------------------------------------------- draws of nearly the same problem


def _weigh_near(whole: AllEvidence, near: Fit, asked: _Asked, rng: np.random.Generator) -> tuple[Fit | None, Beginning]:
    """Weigh draws of nearly the same problem anew, where that tells enough; and with which draws chains may begin."""
    weighted = Reweighting(near.reference, whole, rng)
    for points in INTEGRATED if weighted.integrates else INTEGRATED[:1]:
        weighted.integrate(points)
        if asked.afresh or len(near.z) < (asked.draws or 0):
            break
        if weighted.khat > TRUSTED or (effective := near.ess * weighted.kept) < asked.ess:
            continue
        found = weighted.solve()
        if found.error <= asked.error:
            return Fit(
                whole.problem, found.z, found.log_weight, None, find_dense(whole.problem), whole.where,
                whole.linked.accounts, whole.cells.start, found.means, whole.cells.first, "reweighted", effective,
                np.nan, weighted.khat, found.error, (),
            ), weighted.beginning()  # fmt: skip
    return None, weighted.beginning(counted=not asked.afresh, most=TRUSTED)


# ---------------------------------------------------------------------------------------------- points of the prior


def _weigh_prior(whole: AllEvidence, draws: int | None, rng: np.random.Generator) -> Fit | None:
    """Weigh points of the prior by the evidence; None where too few of them would be effective."""
    layout = whole.problem.hierarchy

    def weigh(xs: Floats, evidence: AllEvidence) -> tuple[Floats, Floats, float, float]:
        value, taken = evidence.values(xs)
        weight, khat = smooth_weights(value)
        return np.log(np.maximum(weight, 1e-300)), taken, float(1 / np.sum(weight**2)), khat

    wanted, look = 0.0, np.zeros((0, len(layout)))
    for number in LOOKS:
        look = layout.unfold(normal_points(number, layout.size, rng))
        # Where some of many claims leave too few, all of them do.
        some = whole.only(GLANCE, rng) if number == LOOKS[0] and whole.size > 2 * GLANCE else whole
        _, _, effective, _ = weigh(look, some)
        wanted = number * EFFECTIVE / effective
        if wanted > POINTS:
            return None
    every, mass, kept = whole.reduced(look)
    number = max(int(np.clip(2 ** np.ceil(np.log2(wanted)), FEWEST, POINTS)), -(-(draws or 0) // 8) * 8)
    z = normal_points(number, layout.size, rng)
    xs = layout.unfold(z)
    log_weight, taken, effective, khat = weigh(xs, every)
    if effective < EFFECTIVE / 2 or khat > TRUSTED:
        return None
    masses = Masses(every)
    masses.add(xs, log_weight[:, None] + taken)
    means = fill_up(masses.mean, mass, kept, whole.cells.first)
    found = _conclude(whole, every, z, means, masses, None)
    return attrs.evolve(found, log_weight=log_weight, way="prior points", ess=effective, khat=khat)


# -------------------------------------------------------------------------------------------- draws, and the counts


@attrs.frozen(eq=False)
class _Around:
    """A normal around which chains move: its center, the precision of the coordinates that are dense, and of others."""

    center: Floats
    precision: Floats
    moved: Ints
    alone: Floats
    normal: Laplace | None

    @classmethod
    def mode(cls, mode: Mode, whole: AllEvidence, rng: np.random.Generator) -> _Around:
        center, moved = mode.center(whole), mode.coordinates(whole.problem.hierarchy)
        precision = find_precision(whole, center, moved, mode.normal.around(center[moved]))
        return cls(center, precision, moved, find_diagonal(whole, center, moved, rng), mode.normal)

    @classmethod
    def near(cls, near: Fit, whole: AllEvidence, rng: np.random.Generator) -> _Around:
        """Take that of nearly the same problem: how well chains move depends on it, where to does not."""
        assert near.normal is not None  # noqa: S101 - for type checkers: it was asked before
        before, places = near.hierarchy, near.reference.places(whole.problem.hierarchy)
        dense = np.concatenate([near.dense, np.arange(len(before), before.size)])
        weight = np.exp(near.log_weight - near.log_weight.max())
        center = weight @ near.z / weight.sum()
        curvature = near.normal.around(center[dense])
        at = np.full(before.size + 1, -1, dtype=np.int64)
        at[dense] = np.arange(len(dense))
        moved = np.flatnonzero(at[places] >= 0)
        mine = at[places[moved]]
        found = np.where(places >= 0, center[places], 0.0)
        alone, same = find_diagonal(whole, found, moved, rng), np.array_equal(places, np.arange(before.size))
        precision = find_precision(whole, found, moved, curvature[np.ix_(mine, mine)])
        return cls(found, precision, moved, alone, near.normal if same else None)

    def draw(self, number: int, rng: np.random.Generator) -> Floats:
        """Draw from it, a little nearer to the center, since its tails may be nowhere."""
        from scipy.linalg import solve_triangular

        gap = normal_points(-(-number // 8) * 8, len(self.center), rng)[:number] / np.sqrt(self.alone)
        root = np.linalg.cholesky(self.precision)
        gap[:, self.moved] = solve_triangular(root, gap[:, self.moved].T, lower=True, trans="T").T
        return self.center + 0.7 * gap


def _run_chains(
    whole: AllEvidence, around: _Around, asked: _Asked, rng: np.random.Generator, begun: Beginning | None
) -> Fit:
    """Move draws from the normal approximation, or those of nearly the same, to the posterior itself."""
    layout, total, center = whole.problem.hierarchy, whole.size, around.center
    size = layout.size
    chains = int(np.clip(SIDE_BY_SIDE // total // 8 * 8, *CHAINS))
    start = around.draw(chains, rng) if begun is None else begun.start(chains)
    every, mass, kept = whole.reduced(layout.unfold(np.concatenate([center[None], start])))

    chain, masses, before, made = _take_turns(every, start, around, rng), Masses(every), 0.0, 0
    chain.advance(int(np.clip(SHORT // total, *WARMUP)), warm_up=True)
    if begun is not None and begun.draws:
        taken = every.taken(layout.unfold(begun.z))
        masses.add(layout.unfold(begun.z), begun.log_weight[:, None] + taken)
        before = asked.near.ess * begun.kept if asked.near is not None else 0.0
        made = len(begun.z)
    sweeps, effective, error, rhat = 0, 0.0, np.inf, np.inf
    wanted, ess = -(-((asked.draws or 0) - made) // chains), asked.ess
    least = int(np.clip(SHORT // total, *LEAST))
    while sweeps < max(wanted, least) or (
        sweeps < SWEEPS
        and chain.evaluations * (total + size // 4) < BUDGET
        and (effective < ess or ((error > asked.error or not rhat <= MIXED) and not asked.afresh))
    ):
        new = chain.advance(least if not sweeps else MORE)
        masses.add(layout.unfold(new.reshape(-1, size)))
        sweeps += len(new)
        effective = before + float(np.quantile(bulk_ess(chain.draws), 0.05))
        error = float(masses.errors.max(initial=0.0))
        rhat = float(np.quantile(split_rhat(chain.draws), 0.95))
        known = f"{effective:.0f} of {ess:.0f} effective draws, probabilities to {100 * error:.0f} %"
        asked.report(f"{sweeps} sweeps: {known}")
    means = fill_up(masses.mean, mass, kept, whole.cells.first)
    z, log_weight = chain.draws.reshape(-1, size), np.zeros(chains * sweeps)
    if begun is not None and begun.draws:
        z, log_weight = np.concatenate([begun.z, z]), np.concatenate([begun.log_weight, log_weight])
    fit = attrs.evolve(_conclude(whole, every, z, means, masses, around.normal), log_weight=log_weight)
    return attrs.evolve(fit, way="chains", ess=effective, rhat=rhat, notes=_doubts(effective, ess, rhat))


def _draw_normal(whole: AllEvidence, mode: Mode, draws: int | None, rng: np.random.Generator) -> Fit:
    layout = whole.problem.hierarchy
    every, mass, kept = whole.reduced(mode.x[None])
    number = -(-(draws or int(np.clip(WORK // whole.size, *DRAWS))) // 16) * 16
    masses, parts, error = Masses(every), list[Floats](), np.inf
    while len(parts) < ROUNDS and error > COARSE:
        parts.append(_draw_from(every, mode, number, rng))
        masses.add(layout.unfold(parts[-1]))
        error = float(masses.errors.max(initial=0.0))
    z = np.concatenate(parts)
    fit = _conclude(whole, every, z, fill_up(masses.mean, mass, kept, whole.cells.first), masses, mode.normal)
    return attrs.evolve(fit, way="Laplace", ess=float(len(z)))


def _conclude(
    whole: AllEvidence, every: AllEvidence, z: Floats, means: Floats, masses: Masses, normal: Laplace | None
) -> Fit:
    """Write down draws and counts; `every` is `whole` without cells in which next to nothing is."""
    problem, cells = whole.problem, whole.cells
    return Fit(
        with_favourites(problem, every.echoes), z, np.zeros(len(z)), normal, find_dense(problem), whole.where,
        whole.linked.accounts, cells.start, means,
        cells.first, "prior points", np.nan, np.nan, -np.inf, float(masses.errors.max(initial=0.0)), (),
    )  # fmt: skip


def _draw_from(evidence: AllEvidence, mode: Mode, number: int, rng: np.random.Generator) -> Floats:
    """Draw from the normal around the mode, and sources with few claims given those; shape (number, p + k)."""
    layout = evidence.problem.hierarchy
    moved = mode.coordinates(layout)
    z = np.empty((number, layout.size))
    z[:, moved] = mode.normal.draw(mode.t, mode.t_sd, number, rng)
    if len(moved) == layout.size:
        return z
    center = mode.center(evidence)
    alone = find_diagonal(evidence, center, moved, rng)
    free = np.setdiff1d(np.arange(layout.size), moved)
    z[:, free] = center[free] + normal_points(number, len(free), rng) / np.sqrt(alone[free])
    chain = Turns(
        [_move_blocks(evidence, z, center, moved, alone, rng)], z, functools.partial(layout.draw_classes, rng=rng)
    )
    chain.advance(OTHERS, warm_up=True)
    return z


def _take_turns(evidence: AllEvidence, start: Floats, around: _Around, rng: np.random.Generator) -> Turns:
    """Begin chains: over what is dense, given sources with few claims, and over these, given what is dense."""
    layout, z, moved = evidence.problem.hierarchy, start.copy(), around.moved

    def target(some: Floats) -> tuple[Floats, Floats]:
        z[:, moved] = some
        value, slope = evidence.evaluate(layout.unfold(z))
        return (value - 0.5 * np.sum(some**2, axis=1))[:, None], layout.pull(z, slope)[:, moved] - some

    every, alone, softened = np.arange(len(moved)), np.ones(len(moved)), soften(evidence.size)
    dense = Chains(target, z[:, moved], around.center[moved], around.precision, every, alone, rng, softened)
    parts = [(dense, moved)]
    if len(moved) < layout.size:
        parts.append(_move_blocks(evidence, z, around.center, moved, around.alone, rng))
    return Turns(parts, z, functools.partial(layout.draw_classes, rng=rng))


def _move_blocks(
    evidence: AllEvidence, z: Floats, center: Floats, moved: Ints, alone: Floats, rng: np.random.Generator
) -> tuple[Chains, Ints]:
    """Begin chains over sources with few claims, given all else, where each count goes its own way; with the places."""
    layout = evidence.problem.hierarchy
    free, first, block = evidence.find_blocks(np.setdiff1d(np.arange(layout.size), moved))

    def target(some: Floats) -> tuple[Floats, Floats]:
        z[:, free] = some
        each, slope = evidence.evaluate_each(layout.unfold(z))
        value = each @ block - 0.5 * np.add.reduceat(some**2, first, axis=1)
        return value, layout.pull(z, slope)[:, free] - some

    none = np.zeros(0, dtype=np.int64)
    return Chains(target, z[:, free], center[free], np.eye(0), none, alone[free], rng, first=first), free


def with_favourites(problem: Problem, echoes: Echoes) -> Problem:
    return attrs.evolve(problem, echoes=attrs.evolve(problem.echoes, shares=echoes.shares))


def _doubts(effective: float, ess: float, rhat: float) -> tuple[str, ...]:
    if rhat > MIXED:
        said = "the sources can be read in more than one way, and the draws do not tell how likely each is"
        return (f"{said} (R-hat {rhat:.1f}): intervals may be off; compare with learn=False",)
    if effective < ess:
        said = f"what is said of the sources rests on some {effective:.0f} independent draws, not {ess:.0f}"
        return (f"{said}: their intervals are rough",)
    return ()
