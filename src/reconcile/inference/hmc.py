# SPDX-License-Identifier: MIT
"""Hamiltonian Monte Carlo from the Laplace approximation to the posterior itself, in standardised coordinates.

A normal around the mode is followed exactly, as a rotation; what the posterior has beside it gives the kicks (Shahbaba
et al. 2014). Several chains run side by side, since the evidence of many vectors costs little more than of one.

Where some coordinates fall into blocks that are independent given all others, each block has a trajectory of its own,
which is accepted or refused by itself: a thousand sources with a claim each are as easy as one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

__all__ = ["Chains", "Turns", "soften"]

Floats: TypeAlias = NDArray[np.float64]
Ints: TypeAlias = NDArray[np.int64]
Target: TypeAlias = Callable[[Floats], tuple[Floats, Floats]]

# Curvatures at the mode are divided by so much before they tell how far to go: a figure that is exact at the mode, and
# elsewhere only near, makes the mode far narrower than the posterior. With 1 party biases take 50 sweeps where they
# take 3 with 10 (15 claims), and with 30 everything else takes longer (100 claims and more). Of many claims the figure
# holds further out: with 4 of 1,142 a fifth of the evaluations are saved.
SOFTENED, HOLDS = (4.0, 8.0), 2_400  # least and most, and claims by which that is divided
ACCEPTED = 0.75  # share of proposals at which steps are as long as they should be
STEPS = (1.5, 64.0)  # to a quarter of a turn: fewest and most
LONGEST = 16  # steps in a sweep; where a quarter of a turn takes more, a sweep goes part of the way
GAIN = 0.5  # of the logarithm of steps, in a warm-up, by the share of proposals that are accepted
WALL = 50.0  # largest kick, per coordinate: a chain may begin where the evidence is steep


def soften(claims: int) -> float:
    """By how much to divide curvatures, of so many claims."""
    return float(np.clip(HOLDS / claims, *SOFTENED))


class Chains:
    """Several chains side by side.

    Parameters
    ----------
    target : callable
        Log density of each block of several vectors, and the gradient; `z` of shape (chains, d), results
        (chains, blocks) and (chains, d).
    start : ndarray, shape (chains, d)
    center : ndarray, shape (d,)
    precision : ndarray, shape (q, q)
        Of a normal approximation, in coordinates in which the prior is standard normal.
    dense : ndarray of int, shape (q,)
        Which coordinates that is the precision of.
    alone : ndarray, shape (d,)
        Precision of each of the others, which are taken to be independent.
    rng : numpy Generator
    softened : float
        By how much curvatures are divided.
    first : ndarray of int, shape (blocks,), optional
        First coordinate of each block; given the others' coordinates blocks are independent. By default there is one.
    """

    def __init__(
        self,
        target: Target,
        start: Floats,
        center: Floats,
        precision: Floats,
        dense: Ints,
        alone: Floats,
        rng: np.random.Generator,
        softened: float = SOFTENED[1],
        first: Ints | None = None,
    ) -> None:
        self._first = np.zeros(1, dtype=np.int64) if first is None else first
        self._width = np.diff(np.append(self._first, start.shape[1]))
        one = np.eye(len(precision))
        self._root = np.asarray(np.linalg.cholesky(one + (precision - one) / softened), dtype=np.float64)
        self._back = np.asarray(np.linalg.inv(self._root), dtype=np.float64)
        self._forth, self._dense = np.ascontiguousarray(self._back.T), dense
        self._scale: Floats = np.sqrt(1.0 + (alone - 1.0) / softened)
        self._target, self._center, self._rng = target, center, rng
        self._steps, self.evaluations = 4.0, 0
        self.restart(start)

    def restart(self, z: Floats) -> None:
        """Go on from elsewhere, or where the target has changed."""
        self._z = z.copy()
        self._value, self._slope = self._target(z)
        self.evaluations += len(z)

    @property
    def z(self) -> Floats:
        """Where the chains are; shape (chains, d)."""
        return self._z

    def advance(self, sweeps: int, *, warm_up: bool = False) -> Floats:
        """Go on; give the new draws, shape (sweeps, chains, d). A warm-up sets the length of steps and keeps none."""
        found = []
        for _ in range(sweeps):
            accepted = self._sweep()
            if warm_up:
                self._steps = float(np.clip(self._steps * np.exp(GAIN * (ACCEPTED - accepted)), *STEPS))
            else:
                found.append(self._z)
        return np.array(found).reshape(-1, *self._z.shape)

    def _turn(self, rows: Floats, by: Floats, scale: Floats) -> Floats:
        found: Floats = rows * scale
        found[:, self._dense] = rows[:, self._dense] @ by
        return found

    def _sweep(self) -> float:
        chains, rng = len(self._z), self._rng
        u, speed = self._turn(self._z - self._center, self._root, self._scale), rng.standard_normal(self._z.shape)
        before = self._value - 0.5 * np.add.reduceat(speed**2, self._first, axis=1)
        # A quarter of a turn, more or less, and now and then a short way, for a chain in a narrow place.
        short = np.where(rng.random(chains) < 0.1, 0.25, 1.0)
        angle = (np.pi / 2 / self._steps * rng.uniform(0.75, 1.15, chains) * short)[:, None]
        z, value, slope = self._z, self._value, self._slope
        kick = np.clip(self._turn(slope, self._forth, 1 / self._scale) + u, -WALL, WALL)
        number = min(max(round(self._steps), 1), LONGEST)
        for _ in range(number):
            speed = speed + 0.5 * angle * kick
            u, speed = u * np.cos(angle) + speed * np.sin(angle), speed * np.cos(angle) - u * np.sin(angle)
            z = self._center + self._turn(u, self._back, 1 / self._scale)
            value, slope = self._target(z)
            kick = np.clip(self._turn(np.nan_to_num(slope), self._forth, 1 / self._scale) + u, -WALL, WALL)
            speed = speed + 0.5 * angle * kick
        self.evaluations += number * chains
        gain = value - 0.5 * np.add.reduceat(speed**2, self._first, axis=1) - before
        chance = np.exp(np.minimum(np.where(np.isfinite(gain), gain, -np.inf), 0.0))
        taken = rng.random(chance.shape) < chance
        moved = np.repeat(taken, self._width, axis=1)
        self._z = np.where(moved, z, self._z)
        self._value = np.where(taken, value, self._value)
        self._slope = np.where(moved, slope, self._slope)
        return float(chance.mean())


class Turns:
    """Chains that move some coordinates at a time, given all others.

    Parameters
    ----------
    parts : sequence of (Chains, ndarray of int)
        With the coordinates that each moves. Their targets read the others from `z`.
    z : ndarray, shape (chains, d)
        Where all coordinates are; written to.
    draw : callable
        Gives all coordinates, some of them drawn anew given the others.
    """

    def __init__(self, parts: Sequence[tuple[Chains, Ints]], z: Floats, draw: Callable[[Floats], Floats]) -> None:
        self._parts, self._z, self._draw = parts, z, draw
        self._kept: list[Floats] = []

    @property
    def evaluations(self) -> int:
        """How many vectors were evaluated."""
        return sum(chains.evaluations for chains, _ in self._parts)

    @property
    def draws(self) -> Floats:
        """All draws that are kept; shape (sweeps, chains, d)."""
        return np.array(self._kept).reshape(-1, *self._z.shape)

    @property
    def z(self) -> Floats:
        """Where the chains are; shape (chains, d)."""
        return self._z

    def advance(self, sweeps: int, *, warm_up: bool = False) -> Floats:
        """Go on with each part in turn; as `Chains.advance`."""
        found = []
        for _ in range(sweeps):
            for chains, coordinates in self._parts:
                mine = self._z[:, coordinates]
                if len(self._parts) > 1 or not np.array_equal(mine, chains.z):  # else nothing has moved since
                    chains.restart(mine)
                chains.advance(1, warm_up=warm_up)
                self._z[:, coordinates] = chains.z
            self._z[:] = self._draw(self._z)
            if not warm_up:
                found.append(self._z.copy())
        self._kept += found
        return np.array(found).reshape(-1, *self._z.shape)
