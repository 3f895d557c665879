# SPDX-License-Identifier: MIT
"""Claims in JSON and back, with nothing lost: what they are about, who says them, and the rows that could not be read.

Sources, events and outcomes stand once each and are named by the claims. `schema` is the JSON Schema of the format.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any, TypeVar

from reconcile.claims import Claim, Corpus, Rejected
from reconcile.errors import InvalidValue, ReconcileError, RejectedRows, UnreadableTable
from reconcile.io._draft import explain
from reconcile.io._records import CONVERTER, Known, to_claim, to_record, to_values
from reconcile.io._rows import clean
from reconcile.io._schema import FORMAT, NAME, make_schema
from reconcile.io._strict import parse
from reconcile.plumbing import check
from reconcile.vocabulary import Event, Outcome, Source

__all__ = ["FORMAT", "dumps", "loads", "read", "schema", "write"]

T = TypeVar("T", Source, Event, Outcome)
MOST_NESTED = 100  # events within events
DEEPEST = 20  # lists and objects within each other; the format needs five
_PARTS = ("sources", "events", "outcomes", "claims", "rejected")


def schema() -> dict[str, Any]:
    """Give the JSON Schema (2020-12) of the format.

    Examples
    --------
    >>> schema()["required"]
    ['format', 'version', 'claims']
    """
    return make_schema()


def dumps(claims: Iterable[Claim]) -> str:
    """Write claims, or a corpus with its rejected rows, as JSON.

    Parameters
    ----------
    claims : iterable of Claim, or Corpus
        Their order is kept, and so are repeats.

    Returns
    -------
    str
        In ASCII, and the same for the same claims in every run.

    Raises
    ------
    InconsistentClaims
        If one source, event or outcome is described in two ways.

    Examples
    --------
    >>> from reconcile import AtLeast, Claim, Corpus, Event, Source
    >>> corpus = Corpus([Claim(Event("market").killed(), AtLeast(12), Source("ministry"))])
    >>> loads(dumps(corpus)) == corpus
    True
    """
    corpus = claims if isinstance(claims, Corpus) else Corpus(claims)
    linked = {target for claim in corpus for target in (claim.quoted_from, claim.revises) if isinstance(target, str)}
    quoted = [claim.quoted_from for claim in corpus if isinstance(claim.quoted_from, Source)]
    sources = {source.name: source for source in (*corpus.sources, *quoted)}
    outcomes = {claim.quantity.outcome.name: claim.quantity.outcome for claim in corpus}
    events: dict[str, Event] = {}
    for claim in corpus:
        events |= {event.id: event for event in (claim.quantity.event, *claim.quantity.event.wholes)}
    found = {
        "format": NAME,
        "version": FORMAT,
        "sources": [CONVERTER.unstructure(sources[name]) for name in sorted(sources)],
        "events": [CONVERTER.unstructure(events[name]) for name in sorted(events)],
        "outcomes": [CONVERTER.unstructure(outcomes[name]) for name in sorted(outcomes)],
        "claims": [to_record(claim, linked) for claim in corpus],
        "rejected": [CONVERTER.unstructure(row) for row in corpus.rejected],
    }
    return json.dumps(found, indent=1)


def write(claims: Iterable[Claim], path: str | os.PathLike[str]) -> None:
    """Write claims to a file as `dumps` does; a file that is there is replaced."""
    text = dumps(claims)
    Path(path).write_text(text + "\n", encoding="utf-8")


def read(source: Any, *, strict: bool = False) -> Corpus:
    """Read a file of claims that `write` wrote, or another program in the same format.

    Parameters
    ----------
    source : path or open file
    strict : bool, keyword
        Raise if any claim cannot be read.

    Returns
    -------
    Corpus
        Every claim of the file is one of its claims or, with its place in the list from 1 as its line, one of its
        rejected rows. Those come after the rejected rows that the file holds. A link to a claim that is not there, or
        was rejected, stays as it is.

    Raises
    ------
    UnreadableTable
        For what is no such file, is of a newer version, or describes a source, event or outcome wrongly.
    RejectedRows
        If `strict` and a claim cannot be read.
    """
    if callable(getattr(source, "read", None)):
        where = clean(str(getattr(source, "name", "") or "the open file"))
        try:
            content = source.read()
        except (OSError, ValueError) as error:
            raise UnreadableTable(where, f"cannot be read: {error}") from error
    else:
        try:
            where = clean(os.fsdecode(source))
            content = Path(os.fsdecode(source)).read_bytes()
        except TypeError:
            raise UnreadableTable(f"a {type(source).__name__}", "is neither a path nor an open file") from None
        except (OSError, ValueError) as error:
            raise UnreadableTable(clean(str(source)), f"cannot be opened: {error}") from error
    return loads(content, strict=strict, where=where)


def loads(text: str | bytes, *, strict: bool = False, where: str = "the JSON") -> Corpus:
    """Read claims from JSON; as `read`, of a text or its bytes in UTF-8."""
    try:
        decoded = text if isinstance(text, str) else bytes(text).decode("utf-8-sig")
        document = parse(decoded.removeprefix("\ufeff"))
    except InvalidValue as error:
        raise UnreadableTable(where, f"is no JSON that can be read: {explain(error)}") from error
    except (ValueError, TypeError, RecursionError) as error:
        raise UnreadableTable(where, f"is no JSON that can be read: {clean(str(error))}") from error
    if _is_deep(document):
        raise UnreadableTable(where, f"has lists or objects nested more than {DEEPEST} deep")
    if not isinstance(document, dict) or document.get("format") != NAME:
        raise UnreadableTable(where, f"is no file of claims: it has no field format with the text {NAME!r}")
    version = document.get("version")
    if type(version) is not int or not 1 <= version <= FORMAT:
        reason = f"has version {version!r:.50}; this version of reconcile reads up to {FORMAT}: use a newer one"
        raise UnreadableTable(where, reason)
    unknown = sorted(document.keys() - {"format", "version", *_PARTS})
    if unknown:
        raise UnreadableTable(where, f"has fields that are not known: {clean(', '.join(unknown))}")
    lists = {name: document.get(name, []) for name in _PARTS}
    for name, found in lists.items():
        if not isinstance(found, list):
            raise UnreadableTable(where, f"{name} is no list")
    known = Known(
        {one.name: one for one in _describe(where, lists, "sources", Source)},
        _nest(where, lists["events"]),
        {one.name: one for one in _describe(where, lists, "outcomes", Outcome)},
    )
    before = _describe(where, lists, "rejected", Rejected)
    claims, rejected = _read_claims(lists["claims"], known)
    if strict and rejected:
        raise RejectedRows(tuple(rejected))
    return Corpus(claims, [*before, *rejected])


def _is_deep(document: Any) -> bool:
    """Whether it is nested so deeply that merely printing it may fail."""
    level: list[Any] = [document]
    for _ in range(DEEPEST + 1):
        nested = [one for one in level if isinstance(one, dict | list)]
        level = [inner for one in nested for inner in (one.values() if isinstance(one, dict) else one)]
    return bool(level)


def _describe(where: str, lists: dict[str, list[Any]], name: str, kind: type[Any]) -> list[Any]:
    found: list[Any] = []
    seen: set[Any] = set()
    for at, given in enumerate(lists[name]):
        try:
            one = CONVERTER.structure(to_values(given), kind)
            if isinstance(one, Rejected):
                texts = all(isinstance(text, str) for text in (one.reason, one.text, one.column or ""))
                check(type(one.line) is int and texts, "a rejected row", given, "a line, a column, a reason and a text")
        except Exception as error:  # cattrs groups errors, whose leaves are of many kinds
            raise UnreadableTable(where, f"{name}[{at}] cannot be read: {_why(error)[1]}") from error
        key = getattr(one, "name", None)
        if key is not None and key in seen:
            raise UnreadableTable(where, f"{name}[{at}] is the second that is called {clean(key)!r}")
        seen.add(key)
        found.append(one)
    return found


def _nest(where: str, given: list[Any]) -> dict[str, Event]:
    """Make the events, wholes before their parts."""
    parents: dict[str, str | None] = {}
    plain: dict[str, Any] = {}
    for at, one in enumerate(given):
        called, parent = (one.get("id"), one.get("part_of")) if isinstance(one, dict) else (None, None)
        if not isinstance(called, str) or not (parent is None or isinstance(parent, str)):
            raise UnreadableTable(where, f"events[{at}] has no id, or is part of what is no text")
        if called in plain:
            raise UnreadableTable(where, f"events[{at}] is the second that is called {clean(called)!r}")
        plain[called], parents[called] = {k: v for k, v in one.items() if k != "part_of"}, parent
    made: dict[str, Event] = {}
    for first in plain:
        chain: list[str] = []
        link: str | None = first
        while link is not None and link not in made:
            if link not in plain:
                reason = f"the event {clean(chain[-1])!r} is part of {clean(link)!r}, which is none of the events"
                raise UnreadableTable(where, reason)
            if link in chain or len(chain) > MOST_NESTED:
                reason = f"is part of itself, or nested more than {MOST_NESTED} deep"
                raise UnreadableTable(where, f"the event {clean(link)!r} {reason}")
            chain.append(link)
            link = parents[link]
        for name in reversed(chain):
            whole = parents[name]
            try:
                values = {**to_values(plain[name]), "part_of": None if whole is None else made[whole]}
                made[name] = CONVERTER.structure(values, Event)
            except Exception as error:
                raise UnreadableTable(where, f"the event {clean(name)!r} cannot be read: {_why(error)[1]}") from error
            if len(made[name].wholes) > MOST_NESTED:
                raise UnreadableTable(where, f"the event {clean(name)!r} is nested more than {MOST_NESTED} deep")
    return made


def _read_claims(given: list[Any], known: Known) -> tuple[list[Claim], list[Rejected]]:
    claims: list[Claim] = []
    rejected: list[Rejected] = []
    contents: dict[str, tuple[Claim, int]] = {}
    for line, one in enumerate(given, start=1):
        try:
            claim = to_claim(one, known)
            first, before = contents.setdefault(claim.id, (claim, line))
            check(first == claim, "id", claim.id, f"an id of its own; claim {before} has it with another content")
            claims.append(claim)
        except Exception as error:  # noqa: BLE001 - cattrs groups errors, whose leaves are of many kinds
            column, reason = _why(error)
            rejected.append(Rejected(line, column, " ".join(clean(reason).split()), clean(json.dumps(one))))
    return claims, rejected


def _why(error: BaseException) -> tuple[str | None, str]:
    """Name the field to blame and the reason, in what a converter raised: the first leaf of groups within groups."""
    field = None
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
        notes = [note for note in getattr(error, "__notes__", ()) if hasattr(note, "name")]
        field = field or (notes[0].name if notes else None)
    if isinstance(error, InvalidValue):
        return field or error.what, explain(error)
    if isinstance(error, ReconcileError):
        return field, str(error)
    if isinstance(error, KeyError):
        return field or str(error.args[0]), "is missing"
    return field, clean(str(error)) or type(error).__name__
