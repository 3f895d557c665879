# SPDX-License-Identifier: MIT
"""How an estimate moved as claims came in."""

from __future__ import annotations

import datetime
import html
from collections.abc import Iterable
from typing import Any, Literal

import attrs
import numpy as np

from reconcile.accounts import box
from reconcile.claims import Claim, Corpus
from reconcile.errors import UnknownQuantity
from reconcile.estimates import Estimate, Part, html_table, span
from reconcile.model import Model
from reconcile.plumbing import check, count_of, to_frame, to_moment
from reconcile.posterior import estimate
from reconcile.vocabulary import Quantity, Source

__all__ = ["History", "Moment", "history"]

COLUMNS = ("day", "median", "low", "high", "level", "claims", "origins", "unresolved", "fresh")


@attrs.frozen(eq=False)
class Moment:
    """What was known by the end of one day.

    Attributes
    ----------
    day : date
    estimate : Estimate
    fresh : tuple of Claim
        About this count, and reported that day.
    """

    day: datetime.date
    estimate: Estimate
    fresh: tuple[Claim, ...]


@attrs.frozen(eq=False, repr=False)
class History:
    """An estimate as it was on each day on which a claim came in.

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
            With keys day, median, low, high, level, claims, origins, unresolved, fresh (what came in, in words).
        """
        found: list[dict[str, object]] = []
        for one in self.moments:
            low, high = one.estimate.eti(level)
            used = sum(role.role is Part.USED for role in one.estimate.roles)
            found.append(
                {
                    "day": one.day.isoformat(),
                    "median": one.estimate.median(),
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
    rng: int = 0,
    draws: int | None = None,
    learn: bool = False,
) -> History:
    """Say how an estimate moved as claims came in: for each day on which one did, what was known by its end.

    Parameters
    ----------
    claims : iterable of Claim, or Corpus
    quantity : Quantity
    model : Model, optional
    as_of : date, datetime or ISO text, keyword, optional
        The day on which the history ends.
    rng : int, keyword
        Seed; see `estimate`.
    draws : int, keyword, optional
        See `estimate`.
    learn : bool, keyword
        Learn the sources anew from all claims, for each day. By default each source is integrated over its priors, and
        only claims that bear on the count are read: those about its event or a larger or smaller one, others by the
        same sources, and so on. Where `model` has learned, sources go on from what it knows.

    Returns
    -------
    History
        Each estimate equals ``estimate(claims, model, as_of=day, learn=learn)[quantity]``, up to the error of drawing
        where sources make several claims: seeds run through fewer claims here.

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
    corpus = claims if isinstance(claims, Corpus) else Corpus(claims)
    check(isinstance(quantity, Quantity), "history(quantity)", quantity, "a Quantity")
    end = to_moment("history(as_of)")(as_of)
    learned = model is not None and model.learned is not None
    every = corpus.ordered
    near = every if learn else _connected(every, quantity)
    mine = [claim for claim in near if box(claim.quantity) == box(quantity)]
    if not mine and all(claim.whole is None or box(claim.whole) != box(quantity) for claim in near):
        raise UnknownQuantity(str(quantity), tuple(dict.fromkeys(str(claim.quantity) for claim in every)))
    days = sorted({day for claim in near if (day := _day(claim)) is not None})
    moments = []
    few = Corpus(near)
    last = None if end is None else _date(end)
    for day in days:
        if last is not None and day > last:
            break
        moment = end if day == last else day
        posterior = estimate(few, model, as_of=moment, rng=rng, draws=draws, learn=learn or learned)
        if quantity in posterior:
            known = {role.claim.id for role in posterior.roles if role.role.heard}
            fresh = tuple(claim for claim in mine if _day(claim) == day and claim.id in known)
            moments.append(Moment(day, posterior[quantity], fresh))
    return History(quantity, tuple(moments), tuple(claim for claim in near if claim.reported is None))


def _day(claim: Claim) -> datetime.date | None:
    return None if claim.reported is None else _date(claim.reported)


def _date(moment: datetime.date) -> datetime.date:
    return moment.date() if isinstance(moment, datetime.datetime) else moment


def _connected(claims: tuple[Claim, ...], quantity: Quantity) -> tuple[Claim, ...]:
    """Keep the claims that hang together with a quantity, by events, sources and quotations."""
    marks = [_marks(claim) for claim in claims]
    known = {("event", (quantity.event, *quantity.event.wholes)[-1].id)}
    inside = np.zeros(len(claims), dtype=bool)
    while True:
        fresh = [k for k in np.flatnonzero(~inside) if not known.isdisjoint(marks[k])]
        if not fresh:
            return tuple(claim for claim, here in zip(claims, inside, strict=True) if here)
        inside[fresh] = True
        known = known.union(*(marks[k] for k in fresh))


def _marks(claim: Claim) -> frozenset[tuple[str, str]]:
    event = claim.quantity.event
    found = {("event", (event, *event.wholes)[-1].id), ("source", claim.source.name), ("claim", claim.id)}
    if isinstance(claim.quoted_from, Source):
        found.add(("source", claim.quoted_from.name))
    links = [link for link in (claim.quoted_from, claim.revises) if isinstance(link, str)]
    return frozenset(found | {("claim", link) for link in links})
