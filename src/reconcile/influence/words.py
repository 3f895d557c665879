# SPDX-License-Identifier: MIT
"""How claims, priors and sources are put in words."""

from __future__ import annotations

from collections import defaultdict

import numpy as np

from reconcile.accounts import box
from reconcile.channels import expit
from reconcile.estimates import Role, span
from reconcile.lessons import Staged
from reconcile.likelihood import Term
from reconcile.pmf import PMF
from reconcile.speech import Meaning
from reconcile.vocabulary import Quantity

__all__ = ["describe_prior", "describe_reading", "describe_source", "in_digits", "rounded", "tell"]

MOST_INTERVALS = 4
NINETY = 1.645  # standard deviations either side that hold 90 % of a normal


def rounded(ratio: float) -> str:
    """Write a factor with two digits, or three near 1."""
    return f"{ratio:.2f}" if 0.1 <= ratio < 10 else f"{ratio:.2g}" if ratio < 100 else f"{ratio:,.0f}"


def in_digits(shift: int) -> str:
    """Write a difference with its sign, and three digits."""
    step = int(10 ** max(len(str(abs(shift))) - 3, 0))
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
    return f"{span(pmf)}; nobody with a chance of {100 * float(pmf.pmf(0)):.2g} %"


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


def describe_source(term: Term, staged: Staged | None) -> str:
    """Say how the figures of a source are taken to lean; nothing for a share, on which bias has no bearing."""
    if term.is_share or "bias" not in term.channel.parameters:
        return ""
    relation, normal = term.model.source_prior("bias", term.source, term.relation)
    key = (term.source.name, "bias", relation)
    whom = f"{term.source}, {term.relation}"
    if staged is not None and key in staged.theta:
        draws = np.exp(staged.theta[key])
        low, high = np.quantile(draws, [0.05, 0.95])
        middle, whence = float(np.median(draws)), "learned from all its claims"
    else:
        middle = float(np.exp(normal.mean))
        low, high = (float(np.exp(normal.mean + sign * NINETY * normal.sd)) for sign in (-1, 1))
        whence = f"assumed: {normal.evidence}"
    exact = _exactness(term, staged)
    return f"{whom}: {exact} its figures run at {middle:.2f} of the truth (90 % {low:.2f}-{high:.2f}; {whence})."


def _exactness(term: Term, staged: Staged | None) -> str:
    if "fidelity" not in term.channel.parameters:
        return ""
    _, normal = term.model.source_prior("fidelity", term.source, term.relation)
    draws = None if staged is None else staged.theta.get((term.source.name, "fidelity", None))
    known = draws if draws is not None else normal.mean + normal.sd * np.linspace(-2.0, 2.0, 41)
    chance = float(np.median(expit(np.asarray(known))))
    return f"exact on a count of one in {100 * chance:.0f} %, less often on larger counts; where not exact,"
