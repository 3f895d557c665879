# SPDX-License-Identifier: MIT
"""Airwars' incidents of civilian harm, and the claims that their pages attribute to others.

Two tables, as they are taken from Airwars' pages: incidents with the least and the largest number killed and injured,
and claims with their source. Airwars states its own terms of use on its pages; nothing of its data is in this package.
"""

from __future__ import annotations

import datetime
import re
from collections.abc import Iterator
from typing import Any

from reconcile.claims import Citation, Claim, Corpus
from reconcile.io._cells import cut, to_count, to_spelt_day
from reconcile.io._foreign import Fault, LeftOut, Reading, Row, finish, go_through, open_sheet
from reconcile.plumbing import check
from reconcile.values import About, AtLeast, AtMost, Between, Exactly, Value
from reconcile.vocabulary import Event, Group, Source

__all__ = ["CIVILIANS", "SOURCE", "read"]

SOURCE = Source("Airwars", kind="monitor")
CIVILIANS = Group(status="civilian")
_OUTCOMES = ("killed", "injured")
_WEAK = {"weak", "contested", "discounted"}  # gradings by Airwars of claims that it does not stand behind
_DASH = re.compile(r"\s*[-\u2013]\s*")
_MONTH_YEAR = re.compile(r"(?P<month>[A-Za-z]+) (?P<from>\d{1,2})[-\u2013](?P<to>\d{1,2}), (?P<year>\d{4})")


def read(
    incidents: Any, claims: Any = None, *, group: Group = CIVILIANS, strict: bool = False, encoding: str | None = None
) -> Corpus:
    """Read Airwars' incidents and, if there are any, the claims of others about them.

    The least and the largest number of an incident span what many sources say, so they are *one* claim by Airwars for
    killed and one for injured: `Between` the two, or the number where they agree. It is hedged where the grading is
    weak, contested or discounted. A belligerent is the perpetrator.

    Of the claims of others, the form is the kind of value: exact, range, about, at_least, at_most; vague ones, whose
    word the table does not keep, are read as at least the smallest number that it stands for.

    Parameters
    ----------
    incidents : path, file or dataframe
        With incident_code, date, killed_min, killed_max, injured_min and injured_max; page, if the claims go by that.
    claims : path, file or dataframe, optional
        With incident (a page or an incident_code), source, quantity, form, low and high.
    group : Group, keyword
        Whom the figures count; by default civilians.
    strict : bool, keyword
        Raise if any row cannot be read.
    encoding : str, keyword, optional
        As in `reconcile.io.table.read`.

    Returns
    -------
    Corpus
        Every row that is not blank makes claims, is rejected, or is left out as it has no figure. The reasons of
        rejected rows of the second table begin with "claims: ".

    Raises
    ------
    UnreadableTable
        If either is no such table.
    RejectedRows
        If `strict` and a row cannot be read.

    Warns
    -----
    ClaimsWarning
        With the number of incidents that were left out because nothing is known of either number.

    Examples
    --------
    >>> import io
    >>> incidents = '''incident_code,date,killed_min,killed_max,injured_min,injured_max
    ... X1,"March 3, 2031",3,7,,'''
    >>> print(read(io.StringIO(incidents)).claims[0])
    Airwars: 3 to 7 killed (civilian), X1
    """
    check(isinstance(group, Group), "read(group)", group, "a Group, such as Group(status='civilian')")
    reading = Reading()
    sheet = open_sheet(incidents, "airwars", encoding, reading.notes)
    events: dict[str, Event] = {}
    go_through(sheet, lambda row: _make_incident(row, events, group), reading)
    if claims is not None:
        other = open_sheet(claims, "airwars_claims", encoding, reading.notes)
        go_through(other, lambda row: _make_claim(row, events, group), reading, prefix="claims: ")
    return finish(reading, sheet.where, strict=strict)


def _make_incident(row: Row, events: dict[str, Event], group: Group) -> Iterator[Claim]:
    code = row.must("incident_code")
    names = {code.casefold(), (row.name("page") or code).casefold()}
    if names & events.keys():
        raise Fault("incident_code", f"an earlier line has the incident {code!r}, or its page, already")
    start, end = row.need("date", _to_days)
    by = row.name("belligerent")
    event = Event(code, place=row.name("location"), start=start, end=end, perpetrators={by} if by else ())
    hedged = (row.name("grading") or "").casefold() in _WEAK
    said = {outcome: _span(row, outcome) for outcome in _OUTCOMES}
    events.update(dict.fromkeys(names, event))
    if not any(said.values()):
        raise LeftOut("Airwars gives no number of killed or injured")
    for outcome, value in said.items():
        if value is not None:
            words = row.name("civ_killed" if outcome == "killed" else "civ_injured")
            citation = Citation(quote=cut(f"{words} {outcome}")) if words else None
            yield Claim(event.count(outcome, group), value, SOURCE, hedged=hedged, citation=citation)


def _span(row: Row, outcome: str) -> Value | None:
    low, high = (row.get(f"{outcome}_{end}", to_count) for end in ("min", "max"))
    if low is None and high is None:
        return None
    if high is None:
        return AtLeast(low or 0)
    if low is None:
        return AtMost(high)
    if low > high:
        raise Fault(f"{outcome}_min", f"is {low:,}, more than {outcome}_max, {high:,}")
    return Exactly(low) if low == high else Between(low, high)


def _make_claim(row: Row, events: dict[str, Event], group: Group) -> Iterator[Claim]:
    name = row.must("incident")
    event = events.get(name.casefold())
    if event is None:
        raise Fault("incident", f"the table of incidents has no {name!r}, or it was rejected")
    outcome = row.must("quantity")
    if outcome not in _OUTCOMES:
        raise Fault("quantity", f"got {outcome!r}; allowed: {', '.join(_OUTCOMES)}")
    yield Claim(event.count(outcome, group), _value(row), Source(row.must("source")))


def _value(row: Row) -> Value:
    form = row.must("form")
    match form:
        case "exact":
            return Exactly(row.count("low"))
        case "range":
            return Between(row.count("low"), row.count("high"))
        case "about":
            return About(row.count("low"))
        case "at_least" | "vague":
            return AtLeast(row.count("low"))
        case "at_most":
            return AtMost(row.count("high"))
    raise Fault("form", f"got {form!r}; allowed: exact, range, about, at_least, at_most, vague")


def _to_days(cell: Any) -> tuple[datetime.date, datetime.date]:
    """Read "October 7, 2023", "October 9-10, 2023", or two dates with a dash between them."""
    if isinstance(cell, str):
        text = " ".join(cell.split())
        if found := _MONTH_YEAR.fullmatch(text):
            ends = (f"{found['month']} {found[end]}, {found['year']}" for end in ("from", "to"))
            first, last = map(to_spelt_day, ends)
            return first, last
        halves = _DASH.split(text)
        if len(halves) == 2:
            year = halves[1][-4:]
            start = halves[0] if halves[0][-4:].isdigit() else f"{halves[0]}, {year}"
            return to_spelt_day(start), to_spelt_day(halves[1])
    day = to_spelt_day(cell)
    return day, day
