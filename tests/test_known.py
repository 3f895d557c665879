# SPDX-License-Identifier: MIT
"""What could be known of a count: its probabilities one by one, small worlds enumerated, and the law of width."""

from __future__ import annotations

import attrs
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from oracles import count_probability, known_probability, log_evidence, logistic
from worlds import claim, problem_of

import reconcile as rc
from reconcile.inference.evidence import AllEvidence, Masses
from reconcile.inference.known import Pushed, chance_of_known, chance_on_lattice
from reconcile.inference.lone_counts import Evidence
from reconcile.model import COUNT_DOUBT, COUNT_PRIORS, KnownCount, Model
from reconcile.pmf import TOP, Lattice

KNOWN = KnownCount(exact=0.7, spread=0.4, zero=0.05)
MODEL = Model(known=KNOWN)
MOST = 400  # counts up to which small worlds are enumerated
EVENT = rc.Event("e")
# Cells of the truth are .2 wide where priors are pushed; and cells of a count up to .3 far from what is claimed.
CELLS = 3e-3


def some_claims(*numbers):
    return [claim(EVENT.killed(), n, f"source {k}") for k, n in enumerate(numbers)]


def points(problem, draws=3):
    layout = problem.hierarchy
    return layout.unfold(0.5 * np.random.default_rng(0).standard_normal((draws, layout.size)))


# --- probabilities one by one --------------------------------------------------------------------------------------


def test_every_probability_is_that_of_the_words():
    n = np.arange(60)
    found = chance_on_lattice(KNOWN, n, n + 1)
    for y in (0, 1, 2, 7, 59):
        np.testing.assert_allclose(found[y], [known_probability(int(k), y, KNOWN) for k in n], rtol=1e-9)


@given(
    st.integers(0, 10**12), st.floats(0.01, 1), st.floats(0.05, 2), st.floats(0, 1),
    st.lists(st.integers(1, 10**12), min_size=1, max_size=9, unique=True),
)  # fmt: skip
def test_all_that_may_be_known_adds_up(y, exact, spread, zero, cuts):
    known = KnownCount(exact, spread, zero)
    ends = np.array(sorted({0, 1, y, y + 1, TOP + 1, *cuts}))
    found = chance_of_known(known, ends[:-1], ends[1:], np.array(y), np.array(y + 1))
    assert found.sum() == pytest.approx(1, abs=1e-9)
    assert found.min() >= 0
    assert found[np.flatnonzero(ends == y)[0]] >= (exact if y else 1) - 1e-12


def test_where_nobody_died_nobody_is_known_to_have():
    assert chance_of_known(KNOWN, np.array([0, 1]), np.array([1, TOP + 1]), np.array(0), np.array(1)).tolist() == [1, 0]


# --- priors of what is known ---------------------------------------------------------------------------------------


def test_a_pushed_prior_is_the_sum_over_all_counts():
    prior, counts = COUNT_PRIORS["killed"], 3_000
    pushed = Pushed.of(KNOWN, np.arange(40))
    whole = Lattice(np.arange(counts), np.append(np.arange(counts - 1), TOP))
    above = np.append(prior.mass(whole)[::-1].cumsum()[::-1], 0)
    at = Lattice(pushed.ends[:-1], pushed.ends[1:] - 1)
    ends = np.append(prior.mass(at)[::-1].cumsum()[::-1], 0)
    found = pushed.push(np.concatenate([above[:40], ends]))
    mass = np.array([count_probability(n, prior) for n in range(counts)])
    known = np.array([[known_probability(k, y, KNOWN) for k in range(40)] for y in range(counts)])
    np.testing.assert_allclose(-np.diff(found), (mass @ known)[:39], rtol=5e-3)


def test_pulling_back_is_the_transpose_of_pushing():
    random = np.random.default_rng(0)
    pushed = Pushed.of(KNOWN, np.array([0, 1, 2, 5, 40, 10**6, 10**9, TOP + 1]))
    tail, slope = random.standard_normal((2, 3, 8 + len(pushed.ends) + 5)), random.standard_normal((2, 3, 8))
    assert np.sum(pushed.push(tail) * slope) == pytest.approx(np.sum(tail * pushed.pull(slope, tail.shape[-1])))


def test_a_tail_stays_one_that_falls():
    tail = np.linspace(1, 0, 8)
    pushed = Pushed.of(KNOWN, np.array([0, 1, 2, 3, 30, 100, 1_000, 10**9]))
    ends = np.interp(np.log(pushed.ends), np.log([0.5, 1, 2, 3, 30, 100, 1_000, 10**9]), tail)
    found = pushed.push(np.concatenate([tail, ends]))
    assert found[0] == 1
    assert np.all(np.diff(found) <= 1e-12)


# --- small worlds --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("numbers", [(4,), (0, 3), (12, 12), (12, 12, 15)], ids=str)
def test_evidence_against_enumeration(numbers):
    claims = some_claims(*numbers)
    problem = problem_of(claims, MODEL)
    xs = points(problem)
    found, _ = Evidence.of(problem, map).evaluate(xs)
    expected = [log_evidence(problem, x, claims, range(MOST)) for x in xs]
    np.testing.assert_allclose(found, expected, atol=CELLS)


def test_counts_against_enumeration():
    """Posterior of the count, not of what is known of it: summed over both, one number after the other."""
    claims = some_claims(12, 12, 15)
    problem = problem_of(claims, MODEL)
    x = points(problem, 1)
    evidence = AllEvidence.of(problem, map)
    masses = Masses(evidence)
    masses.add(np.repeat(x, 8, axis=0), np.zeros((8, 1)))
    at = dict(zip(problem.hierarchy.names, x[0], strict=True))
    zero, location, log_scale, broad = (at["count", "killed", name, None] for name in COUNT_DOUBT)
    prior = attrs.evolve(
        COUNT_PRIORS["killed"], zero=logistic(zero), location=location, scale=np.exp(log_scale), broad=logistic(broad)
    )
    bare = problem_of(claims, Model(known=None))
    said = np.exp([log_evidence(bare, x[0], claims, [k]) for k in range(MOST)])
    said /= [count_probability(k, prior) for k in range(MOST)]
    known = np.array([[known_probability(k, y, KNOWN) for k in range(MOST)] for y in range(MOST)])
    expected = np.array([count_probability(n, prior) for n in range(MOST)]) * (known @ said)
    expected /= expected.sum()
    low = evidence.cells.start
    found = dict(zip(low.tolist(), masses.mean, strict=True))
    for n in (0, 1, 5, 11, 12, 13, 15, 16, 20):
        assert found[n] == pytest.approx(expected[n], abs=CELLS)


@pytest.fixture(scope="module")
def bound():
    """Counts that add up, a share of a whole, and counts that stand alone."""
    market, alone = rc.Event("market"), rc.Event("alone")
    child = rc.Group(age="child")
    return problem_of(
        [
            claim(market.killed(), 3, "h"), claim(market.injured(), 9, "i"), claim(market.casualties(), 14, "a"),
            claim(market.killed(), 4, "b"), claim(market.displaced(), 60, "j"),
            claim(market.displaced(child), rc.Share(0.5, 0.5), "k"), claim(market.displaced(child), 40, "b"),
            claim(alone.killed(), 5, "a"), claim(alone.killed(), 7, "b"),
        ],
        MODEL,
    )  # fmt: skip


def test_slopes_are_differences(bound):
    evidence, xs, step = AllEvidence.of(bound, map), points(bound, 2), 1e-5
    _, slope = evidence.evaluate(xs)
    for k in range(xs.shape[1]):
        move = step * np.eye(xs.shape[1])[k]
        numeric = (evidence.evaluate(xs + move)[0] - evidence.evaluate(xs - move)[0]) / (2 * step)
        np.testing.assert_allclose(slope[:, k], numeric, atol=1e-6)


def test_cells_that_are_left_out_hold_next_to_nothing(bound):
    evidence, xs = AllEvidence.of(bound, map), points(bound, 8)
    fewer, _, kept = evidence.reduced(xs)
    np.testing.assert_allclose(fewer.evaluate(xs)[0], evidence.evaluate(xs)[0], atol=2e-3)
    weight = np.zeros((8, int(evidence.units.max()) + 1))
    masses = [Masses(one) for one in (evidence, fewer)]
    for one in masses:
        one.add(xs, weight)
    np.testing.assert_allclose(masses[1].mean, masses[0].mean[kept], atol=1e-4)
    np.testing.assert_allclose(np.add.reduceat(masses[0].mean, evidence.cells.first[:-1]), 1)


def test_a_count_alone_and_in_an_account_is_one_model():
    """Two ways to sum one count: by itself, and as a node of an account beside a total of which nothing is said."""
    numbers = (12, 12, 15)
    alone = rc.estimate(some_claims(*numbers), MODEL)[EVENT.killed()]
    child = claim(EVENT.killed(rc.Group(age="child")), rc.AtLeast(0), "nobody")
    beside = rc.estimate([*some_claims(*numbers), child], MODEL)[EVENT.killed()]
    at = np.arange(100)
    assert np.max(np.abs(alone.cdf(at) - beside.cdf(at))) < 0.03


def test_what_is_always_known_is_no_layer():
    claims = some_claims(12, 12, 15)
    sure, bare = (rc.estimate(claims, Model(known=one))[EVENT.killed()] for one in (KnownCount(exact=1.0), None))
    at = np.arange(200)
    assert np.max(np.abs(sure.cdf(at) - bare.cdf(at))) < 1e-3


# --- laws ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("number", [2, 10, 40])
def test_agreement_never_becomes_certainty(number):
    found = rc.estimate(some_claims(*[137] * number), Model(known=KnownCount()))[EVENT.killed()]
    assert found.pmf(137) <= 0.95
    low, high = found.eti(0.99)
    assert low < 137 < high


def test_with_more_and_more_that_agree_nothing_changes_any_more():
    few, many = (rc.estimate(some_claims(*[137] * n), Model(known=KnownCount()))[EVENT.killed()] for n in (10, 60))
    at = np.arange(1_000)
    assert np.max(np.abs(few.cdf(at) - many.cdf(at))) < 0.01


# --- what is refused -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: KnownCount(exact=1.5), r"KnownCount\.exact: got 1\.5; allowed: a probability"),
        (lambda: KnownCount(zero=-0.1), r"KnownCount\.zero: got -0\.1"),
        (lambda: KnownCount(spread=0.0), r"KnownCount\.spread: got 0\.0; allowed: a positive number"),
        (lambda: Model(known=0.9), r"Model\.known: got 0\.9; allowed: a KnownCount, or None"),
    ],
)
def test_refusals(make, message):
    with pytest.raises(rc.InvalidValue, match=message):
        make()
