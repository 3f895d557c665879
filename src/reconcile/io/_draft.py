# SPDX-License-Identifier: MIT
"""The rows of a table between their cells and the claims: codes of what was read, and what is wrong where."""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from typing import Any, TypeAlias

import attrs
import numpy as np
from numpy.typing import NDArray

from reconcile.columns import NONE, Codes
from reconcile.errors import InvalidValue
from reconcile.io._rows import clean

__all__ = ["Draft", "Fault", "Records", "Row", "explain"]

Fault: TypeAlias = tuple[str | None, str]
Records: TypeAlias = dict[str, dict[str, Any]]


@attrs.define(eq=False)
class Draft:
    """The rows of a table on their way to claims: what the codes of each column stand for, and what is wrong where.

    Rows with a fault are rejected; those with a doubt, by row and column, are kept.
    """

    lines: NDArray[np.int32]
    things: dict[str, list[Any]] = attrs.field(factory=dict)
    codes: dict[str, Codes] = attrs.field(factory=dict)
    faults: dict[int, Fault] = attrs.field(factory=dict)
    doubts: dict[tuple[int, str], str] = attrs.field(factory=dict)

    def add(self, column: str, things: list[Any], codes: Codes) -> None:
        """Add a column."""
        self.things[column], self.codes[column] = things, codes

    def fill(self, column: str, thing: Any) -> int:
        """Put a thing where the column is blank; give its code."""
        things, codes = self.things.setdefault(column, []), self.column(column)
        if thing not in things:
            things.append(thing)
        code = things.index(thing)
        self.codes[column] = np.where(codes == NONE, np.int32(code), codes)
        return code

    def column(self, column: str) -> Codes:
        """The codes of a column, all of them -1 where there is no such column."""
        return self.codes.get(column, np.broadcast_to(np.int32(NONE), len(self.lines)))

    def get(self, row: int, column: str) -> Any:
        """What stands in a row, or None."""
        code = self.column(column)[row]
        return None if code == NONE else self.things[column][code]

    def line(self, row: int) -> int:
        """The line of the file that the row starts on."""
        return int(self.lines[row])

    def standing(self, some: NDArray[np.bool_] | None = None) -> NDArray[np.intp]:
        """Those rows among some that have no fault."""
        found = np.ones(len(self.lines), dtype=bool) if some is None else some.copy()
        found[list(self.faults)] = False
        return np.flatnonzero(found)

    def used(self, column: str, rows: NDArray[np.intp]) -> tuple[list[Any], Codes]:
        """What stands in some rows of a column, each thing once, and its code in each row."""
        if column not in self.codes:
            return [], np.broadcast_to(np.int32(NONE), len(rows))
        codes, things = self.codes[column][rows], self.things[column]
        here = np.zeros(len(things) + 1, dtype=bool)  # the last is that of blank cells
        here[codes] = True
        here[NONE] = False
        places = np.where(here, np.cumsum(here) - 1, NONE).astype(np.int32)
        return list(itertools.compress(things, here)), places[codes]

    def reject(self, row: int, column: str | None, reason: str) -> None:
        """Note why the row cannot become a claim; the first reason counts."""
        self.faults.setdefault(int(row), (column, " ".join(clean(reason).split())))

    def reject_all(self, rows: NDArray[np.intp], codes: NDArray[Any], fault: list[Fault | None]) -> None:
        """Reject rows by what is wrong with the things that stand in them."""
        wrong = np.array([one is not None for one in fault], dtype=bool)[codes]
        for row, code in zip(rows[wrong].tolist(), codes[wrong].tolist(), strict=True):
            self.reject(row, *(fault[code] or (None, "")))


@attrs.define(eq=False)
class Row:
    """A row that is looked at by itself, since it or its neighbours may be at fault."""

    at: int
    line: int
    cells: dict[str, Any]
    fault: Fault | None

    @classmethod
    def of(cls, draft: Draft, at: int, columns: Iterable[str]) -> Row:
        """Take a row with some of its cells."""
        cells = {column: draft.get(at, column) for column in columns if draft.column(column)[at] != NONE}
        return cls(at, draft.line(at), cells, draft.faults.get(at))

    def reject(self, column: str | None, reason: str) -> None:
        """Note why the row cannot become a claim; the first reason counts."""
        self.fault = self.fault or (column, reason)


def explain(error: Exception) -> str:
    """Say to the writer of a table, who never saw a class name, why a cell was refused."""
    if isinstance(error, InvalidValue):
        shown = clean(repr(error.given))
        return f"got {shown if len(shown) <= 100 else shown[:100] + '...'}; allowed: {error.allowed}"
    return str(error)
