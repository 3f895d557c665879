# SPDX-License-Identifier: MIT
"""What claims demand of counts if they are literally true, and whether some counts of whole people meet all of it.

Identities that form a tree are solved by narrowing intervals, exactly and at any size; where identities cross or a
claim gives a share, by integer programming.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from fractions import Fraction
from typing import Any, TypeAlias

import attrs
import numpy as np

from reconcile.accounts import Account, box
from reconcile.estimates import ClaimRole, Role
from reconcile.speech import Speech
from reconcile.values import AtLeast, AtMost, Between, Exactly, Share, Surveyed, Value
from reconcile.vocabulary import Quantity

__all__ = ["Statement", "System", "leave", "read_literally", "shrink"]

Count: TypeAlias = int | float  # a float only where it is infinite
FINE = 1e-11  # relative width to which a factor is bisected
LARGE = 10**6  # a factor by which a share may be moved at most


def read_literally(value: Value, speech: Speech) -> tuple[Count, Count]:
    """Give the ends of the interval in which the count (for a share, the share) lies if a value is literally true.

    Words that are rough by nature, "about" and the lexicon's, mean the interval that `speech` gives most weight.
    """
    match value:
        case Exactly(n):
            return n, n
        case AtLeast(n):
            return n, math.inf
        case AtMost(n):
            return 0, n
        case Between(low, high) | Surveyed(_, low, high) | Share(low, high):
            return low, high
        case _:
            meaning = speech.read(value)
            plain = int(np.argmax(meaning.plain))
            return int(meaning.low[plain]), int(meaning.high[plain])


@attrs.frozen
class Statement:
    """One demand on an account, whoever makes it.

    Attributes
    ----------
    node : int
        The count that is spoken of.
    low, high : int, float or Fraction
        Of the count; of the share, where `whole` is given.
    whole : int or None
        The count of which `node` is a share. A share that is one number is meant to the nearest person.
    """

    node: int
    low: Any
    high: Any
    whole: int | None = None

    @property
    def slack(self) -> Fraction:
        """How many people a share may be off because people are whole."""
        return Fraction(1, 2) if self.whole is not None and self.low == self.high else Fraction(0)


def _volume(part: Quantity, whole: Quantity) -> int | None:
    """Size of a box in cells of its whole, None where that is not finite."""
    if part.event != whole.event or {n for n, _ in part.group.facets} != {n for n, _ in whole.group.facets}:
        return None
    if (part.period is None) != (whole.period is None):
        return None
    days = (part.period.end - part.period.start).days + 1 if part.period else 1
    return days * len(part.outcome.elements) * math.prod(len(values) for _, values in part.group.facets)


def _families(account: Account) -> list[tuple[int, tuple[int, ...], list[int], bool]]:
    """Give each whole of a tree with its parts, their joins, and whether they leave room for a rest."""
    found: list[tuple[int, list[int], list[int]]] = []
    for at, join in enumerate(account.joins):
        if account.nodes[join.whole] is not None:
            found.append((join.whole, [], []))
        found[-1][1].append(join.left)
        found[-1][2].append(at)
        if join.right is not None and account.nodes[join.right] is not None:
            found[-1][1].append(join.right)
    families = []
    for whole, parts, joins in found:
        full = False
        if (total := account.nodes[whole]) is not None:
            sizes = [_volume(part, total) for at in parts if (part := account.nodes[at]) is not None]
            full = None not in sizes and sum(s for s in sizes if s) == _volume(total, total)
        families.append((whole, tuple(parts), joins, full))
    return families


class System:
    """An account as a set of demands on whole numbers.

    Parameters
    ----------
    account : Account
    """

    def __init__(self, account: Account) -> None:
        self.account = account
        self.size = len(account.nodes)
        families = _families(account)
        # Parts that are all there is of their whole leave no rest: those of a group of two statuses, say.
        self.full = [(whole, parts) for whole, parts, _, full in families if full]
        last = {joins[-1] for _, _, joins, full in families if full}
        self.joins = [(join.whole, join.left, join.right, at in last) for at, join in enumerate(account.joins)]
        self.order = [*range(len(self.joins) - 1, -1, -1), *range(len(self.joins))]

    def narrow(
        self, statements: Iterable[Statement], factor: Fraction | None = None
    ) -> list[tuple[Count, Count]] | None:
        """Give the interval of every count, None if there are no such counts; of trees, without shares."""
        low: list[Count] = [0] * self.size
        high: list[Count] = [math.inf] * self.size
        for one in statements:
            least, most = _stretch(one, factor)
            low[one.node], high[one.node] = max(low[one.node], least), min(high[one.node], most)
        changed = True
        while changed:
            if any(a > b for a, b in zip(low, high, strict=True)):
                return None
            before = (low.copy(), high.copy())
            for at in self.order:
                whole, left, right, last = self.joins[at]
                rest: tuple[Count, Count] = (0, math.inf) if right is None else (low[right], high[right])
                if last and (right is None or self.account.nodes[right] is None):
                    rest = (0, min(rest[1], 0))
                low[whole] = max(low[whole], low[left] + rest[0])
                high[whole] = min(high[whole], high[left] + rest[1])
                low[left] = max(low[left], low[whole] - rest[1])
                high[left] = min(high[left], high[whole] - rest[0])
                if right is not None:
                    low[right] = max(low[right], rest[0], low[whole] - high[left])
                    high[right] = min(high[right], rest[1], high[whole] - low[left])
            changed = before != (low, high)
        return list(zip(low, high, strict=True))

    def is_plain(self, statements: Iterable[Statement]) -> bool:
        """Whether intervals suffice: the identities form a tree, and nobody gives a share."""
        return self.account.is_tree and all(one.whole is None for one in statements)

    def fits(self, statements: Sequence[Statement], factor: Fraction | None = None) -> bool:
        """Whether some world meets all statements, with every number moved by at most a factor."""
        if self.is_plain(statements):
            return self.narrow(statements, factor) is not None
        return self._solve(np.zeros(self.account.atoms.shape[1]), statements, factor) is not None

    def intervals(self, statements: Sequence[Statement]) -> list[tuple[Count, Count]] | None:
        """Give the smallest and the largest value of every count; None if the statements do not fit."""
        if self.is_plain(statements):
            return self.narrow(statements)
        if not self.fits(statements):
            return None
        found: list[tuple[Count, Count]] = []
        atoms = self.account.atoms.astype(float)
        for node in range(self.size):
            least = self._solve(atoms[node], statements)
            most = None if self._unbounded(node, statements) else self._solve(-atoms[node], statements)
            found.append((round(least or 0), math.inf if most is None else round(-most)))
        return found

    def excess(self, statements: Sequence[Statement]) -> int:
        """Give by how many people, all in all, the numbers must change for the statements to fit."""
        total = self._solve(np.zeros(self.account.atoms.shape[1]), statements, elastic=True)
        return math.ceil((total or 0) - 1e-6)

    def radius(self, statements: Sequence[Statement]) -> float:
        """Give the smallest relative change of the numbers with which they fit; infinite if none does."""
        if self.fits(statements):
            return 0.0
        low, high = 1.0, 2.0
        while not self.fits(statements, Fraction(high)):
            low, high = high, high * high
            if high > 1e13:
                return math.inf
        while high - low > FINE * high:
            middle = math.sqrt(low * high)
            low, high = (low, middle) if self.fits(statements, Fraction(middle)) else (middle, high)
        # The exact factor is a ratio of two counts; with small ones it can be told.
        exact = Fraction(high).limit_denominator(10**5)
        near = abs(exact - Fraction(high)) < 3 * FINE * high and self.fits(statements, exact)
        return float(exact - 1) if near else high - 1

    def _rows(self, statements: Iterable[Statement], factor: Fraction | None) -> list[tuple[Any, float, float]]:
        atoms = self.account.atoms.astype(float)
        rows = [(atoms[whole] - atoms[list(parts)].sum(axis=0), 0.0, math.inf) for whole, parts in self.account.slacks]
        rows += [(atoms[whole] - atoms[list(parts)].sum(axis=0), 0.0, 0.0) for whole, parts in self.full]
        return rows + self._demands(statements, factor)

    def _demands(self, statements: Iterable[Statement], factor: Fraction | None) -> list[tuple[Any, float, float]]:
        atoms, rows = self.account.atoms.astype(float), []
        for one in statements:
            low, high = _stretch(one, factor)
            if one.whole is None:
                rows.append((atoms[one.node], float(low), float(high)))
                continue
            slack = float(one.slack)
            rows.append((atoms[one.node] - float(low) * atoms[one.whole], -slack, math.inf))
            rows.append((atoms[one.node] - float(high) * atoms[one.whole], -math.inf, slack))
        return rows

    def _solve(
        self, cost: Any, statements: Iterable[Statement], factor: Fraction | None = None, *, elastic: bool = False
    ) -> float | None:
        """Minimise a cost over all worlds; None where there is none. Elastic: the sum of what the demands lack."""
        from scipy.optimize import LinearConstraint, milp

        fixed, demands = self._rows((), None), self._demands(statements, factor)
        rows = fixed + demands
        free = len(cost)
        if not rows:
            return 0.0
        matrix = np.array([row for row, _, _ in rows])
        integral = np.ones(free, dtype=np.int64)
        if elastic:
            give = np.zeros((len(rows), len(demands)))
            give[len(fixed) :] = np.eye(len(demands))
            matrix = np.hstack([matrix, give, -give])
            cost = np.concatenate([cost, np.ones(2 * len(demands))])
            integral = np.concatenate([integral, np.zeros(2 * len(demands), dtype=np.int64)])
        bounds = LinearConstraint(matrix, [low for _, low, _ in rows], [high for _, _, high in rows])
        found = milp(cost, constraints=bounds, integrality=integral, options={"mip_rel_gap": 0.0})
        return float(found.fun) if found.status == 0 else None

    def _unbounded(self, node: int, statements: Iterable[Statement]) -> bool:
        """Whether a count can grow for ever: whether some direction leads out that no demand forbids."""
        from scipy.optimize import Bounds, LinearConstraint, milp

        cost = -self.account.atoms[node].astype(float)
        rows = self._rows(statements, None)
        if not rows:
            return True
        low = [0.0 if np.isfinite(low) else -math.inf for _, low, _ in rows]
        high = [0.0 if np.isfinite(high) else math.inf for _, _, high in rows]
        matrix = LinearConstraint(np.array([row for row, _, _ in rows]), low, high)
        furthest = milp(cost, constraints=matrix, bounds=Bounds(0, 1)).fun
        return furthest is not None and bool(furthest < -1e-6)


def leave(
    account: Account, roles: Iterable[ClaimRole], quantity: Quantity, speech: Speech
) -> tuple[Count, Count] | None:
    """Give the counts that claims about others leave to a quantity if taken literally; None where these say nothing.

    Of claims about one count the widest ends hold, so that some number is left where they contradict each other.
    """
    place = {box(q): node for node, q in enumerate(account.nodes) if q is not None}
    mine = place[box(quantity)]
    said: dict[tuple[int, int | None], list[tuple[Any, Any]]] = {}
    for role in roles:
        claim = role.claim
        about = place[box(claim.quantity)], None if claim.whole is None else place[box(claim.whole)]
        if role.role is Role.USED and about != (mine, None):
            said.setdefault(about, []).append(read_literally(claim.value, speech))
    statements = [
        Statement(node, min(low for low, _ in ends), max(high for _, high in ends), whole)
        for (node, whole), ends in said.items()
    ]
    if all((one.low, one.high) == (0, math.inf) for one in statements):
        return None
    found = System(account).intervals(statements)
    return (math.inf, -math.inf) if found is None else found[mine]


def _stretch(one: Statement, factor: Fraction | None) -> tuple[Any, Any]:
    """Move the ends of a statement apart by a factor, to whole people where it speaks of a count."""
    if factor is None:
        return one.low, one.high
    if one.whole is not None:
        factor = min(factor, Fraction(LARGE))
        return Fraction(one.low) / factor, Fraction(one.high) * factor
    return math.ceil(one.low / factor), math.inf if one.high == math.inf else math.floor(one.high * factor)


def shrink(fits: Callable[[list[Statement]], bool], statements: Sequence[Statement]) -> list[Statement]:
    """Give a minimal set among statements that do not fit together (QuickXplain: Junker, AAAI 2004)."""

    def explain(given: list[Statement], fresh: bool, rest: list[Statement]) -> list[Statement]:
        if fresh and not fits(given):
            return []
        if len(rest) == 1:
            return rest
        first, second = rest[: len(rest) // 2], rest[len(rest) // 2 :]
        late = explain(given + first, bool(first), second)
        return explain(given + late, bool(late), first) + late

    return explain([], False, list(statements)) if statements else []
