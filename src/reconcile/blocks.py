# SPDX-License-Identifier: MIT
"""Claims about separate counts as dense arrays: wordings as edges, counts as cells, both in blocks.

Counts with about as many cells stand together in blocks that fit a processor's cache, however many claims each has.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import TYPE_CHECKING, TypeAlias

import attrs
import numpy as np
from numpy.typing import NDArray

from reconcile.channels import GrossError, size_of
from reconcile.pmf import TOP
from reconcile.speech import Meaning

if TYPE_CHECKING:
    from scipy.sparse import csr_array

__all__ = ["Block", "Cells", "Claims", "Shard", "build_shards"]

Floats: TypeAlias = NDArray[np.float64]
Ints: TypeAlias = NDArray[np.int64]

CELLS = 100_000  # numbers in the largest array of a block: what a core's cache holds
_FILLED = 2.0  # most cells in a block, over fewest
_LITTLE = 6_000  # numbers in an array so small that calling NumPy costs as much as computing it
_SHARD = 64  # events at least in a shard: some four shards of 1,000 claims, for cores to share
# Width of a cell relative to its counts, by how far (as a ratio) it lies from the nearest claimed number.
_FINE = 0.035
_RESOLUTION = ((1.4, _FINE), (3.0, 0.08), (10.0, 0.2), (100.0, 0.7), (np.inf, 2.0))


@attrs.frozen(eq=False)
class Words:
    """Wordings as sums over edges: sum_j w_j P(low_j <= figure <= high_j) = constant + sum_k c_k P(figure < edge_k).

    Attributes
    ----------
    start : ndarray of int, shape (v + 1,)
        Where the edges of each wording begin.
    edge, plain, heaped : ndarray, shape (k,)
        Edges, and their coefficients when the speaker gives figures as they are, and when the speaker heaps.
    fixed : ndarray, shape (6, v)
        For plain and heaped: the constant, the weight of intervals that hold 0, and the sum for a log-uniform figure.
    """

    start: Ints
    edge: Floats
    plain: Floats
    heaped: Floats
    fixed: Floats

    @classmethod
    def of(cls, meanings: Sequence[Meaning]) -> Words:
        """Merge the intervals of each wording into edges."""
        edges, coefficients, fixed = [], [], np.zeros((6, len(meanings)))
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
            anything = GrossError.anything(m.low, m.high)
            for row, weight in enumerate((m.plain, m.heaped)):
                fixed[row, at] = weight[np.isinf(m.high)].sum()
                fixed[2 + row, at] = weight[m.low <= 0].sum()
                fixed[4 + row, at] = weight @ anything
        start = np.concatenate([[0], np.cumsum([len(e) for e in edges])])
        plain, heaped = np.concatenate(coefficients, axis=1)
        return cls(start, np.concatenate(edges), plain, heaped, fixed)


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
    logs = np.log(grid + 0.5)
    order = np.lexsort((point, event))
    event, point = event[order], point[order]
    first = np.searchsorted(event, np.arange(events + 1))
    most = int(np.max(np.diff(first), initial=1))
    found = []
    step = max(2_000_000 // (len(grid) * most), 1)
    for begin in range(0, events, step):
        rows = np.arange(begin, min(begin + step, events))
        slots = first[rows][:, None] + np.arange(most)
        held = slots < first[rows + 1][:, None]
        near = np.where(held, np.log(point[np.minimum(slots, len(point) - 1)] + 0.5), -50.0 if len(point) else 0.0)
        distance = np.full((len(rows), len(grid)), np.inf)
        for k in range(most):
            np.minimum(distance, np.abs(near[:, [k]] - logs), out=distance)
        relative = np.select(
            [distance <= np.log(r) for r, _ in _RESOLUTION[:-1]], [w for _, w in _RESOLUTION[:-1]], 2.0
        )
        level = np.floor(np.log2(np.maximum(relative * np.maximum(grid, 1) / width, 1.0))).astype(np.int64)
        kept = (np.arange(len(grid)) % (1 << np.minimum(level, 20)) == 0) | (grid <= 2)
        kept[:, -1] = False  # beyond the top
        at, cell = np.nonzero(kept)
        found.append((rows[at], grid[cell]))
    whole = point.astype(np.int64)
    keys = [(e, c) for e, c in found] + [(event, whole), (event, whole + 1)]
    joined = np.unique(np.concatenate([e * (2 * TOP) + np.minimum(c, TOP) for e, c in keys]))
    owner, start = joined // (2 * TOP), joined % (2 * TOP)
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
        known = np.isfinite(core)
        events = len(claims.outcome)
        start, first = _cells(np.repeat(claims.event, 2)[known.ravel()], core.ravel()[known.ravel()], events)
        stop = np.append(start[1:], TOP + 1)
        stop[first[1:] - 1] = TOP + 1
        width = (stop - start).astype(float)
        middle = np.where(width <= 1, start + 0.5, np.sqrt((start + 0.5) * (stop - 0.5)))
        across = np.log(stop / np.maximum(start, 0.5))  # as if counts were spread evenly over the cell
        return cls(start, stop, first, np.log(middle), np.where(width > 1, across**2 / 12, 0.0))

    def only(self, events: Ints) -> Cells:
        """Keep the cells of some of the unknowns, in the order given."""
        at, first = self.of_events(events)
        return Cells(self.start[at], self.stop[at], first, self.log_center[at], self.blur[at])

    def of_events(self, events: Ints) -> tuple[Ints, Ints]:
        """Say where the cells of some of the unknowns stand, in the order given, and where those of each begin."""
        number = np.diff(self.first)[events]
        return _spans(self.first[events], number)[0], np.concatenate([[0], np.cumsum(number)])

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
class Edges:
    """Edges of all wordings of a block, claim by claim.

    Attributes
    ----------
    claim, event : ndarray of int, shape (k,)
        Which claim of the block each belongs to, and which of its counts that is about.
    log_edge, plain, tilt : ndarray, shape (k,)
        Logarithms of the edges and their coefficients; `tilt` is heaped less plain.
    total : sparse array, shape (c, k)
        Adds up the edges of each claim.
    """

    claim: Ints
    event: Ints
    log_edge: Floats
    plain: Floats
    tilt: Floats
    total: csr_array


@attrs.frozen(eq=False)
class Block:
    """Some counts and their claims: `b` counts, `c` claims, at most `w` cells a count.

    Attributes
    ----------
    events : ndarray of int, shape (b,)
    claims : ndarray of int, shape (c,)
        Row of each claim in `Claims`; those about one count stand together, in the order of counts.
    event : ndarray of int, shape (c,)
        Which count of the block each is about.
    total : sparse array, shape (b, c)
        Adds up the claims about each count.
    low, width : ndarray, shape (b, w)
        First count and number of counts of each cell; a width of 0 fills up.
    left, right : ndarray of int, shape (b, w)
        Places of each cell's first count, and of the first beyond it, in the table of tails.
    outcome : ndarray of int, shape (b,)
    edges : Edges
    exact : ndarray, shape (c, w)
        Share of each cell that the wording covers.
    fixed : ndarray, shape (6, c)
        See `Words`; the constants also hold half of the coefficients of all edges.
    hedged : ndarray of bool, shape (c,)
    log_center, size, blur : ndarray, shape (b, w)
        See `Cells`; `size` is the `size_of` of the middle.
    reference : ndarray, shape (b, w), optional
        Logarithm of what the claims say of each cell whatever is learned; see `batches.refer`.
    """

    events: Ints
    claims: Ints
    event: Ints
    total: csr_array
    low: Floats
    width: Floats
    left: Ints
    right: Ints
    outcome: Ints
    edges: Edges
    exact: NDArray[np.float32]
    fixed: Floats
    hedged: NDArray[np.bool_]
    log_center: Floats
    size: Floats
    blur: Floats
    reference: Floats | None = None
    _kept: dict[int, Block] = attrs.field(factory=dict, init=False, repr=False)

    def tiled(self, times: int, *, keep: bool = False) -> Block:
        """Repeat all counts, so that each copy may have other source parameters; `keep` holds the result for next time.

        Chains repeat the same blocks at every step, which took an eighth of their time; elsewhere it is not worth the
        memory.
        """
        if times == 1:
            return self
        found = self._kept.get(times)
        if found is None:
            found = _tile(self, times)
            if keep:
                self._kept[times] = found
        return found


def _tile(block: Block, times: int) -> Block:
    claims, copies, edges = len(block.claims), np.arange(times)[:, None], block.edges
    event = (block.event + len(block.events) * copies).ravel()
    claim = (edges.claim + claims * copies).ravel()
    same = {
        name: np.tile(x, (times,) + (1,) * (x.ndim - 1))
        for name in ("events", "claims", "low", "width", "left", "right", "outcome", "exact", "hedged",
                     "log_center", "size", "blur")
        if (x := getattr(block, name)) is not None
    }  # fmt: skip
    return attrs.evolve(
        block,
        event=event,
        total=_adder(event, len(block.events) * times),
        edges=Edges(
            claim,
            event[claim],
            np.tile(edges.log_edge, times),
            np.tile(edges.plain, times),
            np.tile(edges.tilt, times),
            _adder(claim, claims * times),
        ),
        fixed=np.tile(block.fixed, times),
        **same,
    )


def _adder(group: Ints, groups: int) -> csr_array:
    """Make the matrix that adds up the members of each group; `group` in ascending order."""
    from scipy.sparse import csr_array

    start, number = np.searchsorted(group, np.arange(groups + 1)), len(group)
    return csr_array((np.ones(number), np.arange(number), start), shape=(groups, number))


def _spans(start: Ints, number: Ints) -> tuple[Ints, Ints]:
    """Whole numbers from each start, so many, one after the other; and which start each belongs to."""
    owner = np.repeat(np.arange(len(start)), number)
    return start[owner] + np.arange(len(owner)) - (np.cumsum(number) - number)[owner], owner


@attrs.frozen(eq=False)
class Shard:
    """Some of the counts, to be computed in one go; what a worker is sent.

    Attributes
    ----------
    blocks : tuple of Block
        Their `claims` and `events` count within the shard.
    rows, events : ndarray of int
        Which claims and counts the shard holds, by row of `Claims` and by count.
    """

    blocks: tuple[Block, ...]
    rows: Ints
    events: Ints


def build_shards(claims: Claims, cells: Cells, apart: Ints | None = None) -> tuple[tuple[Shard, ...], Ints]:
    """Sort counts into blocks and shards.

    Parameters
    ----------
    claims : Claims
    cells : Cells
    apart : ndarray of int, shape (events,), optional
        Counts that differ in it do not share a block.

    Returns
    -------
    shards : tuple of Shard
    edge : ndarray of int, shape (u,)
        The ends of all cells, to which `Block.left` points.
    """
    events = len(claims.outcome)
    edge, place = np.unique(np.concatenate([cells.start, cells.stop]), return_inverse=True)
    begin = np.searchsorted(claims.event, np.arange(events + 1))
    count_of = np.diff(cells.first)
    load = np.bincount(claims.event, np.diff(claims.words.start)[claims.value], events)
    kind = np.diff(begin) == 1 if apart is None else apart
    order = np.lexsort((np.arange(events), count_of, kind))
    waiting: list[Ints] = []
    made: list[Shard] = []
    at = 0
    while at < events:
        stop = int(np.searchsorted(kind[order], kind[order[at]], side="right"))
        work = np.cumsum(load[order[at:stop]]) * count_of[order[at:stop]]
        # Counts with far fewer cells than others would be filled up in vain, unless all of them are little work.
        alike = int(np.searchsorted(count_of[order[at:stop]], _FILLED * count_of[order[at]], side="right"))
        little = int(np.searchsorted(work, _LITTLE, side="right"))
        number = min(int(np.searchsorted(work, CELLS)) + 1, max(alike, little), stop - at)
        waiting.append(order[at : at + number])
        at += number
        if at == events or sum(map(len, waiting)) >= _SHARD:
            made.append(_shard(claims, waiting, begin, cells, place))
            waiting = []
    return tuple(made), edge


def _shard(claims: Claims, members: list[Ints], begin: Ints, cells: Cells, place: Ints) -> Shard:
    """Put blocks of counts together, whose claims and counts are numbered within the shard."""
    blocks, event_at, row_at, rows = [], 0, 0, []
    for events in members:
        block = _block(claims, events, begin, cells, place)
        rows.append(block.claims)
        own, heard = event_at + np.arange(len(events)), row_at + np.arange(len(block.claims))
        blocks.append(attrs.evolve(block, events=own, claims=heard))
        event_at, row_at = event_at + len(events), row_at + len(heard)
    return Shard(tuple(blocks), np.concatenate(rows), np.concatenate(members))


def _block(claims: Claims, members: Ints, begin: Ints, cells: Cells, place: Ints) -> Block:
    first, size, words = cells.first, len(cells.start), claims.words
    w = int(np.max(first[members + 1] - first[members]))
    at = first[members][:, None] + np.arange(w)
    inside = at < first[members + 1][:, None]
    at = np.minimum(at, size - 1)
    low = cells.start[at].astype(float)
    width = np.where(inside, cells.stop[at] - low, 0.0)
    row, event = _spans(begin[members], begin[members + 1] - begin[members])
    value = claims.value[row]
    slot, claim = _spans(words.start[value], words.start[value + 1] - words.start[value])
    edge, plain, tilt = words.edge[slot], words.plain[slot], words.heaped[slot] - words.plain[slot]
    edges = Edges(claim, event[claim], np.log(edge), plain, tilt, _adder(claim, len(row)))
    covered = (edge[:, None] - low[edges.event]) / np.maximum(width, 1.0)[edges.event]
    np.clip(covered, 0, 1, out=covered)
    fixed = words.fixed[:, value]
    exact = edges.total @ (plain[:, None] * covered) + fixed[0][:, None]
    fixed[:2] += 0.5 * np.array([edges.total @ plain, edges.total @ words.heaped[slot]])
    log_center = cells.log_center[at]
    return Block(
        members, row, event, _adder(event, len(members)), low, width, place[at], place[size + at],
        claims.outcome[members], edges, exact.astype(np.float32), fixed,
        claims.hedged[row], log_center, size_of(np.exp(log_center) - 0.5), cells.blur[at],
    )  # fmt: skip
