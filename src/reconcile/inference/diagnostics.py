# SPDX-License-Identifier: MIT
"""What draws are worth: effective draws and agreement of chains, and weights with the shape of their tail.

The formulas are those of Vehtari, Gelman, Simpson, Carpenter and Bürkner (2021, Bayesian Analysis 16, 667-718) for
chains, and of Vehtari, Simpson, Gelman, Yao and Gabry (2024, JMLR 25:72) for weights; tests hold both against ArviZ.
"""

from __future__ import annotations

import math
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

__all__ = ["bulk_ess", "smooth_weights", "split_rhat"]

Floats: TypeAlias = NDArray[np.float64]

FEWEST = 4  # draws of a chain of which each half has a variance
_TINY = 1e-290


def bulk_ess(draws: Floats) -> Floats:
    """Effective number of draws for the bulk of each parameter's distribution.

    Chains are cut in halves, and draws replaced by normal quantiles of their ranks, so that no moments are needed;
    autocorrelations are summed as far as Geyer's (1992) initial monotone sequence goes (Vehtari et al. 2021).

    Parameters
    ----------
    draws : ndarray, shape (draws, chains, p)
        Of an odd number of draws, the middle one is left out.

    Returns
    -------
    ndarray, shape (p,)
        At most n log10(n) of n draws: chains that swing to and fro can know a mean better than independent draws. NaN
        for a parameter with a NaN among its draws, and for all where a chain has fewer than four. For a constant, all
        draws: whether it is stuck they cannot tell.
    """
    if len(draws) < FEWEST:
        return np.full(draws.shape[2], np.nan)
    z = _normal_scores(_halves(draws))
    _, chains, length = z.shape
    count = chains * length
    center = z.mean(axis=2, keepdims=True)
    padded = 1 << (2 * length - 1).bit_length()  # so that the end does not meet the beginning
    power = np.mean(np.abs(np.fft.rfft(z - center, padded)) ** 2, axis=1)
    covariance = np.fft.irfft(power, padded)[:, :length] / length
    within = covariance[:, :1] * length / (length - 1)
    total = covariance[:, :1] + center.var(axis=1, ddof=1)
    correlation = 1 - np.divide(within - covariance, total, out=np.zeros_like(covariance), where=total > 0)
    correlation[:, 0] = 1.0

    # Sums of two neighbours are positive and fall, but for noise: they count up to the first that is not positive.
    pairs = max((length - 3) // 2, 0) + 1
    even, odd = (correlation[:, first : 2 * pairs : 2] for first in (0, 1))
    both = even + odd
    over = both <= 0
    over[:, -1] = True
    last = np.argmax(over, axis=1)[:, None]
    summed = np.sum(np.minimum.accumulate(both, axis=1), axis=1, where=np.arange(pairs) < last)
    even_last, both_last = (np.take_along_axis(of, last, axis=1)[:, 0] for of in (even, both))
    time = 2 * summed - 1 + np.where((even_last > 0) | (both_last >= 0), even_last, 0.0)
    effective = count / np.maximum(time, 1 / np.log10(count))
    effective[total[:, 0] == 0] = count
    return _unless_nan(effective, draws)


def split_rhat(draws: Floats) -> Floats:
    """How much wider all chains together are than each: R-hat of ranks, in the bulk or in the tails.

    Chains are cut in halves, so that a drift shows; of two R-hats the larger is given, that of the draws and that of
    their distances to the median, either replaced by normal quantiles of their ranks (Vehtari et al. 2021).

    Parameters
    ----------
    draws : ndarray, shape (draws, chains, p)
        Of an odd number of draws, the middle one is left out.

    Returns
    -------
    ndarray, shape (p,)
        About 1 where chains agree. inf where no chain moves and they differ. NaN where nothing can be said: for a
        constant, for a parameter with a NaN among its draws, and for all where there is one chain or a chain has fewer
        than four draws.
    """
    if len(draws) < FEWEST or draws.shape[1] < 2:
        return np.full(draws.shape[2], np.nan)
    halves = _halves(draws)
    with np.errstate(invalid="ignore"):  # inf less inf
        folded = np.abs(halves - np.median(halves, axis=(1, 2), keepdims=True))
    bulk, tails = (_scale_reduction(_normal_scores(rows)) for rows in (halves, folded))
    return _unless_nan(np.fmax(bulk, tails), draws)  # all may be as far from the median, and chains still differ


def _halves(draws: Floats) -> Floats:
    """Cut each chain in two; shape (p, 2 chains, draws // 2)."""
    half = len(draws) // 2
    return np.concatenate([draws[:half], draws[-half:]], axis=1).transpose(2, 1, 0)


def _normal_scores(rows: Floats) -> Floats:
    """Replace draws by the normal quantiles of their ranks (Blom 1958), equal ones by that of their mean rank.

    Parameters
    ----------
    rows : ndarray, shape (p, chains, n)
        Ranked over all chains.

    Returns
    -------
    ndarray, shape (p, chains, n)
    """
    from scipy.special import ndtri

    size = rows.shape[1] * rows.shape[2]
    flat = rows.reshape(len(rows), size)
    order = np.argsort(flat, axis=1)
    ordered = np.take_along_axis(flat, order, axis=1)
    new = np.ones(flat.shape, dtype=bool)
    new[:, 1:] = ordered[:, 1:] != ordered[:, :-1]
    quantile = ndtri((np.arange(2, 2 * size + 1) / 2 - 3 / 8) / (size + 1 / 4))  # of ranks 1, 1.5, 2, ..., size
    ranked = np.broadcast_to(quantile[::2], flat.shape)
    if not new.all():
        start = np.flatnonzero(new)
        run = np.diff(start, append=flat.size)  # as many are equal
        ranked = np.repeat(quantile[(2 * start + run - 1) % (2 * size)], run).reshape(flat.shape)
    scores = np.empty(flat.shape)
    np.put_along_axis(scores, order, ranked, axis=1)
    return scores.reshape(rows.shape)


def _scale_reduction(rows: Floats) -> Floats:
    """R-hat (Gelman and Rubin 1992) of `rows`, shape (p, chains, n); inf or NaN where no chain moves."""
    within = np.var(rows - rows[:, :, :1], axis=2, ddof=1).mean(axis=1)  # 0, not nearly, where no chain moves
    between = rows.mean(axis=2).var(axis=1, ddof=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        found: Floats = np.sqrt(between / within + 1 - 1 / rows.shape[2])
    return found


def _unless_nan(found: Floats, draws: Floats) -> Floats:
    """Make NaN what was found of parameters that have a NaN among their draws."""
    return np.where(np.isnan(draws).any(axis=(0, 1)), np.nan, found)


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
    tail = math.ceil(min(count / 5, 3 * np.sqrt(count)))
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
