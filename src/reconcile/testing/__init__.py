# SPDX-License-Identifier: MIT
"""What tests of estimators need, ours and other people's."""
