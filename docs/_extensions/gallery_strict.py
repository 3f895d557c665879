# SPDX-License-Identifier: MIT
"""The worked examples are run here and nowhere else, so they are held to more than to end: no warning, and some output.

sphinx-gallery stops at an exception by itself (``abort_on_example_error``).
"""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

from sphinx.application import Sphinx
from sphinx.errors import ExtensionError

OUTPUT = "sphx-glr-script-out"  # the class of what an example prints, on its page
_before: list[Any] = []


def raise_warnings(gallery_conf: dict[str, Any], fname: str, when: str) -> None:
    """Make every warning an error while an example runs; sphinx-gallery calls this before and after each."""
    if when == "before":
        _before.append(warnings.catch_warnings())
        _before[-1].__enter__()
        warnings.simplefilter("error")
    else:
        _before.pop().__exit__(None, None, None)


def check_that_each_prints(app: Sphinx) -> None:
    """Fail where the page of an example is not there, or shows nothing that it printed."""
    root = Path(app.srcdir)
    for example in sorted((root.parent / "examples").glob("*.py")):
        page = root / "gallery" / f"{example.stem}.rst"
        if not page.is_file() or OUTPUT not in page.read_text(encoding="utf-8"):
            raise ExtensionError(f"{example.name} was not run, or printed nothing")


def setup(app: Sphinx) -> dict[str, Any]:
    """Look at the pages of the gallery once they are made."""
    app.connect("builder-inited", check_that_each_prints, priority=900)
    return {"parallel_read_safe": True}
