# SPDX-License-Identifier: MIT
"""How the laws read an answer, whoever gave it, and adapters for reconcilers that say less than a distribution.

A reconciler is anything that takes claims and gives a mapping from quantities to answers. An answer may be

- an object with ``cdf``, or with a quantile function (``icdf``, ``ppf`` or ``quantile``), or with ``pmf`` (which is
  added up to 100,000): a distribution, as `Estimate` or a frozen distribution of SciPy is;
- a mapping of counts to probabilities;
- a number: a `Point`, which is read as a point mass, and of which laws about doubt say that they do not apply;
- an `Interval`, an interval with its level and nothing else.
"""

from __future__ import annotations

import enum
import functools
import itertools
import math
import numbers
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeAlias

import attrs

from reconcile.claims import Claim
from reconcile.errors import InvalidValue
from reconcile.plumbing import check
from reconcile.rules import Reading, Rule, apply
from reconcile.rules import read as read_claim
from reconcile.vocabulary import Quantity

__all__ = ["Belief", "Interval", "Kind", "Point", "Reconciler", "by_quantity", "from_readings", "from_rule", "read"]

Reconciler: TypeAlias = Callable[..., Any]

LARGEST = 10**13  # a count beyond every claim that can be made
SUMMED = 10**5  # up to which a bare `pmf` is added up; what is beyond is taken to be nothing


class Kind(enum.StrEnum):
    """How much an answer says."""

    DISTRIBUTION = "distribution"
    INTERVAL = "interval"
    POINT = "point"


@attrs.frozen
class Point:
    """One number and no more.

    Parameters
    ----------
    n : float
    """

    n: float


@attrs.frozen
class Interval:
    """An interval and no more.

    Parameters
    ----------
    low, high : float
        Both counted in.
    level : float
        The probability that it is meant to hold.
    """

    low: float
    high: float
    level: float = 0.9

    def __attrs_post_init__(self) -> None:
        check(0 < self.level < 1, "Interval.level", self.level, "a probability between 0 and 1")


@attrs.frozen(eq=False)
class Belief:
    """An answer as the laws see it.

    Attributes
    ----------
    kind : Kind
    cdf : callable
        Probability of at most n; of an `Interval`, which has none, it must not be asked.
    quantile : callable
        The smallest count with a probability of at least p at or below it; of an `Interval`, only at its own ends.
    level : float
        Of the interval that `ends` gives.

    Examples
    --------
    >>> belief = read({5: 0.5, 6: 0.5})
    >>> belief.cdf(5), belief.median, belief.ends
    (0.5, 5, (5, 6))
    """

    kind: Kind
    cdf: Callable[[float], float] = attrs.field(repr=False)
    quantile: Callable[[float], float] = attrs.field(repr=False)
    level: float = 0.9

    @property
    def median(self) -> float:
        """The median, or the point."""
        return self.quantile(0.5)

    @property
    def ends(self) -> tuple[float, float]:
        """The equal-tailed interval, or the one that was given; of a point, the point twice."""
        return self.quantile((1 - self.level) / 2), self.quantile((1 + self.level) / 2)

    def mass(self, n: int) -> float:
        """Probability of n."""
        return self.cdf(n) - self.cdf(n - 1)

    def above(self, n: float) -> float:
        """Probability of more than n."""
        return 1.0 - self.cdf(n)

    def __str__(self) -> str:
        low, high = (_written(n) for n in self.ends)
        if self.kind is Kind.POINT:
            return low
        middle = "" if self.kind is Kind.INTERVAL else f"{_written(self.median)} "
        return f"{middle}({100 * self.level:g} % {low}-{high})"


def _written(n: float) -> str:
    return f"{n:,.0f}" if n == round(n) else f"{n:,.6g}"


def _invert(rises: Callable[[int], bool]) -> int:
    """Give the first count from 0 at which something holds that, once it holds, holds ever after."""
    low, high = -1, 1
    while high < LARGEST and not rises(high):
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if rises(middle) else (middle, high)
    return high


def _of_cdf(cdf: Callable[[float], Any]) -> tuple[Callable[[float], float], Callable[[float], float]]:
    def below(n: float) -> float:
        return float(cdf(n))

    return below, lambda p: _invert(lambda n: below(n) >= p - 1e-12)


def _of_quantile(quantile: Callable[[float], Any]) -> Callable[[float], float]:
    def below(n: float) -> float:
        low, high = 0.0, 1.0
        if float(quantile(1e-12)) > n:
            return 0.0
        for _ in range(40):
            middle = (low + high) / 2
            low, high = (middle, high) if float(quantile(middle)) <= n else (low, middle)
        return high if high < 1 - 1e-9 else 1.0

    return below


def _of_pmf(pmf: Callable[[int], Any]) -> Callable[[float], float]:
    runs = [0.0]

    def below(n: float) -> float:
        last = min(math.floor(n), SUMMED)
        while len(runs) <= last + 1:
            runs.append(runs[-1] + float(pmf(len(runs) - 1)))
        return runs[max(last + 1, 0)]

    return below


def _of_masses(masses: Mapping[Any, Any]) -> Callable[[float], float]:
    counts = sorted(masses)
    runs = list(itertools.accumulate(float(masses[n]) for n in counts))

    def below(n: float) -> float:
        return next((run for count, run in zip(reversed(counts), reversed(runs), strict=True) if count <= n), 0.0)

    return below


def read(answer: Any) -> Belief:
    """Read one answer.

    Parameters
    ----------
    answer : object
        Of one of the forms that this module names.

    Returns
    -------
    Belief

    Raises
    ------
    InvalidValue
        For an answer of no such form.

    Examples
    --------
    >>> print(read(6), "|", read(Interval(4, 9, 0.8)), "|", read({5: 0.5, 6: 0.5}))
    6 | (80 % 4-9) | 5 (90 % 5-6)
    """
    if isinstance(answer, Interval):
        ends = {(1 - answer.level) / 2: answer.low, (1 + answer.level) / 2: answer.high}
        return Belief(Kind.INTERVAL, _untold, ends.__getitem__, answer.level)
    if isinstance(answer, numbers.Real):
        answer = Point(float(answer))
    if isinstance(answer, Point):
        at = answer.n
        return Belief(Kind.POINT, lambda n: float(n >= at), lambda _: at)
    if isinstance(answer, Mapping):
        below, quantile = _of_cdf(_of_masses(answer))
        return Belief(Kind.DISTRIBUTION, below, quantile)
    named = next(
        (found for name in ("icdf", "ppf", "quantile") if callable(found := getattr(answer, name, None))), None
    )
    if callable(getattr(answer, "cdf", None)):
        below, quantile = _of_cdf(answer.cdf)
    elif named is not None:
        below, quantile = _of_quantile(named), named
    elif callable(getattr(answer, "pmf", None)):
        below, quantile = _of_cdf(_of_pmf(answer.pmf))
    else:
        allowed = "something with cdf, a quantile function or pmf; counts with probabilities; a number; an Interval"
        raise InvalidValue("answer", answer, allowed)
    return Belief(Kind.DISTRIBUTION, below, named or quantile)


def _untold(n: float) -> float:
    raise InvalidValue("Interval.cdf", n, "nothing: an interval has no distribution function")


def by_quantity(answer: Callable[[Sequence[Claim]], Any]) -> Reconciler:
    """Make a reconciler of a function of the claims about one quantity.

    Parameters
    ----------
    answer : callable
        From claims, in the order in which they were given, to an answer; None for no answer.

    Returns
    -------
    callable
        From claims to answers by quantity.

    Examples
    --------
    >>> import reconcile as rc
    >>> market = rc.Event("market").killed()
    >>> count_claims = by_quantity(len)
    >>> count_claims([rc.Claim(market, rc.Exactly(5), rc.Source("monitor"))])[market]
    1
    """

    @functools.wraps(answer)
    def reconcile(claims: Iterable[Claim]) -> dict[Quantity, Any]:
        said: dict[Quantity, list[Claim]] = {}
        for claim in claims:
            said.setdefault(claim.quantity, []).append(claim)
        found = {quantity: answer(mine) for quantity, mine in said.items()}
        return {quantity: one for quantity, one in found.items() if one is not None}

    return reconcile


def from_readings(answer: Callable[[Sequence[Reading]], Any]) -> Reconciler:
    """Make a reconciler of a function of the numbers that are read in the claims about one quantity.

    A claim is read as a coding rule reads it (`reconcile.rules`): "at least 12" is 12, "dozens" a range with a middle.

    Parameters
    ----------
    answer : callable
        From one reading or more, each with ``low``, ``middle`` and ``high``, to an answer.

    Examples
    --------
    >>> import reconcile as rc
    >>> market = rc.Event("market").killed()
    >>> lowest = from_readings(lambda said: min(one.low for one in said))
    >>> lowest([rc.Claim(market, rc.Exactly(n), rc.Source(f"source {n}")) for n in (5, 6)])[market]
    5
    """

    @functools.wraps(answer)
    def settle(claims: Sequence[Claim]) -> Any:
        said = [one for one in map(read_claim, claims) if one is not None]
        return answer(said) if said else None

    return by_quantity(settle)


def from_rule(rule: Rule) -> Reconciler:
    """Make a reconciler of a coding rule; a rule that gives no answer leaves the quantity out.

    Parameters
    ----------
    rule : Rule

    Examples
    --------
    >>> import reconcile as rc
    >>> from reconcile import rules
    >>> market = rc.Event("market").killed()
    >>> from_rule(rules.LOWEST)([rc.Claim(market, rc.Exactly(5), rc.Source("monitor"))])[market]
    Point(n=5)
    """

    def settle(claims: Sequence[Claim]) -> Any:
        answer = apply(rule, claims)
        if answer.low is None or answer.high is None:
            return None
        return Interval(answer.low, answer.high) if answer.point is None else Point(answer.point)

    return by_quantity(settle)
