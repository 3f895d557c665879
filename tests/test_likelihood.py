# SPDX-License-Identifier: MIT
import attrs
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from oracles import claim_probability, logistic
from worlds import AGENCY, CHILD, MARKET, MINISTRY, T, claim

import reconcile as rc
from reconcile.inference.likelihood import Term
from reconcile.model import HEDGED_FIDELITY, HEDGED_SPREAD, Model
from reconcile.values import About, AtLeast, Between, Exactly, Share, Vague

MODEL = Model()


def term_of(value, source=MINISTRY, **more):
    one = claim(MARKET.killed(T), value, source, **more)
    return Term.of(one, one.source, one.relation, MODEL)


def theta_of(term, rng, size=1):
    return {name: mean + sd * rng.standard_normal(size) for name, (_, mean, sd) in term.priors().items()}


@given(st.integers(0, 150), st.integers(0, 300), st.integers(0, 2**32 - 1))
def test_the_row_of_an_exact_claim_is_the_generative_model(truth, report, seed):
    """Sum over every figure the source may have had, one by one."""
    term = term_of(Exactly(report))
    theta = theta_of(term, np.random.default_rng(seed))
    chance = 1 / (1 + np.exp(-theta["heaping"][0])) if "heaping" in theta else 0.0
    rest = {name: float(v[0]) for name, v in theta.items() if name != "heaping"}
    wanted = claim_probability(report, truth, chance, **rest)
    found = term.row(np.array([float(truth)]), theta)[0, 0]
    assert found == pytest.approx(wanted, rel=1e-6, abs=1e-14)


@pytest.mark.parametrize(
    "value", [Exactly(120), Exactly(7), AtLeast(9), About(600), Between(8, 10), Vague("dozens")], ids=str
)
@pytest.mark.parametrize("hedged", [False, True])
@pytest.mark.parametrize("echo", [(0.0, 0.0), (0.0, 1.0), (0.3, 0.8)], ids=str)
@pytest.mark.parametrize("power", [1.0, 0.5])
def test_row_gradients_are_finite_differences(value, hedged, echo, power):
    term = attrs.evolve(term_of(value, hedged=hedged), echo=echo, power=power)
    truth = np.array([0.0, 1, 5, 9, 80, 120, 601.5, 1e6])
    theta = theta_of(term, np.random.default_rng(0), 4)
    row, slopes = term.row_gradient(truth, theta)
    assert np.allclose(row, term.row(truth, theta))
    assert set(slopes) == set(theta)
    for name, slope in slopes.items():
        up, down = (term.row(truth, {**theta, name: theta[name] + h}) for h in (1e-5, -1e-5))
        assert np.allclose(slope, (up - down) / 2e-5, atol=1e-8)


@pytest.mark.parametrize("value", [Exactly(120), AtLeast(9), Vague("dozens")], ids=str)
@pytest.mark.parametrize("echo", [(0.0, 0.0), (0.4, 1.0)], ids=str)
def test_the_marginal_row_is_the_average_row(value, echo):
    term = attrs.evolve(term_of(value), echo=echo)
    truth = np.array([0.0, 1, 5, 9, 80, 120, 601.5])
    rng = np.random.default_rng(0)
    average = np.mean([term.row(truth, theta_of(term, rng, 4_000)).mean(axis=0) for _ in range(20)], axis=0)
    assert np.allclose(term.row_marginal(truth)[0], average, atol=0.006)


def test_a_hedge_widens_the_noise_and_drops_nothing():
    theta = theta_of(term_of(Exactly(7)), np.random.default_rng(0))
    wider = {
        **theta,
        "log_spread": theta["log_spread"] + np.log(HEDGED_SPREAD),
        "fidelity": theta["fidelity"] + HEDGED_FIDELITY,
    }
    truth = np.arange(30.0)
    assert np.allclose(term_of(Exactly(7), hedged=True).row(truth, theta), term_of(Exactly(7)).row(truth, wider))


def test_a_claim_that_cannot_have_been_heaped_does_not_depend_on_heaping():
    assert "heaping" in term_of(Exactly(600)).parameters
    assert "heaping" in term_of(Exactly(7)).parameters
    assert "heaping" not in term_of(Exactly(2)).parameters
    assert "heaping" not in term_of(AtLeast(600)).parameters


@given(st.integers(0, 300), st.floats(0, 1), st.floats(0, 1), st.integers(0, 2**32 - 1))
def test_a_claim_is_a_copy_or_its_own(report, same, there, seed):
    """In words: with the source's chance it repeats what is there to repeat; else it says its own."""
    alone = term_of(Exactly(report))
    term = attrs.evolve(alone, echo=(same * there, there))
    theta = theta_of(term, np.random.default_rng(seed))
    assert ("copying" in theta) == (there > 0)
    own = alone.row(np.arange(50.0), {name: x for name, x in theta.items() if name != "copying"})
    chance = logistic(theta["copying"][0]) if there > 0 else 0.0
    copied = chance * there
    assert term.row(np.arange(50.0), theta) == pytest.approx(copied * same + (1 - copied) * own, rel=1e-12, abs=1e-300)


def test_all_that_can_be_said_has_a_probability_of_one_with_copies_too():
    """Two earlier claims, of 3 and of 5 thrice: what is said of 4, given both, is a distribution still."""
    echo = {3: 0.25, 5: 0.75}
    total = 0.0
    for n in range(2_000):
        term = attrs.evolve(term_of(Exactly(n)), echo=(echo.get(n, 0.0), 1.0))
        theta = {"bias": 0.1, "log_spread": -3.0, "fidelity": 1.0, "slope": 1.0, "denial": -2.0, "gross": -30.0}
        theta |= {"heaping": -40.0, "copying": -0.5}
        known = {name: np.array([theta[name]]) for name in term.parameters}
        total += term.row(np.array([4.0]), known)[0, 0]
    assert total == pytest.approx(1, abs=1e-6)


def test_shares_are_read_at_their_ratio():
    one = rc.Claim(MARKET.killed(CHILD), Share(0.5, 0.5), AGENCY)
    term = Term.of(one, AGENCY, one.relation, MODEL)
    curve = term.curve(np.array([-2.0]))[0]
    from reconcile.inference.likelihood import share_index

    at = {k: curve[share_index(np.array(float(k)), np.array(100.0))] for k in (0, 20, 50, 80, 100)}
    assert at[50] > at[20] > at[0]
    assert at[20] == pytest.approx(at[80], rel=0.1)
    nobody = curve[share_index(np.array(0.0), np.array(0.0))]
    assert min(curve) < nobody < max(curve)  # a share of nobody is neither half nor another share
    assert np.allclose(term.curve_marginal().shape, (1, len(curve)))
