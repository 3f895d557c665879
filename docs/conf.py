# SPDX-License-Identifier: MIT
"""Sphinx: everything is built from this machine, and nothing in the pages asks another one."""

import reconcile

project = "reconcile"
author = "the reconcile authors"
copyright = "2026, the reconcile authors"
version = release = reconcile.__version__

extensions = ["myst_parser", "sphinx.ext.autodoc", "numpydoc"]
exclude_patterns = ["_build"]
default_role = "code"

myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 3

autodoc_member_order = "bysource"
autodoc_typehints_format = "short"
numpydoc_show_class_members = False  # automodule shows them; numpydoc's table wants a page for each

# Only our own names must resolve: other projects' inventories would be a request to the network.
nitpick_ignore_regex = [("py:.*", r"(?!reconcile\.).*")]
# In the signature of `Posterior`, for a private field.
nitpick_ignore = [("py:class", "reconcile.lessons.Teaching")]

html_theme = "pydata_sphinx_theme"
html_title = f"reconcile {release}"
html_show_sourcelink = False
html_copy_source = False
html_theme_options = {
    "navigation_with_keys": False,
    "show_prev_next": False,
    "secondary_sidebar_items": ["page-toc"],
    "footer_start": ["copyright"],
    "footer_end": [],
}
html_sidebars = {"**": ["sidebar-nav-bs"], "index": []}
