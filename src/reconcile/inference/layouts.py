# SPDX-License-Identifier: MIT
"""The claims about one account laid out on one lattice, to be solved at given draws of its sources' parameters."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TypeAlias

import attrs
import numpy as np
from numpy.typing import NDArray

from reconcile.accounts import Account
from reconcile.inference.known import chance_on_lattice
from reconcile.inference.likelihood import SPREADS, TINY, Term, share_index
from reconcile.inference.sum_product import Table, count_potentials
from reconcile.model import Model
from reconcile.pmf import TOP, Lattice
from reconcile.vocabulary import Relation

__all__ = ["Column", "Layout", "columns_of", "lay_lattice", "pick"]

Floats: TypeAlias = NDArray[np.float64]
Column: TypeAlias = tuple[str, str, Relation | None]  # source, parameter, relation it is particular to

_MOST_POINTS = 200  # sums and differences of claimed numbers that get a cell of their own


def columns_of(term: Term) -> dict[str, Column]:
    """Name the columns of a draw in which the parameters of a claim stand."""
    return {name: (term.source.name, name, relation) for name, (relation, _, _) in term.priors().items()}


def pick(theta: Mapping[Column, Floats], term: Term) -> dict[str, Floats]:
    """Pick the parameters of a claim from draws; shape (s,) each."""
    return {name: theta[column] for name, column in columns_of(term).items()}


def lay_lattice(account: Account, terms: Iterable[Term]) -> Lattice:
    """Lay a lattice for all counts of an account, fine near the numbers that are claimed, and near sums of them."""
    counts = [term.meaning for term in terms if not term.is_share]
    starts = set().union(*(meaning.starts for meaning in counts))
    # The first interval is the core of what is said; the others only need cells to begin where they do.
    points = {1} | {int(n) for m in counts for n in (m.low[0], m.high[0]) if np.isfinite(n)}
    if any(join.right is not None for join in account.joins):
        points |= _sums({int(m.low[0]) for m in counts if m.low[0] == m.high[0]})
    return Lattice.around(points, starts)


def _sums(claimed: set[int]) -> set[int]:
    """Sums and differences of claimed numbers: where a count that nobody claims may be pinned by those that add up."""
    pairs = {n for a in claimed for b in claimed for n in (a + b, abs(a - b)) if n <= TOP}
    return set(sorted(pairs)[:_MOST_POINTS])


@attrs.frozen(eq=False)
class Layout:
    """An account, the priors of its counts, and what is claimed of them.

    Attributes
    ----------
    account : Account
    lattice : Lattice
    potentials : tuple of ndarray, shape (s or 1, n)
        Prior of each node: average probability of a count in each cell.
    rows : tuple of (node, Term)
        Claims that give numbers.
    shares : tuple of (part, whole, Term)
    chance : ndarray, shape (n, n), or None
        P(known count in the second cell | count in the first), where what is known is not the count itself.
    """

    account: Account
    lattice: Lattice
    potentials: tuple[Floats, ...]
    rows: tuple[tuple[int, Term], ...]
    shares: tuple[tuple[int, int, Term], ...]
    chance: Floats | None = None

    @classmethod
    def of(cls, account: Account, terms: Iterable[tuple[tuple[int, ...], Term]], model: Model) -> Layout:
        """Lay claims out, with the count priors of the model.

        Parameters
        ----------
        account : Account
        terms : iterable of (nodes, Term)
            Nodes: that of the count, or of part and whole for a share.
        model : Model
        """
        terms = list(terms)
        lattice = lay_lattice(account, (term for _, term in terms))
        potentials = tuple(count_potentials(account, lattice, model))
        rows = tuple((nodes[0], term) for nodes, term in terms if not term.is_share)
        shares = tuple((nodes[0], nodes[1], term) for nodes, term in terms if term.is_share)
        ends = lattice.low, lattice.high + 1
        chance = None if model.known is None else chance_on_lattice(model.known, *ends)
        return cls(account, lattice, potentials, rows, shares, chance)

    def said(self, theta: Mapping[Column, Floats]) -> dict[int, Floats]:
        """P(claims about a count | count in each cell) at each draw, for each node that claims give a number of."""
        found: dict[int, Floats] = {}
        for node, term in self.rows:
            row = np.maximum(term.row(self.lattice.center, pick(theta, term)), TINY)
            found[node] = found[node] * row if node in found else row
        if self.chance is None:
            return found
        return {node: np.maximum(row @ self.chance.T, TINY) for node, row in found.items()}

    def table(self, join: int, theta: Mapping[Column, Floats], shares: Iterable[tuple[int, int, Term]]) -> Table:
        """Multiply what some shares say at a join; that of one source is read between a few spreads."""
        center = self.lattice.center
        index = share_index(center[:, None], center[None, :])
        here = [term for part, whole, term in shares if self.account.shares[part, whole] == join]
        spreads = [pick(theta, term)["log_spread"] for term in here]
        if len(here) > 1 or len(spreads[0]) <= 2 * len(SPREADS):
            curves = np.prod([term.curve(spread) for term, spread in zip(here, spreads, strict=True)], axis=0)
            return Table.single(curves, index)
        spread = np.clip(spreads[0], SPREADS[0], SPREADS[-1] - 1e-9)
        first = np.searchsorted(SPREADS, spread, side="right") - 1
        share = (spread - SPREADS[first]) / (SPREADS[1] - SPREADS[0])
        return Table(here[0].curves, index, first, share)
