# SPDX-License-Identifier: MIT
"""A corpus as a whole: sources learned from all of it, counts that stand alone and counts that are linked.

Sources are learned from each count by itself; counts that identities bind together are then solved exactly, given draws
of the source parameters.
"""

from __future__ import annotations

import datetime
import functools
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Executor
from typing import TYPE_CHECKING, TypeAlias

import attrs
import numpy as np
from numpy.typing import NDArray

from reconcile.accounts import Account, box, build_accounts
from reconcile.channels import mean_expit
from reconcile.claims import Claim
from reconcile.errors import UnknownQuantity
from reconcile.estimates import Estimate, Role, SourceEstimate
from reconcile.inference.arrays import CountEdges
from reconcile.inference.batches import choose_likelihood
from reconcile.inference.fit import COARSE, Fit, fit
from reconcile.inference.hierarchy import RELATIONS, Hierarchy
from reconcile.inference.layouts import Column, Layout, Rise, columns_of
from reconcile.inference.likelihood import Term
from reconcile.inference.linked_counts import rows_of
from reconcile.inference.lone_counts import ConditionalEvidence
from reconcile.inference.problems import CorpusProblem, Linked, build_problem, known_quantities, outermost
from reconcile.inference.rising import round_hours
from reconcile.inference.sampling import sample_account
from reconcile.model import Learned, Model
from reconcile.notes import (
    describe_contradiction,
    describe_times,
    find_contradictions,
    find_repetitions,
    find_rising,
)
from reconcile.pmf import PMF, TOP, Lattice
from reconcile.roles import ROLE_CODES, Roles
from reconcile.times import find_times, hours_of
from reconcile.vocabulary import Quantity, Relation

if TYPE_CHECKING:
    from collections.abc import Callable

    from reconcile.columns import Columns, Moments

__all__ = ["CorpusFit", "Estimates", "doubts", "fit_corpus", "solve_accounts"]

Ints: TypeAlias = NDArray[np.int64]
Floats: TypeAlias = NDArray[np.float64]

POOL = 1_024  # draws of the sources that accounts whose identities cross pick from


@attrs.frozen(eq=False)
class CorpusFit:
    """What was learned, and from what.

    Attributes
    ----------
    columns : Columns
    roles : Roles
    corpus_problem : CorpusProblem
    fit : Fit
    """

    columns: Columns
    roles: Roles
    corpus_problem: CorpusProblem
    fit: Fit

    def source(self, name: str) -> SourceEstimate | None:
        """Give what was learned of a source; None for one without a claim that is used."""
        at = next((k for k, source in enumerate(self.columns.sources) if source.name == name), None)
        if at is None or self.corpus_problem.speaker[at] < 0:
            return None
        speaker = int(self.corpus_problem.speaker[at])
        layout, xs = self.fit.hierarchy, self.fit.xs
        places = np.unique(layout.place[speaker])
        draws = {(layout.names[p].name, layout.names[p].relation): xs[:, p] for p in places if p < len(layout)}
        claims = int(np.count_nonzero(self.roles.origin[self.corpus_problem.rows] == at))
        return SourceEstimate(self.columns.sources[at], claims, draws)

    def times_of(self, ids: Sequence[str]) -> list[int]:
        """Times at which claims speak of tolls that rise; -1 for the others."""
        rises = self.corpus_problem.problem.rises
        if rises is None:
            return [-1] * len(ids)
        known = {self.columns.id(int(self.corpus_problem.rows[at])): int(rises.time[at]) for at in self._timed}
        return [known.get(one, -1) for one in ids]

    @functools.cached_property
    def rising(self) -> frozenset[Quantity]:
        """Quantities of which a claim speaks at a time at which they rise."""
        codes = np.unique(self.columns.quantity[self.corpus_problem.rows[self._timed]])
        return frozenset(self.columns.quantities[int(code)] for code in codes)

    @functools.cached_property
    def _timed(self) -> Ints:
        """Claims of the problem that speak at a time."""
        rises = self.corpus_problem.problem.rises
        return np.flatnonzero(rises.time >= 0) if rises is not None else np.zeros(0, dtype=np.int64)

    def known_by(self, moment: Moments) -> dict[int, PMF]:
        """Give what is known at a moment of quantities whose tolls rise, by their code in the columns."""
        problem, count = self.corpus_problem.problem, self.corpus_problem.count
        hours = np.full(len(problem.claims.outcome), np.nan)
        rising = set() if problem.rises is None else set(problem.claims.event[problem.rises.time >= 0].tolist())
        codes = [code for code, at in enumerate(count.tolist()) if at in rising]
        for code in codes:
            hours[count[code]] = hours_of(self.columns, code, moment)
        asked = round_hours(hours)
        found = self.fit.known_then(asked) if np.any(asked >= 0) else {}
        return {code: found[int(count[code])] for code in codes if int(count[code]) in found}

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the sources that were learned."""
        return tuple(s.name for s, k in zip(self.columns.sources, self.corpus_problem.speaker, strict=True) if k >= 0)

    def learned(self, before: Learned | None, *, seen: frozenset[str] = frozenset()) -> Learned:
        """Give what was learned in a form for later claims."""
        found = self.fit.learned(before)
        return attrs.evolve(found, seen=seen | (before.seen if before else frozenset()))


class Estimates(Mapping[Quantity, Estimate]):
    """Estimates that are made when they are asked for.

    Parameters
    ----------
    corpus_fit : CorpusFit
    linked : mapping of box to PMF
        Counts that identities bind together.
    wholes : frozenset of Quantity
        Quantities of which claims state shares only.
    model : Model
    """

    def __init__(
        self, corpus_fit: CorpusFit, linked: Mapping[object, PMF], wholes: frozenset[Quantity], model: Model
    ) -> None:
        self._teaching, self._linked, self._wholes, self._model = corpus_fit, linked, wholes, model
        columns, roles = corpus_fit.columns, corpus_fit.roles
        self._known = known_quantities(columns, roles)
        self._rows = np.argsort(columns.quantity, kind="stable")
        self._first = np.searchsorted(columns.quantity[self._rows], np.arange(len(columns.quantities) + 1))
        self._order: tuple[Quantity, ...] | None = None
        self._by_event: dict[str, Ints] | None = None

    def _code(self, quantity: object) -> int | None:
        if not isinstance(quantity, Quantity):
            return None
        table = self._teaching.columns.quantities
        if self._by_event is None:
            event = table.event[self._known]
            order = self._known[np.argsort(event, kind="stable")]
            kinds, first = np.unique(table.event[order], return_index=True)
            parts = np.split(order, first[1:])
            self._by_event = {table.events.ids[int(k)]: part for k, part in zip(kinds, parts, strict=len(kinds) > 0)}
        found = self._by_event.get(quantity.event.id, ())
        return next((int(k) for k in found if table[int(k)] == quantity), None)

    def __getitem__(self, quantity: Quantity) -> Estimate:
        code = self._code(quantity)
        if code is None:
            if quantity not in self._wholes:
                raise KeyError(quantity)
            return Estimate(quantity, self._linked[box(quantity)], ())
        rows = self._rows[self._first[code] : self._first[code + 1]]
        roles = sorted((self._teaching.roles[int(row)] for row in rows), key=lambda role: role.claim.id)
        linked = self._linked.get(box(quantity)) if len(self._linked) else None
        count = int(self._teaching.corpus_problem.count[code])
        pmf = linked or (self._teaching.fit.pmf(count) if count >= 0 else self._assumed(quantity))
        read = self._model.speech.read
        used = [role.claim for role in roles if role.role is Role.USED and role.claim.whole is None]
        meanings = [read(claim.value) for claim in used]
        ends = [(m.low.min(), m.high.max(), c) for m, c in zip(meanings, used, strict=True)]
        apart, _ = describe_contradiction(ends, self._teaching.times_of([claim.id for claim in used]))
        return Estimate(quantity, pmf, tuple(roles), apart)

    def _assumed(self, quantity: Quantity) -> PMF:
        """Give what is assumed of a count that no claim speaks of any more, since it was replaced by one of another."""
        fit, (account,) = self._teaching.fit, build_accounts([quantity])
        lattice = Lattice.around({1})
        (prior,) = node_priors(account, lattice, fit.hierarchy, self._model, fit.xs)
        return PMF(lattice, prior.mean(axis=0) * lattice.width)

    def __iter__(self) -> Iterator[Quantity]:
        if self._order is None:
            table = self._teaching.columns.quantities
            every = {*(table[int(k)] for k in self._known), *self._wholes}
            self._order = tuple(sorted(every, key=lambda quantity: quantity.key))
        return iter(self._order)

    def __len__(self) -> int:
        if self._wholes:
            return sum(1 for _ in self)
        return len(self._known)


def fit_corpus(
    columns: Columns,
    roles: Roles,
    model: Model,
    *,
    seed: int,
    draws: int | None,
    ess: float,
    learn: bool,
    executor: Executor | None,
    report: Callable[[str], None],
    near: Fit | None = None,
    error: float = COARSE,
    looked_until: datetime.date | None = None,
) -> CorpusFit:
    """Fit the model to all claims; see `fit.fit`."""
    corpus_problem = build_problem(columns, roles, model, learn=learn, looked_until=looked_until)
    found = fit(
        corpus_problem.problem, seed=seed, draws=draws, ess=ess, error=error, near=near, executor=executor,
        report=report,
    )  # fmt: skip
    return CorpusFit(columns, roles, corpus_problem, found)


def solve_accounts(
    corpus_fit: CorpusFit, model: Model, *, seed: int
) -> tuple[dict[object, PMF], dict[str, str], float]:
    """Give the counts that identities bind together: those of trees are summed out already, others are sampled.

    Returns
    -------
    pmfs : dict of box to PMF
    engines : dict of quantity key to str
    error : float
    """
    pmfs: dict[object, PMF] = {}
    engines: dict[str, str] = {}
    error = 0.0
    for linked, found in corpus_fit.fit.pmfs():
        for quantity, pmf in zip(linked.account.nodes, found, strict=True):
            if quantity is not None:
                pmfs[box(quantity)] = pmf
                engines[quantity.key] = "exact"
    crossing = [one for one in corpus_fit.corpus_problem.problem.linked if not one.account.is_tree]
    if crossing:
        now = attrs.evolve(model, learned=corpus_fit.learned(model.learned))
    for linked in crossing:
        rows = [
            int(corpus_fit.corpus_problem.rows[at])
            for at in rows_of(corpus_fit.corpus_problem.problem, [k for k in linked.counts if k >= 0])
        ]
        rows += [one.row for one in linked.shares]
        marginals, gap, lattice = _sample(corpus_fit, now, linked, rows, seed)
        error, lattice = max(error, gap), lattice.bare()
        for node, quantity in enumerate(linked.account.nodes):
            if quantity is not None:
                pmfs[box(quantity)] = PMF(lattice, marginals[node] / marginals[node].sum())
                engines[quantity.key] = "gibbs"
    return pmfs, engines, error


@attrs.frozen(eq=False)
class PreparedAccount:
    """The claims of an account made ready, with draws of what was learned of their sources.

    Attributes
    ----------
    layout : Layout
    rows : tuple of int
        Row of each claim in the columns of the corpus.
    terms : tuple of (nodes, Term)
        In the same order.
    theta : mapping of Column to ndarray, shape (draws,)
        Parameters of the sources.
    """

    layout: Layout
    rows: tuple[int, ...]
    terms: tuple[tuple[tuple[int, ...], Term], ...]
    theta: dict[Column, Floats]


def places_of(corpus_problem: CorpusProblem, rows: Sequence[int]) -> dict[int, int]:
    """Say which claim of a problem each row of the columns is; those that it does not hold are left out."""
    order = np.argsort(corpus_problem.rows)
    if not len(order):
        return {}
    at = order[np.minimum(np.searchsorted(corpus_problem.rows[order], rows), len(order) - 1)]
    return {row: int(k) for row, k in zip(rows, at, strict=True) if corpus_problem.rows[k] == row}


def prepare_account(
    corpus_fit: CorpusFit, model: Model, account: Account, rows: Sequence[int], xs: Floats
) -> PreparedAccount:
    """Make the claims of an account ready at draws of all parameters.

    Parameters
    ----------
    corpus_fit : CorpusFit
    model : Model
        Whose count priors the counts have.
    account : Account
    rows : sequence of int
        Of the claims that are used.
    xs : ndarray, shape (draws, p)
    """
    corpus_problem, hierarchy, problem = corpus_fit.corpus_problem, corpus_fit.fit.hierarchy, corpus_fit.fit.problem
    floor = problem.echoes.floor(problem.source)
    place = places_of(corpus_problem, rows)
    rises, rise_of = problem.rises, dict[int, Rise]()
    terms = []
    theta: dict[Column, Floats] = {}
    for row in rows:
        role = corpus_fit.roles[row]
        term = Term.of(role.claim, role.origin, role.relation, model)
        # Where one claim is left out another may be the later one, so that a source may copy which otherwise could not.
        term = attrs.evolve(term, echo=(0.0, 1.0))
        speaker, relation = int(corpus_problem.speaker[corpus_fit.roles.origin[row]]), role.relation
        for name, (_, mean, sd) in term.priors().items():
            heard = Relation.THIRD if term.is_share else relation
            at = int(hierarchy.place[speaker, RELATIONS.index(heard), problem.slots.index(name)])
            if at < len(hierarchy):
                theta[columns_of(term)[name]] = xs[:, at]
            else:
                chance = float(mean_expit(mean, sd))
                theta.setdefault(columns_of(term)[name], np.full(len(xs), np.log(chance) - np.log1p(-chance)))
        echo, power, time = (0.0, 0.0), 1.0, -1
        nodes = account.places(role.claim.quantity, role.claim.whole)
        if row in place:
            at = place[row]
            echo, power = (float(floor[0, at]), float(floor[1, at])), float(problem.power[at])
            if rises is not None and (time := int(rises.time[at])) >= 0:
                count = int(problem.claims.event[at])
                rise_of[nodes[0]] = Rise(str(rises.kind[count]), bool(rises.day[count]), float(rises.doubt[count]))
        terms.append((nodes, attrs.evolve(term, echo=echo, power=power, time=time)))
    return PreparedAccount(Layout.of(account, terms, model, rise_of), tuple(rows), tuple(terms), theta)


def node_priors(account: Account, lattice: Lattice, layout: Hierarchy, model: Model, xs: Floats) -> list[Floats]:
    """Average prior probability of a count in each cell, for each node and each draw; shape (s, n) or (1, n) each."""
    outcomes = [layout.names[int(at)].owner for at in layout.counts[:, 0]]
    edges = CountEdges.of(np.append(lattice.low, TOP + 1), layout.wide)
    values, size = layout.count_values(xs), len(lattice)
    found = [np.ones((1, size)) for _ in account.nodes]
    known: dict[object, Floats] = {}
    for node, prior in account.priors.items():
        if prior not in known and prior.outcome not in outcomes:
            assumed = model.count_prior(prior.outcome, remainder=prior.remainder)
            known[prior] = assumed.mass(lattice)[None] / lattice.width
        elif prior not in known:
            mine = values
            if prior.remainder:
                zero = model.count_prior(prior.outcome, remainder=True).zero
                mine = values.copy()
                mine[:, :, 0] = np.log(zero) - np.log1p(-zero)
            tails, _ = choose_likelihood().tails(edges, mine, slopes=False)
            mass = np.maximum(-np.diff(tails[:, outcomes.index(prior.outcome), : size + 1], axis=1), 0.0)
            known[prior] = mass / lattice.width
        found[node] = found[node] * known[prior]
    for whole, parts in account.splits:
        for k in range(1, parts + 1):
            found[whole] = found[whole] * (k / (lattice.center + k))
    return found


def account_of(corpus_fit: CorpusFit, quantity: Quantity) -> tuple[Account, list[int]]:
    """Find the account of a quantity, and the rows of all claims about its counts, whatever they do.

    Raises
    ------
    UnknownQuantity
        Where no claim that is heard speaks of the quantity's event.
    """
    columns, roles = corpus_fit.columns, corpus_fit.roles
    table, root = columns.quantities, outermost(columns.quantities.events.whole.astype(np.int64))
    heard = roles.heard
    event = next((k for k, name in enumerate(table.events.ids) if name == quantity.event.id), None)
    if event is None:
        raise UnknownQuantity(str(quantity))
    near = np.flatnonzero(root[table.event[columns.quantity]] == root[event])
    said = {int(row): columns.claim(int(row)) for row in near}
    used = {row for row in said if roles.used[row]}
    mentioned = {claim.quantity for row, claim in said.items() if heard[row]}
    pairs = {(said[row].quantity, whole) for row in used if (whole := said[row].whole) is not None}
    accounts = build_accounts({*mentioned, *(whole for _, whole in pairs)}, pairs)
    mine = next((one for one in accounts if box(quantity) in {box(q) for q in one.quantities}), None)
    if mine is None:
        raise UnknownQuantity(str(quantity))
    inside = {box(q) for q in mine.quantities}
    return mine, [row for row, claim in said.items() if box(claim.quantity) in inside]


def _sample(
    corpus_fit: CorpusFit, model: Model, linked: Linked, rows: list[int], seed: int
) -> tuple[list[Floats], float, Lattice]:
    """Sample the counts of an account whose identities cross; with the error.

    What its counts, each by itself, taught of the sources is taken back, since they are all looked at together here.
    """
    xs = corpus_fit.fit.hierarchy.unfold(corpus_fit.fit.even(POOL))
    ready = prepare_account(corpus_fit, model, linked.account, rows, xs)
    problem = corpus_fit.fit.problem
    counts = np.array(sorted(count for count in linked.counts if count >= 0), dtype=np.int64)
    log_weight = np.zeros(len(xs))
    if len(counts):
        log_weight = -ConditionalEvidence.of(problem.only(counts), map).values(xs)[0]
    marginals, error = sample_account(ready.layout, ready.theta, log_weight, rng=np.random.default_rng(seed))
    return marginals, error, ready.layout.lattice


def doubts(corpus_fit: CorpusFit) -> list[str]:
    """Say what is doubtful in the learning, and in the claims; see `notes`."""
    columns, corpus_problem, claims = corpus_fit.columns, corpus_fit.corpus_problem, corpus_fit.fit.problem.claims
    low = np.array([m.low.min() for m in claims.meanings])[claims.value]
    high = np.array([m.high.max() for m in claims.meanings])[claims.value]
    origin = corpus_fit.roles.origin[corpus_problem.rows].astype(np.int64)

    def claim(at: int) -> Claim:
        found: Claim = columns.claim(int(corpus_problem.rows[at]))
        return found

    rises, times, rows = corpus_problem.problem.rises, find_times(columns), corpus_problem.rows
    time = np.full(len(claims.event), -1, dtype=np.int64) if rises is None else rises.time
    standing = np.flatnonzero(corpus_fit.roles.part[corpus_problem.rows] == ROLE_CODES.index(Role.USED))
    rising = corpus_problem.problem.model.rising is not None
    early = [columns.claim(int(row)) for row in rows[times.early[rows]]] if rising else []
    return [
        *corpus_fit.fit.notes,
        *find_contradictions(claims.event, low, high, claim, time),
        *find_repetitions(claims.event[standing], origin[standing], columns.sources, lambda at: claim(standing[at])),
        *find_rising(time, claims.event, claim),
        *describe_times(int(times.local[rows].sum()) if rising else 0, early),
    ]
