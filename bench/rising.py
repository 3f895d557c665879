# SPDX-License-Identifier: MIT
"""Fit how the known share of a toll rises with the hours since the event, by kind of event.

usage: rising.py [--halves] [--shared FOLDER]

Dated reports of 180 events whose final toll F is known. The share that is known after t hours, s(t) = 1 - exp(-U(t)),
never falls: U is a gamma process with mean H(t) = ln 2 (t / half-time)^c and scale phi, and with probability `closed`
s = 1 from the beginning. The half-time of an event is log-normal about that of its kind. A report says s F, exactly or
with an error. All is fitted jointly by maximum likelihood, the errors of reports too, with wide priors; half-times of
kinds are drawn towards that of all.

Prints the half-time of each kind, its standard error as a factor, and the other numbers. "Half is known" is the hour at
which one event of two, of those not closed, has reached half of its toll in the model: U grows in jumps, so its median
is below its mean, and this is later than the half-time. Then all this again with `closed` held at what it seems to be
among other disasters, and how often first figures are below a share of the final toll, beside what the fits expect.

With `--halves` the same numbers of two halves of the events apart (`claims.half`), and how each does on the other: the
log density of a report given those before it, beside no rise, one half-time for all kinds, `closed` held, and the
numbers that the library has. Then the chain that the library runs, on the share alone: between two reports it moves as
the mixture of all half-times does, but forgets what earlier reports tell of the half-time. Its log density stands
beside that of the mixture, with more cells and fewer. Last, how well both tell the final toll from the first reports,
if all its logarithms were as likely before, and how far apart their answers are (total variation).
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from functools import lru_cache, partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from claims import SHARED, half
from scipy.optimize import minimize
from scipy.special import expit, gammainc, gammaincinv, logit, ndtr
from scores import print_table

# Kinds of event as the data and as the library call them.
KINDS = {
    "attack": "attack", "crash": "crash", "accident": "accident", "fire": "fire", "entrapment": "entrapment",
    "quake": "earthquake", "ship": "ship", "flood": "flood", "storm": "storm", "unrest": "unrest",
    "volcano": "eruption",
}  # fmt: skip
EXACT, AT_LEAST, ABOUT = range(3)
QUALIFIERS = {"exact": EXACT, "at_least": AT_LEAST, "about": ABOUT}

# What is held. An event of which only the day is known happened at one of three hours; no report is taken to be of less
# than half an hour after it. Of a hundred reports five are of something else; three figures in ten "at least" lie
# below what is known, by a quarter on average; an exact figure is off by rounding; "about" by a tenth more.
HOURS = np.array([4.0, 12.0, 20.0])
SOONEST = 0.5
GROSS, GROSS_SCALE = 0.05, 1.5
BELOW, BELOW_SCALE = 0.3, 0.25
NARROW, ABOUT_SCALE = 0.02, 0.1

# Where the search begins, and how far it may go from there: standard deviations, wide, on the scale of the search.
NAMES = ("c", "phi", "sd", "closed", "exact", "error scale")
START = np.array([np.log(0.75), np.log(0.7), np.log(0.6), logit(0.2), logit(0.75), np.log(0.2)])
DOUBT = np.array([0.5, 0.7, 0.5, 1.0, 1.5, 0.7])
SD, CLOSED = 2, 3  # which of them
# Half of the events were found because a report said that the toll rose, so those that never did are too few. Of 533
# disasters chosen without regard to it (README of the data), one in four has a first figure of the day that is .97 of
# the final toll or more.
CLOSED_ELSEWHERE = 0.2
AS_ELSEWHERE = f"by kind, closed held at {CLOSED_ELSEWHERE}"
OUTER = [0, 1, 4, 5]  # those that paths must be summed anew for
ANY_START = (np.log(20), np.log(0.9))  # log half-time of all kinds, and log of its standard deviation
OF_KINDS = 0.8  # standard deviation of the log half-times of kinds about that of all

# Cells of U, by their number. The last is a share above .9975, and is taken for all. 26 are those of the library.
UPPER = (0.22, 0.3, 0.4, 0.52, 0.67, 0.85, 1.05, 1.3, 1.6, 2.0, 2.5, 3.2, 4.2, 6.0, np.inf)
EDGES = np.array([0, 0.003, 0.0045, 0.0067, 0.01, 0.015, 0.022, 0.033, 0.05, 0.075, 0.11, 0.16, *UPPER])
FEWER = np.array([0, 0.004, 0.012, 0.03, 0.06, 0.1, 0.15, *UPPER])
CELLS = {
    51: np.append(np.sort(np.append(EDGES[:-1], (EDGES[:-2] + EDGES[1:-1]) / 2)), np.inf),
    26: EDGES,
    21: FEWER,
    11: np.append(FEWER[:-1:2], np.inf),
}
NODES, WEIGHTS = np.polynomial.hermite_e.hermegauss(7)
WEIGHTS /= WEIGHTS.sum()
GRID = np.arange(np.log(0.4), np.log(700), 0.3)  # log half-times that paths are summed for in the fit
LEAPS = np.arange(np.log(1e-4), np.log(60), 0.05)  # log H(t2) - H(t1) that the steps between cells are kept for
FINALS = np.arange(-1.5, 5, 0.04)  # log final tolls that are asked for, from the highest figure heard
SHARES = (0.1, 0.25, 0.5, 0.75, 0.9, 0.97)
HOURS_SINCE = ((0, 6), (6, 24), (24, 48), (48, 120))
HORIZONS = {"24 h": 24, "72 h": 72, "7 d": 168}


# Data


class Tolls(NamedTuple):
    """Reports of events, those with most reports first: a row of `lag`, `said` and `how` is an event, padded.

    A track is an event with one of its possible times.
    """

    kind: np.ndarray  # of events: index into KINDS
    final: np.ndarray
    number: np.ndarray  # of reports
    lag: np.ndarray
    said: np.ndarray
    how: np.ndarray
    track: np.ndarray  # event of each track, in order
    shift: np.ndarray  # hours to add to `lag`
    chance: np.ndarray

    @property
    def reports(self):
        return int(self.number.sum())


def read(folder: Path) -> pd.DataFrame:
    """Read the reports of events whose final toll is known."""
    rows = pd.read_csv(folder / "data" / "rising_tolls" / "claims.csv")
    return rows[rows["final_flag"] == "k"].drop_duplicates(["event", "source", "report_time", "value"])


def tolls(rows: pd.DataFrame) -> Tolls:
    """Lay the reports of events out in arrays, in order of time."""
    events = [of_event for _, of_event in rows.sort_values("lag_h", kind="stable").groupby("event")]
    events.sort(key=len, reverse=True)
    number = np.array([len(event) for event in events])
    there = np.arange(number[0]) < number[:, None]
    columns = {"lag": "lag_h", "said": "value", "how": "qualifier"}
    padded = {name: np.zeros(there.shape, int if name == "how" else float) for name in columns}
    for name, column in columns.items():
        values = pd.concat(events)[column]
        padded[name][there] = values.map(QUALIFIERS) if name == "how" else values
    first = pd.concat([event[:1] for event in events])
    shifts = [12 - HOURS if precision == "day" else np.zeros(1) for precision in first["event_precision"]]
    tracks = np.array([len(shift) for shift in shifts])
    return Tolls(
        kind=first["group"].map(list(KINDS).index).to_numpy(),
        final=first["final"].to_numpy(float),
        number=number,
        **padded,
        track=np.repeat(np.arange(len(events)), tracks),
        shift=np.concatenate(shifts),
        chance=np.repeat(1 / tracks, tracks),
    )


# Reports


def densities(
    data: Tolls, exact: float, scale: float, edges: np.ndarray, final: np.ndarray | None = None
) -> np.ndarray:
    """Density of log(figure + .5) by the cell that the share is in; shape (events, reports, final tolls, cells).

    A mean over log(s F + .5) between the edges of a cell. `final` has shape (events, final tolls).
    """
    final = (data.final[:, None] if final is None else final)[:, None, :, None]
    known = np.log(0.5 - np.expm1(-edges) * final)
    off = np.log(data.said + 0.5)[..., None, None] - known
    how = data.how[..., None, None]

    def over_cells(cdf: Callable, pdf: Callable) -> np.ndarray:
        below = cdf(off)
        inner = (below[..., :-2] - below[..., 1:-1]) / (known[..., 1:-1] - known[..., :-2])
        return np.concatenate([inner, pdf(off[..., -1:])], axis=-1)

    def normal(sd: Any) -> np.ndarray:
        return over_cells(lambda e: ndtr(e / sd), lambda e: np.exp(-0.5 * (e / sd) ** 2) / (sd * np.sqrt(2 * np.pi)))

    right = normal(NARROW + 0.5 / final + np.where(how == ABOUT, ABOUT_SCALE, 0))
    wrong = over_cells(lambda e: student(e / scale), lambda e: 0.375 / scale * (1 + (e / scale) ** 2 / 4) ** -2.5)
    under = over_cells(
        lambda e: np.exp(np.minimum(e, 0) / BELOW_SCALE),
        lambda e: np.where(e < 1e-9, np.exp(np.minimum(e, 0) / BELOW_SCALE) / BELOW_SCALE, 0),
    )
    usual = exact * right + (1 - exact) * wrong
    usual = np.where(how == AT_LEAST, (1 - BELOW) * usual + BELOW * under, usual)
    return (1 - GROSS) * usual + GROSS * normal(GROSS_SCALE)


def student(x: np.ndarray) -> np.ndarray:
    """Distribution function of Student's t with four degrees of freedom."""
    sine = x / np.sqrt(4 + x**2)
    return 0.5 + 0.75 * (sine - sine**3 / 3)


# Paths


class Steps:
    """Chances of steps between the cells of U, from the middle of a cell, by how far H moves on."""

    def __init__(self, phi: float, edges: np.ndarray):
        start = np.concatenate([[0.0], (edges[1:-1] + edges[:-2]) / 2, edges[-2:-1]])
        ahead = np.maximum(edges - start[:, None], 0)
        table = np.diff(gammainc(np.exp(LEAPS)[:, None, None] / phi, ahead / phi), axis=-1)
        self.first, self.table = table[:, 0], table[:, 1:]

    def _of(self, table: np.ndarray, leap: np.ndarray) -> np.ndarray:
        """Interpolate in the logarithm of the move of H."""
        place = (np.log(np.maximum(leap, 1e-9)) - LEAPS[0]) / (LEAPS[1] - LEAPS[0])
        place = np.clip(place, 0, len(LEAPS) - 1.001)
        lower = place.astype(int)
        part = (place - lower).reshape(place.shape + (1,) * (table.ndim - 1))
        return table[lower] * (1 - part) + table[lower + 1] * part

    def start(self, h: np.ndarray) -> np.ndarray:
        """P(cell) where the mean of U is h."""
        return self._of(self.first, h)

    def move(self, leap: np.ndarray) -> np.ndarray:
        """P(cell | earlier cell)."""
        return self._of(self.table, leap)


class Rise(NamedTuple):
    """Numbers of the model, but the half-times."""

    c: float
    phi: float
    sd: float
    closed: float
    exact: float
    scale: float

    @classmethod
    def at(cls, place: np.ndarray) -> Rise:
        """Take them from where the search is."""
        c, phi, sd, closed, exact, scale = place[: len(NAMES)]
        return cls(np.exp(c), np.exp(phi), np.exp(sd), expit(closed), expit(exact), np.exp(scale))

    @property
    def lag(self) -> float:
        """Hours until half is known in one open event of two, in half-times."""
        h = np.exp(np.linspace(-6, 4, 2_000))
        middle = self.phi * gammaincinv(h / self.phi, 0.5)
        return (np.exp(np.interp(np.log(np.log(2)), np.log(middle + 1e-300), np.log(h))) / np.log(2)) ** (1 / self.c)


def means(data: Tolls, log_times: np.ndarray, c: float) -> np.ndarray:
    """H by track, half-time and report, for log half-times by event."""
    lag = np.maximum(data.lag[data.track] + data.shift[:, None], SOONEST)
    return np.log(2) * (lag[:, None, :] / np.exp(log_times[data.track])[:, :, None]) ** c


def by_event(data: Tolls, of_tracks: np.ndarray) -> np.ndarray:
    """Add up the tracks of each event, as many as there are."""
    track = data.track[: len(of_tracks)]
    return np.add.reduceat(of_tracks, np.flatnonzero(np.diff(track, prepend=-1)), axis=0)


def open_paths(data: Tolls, rows: np.ndarray, log_times: np.ndarray, c: float, steps: Steps) -> np.ndarray:
    """Density of the reports of an event that is not closed; shape (events, half-times, final tolls)."""
    h = means(data, log_times, c)
    path = steps.start(h[:, :, 0])[:, :, None, :] * rows[data.track, 0][:, None]
    found = np.empty(path.shape[:-1])
    for j in range(1, data.number[0] + 1):
        going = np.count_nonzero(data.number[data.track] > j)
        found[going : len(path)] = path[going:].sum(axis=-1)
        if going:
            move = steps.move(h[:going, :, j] - h[:going, :, j - 1])
            path = (path[:going] @ move) * rows[data.track[:going], j][:, None]
        else:
            path = path[:0]
    return by_event(data, found * data.chance[:, None, None])


def closed_paths(data: Tolls, rows: np.ndarray) -> np.ndarray:
    """Density of the reports if all is known at once; shape (events, final tolls)."""
    there = np.arange(rows.shape[1]) < data.number[:, None]
    return np.prod(np.where(there[..., None], rows[..., -1], 1), axis=1)


def mixture(data: Tolls, rows: np.ndarray, log_times: np.ndarray, rise: Rise, steps: Steps) -> np.ndarray:
    """Density of the reports, a half-time staying the same along a path; shape (events, final tolls).

    `log_times` are those of events: their spread is added here.
    """
    paths = open_paths(data, rows, log_times[:, None] + rise.sd * NODES, rise.c, steps)
    return rise.closed * closed_paths(data, rows) + (1 - rise.closed) * np.einsum("emf,m->ef", paths, WEIGHTS)


def chain(data: Tolls, rows: np.ndarray, log_times: np.ndarray, rise: Rise, steps: Steps) -> np.ndarray:
    """Density of the reports under the Markov chain on the share that has the pairwise laws of the mixture."""
    h = means(data, log_times[:, None] + rise.sd * NODES, rise.c)
    weight = (1 - rise.closed) * data.chance[:, None, None] * WEIGHTS[:, None]
    begin = by_event(data, np.sum(weight * steps.start(h[:, :, 0]), axis=1))
    begin[:, -1] += rise.closed
    path = begin[:, None] * rows[:, 0]
    found = np.empty(path.shape[:-1])
    for j in range(1, data.number[0] + 1):
        going, tracks = np.count_nonzero(data.number > j), np.count_nonzero(data.number[data.track] > j)
        found[going : len(path)] = path[going:].sum(axis=-1)
        if going:
            before = weight[:tracks] * steps.start(h[:tracks, :, j - 1])
            move = steps.move(h[:tracks, :, j] - h[:tracks, :, j - 1])
            both = by_event(data, np.einsum("tms,tmsr->tsr", before, move))
            both[:, -1, -1] += rise.closed
            path = (path[:going] @ (both / np.maximum(both.sum(axis=-1, keepdims=True), 1e-300))) * rows[:going, j]
        else:
            path = path[:0]
    return found


# Fit


class Fit(NamedTuple):
    """What is found: where the search ended, with the log half-times of kinds after the shared numbers."""

    place: np.ndarray
    error: np.ndarray  # standard, of `place`
    any_time: float  # log half-time of all kinds
    any_error: float
    any_sd: float

    @property
    def rise(self) -> Rise:
        return Rise.at(self.place)

    @property
    def log_times(self) -> np.ndarray:
        return self.place[len(NAMES) :]


class Search:
    """Log densities of one set of events, on a grid of half-times that is summed once for each c, phi and error."""

    def __init__(self, data: Tolls):
        self.data = data
        self._paths = lru_cache(maxsize=64)(self._sum)

    def _sum(self, *outer: float) -> tuple[np.ndarray, np.ndarray]:
        c, phi, exact, scale = np.exp(outer[0]), np.exp(outer[1]), expit(outer[2]), np.exp(outer[3])
        rows = densities(self.data, exact, scale, EDGES)
        times = np.tile(GRID, (len(rows), 1))
        paths = open_paths(self.data, rows, times, c, Steps(phi, EDGES))
        return paths[..., 0], closed_paths(self.data, rows)[:, 0]

    def score(self, place: np.ndarray, log_times: np.ndarray) -> float:
        """Log density of all reports, by the log half-time of each event's kind."""
        rise = Rise.at(place)
        paths, closed = self._paths(*place[OUTER])
        weight = np.exp(-0.5 * ((GRID - log_times[:, None]) / rise.sd) ** 2)
        weight /= weight.sum(axis=1, keepdims=True)
        return float(np.sum(np.log(rise.closed * closed + (1 - rise.closed) * np.sum(weight * paths, axis=1))))

    def any_kind(self, place: np.ndarray) -> tuple[float, float, float]:
        """Find one log half-time for all kinds, its error, and the standard deviation of those of events."""

        def target(x: np.ndarray) -> float:
            moved = place.copy()
            moved[SD] = x[1]
            prior = 0.5 * ((x[1] - ANY_START[1]) / DOUBT[SD]) ** 2
            return prior - self.score(moved, np.full(len(self.data.final), x[0]))

        found = minimize(target, ANY_START, method="L-BFGS-B").x
        error = np.sqrt(np.linalg.inv(curvature(target, found))[0, 0])
        return float(found[0]), float(error), float(np.exp(found[1]))

    def fit(self, *, kinds: bool = True, closed: float | None = None) -> Fit:
        """Find the numbers; with kinds, their half-times are drawn towards that of all."""
        shared = len(NAMES)
        free = [i for i in range(shared) if closed is None or i != CLOSED]
        place = np.append(START, np.full(len(KINDS), ANY_START[0]))
        if not kinds:
            place[SD] = ANY_START[1]
        if closed is not None:
            place[CLOSED] = logit(closed)
        start = place.copy()
        search = np.array([*free, *range(shared, len(place) if kinds else shared + 1)])

        def target(x: np.ndarray, centre: float | None) -> float:
            moved = place.copy()
            moved[search] = x
            times = moved[shared:] if kinds else np.full(len(KINDS), moved[shared])
            prior = np.sum(((moved - start)[free] / DOUBT[free]) ** 2)
            if centre is not None:
                prior += np.sum(((times - centre) / OF_KINDS) ** 2)
            return 0.5 * prior - self.score(moved, times[self.data.kind])

        for _ in range(2 if kinds else 1):  # again about the half-time of all kinds that goes with the first answer
            against = partial(target, centre=self.any_kind(place)[0] if kinds else None)
            place[search] = minimize(against, place[search], method="L-BFGS-B", options={"ftol": 1e-7}).x
        error = np.zeros(len(place))
        error[search] = np.sqrt(np.diag(np.linalg.inv(curvature(against, place[search]))))
        if kinds:
            return Fit(place, error, *self.any_kind(place))
        place[shared:], error[shared:] = place[shared], error[shared]
        return Fit(place, error, place[-1], error[-1], float(np.exp(place[SD])))


def curvature(target: Callable[[np.ndarray], float], x: np.ndarray, step: float = 0.02) -> np.ndarray:
    """Second derivatives, by central differences."""
    moves = step * np.eye(len(x))
    found = np.empty((len(x), len(x)))
    for i, a in enumerate(moves):
        for j, b in enumerate(moves[: i + 1]):
            corners = target(x + a + b) - target(x + a - b) - target(x - a + b) + target(x - a - b)
            found[i, j] = found[j, i] = corners / (4 * step**2)
    return found


def no_rise(data: Tolls) -> np.ndarray:
    """Fit the errors of reports as if all were known at once; shares and scale as in `Rise`."""
    where = [4, 5]

    def target(x: np.ndarray) -> float:
        rows = densities(data, expit(x[0]), np.exp(x[1]), EDGES)
        return -np.log(closed_paths(data, rows)).sum() + 0.5 * np.sum(((x - START[where]) / DOUBT[where]) ** 2)

    return minimize(target, START[where], method="L-BFGS-B").x


def library(fit: Fit) -> tuple[Rise, np.ndarray] | None:
    """Take the numbers that the library has, with the errors of reports of a fit."""
    try:
        from reconcile.model import RisingToll
    except ImportError:
        return None
    toll: Any = RisingToll()
    times = np.log([toll.half_times.get(kind, toll.other) for kind in KINDS.values()])
    return fit.rise._replace(c=toll.shape, phi=toll.jump, sd=toll.doubt, closed=toll.complete), times


# Judging


def scored(how: Callable, data: Tolls, rise: Rise, log_times: np.ndarray, cells: int = 26) -> str:
    """Log density per report."""
    rows = densities(data, rise.exact, rise.scale, CELLS[cells])
    found = how(data, rows, log_times[data.kind], rise, Steps(rise.phi, CELLS[cells]))
    return f"{np.log(found).sum() / data.reports:.4f}"


class Told(NamedTuple):
    """What final tolls are thought likely, on a grid of their logarithms, by event."""

    log_final: np.ndarray
    chance: np.ndarray

    @classmethod
    def both(cls, data: Tolls, fit: Fit, cells: int) -> list[Told]:
        """By the mixture, and by the chain."""
        rise, log_final = fit.rise, np.log(data.said.max(axis=1))[:, None] + FINALS
        rows = densities(data, rise.exact, rise.scale, CELLS[cells], np.exp(log_final))
        steps, log_times = Steps(rise.phi, CELLS[cells]), fit.log_times[data.kind]
        found = [how(data, rows, log_times, rise, steps) for how in (mixture, chain)]
        return [cls(log_final, density / density.sum(axis=1, keepdims=True)) for density in found]

    def quantile(self, level: float) -> np.ndarray:
        below = np.count_nonzero(np.cumsum(self.chance, axis=1) < level, axis=1)
        return self.log_final[np.arange(len(below)), np.minimum(below, len(FINALS) - 1)]

    def scores(self, final: np.ndarray) -> list[np.ndarray]:
        """Error of the median, whether the final toll is within the 90 % interval, and its log density, by event."""
        true = np.log(final)
        nearest = np.argmin(np.abs(self.log_final - true[:, None]), axis=1)
        density = self.chance[np.arange(len(true)), nearest] / (FINALS[1] - FINALS[0])
        within = (self.quantile(0.05) <= true) & (true <= self.quantile(0.95))
        return [self.quantile(0.5) - true, within, np.log(np.maximum(density, 1e-12))]


def print_fits(fits: dict[str, Fit], sets: dict[str, Tolls]) -> None:
    """Print fits side by side."""
    header, rows = ["kind"], [[name] for name in (*KINDS.values(), "any (battle, other)")]
    for label, fit in fits.items():
        header += [f"{label}: events", "half-time, h", "error, ×/", "half is known, h"]
        times, errors = [*fit.log_times, fit.any_time], [*fit.error[len(NAMES) :], fit.any_error]
        number = [*np.bincount(sets[label].kind, minlength=len(KINDS)), len(sets[label].kind)]
        for row, events, time, error in zip(rows, number, times, errors, strict=True):
            row += [events, f"{np.exp(time):.1f}", f"{np.exp(error):.2f}", f"{np.exp(time) * fit.rise.lag:.1f}"]
    print_table(header, rows)
    rows = [[name] for name in NAMES]
    for fit in fits.values():
        for i, row in enumerate(rows):
            ends = [Rise.at(fit.place + side * fit.error)[i] for side in (-1, 1)]
            row.append(f"{fit.rise[i]:.3f} ({ends[0]:.3f}-{ends[1]:.3f})")
    rows.append(["sd, any kind", *(f"{fit.any_sd:.3f}" for fit in fits.values())])
    print_table(["number (± 1 error)", *fits], rows)


def shares_below(data: Tolls, rise: Rise, log_times: np.ndarray) -> np.ndarray:
    """How likely the known share is below each of SHARES at the first report, over all events."""
    h = means(data, log_times[data.kind][:, None] + rise.sd * NODES, rise.c)[:, :, 0]
    below = gammainc(h[..., None] / rise.phi, -np.log1p(-np.array(SHARES)) / rise.phi)
    of_tracks = np.einsum("tms,m->ts", below, WEIGHTS) * data.chance[:, None]
    return (1 - rise.closed) * of_tracks.sum(axis=0) / len(data.final)


def print_shares(rows: pd.DataFrame, fit: Fit, held: Fit) -> None:
    """Print how often the first figure of an event is below a share of the final toll, and what the fits expect."""
    models = {"by kind": (fit.rise, fit.log_times), AS_ELSEWHERE: (held.rise, held.log_times)}
    models |= {"numbers of the library": of_library} if (of_library := library(fit)) else {}
    first = rows.sort_values("lag_h", kind="stable").drop_duplicates("event")
    table = []
    for low, high in HOURS_SINCE:
        of_then = first[first["lag_h"].between(low, high, inclusive="left")]
        share = (of_then["value"] / of_then["final"]).to_numpy()
        table.append([f"{low}-{high}", len(share), "reports", *(f"{np.mean(share < s):.2f}" for s in SHARES)])
        for label, model in models.items():
            table.append(["", "", label, *(f"{x:.2f}" for x in shares_below(tolls(of_then), *model))])
    print_table(["first report, h", "events", "by", *(f"below {s}" for s in SHARES)], table)


def print_rules(sets: list[Tolls], fits: list[Fit], held: list[Fit], searches: list[Search]) -> None:
    """Print how the fit on one half does on the other, beside other rules, and what the chain loses."""
    rules, chains = [], []
    for mine, name in enumerate(("first", "second")):
        fit, both = fits[mine], (sets[mine], sets[1 - mine])
        one = searches[mine].fit(kinds=False)
        models = {
            "by kind": (fit.rise, fit.log_times),
            AS_ELSEWHERE: (held[mine].rise, held[mine].log_times),
            "by kind, kind not told": (fit.rise._replace(sd=fit.any_sd), np.full(len(KINDS), fit.any_time)),
            "one half-time for all kinds": (one.rise, one.log_times),
            "numbers of the library": library(fit),
        }
        for label, model in models.items():
            if model is not None:
                scores = [scored(mixture, data, *model) for data in both]
                rules.append([name, label, *(f"{x:.2f}" for x in model[0]), *scores])
        exact, scale = no_rise(sets[mine])
        flat = fit.rise._replace(closed=1.0, exact=expit(exact), scale=np.exp(scale))
        scores = [scored(mixture, data, flat, fit.log_times) for data in both]
        rules.append([name, "no rise", *["-"] * 4, *(f"{x:.2f}" for x in flat[4:]), *scores])
        for label in ("by kind", AS_ELSEWHERE, "by kind, kind not told", "numbers of the library"):
            for cells in CELLS if models[label] is not None else ():
                scores = [scored(how, data, *models[label], cells) for data in both for how in (mixture, chain)]
                chains.append([name, label, cells, *scores])
    print_table(["fitted on", "model", *NAMES, "fitted half", "other half"], rules)
    halves = [f"{half_is} half, {how}" for half_is in ("fitted", "other") for how in ("mixture", "chain")]
    print_table(["fitted on", "model", "cells", *halves], chains)


def print_told(frames: list[pd.DataFrame], fits: list[Fit]) -> None:
    """Print how well the final toll is told with the fit on the other half."""
    rows = []
    for horizon, hours in HORIZONS.items():
        heard = [tolls(frame[frame["lag_h"] <= hours]) for frame in frames]
        for cells in (26, 21, 11):
            told = [Told.both(data, fit, cells) for data, fit in zip(heard, reversed(fits), strict=True)]
            apart = np.concatenate([0.5 * np.abs(one.chance - two.chance).sum(axis=1) for one, two in told])
            for which, label in enumerate(("mixture", "chain")):
                scores = [both[which].scores(data.final) for both, data in zip(told, heard, strict=True)]
                off, within, density = (np.concatenate(x) for x in zip(*scores, strict=True))
                numbers = [f"{x:.3f}" for x in (np.abs(off).mean(), off.mean(), within.mean(), density.mean())]
                far = [f"{apart.mean():.4f}", f"{apart.max():.3f}"] if which else ["", ""]
                rows.append([horizon, len(off), cells, label, *numbers, *far])
    header = ["until", "events", "cells", "by", "abs log error", "log error", "in 90 %", "log density"]
    print_table([*header, "apart, mean", "apart, most"], rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--halves", action="store_true", help="also fit on halves of the events, and judge on the other"
    )
    parser.add_argument("--shared", type=Path, default=SHARED, help="folder of data (default %(default)s)")
    given = parser.parse_args()
    rows = read(given.shared)
    frames = {"all": rows}
    if given.halves:
        side = rows["event"].map(half)
        frames |= {"first half": rows[side == 0], "second half": rows[side == 1]}
    sets = {name: tolls(frame) for name, frame in frames.items()}
    searches = {name: Search(data) for name, data in sets.items()}
    fits = {name: search.fit() for name, search in searches.items()}
    print_fits(fits, sets)
    held = {name: search.fit(closed=CLOSED_ELSEWHERE) for name, search in searches.items()}
    print(f"`closed` held at {CLOSED_ELSEWHERE}:\n")
    print_fits(held, sets)
    print_shares(rows, fits["all"], held["all"])
    if given.halves:
        of_halves = [[found[name] for name in ("first half", "second half")] for found in (sets, fits, held, searches)]
        print_rules(*of_halves)
        print_told([frames[name] for name in ("first half", "second half")], of_halves[1])


if __name__ == "__main__":
    main()
