# SPDX-License-Identifier: MIT
"""Draws of all parameters: how many there are, where they begin, and that they tell when they are few."""

from __future__ import annotations

import numpy as np
import pytest

from reconcile import chains
from reconcile.chains import begin, draw_spreads, move, propose
from reconcile.dependence import assign_roles
from reconcile.evidence import Normal
from reconcile.model import Model
from reconcile.openings import Opened
from reconcile.problems import pose
from reconcile.simulate import simulate


@pytest.fixture(scope="module")
def corpus():
    world = simulate(events=8, sources=3, claims_per_event=2, outcomes=("killed",), rng=1)
    return Opened.of(pose(world.claims.columns, assign_roles(world.claims), Model()).problem, map)


@pytest.fixture(scope="module")
def normal(corpus):
    """The prior as the normal approximation."""
    layout = corpus.problem.hierarchy
    return Normal(layout, layout.mean, np.zeros(len(layout)), np.zeros((len(layout), len(layout))))


@pytest.mark.parametrize("draws", [16, 48, 80, 96, 112, 144])
def test_every_draw_is_drawn(normal, draws):
    """Of 96 draws, 32 were once left as the memory was."""
    layout = normal.layout
    xs, ts = propose(normal, layout.log_spread, layout.log_spread_sd, draws, np.random.default_rng(0))
    for x, t in zip(xs, ts, strict=True):
        gap = x - layout.mean
        assert 0.3 < gap @ layout.precision(t) @ gap / len(layout) < 3


def test_fewer_chains_run_for_more_claims(normal):
    layout, rng = normal.layout, np.random.default_rng(0)
    numbers = [len(begin(normal, layout.log_spread, layout.log_spread_sd, n, rng)[0]) for n in (10, 700, 5_000)]
    assert numbers == [16, 11, 8]


@pytest.mark.parametrize("far", [0.0, 1.0, 8.0])
def test_spreads_of_classes_are_drawn_as_by_quadrature(normal, far):
    layout = normal.layout
    mine = np.flatnonzero(layout.class_of >= 0)
    x = layout.mean.copy()
    x[mine] += far * np.exp(layout.log_spread[layout.class_of[mine]])
    rng = np.random.default_rng(1)
    found = np.array([draw_spreads(layout, x, rng) for _ in range(1_500)])
    grid = np.linspace(-12, 12, 4_001)
    for k in range(len(layout.log_spread)):
        own = mine[layout.class_of[mine] == k]
        at = layout.log_spread[k] + layout.log_spread_sd[k] * grid
        square = np.sum((x[own] - x[k]) ** 2)
        log_mass = -len(own) * at - 0.5 * square * np.exp(-2 * at) - 0.5 * grid**2
        mass = np.exp(log_mass - log_mass.max())
        mean = mass @ at / mass.sum()
        sd = np.sqrt(mass @ (at - mean) ** 2 / mass.sum())
        assert found[:, k].mean() == pytest.approx(mean, abs=5 * sd / np.sqrt(len(found)))
        assert found[:, k].std() == pytest.approx(sd, rel=0.12)


def test_chains_go_on_until_there_are_enough_draws_that_agree(corpus, normal, monkeypatch):
    layout = normal.layout
    lengths = []
    anything = np.inf
    for enough, mixed, draws in ((0.0, anything, 16), (np.inf, anything, 10_000), (0.0, 0.0, 64), (30.0, 1.2, 64)):
        monkeypatch.setattr(chains, "ENOUGH", enough)
        monkeypatch.setattr(chains, "MIXED", mixed)
        monkeypatch.setattr(chains, "EFFORT", 16 * 6 * 8 * len(corpus.problem.source))
        starts = begin(normal, layout.log_spread, layout.log_spread_sd, 5_000, np.random.default_rng(2))
        xs, ts, ess, _ = move(corpus, normal, *starts, draws, np.random.default_rng(3))
        assert len(xs) == len(ts)
        assert 0 < ess <= len(xs)
        lengths.append(len(xs) // len(starts[0]))
    assert lengths[:3] == [16 - 5, 3 * 16 - 5, 3 * 16 - 5]
    assert lengths[3] in (16 - 5, 32 - 5, 48 - 5)
