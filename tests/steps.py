# SPDX-License-Identifier: MIT
"""Work counted in lines that run, so that how it grows is told without a clock."""

from __future__ import annotations

import sys
from pathlib import Path

import reconcile

HOME = str(Path(reconcile.__file__).parent)


def steps_of(call, *given):
    """Count the lines of the package that one call runs; what NumPy does inside a line is one step."""
    steps = 0

    def trace(frame, event, _):
        nonlocal steps
        if not frame.f_code.co_filename.startswith(HOME):
            return None  # its lines are not ours; what it calls is asked for again
        steps += event == "line"
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        call(*given)
    finally:
        sys.settrace(before)
    return steps
