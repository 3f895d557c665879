# SPDX-License-Identifier: MIT
"""Who speaks, and what is counted: sources, events, outcomes, groups, periods and quantities.

A quantity is event x outcome x group (x period): the thing counted.
"""

from __future__ import annotations

import datetime
import enum
import functools
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import attrs

from reconcile.errors import InvalidValue
from reconcile.groups import EVERYONE, Group
from reconcile.plumbing import LEFT_OUT_IF_DEFAULT, check, clean_name, clean_names, day_of, rebuilding_repr, to_moment

__all__ = [
    "CAPTURED",
    "CASUALTIES",
    "DISPLACED",
    "EVERYONE",
    "INJURED",
    "KILLED",
    "MISSING",
    "Event",
    "EventKind",
    "Group",
    "Outcome",
    "Period",
    "Quantity",
    "Relation",
    "Source",
    "SourceKind",
    "relate",
]


class SourceKind(enum.StrEnum):
    """What kind of body a source is."""

    GOVERNMENT = "government"
    ARMED_GROUP = "armed group"
    MONITOR = "monitor"
    NGO = "NGO"
    INTERGOVERNMENTAL = "intergovernmental"
    MEDIA = "media"
    WITNESS = "witness"
    OFFICIAL_RECORD = "official record"
    COMPILER = "compiler"
    UNKNOWN = "unknown"


class EventKind(enum.StrEnum):
    """What happened: how long the dead of an event are still being counted depends on it."""

    ATTACK = "attack"
    CRASH = "crash"
    ACCIDENT = "accident"
    FIRE = "fire"
    ENTRAPMENT = "entrapment"
    EARTHQUAKE = "earthquake"
    SHIP = "ship"
    FLOOD = "flood"
    STORM = "storm"
    UNREST = "unrest"
    ERUPTION = "eruption"
    BATTLE = "battle"
    OTHER = "other"


_Kind = TypeVar("_Kind", SourceKind, EventKind)


def _to_kind(what: str, kinds: type[_Kind]) -> Callable[[Any], _Kind]:
    known = {kind.value.casefold(): kind for kind in kinds}

    def convert(given: Any) -> _Kind:
        if isinstance(given, str):
            found = known.get(" ".join(given.replace("_", " ").split()).casefold())
            if found is not None:
                return found
        raise InvalidValue(what, given, ", ".join(kind.value for kind in kinds))

    return convert


@attrs.frozen(repr=False, cache_hash=True)
class Source:
    """Who asserts a claim.

    Parameters
    ----------
    name : str
        Sources are told apart by name.
    kind : SourceKind or str, keyword
        One of the ten `SourceKind`; default unknown.
    sides : str or set of str, keyword
        Parties the source belongs to or speaks for.
    opposes : str or set of str, keyword
        Parties it fights or campaigns against.

    Raises
    ------
    InvalidValue
        If a field is not of the form above, or a party is on both lists.

    Examples
    --------
    >>> Source("Turkish defence ministry", kind="government", sides={"Turkey"})
    Source('Turkish defence ministry', kind='government', sides={'Turkey'})
    """

    name: str = attrs.field(converter=clean_name("Source.name"))
    kind: SourceKind = attrs.field(
        default=SourceKind.UNKNOWN, converter=_to_kind("Source.kind", SourceKind), kw_only=True
    )
    sides: frozenset[str] = attrs.field(default=frozenset(), converter=clean_names("Source.sides"), kw_only=True)
    opposes: frozenset[str] = attrs.field(default=frozenset(), converter=clean_names("Source.opposes"), kw_only=True)

    def __attrs_post_init__(self) -> None:
        both = self.sides & self.opposes
        check(not both, "Source.opposes", sorted(both), "parties that are not among Source.sides")

    def __repr__(self) -> str:
        parts = [repr(self.name)]
        if self.kind is not SourceKind.UNKNOWN:
            parts.append(f"kind={self.kind.value!r}")
        for label, names in (("sides", self.sides), ("opposes", self.opposes)):
            if names:
                parts.append(f"{label}={{{', '.join(map(repr, sorted(names)))}}}")
        return f"Source({', '.join(parts)})"

    def __str__(self) -> str:
        return self.name


_STANDARD_PARTS = {"casualties": frozenset({"killed", "injured"})}


@attrs.frozen(repr=False)
class Outcome:
    """What happened to the people counted.

    Parameters
    ----------
    name : str
        Such as "killed".
    parts : set of str, optional
        For an outcome that is by definition the sum of others, their names. Casualties are killed and injured where
        nothing is said; historians of the Civil War count
        ``Outcome("casualties", {"killed", "injured", "missing", "captured"})``.

    Examples
    --------
    >>> Outcome("casualties")
    Outcome('casualties', parts={'injured', 'killed'})
    """

    name: str = attrs.field(converter=clean_name("Outcome.name"))
    parts: frozenset[str] = attrs.field(default=frozenset(), converter=clean_names("Outcome.parts"))

    def __attrs_post_init__(self) -> None:
        if not self.parts and self.name in _STANDARD_PARTS:  # a sum without parts would have no link to what it sums
            object.__setattr__(self, "parts", _STANDARD_PARTS[self.name])
        check(self.name not in self.parts, "Outcome.parts", sorted(self.parts), "names other than the outcome's own")

    @property
    def elements(self) -> frozenset[str]:
        """The elementary outcomes that it covers: its parts, standard ones among them in their own parts, or itself."""
        if not self.parts:
            return frozenset({self.name})
        standard = {name: STANDARD_OUTCOMES[name].elements for name in self.parts & STANDARD_OUTCOMES.keys()}
        return frozenset().union(*(standard.get(name, {name}) for name in self.parts))

    __repr__ = rebuilding_repr

    def __str__(self) -> str:
        return self.name


KILLED = Outcome("killed")
INJURED = Outcome("injured")
MISSING = Outcome("missing")
CAPTURED = Outcome("captured")
DISPLACED = Outcome("displaced")
CASUALTIES = Outcome("casualties")

STANDARD_OUTCOMES: Mapping[str, Outcome] = {
    o.name: o for o in (KILLED, INJURED, MISSING, CAPTURED, DISPLACED, CASUALTIES)
}


def _to_outcome(given: Any) -> Outcome:
    if isinstance(given, Outcome):
        return given
    if isinstance(given, str) and given.strip():
        return STANDARD_OUTCOMES.get(given.strip(), Outcome(given))
    raise InvalidValue("Quantity.outcome", given, "an Outcome or its name")


@attrs.frozen(repr=False)
class Period:
    """Days from `start` to `end`, both counted in.

    Parameters
    ----------
    start, end : datetime.date or str
        ISO dates.

    Examples
    --------
    >>> print(Period("2020-02-01", "2020-02-10"))
    2020-02-01 to 2020-02-10
    """

    start: datetime.date = attrs.field(converter=to_moment("Period.start", time=False))
    end: datetime.date = attrs.field(converter=to_moment("Period.end", time=False))

    def __attrs_post_init__(self) -> None:
        for name in ("start", "end"):
            check(getattr(self, name) is not None, f"Period.{name}", None, "a date")
        check(self.start <= self.end, "Period.end", self.end, f"a day not before the start, {self.start}")

    __repr__ = rebuilding_repr

    def __str__(self) -> str:
        return f"{self.start}" if self.start == self.end else f"{self.start} to {self.end}"


@attrs.frozen(repr=False, cache_hash=True)
class Event:
    """Where and when people were harmed.

    Parameters
    ----------
    id : str
        Events are told apart by id.
    kind : EventKind or str, keyword
        One of the thirteen `EventKind`; default other. Where another is said, with a start and claims that have times,
        the toll is taken to rise: say it of events whose dead are still being counted.
    place : str, keyword, optional
    start : datetime.date, datetime.datetime or ISO text, keyword, optional
        First day, or the moment at which it began.
    end : datetime.date or ISO text, keyword, optional
        Last day; the time of a datetime is left out.
    perpetrators : str or set of str, keyword
        Parties said to be responsible.
    part_of : Event, keyword, optional
        The larger event that this one is part of; the counts of disjoint parts add up to at most the whole's.

    Raises
    ------
    InvalidValue
        If a field is not of the form above, or the end is before the day of the start.

    Examples
    --------
    >>> shelling = Event("taftanaz-2020-02-10", place="Taftanaz, Idlib", perpetrators={"Syria"})
    >>> print(shelling.killed(Group(party="Turkey", status="military")))
    killed (Turkey, military), taftanaz-2020-02-10
    >>> Event("collapse", kind="Entrapment", start="2022-04-29T12:24+08:00").kind
    <EventKind.ENTRAPMENT: 'entrapment'>
    """

    id: str = attrs.field(converter=clean_name("Event.id"))
    kind: EventKind = attrs.field(
        default=EventKind.OTHER,
        converter=_to_kind("Event.kind", EventKind),
        kw_only=True,
        metadata=LEFT_OUT_IF_DEFAULT,
    )
    place: str | None = attrs.field(default=None, converter=clean_name("Event.place", optional=True), kw_only=True)
    start: datetime.date | None = attrs.field(default=None, converter=to_moment("Event.start"), kw_only=True)
    end: datetime.date | None = attrs.field(default=None, converter=to_moment("Event.end", time=False), kw_only=True)
    perpetrators: frozenset[str] = attrs.field(
        default=frozenset(), converter=clean_names("Event.perpetrators"), kw_only=True
    )
    part_of: Event | None = attrs.field(default=None, kw_only=True)

    def __attrs_post_init__(self) -> None:
        check(
            self.part_of is None or isinstance(self.part_of, Event), "Event.part_of", self.part_of, "an Event or None"
        )
        if self.start and self.end:
            check(day_of(self.start) <= self.end, "Event.end", self.end, f"a day not before the start, {self.start}")
        check(
            all(e.id != self.id for e in self.wholes), "Event.part_of", self.id, "an event that is not part of itself"
        )

    @property
    def wholes(self) -> tuple[Event, ...]:
        """The events that this one is part of, nearest first."""
        return () if self.part_of is None else (self.part_of, *self.part_of.wholes)

    def count(self, outcome: Outcome | str, group: Group = EVERYONE, period: Period | None = None) -> Quantity:
        """The number of people of `group` with this `outcome` (in `period`, or in the whole event)."""
        return Quantity(self, outcome, group, period)

    def killed(self, group: Group = EVERYONE, period: Period | None = None) -> Quantity:
        """The number of people killed."""
        return Quantity(self, KILLED, group, period)

    def injured(self, group: Group = EVERYONE, period: Period | None = None) -> Quantity:
        """The number of people injured."""
        return Quantity(self, INJURED, group, period)

    def missing(self, group: Group = EVERYONE, period: Period | None = None) -> Quantity:
        """The number of people missing."""
        return Quantity(self, MISSING, group, period)

    def captured(self, group: Group = EVERYONE, period: Period | None = None) -> Quantity:
        """The number of people captured."""
        return Quantity(self, CAPTURED, group, period)

    def displaced(self, group: Group = EVERYONE, period: Period | None = None) -> Quantity:
        """The number of people displaced."""
        return Quantity(self, DISPLACED, group, period)

    def casualties(self, group: Group = EVERYONE, period: Period | None = None) -> Quantity:
        """The number of people killed or injured."""
        return Quantity(self, CASUALTIES, group, period)

    __repr__ = rebuilding_repr

    def __str__(self) -> str:
        return self.id


@attrs.frozen(repr=False, cache_hash=True)
class Quantity:
    """The thing counted: event x outcome x group (x period).

    Parameters
    ----------
    event : Event
    outcome : Outcome or str
    group : Group, optional
        Default everyone.
    period : Period, optional
        Default the whole event.
    """

    event: Event = attrs.field()
    outcome: Outcome = attrs.field(converter=_to_outcome)
    group: Group = attrs.field(default=EVERYONE)
    period: Period | None = attrs.field(default=None)

    def __attrs_post_init__(self) -> None:
        check(isinstance(self.event, Event), "Quantity.event", self.event, "an Event")
        check(
            isinstance(self.group, Group),
            "Quantity.group",
            self.group,
            "a Group, such as Group(age='child') or Group.parse('children')",
        )
        check(
            self.period is None or isinstance(self.period, Period), "Quantity.period", self.period, "a Period or None"
        )

    __repr__ = rebuilding_repr

    @functools.cached_property
    def key(self) -> str:
        """A text that orders quantities, the same in every run."""
        return repr(self)

    def __str__(self) -> str:
        who = f" ({self.group})" if self.group.facets else ""
        when = f", {self.period}" if self.period else ""
        return f"{self.outcome}{who}, {self.event}{when}"


_FIGHTING = frozenset({"military", "militant"})


class Relation(enum.StrEnum):
    """How a source stands to the people it counts."""

    OWN = "own side"
    ENEMY = "enemy side"
    RESPONSIBLE = "responsible party"
    THIRD = "third party"


def relate(source: Source, quantity: Quantity) -> Relation:
    """How `source` stands to the victims counted in `quantity`.

    Own side before enemy side before responsible party before third party; but a party that is said to be
    responsible for the death of its enemy's civilians counts as responsible, since there it has cause to deny and
    not to boast; and one that is said to be responsible for the death of another party's fighters as their enemy.

    Parameters
    ----------
    source : Source
    quantity : Quantity

    Returns
    -------
    Relation

    Examples
    --------
    >>> ministry = Source("ministry", sides={"Turkey"})
    >>> relate(ministry, Event("shelling").killed(Group(party="Turkey"))).value
    'own side'
    """
    party = quantity.group.party
    responsible = bool(source.sides & quantity.event.perpetrators)
    if party & source.sides:
        return Relation.OWN
    civilians = quantity.group["status"] == frozenset({"civilian"})
    fighters = bool(quantity.group["status"]) and quantity.group["status"] <= _FIGHTING  # type: ignore[operator]
    if (party & source.opposes and not (responsible and civilians)) or (responsible and party and fighters):
        return Relation.ENEMY
    return Relation.RESPONSIBLE if responsible else Relation.THIRD
