# SPDX-License-Identifier: MIT
"""What each claim of a shard says of each cell of its count, with derivatives, in NumPy.

The arithmetic is that of `likelihood` and of the standard channel, written once more over arrays, and that of
``kernel/likelihood.c``, operation for operation; tests hold the three together. Arrays end in an axis of draws.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

import attrs
import numpy as np
from numpy.typing import NDArray

from reconcile.inference.arrays import LANES, PARAMETERS, Shard, spans
from reconcile.inference.elementary import exponential, logistic

if TYPE_CHECKING:
    from scipy.sparse import csr_array

__all__ = [
    "BIAS", "COPYING", "DENIAL", "FIDELITY", "GROSS", "HEAPING", "LEAST", "SLOPE", "SPREAD", "Pairs", "Rows",
    "add_in_order", "add_up", "speak",
]  # fmt: skip

Floats: TypeAlias = NDArray[np.float64]
Ints: TypeAlias = NDArray[np.int64]

BIAS, SPREAD, FIDELITY, SLOPE, DENIAL, GROSS, HEAPING, COPYING = range(len(PARAMETERS))
LEAST = 1e-70  # floor of a row: four are multiplied before a logarithm is taken
# A draw may be far out before it is refused; beyond these limits nothing changes any more.
LIMITS = {"log_spread": (-12.0, 8.0), "bias": (-60.0, 60.0)}


def add_up(x: Floats, start: Ints) -> Floats:
    """Add up groups of rows with eight accumulators each, in the one order of the kernel.

    Parameters
    ----------
    x : ndarray, shape (n, draws)
    start : ndarray of int, shape (groups + 1,)
        Where each group begins, in multiples of `LANES`.

    Returns
    -------
    ndarray, shape (groups, draws)
    """
    if not len(x):
        return np.zeros((len(start) - 1, x.shape[1]))
    lanes = _ordered(start // LANES) @ x.reshape(len(x) // LANES, LANES * x.shape[1])
    a = np.moveaxis(lanes.reshape(len(start) - 1, LANES, x.shape[1]), 1, 0)
    found: Floats = ((a[0] + a[1]) + (a[2] + a[3])) + ((a[4] + a[5]) + (a[6] + a[7]))
    return found


def add_in_order(x: Floats, start: Ints) -> Floats:
    """Add up groups of rows, each from the first to the last; shapes (n, draws), (groups + 1,) and (groups, draws)."""
    found: Floats = _ordered(start) @ x if len(x) and x.shape[1] else np.zeros((len(start) - 1, x.shape[1]))
    return found


def _ordered(start: Ints) -> csr_array:
    """Make the sparse matrix that adds up groups of rows, each from the first to the last."""
    from scipy.sparse import csr_array

    number = int(start[-1])
    return csr_array((np.ones(number), np.arange(number), start), shape=(len(start) - 1, number))


@attrs.frozen(eq=False)
class Pairs:
    """Pairs of a claim and a cell of its count, and triples of these with an edge.

    Attributes
    ----------
    claim, cell : ndarray of int, shape (pairs,)
    zero : ndarray of bool, shape (pairs,)
        Whether the cell is that of 0.
    pair, edge : ndarray of int, shape (triples,)
    start : ndarray of int, shape (pairs + 1,)
        Where the triples of each pair begin.
    """

    claim: Ints
    cell: Ints
    zero: NDArray[np.bool_]
    pair: Ints
    edge: Ints
    start: Ints

    @classmethod
    def of(cls, shard: Shard) -> Pairs:
        """List those of a shard."""
        count = np.repeat(np.arange(len(shard.sign)), np.diff(shard.claim))
        cell, claim = spans(shard.cell[count], np.diff(shard.pair))
        number = np.diff(shard.edge)[claim]
        edge, pair = spans(shard.edge[claim], number)
        start = np.concatenate([[0], np.cumsum(number)])
        return cls(claim, cell, cell == shard.cell[count][claim], pair, edge, start)


@attrs.frozen(eq=False)
class Rows:
    """What each claim says of each cell, by draw.

    Attributes
    ----------
    row, own : ndarray, shape (pairs, draws)
        P(claim | count), and the same if the claim is not copied.
    shard : Shard
    pairs : Pairs
    echo : ndarray, shape (claims, 2)
    chances : ndarray, shape (4, claims, draws)
        Of heaping, gross error, denial and copying.
    by_bias, by_spread : ndarray, shape (claims, draws)
        Derivatives of the bias and of half the variance of the noise, by bias and log spread.
    rate, tilted, bell, skew, faithful, to_exact, to_gross, to_denial : ndarray, shape (pairs, draws)
        1 / standard deviation of the noise and within the cell; sums over edges of the distribution function with the
        change of each coefficient by heaping, less the density, and less z times the density; chance of exactness; and
        how far P(claim) is from what it would be by exactness, by gross error and by denial.
    """

    row: Floats
    own: Floats
    shard: Shard
    pairs: Pairs
    echo: Floats
    chances: Floats
    by_bias: Floats
    by_spread: Floats
    rate: Floats
    tilted: Floats
    bell: Floats
    skew: Floats
    faithful: Floats
    to_exact: Floats
    to_gross: Floats
    to_denial: Floats

    def over(self, weight: Floats) -> Floats:
        """Divide a weight by each row; 0 where the row is at its floor, where nothing changes it."""
        return np.where(self.row > LEAST, weight / self.row, 0.0)

    def terms(self, weight: Floats) -> list[Floats]:
        """Terms in which the slopes of a row are linear, times a weight for each pair; shape (pairs, draws) each."""
        alive = weight * (1.0 - self.chances[2])[self.pairs.claim]
        alive[self.pairs.zero] = weight[self.pairs.zero]
        trusted = alive * self.faithful
        noisy = alive - trusted
        lift = (trusted - trusted * self.faithful) * self.to_exact
        bent = noisy * self.rate
        size = self.shard.size[self.pairs.cell][:, None]
        return [
            weight, weight * self.own, alive, noisy, bent * self.bell, bent * self.rate * self.skew, lift, lift * size,
            weight * self.to_denial, noisy * self.to_gross, noisy * self.tilted,
        ]  # fmt: skip

    def combine(self, terms: list[Floats], claim: Ints) -> Floats:
        """Turn the terms, those of some claims, into derivatives by `PARAMETERS`; shape (8, n, draws)."""
        heap, gross, denied, copied = self.chances[:, claim]
        echo, fixed = self.echo[claim][:, :, None], self.shard.fixed[claim][:, :, None]
        every, own, alive, noisy, bell, skew, lift, lean, denial, wild, tilted = terms
        mine, clear = 1.0 - copied * echo[:, 1], 1.0 - gross
        by_noise = mine * clear
        by_plain = clear * (fixed[:, 1] - fixed[:, 0])
        by_zero = fixed[:, 3] - fixed[:, 2]
        return np.array([
            bell * (by_noise * self.by_bias[claim]),
            skew * (by_noise * self.by_spread[claim]),
            lift * mine,
            lean * -mine,
            denial * (mine * (denied * (1.0 - denied))),
            wild * (mine * (gross * clear)),
            (tilted + noisy * by_plain + (every - alive) * by_zero) * (mine * (heap * (1.0 - heap))),
            (every * echo[:, 0] - own * echo[:, 1]) * (copied * (1.0 - copied)),
        ])  # fmt: skip

    def slopes(self, weight: Floats) -> tuple[Floats, Floats]:
        """Sums over cells of the derivatives of `row`, by weights of shape (pairs, draws).

        Returns
        -------
        slopes : ndarray, shape (8, claims, draws)
            By `PARAMETERS`.
        sums : ndarray, shape (2, claims, draws)
            Of the weights, and of the weights times `own`.
        """
        sums = [add_up(term, self.shard.pair) for term in self.terms(weight)]
        return self.combine(sums, np.arange(len(self.echo))), np.array(sums[:2])


def speak(shard: Shard, pairs: Pairs, theta: Floats, echo: Floats, *, slopes: bool = True) -> Rows:
    """Compute what each claim says of each cell.

    The noise is Student's t with 4 degrees of freedom, whose distribution function is 1/2 + u (3/8 - u^2 / 32) with u =
    z / sqrt(1 + z^2 / 4), and whose density is 3/8 (1 + z^2 / 4)^(-5/2). The 1/2 is in `Shard.fixed`.

    Parameters
    ----------
    shard : Shard
    pairs : Pairs
    theta : ndarray, shape (draws, voices, 8)
        `PARAMETERS` of each voice.
    echo : ndarray, shape (claims, 2)
        Probability that a copied claim would be this one, and that there is a claim to copy.
    slopes : bool, keyword
        Whether slopes will be asked for.
    """
    own_of = np.moveaxis(theta, 0, -1)[shard.voice]  # claims, 8, draws
    chances = logistic(np.moveaxis(own_of[:, [HEAPING, GROSS, DENIAL, COPYING]], 1, 0))
    shift = shard.shift[shard.voice][:, :, None]
    free_bias, free_spread = own_of[:, BIAS], own_of[:, SPREAD] + shift[:, 0]
    bias, spread = np.clip(free_bias, *LIMITS["bias"]), np.clip(free_spread, *LIMITS["log_spread"])
    variance = exponential(2.0 * spread)
    by_bias = np.where(bias == free_bias, 1.0, 0.0)
    by_spread = np.where(spread == free_spread, variance, 0.0)
    fidelity, slope = own_of[:, FIDELITY] + shift[:, 1], own_of[:, SLOPE]
    heap, gross, denied, copied = chances
    claim, cell, edge = pairs.claim, pairs.cell, pairs.edge

    adder = _ordered(pairs.start) if len(edge) else None

    def total(x: Floats) -> Floats:
        """Add up the edges of each pair."""
        found: Floats = np.zeros((len(claim), x.shape[1])) if adder is None else adder @ x
        return found

    fixed = shard.fixed[:, :, None]
    constant, holds_zero = (fixed[:, k] + heap * (fixed[:, k + 1] - fixed[:, k]) for k in (0, 2))
    rate = 1.0 / np.sqrt(shard.blur[cell][:, None] + variance[claim])
    middle = shard.log_center[cell][:, None] + bias[claim]
    speaker = np.repeat(np.arange(len(shard.voice)), np.diff(shard.edge))
    weights = shard.plain[:, None] + heap[speaker] * shard.tilt[:, None]
    z = middle.take(pairs.pair, axis=0)
    np.subtract(shard.log_edge.take(edge)[:, None], z, out=z)
    z *= rate.take(pairs.pair, axis=0)
    root = z * z
    root *= 0.25
    root += 1.0
    np.sqrt(root, out=root)
    np.divide(1.0, root, out=root)
    u = z * root
    under = u * u
    under *= 0.03125
    np.subtract(0.375, under, out=under)
    under *= u
    weight = weights.take(edge, axis=0)
    below = total(np.multiply(under, weight, out=u))
    tilted = bell = skew = below
    if slopes:
        tilted = total(np.multiply(under, shard.tilt.take(edge)[:, None], out=u))
        density = np.multiply(root, root, out=u)
        density *= density
        density *= root
        density *= np.multiply(-0.375, weight, out=weight)
        bell = total(density)
        density *= z
        skew = total(density)

    smooth = below + constant[claim]
    smooth = np.where(smooth > 0.0, smooth, 0.0)
    size = shard.size[cell][:, None]
    faithful = 1.0 / (1.0 + exponential(size * slope[claim] - fidelity[claim]))
    slip_tilt = shard.slip_tilt[:, None]
    to_gross = shard.slip[:, None] + heap[claim] * slip_tilt - smooth
    if slopes:
        tilted = tilted * (1.0 - gross)[claim] + slip_tilt * gross[claim]
    spoken = smooth + to_gross * gross[claim]
    to_exact = shard.exact[:, None].astype(np.float64) - spoken  # those who know the number do not round it
    spoken = spoken + faithful * to_exact
    to_denial = holds_zero[claim] - spoken
    to_denial[pairs.zero] = 0.0  # nobody can deny that nobody died
    own = spoken + to_denial * denied[claim]
    same, kept = copied * echo[:, :1], 1.0 - copied * echo[:, 1:]
    row = own * kept[claim] + same[claim]
    row = np.where(row > LEAST, row, LEAST)
    return Rows(
        row, own, shard, pairs, echo, chances, by_bias, by_spread, rate, tilted, bell, skew, faithful, to_exact,
        to_gross, to_denial,
    )  # fmt: skip
