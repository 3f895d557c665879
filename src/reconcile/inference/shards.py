# SPDX-License-Identifier: MIT
"""From claims and cells to shards: the flat arrays of a problem, cut where the work is about even."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

import attrs
import numpy as np
from numpy.typing import NDArray

from reconcile.inference.arrays import FILLER, LANES, Cells, Claims, CountEdges, Shard, spans
from reconcile.inference.batches import choose_likelihood
from reconcile.inference.elementary import exponential, logarithm
from reconcile.model import HEDGED_FIDELITY, HEDGED_SPREAD

__all__ = ["Tasks", "build_shard", "build_shards", "cut_evenly", "cut_tasks"]

Floats: TypeAlias = NDArray[np.float64]
Ints: TypeAlias = NDArray[np.int64]

_WORK = 25_000  # pairs of a cell and a claim in a shard, about: some four shards of 1,000 claims, for cores to share


@attrs.frozen(eq=False)
class Tasks:
    """Counts to be summed out: over which cells, by which claims, with which sign.

    Attributes
    ----------
    cells : Cells
        Of each task, one after the other.
    outcome : ndarray of int, shape (t,)
    sign : ndarray, shape (t,)
    begin, end : ndarray of int, shape (t,)
        Which claims speak of each: rows of `Claims`, the last left out.
    heard : ndarray of bool, shape (t,)
        Whether these may be copies.
    base : ndarray, shape (c,)
        Logarithm of what else is said of each cell.
    """

    cells: Cells
    outcome: Ints
    sign: Floats
    begin: Ints
    end: Ints
    heard: NDArray[np.bool_]
    base: Floats

    @classmethod
    def of(cls, claims: Claims, cells: Cells) -> Tasks:
        """Take every count with all of its claims."""
        events = len(claims.outcome)
        begin = np.searchsorted(claims.event, np.arange(events + 1)).astype(np.int64)
        every = np.ones(events, dtype=np.bool_)
        base = np.zeros(len(cells.start))
        return cls(cells, claims.outcome, np.ones(events), begin[:-1], begin[1:], every, base)

    def only(self, events: Ints) -> Tasks:
        """Keep some, in the order given."""
        at, _ = self.cells.of_events(events)
        kept = {name: getattr(self, name)[events] for name in ("outcome", "sign", "begin", "end", "heard")}
        return Tasks(self.cells.only(events), **kept, base=self.base[at])

    @classmethod
    def join(cls, parts: Sequence[Tasks]) -> Tasks:
        """Put several one after the other."""
        names = ("outcome", "sign", "begin", "end", "heard", "base")
        rows = [np.concatenate([getattr(part, name) for part in parts]) for name in names]
        return cls(Cells.join([part.cells for part in parts]), *rows)


def build_shards(
    claims: Claims,
    columns: Ints,
    tasks: Tasks,
    wide: Floats,
    none: int,
    ends: Ints | None = None,
    edges: CountEdges | None = None,
) -> tuple[tuple[Shard, ...], CountEdges]:
    """Lay tasks out as arrays, and cut these into shards of about even work, which does not depend on who computes.

    Parameters
    ----------
    claims : Claims
    columns : ndarray of int, shape (8, n)
        Where the parameters of each claim stand among those of the problem; `none` for those that it has none of.
    tasks : Tasks
    wide : ndarray, shape (outcomes, 3)
        `CountPrior.wide` of each count prior.
    none : int
        How many parameters the problem has.
    ends : ndarray of int, shape (shards + 1,), optional
        Where to cut, by task, from 0 to their number; by default as `cut_tasks` says.
    edges : CountEdges, optional
        Among which the ends of all cells are; by default these alone.

    Returns
    -------
    shards : tuple of Shard
    edges : CountEdges
    """
    edges = CountEdges.of_cells([tasks.cells], wide) if edges is None else edges
    left, right = (np.searchsorted(edges.edge, of) for of in (tasks.cells.start, tasks.cells.stop))
    ends = cut_tasks(tasks) if ends is None else ends
    first = tasks.cells.first
    made = []
    for a, z in zip(ends[:-1].tolist(), ends[1:].tolist(), strict=True):
        mine = tasks if len(ends) == 2 else tasks.only(np.arange(a, z))
        at = slice(int(first[a]), int(first[z]))
        made.append(_lay_out(claims, columns, mine, left[at], right[at], edges, none))
    return tuple(made), edges


def cut_tasks(tasks: Tasks) -> Ints:
    """Cut tasks where the work is about even; give where the parts begin, and where the last ends."""
    return cut_evenly(_padded(tasks.cells) * (tasks.end - tasks.begin + 1), _WORK)


def cut_evenly(work: Ints, most: int) -> Ints:
    """Cut things into parts of about `most` work each; give where the parts begin, and where the last ends."""
    done = np.cumsum(work)
    parts = max(round(int(done[-1]) / most), 1) if len(done) else 0
    cut = np.searchsorted(done, done[-1:] * np.arange(1, parts) / max(parts, 1)) + 1
    return np.unique(np.concatenate([[0], cut, [len(done)]])).astype(np.int64)


def build_shard(claims: Claims, columns: Ints, tasks: Tasks, none: int) -> Shard:
    """Lay tasks out as one shard, for their rows alone: without count priors; see `build_shards`."""
    nowhere = np.zeros(len(tasks.cells.start), dtype=np.int64)
    number = int(tasks.outcome.max(initial=-1)) + 1
    edges = CountEdges.of(np.zeros(1, dtype=np.int64), np.ones((number, 3)))
    return _lay_out(claims, columns, tasks, nowhere, nowhere, edges, none)


def _padded(cells: Cells) -> Ints:
    """Count the cells of each task, filled up."""
    number: Ints = np.diff(cells.first)
    return number + -number % LANES


def _lay_out(
    claims: Claims, columns: Ints, tasks: Tasks, left: Ints, right: Ints, edges: CountEdges, none: int
) -> Shard:
    cells, words = tasks.cells, claims.words
    number, padded = np.diff(cells.first), _padded(cells)
    cell = np.concatenate([[0], np.cumsum(padded)])
    at, _ = spans(cell[:-1], number)

    def fill(x: NDArray[Any], filler: float, kind: type[np.generic] = np.float64) -> NDArray[Any]:
        found = np.full(int(cell[-1]), filler, dtype=kind)
        found[at] = x
        return found

    row, task = spans(tasks.begin, tasks.end - tasks.begin)
    claim = np.concatenate([[0], np.cumsum(tasks.end - tasks.begin)])
    value, hedged = claims.value[row], claims.hedged[row]
    slot, owner = spans(words.start[value], words.start[value + 1] - words.start[value])
    edge = np.concatenate([[0], np.cumsum(words.start[value + 1] - words.start[value])])
    fixed = words.fixed[:, value].T.copy()
    constant = fixed[:, 0].copy()
    for k, weight in enumerate((words.plain, words.heaped)):
        fixed[:, k] += 0.5 * np.bincount(owner, weight[slot], len(row))
    voice, columns_of, shift = _voices(columns[:, row], hedged, len(row))
    spoken = np.zeros(none + 1, dtype=np.bool_)
    spoken[columns_of] = True
    parameters = np.flatnonzero(spoken[:none])
    place = np.where(columns_of < none, np.searchsorted(parameters, columns_of), len(parameters))
    # That is `size_of` the middle, with the same bits on every machine.
    size = np.sqrt(logarithm(np.maximum(exponential(cells.log_center) - 0.5, 1.0)))
    shard = Shard(
        cell=cell,
        claim=claim,
        sign=np.ascontiguousarray(tasks.sign, dtype=np.float64),
        outcome=tasks.outcome.astype(np.int32),
        log_center=fill(cells.log_center, 0.0),
        size=fill(size, 0.0),
        blur=fill(cells.blur, 0.0),
        base=fill(tasks.base, FILLER),
        left=fill(left, 0, np.int32),
        right=fill(right, 0, np.int32),
        edge=edge,
        pair=np.concatenate([[0], np.cumsum(padded[task])]),
        fixed=fixed,
        voice=voice,
        log_edge=logarithm(words.edge)[slot],
        bound=words.edge[slot],
        plain=words.plain[slot],
        tilt=(words.heaped - words.plain)[slot],
        exact=np.zeros(int(padded[task].sum()), dtype=np.float32),
        slip=np.zeros(int(padded[task].sum())),
        slip_tilt=np.zeros(int(padded[task].sum())),
        shift=shift,
        place=place.astype(np.int32),
        parameters=parameters,
        rows=row,
        heard=tasks.heard[task],
        cells=at,
        outcomes=len(edges.far),
        places=len(edges.edge),
    )
    low, width = fill(cells.start, 0.0), fill(cells.stop - cells.start, 1.0)
    shard.exact[:], shard.slip[:], shard.slip_tilt[:] = choose_likelihood().cover(shard, low, width, constant)
    return shard


def _voices(columns: Ints, hedged: NDArray[np.bool_], claims: int) -> tuple[NDArray[np.int32], Ints, Floats]:
    """Number the different parameters, hedged or not; give the voice of each claim, and what the voices have."""
    if not claims:
        return np.zeros(0, dtype=np.int32), np.zeros((0, len(columns)), dtype=np.int64), np.zeros((0, 2))
    key = np.concatenate([columns, hedged[None].astype(np.int64)])
    order = np.lexsort(key[::-1])
    fresh = np.append(True, np.any(np.diff(key[:, order], axis=1) != 0, axis=0))
    voice = np.empty(claims, dtype=np.int32)
    voice[order] = np.cumsum(fresh) - 1
    first = order[fresh]
    moves = np.append(logarithm(np.array([HEDGED_SPREAD])), HEDGED_FIDELITY)
    return voice, np.ascontiguousarray(columns[:, first].T), hedged[first][:, None] * moves
