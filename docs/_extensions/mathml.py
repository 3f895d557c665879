# SPDX-License-Identifier: MIT
"""Formulae as MathML, which browsers draw by themselves: no script, no font and no request."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from latex2mathml.converter import convert

if TYPE_CHECKING:
    from docutils import nodes
    from sphinx.application import Sphinx


def visit_inline(writer: Any, node: nodes.Element) -> None:
    writer.body.append(convert(node.astext()))


def visit_block(writer: Any, node: nodes.Element) -> None:
    # A scroll bar of its own, so that a long formula does not widen the page of a phone.
    writer.body.append(f'<div class="formula">{convert(node.astext(), display="block")}</div>\n')


def depart(writer: Any, node: nodes.Element) -> None:
    """Nothing is left open."""


def setup(app: Sphinx) -> dict[str, Any]:
    app.add_html_math_renderer("mathml", inline_renderers=(visit_inline, depart), block_renderers=(visit_block, depart))
    return {"parallel_read_safe": True, "parallel_write_safe": True}
