# SPDX-License-Identifier: MIT
"""How an estimate moved as claims came in."""

from __future__ import annotations

import datetime
from typing import TYPE_CHECKING, Any

import numpy as np

from reconcile.influence import History
from reconcile.plots.canvas import BLUE, GREY, INK, ORANGE, TEXT_SIZE, VERMILLION, entitle, paper, remark
from reconcile.plots.marks import Span, span_of
from reconcile.plots.scales import name_axis, scale_counts
from reconcile.plumbing import check, count_of
from reconcile.speech import Speech
from reconcile.values import AtLeast, AtMost, Value

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["draw_history"]

_TAIL = 0.06  # how far the last estimate is drawn beyond its day, as a share of the whole time


def draw_history(
    history: History,
    ax: Axes | None = None,
    *,
    level: float = 0.9,
    scale: str = "auto",
    speech: Speech | None = None,
    title: str | None = None,
    width: float = 6.4,
) -> Axes:
    """Draw the median and the interval as they were on each day, and the claims on the days on which they came in.

    Where the median lies in a valley, a line at each peak stands in its place.

    Parameters
    ----------
    history : History
        From `reconcile.history`.
    ax : matplotlib Axes, optional
        Where to draw; by default on a new figure, ``ax.figure``.
    level : float, keyword
        Probability of the band.
    scale : {"auto", "linear", "sqrt", "log"}, keyword
        Of the axis of counts.
    speech : Speech, keyword, optional
        What words mean; default ``Speech()``.
    title : str, keyword, optional
        Default what is counted; "" for none.
    width : float, keyword
        Of a new figure, in inches.

    Returns
    -------
    matplotlib Axes

    Raises
    ------
    MissingDependency
        If matplotlib is not installed.
    InvalidValue
        For a history of no day.

    Examples
    --------
    >>> import reconcile as rc
    >>> clash = rc.Event("clash").killed()
    >>> said = [("ministry", 5, "2020-02-10"), ("monitor", 6, "2020-02-11")]
    >>> claims = [rc.Claim(clash, rc.Exactly(n), rc.Source(s), reported=day) for s, n, day in said]
    >>> ax = draw_history(rc.history(claims, clash))
    """
    check(0 < level < 1, "draw_history(level)", level, "a probability between 0 and 1, such as 0.9")
    check(len(history) > 0, "draw_history(history)", history, "a history of at least one day; claims need a date")
    days = [one.day for one in history.moments]
    peaks = [[peak.count for peak in one.estimate.peaks()] for one in history.moments]
    medians = [float(some[0]) if len(some) == 1 else np.nan for some in peaks]
    ends = [one.estimate.eti(level) for one in history.moments]
    shown = [(one.day, claim.value, span) for one in history.moments for claim in one.fresh
             if (span := span_of(claim.value, speech or Speech())) is not None]  # fmt: skip
    own = ax is None
    with paper(ax, width, 3.4) as axes:
        low = min([low for low, _ in ends] + [span.low for _, _, span in shown])
        high = max([high for _, high in ends] + [span.high for _, _, span in shown])
        chosen = scale_counts(axes, low, high, scale, 150, which="y")
        last = days[-1] + datetime.timedelta(days=max(int(np.ceil(_TAIL * (days[-1] - days[0]).days)), 1))
        when = [*days, last]
        band = np.array([*ends, ends[-1]], dtype=float)
        axes.fill_between(
            when, band[:, 0], band[:, 1], step="post", color=ORANGE, alpha=0.45, linewidth=0, label="interval"
        )
        axes.plot(when, [*medians, medians[-1]], drawstyle="steps-post", color=VERMILLION, linewidth=2, label="median")
        for start, end, some in zip(when, when[1:], peaks, strict=False):
            for count in some if len(some) > 1 else ():
                axes.plot([start, end], [count, count], color=VERMILLION, linewidth=2, label="peak")
        for day, value, span in shown:
            _draw_fresh(axes, day, value, span)
        _date_axis(axes, days, last)
        axes.set_ylabel(name_axis(history.quantity.outcome, chosen), fontsize=TEXT_SIZE, color=INK)
        said = [f"Line: median. Band: {100 * level:g} % interval. Blue: what was claimed that day."]
        if any(len(some) > 1 for some in peaks):
            said.append("Several lines: each is likelier than what lies between.")
        if history.undated:
            said.append(f"{count_of(len(history.undated), 'claim')} without a date left out.")
        remark(axes, said, own=own)
        entitle(axes, str(history.quantity) if title is None else title, own=own)
    return axes


def _draw_fresh(ax: Axes, day: datetime.date, value: Value, span: Span) -> None:
    ink = {"color": BLUE, "linestyle": "", "zorder": 3, "label": "claim"}
    if isinstance(value, AtLeast | AtMost):
        ax.plot([day], [span.low], marker="^" if isinstance(value, AtLeast) else "v", markersize=7, **ink)
    elif span.low == span.high:
        ax.plot([day], [span.low], marker="o", markersize=5.5, **ink)
    else:
        ax.plot(
            [day, day], [span.low, span.high], marker="_", markersize=8, linewidth=1.6, **(ink | {"linestyle": "-"})
        )
        if span.point is not None:
            ax.plot([day], [span.point], marker="o", markersize=5, **ink)


def _date_axis(ax: Axes, days: list[datetime.date], last: datetime.date) -> None:
    from matplotlib.dates import AutoDateLocator, ConciseDateFormatter, date2num

    margin = max((last - days[0]).days * 0.03, 0.3)
    ends: Any = date2num([days[0], last])
    ax.set_xlim(ends[0] - margin, ends[1] + margin)
    if (last - days[0]).days <= 6:
        # An axis that names hours would say more than is known.
        every = [days[0] + datetime.timedelta(days=k) for k in range((last - days[0]).days + 1)]
        step = 1 if len(every) <= 4 else 2
        ax.set_xticks(date2num(every[::step]), [day.isoformat() for day in every[::step]], fontsize=TEXT_SIZE - 0.5)
    else:
        locator = AutoDateLocator(minticks=2, maxticks=6)
        ax.xaxis.set_major_locator(locator)
        ax.xaxis.set_major_formatter(ConciseDateFormatter(locator))
    ax.xaxis.get_offset_text().set_color(GREY)
