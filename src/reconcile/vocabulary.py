# SPDX-License-Identifier: MIT
"""Who speaks, and what is counted: sources, events, outcomes, groups, periods and quantities.

A quantity is event x outcome x group (x period): the thing counted.
"""

from __future__ import annotations

import datetime
import enum
import functools
import keyword
import unicodedata
from collections.abc import Iterable, Mapping
from typing import Any, ClassVar

import attrs

from reconcile.errors import InvalidValue, UnreadablePhrase
from reconcile.plumbing import LONGEST_NAME, check, clean_name, clean_names, in_words, rebuilding_repr, to_moment

__all__ = [
    "CAPTURED",
    "CASUALTIES",
    "DISPLACED",
    "EVERYONE",
    "INJURED",
    "KILLED",
    "MISSING",
    "Event",
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


_KINDS = {kind.value.casefold(): kind for kind in SourceKind}


def _to_kind(given: Any) -> SourceKind:
    if isinstance(given, str):
        found = _KINDS.get(" ".join(given.replace("_", " ").split()).casefold())
        if found is not None:
            return found
    raise InvalidValue("Source.kind", given, ", ".join(kind.value for kind in SourceKind))


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
    kind: SourceKind = attrs.field(default=SourceKind.UNKNOWN, converter=_to_kind, kw_only=True)
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


@attrs.frozen(repr=False)
class Outcome:
    """What happened to the people counted.

    Parameters
    ----------
    name : str
        Such as "killed".
    parts : set of str, optional
        For an outcome that is by definition the sum of others, their names: casualties are killed and injured.
        Civil War historians count ``Outcome("casualties", {"killed", "injured", "missing", "captured"})``.

    Examples
    --------
    >>> CASUALTIES
    Outcome('casualties', parts={'injured', 'killed'})
    """

    name: str = attrs.field(converter=clean_name("Outcome.name"))
    parts: frozenset[str] = attrs.field(default=frozenset(), converter=clean_names("Outcome.parts"))

    def __attrs_post_init__(self) -> None:
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
CASUALTIES = Outcome("casualties", {"killed", "injured"})

STANDARD_OUTCOMES: Mapping[str, Outcome] = {
    o.name: o for o in (KILLED, INJURED, MISSING, CAPTURED, DISPLACED, CASUALTIES)
}


def _to_outcome(given: Any) -> Outcome:
    if isinstance(given, Outcome):
        return given
    if isinstance(given, str) and given.strip():
        return STANDARD_OUTCOMES.get(given.strip(), Outcome(given))
    raise InvalidValue("Quantity.outcome", given, "an Outcome or its name")


# Everyday words for groups, as they stand in tables; each is exactly one facet or two.
GROUP_WORDS: Mapping[str, Mapping[str, str]] = {
    "everyone": {}, "all": {}, "people": {}, "persons": {}, "total": {},
    "children": {"age": "child"}, "adults": {"age": "adult"},
    "women": {"sex": "female", "age": "adult"}, "men": {"sex": "male", "age": "adult"},
    "girls": {"sex": "female", "age": "child"}, "boys": {"sex": "male", "age": "child"},
    "civilians": {"status": "civilian"}, "soldiers": {"status": "military"}, "troops": {"status": "military"},
    "military": {"status": "military"}, "police": {"status": "police"}, "militants": {"status": "militant"},
    "journalists": {"role": "journalist"}, "health workers": {"role": "health worker"},
    "aid workers": {"role": "aid worker"},
}  # fmt: skip


def _is_argument(name: str) -> bool:
    """Whether Python reads `name` in ``Group(name=...)`` as it stands."""
    return name.isidentifier() and not keyword.iskeyword(name) and unicodedata.normalize("NFKC", name) == name


_FIRST_FACETS = ("party", "status", "sex", "age", "role")
_PLAIN_FACETS = {"status", "sex", "age", "role"}  # common words, in which a capital means nothing


@attrs.frozen(init=False, repr=False)
class Group:
    """The people counted, by facets; a facet that is not named is not restricted.

    Parameters
    ----------
    **facets : str or set of str, keyword
        ``party``, ``status``, ``sex``, ``age``, ``role`` and any other. Several values of a facet mean
        people of any of them: "military and civilian personnel" is ``status={"military", "civilian"}``. Status, sex,
        age and role are read without regard to capitals.

    Raises
    ------
    InvalidValue
        If a facet has no name or no values.

    Examples
    --------
    >>> soldiers = Group(party="Turkey", status="military")
    >>> soldiers <= Group(party="Turkey")
    True
    >>> soldiers.isdisjoint(Group(status="civilian"))
    True
    """

    facets: tuple[tuple[str, frozenset[str]], ...]

    # Without these, Python takes __getitem__ for that of a sequence, and `"party" in group` would never end.
    __iter__: ClassVar[None] = None
    __contains__: ClassVar[None] = None

    def __init__(self, /, **facets: str | Iterable[str] | None) -> None:
        cleaned = []
        for name in sorted(facets):
            check(
                0 < len(name) <= LONGEST_NAME and name == name.strip() and not set(name) & set("|;="),
                "Group(**facets)",
                name,
                f"a name of 1 to {LONGEST_NAME} characters, without blanks around it and the signs | ; and =",
            )
            if facets[name] is None:
                continue
            values = clean_names(f"Group.{name}")(facets[name])
            if name in _PLAIN_FACETS:
                values = frozenset(value.casefold() for value in values)
            check(bool(values), f"Group.{name}", facets[name], "at least one value, or leave the facet out")
            for value in values:
                check(not set(value) & set("|;="), f"Group.{name}", value, "a value without the signs | ; and =")
            cleaned.append((name, values))
        self.__attrs_init__(tuple(cleaned))

    def __getitem__(self, facet: str) -> frozenset[str] | None:
        """The values of a facet, or None where it is not restricted."""
        return dict(self.facets).get(facet)

    @property
    def party(self) -> frozenset[str]:
        """The parties the people belong to; empty where not restricted."""
        return self["party"] or frozenset()

    def __le__(self, other: Group) -> bool:
        """Whether everyone in this group is in `other`."""
        if not isinstance(other, Group):
            return NotImplemented
        mine = dict(self.facets)
        return all(name in mine and mine[name] <= values for name, values in other.facets)

    def __lt__(self, other: Group) -> bool:
        """Whether this group is a proper part of `other`."""
        if not isinstance(other, Group):
            return NotImplemented
        return self != other and self <= other

    def isdisjoint(self, other: Group) -> bool:
        """Whether nobody can be in both groups: some facet of both has no value in common."""
        mine = dict(self.facets)
        return any(name in mine and not mine[name] & values for name, values in other.facets)

    @classmethod
    def parse(cls, text: str) -> Group:
        """Read ``"party=Turkey; status=military|civilian"``, or one of the words in `GROUP_WORDS`.

        Parameters
        ----------
        text : str
            Facets parted by ``;``, alternatives by ``|``; empty means everyone.

        Returns
        -------
        Group

        Raises
        ------
        UnreadablePhrase
            With the position of what cannot be read.

        Examples
        --------
        >>> Group.parse("party=Turkey; status=military|civilian")
        Group(party='Turkey', status={'civilian', 'military'})
        >>> Group.parse("children")
        Group(age='child')
        """
        check(isinstance(text, str), "Group.parse(text)", text, "a text")
        facets: dict[str, Iterable[str]] = {}
        start = 0
        for piece in text.split(";"):
            at, start = start, start + len(piece) + 1
            word = " ".join(piece.split()).casefold()
            if "=" in piece:
                name, _, values = piece.partition("=")
                found: dict[str, Iterable[str]] = {name.strip(): [v.strip() for v in values.split("|")]}
                if not name.strip().isidentifier() or not all(found[name.strip()]) or "=" in values:
                    raise UnreadablePhrase(text, at, "a facet is written name=value or name=value|value")
            elif word in GROUP_WORDS:
                found = {name: [value] for name, value in GROUP_WORDS[word].items()}
            elif not word and not text.strip():
                found = {}
            else:
                known = ", ".join(GROUP_WORDS)
                raise UnreadablePhrase(text, at, f"write name=value facets parted by ';', or one of: {known}")
            for name in found:
                if name in facets:
                    raise UnreadablePhrase(text, at, f"the facet {name!r} is given twice")
            try:
                cls(**found)
            except InvalidValue as error:
                raise UnreadablePhrase(text, at, str(error)) from None
            facets.update(found)
        return cls(**facets)

    def __repr__(self) -> str:
        def written(values: frozenset[str]) -> str:
            several = ", ".join(map(repr, sorted(values)))
            return f"{{{several}}}" if len(values) > 1 else several

        if all(_is_argument(name) for name, _ in self.facets):
            return f"Group({', '.join(f'{name}={written(values)}' for name, values in self.facets)})"
        return f"Group(**{{{', '.join(f'{name!r}: {written(values)}' for name, values in self.facets)}}})"

    def __str__(self) -> str:
        if not self.facets:
            return "everyone"
        found = dict(self.facets)
        words = [in_words(found[name]) for name in _FIRST_FACETS if name in found]
        words += [f"{name}: {in_words(values, 'or')}" for name, values in self.facets if name not in _FIRST_FACETS]
        return ", ".join(words)


EVERYONE = Group()


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
    place : str, keyword, optional
    start, end : datetime.date or str, keyword, optional
        First and last day.
    perpetrators : str or set of str, keyword
        Parties said to be responsible.
    part_of : Event, keyword, optional
        The larger event that this one is part of; the counts of disjoint parts add up to at most the whole's.

    Raises
    ------
    InvalidValue
        If a field is not of the form above, or the end is before the start.

    Examples
    --------
    >>> shelling = Event("taftanaz-2020-02-10", place="Taftanaz, Idlib", perpetrators={"Syria"})
    >>> print(shelling.killed(Group(party="Turkey", status="military")))
    killed (Turkey, military), taftanaz-2020-02-10
    """

    id: str = attrs.field(converter=clean_name("Event.id"))
    place: str | None = attrs.field(default=None, converter=clean_name("Event.place", optional=True), kw_only=True)
    start: datetime.date | None = attrs.field(
        default=None, converter=to_moment("Event.start", time=False), kw_only=True
    )
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
            check(self.start <= self.end, "Event.end", self.end, f"a day not before the start, {self.start}")
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
        check(isinstance(self.group, Group), "Quantity.group", self.group, "a Group")
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
