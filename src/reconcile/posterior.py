# SPDX-License-Identifier: MIT
"""`estimate` and `Posterior`: claims taken through the rooms, and what comes out."""

from __future__ import annotations

import datetime
import functools
import sys
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Executor
from typing import Any, Literal

import attrs
import numpy as np
from numpy.typing import NDArray

from reconcile.channels import Denial
from reconcile.claims import Claim, Corpus
from reconcile.columns import Columns
from reconcile.conductor import COARSE, DRAWS, conduct, find_outvoted
from reconcile.datatrees import make_datatree
from reconcile.dependence import Roles, assign_roles
from reconcile.errors import CountedTwice, Unidentified, UnknownQuantity
from reconcile.estimates import Diagnostics, Estimate, Part, Role, Settings, SourceEstimate, html_table
from reconcile.lessons import Estimates, Teaching, doubts, known_quantities, solve_linked, teach
from reconcile.model import Learned, Model
from reconcile.notes import find_duplicates
from reconcile.plumbing import check, to_frame, to_moment
from reconcile.problems import used_rows
from reconcile.vocabulary import Quantity

__all__ = ["Posterior", "estimate"]

LEARN_CLAIMS, LEARN_COUNTS = 40, 5  # below, classes and count priors are known no better than before (judgement)
# Claims a source, on average, from which learning is the default; with 5 it did harm (shooting news, `bench/real.py`).
LEARN_EACH = 8


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

    def to_datatree(self, draws: int = 1_000, *, rng: int | np.random.Generator | None = 0) -> Any:
        """Draw from every estimate and give the draws and their summaries as ArviZ takes them.

        The group ``posterior`` holds ``count``, of shape (chain, draw, quantity) with one chain, and the group
        ``summary`` the columns of `rows` that are numbers, at a level of 0.9. Each count is drawn by itself: draws of
        two counts say nothing of how they go together. Where sources were learned, the group ``sources`` holds the
        draws of their parameters as they stand in the model (`SourceEstimate.draws`). ArviZ before 1.0 takes
        ``tree["posterior"].to_dataset()``, or all of it by ``arviz.InferenceData.from_datatree(tree)``.

        Parameters
        ----------
        draws : int
            For each count.
        rng : int or numpy Generator, keyword
            Seed of the draws.

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
        check(draws >= 1, "to_datatree(draws)", draws, "a whole number from 1")
        check(len(self) > 0, "to_datatree", self, "a posterior with an estimate")
        random = np.random.default_rng(rng)
        counts = np.stack([one.sample(draws, rng=random) for one in self._estimates.values()], axis=1)
        sources = self.sources if self.diagnostics.learned else {}
        return make_datatree([*map(str, self)], counts, self.rows(), sources, self.settings.seed)

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
        source over its prior. By default a corpus of 40 claims, 5 counts of which several sources speak, and 8 claims a
        source on average is learned from, and whatever comes after a learned model.
    method : {"laplace", "gibbs"}, keyword
        How sources are learned: from the mode of the evidence (`learning`), or by a Gibbs sampler (`gibbs`), which is
        many times slower and a check of the former. It does not look for whom each source copies.
    executor : concurrent.futures.Executor, keyword, optional
        Where to compute the shards of a corpus; by default in threads, one for each core, from 1,000 claims. The result
        is the same to the last bit with any number of workers.
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
    given: object = rng
    well = given is None or isinstance(given, np.random.Generator | int | np.integer)
    well = well and not (isinstance(given, int | np.integer) and given < 0)
    check(well, "estimate(rng)", rng, "a whole number from 0, a Generator or None")
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
        and _meetings(columns.quantity[rows], roles.origin[rows]) >= LEARN_COUNTS
        and len(np.unique(columns.quantity[rows])) >= LEARN_COUNTS
        and len(rows) >= LEARN_EACH * len(np.unique(roles.origin[rows]))
    )


def _meetings(quantity: NDArray[np.integer], origin: NDArray[np.integer]) -> int:
    """Count the counts of which two sources or more speak: elsewhere nothing shows how a source leans and scatters."""
    pairs = np.unique(np.stack([quantity, origin]).astype(np.int64), axis=1)
    return int(np.count_nonzero(np.unique(pairs[0], return_counts=True)[1] > 1))


def _learned(
    corpus: Corpus, roles: Roles, model: Model, teaching: Teaching, settings: Settings, rng: np.random.Generator
) -> Posterior:
    lesson = teaching.lesson
    known = known_quantities(corpus.columns, roles)
    pmfs, engines, wholes, error = solve_linked(teaching, model, known, rng=rng)
    notes = [*doubts(teaching), *_remarks(corpus, model)]
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
    if pmfs:
        notes += find_outvoted((estimates[q] for q in estimates if q.key in engines), model)
    every = Engines(engines, estimates)
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
    estimates, diagnostics = conductor.conclude(roles, conductor.fit(settings.draws or DRAWS, rng))
    diagnostics = attrs.evolve(diagnostics, notes=(*diagnostics.notes, *_remarks(corpus, model)))
    return Posterior(corpus, model, tuple(roles), diagnostics, settings, estimates, learn)


def _remarks(corpus: Corpus, model: Model) -> list[str]:
    """Say what would else go unnoticed: anchors that name no source, and claims that were given more than once."""
    missing = sorted(set(model.anchors) - {source.name for source in corpus.columns.sources})
    found = [f"Model.anchors names no source of these claims: {', '.join(missing)}"] if missing else []
    return found + find_duplicates(corpus)


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
