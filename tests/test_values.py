# SPDX-License-Identifier: MIT
"""The eight kinds of value, and the phrases that are read into them."""

from __future__ import annotations

import contextlib
import copy
import pickle
import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from steps import steps_of

from reconcile.errors import InvalidValue, UnreadablePhrase
from reconcile.values import (
    LARGEST,
    VAGUE_WORDS,
    About,
    AtLeast,
    AtMost,
    Between,
    Exactly,
    Share,
    Surveyed,
    Vague,
    Value,
    parse,
)
from reconcile.vocabulary import EVERYONE, Group

PHRASES = {
    # a bare number
    "5": Exactly(5), "five": Exactly(5), "Five.": Exactly(5), "“twelve”": Exactly(12), "1,234": Exactly(1234),
    "12 people": Exactly(12), "one person": Exactly(1), "12 dead": Exactly(12), "12 deaths": Exactly(12),
    "12 people killed": Exactly(12), "12 people were killed": Exactly(12),
    "twelve people have been injured": Exactly(12),
    "12 people have died": Exactly(12), "3 missing persons": Exactly(3), "half a dozen": Exactly(6),
    "half a dozen people": Exactly(6), "a dozen": Exactly(12), "a": Exactly(1), "a single": Exactly(1),
    "a single person": Exactly(1), "a total of 12": Exactly(12), "exactly five": Exactly(5), "12.0": Exactly(12),
    "none": Exactly(0), "nobody": Exactly(0), "no one": Exactly(0), "No-one": Exactly(0), "no casualties": Exactly(0),
    "no deaths": Exactly(0), "no": Exactly(0), "nil": Exactly(0), "zero": Exactly(0), "nobody was killed": Exactly(0),
    # floors
    "at least nine": AtLeast(9), "At  least\nnine": AtLeast(9), "more than 40": AtLeast(41), "over 40": AtLeast(41),
    "above 40": AtLeast(41), "in excess of 40": AtLeast(41), "exceeding 40": AtLeast(41), ">40": AtLeast(41),
    "no fewer than 12": AtLeast(12), "not less than 12": AtLeast(12), "no less than 12": AtLeast(12),
    "12 or more": AtLeast(12), "12 people or more": AtLeast(12), "12+": AtLeast(12), "12+ people": AtLeast(12),
    ">=40": AtLeast(40), "≥40": AtLeast(40), "≥ 40": AtLeast(40), "upwards of 40": AtLeast(40),
    "a minimum of 12": AtLeast(12), "minimum 12": AtLeast(12), "12 confirmed so far": AtLeast(12),
    "12 confirmed dead so far": AtLeast(12), "so far 12": AtLeast(12), "12 killed so far": AtLeast(12),
    "at least 12 so far": AtLeast(12), "at least a dozen": AtLeast(12), "more than a dozen": AtLeast(13),
    "more than 1.2 million": AtLeast(1_200_001), "40-plus": AtLeast(40), "one or more": AtLeast(1),
    "more than 0": AtLeast(1),
    # ceilings
    "up to 30": AtMost(30), "at most 30": AtMost(30), "no more than 30": AtMost(30), "not more than 30": AtMost(30),
    "fewer than 30": AtMost(29), "less than 30": AtMost(29), "under 30": AtMost(29), "below 30": AtMost(29),
    "a maximum of 30": AtMost(30), "maximum 30": AtMost(30), "as many as 30": AtMost(30), "<30": AtMost(29),
    "<=30": AtMost(30), "≤30": AtMost(30), "30 or fewer": AtMost(30), "30 or less": AtMost(30),
    "fewer than one": AtMost(0),
    # rough numbers
    "some 600,000": About(600_000), "about a dozen": About(12), "around 50": About(50), "roughly 50": About(50),
    "approximately 50": About(50), "approx. 50": About(50), "approx 50": About(50), "circa 50": About(50),
    "ca. 50": About(50), "c. 50": About(50), "~50": About(50), "≈50": About(50), "an estimated 50": About(50),
    "estimated 50": About(50), "nearly 50": About(50), "almost 50": About(50), "close to 50": About(50),
    "50 or so": About(50), "50 people or so": About(50), "50 or thereabouts": About(50), "50-odd": About(50),
    "fifty-odd people": About(50), "about 1.2 million": About(1_200_000),
    # ranges
    "8-10": Between(8, 10), "8 to 10": Between(8, 10), "between eight and ten": Between(8, 10),
    "from 8 to 10": Between(8, 10), "three to four hundred": Between(300, 400), "8 - 10 people": Between(8, 10),
    "2-3 million": Between(2_000_000, 3_000_000), "five or six": Between(5, 6), "some 8-10": Between(8, 10),
    "about 8 to 10": Between(8, 10), "7,000-8,000": Between(7000, 8000), "8-8": Between(8, 8),
    **{f"8{dash}10": Between(8, 10) for dash in "‐‑‒–—―−﹣－"},
    **{f"8 {dash} 10": Between(8, 10) for dash in "–—−"},
    # words in place of numbers
    "dozens": Vague("dozens"), "Dozens of people": Vague("dozens"), "dozens killed": Vague("dozens"),
    "few": Vague("a few"), "a few": Vague("a few"), "handful": Vague("a handful"), "a handful": Vague("a handful"),
    "a number of": Vague("a number"), "a number": Vague("a number"), "some": Vague("some"),
    "some people": Vague("some"),
    "several dozen": Vague("several dozen"), "few hundred": Vague("a few hundred"),
    "several dozens": Vague("several dozen"),
    "hundreds of": Vague("hundreds"), "tens of thousands": Vague("tens of thousands"), "couple": Vague("a couple"),
    "hundreds of thousands of people": Vague("hundreds of thousands"), "many": Vague("many"), "scores": Vague("scores"),
    # shares
    "half": Share(0.5, 0.5), "a half": Share(0.5, 0.5), "one half": Share(0.5, 0.5), "most": Share(0.5, 1),
    "a majority": Share(0.5, 1), "a third": Share(1 / 3, 1 / 3), "one third": Share(1 / 3, 1 / 3),
    "two thirds": Share(2 / 3, 2 / 3), "two-thirds": Share(2 / 3, 2 / 3), "a quarter": Share(0.25, 0.25),
    "three quarters": Share(0.75, 0.75), "one in five": Share(0.2, 0.2), "40%": Share(0.4, 0.4),
    "40 %": Share(0.4, 0.4), "40 percent": Share(0.4, 0.4), "forty per cent": Share(0.4, 0.4),
    "12.5%": Share(0.125, 0.125),
    "40-50%": Share(0.4, 0.5), "40% to 50%": Share(0.4, 0.5), "between 40 and 50 percent": Share(0.4, 0.5),
    "a third to a half": Share(1 / 3, 0.5), "at least half": Share(0.5, 1), "more than half": Share(0.5, 1),
    "over half": Share(0.5, 1), "less than half": Share(0, 0.5), "about half": Share(0.5, 0.5),
    "around a third": Share(1 / 3, 1 / 3), "nearly half": Share(0.5, 0.5), "roughly 40%": Share(0.4, 0.4),
    "almost all": Share(0.9, 1), "nearly all": Share(0.9, 1), "all": Share(1, 1), "up to 40%": Share(0, 0.4),
    "at least 40%": Share(0.4, 1), "a minority": Share(0, 0.5), "the vast majority": Share(0.75, 1),
    "half of them": Share(0.5, 0.5), "most of those": Share(0.5, 1), "half of the total": Share(0.5, 0.5),
    "half of all": Share(0.5, 0.5), "half or more": Share(0.5, 1), "50 % of everyone": Share(0.5, 0.5),
    "40 to 50 % of everyone": Share(0.4, 0.5),
    # surveys
    "1,200 (90 % interval 900 to 1,600)": Surveyed(1200, 900, 1600, 0.9),
    "1,200 (95% CI: 900–1,600)": Surveyed(1200, 900, 1600, 0.95),
}  # fmt: skip

GROUP, HEDGED, TWO, NOTHING = "group column", "hedged", "two claims", "says nothing about a number"
VAGUE_BOUND, NEGATIVE, WHOLE = "vague word", "negative", "Share.of"

# The phrase, where reading stops, and a part of the reason.
REFUSED = [
    ("12 children", 3, GROUP), ("5 soldiers", 2, GROUP), ("no soldiers", 3, GROUP), ("a woman", 2, GROUP),
    ("dozens of children", 10, GROUP), ("ten have killed", 4, GROUP),
    ("half of the soldiers", 5, WHOLE), ("most people", 5, WHOLE), ("40% dead", 4, WHOLE), ("all 12", 4, WHOLE),
    ("reportedly five", 0, HEDGED), ("believed to be 5", 0, HEDGED), ("five reported", 5, HEDGED), ("12?", 2, HEDGED),
    ("half of them are believed to be children", 17, HEDGED), ("dozens, possibly hundreds", 8, HEDGED),
    ("9 including 3 children", 2, TWO), ("9 killed, 3 wounded", 8, TWO), ("9 killed and 3 wounded", 9, TWO),
    ("12 dead or missing", 8, "outcome column"), ("12 and 5", 3, TWO),
    ("", 0, NOTHING), ("   ", 3, NOTHING), ("unknown", 0, NOTHING), ("an unspecified number", 3, NOTHING),
    ("n/a", 0, NOTHING), ("N.A.", 0, NOTHING), ("?", 0, NOTHING), ("—", 0, NOTHING), ('"".', 3, NOTHING),
    ("-5", 0, NEGATIVE), ("−5", 0, NEGATIVE), ("minus five", 0, NEGATIVE), ("at least -5", 9, NEGATIVE),
    ("fewer than 0", 11, NEGATIVE), ("less than zero", 10, NEGATIVE),
    ("1.234", 0, "1234 in some countries"), ("at least 1.234", 9, "1234 in some countries"), ("1.5", 0, "whole"),
    ("10-8", 3, "falls"), ("ten to eight", 7, "falls"), ("2020-02-10", 0, "date"), ("8/10", 1, "slash"),
    ("8-10-12", 5, "side by side"), ("8 or 9 or 10", 7, "range"), ("between 5", 9, "two numbers"), ("8 to", 2, "range"),
    ("7-8,000", 0, "multiple"), ("at least 8-10", 11, "bound on a range"), ("8 to 10 or more", 5, "bound on a range"),
    ("at least several dozen", 9, VAGUE_BOUND), ("up to several hundred", 6, VAGUE_BOUND),
    ("more than 100 or dozens", 14, VAGUE_BOUND), ("dozens or hundreds", 7, VAGUE_BOUND),
    ("some dozens", 5, VAGUE_BOUND), ("many thousands", 5, VAGUE_BOUND),
    ("more than 12 or more", 13, "two bounds"), ("at least", 8, "missing"), ("at least a person", 9, "missing"),
    ("12 more", 3, "write the total"), ("three others", 6, "write the total"), ("12 of the 30", 3, "part of a group"),
    ("12 out of 30", 3, "part of a group"), ("12 in 2020", 3, GROUP), ("12 confirmed dead", 3, "floor"),
    ("up to 12 so far", 6, "so far"), ("no deaths so far", 0, "so far"), ("under-18", 6, "compound"),
    ("120%", 0, "100 %"), ("five thirds", 0, "100 %"), (">100%", 1, "100 %"), ("less than 0%", 10, "100 %"),
    ("5 to half", 5, "share"), (f"{LARGEST + 1}", 0, "larger"), ("more than a trillion", 10, "larger"),
    ("1 to 9999999999999", 5, "larger"), ("1,200 (900 to 1,600)", 6, "interval with its level"),
    ("1,200 (90 % interval 1,300 to 1,600)", 30, "must hold"), ("A+", 1, GROUP),
    # İ and the ligature change their length under lower() and NFKC: places are those of the text as given.
    ("İİ 12", 0, GROUP), ("12 İİİ 5", 3, GROUP), ("１２ ﬁve", 3, GROUP), ("\u200b\u200b12 ﬃ", 5, GROUP),
]  # fmt: skip


@pytest.mark.parametrize("phrase, value", PHRASES.items())
def test_parse_reads(phrase, value):
    found = parse(phrase)
    assert type(found) is type(value)
    if isinstance(value, Share):
        assert (found.low, found.high, found.of) == (pytest.approx(value.low), pytest.approx(value.high), EVERYONE)
    else:
        assert found == value
    assert parse(f"  {phrase.upper()} ") == found


@pytest.mark.parametrize("phrase, position, reason", REFUSED)
def test_parse_refuses_with_place_and_reason(phrase, position, reason):
    with pytest.raises(UnreadablePhrase) as caught:
        parse(phrase)
    assert (caught.value.text, caught.value.position) == (phrase, position)
    assert reason in caught.value.reason


@pytest.mark.parametrize("given_", [None, 5, 5.0, b"5", ["5"], Exactly(5)])
def test_parse_wants_text(given_):
    with pytest.raises(InvalidValue):
        parse(given_)


def test_parse_refuses_long_texts_without_reading_them():
    assert parse("5" + " " * 499) == Exactly(5)
    with pytest.raises(UnreadablePhrase) as caught:
        parse("5" + " " * 500)
    assert caught.value.position == 500


@pytest.mark.parametrize(
    "piece",
    ["between and ", "one and ", "1-", "a-", "9", "1 234 ", "'", "killed ", "one hundred and ", "were ", "half ", "("],
)
def test_no_phrase_takes_long(piece):
    """Twice the text is twice the work: a reader that goes back and tries again would need minutes for the longest."""

    def read(text):
        with contextlib.suppress(UnreadablePhrase):
            parse(text)

    for opening in ("", "between ", "from ", "5 "):
        text = (opening + piece * 500)[:500]
        half, whole = (steps_of(read, text[:size]) for size in (250, 500))
        assert whole < 2.2 * half, text
        assert whole < 20_000, text  # at most some 10,000


COUNTS = st.integers(0, LARGEST)
COUNTED = st.one_of(
    st.builds(Exactly, COUNTS),
    st.builds(AtLeast, COUNTS),
    st.builds(AtMost, COUNTS),
    st.builds(About, COUNTS),
    st.builds(Vague, st.sampled_from(VAGUE_WORDS)),
    st.tuples(COUNTS, COUNTS).map(sorted).map(lambda ends: Between(*ends)),
    st.tuples(st.tuples(COUNTS, COUNTS, COUNTS).map(sorted), st.integers(50, 99)).map(
        lambda drawn: Surveyed(drawn[0][1], drawn[0][0], drawn[0][2], level=drawn[1] / 100)
    ),
)
GROUPS = st.sampled_from([EVERYONE, Group(party="Turkey"), Group(age="child", status={"civilian", "police"})])
SHARES = st.builds(
    lambda ends, of: Share(*ends, of=of), st.tuples(st.floats(0, 1), st.floats(0, 1)).map(sorted), GROUPS
)
VALUES = COUNTED | SHARES


@given(COUNTED)
@example(Between(1, 2_000))  # "1 to 2,000" is taken as it stands, though "1-2,000" is refused
@example(Surveyed(1, 1, 1, level=0.59))
def test_parse_reads_what_str_writes(value):
    assert parse(str(value)) == value


@given(st.integers(0, 100), st.integers(0, 100))
def test_parse_reads_the_shares_that_str_writes(a, b):
    value = Share(min(a, b) / 100, max(a, b) / 100)
    found = parse(str(value))
    assert (found.low, found.high) == (pytest.approx(value.low), pytest.approx(value.high))


def test_every_vague_word_is_its_own_canonical_spelling():
    assert len(set(VAGUE_WORDS)) == len(VAGUE_WORDS)
    for word in VAGUE_WORDS:
        assert parse(word) == parse(word.title()) == parse(f"{word} of people") == Vague(word)
        assert parse(word).word == word


PIECES = st.sampled_from(
    re.findall(
        r"\S+|\u200b",
        "at least more than up to about some between and from or - – to 5 12 1,234 1.234 40 % half third a one hundred "
        "thousand million dozen dozens of several people killed so far confirmed ( ) interval + ? . , ' no İ ﬁ ٣ "
        "\u200b in all few k m 2020-02-10 over fewer two-thirds -5 most nearly including reportedly",
    )
)


@given(st.text() | st.text(alphabet="0123456789 ,.-–'%()+k") | st.lists(PIECES, max_size=9).map(" ".join))
@example("\ud800")
@example("between a third and a half and two thirds")
@example("0between")  # the reason once came from reading "between" as a phrase of its own
@example("a" * 501)
def test_any_text_is_read_or_refused_inside_the_text(text):
    refusal = value = None
    try:
        value = parse(text)
    except UnreadablePhrase as error:
        refusal = error
    if refusal is None:
        assert isinstance(value, Value)
    else:
        assert refusal.text == text
        assert 0 <= refusal.position <= len(text)
        assert refusal.reason


@given(COUNTS)
def test_bounds_on_shifted_numbers(n):
    """'More than n' is 'at least n + 1', and 'fewer than n + 1' is 'at most n'."""
    n = min(n, LARGEST - 1)
    assert parse(f"more than {n}") == parse(f"at least {n + 1}") == AtLeast(n + 1)
    assert parse(f"fewer than {n + 1}") == parse(f"at most {n}") == AtMost(n)


@given(VALUES)
def test_repr_rebuilds_and_copies_are_equal(value):
    for twin in (eval(repr(value)), pickle.loads(pickle.dumps(value)), copy.deepcopy(value)):
        assert twin == value
        assert hash(twin) == hash(value)
        assert type(twin) is type(value)


@pytest.mark.parametrize("kind", [Exactly, AtLeast, AtMost, About])
@pytest.mark.parametrize("given_", [-1, LARGEST + 1, 5.0, float("nan"), True, None, "5", [5]])
def test_counts_refuse(kind, given_):
    with pytest.raises(InvalidValue, match=kind.__name__):
        kind(given_)


@pytest.mark.parametrize(
    "make",
    [
        lambda: Between(10, 8),
        lambda: Between(-1, 8),
        lambda: Between(1, 2.5),
        lambda: Vague(""),
        lambda: Vague("  "),
        lambda: Vague(None),
        lambda: Vague("x" * 101),
        lambda: Surveyed(5, 6, 10),
        lambda: Surveyed(11, 6, 10),
        lambda: Surveyed(8, 6, 10, level=1),
        lambda: Surveyed(8, 6, 10, level=0),
        lambda: Surveyed(8, 6, 10, level=0.0095),
        lambda: Surveyed(8, 6, 10, level="high"),
        lambda: Surveyed(8, 6, 10, level=float("nan")),
        lambda: Share(-0.1, 0.5),
        lambda: Share(0.5, 1.1),
        lambda: Share(0.6, 0.5),
        lambda: Share(True, 1),
        lambda: Share("0.5", 1),
        lambda: Share(float("nan"), 1),
        lambda: Share(0.5, 0.5, of="children"),
    ],
)
def test_kinds_refuse(make):
    with pytest.raises(InvalidValue):
        make()


@given(VALUES)
def test_values_are_frozen(value):
    field = value.__attrs_attrs__[0].name
    with pytest.raises(AttributeError):
        setattr(value, field, getattr(value, field))


def test_kinds_with_equal_numbers_are_different():
    assert len({Exactly(5), AtLeast(5), AtMost(5), About(5), Between(5, 5)}) == 5


@pytest.mark.parametrize(
    "text",
    [
        "5-600", "7-800 people", "15-1600", "four or 500", "one-fifty", "one-twenty people", "nineteen-eighty-four",
        "8 to 10 people or more", "8-10 people at most", "0 (0.95% CI 0-10)",
        "5 (99.9999999999999999999% CI 1-9)",
    ],
)  # fmt: skip
def test_what_papers_write_short_is_refused_not_guessed(text):
    """Read once as 5 to 600, 1 to 50, a plain range, a level of one percent."""
    with pytest.raises(UnreadablePhrase):
        parse(text)


@pytest.mark.parametrize(
    "text, low, high",
    [
        ("8-10", 8, 10),
        ("five-six", 5, 6),
        ("twenty-thirty", 20, 30),
        ("three-four hundred", 300, 400),
        ("5-100", 5, 100),
    ],
)
def test_plain_ranges_are_still_read(text, low, high):
    assert parse(text) == Between(low, high)
