# SPDX-License-Identifier: MIT
"""Draws of one problem weighted anew for another, with a few claims less or more: importance sampling.

Most counts have the same claims in both, so that what they say cancels, and what they are at each draw is known. Only
counts that differ are computed. A parameter that the other problem has not is integrated out of what is divided by, at
a few points beside its draw, the draw being one of them: the mean over such points makes weights that are right on
average, whatever their number (Andrieu, Doucet and Holenstein 2010), and far more even than those of the draw alone.
"""

from __future__ import annotations

import functools
from collections import defaultdict
from collections.abc import Callable, Iterable
from typing import Any, TypeAlias

import attrs
import numpy as np
from numpy.typing import NDArray

from reconcile.inference.arrays import Cells
from reconcile.inference.diagnostics import smooth_weights
from reconcile.inference.evidence import AllEvidence, Masses, fill_up
from reconcile.inference.hierarchy import Hierarchy
from reconcile.inference.importance import BLOCKS
from reconcile.inference.problems import Linked, Problem

__all__ = ["Reference", "Reweighted", "Reweighting"]

Floats: TypeAlias = NDArray[np.float64]
Ints: TypeAlias = NDArray[np.int64]
Spread: TypeAlias = Callable[..., Iterable[Any]]

LOOKED = 32  # draws at which it is seen which cells hold next to nothing
NARROW = 0.05  # least standard deviation of the normal from which points are drawn, in those of the prior


@attrs.frozen(eq=False)
class _Units:
    """The counts of a problem that stand alone, and its accounts, each with all that its evidence depends on."""

    counts: dict[object, list[int]]
    accounts: dict[object, list[int]]

    @classmethod
    def of(cls, problem: Problem) -> _Units:
        layout, claims = problem.hierarchy, problem.claims
        names = (*layout.names, None)
        floor = problem.echoes.floor(problem.source)
        words = [(m.low.tobytes(), m.high.tobytes(), m.plain.tobytes(), m.heaped.tobytes()) for m in claims.meanings]
        rises = problem.rises
        times = [-1] * len(claims) if rises is None else rises.time.tolist()
        said = [
            (words[value], hedged, tuple(names[at] for at in places), same, there, power, time)
            for value, hedged, places, same, there, power, time in zip(
                claims.value.tolist(), claims.hedged.tolist(), problem.columns.T.tolist(), *floor.tolist(),
                problem.power.tolist(), times, strict=True,
            )
        ]  # fmt: skip
        first = np.searchsorted(claims.event, np.arange(len(claims.outcome) + 1)).tolist()
        outcomes = [layout.names[int(at)].owner for at in layout.counts[:, 0]]
        counts, accounts = defaultdict[object, list[int]](list), defaultdict[object, list[int]](list)
        for at in problem.alone.tolist():
            mine = said[first[at] : first[at + 1]]
            counts[(outcomes[int(claims.outcome[at])], *mine)].append(at)
        for at, one in enumerate(problem.linked):
            if one.account.is_tree:
                rows = [
                    (int(problem.told[row]), node, said[row])
                    for node, count in enumerate(one.counts)
                    if count >= 0
                    for row in range(first[count], first[count + 1])
                ]
                accounts[_key(one, sorted(rows, key=lambda row: row[0]))].append(at)
        return cls(dict(counts), dict(accounts))

    def beyond(self, other: _Units) -> tuple[Ints, Ints]:
        """Counts and accounts that another problem has not, or not as often."""
        counts, accounts = (
            np.array(sorted(at for key, places in mine.items() for at in places[len(theirs.get(key, ())) :]), dtype=int)
            for mine, theirs in ((self.counts, other.counts), (self.accounts, other.accounts))
        )
        return counts, accounts


def _key(linked: Linked, rows: list[tuple[int, int, object]]) -> object:
    """All that the evidence of an account depends on; the order of telling, but not when."""
    if linked.shares:
        return object()  # like no other
    account = linked.account
    made = (account.nodes, account.joins, account.splits, tuple(sorted(account.priors.items())))
    return *made, account.atoms.tobytes(), tuple((node, said) for _, node, said in rows)


def _take(problem: Problem, counts: Ints, accounts: Ints) -> tuple[Problem, Ints]:
    """Keep some counts that stand alone, and some accounts; with the new number of each count."""
    bound = [at for one in accounts.tolist() for at in problem.linked[one].counts if at >= 0]
    kept = np.union1d(counts, np.array(bound, dtype=np.int64)).astype(np.int64)
    renamed = np.full(len(problem.claims.outcome) + 1, -1, dtype=np.int64)
    renamed[kept] = np.arange(len(kept))
    linked = tuple(
        attrs.evolve(one, counts=tuple(int(renamed[at]) for at in one.counts))
        for one in (problem.linked[at] for at in accounts.tolist())
    )
    return attrs.evolve(problem.only(kept), linked=linked), renamed


@attrs.frozen(eq=False)
class _Solved:
    """Counts of a problem at draws of its parameters.

    Attributes
    ----------
    whole, every : AllEvidence
        With all cells, and with those in which a count may lie.
    mass : ndarray
        Of all cells, at some of the draws.
    kept : ndarray of int
        Which cells are left.
    taken : ndarray, shape (draws, units)
        Log of what each unit takes back.
    value : ndarray, shape (draws,)
        Log evidence.
    xs : ndarray, shape (draws, p)
    """

    whole: AllEvidence
    every: AllEvidence
    mass: Floats
    kept: Ints
    taken: Floats
    value: Floats
    xs: Floats

    @classmethod
    def of(cls, problem: Problem, xs: Floats, spread: Spread) -> _Solved:
        whole = AllEvidence.of(problem, spread)
        every, mass, kept = whole.reduced(xs[np.linspace(0, len(xs) - 1, min(LOOKED, len(xs))).astype(int)])
        value, taken = every.values(xs)
        return cls(whole, every, mass, kept, taken, value, xs)

    def unit_of(self, count: int) -> int:
        """Which unit a count is that stands alone."""
        return int(self.whole.where[count])

    def unit_of_account(self, account: int) -> int:
        """Which unit an account is."""
        accounts: list[int] = self.whole.linked.accounts.tolist()
        return len(self.whole.alone.problem.claims.outcome) + accounts.index(account)


@attrs.frozen(eq=False)
class Reference:
    """Draws of one problem, with what is known at each.

    Attributes
    ----------
    problem : Problem
    z : ndarray, shape (draws, p + k)
        Standardised; draw k is of block k % 8.
    log_weight : ndarray, shape (draws,)
    """

    problem: Problem
    z: Floats
    log_weight: Floats

    @functools.cached_property
    def xs(self) -> Floats:
        """Parameters at the draws."""
        return self.problem.hierarchy.unfold(self.z)

    @functools.cached_property
    def units(self) -> _Units:
        """Of what the problem is made."""
        return _Units.of(self.problem)

    @functools.cached_property
    def solved(self) -> _Solved:
        """All counts at the draws."""
        return _Solved.of(self.problem, self.xs, map)

    @functools.cached_property
    def marginals(self) -> Floats:
        """Posterior mass of each cell that is left, at each draw; shape (draws, cells)."""
        every, one = self.solved.every, np.ones((BLOCKS, self.solved.taken.shape[1]))
        return np.concatenate([every.sums(self.xs[at : at + BLOCKS], one) for at in range(0, len(self.z), BLOCKS)])

    def places(self, layout: Hierarchy) -> Ints:
        """Where the coordinates of another layout stand in this one; -1 for those that it has not; shape (p + k,)."""
        mine = self.problem.hierarchy
        at: dict[object, int] = {name: k for k, name in enumerate(mine.names)}
        spreads = {name: len(mine) + k for k, name in enumerate(mine.classes)}
        found = [at.get(name, -1) for name in layout.names] + [spreads.get(name, -1) for name in layout.classes]
        return np.array(found, dtype=np.int64)

    def holds(self, problem: Problem) -> bool:
        """Whether the parameters of another problem are those of this one where they have the same names."""
        mine, other = self.problem.hierarchy, problem.hierarchy
        taught = [[layout.names[at] for at in layout.joint] for layout in (mine, other)]
        learning = bool(mine.classes) and bool(other.classes)
        return learning and problem.model is self.problem.model and taught[0] == taught[1]

    def moved(self, layout: Hierarchy, rng: np.random.Generator) -> Floats:
        """Draws in the coordinates of another layout; of the prior where this one has none; shape (draws, p + k)."""
        at = self.places(layout)
        return np.where(at < 0, rng.standard_normal((len(self.z), len(at))), self.z[:, np.maximum(at, 0)])


class Reweighting:
    """Draws of a reference weighted for another problem.

    Parameters
    ----------
    reference : Reference
    whole : AllEvidence
        Of the other problem.
    rng : numpy Generator

    Attributes
    ----------
    z : ndarray, shape (draws, p + k)
        The draws, in the coordinates of the other problem.
    khat : float
        Shape of their weights.
    kept : float
        Effective draws, as a part of those of the reference.
    """

    def __init__(self, reference: Reference, whole: AllEvidence, rng: np.random.Generator) -> None:
        self._reference, self._whole, self._rng = reference, whole, rng
        problem, before = whole.problem, reference.problem
        layout, spread = problem.hierarchy, whole.linked.spread
        units = _Units.of(problem)
        fresh, gone = units.beyond(reference.units), reference.units.beyond(units)
        self.z = reference.moved(layout, rng)
        self._dropped = np.setdiff1d(np.arange(before.hierarchy.size), reference.places(layout))
        part, renamed = _take(problem, *fresh)
        self._part = _Solved.of(part, layout.unfold(self.z), spread) if any(map(len, fresh)) else None
        self._gone = AllEvidence.of(_take(before, *gone)[0], spread) if any(map(len, gone)) else None
        if self._gone is not None:
            some = reference.xs[np.linspace(0, len(self.z) - 1, min(LOOKED, len(self.z))).astype(int)]
            self._gone, _, _ = self._gone.reduced(some)
        self._points = [self._divisor(reference.z)]
        self._find_origins = functools.partial(self._find_units, units, renamed, fresh[1])
        self._weigh()

    def _find_units(self, units: _Units, renamed: Ints, fresh: Ints) -> Ints:
        """Which unit of the reference each unit is, or which of those that are computed anew, counted on from these."""
        whole, reference, part = self._whole, self._reference, self._part
        solved, number = reference.solved, reference.solved.taken.shape[1]
        alone = len(whole.alone.problem.claims.outcome)
        found = np.empty(alone + len(whole.linked.accounts), dtype=np.int64)
        for key, places in units.counts.items():
            known = reference.units.counts.get(key, [])
            for at in places:
                if known or part is None:
                    found[whole.where[at]] = solved.unit_of(known[0])
                else:
                    found[whole.where[at]] = number + part.unit_of(int(renamed[at]))
        order = {int(at): alone + k for k, at in enumerate(whole.linked.accounts)}
        again = {int(at): k for k, at in enumerate(fresh)}
        for key, places in units.accounts.items():
            known = reference.units.accounts.get(key, [])
            for at in places:
                if known or part is None:
                    found[order[at]] = solved.unit_of_account(known[0])
                else:
                    found[order[at]] = number + part.unit_of_account(again[at])
        return found

    def _normal(self) -> tuple[Floats, Floats]:
        """Mean and standard deviation of the coordinates that the other problem has not, among the draws."""
        z = self._reference.z[:, self._dropped]
        weight = np.exp(self._reference.log_weight - self._reference.log_weight.max())
        mean = weight @ z / weight.sum()
        return mean, np.maximum(np.sqrt(weight @ (z - mean) ** 2 / weight.sum()), NARROW)

    def _divisor(self, z: Floats) -> Floats:
        """Log of what the counts that differ say in the reference, over the normal of what is integrated out."""
        if self._gone is None:
            return np.zeros(len(z))
        value, _ = self._gone.values(self._reference.problem.hierarchy.unfold(z))
        (mean, sd), mine = self._normal(), z[:, self._dropped]
        found: Floats = value + np.sum(-0.5 * mine**2 + 0.5 * ((mine - mean) / sd) ** 2 + np.log(sd), axis=1)
        return found

    def integrate(self, points: int) -> None:
        """Look at what the other problem has not at so many points beside each draw, counting those before."""
        mean, sd = self._normal()
        for _ in range(len(self._points) - 1, points):
            z = self._reference.z.copy()
            z[:, self._dropped] = mean + sd * self._rng.standard_normal((len(z), len(sd)))
            self._points.append(self._divisor(z))
        self._weigh()

    @property
    def integrates(self) -> bool:
        """Whether there is something to integrate out."""
        return bool(len(self._dropped)) and self._gone is not None

    def _weigh(self) -> None:
        """Weigh the draws for the other problem, and say what the weights are worth."""
        taught = 0.0 if self._part is None else self._part.value
        divisor = np.logaddexp.reduce(self._points, axis=0) - np.log(len(self._points))
        self._weight, self.khat = smooth_weights(self._reference.log_weight + taught - divisor)
        before = np.exp(self._reference.log_weight - self._reference.log_weight.max())
        self.kept = float(before @ before / before.sum() ** 2 / (self._weight @ self._weight))

    def beginning(self, *, counted: bool = False, most: float = 0.0) -> Beginning:
        """Give draws with which chains begin; whether they count depends on the shape of their weights."""
        draws = self.kept * len(self.z) if counted and self.khat <= most else 0.0
        return Beginning(self.z, np.log(np.maximum(self._weight * max(draws, 1.0), 1e-300)), draws, self.kept)

    def solve(self) -> Reweighted:
        """Average all counts of the other problem over the draws."""
        log_weight = np.log(np.maximum(self._weight, 1e-300))
        joined = _Joined.of(self._reference, self._part, self._find_origins())
        masses = Masses(joined)
        masses.add(np.zeros((len(log_weight), 0)), log_weight[:, None] + joined.log_taken)
        means = fill_up(masses.mean, joined.mass, joined.kept, self._whole.cells.first)
        return Reweighted(self.z, log_weight, means, float(masses.errors.max(initial=0.0)))


@attrs.frozen(eq=False)
class Beginning:
    """Draws with which chains begin.

    Attributes
    ----------
    z : ndarray, shape (draws, p + k)
        Draw k is of block k % 8.
    log_weight : ndarray, shape (draws,)
        The weights sum to `draws`.
    draws : float
        For how many draws of chains they count themselves; 0 where they are not to be counted.
    kept : float
        Effective draws, as a part of those of the reference.
    """

    z: Floats
    log_weight: Floats
    draws: float
    kept: float

    def start(self, chains: int) -> Floats:
        """Pick where each chain begins, of draws of its own block; shape (chains, p + k)."""
        each, found = chains // BLOCKS, np.empty((chains, self.z.shape[1]))
        for block in range(BLOCKS):
            mine = np.exp(self.log_weight[block::BLOCKS] - self.log_weight[block::BLOCKS].max())
            # Chains that begin with one draw are one at first: worse ones are raised until there are more.
            while mine.sum() ** 2 < min(each, len(mine) / 2) * np.sum(mine**2):
                mine = np.sqrt(mine)
            below = np.cumsum(mine)
            picked = np.searchsorted(below, (np.arange(each) + 0.5) / each * below[-1])
            found[block::BLOCKS] = self.z[block::BLOCKS][np.minimum(picked, len(mine) - 1)]
        return found


@attrs.frozen(eq=False)
class Reweighted:
    """What draws say of another problem.

    Attributes
    ----------
    z : ndarray, shape (draws, p + k)
    log_weight : ndarray, shape (draws,)
        Pareto-smoothed.
    means : ndarray
        Posterior mass of each cell of each count.
    error : float
        Largest standard error of a probability.
    """

    z: Floats
    log_weight: Floats
    means: Floats
    error: float


@attrs.frozen(eq=False)
class _Joined:
    """Counts at draws, remembered or computed anew; as much of `AllEvidence` as `Masses` asks for.

    Attributes
    ----------
    marginals : ndarray, shape (draws, cells of the reference)
    part : _Solved or None
        What is computed anew.
    cells : Cells
        Those that are left.
    units : ndarray of int
    at : ndarray of int
        Where these cells stand among those of the reference and then those that are computed anew.
    log_taken : ndarray, shape (draws, units)
        Log of what each unit takes back.
    mass : ndarray
        As in `_Solved`.
    kept : ndarray of int
        As in `_Solved`.
    anew : ndarray of int
        Which unit each is of those that are computed anew; -1 for others.
    """

    marginals: Floats
    part: _Solved | None
    cells: Cells
    units: Ints
    at: Ints
    log_taken: Floats
    mass: Floats
    kept: Ints
    anew: Ints

    @classmethod
    def of(cls, reference: Reference, part: _Solved | None, unit: Ints) -> _Joined:
        """Join the units whose numbers are given, those that are computed anew being counted on from the others."""
        both = [reference.solved, *([part] if part is not None else [])]
        number = reference.solved.taken.shape[1]
        shift = (0, number)
        units = np.concatenate([one.whole.units + more for one, more in zip(both, shift, strict=False)])
        counts = [np.flatnonzero(units == one) for one in unit.tolist()]
        events = np.concatenate([np.zeros(0, dtype=np.int64), *counts])
        every, whole = (Cells.join([getattr(one, name).cells for one in both]) for name in ("every", "whole"))
        at, _ = every.of_events(events)
        among, _ = whole.of_events(events)
        left = np.zeros(len(whole.start), dtype=bool)
        left[np.concatenate([one.kept + more for one, more in zip(both, (0, len(both[0].mass)), strict=False)])] = True
        owner = np.repeat(np.arange(len(unit)), [len(mine) for mine in counts])
        taken, mass = np.concatenate([one.taken for one in both], axis=1), np.concatenate([one.mass for one in both])
        return cls(
            reference.marginals, part, every.only(events), owner, at, taken[:, unit], mass[among],
            np.flatnonzero(left[among]), np.where(unit >= number, unit - number, -1),
        )  # fmt: skip

    def taken(self, xs: Floats) -> Floats:
        """Log of what each unit takes back at the draws, at which all is known."""
        del xs
        return self.log_taken

    def sums(self, xs: Floats, weight: Floats) -> Floats:
        """Sum the posterior of all counts over the draws, `weight` by unit; see `Evidence.sums`."""
        del xs  # they are those at which all is known
        found, known = np.empty((BLOCKS, len(self.at))), self.marginals.shape[1]
        owner, old = np.repeat(self.units, np.diff(self.cells.first)), self.at < known
        for block in range(BLOCKS):
            mine, there = weight[block::BLOCKS][:, owner[old]], self.marginals[block::BLOCKS][:, self.at[old]]
            found[block, old] = np.einsum("sc,sc->c", mine, there)
        if self.part is not None:
            anew = np.zeros((len(weight), self.part.taken.shape[1]))
            anew[:, self.anew[self.anew >= 0]] = weight[:, self.anew >= 0]
            found[:, ~old] = self.part.every.sums(self.part.xs, anew)[:, self.at[~old] - known]
        return found
