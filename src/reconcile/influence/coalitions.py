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

from reconcile.accounts import Account
from reconcile.components import Column, Component, Draws, Task, pick
from reconcile.estimates import Role
from reconcile.importance import BLOCKS
from reconcile.inference import Table, solve
from reconcile.influence.telling import Telling
from reconcile.integration import REUSED, error_of
from reconcile.likelihood import COPYING, TINY, Term
from reconcile.pmf import Lattice
from reconcile.sampling import sample_component

__all__ = ["Coalitions", "Found", "Sampled", "Stage"]

Floats: TypeAlias = NDArray[np.float64]
Bools: TypeAlias = NDArray[np.bool_]

_CHUNK = 2_000_000  # numbers held at once
POWERS = 5  # of the evidence, from that of no claim to that of all, at which draws are to tell


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
    by_block : ndarray, shape (b, blocks, n)
        What each independent block of draws adds to the mass; one block where nothing was drawn.
    errors : ndarray, shape (b,)
        Largest standard error of a cumulative probability; 0 where nothing was drawn.
    """

    mass: Floats
    weights: Floats
    marginals: Floats | None
    by_block: Floats
    errors: Floats

    @classmethod
    def of(cls, by_block: Floats, weights: Floats, marginals: Floats | None) -> Found:
        """Sum over blocks, whose spread tells the error."""
        by_block = by_block / by_block.sum(axis=(1, 2), keepdims=True)
        many = by_block.shape[1] > 1
        errors = np.array([REUSED * error_of(one) if many else 0.0 for one in by_block])
        return cls(by_block.sum(axis=1), weights, marginals, by_block, errors)

    def without_block(self, block: int) -> Floats:
        """Mass of the cells if a block of draws had not been made; shape (b, n)."""
        rest: Floats = self.mass - self.by_block[:, block]
        left: Floats = np.maximum(rest, 0.0) / rest.sum(axis=1, keepdims=True)
        return left


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
    aim : ndarray, shape (s,), or None
        How much each draw tells of some part of the claims; sums to 1. None where draws weigh the same.
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
    aim: Floats | None = None

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
        found = cls(
            task.account, node, tuple(priors), tuple(roles), tuple(terms), tuple(nodes), tuple(own),
            tuple(chance), task, theta, None, np.zeros(1, dtype=np.intp), telling,
        )  # fmt: skip
        # Neighbours of a chain are alike, so that blocks are runs.
        return attrs.evolve(found, block=np.arange(found.draws) * BLOCKS // found.draws)

    @property
    def draws(self) -> int:
        """Number of draws; 1 where there is nothing to draw."""
        return max([len(x) for x in (*self.own, *self.priors, *self.theta.values())], default=1)

    def weighed(self, log_weight: Floats, block: NDArray[np.intp]) -> Stage:
        """Weigh draws that were weighted for all claims, so that they serve for any subset."""
        every = np.ones((1, len(self.roles)), dtype=bool)
        evidence = self._evidence(every)[0]
        # Between the claims of all and of none: what some of the claims say, roughly, and whichever these are.
        parts = log_weight - np.multiply.outer(np.linspace(0, 1, POWERS), evidence)
        weights = np.exp(parts - parts.max(axis=1, keepdims=True))
        aim = (weights / weights.sum(axis=1, keepdims=True)).mean(axis=0)
        return attrs.evolve(self, log_weight=log_weight - evidence, block=block, aim=aim)

    def thinned(self, draws: int) -> Stage:
        """Keep at most so many draws: evenly where they weigh the same, else those that tell most."""
        if self.draws <= draws:
            return self
        kept, log_weight, aim = np.linspace(0, self.draws - 1, draws).round().astype(int), self.log_weight, self.aim
        if log_weight is not None and aim is not None:
            strata = (np.arange(draws) + 0.5) / draws
            kept = np.minimum(np.searchsorted(np.cumsum(aim), strata), self.draws - 1)
            log_weight, aim = log_weight[kept] - np.log(aim[kept]), np.full(draws, 1 / draws)
        few = [tuple(x[kept] if len(x) > 1 else x for x in column) for column in (self.own, self.chance, self.priors)]
        own, chance, priors = few
        theta = {column: values[kept] for column, values in self.theta.items()}
        return attrs.evolve(
            self, own=own, chance=chance, priors=priors, theta=theta, log_weight=log_weight, block=self.block[kept],
            aim=aim,
        )  # fmt: skip

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
        blocks = BLOCKS if self.draws >= 2 * BLOCKS else 1
        held = self.block == np.arange(blocks)[:, None] if blocks > 1 else np.ones((1, self.draws), dtype=bool)
        by_block, weights = np.empty((len(subsets), blocks, len(self.lattice))), np.empty((len(subsets), self.draws))
        kept = np.empty((len(subsets), self.draws, len(self.lattice))) if each else None
        step = max(_CHUNK // (self.draws * len(self.lattice)), 1)
        for pattern, mine in self._patterns(subsets):
            for start in range(0, len(mine), step):
                part = mine[start : start + step]
                marginals, evidence = self._solve(subsets[part], pattern)
                log_weight = np.zeros_like(evidence) if self.log_weight is None else self.log_weight + evidence
                weight = np.exp(log_weight - log_weight.max(axis=1, keepdims=True))
                weight /= weight.sum(axis=1, keepdims=True)
                by_block[part], weights[part] = (weight[:, None] * held) @ marginals, weight
                if kept is not None:
                    kept[part] = marginals
        return Found.of(by_block, weights, kept)

    def _patterns(self, subsets: Bools) -> list[tuple[tuple[int, ...], NDArray[np.intp]]]:
        """Sort subsets by the shares that they hold."""
        shares = [k for k, term in enumerate(self.terms) if term.is_share]
        keys = Counter(map(tuple, subsets[:, shares].tolist()))
        found = []
        for key in keys:
            held = tuple(k for k, here in zip(shares, key, strict=True) if here)
            found.append((held, np.flatnonzero(np.all(subsets[:, shares] == np.array(key, dtype=bool), axis=1))))
        return found

    def _evidence(self, subset: Bools) -> Floats:
        """Log evidence of one subset, shape (1, claims), at each draw; shape (1, s)."""
        ((pattern, _),) = self._patterns(subset)
        return self._solve(subset, pattern, marginals=False)[1]

    def _solve(self, subsets: Bools, pattern: tuple[int, ...], *, marginals: bool = True) -> tuple[Floats, Floats]:
        """Give marginals of the count, shape (b, s, n), if asked for, and log evidence, shape (b, s)."""
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
        solution = solve(self.account, self.lattice, potentials, self._tables(pattern, count), marginals=marginals)
        log_evidence = np.broadcast_to(solution.log_evidence, count * draws).reshape(count, draws) + scale
        if not marginals:
            return np.zeros((count, draws, 0)), log_evidence
        marginal = np.broadcast_to(solution.marginals[self.node], (count * draws, size))
        return marginal.reshape(count, draws, size), log_evidence

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
    known : dict
        Subsets that were sampled already.
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
    known: dict[bytes, tuple[Floats, float]] = attrs.field(factory=dict)

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
        for one in subsets:
            if one.tobytes() not in self.known:
                self.known[one.tobytes()] = self._solve(one, *(x[0] for x in self.telling.heard(one[None])))
        mass = np.array([self.known[one.tobytes()][0] for one in subsets])
        errors = np.array([self.known[one.tobytes()][1] for one in subsets])
        return Found(mass, np.ones((len(mass), 1)), None, mass[:, None], errors)

    def _solve(self, subset: Bools, same: Floats, there: Floats, power: Floats) -> tuple[Floats, float]:
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
        mass: Floats = fit.marginals[0][self.node] / fit.marginals[0][self.node].sum()
        return mass, fit.error


Coalitions: TypeAlias = Stage | Sampled
"""An account that can be solved for any subset of its claims."""
