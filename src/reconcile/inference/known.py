# SPDX-License-Identifier: MIT
"""What could be known of a count, given the count: P(known count | truth), the same for all who speak of it.

Between the truth and the figures of sources stands one known count, with an error that all share; see
`model.KnownCount`. It is summed out exactly over cells: of a count that stands alone it changes the prior by which
claims are read, and what is found of the known count is then turned back into the count itself; of counts that add up
it changes what the claims about each one say of it.
"""

from __future__ import annotations

import functools
import itertools
from typing import TYPE_CHECKING, TypeAlias

import attrs
import numpy as np
from numpy.typing import NDArray

from reconcile.channels import student_cdf
from reconcile.inference.batches import choose_likelihood
from reconcile.inference.elementary import logarithm
from reconcile.inference.pools import Pool
from reconcile.inference.rising import Looks
from reconcile.model import KnownCount
from reconcile.pmf import TOP

if TYPE_CHECKING:
    from scipy.sparse import csr_array

__all__ = ["LEAST", "Lift", "Pushed", "chance_of_known", "chance_on_lattice"]

Floats: TypeAlias = NDArray[np.float64]
Ints: TypeAlias = NDArray[np.int64]

# Cells of the truth over which a prior is pushed: every count up to the first number, then so wide. The error that is
# shared is some .4 wide: with cells half as wide no probability of the known count moves by 1e-4 (tested).
ALONE, WIDE = 40, 0.2
LEAST = 1e-290  # floor of a probability that is divided by


def chance_of_known(known: KnownCount, start: Ints, stop: Ints, first: Ints, beyond: Ints) -> Floats:
    """P(known count from `start` to before `stop` | count from `first` to before `beyond`); shapes broadcast.

    Of an error, cells k >= 1 other than the truth y have the mass of Student's t with 4 degrees of freedom of
    log((k + 1/2) / (y + 1/2)) / spread, as `LogStudent` has it of figures, divided by what all of them have. Within a
    wide cell the truth stands in the geometric middle, which the spread makes good enough.

    Parameters
    ----------
    known : KnownCount
    start, stop, first, beyond : ndarray of int
        A cell that holds 0 holds nothing else, or any count.
    """
    first, beyond, start, stop = (np.atleast_1d(ends) for ends in (first, beyond, start, stop))
    width = (beyond - first).astype(float)
    middle = np.where(width <= 1, first + 0.5, np.sqrt((first + 0.5) * np.maximum(beyond - 0.5, 0.5)))
    center = logarithm(middle)

    def below(edge: Floats) -> Floats:
        """P(known count < edge) by the error alone."""
        found: Floats = np.where(
            edge > TOP, 1.0, student_cdf((logarithm(np.maximum(edge, 0.5)) - center) / known.spread)
        )
        return np.where(edge < 0.75, 0.0, found)

    held = np.maximum(np.minimum(stop, beyond) - np.maximum(start, first), 0) / width
    own = below(middle + 0.5) - below(np.maximum(middle - 0.5, 1.0))
    others = 1.0 - below(np.ones_like(middle)) - own
    near = below(stop.astype(float)) - below(np.maximum(start, 1).astype(float)) - held * own
    off = (1.0 - known.zero) * np.maximum(near, 0.0) / others + known.zero * (start <= 0)
    found: Floats = np.where(beyond <= 1, start <= 0, known.exact * held + (1.0 - known.exact) * off)
    return found


def chance_on_lattice(known: KnownCount, first: Ints, beyond: Ints) -> Floats:
    """P(known count in the second cell | count in the first), for cells (first count, first beyond); shape (n, n)."""
    return chance_of_known(known, first[None, :], beyond[None, :], first[:, None], beyond[:, None])


@functools.lru_cache(maxsize=8)
def _grid(known: KnownCount) -> tuple[Ints, Floats]:
    """Ends of cells of the truth from 1 on, and P(off, and at least each end | count in each cell), but for 0."""
    ends = np.arange(1, ALONE + 1)
    beyond = ALONE * np.exp(np.arange(1, int(np.log((TOP + 1) / ALONE) / WIDE) + 1) * WIDE)
    ends = np.unique(np.concatenate([ends, beyond.astype(np.int64), [TOP + 1]]))
    bare = attrs.evolve(known, exact=0.0, zero=0.0)
    cells = chance_of_known(bare, ends[:-1, None], ends[1:, None], ends[None, :-1], ends[None, 1:])
    upward = np.concatenate([np.cumsum(cells[::-1], axis=0)[::-1], np.zeros((1, cells.shape[1]))])
    return ends, upward


@attrs.frozen(eq=False)
class Pushed:
    """From tails of the prior of a count to those of the prior of what is known of it, and back.

    Attributes
    ----------
    known : KnownCount
    ends : ndarray of int, shape (g,)
        At which the tails of the count are needed, beside those at the edges.
    place : ndarray of int, shape (u,)
        The last of the ends at or below each edge.
    share : ndarray, shape (u,)
        How far each edge is on the way to the next, by logarithms.
    positive : ndarray of bool, shape (u,)
        Whether an edge is above 0.
    """

    known: KnownCount
    ends: Ints
    place: Ints
    share: Floats
    positive: NDArray[np.bool_]

    @classmethod
    def of(cls, known: KnownCount, edge: Ints) -> Pushed:
        """Prepare for edges, shape (u,)."""
        ends, _ = _grid(known)
        place = np.clip(np.searchsorted(ends, edge, side="right") - 1, 0, len(ends) - 2)
        low, high = (logarithm(ends[at].astype(float)) for at in (place, place + 1))
        share = (logarithm(np.maximum(edge, 1).astype(float)) - low) / (high - low)
        return cls(known, ends, place, np.clip(share, 0.0, 1.0), edge > 0)

    @property
    def _wrong(self) -> float:
        """Probability of being off, but by more than not knowing of anybody."""
        return (1.0 - self.known.exact) * (1.0 - self.known.zero)

    def push(self, tail: Floats) -> Floats:
        """Push tails of the count, or slopes of these, at the edges and then the ends, (..., u + g); give (..., u)."""
        edges = len(self.place)
        there, ends = tail[..., :edges], tail[..., edges : edges + len(self.ends)]
        mass = np.ascontiguousarray(ends[..., :-1] - ends[..., 1:])
        # Not a product of matrices, whose bits are another on every machine.
        off = np.einsum("...i,ei->...e", mass, _grid(self.known)[1])
        below, above = off[..., self.place], off[..., self.place + 1]
        pushed = self.known.exact * there + self._wrong * (below + self.share * (above - below))
        found: Floats = np.where(self.positive, pushed, there)
        return found

    def pull(self, slope: Floats, places: int) -> Floats:
        """Turn derivatives by what is pushed, (..., u), into those by all tails that it is made of, (..., places)."""
        moved = np.where(self.positive, self._wrong * slope, 0.0)
        shape, size = moved.shape[:-1], len(self.ends)
        flat = moved.reshape(int(np.prod(shape)), moved.shape[-1])
        line = np.arange(len(flat))[:, None] * size + self.place
        above = flat * self.share
        off = np.bincount(line.ravel(), (flat - above).ravel(), len(flat) * size)
        off += np.bincount((line + 1).ravel(), above.ravel(), len(flat) * size)
        by_mass = np.einsum("...e,ei->...i", off.reshape(*shape, size), _grid(self.known)[1])
        found, first = np.zeros((*shape, places)), slope.shape[-1]
        found[..., :first] = np.where(self.positive, self.known.exact * slope, slope)
        found[..., first : first + size - 1] = by_mass
        found[..., first + 1 : first + size] -= by_mass
        return found


@attrs.frozen(eq=False)
class Lift:
    """From what claims say of known counts to what they say of the counts, for several counts one after the other.

    Each has a claim. What is large is made where it is asked for: a worker is sent what it is made of.

    Attributes
    ----------
    known : KnownCount
    counts, cells : (ndarray of int, ndarray of int, ndarray of int)
        First count of each cell, first beyond it, and where the cells of each count begin and the last end: of the
        counts, and of the known counts.
    filled : ndarray of bool
        Which cells of the known counts only fill up.
    claim, pair : ndarray of int, shape (counts + 1,), (claims + 1,)
        See `arrays.Shard`.
    looks : Looks, optional
        When claims speak of counts that rise.
    """

    known: KnownCount
    counts: tuple[Ints, Ints, Ints]
    cells: tuple[Ints, Ints, Ints]
    filled: NDArray[np.bool_]
    claim: Ints
    pair: Ints
    looks: Looks | None = None

    @functools.cached_property
    def chance(self) -> tuple[Chance, ...]:
        """P(known count | count), in blocks: one for counts that have the same cells, and one for all others."""
        from scipy.sparse import csr_array

        (first, beyond, begin), (start, stop, cell) = self.counts, self.cells
        alike: dict[tuple[bytes, ...], list[tuple[Ints, Ints]]] = {}
        for of_count, cells in zip(_slices(begin), _slices(cell), strict=True):
            kept = cells.start + np.flatnonzero(~self.filled[cells])
            key = first[of_count], beyond[of_count], start[kept], stop[kept]
            mine = np.arange(of_count.start, of_count.stop), kept
            alike.setdefault(tuple(ends.tobytes() for ends in key), []).append(mine)
        found, chance = list[Chance](), [np.zeros(0)]
        columns, number, places = [np.zeros(0, dtype=np.int64)], [np.zeros(1, dtype=np.int64)], 0
        others = [(np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64))]
        for members in alike.values():
            rows, kept = members[0]
            ends = start[kept], stop[kept], first[rows, None], beyond[rows, None]
            block = chance_of_known(self.known, *ends)
            if len(members) > 1:
                indices = (np.stack([one[k] for one in members]) for k in (0, 1))
                found.append(Chance(csr_array(block), *indices))
                continue
            chance.append(block.ravel())
            columns.append(np.tile(np.arange(places, places + len(kept)), len(rows)))
            number.append(np.full(len(rows), len(kept)))
            others.append(members[0])
            places += len(kept)
        rows, kept = (np.concatenate([one[k] for one in others]) for k in (0, 1))
        row = np.cumsum(np.concatenate(number))
        whole = csr_array((np.concatenate(chance), np.concatenate(columns), row), shape=(len(rows), places))
        return (*found, Chance(whole, rows[None], kept[None]))

    def sum_out(self, given: Floats) -> Floats:
        """P(claims | count), of P(claims | known count): cells of both, and draws."""
        found = np.zeros((len(self.counts[0]), given.shape[1]))
        for block in self.chance:
            found[block.counts] = _multiply(block.chance, given[block.cells])
        return found

    def hand_down(self, weight: Floats) -> Floats:
        """Turn derivatives by what `sum_out` gives into those by what it is given."""
        found = np.zeros((len(self.cells[0]), weight.shape[1]))
        for block in self.chance:
            found[block.cells] = _multiply(block.back, weight[block.counts])
        return found

    @functools.cached_property
    def count_of_look(self) -> Ints:
        """The count of each look; each has one where none rises."""
        counts = np.arange(len(self.claim) - 1)
        return counts if self.looks is None else np.repeat(counts, np.diff(self.looks.first))

    @functools.cached_property
    def look_cells(self) -> tuple[Ints, Ints]:
        """Which cell of the known counts each cell of a look is, and where those of each look begin."""
        number = np.diff(self.cells[2])[self.count_of_look]
        first = np.concatenate([[0], np.cumsum(number)])
        begin = np.repeat(self.cells[2][self.count_of_look] - first[:-1], number)
        return begin + np.arange(int(first[-1])), first

    @functools.cached_property
    def cell_of(self) -> Ints:
        """Cell of the looks of each pair of claim and cell; shape (pairs,)."""
        look = np.repeat(np.arange(len(self.claim) - 1), np.diff(self.claim))
        look = look if self.looks is None else self.looks.of_claim
        begin = self.look_cells[1][look] - self.pair[:-1]
        return np.repeat(begin, np.diff(self.pair)) + np.arange(int(self.pair[-1]))

    @functools.cached_property
    def claim_of(self) -> Ints:
        """Claim of each pair; shape (pairs,)."""
        return np.repeat(np.arange(len(self.pair) - 1), np.diff(self.pair))

    @functools.cached_property
    def pool(self) -> Pool:
        """Which claims each look has."""
        look = np.repeat(np.arange(len(self.claim) - 1), np.diff(self.claim))
        cell, first = self.look_cells
        return Pool.of(look if self.looks is None else self.looks.of_claim, self.pair, first, self.filled[cell])

    def read(self, rows: Floats, power: Floats | None = None) -> Read:
        """Multiply the rows of claims, and sum the known counts out.

        Parameters
        ----------
        rows : ndarray, shape (draws, pairs)
        power : ndarray, shape (claims,), optional
            Exponents; 1 unless given.

        Returns
        -------
        Read
        """
        engine = choose_likelihood()
        given, scale = engine.pool(self.pool, rows, np.ones(len(self.pair) - 1) if power is None else power)
        if self.looks is None:
            return Read(self.sum_out(given), given, scale)
        known = engine.merge_looks(self.looks, given)
        scale = np.add.reduceat(scale, self.looks.first[:-1], axis=0)
        return Read(self.sum_out(known), given, scale)

    def back(self, posterior: Floats, read: Read) -> Floats:
        """Turn posteriors of cells of the counts into those of cells of the looks; shapes as of `read`."""
        weight = self.hand_down(posterior / np.maximum(read.said, LEAST))
        if self.looks is None:
            return read.given * weight
        return choose_likelihood().share_looks(self.looks, read.given, weight)


@attrs.frozen(eq=False)
class Chance:
    """P(known count | count) of counts that have the same cells.

    Attributes
    ----------
    chance : csr_array, shape (n, m)
    counts, cells : ndarray of int, shape (counts, n), (counts, m)
        Cells of each count, and of each known count.
    """

    chance: csr_array
    counts: Ints
    cells: Ints

    @functools.cached_property
    def back(self) -> csr_array:
        """From known counts to counts."""
        found: csr_array = self.chance.T.tocsr()
        return found


def _multiply(block: csr_array, values: Floats) -> Floats:
    """Multiply (n, m) by each of some arrays, shape (counts, m, draws)."""
    counts, _, draws = values.shape
    flat = values.transpose(1, 0, 2).reshape(-1, counts * draws)
    found: Floats = (block @ flat).reshape(-1, counts, draws).transpose(1, 0, 2)
    return found


@attrs.frozen(eq=False)
class Read:
    """What claims say of counts at each draw.

    Attributes
    ----------
    said : ndarray, shape (cells of the counts, draws)
        P(claims | count) over what `scale` says.
    given : ndarray, shape (cells of the looks, draws)
        P(claims of a look | figure), over the same: figures are the known counts where these do not rise.
    scale : ndarray, shape (counts, draws)
        Logarithms.
    """

    said: Floats
    given: Floats
    scale: Floats


def _slices(first: Ints) -> list[slice]:
    """What lies between neighbouring ends."""
    return [slice(int(a), int(z)) for a, z in itertools.pairwise(first)]
