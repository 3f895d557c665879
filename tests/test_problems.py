# SPDX-License-Identifier: MIT
"""From claims to what is learned from."""

from __future__ import annotations

import numpy as np
import pytest
from worlds import AGENCY, CASUALTIES, CHILD, MARKET, MINISTRY, MONITOR, T, claim, posed_of

import reconcile as rc
from reconcile.claims import Corpus
from reconcile.inference.arrays import PARAMETERS
from reconcile.inference.hierarchy import RELATIONS
from reconcile.inference.problems import count_codes, outermost
from reconcile.model import Model, Parameter
from reconcile.simulate import simulate
from reconcile.values import About, AtLeast, Exactly, Share
from reconcile.vocabulary import relate

CLAIMS = [
    claim(MARKET.killed(T), 5, MINISTRY, reported="2020-02-11"),
    claim(MARKET.killed(T), 1, MONITOR, reported="2020-02-10", hedged=True),
    claim(MARKET.killed(T), About(60), AGENCY),
    claim(MARKET.injured(T), 600, AGENCY, reported="2020-02-11"),
    claim(MARKET.injured(), AtLeast(3), MINISTRY, reported="2020-02-12"),
    claim(MARKET.displaced(CHILD), Share(0.5, 0.5), MONITOR),
    claim(MARKET.count(CASUALTIES, T), 2, MONITOR, reported="2020-02-12"),
]


def corpus_problem(claims, model=None):
    corpus = Corpus(claims)
    return corpus, posed_of(corpus, model)


@pytest.mark.parametrize("claims", [CLAIMS, simulate(events=30, sources=8, seed=1).claims], ids=["few", "simulated"])
def test_every_used_claim_is_there_once_in_the_order_of_telling(claims):
    corpus, found = corpus_problem(claims)
    problem, columns = found.problem, corpus.columns
    counts = [one for one in corpus if not isinstance(one.value, Share)]
    assert sorted(columns.id(int(row)) for row in found.rows) == sorted(one.id for one in counts)
    assert np.all(np.diff(problem.claims.event) >= 0)
    times = {}
    for k, row in enumerate(found.rows):
        one, event = columns.claim(int(row)), int(problem.claims.event[k])
        assert found.count[columns.quantity[row]] == event
        name = problem.speakers[problem.source[k]].name
        assert name == one.source.name
        assert RELATIONS[found.relation[k]] == relate(one.source, one.quantity)
        assert problem.claims.hedged[k] == one.hedged
        meaning = Model().speech.read(one.value)
        mine = problem.claims.meanings[problem.claims.value[k]]
        assert np.array_equal(mine.low, meaning.low)
        assert np.array_equal(mine.heaped, meaning.heaped)
        outcome = problem.hierarchy.counts[problem.claims.outcome[event]][0]
        assert problem.hierarchy.names[outcome].owner == str(one.quantity.outcome)
        when = str(one.reported or "undated")  # sorts after any year
        assert times.get(event, "") <= when
        times[event] = when
        for at, parameter in enumerate(PARAMETERS):
            column = problem.columns[at, k]
            if column < len(problem.hierarchy):
                where = RELATIONS[found.relation[k]] if parameter in ("bias", "denial") else None
                assert problem.hierarchy.names[column] == Parameter("source", name, parameter, where)
            else:
                assert parameter in ("heaping", "copying")


def test_parameters_that_no_claim_shows_are_left_out():
    _, found = corpus_problem(CLAIMS)
    names = {(name.owner, name.name) for name in found.problem.hierarchy.names if name.scope == "source"}
    assert ("agency", "heaping") in names  # 600
    assert ("monitor", "heaping") not in names  # 1 and 2
    assert ("agency", "copying") in names  # last of three
    assert ("monitor", "copying") not in names  # first


def test_outcomes_that_count_the_same_people_are_one_count():
    loose = rc.Outcome("losses", {"killed", "injured"})
    _, found = corpus_problem(
        [claim(MARKET.count(CASUALTIES, T), 12, MONITOR), claim(MARKET.count(loose, T), 13, AGENCY)]
    )
    assert found.problem.claims.event.tolist() == [0, 0]
    _, found = corpus_problem([claim(MARKET.count(CASUALTIES, T), 12, MONITOR), claim(MARKET.killed(T), 13, AGENCY)])
    assert found.problem.claims.event.tolist() == [0, 1]


def test_relays_and_what_was_replaced_are_left_out():
    wire = claim(MARKET.killed(T), 12, AGENCY, reported="2020-02-10")
    relay = claim(MARKET.killed(T), 12, MONITOR, quoted_from=wire, reported="2020-02-11")
    later = claim(MARKET.killed(T), 14, AGENCY, reported="2020-02-12")
    corpus, found = corpus_problem([wire, relay, later])
    assert [corpus.columns.claim(int(row)).id for row in found.rows] == [later.id]
    assert found.speaker.tolist().count(-1) == 1


def test_every_source_is_a_speaker_of_its_own_however_few_its_claims():
    busy = [claim(rc.Event(f"e{k}").killed(), 5, f"busy {j:03}") for j in range(70) for k in range(3)]
    few = [claim(rc.Event("e0").killed(), 5, rc.Source(f"few {k}", kind="media")) for k in range(40)]
    _, found = corpus_problem([*busy, *few], rc.Model(anchors={"few 7": 0.1}))
    speakers = found.problem.speakers
    assert len(speakers) == len({source.name for source in speakers}) == 110
    assert found.problem.hierarchy.place.shape[0] == 110
    groups = {name.owner for name in found.problem.hierarchy.classes}
    assert groups == {"media", "unknown", "anchor: few 7"}


def test_each_count_has_a_number_that_those_of_the_same_people_share():
    quantities = Corpus(CLAIMS).columns.quantities
    codes = count_codes(quantities)
    for k in range(len(quantities)):
        for j in range(len(quantities)):
            assert (codes[k] == codes[j]) == (quantities[k] == quantities[j])


@pytest.mark.parametrize("depth", [0, 1, 2, 5, 64, 1_000])
def test_every_event_finds_its_outermost_at_any_depth(depth):
    """A chain of nested events, and some that stand alone, numbered in any order."""
    rng = np.random.default_rng(depth)
    name = rng.permutation(depth + 4)
    whole = np.full(len(name), -1)
    whole[name[:depth]] = name[1 : depth + 1]
    expected = np.arange(len(name))
    expected[name[: depth + 1]] = name[depth]
    assert outermost(whole).tolist() == expected.tolist()


# --- counts that are bound together --------------------------------------------------------------------------------


def test_counts_that_are_bound_together_name_their_nodes():
    corpus, found = corpus_problem([one for one in CLAIMS if one.quantity != MARKET.injured()])
    problem = found.problem
    assert all(linked.account.is_tree for linked in problem.linked)
    nodes = {
        count: quantity
        for linked in problem.linked
        for quantity, count in zip(linked.account.nodes, linked.counts, strict=True)
        if count >= 0
    }
    for row, event in zip(found.rows, problem.claims.event, strict=True):
        quantity = corpus.columns.claim(int(row)).quantity
        assert (int(event) in nodes) != (int(event) in problem.alone)
        if int(event) in nodes:
            assert nodes[int(event)] == quantity
    (share,) = (share for linked in problem.linked for share in linked.shares)
    assert corpus.columns.claim(share.row).whole == MARKET.displaced()
    assert problem.hierarchy.names[share.place] == Parameter("source", "monitor", "log_spread", None)
    assert found.wholes == {MARKET.displaced()}


def test_shares_stand_in_the_order_of_telling_whatever_their_ids():
    part = MARKET.displaced(CHILD)
    for names in ("ab", "ba", "xy", "yx"):
        claims = [claim(MARKET.displaced(), 600, AGENCY)]
        claims += [
            claim(part, Share(0.2 * k + 0.2, 0.2 * k + 0.2), name, reported=f"2020-02-1{k}")
            for k, name in enumerate(names)
        ]
        corpus, found = corpus_problem(claims)
        (linked,) = found.problem.linked
        assert [corpus.columns.claim(one.row).source.name for one in linked.shares] == list(names)


def test_a_figure_that_a_source_gives_twice_at_once_weighs_half_for_the_wider_group():
    soldiers = rc.Group(party="T", status="military")
    every = rc.Group(party="T", status={"military", "civilian"})
    said = [claim(MARKET.killed(soldiers), 8, AGENCY), claim(MARKET.killed(every), 8, AGENCY),
            claim(MARKET.killed(every), 8, MONITOR)]  # fmt: skip
    corpus, found = corpus_problem(said)
    power = {
        (one.source.name, one.quantity.group): float(found.problem.power[k])
        for k, row in enumerate(found.rows)
        for one in [corpus.columns.claim(int(row))]
    }
    assert power == {("agency", soldiers): 1.0, ("agency", every): 0.5, ("monitor", every): 1.0}


def test_crossing_counts_are_each_by_itself():
    """They form no tree; each of them teaches by itself."""
    adults = rc.Group(age="adult", status="civilian")
    groups = [rc.Group(), CHILD, rc.Group(status="civilian"), adults]
    _, found = corpus_problem([claim(MARKET.killed(group), 5 + k, f"s{k}") for k, group in enumerate(groups)])
    (linked,) = found.problem.linked
    assert linked.account.is_tree == (len(found.problem.alone) == 0)


# --- order ---------------------------------------------------------------------------------------------------------


def test_a_claim_that_follows_a_copy_of_itself():
    """What may be repeated is whatever was said before: half of it here, and nothing before the first."""
    said = [(5, "a", "01"), (6, "b", "02"), (5, "c", "03")]
    corpus, found = corpus_problem(
        [claim(MARKET.killed(T), n, name, reported=f"2020-02-{day}") for n, name, day in said]
    )
    order = [corpus.columns.claim(int(row)).source.name for row in found.rows]
    assert order == ["a", "b", "c"]
    floor = found.problem.echoes.floor(found.problem.source)
    assert floor.tolist() == [[0, 0, 0.5], [0, 1, 1]]


def test_exact_values_differ_from_vague_ones():
    _, found = corpus_problem([claim(MARKET.killed(T), Exactly(5), "a"), claim(MARKET.killed(T), AtLeast(5), "b")])
    assert len(set(found.problem.claims.value.tolist())) == 2
