# SPDX-License-Identifier: MIT
"""Rows that can stand together, into columns in which alike rows are one claim."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from reconcile.claims import CITED, make_claim
from reconcile.columns import NONE, Codes, Columns, Moments, QuantityTable, TextTable, number, rank
from reconcile.io._draft import Draft, Records
from reconcile.vocabulary import Source

__all__ = ["build", "quoted_source"]

_OF_SOURCE = {"source_kind": "kind", "sides": "sides", "opposes": "opposes"}


def build(draft: Draft, sources: Records, events: Records) -> tuple[Columns, Codes]:
    """Make columns of the rows without fault.

    Parameters
    ----------
    draft : Draft
    sources, events : mapping of name to mapping of column to cell
        What the rows together say of them.

    Returns
    -------
    tuple of (Columns, ndarray of int32)
        The distinct claims, and which of them each row makes.
    """
    rows = draft.standing()
    quantities, quantity = _tabulate_quantities(draft, rows, events)
    names, named = draft.used("id", rows)
    ids, ranked = rank(names, key=str)
    named = _decode(ranked, named)
    quoted, quoted_from = draft.used("quoted_from", rows)
    revised, revises = draft.used("revises", rows)
    place = {name: at for at, name in enumerate(ids)} if quoted or revised else {}
    quotes = [None if name in place else quoted_source(name) for name in quoted]
    speakers, source = draft.used("source", rows)
    known, _ = rank((_make_source(name, sources) for name in (*speakers, *filter(None, quotes))), key=lambda s: s.name)
    spoken = {one.name: at for at, one in enumerate(known)}
    things, value = draft.used("value", rows)
    values, ranked = rank(things, key=repr)
    flags, hedged = draft.used("hedged", rows)
    citations, citation = _tabulate_citations(draft, rows)
    source = _decode([spoken[name] for name in speakers], source)
    value = _decode(ranked, value)
    hedged = _decode(flags, hedged) == 1
    reported, when = _sort_moments(draft, rows, "reported")
    as_of, then = _sort_moments(draft, rows, "as_of")
    origin = _decode([spoken[name] if name else NONE for name in quotes], quoted_from)
    links = _decode([place.get(name, NONE) for name in quoted], quoted_from)
    revises = _decode([place[name] for name in revised], revises)
    found, first = number(quantity, source, value, when, then, hedged, origin, citation, links, revises, named)
    named = named[first]
    row = np.full(len(ids) + 1, NONE, dtype=np.int32)  # of each id; the last place is that of none
    row[named] = np.arange(len(first))
    row[NONE] = NONE
    columns = Columns(
        sources=known,
        values=values,
        quantities=quantities,
        source=source[first],
        value=value[first],
        quantity=quantity[first],
        hedged=hedged[first],
        reported=reported.take(when[first]),
        as_of=as_of.take(then[first]),
        origin=origin[first],
        quoted=row[links[first]],
        revises=row[revises[first]],
        lost={},
        citations=citations,
        citation=citation[first],
        ids=np.array([*ids, None], dtype=object)[named],
        make=make_claim,
    )
    return columns, found


def quoted_source(target: str) -> str | None:
    """Give the name of the source in ``source: name``, or None for the id of a row."""
    prefix, _, name = target.partition(":")
    return name.strip() or None if prefix.strip().casefold() == "source" else None


def _decode(found: Sequence[int] | Codes, codes: Codes) -> Codes:
    """Give what stands for each code; -1 for the code -1."""
    return np.append(np.asarray(found, dtype=np.int32), np.int32(NONE))[codes] if len(found) else codes


def _make_source(name: str, sources: Records) -> Source:
    return Source(name, **{_OF_SOURCE[column]: cell for column, cell in sources.get(name, {}).items()})


def _tabulate_quantities(draft: Draft, rows: NDArray[np.intp], events: Records) -> tuple[QuantityTable, Codes]:
    things = [draft.used(column, rows) for column in ("event", "outcome", "group", "period")]
    nothing: dict[str, Any] = {}
    records: Records = {}
    for named in things[0][0]:
        name = named
        while name is not None and name not in records:
            told = events.get(name, nothing)
            records[name] = {**told, "kind": told["event_kind"]} if "event_kind" in told else told
            name = told.get("part_of")
    names, outcomes, groups, periods = (distinct for distinct, _ in things)
    return QuantityTable.of(records, names, outcomes, groups, periods, [codes for _, codes in things])


def _sort_moments(draft: Draft, rows: NDArray[np.intp], column: str) -> tuple[Moments, Codes]:
    """Give the distinct moments, a missing one at the end, and for each row one of them: in their order."""
    dates, codes = draft.used(column, rows)
    moments = Moments.of([*dates, None])
    order = np.lexsort(moments.keys[::-1])[1:] if dates else np.zeros(0, dtype=np.intp)  # what is missing comes first
    places = np.empty(len(dates), dtype=np.int32)
    places[order] = np.arange(len(dates))
    return moments.take(np.append(order, NONE)), _decode(places, codes)


def _tabulate_citations(draft: Draft, rows: NDArray[np.intp]) -> tuple[TextTable, Codes]:
    texts: list[str] = []
    columns = []
    for column in CITED:
        found, codes = draft.used(column, rows)
        columns.append(_decode(range(len(texts), len(texts) + len(found)), codes))
        texts += found
    return TextTable.of(texts, columns)
