# SPDX-License-Identifier: MIT
"""The sampler by itself, and `fit` beside it."""

from __future__ import annotations

import numpy as np
import pytest
from gibbs import Chain, compare, sample, slice_groups

from reconcile.inference.batches import choose_likelihood
from reconcile.inference.fit import fit
from reconcile.inference.lone_counts import ConditionalEvidence, theta_of
from reconcile.inference.problems import build_problem
from reconcile.model import Model
from reconcile.roles import assign_roles
from reconcile.simulate import simulate


def problem_of(**options):
    world = simulate(outcomes=("killed",), **options)
    return build_problem(world.claims.columns, assign_roles(world.claims), Model()).problem


def test_slices_of_normals_are_normal():
    """Three groups at once, each with a normal likelihood: the posterior is known."""
    rng = np.random.default_rng(0)
    group, seen, noise = np.array([0, 1, 2]), np.array([1.0, -2.0, 0.5]), np.array([0.5, 1.0, 2.0])
    z, kept = np.zeros(3), []
    for _ in range(6_000):
        z = slice_groups(z, group, 3, lambda at: -0.5 * ((seen - at) / noise) ** 2, rng)
        kept.append(z)
    draws = np.array(kept)
    share = 1 / (1 + noise**2)
    assert np.allclose(draws.mean(axis=0), share * seen, atol=0.08)  # four standard errors of draws that are alike
    assert np.allclose(draws.std(axis=0), np.sqrt(1 - share), atol=0.08)


def test_a_drawn_count_is_read_as_among_all_of_its_cells():
    """Cut to one cell, a count once took that cell for 0, so that nobody ever denied."""
    problem = problem_of(events=12, sources=4, claims_per_event=(2, 4), seed=1)
    chain = Chain(problem, np.random.default_rng(0))
    chain.counts(keep=False)
    (shard,), floor = chain.evidence.shards, chain.evidence.floor()
    rows = choose_likelihood().rows(
        shard, theta_of(shard, chain.x[None]), np.ascontiguousarray(floor[:, shard.rows].T)
    )[0]
    cell = (chain.drawn - chain.evidence.cells.first[:-1])[problem.claims.event[shard.rows]]
    assert 0 < np.mean(cell == 0) < 1
    wanted = np.bincount(problem.source[shard.rows], np.log(rows[shard.pair[:-1] + cell]), len(problem.hierarchy.place))
    wanted += np.bincount(chain.first.problem.source, chain._openings(chain.x), len(wanted))
    assert np.allclose(chain.by_speaker(chain.x), wanted, rtol=1e-12)


def test_what_is_divided_out_is_what_is_cut():
    """`lone_counts` computes it another way."""
    problem = problem_of(events=12, sources=4, claims_per_event=(1, 4), seed=1)
    chain = Chain(problem, np.random.default_rng(0))
    _, taken = ConditionalEvidence.of(problem, map).values(chain.x[None])
    assert np.allclose(chain._openings(chain.x), -taken[0], atol=1e-9)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
def test_two_ways_that_share_nothing_but_the_rows_of_claims_agree(seed):
    problem = problem_of(events=14, sources=4, claims_per_event=(3, 4), seed=seed)
    mine = fit(problem, seed=0, ess=200)
    other = sample(mine.problem, rng=np.random.default_rng(1))
    counts, means = compare(mine, other)
    assert counts.max() < 0.03 + 2 * (mine.error + other.error)
    assert np.median(means) < 0.25  # both means have some hundred effective draws, so about .1 of a deviation each
    free = other.xs.std(axis=0) > 1e-6
    assert np.median(np.abs(np.log(mine.xs.std(axis=0)[free] / other.xs.std(axis=0)[free]))) < 0.15
