# SPDX-License-Identifier: MIT
"""Laws about what changes nothing: order, names, copies, what was replaced or came later, what is about elsewhere."""

from __future__ import annotations

from reconcile.claims import Claim
from reconcile.testing.laws import _worlds as w
from reconcile.testing.laws._law import ROUNDING, Asking, Regime, law

__all__ = [
    "a_claim_that_says_nothing_changes_nothing",
    "a_past_day_hears_nothing_later",
    "a_relay_adds_nothing",
    "a_repetition_adds_nothing",
    "a_superseded_claim_is_as_if_unsaid",
    "names_are_irrelevant",
    "order_is_irrelevant",
    "swapping_parties_swaps_the_answers",
    "unconnected_counts_are_untouched",
]


@law(Regime.ANY, w.shuffled, effort=0.5)
def order_is_irrelevant(ask: Asking, pair: w.Pair) -> None:
    """The order in which claims are given is irrelevant.

    When a claim was made is in its dates. `estimate` sorts claims by id before it does anything.
    """
    ask.same(ask(pair.before), ask(pair.after, "told in another order"), tolerance=ROUNDING)


@law(Regime.ANY, w.relayed)
def a_relay_adds_nothing(ask: Asking, pair: w.Pair) -> None:
    """A relay adds nothing to the claim that it quotes.

    Ten outlets that print one wire story are one observation. In `estimate` a relay has a role and no likelihood.
    """
    ask.same(ask(pair.before), ask(pair.after, "told with a relay"))


@law(Regime.ANY, w.repeated)
def a_repetition_adds_nothing(ask: Asking, pair: w.Pair) -> None:
    """A source that says the same again adds nothing.

    A claim found on two pages was made once. In `estimate` the second has the role of a duplicate.
    """
    ask.same(ask(pair.before), ask(pair.after, "told with a repetition"))


@law(Regime.ANY, w.with_nothing_said)
def a_claim_that_says_nothing_changes_nothing(ask: Asking, pair: w.Pair) -> None:
    """A claim of "at least 0" changes nothing, if it is made last by somebody who says nothing else.

    It is true of every count, so its likelihood is constant. Made earlier it could have been copied, which tells a
    model of copying something about the sources that came later.
    """
    ask.same(ask(pair.before), ask(pair.after, 'told also "at least 0"'))


@law(Regime.ANY, w.renamed)
def names_are_irrelevant(ask: Asking, pair: w.Pair) -> None:
    """What sources, parties and events are called is irrelevant.

    Other names for all, the same name for the same thing. The claims have dates: where none tells who spoke first,
    `estimate` goes by the alphabet to say who may have copied whom.
    """
    ask.same(ask(pair.before), ask(pair.after, "told with other names"), pair.renamed)


@law(Regime.ANY, w.swapped)
def swapping_parties_swaps_the_answers(ask: Asking, pair: w.Pair) -> None:
    """Exchanging two parties in all claims exchanges their answers.

    Their ministries change sides with them: no party is believed for who it is.
    """
    ask.same(ask(pair.before), ask(pair.after, "told with the parties exchanged"), pair.renamed)


@law(Regime.ANY, w.superseded)
def a_superseded_claim_is_as_if_unsaid(ask: Asking, pair: w.Pair) -> None:
    """What a source has replaced, by a later figure or a revision, is as if it had never been said.

    It stays in the record. In `estimate` it has the role "superseded" and no likelihood.
    """
    ask.same(ask(pair.before), ask(pair.after, "told also what was replaced"))


@law(Regime.ANY, w.dated)
def a_past_day_hears_nothing_later(ask: Asking, case: tuple[tuple[Claim, ...], int]) -> None:
    """Asked as of a past day, it answers as if nothing had been said since.

    With ``as_of=`` a reader replays what could be known then; knowledge of what came later would make the replay lie.
    """
    ask.takes("as_of")
    claims, last = case
    until = tuple(claim for claim in claims if claim.reported is not None and claim.reported <= w.day(last))
    before, after = ask(until), ask(claims, f"told more, and asked as of {w.day(last)}", as_of=w.day(last))
    ask.same(before, after)


@law(Regime.KNOWN, w.unconnected)
def unconnected_counts_are_untouched(ask: Asking, pair: w.Pair) -> None:
    """Claims of other sources about another event leave an answer as it is.

    Nothing connects them while sources and the prior of counts are known. Where these are learned from all claims
    together, everything is connected.
    """
    ask.same(ask(pair.before), ask(pair.after, "told also of another event"))
