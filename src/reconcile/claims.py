# SPDX-License-Identifier: MIT
"""What is asserted: claims with their sources and citations, and the corpus that holds them."""

from __future__ import annotations

import datetime
import functools
import hashlib
import os
from collections.abc import Iterable, Iterator
from typing import Any, get_args

import attrs

from reconcile.errors import InconsistentClaims, InvalidValue
from reconcile.plumbing import check, clean_name, count_of, rebuilding_repr, to_moment
from reconcile.values import Share, Value
from reconcile.vocabulary import Quantity, Relation, Source, relate

__all__ = ["Citation", "Claim", "Corpus", "Rejected"]


def _text(what: str) -> Any:
    return attrs.field(default=None, converter=clean_name(what, optional=True), kw_only=True)


@attrs.frozen(repr=False)
class Citation:
    """Where the words stand.

    Parameters
    ----------
    url, publisher, title, quote : str, keyword, optional
        ``quote`` is the wording of the claim itself (at most 1,000 characters, as the others).
    """

    url: str | None = _text("Citation.url")
    publisher: str | None = _text("Citation.publisher")
    title: str | None = _text("Citation.title")
    quote: str | None = _text("Citation.quote")

    __repr__ = rebuilding_repr

    def __str__(self) -> str:
        quote = f'"{self.quote}"' if self.quote else None
        return ", ".join(part for part in (quote, self.title, self.publisher, self.url) if part)


def _to_origin(given: Any) -> Any:
    if given is None or isinstance(given, Source):
        return given
    if isinstance(given, Claim):
        return given.id
    return clean_name("Claim.quoted_from")(given)


def _to_revised(given: Any) -> Any:
    return given.id if isinstance(given, Claim) else clean_name("Claim.revises", optional=True)(given)


def _content_id(claim: Claim) -> str:
    # Everything but the id itself, in an order that is the same in every run.
    return "c" + hashlib.sha256(rebuilding_repr(claim).encode()).hexdigest()[:16]


@attrs.frozen(repr=False, cache_hash=True)
class Claim:
    """What one source asserts about one quantity.

    Parameters
    ----------
    quantity : Quantity
    value : Value
        One of the eight kinds of the room ``values``.
    source : Source
    reported : date, datetime or ISO text, keyword, optional
        When it was said.
    as_of : date, datetime or ISO text, keyword, optional
        The day that the figure speaks of, for counts that grow.
    quoted_from : Claim, claim id or Source, keyword, optional
        The claim that this one relays; or the source it quotes, whose claim it then is.
    revises : Claim or claim id, keyword, optional
        The earlier claim that this one replaces.
    hedged : bool, keyword
        Said with a reserve: "believed", "reportedly". Widens the claim, never drops it.
    citation : Citation, keyword, optional
    id : str, keyword, optional
        Default a hash of the content: claims alike in everything are one claim.

    Raises
    ------
    InvalidValue
        If a field is not of the form above.

    Examples
    --------
    >>> from reconcile.values import AtLeast
    >>> from reconcile.vocabulary import Event
    >>> claim = Claim(Event("market").killed(), AtLeast(12), Source("ministry"))
    >>> print(claim)
    ministry: at least 12 killed, market
    """

    quantity: Quantity = attrs.field()
    value: Value = attrs.field()
    source: Source = attrs.field()
    reported: datetime.date | None = attrs.field(default=None, converter=to_moment("Claim.reported"), kw_only=True)
    as_of: datetime.date | None = attrs.field(default=None, converter=to_moment("Claim.as_of"), kw_only=True)
    quoted_from: str | Source | None = attrs.field(default=None, converter=_to_origin, kw_only=True)
    revises: str | None = attrs.field(default=None, converter=_to_revised, kw_only=True)
    hedged: bool = attrs.field(default=False, kw_only=True)
    citation: Citation | None = attrs.field(default=None, kw_only=True)
    id: str = attrs.field(
        default=attrs.Factory(_content_id, takes_self=True), converter=clean_name("Claim.id"), kw_only=True, repr=False
    )

    def __attrs_post_init__(self) -> None:
        for name, kind, such_as in (
            ("quantity", Quantity, ", such as Event('market').killed()"),
            ("source", Source, ", such as Source('hospital')"),
            ("hedged", bool, ""),
        ):
            given = getattr(self, name)
            check(isinstance(given, kind), f"Claim.{name}", given, f"a {kind.__name__}{such_as}")
        kinds = get_args(Value)
        allowed = "a value, such as Exactly(5), or values.parse('at least 5'); the kinds are "
        check(isinstance(self.value, kinds), "Claim.value", self.value, allowed + ", ".join(k.__name__ for k in kinds))
        check(
            self.citation is None or isinstance(self.citation, Citation), "Claim.citation", self.citation, "a Citation"
        )
        if isinstance(self.value, Share):
            part, whole = self.quantity.group, self.value.of
            check(part < whole, "Claim.value", self.value, f"a share of a group that {part} is a proper part of")

    @property
    def relation(self) -> Relation:
        """How the source stands to the people counted."""
        return relate(self.source, self.quantity)

    @property
    def whole(self) -> Quantity | None:
        """For a share, the quantity that it is a share of."""
        return attrs.evolve(self.quantity, group=self.value.of) if isinstance(self.value, Share) else None

    def __repr__(self) -> str:
        written = rebuilding_repr(self)
        return written if self.id == _content_id(self) else f"{written[:-1]}, id={self.id!r})"

    def __str__(self) -> str:
        said = f"{self.source}: {self.value} {self.quantity}"
        when = f" ({self.reported})" if self.reported else ""
        return f"{said}{', hedged' if self.hedged else ''}{when}"


@attrs.frozen(repr=False)
class Rejected:
    """A row that could not be read as a claim.

    Attributes
    ----------
    line : int
        Line of the file (the first is 1), or row of the frame (the first is 1).
    column : str or None
        The column to blame.
    reason : str
    text : str
        The row as it stood.
    """

    line: int
    column: str | None
    reason: str
    text: str = ""

    __repr__ = rebuilding_repr

    def __str__(self) -> str:
        return f"line {self.line}{f', {self.column}' if self.column else ''}: {self.reason}"


def _listed(what: str, given: Iterable[Any], kind: type, allowed: str) -> tuple[Any, ...]:
    try:
        found = tuple(given)
    except TypeError:
        raise InvalidValue(what, given, allowed) from None
    for one in found:
        check(isinstance(one, kind), what, one, f"a {kind.__name__}")
    return found


def _to_claims(given: Iterable[Claim]) -> tuple[Claim, ...]:
    if isinstance(given, str | bytes | os.PathLike):
        raise InvalidValue("Corpus.claims", given, "a list of claims; a file is read with reconcile.io.table.read")
    return _listed("Corpus.claims", given, Claim, "a list of claims")


def _to_rejected(given: Iterable[Rejected]) -> tuple[Rejected, ...]:
    return _listed("Corpus.rejected", given, Rejected, "rejected rows, one after the other")


@attrs.frozen(repr=False)
class Corpus:
    """Claims that are read together, and the rows that could not be read.

    Parameters
    ----------
    claims : iterable of Claim
    rejected : iterable of Rejected, optional

    Raises
    ------
    InconsistentClaims
        If two claims have one id and different contents, or one source, event or outcome is described in two ways.

    Examples
    --------
    >>> from reconcile.values import Exactly
    >>> from reconcile.vocabulary import Event
    >>> corpus = Corpus([Claim(Event("market").killed(), Exactly(3), Source("ministry"))])
    >>> len(corpus), corpus.sources
    (1, (Source('ministry'),))
    """

    claims: tuple[Claim, ...] = attrs.field(default=(), converter=_to_claims)
    rejected: tuple[Rejected, ...] = attrs.field(default=(), converter=_to_rejected)

    def __attrs_post_init__(self) -> None:
        contents: dict[str, Claim] = {}
        known: dict[tuple[str, str], tuple[object, str]] = {}
        for claim in self.claims:
            if contents.setdefault(claim.id, claim) != claim:
                raise InconsistentClaims("two different claims have one id", (claim.id,))
            quoted = [claim.quoted_from] if isinstance(claim.quoted_from, Source) else []
            quantity = claim.quantity
            described: list[tuple[str, str, object]] = [("outcome", quantity.outcome.name, quantity.outcome)]
            described += [("source", source.name, source) for source in (claim.source, *quoted)]
            described += [("event", event.id, event) for event in (quantity.event, *quantity.event.wholes)]
            for kind, name, thing in described:
                seen, where = known.setdefault((kind, name), (thing, claim.id))
                if seen != thing:
                    reason = f"{kind} {name!r} is described in two ways: {seen!r} and {thing!r}"
                    raise InconsistentClaims(reason, (where, claim.id))

    @functools.cached_property
    def ordered(self) -> tuple[Claim, ...]:
        """The claims by id, each once: the order that every computation uses."""
        return tuple({claim.id: claim for claim in sorted(self.claims, key=lambda c: c.id)}.values())

    @property
    def sources(self) -> tuple[Source, ...]:
        """The sources, by name."""
        return tuple(sorted({claim.source for claim in self.claims}, key=lambda s: s.name))

    def __len__(self) -> int:
        return len(self.claims)

    def __iter__(self) -> Iterator[Claim]:
        return iter(self.claims)

    def __repr__(self) -> str:
        return f"Corpus({list(self.claims)!r}{f', rejected={list(self.rejected)!r}' if self.rejected else ''})"

    def __str__(self) -> str:
        events = {claim.quantity.event.id for claim in self.claims}
        claims, sources = count_of(len(self.claims), "claim"), count_of(len(self.sources), "source")
        counted = f"{claims} by {sources} about {count_of(len(events), 'event')}"
        return counted + (f"; {count_of(len(self.rejected), 'row')} rejected" if self.rejected else "")
