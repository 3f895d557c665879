# SPDX-License-Identifier: MIT
"""Many counts at once: evidence of the claims of a shard, its gradient and curvature, and the counts that follow."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TypeAlias

import attrs
import numpy as np
from numpy.typing import NDArray

from reconcile.blocks import CELLS, Block, Shard
from reconcile.channels import expit
from reconcile.likelihood import TINY
from reconcile.model import tail
from reconcile.rows import speak

__all__ = [
    "CountTable",
    "Recalled",
    "Result",
    "average",
    "curve",
    "evaluate",
    "posterior_of",
    "recall",
    "refer",
]

Floats: TypeAlias = NDArray[np.float64]
Ints: TypeAlias = NDArray[np.int64]

STEP = 3e-5  # of finite differences of gradients


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
        """Compute the tails.

        Parameters
        ----------
        edge : ndarray of int, shape (u,)
        zero, location, log_scale, broad : ndarray, shape (outcomes,) or (draws, outcomes)
            `zero` and `broad` are logits.
        wide : ndarray, shape (outcomes, 2)
            Location and scale of the broad parts.
        """
        positive, held = np.maximum(edge, 1).astype(float), edge > 0
        none, share = expit(zero)[..., None], expit(broad)[..., None]
        main, by_location, by_scale = tail(positive, location[..., None], np.exp(log_scale)[..., None])
        far, _, _ = tail(positive, wide[:, :1], wide[:, 1:])
        inner = (1 - share) * main + share * far
        rows = [-none * inner, (1 - share) * by_location, (1 - share) * by_scale, share * (1 - share) * (far - main)]
        slopes = np.where(held, (1 - none)[..., None, :] * np.stack(rows, axis=-2), 0.0)
        return cls(np.where(held, (1 - none) * inner, 1.0), slopes)

    def split(self) -> list[CountTable]:
        """Give the table of each draw, where there is a first axis of draws."""
        return [CountTable(*pair) for pair in zip(self.tail, self.slopes, strict=True)]

    def by_parameter(self, prior: Floats) -> Floats:
        """Turn a derivative by the tails, shape (outcomes, u), into one by the parameters, shape (outcomes, 4)."""
        found: Floats = np.einsum("oku,ou->ok", self.slopes, prior)
        return found

    def mass(self, block: Block) -> Floats:
        """Prior probability of each cell of a block; shape (b, w)."""
        return _hold(self.tail, block)

    def mass_slopes(self, block: Block) -> Floats:
        """Derivatives of `mass`; shape (4, b, w)."""
        outcome = block.outcome[:, None]
        found: Floats = np.moveaxis(self.slopes[outcome, :, block.left] - self.slopes[outcome, :, block.right], -1, 0)
        return np.where(block.width > 0, found, 0.0)


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


def _hold(tail: Floats, block: Block) -> Floats:
    """Probability of each cell of a block, shape (..., b, w), by tails of shape (..., outcomes, u)."""
    outcome = block.outcome[:, None]
    held = tail[..., outcome, block.left] - tail[..., outcome, block.right]
    return np.where(block.width > 0, np.maximum(held, TINY), 0.0)


def posterior_of(block: Block, mass: Floats, row: Floats) -> tuple[Floats, Floats]:
    """Log evidence, shape (b,), and posterior of cells, shape (b, w), by their prior and rows of shape (c, w)."""
    return _settle(mass, block.total @ np.log(row))


def _settle(mass: Floats, said: Floats) -> tuple[Floats, Floats]:
    """Log evidence and posterior of cells, the last axis, by their prior and the logarithm of what is said of them."""
    with np.errstate(divide="ignore"):
        joint = np.log(mass)
    joint += said
    peak = joint.max(axis=-1, keepdims=True)
    joint -= peak
    np.exp(joint, out=joint)
    total = joint.sum(axis=-1, keepdims=True)
    joint /= total
    return (peak + np.log(total))[..., 0], joint


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
    log_evidence, scores, copies = np.zeros(draws), np.zeros((draws, 8, claims)), np.ones((draws, 2, claims))
    tails = np.array([table.tail for table in tables])
    prior = np.zeros(tails.shape)
    for block in shard.blocks:
        for part, tiled in _tiles(block, draws, keep=True):
            count = part.stop - part.start
            heard = np.tile(echo[:, block.claims], count)
            rows = speak(tiled, _spread(block, thetas[part]), heard, slopes=True)
            mass = _hold(tails[part], block).reshape(len(tiled.events), -1)
            evidence, posterior = posterior_of(tiled, mass, rows.row)
            log_evidence[part] += evidence.reshape(count, -1).sum(axis=1)
            weight = posterior.take(tiled.event, axis=0)
            weight /= rows.row
            shape = (-1, count, len(block.claims))
            scores[part][:, :, block.claims] = rows.slopes(weight).reshape(shape).swapaxes(0, 1)
            both = np.array([weight.sum(axis=1), np.einsum("cw,cw->c", weight, rows.own)])
            copies[part][:, :, block.claims] = both.reshape(shape).swapaxes(0, 1)
            share = posterior / np.maximum(mass, TINY)
            prior[part] += _by_tail(block, share.reshape(count, len(block.events), -1), tails.shape)
    return Result(log_evidence, scores, copies, prior)


def _by_tail(block: Block, share: Floats, shape: tuple[int, ...]) -> Floats:
    """Turn derivatives by the mass of cells, shape (draws, b, w), into those by tails; (draws, outcomes, u)."""
    share = np.where(block.width > 0, share, 0.0)
    _, outcomes, size = shape
    line = (np.arange(len(share))[:, None, None] * outcomes + block.outcome[:, None]) * size
    total = np.zeros(len(share) * outcomes * size)
    for sign, end in ((1.0, block.left), (-1.0, block.right)):
        total += sign * np.bincount((line + end).ravel(), share.ravel(), len(total))
    return total.reshape(-1, outcomes, size)


def _tiles(block: Block, draws: int, *, keep: bool = False) -> Iterator[tuple[slice, Block]]:
    """Copy small blocks, so that several draws are computed at once."""
    load = len(block.edges.claim) * block.low.shape[1]
    times = int(np.clip(CELLS // max(load, 1), 1, draws))
    tiled = block.tiled(times, keep=keep)
    for start in range(0, draws, times):
        stop = min(start + times, draws)
        yield slice(start, stop), tiled if stop - start == times else block.tiled(stop - start, keep=keep)


def _spread(block: Block, few: NDArray[np.float64]) -> Floats:
    """Turn (draws, k, claims of a shard) into (k, draws x c) for a tiled block; `block` is not tiled."""
    return np.moveaxis(few[:, :, block.claims], 1, 0).reshape(few.shape[1], -1)


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
    found, tails = [], np.array([table.tail for table in tables])
    for block in shard.blocks:
        total = np.zeros(block.low.shape)
        for part, tiled in _tiles(block, len(draws)):
            count = part.stop - part.start
            row = speak(tiled, _spread(block, draws[part]), np.tile(echo[:, block.claims], count), slopes=False).row
            mass = _hold(tails[part], block).reshape(len(tiled.events), -1)
            total += posterior_of(tiled, mass, row)[1].reshape(count, *total.shape).sum(axis=0)
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
        local, heard = theta[:, block.claims], echo[:, block.claims]
        rows, mass = speak(block, local, heard, slopes=True), table.mass(block)
        posterior = posterior_of(block, mass, rows.row)[1]
        weight = posterior.take(block.event, axis=0) / rows.row
        base = rows.slopes(weight)
        own = np.empty((8, 8, len(block.claims)))  # mean of the second derivative of a row, over the row
        for k in range(8):
            shifted = local.copy()
            shifted[k] += STEP
            own[k] = (speak(block, shifted, heard, slopes=True).slopes(weight) - base) / STEP
        own = np.moveaxis(0.5 * (own + own.swapaxes(0, 1)), 2, 0)
        score = np.moveaxis(rows.slopes() / rows.row, 0, 1)
        by_prior = np.moveaxis(table.mass_slopes(block) / np.maximum(mass, TINY), 0, 1)
        bent = np.zeros((len(block.events), 4, 4))
        for k, other in enumerate(moved):
            change = np.moveaxis(other.mass_slopes(block) / np.maximum(other.mass(block), TINY), 0, 1) - by_prior
            bent[:, :, k] = np.einsum("bkw,bw->bk", change, posterior) / STEP
        number = np.bincount(block.event, minlength=len(block.events))
        for n in np.unique(number):
            mine = np.flatnonzero(number == n)
            claim = np.searchsorted(block.event, mine)[:, None] + np.arange(n)
            scores = np.concatenate([score[claim].reshape(len(mine), 8 * n, -1), by_prior[mine]], axis=1)
            mass = posterior[mine][:, None, :]
            mean = np.einsum("bkw,bjw->bk", scores, mass)
            scores -= mean[:, :, None]
            product = -((scores * mass) @ scores.swapaxes(1, 2))
            # Within a claim, E[-d2 log row] = E[score score'] - E[row''] / row.
            for i in range(n):
                part = slice(8 * i, 8 * i + 8)
                here = scores[:, part] + mean[:, part, None]
                product[:, part, part] += (here * mass) @ here.swapaxes(1, 2) - own[claim[:, i]]
            product[:, 8 * n :, 8 * n :] -= bent[mine]
            column = np.moveaxis(columns[:, block.claims[claim]], 0, 2).reshape(len(mine), 8 * n)
            column = np.concatenate([column, places[block.outcome[mine]]], axis=1)
            at = column[:, :, None] * (size + 1) + column[:, None, :]
            total += np.bincount(at.ravel(), product.ravel(), len(total))
    return total.reshape(size + 1, size + 1)[:size, :size]


def refer(shard: Shard, theta: Floats) -> Shard:
    """Keep what each claim says by given parameters of its source, shape (8, claims), as if it copied nobody."""
    blocks = []
    for block in shard.blocks:
        row = speak(block, theta[:, block.claims], np.zeros((2, len(block.claims))), slopes=False).row
        blocks.append(attrs.evolve(block, reference=block.total @ np.log(row)))
    return attrs.evolve(shard, blocks=tuple(blocks))


@attrs.frozen(eq=False)
class Recalled:
    """Sums over the counts of one shard, by the `reference` of its blocks.

    Attributes
    ----------
    log_evidence : ndarray, shape (draws,)
    prior : ndarray, shape (draws, outcomes, u)
        As in `Result`.
    information : ndarray, shape (outcomes, 4, 4)
        Of the parameters of count priors; 0 if not asked for.
    """

    log_evidence: Floats
    prior: Floats
    information: Floats


def recall(shard: Shard, tables: Sequence[CountTable], moved: Sequence[CountTable] = ()) -> Recalled:
    """Sum the counts of a shard out by the `reference` of its blocks, whatever the sources are like.

    Parameters
    ----------
    shard : Shard
    tables : sequence of CountTable
        One for each draw.
    moved
        As for `curve`, of the first draw; the information is left out without it.
    """
    tails = np.array([table.tail for table in tables])
    total, prior, information = np.zeros(len(tables)), np.zeros(tails.shape), np.zeros((tails.shape[1], 4, 4))
    for block in shard.blocks:
        if block.reference is None:
            continue
        mass = _hold(tails, block)
        evidence, posterior = _settle(mass, block.reference)
        total += evidence.sum(axis=1)
        prior += _by_tail(block, posterior / np.maximum(mass, TINY), tails.shape)
        if not moved:
            continue
        slopes = tables[0].mass_slopes(block) / np.maximum(mass[0], TINY)
        gap = slopes - np.einsum("kbw,bw->kb", slopes, posterior[0])[:, :, None]
        found = -np.einsum("kbw,lbw,bw->bkl", gap, gap, posterior[0])
        for k, other in enumerate(moved):
            change = other.mass_slopes(block) / np.maximum(other.mass(block), TINY) - slopes
            found[:, :, k] -= np.einsum("kbw,bw->bk", change, posterior[0]) / STEP
        np.add.at(information, block.outcome, found)
    return Recalled(total, prior, information)
