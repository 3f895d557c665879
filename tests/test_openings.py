# SPDX-License-Identifier: MIT
"""What claims teach given the first one about each count, in small simulated worlds."""

from __future__ import annotations

import numpy as np
import pytest

from reconcile.batches import STEP
from reconcile.dependence import assign_roles
from reconcile.evidence import Claimed
from reconcile.model import Model
from reconcile.openings import Opened, first_claims
from reconcile.problems import pose
from reconcile.simulate import simulate


def problem_of(world):
    return pose(world.claims.columns, assign_roles(world.claims), Model()).problem


@pytest.fixture(scope="module")
def problem():
    return problem_of(simulate(events=25, sources=4, claims_per_event=(1, 4), rng=1))


@pytest.fixture(scope="module")
def xs(problem):
    layout = problem.hierarchy
    return layout.mean + 0.3 * np.random.default_rng(0).standard_normal((2, len(layout)))


def with_prior_sources(layout, x):
    """The same count priors, with classes and sources at their means."""
    found = layout.mean.copy()
    found[layout.counts] = x[layout.counts]
    return found


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


def test_the_evidence_is_that_of_all_claims_less_the_first_plus_the_first_by_the_prior(problem, xs):
    layout = problem.hierarchy
    every = Claimed.of(problem, map)
    first = Claimed.of(first_claims(problem, np.arange(25)), map)
    for x, found in zip(xs, Opened.of(problem, map).evaluate(xs)[0], strict=True):
        prior = with_prior_sources(layout, x)
        joint, known, given = every.evaluate(x[None])[0], first.evaluate(x[None])[0], first.evaluate(prior[None])[0]
        # A count with one claim has the same evidence on either side, but for the width of cells far from the claim.
        assert found == pytest.approx(float(joint[0] - known[0] + given[0]), abs=2e-3)


def test_the_gradient_is_a_finite_difference(problem, xs):
    opened, layout = Opened.of(problem, map), problem.hierarchy
    slope, h = opened.evaluate(xs)[1], 1e-5
    for k in range(len(layout)):
        step = h * np.eye(len(layout))[k]
        numeric = (opened.evaluate(xs + step)[0] - opened.evaluate(xs - step)[0]) / (2 * h)
        np.testing.assert_allclose(slope[:, k], numeric, rtol=1e-5, atol=1e-5, err_msg=str(layout.names[k]))


def test_the_curvature_is_a_finite_difference(problem, xs):
    opened, layout = Opened.of(problem, map), problem.hierarchy
    steps = 1e-4 * np.eye(len(layout))
    wanted = -(opened.evaluate(xs[0] + steps)[1] - opened.evaluate(xs[0] - steps)[1]) / 2e-4
    scale = np.sqrt(np.maximum(np.abs(np.diag(wanted)), 1.0))
    assert np.max(np.abs(opened.curvature(xs[0]) - wanted) / scale / scale[:, None]) < 40 * STEP


def test_counts_with_one_claim_teach_what_counts_are_like_and_nothing_of_sources():
    problem = problem_of(simulate(events=12, sources=3, claims_per_event=1, outcomes=("killed",), rng=2))
    layout, opened = problem.hierarchy, Opened.of(problem, map)
    x = layout.mean + 0.3 * np.random.default_rng(0).standard_normal((1, len(layout)))
    slope, curvature = opened.evaluate(x)[1][0], opened.curvature(x[0])
    counts = np.isin(np.arange(len(layout)), layout.counts)
    assert np.all(slope[~counts] == 0)
    assert np.all(slope[counts] != 0)
    assert np.all(curvature[~counts] == 0)
    assert np.all(np.diag(curvature)[counts] != 0)


def test_leaving_cells_out_hardly_changes_evidence_and_slope(problem, xs):
    opened, layout = Opened.of(problem, map), problem.hierarchy
    reduced, mass, kept = opened.reduced(xs)
    assert np.all(np.isin(np.flatnonzero(mass > 1e-6), kept))
    for one, whole in zip(reduced.first, opened.first, strict=True):
        assert len(one.cells.start) < 0.8 * len(whole.cells.start)
    (few, few_slope), (value, slope) = reduced.evaluate(xs), opened.evaluate(xs)
    np.testing.assert_allclose(few, value, atol=0.02)
    sd = 1 / np.sqrt(np.diag(layout.precision(layout.log_spread)))
    assert np.max(np.abs(few_slope - slope) * sd) < 0.01  # of a standard deviation, if the prior alone held it


def test_some_counts_are_a_problem_of_their_own(problem, xs):
    events = np.array([2, 3, 17])
    rest = np.setdiff1d(np.arange(25), events)
    opened = Opened.of(problem, map)
    parts = [opened.only(some).evaluate(xs)[0] for some in (events, rest)]
    np.testing.assert_allclose(np.sum(parts, axis=0), opened.evaluate(xs)[0])
