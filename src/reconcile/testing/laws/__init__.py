# SPDX-License-Identifier: MIT
"""Laws that a reconciler keeps, whoever wrote it, and a search for the claims with which it breaks them.

``Law.check(estimate)`` looks for a counterexample with Hypothesis and raises `LawBroken` with the fewest and plainest
claims that it finds. A reconciler is anything that takes claims and gives a mapping of quantities to answers, see
`reconcile.testing.adapters`. Every law is true of `reconcile.estimate`: those of `ALL` as it comes, those of
`CONDITIONAL` with the model that `model_for` gives for their regime.

>>> from reconcile.testing import laws
>>> len(laws.ALL) + len(laws.CONDITIONAL) >= 20
True
"""

from __future__ import annotations

from reconcile.testing.laws._broken import LawBroken, NotApplicable
from reconcile.testing.laws._coherence import (
    killed_and_injured_add_up,
    parts_never_exceed_wholes,
    parts_that_are_apart_share_the_whole,
    what_is_forced_holds,
)
from reconcile.testing.laws._form import (
    counts_are_whole_and_not_negative,
    every_claim_is_accounted_for,
    every_quantity_is_answered,
    no_claims_make_it_crash,
    probabilities_sum_to_one,
    quantiles_are_ordered,
    same_bits,
    saving_and_loading_changes_nothing,
)
from reconcile.testing.laws._law import Law, Regime
from reconcile.testing.laws._meaning import (
    a_denial_by_those_responsible_weighs_less,
    a_far_larger_number_is_answered_higher,
    a_hedge_weakens,
    a_larger_number_never_lowers,
    a_lone_claim_is_believed,
    at_least_is_never_lower_than_exactly,
    at_least_leaves_more_room_above,
    at_most_leaves_more_room_below,
    floors_and_ceilings_keep_to_their_side,
    ten_times_the_claims_ten_times_the_answer,
    zero_is_no_silence,
)
from reconcile.testing.laws._models import (
    model_for,
)
from reconcile.testing.laws._repetition import (
    a_claim_that_says_nothing_changes_nothing,
    a_past_day_hears_nothing_later,
    a_relay_adds_nothing,
    a_repetition_adds_nothing,
    a_superseded_claim_is_as_if_unsaid,
    names_are_irrelevant,
    order_is_irrelevant,
    swapping_parties_swaps_the_answers,
    unconnected_counts_are_untouched,
)
from reconcile.testing.laws._sources import (
    a_contradiction_is_not_settled_elsewhere,
    a_contradiction_lies_between,
    a_contradiction_weakens,
    a_leaning_is_learned,
    agreement_strengthens,
    intervals_hold_the_truth,
)

# In the order of a reader: the form of an answer, what changes nothing, what words mean, counts that are bound
# together, what several sources say.
ALL: tuple[Law, ...] = (
    no_claims_make_it_crash,
    every_quantity_is_answered,
    probabilities_sum_to_one,
    quantiles_are_ordered,
    counts_are_whole_and_not_negative,
    same_bits,
    every_claim_is_accounted_for,
    saving_and_loading_changes_nothing,
    order_is_irrelevant,
    a_relay_adds_nothing,
    a_repetition_adds_nothing,
    a_claim_that_says_nothing_changes_nothing,
    names_are_irrelevant,
    swapping_parties_swaps_the_answers,
    a_superseded_claim_is_as_if_unsaid,
    a_past_day_hears_nothing_later,
    unconnected_counts_are_untouched,
    at_least_leaves_more_room_above,
    at_most_leaves_more_room_below,
    floors_and_ceilings_keep_to_their_side,
    a_far_larger_number_is_answered_higher,
    a_lone_claim_is_believed,
    a_hedge_weakens,
    zero_is_no_silence,
    a_denial_by_those_responsible_weighs_less,
    ten_times_the_claims_ten_times_the_answer,
    parts_never_exceed_wholes,
    killed_and_injured_add_up,
    parts_that_are_apart_share_the_whole,
    agreement_strengthens,
    a_contradiction_lies_between,
    a_contradiction_is_not_settled_elsewhere,
    a_contradiction_weakens,
    intervals_hold_the_truth,
    a_leaning_is_learned,
)
CONDITIONAL: tuple[Law, ...] = (
    a_larger_number_never_lowers,
    at_least_is_never_lower_than_exactly,
    what_is_forced_holds,
)

__all__ = [
    "ALL",
    "CONDITIONAL",
    "Law",
    "LawBroken",
    "NotApplicable",
    "Regime",
    "a_claim_that_says_nothing_changes_nothing",
    "a_contradiction_is_not_settled_elsewhere",
    "a_contradiction_lies_between",
    "a_contradiction_weakens",
    "a_denial_by_those_responsible_weighs_less",
    "a_far_larger_number_is_answered_higher",
    "a_hedge_weakens",
    "a_larger_number_never_lowers",
    "a_leaning_is_learned",
    "a_lone_claim_is_believed",
    "a_past_day_hears_nothing_later",
    "a_relay_adds_nothing",
    "a_repetition_adds_nothing",
    "a_superseded_claim_is_as_if_unsaid",
    "agreement_strengthens",
    "at_least_is_never_lower_than_exactly",
    "at_least_leaves_more_room_above",
    "at_most_leaves_more_room_below",
    "counts_are_whole_and_not_negative",
    "every_claim_is_accounted_for",
    "every_quantity_is_answered",
    "floors_and_ceilings_keep_to_their_side",
    "intervals_hold_the_truth",
    "killed_and_injured_add_up",
    "model_for",
    "names_are_irrelevant",
    "no_claims_make_it_crash",
    "order_is_irrelevant",
    "parts_never_exceed_wholes",
    "parts_that_are_apart_share_the_whole",
    "probabilities_sum_to_one",
    "quantiles_are_ordered",
    "same_bits",
    "saving_and_loading_changes_nothing",
    "swapping_parties_swaps_the_answers",
    "ten_times_the_claims_ten_times_the_answer",
    "unconnected_counts_are_untouched",
    "what_is_forced_holds",
    "zero_is_no_silence",
]
