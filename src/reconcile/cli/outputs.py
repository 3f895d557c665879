# SPDX-License-Identifier: MIT
"""The files that a command writes: whether they can be written is asked before the work."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from reconcile.plumbing import check

__all__ = ["check_outputs"]


def check_outputs(options: argparse.Namespace, *names: str) -> None:
    """Refuse files that cannot be written, that hold the claims, or that are one file; nothing is made or changed."""
    given = {f"--{name.replace('_', '-')}": Path(path) for name in names if (path := getattr(options, name))}
    for option, path in given.items():
        fault = _find_fault(path)
        check(not fault, option, str(path), f"a file that can be written; {fault}")
        # Where the claims are missing, their reader says so better than `samefile`.
        both = options.file != "-" and path.exists() and Path(options.file).exists()
        same = both and path.samefile(options.file)
        check(not same, option, str(path), "another file than that of the claims, which would be lost")
    different = len({path.resolve() for path in given.values()}) == len(given)
    check(different, " and ".join(given), [str(path) for path in given.values()], "different files")


def _find_fault(path: Path) -> str:
    """Say why a file cannot be written; empty where nothing speaks against it."""
    folder = path.parent
    if path.is_dir():
        return "this is a folder"
    if not folder.is_dir():
        return f"there is no folder {str(folder)!r}"
    if path.exists():
        return "" if os.access(path, os.W_OK) else "this one is write-protected"
    return "" if os.access(folder, os.W_OK | os.X_OK) else f"the folder {str(folder)!r} is write-protected"
