# SPDX-License-Identifier: MIT
"""Strategies for claims, and for lists of claims that are read together."""

from __future__ import annotations

import datetime
import functools
from collections.abc import Iterable, Sequence
from typing import Any, TypeVar

import attrs
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from reconcile.claims import Citation, Claim, Rejected
from reconcile.groups import EVERYONE, Group
from reconcile.plumbing import surely_later
from reconcile.testing.strategies import _values as numbers
from reconcile.testing.strategies import _vocabulary as vocabulary
from reconcile.values import Share, Value
from reconcile.vocabulary import CASUALTIES, INJURED, KILLED, Event, Outcome, Period, Quantity, Source

__all__ = ["citations", "claims", "corpora", "rejects", "small_corpora"]

_CHILD, _ADULT, _CIVILIAN = Group(age="child"), Group(age="adult"), Group(status="civilian")
_PARTS = (EVERYONE, _CHILD, _ADULT, _CIVILIAN, Group(age="child", status="civilian"), Group(party="a"))


def citations(*, texts: SearchStrategy[str] | None = None) -> SearchStrategy[Citation]:
    """Draw citations.

    Parameters
    ----------
    texts : strategy of str, keyword, optional
        Of url, publisher, title and quote.

    Returns
    -------
    SearchStrategy of Citation
    """
    text = st.none() | (vocabulary.names() if texts is None else texts)
    return st.builds(Citation, url=text, publisher=text, title=text, quote=text)


def rejects() -> SearchStrategy[Rejected]:
    """Draw rows that could not be read.

    Returns
    -------
    SearchStrategy of Rejected
    """
    name = vocabulary.names()
    return st.builds(Rejected, st.integers(1, 10**6), st.none() | name, name, st.just("") | name)


@functools.lru_cache(maxsize=1024)
def _wholes(group: Group) -> SearchStrategy[Group]:
    """Groups that this one is a proper part of: everyone, and those with a facet less."""
    facets = dict(group.facets)
    fewer = [Group(**{name: facets[name] for name in facets if name != left}) for left in facets]
    return st.sampled_from(list(dict.fromkeys([EVERYONE, *fewer])))


def _speaks(value: Value, group: Group) -> bool:
    return not isinstance(value, Share) or group < value.of


_CITED = st.none() | citations()
_ANY_VALUES = numbers.values(of=st.just(EVERYONE))
_PLAIN_VALUES = numbers.values(of=st.nothing())


@st.composite
def _claims(
    draw: st.DrawFn,
    quantities: SearchStrategy[Quantity],
    sources: SearchStrategy[Source],
    values: SearchStrategy[Value] | None,
    moments: SearchStrategy[datetime.date | None],
    cited: SearchStrategy[Citation | None],
) -> Claim:
    quantity, source = draw(quantities), draw(sources)
    if values is not None:
        value = draw(values)
        if not _speaks(value, quantity.group):
            value = draw(values.filter(lambda value: _speaks(value, quantity.group)))
    else:
        value = draw(_ANY_VALUES if quantity.group.facets else _PLAIN_VALUES)
        if isinstance(value, Share):
            value = attrs.evolve(value, of=draw(_wholes(quantity.group)))
    return Claim(
        quantity,
        value,
        source,
        **draw(st.fixed_dictionaries({"reported": moments, "as_of": moments}).map(_put_in_order)),
        hedged=draw(_HEDGED),
        citation=draw(cited),
    )


def _put_in_order(told: dict[str, Any]) -> dict[str, Any]:
    """Swap the moments of a claim where it would be reported before the moment that it speaks of."""
    reported, as_of = told["reported"], told["as_of"]
    swap = reported and as_of and surely_later(as_of, reported)
    return {**told, "reported": as_of, "as_of": reported} if swap else told


_HEDGED = st.booleans()


def claims(
    *,
    quantities: SearchStrategy[Quantity] | None = None,
    sources: SearchStrategy[Source] | None = None,
    values: SearchStrategy[Value] | None = None,
    moments: SearchStrategy[datetime.date | None] | None = None,
    cited: SearchStrategy[Citation | None] | None = None,
) -> SearchStrategy[Claim]:
    """Draw claims that relay and revise no other; see `corpora` for those that do.

    Parameters
    ----------
    quantities : strategy of Quantity, keyword, optional
    sources : strategy of Source, keyword, optional
    values : strategy of Value, keyword, optional
        A share is drawn only for a group that is a proper part of what it is a share of.
    moments : strategy of date, datetime or None, keyword, optional
        When claims are reported, and the day they speak of.
    cited : strategy of Citation or None, keyword, optional

    Returns
    -------
    SearchStrategy of Claim

    Examples
    --------
    >>> from hypothesis import find
    >>> find(claims(), lambda claim: True)
    Claim(Quantity(Event('a'), Outcome('killed')), Exactly(0), Source('a'))
    """
    return _claims(
        vocabulary.quantities() if quantities is None else quantities,
        vocabulary.sources() if sources is None else sources,
        values,
        vocabulary.moments() if moments is None else moments,
        _CITED if cited is None else cited,
    )


class _Register:
    """Keeps the first description of each name, so that claims drawn apart can be read together."""

    def __init__(self) -> None:
        self.known: dict[tuple[str, str], Any] = {}

    def source(self, one: Source) -> Source:
        found: Source = self.known.setdefault(("source", one.name), one)
        return found

    def outcome(self, one: Outcome) -> Outcome:
        found: Outcome = self.known.setdefault(("outcome", one.name), one)
        return found

    def event(self, one: Event) -> Event:
        if ("event", one.id) not in self.known:
            within = None if one.part_of is None else self.event(one.part_of)
            # The larger event may be known as a part of this one; then they stand apart.
            if within is not None and one.id in {whole.id for whole in (within, *within.wholes)}:
                within = None
            self.known["event", one.id] = attrs.evolve(one, part_of=within)
        found: Event = self.known["event", one.id]
        return found

    def claim(self, one: Claim) -> Claim:
        asked = one.quantity
        quantity = attrs.evolve(asked, event=self.event(asked.event), outcome=self.outcome(asked.outcome))
        return _retold(one, quantity=quantity, source=self.source(one.source))


def _retold(claim: Claim, **changes: Any) -> Claim:
    """Change a claim, and its id with it where its content made the id."""
    fields = {field.name: getattr(claim, field.name) for field in attrs.fields(Claim)} | changes
    name = fields.pop("id")
    plain = Claim(**{field: getattr(claim, field) for field in fields})
    return Claim(**fields) if plain.id == name else Claim(**fields, id=name)


_T = TypeVar("_T")


def _pick(pool: Sequence[_T], at: int) -> _T:
    return pool[at % len(pool)]


@attrs.frozen
class _Link:
    """Which earlier claim is relayed or revised, counted from the first that can be; or which source is quoted."""

    relayed: int | None
    quoted: Source | int | None
    revised: int | None


def _links(origins: SearchStrategy[Source] | SearchStrategy[int]) -> SearchStrategy[_Link]:
    some = st.none() | st.integers(0, 7)
    one = st.tuples(some, st.none()) | st.tuples(st.none(), origins)
    return st.builds(lambda quoted, revised: _Link(quoted[0], quoted[1], revised), one, some)


_UNLINKED = st.just(_Link(None, None, None))


def _join(drawn: Iterable[tuple[Claim, _Link]]) -> list[Claim]:
    """Make claims that were drawn apart fit to be read together, and link them."""
    register, found = _Register(), dict[str, Claim]()
    for one, link in drawn:
        claim = register.claim(one)
        earlier = list(found.values())
        # A relay speaks of what its origin speaks of, which shrinks better than to look for an origin that does.
        origin = _pick(earlier, link.relayed) if link.relayed is not None and earlier else None
        if origin is not None and _speaks(claim.value, origin.quantity.group):
            claim = _retold(claim, quantity=origin.quantity, quoted_from=origin)
        elif isinstance(link.quoted, Source):
            claim = _retold(claim, quoted_from=register.source(link.quoted))
        if link.revised is not None and earlier:
            claim = _retold(claim, revises=_pick(earlier, link.revised))
        if claim.id in found:  # the same once more: it stands in another place
            claim = _retold(claim, citation=Citation(title=str(len(found) + 1)))
        while claim.id in found:
            claim = attrs.evolve(claim, id=claim.id + "'")
        found[claim.id] = claim
    return list(found.values())


@attrs.frozen
class _Cast:
    """Who speaks, and what may be counted, in one list of claims."""

    events: tuple[Event, ...]
    outcomes: tuple[Outcome, ...]
    groups: tuple[Group, ...]
    periods: tuple[Period | None, ...]
    sources: tuple[Source, ...]


def _stage(
    event: Event,
    other: Event | None,
    within: bool,
    outcome: Outcome | None,
    group: Group | None,
    periods: list[Period],
    sources: list[Source],
) -> _Cast:
    happened = [event]
    if other is not None and other.id != event.id:
        happened.append(attrs.evolve(other, part_of=event if within else None))
    return _Cast(
        tuple(happened),
        (KILLED, INJURED, CASUALTIES, *([outcome] if outcome else [])),
        (*_PARTS, *([group] if group else [])),
        (None, *periods),
        tuple(sources),
    )


_CASTS = st.builds(
    _stage,
    vocabulary.events(most_wholes=0),
    st.none() | vocabulary.events(most_wholes=0),
    st.booleans(),
    st.none() | vocabulary.outcomes(),
    st.none() | vocabulary.groups(),
    st.lists(vocabulary.periods(), max_size=2),
    st.lists(vocabulary.sources(), min_size=1, max_size=4, unique_by=lambda source: source.name),
)
_PLACES = st.tuples(*(st.integers(0, most) for most in (1, 3, 6, 2, 3)))


def _cast_one(cast: _Cast, at: tuple[int, ...], value: Value, rest: dict[str, Any]) -> Claim:
    event, outcome, group, period, source = at
    counted = Quantity(
        _pick(cast.events, event), _pick(cast.outcomes, outcome), _pick(cast.groups, group), _pick(cast.periods, period)
    )
    if isinstance(value, Share) and counted.group == value.of:
        counted = attrs.evolve(counted, group=_CHILD)
    return Claim(counted, value, _pick(cast.sources, source), **rest)


_REST = st.fixed_dictionaries(
    {"reported": vocabulary.moments(), "as_of": vocabulary.moments(), "hedged": _HEDGED, "citation": _CITED}
).map(_put_in_order)


@st.composite
def _worlds(draw: st.DrawFn, drawn: SearchStrategy[list[Any]]) -> list[Claim]:
    """Claims by a few sources about a few quantities that have to do with each other."""
    cast = draw(_CASTS)

    def link_to(link: _Link) -> _Link:
        at = link.quoted
        return attrs.evolve(link, quoted=_pick(cast.sources, at)) if isinstance(at, int) else link

    return _join((_cast_one(cast, *told), link_to(link)) for told, link in draw(drawn))


def corpora(
    *,
    claims: SearchStrategy[Claim] | None = None,
    min_size: int = 0,
    max_size: int = 8,
    links: bool = True,
    origins: SearchStrategy[Source] | None = None,
) -> SearchStrategy[list[Claim]]:
    """Draw lists of claims that can be read together: each with an id of its own, each name described in one way.

    They relay and revise each other, and are reported in any order; their quantities add up to each other (killed and
    injured to casualties, groups and places to larger ones).

    Parameters
    ----------
    claims : strategy of Claim, keyword, optional
        Where two of them describe a source, an event or an outcome in two ways, the first description holds; a claim
        that is drawn twice is given another citation. Default claims by a few sources about a few quantities.
    min_size, max_size : int, keyword
        How many claims.
    links : bool, keyword
        Whether claims may relay and revise earlier ones.
    origins : strategy of Source, keyword, optional
        Sources that are quoted though none of their own claims is there.

    Returns
    -------
    SearchStrategy of list of Claim

    Examples
    --------
    >>> from hypothesis import given
    >>> @given(corpora(min_size=1, max_size=3))
    ... def check_that_they_are_as_many(claims):
    ...     assert 1 <= len({claim.id for claim in claims}) <= 3
    >>> check_that_they_are_as_many()
    """
    if claims is None:
        link = _links(st.integers(0, 3) if origins is None else origins) if links else _UNLINKED
        told = st.tuples(_PLACES, _ANY_VALUES, _REST)
        return _worlds(st.lists(st.tuples(told, link), min_size=min_size, max_size=max_size))
    link = _links(vocabulary.sources() if origins is None else origins) if links else _UNLINKED
    return st.lists(st.tuples(claims, link), min_size=min_size, max_size=max_size).map(_join)


def small_corpora(
    *,
    counts: SearchStrategy[int] | None = None,
    values: SearchStrategy[Value] | None = None,
    min_size: int = 1,
    max_size: int = 6,
    max_sources: int = 4,
    links: bool = True,
) -> SearchStrategy[list[Claim]]:
    """Draw a few claims about one event with a dozen dead, made for checking laws quickly and against brute force.

    Sources ``a`` to ``d`` speak of killed, injured and casualties, of everyone, children, adults and civilians; all
    kinds of value occur.

    Parameters
    ----------
    counts : strategy of int, keyword, optional
        The numbers in claims; default 0 to 12.
    values : strategy of Value, keyword, optional
        Default all eight kinds, of these numbers.
    min_size, max_size : int, keyword
        How many claims.
    max_sources : int, keyword
        How many sources at most.
    links : bool, keyword
        Whether claims may relay and revise earlier ones.

    Returns
    -------
    SearchStrategy of list of Claim

    Examples
    --------
    >>> from hypothesis import find
    >>> len(find(small_corpora(), lambda claims: len({claim.source for claim in claims}) == 2))
    2
    """
    event = Event("a", perpetrators={"b"})
    speaking = [
        Source("a"),
        Source("b", kind="government", sides={"b"}),
        Source("c", kind="monitor"),
        Source("d", kind="media"),
        *(Source(f"e{n}") for n in range(max_sources - 4)),
    ][:max_sources]
    few = st.integers(0, 12) if counts is None else counts
    quantities = vocabulary.quantities(
        events=st.just(event),
        outcomes=st.sampled_from((KILLED, INJURED, CASUALTIES)),
        groups=st.sampled_from(_PARTS[:4]),
        periods=st.none(),
    )
    some = numbers.values(counts=few, words=st.sampled_from(("several", "a couple", "a few")), of=st.just(EVERYONE))
    days = st.none() | st.integers(0, 5).map(lambda n: datetime.date(2000, 1, 1) + datetime.timedelta(n))
    each = claims(
        quantities=quantities,
        sources=st.sampled_from(speaking),
        values=some if values is None else values,
        moments=days,
        cited=st.none(),
    )
    return corpora(claims=each, min_size=min_size, max_size=max_size, links=links, origins=st.sampled_from(speaking))
