# SPDX-License-Identifier: MIT
"""Sentences that a desk can print: what the number is, who says what, what each claim does."""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np

from reconcile.estimates import ClaimRole, Estimate, Role, span
from reconcile.inference.fit import COARSE
from reconcile.influence import Bearing, Explanation
from reconcile.influence.words import in_digits
from reconcile.plots.marks import in_short
from reconcile.plumbing import count_of
from reconcile.posterior import Posterior

__all__ = [
    "day_and_name",
    "how_often",
    "say_bearing",
    "say_estimate",
    "say_limits",
    "say_role",
    "say_said",
    "say_scope",
]

_MOST_SAID = 6  # claims named in one sentence
_WHAT_THEY_ARE = (
    "The numbers are estimates from what sources said, not counts of people: they hold given these claims and the "
    "assumptions below."
)
_WHY = {
    Role.USED: "used",
    Role.EARLIER: "earlier figure of the same source: says how the toll rose",
    Role.RELAY: "passes on what another claim says, and is counted with it",
    Role.DUPLICATE: "the same source says the same in another claim",
    Role.SUPERSEDED: "replaced by a later claim of the same source",
    Role.LATER: "said after the day asked for",
    Role.UNDATED: "has no date, and a day was asked for",
}


def how_often(level: float) -> str:
    """Say how often an interval of this probability holds the truth.

    Examples
    --------
    >>> how_often(0.9)
    'nine times in ten'
    """
    often = {0.5: "half of the time", 0.8: "four times in five", 0.9: "nine times in ten", 0.95: "19 times in 20"}
    return often.get(level, f"{100 * level:g} times in 100")


def say_estimate(one: Estimate, level: float) -> str:
    """Say what the estimate is, as a sentence that needs no table beside it."""
    number, low, high = one.readable(level)
    if one.unresolved.startswith("unresolved: "):
        either = _capital(one.unresolved.partition(";")[0].removeprefix("unresolved: "))
        return (
            f"{either} {one.quantity.outcome}: the claims leave it open; {how_often(level)} the true number lies from"
            f" {low:,} to {high:,}."
        )
    about = "" if number == one.median() else "about "
    if low == high == number:
        return f"{_capital(about)}{number:,} {one.quantity.outcome}: {how_often(level)} that is the true number."
    ends = f"is {low:,} or {high:,}" if high == low + 1 else f"lies from {low:,} to {high:,}"
    return (
        f"The middle estimate is {about}{number:,} {one.quantity.outcome}; {how_often(level)} the true number {ends}."
    )


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def say_said(roles: Iterable[ClaimRole]) -> list[tuple[str, str]]:
    """Give who says what, of the claims that are used: pairs of a name and words, and what is left out."""
    used = sorted((role for role in roles if role.role is Role.USED), key=day_and_name)
    found = [(_speaker(role), in_short(role.claim)) for role in used[:_MOST_SAID]]
    if len(used) > _MOST_SAID:
        found.append((count_of(len(used) - _MOST_SAID, "more claim"), "see below"))
    return found


def day_and_name(role: ClaimRole) -> tuple[str, str, str]:
    """Give what claims are ordered by."""
    said = role.claim.reported
    return "" if said is None else said.isoformat(), role.claim.source.name, role.claim.id


def _speaker(role: ClaimRole) -> str:
    claim = role.claim
    return claim.source.name + (f", quoting {role.origin}" if role.origin != claim.source else "")


def say_role(role: ClaimRole) -> str:
    """Say what a claim is used for, or why it is not, and which claim stands in its place."""
    by = f" ({role.by})" if role.by else ""
    return f"{_WHY[role.role]}{by}{f'; {role.note}' if role.note else ''}"


def say_scope(posterior: Posterior) -> str:
    """Say what was read."""
    corpus = posterior.corpus
    day = posterior.settings.as_of
    until = f", as known on {day}" if day else ""
    rejected = f"; {count_of(len(corpus.rejected), 'row')} could not be read" if corpus.rejected else ""
    return f"{str(corpus).partition(';')[0]}{until}{rejected}"


def say_limits(posterior: Posterior) -> list[str]:
    """Say what a reader must know before quoting a number."""
    silent = [role for role in posterior.roles if role.role is not Role.USED]
    found = [_WHAT_THEY_ARE]
    if silent:
        parts = {part: sum(role.role is part for role in silent) for part in Role}
        said = "; ".join(f"{count_of(n, 'claim')}: {_WHY[part]}" for part, n in parts.items() if n)
        found.append(f"Not used by themselves: {said}.")
    rejected = len(posterior.corpus.rejected)
    if rejected:
        found.append(f"{count_of(rejected, 'row')} of the input could not be read and {_is(rejected)} in no estimate.")
    opens = sum(bool(posterior[quantity].unresolved) for quantity in posterior)
    if opens:
        found.append(
            f"Of {count_of(opens, 'count')} the claims contradict each other so far that no single number will do."
        )
    alone = sum(posterior[quantity].origins == 1 for quantity in posterior)
    if alone:
        rest = "rests on a single origin; it is" if alone == 1 else "rest on a single origin each; they are"
        found.append(f"{count_of(alone, 'count')} {rest} as good as that source.")
    return found


def _is(number: int) -> str:
    return "is" if number == 1 else "are"


def _without(one: Bearing) -> str:
    if one.without is None:
        return f"not known to better than {100 * one.error:.0f} points on a probability"
    moved = f"moves the middle by {in_digits(one.shift)}" if one.shift else "leaves the middle where it is"
    error = f" (to {100 * one.error:.0f} points on a probability)" if one.error > COARSE else ""
    return f"{span(one.without)}{error}; it {moved}"


def say_bearing(explanation: Explanation, one: Bearing) -> list[str]:
    """Say what a claim does for an estimate."""
    if not one.used:
        return [f"Adds nothing by itself: {say_role(one.role)}."]
    away = " (it leads away from the estimate)" if one.share <= -0.005 * explanation.information else ""
    share = explanation.tell_share(one)
    away = "" if share.startswith("not") else away
    lines = [f"Without it: {_without(one)}. Share of the information: {share}{away}."]
    if one.against:
        lines.append(
            f"It pulls against the others: given them, a figure so far out has a chance of {100 * one.tail:.2g} %."
        )
    if one.copied >= 0.05:
        lines.append(f"It may be a copy of an earlier claim (chance {100 * one.copied:.0f} %).")
    if math.isfinite(one.agreement) and abs(one.agreement) >= np.log(1.5):
        times = np.exp(min(abs(one.agreement), 20))
        lines.append(f"The others make it {times:,.3g} times {'likelier' if one.agreement > 0 else 'less likely'}.")
    lines.append(f"Read as {one.reading}.")
    if one.trust:
        lines.append(f"Assumed of the source: {one.trust}" if "assumed" in one.trust else one.trust)
    return lines
