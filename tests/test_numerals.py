# SPDX-License-Identifier: MIT
"""Numbers in text: what is read, what is refused, and a round trip through number words made here."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconcile.errors import UnreadablePhrase
from reconcile.numerals import Reader, read_number

READ = {
    "0": 0, "5": 5, "1234": 1234, "1,234": 1234, "1'234": 1234, "1’234": 1234, "1 234": 1234,
    "1\u00a0234": 1234, "1\u2009234": 1234, "1\u202f234": 1234, "1.234.567": 1_234_567, "12 345 678": 12_345_678,
    "12.0": 12, "1234.0": 1234, "1.2 million": 1_200_000, "2.5 thousand": 2_500, "0.5 million": 500_000,
    "1.234 million": 1_234_000, "600k": 600_000, "600K": 600_000, "1.2m": 1_200_000, "2bn": 2 * 10**9,
    "3 mln": 3_000_000, "5 lakh": 500_000, "2 crore": 20_000_000, "1.25 hundred thousand": 125_000,
    "٣٤": 34, "۱۲": 12, "１２": 12, "１，２３４": 1234, "١٬٢٣٤": 1234,
    "zero": 0, "five": 5, "FIVE": 5, "nineteen": 19, "twenty-one": 21, "twenty one": 21, "ninety–nine": 99,
    "a hundred": 100, "one hundred and five": 105, "one hundred five": 105, "two-hundred": 200,
    "nineteen hundred": 1900,
    "two thousand three hundred": 2300, "two thousand and five": 2005, "a hundred and fifty thousand": 150_000,
    "five hundred thousand": 500_000, "100-thousand": 100_000, "a thousand two hundred": 1200,
    "one million two hundred thousand three hundred and forty-five": 1_200_345, "one trillion": 10**12,
    "a dozen": 12, "two dozen": 24, "three dozens": 36, "half a dozen": 6, "half-dozen": 6, "a half-dozen": 6,
    "half-a-dozen": 6, "three score": 60, "half a million": 500_000, "a quarter of a million": 250_000,
    "three quarters of a million": 750_000, "two and a half million": 2_500_000, "two and a half dozen": 30,
    "“five”.": 5, "  five\t": 5,
}  # fmt: skip

REFUSED = {
    "": 0, "people": 0, "1.234": 0, "12.345": 0, "1.234 thousand": 0, "١٫٢٣٤": 0, "1.2345": 0, "1.5": 0, "12.00": 0,
    "1,5": 0, "1,5 million": 0, "1,00,000": 0, "1,234 567": 0, "1,234.5": 0, "1.234.56": 0, "007": 0, ".5 million": 0,
    "2020-02-10": 0, "12  345": 4, "1\n234": 2, "1 2345": 2, "1_234": 1, "5 m": 2, "5 k": 2, "5th": 1, "1e6": 1,
    "12²": 2, "½": 0, "①": 0, "-5": 0, "−5": 0, "five six": 5, "twenty twenty": 7, "nineteen ninety": 9,
    "hundred": 0, "five thousand million": 14, "five thousand two million": 18, "a thousand dozen": 11,
    "five hundred two dozen": 17, "a hundreds": 0, "a hundred and": 10, "five hundred and 20": 13,
    "2 thousand 300": 11, "one third million": 0, "1.2 million five hundred": 0,
    "two and a half": 4, "half": 0, "40%": 0, "one in five": 0, "5 to 6": 5,
}  # fmt: skip


@pytest.mark.parametrize("text, number", READ.items())
def test_reads(text, number):
    assert read_number(text) == number


@pytest.mark.parametrize("text, position", REFUSED.items())
def test_refuses_with_the_place(text, position):
    with pytest.raises(UnreadablePhrase) as caught:
        read_number(text)
    assert (caught.value.text, caught.value.position) == (text, position)


def test_both_readings_of_an_ambiguous_point_are_named():
    with pytest.raises(UnreadablePhrase, match=r"1\.234 is 1234 in some countries and a decimal fraction in others"):
        read_number("1.234")


UNITS = [
    "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve",
    "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen",
]  # fmt: skip
TENS = ["-", "-", "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"]


def in_words(n, joint=" and "):
    if n >= 1000:
        rest = n % 1000
        return f"{in_words(n // 1000)} thousand" + (
            "" if not rest else (joint if rest < 100 else " ") + in_words(rest, joint)
        )
    if n >= 100:
        return f"{UNITS[n // 100]} hundred" + (joint + in_words(n % 100) if n % 100 else "")
    if n >= 20:
        return TENS[n // 10] + (f"-{UNITS[n % 10]}" if n % 10 else "")
    return UNITS[n]


def test_every_number_word_below_ten_thousand():
    for n in range(10_000):
        for said in (in_words(n), in_words(n, " "), in_words(n).replace("-", " ")):
            assert read_number(said) == n, said


@given(st.integers(0, 10**15), st.sampled_from([",", " ", "'", "\u202f", "\u2019", ""]))
def test_every_way_to_part_thousands(n, separator):
    assert read_number(f"{n:,}".replace(",", separator)) == n


@given(st.integers(0, 10**12), st.sampled_from([0x0660, 0x06F0, 0x0966, 0xFF10, 0x1D7CE]))
def test_digits_of_any_script(n, zero):
    assert read_number("".join(chr(zero + int(digit)) for digit in str(n))) == n


@given(st.integers(1, 999), st.integers(1, 999), st.sampled_from(["thousand", "million"]))
def test_a_scale_is_shared_by_both_ends_or_the_range_is_refused(first, second, scale):
    """Reading 3 to 4 hundred as 3 to 400 would be wrong by two orders of magnitude."""
    size = {"thousand": 10**3, "million": 10**6}[scale]
    try:
        amount = Reader(f"{first} to {second} {scale}").amount()
    except UnreadablePhrase:
        assert scale == "million"
        assert first >= second
    else:
        assert (amount.low, amount.high) == (first * size if first < second else first, second * size)


RANGES = {
    "8-10": (8, 10), "three to four hundred": (300, 400), "2-3 million": (2_000_000, 3_000_000), "2-3k": (2000, 3000),
    "1.5-2 million": (1_500_000, 2_000_000), "1 to 2 dozen": (12, 24), "five-six": (5, 6), "twenty–thirty": (20, 30),
    "fifty to two hundred": (50, 200), "five hundred to two thousand": (500, 2000), "five to a hundred": (5, 100),
    "one to two hundred thousand": (100_000, 200_000), "0 to 2 million": (0, 2_000_000),
    "800,000 to 1 million": (800_000, 1_000_000), "half a million to 1 million": (500_000, 1_000_000),
    "fifty to two hundred and fifty": (50, 250), "two hundred-three hundred": (200, 300), "500-1,000": (500, 1000),
    "between one hundred and five and two hundred": (105, 200),
    "between one hundred and one hundred and fifty": (100, 150),
    "between a hundred and fifty and two hundred": (150, 200), "between twenty-one and thirty": (21, 30),
    "from twenty to twenty-five": (20, 25), "between 5 to 10": (5, 10), "between 5-10": (5, 10),
}  # fmt: skip

DOUBTFUL_RANGES = (
    "500 to 1 million", "a hundred to a million", "three to four hundred and fifty", "7-8,000", "between 7 and 8,000",
    "one hundred to two hundred thousand", "fifty to two hundred thousand", "200 to half a million",
    "between two thousand and one hundred and three thousand",
)  # fmt: skip


@pytest.mark.parametrize("text, ends", RANGES.items())
def test_reads_ranges(text, ends):
    reader = Reader(text)
    amount = reader.amount()
    assert (amount.low, amount.high) == ends
    assert amount.ranged
    assert reader.next is None


@pytest.mark.parametrize("text", DOUBTFUL_RANGES)
def test_refuses_ranges_that_can_be_read_in_two_ways(text):
    with pytest.raises(UnreadablePhrase, match=r"may be|two ways"):
        Reader(text).amount()


@given(st.text())
def test_tokens_keep_their_place(text):
    reader = Reader(text)
    assert all(0 <= a.start < a.end <= b.start for a, b in zip(reader.tokens, reader.tokens[1:], strict=False))
    assert all(text[token.start : token.end].strip() for token in reader.tokens)
