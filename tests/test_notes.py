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
from reconcile import posterior
from reconcile.inference import fit
from reconcile.notes import (
    FAR_APART,
    MOST_NOTES,
    bounds_of,
    describe_contradiction,
    find_contradictions,
    find_crossed_bounds,
    find_repetitions,
)

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
    crowd = [claim(rc.Event(f"e{n}").killed(), n + k, f"s{k}") for n in range(3, 6) for k in (0, 1)]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", rc.Unidentified)
        learned = rc.estimate([*claims, *crowd], learn=True, draws=64)
    if learned[event.casualties()].median() < 31:
        assert any("outside of all that is claimed" in note for note in learned.diagnostics.notes)


# --- bounds that exclude each other ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "one, other, said",
    [
        (rc.AtLeast(20), rc.AtMost(10), True),  # read as widely as they can be they are a factor of 2 apart
        (rc.AtLeast(11), rc.AtMost(10), True),
        (rc.AtLeast(10), rc.AtMost(10), False),
        (rc.Between(5, 8), rc.AtLeast(9), True),
        (rc.Between(5, 8), rc.Between(8, 9), False),
        (rc.AtLeast(20), rc.Exactly(18), False),  # a figure is no bound
    ],
)
def test_bounds_are_compared(one, other, said):
    event = rc.Event("raid").killed()
    posterior = rc.estimate([claim(event, one, "a"), claim(event, other, "b")], draws=64)
    notes = [note for note in posterior.diagnostics.notes if "contradict" in note]
    assert bool(posterior[event].contradiction) == said
    assert notes == ([f"{event}: {posterior[event].contradiction}"] if said else [])
    assert ("no number is both" in posterior[event].contradiction) == said


def test_bounds_that_are_far_apart_are_named_once():
    event = rc.Event("raid").killed()
    notes = rc.estimate([claim(event, rc.AtLeast(200), "a"), claim(event, rc.AtMost(10), "b")]).diagnostics.notes
    (note,) = [note for note in notes if "contradict" in note]
    assert "even when read as widely as they allow" in note


bounded = st.tuples(st.integers(0, 3), st.integers(0, 30), st.sampled_from([rc.AtLeast, rc.AtMost, rc.Exactly]))


@given(st.lists(bounded, max_size=10))
def test_crossed_bounds_are_those_of_all_pairs(rows):
    count = np.array([c for c, _, _ in rows], dtype=np.int64)
    made = [SimpleNamespace(quantity=f"q{c}", source=f"row {k}", value=kind(n)) for k, (c, n, kind) in enumerate(rows)]
    ends = np.array([bounds_of(one.value) for one in made], dtype=float).reshape(-1, 2)

    def told(at):
        return [(one.value.n, one.value.n, one) for one, c in zip(made, count, strict=True) if c == at]

    crossed = {
        c for (c, a, kind), (d, b, other) in itertools.permutations(rows, 2)
        if (c, kind, other) == (d, rc.AtLeast, rc.AtMost) and a > b
    }  # fmt: skip
    near = {c for c in crossed if describe_contradiction(told(c))[1] <= FAR_APART}
    found = find_crossed_bounds(count, *ends.T, told)
    assert [note.partition(":")[0] for note in found] == [f"q{c}" for c in sorted(near)]


# --- one party alone ------------------------------------------------------------------------------------------------

TURKS = rc.Group(party="T")
ENEMY = rc.Source("enemy ministry", kind="government", sides={"S"}, opposes={"T"})
OWN = rc.Source("own ministry", kind="government", sides={"T"})
RAID, SIEGE = rc.Event("raid").killed(TURKS), rc.Event("siege").killed(TURKS)


@pytest.mark.parametrize("learn", [True, False])
@pytest.mark.parametrize("party, relation", [(ENEMY, "enemy side"), (OWN, "own side")])
def test_what_rests_on_one_party_is_said_in_small_sets_too(party, relation, learn):
    """Of an enemy ministry alone, 100 came out as 35 (6-169) and nobody was told why."""
    with pytest.warns(rc.Unidentified, match=rf"on {party.name} \({relation}\): how such figures lean") as caught:
        posterior = rc.estimate([claim(RAID, 100, party)], learn=learn, draws=64)
    assert [str(one.message) for one in caught] == list(posterior.diagnostics.notes)


@pytest.mark.parametrize(
    "claims, model",
    [
        ([claim(RAID, 100, "monitor")], rc.Model()),  # no party
        ([claim(RAID, 100, ENEMY), claim(RAID, 90, "monitor")], rc.Model()),
        ([claim(RAID, 100, ENEMY), claim(RAID, 90, OWN)], rc.Model()),
        ([claim(RAID, 100, ENEMY), claim(SIEGE, 9, ENEMY), claim(SIEGE, 5, "monitor")], rc.Model()),
        ([claim(RAID, 100, ENEMY), claim(rc.Event("raid").injured(TURKS), 20, ENEMY),
          claim(rc.Event("raid").casualties(TURKS), 90, "monitor")], rc.Model()),
        ([claim(RAID, 100, ENEMY)], rc.Model(anchors={"enemy ministry": 0.1})),
    ],
)  # fmt: skip
def test_a_party_that_others_are_held_against_is_none_alone(claims, model):
    posterior = rc.estimate(claims, model, draws=64)
    assert not any("one party alone" in note for note in posterior.diagnostics.notes)


def test_two_of_one_side_do_not_show_how_that_side_leans():
    ally = rc.Source("ally", sides={"S"}, opposes={"T"})
    with pytest.warns(rc.Unidentified, match=r"on ally and enemy ministry \(enemy side\)"):
        rc.estimate([claim(RAID, 100, ENEMY), claim(RAID, 90, ally)], draws=64)


def test_only_some_counts_are_named_and_the_rest_counted():
    claims = [claim(rc.Event(f"e{n}").killed(TURKS), 10 + n, ENEMY) for n in range(5)]
    with pytest.warns(rc.Unidentified, match="; and 2 more: how"):
        rc.estimate(claims, draws=64)


def test_only_so_many_that_are_outvoted_are_written_out(monkeypatch):
    monkeypatch.setattr(posterior, "MOST_NOTES", 1)
    claims = []
    for n in range(2):
        event = rc.Event(f"e{n}")
        claims += [claim(event.killed(), 5, "m"), claim(event.injured(), 4, "w"), claim(event.casualties(), 40, "d")]
    notes = [note for note in rc.estimate(claims, draws=64).diagnostics.notes if "outside of all" in note]
    assert len(notes) == 2
    assert notes[1].endswith(" more counts are outside of all that is claimed of them")


# --- why an estimate lies outside of all that is claimed -----------------------------------------------------------

CHILDREN = rc.Event("raid").killed(rc.Group(party="T", age="child"))


@pytest.mark.parametrize(
    "total, child, why",
    [
        (
            rc.Exactly(100),
            rc.AtLeast(0),
            r"what is assumed before any claim \(the count prior\) pulls it there, and no",
        ),
        (
            rc.Exactly(100),
            rc.Exactly(3),
            r"its parts and what is assumed .* \(the count prior\) pull it there together",
        ),
        (rc.Exactly(10), rc.Exactly(40), r"other claims about the same total or its parts pull it there$"),
    ],
)
def test_the_reason_is_the_true_one(total, child, why):
    """A total of 100 beside children of whom nothing was said was told to be pulled by "other claims"."""
    posterior = rc.estimate([claim(RAID, total, "a"), claim(CHILDREN, child, "b")])
    notes = [note for note in posterior.diagnostics.notes if note.startswith(f"{RAID}: ")]
    assert posterior[RAID].median() != total.n
    assert len(notes) == 1
    assert re.search(why, notes[0])
