# SPDX-License-Identifier: MIT
"""Typed, source-attributed casualty claims in; calibrated, coherent estimates out, each with where it came from."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from reconcile.claims import Citation, Claim, Corpus, Rejected
    from reconcile.configuration import show_config
    from reconcile.errors import (
        ClaimsWarning,
        ContradictoryClaims,
        CountedTwice,
        DoubtfulDates,
        HeavyTail,
        InconsistentClaims,
        InvalidValue,
        MissingDependency,
        MisspeltColumn,
        ReconcileError,
        RejectedRows,
        Unidentified,
        UnknownQuantity,
        UnreadableModel,
        UnreadablePhrase,
        UnreadableTable,
    )
    from reconcile.estimates import Diagnostics, Estimate, SourceEstimate
    from reconcile.influence import (
        Explanation,
        History,
        PriorSensitivity,
        Sensitivity,
        SourceOmission,
        SourceOmissions,
        explain,
        history,
        leave_one_source_out,
        sensitivity,
    )
    from reconcile.logic import Bound, Bounds, Contradiction, Contradictions, bounds, contradictions, radius
    from reconcile.model import CountPrior, KnownCount, Model, Normal, RisingToll
    from reconcile.posterior import Posterior, estimate
    from reconcile.values import About, AtLeast, AtMost, Between, Exactly, Share, Surveyed, Vague, Value
    from reconcile.vocabulary import Event, EventKind, Group, Outcome, Period, Quantity, Relation, Source, SourceKind

# The window is lazy: `from reconcile import Claim` must not load SciPy. A test keeps it equal to the mirror above.
_ROOMS = {
    "claims": ("Citation", "Claim", "Corpus", "Rejected"),
    "configuration": ("show_config",),
    "errors": (
        "ClaimsWarning",
        "ContradictoryClaims",
        "CountedTwice",
        "DoubtfulDates",
        "HeavyTail",
        "InconsistentClaims",
        "InvalidValue",
        "MissingDependency",
        "MisspeltColumn",
        "ReconcileError",
        "RejectedRows",
        "Unidentified",
        "UnknownQuantity",
        "UnreadableModel",
        "UnreadablePhrase",
        "UnreadableTable",
    ),
    "estimates": ("Diagnostics", "Estimate", "SourceEstimate"),
    "influence": (
        "Explanation",
        "History",
        "PriorSensitivity",
        "Sensitivity",
        "SourceOmission",
        "SourceOmissions",
        "explain",
        "history",
        "leave_one_source_out",
        "sensitivity",
    ),
    "logic": ("Bound", "Bounds", "Contradiction", "Contradictions", "bounds", "contradictions", "radius"),
    "model": ("CountPrior", "KnownCount", "Model", "Normal", "RisingToll"),
    "posterior": ("Posterior", "estimate"),
    "values": ("About", "AtLeast", "AtMost", "Between", "Exactly", "Share", "Surveyed", "Vague", "Value"),
    "vocabulary": ("Event", "EventKind", "Group", "Outcome", "Period", "Quantity", "Relation", "Source", "SourceKind"),
}
_HOME = {name: room for room, names in _ROOMS.items() for name in names}

__version__ = "0.1.0"
__all__ = [
    "About",
    "AtLeast",
    "AtMost",
    "Between",
    "Bound",
    "Bounds",
    "Citation",
    "Claim",
    "ClaimsWarning",
    "Contradiction",
    "Contradictions",
    "ContradictoryClaims",
    "Corpus",
    "CountPrior",
    "CountedTwice",
    "Diagnostics",
    "DoubtfulDates",
    "Estimate",
    "Event",
    "EventKind",
    "Exactly",
    "Explanation",
    "Group",
    "HeavyTail",
    "History",
    "InconsistentClaims",
    "InvalidValue",
    "KnownCount",
    "MissingDependency",
    "MisspeltColumn",
    "Model",
    "Normal",
    "Outcome",
    "Period",
    "Posterior",
    "PriorSensitivity",
    "Quantity",
    "ReconcileError",
    "Rejected",
    "RejectedRows",
    "Relation",
    "RisingToll",
    "Sensitivity",
    "Share",
    "Source",
    "SourceEstimate",
    "SourceKind",
    "SourceOmission",
    "SourceOmissions",
    "Surveyed",
    "Unidentified",
    "UnknownQuantity",
    "UnreadableModel",
    "UnreadablePhrase",
    "UnreadableTable",
    "Vague",
    "Value",
    "bounds",
    "contradictions",
    "estimate",
    "explain",
    "history",
    "leave_one_source_out",
    "radius",
    "sensitivity",
    "show_config",
]


def __getattr__(name: str) -> Any:
    room = _HOME.get(name)
    if room is None:
        raise AttributeError(f"module 'reconcile' has no attribute {name!r}")
    found = getattr(importlib.import_module(f"reconcile.{room}"), name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return sorted([*__all__, "__version__"])
