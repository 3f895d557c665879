# SPDX-License-Identifier: MIT
"""Bytes, text or a dataframe in; a header and columns of raw cells out, with the line that each row starts on."""

from __future__ import annotations

import codecs
import contextlib
import csv
import datetime
import io
import itertools
import math
import numbers
import os
import re
from array import array
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, TypeAlias

import attrs
import numpy as np
from numpy.typing import NDArray

from reconcile.errors import InvalidValue, MissingDependency, UnreadableTable

__all__ = ["RawCells", "RawColumn", "RawTable", "clean", "is_blank", "open_rows"]

LONGEST_ROW = 200  # physical lines; a quote that stays open longer was never closed
LONGEST_TEXT = 500  # characters of a rejected row that are kept
CHUNK = 50_000  # rows whose cells are objects at one time

_DELIMITERS = ",;\t|"
_SEPARATOR_LINE = re.compile(r'"?sep=([,;\t|])"?\s*')  # Excel writes and reads this as the first line
# UTF-32's mark begins with UTF-16's, so it is tried first.
_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_OTHER_FORMATS = (
    (b"PK\x03\x04", "an Excel workbook or another zip archive; save the sheet as CSV"),
    (b"\xd0\xcf\x11\xe0", "an old Excel workbook; save the sheet as CSV"),
    (b"\x1f\x8b", "compressed with gzip; unpack it first"),
)
_PARQUET = b"PAR1"
_SplitRow: TypeAlias = tuple[int, int, list[str], str | None]  # from and to which line, cells, fault
_CSV_ERRORS = (
    ("unexpected end", "a quote is opened in this row and never closed"),
    ("expected after", "text stands between a closing quote and the next separator"),
    ("field limit", "a cell is longer than a table can hold"),
)


@attrs.frozen(eq=False)
class RawColumn:
    """Each distinct cell of a column once, and the code of each row's; -1 where it is blank."""

    cells: list[Any]
    codes: NDArray[np.int32]


@attrs.frozen(eq=False)
class RawCells:
    """The rows that hold anything: columns by place, first and last lines, and why some could not be split into cells.

    `write` gives rows as they were written, or the cells of a frame that are not blank; short and printable.
    """

    columns: dict[int, RawColumn]
    lines: NDArray[np.int32]
    ends: NDArray[np.int32]
    faults: dict[int, str]
    write: Callable[[Sequence[int]], list[str]]


@attrs.frozen(eq=False)
class RawTable:
    """A header and the way to the rows under it; `notes` are things that the reader of the table should know.

    `load` gives the columns at some places; `separator` is what parts the cells of a text; `line` is that of the
    header, 0 in a frame.
    """

    where: str
    header: tuple[str, ...]
    load: Callable[[Iterable[int]], RawCells]
    notes: tuple[str, ...] = ()
    separator: str | None = None
    line: int = 0


class _Coder:
    """Gives equal cells of a column one code, as long as they are read alike."""

    def __init__(self) -> None:
        self.cells: list[Any] = []
        self.codes = array("i")
        self._known: dict[Any, int] = {}

    def add(self, cells: Iterable[Any]) -> None:
        known = self._known
        self.codes.extend([known[cell] if type(cell) is str and cell in known else self._code(cell) for cell in cells])

    def _code(self, cell: Any) -> int:
        key = _identify(cell)
        code = None if key is None else self._known.get(key)
        if code is None:
            code = -1 if is_blank(cell) else len(self.cells)
            if code >= 0:
                self.cells.append(cell)
            if key is not None:
                self._known[key] = code
        return code

    def column(self, rows: NDArray[np.intp] | slice) -> RawColumn:
        return RawColumn(self.cells, np.array(self.codes, dtype=np.int32)[rows])


def _identify(cell: Any) -> Any:
    """A key that only cells share that are read alike, or None: 1, 1.0 and True are equal, and so are two clocks."""
    kind = type(cell)
    if kind is str:
        return cell
    if kind is float:
        return (kind, cell) if cell == cell else None  # noqa: PLR0124 - nan
    if kind in {int, bool, datetime.date}:
        return kind, cell
    if isinstance(cell, datetime.datetime):
        with contextlib.suppress(Exception):  # what a zone from elsewhere may raise
            return kind, cell, cell.utcoffset()
    if isinstance(cell, numbers.Number):
        return kind, repr(cell)
    return None


def is_blank(cell: Any) -> bool:
    """Whether a cell holds nothing: None, nan, NaT, NA, or only white space."""
    if isinstance(cell, str):
        return not cell or cell.isspace()
    if cell is None or type(cell).__name__ in {"NAType", "NaTType"}:
        return True
    if type(cell).__name__ == "datetime64":
        return str(cell) == "NaT"
    try:
        return isinstance(cell, numbers.Number) and math.isnan(cell)  # type: ignore[arg-type]
    except (TypeError, ValueError, OverflowError):
        return False


def open_rows(source: Any, encoding: str | None, is_known: Callable[[str], bool]) -> RawTable:
    """Open a path, a file or a dataframe.

    Parameters
    ----------
    source : str, os.PathLike, file or dataframe
    encoding : str or None
        None means: by byte order mark, else UTF-8, else Windows-1252.
    is_known : callable
        Whether a header cell names a column of a claims table; the separator that makes most of them wins.

    Returns
    -------
    RawTable

    Raises
    ------
    UnreadableTable
        If it is no table.
    """
    if isinstance(source, str | os.PathLike):
        where = os.fspath(source)
        where = where if isinstance(where, str) else os.fsdecode(where)
        return _open_content(_read_path(where), clean(where), encoding, is_known)
    if callable(getattr(source, "read", None)):
        where = clean(str(getattr(source, "name", "") or "the open file"))
        try:
            content = source.read()
        except (OSError, ValueError) as error:
            raise UnreadableTable(where, f"cannot be read: {error}") from error
        if not isinstance(content, str | bytes | bytearray | memoryview):
            raise UnreadableTable(where, f"reading it gave a {type(content).__name__}, not text or bytes")
        return _open_content(content if isinstance(content, str) else bytes(content), where, encoding, is_known)
    return _open_frame(source)


def _read_path(where: str) -> bytes:
    if "\n" in where:
        raise UnreadableTable("the text", "is no path; to read the text itself as a table, wrap it in io.StringIO")
    try:
        return Path(where).read_bytes()
    except OSError as error:
        raise UnreadableTable(clean(where), f"cannot be opened: {error.strerror or error}") from error
    except ValueError as error:
        raise UnreadableTable(clean(where), f"is no path: {error}") from error


def _open_content(content: str | bytes, where: str, encoding: str | None, is_known: Callable[[str], bool]) -> RawTable:
    if isinstance(content, bytes):
        if content.startswith(_PARQUET):
            return _open_parquet(content, where)
        for magic, what in _OTHER_FORMATS:
            if content.startswith(magic):
                raise UnreadableTable(where, f"is {what}")
        text, notes = _decode(content, where, encoding)
    else:
        text, notes = content, ()
    return _open_text(text.removeprefix("\ufeff"), where, notes, is_known)


def _decode(content: bytes, where: str, encoding: str | None) -> tuple[str, tuple[str, ...]]:
    marked = next((name for mark, name in _MARKS if content.startswith(mark)), "utf-8")
    try:
        return content.decode(encoding or marked), ()
    except LookupError:
        raise InvalidValue("encoding", encoding, "the name of a text encoding, such as 'cp1251'") from None
    except ValueError as error:
        if encoding or marked != "utf-8":
            raise UnreadableTable(where, f"is not written in {encoding or marked}: {error}") from error
    try:
        note = f"{where} is not UTF-8 and was read as Windows-1252; if names look wrong, pass encoding="
        return content.decode("cp1252"), (note,)
    except ValueError:
        advice = "pass encoding= (on the command line --encoding), such as 'cp1251' or 'cp1256'"
        raise UnreadableTable(where, f"is neither UTF-8 nor Windows-1252; {advice}") from None


def _open_text(text: str, where: str, notes: tuple[str, ...], is_known: Callable[[str], bool]) -> RawTable:
    # newline="" parts at \n, \r\n and \r but not at the exotic breaks that no editor counts as lines.
    lines = list(io.StringIO(text, newline=""))
    skip = 0
    while skip < len(lines) and not lines[skip].strip():
        skip += 1
    if skip == len(lines):
        raise UnreadableTable(where, "is empty; a claims table begins with a row of column names")
    declared = _SEPARATOR_LINE.fullmatch(lines[skip])
    delimiters = declared[1] if declared else _DELIMITERS
    skip += bool(declared)
    tried = []
    for delimiter in delimiters:
        rows = _split(lines, skip, delimiter)
        head = next(rows, None)
        if head is not None:
            tried.append((sum(map(is_known, head[2])), head, rows, delimiter))
    if not tried:
        raise UnreadableTable(where, "has no row of column names")
    _, (above, _, header, fault), rows, delimiter = max(tried, key=lambda one: one[0])
    if fault:
        raise UnreadableTable(where, f"the row of column names cannot be read: {fault}")
    if any("\0" in cell for cell in header):
        raise UnreadableTable(where, "has NUL bytes; if it is UTF-16 without a mark, pass encoding='utf-16-le'")

    def load(places: Iterable[int]) -> RawCells:
        return _load_text(rows, lines, len(header), places)

    return RawTable(where, tuple(header), load, notes, delimiter, above + 1)


def _split(lines: list[str], at: int, delimiter: str) -> Iterator[_SplitRow]:
    """Split lines into rows; a row that cannot be split costs its first line only, reading resumes on the next."""
    start = at

    def feed() -> Iterator[str]:
        nonlocal at
        while at < len(lines):
            if at - start >= LONGEST_ROW:
                raise csv.Error(f"a quote is opened in this row and not closed within {LONGEST_ROW} lines")
            at += 1
            yield lines[at - 1]

    def reader() -> Any:
        return csv.reader(feed(), delimiter=delimiter, strict=True, skipinitialspace=True)

    cells = reader()
    while True:
        start = at
        try:
            row = next(cells)
        except StopIteration:
            return
        except csv.Error as error:
            at, cells = start + 1, reader()
            yield start, at, [], next((ours for theirs, ours in _CSV_ERRORS if theirs in str(error)), str(error))
        else:
            if not all(map(is_blank, row)):
                yield start, at, row, None


def _load_text(rows: Iterator[_SplitRow], lines: list[str], width: int, places: Iterable[int]) -> RawCells:
    coders = {at: _Coder() for at in places}
    starts, ends = array("i"), array("i")
    faults: dict[int, str] = {}
    while chunk := list(itertools.islice(rows, CHUNK)):
        for row, (_, _, cells, fault) in enumerate(chunk, start=len(starts)):
            if fault:
                faults[row] = fault
            elif not all(map(is_blank, cells[width:])):  # spreadsheets end lines with separators too many
                faults[row] = f"has {len(cells)} cells where the table has {width} columns"
        starts.extend(row[0] for row in chunk)
        ends.extend(row[1] for row in chunk)
        turned = itertools.zip_longest(*(row[2][:width] for row in chunk))
        for at, column in itertools.zip_longest(range(width), turned, fillvalue=(None,) * len(chunk)):
            if at in coders:
                coders[at].add(column)

    def write(rows: Sequence[int]) -> list[str]:
        return [clean("".join(lines[starts[row] : ends[row]])) for row in rows]

    found = {at: coder.column(slice(None)) for at, coder in coders.items()}
    return RawCells(found, np.array(starts, dtype=np.int32) + 1, np.array(ends, dtype=np.int32), faults, write)


def _open_parquet(content: bytes, where: str) -> RawTable:
    try:
        from pyarrow import parquet
    except ImportError:
        raise MissingDependency("pyarrow", "reading Parquet", "reconcile-claims[parquet]") from None
    try:
        table = parquet.read_table(io.BytesIO(content))
    except Exception as error:  # a broken file makes pyarrow raise a dozen unrelated kinds
        raise UnreadableTable(where, f"is not readable as Parquet: {clean(str(error))}") from error
    return _open_frame(table, where)


def _open_frame(source: Any, where: str | None = None) -> RawTable:
    import narwhals

    where = where or f"the {type(source).__module__.partition('.')[0]} {type(source).__name__}"
    try:
        frame = narwhals.from_native(source)
    except TypeError as error:
        allowed = "a path, an open file, or a dataframe (pandas, polars, pyarrow, ...)"
        raise UnreadableTable(where, f"is no table; allowed: {allowed}") from error
    except ValueError as error:
        raise UnreadableTable(where, " ".join(str(error).split())) from error
    try:
        eager = frame.collect() if isinstance(frame, narwhals.LazyFrame) else frame
        header = tuple(map(str, eager.columns))
    except Exception as error:  # each of the dataframe packages raises its own kinds
        raise _unreadable(where, error) from error

    def load(places: Iterable[int]) -> RawCells:
        try:
            return _load_frame(eager, places)
        except Exception as error:
            raise _unreadable(where, error) from error

    return RawTable(where, header, load)


def _unreadable(where: str, error: Exception) -> UnreadableTable:
    return UnreadableTable(where, f"its rows cannot be read: {clean(str(error))}")


def _load_frame(frame: Any, places: Iterable[int]) -> RawCells:
    wanted = set(places)
    coders: dict[int, _Coder] = {}
    filled = np.zeros(len(frame), dtype=bool)
    # A row that is blank in every column is no row, so the others are read only where the wanted ones are blank.
    for at, column in sorted(enumerate(frame.iter_columns()), key=lambda one: one[0] not in wanted):
        if at in wanted or not filled.all():
            coder = _Coder()
            for start in range(0, len(frame), CHUNK):
                coder.add(column[start : start + CHUNK].to_list())
            filled |= np.array(coder.codes, dtype=np.int32) >= 0
            if at in wanted:
                coders[at] = coder
    rows = np.flatnonzero(filled)

    def write(some: Sequence[int]) -> list[str]:
        found = frame[rows[some].tolist()].iter_rows() if some else ()
        return [clean(", ".join(_show(cell) for cell in cells if not is_blank(cell))) for cells in found]

    lines = rows.astype(np.int32) + 1
    return RawCells({at: coder.column(rows) for at, coder in coders.items()}, lines, lines, {}, write)


def _show(cell: Any) -> str:
    try:
        return str(cell)
    except ValueError:  # Python refuses to print integers of more than 4,300 digits
        return f"a {type(cell).__name__}"


def clean(text: str) -> str:
    """Make a text short and printable anywhere."""
    text = text.rstrip("\r\n")
    text = text if len(text) <= LONGEST_TEXT else text[:LONGEST_TEXT] + "..."
    return text.encode("utf-8", "backslashreplace").decode()
