# SPDX-License-Identifier: MIT
"""Laws about what several sources say together, and what is learned of them."""

from __future__ import annotations

from collections import defaultdict

from reconcile.claims import Claim
from reconcile.testing.adapters import Kind
from reconcile.testing.laws import _scenes as s
from reconcile.testing.laws import _worlds as w
from reconcile.testing.laws._law import Asking, Regime, law
from reconcile.vocabulary import Quantity

__all__ = [
    "a_contradiction_is_not_settled_elsewhere",
    "a_contradiction_lies_between",
    "a_contradiction_weakens",
    "a_leaning_is_learned",
    "agreement_strengthens",
    "intervals_hold_the_truth",
]

_LEAST_COVERAGE = 0.8  # of 90 % intervals in 150 worlds: four standard errors below what they should hold


@law(Regime.KNOWN, s.agreeing)
def agreement_strengthens(ask: Asking, case: tuple[tuple[Claim, ...], int]) -> None:
    """A further neutral source that says exactly n makes n more probable.

    No count makes "n" likelier than the count n, so the new likelihood is largest there, and the posterior of n grows
    by how much it is above its average.
    """
    claims, n = case
    before, after = ask(claims), ask((*claims, *w.exactly(w.KILLED, n, first=4)), "told also")
    one, other = (ask.distribution(reply, w.KILLED).mass(n) for reply in (before, after))
    ask.need(other > one or one > 1 - 1e-6, f"{n:,} with a probability above {one:.2%}", f"{other:.2%}")


@law(Regime.KNOWN, s.contradicting)
def a_contradiction_lies_between(ask: Asking, case: tuple[int, int]) -> None:
    """Two equals that contradict each other are answered from the lower to the higher of their numbers.

    By the median, for numbers that are half as large again or more; closer ones, if they are round, may both be pulled
    towards common counts.
    """
    low, high = case
    found = ask.located(ask(w.exactly(w.KILLED, low, high)), w.KILLED).median
    ask.need(low <= found <= high, f"a median from {low:,} to {high:,}", f"{found:,g}")


@law(Regime.KNOWN, s.contradicting)
def a_contradiction_is_not_settled_elsewhere(ask: Asking, case: tuple[int, int]) -> None:
    """Where two equals contradict each other, the 90 % interval holds what at least one of them says.

    Both may be wrong, but an interval that is sure of it knows more than anybody said. For numbers up to 100, which
    sources can count.
    """
    low, high = case
    belief = ask(w.exactly(w.KILLED, low, high))[w.KILLED]
    ask.wants(belief.kind is not Kind.POINT, "a point has no interval")
    ask.wants(belief.level == 0.9, "its interval is not one of 90 %")
    first, last = belief.ends
    if high <= 100:
        held = first <= low <= last or first <= high <= last
        ask.need(held, f"an interval that holds {low:,} or {high:,}", str(belief))


@law(Regime.KNOWN, s.contradicting)
def a_contradiction_weakens(ask: Asking, case: tuple[int, int]) -> None:
    """A second source that contradicts the first leaves its number less probable than one that confirms it.

    The likelihood of another number is lower at n than that of n itself, and lower against its average.
    """
    low, high = case
    agreed = ask.distribution(ask(w.exactly(w.KILLED, low, low)), w.KILLED).mass(low)
    denied = ask.distribution(ask(w.exactly(w.KILLED, low, high), "told instead"), w.KILLED).mass(low)
    ask.need(denied < agreed, f"{low:,} with a probability below {agreed:.1%}", f"{denied:.1%}")


@law(Regime.KNOWN, s.simulated, effort=0.02)
def intervals_hold_the_truth(ask: Asking, case: s.Simulated) -> None:
    """Of 150 simulated counts, 90 % intervals hold at least 80 %.

    Of displaced people, whose numbers are large, so that few claims hit them. The worlds are those of
    `reconcile.simulate`: sources of the kinds that the evidence of the model describes. A calibrated method holds 135
    or more, since ends are counted in; 120 is four standard errors below.
    """
    said, counts = case.claims, case.counts
    reply = ask(said)
    claims: dict[Quantity, list[Claim]] = defaultdict(list)
    for claim in said:
        claims[claim.quantity].append(claim)
    missed = []
    for quantity in claims:
        belief = reply[quantity]
        ask.wants(belief.kind is not Kind.POINT, "a point has no interval")
        low, high = belief.ends
        if not low <= counts[quantity] <= high:
            missed.append(quantity)
    held = 1 - len(missed) / len(claims)
    if held < _LEAST_COVERAGE:
        one = min(missed, key=lambda quantity: (len(claims[quantity]), counts[quantity]))
        ask.told = [(f"told of one of them, where there were {counts[one]:,}", tuple(claims[one]))]
        expected = f"intervals that hold {_LEAST_COVERAGE:.0%} of {len(claims)} counts"
        raise ask.broken(expected, f"{held:.0%}; here {reply[one]}")


@law(Regime.LEARNED, s.leaning, effort=0.01)
def a_leaning_is_learned(ask: Asking, case: tuple[tuple[Claim, ...], Claim]) -> None:
    """A source that says twice what others say, wherever they meet, is answered lower where it speaks alone.

    By the median, after five events of which two others say one number and it says its double.
    """
    corpus, lone = case
    before, after = ask([lone], "told alone"), ask([*corpus, lone], "told with the rest")
    one, other = (ask.located(reply, lone.quantity).median for reply in (before, after))
    ask.need(other < one, f"fewer {lone.quantity} than {one:,g}", f"{other:,g}")
