# SPDX-License-Identifier: MIT
"""Laws about what a claim means: floors, ceilings, hedges, zeros and denials, and how an answer follows a number."""

from __future__ import annotations

from typing import Any

from reconcile.testing.adapters import Kind
from reconcile.testing.laws import _scenes as s
from reconcile.testing.laws import _worlds as w
from reconcile.testing.laws._law import Asking, Regime, law
from reconcile.values import AtLeast, AtMost, Exactly

__all__ = [
    "a_denial_by_those_responsible_weighs_less",
    "a_far_larger_number_is_answered_higher",
    "a_hedge_weakens",
    "a_larger_number_never_lowers",
    "a_lone_claim_is_believed",
    "at_least_is_never_lower_than_exactly",
    "at_least_leaves_more_room_above",
    "at_most_leaves_more_room_below",
    "floors_and_ceilings_keep_to_their_side",
    "ten_times_the_claims_ten_times_the_answer",
    "zero_is_no_silence",
]

_NEGLIGIBLE = 1e-9  # probabilities that need not be told apart


@law(Regime.ANY, lambda: w.numbers(1))
def at_least_leaves_more_room_above(ask: Asking, n: int) -> None:
    """A claim of "at least n" leaves more room above n than "exactly n" would.

    Of one claim by one neutral source. The figure behind "at least n" is n or more, that behind "exactly n" is n.
    """
    exact, floor = ask(s.said(Exactly(n))), ask(s.said(AtLeast(n)), "told instead")
    one, other = (ask.distribution(reply, w.KILLED) for reply in (exact, floor))
    ask.need(
        other.above(n) > one.above(n),
        f"a larger probability of more than {n:,} than with exactly {n:,}, {one.above(n):.1%}",
        f"{other.above(n):.1%}",
    )


@law(Regime.ANY, lambda: w.numbers(1))
def at_most_leaves_more_room_below(ask: Asking, n: int) -> None:
    """A claim of "at most n" leaves more room below n than "exactly n" would.

    Of one claim by one neutral source, as above.
    """
    exact, ceiling = ask(s.said(Exactly(n))), ask(s.said(AtMost(n)), "told instead")
    one, other = (ask.distribution(reply, w.KILLED) for reply in (exact, ceiling))
    ask.need(
        other.cdf(n - 1) > one.cdf(n - 1),
        f"a larger probability of less than {n:,} than with exactly {n:,}, {one.cdf(n - 1):.1%}",
        f"{other.cdf(n - 1):.1%}",
    )


@law(Regime.ANY, lambda: w.numbers(1))
def floors_and_ceilings_keep_to_their_side(ask: Asking, n: int) -> None:
    """A lone "at most n" is answered no higher, and a lone "at least n" no lower, than a lone "exactly n".

    By the median. Beside other claims this needs a channel that is monotone: "at least 5" beside three times "50" may
    pull down, where "exactly 5" is taken for a slip, since those who say "at least" are usually close.
    """
    asked = ask(s.said(AtMost(n))), ask(s.said(Exactly(n)), "told instead"), ask(s.said(AtLeast(n)), "told instead")
    low, middle, high = (ask.located(reply, w.KILLED).median for reply in asked)
    ask.need(low <= middle <= high, "medians in rising order", f"{low:,g}, {middle:,g}, {high:,g}")


@law(Regime.ANY, s.far_apart)
def a_far_larger_number_is_answered_higher(ask: Asking, case: tuple[Any, int, int]) -> None:
    """A lone claim of a number twice as large, in the same words, is never answered lower.

    By the median, for numbers up to 10,000. It is not so of all larger numbers: 100 is rounder than 99, so it says less
    and is pulled further towards common counts; and a figure beyond belief is taken for a slip.
    """
    kind, n, far = case
    before, after = ask(s.said(kind(n))), ask(s.said(kind(far)), "told instead")
    low, high = (ask.located(reply, w.KILLED).median for reply in (before, after))
    ask.need(low <= high, f"{low:,g} or more", f"{high:,g}")


@law(Regime.ANY, w.numbers)
def a_lone_claim_is_believed(ask: Asking, n: int) -> None:
    """What one neutral source says exactly, and nobody denies, lies in the 90 % interval.

    For numbers up to 10,000.
    """
    belief = ask(s.said(Exactly(n)))[w.KILLED]
    ask.wants(belief.kind is not Kind.POINT, "a point has no interval")
    low, high = belief.ends
    ask.need(low <= n <= high, f"an interval that holds {n:,}", str(belief))


@law(Regime.ANY, w.numbers)
def a_hedge_weakens(ask: Asking, n: int) -> None:
    """A hedged claim makes its number less probable than a plain one does.

    Of one claim by one neutral source. "Reportedly 5" is 5 with a reserve.
    """
    plain, hedged = ask(s.said(Exactly(n))), ask(s.said(Exactly(n), hedged=True), "told instead")
    one, other = (ask.distribution(reply, w.KILLED).mass(n) for reply in (plain, hedged))
    ask.need(other < one, f"{n:,} with a probability below {one:.2%}", f"{other:.2%}")


@law(Regime.ANY, lambda: w.by_monitors(most=2))
def zero_is_no_silence(ask: Asking, claims: Any) -> None:
    """A further neutral source that says "none" makes none more probable.

    A zero is a claim: no count makes it likelier than the count 0, so it can only raise that count's probability.
    """
    more = (*claims, *w.exactly(w.KILLED, 0, first=2))
    before, after = ask(claims), ask(more, "told also")
    one, other = (ask.distribution(reply, w.KILLED).cdf(0) for reply in (before, after))
    ask.need(other > one or one > 1 - 1e-6, f"none with a probability above {one:.2g}", f"{other:.2g}")


@law(Regime.ANY, lambda: w.numbers(1, 1_000))
def a_denial_by_those_responsible_weighs_less(ask: Asking, n: int) -> None:
    """A denial by the party that is held responsible weighs less than one by a party that is not.

    Beside a monitor that says "n": who has cause to deny is expected to, more often than others.
    """
    free, blamed = ask(s.denied(n, blamed=False)), ask(s.denied(n, blamed=True), "told instead")
    one, other = (reply.claims[0].quantity for reply in (free, blamed))
    before, after = ask.distribution(free, one).cdf(0), ask.distribution(blamed, other).cdf(0)
    expected = f"none with a probability below {before:.2g}"
    ask.need(after < before or before < _NEGLIGIBLE, expected, f"{after:.2g}")


@law(Regime.ANY, s.tenfold)
def ten_times_the_claims_ten_times_the_answer(ask: Asking, pair: w.Pair) -> None:
    """Ten times the claims of large numbers of displaced people, about ten times the answer.

    By the median, within a quarter. The prior of the displaced is nearly free of scale and errors are relative, so only
    that exactness falls with size keeps the factor from being ten.
    """
    before, after = ask(pair.before), ask(pair.after, "told instead")
    quantity = pair.before[0].quantity
    low, high = (ask.located(reply, quantity).median for reply in (before, after))
    ask.need(8 * low <= high <= 12.5 * low, f"about ten times {low:,g}", f"{high:,g}")


@law(Regime.MONOTONE, s.larger)
def a_larger_number_never_lowers(ask: Asking, pair: w.Pair) -> None:
    """A larger exact number in place of a smaller never lowers the answer, whatever else is said.

    In stochastic order. Proof: let p(n | y) be the probability of the figure n for the true count y. If p has a
    monotone likelihood ratio, p(m | y) / p(n | y) rises with y for m > n. Given all else, the posterior of y with m is
    that with n times this ratio, up to a constant, and a weight that rises moves a distribution up (likelihood ratio
    order implies stochastic order). It needs that nobody is taken to copy, to round or to err grossly, and that the
    spread of the source is known: an exact hit, a gross error and heavy tails all break the ratio. `model_for` gives
    the model.
    """
    before, after = ask(pair.before), ask(pair.after, "told instead")
    ask.never_lower(before, after, w.KILLED)


@law(Regime.MONOTONE, s.floored)
def at_least_is_never_lower_than_exactly(ask: Asking, triple: tuple[Any, Any, Any]) -> None:
    """A claim of "at least n" never leaves the answer lower than "exactly n", and "at most n" never higher.

    In stochastic order, whatever else is said. Proof: P(value | y) is the sum over figures m of w(m) p(m | y), where w
    says how well m fits the words: "exactly n" fits n alone, "at least n" fits n and above. Their ratio
    rises with m, p has a monotone likelihood ratio, and sums of products of such kernels have one too (the basic
    composition formula, Karlin 1968): so the ratio of the two likelihoods rises with y, and the rest is as above. "At
    most" is the mirror image.
    """
    low, middle, high = (ask(claims, "told" if at == 0 else "told instead") for at, claims in enumerate(triple))
    ask.never_lower(low, middle, w.KILLED)
    ask.never_lower(middle, high, w.KILLED)
