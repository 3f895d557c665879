# SPDX-License-Identifier: MIT
"""Mass on a lattice of counts: exact integers where it matters, narrow cells beyond, and what can be asked of it.

A cell is a run of neighbouring counts; within a cell every count has the same probability.
"""

from __future__ import annotations

import functools
import itertools
import math
import warnings
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, TypeAlias

import attrs
import numpy as np
from numpy.typing import NDArray

from reconcile.errors import HeavyTail, InvalidValue
from reconcile.plumbing import check, refuse_old, to_generator

if TYPE_CHECKING:
    from scipy.sparse import csr_array

__all__ = ["PMF", "TOP", "Lattice", "Mode", "Pairs", "Peak"]

Floats: TypeAlias = NDArray[np.float64]
Ints: TypeAlias = NDArray[np.int64]

TOP = 10**13  # no count is larger: ten times the largest figure that a claim may give

# Width of a cell relative to its counts, by how far (as a ratio) it lies from the nearest claimed number.
_RESOLUTION = ((1.5, 0.02), (3.0, 0.05), (10.0, 0.12), (100.0, 0.5), (np.inf, 2.0))


@functools.lru_cache(maxsize=256)
def _starts(points: tuple[int, ...], edges: tuple[int, ...]) -> Ints:
    anchors = np.log(np.array(points or (0,), dtype=float) + 0.5)
    starts, count = [0], 0
    while count < TOP:
        distance = float(np.exp(np.min(np.abs(anchors - np.log(count + 0.5)))))
        width = next(relative for ratio, relative in _RESOLUTION if distance <= ratio)
        count += max(1, int(width * count))
        starts.append(count)
    near = itertools.chain.from_iterable((n, n + 1) for n in points)
    kept = np.unique(np.array([*starts, *near, *edges], dtype=np.int64))
    return kept[(kept >= 0) & (kept <= TOP)]


@attrs.frozen(eq=False)
class Lattice:
    """A partition of the counts 0 ... top into cells of neighbours.

    Attributes
    ----------
    low, high : ndarray of int64, shape (n,)
        First and last count of each cell.
    """

    low: Ints
    high: Ints

    @classmethod
    def integers(cls, top: int) -> Lattice:
        """Make the lattice on which every count from 0 to `top` has its own cell."""
        counts = np.arange(top + 1, dtype=np.int64)
        return cls(counts, counts)

    @classmethod
    def around(cls, points: Iterable[int], edges: Iterable[int] = ()) -> Lattice:
        """Make a lattice that is fine near `points`.

        Each point has a cell of its own; within a factor 1.5 of a point, cells are at most 2 % wide (exact integers
        below 100), within a factor 3 at most 5 %, within a factor 10 at most 12 %, then wider: away from the
        claimed numbers, where likelihoods jump, they are smooth on the scale of a source's spread.

        Parameters
        ----------
        points : iterable of int
            Claimed numbers.
        edges : iterable of int
            Counts at which some cell must start, since a likelihood jumps there.
        """
        starts = _starts(tuple(sorted(set(points))), tuple(sorted(set(edges))))
        return cls(starts, np.append(starts[1:] - 1, TOP))

    def __len__(self) -> int:
        return len(self.low)

    @functools.cached_property
    def width(self) -> Floats:
        """How many counts each cell holds; shape (n,)."""
        return (self.high - self.low + 1).astype(float)

    @functools.cached_property
    def center(self) -> Floats:
        """The count itself, or the geometric middle of a wide cell; shape (n,)."""
        return np.where(self.low == self.high, self.low, np.sqrt((self.low + 0.5) * (self.high + 0.5)) - 0.5)

    def find(self, count: NDArray[np.generic] | int) -> NDArray[np.intp]:
        """Give the index of the cell that holds each count (counts beyond the ends go to the end cells)."""
        return np.maximum(np.searchsorted(self.low, count, side="right") - 1, 0)

    def bare(self) -> Lattice:
        """Give the same without what was computed of it: pairs take megabytes, and results are kept for long."""
        return Lattice(self.low, self.high)

    @functools.cached_property
    def pairs(self) -> Pairs:
        """How cells add up; computed once for each lattice."""
        return Pairs.of(self)


@attrs.frozen(eq=False)
class Pairs:
    """How many pairs of counts (a in cell `left`, b in cell `right`) have their sum in cell `whole`.

    Attributes
    ----------
    left, right, whole : ndarray of int, shape (p,)
    number : ndarray of float, shape (p,)
    by_left, by_right, by_whole : sparse arrays, shape (n, p)
        Sum, weighted with `number`, by one of the three cells.
    """

    left: NDArray[np.intp]
    right: NDArray[np.intp]
    whole: NDArray[np.intp]
    number: Floats
    by_left: csr_array
    by_right: csr_array
    by_whole: csr_array

    @classmethod
    def of(cls, lattice: Lattice) -> Pairs:
        """Count the pairs of a lattice; sums beyond its top are left out."""
        from scipy.sparse import csr_array

        low, high, size = lattice.low, lattice.high, len(lattice)
        left, right = (index.ravel() for index in np.indices((size, size)))
        fits = low[left] + low[right] <= high[-1]
        left, right = left[fits], right[fits]
        first = lattice.find(low[left] + low[right])
        last = lattice.find(np.minimum(high[left] + high[right], high[-1]))
        spread = last - first + 1
        row = np.repeat(np.arange(len(left)), spread)
        whole = first[row] + np.arange(len(row)) - np.repeat(np.cumsum(spread) - spread, spread)
        left, right = left[row], right[row]

        def up_to(total: Ints) -> Floats:
            """Count the pairs in the two cells with sum <= total (a sum of two staircases)."""
            wide, narrow = lattice.width[left], lattice.width[right]
            room = np.maximum((total - low[left] - low[right] + 1).astype(float), 0.0)

            def triangle(x: Floats) -> Floats:
                return np.where(x > 0, x * (x + 1) / 2, 0.0)

            return triangle(room) - triangle(room - wide) - triangle(room - narrow) + triangle(room - wide - narrow)

        number = np.maximum(up_to(high[whole]) - up_to(low[whole] - 1), 0.0)
        some = number > 0
        left, right, whole, number = left[some], right[some], whole[some], number[some]
        at, shape = np.arange(len(number)), (size, len(number))
        by = [csr_array((number, (cell, at)), shape=shape) for cell in (left, right, whole)]
        return cls(left, right, whole, number, *by)


def _valleys(height: Floats) -> list[int]:
    """Places where a curve dips low enough between two hills; shallow dips are filled up, the shallowest first."""
    padded = np.concatenate([[-np.inf], height, [-np.inf]])
    tops = [int(k) for k in np.flatnonzero((padded[1:-1] > padded[:-2]) & (padded[1:-1] >= padded[2:]))]
    while len(tops) > 1:
        dips = [a + int(np.argmin(height[a : b + 1])) for a, b in itertools.pairwise(tops)]
        lower = [min(height[a], height[b]) for a, b in itertools.pairwise(tops)]
        depth = [height[dip] / low for dip, low in zip(dips, lower, strict=True)]
        worst = int(np.argmax(depth))
        if depth[worst] < _VALLEY:
            return dips
        tops.pop(worst if height[tops[worst]] < height[tops[worst + 1]] else worst + 1)
    return []


# What makes modes (judgement): a bell of this width over the logarithm of the count hides spikes at round numbers; a
# valley lower than so much of the lower of its hills; so much mass in each; and so far apart, as a ratio of medians.
_BLUR, _VALLEY, _REAL_MASS, _APART = 0.1, 0.35, 0.1, 1.8


# A mean is given unless more than this part of it comes from beyond this quantile (our choice).
_TAIL, _FAR = 0.05, 0.999

# What makes several peaks (judgement): the counts within this ratio of the median hold less than so much; on either
# side so much or more lies above the density there, which may be little, since where a density only rises and then
# falls one of the sides has none; so much or more is in each further hill. And within this ratio of a peak lies
# _REAL_MASS, as in a mode, and a third of its part: a hill over decades is not to be called by a number.
_NEAR, _LITTLE, _ABOVE, _FURTHER, _ABOUT, _THIRD = 1.1, 0.2, 0.01, 0.05, 1.5, 1 / 3


@attrs.frozen
class Peak:
    """A part of a distribution that stands for itself.

    Attributes
    ----------
    count : int
        Where the density over the logarithm of the count is highest; of a single peak, the median.
    low, high : int
        Ends of the equal-tailed interval that holds 0.9 of this part.
    probability : float
        That the count belongs to this part: that it is nearer, as a ratio, to this peak than to any other.
    """

    count: int
    low: int
    high: int
    probability: float


@attrs.frozen
class Mode:
    """A hill of a distribution, with a valley on either side.

    Attributes
    ----------
    median : int
        Of the counts of this hill.
    probability : float
    low, high : int
        First and last count.
    """

    median: int
    probability: float
    low: int
    high: int


@attrs.frozen(eq=False)
class PMF:
    """A probability mass function over counts.

    Attributes
    ----------
    lattice : Lattice
    mass : ndarray of float, shape (n,)
        Probability of each cell; sums to 1.

    Examples
    --------
    >>> die = PMF(Lattice.integers(6), np.array([0, 1, 1, 1, 1, 1, 1]) / 6)
    >>> die.median(), die.eti(0.5), round(die.mean(), 2)
    (3, (2, 5), 3.5)
    """

    lattice: Lattice
    mass: Floats

    @functools.cached_property
    def _below(self) -> Floats:
        return np.concatenate([[0.0], np.minimum(np.cumsum(self.mass), 1.0)])

    def pmf(self, n: int | NDArray[np.integer]) -> Floats:
        """Probability that the count is `n`."""
        count = np.asarray(n)
        at = self.lattice.find(count)
        inside = (count >= self.lattice.low[0]) & (count <= self.lattice.high[-1]) & (count == np.floor(count))
        return np.where(inside, self.mass[at] / self.lattice.width[at], 0.0)[()]

    def cdf(self, n: float | NDArray[np.generic]) -> Floats:
        """Probability that the count is at most `n`."""
        count = np.floor(np.asarray(n, dtype=float))
        at = self.lattice.find(count)
        part = np.clip((count - self.lattice.low[at] + 1) / self.lattice.width[at], 0.0, 1.0)
        return np.where(count < 0, 0.0, np.minimum(self._below[at] + part * self.mass[at], 1.0))[()]

    def ccdf(self, n: float | NDArray[np.generic]) -> Floats:
        """Probability that the count is more than `n`."""
        return 1.0 - self.cdf(n)

    def icdf(self, p: float) -> int:
        """Give the smallest count with a probability of at least `p` at or below it; `p` from 0 to 1."""
        check(0 <= p <= 1, "icdf(p)", p, "a probability from 0 to 1")
        wanted = p * self._below[-1] - 1e-12  # rounding in the running sum must not push the answer one cell up
        at = int(np.clip(np.searchsorted(self._below[1:], wanted), 0, len(self.lattice) - 1))
        while self.mass[at] <= 0 and at > 0 and self._below[at] > 0:
            at -= 1
        share = (wanted - self._below[at]) / self.mass[at] if self.mass[at] > 0 else 0.0
        step = int(np.clip(np.ceil(share * self.lattice.width[at]) - 1, 0, self.lattice.width[at] - 1))
        return int(self.lattice.low[at]) + step

    def mean(self) -> float:
        """Expected count; nan where it rests on a thin tail.

        Where more than 5 % of it comes from counts beyond the .999 quantile, it says more of the prior of huge counts
        than of this one.

        Warns
        -----
        HeavyTail
            Where it is nan for that.
        """
        return self._average if self._check_tail("mean") else math.nan

    @functools.cached_property
    def _average(self) -> float:
        return float(self.mass @ ((self.lattice.low + self.lattice.high) / 2))

    @functools.cached_property
    def _tail(self) -> float:
        """Part of the mean that comes from counts beyond the quantile `_FAR`."""
        end = self.icdf(_FAR)
        first = np.maximum(self.lattice.low, end + 1)
        share = np.maximum(self.lattice.high - first + 1, 0) / self.lattice.width
        beyond = float((self.mass * share) @ ((first + self.lattice.high) / 2))
        return beyond / self._average if self._average > 0 else 0.0

    def _check_tail(self, what: str) -> bool:
        if self._tail <= _TAIL:
            return True
        said = (
            f"the {what} is not given: {100 * self._tail:.0f} % of the mean comes from counts beyond"
            f" {self.icdf(_FAR):,}, which have a chance of {100 * (1 - _FAR):.2g} %; the median and intervals hold"
        )
        warnings.warn(said, HeavyTail, stacklevel=4)
        return False

    def median(self) -> int:
        """Give the count with at least half the probability on either side."""
        return self.icdf(0.5)

    def mode(self) -> int:
        """Give the most probable count (the middle of its cell, where that is wide)."""
        return round(float(self.lattice.center[np.argmax(self.mass / self.lattice.width)]))

    def variance(self) -> float:
        """Variance of the count; nan where the `mean` is, with the same warning."""
        if not self._check_tail("variance"):
            return math.nan
        middle = (self.lattice.low + self.lattice.high) / 2
        return float(self.mass @ ((middle - self._average) ** 2 + (self.lattice.width**2 - 1) / 12))

    def entropy(self) -> float:
        """Entropy in nats."""
        some = self.mass > 0
        return float(-np.sum(self.mass[some] * np.log(self.mass[some] / self.lattice.width[some])))

    def sample(self, size: int = 1, *, seed: int | np.random.Generator | None = None, **old: object) -> Ints:
        """Draw counts; shape (size,)."""
        refuse_old("sample", old, rng="seed")
        random = to_generator("sample", seed)
        at = random.choice(len(self.lattice), size=size, p=self.mass / self.mass.sum())
        return random.integers(self.lattice.low[at], self.lattice.high[at], endpoint=True)

    def eti(self, p: float = 0.9) -> tuple[int, int]:
        """Give the equal-tailed interval that holds at least `p` of the probability; both ends are counted in."""
        self._check_level("eti(p)", p)
        return self.icdf((1 - p) / 2), self.icdf((1 + p) / 2)

    @functools.cached_property
    def modes(self) -> tuple[Mode, ...]:
        """Hills that are apart, in ascending order; a single one where nothing divides the distribution.

        Hills are those of the density over the logarithm of the count, smoothed by a tenth, so that spikes at round
        numbers are none. Each holds a tenth of the probability or more, medians are apart by a factor of 1.8, and the
        valley between two is lower than 0.35 of the lower hill.
        """
        lattice = self.lattice
        edge = np.log(np.maximum(np.append(lattice.low, lattice.high[-1] + 1).astype(float), 0.5))
        span = np.flatnonzero(self.mass > 1e-9 * self.mass.max())
        step = _BLUR / 4
        grid = np.arange(edge[span[0]] - 4 * _BLUR, edge[span[-1] + 1] + 4 * _BLUR, step)
        run = np.interp(grid, edge, self._below)
        bell = np.exp(-0.5 * (np.arange(-16, 17) * step / _BLUR) ** 2)
        # Not mode="same", which is as long as the bell where the grid is shorter: a count that is all but certain.
        height = np.convolve(np.diff(run), bell / bell.sum())[16:-16]
        cuts = [0, *_valleys(height), len(height)]
        at = np.round(np.exp(grid[cuts])).astype(np.int64)
        at[0], at[-1] = lattice.low[0], lattice.high[-1] + 1
        while len(at) > 2:
            pieces = [self._mode(int(a), int(b) - 1) for a, b in itertools.pairwise(at)]
            weak = [
                min(one.probability, other.probability) < _REAL_MASS
                or (other.median + 0.5) / (one.median + 0.5) < _APART
                for one, other in itertools.pairwise(pieces)
            ]
            if not any(weak):
                return tuple(pieces)
            at = np.delete(at, 1 + weak.index(True))
        return (self._mode(int(at[0]), int(at[1]) - 1),)

    def _mode(self, low: int, high: int) -> Mode:
        before, after = float(self.cdf(low - 1)), float(self.cdf(high))
        return Mode(self.icdf(min((before + after) / 2, 1.0)), after - before, low, high)

    def peaks(self) -> tuple[Peak, ...]:
        """Give the counts to name in place of a median that lies in a valley; a single peak where it does not.

        There are several where the counts within a tenth of the median hold less than a fifth of the probability, and
        the density over the logarithm of the count plus one rises again on both sides of them: so far that a hundredth
        or more of the probability lies above the level that it has there. Further hills on one side count where they
        are apart and have a twentieth of the probability above that level. Within a factor of 1.5 of each peak lies a
        tenth of the probability or more, and a third of its part. A density that rises and then falls has one peak,
        whatever the cells. These numbers are judgement.

        Returns
        -------
        tuple of Peak
            In ascending order. Their probabilities add up to 1.

        Examples
        --------
        >>> torn = np.zeros(21)
        >>> torn[[2, 3, 4, 16, 17, 18]] = [0.05, 0.4, 0.06, 0.12, 0.3, 0.07]
        >>> found = PMF(Lattice.integers(20), torn).peaks()
        >>> [(peak.count, peak.low, peak.high, round(peak.probability, 2)) for peak in found]
        [(3, 2, 4, 0.51), (17, 16, 18, 0.49)]
        """
        return self._peaks

    @functools.cached_property
    def _peaks(self) -> tuple[Peak, ...]:
        low, high = self.lattice.low + 0.5, self.lattice.high + 1.5  # counts plus one, and half a count on either side
        median = self.median()
        near = (high > (median + 1) / _NEAR) & (low < (median + 1) * _NEAR)
        if self.mass[near].sum() >= _LITTLE * self._below[-1]:
            return self._divide((median,))
        width = np.log(high / low)
        density = self.mass / width
        above = np.where(near, 0.0, self.mass - width * (self.mass[near].sum() / width[near].sum()))
        some = np.flatnonzero(above > 0)
        parted = (low[some[1:]] > high[some[:-1]] * _NEAR**2) | (np.diff(low[some] > median) != 0)
        hills = [hill for hill in np.split(some, np.flatnonzero(parted) + 1) if len(hill)]
        counts: list[int] = []
        for right in (False, True):
            side = [(float(above[hill].sum()), hill) for hill in hills if bool(low[hill[0]] > median) is right]
            most = max((height for height, _ in side), default=0.0)
            tops = [hill[np.argmax(density[hill])] for height, hill in side if height >= min(most, _FURTHER)]
            counts += [round(float(self.lattice.center[top])) for top in tops] if most >= _ABOVE else []
        parts = self._divide(counts) if counts else ()
        counts = [one.count for one in parts if self._about(one.count) >= max(_REAL_MASS, _THIRD * one.probability)]
        torn = counts and counts[0] < median < counts[-1]
        return self._divide(counts if torn else (median,))

    def _about(self, count: int) -> float:
        """Probability of the counts within a ratio of one, each with one added."""
        first, last = math.ceil((count + 1) / _ABOUT) - 1, math.floor((count + 1) * _ABOUT) - 1
        return float(self.cdf(last) - self.cdf(first - 1))

    def _divide(self, counts: Sequence[int]) -> tuple[Peak, ...]:
        """Divide all counts among some: each to the one that it is nearest to, as a ratio of counts plus one."""
        cuts = [math.isqrt((a + 1) * (b + 1)) - 1 for a, b in itertools.pairwise(counts)]
        below = [0.0, *(float(self.cdf(cut)) for cut in cuts), float(self._below[-1])]
        found = []
        for count, before, after in zip(counts, below[:-1], below[1:], strict=True):
            ends = (before + share * (after - before) for share in (0.05, 0.95))
            low, high = (self.icdf(min(end / below[-1], 1.0)) for end in ends)
            found.append(Peak(count, low, high, after - before))
        return tuple(found)

    def hdi(self, p: float = 0.9) -> tuple[int, int]:
        """Give the narrowest interval that holds at least `p` of the probability; both ends are counted in."""
        self._check_level("hdi(p)", p)
        best = self.eti(p)
        for at in np.flatnonzero(self.mass > 0):
            start, before = int(self.lattice.low[at]), float(self._below[at])
            if before + p > self._below[-1] + 1e-12:
                break
            end = self.icdf(min(before + p, 1.0))
            if end - start < best[1] - best[0]:
                best = (start, end)
        return best

    @staticmethod
    def _check_level(what: str, p: float) -> None:
        if not 0 < p < 1:
            raise InvalidValue(what, p, "a probability between 0 and 1, such as 0.9")
