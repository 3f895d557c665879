# SPDX-License-Identifier: MIT
"""The entry point of Hypothesis: ``st.from_type(Claim)`` draws valid claims.

Hypothesis loads entry points at its import. A type is registered only when the room that makes it is imported, and its
strategy is made only when it is asked for: who does not use the types pays nothing.
"""

from __future__ import annotations

import functools
import importlib
import sys
from collections.abc import Callable, Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

__all__ = ["STRATEGIES", "register"]

# Which strategy draws which type, by the room that makes the type.
STRATEGIES = {
    "reconcile.groups": {"Group": "groups"},
    "reconcile.vocabulary": {
        "Event": "events",
        "EventKind": "event_kinds",
        "Outcome": "outcomes",
        "Period": "periods",
        "Quantity": "quantities",
        "Relation": "relations",
        "Source": "sources",
        "SourceKind": "source_kinds",
    },
    "reconcile.values.kinds": {
        "About": "abouts",
        "AtLeast": "at_leasts",
        "AtMost": "at_mosts",
        "Between": "betweens",
        "Exactly": "exactlys",
        "Share": "shares",
        "Surveyed": "surveyeds",
        "Vague": "vagues",
    },
    "reconcile.claims": {"Citation": "citations", "Claim": "claims", "Corpus": "corpora", "Rejected": "rejects"},
    "reconcile.speech": {"Speech": "speeches"},
    "reconcile.channels": {"Channel": "channels"},
    "reconcile.model": {"CountPrior": "count_priors", "Model": "models", "Normal": "normals"},
}


def register() -> None:
    """Register a strategy for every public type, now for rooms that are imported, for others as soon as they are."""
    for name in STRATEGIES.keys() & sys.modules.keys():
        _register_room(sys.modules[name])
    if not any(isinstance(finder, _Watch) for finder in sys.meta_path):
        sys.meta_path.insert(0, _Watch())


def _register_room(room: ModuleType) -> None:
    from hypothesis.strategies import register_type_strategy

    for kind, strategy in STRATEGIES.get(room.__name__, {}).items():
        register_type_strategy(getattr(room, kind), functools.partial(_draw, strategy))


def _draw(strategy: str, kind: type) -> Any:
    strategies = importlib.import_module("reconcile.testing.strategies")
    found = getattr(strategies, strategy)()
    if kind.__name__ != "Corpus":
        return found
    from hypothesis import strategies as st

    return st.builds(kind, found, st.lists(strategies.rejects(), max_size=2))


class _Watch(MetaPathFinder):
    """Finds no module itself, but has the rooms registered once they have been run."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname not in STRATEGIES:
            return None
        for finder in sys.meta_path:
            spec = finder.find_spec(fullname, path, target) if finder is not self else None
            if spec is not None and spec.loader is not None:
                # On this one loader, not on its class; that of a zip file serves several rooms.
                vars(spec.loader)["exec_module"] = functools.partial(_run, spec.loader.exec_module)
                return spec
        return None


def _run(exec_module: Callable[[ModuleType], None], module: ModuleType) -> None:
    exec_module(module)
    _register_room(module)
