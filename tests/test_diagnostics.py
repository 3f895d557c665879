# SPDX-License-Identifier: MIT
"""Effective draws, R-hat and smoothed weights: as ArviZ computes them, and what must hold of any draws."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from reconcile.inference.diagnostics import bulk_ess, smooth_weights, split_rhat

ROUNDING = 1e-10


@pytest.fixture(scope="module")
def arviz():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it announces its next version
        return pytest.importorskip("arviz")


def one_by_one(function, draws, **options):
    """What ArviZ says of each parameter, from arrays of shape (chains, draws)."""
    return np.array([float(function(np.ascontiguousarray(draws[:, :, k].T), **options)) for k in range(draws.shape[2])])


def autoregression(rng, phi, shape):
    rows = rng.standard_normal(shape)
    for k in range(1, len(rows)):
        rows[k] = phi * rows[k - 1] + np.sqrt(1 - phi**2) * rows[k]
    return rows


def drifting(rng, shape):
    """Chains that all go the same way: nothing is seen by who compares whole chains."""
    return np.linspace(0, 4.4, shape[0])[:, None, None] + rng.standard_normal(shape)


def apart(rng, shape):
    return rng.standard_normal(shape) + 0.3 * rng.standard_normal((1, *shape[1:]))


def wide_or_narrow(rng, shape):
    """Chains with the same median and different spreads, which only the tails tell."""
    return rng.standard_normal(shape) * np.exp(rng.standard_normal((1, *shape[1:])))


KINDS = {
    "independent": lambda rng, shape: rng.standard_normal(shape),
    "slow": lambda rng, shape: autoregression(rng, 0.9, shape),
    "swinging": lambda rng, shape: autoregression(rng, -0.7, shape),
    "drifting": drifting,
    "apart": apart,
    "wide or narrow": wide_or_narrow,
    "Cauchy": lambda rng, shape: rng.standard_cauchy(shape),
    "often equal": lambda rng, shape: np.round(autoregression(rng, 0.5, shape)),
    "refused": lambda rng, shape: np.repeat(rng.standard_normal(shape), 3, axis=0)[: shape[0]],
}


@pytest.mark.parametrize("length", [4, 5, 6, 7, 8, 9, 11, 64, 101])
@pytest.mark.parametrize("kind", KINDS)
def test_diagnostics_are_those_of_arviz(arviz, kind, length):
    rng = np.random.default_rng(length)
    for chains in (1, 2, 16):
        draws = KINDS[kind](rng, (length, chains, 5))
        if length < 7:  # where all halves stand still, ArviZ divides by what rounding leaves of no variance
            draws[0, 0] += 1e-3
        expected = one_by_one(arviz.ess, draws, method="bulk")
        np.testing.assert_allclose(bulk_ess(draws), expected, rtol=ROUNDING)
        if chains > 1:
            np.testing.assert_allclose(split_rhat(draws), one_by_one(arviz.rhat, draws, method="rank"), rtol=ROUNDING)


def test_a_drift_that_all_chains_share_is_seen(arviz):
    """R-hat was once that of whole chains, 1.01 for these."""
    draws = drifting(np.random.default_rng(0), (64, 16, 50))
    whole = np.sqrt(1 + draws.mean(axis=0).var(axis=0, ddof=1) / draws.var(axis=0, ddof=1).mean(axis=0))
    assert np.all(whole < 1.02)
    found = split_rhat(draws)
    np.testing.assert_allclose(found, one_by_one(arviz.rhat, draws, method="rank"), rtol=ROUNDING)
    assert np.mean(found) == pytest.approx(1.35, abs=0.02)
    assert np.all(bulk_ess(draws) < 0.1 * 64 * 16)


def test_chains_that_differ_in_the_tails_alone_disagree():
    draws = np.random.default_rng(0).standard_normal((500, 4, 20)) * np.array([1.0, 1.0, 1.0, 3.0])[:, None]
    assert np.all(split_rhat(draws) > 1.1)


@pytest.mark.parametrize("phi", [0.0, 0.5, 0.8, 0.9])
def test_effective_draws_are_those_of_an_autoregression(phi):
    draws = autoregression(np.random.default_rng(0), phi, (2_000, 8, 10))
    assert np.mean(bulk_ess(draws)) == pytest.approx(draws[:, :, 0].size * (1 - phi) / (1 + phi), rel=0.1)
    assert np.all(split_rhat(draws) < 1.02)


def test_what_swings_to_and_fro_is_worth_more_than_its_number():
    draws = autoregression(np.random.default_rng(0), -0.95, (500, 4, 3))
    np.testing.assert_allclose(bulk_ess(draws), 2_000 * np.log10(2_000))


@pytest.mark.parametrize("length", [0, 1, 3])
def test_too_few_draws_tell_nothing(length):
    draws = np.random.default_rng(0).standard_normal((length, 4, 2))
    assert np.all(np.isnan(bulk_ess(draws)))
    assert np.all(np.isnan(split_rhat(draws)))


def test_one_chain_agrees_with_nobody():
    draws = np.random.default_rng(0).standard_normal((100, 1, 2))
    assert np.all(np.isnan(split_rhat(draws)))
    assert np.all(bulk_ess(draws) > 50)


def test_a_constant_tells_nothing_of_agreement():
    draws = np.random.default_rng(0).standard_normal((21, 4, 3))
    draws[:, :, 1] = 0.1
    assert np.isnan(split_rhat(draws)).tolist() == [False, True, False]
    assert bulk_ess(draws)[1] == 4 * 20  # as ArviZ: of 21 draws the middle one is left out


@pytest.mark.parametrize("places", [[0.1, 0.3, 0.7, 1.1], [-1.0, 1.0, 1.0, -1.0]])  # equally far from the median, too
def test_chains_that_stand_still_apart_disagree_without_end(places):
    draws = np.tile(np.array(places)[:, None], (30, 1, 2))
    assert np.all(np.isposinf(split_rhat(draws)))
    assert np.all(bulk_ess(draws) < 8)


def test_a_nan_concerns_its_own_parameter():
    draws = np.random.default_rng(0).standard_normal((50, 4, 3))
    ess, rhat = bulk_ess(draws), split_rhat(draws)
    draws[7, 2, 1] = np.nan
    for found, before in ((bulk_ess(draws), ess), (split_rhat(draws), rhat)):
        assert np.isnan(found[1])
        assert np.array_equal(found[[0, 2]], before[[0, 2]])


def test_an_infinite_draw_is_the_largest():
    draws = np.random.default_rng(0).standard_normal((50, 4, 1))
    far = draws.copy()
    far[7, 2], draws[7, 2] = np.inf, 100.0
    assert np.array_equal(bulk_ess(far), bulk_ess(draws))
    assert np.array_equal(split_rhat(far), split_rhat(draws))
    assert np.isfinite(split_rhat(np.where(draws > 0, np.inf, draws))[0])  # the median is infinite: only the bulk tells


# Few values, so that many draws are equal.
DRAWS = st.tuples(st.integers(4, 20), st.integers(2, 5), st.integers(1, 3)).flatmap(
    lambda shape: arrays(np.int64, shape, elements=st.integers(-8, 8))
)
SEEDED = st.builds(
    lambda seed, length, chains, phi: autoregression(np.random.default_rng(seed), phi, (length, chains, 3)),
    st.integers(0, 2**32 - 1),
    st.integers(4, 40),
    st.integers(2, 6),
    st.floats(-0.95, 0.95),
)


@given(DRAWS, st.lists(st.floats(0.01, 1e6), min_size=17, max_size=17))
def test_effective_draws_depend_on_the_order_of_values_alone(draws, steps):
    assert np.array_equal(bulk_ess(np.cumsum(steps)[draws + 8]), bulk_ess(draws.astype(float)))


@given(DRAWS, st.integers(-1_000, 1_000), st.sampled_from([-3, -1, 1, 2, 7]))
def test_agreement_does_not_depend_on_the_unit(draws, shift, scale):
    there, here = split_rhat(shift + scale * draws.astype(float)), split_rhat(draws.astype(float))
    np.testing.assert_allclose(there, here, rtol=ROUNDING)


@given(SEEDED, st.randoms(use_true_random=False))
def test_neither_the_order_of_chains_nor_the_sign_nor_the_company_matters(draws, random):
    order = random.sample(range(draws.shape[1]), draws.shape[1])
    for diagnose in (bulk_ess, split_rhat):
        found = diagnose(draws)
        np.testing.assert_allclose(diagnose(draws[:, order]), found, rtol=ROUNDING)
        np.testing.assert_allclose(diagnose(-draws), found, rtol=ROUNDING)
        np.testing.assert_allclose(np.concatenate([diagnose(draws[:, :, [k]]) for k in range(3)]), found, rtol=ROUNDING)


@given(DRAWS)
def test_effective_draws_have_bounds_and_draws_are_left_as_they_were(draws):
    draws = draws.astype(float)
    before = draws.copy()
    ess, rhat = bulk_ess(draws), split_rhat(draws)
    count = 2 * (len(draws) // 2) * draws.shape[1]
    assert np.all(ess > 0)
    assert np.all(ess <= count * max(np.log10(count), 1) * (1 + ROUNDING))  # of few draws, those of a constant
    assert np.array_equal(np.isnan(rhat), np.ptp(halves(draws), axis=0) == 0)
    assert np.array_equal(draws, before)


def halves(draws):
    """The draws that count, of all chains; shape (n, p)."""
    half = len(draws) // 2
    return np.concatenate([draws[:half], draws[-half:]]).reshape(-1, draws.shape[2])


# --- Weights ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("count", [25, 64, 100, 128, 400, 1_000, 1_024, 1_280])
@pytest.mark.parametrize("shape", [0.1, 0.6, 1.4])
def test_weights_are_smoothed_as_by_arviz(arviz, count, shape):
    if not hasattr(arviz, "psislw"):
        pytest.skip("from 1.0 on, ArviZ keeps it elsewhere")
    log_weight = np.random.default_rng(count).exponential(size=count) * shape - 700.0
    weight, khat = smooth_weights(log_weight)
    smoothed, expected = arviz.psislw(log_weight.copy())
    assert khat == pytest.approx(float(expected), rel=ROUNDING)
    np.testing.assert_allclose(weight, np.exp(smoothed), rtol=ROUNDING)


@pytest.mark.parametrize("shape", [0.1, 0.4, 0.7, 1.0, 1.4])
def test_khat_is_the_shape_of_a_pareto_tail(shape):
    found = []
    for seed in range(20):
        weight, khat = smooth_weights(np.random.default_rng(seed).exponential(size=20_000) * shape)
        assert weight.sum() == pytest.approx(1)
        assert np.all(weight >= 0)
        found.append(khat)
    assert np.mean(found) == pytest.approx(shape, abs=0.1)


def test_equal_weights_stay_equal():
    weight, khat = smooth_weights(np.full(100, -1234.5))
    assert np.allclose(weight, 0.01)
    assert khat == -np.inf


def test_too_few_draws_are_not_trusted():
    assert smooth_weights(np.arange(12.0))[1] == np.inf
