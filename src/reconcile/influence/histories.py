# SPDX-License-Identifier: MIT
"""How an estimate moved as claims came in."""

from __future__ import annotations

import datetime
import html
import warnings
from collections.abc import Iterable, Sequence
from typing import Any, Literal

import attrs
import numpy as np

from reconcile.accounts import box, build_accounts
from reconcile.claims import Claim, Corpus
from reconcile.errors import Unidentified, UnknownQuantity
from reconcile.estimates import Estimate, Role, html_table, name_peaks, span
from reconcile.model import Model
from reconcile.plumbing import check, count_of, refuse_old, to_frame, to_moment
from reconcile.posterior import estimate
from reconcile.times import find_times
from reconcile.vocabulary import Quantity

__all__ = ["History", "Moment", "history"]

COLUMNS = ("day", "median", "peaks", "low", "high", "level", "claims", "origins", "unresolved", "fresh")


@attrs.frozen(eq=False)
class Moment:
    """What was known by the end of one day, or, while the toll rose, at one moment.

    Attributes
    ----------
    day : date or datetime
    estimate : Estimate
    fresh : tuple of Claim
        About this count, and reported then.
    """

    day: datetime.date
    estimate: Estimate
    fresh: tuple[Claim, ...]


@attrs.frozen(eq=False, repr=False)
class History:
    """An estimate as it was on each day on which a claim came in about the count, or one bound to it.

    Attributes
    ----------
    quantity : Quantity
    moments : tuple of Moment
        By day; those on which this count had no estimate yet are left out.
    undated : tuple of Claim
        Claims about this count, or bound to it, that no day has, since they have no date.
    """

    quantity: Quantity
    moments: tuple[Moment, ...]
    undated: tuple[Claim, ...]

    def __len__(self) -> int:
        return len(self.moments)

    def rows(self, level: float = 0.9) -> list[dict[str, object]]:
        """Give a plain row for each day.

        Parameters
        ----------
        level : float
            Probability of the equal-tailed interval.

        Returns
        -------
        list of dict
            With keys day, median, peaks (see `Posterior.rows`), low, high, level, claims, origins, unresolved, fresh
            (what came in, in words).
        """
        found: list[dict[str, object]] = []
        for one in self.moments:
            low, high = one.estimate.eti(level)
            used = sum(role.role is Role.USED for role in one.estimate.roles)
            found.append(
                {
                    "day": one.day.isoformat(),
                    "median": one.estimate.median(),
                    "peaks": name_peaks(one.estimate.distribution),
                    "low": low,
                    "high": high,
                    "level": level,
                    "claims": used,
                    "origins": one.estimate.origins,
                    "unresolved": one.estimate.unresolved,
                    "fresh": "; ".join(f"{claim.source}: {claim.value}" for claim in one.fresh),
                }
            )
        return found

    def to_frame(self, backend: Literal["pandas", "polars", "pyarrow"] = "pandas", *, level: float = 0.9) -> Any:
        """Give `rows` as a dataframe.

        Raises
        ------
        MissingDependency
            If the backend is not installed.
        """
        return to_frame(self.rows(level), COLUMNS, backend)

    def __str__(self) -> str:
        lines = [str(self.quantity)]
        for one, row in zip(self.moments, self.rows(), strict=True):
            came = f"; came in: {row['fresh']}" if row["fresh"] else "; nothing new about this count itself"
            lines.append(f"{row['day']}: {span(one.estimate.distribution)}{came}")
        if self.undated:
            lines.append(f"left out, for want of a date: {count_of(len(self.undated), 'claim')}")
        return "\n".join(lines)

    def __repr__(self) -> str:
        return f"<History of {self.quantity}: {count_of(len(self), 'day')}>"

    def _repr_html_(self) -> str:
        pairs = zip(self.moments, self.rows(), strict=True)
        rows = [(row["day"], span(one.estimate.distribution), row["claims"], row["fresh"]) for one, row in pairs]
        title = f"<p><strong>{html.escape(str(self.quantity))}</strong></p>"
        return title + html_table(("day", "estimate", "claims used", "came in"), rows)


def history(
    claims: Iterable[Claim],
    quantity: Quantity,
    model: Model | None = None,
    *,
    as_of: datetime.date | str | None = None,
    seed: int = 0,
    draws: int | None = None,
    ess: float = 40.0,
    learn: bool = True,
    **old: object,
) -> History:
    """Say how an estimate moved as claims came in: for each day on which it was touched, what was known by its end.

    Those are the days on which a claim came in about the count, or about one that identities bind to it, or one that
    replaces such a claim. On other days the estimate moves only by what other counts teach of sources; that shows on
    the next of these days. While a toll rises, claims with a time of day are moments of their own.

    Parameters
    ----------
    claims : iterable of Claim, or Corpus
    quantity : Quantity
    model : Model, optional
    as_of : date, datetime or ISO text, keyword, optional
        The day on which the history ends.
    seed : int, keyword
        See `estimate`, as for the others.
    draws : int, keyword, optional
    ess : float, keyword
    learn : bool, keyword

    Returns
    -------
    History
        Each estimate equals ``estimate(claims, model, as_of=day, ...)[quantity]``.

    Raises
    ------
    UnknownQuantity
        If no claim mentions the quantity.

    Examples
    --------
    >>> import reconcile as rc
    >>> clash = rc.Event("clash").killed()
    >>> said = [("ministry", 5, "2020-02-10"), ("monitor", 6, "2020-02-11")]
    >>> claims = [rc.Claim(clash, rc.Exactly(n), rc.Source(s), reported=day) for s, n, day in said]
    >>> [(row["day"], row["median"]) for row in rc.history(claims, clash).rows()]
    [('2020-02-10', 5), ('2020-02-11', 6)]
    """
    refuse_old("history", old, rng="seed")
    corpus = claims if isinstance(claims, Corpus) else Corpus(claims)
    check(isinstance(quantity, Quantity), "history(quantity)", quantity, "a Quantity")
    end = to_moment("history(as_of)")(as_of)
    near = _bound(corpus.ordered, quantity)
    mine = [claim for claim in near if box(claim.quantity) == box(quantity)]
    rising = _rising(corpus) if model is None or model.rising is not None else frozenset()
    touching = [claim for claim in _touching(corpus.ordered, near) if claim.reported is not None]
    days = sorted({_when(claim, rising) for claim in touching}, key=_place)
    moments = []
    for day in days:
        if end is not None and _after(day, end):
            break
        moment = end if end is not None and day == _date(end) else day
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Unidentified)  # as on most first days
            posterior = estimate(corpus, model, as_of=moment, seed=seed, draws=draws, ess=ess, learn=learn)
        if quantity in posterior:
            known = {role.claim.id for role in posterior[quantity].roles if role.role.heard}
            fresh = tuple(c for c in mine if c.reported is not None and _when(c, rising) == day and c.id in known)
            moments.append(Moment(day, posterior[quantity], fresh))
    return History(quantity, tuple(moments), tuple(claim for claim in near if claim.reported is None))


def _bound(claims: Sequence[Claim], quantity: Quantity) -> tuple[Claim, ...]:
    """Keep the claims about a count, and about counts that identities bind to it.

    Raises
    ------
    UnknownQuantity
    """
    root = _root(quantity)
    family = [claim for claim in claims if _root(claim.quantity) == root]
    pairs = {(claim.quantity, claim.whole) for claim in family if claim.whole is not None}
    accounts = build_accounts({*(claim.quantity for claim in family), *(whole for _, whole in pairs)}, pairs)
    for account in accounts:
        inside = {box(q) for q in account.quantities}
        if box(quantity) in inside:
            return tuple(claim for claim in family if box(claim.quantity) in inside)
    raise UnknownQuantity(str(quantity), tuple(dict.fromkeys(str(claim.quantity) for claim in claims)))


def _root(quantity: Quantity) -> str:
    return (quantity.event, *quantity.event.wholes)[-1].id


def _touching(claims: Sequence[Claim], near: Sequence[Claim]) -> Iterable[Claim]:
    """Add the claims that replace one of some claims, if of another count, and those that replace these in turn."""
    known = {claim.id for claim in near}
    later = [claim for claim in claims if claim.revises is not None and claim.id not in known]
    found = list(near)
    while fresh := [claim for claim in later if claim.revises in known and claim.id not in known]:
        known.update(claim.id for claim in fresh)
        found += fresh
    return found


def _rising(corpus: Corpus) -> frozenset[str]:
    """Ids of the claims that have a time at which their toll rises."""
    columns = corpus.columns
    return frozenset(columns.id(int(row)) for row in np.flatnonzero(find_times(columns).usable))


def _when(claim: Claim, rising: frozenset[str]) -> datetime.date:
    """The moment at which a claim of a toll that rises came in, else the day."""
    assert claim.reported is not None  # noqa: S101 - for type checkers: others are left out before
    return claim.reported if claim.id in rising else _date(claim.reported)


def _place(moment: datetime.date) -> datetime.datetime:
    """Place moments in order: a day at its end, one without a zone as if of UTC."""
    if not isinstance(moment, datetime.datetime):
        return datetime.datetime.combine(moment, datetime.time.max, datetime.UTC)
    return moment if moment.tzinfo else moment.replace(tzinfo=datetime.UTC)


def _after(moment: datetime.date, end: datetime.date) -> bool:
    """Whether one comes after another; a day and a moment of it come together."""
    times = isinstance(moment, datetime.datetime) and isinstance(end, datetime.datetime)
    return _place(moment) > _place(end) if times else _date(moment) > _date(end)


def _date(moment: datetime.date) -> datetime.date:
    return moment.date() if isinstance(moment, datetime.datetime) else moment
