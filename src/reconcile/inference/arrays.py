# SPDX-License-Identifier: MIT
"""Claims about separate counts as flat arrays: wordings as edges, counts as cells, and shards of both.

These are the arrays that the compiled kernel and its NumPy twin are given. Everything is ragged and lies one after the
other: the cells of a count, the claims about it, the edges of a claim.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any, TypeAlias

import attrs
import numpy as np
from numpy.typing import NDArray

from reconcile.errors import InvalidValue
from reconcile.inference.elementary import exponential, log_upper, logarithm
from reconcile.pmf import TOP
from reconcile.speech import Meaning

__all__ = [
    "COUNTS",
    "FILLER",
    "LANES",
    "PARAMETERS",
    "Cells",
    "Claims",
    "CountEdges",
    "Evaluated",
    "Shard",
    "Words",
    "spans",
]

Floats: TypeAlias = NDArray[np.float64]
Ints: TypeAlias = NDArray[np.int64]

PARAMETERS = ("bias", "log_spread", "fidelity", "slope", "denial", "gross", "heaping", "copying")
COUNTS = 4  # parameters of a count prior: logit of `zero`, `location`, log of `scale`, logit of `broad`
FILLER = -1e300  # `Shard.base` of cells that only fill up: far below the logarithm of any number of claims
LANES = 8  # cells of a count come in multiples of it: what the widest vectors hold
_LOG_HALF, _LOG_TOP = -0.6931471805599453, float(logarithm(np.array([TOP + 0.5]))[0])
# Width of a cell relative to its counts, by how far (as a ratio) it lies from the nearest claimed number.
_FINE = 0.035
_TIE = 1e-9  # whole numbers may lie just so far apart: such ties must not hang on the last bit of a logarithm
_RESOLUTION = ((1.4, _FINE), (3.0, 0.08), (10.0, 0.12), (100.0, 0.2), (np.inf, 0.3))


def spans(start: Ints, number: Ints) -> tuple[Ints, Ints]:
    """Whole numbers from each start, so many, one after the other; and which start each belongs to."""
    owner = np.repeat(np.arange(len(start)), number)
    return start[owner] + np.arange(len(owner)) - (np.cumsum(number) - number)[owner], owner


@attrs.frozen(eq=False)
class Words:
    """Wordings as sums over edges: sum_j w_j P(low_j <= figure <= high_j) = constant + sum_k c_k P(figure < edge_k).

    Attributes
    ----------
    start : ndarray of int, shape (v + 1,)
        Where the edges of each wording begin.
    edge, plain, heaped : ndarray, shape (k,)
        Edges, and their coefficients when the speaker gives figures as they are, and when the speaker heaps.
    fixed : ndarray, shape (4, v)
        For plain and heaped: the constant, and the weight of intervals that hold 0.
    """

    start: Ints
    edge: Floats
    plain: Floats
    heaped: Floats
    fixed: Floats

    @classmethod
    def of(cls, meanings: Sequence[Meaning]) -> Words:
        """Merge the intervals of each wording into edges."""
        edges, coefficients, fixed = [], [], np.zeros((4, len(meanings)))
        for at, m in enumerate(meanings):
            points = np.concatenate([m.high + 1.0, m.low])
            signed = np.array([np.concatenate([w, -w]) for w in (m.plain, m.heaped)])
            known, place = np.unique(points, return_inverse=True)
            sums = np.array([np.bincount(place, row, len(known)) for row in signed])
            inner = (known > 0) & np.isfinite(known) & np.any(np.abs(sums) > 1e-15, axis=0)
            if not inner.any():  # a wording that says nothing still needs a place
                inner[np.argmax(np.isfinite(known))] = True
                sums[:, inner] = 0.0
                known = np.maximum(known, 1.0)
            edges.append(known[inner])
            coefficients.append(sums[:, inner])
            for row, weight in enumerate((m.plain, m.heaped)):
                fixed[row, at] = weight[np.isinf(m.high)].sum()
                fixed[2 + row, at] = weight[m.low <= 0].sum()
        start = np.cumsum([0, *(len(e) for e in edges)])
        plain, heaped = np.concatenate([np.zeros((2, 0)), *coefficients], axis=1)
        return cls(start, np.concatenate([np.zeros(0), *edges]), plain, heaped, fixed)


@attrs.frozen(eq=False)
class Claims:
    """Claims about separate counts, as columns.

    Attributes
    ----------
    event : ndarray of int, shape (n,)
        Which count each is about, from 0, in ascending order.
    value : ndarray of int, shape (n,)
        Code of its wording in `meanings`.
    hedged : ndarray of bool, shape (n,)
    meanings : tuple of Meaning
    outcome : ndarray of int, shape (events,)
        Code of the count prior of each count.
    words : Words, optional
        Those of `meanings`, made once: parts of a corpus share them.
    """

    event: Ints
    value: Ints
    hedged: NDArray[np.bool_]
    meanings: tuple[Meaning, ...]
    outcome: Ints
    words: Words = attrs.field(default=attrs.Factory(lambda self: Words.of(self.meanings), takes_self=True), repr=False)

    def __len__(self) -> int:
        return len(self.event)


@functools.cache
def _grid() -> tuple[Ints, Floats]:
    """Finest starts of cells, from 0 to beyond `TOP`, and their widths."""
    starts, count = [0], 0
    while count < TOP:
        count += max(1, int(_FINE * count))
        starts.append(count)
    grid = np.array(starts, dtype=np.int64)
    return grid, np.append(np.diff(grid), 1).astype(float)


def _cells(event: Ints, point: Floats, events: int) -> tuple[Ints, Ints]:
    """Starts of the cells of every count, one after the other, and where those of each begin, shape (events + 1,).

    Cells are fine near the claimed numbers `point` of an event, each of which has a cell of its own.
    """
    grid, width = _grid()
    logs = logarithm((grid + 0.5).astype(np.float64))
    order = np.lexsort((point, event))
    event, point = event[order], point[order]
    first = np.searchsorted(event, np.arange(events + 1))
    most = int(np.max(np.diff(first), initial=1))
    log_point = logarithm((point if len(point) else np.zeros(1)) + 0.5)
    found = []
    step = max(2_000_000 // (len(grid) * most), 1)
    for begin in range(0, events, step):
        rows = np.arange(begin, min(begin + step, events))
        slots = first[rows][:, None] + np.arange(most)
        held = slots < first[rows + 1][:, None]
        near = np.where(held, log_point[np.minimum(slots, len(log_point) - 1)], -50.0 if len(point) else 0.0)
        distance = np.full((len(rows), len(grid)), np.inf)
        for k in range(most):
            np.minimum(distance, np.abs(near[:, [k]] - logs), out=distance)
        relative = np.select(
            [distance <= np.log(r) + _TIE for r, _ in _RESOLUTION[:-1]],
            [w for _, w in _RESOLUTION[:-1]],
            _RESOLUTION[-1][1],
        )
        level = np.frexp(np.maximum(relative * np.maximum(grid, 1) / width, 1.0))[1] - 1  # of whole powers of two
        kept = (np.arange(len(grid)) % (1 << np.minimum(level, 20)) == 0) | (grid <= 2)
        kept[:, -1] = False  # beyond the top
        at, cell = np.nonzero(kept)
        found.append((rows[at], grid[cell]))
    whole = point.astype(np.int64)
    keys = [(e, c) for e, c in found] + [(event, whole), (event, whole + 1)]
    owner, start = (np.concatenate(part) for part in zip(*keys, strict=True))
    start = np.minimum(start, TOP)
    order = np.lexsort((start, owner))
    owner, start = owner[order], start[order]
    fresh = np.append(True, (np.diff(owner) != 0) | (np.diff(start) != 0))[: len(owner)]
    owner, start = owner[fresh], start[fresh]
    return start, np.searchsorted(owner, np.arange(events + 1))


@attrs.frozen(eq=False)
class Cells:
    """Cells into which all counts are cut, for each of many unknown counts, one after the other.

    Attributes
    ----------
    start, stop : ndarray of int, shape (c,)
        First count of each cell, and the first beyond it. The first cell of each unknown is that of 0 alone.
    first : ndarray of int, shape (events + 1,)
        Where the cells of each unknown begin.
    log_center, blur : ndarray, shape (c,)
        Logarithm of the middle of a cell, and the variance of the logarithm of a count within it. The variance adds to
        that of the noise, else a spread far below the width of a cell would fit what stands in its middle.
    """

    start: Ints
    stop: Ints
    first: Ints
    log_center: Floats
    blur: Floats

    @classmethod
    def of(cls, claims: Claims) -> Cells:
        """Lay out cells that are fine near the claimed numbers."""
        core = np.array([[m.low[0], m.high[0]] for m in claims.meanings])[claims.value]
        known = np.isfinite(core).ravel()
        return cls.around(np.repeat(claims.event, 2)[known], core.ravel()[known], len(claims.outcome))

    @classmethod
    def around(cls, event: Ints, point: Floats, events: int) -> Cells:
        """Lay out cells that are fine near points.

        Parameters
        ----------
        event : ndarray of int, shape (n,)
            The unknown of each point, from 0.
        point : ndarray, shape (n,)
            Whole numbers, each of which gets a cell of its own.
        events : int
            How many unknowns there are.
        """
        start, first = _cells(event, point, events)
        stop = np.append(start[1:], TOP + 1)
        stop[first[1:] - 1] = TOP + 1
        width = (stop - start).astype(float)
        middle = np.where(width <= 1, start + 0.5, np.sqrt((start + 0.5) * (stop - 0.5)))
        across = logarithm(stop / np.maximum(start, 0.5))  # as if counts were spread evenly over the cell
        return cls(start, stop, first, logarithm(middle), np.where(width > 1, across * across / 12, 0.0))

    @classmethod
    def join(cls, parts: Sequence[Cells]) -> Cells:
        """Put the cells of several problems one after the other."""
        names = ("start", "stop", "log_center", "blur")
        start, stop, log_center, blur = (np.concatenate([getattr(part, name) for part in parts]) for name in names)
        number = np.concatenate([np.diff(part.first) for part in parts])
        return cls(start, stop, np.concatenate([[0], np.cumsum(number)]), log_center, blur)

    def only(self, events: Ints) -> Cells:
        """Keep the cells of some of the unknowns, in the order given."""
        at, first = self.of_events(events)
        return Cells(self.start[at], self.stop[at], first, self.log_center[at], self.blur[at])

    def of_events(self, events: Ints) -> tuple[Ints, Ints]:
        """Say where the cells of some of the unknowns stand, in the order given, and where those of each begin."""
        number = np.diff(self.first)[events]
        return spans(self.first[events], number)[0], np.concatenate([[0], np.cumsum(number)])

    def without(self, mass: Floats, least: float) -> tuple[Cells, Ints]:
        """Leave out cells that hold less than `least`, but for that of 0; also say where the others stood.

        Parameters
        ----------
        mass : ndarray, shape (c,)
            Probability of each cell.
        least : float
        """
        kept = mass >= least
        kept[self.first[:-1]] = True
        at = np.flatnonzero(kept)
        first = np.searchsorted(at, self.first)
        return Cells(self.start[at], self.stop[at], first, self.log_center[at], self.blur[at]), at


@attrs.frozen(eq=False)
class CountEdges:
    """The ends of all cells of a problem, and what the tails of count priors need of them.

    Attributes
    ----------
    edge : ndarray of int, shape (u,)
        In ascending order, filled up to a multiple of `LANES`.
    log_low, held : ndarray, shape (u,)
        Logarithm of the edge less 1/2, and 1 for edges above 0, else 0.
    far : ndarray, shape (outcomes, u)
        P(count >= edge | count >= 1) by the broad part of each count prior, which is not learned.
    """

    edge: Ints
    log_low: Floats
    held: Floats
    far: Floats

    @classmethod
    def of(cls, edge: Ints, wide: Floats) -> CountEdges:
        """Fill up and compute; `wide` holds `CountPrior.wide` of each outcome, shape (outcomes, 3)."""
        edge = np.append(edge, np.full(-len(edge) % LANES, edge[-1] if len(edge) else 0))
        log_low = logarithm(np.maximum(edge, 1) - 0.5)
        location, scale, free = wide[:, :1], wide[:, 1:2], wide[:, 2:]
        scaled = (np.append(_LOG_HALF, log_low) - location) / scale  # may be far out in the tail, so by logarithms
        upper = log_upper(scaled)
        level = (_LOG_TOP - np.minimum(log_low, _LOG_TOP)) / (_LOG_TOP - _LOG_HALF)
        far = (1.0 - free) * exponential(upper[:, 1:] - upper[:, :1]) + free * level
        return cls(edge.astype(np.int64), log_low, (edge > 0).astype(float), far)

    @classmethod
    def of_cells(cls, parts: Sequence[Cells], wide: Floats) -> CountEdges:
        """Take the ends of all cells of several problems."""
        return cls.of(_ends(parts), wide)

    def beside(self, other: CountEdges) -> CountEdges:
        """Put the edges of another after these."""
        edge, log_low, held = (
            np.concatenate([getattr(one, name) for one in (self, other)]) for name in ("edge", "log_low", "held")
        )
        return CountEdges(edge, log_low, held, np.concatenate([self.far, other.far], axis=1))

    def only(self, parts: Sequence[Cells]) -> CountEdges:
        """Keep the ends of some of the cells."""
        edge = _ends(parts)
        at = np.searchsorted(self.edge, np.append(edge, np.repeat(edge[-1:], -len(edge) % LANES)))
        return CountEdges(self.edge[at], self.log_low[at], self.held[at], np.ascontiguousarray(self.far[:, at]))


def _ends(parts: Sequence[Cells]) -> Ints:
    """Starts and stops of all cells, in ascending order."""
    found: Ints = np.unique(np.concatenate([ends for cells in parts for ends in (cells.start, cells.stop)]))
    return found


# The arrays of a shard in the order of the kernel's `Shard`: kind of number, and where its size comes from. An offset
# has one more entry than there are things, from 0 to the number of things in the array that it points to.
FIELDS: dict[str, tuple[type[np.generic], str]] = {
    "cell": (np.int64, "counts + 1"),
    "claim": (np.int64, "counts + 1"),
    "sign": (np.float64, "counts"),
    "outcome": (np.int32, "counts"),
    "log_center": (np.float64, "cells"),
    "size": (np.float64, "cells"),
    "blur": (np.float64, "cells"),
    "base": (np.float64, "cells"),
    "left": (np.int32, "cells"),
    "right": (np.int32, "cells"),
    "edge": (np.int64, "claims + 1"),
    "pair": (np.int64, "claims + 1"),
    "fixed": (np.float64, "claims, 4"),
    "voice": (np.int32, "claims"),
    "log_edge": (np.float64, "edges"),
    "bound": (np.float64, "edges"),
    "plain": (np.float64, "edges"),
    "tilt": (np.float64, "edges"),
    "exact": (np.float32, "pairs"),
    "slip": (np.float64, "pairs"),
    "slip_tilt": (np.float64, "pairs"),
    "shift": (np.float64, "voices, 2"),
    "place": (np.int32, "voices, 8"),
}
# Shapes of what the functions of the likelihood are given beside a shard.
GIVEN = {
    "cover": {"low": "cells", "width": "cells", "constant": "claims"},
    "rows": {"theta": "draws, voices, 8", "echo": "claims, 2"},
    "slopes": {"theta": "draws, voices, 8", "echo": "claims, 2", "weight": "draws, pairs"},
    "evaluate": {
        "theta": "draws, voices, 8",
        "echo": "claims, 2",
        "tail": "draws, outcomes, places",
        "weight": "draws, counts",
    },
    "curve": {
        "theta": "voices, 8",
        "echo": "claims, 2",
        "tail": "5, outcomes, places",
        "slopes": "5, outcomes, 4, places",
    },
}
_OFFSETS = {"cell": "cells", "claim": "claims", "edge": "edges", "pair": "pairs"}


@attrs.frozen(eq=False)
class Shard:
    """Some counts and the claims about them, to be computed in one go; what a worker is sent.

    A count may stand here more than once, with other claims and another sign: the log evidence of a shard is the sum of
    sign x log P(claims of the count). What two models of one count share is its cells. `base` is where anything beside
    the claims speaks of a cell; a map from cells of the truth to cells of what was known of it would stand between
    `left` and `log_center`, which are not assumed to belong to one lattice. A second way to round would be a second
    `tilt`, with columns of its own in `fixed`.

    Attributes
    ----------
    cell, claim : ndarray of int64, shape (counts + 1,)
        Where the cells and the claims of each count begin; cells come in multiples of `LANES`, the first is that of 0.
    sign : ndarray, shape (counts,)
    outcome : ndarray of int32, shape (counts,)
        Which count prior.
    log_center, size, blur, base : ndarray, shape (cells,)
        See `Cells`; `size` is the `size_of` of the middle, and `base` the logarithm of what else is said of the cell:
        `FILLER` where it only fills up.
    left, right : ndarray of int32, shape (cells,)
        Places of the first count of each cell, and of the first beyond it, in `CountEdges`.
    edge, pair : ndarray of int64, shape (claims + 1,)
        Where the edges of each claim begin, and its pairs with the cells of its count.
    fixed : ndarray, shape (claims, 4)
        See `Words`; the constants also hold half of the coefficients of all edges.
    voice : ndarray of int32, shape (claims,)
        Claims of one voice have the same parameters.
    log_edge, bound, plain, tilt : ndarray, shape (edges,)
        Edges, with their logarithms and coefficients; `tilt` is heaped less plain.
    exact : ndarray of float32, shape (pairs,)
        Share of each cell that the wording covers.
    slip, slip_tilt : ndarray, shape (pairs,)
        P(claim | count) where the figure is grossly off, plain, and how much heaping adds.
    shift : ndarray, shape (voices, 2)
        What a hedge adds to the log spread and to the fidelity of its speaker.
    place : ndarray of int32, shape (voices, 8)
        Which of `parameters` the voice has as its `PARAMETERS`; their number for those that it has none of.
    parameters : ndarray of int64, shape (p,)
        Where the parameters of the shard stand among those of the problem, in ascending order.
    rows : ndarray of int64, shape (claims,)
        Which claims of the problem these are.
    heard : ndarray of bool, shape (claims,)
        Whether a claim may be a copy.
    cells : ndarray of int64, shape (real cells,)
        Where the cells stand that do not fill up, count by count.
    outcomes, places : int
        How many count priors and edges there are.

    Raises
    ------
    InvalidValue
        For an array of another kind of number or shape, that is not contiguous, or that points beyond another's end.
    """

    cell: Ints
    claim: Ints
    sign: Floats
    outcome: NDArray[np.int32]
    log_center: Floats
    size: Floats
    blur: Floats
    base: Floats
    left: NDArray[np.int32]
    right: NDArray[np.int32]
    edge: Ints
    pair: Ints
    fixed: Floats
    voice: NDArray[np.int32]
    log_edge: Floats
    bound: Floats
    plain: Floats
    tilt: Floats
    exact: NDArray[np.float32]
    slip: Floats
    slip_tilt: Floats
    shift: Floats
    place: NDArray[np.int32]
    parameters: Ints
    rows: Ints
    heard: NDArray[np.bool_]
    cells: Ints
    outcomes: int
    places: int

    def __attrs_post_init__(self) -> None:
        sizes = self.sizes
        for name, (kind, shape) in FIELDS.items():
            check_array(f"Shard.{name}", getattr(self, name), kind, shape_of(shape, sizes))
        check_array("Shard.parameters", self.parameters, np.int64, (sizes["parameters"],))
        check_array("Shard.rows", self.rows, np.int64, (sizes["claims"],))
        check_array("Shard.heard", self.heard, np.bool_, (sizes["claims"],))
        for name, target in _OFFSETS.items():
            offset = getattr(self, name)
            # Differences of numbers of any size may wrap around, so these are looked at first.
            inside = offset.min() >= 0 and offset.max() <= sizes[target]
            if not inside or offset[0] != 0 or offset[-1] != sizes[target] or np.any(np.diff(offset) < 0):
                raise InvalidValue(
                    f"Shard.{name}", offset, f"offsets from 0 to the {sizes[target]} {target}, ascending"
                )
        number = np.diff(self.cell)
        if np.any(number % LANES) or np.any(number == 0):
            raise InvalidValue("Shard.cell", self.cell, f"offsets in multiples of {LANES}, with cells for every count")
        if not np.array_equal(np.diff(self.pair), np.repeat(number, np.diff(self.claim))):
            raise InvalidValue("Shard.pair", self.pair, "as many pairs for each claim as its count has cells")
        limits = {
            "outcome": self.outcomes,
            "left": self.places,
            "right": self.places,
            "voice": sizes["voices"],
            "place": sizes["parameters"] + 1,
            "cells": sizes["cells"],
        }
        for name, limit in limits.items():
            found = getattr(self, name)
            if len(found) and (found.min() < 0 or found.max() >= limit):
                raise InvalidValue(f"Shard.{name}", found, f"whole numbers from 0 to {limit - 1}")

    @property
    def sizes(self) -> dict[str, int]:
        """How many there are of what."""
        return {
            "counts": len(self.sign),
            "cells": len(self.log_center),
            "claims": len(self.voice),
            "edges": len(self.log_edge),
            "pairs": len(self.exact),
            "voices": len(self.shift),
            "parameters": len(self.parameters),
        }

    def fill_up(self, start: Ints, stop: Ints) -> tuple[Ints, Ints, NDArray[np.bool_]]:
        """Lay the ends of its cells out as these lie; 0 and 1 for what only fills up, and which do."""
        filled = np.ones(len(self.base), dtype=np.bool_)
        filled[self.cells] = False
        first, beyond = np.zeros(len(self.base), dtype=np.int64), np.ones(len(self.base), dtype=np.int64)
        first[self.cells], beyond[self.cells] = start, stop
        return first, beyond, filled


@attrs.frozen(eq=False)
class Evaluated:
    """Sums over the counts of a shard at each draw of the parameters; what was not asked for is empty.

    Attributes
    ----------
    value : ndarray, shape (draws,)
        Log evidence, with the signs of the counts.
    each : ndarray, shape (draws, counts)
        Log evidence of each count, without them.
    score : ndarray, shape (draws, voices, 8)
        Derivative of `value` by the parameters of each voice (Fisher's identity).
    prior : ndarray, shape (draws, outcomes, places)
        Derivative of `value` by the tails of the count priors.
    copies : ndarray, shape (draws, claims, 2)
        Posterior means of 1 / row and of own / row: how far a claim calls for a copy.
    mass : ndarray, shape (cells,)
        Sum over draws of weight times the posterior of cells.
    """

    value: Floats
    each: Floats
    score: Floats
    prior: Floats
    copies: Floats
    mass: Floats


def shape_of(text: str, sizes: dict[str, int]) -> tuple[int, ...]:
    """Read a shape such as ``"claims, 6"`` or ``"counts + 1"``."""
    return tuple([sizes[name] + more if name else more for name, more in _terms(text)])


@functools.cache
def _terms(text: str) -> tuple[tuple[str, int], ...]:
    """Read each extent of a shape as a size, if any, and a number that is added to it."""
    pairs = [part.partition(" + ") for part in text.split(", ")]
    return tuple([("", int(name)) if name.isdigit() else (name, int(more or 0)) for name, _, more in pairs])


def check_array(what: str, given: Any, kind: type[np.generic], shape: tuple[int, ...]) -> None:
    """Refuse what is not a contiguous array of a kind of number and a shape.

    Raises
    ------
    InvalidValue
    """
    if not isinstance(given, np.ndarray) or given.dtype != kind or given.shape != shape:
        raise InvalidValue(what, given, f"an array of {np.dtype(kind).name} and shape {shape}")
    if not given.flags.c_contiguous or not given.flags.aligned:
        raise InvalidValue(what, f"an array with strides {given.strides}", "a contiguous array")


def check_tails(slopes: Floats, prior: Floats) -> tuple[int, int, int]:
    """Check derivatives by tails, (draws, outcomes, places), and slopes of these; give the numbers of each."""
    draws, outcomes, places = prior.shape if np.ndim(prior) == 3 else (0, 0, 0)
    check_array("by_counts.prior", prior, np.float64, (draws, outcomes, places))
    check_array("by_counts.slopes", slopes, np.float64, (draws, outcomes, COUNTS, places))
    if places % LANES:
        raise InvalidValue("by_counts.prior", prior, f"a multiple of {LANES} places")
    return draws, outcomes, places


def check_given(what: str, shard: Shard, **given: Floats | None) -> None:
    """Check what a function of the likelihood, `what`, is given beside a shard; see `batches.Likelihood`.

    Parameters
    ----------
    what : str
    shard : Shard
    given : ndarray, optional
        By the names of `GIVEN`; draws are counted by `theta`. What is None is not looked at.

    Raises
    ------
    InvalidValue
    """
    sizes = shard.sizes | {
        "outcomes": shard.outcomes,
        "places": shard.places,
        "draws": 0 if (theta := given.get("theta")) is None else len(theta),
    }
    for name, array in given.items():
        if array is not None:
            check_array(f"{what}.{name}", array, np.float64, shape_of(GIVEN[what][name], sizes))
