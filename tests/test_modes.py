# SPDX-License-Identifier: MIT
"""The normal around the mode, where sources with few claims are not part of it."""

from __future__ import annotations

import numpy as np
import pytest
from worlds import problem_of

from reconcile.inference import modes
from reconcile.inference.evidence import AllEvidence
from reconcile.inference.laplace import flatten
from reconcile.inference.modes import find_dense, find_mode, find_precision
from reconcile.simulate import simulate


@pytest.fixture
def evidence(monkeypatch):
    """Forty sources, of which those with four claims or more are dense."""
    monkeypatch.setattr(modes, "EVERY", 50)
    monkeypatch.setattr(modes, "HEARD", 4)
    claims = simulate(events=25, sources=40, claims_per_event=(2, 4), outcomes=["killed"], seed=3).claims
    return AllEvidence.of(problem_of(claims), map)


def slope_at(evidence, z):
    layout = evidence.problem.hierarchy
    return layout.pull(z, evidence.evaluate(layout.unfold(z))[1])[0]


def test_precision_knows_that_classes_move_all_of_their_sources(evidence):
    layout = evidence.problem.hierarchy
    mode = find_mode(evidence, np.random.default_rng(0), lambda _: None)
    moved, z = mode.coordinates(layout), mode.center(evidence)
    assert len(moved) < layout.size
    assert np.array_equal(mode.dense, find_dense(evidence.problem))
    expected, step = np.empty((len(moved), len(moved))), 1e-3
    for at, place in enumerate(moved):
        ahead, behind = (slope_at(evidence, z[None] + sign * step * np.eye(1, layout.size, place)) for sign in (1, -1))
        expected[at] = (behind - ahead)[moved] / (2 * step)
    expected = flatten(0.5 * (expected + expected.T)) + np.eye(len(moved))
    found = find_precision(evidence, z, moved, mode.normal.around(z[moved]))
    k = np.flatnonzero((moved < len(layout.classes)) | (moved >= len(layout)))
    assert np.linalg.eigvalsh(found).min() >= 1 - 1e-9
    scale = np.sqrt(np.diag(expected))
    np.testing.assert_allclose((found / np.outer(scale, scale))[k], (expected / np.outer(scale, scale))[k], atol=0.05)
    # Without them it would not.
    short = (mode.normal.around(z[moved]) + np.eye(len(moved)))[k, k] / np.diag(expected)[k]
    assert short.min() < 0.8
