# SPDX-License-Identifier: MIT
"""The evidence of counts that identities bind together, where these form trees; conditional as in `lone_counts`.

Some claims about an account open a count that the claims before them leave open; they say of their sources what the
shape of the count priors says, and no more. The others are held against what the claims before them, and the
identities, say. So what sources are learned from is the evidence of all claims given those that open something.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeAlias

import attrs
import numpy as np
from numpy.typing import NDArray

from reconcile.inference.arrays import PARAMETERS, Cells, Claims, spans
from reconcile.inference.batches import choose_likelihood
from reconcile.inference.copying import Echoes
from reconcile.inference.importance import BLOCKS
from reconcile.inference.likelihood import Term
from reconcile.inference.lone_counts import FAINT, NEGLIGIBLE, theta_of
from reconcile.inference.own_channels import OwnChannels
from reconcile.inference.problems import Linked, Problem
from reconcile.inference.proportions import Proportion
from reconcile.inference.trees import Grove, Trees
from reconcile.vocabulary import Relation

__all__ = ["KnownThen", "LinkedEvidence", "find_openers", "rows_of"]

Floats: TypeAlias = NDArray[np.float64]
Ints: TypeAlias = NDArray[np.int64]
Bools: TypeAlias = NDArray[np.bool_]


def rows_of(problem: Problem, counts: Sequence[int]) -> Ints:
    """Rows of the claims about some counts, in ascending order."""
    wanted = np.sort(np.array(counts, dtype=np.int64))
    begin, end = (np.searchsorted(problem.claims.event, wanted, side=side) for side in ("left", "right"))
    return spans(begin.astype(np.int64), (end - begin).astype(np.int64))[0]


def find_openers(problem: Problem, linked: Linked) -> tuple[Ints, tuple[bool, ...]]:
    """Say which claims about an account open a count that the claims before them leave open.

    Returns
    -------
    rows : ndarray of int
        Of the claims that give numbers, in ascending order.
    shares : tuple of bool
        Whether each share opens its part; they are taken to come last.
    """
    atoms = linked.account.atoms.astype(float)
    node_of = {count: node for node, count in enumerate(linked.counts) if count >= 0}
    rows = rows_of(problem, list(node_of))
    rows = rows[np.argsort(problem.told[rows], kind="stable")]
    span = np.zeros((0, atoms.shape[1]))

    def opens(node: int) -> bool:
        nonlocal span
        rest = atoms[node] - (atoms[node] @ span.T) @ span
        size = float(np.sqrt(rest @ rest))
        if size < 1e-9:
            return False
        span = np.concatenate([span, (rest / size)[None]])
        return True

    first = [int(row) for row in rows if opens(node_of[int(problem.claims.event[row])])]
    return np.array(sorted(first), dtype=np.int64), tuple(opens(one.part) for one in linked.shares)


@attrs.frozen(eq=False)
class _Told:
    """Some of the claims about some accounts, laid out.

    Attributes
    ----------
    problem : Problem
    rows : ndarray of int, shape (n,)
        Which claims of the problem these are.
    places : ndarray of int, shape (shares,)
        Where the spread of the source of each share stands among the parameters.
    trees : Trees
    """

    problem: Problem
    rows: Ints
    places: Ints
    trees: Trees

    @classmethod
    def of(cls, problem: Problem, linked: Sequence[Linked], rows: Ints, shares: Sequence[Sequence[bool]]) -> _Told:
        number = np.cumsum([0, *(len(one.account.nodes) for one in linked)])
        node = np.full(len(problem.claims.outcome), -1, dtype=np.int64)
        for one, begin in zip(linked, number[:-1], strict=True):
            for at, count in enumerate(one.counts):
                if count >= 0:
                    node[count] = begin + at
        counts = np.array([at for one in linked for at in one.counts], dtype=np.int64)
        rows = rows[np.argsort(node[problem.claims.event[rows]], kind="stable")]
        claims = problem.claims
        mine = Claims(
            node[claims.event[rows]], claims.value[rows], claims.hedged[rows], claims.meanings,
            np.zeros(int(number[-1]), dtype=np.int64), claims.words,
        )  # fmt: skip
        layout = problem.hierarchy
        outcomes = [layout.names[int(at)].owner for at in layout.counts[:, 0]]
        kept = [
            (account, one)
            for account, (its, wanted) in enumerate(zip(linked, shares, strict=True))
            for one, want in zip(its.shares, wanted, strict=True)
            if want
        ]
        proportions = [Proportion(account, one.part, one.whole, one.term) for account, one in kept]
        trees = Trees.of(
            [one.account for one in linked], mine, problem.columns[:, rows], outcomes, problem.model, len(layout),
            proportions, rises=None if problem.rises is None else problem.rises.take(rows, counts),
        )  # fmt: skip
        return cls(
            problem, rows, np.array([one.place for _, one in kept], dtype=np.int64), _asking(problem, rows, trees)
        )

    def _each(
        self, spread: Callable[..., Iterable[Any]], xs: Floats, tail: Floats, echoes: Echoes, own: Sequence[Any],
        work: Callable[..., Any],
    ) -> Iterable[tuple[Grove, Any]]:  # fmt: skip
        groves = self.trees.groves
        floor, power = echoes.floor(self.problem.source)[:, self.rows], self.problem.power[self.rows]
        echo = [np.ascontiguousarray(floor[:, grove.shard.rows].T) for grove in groves]
        powers = [np.ascontiguousarray(power[grove.shard.rows]) for grove in groves]
        spreads = [np.ascontiguousarray(xs[:, self.places[grove.proportions.rows]]) for grove in groves]
        same = [[thing] * len(groves) for thing in (xs, tail)]
        return zip(groves, spread(work, groves, *same, echo, powers, spreads, own), strict=True)

    def tails(self, xs: Floats, *, slopes: bool) -> tuple[Floats, Floats]:
        counts = self.trees.counts(self.problem.hierarchy.count_values(xs))
        return choose_likelihood().tails(self.trees.edges, counts, slopes=slopes)

    def _sources(self, xs: Floats, *, sources: bool) -> Floats:
        """Parameters of sources as they are, or, for all draws alike, their prior means."""
        return xs if sources else self.problem.hierarchy.mean[None]

    def values(
        self, spread: Callable[..., Iterable[Any]], xs: Floats, echoes: Echoes, *, sources: bool = True
    ) -> Floats:
        """Log evidence of each account at each draw, by its `sources` or their prior means; shape (draws, accounts)."""
        tail, _ = self.tails(xs, slopes=False)
        none, by = [None] * len(self.trees.groves), self._sources(xs, sources=sources)
        found = [part for _, part in self._each(spread, by, tail, echoes, none, _values)]
        return np.concatenate([np.zeros((len(xs), 0)), *found], axis=1)

    def masses(self, spread: Callable[..., Iterable[Any]], xs: Floats, echoes: Echoes) -> tuple[Floats, Floats]:
        """Posterior of all nodes, averaged over draws, and the larger of that and of what is known of them."""
        tail, _ = self.tails(xs, slopes=False)
        none = [None] * len(self.trees.groves)
        found = [part for _, part in self._each(spread, xs, tail, echoes, none, _masses)]
        mass, reach = np.concatenate([np.zeros((2, 0)), *found], axis=1)
        return mass, reach

    def sums(
        self, spread: Callable[..., Iterable[Any]], xs: Floats, echoes: Echoes, weight: Floats, *, asked: bool = False
    ) -> Floats:
        """Weighted sums of the posterior of all nodes, in blocks; shape (8, cells). See `Evidence.sums`.

        Or, if `asked`, of what is known of them at the times asked for.
        """
        tail, _ = self.tails(xs, slopes=False)
        own = [np.ascontiguousarray(weight[:, grove.accounts]) for grove in self.trees.groves]
        work = functools.partial(_sums, asked=asked)
        found = [part for _, part in self._each(spread, xs, tail, echoes, own, work)]
        return np.concatenate([np.zeros((BLOCKS, 0)), *found], axis=1)

    def evaluate(
        self, spread: Callable[..., Iterable[Any]], xs: Floats, echoes: Echoes, *, sources: bool = True
    ) -> tuple[Floats, Floats]:
        """Log evidence of each account at each draw, shape (draws, accounts), and the gradient of all.

        By the parameters of all `sources`, or by the count priors alone, with the prior means of the sources.
        """
        layout = self.problem.hierarchy
        tail, by_tail = self.tails(xs, slopes=True)
        total, slope, prior = [np.zeros((len(xs), 0))], np.zeros(xs.shape), np.zeros(tail.shape)
        none, given = [None] * len(self.trees.groves), self._sources(xs, sources=sources)
        for grove, (each, by, by_prior, by_spread) in self._each(spread, given, tail, echoes, none, _evaluate):
            total.append(each)
            prior += by_prior
            if sources:
                slope[:, grove.shard.parameters] += by
                np.add.at(slope.T, self.places[grove.proportions.rows], by_spread.T)
        free = layout.count_values(xs) == xs[:, layout.counts]
        by_counts = self.trees.by_outcome(by_tail, prior)
        if sources:
            slope[:, layout.counts] += np.where(free, by_counts, 0.0)
        else:
            slope[:, layout.counts] = np.where(free, by_counts, 0.0)
        return np.concatenate(total, axis=1), slope

    def without(self, mass: Floats, least: float) -> tuple[_Told, Ints]:
        """Leave out cells that hold next to nothing; also say where the others stood."""
        trees, kept = self.trees.reduced(mass, least)
        return attrs.evolve(self, trees=_asking(self.problem, self.rows, trees)), kept


def _asking(problem: Problem, rows: Ints, trees: Trees) -> Trees:
    """Let every claim ask its channel, where not all are the standard one."""
    if problem.slots == PARAMETERS and problem.model.is_standard:
        return trees
    claims = problem.claims
    terms = [
        Term(
            problem.speakers[int(problem.source[row])], Relation.THIRD, bool(claims.hedged[row]),
            claims.meanings[int(claims.value[row])], is_share=False, model=problem.model,
        )
        for row in rows
    ]  # fmt: skip
    groves = tuple(
        attrs.evolve(grove, channels=OwnChannels.of(grove.shard, terms, problem.slots)) for grove in trees.groves
    )
    return attrs.evolve(trees, groves=groves)


def _values(
    grove: Grove, xs: Floats, tail: Floats, echo: Floats, power: Floats, log_spread: Floats, own: None
) -> Floats:
    del own
    return grove.evaluate(theta_of(grove.shard, xs), echo, tail, log_spread, power).each


def _sums(
    grove: Grove, xs: Floats, tail: Floats, echo: Floats, power: Floats, log_spread: Floats, weight: Floats, *,
    asked: bool,
) -> Floats:  # fmt: skip
    found = np.zeros((BLOCKS, len(grove.shard.cells)))
    for block in range(min(BLOCKS, len(xs))):
        mine, before, spread = (np.ascontiguousarray(x[block::BLOCKS]) for x in (weight, tail, log_spread))
        theta = theta_of(grove.shard, xs[block::BLOCKS])
        summed = grove.evaluate(theta, echo, before, spread, power, weight=mine, slopes=asked, known=asked)
        found[block] = summed.asked if asked else summed.mass
    return found


def _masses(
    grove: Grove, xs: Floats, tail: Floats, echo: Floats, power: Floats, log_spread: Floats, own: None
) -> Floats:
    del own
    weight, asked = np.full((len(xs), len(grove.accounts)), 1.0 / len(xs)), grove.known is not None
    found = grove.evaluate(
        theta_of(grove.shard, xs), echo, tail, log_spread, power, slopes=asked, weight=weight, known=asked
    )
    return np.stack([found.mass, np.maximum(found.mass, found.known)])


def _evaluate(
    grove: Grove, xs: Floats, tail: Floats, echo: Floats, power: Floats, log_spread: Floats, own: None
) -> tuple[Floats, Floats, Floats, Floats]:
    del own
    shard = grove.shard
    found = grove.evaluate(theta_of(shard, xs), echo, tail, log_spread, power, slopes=True)
    if not len(found.score):
        return found.each, np.zeros((0, 0)), found.prior, found.spread
    size = len(shard.parameters) + 1
    line = np.arange(len(xs))[:, None] * size + shard.place.ravel()
    slope = np.bincount(line.ravel(), found.score.ravel(), len(xs) * size).astype(np.float64, copy=False)
    return found.each, slope.reshape(-1, size)[:, :-1], found.prior, found.spread


@attrs.define(eq=False)
class LinkedEvidence:
    """The evidence of all claims about accounts that are trees, given those that open a count.

    Attributes
    ----------
    problem : Problem
        Of all counts.
    spread : callable
        Maps a function over parts of the work, as the builtin does.
    which : tuple of ndarray of int
        Accounts of which some claims open nothing, and others; numbers of ``problem.linked``.
    every, openers : tuple of _Told
        For each of the two: all claims, and those that open something.
    echoes : Echoes
        What is copied, shares of favourites among them.
    """

    problem: Problem
    spread: Callable[..., Iterable[Any]]
    which: tuple[Ints, ...]
    every: tuple[_Told, ...]
    openers: tuple[_Told, ...]
    echoes: Echoes

    @classmethod
    def of(cls, problem: Problem, spread: Callable[..., Iterable[Any]]) -> LinkedEvidence:
        """Lay out the accounts of a problem that are trees; `spread` maps a function over parts of the work."""
        trees = [at for at, one in enumerate(problem.linked) if one.account.is_tree]
        rows: list[list[Ints]] = [[], []]
        shares: list[list[tuple[bool, ...]]] = [[], []]
        which: list[list[int]] = [[], []]
        for at in trees:
            first, opened = find_openers(problem, problem.linked[at])
            mine = rows_of(problem, [count for count in problem.linked[at].counts if count >= 0])
            kind = int(len(first) == len(mine) and all(opened))
            rows[kind].append(first)
            shares[kind].append(opened)
            which[kind].append(at)
        kept = [kind for kind in (0, 1) if which[kind]]
        every, openers = [], []
        for kind in kept:
            linked = [problem.linked[at] for at in which[kind]]
            counts = [count for one in linked for count in one.counts if count >= 0]
            all_rows = rows_of(problem, counts)
            openers.append(_Told.of(problem, linked, np.sort(np.concatenate(rows[kind])), shares[kind]))
            if kind:
                every.append(openers[-1])
            else:
                every.append(_Told.of(problem, linked, all_rows, [[True] * len(one.shares) for one in linked]))
        return cls(
            problem, spread, tuple(np.array(which[kind], dtype=np.int64) for kind in kept), tuple(every),
            tuple(openers), problem.echoes,
        )  # fmt: skip

    @functools.cached_property
    def accounts(self) -> Ints:
        """Which accounts of the problem these are, in the order in which they are computed."""
        return np.concatenate([np.zeros(0, dtype=np.int64), *self.which])

    @property
    def cells(self) -> list[Cells]:
        """Cells of all nodes of all accounts, in parts that stand one after the other."""
        return [told.trees.cells for told in self.every]

    @property
    def nodes(self) -> Ints:
        """How many nodes each account has."""
        return np.array([len(a.nodes) for told in self.every for a in told.trees.accounts], dtype=np.int64)

    def _by_prior(self, xs: Floats) -> Floats:
        """The same with the prior means of all sources."""
        layout = self.problem.hierarchy
        found = np.tile(layout.mean, (len(xs), 1))
        found[:, layout.counts.ravel()] = xs[:, layout.counts.ravel()]
        return found

    def evaluate(self, xs: Floats) -> tuple[Floats, Floats]:
        """Log evidence of each draw, and its gradient; as `ConditionalEvidence.evaluate`."""
        each, slope = self.evaluate_each(xs)
        return each.sum(axis=1), slope

    def evaluate_each(self, xs: Floats) -> tuple[Floats, Floats]:
        """Log evidence of each account at each draw, shape (draws, accounts), and the gradient of all."""
        found, slope = [np.zeros((len(xs), 0))], np.zeros(xs.shape)
        for every, openers in zip(self.every, self.openers, strict=True):
            parts = []
            if every is not openers:
                parts += [(1.0, every.evaluate(self.spread, xs, self.echoes))]
                parts += [(-1.0, openers.evaluate(self.spread, xs, self.echoes))]
            parts.append((1.0, openers.evaluate(self.spread, xs, self.echoes, sources=False)))
            each = np.zeros((len(xs), len(every.trees.accounts)))
            for sign, (value, by) in parts:
                each += sign * value
                slope += sign * by
            found.append(each)
        return np.concatenate(found, axis=1), slope

    def values(self, xs: Floats) -> tuple[Floats, Floats]:
        """Log evidence of each draw, and what each account takes back; as `ConditionalEvidence.values`."""
        total, taken = np.zeros(len(xs)), [np.zeros((len(xs), 0))]
        for every, openers in zip(self.every, self.openers, strict=True):
            by_prior = openers.values(self.spread, xs, self.echoes, sources=False)
            by_source = openers.values(self.spread, xs, self.echoes)
            taken.append(by_source - by_prior)
            total += by_prior.sum(axis=1)
            if every is not openers:
                total += (every.values(self.spread, xs, self.echoes) - by_source).sum(axis=1)
        return total, np.concatenate(taken, axis=1)

    def sums(self, xs: Floats, weight: Floats, *, asked: bool = False) -> Floats:
        """Sum the posterior of all nodes over draws; `weight` by account, else as `Evidence.sums`.

        Or, if `asked`, of what is known of them at the times that `Rises` asks for.
        """
        ends = np.cumsum([0, *map(len, self.which)])
        found = [
            told.sums(self.spread, xs, self.echoes, weight[:, a:z], asked=asked)
            for told, a, z in zip(self.every, ends[:-1], ends[1:], strict=True)
        ]
        return np.concatenate([np.zeros((BLOCKS, 0)), *found], axis=1)

    def reduced(self, xs: Floats) -> tuple[LinkedEvidence, Floats, Ints]:
        """Leave out cells that hold next to nothing at some parameters; with the mass of all, and which are kept."""
        prior = self._by_prior(xs)
        every, openers, masses, kept, at = [], [], [], [], 0

        for told, first in zip(self.every, self.openers, strict=True):
            _, faint = first.masses(self.spread, np.concatenate([xs, prior]), self.echoes)
            few, where = first.without(faint, FAINT)
            openers.append(few)
            mass, reach = told.masses(self.spread, xs, self.echoes)
            masses.append(mass)
            if told is first:
                every.append(few)
            else:
                some, where = told.without(reach, NEGLIGIBLE)
                every.append(some)
            kept.append(at + where)
            at += len(told.trees.cells.start)
        found = LinkedEvidence(self.problem, self.spread, self.which, tuple(every), tuple(openers), self.echoes)
        return found, np.concatenate([np.zeros(0), *masses]), np.concatenate([np.zeros(0, dtype=np.int64), *kept])


@attrs.frozen(eq=False)
class KnownThen:
    """What is known of counts at the times that `Rises` asks for; see `evidence.Summed`."""

    linked: LinkedEvidence

    @property
    def cells(self) -> Cells:
        """Cells of all nodes."""
        return Cells.join(self.linked.cells)

    @property
    def units(self) -> Ints:
        """The account of each node."""
        nodes = self.linked.nodes
        return np.repeat(np.arange(len(nodes)), nodes)

    def taken(self, xs: Floats) -> Floats:
        """Log of what each account takes back."""
        return self.linked.values(xs)[1]

    def sums(self, xs: Floats, weight: Floats) -> Floats:
        """Sum what is known over draws; see `LinkedEvidence.sums`."""
        return self.linked.sums(xs, weight, asked=True)
