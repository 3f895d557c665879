# SPDX-License-Identifier: MIT
"""Reconcilers that are wrong on purpose, each in one way: laws that do not catch them have no teeth.

``python -m reconcile.testing.mutants`` holds every law against every mutant and prints the table; it fails if one gets
away. Most are `reconcile.estimate` with a fault, as small as can be.
"""

from __future__ import annotations

import enum
import functools
import random
import sys
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

import attrs

from reconcile.claims import Claim
from reconcile.model import Model
from reconcile.posterior import Posterior, estimate
from reconcile.testing import laws
from reconcile.testing.adapters import Point, Reconciler, from_readings
from reconcile.testing.laws import Law, LawBroken, NotApplicable
from reconcile.values import About, AtLeast, AtMost, Exactly, Value
from reconcile.vocabulary import Quantity, Source

if TYPE_CHECKING:
    from hypothesis import settings as Settings  # noqa: N812 - the type of the keyword `settings`

__all__ = ["ALL", "Mutant", "Verdict", "hold", "main", "try_all"]

Answers: TypeAlias = Any  # a mapping of quantities to answers, or a posterior

EXAMPLES, FEW = 30, 12  # for a law that a mutant was made to break, and for any other
COSTLY = 0.05  # the effort below which a law is held only against mutants that were made to break it


@attrs.frozen(eq=False, repr=False)
class Mutant:
    """A reconciler that is wrong in one way.

    Attributes
    ----------
    name : str
    wrong : str
        What is wrong with it, in one sentence.
    breaks : tuple of Law
        Laws that it was made to break; it may break others.
    """

    name: str
    wrong: str
    breaks: tuple[Law, ...]
    __wrapped__: Reconciler

    def __call__(self, claims: Iterable[Claim], **options: Any) -> Any:
        """Reconcile, wrongly."""
        return self.__wrapped__(claims, **options)

    def __str__(self) -> str:
        return self.name

    def __repr__(self) -> str:
        return f"<Mutant: {self.wrong}>"


_ALL: list[Mutant] = []


def _mutant(*breaks: Law) -> Callable[[Reconciler], Reconciler]:
    def add(function: Reconciler) -> Reconciler:
        name = getattr(function, "__name__", "").strip("_").replace("_", " ")
        _ALL.append(Mutant(name, (function.__doc__ or "").strip(), breaks, function))
        return function

    return add


@functools.lru_cache(maxsize=256)
def _remembered(claims: tuple[Claim, ...], model: Model | None, options: tuple[tuple[str, Any], ...]) -> Posterior:
    return estimate(claims, model, **dict(options))


def _ours(claims: Iterable[Claim], model: Model | None = None, **options: Any) -> Posterior:
    """`estimate`, which many mutants ask the same of."""
    if model is not None:
        return estimate(claims, model, **options)
    return _remembered(tuple(claims), model, tuple(sorted(options.items())))


def _revalued(claims: Iterable[Claim], change: Callable[[Value], Value]) -> list[Claim]:
    return [attrs.evolve(claim, value=change(claim.value)) for claim in claims]


def _each(claims: Iterable[Claim], key: Callable[[Claim], Any], **options: Any) -> dict[Quantity, Any]:
    """Estimate the claims of each group by themselves."""
    groups: dict[Any, list[Claim]] = defaultdict(list)
    for claim in claims:
        groups[key(claim)].append(claim)
    return {quantity: answer for some in groups.values() for quantity, answer in _known(some, options).items()}


def _known(claims: Sequence[Claim], options: Mapping[str, Any]) -> dict[Quantity, Any]:
    posterior = _ours(claims, **options)
    return {quantity: posterior[quantity] for quantity in posterior}


@attrs.frozen(eq=False)
class _Answer:
    """A distribution that has been tampered with."""

    cdf: Callable[[float], float]
    icdf: Callable[[float], float] | None = None


def _warped(claims: Iterable[Claim], change: Callable[[Any], Any]) -> dict[Quantity, Any]:
    return {quantity: change(answer) for quantity, answer in _known(list(claims), {}).items()}


# Order, copies and what was replaced.


@_mutant(laws.order_is_irrelevant)
def _last_word_wins(claims: Iterable[Claim], **options: Any) -> Answers:
    """The claim given last about a count is the only one heard."""
    last = {claim.quantity: claim for claim in claims}
    return _ours([attrs.evolve(claim, quoted_from=None, revises=None) for claim in last.values()], **options)


@_mutant(laws.order_is_irrelevant)
def _first_impressions_last(claims: Iterable[Claim], **options: Any) -> Answers:
    """All claims but the first are taken for hearsay."""
    return _ours([attrs.evolve(c, hedged=c.hedged or at > 0, id=c.id) for at, c in enumerate(claims)], **options)


@_mutant(laws.a_relay_adds_nothing)
def _relays_count(claims: Iterable[Claim], **options: Any) -> Answers:
    """A relay counts as an observation of its own."""
    return _ours([attrs.evolve(claim, quoted_from=None) for claim in claims], **options)


@_mutant(laws.a_repetition_adds_nothing)
def _repetitions_count(claims: Iterable[Claim], **options: Any) -> Answers:
    """A source that says the same twice counts as two sources."""
    heard: dict[tuple[Any, ...], int] = defaultdict(int)
    apart = []
    for at, claim in enumerate(claims):
        key = claim.quantity, claim.value, claim.source, claim.quoted_from
        heard[key] += 1
        name = f"{claim.source} ({heard[key]})" if heard[key] > 1 else claim.source.name
        apart.append(attrs.evolve(claim, source=attrs.evolve(claim.source, name=name), id=f"{claim.id}, {at}"))
    return _ours([attrs.evolve(claim, quoted_from=None, revises=None) for claim in apart], **options)


@_mutant(laws.a_superseded_claim_is_as_if_unsaid)
def _what_was_replaced_stands(claims: Iterable[Claim], **options: Any) -> Answers:
    """A figure that its source has replaced still counts, as somebody else's."""
    heard: dict[tuple[Quantity, Source], int] = defaultdict(int)
    apart = []
    for claim in claims:
        heard[claim.quantity, claim.source] += 1
        name = f"{claim.source} ({heard[claim.quantity, claim.source]})"
        apart.append(attrs.evolve(claim, source=attrs.evolve(claim.source, name=name), revises=None))
    return _ours(apart, **options)


@_mutant(laws.a_past_day_hears_nothing_later)
def _remembers_the_future(claims: Iterable[Claim], *, as_of: Any = None) -> Answers:
    """Asked as of a past day, it knows all that was said since."""
    return _ours(claims)


@_mutant(laws.unconnected_counts_are_untouched)
def _one_event_for_another(claims: Iterable[Claim], **options: Any) -> Answers:
    """What is said of one event is held against the others, with a reserve."""
    told = list(claims)
    spread = [
        Claim(quantity, claim.value, Source(f"{claim.source} on {claim.quantity} as of {quantity}"), hedged=True)
        for quantity in dict.fromkeys(claim.quantity for claim in told)
        for claim in told
        if claim.quantity.event != quantity.event and claim.whole is None
    ]
    return _ours([*told, *spread], **options)


# Names.


@_mutant(laws.names_are_irrelevant)
def _by_the_alphabet(claims: Iterable[Claim], **options: Any) -> Answers:
    """A source whose name begins with a letter up to K is believed more than others."""
    return _ours([attrs.evolve(c, hedged=c.hedged or c.source.name.lower() > "l", id=c.id) for c in claims], **options)


@_mutant(laws.swapping_parties_swaps_the_answers)
def _takes_sides(claims: Iterable[Claim], **options: Any) -> Answers:
    """What the South says counts as hearsay."""
    return _ours([attrs.evolve(c, hedged=c.hedged or "South" in c.source.sides, id=c.id) for c in claims], **options)


# Words.


def _bare(value: Value) -> Value:
    return Exactly(value.n) if isinstance(value, AtLeast | AtMost | About) else value


@_mutant(laws.at_least_leaves_more_room_above, laws.at_most_leaves_more_room_below)
def _every_number_exact(claims: Iterable[Claim], **options: Any) -> Answers:
    """Floors, ceilings and rough numbers are read as exact ones."""
    return _ours(_revalued(claims, _bare), **options)


@_mutant(laws.floors_and_ceilings_keep_to_their_side)
def _floors_for_ceilings(claims: Iterable[Claim], **options: Any) -> Answers:
    """Floors and ceilings are taken for each other."""

    def turn(value: Value) -> Value:
        return (
            AtMost(value.n) if isinstance(value, AtLeast) else AtLeast(value.n) if isinstance(value, AtMost) else value
        )

    return _ours(_revalued(claims, turn), **options)


@_mutant(laws.a_claim_that_says_nothing_changes_nothing)
def _nothing_is_none(claims: Iterable[Claim], **options: Any) -> Answers:
    """A claim of "at least 0" is read as none."""
    return _ours(_revalued(claims, lambda value: Exactly(0) if value == AtLeast(0) else value), **options)


@_mutant(laws.zero_is_no_silence, laws.every_quantity_is_answered)
def _zero_is_silence(claims: Iterable[Claim], **options: Any) -> Answers:
    """A claim of none is read as no claim."""
    return _ours([attrs.evolve(c, quoted_from=None, revises=None) for c in claims if c.value != Exactly(0)], **options)


@_mutant(laws.a_hedge_weakens)
def _deaf_to_hedges(claims: Iterable[Claim], **options: Any) -> Answers:
    """The word "reportedly" is not heard."""
    return _ours([attrs.evolve(claim, hedged=False) for claim in claims], **options)


@_mutant(laws.a_denial_by_those_responsible_weighs_less)
def _deaf_to_denial(claims: Iterable[Claim], **options: Any) -> Answers:
    """Who is held responsible makes no difference."""

    def free(quantity: Quantity) -> Quantity:
        return attrs.evolve(quantity, event=attrs.evolve(quantity.event, perpetrators=()))

    told = list(claims)
    posterior = _ours([attrs.evolve(claim, quantity=free(claim.quantity)) for claim in told], **options)
    return {claim.quantity: posterior[free(claim.quantity)] for claim in told if free(claim.quantity) in posterior}


@_mutant(laws.a_far_larger_number_is_answered_higher, laws.ten_times_the_claims_ten_times_the_answer)
def _reads_two_digits(claims: Iterable[Claim], **options: Any) -> Answers:
    """Of a number only the last two digits are read."""
    return _ours(
        _revalued(claims, lambda v: type(v)(v.n % 100) if isinstance(v, Exactly | AtLeast | AtMost | About) else v),
        **options,
    )


@_mutant(laws.a_lone_claim_is_believed, laws.intervals_hold_the_truth)
def _halves_everything(claims: Iterable[Claim], **options: Any) -> Answers:
    """Everybody is thought to say twice the number."""
    return _ours(
        _revalued(claims, lambda v: type(v)(v.n // 2) if isinstance(v, Exactly | AtLeast | AtMost | About) else v),
        **options,
    )


# Counts that are bound together.


@_mutant(laws.parts_never_exceed_wholes, laws.killed_and_injured_add_up, laws.parts_that_are_apart_share_the_whole)
def _each_count_by_itself(claims: Iterable[Claim], **options: Any) -> Answers:
    """No count knows of the others, whether it is a part of them or not."""
    return _each(claims, lambda claim: claim.quantity, **options)


@_mutant(laws.what_is_forced_holds)
def _trusts_nobody(claims: Iterable[Claim], **options: Any) -> Answers:
    """Told that sources are never wrong, it thinks that they may be."""
    return _ours(claims, **options)


# Sources.


@_mutant(laws.agreement_strengthens)
def _numbers_not_sources(claims: Iterable[Claim], **options: Any) -> Answers:
    """Numbers are collected, however many sources say each."""
    said = {(claim.quantity, claim.value): claim for claim in reversed(list(claims))}
    return _ours([attrs.evolve(claim, quoted_from=None, revises=None) for claim in said.values()], **options)


@_mutant(laws.a_contradiction_weakens, laws.agreement_strengthens)
def _one_source_is_enough(claims: Iterable[Claim], **options: Any) -> Answers:
    """Of each count only the source that comes first in the alphabet is heard."""
    first = {claim.quantity: claim for claim in sorted(claims, key=lambda c: c.source.name, reverse=True)}
    return _ours([attrs.evolve(claim, quoted_from=None, revises=None) for claim in first.values()], **options)


@_mutant(laws.a_contradiction_lies_between)
def _adds_claims_up(claims: Iterable[Claim]) -> Answers:
    """Claims about one count are added up, as if they were of different people."""
    return from_readings(lambda said: Point(sum(one.middle for one in said)))(claims)


@_mutant(laws.counts_are_whole_and_not_negative, laws.a_repetition_adds_nothing)
def _mean_of_numbers(claims: Iterable[Claim]) -> Answers:
    """The answer is the mean of the numbers, whoever gives them."""
    return from_readings(lambda said: Point(sum(one.middle for one in said) / len(said)))(claims)


@_mutant(laws.a_contradiction_is_not_settled_elsewhere, laws.counts_are_whole_and_not_negative)
def _inverse_variance(claims: Iterable[Claim]) -> Answers:
    """Numbers are averaged with the inverse of their Poisson variances, and their errors are taken to be normal."""
    from scipy.special import ndtr, ndtri

    def average(said: Sequence[Any]) -> _Answer:
        weights = [1 / max(one.middle, 0.5) for one in said]
        mean = sum(one.middle * weight for one, weight in zip(said, weights, strict=True)) / sum(weights)
        sd = sum(weights) ** -0.5
        return _Answer(lambda n: float(ndtr((n - mean) / sd)), lambda p: float(mean + sd * ndtri(p)))

    return from_readings(average)(claims)


@_mutant(laws.a_leaning_is_learned)
def _meets_everybody_anew(claims: Iterable[Claim], **options: Any) -> Answers:
    """What a source says of one event is not held against it in another."""
    return _each(claims, lambda claim: claim.quantity.event, **options)


@_mutant(laws.intervals_hold_the_truth)
def _too_sure(claims: Iterable[Claim]) -> Answers:
    """Intervals of 90 % are those that should be called intervals of 20 %."""

    def sharpen(answer: Any) -> _Answer:
        # Quantiles at 5 and 95 % are those at 40 and 60 %.
        return _Answer(
            lambda n: min(max((float(answer.cdf(n)) - 0.5) * 4.5 + 0.5, 0.0), 1.0),
            lambda p: answer.icdf((p - 0.5) / 4.5 + 0.5),
        )

    return _warped(claims, sharpen)


# The form of an answer.


@_mutant(laws.no_claims_make_it_crash)
def _crashes_on_nothing(claims: Iterable[Claim], **options: Any) -> Answers:
    """No claims at all are a division by zero."""
    told = list(claims)
    return _ours(told, **options) if len(told) / len(told) else {}


@_mutant(laws.no_claims_make_it_crash)
def _crashes_on_a_billion(claims: Iterable[Claim], **options: Any) -> Answers:
    """Numbers are put in 32 bits."""
    told = list(claims)
    for claim in told:
        getattr(claim.value, "n", 0).to_bytes(4, "little")
    return _ours(told, **options)


@_mutant(laws.every_quantity_is_answered)
def _drops_what_is_rough(claims: Iterable[Claim], **options: Any) -> Answers:
    """Counts of which nobody gives an exact number are left out."""
    told = list(claims)
    exact = {claim.quantity for claim in told if isinstance(claim.value, Exactly)}
    return {quantity: one for quantity, one in _known(told, options).items() if quantity in exact}


@_mutant(laws.probabilities_sum_to_one)
def _loses_a_tenth(claims: Iterable[Claim]) -> Answers:
    """A tenth of the probability is lost."""
    return _warped(claims, lambda answer: _Answer(lambda n: 0.9 * float(answer.cdf(n)), answer.icdf))


@_mutant(laws.quantiles_are_ordered)
def _quantiles_upside_down(claims: Iterable[Claim]) -> Answers:
    """The quantile at p is that at 1 - p."""
    return _warped(claims, lambda answer: _Answer(lambda n: float(answer.cdf(n)), lambda p: answer.icdf(1 - p)))


@_mutant(laws.counts_are_whole_and_not_negative)
def _half_people(claims: Iterable[Claim]) -> Answers:
    """Counts are smeared over the numbers between them."""

    def smear(answer: Any) -> _Answer:
        return _Answer(lambda n: float((1 - n % 1) * answer.cdf(n // 1) + n % 1 * answer.cdf(n // 1 + 1)))

    return _warped(claims, smear)


@_mutant(laws.same_bits)
def _rolls_dice(claims: Iterable[Claim]) -> Answers:
    """A little noise is added to every probability."""
    noise = random.Random().uniform(0.99, 1.0)  # noqa: S311 - the point is that it is not seeded
    return _warped(claims, lambda answer: _Answer(lambda n: float(answer.cdf(n)) ** noise))


@attrs.frozen(eq=False)
class _Forgetful:
    """A posterior without the roles of relays, repetitions and what was replaced."""

    posterior: Posterior

    @property
    def roles(self) -> list[Any]:
        return [role for role in self.posterior.roles if role.by is None]

    def __contains__(self, quantity: object) -> bool:
        return quantity in self.posterior

    def __getitem__(self, quantity: Quantity) -> Any:
        return self.posterior[quantity]


@_mutant(laws.every_claim_is_accounted_for)
def _says_nothing_of_relays(claims: Iterable[Claim], **options: Any) -> Any:
    """Claims that add nothing are not listed."""
    return _Forgetful(_ours(claims, **options))


_LEARNED: list[Model] = []


@attrs.frozen(eq=False)
class _Teacher:
    posterior: Posterior

    def as_model(self) -> Model:
        _LEARNED[:] = [self.posterior.as_model()]
        return _LEARNED[0]


@_mutant(laws.saving_and_loading_changes_nothing)
def _knows_its_own_model_only(claims: Iterable[Claim], model: Model | None = None) -> Any:
    """A model that was not made in this process teaches it nothing."""
    if model is None:
        return _Teacher(_ours(claims))
    return _ours(claims, model if any(model is one for one in _LEARNED) else None)


@_mutant(laws.a_larger_number_never_lowers, laws.at_least_is_never_lower_than_exactly)
def _casts_out_what_is_large(claims: Iterable[Claim]) -> Answers:
    """An exact number above 40 is thrown away."""
    kept = [claim for claim in claims if not (isinstance(claim.value, Exactly) and claim.value.n > 40)]
    return _ours(kept, laws.model_for(laws.Regime.MONOTONE))


ALL: tuple[Mutant, ...] = tuple(_ALL)


class Verdict(enum.StrEnum):
    """What came of holding a law against a mutant."""

    CAUGHT = "#"
    KEPT = "."
    NOT_APPLICABLE = "-"
    NOT_TRIED = " "


def hold(law: Law, mutant: Mutant, *, settings: Settings | None = None) -> Verdict:
    """Hold a law against a mutant; nothing is shrunk, only found.

    Parameters
    ----------
    law : Law
    mutant : Mutant
    settings : hypothesis.settings, keyword, optional
        Default 30 examples, the same in every run.

    Returns
    -------
    Verdict

    Examples
    --------
    >>> from reconcile.testing import laws
    >>> loud = next(mutant for mutant in ALL if mutant.name == "relays count")
    >>> hold(laws.a_relay_adds_nothing, loud).name
    'CAUGHT'
    """
    from hypothesis import Phase
    from hypothesis import settings as make

    base = make(max_examples=EXAMPLES, derandomize=True) if settings is None else settings
    try:
        law.check(mutant, settings=make(base, phases=[Phase.explicit, Phase.generate]))
    except LawBroken:
        return Verdict.CAUGHT
    except NotApplicable:
        return Verdict.NOT_APPLICABLE
    return Verdict.KEPT


def try_all(mutant: Mutant, every: Sequence[Law]) -> list[Verdict]:
    """Hold every law against a mutant: the laws that it was made to break longer than others.

    A law that holds under a special model says nothing of a mutant that is made of another, and a few laws take long:
    these are held only against mutants that were made to break them.
    """
    from hypothesis import settings as make

    few, found = make(max_examples=FEW, derandomize=True), []
    for law in every:
        if law in mutant.breaks:
            found.append(hold(law, mutant))
        elif law in laws.CONDITIONAL or law.effort < COSTLY:
            found.append(Verdict.NOT_TRIED)
        else:
            found.append(hold(law, mutant, settings=few))
    return found


def main() -> int:
    """Print every law against every mutant; give 1 if a mutant is caught by none or a law catches none, else 0."""
    every = (*laws.ALL, *laws.CONDITIONAL)
    numbers = range(1, len(every) + 1)
    _say(f"{'':{_WIDTH}}{''.join(str(at // 10) if at % 10 == 0 else ' ' for at in numbers)}")
    _say(f"{'':{_WIDTH}}{''.join(str(at % 10) for at in numbers)}")
    idle, free = set(every), []
    for mutant in ALL:
        row = try_all(mutant, every)
        caught = {law for law, found in zip(every, row, strict=True) if found is Verdict.CAUGHT}
        idle -= caught
        if not caught:
            free.append(mutant)
        _say(f"{mutant.name:{_WIDTH}}{''.join(row)}".rstrip())
    _say("", "# caught, . not caught, - not applicable, blank not tried", "")
    _say(*(f"{at:2}  {law.statement}" for at, law in enumerate(every, 1)), "")
    _say(f"{len(ALL)} mutants, caught by none: {', '.join(map(str, free)) or 'none'}")
    _say(f"{len(every)} laws, catching none: {', '.join(law.name for law in every if law in idle) or 'none'}")
    return int(bool(free or idle))


_WIDTH = 32  # of the column of names


def _say(*lines: str) -> None:
    sys.stdout.write("".join(f"{line}\n" for line in lines))
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
