# SPDX-License-Identifier: MIT
"""Cells of counts, all of them and those that matter."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconcile.claims import Corpus
from reconcile.inference.arrays import Cells
from reconcile.inference.evidence import fill_up
from reconcile.inference.lone_counts import Evidence
from reconcile.inference.problems import build_problem
from reconcile.model import Model
from reconcile.roles import assign_roles
from reconcile.simulate import simulate


@pytest.fixture(scope="module")
def problem():
    corpus = Corpus(simulate(events=30, sources=4, claims_per_event=(2, 4), seed=2).claims)
    return build_problem(corpus.columns, assign_roles(corpus), Model()).problem


def test_cells_begin_with_zero_alone_and_hold_each_claimed_number_alone(problem):
    cells = Cells.of(problem.claims)
    for event, (a, z) in enumerate(zip(cells.first[:-1], cells.first[1:], strict=True)):
        start = cells.start[a:z]
        assert start[0] == 0
        assert start[1] == 1
        assert np.all(np.diff(start) > 0)
        for value in problem.claims.value[problem.claims.event == event]:
            low = problem.claims.meanings[value].low[0]
            assert {low, low + 1} <= {*start.tolist()}


@given(st.integers(0, 2**32), st.floats(0.1, 40.0), st.floats(1e-9, 0.3))
def test_cells_that_are_left_out_keep_what_they_held(problem, seed, steep, least):
    cells = Cells.of(problem.claims)
    rng = np.random.default_rng(seed)
    owner = np.repeat(np.arange(len(cells.first) - 1), np.diff(cells.first))
    mass, moved = (np.exp(-steep * rng.random(len(cells.start))) for _ in range(2))
    mass /= np.bincount(owner, mass)[owner]
    some, kept = cells.without(mass, least)
    assert np.all(some.start[some.first[:-1]] == 0)  # nobody can deny that nobody died: 0 stays
    assert np.array_equal(some.start, cells.start[kept])
    assert np.array_equal(some.stop, cells.stop[kept])
    assert {*np.flatnonzero(mass >= least)} <= {*kept}
    found = moved[kept] / np.bincount(owner[kept], moved[kept])[owner[kept]]
    filled = fill_up(found, mass, kept, cells.first)
    np.testing.assert_allclose(np.bincount(owner, filled), 1.0)
    out = np.setdiff1d(np.arange(len(mass)), kept)
    assert np.array_equal(filled[out], mass[out])
    assert np.all(mass[out] < least)


def test_cells_of_some_counts_are_those_of_their_claims(problem):
    events = np.array([1, 4, 17])
    some, alone = Cells.of(problem.claims).only(events), Cells.of(problem.only(events).claims)
    assert np.array_equal(some.start, alone.start)
    assert np.array_equal(some.first, alone.first)
    assert np.array_equal(some.log_center, alone.log_center)


def test_leaving_cells_out_hardly_changes_evidence_and_counts(problem):
    whole, layout = Evidence.of(problem, map), problem.hierarchy
    rng = np.random.default_rng(0)
    xs = layout.mean + 0.2 * rng.standard_normal((4, len(layout)))
    mass = whole.estimate(xs[:1])
    reduced, kept = whole.without(mass)
    assert len(reduced.cells.start) < 0.8 * len(whole.cells.start)
    np.testing.assert_allclose(reduced.evaluate(xs)[0], whole.evaluate(xs)[0], atol=5e-3)
    np.testing.assert_allclose(reduced.evaluate(xs)[1], whole.evaluate(xs)[1], rtol=5e-3, atol=5e-3)
    found = fill_up(reduced.estimate(xs[1:]), mass, kept, whole.cells.first)
    np.testing.assert_allclose(found, whole.estimate(xs[1:]), atol=1e-3)
