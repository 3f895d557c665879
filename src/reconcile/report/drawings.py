# SPDX-License-Identifier: MIT
"""Figures as SVG that can stand inside a page, several of them, the same bytes every time."""

from __future__ import annotations

import io
import re
import warnings
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

from reconcile.plots.lettering import legible

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["to_svg"]

_NAMES = {"http://www.w3.org/2000/svg": "", "http://www.w3.org/1999/xlink": ""}
_REFERENCE = re.compile(r"url\(#([^)]*)\)")
_SETTINGS = {"svg.hashsalt": "reconcile", "svg.fonttype": "none", "svg.image_inline": True}


def to_svg(ax: Axes, name: str, label: str) -> str:
    """Write a figure as an SVG element for a page of HTML.

    Texts stay texts, which can be searched and which the reader's fonts draw. No element refers to anything outside.

    Parameters
    ----------
    ax : Axes
        Of a figure of its own.
    name : str
        What its ids begin with: unique on the page.
    label : str
        What the figure shows, for those who do not see it.
    """
    import matplotlib as mpl

    buffer = io.StringIO()
    nothing = dict.fromkeys(("Creator", "Date", "Format", "Type"))
    with mpl.rc_context(), warnings.catch_warnings():
        mpl.rcdefaults()
        mpl.rcParams.update(_SETTINGS)
        # A sign that matplotlib's font lacks is drawn by the reader's.
        warnings.filterwarnings("ignore", message=r"Glyph \d+", category=UserWarning)
        ax.get_figure().savefig(buffer, format="svg", metadata=nothing)
    text = buffer.getvalue()
    root = ET.fromstring(text[text.index("<svg") :])  # noqa: S314  we wrote it ourselves
    for parent in list(root.iter()):
        for child in list(parent):
            if _local(child.tag) in ("metadata", "style"):  # a style would be in force on the whole page
                parent.remove(child)
    for element in root.iter():
        element.tag = _local(element.tag)
        element.attrib = {_local(key): _refer(_local(key), value, name) for key, value in element.attrib.items()}
    kept = {"viewBox": root.attrib["viewBox"], "class": "figure", "role": "img", "aria-label": legible(label)}
    root.attrib = kept | {"style": "stroke-linejoin: round; stroke-linecap: butt"}
    return ET.tostring(root, encoding="unicode", short_empty_elements=True)


def _local(tag: str) -> str:
    space, _, local = tag.rpartition("}")
    return local if space.removeprefix("{") in ("", *_NAMES) else tag


def _refer(key: str, value: str, name: str) -> str:
    if key == "id":
        return f"{name}-{value}"
    if key == "href" and value.startswith("#"):
        return f"#{name}-{value[1:]}"
    return _REFERENCE.sub(rf"url(#{name}-\1)", value)
