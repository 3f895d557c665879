# SPDX-License-Identifier: MIT
"""Mutants that put claims together wrongly, and mutants that misstate what comes of it."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import attrs

from reconcile.claims import Claim
from reconcile.model import Model
from reconcile.posterior import Posterior
from reconcile.testing import laws
from reconcile.testing.adapters import Point, from_readings
from reconcile.testing.mutants._mutant import Answer, Answers, each, known, mutant, ours, warped
from reconcile.values import Exactly
from reconcile.vocabulary import Quantity

__all__: list[str] = []

# Counts that are bound together.


@mutant(laws.parts_never_exceed_wholes, laws.killed_and_injured_add_up, laws.parts_that_are_apart_share_the_whole)
def _each_count_by_itself(claims: Iterable[Claim], **options: Any) -> Answers:
    """No count knows of the others, whether it is a part of them or not."""
    return each(claims, lambda claim: claim.quantity, **options)


@mutant(laws.what_is_forced_holds)
def _trusts_nobody(claims: Iterable[Claim], **options: Any) -> Answers:
    """Told that sources are never wrong, it thinks that they may be."""
    return ours(claims, **options)


# Sources.


@mutant(laws.agreement_strengthens)
def _numbers_not_sources(claims: Iterable[Claim], **options: Any) -> Answers:
    """Numbers are collected, however many sources say each."""
    said = {(claim.quantity, claim.value): claim for claim in reversed(list(claims))}
    return ours([attrs.evolve(claim, quoted_from=None, revises=None) for claim in said.values()], **options)


@mutant(laws.a_contradiction_weakens, laws.agreement_strengthens)
def _one_source_is_enough(claims: Iterable[Claim], **options: Any) -> Answers:
    """Of each count only the source that comes first in the alphabet is heard."""
    first = {claim.quantity: claim for claim in sorted(claims, key=lambda c: c.source.name, reverse=True)}
    return ours([attrs.evolve(claim, quoted_from=None, revises=None) for claim in first.values()], **options)


@mutant(laws.a_contradiction_lies_between)
def _adds_claims_up(claims: Iterable[Claim]) -> Answers:
    """Claims about one count are added up, as if they were of different people."""
    return from_readings(lambda said: Point(sum(one.middle for one in said)))(claims)


@mutant(laws.counts_are_whole_and_not_negative, laws.a_repetition_adds_nothing)
def _mean_of_numbers(claims: Iterable[Claim]) -> Answers:
    """The answer is the mean of the numbers, whoever gives them."""
    return from_readings(lambda said: Point(sum(one.middle for one in said) / len(said)))(claims)


@mutant(laws.a_contradiction_is_not_settled_elsewhere, laws.counts_are_whole_and_not_negative)
def _inverse_variance(claims: Iterable[Claim]) -> Answers:
    """Numbers are averaged with the inverse of their Poisson variances, and their errors are taken to be normal."""
    from scipy.special import ndtr, ndtri

    def average(said: Sequence[Any]) -> Answer:
        weights = [1 / max(one.middle, 0.5) for one in said]
        mean = sum(one.middle * weight for one, weight in zip(said, weights, strict=True)) / sum(weights)
        sd = sum(weights) ** -0.5
        return Answer(lambda n: float(ndtr((n - mean) / sd)), lambda p: float(mean + sd * ndtri(p)))

    return from_readings(average)(claims)


@mutant(laws.a_leaning_is_learned)
def _meets_everybody_anew(claims: Iterable[Claim], **options: Any) -> Answers:
    """What a source says of one event is not held against it in another."""
    return each(claims, lambda claim: claim.quantity.event, **options)


@mutant(laws.intervals_hold_the_truth)
def _too_sure(claims: Iterable[Claim]) -> Answers:
    """Intervals of 90 % are those that should be called intervals of 20 %."""

    def sharpen(answer: Any) -> Answer:
        # Quantiles at 5 and 95 % are those at 40 and 60 %.
        return Answer(
            lambda n: min(max((float(answer.cdf(n)) - 0.5) * 4.5 + 0.5, 0.0), 1.0),
            lambda p: answer.icdf((p - 0.5) / 4.5 + 0.5),
        )

    return warped(claims, sharpen)


# The form of an answer.


@mutant(laws.no_claims_make_it_crash)
def _crashes_on_nothing(claims: Iterable[Claim], **options: Any) -> Answers:
    """No claims at all are a division by zero."""
    told = list(claims)
    return ours(told, **options) if len(told) / len(told) else {}


@mutant(laws.no_claims_make_it_crash)
def _crashes_on_a_billion(claims: Iterable[Claim], **options: Any) -> Answers:
    """Numbers are put in 32 bits."""
    told = list(claims)
    for claim in told:
        getattr(claim.value, "n", 0).to_bytes(4, "little")
    return ours(told, **options)


@mutant(laws.every_quantity_is_answered)
def _drops_what_is_rough(claims: Iterable[Claim], **options: Any) -> Answers:
    """Counts of which nobody gives an exact number are left out."""
    told = list(claims)
    exact = {claim.quantity for claim in told if isinstance(claim.value, Exactly)}
    return {quantity: one for quantity, one in known(told, options).items() if quantity in exact}


@mutant(laws.probabilities_sum_to_one)
def _loses_a_tenth(claims: Iterable[Claim]) -> Answers:
    """A tenth of the probability is lost."""
    return warped(claims, lambda answer: Answer(lambda n: 0.9 * float(answer.cdf(n)), answer.icdf))


@mutant(laws.quantiles_are_ordered)
def _quantiles_upside_down(claims: Iterable[Claim]) -> Answers:
    """The quantile at p is that at 1 - p."""
    return warped(claims, lambda answer: Answer(lambda n: float(answer.cdf(n)), lambda p: answer.icdf(1 - p)))


@mutant(laws.counts_are_whole_and_not_negative)
def _half_people(claims: Iterable[Claim]) -> Answers:
    """Counts are smeared over the numbers between them."""

    def smear(answer: Any) -> Answer:
        return Answer(lambda n: float((1 - n % 1) * answer.cdf(n // 1) + n % 1 * answer.cdf(n // 1 + 1)))

    return warped(claims, smear)


@mutant(laws.same_bits)
def _rolls_dice(claims: Iterable[Claim]) -> Answers:
    """A little noise is added to every probability."""
    noise = random.Random().uniform(0.99, 1.0)  # noqa: S311 - the point is that it is not seeded
    return warped(claims, lambda answer: Answer(lambda n: float(answer.cdf(n)) ** noise))


@attrs.frozen(eq=False)
class _Veiled:
    """A posterior of which little is shown."""

    posterior: Posterior
    roles: Sequence[Any] | None = None
    as_model: Callable[[], Model] | None = None

    def __contains__(self, quantity: object) -> bool:
        return quantity in self.posterior

    def __getitem__(self, quantity: Quantity) -> Any:
        return self.posterior[quantity]


@mutant(laws.every_claim_is_accounted_for)
def _says_nothing_of_relays(claims: Iterable[Claim], **options: Any) -> Answers:
    """Claims that add nothing are not listed."""
    posterior = ours(claims, **options)
    return _Veiled(posterior, roles=[role for role in posterior.roles if role.by is None])


_LEARNED: list[Model] = []


@mutant(laws.saving_and_loading_changes_nothing)
def _knows_its_own_model_only(claims: Iterable[Claim], model: Model | None = None) -> Answers:
    """A model that was not made in this process teaches it nothing."""
    posterior = ours(claims, model if any(model is one for one in _LEARNED) else None)

    def as_model() -> Model:
        _LEARNED[:] = [posterior.as_model()]
        return _LEARNED[0]

    return _Veiled(posterior, as_model=as_model)


@mutant(laws.a_larger_number_never_lowers, laws.at_least_is_never_lower_than_exactly)
def _casts_out_what_is_large(claims: Iterable[Claim]) -> Answers:
    """An exact number above 20 is thrown away."""
    kept = [claim for claim in claims if not (isinstance(claim.value, Exactly) and claim.value.n > 20)]
    return ours(kept, laws.model_for(laws.Regime.MONOTONE))
