# SPDX-License-Identifier: MIT
"""What claims say of cells under a channel of one's own: `Likelihood.rows` and `slopes`, claim by claim, in NumPy.

The compiled likelihood and its twin know the standard channel. Whatever else has the `Channel` protocol is asked here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeAlias

import attrs
import numpy as np
from numpy.typing import NDArray

from reconcile.inference.arrays import Shard
from reconcile.inference.likelihood import Term
from reconcile.inference.rows import LEAST

__all__ = ["OwnChannels"]

Floats: TypeAlias = NDArray[np.float64]
Ints: TypeAlias = NDArray[np.int64]


@attrs.frozen(eq=False)
class OwnChannels:
    """The claims of a shard, each with its channel.

    Attributes
    ----------
    shard : Shard
    terms : tuple of Term
        One for each claim of the shard.
    slots : tuple of str
        Names of the parameters of a voice, in order.
    """

    shard: Shard
    terms: tuple[Term, ...]
    slots: tuple[str, ...]

    @classmethod
    def of(cls, shard: Shard, terms: Sequence[Term], slots: tuple[str, ...]) -> OwnChannels:
        """Pick the terms of a shard from those of all claims."""
        return cls(shard, tuple(terms[int(row)] for row in shard.rows), slots)

    def _ready(self, claim: int, theta: Floats, echo: Floats) -> tuple[Term, Floats, dict[str, Floats]]:
        """Give a claim with what it may have copied, the middles of its cells, and its parameters at each draw."""
        shard = self.shard
        count = int(np.searchsorted(shard.claim, claim, side="right")) - 1
        cells = slice(int(shard.cell[count]), int(shard.cell[count + 1]))
        term = attrs.evolve(self.terms[claim], echo=(float(echo[claim, 0]), float(echo[claim, 1])))
        voice, none = int(shard.voice[claim]), len(shard.parameters)
        values = {
            name: theta[:, voice, slot]
            for slot, name in enumerate(self.slots)
            if shard.place[voice, slot] < none and name in term.parameters
        }
        return term, np.maximum(np.exp(shard.log_center[cells]) - 0.5, 0.0), values

    def rows(self, theta: Floats, echo: Floats) -> Floats:
        """P(claim | count in each cell); `theta` (draws, voices, 8), `echo` (claims, 2), result (draws, pairs)."""
        found = np.ones((len(theta), len(self.shard.exact)))
        for claim in range(len(self.terms)):
            term, middle, values = self._ready(claim, theta, echo)
            mine = slice(int(self.shard.pair[claim]), int(self.shard.pair[claim + 1]))
            found[:, mine] = np.maximum(term.row(middle, _broadcast(values, len(theta))), LEAST)
        return found

    def slopes(self, theta: Floats, echo: Floats, weight: Floats) -> Floats:
        """Sums of the slopes of the logarithms of rows, by weights (draws, pairs); shape (draws, voices, 8)."""
        found = np.zeros((len(theta), len(self.shard.shift), len(self.slots)))
        for claim in range(len(self.terms)):
            term, middle, values = self._ready(claim, theta, echo)
            row, by = term.row_gradient(middle, _broadcast(values, len(theta)))
            mine = slice(int(self.shard.pair[claim]), int(self.shard.pair[claim + 1]))
            over = np.where(row > LEAST, weight[:, mine] / np.maximum(row, LEAST), 0.0)
            voice = int(self.shard.voice[claim])
            for name, slope in by.items():
                found[:, voice, self.slots.index(name)] += np.sum(over * slope, axis=1)
        return found


def _broadcast(values: Mapping[str, Floats], draws: int) -> dict[str, Floats]:
    return {name: np.broadcast_to(one, draws) for name, one in values.items()}
