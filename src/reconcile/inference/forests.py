# SPDX-License-Identifier: MIT
"""Counts that add up, as flat arrays: which cells of two parts make up which cells of their whole.

These are the arrays that sum-product is given, compiled or in NumPy, beside a shard with the nodes of all accounts as
its counts. Every node has cells of its own. A *couple* is a cell of one part with a cell of the other; it adds up to a
run of neighbouring cells of the whole, each with the number of pairs of counts that fit.
"""

from __future__ import annotations

from typing import Any, TypeAlias

import attrs
import numpy as np
from numpy.typing import NDArray

from reconcile.errors import InvalidValue
from reconcile.inference.arrays import LANES, Cells, Shard, check_array, shape_of, spans
from reconcile.pmf import TOP

__all__ = ["FIELDS", "Forest", "Summed", "check_forest", "count_couples"]

Floats: TypeAlias = NDArray[np.float64]
Ints: TypeAlias = NDArray[np.int64]
Codes: TypeAlias = NDArray[np.int32]

# The arrays of a forest in the order of the kernel's `Forest`; see `arrays.FIELDS`.
FIELDS: dict[str, tuple[type[np.generic], str]] = {
    "node": (np.int64, "accounts + 1"),
    "join": (np.int64, "accounts + 1"),
    "cell": (np.int64, "nodes + 1"),
    "owns": (np.int32, "nodes"),
    "width": (np.float64, "cells"),
    "whole": (np.int32, "joins"),
    "left": (np.int32, "joins"),
    "right": (np.int32, "joins"),
    "couple": (np.int64, "joins + 1"),
    "share": (np.int64, "joins + 1"),
    "one": (np.int32, "couples"),
    "other": (np.int32, "couples"),
    "first": (np.int32, "couples"),
    "run": (np.int64, "couples + 1"),
    "slot": (np.int64, "couples"),
    "number": (np.float64, "numbers"),
}
_OFFSETS = {"node": "nodes", "join": "joins", "cell": "cells", "couple": "couples", "share": "slots", "run": "numbers"}
_GIVEN = {
    "rows": "draws, pairs",
    "tail": "draws, outcomes, places",
    "power": "claims",
    "factor": "draws, slots",
    "weight": "draws, accounts",
}


@attrs.frozen(eq=False)
class Forest:
    """Accounts whose identities form trees. It is not changed once it was made.

    Attributes
    ----------
    node, join : ndarray of int64, shape (accounts + 1,)
        Where the nodes and the joins of each account begin; joins stand after those that lie below them.
    cell : ndarray of int64, shape (nodes + 1,)
        That of the shard.
    owns : ndarray of int32, shape (nodes,)
        1 for a node that has a count prior of its own.
    width : ndarray, shape (cells,)
        How many counts each cell holds; 1 for what only fills up.
    whole, left, right : ndarray of int32, shape (joins,)
        ``whole = left + right`` by node; `right` is -1 where the rest is anything from 0.
    couple, share : ndarray of int64, shape (joins + 1,)
        Where the couples of each join begin, and the factors on its left and whole, if it has such.
    one, other, first : ndarray of int32, shape (couples,)
        Cells of left and right, and the first of whole that they add up to; couples stand in order of one and other.
    run : ndarray of int64, shape (couples + 1,)
        Where the numbers of each couple begin, one for each cell of whole.
    slot : ndarray of int64, shape (couples,)
        Which factor belongs to the first number, the others following; 0 where there are none.
    number : ndarray, shape (numbers,)
        How many pairs of counts add up to a count in the cell.

    Raises
    ------
    InvalidValue
        For an array of another kind of number or shape, that is not contiguous, or that points beyond another's end;
        and where the joins of an account make no tree.
    """

    node: Ints
    join: Ints
    cell: Ints
    owns: Codes
    width: Floats
    whole: Codes
    left: Codes
    right: Codes
    couple: Ints
    share: Ints
    one: Codes
    other: Codes
    first: Codes
    run: Ints
    slot: Ints
    number: Floats

    def __attrs_post_init__(self) -> None:
        check_array("Forest.share", self.share, np.int64, (len(self.whole) + 1,))
        sizes = self.sizes
        for name, (kind, shape) in FIELDS.items():
            check_array(f"Forest.{name}", getattr(self, name), kind, shape_of(shape, sizes))
        for name, target in _OFFSETS.items():
            offset = getattr(self, name)
            # Differences of numbers of any size may wrap around, so these are looked at first.
            inside = offset.min() >= 0 and offset.max() <= sizes[target]
            if not inside or offset[0] != 0 or offset[-1] != sizes[target] or np.any(np.diff(offset) < 0):
                allowed = f"offsets from 0 to the {sizes[target]} {target}, ascending"
                raise InvalidValue(f"Forest.{name}", offset, allowed)
        number = np.diff(self.cell)
        if np.any(number % LANES) or np.any(number == 0):
            raise InvalidValue("Forest.cell", self.cell, f"offsets in multiples of {LANES}, with cells for every node")
        if np.any(np.diff(self.node) == 0):
            raise InvalidValue("Forest.node", self.node, "a node for every account")
        if np.any(self.width < 1):
            raise InvalidValue("Forest.width", self.width, "at least one count for each cell")
        self._check_joins()
        self._check_couples()

    def _check_joins(self) -> None:
        """Each account is a tree of joins, with the parts of every join before it."""
        account = np.repeat(np.arange(len(self.join) - 1), np.diff(self.join))
        low, high = self.node[account], self.node[account + 1]
        some = self.right >= 0
        for name, least in (("whole", low), ("left", low), ("right", np.where(some, low, -1))):
            found = getattr(self, name)
            if np.any((found < least) | (found >= high)):
                raise InvalidValue(f"Forest.{name}", found, "nodes of the account")
        at = np.arange(len(account))
        parts, there = np.concatenate([self.left, self.right[some]]), np.concatenate([at, at[some]])
        below = np.full(len(self.owns), len(account), dtype=np.int64)  # the join that a node is a part of
        below[parts] = there
        root = np.where(np.diff(self.join) > 0, np.append(self.whole, -1)[self.join[1:] - 1], self.node[:-1])
        roots = np.flatnonzero(below == len(account))
        if len(np.unique(parts)) < len(parts) or np.any(below[self.whole] <= at) or not np.array_equal(roots, root):
            raise InvalidValue("Forest.whole", self.whole, "for each account a tree, the joins of parts before it")

    def _check_couples(self) -> None:
        """Couples and their runs stay within the cells of their nodes, and within their factors."""
        join = np.repeat(np.arange(len(self.whole)), np.diff(self.couple))
        length = np.diff(self.run)
        right = self.right[join].astype(np.int64)
        single = np.ones(len(join), dtype=np.int64)
        limits: dict[str, tuple[Codes, Any, Ints]] = {
            "one": (self.one, self.left[join], single),
            "other": (self.other[right >= 0], right[right >= 0], single[right >= 0]),
            "first": (self.first, self.whole[join], length),
        }
        for name, (found, node, reach) in limits.items():
            if np.any((found < self.cell[node]) | (found + reach > self.cell[node + 1])):
                raise InvalidValue(f"Forest.{name}", found, "cells of the node")
        shared = np.diff(self.share)[join] > 0
        slot, joined = self.slot[shared], join[shared]
        if np.any((slot < self.share[joined]) | (slot + length[shared] > self.share[joined + 1])):
            raise InvalidValue("Forest.slot", self.slot, "factors of the join")

    @property
    def sizes(self) -> dict[str, int]:
        """How many there are of what."""
        return {
            "accounts": len(self.node) - 1,
            "nodes": len(self.owns),
            "cells": len(self.width),
            "joins": len(self.whole),
            "couples": len(self.one),
            "numbers": len(self.number),
            "slots": int(self.share[-1]),
        }


@attrs.frozen(eq=False)
class Summed:
    """What claims say of the accounts of a forest at each draw; what was not asked for is empty.

    Attributes
    ----------
    each : ndarray, shape (draws, accounts)
        Log evidence.
    pull : ndarray, shape (draws, pairs)
        Its derivative by the logarithm of each row: the posterior of the cell, times the power of the claim.
    prior : ndarray, shape (draws, outcomes, places)
        Its derivative by the tails of the count priors, summed over accounts.
    joint : ndarray, shape (draws, slots)
        Its derivative by the logarithm of each factor: the posterior of that pair of cells.
    mass : ndarray, shape (cells,)
        Sum over draws of weight times the posterior of cells.
    """

    each: Floats
    pull: Floats
    prior: Floats
    joint: Floats
    mass: Floats


def check_forest(
    shard: Shard, forest: Forest, rows: Floats, tail: Floats, power: Floats, factor: Floats, weight: Floats | None
) -> dict[str, int]:
    """Check what sum-product is given, and say how many there are of what.

    Raises
    ------
    InvalidValue
    """
    if forest.cell is not shard.cell and not np.array_equal(forest.cell, shard.cell):
        raise InvalidValue("sum_product.forest", forest.cell, "the nodes of the shard, with the same cells")
    sizes = forest.sizes | shard.sizes | {"outcomes": shard.outcomes, "places": shard.places, "draws": len(rows)}
    given = {"rows": rows, "tail": tail, "power": power, "factor": factor, "weight": weight}
    for name, array in given.items():
        if array is not None:
            check_array(f"sum_product.{name}", array, np.float64, shape_of(_GIVEN[name], sizes))
    return sizes


def count_couples(
    cells: Cells, cell: Ints, whole: Ints, left: Ints, right: Ints, shared: NDArray[np.bool_]
) -> tuple[dict[str, Any], Ints]:
    """Count the pairs of counts that add up, for each couple of cells and each cell of their whole.

    Sums beyond `TOP` are left out, and those in cells that were left out.

    Parameters
    ----------
    cells : Cells
        Of all nodes.
    cell : ndarray of int, shape (nodes + 1,)
        Where those of each node begin when they are filled up.
    whole, left, right : ndarray of int, shape (joins,)
        Nodes; -1 for a right that is anything from 0.
    shared : ndarray of bool, shape (joins,)
        Which joins have factors on left and whole.

    Returns
    -------
    arrays : dict of str to ndarray
        From `couple` to `number`, as in `Forest`.
    ends : ndarray of int, shape (2, slots)
        For each factor the cells of left and whole, as they stand in `cells`.
    """
    # A rest that is anything is one cell of all counts.
    start, stop = np.append(cells.start, 0), np.append(cells.stop, TOP + 1)
    size = np.append(np.diff(cells.first), 1)
    begin = np.append(cells.first[:-1], len(cells.start))
    many = size[right]  # -1 is the last
    turn, join = spans(np.zeros(len(whole), dtype=np.int64), size[left] * many)
    one, other = begin[left[join]] + turn // many[join], begin[right[join]] + turn % many[join]
    fits = start[one] + start[other] <= TOP
    join, one, other = join[fits], one[fits], other[fits]
    low = start[one] + start[other]
    high = np.minimum(stop[one] + stop[other] - 2, TOP)
    # One ascending sequence for all nodes, in which to look for the cells of one.
    node = np.repeat(np.arange(len(cells.first) - 1), np.diff(cells.first)) * (TOP + 2)
    offset = whole[join] * (TOP + 2)
    first = np.searchsorted(node + cells.stop, offset + low, side="right")
    last = np.searchsorted(node + cells.start, offset + high, side="right")
    some = last > first
    join, one, other, low, high, first, last = (x[some] for x in (join, one, other, low, high, first, last))
    at, couple = spans(first, last - first)
    least = np.maximum(start[at], low[couple]) - low[couple]
    most = np.minimum(stop[at] - 1, high[couple]) - low[couple]
    widths = (stop - start)[np.stack([one, other])]
    number = _count_pairs(least, most, widths.min(axis=0)[couple], widths.max(axis=0)[couple])
    slot, share, ends = _factors(join, one, first, last, shared)
    owner = np.repeat(np.arange(len(cells.first) - 1), np.diff(cells.first))
    filled = np.append(np.arange(len(owner)) + (cell[:-1] - cells.first[:-1])[owner], 0)  # where a cell stands then
    arrays: dict[str, Any] = {
        "couple": np.searchsorted(join, np.arange(len(whole) + 1)).astype(np.int64),
        "share": share,
        "one": filled[one].astype(np.int32),
        "other": filled[other].astype(np.int32),
        "first": filled[first].astype(np.int32),
        "run": np.concatenate([[0], np.cumsum(last - first)]),
        "slot": slot,
        "number": number,
    }
    return arrays, ends


def _count_pairs(least: Ints, most: Ints, narrow: Ints, wide: Ints) -> Floats:
    """Count the pairs of numbers from 0, below `narrow` and `wide`, whose sum is from `least` to `most`.

    By sum their number rises to `narrow`, stays there, and falls. Nothing is subtracted from anything large.
    """
    a, b = narrow.astype(float), wide.astype(float)
    rising = np.maximum(np.minimum(most, narrow - 2) - least + 1, 0).astype(float)
    level = np.maximum(np.minimum(most, wide - 1) - np.maximum(least, narrow - 1) + 1, 0).astype(float)
    start = np.maximum(least, wide)
    falling = np.maximum(most - start + 1, 0).astype(float)
    up, down = rising * (2.0 * least + rising + 1.0), falling * (2.0 * (a + b - 1.0 - start) - falling + 1.0)
    found: Floats = up / 2.0 + level * a + down / 2.0
    return found


def _factors(join: Ints, one: Ints, first: Ints, last: Ints, shared: NDArray[np.bool_]) -> tuple[Ints, Ints, Ints]:
    """Give each pair of cells of left and whole a place: that of each couple, where each join begins, and the cells."""
    slot = np.zeros(len(join), dtype=np.int64)
    mine = np.flatnonzero(shared[join])
    fresh = np.flatnonzero(np.append(True, np.diff(one[mine]) != 0)[: len(mine)])
    group = np.repeat(np.arange(len(fresh)), np.diff(np.append(fresh, len(mine))))
    low = first[mine][fresh]  # couples are in order, so the first of a group begins first and the last ends last
    length = last[mine][np.append(fresh[1:], len(mine))[: len(fresh)] - 1] - low
    begin = np.cumsum(length) - length
    slot[mine] = begin[group] + first[mine] - low[group]
    whole, owner = spans(low, length)
    share = np.concatenate([[0], np.cumsum(np.bincount(join[mine][fresh], length, len(shared)))]).astype(np.int64)
    return slot, share, np.stack([one[mine][fresh][owner], whole])
