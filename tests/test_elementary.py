# SPDX-License-Identifier: MIT
"""Exponential, logarithm and normal tail by basic arithmetic, against NumPy's and SciPy's."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.special import expit, log_ndtr

from reconcile.inference.elementary import exponential, log_upper, logarithm, logistic

ULP = 2.0**-52
FINITE = st.floats(-690, 690)


def some(elements):
    return arrays(np.float64, st.integers(1, 20), elements=elements)


@given(some(FINITE))
def test_exponential(x):
    np.testing.assert_allclose(exponential(x), np.exp(x), 2 * ULP)


def test_exponential_has_limits_instead_of_infinity():
    assert np.array_equal(exponential(np.array([1e300, np.inf])), exponential(np.array([700.0, 700.0])))
    assert np.all(exponential(np.array([-np.inf, -1e300])) == exponential(np.array([-700.0]))[0])
    assert exponential(np.array([0.0]))[0] == 1.0


@given(some(FINITE.map(np.exp)))
def test_logarithm(x):
    np.testing.assert_allclose(logarithm(x), np.log(x), 2 * ULP, 2 * ULP)


def test_logarithm_of_powers_of_two_is_exact():
    powers = np.arange(-1000.0, 1001.0)
    assert np.array_equal(logarithm(2.0**powers), np.log(2.0) * powers) or np.allclose(
        logarithm(2.0**powers), np.log(2.0) * powers, rtol=ULP
    )
    assert logarithm(np.array([1.0]))[0] == 0.0


@given(some(st.floats(-600, 600)))
def test_logistic(x):
    np.testing.assert_allclose(logistic(x), expit(x), 4 * ULP)


@given(some(st.floats(-30, 3_000)))
def test_log_upper(z):
    """A probability near 1 is known to its last bits, and its logarithm so is to these."""
    np.testing.assert_allclose(log_upper(z), log_ndtr(-z), 4 * ULP, 4 * ULP)


@pytest.mark.parametrize("edge", [0.67448975, 5.656854249492381])
def test_approximations_meet(edge):
    for sign in (1, -1):
        z = sign * np.array([np.nextafter(edge, 0), edge, np.nextafter(edge, 10)])
        np.testing.assert_allclose(log_upper(z), log_ndtr(-z), 4 * ULP, 4 * ULP)
