# SPDX-License-Identifier: MIT
"""Rows of other formats to claims and back, nothing else."""
