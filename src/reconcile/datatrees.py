# SPDX-License-Identifier: MIT
"""Draws and summaries as labelled arrays, as ArviZ and xarray take them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from reconcile.errors import MissingDependency
from reconcile.estimates import SourceEstimate
from reconcile.vocabulary import Relation

__all__ = ["make_datatree"]

_LABELS = ("event", "outcome", "group", "period")  # what tells rows apart; the rest is said of each


def make_datatree(
    quantities: Sequence[str],
    counts: NDArray[np.int64],
    rows: Sequence[Mapping[str, object]],
    sources: Mapping[str, SourceEstimate],
    seed: int,
) -> Any:
    """Make the tree that `Posterior.to_datatree` describes.

    Parameters
    ----------
    quantities : sequence of str, length q
    counts : ndarray of int, shape (draws, q)
    rows : sequence of mapping, length q
        As `Posterior.rows` gives them.
    sources : mapping of name to SourceEstimate
        Empty where no sources were learned.
    seed : int
        Kept as an attribute.

    Returns
    -------
    xarray.DataTree

    Raises
    ------
    MissingDependency
        If xarray is not installed.
    """
    try:
        from xarray import Dataset, DataTree
    except ImportError:
        raise MissingDependency("xarray", "to_datatree", "reconcile-claims[arviz]") from None
    along: dict[str, Any] = {"quantity": list(quantities)}
    along |= {name: ("quantity", [str(row[name]) for row in rows]) for name in _LABELS}
    axes = {"chain": [0], "draw": np.arange(len(counts)), **along}
    posterior = Dataset({"count": (("chain", "draw", "quantity"), counts[None])}, coords=axes)
    posterior.attrs |= {"inference_library": "reconcile", "seed": seed}
    rest = [name for name in rows[0] if name not in _LABELS]
    summary = Dataset({name: ("quantity", [row[name] for row in rows]) for name in rest}, coords=along)
    groups = {"/posterior": posterior, "/summary": summary}
    if sources:
        variables, coords = _lay_out(sources)
        groups["/sources"] = Dataset(variables, coords=coords)
    return DataTree.from_dict(groups)


def _lay_out(sources: Mapping[str, SourceEstimate]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Lay the draws of each parameter out by source, and by relation where it has one; nan where a source has none."""
    names = sorted(sources)
    relations = [str(relation) for relation in Relation]
    size = len(next(iter(sources[names[0]].draws.values())))
    variables: dict[str, Any] = {}
    for at, name in enumerate(names):
        for (parameter, relation), draws in sources[name].draws.items():
            dims = ("chain", "draw", "source") if relation is None else ("chain", "draw", "source", "relation")
            shape = (1, size, len(names)) if relation is None else (1, size, len(names), len(relations))
            _, array = variables.setdefault(parameter, (dims, np.full(shape, np.nan)))
            where = (0, slice(None), at) if relation is None else (0, slice(None), at, relations.index(str(relation)))
            array[where] = draws
    return variables, {"chain": [0], "draw": np.arange(size), "source": names, "relation": relations}
