# SPDX-License-Identifier: MIT
"""Claims that set a part in proportion to its whole, as factors on pairs of cells."""

from __future__ import annotations

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

    def factors(self, log_spread: Floats) -> tuple[Floats, Floats]:
        """Read the curves, which are straight between `SPREADS`, as `Term.curve_near` does.

        Parameters
        ----------
        log_spread : ndarray, shape (draws, shares)
            Of the source of each, not yet widened by a hedge.

        Returns
        -------
        factor : ndarray, shape (draws, slots)
            Product of what all proportions say of a pair of cells.
        slope : ndarray, shape (draws, entries)
            Derivative of the logarithm of each curve by its log spread.
        """
        step, last = float(SPREADS[1] - SPREADS[0]), len(SPREADS) - 1
        free = (log_spread - SPREADS[0]) / step
        place = np.clip(free, 0, last - 1e-9)
        first = place.astype(np.int64)
        value, slope = np.empty((2, len(log_spread), len(self.index)))
        for share, wording in enumerate(self.wording.tolist()):
            mine, curves = slice(int(self.start[share]), int(self.start[share + 1])), self.curves[wording]
            index = self.index[mine]
            for draw, at in enumerate(first[:, share].tolist()):
                weight, rise = place[draw, share] - at, curves[at + 1] - curves[at]
                value[draw, mine] = ((1 - weight) * curves[at] + weight * curves[at + 1])[index]
                # Beyond the last curve nothing moves.
                slope[draw, mine] = (rise / step)[index] if free[draw, share] == place[draw, share] else 0.0
        slope = np.where(value > LEAST, slope / np.maximum(value, LEAST), 0.0)
        value = np.maximum(value, LEAST)
        owner = np.repeat(np.arange(len(self.wording)), np.diff(self.start))
        factor = np.ones((len(log_spread), self.slots))
        for turn in range(int(self.turn.max(initial=-1)) + 1):
            some = np.flatnonzero(self.turn[owner] == turn)
            factor[:, self.slot[some]] *= value[:, some]
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
        return np.ascontiguousarray(add_in_order((slope * joint[:, self.slot]).T, self.start).T)
