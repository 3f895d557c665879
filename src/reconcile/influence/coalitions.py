# SPDX-License-Identifier: MIT
"""One account under any subset of its claims: what each claim says is computed once, and subsets multiply it out.

A claim may be a copy of an earlier one, so its row depends on which earlier claims are there: a constant floor, worked
out anew for every subset.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import ClassVar, TypeAlias

import attrs
import numpy as np
from numpy.typing import NDArray

from reconcile.accounts import Account
from reconcile.channels import expit
from reconcile.estimates import ClaimRole
from reconcile.inference.importance import BLOCKS
from reconcile.inference.layouts import Column, Layout, columns_of, pick
from reconcile.inference.likelihood import COPYING, TINY, Term
from reconcile.inference.sampling import sample_account
from reconcile.inference.sum_product import Table, solve
from reconcile.influence.pools import Pool, pick_by
from reconcile.influence.telling import Telling
from reconcile.pmf import Lattice

__all__ = ["Coalitions", "Found", "Sampled", "Stage"]

Floats: TypeAlias = NDArray[np.float64]
Bools: TypeAlias = NDArray[np.bool_]
Ints: TypeAlias = NDArray[np.int64]

_CHUNK = 2_000_000  # numbers held at once
SURE = 1 - 1e-12  # no source copies more surely


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
        Mass of what is known of the count at each draw, if it was asked for.
    by_block : ndarray, shape (b, blocks, n)
        What each independent block of draws adds to the mass; one block where none of it was drawn in blocks.
    errors : ndarray, shape (b,)
        Largest standard error of a cumulative probability.
    known : ndarray, shape (b, n)
        Posterior mass of the cells of what is known of the count, which is what claims speak of.
    """

    mass: Floats
    weights: Floats
    marginals: Floats | None
    by_block: Floats
    errors: Floats
    known: Floats

    @classmethod
    def of(cls, by_block: Floats, weights: Floats, marginals: Floats | None, known: Floats) -> Found:
        """Sum over blocks, whose spread tells the error."""
        by_block = by_block / by_block.sum(axis=(1, 2), keepdims=True)
        errors = np.array([_error_of(one) for one in by_block])
        return cls(by_block.sum(axis=1), weights, marginals, by_block, errors, known)

    def only(self, rows: Sequence[int]) -> Found:
        """Keep some of the subsets."""
        kept = list(rows)
        marginals = None if self.marginals is None else self.marginals[kept]
        return Found(
            self.mass[kept], self.weights[kept], marginals, self.by_block[kept], self.errors[kept], self.known[kept]
        )

    def without_block(self, block: int) -> Floats:
        """Mass of the cells if a block of draws had not been made; shape (b, n)."""
        rest: Floats = self.mass - self.by_block[:, block]
        left: Floats = np.maximum(rest, 0.0) / rest.sum(axis=1, keepdims=True)
        return left


def _error_of(by_block: Floats) -> float:
    """Largest standard error of a cumulative probability; `by_block` of shape (blocks, n) sums to 1."""
    blocks = len(by_block)
    if blocks == 1:
        return 0.0
    below = np.cumsum(by_block, axis=1)
    square = np.sum((below - below[:, -1:] * below.sum(axis=0)) ** 2, axis=0)
    return float(np.sqrt(square.max() * blocks / (blocks - 1)))


@attrs.frozen(eq=False)
class Stage:
    """An account that is a tree, its claims apart from each other.

    Attributes
    ----------
    account : Account
    lattice : Lattice
        Cells of all of its counts.
    node : int
        Of the count that is looked at.
    priors : tuple of ndarray, shape (s or 1, n)
        Prior of each node: average probability of a count in each cell.
    roles : tuple of ClaimRole
        Of the claims, all used, by claim id.
    terms : tuple of Term
    nodes : tuple of tuple of int
    log_own : ndarray, shape (claims, s, n)
        Logarithm of the row of each claim if it is not copied; of a share, 0.
    chance : ndarray, shape (claims, s)
        Probability that the source of each copies.
    layout : Layout
        With the shares that are claimed.
    theta : mapping of Column to ndarray, shape (s,)
    log_base : ndarray, shape (s,)
        With the log evidence of a subset of the claims, the log weight of each draw; see `Pool`.
    block : ndarray of int, shape (s,)
        Independent set of each draw, in ascending order.
    aim : ndarray, shape (s,)
        How much each draw tells of some part of the claims; sums to 1.
    telling : Telling
    power : float
        Exponent of what every claim says.
    """

    account: Account
    lattice: Lattice
    node: int
    priors: tuple[Floats, ...]
    roles: tuple[ClaimRole, ...]
    terms: tuple[Term, ...]
    nodes: tuple[tuple[int, ...], ...]
    log_own: Floats
    chance: Floats
    layout: Layout
    theta: Mapping[Column, Floats]
    log_base: Floats
    block: Ints
    aim: Floats
    telling: Telling
    power: float = 1.0

    @classmethod
    def of(
        cls,
        layout: Layout,
        node: int,
        priors: Sequence[Floats],
        said: Sequence[tuple[ClaimRole, tuple[int, ...], Term]],
        theta: Mapping[Column, Floats],
        pool: Pool,
        telling: Telling,
    ) -> Stage:
        """Compute what each claim says at each draw of a pool."""
        roles, nodes, terms = zip(*said, strict=True) if said else ((), (), ())
        center, draws = layout.lattice.center, len(pool)
        own, chance = np.zeros((len(terms), draws, len(center))), np.zeros((len(terms), draws))
        for k, term in enumerate(terms):
            if not term.is_share:
                bare = attrs.evolve(term, echo=(0.0, 0.0), power=1.0)
                own[k] = np.log(np.maximum(_row(bare, center, theta), TINY))
                chance[k] = np.minimum(expit(theta[_copying(term)]), SURE)
        return cls(
            layout.account, layout.lattice, node, tuple(priors), tuple(roles), tuple(terms), tuple(nodes), own, chance,
            layout, theta, pool.log_base, pool.block, pool.aim, telling,
        )  # fmt: skip

    @property
    def draws(self) -> int:
        """Number of draws."""
        return len(self.log_base)

    def thinned(self, draws: int) -> Stage:
        """Keep at most so many draws, those that tell most."""
        if self.draws <= draws:
            return self
        kept = pick_by(self.aim, draws)
        priors = tuple(x[kept] if len(x) > 1 else x for x in self.priors)
        theta = {column: values[kept] for column, values in self.theta.items()}
        return attrs.evolve(
            self, log_own=self.log_own[:, kept], chance=self.chance[:, kept], priors=priors, theta=theta,
            log_base=self.log_base[kept] - np.log(self.aim[kept]), block=self.block[kept],
            aim=np.full(draws, 1.0 / draws),
        )  # fmt: skip

    def chance_of(self, claim: int) -> Floats:
        """Probability that the source of a claim copies, for each draw; shape (s,)."""
        found: Floats = self.chance[claim]
        return found

    def row(self, claim: int, term: Term) -> Floats:
        """Row of a term in the place of a claim, for each draw; shape (s, n).

        Of a toll that rises, averaged over what may be known of it at the time of the claim.
        """
        row = _row(term, self.lattice.center, self.theta)
        return row if term.time < 0 else self.layout.sum_paths(self.nodes[claim][0], {term.time: row})

    def average(self, found: Found, at: int, rows: Floats) -> float:
        """Average a function of draw and known count, shape (s or 1, n), over the posterior under subset `at`."""
        if found.marginals is None:
            return float(found.known[at] @ rows.mean(axis=0))
        inner = np.einsum("sn,sn->s", found.marginals[at], np.broadcast_to(rows, found.marginals[at].shape))
        return float(found.weights[at] @ inner)

    def solve(self, subsets: Bools, *, each: bool = False) -> Found:
        """Solve for subsets, shape (b, claims); `each` keeps the marginals of every draw."""
        blocks = BLOCKS if self.draws >= 2 * BLOCKS else 1
        ends = np.searchsorted(self.block, np.arange(1, blocks)).tolist() if blocks > 1 else []
        by_block, weights = np.empty((len(subsets), blocks, len(self.lattice))), np.empty((len(subsets), self.draws))
        kept = np.empty((len(subsets), self.draws, len(self.lattice))) if each else None
        known = np.empty((len(subsets), len(self.lattice)))
        step = max(_CHUNK // (self.draws * len(self.lattice)), 1)
        for pattern, mine in self._patterns(subsets):
            for start in range(0, len(mine), step):
                part = mine[start : start + step]
                marginals, of_known, evidence = self._solve(subsets[part], pattern)
                log_weight = self.log_base + evidence
                weight = np.exp(log_weight - log_weight.max(axis=1, keepdims=True))
                weight /= weight.sum(axis=1, keepdims=True)
                weights[part] = weight
                for block, (a, z) in enumerate(itertools.pairwise([0, *ends, self.draws])):
                    by_block[part, block] = np.einsum("bs,bsn->bn", weight[:, a:z], marginals[:, a:z])
                known[part] = np.einsum("bs,bsn->bn", weight, of_known)
                if kept is not None:
                    kept[part] = of_known
        return Found.of(by_block, weights, kept, known)

    def _patterns(self, subsets: Bools) -> list[tuple[tuple[int, ...], NDArray[np.intp]]]:
        """Sort subsets by the shares that they hold."""
        shares = [k for k, term in enumerate(self.terms) if term.is_share]
        keys = Counter(map(tuple, subsets[:, shares].tolist()))
        found = []
        for key in keys:
            held = tuple(k for k, here in zip(shares, key, strict=True) if here)
            found.append((held, np.flatnonzero(np.all(subsets[:, shares] == np.array(key, dtype=bool), axis=1))))
        return found

    def evidence(self, subset: Bools) -> Floats:
        """Log evidence of one subset, shape (claims,), at each draw; shape (s,)."""
        ((pattern, _),) = self._patterns(subset[None])
        found: Floats = self._solve(subset[None], pattern, marginals=False)[2][0]
        return found

    def at(self, subset: Bools) -> tuple[Floats, Floats]:
        """Mass of the cells under one subset, shape (claims,), at each draw, (s, n), and log evidence, (s,)."""
        ((pattern, _),) = self._patterns(subset[None])
        (marginals,), _, (evidence,) = self._solve(subset[None], pattern)
        return marginals, evidence

    def with_priors(self, power: float) -> Stage:
        """Raise the prior of each count that has one to a power; what is ruled out stays ruled out."""
        tiny = np.finfo(float).tiny
        bent = [
            np.where(mine > 0, np.maximum(mine, tiny) ** power, 0.0) if node in self.account.priors else mine
            for node, mine in enumerate(self.priors)
        ]
        return attrs.evolve(self, priors=tuple(bent))

    def with_claims(self, power: float) -> Stage:
        """Raise what each claim says to a power."""
        return attrs.evolve(self, power=power * self.power)

    def _solve(
        self, subsets: Bools, pattern: tuple[int, ...], *, marginals: bool = True
    ) -> tuple[Floats, Floats, Floats]:
        """Give marginals of the count and of what is known of it, (b, s, n), if asked for, and log evidence, (b, s)."""
        count, draws, size = len(subsets), self.draws, len(self.lattice)
        same, there, power = self.telling.heard(subsets)
        power = np.where(subsets, self.power * power, 0.0)
        scale, potentials = np.zeros((count, draws)), []
        given, said = np.ones((1, 1, size)), np.ones((1, 1, size))
        for node, prior in enumerate(self.priors):
            mine = [k for k, nodes in enumerate(self.nodes) if nodes[0] == node and not self.terms[k].is_share]
            if not subsets[:, mine].any():
                potentials.append(np.tile(prior, (count, 1)) if len(prior) > 1 else prior)
                continue
            # Where no earlier claim says the same, that it may be copied weakens it alike in all cells.
            said_at: dict[int, Floats] = {}
            for time in sorted({self.terms[k].time for k in mine}):
                now = [k for k in mine if self.terms[k].time == time]
                plain = np.where(same > 0, 0.0, power)[:, now]
                own = self.log_own if len(now) == len(self.terms) else self.log_own[now]
                logs = (plain @ own.reshape(len(now), -1)).reshape(count, draws, size)
                for at, k in enumerate(now):
                    scale += plain[:, at : at + 1] * np.log1p(-self.chance[k] * there[:, k : k + 1])
                    echoed = np.flatnonzero((same[:, k] > 0) & subsets[:, k])
                    if len(echoed):
                        logs[echoed] += self._echoed(k, same[echoed, k], there[echoed, k], power[echoed, k])
                peak = logs.max(axis=2, keepdims=True)
                scale += peak[:, :, 0]
                logs -= peak
                said_at[time] = np.exp(logs, out=logs).reshape(count * draws, size)
            logs = self.layout.sum_paths(node, said_at).reshape(count, draws, size)
            if (chance := self.layout.chance) is not None:
                known, logs = logs, logs @ chance.T
                given, said = (known, logs.copy()) if node == self.node else (given, said)
            logs *= prior
            potentials.append(logs.reshape(count * draws, size))
        solution = solve(self.account, self.lattice, potentials, self._tables(pattern, count), marginals=marginals)
        log_evidence = np.broadcast_to(solution.log_evidence, count * draws).reshape(count, draws) + scale
        if not marginals:
            return np.zeros((count, draws, 0)), np.zeros((count, draws, 0)), log_evidence
        marginal = np.broadcast_to(solution.marginals[self.node], (count * draws, size)).reshape(count, draws, size)
        of_known = marginal
        if self.layout.chance is not None:
            of_known = given * ((marginal / np.maximum(said, TINY)) @ self.layout.chance)
        return marginal, of_known, log_evidence

    def _echoed(self, claim: int, same: Floats, there: Floats, power: Floats) -> Floats:
        """Logarithm of what a claim says that may be copied from an equal one, for each subset; shape (b, s, n)."""
        codes, which = np.unique(np.stack([same, there, power]), axis=1, return_inverse=True)
        chance, own = self.chance[claim], np.exp(self.log_own[claim])
        rows = np.empty((codes.shape[1], *own.shape))
        for at, (alike, some, exponent) in enumerate(codes.T):
            floor = (chance * alike)[:, None] + (1 - chance * some)[:, None] * own
            rows[at] = exponent * np.log(np.maximum(floor, TINY))
        found: Floats = rows[which.reshape(-1)]
        return found

    def _tables(self, pattern: tuple[int, ...], times: int) -> dict[int, Table]:
        """Tables of the shares of a subset, for that many subsets at once."""
        held = {id(self.terms[k]) for k in pattern}
        shares = [one for one in self.layout.shares if id(one[2]) in held]
        found = {}
        for join in {self.account.shares[part, whole] for part, whole, _ in shares}:
            table = self.layout.table(join, self.theta, shares)
            if len(table) > 1:
                table = attrs.evolve(table, first=np.tile(table.first, times), share=np.tile(table.share, times))
            if self.power != 1:
                table = attrs.evolve(table, curves=np.maximum(table.curves, 0.0) ** self.power)
            found[join] = table
        return found


def _copying(term: Term) -> Column:
    return columns_of(attrs.evolve(term, echo=(0.0, 1.0)))[COPYING]


def _row(term: Term, center: Floats, theta: Mapping[Column, Floats]) -> Floats:
    return np.maximum(term.row(center, pick(theta, term)), 0.0)


@attrs.frozen(eq=False)
class Sampled:
    """An account that is no tree: every subset is sampled anew, which takes about as long as the estimate did.

    Attributes
    ----------
    layout : Layout
        With all claims.
    node : int
    roles, terms, nodes, telling
        As in `Stage`.
    theta : mapping of Column to ndarray, shape (s,)
    log_base : ndarray, shape (s,)
        As in `Stage`.
    seed : int
    """

    layout: Layout
    node: int
    roles: tuple[ClaimRole, ...]
    terms: tuple[Term, ...]
    nodes: tuple[tuple[int, ...], ...]
    theta: dict[Column, Floats]
    log_base: Floats
    seed: int
    telling: Telling
    solved: dict[bytes, tuple[Floats, float, Floats]] = attrs.field(factory=dict)

    @classmethod
    def of(
        cls,
        layout: Layout,
        node: int,
        said: Sequence[tuple[ClaimRole, tuple[int, ...], Term]],
        theta: dict[Column, Floats],
        pool: Pool,
        telling: Telling,
        seed: int,
    ) -> Sampled:
        """Take what each claim needs of a pool."""
        roles, nodes, terms = zip(*said, strict=True) if said else ((), (), ())
        return cls(layout, node, tuple(roles), tuple(terms), tuple(nodes), theta, pool.log_base, seed, telling)

    @property
    def lattice(self) -> Lattice:
        """Cells of the counts."""
        return self.layout.lattice

    @property
    def account(self) -> Account:
        """The account."""
        return self.layout.account

    draws: ClassVar[int] = 1  # they are not weighted here, but picked

    def thinned(self, draws: int) -> Sampled:
        """See `Stage.thinned`; there are no draws to keep."""
        del draws
        return self

    def chance_of(self, claim: int) -> Floats:
        """See `Stage.chance_of`; here averaged over draws."""
        term = self.terms[claim]
        if term.is_share:
            return np.zeros(1)
        found: Floats = expit(self.theta[_copying(term)]).mean(keepdims=True)
        return found

    def row(self, claim: int, term: Term) -> Floats:
        """See `Stage.row`; here averaged over draws."""
        row = _row(term, self.lattice.center, self.theta)
        rises = row if term.time < 0 else self.layout.sum_paths(self.nodes[claim][0], {term.time: row})
        found: Floats = rises.mean(axis=0, keepdims=True)
        return found

    def average(self, found: Found, at: int, rows: Floats) -> float:
        """See `Stage.average`."""
        return float(found.known[at] @ rows.mean(axis=0))

    def solve(self, subsets: Bools, *, each: bool = False) -> Found:
        """See `Stage.solve`."""
        del each
        for one in subsets:
            if one.tobytes() not in self.solved:
                self.solved[one.tobytes()] = self._solve(one, *(x[0] for x in self.telling.heard(one[None])))
        mass, errors, known = (np.array([self.solved[one.tobytes()][k] for one in subsets]) for k in range(3))
        return Found(mass, np.ones((len(mass), 1)), None, mass[:, None], errors, known)

    def _solve(self, subset: Bools, same: Floats, there: Floats, power: Floats) -> tuple[Floats, float, Floats]:
        rows: list[tuple[int, Term]] = []
        shares: list[tuple[int, int, Term]] = []
        for k in np.flatnonzero(subset):
            term = attrs.evolve(self.terms[k], echo=(float(same[k]), float(there[k])), power=float(power[k]))
            if term.is_share:
                shares.append((self.nodes[k][0], self.nodes[k][1], term))
            else:
                rows.append((self.nodes[k][0], term))
        layout = attrs.evolve(self.layout, rows=tuple(rows), shares=tuple(shares))
        random = np.random.default_rng(self.seed)
        marginals, error = sample_account(layout, self.theta, self.log_base, rng=random)
        mass: Floats = marginals[self.node] / marginals[self.node].sum()
        if layout.chance is None:
            return mass, error, mass
        # What claims say of the known count is averaged over draws before it meets the count: near enough to tell of.
        given = np.ones(len(mass))
        for at in np.flatnonzero(subset).tolist():
            if self.nodes[at][0] == self.node and not self.terms[at].is_share:
                term = attrs.evolve(self.terms[at], echo=(float(same[at]), float(there[at])), power=float(power[at]))
                given = given * self.row(at, term)[0]
        known = given * ((mass / np.maximum(layout.chance @ given, TINY)) @ layout.chance)
        return mass, error, known / known.sum()


Coalitions: TypeAlias = Stage | Sampled
"""An account that can be solved for any subset of its claims."""
