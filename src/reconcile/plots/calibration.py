# SPDX-License-Identifier: MIT
"""Whether a method is as sure as it should be: ranks of truths, and how many truths intervals hold."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from reconcile.plots.canvas import BLUE, GREY, INK, ORANGE, TEXT_SIZE, entitle, paper, remark
from reconcile.plumbing import check, count_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["draw_calibration", "draw_coverage"]

_LEVELS = np.arange(0.05, 0.96, 0.05)


def draw_calibration(
    ranks: ArrayLike,
    band: tuple[ArrayLike, ArrayLike, ArrayLike] | None = None,
    ax: Axes | None = None,
    *,
    title: str | None = None,
    width: float = 5.2,
) -> Axes:
    """Draw how far the distribution function of ranks is from that of even ones.

    A curve inside the band is what a calibrated method gives. A hill before a dale comes of intervals that are too
    narrow, a dale before a hill of such that are too wide; a hill alone says that the truths lie lower than expected, a
    dale alone that they lie higher.

    Parameters
    ----------
    ranks : array of float, shape (n,)
        Where each truth falls in its posterior, from 0 to 1: `randomised_pit`, or `ranks` of draws.
    band : (points, low, high), optional
        What `reconcile.testing.calibration.ecdf_band(n)` gives.
    ax : matplotlib Axes, optional
        Where to draw; by default on a new figure, ``ax.figure``.
    title : str, keyword, optional
        "" for none.
    width : float, keyword
        Of a new figure, in inches.

    Returns
    -------
    matplotlib Axes

    Raises
    ------
    InvalidValue
        For ranks that are not numbers from 0 to 1, or a band whose parts differ in length.
    MissingDependency
        If matplotlib is not installed.

    Examples
    --------
    >>> import numpy as np
    >>> from reconcile.testing.calibration import ecdf_band
    >>> even = np.random.default_rng(0).random(200)
    >>> ax = draw_calibration(even, ecdf_band(200))
    """
    found = _ranks(ranks, "draw_calibration(ranks)")
    own = ax is None
    with paper(ax, width, 3.4) as axes:
        axes.axhline(0, color=GREY, linewidth=0.8)
        said = [f"{count_of(len(found), 'rank')}."]
        if band is not None:
            points, low, high = (np.asarray(part, dtype=float) for part in band)
            sizes = points.shape, low.shape, high.shape
            check(
                points.ndim == 1 and len(set(sizes)) == 1, "draw_calibration(band)", sizes, "three rows of one length"
            )
            axes.fill_between(points, low - points, high - points, color=ORANGE, alpha=0.4, linewidth=0, label="band")
            share = np.searchsorted(found, points, side="right") / len(found)
            outside = int(np.sum((share < low - 1e-12) | (share > high + 1e-12)))
            inside = "The curve stays inside the band." if not outside else f"It leaves the band at {outside} points."
            said.append(inside)
        # The function jumps at every rank: both ends of each jump are drawn.
        ends = np.concatenate([[0.0], np.repeat(found, 2), [1.0]])
        steps = np.concatenate([np.repeat(np.arange(len(found) + 1), 2)]) / len(found)
        axes.plot(ends, steps - ends, color=BLUE, linewidth=1.6, label="ranks")
        axes.set_xlim(0, 1)
        axes.set_xlabel("rank of the truth in its posterior", fontsize=TEXT_SIZE, color=INK)
        axes.set_ylabel("share of ranks at most that, minus it", fontsize=TEXT_SIZE, color=INK)
        remark(axes, [" ".join(said)], own=own)
        entitle(axes, "Ranks of the truths" if title is None else title, own=own)
    return axes


def draw_coverage(
    ranks: ArrayLike,
    ax: Axes | None = None,
    *,
    title: str | None = None,
    width: float = 5.2,
) -> Axes:
    """Draw how many truths equal-tailed intervals hold, beside how many they should.

    Grey is where 95 of 100 such shares would lie, each by itself, if the intervals held what they say (the standard
    error of a share, doubled).

    Parameters
    ----------
    ranks : array of float, shape (n,)
        Where each truth falls in its posterior, from 0 to 1.
    ax : matplotlib Axes, optional
        Where to draw; by default on a new figure, ``ax.figure``.
    title : str, keyword, optional
        "" for none.
    width : float, keyword
        Of a new figure, in inches.

    Returns
    -------
    matplotlib Axes

    Raises
    ------
    InvalidValue
        For ranks that are not numbers from 0 to 1.
    MissingDependency
        If matplotlib is not installed.

    Examples
    --------
    >>> import numpy as np
    >>> ax = draw_coverage(np.random.default_rng(0).random(200))
    """
    found = _ranks(ranks, "draw_coverage(ranks)")
    held = np.array([np.mean(np.abs(found - 0.5) <= level / 2) for level in _LEVELS])
    error = 1.96 * np.sqrt(_LEVELS * (1 - _LEVELS) / len(found))
    own = ax is None
    with paper(ax, width, 3.6) as axes:
        low, high = 100 * np.clip(_LEVELS - error, 0, 1), 100 * np.clip(_LEVELS + error, 0, 1)
        axes.fill_between(100 * _LEVELS, low, high, color=GREY, alpha=0.25, linewidth=0, label="chance")
        axes.plot([0, 100], [0, 100], color=INK, linewidth=0.8, linestyle=(0, (4, 3)), label="as it should be")
        axes.plot(100 * _LEVELS, 100 * held, color=BLUE, marker="o", markersize=4, linewidth=1.2, label="held")
        axes.set_xlim(0, 100)
        axes.set_ylim(0, 100)
        axes.set_xlabel("probability of the interval, %", fontsize=TEXT_SIZE, color=INK)
        axes.set_ylabel("truths that it holds, %", fontsize=TEXT_SIZE, color=INK)
        at = int(np.argmin(np.abs(_LEVELS - 0.9)))
        remark(axes, [f"{count_of(len(found), 'truth')}; 90 % intervals hold {100 * held[at]:.1f} % of them."], own=own)
        entitle(axes, "How many truths intervals hold" if title is None else title, own=own)
    return axes


def _ranks(ranks: ArrayLike, what: str) -> NDArray[np.float64]:
    found = np.sort(np.asarray(ranks, dtype=float).ravel())
    fine = len(found) > 0 and bool(np.all((found >= 0) & (found <= 1)))
    check(fine, what, ranks, "at least one number, all from 0 to 1")
    return found
