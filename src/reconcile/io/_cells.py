# SPDX-License-Identifier: MIT
"""Single cells of any table: what a text, a name, a number or a day is."""

from __future__ import annotations

import datetime
import decimal
import numbers
import re
import unicodedata
from collections.abc import Iterable, Mapping
from typing import Any

from reconcile.errors import InvalidValue
from reconcile.plumbing import LONGEST_NAME, to_moment
from reconcile.values import LARGEST

__all__ = [
    "allow",
    "cut",
    "fold",
    "is_number",
    "to_count",
    "to_day",
    "to_name",
    "to_names",
    "to_spelt_day",
    "to_text",
    "to_when",
]

_BROKEN = re.compile("[\\0\\ud800-\\udfff]")
_COUNT = re.compile(r"[0-9]{1,15}(\.0*)?|[0-9](\.[0-9]{1,12})?[eE]\+?[0-9]{1,2}")  # R writes 100,000 as 1e+05
_MONTHS = "january february march april may june july august september october november december".split()  # noqa: SIM905
_SPELT = (
    re.compile(r"(?P<month>[A-Za-z]{3,9})\.? (?P<day>[0-9]{1,2}),? (?P<year>[0-9]{4})"),
    re.compile(r"(?P<day>[0-9]{1,2})[ -](?P<month>[A-Za-z]{3,9})\.?[ -](?P<year>[0-9]{4})"),
)


def fold(text: str) -> str:
    """Write a name of a column or word so that spelling, blanks and capitals do not matter."""
    return " ".join(text.replace("_", " ").split()).casefold()


def allow(ok: bool, what: str, given: Any, allowed: str) -> None:
    """Raise `InvalidValue` unless `ok`."""
    if not ok:
        raise InvalidValue(what, given, allowed)


def is_number(cell: Any) -> bool:
    """Whether a cell holds a number and not a text."""
    return not isinstance(cell, bool) and isinstance(cell, numbers.Real | decimal.Decimal)


def to_text(cell: Any) -> str:
    """Read a text, or a whole number as its digits."""
    if is_number(cell):  # an id may be a number, and frames make 17 into 17.0
        number = float(cell)
        allow(number.is_integer() and abs(number) < 2**53, "text", cell, "a text or a whole number")
        return str(int(number))
    allow(isinstance(cell, str), "text", cell, "a text")
    allow(not _BROKEN.search(cell), "text", cell, "a text without NUL bytes and broken characters")
    return unicodedata.normalize("NFC", cell.strip().strip("\ufeff\u200b").strip())


def to_name(cell: Any) -> str:
    """Read a text of one line."""
    name = " ".join(to_text(cell).split())
    allow(len(name) <= LONGEST_NAME, "name", name, f"a name of at most {LONGEST_NAME} characters")
    return name


def to_names(cell: Any) -> frozenset[str]:
    """Read names parted by | or ;."""
    several = isinstance(cell, Iterable) and not isinstance(cell, str | bytes | Mapping)
    parts = map(to_name, cell) if several else map(to_name, re.split(r"[|;]", to_text(cell)))
    found = frozenset(part for part in parts if part)
    allow(bool(found), "names", cell, "names, parted by | or ;")
    return found


def to_when(cell: Any) -> datetime.date:
    """Read a date or datetime; midnight is read as the day."""
    if hasattr(cell, "dtype") and hasattr(cell, "astype"):  # numpy's datetime64; finer units have no Python datetime
        cell = cell.astype("datetime64[us]").item() if cell.dtype.kind == "M" else cell
    if hasattr(cell, "to_pydatetime"):
        cell = cell.to_pydatetime(warn=False)
    moment: datetime.date = to_moment("date")(cell if isinstance(cell, datetime.date) else to_text(cell))
    # Frames have no days, only midnights.
    midnight = isinstance(moment, datetime.datetime) and moment.timetz() == datetime.time()
    return moment.date() if midnight and isinstance(moment, datetime.datetime) else moment


def to_day(cell: Any) -> datetime.date:
    """Read a date."""
    moment = to_when(cell)
    return moment.date() if isinstance(moment, datetime.datetime) else moment


def to_spelt_day(cell: Any) -> datetime.date:
    """Read a date in ISO 8601, or with its month in words, such as "October 7, 2023" or "7 October 2023"."""
    if isinstance(cell, str):
        text = " ".join(cell.split())
        for pattern in _SPELT:
            if found := pattern.fullmatch(text):
                short = found["month"].casefold()
                month = next((at for at, name in enumerate(_MONTHS, 1) if name.startswith(short)), 0)
                return datetime.date(int(found["year"]), month, int(found["day"]))
    return to_day(cell)


def to_count(cell: Any) -> int:
    """Read a whole number of people."""
    if type(cell) is str and len(cell) <= 12 and cell.isascii() and cell.isdigit():
        return int(cell)  # most cells are this plain, and below the largest
    allowed = f"a whole number from 0 to {LARGEST:,}"
    if is_number(cell):
        try:
            found = int(cell)
        except (ValueError, OverflowError):
            raise InvalidValue("count", cell, allowed) from None
        allow(found == cell and 0 <= found <= LARGEST, "count", cell, allowed)
        return found
    text = to_text(cell)
    allow(_COUNT.fullmatch(text) is not None, "count", cell, allowed)
    number = decimal.Decimal(text)
    allow(number == int(number) <= LARGEST, "count", cell, allowed)
    return int(number)


def cut(text: str, most: int = LONGEST_NAME) -> str:
    """Shorten a text that is longer than a citation may be; three dots say so."""
    return text if len(text) <= most else text[: most - 3].rstrip() + "..."
