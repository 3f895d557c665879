# SPDX-License-Identifier: MIT
"""Which claims are observations of their own: relays, duplicates, supersession, and the day of asking.

Every claim gets a role; none is dropped without one.
"""

from __future__ import annotations

import datetime
from collections import defaultdict
from collections.abc import Iterable, Mapping

import attrs

from reconcile.claims import Claim, Corpus
from reconcile.errors import InconsistentClaims
from reconcile.estimates import Part, Role
from reconcile.values import Share
from reconcile.vocabulary import Source

__all__ = ["assign_roles"]


def _later(one: datetime.date | None, other: datetime.date | None) -> bool:
    """Whether `one` is surely later; a day and a time within it have no order."""
    if one is None or other is None:
        return False
    if isinstance(one, datetime.datetime) and isinstance(other, datetime.datetime):
        if (one.tzinfo is None) != (other.tzinfo is None):
            return one.date() > other.date()
        return one > other
    days = [moment.date() if isinstance(moment, datetime.datetime) else moment for moment in (one, other)]
    return days[0] > days[1]


def _newer(one: Claim, other: Claim) -> bool:
    """Whether `one` replaces `other` by its dates: reported later, or on the same report date of a later day."""
    if _later(one.reported, other.reported):
        return True
    return not _later(other.reported, one.reported) and _later(one.as_of, other.as_of)


def _origins(claims: Mapping[str, Claim]) -> dict[str, str]:
    """Follow `quoted_from` to the primary claim of each claim."""
    found = {}
    for start in claims.values():
        trail = [start.id]
        while isinstance(claims[trail[-1]].quoted_from, str):
            target = str(claims[trail[-1]].quoted_from)
            if target not in claims:
                raise InconsistentClaims(
                    f"claim {trail[-1]!r} is quoted from {target!r}, which is not here", (trail[-1],)
                )
            if target in trail:
                raise InconsistentClaims("claims are quoted from one another in a circle", tuple(trail))
            if claims[target].quantity != claims[trail[-1]].quantity:
                reason = f"a relay must speak of what its origin speaks of: {claims[trail[-1]]}; {claims[target]}"
                raise InconsistentClaims(reason, (trail[-1], target))
            trail.append(target)
        found[start.id] = trail[-1]
    return found


def _revisions(claims: Mapping[str, Claim]) -> dict[str, str]:
    """Map each revised claim to the one that revises it."""
    found = {}
    for claim in claims.values():
        if claim.revises is None:
            continue
        if claim.revises not in claims:
            raise InconsistentClaims(f"claim {claim.id!r} revises {claim.revises!r}, which is not here", (claim.id,))
        trail = [claim.id]
        while (target := claims[trail[-1]].revises) is not None and target in claims:
            if target in trail:
                raise InconsistentClaims("claims revise one another in a circle", tuple(trail))
            trail.append(target)
        found[claim.revises] = claim.id
    return found


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
        For relays or revisions of claims that are not there, in a circle, or of another quantity.
    """
    claims = {claim.id: claim for claim in corpus.ordered}
    primary, revised = _origins(claims), _revisions(claims)
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
    spoken: dict[str, str] = {}
    for claim in heard:
        source = primary[claim.id]
        if source == claim.id:
            continue
        stand_in = source if roles[source].role is Part.USED else spoken.setdefault(source, claim.id)
        if stand_in != claim.id:
            said = claims[source].value
            note = "" if claim.value == said else f"says {claim.value}, its origin {said}"
            roles[claim.id] = attrs.evolve(roles[claim.id], role=Part.RELAY, by=stand_in, note=note)
    rivals: dict[object, list[Claim]] = defaultdict(list)
    for claim in heard:
        if roles[claim.id].role is Part.USED:
            of = claim.value.of if isinstance(claim.value, Share) else None
            rivals[roles[claim.id].origin.name, claim.quantity, of].append(claim)
    for claim in heard:
        by = revised.get(claim.id)
        if by is not None and roles[by].role not in (Part.LATER, Part.UNDATED) and roles[claim.id].role is Part.USED:
            roles[claim.id] = attrs.evolve(roles[claim.id], role=Part.SUPERSEDED, by=by)
    for group in rivals.values():
        _settle(group, roles)
    return tuple(roles.values())


def _settle(group: Iterable[Claim], roles: dict[str, Role]) -> None:
    """Settle what one speaker said of one quantity: the newest stands, equal ones count once."""
    standing = [claim for claim in group if roles[claim.id].role is Part.USED]
    for claim in standing:
        newer = [other for other in standing if _newer(other, claim)]
        if newer:
            last = next(c for c in newer if not any(_newer(o, c) for o in newer))
            roles[claim.id] = attrs.evolve(roles[claim.id], role=Part.SUPERSEDED, by=last.id)
    kept: list[Claim] = []
    for claim in standing:
        if roles[claim.id].role is not Part.USED:
            continue
        same = next((other for other in kept if (other.value, other.hedged) == (claim.value, claim.hedged)), None)
        if same is None:
            kept.append(claim)
        else:
            part = Part.DUPLICATE if claim.quoted_from is None else Part.RELAY
            roles[claim.id] = attrs.evolve(roles[claim.id], role=part, by=same.id)
