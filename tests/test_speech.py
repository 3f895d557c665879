# SPDX-License-Identifier: MIT
from typing import get_args

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from oracles import say

from reconcile.errors import InvalidValue
from reconcile.speech import LEXICON, PRESETS, Speech
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
)  # fmt: skip

speech = Speech()


def height(value, figure, heaping=0.3):
    meaning = speech.read(value)
    inside = (meaning.low <= figure) & (figure <= meaning.high)
    return float(meaning.weight(heaping) @ inside)


@pytest.mark.parametrize("heaping", [0.0, 0.3, 1.0])
def test_the_reports_of_every_figure_sum_to_one(heaping):
    top = 12_000
    total = np.zeros(top + 1)
    for n in range(2 * top):
        meaning = speech.read(Exactly(n))
        for low, high, weight in zip(meaning.low, meaning.high, meaning.weight(heaping), strict=True):
            total[int(low) : int(min(high, top)) + 1] += weight
    assert np.allclose(total, 1, atol=1e-12)


@given(st.integers(0, 10**7), st.floats(0, 1))
def test_rounding_is_what_a_speaker_does(figure, heaping):
    for report, probability in say(figure, heaping).items():
        assert height(Exactly(report), figure, heaping) == pytest.approx(probability, abs=1e-12)


def test_every_kind_has_a_meaning():
    examples = [
        Exactly(5), AtLeast(5), AtMost(5), Between(5, 8), About(5), Vague("dozens"), Surveyed(5, 3, 9), Share(0.5, 0.5),
    ]  # fmt: skip
    assert {type(value) for value in examples} == set(get_args(Value))
    for value in examples:
        meaning = speech.read(value)
        assert np.all(meaning.low <= meaning.high)
        assert np.all(meaning.plain >= 0)
        assert meaning.plain.sum() == pytest.approx(1)


@given(st.integers(1, LARGEST), st.integers(0, LARGEST))
def test_a_floor_admits_nothing_below_and_falls_above(n, step):
    assert height(AtLeast(n), n - 1) == 0
    assert height(AtLeast(n), n + step) + 1e-12 >= height(AtLeast(n), n + step + 1) > 0


@given(st.integers(0, LARGEST), st.integers(0, LARGEST))
def test_a_ceiling_admits_nothing_above_and_everything_below(n, figure):
    assert (height(AtMost(n), figure) > 0) == (figure <= n)


@given(st.integers(0, LARGEST))
def test_at_least_nothing_says_nothing(figure):
    assert height(AtLeast(0), figure) == 1


@pytest.mark.parametrize("n, digits", [(300, 1), (340, 2), (345, 3)])
def test_excess_over_a_floor_has_the_published_quantiles(n, digits):
    # Ferson et al., experiment 2: medians 17 / 8 / 2 %, 90th percentiles 50 / 32 / 10 %, by significant digits.
    median, ninetieth = {1: (0.17, 0.5), 2: (0.08, 0.32), 3: (0.02, 0.10)}[digits]
    n *= 10_000
    meaning = speech.read(AtLeast(n))
    width, weight = meaning.high[:3] - n, meaning.plain[:3]  # before the bare logical reading
    mass = width * weight / (width * weight).sum()

    def share_within(reach):
        return float(mass @ np.minimum(reach * n / width, 1))

    assert share_within(median) == pytest.approx(0.5, abs=0.01)
    assert share_within(ninetieth) == pytest.approx(0.9, abs=0.01)


@given(st.integers(0, 10**9), st.integers(0, 10**9))
def test_about_and_between_fall_off_from_their_middle(n, figure):
    assert height(About(n), n) >= height(About(n), figure)
    low, high = sorted((n, figure))
    assert height(Between(low, high), (low + high) // 2) == pytest.approx(1)
    assert height(Between(low, high), high + 3 * (high - low) + 5) == 0


def test_about_is_wider_for_rounder_numbers():
    assert height(About(600_000), 650_000) > 0 == height(About(612_345), 650_000)


def test_a_survey_is_a_split_lognormal():
    # At the interval's ends the density is exp(-1.96^2 / 2) of that at the point, within a step of the staircase.
    value = Surveyed(12_000, 9_000, 16_000)
    assert height(value, 12_000) == pytest.approx(1)
    for end in (9_000, 16_000):
        assert height(value, end) == pytest.approx(np.exp(-(1.96**2) / 2), abs=1 / 24)


def test_a_share_is_soft():
    half = speech.read(Share(0.5, 0.5))
    assert half.low.min() == pytest.approx(0.3)
    assert half.high.max() == pytest.approx(0.7)
    vacuous = speech.read(Share(0, 1))
    assert np.all(vacuous.low == 0)
    assert np.all(vacuous.high == 1)


def test_the_lexicon_holds_every_word_that_can_be_read():
    assert set(VAGUE_WORDS) == set(LEXICON)
    for low, high, evidence in LEXICON.values():
        assert 0 < low < high
        assert evidence


@pytest.mark.parametrize("preset", PRESETS)
def test_presets_lay_their_words_over_the_default(preset):
    for word, (low, high, _) in PRESETS[preset].items():
        meaning = Speech(preset).read(Vague(word))
        assert (meaning.low[0], meaning.high[0]) == (low, high)
    assert np.array_equal(Speech(preset).read(Vague("scores")).low, speech.read(Vague("scores")).low)


def test_unknown_words_and_presets_are_refused_with_what_is_allowed():
    with pytest.raises(InvalidValue, match="dozens"):
        speech.read(Vague("oodles"))
    with pytest.raises(InvalidValue, match="ACLED"):
        Speech("acled")


@given(st.integers(1, 10**6), st.integers(1, 10**6))
def test_a_range_is_softened_no_further_down_than_by_the_ratio_of_its_ends(low, more):
    """One width below 450 to 1,200 is next to nothing, where most counts are: the range alone once gave 2."""
    meaning = Speech().read(Between(low, low + more))
    assert meaning.low.min() >= low * low / (low + more)
    assert meaning.low.min() >= 1
