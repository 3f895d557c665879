# SPDX-License-Identifier: MIT
"""The normal approximation against plain matrix algebra in the parameters themselves, and against quadrature."""

from __future__ import annotations

import attrs
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_hierarchy import LAYOUTS, held, hierarchy

from reconcile.inference import laplace
from reconcile.inference.laplace import Laplace, invert

DRAWS = 2_048
NAMES = st.sampled_from(list(LAYOUTS))
SEEDS = st.integers(0, 2**32 - 1)


def normal_of(layout, seed=0, strength=1.0):
    """Evidence that is normal: with a curvature that is positive definite, looked at away from the mode."""
    rng = np.random.default_rng(seed)
    size = len(layout)
    root = rng.standard_normal((size, size)) * np.sqrt(strength / size)
    curvature = root @ root.T
    x = layout.mean + 0.2 * rng.standard_normal(size)
    x[held(layout)] = layout.mean[held(layout)]
    return Laplace(layout, x, rng.standard_normal(size), curvature)


def prior_of(layout, t):
    """Mean and covariance of the parameters given the spreads, one unit of z after the other."""
    z = np.zeros((layout.size + 1, layout.size))
    z[1:] = np.eye(layout.size)
    z[:, len(layout) :] = (t - layout.log_spread) / layout.log_spread_sd
    x = layout.unfold(z)
    axes = (x[1:] - x[0])[: len(layout)]
    return x[0], axes.T @ axes


@settings(max_examples=15)
@given(NAMES, SEEDS)
def test_the_posterior_given_the_spreads_is_that_of_plain_algebra(name, seed):
    """Both as a product of normals in the parameters: precision adds, and means are weighted by it."""
    layout = LAYOUTS[name]
    one = normal_of(layout, seed)
    t = layout.log_spread + 0.3 * np.random.default_rng(seed).standard_normal(len(layout.log_spread))
    mean, prior = prior_of(layout, t)
    gain = np.linalg.solve(np.eye(len(layout)) + prior @ one.curvature, prior)  # (prior^-1 + curvature)^-1
    wanted = mean + gain @ (one.slope + one.curvature @ (one.x - mean))
    root, center = one.given(t)
    z = np.concatenate([center, (t - layout.log_spread) / layout.log_spread_sd])
    np.testing.assert_allclose(layout.unfold(z[None])[0], wanted, atol=1e-8)
    np.testing.assert_allclose(one.covariance(t), gain, atol=1e-8)
    np.testing.assert_allclose(root @ root.T, one.turned(t) + np.eye(len(layout)), atol=1e-9)


def test_the_middle_is_where_evidence_and_prior_pull_alike():
    for layout in LAYOUTS.values():
        one, t = normal_of(layout), layout.log_spread
        z = np.zeros((1, layout.size))
        z[0, : len(layout)] = one.given(t)[1]
        slope = one.slope + one.curvature @ (one.x - layout.unfold(z)[0])
        np.testing.assert_allclose(layout.pull(z, slope[None])[0, : len(layout)], z[0, : len(layout)], atol=1e-9)


def test_curvature_around_a_point_is_that_of_the_evidence_there():
    """But for what bends the coordinates: of the spreads it is what they move, and no more."""
    layout = LAYOUTS["learning"]
    one, rng = normal_of(layout), np.random.default_rng(1)
    z = rng.standard_normal(layout.size)
    found, h = one.around(z), 1e-5
    jacobian = (layout.unfold(z + h * np.eye(layout.size)) - layout.unfold(z - h * np.eye(layout.size))) / (2 * h)
    np.testing.assert_allclose(found, jacobian @ one.curvature @ jacobian.T, atol=1e-6)
    np.testing.assert_allclose(found[: len(layout), : len(layout)], one.turned(layout.spreads(z[None])[0]), atol=1e-9)


def test_twice_the_claims_are_twice_as_sure():
    layout = LAYOUTS["learning"]
    one = normal_of(layout)
    double = one.scaled(2.0)
    z = np.random.default_rng(0).standard_normal(layout.size)
    np.testing.assert_allclose(double.around(z), 2 * one.around(z))
    np.testing.assert_allclose(double.slope, 2 * one.slope)


# --- directions that are curved upwards ----------------------------------------------------------------------------


@pytest.mark.parametrize("dense", [10, 600], ids=["source by source", "at once"])
def test_directions_that_are_curved_upwards_are_left_to_the_prior(dense, monkeypatch):
    monkeypatch.setattr(laplace, "DENSE", dense)
    layout = hierarchy()
    rng, size = np.random.default_rng(3), len(layout)
    symmetric = rng.standard_normal((size, size))
    bent = Laplace(layout, layout.mean.copy(), np.zeros(size), symmetric + symmetric.T)
    flat = bent.definite()
    assert np.linalg.eigvalsh(flat.turned(layout.log_spread)).min() > (-1 if dense == 10 else -1e-8)
    assert np.linalg.cholesky(flat.turned(layout.log_spread) + np.eye(size)).shape == (size, size)
    np.testing.assert_allclose(flat.curvature, flat.curvature.T, atol=1e-8)


def test_what_is_curved_downwards_stays_as_it_is():
    layout = LAYOUTS["not learning"]
    one = normal_of(layout)
    free = ~held(layout)
    np.testing.assert_allclose(one.definite().turned(layout.log_spread), one.turned(layout.log_spread), atol=1e-9)
    assert np.any(one.turned(layout.log_spread)[np.ix_(free, free)])


def test_a_curvature_that_no_prior_makes_definite_still_gives_numbers():
    layout = LAYOUTS["learning"]
    size = len(layout)
    bad = Laplace(layout, layout.mean.copy(), np.zeros(size), -50.0 * np.eye(size))
    root, center = bad.given(layout.log_spread)
    assert np.all(np.isfinite(root))
    assert np.all(np.diag(root) > 0)
    assert np.all(np.isfinite(center))


@given(SEEDS, st.integers(1, 12))
def test_the_inverse_by_a_factor_is_the_inverse(seed, size):
    root = np.tril(np.random.default_rng(seed).standard_normal((size, size))) + 3 * np.eye(size)
    np.testing.assert_allclose(invert(root) @ (root @ root.T), np.eye(size), atol=1e-8)


# --- spreads -------------------------------------------------------------------------------------------------------


def many_media(number, spread, seed=0):
    """A class of many sources whose biases are known well, and lie apart by a spread."""
    from reconcile.inference.hierarchy import Hierarchy
    from reconcile.model import Model
    from reconcile.vocabulary import Relation, Source

    speakers = [Source(f"s{k:03}", kind="media") for k in range(number)]
    heard = {(k, Relation.THIRD): frozenset({"bias"}) for k in range(number)}
    layout = Hierarchy.of(speakers, heard, ("killed",), Model())
    x = layout.mean.copy()
    x[layout.leaning] = spread * np.random.default_rng(seed).standard_normal(number)
    known = np.zeros(len(layout))
    known[layout.leaning] = 1e4
    return Laplace(layout, x, np.zeros(len(x)), np.diag(known))


@pytest.mark.parametrize("spread", [0.05, 0.3, 1.0])
def test_the_spread_of_a_class_whose_sources_are_known_is_found(spread):
    one = many_media(80, spread)
    layout = one.hierarchy
    t, sd = one.fit_spreads(layout.log_spread, 6)
    # As of a sample of so many, drawn a little towards where it was assumed.
    precision = 1 / layout.log_spread_sd[0] ** 2 + 2 * 80
    seen = np.log(np.std(one.x[layout.leaning]))
    wanted = seen + (layout.log_spread[0] - seen) / layout.log_spread_sd[0] ** 2 / precision
    assert t[0] == pytest.approx(wanted, abs=0.05)
    assert sd[0] == pytest.approx(1 / np.sqrt(precision), rel=0.1)


def test_the_spread_of_a_class_is_its_posterior_mode_by_quadrature():
    """Of five sources that are known not so well: the sources integrated for each spread, the spread on a grid."""
    one = many_media(5, 0.8, seed=2)
    layout = one.hierarchy
    known = one.curvature.copy()
    known[layout.leaning, layout.leaning] = 9.0
    one = attrs.evolve(one, curvature=known)
    t, _ = one.fit_spreads(layout.log_spread, 200)
    grid = layout.log_spread[0] + np.linspace(-1.5, 1.5, 101)
    height = []
    for at in grid:
        _, prior = prior_of(layout, np.array([at]))
        cov = prior[np.ix_(layout.leaning, layout.leaning)] + np.eye(5) / 9.0
        gap = one.x[layout.leaning] - layout.mean[layout.leaning]
        log = -0.5 * gap @ np.linalg.solve(cov, gap) - 0.5 * np.linalg.slogdet(cov)[1]
        height.append(log - 0.5 * ((at - layout.log_spread[0]) / layout.log_spread_sd[0]) ** 2)
    assert t[0] == pytest.approx(grid[int(np.argmax(height))], abs=0.03)


def test_the_spread_of_a_class_of_which_nothing_is_known_stays():
    layout = LAYOUTS["learning"]
    size = len(layout)
    nothing = Laplace(layout, layout.mean.copy(), np.zeros(size), np.zeros((size, size)))
    t, sd = nothing.fit_spreads(layout.log_spread, 3)
    np.testing.assert_allclose(t, layout.log_spread, atol=1e-6)
    np.testing.assert_allclose(sd, layout.log_spread_sd, rtol=1e-6)
    same, _ = nothing.fit_spreads(layout.log_spread + 0.1, 0)
    np.testing.assert_allclose(same, layout.log_spread + 0.1)


def test_a_source_that_fits_no_class_does_not_take_the_spread_with_it():
    one = many_media(5, 0.1)
    x = one.x.copy()
    x[one.hierarchy.leaning[0]] = 1e4
    t, _ = attrs.evolve(one, x=x).fit_spreads(one.hierarchy.log_spread, 5)
    layout = one.hierarchy
    assert np.all(t <= layout.log_spread + laplace.FURTHEST * layout.log_spread_sd)


# --- draws ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", LAYOUTS)
def test_draws_have_the_moments_of_the_normal(name):
    layout = LAYOUTS[name]
    one = normal_of(layout, strength=3.0)
    t = layout.log_spread
    z = one.draw(t, np.full(len(t), 1e-9), DRAWS, np.random.default_rng(0))
    root, center = one.given(t)
    covariance = invert(root)
    sd = np.sqrt(np.diag(covariance))
    assert np.max(np.abs(z[:, : len(layout)].mean(axis=0) - center) / sd) < 5 / np.sqrt(DRAWS)
    gap = np.cov(z[:, : len(layout)].T) - covariance
    assert np.max(np.abs(gap / sd / sd[:, None])) < 5 * np.sqrt(2 / DRAWS)
    np.testing.assert_allclose(z[:, len(layout) :], 0.0, atol=1e-6)


@pytest.mark.parametrize("draws", [16, 48, 80, 96, 112, 144])
def test_every_draw_is_drawn(draws):
    """Of 96 draws, 32 were once left as the memory was."""
    layout = LAYOUTS["learning"]
    one = attrs.evolve(normal_of(layout, strength=0.0), slope=np.zeros(len(layout)))
    z = one.draw(layout.log_spread, layout.log_spread_sd, draws, np.random.default_rng(0))
    assert z.shape == (draws, layout.size)
    assert np.all(np.abs(z).max(axis=1) < 6)
    assert len(np.unique(z[:, 0])) == draws
    spread = z[:, len(layout) :]
    assert np.all(np.abs(spread.mean(axis=0)) < 5 / np.sqrt(min(draws, 64) / 2))
