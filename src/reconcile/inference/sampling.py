# SPDX-License-Identifier: MIT
"""Gibbs sampling over the free counts of accounts that are no trees, and over source parameters.

It works on any account, so on trees it checks the exact engine. One free count at a time, or a few against each other
with sums kept, is drawn from its exact conditional: along such a line every factor is constant between the points at
which some count crosses the edge of a cell. Source parameters are drawn by elliptical slice sampling (Murray et al.
2010).
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from reconcile.inference.layouts import Column, Layout, pick
from reconcile.inference.likelihood import TINY, share_index
from reconcile.pmf import TOP

__all__ = ["CHAINS", "sample_account"]

Floats: TypeAlias = NDArray[np.float64]
Ints: TypeAlias = NDArray[np.int64]

CHAINS, SWEEPS, WARMUP = 32, 80, 20
OFFERS = 6  # draws of the sources that a chain is offered after each sweep
GROUPS = 8  # of chains, whose spread tells the error
MOST_SQUARES, MOST_SQUARES_USED = 2_000, 40


def _lines(atoms: Ints, claimed: list[int], *, shares: bool) -> list[Ints]:
    """Directions to move along: one count, two against each other, and four that change at most one claimed count.

    With shares also two counts together, and all: a part and its whole grow together, or hardly at all.

    The moves of four are a Markov basis of crossing two-way tables: civilian children + 1, other children - 1, other
    civilians - 1, others + 1. Without them a chain whose totals are pinned could not move.
    """
    free = atoms.shape[1]
    unit = np.eye(free, dtype=np.int64)
    lines = [unit[i] for i in range(free)]
    lines += [unit[i] - unit[j] for i, j in itertools.combinations(range(free), 2)]
    if shares:
        together = [unit[i] + unit[j] for i, j in itertools.combinations(range(free), 2)]
        lines += together if free == 2 else [*together, np.ones(free, dtype=np.int64)]
    squares: list[tuple[int, int, Ints]] = []
    for four in itertools.islice(itertools.combinations(range(free), 4), MOST_SQUARES):
        for partner in four[1:]:
            step = 2 * (unit[four[0]] + unit[partner]) - unit[list(four)].sum(axis=0)
            squares.append((int(np.count_nonzero(atoms[claimed] @ step)), len(squares), step))
    return lines + [
        step for changed, _, step in sorted(squares, key=lambda x: x[:2])[:MOST_SQUARES_USED] if changed <= 1
    ]


class _Chains:
    """The state of one account in every chain."""

    def __init__(self, task: Layout, rng: np.random.Generator, top: int) -> None:
        self.task, self.rng, self.lattice, self.top = task, rng, task.lattice, top
        self.atoms = task.account.atoms.astype(np.int64)
        named = [n for n, q in enumerate(task.account.nodes) if q is not None]
        self.active = sorted({*named, *task.account.priors})
        self.counts = self._start(task)
        self.log_potentials: list[Floats] = []
        self.lines = _lines(self.atoms, named, shares=bool(task.shares))
        self.sums: Floats = np.zeros((GROUPS, len(task.account.nodes), len(self.lattice)))

    def _start(self, task: Layout) -> Ints:
        """Start the chains far apart: each free count log-uniform up to the largest claimed number, or 0."""
        size = (CHAINS, self.atoms.shape[1])
        largest = float(np.max(self.lattice.low[self.lattice.width == 1], initial=1))
        share = max(min(largest, self.top) / size[1], 1.0)
        counts: Ints = np.exp(self.rng.random(size) * np.log(1 + share)).astype(np.int64) - 1
        counts[self.rng.random(size) < 0.2] = 0
        for whole, parts in task.account.slacks:
            over = (counts @ self.atoms[list(parts)].T).sum(axis=1) > counts @ self.atoms[whole]
            counts[np.ix_(over, np.flatnonzero(self.atoms[list(parts)].any(axis=0)))] = 0
        return counts

    def refresh(self, theta: Mapping[Column, Floats]) -> None:
        """Recompute what depends on the source parameters of each chain."""
        task = self.task
        potentials = list(task.potentials)
        for node, row in task.said(theta).items():
            potentials[node] = potentials[node] * row
        with np.errstate(divide="ignore"):
            self.log_potentials = [np.log(p) for p in potentials]

    def values(self) -> Ints:
        """The count of every node in every chain; shape (c, nodes)."""
        values: Ints = self.counts @ self.atoms.T
        return values

    def log_shares(self, theta: Mapping[Column, Floats], values: Ints, chains: NDArray[np.intp]) -> Floats:
        """Log probability of the shares for given counts; `values` (k, nodes) in chains `chains` (k,)."""
        total = np.zeros(len(values))
        for part, whole, term in self.task.shares:
            centers = self.lattice.center[self.lattice.find(values[:, [part, whole]])]
            at = share_index(centers[:, 0], centers[:, 1])
            curve = term.curve_near(pick(theta, term)["log_spread"])
            total += np.log(np.maximum(curve[chains, at], TINY))
        return total

    def sweep(self, theta: Mapping[Column, Floats], *, keep: bool) -> None:
        """Draw along every line once; with `keep`, add the conditionals met on the way to the sums."""
        self.refresh(theta)
        for line in self.lines:
            self._along(line, theta, keep=keep)

    def _along(self, line: Ints, theta: Mapping[Column, Floats], *, keep: bool) -> None:
        step, values = self.atoms @ line, self.values()
        moved = [n for n in self.active if step[n]]
        first = np.max(np.where(line > 0, -self.counts, -self.top), axis=1)
        last = np.min(np.where(line < 0, self.counts, self.top), axis=1)
        if np.any(step > 0):
            last = np.minimum(last, self.top - values[:, step > 0].max(axis=1))
        if np.any(step < 0):
            first = np.maximum(first, values[:, step < 0].max(axis=1) - self.top)
        for whole, parts in self.task.account.slacks:
            slope = step[whole] - sum(step[p] for p in parts)
            slack = values[:, whole] - values[:, list(parts)].sum(axis=1)
            if slope > 0:
                first = np.maximum(first, -(slack // slope))
            elif slope < 0:
                last = np.minimum(last, slack // -slope)
        cuts = [first[:, None]]
        for node in moved:
            # Where the count of the node enters another cell; a step of two meets only some of the edges exactly.
            pace, low = abs(int(step[node])), self.lattice.low
            gap = low - values[:, [node]] if step[node] > 0 else values[:, [node]] - low
            cuts.append(-(-gap // pace) if step[node] > 0 else gap // pace + 1)
        start = np.sort(np.clip(np.concatenate(cuts, axis=1), first[:, None], (last + 1)[:, None]), axis=1)
        end = np.concatenate([start[:, 1:], (last + 1)[:, None]], axis=1)
        width = (end - start).astype(float)
        with np.errstate(divide="ignore"):
            log_weight = np.log(width)
        row = np.arange(CHAINS)[:, None]
        cells = {}
        for node in moved:
            at = self.lattice.find(np.minimum(values[:, [node]] + step[node] * start, self.top))
            cells[node] = at
            potential = self.log_potentials[node]
            log_weight = log_weight + (potential[0][at] if len(potential) == 1 else potential[row, at])
        if self.task.shares:
            log_weight = self._with_shares(log_weight, values, step, start, theta)
        weight = np.exp(log_weight - log_weight.max(axis=1, keepdims=True))
        weight /= weight.sum(axis=1, keepdims=True)
        if keep and np.count_nonzero(line) == 1:
            for node in moved:
                np.add.at(self.sums[:, node], (row % GROUPS, cells[node]), weight)
        picked = np.sum(np.cumsum(weight, axis=1) < self.rng.random((CHAINS, 1)) * (1 - 1e-12), axis=1)
        picked = np.minimum(picked, weight.shape[1] - 1)
        chain = np.arange(CHAINS)
        shift = start[chain, picked] + (self.rng.random(CHAINS) * width[chain, picked]).astype(np.int64)
        self.counts += shift[:, None] * line

    def _with_shares(
        self, log_weight: Floats, values: Ints, step: Ints, start: Ints, theta: Mapping[Column, Floats]
    ) -> Floats:
        chain, piece = np.nonzero(np.isfinite(log_weight))
        there = values[chain] + step * start[chain, piece][:, None]
        log_weight[chain, piece] += self.log_shares(theta, there, chain)
        return log_weight

    def log_likelihood(self, theta: Mapping[Column, Floats]) -> Floats:
        """Log probability of the claims of drawn sources, given the counts; shape (c,)."""
        cells, total, chain = self.lattice.find(self.values()), np.zeros(CHAINS), np.arange(CHAINS)
        for node, row in self.task.said(theta).items():
            total += np.log(row[chain if len(row) > 1 else 0, cells[:, node]])
        return total + (self.log_shares(theta, self.values(), np.arange(CHAINS)) if self.task.shares else 0.0)


def sample_account(
    layout: Layout,
    theta: Mapping[Column, Floats],
    log_weight: Floats,
    *,
    rng: np.random.Generator,
    top: int = TOP,
) -> tuple[list[Floats], float]:
    """Sample the counts of an account, trees or not, and which of some draws of its sources they go with.

    Between sweeps over the counts every chain is offered other draws, and takes them as the claims and the counts of
    the chain have it (Metropolis-Hastings with independent proposals).

    Parameters
    ----------
    layout : Layout
    theta : mapping of Column to ndarray, shape (draws,)
        Draws of the parameters of its sources, given all other claims.
    log_weight : ndarray, shape (draws,)
        Of each draw.
    rng : numpy Generator, keyword
    top : int, keyword
        No count is larger; for tests on small worlds.

    Returns
    -------
    marginals : list of ndarray, shape (n,)
        Of each node: averages of the exact conditionals met on the way.
    error : float
        Largest standard error of a cumulative probability, from the spread between groups of chains that started far
        apart.
    """
    account = _Chains(layout, rng, top)
    at = rng.integers(len(log_weight), size=CHAINS)

    def weigh(which: NDArray[np.int64]) -> Floats:
        mine = {column: values[which] for column, values in theta.items()}
        return account.log_likelihood(mine) + log_weight[which]

    for sweep in range(SWEEPS):
        account.sweep({column: values[at] for column, values in theta.items()}, keep=sweep >= WARMUP)
        now = weigh(at)
        for _ in range(OFFERS if theta else 0):
            other = rng.integers(len(log_weight), size=CHAINS)
            then = weigh(other)
            taken = np.log(rng.random(CHAINS)) < then - now
            at, now = np.where(taken, other, at), np.where(taken, then, now)
    marginals, errors = [], []
    for node in range(len(layout.account.nodes)):
        groups = account.sums[:, node] / np.maximum(account.sums[:, node].sum(axis=1, keepdims=True), 1e-300)
        marginals.append(groups.mean(axis=0))
        errors.append(float(np.max(np.cumsum(groups, axis=1).std(axis=0, ddof=1)) / np.sqrt(GROUPS)))
    return marginals, max(errors)
