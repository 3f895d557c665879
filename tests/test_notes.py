# SPDX-License-Identifier: MIT
"""What a reader is told of the claims themselves, against a search pair by pair, and the same in both modes."""

from __future__ import annotations

import itertools
import re
import warnings
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from worlds import claim

import reconcile as rc
from reconcile.inference import fit
from reconcile.notes import FAR_APART, MOST_NOTES, find_contradictions, find_repetitions

rows = st.lists(st.tuples(st.integers(0, 3), st.integers(0, 40), st.integers(0, 5), st.integers(0, 2)), max_size=14)


def told(rows):
    """Columns of count, low, high and origin, and claims that say in words which row they are."""
    count, low, width, origin = np.array(rows, dtype=np.int64).reshape(-1, 4).T
    made = [SimpleNamespace(quantity=f"q{c}", source=f"row {k}", value=v) for k, (c, v, _, _) in enumerate(rows)]
    return count, low, low + width, origin, made.__getitem__


@given(rows)
def test_contradictions_are_those_of_all_pairs(rows):
    count, low, high, _, said = told(rows)
    furthest = {}
    for one, other in itertools.permutations(range(len(rows)), 2):
        if count[one] == count[other]:
            ratio = (low[one] + 0.5) / (high[other] + 0.5)
            words = f"by a factor of {ratio:,.3g} even" if high[other] > 0 else "none against some"
            furthest[count[one]] = max((ratio, words), furthest.get(count[one], (0.0, "")))
    expected = sorted((pair for pair in furthest.values() if pair[0] > FAR_APART), reverse=True)
    found = find_contradictions(count, low, high, said)
    assert len(found) == len(expected)
    gaps = [re.search(r"each other, (by a factor of \S+ even|none against some)", note)[1] for note in found]
    assert sorted(gaps) == sorted(words for _, words in expected)


@given(rows)
def test_repetitions_are_those_of_one_count_and_source(rows):
    count, _, _, origin, said = told(rows)
    groups = {}
    for k, key in enumerate(zip(count.tolist(), origin.tolist(), strict=True)):
        groups.setdefault(key, []).append(k)
    expected = [
        f"q{c}: s{o} gives several figures ({', '.join(str(said(k).value) for k in mine)})"
        for (c, o), mine in sorted(groups.items())
        if len(mine) > 1
    ]
    found = find_repetitions(count, origin, ["s0", "s1", "s2"], said)
    assert [note.split(" and no date")[0] for note in found] == expected


def test_only_so_many_are_written_out():
    rows = [(k, n, 0, 0) for k in range(MOST_NOTES + 7) for n in (1, 100)]
    count, low, high, origin, said = told(rows)
    for found in (find_contradictions(count, low, high, said), find_repetitions(count, origin, ["s"], said)):
        assert len(found) == MOST_NOTES + 1
        assert found[-1].startswith("7 more counts")


@pytest.mark.parametrize("learn", [False, True])
def test_the_same_is_said_whether_sources_are_learned_or_not(learn):
    first, second = rc.Event("first").killed(), rc.Event("second").killed()
    claims = [claim(first, 5, "a"), claim(first, 50, "b"), claim(second, 3, "a"), claim(second, 3_000, "b")]
    claims += [claim(second, 4, "a")]
    found = rc.estimate(claims, learn=learn, draws=64).diagnostics.notes
    said = [note for note in found if "contradict" in note or "several" in note]
    assert len(said) == 3
    assert said[0].startswith(f"{second}: a (3) and b (3,000) contradict each other")
    assert said[1].startswith(f"{first}: a (5) and b (50) contradict each other")
    assert said[2].startswith(f"{second}: a gives several figures (")


def test_what_the_learner_doubts_is_said(monkeypatch):
    monkeypatch.setattr(fit, "MIXED", 0.0)
    monkeypatch.setattr(fit, "SWEEPS", 16)
    claims = [claim(rc.Event(f"e{n}").killed(), n + k, f"s{k}") for n in range(3, 7) for k in (0, 1)]
    assert any("R-hat" in note for note in rc.estimate(claims, ess=100_000).diagnostics.notes)


def test_an_estimate_outside_of_all_that_is_claimed_of_it_is_told():
    """Who reads "more than 30" and sees 22 must know that it is the parts which say so."""
    event = rc.Event("raid")
    claims = [
        claim(event.killed(), rc.Between(5, 9), "m"),
        claim(event.injured(), rc.Vague("several"), "w"),
        claim(event.casualties(), rc.AtLeast(31), "d"),
    ]
    posterior = rc.estimate(claims)
    assert posterior[event.casualties()].median() < 31
    (note,) = posterior.diagnostics.notes
    assert note.startswith("casualties, raid: ")
    assert "outside of all that is claimed of it (d: at least 31)" in note
    few = rc.estimate([*claims[:2], claim(event.casualties(), rc.AtLeast(10), "d")])
    assert not any("outside" in note for note in few.diagnostics.notes)
    crowd = [claim(rc.Event(f"e{n}").killed(), n + k, f"s{k}") for n in range(3, 9) for k in (0, 1)]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", rc.Unidentified)
        learned = rc.estimate([*claims, *crowd], learn=True, draws=64)
    if learned[event.casualties()].median() < 31:
        assert any("outside of all that is claimed" in note for note in learned.diagnostics.notes)
