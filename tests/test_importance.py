# SPDX-License-Identifier: MIT
import numpy as np
import pytest

from reconcile.importance import BLOCKS, normal_points, smooth_weights


@pytest.mark.parametrize("shape", [0.1, 0.4, 0.7, 1.0, 1.4])
def test_khat_is_the_shape_of_a_pareto_tail(shape):
    found = []
    for seed in range(20):
        weight, khat = smooth_weights(np.random.default_rng(seed).exponential(size=20_000) * shape)
        assert weight.sum() == pytest.approx(1)
        assert np.all(weight >= 0)
        found.append(khat)
    assert np.mean(found) == pytest.approx(shape, abs=0.1)


def test_equal_weights_stay_equal():
    weight, khat = smooth_weights(np.full(100, -1234.5))
    assert np.allclose(weight, 0.01)
    assert khat == -np.inf


def test_too_few_draws_are_not_trusted():
    assert smooth_weights(np.arange(12.0))[1] == np.inf


@pytest.mark.parametrize("size", [1, 3, 12])
def test_points_are_normal_and_spread_more_evenly_than_chance(size):
    points = normal_points(1_024, size, np.random.default_rng(0))
    assert points.shape == (1_024, size)
    assert np.all(np.abs(points.mean(axis=0)) < 1 / np.sqrt(1_024))  # chance would leave one standard error
    assert np.allclose(points.std(axis=0), 1, atol=0.05)
    assert np.all(np.isfinite(points))
    blocks = [points[block::BLOCKS].mean(axis=0) for block in range(BLOCKS)]
    assert len(np.unique(np.round(blocks, 12), axis=0)) == BLOCKS
