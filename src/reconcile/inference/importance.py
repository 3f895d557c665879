# SPDX-License-Identifier: MIT
"""Importance sampling: evenly spread points in independent blocks, and Pareto-smoothed weights."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

__all__ = ["BLOCKS", "normal_points"]

Floats: TypeAlias = NDArray[np.float64]

BLOCKS = 8  # independent sets of draws, whose spread tells the error


def normal_points(draws: int, size: int, rng: np.random.Generator) -> Floats:
    """Standard normal points in independent Latin hypercubes, interleaved; shape (draws, size)."""
    from scipy.special import ndtri

    count = draws // BLOCKS
    cells = rng.permuted(np.broadcast_to(np.arange(count), (BLOCKS, size, count)), axis=2)
    uniform = np.clip((cells + rng.random(cells.shape)) / count, 1e-12, 1 - 1e-12)
    points: Floats = ndtri(uniform).transpose(2, 0, 1).reshape(count * BLOCKS, size)
    return points
