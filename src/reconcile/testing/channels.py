# SPDX-License-Identifier: MIT
"""Checks for channels that people bring, and the channel whose likelihood ratio is monotone.

A channel gives P(low <= figure <= high | truth, parameters), see `reconcile.channels.Channel`. `check_channel` looks
for parameters, figures and truths at which it does not do what `estimate` relies on.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, TypeAlias

import attrs
import numpy as np
from numpy.typing import NDArray

from reconcile.channels import Channel, Gradient, Parameters, Priors, give_known, give_known_marginal
from reconcile.errors import MissingDependency, ReconcileError
from reconcile.inference.importance import normal_points
from reconcile.plumbing import check
from reconcile.testing._settings import settle

if TYPE_CHECKING:
    from hypothesis import settings as Settings  # noqa: N812 - the type of the keyword `settings`

__all__ = ["CHECKS", "ChannelBroken", "Check", "LogNormal", "check_channel"]

Floats: TypeAlias = NDArray[np.float64]

_ENDS = np.array([0, 1, 2, 3, 10, 99, 100, 10**4, 10**6, 10**9, 10**12], dtype=float)
_LOW, _HIGH = _ENDS[:, None], np.append(_ENDS[1:] - 1, np.inf)[:, None]  # intervals that hold every figure once
_STEP = 1e-5  # of the finite differences
_SUMS = 1e-8  # by which probabilities may miss their sum: rounding
_SLOPES = 1e-5  # by which a slope may miss the finite difference, beside the error of that
_TELLING = 1e4  # up to which the probability of a single figure is known to many digits
_POINTS = 4_096  # at which a marginal is averaged
_MARGINAL = 0.02  # by which a marginal may miss that average: quadrature with few nodes


class ChannelBroken(ReconcileError, AssertionError):
    """A channel does not do what `estimate` relies on.

    Parameters
    ----------
    statement : str
        What it should do.
    found : str
        Where it does not, in words.
    """

    def __init__(self, statement: str, found: str) -> None:
        super().__init__(statement, found)
        self.statement, self.found = statement, found

    def __str__(self) -> str:
        return f"broken: {self.statement}\n  found: {self.found}"


@attrs.frozen
class LogNormal:
    """Noise: the figure is the whole part of (truth + 1/2) e^(bias + spread x t), t normal.

    Its likelihood ratio is monotone: the logarithm of a figure is normal around that of the truth, and of two figures
    the larger speaks for the larger truth at every pair of truths. So a larger claim never lowers an estimate. What
    `reconcile.channels` adds breaks this: an exact hit, a gross error and heavy tails let a figure that is far off be
    disbelieved.

    Parameters of a source: ``bias`` and ``log_spread``, as of `reconcile.channels.LogStudent`. Of a spread that is not
    known the mixture is no longer monotone.
    """

    parameters: tuple[str, ...] = attrs.field(default=("bias", "log_spread"), init=False, repr=False)

    @staticmethod
    def _standard(edge: Floats, truth: Floats, theta: Parameters) -> Floats:
        with np.errstate(divide="ignore"):
            log = np.clip(np.log(edge), -1e6, 1e6)
        z: Floats = (log - np.log(truth + 0.5) - theta["bias"]) * np.exp(-theta["log_spread"])
        return z

    @staticmethod
    def _between(start: Floats, end: Floats) -> Floats:
        from scipy.special import ndtr

        flip = start > 0  # in the nearer tail
        gap = ndtr(np.where(flip, -start, end)) - ndtr(np.where(flip, -end, start))
        total: Floats = np.maximum(gap, 0.0)
        return total

    def mass(self, low: Floats, high: Floats, truth: Floats, theta: Parameters) -> Floats:
        """See `Channel.mass`."""
        return self._between(self._standard(low, truth, theta), self._standard(high + 1.0, truth, theta))

    def gradient(self, low: Floats, high: Floats, truth: Floats, theta: Parameters) -> tuple[Floats, Gradient]:
        """See `Channel.gradient`."""
        start, end = (self._standard(edge, truth, theta) for edge in (low, high + 1.0))
        bells = [np.exp(-0.5 * z * z) / np.sqrt(2 * np.pi) for z in (start, end)]
        slopes = {
            "bias": (bells[0] - bells[1]) * np.exp(-theta["log_spread"]),
            "log_spread": bells[0] * start - bells[1] * end,
        }
        return self._between(start, end), slopes

    def marginal(self, low: Floats, high: Floats, truth: Floats, prior: Priors) -> Floats:
        """See `Channel.marginal`; the bias in closed form, the spread by quadrature."""
        (bias, bias_sd), (log_spread, log_spread_sd) = prior["bias"], prior["log_spread"]
        nodes, weights = np.polynomial.hermite_e.hermegauss(9)
        spread = np.hypot(np.exp(log_spread + log_spread_sd * nodes), bias_sd)
        theta = {"bias": np.full((9, 1, 1), bias), "log_spread": np.log(spread)[:, None, None]}
        average: Floats = np.einsum("s,sjn->jn", weights / weights.sum(), self.mass(low, high, truth, theta))[None]
        return average


@attrs.frozen(eq=False, repr=False)
class Check:
    """One thing that a channel must do.

    Attributes
    ----------
    name, statement : str
    promised : bool
        Whether it need only hold where it is promised.
    """

    name: str
    statement: str
    promised: bool
    _find: Callable[[Channel, Floats, dict[str, Floats]], Iterator[str]]

    def find(self, channel: Channel, truth: Floats, theta: dict[str, Floats]) -> str | None:
        """Say where the channel does otherwise, or None; `truth` (n,) in rising order, parameters (1, 1, 1)."""
        return next(self._find(channel, truth, theta), None)

    def __repr__(self) -> str:
        return f"<Check: {self.statement}>"


def check_channel(channel: Channel, *, monotone: bool = False, settings: Settings | None = None) -> None:
    """Look for parameters and counts at which a channel does not do what `estimate` relies on.

    Parameters
    ----------
    channel : Channel
    monotone : bool, keyword
        Whether its likelihood ratio is promised to be monotone.
    settings : hypothesis.settings, keyword, optional
        How hard to look. Default: those in force, without a database.

    Raises
    ------
    ChannelBroken
        With the plainest parameters that were found.
    MissingDependency
        If Hypothesis is not installed.

    Examples
    --------
    >>> from reconcile.channels import Denial
    >>> check_channel(Denial())
    >>> check_channel(LogNormal(), monotone=True)
    """
    try:
        import hypothesis
        from hypothesis import strategies as st
    except ModuleNotFoundError as missing:
        raise MissingDependency("hypothesis", "check_channel", "'reconcile-claims[testing]'") from missing
    names: Any = channel.parameters
    named = isinstance(names, tuple) and all(isinstance(name, str) for name in names) and len({*names}) == len(names)
    check(named, "check_channel(channel).parameters", names, "a tuple of names, each once")
    size = st.integers(0, 50) | st.integers(0, 10**9)
    parameters = st.fixed_dictionaries({name: st.sampled_from([0.0, 1.0, -1.0]) | st.floats(-3, 3) for name in names})

    def inspect(counts: list[int], theta: dict[str, float]) -> None:
        arrays = {name: np.full((1, 1, 1), value) for name, value in theta.items()}
        for one in CHECKS:
            if one.promised and not monotone:
                continue
            found = one.find(channel, np.array(sorted(counts), dtype=float), arrays)
            if found is not None:
                at = ", ".join(f"{name} {value:g}" for name, value in theta.items())
                raise ChannelBroken(one.statement, f"{found} (with {at or 'no parameters'})")

    how = settle(settings)
    seek = how(hypothesis.given(st.lists(size, min_size=2, max_size=4, unique=True), parameters)(inspect))
    try:
        seek()
    except ChannelBroken as broken:
        broken.__notes__ = []
        raise broken.with_traceback(None) from None


def _at(where: tuple[Any, ...], low: Floats, high: Floats, truth: Floats) -> str:
    _, j, n = where
    return f"figures {low[j, 0]:,.0f} to {high[j, 0]:,.0f}, truth {truth[n]:,.0f}"


def _first(bad: NDArray[np.bool_]) -> tuple[Any, ...] | None:
    return tuple(np.argwhere(bad)[0].tolist()) if bad.any() else None


def _probabilities(channel: Channel, truth: Floats, theta: dict[str, Floats]) -> Iterator[str]:
    low, high = _intervals(truth)
    mass = channel.mass(low, high, truth, theta)
    shape = (1, len(low), len(truth))
    if mass.shape != shape:
        yield f"an array of shape {mass.shape} where {shape} was wanted"
        return
    where = _first(~np.isfinite(mass) | (mass < 0) | (mass > 1 + _SUMS))
    if where:
        yield f"{mass[where]:g} for {_at(where, low, high, truth)}"


def _intervals(truth: Floats) -> tuple[Floats, Floats]:
    """Intervals that hold every figure once, then single figures, then wide intervals that overlap."""
    single = truth[:, None]
    return np.vstack([_LOW, single, _LOW[:3]]), np.vstack([_HIGH, single, np.full((3, 1), np.inf)])


def _sums(channel: Channel, truth: Floats, theta: dict[str, Floats]) -> Iterator[str]:
    total = channel.mass(_LOW, _HIGH, truth, theta).sum(axis=1)[0]
    every = channel.mass(np.zeros((1, 1)), np.full((1, 1), np.inf), truth, theta)[0, 0]
    for n, found in [*zip(truth, total, strict=True), *zip(truth, every, strict=True)]:
        if not abs(found - 1) <= _SUMS:
            yield f"{found:.6g} in all for truth {n:,.0f}"
    wide = np.zeros((1, 1)), np.full((1, 1), 999.0)
    apart = np.array([[0.0], [10.0], [100.0]]), np.array([[9.0], [99.0], [999.0]])
    gap = channel.mass(*wide, truth, theta)[:, 0] - channel.mass(*apart, truth, theta).sum(axis=1)
    where = _first(~(np.abs(gap) <= _SUMS))
    if where:
        yield f"figures 0 to 999 and their three parts differ by {gap[where]:.3g} for truth {truth[where[-1]]:,.0f}"


def _slopes(channel: Channel, truth: Floats, theta: dict[str, Floats]) -> Iterator[str]:
    low, high = _intervals(truth)
    mass = channel.mass(low, high, truth, theta)
    value, slopes = channel.gradient(low, high, truth, theta)
    if not np.allclose(value, mass, rtol=1e-9, atol=1e-12):
        yield "`gradient` gives other probabilities than `mass`"
    if set(slopes) != set(channel.parameters):
        yield f"slopes by {sorted(slopes)}, where the parameters are {sorted(channel.parameters)}"
        return
    for name in channel.parameters:
        up, down = ({**theta, name: theta[name] + sign * _STEP} for sign in (1, -1))
        numeric = (channel.mass(low, high, truth, up) - channel.mass(low, high, truth, down)) / (2 * _STEP)
        given = np.broadcast_to(slopes[name], numeric.shape)
        where = _first(~(np.abs(given - numeric) <= _SLOPES * (1 + np.abs(numeric))))
        if where:
            yield f"by {name}: {given[where]:.6g}, by differences {numeric[where]:.6g}, {_at(where, low, high, truth)}"


def _around(theta: dict[str, Floats]) -> tuple[dict[str, tuple[float, float]], dict[str, Floats]]:
    """Give normal priors around some parameters, and draws of these."""
    prior = {name: (float(value[0, 0, 0]), 0.5) for name, value in theta.items()}
    z = normal_points(_POINTS, max(len(prior), 1), np.random.default_rng(0))
    return prior, {name: (m + sd * z[:, k])[:, None, None] for k, (name, (m, sd)) in enumerate(prior.items())}


def _marginals(channel: Channel, truth: Floats, theta: dict[str, Floats]) -> Iterator[str]:
    low, high = _intervals(truth)
    prior, drawn = _around(theta)
    found = channel.marginal(low, high, truth, prior)
    if found.shape != (1, len(low), len(truth)):
        yield f"`marginal` of shape {found.shape}, where {(1, len(low), len(truth))} was wanted"
        return
    average = channel.mass(low, high, truth, drawn).mean(axis=0, keepdims=True)
    where = _first(~(np.abs(found - average) <= _MARGINAL))
    if where:
        yield f"`marginal` {found[where]:.4f}, on average {average[where]:.4f}, {_at(where, low, high, truth)}"


def _known(channel: Channel, truth: Floats, theta: dict[str, Floats]) -> Iterator[str]:
    known, slopes = give_known(channel, truth, theta)
    single = channel.mass(truth[:, None], truth[:, None], truth, theta)[0].diagonal()
    where = _first(~((known >= 0) & (known <= single + _SUMS)))
    if where:
        yield f"known with {known[where]:g}, of {single[where[-1]]:g} for the truth itself, {truth[where[-1]]:,.0f}"
    for name, slope in slopes.items():
        up, down = (give_known(channel, truth, {**theta, name: theta[name] + sign * _STEP})[0] for sign in (1, -1))
        numeric = (up - down) / (2 * _STEP)
        where = _first(~(np.abs(slope - numeric) <= _SLOPES * (1 + np.abs(numeric))))
        if where:
            yield f"known, by {name}: {slope[where]:.6g}, by differences {numeric[where]:.6g}"
    prior, drawn = _around(theta)
    gap = np.abs(give_known_marginal(channel, truth, prior) - give_known(channel, truth, drawn)[0].mean(axis=0)[0])
    if not np.all(gap <= _MARGINAL):
        yield f"`known_marginal` misses the average of `known` by {gap.max():.4f}"


def _ratios(channel: Channel, truth: Floats, theta: dict[str, Floats]) -> Iterator[str]:
    truth = truth[truth <= _TELLING]
    figures = np.unique(np.concatenate([truth, truth + 1]))[:, None]
    mass = channel.mass(figures, figures, truth, theta)[0]
    for (i, m), (j, n) in itertools.combinations(enumerate(figures[:, 0]), 2):
        for (a, x), (b, y) in itertools.combinations(enumerate(truth), 2):
            straight, crossed = mass[i, a] * mass[j, b], mass[i, b] * mass[j, a]
            if crossed > straight * (1 + 1e-6) + 1e-300:
                yield f"the figure {n:,.0f} speaks for a truth of {x:,.0f} over {y:,.0f} more than {m:,.0f} does"


CHECKS: tuple[Check, ...] = (
    Check("probabilities", "Probabilities are finite, from 0 to 1, and of the shape asked for.", False, _probabilities),
    Check("sums", "The probabilities of all figures sum to 1, and those of parts to that of the whole.", False, _sums),
    Check("slopes", "`gradient` gives the slopes of `mass` by every parameter.", False, _slopes),
    Check("marginals", "`marginal` is the average of `mass` over the priors.", False, _marginals),
    Check("known", "`known`, where a channel has it, is part of `mass`, with its slopes and average.", False, _known),
    Check(
        "ratios", "Of two figures, the larger speaks for the larger truth (monotone likelihood ratio).", True, _ratios
    ),
)
