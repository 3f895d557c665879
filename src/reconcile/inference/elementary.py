# SPDX-License-Identifier: MIT
"""Exponential, logarithm and normal tail by basic arithmetic alone, whose bits are the same on every machine.

They are those of ``kernel/likelihood.c``, operation for operation. NumPy's own differ in the last bits from one
processor to another, and chains would take other turns.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

__all__ = ["exponential", "log_upper", "logarithm", "logistic"]

Floats: TypeAlias = NDArray[np.float64]

_TINY = 1e-290
_MAGIC = 6755399441055744.0  # 1.5 * 2^52: adding it rounds to a whole number, which is then in the low bits
_LOG2E, _LN2_HIGH, _LN2_LOW = 1.4426950408889634, 6.93147180369123816490e-01, 1.90821492927058770002e-10
_EXPONENTIAL = (
    1.6059043836821613e-10, 2.08767569878681e-09, 2.505210838544172e-08, 2.755731922398589e-07, 2.755731922398589e-06,
    2.48015873015873e-05, 1.984126984126984e-04, 1.388888888888889e-03, 8.333333333333333e-03, 4.1666666666666664e-02,
    0.16666666666666666, 0.5, 1.0, 1.0,
)  # fmt: skip
_LOGARITHM = tuple(1.0 / odd for odd in range(21, 0, -2))

# Cody (1969), Math. Comp. 23, 631: rational approximations near the middle, on either side, and far out.
_NEAR = (
    (
        0.065682337918207449113,
        2.2352520354606839287,
        161.02823106855587881,
        1067.6894854603709582,
        18154.981253343561249,
    ),
    (47.20258190468824187, 976.09855173777669322, 10260.932208618978205, 45507.789335026729956),
)
_MIDDLE = (
    (
        1.0765576773720192317e-8, 0.39894151208813466764, 8.8831497943883759412, 93.506656132177855979,
        597.27027639480026226, 2494.5375852903726711, 6848.1904505362823326, 11602.651437647350124,
        9842.7148383839780218,
    ),
    (
        22.266688044328115691, 235.38790178262499861, 1519.377599407554805, 6485.558298266760755,
        18615.571640885098091, 34900.952721145977266, 38912.003286093271411, 19685.429676859990727,
    ),
)  # fmt: skip
_FAR = (
    (
        0.02307344176494017303, 0.21589853405795699, 0.1274011611602473639, 0.022235277870649807,
        0.001421619193227893466, 2.9112874951168792e-5,
    ),
    (1.28426009614491121, 0.468238212480865118, 0.0659881378689285515, 0.00378239633202758244, 7.29751555083966205e-5),
)  # fmt: skip
_NEAREST, _FARTHEST, _DENSITY = 0.67448975, 5.656854249492381, 0.39894228040143267794


def exponential(x: Floats) -> Floats:
    """Give e^x; limits at +-700."""
    x = np.where(x < 700.0, x, 700.0)
    x = np.where(x > -700.0, x, -700.0)
    whole = x * _LOG2E + _MAGIC
    scale = ((whole.view(np.int64) << 52) + 0x3FF0000000000000).view(np.float64)
    whole -= _MAGIC
    rest = x - whole * _LN2_HIGH - whole * _LN2_LOW
    series = np.full(x.shape, _EXPONENTIAL[0])
    for coefficient in _EXPONENTIAL[1:]:
        series *= rest
        series += coefficient
    return series * scale


def logarithm(x: Floats) -> Floats:
    """Natural logarithm of normal positive numbers."""
    bits = np.ascontiguousarray(x).view(np.int64)
    power = (bits.view(np.uint64) >> np.uint64(52)).view(np.int64) - 1023
    part = ((bits & 0x000FFFFFFFFFFFFF) | 0x3FF0000000000000).view(np.float64)
    big = part > 1.4142135623730951
    part = np.where(big, part * 0.5, part)
    whole = (power + big + 0x4338000000000000).view(np.float64) - _MAGIC
    ratio = (part - 1.0) / (part + 1.0)
    square, series = ratio * ratio, np.full(x.shape, _LOGARITHM[0])
    for coefficient in _LOGARITHM[1:]:
        series *= square
        series += coefficient
    found: Floats = whole * _LN2_HIGH + (2.0 * ratio * series + whole * _LN2_LOW)
    return found


def logistic(x: Floats) -> Floats:
    """Give the probability whose logit is `x`."""
    found: Floats = 1.0 / (1.0 + exponential(-x))
    return found


def _ratio(x: Floats, above: Sequence[float], below: Sequence[float]) -> tuple[Floats, Floats]:
    """Numerator and denominator of Cody's approximations, but for their last coefficients."""
    top, bottom = above[0] * x, x
    for p, q in zip(above[1:-1], below[:-1], strict=True):
        top, bottom = (top + p) * x, (bottom + q) * x
    return top + above[-1], bottom + below[-1]


def log_upper(z: Floats) -> Floats:
    """Logarithm of the probability that a standard normal is above `z`."""
    away = np.abs(z)
    top, bottom = _ratio(away, *_MIDDLE)
    over = top / bottom
    x = 1.0 / np.maximum(away * away, 1.0)
    top, bottom = _ratio(x, *_FAR)
    far = (_DENSITY - x * top / bottom) / np.maximum(away, 1.0)
    over = np.where(away > _FARTHEST, far, over)
    upper = logarithm(np.maximum(over, _TINY)) - 0.5 * away * away
    lower = logarithm(np.maximum(1.0 - exponential(upper), _TINY))
    top, bottom = _ratio(away * away, *_NEAR)
    close = away <= _NEAREST
    near = np.where(close, 0.5 - z * top / bottom, 1.0)
    return np.where(close, logarithm(near), np.where(z > 0, upper, lower))
