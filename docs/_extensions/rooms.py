# SPDX-License-Identifier: MIT
"""One page for each room of the reference.

``reference.md`` lists the rooms, each as a heading and an ``automodule``. Here every such section becomes a page of its
own, and ``reference.md`` a list of them, so that a room is added by adding a section.
"""

from __future__ import annotations

import importlib
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sphinx.application import Sphinx

FOLDER = "generated/rooms"
SECTION = re.compile(r"^## (?P<title>.+)\n(?P<body>(?:(?!^## ).*\n)*)", re.MULTILINE)
MODULE = re.compile(r"automodule:: (\S+)")


def summary(module: str) -> str:
    """First line of the docstring of a room."""
    return (importlib.import_module(module).__doc__ or "").strip().partition("\n")[0]


def write_rooms(app: Sphinx) -> None:
    """Write the pages before Sphinx looks for documents; leave those alone that have not changed."""
    folder = Path(app.srcdir) / FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    text = (Path(app.srcdir) / "reference.md").read_text(encoding="utf-8")
    wanted = {}
    for section in SECTION.finditer(text):
        named = MODULE.search(section["body"])
        if named:
            wanted[folder / f"{named[1]}.md"] = f"# {section['title']}\n\n{section['body']}"
    for path in set(folder.glob("*.md")) - wanted.keys():
        path.unlink()
    for path, page in wanted.items():
        if not path.is_file() or path.read_text(encoding="utf-8") != page:
            path.write_text(page, encoding="utf-8")


def list_rooms(app: Sphinx, docname: str, source: list[str]) -> None:
    """Leave the headings of ``reference.md``, to which pages link, and of each room its sentence."""
    if docname != "reference":
        return
    pages = ["glossary"]

    def shorten(section: re.Match[str]) -> str:
        named = MODULE.search(section["body"])
        if not named:
            return section[0]
        page = f"/{FOLDER}/{named[1]}"
        pages.append(f"{section['title']} <{page}>")
        return f"## {section['title']}\n\n{summary(named[1])}\n[`{named[1]}`]({page}.md)\n\n"

    listed = SECTION.sub(shorten, source[0])
    source[0] = listed + "\n```{toctree}\n:hidden:\n\n" + "\n".join(pages) + "\n```\n"


def leave_out_any(
    app: Sphinx, what: str, name: str, obj: object, options: Any, given: str | None, returned: str | None
) -> Any:
    """Leave ``: Any`` out of signatures: a field with a converter takes what its docstring says."""
    return None if given is None else (given.replace(": Any", ""), returned)


def setup(app: Sphinx) -> dict[str, Any]:
    app.connect("builder-inited", write_rooms)
    app.connect("source-read", list_rooms)
    app.connect("autodoc-process-signature", leave_out_any)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
