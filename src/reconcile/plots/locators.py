# SPDX-License-Identifier: MIT
"""Ticks that are chosen when the figure is drawn, for the room that the axes then have; needs matplotlib."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.ticker import Locator

from reconcile.plots.scales import Scale, choose_ratios, choose_ticks

__all__ = ["CountLocator", "RatioLocator"]


class CountLocator(Locator):  # type: ignore[misc,unused-ignore]
    """Ticks of an axis of counts."""

    def __init__(self, scale: Scale) -> None:
        self.scale = scale

    def __call__(self) -> Sequence[float]:
        """Choose ticks between the ends of the axis."""
        return self.tick_values(*self.axis.get_view_interval())

    def tick_values(self, vmin: float, vmax: float) -> Sequence[float]:
        """Choose ticks between two counts."""
        return choose_ticks(max(vmin, 0.0), vmax, self.scale, _length(self))


class RatioLocator(Locator):  # type: ignore[misc,unused-ignore]
    """Ticks of a logarithmic axis of ratios."""

    def __call__(self) -> Sequence[float]:
        """Choose ticks between the ends of the axis."""
        return self.tick_values(*self.axis.get_view_interval())

    def tick_values(self, vmin: float, vmax: float) -> Sequence[float]:
        """Choose ticks between two ratios."""
        return choose_ratios(vmin, vmax, _length(self))


def _length(locator: Locator) -> float:
    """Give how long the axis is, in points."""
    axes = locator.axis.axes
    box = axes.get_window_extent()
    along = box.width if locator.axis.axis_name == "x" else box.height
    return max(float(along) * 72 / float(axes.get_figure().dpi), 1.0)
