# SPDX-License-Identifier: MIT
"""One door to every format: which one a file is in, told by its header, and its claims."""

from __future__ import annotations

import importlib
import io
import os
from pathlib import Path
from typing import Any

from reconcile.claims import Corpus
from reconcile.errors import InvalidValue, UnreadableTable
from reconcile.io import _signatures
from reconcile.io._rows import open_rows
from reconcile.plumbing import check

__all__ = ["NAMES", "read", "recognise"]

NAMES = ("table", "json", "ucdp", "acled", "airwars", "radford")


def recognise(source: Any, *, encoding: str | None = None) -> str | None:
    """Say which format a file or dataframe is in.

    Parameters
    ----------
    source : path, file or dataframe
        A file is read to its end.
    encoding : str, keyword, optional
        As in `reconcile.io.table.read`.

    Returns
    -------
    str or None
        One of `NAMES`, or "airwars_claims", the second table that `reconcile.io.airwars.read` takes; None where it is
        in none of them.

    Raises
    ------
    UnreadableTable
        If it is neither JSON nor a table.

    Examples
    --------
    >>> recognise(io.StringIO("event_id_cnty,event_date,fatalities"))
    'acled'
    """
    content = _hold(source)
    return _recognise(content, encoding)


def _recognise(content: Any, encoding: str | None) -> str | None:
    if _is_json(content):
        return "json"
    known = frozenset().union(*(one.columns for one in _signatures.FORMATS.values()))
    header = open_rows(_renew(content), encoding, lambda name: _signatures.fold_column(name) in known).header
    found = _signatures.recognise(header)
    return found.name if found else None


def read(
    source: Any,
    format: str | None = None,  # noqa: A002 - what everybody calls it
    *,
    strict: bool = False,
    encoding: str | None = None,
    **options: Any,
) -> Corpus:
    r"""Read claims in any format.

    Parameters
    ----------
    source : path, file or dataframe
    format : str, optional
        One of `NAMES`; by default told by the header, and a claims table where that tells nothing.
    strict : bool, keyword
        Raise if any row cannot be read.
    encoding : str, keyword, optional
        As in `reconcile.io.table.read`; JSON is always in UTF-8.
    **options
        Of the reader of the format: ``outcomes`` of table, ``parts`` of ucdp, ``floor`` and ``zeros`` of acled,
        ``claims`` and ``group`` of airwars.

    Returns
    -------
    Corpus

    Raises
    ------
    InvalidValue
        If there is no such format, or it has no such option.
    UnreadableTable
        If it is not in the format.
    RejectedRows
        If `strict` and a row cannot be read.

    Examples
    --------
    >>> table = "event_id_cnty,event_date,fatalities\nXXX17,2024-01-05,3"
    >>> print(read(io.StringIO(table)).claims[0])
    ACLED: at least 3 killed, acled-XXX17
    """
    check(format is None or format in NAMES, "read(format)", format, f"None, {', '.join(NAMES)}")
    content = _hold(source)
    name = format or _recognise(content, encoding) or "table"
    if name == "airwars_claims":
        reason = "holds claims attributed by Airwars, which need the table of incidents: reconcile.io.airwars.read"
        raise UnreadableTable(_where(source), reason)
    room = importlib.import_module(f"reconcile.io.{name}")
    asked = {**options, **({} if name == "json" else {"encoding": encoding})}
    try:
        found: Corpus = room.read(_renew(content), strict=strict, **asked)
    except TypeError as error:
        if "unexpected keyword argument" not in str(error):
            raise
        raise InvalidValue("read(**options)", sorted(options), f"what reconcile.io.{name}.read takes") from error
    return found


def _where(source: Any) -> str:
    return str(getattr(source, "name", source if isinstance(source, str | os.PathLike) else "the open file"))


def _hold(source: Any) -> Any:
    """Give what can be opened twice: of an open file, what it holds with its name."""
    if not callable(getattr(source, "read", None)):
        return source
    where = _where(source)
    try:
        return source.read(), where
    except (OSError, ValueError) as error:
        raise UnreadableTable(where, f"cannot be read: {error}") from error


def _renew(content: Any) -> Any:
    if not isinstance(content, tuple):
        return content
    held, where = content
    if not isinstance(held, str | bytes | bytearray | memoryview):
        raise UnreadableTable(where, f"reading it gave a {type(held).__name__}, not text or bytes")
    file: Any = io.StringIO(held) if isinstance(held, str) else io.BytesIO(bytes(held))
    file.name = where
    return file


def _is_json(content: Any) -> bool:
    """Whether it begins like an object of JSON."""
    head: Any = b""
    if isinstance(content, tuple):
        head = content[0][:200] if isinstance(content[0], str | bytes | bytearray) else b""
    elif isinstance(content, str | os.PathLike):
        try:
            with Path(os.fsdecode(content)).open("rb") as file:
                head = file.read(200)
        except (OSError, ValueError):
            return False  # the reader says what is wrong
    if isinstance(head, bytes | bytearray):
        return bytes(head).removeprefix(b"\xef\xbb\xbf").lstrip().startswith(b"{")
    return str(head).removeprefix("\ufeff").lstrip().startswith("{")
