# SPDX-License-Identifier: MIT
"""Mutants that mishear claims: their order, who makes them, and what their words mean."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import Any

import attrs

from reconcile.claims import Claim
from reconcile.testing import laws
from reconcile.testing.mutants._mutant import Answers, mutant, ours, revalued
from reconcile.values import About, AtLeast, AtMost, Exactly, Value
from reconcile.vocabulary import Quantity, Source

__all__: list[str] = []


# Order, copies and what was replaced.


@mutant(laws.order_is_irrelevant)
def _last_word_wins(claims: Iterable[Claim], **options: Any) -> Answers:
    """The claim given last about a count is the only one heard."""
    last = {claim.quantity: claim for claim in claims}
    return ours([attrs.evolve(claim, quoted_from=None, revises=None) for claim in last.values()], **options)


@mutant(laws.order_is_irrelevant)
def _first_impressions_last(claims: Iterable[Claim], **options: Any) -> Answers:
    """All claims but the first are taken for hearsay."""
    return ours([attrs.evolve(c, hedged=c.hedged or at > 0, id=c.id) for at, c in enumerate(claims)], **options)


@mutant(laws.a_relay_adds_nothing)
def _relays_count(claims: Iterable[Claim], **options: Any) -> Answers:
    """A relay counts as an observation of its own."""
    return ours([attrs.evolve(claim, quoted_from=None) for claim in claims], **options)


@mutant(laws.a_repetition_adds_nothing)
def _repetitions_count(claims: Iterable[Claim], **options: Any) -> Answers:
    """A source that says the same twice counts as two sources."""
    heard: dict[tuple[Any, ...], int] = defaultdict(int)
    apart = []
    for at, claim in enumerate(claims):
        key = claim.quantity, claim.value, claim.source, claim.quoted_from
        heard[key] += 1
        name = f"{claim.source} ({heard[key]})" if heard[key] > 1 else claim.source.name
        apart.append(attrs.evolve(claim, source=attrs.evolve(claim.source, name=name), id=f"{claim.id}, {at}"))
    return ours([attrs.evolve(claim, quoted_from=None, revises=None) for claim in apart], **options)


@mutant(laws.a_superseded_claim_is_as_if_unsaid)
def _what_was_replaced_stands(claims: Iterable[Claim], **options: Any) -> Answers:
    """A figure that its source has replaced still counts, as somebody else's."""
    heard: dict[tuple[Quantity, Source], int] = defaultdict(int)
    apart = []
    for claim in claims:
        heard[claim.quantity, claim.source] += 1
        name = f"{claim.source} ({heard[claim.quantity, claim.source]})"
        apart.append(attrs.evolve(claim, source=attrs.evolve(claim.source, name=name), revises=None))
    return ours(apart, **options)


@mutant(laws.a_past_day_hears_nothing_later)
def _remembers_the_future(claims: Iterable[Claim], *, as_of: Any = None) -> Answers:
    """Asked as of a past day, it knows all that was said since."""
    return ours(claims)


@mutant(laws.unconnected_counts_are_untouched)
def _one_event_for_another(claims: Iterable[Claim], **options: Any) -> Answers:
    """What is said of one event is held against the others, with a reserve."""
    told = list(claims)
    spread = [
        Claim(quantity, claim.value, Source(f"{claim.source} on {claim.quantity} as of {quantity}"), hedged=True)
        for quantity in dict.fromkeys(claim.quantity for claim in told)
        for claim in told
        if claim.quantity.event != quantity.event and claim.whole is None
    ]
    return ours([*told, *spread], **options)


# Names.


@mutant(laws.names_are_irrelevant)
def _by_the_alphabet(claims: Iterable[Claim], **options: Any) -> Answers:
    """A source whose name begins with a letter up to K is believed more than others."""
    return ours([attrs.evolve(c, hedged=c.hedged or c.source.name.lower() > "l", id=c.id) for c in claims], **options)


@mutant(laws.swapping_parties_swaps_the_answers)
def _takes_sides(claims: Iterable[Claim], **options: Any) -> Answers:
    """What the South says counts as hearsay."""
    return ours([attrs.evolve(c, hedged=c.hedged or "South" in c.source.sides, id=c.id) for c in claims], **options)


# Words.


def _bare(value: Value) -> Value:
    return Exactly(value.n) if isinstance(value, AtLeast | AtMost | About) else value


@mutant(laws.at_least_leaves_more_room_above, laws.at_most_leaves_more_room_below)
def _every_number_exact(claims: Iterable[Claim], **options: Any) -> Answers:
    """Floors, ceilings and rough numbers are read as exact ones."""
    return ours(revalued(claims, _bare), **options)


@mutant(laws.floors_and_ceilings_keep_to_their_side)
def _floors_for_ceilings(claims: Iterable[Claim], **options: Any) -> Answers:
    """Floors and ceilings are taken for each other."""

    def turn(value: Value) -> Value:
        return (
            AtMost(value.n) if isinstance(value, AtLeast) else AtLeast(value.n) if isinstance(value, AtMost) else value
        )

    return ours(revalued(claims, turn), **options)


@mutant(laws.a_claim_that_says_nothing_changes_nothing)
def _nothing_is_none(claims: Iterable[Claim], **options: Any) -> Answers:
    """A claim of "at least 0" is read as none."""
    return ours(revalued(claims, lambda value: Exactly(0) if value == AtLeast(0) else value), **options)


@mutant(laws.zero_is_no_silence, laws.every_quantity_is_answered)
def _zero_is_silence(claims: Iterable[Claim], **options: Any) -> Answers:
    """A claim of none is read as no claim."""
    return ours([attrs.evolve(c, quoted_from=None, revises=None) for c in claims if c.value != Exactly(0)], **options)


@mutant(laws.a_hedge_weakens)
def _deaf_to_hedges(claims: Iterable[Claim], **options: Any) -> Answers:
    """The word "reportedly" is not heard."""
    return ours([attrs.evolve(claim, hedged=False) for claim in claims], **options)


@mutant(laws.a_denial_by_those_responsible_weighs_less)
def _deaf_to_denial(claims: Iterable[Claim], **options: Any) -> Answers:
    """Who is held responsible makes no difference."""

    def free(quantity: Quantity) -> Quantity:
        return attrs.evolve(quantity, event=attrs.evolve(quantity.event, perpetrators=()))

    told = list(claims)
    posterior = ours([attrs.evolve(claim, quantity=free(claim.quantity)) for claim in told], **options)
    return {claim.quantity: posterior[free(claim.quantity)] for claim in told if free(claim.quantity) in posterior}


@mutant(laws.a_far_larger_number_is_answered_higher, laws.ten_times_the_claims_ten_times_the_answer)
def _reads_two_digits(claims: Iterable[Claim], **options: Any) -> Answers:
    """Of a number only the last two digits are read."""
    return ours(
        revalued(claims, lambda v: type(v)(v.n % 100) if isinstance(v, Exactly | AtLeast | AtMost | About) else v),
        **options,
    )


@mutant(laws.a_lone_claim_is_believed, laws.intervals_hold_the_truth)
def _halves_everything(claims: Iterable[Claim], **options: Any) -> Answers:
    """Everybody is thought to say twice the number."""
    return ours(
        revalued(claims, lambda v: type(v)(v.n // 2) if isinstance(v, Exactly | AtLeast | AtMost | About) else v),
        **options,
    )
