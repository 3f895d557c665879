# SPDX-License-Identifier: MIT
"""Strategies for claims, and for lists of claims that are read together."""

from __future__ import annotations

import datetime
from typing import Any

import attrs
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from reconcile.claims import Citation, Claim, Rejected
from reconcile.groups import EVERYONE, Group
from reconcile.testing.strategies import _values as numbers
from reconcile.testing.strategies import _vocabulary as vocabulary
from reconcile.values import Share, Value
from reconcile.vocabulary import CASUALTIES, INJURED, KILLED, Event, Outcome, Quantity, Source

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


def _wholes(group: Group) -> list[Group]:
    """Groups that this one is a proper part of: everyone, and those with a facet less."""
    facets = dict(group.facets)
    fewer = [Group(**{name: facets[name] for name in facets if name != left}) for left in facets]
    return list(dict.fromkeys([EVERYONE, *fewer])) if facets else []


def _speaks(value: Value, group: Group) -> bool:
    return not isinstance(value, Share) or group < value.of


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
    if values is None:
        wholes = _wholes(quantity.group)
        every = numbers.values(of=st.sampled_from(wholes)) if wholes else numbers.values(of=st.nothing())
        value = draw(every)
    else:
        value = draw(values.filter(lambda value: _speaks(value, quantity.group)))
    return Claim(
        quantity,
        value,
        source,
        reported=draw(moments),
        as_of=draw(moments),
        hedged=draw(st.booleans()),
        citation=draw(cited),
    )


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
        st.none() | citations() if cited is None else cited,
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


@st.composite
def _linked(
    draw: st.DrawFn,
    drawn: SearchStrategy[list[Claim]],
    origins: SearchStrategy[Source] | None,
) -> list[Claim]:
    register, found = _Register(), dict[str, Claim]()
    for one in draw(drawn):
        claim = register.claim(one)
        links: dict[str, Any] = {}
        if origins is not None:
            alike = [other for other in found.values() if other.quantity == claim.quantity]
            relayed = st.none() | st.sampled_from(alike) if alike else st.none()
            links["quoted_from"] = draw(relayed | origins.map(register.source))
            links["revises"] = draw(st.none() | st.sampled_from(list(found.values()))) if found else None
            claim = _retold(claim, **links)
        if claim.id in found:  # the same once more: it stands in another place
            claim = _retold(claim, citation=Citation(title=str(len(found) + 1)))
        while claim.id in found:
            claim = attrs.evolve(claim, id=claim.id + "'")
        found[claim.id] = claim
    return list(found.values())


@st.composite
def _worlds(draw: st.DrawFn, min_size: int, max_size: int) -> list[Claim]:
    """Claims by a few sources about a few quantities that have to do with each other."""
    happened = [draw(vocabulary.events(most_wholes=0))]
    if draw(st.booleans()):
        other = draw(vocabulary.events(most_wholes=0))
        if other.id != happened[0].id:
            within = happened[0] if draw(st.booleans()) else None
            happened.append(attrs.evolve(other, part_of=within))
    counted = [KILLED, INJURED, CASUALTIES]
    if draw(st.booleans()):
        counted.append(draw(vocabulary.outcomes()))
    people = [*_PARTS]
    if draw(st.booleans()):
        people.append(draw(vocabulary.groups()))
    when = [None, *draw(st.lists(vocabulary.periods(), max_size=2))]
    speaking = draw(st.lists(vocabulary.sources(), min_size=1, max_size=4, unique_by=lambda source: source.name))
    quantities = vocabulary.quantities(
        events=st.sampled_from(happened),
        outcomes=st.sampled_from(counted),
        groups=st.sampled_from(people),
        periods=st.sampled_from(when),
    )
    each = claims(quantities=quantities, sources=st.sampled_from(speaking))
    return draw(st.lists(each, min_size=min_size, max_size=max_size))


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
    >>> from hypothesis import find
    >>> for claim in find(corpora(), lambda claims: any(claim.revises for claim in claims)):
    ...     print(claim)
    a: 0 killed, a
    a: 0 killed, a
    """
    drawn = _worlds(min_size, max_size) if claims is None else st.lists(claims, min_size=min_size, max_size=max_size)
    quoted = vocabulary.sources() if origins is None else origins
    return _linked(drawn, quoted if links else None)


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
    >>> for claim in find(small_corpora(), lambda claims: len({claim.source for claim in claims}) == 2):
    ...     print(claim)
    a: 0 killed, a
    b: 0 killed, a
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
