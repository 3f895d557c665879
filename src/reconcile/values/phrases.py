# SPDX-License-Identifier: MIT
"""Reading the phrases of reports into values; what cannot be read is refused with its place, never guessed."""

from __future__ import annotations

import re
from fractions import Fraction

from reconcile.errors import UnreadablePhrase
from reconcile.numerals import NUMBER_WORDS, Amount, Reader, Token
from reconcile.plumbing import check
from reconcile.values.kinds import (
    LARGEST,
    LOWEST_LEVEL,
    About,
    AtLeast,
    AtMost,
    Between,
    Exactly,
    Share,
    Surveyed,
    Vague,
    Value,
)

__all__ = ["LONGEST_PHRASE", "VAGUE_WORDS", "parse"]

LONGEST_PHRASE = 500

VAGUE_WORDS: tuple[str, ...] = (
    "a couple", "a few", "several", "some", "a handful", "multiple", "many", "numerous", "countless",
    "a number", "a small number", "a large number", "a few dozen", "several dozen", "a few hundred",
    "several hundred", "a few thousand", "several thousand", "tens", "dozens", "scores", "hundreds", "thousands",
    "tens of thousands", "hundreds of thousands", "millions",
)  # fmt: skip

_VAGUE = {word: word for word in VAGUE_WORDS}
_VAGUE |= {word.removeprefix("a "): word for word in VAGUE_WORDS if re.match("a (couple|few|handful)", word)}
_VAGUE |= {f"{said}s": word for said, word in _VAGUE.items() if re.search("(dozen|hundred|thousand)$", said)}
_VAGUE |= {"small numbers": "a small number", "large numbers": "a large number"}


def _by_phrase(table: dict[str, str]) -> dict[str, str]:
    return {phrase.strip(): kind for kind, phrases in table.items() for phrase in phrases.split("|")}


# "Nearly" and "almost" say a little less than the number; the kinds hold no such thing, so they read as About.
_MODIFIERS = _by_phrase({
    "least": "at least|no fewer than|not fewer than|no less than|not less than|upwards of|upward of|a minimum of"
    "|minimum of|minimum|> =|≥|so far",
    "more": "more than|over|well over|above|in excess of|exceeding|greater than|>",
    "most": "up to|at most|no more than|not more than|not exceeding|a maximum of|maximum of|maximum|as many as|< =|≤",
    "fewer": "fewer than|less than|under|below|<",
    "about": "some|about|around|roughly|approximately|approx|approx .|circa|ca|ca .|c|c .|~|≈|an estimated|estimated"
    "|nearly|almost|close to|more or less",
})  # fmt: skip
_SUFFIXES = _by_phrase({
    "least": "or more|+|plus|at least|minimum", "most": "or fewer|or less|at most|maximum",
    "about": "or so|or thereabouts|odd",
})  # fmt: skip
_SO_FAR = {"so far", "thus far", "to date"}
_WORDED = {"none": 0, "nobody": 0, "no one": 0, "noone": 0, "nil": 0, "no": 0, "a": 1, "an": 1, "a single": 1}
_SHARES = {
    "most": (0.5, 1), "a majority": (0.5, 1), "the majority": (0.5, 1), "a vast majority": (0.75, 1),
    "the vast majority": (0.75, 1), "almost all": (0.9, 1), "nearly all": (0.9, 1), "all": (1, 1),
    "a minority": (0, 0.5), "the minority": (0, 0.5),
}  # fmt: skip
_OF_ALL = {f"of {whole}" for whole in ("them", "those", "these", "all", "all of them", "the total", "everyone")}

# Words that may follow a count because they name no group; each is a letter in the shape of what may follow.
_TAIL = _by_phrase({
    "P": "people|person|persons|individual|individuals|victim|victims",
    "N": "death|deaths|fatality|fatalities|casualty|casualties",
    "O": "dead|killed|injured|wounded|hurt|missing",
    "D": "died", "A": "were|was|are|is", "H": "have|has|had", "B": "been", "C": "confirmed",
})  # fmt: skip
# "missing persons"; "confirmed deaths"; "people have been confirmed dead", "people have died": but not "have killed"
_TAIL_SHAPE = re.compile("C?OP|C?N(?:(?:A|HB)?C)?|P?(?:(?:A|HB)?C?O|H?D)?(?:(?:A|HB)?C)?")

_TWO_CLAIMS = "this is two claims: write each in a row of its own"
_ON_VAGUE = "a bound or a range on a vague word cannot be held"
_DOUBT = "a hedge goes into the field 'hedged', not into the value"
_NOTHING = "says nothing about a number"
_UNREADABLE_WORDS = {word: reason for words, reason in (
    ("including include includes", _TWO_CLAIMS),
    ("reportedly reported reports believed thought feared presumed allegedly alleged claimed suspected said", _DOUBT),
    ("possibly possible perhaps maybe probably probable likely apparently unconfirmed could may might", _DOUBT),
    ("unknown unspecified undisclosed undetermined unclear unavailable", _NOTHING),
) for word in words.split()}  # fmt: skip
_NOTHING_SAID = {"n / a", "na", "n . a", "?", "-", "null", "nan", "tbd", "tba", "not known", "not available", "no data"}
_LEFT = {word: reason for words, reason in (
    ("and , ; with &", _TWO_CLAIMS),
    ("?", _DOUBT),
    ("/", "a slash may be a range, a fraction or a date"),
    ("more other others another additional further", "adds to a number said elsewhere: write the total"),
    ("of out", "a part of a group: write the number alone, and name the groups in the group column or in Share.of"),
    ("( )", "a bracket holds an interval with its level, as in '1,200 (90 % interval 900 to 1,600)'"),
    ("confirmed", "may be the number or a floor: write '12', or '12 confirmed so far'"),
    ("hundred thousand million billion dozen", "write how many, as in 'a hundred'; some combinations cannot be held"),
    ("- to or", "a range is of two numbers, one on each side"),
) for word in words.split()}  # fmt: skip


def _why_left(token: Token, after: Token | None = None, *, share: bool = False) -> str:
    if any(left and left.text in _VAGUE for left in (token, after)):
        return _ON_VAGUE
    if share:
        return "only 'of them' and the like may follow a share: name the whole group in Share.of"
    if after and token.text in {"and", "or"} and after.text in _TAIL:
        return "two outcomes: write the number alone, and name them in the outcome column"
    if token.text in _LEFT:
        return _LEFT[token.text]
    if token.kind == "digits" or token.text in NUMBER_WORDS:
        return "two numbers side by side"
    return f"{token.text!r} is not part of a number; if it names a group, put it in the group column"


def _suffixed(reader: Reader, kind: str) -> str:
    start = reader.at
    suffix = reader.take_phrase(_SUFFIXES)
    if suffix is None:
        return kind
    if kind != "exact":
        raise reader.refusal("two bounds on one number", reader.tokens[start].start)
    return _SUFFIXES[suffix]


def _drop_tail(reader: Reader) -> int | None:
    """Pass over neutral nouns; the place of the word "confirmed", if it is there."""
    rest = reader.tokens[reader.at :]
    known = next((i for i, token in enumerate(rest) if token.text not in _TAIL), len(rest))
    matched = _TAIL_SHAPE.match("".join(_TAIL[token.text] for token in rest[:known]))
    read = rest[: matched.end() if matched else 0]
    reader.at += len(read)
    return next((token.start for token in read if token.text == "confirmed"), None)


def _surveyed(reader: Reader, point: Amount) -> Surveyed:
    start = reader.at
    reader.take({"("})
    level, interval = reader.amount(), None
    if level and level.share and not level.ranged and 0 < level.low < 1:
        reader.take_phrase({"interval", "ci", "confidence interval", "credible interval", "uncertainty interval"})
        reader.take({":", ","})
        interval = reader.amount()
    if not (level and interval and interval.ranged and not interval.share and reader.take({")"})):
        raise reader.refusal(_LEFT["("], reader.tokens[start].start)
    if not LOWEST_LEVEL <= float(level.low) < 1:
        raise reader.refusal("an interval's level is from 50 % to below 100 %, such as 95 %", level.start)
    low, high = int(interval.low), int(interval.high)
    if not low <= point.low <= high <= LARGEST:
        raise reader.refusal("the interval must hold the number before it", interval.start)
    return Surveyed(int(point.low), low, high, level=float(level.low))


def _share(reader: Reader, kind: str, low: float, high: float) -> Share:
    reader.take_phrase(_OF_ALL)
    # Strictness is lost: "more than half" and "at least half" are both from a half to all.
    if kind in {"least", "more"}:
        high = 1
    elif kind in {"most", "fewer"}:
        low = 0
    return Share(low, high)


def _counted(reader: Reader, kind: str, amount: Amount) -> Value:
    low, high = int(amount.low), int(amount.high)
    if high + (kind == "more") > LARGEST:
        raise reader.refusal(f"larger than {LARGEST:,}", amount.start)
    if amount.ranged:
        return Between(low, high)
    if kind == "fewer" and low == 0:
        raise reader.refusal("a count cannot be negative", amount.start)
    made: dict[str, Value] = {
        "least": AtLeast(low), "more": AtLeast(low + (kind == "more")), "most": AtMost(low),
        "fewer": AtMost(max(low - 1, 0)), "about": About(low), "exact": Exactly(low),
    }  # fmt: skip
    return made[kind]


def _worded(reader: Reader, kind: str) -> Amount | Vague:
    """What stands in place of a number: a vague word, "none", "a"."""
    token = reader.next
    start = token.start if token else len(reader.text)
    vague = reader.take_phrase(_VAGUE)
    if vague and kind == "exact":
        reader.take({"of"})
        _drop_tail(reader)
        return Vague(_VAGUE[vague])
    word = reader.take_phrase(_WORDED) if kind == "exact" else None
    if word:
        said = Fraction(_WORDED[word])
        return Amount(said, said, share=False, ranged=False, start=start)
    if vague:
        raise reader.refusal(_ON_VAGUE, start)
    if token and token.text in {"-", "minus", "negative"}:
        raise reader.refusal("a count cannot be negative")
    if token is None or kind != "exact":
        raise reader.refusal("a number is missing")
    raise reader.refusal(_why_left(token))


def _refuse_unsaid(reader: Reader) -> None:
    if " ".join(token.text for token in reader.tokens) in _NOTHING_SAID or not reader.tokens:
        raise reader.refusal(_NOTHING)
    for token in reader.tokens:
        if token.text in _UNREADABLE_WORDS:
            raise reader.refusal(_UNREADABLE_WORDS[token.text], token.start)


def _value(reader: Reader) -> Value:
    if share := reader.take_phrase(_SHARES):
        return _share(reader, "exact", *_SHARES[share])
    modifier = reader.take_phrase(_MODIFIERS)
    kind = _MODIFIERS[modifier] if modifier else "exact"
    if not modifier:
        reader.take_phrase({"a total of", "exactly", "precisely", "only"})  # these change nothing
    elif reader.next and reader.next.hyphen:
        raise reader.refusal("a compound such as 'under-18' is no bound")
    amount: Amount | Vague | None = reader.amount()
    if amount is None and modifier == "some":
        reader.at, kind = 0, "exact"
    worded = amount is None
    amount = amount or _worded(reader, kind)
    if isinstance(amount, Vague):
        return amount
    if not worded:  # "A+" is no number
        kind = _suffixed(reader, kind)
    if amount.ranged and kind not in {"exact", "about"}:
        raise reader.refusal("a bound on a range cannot be held: it has two bounds already", amount.start)
    if amount.share:
        if amount.high > 1 or (kind, int(amount.high)) == ("more", 1) or (kind == "fewer" and not amount.low):
            raise reader.refusal("a share is from 0 to 100 %", amount.start)
        return _share(reader, kind, float(amount.low), float(amount.high))
    if reader.word == "(" and kind == "exact" and not amount.ranged:
        return _surveyed(reader, amount)
    confirmed = _drop_tail(reader)
    if not worded:
        kind = _suffixed(reader, kind)
    if amount.ranged and kind not in {"exact", "about"}:
        raise reader.refusal("a bound on a range cannot be held: it has two bounds already", amount.start)
    if reader.take_phrase(_SO_FAR):
        if kind not in {"exact", "least"} or amount.ranged or not amount.high:
            raise reader.refusal("'so far' makes a floor of a number: it cannot stand here", amount.start)
        kind = "least"
    elif confirmed is not None:
        raise reader.refusal(_LEFT["confirmed"], confirmed)
    return _counted(reader, kind, amount)


def parse(text: str) -> Value:
    """Read a phrase as news reports use it; what cannot be read, or in two ways, is refused and never guessed.

    Parameters
    ----------
    text : str
        At most 500 characters, in any case, digits of any script: "at least nine", "8-10", "some 600,000",
        "dozens", "two thirds". Neutral nouns may follow a count ("12 people killed"), groups may not ("12 children").

    Returns
    -------
    Value
        "Nearly 50" and "almost 50" are ``About(50)``, "three to four hundred" is ``Between(300, 400)``.

    Raises
    ------
    UnreadablePhrase
        With the place where reading stopped, and why.
    InvalidValue
        If `text` is not a text.

    Examples
    --------
    >>> parse("more than 40 people"), parse("2-3 million"), parse("no casualties")
    (AtLeast(41), Between(2000000, 3000000), Exactly(0))
    """
    check(isinstance(text, str), "parse.text", text, "a text")
    if len(text) > LONGEST_PHRASE:
        raise UnreadablePhrase(text, LONGEST_PHRASE, f"longer than {LONGEST_PHRASE} characters")
    reader = Reader(text)
    _refuse_unsaid(reader)
    value = _value(reader)
    if reader.next:
        after = reader.tokens[reader.at + 1 :]
        raise reader.refusal(_why_left(reader.next, after[0] if after else None, share=isinstance(value, Share)))
    return value
