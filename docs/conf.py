# SPDX-License-Identifier: MIT
"""Sphinx: everything is built from this machine, and nothing in the pages asks another one."""

import sys
from pathlib import Path

import reconcile

sys.path.insert(0, str(Path(__file__).parent / "_extensions"))

project = "reconcile"
author = "the reconcile authors"
copyright = "2026, the reconcile authors"
version = release = reconcile.__version__

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "numpydoc",
    "sphinx_gallery.gen_gallery",
    "gallery_strict",
    "mathml",
    "rooms",
    "defaults",
]
# The tables in generated/ are parts of pages.
exclude_patterns = ["_build", "generated/*.md", "**/sg_execution_times.rst"]
default_role = "code"

myst_enable_extensions = ["colon_fence", "deflist", "dollarmath"]
myst_heading_anchors = 3

autodoc_member_order = "bysource"
autodoc_typehints_format = "short"
numpydoc_show_class_members = False  # automodule shows them; numpydoc's table wants a page for each

# Only our own names must resolve: other projects' inventories would be a request to the network.
nitpick_ignore_regex = [("py:.*", r"(?!reconcile\.).*|reconcile\.inference\..*")]

# The examples are run when the pages are made, and only then; one that fails, warns or prints nothing stops it. Nothing
# of it asks another machine.
sphinx_gallery_conf = {
    "examples_dirs": "../examples",
    "gallery_dirs": "gallery",
    "filename_pattern": r"\.py$",
    "within_subsection_order": "gallery_order.Order",
    "abort_on_example_error": True,
    "download_all_examples": False,
    "image_scrapers": (),
    "reset_modules": ("gallery_strict.raise_warnings",),
    "reset_modules_order": "both",
    "min_reported_time": 1e9,
    "remove_config_comments": True,
    "show_memory": False,
    "show_signature": False,
    "write_computation_times": False,
}

html_math_renderer = "mathml"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_theme = "pydata_sphinx_theme"
html_title = f"reconcile {release}"
html_show_sourcelink = False
html_copy_source = False
html_theme_options = {
    "navigation_with_keys": False,
    "show_prev_next": False,
    "header_links_before_dropdown": 6,
    "navbar_persistent": ["search-button"],
    "secondary_sidebar_items": ["page-toc"],
    "footer_start": ["copyright"],
    "footer_end": [],
}
html_context = {"default_mode": "auto"}
html_sidebars = {"**": ["sidebar-nav-bs"], "index": []}
