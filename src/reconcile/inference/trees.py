# SPDX-License-Identifier: MIT
"""Counts that identities bind into trees, as part of the one evidence: many accounts, many draws, with gradient.

Every account is laid out once: cells for each of its nodes, a shard that has the nodes for its counts, and a forest
that says which cells add up. One evaluation is then three calls: what the claims say of each cell, sum-product over the
trees, and the slopes of what was said, weighted with the posterior (Fisher's identity).
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Sequence
from typing import TypeAlias

import attrs
import numpy as np
from numpy.typing import NDArray

from reconcile.accounts import Account
from reconcile.errors import InvalidValue
from reconcile.inference.arrays import COUNTS, Cells, Claims, CountEdges, Shard, spans
from reconcile.inference.batches import choose_likelihood
from reconcile.inference.elementary import logarithm
from reconcile.inference.forests import Forest, count_couples
from reconcile.inference.known import LEAST, Lift
from reconcile.inference.own_channels import OwnChannels
from reconcile.inference.proportions import Proportion, Proportions
from reconcile.inference.rising import Looks, Rises
from reconcile.inference.rows import add_in_order
from reconcile.inference.shards import Tasks, build_shards, cut_evenly
from reconcile.model import KnownCount, Model
from reconcile.pmf import TOP

__all__ = ["MOST_POINTS", "Bound", "Grove", "Trees", "find_points"]

Floats: TypeAlias = NDArray[np.float64]
Ints: TypeAlias = NDArray[np.int64]

NEGLIGIBLE = 3e-8  # posterior probability of a cell below which it is left out
MOST_POINTS = 24  # of a node: numbers that are claimed, or implied by claimed ones, and have a cell of their own
_ENTRIES = 250_000  # factors on pairs of cells at once: what a cache holds
SURE = KnownCount(exact=1.0, zero=0.0)  # what is known in the end is the count
_VAGUE = 5  # claims that an end of what is less than exact stands for
_WORK = 400_000  # couples of cells in a grove, about


@attrs.frozen(eq=False)
class Bound:
    """What claims say of a grove at each draw; what was not asked for is empty.

    Attributes
    ----------
    value : ndarray, shape (draws,)
        Log evidence of all accounts.
    each : ndarray, shape (draws, accounts)
    score : ndarray, shape (draws, voices, 8)
        Derivative of `value` by the parameters of each voice.
    prior : ndarray, shape (draws, kinds, places)
        Derivative by the tails of the count priors.
    spread : ndarray, shape (draws, shares)
        Derivative by the log spread that each proportion is read with.
    mass : ndarray, shape (cells,)
        Sum over draws of weight times the posterior of cells, node by node.
    known : ndarray, shape (cells,)
        The same of what is known of the counts, at the time of a claim at which it is most.
    asked : ndarray, shape (cells,)
        The same at the times asked for; see `Rises`.
    """

    value: Floats
    each: Floats
    score: Floats
    prior: Floats
    spread: Floats
    mass: Floats
    known: Floats
    asked: Floats


@attrs.frozen(eq=False)
class Grove:
    """Some accounts, to be computed in one go; what a worker is sent.

    Attributes
    ----------
    accounts : ndarray of int, shape (accounts,)
        Which of all accounts these are.
    shard : Shard
        Its counts are the nodes of these accounts, those that no claim mentions too.
    forest : Forest
    proportions : Proportions
    known : Known, optional
        What could be known of the counts, where that is not the counts themselves.
    channels : OwnChannels, optional
        What asks the channels, where they are not the standard one.
    """

    accounts: Ints
    shard: Shard
    forest: Forest
    proportions: Proportions
    known: Known | None = None
    channels: OwnChannels | None = None

    def evaluate(
        self,
        theta: Floats,
        echo: Floats,
        tail: Floats,
        log_spread: Floats | None = None,
        power: Floats | None = None,
        *,
        slopes: bool = False,
        weight: Floats | None = None,
        known: bool = False,
    ) -> Bound:
        """Sum out all counts at each draw of the parameters.

        Parameters
        ----------
        theta : ndarray, shape (draws, voices, 8)
            Of one draw if all have the same, where no slopes by them are asked for.
        echo : ndarray, shape (claims, 2)
            See `Likelihood.evaluate`.
        tail : ndarray, shape (draws, kinds, places)
            Tails of the priors that `Trees.counts` gives.
        log_spread : ndarray, shape (draws, shares), optional
            Of the source of each proportion of this grove; of as many draws as `theta`.
        power : ndarray, shape (claims,), optional
            Exponent of what each claim says; 1 unless given.
        slopes : bool, keyword
        weight : ndarray, shape (draws, accounts), keyword, optional
        known : bool, keyword
            Whether what is known of the counts is asked for too, with weights and slopes.

        Returns
        -------
        Bound
            `score`, `prior` and `spread` with `slopes`, `mass` with weights.

        Raises
        ------
        InvalidValue
        """
        draws, shares = len(tail), len(self.proportions.rows)
        log_spread = np.zeros((len(theta), 0)) if log_spread is None else log_spread
        if np.shape(log_spread) != (len(theta), shares):
            raise InvalidValue("evaluate.log_spread", log_spread, f"an array of shape {(len(theta), shares)}")
        power = np.ones(len(self.shard.rows)) if power is None else power
        # Some draws at a time, since factors on pairs of cells are many numbers for each.
        step = max(_ENTRIES // max(len(self.proportions.index), 1) // 8, 1) * 8
        if self.known is not None and self.known.lift.looks is not None:
            step = min(step, max(_ENTRIES // len(self.known.lift.look_cells[0]) // 8, 1) * 8)
        if draws <= step:
            return self._evaluate(theta, echo, tail, log_spread, power, slopes, weight, known)
        alike = len(theta) == 1
        parts = [
            self._evaluate(
                theta if alike else theta[k : k + step], echo, tail[k : k + step],
                log_spread if alike else log_spread[k : k + step], power, slopes,
                None if weight is None else weight[k : k + step], known,
            )
            for k in range(0, draws, step)
        ]  # fmt: skip
        names = ("value", "each", "score", "prior", "spread")
        joined = {name: np.concatenate([getattr(part, name) for part in parts]) for name in names}
        masses = {name: np.sum([getattr(part, name) for part in parts], axis=0) for name in ("mass", "known", "asked")}
        return Bound(**joined, **masses)

    def _evaluate(
        self,
        theta: Floats,
        echo: Floats,
        tail: Floats,
        log_spread: Floats,
        power: Floats,
        slopes: bool,
        weight: Floats | None,
        known: bool,
    ) -> Bound:
        engine = choose_likelihood()
        factor, slope = self.proportions.factors(log_spread, slopes=slopes)
        own, layer, alike = self.channels, self.known, len(theta) < len(tail)
        rows = own.rows(theta, echo) if own else engine.rows(self.shard, theta, echo)
        if alike:
            factor = np.repeat(factor, len(tail), axis=0)
        if layer is None:
            rows = np.repeat(rows, len(tail), axis=0) if alike else rows
            found = engine.sum_product(self.shard, self.forest, rows, tail, power, factor, slopes=slopes, weight=weight)
            each, pull = found.each, found.pull
        else:
            read = layer.lift.read(rows, power)
            said, every = np.ascontiguousarray(np.maximum(read.said, LEAST).T), np.ones(len(layer.shard.voice))
            said = np.repeat(said, len(tail), axis=0) if alike else said
            found = engine.sum_product(
                layer.shard, self.forest, said, tail, every, factor, slopes=slopes, weight=weight
            )
            each, pull = found.each + add_in_order(read.scale, layer.account).T, found.pull
        mass = found.mass if weight is None else found.mass[self.shard.cells]
        of_known = then = mass
        if alike:
            return Bound(
                each.sum(axis=1), each, np.zeros((0, len(self.shard.shift), 8)), found.prior, np.zeros((0, 0)), mass,
                of_known, then,
            )  # fmt: skip
        if layer is not None and slopes:
            posterior = layer.lift.back(pull.T, read)
            pull = np.ascontiguousarray((posterior[layer.lift.cell_of] * power[layer.lift.claim_of, None]).T)
            if known and weight is not None:
                of_known = layer.weighted(posterior, mass, weight, self.shard.cells)
                then = layer.asked(posterior, weight, self.shard.cells)
        score = np.zeros((0, len(self.shard.shift), 8))
        if slopes:
            asked = own.slopes(theta, echo, pull) if own else None
            score = engine.slopes(self.shard, theta, echo, pull) if asked is None else asked
        value = np.cumsum(each, axis=1)[:, -1] if len(self.accounts) else np.zeros(len(theta))
        spread = self.proportions.by_spread(slope[: len(found.joint)], found.joint)
        return Bound(value, each, score, found.prior, spread, mass, of_known, then)


@attrs.frozen(eq=False)
class Known:
    """What could be known of the nodes of a grove, one known count for each that claims speak of.

    Attributes
    ----------
    lift : Lift
        Of these nodes.
    shard : Shard
        The grove's, with what all claims about a node say of it in place of the claims.
    account : ndarray of int, shape (accounts + 1,)
        Where the nodes of each account that claims speak of begin among these, and the last end.
    spoken : ndarray of int
        Cells of the shard that these nodes have.
    """

    lift: Lift
    shard: Shard
    account: Ints
    spoken: Ints

    @classmethod
    def of(cls, known: KnownCount, shard: Shard, cells: Cells, node: Ints, rises: Rises | None) -> Known:
        """Prepare; `cells` are those of the nodes, `node` says where those of each account begin and the last end."""
        number, padded = np.diff(shard.claim), np.diff(shard.cell)
        some = np.flatnonzero(number)
        spoken, _ = spans(shard.cell[some], padded[some])
        start, stop, filled = shard.fill_up(cells.start, cells.stop)
        cell, claim = (np.concatenate([[0], np.cumsum(many[some])]) for many in (padded, number))
        ends = start[spoken], stop[spoken], cell
        looks = None
        if rises is not None:
            looks = Looks.of(rises.take(shard.rows, some), claim, cell, start[spoken], stop[spoken])
        lift = Lift(known, ends, ends, filled[spoken], claim, shard.pair, looks)
        claims, pairs = len(some), len(spoken)
        nothing = np.zeros(0)
        bare = attrs.evolve(
            shard, claim=np.concatenate([[0], np.cumsum(number > 0)]), edge=np.zeros(claims + 1, dtype=np.int64),
            pair=cell, fixed=np.zeros((claims, 4)), voice=np.zeros(claims, dtype=np.int32), log_edge=nothing,
            bound=nothing, plain=nothing, tilt=nothing, exact=np.zeros(pairs, dtype=np.float32),
            slip=np.zeros(pairs), slip_tilt=np.zeros(pairs),
            rows=np.arange(claims), heard=np.zeros(claims, dtype=np.bool_),
        )  # fmt: skip
        return cls(lift, bare, np.searchsorted(some, node), spoken)

    def weighted(self, posterior: Floats, mass: Floats, weight: Floats, cells: Ints) -> Floats:
        """Sum posteriors of what is known over draws; of nodes of which no claim speaks, take that of the count.

        Of what is looked at several times the largest is given, so that no cell is left out which is ever held.
        """
        found = np.zeros(len(self.shard.base))
        found[cells] = mass
        (cell, first), look = self.lift.look_cells, self.lift.count_of_look
        account = np.repeat(np.searchsorted(self.account, look, side="right") - 1, np.diff(first))
        known = np.cumsum(posterior * weight.T[account], axis=1)[:, -1]
        most = np.zeros(len(self.spoken))
        np.maximum.at(most, cell, known)
        found[self.spoken] = most
        return found[cells]

    def asked(self, posterior: Floats, weight: Floats, cells: Ints) -> Floats:
        """Sum posteriors of what is known at the times asked for over draws."""
        lift, found = self.lift, np.zeros(len(self.shard.base))
        looks, first = lift.looks, lift.look_cells[1]
        wanted = np.arange(len(lift.claim) - 1) if looks is None else looks.asked
        number = np.diff(lift.cells[2])
        at, count = spans(first[wanted], number)
        account = np.searchsorted(self.account, count, side="right") - 1
        found[self.spoken] = np.cumsum(posterior[at] * weight.T[account], axis=1)[:, -1]
        return found[cells]


@attrs.frozen(eq=False)
class _Numbered:
    """The nodes and joins of all accounts, numbered through.

    Attributes
    ----------
    node, join : ndarray of int, shape (accounts + 1,)
        Where those of each account begin.
    whole, left, right : ndarray of int, shape (joins,)
        In an order in which the parts of every join come before it; -1 where the rest is anything.
    place : ndarray of int, shape (joins,)
        Where each join stands here, in the order of the accounts' own.
    kind : ndarray of int, shape (nodes,)
        Which count prior; -1 for none.
    split, part : ndarray of int
        Nodes that are split, once for each k from 1 to the number of parts, and k.
    """

    node: Ints
    join: Ints
    whole: Ints
    left: Ints
    right: Ints
    place: Ints
    kind: Ints
    split: Ints
    part: Ints

    @classmethod
    def of(cls, accounts: Sequence[Account], kinds: dict[tuple[str, bool], int]) -> _Numbered:
        joins: list[tuple[int, int, int, int]] = []
        node, join = [0], [0]
        splits: list[tuple[int, int]] = []
        kind: list[int] = []
        for account in accounts:
            at = node[-1]
            for number in _parts_first(account):
                one = account.joins[number]
                joins.append(
                    (at + one.whole, at + one.left, -1 if one.right is None else at + one.right, join[-1] + number)
                )
            own = [account.priors.get(n) for n in range(len(account.nodes))]
            kind += [-1 if prior is None else kinds[prior.outcome, prior.remainder] for prior in own]
            splits += [(at + whole, k) for whole, parts in account.splits for k in range(1, parts + 1)]
            node.append(at + len(account.nodes))
            join.append(len(joins))
        whole, left, right, number_of = np.array(joins, dtype=np.int64).reshape(-1, 4).T.copy()
        place = np.argsort(number_of)
        split, part = np.array(splits, dtype=np.int64).reshape(-1, 2).T.copy()
        return cls(np.array(node), np.array(join), whole, left, right, place, np.array(kind), split, part)

    def base(self, cells: Cells) -> Floats:
        """Logarithm of what splits say of a count of each cell, less that of the width where there is a prior."""
        width = cells.stop - cells.start
        owner = np.repeat(np.arange(len(self.kind)), np.diff(cells.first))
        found = np.where(self.kind[owner] >= 0, -logarithm(width.astype(float)), 0.0)
        at, split = spans(cells.first[self.split], np.diff(cells.first)[self.split])
        part, center = self.part[split], _centers(cells)[at]
        np.add.at(found, at, logarithm(part / (center + part)))
        return found


def _parts_first(account: Account) -> list[int]:
    """Order the joins of an account, each after those below it."""
    below = {part for join in account.joins for part in (join.left, join.right)}
    of: dict[int, list[int]] = {}
    for number, join in enumerate(account.joins):
        of.setdefault(join.whole, []).append(number)
    order, stack = [], [node for node in range(len(account.nodes)) if node not in below]
    while stack:
        for number in of.get(stack.pop(), ()):
            order.append(number)
            join = account.joins[number]
            stack += [join.left] if join.right is None else [join.left, join.right]
    return order[::-1]


def _centers(cells: Cells) -> Floats:
    """The count itself, or the geometric middle of a wide cell."""
    middle: Floats = np.where(
        cells.stop - cells.start <= 1, cells.start, np.sqrt((cells.start + 0.5) * (cells.stop - 0.5)) - 0.5
    )
    return middle


def find_points(
    account: Account,
    claimed: Sequence[Iterable[tuple[int, bool]]],
    shares: Iterable[tuple[int, int, float, float]] = (),
) -> list[list[int]]:
    """Say near which numbers each count of an account may be pinned.

    These are the numbers claimed of it, and what the identities make of them: on the way up a whole gains sums of its
    parts, on the way down a part gains what is left of its whole. Those that combine fewest claims come first, and ends
    of what is less than exact come late: they pin nothing, but a count without any number would have wide cells alone.

    Parameters
    ----------
    account : Account
    claimed : sequence of iterable of (int, bool)
        For each node the numbers that claims name, and whether they name them as exact.
    shares : iterable of (part, whole, low, high), optional
        What claims set in proportion, by node, and between which shares.

    Returns
    -------
    list of list of int
        For each node, at most `MOST_POINTS` beside those that are claimed.
    """
    # How many claims each number combines, less 1.
    steps_of = [{n: 0 if sure else _VAGUE for n, sure in sorted(numbers)} for numbers in claimed]
    ordered = [account.joins[number] for number in _parts_first(account)]
    joins = [(join.whole, join.left, join.right) for join in ordered if join.right is not None]

    def gain(node: int, found: dict[int, int]) -> set[int]:
        """Keep those that combine fewest claims; give what is new."""
        mine, new = steps_of[node], set()
        for n, steps in sorted(found.items(), key=lambda item: (item[1], item[0])):
            if n not in mine and len(mine) < MOST_POINTS:
                mine[n] = steps
                new.add(n)
        return new

    def combine(one: dict[int, int], other: dict[int, int], sign: int) -> dict[int, int]:
        """Add, or take away, each of the others."""
        found: dict[int, int] = {}
        for a, i in one.items():
            for b, k in other.items():
                if 0 <= (n := a + sign * b) <= TOP:
                    found[n] = min(found.get(n, i + k + 1), i + k + 1)
        return found

    for part, whole, low, high in shares:
        ends = {share for share in (low, high) if 0 < share <= 1}
        own = dict(steps_of[part])
        gain(part, {round(n * share): _VAGUE for n in steps_of[whole] for share in ends})
        gain(whole, {round(n / share): _VAGUE for n in own for share in ends if n / share <= TOP})
    sums = [gain(whole, combine(steps_of[left], steps_of[right], 1)) for whole, left, right in joins]
    for (whole, left, right), own_sums in reversed(list(zip(joins, sums, strict=True))):
        # A sum less one of its parts would be the other part again.
        total = {n: steps for n, steps in steps_of[whole].items() if n not in own_sums}
        below = combine(total, steps_of[right], -1), combine(total, steps_of[left], -1)
        gain(left, below[0])
        gain(right, below[1])
    return [sorted({n for n, _ in numbers} | set(more)) for numbers, more in zip(claimed, steps_of, strict=True)]


@attrs.frozen(eq=False)
class Trees:
    """Accounts that are trees, laid out for computing.

    Attributes
    ----------
    accounts : tuple of Account
    claims : Claims
        Events are the nodes of all accounts, one account after the other; outcomes are those of `kinds`.
    columns : ndarray of int, shape (8, n)
        See `build_shards`.
    none : int
        How many parameters the problem has.
    outcomes : tuple of str
        Whose count priors are learned, in their order.
    model : Model
    proportions : tuple of Proportion
    cells : Cells
        Of all nodes.
    kinds : tuple of (str, bool)
        The different count priors: an outcome, and whether it is that of a remainder.
    groves : tuple of Grove
    edges : CountEdges
    rises : Rises, optional
        Of the nodes and claims.
    """

    accounts: tuple[Account, ...]
    claims: Claims
    columns: Ints
    none: int
    outcomes: tuple[str, ...]
    model: Model
    proportions: tuple[Proportion, ...]
    cells: Cells
    kinds: tuple[tuple[str, bool], ...]
    groves: tuple[Grove, ...]
    edges: CountEdges
    rises: Rises | None = None

    @classmethod
    def of(
        cls,
        accounts: Sequence[Account],
        claims: Claims,
        columns: Ints,
        outcomes: Sequence[str],
        model: Model,
        none: int,
        proportions: Sequence[Proportion] = (),
        cells: Cells | None = None,
        rises: Rises | None = None,
    ) -> Trees:
        """Lay accounts out.

        Parameters
        ----------
        accounts : sequence of Account
        claims : Claims
            About the nodes of all accounts, numbered through; their outcomes are found here.
        columns : ndarray of int, shape (8, n)
            Where the parameters of each claim stand among those of the problem.
        outcomes : sequence of str
            Whose count priors are learned.
        model : Model
        none : int
            How many parameters the problem has.
        proportions : sequence of Proportion, optional
        cells : Cells, optional
            Of all nodes; by default fine near the numbers that are claimed or implied.
        rises : Rises, optional
            Of all nodes and the claims.

        Raises
        ------
        InvalidValue
            For an account that is no tree, claims about other nodes, an outcome that is not named, or a proportion that
            its account does not know.
        """
        _check(accounts, claims, outcomes, proportions)
        kinds = sorted({(p.outcome, p.remainder) for account in accounts for p in account.priors.values()})
        numbered = _Numbered.of(accounts, {kind: at for at, kind in enumerate(kinds)})
        claims = attrs.evolve(claims, outcome=np.maximum(numbered.kind, 0))
        if cells is None:
            cells = _lay_cells(accounts, claims, numbered.node, proportions)
        tasks = attrs.evolve(Tasks.of(claims, cells), base=numbered.base(cells))
        number = np.append(np.diff(cells.first), 1)
        work = np.bincount(
            np.repeat(np.arange(len(accounts)), np.diff(numbered.join)), number[numbered.left] * number[numbered.right],
            len(accounts),
        )  # fmt: skip
        ends = cut_evenly(work.astype(np.int64) + np.diff(cells.first[numbered.node]), _WORK)
        priors = [model.count_prior(outcome) for outcome, _ in kinds]
        wide = np.array([prior.wide for prior in priors]).reshape(-1, 3)
        shards, edges = build_shards(claims, columns, tasks, wide, none, numbered.node[ends])
        given = tuple(proportions)
        groves = tuple(
            _plant(shard, a, z, cells, numbered, accounts, given, model.known, rises)
            for shard, a, z in zip(shards, ends[:-1].tolist(), ends[1:].tolist(), strict=True)
        )
        return cls(
            tuple(accounts), claims, columns, none, tuple(outcomes), model, given, cells, tuple(kinds), groves, edges,
            rises,
        )  # fmt: skip

    @functools.cached_property
    def _places(self) -> tuple[Ints, Floats]:
        """Outcome of each kind, and the logit of its probability of 0 where that is not learned, else NaN."""
        outcome = np.array([self.outcomes.index(name) for name, _ in self.kinds], dtype=np.int64)
        fixed = [self.model.count_prior(name, remainder=True).zero if rest else np.nan for name, rest in self.kinds]
        zero = np.array(fixed, dtype=float)
        return outcome, np.log(zero) - np.log1p(-zero)

    def counts(self, values: Floats) -> Floats:
        """Parameters of the priors of all kinds; those of a remainder are its outcome's, but for the probability of 0.

        Parameters
        ----------
        values : ndarray, shape (draws, outcomes, 4)

        Returns
        -------
        ndarray, shape (draws, kinds, 4)
        """
        outcome, zero = self._places
        found = np.ascontiguousarray(values[:, outcome])
        found[:, :, 0] = np.where(np.isnan(zero), found[:, :, 0], zero)
        return found

    def by_outcome(self, slopes: Floats, prior: Floats) -> Floats:
        """Turn derivatives by tails into those by the count parameters of outcomes.

        Parameters
        ----------
        slopes : ndarray, shape (draws, kinds, 4, places)
            Of the tails.
        prior : ndarray, shape (draws, kinds, places)
            Summed over groves.

        Returns
        -------
        ndarray, shape (draws, outcomes, 4)
        """
        outcome, zero = self._places
        found = np.zeros((len(prior), len(self.outcomes), COUNTS))
        by = choose_likelihood().by_counts(slopes, prior)
        by[:, ~np.isnan(zero), 0] = 0.0
        for kind, at in enumerate(outcome):
            found[:, at] += by[:, kind]
        return found

    def reduced(self, mass: Floats, least: float = NEGLIGIBLE) -> tuple[Trees, Ints]:
        """Leave out cells that hold next to nothing, but for that of 0; also say where the others stood.

        Parameters
        ----------
        mass : ndarray, shape (cells,)
            Posterior of the cells at typical parameters: the `mass` of all groves, one after the other.
        least : float
        """
        cells, at = self.cells.without(mass, least)
        made = self.of(
            self.accounts, self.claims, self.columns, self.outcomes, self.model, self.none, self.proportions, cells,
            self.rises,
        )  # fmt: skip
        return made, at


def _check(
    accounts: Sequence[Account], claims: Claims, outcomes: Sequence[str], proportions: Sequence[Proportion]
) -> None:
    for account in accounts:
        if not account.is_tree:
            raise InvalidValue("Trees.accounts", account.quantities, "accounts whose identities form a tree")
        for prior in account.priors.values():
            if prior.outcome not in outcomes:
                raise InvalidValue("Trees.outcomes", tuple(outcomes), f"names that include {prior.outcome!r}")
    nodes = sum(len(account.nodes) for account in accounts)
    event = claims.event
    if len(event) and (event.min() < 0 or event.max() >= nodes or np.any(np.diff(event) < 0)):
        raise InvalidValue("Trees.claims", event, f"nodes from 0 to {nodes - 1}, in ascending order")
    for one in proportions:
        if not 0 <= one.account < len(accounts) or (one.part, one.whole) not in accounts[one.account].shares:
            raise InvalidValue("Trees.proportions", one, "a part and a whole that `Account.shares` names")


def _lay_cells(accounts: Sequence[Account], claims: Claims, node: Ints, proportions: Sequence[Proportion]) -> Cells:
    """Lay out cells that are fine near the numbers that are claimed of each node, or implied."""
    said: list[list[tuple[int, bool]]] = [[] for _ in range(int(node[-1]))]
    for event, value in zip(claims.event.tolist(), claims.value.tolist(), strict=True):
        meaning = claims.meanings[value]
        low, high = float(meaning.low[0]), float(meaning.high[0])
        said[event] += [(int(n), low == high) for n in {low, high} if np.isfinite(n)]
    shares: list[list[tuple[int, int, float, float]]] = [[] for _ in accounts]
    for one in proportions:
        meaning = one.term.meaning
        shares[one.account].append((one.part, one.whole, float(meaning.low[0]), float(meaning.high[0])))
    points: list[list[int]] = []
    for account, begin, mine in zip(accounts, node[:-1].tolist(), shares, strict=True):
        points += find_points(account, said[begin : begin + len(account.nodes)], mine)
    number = np.array([len(near) for near in points], dtype=np.int64)
    every = np.array([n for near in points for n in near], dtype=float)
    return Cells.around(np.repeat(np.arange(len(points)), number), every, len(points))


def _plant(
    shard: Shard,
    a: int,
    z: int,
    cells: Cells,
    numbered: _Numbered,
    accounts: Sequence[Account],
    given: Sequence[Proportion],
    known: KnownCount | None,
    rises: Rises | None,
) -> Grove:
    """Make the forest of the accounts from `a` to before `z`."""
    nodes = slice(int(numbered.node[a]), int(numbered.node[z]))
    joins = slice(int(numbered.join[a]), int(numbered.join[z]))
    mine = cells.only(np.arange(nodes.start, nodes.stop))
    whole, left, right = numbered.whole[joins] - nodes.start, numbered.left[joins] - nodes.start, numbered.right[joins]
    right = np.where(right >= 0, right - nodes.start, -1)
    rows = [at for at, one in enumerate(given) if a <= one.account < z]
    number = [numbered.join[given[at].account] + accounts[given[at].account].shares[_ends(given[at])] for at in rows]
    spoken = numbered.place[np.array(number, dtype=np.int64)] - joins.start
    shared = np.zeros(len(whole), dtype=np.bool_)
    shared[spoken] = True
    arrays, ends = count_couples(mine, shard.cell, whole, left, right, shared)
    width = np.ones(len(shard.base))
    width[shard.cells] = mine.stop - mine.start
    forest = Forest(
        node=numbered.node[a : z + 1] - nodes.start,
        join=numbered.join[a : z + 1] - joins.start,
        cell=shard.cell,
        owns=(numbered.kind[nodes] >= 0).astype(np.int32),
        width=width,
        whole=whole.astype(np.int32),
        left=left.astype(np.int32),
        right=right.astype(np.int32),
        **arrays,
    )
    proportions = Proportions.of(rows, [given[at].term for at in rows], spoken, forest, _centers(mine)[ends])
    layer = None
    if rises is not None:
        rises = rises.take(np.arange(len(rises.time)), np.arange(nodes.start, nodes.stop))
        known = SURE if known is None else known
    if known is not None and len(shard.rows):
        layer = Known.of(known, shard, mine, forest.node, rises)
    return Grove(np.arange(a, z), shard, forest, proportions, layer)


def _ends(one: Proportion) -> tuple[int, int]:
    return one.part, one.whole
