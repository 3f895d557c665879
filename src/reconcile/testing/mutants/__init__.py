# SPDX-License-Identifier: MIT
"""Reconcilers that are wrong on purpose, each in one way: laws that do not catch them have no teeth.

``python -m reconcile.testing.mutants`` holds every law against every mutant and prints the table; it fails if one gets
away. Most are `reconcile.estimate` with a fault, as small as can be.
"""

from __future__ import annotations

from reconcile.testing.mutants import _hearing, _telling
from reconcile.testing.mutants._holding import COSTLY, EXAMPLES, FEW, Verdict, hold, main, try_all
from reconcile.testing.mutants._mutant import REGISTER, Mutant

__all__ = ["ALL", "COSTLY", "EXAMPLES", "FEW", "Mutant", "Verdict", "hold", "main", "try_all"]

del _hearing, _telling  # read for the mutants that they register

ALL: tuple[Mutant, ...] = tuple(REGISTER)
