# SPDX-License-Identifier: MIT
"""Sources visited in turn: other readings of one source, judged by its own claims alone.

What a claim says of a count depends on its own source only. So all chains keep what each claim says of each cell, and a
new reading of one source costs its own claims, where a step of all parameters costs those of everybody.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import TypeAlias

import attrs
import numpy as np
from numpy.typing import NDArray

from reconcile.arrays import Shard, spans
from reconcile.batches import choose_likelihood
from reconcile.evidence import Claimed, Normal, Problem, theta_of
from reconcile.likelihood import TINY
from reconcile.openings import Opened
from reconcile.shards import Tasks, build_shard

__all__ = ["Visits"]

Floats: TypeAlias = NDArray[np.float64]
Ints: TypeAlias = NDArray[np.int64]

# Shares of steps that keep nothing of where a chain stands, and that are taken from the prior, whatever the evidence
# looked like at the mode: judgement; no choice changes what the chains draw from.
AFRESH, LEAPS = 0.3, 0.3


def _divide(problem: Problem) -> tuple[Ints, Ints, list[list[tuple[Ints, int]]]]:
    """Find who shares parameters.

    Returns
    -------
    party : ndarray of int, shape (n,)
        Claims of one party share parameters, if only by way of others.
    kind : ndarray of int, shape (n,)
        Claims of one kind have the same parameters.
    groups : list of list of (ndarray of int, int)
        For each party, the parameters that may move together, and the only kind that they concern, or -1.
    """
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    none = len(problem.hierarchy)
    kinds, kind = np.unique(problem.columns, axis=1, return_inverse=True)
    line = np.repeat(np.arange(kinds.shape[1]), len(kinds))
    links = coo_array((np.ones(len(line)), (line, kinds.T.ravel())), (kinds.shape[1], none + 1)).tocsr()[:, :none]
    _, party = connected_components(links @ links.T, directed=False)
    groups = []
    for k in range(party.max(initial=-1) + 1):
        mine = np.flatnonzero(party == k)
        rows = [{int(at) for at in kinds[:, j] if at < none} for j in mine]
        common, whole = set.intersection(*rows), set.union(*rows)
        found = {frozenset(one) for one in (whole, common, *rows, *(row - common for row in rows)) if one}
        made = []
        for one in sorted(found, key=sorted):
            concerned = [int(j) for j, row in zip(mine, rows, strict=True) if one & row]
            only = concerned[0] if len(concerned) == 1 < len(mine) else -1
            made.append((np.array(sorted(one), dtype=np.int64), only))
        groups.append(made)
    kind = kind.ravel()  # NumPy 2.0 gives it an axis too many
    return party[kind].astype(np.int64), kind.astype(np.int64), groups


@attrs.frozen(eq=False)
class _Unit:
    """All claims of one party, or of one kind, about one set of counts.

    Attributes
    ----------
    shard : Shard
        Each claim by itself.
    echo : ndarray, shape (claims, 2)
    at : ndarray of int
        For each cell of each claim its place among those of all claims.
    slot : ndarray of int
        The same among `cells`.
    once : bool
        Whether no cell is spoken of twice.
    cells : ndarray of int
        Cells of the counts that the unit speaks of, among all.
    start : ndarray of int
        Where those of each count begin.
    events : ndarray of int
    """

    shard: Shard
    echo: Floats
    at: Ints
    slot: Ints
    once: bool
    cells: Ints
    start: Ints
    events: Ints

    def say(self, xs: Floats) -> Floats:
        """Logarithm of what each claim says of each of its cells, one after the other; shape (chains, k)."""
        rows = choose_likelihood().rows(self.shard, theta_of(self.shard, xs), self.echo)
        return np.asarray(np.log(rows[:, self.shard.cells]), dtype=np.float64)

    def gather(self, said: Floats) -> Floats:
        """Add what the claims say to the cells that they speak of; shape (chains, cells of the unit)."""
        found = np.zeros((len(said), len(self.cells)))
        if self.once:
            found[:, self.slot] = said
        else:
            np.add.at(found.T, self.slot, said.T)
        return found


def _sum_out(joint: Floats, start: Ints) -> Floats:
    """Log evidence of each count, from logarithms of prior and claims at its cells; shape (chains, events)."""
    peak = np.maximum.reduceat(joint, start, axis=1)
    each = np.diff(np.append(start, joint.shape[1]))
    total: Floats = peak + np.log(np.add.reduceat(np.exp(joint - np.repeat(peak, each, axis=1)), start, axis=1))
    return total


@attrs.define(eq=False)
class _Ledger:
    """What the claims say of each cell where the chains stand.

    Attributes
    ----------
    claimed : Claimed
    parties, kinds : dict of int to _Unit
    said : ndarray, shape (chains, k)
        What each claim says of each cell, claim by claim.
    total : ndarray, shape (chains, cells)
        Logarithms of the prior and of all that is said, added up.
    evidence : ndarray, shape (chains, events)
    """

    claimed: Claimed
    parties: dict[int, _Unit]
    kinds: dict[int, _Unit]
    said: Floats
    total: Floats
    evidence: Floats

    @classmethod
    def of(cls, claimed: Claimed, rows: Ints, party: Ints, kind: Ints, chains: int) -> _Ledger:
        """Sort the claims at `rows`, of parties `party` and of kinds `kind`; -1 for kinds that never move alone."""
        number = np.diff(claimed.cells.first)[claimed.problem.claims.event[rows]]
        first = np.zeros(len(claimed.problem.claims), dtype=np.int64)
        first[rows] = np.cumsum(number) - number
        parties = _sort(claimed, rows, party, first)
        kinds = _sort(claimed, rows[kind >= 0], kind[kind >= 0], first)
        nothing = np.zeros((chains, 0))
        return cls(claimed, parties, kinds, np.zeros((chains, int(number.sum()))), nothing, nothing)

    def unit(self, party: int, only: int) -> _Unit | None:
        """Find the claims of a party, or of the only kind that is concerned; None where there is none."""
        return self.parties.get(party) if only < 0 else self.kinds.get(only)

    def settle(self, xs: Floats) -> None:
        """Compute all anew."""
        claimed = self.claimed
        cells, edge = claimed.cells, claimed.edges.edge
        outcome = np.repeat(claimed.tasks.outcome, np.diff(cells.first))
        near, far = np.searchsorted(edge, cells.start), np.searchsorted(edge, cells.stop)
        tails = claimed.tails(xs)
        self.total = np.log(np.maximum(tails[:, outcome, near] - tails[:, outcome, far], TINY))
        for party in self.parties.values():
            said = party.say(xs)
            self.said[:, party.at] = said
            self.total[:, party.cells] += party.gather(said)
        self.evidence = _sum_out(self.total, cells.first[:-1])

    def weigh(self, unit: _Unit, xs: Floats) -> _Change:
        """Say how the log evidence would change if a unit were as in `xs`."""
        said = unit.say(xs)
        total = self.total[:, unit.cells] + unit.gather(said - self.said[:, unit.at])
        evidence = _sum_out(total, unit.start)
        gain = np.sum(evidence - self.evidence[:, unit.events], axis=1)
        return _Change(self, unit, gain, said, total, evidence)


def _sort(claimed: Claimed, rows: Ints, name: Ints, first: Ints) -> dict[int, _Unit]:
    """Sort claims by party or kind; `first` says where the cells of each claim begin among those of all."""
    problem, floor, units = claimed.problem, claimed.floor(), {}
    for key in np.unique(name).tolist():
        mine = rows[name == key]
        about = problem.claims.event[mine]
        own, every = claimed.cells.only(about), np.ones(len(mine), dtype=np.bool_)
        outcome, base = problem.claims.outcome[about], np.zeros(len(own.start))
        tasks = Tasks(own, outcome, np.ones(len(mine)), mine, mine + 1, every, base)
        shard = build_shard(problem.claims, problem.columns, tasks, len(problem.hierarchy))
        events = np.unique(about)
        cells, start = claimed.cells.of_events(events)
        number = np.diff(own.first)
        slot, _ = spans(start[np.searchsorted(events, about)], number)
        at, _ = spans(first[mine], number)
        once = len(np.unique(slot)) == len(slot)
        echo = np.ascontiguousarray(floor[:, mine].T)
        units[int(key)] = _Unit(shard, echo, at, slot, once, cells, start[:-1], events)
    return units


@attrs.frozen(eq=False)
class _Change:
    """What a step of one unit would change in a ledger; `gain` in the log evidence, shape (chains,)."""

    ledger: _Ledger
    unit: _Unit
    gain: Floats
    said: Floats
    total: Floats
    evidence: Floats

    def accept(self, taken: NDArray[np.bool_]) -> None:
        """Put it down for some of the chains."""
        ledger, unit, at = self.ledger, self.unit, np.flatnonzero(taken)[:, None]
        ledger.said[at, unit.at] = self.said[taken]
        ledger.total[at, unit.cells] = self.total[taken]
        ledger.evidence[at, unit.events] = self.evidence[taken]


@attrs.define(eq=False)
class Visits:
    """Chains that visit one party after the other; see `Visits.go`.

    Attributes
    ----------
    groups : list of list of (ndarray of int, int)
        For each party, the parameters that may move together, and the only kind that they concern, or -1.
    silent : ndarray of int
        Parameters of which no claim speaks, as are most means of classes.
    ledgers : tuple of (float, _Ledger)
        All claims about counts with more than one, and with the sign -1 the first claims about these.
    """

    groups: list[list[tuple[Ints, int]]]
    silent: Ints
    ledgers: tuple[tuple[float, _Ledger], ...]

    @classmethod
    def of(cls, corpus: Opened, chains: int) -> Visits:
        """Prepare visits of so many chains."""
        problem = corpus.problem
        party, kind, groups = _divide(problem)
        kind = np.where(np.isin(kind, [only for own in groups for _, only in own]), kind, -1)
        number = np.bincount(problem.claims.event, minlength=len(problem.claims.outcome))
        rows = np.flatnonzero(number[problem.claims.event] > 1)
        ledgers = [(1.0, _Ledger.of(corpus.joint, rows, party[rows], kind[rows], chains))]
        for claimed, shared in zip(corpus.first, corpus.shared, strict=True):
            if shared:  # its claims are, in order, the first ones of the counts with more
                opening = rows[np.append(True, np.diff(problem.claims.event[rows]) > 0)]
                every = np.arange(len(opening))
                ledgers.append((-1.0, _Ledger.of(claimed, every, party[opening], kind[opening], chains)))
        spoken = {int(at) for name in ledgers[0][1].parties for group, _ in groups[name] for at in group}
        spoken.update(problem.hierarchy.counts.ravel().tolist())
        silent = [at for at in range(len(problem.hierarchy)) if at not in spoken]
        return cls(groups, np.array(silent, dtype=np.int64), tuple(ledgers))

    def go(
        self, normal: Normal, centers: Floats, priors: Floats, xs: Floats, rounds: int, rng: np.random.Generator
    ) -> float:
        """Visit all parties so many times, moving `xs` in place; give the share of the steps that were taken.

        `centers`, shape (chains, p), and `priors`, shape (chains, p, p), are what `Normal.root` gives for each chain.

        At each visit one group of parameters that concern all claims of the party moves, and every group that concerns
        one kind of them, which costs those claims only. Each step keeps some of where a chain stands and leaves a
        normal as it is (preconditioned Crank-Nicolson, Cotter et al. 2013): that around the mode, or the prior, both
        given all other parameters. What the posterior has beside it decides whether the step is taken.
        """
        layout, bent = normal.layout, normal.curvature + priors
        for _, ledger in self.ledgers:
            ledger.settle(xs)
        share = []
        for _ in range(rounds):
            if len(self.silent):
                xs[:, self.silent] += _Given.of(priors, layout.mean, xs, self.silent).step(0.0, rng)
            for name, (at, only) in self._round(rng):
                base = prior = _Given.of(priors, layout.mean, xs, at)
                if rng.random() >= LEAPS:
                    with contextlib.suppress(np.linalg.LinAlgError):  # a curvature that is no precision gives no steps
                        base = _Given.of(bent, centers, xs, at)
                step = base.step(0.0 if rng.random() < AFRESH else float(np.sqrt(rng.random())), rng)
                new = xs.copy()
                new[:, at] += step
                gain = prior.change(step) - base.change(step)
                changes = []
                for sign, ledger in self.ledgers:
                    unit = ledger.unit(name, only)
                    if unit is not None:
                        changes.append(ledger.weigh(unit, new))
                        gain += sign * changes[-1].gain
                taken = np.log(rng.random(len(xs))) < np.where(np.isfinite(gain), gain, -np.inf)
                share.append(float(taken.mean()))
                xs[taken] = new[taken]
                for change in changes:
                    change.accept(taken)
        return float(np.mean(share)) if share else 0.0

    def _round(self, rng: np.random.Generator) -> Iterator[tuple[int, tuple[Ints, int]]]:
        """Parties in any order, with the groups that move at this visit."""
        for name in rng.permutation(sorted(self.ledgers[0][1].parties)).tolist():
            wide = [group for group in self.groups[name] if group[1] < 0]
            if wide:
                yield name, wide[rng.integers(len(wide))]
            for group in self.groups[name]:
                if group[1] >= 0:
                    yield name, group


@attrs.frozen(eq=False)
class _Given:
    """Normals of some parameters given all others, one for each chain.

    Attributes
    ----------
    precision, root : ndarray, shape (chains, d, d)
        With its lower Cholesky factor.
    gap : ndarray, shape (chains, d)
        Where the chains stand, less the mean.
    """

    precision: Floats
    root: Floats
    gap: Floats

    @classmethod
    def of(cls, precision: Floats, mean: Floats, xs: Floats, at: Ints) -> _Given:
        """Condition normals of all parameters on those that are not `at`, as they are in `xs`."""
        rows = precision[:, at]
        own = rows[:, :, at]
        pull = np.einsum("cdp,cp->cd", rows, xs - mean)
        gap: Floats = np.linalg.solve(own, pull[:, :, None])[:, :, 0]
        return cls(own, np.asarray(np.linalg.cholesky(own), dtype=np.float64), gap)

    def step(self, keep: float, rng: np.random.Generator) -> Floats:
        """Draw a step that leaves the normal as it is."""
        unit = rng.standard_normal(self.gap.shape)
        noise = np.asarray(np.linalg.solve(self.root.swapaxes(1, 2), unit[:, :, None])[:, :, 0], dtype=np.float64)
        found: Floats = (keep - 1) * self.gap + np.sqrt(1 - keep**2) * noise
        return found

    def change(self, step: Floats) -> Floats:
        """Log density after a step, less that before; shape (chains,)."""
        found: Floats = -np.einsum("cd,cde,ce->c", step, self.precision, self.gap + 0.5 * step)
        return found
