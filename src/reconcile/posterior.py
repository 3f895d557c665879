# SPDX-License-Identifier: MIT
"""`estimate` and `Posterior`: the conductor that takes claims through the rooms."""

from __future__ import annotations

import datetime
import functools
import itertools
import sys
import warnings
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Executor
from typing import Any, Literal

import attrs
import numpy as np

from reconcile.accounts import Account, box, build_accounts, contains
from reconcile.channels import Denial
from reconcile.claims import Claim, Corpus
from reconcile.columns import Columns, Moments
from reconcile.components import Component, Fit, Task
from reconcile.dependence import PARTS, Roles, assign_roles
from reconcile.errors import CountedTwice, Unidentified, UnknownQuantity
from reconcile.estimates import Diagnostics, Estimate, Part, Role, Settings, SourceEstimate, html_table
from reconcile.integration import integrate
from reconcile.lessons import Estimates, Teaching, doubts, solve_linked, teach
from reconcile.likelihood import Term
from reconcile.model import Learned, Model
from reconcile.notes import describe_contradiction, find_contradictions, find_repetitions
from reconcile.plumbing import check, to_frame, to_moment
from reconcile.pmf import PMF
from reconcile.problems import used_rows
from reconcile.sampling import sample_component
from reconcile.vocabulary import Quantity

__all__ = ["Posterior", "estimate"]

DRAWS = 1024
LEARN_CLAIMS, LEARN_COUNTS = 40, 5  # below, classes and count priors are known no better than before (judgement)
# Claims a source, on average, from which learning is the default; with 5 it did harm (shooting news, `bench/real.py`).
LEARN_EACH = 8
COARSE = 0.03  # standard error of a probability beyond which a reader is told


@attrs.frozen(eq=False, repr=False, slots=False)
class Posterior:
    """Estimates of every quantity that claims mention, with the claims and the model that they come from.

    Attributes
    ----------
    corpus : Corpus
    model : Model
    roles : tuple of Role
        What every claim does, by claim id.
    diagnostics : Diagnostics
    settings : Settings
        How `estimate` was called.
    """

    corpus: Corpus
    model: Model
    roles: Sequence[Role]
    diagnostics: Diagnostics
    settings: Settings
    _estimates: Mapping[Quantity, Estimate]
    _learn: Callable[[], Teaching]

    @property
    def quantities(self) -> tuple[Quantity, ...]:
        """The quantities that have an estimate, in a fixed order."""
        return tuple(self._estimates)

    @functools.cached_property
    def teaching(self) -> Teaching | None:
        """What the claims teach of the sources; None where none is used that gives a count."""
        used = any(role.role is Part.USED and role.claim.whole is None for role in self.roles)
        return self._learn() if used else None

    @property
    def sources(self) -> Mapping[str, SourceEstimate]:
        """What the claims say about each source, by name.

        Where there were too few claims to learn from, the sources are learned when this is first asked for.
        """
        teaching = self.teaching
        found = {name: teaching.source(name) for name in teaching.names} if teaching else {}
        return {name: one for name, one in found.items() if one is not None}

    def as_model(self) -> Model:
        """Give the model with what these claims taught of sources, classes and count priors, for later claims.

        Later claims about other counts are estimated, up to a normal approximation, as if all claims came at once.
        What is known of the counts themselves, and of whom each source copies, is not handed on. The model remembers
        the claims, and `estimate` raises `CountedTwice` if it is offered one of them again.

        Returns
        -------
        Model

        Examples
        --------
        >>> import reconcile as rc
        >>> monitor, ministry = rc.Source("monitor"), rc.Source("ministry")
        >>> first = [rc.Claim(rc.Event(f"e{n}").killed(), rc.Exactly(n), monitor) for n in range(3, 9)]
        >>> model = rc.estimate(first).as_model()
        >>> posterior = rc.estimate([rc.Claim(rc.Event("new").killed(), rc.Exactly(5), monitor)], model)
        >>> posterior.diagnostics.learned
        True
        """
        columns = self.corpus.columns
        seen = frozenset(columns.id(int(row)) for row in range(len(columns)))
        before, teaching = self.model.learned, self.teaching
        if teaching is not None:
            return attrs.evolve(self.model, learned=teaching.learned(before, seen=seen))
        nothing = Learned((), np.zeros(0), np.zeros((0, 0)), {}) if before is None else before
        return attrs.evolve(self.model, learned=attrs.evolve(nothing, seen=nothing.seen | seen))

    def __getitem__(self, quantity: Quantity) -> Estimate:
        """Give the estimate of a quantity; raises `UnknownQuantity`, a `KeyError`, where no claim mentions it."""
        if quantity not in self._estimates:
            raise UnknownQuantity(str(quantity), tuple(map(str, self._estimates)))
        return self._estimates[quantity]

    def __len__(self) -> int:
        return len(self._estimates)

    def __iter__(self) -> Iterator[Quantity]:
        """Go through the quantities that have an estimate."""
        return iter(self._estimates)

    def __contains__(self, quantity: object) -> bool:
        return quantity in self._estimates

    def rows(self, level: float = 0.9) -> list[dict[str, object]]:
        """Summarise every estimate as a plain row.

        Parameters
        ----------
        level : float
            Probability of the equal-tailed interval.

        Returns
        -------
        list of dict
            With keys event, outcome, group, period, median, low, high, level, claims, origins. The mean is left out: a
            thin tail of huge counts moves it far from anything likely.
        """
        found: list[dict[str, object]] = []
        for quantity, one in self._estimates.items():
            low, high = one.eti(level)
            found.append(
                {
                    "event": quantity.event.id,
                    "outcome": quantity.outcome.name,
                    "group": str(quantity.group),
                    "period": str(quantity.period) if quantity.period else "",
                    "median": one.median(),
                    "low": low,
                    "high": high,
                    "level": level,
                    "claims": len(one.roles),
                    "origins": one.origins,
                }
            )
        return found

    def to_frame(self, backend: Literal["pandas", "polars", "pyarrow"] = "pandas", *, level: float = 0.9) -> Any:
        """Give `rows` as a dataframe.

        Parameters
        ----------
        backend : {"pandas", "polars", "pyarrow"}
        level : float, keyword
            Probability of the equal-tailed interval.

        Returns
        -------
        pandas.DataFrame, polars.DataFrame or pyarrow.Table

        Raises
        ------
        MissingDependency
            If the backend is not installed.
        """
        names = ("event", "outcome", "group", "period", "median", "low", "high", "level", "claims", "origins")
        return to_frame(self.rows(level), names, backend)

    def __str__(self) -> str:
        return "\n".join(f"{quantity}: {one}" for quantity, one in self._estimates.items())

    def __repr__(self) -> str:
        return f"<Posterior: {len(self)} quantities, {self.corpus}>"

    def _repr_html_(self) -> str:
        header = ("event", "outcome", "group", "median", "90 % interval", "claims", "independent sources")
        rows = []
        for quantity, one in self._estimates.items():
            number, low, high = one.readable()
            group = quantity.group
            rows.append(
                (
                    quantity.event,
                    quantity.outcome,
                    group,
                    f"{number:,}",
                    f"{low:,}-{high:,}",
                    len(one.roles),
                    one.origins,
                )
            )
        notes = html_table(("note",), [(note,) for note in self.diagnostics.notes]) if self.diagnostics.notes else ""
        return html_table(header, rows) + notes


def estimate(
    claims: Iterable[Claim],
    model: Model | None = None,
    *,
    as_of: datetime.date | str | None = None,
    rng: int | np.random.Generator | None = 0,
    draws: int | None = None,
    learn: bool | None = None,
    method: Literal["laplace", "gibbs"] = "laplace",
    executor: Executor | None = None,
    progress: bool = False,
) -> Posterior:
    """Estimate every quantity that the claims mention.

    Parameters
    ----------
    claims : iterable of Claim, or Corpus
        In any order: the result is the same to the last bit.
    model : Model, optional
        Default ``Model()``.
    as_of : date, datetime or ISO text, keyword, optional
        Use only claims reported by then; claims without a date are then set aside.
    rng : int or numpy Generator, keyword
        Seed of the draws of source parameters; of a generator, one number is drawn as the seed; None
        makes one up.
    draws : int, keyword, optional
        How many draws of source parameters to make, about: from 64, in multiples of 16. Where each source is integrated
        over its prior, at most so many for each (default 1,024; fewer where ``diagnostics.error`` is small already).
        Where sources are learned, the default depends on the number of claims.
    learn : bool, keyword, optional
        Whether to learn sources, their classes and the count priors from all claims together, or to integrate each
        source over its prior. By default a corpus of 40 claims, 5 counts and 8 claims a source on average is learned
        from, and whatever comes after a learned model.
    method : {"laplace", "gibbs"}, keyword
        How sources are learned: from the mode of the evidence (`learning`), or by a Gibbs sampler (`gibbs`), which is
        many times slower and a check of the former. It does not look for whom each source copies.
    executor : concurrent.futures.Executor, keyword, optional
        Where to compute the shards of a corpus; the result is the same to the last bit with any number of workers.
    progress : bool, keyword
        Say on standard error how far the work is.

    Returns
    -------
    Posterior

    Raises
    ------
    InvalidValue
        For what is not a claim, or a vague word that the lexicon does not hold.
    InconsistentClaims
        For claims that cannot stand together as records: one id twice, relays in a circle and the like. Claims whose
        *numbers* contradict each other are no error.

    Examples
    --------
    >>> import reconcile as rc
    >>> clash = rc.Event("clash")
    >>> claims = [rc.Claim(clash.killed(), rc.Exactly(n), rc.Source(s)) for n, s in [(5, "ministry"), (6, "monitor")]]
    >>> posterior = rc.estimate(claims)
    >>> low, high = posterior[clash.killed()].eti(0.9)
    >>> low <= 5 and 6 <= high
    True
    """
    corpus = claims if isinstance(claims, Corpus) else Corpus(claims)
    model = Model() if model is None else model
    check(isinstance(model, Model), "estimate(model)", model, "a Model")
    allowed = "a multiple of 16 from 64"
    check(draws is None or (draws >= 64 and draws % 16 == 0), "estimate(draws)", draws, allowed)
    check(method in ("laplace", "gibbs"), "estimate(method)", method, "'laplace' or 'gibbs'")
    day = to_moment("estimate(as_of)")(as_of)
    seed = int(rng) if isinstance(rng, int | np.integer) else int(np.random.default_rng(rng).integers(2**63))
    settings, random = Settings(day, seed, draws, learn, method), np.random.default_rng(seed)
    columns, roles = corpus.columns, assign_roles(corpus, day)
    if model.learned is not None:
        again = tuple(i for row in range(len(columns)) if (i := columns.id(row)) in model.learned.seen)
        if again:
            raise CountedTwice(again)
    report = _say if progress else _keep_silent
    taught = functools.partial(teach, columns, roles, model, draws=draws, report=report, method=method)
    if _is_corpus(columns, roles, model) if learn is None else learn and len(used_rows(columns, roles)):
        return _learned(corpus, roles, model, taught(rng=random, executor=executor), settings, random)
    by_id = sorted(roles, key=lambda role: role.claim.id)
    # The executor may be gone when sources are asked for.
    later = functools.partial(taught, rng=np.random.default_rng(0), executor=None)
    return _integrated(corpus, by_id, model, settings, random, later)


def _say(said: str) -> None:
    sys.stderr.write(f"{said}\n")
    sys.stderr.flush()


def _same(teaching: Teaching) -> Teaching:
    return teaching


def _keep_silent(said: str) -> None:
    pass


def _is_corpus(columns: Columns, roles: Roles, model: Model) -> bool:
    """Whether there is something to learn from, in the way that it is learned."""
    rows = used_rows(columns, roles)
    if not len(rows) or model.channels or model.channel != Denial():
        return False
    return model.learned is not None or (
        len(rows) >= LEARN_CLAIMS
        and len(np.unique(columns.quantity[rows])) >= LEARN_COUNTS
        and len(rows) >= LEARN_EACH * len(np.unique(roles.origin[rows]))
    )


def _learned(
    corpus: Corpus, roles: Roles, model: Model, teaching: Teaching, settings: Settings, rng: np.random.Generator
) -> Posterior:
    columns, lesson = corpus.columns, teaching.lesson
    silent = [PARTS.index(Part.LATER), PARTS.index(Part.UNDATED)]
    known = np.unique(columns.quantity[~np.isin(roles.part, silent)]).astype(np.int64)
    pmfs, engines, wholes, error = solve_linked(teaching, model, known, rng=rng)
    notes = doubts(teaching)
    problem = lesson.problem
    speakers = np.unique(problem.claims.event * (int(problem.source.max()) + 1) + problem.source)
    if len(speakers) == len(problem.claims.outcome) and model.learned is None:
        said = "no count is claimed by more than one source: how these lean and scatter rests on their priors"
        warnings.warn(said, Unidentified, stacklevel=3)
        notes.append(said)
    error = max(error, lesson.error)
    if error > COARSE:
        notes.append(f"probabilities are exact to about {100 * error:.0f} points only")
    estimates = Estimates(teaching, pmfs, wholes, model)
    every = Engines(engines)
    diagnostics = Diagnostics(every, len(lesson.xs), lesson.ess, -np.inf, error, tuple(notes), learned=True)
    return Posterior(corpus, model, roles, diagnostics, settings, estimates, functools.partial(_same, teaching))


def _integrated(
    corpus: Corpus,
    roles: Sequence[Role],
    model: Model,
    settings: Settings,
    rng: np.random.Generator,
    learn: Callable[[], Teaching],
) -> Posterior:
    conductor = conduct(roles, model)
    solved = conductor.fit(settings.draws or DRAWS, rng)
    return conductor.conclude(corpus, tuple(roles), solved, settings, learn)


def conduct(roles: Iterable[Role], model: Model, *, draw_all: bool = False) -> Conductor:
    """Sort claims into accounts, and make them ready for integrating each source over its priors.

    Parameters
    ----------
    roles : iterable of Role
        By claim id.
    model : Model
    draw_all : bool, keyword
        Draw the parameters of every source, and not only of those that make several claims.
    """
    roles = tuple(roles)
    used = [role for role in roles if role.role is Part.USED]
    # A quantity whose claims all are still to come has no estimate yet, and no account.
    known = [r for r in roles if r.role not in (Part.LATER, Part.UNDATED)]
    mentioned = {r.claim.quantity for r in known} | {r.claim.whole for r in known if r.claim.whole is not None}
    shares = {(r.claim.quantity, r.claim.whole) for r in used if r.claim.whole is not None}
    accounts = build_accounts(mentioned, shares)
    terms = [Term.of(r.claim, r.origin, r.relation, model) for r in used]
    told, heard = _times_told(used), _echoes(used)
    terms = [attrs.evolve(term, power=1 / n, echo=echo) for term, n, echo in zip(terms, told, heard, strict=True)]
    return Conductor(model, accounts, used, terms, mentioned, draw_all=draw_all)


def _echoes(used: list[Role]) -> list[tuple[float, float]]:
    """Find for each claim how probably a copied claim would be this one, and whether there is one to copy."""
    found = [(0.0, 0.0)] * len(used)
    busy = Counter(role.origin.name for role in used)
    together: dict[object, list[int]] = defaultdict(list)
    for at, role in enumerate(used):
        if role.claim.whole is None:
            together[box(role.claim.quantity)].append(at)
    moments = Moments.of([role.claim.reported for role in used]) if any(len(g) > 1 for g in together.values()) else None
    for group in together.values():
        if moments is None or len(group) == 1:
            continue

        def told(at: int) -> tuple[object, ...]:
            time = int(moments.at[at]) if moments.clock[at] else np.iinfo(np.int64).max
            return time, -busy[used[at].origin.name], used[at].relation, used[at].origin.kind, used[at].origin.name

        ordered = sorted(group, key=told)
        for k, at in enumerate(ordered[1:], start=1):
            same = sum(used[other].claim.value == used[at].claim.value for other in ordered[:k])
            found[at] = (same / k, 1.0)
    return found


class Engines(dict[str, str]):
    """Which engine solved each count, by key; sum-product, where nothing else is said."""

    def __missing__(self, key: str) -> str:
        """Counts that stand alone are summed out exactly."""
        return "exact"


class Conductor:
    """Accounts with their claims, and what it takes to solve those together that share sources.

    Attributes
    ----------
    accounts : tuple of Account
    home : mapping of box to int
        The account of each count.
    used : list (accounts) of list of (Role, Term)
    drawn : frozenset of str
        Names of the sources whose parameters are drawn.
    """

    def __init__(
        self,
        model: Model,
        accounts: tuple[Account, ...],
        used: list[Role],
        terms: list[Term],
        mentioned: set[Quantity],
        *,
        draw_all: bool = False,
    ) -> None:
        self.model, self.accounts, self.mentioned = model, accounts, mentioned
        self.home = {box(q): at for at, account in enumerate(accounts) for q in account.quantities}
        self.used: list[list[tuple[Role, Term]]] = [[] for _ in accounts]
        speakers: dict[str, int] = defaultdict(int)
        for role, term in zip(used, terms, strict=True):
            self.used[self.home[box(role.claim.quantity)]].append((role, term))
            speakers[role.origin.name] += 1
        self.drawn = frozenset(name for name, count in speakers.items() if draw_all or count > 1)

    def fit(self, draws: int, rng: np.random.Generator) -> list[tuple[Component, Fit]]:
        """Solve the accounts, those together that share sources."""
        found = []
        for members in self.components():
            component = Component.of([self.task(at) for at in members])
            exact = all(task.account.is_tree for task in component.tasks)
            fit = integrate(component, draws=draws, rng=rng) if exact else sample_component(component, rng=rng)
            found.append((component, fit))
        return found

    def conclude(
        self,
        corpus: Corpus,
        roles: tuple[Role, ...],
        solved: list[tuple[Component, Fit]],
        settings: Settings,
        learn: Callable[[], Teaching],
    ) -> Posterior:
        """Write the estimates and what there is to say of them."""
        pmfs: dict[tuple[object, ...], PMF] = {}
        engines: dict[str, str] = {}
        fits = [fit for _, fit in solved]
        for component, fit in solved:
            exact = all(task.account.is_tree for task in component.tasks)
            for task, marginals in zip(component.tasks, fit.marginals, strict=True):
                for node, quantity in enumerate(task.account.nodes):
                    if quantity is not None:
                        mass = marginals[node]
                        pmfs[box(quantity)] = PMF(task.lattice, mass / mass.sum())
                        engines[quantity.key] = "exact" if exact else "gibbs"
        by_quantity: dict[Quantity, list[Role]] = defaultdict(list)
        for role in roles:
            by_quantity[role.claim.quantity].append(role)
        estimates = {}
        for quantity in sorted(self.mentioned, key=lambda q: q.key):
            pmf, mine = pmfs[box(quantity)], tuple(by_quantity[quantity])
            estimates[quantity] = Estimate(quantity, pmf, mine, self._apart.get(quantity, ""))
        diagnostics = Diagnostics(
            engines,
            max((fit.draws for fit in fits), default=0),
            min((fit.ess for fit in fits), default=np.inf),
            max((fit.khat for fit in fits), default=-np.inf),
            max((fit.error for fit in fits), default=0.0),
            (*self._notes(), *_doubts(fits)),
        )
        return Posterior(corpus, self.model, roles, diagnostics, settings, estimates, learn)

    def components(self) -> list[list[int]]:
        """Sort accounts into groups that share a source with several claims."""
        groups: list[tuple[set[str], list[int]]] = []
        for at, pairs in enumerate(self.used):
            names, members = {term.source.name for _, term in pairs} & self.drawn, [at]
            for group in [g for g in groups if g[0] & names]:
                groups.remove(group)
                names, members = names | group[0], group[1] + members
            groups.append((names, members))
        return sorted(sorted(members) for _, members in groups)

    def task(self, at: int) -> Task:
        """Make an account ready for computing."""
        account = self.accounts[at]
        terms = []
        for role, term in self.used[at]:
            nodes = [account.index(role.claim.quantity)]
            if role.claim.whole is not None:
                nodes.append(account.index(role.claim.whole))
            terms.append((tuple(nodes), term))
        return Task.of(account, terms, self.drawn, self.model)

    @functools.cached_property
    def _apart(self) -> dict[Quantity, str]:
        """The two claims that lie furthest apart, of counts of which some lie far apart."""
        heard: dict[Quantity, list[tuple[float, float, Claim]]] = defaultdict(list)
        for role, term in itertools.chain(*self.used):
            if not term.is_share:
                heard[role.claim.quantity].append((term.meaning.low.min(), term.meaning.high.max(), role.claim))
        return {quantity: describe_contradiction(said)[0] for quantity, said in heard.items()}

    def _notes(self) -> list[str]:
        """Say what is doubtful in the claims; see `notes`."""
        pairs = [(role, term) for some in self.used for role, term in some if not term.is_share]
        quantities = sorted({role.claim.quantity for role, _ in pairs}, key=lambda quantity: quantity.key)
        place = {quantity: k for k, quantity in enumerate(quantities)}
        sources = sorted({role.origin.name: role.origin for role, _ in pairs}.values(), key=lambda one: one.name)
        name = {source.name: k for k, source in enumerate(sources)}
        count = np.array([place[role.claim.quantity] for role, _ in pairs], dtype=np.int64)
        origin = np.array([name[role.origin.name] for role, _ in pairs], dtype=np.int64)
        low, high = np.array([(t.meaning.low.min(), t.meaning.high.max()) for _, t in pairs]).reshape(-1, 2).T

        def claim(at: int) -> Claim:
            return pairs[at][0].claim

        return [*find_contradictions(count, low, high, claim), *find_repetitions(count, origin, sources, claim)]


def _times_told(used: list[Role]) -> list[int]:
    """Count, for each claim, how often its speaker at once gives the same figure for these people or for some of them.

    "Eight military and civilian personnel" and, further down, "eight military personnel" are one figure told twice: if
    it is wrong, it is wrong in both. It weighs in full for the people of both, and half for the wider group.
    """
    figures: dict[object, list[int]] = defaultdict(list)
    for at, role in enumerate(used):
        if role.claim.whole is None:
            figures[role.origin.name, role.claim.value, role.claim.reported].append(at)
    told = [1] * len(used)
    for places in figures.values():
        for at in places:
            one = used[at].claim.quantity
            others = (used[other].claim.quantity for other in places)
            told[at] = sum(contains(one, q) for q in others)
    return told


def _doubts(fits: list[Fit]) -> list[str]:
    notes = []
    error = max((fit.error for fit in fits), default=0.0)
    if error > COARSE:
        notes.append(f"probabilities are exact to about {100 * error:.0f} points only: raise `draws` for more")
    if any(fit.khat > 0.7 for fit in fits):
        notes.append(
            "the draws of source parameters fit the claims badly (khat above 0.7): intervals may be too narrow"
        )
    return notes
