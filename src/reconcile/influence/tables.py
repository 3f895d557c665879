# SPDX-License-Identifier: MIT
"""Rows of plain values as a dataframe."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

from reconcile.errors import MissingDependency
from reconcile.plumbing import check

__all__ = ["to_frame"]


def to_frame(rows: Sequence[dict[str, object]], backend: Literal["pandas", "polars", "pyarrow"]) -> Any:
    """Give rows with the same keys as a dataframe.

    Raises
    ------
    MissingDependency
        If the backend is not installed.
    """
    import narwhals as nw

    check(backend in ("pandas", "polars", "pyarrow"), "to_frame(backend)", backend, "'pandas', 'polars' or 'pyarrow'")
    columns: dict[str, list[Any]] = {name: [row[name] for row in rows] for name in (rows[0] if rows else ())}
    try:
        return nw.from_dict(columns, backend=backend).to_native()
    except ModuleNotFoundError as missing:
        raise MissingDependency(backend, "to_frame", backend) from missing
