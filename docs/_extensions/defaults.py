# SPDX-License-Identifier: MIT
"""Tables of what the model assumes, made from the model itself, so that no page can say anything else."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from reconcile import Model, speech

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sphinx.application import Sphinx


def list_table(header: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """Write a MyST table."""
    lines = ["* - " + "\n  - ".join(row) for row in (header, *rows)]
    return ":::{list-table}\n:header-rows: 1\n\n" + "\n".join(lines) + "\n:::\n"


def write(app: Sphinx) -> None:
    folder = Path(app.srcdir) / "generated"
    folder.mkdir(exist_ok=True)
    assumed = [(one.what, one.number, one.evidence) for one in Model().assumptions]
    words = [(word, f"{low:,} to {high:,}", source) for word, (low, high, source) in speech.LEXICON.items()]
    for name, header, rows in (
        ("assumptions", ("what", "prior", "evidence"), assumed),
        ("lexicon", ("word", "count", "from"), words),
    ):
        path, text = folder / f"{name}.md", list_table(header, rows)
        if not path.is_file() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")


def setup(app: Sphinx) -> dict[str, Any]:
    app.connect("builder-inited", write)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
