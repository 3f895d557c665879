# SPDX-License-Identifier: MIT
"""Texts that came from claims, made fit to be shown: nothing that hides or turns others, no longer than fits."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Sequence

__all__ = ["break_all", "distinguish", "legible", "shorten", "width_of", "wrap"]

# Joiners belong to the spelling of Persian and of Indic scripts; the three marks only lean on what is beside them.
_KEPT = frozenset("\u200c\u200d\u200e\u200f\u061c")
_REPLACEMENT = "\ufffd"


def legible(text: str) -> str:
    r"""Put a text on one line, with a sign in place of what could hide, or turn the direction of, the text around it.

    Control codes, embeddings and overrides of direction, lone surrogates and what no XML may hold become U+FFFD.

    Examples
    --------
    >>> legible("mini\u202estry\x00\n of war") == "mini\ufffdstry\ufffd of war"
    True
    """
    return "".join(sign if _is_shown(sign) else _REPLACEMENT for sign in " ".join(text.split()))


def _is_shown(sign: str) -> bool:
    if sign in _KEPT or sign.isascii():
        return sign.isprintable() or sign in _KEPT
    code = ord(sign)
    is_no_character = code & 0xFFFE == 0xFFFE or 0xFDD0 <= code <= 0xFDEF
    return not is_no_character and unicodedata.category(sign) not in ("Cc", "Cf", "Cs", "Zl", "Zp")


def width_of(text: str) -> int:
    """Count columns: two for the wide signs of East Asia, none for marks that sit on others."""
    return sum(
        0 if unicodedata.combining(sign) else 2 if unicodedata.east_asian_width(sign) in "WF" else 1 for sign in text
    )


def shorten(text: str, columns: int) -> str:
    """Take out the middle of a text that is wider than so many columns; names often differ at their ends."""
    if width_of(text) <= columns:
        return text
    room = columns - 1
    head, tail = _take(text, room - room // 3), _take(text[::-1], room // 3)[::-1]
    return f"{head.rstrip()}\u2026{tail.lstrip()}"


def distinguish(names: Sequence[str], columns: int) -> list[str]:
    """Shorten names such that they stay apart where only their middles differ: what they share first is left out.

    Examples
    --------
    >>> names = ["The committee of the north, press office", "The committee of the south, press office"]
    >>> print(*distinguish(names, 24), sep="; ")
    …of the north, p…office; …of the south, p…office
    """
    alike: dict[str, set[str]] = {}
    for name in names:
        alike.setdefault(shorten(name, columns), set()).add(name)
    found = []
    for name in names:
        rivals = alike[shorten(name, columns)]
        if len(rivals) > 1:
            shared = _shared_start(rivals)
            found.append(shorten(f"\u2026{name[max(len(shared) - 7, 0) :].lstrip()}", columns))
        else:
            found.append(name)
    return found


def _shared_start(names: Iterable[str]) -> str:
    first, last = min(names), max(names)
    differ = (at for at, (a, b) in enumerate(zip(first, last, strict=False)) if a != b)
    return first[: next(differ, min(len(first), len(last)))]


def _take(text: str, columns: int) -> str:
    taken = 0
    for at, sign in enumerate(text):
        taken += width_of(sign)
        if taken > columns:
            return text[:at]
    return text


def wrap(text: str, columns: int, lines: int) -> str:
    """Break a text into at most so many lines of at most so many columns, shortened if it is too long.

    Examples
    --------
    >>> print(wrap("Syrian Observatory for Human Rights", 20, 2))
    Syrian Observatory
    for Human Rights
    """
    for room in range(columns * lines, columns, -1):  # breaks at blanks leave gaps, so that less than all may fit
        broken = break_all(shorten(text, room), columns)
        if len(broken) <= lines:
            return "\n".join(broken)
    return shorten(text, columns)


def break_all(text: str, columns: int) -> list[str]:
    """Break a text into as many lines of at most so many columns as it takes.

    Examples
    --------
    >>> break_all("(90 % 539,000\u20131,158,000)", 16)
    ['(90 %', '539,000\u2013', '1,158,000)']
    """
    lines, line = [], ""
    for given in text.split():
        word = given
        if line and width_of(line) + 1 + width_of(word) > columns:
            lines.append(line)
            line = ""
        while width_of(word) > columns:
            start = _take(word, columns)
            start = start[: _last_joint(start)] or start
            lines.append(start)
            word = word[len(start) :]
        line = f"{line} {word}" if line else word
    return [*lines, line] if line else lines


def _last_joint(word: str) -> int:
    """Give where a word may rather be broken than anywhere: between two numbers first."""
    return word.rfind("\u2013") + 1 or max(word.rfind(sign) for sign in "-_/.,@|") + 1
