# SPDX-License-Identifier: MIT
"""What each claim did for an estimate: its share of the information, and the estimate without it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconcile.estimates import headline, readable
from reconcile.influence import Bearing, Explanation
from reconcile.plots.canvas import BLUE, INK, ORANGE, VERMILLION, Rows, entitle, height_of, paper, remark
from reconcile.plots.lettering import shorten, width_of
from reconcile.plots.marks import in_short
from reconcile.plots.scales import name_axis, scale_counts
from reconcile.plumbing import check, count_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["draw_influence", "draw_without"]

MOST = 40


def draw_influence(
    explanation: Explanation,
    ax: Axes | None = None,
    *,
    most: int = MOST,
    title: str | None = None,
    width: float = 6.4,
) -> Axes:
    """Draw how much of the information each claim brings: its Shapley share, in per cent of the whole.

    The shares add up to 100 %. A bar to the left leads away from the estimate; a hatched one pulls against the others.
    Thin lines are two standard errors either way; a share that is hardly known, `Explanation.knows_share`, is left out.

    Parameters
    ----------
    explanation : Explanation
        From `reconcile.explain`.
    ax : matplotlib Axes, optional
        Where to draw; by default on a new figure, ``ax.figure``.
    most : int, keyword
        Claims to draw at most, those with the largest shares; how many are left out is said.
    title : str, keyword, optional
        "" for none.
    width : float, keyword
        Of a new figure, in inches.

    Returns
    -------
    matplotlib Axes

    Raises
    ------
    MissingDependency
        If matplotlib is not installed.

    Examples
    --------
    >>> import reconcile as rc
    >>> clash = rc.Event("clash").killed()
    >>> claims = [rc.Claim(clash, rc.Exactly(n), rc.Source(s)) for s, n in [("a", 5), ("b", 6)]]
    >>> ax = draw_influence(rc.explain(rc.estimate(claims), clash))
    """
    used, left_out = _used(explanation, most)
    total = explanation.information if explanation.information > 0 else 1.0
    own = ax is None
    with paper(ax, width, height_of(max(len(used), 1), around=96)) as axes:
        rows = Rows(axes, max(len(used), 1), own=own)
        names = rows.label([one.role.claim.source.name for one in used])
        axes.axvline(0, color=INK, linewidth=0.8)
        for y, (one, name) in enumerate(zip(used, names, strict=True)):
            share, error = 100 * one.share / total, 200 * one.part_error
            told = explanation.tell_share(one)
            if not explanation.knows_share(one):
                rows.write(y, name, (_said(one, explanation), told))
                continue
            color = VERMILLION if one.against else BLUE
            axes.barh(
                y, share, 0.55, facecolor=color, edgecolor="white", hatch="////" if one.against else None, linewidth=0,
                label=one.role.claim.id,
            )  # fmt: skip
            if error > 0:
                axes.plot([share - error, share + error], [y, y], color=INK, linewidth=1, label="error")
            against = " (pulls against)" if one.against else ""
            rows.write(y, name, (_said(one, explanation), f"{told}{against}"))
        axes.set_xlabel("share of the information, %", fontsize=rows.size, color=INK)
        axes.grid(visible=True, axis="x", color="#E6E6E6", linewidth=0.6)
        remark(axes, _left_out(left_out), own=own)
        default = f"What each claim adds: {explanation.quantity}"
        entitle(axes, default if title is None else title, own=own)
    return axes


def draw_without(
    explanation: Explanation,
    ax: Axes | None = None,
    *,
    level: float = 0.9,
    scale: str = "auto",
    most: int = MOST,
    title: str | None = None,
    width: float = 6.4,
) -> Axes:
    """Draw what the estimate would be without each claim, over the estimate from all of them.

    Where it is not known without a claim, nothing is drawn, and that is said.

    Parameters
    ----------
    explanation : Explanation
        From `reconcile.explain`.
    ax : matplotlib Axes, optional
        Where to draw; by default on a new figure, ``ax.figure``.
    level : float, keyword
        Probability of the intervals.
    scale : {"auto", "linear", "sqrt", "log"}, keyword
        Of the axis of counts.
    most : int, keyword
        Claims to draw at most; how many are left out is said.
    title : str, keyword, optional
        "" for none.
    width : float, keyword
        Of a new figure, in inches.

    Returns
    -------
    matplotlib Axes

    Raises
    ------
    MissingDependency
        If matplotlib is not installed.

    Examples
    --------
    >>> import reconcile as rc
    >>> clash = rc.Event("clash").killed()
    >>> claims = [rc.Claim(clash, rc.Exactly(n), rc.Source(s)) for s, n in [("a", 5), ("b", 6)]]
    >>> ax = draw_without(rc.explain(rc.estimate(claims), clash))
    """
    check(0 < level < 1, "draw_without(level)", level, "a probability between 0 and 1, such as 0.9")
    used, left_out = _used(explanation, most)
    whole = explanation.distribution
    low, high = whole.eti(level)
    without = [one.without for one in used]
    spans = [pmf.eti(level) for pmf in without if pmf is not None]
    own = ax is None
    with paper(ax, width, height_of(len(used) + 1, around=100)) as axes:
        rows = Rows(axes, len(used) + 1, own=own)
        names = rows.label([one.role.claim.source.name for one in used])
        lowest, highest = min([low, *(a for a, _ in spans)]), max([high, *(b for _, b in spans)])
        chosen = scale_counts(axes, lowest, highest, scale, rows.inner)
        axes.axvspan(low - 0.5 * (low > 0), high + 0.5, color=ORANGE, alpha=0.25, linewidth=0, label="interval")
        for peak in whole.peaks():
            axes.axvline(peak.count, color=VERMILLION, linewidth=1.2, label="median")
        pairs = zip(
            ["all claims", *names], [whole, *without], ["", *(_said(one, explanation) for one in used)], strict=True
        )
        for y, (name, pmf, said) in enumerate(pairs):
            color, start = (VERMILLION, "") if y == 0 else (BLUE, "without ")
            room = max(rows.name_columns * rows.lines - width_of(said) - 4, 8)  # the name gives way to what it says
            label = f"{shorten(name, room)}: {said}" if said else name
            if pmf is None:
                rows.write(y, label, "not known")
                continue
            ends = pmf.eti(level)
            axes.plot(
                ends, [y, y], color=color, linewidth=2, marker="|", markersize=9, label=f"{start}{name}", zorder=3
            )
            named, marker = [peak.count for peak in pmf.peaks()], "D" if y == 0 else "o"
            axes.plot(named, [y] * len(named), color=color, marker=marker, markersize=6, linestyle="", zorder=4)
            _, least, most_ = readable(pmf, level)
            numbers = f"{headline(pmf, level)} ({100 * level:g} % {least:,}\u2013{most_:,})"
            rows.write(y, label, numbers, weight="bold" if y == 0 else "normal")
        axes.set_xlabel(
            name_axis(f"{explanation.quantity.outcome}, without the claim", chosen), fontsize=rows.size, color=INK
        )
        remark(axes, _left_out(left_out), own=own)
        default = f"Without each claim: {explanation.quantity}"
        entitle(axes, default if title is None else title, own=own)
    return axes


def _used(explanation: Explanation, most: int) -> tuple[list[Bearing], int]:
    check(most >= 1, "draw_influence(most)", most, "a whole number from 1")
    used = [one for one in explanation.claims if one.used]
    return used[:most], len(used) - len(used[:most])


def _left_out(number: int) -> list[str]:
    return [f"{count_of(number, 'claim')} with smaller shares not drawn."] if number else []


def _said(one: Bearing, explanation: Explanation) -> str:
    claim = one.role.claim
    other, mine = claim.quantity, explanation.quantity
    if other == mine:
        return in_short(claim)
    near = other.event == mine.event and other.outcome == mine.outcome and other.period == mine.period
    return f"{in_short(claim)} ({other.group if near else other})"
