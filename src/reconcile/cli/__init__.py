# SPDX-License-Identifier: MIT
"""The command line: ``reconcile estimate``, ``explain``, ``check`` and ``report``."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Sequence

from reconcile.cli.parser import make_parser
from reconcile.cli.terminal import (
    EXIT_INTERRUPTED,
    EXIT_OK,
    EXIT_PIPE,
    EXIT_REJECTED,
    EXIT_UNUSABLE,
    point_at,
    tell,
    telling_warnings,
)
from reconcile.errors import ReconcileError, RejectedRows
from reconcile.plumbing import count_of

__all__ = ["main"]


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line.

    Parameters
    ----------
    argv : sequence of str, optional
        Default the arguments of the process.

    Returns
    -------
    int
        The exit status.
    """
    try:
        options = make_parser().parse_args(argv)
    except SystemExit as stop:
        return stop.code if isinstance(stop.code, int) else EXIT_OK
    try:
        with contextlib.suppress(AttributeError):
            # A terminal that knows only ASCII should show an escape, not a traceback.
            sys.stdout.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
            sys.stderr.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
        with telling_warnings():
            status: int = options.run(options)
            sys.stdout.flush()
    except RejectedRows as error:
        for row in error.rows:
            tell(point_at(options.file, row))  # type: ignore[arg-type]
        lines = {row.line for row in error.rows}  # type: ignore[attr-defined]
        tell(f"{count_of(len(lines), 'row')} could not be read, and --strict was given")
        return EXIT_REJECTED
    except BrokenPipeError:
        # Whoever read our output has had enough; Python would still complain when it flushes at exit.
        with contextlib.suppress(OSError, ValueError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return EXIT_PIPE
    except (ReconcileError, OSError) as error:
        tell(str(error))
        return EXIT_UNUSABLE
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED
    return status
