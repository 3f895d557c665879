# SPDX-License-Identifier: MIT
"""Strategies for who speaks and what is counted."""

from __future__ import annotations

import datetime
from typing import Any

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from reconcile.groups import EVERYONE, Group
from reconcile.plumbing import LONGEST_NAME
from reconcile.vocabulary import (
    STANDARD_OUTCOMES,
    Event,
    Outcome,
    Period,
    Quantity,
    Relation,
    Source,
    SourceKind,
)

__all__ = [
    "events",
    "groups",
    "moments",
    "names",
    "outcomes",
    "periods",
    "quantities",
    "relations",
    "source_kinds",
    "sources",
]

_PLAIN = ("a", "b", "c")
# What breaks layouts, tables, sorting, markup and parsers of names.
_HOSTILE = (
    "A",  # another name than "a"
    "é", "e\u0301",  # look alike
    "İ", "ß",  # change their length with their case
    "وزارة الصحة", "משרד הבריאות",  # right to left
    "\u202ea\u202c", "a\u200bb", "\ufeffa", "a\u00a0b",  # override, no width, mark of order, a blank that is none
    "a\nb", "a\tb", "a\x00b", "a\x1b[31mb", "\x7f",  # lines, controls
    "=1+1", "+a", "-a", "@a", "'a", '"', "a,b", "a;b", "a|b", "a=b",  # formulas, quotes, separators
    "<b>a</b>", "&amp;", "{a}", "%s", "\\", "$x$", "[a](b)", "`a`",  # markup and templates
    "None", "nan", "0", "12", "True", "killed", "everyone",  # words that mean something else
    "👩‍👩‍👧", "𝔞",  # beyond 16 bits
    "a" * LONGEST_NAME,
)  # fmt: skip
_FIRST_DAY = datetime.date(2000, 1, 1)

_OUTCOMES = (*STANDARD_OUTCOMES.values(), Outcome("casualties", {"killed", "injured", "missing", "captured"}))
_GROUPS = (
    EVERYONE,
    Group(age="child"),
    Group(age="adult"),
    Group(status="civilian"),
    Group(age="child", status="civilian"),
    Group(status={"military", "civilian"}),
    Group(party="a"),
    Group(party={"a", "b"}),
)
_FACETS = {
    "party": ("a", "b"),
    "status": ("civilian", "military", "militant", "police"),
    "sex": ("female", "male"),
    "age": ("child", "adult"),
    "role": ("journalist", "health worker"),
    "religion": ("a", "B"),
    "home town": ("a", "وزارة"),
}


def _stripped(text: str) -> str:
    return text.strip()[:LONGEST_NAME].strip() or "a"


def names() -> SearchStrategy[str]:
    """Draw names: ``a``, ``b``, ``c``, and those that break layouts, tables and parsers.

    Among them are right-to-left and look-alike letters, control characters, formulas, markup, words that mean something
    else, and the longest name that is allowed.

    Returns
    -------
    SearchStrategy of str
    """
    return st.sampled_from(_PLAIN) | st.sampled_from(_HOSTILE) | st.text(min_size=1, max_size=12).map(_stripped)


def source_kinds() -> SearchStrategy[SourceKind]:
    """Draw kinds of source; the simplest is unknown."""
    return st.sampled_from((SourceKind.UNKNOWN, *(kind for kind in SourceKind if kind is not SourceKind.UNKNOWN)))


def relations() -> SearchStrategy[Relation]:
    """Draw relations of a source to the people counted; the simplest is a third party."""
    return st.sampled_from((Relation.THIRD, Relation.OWN, Relation.ENEMY, Relation.RESPONSIBLE))


def sources(
    *,
    names: SearchStrategy[str] | None = None,
    kinds: SearchStrategy[SourceKind] | None = None,
    parties: SearchStrategy[str] | None = None,
) -> SearchStrategy[Source]:
    """Draw sources.

    Parameters
    ----------
    names : strategy of str, keyword, optional
    kinds : strategy of SourceKind, keyword, optional
    parties : strategy of str, keyword, optional
        Whom they may side with and oppose.

    Returns
    -------
    SearchStrategy of Source
    """
    several = st.frozensets(_parties() if parties is None else parties, max_size=2)
    return st.builds(
        lambda name, kind, sides, opposes: Source(name, kind=kind, sides=sides, opposes=opposes - sides),
        _names() if names is None else names,
        source_kinds() if kinds is None else kinds,
        several,
        several,
    )


_names = names


def _parties() -> SearchStrategy[str]:
    return st.sampled_from(_PLAIN[:2]) | _names()


def outcomes(*, names: SearchStrategy[str] | None = None) -> SearchStrategy[Outcome]:
    """Draw outcomes: the standard ones, others' casualties of more parts, and outcomes of any name.

    Parameters
    ----------
    names : strategy of str, keyword, optional
        Of the outcomes that are not standard.

    Returns
    -------
    SearchStrategy of Outcome
    """
    named = _names() if names is None else names
    parts = st.frozensets(st.sampled_from(tuple(STANDARD_OUTCOMES)) | named, max_size=3)
    own = st.builds(lambda name, parts: Outcome(name, parts - {Outcome(name).name}), named, parts)
    return st.sampled_from(_OUTCOMES) | own


@st.composite
def _made_groups(draw: st.DrawFn) -> Group:
    facets: dict[str, Any] = {}
    for name in draw(st.lists(st.sampled_from(tuple(_FACETS)), min_size=1, max_size=3, unique=True)):
        common = st.sampled_from(_FACETS[name])
        any_value = _names().map(lambda text: _stripped("".join(sign for sign in text[:100] if sign not in "|;=")))
        facets[name] = draw(st.frozensets(common | any_value, min_size=1, max_size=2))
    return Group(**facets)


def groups() -> SearchStrategy[Group]:
    """Draw groups: everyone, those of everyday reports, and any facets with any values.

    Returns
    -------
    SearchStrategy of Group
    """
    return st.sampled_from(_GROUPS) | _made_groups()


def _dates() -> SearchStrategy[datetime.date]:
    month = st.integers(0, 30).map(lambda days: _FIRST_DAY + datetime.timedelta(days))
    return month | st.dates()


def moments() -> SearchStrategy[datetime.date | None]:
    """Draw days and moments, of clocks with and without a zone; the simplest is None.

    Most lie within one month, so that they meet.

    Returns
    -------
    SearchStrategy of date, datetime or None
    """
    offsets = st.sampled_from((0, 1, -1, 330, 14 * 60, -12 * 60))
    zones = st.none() | offsets.map(lambda minutes: datetime.timezone(datetime.timedelta(minutes=minutes)))
    minutes = st.sampled_from((0, 11 * 60, 24 * 60 - 1)) | st.integers(0, 24 * 60 - 1)
    times = st.builds(
        lambda day, minute, zone: datetime.datetime(
            day.year, day.month, day.day, minute // 60, minute % 60, tzinfo=zone
        ),
        _dates(),
        minutes,
        zones,
    )
    return st.none() | _dates() | times


def _spans() -> SearchStrategy[tuple[datetime.date, datetime.date]]:
    def ordered(ends: tuple[datetime.date, datetime.date]) -> tuple[datetime.date, datetime.date]:
        return min(ends), max(ends)

    return st.tuples(_dates(), _dates()).map(ordered)


def periods() -> SearchStrategy[Period]:
    """Draw periods of a day or more.

    Returns
    -------
    SearchStrategy of Period
    """
    return _spans().map(lambda span: Period(*span))


@st.composite
def _events(draw: st.DrawFn, ids: SearchStrategy[str], parties: SearchStrategy[str], most_wholes: int) -> Event:
    chain = draw(st.lists(ids.map(str.strip), min_size=1, max_size=1 + most_wholes, unique=True))
    event = None
    for name in reversed(chain):
        start, end = draw(st.sampled_from(((None, None),)) | _spans() | st.tuples(_dates(), st.none()))
        place, guilty = draw(st.none() | _names()), draw(st.frozensets(parties, max_size=2))
        event = Event(name, place=place, start=start, end=end, perpetrators=guilty, part_of=event)
    if event is None:
        raise AssertionError
    return event


def events(
    *, ids: SearchStrategy[str] | None = None, parties: SearchStrategy[str] | None = None, most_wholes: int = 2
) -> SearchStrategy[Event]:
    """Draw events, some of them part of larger ones.

    Parameters
    ----------
    ids : strategy of str, keyword, optional
    parties : strategy of str, keyword, optional
        Of perpetrators.
    most_wholes : int, keyword
        How many larger events, one within the other, an event may be part of.

    Returns
    -------
    SearchStrategy of Event
    """
    return _events(_names() if ids is None else ids, _parties() if parties is None else parties, most_wholes)


def quantities(
    *,
    events: SearchStrategy[Event] | None = None,
    outcomes: SearchStrategy[Outcome] | None = None,
    groups: SearchStrategy[Group] | None = None,
    periods: SearchStrategy[Period | None] | None = None,
) -> SearchStrategy[Quantity]:
    """Draw quantities.

    Parameters
    ----------
    events : strategy of Event, keyword, optional
    outcomes : strategy of Outcome, keyword, optional
    groups : strategy of Group, keyword, optional
    periods : strategy of Period or None, keyword, optional

    Returns
    -------
    SearchStrategy of Quantity

    Examples
    --------
    >>> from hypothesis import find
    >>> print(find(quantities(), lambda quantity: quantity.group.facets))
    killed (child), a
    """
    return st.builds(
        Quantity,
        _any_events() if events is None else events,
        _any_outcomes() if outcomes is None else outcomes,
        _any_groups() if groups is None else groups,
        st.none() | _any_periods() if periods is None else periods,
    )


# By other names, since arguments hide these.
_any_events, _any_outcomes, _any_groups, _any_periods = events, outcomes, groups, periods
