# SPDX-License-Identifier: MIT
"""How claims, priors and sources are put in words."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from typing import TypeAlias

import attrs
import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtrit

from reconcile.accounts import box
from reconcile.channels import expit, size_of
from reconcile.estimates import ClaimRole, span
from reconcile.inference.corpus_fit import PreparedAccount
from reconcile.inference.layouts import pick
from reconcile.inference.likelihood import Term
from reconcile.model import HEDGED_FIDELITY, HEDGED_SPREAD
from reconcile.pmf import PMF
from reconcile.speech import Meaning
from reconcile.vocabulary import Quantity

__all__ = [
    "describe_prior",
    "describe_reading",
    "describe_source",
    "in_digits",
    "percent",
    "rounded",
    "tell",
]

Floats: TypeAlias = NDArray[np.float64]

MOST_INTERVALS = 4
FIGURES = 64  # points of Student's t
FAR = 20.0  # logarithm of a figure over the truth that is told, at most


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


def tell(role: ClaimRole, quantity: Quantity) -> str:
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


def describe_source(term: Term, staged: PreparedAccount, claims_by: Mapping[str, int], size: int) -> str:
    """Say how the figures of a source are taken to lean; nothing for a share, on which bias has no bearing.

    Parameters
    ----------
    term : Term
    staged : PreparedAccount
        With draws of the parameters of the source.
    claims_by : mapping of str to int
        Number of claims that are used by source.
    size : int
        Count for which exactness is told, beside that for a count of one.
    """
    if term.is_share or "bias" not in term.channel.parameters:
        return ""
    _, normal = term.model.source_prior("bias", term.source, term.relation)
    theta, number = pick(staged.theta, attrs.evolve(term, echo=(0.0, 0.0))), claims_by[term.source.name]
    whence = f"assumed: {normal.evidence}"
    if number > 1:
        whence = f"learned from its {number:,} claims and those of its class"
    bias = theta["bias"]
    spread = np.exp(theta["log_spread"]) if "log_spread" in theta else np.zeros(1)
    low, middle, high = np.quantile(np.exp(bias), [0.05, 0.5, 0.95])
    # One figure scatters about the lean by Student's t with four degrees of freedom.
    points = stdtrit(4, (np.arange(FIGURES) + 0.5) / FIGURES)
    scattered = np.quantile(bias[:, None] + spread[:, None] * points, [0.05, 0.95])
    least, most = np.exp(np.clip(scattered, -FAR, FAR))
    doubled = "" if term.power == 1 else f" It counts for {term.power:g}: one figure is told for a whole and its part."
    hedge = f" Hedged: its spread is {HEDGED_SPREAD:g} times as wide, its exactness lower." if term.hedged else ""
    return (
        f"{term.source}, {term.relation}: {_exactness(term, theta, size)} its figures run at {middle:.2f} of the truth"
        f" (90 % {low:.2f}-{high:.2f}; a single one {least:.2f}-{most:.2f}; {whence}).{hedge}{doubled}"
    )


def _exactness(term: Term, theta: Mapping[str, Floats], size: int) -> str:
    if not {"fidelity", "slope"} <= set(theta):
        return ""
    lower = HEDGED_FIDELITY if term.hedged else 0.0

    def chance(count: int) -> float:
        logit = theta["fidelity"] + lower - theta["slope"] * size_of(np.array(float(max(count, 1))))
        return 100 * float(np.mean(expit(logit)))

    larger = f", on one of {size:,} in {chance(size):.0f} %" if size > 1 else ""
    return f"exact on a count of one in {chance(1):.0f} %{larger}; where not exact,"
