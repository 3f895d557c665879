# SPDX-License-Identifier: MIT
"""Which claims are observations of their own: relays, duplicates, supersession, and the day of asking.

Every claim gets a role; none is dropped without one.
"""

from __future__ import annotations

import bisect
import datetime
import itertools
import operator
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, TypeAlias, overload

import attrs
import numpy as np
from numpy.typing import NDArray

from reconcile.claims import Corpus
from reconcile.columns import LOCAL, MISSING, NONE, Codes, Columns, Moments, number
from reconcile.errors import InconsistentClaims
from reconcile.estimates import ClaimRole, Role
from reconcile.plumbing import count_of
from reconcile.times import find_times
from reconcile.values import Share

__all__ = ["ROLE_CODES", "Roles", "assign_roles"]

ROLE_CODES = tuple(Role)
_USED, _EARLIER, _RELAY, _DUPLICATE, _SUPERSEDED, _LATER, _UNDATED = range(len(ROLE_CODES))

_Moment: TypeAlias = datetime.date | None


def _day(moment: datetime.date) -> datetime.date:
    return moment.date() if isinstance(moment, datetime.datetime) else moment


def _clock(moment: datetime.date) -> tuple[str, Any]:
    """Give the clock that a moment is read on (the calendar, a local clock, the world's), and its place there."""
    if not isinstance(moment, datetime.datetime):
        return "calendar", moment
    offset = moment.utcoffset()
    if offset is None:
        return "local", moment
    return "world", moment.replace(tzinfo=None) - datetime.datetime.min - offset  # noqa: DTZ901 - the zone is taken off


def _compare(moments: Sequence[_Moment]) -> tuple[list[int], list[int]]:
    """For each moment, those that are `_later` and those that are earlier, as bits; by sorting, not pair by pair."""
    later, earlier = [0] * len(moments), [0] * len(moments)
    known = [(at, _clock(moment), _day(moment)) for at, moment in enumerate(moments) if moment is not None]
    for mine in {clock for _, (clock, _), _ in known}:
        for same in (True, False):
            others = sorted(((p if same else d), at) for at, (clock, p), d in known if (clock == mine) is same)
            places = [place for place, _ in others]
            below = list(itertools.accumulate((1 << at for _, at in others), operator.or_, initial=0))
            for at, (clock, place), day in known:
                if clock == mine:
                    key = place if same else day
                    later[at] |= below[-1] ^ below[bisect.bisect_right(places, key)]
                    earlier[at] |= below[bisect.bisect_left(places, key)]
    return later, earlier


def _bits(mask: int) -> Iterator[int]:
    while mask:
        lowest = mask & -mask
        yield lowest.bit_length() - 1
        mask ^= lowest


def _succeed(dates: Sequence[tuple[_Moment, _Moment]]) -> list[int]:
    """For each pair of dates (reported, as of), the place of the newest that replaces it, which may be its own.

    One is newer than another if reported later, or, where the reports have no order, as of a later day. With dates
    that are missing or of unlike precision this may turn in a circle; nothing in it is surely newer than the rest, so
    all of it stands, unless something outside replaces it.
    """
    (reported_later, reported_earlier), (later, earlier) = (_compare(column) for column in zip(*dates, strict=True))
    newer = [r | (a & ~e) for r, e, a in zip(reported_later, reported_earlier, later, strict=True)]
    older = [e | (b & ~r) for r, e, b in zip(reported_later, reported_earlier, earlier, strict=True)]
    successor: dict[int, int] = {}

    def spread(standing: Iterable[int]) -> None:
        """Let those that stand replace all that are older, and what is older than these."""
        successor.update((at, at) for at in standing)
        queue = list(successor)
        missing = (1 << len(dates)) - 1 ^ sum(1 << at for at in successor)
        for at in queue:
            found = list(_bits(older[at] & missing))
            missing ^= sum(1 << one for one in found)
            successor.update((one, successor[at]) for one in found)
            queue += found

    spread(at for at, mask in enumerate(newer) if not mask)
    circular = [at for at in range(len(dates)) if at not in successor]
    if circular:
        for by in circular:
            for at in circular:
                if newer[at] >> by & 1:
                    newer[at] |= newer[by]
        spread([at for at in circular if all(newer[other] >> at & 1 for other in _bits(newer[at]))])
    return [successor[at] for at in range(len(dates))]


@attrs.frozen(eq=False, repr=False)
class Roles(Sequence[ClaimRole]):
    """What every claim does, as columns; a `ClaimRole` is made when it is asked for.

    Attributes
    ----------
    columns : Columns
        The claims, one for each role, in the same order.
    part : ndarray of int8, shape (n,)
        Codes into `ROLE_CODES`.
    origin : ndarray of int32, shape (n,)
        Who is speaking, a code into ``columns.sources``.
    by : ndarray of int32, shape (n,)
        The row of the claim that stands in its place, or -1.
    notes : mapping of row to str
        In words, where there is more to say.
    """

    columns: Columns
    part: NDArray[np.int8]
    origin: Codes
    by: Codes
    notes: Mapping[int, str]

    def __len__(self) -> int:
        return len(self.part)

    @property
    def used(self) -> NDArray[np.bool_]:
        """Whether the estimate is computed from each claim; shape (n,)."""
        return np.array([part.used for part in ROLE_CODES])[self.part]

    @property
    def heard(self) -> NDArray[np.bool_]:
        """Whether each claim had been made by the day asked for; shape (n,)."""
        return np.array([part.heard for part in ROLE_CODES])[self.part]

    @overload
    def __getitem__(self, row: int) -> ClaimRole: ...
    @overload
    def __getitem__(self, row: slice) -> tuple[ClaimRole, ...]: ...
    def __getitem__(self, row: int | slice) -> ClaimRole | tuple[ClaimRole, ...]:
        if isinstance(row, slice):
            return tuple(self[at] for at in range(*row.indices(len(self))))
        at = range(len(self))[row]
        by = int(self.by[at])
        return ClaimRole(
            self.columns.claim(at),
            ROLE_CODES[self.part[at]],
            self.columns.sources[self.origin[at]],
            None if by == NONE else self.columns.id(by),
            self.notes.get(at, ""),
        )

    def __eq__(self, other: object) -> bool:
        return tuple(self) == tuple(other) if isinstance(other, Roles | tuple) else NotImplemented

    def __hash__(self) -> int:
        return hash(tuple(self))

    def __repr__(self) -> str:
        counts = zip(ROLE_CODES, np.bincount(self.part, minlength=len(ROLE_CODES)).tolist(), strict=True)
        return f"<Roles of {count_of(len(self), 'claim')}: {', '.join(f'{n:,} {part}' for part, n in counts if n)}>"


def assign_roles(corpus: Corpus, as_of: datetime.date | None = None, *, rising: bool = False) -> Roles:
    """Say of every claim what it does for the estimate.

    A relay stands for its origin; where the origin itself was not yet reported, or is a source without a claim here,
    one relay speaks in its name. A later claim of one speaker about one quantity replaces the earlier one; a share
    and a count of the same people do not replace each other. While a toll still rises (see `times`), an earlier figure
    of another time stays as evidence of how it rose, if `rising`.

    Parameters
    ----------
    corpus : Corpus
    as_of : date or datetime, optional
        Use only claims reported by then.
    rising : bool, keyword
        Whether earlier figures of a toll that rises are evidence too; else the newest of a source replaces them.

    Returns
    -------
    Roles
        One for each row of ``corpus.columns``: for a corpus of `Claim` objects, by claim id.

    Raises
    ------
    InconsistentClaims
        For relays or revisions of claims that are not there or in a circle, and for relays that speak of another
        quantity than their origin.

    Examples
    --------
    >>> from reconcile.claims import Claim
    >>> from reconcile.values import Exactly
    >>> from reconcile.vocabulary import Event, Source
    >>> market, ministry = Event("market").killed(), Source("ministry")
    >>> early, late = (Claim(market, Exactly(n), ministry, reported=f"2020-02-0{n}") for n in (1, 2))
    >>> {role.claim.value: role.role.value for role in assign_roles(Corpus([early, late]))}[Exactly(1)]
    'superseded'
    """
    columns = corpus.columns
    size = len(columns)
    part = np.full(size, _USED, dtype=np.int8)
    if as_of is not None:
        part[columns.reported.later(Moments.of([as_of]))] = _LATER
        part[columns.reported.clock == MISSING] = _UNDATED
    origin = np.where(columns.origin == NONE, columns.source, columns.origin)
    notes: dict[int, str] = {}
    roles = Roles(columns, part, origin, np.full(size, NONE, dtype=np.int32), notes)
    _follow_links(roles, notes)
    _settle(roles, rising=rising)
    return roles


def _follow_links(roles: Roles, notes: dict[int, str]) -> None:
    """Give their roles to relays and to what is revised; the few claims with links are gone through one by one."""
    columns, part, by = roles.columns, roles.part, roles.by
    links = [np.flatnonzero(codes != NONE) for codes in (columns.quoted, columns.revises)]
    targets = columns.quoted[links[0]], columns.revises[links[1]]
    rows = sorted((row for row in np.unique(np.concatenate([*links, *targets])).tolist() if row >= 0), key=columns.id)
    primary = _follow(columns, rows, "quoted_from", "is quoted from")
    for row in rows:
        first = primary[row]
        if columns.quantity[first] != columns.quantity[row]:
            reason = f"a relay must speak of what its origin speaks of: {columns.claim(row)}; {columns.claim(first)}"
            raise InconsistentClaims(reason, (columns.id(row), columns.id(first)))
        roles.origin[row] = roles.origin[first]
    _follow(columns, rows, "revises", "revises")
    heard = [row for row in rows if part[row] == _USED]
    revisers: dict[int, list[int]] = defaultdict(list)
    for row in heard:
        if columns.revises[row] != NONE:
            revisers[int(columns.revises[row])].append(row)
    stands = {row: other for row, other in _stand_ins(columns, heard, primary, revisers).items() if row != other}
    for row, other in stands.items():
        part[row], by[row] = _RELAY, other
        said, repeated = (columns.values[columns.value[one]] for one in (primary[row], row))
        if said != repeated:
            notes[row] = f"says {repeated}, its origin {said}"
    for row in heard:
        if part[row] == _USED:
            # A relay that revises its own origin still stands for it; else both would fall silent.
            last = next((one for one in revisers[row] if _end(stands, one) != row), None)
            if last is not None:
                stands[row] = last
                part[row], by[row] = _SUPERSEDED, last


def _follow(columns: Columns, rows: Iterable[int], link: str, verb: str) -> dict[int, int]:
    """Follow a link from claim to claim; give the last claim of each trail, or say where it breaks or turns back."""
    codes = {"quoted_from": columns.quoted, "revises": columns.revises}[link]
    last: dict[int, int] = {}
    for start in rows:
        trail: dict[int, None] = {}
        at = start
        while at not in last:
            trail[at] = None
            target = int(codes[at])
            if target == NONE:
                last[at] = at
            elif target < 0:
                name, lost = columns.id(at), columns.lost[at, link]
                raise InconsistentClaims(f"claim {name!r} {verb} {lost!r}, which is not here", (name,))
            elif target in trail:
                circle = tuple(trail)[tuple(trail).index(target) :]
                raise InconsistentClaims(f"a claim {verb} itself, by way of others", tuple(map(columns.id, circle)))
            else:
                at = target
        last |= dict.fromkeys(trail, last[at])
    return last


def _end(by: dict[int, int], start: int) -> int:
    """Follow `by` to its end, and remember the way."""
    trail = [start]
    while trail[-1] in by:
        trail.append(by[trail[-1]])
    by.update((at, trail[-1]) for at in trail[:-1])
    return trail[-1]


def _stand_ins(
    columns: Columns, heard: Sequence[int], primary: Mapping[int, int], revisers: Mapping[int, Sequence[int]]
) -> dict[int, int]:
    """Say who speaks for each claim: its primary claim or, where that is not heard, one of its relays.

    That is one that no other relay of the same claim revises, and rather one that quotes what is not heard than one
    that quotes another relay.
    """
    here = set(heard)
    families: dict[int, list[int]] = defaultdict(list)
    for row in heard:
        families[primary[row]].append(row)
    found: dict[int, int] = {}
    for first, members in families.items():
        speaker = first
        if first not in here:
            latest = [one for one in members if not any(primary[other] == first for other in revisers.get(one, ()))]
            speaker = next((one for one in latest if int(columns.quoted[one]) not in here), latest[0])
        found |= dict.fromkeys(members, speaker)
    return found


def _settle(roles: Roles, *, rising: bool) -> None:
    """Settle what one speaker says of one count, or of one share of it: the newest stands, equal ones count once."""
    columns, part = roles.columns, roles.part
    wholes: dict[object, int] = {}
    of = [wholes.setdefault(v.of, len(wholes)) if isinstance(v, Share) else NONE for v in columns.values]
    rows = np.flatnonzero(part == _USED)
    group, _ = number(columns.quantity[rows], roles.origin[rows], np.array(of, dtype=np.int32)[columns.value[rows]])
    several = np.bincount(group)[group] > 1 if len(rows) else group > 0
    order = np.argsort(group[several], kind="stable")
    rows = rows[several][order]
    if not len(rows):
        return
    starts = np.flatnonzero(np.diff(group[several][order], prepend=-1))
    group = np.repeat(np.arange(len(starts), dtype=np.int32), np.diff(starts, append=len(rows)))
    odd = ~_is_plain(columns.reported.clock[rows], columns.as_of.clock[rows], starts)
    ties = _find_ties(columns, rows, starts, group) | odd[group]
    if ties.any():
        rows = _sort_by_id(columns, rows, group, ties)
    successor = _find_successors(columns, rows, starts, group, odd)
    places = np.arange(len(rows))
    old = successor != places
    part[rows[old]], roles.by[rows[old]] = _SUPERSEDED, rows[successor[old]]
    if rising:
        part[_find_earlier(columns, rows, group, old)] = _EARLIER
    standing = rows[~old]
    same, first = number(group[~old], columns.value[standing], columns.hedged[standing])
    again = first[same] != np.arange(len(standing))
    repeats = standing[again]
    quotes = (columns.origin[repeats] != NONE) | (columns.quoted[repeats] != NONE)
    part[repeats], roles.by[repeats] = np.where(quotes, _RELAY, _DUPLICATE), standing[first[same][again]]


def _find_earlier(columns: Columns, rows: NDArray[np.intp], group: Codes, old: NDArray[np.bool_]) -> list[int]:
    """Rows of replaced claims that say what was known before, each figure at the last time at which it was given."""
    if not old.any() or not (usable := (times := find_times(columns)).usable[rows])[old].any():
        return []
    hours, found = times.hours[rows], []
    said = number(columns.value[rows], columns.hedged[rows])[0]
    some = np.isin(group, group[old & usable]) & usable
    by_group: dict[int, list[int]] = defaultdict(list)
    for at in np.flatnonzero(some).tolist():
        by_group[int(group[at])].append(at)
    for members in by_group.values():
        figures, moments = set[int](), set[float]()
        for at in sorted(members, key=lambda at: (-hours[at], bool(old[at]), at)):
            if old[at] and int(said[at]) not in figures and float(hours[at]) not in moments:
                found.append(int(rows[at]))
            figures.add(int(said[at]))
            moments.add(float(hours[at]))
    return found


def _find_ties(columns: Columns, rows: NDArray[np.intp], starts: NDArray[np.intp], group: Codes) -> NDArray[np.bool_]:
    """Whether each claim is one of several of which the first by id will stand for the others or replace others."""
    stands = _find_successors(columns, rows, starts, group) == np.arange(len(rows))
    count = np.add.reduceat(stands.astype(np.int32), starts)
    several = (count > 1) & (count < np.diff(starts, append=len(rows)))
    same, _ = number(group, columns.value[rows], columns.hedged[rows], stands)
    ties: NDArray[np.bool_] = stands & (several[group] | (np.bincount(same)[same] > 1))
    return ties


def _sort_by_id(columns: Columns, rows: NDArray[np.intp], group: Codes, ties: NDArray[np.bool_]) -> NDArray[np.intp]:
    """Put the ties of each group before the others, by id: ids are made for no more claims than it takes."""
    ids = [columns.id(row) for row in rows[ties].tolist()]
    place = rows.copy()
    place[np.flatnonzero(ties)[sorted(range(len(ids)), key=ids.__getitem__)]] = np.arange(len(ids))
    return rows[np.lexsort((place, ~ties, group))]


def _find_successors(
    columns: Columns,
    rows: NDArray[np.intp],
    starts: NDArray[np.intp],
    group: Codes,
    odd: NDArray[np.bool_] | None = None,
) -> NDArray[np.intp]:
    """For each claim, sorted by group, the place of the first of those that replace it; its own where it stands.

    In most groups no dates turn in a circle. There the newest on each clock, unless another clock has a later day,
    replace all that is older, and nothing replaces what has no date. The `odd` groups are taken one by one.
    """
    reported, as_of = columns.reported.take(rows), columns.as_of.take(rows)
    size = len(group)
    clock, day, places = reported.clock, reported.day, np.arange(size)
    lowest = np.iinfo(np.int64).min

    def top(column: NDArray[Any]) -> NDArray[Any]:
        return np.maximum.reduceat(column, starts)[group]

    newest = np.ones(size, dtype=bool)
    for moments in (reported, as_of):
        for one in np.unique(clock):
            here = newest & (clock == one)
            place = np.where(here & (moments.clock != MISSING), moments.at, lowest)
            newest[here] = (place == top(place))[here]
    stands = newest.copy()
    for one in np.unique(clock[clock != MISSING]):
        stands &= (clock == one) | (clock == MISSING) | (day >= top(np.where(clock == one, day, lowest)))
    found: NDArray[np.intp] = np.where(stands, places, size)
    for one in np.unique(clock):
        leader = np.minimum.reduceat(np.where(stands & (clock == one), places, size), starts)[group]
        newer = leader < size
        other = newer & (clock != one)
        newer[other] = (clock[other] != MISSING) & (one != MISSING) & (day[leader[other]] > day[other])
        found = np.where(newer & ~stands, np.minimum(found, leader), found)
    ends = np.append(starts[1:], size)
    for one in np.flatnonzero(odd) if odd is not None else ():
        by_dates: dict[tuple[_Moment, _Moment], list[int]] = defaultdict(list)
        for at in range(starts[one], ends[one]):
            by_dates[reported[at], as_of[at]].append(at)
        together = list(by_dates.values())
        for at, by in enumerate(_succeed(list(by_dates))):
            found[together[at]] = together[at] if at == by else together[by][0]
    return found


def _is_plain(reported: NDArray[np.int8], as_of: NDArray[np.int8], starts: NDArray[np.intp]) -> NDArray[np.bool_]:
    """Whether the clocks of each group are such that its dates cannot turn in a circle."""
    (low, high), (lowest, highest) = (
        (np.minimum.reduceat(clock, starts), np.maximum.reduceat(clock, starts)) for clock in (reported, as_of)
    )
    known = np.minimum.reduceat(np.where(reported == MISSING, np.int8(127), reported), starts)
    dateless = highest == MISSING
    plain: NDArray[np.bool_] = ((low == high) & (lowest == highest)) | (dateless & ((known == high) | (high == LOCAL)))
    return plain
