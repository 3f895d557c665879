# SPDX-License-Identifier: MIT
"""Sum-product over accounts that are trees (Pearl 1988), in NumPy.

The arithmetic is that of ``kernel/likelihood.c``, operation for operation. Messages go up from the parts to the root,
which gives the evidence, and down again, which gives the posterior of every node. Arrays end in an axis of draws.
"""

from __future__ import annotations

import weakref
from typing import TYPE_CHECKING, TypeAlias

import attrs
import numpy as np
from numpy.typing import NDArray

from reconcile.inference.arrays import FILLER, Shard, spans
from reconcile.inference.elementary import exponential, logarithm
from reconcile.inference.forests import Forest, Summed, check_forest
from reconcile.inference.likelihood import TINY
from reconcile.inference.rows import Pairs, add_in_order

if TYPE_CHECKING:
    from scipy.sparse import csr_array

__all__ = ["sum_product"]

Floats: TypeAlias = NDArray[np.float64]
Ints: TypeAlias = NDArray[np.int64]


def sum_product(
    shard: Shard,
    forest: Forest,
    rows: Floats,
    tail: Floats,
    power: Floats,
    factor: Floats,
    *,
    slopes: bool = False,
    weight: Floats | None = None,
) -> Summed:
    """See `batches.Likelihood.sum_product`."""
    sizes = check_forest(shard, forest, rows, tail, power, factor, weight)
    draws = len(rows)
    pairs, owner = Pairs.of(shard), np.repeat(np.arange(len(shard.sign)), np.diff(shard.cell))
    outcome, owns = shard.outcome[owner], forest.owns[owner] != 0
    held = (tail[:, outcome, shard.left] - tail[:, outcome, shard.right]).T
    held = np.where(held > TINY, held, TINY)
    joint = np.repeat(shard.base[:, None], draws, axis=1)
    joint[owns] += logarithm(held[owns])
    said, spoken = rows.T, np.diff(shard.pair)
    turn = np.arange(len(power)) - np.repeat(shard.claim[:-1], np.diff(shard.claim))
    for step in range(int(turn.max(initial=-1)) + 1):
        at, _ = spans(shard.pair[:-1][turn == step], spoken[turn == step])
        joint[pairs.cell[at]] += logarithm(said[at]) * power[pairs.claim[at], None]
    peak = np.maximum.reduceat(joint, shard.cell[:-1], axis=0) if len(joint) else joint
    given = exponential(joint - peak[owner])
    given[shard.base < 1e-10 * FILLER] = 0.0
    scale = add_in_order(peak, forest.node)
    each, both = np.empty((sizes["accounts"], draws)), np.zeros((sizes["slots"], draws))
    inner, belief = given.copy(), np.empty(joint.shape)
    factors = np.ascontiguousarray(factor.T)
    for a in range(sizes["accounts"]):
        tree = _Tree(forest, a, given, factors, inner)
        each[a] = tree.ascend(scale[a])
        if slopes or weight is not None:
            tree.descend(belief, both)
    mass = np.zeros(sizes["cells"] if weight is not None else 0)
    if weight is not None:
        of_cell = np.repeat(np.arange(sizes["accounts"]), np.diff(shard.cell[forest.node]))
        for k in range(draws):
            mass += belief[:, k] * weight[k][of_cell]
    if not slopes:
        return Summed(each.T.copy(), np.empty((0, sizes["pairs"])), tail[:0], np.empty((0, sizes["slots"])), mass)
    prior = np.zeros(tail.shape)
    line = outcome[owns].astype(np.int64) * shard.places
    ends = np.stack([line + shard.left[owns], line + shard.right[owns]], axis=1).ravel()
    part = belief[owns] / held[owns]
    for k in range(draws):
        signed = np.stack([part[:, k], -part[:, k]], axis=1).ravel()
        prior[k] = np.bincount(ends, signed, prior[k].size).reshape(prior[k].shape)
    pull = belief[pairs.cell] * power[pairs.claim, None]
    return Summed(each.T.copy(), np.ascontiguousarray(pull.T), prior, np.ascontiguousarray(both.T), mass)


@attrs.frozen(eq=False)
class _Tree:
    """One account of a forest, among the cells of all: what is given of them, and with what comes up from below."""

    forest: Forest
    account: int
    given: Floats
    factors: Floats
    inner: Floats
    messages: dict[int, Floats] = attrs.field(init=False, factory=dict)

    @property
    def joins(self) -> range:
        return range(int(self.forest.join[self.account]), int(self.forest.join[self.account + 1]))

    @property
    def root(self) -> int:
        return int(self.forest.whole[self.joins[-1]] if len(self.joins) else self.forest.node[self.account])

    @property
    def couples(self) -> tuple[_Couples, ...]:
        return _couples_of(self.forest)

    def cells(self, node: int) -> slice:
        return slice(int(self.forest.cell[node]), int(self.forest.cell[node + 1]))

    def both(self, j: int) -> Floats:
        """Product of what comes up to the two cells of each couple of a join."""
        left = self.inner[self.couples[j].one]
        return left * self.inner[self.couples[j].other] if self.forest.right[j] >= 0 else left

    def factor(self, j: int) -> Floats | float:
        """Factor of each number of a join."""
        return self.factors[self.couples[j].slot] if self.forest.share[j + 1] > self.forest.share[j] else 1.0

    def ascend(self, scale: Floats) -> Floats:
        """Send all messages up; the log evidence."""
        forest = self.forest
        for j in self.joins:
            whole = self.cells(forest.whole[j])
            couples = self.couples[j]
            products = couples.number * self.both(j)[couples.couple] * self.factor(j)
            message = (couples.to_whole @ products) / forest.width[whole, None]
            self.messages[j] = message
            self.inner[whole], peak = _rescale(self.inner[whole] * message)
            scale = scale + logarithm(peak)
        root = self.cells(self.root)
        total = _total(self.inner[root] * forest.width[root, None])
        return logarithm(np.where(total > TINY, total, TINY)) + scale

    def descend(self, belief: Floats, joint: Floats) -> None:
        """Send all messages down; write the posterior of cells, and of pairs of cells that have factors."""
        forest, outer = self.forest, belief  # which is written last
        outer[self.cells(self.root)] = 1.0
        for j in reversed(self.joins):
            whole = self.cells(forest.whole[j])
            others = self.given[whole] * outer[whole]
            for i in self.joins:
                if i != j and forest.whole[i] == forest.whole[j]:
                    others = others * self.messages[i]
            couples = self.couples[j]
            terms = couples.number * self.factor(j) * others[couples.at]
            total = couples.to_couple @ terms
            slots = slice(int(forest.share[j]), int(forest.share[j + 1]))
            if slots.stop > slots.start:
                found = couples.to_slot @ (terms * self.both(j)[couples.couple])
                every = _total(found)
                joint[slots] = found * (1.0 / np.where(every > TINY, every, TINY))
            partner = self.inner[couples.other] if couples.to_right is not None else 1.0
            parts = [(forest.left[j], couples.to_left @ (total * partner))]
            if couples.to_right is not None:
                parts.append((forest.right[j], couples.to_right @ (total * self.inner[couples.one])))
            for node, message in parts:
                cells = self.cells(node)
                outer[cells], _ = _rescale(message / forest.width[cells, None])
        for node in range(int(forest.node[self.account]), int(forest.node[self.account + 1])):
            cells = self.cells(node)
            found = self.inner[cells] * outer[cells] * forest.width[cells, None]
            every = _total(found)
            belief[cells] = found * (1.0 / np.where(every > TINY, every, TINY))


@attrs.frozen(eq=False)
class _Couples:
    """The couples of a join, the cells of the whole that each adds up to, and who is added up with whom.

    Attributes
    ----------
    number : ndarray, shape (numbers, 1)
    couple, at, slot : ndarray of int, shape (numbers,)
        The couple of each number, its cell of the whole, from 0, and its factor.
    one, other : ndarray of int, shape (couples,)
    to_whole, to_slot, to_couple : sparse array, shape (cells or slots or couples, numbers)
    to_left, to_right : sparse array, shape (cells, couples)
    """

    number: Floats
    couple: Ints
    at: Ints
    slot: Ints
    one: Ints
    other: Ints
    to_whole: csr_array
    to_slot: csr_array
    to_couple: csr_array
    to_left: csr_array
    to_right: csr_array | None

    @classmethod
    def of(cls, forest: Forest, j: int) -> _Couples:
        mine = slice(int(forest.couple[j]), int(forest.couple[j + 1]))
        run = forest.run[mine.start : mine.stop + 1]
        at, couple = spans(forest.first[mine].astype(np.int64), np.diff(run))
        slot, _ = spans(forest.slot[mine], np.diff(run))
        one, other = forest.one[mine].astype(np.int64), forest.other[mine].astype(np.int64)
        whole, left, right = (slice(*forest.cell[node : node + 2].tolist()) for node in _nodes(forest, j))
        shared = slice(*forest.share[j : j + 2].tolist())
        return cls(
            number=forest.number[run[0] : run[-1], None],
            couple=couple,
            at=at - whole.start,
            slot=slot,
            one=one,
            other=other,
            to_whole=_adder(at, whole),
            to_slot=_adder(slot, shared) if shared.stop > shared.start else _adder(slot[:0], shared),
            to_couple=_adder(couple, slice(0, len(one))),
            to_left=_adder(one, left),
            to_right=_adder(other, right) if forest.right[j] >= 0 else None,
        )


def _nodes(forest: Forest, j: int) -> tuple[int, int, int]:
    """Whole, left and right of a join; the whole again for a rest that is anything."""
    whole, right = int(forest.whole[j]), int(forest.right[j])
    return whole, int(forest.left[j]), whole if right < 0 else right


def _adder(at: Ints, cells: slice) -> csr_array:
    """Make the sparse array that adds up rows by where they belong, in the order given."""
    from scipy.sparse import csr_array

    order = np.argsort(at, kind="stable")
    start = np.searchsorted(at[order], np.arange(cells.start, cells.stop + 1))
    return csr_array((np.ones(len(at)), order, start), shape=(cells.stop - cells.start, len(at)))


_KNOWN: weakref.WeakKeyDictionary[Forest, tuple[_Couples, ...]] = weakref.WeakKeyDictionary()


def _couples_of(forest: Forest) -> tuple[_Couples, ...]:
    """Those of all joins, found once for each forest."""
    if forest not in _KNOWN:
        _KNOWN[forest] = tuple(_Couples.of(forest, j) for j in range(len(forest.whole)))
    return _KNOWN[forest]


def _total(x: Floats) -> Floats:
    """Add up all rows, from the first to the last."""
    found: Floats = np.cumsum(x, axis=0)[-1]
    return found


def _rescale(x: Floats) -> tuple[Floats, Floats]:
    """Divide by the largest number of each draw, and give it."""
    peak = np.maximum(np.max(x, axis=0), TINY)
    found: Floats = x * (1.0 / peak)
    return found, peak
