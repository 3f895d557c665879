# SPDX-License-Identifier: MIT
"""Exports of the Armed Conflict Location & Event Data project (ACLED): one event, one claim by ACLED.

The data are ACLED's, under its own terms of use and attribution policy: see acleddata.com before you pass them on.
Nothing of them is in this package.
"""

from __future__ import annotations

import calendar
import datetime
import re
from collections.abc import Iterator
from typing import Any

from reconcile.claims import Citation, Claim, Corpus
from reconcile.io._cells import cut, to_spelt_day, to_text
from reconcile.io._foreign import Fault, LeftOut, Reading, Row, finish, go_through, open_sheet
from reconcile.plumbing import check
from reconcile.values import AtLeast, Exactly
from reconcile.vocabulary import Event, Source

__all__ = ["SOURCE", "read"]

SOURCE = Source("ACLED", kind="compiler")
_DAY_FIRST = re.compile(r"([0-9]{1,2})/([0-9]{1,2})/([0-9]{4})")
_NONE_REPORTED = "ACLED codes 0, that no deaths were reported, which is no claim that nobody was killed (see `zeros`)"
_ONE_WAY = "violence against civilians"


def read(
    source: Any, *, floor: bool = True, zeros: bool = False, strict: bool = False, encoding: str | None = None
) -> Corpus:
    r"""Read an export of ACLED events, as CSV or as a dataframe.

    ACLED codes the lowest of the numbers that its sources report, so a row is one claim by ACLED that *at least* so
    many were killed. Its column holds *reported* fatalities, an event needs none, and there is no code for unknown
    (ACLED Codebook, "Reported fatalities"; ACLED Knowledge Base, "Fatalities"): 0 is that no report spoke of deaths, as
    at most protests, and not that somebody looked and found none. So a row with 0 makes no claim. The publisher of the
    citation is ACLED's ``source``, with its scale; the quote is its ``notes``. ``time_precision`` widens the days of
    the event: 1 is the day, 2 any week that holds it, 3 its month. The claim is reported on the day of ``timestamp``,
    when ACLED last changed the row. Actor 1 is the perpetrator in "Violence against civilians" only, as ACLED's order
    of actors says nothing elsewhere.

    Parameters
    ----------
    source : path, file or dataframe
        Dates are ISO 8601, "05 January 2024", or day/month/year.
    floor : bool, keyword
        False reads the number as an exact one.
    zeros : bool, keyword
        True reads 0 as the claim that nobody was killed, where that is what you hold a row without deaths to mean.
    strict : bool, keyword
        Raise if any row cannot be read.
    encoding : str, keyword, optional
        As in `reconcile.io.table.read`.

    Returns
    -------
    Corpus
        Every row that is not blank is one claim, one rejected row (that includes events that stand twice, as in ACLED's
        files by actor), or is left out as its number is 0.

    Raises
    ------
    UnreadableTable
        If it is no such table.
    RejectedRows
        If `strict` and a row cannot be read.

    Warns
    -----
    ClaimsWarning
        With the number of rows that were left out.

    Examples
    --------
    >>> import io
    >>> corpus = read(io.StringIO("event_id_cnty,event_date,fatalities\nXXX17,05 January 2024,3"))
    >>> print(corpus.claims[0], "on", corpus.claims[0].quantity.event.start)
    ACLED: at least 3 killed, acled-XXX17 on 2024-01-05
    """
    for name, given in (("floor", floor), ("zeros", zeros)):
        check(isinstance(given, bool), f"read({name})", given, "True or False")
    reading = Reading()
    sheet = open_sheet(source, "acled", encoding, reading.notes)
    lines: dict[str, int] = {}
    go_through(sheet, lambda row: _make(row, lines, floor=floor, zeros=zeros), reading)
    return finish(reading, sheet.where, strict=strict)


def _make(row: Row, lines: dict[str, int], *, floor: bool, zeros: bool) -> Iterator[Claim]:
    name = f"acled-{row.must('event_id_cnty')}"
    if name in lines:
        raise Fault("event_id_cnty", f"line {lines[name]} has this event already")
    start, end = _days(row)
    places = dict.fromkeys(place for place in map(row.name, ("location", "admin1", "country")) if place)
    first = row.name("actor1") if (row.name("event_type") or "").casefold() == _ONE_WAY else None
    event = Event(
        name, place=cut(", ".join(places)) or None, start=start, end=end, perpetrators={first} if first else ()
    )
    dead = row.count("fatalities")
    reported = row.get("timestamp", _to_stamp)
    value = AtLeast(dead) if floor and dead else Exactly(dead)
    claim = Claim(event.killed(), value, SOURCE, reported=reported, citation=_cite(row))
    lines[name] = row.line
    if not (dead or zeros):
        raise LeftOut(_NONE_REPORTED)
    yield claim


def _to_day(cell: Any) -> datetime.date:
    found = _DAY_FIRST.fullmatch(cell.strip()) if isinstance(cell, str) else None
    return datetime.date(int(found[3]), int(found[2]), int(found[1])) if found else to_spelt_day(cell)


def _to_stamp(cell: Any) -> datetime.date:
    text = to_text(cell)
    if text.isascii() and text.isdigit() and len(text) <= 11:
        return datetime.datetime.fromtimestamp(int(text), tz=datetime.UTC).date()
    return to_spelt_day(cell)


def _days(row: Row) -> tuple[datetime.date, datetime.date]:
    day = row.need("event_date", _to_day)
    precision = row.name("time_precision") or "1"
    if precision not in {"1", "2", "3"}:
        raise Fault("time_precision", f"got {precision!r}; allowed: 1 (the day), 2 (its week) or 3 (its month)")
    if precision == "2":
        week = datetime.timedelta(days=6)
        return day - week, day + week
    if precision == "3":
        return day.replace(day=1), day.replace(day=calendar.monthrange(day.year, day.month)[1])
    return day, day


def _cite(row: Row) -> Citation | None:
    kind = row.name("sub_event_type") or row.name("event_type")
    actors = " - ".join(actor for actor in (row.name("actor1"), row.name("actor2")) if actor)
    title = ": ".join(part for part in (kind, actors) if part)
    named, scale, notes = (row.get(column, to_text) for column in ("source", "source_scale", "notes"))
    publisher = f"{named} ({scale})" if named and scale else named
    if not (title or publisher or notes):
        return None
    texts = {"title": title, "publisher": publisher, "quote": notes}
    return Citation(**{name: cut(" ".join(text.split())) if text else None for name, text in texts.items()})
