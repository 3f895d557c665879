# SPDX-License-Identifier: MIT
"""What identifies an estimate: SHA-256 over a canonical text of claims, model, settings and version.

The text is the same in every process and with every version of Python: it is made of fields, not of ``repr``, ``hash``
or pickles.
"""

from __future__ import annotations

import dataclasses
import datetime
import enum
import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import Any

import attrs
import numpy as np
from numpy.typing import NDArray

from reconcile import model as room
from reconcile.claims import Corpus, content_id
from reconcile.columns import NONE, Columns, Moments, number
from reconcile.errors import InvalidValue
from reconcile.model import Model
from reconcile.plumbing import LEFT_OUT_IF_DEFAULT, check
from reconcile.posterior import Posterior

__all__ = ["canonical", "digest", "digest_corpus", "digest_model"]

_CONTENT_ID = re.compile("c[0-9a-f]{16}")
# What a Model leaves unsaid: with other defaults, it is another model.
_DEFAULTS = (
    "COUNT_PRIORS", "OTHER_COUNT", "COUNT_DOUBT", "REMAINDER_ZERO", "SOURCE_PRIORS", "PARTY_FIDELITY", "SPREAD_DOUBT",
    "HEDGED_SPREAD", "HEDGED_FIDELITY",
)  # fmt: skip


def canonical(thing: Any) -> str:
    """Write data in the one way in which it can be written: as JSON in ASCII, each kind with its name.

    Parameters
    ----------
    thing : Any
        Records (of attrs, dataclasses, named tuples), mappings, sets, sequences, arrays of numbers, enumerations, days
        and moments, texts, numbers, truth values and None, in any nesting. Mappings and sets have no order; a whole
        number is the same as an `int` and as a `float`.

    Returns
    -------
    str

    Raises
    ------
    InvalidValue
        For anything else, which may hold what is not data.

    Examples
    --------
    >>> canonical({"b": {2, 1}, "a": None}) == canonical({"a": None, "b": {1.0, 2.0}})
    True
    """
    return json.dumps(_plain(thing), separators=(",", ":"))


def _plain(thing: Any) -> Any:
    match thing:
        case None | bool():
            return thing
        case enum.Enum():
            return ["enum", _name(thing), _plain(thing.value)]
        case str():
            return str(thing)
        case int() | np.integer():
            return int(thing)
        case float() | np.floating():
            return _number(float(thing))
        case np.bool_():
            return bool(thing)
        case datetime.datetime():
            return ["moment", thing.isoformat()]
        case datetime.date():
            return ["day", thing.isoformat()]
        case np.ndarray() if thing.dtype.kind in "biuf":
            return _array(thing)
        case Mapping():
            return ["mapping", sorted(([_plain(key), _plain(value)] for key, value in thing.items()), key=json.dumps)]
        case AbstractSet():
            return ["set", sorted(map(_plain, thing), key=json.dumps)]
    return ["record", _name(thing), *_fields(thing)] if _is_record(thing) else _listed(thing)


def _number(value: float) -> Any:
    if value.is_integer():
        return int(value)
    return value if np.isfinite(value) else ["number", str(value)]


def _array(values: NDArray[Any]) -> Any:
    plain = np.ascontiguousarray(values, dtype=values.dtype.newbyteorder("<"))
    return ["array", plain.dtype.str, list(plain.shape), hashlib.sha256(plain.tobytes()).hexdigest()]


def _name(thing: Any) -> str:
    """Name a class; ours without their room, since rooms may be refurnished."""
    kind = type(thing)
    ours = kind.__module__.partition(".")[0] == __name__.partition(".")[0]
    return kind.__qualname__ if ours else f"{kind.__module__}.{kind.__qualname__}"


def _is_record(thing: Any) -> bool:
    if isinstance(thing, type):
        return False
    return (
        attrs.has(type(thing))
        or dataclasses.is_dataclass(thing)
        or (isinstance(thing, tuple) and hasattr(thing, "_fields"))
    )


def _fields(thing: Any) -> list[Any]:
    if attrs.has(type(thing)):
        names = [field.name for field in attrs.fields(type(thing)) if not _is_left_out(thing, field)]
    elif dataclasses.is_dataclass(thing):
        names = [field.name for field in dataclasses.fields(thing)]
    else:
        names = list(thing._fields)
    return [[name, _plain(getattr(thing, name))] for name in names]


def _is_left_out(thing: Any, field: attrs.Attribute[Any]) -> bool:
    return field.metadata == LEFT_OUT_IF_DEFAULT and getattr(thing, field.name) == field.default


def _listed(thing: Any) -> Any:
    if isinstance(thing, Sequence) and not isinstance(thing, bytes | bytearray | memoryview):
        return ["sequence", *map(_plain, thing)]
    allowed = "data; a channel of your own is to be an attrs record or a dataclass, whose fields are data"
    raise InvalidValue("digest", thing, allowed)


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode("ascii")).hexdigest()


def digest_corpus(corpus: Corpus) -> str:
    """Identify the claims of a corpus by everything that is said in them.

    Their order does not count, nor how often one claim is given, nor whether an id was given that is the one that the
    content makes. Rejected rows, which no estimate uses, are left out.

    Parameters
    ----------
    corpus : Corpus

    Returns
    -------
    str
        64 hexadecimal digits.

    Examples
    --------
    >>> import reconcile as rc
    >>> market = rc.Event("market").killed()
    >>> said = [rc.Claim(market, rc.Exactly(n), rc.Source("monitor")) for n in (3, 4)]
    >>> digest_corpus(Corpus(said)) == digest_corpus(Corpus(reversed(said)))
    True
    """
    columns = corpus.columns
    said = sorted(_claim_digests(columns))
    return _hash(canonical(["claims", said]))


def _claim_digests(columns: Columns) -> list[str]:
    """Digest each claim of its parts, every distinct part once."""
    quantities = columns.quantities
    parts = [
        _once(quantities, columns.quantity),
        _once(columns.values, columns.value),
        _once(columns.sources, columns.source),
        _moments(columns.reported),
        _moments(columns.as_of),
        _once(columns.sources, columns.origin),
        _links(columns, "quoted_from", columns.quoted),
        _links(columns, "revises", columns.revises),
        ["true" if hedged else "false" for hedged in columns.hedged.tolist()],
        _once(columns.citations, columns.citation),
        _given_ids(columns),
    ]
    return [_hash("\n".join(fields)) for fields in zip(*parts, strict=True)]


def _once(things: Any, codes: NDArray[Any]) -> list[str]:
    digests = {int(code): _hash(canonical(things[int(code)])) for code in np.unique(codes) if code >= 0}
    return [digests.get(code, "null") for code in codes.tolist()]


def _moments(moments: Moments) -> list[str]:
    codes, first = number(*moments.keys)
    texts = [canonical(moments[int(row)]) for row in first]
    return [texts[code] for code in codes.tolist()]


def _links(columns: Columns, name: str, codes: NDArray[Any]) -> list[str]:
    found = ["null"] * len(columns)
    for row in np.flatnonzero(codes != NONE).tolist():
        target = int(codes[row])
        found[row] = canonical(columns.id(target) if target >= 0 else columns.lost[row, name])
    return found


def _given_ids(columns: Columns) -> list[str]:
    """Give the ids that say more than the content; an id that looks like one of the content is compared with it."""

    def is_own(row: int, given: str | None) -> bool:
        return given is None or (bool(_CONTENT_ID.fullmatch(given)) and given == content_id(columns.claim(row)))

    return ["null" if is_own(row, given) else canonical(given) for row, given in enumerate(columns.ids.tolist())]


def digest_model(model: Model) -> str:
    """Identify a model by all its numbers: priors, lexicon, what it has learned, and the defaults that it stands on.

    Parameters
    ----------
    model : Model
        A channel of your own is identified by the name of its class and its fields, not by its code.

    Returns
    -------
    str
        64 hexadecimal digits.

    Raises
    ------
    InvalidValue
        For a channel that is neither an attrs record nor a dataclass, or holds what is not data.

    Examples
    --------
    >>> digest_model(Model()) == digest_model(Model(counts={}))
    True
    """
    defaults = {name: getattr(room, name) for name in _DEFAULTS}
    return _hash(canonical(["model", model, model.speech.words, defaults]))


def digest(posterior: Posterior) -> str:
    """Identify an estimate: what was claimed, the model, how it was asked for, and the version of the library.

    Two estimates of one digest have the same numbers, but for what other versions of NumPy and SciPy round in other
    ways. Where any of these differs, the digest is another; that may be so although the numbers are the same.

    Parameters
    ----------
    posterior : Posterior

    Returns
    -------
    str
        64 hexadecimal digits.

    Raises
    ------
    InvalidValue
        For a model that cannot be identified, see `digest_model`; for a seed that is not a whole number.

    Examples
    --------
    >>> import reconcile as rc
    >>> market = rc.Event("market").killed()
    >>> claims = [rc.Claim(market, rc.Exactly(3), rc.Source("monitor"))]
    >>> digest(rc.estimate(claims)) == digest(rc.estimate(claims))
    True
    >>> digest(rc.estimate(claims)) == digest(rc.estimate(claims, seed=1))
    False
    """
    check(isinstance(posterior, Posterior), "digest(posterior)", posterior, "a Posterior, as `estimate` gives")
    return combine(posterior, digest_corpus(posterior.corpus), digest_model(posterior.model))


def combine(posterior: Posterior, corpus: str, model: str) -> str:
    """Give `digest` where those of corpus and model are known."""
    from reconcile import __version__

    settings = posterior.settings
    seed: object = settings.seed
    check(
        isinstance(seed, int | np.integer), "Settings.seed", seed, "a whole number, so that the draws can be repeated"
    )
    return _hash(canonical(["estimate", corpus, model, settings, __version__]))
