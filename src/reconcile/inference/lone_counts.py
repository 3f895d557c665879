# SPDX-License-Identifier: MIT
"""The evidence of counts that stand alone as a function of all parameters: each count summed out exactly.

Sums run shard by shard, wherever an executor runs them.

What a source is learned from is the conditional evidence: of all claims about a count given the first. All that the
first one says of its source's errors comes from the shape of the count prior, and real counts do not have that shape.
Count priors are learned from the first claim too, read by the prior mean of its source. That is a cut between modules
(Plummer 2015); a count with one claim teaches nothing of its source. The estimate of a count itself takes back what was
cut of its own claims, so that what one count is said to be is the posterior by all of its claims.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

import attrs
import numpy as np
from numpy.typing import NDArray

from reconcile.inference.arrays import COUNTS, Cells, CountEdges, Shard
from reconcile.inference.batches import STEP, choose_likelihood
from reconcile.inference.copying import Echoes
from reconcile.inference.elementary import logarithm
from reconcile.inference.importance import BLOCKS
from reconcile.inference.known import LEAST, Lift, Pushed
from reconcile.inference.problems import Problem
from reconcile.inference.shards import Tasks, build_shards, cut_tasks

if TYPE_CHECKING:
    from scipy.sparse import csr_array

__all__ = ["FAINT", "NEGLIGIBLE", "ConditionalEvidence", "Evidence", "find_distinct", "first_claims", "theta_of"]

Floats: TypeAlias = NDArray[np.float64]
Ints: TypeAlias = NDArray[np.int64]

# Posterior probability of a cell at typical parameters, below which it is left out: at 1e-6 a second reading of ten
# claims that may be copies, which has 2 % of the posterior, was lost.
NEGLIGIBLE = 1e-7
# Posterior probability by the first claim alone, below which a cell is left out. What is left out is missing from a sum
# that is divided by, so chains would wander to where it matters: at 1e-4 the evidence was up to 5 nats too high there.
FAINT = 1e-6
EVERY = slice(None)


@attrs.define(eq=False)
class Evidence:
    """A problem laid out for computing: counts to be summed out, cut into shards, with what is passed to each.

    Attributes
    ----------
    problem : Problem
    spread : callable
        Maps a function over shards, as the builtin does.
    tasks : Tasks
        Every count with all of its claims, unless made otherwise.
    edges : CountEdges
        Among which the ends of all cells are.
    echoes : Echoes
    ends : ndarray of int, shape (shards + 1,)
        Where the tasks are cut into shards.
    """

    problem: Problem
    spread: Callable[..., Iterable[Any]]
    tasks: Tasks
    edges: CountEdges
    echoes: Echoes
    ends: Ints = attrs.field(default=attrs.Factory(lambda self: cut_tasks(self.tasks), takes_self=True))
    _last: tuple[Floats, Floats] | None = attrs.field(default=None, init=False)

    @classmethod
    def of(cls, problem: Problem, spread: Callable[..., Iterable[Any]]) -> Evidence:
        """Lay a problem out; `spread` maps a function over its shards."""
        cells = Cells.of(problem.claims)
        edges = CountEdges.of_cells([cells], problem.hierarchy.wide)
        return cls(problem, spread, Tasks.of(problem.claims, cells), edges, problem.echoes)

    @functools.cached_property
    def shards(self) -> tuple[Shard, ...]:
        """The counts laid out; of some only the cells are asked for."""
        problem, layout = self.problem, self.problem.hierarchy
        given = problem.claims, problem.columns, self.tasks, layout.wide, len(layout), self.ends, self.edges
        return build_shards(*given)[0]

    @property
    def cells(self) -> Cells:
        """The cells of all counts."""
        return self.tasks.cells

    def without(self, mass: Floats, least: float = NEGLIGIBLE) -> tuple[Evidence, Ints]:
        """Leave out cells in which a count hardly lies, which most are; see `Cells.without`."""
        cells, at = self.cells.without(mass, least)
        tasks = attrs.evolve(self.tasks, cells=cells, base=self.tasks.base[at])
        return Evidence(self.problem, self.spread, tasks, self.edges, self.echoes), at

    def only(self, events: Ints) -> Evidence:
        """Keep some of the counts, in ascending order."""
        problem = self.problem.only(events)
        echoes = attrs.evolve(problem.echoes, shares=self.echoes.shares)
        return Evidence(problem, self.spread, Tasks.of(problem.claims, self.cells.only(events)), self.edges, echoes)

    def floor(self) -> Floats:
        """Probability that a copied claim would be each one, and that there is one to copy; shape (2, n)."""
        return self.echoes.floor(self.problem.source)

    def each(
        self, work: Callable[..., Any], *shared: Any, own: Sequence[Any] | None = None, part: slice = EVERY
    ) -> Iterator[tuple[Shard, Any]]:
        """Run `work` over the shards, each with the `echo` of its claims, what is `shared`, and what is its `own`."""
        floor, shards = self.floor(), self.shards[part]
        echoes = [np.ascontiguousarray((floor[:, shard.rows] * shard.heard).T) for shard in shards]
        given = [[thing] * len(shards) for thing in shared] + ([] if own is None else [own])
        yield from zip(shards, self.spread(work, shards, echoes, *given), strict=True)

    def tails(self, xs: Floats) -> Floats:
        """Tails at all edges of the priors by which claims are read; `xs` of shape (draws, p), (draws, outcomes, u)."""
        if self._last is None or self._last[0] is not xs:  # weights and masses are asked for at the same draws
            values = self.problem.hierarchy.count_values(xs)
            tail, _ = choose_likelihood().tails(self._ends[1], values, slopes=False)
            self._last = xs, self._push(tail)
        return self._last[1]

    @functools.cached_property
    def _ends(self) -> tuple[Pushed | None, CountEdges]:
        """What pushes the priors of counts to what is known of them, if anything; and all edges that takes."""
        known = self.problem.model.known
        if known is None:
            return None, self.edges
        pushed = Pushed.of(known, self.edges.edge)
        return pushed, self.edges.beside(CountEdges.of(pushed.ends, self.problem.hierarchy.wide))

    def _push(self, tail: Floats) -> Floats:
        pushed = self._ends[0]
        return tail if pushed is None else pushed.push(tail)

    def evaluate(self, xs: Floats) -> tuple[Floats, Floats]:
        """Log evidence of each draw, and its gradient; `xs` of shape (draws, p), results (draws,) and (draws, p)."""
        total, _, slope, _ = self._evaluate(xs, copies=False)
        return total, slope

    def evaluate_each(self, xs: Floats) -> tuple[Floats, Floats]:
        """Log evidence of each count, with its sign, at each draw, shape (draws, counts), and the gradient of all."""
        _, each, slope, _ = self._evaluate(xs, copies=False)
        return each * self.tasks.sign, slope

    def values(self, xs: Floats, part: slice = EVERY) -> Floats:
        """Log evidence of each count, whatever its sign, at each draw; shape (draws, counts)."""
        parts = [found for _, found in self.each(_values, xs, self.tails(xs), part=part)]
        return np.concatenate([np.zeros((len(xs), 0)), *parts], axis=1)

    def copies(self, x: Floats) -> Floats:
        """How far each claim calls for a copy: posterior means of 1 / row and of own / row; shape (2, n)."""
        *_, (found,) = self._evaluate(x[None], copies=True)
        return np.asarray(found, dtype=np.float64)

    def _evaluate(self, xs: Floats, *, copies: bool) -> tuple[Floats, Floats, Floats, Floats]:
        layout, engine = self.problem.hierarchy, choose_likelihood()
        pushed, edges = self._ends
        plain, slopes = engine.tails(edges, layout.count_values(xs), slopes=True)
        tail = self._push(plain)
        total, slope, prior = np.zeros(len(xs)), np.zeros(xs.shape), np.zeros(tail.shape)
        copied = np.ones((len(xs), 2, len(self.problem.source)) if copies else 0)
        every = [np.zeros((len(xs), 0))]
        for shard, (value, each, by, by_tail, calls) in self.each(_evaluate, xs, tail, copies):
            total += value
            every.append(each)
            slope[:, shard.parameters] += by
            prior += by_tail
            if copies:
                copied[:, :, shard.rows[shard.heard]] = calls.swapaxes(1, 2)[:, :, shard.heard]
        prior = prior if pushed is None else pushed.pull(prior, plain.shape[-1])
        free = layout.count_values(xs) == xs[:, layout.counts]  # beyond its limits a parameter changes nothing
        slope[:, layout.counts] += np.where(free, engine.by_counts(slopes, prior), 0.0)
        total[~np.isfinite(xs).all(axis=1)] = np.nan
        return total, np.concatenate(every, axis=1), slope, copied

    def curvature(self, x: Floats, kept: Ints | None = None) -> Floats:
        """Observed information at `x`, shape (p, p), or of the parameters that are `kept`, (q, q), in ascending order.

        Those of the count priors are to be among them.
        """
        layout = self.problem.hierarchy
        values = np.repeat(layout.count_values(x)[None], 1 + COUNTS, axis=0)
        for k in range(COUNTS):
            values[1 + k, :, k] += STEP
        tail, slopes = map(self._push, choose_likelihood().tails(self._ends[1], values, slopes=True))
        kept = np.arange(len(layout)) if kept is None else kept
        new = np.full(len(layout), -1, dtype=np.int64)
        new[kept] = np.arange(len(kept))
        counts = new[layout.counts.ravel()]
        total = np.zeros((len(kept), len(kept)))
        for shard, part in self.each(_curve, x, tail, slopes, new >= 0):
            mine = new[shard.parameters]
            at = np.concatenate([mine[mine >= 0], counts])
            total[np.ix_(at, at)] += part
        return total

    def sums(self, xs: Floats, weight: Floats, part: slice = EVERY, blocks: int = BLOCKS) -> Floats:
        """Sum the posterior of each count over draws, in blocks: draw k belongs to block k % blocks.

        Parameters
        ----------
        xs : ndarray, shape (draws, p)
        weight : ndarray, shape (draws, counts)
            Of each draw for each count.

        Returns
        -------
        ndarray, shape (blocks, cells)
        """
        ends = np.cumsum([0, *(len(shard.sign) for shard in self.shards[part])])
        parts = [np.ascontiguousarray(weight[:, a:z]) for a, z in itertools.pairwise(ends)]
        found = [mass for _, mass in self.each(_sums, xs, self.tails(xs), blocks, own=parts, part=part)]
        return np.concatenate([np.zeros((blocks, 0)), *found], axis=1)

    def estimate(self, xs: Floats, part: slice = EVERY) -> Floats:
        """Average the posterior of each count over draws of the parameters, shape (draws, p); shape (cells,)."""
        weight = np.full((len(xs), len(self.tasks.sign)), 1.0 / len(xs))
        found: Floats = self.sums(xs, weight, part, blocks=1)[0]
        return found


def theta_of(shard: Shard, xs: Floats) -> Floats:
    """Parameters of each voice of a shard at each draw; `xs` of shape (draws, p), result (draws, voices, 8)."""
    mine = np.concatenate([xs[:, shard.parameters], np.zeros((len(xs), 1))], axis=1)
    return np.ascontiguousarray(mine[:, shard.place])


def _values(shard: Shard, echo: Floats, xs: Floats, tail: Floats) -> Floats:
    return choose_likelihood().evaluate(shard, theta_of(shard, xs), echo, tail).each


def _evaluate(
    shard: Shard, echo: Floats, xs: Floats, tail: Floats, copies: bool
) -> tuple[Floats, Floats, Floats, Floats, Floats]:
    """Log evidence of a shard and of each count, slopes by parameters and tails, and how far claims call for copies."""
    found = choose_likelihood().evaluate(shard, theta_of(shard, xs), echo, tail, slopes=True, copies=copies)
    size = len(shard.parameters) + 1
    line = np.arange(len(xs))[:, None] * size + shard.place.ravel()
    slope = np.bincount(line.ravel(), found.score.ravel(), len(xs) * size).astype(np.float64, copy=False)
    return found.value, found.each, slope.reshape(-1, size)[:, :-1], found.prior, found.copies


def _sums(shard: Shard, echo: Floats, xs: Floats, tail: Floats, blocks: int, weight: Floats) -> Floats:
    found = np.zeros((blocks, len(shard.cells)))
    for block in range(min(blocks, len(xs))):
        mine, before = np.ascontiguousarray(weight[block::blocks]), np.ascontiguousarray(tail[block::blocks])
        theta = theta_of(shard, xs[block::blocks])
        found[block] = choose_likelihood().evaluate(shard, theta, echo, before, weight=mine).mass[shard.cells]
    return found


@attrs.frozen(eq=False)
class _Counted:
    """A shard, whose counts are what is known, with the cells of the counts: what a worker is sent.

    Attributes
    ----------
    shard : Shard
    lift : Lift
    left, right : ndarray of int
        Places of the ends of the cells of the counts.
    """

    shard: Shard
    lift: Lift
    left: Ints
    right: Ints


def _sum_counts(counted: _Counted, echo: Floats, xs: Floats, tail: Floats, weight: Floats) -> Floats:
    """Sum the posterior of each count over draws, in blocks; shape (8, cells of the counts)."""
    shard, (_, _, first) = counted.shard, counted.lift.counts
    outcome = np.repeat(shard.outcome, np.diff(first))
    found = np.zeros((BLOCKS, len(outcome)))
    for block in range(min(BLOCKS, len(xs))):
        said = counted.lift.read(choose_likelihood().rows(shard, theta_of(shard, xs[block::BLOCKS]), echo)).said
        before = tail[block::BLOCKS]
        joint = said * (before[:, outcome, counted.left] - before[:, outcome, counted.right]).T
        total = np.add.reduceat(joint, first[:-1], axis=0)
        share = weight[block::BLOCKS].T / np.maximum(total, LEAST)
        found[block] = np.cumsum(joint * np.repeat(share, np.diff(first), axis=0), axis=1)[:, -1]
    return found


def _curve(shard: Shard, echo: Floats, x: Floats, tail: Floats, slopes: Floats, kept: NDArray[np.bool_]) -> Floats:
    theta, mine = theta_of(shard, x[None])[0], kept[shard.parameters]
    if not mine.all():
        new = np.append(np.where(mine, np.cumsum(mine) - 1, np.count_nonzero(mine)), np.count_nonzero(mine))
        place = new[shard.place].astype(np.int32)
        shard = attrs.evolve(shard, parameters=shard.parameters[mine], place=place)
    return choose_likelihood().curve(shard, theta, echo, tail, slopes)


def first_claims(problem: Problem, events: Ints) -> Problem:
    """Keep the first claim about some of the counts, in ascending order."""
    first = problem.take(np.searchsorted(problem.claims.event, events), np.arange(len(events)), events)
    nothing = np.zeros_like(first.echoes.there)
    return attrs.evolve(first, echoes=attrs.evolve(first.echoes, there=nothing, same=nothing))


def find_distinct(problem: Problem) -> tuple[Ints, Ints]:
    """Find counts with one claim of which the same is said by the same source, or by sources that nothing tells apart.

    Returns
    -------
    kept : ndarray of int
        One count of each kind, in ascending order.
    where : ndarray of int, shape (counts,)
        Which of these each count is like.
    """
    claims = problem.claims
    number = np.bincount(claims.event, minlength=len(claims.outcome))
    one = number[claims.event] == 1
    keys = [claims.outcome[claims.event[one]], claims.value[one], claims.hedged[one].astype(np.int64)]
    rows = np.stack([*keys, *problem.columns[:, one]])
    order = np.lexsort(rows[::-1])
    fresh = np.ones(rows.shape[1], dtype=bool)
    fresh[1:] = np.any(np.diff(rows[:, order], axis=1) != 0, axis=0)
    event, kind = claims.event[one], np.empty(rows.shape[1], dtype=np.int64)
    kind[order] = np.cumsum(fresh) - 1
    like = np.arange(len(claims.outcome))
    like[event] = event[order[fresh]][kind]
    kept, where = np.unique(like, return_inverse=True)
    return kept, where.ravel().astype(np.int64)


@attrs.frozen(eq=False)
class ConditionalEvidence:
    """The evidence of all claims about each count given the first.

    Attributes
    ----------
    joint : Evidence
        Of all claims.
    first : tuple of Evidence
        Of first claims: of counts with more of them, and of those with one alone.
    by_prior : tuple of ndarray
        Logarithm of what these say of each of their cells by the prior means of their sources.
    counts : tuple of ndarray of int
        Which counts those are.
    times : ndarray, shape (counts,)
        How many counts each stands for, of which the same is said.
    counted : Cells
        In which the counts are asked for: those of `joint`, or, where these are of what is known of the counts, all.
    """

    joint: Evidence
    first: tuple[Evidence, ...]
    by_prior: tuple[Floats, ...]
    counts: tuple[Ints, ...]
    times: Floats
    counted: Cells

    @classmethod
    def of(
        cls, problem: Problem, spread: Callable[..., Iterable[Any]], times: Floats | None = None
    ) -> ConditionalEvidence:
        """Lay a problem out; `spread` maps a function over its shards."""
        times = np.ones(len(problem.claims.outcome)) if times is None else times
        cells = Cells.of(problem.claims)
        return cls._of(problem, spread, cells, problem.echoes, times, cells)

    @classmethod
    def _of(
        cls, problem: Problem, spread: Callable[..., Iterable[Any]], cells: Cells, echoes: Echoes, times: Floats,
        counted: Cells,
    ) -> ConditionalEvidence:  # fmt: skip
        more = np.bincount(problem.claims.event, minlength=len(problem.claims.outcome)) > 1
        counts = tuple(events for kind in (True, False) if len(events := np.flatnonzero(more == kind)))
        alone = [first_claims(problem, events) for events in counts]
        theirs = [Cells.of(one.claims) for one in alone]
        edges = CountEdges.of_cells([cells, *theirs], problem.hierarchy.wide)
        first = tuple(
            Evidence(one, spread, Tasks.of(one.claims, its), edges, one.echoes)
            for one, its in zip(alone, theirs, strict=True)
        )
        joint = Evidence(problem, spread, Tasks.of(problem.claims, cells), edges, echoes)
        return cls(joint, first, tuple(map(_refer, first)), counts, times, counted)

    @property
    def problem(self) -> Problem:
        """The problem of all claims."""
        return self.joint.problem

    def only(self, events: Ints) -> ConditionalEvidence:
        """Keep some of the counts, in ascending order."""
        joint, counted = self.joint.only(events), self.counted.only(events)
        return self._of(joint.problem, joint.spread, joint.cells, joint.echoes, self.times[events], counted)

    def reduced(self, xs: Floats) -> tuple[ConditionalEvidence, Floats, Ints]:
        """Leave out cells that hold next to nothing at some parameters; with the mass of all, and which are kept."""
        layout = self.problem.hierarchy
        mass = self._current(self._apart).estimate(xs, slice(self._joint))
        joint, kept = self.joint.without(mass)
        prior = np.tile(layout.mean, (len(xs), 1))  # of sources, with what was learned of counts
        prior[:, layout.counts.ravel()] = xs[:, layout.counts.ravel()]
        some = []
        for evidence, events in zip(self.first, self.counts, strict=True):
            more = self._claims_of(events) > 1
            faint = evidence.estimate(np.concatenate([xs, prior]) if more.all() else prior)
            some.append(evidence.without(faint, FAINT))
        edges = joint.edges.only([joint.cells, *(one.cells for one, _ in some)])
        first = tuple(attrs.evolve(one, edges=edges) for one, _ in some)
        by_prior = tuple(said[at] for said, (_, at) in zip(self.by_prior, some, strict=True))
        joint = attrs.evolve(joint, edges=edges)
        counted = joint.cells
        if self.problem.model.known is not None:  # the counts lie beyond what is known of them, if seldom
            counted, kept = self.counted, np.arange(len(self.counted.start))
        return ConditionalEvidence(joint, first, by_prior, self.counts, self.times, counted), mass, kept

    def _claims_of(self, events: Ints) -> Ints:
        tasks = self.joint.tasks
        found: Ints = (tasks.end - tasks.begin)[events]
        return found

    def _tasks_of_first(self) -> Iterator[tuple[Ints, Tasks, Tasks]]:
        """Counts, with their first claims by their sources as they are, and by the prior means of these."""
        for evidence, said, events in zip(self.first, self.by_prior, self.counts, strict=True):
            begin = self.joint.tasks.begin[events]
            heard = np.zeros(len(begin), dtype=np.bool_)
            sign = self.times[events]
            as_they_are = attrs.evolve(evidence.tasks, begin=begin, end=begin + 1, heard=heard, sign=sign)
            yield events, as_they_are, attrs.evolve(as_they_are, end=begin, base=said)

    @functools.cached_property
    def _signed(self) -> Evidence:
        """All claims of counts with more than one, less the first, plus the first by the prior mean of its source."""
        tasks, parts = self.joint.tasks, []
        for events, by_source, by_prior in self._tasks_of_first():
            if self._claims_of(events).max(initial=0) > 1:
                parts += [tasks.only(events), attrs.evolve(by_source, sign=-by_source.sign)]
            parts.append(by_prior)
        tasks = Tasks.join(parts) if parts else self.joint.tasks
        return Evidence(self.problem, self.joint.spread, tasks, self.joint.edges, self.joint.echoes)

    @functools.cached_property
    def _apart(self) -> Evidence:
        """All claims of each count, its first by its source as it is, and its first by the prior mean of that.

        The first `_joint` shards are those of all claims.
        """
        pairs = [pair for _, *pair in self._tasks_of_first()]
        tasks, ends = self.joint.tasks, self.joint.ends
        if pairs:
            first = Tasks.join([pair[k] for k in (0, 1) for pair in pairs])
            tasks, ends = Tasks.join([tasks, first]), np.append(ends, ends[-1] + cut_tasks(first)[1:])
        return Evidence(self.problem, self.joint.spread, tasks, self.joint.edges, self.joint.echoes, ends)

    @property
    def _joint(self) -> int:
        return len(self.joint.ends) - 1

    def _current(self, evidence: Evidence) -> Evidence:
        evidence.echoes = self.joint.echoes  # which may have been found anew
        return evidence

    def evaluate(self, xs: Floats) -> tuple[Floats, Floats]:
        """Log evidence of each draw, and its gradient; as `Evidence.evaluate`."""
        return self._current(self._signed).evaluate(xs)

    def evaluate_each(self, xs: Floats) -> tuple[Floats, Floats]:
        """Log evidence of each count at each draw, shape (draws, counts), and the gradient of all."""
        each, slope = self._current(self._signed).evaluate_each(xs)
        found: Floats = each @ self._count_of_task
        return found, slope

    @functools.cached_property
    def _count_of_task(self) -> csr_array:
        """Which count each of the signed tasks is about; shape (tasks, counts)."""
        from scipy.sparse import csr_array

        events = [np.tile(events, 3 if self._claims_of(events).max(initial=0) > 1 else 1) for events in self.counts]
        column = np.concatenate([np.zeros(0, dtype=np.int64), *events])
        shape = (len(column), len(self.times))
        return csr_array((np.ones(len(column)), column, np.arange(len(column) + 1)), shape=shape)

    def values(self, xs: Floats) -> tuple[Floats, Floats]:
        """Log evidence of each draw, and what each count takes back: the log of what was cut of its own claims.

        Returns
        -------
        value : ndarray, shape (draws,)
        taken : ndarray, shape (draws, counts)
        """
        every, by_source, by_prior = np.split(self._current(self._apart).values(xs), 3, axis=1)
        taken = self._sorted(by_source - by_prior)
        more = self._claims_of(np.arange(every.shape[1])) > 1
        value: Floats = (every - taken)[:, more].sum(axis=1) + self._alone(by_prior, more)
        return value, taken

    def taken(self, xs: Floats) -> Floats:
        """What each count takes back, alone; see `values`."""
        by_source, by_prior = np.split(self._apart.values(xs, slice(self._joint, None)), 2, axis=1)
        return self._sorted(by_source - by_prior)

    def sums(self, xs: Floats, weight: Floats) -> Floats:
        """Sum the posterior of each count over draws; as `Evidence.sums`."""
        evidence, part = self._current(self._apart), slice(self._joint)
        if self.problem.model.known is None:
            return evidence.sums(xs, weight, part)
        edges, counted = self._counted_shards
        values = self.problem.hierarchy.count_values(xs)
        tail, _ = choose_likelihood().tails(edges, values, slopes=False)
        floor, ends = evidence.floor(), itertools.pairwise(evidence.ends.tolist())
        echoes = [np.ascontiguousarray((floor[:, one.shard.rows] * one.shard.heard).T) for one in counted]
        weights = [np.ascontiguousarray(weight[:, a:z]) for (a, z), _ in zip(ends, counted, strict=False)]
        same = [[thing] * len(counted) for thing in (xs, tail)]
        found = evidence.spread(_sum_counts, counted, echoes, *same, weights)
        return np.concatenate([np.zeros((BLOCKS, 0)), *found], axis=1)

    @functools.cached_property
    def _counted_shards(self) -> tuple[CountEdges, list[_Counted]]:
        """The shards of all claims, each with the cells of its counts, and the ends of all of these."""
        known, counted, cells = self.problem.model.known, self.counted, self.joint.cells
        assert known is not None  # noqa: S101 - for type checkers: nobody asks where there is none
        edges = CountEdges.of_cells([counted], self.problem.hierarchy.wide)
        left, right = (np.searchsorted(edges.edge, ends).astype(np.int64) for ends in (counted.start, counted.stop))
        found: list[_Counted] = []
        for shard, (a, z) in zip(self._apart.shards, itertools.pairwise(self._apart.ends.tolist()), strict=True):
            if len(found) == self._joint:
                break
            of, mine = slice(*counted.first[[a, z]].tolist()), slice(*cells.first[[a, z]].tolist())
            start, stop, filled = shard.fill_up(cells.start[mine], cells.stop[mine])
            first = counted.first[a : z + 1] - counted.first[a]
            ends = (counted.start[of], counted.stop[of], first), (start, stop, shard.cell)
            found.append(_Counted(shard, Lift(known, *ends, filled, shard.claim, shard.pair), left[of], right[of]))
        return edges, found

    def _sorted(self, found: Floats) -> Floats:
        """Put what was found of first claims in the order of the counts."""
        return found[:, np.argsort(self._order)]

    def _alone(self, by_prior: Floats, more: NDArray[np.bool_]) -> Floats:
        """Log of what is said of counts with one claim, by the prior mean of its source; shape (draws,)."""
        alone = ~more[self._order]
        found: Floats = by_prior[:, alone] @ self.times[self._order][alone]
        return found

    @functools.cached_property
    def _order(self) -> Ints:
        """Counts in the order in which their first claims are computed."""
        return np.concatenate([np.zeros(0, dtype=np.int64), *self.counts])

    def copies(self, x: Floats) -> Floats:
        """How far each claim calls for a copy; as `Evidence.copies`."""
        return self._current(self._signed).copies(x)

    def curvature(self, x: Floats, kept: Ints | None = None) -> Floats:
        """Observed information at `x`; as `Evidence.curvature`."""
        return self._current(self._signed).curvature(x, kept)


def _refer(evidence: Evidence) -> Floats:
    """Logarithm of what first claims say of each of their cells by the prior means of their sources."""
    mean = evidence.problem.hierarchy.mean[None]
    return np.concatenate([np.zeros(0), *(found for _, found in evidence.each(_say, mean))])


def _say(shard: Shard, echo: Floats, xs: Floats) -> Floats:
    rows = choose_likelihood().rows(shard, theta_of(shard, xs), np.zeros(echo.shape))
    return logarithm(rows[0, shard.cells])  # a claim for each count, so pairs are cells
