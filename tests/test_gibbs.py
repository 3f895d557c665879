# SPDX-License-Identifier: MIT
import numpy as np
import pytest

from reconcile.blocks import Cells, build_shards
from reconcile.dependence import assign_roles
from reconcile.errors import InvalidValue
from reconcile.gibbs import _Chain, _slice, sample_lesson
from reconcile.learning import learn
from reconcile.model import Model
from reconcile.problems import pose
from reconcile.rows import speak
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


def test_a_drawn_count_is_read_as_in_its_block():
    """Cut to one cell, a block once took that cell for the count 0, so that nobody ever denied."""
    world = simulate(events=12, sources=4, claims_per_event=(2, 4), outcomes=("killed",), rng=1)
    posed = pose(world.claims.columns, assign_roles(world.claims), Model())
    shards, edge = build_shards(posed.problem.claims, Cells.of(posed.problem.claims))
    chain = _Chain(posed.problem, shards, edge, np.random.default_rng(0))
    chain.counts(keep=False)
    theta = posed.problem.hierarchy.theta(chain.x, posed.problem.columns)
    wanted = np.zeros(len(posed.problem.hierarchy.place))
    for shard, cut in chain.points:
        for block, few in zip(shard.blocks, cut, strict=True):
            rows = shard.rows[block.claims]
            cell = np.argmax(block.low == few.low[:, -1:], axis=1)
            row = speak(block, theta[:, rows], chain.floor[:, rows], slopes=False).row
            row = row[np.arange(len(row)), cell[block.event]]
            wanted += np.bincount(posed.problem.source[rows], np.log(row), len(wanted))
    for _, speaker, gain in chain._openings(chain.x):
        wanted += np.bincount(speaker, gain, len(wanted))
    assert np.allclose(chain._by_speaker(chain.x), wanted, rtol=1e-12)
