# SPDX-License-Identifier: MIT
"""Draws of all parameters that serve for any subset of the claims about one account.

The draws of a fit are of what all other claims say times what this account teaches. What the account taught is divided
out, and what a subset says is multiplied in. Where that leaves few effective draws, the model is fitted once more
without the account, or without some of its claims, and all sets of draws are taken as one mixture (the balance
heuristic of Veach and Guibas 1995), with the ratios of evidences found from the draws themselves (Meng and Wong 1996;
Shirts and Chodera 2008).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

import attrs
import numpy as np
from numpy.typing import NDArray

from reconcile.inference.copying import Echoes
from reconcile.inference.fit import Fit, fit
from reconcile.inference.importance import BLOCKS, normal_points
from reconcile.inference.linked_counts import LinkedEvidence
from reconcile.inference.lone_counts import ConditionalEvidence
from reconcile.inference.problems import Problem

__all__ = ["Made", "Pool", "Unit", "collect", "pick_by"]

Floats: TypeAlias = NDArray[np.float64]
Ints: TypeAlias = NDArray[np.int64]

POOR = 0.5  # effective share of the draws, once what the account taught is divided out, below which others are made
POOR_LARGE, LARGE = 0.1, 1_000  # the same from so many claims, where another fit takes seconds
MOST_FITTED = 5_000  # claims up to which there is another fit
PRIOR, NORMAL = 1_024, 512  # draws of the prior, where no other claim is left; draws of a normal that is the posterior
ROUNDS, CLOSE = 500, 1e-9  # of the bridge: at most, and the change of a logarithm at which it ends
POWERS = 5  # of the evidence, from that of no claim to that of all, at which draws are to tell


@attrs.frozen(eq=False)
class Unit:
    """Counts that are estimated together, and what they teach: one that stands alone, or those of an account.

    Attributes
    ----------
    problem : Problem
        All claims, or all but some of this unit.
    counts : tuple of int
        Of the problem.
    linked : int or None
        Which account of ``problem.linked``; None for a count that stands alone. The counts of one that is no tree teach
        each by itself.
    """

    problem: Problem
    counts: tuple[int, ...]
    linked: int | None

    def evidence(self, xs: Floats) -> tuple[Floats, Floats]:
        """Log of what the unit teaches at each draw, and log evidence of all of its claims; shape (draws,) each."""
        if self.linked is not None and self.problem.linked[self.linked].account.is_tree:
            one = attrs.evolve(self.problem, linked=(self.problem.linked[self.linked],))
            taught, taken = LinkedEvidence.of(one, map).values(xs)
        elif self.counts:
            alone = self.problem.only(np.array(self.counts, dtype=np.int64))
            taught, each = ConditionalEvidence.of(alone, map).values(xs)
            taken = each.sum(axis=1, keepdims=True)
        else:
            return np.zeros(len(xs)), np.zeros(len(xs))
        return taught, taught + taken[:, 0]

    @property
    def rows(self) -> Ints:
        """Rows of its claims that give numbers."""
        return np.flatnonzero(np.isin(self.problem.claims.event, self.counts))

    @property
    def shares(self) -> frozenset[int]:
        """Rows, in the columns of the corpus, of its claims that state shares."""
        if self.linked is None:
            return frozenset()
        return frozenset(one.row for one in self.problem.linked[self.linked].shares)

    def without(self, rows: Ints, shares: frozenset[int]) -> Unit:
        """Leave out some of its claims; whom each source copies stays as it was found."""
        problem = self.problem
        kept = np.setdiff1d(np.arange(len(problem.source)), rows)
        events = np.unique(problem.claims.event[kept])
        renamed = np.full(len(problem.claims.outcome) + 1, -1, dtype=np.int64)
        renamed[events] = np.arange(len(events))
        floor, sources = problem.echoes.floor(problem.source)[:, kept], problem.echoes.shares.shape[1]
        none = np.zeros((0, sources), dtype=np.int64)
        echoes = Echoes(there=floor[1:], same=floor[:1], shares=np.ones((1, sources)), favourites=none)
        linked = [
            attrs.evolve(
                one,
                counts=tuple(int(renamed[at]) for at in one.counts),
                shares=tuple(share for share in one.shares if share.row not in shares),
            )
            for one in problem.linked
        ]
        at = self.linked
        if at is not None and not linked[at].shares and max(linked[at].counts) < 0:
            del linked[at]
            at = None
        rest = problem.take(kept, renamed[problem.claims.event[kept]], events)
        counts = tuple(int(renamed[count]) for count in self.counts if renamed[count] >= 0)
        return Unit(attrs.evolve(rest, echoes=echoes, linked=tuple(linked)), counts, at)


@attrs.frozen(eq=False)
class Made:
    """Draws from one fit.

    Attributes
    ----------
    unit : Unit
        With the claims that were fitted.
    z : ndarray, shape (s, p + k)
    log_weight : ndarray, shape (s,)
        The weights sum to 1.
    worth : float
        How many independent draws they count for.
    """

    unit: Unit
    z: Floats
    log_weight: Floats
    worth: float

    @classmethod
    def of(cls, unit: Unit, near: Fit, rng: np.random.Generator, ess: float) -> Made:
        """Fit the model to the claims of a unit and all others; `near` is the fit to all claims."""
        problem = unit.problem
        if not len(problem.source) and not any(one.shares for one in problem.linked):
            z = normal_points(PRIOR, problem.hierarchy.size, rng)
            return cls(unit, z, np.full(len(z), -np.log(len(z))), float(len(z)))
        found = fit(problem, seed=int(rng.integers(2**63)), ess=ess, near=near, afresh=True)
        z, still = found.z.copy(), np.ptp(found.z, axis=0) == 0  # of sources that say nothing any more
        z[:, still] = normal_points(-(-len(z) // BLOCKS) * BLOCKS, int(still.sum()), rng)[: len(z)]
        return cls(unit, z, found.log_weight - _log_sum(found.log_weight), max(found.ess, 1.0))


@attrs.frozen(eq=False)
class Pool:
    """Draws of all parameters.

    Attributes
    ----------
    made : tuple of Made
        Where they come from; the first is of all claims.
    z : ndarray, shape (s, p + k)
        Standardised.
    xs : ndarray, shape (s, p)
    log_base : ndarray, shape (s,)
        With the log evidence of a subset of the unit's claims added, the log weight of each draw for that subset.
    taught, every : ndarray, shape (s,)
        Log of what the unit teaches, and log evidence of all of its claims.
    place : ndarray of int, shape (s,)
        Which draw each is of all that were made, one set after the other.
    block : ndarray of int, shape (s,)
        Independent set of each draw, in ascending order.
    aim : ndarray, shape (s,)
        How much each draw tells of some part of the claims; sums to 1.
    """

    made: tuple[Made, ...]
    z: Floats
    xs: Floats
    log_base: Floats
    taught: Floats
    every: Floats
    place: Ints
    block: Ints
    aim: Floats

    @classmethod
    def of(cls, made: Sequence[Made]) -> Pool:
        """Take several sets of draws as one mixture."""
        z = np.concatenate([one.z for one in made])
        xs = made[0].unit.problem.hierarchy.unfold(z)
        evidence = [one.unit.evidence(xs) for one in made]
        taught, every = np.array([value for value, _ in evidence]), evidence[0][1]
        share = np.concatenate([one.log_weight + np.log(one.worth) for one in made])
        base = share - _bridge(share, taught, np.log([one.worth for one in made]))
        # Between the claims of none and of all: what some of the claims say, roughly, and whichever these are.
        parts = base + np.multiply.outer(np.linspace(0, 1, POWERS), every)
        weights = np.exp(parts - parts.max(axis=1, keepdims=True))
        aim = (weights / weights.sum(axis=1, keepdims=True)).mean(axis=0)
        block = np.concatenate([np.arange(len(one.z)) % BLOCKS for one in made])
        order = np.argsort(block, kind="stable")
        return cls(
            tuple(made), z[order], xs[order], base[order], taught[0, order], every[order], order.astype(np.int64),
            block[order], aim[order],
        )  # fmt: skip

    def __len__(self) -> int:
        return len(self.z)

    def thinned(self, draws: int) -> Pool:
        """Keep at most so many draws, those that tell most."""
        if len(self) <= draws:
            return self
        kept = pick_by(self.aim, draws)
        return Pool(
            self.made, self.z[kept], self.xs[kept], self.log_base[kept] - np.log(self.aim[kept]), self.taught[kept],
            self.every[kept], self.place[kept], self.block[kept], np.full(draws, 1.0 / draws),
        )  # fmt: skip

    def with_fit(self, unit: Unit, near: Fit, rng: np.random.Generator, ess: float) -> Pool:
        """Add draws of a fit without some of the unit's claims; `near` is the fit to all claims."""
        return Pool.of([*self.made, Made.of(unit, near, rng, ess)])


def pick_by(aim: Floats, draws: int) -> NDArray[np.intp]:
    """Pick so many draws in proportion to `aim`, evenly spread."""
    strata = (np.arange(draws) + 0.5) / draws
    found: NDArray[np.intp] = np.minimum(np.searchsorted(np.cumsum(aim), strata * aim.sum()), len(aim) - 1)
    return found


def collect(found: Fit, unit: Unit, *, rng: np.random.Generator, ess: float, again: bool = True) -> Pool:
    """Collect draws that serve for any subset of the claims of a unit.

    Parameters
    ----------
    found : Fit
        Of all claims.
    unit : Unit
    rng : numpy Generator, keyword
    ess : float, keyword
        See `fit.fit`.
    again : bool, keyword
        Whether the model may be fitted once more.
    """
    z, log_weight = found.z, found.log_weight
    if found.way == "Laplace" and len(found.dense) == len(found.hierarchy):
        z = _draw_more(found, rng)  # a normal costs next to nothing, and these few weights little
        log_weight = np.zeros(len(z))
    pool = Pool.of([Made(unit, z, log_weight - _log_sum(log_weight), max(found.ess, 1.0))])
    # How many claims there are decides what another fit takes. Points of the prior are not made for the account: what
    # it taught is no more than a part of their weights.
    claims = len(found.problem.source)
    poor = POOR if claims <= LARGE else POOR_LARGE
    enough = _effective(pool.log_base) >= poor * _effective(log_weight)
    if enough or not again or np.ptp(log_weight) > 0 or claims > MOST_FITTED:
        return pool
    return pool.with_fit(unit.without(unit.rows, unit.shares), found, rng, ess)


def _bridge(share: Floats, taught: Floats, worth: Floats) -> Floats:
    """Log density of the mixture at each draw, but for what the other claims say; shape (s,).

    Parameters
    ----------
    share : ndarray, shape (s,)
        Log weight of each draw in its set, times what the set is worth.
    taught : ndarray, shape (sets, s)
        Log of what the claims of each set teach.
    worth : ndarray, shape (sets,)
        Logarithms.
    """
    scale = np.zeros(len(taught))
    for _ in range(ROUNDS if len(taught) > 1 else 1):
        mixed = np.logaddexp.reduce(worth[:, None] + taught - scale[:, None], axis=0)
        new = np.array([_log_sum(share + one - mixed) for one in taught])
        new -= new[-1]
        before, scale = scale, new
        if np.max(np.abs(scale - before)) < CLOSE:
            break
    found: Floats = np.logaddexp.reduce(worth[:, None] + taught - scale[:, None], axis=0)
    return found


def _draw_more(found: Fit, rng: np.random.Generator) -> Floats:
    """Draw from the normal that is the posterior of so many claims."""
    if found.normal is None or len(found.z) >= NORMAL:
        return found.z
    t = found.hierarchy.spreads(found.z)
    return found.normal.draw(t.mean(axis=0), t.std(axis=0), NORMAL, rng)


def _effective(log_weight: Floats) -> float:
    weight = np.exp(log_weight - log_weight.max())
    return float(weight.sum() ** 2 / np.sum(weight**2))


def _log_sum(values: Floats) -> float:
    top = float(values.max())
    return top + float(np.log(np.exp(values - top).sum()))
