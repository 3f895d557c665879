# SPDX-License-Identifier: MIT
"""Where one truth falls in its posterior, and the band that the ranks of a calibrated method keep to."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from reconcile.estimates import Estimate
from reconcile.plumbing import check, refuse_old, to_generator
from reconcile.pmf import PMF
from reconcile.testing.adapters import Belief

__all__ = ["ecdf_band", "randomised_pit", "ranks"]

Floats: TypeAlias = NDArray[np.float64]

_POINTS = 100  # at most, at which a band is known
_WORLDS = 10_000  # of uniform ranks, drawn to find how wide a band must be


def randomised_pit(
    distribution: PMF | Estimate | Belief,
    truth: int,
    seed: int | np.random.Generator | None = None,
    **old: object,
) -> float:
    """Give a random place within the step of the distribution function at the truth: uniform if it is calibrated.

    Parameters
    ----------
    distribution : PMF, Estimate or Belief
        Anything with a ``cdf``.
    truth : int
    seed : int or numpy Generator, optional

    Examples
    --------
    >>> from reconcile.pmf import Lattice
    >>> coin = PMF(Lattice.integers(1), np.array([0.5, 0.5]))
    >>> 0.5 <= randomised_pit(coin, 1, seed=0) <= 1.0
    True
    """
    refuse_old("randomised_pit", old, rng="seed")
    start, place = float(distribution.cdf(truth - 1)), float(to_generator("randomised_pit", seed).random())
    return start + place * (float(distribution.cdf(truth)) - start)


def ranks(
    draws: NDArray[np.generic],
    truth: NDArray[np.generic] | float,
    seed: int | np.random.Generator | None = None,
    **old: object,
) -> Floats:
    """Give the share of draws below each truth, ties broken and gaps filled at random: uniform if they are calibrated.

    Parameters
    ----------
    draws : ndarray, shape (..., n)
        Equally weighted draws from the posterior of each truth.
    truth : ndarray, shape (...)
    seed : int or numpy Generator, optional

    Returns
    -------
    ndarray, shape (...)
        Numbers between 0 and 1.

    Examples
    --------
    >>> bool(ranks(np.array([1.0, 2.0, 3.0]), 2.5, seed=0) > 0.5)
    True
    """
    refuse_old("ranks", old, rng="seed")
    drawn, true = np.asarray(draws), np.asarray(truth)[..., None]
    below, equal = np.sum(drawn < true, axis=-1), np.sum(drawn == true, axis=-1)
    place = to_generator("ranks", seed).random(below.shape)
    found: Floats = (below + place * (equal + 1)) / (drawn.shape[-1] + 1)
    return found


def ecdf_band(
    number: int, level: float = 0.99, *, seed: int | np.random.Generator | None = 0, **old: object
) -> tuple[Floats, Floats, Floats]:
    """Give the band that holds the whole distribution function of independent uniform ranks with probability `level`.

    At each point the band is an interval of a binomial, all of one probability; it is chosen by drawing uniform ranks,
    so that the whole function stays inside as often as `level` says (Säilynoja, Bürkner and Vehtari 2022).

    Parameters
    ----------
    number : int
        How many ranks.
    level : float
    seed : int or numpy Generator, keyword

    Returns
    -------
    points, low, high : ndarray
        The share of ranks that are at most a point should be from `low` to `high`, both counted in.

    Examples
    --------
    >>> points, low, high = ecdf_band(100)
    >>> bool(np.all(low <= points) and np.all(points <= high))
    True
    """
    from scipy.special import bdtr, bdtrc

    refuse_old("ecdf_band", old, rng="seed")
    check(number >= 2, "ecdf_band(number)", number, "a whole number from 2")
    check(0 < level < 1, "ecdf_band(level)", level, "a probability between 0 and 1")
    cells = min(number, _POINTS)
    points = np.arange(1, cells) / cells
    count = np.arange(number + 1)[:, None]
    # Probability of that few, and of that many, at each point.
    tails = np.minimum(bdtr(count, number, points), np.where(count > 0, bdtrc(count - 1, number, points), 1.0))
    drawn = to_generator("ecdf_band", seed).multinomial(number, np.full(cells, 1 / cells), size=_WORLDS)
    least = tails[np.cumsum(drawn, axis=1)[:, :-1], np.arange(cells - 1)].min(axis=1)
    # A count and its mirror image have one probability, but for rounding.
    inside = tails >= (1 - 1e-9) * np.quantile(least, 1 - level, method="lower")
    low = np.argmax(inside, axis=0) / number
    high = (number - np.argmax(inside[::-1], axis=0)) / number
    return points, low, high
