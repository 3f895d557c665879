# SPDX-License-Identifier: MIT
"""What is asserted: claims with their sources and citations, and the corpus that holds them."""

from __future__ import annotations

import datetime
import functools
import hashlib
import os
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, get_args

import attrs

from reconcile.errors import InconsistentClaims, InvalidValue
from reconcile.plumbing import check, clean_name, count_of, html_table, rebuilding_repr, surely_later, to_moment
from reconcile.values import Share, Value
from reconcile.vocabulary import Quantity, Relation, Source, relate

if TYPE_CHECKING:
    from reconcile.columns import Codes, Columns

__all__ = ["CITED", "Citation", "Claim", "Corpus", "Rejected", "content_id", "make_claim"]

_SHOWN = 50  # rows of a table in a notebook
CITED = ("url", "publisher", "title", "quote")


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

    @property
    def texts(self) -> tuple[str | None, ...]:
        """Url, publisher, title and quote."""
        return self.url, self.publisher, self.title, self.quote

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


def content_id(claim: Claim) -> str:
    """Give the id that the content of a claim makes: of everything but the id itself, the same in every run."""
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
        The day that the figure speaks of, for counts that grow; not after it was reported.
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
        If a field is not of the form above. Moments of unlike clocks (a day and a time, with a zone and without) are
        compared by their days.

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
        default=attrs.Factory(content_id, takes_self=True), converter=clean_name("Claim.id"), kw_only=True, repr=False
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
        if self.as_of and self.reported:
            allowed = f"a day or moment not after Claim.reported, {self.reported}"
            check(not surely_later(self.as_of, self.reported), "Claim.as_of", self.as_of, allowed)
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
        return written if self.id == content_id(self) else f"{written[:-1]}, id={self.id!r})"

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


@attrs.frozen(repr=False, eq=False, init=False)
class Corpus:
    """Claims that are read together, and the rows that could not be read.

    Inside are columns: claims that were read from a table are made when `claims` asks for them.

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

    rejected: tuple[Rejected, ...]
    _told: tuple[Claim, ...] | None
    _read: tuple[Columns, Codes] | None

    def __init__(self, claims: Iterable[Claim] = (), rejected: Iterable[Rejected] = ()) -> None:
        told = _to_claims(claims)
        self.__attrs_init__(_to_rejected(rejected), told, None)
        _check_together(told)

    @classmethod
    def of_columns(cls, columns: Columns, rows: Codes, rejected: Iterable[Rejected] = ()) -> Corpus:
        """Make a corpus of columns.

        Parameters
        ----------
        columns : Columns
        rows : ndarray of int32, shape (claims,)
            The row of each claim, in the order of the input, repeats among them.
        rejected : iterable of Rejected, optional

        Raises
        ------
        InconsistentClaims
            If one source, event or outcome is described in two ways.
        """
        corpus = cls.__new__(cls)
        corpus.__attrs_init__(_to_rejected(rejected), None, (columns, rows))
        _check_tables(columns, rows)
        return corpus

    @functools.cached_property
    def claims(self) -> tuple[Claim, ...]:
        """The claims in the order in which they were given, repeats among them."""
        if self._read is None:
            return self._told or ()
        columns, rows = self._read
        made = [columns.claim(row) for row in range(len(columns))]
        return tuple(made[row] for row in rows)

    @functools.cached_property
    def columns(self) -> Columns:
        """The claims as columns, each once."""
        return _to_columns(self.ordered) if self._read is None else self._read[0]

    @functools.cached_property
    def ordered(self) -> tuple[Claim, ...]:
        """The claims by id, each once."""
        return tuple({claim.id: claim for claim in sorted(self.claims, key=lambda c: c.id)}.values())

    @property
    def sources(self) -> tuple[Source, ...]:
        """The sources, by name."""
        if self._read is None:
            return tuple(sorted({claim.source for claim in self.claims}, key=lambda s: s.name))
        import numpy as np

        return tuple(self.columns.sources[at] for at in np.unique(self.columns.source))

    def without(self, source: Source | str) -> Corpus:
        """Leave out a source: its claims, and those that pass on what it says, by whatever way.

        A claim by somebody else that revises one of these stays, and revises nothing.

        Parameters
        ----------
        source : Source or str
            Its name is enough.

        Returns
        -------
        Corpus
            Without claims if there are no others.

        Raises
        ------
        InvalidValue
            For a source that neither makes a claim nor is quoted.

        Examples
        --------
        >>> from reconcile.values import Exactly
        >>> from reconcile.vocabulary import Event
        >>> market, ministry, agency = Event("market").killed(), Source("ministry"), Source("agency")
        >>> said = Claim(market, Exactly(3), ministry)
        >>> relay, other = Claim(market, Exactly(3), agency, quoted_from=said), Claim(market, Exactly(5), agency)
        >>> len(Corpus([said, relay, other]).without("ministry"))
        1
        """
        name = source.name if isinstance(source, Source) else source
        gone = {
            claim.id
            for claim in self.claims
            if claim.source.name == name or (isinstance(claim.quoted_from, Source) and claim.quoted_from.name == name)
        }
        check(bool(gone), "Corpus.without(source)", source, "a source that makes one of these claims, or is quoted")
        relays = [claim for claim in self.claims if isinstance(claim.quoted_from, str)]
        while more := {claim.id for claim in relays if claim.quoted_from in gone} - gone:
            gone |= more
        kept = [
            attrs.evolve(claim, revises=None) if claim.revises in gone else claim
            for claim in self.claims
            if claim.id not in gone
        ]
        return Corpus(kept, self.rejected)

    def __len__(self) -> int:
        return len(self.claims if self._read is None else self._read[1])

    def __iter__(self) -> Iterator[Claim]:
        return iter(self.claims)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Corpus):
            return NotImplemented
        return self is other or (self.rejected == other.rejected and self.claims == other.claims)

    def __hash__(self) -> int:
        return hash((self.claims, self.rejected))

    def __repr__(self) -> str:
        return f"Corpus({list(self.claims)!r}{f', rejected={list(self.rejected)!r}' if self.rejected else ''})"

    def __str__(self) -> str:
        if self._read is None:
            events = len({claim.quantity.event.id for claim in self.claims})
        else:
            import numpy as np

            events = len(np.unique(self.columns.quantities.event))
        claims, sources = count_of(len(self), "claim"), count_of(len(self.sources), "source")
        counted = f"{claims} by {sources} about {count_of(events, 'event')}"
        return counted + (f"; {count_of(len(self.rejected), 'row')} rejected" if self.rejected else "")

    def _repr_html_(self) -> str:
        # A notebook need not make an object of every claim of a large corpus.
        some = self.claims[:_SHOWN] if self._read is None else map(self._read[0].claim, self._read[1][:_SHOWN].tolist())
        rows = [(c.quantity, f"{c.value}{', hedged' if c.hedged else ''}", c.source, c.reported or "") for c in some]
        said = html_table(("what", "claimed", "source", "reported"), rows, title=str(self), of=len(self))
        lost = [(row.line, row.column or "", row.reason) for row in self.rejected[:_SHOWN]]
        return said + (html_table(("line", "column", "not read, for"), lost, of=len(self.rejected)) if lost else "")


def _check_together(claims: Iterable[Claim]) -> None:
    contents: dict[str, Claim] = {}
    known: dict[tuple[str, str], tuple[object, str]] = {}
    for claim in claims:
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


def _check_tables(columns: Columns, rows: Codes) -> None:
    """Look for names that stand twice in a table; only then for the claims to blame."""
    names: list[Sequence[object]] = [
        [one.name for one in columns.sources],
        [one.name for one in columns.quantities.outcomes],
        columns.quantities.events.ids.tolist(),
    ]
    if any(len(set(column)) < len(column) for column in names):
        _check_together(columns.claim(row) for row in rows)


def _to_columns(claims: Sequence[Claim]) -> Columns:
    """Take claims apart, which are each given once, and in order."""
    import numpy as np

    from reconcile import columns as room

    quoted = [claim.quoted_from if isinstance(claim.quoted_from, Source) else None for claim in claims]
    sources, source = room.rank([*(claim.source for claim in claims), *filter(None, quoted)], key=lambda one: one.name)
    place = {one.name: at for at, one in enumerate(sources)}
    values, value = room.rank((claim.value for claim in claims), key=repr)
    found, quantity = room.QuantityTable.of_quantities([claim.quantity for claim in claims])
    texts = [text for claim in claims for text in (claim.citation.texts if claim.citation else (None,) * len(CITED))]
    distinct = {text: at for at, text in enumerate(dict.fromkeys(text for text in texts if text is not None))}
    cited = np.array([room.NONE if text is None else distinct[text] for text in texts], dtype=np.int32)
    citations, citation = room.TextTable.of(tuple(distinct), [cited[at :: len(CITED)] for at in range(len(CITED))])
    row = {claim.id: at for at, claim in enumerate(claims)}
    lost: dict[tuple[int, str], str] = {}
    links = {}
    for name in ("quoted_from", "revises"):
        targets = [target if isinstance(target := getattr(claim, name), str) else None for claim in claims]
        lost |= {(at, name): target for at, target in enumerate(targets) if target is not None and target not in row}
        links[name] = np.array([room.NONE if one is None else row.get(one, room.LOST) for one in targets], np.int32)
    return room.Columns(
        sources=sources,
        values=values,
        quantities=found,
        source=source[: len(claims)],
        value=value,
        quantity=quantity,
        hedged=np.array([claim.hedged for claim in claims], dtype=bool),
        reported=room.Moments.of(claim.reported for claim in claims),
        as_of=room.Moments.of(claim.as_of for claim in claims),
        origin=np.array([room.NONE if one is None else place[one.name] for one in quoted], dtype=np.int32),
        quoted=links["quoted_from"],
        revises=links["revises"],
        lost=lost,
        citations=citations,
        citation=citation,
        ids=np.array([claim.id for claim in claims], dtype=object),
        make=functools.partial(_retell, claims),
    )


def _retell(claims: Sequence[Claim], columns: Columns, row: int) -> Claim:
    return claims[row]


def make_claim(columns: Columns, row: int) -> Claim:
    """Make the claim of a row of columns that no claims were taken apart for."""
    links: dict[str, Any] = {}
    for name, codes in (("quoted_from", columns.quoted), ("revises", columns.revises)):
        target = int(codes[row])
        links[name] = columns.id(target) if target >= 0 else columns.lost.get((row, name))
    if columns.origin[row] >= 0:
        links["quoted_from"] = columns.sources[columns.origin[row]]
    given, cited = columns.ids[row], int(columns.citation[row])
    return Claim(
        columns.quantities[int(columns.quantity[row])],
        columns.values[columns.value[row]],
        columns.sources[columns.source[row]],
        reported=columns.reported[row],
        as_of=columns.as_of[row],
        hedged=bool(columns.hedged[row]),
        citation=Citation(**dict(zip(CITED, columns.citations[cited], strict=True))) if cited >= 0 else None,
        **links,
        **({} if given is None else {"id": given}),
    )
