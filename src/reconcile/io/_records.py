# SPDX-License-Identifier: MIT
"""Claims as plain records of JSON, and back, by one converter of cattrs."""

from __future__ import annotations

import datetime
import types
import typing
from collections.abc import Mapping
from typing import Any, get_args

import attrs
import cattrs
from cattrs.gen import make_dict_structure_fn

from reconcile.claims import Citation, Claim, Rejected, content_id
from reconcile.errors import InvalidValue
from reconcile.plumbing import check
from reconcile.values import Value
from reconcile.vocabulary import Event, EventKind, Group, Outcome, Period, Quantity, Source, SourceKind

__all__ = ["CONVERTER", "Known", "to_claim", "to_record", "to_values"]

_KINDS: Mapping[str, type] = {kind.__name__: kind for kind in get_args(Value)}
_REQUIRED = ("event", "outcome", "value", "source")
_CLAIM = (*_REQUIRED, "id", "group", "period", "reported", "as_of", "quoted_from", "revises", "hedged", "citation")


@attrs.frozen(eq=False)
class Known:
    """What claims refer to by name."""

    sources: Mapping[str, Source]
    events: Mapping[str, Event]
    outcomes: Mapping[str, Outcome]


def _plain(given: Any, _: Any = None) -> Any:
    """Hand a value on to the record type, whose own converters check it."""
    return given


def _unstructure(record: Any) -> dict[str, Any]:
    """Give the fields of a record that are not at their default."""
    found = {}
    for field in attrs.fields(type(record)):
        value = getattr(record, field.name)
        if field.default is attrs.NOTHING or value != field.default:
            found[field.name] = value.id if isinstance(value, Event) else CONVERTER.unstructure(value)
    return found


def _is_checked(kind: Any) -> bool:
    return typing.get_origin(kind) in (frozenset, typing.Union, types.UnionType)


def _make_converter() -> cattrs.Converter:
    converter = cattrs.Converter(forbid_extra_keys=True)
    records = (Source, Event, Outcome, Period, Citation, Rejected, *_KINDS.values())
    for kind in records:
        attrs.resolve_types(kind)
        converter.register_unstructure_hook(kind, _unstructure)
    converter.register_unstructure_hook(frozenset, sorted)
    for kind in (SourceKind, EventKind):
        converter.register_unstructure_hook(kind, str)
    converter.register_unstructure_hook(datetime.date, lambda moment: moment.isoformat())  # the day, or with the time
    converter.register_unstructure_hook(Group, lambda group: {name: sorted(some) for name, some in group.facets})
    # Record types read and refuse what they are given themselves; a second opinion would only differ.
    for kind in (str, int, float, bool, SourceKind, EventKind, datetime.date):
        converter.register_structure_hook(kind, _plain)
    converter.register_structure_hook_func(_is_checked, _plain)
    converter.register_structure_hook(Group, _to_group)
    for kind in records:
        converter.register_structure_hook(kind, make_dict_structure_fn(kind, converter, _cattrs_forbid_extra_keys=True))
    return converter


def _to_group(given: Any, _: Any = None) -> Group:
    check(isinstance(given, dict), "group", given, "an object with facets, such as {'age': ['child']}")
    for name, some in given.items():
        good = isinstance(some, list) and some and all(isinstance(one, str) for one in some)
        check(bool(good), f"group.{name}", some, "a list of texts")
    return Group(**given)


CONVERTER = _make_converter()


def to_values(given: Any) -> dict[str, Any]:
    """Check that something is an object of JSON, and turn its lists into tuples, which the record types take."""
    check(isinstance(given, dict), "a record", given, "an object with fields")
    return {name: tuple(value) if isinstance(value, list) else value for name, value in given.items()}


def to_record(claim: Claim, linked: set[str]) -> dict[str, Any]:
    """Write a claim; its id only where it is not made of the content, or is among the linked ones."""
    quantity = claim.quantity
    found: dict[str, Any] = {}
    if claim.id in linked or claim.id != content_id(claim):
        found["id"] = claim.id
    found |= {"event": quantity.event.id, "outcome": quantity.outcome.name}
    if quantity.group.facets:
        found["group"] = CONVERTER.unstructure(quantity.group)
    if quantity.period:
        found["period"] = CONVERTER.unstructure(quantity.period)
    found["value"] = {"kind": type(claim.value).__name__, **CONVERTER.unstructure(claim.value)}
    found["source"] = claim.source.name
    for name in ("reported", "as_of"):
        moment = getattr(claim, name)
        if moment is not None:
            found[name] = moment.isoformat()
    if claim.quoted_from is not None:
        quoted = claim.quoted_from
        found["quoted_from"] = {"source": quoted.name} if isinstance(quoted, Source) else {"claim": quoted}
    if claim.revises is not None:
        found["revises"] = claim.revises
    if claim.hedged:
        found["hedged"] = True
    if claim.citation is not None:
        found["citation"] = CONVERTER.unstructure(claim.citation)
    return found


def to_claim(given: Any, known: Known) -> Claim:
    """Read a claim.

    Raises
    ------
    ReconcileError, ExceptionGroup
        For whatever is not as it should be; the latter by the converter, with the field in its notes.
    """
    check(isinstance(given, dict), "a claim", given, "an object with fields")
    unknown = sorted(given.keys() - set(_CLAIM))
    check(not unknown, "a claim, fields", unknown, ", ".join(_CLAIM))
    for name in _REQUIRED:
        check(name in given, name, None, "something: it is required")
    quoted = given.get("quoted_from")
    if quoted is not None:
        good = isinstance(quoted, dict) and len(quoted) == 1 and quoted.keys() <= {"claim", "source"}
        check(good, "quoted_from", quoted, "{'claim': id} or {'source': name}")
        if "source" in quoted:
            quoted = _find("quoted_from", quoted["source"], known.sources)
        else:
            check(isinstance(quoted["claim"], str), "quoted_from", quoted, "the id of a claim")
            quoted = quoted["claim"]
    quantity = Quantity(
        _find("event", given["event"], known.events),
        _find("outcome", given["outcome"], known.outcomes),
        _to_group(given.get("group", {})),
        CONVERTER.structure(given["period"], Period) if given.get("period") is not None else None,
    )
    for name in ("id", "revises", "reported", "as_of"):
        check(given.get(name) is None or isinstance(given[name], str), name, given.get(name), "a text")
    more = {name: given[name] for name in ("id", "revises", "reported", "as_of") if given.get(name) is not None}
    citation = given.get("citation")
    return Claim(
        quantity,
        _to_value(given["value"]),
        _find("source", given["source"], known.sources),
        quoted_from=quoted,
        hedged=given.get("hedged", False),
        citation=None if citation is None else CONVERTER.structure(citation, Citation),
        **more,
    )


def _to_value(given: Any) -> Any:
    check(isinstance(given, dict), "value", given, "an object with its kind and fields")
    kind = given.get("kind")
    if not isinstance(kind, str) or kind not in _KINDS:
        raise InvalidValue("value.kind", kind, ", ".join(_KINDS))
    return CONVERTER.structure({name: field for name, field in given.items() if name != "kind"}, _KINDS[kind])


def _find(what: str, name: Any, known: Mapping[str, Any]) -> Any:
    if not isinstance(name, str) or name not in known:
        raise InvalidValue(what, name, f"the name of one of the {what.replace('quoted_from', 'source')}s of the file")
    return known[name]
