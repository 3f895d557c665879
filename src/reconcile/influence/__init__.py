# SPDX-License-Identifier: MIT
"""Where a number comes from: what each claim did, how the estimate moved as claims came in, what it owes to priors."""

from reconcile.influence.explanations import Bearing, Explanation, SourceBearing, explain

__all__ = ["Bearing", "Explanation", "SourceBearing", "explain"]
