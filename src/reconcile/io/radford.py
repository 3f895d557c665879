# SPDX-License-Identifier: MIT
"""The table of losses in the war in Ukraine by Radford et al. (PNAS, 2023): one row, one claim.

The data are under the MIT licence (benradford/estimating-conflict-losses); nothing of them is in this package.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterator
from typing import Any

from reconcile.claims import Claim, Corpus
from reconcile.io._cells import to_count
from reconcile.io._foreign import Fault, LeftOut, Reading, Row, finish, go_through, open_sheet
from reconcile.values import AtLeast, AtMost, Exactly, Value
from reconcile.vocabulary import Event, Group, Period, Source

__all__ = ["BEFORE", "SOURCES", "WAR", "read"]

BEFORE = datetime.date(2022, 2, 23)  # day 0
WAR = Event("war in Ukraine", place="Ukraine", start=BEFORE + datetime.timedelta(days=1))
SOURCES = {
    one.name: one
    for one in (
        Source("UA Source", kind="government", sides={"Ukraine"}, opposes={"Russia"}),
        Source("RU Source", kind="government", sides={"Russia"}, opposes={"Ukraine"}),
        Source("US Source", kind="government"),
        Source("GB Source", kind="government"),
        Source("United Nations", kind="intergovernmental"),
        Source("OSI", kind="monitor"),
    )
}
_STATUS = {"military": "military", "civilian": "civilian"}
_OUTCOMES = {"deaths": "killed", "injuries": "injured", "casualties": "casualties"}
_FLAGS = {"0": False, "1": True, "false": False, "true": True}


def read(source: Any, *, strict: bool = False, encoding: str | None = None) -> Corpus:
    """Read a table with the columns of Radford et al.

    The categories are "Military" or "Civilian" and "Deaths", "Injuries" or "Casualties"; the loss country is the party
    of those counted. Cumulative claims are about the war as of their day, so that a later one of the same source
    replaces an earlier one; those of a day are about that day as a period. All are reported on their day, so
    ``estimate(corpus, as_of=...)`` gives the losses up to any day. ``minimum`` makes a number at least, ``maximum`` at
    most so many. Sources stand as groups ("UA Source" for everybody on Ukraine's side), with the side that they are on.

    Parameters
    ----------
    source : path, file or dataframe
    strict : bool, keyword
        Raise if any row cannot be read.
    encoding : str, keyword, optional
        As in `reconcile.io.table.read`.

    Returns
    -------
    Corpus
        Every row that is not blank is one claim, is rejected, or is left out as it counts equipment.

    Raises
    ------
    UnreadableTable
        If it is no such table.
    RejectedRows
        If `strict` and a row cannot be read.

    Warns
    -----
    ClaimsWarning
        With the number of rows about tanks, aircraft and other equipment, which were left out.

    Examples
    --------
    >>> import io
    >>> table = '''days,loss_count,claim_source,time_frame,loss_country,minimum,maximum,category
    ... 10,300,RU Source,Cumulative,Russia,1,0,Military Deaths'''
    >>> print(read(io.StringIO(table)).claims[0])
    RU Source: at least 300 killed (Russia, military), war in Ukraine (2022-03-05)
    """
    reading = Reading()
    sheet = open_sheet(source, "radford", encoding, reading.notes)
    go_through(sheet, _make, reading)
    return finish(reading, sheet.where, strict=strict)


def _make(row: Row) -> Iterator[Claim]:
    who, _, what = row.must("category").casefold().rpartition(" ")
    if who not in _STATUS or what not in _OUTCOMES:
        raise LeftOut("equipment, or another category that counts no people")
    number = row.count("days")
    if not 1 <= number <= 36_500:
        raise Fault("days", f"got {number}; allowed: days since {BEFORE}, from 1")
    day = BEFORE + datetime.timedelta(days=number)
    frame = row.must("time_frame").casefold()
    if frame not in {"cumulative", "day"}:
        raise Fault("time_frame", f"got {frame!r}; allowed: Cumulative, Day")
    group = Group(party=row.must("loss_country"), status=_STATUS[who])
    so_far = frame == "cumulative"
    quantity = WAR.count(_OUTCOMES[what], group, None if so_far else Period(day, day))
    named = row.must("claim_source")
    source = SOURCES.get(named) or Source(named)
    yield Claim(quantity, _value(row), source, reported=day, as_of=day if so_far else None)


def _value(row: Row) -> Value:
    count = row.need("loss_count", to_count)
    flags = {name: _flag(row, name) for name in ("minimum", "maximum")}
    if all(flags.values()):
        raise Fault("minimum", "the number is both a minimum and a maximum")
    return AtLeast(count) if flags["minimum"] else AtMost(count) if flags["maximum"] else Exactly(count)


def _flag(row: Row, name: str) -> bool:
    said = str(row.need(name, str)).strip().casefold().removesuffix(".0")
    if said not in _FLAGS:
        raise Fault(name, f"got {said!r}; allowed: 0, 1")
    return _FLAGS[said]
