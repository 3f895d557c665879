# SPDX-License-Identifier: MIT
"""Laws."""

from reconcile.testing.laws._form import *
from reconcile.testing.laws._repetition import *
