# SPDX-License-Identifier: MIT
"""Laws about the form of an answer, whatever it says."""

from __future__ import annotations

from collections import Counter
from typing import Any

from reconcile.claims import Claim
from reconcile.testing.adapters import LARGEST, Kind
from reconcile.testing.laws import _worlds as w
from reconcile.testing.laws._broken import tell
from reconcile.testing.laws._law import ROUNDING, Asking, Regime, law, probes

__all__ = [
    "counts_are_whole_and_not_negative",
    "every_claim_is_accounted_for",
    "every_quantity_is_answered",
    "no_claims_make_it_crash",
    "probabilities_sum_to_one",
    "quantiles_are_ordered",
    "same_bits",
    "saving_and_loading_changes_nothing",
]

_LEVELS = (0.025, 0.05, 0.25, 0.5, 0.75, 0.95, 0.975)
_SEEDS = ("rng", "seed", "random_state")
_LONGEST = 200  # counts up to which single probabilities are compared with the distribution function


@law(Regime.ANY, w.anything, effort=0.4)
def no_claims_make_it_crash(ask: Asking, claims: tuple[Claim, ...]) -> None:
    """No claims make it raise anything but a `ReconcileError`.

    Well-formed claims may be none, huge, absurd or contradictory: a reconciler may refuse them, in a way that a caller
    can tell from a bug.
    """
    ask(claims)


@law(Regime.ANY, w.anything_or_little)
def every_quantity_is_answered(ask: Asking, claims: tuple[Claim, ...]) -> None:
    """Every quantity that a claim mentions is answered.

    Also one of which only a share is stated, or only a range: what is not answered was dropped in silence.
    """
    reply = ask(claims)
    for quantity in dict.fromkeys(claim.quantity for claim in claims):
        ask.need(quantity in reply, f"an answer for {quantity}", "none")


@law(Regime.ANY, w.worlds)
def probabilities_sum_to_one(ask: Asking, claims: tuple[Claim, ...]) -> None:
    """Probabilities are not negative and sum to one.

    So the distribution function rises from 0 to 1; single probabilities, where the answer gives them, are its steps.
    """
    reply = ask(claims)
    for quantity in reply:
        belief = ask.distribution(reply, quantity)
        last = 0.0
        for n in (*probes(claims, belief), LARGEST):
            below = belief.cdf(n)
            good = last - ROUNDING <= below <= 1 + ROUNDING
            ask.need(good, f"at most {n:,} {quantity} with a probability from {last:.1%} to 100 %", f"{below:.1%}")
            last = below
        ask.need(abs(last - 1) <= 1e-6, f"probabilities of {quantity} that sum to 100 %", f"{last:.2%} in all")
        pmf: Any = getattr(reply.answer[quantity], "pmf", None)
        running = 0.0
        for n in range(min(int(belief.quantile(0.95)), _LONGEST) + 1) if callable(pmf) else ():
            running += float(pmf(n))
            close = abs(running - belief.cdf(n)) <= 1e-6
            ask.need(close, f"0 to {n:,} {quantity} with {belief.cdf(n):.2%} in all", f"{running:.2%}")


@law(Regime.ANY, w.worlds)
def quantiles_are_ordered(ask: Asking, claims: tuple[Claim, ...]) -> None:
    """Quantiles rise with their level and agree with the probabilities.

    The quantile at p is the smallest count with a probability of at least p at or below it.
    """
    reply = ask(claims)
    for quantity in reply:
        belief = reply[quantity]
        ask.wants(belief.kind is not Kind.POINT, "a point has no quantiles")
        levels = _LEVELS if belief.kind is Kind.DISTRIBUTION else ((1 - belief.level) / 2, (1 + belief.level) / 2)
        found = [belief.quantile(p) for p in levels]
        said = ", ".join(f"{n:,g}" for n in found)
        ask.need(found == sorted(found), f"quantiles of {quantity} in rising order", said)
        if belief.kind is Kind.DISTRIBUTION:
            for p, n in zip(levels, found, strict=True):
                below, before = belief.cdf(n), belief.cdf(n - 1)
                ask.need(
                    before <= p + 1e-6 and below >= p - 1e-6,
                    f"{n:,g} {quantity}, the quantile at {p:g}, reached where the probability passes {p:g}",
                    f"at most {n:,g} with {below:.4f}, one less with {before:.4f}",
                )


@law(Regime.ANY, w.worlds)
def counts_are_whole_and_not_negative(ask: Asking, claims: tuple[Claim, ...]) -> None:
    """Counts are whole and not negative.

    People are counted: there is no probability below 0 or between two whole numbers.
    """
    reply = ask(claims)
    for quantity in reply:
        belief = reply[quantity]
        for n in {belief.ends[0], belief.ends[1], *([] if belief.kind is Kind.INTERVAL else [belief.median])}:
            ask.need(n >= 0 and n == round(n), f"a whole number of {quantity}, not below 0", f"{n:,g}")
        if belief.kind is Kind.DISTRIBUTION:
            ask.need(belief.cdf(-0.5) <= ROUNDING, f"no probability below 0 {quantity}", f"{belief.cdf(-0.5):.2g}")
            for n in probes(claims, belief):
                between = belief.cdf(n + 0.75) - belief.cdf(n + 0.25)
                ask.need(
                    between <= ROUNDING, f"no probability between {n:,} and {n + 1:,} {quantity}", f"{between:.2g}"
                )


@law(Regime.ANY, lambda: w.worlds() | w.of_busy_sources(), effort=0.3)
def same_bits(ask: Asking, claims: tuple[Claim, ...]) -> None:
    """The same claims get the same answer, to the last bit.

    With the same seed, where the reconciler takes one (``rng``, ``seed`` or ``random_state``).
    """
    named = {parameter.name for parameter in ask.parameters}
    options: dict[str, Any] = {name: 0 for name in _SEEDS if name in named}
    before, after = ask(claims, **options), ask(claims, "told once more", **options)
    ask.same(before, after, tolerance=0.0)


@law(Regime.ANY, w.linked)
def every_claim_is_accounted_for(ask: Asking, claims: tuple[Claim, ...]) -> None:
    """The answer says of every claim what it did with it, once.

    Relays, repetitions and replaced figures too, each in `roles` with the claim: nothing is dropped in silence.
    """
    reply = ask(claims)
    roles = getattr(reply.answer, "roles", None)
    ask.wants(roles is not None, "the answer has no roles")
    listed = Counter(role.claim.id for role in roles or ())
    for claim in dict.fromkeys(claims):
        ask.need(listed[claim.id] == 1, f"one role for each claim, also for: {tell(claim)}", f"{listed[claim.id]}")


@law(Regime.LEARNED, lambda: w.by_monitors(most=1), effort=0.01)
def saving_and_loading_changes_nothing(ask: Asking, claims: tuple[Claim, ...]) -> None:
    """A model that has learned from claims answers later claims alike after it was saved and loaded.

    To the last bit: the file holds all that was learned.
    """
    import tempfile
    from pathlib import Path

    from reconcile.io import models

    ask.takes("model")
    as_model = getattr(ask(claims, "learned from").answer, "as_model", None)
    ask.wants(callable(as_model), "the answer has no as_model()")
    model: Any = as_model() if callable(as_model) else None
    later = w.exactly(w.CLASH.killed(), 5)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.npz"
        models.save(model, path)
        again = models.load(path)
    before = ask(later, "told then", model=model)
    ask.same(before, ask(later, "told then, after saving and loading", model=again), tolerance=0.0)
