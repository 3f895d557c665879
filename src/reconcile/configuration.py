# SPDX-License-Identifier: MIT
"""What runs here: the kernel of the likelihood, what it was built for, and the versions beside it."""

from __future__ import annotations

import importlib.metadata
import os
import platform
from collections.abc import Mapping
from typing import Literal, overload

from reconcile.errors import InvalidValue

__all__ = ["show_config"]

PACKAGES = ("attrs", "cattrs", "narwhals", "numpy", "scipy", "threadpoolctl")


@overload
def show_config(*, mode: Literal["stdout"] = ...) -> None: ...
@overload
def show_config(*, mode: Literal["dicts"]) -> Mapping[str, Mapping[str, str]]: ...
def show_config(*, mode: str = "stdout") -> Mapping[str, Mapping[str, str]] | None:
    """Say which likelihood runs, what it was built for, and the versions of everything: for a report of a fault.

    Parameters
    ----------
    mode : str, keyword
        ``"stdout"`` prints it, ``"dicts"`` returns it, as `numpy.show_config` does.

    Returns
    -------
    mapping of str to mapping of str to str, optional
        ``"likelihood"``: `kernel`; `built for` and `file` where it is compiled; why others do not run. ``"versions"``.

    Raises
    ------
    InvalidValue
        For another mode.

    Examples
    --------
    >>> config = show_config(mode="dicts")
    >>> sorted(config)
    ['likelihood', 'versions']
    >>> config["likelihood"]["kernel"] in {"v3", "baseline", "numpy"}
    True
    """
    if mode not in ("stdout", "dicts"):
        raise InvalidValue("show_config(mode)", mode, "'stdout' or 'dicts'")
    found = {"likelihood": _describe_kernel(), "versions": _list_versions()}
    if mode == "dicts":
        return found
    for title, rows in found.items():
        print(title)  # noqa: T201 - what is asked for
        for name, value in rows.items():
            print(f"  {name}: {value}")  # noqa: T201 - as above
    return None


def _describe_kernel() -> dict[str, str]:
    from reconcile.inference.batches import PLAIN
    from reconcile.inference.kernel import LEVELS, VARIABLE, attempt, choose

    try:
        kernel = choose()
        rows = {"kernel": kernel.name if kernel else PLAIN.name}
    except InvalidValue as error:
        return {"kernel": f"none: {error}"}
    if kernel:
        rows |= {"built for": kernel.built_for, "file": str(kernel.path)}
    if os.environ.get(VARIABLE):
        rows["chosen by"] = f"environment variable {VARIABLE}"
    return rows | {f"not {level}": why for level in LEVELS if isinstance(why := attempt(level), str)}


def _list_versions() -> dict[str, str]:
    from reconcile import __version__

    rows = {"reconcile": __version__, "python": platform.python_version(), "platform": platform.platform()}
    return rows | {name: importlib.metadata.version(name) for name in PACKAGES}
