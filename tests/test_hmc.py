# SPDX-License-Identifier: MIT
"""Chains on targets whose moments are known: normals, however badly they are approximated, a banana and a funnel."""

from __future__ import annotations

import numpy as np
import pytest

from reconcile.inference.diagnostics import bulk_ess, split_rhat
from reconcile.inference.hmc import STEPS, Chains, Turns

CHAINS, SWEEPS = 32, 400


def in_one_block(target):
    def blocks(z):
        value, slope = target(z)
        return value[:, None], slope

    return blocks


def run(target, start, center, precision, moved=None, seed=0, sweeps=SWEEPS):
    moved, rng = np.arange(len(center)) if moved is None else moved, np.random.default_rng(seed)
    chain = Chains(in_one_block(target), start, center, precision, moved, np.ones(len(center)), rng)
    chain.advance(20, warm_up=True)
    return chain, chain.advance(sweeps)


def normal(mean, covariance):
    precision = np.linalg.inv(covariance)

    def target(z):
        gap = z - mean
        return -0.5 * np.einsum("cd,de,ce->c", gap, precision, gap), -gap @ precision

    return target


def covariance_of(size, seed=0):
    root = np.random.default_rng(seed).standard_normal((size, size)) / np.sqrt(size)
    return root @ root.T + 0.1 * np.eye(size)


def assert_moments(draws, mean, covariance):
    """Means and variances within five standard errors, as many as effective draws say; R-hat near 1."""
    assert np.nanmax(split_rhat(draws)) < 1.06
    worth = bulk_ess(draws)
    assert worth.min() > 200
    flat, sd = draws.reshape(-1, len(mean)), np.sqrt(np.diag(covariance))
    assert np.all(np.abs(flat.mean(axis=0) - mean) < 5 * sd / np.sqrt(worth))
    np.testing.assert_allclose(flat.var(axis=0), np.diag(covariance), rtol=0.25)


@pytest.mark.parametrize("known", ["as it is", "too narrow", "too wide", "elsewhere", "not at all"])
def test_a_normal_is_sampled_whatever_is_assumed_of_it(known):
    mean, covariance = np.array([1.0, -2.0, 0.5, 3.0, 0.0, 0.0]), covariance_of(6)
    right = np.linalg.inv(covariance)
    center = mean + 1.0 if known == "elsewhere" else mean
    precision = {"too narrow": 30 * right, "too wide": right / 5, "not at all": np.eye(6)}.get(known, right)
    start = center + 0.5 * np.random.default_rng(1).standard_normal((CHAINS, 6))
    _, draws = run(normal(mean, covariance), start, center, precision)
    assert draws.shape == (SWEEPS, CHAINS, 6)
    assert_moments(draws, mean, covariance)


def test_some_coordinates_may_be_left_to_the_prior():
    """A standard normal in those that are not moved, as they are where few claims speak."""
    covariance = np.eye(7)
    covariance[1:4, 1:4] = covariance_of(3)
    mean = np.zeros(7)
    precision = np.linalg.inv(covariance[1:4, 1:4])
    start = np.random.default_rng(1).standard_normal((CHAINS, 7))
    _, draws = run(normal(mean, covariance), start, mean, precision, np.arange(1, 4))
    assert_moments(draws, mean, covariance)


def test_a_normal_that_is_known_is_followed_exactly():
    """The whole way is a rotation then, so next to nothing is refused."""
    target, start = normal(np.zeros(4), np.eye(4)), np.random.default_rng(1).standard_normal((CHAINS, 4))
    rng = np.random.default_rng(0)
    chain = Chains(in_one_block(target), start, np.zeros(4), np.eye(4), np.arange(4), np.ones(4), rng)
    assert min(chain._sweep() for _ in range(10)) > 1 - 1e-9


def test_a_banana_is_sampled():
    """x is standard normal and y around x^2 / 2: mean .5 and variance .5 + .6^2."""

    def target(z):
        x, y = z.T
        gap = (y - x**2 / 2) / 0.6
        return -0.5 * x**2 - 0.5 * gap**2, np.stack([-x + gap / 0.6 * x, -gap / 0.6], axis=1)

    start = np.random.default_rng(1).standard_normal((CHAINS, 2))
    _, draws = run(target, start, np.zeros(2), np.diag([1.0, 1 / 0.36]), sweeps=1_500)
    assert np.max(split_rhat(draws)) < 1.05
    x, y = draws.reshape(-1, 2).T
    assert x.mean() == pytest.approx(0, abs=0.1)
    assert x.var() == pytest.approx(1, rel=0.15)
    assert y.mean() == pytest.approx(0.5, abs=0.1)
    assert y.var() == pytest.approx(0.86, rel=0.2)


def test_a_funnel_in_its_own_coordinates_is_a_normal():
    """As all parameters are drawn: ten sources, each seen once, and the spread of their class."""
    seen, noise = np.random.default_rng(3).normal(0, 0.5, 10), 0.5

    def target(z):
        t, spread = z[:, 0], np.exp(-1.0 + 0.5 * z[:, 0])
        gap = (seen - spread[:, None] * z[:, 1:]) / noise
        by = gap / noise * spread[:, None]
        slope = np.column_stack([-t + 0.5 * np.sum(by * z[:, 1:], axis=1), -z[:, 1:] + by])
        return -0.5 * np.sum(z**2, axis=1) - 0.5 * np.sum(gap**2, axis=1), slope

    start = np.random.default_rng(1).standard_normal((CHAINS, 11))
    _, draws = run(target, start, np.zeros(11), np.eye(11), sweeps=300)
    assert np.max(split_rhat(draws)) < 1.05
    grid = np.linspace(-6, 6, 2_001)
    variance = noise**2 + np.exp(2 * (-1.0 + 0.5 * grid))
    log = -0.5 * grid**2 - 5 * np.log(variance) - 0.5 * np.sum(seen**2) / variance
    mass = np.exp(log - log.max())
    mass /= mass.sum()
    mean = mass @ grid
    assert draws[..., 0].mean() == pytest.approx(mean, abs=0.1)
    assert draws[..., 0].std() == pytest.approx(np.sqrt(mass @ (grid - mean) ** 2), rel=0.1)


def test_a_target_that_is_nowhere_is_not_entered():
    def target(z):
        value, slope = -0.5 * np.sum(z**2, axis=1), -z
        return np.where(z[:, 0] > 0, value, np.nan), np.where(z[:, :1] > 0, slope, np.nan)

    start = np.abs(np.random.default_rng(1).standard_normal((CHAINS, 3)))
    _, draws = run(target, start, np.full(3, 0.5), np.eye(3))
    assert np.all(np.isfinite(draws))
    assert draws[..., 0].min() > 0
    assert draws[..., 0].mean() == pytest.approx(np.sqrt(2 / np.pi), abs=0.15)


def test_a_warm_up_keeps_nothing_and_sets_the_length_of_steps():
    calls = []

    def target(z):
        calls.append(len(z))
        return -0.5 * np.sum(z**2, axis=1, keepdims=True), -z

    start = np.zeros((4, 2))
    chain = Chains(target, start, np.zeros(2), np.eye(2), np.arange(2), np.ones(2), np.random.default_rng(0))
    assert chain.advance(30, warm_up=True).shape == (0, 4, 2)
    assert STEPS[0] <= chain._steps < 4.0  # of a normal that is known, the fewest do
    assert np.array_equal(chain.advance(3)[-1], chain.z)
    assert chain.evaluations == sum(calls)


def test_the_same_seed_gives_the_same_draws():
    target, start = normal(np.zeros(3), covariance_of(3)), np.zeros((8, 3))
    one, other = (run(target, start, np.zeros(3), np.eye(3), seed=4, sweeps=5)[1] for _ in range(2))
    assert np.array_equal(one, other)


def test_blocks_are_accepted_one_by_one():
    """Two hundred blocks of two, one of which is where nothing is: it stands still, and no other does."""
    size, covariance = 200, np.array([[1.0, 0.6], [0.6, 2.0]])
    precision = np.linalg.inv(covariance)
    first = np.arange(0, 2 * size, 2)

    def target(z):
        pairs = z.reshape(len(z), size, 2)
        value = -0.5 * np.einsum("cbd,de,cbe->cb", pairs, precision, pairs)
        value[:, 7] = np.where(np.all(pairs[:, 7] == 0.25, axis=1), 0.0, -np.inf)
        return value, -(pairs @ precision).reshape(z.shape)

    start = np.full((CHAINS, 2 * size), 0.25)
    none, rng = np.zeros(0, dtype=np.int64), np.random.default_rng(0)
    chain = Chains(target, start, np.zeros(2 * size), np.eye(0), none, np.ones(2 * size), rng, first=first)
    chain.advance(20, warm_up=True)
    draws = chain.advance(60)
    pairs = draws.reshape(-1, size, 2)
    assert np.all(pairs[:, 7] == 0.25)
    others = np.delete(pairs, 7, axis=1).reshape(-1, 2)
    np.testing.assert_allclose(np.cov(others.T), covariance, atol=0.05)
    # Were all accepted or refused together, none would have moved.
    assert np.mean(np.any(np.diff(draws, axis=0) != 0, axis=2)) == 1.0


def test_parts_that_take_turns_find_the_whole():
    covariance = covariance_of(5)
    mean, precision, both = np.arange(5.0), np.linalg.inv(covariance), (np.array([0, 3]), np.array([1, 2]))
    z, rng = np.zeros((CHAINS, 5)), np.random.default_rng(0)
    whole = normal(mean, covariance)

    def move(places):
        def target(some):
            z[:, places] = some
            value, slope = whole(z)
            return value[:, None], slope[:, places]

        size, alone = len(places), np.diag(precision)[places]
        return Chains(target, z[:, places], mean[places], np.diag(alone), np.arange(size), np.ones(size), rng), places

    def draw(z):
        """Draw the last coordinate given the others."""
        middle = mean[4] - (z[:, :4] - mean[:4]) @ precision[4, :4] / precision[4, 4]
        return np.concatenate([z[:, :4], (middle + rng.standard_normal(CHAINS) / np.sqrt(precision[4, 4]))[:, None]], 1)

    turns = Turns([move(places) for places in both], z, draw)
    turns.advance(20, warm_up=True)
    assert turns.draws.shape == (0, CHAINS, 5)
    first, second = turns.advance(300), turns.advance(300)
    draws = turns.draws
    assert np.array_equal(draws, np.concatenate([first, second]))
    assert np.array_equal(draws[-1], turns.z)
    assert_moments(draws, mean, covariance)
