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
from typing import Any, TypeAlias

import attrs

from reconcile.claims import Claim, Corpus
from reconcile.errors import InconsistentClaims
from reconcile.estimates import Part, Role
from reconcile.values import Share
from reconcile.vocabulary import Source

__all__ = ["assign_roles"]


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


def _later(one: _Moment, other: _Moment) -> bool:
    """Whether `one` is surely later; a day and a time within it have no order."""
    if one is None or other is None:
        return False
    mine, theirs = _clock(one), _clock(other)
    return mine[1] > theirs[1] if mine[0] == theirs[0] else _day(one) > _day(other)


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


def _follow(claims: Mapping[str, Claim], link: str, verb: str) -> dict[str, str]:
    """Follow a link from claim to claim; give the last claim of each trail, or say where it breaks or turns back."""
    last: dict[str, str] = {}
    for start in claims:
        trail: dict[str, None] = {}
        at = start
        while at not in last:
            trail[at] = None
            target = getattr(claims[at], link)
            if not isinstance(target, str):
                last[at] = at
            elif target not in claims:
                raise InconsistentClaims(f"claim {at!r} {verb} {target!r}, which is not here", (at,))
            elif target in trail:
                circle = tuple(trail)[tuple(trail).index(target) :]
                raise InconsistentClaims(f"a claim {verb} itself, by way of others", circle)
            else:
                at = target
        last |= dict.fromkeys(trail, last[at])
    return last


def _origins(claims: Mapping[str, Claim]) -> dict[str, str]:
    """Find the primary claim of each claim."""
    primary = _follow(claims, "quoted_from", "is quoted from")
    for claim in claims.values():
        origin = claims[primary[claim.id]]
        if origin.quantity != claim.quantity:
            reason = f"a relay must speak of what its origin speaks of: {claim}; {origin}"
            raise InconsistentClaims(reason, (claim.id, origin.id))
    return primary


def _revisers(claims: Mapping[str, Claim], heard: Iterable[Claim]) -> dict[str, list[str]]:
    """Map each revised claim to those of `heard` that revise it, by id."""
    _follow(claims, "revises", "revises")
    found: dict[str, list[str]] = defaultdict(list)
    for claim in heard:
        if claim.revises is not None:
            found[claim.revises].append(claim.id)
    return found


def _end(by: dict[str, str], start: str) -> str:
    """Follow `by` to its end, and remember the way."""
    trail = [start]
    while trail[-1] in by:
        trail.append(by[trail[-1]])
    by.update((at, trail[-1]) for at in trail[:-1])
    return trail[-1]


def assign_roles(corpus: Corpus, as_of: datetime.date | None = None) -> tuple[Role, ...]:
    """Say of every claim what it does for the estimate.

    A relay stands for its origin; where the origin itself was not yet reported, or is a source without a claim here,
    one relay speaks in its name. A later claim of one speaker about one quantity replaces the earlier one; a share
    and a count of the same people do not replace each other.

    Parameters
    ----------
    corpus : Corpus
    as_of : date or datetime, optional
        Use only claims reported by then.

    Returns
    -------
    tuple of Role
        One for each claim, by claim id.

    Raises
    ------
    InconsistentClaims
        For relays or revisions of claims that are not there or in a circle, and for relays that speak of another
        quantity than their origin.
    """
    claims = {claim.id: claim for claim in corpus.ordered}
    primary = _origins(claims)
    roles: dict[str, Role] = {}
    heard: list[Claim] = []
    for claim in claims.values():
        first = claims[primary[claim.id]]
        origin = first.quoted_from if isinstance(first.quoted_from, Source) else first.source
        roles[claim.id] = Role(claim, Part.USED, origin)
        if as_of is not None and (claim.reported is None or _later(claim.reported, as_of)):
            part = Part.UNDATED if claim.reported is None else Part.LATER
            roles[claim.id] = Role(claim, part, origin)
        else:
            heard.append(claim)
    revisers = _revisers(claims, heard)
    stands = _stand_ins(heard, primary, revisers)
    for claim in heard:
        if stands[claim.id] != claim.id:
            said = claims[primary[claim.id]].value
            note = "" if claim.value == said else f"says {claim.value}, its origin {said}"
            roles[claim.id] = attrs.evolve(roles[claim.id], role=Part.RELAY, by=stands[claim.id], note=note)
    rivals: dict[object, list[Claim]] = defaultdict(list)
    for claim in heard:
        if roles[claim.id].role is Part.USED:
            of = claim.value.of if isinstance(claim.value, Share) else None
            rivals[roles[claim.id].origin.name, claim.quantity, of].append(claim)
    by = {claim: other for claim, other in stands.items() if claim != other}
    for claim in heard:
        if roles[claim.id].role is Part.USED:
            # A relay that revises its own origin still stands for it; else both would fall silent.
            last = next((one for one in revisers[claim.id] if _end(by, one) != claim.id), None)
            if last is not None:
                by[claim.id] = last
                roles[claim.id] = attrs.evolve(roles[claim.id], role=Part.SUPERSEDED, by=last)
    for group in rivals.values():
        _settle(group, roles)
    return tuple(roles.values())


def _stand_ins(
    heard: Sequence[Claim], primary: Mapping[str, str], revisers: Mapping[str, Sequence[str]]
) -> dict[str, str]:
    """Say who speaks for each claim: its primary claim or, where that is not heard, one of its relays.

    That is one that no other relay of the same claim revises, and rather one that quotes what is not heard than one
    that quotes another relay.
    """
    claims = {claim.id: claim for claim in heard}
    families: dict[str, list[str]] = defaultdict(list)
    for one in claims:
        families[primary[one]].append(one)
    found: dict[str, str] = {}
    for first, members in families.items():
        speaker = first
        if first not in claims:
            latest = [one for one in members if not any(primary[other] == first for other in revisers.get(one, ()))]
            speaker = next((one for one in latest if claims[one].quoted_from not in claims), latest[0])
        found |= dict.fromkeys(members, speaker)
    return found


def _settle(group: Iterable[Claim], roles: dict[str, Role]) -> None:
    """Settle what one speaker said of one quantity: the newest stands, equal ones count once."""
    by_dates: dict[tuple[_Moment, _Moment], list[Claim]] = defaultdict(list)
    for claim in group:
        if roles[claim.id].role is Part.USED:
            by_dates[claim.reported, claim.as_of].append(claim)
    standing: list[Claim] = []
    together = list(by_dates.values())
    for at, successor in enumerate(_succeed(list(by_dates)) if by_dates else ()):
        if at == successor:
            standing += together[at]
        else:
            for claim in together[at]:
                roles[claim.id] = attrs.evolve(roles[claim.id], role=Part.SUPERSEDED, by=together[successor][0].id)
    kept: dict[object, str] = {}
    for claim in sorted(standing, key=lambda c: c.id):
        same = kept.setdefault((claim.value, claim.hedged), claim.id)
        if same != claim.id:
            part = Part.DUPLICATE if claim.quoted_from is None else Part.RELAY
            roles[claim.id] = attrs.evolve(roles[claim.id], role=part, by=same)
