# SPDX-License-Identifier: MIT
"""Exact sum-product over an account that is a tree, source parameters given.

Functions over a lattice hold one value for each cell, the average over its counts. A message along
``whole = left + right`` sums over all pairs of cells, weighted with the number of pairs of counts that fit.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from typing import TypeAlias

import attrs
import numpy as np
from numpy.typing import NDArray

from reconcile.accounts import Account, Join
from reconcile.model import Model
from reconcile.pmf import Lattice

__all__ = ["Solution", "Table", "count_potentials", "solve"]

Floats: TypeAlias = NDArray[np.float64]

_BLOCK = 600_000  # numbers held at once between pairs of cells: what a cache holds
_CHUNK = 16_000_000  # numbers held at once in a message between cells


@attrs.frozen(eq=False)
class Table:
    """A factor on (left, whole) of a join that depends on their ratio alone.

    Draws differ in one parameter, so their curves are read between those of a few values of it.

    Attributes
    ----------
    curves : ndarray, shape (g, c)
    index : ndarray of int, shape (n, n)
        Where on a curve each pair of cells (left, whole) stands.
    first : ndarray of int, shape (s,)
        The curve at or below each draw.
    share : ndarray, shape (s,)
        Weight of the next curve.
    """

    curves: Floats
    index: NDArray[np.intp]
    first: NDArray[np.intp]
    share: Floats

    @classmethod
    def single(cls, curves: Floats, index: NDArray[np.intp]) -> Table:
        """Make a factor with a curve for each draw."""
        return cls(curves, index, np.arange(len(curves)), np.zeros(len(curves)))

    def __len__(self) -> int:
        return len(self.first)

    def part(self, piece: slice) -> Table:
        """Give the factor for some of the draws."""
        return self if len(self) == 1 else attrs.evolve(self, first=self.first[piece], share=self.share[piece])

    def curve(self) -> Floats:
        """Give the curve of each draw; shape (s, c)."""
        following = np.minimum(self.first + 1, len(self.curves) - 1)
        share = self.share[:, None]
        return (1 - share) * self.curves[self.first] + share * self.curves[following]

    def through(self, number: Floats, beliefs: Floats, *, to_whole: bool) -> Floats:
        """Sum the factor, times `number` (n, n), against beliefs (s or 1, n) of one end; shape (s, n)."""
        draws = max(len(self), len(beliefs))
        first, share = np.broadcast_to(self.first, draws), np.broadcast_to(self.share, draws)
        beliefs = np.broadcast_to(beliefs, (draws, beliefs.shape[1]))
        total = np.zeros(beliefs.shape)
        for at, curve in enumerate(self.curves):
            weight = np.where(first == at, 1 - share, np.where(first == at - 1, share, 0.0))
            mine = np.flatnonzero(weight)
            if len(mine):
                factor = curve[self.index] * number
                total[mine] += weight[mine, None] * (beliefs[mine] @ (factor if to_whole else factor.T))
        return total


@attrs.frozen(eq=False)
class Solution:
    """What the claims on an account say, for each draw of the source parameters.

    Attributes
    ----------
    log_evidence : ndarray, shape (s,)
        Log probability of the claims; -inf where they are impossible.
    marginals : tuple of ndarray, shape (s, n)
        Posterior mass of each node's cells; empty if not asked for.
    tables : mapping of join index to ndarray, shape (s, n, n)
        Posterior mass of (left, whole) for joins that have a share table.
    """

    log_evidence: Floats
    marginals: tuple[Floats, ...]
    tables: Mapping[int, Floats]


def count_potentials(account: Account, lattice: Lattice, model: Model) -> list[Floats]:
    """Give the prior factor of each node (average probability of a count in each cell); shape (1, n) each."""
    found = [np.ones((1, len(lattice))) for _ in account.nodes]
    for node, prior in account.priors.items():
        mass = model.count_prior(prior.outcome, remainder=prior.remainder).mass(lattice)
        found[node] = found[node] * (mass / lattice.width)
    for whole, parts in account.splits:
        for k in range(1, parts + 1):
            found[whole] = found[whole] * (k / (lattice.center + k))
    return found


def solve(
    account: Account,
    lattice: Lattice,
    potentials: Sequence[Floats],
    tables: Mapping[int, Table] | None = None,
    *,
    marginals: bool = True,
    pairs: bool = False,
) -> Solution:
    """Sum over all counts of a tree-shaped account.

    Parameters
    ----------
    account : Account
        With ``is_tree``.
    lattice : Lattice
        Shared by all nodes.
    potentials : sequence of ndarray, shape (s, n) or (1, n)
        For each node the product of its prior and of the rows of its claims.
    tables : mapping of join index to Table
        Factors on (left, whole) of a join.
    marginals, pairs : bool, keyword
        Whether to compute the marginals of nodes, and of the pairs that a table speaks of.

    Returns
    -------
    Solution
    """
    tables = tables or {}
    draws = max([p.shape[0] for p in potentials] + [len(t) for t in tables.values()])
    size = _CHUNK // (len(lattice.pairs.number) if any(j.right is not None for j in account.joins) else len(lattice))
    if tables and pairs:
        size = min(size, _CHUNK // len(lattice) ** 2)  # the posterior of pairs is as large as all pairs of cells
    size = max(size, 1)
    if draws <= size:
        return _Tree(account, lattice, potentials, tables).run(marginals=marginals, pairs=pairs)
    pieces = []
    for start in range(0, draws, size):
        part = slice(start, start + size)
        cut = [p if len(p) == 1 else p[part] for p in potentials]
        cut_tables = {at: table.part(part) for at, table in tables.items()}
        piece = _Tree(account, lattice, cut, cut_tables).run(marginals=marginals, pairs=pairs)
        pieces.append(piece)
    return Solution(
        np.concatenate([p.log_evidence for p in pieces]),
        tuple(np.concatenate(nodes) for nodes in zip(*(p.marginals for p in pieces), strict=True)),
        {at: np.concatenate([p.tables[at] for p in pieces]) for at in pieces[0].tables},
    )


class _Tree:
    def __init__(
        self, account: Account, lattice: Lattice, potentials: Sequence[Floats], tables: Mapping[int, Table]
    ) -> None:
        self.joins, self.lattice, self.tables = account.joins, lattice, tables
        self.draws = max([p.shape[0] for p in potentials] + [len(t) for t in tables.values()])
        self.log_scale = np.zeros(self.draws)
        self.potentials = [self._rescaled(p, count=True) for p in potentials]
        self.at: list[list[int]] = [[] for _ in account.nodes]
        for index, join in enumerate(account.joins):
            for node in self._nodes(join):
                self.at[node].append(index)
        self.messages: dict[tuple[int, int], Floats] = {}

    @staticmethod
    def _nodes(join: Join) -> tuple[int, ...]:
        return (join.whole, join.left) if join.right is None else (join.whole, join.left, join.right)

    def _rescaled(self, f: Floats, *, count: bool) -> Floats:
        peak = f.max(axis=1, keepdims=True)
        if count:
            with np.errstate(divide="ignore"):
                self.log_scale = self.log_scale + np.log(peak[:, 0])
        return f / np.where(peak > 0, peak, 1.0)

    def run(self, *, marginals: bool, pairs: bool) -> Solution:
        order, seen, stack = [], {0}, [0]
        used: set[int] = set()
        while stack:
            node = stack.pop()
            for index in self.at[node]:
                if index in used:
                    continue
                used.add(index)
                order.append((index, node))
                fresh = [other for other in self._nodes(self.joins[index]) if other not in seen]
                seen.update(fresh)
                stack.extend(fresh)
        for index, parent in reversed(order):
            self._send(index, parent, count=True)
        root = self._belief(0, None)
        with np.errstate(divide="ignore"):
            log_evidence = np.broadcast_to(np.log(root @ self.lattice.width) + self.log_scale, (self.draws,))
        if not marginals:
            return Solution(log_evidence, (), {})
        for index, parent in order:
            for node in self._nodes(self.joins[index]):
                if node != parent:
                    self._send(index, node, count=False)
        masses = []
        for node in range(len(self.potentials)):
            mass = self._belief(node, None) * self.lattice.width
            total = mass.sum(axis=1, keepdims=True)
            masses.append(np.broadcast_to(mass / np.where(total > 0, total, 1.0), (self.draws, len(self.lattice))))
        return Solution(log_evidence, tuple(masses), {at: self._pair(at) for at in self.tables} if pairs else {})

    def _belief(self, node: int, but: int | None) -> Floats:
        product = self.potentials[node]
        for index in self.at[node]:
            if index != but:
                product = product * self.messages[index, node]
        return product

    def _send(self, index: int, target: int, *, count: bool) -> None:
        join = self.joins[index]
        beliefs = {node: self._belief(node, index) for node in self._nodes(join) if node != target}
        message = self._through(index, join, target, beliefs)
        self.messages[index, target] = self._rescaled(message, count=count)

    def _through(self, index: int, join: Join, target: int, beliefs: Mapping[int, Floats]) -> Floats:
        width, table = self.lattice.width, self.tables.get(index)
        if join.right is None and table is not None:
            end = join.left if target == join.whole else join.whole
            return table.through(self._fitting, beliefs[end], to_whole=target == join.whole) / width
        if join.right is None:
            # A count of the left cell fits below every whole of a later cell, and on average below half of its own.
            source = beliefs[join.left if target == join.whole else join.whole]
            mass = source * width
            run = np.cumsum(mass, axis=1) if target == join.whole else np.cumsum(mass[:, ::-1], axis=1)[:, ::-1]
            return run - mass + source * (width + 1) / 2
        pairs = self.lattice.pairs
        spread = {
            join.left: (pairs.left, pairs.by_left),
            join.right: (pairs.right, pairs.by_right),
            join.whole: (pairs.whole, pairs.by_whole),
        }
        # Draws run along the last axis, so that picking a cell copies a whole row; a few at a time, to stay in cache.
        factors = [(belief.T, spread[node][0]) for node, belief in beliefs.items()]
        if table is not None:
            factors.append((table.curve().T, table.index[pairs.left, pairs.whole]))
        draws = max(values.shape[1] for values, _ in factors)
        step = min(max(_BLOCK // len(pairs.number), 8), draws)
        product, picked = np.empty((2, len(pairs.number), step))
        pieces = []
        for start in range(0, draws, step):
            stop = min(start + step, draws)
            if stop - start < step:
                product, picked = np.empty((2, len(pairs.number), stop - start))
            for k, (values, at) in enumerate(factors):
                few = values[:, start:stop] if values.shape[1] > 1 else np.repeat(values, stop - start, axis=1)
                np.take(np.ascontiguousarray(few), at, axis=0, out=picked if k else product, mode="clip")
                if k:
                    product *= picked
            pieces.append((spread[target][1] @ product).T)
        return np.concatenate(pieces) / width

    @functools.cached_property
    def _fitting(self) -> Floats:
        """Number of pairs (left, whole) with left <= whole, for each pair of cells."""
        width = self.lattice.width
        return np.triu(np.outer(width, width), 1) + np.diag(width * (width + 1) / 2)

    def _pair(self, index: int) -> Floats:
        """Posterior mass of (left, whole) at a join with a table."""
        join, size = self.joins[index], len(self.lattice)
        left, whole = self._belief(join.left, index), self._belief(join.whole, index)
        table = self.tables[index]
        if join.right is None:
            mass = table.curve()[:, table.index] * self._fitting * left[:, :, None] * whole[:, None, :]
        else:
            pairs = self.lattice.pairs
            right = self._belief(join.right, index)
            weight = (
                left[:, pairs.left] * whole[:, pairs.whole] * right[:, pairs.right] * pairs.number
                * table.curve()[:, table.index[pairs.left, pairs.whole]]
            )  # fmt: skip
            weight = np.broadcast_to(weight, (self.draws, weight.shape[1]))
            mass = np.zeros((self.draws, size * size))
            for draw in range(self.draws):
                mass[draw] = np.bincount(pairs.left * size + pairs.whole, weight[draw], size * size)
            mass = mass.reshape(self.draws, size, size)
        total = mass.sum(axis=(1, 2), keepdims=True)
        return np.broadcast_to(mass / np.where(total > 0, total, 1.0), (self.draws, size, size))
