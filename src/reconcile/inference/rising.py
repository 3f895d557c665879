# SPDX-License-Identifier: MIT
"""Tolls that rise: which share of a count is known at the times at which claims speak of it.

The known share follows the gamma process of `model.RisingToll`, seen at the times of claims and cut into cells.
Half-time, an event time of which only the day is known, and whether all are known from the beginning are mixed over:
between two times the share goes from cell to cell as in the mixture, so that it is a Markov chain by itself
(`bench/rising.py` prints that this costs less than .01 nats a report).
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import TYPE_CHECKING, TypeAlias

import attrs
import numpy as np
from numpy.typing import NDArray

from reconcile.inference.elementary import logarithm
from reconcile.model import RisingToll

if TYPE_CHECKING:
    from scipy.sparse import csr_array

__all__ = ["EARLIEST", "LOG_ENDS", "SHARES", "STEP", "Averages", "Looks", "Path", "Rises", "find_path", "round_hours"]

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
_BOTTOM = -12.0  # log of a figure below which there is only 0
EARLIEST = 0.5  # hours after an event before which nothing is reported of it
STEP = 0.02  # times are told apart by so much of their logarithm
_DAY = (4.0, 12.0, 20.0)  # hours of a day at which an event may have been, of which only the day is known
_HALF_TIMES = 7  # Gauss-Hermite points of the logarithm of the half-time


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
    steps : tuple of csr_array, shape (SHARES, SHARES)
        P(cell at the next time | cell at this one), from rows to columns; one less than there are times.
    """

    start: Floats
    steps: tuple[csr_array, ...]

    def mixed(self, averages: Averages) -> csr_array:
        """What `averages.look` gives, mixed over the shares at the first time; shape (cells, 2 * cells)."""
        from scipy.sparse import coo_array

        cells = len(averages.width)
        across = np.append(self.start[:-1] / np.diff(LOG_ENDS), 0.0)
        weight = np.repeat(np.append(0.0, across[:-1]) - across, cells)
        row = np.tile(np.arange(cells), SHARES)
        weight[row == 0] = 0.0
        # The share may be 1, and of nobody nobody is known.
        own = np.where(np.arange(cells) == 0, 1.0, self.start[-1])
        mix = coo_array((weight, (row, np.arange(len(row)))), shape=(cells, len(row))).tocsr() @ averages.look
        ends = (np.arange(cells), cells + np.arange(cells))
        found: csr_array = (mix + coo_array((own, ends), shape=(cells, 2 * cells))).tocsr()
        return found

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
        shape = said[0].shape
        before = [np.broadcast_to(self.start[:, None, None], shape)]
        for step, here in zip(self.steps, said, strict=False):
            joint = (before[-1] * here).reshape(SHARES, -1)
            before.append((step.T @ joint).reshape(shape))
        return np.add.reduce(before[-1] * said[-1], axis=0), before

    def backward(self, said: Sequence[Floats]) -> list[Floats]:
        """P(claims at later times | count, share at this one), for each time; shapes as of `forward`."""
        shape = said[0].shape
        after = [np.ones(shape)]
        for step, here in zip(self.steps[::-1], said[::-1], strict=False):
            after.append((step @ (after[-1] * here).reshape(SHARES, -1)).reshape(shape))
        return after[::-1]


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
    from scipy.sparse import csr_array
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
        steps.append(csr_array(np.where(step > 1e-14, step, 0.0)))
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
    look : csr_array, shape ((SHARES - 1 + 1) * cells, 2 * cells)
        Integral of what is said up to each share of each count: of integrals up to cells, and of parts of a cell.
    """

    width: Floats
    look: csr_array

    @classmethod
    def of(cls, first: Ints, beyond: Ints) -> Averages:
        """Prepare for cells of one count, those that only fill up among them: these hold what is said of them."""
        from scipy.sparse import csr_array

        real = np.append(True, first[1:] > 0)
        cells = len(first)
        low = np.where(first > 0, logarithm(np.maximum(first, 1) - 0.5), _BOTTOM)
        high = logarithm(beyond.astype(np.float64) - 0.5)
        width = np.where(real, high - low, 0.0)
        middle = np.where(beyond - first <= 1, first, np.sqrt((first + 0.0) * (beyond - 1.0)))
        at = np.maximum(logarithm(np.maximum(middle, 0.25))[None, :] + LOG_ENDS[:, None], _BOTTOM)
        begin = low[real]
        place = np.flatnonzero(real)[np.maximum(np.searchsorted(begin, at.ravel(), side="right") - 1, 0)]
        part = np.clip(at.ravel() - low[place], 0.0, width[place])
        rows = SHARES * cells
        columns = np.stack([place, cells + place], axis=1).ravel()
        values = np.stack([np.ones(rows), part], axis=1).ravel()
        look = csr_array((values, columns, np.arange(0, 2 * rows + 1, 2)), shape=(rows, 2 * cells))
        return cls(width, look)

    @functools.cached_property
    def _back(self) -> csr_array:
        return self.look.T.tocsr()

    @functools.cached_property
    def _across(self) -> Floats:
        found: Floats = np.diff(LOG_ENDS)[:, None, None]
        return found

    def integrate(self, said: Floats) -> Floats:
        """Integrals up to each cell, and what is said of it; shape (2 * cells, draws)."""
        cells, draws = said.shape
        both = np.zeros((2 * cells, draws))
        np.cumsum(said[:-1] * self.width[:-1, None], axis=0, out=both[1:cells])
        both[cells:] = said
        return both

    def differentiate(self, both: Floats) -> Floats:
        """Turn derivatives by what `integrate` gives into those by what is said of figures; shape (cells, draws)."""
        cells = len(self.width)
        found = both[cells:].copy()
        found[:-1] += np.cumsum(both[cells - 1 : 0 : -1], axis=0)[::-1] * self.width[:-1, None]
        return found

    def average(self, said: Floats) -> Floats:
        """Average what is said of figures, (cells, draws), over shares; shape (SHARES, cells, draws)."""
        cells, draws = said.shape
        up_to = (self.look @ self.integrate(said)).reshape(SHARES, cells, draws)
        found = np.empty((SHARES, cells, draws))
        found[:-1] = np.maximum(np.diff(up_to, axis=0), 0.0) / self._across
        found[-1] = said
        found[:, 0] = said[0]  # of nobody nobody is known
        return found

    def share_out(self, weight: Floats) -> Floats:
        """Turn derivatives by averages, (SHARES, cells, draws), into those by what is said of figures."""
        draws = weight.shape[2]
        inner = weight[:-1] / self._across
        inner[:, 0] = 0.0
        by = np.zeros(weight.shape)
        by[1:] += inner
        by[:-1] -= inner
        found = self.differentiate(self._back @ by.reshape(-1, draws))
        found += weight[-1]
        found[0] += weight[:-1, 0].sum(axis=0)
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
    first : ndarray of int, shape (counts + 1,)
        Where the looks of each count begin.
    of_claim : ndarray of int, shape (claims,)
        The look of each claim.
    paths : tuple of (Path or None)
        Of each count; None for those that do not rise.
    averages : tuple of (Averages or None)
    asked : ndarray of int, shape (counts,)
        The look at which each count is asked for: the last of all where no time is.
    """

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
                averages.append(Averages.of(first[cells], beyond[cells]))
            else:
                paths.append(None)
                averages.append(None)
        return cls(np.array(start), of_claim, tuple(paths), tuple(averages), np.array(asked))

    @functools.cached_property
    def _mixed(self) -> dict[int, tuple[csr_array, csr_array]]:
        """What `Path.mixed` gives for counts that are looked at once, and its transpose."""
        pairs = enumerate(zip(self.paths, self.averages, strict=True))
        found = {
            at: path.mixed(by) for at, (path, by) in pairs if path is not None and by is not None and not path.steps
        }
        return {at: (mixed, mixed.T.tocsr()) for at, mixed in found.items()}

    def merge(self, given: Floats, cell: Ints) -> tuple[Floats, list[_Trace | None]]:
        """Sum paths out.

        Parameters
        ----------
        given : ndarray, shape (cells of all looks, draws)
            P(claims of a look | figure).
        cell : ndarray of int, shape (counts + 1,)
            Where the cells of each count begin.

        Returns
        -------
        found : ndarray, shape (cells, draws)
            P(claims | known count in the end).
        traces : list
            What `share_out` needs.
        """
        found, traces = np.empty((int(cell[-1]), given.shape[1])), list[_Trace | None]()
        begin = 0
        for at, (path, averages) in enumerate(zip(self.paths, self.averages, strict=True)):
            number = int(cell[at + 1] - cell[at])
            looks = given[begin : begin + number * int(self.first[at + 1] - self.first[at])]
            begin += len(looks)
            mine = slice(int(cell[at]), int(cell[at + 1]))
            if path is None or averages is None:
                found[mine] = looks
                traces.append(None)
                continue
            parts = looks.reshape(-1, number, given.shape[1])
            if len(parts) == 2:
                total = np.maximum(self._mixed[at][0] @ averages.integrate(parts[1]), 0.0)
                found[mine] = parts[0] * total
                traces.append(_Trace([total], []))
                continue
            said = [averages.average(one) for one in parts[1:]]
            total, before = path.forward(said)
            found[mine] = parts[0] * total
            traces.append(_Trace(said, before))
        return found, traces

    def share_out(self, weight: Floats, given: Floats, cell: Ints, traces: Sequence[_Trace | None]) -> Floats:
        """Turn derivatives by what `merge` found, (cells, draws), into posteriors of figures at each look."""
        found, begin = np.empty(given.shape), 0
        for at, (path, averages) in enumerate(zip(self.paths, self.averages, strict=True)):
            number = int(cell[at + 1] - cell[at])
            mine = slice(begin, begin + number * int(self.first[at + 1] - self.first[at]))
            begin = mine.stop
            own, trace = weight[int(cell[at]) : int(cell[at + 1])], traces[at]
            if path is None or averages is None or trace is None:
                found[mine] = given[mine] * own
                continue
            parts = given[mine].reshape(-1, number, given.shape[1])
            if len(parts) == 2:
                found[begin - 2 * number : begin - number] = parts[0] * own * trace.said[0]
                found[begin - number : begin] = parts[1] * averages.differentiate(self._mixed[at][1] @ (own * parts[0]))
                continue
            total = np.add.reduce(trace.before[-1] * trace.said[-1], axis=0)
            out = [parts[0] * own * total]
            after = path.backward(trace.said)
            for part, before, later in zip(parts[1:], trace.before, after, strict=True):
                out.append(part * averages.share_out(own * parts[0] * before * later))
            found[mine] = np.stack(out).reshape(-1, given.shape[1])
        return found


@attrs.frozen(eq=False)
class _Trace:
    """What is said at each look of a count, averaged, and what was said before; see `Path.forward`."""

    said: list[Floats]
    before: list[Floats]
