# SPDX-License-Identifier: MIT
"""Claims about a count, each as what it says, above what they amount to."""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from reconcile.estimates import ClaimRole, Estimate, Role, headline
from reconcile.plots.canvas import BLUE, GREY, INK, ORANGE, VERMILLION, Rows, entitle, height_of, paper, remark
from reconcile.plots.marks import ARROW, Span, draw_mark, in_short, span_of
from reconcile.plots.scales import Scale, forward, name_axis, scale_counts
from reconcile.plumbing import check, count_of
from reconcile.pmf import PMF
from reconcile.posterior import Posterior
from reconcile.values import AtLeast, AtMost
from reconcile.vocabulary import Quantity

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["draw_claims"]

MOST = 60
HILL = 1.5  # height of the density, in rows
_BINS = 110
_SHOWN = 0.995  # of the probability is given room
_SILENT = {
    Role.EARLIER: "earlier figure",
    Role.RELAY: "relay, counted once",
    Role.DUPLICATE: "repeats itself",
    Role.SUPERSEDED: "superseded",
    Role.LATER: "said later",
    Role.UNDATED: "undated",
}


def draw_claims(
    posterior: Posterior,
    quantity: Quantity,
    ax: Axes | None = None,
    *,
    level: float = 0.9,
    scale: str = "auto",
    most: int = MOST,
    title: str | None = None,
    remarks: bool = True,
    width: float = 6.4,
) -> Axes:
    """Draw the claims about a count, each as what it says, and beneath them the estimate.

    A bare number is a point, "at least" and "at most" an arrow, a range a bar, "about" and words such as "dozens" a
    soft band, a survey an interval, a share a dashed line where it puts the count, given the larger one. What was said
    with a reserve is hollow. Claims that do not count are grey and say why.

    Parameters
    ----------
    posterior : Posterior
    quantity : Quantity
    ax : matplotlib Axes, optional
        Where to draw; by default on a new figure, ``ax.figure``, which nothing needs to close.
    level : float, keyword
        Probability of the interval.
    scale : {"auto", "linear", "sqrt", "log"}, keyword
        Of the axis of counts; ``log`` is the logarithm of count + 1, so that 0 has a place.
    most : int, keyword
        Claims to draw at most, those that count first; how many are left out is said.
    title : str, keyword, optional
        Default what is counted; "" for none.
    remarks : bool, keyword
        Say beneath what is unresolved, and which rows of the input could not be read. What is left out is always said.
    width : float, keyword
        Of a new figure, in inches.

    Returns
    -------
    matplotlib Axes

    Raises
    ------
    MissingDependency
        If matplotlib is not installed.
    UnknownQuantity
        For a quantity that has no estimate.

    Examples
    --------
    >>> import reconcile as rc
    >>> market = rc.Event("market").killed()
    >>> said = [("ministry", rc.Exactly(5)), ("monitor", rc.AtLeast(7))]
    >>> posterior = rc.estimate([rc.Claim(market, value, rc.Source(name)) for name, value in said])
    >>> ax = draw_claims(posterior, market)
    >>> ax.figure.savefig("market.png")  # doctest: +SKIP
    """
    check(0 < level < 1, "draw_claims(level)", level, "a probability between 0 and 1, such as 0.9")
    check(most >= 1, "draw_claims(most)", most, "a whole number from 1")
    estimate = posterior[quantity]
    roles = sorted(estimate.roles, key=_order)
    shown, own = roles[:most], ax is None
    number = len(shown) + HILL + 0.6
    with paper(ax, width, height_of(number, around=84)) as axes:
        rows = Rows(axes, number, own=own)
        spans = [span_of(role.claim.value, posterior.model.speech, _whole(posterior, role, level)) for role in shown]
        low, high = _extent(spans, estimate.distribution)
        chosen = scale_counts(axes, low, high, scale, rows.inner, room=_arrows(shown, spans, low, high))
        names = rows.label([role.claim.source.name for role in shown])
        for y, (role, span, name) in enumerate(zip(shown, spans, names, strict=True)):
            used = role.role is Role.USED
            claim, color = role.claim, BLUE if used else GREY
            said = in_short(claim)
            words = said if used else f"{said} ({_SILENT[role.role]})"
            rows.write(y, name, words, color=INK if used else GREY)
            if span is not None:
                draw_mark(axes, y, claim.value, span, color=color, hollow=claim.hedged or not used, label=claim.id)
        base = number - 0.55
        if shown:
            axes.axhline(len(shown) - 0.3, color=GREY, linewidth=0.6)
        _draw_estimate(axes, rows, estimate, base, chosen, level)
        axes.set_xlabel(name_axis(quantity.outcome, chosen), fontsize=rows.size)
        remark(axes, _remarks(posterior, estimate, len(roles) - len(shown), every=remarks), own=own)
        entitle(axes, str(quantity) if title is None else title, own=own)
    return axes


def _order(role: ClaimRole) -> tuple[bool, bool, str, str, str]:
    said = role.claim.reported
    day = said.isoformat() if isinstance(said, datetime.date) else ""
    return role.role is not Role.USED, not day, day, role.claim.source.name, role.claim.id


def _whole(posterior: Posterior, role: ClaimRole, level: float) -> tuple[int, int] | None:
    whole = role.claim.whole
    return posterior[whole].eti(level) if whole is not None and whole in posterior else None


def _extent(spans: Sequence[Span | None], pmf: PMF) -> tuple[float, float]:
    low, high = (float(n) for n in pmf.eti(_SHOWN))
    shown = [span for span in spans if span is not None]
    return min([low, *(s.low for s in shown)]), max([high, *(s.high for s in shown)])


def _arrows(roles: Sequence[ClaimRole], spans: Sequence[Span | None], low: float, high: float) -> tuple[float, float]:
    """Say how many points arrows need below and above the counts."""
    said = [role.claim.value for role, span in zip(roles, spans, strict=True) if span is not None]
    middle = float(np.sqrt((low + 1) * (high + 1)))
    below = any(isinstance(value, AtMost) and value.n < middle for value in said)
    above = any(isinstance(value, AtLeast) and value.n > middle for value in said)
    return ARROW * below, ARROW * above


def _draw_estimate(ax: Axes, rows: Rows, estimate: Estimate, base: float, scale: Scale, level: float) -> None:
    """Draw the density over the axis as it is scaled, the interval, and the median or the peaks on both sides of it."""
    pmf = estimate.distribution
    left, right = ax.get_xlim()
    edges = bin_edges(left, right, scale)
    below = np.asarray(pmf.cdf(np.floor(edges)), dtype=float)
    density = np.diff(below) / np.diff(forward(scale, edges))
    height = HILL * density / max(float(density.max(initial=0.0)), 1e-300)
    ax.stairs(
        base - height, edges, baseline=base, fill=True, facecolor=ORANGE, edgecolor="none", alpha=0.75, label="density"
    )
    (low, high), named = pmf.eti(level), [peak.count for peak in pmf.peaks()]
    line: dict[str, Any] = {"color": VERMILLION, "zorder": 4, "clip_on": False}
    ax.plot([low, high], [base, base], linewidth=2.6, solid_capstyle="butt", label="interval", **line)
    ax.plot([low, high], [base, base], marker="|", markersize=9, markeredgewidth=2, linestyle="", label="ends", **line)
    ax.plot(named, [base] * len(named), marker="D", markersize=6.5, linestyle="", label="median", **line)
    _, least, most = estimate.readable(level)
    words = headline(pmf, level), f"({100 * level:g} % {least:,}\u2013{most:,})"
    rows.write(base - HILL / 2, "estimate", words, weight="bold", room=HILL)


def bin_edges(low: float, high: float, scale: Scale) -> NDArray[np.float64]:
    """Give edges halfway between counts: every count by itself where there is room, else bins even on the axis."""
    start, end = max(np.floor(low), -1.0), np.ceil(high)
    if scale == "linear":
        step = max(int(np.ceil((end - start) / _BINS)), 1)
        return np.arange(start, end + step, step) + 0.5
    places = np.linspace(float(forward(scale, max(start, 0.0))), float(forward(scale, end)), _BINS + 1)
    counts = places**2 if scale == "sqrt" else np.expm1(places)
    return np.unique(np.concatenate([[-1.0], np.floor(counts)])) + 0.5


def _remarks(posterior: Posterior, estimate: Estimate, left_out: int, *, every: bool) -> list[str]:
    found = []
    if estimate.unresolved and every:
        found.append(estimate.unresolved)
    if not estimate.roles:
        found.append("Nobody claims this count itself; it follows from the claims about others.")
    if left_out:
        found.append(
            f"{count_of(left_out, 'more claim')} about this count {'is' if left_out == 1 else 'are'} not drawn."
        )
    rejected = posterior.corpus.rejected
    if rejected and every:
        lines = ", ".join(f"{row.line:,}" for row in rejected) if len(rejected) <= 6 else ""
        whose = f" (line{'' if len(rejected) == 1 else 's'} {lines})" if lines else ""
        found.append(f"{count_of(len(rejected), 'row')} of the input{whose} could not be read and are in no estimate.")
    return found
