# SPDX-License-Identifier: MIT
"""Axes for counts: even, by the square root or by the logarithm, as wide as the counts are apart."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from reconcile.plots.lettering import legible, shorten
from reconcile.plumbing import check

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = [
    "Scale",
    "choose_ratios",
    "choose_scale",
    "choose_ticks",
    "forward",
    "name_axis",
    "scale_counts",
    "scale_ratios",
]

Scale: TypeAlias = Literal["linear", "sqrt", "log"]
Floats: TypeAlias = NDArray[np.float64]

NARROW, MODERATE = 12.0, 150.0  # ratios of the largest to the smallest count (or 1) up to which a scale is read well
SMALL = 25  # counts up to which an even axis always does
_LETTER = 5.0  # width of a digit of a tick's label, in points
_GAP = 9.0
_LONGEST = 30  # columns of what is counted


def choose_scale(low: float, high: float, scale: str = "auto") -> Scale:
    """Choose a scale for counts from `low` to `high`.

    Examples
    --------
    >>> choose_scale(0, 20), choose_scale(0, 100), choose_scale(0, 1_000_000), choose_scale(500_000, 700_000)
    ('linear', 'sqrt', 'log', 'linear')
    """
    allowed = "'auto', 'linear', 'sqrt' or 'log'"
    check(scale in ("auto", "linear", "sqrt", "log"), "scale", scale, allowed)
    if scale != "auto":
        return scale  # type: ignore[return-value]
    ratio = high / max(low, 1.0)
    if high <= SMALL or ratio <= NARROW:
        return "linear"
    return "sqrt" if ratio <= MODERATE else "log"


def name_axis(outcome: object, scale: Scale) -> str:
    """Say what is counted, and how the axis is scaled unless it is even."""
    scaled = {"linear": "", "sqrt": " (square root scale)", "log": " (logarithmic scale)"}[scale]
    return shorten(legible(str(outcome)), _LONGEST) + scaled


def forward(scale: Scale, counts: Any) -> Floats:
    """Where counts lie on the axis; negative ones as their mirror image, so that an axis may begin below 0."""
    x = np.asarray(counts, dtype=float)
    if scale == "linear":
        return x
    return np.asarray(np.sign(x) * (np.sqrt(np.abs(x)) if scale == "sqrt" else np.log1p(np.abs(x))))


def _backward(scale: Scale, places: Any) -> Floats:
    x = np.asarray(places, dtype=float)
    if scale == "linear":
        return x
    return np.asarray(np.sign(x) * (x * x if scale == "sqrt" else np.expm1(np.abs(x))))


def choose_ticks(low: float, high: float, scale: Scale, points: float) -> list[int]:
    """Choose counts to be named on an axis of so many points, such that no two names touch."""
    if scale == "linear":
        return _even_ticks(low, high, points)
    top = int(np.floor(np.log10(max(high, 1)))) + 1
    order = [0, *(10**k for k in range(top, -1, -1)), *(5 * 10**k for k in range(top, -1, -1))]
    order += [2 * 10**k for k in range(top, -1, -1)] + ([30, 75, 150, 300] if scale == "sqrt" else [])
    return _without_overlap([n for n in order if low <= n <= high], low, high, scale, points)


def _without_overlap(order: Iterable[int], low: float, high: float, scale: Scale, points: float) -> list[int]:
    start, end = forward(scale, low), forward(scale, high)
    taken: dict[int, tuple[float, float]] = {}
    for n in order:
        at = float((forward(scale, n) - start) / max(float(end - start), 1e-12)) * points
        half = (_LETTER * len(f"{n:,}") + _GAP) / 2
        if all(at + half <= left or right <= at - half for left, right in taken.values()):
            taken[n] = (at - half, at + half)
    return sorted(taken)


def _even_ticks(low: float, high: float, points: float) -> list[int]:
    room = max(int(points / (_LETTER * len(f"{int(high):,}") + _GAP)), 2)
    for power in range(3 * 13):
        step = (1, 2, 5)[power % 3] * 10 ** (power // 3)
        first, last = math.ceil(low / step), math.floor(high / step)
        if last - first < min(room, 8):
            return [step * n for n in range(first, last + 1)]
    return []


def scale_counts(
    ax: Axes,
    low: float,
    high: float,
    scale: str,
    points: float,
    *,
    which: str = "x",
    room: tuple[float, float] = (0.0, 0.0),
) -> Scale:
    """Set scale, limits and ticks of an axis of counts of so many points, with room at its ends; give the scale."""
    from matplotlib.ticker import FuncFormatter, NullLocator

    from reconcile.plots.locators import CountLocator

    chosen = choose_scale(low, high, scale)
    ends = forward(chosen, [low, high])
    span = max(float(ends[1] - ends[0]), float(forward(chosen, high + 1) - ends[1]), 1e-9)
    beyond = [0.05 + more / points for more in room]
    first, last = (float(x) for x in _backward(chosen, [ends[0] - beyond[0] * span, ends[1] + beyond[1] * span]))
    if chosen == "linear":
        first, last = min(first, low - 0.6), max(last, high + 0.6)
    axis = ax.xaxis if which == "x" else ax.yaxis
    setter = {"x": ax.set_xscale, "y": ax.set_yscale}[which]
    if chosen == "linear":
        setter("linear")
    else:
        setter("function", functions=(lambda x: forward(chosen, x), lambda x: _backward(chosen, x)))
    (ax.set_xlim if which == "x" else ax.set_ylim)(first, last)
    axis.set_major_locator(CountLocator(chosen))
    axis.set_minor_locator(NullLocator())
    axis.set_major_formatter(FuncFormatter(lambda n, _: f"{n:,.0f}"))
    ax.grid(visible=True, axis=which, color="#E6E6E6", linewidth=0.6)
    return chosen


def choose_ratios(low: float, high: float, points: float) -> list[float]:
    """Choose ratios to be named on a logarithmic axis of so many points: 1 first, then those that leave room."""
    order = [1.0, *(10.0**power for k in range(1, 9) for power in (k, -k))]
    order += [0.5, 2.0, 0.2, 5.0, 0.7, 1.5, 0.05, 20.0, 0.02, 50.0, 0.8, 1.2, 0.9, 1.1]
    start, end = np.log([low, high])
    taken: dict[float, tuple[float, float]] = {}
    for ratio in order:
        at = float((np.log(ratio) - start) / (end - start)) * points
        half = (_LETTER * len(f"{ratio:g}") + _GAP) / 2
        if 0 <= at <= points and all(at + half <= left or right <= at - half for left, right in taken.values()):
            taken[ratio] = (at - half, at + half)
    return sorted(taken)


def scale_ratios(ax: Axes, low: float, high: float) -> None:
    """Make the horizontal axis one of ratios, on a logarithmic scale."""
    from matplotlib.ticker import FuncFormatter, NullLocator

    from reconcile.plots.locators import RatioLocator

    ax.set_xscale("log")
    ax.set_xlim(low, high)
    ax.xaxis.set_major_locator(RatioLocator())
    ax.xaxis.set_minor_locator(NullLocator())
    ax.xaxis.set_major_formatter(FuncFormatter(lambda ratio, _: f"{ratio:g}"))
    ax.grid(visible=True, axis="x", color="#E6E6E6", linewidth=0.6)
