# SPDX-License-Identifier: MIT
"""From truth to figure: P(figure | truth, source parameters), the observation model (demographers' *data model*).

A channel gives the probability of every interval of figures, as a difference of distribution functions, so that the
probabilities of all figures sum to 1 by construction. The channels here wrap one another; the default is
``Denial(Fidelity(GrossError(LogStudent())))``. Whatever has the `Channel` protocol can be put in their place.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Protocol, TypeAlias, runtime_checkable

import attrs
import numpy as np
from numpy.typing import NDArray

__all__ = [
    "SLIP",
    "Channel",
    "Denial",
    "Fidelity",
    "Gradient",
    "GrossError",
    "Knowing",
    "LogStudent",
    "Parameters",
    "Priors",
    "ShareNoise",
    "expit",
    "give_known",
    "give_known_marginal",
    "hermite",
    "mean_expit",
    "size_of",
    "student_cdf",
]

Floats: TypeAlias = NDArray[np.float64]
Parameters: TypeAlias = Mapping[str, Floats]
Gradient: TypeAlias = dict[str, Floats]
Priors: TypeAlias = Mapping[str, tuple[float, float]]

SLIP = 2.302585092994046  # scale of the logarithm of a gross error: ln 10, a digit; judgement
FAR = 1e6  # stands for the logarithm of infinity
_GRID, _FAINT = 0.25, 1e-5  # step between logarithms of scales of noise, and the smallest weight that is kept


class Channel(Protocol):
    """What a channel must be able to do. Arrays broadcast over (draws s, intervals j, truths n).

    ``parameters`` names what varies from source to source; each is a real number with a normal prior, so a
    probability is held as its logit and a spread as its logarithm.
    """

    @property
    def parameters(self) -> tuple[str, ...]:
        """Names of the parameters that belong to a source."""
        ...

    def mass(self, low: Floats, high: Floats, truth: Floats, theta: Parameters) -> Floats:
        """P(low <= figure <= high | truth, theta); shape (s, j, n).

        Parameters
        ----------
        low, high : ndarray, shape (j, 1)
            Ends of intervals of figures, whole numbers from 0, both counted in; `high` may be infinite.
        truth : ndarray, shape (n,)
            Counts from 0; the middle of a wide cell need not be whole.
        theta : mapping of str to ndarray, shape (s, 1, 1)
            Values of the parameters.
        """
        ...

    def gradient(self, low: Floats, high: Floats, truth: Floats, theta: Parameters) -> tuple[Floats, Gradient]:
        """`mass`, and its derivative by each parameter; each of shape (s, j, n)."""
        ...

    def marginal(self, low: Floats, high: Floats, truth: Floats, prior: Priors) -> Floats:
        """`mass` averaged over independent normal priors (mean, standard deviation); shape (1, j, n)."""
        ...


@runtime_checkable
class Knowing(Protocol):
    """What a channel may do besides: say how often the figure is the truth because the source knows it.

    Those who know a number do not round it.
    """

    def known(self, truth: Floats, theta: Parameters) -> tuple[Floats, Gradient]:
        """P(figure is known truth | truth, theta), part of `Channel.mass`, and its slopes; shape (s, 1, n) each."""
        ...

    def known_marginal(self, truth: Floats, prior: Priors) -> Floats:
        """The same averaged over priors; shape (n,)."""
        ...


def give_known(channel: Channel, truth: Floats, theta: Parameters) -> tuple[Floats, Gradient]:
    """Give `Knowing.known` of a channel, which is nothing where the channel has none."""
    return channel.known(truth, theta) if isinstance(channel, Knowing) else (np.zeros((1, 1, 1)), {})


def give_known_marginal(channel: Channel, truth: Floats, prior: Priors) -> Floats:
    """Give `Knowing.known_marginal` of a channel, which is nothing where the channel has none."""
    return channel.known_marginal(truth, prior) if isinstance(channel, Knowing) else np.zeros(len(truth))


def expit(x: Floats) -> Floats:
    """Probability whose logit is `x`."""
    return 1.0 / (1.0 + np.exp(np.minimum(-x, 500.0)))


def size_of(truth: Floats) -> Floats:
    """How large a count is, for its fidelity: the square root of its logarithm; 0 for 0 and 1."""
    root: Floats = np.sqrt(np.log(np.maximum(truth, 1.0)))
    return root


@functools.cache
def hermite(order: int = 9) -> tuple[Floats, Floats]:
    """Nodes and weights that average a function over a standard normal (Gauss-Hermite quadrature)."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(order)
    return nodes, weights / weights.sum()


def mean_expit(mean: Floats | float, sd: Floats | float) -> Floats:
    """Average of `expit` over normals; shapes broadcast."""
    nodes, weights = hermite()
    return expit(np.asarray(mean)[..., None] + np.asarray(sd)[..., None] * nodes) @ weights


def _logs(edge: Floats) -> Floats:
    """Logarithms of edges; those of 0 and infinity are far out, but finite, so that slopes there are 0."""
    with np.errstate(divide="ignore"):
        return np.clip(np.log(edge), -FAR, FAR)


def student_cdf(z: Floats) -> Floats:
    """Distribution function of Student's t with four degrees of freedom; closed form."""
    u = z / np.sqrt(1.0 + 0.25 * z * z)
    half: Floats = 0.5 + 0.375 * u * (1.0 - u * u / 12.0)
    return half


@functools.lru_cache(maxsize=256)
def _scale_mixture(sd: float) -> tuple[Floats, Floats]:
    """Student's t with four degrees of freedom, its log scale normal(0, sd), as a mixture of normals.

    Returns
    -------
    log_scale, weight : ndarray, shape (k,)
        Of each normal; many nodes of quadrature are shared out between the points of a coarse grid.
    """
    from scipy.special import roots_genlaguerre

    nodes, shares = roots_genlaguerre(24, 1.0)  # of a gamma variable with shape 2, the precision times 2
    points, weights = hermite(21)
    at = (sd * points[:, None] - 0.5 * np.log(nodes / 2)).ravel() / _GRID
    weight = np.outer(weights, shares / shares.sum()).ravel()
    first = np.floor(at).astype(np.int64)
    start, part = first.min(), at - first
    size = int(first.max() - start) + 2
    found = np.bincount(first - start, weight * (1 - part), size) + np.bincount(first - start + 1, weight * part, size)
    kept = found > _FAINT
    return _GRID * (start + np.flatnonzero(kept)), found[kept] / found[kept].sum()


def _between(start: Floats, end: Floats) -> Floats:
    """Probability of a standard normal between two points, computed in the nearer tail."""
    from scipy.special import ndtr

    flip = start > 0
    gap: Floats = ndtr(np.where(flip, -start, end)) - ndtr(np.where(flip, -end, start))
    return gap


@attrs.frozen
class LogStudent:
    """Noise: the figure is the whole part of (truth + 1/2) e^(bias + spread x t), t of Student's t with 4 degrees.

    The figure n is thus the interval [n, n + 1) around n + 1/2, and the truth's own cell is centred on it. Four degrees
    of freedom is a usual robust choice; the residuals of real claims are as heavy or heavier (`make evidence`).
    Parameters of a source: ``bias`` (mean log ratio of figure to truth) and ``log_spread`` (log of the scale of the
    log ratio).
    """

    parameters: tuple[str, ...] = attrs.field(default=("bias", "log_spread"), init=False, repr=False)

    @staticmethod
    def _standard(edge: Floats, truth: Floats, theta: Parameters) -> Floats:
        return (_logs(edge) - np.log(truth + 0.5) - theta["bias"]) * np.exp(-theta["log_spread"])

    def mass(self, low: Floats, high: Floats, truth: Floats, theta: Parameters) -> Floats:
        """See `Channel.mass`."""
        start, end = (self._standard(edge, truth, theta) for edge in (low, high + 1.0))
        total: Floats = np.maximum(student_cdf(end) - student_cdf(start), 0.0)
        return total

    def gradient(self, low: Floats, high: Floats, truth: Floats, theta: Parameters) -> tuple[Floats, Gradient]:
        """See `Channel.gradient`."""
        start, end = (self._standard(edge, truth, theta) for edge in (low, high + 1.0))
        bells = [0.375 * (1.0 + 0.25 * z * z) ** -2.5 for z in (start, end)]
        slopes = {
            "bias": (bells[0] - bells[1]) * np.exp(-theta["log_spread"]),
            "log_spread": bells[0] * start - bells[1] * end,
        }
        return np.maximum(student_cdf(end) - student_cdf(start), 0.0), slopes

    def marginal(self, low: Floats, high: Floats, truth: Floats, prior: Priors) -> Floats:
        """See `Channel.marginal`; the bias in closed form, spread and tails by quadrature."""
        (bias, bias_sd), (log_spread, log_spread_sd) = prior["bias"], prior["log_spread"]
        start, end = (_logs(edge) - np.log(truth + 0.5) - bias for edge in (low, high + 1.0))
        log_scale, weight = _scale_mixture(float(log_spread_sd))
        rate = 1 / np.hypot(np.exp(log_spread + log_scale), bias_sd)[:, None, None]
        total: Floats = np.tensordot(weight, _between(start * rate, end * rate), 1)
        return total[None]


@attrs.frozen
class GrossError:
    """With a small probability the figure is grossly off: a digit too many, another event of about that size.

    Then its logarithm is off by ln 10 times Student's t with 4 degrees of freedom. The probability is
    logistic(``gross``).

    Parameters
    ----------
    inner : Channel
    """

    inner: Channel = attrs.field(factory=LogStudent)

    @property
    def parameters(self) -> tuple[str, ...]:
        """``gross`` (a logit), and those of the inner channel."""
        return ("gross", *self.inner.parameters)

    @staticmethod
    def slip(low: Floats, high: Floats, truth: Floats) -> Floats:
        """Probability that a figure that is grossly off is from `low` to `high`; shapes broadcast."""
        middle = np.log(truth + 0.5)
        start, end = ((_logs(edge) - middle) / SLIP for edge in (low, high + 1.0))
        found: Floats = np.maximum(student_cdf(end) - student_cdf(start), 0.0)
        return found

    def mass(self, low: Floats, high: Floats, truth: Floats, theta: Parameters) -> Floats:
        """See `Channel.mass`."""
        inner = self.inner.mass(low, high, truth, theta)
        return inner + expit(theta["gross"]) * (self.slip(low, high, truth) - inner)

    def gradient(self, low: Floats, high: Floats, truth: Floats, theta: Parameters) -> tuple[Floats, Gradient]:
        """See `Channel.gradient`."""
        value, inner = self.inner.gradient(low, high, truth, theta)
        rate, gap = expit(theta["gross"]), self.slip(low, high, truth) - value
        slopes = {name: (1 - rate) * slope for name, slope in inner.items()}
        return value + rate * gap, {"gross": rate * (1 - rate) * gap, **slopes}

    def marginal(self, low: Floats, high: Floats, truth: Floats, prior: Priors) -> Floats:
        """See `Channel.marginal`."""
        inner = self.inner.marginal(low, high, truth, prior)
        return inner + mean_expit(*prior["gross"]) * (self.slip(low, high, truth) - inner)

    def known(self, truth: Floats, theta: Parameters) -> tuple[Floats, Gradient]:
        """See `Knowing.known`."""
        known, slopes = give_known(self.inner, truth, theta)
        rate = expit(theta["gross"])
        return (1 - rate) * known, {
            "gross": -rate * (1 - rate) * known,
            **{name: (1 - rate) * slope for name, slope in slopes.items()},
        }

    def known_marginal(self, truth: Floats, prior: Priors) -> Floats:
        """See `Knowing.known_marginal`."""
        known: Floats = (1 - mean_expit(*prior["gross"])) * give_known_marginal(self.inner, truth, prior)
        return known


@attrs.frozen
class Fidelity:
    """With a probability that falls with size, the figure is the truth itself.

    The probability is logistic(``fidelity`` - ``slope`` sqrt(log(truth))), at most that for a truth of 1.

    Parameters
    ----------
    inner : Channel
    """

    inner: Channel = attrs.field(factory=GrossError)

    @property
    def parameters(self) -> tuple[str, ...]:
        """``fidelity`` (a logit, for a truth of 1), ``slope``, and those of the inner channel."""
        return ("fidelity", "slope", *self.inner.parameters)

    def mass(self, low: Floats, high: Floats, truth: Floats, theta: Parameters) -> Floats:
        """See `Channel.mass`."""
        inner = self.inner.mass(low, high, truth, theta)
        faithful = expit(theta["fidelity"] - theta["slope"] * size_of(truth))
        return inner + faithful * (((low <= truth) & (truth <= high)) - inner)

    def gradient(self, low: Floats, high: Floats, truth: Floats, theta: Parameters) -> tuple[Floats, Gradient]:
        """See `Channel.gradient`."""
        value, inner = self.inner.gradient(low, high, truth, theta)
        faithful = expit(theta["fidelity"] - theta["slope"] * size_of(truth))
        gap = ((low <= truth) & (truth <= high)) - value
        lift = faithful * (1 - faithful) * gap
        slopes = {name: (1 - faithful) * slope for name, slope in inner.items()}
        return value + faithful * gap, {"fidelity": lift, "slope": -lift * size_of(truth), **slopes}

    def marginal(self, low: Floats, high: Floats, truth: Floats, prior: Priors) -> Floats:
        """See `Channel.marginal`."""
        inner = self.inner.marginal(low, high, truth, prior)
        return inner + self.known_marginal(truth, prior) * (((low <= truth) & (truth <= high)) - inner)

    def known(self, truth: Floats, theta: Parameters) -> tuple[Floats, Gradient]:
        """See `Knowing.known`."""
        faithful = expit(theta["fidelity"] - theta["slope"] * size_of(truth))
        lift = faithful * (1 - faithful)
        return faithful, {"fidelity": lift, "slope": -lift * size_of(truth)}

    def known_marginal(self, truth: Floats, prior: Priors) -> Floats:
        """See `Knowing.known_marginal`."""
        (mean, sd), (slope, slope_sd) = prior["fidelity"], prior["slope"]
        return mean_expit(mean - slope * size_of(truth), np.hypot(sd, slope_sd * size_of(truth)))


@attrs.frozen
class Denial:
    """With a probability, deaths are denied: the figure is 0 though the truth is not.

    The probability is logistic(``denial``).

    Parameters
    ----------
    inner : Channel
    """

    inner: Channel = attrs.field(factory=Fidelity)

    @property
    def parameters(self) -> tuple[str, ...]:
        """``denial`` (a logit), and those of the inner channel."""
        return ("denial", *self.inner.parameters)

    @staticmethod
    def _gap(low: Floats, truth: Floats, inner: Floats) -> Floats:
        return np.where(truth > 0, (low <= 0) - inner, 0.0)

    def mass(self, low: Floats, high: Floats, truth: Floats, theta: Parameters) -> Floats:
        """See `Channel.mass`."""
        inner = self.inner.mass(low, high, truth, theta)
        return inner + expit(theta["denial"]) * self._gap(low, truth, inner)

    def gradient(self, low: Floats, high: Floats, truth: Floats, theta: Parameters) -> tuple[Floats, Gradient]:
        """See `Channel.gradient`."""
        value, inner = self.inner.gradient(low, high, truth, theta)
        denied = expit(theta["denial"])
        gap = self._gap(low, truth, value)
        kept = np.where(truth > 0, 1 - denied, 1.0)
        slopes = {name: kept * slope for name, slope in inner.items()}
        return value + denied * gap, {"denial": denied * (1 - denied) * gap, **slopes}

    def marginal(self, low: Floats, high: Floats, truth: Floats, prior: Priors) -> Floats:
        """See `Channel.marginal`."""
        inner = self.inner.marginal(low, high, truth, prior)
        return inner + mean_expit(*prior["denial"]) * self._gap(low, truth, inner)

    def known(self, truth: Floats, theta: Parameters) -> tuple[Floats, Gradient]:
        """See `Knowing.known`."""
        known, slopes = give_known(self.inner, truth, theta)
        denied = expit(theta["denial"])
        kept = np.where(truth > 0, 1 - denied, 1.0)
        by_denial = np.where(truth > 0, -denied * (1 - denied) * known, 0.0)
        return kept * known, {"denial": by_denial, **{name: kept * slope for name, slope in slopes.items()}}

    def known_marginal(self, truth: Floats, prior: Priors) -> Floats:
        """See `Knowing.known_marginal`."""
        kept = np.where(truth > 0, 1 - mean_expit(*prior["denial"]), 1.0)
        known: Floats = kept * give_known_marginal(self.inner, truth, prior)
        return known


@attrs.frozen
class ShareNoise:
    """Noise of a stated share: the logit of the share is normal around that of the true share, with heavy tails.

    It uses the source's ``log_spread`` and no bias: a bias common to part and whole leaves the share as it is.
    """

    def mass(self, low: Floats, high: Floats, truth: Floats, log_spread: Floats) -> Floats:
        """P(low <= stated share <= high | true share); shape (s, j, n).

        `low` and `high` of shape (j, 1), `truth` (n,) strictly between 0 and 1, `log_spread` (s, 1, 1).
        """
        with np.errstate(divide="ignore"):
            start, end = (np.log(edge) - np.log1p(-edge) for edge in (low, high))
        middle, rate = np.log(truth) - np.log1p(-truth), np.exp(-log_spread)
        near, far = (start - middle) * rate, (end - middle) * rate
        total: Floats = np.maximum(student_cdf(np.clip(far, -FAR, FAR)) - student_cdf(np.clip(near, -FAR, FAR)), 0.0)
        return total
