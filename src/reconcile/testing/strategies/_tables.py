# SPDX-License-Identifier: MIT
"""Strategies for tables of claims as they are found: other encodings and dialects, broken rows, hostile cells."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import attrs
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from reconcile.testing.strategies import _vocabulary as vocabulary

__all__ = ["tables"]

_REQUIRED = ("event", "outcome", "group", "value", "source")
_OPTIONAL = (
    "id", "quoted_from", "revises", "source_kind", "sides", "opposes", "start", "end", "part_of", "perpetrators", "of",
    "period_start", "period_end", "hedged", "reported", "as_of", "url", "publisher", "title", "quote", "place",
    "event_kind",
)  # fmt: skip
_NAMES, _DAYS = ("a", "b", "c"), ("", "2020-01-01", "2020-01-02T11:00+05:30", "2020-02-30", "01/02/2020", "43871.5")
_GOOD: Mapping[str, Sequence[str]] = {
    "event": _NAMES,
    "outcome": ("killed", "injured", "casualties", "deaths", "kiled"),
    "group": ("", "children", "party=a; status=military|civilian", "rubbish", "a=;"),
    "value": (
        "0", "1", "12", "at least nine", "8-10", "some 600,000", "dozens", "half", "5.0", "1e3", "-3", "nan", "inf",
        "1,000", "1.000", "1 000", "٣", "½", "10^9", "0x10", "9" * 30, "9" * 5_000, "TRUE", "",
    ),
    "source": _NAMES,
    "id": ("", *_NAMES, "1"),
    "quoted_from": ("", "source:a", "", *_NAMES, "source:", "source:z"),
    "revises": ("", "", "", *_NAMES),
    "source_kind": ("", "media", "armed_group", "rubbish"),
    "event_kind": ("", "fire", "EARTHQUAKE", "rubbish"),
    "hedged": ("", "yes", "no", "1", "maybe"),
    "of": ("", "everyone", "children"),
    "part_of": ("", "", "", *_NAMES),
    **dict.fromkeys(("start", "end", "period_start", "period_end", "reported", "as_of"), _DAYS),
    **dict.fromkeys(("sides", "opposes", "perpetrators"), ("", "a", "a|b", "a;b", ";")),
}  # fmt: skip
# Cells that spreadsheets run, terminals obey, or readers of CSV trip over.
_HOSTILE = (
    '=HYPERLINK("http://a","b")', "+1+1", "-1+1", "@SUM(1)", "\t=1+1",
    '"', '""', "'", 'say "five"', 'left "open', ",", ";", "\t", "|", "\n", "\r\n", "\r", "a\n\nb",
    "\x00", "\x1b[31m", "\x07", "\u2028", "\x85", "\u202e", "\ufeff", "\u200b", "\ufffd",
    "NULL", "None", "NaN", "#REF!",
    " ", "\u00a0", "x" * 1_001, "x" * 140_000, "وزارة الصحة", "İ", "é", "e\u0301",
)  # fmt: skip
_ENCODINGS = ("utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-32", "cp1252", "latin-1", "cp1256", "shift_jis")


@attrs.frozen
class _Dialect:
    delimiter: str
    quote: str  # "where needed", "always" or "never"
    newline: str
    encoding: str
    ends: bool  # with a newline

    def line(self, cells: Sequence[str]) -> str:
        return self.delimiter.join(map(self._cell, cells))

    def _cell(self, cell: str) -> str:
        special = any(sign in cell for sign in (self.delimiter, '"', "\n", "\r"))
        if self.quote == "always" or (special and self.quote == "where needed"):
            return '"' + cell.replace('"', '""') + '"'
        return cell

    def write(self, rows: Sequence[Sequence[str]]) -> bytes:
        text = self.newline.join(map(self.line, rows)) + (self.newline if self.ends else "")
        return text.encode(self.encoding, errors="replace")


_DIALECTS = st.builds(
    _Dialect,
    delimiter=st.sampled_from((*[","] * 8, ";", "\t", "|", " ", ":")),
    quote=st.sampled_from(("where needed", "where needed", "always", "never")),
    newline=st.sampled_from(("\n", "\r\n", "\r")),
    encoding=st.one_of(*[st.just("utf-8")] * 4, st.sampled_from(_ENCODINGS)),
    ends=st.sampled_from((True, False)),
)
_BAD_CELLS = st.sampled_from(_HOSTILE) | vocabulary.names() | st.text(max_size=8)
# One thing that is wrong hides the next, so most things are right.
_PLAIN_CELLS = {column: st.sampled_from(_GOOD.get(column, _NAMES)[:3]) for column in (*_REQUIRED, *_OPTIONAL)}
_CELLS = {
    column: st.one_of(*[st.sampled_from(_GOOD.get(column, _NAMES))] * 2, _BAD_CELLS.map(str))
    for column in (*_REQUIRED, *_OPTIONAL)
}
_MORE = st.lists(st.sampled_from(_OPTIONAL), max_size=5, unique=True)
_HEADERS = st.sampled_from(
    (*["as it is"] * 16, "shuffled", "upper case", "padded", "twice", "one less", "one unknown", "blank", "none")
)
_ROWS = st.sampled_from((*["good"] * 6, *["as it is"] * 4, "short", "long", "blank", "header", "empty cells"))
_DAMAGE = (
    st.none() | st.none() | st.none() | st.tuples(st.sampled_from(("cut", "put in", "doubled")), st.integers(0, 10**4))
)
_JUNK = st.sampled_from((b"\x00", b"\xff", b'"', b"\xef\xbb\xbf", b"\x80", b"\n")) | st.binary(max_size=4)


def _make_header(columns: list[str], how: str, draw: st.DrawFn) -> list[str]:
    match how:
        case "shuffled":
            return draw(st.permutations(columns))
        case "upper case":
            return [name.upper().replace("_", " ") for name in columns]
        case "padded":
            return [f" {name}\u00a0" for name in columns]
        case "twice":
            return [*columns, draw(st.sampled_from(columns))]
        case "one less":
            left = draw(st.sampled_from(columns))
            return [name for name in columns if name != left]
        case "one unknown":
            return [*columns, draw(_BAD_CELLS)]
        case "blank":
            return [*columns, "", ""]
    return columns


def _make_row(header: Sequence[str], how: str, draw: st.DrawFn) -> list[str]:
    match how:
        case "blank":
            return draw(st.sampled_from(([], [""] * len(header), [" "])))
        case "header":
            return list(header)
        case "empty cells":
            return [""] * len(header)
    keys = [" ".join(name.split()).casefold().replace(" ", "_") for name in header]
    cells = [draw((_PLAIN_CELLS if how == "good" else _CELLS).get(key, _BAD_CELLS)) for key in keys]
    match how:
        case "short":
            return cells[: draw(st.integers(0, len(cells)))]
        case "long":
            return [*cells, *draw(st.lists(_BAD_CELLS, min_size=1, max_size=2))]
    return cells


@st.composite
def _tables(draw: st.DrawFn, max_rows: int) -> bytes:
    dialect, how = draw(_DIALECTS), draw(_HEADERS)
    header = _make_header([*_REQUIRED, *draw(_MORE)], how, draw)
    rows = [_make_row(header, one, draw) for one in draw(st.lists(_ROWS, max_size=max_rows))]
    table = dialect.write(rows if how == "none" else [header, *rows])
    damage = draw(_DAMAGE)
    if damage is None:
        return table
    kind, at = damage
    at %= len(table) + 1
    match kind:
        case "cut":
            return table[:at]
        case "doubled":
            return table + table[at:]
    return table[:at] + draw(_JUNK) + table[at:]


def tables(*, max_rows: int = 5) -> SearchStrategy[bytes]:
    r"""Draw the bytes of tables of claims, most of them broken in some way, for readers that must survive anything.

    Encodings and byte order marks, delimiters, quotes that are missing, needless or left open, line ends, headers that
    are shuffled, doubled, unknown or missing, rows that are short, long or blank, formulas, control characters, huge
    numbers and huge cells, and bytes cut off or put in. The simplest is a good header without rows.

    Parameters
    ----------
    max_rows : int, keyword

    Returns
    -------
    SearchStrategy of bytes

    Examples
    --------
    >>> from hypothesis import find
    >>> b"killed" in find(tables(), lambda table: b"killed" in table)
    True
    """
    return _tables(max_rows)
