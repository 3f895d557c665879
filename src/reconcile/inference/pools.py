# SPDX-License-Identifier: MIT
"""What several claims say together of a figure: their rows multiplied, on a scale that no product leaves."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, TypeAlias

import attrs
import numpy as np
from numpy.typing import NDArray

from reconcile.errors import InvalidValue
from reconcile.inference.arrays import check_array, shape_of
from reconcile.inference.elementary import exponential, logarithm

if TYPE_CHECKING:
    from scipy.sparse import csr_array

__all__ = ["FIELDS", "Pool", "check_pool"]

Floats: TypeAlias = NDArray[np.float64]
Ints: TypeAlias = NDArray[np.int64]

# The arrays of a pool in the order of the kernel's `Pool`; see `arrays.FIELDS`.
FIELDS: dict[str, tuple[type[np.generic], str]] = {
    "cell": (np.int64, "looks + 1"),
    "begin": (np.int64, "looks + 1"),
    "claim": (np.int64, "claims"),
    "pair": (np.int64, "claims + 1"),
    "filled": (np.bool_, "cells"),
}
_OFFSETS = {"cell": "cells", "begin": "claims", "pair": "pairs"}


@attrs.frozen(eq=False)
class Pool:
    """Which claims look at what, and at which cells. It is not changed once it was made.

    Attributes
    ----------
    cell, begin : ndarray of int64, shape (looks + 1,)
        Where the cells of each look begin, and its claims.
    claim : ndarray of int64, shape (claims,)
        The claims of one look after the other.
    pair : ndarray of int64, shape (claims + 1,)
        See `arrays.Shard`: every claim has a pair for each cell of its look.
    filled : ndarray of bool, shape (cells,)
        Which cells only fill up.

    Raises
    ------
    InvalidValue
        For an array of another kind of number or shape, that is not contiguous, or that points beyond another's end.
    """

    cell: Ints
    begin: Ints
    claim: Ints
    pair: Ints
    filled: NDArray[np.bool_]

    @classmethod
    def of(cls, look: Ints, pair: Ints, cell: Ints, filled: NDArray[np.bool_]) -> Pool:
        """Prepare, where `look` says at what each claim looks."""
        number = np.bincount(look, minlength=len(cell) - 1)
        begin = np.concatenate([np.zeros(1, dtype=np.int64), np.cumsum(number)])
        claim = np.argsort(look, kind="stable").astype(np.int64)
        return cls(cell.astype(np.int64), begin, claim, np.asarray(pair, dtype=np.int64), filled)

    def __attrs_post_init__(self) -> None:
        check_array("Pool.pair", self.pair, np.int64, (len(self.claim) + 1,))
        sizes = self.sizes
        for name, (kind, shape) in FIELDS.items():
            check_array(f"Pool.{name}", getattr(self, name), kind, shape_of(shape, sizes))
        for name, target in _OFFSETS.items():
            offset = getattr(self, name)
            # Differences of numbers of any size may wrap around, so these are looked at first.
            inside = offset.min() >= 0 and offset.max() <= sizes[target]
            least = 0 if name == "begin" else 1  # a look may have no claim
            if not inside or offset[0] != 0 or offset[-1] != sizes[target] or np.any(np.diff(offset) < least):
                raise InvalidValue(f"Pool.{name}", offset, f"ascending offsets from 0 to the {sizes[target]} {target}")
        if not np.array_equal(np.sort(self.claim), np.arange(len(self.claim))):
            raise InvalidValue("Pool.claim", self.claim, "each claim once")
        look = np.repeat(np.arange(sizes["looks"]), np.diff(self.begin))
        if np.any(np.diff(self.pair)[self.claim] != np.diff(self.cell)[look]):
            raise InvalidValue("Pool.pair", self.pair, "a pair for each claim and cell of its look")

    @property
    def sizes(self) -> dict[str, int]:
        """How many there are of what."""
        return {
            "looks": len(self.cell) - 1,
            "claims": len(self.claim),
            "cells": len(self.filled),
            "pairs": int(self.pair[-1]),
        }

    @functools.cached_property
    def _adder(self) -> csr_array:
        """Which pairs each cell of the looks has; shape (cells, pairs)."""
        from scipy.sparse import csr_array

        sizes, look = self.sizes, np.empty(len(self.claim), dtype=np.int64)
        look[self.claim] = np.repeat(np.arange(sizes["looks"]), np.diff(self.begin))
        cell = np.repeat(self.cell[look] - self.pair[:-1], np.diff(self.pair)) + np.arange(sizes["pairs"])
        return csr_array((np.ones(len(cell)), (cell, np.arange(len(cell)))), shape=(sizes["cells"], sizes["pairs"]))

    def multiply(self, rows: Floats, power: Floats) -> tuple[Floats, Floats]:
        """Multiply in NumPy; see `batches.Likelihood.pool`."""
        logs = self._adder @ (logarithm(rows) * np.repeat(power, np.diff(self.pair))).T
        logs[self.filled] = -np.inf
        scale = np.maximum.reduceat(logs, self.cell[:-1], axis=0)
        over = exponential(logs - np.repeat(scale, np.diff(self.cell), axis=0))
        return np.where(self.filled[:, None], 0.0, over), scale


def check_pool(pool: Pool, rows: Floats, power: Floats) -> tuple[int, int, int]:
    """Check what is pooled, and say how many draws, cells and looks there are.

    Raises
    ------
    InvalidValue
    """
    sizes = pool.sizes | {"draws": np.shape(rows)[0] if np.ndim(rows) else 0}
    check_array("pool.rows", rows, np.float64, shape_of("draws, pairs", sizes))
    check_array("pool.power", power, np.float64, shape_of("claims", sizes))
    return sizes["draws"], sizes["cells"], sizes["looks"]
