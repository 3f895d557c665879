# SPDX-License-Identifier: MIT
"""Roles given claim by claim, the slow and plain way, to hold those given by column against."""

from __future__ import annotations

from collections import defaultdict

import attrs

from reconcile.errors import InconsistentClaims
from reconcile.estimates import ClaimRole, Role
from reconcile.roles import _clock, _day, _succeed
from reconcile.values import Share
from reconcile.vocabulary import Source


def _later(one, other):
    """Whether `one` is surely later; a day and a time within it have no order."""
    if one is None or other is None:
        return False
    mine, theirs = _clock(one), _clock(other)
    return mine[1] > theirs[1] if mine[0] == theirs[0] else _day(one) > _day(other)


def _follow(claims, link, verb):
    """Follow a link from claim to claim; give the last claim of each trail, or say where it breaks or turns back."""
    last = {}
    for start in claims:
        trail = {}
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


def _origins(claims):
    """Find the primary claim of each claim."""
    primary = _follow(claims, "quoted_from", "is quoted from")
    for claim in claims.values():
        origin = claims[primary[claim.id]]
        if origin.quantity != claim.quantity:
            reason = f"a relay must speak of what its origin speaks of: {claim}; {origin}"
            raise InconsistentClaims(reason, (claim.id, origin.id))
    return primary


def _revisers(claims, heard):
    """Map each revised claim to those of `heard` that revise it, by id."""
    _follow(claims, "revises", "revises")
    found = defaultdict(list)
    for claim in heard:
        if claim.revises is not None:
            found[claim.revises].append(claim.id)
    return found


def _end(by, start):
    """Follow `by` to its end, and remember the way."""
    trail = [start]
    while trail[-1] in by:
        trail.append(by[trail[-1]])
    by.update((at, trail[-1]) for at in trail[:-1])
    return trail[-1]


def assign_roles_one_by_one(corpus, as_of=None):
    claims = {claim.id: claim for claim in corpus.ordered}
    primary = _origins(claims)
    roles = {}
    heard = []
    for claim in claims.values():
        first = claims[primary[claim.id]]
        origin = first.quoted_from if isinstance(first.quoted_from, Source) else first.source
        roles[claim.id] = ClaimRole(claim, Role.USED, origin)
        if as_of is not None and (claim.reported is None or _later(claim.reported, as_of)):
            part = Role.UNDATED if claim.reported is None else Role.LATER
            roles[claim.id] = ClaimRole(claim, part, origin)
        else:
            heard.append(claim)
    revisers = _revisers(claims, heard)
    stands = _stand_ins(heard, primary, revisers)
    for claim in heard:
        if stands[claim.id] != claim.id:
            said = claims[primary[claim.id]].value
            note = "" if claim.value == said else f"says {claim.value}, its origin {said}"
            roles[claim.id] = attrs.evolve(roles[claim.id], role=Role.RELAY, by=stands[claim.id], note=note)
    rivals = defaultdict(list)
    for claim in heard:
        if roles[claim.id].role is Role.USED:
            of = claim.value.of if isinstance(claim.value, Share) else None
            rivals[roles[claim.id].origin.name, claim.quantity, of].append(claim)
    by = {claim: other for claim, other in stands.items() if claim != other}
    for claim in heard:
        if roles[claim.id].role is Role.USED:
            # A relay that revises its own origin still stands for it; else both would fall silent.
            last = next((one for one in revisers[claim.id] if _end(by, one) != claim.id), None)
            if last is not None:
                by[claim.id] = last
                roles[claim.id] = attrs.evolve(roles[claim.id], role=Role.SUPERSEDED, by=last)
    for group in rivals.values():
        _settle(group, roles)
    return tuple(roles.values())


def _stand_ins(heard, primary, revisers):
    """Say who speaks for each claim: its primary claim or, where that is not heard, one of its relays.

    That is one that no other relay of the same claim revises, and rather one that quotes what is not heard than one
    that quotes another relay.
    """
    claims = {claim.id: claim for claim in heard}
    families = defaultdict(list)
    for one in claims:
        families[primary[one]].append(one)
    found = {}
    for first, members in families.items():
        speaker = first
        if first not in claims:
            latest = [one for one in members if not any(primary[other] == first for other in revisers.get(one, ()))]
            speaker = next((one for one in latest if claims[one].quoted_from not in claims), latest[0])
        found |= dict.fromkeys(members, speaker)
    return found


def _settle(group, roles):
    """Settle what one speaker said of one quantity: the newest stands, equal ones count once."""
    by_dates = defaultdict(list)
    for claim in group:
        if roles[claim.id].role is Role.USED:
            by_dates[claim.reported, claim.as_of].append(claim)
    standing = []
    together = list(by_dates.values())
    for at, successor in enumerate(_succeed(list(by_dates)) if by_dates else ()):
        if at == successor:
            standing += together[at]
        else:
            for claim in together[at]:
                roles[claim.id] = attrs.evolve(roles[claim.id], role=Role.SUPERSEDED, by=together[successor][0].id)
    kept = {}
    for claim in sorted(standing, key=lambda c: c.id):
        same = kept.setdefault((claim.value, claim.hedged), claim.id)
        if same != claim.id:
            part = Role.DUPLICATE if claim.quoted_from is None else Role.RELAY
            roles[claim.id] = attrs.evolve(roles[claim.id], role=part, by=same)
