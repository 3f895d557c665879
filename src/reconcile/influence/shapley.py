# SPDX-License-Identifier: MIT
"""Shapley values: what each claim adds, averaged over all orders in which the claims could come in."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

__all__ = ["every_subset", "shares_exactly", "shares_sampled"]

Floats: TypeAlias = NDArray[np.float64]
Bools: TypeAlias = NDArray[np.bool_]


def every_subset(players: int) -> Bools:
    """All subsets, subset k holding player i where bit i of k is set; shape (2^players, players)."""
    found: Bools = (np.arange(1 << players)[:, None] >> np.arange(players)) % 2 == 1
    return found


def shares_exactly(value: Floats) -> Floats:
    """Shapley values from the value of every subset, in the order of `every_subset`; shape (players, ...)."""
    players = len(value).bit_length() - 1
    size = every_subset(players).sum(axis=1)
    weight = np.array([math.factorial(k) * math.factorial(players - 1 - k) for k in range(players)], dtype=float)
    weight /= math.factorial(players)
    shares = np.empty((players, *value.shape[1:]))
    index = np.arange(len(value))
    for player in range(players):
        without = index[(index >> player) % 2 == 0]
        gain = value[without | (1 << player)] - value[without]
        shares[player] = np.tensordot(weight[size[without]], gain, axes=1)
    return shares


def shares_sampled(
    worth: Callable[[Bools], Floats], players: int, pairs: int, rng: np.random.Generator
) -> tuple[Floats, Floats]:
    """Shapley values from random orders, each followed by its reverse.

    Parameters
    ----------
    worth : callable
        Value of each of several subsets, shape (b, players), or several values; shape (b, ...).
    players : int
    pairs : int
        Number of orders and reverses, at least 2.
    rng : numpy Generator

    Returns
    -------
    shares, error : ndarray, shape (players, ...)
        The shares add up to the value of all less that of none; standard errors from the spread between pairs.
    """
    orders = np.array([order for _ in range(pairs) for one in [rng.permutation(players)] for order in (one, one[::-1])])
    place = np.argsort(orders, axis=1)
    subsets = place[:, None, :] < np.arange(players + 1)[None, :, None]
    kinds, which = np.unique(subsets.reshape(-1, players), axis=0, return_inverse=True)
    value = worth(kinds)[which.reshape(-1)]
    gains = np.diff(value.reshape(len(orders), players + 1, *value.shape[1:]), axis=1)
    gain = gains[np.arange(len(orders))[:, None], place]
    gain = gain.reshape(pairs, 2, *gain.shape[1:]).mean(axis=1)
    return gain.mean(axis=0), gain.std(axis=0, ddof=1) / math.sqrt(pairs)
