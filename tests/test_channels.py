# SPDX-License-Identifier: MIT
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from oracles import figure_probability
from scipy.special import ndtri, stdtr

from reconcile.channels import Denial, Fidelity, GrossError, LogStudent, ShareNoise, student_cdf

parameters = st.fixed_dictionaries(
    {
        "bias": st.floats(-2, 2),
        "log_spread": st.floats(-3, 1),
        "fidelity": st.floats(-6, 6),
        "slope": st.floats(-1, 4),
        "gross": st.floats(-9, 2),
        "denial": st.floats(-8, 2),
    }
)


def arrays(theta):
    return {name: np.array(value).reshape(-1, 1, 1) for name, value in theta.items()}


@given(parameters, st.integers(0, 10**6), st.integers(0, 10**6))
def test_the_channel_is_the_model_in_words(theta, figure, truth):
    edge = np.array([[float(figure)]])
    found = Denial().mass(edge, edge, np.array([float(truth)]), arrays(theta))[0, 0, 0]
    assert found == pytest.approx(figure_probability(figure, truth, **theta), rel=1e-6, abs=1e-13)


@given(parameters, st.integers(0, 10**9))
def test_the_figures_of_every_truth_sum_to_one(theta, truth):
    ends = np.array([0, 1, 2, 3, 10, 99, 100, 10**4, 10**6, 10**9, 10**12])
    low = ends.astype(float)[:, None]
    high = np.append(ends[1:] - 1.0, np.inf)[:, None]
    mass = Denial().mass(low, high, np.array([float(truth)]), arrays(theta))
    assert np.all(mass >= 0)
    assert mass.sum() == pytest.approx(1, abs=1e-9)


@pytest.mark.parametrize("channel", [LogStudent(), GrossError(), Fidelity(), Denial()], ids=lambda c: type(c).__name__)
def test_gradients_are_finite_differences(channel):
    rng = np.random.default_rng(0)
    low = np.array([0, 0, 1, 3, 10, 99, 10**9, 0])[:, None] * 1.0
    high = np.array([0, 5, 1, 7, np.inf, 200, 10**9, np.inf])[:, None]
    truth = np.array([0, 1, 5, 7.5, 150, 1e9])
    theta = {name: rng.normal(size=(5, 1, 1)) for name in channel.parameters}
    mass, slopes = channel.gradient(low, high, truth, theta)
    assert np.allclose(mass, channel.mass(low, high, truth, theta), rtol=1e-12)
    assert set(slopes) == set(channel.parameters)
    for name in channel.parameters:
        h = 1e-5
        up, down = ({**theta, name: theta[name] + sign * h} for sign in (1, -1))
        numeric = (channel.mass(low, high, truth, up) - channel.mass(low, high, truth, down)) / (2 * h)
        assert np.allclose(np.broadcast_to(slopes[name], numeric.shape), numeric, atol=1e-8)


def test_the_marginal_is_the_average_over_the_priors():
    prior = {"bias": (0.3, 0.8), "log_spread": (-1.2, 0.6), "fidelity": (2.0, 1.2), "slope": (1.45, 0.5)}
    prior |= {"denial": (-2.9, 1.0), "gross": (-4.0, 1.0)}
    low = np.array([0, 1, 3, 10, 99, 0])[:, None] * 1.0
    high = np.array([0, 1, 7, np.inf, 200, np.inf])[:, None]
    truth = np.array([0, 1, 5, 7.5, 150.0])
    rng = np.random.default_rng(0)
    total, count = np.zeros((6, 5)), 100
    for _ in range(count):
        theta = {name: mean + sd * rng.standard_normal((2_000, 1, 1)) for name, (mean, sd) in prior.items()}
        total += Denial().mass(low, high, truth, theta).mean(axis=0)
    assert np.allclose(Denial().marginal(low, high, truth, prior)[0], total / count, atol=0.004)


@given(st.floats(0.001, 0.999), st.floats(-3, 1))
def test_stated_shares_sum_to_one(share, log_spread):
    cuts = np.array([0, 0.1, 0.3, 0.5, 0.9, 1])
    mass = ShareNoise().mass(cuts[:-1, None], cuts[1:, None], np.array([share]), np.full((1, 1, 1), log_spread))
    assert mass.sum() == pytest.approx(1)


@given(st.floats(-1e4, 1e4))
def test_the_closed_form_is_students_t(z):
    assert student_cdf(np.array(z)) == pytest.approx(stdtr(4, z), abs=1e-14)


def test_a_gross_error_is_a_digit_or_two_about_this_truth():
    """Within a factor of ten of the truth in .626, the middle of Student's t with 4 degrees of freedom; of any size."""
    truth = np.array([5e5, 5e6, 5e11])
    theta = arrays({"gross": 99.0, "bias": 2.0, "log_spread": -3.0})
    for factor, share in ((10, 0.626), (100, 0.884), (1_000, 0.960)):
        low, high = np.ceil(truth / factor)[:, None], np.floor(truth * factor)[:, None]
        mass = GrossError().mass(low, high, truth, theta)[0]
        assert np.allclose(np.diag(mass), share, atol=2e-3)


@pytest.mark.parametrize("spread_sd", [0.0, 0.6, 1.5])
@pytest.mark.parametrize("bias_sd", [0.05, 0.8])
def test_the_average_noise_is_that_of_many_nodes(bias_sd, spread_sd):
    """Three in a thousand off at most, where a sum over 200 spreads and 400 biases is taken for exact."""
    low, truth = np.array([0.0, 2, 5, 20, 90, 110, 400, 3000])[:, None], np.array([3.0, 100])
    high = np.append(low[1:, 0] - 1, np.inf)[:, None]
    found = LogStudent().marginal(low, high, truth, {"bias": (0.2, bias_sd), "log_spread": (-1.2, spread_sd)})[0]
    at = ndtri((np.arange(200) + 0.5) / 200)
    bias = (0.2 + bias_sd * ndtri((np.arange(400) + 0.5) / 400))[:, None, None]
    spreads = [np.full((1, 1, 1), -1.2 + spread_sd * z) for z in at]
    every = [LogStudent().mass(low, high, truth, {"bias": bias, "log_spread": spread}) for spread in spreads]
    wanted = np.mean(every, axis=(0, 1))
    assert np.max(np.abs(np.cumsum(found - wanted, axis=0))) < 0.003
