# SPDX-License-Identifier: MIT
"""Claims as columns: codes and arrays, from which a claim is made only when somebody asks for it."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeAlias

import attrs
import numpy as np
from numpy.typing import NDArray

from reconcile.values import Value
from reconcile.vocabulary import Event, EventKind, Group, Outcome, Period, Quantity, Source

__all__ = ["KINDS", "Codes", "Columns", "EventTable", "Moments", "QuantityTable", "TextTable", "number", "rank"]

Codes: TypeAlias = NDArray[np.int32]

KINDS = tuple(EventKind)  # what the codes of kinds of event stand for
_CODES = {kind: code for code, kind in enumerate(KINDS)}

NONE = -1  # the code of what is not there
LOST = -2  # of a claim that is linked to and is not here

MISSING, CALENDAR, LOCAL, WORLD = range(4)  # the clocks that a moment may be read on

_DAY = 86_400_000_000  # microseconds
_MICROSECOND = datetime.timedelta(microseconds=1)
_UNKNOWN = (MISSING, 0, 0)


def rank(things: Iterable[Any], key: Callable[[Any], Any]) -> tuple[tuple[Any, ...], Codes]:
    """Number distinct things in an order that does not depend on theirs.

    Parameters
    ----------
    things : iterable of hashable things
        With repeats.
    key : callable
        What to sort by.

    Returns
    -------
    tuple of (distinct, codes)
        The distinct things, sorted, and the place there of each thing given, shape (things,).

    Examples
    --------
    >>> distinct, codes = rank(["b", "a", "b"], key=str)
    >>> distinct, codes.tolist()
    (('a', 'b'), [1, 0, 1])
    """
    seen: dict[Any, int] = {}
    codes = np.fromiter((seen.setdefault(thing, len(seen)) for thing in things), dtype=np.int32)
    found = list(seen)
    order = sorted(range(len(found)), key=lambda at: key(found[at]))
    places = np.empty(len(found), dtype=np.int32)
    places[order] = np.arange(len(found), dtype=np.int32)
    return tuple(found[at] for at in order), places[codes]


def number(*keys: NDArray[Any]) -> tuple[Codes, NDArray[np.intp]]:
    """Number the distinct rows of several columns, in the order of the first column, then the second, and so on.

    Parameters
    ----------
    *keys : ndarray, each of shape (n,)

    Returns
    -------
    tuple of (codes, first)
        The number of each row, shape (n,), and the first row of each number, shape (distinct,).

    Examples
    --------
    >>> codes, first = number(np.array([2, 1, 2]), np.array([0, 5, 0]))
    >>> codes.tolist(), first.tolist()
    ([1, 0, 1], [1, 0])
    """
    size = len(keys[0])
    telling = [key for key in keys if size and (key[0] != key).any()]
    order = np.lexsort(telling[::-1]) if telling else np.arange(size)
    new = np.zeros(size, dtype=bool)
    new[:1] = True
    for key in telling:
        inside = key[order]
        new[1:] |= inside[1:] != inside[:-1]
    codes = np.empty(size, dtype=np.int32)
    codes[order] = np.cumsum(new) - 1
    return codes, order[new]


@attrs.frozen(eq=False)
class Moments:
    """Days and moments, some of them missing.

    Attributes
    ----------
    clock : ndarray of int8, shape (n,)
        0 missing, 1 a day of the calendar, 2 a moment of a local clock, 3 one of the world's.
    at : ndarray of int64, shape (n,)
        Microseconds on that clock since the year 1 began; of the world's clock, in UTC.
    offset : ndarray of int64, shape (n,)
        Microseconds that the zone of a moment of the world's is ahead of UTC.

    Examples
    --------
    >>> moments = Moments.of([datetime.date(2020, 2, 10), None])
    >>> moments[0], moments[1]
    (datetime.date(2020, 2, 10), None)
    """

    clock: NDArray[np.int8]
    at: NDArray[np.int64]
    offset: NDArray[np.int64]

    @classmethod
    def of(cls, moments: Iterable[datetime.date | None]) -> Moments:
        """Take moments apart."""
        moments = tuple(moments)
        if set(map(type, moments)) <= {datetime.date, type(None)}:
            day = np.array([one.toordinal() if one else 0 for one in moments], dtype=np.int64)
            at = np.where(day > 0, day - 1, 0) * _DAY
            return cls((day > 0).astype(np.int8), at, np.zeros_like(at))
        clock, at, offset = np.array([_take_apart(one) for one in moments], dtype=np.int64).reshape(-1, 3).T
        return cls(clock.astype(np.int8), at.copy(), offset.copy())

    @property
    def keys(self) -> tuple[NDArray[Any], ...]:
        """Columns that tell moments apart, and sort them."""
        return self.clock, self.at, self.offset

    @property
    def day(self) -> NDArray[np.int64]:
        """The day on the calendar of who said it, counted from the year 1; shape (n,)."""
        return (self.at + self.offset) // _DAY

    def take(self, rows: NDArray[Any]) -> Moments:
        """Give the moments at some rows."""
        return Moments(self.clock[rows], self.at[rows], self.offset[rows])

    def later(self, other: Moments) -> NDArray[np.bool_]:
        """Whether each is surely later than the one beside it (or than the only one) in `other`; shape (n,).

        A day and a time within it have no order, and neither has what is missing.
        """
        known = (self.clock != MISSING) & (other.clock != MISSING)
        found: NDArray[np.bool_] = known & np.where(self.clock == other.clock, self.at > other.at, self.day > other.day)
        return found

    def __len__(self) -> int:
        return len(self.clock)

    def __getitem__(self, row: int) -> datetime.date | None:
        clock, at, offset = self.clock[row], int(self.at[row]), int(self.offset[row])
        if clock == MISSING:
            return None
        if clock == CALENDAR:
            return datetime.date.fromordinal(at // _DAY + 1)
        zone = datetime.timezone(offset * _MICROSECOND) if clock == WORLD else None
        return (datetime.datetime.min + (at + offset) * _MICROSECOND).replace(tzinfo=zone)  # noqa: DTZ901 - as above


def _take_apart(moment: datetime.date | None) -> tuple[int, int, int]:
    if moment is None:
        return _UNKNOWN
    if not isinstance(moment, datetime.datetime):
        return CALENDAR, (moment.toordinal() - 1) * _DAY, 0
    ahead = moment.utcoffset()
    # Taken off and added by hand: the world's clock may read the year 0, which Python has no date for.
    at = (moment.replace(tzinfo=None) - datetime.datetime.min) // _MICROSECOND  # noqa: DTZ901 - the zone is taken off
    offset = 0 if ahead is None else ahead // _MICROSECOND
    return LOCAL if ahead is None else WORLD, at - offset, offset


@attrs.frozen(eq=False)
class EventTable:
    """Events, by id; those that others are part of among them.

    Attributes
    ----------
    ids, place : ndarray of object, shape (E,)
        Texts; a place may be None.
    kind : ndarray of int32, shape (E,)
        Codes into `KINDS`.
    start : Moments
        Days or moments.
    end : ndarray of int32, shape (E,)
        Ordinals of days; 0 where there is none.
    whole : ndarray of int32, shape (E,)
        The event that each is part of, or -1.
    perpetrators : ndarray of int32, shape (E,)
        Codes into `parties`.
    parties : tuple of frozenset of str
    """

    ids: NDArray[np.object_]
    place: NDArray[np.object_]
    kind: Codes
    start: Moments
    end: Codes
    whole: Codes
    perpetrators: Codes
    parties: tuple[frozenset[str], ...]

    @classmethod
    def of(cls, records: Mapping[str, Mapping[str, Any]]) -> EventTable:
        """Tabulate events.

        Parameters
        ----------
        records : mapping of id to mapping
            What is said of each: `kind`, `place`, `start`, `end`, `perpetrators` and `part_of`, the id of an event that
            has a record too.
        """
        ids = sorted(records)
        told = [records[name] for name in ids]
        code = {name: at for at, name in enumerate(ids)} if any(one.get("part_of") for one in told) else {}
        parties, perpetrators = rank((one.get("perpetrators") or frozenset() for one in told), key=sorted)
        kind = np.array([_CODES[one.get("kind", EventKind.OTHER)] for one in told], dtype=np.int32)
        start = Moments.of([one.get("start") for one in told])
        end = np.array([day.toordinal() if (day := one.get("end")) else 0 for one in told], dtype=np.int32)
        whole = np.array([code.get(one.get("part_of"), NONE) for one in told], dtype=np.int32)  # type: ignore[arg-type]
        place = np.array([one.get("place") for one in told], dtype=object)
        return cls(np.array(ids, dtype=object), place, kind, start, end, whole, perpetrators, parties)

    def __len__(self) -> int:
        return len(self.ids)

    def __getitem__(self, event: int) -> Event:
        end, whole = int(self.end[event]), int(self.whole[event])
        return Event(
            self.ids[event],
            kind=KINDS[self.kind[event]],
            place=self.place[event],
            start=self.start[event],
            end=datetime.date.fromordinal(end) if end else None,
            perpetrators=self.parties[self.perpetrators[event]],
            part_of=None if whole == NONE else self[whole],
        )


@attrs.frozen(eq=False)
class QuantityTable:
    """Quantities, by event, outcome, group and period.

    Attributes
    ----------
    event, outcome, group, period : ndarray of int32, shape (q,)
        Codes into what follows.
    events : EventTable
    outcomes : tuple of Outcome
    groups : tuple of Group
    periods : tuple of (Period or None)
    """

    event: Codes
    outcome: Codes
    group: Codes
    period: Codes
    events: EventTable
    outcomes: tuple[Outcome, ...]
    groups: tuple[Group, ...]
    periods: tuple[Period | None, ...]
    _made: dict[int, Quantity] = attrs.field(factory=dict, repr=False)

    @classmethod
    def of(
        cls,
        records: Mapping[str, Mapping[str, Any]],
        events: Sequence[str],
        outcomes: Sequence[Outcome],
        groups: Sequence[Group],
        periods: Sequence[Period | None],
        codes: Sequence[NDArray[Any]],
    ) -> tuple[QuantityTable, Codes]:
        """Tabulate quantities.

        Parameters
        ----------
        records : mapping of id to mapping
            Of every event, as `EventTable.of` takes them.
        events, outcomes, groups, periods : sequence
            What the codes stand for, in any order.
        codes : sequence of four ndarrays of int, each of shape (n,)
            The event, outcome, group and period of each row.

        Returns
        -------
        tuple of (QuantityTable, ndarray of int32)
            The table of distinct quantities, and the quantity of each row, shape (n,).
        """
        table = EventTable.of(records)
        event = np.searchsorted(table.ids, np.array(events, dtype=object)).astype(np.int32)
        kinds, outcome = rank(outcomes, key=lambda one: (one.name, repr(one)))
        people, group = rank(groups, key=repr)
        days, period = rank(periods, key=lambda one: (one is not None, one and (one.start, one.end)))
        columns = [ranked[code] for ranked, code in zip((event, outcome, group, period), codes, strict=True)]
        found, first = number(*columns)
        event, outcome, group, period = (column[first] for column in columns)
        return cls(event, outcome, group, period, table, kinds, people, days), found

    @classmethod
    def of_quantities(cls, quantities: Sequence[Quantity]) -> tuple[QuantityTable, Codes]:
        """Take quantities apart, with repeats; give the table and the quantity of each."""
        codes: dict[Quantity, int] = {}
        given = np.array([codes.setdefault(one, len(codes)) for one in quantities], dtype=np.int64)
        distinct = list(codes)
        events: dict[str, Event] = {}
        for one in distinct:
            if one.event.id not in events:
                events |= {event.id: event for event in (one.event, *one.event.wholes)}
        records = {name: _describe(event) for name, event in events.items()}
        each = np.arange(len(distinct))
        table, place = cls.of(
            records,
            [one.event.id for one in distinct],
            [one.outcome for one in distinct],
            [one.group for one in distinct],
            [one.period for one in distinct],
            [each] * 4,
        )
        made = dict(zip(place.tolist(), distinct, strict=True))
        return attrs.evolve(table, made=made), place[given]

    def __len__(self) -> int:
        return len(self.event)

    def __getitem__(self, quantity: int) -> Quantity:
        if quantity not in self._made:
            self._made[quantity] = Quantity(
                self.events[int(self.event[quantity])],
                self.outcomes[self.outcome[quantity]],
                self.groups[self.group[quantity]],
                self.periods[self.period[quantity]],
            )
        return self._made[quantity]


def _describe(event: Event) -> dict[str, Any]:
    record = {name: getattr(event, name) for name in ("kind", "place", "start", "end", "perpetrators")}
    return {**record, "part_of": event.part_of and event.part_of.id}


@attrs.frozen(eq=False)
class TextTable:
    """Rows of texts, each distinct row and each distinct text once.

    Attributes
    ----------
    texts : tuple of str
    codes : ndarray of int32, shape (rows, k)
        -1 where there is no text.
    """

    texts: tuple[str, ...]
    codes: Codes

    @classmethod
    def of(cls, texts: Sequence[str], columns: Sequence[Codes]) -> tuple[TextTable, Codes]:
        """Tabulate columns of codes into `texts`; give the table and the row there of each, -1 for one of no texts."""
        distinct, ranked = rank(texts, key=str)
        if not distinct:
            return cls((), np.zeros((0, len(columns)), dtype=np.int32)), np.full(len(columns[0]), NONE, dtype=np.int32)
        columns = [np.append(ranked, np.int32(NONE))[codes] for codes in columns]  # so that -1 stays -1
        found, first = number(*columns)
        rows = np.column_stack([codes[first] for codes in columns])
        bare = int((rows[:1] == NONE).all())  # sorts before all others
        return cls(distinct, rows[bare:]), found - np.int32(bare)

    def __len__(self) -> int:
        return len(self.codes)

    def __getitem__(self, row: int) -> tuple[str | None, ...]:
        return tuple(None if code == NONE else self.texts[code] for code in self.codes[row])


@attrs.frozen(eq=False)
class Columns:
    """The distinct claims of a corpus, each once, in an order that is the same however they were given.

    Claims that were given as objects are in the order of their ids. Those read from a table have no ids until these
    are asked for, and are in the order of `quantity`, `source`, `value`, `reported`, `as_of` and the rest.

    Attributes
    ----------
    sources : tuple of Source
        Who claims or is quoted, by name.
    values : tuple of Value
        In the order of their ``repr``.
    quantities : QuantityTable
    source, value, quantity : ndarray of int32, shape (n,)
        Codes into these.
    hedged : ndarray of bool, shape (n,)
    reported, as_of : Moments
    origin : ndarray of int32, shape (n,)
        The source that is quoted, or -1.
    quoted, revises : ndarray of int32, shape (n,)
        The row of the claim that is relayed or revised; -1 for none, -2 for one that is not here.
    lost : mapping of (row, "quoted_from" or "revises") to str
        The ids of the claims that are not here.
    citations : TextTable
        Url, publisher, title and quote.
    citation : ndarray of int32, shape (n,)
        Codes into `citations`; -1 for none.
    ids : ndarray of object, shape (n,)
        The ids that were given; None where the id is the hash of the content, made when a claim is.

    Examples
    --------
    >>> from reconcile.claims import Claim, Corpus
    >>> from reconcile.values import Exactly
    >>> said = [Claim(Event("market").killed(), Exactly(3), Source(name)) for name in ("monitor", "ministry")]
    >>> columns = Corpus(said).columns
    >>> [columns.sources[code].name for code in columns.source] == [claim.source.name for claim in Corpus(said).ordered]
    True
    """

    sources: tuple[Source, ...]
    values: tuple[Value, ...]
    quantities: QuantityTable
    source: Codes
    value: Codes
    quantity: Codes
    hedged: NDArray[np.bool_]
    reported: Moments
    as_of: Moments
    origin: Codes
    quoted: Codes
    revises: Codes
    lost: Mapping[tuple[int, str], str]
    citations: TextTable
    citation: Codes
    ids: NDArray[np.object_]
    _make: Callable[[Columns, int], Any] = attrs.field(repr=False)

    def __len__(self) -> int:
        return len(self.source)

    def claim(self, row: int) -> Any:
        """Make the claim of a row."""
        return self._make(self, row)

    def id(self, row: int) -> str:
        """Give the id of a row."""
        given = self.ids[row]
        return str(self.claim(row).id if given is None else given)
