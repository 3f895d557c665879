# SPDX-License-Identifier: MIT
"""Accounts for logic: counts that share people are bound together, through counts that nobody mentions as well.

`accounts` binds quantities that are nested. Killed children and injured civilians of two reports may also meet in
"killed civilian children", a count of which nobody speaks; cut into atoms, no such way of one count to another is lost.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence

from reconcile.accounts import (
    Account,
    atomise,
    build_accounts,
    contains,
    differences,
    disjoint,
    group_linked,
    sort_boxes,
)
from reconcile.errors import InconsistentClaims
from reconcile.vocabulary import Quantity

__all__ = ["bind"]


def bind(
    quantities: Iterable[Quantity], shares: Iterable[tuple[Quantity, Quantity]] = ()
) -> tuple[tuple[Account, ...], bool]:
    """Sort quantities into accounts between which no identity runs.

    Parameters
    ----------
    quantities : iterable of Quantity
    shares : iterable of (part, whole)
        Pairs of quantities that a claim sets in proportion.

    Returns
    -------
    accounts : tuple of Account
    complete : bool
        False where counts cross in too many ways to be cut into atoms: identities between mentioned counts are kept,
        those by way of others are lost.

    Examples
    --------
    >>> from reconcile.vocabulary import Event, Group, Outcome
    >>> market, hurt = Event("market"), Outcome("casualties", {"killed", "injured"})
    >>> accounts, complete = bind([market.killed(), market.count(hurt, Group(age="child"))])
    >>> len(accounts), complete
    (1, True)
    """
    ordered, pairs, families = sort_boxes(quantities, shares)
    meeting = [
        (a, b)
        for family in families
        for a, b in itertools.combinations(family, 2)
        if not disjoint(ordered[a], ordered[b])
    ]
    found: list[Account] = []
    complete = True
    for members in group_linked(len(ordered), meeting):
        inside = [ordered[at] for at in members]
        proportions = [(part, whole) for part, whole in pairs if part in inside]
        if _is_plain(inside):
            found += build_accounts(inside, proportions)
            continue
        try:
            found.append(atomise(inside, [(inside.index(a), inside.index(b)) for a, b in proportions]))
        except InconsistentClaims:
            found += build_accounts(inside, proportions)
            complete = False
    return tuple(found), complete


def _is_plain(inside: Sequence[Quantity]) -> bool:
    """Whether the identities of nested counts say all: where counts cross, they divide one whole in unrelated ways.

    A table with given margins can always be filled, so margins of unrelated dimensions say nothing of each other.
    """
    crossing = [
        (a, b) for a, b in itertools.combinations(inside, 2) if not (disjoint(a, b) or contains(a, b) or contains(b, a))
    ]
    if not crossing:
        return True
    roots = [one for one in inside if all(contains(one, other) for other in inside)]
    if not roots:
        return False
    ways = {one: differences(one, roots[0]) for one in inside}
    names = sorted(frozenset().union(*ways.values()))
    together = [(names.index(a), names.index(b)) for way in ways.values() for a, b in itertools.combinations(way, 2)]
    leader = {names[at]: group[0] for group in group_linked(len(names), together) for at in group}
    return all(leader[next(iter(ways[a]))] != leader[next(iter(ways[b]))] for a, b in crossing)
