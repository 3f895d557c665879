# SPDX-License-Identifier: MIT
"""``python -m reconcile.testing.mutants``."""

from __future__ import annotations

import sys

from reconcile.testing.mutants import main

sys.exit(main())
