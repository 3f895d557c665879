# SPDX-License-Identifier: MIT
"""What the same claims give under the field's coding rules, beside the posterior.

A rule turns the claims about one count into a number, a range, or no answer with the reason. It knows nothing of bias,
rounding or copying; it is here so that a reader sees how the answer depends on the method.

What a rule reads in a claim (`read`):

========================  ==========================================================================
``Exactly``, ``About``    the number, at both ends
``AtLeast``, ``AtMost``   the number, at both ends: a rule knows no open end ("at least 0" says nothing)
``Between``               its ends, and their middle, rounded down
``Vague``                 the ends that the rule's lexicon gives the word, and their middle, rounded down
``Surveyed``              the ends of the interval, and the point
``Share``                 nothing: no rule turns a share into a count
========================  ==========================================================================

Hedges are not read. By default a rule sees the claims with the role *used*: a story told by ten outlets counts once,
and a figure that its source has replaced does not count. ``every=True`` gives it relays, duplicates and superseded
claims too; what was said after the day asked for stays unheard.
"""

from __future__ import annotations

import datetime
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Literal, TypeAlias, assert_never

import attrs
import numpy as np

from reconcile.claims import Claim, Corpus
from reconcile.columns import MISSING, Moments
from reconcile.estimates import ClaimRole, Estimate, Role, html_table, name_peaks, span
from reconcile.plumbing import check, count_of, to_frame, to_moment
from reconcile.posterior import Posterior
from reconcile.roles import assign_roles
from reconcile.speech import Speech
from reconcile.values import About, AtLeast, AtMost, Between, Exactly, Share, Surveyed, Vague
from reconcile.vocabulary import Quantity

__all__ = [
    "ALL",
    "HIGHEST",
    "LOWEST",
    "LOW_BEST_HIGH",
    "MAJORITY",
    "MEDIAN",
    "MIN_MAX",
    "MOST_RECENT",
    "Answer",
    "Comparison",
    "Line",
    "Reading",
    "Rule",
    "apply",
    "compare",
    "read",
]

OURS = "ours"


@attrs.frozen
class Reading:
    """What a rule reads in a claim.

    Attributes
    ----------
    claim : Claim
    low, middle, high : int
        Counts in rising order; all equal where the claim gives one number.
    """

    claim: Claim
    low: int
    middle: int
    high: int


# Low, point and high of a rule's answer; or the reason why there is none.
Settled: TypeAlias = tuple[int, int | None, int] | str


@attrs.frozen(eq=False)
class Rule:
    """A coding rule.

    Parameters
    ----------
    name : str
    statement : str
        The rule in words.
    settle : callable
        From the readings, at least one, to ``(low, point, high)``, with None for the point of a bare range; or to a
        text that says why there is no answer. It must not depend on the order of the readings.
    citation : str, keyword
        Whose rule it is; default ours.
    lexicon : str, keyword, optional
        How vague words are read, as in `Speech`. Default: as the caller says.

    Examples
    --------
    >>> second = Rule("second lowest", "The lowest number but one.", lambda said: (2, 2, 2))
    >>> print(second)
    second lowest (ours): The lowest number but one.
    """

    name: str
    statement: str
    settle: Callable[[Sequence[Reading]], Settled] = attrs.field(repr=False)
    citation: str = attrs.field(default=OURS, kw_only=True)
    lexicon: str | None = attrs.field(default=None, kw_only=True)

    def __attrs_post_init__(self) -> None:
        check(callable(self.settle), "Rule.settle", self.settle, "a function of readings")
        if self.lexicon is not None:
            Speech(self.lexicon)

    def __str__(self) -> str:
        return f"{self.name} ({self.citation}): {self.statement}"


@attrs.frozen(eq=False)
class Answer:
    """What a rule gives.

    Attributes
    ----------
    rule : Rule
    low, high : int or None
        The range, ends counted in; equal for a single number; None where there is no answer.
    point : int or None
        The one number; None for a bare range and where there is no answer.
    claims : int
        How many claims were read.
    reason : str
        Why there is no answer; else empty.
    """

    rule: Rule
    low: int | None
    point: int | None
    high: int | None
    claims: int
    reason: str = ""

    def __str__(self) -> str:
        if self.low is None or self.high is None:
            return f"no answer: {self.reason}"
        span = f"{self.low:,} to {self.high:,}"
        if self.point is None:
            return span
        return f"{self.point:,}" if self.low == self.high else f"{self.point:,} ({span})"


def _lowest(said: Sequence[Reading]) -> Settled:
    low = min(one.low for one in said)
    return low, low, low


def _highest(said: Sequence[Reading]) -> Settled:
    high = max(one.high for one in said)
    return high, high, high


def _middle(said: Sequence[Reading]) -> int:
    return sorted(one.middle for one in said)[(len(said) - 1) // 2]


def _median(said: Sequence[Reading]) -> Settled:
    middle = _middle(said)
    return middle, middle, middle


def _envelope(said: Sequence[Reading]) -> Settled:
    low, high = min(one.low for one in said), max(one.high for one in said)
    return low, low if low == high else None, high


def _low_best_high(said: Sequence[Reading]) -> Settled:
    return min(one.low for one in said), _middle(said), max(one.high for one in said)


def _majority(said: Sequence[Reading]) -> Settled:
    votes = Counter(one.middle for one in said if one.low == one.high)
    number = next((number for number, count in votes.items() if 2 * count > len(said)), None)
    if number is None:
        return f"no number is given by more than half of {count_of(len(said), 'claim')}"
    return number, number, number


def _most_recent(said: Sequence[Reading]) -> Settled:
    moments = Moments.of(one.claim.reported for one in said)
    if not (moments.clock != MISSING).any():
        return "no claim has a date"
    # What has no date is never the latest; a day and a time within it have no order.
    latest = [
        one
        for at, one in enumerate(said)
        if moments.clock[at] != MISSING and not moments.later(moments.take(np.array([at]))).any()
    ]
    low, high = min(one.low for one in latest), max(one.high for one in latest)
    points = {one.middle for one in latest}
    return low, points.pop() if len(points) == 1 else None, high


LOWEST = Rule(
    "lowest", "The lowest number that any claim gives.", _lowest, citation="ACLED", lexicon="ACLED"
)  # fmt: skip
MIN_MAX = Rule(
    "min-max", "From the lowest to the highest number that any claim gives.", _envelope,
    citation="Airwars", lexicon="Airwars",
)  # fmt: skip
LOW_BEST_HIGH = Rule(
    "low / best / high",
    "From the lowest to the highest number that any claim gives, and the median of claims as the best.",
    _low_best_high,
    citation="ours, in the form of UCDP",
)
MAJORITY = Rule(
    "majority",
    "The one number that more than half of the claims give; a range gives none, but is counted among the claims.",
    _majority,
)
MOST_RECENT = Rule(
    "most recent",
    "What the claim reported last gives; of several that are last, from their lowest to their highest number.",
    _most_recent,
)
MEDIAN = Rule("median of claims", "The middle number, the lower of two middle ones.", _median)
HIGHEST = Rule("highest", "The highest number that any claim gives.", _highest)

ALL: tuple[Rule, ...] = (LOWEST, MIN_MAX, LOW_BEST_HIGH, MAJORITY, MOST_RECENT, MEDIAN, HIGHEST)


def read(claim: Claim, lexicon: str = "default") -> Reading | None:
    """Read a claim as a rule does, see the table above; None for one that gives no number.

    Parameters
    ----------
    claim : Claim
    lexicon : str
        How vague words are read, as in `Speech`.

    Raises
    ------
    InvalidValue
        For a vague word that the lexicon does not hold.

    Examples
    --------
    >>> from reconcile import Claim, Event, Source, Vague
    >>> claim = Claim(Event("market").killed(), Vague("dozens"), Source("paper"))
    >>> [(one.low, one.high) for one in (read(claim, "ACLED"), read(claim, "Airwars")) if one]
    [(12, 12), (12, 24)]
    """
    value = claim.value
    match value:
        case AtLeast(0) | Share():
            return None
        case Exactly(n) | About(n) | AtLeast(n) | AtMost(n):
            return Reading(claim, n, n, n)
        case Between(low, high):
            return Reading(claim, low, (low + high) // 2, high)
        case Surveyed(point, low, high):
            return Reading(claim, low, point, high)
        case Vague(word):
            words = _words(lexicon)
            check(word in words, "Vague.word", word, f"a word of the lexicon: {', '.join(words)}")
            low, high, _ = words[word]
            return Reading(claim, low, (low + high) // 2, high)
    assert_never(value)


def _words(lexicon: str) -> Mapping[str, tuple[int, int, str]]:
    return Speech(lexicon).words


def apply(
    rule: Rule,
    claims: Estimate | Iterable[Claim],
    *,
    every: bool = False,
    as_of: datetime.date | str | None = None,
    lexicon: str = "default",
) -> Answer:
    """Apply a rule to the claims about one count.

    Parameters
    ----------
    rule : Rule
    claims : Estimate, or iterable of Claim, or Corpus
        All about one quantity. An estimate, as ``posterior[quantity]``, knows the roles of its claims; to others they
        are given here.
    every : bool, keyword
        Read relays, duplicates and superseded claims too.
    as_of : date, datetime or ISO text, keyword, optional
        Read only what had been reported by then; not for an estimate, which has its day.
    lexicon : str, keyword
        How vague words are read by a rule without a lexicon of its own.

    Returns
    -------
    Answer

    Raises
    ------
    InvalidValue
        For claims about several quantities, a vague word that the lexicon does not hold, or a day asked of an estimate.
    InconsistentClaims
        For claims that cannot stand together as records.

    Examples
    --------
    >>> import reconcile as rc
    >>> market = rc.Event("market").killed()
    >>> said = [rc.Claim(market, rc.Exactly(n), rc.Source(who)) for n, who in [(5, "ministry"), (6, "monitor")]]
    >>> print(apply(LOWEST, said), "|", apply(MIN_MAX, said), "|", apply(MAJORITY, said))
    5 | 5 to 6 | no answer: no number is given by more than half of 2 claims
    """
    check(isinstance(rule, Rule), "apply(rule)", rule, "a Rule, such as rules.LOWEST")
    if isinstance(claims, Estimate):
        check(as_of is None, "apply(as_of)", as_of, "None for an estimate: give the day to `estimate`")
        return _apply(rule, claims.roles, every=every, lexicon=lexicon)
    corpus = claims if isinstance(claims, Corpus) else Corpus(claims)
    about = sorted({claim.quantity for claim in corpus}, key=lambda quantity: quantity.key)
    check(len(about) <= 1, "apply(claims)", [*map(str, about)], "claims about one quantity")
    return _apply(rule, assign_roles(corpus, to_moment("apply(as_of)")(as_of)), every=every, lexicon=lexicon)


def _apply(rule: Rule, roles: Iterable[ClaimRole], *, every: bool, lexicon: str) -> Answer:
    heard = [one.claim for one in roles if (one.role.heard if every else one.role is Role.USED)]
    found = (read(claim, rule.lexicon or lexicon) for claim in heard)
    said = tuple(one for one in found if one is not None)
    if not said:
        return Answer(rule, None, None, None, 0, "no claim gives a number" if heard else "no claim")
    settled = rule.settle(said)
    if isinstance(settled, str):
        return Answer(rule, None, None, None, len(said), settled)
    return Answer(rule, *_checked(settled, rule), len(said))


def _checked(settled: object, rule: Rule) -> tuple[int, int | None, int]:
    """Refuse what no rule may answer, before it is set beside an estimate."""
    allowed = "(low, point, high) in order, of whole numbers from 0, or None for the point; or a text"
    three = tuple(settled) if isinstance(settled, tuple | list) else ()
    whole = len(three) == 3 and all(
        isinstance(one, int | np.integer) and not isinstance(one, bool) and one >= 0 for one in three if one is not None
    )
    check(
        whole and three[0] is not None and three[2] is not None, f"answer of the rule {rule.name!r}", settled, allowed
    )
    low, point, high = three
    ordered = low <= high and (point is None or low <= point <= high)
    check(ordered, f"answer of the rule {rule.name!r}", settled, allowed)
    return int(low), None if point is None else int(point), int(high)


@attrs.frozen(eq=False)
class Line:
    """One rule's answer for one quantity, beside the posterior.

    Attributes
    ----------
    quantity : Quantity
    answer : Answer
    estimate : str
        The estimate as a sentence.
    median, low, high : int
        Of the posterior; the ends of its equal-tailed interval.
    peaks : str
        What to name in place of a median that lies in a valley; see `Posterior.rows`.
    below, inside, above : float or None
        Posterior probability that the count is below the answer, within it (or just it), and above it; they sum to 1.
        None where there is no answer.
    cdf : float or None
        Posterior probability that the count is at most the rule's point; None where there is none.
    """

    quantity: Quantity
    answer: Answer
    estimate: str
    median: int
    peaks: str
    low: int
    high: int
    below: float | None
    inside: float | None
    above: float | None
    cdf: float | None


@attrs.frozen(eq=False, repr=False)
class Comparison:
    """What rules give, beside the posterior.

    Attributes
    ----------
    lines : tuple of Line
        By quantity, then by rule.
    level : float
        Probability of the posterior's interval.
    """

    lines: tuple[Line, ...]
    level: float

    def __len__(self) -> int:
        return len(self.lines)

    def rows(self) -> list[dict[str, object]]:
        """Give every line as a plain row.

        Returns
        -------
        list of dict
            With keys event, outcome, group, period, rule, point, rule_low, rule_high, reason, read (how many claims the
            rule read), below, inside, above, cdf (see `Line`), median, peaks (see `Posterior.rows`), low, high, level.
            None where there is no answer.
        """
        return [
            {
                "event": one.quantity.event.id,
                "outcome": one.quantity.outcome.name,
                "group": str(one.quantity.group),
                "period": str(one.quantity.period) if one.quantity.period else "",
                "rule": one.answer.rule.name,
                "point": one.answer.point,
                "rule_low": one.answer.low,
                "rule_high": one.answer.high,
                "reason": one.answer.reason,
                "read": one.answer.claims,
                "below": one.below,
                "inside": one.inside,
                "above": one.above,
                "cdf": one.cdf,
                "median": one.median,
                "peaks": one.peaks,
                "low": one.low,
                "high": one.high,
                "level": self.level,
            }
            for one in self.lines
        ]

    def to_frame(self, backend: Literal["pandas", "polars", "pyarrow"] = "pandas") -> Any:
        """Give `rows` as a dataframe.

        Parameters
        ----------
        backend : {"pandas", "polars", "pyarrow"}

        Returns
        -------
        pandas.DataFrame, polars.DataFrame or pyarrow.Table

        Raises
        ------
        MissingDependency
            If the backend is not installed.
        """
        return to_frame(self.rows(), COLUMNS, backend)

    def __str__(self) -> str:
        cells = [_cells(one) for one in self.lines]
        wide = [max((len(row[at]) for row in (_HEAD, *cells)), default=0) for at in range(len(_HEAD))]
        # A reason would push the figures away, and has none of its own.
        wide[1] = max(len(row[1]) for row in (_HEAD, *(c for c in cells if c[2])))

        def laid(row: tuple[str, ...]) -> str:
            figures = "  ".join(cell.rjust(size) for cell, size in zip(row[2:], wide[2:], strict=True))
            return f"  {row[0].ljust(wide[0])}  {row[1].ljust(wide[1])}  {figures if row[2] else ''}".rstrip()

        text, before = [], None
        for one, row in zip(self.lines, cells, strict=True):
            if one.quantity != before:
                text += ["", " ".join(f"{one.quantity}: {one.estimate}".split()), laid(_HEAD)]
                before = one.quantity
            text.append(laid(row))
        return "\n".join(text[1:])

    def __repr__(self) -> str:
        rules = len({one.answer.rule.name for one in self.lines})
        quantities = len({one.quantity for one in self.lines})
        return f"<Comparison: {count_of(rules, 'rule')}, {quantities} quantities>"

    def _repr_html_(self) -> str:
        header = ("quantity", "estimate", *_HEAD)
        return html_table(header, [(one.quantity, one.estimate, *_cells(one)) for one in self.lines])


_HEAD = ("rule", "answer", "below", "inside", "above")
COLUMNS = (
    "event", "outcome", "group", "period", "rule", "point", "rule_low", "rule_high", "reason", "read",
    "below", "inside", "above", "cdf", "median", "peaks", "low", "high", "level",
)  # fmt: skip


def _cells(one: Line) -> tuple[str, ...]:
    shares = ("" if share is None else f"{100 * share:.0f} %" for share in (one.below, one.inside, one.above))
    return one.answer.rule.name, str(one.answer), *shares


def compare(
    posterior: Posterior,
    quantity: Quantity | Iterable[Quantity] | None = None,
    *,
    rules: Iterable[Rule] = ALL,
    every: bool = False,
    level: float = 0.9,
) -> Comparison:
    """Set what rules give beside the posterior.

    Rules without a lexicon of their own read vague words by that of the model.

    Parameters
    ----------
    posterior : Posterior
    quantity : Quantity or several, optional
        Default all that have an estimate.
    rules : iterable of Rule, keyword
        Default `ALL`.
    every : bool, keyword
        Let the rules read relays, duplicates and superseded claims too.
    level : float, keyword
        Probability of the posterior's equal-tailed interval.

    Returns
    -------
    Comparison

    Raises
    ------
    UnknownQuantity
        For a quantity that has no estimate.

    Examples
    --------
    >>> import reconcile as rc
    >>> market = rc.Event("market").killed()
    >>> said = [rc.Claim(market, rc.Exactly(n), rc.Source(who)) for n, who in [(5, "ministry"), (6, "monitor")]]
    >>> comparison = compare(rc.estimate(said), market, rules=[LOWEST, HIGHEST])
    >>> [(row["rule"], row["point"], row["median"]) for row in comparison.rows()]
    [('lowest', 5, 6), ('highest', 6, 6)]
    """
    check(isinstance(posterior, Posterior), "compare(posterior)", posterior, "a Posterior, as `estimate` gives it")
    check(0 < level < 1, "compare(level)", level, "a probability between 0 and 1, such as 0.9")
    chosen = tuple(rules)
    for one in chosen:
        check(isinstance(one, Rule), "compare(rules)", one, "rules, such as rules.LOWEST")
    asked = posterior.quantities if quantity is None else (quantity,) if isinstance(quantity, Quantity) else quantity
    lexicon, lines = posterior.model.speech.lexicon, []
    for name in asked:
        estimate = posterior[name]
        answers = [_apply(rule, estimate.roles, every=every, lexicon=lexicon) for rule in chosen]
        lines += _beside(estimate, answers, level)
    return Comparison(tuple(lines), level)


def _beside(estimate: Estimate, answers: Sequence[Answer], level: float) -> list[Line]:
    median, (low, high), said = estimate.median(), estimate.eti(level), span(estimate.distribution, level)
    ends = [(-1 if one.low is None else one.low - 1, one.high or 0, one.point or 0) for one in answers]
    at = estimate.cdf(np.array(ends, dtype=float).reshape(-1, 3))
    lines = []
    for answer, (under, upto, cdf) in zip(answers, at.tolist(), strict=True):
        some = answer.low is not None
        lines.append(
            Line(
                estimate.quantity,
                answer,
                said,
                median,
                name_peaks(estimate.distribution),
                low,
                high,
                below=under if some else None,
                inside=upto - under if some else None,
                above=1.0 - upto if some else None,
                cdf=None if answer.point is None else cdf,
            )
        )
    return lines
