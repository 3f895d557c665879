# SPDX-License-Identifier: MIT
"""How a source's figure becomes a worded value: every value is a weighted set of intervals of the figure.

``P(value | figure m) = sum_j w_j 1[low_j <= m <= high_j]``. For `Exactly` this is a generative rounding model: for
every figure the probabilities of all reports sum to 1. For the other kinds the weights say how well a figure fits a
report of that kind and number, up to a factor that does not depend on the figure and therefore cancels.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias, assert_never

import attrs
import numpy as np
from numpy.typing import NDArray

from reconcile.errors import InvalidValue
from reconcile.values import (
    LARGEST,
    About,
    AtLeast,
    AtMost,
    Between,
    Exactly,
    Share,
    Surveyed,
    Vague,
    Value,
)

__all__ = ["LEXICON", "PRESETS", "Meaning", "Speech"]

Floats: TypeAlias = NDArray[np.float64]

# Heaping. Two corpora of point figures, solved for the shares of speakers that round to each multiple:
# Civil War historians (acw_battles, 4,554 figures from 100) and earthquake catalogues (quakes, 576 from 100).
# From 100 to 999, rounded .28 and .44 of figures; of the rounded, to 100 / 50 / 10 / 5: .41 .30 .18 .11 and
# .53 .16 .10 .21.
# From 10 to 99, rounded .12 and .22; of these, to 10 / 5: .80 .20 and .53 .47. From 3 to 7, .04 to 5 in both.
# Who knows a number does not round it: of figures from 100 to 999, hundreds lie within 10 % of a plain figure of
# another source in .25 and .15 of pairs, plain figures in .77 and .75 (same corpora). Figures that are not known
# numbers are .29 and .34 of all at 300, .19 and .27 at 30, .12 and .21 at 5 (fits of fidelity); so rounded are about
# all, .7 and .3 of them.
# `make evidence` prints this.
ROUNDING_TENS = ((10, 0.7), (5, 0.3))
ROUNDING_LARGE = ((1.0, 0.47), (0.5, 0.23), (0.1, 0.14), (0.05, 0.16))  # of the figure's power of ten
HEAPED = ((0, 0.0), (3, 0.3), (8, 0.7), (75, 1.0))  # how often, relative to figures from 75: from a figure on

# Excess over a stated floor, by significant digits 1, 2, 3+: medians and 90th percentiles (Ferson et al., hedge words,
# experiment 2, lay readers); below a ceiling the medians, the 90th percentiles widened alike.
_OVER = {1: (0.17, 0.50), 2: (0.08, 0.32), 3: (0.02, 0.10)}
_UNDER = {1: (0.14, 0.41), 2: (0.09, 0.36), 3: (0.02, 0.10)}
# Heights of the bare logical reading "n or anything beyond", beside 1 for the figure n itself: it halves with every
# doubling of the distance, as counts do under a scale-free prior, and never quite ends. Floors of early reports are
# often left far behind; "up to 100" is seldom said of eight (our judgement).
_BARE = {+1: 0.3, -1: 0.03}
_DOUBLINGS, _OPEN = 8, 0.003

# Half-width of "about n" by significant digits (same source; a lower bound, so wider readings get weight: judgement).
_AROUND = {1: 0.10, 2: 0.045, 3: 0.01}
_WIDER = ((1, 0.5), (2, 0.3), (5, 0.2))

# A stated range held the truth in only 35.5 % of 2,641 elicited intervals (dot counting, ICE); the channel's noise
# explains most of that, the rest is softness of the range itself (our judgement): widened by 0 and 1 widths.
_SOFT_RANGE = ((0, 0.9), (1, 0.1))

# Rounding of a stated share: half-widths in points of share (our judgement: people say tenths, quarters and thirds).
_AROUND_SHARE = ((0.05, 0.6), (0.10, 0.3), (0.20, 0.1))


# Soft intervals of the default lexicon: lowest and highest figure that the word plainly covers, and whence.
LEXICON: Mapping[str, tuple[int, int, str]] = {
    "a couple": (2, 3, "plain meaning"),
    "a few": (2, 6, "plain meaning; a bare plural is 2 (Airwars) or 3 (ACLED)"),
    "a handful": (3, 8, "plain meaning"),
    "some": (2, 12, "plain meaning; a bare plural is 2 (Airwars), 3 or 10 (ACLED)"),
    "several": (3, 12, "plain meaning; ACLED codes a bare plural as 3 or 10"),
    "multiple": (2, 20, "plain meaning"),
    "a small number": (1, 10, "plain meaning"),
    "a number": (2, 50, "plain meaning"),
    "numerous": (5, 200, "plain meaning"),
    "many": (5, 500, "plain meaning; NOAA's class 'many' is 101-1,000 for deaths in an earthquake"),
    "a large number": (10, 1_000, "plain meaning"),
    "countless": (50, 100_000, "plain meaning"),
    "tens": (12, 99, "as dozens"),
    "dozens": (12, 99, "12 (ACLED), 12-24 (Airwars), up to a hundred by plain meaning"),
    "several dozen": (30, 99, "three dozen and more"),
    "a few dozen": (24, 80, "two dozen and more"),
    "scores": (40, 199, "a score is 20; the plural begins at two"),
    "hundreds": (100, 999, "100 (ACLED), 200 (Crowd Counting Consortium)"),
    "several hundred": (200, 950, "two hundred and more"),
    "a few hundred": (200, 600, "two hundred and more"),
    "thousands": (1_000, 9_999, "by analogy with hundreds"),
    "several thousand": (2_000, 9_500, "two thousand and more"),
    "a few thousand": (2_000, 6_000, "two thousand and more"),
    "tens of thousands": (10_000, 99_999, "by analogy with tens"),
    "hundreds of thousands": (100_000, 999_999, "by analogy with hundreds"),
    "millions": (1_000_000, 9_999_999, "by analogy with hundreds"),
}  # fmt: skip
_SOFT_WORD = (
    (1.0, 0.8),
    (2.0, 0.2),
)  # weight of the word's own interval, and of one twice as far either way (judgement)

# Published coding rules that give a word a number of its own; laid over the default lexicon.
PRESETS: Mapping[str, Mapping[str, tuple[int, int, str]]] = {
    "ACLED": {
        "some": (3, 10, "ACLED: a bare plural is 3 or 10"),
        "dozens": (12, 12, "ACLED"),
        "hundreds": (100, 100, "ACLED"),
    },
    "Airwars": {"some": (2, 2, "Airwars: a bare plural is 2"), "dozens": (12, 24, "Airwars")},
    "Crowd Counting Consortium": {"hundreds": (200, 200, "Crowd Counting Consortium")},
    "NOAA": {
        "a few": (1, 50, "NOAA earthquake database, deaths class 1"),
        "some": (51, 100, "NOAA earthquake database, deaths class 2"),
        "many": (101, 1_000, "NOAA earthquake database, deaths class 3"),
    },
}


def _significant(n: int) -> int:
    """Count the significant digits of n, from 1 to 3."""
    return min(max(len(str(n).rstrip("0")), 1), 3)


@attrs.frozen(eq=False)
class Meaning:
    """A value as weighted intervals.

    Attributes
    ----------
    low, high : ndarray of float, shape (j,)
        Ends of each interval, both counted in: counts (`high` may be infinite), or for a `Share` fractions.
    plain, heaped : ndarray of float, shape (j,)
        Weight of each interval when the speaker gives figures as they are, and when the speaker heaps.
    """

    low: Floats
    high: Floats
    plain: Floats
    heaped: Floats

    @classmethod
    def of(cls, *rows: tuple[float, float, float, float]) -> Meaning:
        """Collect rows of (low, high, plain, heaped)."""
        table = np.array(rows, dtype=float).reshape(-1, 4)
        return cls(*table.T)

    def weight(self, heaping: float) -> Floats:
        """Weight of each interval for a speaker who heaps with this probability."""
        return (1 - heaping) * self.plain + heaping * self.heaped

    @property
    def starts(self) -> list[int]:
        """Counts at which the meaning changes: where cells of a lattice must begin."""
        ends = self.high[np.isfinite(self.high)] + 1
        return [int(n) for n in {*self.low.tolist(), *ends.tolist()}]


def _exactly(n: int) -> Meaning:
    rows = [(n, n, 1.0, 1.0 - _heaped(n))]
    if n == 5:
        rows.append((3, 7, 0.0, _heaped(n)))
    for decade in range(max(len(str(n)) - 2, 1), len(str(n)) + 1):
        unit = 10**decade
        steps = ROUNDING_TENS if decade == 1 else tuple((round(unit * part), p) for part, p in ROUNDING_LARGE)
        for step, share in steps:
            # A figure belongs to the decade of 100 from 75 to 749, so that 100 is reached from below as from above.
            low = max(n - step // 2, -(-3 * unit // 4))
            high = min(n + (step + 1) // 2 - 1, -(-30 * unit // 4) - 1)
            if n % step == 0 and low <= high:
                rows.append((low, high, 0.0, share * _heaped(unit)))
    return Meaning.of(*rows)


def _heaped(figure: int) -> float:
    """Say how often a figure is rounded, relative to those from 75: up to 7 to 5, from 8 to multiples of 5."""
    return next(share for start, share in reversed(HEAPED) if figure >= start)


def _beyond(n: int, median: float, ninetieth: float, sign: int) -> list[tuple[float, float, float, float]]:
    """Intervals from n outward: a distance with the given median and 90th percentile, and the bare logical reading."""
    # Uniform pieces with shares p: sum_j p_j min(x / reach_j, 1) is .5 at the median and .9 at the 90th percentile.
    reach = (median, ninetieth, (3 if sign > 0 else 1.5) * ninetieth)
    last = 0.1 / (1 - ninetieth / reach[2])
    ratio = median / ninetieth
    first = (0.5 - last * median / reach[2] - (1 - last) * ratio) / (1 - ratio)
    heights = np.array([first / reach[0], (1 - last - first) / reach[1], last / reach[2]])
    bare, open_ = (1 - _OPEN) * _BARE[sign], _OPEN * _BARE[sign]
    heights *= (1 - bare - open_) / heights.sum()
    rows: list[tuple[float, float, float, float]] = []
    for step, (distance, height) in enumerate(zip(reach, heights, strict=True), start=1):
        end = n + sign * max(step, int(n * distance))
        rows.append((min(n, max(end, 0)), max(n, end), height, height))
    for doubling in range(1, _DOUBLINGS + 1):
        height = bare * 2.0**-doubling / (1 - 2.0**-_DOUBLINGS)
        rows.append((n, n << doubling, height, height) if sign > 0 else (n >> doubling, n, height, height))
    rows.append((n, np.inf, open_, open_) if sign > 0 else (0, n, open_, open_))
    return rows


def _about(n: int) -> Meaning:
    half = n * _AROUND[_significant(n)]
    rows = []
    for step, (factor, weight) in enumerate(_WIDER, start=1):
        reach = max(step, int(half * factor))
        rows.append((max(n - reach, 0), n + reach, weight, weight))
    return Meaning.of(*rows)


def _between(low: int, high: int) -> Meaning:
    width = max(high - low, 1)
    rows = []
    for k, w in _SOFT_RANGE:
        # No further down than by the ratio of the ends: one width below 450-1,200 there is almost nobody.
        least = max(low - k * width, -(-(low ** (k + 1)) // max(high, 1) ** k), 0)
        rows.append((least, high + k * width, w, w))
    return Meaning.of(*rows)


def _surveyed(value: Surveyed) -> Meaning:
    """Turn a split log-normal through the survey's interval into nested intervals of equal height."""
    from scipy.special import ndtri

    z = float(ndtri((1 + value.level) / 2))
    point = np.log(value.point + 0.5)
    below = max(point - np.log(value.low + 0.5), 1e-9) / z
    above = max(np.log(value.high + 0.5) - point, 1e-9) / z
    count = 24
    rows = []
    for k in range(count):
        # The density exp(-z^2/2) is above height (k + 1/2) / count within +- reach.
        reach = np.sqrt(-2 * np.log((k + 0.5) / count))
        low = max(int(np.ceil(np.exp(point - reach * below) - 0.5 - 1e-9)), 0)
        high = int(np.exp(min(point + reach * above, np.log(LARGEST))) - 0.5 + 1e-9)
        rows.append((min(low, value.point), max(high, value.point), 1 / count, 1 / count))
    return Meaning.of(*rows)


def _share(value: Share) -> Meaning:
    if value.low == value.high:
        spans = [(value.low - d, value.high + d, w) for d, w in _AROUND_SHARE]
    else:
        spans = [(value.low, value.high, 0.8), (value.low - 0.1, value.high + 0.1, 0.2)]
    return Meaning.of(*((max(low, 0.0), min(high, 1.0), w, w) for low, high, w in spans))


@attrs.frozen
class Speech:
    """How figures are put in words.

    Parameters
    ----------
    lexicon : str
        ``"default"``, or one of `PRESETS`, laid over the default.

    Examples
    --------
    >>> meaning = Speech().read(Vague("dozens"))
    >>> meaning.low.tolist(), meaning.high.tolist()
    ([12.0, 6.0], [99.0, 198.0])
    """

    lexicon: str = "default"

    def __attrs_post_init__(self) -> None:
        if self.lexicon != "default" and self.lexicon not in PRESETS:
            raise InvalidValue("Speech.lexicon", self.lexicon, f"'default', {', '.join(map(repr, PRESETS))}")

    @property
    def words(self) -> Mapping[str, tuple[int, int, str]]:
        """The lexicon in force: lowest and highest figure of each word, and whence."""
        return {**LEXICON, **PRESETS.get(self.lexicon, {})}

    def read(self, value: Value) -> Meaning:
        """Give the weighted intervals of the figure that the value stands for.

        Parameters
        ----------
        value : Value

        Returns
        -------
        Meaning
            Intervals of counts; for a `Share`, of fractions.

        Raises
        ------
        InvalidValue
            For a vague word that the lexicon does not hold.
        """
        match value:
            case Exactly(n):
                return _exactly(n)
            case AtLeast(0):
                return Meaning.of((0, np.inf, 1.0, 1.0))  # says nothing
            case AtLeast(n):
                return Meaning.of(*_beyond(n, *_OVER[_significant(n)], +1))
            case AtMost(n):
                return Meaning.of(*_beyond(n, *_UNDER[_significant(n)], -1))
            case About(n):
                return _about(n)
            case Between(low, high):
                return _between(low, high)
            case Surveyed():
                return _surveyed(value)
            case Share():
                return _share(value)
            case Vague():
                return self._vague(value)
        assert_never(value)

    def _vague(self, value: Vague) -> Meaning:
        if value.word not in self.words:
            raise InvalidValue("Vague.word", value.word, f"a word of the lexicon: {', '.join(self.words)}")
        low, high, _ = self.words[value.word]
        return Meaning.of(*((int(low / k), int(high * k), w, w) for k, w in _SOFT_WORD))
