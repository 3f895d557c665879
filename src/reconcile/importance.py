# SPDX-License-Identifier: MIT
"""Importance sampling: evenly spread points in independent blocks, and Pareto-smoothed weights."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

__all__ = ["BLOCKS", "normal_points", "smooth_weights"]

Floats: TypeAlias = NDArray[np.float64]

BLOCKS = 8  # independent sets of draws, whose spread tells the error
_TINY = 1e-290


def normal_points(draws: int, size: int, rng: np.random.Generator) -> Floats:
    """Standard normal points in independent Latin hypercubes, interleaved; shape (draws, size)."""
    from scipy.special import ndtri

    count = draws // BLOCKS
    cells = rng.permuted(np.broadcast_to(np.arange(count), (BLOCKS, size, count)), axis=2)
    uniform = np.clip((cells + rng.random(cells.shape)) / count, 1e-12, 1 - 1e-12)
    points: Floats = ndtri(uniform).transpose(2, 0, 1).reshape(count * BLOCKS, size)
    return points


def smooth_weights(log_weight: Floats) -> tuple[Floats, float]:
    """Pareto-smooth importance weights (Vehtari et al. 2024).

    Parameters
    ----------
    log_weight : ndarray, shape (s,)

    Returns
    -------
    weight : ndarray, shape (s,)
        Sums to 1.
    khat : float
        Shape of the tail; above .7 the weights are not to be trusted. -inf where the tail is flat, inf where there
        are too few draws to tell.
    """
    count = len(log_weight)
    raw = np.exp(log_weight - log_weight.max())
    tail = int(min(0.2 * count, 3 * np.sqrt(count)))
    order = np.argsort(raw, kind="stable")
    if raw[order[-max(tail, 1) - 1]] >= raw[order[-1]] * (1 - 1e-9):
        return raw / raw.sum(), -np.inf
    if tail < 5:
        return raw / raw.sum(), np.inf
    cut = raw[order[-tail - 1]]
    above = raw[order[-tail:]] - cut
    khat, scale = _fit_pareto(np.sort(above))
    if np.isfinite(khat):
        chance = (np.arange(1, tail + 1) - 0.5) / tail
        smooth = scale * np.expm1(-khat * np.log1p(-chance)) / khat if abs(khat) > 1e-9 else -scale * np.log1p(-chance)
        raw[order[-tail:]] = np.minimum(cut + smooth, 1.0)
    return raw / raw.sum(), float(khat)


def _fit_pareto(excess: Floats) -> tuple[float, float]:
    """Fit a generalised Pareto (Zhang & Stephens 2009) with the weak prior of Vehtari et al. on the shape."""
    count = len(excess)
    grid = 30 + int(np.sqrt(count))
    quarter = max(excess[int(count / 4 + 0.5) - 1], _TINY)
    rate = 1 / excess[-1] + (1 - np.sqrt(grid / (np.arange(1, grid + 1) - 0.5))) / (3 * quarter)
    shape = np.mean(np.log1p(-np.outer(rate, excess)), axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        score = count * (np.log(-rate / shape) - shape - 1)
    score = np.where(np.isfinite(score), score, -np.inf)
    weight = np.exp(score - score.max())
    best = float(np.sum(rate * weight) / weight.sum())
    khat = float(np.mean(np.log1p(-best * excess)))
    return (count * khat + 5) / (count + 10), -khat / best
