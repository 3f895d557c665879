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
    EventKind,
    Outcome,
    Period,
    Quantity,
    Relation,
    Source,
    SourceKind,
)

__all__ = [
    "event_kinds",
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
}
_ODD_FACETS = ("home town", "class", "None", "self", "cls", "facets", "text", "ﬁ", "fi", "دين")


def _stripped(text: str) -> str:
    return text.strip()[:LONGEST_NAME].strip() or "a"


# Strategies that take no arguments are made once: to make one costs more than to draw from it.
_NAMES = st.sampled_from(_PLAIN) | st.sampled_from(_HOSTILE) | st.text(min_size=1, max_size=12).map(_stripped)
_PARTIES = st.sampled_from(_PLAIN[:2]) | _NAMES


def names() -> SearchStrategy[str]:
    """Draw names: ``a``, ``b``, ``c``, and those that break layouts, tables and parsers.

    Among them are right-to-left and look-alike letters, control characters, formulas, markup, words that mean something
    else, and the longest name that is allowed.

    Returns
    -------
    SearchStrategy of str
    """
    return _NAMES


def source_kinds() -> SearchStrategy[SourceKind]:
    """Draw kinds of source; the simplest is unknown."""
    return st.sampled_from((SourceKind.UNKNOWN, *(kind for kind in SourceKind if kind is not SourceKind.UNKNOWN)))


def event_kinds() -> SearchStrategy[EventKind]:
    """Draw kinds of event; the simplest is other."""
    return st.sampled_from((EventKind.OTHER, *(kind for kind in EventKind if kind is not EventKind.OTHER)))


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
    several = st.frozensets(_PARTIES if parties is None else parties, max_size=2)
    return st.builds(
        lambda name, kind, sides, opposes: Source(name, kind=kind, sides=sides, opposes=opposes - sides),
        _NAMES if names is None else names,
        source_kinds() if kinds is None else kinds,
        several,
        several,
    )


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
    named = _NAMES if names is None else names
    parts = st.frozensets(st.sampled_from(tuple(STANDARD_OUTCOMES)) | named, max_size=3)
    own = st.builds(lambda name, parts: Outcome(name, parts - {Outcome(name).name}), named, parts)
    return st.sampled_from(_OUTCOMES) | own


# Names and values of facets hold none of the signs of Group.parse, and the common names are in small letters.
_FACET_VALUES = _NAMES.map(lambda text: _stripped("".join(sign for sign in text[:100] if sign not in "|;=")))
_ANY_FACETS = _FACET_VALUES.map(lambda name: name.casefold() if name.casefold() in _FACETS else name)
_FACET_NAMES = st.lists(
    st.sampled_from(tuple(_FACETS)) | st.sampled_from(_ODD_FACETS) | _ANY_FACETS, min_size=1, max_size=3, unique=True
)
_VALUES_OF = {
    name: st.frozensets(st.sampled_from(_FACETS.get(name, _PLAIN)) | _FACET_VALUES, min_size=1, max_size=2)
    for name in (*_FACETS, "")
}


@st.composite
def _made_groups(draw: st.DrawFn) -> Group:
    facets: dict[str, Any] = {name: draw(_VALUES_OF.get(name, _VALUES_OF[""])) for name in draw(_FACET_NAMES)}
    return Group(**facets)


_ANY_GROUPS = st.sampled_from(_GROUPS) | _made_groups()


def groups() -> SearchStrategy[Group]:
    """Draw groups: everyone, those of everyday reports, and any facets with any values.

    Returns
    -------
    SearchStrategy of Group
    """
    return _ANY_GROUPS


_DATES = st.integers(0, 30).map(lambda days: _FIRST_DAY + datetime.timedelta(days)) | st.dates()
_OFFSETS = st.sampled_from((0, 1, -1, 330, 14 * 60, -12 * 60))
_ZONES = st.none() | _OFFSETS.map(lambda minutes: datetime.timezone(datetime.timedelta(minutes=minutes)))
_MINUTES = st.sampled_from((0, 11 * 60, 24 * 60 - 1)) | st.integers(0, 24 * 60 - 1)


def _at(day: datetime.date, minute: int, zone: datetime.timezone | None) -> datetime.datetime:
    return datetime.datetime.combine(day, datetime.time(minute // 60, minute % 60), zone)


_TIMES = st.builds(_at, _DATES, _MINUTES, _ZONES)
_MOMENTS = st.none() | _DATES | _TIMES
_SPANS = st.tuples(_DATES, _DATES).map(lambda ends: (min(ends), max(ends)))
_TIMED_SPANS = st.builds(lambda span, minute, zone: (_at(span[0], minute, zone), span[1]), _SPANS, _MINUTES, _ZONES)
_DAYS_OF_EVENTS = st.just((None, None)) | _SPANS | st.tuples(_DATES | _TIMES, st.none()) | _TIMED_SPANS


def moments() -> SearchStrategy[datetime.date | None]:
    """Draw days and moments, of clocks with and without a zone; the simplest is None.

    Most lie within one month, so that they meet.

    Returns
    -------
    SearchStrategy of date, datetime or None
    """
    return _MOMENTS


_ANY_PERIODS = _SPANS.map(lambda span: Period(*span))


def periods() -> SearchStrategy[Period]:
    """Draw periods of a day or more.

    Returns
    -------
    SearchStrategy of Period
    """
    return _ANY_PERIODS


_PLACES = st.none() | _NAMES


@st.composite
def _events(draw: st.DrawFn, chains: SearchStrategy[list[str]], guilty: SearchStrategy[frozenset[str]]) -> Event:
    first, *wholes = draw(chains)
    within = None
    for name in reversed(wholes):
        within = Event(name, part_of=within)
    kind, (start, end) = draw(event_kinds()), draw(_DAYS_OF_EVENTS)
    more = {"kind": kind, "place": draw(_PLACES), "start": start, "end": end, "perpetrators": draw(guilty)}
    return Event(first, part_of=within, **more)


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
    named = (_NAMES if ids is None else ids).map(str.strip)
    chains = st.lists(named, min_size=1, max_size=1 + most_wholes, unique=True)
    return _events(chains, st.frozensets(_PARTIES if parties is None else parties, max_size=2))


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
        _ANY_EVENTS if events is None else events,
        _ANY_OUTCOMES if outcomes is None else outcomes,
        _ANY_GROUPS if groups is None else groups,
        st.none() | _ANY_PERIODS if periods is None else periods,
    )


_ANY_EVENTS, _ANY_OUTCOMES = events(), outcomes()
