# SPDX-License-Identifier: MIT
"""A report in one HTML page: what was claimed, what it amounts to, and where every number comes from.

It needs Jinja and matplotlib (the extra ``report``).
"""

from reconcile.report.pages import render, require, write

__all__ = ["render", "require", "write"]
