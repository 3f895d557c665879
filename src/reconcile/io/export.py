# SPDX-License-Identifier: MIT
"""Claims as a table again: pandas, polars, pyarrow, CSV or Parquet, in the columns that `reconcile.io.table` reads."""

from __future__ import annotations

import csv
import itertools
import os
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import IO, Any, Literal

from reconcile.claims import CITED, Claim, content_id
from reconcile.errors import MissingDependency
from reconcile.groups import EVERYONE, Group
from reconcile.plumbing import check
from reconcile.plumbing import to_frame as make_frame
from reconcile.values import Share
from reconcile.vocabulary import EventKind, Source

__all__ = ["COLUMNS", "disarm", "rows", "to_frame", "write", "write_csv"]

COLUMNS = (
    *("id", "event", "outcome", "group", "of", "period_start", "period_end", "value", "source", "source_kind"),
    *("sides", "opposes", "reported", "as_of", "quoted_from", "revises", "hedged", *CITED),
    *("place", "start", "end", "perpetrators", "part_of", "event_kind"),
)
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")


def disarm(cell: Any) -> Any:
    r"""Put an apostrophe before a text that a spreadsheet would run as a formula; numbers stay as they are.

    Such texts begin with one of = + - @, tab or a line break, also after blanks or in full width (after OWASP's page on
    CSV injection).

    Examples
    --------
    >>> disarm('=HYPERLINK("http://example.org")'), disarm(-3), disarm("about 12")
    ('\'=HYPERLINK("http://example.org")', -3, 'about 12')
    """
    risky = isinstance(cell, str) and (cell.startswith(_FORMULA) or cell.lstrip().startswith(_FORMULA))
    return f"'{cell}" if risky else cell


def rows(claims: Iterable[Claim]) -> list[dict[str, Any]]:
    """Write claims as rows with `COLUMNS`, of texts and None.

    A table holds less than `reconcile.io.json`: the parts of an outcome of one's own are lost, and so are the details
    of a larger event that no row is about and of a source that is only quoted; a share is rounded to three digits,
    and names with | or ; in them would be read as several.

    Parameters
    ----------
    claims : iterable of Claim, or Corpus

    Returns
    -------
    list of dict

    Examples
    --------
    >>> from reconcile import AtLeast, Claim, Event, Source
    >>> (row,) = rows([Claim(Event("market").killed(), AtLeast(12), Source("ministry"))])
    >>> row["value"], row["group"], row["place"]
    ('at least 12', '', None)
    """
    listed = list(claims)
    linked = {target for claim in listed for target in (claim.quoted_from, claim.revises) if isinstance(target, str)}
    return [_row(claim, linked) for claim in listed]


def _row(claim: Claim, linked: set[str]) -> dict[str, Any]:
    quantity, event, source, value = claim.quantity, claim.quantity.event, claim.source, claim.value
    quoted = claim.quoted_from
    share = f"{_percent(value.low)} to {_percent(value.high)} %" if isinstance(value, Share) else None
    cited = claim.citation.texts if claim.citation else (None,) * len(CITED)
    found: dict[str, Any] = {
        "id": claim.id if claim.id in linked or claim.id != content_id(claim) else None,
        "event": event.id,
        "outcome": quantity.outcome.name,
        "group": _write_group(quantity.group),
        "of": _write_group(value.of) or None if isinstance(value, Share) else None,
        "period_start": _iso(quantity.period and quantity.period.start),
        "period_end": _iso(quantity.period and quantity.period.end),
        "value": share or str(value),
        "source": source.name,
        "source_kind": source.kind.value,
        "sides": _join(source.sides),
        "opposes": _join(source.opposes),
        "reported": _iso(claim.reported),
        "as_of": _iso(claim.as_of),
        "quoted_from": f"source: {quoted.name}" if isinstance(quoted, Source) else quoted,
        "revises": claim.revises,
        "hedged": "true" if claim.hedged else None,
        **dict(zip(CITED, cited, strict=True)),
        "place": event.place,
        "start": _iso(event.start),
        "end": _iso(event.end),
        "perpetrators": _join(event.perpetrators),
        "part_of": event.part_of.id if event.part_of else None,
        "event_kind": None if event.kind is EventKind.OTHER else event.kind.value,
    }
    return {name: found[name] for name in COLUMNS}


def _percent(share: float) -> str:
    """Write a share in percent, with as many digits as it takes to read the same share again."""
    exact = 100 * Decimal(share)
    texts = (f"{exact:.{digits}f}" for digits in itertools.count())
    return next(text for text in texts if float(Fraction(text) / 100) == share)


def _iso(moment: Any) -> str | None:
    return moment.isoformat() if moment else None


def _join(names: Iterable[str]) -> str | None:
    return "|".join(sorted(names)) or None


def _write_group(group: Group) -> str:
    if group == EVERYONE:
        return ""
    return "; ".join(f"{name}={'|'.join(sorted(values))}" for name, values in group.facets)


def to_frame(claims: Iterable[Claim], backend: Literal["pandas", "polars", "pyarrow"] = "pandas") -> Any:
    """Give claims as a dataframe, which `reconcile.io.table.read` reads back.

    Parameters
    ----------
    claims : iterable of Claim, or Corpus
    backend : {"pandas", "polars", "pyarrow"}

    Returns
    -------
    pandas.DataFrame, polars.DataFrame or pyarrow.Table

    Raises
    ------
    MissingDependency
        If the backend is not installed.
    """
    return make_frame(rows(claims), COLUMNS, backend)


def write(claims: Iterable[Claim], path: str | os.PathLike[str]) -> None:
    """Write claims to a file, as CSV or, if its name ends in .parquet, as Parquet; what is there is replaced.

    Texts of a CSV file that a spreadsheet would run are disarmed.

    Raises
    ------
    InvalidValue
        If the name ends in neither .csv nor .parquet.
    MissingDependency
        If Parquet is written without pyarrow.
    """
    where = Path(path)
    kind = where.suffix.casefold()
    check(kind in (".csv", ".parquet"), "write(path)", str(path), "a name that ends in .csv or .parquet")
    if kind == ".csv":
        with where.open("w", encoding="utf-8", newline="") as file:
            write_csv(rows(claims), COLUMNS, file)
        return
    table = to_frame(claims, "pyarrow")
    try:
        from pyarrow import parquet
    except ImportError:
        raise MissingDependency("pyarrow", "writing Parquet", "reconcile-claims[parquet]") from None
    parquet.write_table(table, where)


def write_csv(lines: Iterable[Mapping[str, Any]], columns: Sequence[str], file: IO[str]) -> None:
    """Write rows as CSV that is safe to open in a spreadsheet: each text goes through `disarm`, headings too."""
    out = csv.writer(file, lineterminator="\n")
    out.writerow([disarm(column) for column in columns])
    out.writerows([disarm(line[column]) for column in columns] for line in lines)
