# SPDX-License-Identifier: MIT
"""Many counts at once: evidence of the claims of a shard, its gradient and curvature, and the counts that follow.

`Likelihood` says what is computed. `PLAIN` does it in NumPy; `kernel.Compiled` does the same in C, to the same bits but
for curvature, and `choose_likelihood` gives the one that runs.
"""

from __future__ import annotations

from typing import Protocol, TypeAlias

import attrs
import numpy as np
from numpy.typing import NDArray

from reconcile.channels import SLIP
from reconcile.inference.arrays import (
    COUNTS,
    FILLER,
    PARAMETERS,
    CountEdges,
    Evaluated,
    Shard,
    check_array,
    check_given,
    check_tails,
    spans,
)
from reconcile.inference.elementary import exponential, log_upper, logarithm, logistic
from reconcile.inference.forests import Forest, Summed
from reconcile.inference.kernel import choose
from reconcile.inference.likelihood import TINY
from reconcile.inference.messages import sum_product
from reconcile.inference.pools import Pool, check_pool
from reconcile.inference.rising import Looks, check_looks
from reconcile.inference.rows import Pairs, Rows, add_up, speak

__all__ = ["PLAIN", "STEP", "Likelihood", "Plain", "choose_likelihood"]

Floats: TypeAlias = NDArray[np.float64]
Ints: TypeAlias = NDArray[np.int64]

STEP = 3e-5  # of finite differences of gradients
_TRIPLES = 200_000  # numbers in the largest array, up to which draws are computed together
_LOG_HALF, _DENSITY = -0.6931471805599453, 0.3989422804014327


class Likelihood(Protocol):
    """Sums over the counts of a shard at many parameter vectors.

    All arrays are contiguous. A shard is not changed once it was made.
    """

    @property
    def name(self) -> str:
        """How it is called in `show_config`."""
        ...

    def tails(self, edges: CountEdges, counts: Floats, *, slopes: bool) -> tuple[Floats, Floats]:
        """Tails of the count priors, P(count >= edge).

        Parameters
        ----------
        edges : CountEdges
        counts : ndarray, shape (draws, outcomes, 4)
            Logit of `zero`, `location`, logarithm of `scale` and logit of `broad`.
        slopes : bool, keyword

        Returns
        -------
        tail : ndarray, shape (draws, outcomes, u)
        slopes : ndarray, shape (draws, outcomes, 4, u)
            By the four parameters; empty unless asked for.
        """
        ...

    def by_counts(self, slopes: Floats, prior: Floats) -> Floats:
        """Turn derivatives by tails, shape (draws, outcomes, u), into those by the parameters, (draws, outcomes, 4)."""
        ...

    def cover(
        self, shard: Shard, low: Floats, width: Floats, constant: Floats
    ) -> tuple[NDArray[np.float32], Floats, Floats]:
        """Give what no parameter changes of each pair: `Shard.exact`, `Shard.slip` and `Shard.slip_tilt`.

        Parameters
        ----------
        shard : Shard
            Without these.
        low, width : ndarray, shape (cells,)
            First count of each cell, and how many it holds.
        constant : ndarray, shape (claims,)
            See `Words`.
        """
        ...

    def rows(self, shard: Shard, theta: Floats, echo: Floats) -> Floats:
        """P(claim | count in each cell); shape (draws, pairs). Parameters as for `evaluate`."""
        ...

    def slopes(self, shard: Shard, theta: Floats, echo: Floats, weight: Floats) -> Floats:
        """Weighted sums, over claims and cells, of the derivatives of the logarithms of `rows`.

        A row at its floor has none. With the posterior of cells for weights that is the score (Fisher's identity).

        Parameters
        ----------
        shard : Shard
        theta : ndarray, shape (draws, voices, 8)
        echo : ndarray, shape (claims, 2)
        weight : ndarray, shape (draws, pairs)

        Returns
        -------
        ndarray, shape (draws, voices, 8)
        """
        ...

    def evaluate(
        self,
        shard: Shard,
        theta: Floats,
        echo: Floats,
        tail: Floats,
        *,
        slopes: bool = False,
        copies: bool = False,
        weight: Floats | None = None,
    ) -> Evaluated:
        """Sum the counts of a shard out at each draw of the parameters.

        Parameters
        ----------
        shard : Shard
        theta : ndarray, shape (draws, voices, 8)
            `PARAMETERS` of each voice.
        echo : ndarray, shape (claims, 2)
            Probability that a copied claim would be this one, and that there is a claim to copy.
        tail : ndarray, shape (draws, outcomes, u)
        slopes, copies : bool, keyword
        weight : ndarray, shape (draws, counts), keyword, optional

        Returns
        -------
        Evaluated
            `score` and `prior` with `slopes`, `copies` with both, `mass` with weights.
        """
        ...

    def curve(self, shard: Shard, theta: Floats, echo: Floats, tail: Floats, slopes: Floats) -> Floats:
        """Observed information (Louis 1982): curvature kept less the variance of the scores.

        Parameters
        ----------
        shard : Shard
        theta : ndarray, shape (voices, 8)
        echo : ndarray, shape (claims, 2)
        tail, slopes : ndarray
            `tails` of five draws: the point itself, and with each of the four count parameters larger by `STEP`.

        Returns
        -------
        ndarray, shape (p + 4 outcomes, p + 4 outcomes)
            Of the `parameters` of the shard, then of those of the count priors.
        """
        ...

    def sum_product(
        self,
        shard: Shard,
        forest: Forest,
        rows: Floats,
        tail: Floats,
        power: Floats,
        factor: Floats,
        *,
        slopes: bool = False,
        weight: Floats | None = None,
    ) -> Summed:
        """Sum out counts that add up, account by account, at each draw of the parameters.

        Parameters
        ----------
        shard : Shard
            Its counts are the nodes of the accounts; `base` holds what is said of a count of each cell, less the
            logarithm of the width where the node has a prior.
        forest : Forest
        rows : ndarray, shape (draws, pairs)
        tail : ndarray, shape (draws, outcomes, u)
        power : ndarray, shape (claims,)
            Exponent of the rows of each claim.
        factor : ndarray, shape (draws, slots)
            Factors on pairs of cells of a part and its whole.
        slopes : bool, keyword
        weight : ndarray, shape (draws, accounts), keyword, optional

        Returns
        -------
        Summed
            `pull`, `prior` and `joint` with `slopes`, `mass` with weights.
        """
        ...

    def pool(self, pool: Pool, rows: Floats, power: Floats) -> tuple[Floats, Floats]:
        """Multiply the rows of the claims of each look.

        Parameters
        ----------
        pool : Pool
        rows : ndarray, shape (draws, pairs)
            All above 0.
        power : ndarray, shape (claims,)
            Exponents.

        Returns
        -------
        given : ndarray, shape (cells, draws)
            P(claims of a look | figure) over the largest of the look; 0 for what only fills up.
        scale : ndarray, shape (looks, draws)
            Logarithms of the largest.
        """
        ...

    def merge_looks(self, looks: Looks, given: Floats) -> Floats:
        """Sum out which share of counts is known at the times at which claims look at them.

        Parameters
        ----------
        looks : Looks
        given : ndarray, shape (cells of all looks, draws)
            P(claims of a look | figure), at least 0.

        Returns
        -------
        ndarray, shape (cells, draws)
            P(claims | known count in the end).
        """
        ...

    def share_looks(self, looks: Looks, given: Floats, weight: Floats) -> Floats:
        """Turn derivatives by what `merge_looks` finds, (cells, draws), into posteriors of figures at each look.

        Parameters as for `merge_looks`.

        Returns
        -------
        ndarray, shape (cells of all looks, draws)
            Derivatives by the logarithms of what is given.
        """
        ...


def choose_likelihood() -> Likelihood:
    """Give the compiled kernel where there is one, else NumPy."""
    return choose() or PLAIN


@attrs.frozen(eq=False)
class Plain:
    """The likelihood in NumPy, which needs no compiled code and is what that is held against."""

    @property
    def name(self) -> str:
        """How it is called in `show_config`."""
        return "numpy"

    def tails(self, edges: CountEdges, counts: Floats, *, slopes: bool) -> tuple[Floats, Floats]:
        """See `Likelihood.tails`."""
        check_array("tails.counts", counts, np.float64, (len(counts), len(edges.far), COUNTS))
        zero, location, log_scale, broad = np.moveaxis(counts, -1, 0)[..., None]
        none, rate, share = logistic(zero), 1.0 / exponential(log_scale), logistic(broad)
        some, start = 1.0 - none, (_LOG_HALF - location) * rate
        every = log_upper(start)  # may be far out in the tail, so by logarithms
        first = exponential(-0.5 * start * start - every) * _DENSITY
        held, z = edges.held, (edges.log_low - location) * rate
        main = exponential(log_upper(z) - every)
        inner = (1.0 - share) * main + share * edges.far
        tail = held * (some * inner) + (1.0 - held)
        if not slopes:
            return tail, np.empty((0, *tail.shape[1:2], COUNTS, tail.shape[2]))
        bell, scaled = exponential(-0.5 * z * z - every) * _DENSITY, held * some
        near = scaled * (1.0 - share)
        by = [
            -none * scaled * inner,
            near * (bell - main * first) * rate,
            near * (bell * z - main * first * start),
            scaled * (share * (1.0 - share)) * (edges.far - main),
        ]
        return tail, np.stack(by, axis=2)

    def by_counts(self, slopes: Floats, prior: Floats) -> Floats:
        """See `Likelihood.by_counts`."""
        draws, outcomes, places = check_tails(slopes, prior)
        products = np.moveaxis(slopes * prior[:, :, None], -1, 0).reshape(places, draws * outcomes * COUNTS)
        return add_up(products, np.array([0, places])).reshape(draws, outcomes, COUNTS)

    def cover(
        self, shard: Shard, low: Floats, width: Floats, constant: Floats
    ) -> tuple[NDArray[np.float32], Floats, Floats]:
        """See `Likelihood.cover`."""
        check_given("cover", shard, low=low, width=width, constant=constant)
        pairs = Pairs.of(shard)
        cell = pairs.cell[pairs.pair]
        part = (shard.bound[pairs.edge] - low[cell]) / width[cell]
        covered = np.where(part < 1.0, part, 1.0)
        covered = np.where(covered > 0.0, covered, 0.0) * shard.plain[pairs.edge]
        total = np.bincount(pairs.pair, covered, len(pairs.claim)) + constant[pairs.claim]
        rate = 1.0 / np.sqrt(shard.blur + SLIP * SLIP)
        z = (shard.log_edge[pairs.edge] - shard.log_center[cell]) * rate[cell]
        u = z * (1.0 / np.sqrt(z * z * 0.25 + 1.0))
        under, fixed = (0.375 - u * u * 0.03125) * u, shard.fixed[pairs.claim]
        near, tilt = (
            np.bincount(pairs.pair, under * of[pairs.edge], len(pairs.claim)) for of in (shard.plain, shard.tilt)
        )
        slip = near + fixed[:, 0]
        return total.astype(np.float32), np.where(slip > 0.0, slip, 0.0), tilt + (fixed[:, 1] - fixed[:, 0])

    def rows(self, shard: Shard, theta: Floats, echo: Floats) -> Floats:
        """See `Likelihood.rows`."""
        check_given("rows", shard, theta=theta, echo=echo)
        pairs = Pairs.of(shard)
        found = np.empty((len(theta), len(shard.exact)))
        for part, at in _parts(pairs, theta):
            found[at] = speak(shard, pairs, part, echo, slopes=False).row.T
        return found

    def slopes(self, shard: Shard, theta: Floats, echo: Floats, weight: Floats) -> Floats:
        """See `Likelihood.slopes`."""
        check_given("slopes", shard, theta=theta, echo=echo, weight=weight)
        pairs, slots = Pairs.of(shard), _slots(shard)
        score = np.zeros((len(theta), len(shard.shift), len(PARAMETERS)))
        for part, at in _parts(pairs, theta):
            rows = speak(shard, pairs, part, echo)
            found, _ = rows.slopes(rows.over(weight[at].T))
            for k in range(at.start, at.stop):
                score[k] = np.bincount(slots, found[:, :, k - at.start].T.ravel(), score[k].size).reshape(-1, 8)
        return score

    def evaluate(
        self,
        shard: Shard,
        theta: Floats,
        echo: Floats,
        tail: Floats,
        *,
        slopes: bool = False,
        copies: bool = False,
        weight: Floats | None = None,
    ) -> Evaluated:
        """See `Likelihood.evaluate`."""
        check_given("evaluate", shard, theta=theta, echo=echo, tail=tail, weight=weight)
        draws, counts = len(theta), len(shard.sign)
        pairs, signs = Pairs.of(shard), shard.sign[:, None]
        value, each = np.zeros(draws), np.empty((draws, counts))
        score, prior = np.zeros((draws, len(shard.shift), len(PARAMETERS))), np.zeros(tail.shape)
        copied, mass = np.ones((draws, len(shard.voice), 2)), np.zeros(len(shard.base))
        owner = np.repeat(np.arange(counts), np.diff(shard.cell))
        line = shard.outcome[owner].astype(np.int64) * shard.places
        ends = np.stack([line + shard.left, line + shard.right], axis=1).ravel()
        slots = _slots(shard)
        for part, at in _parts(pairs, theta):
            rows = speak(shard, pairs, part, echo, slopes=slopes)
            held = _mass(shard, tail[at], owner)
            evidence, posterior = settle(shard, owner, _joint(shard, rows, held))
            each[at] = evidence.T
            if counts:
                value[at] = np.cumsum(signs * evidence, axis=0)[-1]
            if weight is not None:
                for k in range(at.start, at.stop):
                    mass += posterior[:, k - at.start] * weight[k][owner]
            if not slopes:
                continue
            share = posterior * signs[owner] / held
            found, sums = rows.slopes(rows.over(posterior[pairs.cell]))
            of_claim = np.repeat(shard.sign, np.diff(shard.claim))[:, None]
            copied[at] = np.moveaxis(sums, (0, 1, 2), (2, 1, 0))
            for k in range(at.start, at.stop):
                both = np.stack([share[:, k - at.start], -share[:, k - at.start]], axis=1).ravel()
                prior[k] = np.bincount(ends, both, prior[k].size).reshape(prior[k].shape)
                mine = (found[:, :, k - at.start].T * of_claim).ravel()
                score[k] = np.bincount(slots, mine, score[k].size).reshape(score[k].shape)
        asked = draws if slopes else 0
        return Evaluated(
            value,
            each,
            score[:asked],
            prior[:asked],
            copied[: asked if copies else 0],
            mass[: 0 if weight is None else None],
        )

    def curve(self, shard: Shard, theta: Floats, echo: Floats, tail: Floats, slopes: Floats) -> Floats:
        """See `Likelihood.curve`."""
        check_given("curve", shard, theta=theta, echo=echo, tail=tail, slopes=slopes)
        pairs, none = Pairs.of(shard), len(shard.parameters)
        owner = np.repeat(np.arange(len(shard.sign)), np.diff(shard.cell))
        rows, held = speak(shard, pairs, theta[None], echo), _mass(shard, tail[:1], owner)
        _, posterior = settle(shard, owner, _joint(shard, rows, held))
        weight = rows.over(posterior[pairs.cell])
        base, _ = rows.slopes(weight)
        second = np.empty((len(PARAMETERS), *base.shape[:2]))  # means of second derivatives of rows, over the rows
        for k in range(len(PARAMETERS)):
            moved = theta.copy()
            moved[:, k] += STEP
            second[k] = ((speak(shard, pairs, moved[None], echo).slopes(weight)[0] - base) / STEP)[:, :, 0]
        second = 0.5 * (second + second.swapaxes(0, 1))
        scores = rows.combine(rows.terms(rows.over(np.ones(rows.row.shape))), pairs.claim)[:, :, 0]
        outcome, left, right = shard.outcome[owner], shard.left, shard.right
        by_prior = (slopes[0, outcome, :, left] - slopes[0, outcome, :, right]).T / held[:, 0]
        bent = np.empty((COUNTS, COUNTS, len(owner)))
        for q in range(COUNTS):
            there = np.maximum(tail[1 + q, outcome, left] - tail[1 + q, outcome, right], TINY)
            by = (slopes[1 + q, outcome, :, left] - slopes[1 + q, outcome, :, right]).T
            bent[:, q] = (by / there - by_prior) / STEP
        bent = 0.5 * (bent + bent.swapaxes(0, 1))
        size = none + COUNTS * shard.outcomes
        info = np.zeros((size + 1, size + 1))
        for t, sign in enumerate(shard.sign):
            cells, claims = np.arange(*shard.cell[t : t + 2]), np.arange(*shard.claim[t : t + 2])
            mass = posterior[cells, 0]
            mine = scores[:, shard.pair[claims][:, None] + np.arange(len(cells))]  # 8, claims, cells
            every = np.concatenate([mine.swapaxes(0, 1).reshape(-1, len(cells)), by_prior[:, cells]])
            mean = every @ mass
            found = -((every - mean[:, None]) * mass) @ (every - mean[:, None]).T
            for i in range(len(claims)):
                # Within a claim, E[-d2 log row] = E[score score'] - E[row''] / row.
                at = slice(8 * i, 8 * i + 8)
                found[at, at] += (every[at] * mass) @ every[at].T - second[:, :, claims[i]]
            found[-COUNTS:, -COUNTS:] -= bent[:, :, cells] @ mass
            place = shard.place[shard.voice[claims]].ravel().astype(np.int64)
            place = np.append(np.where(place < none, place, size), none + COUNTS * shard.outcome[t] + np.arange(COUNTS))
            np.add.at(info, (place[:, None], place), sign * found)
        return info[:size, :size]

    def sum_product(
        self,
        shard: Shard,
        forest: Forest,
        rows: Floats,
        tail: Floats,
        power: Floats,
        factor: Floats,
        *,
        slopes: bool = False,
        weight: Floats | None = None,
    ) -> Summed:
        """See `Likelihood.sum_product`."""
        return sum_product(shard, forest, rows, tail, power, factor, slopes=slopes, weight=weight)

    def pool(self, pool: Pool, rows: Floats, power: Floats) -> tuple[Floats, Floats]:
        """See `Likelihood.pool`."""
        check_pool(pool, rows, power)
        return pool.multiply(rows, power)

    def merge_looks(self, looks: Looks, given: Floats) -> Floats:
        """See `Likelihood.merge_looks`."""
        check_looks("merge_looks", looks, given)
        return looks.merge(given)

    def share_looks(self, looks: Looks, given: Floats, weight: Floats) -> Floats:
        """See `Likelihood.share_looks`."""
        check_looks("share_looks", looks, given, weight)
        return looks.share_out(given, weight)


PLAIN = Plain()


def _parts(pairs: Pairs, theta: Floats) -> list[tuple[Floats, slice]]:
    """Cut draws so that arrays stay small."""
    step = max(_TRIPLES // max(len(pairs.pair), 1), 1)
    return [(theta[at : at + step], slice(at, min(at + step, len(theta)))) for at in range(0, len(theta), step)]


def _slots(shard: Shard) -> Ints:
    """Where the derivatives of each claim belong among those of all voices; shape (8 claims,)."""
    found: Ints = (shard.voice[:, None].astype(np.int64) * len(PARAMETERS) + np.arange(len(PARAMETERS))).ravel()
    return found


def _mass(shard: Shard, tail: Floats, owner: Ints) -> Floats:
    """Prior probability of each cell; shape (cells, draws)."""
    outcome = shard.outcome[owner]
    held = (tail[:, outcome, shard.left] - tail[:, outcome, shard.right]).T
    return np.where(held > TINY, held, TINY)


def _joint(shard: Shard, rows: Rows, held: Floats) -> Floats:
    """Logarithm of the prior and of all rows at each cell, four rows before each logarithm; shape (cells, draws)."""
    joint = logarithm(held) + shard.base[:, None]
    first, pairs = np.repeat(shard.claim[:-1], np.diff(shard.claim)), rows.pairs
    turn = np.arange(len(first)) - first
    last = np.repeat(np.diff(shard.claim), np.diff(shard.claim)) - 1 == turn
    product = np.empty(joint.shape)
    for step in range(int(turn.max(initial=-1)) + 1):
        at, _ = spans(shard.pair[:-1][turn == step], np.diff(shard.pair)[turn == step])
        cell = pairs.cell[at]
        product[cell] = rows.row[at] * product[cell] if step % 4 else rows.row[at]
        full = cell[last[pairs.claim[at]] | (step % 4 == 3)]
        joint[full] += logarithm(product[full])
    return joint


def settle(shard: Shard, owner: Ints, joint: Floats) -> tuple[Floats, Floats]:
    """Log evidence of each count, shape (counts, draws), and posterior of cells, shape (cells, draws)."""
    if not len(shard.sign):
        return np.zeros((0, joint.shape[1])), joint
    peak = np.maximum.reduceat(joint, shard.cell[:-1], axis=0)
    mass = exponential(joint - peak[owner])
    mass[shard.base < 1e-10 * FILLER] = 0.0
    total = add_up(mass, shard.cell)
    return peak + logarithm(total), mass * (1.0 / total)[owner]
