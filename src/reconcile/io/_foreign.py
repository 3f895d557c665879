# SPDX-License-Identifier: MIT
"""Tables of other formats: rows to claims, one after the other, and what becomes of those that are none."""

from __future__ import annotations

import datetime
import warnings
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from typing import Any, TypeVar

import attrs

from reconcile.claims import Claim, Corpus, Rejected
from reconcile.errors import ClaimsWarning, ReconcileError, RejectedRows, UnreadableTable
from reconcile.io._cells import to_count, to_name, to_spelt_day
from reconcile.io._draft import explain
from reconcile.io._rows import clean, open_rows
from reconcile.io._signatures import FORMATS, fold_column, hint
from reconcile.plumbing import count_of

__all__ = ["Fault", "LeftOut", "Reading", "Row", "finish", "go_through", "open_sheet"]

T = TypeVar("T")


class Fault(Exception):  # never seen outside: it becomes a rejected row
    """Why a row is no claim."""

    def __init__(self, column: str | None, reason: str) -> None:
        super().__init__(column, reason)
        self.column, self.reason = column, reason


class LeftOut(Exception):  # as above: it becomes a line of a warning
    """Why a good row makes no claim about people."""


@attrs.frozen(eq=False)
class Row:
    """One row: its line, and its cells that are not blank."""

    line: int
    cells: dict[str, Any]

    def get(self, column: str, read: Callable[[Any], T]) -> T | None:
        """Read a cell; None where it is blank."""
        if column not in self.cells:
            return None
        try:
            return read(self.cells[column])
        except (ReconcileError, ValueError, OverflowError) as error:
            raise Fault(column, explain(error)) from None

    def need(self, column: str, read: Callable[[Any], T]) -> T:
        """Read a cell that must not be blank."""
        found = self.get(column, read)
        if found is None or found == "":
            raise Fault(column, "is empty")
        return found

    def name(self, column: str) -> str | None:
        """Read a text of one line; None where it is blank."""
        return self.get(column, to_name) or None

    def must(self, column: str) -> str:
        """Read a text of one line that must not be blank."""
        return self.need(column, to_name)

    def count(self, column: str) -> int:
        """Read a number of people."""
        return self.need(column, to_count)

    def day(self, column: str) -> datetime.date | None:
        """Read a date; None where it is blank."""
        return self.get(column, to_spelt_day)


@attrs.frozen(eq=False)
class Sheet:
    """The rows of a table in a format; `write` gives some of them as they stood."""

    where: str
    rows: list[Row]
    faults: dict[int, str]
    write: Callable[[list[int]], list[str]]


@attrs.define(eq=False)
class Reading:
    """What was made of rows so far."""

    claims: list[Claim] = attrs.field(factory=list)
    rejected: list[Rejected] = attrs.field(factory=list)
    left_out: Counter[str] = attrs.field(factory=Counter)
    notes: list[str] = attrs.field(factory=list)


def open_sheet(source: Any, name: str, encoding: str | None, notes: list[str]) -> Sheet:
    """Open a table that must have the columns of a format.

    Raises
    ------
    UnreadableTable
        If a required column is missing or stands twice; says which other format it looks like.
    """
    kind = FORMATS[name]
    table = open_rows(source, encoding, lambda column: fold_column(column) in kind.columns)
    notes.extend(table.notes)
    places: dict[str, int] = {}
    for at, header in enumerate(table.header):
        column = fold_column(header)
        if column in kind.columns and places.setdefault(column, at) != at:
            raise UnreadableTable(table.where, f"has the column {clean(header)!r} twice")
    missing = [column for column in kind.required if column not in places]
    if missing:
        article = "an" if kind.title[0] == "A" else "a"
        reason = f"is not {article} {kind.title}: it has no column {', '.join(missing)}"
        raise UnreadableTable(table.where, reason + hint(table.header, but=name))
    raw = table.load(places.values())
    columns = {column: (raw.columns[at].cells, raw.columns[at].codes.tolist()) for column, at in places.items()}
    rows = [
        Row(line, {name: cells[codes[at]] for name, (cells, codes) in columns.items() if codes[at] >= 0})
        for at, line in enumerate(raw.lines.tolist())
    ]
    return Sheet(table.where, rows, raw.faults, raw.write)


def go_through(sheet: Sheet, make: Callable[[Row], Iterable[Claim]], reading: Reading, *, prefix: str = "") -> None:
    """Make claims of every row, or note why there are none.

    Parameters
    ----------
    sheet : Sheet
    make : callable
        Gives the claims of a row; raises `Fault` or `LeftOut` where there are none.
    reading : Reading
        Added to.
    prefix : str, keyword
        Put before the reasons, where several files are read.
    """
    bad: dict[int, tuple[str | None, str]] = {}
    for at, row in enumerate(sheet.rows):
        try:
            if at in sheet.faults:
                raise Fault(None, sheet.faults[at])  # noqa: TRY301 - rejected like the others
            reading.claims.extend(tuple(make(row)))
        except Fault as fault:
            bad[at] = fault.column, fault.reason
        except LeftOut as skipped:
            reading.left_out[str(skipped)] += 1
        except (ReconcileError, ValueError, OverflowError) as error:
            bad[at] = None, explain(error)
    for (at, (column, reason)), text in zip(bad.items(), sheet.write(list(bad)), strict=True):
        told = " ".join(clean(prefix + reason).split())
        reading.rejected.append(Rejected(sheet.rows[at].line, column, told, text))


def finish(reading: Reading, where: str, *, strict: bool, stacklevel: int = 3) -> Corpus:
    """Warn of what was left out, and make the corpus; raises `RejectedRows` if `strict`."""
    for note in reading.notes:
        warnings.warn(note, ClaimsWarning, stacklevel=stacklevel)
    for note in _tell_left_out(reading.left_out):
        warnings.warn(f"{where}: {note}", ClaimsWarning, stacklevel=stacklevel)
    if strict and reading.rejected:
        raise RejectedRows(tuple(reading.rejected))
    return Corpus(reading.claims, reading.rejected)


def _tell_left_out(left_out: Counter[str]) -> Iterator[str]:
    for reason, number in left_out.items():
        yield f"{count_of(number, 'row')} left out: {reason}"
