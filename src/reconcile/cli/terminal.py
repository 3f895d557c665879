# SPDX-License-Identifier: MIT
"""What the commands have in common: exit statuses, and text that is safe to print."""

from __future__ import annotations

import contextlib
import sys
import warnings
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from reconcile.errors import ClaimsWarning

if TYPE_CHECKING:
    from reconcile.claims import Rejected

__all__ = [
    "EXIT_INTERRUPTED",
    "EXIT_OK",
    "EXIT_PIPE",
    "EXIT_REJECTED",
    "EXIT_UNUSABLE",
    "plain",
    "point_at",
    "printable",
    "tell",
    "telling_warnings",
]

EXIT_OK, EXIT_REJECTED, EXIT_UNUSABLE, EXIT_INTERRUPTED, EXIT_PIPE = 0, 1, 2, 130, 141


def point_at(file: str, row: Rejected) -> str:
    """Say which line of a file could not be read, and why."""
    return plain(f"{file}:{row.line}: {f'{row.column}: ' if row.column else ''}{row.reason}")


def printable(text: str) -> str:
    """Without the control codes that could write over a terminal."""
    return "".join(sign if sign.isprintable() else "\ufffd" for sign in text)


def plain(text: str) -> str:
    """Without the control codes either, and on one line."""
    return printable(" ".join(text.split()))


def tell(text: str) -> None:
    """Say something on standard error, in one line."""
    print(plain(f"reconcile: {text}"), file=sys.stderr)


@contextlib.contextmanager
def telling_warnings() -> Iterator[list[type[Warning]]]:
    """Say our own warnings in a line each, without the lines of code that Python adds; give a list of their kinds."""
    told: list[type[Warning]] = []
    with warnings.catch_warnings():
        usual = warnings.showwarning

        def show(message: Warning | str, category: type[Warning], *rest: Any, **more: Any) -> None:
            if issubclass(category, ClaimsWarning):
                told.append(category)
                tell(f"warning: {message}")
            else:
                usual(message, category, *rest, **more)

        warnings.simplefilter("always", ClaimsWarning)
        warnings.showwarning = show
        yield told
