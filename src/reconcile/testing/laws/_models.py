# SPDX-License-Identifier: MIT
"""The models under which `reconcile.estimate` keeps the laws of each regime."""

from __future__ import annotations

import math
from typing import Any

from reconcile.channels import Channel, Denial
from reconcile.model import Model, Normal
from reconcile.testing.channels import LogNormal
from reconcile.testing.laws._law import Regime
from reconcile.vocabulary import Relation

__all__ = ["model_for"]

_SURE, _NEVER, _FIXED = 40.0, -40.0, 1e-6  # logits of certainty, and a standard deviation of next to nothing


def model_for(regime: Regime) -> Model:
    """Give a model under which `reconcile.estimate` keeps the laws of a regime.

    For ``MONOTONE``: figures are log-normal around the count with a known spread, by
    `reconcile.testing.channels.LogNormal`, and nobody rounds or copies. For ``RIGHT``: every figure is the count. In
    both, what is known of a count is the count itself. For the others, the default.

    Parameters
    ----------
    regime : Regime

    Returns
    -------
    Model

    Examples
    --------
    >>> import functools
    >>> import reconcile as rc
    >>> from reconcile.testing import laws
    >>> trusting = functools.partial(rc.estimate, model=laws.model_for(laws.Regime.RIGHT))
    >>> laws.what_is_forced_holds.check(trusting)
    """
    if regime is Regime.MONOTONE:
        return _fixed(LogNormal(), bias=0.0, log_spread=math.log(0.3), heaping=_NEVER, copying=_NEVER)
    if regime is Regime.RIGHT:
        never = dict.fromkeys(("denial", "gross", "heaping", "copying"), _NEVER)
        return _fixed(Denial(), fidelity=_SURE, slope=0.0, bias=0.0, log_spread=math.log(0.3), **never)
    return Model()


def _fixed(channel: Channel, **parameters: float) -> Model:
    normals = {name: Normal(mean, _FIXED, "fixed, to try laws") for name, mean in parameters.items()}
    relations: list[Relation | None] = [None, *Relation]
    sources = {(name, relation): normal for name, normal in normals.items() for relation in relations}
    given: Any = sources  # mypy loses the type of the keys in the converter
    return Model(channel=channel, sources=given, known=None)
