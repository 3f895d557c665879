# SPDX-License-Identifier: MIT
import numpy as np
import pytest

from reconcile.inference.importance import BLOCKS, normal_points


@pytest.mark.parametrize("size", [1, 3, 12])
def test_points_are_normal_and_spread_more_evenly_than_chance(size):
    points = normal_points(1_024, size, np.random.default_rng(0))
    assert points.shape == (1_024, size)
    assert np.all(np.abs(points.mean(axis=0)) < 1 / np.sqrt(1_024))  # chance would leave one standard error
    assert np.allclose(points.std(axis=0), 1, atol=0.05)
    assert np.all(np.isfinite(points))
    blocks = [points[block::BLOCKS].mean(axis=0) for block in range(BLOCKS)]
    assert len(np.unique(np.round(blocks, 12), axis=0)) == BLOCKS
