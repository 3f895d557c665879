# SPDX-License-Identifier: MIT
"""Checks of channels: ours pass them, broken ones do not, each for its own reason."""

from __future__ import annotations

import pickle

import attrs
import hypothesis
import numpy as np
import pytest

import reconcile as rc
from reconcile.channels import Denial, Fidelity, GrossError, LogStudent
from reconcile.errors import InvalidValue, ReconcileError
from reconcile.testing.channels import CHECKS, ChannelBroken, LogNormal, check_channel

FEW = hypothesis.settings(max_examples=25, derandomize=True)


@pytest.mark.parametrize(
    "channel", [LogStudent(), GrossError(), Fidelity(), Denial(), LogNormal()], ids=lambda one: type(one).__name__
)
def test_our_channels_pass(channel):
    check_channel(channel, settings=FEW)


def test_the_likelihood_ratio_of_log_normal_noise_is_monotone():
    check_channel(LogNormal(), monotone=True)


@pytest.mark.parametrize("channel", [LogStudent(), GrossError(LogNormal()), Fidelity(LogNormal()), Denial(LogNormal())])
def test_heavy_tails_gross_errors_exact_hits_and_denial_break_it(channel):
    with pytest.raises(ChannelBroken, match="monotone likelihood ratio"):
        check_channel(channel, monotone=True)


@attrs.frozen
class Broken:
    """Log-normal noise with one method replaced."""

    inner = LogNormal()
    parameters: tuple = LogNormal().parameters
    _mass: object = None
    _gradient: object = None
    _marginal: object = None

    def mass(self, low, high, truth, theta):
        mass = self.inner.mass(low, high, truth, theta)
        return self._mass(mass, low, high) if self._mass else mass

    def gradient(self, low, high, truth, theta):
        value, slopes = self.inner.gradient(low, high, truth, theta)
        value = self._mass(value, low, high) if self._mass else value
        return self._gradient(value, slopes) if self._gradient else (value, slopes)

    def marginal(self, low, high, truth, prior):
        found = self.inner.marginal(low, high, truth, prior)
        return self._marginal(found) if self._marginal else found


def _twice(mass, low, high):
    return mass * np.where((high > low) & np.isfinite(high), 1.0001, 1.0)


BROKEN = {
    "loses a tenth": (Broken(mass=lambda mass, *_: 0.9 * mass), "sum to 1"),
    "loses what is open": (Broken(mass=lambda mass, _, high: np.where(np.isinf(high), 0.0, mass)), "sum to 1"),
    "counts the ends twice": (Broken(mass=_twice), "sum to"),
    "is not a number": (Broken(mass=lambda mass, low, _: np.where(low > 10**8, np.nan, mass)), "finite"),
    "is above one": (Broken(mass=lambda mass, *_: mass + 1), "from 0 to 1"),
    "has another shape": (Broken(mass=lambda mass, *_: mass[0]), "shape"),
    "has a slope with the wrong sign": (
        Broken(gradient=lambda value, slopes: (value, slopes | {"bias": -slopes["bias"]})), "slopes of `mass`",
    ),
    "forgets a slope": (
        Broken(gradient=lambda value, slopes: (value, {"bias": slopes["bias"]})), "slopes of `mass`",
    ),
    "has slopes of another value": (Broken(gradient=lambda value, slopes: (value / 2, slopes)), "slopes of `mass`"),
    "does not average": (Broken(marginal=lambda found: found**2), "average of `mass`"),
    "averages in another shape": (Broken(marginal=lambda found: found[0]), "average of `mass`"),
}  # fmt: skip


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_channel_is_caught(name):
    channel, why = BROKEN[name]
    with pytest.raises(ChannelBroken, match=why) as caught:
        check_channel(channel)
    assert isinstance(caught.value, ReconcileError)
    assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)


@attrs.frozen
class KnowsTooMuch(Fidelity):
    """What it says of known numbers is larger by a factor than it should be."""

    factor: float = 1.0
    average: float = 1.0

    def known(self, truth, theta):
        known, slopes = super().known(truth, theta)
        return self.factor * known, slopes

    def known_marginal(self, truth, prior):
        return self.average * super().known_marginal(truth, prior)


@pytest.mark.parametrize(
    "channel, why",
    [
        (KnowsTooMuch(factor=3.0), "known with"), (KnowsTooMuch(factor=0.5), "known, by"),
        (KnowsTooMuch(average=0.5), "on average"),
    ],
)  # fmt: skip
def test_known_numbers_are_part_of_the_mass(channel, why):
    check_channel(KnowsTooMuch(), settings=FEW)
    with pytest.raises(ChannelBroken, match=why):
        check_channel(channel)


@pytest.mark.parametrize("outer", [GrossError, Denial])
def test_what_wraps_a_channel_that_knows_knows_less(outer):
    theta = {name: np.full((1, 1, 1), -1.0) for name in Denial(Fidelity()).parameters}
    truth = np.array([0.0, 1, 7])
    inner, found = (c.known(truth, theta)[0].ravel() for c in (Fidelity(LogStudent()), outer(Fidelity(LogStudent()))))
    assert np.all(found[1:] < inner[1:])
    check_channel(outer(Fidelity(LogStudent())), settings=FEW)


def test_every_check_has_been_broken():
    assert len({why for _, why in BROKEN.values()}) >= 4
    for one in CHECKS:
        assert one.statement.endswith(".")


def test_parameters_are_names():
    with pytest.raises(InvalidValue, match="parameters"):
        check_channel(Broken(parameters=("bias", "bias")))


def test_the_monotone_channel_can_be_used():
    sources = {("bias", None): rc.Normal(0, 0.1, "test"), ("log_spread", None): rc.Normal(-1, 0.1, "test")}
    model = rc.Model(channel=LogNormal(), sources=sources)
    killed = rc.Event("market").killed()
    small, large = (
        rc.estimate([rc.Claim(killed, rc.Exactly(n), rc.Source("monitor"))], model)[killed] for n in (40, 60)
    )
    assert all(float(large.cdf(n)) <= float(small.cdf(n)) + 1e-3 for n in range(200))
