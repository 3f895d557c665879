# SPDX-License-Identifier: MIT
"""The order of the worked examples: from one report to a corpus, then the special cases; others after them, by name."""

from __future__ import annotations

ORDER = (
    "taftanaz.py", "stones_river.py", "civil_war.py", "each_counts_the_other.py", "early_and_late.py", "airwars.py",
    "ucdp.py", "logic_alone.py", "own_reconciler.py",
)  # fmt: skip


class Order:
    """Sort key of one folder of examples, as sphinx-gallery asks for it."""

    def __init__(self, folder: str) -> None:
        self.folder = folder

    def __call__(self, name: str) -> tuple[int, str]:
        return (ORDER.index(name) if name in ORDER else len(ORDER), name)

    def __repr__(self) -> str:
        return "Order()"  # without an address, so that the configuration is the same in every run
