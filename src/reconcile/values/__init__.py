# SPDX-License-Identifier: MIT
"""What can be asserted of a count: eight kinds of value, and the reading of phrases into them."""

from reconcile.values.kinds import (
    LARGEST,
    About,
    AtLeast,
    AtMost,
    Between,
    Exactly,
    Share,
    Surveyed,
    Vague,
    Value,
)
from reconcile.values.phrases import VAGUE_WORDS, parse

__all__ = [
    "LARGEST",
    "VAGUE_WORDS",
    "About",
    "AtLeast",
    "AtMost",
    "Between",
    "Exactly",
    "Share",
    "Surveyed",
    "Vague",
    "Value",
    "parse",
]
