# SPDX-License-Identifier: MIT
"""Where a number comes from: what each claim did, how the estimate moved as claims came in, what it owes to priors."""

from reconcile.influence.explanations import explain
from reconcile.influence.histories import History, Moment, history
from reconcile.influence.records import Bearing, Explanation, SourceBearing
from reconcile.influence.sensitivities import Sensitivity, Sway, sensitivity

__all__ = [
    "Bearing",
    "Explanation",
    "History",
    "Moment",
    "Sensitivity",
    "SourceBearing",
    "Sway",
    "explain",
    "history",
    "sensitivity",
]
