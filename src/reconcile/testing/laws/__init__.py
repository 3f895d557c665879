# SPDX-License-Identifier: MIT
"""Laws that a reconciler keeps, whoever wrote it, and a search for the claims with which it breaks them.

``Law.check(estimate)`` looks for a counterexample with Hypothesis and raises `LawBroken` with the fewest and plainest
claims that it finds. A reconciler is anything that takes claims and gives a mapping of quantities to answers, see
`reconcile.testing.adapters`. Every law is true of `reconcile.estimate`: those of `ALL` as it comes, those of
`CONDITIONAL` with the model that `model_for` gives for their regime.

>>> from reconcile.testing import laws
>>> len(laws.ALL) + len(laws.CONDITIONAL) >= 20
True
"""

from __future__ import annotations

from reconcile.testing.laws import _coherence, _form, _meaning, _repetition, _sources
from reconcile.testing.laws._coherence import *
from reconcile.testing.laws._form import *
from reconcile.testing.laws._law import Law, LawBroken, NotApplicable, Regime
from reconcile.testing.laws._meaning import *
from reconcile.testing.laws._models import model_for
from reconcile.testing.laws._repetition import *
from reconcile.testing.laws._sources import *

_ROOMS = (_form, _repetition, _meaning, _coherence, _sources)
_NAMES = [name for room in _ROOMS for name in room.__all__]
_EVERY: tuple[Law, ...] = tuple(getattr(room, name) for room in _ROOMS for name in room.__all__)

ALL: tuple[Law, ...] = tuple(one for one in _EVERY if one.regime not in (Regime.MONOTONE, Regime.RIGHT))
CONDITIONAL: tuple[Law, ...] = tuple(one for one in _EVERY if one not in ALL)

__all__ = ["ALL", "CONDITIONAL", "Law", "LawBroken", "NotApplicable", "Regime", "model_for", *_NAMES]
