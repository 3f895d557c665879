# SPDX-License-Identifier: MIT
"""Draws of all parameters: from the normal approximation, and moved from there to the posterior by Monte Carlo."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from reconcile.diagnostics import bulk_ess, split_rhat
from reconcile.evidence import Normal
from reconcile.hierarchy import Hierarchy
from reconcile.importance import normal_points
from reconcile.openings import Opened
from reconcile.visits import Visits

__all__ = ["begin", "move", "propose"]

Floats: TypeAlias = NDArray[np.float64]
Ints: TypeAlias = NDArray[np.int64]

EFFORT, STEPS = 1_200_000, 6  # claims times gradients; gradients in a sweep
CHAINS, SIDE_BY_SIDE = (8, 16), 8_000  # fewest and most chains; claims times chains up to which more cost little
VISITS = 2  # rounds in which every source is visited, in a sweep
ENOUGH, LONGER = 30.0, 3  # effective draws until which chains go on, and how many times as long at most
# R-hat of one parameter in ten up to which chains may stop, beyond which it is said: judgement. Effective draws alone
# tell too little: in halves of five draws few lags are seen, so that these are never less than a quarter of all.
MIXED = 1.2


def propose(normal: Normal, t: Floats, t_sd: Floats, draws: int, rng: np.random.Generator) -> tuple[Floats, Floats]:
    """Draw the spreads of the classes, and given them all other parameters, from the normal approximation."""
    from scipy.linalg import solve_triangular

    size = len(normal.x)
    most = 64 if size <= 200 else 16 if size <= 800 else 4
    kinds = max(k for k in range(1, most + 1) if draws % k == 0)
    each = draws // kinds
    z = normal_points(max(kinds, 8), len(t), rng)[:kinds]
    unit = normal_points(draws, size, rng)
    xs, ts = np.empty((draws, size)), np.empty((draws, len(t)))
    for k in range(kinds):
        mine = slice(k * each, (k + 1) * each)
        ts[mine] = t + t_sd * z[k]
        root, center, _ = normal.root(ts[mine][0])
        xs[mine] = center + solve_triangular(root, unit[mine].T, lower=True, trans="T").T
    return xs, ts


def begin(normal: Normal, t: Floats, t_sd: Floats, claims: int, rng: np.random.Generator) -> tuple[Floats, Floats]:
    """Draw where the chains begin, and the spreads of classes there; fewer chains for more claims."""
    chains = int(np.clip(SIDE_BY_SIDE // max(claims, 1), *CHAINS))
    xs, ts = propose(normal, t, t_sd, 16 * -(-chains // 16), rng)
    xs, ts = xs[:: len(xs) // chains][:chains], ts[:: len(ts) // chains][:chains]
    return normal.x + 0.5 * (xs - normal.x), t + 0.5 * (ts - t)  # the tails of the normal may be nowhere


def move(
    corpus: Opened, normal: Normal, xs: Floats, ts: Floats, draws: int, rng: np.random.Generator
) -> tuple[Floats, Floats, float, float]:
    """Move draws from the normal approximation to the posterior, by Hamiltonian Monte Carlo on what it leaves out.

    The normal part is followed exactly, as a rotation; what the evidence has beside it gives the kicks (Shahbaba et al.
    2014); between its steps every source is visited by itself. Spreads of classes are drawn given all else. Several
    chains run side by side.

    Parameters
    ----------
    corpus : Opened
    normal : Normal
    xs : ndarray, shape (chains, p)
        Where the chains begin.
    ts : ndarray, shape (chains, k)
        Logarithms of the spreads of classes there.
    draws : int
        Of all chains together, more or less; fewer where there are many claims.
    rng : numpy Generator

    Returns
    -------
    xs : ndarray, shape (draws, p)
    ts : ndarray, shape (draws, k)
    ess : float
        Effective draws that 95 % of the parameters reach.
    rhat : float
        That 90 % of the parameters do not exceed.
    """
    from scipy.linalg import solve_triangular

    layout, (chains, size) = normal.layout, xs.shape
    least = int(np.clip(EFFORT // (chains * STEPS * max(len(corpus.problem.source), 1)), 16, max(draws // 4, 16)))
    start, sweeps = least // 3, least
    xs, ts = xs.copy(), ts.copy()
    kept: list[Floats] = []
    kept_t: list[Floats] = []
    angle = np.full(chains, 0.6)
    visits = Visits.of(corpus, chains)

    for sweep in itertools.count():
        if sweep == sweeps:
            found = np.array(kept)
            ess, rhat = judge(found)
            if sweeps >= LONGER * least or (ess >= min(ENOUGH, draws / 8) and rhat <= MIXED):
                break
            sweeps += least
        roots, centers, priors = zip(*(normal.root(one) for one in ts), strict=True)
        middle = np.array(centers)

        def turn(rows: Floats, roots: Sequence[Floats] = roots) -> Floats:
            safe = np.clip(np.nan_to_num(rows), -1e8, 1e8)  # what is so far out is refused below
            return np.array([solve_triangular(r, row, lower=True) for r, row in zip(roots, safe, strict=True)])

        def back(rows: Floats, roots: Sequence[Floats] = roots) -> Floats:
            return np.array(
                [solve_triangular(r, row, lower=True, trans="T") for r, row in zip(roots, rows, strict=True)]
            )

        def beyond(
            u: Floats, x: Floats, value: Floats, slope: Floats, priors: Sequence[Floats] = priors
        ) -> tuple[Floats, Floats]:
            """What the log posterior and its gradient have beside a standard normal of u."""
            gap = x - layout.mean
            pull = np.array([prior @ row for prior, row in zip(priors, gap, strict=True)])
            rest = value - 0.5 * np.sum(gap * pull, axis=1) + 0.5 * np.sum(u**2, axis=1)
            return rest, np.clip(turn(slope - pull) + u, -50.0, 50.0)

        value, slope = corpus.evaluate(xs)
        u = np.array([r.T @ (x - c) for r, x, c in zip(roots, xs, centers, strict=True)])
        rest, kick = beyond(u, xs, value, slope)
        speed = rng.standard_normal(u.shape)
        before = rest - 0.5 * np.sum(u**2 + speed**2, axis=1)
        # Short steps now and then, for a chain in a narrow place.
        turning = (angle * rng.uniform(0.7, 1.3, chains) * np.where(rng.random(chains) < 0.2, 0.2, 1.0))[:, None]
        new, new_value, new_slope = xs, value, slope
        for _ in range(STEPS):
            speed = speed + 0.5 * turning * kick
            u, speed = u * np.cos(turning) + speed * np.sin(turning), speed * np.cos(turning) - u * np.sin(turning)
            new = middle + back(u)
            new_value, new_slope = corpus.evaluate(new)
            rest, kick = beyond(u, new, new_value, new_slope)
            speed = speed + 0.5 * turning * kick
        gain = rest - 0.5 * np.sum(u**2 + speed**2, axis=1) - before
        taken = np.log(rng.random(chains)) < np.where(np.isfinite(gain), gain, -np.inf)
        xs[taken] = new[taken]
        visits.go(normal, middle, np.array(priors), xs, VISITS, rng)
        ts = np.array([draw_spreads(layout, x, rng) for x in xs])
        if sweep < start:
            angle = np.clip(angle * np.exp(0.4 * (taken - 0.7)), 0.02, 1.0)
        else:
            kept.append(xs.copy())
            kept_t.append(ts.copy())
    return found.reshape(-1, size), np.array(kept_t).reshape(-1, ts.shape[1]), ess, rhat


def judge(draws: Floats) -> tuple[float, float]:
    """Effective draws that 95 % of parameters reach, and R-hat that 90 % stay below; `draws` (sweeps, chains, p)."""
    ess, rhat = bulk_ess(draws), split_rhat(draws)
    return float(np.quantile(ess, 0.05)), float(np.quantile(rhat, 0.9, method="higher"))  # which may be infinite


def draw_spreads(layout: Hierarchy, x: Floats, rng: np.random.Generator) -> Floats:
    """Draw the logarithms of the spreads of classes given everything else, on a grid."""
    mine = np.flatnonzero(layout.class_of >= 0)
    group, count = layout.class_of[mine], len(layout.log_spread)
    number = np.bincount(group, minlength=count)
    square = np.bincount(group, (x[mine] - x[group]) ** 2, count)
    grid = np.linspace(-7, 7, 361)  # one source can be far out of its class
    at = layout.log_spread[:, None] + layout.log_spread_sd[:, None] * grid
    log_mass = -number[:, None] * at - 0.5 * square[:, None] * np.exp(-2 * at) - 0.5 * grid**2
    below = np.cumsum(np.exp(log_mass - log_mass.max(axis=1, keepdims=True)), axis=1)
    place = np.sum(below < rng.random((count, 1)) * below[:, -1:], axis=1)
    step = (grid[1] - grid[0]) * layout.log_spread_sd
    found: Floats = at[np.arange(count), np.minimum(place, len(grid) - 1)] + step * (rng.random(count) - 0.5)
    return found
