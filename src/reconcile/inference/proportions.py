# SPDX-License-Identifier: MIT
"""Claims that set a part in proportion to its whole, as factors on pairs of cells."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import TypeAlias

import attrs
import numpy as np
from numpy.typing import NDArray

from reconcile.inference.arrays import spans
from reconcile.inference.forests import Forest
from reconcile.inference.likelihood import SPREADS, Term, share_index
from reconcile.inference.rows import LEAST, add_in_order

__all__ = ["Proportion", "Proportions"]

Floats: TypeAlias = NDArray[np.float64]
Ints: TypeAlias = NDArray[np.int64]


@attrs.frozen(eq=False)
class Proportion:
    """A claim that sets a part in proportion to its whole.

    Attributes
    ----------
    account : int
        Which account, from 0.
    part, whole : int
        Its nodes, numbered within the account.
    term : Term
        With a curve over true shares for each log spread of the source.
    """

    account: int
    part: int
    whole: int
    term: Term


@attrs.frozen(eq=False)
class Proportions:
    """The factors of a forest, as functions of the log spread of the source of each proportion.

    Attributes
    ----------
    rows : ndarray of int, shape (shares,)
        Which of all proportions these are.
    curves : ndarray, shape (wordings, len(SPREADS), points)
    wording, turn : ndarray of int, shape (shares,)
        The curves of each, and how many before it speak of the same join.
    start : ndarray of int, shape (shares + 1,)
        Where the entries of each begin, one for every factor of its join.
    slot, index : ndarray of int, shape (entries,)
        The factor, and where on its curve it stands.
    slots : int
        How many factors there are.
    """

    rows: Ints
    curves: Floats
    wording: Ints
    turn: Ints
    start: Ints
    slot: Ints
    index: Ints
    slots: int

    @classmethod
    def of(cls, rows: Sequence[int], terms: Sequence[Term], joins: Ints, forest: Forest, ends: Floats) -> Proportions:
        """Find out where each factor stands on the curves.

        Parameters
        ----------
        rows : sequence of int
        terms : sequence of Term
        joins : ndarray of int, shape (shares,)
            The join that each speaks of.
        forest : Forest
        ends : ndarray, shape (2, slots)
            Middle of the cells of part and whole of each factor.
        """
        different: dict[tuple[object, ...], tuple[int, Term]] = {}
        wording = []
        for term in terms:
            said = (getattr(term.meaning, name).tobytes() for name in ("low", "high", "plain"))
            at, _ = different.setdefault((*said, term.hedged, id(term.model)), (len(different), term))
            wording.append(at)
        curves = [term.curves for _, term in different.values()]
        slot, owner = spans(forest.share[joins], np.diff(forest.share)[joins])
        return cls(
            rows=np.array(rows, dtype=np.int64),
            curves=np.array(curves) if curves else np.zeros((0, len(SPREADS), 1)),
            wording=np.array(wording, dtype=np.int64),
            turn=np.array([np.count_nonzero(joins[:at] == join) for at, join in enumerate(joins)], dtype=np.int64),
            start=np.searchsorted(owner, np.arange(len(rows) + 1)).astype(np.int64),
            slot=slot,
            index=share_index(*ends[:, slot]).astype(np.int64),
            slots=int(forest.share[-1]),
        )

    def factors(self, log_spread: Floats, *, slopes: bool = True) -> tuple[Floats, Floats]:
        """Read the curves, which are straight between `SPREADS`, as `Term.curve_near` does.

        Parameters
        ----------
        log_spread : ndarray, shape (draws, shares)
            Of the source of each, not yet widened by a hedge.
        slopes : bool, keyword

        Returns
        -------
        factor : ndarray, shape (draws, slots)
            Product of what all proportions say of a pair of cells.
        slope : ndarray, shape (draws, entries)
            Derivative of the logarithm of each curve by its log spread; of no draw without `slopes`.
        """
        step, last = float(SPREADS[1] - SPREADS[0]), len(SPREADS) - 1
        free = (log_spread - SPREADS[0]) / step
        place = np.clip(free, 0, last - 1e-9)
        first = place.astype(np.int64)
        draws = len(log_spread)
        factor, slope = np.ones((draws, self.slots)), np.empty((draws if slopes else 0, len(self.index)))
        # All is computed on the curves, which have far fewer points than there are pairs of cells.
        for share in np.argsort(self.turn, kind="stable").tolist():
            mine, at = slice(int(self.start[share]), int(self.start[share + 1])), first[:, share]
            low, high = (self.curves[self.wording[share]][k] for k in (at, at + 1))
            weight, index = (place[:, share] - at)[:, None], self.index[mine]
            curve = (1 - weight) * low + weight * high
            begin = int(self.slot[mine.start])  # of factors that lie one after the other
            value, slots = np.maximum(curve, LEAST), slice(begin, begin + len(index))
            if self.turn[share]:
                factor[:, slots] *= np.take(value, index, axis=1)
            else:
                np.take(value, index, axis=1, out=factor[:, slots], mode="clip")
            if slopes:
                # Beyond the last curve nothing moves.
                moves = (free[:, share] == place[:, share])[:, None] & (curve > LEAST)
                rise = np.where(moves, (high - low) / step / np.maximum(curve, LEAST), 0.0)
                np.take(rise, index, axis=1, out=slope[:, mine], mode="clip")
        return factor, slope

    def by_spread(self, slope: Floats, joint: Floats) -> Floats:
        """Turn the posterior of pairs of cells into derivatives of the log evidence by each log spread.

        Parameters
        ----------
        slope : ndarray, shape (draws, entries)
        joint : ndarray, shape (draws, slots)

        Returns
        -------
        ndarray, shape (draws, shares)
        """
        joint = joint if self._in_order else joint[:, self.slot]
        return np.ascontiguousarray(add_in_order((slope * joint).T, self.start).T)

    @functools.cached_property
    def _in_order(self) -> bool:
        """Whether each factor is of one proportion, and these in the same order."""
        return np.array_equal(self.slot, np.arange(self.slots))
