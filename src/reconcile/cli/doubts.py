# SPDX-License-Identifier: MIT
"""Names in claims that may be slips of the pen: they are read as they stand, and a person should look at them."""

from __future__ import annotations

import difflib
import unicodedata
from collections import defaultdict
from collections.abc import Iterable
from typing import TYPE_CHECKING

from reconcile.groups import GROUP_WORDS
from reconcile.plumbing import in_words
from reconcile.values import Share

if TYPE_CHECKING:
    from reconcile.claims import Corpus
    from reconcile.groups import Group

__all__ = ["pair_names", "question_facets"]

# Our choice: "statsu" is .83 from "status"; "paramilitary" and "militia", words of their own, are .8 from known ones.
_NEAR = 0.82
_FACETS = ("party", *dict.fromkeys(facet for facets in GROUP_WORDS.values() for facet in facets))
# What people write for the values of each facet, and what they mean.
_MEANT = {
    facet: {
        spelt: facets[facet]
        for word, facets in GROUP_WORDS.items()
        if facet in facets
        for spelt in (word, facets[facet])
    }
    for facet in _FACETS
}


def pair_names(corpus: Corpus) -> list[str]:
    """List names of one kind that differ only in capitals, or in spaces and punctuation around them, each set once."""
    columns = corpus.columns
    events = columns.quantities.events
    found: dict[str, dict[str, set[str]]] = defaultdict(lambda: defaultdict(set))

    def add(kind: str, column: str, names: Iterable[str]) -> None:
        for name in names:
            found[kind][name].add(column)

    add("event", "event", events.ids)
    add("source", "source", (source.name for source in columns.sources))
    for source in columns.sources:
        add("party", "sides", source.sides)
        add("party", "opposes", source.opposes)
    for parties in events.parties:
        add("party", "perpetrators", parties)
    for group in _groups(corpus):
        for facet, values in group.facets:
            add("party" if facet == "party" else f"facet {facet}", "group", values)
    listed = []
    for kind, names in found.items():
        alike: dict[str, list[str]] = defaultdict(list)
        for name, places in names.items():
            alike[_bare(name)].append(f"{name!r}{f' ({in_words(places)})' if kind == 'party' else ''}")
        listed += [f"{kind}: {in_words(several)}" for several in alike.values() if len(several) > 1]
    return sorted(listed)


def question_facets(corpus: Corpus) -> list[str]:
    """List facets and values that are not the common ones and nearly are, each once, with what may have been meant."""
    found = set()
    for facet, values in {one for group in _groups(corpus) for one in group.facets}:
        if facet not in _FACETS:
            near = _nearest(facet.casefold(), _FACETS)
            found |= {f"{facet}={value}: did you mean {near}={value}?" for value in values if near}
            continue
        meant = _MEANT[facet]
        for value in values.difference(meant.values()):
            near = _nearest(value, meant)
            found |= {f"{facet}={value}: did you mean {facet}={meant[near]}?"} if near else set()
    return sorted(found)


def _nearest(word: str, known: Iterable[str]) -> str:
    return "".join(difflib.get_close_matches(word[:100], known, n=1, cutoff=_NEAR))


def _groups(corpus: Corpus) -> set[Group]:
    """Give every group that is counted, or that something is a share of."""
    columns = corpus.columns
    return {*columns.quantities.groups, *(value.of for value in columns.values if isinstance(value, Share))}


def _bare(name: str) -> str:
    """Write a name in small letters, without what stands around it; marks on letters stay."""
    inside = [at for at, sign in enumerate(name) if unicodedata.category(sign)[0] not in "PZC"]
    return " ".join(name[inside[0] : inside[-1] + 1].casefold().split()) if inside else name
