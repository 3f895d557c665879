# SPDX-License-Identifier: MIT
"""Every law holds of `estimate`; what a law says when it is broken, and when it does not apply."""

from __future__ import annotations

import functools
import pickle
import statistics
import subprocess
import sys
import unittest
import warnings

import hypothesis
import pytest

import reconcile as rc
from reconcile import rules
from reconcile.errors import InvalidValue, ReconcileError
from reconcile.testing import laws
from reconcile.testing.adapters import Interval, Point, by_quantity, from_readings, from_rule
from reconcile.testing.laws import LawBroken, NotApplicable, Regime


def few():
    """A few examples: there are many laws, and each example is a fit or more."""
    return hypothesis.settings(max_examples=4)


@pytest.mark.parametrize("law", laws.ALL, ids=str)
def test_estimate_keeps_the_law(law):
    # Count priors and classes connect all claims, unless they are held.
    apart = law is laws.unconnected_counts_are_untouched
    law.check(functools.partial(rc.estimate, learn=False) if apart else rc.estimate, settings=few())


@pytest.mark.parametrize("law", laws.CONDITIONAL, ids=str)
def test_estimate_keeps_the_law_under_the_model_for_it(law):
    law.check(functools.partial(rc.estimate, model=laws.model_for(law.regime)), settings=few())


# Laws that do not ask how certain an answer is, or that sources are learned, hold of learned sources too.
@pytest.mark.slow
@pytest.mark.parametrize("law", [laws.order_is_irrelevant, laws.a_relay_adds_nothing], ids=str)
def test_a_learning_estimate_keeps_the_law(law):
    law.check(functools.partial(rc.estimate, learn=True), settings=hypothesis.settings(max_examples=2))


def test_there_are_many_laws_and_each_is_a_sentence():
    every = [*laws.ALL, *laws.CONDITIONAL]
    assert len(every) >= 20
    assert len({law.name for law in every}) == len(every)
    for law in every:
        assert law.statement.endswith("."), law
        assert law.reason, law
        assert getattr(laws, law.name) is law
    assert {law.regime for law in every} == set(Regime)


def lowest(said):
    return min(one.low for one in said)


def median(said):
    return statistics.median_low([one.middle for one in said])


def test_a_counterexample_is_small_and_told_in_words():
    with pytest.raises(LawBroken) as caught:
        laws.parts_never_exceed_wholes.check(from_readings(lowest))
    broken = caught.value
    assert isinstance(broken, ReconcileError)
    assert isinstance(broken, AssertionError)
    assert {c.value for c in broken.claims} == {rc.Exactly(0), rc.Exactly(1)}
    assert len(broken.claims) == 2
    assert broken.law == "parts_never_exceed_wholes"
    assert str(broken).splitlines() == [
        "broken: A part never exceeds its whole.",
        "  told:",
        "    1. monitor A: 0 killed, market",
        "    2. monitor B: 1 killed (child), market",
        "  expected: killed, market no fewer than killed (child), market, 1",
        "  found: 0",
    ]
    again = pickle.loads(pickle.dumps(broken))
    assert str(again) == str(broken)
    assert again.claims == broken.claims


def test_a_crash_is_told_with_its_cause():
    def crash(claims):
        return {claim.quantity: 1 // (len(list(claims)) - 1) for claim in claims}

    with pytest.raises(LawBroken, match="it raised ZeroDivisionError") as caught:
        laws.order_is_irrelevant.check(by_quantity(lambda said: 1 // (len(said) - 2)))
    assert isinstance(caught.value.__cause__, ZeroDivisionError)
    with pytest.raises(LawBroken):
        laws.no_claims_make_it_crash.check(crash)


def test_what_does_not_apply_is_skipped_and_not_passed():
    for law, reconciler in [
        (laws.at_least_leaves_more_room_above, from_readings(median)),
        (laws.quantiles_are_ordered, from_readings(median)),
        (laws.a_past_day_hears_nothing_later, from_readings(median)),
        (laws.every_claim_is_accounted_for, from_readings(median)),
        (laws.a_contradiction_lies_between, from_rule(rules.MIN_MAX)),
    ]:
        with pytest.raises(NotApplicable) as caught:
            law.check(reconciler)
        assert isinstance(caught.value, unittest.SkipTest), "pytest and unittest skip"
        assert pickle.loads(pickle.dumps(caught.value)).reason == caught.value.reason


def test_a_reconciler_that_refuses_everything_passes_no_law():
    def refuse(claims):
        raise InvalidValue("claims", claims, "nothing")

    with pytest.raises(NotApplicable, match="no world of the law was answered"):
        laws.order_is_irrelevant.check(refuse)


# Hypothesis goes through some 450 worlds until it believes that none is answered.
@pytest.mark.parametrize(
    "law",
    [
        pytest.param(law, id=str(law), marks=[pytest.mark.slow] * (at % 5 > 0))
        for at, law in enumerate(law for law in laws.ALL if law is not laws.no_claims_make_it_crash)
    ],
)
def test_a_reconciler_without_answers_passes_no_law_that_asks_for_one(law):
    unshrunk = hypothesis.settings(max_examples=5, phases=[hypothesis.Phase.generate])
    with pytest.raises((NotApplicable, LawBroken)):
        law.check(lambda _: {}, settings=unshrunk)


def test_refusing_is_no_crash():
    def refuse_large(claims):
        if any(getattr(claim.value, "n", 0) > 10**6 for claim in claims):
            raise InvalidValue("claims", claims, "smaller numbers")
        return rc.estimate(claims)

    laws.no_claims_make_it_crash.check(refuse_large, settings=hypothesis.settings(max_examples=20))


def test_a_warning_is_no_crash():
    def warn(claims):
        warnings.warn("only a few claims", rc.ClaimsWarning, stacklevel=1)
        return rc.estimate(claims)

    laws.a_relay_adds_nothing.check(warn, settings=hypothesis.settings(max_examples=3))


def test_an_answer_of_no_known_form_is_the_callers_error():
    with pytest.raises(InvalidValue, match="answer"):
        laws.probabilities_sum_to_one.check(by_quantity(lambda _: object()))
    with pytest.raises(InvalidValue, match="a mapping of quantities to answers"):
        laws.probabilities_sum_to_one.check(lambda _: 3)
    with pytest.raises(InvalidValue, match="estimate"):
        laws.order_is_irrelevant.check(3)


def test_an_undecided_reconciler_is_found_out():
    turns = iter(range(10**6))
    with pytest.raises(LawBroken):
        laws.order_is_irrelevant.check(by_quantity(lambda _: next(turns) // 3))


def test_settings_are_those_given():
    seen = []

    def count(claims):
        seen.append(len(claims))
        return rc.estimate(claims)

    laws.a_relay_adds_nothing.check(count, settings=hypothesis.settings(max_examples=5))
    assert 0 < len(seen) <= 10


def test_a_stated_error_is_allowed_for():
    class Rough(dict):
        def __init__(self, given, error):
            super().__init__(given)
            self.diagnostics = type("", (), {"error": error})()

    def of_two(error):
        # The probability of 0 is off by .03, one way or the other, depending on who comes first.
        def reconcile(claims):
            tilt = 0.03 if claims and claims[0].value == rc.Exactly(0) else 0.0
            return Rough({c.quantity: {0: 0.5 + tilt, 1: 0.5 - tilt} for c in claims}, error)

        return reconcile

    laws.a_relay_adds_nothing.check(of_two(0.0))
    with pytest.raises(LawBroken):
        laws.a_superseded_claim_is_as_if_unsaid.check(of_two(0.0))
    laws.a_superseded_claim_is_as_if_unsaid.check(of_two(0.01))


def test_points_and_intervals_are_compared_in_proportion():
    def longer(claims):
        return {c.quantity: Point(100 + len(claims)) for c in claims}

    with pytest.raises(LawBroken):
        laws.a_repetition_adds_nothing.check(longer, tolerance=0.001)
    laws.a_repetition_adds_nothing.check(longer, tolerance=0.02)
    laws.a_repetition_adds_nothing.check(lambda claims: {c.quantity: Point(3) for c in claims}, tolerance=0.0)
    laws.a_repetition_adds_nothing.check(lambda claims: {c.quantity: Interval(3, 4) for c in claims}, tolerance=0.0)


def test_claims_are_told_with_what_a_law_may_turn_on():
    killed = rc.Event("market", perpetrators={"South"}).killed()
    ministry = rc.Source("ministry", kind="government", sides={"South"})
    first = rc.Claim(killed, rc.Exactly(5), rc.Source("monitor"))
    relay = rc.Claim(killed, rc.Exactly(5), rc.Source("wire"), quoted_from=first)
    denial = rc.Claim(killed, rc.Exactly(0), ministry, revises="earlier", hedged=True, reported="2020-02-10")
    found = rc.Claim(killed, rc.AtLeast(4), rc.Source("agency"), citation=rc.Citation(publisher="another page"))
    quoting = rc.Claim(killed, rc.About(4), rc.Source("paper"), quoted_from=ministry)
    told = (("told", (first, relay, denial, found, quoting)), ("told nothing", ()), ("told much", (first,) * 20))
    assert str(LawBroken("law", "A law.", told, "this", "that")).splitlines() == [
        "broken: A law.",
        "  told:",
        "    1. monitor: 5 killed, market",
        "    2. wire: 5 killed, market, quoting claim 1",
        "    3. ministry: 0 killed, market, hedged (2020-02-10), revising earlier [for South] [held responsible]",
        "    4. agency: at least 4 killed, market [another page]",
        "    5. paper: about 4 killed, market, quoting ministry",
        "  told nothing:",
        "    nothing",
        "  told much:",
        "    20 of the same claims",
        "  expected: this",
        "  found: that",
    ]


def test_laws_are_listed_without_hypothesis():
    code = (
        "import sys; sys.modules['hypothesis'] = None; from reconcile.testing import laws\n"
        "import reconcile as rc\n"
        "try: laws.ALL[0].check(rc.estimate)\n"
        "except rc.MissingDependency as error: print(error)"
    )
    ran = subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=True)
    assert "hypothesis" in ran.stdout
    assert "reconcile-claims[testing]" in ran.stdout
