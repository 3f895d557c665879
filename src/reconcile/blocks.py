# SPDX-License-Identifier: MIT
"""Claims about separate counts as dense arrays: wordings as edges, counts as cells, both in blocks.

Counts with equally many claims stand together in blocks that fit a processor's cache.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import TypeAlias

import attrs
import numpy as np
from numpy.typing import NDArray

from reconcile.channels import GrossError, size_of
from reconcile.pmf import TOP
from reconcile.speech import Meaning

__all__ = ["Block", "Cells", "Claims", "Shard", "build_shards"]

Floats: TypeAlias = NDArray[np.float64]
Ints: TypeAlias = NDArray[np.int64]

CELLS = 100_000  # numbers in the largest array of a block: what a core's cache holds
_FILLED = 2.0  # most cells in a block, over fewest
_LITTLE = 6_000  # numbers in an array so small that calling NumPy costs as much as computing it
_SHARD = 1_000  # events at least in a shard
# Width of a cell relative to its counts, by how far (as a ratio) it lies from the nearest claimed number.
_FINE = 0.035
_RESOLUTION = ((1.4, _FINE), (3.0, 0.08), (10.0, 0.2), (100.0, 0.7), (np.inf, 2.0))


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
    """

    event: Ints
    value: Ints
    hedged: NDArray[np.bool_]
    meanings: tuple[Meaning, ...]
    outcome: Ints

    def __len__(self) -> int:
        return len(self.event)


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
        first = np.concatenate([[0], np.cumsum(number)])
        return np.arange(first[-1]) + np.repeat(self.first[events] - first[:-1], number), first

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
    """Claims of a block with about equally many edges.

    Attributes
    ----------
    claim, event : ndarray of int, shape (c,)
        Which claims of the block, and which of its counts they are about.
    log_edge, plain, tilt : ndarray, shape (c, e)
        Logarithms of the edges and their coefficients; `tilt` is heaped less plain. Filled up with coefficients of 0.
    """

    claim: Ints
    event: Ints
    log_edge: Floats
    plain: Floats
    tilt: Floats


@attrs.frozen(eq=False)
class Block:
    """Counts with `n` claims each; `b` counts, at most `w` cells each.

    Attributes
    ----------
    events : ndarray of int, shape (b,)
    claims : ndarray of int, shape (b, n)
        Row of each claim in `Claims`.
    low, width : ndarray, shape (b, w)
        First count and number of counts of each cell; a width of 0 fills up.
    left, right : ndarray of int, shape (b, w)
        Places of each cell's first count, and of the first beyond it, in the table of tails.
    outcome : ndarray of int, shape (b,)
    edges : tuple of Edges
    exact, exact_tilt : ndarray, shape (b, n, w)
        Share of each cell that the wording covers, and how far heaping changes it.
    fixed : ndarray, shape (6, b, n)
        See `Words`.
    hedged : ndarray of bool, shape (b, n)
    log_center, size, blur : ndarray, shape (b, w)
        See `Cells`; `size` is the `size_of` of the middle.
    reference : ndarray, shape (b, n, w), optional
        What each claim says of each cell whatever is learned; see `batches.refer`.
    """

    events: Ints
    claims: Ints
    low: Floats
    width: Floats
    left: Ints
    right: Ints
    outcome: Ints
    edges: tuple[Edges, ...]
    exact: NDArray[np.float32]
    exact_tilt: NDArray[np.float32]
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
    rows, count = block.claims.size, len(block.events)
    copies = np.arange(times)

    def repeat(x: NDArray[np.generic]) -> NDArray[np.generic]:
        return np.tile(x, (times,) + (1,) * (x.ndim - 1))

    edges = tuple(
        Edges(
            (group.claim + rows * copies[:, None]).ravel(),
            (group.event + count * copies[:, None]).ravel(),
            *(repeat(x) for x in (group.log_edge, group.plain, group.tilt)),  # type: ignore[arg-type]
        )
        for group in block.edges
    )
    same = {
        name: repeat(getattr(block, name))
        for name in ("events", "claims", "low", "width", "left", "right", "outcome", "exact", "exact_tilt",
                     "hedged", "log_center", "size", "blur")
    }  # fmt: skip
    return attrs.evolve(block, edges=edges, fixed=np.tile(block.fixed, (1, times, 1)), **same)  # type: ignore[arg-type]


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
    words = Words.of(claims.meanings)
    events = len(claims.outcome)
    edge, place = np.unique(np.concatenate([cells.start, cells.stop]), return_inverse=True)
    begin = np.searchsorted(claims.event, np.arange(events + 1))
    number, count_of = np.diff(begin), np.diff(cells.first)
    edges = np.diff(words.start)[claims.value]
    claimed = np.bincount(claims.event, _rounded(edges), events)
    load = claimed * count_of
    kind = number if apart is None else apart * (number.max(initial=0) + 1) + number
    order = np.lexsort((np.arange(events), count_of, kind))
    blocks: list[tuple[Ints, int]] = []
    at = 0
    while at < events:
        n = number[order[at]]
        stop = at + int(np.searchsorted(np.cumsum(load[order[at:]]), CELLS)) + 1
        stop = min(stop, int(np.searchsorted(kind[order], kind[order[at]], side="right")))
        # Counts with far fewer cells than others would be filled up in vain, unless all of them are little work.
        mine = count_of[order[at:stop]]
        alike = int(np.searchsorted(mine, _FILLED * mine[0], side="right"))
        little = int(np.count_nonzero(np.cumsum(claimed[order[at:stop]]) * mine <= _LITTLE))
        stop = min(stop, at + max(alike, little))
        blocks.append((order[at:stop], n))
        at = stop
    shards, waiting, count = [], [], 0
    for members, n in blocks:
        waiting.append((members, n))
        count += len(members)
        if count >= _SHARD:
            shards.append(waiting)
            waiting, count = [], 0
    if waiting:
        shards.append(waiting)
    made = []
    for group in shards:
        mine = np.concatenate([members for members, _ in group])
        rows = np.concatenate([(begin[members][:, None] + np.arange(n)).ravel() for members, n in group])
        built, event_at, row_at = [], 0, 0
        for members, n in group:
            b = len(members)
            block = _block(claims, words, members, n, begin, cells, place)
            built.append(
                attrs.evolve(
                    block,
                    events=event_at + np.arange(b),
                    claims=row_at + np.arange(b * n).reshape(b, n),
                )
            )
            event_at, row_at = event_at + b, row_at + b * n
        made.append(Shard(tuple(built), rows, mine))
    return tuple(made), edge


def _rounded(edges: Ints) -> Ints:
    """Round a number of edges up to one of a few sizes."""
    sizes = np.array([2, 4, 6, 8, 12, 16, 24, 48, 10_000])
    found: Ints = np.minimum(sizes[np.searchsorted(sizes, edges)], np.maximum(edges, sizes[-2]))
    return found


def _block(claims: Claims, words: Words, members: Ints, n: int, begin: Ints, cells: Cells, place: Ints) -> Block:
    first, size = cells.first, len(cells.start)
    b, w = len(members), int(np.max(first[members + 1] - first[members]))
    at = first[members][:, None] + np.arange(w)
    inside = at < first[members + 1][:, None]
    at = np.minimum(at, size - 1)
    left, right = place[at], place[size + at]
    low = cells.start[at].astype(float)
    width = np.where(inside, cells.stop[at] - low, 0.0)
    row = begin[members][:, None] + np.arange(n)
    value = claims.value[row]
    count = words.start[value + 1] - words.start[value]
    groups = []
    exact, exact_tilt = np.zeros((b * n, w), dtype=np.float32), np.zeros((b * n, w), dtype=np.float32)
    flat, sizes = value.ravel(), _rounded(count.ravel())
    log_center, blur = cells.log_center[at], cells.blur[at]
    for size in np.unique(sizes):
        mine = np.flatnonzero(sizes == size)
        code = flat[mine]
        slots = words.start[code][:, None] + np.arange(size)
        held = slots < words.start[code + 1][:, None]
        slots = np.where(held, slots, words.start[code][:, None])
        edge = words.edge[slots]
        plain = np.where(held, words.plain[slots], 0.0)
        tilt = np.where(held, words.heaped[slots] - words.plain[slots], 0.0)
        event = mine // n
        covered = np.clip((edge[:, :, None] - low[event][:, None, :]) / np.maximum(width, 1.0)[event][:, None, :], 0, 1)
        exact[mine] = np.einsum("ce,cew->cw", plain, covered) + words.fixed[0][code][:, None]
        exact_tilt[mine] = np.einsum("ce,cew->cw", tilt, covered) + (words.fixed[1] - words.fixed[0])[code][:, None]
        groups.append(Edges(mine, event, np.log(edge), plain, tilt))
    return Block(
        members, row, low, width, left, right, claims.outcome[members], tuple(groups),
        exact.reshape(b, n, w), exact_tilt.reshape(b, n, w), words.fixed[:, value], claims.hedged[row],
        log_center, size_of(np.exp(log_center) - 0.5), blur,
    )  # fmt: skip
