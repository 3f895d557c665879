# SPDX-License-Identifier: MIT
"""A fitted model in one file, and back: a JSON header beside arrays, versioned, without pickles."""

from __future__ import annotations

import hashlib
import json
import os
import zipfile
from pathlib import Path
from typing import Any

import cattrs
import numpy as np
from numpy.typing import NDArray

from reconcile.channels import Denial, ShareNoise
from reconcile.errors import ReconcileError, UnreadableModel
from reconcile.model import CountPrior, Learned, Model, Normal, Parameter
from reconcile.plumbing import check
from reconcile.speech import Speech
from reconcile.vocabulary import Relation

__all__ = ["FORMAT", "load", "save"]

FORMAT = 1
_NAME = "reconcile model"
_ARRAYS = ("mean", "covariance", "spreads")


def _relation(relation: Relation | None) -> str | None:
    return None if relation is None else relation.value


def _digest(header: str, arrays: dict[str, NDArray[np.float64]]) -> str:
    found = hashlib.sha256(header.encode())
    for name in _ARRAYS:
        found.update(np.ascontiguousarray(arrays[name]).tobytes())
    return found.hexdigest()


def save(model: Model, path: str | os.PathLike[str]) -> None:
    """Write a model, with what it has learned, to a file.

    Parameters
    ----------
    model : Model
        With the standard channel.
    path : path
        Replaced where it exists.

    Raises
    ------
    InvalidValue
        For a model with channels of its own, which are code and not data.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "model.npz"
    >>> save(Model(counts={"killed": CountPrior(0.2, 1.0, 1.5, "our own archive")}), path)
    >>> load(path).count_prior("killed").zero
    0.2
    """
    standard = model.channel == Denial() and not model.channels and model.share_noise == ShareNoise()
    check(standard, "save(model)", model, "a model with the standard channel; others are code, not data")
    learned = model.learned or Learned((), np.zeros(0), np.zeros((0, 0)), {})
    unstructure = cattrs.Converter().unstructure
    content = {
        "lexicon": model.speech.lexicon,
        "counts": {name: unstructure(prior) for name, prior in model.counts.items()},
        "sources": [[name, _relation(where), unstructure(normal)] for (name, where), normal in model.sources.items()],
        "anchors": dict(model.anchors),
        "learned": model.learned is not None,
        "names": [[n.scope, n.owner, n.name, _relation(n.relation)] for n in learned.names],
        "spreads": [[n.scope, n.owner, n.name, _relation(n.relation)] for n in learned.spreads],
        "seen": sorted(learned.seen),
    }
    arrays = {
        "mean": learned.mean,
        "covariance": learned.covariance,
        "spreads": np.array(list(learned.spreads.values()), dtype=np.float64).reshape(-1, 2),
    }
    text = json.dumps(content, ensure_ascii=False, sort_keys=True)
    header = {"format": _NAME, "version": FORMAT, "digest": _digest(text, arrays), "content": text}
    with Path(path).open("wb") as file:
        np.savez_compressed(file, header=np.array(json.dumps(header, ensure_ascii=False)), **arrays)  # type: ignore[arg-type]


def load(path: str | os.PathLike[str]) -> Model:
    """Read a model that `save` wrote.

    Parameters
    ----------
    path : path

    Returns
    -------
    Model

    Raises
    ------
    UnreadableModel
        For a file that is no such model, is damaged, or is of a newer format than this version reads.
    """
    where = str(path)
    try:
        # Opened here, since NumPy leaves a damaged file open.
        with Path(path).open("rb") as raw, np.load(raw, allow_pickle=False) as file:
            header = json.loads(str(file["header"]))
            arrays = {name: np.asarray(file[name], dtype=np.float64) for name in _ARRAYS if name in file}
    except FileNotFoundError:
        raise
    except (
        OSError,
        ValueError,
        KeyError,
        TypeError,
        EOFError,
        AttributeError,
        zipfile.BadZipFile,
        MemoryError,
    ) as error:
        raise UnreadableModel(where, "is no model that reconcile.io.models.save wrote, or is damaged") from error
    except Exception as error:  # damaged compression raises errors of other kinds
        raise UnreadableModel(where, "is damaged") from error
    if not isinstance(header, dict) or header.get("format") != _NAME:
        raise UnreadableModel(where, "is no model that reconcile.io.models.save wrote")
    version = header.get("version")
    if not isinstance(version, int) or version > FORMAT:
        reason = f"has format {version}; this version of reconcile reads formats up to {FORMAT}: use a newer one"
        raise UnreadableModel(where, reason)
    content = header.get("content")
    whole = isinstance(content, str) and set(arrays) == set(_ARRAYS)
    if not isinstance(content, str) or not whole or _digest(content, arrays) != header.get("digest"):
        raise UnreadableModel(where, "is damaged: its digest is another")
    try:
        return _build(json.loads(content), arrays)
    except (ReconcileError, ValueError, KeyError, TypeError, IndexError, AttributeError) as error:
        raise UnreadableModel(where, f"has a content that is no model: {error}") from error


def _build(content: Any, arrays: dict[str, NDArray[np.float64]]) -> Model:
    def names(rows: Any) -> tuple[Parameter, ...]:
        return tuple(Parameter(s, o, n, None if r is None else Relation(r)) for s, o, n, r in rows)

    structure = cattrs.Converter().structure
    learned = None
    if content["learned"]:
        spreads = {
            n: (float(m), float(s)) for n, (m, s) in zip(names(content["spreads"]), arrays["spreads"], strict=True)
        }
        known = names(content["names"])
        size = len(known)
        if arrays["mean"].shape != (size,) or arrays["covariance"].shape != (size, size):
            raise ValueError("arrays of other sizes than there are names")
        learned = Learned(known, arrays["mean"], arrays["covariance"], spreads, frozenset(content["seen"]))
    sources: dict[tuple[str, Relation | None], Normal] = {
        (str(n), None if r is None else Relation(r)): structure(x, Normal) for n, r, x in content["sources"]
    }
    return Model(
        speech=Speech(content["lexicon"]),
        counts={name: structure(prior, CountPrior) for name, prior in content["counts"].items()},
        sources=sources,  # type: ignore[arg-type]  # mypy takes the converter for that of a str
        learned=learned,
        anchors=dict(content.get("anchors", {})),
    )
