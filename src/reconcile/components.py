# SPDX-License-Identifier: MIT
"""Accounts made ready for computing, and those that share sources bound together: evidence, gradient, result."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TypeAlias

import attrs
import numpy as np
from numpy.typing import NDArray

from reconcile.accounts import Account
from reconcile.inference import Solution, Table, count_potentials, solve
from reconcile.likelihood import SPREADS, TINY, Term, share_index
from reconcile.model import Model
from reconcile.pmf import TOP, Lattice
from reconcile.vocabulary import Relation

__all__ = ["Column", "Component", "Draws", "Fit", "Task", "pick"]

Floats: TypeAlias = NDArray[np.float64]
Column: TypeAlias = tuple[str, str, Relation | None]  # source, parameter, relation it is particular to

_MOST_POINTS = 200  # sums and differences of claimed numbers that get a cell of their own


class Draws:
    """Draws of source parameters, made from a few points for each source.

    What a claim says at each point of its source is computed once; a draw picks one point for every source.

    Parameters
    ----------
    points : mapping of Column to ndarray, shape (k,)
    index : mapping of source name to ndarray of int, shape (s,), optional
        The point that each draw picks; without it draws are points.
    """

    def __init__(self, points: Mapping[Column, Floats], index: Mapping[str, NDArray[np.intp]] | None = None) -> None:
        self.points, self.index = points, index
        self._computed: dict[int, Floats] = {}

    def __call__(self, term: Term, compute: Callable[[Mapping[str, Floats]], Floats]) -> Floats:
        """Compute a function of a term's parameters for every draw; shape (s, ...)."""
        if id(term) not in self._computed:
            self._computed[id(term)] = compute(pick(self.points, term))
        found = self._computed[id(term)]
        return found if self.index is None else found[self.index[term.source.name]]

    def only(self, draws: NDArray[np.intp]) -> Draws:
        """Keep some of the draws, and what was computed."""
        index = None if self.index is None else {name: at[draws] for name, at in self.index.items()}
        points = {c: v[draws] for c, v in self.points.items()} if self.index is None else self.points
        kept = Draws(points, index)
        kept._computed = {k: v[draws] for k, v in self._computed.items()} if index is None else self._computed
        return kept


@attrs.frozen(eq=False)
class Task:
    """One account, with its claims made ready.

    Attributes
    ----------
    account : Account
    lattice : Lattice
    potentials : list of ndarray, shape (1, n)
        Prior of each node, and the rows of claims whose source is integrated already.
    rows : list of (node, Term)
        Claims whose source parameters are drawn.
    shares : list of (part, whole, Term, drawn)
        Shares, and whether their source's parameters are drawn.
    """

    account: Account
    lattice: Lattice
    potentials: list[Floats]
    rows: list[tuple[int, Term]]
    shares: list[tuple[int, int, Term, bool]]

    @classmethod
    def of(
        cls, account: Account, terms: Iterable[tuple[tuple[int, ...], Term]], drawn: frozenset[str], model: Model
    ) -> Task:
        """Build the lattice of an account and the rows that need no draws.

        Parameters
        ----------
        account : Account
        terms : iterable of (nodes, Term)
            Nodes: that of the count, or of part and whole for a share.
        drawn : frozenset of str
            Names of the sources whose parameters are drawn.
        model : Model
        """
        terms = list(terms)
        counts = [term.meaning for _, term in terms if not term.is_share]
        starts = set().union(*(meaning.starts for meaning in counts))
        # The first interval is the core of what is said; the others only need cells to begin where they do.
        points = {1} | {int(n) for m in counts for n in (m.low[0], m.high[0]) if np.isfinite(n)}
        if any(join.right is not None for join in account.joins):
            points |= _sums({int(m.low[0]) for m in counts if m.low[0] == m.high[0]})
        lattice = Lattice.around(points, starts)
        task = cls(account, lattice, count_potentials(account, lattice, model), [], [])
        for nodes, term in terms:
            if term.is_share:
                task.shares.append((*nodes, term, term.source.name in drawn))  # type: ignore[arg-type]
            elif term.source.name in drawn:
                task.rows.append((nodes[0], term))
            else:
                task.potentials[nodes[0]] = task.potentials[nodes[0]] * term.row_marginal(lattice.center)
        return task

    def solve(self, draws: Draws, *, marginals: bool, pairs: bool = False) -> Solution:
        """Solve the account for each draw of the parameters; see `inference.solve`."""
        potentials, center = list(self.potentials), self.lattice.center
        for node, term in self.rows:
            row = draws(term, lambda theta, term=term: np.maximum(term.row(center, theta), TINY))  # type: ignore[misc]
            potentials[node] = potentials[node] * row
        tables = {}
        for join in {self.account.shares[part, whole] for part, whole, _, _ in self.shares}:
            tables[join] = self.table(join, draws)
        return solve(self.account, self.lattice, potentials, tables, marginals=marginals, pairs=pairs)

    def table(self, join: int, draws: Draws) -> Table:
        """Multiply the curves of the shares at a join; one drawn source is read between a few spreads."""
        center = self.lattice.center
        index = share_index(center[:, None], center[None, :])
        here = [(term, drawn) for part, whole, term, drawn in self.shares if self.account.shares[part, whole] == join]
        fixed = np.prod([term.curve_marginal() for term, drawn in here if not drawn], axis=0)
        varying = [term for term, drawn in here if drawn]
        if not varying:
            return Table.single(fixed, index)
        spreads = [draws(term, lambda theta: theta["log_spread"]) for term in varying]
        if len(varying) > 1 or len(spreads[0]) <= 2 * len(SPREADS):
            curves = np.prod([term.curve(spread) for term, spread in zip(varying, spreads, strict=True)], axis=0)
            return Table.single(fixed * curves, index)
        spread = np.clip(spreads[0], SPREADS[0], SPREADS[-1] - 1e-9)
        first = np.searchsorted(SPREADS, spread, side="right") - 1
        share = (spread - SPREADS[first]) / (SPREADS[1] - SPREADS[0])
        return Table(fixed * varying[0].curves, index, first, share)

    def gradient(self, theta: Mapping[Column, Floats]) -> tuple[Floats, dict[Column, Floats]]:
        """Log evidence and its slopes, by Fisher's identity: averages of the rows' slopes over the posterior."""
        center, draws = self.lattice.center, Draws(theta)
        found = [term.row_gradient(center, pick(theta, term)) for _, term in self.rows]
        for (_, term), (row, _) in zip(self.rows, found, strict=True):
            draws(term, lambda _, row=row: np.maximum(row, TINY))  # type: ignore[misc]  # already computed
        solution = self.solve(draws, marginals=True, pairs=True)
        slopes: dict[Column, Floats] = defaultdict(lambda: np.zeros(1))
        for (node, term), (row, by) in zip(self.rows, found, strict=True):
            weight = solution.marginals[node] / np.maximum(row, TINY)
            for column, name in columns(term):
                slopes[column] = slopes[column] + np.einsum("sn,sn->s", weight, by[name])
        for part, whole, term, drawn in self.shares:
            if not drawn:
                continue
            mass = solution.tables[self.account.shares[part, whole]]
            ((column, name),) = columns(term)
            spread, step = theta[column], 1e-4
            up, down = (np.log(np.maximum(term.curve(spread + h), TINY)) for h in (step, -step))
            slope = ((up - down) / (2 * step))[:, share_index(center[:, None], center[None, :])]
            slopes[column] = slopes[column] + np.einsum("sik,sik->s", mass, slope)
        return solution.log_evidence, slopes


def _sums(claimed: set[int]) -> set[int]:
    """Sums and differences of claimed numbers: where a count that nobody claims may be pinned by those that add up."""
    pairs = {n for a in claimed for b in claimed for n in (a + b, abs(a - b)) if n <= TOP}
    return set(sorted(pairs)[:_MOST_POINTS])


def columns(term: Term) -> list[tuple[Column, str]]:
    """Name the parameters of a term as columns of a draw."""
    return [((term.source.name, name, relation), name) for name, (relation, _, _) in term.priors().items()]


def pick(theta: Mapping[Column, Floats], term: Term) -> dict[str, Floats]:
    """Pick the parameters of a term from a draw."""
    return {name: theta[column] for column, name in columns(term)}


@attrs.frozen(eq=False)
class Component:
    """Accounts that share sources, and the parameters of these.

    Attributes
    ----------
    tasks : tuple of Task
    columns : tuple of Column
        The parameters that are drawn, in a fixed order.
    mean, sd : ndarray, shape (d,)
        Their normal priors.
    """

    tasks: tuple[Task, ...]
    columns: tuple[Column, ...]
    mean: Floats
    sd: Floats

    @classmethod
    def of(cls, tasks: Sequence[Task]) -> Component:
        """Collect the parameters of some tasks."""
        priors: dict[Column, tuple[float, float]] = {}
        for task in tasks:
            for term in [*(t for _, t in task.rows), *(t for _, _, t, drawn in task.shares if drawn)]:
                for name, (relation, mean, sd) in term.priors().items():
                    priors[term.source.name, name, relation] = (mean, sd)
        ordered = sorted(priors, key=str)
        table = np.array([priors[column] for column in ordered]).reshape(-1, 2)
        return cls(tuple(tasks), tuple(ordered), table[:, 0], table[:, 1])

    def theta(self, z: Floats) -> dict[Column, Floats]:
        """Turn standardised draws, shape (s, d), into parameters."""
        values = self.mean + self.sd * z
        return {column: values[:, at] for at, column in enumerate(self.columns)}

    @property
    def sources(self) -> tuple[str, ...]:
        """Names of the sources whose parameters are drawn."""
        return tuple(sorted({name for name, _, _ in self.columns}))

    def log_evidence(self, draws: Draws) -> Floats:
        """Log probability of all claims for each draw; shape (s,)."""
        total: Floats = np.sum([task.solve(draws, marginals=False).log_evidence for task in self.tasks], axis=0)
        return total

    @property
    def costly(self) -> bool:
        """Whether an account needs sums over all pairs of cells for each draw."""
        return any(task.shares or any(j.right is not None for j in task.account.joins) for task in self.tasks)

    def log_posterior_gradient(self, z: Floats) -> tuple[Floats, Floats]:
        """Log of evidence x standard normal prior, and its gradient; shapes (s,) and (s, d)."""
        theta, total, slope = self.theta(z), -0.5 * np.sum(z**2, axis=1), -z.copy()
        for task in self.tasks:
            value, by = task.gradient(theta)
            total = total + value
            for column, part in by.items():
                slope[:, self.columns.index(column)] += self.sd[self.columns.index(column)] * part
        return total, slope


@attrs.frozen(eq=False)
class Fit:
    """The counts of a component, with its source parameters integrated.

    Attributes
    ----------
    marginals : tuple (tasks) of tuple (nodes) of ndarray, shape (n,)
        Posterior mass of the cells.
    draws : int
        How many draws of the parameters were used; 0 where there was none to draw.
    ess : float
        Effective number of them.
    khat : float
        Pareto shape of their importance weights.
    error : float
        Largest standard error of a cumulative probability.
    """

    marginals: tuple[tuple[Floats, ...], ...]
    draws: int
    ess: float
    khat: float
    error: float
