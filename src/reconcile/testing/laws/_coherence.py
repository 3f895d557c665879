# SPDX-License-Identifier: MIT
"""Laws about counts that are bound together.

Answers are about one count at a time, so the laws are what must hold of the margins of any joint distribution in which
the identities hold (Fréchet's inequalities).
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence

from reconcile.accounts import contains, disjoint
from reconcile.claims import Claim
from reconcile.logic import bounds
from reconcile.testing.adapters import Kind
from reconcile.testing.laws import _scenes as s
from reconcile.testing.laws import _worlds as w
from reconcile.testing.laws._law import ROUNDING, Asking, Regime, Reply, law, numbers_in
from reconcile.vocabulary import Quantity

__all__ = [
    "killed_and_injured_add_up",
    "parts_never_exceed_wholes",
    "parts_that_are_apart_share_the_whole",
    "what_is_forced_holds",
]


@law(Regime.ANY, s.nested)
def parts_never_exceed_wholes(ask: Asking, claims: tuple[Claim, ...]) -> None:
    """A part never exceeds its whole.

    Children among the killed, the killed among the casualties, an event within a larger one. If the part is at most the
    whole in every case, it is also so in distribution.
    """
    reply = ask(claims)
    for part, whole in itertools.permutations(reply, 2):
        if contains(whole, part):
            ask.never_lower(reply, reply, part, whole)


@law(Regime.ANY, s.summed)
def killed_and_injured_add_up(ask: Asking, claims: tuple[Claim, ...]) -> None:
    """Killed and injured add up to casualties.

    If P(killed <= a) = p and P(injured <= b) = q, both are so with probability p + q - 1 or more, and then there are at
    most a + b casualties; likewise from below.
    """
    reply = ask(claims)
    _share(ask, reply, (w.KILLED, w.INJURED), w.BOTH)
    one, other, both = (reply[quantity] for quantity in (w.KILLED, w.INJURED, w.BOTH))
    if Kind.DISTRIBUTION not in (one.kind, other.kind, both.kind):
        high, most = one.ends[1] + other.ends[1], both.ends[0]
        said = f"{one} killed and {other} injured, but {both} casualties"
        ask.need(most <= high + ROUNDING, "as many casualties as killed and injured", said)
        return
    allowed = ask.allowance(reply, reply)
    for a, b in itertools.product(_points(claims), repeat=2):
        least = one.cdf(a) + other.cdf(b) - 1
        ask.need(
            both.cdf(a + b) >= least - allowed,
            f"at most {a + b:,} {w.BOTH} with probability {least:.1%} or more, since at most {a:,} killed has"
            f" {one.cdf(a):.1%} and at most {b:,} injured {other.cdf(b):.1%}",
            f"{both.cdf(a + b):.1%}",
        )


@law(Regime.ANY, s.parted)
def parts_that_are_apart_share_the_whole(ask: Asking, claims: tuple[Claim, ...]) -> None:
    """Parts that have nobody in common are together no more than their whole.

    Children and adults, two parties, two events within a third: if each part is large, so is the whole.
    """
    reply = ask(claims)
    for one, other in itertools.combinations(reply, 2):
        for whole in reply:
            if disjoint(one, other) and contains(whole, one) and contains(whole, other):
                _share(ask, reply, (one, other), whole)


def _share(ask: Asking, reply: Reply, parts: Sequence[Quantity], whole: Quantity) -> None:
    one, other, all_ = (reply[quantity] for quantity in (*parts, whole))
    if Kind.DISTRIBUTION not in (one.kind, other.kind, all_.kind):
        low, high = one.ends[0] + other.ends[0], all_.ends[1]
        said = f"{one} {parts[0]}, and {other} {parts[1]}, but {all_} {whole}"
        ask.need(low <= high + ROUNDING, f"at least {low:,g} {whole}, the sum of its parts", said)
        return
    allowed = ask.allowance(reply, reply)
    for a, b in itertools.product(_points(reply.claims), repeat=2):
        least = one.above(a - 1) + other.above(b - 1) - 1
        found = all_.above(a + b - 1)
        ask.need(
            found >= least - allowed,
            f"{a + b:,} {whole} or more with probability {least:.1%} or more, since {a:,} {parts[0]} or more has"
            f" {one.above(a - 1):.1%} and {b:,} {parts[1]} or more {other.above(b - 1):.1%}",
            f"{found:.1%}",
        )


def _points(claims: Sequence[Claim]) -> list[int]:
    near = {0, 1, *numbers_in(claims)}
    return sorted(n for n in {at + step for at in near for step in (-1, 0, 1)} if n >= 0)


@law(Regime.RIGHT, s.true)
def what_is_forced_holds(ask: Asking, claims: tuple[Claim, ...]) -> None:
    """What trusted claims force is certain.

    `reconcile.bounds` says what logic alone leaves to each count if the claims are literally true. A reconciler that is
    told that sources are never wrong stays within.
    """
    reply, forced = ask(claims), bounds(claims)
    for quantity in reply:
        bound, belief = forced[quantity], ask.distribution(reply, quantity)
        outside = belief.cdf(bound.low - 1) + (0.0 if bound.high is None else belief.above(bound.high))
        ask.need(outside <= ask.allowance(reply), f"{bound}, which is forced", f"{outside:.1%} outside: {belief}")
