# SPDX-License-Identifier: MIT
"""The evidence of counts that stand alone, of all claims and given the first of each, in small simulated worlds."""

from __future__ import annotations

import attrs
import numpy as np
import pytest
from oracles import log_evidence
from worlds import claim, problem_of

import reconcile as rc
from reconcile.inference.batches import STEP
from reconcile.inference.importance import BLOCKS
from reconcile.inference.lone_counts import ConditionalEvidence, Evidence, first_claims
from reconcile.simulate import simulate

EVENTS = 25
WORLD = simulate(events=EVENTS, sources=4, claims_per_event=(1, 4), seed=1).claims
# A count with one claim has the same evidence whichever way it is computed, but for the width of cells far from it.
WIDTH = 2e-3
FIRST_DIFFERENCES = 1e-5
# One-sided differences of gradients are off by half a second derivative times the step.
CURVED = 40 * STEP


@pytest.fixture(scope="module")
def problem():
    return problem_of(WORLD)


@pytest.fixture(scope="module")
def xs(problem):
    return some_points(problem)


def some_points(problem, draws=2):
    layout = problem.hierarchy
    return layout.mean + 0.3 * np.random.default_rng(0).standard_normal((draws, len(layout)))


def with_prior_sources(layout, x):
    """The same count priors, with classes and sources at their means."""
    found = layout.mean.copy()
    found[layout.counts] = x[layout.counts]
    return found


BOTH = pytest.mark.parametrize("kind", [Evidence, ConditionalEvidence], ids=["all claims", "given the first"])


# --- slopes --------------------------------------------------------------------------------------------------------


@BOTH
def test_the_gradient_is_a_finite_difference(problem, xs, kind):
    evidence, layout, h = kind.of(problem, map), problem.hierarchy, FIRST_DIFFERENCES
    slope = evidence.evaluate(xs)[1]
    for k in range(len(layout)):
        step = h * np.eye(len(layout))[k]
        numeric = (evidence.evaluate(xs + step)[0] - evidence.evaluate(xs - step)[0]) / (2 * h)
        np.testing.assert_allclose(slope[:, k], numeric, rtol=1e-5, atol=1e-5, err_msg=str(layout.names[k]))


@BOTH
def test_the_curvature_is_a_finite_difference(problem, xs, kind):
    evidence, layout = kind.of(problem, map), problem.hierarchy
    steps = 1e-4 * np.eye(len(layout))
    wanted = -(evidence.evaluate(xs[0] + steps)[1] - evidence.evaluate(xs[0] - steps)[1]) / 2e-4
    scale = np.sqrt(np.maximum(np.abs(np.diag(wanted)), 1.0))
    assert np.max(np.abs(evidence.curvature(xs[0]) - wanted) / scale / scale[:, None]) < CURVED


@BOTH
def test_the_curvature_of_some_parameters_is_a_part_of_it(problem, xs, kind):
    evidence, layout = kind.of(problem, map), problem.hierarchy
    whole = evidence.curvature(xs[0])
    rng = np.random.default_rng(2)
    for _ in range(3):
        kept = np.union1d(layout.counts.ravel(), np.flatnonzero(rng.random(len(layout)) < 0.4))
        np.testing.assert_allclose(evidence.curvature(xs[0], kept), whole[np.ix_(kept, kept)], atol=1e-9)


@BOTH
def test_several_draws_are_computed_as_each_by_itself(problem, xs, kind):
    evidence = kind.of(problem, map)
    value, slope = evidence.evaluate(xs)
    for k, x in enumerate(xs):
        (one,), (by,) = evidence.evaluate(x[None])
        assert one == value[k]
        assert np.array_equal(by, slope[k])


@BOTH
def test_what_is_no_number_has_no_evidence(problem, xs, kind):
    far = xs.copy()
    far[1, 0] = np.nan
    value, _ = kind.of(problem, map).evaluate(far)
    assert np.isfinite(value[0])
    assert np.isnan(value[1])


# --- values --------------------------------------------------------------------------------------------------------


def test_the_evidence_of_a_count_is_the_sum_over_all_counts_by_hand():
    """Against an enumeration of single counts and scalar code, for every kind of prior parameter and claims."""
    event = rc.Event("e")
    claims = [
        claim(event.killed(), 5, "a", reported="2020-01-01"),
        claim(event.killed(), 5, "b", reported="2020-01-02"),
        claim(event.killed(), 9, "c", reported="2020-01-03", hedged=True),
    ]
    problem = problem_of(claims)
    xs = some_points(problem, 3)
    for x, found in zip(xs, Evidence.of(problem, map).values(xs)[:, 0], strict=True):
        assert found == pytest.approx(log_evidence(problem, x, claims, range(1_500)), abs=WIDTH)


def test_the_evidence_is_the_sum_of_that_of_each_count(problem, xs):
    evidence = Evidence.of(problem, map)
    np.testing.assert_allclose(evidence.values(xs).sum(axis=1), evidence.evaluate(xs)[0])


def test_given_the_first_it_is_that_of_all_less_the_first_plus_the_first_by_the_prior(problem, xs):
    layout = problem.hierarchy
    every, first = Evidence.of(problem, map), Evidence.of(first_claims(problem, np.arange(EVENTS)), map)
    conditional = ConditionalEvidence.of(problem, map)
    value, taken = conditional.values(xs)
    np.testing.assert_allclose(value, conditional.evaluate(xs)[0], atol=WIDTH)
    for x, found, back in zip(xs, value, taken, strict=True):
        prior = with_prior_sources(layout, x)
        joint, known, given = (part.values(at[None])[0] for part, at in ((every, x), (first, x), (first, prior)))
        assert found == pytest.approx(float((joint - known + given).sum()), abs=WIDTH)
        # What a count takes back is what was cut of its own claims, and so with it nothing is cut.
        np.testing.assert_allclose(back, known - given, atol=WIDTH)
        more = np.bincount(problem.claims.event) > 1
        assert found + back[~more].sum() + back[more].sum() == pytest.approx(float(joint.sum()), abs=WIDTH)


def test_first_claims_are_the_earliest_about_each_count(problem):
    events = np.array([0, 3, 24])
    first = first_claims(problem, events)
    for k, event in enumerate(events):
        row = np.flatnonzero(problem.claims.event == event)[0]
        assert first.claims.value[k] == problem.claims.value[row]
        assert first.source[k] == problem.source[row]
        assert np.array_equal(first.columns[:, k], problem.columns[:, row])
        assert first.claims.outcome[k] == problem.claims.outcome[event]
    assert not first.echoes.there.any()


def test_counts_with_one_claim_teach_what_counts_are_like_and_nothing_of_sources():
    problem = problem_of(simulate(events=12, sources=3, claims_per_event=1, outcomes=("killed",), seed=2).claims)
    layout, conditional = problem.hierarchy, ConditionalEvidence.of(problem, map)
    x = some_points(problem, 1)
    slope, curvature = conditional.evaluate(x)[1][0], conditional.curvature(x[0])
    counts = np.isin(np.arange(len(layout)), layout.counts)
    assert np.all(slope[~counts] == 0)
    assert np.all(slope[counts] != 0)
    assert np.all(curvature[~counts] == 0)
    assert np.all(np.diag(curvature)[counts] != 0)
    # The count itself is read by its source as it is.
    joint = Evidence.of(problem, map).values(x)
    value, taken = conditional.values(x)
    assert value + taken.sum() == pytest.approx(joint.sum())


# --- masses --------------------------------------------------------------------------------------------------------


def test_sums_are_weighted_posteriors_in_blocks(problem, xs):
    evidence, rng = Evidence.of(problem, map), np.random.default_rng(1)
    many = np.concatenate([xs + 0.1 * rng.standard_normal(xs.shape) for _ in range(5)])
    weight = rng.random((len(many), EVENTS))
    found, owner = evidence.sums(many, weight), np.repeat(np.arange(EVENTS), np.diff(evidence.cells.first))
    wanted = np.zeros(found.shape)
    for k, x in enumerate(many):
        wanted[k % BLOCKS] += weight[k, owner] * evidence.estimate(x[None])
    np.testing.assert_allclose(found, wanted, atol=1e-12)
    totals = np.add.reduceat(found, evidence.cells.first[:-1], axis=1)
    for block in range(BLOCKS):
        np.testing.assert_allclose(totals[block], weight[block::BLOCKS].sum(axis=0))


def test_the_posterior_of_a_count_is_that_of_its_claims_alone(problem, xs):
    evidence = Evidence.of(problem, map)
    some = np.array([2, 3, 17])
    mass, alone = evidence.estimate(xs), evidence.only(some).estimate(xs)
    cells = evidence.cells
    wanted = np.concatenate([mass[cells.first[k] : cells.first[k + 1]] for k in some])
    np.testing.assert_allclose(alone, wanted, atol=1e-12)


def test_the_first_claim_about_a_count_is_no_copy(problem, xs):
    found = ConditionalEvidence.of(problem, map).copies(xs[0])
    assert found.shape == (2, len(problem.source))
    assert np.all(found >= 0)
    first = np.unique(problem.claims.event, return_index=True)[1]
    np.testing.assert_allclose(found[1, first], 1)  # nothing was there to copy


# --- less of it ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("known", [None, rc.Model().known], ids=["all is known", "known"])
def test_leaving_cells_out_hardly_changes_evidence_and_slope(known):
    problem = problem_of(WORLD, rc.Model(known=known))
    xs = some_points(problem)
    conditional, layout = ConditionalEvidence.of(problem, map), problem.hierarchy
    reduced, mass, kept = conditional.reduced(xs)
    assert np.all(np.isin(np.flatnonzero(mass > 1e-6), kept))
    assert len(reduced.counted.start) == len(kept)
    if known is None:
        assert len(reduced.joint.cells.start) == len(kept) < 0.8 * len(mass)
    assert len(reduced.joint.cells.start) < 0.8 * len(conditional.joint.cells.start)
    for one, whole in zip(reduced.first, conditional.first, strict=True):
        assert len(one.cells.start) < 0.8 * len(whole.cells.start)
    (few, few_slope), (value, slope) = reduced.evaluate(xs), conditional.evaluate(xs)
    np.testing.assert_allclose(few, value, atol=0.02)
    prior = np.zeros((1, layout.size))
    gap = layout.pull(prior, few_slope) - layout.pull(prior, slope)
    assert np.max(np.abs(gap)) < 0.01  # of a standard deviation, if the prior alone held it
    np.testing.assert_allclose(reduced.values(xs)[1], conditional.values(xs)[1], atol=0.01)


def test_some_counts_are_a_problem_of_their_own(problem, xs):
    events = np.array([2, 3, 17])
    some = problem.only(events)
    kept = np.flatnonzero(np.isin(problem.claims.event, events))
    assert np.array_equal(events[some.claims.event], problem.claims.event[kept])
    for name in ("value", "hedged"):
        assert np.array_equal(getattr(some.claims, name), getattr(problem.claims, name)[kept])
    assert np.array_equal(some.claims.outcome, problem.claims.outcome[events])
    assert np.array_equal(some.columns, problem.columns[:, kept])
    assert np.array_equal(some.echoes.same, problem.echoes.same[:, kept])
    rest = np.setdiff1d(np.arange(EVENTS), events)
    for kind in (Evidence, ConditionalEvidence):
        whole = kind.of(problem, map)
        parts = [whole.only(part).evaluate(xs)[0] for part in (events, rest)]
        np.testing.assert_allclose(np.sum(parts, axis=0), whole.evaluate(xs)[0])


def test_a_problem_without_counts_has_no_evidence(problem, xs):
    nothing = problem.only(np.zeros(0, dtype=np.int64))
    for kind in (Evidence, ConditionalEvidence):
        evidence = kind.of(nothing, map)
        value, slope = evidence.evaluate(xs)
        assert value.tolist() == [0, 0]
        assert not slope.any()
        assert not evidence.curvature(xs[0]).any()
        assert evidence.copies(xs[0]).shape == (2, 0)
    value, taken = evidence.values(xs)
    assert value.tolist() == [0, 0]
    assert taken.shape == (2, 0)
    reduced, mass, kept = evidence.reduced(xs)
    assert len(mass) == len(kept) == 0
    assert reduced.evaluate(xs)[0].tolist() == [0, 0]
    assert evidence.joint.sums(xs, np.zeros((2, 0))).shape == (BLOCKS, 0)


def test_whom_a_source_copies_may_be_found_anew(problem, xs):
    """What is laid out once is asked with the shares of favourites as they are now."""
    conditional = ConditionalEvidence.of(problem, map)
    before = conditional.evaluate(xs)[0], *conditional.values(xs)
    shares = np.zeros_like(problem.echoes.shares)
    shares[1] = 1.0  # everybody copies a favourite that nobody has
    conditional.joint.echoes = attrs.evolve(problem.echoes, shares=shares)
    after = conditional.evaluate(xs)[0], *conditional.values(xs)
    assert np.all(before[0] != after[0])
    np.testing.assert_allclose(after[0], after[1], atol=WIDTH)
    np.testing.assert_allclose(before[2], after[2], atol=1e-12)  # first claims are no copies
