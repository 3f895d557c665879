# SPDX-License-Identifier: MIT
"""Tables of claims: CSV, Parquet or any dataframe in, a corpus out, with every row that could not be read."""

from __future__ import annotations

import datetime
import difflib
import math
import re
import warnings
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import attrs
import numpy as np

from reconcile import values
from reconcile.claims import CITED, Citation, Corpus, Rejected
from reconcile.columns import NONE, Moments, number
from reconcile.errors import (
    ClaimsWarning,
    DoubtfulDates,
    InvalidValue,
    MisspeltColumn,
    ReconcileError,
    RejectedRows,
    UnreadableTable,
)
from reconcile.io._assembly import assemble
from reconcile.io._cells import allow, fold, is_number, to_day, to_name, to_names, to_text, to_when
from reconcile.io._draft import Draft, Fault, explain
from reconcile.io._rows import RawCells, RawColumn, RawTable, clean, is_blank, open_rows
from reconcile.io._signatures import hint
from reconcile.values import LARGEST, Exactly, Share
from reconcile.vocabulary import EVERYONE, STANDARD_OUTCOMES, EventKind, Group, Outcome, Period, SourceKind

__all__ = ["COLUMNS", "read"]

_ALIASES = {
    "killed": ("deaths", "death", "dead", "died", "fatalities", "fatality"),
    "injured": ("wounded", "wounds", "injuries"),
    "missing": ("missing in action", "mia"),
    "captured": ("prisoners", "prisoners of war", "pow", "pows"),
    "displaced": ("fled", "idp", "idps", "internally displaced"),
    "casualties": ("casualty",),
}
_FLAGS = {
    "true": True, "yes": True, "1": True, "1.0": True,
    "false": False, "no": False, "0": False, "0.0": False,
}  # fmt: skip
_LINES = re.compile("[\r\n]")
_PADDED = re.compile(r"(\d+)\.0{1,2}")  # "5.0" is how frames write 5; "5.000" may be five thousand, so it is left alone


def _value(cell: Any) -> values.Value:
    if is_number(cell):
        allowed = f"a whole number from 0 to {LARGEST:,}, or words such as 'at least nine'"
        try:
            number = float(cell)
        except (ValueError, OverflowError):
            number = math.inf
        whole = number.is_integer() and 0 <= number <= LARGEST
        allow(whole, "value", cell if abs(number) <= 1e15 else number, allowed)
        return Exactly(int(number))
    text = to_text(cell)
    padded = _PADDED.fullmatch(text)
    return values.parse(padded[1] if padded else text)


def _group(cell: Any) -> Group:
    return Group.parse(to_text(cell))


def _one_of(what: str, table: Mapping[str, Any]) -> Callable[[Any], Any]:
    def convert(cell: Any) -> Any:
        key = fold(str(cell) if type(cell).__name__.startswith("bool") else to_text(cell))
        if key not in table:
            listed = ", ".join(dict.fromkeys(str(value) for value in table.values()))
            raise InvalidValue(what, cell, f"{listed}{_did_you_mean(key, table)}")
        return table[key]

    return convert


def _did_you_mean(key: str, known: Iterable[str]) -> str:
    near = difflib.get_close_matches(key[:100], list(known), n=1)
    return f"; did you mean {near[0]!r}?" if near else ""


REQUIRED = ("event", "outcome", "group", "value", "source")
# The reader of each column; that of outcomes is made anew for each table, as it depends on ``outcomes=``.
COLUMNS: Mapping[str, Callable[[Any], Any]] = {
    "event": to_name, "outcome": to_name, "group": _group, "value": _value, "source": to_name,
    "source_kind": _one_of("source_kind", {kind.value.casefold(): kind for kind in SourceKind}),
    "sides": to_names, "opposes": to_names, "reported": to_when, "as_of": to_when,
    "quoted_from": to_name, "revises": to_name, "hedged": _one_of("hedged", _FLAGS),
    "url": to_text, "publisher": to_name, "title": to_name, "quote": to_text,
    "event_kind": _one_of("event_kind", {kind.value.casefold(): kind for kind in EventKind}),
    "place": to_name, "start": to_when, "end": to_day, "perpetrators": to_names, "part_of": to_name,
    "of": _group, "period_start": to_day, "period_end": to_day, "id": to_name,
}  # fmt: skip
_NEAR = 0.8  # our choice: how like a known column's name another is that was meant for it; "quotd" is .8 from "quote"
_PROSE = {"quote", "title", "place"}  # columns whose cells may well go over several lines


def read(
    source: Any, *, strict: bool = False, outcomes: Iterable[str | Outcome] = (), encoding: str | None = None
) -> Corpus:
    """Read a table of claims.

    One row is one claim. The columns ``event, outcome, group, value, source`` are required; `value` is a number or
    the words themselves ("at least nine", "some 600,000"), `group` is as in `Group.parse`, and empty for everyone.
    Optional are ``source_kind, sides, opposes`` (of the source), ``event_kind, place, start, end, perpetrators,
    part_of`` (of the event), ``reported, as_of, quoted_from, revises, hedged, id``, ``url, publisher, title, quote``,
    ``period_start, period_end``, and ``of``, the group that a share is a share of. What is said of a source or an event
    in one row holds in all, but for days of an event in two ways: the earliest start and the latest end count. Several
    names in a cell are separated by ``|`` or ``;``; dates are ISO 8601, with a time of day in ``start, reported,
    as_of`` where there is one (midnight is read as the day); an ``as_of`` after ``reported`` is left out;
    ``quoted_from`` is the id of a row, or ``source:`` and a name.

    Parameters
    ----------
    source : path, file or dataframe
        CSV parted by comma, semicolon, tab or ``|``; Parquet; an open file; or any dataframe that narwhals knows.
    strict : bool, keyword
        Raise if any row cannot be read, dates cannot all be right, or an unknown column is nearly a known one.
    outcomes : iterable of str or Outcome, keyword
        Outcomes to allow beside the standard ones.
    encoding : str, keyword, optional
        Of CSV bytes; default by byte order mark, else UTF-8, else Windows-1252 (with a warning).

    Returns
    -------
    Corpus
        Every row that is not blank is one of its claims or one of its rejected rows.

    Raises
    ------
    UnreadableTable
        If it is no table, or lacks a required column, or has a column twice.
    RejectedRows
        If `strict` and a row cannot be read or has dates in doubt, or a column has nearly the name of a known one: then
        that of the header.
    InvalidValue
        If `outcomes` or `encoding` are not of the form above.
    MissingDependency
        If Parquet is read without pyarrow.

    Warns
    -----
    ClaimsWarning
        Naming columns that are not known and so not read (`MisspeltColumn` if one is nearly known), or lines that two
        quotes seem to have made one row of, or those with dates that cannot all be right (`DoubtfulDates`).

    Examples
    --------
    >>> import io
    >>> table = '''event,outcome,group,value,source
    ... market,killed,,at least nine,ministry
    ... market,kiled,children,2,ministry'''
    >>> corpus = read(io.StringIO(table))
    >>> print(corpus.claims[0])
    ministry: at least 9 killed, market
    >>> print(corpus.rejected[0].line, corpus.rejected[0].column)
    3 outcome
    """
    readers = {**COLUMNS, "outcome": _one_of("outcome", _know_outcomes(outcomes))}
    table = open_rows(source, encoding, lambda name: fold(name).replace(" ", "_") in COLUMNS)
    places, unknown = _place_columns(table)
    misspelt = {name: near for name, near in unknown.items() if near}
    for note in table.notes:
        warnings.warn(note, ClaimsWarning, stacklevel=2)
    if unknown:
        warnings.warn(_list_unknown(table, unknown), MisspeltColumn if misspelt else ClaimsWarning, stacklevel=2)
    unnamed = [at for at, header in enumerate(table.header) if is_blank(header)]
    raw = table.load([*places.values(), *unnamed])
    if any((raw.columns[at].codes >= 0).any() for at in unnamed):
        warnings.warn(f"{table.where}: cells under no column name were not read", ClaimsWarning, stacklevel=2)
    for note in _doubt_quotes(table, raw, places):
        warnings.warn(note, ClaimsWarning, stacklevel=2)
    draft = _read_cells(raw, places, readers)
    columns, rows = assemble(draft)
    doubts = {at: why for at, why in sorted(draft.doubts.items()) if at[0] not in draft.faults}
    if strict:
        for (row, column), reason in doubts.items():
            draft.reject(row, column, reason)
    elif doubts:
        warnings.warn(_list_doubts(table, draft, doubts), DoubtfulDates, stacklevel=2)
    faults = sorted(draft.faults.items())
    texts = raw.write([row for row, _ in faults])
    rejected = [Rejected(draft.line(row), *fault, text) for (row, fault), text in zip(faults, texts, strict=True)]
    if strict and (rejected or misspelt):
        header = clean((table.separator or ", ").join(table.header))
        reasons = {name: f"is no known column; did you mean {near!r}?" for name, near in misspelt.items()}
        wrong = [Rejected(table.line, name, reason, header) for name, reason in reasons.items()]
        raise RejectedRows((*wrong, *rejected))
    return Corpus.of_columns(columns, rows, rejected)


def _know_outcomes(outcomes: Iterable[str | Outcome]) -> dict[str, Outcome]:
    known = dict(STANDARD_OUTCOMES)
    known |= {alias: STANDARD_OUTCOMES[name] for name, aliases in _ALIASES.items() for alias in aliases}
    for one in [outcomes] if isinstance(outcomes, str | Outcome) else outcomes:
        outcome = one if isinstance(one, Outcome) else Outcome(one)
        known[fold(outcome.name)] = outcome
    return known


def _place_columns(table: RawTable) -> tuple[dict[str, int], dict[str, str]]:
    """Where each known column stands, and those that are not known, with a missing one that each nearly is, or ""."""
    places: dict[str, int] = {}
    seen: dict[str, str] = {}
    unknown = []
    for at, header in enumerate(table.header):
        name = fold(header).replace(" ", "_")
        if not name:
            continue
        if name in seen:
            raise UnreadableTable(table.where, f"has the column {clean(header)!r} twice")
        seen[name] = clean(header)
        if name in COLUMNS:
            places[name] = at
        else:
            unknown.append(name)
    missing = [name for name in REQUIRED if name not in places]
    if missing:
        found = ", ".join([*seen.values()][:30]) + (", ..." if len(seen) > 30 else "")
        required = ", ".join(REQUIRED)
        reason = f"has no column {', '.join(missing)}; required: {required}; found: {found or 'none'}"
        reason += hint(table.header, but="table")
        raise UnreadableTable(table.where, reason)
    free = [name for name in COLUMNS if name not in places and len(name) > 2]  # too much is like `id` and `of`
    # Nobody typed a thousand names, and comparing takes time.
    near = {name: difflib.get_close_matches(name[:100], free, n=1, cutoff=_NEAR) for name in unknown[:1_000]}
    return places, {seen[name]: "".join(near.get(name, ())) for name in unknown}


def _list_unknown(table: RawTable, unknown: Mapping[str, str]) -> str:
    nearest_first = sorted(unknown.items(), key=lambda one: not one[1])
    listed = ", ".join(f"{name!r}{f' (did you mean {near!r}?)' if near else ''}" for name, near in nearest_first[:10])
    more = f" and {len(unknown) - 10} more" if len(unknown) > 10 else ""
    return f"{table.where}: columns that are not known were not read: {listed}{more}; known: {', '.join(COLUMNS)}"


def _list_doubts(table: RawTable, draft: Draft, doubts: Mapping[tuple[int, str], str]) -> str:
    told = [f"line {draft.line(row)}, {column}: {clean(why)}" for (row, column), why in doubts.items()]
    more = f"; and {len(told) - 10} more" if len(told) > 10 else ""
    return f"{table.where}: dates that cannot all be right: {'; '.join(told[:10])}{more}"


def _doubt_quotes(table: RawTable, raw: RawCells, places: Mapping[str, int]) -> list[str]:
    """Look for cells that hold the end of one line and the beginning of another: two quotes too few or too many."""
    notes = []
    for name, at in places.items():
        if table.separator is None or name in _PROSE:
            continue
        column = raw.columns[at]
        swallowed = [code for code, cell in enumerate(column.cells) if _LINES.search(cell) and table.separator in cell]
        rows = np.flatnonzero(np.isin(column.codes, swallowed)) if swallowed else ()
        if len(rows):
            lines = ", ".join(f"{raw.lines[row]} to {raw.ends[row]}" for row in rows[:10])
            more = ", ..." if len(rows) > 10 else ""
            notes.append(
                f"{table.where}: lines {lines}{more} were read as one row, as a quote opens in the column {name!r} and"
                " closes on a later line; if they are several rows, a quote is missing or too many"
            )
    return notes


def _read_cells(raw: RawCells, places: Mapping[str, int], readers: Mapping[str, Callable[[Any], Any]]) -> Draft:
    """Read each distinct cell by itself, then what the cells of a row must obey together."""
    draft = Draft(raw.lines)
    for column in ("id", *COLUMNS):  # the id first: others that refer to a rejected row are told its line
        if column in places and column not in draft.codes:
            _read_column(draft, column, raw.columns.pop(places[column]), readers[column])
    draft.faults.update((row, (None, reason)) for row, reason in raw.faults.items())
    for column in REQUIRED:
        if column != "group":
            for row in draft.standing(draft.column(column) == NONE):
                draft.reject(row, column, "is empty")
    _join_shares(draft)
    _join_periods(draft)
    _check_citations(draft)
    _leave_out_early(draft)
    return draft


def _read_column(draft: Draft, column: str, raw: RawColumn, read_cell: Callable[[Any], Any]) -> None:
    found: dict[Any, int] = {}
    things: list[Any] = []
    fault: list[Fault | None] = []
    codes = np.full(len(raw.cells) + 1, NONE, dtype=np.int32)  # the last is that of blank cells
    for at, cell in enumerate(raw.cells):
        fault.append(None)
        try:
            thing = read_cell(cell)
        except (ReconcileError, ValueError, OverflowError) as error:
            fault[at] = column, explain(error)
            continue
        if isinstance(thing, str) and not thing:
            continue  # what is left of a cell of invisible signs
        # Moments of two zones may be equal and are written in two ways.
        key = (thing, thing.utcoffset()) if isinstance(thing, datetime.datetime) else thing
        codes[at] = found.setdefault(key, len(things))
        if codes[at] == len(things):
            things.append(thing)
    draft.add(column, things, codes[raw.codes])
    told = np.flatnonzero(raw.codes != NONE)
    draft.reject_all(told, raw.codes[told], fault)


def _join_shares(draft: Draft) -> None:
    """Tell shares of what they are shares; an empty group is everyone."""
    draft.fill("group", EVERYONE)
    of = draft.fill("of", EVERYONE)
    values = draft.things.get("value", [])
    is_share = np.array([isinstance(value, Share) for value in values], dtype=bool)
    if not (is_share.any() or (draft.codes["of"] != of).any()):
        return
    told = draft.standing(draft.column("value") != NONE)
    codes, first = number(*(draft.codes[column][told] for column in ("value", "group", "of")))
    joined = {value: at for at, value in enumerate(values)}
    fault: list[Fault | None] = []
    shares = []
    for row in told[first]:
        value, group, whole = (draft.get(row, column) for column in ("value", "group", "of"))
        if isinstance(value, Share):
            value = attrs.evolve(value, of=whole)
            reason = f"a share needs a group that is a proper part of its whole, {whole}; got {group}"
            fault.append(None if group < whole else ("group", reason))
        else:
            fault.append(None if whole == EVERYONE else ("of", "only a share, such as 'half', is a share of a group"))
        shares.append(joined.setdefault(value, len(joined)))
    draft.things["value"] = list(joined)
    draft.codes["value"][told] = np.array(shares, dtype=np.int32)[codes]
    draft.reject_all(told, codes, fault)


def _join_periods(draft: Draft) -> None:
    ends = draft.column("period_start"), draft.column("period_end")
    told = draft.standing((ends[0] != NONE) | (ends[1] != NONE))
    codes, first = number(*(column[told] for column in ends))
    fault: list[Fault | None] = []
    periods: list[Period | None] = [None]
    for row in told[first]:
        try:
            periods.append(Period(draft.get(row, "period_start"), draft.get(row, "period_end")))
            fault.append(None)
        except InvalidValue as error:
            periods.append(None)
            fault.append((f"period_{error.what.partition('.')[2]}", explain(error)))
    period = np.zeros(len(draft.lines), dtype=np.int32)
    period[told] = codes + 1
    draft.add("period", periods, period)
    draft.reject_all(told, codes, fault)


def _leave_out_early(draft: Draft) -> None:
    """Leave out the days that figures speak of where these were reported before."""
    known = draft.standing((draft.column("as_of") != NONE) & (draft.column("reported") != NONE))
    if not len(known):
        return
    as_of, reported = (
        Moments.of(draft.things[column]).take(draft.column(column)[known]) for column in ("as_of", "reported")
    )
    early = known[as_of.later(reported)]
    for row in early.tolist():
        moments = f"{draft.get(row, 'as_of')}, after it was reported on {draft.get(row, 'reported')}"
        draft.doubts[row, "as_of"] = f"the figure would speak of {moments}; as_of was left out"
    draft.codes["as_of"] = draft.codes["as_of"].copy()
    draft.codes["as_of"][early] = NONE


def _check_citations(draft: Draft) -> None:
    for column in CITED:
        fault: list[Fault | None] = []
        for text in draft.things.get(column, ()):
            try:
                fault.append(None)
                Citation(**{column: text})
            except InvalidValue as error:
                fault[-1] = column, explain(error)
        told = draft.standing(draft.column(column) != NONE)
        draft.reject_all(told, draft.column(column)[told], fault)
