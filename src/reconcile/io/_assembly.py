# SPDX-License-Identifier: MIT
"""Rows whose cells were read one by one, into claims that can stand together in a corpus."""

from __future__ import annotations

import datetime
import heapq
import itertools
import operator
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from reconcile.claims import CITED
from reconcile.columns import NONE, Codes, Columns, number
from reconcile.io._building import build, quoted_source
from reconcile.io._draft import Draft, Fault, Records, Row
from reconcile.plumbing import day_of

__all__ = ["assemble"]

MOST_NESTED = 20  # events within events; deeper chains are slips, and would cost every comparison of events

_OF_SOURCE = ("source_kind", "sides", "opposes")
_OF_EVENT = ("event_kind", "place", "start", "end", "perpetrators", "part_of")
_WIDER = {"start": operator.lt, "end": operator.gt}  # where days of an event are told in two ways, the widest count
_LINKS = {"quoted_from": "relays", "revises": "revises"}
_TOO_DEEP = f"events may be nested at most {MOST_NESTED} deep"

_CONTENT = (
    *("event", "outcome", "group", "period", "value", "source", "reported", "as_of", "quoted_from", "revises"),
    *("hedged", *CITED),
)
_HASH = re.compile("c[0-9a-f]{16}")  # what an id looks like that is made of the content


def assemble(draft: Draft) -> tuple[Columns, Codes]:
    """Turn rows into claims that stand together; rows that cannot stand beside the others get a fault.

    Parameters
    ----------
    draft : Draft
        Its cells read one by one; faults are added to it.

    Returns
    -------
    tuple of (Columns, ndarray of int32)
        The distinct claims, and which of them each row without fault makes.
    """
    _reject_reused_ids(draft)
    while True:
        # A row found at fault may have held up others, so go round until nobody falls; three rounds at most.
        fallen = len(draft.faults)
        draft.doubts = {(row, column): why for (row, column), why in draft.doubts.items() if column not in _WIDER}
        _reject_dangling(draft)
        sources = _merge(draft, "source", _OF_SOURCE, _check_source)
        events = _merge(draft, "event", _OF_EVENT, _check_event)
        _reject_deeply_nested(draft, events)
        if len(draft.faults) == fallen:
            columns, rows = build(draft, sources, events)
            if _know_apart(draft, columns, rows):
                return columns, rows


def _reject_reused_ids(draft: Draft) -> None:
    ids = draft.column("id")
    rows = draft.standing(ids != NONE)
    rows = rows[np.bincount(ids[rows])[ids[rows]] > 1] if len(rows) else rows
    contents, _ = number(*(draft.column(column)[rows] for column in _CONTENT))
    _, first, same = np.unique(ids[rows], return_index=True, return_inverse=True)
    for at in np.flatnonzero(contents != contents[first][same]):
        line = draft.line(rows[first[same[at]]])
        draft.reject(rows[at], "id", f"line {line} has the id {draft.get(rows[at], 'id')!r} with another content")


def _reject_dangling(draft: Draft) -> None:
    linked = np.zeros(len(draft.lines), dtype=bool)
    targets: set[str] = set()
    for column in _LINKS:
        rows = draft.standing(draft.column(column) != NONE)
        linked[rows] = True
        targets.update(draft.used(column, rows)[0])
    if targets:
        ids = [code for code, name in enumerate(draft.things.get("id", ())) if name in targets]
        linked |= np.isin(draft.column("id"), ids)
        columns = ("id", *_LINKS, "event", "outcome", "group", "period")
        rows_found = [Row.of(draft, at, columns) for at in np.flatnonzero(linked).tolist()]
        _reject_broken_links(rows_found)
        for row in rows_found:
            if row.fault:
                draft.reject(row.at, *row.fault)


def _reject_broken_links(rows: list[Row]) -> None:
    """Reject rows that relay or revise what is not there, is rejected, counts something else, or leads back to them."""
    standing: dict[str, Row] = {}
    fallen: dict[str, Row] = {}
    for row in rows:
        if "id" in row.cells:
            (fallen if row.fault else standing).setdefault(row.cells["id"], row)
    followers: dict[str, list[tuple[Row, str]]] = {}
    lost = []
    for column, verb in _LINKS.items():
        circular = _find_circular(standing, column)
        also = ", or source: and the name of a source" if column == "quoted_from" else ""
        for row in rows:
            target = row.cells.get(column)
            if row.fault or target is None:
                continue
            if target not in standing:
                if also and quoted_source(target):
                    continue
                missing = f"no row has the id {target!r}; allowed: the id of a row{also}"
                row.reject(column, _blame(verb, fallen[target]) if target in fallen else missing)
                lost.append(row)
            elif row.cells.get("id") in circular:
                row.reject(column, f"{verb} {target!r}, which comes back to this row in a circle")
                lost.append(row)
            elif column == "quoted_from" and _counted(row) != _counted(standing[target]):
                other = standing[target].line
                row.reject(column, f"relays {target!r}, but line {other} has another event, outcome, group or period")
                lost.append(row)
            else:
                followers.setdefault(target, []).append((row, column))
    while lost:
        cause = lost.pop()
        for row, column in followers.get(cause.cells.get("id", ""), ()):
            if not row.fault:
                row.reject(column, _blame(_LINKS[column], cause))
                lost.append(row)


def _counted(row: Row) -> tuple[Any, ...]:
    return tuple(row.cells[column] for column in ("event", "outcome", "group", "period"))


def _blame(verb: str, cause: Row) -> str:
    return f"{verb} {cause.cells['id']!r}, which was rejected on line {cause.line}"


def _find_circular(rows: Mapping[str, Row], column: str) -> set[str]:
    """The ids of rows that can be reached from themselves by following `column`."""
    done: set[str] = set()
    circular: set[str] = set()
    for first in rows:
        path: dict[str, int] = {}
        at = first
        while at in rows and at not in done and at not in path:
            path[at] = len(path)
            at = rows[at].cells.get(column, "")
        if at in path:
            circular.update(list(path)[path[at] :])
        done.update(path)
    return circular


def _tell(draft: Draft, key: str, columns: Sequence[str]) -> Iterator[Row]:
    """Give the rows that say something new of a source or event, in order; after one with a fault, all its likes."""
    said = draft.standing(np.logical_or.reduce([draft.column(column) != NONE for column in columns]))
    codes, _ = number(draft.column(key)[said], *(draft.column(column)[said] for column in columns))
    same = said[np.argsort(codes, kind="stable")].tolist()
    counts = np.bincount(codes).tolist()
    spans = ((end - count, end) for count, end in zip(counts, itertools.accumulate(counts), strict=True))
    queue = [(same[start], start, end) for start, end in spans]
    heapq.heapify(queue)
    while queue:
        at, place, end = heapq.heappop(queue)
        row = Row.of(draft, at, (key, *columns))
        yield row
        if row.fault:
            draft.reject(at, *row.fault)
            if place + 1 < end:
                heapq.heappush(queue, (same[place + 1], place + 1, end))


def _merge(draft: Draft, key: str, columns: tuple[str, ...], check: Callable[[str, Records], Fault | None]) -> Records:
    """What the rows together say of each source or event; a row that contradicts an earlier one gets a fault.

    One with other days of an event gets a doubt: of several starts the earliest counts, of several ends the latest.
    """
    known: Records = {}
    lines: dict[tuple[str, str], int] = {}
    for row in _tell(draft, key, columns):
        name = row.cells[key]
        record = known.setdefault(name, {})
        given = {column: row.cells[column] for column in columns if column in row.cells}
        days = {column: given.pop(column) for column in _WIDER if column in given and column in record}
        other = next((column for column in given if record.get(column, given[column]) != given[column]), None)
        if other is not None:
            row.reject(other, f"line {lines[name, other]} says {_say(record[other])} of the {key} {name!r}")
            continue
        wider = {column: day for column, day in days.items() if _WIDER[column](_order(day), _order(record[column]))}
        for column, day in days.items():
            if not _agree(record[column], day):
                kept = wider.get(column, record[column])
                says = f"is {day} for the event {name!r}, and {record[column]} on line {lines[name, column]}"
                draft.doubts[row.at, column] = f"{says}; {kept} was taken"
        given |= wider
        if not wider and given.keys() <= record.keys():
            continue
        known[name] = {**record, **given}
        fault = check(name, known)
        if fault:
            known[name] = record
            row.reject(*fault)
            continue
        lines |= {(name, column): row.line for column in given if column in wider or (name, column) not in lines}
    return known


def _order(moment: datetime.date) -> tuple[datetime.date, bool, str]:
    """Sort moments by day; within one, what says more goes first."""
    return day_of(moment), not isinstance(moment, datetime.datetime), moment.isoformat()


def _agree(one: datetime.date, other: datetime.date) -> bool:
    """Whether two moments may be one: a day and a time within it may."""
    return one == other or (type(one) is not type(other) and day_of(one) == day_of(other))


def _say(cell: Any) -> str:
    return repr("|".join(sorted(cell)) if isinstance(cell, frozenset) else str(cell))


def _check_source(name: str, known: Records) -> Fault | None:
    both = known[name].get("sides", frozenset()) & known[name].get("opposes", frozenset())
    return ("opposes", f"{_say(both)} is among the sides of {name!r}") if both else None


def _check_event(name: str, known: Records) -> Fault | None:
    start, end = known[name].get("start"), known[name].get("end")
    if start and end and end < day_of(start):
        return "end", f"the event {name!r} would end on {end}, before its start on {start}"
    wholes = _find_wholes(name, known)
    if name in wholes:
        return "part_of", f"the event {name!r} would be part of itself"
    return ("part_of", _TOO_DEEP) if len(wholes) > MOST_NESTED else None


def _find_wholes(name: str, known: Records) -> list[str]:
    wholes: list[str] = []
    at = known.get(name, {}).get("part_of")
    while at is not None and len(wholes) <= MOST_NESTED and (not wholes or wholes[-1] != name):
        wholes.append(at)
        at = known.get(at, {}).get("part_of")
    return wholes


def _reject_deeply_nested(draft: Draft, events: Records) -> None:
    # Chains told from the smallest event up grow at the far end, where no single row shows how deep they are.
    deep = {name for name in events if len(_find_wholes(name, events)) > MOST_NESTED}
    if deep:
        codes = [code for code, name in enumerate(draft.things["event"]) if name in deep]
        for row in draft.standing(np.isin(draft.column("event"), codes)):
            draft.reject(row, "part_of", _TOO_DEEP)


def _know_apart(draft: Draft, columns: Columns, rows: Codes) -> bool:
    """Whether no id is the hash of another claim; if one is, reject the later, or join the two if they are alike."""
    hashes = {name: row for row, name in enumerate(columns.ids) if name is not None and _HASH.fullmatch(name)}
    if not hashes:
        return True
    standing = draft.standing()
    apart = True
    for row in [row for row, name in enumerate(columns.ids) if name is None]:
        claim = columns.claim(row)
        if claim.id in hashes:
            apart = False
            other = hashes[claim.id]
            mine, theirs = (standing[rows == one] for one in (row, other))
            if claim == columns.claim(other):
                draft.codes["id"][mine] = draft.codes["id"][theirs[0]]
                continue
            first, second = (mine, theirs) if mine[0] < theirs[0] else (theirs, mine)
            for one in second:
                draft.reject(one, "id", f"the claim on line {draft.line(first[0])} has the id {claim.id!r}")
    return apart
