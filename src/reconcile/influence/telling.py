# SPDX-License-Identifier: MIT
"""Who told what when, for any subset of claims."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeAlias

import attrs
import numpy as np
from numpy.typing import NDArray

from reconcile.accounts import box, contains
from reconcile.columns import MISSING, Moments
from reconcile.estimates import ClaimRole
from reconcile.inference.hierarchy import RELATIONS

__all__ = ["Telling"]

Floats: TypeAlias = NDArray[np.float64]
Bools: TypeAlias = NDArray[np.bool_]

_PAIRS = 20_000_000  # booleans held at once between claims


@attrs.frozen(eq=False)
class Telling:
    """Who told what when, and what follows for any subset: what there was to copy, and how often a figure was told.

    Attributes
    ----------
    time : ndarray of int, shape (n,)
    busy : ndarray of int, shape (n,)
        Claims of each claim's source, over all accounts; where no date tells, the busier source spoke first.
    rank : ndarray of int, shape (n,)
        Order where neither tells.
    origin : ndarray of int, shape (n,)
    peers, equal : ndarray of bool, shape (n, n)
        Whether two claims are about one count, and whether they say the same.
    twice : ndarray of bool, shape (n, n)
        Whether claim j gives, at once and by the same source, the figure of claim i for these people or some of them.
    shares : ndarray, shape (1 + favourites, n)
        How often the source of each claim copies anyone, and each favourite.
    favourites : ndarray of int, shape (favourites, n)
        Codes of `origin`; -1 for none.
    """

    time: NDArray[np.int64]
    busy: NDArray[np.int64]
    rank: NDArray[np.int64]
    origin: NDArray[np.int64]
    peers: Bools
    equal: Bools
    twice: Bools
    shares: Floats
    favourites: NDArray[np.int64]

    @classmethod
    def of(cls, roles: Sequence[ClaimRole], claims_by: Mapping[str, int]) -> Telling:
        """Collect what matters of claims.

        Parameters
        ----------
        roles : sequence of ClaimRole
            Used, by claim id.
        claims_by : mapping of str to int
            Number of claims that are used by source, over all accounts.
        """
        moments = Moments.of([role.claim.reported for role in roles])
        time = np.where(moments.clock != MISSING, moments.at, np.iinfo(np.int64).max)
        keys = [
            (RELATIONS.index(role.relation), str(role.origin.kind), str(role.claim.value), role.origin.name)
            for role in roles
        ]
        rank = np.empty(len(roles), dtype=np.int64)
        rank[sorted(range(len(roles)), key=lambda at: (keys[at], at))] = np.arange(len(roles))
        names = {name: k for k, name in enumerate(dict.fromkeys(role.origin.name for role in roles))}
        boxes = [None if role.claim.whole is not None else box(role.claim.quantity) for role in roles]
        said = [(role.origin.name, role.claim.value, role.claim.reported) for role in roles]
        size = range(len(roles))
        peers = np.array([[boxes[i] is not None and boxes[i] == boxes[j] for j in size] for i in size], dtype=bool)
        equal = np.array([[roles[i].claim.value == roles[j].claim.value for j in size] for i in size], dtype=bool)
        twice = np.eye(len(roles), dtype=bool)
        for i in size:
            for j in size:
                if i != j and said[i] == said[j] and boxes[i] is not None and boxes[j] is not None:
                    twice[i, j] = contains(roles[i].claim.quantity, roles[j].claim.quantity)
        origin = np.array([names[role.origin.name] for role in roles], dtype=np.int64)
        busy = np.array([claims_by[role.origin.name] for role in roles], dtype=np.int64)
        shape = (len(roles), len(roles))
        return cls(
            time, busy, rank, origin, peers.reshape(shape), equal.reshape(shape), twice,
            np.ones((1, len(roles))), np.zeros((0, len(roles)), dtype=np.int64),
        )  # fmt: skip

    def heard(self, subsets: Bools) -> tuple[Floats, Floats, Floats]:
        """Probability that a copy would say the same, that there is one to copy, and exponents; shape (b, n) each."""
        if not subsets.shape[1]:
            none = np.zeros(subsets.shape)
            return none, none, none
        size = max(_PAIRS // max(subsets.shape[1] ** 2, 1), 1)
        parts = [self._heard(subsets[k : k + size]) for k in range(0, len(subsets), size)]
        same, there, power = (np.concatenate(column) for column in zip(*parts, strict=True))
        return same, there, power

    def _heard(self, subsets: Bools) -> tuple[Floats, Floats, Floats]:
        number = subsets.shape[1]
        tied = self.time[:, None] == self.time
        sooner = self.time[:, None] < self.time  # [j, i]: j was before i
        if not tied[~np.eye(number, dtype=bool)].any():
            before = np.broadcast_to(sooner, (len(subsets), number, number))
        else:
            kin = (self.origin[:, None] == self.origin) & self.peers.diagonal()[:, None]  # shares do not count
            busy = self.busy - (~subsets).astype(np.int64) @ kin
            ahead = busy[:, :, None] > busy[:, None, :]
            even = (busy[:, :, None] == busy[:, None, :]) & (self.rank[:, None] < self.rank)
            before = sooner | (tied & (ahead | even))
        here = before & subsets[:, :, None] & self.peers
        earlier = here.sum(axis=1)
        alike = (here & self.equal).sum(axis=1)
        same, there = self.shares[0] * alike / np.maximum(earlier, 1), self.shares[0] * (earlier > 0)
        place = before.sum(axis=1)
        for favourite, share in zip(self.favourites, self.shares[1:], strict=True):
            theirs = here & ((self.origin[:, None] == favourite) & (favourite >= 0))
            first = np.argmin(np.where(theirs, place[:, :, None], number + 1), axis=1)
            some = theirs.any(axis=1)
            there = there + share * some
            same = same + share * (some & self.equal[first, np.arange(number)])
        return same, there, 1 / np.maximum(subsets @ self.twice.T.astype(float), 1.0)
