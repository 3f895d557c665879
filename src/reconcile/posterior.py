# SPDX-License-Identifier: MIT
"""`estimate` and `Posterior`: the conductor that takes claims through the rooms."""

from __future__ import annotations

import datetime
import itertools
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Literal

import attrs
import numpy as np

from reconcile.accounts import Account, box, build_accounts, contains
from reconcile.claims import Claim, Corpus
from reconcile.components import Component, Fit, Task
from reconcile.dependence import assign_roles
from reconcile.errors import MissingDependency, UnknownQuantity
from reconcile.estimates import Diagnostics, Estimate, Part, Role, html_table
from reconcile.learning import integrate
from reconcile.likelihood import Term
from reconcile.model import Model
from reconcile.plumbing import check, to_moment
from reconcile.pmf import PMF
from reconcile.sampling import sample_component
from reconcile.vocabulary import Quantity

__all__ = ["Posterior", "estimate"]

DRAWS = 1024
# Factor between two claims, each read as widely as it can be, beyond which a reader is told: 90 % of unequal reports
# of one count are within 2.1 (Civil War historians) or 3.0 (shooting news against the later record); `make evidence`.
FAR_APART = 3.0
COARSE = 0.03  # standard error of a probability beyond which a reader is told


@attrs.frozen(eq=False, repr=False)
class Posterior:
    """Estimates of every quantity that claims mention, with the claims and the model that they come from.

    Attributes
    ----------
    corpus : Corpus
    model : Model
    roles : tuple of Role
        What every claim does, by claim id.
    diagnostics : Diagnostics
    """

    corpus: Corpus
    model: Model
    roles: tuple[Role, ...]
    diagnostics: Diagnostics
    _estimates: Mapping[Quantity, Estimate]

    @property
    def quantities(self) -> tuple[Quantity, ...]:
        """The quantities that have an estimate, in a fixed order."""
        return tuple(self._estimates)

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
        import narwhals as nw

        check(
            backend in ("pandas", "polars", "pyarrow"), "to_frame(backend)", backend, "'pandas', 'polars' or 'pyarrow'"
        )
        rows = self.rows(level)
        names = ["event", "outcome", "group", "period", "median", "low", "high", "level", "claims", "origins"]
        columns: dict[str, list[Any]] = {name: [row[name] for row in rows] for name in names}
        try:
            return nw.from_dict(columns, backend=backend).to_native()
        except ModuleNotFoundError as missing:
            raise MissingDependency(backend, "to_frame", backend) from missing

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
    rng: int | np.random.Generator = 0,
    draws: int = DRAWS,
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
        Seed of the draws of source parameters.
    draws : int, keyword
        At most how many of these draws for each source: from 64, in multiples of 16. Fewer are made where
        ``diagnostics.error`` is small already.

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
    check(draws >= 64 and draws % 16 == 0, "estimate(draws)", draws, "a multiple of 16 from 64")
    day = to_moment("estimate(as_of)")(as_of)
    roles = assign_roles(corpus, day)
    used = [role for role in roles if role.role is Part.USED]
    # A quantity whose claims all are still to come has no estimate yet, and no account.
    known = [r for r in roles if r.role not in (Part.LATER, Part.UNDATED)]
    mentioned = {r.claim.quantity for r in known} | {r.claim.whole for r in known if r.claim.whole is not None}
    shares = {(r.claim.quantity, r.claim.whole) for r in used if r.claim.whole is not None}
    accounts = build_accounts(mentioned, shares)
    terms = [Term.of(r.claim, r.origin, r.relation, model) for r in used]
    terms = [attrs.evolve(term, power=1 / told) for term, told in zip(terms, _times_told(used), strict=True)]
    conductor = _Conductor(model, accounts, used, terms)
    solved = conductor.fit(draws, np.random.default_rng(rng))
    return conductor.conclude(corpus, roles, mentioned, solved)


class _Conductor:
    def __init__(self, model: Model, accounts: tuple[Account, ...], used: list[Role], terms: list[Term]) -> None:
        self.model, self.accounts = model, accounts
        self.home = {box(q): at for at, account in enumerate(accounts) for q in account.quantities}
        self.used: list[list[tuple[Role, Term]]] = [[] for _ in accounts]
        speakers: dict[str, int] = defaultdict(int)
        for role, term in zip(used, terms, strict=True):
            self.used[self.home[box(role.claim.quantity)]].append((role, term))
            speakers[role.origin.name] += 1
        self.drawn = frozenset(name for name, count in speakers.items() if count > 1)

    def fit(self, draws: int, rng: np.random.Generator) -> list[tuple[Component, Fit]]:
        """Solve the accounts, those together that share sources."""
        found = []
        for members in self._components():
            component = Component.of([self._task(at) for at in members])
            exact = all(task.account.is_tree for task in component.tasks)
            fit = integrate(component, draws=draws, rng=rng) if exact else sample_component(component, rng=rng)
            found.append((component, fit))
        return found

    def conclude(
        self,
        corpus: Corpus,
        roles: tuple[Role, ...],
        mentioned: set[Quantity],
        solved: list[tuple[Component, Fit]],
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
        for quantity in sorted(mentioned, key=lambda q: q.key):
            estimates[quantity] = Estimate(quantity, pmfs[box(quantity)], tuple(by_quantity[quantity]))
        diagnostics = Diagnostics(
            engines,
            max((fit.draws for fit in fits), default=0),
            min((fit.ess for fit in fits), default=np.inf),
            max((fit.khat for fit in fits), default=-np.inf),
            max((fit.error for fit in fits), default=0.0),
            (*self._conflicts(), *_doubts(fits, roles)),
        )
        return Posterior(corpus, self.model, roles, diagnostics, estimates)

    def _components(self) -> list[list[int]]:
        """Sort accounts into groups that share a source with several claims."""
        groups: list[tuple[set[str], list[int]]] = []
        for at, pairs in enumerate(self.used):
            names, members = {term.source.name for _, term in pairs} & self.drawn, [at]
            for group in [g for g in groups if g[0] & names]:
                groups.remove(group)
                names, members = names | group[0], group[1] + members
            groups.append((names, members))
        return sorted(sorted(members) for _, members in groups)

    def _task(self, at: int) -> Task:
        account = self.accounts[at]
        terms = []
        for role, term in self.used[at]:
            nodes = [account.index(role.claim.quantity)]
            if role.claim.whole is not None:
                nodes.append(account.index(role.claim.whole))
            terms.append((tuple(nodes), term))
        return Task.of(account, terms, self.drawn, self.model)

    def _conflicts(self) -> list[str]:
        """Name, for each count, the two claims that lie furthest apart, if they do by more than `FAR_APART`."""
        notes = []
        for pairs in self.used:
            by_quantity: dict[Quantity, list[tuple[float, float, Claim]]] = defaultdict(list)
            for role, term in pairs:
                if not term.is_share:
                    read = term.meaning
                    by_quantity[role.claim.quantity].append((read.low.min() + 0.5, read.high.max() + 0.5, role.claim))
            for quantity, said in by_quantity.items():
                (_, most, lower), (least, _, upper) = min(said, key=lambda x: x[1]), max(said, key=lambda x: x[0])
                if least > FAR_APART * most:
                    notes.append(
                        f"{quantity}: {lower.source} ({lower.value}) and {upper.source} ({upper.value}) contradict each"
                        f" other, by a factor of {least / most:,.3g}; at least one is far off"
                    )
        return notes


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


def _doubts(fits: list[Fit], roles: tuple[Role, ...]) -> list[str]:
    notes = []
    error = max((fit.error for fit in fits), default=0.0)
    if error > COARSE:
        notes.append(f"probabilities are exact to about {100 * error:.0f} points only: raise `draws` for more")
    if any(fit.khat > 0.7 for fit in fits):
        notes.append(
            "the draws of source parameters fit the claims badly (khat above 0.7): intervals may be too narrow"
        )
    said: Callable[[Role], object] = lambda r: (r.origin.name, r.claim.quantity.key)  # noqa: E731
    standing = sorted((r for r in roles if r.role is Part.USED and r.claim.whole is None), key=lambda r: str(said(r)))
    for _, group in itertools.groupby(standing, key=said):
        several = list(group)
        if len(several) > 1:
            values = ", ".join(str(r.claim.value) for r in several)
            notes.append(
                f"{several[0].claim.quantity}: {several[0].origin} gives several figures ({values}) and no date tells"
                " which is the latest; all are used"
            )
    return notes
