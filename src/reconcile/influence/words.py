# SPDX-License-Identifier: MIT
"""How claims, priors and sources are put in words."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri, stdtrit

from reconcile.accounts import box
from reconcile.channels import expit, size_of
from reconcile.estimates import Role, span
from reconcile.lessons import Staged
from reconcile.likelihood import COPYING, HEAPING, Term
from reconcile.model import HEDGED_FIDELITY, HEDGED_SPREAD
from reconcile.pmf import PMF
from reconcile.speech import Meaning
from reconcile.vocabulary import Quantity

__all__ = [
    "describe_prior",
    "describe_reading",
    "describe_source",
    "in_digits",
    "list_parameters",
    "percent",
    "rounded",
    "tell",
]

Floats: TypeAlias = NDArray[np.float64]

MOST_INTERVALS = 4
POINTS, FIGURES = 499, 64  # of a prior, a prime number; of Student's t


def rounded(ratio: float) -> str:
    """Write a factor with two digits, or three near 1."""
    return f"{ratio:.2f}" if 0.1 <= ratio < 10 else f"{ratio:.2g}" if ratio < 99.5 else f"{ratio:,.0f}"


def percent(chance: float) -> str:
    """Write a probability in percent, with two digits."""
    share = 100 * chance
    return f"{share:.2g}" if share < 99.5 else "100" if share >= 99.95 else f"{share:.1f}"


def in_digits(shift: float) -> str:
    """Write a difference with its sign, and three digits."""
    step = int(10 ** max(len(str(abs(int(shift)))) - 3, 0))
    return f"{step * round(shift / step):+,}"


def tell(role: Role, quantity: Quantity) -> str:
    """Say who said what, when and where."""
    claim = role.claim
    speaker = f"{claim.source}" + (f", quoting {role.origin}" if role.origin != claim.source else "")
    when = f", {claim.reported}" if claim.reported else ", undated"
    about = "" if box(claim.quantity) == box(quantity) else f" {claim.quantity}"
    said = f"{speaker}{when}: {claim.value}{about}{' (hedged)' if claim.hedged else ''}  [claim {claim.id}]"
    if claim.citation is None:
        return said
    quote, rest = claim.citation.quote, [text for text in (claim.citation.publisher, claim.citation.url) if text]
    told = (f' "{" ".join(quote.split())}"' if quote else "") + (f" ({', '.join(rest)})" if rest else "")
    return f"{said}\n   {told}" if told else said


def describe_prior(pmf: PMF) -> str:
    """Say what is assumed of a count."""
    return f"{span(pmf)}; nobody with a chance of {percent(float(pmf.pmf(0)))} %"


def describe_reading(meaning: Meaning, *, share: bool = False) -> str:
    """Say as which intervals a value is read, the likeliest first."""
    weights: dict[tuple[float, float], float] = defaultdict(float)
    for low, high, weight in zip(meaning.low.tolist(), meaning.high.tolist(), meaning.plain.tolist(), strict=True):
        weights[low, high] += weight / float(meaning.plain.sum())
    order = sorted((ends for ends, weight in weights.items() if weight > 0), key=lambda ends: -weights[ends])

    def interval(low: float, high: float) -> str:
        if share:
            return f"{100 * low:.0f} to {100 * high:.0f} %"
        if low == high:
            return f"{low:,.0f} itself"
        return f"{low:,.0f} or more" if np.isinf(high) else f"{low:,.0f} to {high:,.0f}"

    shown = order if len(order) <= MOST_INTERVALS else order[: MOST_INTERVALS - 1]
    parts = [f"{interval(*ends)}{'' if len(order) == 1 else f' ({100 * weights[ends]:.0f} %)'}" for ends in shown]
    if len(shown) < len(order):
        rest = order[len(shown) :]
        ends = min(low for low, _ in rest), max(high for _, high in rest)
        parts.append(f"in all {interval(*ends)} ({100 * sum(weights[one] for one in rest):.0f} %)")
    heaped = [k for k in range(len(meaning.low)) if meaning.heaped[k] > 0 and meaning.plain[k] <= 0]
    if heaped and not share:
        low, high = min(meaning.low[k] for k in heaped), max(meaning.high[k] for k in heaped)
        parts.append(f"or rounded from {low:,.0f} to {high:,.0f}")
    return ", ".join(parts)


def describe_source(term: Term, staged: Staged | None, size: int) -> str:
    """Say how the figures of a source are taken to lean; nothing for a share, on which bias has no bearing.

    Parameters
    ----------
    term : Term
    staged : Staged or None
        With what was learned of the source; None where it is integrated over its priors.
    size : int
        Count for which exactness is told, beside that for a count of one.
    """
    if term.is_share or "bias" not in term.channel.parameters:
        return ""
    _, normal = term.model.source_prior("bias", term.source, term.relation)
    bias, learned = _draws(term, staged, "bias")
    scatters = "log_spread" in term.channel.parameters
    spread = _draws(term, staged, "log_spread")[0] if scatters else np.full(1, -np.inf)
    whence = "learned from all its claims" if learned else f"assumed: {normal.evidence}"
    low, middle, high = np.quantile(np.exp(bias), [0.05, 0.5, 0.95])
    # One figure scatters about the lean by Student's t with four degrees of freedom.
    points = stdtrit(4, (np.arange(FIGURES) + 0.5) / FIGURES)
    least, most = np.quantile(np.exp(bias[:, None] + np.exp(spread)[:, None] * points), [0.05, 0.95])
    doubled = "" if term.power == 1 else f" It counts for {term.power:g}: one figure is told for a whole and its part."
    hedge = f" Hedged: its spread is {HEDGED_SPREAD:g} times as wide, its exactness lower." if term.hedged else ""
    return (
        f"{term.source}, {term.relation}: {_exactness(term, staged, size)} its figures run at {middle:.2f} of the truth"
        f" (90 % {low:.2f}-{high:.2f}; a single one {least:.2f}-{most:.2f}; {whence}).{hedge}{doubled}"
    )


def _draws(term: Term, staged: Staged | None, name: str) -> tuple[Floats, bool]:
    """Give draws of a parameter, and whether they were learned; else evenly placed points of its prior."""
    relation, normal = term.model.source_prior(name, term.source, term.relation)
    if staged is not None and (found := staged.theta.get((term.source.name, name, relation))) is not None:
        return found, True
    turn = {"bias": 1, "log_spread": 7, "fidelity": 11, "slope": 13}[name]  # so that parameters do not move as one
    at = np.arange(POINTS) * turn % POINTS
    points: Floats = normal.mean + normal.sd * ndtri((at + 0.5) / POINTS)
    return points, False


def _exactness(term: Term, staged: Staged | None, size: int) -> str:
    if not {"fidelity", "slope"} <= set(term.channel.parameters):
        return ""
    known, _ = _draws(term, staged, "fidelity")
    slope, _ = _draws(term, staged, "slope")
    lower = HEDGED_FIDELITY if term.hedged else 0.0

    def chance(count: int) -> float:
        return 100 * float(np.mean(expit(known + lower - slope * size_of(np.array(float(max(count, 1)))))))

    larger = f", on one of {size:,} in {chance(size):.0f} %" if size > 1 else ""
    return f"exact on a count of one in {chance(1):.0f} %{larger}; where not exact,"


def list_parameters(terms: Iterable[Term]) -> list[str]:
    """Give the priors of all parameters of some sources, by kind and relation: mean and standard deviation of each."""
    kinds: dict[str, list[str]] = defaultdict(list)
    for term in terms:
        if term.is_share:
            continue
        found = []
        for name in (*term.channel.parameters, *(n for n in (HEAPING, COPYING) if n not in term.channel.parameters)):
            _, normal = term.model.source_prior(name, term.source, term.relation)
            found.append(f"{name} {normal.mean:.2f} ({normal.sd:g})")
        line = f"normal priors, mean (sd): {', '.join(found)}"
        who = f"{term.model.class_of(term.source)}, {term.relation}"
        if who not in kinds[line]:
            kinds[line].append(who)
    return [f"{'; '.join(who)}: {line}." for line, who in kinds.items()]
