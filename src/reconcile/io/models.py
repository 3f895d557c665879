# SPDX-License-Identifier: MIT
"""A fitted model in one file, and back: a JSON header beside arrays, versioned, without pickles.

A digest tells damage from data. It is no proof of origin, since anybody can compute one; so whatever a file says is
checked as if a stranger had written it, sizes before anything large is unpacked.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
import zipfile
from collections import defaultdict
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeAlias, TypeVar

import attrs
import cattrs
import numpy as np
from numpy.typing import NDArray

from reconcile.channels import Denial, ShareNoise
from reconcile.errors import InvalidValue, UnreadableModel
from reconcile.io._strict import parse, repeated
from reconcile.model import COUNT_DOUBT, CountPrior, KnownCount, Learned, Model, Normal, Parameter, RisingToll
from reconcile.plumbing import check
from reconcile.speech import Speech
from reconcile.vocabulary import Relation

__all__ = ["FORMAT", "load", "save"]

Floats: TypeAlias = NDArray[np.float64]
_Prior = TypeVar("_Prior", CountPrior, KnownCount, Normal, RisingToll)

FORMAT = 3  # 1: learned before sources, classes and count priors were fitted together; 2: gross errors of any size
_NAME = "reconcile model"
_ARRAYS = ("mean", "covariance", "spreads")
_HEADER = ("format", "version", "digest", "content")
_CONTENT = ("lexicon", "counts", "known", "rising", "sources", "anchors", "learned", "names", "spreads", "seen")
_LARGEST_HEADER = 1 << 30  # bytes: ids of some ten million claims
_MOST_NAMES = 50_000  # parameters: their covariance takes 20 GB
_PREAMBLE = 10_000  # bytes before the numbers of an array, at most
# Logits and logarithms beyond e^+-300 are no probability, ratio or count; standard deviations go with them.
_FARTHEST, _LEAST_SD, _MOST_SD = 300.0, 1e-12, 300.0
_SCOPES = ("source", "class", "count")


def _relation(relation: Relation | None) -> str | None:
    return None if relation is None else relation.value


def _digest(header: str, arrays: Mapping[str, Floats]) -> str:
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
        For a model with channels of its own, which are code and not data, and for one with numbers that `load` would
        refuse.

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
        "known": None if model.known is None else unstructure(model.known),
        "rising": None if model.rising is None else unstructure(model.rising),
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
    # Numbers of NumPy's own types are written as plain ones; texts in ASCII, since a name may hold half a character.
    text = json.dumps(content, sort_keys=True, default=float)
    _build(json.loads(text), arrays)
    header = {"format": _NAME, "version": FORMAT, "digest": _digest(text, arrays), "content": text}
    with Path(path).open("wb") as file:
        np.savez_compressed(file, header=np.array(json.dumps(header)), **arrays)  # type: ignore[arg-type]


def load(path: str | os.PathLike[str]) -> Model:
    """Read a model that `save` wrote.

    Parameters
    ----------
    path : path

    Returns
    -------
    Model
        Its estimates are those of the model that was saved, to the last bit.

    Raises
    ------
    FileNotFoundError
        Where there is no such file.
    UnreadableModel
        For a file that cannot be read, is no such model, is damaged, is of another format than this version reads,
        or holds what no model may, such as a variance below 0: whatever its digest says.
    """
    where = str(path)
    try:
        # Opened here, since zipfile leaves a damaged file open.
        with Path(path).open("rb") as raw, zipfile.ZipFile(raw) as archive:
            return _read(where, archive)
    except (FileNotFoundError, UnreadableModel):
        raise
    except InvalidValue as error:
        raise UnreadableModel(where, f"holds what no model may: {error}") from error
    except OSError as error:
        raise UnreadableModel(where, f"cannot be read: {error.strerror or error}") from error
    except Exception as error:  # zipfile, damaged compression and NumPy's preambles fail in many ways
        raise UnreadableModel(where, "is no model that reconcile.io.models.save wrote, or is damaged") from error


def _read(where: str, archive: zipfile.ZipFile) -> Model:
    named = archive.namelist()
    if "header.npy" not in named:
        raise UnreadableModel(where, "is no model that reconcile.io.models.save wrote: it has no header")
    header = _parse(where, "header", str(_unpack(where, archive, "header", _LARGEST_HEADER)))
    if not isinstance(header, dict) or header.get("format") != _NAME:
        raise UnreadableModel(where, "is no model that reconcile.io.models.save wrote")
    version = header.get("version")
    if type(version) is not int or version != FORMAT:
        older = "sources were learned in another way then; estimate the claims again, and save the model that they give"
        todo = older if version in range(1, FORMAT) else "use a newer one"
        reason = f"has format {version!r:.50}; this version of reconcile reads format {FORMAT} alone: {todo}"
        raise UnreadableModel(where, reason)
    _keys(header, "header", _HEADER)
    parts = [f"{name}.npy" for name in ("header", *_ARRAYS)]
    check(sorted(named) == sorted(parts), "files within", named, ", ".join(parts))
    text = _text(header["content"], "header.content")
    content = _parse(where, "content", text)
    _keys(content, "content", _CONTENT)
    size, classes = (len(_list(content[name], name)) for name in ("names", "spreads"))
    check(max(size, classes) <= _MOST_NAMES, "names", size, f"at most {_MOST_NAMES:,} parameters")
    shapes = {"mean": (size,), "covariance": (size, size), "spreads": (classes, 2)}
    arrays = {}
    for name, shape in shapes.items():
        array = _unpack(where, archive, name, 8 * int(np.prod(shape)) + _PREAMBLE)
        given = f"{array.dtype} of shape {array.shape}"
        check(array.dtype == np.float64 and array.shape == shape, name, given, f"float64 of shape {shape}")
        arrays[name] = np.ascontiguousarray(array)
    if _digest(text, arrays) != header["digest"]:
        raise UnreadableModel(where, "is damaged: its digest is another")
    return _build(content, arrays)


def _unpack(where: str, archive: zipfile.ZipFile, name: str, most: int) -> NDArray[Any]:
    info = archive.getinfo(f"{name}.npy")
    if info.file_size > most:
        raise UnreadableModel(where, f"is damaged: {name} has {info.file_size:,} bytes; at most {most:,} are allowed")
    with archive.open(info) as file:
        found: NDArray[Any] = np.lib.format.read_array(file, allow_pickle=False)
    return found


def _parse(where: str, what: str, text: str) -> Any:
    try:
        return parse(text)
    except InvalidValue:
        raise
    except (ValueError, RecursionError) as error:
        raise UnreadableModel(where, f"is damaged: its {what} is no JSON that can be read ({error})") from error


def _build(content: Any, arrays: Mapping[str, Floats]) -> Model:
    """Make the model; raises `InvalidValue` for whatever is not as it should be, with the place."""
    # Any, since mypy takes the converters of the fields for those of a str.
    counts: Any = {
        name: _record(CountPrior, prior, f"counts[{name!r}]")
        for name, prior in _keys(content["counts"], "counts").items()
    }
    known = None if content["known"] is None else _record(KnownCount, content["known"], "known")
    rising = None if content["rising"] is None else _record(RisingToll, content["rising"], "rising")
    sources: Any = {}
    for k, row in enumerate(_list(content["sources"], "sources")):
        at = f"sources[{k}]"
        name, where, normal = _list(row, at, 3)
        key = _text(name, f"{at}[0]"), _to_relation(where, f"{at}[1]")
        check(key not in sources, at, row, "each parameter once")
        sources[key] = _record(Normal, normal, f"{at}[2]")
    anchors = _keys(content["anchors"], "anchors")
    for name, sd in anchors.items():
        check(type(sd) in (int, float) and 1e-12 <= sd <= 300, f"anchors[{name!r}]", sd, "a number from 1e-12 to 300")
    model = Model(
        speech=Speech(_text(content["lexicon"], "lexicon")),
        counts=counts,
        known=known,
        rising=rising,
        sources=sources,
        anchors=anchors,
        learned=_learned(content, arrays),
    )
    for outcome in sorted({n.owner for n in model.learned.names if n.scope == "count"} if model.learned else ()):
        model.count_prior(outcome)  # what was learned of counts must make a prior
    return model


def _learned(content: Any, arrays: Mapping[str, Floats]) -> Learned | None:
    names, classes = (_parameters(content[name], name) for name in ("names", "spreads"))
    seen = [_text(one, f"seen[{k}]") for k, one in enumerate(_list(content["seen"], "seen"))]
    twice = repeated(seen)
    check(not twice, "seen", twice, "different ids of claims")
    check(type(content["learned"]) is bool, "learned", content["learned"], "true or false")
    if not content["learned"]:
        check(not (names or classes or seen), "learned", False, "true, where there is something learned")
        return None
    for at, name in enumerate(classes):
        check(name.scope == "class", f"spreads[{at}]", name, "a class")
    counts: dict[str, list[tuple[str, Relation | None]]] = defaultdict(list)
    for name in names:
        if name.scope == "count":
            counts[name.owner].append((name.name, name.relation))
    for outcome, found in counts.items():
        whole = set(found) == {(name, None) for name in COUNT_DOUBT}
        check(whole, f"names, of the count {outcome!r}", found, f"{', '.join(COUNT_DOUBT)}, of no relation")
    mean, covariance, spreads = (arrays[name] for name in _ARRAYS)
    variance = np.diag(covariance)
    _within("mean", mean, names, -_FARTHEST, _FARTHEST)
    _within("covariance (of a parameter with itself)", variance, names, _LEAST_SD**2, _MOST_SD**2)
    _within("spreads (means)", spreads[:, 0], classes, -_FARTHEST, _FARTHEST)
    _within("spreads (standard deviations)", spreads[:, 1], classes, _LEAST_SD, _MOST_SD)
    _check_covariance(covariance)
    rows = {name: (float(m), float(sd)) for name, (m, sd) in zip(classes, spreads, strict=True)}
    return Learned(names, mean, covariance, rows, frozenset(seen))


def _within(what: str, numbers: Floats, names: tuple[Parameter, ...], low: float, high: float) -> None:
    bad = np.flatnonzero(~((numbers >= low) & (numbers <= high)))
    if len(bad):
        name = names[int(bad[0])]
        owner = f"{name.scope} {name.owner!r}, {name.name}{f', {name.relation}' if name.relation else ''}"
        raise InvalidValue(f"{what} of {owner}", float(numbers[bad[0]]), f"a number from {low:g} to {high:g}")


def _check_covariance(covariance: Floats) -> None:
    """Refuse what is no covariance, or one of fewer dimensions, which the next corpus could not start from."""
    allowed = "a symmetric, positive definite matrix"
    check(bool(np.isfinite(covariance).all()), "covariance", "numbers that are not finite", allowed)
    sd = np.sqrt(np.diag(covariance))
    scaled = covariance / sd / sd[:, None]
    gap = float(np.max(np.abs(scaled - scaled.T), initial=0.0))
    check(gap < 1e-6, "covariance", f"correlations that differ by {gap:.3g} between both halves", allowed)
    try:
        np.linalg.cholesky(scaled)
    except np.linalg.LinAlgError:
        raise InvalidValue("covariance", "one that is not positive definite", allowed) from None


def _list(given: Any, where: str, length: int | None = None) -> list[Any]:
    allowed = "a list" if length is None else f"a list of {length}"
    check(isinstance(given, list) and length in (None, len(given)), where, given, allowed)
    found: list[Any] = given
    return found


def _text(given: Any, where: str) -> str:
    check(isinstance(given, str), where, given, "a text")
    return str(given)


def _number(given: Any, where: str) -> float:
    check(type(given) in (int, float) and abs(given) <= sys.float_info.max, where, given, "a finite number")
    return float(given)


def _keys(given: Any, where: str, names: tuple[str, ...] | None = None) -> dict[str, Any]:
    """Give back an object of JSON; where names are given, with just these."""
    check(isinstance(given, dict), where, given, "fields with names")
    found: dict[str, Any] = given
    if names is not None:
        check(set(found) == set(names), f"{where}, fields", sorted(found), ", ".join(names))
    return found


def _numbers(given: Any, where: str) -> dict[str, float]:
    return {name: _number(value, f"{where}[{name!r}]") for name, value in _keys(given, where).items()}


_READ: Mapping[Any, Callable[[Any, str], Any]] = {float: _number, str: _text, Mapping[str, float]: _numbers}


def _record(kind: type[_Prior], given: Any, where: str) -> _Prior:
    kinds = {field.name: field.type for field in attrs.fields(attrs.resolve_types(kind))}
    found = _keys(given, where, tuple(kinds))
    read: dict[str, Any] = {name: _READ[kinds[name]](value, f"{where}.{name}") for name, value in found.items()}
    return kind(**read)


def _to_relation(given: Any, where: str) -> Relation | None:
    check(given is None or given in [*Relation], where, given, f"null, {', '.join(Relation)}")
    return None if given is None else Relation(given)


def _parameters(rows: Any, where: str) -> tuple[Parameter, ...]:
    found = []
    for k, row in enumerate(_list(rows, where)):
        at = f"{where}[{k}]"
        scope, owner, name, relation = _list(row, at, 4)
        check(scope in _SCOPES, f"{at}[0]", scope, ", ".join(_SCOPES))
        found.append(
            Parameter(scope, _text(owner, f"{at}[1]"), _text(name, f"{at}[2]"), _to_relation(relation, f"{at}[3]"))
        )
    twice = repeated(found)
    check(not twice, where, twice, "different names")
    return tuple(found)
