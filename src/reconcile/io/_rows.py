# SPDX-License-Identifier: MIT
"""Bytes, text or a dataframe in; a header and rows of raw cells out, each row with the line it starts on."""

from __future__ import annotations

import codecs
import csv
import io
import math
import numbers
import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import attrs

from reconcile.errors import InvalidValue, MissingDependency, UnreadableTable

__all__ = ["RawRow", "RawTable", "clean", "is_blank", "open_rows"]

LONGEST_ROW = 200  # physical lines; a quote that stays open longer was never closed
LONGEST_TEXT = 500  # characters of a rejected row that are kept

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
_CSV_ERRORS = (
    ("unexpected end", "a quote is opened in this row and never closed"),
    ("expected after", "text stands between a closing quote and the next separator"),
    ("field limit", "a cell is longer than a table can hold"),
)


@attrs.frozen
class RawRow:
    """One row as it stands; `fault` says why it could not even be split into cells."""

    line: int
    cells: tuple[Any, ...]
    written: str | None = None
    fault: str | None = None

    @property
    def text(self) -> str:
        """The row as it was written, or the cells of a frame that are not blank; short and printable."""
        if self.written is not None:
            return clean(self.written)
        return clean(", ".join(_show(cell) for cell in self.cells if not is_blank(cell)))


@attrs.frozen
class RawTable:
    """A header and the rows under it; `notes` are things that the reader of the table should know."""

    where: str
    header: tuple[str, ...]
    rows: Iterator[RawRow]
    notes: tuple[str, ...] = ()


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
        header = next(rows, None)
        if header is not None:
            tried.append((sum(map(is_known, header.cells)), header, rows))
    if not tried:
        raise UnreadableTable(where, "has no row of column names")
    _, header, rows = max(tried, key=lambda one: one[0])
    if header.fault:
        raise UnreadableTable(where, f"the row of column names cannot be read: {header.fault}")
    if any("\0" in cell for cell in header.cells):
        raise UnreadableTable(where, "has NUL bytes; if it is UTF-16 without a mark, pass encoding='utf-16-le'")
    return RawTable(where, header.cells, (_measured(row, len(header.cells)) for row in rows), notes)


def _split(lines: list[str], at: int, delimiter: str) -> Iterator[RawRow]:
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
            fault = next((ours for theirs, ours in _CSV_ERRORS if theirs in str(error)), str(error))
            yield RawRow(start + 1, (), lines[start], fault)
        else:
            if not all(map(is_blank, row)):
                yield RawRow(start + 1, tuple(row), "".join(lines[start:at]))


def _measured(row: RawRow, width: int) -> RawRow:
    if len(row.cells) <= width:
        return row
    return attrs.evolve(row, fault=f"has {len(row.cells)} cells where the table has {width} columns")


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
        rows = list(eager.iter_rows())
    except Exception as error:  # each of the dataframe packages raises its own kinds
        raise UnreadableTable(where, f"its rows cannot be read: {clean(str(error))}") from error
    numbered = (RawRow(line, cells) for line, cells in enumerate(rows, start=1) if not all(map(is_blank, cells)))
    return RawTable(where, header, numbered)


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
