# SPDX-License-Identifier: MIT
"""The engine: from claims to draws of sources and posteriors of counts. `fit` is the page to read first."""
