# SPDX-License-Identifier: MIT
"""A corpus as a whole: sources learned from all of it, counts that stand alone and counts that are linked.

Sources are learned from each count by itself; counts that identities bind together are then solved exactly, given draws
of the source parameters.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Executor
from typing import TYPE_CHECKING, Literal, TypeAlias

import attrs
import numpy as np
from numpy.typing import NDArray

from reconcile.accounts import Account, box, build_accounts
from reconcile.arrays import PARAMETERS
from reconcile.channels import Denial
from reconcile.claims import Claim
from reconcile.components import Component, Draws, Task
from reconcile.dependence import PARTS, Roles
from reconcile.errors import UnknownQuantity
from reconcile.estimates import Estimate, Part, SourceEstimate
from reconcile.gibbs import sample_lesson
from reconcile.hierarchy import RELATIONS
from reconcile.learning import Lesson, learn
from reconcile.likelihood import Term
from reconcile.model import Learned, Model
from reconcile.notes import describe_contradiction, find_contradictions, find_repetitions
from reconcile.plumbing import check
from reconcile.pmf import PMF, TOP, Lattice
from reconcile.problems import Posed, pose
from reconcile.sampling import CHAINS, sample_component
from reconcile.values import Share
from reconcile.vocabulary import Quantity, Relation

if TYPE_CHECKING:
    from collections.abc import Callable

    from reconcile.columns import Columns

__all__ = ["Estimates", "Teaching", "doubts", "known_quantities", "solve_linked", "teach"]

Ints: TypeAlias = NDArray[np.int64]
Floats: TypeAlias = NDArray[np.float64]

LINKED_DRAWS = 64  # of source parameters, for counts that are bound together


@attrs.frozen(eq=False)
class Teaching:
    """What was learned, and from what.

    Attributes
    ----------
    columns : Columns
    roles : Roles
    posed : Posed
    lesson : Lesson
    """

    columns: Columns
    roles: Roles
    posed: Posed
    lesson: Lesson

    def source(self, name: str) -> SourceEstimate | None:
        """Give what was learned of a source; None for one without a claim that is used."""
        at = next((k for k, source in enumerate(self.columns.sources) if source.name == name), None)
        if at is None or self.posed.speaker[at] < 0:
            return None
        speaker = int(self.posed.speaker[at])
        label = self.posed.speakers[speaker][1]
        layout, xs = self.lesson.problem.hierarchy, self.lesson.xs
        places = np.unique(layout.place[speaker])
        draws = {(layout.names[p].name, layout.names[p].relation): xs[:, p] for p in places if p < len(layout)}
        claims = int(np.count_nonzero(self.roles.origin[self.posed.rows] == at))
        return SourceEstimate(self.columns.sources[at], claims, draws, shared=label != name)

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the sources that were learned."""
        return tuple(s.name for s, k in zip(self.columns.sources, self.posed.speaker, strict=True) if k >= 0)

    def learned(self, before: Learned | None, *, seen: frozenset[str] = frozenset()) -> Learned:
        """Give what was learned in a form for later claims."""
        lesson = self.lesson
        found = lesson.problem.hierarchy.learned(lesson.mean, lesson.covariance, lesson.t, lesson.t_sd, before)
        return attrs.evolve(found, seen=seen | (before.seen if before else frozenset()))

    def alone(self, count: int) -> PMF:
        """Posterior of a count, taken by itself."""
        lesson = self.lesson
        low = lesson.low[lesson.start[count] : lesson.start[count + 1]]
        mass = lesson.mass[lesson.start[count] : lesson.start[count + 1]]
        return PMF(Lattice(low, np.append(low[1:] - 1, TOP)), mass / mass.sum())


class Estimates(Mapping[Quantity, Estimate]):
    """Estimates that are made when they are asked for.

    Parameters
    ----------
    teaching : Teaching
    linked : mapping of box to PMF
        Counts that identities bind together.
    wholes : frozenset of Quantity
        Quantities of which claims state shares only.
    model : Model
    """

    def __init__(
        self, teaching: Teaching, linked: Mapping[object, PMF], wholes: frozenset[Quantity], model: Model
    ) -> None:
        self._teaching, self._linked, self._wholes, self._model = teaching, linked, wholes, model
        columns, roles = teaching.columns, teaching.roles
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
            self._by_event = {table.events.ids[int(k)]: part for k, part in zip(kinds, parts, strict=True)}
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
        pmf = self._teaching.alone(int(self._teaching.posed.count[code])) if linked is None else linked
        read = self._model.speech.read
        used = [role.claim for role in roles if role.role is Part.USED and role.claim.whole is None]
        meanings = [read(claim.value) for claim in used]
        apart, _ = describe_contradiction((m.low.min(), m.high.max(), c) for m, c in zip(meanings, used, strict=True))
        return Estimate(quantity, pmf, tuple(roles), apart)

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


def known_quantities(columns: Columns, roles: Roles) -> Ints:
    """Codes of the quantities of which a claim is heard, in ascending order."""
    return np.unique(columns.quantity[roles.heard]).astype(np.int64)


def teach(
    columns: Columns,
    roles: Roles,
    model: Model,
    *,
    rng: np.random.Generator,
    draws: int | None,
    executor: Executor | None,
    report: Callable[[str], None],
    method: Literal["laplace", "gibbs"] = "laplace",
) -> Teaching:
    """Learn the sources from all claims; see `learning.learn`, and `gibbs.sample_lesson` for the other method.

    Raises
    ------
    InvalidValue
        For a model with a channel of its own: batches know the standard one only.
    """
    standard = model.channel == Denial() and not model.channels
    check(
        standard, "Model.channel", model.channels or model.channel, "Denial(), the default, where sources are learned"
    )
    posed = pose(columns, roles, model)
    if method == "gibbs":
        report("sampling")
        return Teaching(columns, roles, posed, sample_lesson(posed.problem, rng=rng))
    lesson = learn(posed.problem, rng=rng, draws=draws, executor=executor, report=report)
    return Teaching(columns, roles, posed, lesson)


def _families(columns: Columns, root: Ints, known: Ints) -> dict[int, list[int]]:
    """Quantities of each family of events in which something may be linked: more than one, or nested events."""
    family = root[columns.quantities.event[known]]
    order = np.argsort(family, kind="stable")
    kinds, first, number = np.unique(family[order], return_index=True, return_counts=True)
    return {
        int(kinds[k]): [int(q) for q in known[order[first[k] : first[k] + number[k]]]]
        for k in np.flatnonzero(number > 1)
    }


def solve_linked(
    teaching: Teaching, model: Model, known: Ints, *, rng: np.random.Generator
) -> tuple[dict[object, PMF], dict[str, str], frozenset[Quantity], float]:
    """Solve the counts that identities bind together, given draws of what was learned.

    Returns
    -------
    pmfs : dict of box to PMF
    engines : dict of quantity key to str
    wholes : frozenset of Quantity
        Those that only shares speak of.
    error : float
    """
    columns, roles = teaching.columns, teaching.roles
    table = columns.quantities
    share = np.array([isinstance(value, Share) for value in columns.values], dtype=bool)[columns.value]
    used = roles.part == PARTS.index(Part.USED)
    shared = np.flatnonzero(share & used)
    event_root = _roots(table.events.whole.astype(np.int64))
    families = _families(columns, event_root, known)
    pairs: dict[int, list[tuple[Quantity, Quantity]]] = defaultdict(list)
    wholes: set[Quantity] = set()
    for row in shared:
        claim = columns.claim(int(row))
        of = int(columns.quantity[row])
        root = int(event_root[table.event[of]])
        families.setdefault(root, [of])
        pairs[root].append((claim.quantity, claim.whole))
        wholes.add(claim.whole)
    now = attrs.evolve(model, learned=teaching.learned(model.learned))
    patterns: dict[object, bool] = {}
    pmfs: dict[object, PMF] = {}
    engines: dict[str, str] = {}
    error = 0.0
    rows_of: dict[int, list[int]] | None = None
    for root, members in families.items():
        kinds = tuple(sorted((int(table.outcome[q]), int(table.group[q]), int(table.period[q])) for q in members))
        single = len({int(table.event[q]) for q in members}) == 1 and root not in pairs
        if single and patterns.get(kinds):
            continue
        mine = [table[q] for q in members]
        accounts = build_accounts({*mine, *(w for pair in pairs.get(root, ()) for w in pair)}, pairs.get(root, ()))
        if single:
            patterns[kinds] = all(len(account.quantities) == 1 for account in accounts)
        for account in accounts:
            if len(account.nodes) == 1:
                continue
            if rows_of is None:
                rows_of = defaultdict(list)
                for row in np.flatnonzero(used):
                    rows_of[int(columns.quantity[row])].append(int(row))
            inside = {box(q) for q in account.quantities}
            rows = [row for q in members if box(table[q]) in inside for row in rows_of[q]]
            marginals, gap, exact, lattice = _solve(teaching, now, account, rows, rng)
            error, lattice = max(error, gap), lattice.bare()
            for node, quantity in enumerate(account.nodes):
                if quantity is not None:
                    pmfs[box(quantity)] = PMF(lattice, marginals[node] / marginals[node].sum())
                    engines[quantity.key] = "exact" if exact else "gibbs"
    silent = frozenset(wholes - {table[int(q)] for q in known if table[int(q)] in wholes})
    return pmfs, engines, silent, error


def _roots(whole: Ints) -> Ints:
    """Outermost event of each, `whole` being the one that each is part of, or -1."""
    root = np.where(whole >= 0, whole, np.arange(len(whole)))
    # Each step goes twice as far up as the one before, so that so many reach the top of any chain.
    for _ in range(len(whole).bit_length()):
        root = root[root]
    return root


@attrs.frozen(eq=False)
class Staged:
    """The claims of an account made ready, with draws of what was learned of their sources.

    Attributes
    ----------
    task : Task
    rows : tuple of int
        Row of each claim in the columns of the corpus.
    terms : tuple of (nodes, Term)
        In the same order.
    theta : mapping of Column to ndarray, shape (draws,)
    drawn : frozenset of str
        Sources that `theta` has.
    xs : ndarray, shape (draws, p)
        Draws of all parameters.
    """

    task: Task
    rows: tuple[int, ...]
    terms: tuple[tuple[tuple[int, ...], Term], ...]
    theta: dict[tuple[str, str, Relation | None], Floats]
    drawn: frozenset[str]
    xs: Floats


def places_of(posed: Posed, rows: Sequence[int]) -> dict[int, int]:
    """Say which claim of a problem each row of the columns is; those that it does not hold are left out."""
    order = np.argsort(posed.rows)
    at = order[np.minimum(np.searchsorted(posed.rows[order], rows), len(order) - 1)]
    return {row: int(k) for row, k in zip(rows, at, strict=True) if posed.rows[k] == row}


def stage(teaching: Teaching, model: Model, account: Account, rows: Sequence[int], draws: int) -> Staged:
    """Make the claims of an account ready, given draws of what was learned.

    Parameters
    ----------
    teaching : Teaching
    model : Model
        With what was learned.
    account : Account
    rows : sequence of int
        Of the claims that are used.
    draws : int
        At most, of those of the lesson.
    """
    posed, lesson, layout = teaching.posed, teaching.lesson, teaching.lesson.problem.hierarchy
    xs = lesson.xs[np.linspace(0, len(lesson.xs) - 1, draws).round().astype(int)]
    floor = lesson.problem.echoes.floor(lesson.problem.source)
    place = places_of(posed, rows)
    terms, drawn = [], set()
    theta: dict[tuple[str, str, Relation | None], Floats] = {}
    for row in rows:
        role = teaching.roles[row]
        term = Term.of(role.claim, role.origin, role.relation, model)
        if row in place:
            term = attrs.evolve(term, echo=(float(floor[0, place[row]]), float(floor[1, place[row]])))
        speaker = int(posed.speaker[teaching.roles.origin[row]])
        names = term.priors()
        where = {n: int(layout.place[speaker, RELATIONS.index(role.relation), PARAMETERS.index(n)]) for n in names}
        if speaker >= 0 and max(where.values()) < len(layout):
            drawn.add(role.origin.name)
            theta |= {(role.origin.name, n, relation): xs[:, where[n]] for n, (relation, _, _) in names.items()}
        terms.append((account.places(role.claim.quantity, role.claim.whole), term))
    task = Task.of(account, terms, frozenset(drawn), model)
    return Staged(task, tuple(rows), tuple(terms), theta, frozenset(drawn), xs)


def account_of(teaching: Teaching, quantity: Quantity) -> tuple[Account, list[int]]:
    """Find the account of a quantity, and the rows of all claims about its counts, whatever they do.

    Raises
    ------
    UnknownQuantity
        Where no claim that is heard speaks of the quantity's event.
    """
    columns, roles = teaching.columns, teaching.roles
    table, root = columns.quantities, _roots(columns.quantities.events.whole.astype(np.int64))
    heard = roles.heard
    event = next((k for k, name in enumerate(table.events.ids) if name == quantity.event.id), None)
    if event is None:
        raise UnknownQuantity(str(quantity))
    near = np.flatnonzero(root[table.event[columns.quantity]] == root[event])
    said = {int(row): columns.claim(int(row)) for row in near}
    used = {row for row in said if roles.part[row] == PARTS.index(Part.USED)}
    mentioned = {claim.quantity for row, claim in said.items() if heard[row]}
    pairs = {(said[row].quantity, whole) for row in used if (whole := said[row].whole) is not None}
    accounts = build_accounts({*mentioned, *(whole for _, whole in pairs)}, pairs)
    mine = next((one for one in accounts if box(quantity) in {box(q) for q in one.quantities}), None)
    if mine is None:
        raise UnknownQuantity(str(quantity))
    inside = {box(q) for q in mine.quantities}
    return mine, [row for row, claim in said.items() if box(claim.quantity) in inside]


def _solve(
    teaching: Teaching, model: Model, account: Account, rows: list[int], rng: np.random.Generator
) -> tuple[list[Floats], float, bool, Lattice]:
    """Average the marginals of an account over draws; with the gap between halves, and whether it is exact."""
    ready = stage(teaching, model, account, rows, LINKED_DRAWS if account.is_tree else CHAINS)
    task, theta = ready.task, ready.theta
    if not account.is_tree:
        fit = sample_component(Component.of([task]), rng=rng, theta=theta)
        return list(fit.marginals[0]), fit.error, False, task.lattice
    solution = task.solve(Draws(theta), marginals=True)
    means, gap = [], 0.0
    for marginal in solution.marginals:
        halves = [np.atleast_2d(marginal[k::2]).mean(axis=0) if len(marginal) > 1 else marginal[0] for k in (0, 1)]
        gap = max(gap, float(np.max(np.abs(np.cumsum(halves[0] - halves[1])))) / 2)
        means.append(0.5 * (halves[0] + halves[1]))
    return means, gap, True, task.lattice


def doubts(teaching: Teaching) -> list[str]:
    """Say what is doubtful in the learning, and in the claims; see `notes`."""
    columns, posed, lesson = teaching.columns, teaching.posed, teaching.lesson
    claims = lesson.problem.claims
    low = np.array([m.low.min() for m in claims.meanings])[claims.value]
    high = np.array([m.high.max() for m in claims.meanings])[claims.value]
    origin = teaching.roles.origin[posed.rows].astype(np.int64)

    def claim(at: int) -> Claim:
        found: Claim = columns.claim(int(posed.rows[at]))
        return found

    return [
        *lesson.notes,
        *find_contradictions(claims.event, low, high, claim),
        *find_repetitions(claims.event, origin, columns.sources, claim),
    ]
