# SPDX-License-Identifier: MIT
"""What one claim says about a count on a lattice: its wording and its source's channel, put together.

A row is P(value | count, source parameters) for every cell. A `Share` speaks of two counts and gives a curve over their
ratio.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import TypeAlias

import attrs
import numpy as np
from numpy.typing import NDArray

from reconcile.channels import Channel, expit, give_known, give_known_marginal, hermite, mean_expit
from reconcile.claims import Claim
from reconcile.model import HEDGED_FIDELITY, HEDGED_SPREAD, Model
from reconcile.speech import Meaning
from reconcile.values import Share
from reconcile.vocabulary import Relation, Source

__all__ = ["COPYING", "HEAPING", "SPREADS", "TINY", "Term", "share_index"]

Floats: TypeAlias = NDArray[np.float64]

HEAPING = "heaping"  # the one source parameter that belongs to speech: logit of the probability to heap
COPYING = "copying"  # logit of the probability that a source repeats an earlier claim, where there is one
_LOGIT_STEP, _LOGIT_REACH = 0.02, 30.0  # grid of true shares; a table is smooth on the scale of a spread, .05 and more

TINY = 1e-290  # floor of a probability whose logarithm is taken or that is divided by
SPREADS = np.arange(-5.0, 3.0, 0.2)  # log spreads between which curves of shares are read


@functools.lru_cache(maxsize=1)
def _shares() -> Floats:
    grid = np.arange(-_LOGIT_REACH, _LOGIT_REACH + _LOGIT_STEP, _LOGIT_STEP)
    shares: Floats = expit(grid)
    return shares


@attrs.frozen(eq=False)
class Term:
    """A claim made ready for computing.

    Attributes
    ----------
    source : Source
    relation : Relation
    hedged : bool
    meaning : Meaning
    is_share : bool
    model : Model
    power : float
        Exponent of the row: one half for a wider group where one figure is told twice.
    echo : tuple of (float, float)
        Probability that a copy of an earlier claim would be this one, and that there is a claim to copy.
    time : int
        At which the claim speaks of a count that rises, as `rising.round_hours` numbers it; -1 for none.
    """

    source: Source
    relation: Relation
    hedged: bool
    meaning: Meaning
    is_share: bool
    model: Model = attrs.field(repr=False)
    power: float = 1.0
    echo: tuple[float, float] = (0.0, 0.0)
    time: int = -1

    @classmethod
    def of(cls, claim: Claim, source: Source, relation: Relation, model: Model) -> Term:
        """Read a claim that speaks for `source`."""
        meaning = model.speech.read(claim.value)
        return cls(source, relation, claim.hedged, meaning, isinstance(claim.value, Share), model)

    @property
    def channel(self) -> Channel:
        """The channel of the source."""
        return self.model.channel_of(self.source)

    @property
    def parameters(self) -> tuple[str, ...]:
        """The source parameters that the row depends on."""
        if self.is_share:
            return ("log_spread",)
        heaps = bool(np.any(self.meaning.plain != self.meaning.heaped))
        more = ((HEAPING,) if heaps else ()) + ((COPYING,) if self.echo[1] > 0 else ())
        return (*self.channel.parameters, *more)

    def priors(self) -> dict[str, tuple[Relation | None, float, float]]:
        """For each parameter: the relation it is particular to, prior mean and standard deviation."""
        found = {}
        for name in self.parameters:
            relation, normal = self.model.source_prior(name, self.source, self.relation)
            found[name] = (relation, normal.mean, normal.sd)
        return found

    def _ends(self) -> tuple[Floats, Floats]:
        return self.meaning.low[:, None], self.meaning.high[:, None]

    def _widened(self, theta: Mapping[str, Floats]) -> dict[str, Floats]:
        return {name: (values + self._shift(name))[:, None, None] for name, values in theta.items()}

    def _shift(self, parameter: str) -> float:
        """How far a hedge moves a parameter."""
        moves = {"log_spread": float(np.log(HEDGED_SPREAD)), "fidelity": HEDGED_FIDELITY}
        return moves.get(parameter, 0.0) if self.hedged else 0.0

    def _weights(self, theta: Mapping[str, Floats]) -> Floats:
        if HEAPING not in theta:
            return self.meaning.plain[None]
        chance = expit(theta[HEAPING])[:, None]
        return (1 - chance) * self.meaning.plain + chance * self.meaning.heaped

    def _rounded(self, truth: Floats) -> Floats:
        """By how much heaping would raise P(value | figure) at each truth, if known numbers were rounded; shape (n,).

        They are not, so it is taken back.
        """
        low, high = self._ends()
        raised: Floats = (self.meaning.heaped - self.meaning.plain) @ ((low <= truth) & (truth <= high))
        return raised

    def row(self, truth: Floats, theta: Mapping[str, Floats]) -> Floats:
        """P(value | count, theta); `truth` of shape (n,), each parameter of shape (s,); result (s, n)."""
        mass = self.channel.mass(*self._ends(), truth, self._widened(theta))
        row: Floats = np.sum(self._weights(theta)[:, :, None] * mass, axis=1)
        if HEAPING in theta:
            known, _ = give_known(self.channel, truth, self._widened(theta))
            row -= expit(theta[HEAPING])[:, None] * self._rounded(truth) * known[:, 0]
        return self._tempered(self._echoed(row, expit(theta[COPYING]) if COPYING in theta else 0.0))

    def _echoed(self, row: Floats, chance: Floats | float) -> Floats:
        """Mix in that the claim may be copied: a constant floor."""
        same, there = (np.asarray(chance * part)[..., None] for part in self.echo)
        found: Floats = same + (1 - there) * row
        return found

    def row_gradient(self, truth: Floats, theta: Mapping[str, Floats]) -> tuple[Floats, dict[str, Floats]]:
        """`row`, and its derivative by each parameter; each of shape (s, n)."""
        mass, slopes = self.channel.gradient(*self._ends(), truth, self._widened(theta))
        weights = self._weights(theta)[:, :, None]
        found = {name: np.sum(weights * slope, axis=1) for name, slope in slopes.items()}
        own = np.sum(weights * mass, axis=1)
        if HEAPING in theta:
            chance = expit(theta[HEAPING])
            tilt = (chance * (1 - chance))[:, None] * (self.meaning.heaped - self.meaning.plain)
            known, by = give_known(self.channel, truth, self._widened(theta))
            rounded, tilted = self._rounded(truth), (chance * (1 - chance))[:, None]
            found[HEAPING] = np.sum(tilt[:, :, None] * mass, axis=1) - tilted * rounded * known[:, 0]
            back = chance[:, None] * rounded
            found |= {name: found[name] - back * slope[:, 0] for name, slope in by.items()}
            own = own - back * known[:, 0]
        row = own
        if COPYING in theta:
            chance = expit(theta[COPYING])
            row = self._echoed(own, chance)
            kept = (1 - self.echo[1] * chance)[:, None]
            found = {name: kept * slope for name, slope in found.items()}
            found[COPYING] = (chance * (1 - chance))[:, None] * (self.echo[0] - self.echo[1] * own)
        if self.power != 1:
            scale = self.power * np.maximum(row, TINY) ** (self.power - 1)
            found = {name: scale * slope for name, slope in found.items()}
        return self._tempered(row), found

    def copying(self) -> float:
        """Probability that the source repeats an earlier claim where there is one, averaged over its prior."""
        _, normal = self.model.source_prior(COPYING, self.source, self.relation)
        return float(mean_expit(normal.mean, normal.sd))

    def row_marginal(self, truth: Floats) -> Floats:
        """`row` averaged over the priors of the source's parameters; shape (1, n)."""
        priors = {name: (mean, sd) for name, (_, mean, sd) in self.priors().items()}
        tilt, chance, heaps = self.meaning.plain, 0.0, 0.0
        if priors.pop(COPYING, None) is not None:
            chance = self.copying()
        if HEAPING in priors:
            mean, sd = priors.pop(HEAPING)
            nodes, weights = hermite()
            tilt = weights @ self._weights({HEAPING: mean + sd * nodes})
            heaps = float(mean_expit(mean, sd))
        shifted = {n: (m + self._shift(n), sd) for n, (m, sd) in priors.items()}
        mass = self.channel.marginal(*self._ends(), truth, shifted)
        row: Floats = np.einsum("j,sjn->sn", tilt, mass)
        if heaps:
            row = row - heaps * self._rounded(truth) * give_known_marginal(self.channel, truth, shifted)
        return self._tempered(self._echoed(row, chance))

    def _tempered(self, row: Floats) -> Floats:
        row = np.maximum(row, 0.0)
        return row if self.power == 1 else row**self.power

    def curve(self, log_spread: Floats) -> Floats:
        """P(share | true share) on the grid of shares, and last, for a whole of 0, its average.

        `log_spread` of shape (s,), not yet widened by a hedge; result (s, g + 1), to be read at `share_index`.
        """
        spread = self._widened({"log_spread": np.atleast_1d(log_spread)})["log_spread"]
        grid = _shares()
        mass = self.model.share_noise.mass(*self._ends(), grid, spread)
        curve = np.einsum("j,sjn->sn", self.meaning.plain, mass)
        slope = grid * (1 - grid)
        return np.concatenate([curve, (curve @ slope / slope.sum())[:, None]], axis=1)

    @functools.cached_property
    def curves(self) -> Floats:
        """`curve` at each of `SPREADS`; shape (len(SPREADS), g + 1)."""
        return self.curve(SPREADS)

    def curve_near(self, log_spread: Floats) -> Floats:
        """`curve`, read between those of `SPREADS`; shape (s, g + 1)."""
        at = np.clip((log_spread - SPREADS[0]) / (SPREADS[1] - SPREADS[0]), 0, len(SPREADS) - 1 - 1e-9)
        first = at.astype(np.intp)
        share = (at - first)[:, None]
        found: Floats = (1 - share) * self.curves[first] + share * self.curves[first + 1]
        return found

    @functools.cached_property
    def _curve_average(self) -> Floats:
        _, mean, sd = self.priors()["log_spread"]
        return (hermite()[1] @ self.curve(mean + sd * hermite()[0]))[None]

    def curve_marginal(self) -> Floats:
        """`curve` averaged over the prior of the spread; shape (1, g + 1)."""
        return self._curve_average


def share_index(part: Floats, whole: Floats) -> NDArray[np.intp]:
    """Where on a `Term.curve` the share part / whole stands; shapes broadcast."""
    share = np.clip((part + 0.5) / (whole + 1.0), 1e-13, 1 - 1e-13)
    slot = np.rint((np.log(share) - np.log1p(-share) + _LOGIT_REACH) / _LOGIT_STEP).astype(np.intp)
    return np.where(whole > 0, np.clip(slot, 0, len(_shares()) - 1), len(_shares()))
