# SPDX-License-Identifier: MIT
"""JSON as strictly as a stranger's file deserves: no constants that are no numbers, no field twice."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from typing import Any

from reconcile.errors import InvalidValue
from reconcile.plumbing import check

__all__ = ["parse", "repeated"]


def parse(text: str) -> Any:
    """Read JSON; raises `InvalidValue` for NaN, infinities and repeated fields, and whatever `json.loads` raises."""
    return json.loads(text, parse_constant=_refuse_constant, object_pairs_hook=_once)


def repeated(things: Iterable[Any]) -> list[Any]:
    """List the things that stand more than once."""
    return [thing for thing, number in Counter(things).items() if number > 1]


def _refuse_constant(said: str) -> None:
    raise InvalidValue("a number", said, "finite numbers")


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    twice = repeated(name for name, _ in pairs)
    check(not twice, "a field", twice, "each field once")
    return dict(pairs)
