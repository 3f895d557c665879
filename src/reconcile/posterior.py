# SPDX-License-Identifier: MIT
"""`estimate` and `Posterior`: claims taken through the rooms, and what comes out."""

from __future__ import annotations

import datetime
import functools
import sys
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Executor
from typing import Any, Literal, TypeGuard

import attrs
import numpy as np

from reconcile.claims import Claim, Corpus
from reconcile.columns import Moments
from reconcile.constraints import leave, read_literally
from reconcile.datatrees import make_datatree
from reconcile.errors import CountedTwice, Unidentified, UnknownQuantity
from reconcile.estimates import (
    ClaimRole,
    Diagnostics,
    Estimate,
    Role,
    Settings,
    SourceEstimate,
    headline,
    html_table,
    name_peaks,
)
from reconcile.inference.corpus_fit import CorpusFit, Estimates, account_of, doubts, fit_corpus, solve_accounts
from reconcile.inference.fit import COARSE, Fit
from reconcile.inference.hierarchy import RELATIONS
from reconcile.model import Model
from reconcile.notes import MOST_NOTES, bounds_of, find_crossed_bounds, find_duplicates, find_one_sided
from reconcile.plumbing import check, in_words, refuse_old, surely_later, to_frame, to_generator, to_moment
from reconcile.roles import Roles, assign_roles
from reconcile.vocabulary import Quantity, Relation

__all__ = ["Posterior", "estimate", "estimate_again"]

NAMED = 3  # counts in one sentence
SEVERAL = 10  # claims from which a reader may think that something was learned of their sources


@attrs.frozen(eq=False, repr=False, slots=False)
class Posterior:
    """Estimates of every quantity that claims mention, with the claims and the model that they come from.

    Attributes
    ----------
    corpus : Corpus
    model : Model
    roles : tuple of ClaimRole
        What every claim does, by claim id.
    diagnostics : Diagnostics
    settings : Settings
        How `estimate` was called.
    """

    corpus: Corpus
    model: Model
    roles: Sequence[ClaimRole]
    diagnostics: Diagnostics
    settings: Settings
    _estimates: Mapping[Quantity, Estimate]
    corpus_fit: CorpusFit

    @property
    def quantities(self) -> tuple[Quantity, ...]:
        """The quantities that have an estimate, in a fixed order."""
        return tuple(self._estimates)

    @property
    def sources(self) -> Mapping[str, SourceEstimate]:
        """What the claims say about each source, by name."""
        found = {name: self.corpus_fit.source(name) for name in self.corpus_fit.names}
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
        >>> new = rc.Event("new").killed()
        >>> posterior = rc.estimate([rc.Claim(new, rc.Exactly(5), monitor)], model)
        >>> posterior[new].median()
        5
        """
        columns = self.corpus.columns
        seen = frozenset(columns.id(int(row)) for row in range(len(columns)))
        return attrs.evolve(self.model, learned=self.corpus_fit.learned(self.model.learned, seen=seen))

    def __getitem__(self, quantity: Quantity) -> Estimate:
        """Give the estimate of a quantity; raises `UnknownQuantity`, a `KeyError`, where no claim mentions it."""
        if quantity not in self._estimates:
            raise UnknownQuantity(str(quantity), tuple(map(str, self._estimates)))
        return self._estimates[quantity]

    def known_by(self, moment: datetime.date | str) -> Mapping[Quantity, Estimate]:
        """Estimate what is known of tolls that rise at a moment: so many will have been reported by then.

        An estimate of the posterior is of the final toll. Here it is of the known count: what the claims of that moment
        would be about, whether it lies before, between or after those that were made.

        Parameters
        ----------
        moment : date, datetime or ISO text
            A day stands for its evening; a moment without a zone is taken for one of UTC.

        Returns
        -------
        mapping of Quantity to Estimate
            Of the quantities of events that had begun, of which a claim has a time within which the toll rises.

        Raises
        ------
        InvalidValue
            For what is no moment.

        Examples
        --------
        >>> import reconcile as rc
        >>> fire = rc.Event("fire", kind="fire", start="2024-05-01T06:00+00:00")
        >>> claims = [
        ...     rc.Claim(fire.killed(), rc.Exactly(n), rc.Source("agency"), reported=f"2024-05-01T{hour}:00+00:00")
        ...     for n, hour in ((5, "09"), (11, "12"), (18, "19"))
        ... ]
        >>> posterior = rc.estimate(claims)
        >>> by_noon, in_the_end = posterior.known_by("2024-05-01T12:00+00:00")[fire.killed()], posterior[fire.killed()]
        >>> by_noon.median(), in_the_end.median() > 18
        (11, True)
        """
        when = to_moment("Posterior.known_by")(moment)
        check(when is not None, "Posterior.known_by", moment, "a date, a datetime or an ISO text")
        found = self.corpus_fit.known_by(Moments.of([when]))
        table = self.corpus.columns.quantities
        return {
            table[code]: attrs.evolve(self._estimates[table[code]], distribution=pmf)
            for code, pmf in found.items()
            if table[code] in self._estimates
        }

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
            With keys event, outcome, group, period, median, peaks, low, high, level, claims, origins. Where the median
            lies in a valley, peaks names what to quote in its place, with probabilities: "3 (58 %) or 17 (42 %)"; else
            it is empty. The mean is left out: a thin tail of huge counts moves it far from anything likely.
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
                    "peaks": name_peaks(one.distribution),
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
        names = ("event", "outcome", "group", "period", "median", "peaks", "low", "high", "level", "claims", "origins")
        return to_frame(self.rows(level), names, backend)

    def to_datatree(self, draws: int = 1_000, *, seed: int | np.random.Generator | None = 0, **old: object) -> Any:
        """Draw from every estimate and give the draws and their summaries as ArviZ takes them.

        The group ``posterior`` holds ``count``, of shape (chain, draw, quantity) with one chain, and the group
        ``summary`` the columns of `rows` from the median on, at a level of 0.9. Each count is drawn by itself: draws of
        two counts say nothing of how they go together. Where sources were learned, the group ``sources`` holds the
        draws of their parameters as they stand in the model (`SourceEstimate.draws`). ArviZ before 1.0 takes
        ``tree["posterior"].to_dataset()``, or all of it by ``arviz.InferenceData.from_datatree(tree)``.

        Parameters
        ----------
        draws : int
            For each count.
        seed : int or numpy Generator, keyword
            Of the draws.

        Returns
        -------
        xarray.DataTree

        Raises
        ------
        InvalidValue
            If nothing was estimated, or no draw is asked for.
        MissingDependency
            If xarray, which ArviZ brings along, is not installed.
        """
        refuse_old("to_datatree", old, rng="seed")
        check(draws >= 1, "to_datatree(draws)", draws, "a whole number from 1")
        check(len(self) > 0, "to_datatree", self, "a posterior with an estimate")
        random = to_generator("to_datatree", seed)
        counts = np.stack([one.sample(draws, seed=random) for one in self._estimates.values()], axis=1)
        return make_datatree([*map(str, self)], counts, self.rows(), self.sources, self.settings.seed)

    def __str__(self) -> str:
        return "\n".join(f"{quantity}: {one}" for quantity, one in self._estimates.items())

    def __repr__(self) -> str:
        return f"<Posterior: {len(self)} quantities, {self.corpus}>"

    def _repr_html_(self) -> str:
        header = ("event", "outcome", "group", "estimate", "90 % interval", "claims", "independent sources")
        rows = []
        for quantity, one in self._estimates.items():
            _, low, high = one.readable()
            group = quantity.group
            rows.append(
                (
                    quantity.event,
                    quantity.outcome,
                    group,
                    headline(one.distribution),
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
    looked_until: datetime.date | str | None = None,
    seed: int | np.random.Generator | None = 0,
    draws: int | None = None,
    ess: float = 40.0,
    learn: bool = True,
    executor: Executor | None = None,
    progress: bool = False,
    **old: object,
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
    looked_until : date, datetime or ISO text, keyword, optional
        Take the newest figure of each toll that rises as what its source still says then: whoever looked for later
        figures and found none has seen that it stands. By default silence says nothing.
    seed : int or numpy Generator, keyword
        Of the draws; of a generator, one number is drawn as the seed; None makes one up.
    draws : int, keyword, optional
        Posterior draws of all parameters, at least so many, from 64; by default as many as it takes.
    ess : float, keyword
        Effective draws that 95 % of the parameters should reach, from 10.
    learn : bool, keyword
        Whether classes of sources and the count priors are learned from all claims together. Else they stay as the
        model has them, and each source is pulled towards its class independently.
    executor : concurrent.futures.Executor, keyword, optional
        Where to compute the shards of a corpus; by default in threads, one for each core, from 1,000 claims. Workers
        in other processes, such as those of Dask's ``client.get_executor()``, keep the shards that they are sent. The
        result is the same to the last bit with any number of workers.
    progress : bool, keyword
        Say on standard error how far the work is.

    Returns
    -------
    Posterior

    Raises
    ------
    InvalidValue
        For what is not a claim, a vague word that the lexicon does not hold, or a `looked_until` after `as_of`.
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
    refuse_old("estimate", old, rng="seed", method="no method: there is only one now")
    corpus = claims if isinstance(claims, Corpus) else Corpus(claims)
    model = Model() if model is None else model
    check(isinstance(model, Model), "estimate(model)", model, "a Model")
    check(draws is None or (_is_whole(draws) and draws >= 64), "estimate(draws)", draws, "a whole number from 64")
    asked: object = learn
    check(_is_number(ess) and 10 <= ess < np.inf, "estimate(ess)", ess, "a number from 10")
    check(executor is None or isinstance(executor, Executor), "estimate(executor)", executor, "an Executor or None")
    check(isinstance(asked, bool), "estimate(learn)", learn, "True or False")
    day = to_moment("estimate(as_of)")(as_of)
    random = to_generator("estimate", seed)
    number = int(seed) if isinstance(seed, int | np.integer) else int(random.integers(2**63))
    until = to_moment("estimate(looked_until)")(looked_until)
    beyond = until is not None and day is not None and surely_later(until, day)
    check(not beyond, "estimate(looked_until)", looked_until, f"a day or moment not after as_of, {day}")
    settings = Settings(day, number, draws, ess, learn, until)
    columns, roles = corpus.columns, assign_roles(corpus, day, rising=model.rising is not None)
    if model.learned is not None:
        again = tuple(i for row in range(len(columns)) if (i := columns.id(row)) in model.learned.seen)
        if again:
            raise CountedTwice(again)
    report = _say if progress else _keep_silent
    corpus_fit = fit_corpus(
        columns, roles, model, seed=number, draws=draws, ess=ess, learn=learn, executor=executor, report=report,
        looked_until=until,
    )  # fmt: skip
    return _conclude(corpus, roles, model, corpus_fit, settings)


def estimate_again(
    posterior: Posterior, claims: Corpus, *, near: Fit, error: float = COARSE, executor: Executor | None = None
) -> Posterior:
    """Estimate claims that are nearly those of a posterior, with its model and settings.

    Parameters
    ----------
    posterior : Posterior
    claims : Corpus
    near : Fit, keyword
        Of the claims of the posterior; see `fit.fit`.
    error : float, keyword
        See `fit.fit`.
    executor : Executor, keyword, optional
        See `estimate`.
    """
    asked, model = posterior.settings, posterior.model
    columns, roles = claims.columns, assign_roles(claims, asked.as_of, rising=model.rising is not None)
    corpus_fit = fit_corpus(
        columns, roles, model, seed=asked.seed, draws=asked.draws, ess=asked.ess, learn=asked.learn, executor=executor,
        report=_keep_silent, near=near, error=error, looked_until=asked.looked_until,
    )  # fmt: skip
    return _conclude(claims, roles, model, corpus_fit, asked)


def _is_number(given: object) -> bool:
    return isinstance(given, int | float | np.number) and not isinstance(given, bool)


def _is_whole(given: object) -> TypeGuard[int]:
    return isinstance(given, int | np.integer) and not isinstance(given, bool)


def _say(said: str) -> None:
    sys.stderr.write(f"{said}\n")
    sys.stderr.flush()


def _keep_silent(said: str) -> None:
    pass


def _conclude(corpus: Corpus, roles: Roles, model: Model, corpus_fit: CorpusFit, settings: Settings) -> Posterior:
    """Solve what is linked, and write the estimates and what there is to say of them."""
    fit = corpus_fit.fit
    pmfs, engines, error = solve_accounts(corpus_fit, model, seed=settings.seed)
    unidentified = _name_unidentified(corpus_fit, model, learn=settings.learn)
    for said in unidentified:
        warnings.warn(said, Unidentified, stacklevel=3)
    notes = [*doubts(corpus_fit), *_name_crossed(corpus_fit, model), *_name_slips(corpus, model), *unidentified]
    error = max(error, fit.error)
    if error > COARSE:
        notes.append(f"these probabilities are uncertain by up to {100 * error:.0f} percentage points")
    estimates = Estimates(corpus_fit, pmfs, corpus_fit.corpus_problem.wholes, model)
    if pmfs:
        rising = corpus_fit.rising
        some = (estimates[q] for q in estimates if q.key in engines and q not in rising)
        notes += _find_outvoted(some, corpus_fit, model)
    every = Engines(engines, estimates)
    diagnostics = Diagnostics(every, fit.way, len(fit.z), fit.ess, fit.rhat, fit.khat, error, tuple(notes))
    return Posterior(corpus, model, roles, diagnostics, settings, estimates, corpus_fit)


def _name_slips(corpus: Corpus, model: Model) -> list[str]:
    """Say what would else go unnoticed: anchors that name no source, and claims that were given more than once."""
    missing = sorted(set(model.anchors) - {source.name for source in corpus.columns.sources})
    found = [f"Model.anchors names no source of these claims: {', '.join(missing)}"] if missing else []
    return found + find_duplicates(corpus)


def _name_crossed(corpus_fit: CorpusFit, model: Model) -> list[str]:
    """Name counts of which claims set bounds that exclude each other; those far apart are named in `doubts`."""
    columns, rows, problem = corpus_fit.columns, corpus_fit.corpus_problem.rows, corpus_fit.fit.problem
    count = problem.claims.event
    if problem.rises is not None:  # bounds of two times exclude each other as a toll rises
        final = problem.rises.time < 0
        rows, count = rows[final], count[final]
    bounds = np.array([bounds_of(value) for value in columns.values], dtype=float).reshape(-1, 2)
    least, most = bounds[columns.value[rows]].T

    def told(at: int) -> list[tuple[float, float, Claim]]:
        claims = [columns.claim(int(row)) for row in rows[count == at]]
        meanings = [model.speech.read(claim.value) for claim in claims]
        return [(m.low.min(), m.high.max(), claim) for m, claim in zip(meanings, claims, strict=True)]

    return find_crossed_bounds(count, least, most, told)


def _name_unidentified(corpus_fit: CorpusFit, model: Model, *, learn: bool) -> list[str]:
    """Say which parameters rest on their priors: of all sources, or of a party that nobody is held against."""
    problem = corpus_fit.fit.problem
    found = _name_one_sided(corpus_fit, model)
    speakers = np.unique(problem.claims.event * (int(problem.source.max(initial=0)) + 1) + problem.source)
    bound = any(len(one.account.nodes) > 1 for one in problem.linked)
    apart = learn and len(speakers) == len(problem.claims.outcome) and not bound
    if apart and len(problem.source) >= SEVERAL and model.learned is None:
        found.append("no count is claimed by more than one source: how these lean and scatter rests on their priors")
    return found


def _name_one_sided(corpus_fit: CorpusFit, model: Model) -> list[str]:
    corpus_problem, problem = corpus_fit.corpus_problem, corpus_fit.fit.problem
    account = np.arange(len(problem.claims.outcome))
    for linked in problem.linked:
        inside = [count for count in linked.counts if count >= 0]
        account[inside] = min(inside, default=0)
    taught = {one.owner for one in model.learned.names if one.scope == "source"} if model.learned else set()
    known = [k for k, source in enumerate(problem.speakers) if source.name in taught or source.name in model.anchors]
    alone = find_one_sided(
        account[problem.claims.event], problem.source, corpus_problem.relation,
        third=RELATIONS.index(Relation.THIRD), known=np.array(known, dtype=np.int64),
    )  # fmt: skip
    counts = np.unique(problem.claims.event[alone])
    if not len(counts):
        return []
    shown = []
    for count in counts[:NAMED]:
        mine = np.flatnonzero(problem.claims.event == count)
        quantity = corpus_fit.columns.claim(int(corpus_problem.rows[mine[0]])).quantity
        names = in_words({problem.speakers[int(k)].name for k in problem.source[mine]})
        shown.append(f"{quantity} on {names} ({RELATIONS[int(corpus_problem.relation[mine[0]])]})")
    more = f"; and {len(counts) - NAMED:,} more" if len(counts) > NAMED else ""
    said = "how such figures lean is assumed, and no claim of others shows it"
    return [f"resting on one party alone: {'; '.join(shown)}{more}: {said}"]


def _find_outvoted(estimates: Iterable[Estimate], corpus_fit: CorpusFit, model: Model) -> list[str]:
    """Name counts that are bound to others and whose median is outside of all that is claimed of them, and say why."""
    found: list[str] = []
    more_counts = 0
    for one in estimates:
        roles = [role for role in one.roles if role.role is Role.USED and role.claim.whole is None]
        ends, median = [read_literally(role.claim.value, model.speech) for role in roles], one.median()
        if not roles:
            continue
        low, high = min(low for low, _ in ends), max(high for _, high in ends)
        if low <= median <= high:
            continue
        if len(found) == MOST_NOTES:
            more_counts += 1
            continue
        said = in_words(f"{role.claim.source}: {role.claim.value}" for role in roles[:3])
        more = f" and {len(roles) - 3} more" if len(roles) > 3 else ""
        party = "" if all(role.relation is Relation.THIRD for role in roles) else ", and how a party leans"
        prior = f"what is assumed before any claim (the count prior{party})"
        others = "other claims about the same total or its parts"
        account, rows = account_of(corpus_fit, one.quantity)
        left = leave(account, [corpus_fit.roles[row] for row in rows], one.quantity, model.speech)
        if left is None:
            why = f"{prior} pulls it there, and no other claim"
        elif left[1] < low or left[0] > high:
            why = f"{others} pull it there"
        else:
            why = f"{others} and {prior} pull it there together"
        found.append(f"{one.quantity}: {median:,} is outside of all that is claimed of it ({said}{more}); {why}")
    return [*found, f"{more_counts:,} more counts are outside of all that is claimed of them"] if more_counts else found


class Engines(Mapping[str, str]):
    """Which engine solved each count, by key: what is said, else sum-product."""

    def __init__(self, said: Mapping[str, str], quantities: Iterable[Quantity]) -> None:
        self._said, self._quantities = said, quantities

    @functools.cached_property
    def _keys(self) -> dict[str, None]:
        return {quantity.key: None for quantity in self._quantities}

    def __getitem__(self, key: str) -> str:
        """Counts that stand alone are summed out exactly."""
        if key not in self._keys:
            raise KeyError(key)
        return self._said.get(key, "exact")

    def __iter__(self) -> Iterator[str]:
        """Go through the keys of all counts."""
        return iter(self._keys)

    def __len__(self) -> int:
        return len(self._keys)

    def __repr__(self) -> str:
        return f"<Engines of {len(self):,} counts>"
