# SPDX-License-Identifier: MIT
"""The claims about one account laid out on one lattice, to be solved at given draws of its sources' parameters."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Mapping
from typing import NamedTuple, TypeAlias

import attrs
import numpy as np
from numpy.typing import NDArray

from reconcile.accounts import Account
from reconcile.inference.known import chance_on_lattice
from reconcile.inference.likelihood import SPREADS, TINY, Term, share_index
from reconcile.inference.rising import Averages, find_path
from reconcile.inference.sum_product import Table, count_potentials
from reconcile.model import Model, RisingToll
from reconcile.pmf import TOP, Lattice
from reconcile.vocabulary import Relation

__all__ = ["Column", "Layout", "Rise", "columns_of", "lay_lattice", "pick"]

Floats: TypeAlias = NDArray[np.float64]
Column: TypeAlias = tuple[str, str, Relation | None]  # source, parameter, relation it is particular to

_AT_ONCE = 64  # draws of which paths are summed out at once: what a cache holds
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


class Rise(NamedTuple):
    """How a count rises: kind of its event, whether only the day of that is known, and how much more is doubted."""

    kind: str
    day: bool
    doubt: float


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
    rises : mapping of node to Rise
        Of the counts of which claims speak at times at which they rise.
    rising : RisingToll, optional
    """

    account: Account
    lattice: Lattice
    potentials: tuple[Floats, ...]
    rows: tuple[tuple[int, Term], ...]
    shares: tuple[tuple[int, int, Term], ...]
    chance: Floats | None = None
    rises: Mapping[int, Rise] = attrs.field(factory=dict)
    rising: RisingToll | None = None

    @classmethod
    def of(
        cls,
        account: Account,
        terms: Iterable[tuple[tuple[int, ...], Term]],
        model: Model,
        rises: Mapping[int, Rise] | None = None,
    ) -> Layout:
        """Lay claims out, with the count priors of the model.

        Parameters
        ----------
        account : Account
        terms : iterable of (nodes, Term)
            Nodes: that of the count, or of part and whole for a share.
        model : Model
        rises : mapping of node to Rise, optional
        """
        terms = list(terms)
        lattice = lay_lattice(account, (term for _, term in terms))
        potentials = tuple(count_potentials(account, lattice, model))
        rows = tuple((nodes[0], term) for nodes, term in terms if not term.is_share)
        shares = tuple((nodes[0], nodes[1], term) for nodes, term in terms if term.is_share)
        ends = lattice.low, lattice.high + 1
        chance = None if model.known is None else chance_on_lattice(model.known, *ends)
        return cls(account, lattice, potentials, rows, shares, chance, rises or {}, model.rising)

    @functools.cached_property
    def _averages(self) -> Averages:
        return Averages.of(self.lattice.low, self.lattice.high + 1)

    def sum_paths(self, node: int, said: Mapping[int, Floats]) -> Floats:
        """Sum out at which share of a count claims of each time speak.

        Parameters
        ----------
        node : int
        said : mapping of time to ndarray, shape (draws, n)
            P(claims of the time | figure); -1 for claims that speak of all that can be known.

        Returns
        -------
        ndarray, shape (draws, n)
            P(claims | known count in the end).
        """
        times = sorted(time for time in said if time >= 0)
        if not times:
            return said[-1]
        assert self.rising is not None  # noqa: S101 - for type checkers: else no claim has a time
        rise, draws = self.rises[node], len(said[times[0]])
        path = find_path(self.rising, rise.kind, tuple(times), day=rise.day, doubt=rise.doubt)
        found = np.empty((draws, len(self.lattice)))
        for start in range(0, draws, _AT_ONCE):
            part = slice(start, start + _AT_ONCE)
            each = [self._averages.average(np.ascontiguousarray(said[time][part].T)) for time in times]
            found[part] = path.forward(each)[0].T
        return found * said[-1] if -1 in said else found

    def said(self, theta: Mapping[Column, Floats]) -> dict[int, Floats]:
        """P(claims about a count | count in each cell) at each draw, for each node that claims give a number of."""
        by_time: dict[int, dict[int, Floats]] = {}
        for node, term in self.rows:
            row = np.maximum(term.row(self.lattice.center, pick(theta, term)), TINY)
            mine = by_time.setdefault(node, {})
            mine[term.time] = mine[term.time] * row if term.time in mine else row
        found = {node: self.sum_paths(node, mine) for node, mine in by_time.items()}
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
