# SPDX-License-Identifier: MIT
"""Each kind of value drawn as what it says: a point, an arrow, a bar, a soft band, an interval."""

from __future__ import annotations

from typing import TYPE_CHECKING, assert_never

import attrs

from reconcile.claims import Claim
from reconcile.speech import Speech
from reconcile.values import About, AtLeast, AtMost, Between, Exactly, Share, Surveyed, Vague, Value

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["Span", "draw_mark", "in_short", "span_of"]

ARROW = 24  # length of an arrow, in points
HEIGHT = 0.5  # of a band, in rows
_LIGHT = 0.22  # of one layer of a band; a value is read as several, one in the other


@attrs.frozen
class Span:
    """What a picture shows of a value, in counts.

    Attributes
    ----------
    low, high : float
        Ends of what is drawn; for "at least" and "at most" both are the number said.
    point : float or None
        The number said, where there is one.
    layers : tuple of (float, float)
        Soft bands, the widest last.
    """

    low: float
    high: float
    point: float | None = None
    layers: tuple[tuple[float, float], ...] = ()


def span_of(value: Value, speech: Speech, whole: tuple[int, int] | None = None) -> Span | None:
    """Say what is to be drawn of a value.

    Parameters
    ----------
    value : Value
    speech : Speech
        What words mean.
    whole : (int, int), optional
        For a share, what the larger group is taken to count.

    Returns
    -------
    Span or None
        None for a share of something that is not known.
    """
    match value:
        case Exactly(n) | AtLeast(n) | AtMost(n):
            return Span(n, n, n)
        case Between(low, high):
            return Span(low, high)
        case Surveyed(point, low, high):
            return Span(low, high, point)
        case About() | Vague():
            meaning = speech.read(value)
            layers = sorted(zip(meaning.low.tolist(), meaning.high.tolist(), strict=True), key=lambda x: x[1] - x[0])
            # The widest has little weight; a picture need not make room for it.
            drawn = tuple(layers[:2])
            said = value.n if isinstance(value, About) else None
            return Span(min(low for low, _ in drawn), max(high for _, high in drawn), said, drawn)
        case Share(low, high):
            return None if whole is None else Span(low * whole[0], high * whole[1])
    assert_never(value)


def draw_mark(ax: Axes, y: float, value: Value, span: Span, *, color: str, hollow: bool, label: str) -> None:
    """Draw a value in its row; hollow where it was said with a reservation."""
    fill = "white" if hollow else color
    ink = {"color": color, "label": label, "zorder": 3}
    match value:
        case Exactly():
            ax.plot([span.low], [y], marker="o", markersize=6.5, markerfacecolor=fill, linestyle="", **ink)
        case AtLeast() | AtMost():
            ax.plot([span.low], [y], marker="|", markersize=11, markeredgewidth=2.2, linestyle="", **ink)
            _point(ax, span.low, y, ARROW if isinstance(value, AtLeast) else -ARROW, color, hollow=hollow)
        case Between():
            style = (0, (1.2, 0.5)) if hollow else "-"
            ax.plot([span.low, span.high], [y, y], linewidth=6, solid_capstyle="butt", linestyle=style, **ink)
            ax.plot([span.low, span.high], [y, y], marker="|", markersize=12, markeredgewidth=1.6, linestyle="", **ink)
        case Surveyed():
            style = (0, (4, 2)) if hollow else "-"
            ax.plot([span.low, span.high], [y, y], marker="|", markersize=9, linewidth=1.4, linestyle=style, **ink)
            ax.plot([span.point], [y], marker="s", markersize=6, markerfacecolor=fill, linestyle="", **ink)
        case About() | Vague():
            for low, high in span.layers:
                ax.barh(
                    y, high - low + 1, HEIGHT, left=max(low - 0.5, 0), color=color, alpha=_LIGHT, linewidth=0,
                    label=label,
                )  # fmt: skip
            if span.point is not None:
                ax.plot([span.point], [y], marker="D", markersize=5, markerfacecolor=fill, linestyle="", **ink)
        case Share():
            style = (0, (1, 1.2)) if hollow else (0, (2.2, 0.8))
            ax.plot([span.low, span.high], [y, y], linewidth=3.2, linestyle=style, **ink)
            ax.plot([span.low, span.high], [y, y], marker="|", markersize=8, linestyle="", **ink)


def in_short(claim: Claim) -> str:
    """Say what a claim says, in few words."""
    value, perhaps = claim.value, "perhaps " if claim.hedged else ""
    if isinstance(value, Surveyed):
        return f"{perhaps}{value.point:,} ({100 * value.level:g} % {value.low:,}\u2013{value.high:,})"
    return f"{perhaps}{value}"


def _point(ax: Axes, x: float, y: float, length: float, color: str, *, hollow: bool) -> None:
    """Draw an arrow of so many points: how far it goes says nothing."""
    from matplotlib.transforms import offset_copy

    ahead = offset_copy(ax.transData, fig=ax.get_figure(), x=length, units="points")
    arrow = {
        "arrowstyle": "-|>", "color": color, "linewidth": 1.6, "shrinkA": 0, "shrinkB": 0,
        "linestyle": (0, (2, 1.2)) if hollow else "-",
    }  # fmt: skip
    ax.annotate("", (x, y), xycoords=ahead, xytext=(x, y), textcoords="data", arrowprops=arrow, annotation_clip=False)
