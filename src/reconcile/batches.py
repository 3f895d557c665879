# SPDX-License-Identifier: MIT
"""Many counts at once: claims about separate counts as dense arrays, their evidence, gradient and curvature.

Counts with equally many claims stand together in blocks that fit a processor's cache. The arithmetic is that of
`likelihood` and of the standard channel, written once more over arrays; a test holds the two together.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator, Sequence
from typing import TypeAlias

import attrs
import numpy as np
from numpy.typing import NDArray

from reconcile.channels import GrossError, expit, size_of
from reconcile.likelihood import TINY
from reconcile.model import HEDGED_FIDELITY, HEDGED_SPREAD, tail
from reconcile.pmf import TOP
from reconcile.speech import Meaning

__all__ = ["PARAMETERS", "Block", "Claims", "CountTable", "Result", "Shard", "build_shards"]

Floats: TypeAlias = NDArray[np.float64]
Ints: TypeAlias = NDArray[np.int64]

PARAMETERS = ("bias", "log_spread", "fidelity", "slope", "denial", "gross", "heaping", "copying")
BIAS, SPREAD, FIDELITY, SLOPE, DENIAL, GROSS, HEAPING, COPYING = range(8)
_CELLS = 100_000  # numbers in the largest array of a block: what a core's cache holds
_FILLED = 2.0  # most cells in a block, over fewest
STEP = 3e-5  # of finite differences of gradients
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
    first : ndarray, shape (v, 2)
        Ends of the core interval.
    """

    start: Ints
    edge: Floats
    plain: Floats
    heaped: Floats
    fixed: Floats
    first: Floats

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
        first = np.array([[m.low[0], m.high[0]] for m in meanings])
        return cls(start, np.concatenate(edges), plain, heaped, fixed, first)


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
    left : ndarray of int, shape (b, w + 1)
        Place of each cell's first count in the table of tails.
    outcome : ndarray of int, shape (b,)
    edges : tuple of Edges
    exact, exact_tilt : ndarray, shape (b, n, w)
        Share of each cell that the wording covers, and how far heaping changes it.
    fixed : ndarray, shape (6, b, n)
        See `Words`.
    hedged : ndarray of bool, shape (b, n)
    log_center, size, blur : ndarray, shape (b, w)
        Logarithm of the middle of each cell, its `size_of`, and the variance of the logarithm of a count within it. It
        adds to that of the noise, else a spread far below the width of a cell would fit what stands in its middle.
    """

    events: Ints
    claims: Ints
    low: Floats
    width: Floats
    left: Ints
    outcome: Ints
    edges: tuple[Edges, ...]
    exact: NDArray[np.float32]
    exact_tilt: NDArray[np.float32]
    fixed: Floats
    hedged: NDArray[np.bool_]
    log_center: Floats
    size: Floats
    blur: Floats

    def tiled(self, times: int) -> Block:
        """Repeat all counts, so that each copy may have other source parameters."""
        if times == 1:
            return self
        rows, count = self.claims.size, len(self.events)
        copies = np.arange(times)

        def repeat(x: NDArray[np.generic]) -> NDArray[np.generic]:
            return np.tile(x, (times,) + (1,) * (x.ndim - 1))

        edges = tuple(
            Edges(
                (group.claim + rows * copies[:, None]).ravel(),
                (group.event + count * copies[:, None]).ravel(),
                *(repeat(x) for x in (group.log_edge, group.plain, group.tilt)),  # type: ignore[arg-type]
            )
            for group in self.edges
        )
        same = {
            name: repeat(getattr(self, name))
            for name in ("events", "claims", "low", "width", "left", "outcome", "exact", "exact_tilt", "hedged",
                         "log_center", "size", "blur")
        }  # fmt: skip
        return attrs.evolve(self, edges=edges, fixed=np.tile(self.fixed, (1, times, 1)), **same)  # type: ignore[arg-type]

    def rows(self, theta: Floats, echo: Floats, *, slopes: bool) -> Rows:
        """What each claim says of each cell.

        Parameters
        ----------
        theta : ndarray, shape (8, b, n)
            `PARAMETERS` of the source of each claim.
        echo : ndarray, shape (2, b, n)
            Probability that a copied claim would be this one, and that there is a claim to copy.
        slopes : bool, keyword
        """
        b, n = self.claims.shape
        w = self.low.shape[1]
        # A draw may be far out before it is refused; beyond these limits nothing changes any more.
        log_spread = np.clip(theta[SPREAD] + np.log(HEDGED_SPREAD) * self.hedged, -12.0, 8.0).ravel()
        bias, chance = np.clip(theta[BIAS], -60.0, 60.0).ravel(), expit(theta[HEAPING]).ravel()
        variance = np.exp(2 * log_spread).reshape(b, n, 1)
        total = variance + self.blur[:, None, :]
        noise_share = (variance / total).reshape(b * n, w)
        rate = (1 / np.sqrt(total)).reshape(b * n, w)
        outcome = np.empty((4 if slopes else 1, b * n, w))  # smooth mass; by heaping, bias, spread
        for group in self.edges:
            at = group.claim
            mixed = group.plain + chance[at][:, None] * group.tilt
            z = (group.log_edge - bias[at][:, None])[:, :, None] - self.log_center[group.event][:, None, :]
            z *= rate[at][:, None, :]
            r = z * z
            r *= 0.25
            r += 1.0
            np.sqrt(r, out=r)
            np.divide(1.0, r, out=r)
            u = z * r
            below = u * u
            below *= -0.03125
            below += 0.375
            below *= u
            below += 0.5
            if not slopes:
                outcome[0, at] = (mixed[:, None, :] @ below)[:, 0]
                continue
            both = np.stack([mixed, group.tilt], axis=1) @ below
            outcome[0, at], outcome[1, at] = both[:, 0], both[:, 1]
            bell = r * r
            bell *= bell
            bell *= r
            bell *= 0.375
            outcome[2, at] = (mixed[:, None, :] @ bell)[:, 0] * -rate[at]
            bell *= z
            outcome[3, at] = (mixed[:, None, :] @ bell)[:, 0] * -noise_share[at]
        outcome = outcome.reshape(-1, b, n, w)
        fixed = self.fixed
        heap = chance.reshape(b, n)
        constant, holds_zero, anything = (fixed[k] + heap * (fixed[k + 1] - fixed[k]) for k in (0, 2, 4))
        smooth = np.maximum(outcome[0] + constant[:, :, None], 0.0)
        exact = self.exact + heap[:, :, None] * self.exact_tilt
        gross, denied, copied = (expit(theta[k]) for k in (GROSS, DENIAL, COPYING))
        logit = theta[FIDELITY] + HEDGED_FIDELITY * self.hedged
        faithful = expit(logit[:, :, None] - theta[SLOPE][:, :, None] * self.size[:, None, :])
        to_gross = anything[:, :, None] - smooth
        noisy = smooth + gross[:, :, None] * to_gross
        to_exact = exact - noisy
        spoken = noisy + faithful * to_exact
        to_denial = holds_zero[:, :, None] - spoken
        to_denial[:, :, 0] = 0.0  # nobody can deny that nobody died
        own = spoken + denied[:, :, None] * to_denial
        row = np.maximum((copied * echo[0])[:, :, None] + (1 - copied * echo[1])[:, :, None] * own, TINY)
        if not slopes:
            return Rows(row, own, np.empty((0, b, n, w)))
        found = np.empty((8, b, n, w))
        kept = (1 - copied * echo[1])[:, :, None] * np.ones(w)
        found[DENIAL] = kept * (denied * (1 - denied))[:, :, None] * to_denial
        kept[:, :, 1:] *= (1 - denied)[:, :, None]
        lift = kept * faithful * (1 - faithful) * to_exact
        found[FIDELITY] = lift
        found[SLOPE] = -lift * self.size[:, None, :]
        plain = kept * (1 - faithful)
        found[GROSS] = plain * (gross * (1 - gross))[:, :, None] * to_gross
        noise = plain * (1 - gross)[:, :, None]
        found[BIAS], found[SPREAD] = noise * outcome[2], noise * outcome[3]
        tilt = [(fixed[k + 1] - fixed[k])[:, :, None] for k in (0, 2, 4)]
        by_heap = noise * (outcome[1] + tilt[0]) + plain * gross[:, :, None] * tilt[2]
        by_heap += kept * faithful * self.exact_tilt
        by_zero = (1 - copied * echo[1])[:, :, None] * denied[:, :, None] * tilt[1]
        by_heap[:, :, 1:] += by_zero
        found[HEAPING] = (heap * (1 - heap))[:, :, None] * by_heap
        found[COPYING] = (copied * (1 - copied))[:, :, None] * (echo[0][:, :, None] - echo[1][:, :, None] * own)
        return Rows(row, own, found)


@attrs.frozen(eq=False)
class Rows:
    """Rows of a block.

    Attributes
    ----------
    row, own : ndarray, shape (b, n, w)
        P(claim | count), and the same if the claim is not copied.
    slopes : ndarray, shape (8, b, n, w)
        Derivatives of `row` by `PARAMETERS`; empty if not asked for.
    """

    row: Floats
    own: Floats
    slopes: Floats


@attrs.frozen(eq=False)
class CountTable:
    """Tails of the count priors at all edges of cells, P(count >= edge), with slopes.

    Attributes
    ----------
    tail : ndarray, shape (outcomes, u)
    slopes : ndarray, shape (outcomes, 4, u)
        By the logit of `zero`, `location`, the logarithm of `scale`, and the logit of `broad`.
    """

    tail: Floats
    slopes: Floats

    @classmethod
    def of(
        cls, edge: Ints, zero: Floats, location: Floats, log_scale: Floats, broad: Floats, wide: Floats
    ) -> CountTable:
        """Compute the tails, from one value for each outcome; `wide` (outcomes, 2) is the broad location and scale.

        `zero` and `broad` are logits.
        """
        positive = np.maximum(edge, 1).astype(float)
        tails, slopes = [], []
        for z, m, s, b, (wide_location, wide_scale) in zip(zero, location, log_scale, broad, wide, strict=True):
            main, by_location, by_scale = tail(positive, m, float(np.exp(s)))
            far, _, _ = tail(positive, wide_location, wide_scale)
            none, share = expit(z), expit(b)
            inner = (1 - share) * main + share * far
            rows = np.array(
                [-none * inner, (1 - share) * by_location, (1 - share) * by_scale, share * (1 - share) * (far - main)]
            )
            tails.append(np.where(edge > 0, (1 - none) * inner, 1.0))
            slopes.append(np.where(edge > 0, (1 - none) * rows, 0.0))
        return cls(np.array(tails), np.array(slopes))

    def mass(self, block: Block) -> Floats:
        """Prior probability of each cell of a block; shape (b, w)."""
        at = self.tail[block.outcome[:, None], block.left]
        return np.where(block.width > 0, np.maximum(at[:, :-1] - at[:, 1:], TINY), 0.0)

    def mass_slopes(self, block: Block) -> Floats:
        """Derivatives of `mass`; shape (4, b, w)."""
        at = self.slopes[block.outcome[:, None], :, block.left]
        found: Floats = np.moveaxis(at[:, :-1] - at[:, 1:], -1, 0)
        return np.where(block.width > 0, found, 0.0)


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


@attrs.frozen(eq=False)
class Result:
    """Sums over the counts of one shard, for each draw of the parameters.

    Attributes
    ----------
    log_evidence : ndarray, shape (draws,)
    scores : ndarray, shape (draws, 8, claims)
        Derivative of the log evidence by the parameters of each claim's source (Fisher's identity).
    copies : ndarray, shape (draws, 2, claims)
        Posterior means of 1 / row and of own / row: how far the claim calls for a copy.
    prior : ndarray, shape (draws, outcomes, u)
        Derivative of the log evidence by each entry of `CountTable.tail`.
    """

    log_evidence: Floats
    scores: Floats
    copies: Floats
    prior: Floats


def _posterior(mass: Floats, row: Floats) -> tuple[Floats, Floats]:
    """Log evidence, shape (b,), and posterior of the cells, shape (b, w)."""
    with np.errstate(divide="ignore"):
        joint = np.log(mass)
    joint += np.log(row).sum(axis=1)
    peak = joint.max(axis=1, keepdims=True)
    joint -= peak
    np.exp(joint, out=joint)
    total = joint.sum(axis=1, keepdims=True)
    joint /= total
    return (peak + np.log(total))[:, 0], joint


def evaluate(shard: Shard, thetas: Floats, echo: Floats, tables: Sequence[CountTable]) -> Result:
    """Sum the counts of a shard out at each draw of the parameters, with the gradient of the log evidence.

    Parameters
    ----------
    shard : Shard
    thetas : ndarray, shape (draws, 8, claims)
    echo : ndarray, shape (2, claims)
    tables : sequence of CountTable
        One for each draw.
    """
    draws, claims = len(thetas), len(shard.rows)
    log_evidence, scores, copies = np.zeros(draws), np.empty((draws, 8, claims)), np.empty((draws, 2, claims))
    size, outcomes = tables[0].tail.shape[1], len(tables[0].tail)
    prior = np.zeros((draws, outcomes, size))
    for block in shard.blocks:
        b, n = block.claims.shape
        for part, tiled in _tiles(block, draws):
            count = part.stop - part.start
            heard = np.tile(echo[:, block.claims], (1, count, 1))
            rows = tiled.rows(_spread(block, thetas[part]), heard, slopes=True)
            mass = np.concatenate([table.mass(block) for table in tables[part]])
            evidence, posterior = _posterior(mass, rows.row)
            log_evidence[part] += evidence.reshape(count, b).sum(axis=1)
            weight = posterior[:, None, :] / rows.row
            shape = (-1, count, b, n)
            scores[part][:, :, block.claims] = (
                np.einsum("bnw,pbnw->pbn", weight, rows.slopes).reshape(shape).swapaxes(0, 1)
            )
            both = np.array([weight.sum(axis=2), np.einsum("bnw,bnw->bn", weight, rows.own)])
            copies[part][:, :, block.claims] = both.reshape(shape).swapaxes(0, 1)
            share = np.where(tiled.width > 0, posterior / np.maximum(mass, TINY), 0.0)
            line = np.repeat(np.arange(count), b)[:, None] * outcomes + tiled.outcome[:, None]
            for sign, left in ((1.0, tiled.left[:, :-1]), (-1.0, tiled.left[:, 1:])):
                sums = np.bincount((line * size + left).ravel(), share.ravel(), count * outcomes * size)
                prior[part] += sign * sums.reshape(count, outcomes, size)
    return Result(log_evidence, scores, copies, prior)


def _tiles(block: Block, draws: int) -> Iterator[tuple[slice, Block]]:
    """Copy small blocks, so that several draws are computed at once."""
    load = sum(group.plain.size for group in block.edges) * block.low.shape[1]
    times = int(np.clip(_CELLS // max(load, 1), 1, draws))
    tiled = block.tiled(times)
    for start in range(0, draws, times):
        stop = min(start + times, draws)
        yield slice(start, stop), tiled if stop - start == times else block.tiled(stop - start)


def _spread(block: Block, few: NDArray[np.float64]) -> Floats:
    """Turn (draws, k, claims of a shard) into (k, draws x b, n) for a tiled block; `block` is not tiled."""
    b, n = block.claims.shape
    return np.moveaxis(few[:, :, block.claims], 1, 0).reshape(few.shape[1], len(few) * b, n)


def average(shard: Shard, draws: Floats, echo: Floats, tables: Sequence[CountTable]) -> list[Floats]:
    """Average the posterior of each count over draws of the source parameters.

    Parameters
    ----------
    shard : Shard
    draws : ndarray, shape (draws, 8, claims)
    echo : ndarray, shape (2, claims)
    tables : sequence of CountTable

    Returns
    -------
    list of ndarray, shape (b, w)
        Mass of the cells of each block.
    """
    found = []
    for block in shard.blocks:
        b, total = len(block.events), np.zeros(block.low.shape)
        for part, tiled in _tiles(block, len(draws)):
            count = part.stop - part.start
            rows = tiled.rows(
                _spread(block, draws[part]), np.tile(echo[:, block.claims], (1, count, 1)), slopes=False
            ).row
            mass = np.concatenate([tables[d].mass(block) for d in range(part.start, part.stop)])
            posterior = _posterior(mass, rows)[1].reshape(count, b, -1)
            total += posterior.sum(axis=0)
        found.append(total / len(draws))
    return found


def curve(
    shard: Shard,
    theta: Floats,
    echo: Floats,
    table: CountTable,
    moved: Sequence[CountTable],
    columns: Ints,
    places: Ints,
    size: int,
) -> Floats:
    """Observed information of the parameters in a shard (Louis 1982): curvature kept less the variance of the scores.

    Parameters
    ----------
    shard, theta, echo, table
        As for `evaluate`.
    moved : sequence of CountTable
        The table with each of its four parameters larger by `STEP`.
    columns : ndarray of int, shape (8, claims)
        Place of each claim's parameters among the `size` columns; `size` for those that are none.
    places : ndarray of int, shape (outcomes, 4)
        Place of the parameters of each count prior.
    size : int

    Returns
    -------
    ndarray, shape (size, size)
    """
    total = np.zeros((size + 1) ** 2)
    for block in shard.blocks:
        b, n = block.claims.shape
        local, heard = theta[:, block.claims], echo[:, block.claims]
        rows, mass = block.rows(local, heard, slopes=True), table.mass(block)
        posterior = _posterior(mass, rows.row)[1]
        weight = posterior[:, None, :] / rows.row
        base = np.einsum("bnw,pbnw->pbn", weight, rows.slopes)
        own = np.empty((8, 8, b, n))  # mean of the second derivative of a row, over the row
        for k in range(8):
            shifted = local.copy()
            shifted[k] += STEP
            slopes = block.rows(shifted, heard, slopes=True).slopes
            own[k] = (np.einsum("bnw,pbnw->pbn", weight, slopes) - base) / STEP
        own = 0.5 * (own + own.swapaxes(0, 1))
        scores = np.moveaxis(rows.slopes / rows.row, 0, 2).reshape(b, n * 8, -1)
        prior = np.moveaxis(table.mass_slopes(block) / np.maximum(mass, TINY), 0, 1)
        scores = np.concatenate([scores, prior], axis=1)
        mean = np.einsum("bkw,bw->bk", scores, posterior)
        scores -= mean[:, :, None]
        product = -((scores * posterior[:, None, :]) @ scores.swapaxes(1, 2))
        # Within a claim, E[-d2 log row] = E[score score'] - E[row''] / row.
        for i in range(n):
            part = slice(8 * i, 8 * i + 8)
            here = scores[:, part] + mean[:, part, None]
            square = (here * posterior[:, None, :]) @ here.swapaxes(1, 2)
            product[:, part, part] += square - np.moveaxis(own[:, :, :, i], 2, 0)
        for k, other in enumerate(moved):
            change = np.moveaxis(other.mass_slopes(block) / np.maximum(other.mass(block), TINY), 0, 1) - prior
            product[:, 8 * n :, 8 * n + k] -= np.einsum("bkw,bw->bk", change, posterior) / STEP
        column = np.concatenate(
            [np.moveaxis(columns[:, block.claims], 0, 2).reshape(b, 8 * n), places[block.outcome]], axis=1
        )
        at = column[:, :, None] * (size + 1) + column[:, None, :]
        total += np.bincount(at.ravel(), product.ravel(), len(total))
    return total.reshape(size + 1, size + 1)[:size, :size]


def build_shards(claims: Claims) -> tuple[tuple[Shard, ...], Ints]:
    """Sort counts into blocks and shards.

    Parameters
    ----------
    claims : Claims

    Returns
    -------
    shards : tuple of Shard
    edge : ndarray of int, shape (u,)
        The first counts of all cells, to which `Block.left` points.
    """
    words = Words.of(claims.meanings)
    events = len(claims.outcome)
    core = words.first[claims.value]
    known = np.isfinite(core)
    owner = np.repeat(claims.event, 2)[known.ravel()]
    start, first = _cells(owner, core.ravel()[known.ravel()], events)
    edge, place = np.unique(np.append(start, TOP + 1), return_inverse=True)
    begin = np.searchsorted(claims.event, np.arange(events + 1))
    number, cells = np.diff(begin), np.diff(first)
    edges = np.diff(words.start)[claims.value]
    load = np.bincount(claims.event, _rounded(edges), events) * cells
    order = np.lexsort((np.arange(events), cells, number))
    blocks: list[tuple[Ints, int]] = []
    at = 0
    while at < events:
        n = number[order[at]]
        stop = at + int(np.searchsorted(np.cumsum(load[order[at:]]), _CELLS)) + 1
        stop = min(stop, int(np.searchsorted(number[order], n, side="right")))
        # Counts with far fewer cells than others would be filled up in vain.
        stop = min(stop, at + int(np.searchsorted(cells[order[at:stop]], _FILLED * cells[order[at]], side="right")))
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
            block = _block(claims, words, members, n, begin, start, first, place)
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


def _block(
    claims: Claims, words: Words, members: Ints, n: int, begin: Ints, start: Ints, first: Ints, place: Ints
) -> Block:
    b, w = len(members), int(np.max(first[members + 1] - first[members]))
    slot = first[members][:, None] + np.arange(w + 1)
    inside = slot < first[members + 1][:, None]
    at = np.where(inside, slot, len(start))
    bound = np.append(start, TOP + 1)
    left = place[at]
    low = bound[at].astype(float)
    width = np.diff(low, axis=1)
    low = low[:, :-1]
    row = begin[members][:, None] + np.arange(n)
    value = claims.value[row]
    count = words.start[value + 1] - words.start[value]
    groups = []
    exact, exact_tilt = np.zeros((b * n, w), dtype=np.float32), np.zeros((b * n, w), dtype=np.float32)
    flat, sizes = value.ravel(), _rounded(count.ravel())
    middle = np.sqrt((low + 0.5) * (low + np.maximum(width, 1.0) - 0.5)) - 0.5
    center = np.where(width <= 1, low, middle)
    across = np.log((low + np.maximum(width, 1.0)) / np.maximum(low, 0.5))
    blur = np.where(width > 1, across**2 / 12, 0.0)  # as if counts were spread evenly over the cell
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
        members, row, low, width, left, claims.outcome[members], tuple(groups),
        exact.reshape(b, n, w), exact_tilt.reshape(b, n, w), words.fixed[:, value], claims.hedged[row],
        np.log(center + 0.5), size_of(center), blur,
    )  # fmt: skip
