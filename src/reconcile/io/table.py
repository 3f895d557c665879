# SPDX-License-Identifier: MIT
"""Tables of claims: CSV, Parquet or any dataframe in, a corpus out, with every row that could not be read."""

from __future__ import annotations

import datetime
import decimal
import difflib
import math
import numbers
import re
import unicodedata
import warnings
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import attrs

from reconcile import values
from reconcile.claims import Citation, Corpus, Rejected
from reconcile.errors import (
    ClaimsWarning,
    InvalidValue,
    ReconcileError,
    RejectedRows,
    UnreadableTable,
)
from reconcile.io._assembly import Row, assemble, explain
from reconcile.io._rows import RawRow, RawTable, clean, is_blank, open_rows
from reconcile.plumbing import LONGEST_NAME, to_moment
from reconcile.values import LARGEST, Exactly, Share
from reconcile.vocabulary import EVERYONE, STANDARD_OUTCOMES, Group, Outcome, Period, SourceKind

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
_PADDED = re.compile(r"(\d+)\.0{1,2}")  # "5.0" is how frames write 5; "5.000" may be five thousand, so it is left alone

_BROKEN = re.compile("[\\0\\ud800-\\udfff]")


def _key(text: str) -> str:
    return " ".join(text.replace("_", " ").split()).casefold()


def _allow(ok: bool, what: str, given: Any, allowed: str) -> None:
    if not ok:
        raise InvalidValue(what, given, allowed)


def _is_number(cell: Any) -> bool:
    return not isinstance(cell, bool) and isinstance(cell, numbers.Real | decimal.Decimal)


def _text(cell: Any) -> str:
    if _is_number(cell):  # an id may be a number, and frames make 17 into 17.0
        number = float(cell)
        _allow(number.is_integer() and abs(number) < 2**53, "text", cell, "a text or a whole number")
        return str(int(number))
    _allow(isinstance(cell, str), "text", cell, "a text")
    _allow(not _BROKEN.search(cell), "text", cell, "a text without NUL bytes and broken characters")
    return unicodedata.normalize("NFC", cell.strip().strip("\ufeff\u200b").strip())


def _name(cell: Any) -> str:
    name = " ".join(_text(cell).split())
    _allow(len(name) <= LONGEST_NAME, "name", name, f"a name of at most {LONGEST_NAME} characters")
    return name


def _names(cell: Any) -> frozenset[str]:
    several = isinstance(cell, Iterable) and not isinstance(cell, str | bytes | Mapping)
    parts = map(_name, cell) if several else map(_name, re.split(r"[|;]", _text(cell)))
    found = frozenset(part for part in parts if part)
    _allow(bool(found), "names", cell, "names, parted by | or ;")
    return found


def _moment(cell: Any) -> datetime.date:
    if hasattr(cell, "dtype") and hasattr(cell, "astype"):  # numpy's datetime64; finer units have no Python datetime
        cell = cell.astype("datetime64[us]").item() if cell.dtype.kind == "M" else cell
    if hasattr(cell, "to_pydatetime"):
        cell = cell.to_pydatetime(warn=False)
    moment: datetime.date = to_moment("date")(cell if isinstance(cell, datetime.date) else _text(cell))
    # Frames have no days, only midnights.
    midnight = isinstance(moment, datetime.datetime) and moment.timetz() == datetime.time()
    return moment.date() if midnight and isinstance(moment, datetime.datetime) else moment


def _day(cell: Any) -> datetime.date:
    moment = _moment(cell)
    return moment.date() if isinstance(moment, datetime.datetime) else moment


def _value(cell: Any) -> values.Value:
    if _is_number(cell):
        allowed = f"a whole number from 0 to {LARGEST:,}, or words such as 'at least nine'"
        try:
            number = float(cell)
        except (ValueError, OverflowError):
            number = math.inf
        whole = number.is_integer() and 0 <= number <= LARGEST
        _allow(whole, "value", cell if abs(number) <= 1e15 else number, allowed)
        return Exactly(int(number))
    text = _text(cell)
    padded = _PADDED.fullmatch(text)
    return values.parse(padded[1] if padded else text)


def _group(cell: Any) -> Group:
    return Group.parse(_text(cell))


def _one_of(what: str, table: Mapping[str, Any]) -> Callable[[Any], Any]:
    def convert(cell: Any) -> Any:
        key = _key(str(cell) if type(cell).__name__.startswith("bool") else _text(cell))
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
    "event": _name, "outcome": _name, "group": _group, "value": _value, "source": _name,
    "source_kind": _one_of("source_kind", {kind.value.casefold(): kind for kind in SourceKind}),
    "sides": _names, "opposes": _names, "reported": _moment, "as_of": _moment,
    "quoted_from": _name, "revises": _name, "hedged": _one_of("hedged", _FLAGS),
    "url": _text, "publisher": _name, "title": _name, "quote": _text,
    "place": _name, "start": _day, "end": _day, "perpetrators": _names, "part_of": _name,
    "of": _group, "period_start": _day, "period_end": _day, "id": _name,
}  # fmt: skip
_CITATION = ("url", "publisher", "title", "quote")


def read(
    source: Any, *, strict: bool = False, outcomes: Iterable[str | Outcome] = (), encoding: str | None = None
) -> Corpus:
    """Read a table of claims.

    One row is one claim. The columns ``event, outcome, group, value, source`` are required; `value` is a number or
    the words themselves ("at least nine", "some 600,000"), `group` is as in `Group.parse`, and empty for everyone.
    Optional are ``source_kind, sides, opposes`` (of the source), ``place, start, end, perpetrators, part_of`` (of the
    event), ``reported, as_of, quoted_from, revises, hedged, id``, ``url, publisher, title, quote``, ``period_start,
    period_end``, and ``of``, the group that a share is a share of. What is said of a source or an event in one row
    holds in all; several names in a cell are parted by ``|`` or ``;``; dates are ISO 8601 (midnight is read as the
    day); ``quoted_from`` is the id of a row, or ``source:`` and a name.

    Parameters
    ----------
    source : path, file or dataframe
        CSV parted by comma, semicolon, tab or ``|``; Parquet; an open file; or any dataframe that narwhals knows.
    strict : bool, keyword
        Raise if any row cannot be read.
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
        If `strict` and a row cannot be read.
    InvalidValue
        If `outcomes` or `encoding` are not of the form above.
    MissingDependency
        If Parquet is read without pyarrow.

    Warns
    -----
    ClaimsWarning
        Naming columns that are not known and so not read.

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
    table = open_rows(source, encoding, lambda name: _key(name).replace(" ", "_") in COLUMNS)
    places, notes = _place_columns(table)
    for note in (*table.notes, *notes):
        warnings.warn(note, ClaimsWarning, stacklevel=2)
    cache: dict[tuple[str, str], Any] = {}
    rows = [_read_row(raw, places, readers, cache) for raw in table.rows]
    unnamed = [at for at, header in enumerate(table.header) if is_blank(header)]
    if any(at < len(row.raw.cells) and not is_blank(row.raw.cells[at]) for at in unnamed for row in rows):
        warnings.warn(f"{table.where}: cells under no column name were not read", ClaimsWarning, stacklevel=2)
    claims = assemble(rows)
    rejected = [Rejected(row.line, *row.fault, row.raw.text) for row in rows if row.fault]
    if strict and rejected:
        raise RejectedRows(tuple(rejected))
    return Corpus(claims, rejected)


def _know_outcomes(outcomes: Iterable[str | Outcome]) -> dict[str, Outcome]:
    known = dict(STANDARD_OUTCOMES)
    known |= {alias: STANDARD_OUTCOMES[name] for name, aliases in _ALIASES.items() for alias in aliases}
    for one in [outcomes] if isinstance(outcomes, str | Outcome) else outcomes:
        outcome = one if isinstance(one, Outcome) else Outcome(one)
        known[_key(outcome.name)] = outcome
    return known


def _place_columns(table: RawTable) -> tuple[dict[str, int], list[str]]:
    """Where each known column stands, and notes on those that are not known."""
    places: dict[str, int] = {}
    seen: dict[str, str] = {}
    unknown = []
    for at, header in enumerate(table.header):
        name = _key(header).replace(" ", "_")
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
        raise UnreadableTable(table.where, reason)
    if not unknown:
        return places, []
    free = [name for name in COLUMNS if name not in places]
    listed = ", ".join(f"{seen[name]!r}{_did_you_mean(name, free).rstrip('?')}" for name in unknown[:10])
    more = f" and {len(unknown) - 10} more" if len(unknown) > 10 else ""
    return places, [f"{table.where}: columns that are not known were not read: {listed}{more}"]


def _read_row(
    raw: RawRow,
    places: Mapping[str, int],
    readers: Mapping[str, Callable[[Any], Any]],
    cache: dict[tuple[str, str], Any],
) -> Row:
    """Read the cells of one row, each by itself, then what they must obey together."""
    row = Row(raw)
    for column in ("id", *COLUMNS):  # the id first: others that refer to a rejected row are told its line
        at = places.get(column)
        if at is None or at >= len(raw.cells) or is_blank(raw.cells[at]) or column in row.cells:
            continue
        cell = raw.cells[at]
        try:
            found = cache.get((column, cell)) if isinstance(cell, str) else None
            if found is None:
                found = readers[column](cell)
                if isinstance(cell, str):
                    cache[column, cell] = found
            if found != "":  # what is left of a cell of invisible signs
                row.cells[column] = found
        except (ReconcileError, ValueError, OverflowError) as error:
            row.reject(column, explain(error))
    if raw.fault:
        row.fault = (None, raw.fault)
    for column in REQUIRED:
        if column != "group" and column not in row.cells:
            row.reject(column, "is empty")
    if not row.fault:
        _join_cells(row)
    return row


def _join_cells(row: Row) -> None:
    cells = row.cells
    group, whole = cells.setdefault("group", EVERYONE), cells.pop("of", EVERYONE)
    if isinstance(cells["value"], Share):
        cells["value"] = attrs.evolve(cells["value"], of=whole)
        if not group < whole:
            row.reject("group", f"a share needs a group that is a proper part of its whole, {whole}; got {group}")
    elif whole != EVERYONE:
        row.reject("of", "only a share, such as 'half', is a share of a group")
    ends = [cells.pop(f"period_{end}", None) for end in ("start", "end")]
    given = {column: cells.pop(column) for column in _CITATION if column in cells}
    try:
        cells["period"] = Period(*ends) if any(ends) else None
        cells["citation"] = Citation(**given) if given else None
    except InvalidValue as error:
        what = error.what.partition(".")[2]
        row.reject(f"period_{what}" if what in {"start", "end"} else what, explain(error))
