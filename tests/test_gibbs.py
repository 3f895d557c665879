# SPDX-License-Identifier: MIT
import numpy as np
import pytest

from reconcile.batches import choose_likelihood
from reconcile.dependence import assign_roles
from reconcile.errors import InvalidValue
from reconcile.evidence import theta_of
from reconcile.gibbs import _Chain, _slice, sample_lesson
from reconcile.learning import learn
from reconcile.model import Model
from reconcile.problems import pose
from reconcile.simulate import simulate


def test_slices_of_normals_are_normal():
    """Three groups at once, each with a normal likelihood: the posterior is known."""
    rng = np.random.default_rng(0)
    group, seen, noise = np.array([0, 1, 2]), np.array([1.0, -2.0, 0.5]), np.array([0.5, 1.0, 2.0])
    z, kept = np.zeros(3), []
    for _ in range(6_000):
        z = _slice(z, group, 3, lambda at: -0.5 * ((seen - at) / noise) ** 2, rng)
        kept.append(z)
    draws = np.array(kept)
    share = 1 / (1 + noise**2)
    assert np.allclose(draws.mean(axis=0), share * seen, atol=0.08)  # four standard errors of draws that are alike
    assert np.allclose(draws.std(axis=0), np.sqrt(1 - share), atol=0.08)


def test_after_a_learned_model_it_is_refused():
    world = simulate(events=6, sources=2, claims_per_event=2, outcomes=("killed",), rng=0)
    columns, roles = world.claims.columns, assign_roles(world.claims)
    posed = pose(columns, roles, Model())
    lesson = learn(posed.problem, rng=np.random.default_rng(0), draws=64)
    learned = lesson.problem.hierarchy.learned(lesson.mean, lesson.covariance, lesson.t, lesson.t_sd, None)
    again = pose(columns, roles, Model(learned=learned))
    with pytest.raises(InvalidValue, match="gibbs"):
        sample_lesson(again.problem, rng=np.random.default_rng(0))


@pytest.mark.slow
def test_two_engines_agree():
    """Counts and sources learned from the mode, and by a sampler that shares nothing with it but the rows of claims."""
    world = simulate(events=14, sources=4, claims_per_event=(3, 4), outcomes=("killed",), rng=0)
    posed = pose(world.claims.columns, assign_roles(world.claims), Model())
    mine = learn(posed.problem, rng=np.random.default_rng(0))
    other = sample_lesson(mine.problem, rng=np.random.default_rng(1))
    for one, two in zip(mine.start[:-1], mine.start[1:], strict=True):
        distance = 0.5 * np.abs(mine.mass[one:two] - other.mass[one:two]).sum()
        assert distance < 0.05 + mine.error + other.error
    sd = other.xs.std(axis=0)
    gap = np.abs(mine.xs.mean(axis=0) - other.xs.mean(axis=0)) / sd
    assert np.median(gap) < 0.25  # both means have some hundred effective draws, so about .1 of a deviation each
    assert np.median(np.abs(np.log(mine.xs.std(axis=0) / sd))) < 0.15


def test_a_drawn_count_is_read_as_among_all_of_its_cells():
    """Cut to one cell, a count once took that cell for 0, so that nobody ever denied."""
    world = simulate(events=12, sources=4, claims_per_event=(2, 4), outcomes=("killed",), rng=1)
    posed = pose(world.claims.columns, assign_roles(world.claims), Model())
    chain = _Chain(posed.problem, np.random.default_rng(0))
    chain.counts(keep=False)
    (shard,), floor = chain.claimed.shards, chain.claimed.floor()
    rows = choose_likelihood().rows(
        shard, theta_of(shard, chain.x[None]), np.ascontiguousarray(floor[:, shard.rows].T)
    )[0]
    event = posed.problem.claims.event[shard.rows]
    cell = (chain.drawn - chain.claimed.cells.first[:-1])[event]
    assert 0 < np.mean(cell == 0) < 1
    said = np.log(rows[shard.pair[:-1] + cell])
    wanted = np.bincount(posed.problem.source[shard.rows], said, len(posed.problem.hierarchy.place))
    wanted += np.bincount(chain.first.problem.source, chain._openings(chain.x), len(wanted))
    assert np.allclose(chain._by_speaker(chain.x), wanted, rtol=1e-12)
