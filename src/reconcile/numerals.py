# SPDX-License-Identifier: MIT
"""Numbers in text: digits of any script, English number words, ranges, percentages and fractions.

`Reader` walks over the tokens of a phrase; the room ``values`` decides what the numbers mean.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Container, Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Final

from reconcile.errors import UnreadablePhrase

__all__ = ["NUMBER_WORDS", "Amount", "Reader", "Token", "read_number"]

_UNITS: Final = dict(zip((
    "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve",
    "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen",
), range(20), strict=True))  # fmt: skip
_TENS: Final = {
    "twenty": 20, "thirty": 30, "forty": 40, "fifty": 50, "sixty": 60, "seventy": 70, "eighty": 80, "ninety": 90,
}  # fmt: skip
NUMBER_WORDS: Final = frozenset(_UNITS | _TENS)
_DOZENS: Final = {"dozen": 12, "score": 20}
_THOUSANDS: Final = {
    "thousand": 10**3, "lakh": 10**5, "million": 10**6, "crore": 10**7, "billion": 10**9, "trillion": 10**12,
}  # fmt: skip
_SCALES: Final = {"hundred": 100} | _DOZENS | _THOUSANDS
_ABBREVIATED: Final = {"mn": 10**6, "mln": 10**6, "bn": 10**9}
_GLUED: Final = {"k": 10**3, "m": 10**6} | _ABBREVIATED  # "5 m" with a space may be five metres
_NTHS: Final = {
    "half": 2, "third": 3, "quarter": 4, "fourth": 4, "fifth": 5, "sixth": 6, "seventh": 7, "eighth": 8, "ninth": 9,
    "tenth": 10,
}  # fmt: skip
_PERCENT: Final = {"%", "percent", "pct", "per cent"}
_ARTICLES: Final = {"a", "an"}
_OPENERS: Final = {"between", "from", "anywhere between", "anywhere from", "somewhere between"}
_LONGEST_PHRASE: Final = 6  # tokens in the longest entry of any table of phrases
_LARGEST_IN: Final = 100  # "one in five" is a share, "12 in 2020" is a year

# A million is where writers leave out the "thousand" of the other end, and where 1.234 can only be a decimal.
_MILLION: Final = 10**6

# One sign for each that means the same; every entry keeps the length, so positions stay those of the original.
_SAME: Final = dict(
    [(quote, "'") for quote in "\u2018\u2019\u02bc\u00b4\u02b9`"]
    + [(quote, '"') for quote in "\u201c\u201d\u201e\u201f\u00ab\u00bb\u2039\u203a\u201a\u201b"]
    + [("\u066c", ","), ("\u066b", "."), ("\u066a", "%"), ("\u2212", "-"), ("\u223c", "~")]
    + [("≧", "≥"), ("⩾", "≥"), ("≦", "≤"), ("⩽", "≤"), ("≃", "≈"), ("≅", "≈")]
)
_LEADING: Final = "\"'"
_TRAILING: Final = "\"'.,;:!"

_TOKEN: Final = re.compile(
    r"(?P<digits>\d{4}-\d{1,2}-\d{1,2}(?!\d)|\d+(?:[.,']\d+| \d{3}(?!\d))*)|(?P<word>[^\W\d_]+)|(?P<sign>\S)"
)
_PLAIN: Final = re.compile(r"(?:0|[1-9]\d*)(?:\.(\d+))?")
_GROUPED: Final = re.compile(r"[1-9]\d{0,2}(?:([ ,'])\d{3}(?:\1\d{3})*|(?:\.\d{3}){2,})")


@dataclass(frozen=True, slots=True)
class Token:
    """A word, a number in digits or a sign, with its place in the original text."""

    kind: str
    text: str
    start: int
    end: int
    hyphen: bool = False  # tied to the token before it by a dash without spaces


@dataclass(frozen=True, slots=True)
class Amount:
    """A number or a range, as a count or as a share of one; `start` is where its last number stands."""

    low: Fraction
    high: Fraction
    share: bool
    ranged: bool
    start: int


@dataclass(frozen=True, slots=True)
class _Numeral:
    start: int
    value: Fraction
    head: Fraction | None = None  # what stands before the scale words; none in "a hundred" or "half a million"
    scale: int = 1  # product of the scale words, if nothing stands after them
    top: int = 1  # largest scale word
    decimals: str = ""
    grouped: bool = False
    share: bool = False
    percent: bool = False


def _plain_sign(sign: str) -> str:
    # Length-preserving on purpose: NFKC would move the positions that errors report.
    digit = unicodedata.decimal(sign, None)
    if digit is not None:
        return str(digit)
    category = unicodedata.category(sign)
    if category == "Zs":
        return " "
    if category in {"Cc", "Cf", "Zl", "Zp"}:  # a space may part thousands, a line break or an invisible sign may not
        return "\n"
    if "\uff01" <= sign <= "\uff5e":
        sign = chr(ord(sign) - 0xFEE0)
    if category == "Pd":
        return "-"
    lower = sign.lower()
    return _SAME.get(sign, lower if len(lower) == 1 else sign)


def _tokens(text: str) -> Iterator[Token]:
    plain = "".join(map(_plain_sign, text))
    found = [Token(m.lastgroup or "sign", m.group(), m.start(), m.end()) for m in _TOKEN.finditer(plain)]
    while found and found[-1].text in _TRAILING:
        found.pop()
    while found and found[0].text in _LEADING:
        found.pop(0)
    hyphen = False
    for before, token, after in zip([None, *found], found, [*found[1:], None], strict=False):
        # A dash without spaces is no token of its own: "twenty-one", "half-dozen", "50-odd" and "8-10" need to differ.
        if token.text == "-" and before and after and before.end == token.start and token.end == after.start:
            hyphen = after.kind != "sign" and (before.kind != "sign" or before.text == "%")
            if hyphen:
                continue
        yield replace(token, hyphen=hyphen)
        hyphen = False


class Reader:
    """A walk over the tokens of a phrase, that refuses with the place in the original text.

    Parameters
    ----------
    text : str
        The phrase.

    Examples
    --------
    >>> Reader("three to four hundred").amount()
    Amount(low=Fraction(300, 1), high=Fraction(400, 1), share=False, ranged=True, start=9)
    """

    def __init__(self, text: str) -> None:
        self.text = text
        self.tokens = tuple(_tokens(text))
        self.at = 0
        self._end = len(self.tokens)

    @property
    def next(self) -> Token | None:
        """The token to be read, or None at the end."""
        return self.tokens[self.at] if self.at < self._end else None

    @property
    def word(self) -> str:
        """The text of the token to be read; empty at the end."""
        return self.tokens[self.at].text if self.at < self._end else ""

    def refusal(self, reason: str, start: int | None = None) -> UnreadablePhrase:
        """Make the error to raise: unreadable at `start`, by default at the next token."""
        if start is None:
            start = self.next.start if self.next else len(self.text)
        return UnreadablePhrase(self.text, start, reason)

    def take(self, words: Container[str]) -> str | None:
        """Read one token, if it is among `words`."""
        token = self.next
        if token is None or token.text not in words:
            return None
        self.at += 1
        return token.text

    def take_phrase(self, phrases: Container[str]) -> str | None:
        """Read the longest of `phrases` (tokens joined by spaces) that stands here."""
        for n in range(min(_LONGEST_PHRASE, self._end - self.at), 0, -1):
            phrase = " ".join(token.text for token in self.tokens[self.at : self.at + n])
            if phrase in phrases:
                self.at += n
                return phrase
        return None

    def amount(self) -> Amount | None:
        """Read a number or a range of numbers, if one stands here."""
        start = self.at
        opener = self.take_phrase(_OPENERS)
        if opener is not None:
            return self._between(start)
        first = self._operand()
        if first is None:
            return None
        after = self.at
        parted = self.take({"to", "or", "-"})
        if parted or (self.next and self.next.hyphen):
            tied = self.next if parted is None else None
            second = self._operand()
            if second is not None:
                self._refuse_elided(first, second, parted, tied)
                return self._range(first, second, parted)
            self.at = after
        if first.share:
            return Amount(first.value, first.value, share=True, ranged=False, start=first.start)
        value = self._whole(first, first.value, first.top)
        return Amount(value, value, share=False, ranged=False, start=first.start)

    def _refuse_elided(self, low: _Numeral, high: _Numeral, parted: str | None, tied: Token | None) -> None:
        """Refuse "5-600", which papers write for 500 to 600, and "one-fifty", which is 150."""
        if low.share or high.share:
            return
        in_words = tied is not None and tied.kind == "word" and high.scale == 1
        alike = max(low.value, high.value) < 10 or (low.value % 10 == high.value % 10 == 0 and high.value < 100)
        if in_words and not alike:
            raise self.refusal("number words tied by a hyphen can be one number or two: write digits", low.start)
        rounded = high.value % 100 == 0 and high.scale == 1 and not high.grouped
        if parted != "to" and 0 < low.value < 100 and rounded and low.value * 100 < high.value:
            raise self.refusal(
                f"the first number may be {int(low.value):,} or {int(low.value) * 100:,}: write both in full", low.start
            )

    def _between(self, opened: int) -> Amount:
        # "between one hundred and five and two hundred": every "and" may be the one that parts the two numbers.
        start, end = self.at, self._end
        found: list[tuple[Amount, int]] = []
        problem: UnreadablePhrase | None = None
        for place in range(start, end):
            if self.tokens[place].text not in {"and", "to", "-"} and not self.tokens[place].hyphen:
                continue
            try:
                self.at, self._end = start, place
                first = self._operand()
                whole, self._end = self.at == place, end
                if place - self.at > _LONGEST_PHRASE:  # no look ahead reaches that far: the first number ended before
                    break
                parted = self.take({"and", "to", "-"})
                second = self._operand() if first and whole else None
                if first and second:
                    found.append((self._range(first, second, parted), self.at))
            except UnreadablePhrase as error:
                problem = problem or error
            finally:
                self._end = end
        if len({amount for amount, _ in found}) > 1:
            (one, _), (other, _), *_ = found
            both = " or ".join(f"{int(a.low):,} to {int(a.high):,}" for a in (one, other))
            raise self.refusal(f"can be read in two ways: {both}", self.tokens[opened].start)
        if found:
            self.at = found[0][1]
            return found[0][0]
        if problem:
            raise problem
        self.at = start
        self._operand()  # so that the place is behind what could be read
        raise self.refusal(f"two numbers must follow {self.tokens[start - 1].text!r}, such as 'between 8 and 10'")

    def _range(self, low: _Numeral, high: _Numeral, parted: str | None) -> Amount:
        if high.percent and not low.share and low.scale == low.top == 1:
            low = replace(low, value=low.value / 100, share=True)
        if low.share != high.share:
            raise self.refusal("one end of the range is a share and the other a count", high.start)
        first, second, top = low.value, high.value, low.top
        if not low.share:
            if low.scale == low.top == 1 and high.scale > 1 and high.head is not None and first < high.head:
                first, top = first * high.scale, high.top  # "three to four hundred", "2-3 million"
            else:
                # "7-8,000" may start at 7 or at 7,000; with "to" it is taken as it stands, as `Between` writes it.
                shared = 1_000 if high.grouped and parted != "to" and not second % 1_000 else high.top
                if low.top < shared and (0 < first * shared < second or (0 < first < 1_000 and shared >= _MILLION)):
                    raise self.refusal(
                        f"the first number may be {float(first):,g} or a multiple of it, as the second is: "
                        "write both in full",
                        low.start,
                    )
            first, second = self._whole(low, first, top), self._whole(high, second, high.top)
        if first > second:
            raise self.refusal("the range falls: write the smaller number first", high.start)
        return Amount(first, second, share=low.share, ranged=True, start=high.start)

    def _whole(self, numeral: _Numeral, value: Fraction, top: int) -> Fraction:
        decimals = numeral.decimals
        if len(decimals) == len("234") and top < _MILLION and numeral.head is not None and 1 <= numeral.head < 1_000:
            one = f"{int(numeral.head)}.{decimals}"
            raise self.refusal(
                f"{one} is {one.replace('.', '')} in some countries and a decimal fraction in others", numeral.start
            )
        if value.denominator != 1 or (top == 1 and decimals not in {"", "0"}):
            raise self.refusal("not a whole number", numeral.start)
        return value

    def _operand(self) -> _Numeral | None:
        numeral = self._number()
        if numeral is None or numeral.share:
            return numeral
        if self.take_phrase(_PERCENT):
            return replace(numeral, value=numeral.value / 100, share=True, percent=True)
        after = self.at
        if self.take_phrase({"in", "in every"}):
            whole = self._number()
            if whole and not whole.share and numeral.value <= whole.value <= _LARGEST_IN and whole.value:
                return replace(numeral, value=numeral.value / whole.value, share=True)
            self.at = after
        return numeral

    def _number(self) -> _Numeral | None:
        start = self.at
        if self.next is None:
            return None
        place = self.next.start
        part = self._fraction()
        if part is not None:
            after = self.at
            self.take({"of"})
            self.take(_ARTICLES)
            scale = self.take(_SCALES)
            if scale:
                return _Numeral(place, part * _SCALES[scale], top=_SCALES[scale])
            self.at = after
            return _Numeral(place, part, share=True)
        if self.take(_ARTICLES):
            if self.word not in _SCALES:
                self.at = start
                return None
            numeral = self._scaled(place, Fraction(1))
            return replace(numeral, head=None)
        if self.next.kind == "digits":
            value, decimals = self._digits(self.next)
            if self.word in _ABBREVIATED or (self.word in _GLUED and self._glued()):
                times = _GLUED[self.word]
                self.at += 1
                return _Numeral(place, value * times, value, times, times, decimals)
            grouped = bool(decimals == "" and not self.tokens[self.at - 1].text.isdecimal())
            return replace(self._scaled(place, value), decimals=decimals, grouped=grouped)
        below = self._below_hundred()
        return None if below is None else self._scaled(place, Fraction(below))

    def _glued(self) -> bool:
        return self.tokens[self.at].start == self.tokens[self.at - 1].end

    def _digits(self, token: Token) -> tuple[Fraction, str]:
        plain = _PLAIN.fullmatch(token.text)
        if plain:
            self.at += 1
            return Fraction(token.text), plain.group(1) or ""
        if _GROUPED.fullmatch(token.text):
            self.at += 1
            return Fraction("".join(filter(str.isdecimal, token.text))), ""
        if "-" in token.text:
            raise self.refusal("this is a date, not a number", token.start)
        if re.fullmatch(r"0\d+", token.text):
            raise self.refusal("a number does not begin with 0", token.start)
        raise self.refusal("thousands are parted in threes, as in 1,234,567, and a decimal is written 1.2", token.start)

    def _fraction(self) -> Fraction | None:
        start = self.at
        if self.take({"half"}):
            return Fraction(1, 2)
        if self.take(_ARTICLES):
            above: int | None = 1
        elif self.next and self.next.kind == "digits" and self.next.text.isdecimal():
            above = int(self.next.text)
            self.at += 1
        else:
            above = self._below_hundred()
        if above is not None:
            word = self.word
            nth = word if above == 1 else word.removesuffix("s") if word.endswith("s") else ""
            if nth in _NTHS:
                self.at += 1
                return Fraction(above, _NTHS[nth])
        self.at = start
        return None

    def _below_hundred(self) -> int | None:
        word = self.take(_TENS)
        if word is None:
            word = self.take(_UNITS)
            return None if word is None else _UNITS[word]
        unit = _UNITS.get(self.word, 0)
        if not 1 <= unit <= 9:
            return _TENS[word]
        self.at += 1
        return _TENS[word] + unit

    def _rest(self) -> int | None:
        # What may follow a scale word: "and five", "five"; but "two hundred-three hundred" is a range.
        start = self.at
        if not self.take({"and"}) and self.next and self.next.hyphen:
            return None
        rest = self._below_hundred()
        if not rest:
            self.at = start
            return None
        return rest

    def _scaled(self, place: int, head: Fraction) -> _Numeral:
        # head [hundred [rest]] [scale [rest [hundred [rest]] [smaller scale ...]]]
        group, total, scale, top, pure = self._half_more(head), Fraction(0), 1, 1, True
        head, limit = group, 10**30
        while True:
            if group < 100 and self.take({"hundred"} if group == 1 else {"hundred", "hundreds"}):
                group, scale, top = group * 100, scale * 100, max(top, 100)
                rest = self._rest()
                if rest is not None:
                    group, pure = group + rest, False
            word = self.word.removesuffix("s" if group != 1 else "")
            size = _THOUSANDS.get(word) or _ABBREVIATED.get(word) or (_DOZENS.get(word) if top == 1 else None)
            if size is None:
                break
            if size >= limit:
                raise self.refusal("a larger scale word stands after a smaller one")
            self.at += 1
            total, group, scale, top, limit = total + group * size, Fraction(0), scale * size, max(top, size), size
            rest = None if word in _DOZENS else self._rest()
            if rest is None:
                break
            group, pure = Fraction(rest), False
        if not pure and head.denominator != 1:
            raise self.refusal("a decimal number and number words side by side", place)
        return _Numeral(place, total + group, head, scale if pure else 1, top)

    def _half_more(self, head: Fraction) -> Fraction:
        # "one and a half million"; without a scale word it is no count.
        start = self.at
        if self.take_phrase({"and a half"}) and self.word in _SCALES:
            return head + Fraction(1, 2)
        self.at = start
        return head


def read_number(text: str) -> int:
    """Read one whole number, in digits or in English words.

    Parameters
    ----------
    text : str
        Such as ``"1,234"``, ``"1.2 million"`` or ``"one hundred and five"``. Digits may be of any script;
        thousands may be parted by commas, spaces or apostrophes, and by points if there are two or more.

    Returns
    -------
    int
        Not bounded: the caller knows what is too large.

    Raises
    ------
    UnreadablePhrase
        If the text is not one number, or can be read in two ways, as "1.234" can.

    Examples
    --------
    >>> read_number("two thousand three hundred and five")
    2305
    >>> read_number("half a dozen")
    6
    """
    reader = Reader(text)
    amount = reader.amount()
    if amount is None or reader.next:
        raise reader.refusal("not a number")
    if amount.share or amount.ranged:
        raise reader.refusal("not one number but a share or a range", amount.start)
    return int(amount.low)
