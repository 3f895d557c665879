# SPDX-License-Identifier: MIT
"""The people counted: groups by facets, which are sets of people, and the words for them in tables."""

from __future__ import annotations

import keyword
import unicodedata
from collections.abc import Iterable, Mapping
from typing import ClassVar

import attrs

from reconcile.errors import InvalidValue, UnreadablePhrase
from reconcile.plumbing import LONGEST_NAME, check, clean_names, in_words

__all__ = ["EVERYONE", "GROUP_WORDS", "Group"]

# Everyday words for groups, as they stand in tables; each is exactly one facet or two.
GROUP_WORDS: Mapping[str, Mapping[str, str]] = {
    "everyone": {}, "all": {}, "people": {}, "persons": {}, "total": {},
    "children": {"age": "child"}, "adults": {"age": "adult"},
    "women": {"sex": "female", "age": "adult"}, "men": {"sex": "male", "age": "adult"},
    "girls": {"sex": "female", "age": "child"}, "boys": {"sex": "male", "age": "child"},
    "civilians": {"status": "civilian"}, "soldiers": {"status": "military"}, "troops": {"status": "military"},
    "military": {"status": "military"}, "police": {"status": "police"}, "militants": {"status": "militant"},
    "journalists": {"role": "journalist"}, "health workers": {"role": "health worker"},
    "aid workers": {"role": "aid worker"},
    "child": {"age": "child"}, "kids": {"age": "child"}, "minors": {"age": "child"}, "civilian": {"status": "civilian"},
    "soldier": {"status": "military"}, "militant": {"status": "militant"}, "journalist": {"role": "journalist"},
}  # fmt: skip


def _is_argument(name: str) -> bool:
    """Whether Python reads `name` in ``Group(name=...)`` as it stands."""
    return name.isidentifier() and not keyword.iskeyword(name) and unicodedata.normalize("NFKC", name) == name


_FIRST_FACETS = ("party", "status", "sex", "age", "role")
_PLAIN_FACETS = {"status", "sex", "age", "role"}  # common words, in which a capital means nothing


@attrs.frozen(init=False, repr=False)
class Group:
    """The people counted, by facets; a facet that is not named is not restricted.

    Parameters
    ----------
    **facets : str or set of str, keyword
        ``party``, ``status``, ``sex``, ``age``, ``role`` and any other. Several values of a facet mean
        people of any of them: "military and civilian personnel" is ``status={"military", "civilian"}``. Status, sex,
        age and role are read without regard to capitals.

    Raises
    ------
    InvalidValue
        If a facet has no name or no values.

    Examples
    --------
    >>> soldiers = Group(party="Turkey", status="military")
    >>> soldiers <= Group(party="Turkey")
    True
    >>> soldiers.isdisjoint(Group(status="civilian"))
    True
    """

    facets: tuple[tuple[str, frozenset[str]], ...]

    # Without these, Python takes __getitem__ for that of a sequence, and `"party" in group` would never end.
    __iter__: ClassVar[None] = None
    __contains__: ClassVar[None] = None

    def __init__(self, /, **facets: str | Iterable[str] | None) -> None:
        cleaned = []
        for name in sorted(facets):
            check(
                0 < len(name) <= LONGEST_NAME and name == name.strip() and not set(name) & set("|;="),
                "Group(**facets)",
                name,
                f"a name of 1 to {LONGEST_NAME} characters, without blanks around it and the signs | ; and =",
            )
            check(
                name in _FIRST_FACETS or name.casefold() not in _FIRST_FACETS,
                "Group(**facets)",
                name,
                f"{name.casefold()!r}, in small letters",
            )
            if facets[name] is None:
                continue
            values = clean_names(f"Group.{name}")(facets[name])
            if name in _PLAIN_FACETS:
                values = frozenset(value.casefold() for value in values)
            check(bool(values), f"Group.{name}", facets[name], "at least one value, or leave the facet out")
            for value in values:
                check(not set(value) & set("|;="), f"Group.{name}", value, "a value without the signs | ; and =")
            cleaned.append((name, values))
        self.__attrs_init__(tuple(cleaned))

    def __getitem__(self, facet: str) -> frozenset[str] | None:
        """The values of a facet, or None where it is not restricted."""
        return dict(self.facets).get(facet)

    @property
    def party(self) -> frozenset[str]:
        """The parties the people belong to; empty where not restricted."""
        return self["party"] or frozenset()

    def __le__(self, other: Group) -> bool:
        """Whether everyone in this group is in `other`."""
        if not isinstance(other, Group):
            return NotImplemented
        mine = dict(self.facets)
        return all(name in mine and mine[name] <= values for name, values in other.facets)

    def __lt__(self, other: Group) -> bool:
        """Whether this group is a proper part of `other`."""
        if not isinstance(other, Group):
            return NotImplemented
        return self != other and self <= other

    def isdisjoint(self, other: Group) -> bool:
        """Whether nobody can be in both groups: some facet of both has no value in common."""
        mine = dict(self.facets)
        return any(name in mine and not mine[name] & values for name, values in other.facets)

    @classmethod
    def parse(cls, text: str) -> Group:
        """Read ``"party=Turkey; status=military|civilian"``, or one of the words in `GROUP_WORDS`.

        Parameters
        ----------
        text : str
            Facets parted by ``;``, alternatives by ``|``; empty means everyone.

        Returns
        -------
        Group

        Raises
        ------
        UnreadablePhrase
            With the position of what cannot be read.

        Examples
        --------
        >>> Group.parse("party=Turkey; status=military|civilian")
        Group(party='Turkey', status={'civilian', 'military'})
        >>> Group.parse("children")
        Group(age='child')
        """
        check(isinstance(text, str), "Group.parse(text)", text, "a text")
        facets: dict[str, Iterable[str]] = {}
        start = 0
        for piece in text.split(";"):
            at, start = start, start + len(piece) + 1
            word = " ".join(piece.split()).casefold()
            if "=" in piece:
                name, _, values = piece.partition("=")
                found: dict[str, Iterable[str]] = {name.strip(): [v.strip() for v in values.split("|")]}
                if not name.strip().isidentifier() or not all(found[name.strip()]) or "=" in values:
                    raise UnreadablePhrase(text, at, "a facet is written name=value or name=value|value")
            elif word in GROUP_WORDS:
                found = {name: [value] for name, value in GROUP_WORDS[word].items()}
            elif not word and not text.strip():
                found = {}
            else:
                known = ", ".join(GROUP_WORDS)
                raise UnreadablePhrase(text, at, f"write name=value facets parted by ';', or one of: {known}")
            for name in found:
                if name in facets:
                    raise UnreadablePhrase(text, at, f"the facet {name!r} is given twice")
            try:
                cls(**found)
            except InvalidValue as error:
                raise UnreadablePhrase(text, at, str(error)) from None
            facets.update(found)
        return cls(**facets)

    def __repr__(self) -> str:
        def written(values: frozenset[str]) -> str:
            several = ", ".join(map(repr, sorted(values)))
            return f"{{{several}}}" if len(values) > 1 else several

        if all(_is_argument(name) for name, _ in self.facets):
            return f"Group({', '.join(f'{name}={written(values)}' for name, values in self.facets)})"
        return f"Group(**{{{', '.join(f'{name!r}: {written(values)}' for name, values in self.facets)}}})"

    def __str__(self) -> str:
        if not self.facets:
            return "everyone"
        found = dict(self.facets)
        words = [in_words(found[name]) for name in _FIRST_FACETS if name in found]
        words += [f"{name}: {in_words(values, 'or')}" for name, values in self.facets if name not in _FIRST_FACETS]
        return ", ".join(words)


EVERYONE = Group()
