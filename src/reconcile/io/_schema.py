# SPDX-License-Identifier: MIT
"""The JSON Schema of a file of claims, made from the record types themselves."""

from __future__ import annotations

from typing import Any, get_args

import attrs

from reconcile.claims import CITED
from reconcile.plumbing import LONGEST_NAME
from reconcile.values import LARGEST, Share, Value
from reconcile.values.kinds import LOWEST_LEVEL
from reconcile.vocabulary import EventKind, SourceKind

__all__ = ["FORMAT", "NAME", "make_schema"]

FORMAT = 1
NAME = "reconcile claims"

_NAME: dict[str, Any] = {"type": "string", "minLength": 1, "maxLength": LONGEST_NAME}
_NAMES: dict[str, Any] = {"type": "array", "items": _NAME, "uniqueItems": True}
_COUNT: dict[str, Any] = {"type": "integer", "minimum": 0, "maximum": LARGEST}
_FRACTION: dict[str, Any] = {"type": "number", "minimum": 0, "maximum": 1}
_DAY: dict[str, Any] = {"type": "string", "format": "date"}
_MOMENT: dict[str, Any] = {"type": "string", "description": "A date or a datetime in ISO 8601."}
_GROUP: dict[str, Any] = {
    "type": "object",
    "description": "The values of each facet; {} is everyone.",
    "additionalProperties": {**_NAMES, "minItems": 1},
}
_FIELDS: dict[str, Any] = {
    "n": _COUNT,
    "low": _COUNT,
    "high": _COUNT,
    "point": _COUNT,
    "word": {"type": "string", "minLength": 1, "maxLength": 100},
    "level": {"type": "number", "minimum": LOWEST_LEVEL, "exclusiveMaximum": 1},
    "of": _GROUP,
}


def _record(required: list[str], properties: dict[str, Any], **more: Any) -> dict[str, Any]:
    found = {"type": "object", "properties": properties, "required": required, "additionalProperties": False}
    return {**more, **found}


def _list(items: dict[str, Any]) -> dict[str, Any]:
    return {"type": "array", "items": items}


def _value(kind: type) -> dict[str, Any]:
    fields = [field.name for field in attrs.fields(kind)]
    needed = [field.name for field in attrs.fields(kind) if field.default is attrs.NOTHING]
    share = {"low": _FRACTION, "high": _FRACTION} if kind is Share else {}
    properties = {name: share.get(name, _FIELDS[name]) for name in fields}
    text = (kind.__doc__ or "").split("\n", maxsplit=1)[0].replace("``", "")
    return _record(["kind", *needed], {"kind": {"const": kind.__name__}, **properties}, description=text)


def make_schema() -> dict[str, Any]:
    """Make the schema, in JSON Schema 2020-12."""
    either = {
        "oneOf": [_record(["claim"], {"claim": _NAME}), _record(["source"], {"source": _NAME})],
        "description": "The id of the claim that is relayed, or the name of the source that is quoted.",
    }
    claim = _record(
        ["event", "outcome", "value", "source"],
        {
            "id": {**_NAME, "description": "Left out where it is the hash of the content and no claim links to it."},
            "event": _NAME,
            "outcome": _NAME,
            "group": _GROUP,
            "period": _record(["start", "end"], {"start": _DAY, "end": _DAY}),
            "value": {"oneOf": [_value(kind) for kind in get_args(Value)]},
            "source": _NAME,
            "reported": _MOMENT,
            "as_of": _MOMENT,
            "quoted_from": either,
            "revises": _NAME,
            "hedged": {"type": "boolean"},
            "citation": _record([], dict.fromkeys(CITED, _NAME)),
        },
    )
    source = _record(
        ["name"], {"name": _NAME, "kind": {"enum": [*map(str, SourceKind)]}, "sides": _NAMES, "opposes": _NAMES}
    )
    event = _record(
        ["id"],
        {
            "id": _NAME,
            "kind": {"enum": [*map(str, EventKind)]},
            "place": _NAME,
            "start": _MOMENT,
            "end": _DAY,
            "perpetrators": _NAMES,
            "part_of": _NAME,
        },
    )
    rejected = _record(
        ["line", "reason"],
        {
            "line": {"type": "integer"},
            "column": {"type": ["string", "null"]},
            "reason": {"type": "string"},
            "text": {"type": "string"},
        },
    )
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": NAME,
        **_record(
            ["format", "version", "claims"],
            {
                "format": {"const": NAME},
                "version": {"const": FORMAT},
                "sources": _list(source),
                "events": _list(event),
                "outcomes": _list(_record(["name"], {"name": _NAME, "parts": _NAMES})),
                "claims": _list(claim),
                "rejected": _list(rejected),
            },
        ),
    }
