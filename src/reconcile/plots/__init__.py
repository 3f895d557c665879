# SPDX-License-Identifier: MIT
"""Pictures: one function, one figure; an `ax` may be handed in, and one comes out.

They need matplotlib (the extra ``plot``), change none of its settings, and leave nothing to close.
"""

from reconcile.plots.bearings import draw_influence, draw_without
from reconcile.plots.calibration import draw_calibration, draw_coverage
from reconcile.plots.forests import draw_claims
from reconcile.plots.histories import draw_history
from reconcile.plots.sources import draw_sources

__all__ = [
    "draw_calibration",
    "draw_claims",
    "draw_coverage",
    "draw_history",
    "draw_influence",
    "draw_sources",
    "draw_without",
]
