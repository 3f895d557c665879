# SPDX-License-Identifier: MIT
"""Where a number comes from: what each claim did, how the estimate moved, what it owes to each source and prior."""

from typing import TYPE_CHECKING

from reconcile.influence.explanations import explain
from reconcile.influence.histories import History, Moment, history
from reconcile.influence.omissions import SourceOmission, SourceOmissions, leave_one_source_out
from reconcile.influence.records import Bearing, Explanation, SourceBearing
from reconcile.influence.sensitivities import PriorSensitivity, Sensitivity, sensitivity
from reconcile.plumbing import refuse_old_names

__all__ = [
    "Bearing",
    "Explanation",
    "History",
    "Moment",
    "PriorSensitivity",
    "Sensitivity",
    "SourceBearing",
    "SourceOmission",
    "SourceOmissions",
    "explain",
    "history",
    "leave_one_source_out",
    "sensitivity",
]

if not TYPE_CHECKING:  # a type checker would take every name for one of the module
    __getattr__ = refuse_old_names(__name__)
