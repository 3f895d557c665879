# SPDX-License-Identifier: MIT
"""One account under any subset of its claims: what each claim says is computed once, and subsets multiply it out.

A claim may be a copy of an earlier one, so its row depends on which earlier claims are there: a constant floor, worked
out anew for every subset.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import ClassVar, TypeAlias

import attrs
import numpy as np
from numpy.typing import NDArray

from reconcile.accounts import Account, box, contains
from reconcile.columns import Moments
from reconcile.components import Column, Component, Draws, Task, pick
from reconcile.estimates import Role
from reconcile.importance import BLOCKS
from reconcile.inference import Table, solve
from reconcile.integration import REUSED, error_of
from reconcile.likelihood import COPYING, TINY, Term
from reconcile.pmf import Lattice
from reconcile.sampling import sample_component

__all__ = ["Coalitions", "Found", "Sampled", "Stage", "Telling"]

Floats: TypeAlias = NDArray[np.float64]
Bools: TypeAlias = NDArray[np.bool_]

_CHUNK = 2_000_000  # numbers held at once
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
    fixed : bool
        Whether the order stays as it is when claims are taken away, as in a corpus that was learned from.
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
    fixed: bool
    shares: Floats
    favourites: NDArray[np.int64]

    @classmethod
    def of(cls, roles: Sequence[Role], claims_by: Mapping[str, int], order: Sequence[int] | None = None) -> Telling:
        """Collect what matters of claims.

        Parameters
        ----------
        roles : sequence of Role
            Used, by claim id.
        claims_by : mapping of str to int
            Number of claims that are used by source, over all accounts.
        order : sequence of int, optional
            The order of telling, where it is fixed.
        """
        moments = Moments.of([role.claim.reported for role in roles])
        late = np.iinfo(np.int64).max
        time = np.where(moments.clock != 0, moments.at, late) if order is None else np.array(order, dtype=np.int64)
        keys = [(role.relation, role.origin.kind, role.origin.name) for role in roles]
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
                    twice[i, j] = order is None and contains(roles[i].claim.quantity, roles[j].claim.quantity)
        origin = np.array([names[role.origin.name] for role in roles], dtype=np.int64)
        busy = np.array([claims_by[role.origin.name] for role in roles], dtype=np.int64)
        shape = (len(roles), len(roles))
        return cls(
            time, busy, rank, origin, peers.reshape(shape), equal.reshape(shape), twice, order is not None,
            np.ones((1, len(roles))), np.zeros((0, len(roles)), dtype=np.int64),
        )  # fmt: skip

    def heard(self, subsets: Bools) -> tuple[Floats, Floats, Floats]:
        """Probability that a copy would say the same, that there is one to copy, and exponents; shape (b, n) each."""
        size = max(_PAIRS // max(subsets.shape[1] ** 2, 1), 1)
        parts = [self._heard(subsets[k : k + size]) for k in range(0, len(subsets), size)]
        same, there, power = (np.concatenate(column) for column in zip(*parts, strict=True))
        return same, there, power

    def _heard(self, subsets: Bools) -> tuple[Floats, Floats, Floats]:
        number = subsets.shape[1]
        tied = self.time[:, None] == self.time
        sooner = self.time[:, None] < self.time  # [j, i]: j was before i
        if self.fixed or not tied[~np.eye(number, dtype=bool)].any():
            before = np.broadcast_to(sooner, (len(subsets), number, number))
        else:
            kin = self.origin[:, None] == self.origin
            busy = self.busy - (~subsets).astype(np.int64) @ kin
            ahead = busy[:, :, None] > busy[:, None, :]
            even = (busy[:, :, None] == busy[:, None, :]) & (self.rank[:, None] < self.rank)
            before = sooner | (tied & (ahead | even))
        here = before & subsets[:, :, None] & self.peers
        earlier = here.sum(axis=1)
        alike = (here & self.equal).sum(axis=1)
        same, there = self.shares[0] * alike / np.maximum(earlier, 1), self.shares[0] * (earlier > 0)
        for favourite, share in zip(self.favourites, self.shares[1:], strict=True):
            theirs = here & ((self.origin[:, None] == favourite) & (favourite >= 0))
            order = np.where(theirs, self.time[:, None], np.iinfo(np.int64).max)
            first = np.argmin(order, axis=1)
            some = theirs.any(axis=1)
            there = there + share * some
            same = same + share * (some & self.equal[first, np.arange(number)])
        return same, there, 1 / np.maximum(subsets @ self.twice.T.astype(float), 1.0)


@attrs.frozen(eq=False)
class Found:
    """A count under each of several subsets of claims.

    Attributes
    ----------
    mass : ndarray, shape (b, n)
        Posterior mass of the cells.
    weights : ndarray, shape (b, s)
        Of the draws of source parameters.
    marginals : ndarray, shape (b, s, n), or None
        Mass of the cells at each draw, if it was asked for.
    block : ndarray of int, shape (s,)
        Independent set of each draw.
    """

    mass: Floats
    weights: Floats
    marginals: Floats | None
    block: NDArray[np.intp]

    @property
    def ess(self) -> float:
        """Smallest effective number of draws; infinite where there is nothing to draw."""
        if self.weights.shape[1] == 1:
            return np.inf
        return float(1 / np.max(np.sum(self.weights**2, axis=1)))

    @property
    def error(self) -> float:
        """Largest standard error of a cumulative probability, from eight blocks of draws; 0 where nothing was drawn."""
        if self.marginals is None or self.weights.shape[1] < 2 * BLOCKS:
            return 0.0
        block = self.block == np.arange(BLOCKS)[:, None]
        pairs = zip(self.weights, self.marginals, strict=True)
        return REUSED * max(error_of((block * weight) @ marginal) for weight, marginal in pairs)


@attrs.frozen(eq=False)
class Stage:
    """An account that is a tree, its claims apart from each other.

    Attributes
    ----------
    account : Account
    node : int
        Of the count that is looked at.
    priors : tuple of ndarray, shape (s or 1, n)
        Prior of each node: average probability of a count in each cell.
    roles : tuple of Role
        Of the claims, all used, by claim id.
    terms : tuple of Term
    nodes : tuple of tuple of int
    own : tuple of ndarray, shape (s or 1, n)
        Row of each claim if it is not copied; of a share, nothing.
    chance : tuple of ndarray, shape (s or 1,)
        Probability that the source of each copies.
    shares : Task
        With the shares that are claimed, and who of their sources is drawn.
    theta : mapping of Column to ndarray, shape (s,)
    log_weight : ndarray, shape (s,), or None
        Of each draw, all that is not in this account considered; None where draws weigh the same whatever is claimed.
    block : ndarray of int, shape (s,)
        Independent set of each draw.
    telling : Telling
    """

    account: Account
    node: int
    priors: tuple[Floats, ...]
    roles: tuple[Role, ...]
    terms: tuple[Term, ...]
    nodes: tuple[tuple[int, ...], ...]
    own: tuple[Floats, ...]
    chance: tuple[Floats, ...]
    shares: Task
    theta: Mapping[Column, Floats]
    log_weight: Floats | None
    block: NDArray[np.intp]
    telling: Telling

    @classmethod
    def of(
        cls,
        task: Task,
        node: int,
        priors: Sequence[Floats],
        said: Sequence[tuple[Role, tuple[int, ...], Term]],
        theta: Mapping[Column, Floats],
        drawn: frozenset[str],
        telling: Telling,
    ) -> Stage:
        """Compute what each claim says. Draws weigh the same; see `weighed`."""
        roles, nodes, terms = zip(*said, strict=True) if said else ((), (), ())
        own, chance, center = [], [], task.lattice.center
        for term in terms:
            bare = attrs.evolve(term, echo=(0.0, 0.0), power=1.0)
            column = next((c for c in theta if c[0] == term.source.name and c[1] == COPYING), None)
            known = term.source.name in drawn
            chance.append(
                1 / (1 + np.exp(-theta[column])) if known and column is not None else np.array([term.copying()])
            )
            own.append(np.zeros((1, 0)) if term.is_share else _row(bare, center, theta, known=known))
        return cls(
            task.account, node, tuple(priors), tuple(roles), tuple(terms), tuple(nodes), tuple(own),
            tuple(chance), task, theta, None, np.zeros(1, dtype=np.intp), telling,
        )  # fmt: skip

    @property
    def draws(self) -> int:
        """Number of draws; 1 where there is nothing to draw."""
        return max([len(x) for x in (*self.own, *self.priors, *self.theta.values())], default=1)

    def weighed(self, log_weight: Floats, block: NDArray[np.intp]) -> Stage:
        """Weigh draws that were weighted for all claims, so that they serve for any subset."""
        every = np.ones((1, len(self.roles)), dtype=bool)
        _, evidence = self._solve(every, slice(0, 1))
        return attrs.evolve(self, log_weight=log_weight - evidence[0], block=block)

    def thinned(self, draws: int) -> Stage:
        """Keep at most so many draws."""
        if self.draws <= draws:
            return self
        kept = np.linspace(0, self.draws - 1, draws).round().astype(int)
        few = [tuple(x[kept] if len(x) > 1 else x for x in column) for column in (self.own, self.chance, self.priors)]
        own, chance, priors = few
        theta = {column: values[kept] for column, values in self.theta.items()}
        log_weight = None if self.log_weight is None else self.log_weight[kept]
        block = self.block[kept] if len(self.block) > 1 else self.block
        return attrs.evolve(
            self, own=own, chance=chance, priors=priors, theta=theta, log_weight=log_weight, block=block
        )

    @property
    def lattice(self) -> Lattice:
        """Cells of the counts."""
        return self.shares.lattice

    def chance_of(self, claim: int) -> Floats:
        """Probability that the source of a claim copies, for each draw; shape (s or 1,)."""
        return self.chance[claim]

    def row(self, claim: int, term: Term) -> Floats:
        """Row of a term in the place of a claim, for each draw; shape (s or 1, n)."""
        drawn = len(self.own[claim]) > 1
        return _row(term, self.lattice.center, self.theta, known=drawn)

    def average(self, found: Found, at: int, rows: Floats) -> float:
        """Average a function of draw and count, shape (s or 1, n), over the posterior under subset `at`."""
        if found.marginals is None:
            return float(found.mass[at] @ rows.mean(axis=0))
        inner = np.einsum("sn,sn->s", found.marginals[at], np.broadcast_to(rows, found.marginals[at].shape))
        return float(found.weights[at] @ inner)

    def solve(self, subsets: Bools, *, each: bool = False) -> Found:
        """Solve for subsets, shape (b, claims); `each` keeps the marginals of every draw."""
        mass, weights = np.empty((len(subsets), len(self.lattice))), np.empty((len(subsets), self.draws))
        kept = np.empty((len(subsets), self.draws, len(self.lattice))) if each else None
        step = max(_CHUNK // (self.draws * len(self.lattice)), 1)
        for pattern, mine in self._patterns(subsets):
            for start in range(0, len(mine), step):
                part = mine[start : start + step]
                marginals, evidence = self._solve(subsets[part], slice(0, len(part)), pattern)
                log_weight = np.zeros_like(evidence) if self.log_weight is None else self.log_weight + evidence
                weight = np.exp(log_weight - log_weight.max(axis=1, keepdims=True))
                weight /= weight.sum(axis=1, keepdims=True)
                mass[part], weights[part] = np.einsum("bs,bsn->bn", weight, marginals), weight
                if kept is not None:
                    kept[part] = marginals
        return Found(mass / mass.sum(axis=1, keepdims=True), weights, kept, self.block)

    def _patterns(self, subsets: Bools) -> list[tuple[tuple[int, ...], NDArray[np.intp]]]:
        """Sort subsets by the shares that they hold."""
        shares = [k for k, term in enumerate(self.terms) if term.is_share]
        keys = Counter(map(tuple, subsets[:, shares].tolist()))
        found = []
        for key in keys:
            held = tuple(k for k, here in zip(shares, key, strict=True) if here)
            found.append((held, np.flatnonzero(np.all(subsets[:, shares] == np.array(key, dtype=bool), axis=1))))
        return found

    def _solve(self, subsets: Bools, part: slice, pattern: tuple[int, ...] | None = None) -> tuple[Floats, Floats]:
        """Give marginals of the count, shape (b, s, n), and log evidence, shape (b, s)."""
        if pattern is None:
            ((pattern, _),) = self._patterns(subsets[part])
        count, draws, size = len(subsets), self.draws, len(self.lattice)
        same, there, power = self.telling.heard(subsets)
        logs: dict[int, Floats] = {}
        for k, (nodes, own, chance) in enumerate(zip(self.nodes, self.own, self.chance, strict=True)):
            if self.terms[k].is_share or not subsets[:, k].any():
                continue
            codes, which = np.unique(np.stack([same[:, k], there[:, k], power[:, k]]), axis=1, return_inverse=True)
            which = np.where(subsets[:, k], which.reshape(-1), codes.shape[1])
            row = np.empty((codes.shape[1] + 1, max(len(own), len(chance)), size))
            row[-1] = 0.0
            for at, (alike, some, exponent) in enumerate(codes.T):
                floor = (chance * alike)[:, None] + (1 - chance * some)[:, None] * own
                row[at] = exponent * np.log(np.maximum(floor, TINY))
            if nodes[0] not in logs:
                logs[nodes[0]] = np.zeros((count, draws, size))
            logs[nodes[0]] += row[which]
        scale, potentials = np.zeros((count, draws)), []
        for at, prior in enumerate(self.priors):
            if at not in logs:
                potentials.append(np.tile(prior, (count, 1)) if len(prior) > 1 else prior)
                continue
            peak = logs[at].max(axis=2, keepdims=True)
            scale += peak[:, :, 0]
            potentials.append((np.exp(logs[at] - peak) * prior).reshape(count * draws, size))
        solution = solve(self.account, self.lattice, potentials, self._tables(pattern, count), marginals=True)
        marginal, log_evidence = solution.marginals[self.node], solution.log_evidence
        if len(marginal) == 1:
            marginal, log_evidence = np.tile(marginal, (count * draws, 1)), np.tile(log_evidence, count * draws)
        return marginal.reshape(count, draws, size), log_evidence.reshape(count, draws) + scale

    def _tables(self, pattern: tuple[int, ...], times: int) -> dict[int, Table]:
        """Tables of the shares of a subset, for that many subsets at once."""
        held = {id(self.terms[k]) for k in pattern}
        task = attrs.evolve(self.shares, shares=[one for one in self.shares.shares if id(one[2]) in held])
        found, draws = {}, Draws(self.theta)
        for join in {self.account.shares[part, whole] for part, whole, _, _ in task.shares}:
            table = task.table(join, draws)
            if len(table) > 1:
                table = attrs.evolve(table, first=np.tile(table.first, times), share=np.tile(table.share, times))
            found[join] = table
        return found


def _row(term: Term, center: Floats, theta: Mapping[Column, Floats], *, known: bool) -> Floats:
    return np.maximum(term.row(center, pick(theta, term)) if known else term.row_marginal(center), 0.0)


@attrs.frozen(eq=False)
class Sampled:
    """An account that is no tree: every subset is sampled anew, which takes about as long as the estimate did.

    Attributes
    ----------
    task : Task
        With all claims.
    others : tuple of Task
        Accounts that share sources with it.
    node : int
    priors, roles, terms, nodes, telling
        As in `Stage`.
    drawn : frozenset of str
    theta : mapping of Column to ndarray, shape (chains,), or None
        Given draws; None to draw the parameters too.
    seed : int
    """

    task: Task
    others: tuple[Task, ...]
    node: int
    priors: tuple[Floats, ...]
    roles: tuple[Role, ...]
    terms: tuple[Term, ...]
    nodes: tuple[tuple[int, ...], ...]
    drawn: frozenset[str]
    theta: dict[Column, Floats] | None
    seed: int
    telling: Telling

    @property
    def lattice(self) -> Lattice:
        """Cells of the counts."""
        return self.task.lattice

    draws: ClassVar[int] = 1  # there is nothing to draw

    def thinned(self, draws: int) -> Sampled:
        """See `Stage.thinned`; there are no draws to keep."""
        del draws
        return self

    def chance_of(self, claim: int) -> Floats:
        """See `Stage.chance_of`; here averaged over the prior of the source."""
        return np.array([self.terms[claim].copying()])

    def row(self, claim: int, term: Term) -> Floats:
        """See `Stage.row`; here always averaged over the priors of the source."""
        del claim
        return term.row_marginal(self.lattice.center)

    def average(self, found: Found, at: int, rows: Floats) -> float:
        """See `Stage.average`."""
        return float(found.mass[at] @ rows.mean(axis=0))

    def solve(self, subsets: Bools, *, each: bool = False) -> Found:
        """See `Stage.solve`."""
        del each
        mass = [self._solve(one, *(x[0] for x in self.telling.heard(one[None]))) for one in subsets]
        return Found(np.array(mass), np.ones((len(mass), 1)), None, np.zeros(1, dtype=np.intp))

    def _solve(self, subset: Bools, same: Floats, there: Floats, power: Floats) -> Floats:
        task = Task(self.task.account, self.task.lattice, list(self.priors), [], [])
        for k in np.flatnonzero(subset):
            term = attrs.evolve(self.terms[k], echo=(float(same[k]), float(there[k])), power=float(power[k]))
            drawn = term.source.name in self.drawn
            if term.is_share:
                task.shares.append((*self.nodes[k], term, drawn))  # type: ignore[arg-type]
            elif drawn:
                task.rows.append((self.nodes[k][0], term))
            else:
                node = self.nodes[k][0]
                task.potentials[node] = task.potentials[node] * term.row_marginal(self.lattice.center)
        component = Component.of([task, *self.others])
        fit = sample_component(component, rng=np.random.default_rng(self.seed), theta=self.theta)
        mass = fit.marginals[0][self.node]
        return mass / mass.sum()


Coalitions: TypeAlias = Stage | Sampled
"""An account that can be solved for any subset of its claims."""
