# SPDX-License-Identifier: MIT
"""How the laws read an answer, and the adapters."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import special
from worlds import MARKET, claim

import reconcile as rc
from reconcile import rules
from reconcile.errors import InvalidValue
from reconcile.testing.adapters import Interval, Kind, Point, by_quantity, from_readings, from_rule, read

KILLED = MARKET.killed()


class Only:
    """An answer that has one method and no other."""

    def __init__(self, **methods):
        vars(self).update(methods)


ours = rc.estimate([claim(KILLED, 5, "a"), claim(KILLED, 9, "b")])[KILLED]


@pytest.mark.parametrize(
    "answer",
    [Only(cdf=ours.cdf), Only(icdf=ours.icdf), Only(ppf=ours.icdf), Only(quantile=ours.icdf), Only(pmf=ours.pmf)],
    ids=["cdf", "icdf", "ppf", "quantile", "pmf"],
)
def test_one_method_is_enough(answer):
    belief = read(answer)
    assert belief.kind is Kind.DISTRIBUTION
    assert belief.median == ours.median()
    assert belief.ends == ours.eti(0.9)
    for n in (-1, 0, 4, 5, 6, 9, 30):
        assert belief.cdf(n) == pytest.approx(float(ours.cdf(n)), abs=1e-6)
    assert belief.mass(5) == pytest.approx(float(ours.pmf(5)), abs=1e-6)
    assert belief.above(5) == pytest.approx(float(ours.ccdf(5)), abs=1e-6)


def test_an_estimate_is_read_as_it_is():
    belief = read(ours)
    assert str(belief) == f"{ours.median()} (90 % {ours.eti(0.9)[0]}-{ours.eti(0.9)[1]})"


def test_counts_with_probabilities():
    belief = read({9: 0.25, 5: 0.75})
    assert [belief.cdf(n) for n in (4, 5, 8, 9, 10)] == [0.0, 0.75, 0.75, 1.0, 1.0]
    assert belief.ends == (5, 9)


@pytest.mark.parametrize("answer", [6, 6.0, np.int64(6), np.float64(6), Point(6)])
def test_a_number_is_a_point(answer):
    belief = read(answer)
    assert belief.kind is Kind.POINT
    assert (belief.median, belief.ends) == (6, (6, 6))
    assert [belief.cdf(n) for n in (5, 6, 7)] == [0.0, 1.0, 1.0]
    assert str(belief) == "6"


def test_an_interval_has_ends_and_nothing_else():
    belief = read(Interval(4, 9, 0.8))
    assert (belief.kind, belief.ends, belief.level) == (Kind.INTERVAL, (4, 9), 0.8)
    assert str(belief) == "(80 % 4-9)"
    with pytest.raises(InvalidValue):
        belief.cdf(5)
    with pytest.raises(InvalidValue):
        Interval(4, 9, 1.5)


def test_a_continuous_distribution_is_read_too():
    normal = Only(cdf=special.ndtr, ppf=special.ndtri)
    assert read(normal).quantile(0.5) == 0
    assert read(normal).cdf(0) == 0.5


@pytest.mark.parametrize("answer", [None, "six", object(), [1, 2]])
def test_other_answers_are_refused(answer):
    with pytest.raises(InvalidValue, match="answer"):
        read(answer)


def test_adapters_answer_by_quantity():
    injured = MARKET.injured()
    claims = [claim(KILLED, 5, "a"), claim(injured, 7, "a"), claim(KILLED, rc.Between(3, 9), "b")]
    assert by_quantity(len)(claims) == {KILLED: 2, injured: 1}
    assert by_quantity(lambda said: None if len(said) == 1 else 1)(iter(claims)) == {KILLED: 1}
    assert from_readings(lambda said: max(one.high for one in said))(claims) == {KILLED: 9, injured: 7}


def test_what_a_rule_cannot_read_is_left_out():
    claims = [claim(MARKET.killed(rc.Group(age="child")), rc.Share(0.5, 0.5), "a")]
    assert from_readings(len)(claims) == {}
    assert from_rule(rules.MAJORITY)([claim(KILLED, 5, "a"), claim(KILLED, 6, "b")]) == {}


def test_rules_are_reconcilers():
    claims = [claim(KILLED, 5, "a"), claim(KILLED, 6, "b")]
    assert from_rule(rules.LOWEST)(claims) == {KILLED: Point(5)}
    assert from_rule(rules.MIN_MAX)(claims) == {KILLED: Interval(5, 6)}
