# SPDX-License-Identifier: MIT
"""Tolls that rise: which share of a count is known at the times at which claims speak of it.

The known share follows the gamma process of `model.RisingToll`, seen at the times of claims and cut into cells.
Half-time, an event time of which only the day is known, and whether all are known from the beginning are mixed over:
between two times the share goes from cell to cell as in the mixture, so that it is a Markov chain by itself
(`bench/rising.py` prints that this costs less than .01 nats a report).
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Sequence
from typing import TypeAlias

import attrs
import numpy as np
from numpy.typing import NDArray

from reconcile.errors import InvalidValue
from reconcile.inference.arrays import check_array, shape_of
from reconcile.inference.elementary import logarithm
from reconcile.model import RisingToll

__all__ = [
    "EARLIEST", "FIELDS", "LOG_ENDS", "SHARES", "STEP", "Averages", "Course", "Looks", "Path", "Rises", "check_looks",
    "find_path", "round_hours",
]  # fmt: skip

Floats: TypeAlias = NDArray[np.float64]
Ints: TypeAlias = NDArray[np.int64]

# Cells of U = -log(1 - share); in the last one all are known. A share moves freely within its cell, so none is wide: a
# figure that falls by half is an error in every cell.
_ENDS = np.array([
    0.0, 0.003, 0.0055, 0.01, 0.018, 0.03, 0.05, 0.08, 0.12, 0.18, 0.26, 0.36, 0.48, 0.63, 0.83, 1.08, 1.4, 1.8, 2.4,
    3.3, 5.0,
])  # fmt: skip
SHARES = len(_ENDS)  # cells of the known share, the last of which is 1
_LEAST_SHARE = 0.002  # of the first cell
_MIDDLES = np.append((_ENDS[1:] + _ENDS[:-1]) / 2, 7.0)
LOG_ENDS = np.log(-np.expm1(-np.maximum(_ENDS, _LEAST_SHARE)))
_RATE = np.append(1.0 / np.diff(LOG_ENDS), 0.0)
_BOTTOM = -12.0  # log of a figure below which there is only 0
EARLIEST = 0.5  # hours after an event before which nothing is reported of it
STEP = 0.02  # times are told apart by so much of their logarithm
_DAY = (4.0, 12.0, 20.0)  # hours of a day at which an event may have been, of which only the day is known
_HALF_TIMES = 7  # Gauss-Hermite points of the logarithm of the half-time

# The arrays of a course in the order of the kernel's `Course`; see `arrays.FIELDS`.
FIELDS: dict[str, tuple[type[np.generic], str]] = {
    "cell": (np.int64, "counts + 1"),
    "first": (np.int64, "counts + 1"),
    "risen": (np.int64, "counts + 1"),
    "line": (np.int64, "counts"),
    "chance": (np.float64, "lines, shares"),
    "rate": (np.float64, "shares"),
    "width": (np.float64, "places"),
    "place": (np.int32, "places, shares"),
    "part": (np.float64, "places, shares"),
}


def round_hours(hours: Floats) -> Ints:
    """Number times after an event so that those nearly alike are one, in steps of 2 %; -1 for those that are nan."""
    known = np.nan_to_num(hours, nan=EARLIEST)
    number = np.round(np.log(np.maximum(known, EARLIEST) / EARLIEST) / STEP).astype(np.int64)
    found: Ints = np.where(np.isnan(hours), -1, number)
    return found


@attrs.frozen(eq=False)
class Path:
    """The known share at some times, as a Markov chain on cells.

    Attributes
    ----------
    start : ndarray, shape (SHARES,)
        At the first time.
    steps : tuple of ndarray, shape (SHARES, SHARES)
        P(cell at the next time | cell at this one), from rows to columns; one less than there are times. A share never
        falls: below the diagonal there is only 0.
    """

    start: Floats
    steps: tuple[Floats, ...]

    def forward(self, said: Sequence[Floats]) -> tuple[Floats, list[Floats]]:
        """Sum the paths out.

        Parameters
        ----------
        said : sequence of ndarray, shape (SHARES, cells, draws)
            P(claims at each time | count, share).

        Returns
        -------
        total : ndarray, shape (cells, draws)
            P(all claims | count).
        before : list of ndarray, shape (SHARES, cells, draws)
            P(claims at earlier times, share at this one | count), for each time.
        """
        before = [np.broadcast_to(self.start[:, None, None], said[0].shape)]
        for step, here in zip(self.steps, said, strict=False):
            joint, found = before[-1] * here, np.zeros(here.shape)
            for share in range(SHARES):
                found[share:] += step[share, share:, None, None] * joint[share]
            before.append(found)
        return _add_in_order(before[-1] * said[-1]), before

    def backward(self, said: Sequence[Floats]) -> list[Floats]:
        """P(claims at later times | count, share at this one), for each time; shapes as of `forward`."""
        after = [np.ones(said[0].shape)]
        for step, here in zip(self.steps[::-1], said[::-1], strict=False):
            joint, found = after[-1] * here, np.zeros(here.shape)
            for share in range(SHARES):
                found[: share + 1] += step[: share + 1, share, None, None] * joint[share]
            after.append(found)
        return after[::-1]


def _add_in_order(terms: Floats) -> Floats:
    """Add up along the first axis from the first to the last, as NumPy's own sum need not."""
    found: Floats = terms[0].copy()
    for term in terms[1:]:
        found += term
    return found


@functools.lru_cache(maxsize=4_096)
def find_path(rising: RisingToll, kind: str, times: tuple[int, ...], *, day: bool, doubt: float = 1.0) -> Path:
    """Find the chain of the known share.

    Parameters
    ----------
    rising : RisingToll
    kind : str
        Of the event.
    times : tuple of int
        As `round_hours` numbers them, in ascending order: hours after the event, or, where only its day is known, after
        that day began.
    day : bool, keyword
        Whether only the day of the event is known.
    doubt : float, keyword
        By which the doubt of the half-time is multiplied.
    """
    from scipy.special import gammainc

    center, sd = rising.half_time(kind)
    points, weights = np.polynomial.hermite_e.hermegauss(_HALF_TIMES)
    half_times = center * np.exp(sd * doubt * points)
    hours = EARLIEST * np.exp(STEP * np.array(times, dtype=float))
    begun = np.maximum(hours - np.array(_DAY if day else (0.0,))[:, None], EARLIEST)
    # Expected U at each time, for each half-time and event time; shape (mixed, times).
    mean = (np.log(2.0) * (begun[None] / half_times[:, None, None]) ** rising.shape).reshape(-1, len(hours))
    weight = np.repeat(weights / weights.sum(), len(begun)) / len(begun)

    def spread(grown: Floats, begin: Floats) -> Floats:
        """P(cell | U at the beginning); shape (mixed, begins, SHARES)."""
        far = np.maximum(np.append(_ENDS, np.inf)[None, :] - begin[:, None], 0.0) / rising.jump
        below = gammainc(np.maximum(grown, 1e-9)[:, None, None] / rising.jump, far[None])
        return np.diff(below, axis=2)

    here = (1.0 - rising.complete) * weight[:, None] * spread(mean[:, 0], np.zeros(1))[:, 0]
    here[:, -1] += rising.complete * weight
    start, steps = here.sum(axis=0), []
    for at in range(1, len(hours)):
        joint = here[:, :, None] * spread(mean[:, at] - mean[:, at - 1], _MIDDLES)
        both = joint.sum(axis=0)
        both[-1], both[-1, -1] = 0.0, here[:, -1].sum()  # who are all known stay known
        joint[:, -1], joint[:, -1, -1] = 0.0, here[:, -1]
        total = both.sum(axis=1, keepdims=True)
        step = np.where(total > 0, both / np.maximum(total, 1e-300), np.eye(SHARES))
        steps.append(np.where(step > 1e-14, step, 0.0))
        here = joint.sum(axis=1)
    return Path(start, tuple(steps))


@attrs.frozen(eq=False)
class Averages:
    """From what claims say of a figure to what they say of a count of which a share is known: averages over its cell.

    Figures are as likely anywhere between the ends of a cell of the share, by logarithms. What is said of a cell of
    figures is held within it, and the count stands in the middle of its own.

    Attributes
    ----------
    width : ndarray, shape (cells,)
        Of each cell of figures, as a logarithm.
    place : ndarray of int, shape (SHARES, cells)
        In which cell of figures each share of each count begins.
    part : ndarray, shape (SHARES, cells)
        How far into that cell, as a logarithm.
    """

    width: Floats
    place: Ints
    part: Floats

    @classmethod
    def of(cls, first: Ints, beyond: Ints) -> Averages:
        """Prepare for cells of one count, those that only fill up among them: these hold what is said of them."""
        real = np.append(True, first[1:] > 0)
        low = np.where(first > 0, logarithm(np.maximum(first, 1) - 0.5), _BOTTOM)
        high = logarithm(beyond.astype(np.float64) - 0.5)
        width = np.where(real, high - low, 0.0)
        middle = np.where(beyond - first <= 1, first, np.sqrt((first + 0.0) * (beyond - 1.0)))
        at = np.maximum(logarithm(np.maximum(middle, 0.25))[None, :] + LOG_ENDS[:, None], _BOTTOM)
        begin = low[real]
        place = np.flatnonzero(real)[np.maximum(np.searchsorted(begin, at, side="right") - 1, 0)]
        return cls(width, place, np.clip(at - low[place], 0.0, width[place]))

    def average(self, said: Floats) -> Floats:
        """Average what is said of figures, (cells, draws), over shares; shape (SHARES, cells, draws)."""
        below = np.zeros(said.shape)
        np.cumsum(said[:-1] * self.width[:-1, None], axis=0, out=below[1:])
        up_to = below[self.place] + self.part[:, :, None] * said[self.place]
        found = np.empty(up_to.shape)
        found[:-1] = np.maximum(np.diff(up_to, axis=0), 0.0) * _RATE[:-1, None, None]
        found[-1] = said
        found[:, 0] = said[0]  # of nobody nobody is known
        return found

    def share_out(self, weight: Floats) -> Floats:
        """Turn derivatives by averages, (SHARES, cells, draws), into those by what is said of figures."""
        _, cells, draws = weight.shape
        inner = weight[:-1] * _RATE[:-1, None, None]
        inner[:, 0] = 0.0
        by = np.zeros(weight.shape)
        by[1:] = inner
        by[:-1] -= inner
        index = (self.place.T[:, :, None] * draws + np.arange(draws)).ravel()
        below, inside = (
            np.bincount(index, moved.swapaxes(0, 1).ravel(), cells * draws).astype(np.float64).reshape(cells, draws)
            for moved in (by, by * self.part[:, :, None])
        )
        inside[:-1] += np.cumsum(below[:0:-1], axis=0)[::-1] * self.width[:-1, None]
        found: Floats = weight[-1].copy()
        found[0] = _add_in_order(weight[:, 0])
        found += inside
        return found


@attrs.frozen(eq=False)
class Rises:
    """Which counts rise, how, and when claims speak of them.

    Attributes
    ----------
    rising : RisingToll
    kind : ndarray of object, shape (counts,)
        Of the event of each count.
    day : ndarray of bool, shape (counts,)
        Whether only the day of the event is known.
    doubt : ndarray, shape (counts,)
        By which the doubt of the half-time is multiplied.
    time : ndarray of int, shape (claims,)
        As `round_hours` numbers them; -1 for claims that speak of all that can be known.
    asked : ndarray of int, shape (counts,)
        A time at which the known count is asked for; -1 for none.
    """

    rising: RisingToll
    kind: NDArray[np.object_]
    day: NDArray[np.bool_]
    doubt: Floats
    time: Ints
    asked: Ints

    def take(self, rows: Ints, counts: Ints) -> Rises:
        """Keep some claims and some counts; -1 stands for a count of which no claim gives a number."""
        asked = np.where(counts >= 0, self.asked[counts], -1)
        return Rises(self.rising, self.kind[counts], self.day[counts], self.doubt[counts], self.time[rows], asked)


@attrs.frozen(eq=False)
class Looks:
    """At which times claims look at counts, for several counts one after the other.

    A count that rises is first looked at by the claims that speak of all that can be known, then once at each time.

    Attributes
    ----------
    cell, first : ndarray of int, shape (counts + 1,)
        Where the cells and the looks of each count begin.
    of_claim : ndarray of int, shape (claims,)
        The look of each claim.
    paths : tuple of (Path or None)
        Of each count; None for those that do not rise.
    averages : tuple of (Averages or None)
    asked : ndarray of int, shape (counts,)
        The look at which each count is asked for: the last of all where no time is.
    """

    cell: Ints
    first: Ints
    of_claim: Ints
    paths: tuple[Path | None, ...]
    averages: tuple[Averages | None, ...]
    asked: Ints

    @classmethod
    def of(cls, rises: Rises, claim: Ints, cell: Ints, first: Ints, beyond: Ints) -> Looks | None:
        """Find the looks; None where no count rises.

        Parameters
        ----------
        rises : Rises
            Of these counts and claims.
        claim, cell : ndarray of int, shape (counts + 1,)
            Where the claims and the cells of each count begin.
        first, beyond : ndarray of int, shape (cells,)
            First figure of each cell, and first beyond it; see `Averages.of`.
        """
        if not np.any(rises.time >= 0) and not np.any(rises.asked >= 0):
            return None
        of_claim, start = np.zeros(len(rises.time), dtype=np.int64), [0]
        known: dict[tuple[bytes, bytes], Averages] = {}
        paths: list[Path | None] = []
        averages: list[Averages | None] = []
        asked = []
        for at in range(len(claim) - 1):
            mine, cells = slice(int(claim[at]), int(claim[at + 1])), slice(int(cell[at]), int(cell[at + 1]))
            wanted = int(rises.asked[at])
            time = rises.time[mine]
            times = np.unique(np.append(time[time >= 0], wanted if wanted >= 0 else np.zeros(0, dtype=np.int64)))
            of_claim[mine] = start[-1] + np.where(time >= 0, np.searchsorted(times, time) + 1, 0)
            asked.append(start[-1] + (int(np.searchsorted(times, wanted)) + 1 if wanted >= 0 else 0))
            start.append(start[-1] + 1 + len(times))
            if len(times):
                key = tuple(times.tolist())
                paths.append(
                    find_path(rises.rising, rises.kind[at], key, day=bool(rises.day[at]), doubt=float(rises.doubt[at]))
                )
                ends = first[cells], beyond[cells]
                alike = ends[0].tobytes(), ends[1].tobytes()
                if alike not in known:
                    known[alike] = Averages.of(*ends)
                averages.append(known[alike])
            else:
                paths.append(None)
                averages.append(None)
        return cls(cell, np.array(start), of_claim, tuple(paths), tuple(averages), np.array(asked))

    @functools.cached_property
    def course(self) -> Course:
        """The same as flat arrays."""
        of_path = {id(path): path for path in self.paths if path is not None}
        lines = [np.concatenate([path.start[None], *path.steps]) for path in of_path.values()]
        begin = itertools.accumulate((len(line) for line in lines), initial=0)
        at = dict(zip(of_path, begin, strict=False)) | {id(None): -1}
        risen = [by for by in self.averages if by is not None]
        number = [0 if by is None else len(by.width) for by in self.averages]
        return Course(
            cell=np.asarray(self.cell, dtype=np.int64),
            first=np.asarray(self.first, dtype=np.int64),
            risen=np.concatenate([[0], np.cumsum(number)]).astype(np.int64),
            line=np.array([at[id(path)] for path in self.paths], dtype=np.int64),
            chance=np.concatenate([np.zeros((0, SHARES)), *lines]),
            rate=_RATE,
            width=np.concatenate([np.zeros(0), *(by.width for by in risen)]),
            place=np.concatenate([np.zeros((SHARES, 0)), *(by.place for by in risen)], axis=1).T.astype(np.int32, "C"),
            part=np.concatenate([np.zeros((SHARES, 0)), *(by.part for by in risen)], axis=1).T.copy("C"),
        )

    def _each(self) -> list[tuple[slice, slice, int, Path | None, Averages | None]]:
        """For each count its cells, those of all its looks, how many looks these are, its path, and its averages."""
        looks = np.diff(self.first)
        begin = np.concatenate([[0], np.cumsum(np.diff(self.cell) * looks)])
        mine, every = ([slice(int(a), int(z)) for a, z in itertools.pairwise(x)] for x in (self.cell, begin))
        return list(zip(mine, every, looks.tolist(), self.paths, self.averages, strict=True))

    def merge(self, given: Floats) -> Floats:
        """Sum paths out in NumPy; see `batches.Likelihood.merge_looks`."""
        found = np.empty((int(self.cell[-1]), given.shape[1]))
        for mine, every, looks, path, averages in self._each():
            if path is None or averages is None:
                found[mine] = given[every]
                continue
            parts = given[every].reshape(looks, *found[mine].shape)
            total, _ = path.forward([averages.average(one) for one in parts[1:]])
            found[mine] = parts[0] * total
        return found

    def share_out(self, given: Floats, weight: Floats) -> Floats:
        """Turn derivatives back in NumPy; see `batches.Likelihood.share_looks`."""
        found = np.empty(given.shape)
        for mine, every, looks, path, averages in self._each():
            own = weight[mine]
            if path is None or averages is None:
                found[every] = given[every] * own
                continue
            parts, out = (x[every].reshape(looks, *own.shape) for x in (given, found))
            said = [averages.average(one) for one in parts[1:]]
            total, before = path.forward(said)
            pull = own * parts[0]
            out[0] = pull * total
            for at, (earlier, later) in enumerate(zip(before, path.backward(said), strict=True), 1):
                out[at] = parts[at] * averages.share_out(pull * earlier * later)
        return found


@attrs.frozen(eq=False)
class Course:
    """Looks as flat arrays, as the kernel is given them. It is not changed once it was made.

    Attributes
    ----------
    cell, first, risen : ndarray of int64, shape (counts + 1,)
        Where the cells of each count begin, its looks, and its places; a count that does not rise has none, else there
        is one for each cell.
    line : ndarray of int64, shape (counts,)
        Where the path of each count begins, which others may share; -1 for none.
    chance : ndarray, shape (lines, SHARES)
        Of each path one line for its start, then SHARES for each step.
    rate : ndarray, shape (SHARES,)
        1 over the width of each cell of the known share, as a logarithm; 0 for the last.
    width : ndarray, shape (places,)
    place : ndarray of int32, shape (places, SHARES)
        Among the cells of the count.
    part : ndarray, shape (places, SHARES)
        See `Averages`.

    Raises
    ------
    InvalidValue
        For an array of another kind of number or shape, that is not contiguous, or that points beyond another's end.
    """

    cell: Ints
    first: Ints
    risen: Ints
    line: Ints
    chance: Floats
    rate: Floats
    width: Floats
    place: NDArray[np.int32]
    part: Floats

    def __attrs_post_init__(self) -> None:
        sizes = self.sizes
        for name, (kind, shape) in FIELDS.items():
            check_array(f"Course.{name}", getattr(self, name), kind, shape_of(shape, sizes))
        for name in ("cell", "first", "risen"):
            offset = getattr(self, name)
            # Differences of numbers of any size may wrap around, so these are looked at first.
            if offset[0] != 0 or np.any(offset < 0) or np.any(offset > 2**40) or np.any(np.diff(offset) < 0):
                raise InvalidValue(f"Course.{name}", offset, "ascending offsets from 0")
        number, rises = np.diff(self.cell), self.line >= 0
        looks = np.diff(self.first) - 1
        if np.any(looks[rises] < 1) or np.any(looks[~rises] != 0):
            raise InvalidValue("Course.first", self.first, "one look, and more for counts that rise")
        if self.risen[-1] != sizes["places"] or np.any(np.diff(self.risen) != np.where(rises, number, 0)):
            raise InvalidValue("Course.risen", self.risen, "a place for each cell of the counts that rise")
        last = self.line + 1 + SHARES * (looks - 1)
        if np.any(self.line < -1) or np.any((self.line >= sizes["lines"]) | (rises & (last > sizes["lines"]))):
            raise InvalidValue("Course.line", self.line, f"-1, or where a path begins among {sizes['lines']} lines")
        most = np.repeat(number[rises], number[rises])[:, None]
        if np.any((self.place < 0) | (self.place >= most)):
            raise InvalidValue("Course.place", self.place, "cells of the count")

    @property
    def sizes(self) -> dict[str, int]:
        """How many there are of what."""
        return {"counts": len(self.line), "lines": len(self.chance), "places": len(self.width), "shares": SHARES}


def check_looks(what: str, looks: Looks, given: Floats, weight: Floats | None = None) -> int:
    """Check what a function of the likelihood, `what`, is given beside looks, and say how many draws there are.

    Raises
    ------
    InvalidValue
    """
    draws = np.shape(given)[-1] if np.ndim(given) else 0
    cells = int(np.sum(np.diff(looks.cell) * np.diff(looks.first)))
    check_array(f"{what}.given", given, np.float64, (cells, draws))
    if weight is not None:
        check_array(f"{what}.weight", weight, np.float64, (int(looks.cell[-1]), draws))
    return draws
