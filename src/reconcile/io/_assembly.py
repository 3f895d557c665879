# SPDX-License-Identifier: MIT
"""Rows that were read one by one, into claims that can stand together in a corpus."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import attrs

from reconcile.claims import Claim
from reconcile.errors import InvalidValue
from reconcile.io._rows import RawRow, clean
from reconcile.vocabulary import Event, Quantity, Source

__all__ = ["Row", "assemble", "explain"]

MOST_NESTED = 20  # events within events; deeper chains are slips, and would cost every comparison of events

_OF_SOURCE = {"source_kind": "kind", "sides": "sides", "opposes": "opposes"}
_OF_EVENT = ("place", "start", "end", "perpetrators", "part_of")
_OF_CLAIM = ("reported", "as_of", "revises", "hedged", "id")
_LINKS = {"quoted_from": "relays", "revises": "revises"}
_TOO_DEEP = f"events may be nested at most {MOST_NESTED} deep"

_Fault = tuple[str | None, str]
_Records = dict[str, dict[str, Any]]


@attrs.define(eq=False)
class Row:
    """A row on its way to a claim, or, once it has a fault, to the rejected rows."""

    raw: RawRow
    cells: dict[str, Any] = attrs.field(factory=dict)
    fault: _Fault | None = None

    @property
    def line(self) -> int:
        """The line of the file that the row starts on."""
        return self.raw.line

    def reject(self, column: str | None, reason: str) -> None:
        """Note why the row cannot become a claim; the first reason counts."""
        self.fault = self.fault or (column, " ".join(clean(reason).split()))


def explain(error: Exception) -> str:
    """Say to the writer of a table, who never saw a class name, why a cell was refused."""
    if isinstance(error, InvalidValue):
        shown = clean(repr(error.given))
        return f"got {shown if len(shown) <= 100 else shown[:100] + '...'}; allowed: {error.allowed}"
    return str(error)


def assemble(rows: list[Row]) -> list[Claim]:
    """Turn rows into claims that stand together; rows that cannot stand beside the others get a fault.

    Parameters
    ----------
    rows : list of Row
        Their cells read one by one; faults are added to them.

    Returns
    -------
    list of Claim
        One for each row without fault.
    """
    _reject_reused_ids(rows)
    while True:
        # A row found at fault may have held up others, so go round until nobody falls; three rounds at most.
        standing = [row for row in rows if not row.fault]
        _reject_dangling(rows)
        sources = _merge(standing, "source", tuple(_OF_SOURCE), _check_source)
        events = _merge(standing, "event", _OF_EVENT, _check_event)
        _reject_deeply_nested(standing, events)
        if not any(row.fault for row in standing):
            claims = _build(standing, sources, events)
            if not any(row.fault for row in standing):
                return claims


def _reject_reused_ids(rows: list[Row]) -> None:
    shared = {*_OF_SOURCE, *_OF_EVENT}  # may be blank in one of two equal rows
    first: dict[str, Row] = {}
    for row in rows:
        if row.fault or "id" not in row.cells:
            continue
        other = first.setdefault(row.cells["id"], row)
        mine, theirs = ({k: v for k, v in one.cells.items() if k not in shared} for one in (row, other))
        if mine != theirs:
            row.reject("id", f"line {other.line} has the id {row.cells['id']!r} with another content")


def _reject_dangling(rows: list[Row]) -> None:
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
                if also and _quoted_source(target):
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


def _quoted_source(target: str) -> str | None:
    prefix, _, name = target.partition(":")
    return name.strip() or None if prefix.strip().casefold() == "source" else None


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


def _merge(
    rows: list[Row], key: str, columns: tuple[str, ...], check: Callable[[str, _Records], _Fault | None]
) -> _Records:
    """What the rows together say of each source or event; a row that contradicts an earlier one gets a fault."""
    known: _Records = {}
    lines: dict[tuple[str, str], int] = {}
    for row in rows:
        if row.fault:
            continue
        name = row.cells[key]
        record = known.setdefault(name, {})
        given = {column: row.cells[column] for column in columns if column in row.cells}
        other = next((column for column in given if record.get(column, given[column]) != given[column]), None)
        if other is not None:
            row.reject(other, f"line {lines[name, other]} says {_say(record[other])} of the {key} {name!r}")
            continue
        if given.keys() <= record.keys():
            continue
        known[name] = {**record, **given}
        fault = check(name, known)
        if fault:
            known[name] = record
            row.reject(*fault)
            continue
        for column in given:
            lines.setdefault((name, column), row.line)
    return known


def _say(cell: Any) -> str:
    return repr("|".join(sorted(cell)) if isinstance(cell, frozenset) else str(cell))


def _check_source(name: str, known: _Records) -> _Fault | None:
    both = known[name].get("sides", frozenset()) & known[name].get("opposes", frozenset())
    return ("opposes", f"{_say(both)} is among the sides of {name!r}") if both else None


def _check_event(name: str, known: _Records) -> _Fault | None:
    start, end = known[name].get("start"), known[name].get("end")
    if start and end and end < start:
        return "end", f"the event {name!r} would end on {end}, before its start on {start}"
    wholes = _find_wholes(name, known)
    if name in wholes:
        return "part_of", f"the event {name!r} would be part of itself"
    return ("part_of", _TOO_DEEP) if len(wholes) > MOST_NESTED else None


def _find_wholes(name: str, known: _Records) -> list[str]:
    wholes: list[str] = []
    at = known.get(name, {}).get("part_of")
    while at is not None and len(wholes) <= MOST_NESTED and (not wholes or wholes[-1] != name):
        wholes.append(at)
        at = known.get(at, {}).get("part_of")
    return wholes


def _reject_deeply_nested(rows: list[Row], events: _Records) -> None:
    # Chains told from the smallest event up grow at the far end, where no single row shows how deep they are.
    depths = {name: len(_find_wholes(name, events)) for name in events}
    for row in rows:
        if not row.fault and depths[row.cells["event"]] > MOST_NESTED:
            row.reject("part_of", _TOO_DEEP)


def _build(rows: list[Row], sources: _Records, events: _Records) -> list[Claim]:
    built: dict[str, Event] = {}
    known = {name: _make_source(name, sources) for name in sources}
    given = {row.cells.get("id") for row in rows}
    ids: dict[str, tuple[Claim, int]] = {}
    claims = []
    for row in rows:
        cells = row.cells
        origin = cells.get("quoted_from")
        quoted = None if origin is None or origin in given else _quoted_source(origin)
        if quoted is not None:
            origin = known.get(quoted) or _make_source(quoted, sources)
        event = _make_event(cells["event"], events, built)
        named = {column: cells[column] for column in _OF_CLAIM if column in cells}
        try:
            quantity = Quantity(event, cells["outcome"], cells["group"], cells["period"])
            claim = Claim(
                quantity,
                cells["value"],
                known[cells["source"]],
                quoted_from=origin,
                citation=cells["citation"],
                **named,
            )
        except InvalidValue as error:
            row.reject(None, explain(error))
            continue
        other, line = ids.setdefault(claim.id, (claim, row.line))
        if other != claim:
            row.reject("id", f"the claim on line {line} has the id {claim.id!r}")
            continue
        claims.append(claim)
    return claims


def _make_source(name: str, sources: _Records) -> Source:
    return Source(name, **{_OF_SOURCE[column]: cell for column, cell in sources.get(name, {}).items()})


def _make_event(name: str, events: _Records, built: dict[str, Event]) -> Event:
    if name not in built:
        record = dict(events.get(name, {}))
        whole = record.pop("part_of", None)
        built[name] = Event(name, part_of=None if whole is None else _make_event(whole, events, built), **record)
    return built[name]
