# SPDX-License-Identifier: MIT
"""Accounts: which quantities add up to which, read off the quantities themselves.

A quantity is a box: a set of events, outcomes, days and people. Boxes inside boxes give the identities. Between events,
outcomes, periods and parties, counts are independent and add up; inside a party, sub-groups split a total.

A split is a flat Dirichlet-multinomial: given the whole, all compositions into m parts and a rest are equally likely,
``1 / C(whole + m, m)`` each. So every identity is a plain sum, and a split is a sum with a factor on its whole.
"""

from __future__ import annotations

import datetime
import itertools
from collections import defaultdict
from collections.abc import Iterable, Sequence

import attrs
import numpy as np
from numpy.typing import NDArray

from reconcile.errors import InconsistentClaims
from reconcile.vocabulary import Quantity

__all__ = [
    "Account",
    "Join",
    "Prior",
    "atomise",
    "box",
    "build_accounts",
    "contains",
    "differences",
    "disjoint",
    "group_linked",
    "sort_boxes",
]

MOST_ATOMS = 256


@attrs.frozen
class Join:
    """``whole = left + right``, by node; without `right` the rest is anything from 0."""

    whole: int
    left: int
    right: int | None


@attrs.frozen
class Prior:
    """Which count prior a node has: an outcome's, or that of a remainder with this outcome."""

    outcome: str
    remainder: bool = False


@attrs.frozen(eq=False)
class Account:
    """Quantities bound together by identities.

    Attributes
    ----------
    nodes : tuple of (Quantity or None)
        The counts; None for one that no claim mentions.
    priors : mapping of node to Prior
        The nodes that have a prior of their own.
    splits : tuple of (whole, m)
        Each whole that is split flatly into m parts and a rest.
    joins : tuple of Join
        A tree of sums; empty where the account is no tree.
    atoms : ndarray of bool, shape (nodes, free)
        Each node as the sum of free counts.
    slacks : tuple of (whole, parts)
        The parts of a further split of a whole, which must not exceed it.
    shares : mapping of (part, whole) to join index
        Pairs that a `Share` speaks of.
    is_tree : bool
    """

    nodes: tuple[Quantity | None, ...]
    priors: dict[int, Prior]
    splits: tuple[tuple[int, int], ...]
    joins: tuple[Join, ...]
    atoms: NDArray[np.bool_]
    slacks: tuple[tuple[int, tuple[int, ...]], ...]
    shares: dict[tuple[int, int], int]
    is_tree: bool

    @property
    def quantities(self) -> tuple[Quantity, ...]:
        """The quantities that claims mention."""
        return tuple(node for node in self.nodes if node is not None)

    def index(self, quantity: Quantity) -> int:
        """Give the node of a quantity, or of one that counts the same people."""
        return next(at for at, node in enumerate(self.nodes) if node is not None and box(node) == box(quantity))

    def places(self, quantity: Quantity, whole: Quantity | None) -> tuple[int, ...]:
        """Give the node of a quantity and, where it is spoken of as a share, that of its whole."""
        return (self.index(quantity),) if whole is None else (self.index(quantity), self.index(whole))


def box(quantity: Quantity) -> tuple[object, ...]:
    """What a quantity counts, whatever its outcome is called: equal boxes are one count."""
    return quantity.event, quantity.outcome.elements, quantity.group, quantity.period


def _days(quantity: Quantity) -> tuple[datetime.date, datetime.date] | None:
    return (quantity.period.start, quantity.period.end) if quantity.period else None


def contains(whole: Quantity, part: Quantity) -> bool:
    """Whether everyone counted in `part` is counted in `whole`."""
    inner, outer = _days(part), _days(whole)
    return (
        (part.event == whole.event or whole.event in part.event.wholes)
        and part.outcome.elements <= whole.outcome.elements
        and part.group <= whole.group
        and (outer is None or (inner is not None and outer[0] <= inner[0] and inner[1] <= outer[1]))
    )


def disjoint(one: Quantity, other: Quantity) -> bool:
    """Whether nobody can be counted in both; events neither of which is part of the other are disjoint."""
    mine, theirs = _days(one), _days(other)
    return (
        not (one.event == other.event or one.event in other.event.wholes or other.event in one.event.wholes)
        or not one.outcome.elements & other.outcome.elements
        or one.group.isdisjoint(other.group)
        or (mine is not None and theirs is not None and (mine[1] < theirs[0] or theirs[1] < mine[0]))
    )


def differences(part: Quantity, whole: Quantity) -> frozenset[str]:
    """Name the dimensions in which a part is smaller than its whole."""
    names = {
        "event": part.event != whole.event,
        "outcome": part.outcome.elements != whole.outcome.elements,
        "period": part.period != whole.period,
    }
    facets = {name for name, values in part.group.facets if whole.group[name] != values}
    return frozenset({name for name, differs in names.items() if differs} | {f"group.{name}" for name in facets})


_ADDITIVE = {"event", "outcome", "period", "group.party"}


def build_accounts(
    quantities: Iterable[Quantity], shares: Iterable[tuple[Quantity, Quantity]] = ()
) -> tuple[Account, ...]:
    """Find the identities among quantities, and sort them into accounts.

    Parameters
    ----------
    quantities : iterable of Quantity
        What claims mention.
    shares : iterable of (part, whole)
        Pairs of quantities that a claim sets in proportion.

    Returns
    -------
    tuple of Account
        In the order of the first quantity's key.

    Raises
    ------
    InconsistentClaims
        If an account that is no tree would need more than 256 atoms.
    """
    ordered, proportions, families = sort_boxes(quantities, shares)
    above: dict[int, list[int]] = {at: [] for at in range(len(ordered))}
    for family in families:
        for part, whole in itertools.permutations(family, 2):
            if contains(ordered[whole], ordered[part]):
                above[part].append(whole)
    found = []
    for members in group_linked(len(ordered), ((a, b) for a, wholes in above.items() for b in wholes)):
        local = {at: k for k, at in enumerate(members)}
        inside = [ordered[at] for at in members]
        wholes = [[local[b] for b in above[at]] for at in members]
        pairs = [(inside.index(a), inside.index(b)) for a, b in proportions if a in inside]
        found.append(_Tree(inside, wholes, pairs).build() or atomise(inside, pairs))
    return tuple(found)


def sort_boxes(
    quantities: Iterable[Quantity], shares: Iterable[tuple[Quantity, Quantity]]
) -> tuple[list[Quantity], list[tuple[Quantity, Quantity]], list[list[int]]]:
    """Give each count once, in order; pairs of them; and places by family of events, beyond which nobody is shared."""
    proportions = sorted(set(shares), key=lambda pair: (pair[0].key, pair[1].key))
    every = sorted({*quantities, *itertools.chain.from_iterable(proportions)}, key=lambda q: q.key)
    ordered = list({box(quantity): quantity for quantity in reversed(every)}.values())[::-1]
    same = {box(quantity): quantity for quantity in ordered}
    families: dict[str, list[int]] = defaultdict(list)
    for at, quantity in enumerate(ordered):
        families[(quantity.event, *quantity.event.wholes)[-1].id].append(at)
    return ordered, [(same[box(part)], same[box(whole)]) for part, whole in proportions], list(families.values())


def group_linked(size: int, edges: Iterable[tuple[int, int]]) -> list[list[int]]:
    """Sort the numbers below `size` into groups that edges link; each group, and the groups, in order."""
    leader = list(range(size))

    def lead(at: int) -> int:
        while leader[at] != at:
            leader[at] = leader[leader[at]]
            at = leader[at]
        return at

    for a, b in edges:
        leader[max(lead(a), lead(b))] = min(lead(a), lead(b))
    groups: dict[int, list[int]] = defaultdict(list)
    for at in range(size):
        groups[lead(at)].append(at)
    return list(groups.values())


class _NotATree(Exception):
    """Identities cross; solved by atoms instead."""


class _Tree:
    """Builds an account whose identities form a tree, or finds that they do not."""

    def __init__(self, inside: list[Quantity], above: list[list[int]], pairs: list[tuple[int, int]]) -> None:
        self.inside, self.above, self.pairs = inside, above, pairs
        self.nodes: list[Quantity | None] = list(inside)
        self.priors: dict[int, Prior] = {}
        self.splits: list[tuple[int, int]] = []
        self.joins: list[Join] = []
        self.slacks: list[tuple[int, tuple[int, ...]]] = []
        self.shares: dict[tuple[int, int], int] = {}
        self.free: list[set[int]] = [set() for _ in inside]  # which free counts each node is the sum of
        self.count = 0
        self.derived: dict[int, bool] = {}

    def build(self) -> Account | None:
        try:
            children: dict[int, list[int]] = defaultdict(list)
            roots = []
            for at, wholes in enumerate(self.above):
                nearest = [w for w in wholes if not any(w in self.above[v] for v in wholes)]
                if len(nearest) > 1:
                    return None
                children[nearest[0]].append(at) if nearest else roots.append(at)
            for root in roots:
                self._grow(root, children)
                if not self.derived[root]:
                    self.priors[root] = Prior(str(self.inside[root].outcome))
        except _NotATree:
            return None
        if any(pair not in self.shares for pair in self.pairs):
            return None
        atoms = np.zeros((len(self.nodes), self.count), dtype=bool)
        for node, free in enumerate(self.free):
            atoms[node, sorted(free)] = True
        return Account(
            tuple(self.nodes), self.priors, tuple(self.splits), tuple(self.joins), atoms, tuple(self.slacks),
            self.shares, is_tree=True,
        )  # fmt: skip

    def _grow(self, whole: int, children: dict[int, list[int]]) -> None:
        """Set up the identities below a node, parts first."""
        families: list[tuple[set[str], list[int]]] = []
        for part in children[whole]:
            self._grow(part, children)
            names = set(differences(self.inside[part], self.inside[whole]))
            if names & _ADDITIVE or self.derived[part]:
                names = {"sum"}
            members = [part]
            for family in [family for family in families if family[0] & names or self._apart(family[1], part)]:
                families.remove(family)
                names |= family[0]
                members = family[1] + members
            families.append((names, members))
        families.sort(key=lambda family: "sum" not in family[0])
        self.derived[whole] = bool(families) and "sum" in families[0][0]
        if not families:
            self._new_free(whole)
        for rank, (names, parts) in enumerate(families):
            for one, other in itertools.combinations(parts, 2):
                if not disjoint(self.inside[one], self.inside[other]):
                    raise _NotATree
            rest = self._rest(whole, parts, adds_up="sum" in names)
            if "sum" not in names:
                self.splits.append((whole, len(parts)))
            self._chain(whole, parts, rest, tracked=rank == 0)
            if rank:
                self.slacks.append((whole, tuple(parts)))

    def _apart(self, parts: Iterable[int], part: int) -> bool:
        """Whether nobody of `part` is in one of `parts`: then they share the whole between them."""
        return any(disjoint(self.inside[other], self.inside[part]) for other in parts)

    def _new_free(self, node: int) -> None:
        self.free[node].add(self.count)
        self.count += 1

    def _new_node(self) -> int:
        self.nodes.append(None)
        self.free.append(set())
        return len(self.nodes) - 1

    def _rest(self, whole: int, parts: Sequence[int], *, adds_up: bool) -> Prior | str | None:
        """Say what the whole holds beside the parts: nothing (None), what a split leaves, or a count with a prior."""
        if not adds_up:
            return "rest of a split"
        for part in parts:
            if not self.derived[part]:
                self.priors[part] = Prior(str(self.inside[part].outcome))
        total = self.inside[whole]
        names = frozenset().union(*(differences(self.inside[part], total) for part in parts))
        outcome = str(total.outcome)
        if names == {"outcome"}:
            left = total.outcome.elements.difference(*(self.inside[part].outcome.elements for part in parts))
            return Prior(next(iter(left)) if len(left) == 1 else outcome) if left else None
        if names == {"period"}:
            covered = [_days(self.inside[part]) for part in parts]
            outer = _days(total)
            length = sum((days[1] - days[0]).days + 1 for days in covered if days)
            if outer is not None and length == (outer[1] - outer[0]).days + 1:
                return None
            return Prior(outcome)
        return Prior(outcome, remainder=names <= {"event", "group.party"})

    def _chain(self, whole: int, parts: Sequence[int], rest: Prior | str | None, *, tracked: bool) -> None:
        """Write whole = part + (part + (part + rest)) as joins."""
        order = sorted(parts, key=lambda part: (part, whole) not in self.pairs)  # a share sits next to its whole
        if tracked:
            self.free[whole] = set().union(*(self.free[part] for part in order))
            if rest is not None:
                self._new_free(whole)
        over = whole
        for k, part in enumerate(order):
            last = k == len(order) - 1
            if (part, whole) in self.pairs and over == whole:
                self.shares[part, whole] = len(self.joins)
            if last and rest is None:
                break  # the join before this one already ended in this part
            if last:
                under = None
                if isinstance(rest, Prior):
                    under = self._new_node()
                    self.priors[under] = rest
                    self.free[under] = {self.count - 1}
            elif k == len(order) - 2 and rest is None:
                under = order[-1]
            else:
                under = self._new_node()
                self.free[under] = set(self.free[over]) - self.free[part]
            self.joins.append(Join(over, part, under))
            if under is not None:
                over = under


def atomise(inside: list[Quantity], pairs: list[tuple[int, int]]) -> Account:
    """Cut crossing quantities into atoms: independent totals between parties and the like, flat splits within."""
    roots = {(q.event, *q.event.wholes)[-1] for q in inside}
    events = sorted({q.event for q in inside} | roots, key=lambda e: e.id)
    outcomes = sorted(frozenset().union(*(q.outcome.elements for q in inside)))
    cuts = sorted({d for q in inside if (days := _days(q)) for d in (days[0], days[1] + datetime.timedelta(1))})
    facets: dict[str, set[str]] = defaultdict(set)
    for quantity in inside:
        for name, values in quantity.group.facets:
            facets[name] |= values
    names = sorted(facets)
    axes: list[Sequence[object]] = [events, outcomes, [None, *cuts], *([*sorted(facets[n]), None] for n in names)]
    if np.prod([float(len(axis)) for axis in axes]) > 100_000:
        raise InconsistentClaims("quantities of one event cross in too many ways to be told apart", ())

    def covers(q: Quantity, cell: tuple[object, ...], among: set[str] | None) -> bool:
        event, outcome, day, *values = cell
        days = _days(q)
        held = {
            "event": event == q.event or q.event in event.wholes,  # type: ignore[attr-defined]
            "outcome": outcome in q.outcome.elements,
            "period": days is None or (day is not None and days[0] <= day <= days[1]),  # type: ignore[operator]
        }
        for name, value in zip(names, values, strict=True):
            allowed = q.group[name]
            held[f"group.{name}"] = allowed is None or value in allowed
        return all(fits for key, fits in held.items() if among is None or key in among)

    cells: dict[tuple[tuple[bool, ...], tuple[bool, ...]], list[tuple[object, ...]]] = defaultdict(list)
    for cell in itertools.product(*axes):
        full = tuple(covers(q, cell, None) for q in inside)
        if any(full):
            cells[tuple(covers(q, cell, _ADDITIVE) for q in inside), full].append(cell)
    if len(cells) > MOST_ATOMS:
        reason = f"quantities of one event cross in {len(cells)} ways; at most {MOST_ATOMS} can be told apart"
        raise InconsistentClaims(reason, ())
    nodes: list[Quantity | None] = list(inside)
    signatures = sorted(cells, reverse=True)
    totals = sorted({additive for additive, _ in signatures}, reverse=True)
    atoms = np.zeros((len(inside) + len(totals), len(signatures)), dtype=bool)
    priors, splits = {}, []
    for column, (additive, full) in enumerate(signatures):
        atoms[: len(inside), column] = full
        atoms[len(inside) + totals.index(additive), column] = True
    party = names.index("party") + 3 if "party" in names else None
    for k, additive in enumerate(totals):
        node = len(inside) + k
        nodes.append(None)
        inner = [cell for key in signatures if key[0] == additive for cell in cells[key]]
        kinds = {str(cell[1]) for cell in inner}
        apart = party is not None and all(cell[party] is None for cell in inner)
        priors[node] = Prior(next(iter(kinds)) if len(kinds) == 1 else "casualties", remainder=apart)
        size = int(atoms[node].sum())
        if size > 1:
            splits.append((node, size - 1))
    return Account(
        tuple(nodes), priors, tuple(splits), (), atoms, (), dict.fromkeys(pairs, -1), is_tree=False
    )  # fmt: skip
