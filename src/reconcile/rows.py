# SPDX-License-Identifier: MIT
"""What each claim of a block says of each cell of its count, with derivatives.

The arithmetic is that of `likelihood` and of the standard channel, written once more over arrays; a test holds the two
together.
"""

from __future__ import annotations

from typing import TypeAlias

import attrs
import numpy as np
from numpy.typing import NDArray

from reconcile.blocks import Block
from reconcile.channels import expit
from reconcile.likelihood import TINY
from reconcile.model import HEDGED_FIDELITY, HEDGED_SPREAD

__all__ = ["PARAMETERS", "Rows", "speak"]

Floats: TypeAlias = NDArray[np.float64]

PARAMETERS = ("bias", "log_spread", "fidelity", "slope", "denial", "gross", "heaping", "copying")
BIAS, SPREAD, FIDELITY, SLOPE, DENIAL, GROSS, HEAPING, COPYING = range(8)


@attrs.frozen(eq=False)
class Rows:
    """What each claim of a block says of each cell.

    Attributes
    ----------
    row, own : ndarray, shape (c, w)
        P(claim | count), and the same if the claim is not copied.
    block : Block
    echo : ndarray, shape (2, c)
    chances : ndarray, shape (4, c)
        Of heaping, gross error, denial and copying.
    variance : ndarray, shape (c,)
        Of the noise.
    rate : ndarray, shape (c, w)
        1 / standard deviation of the noise and within the cell.
    noise : ndarray, shape (4, c, w) or (1, c, w)
        Sums over edges; see `_noise`.
    size : ndarray, shape (c, w)
        That of `Block`, claim by claim.
    faithful, to_gross, to_exact, to_denial : ndarray, shape (c, w)
        Chance of exactness, and how far P(claim) is from what it would be then, by gross error and by denial.
    """

    row: Floats
    own: Floats
    block: Block
    echo: Floats
    chances: Floats
    variance: Floats
    rate: Floats
    noise: Floats
    size: Floats
    faithful: Floats
    to_gross: Floats
    to_exact: Floats
    to_denial: Floats

    def slopes(self, weight: Floats | None = None) -> Floats:
        """Derivatives of `row` by `PARAMETERS`, shape (8, c, w); or their sums by weights of cells, shape (8, c).

        `speak` must have been asked for slopes.
        """
        alone = weight is None
        each = np.ones(self.row.shape) if weight is None else weight
        # Constants of claims stand beside cells, or beside sums over cells.
        heap, gross, denied, copied = self.chances[:, :, None] if alone else self.chances
        echo, fixed = (x[:, :, None] if alone else x for x in (self.echo, self.block.fixed))
        variance = self.variance[:, None] if alone else self.variance

        def add_up(x: Floats, y: NDArray[np.floating]) -> Floats:
            found: Floats = x * y if alone else np.einsum("cw,cw->c", x, y)
            return found

        def add(x: Floats) -> Floats:
            found: Floats = x if alone else np.add.reduce(x, axis=1)
            return found

        alive = each * (1 - self.chances[2])[:, None]
        alive[:, 0] = each[:, 0]  # nobody can deny that nobody died
        lean = alive * self.faithful
        noisy = alive - lean
        lift = lean * self.faithful
        np.subtract(lean, lift, out=lift)
        lift *= self.to_exact
        bent = noisy * self.rate
        mine = 1 - copied * echo[1]
        by_noise = mine * (1 - gross)
        tilt = [fixed[k + 1] - fixed[k] for k in (0, 2, 4)]
        found = np.empty((8, *(self.row.shape if alone else self.row.shape[:1])))
        found[BIAS] = by_noise * add_up(bent, self.noise[2])
        bent *= self.rate
        found[SPREAD] = by_noise * variance * add_up(bent, self.noise[3])
        found[FIDELITY] = mine * add(lift)
        found[SLOPE] = -mine * add_up(lift, self.size)
        found[DENIAL] = mine * denied * (1 - denied) * add_up(each, self.to_denial)
        found[GROSS] = mine * gross * (1 - gross) * add_up(noisy, self.to_gross)
        by_heap = (1 - gross) * add_up(noisy, self.noise[1])
        by_heap += ((1 - gross) * tilt[0] + gross * tilt[2]) * add(noisy) + tilt[1] * add(each - alive)
        found[HEAPING] = mine * heap * (1 - heap) * by_heap
        found[COPYING] = copied * (1 - copied) * (echo[0] * add(each) - echo[1] * add_up(each, self.own))
        return found


def speak(block: Block, theta: Floats, echo: Floats, *, slopes: bool) -> Rows:
    """Compute what each claim says of each cell.

    Parameters
    ----------
    block : Block
    theta : ndarray, shape (8, c)
        `PARAMETERS` of the source of each claim.
    echo : ndarray, shape (2, c)
        Probability that a copied claim would be this one, and that there is a claim to copy.
    slopes : bool, keyword
        Whether `Rows.slopes` will be asked for.
    """
    # A draw may be far out before it is refused; beyond these limits nothing changes any more.
    log_spread = (theta[SPREAD] + np.log(HEDGED_SPREAD) * block.hedged).clip(-12.0, 8.0)
    chances = expit(theta[[HEAPING, GROSS, DENIAL, COPYING]])
    _, gross, denied, copied = chances[:, :, None]
    variance = np.exp(2 * log_spread)
    rate = block.blur.take(block.event, axis=0)
    rate += variance[:, None]
    np.sqrt(rate, out=rate)
    np.divide(1.0, rate, out=rate)
    noise = _noise(block, theta[BIAS].clip(-60.0, 60.0), chances[0], rate, slopes=slopes)
    plain, heaped = block.fixed[::2], block.fixed[1::2]
    constant, holds_zero, anything = (plain + chances[0] * (heaped - plain))[:, :, None]
    smooth = noise[0] + constant
    np.maximum(smooth, 0.0, out=smooth)
    size = block.size.take(block.event, axis=0)
    faithful = expit((theta[FIDELITY] + HEDGED_FIDELITY * block.hedged)[:, None] - theta[SLOPE][:, None] * size)
    to_gross = anything - smooth
    spoken = gross * to_gross
    spoken += smooth
    to_exact: Floats = block.exact - spoken  # those who know the number do not round it
    spoken += faithful * to_exact
    to_denial = holds_zero - spoken
    to_denial[:, 0] = 0.0  # nobody can deny that nobody died
    own = denied * to_denial
    own += spoken
    row = (1 - copied * echo[1][:, None]) * own
    row += copied * echo[0][:, None]
    np.maximum(row, TINY, out=row)
    return Rows(row, own, block, echo, chances, variance, rate, noise, size, faithful, to_gross, to_exact, to_denial)


def _noise(block: Block, bias: Floats, heap: Floats, rate: Floats, *, slopes: bool) -> Floats:
    """Sum over the edges of each claim what a figure with noise has below them.

    The noise is Student's t with 4 degrees of freedom, whose distribution function is 1/2 + u (3/8 - u^2 / 32) with u =
    z / sqrt(1 + z^2 / 4), and whose density is 3/8 (1 + z^2 / 4)^(-5/2). The 1/2 is in `Block.fixed`.

    Returns
    -------
    ndarray, shape (4, c, w) or (1, c, w)
        The distribution function with the weight of each edge and with the change of it by heaping; and with the
        weight, less the density and less z times the density.
    """
    edges = block.edges
    z = block.log_center.take(edges.event, axis=0)
    np.subtract((edges.log_edge - bias[edges.claim])[:, None], z, out=z)
    z *= rate.take(edges.claim, axis=0)
    bell = z * z
    bell *= 0.25
    bell += 1.0
    np.divide(1.0, bell, out=bell)
    root = np.sqrt(bell)
    u = z * root
    below = u * u
    below *= -0.03125
    below += 0.375
    below *= u
    weight = (edges.plain + heap[edges.claim] * edges.tilt)[:, None]
    found = np.empty((4 if slopes else 1, *rate.shape))
    found[0] = edges.total @ np.multiply(below, weight, out=u)
    if slopes:
        found[1] = edges.total @ np.multiply(below, edges.tilt[:, None], out=u)
        bell *= bell
        bell *= root
        bell *= -0.375 * weight
        found[2] = edges.total @ bell
        bell *= z
        found[3] = edges.total @ bell
    return found
