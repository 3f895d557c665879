# SPDX-License-Identifier: MIT
"""The eight kinds of value.

The kinds are a closed union of frozen types. What each means to the estimate lives in the room ``speech``.
"""

from __future__ import annotations

import itertools
import math
import operator
from typing import Any, TypeAlias

import attrs

from reconcile.errors import InvalidValue
from reconcile.plumbing import check, rebuilding_repr
from reconcile.vocabulary import EVERYONE, Group

__all__ = [
    "LARGEST",
    "About",
    "AtLeast",
    "AtMost",
    "Between",
    "Exactly",
    "Share",
    "Surveyed",
    "Vague",
    "Value",
]

LARGEST = 10**12  # about ten times everyone who ever lived; larger figures in data are vandalism or typing slips

LOWEST_LEVEL = 0.5  # of a survey's interval; below, it is a slip such as 0.95 % for 95 %


def _count(what: str) -> Any:
    allowed = f"a whole number from 0 to {LARGEST:,}"

    def convert(given: Any) -> int:
        if isinstance(given, bool):
            raise InvalidValue(what, given, allowed)
        try:
            number = operator.index(given)
        except TypeError:
            raise InvalidValue(what, given, allowed) from None
        check(0 <= number <= LARGEST, what, given, allowed)
        return number

    return convert


def _fraction(what: str) -> Any:
    allowed = "a number from 0 to 1"

    def convert(given: Any) -> float:
        try:
            number = float(given)
        except (TypeError, ValueError):
            raise InvalidValue(what, given, allowed) from None
        check(not isinstance(given, str | bool) and 0 <= number <= 1, what, given, allowed)
        return number

    return convert


def _in_order(kind: str, *numbers: float) -> None:
    check(all(a <= b for a, b in itertools.pairwise(numbers)), kind, numbers, "numbers in rising order")


@attrs.frozen(repr=False)
class Exactly:
    """A bare number, as "12 killed" or "no casualties" (0); it may have been rounded before it was said.

    Examples
    --------
    >>> print(Exactly(600_000))
    600,000
    """

    n: int = attrs.field(converter=_count("Exactly.n"))
    __repr__ = rebuilding_repr

    def __str__(self) -> str:
        return f"{self.n:,}"


@attrs.frozen(repr=False)
class AtLeast:
    """A floor: "at least 12", "12 confirmed so far"; "more than 40" is ``AtLeast(41)``.

    Examples
    --------
    >>> print(AtLeast(41))
    at least 41
    """

    n: int = attrs.field(converter=_count("AtLeast.n"))
    __repr__ = rebuilding_repr

    def __str__(self) -> str:
        return f"at least {self.n:,}"


@attrs.frozen(repr=False)
class AtMost:
    """A ceiling: "up to 30"; "fewer than 30" is ``AtMost(29)``.

    Examples
    --------
    >>> print(AtMost(30))
    at most 30
    """

    n: int = attrs.field(converter=_count("AtMost.n"))
    __repr__ = rebuilding_repr

    def __str__(self) -> str:
        return f"at most {self.n:,}"


@attrs.frozen(repr=False)
class Between:
    """A range given as such: "8-10", "between eight and ten", a compiler's minimum and maximum.

    Examples
    --------
    >>> print(Between(8, 10))
    8 to 10
    """

    low: int = attrs.field(converter=_count("Between.low"))
    high: int = attrs.field(converter=_count("Between.high"))

    def __attrs_post_init__(self) -> None:
        _in_order("Between(low, high)", self.low, self.high)

    __repr__ = rebuilding_repr

    def __str__(self) -> str:
        return f"{self.low:,} to {self.high:,}"


@attrs.frozen(repr=False)
class About:
    """A number said to be rough: "some 600,000", "about a dozen".

    Examples
    --------
    >>> print(About(12))
    about 12
    """

    n: int = attrs.field(converter=_count("About.n"))
    __repr__ = rebuilding_repr

    def __str__(self) -> str:
        return f"about {self.n:,}"


def _to_word(given: Any) -> str:
    if not isinstance(given, str) or not given.strip() or len(given) > 100:
        raise InvalidValue("Vague.word", given, "a word or phrase of at most 100 characters, such as 'dozens'")
    return " ".join(given.casefold().split())


@attrs.frozen(repr=False)
class Vague:
    """A word in place of a number: "dozens", "several"; what it means is the model's lexicon's to say.

    Examples
    --------
    >>> print(Vague("Dozens"))
    dozens
    """

    word: str = attrs.field(converter=_to_word)
    __repr__ = rebuilding_repr

    def __str__(self) -> str:
        return self.word


def _to_level(given: Any) -> float:
    level: float = _fraction("Surveyed.level")(given)
    check(LOWEST_LEVEL <= level < 1, "Surveyed.level", given, f"a probability from {LOWEST_LEVEL} to below 1, as 0.95")
    return level


@attrs.frozen(repr=False)
class Surveyed:
    """A survey's or an estimator's own result: point, interval and the level of the interval.

    Examples
    --------
    >>> print(Surveyed(1_200, 900, 1_600, level=0.9))
    1,200 (90 % interval 900 to 1,600)
    """

    point: int = attrs.field(converter=_count("Surveyed.point"))
    low: int = attrs.field(converter=_count("Surveyed.low"))
    high: int = attrs.field(converter=_count("Surveyed.high"))
    level: float = attrs.field(default=0.95, converter=_to_level)

    def __attrs_post_init__(self) -> None:
        _in_order("Surveyed(low, point, high)", self.low, self.point, self.high)

    __repr__ = rebuilding_repr

    def __str__(self) -> str:
        return f"{self.point:,} ({100 * self.level:g} % interval {self.low:,} to {self.high:,})"


@attrs.frozen(repr=False)
class Share:
    """A part of a larger group: "half of the displaced are children" is said of the children, ``of`` everyone.

    Parameters
    ----------
    low, high : float
        The share, from 0 to 1; equal for "half", ``(0.5, 1)`` for "most".
    of : Group, optional
        The group that it is a share of, in the same event, outcome and period; default everyone.

    Examples
    --------
    >>> print(Share(0.5, 0.5))
    50 % of everyone
    """

    low: float = attrs.field(converter=_fraction("Share.low"))
    high: float = attrs.field(converter=_fraction("Share.high"))
    of: Group = attrs.field(default=EVERYONE)

    def __attrs_post_init__(self) -> None:
        _in_order("Share(low, high)", self.low, self.high)
        check(isinstance(self.of, Group), "Share.of", self.of, "a Group")

    __repr__ = rebuilding_repr

    def __str__(self) -> str:
        low, high = f"{100 * self.low:.3g}", f"{100 * self.high:.3g}"
        return f"{low if math.isclose(self.low, self.high) else f'{low} to {high}'} % of {self.of}"


Value: TypeAlias = Exactly | AtLeast | AtMost | Between | About | Vague | Surveyed | Share
