# SPDX-License-Identifier: MIT
"""How sources lean, by their relation to the people counted."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from reconcile.estimates import ParameterEstimate, SourceEstimate
from reconcile.plots.canvas import (
    BLUE,
    GREEN,
    INK,
    PALE,
    PURPLE,
    VERMILLION,
    Rows,
    entitle,
    height_of,
    paper,
    remark,
)  # fmt: skip
from reconcile.plots.scales import scale_ratios
from reconcile.plumbing import check, count_of
from reconcile.posterior import Posterior
from reconcile.vocabulary import Relation

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["draw_sources"]

MOST = 40
_LOOKS = {
    Relation.OWN: ("o", BLUE),
    Relation.ENEMY: ("s", VERMILLION),
    Relation.RESPONSIBLE: ("^", PURPLE),
    Relation.THIRD: ("D", GREEN),
}


def draw_sources(
    posterior: Posterior,
    ax: Axes | None = None,
    *,
    level: float = 0.9,
    names: Sequence[str] | None = None,
    most: int = MOST,
    title: str | None = None,
    width: float = 6.4,
) -> Axes:
    """Draw how the figures of each source lean: their ratio to the truth where they are not exact, by relation.

    The grey bar behind each is what was assumed before any claim. The marks differ by relation: a disc for the
    source's own side, a square for its enemy, a triangle for a party held responsible, a diamond for a third party.

    Parameters
    ----------
    posterior : Posterior
        Where its sources were not learned yet, they are learned now.
    ax : matplotlib Axes, optional
        Where to draw; by default on a new figure, ``ax.figure``.
    level : float, keyword
        Probability of the intervals.
    names : sequence of str, keyword, optional
        The sources to draw; default those with the most claims.
    most : int, keyword
        Sources to draw at most; how many are left out is said.
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
    InvalidValue
        If there is no such source, or none at all.

    Examples
    --------
    >>> import reconcile as rc
    >>> claims = [rc.Claim(rc.Event("clash").killed(), rc.Exactly(n), rc.Source(s)) for s, n in [("a", 5), ("b", 6)]]
    >>> ax = draw_sources(rc.estimate(claims))
    """
    check(0 < level < 1, "draw_sources(level)", level, "a probability between 0 and 1, such as 0.9")
    every = {name: one for name, one in posterior.sources.items() if one.bias}
    for name in names or ():
        check(name in every, "draw_sources(names)", name, "names of sources that give counts")
    check(bool(every), "draw_sources(posterior)", posterior, "an estimate from at least one source that gives a count")
    chosen = list(names or sorted(every, key=lambda name: (-every[name].claims, name)))
    lines = [(every[name], where, bias) for name in chosen[:most] for where, bias in every[name].bias.items()]
    own = ax is None
    with paper(ax, width, height_of(len(lines), around=104)) as axes:
        rows = Rows(axes, len(lines), own=own)
        named = dict(zip(chosen, rows.label(chosen), strict=True))
        axes.axvline(1, color=INK, linewidth=0.8, linestyle=(0, (4, 3)))
        lows, highs = [1.0], [1.0]
        before = None
        for y, (source, where, bias) in enumerate(lines):
            prior = _prior(posterior, source, where, level)
            low, high = (float(np.exp(end)) for end in bias.eti(level))
            lows, highs = [*lows, low, prior[0]], [*highs, high, prior[1]]
            name = "" if source.source.name == before else named[source.source.name]
            before = source.source.name
            middle = _draw_bias(axes, y, where, bias, prior, level)
            rows.write(y, name, (str(where), f"\u00d7 {middle:.2f} ({low:.2f}\u2013{high:.2f})"))
        scale_ratios(axes, min(lows) / 1.1, max(highs) * 1.1)
        axes.set_xlabel("figure / truth, where not exact", fontsize=rows.size, color=INK)
        said = [f"Line: {100 * level:g} % interval. Grey: what was assumed before any claim."]
        if len(chosen) > most:
            said.append(f"{count_of(len(chosen) - most, 'source')} with fewer claims not drawn.")
        remark(axes, said, own=own)
        entitle(axes, "How the sources lean" if title is None else title, own=own)
    return axes


def _prior(posterior: Posterior, source: SourceEstimate, where: Relation, level: float) -> tuple[float, float]:
    from scipy.special import ndtri

    _, normal = posterior.model.source_prior("bias", source.source, where)
    reach = float(ndtri((1 + level) / 2)) * normal.sd
    return float(np.exp(normal.mean - reach)), float(np.exp(normal.mean + reach))


def _draw_bias(
    ax: Axes, y: float, where: Relation, bias: ParameterEstimate, prior: tuple[float, float], level: float
) -> float:
    marker, color = _LOOKS[where]
    low, high = np.exp(bias.eti(level))
    middle = float(np.exp(np.median(bias.draws)))
    ax.plot(prior, [y, y], color=PALE, linewidth=9, solid_capstyle="butt", zorder=1, label="assumed")
    ax.plot([low, high], [y, y], color=color, linewidth=2, solid_capstyle="butt", zorder=2, label=str(where))
    ax.plot([middle], [y], marker=marker, color=color, markersize=6.5, linestyle="", zorder=3, label=str(where))
    return middle
