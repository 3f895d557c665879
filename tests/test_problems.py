# SPDX-License-Identifier: MIT
"""From claims to what is learned from."""

from __future__ import annotations

import numpy as np
import pytest
from worlds import AGENCY, CASUALTIES, CHILD, MARKET, MINISTRY, MONITOR, T, claim

import reconcile as rc
from reconcile.arrays import PARAMETERS
from reconcile.claims import Corpus
from reconcile.dependence import assign_roles
from reconcile.hierarchy import RELATIONS
from reconcile.model import Model, Parameter
from reconcile.problems import BUSIEST, ENOUGH, MOST_SPEAKERS, pose
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


def posed(claims, model=None):
    corpus = Corpus(claims)
    return corpus, pose(corpus.columns, assign_roles(corpus), model or Model())


@pytest.mark.parametrize("claims", [CLAIMS, simulate(events=30, sources=8, rng=1).claims], ids=["few", "simulated"])
def test_every_used_claim_is_there_once_in_the_order_of_telling(claims):
    corpus, found = posed(claims)
    problem, columns = found.problem, corpus.columns
    counts = [one for one in corpus if not isinstance(one.value, Share)]
    assert sorted(columns.id(int(row)) for row in found.rows) == sorted(one.id for one in counts)
    assert np.all(np.diff(problem.claims.event) >= 0)
    times = {}
    for k, row in enumerate(found.rows):
        one, event = columns.claim(int(row)), int(problem.claims.event[k])
        assert found.count[columns.quantity[row]] == event
        source, name = found.speakers[problem.source[k]]
        assert source.name == name == one.source.name
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
    _, found = posed(CLAIMS)
    names = {(name.owner, name.name) for name in found.problem.hierarchy.names if name.scope == "source"}
    assert ("agency", "heaping") in names  # 600
    assert ("monitor", "heaping") not in names  # 1 and 2
    assert ("agency", "copying") in names  # last of three
    assert ("monitor", "copying") not in names  # first


def test_outcomes_that_count_the_same_people_are_one_count():
    loose = rc.Outcome("losses", {"killed", "injured"})
    _, found = posed([claim(MARKET.count(CASUALTIES, T), 12, MONITOR), claim(MARKET.count(loose, T), 13, AGENCY)])
    assert found.problem.claims.event.tolist() == [0, 0]
    _, found = posed([claim(MARKET.count(CASUALTIES, T), 12, MONITOR), claim(MARKET.killed(T), 13, AGENCY)])
    assert found.problem.claims.event.tolist() == [0, 1]


def test_relays_and_what_was_replaced_are_left_out():
    wire = claim(MARKET.killed(T), 12, AGENCY, reported="2020-02-10")
    relay = claim(MARKET.killed(T), 12, MONITOR, quoted_from=wire, reported="2020-02-11")
    later = claim(MARKET.killed(T), 14, AGENCY, reported="2020-02-12")
    corpus, found = posed([wire, relay, later])
    assert [corpus.columns.claim(int(row)).id for row in found.rows] == [later.id]
    assert found.speaker.tolist().count(-1) == 1


@pytest.mark.parametrize(
    ("speakers", "each", "alone"), [(65, 2, BUSIEST), (65, ENOUGH, 65), (260, ENOUGH, MOST_SPEAKERS)]
)
def test_sources_with_few_claims_share_parameters_by_class(speakers, each, alone):
    busy = [claim(rc.Event(f"e{k}").killed(), 5, f"busy {j:03}") for j in range(speakers) for k in range(each)]
    few = [
        claim(rc.Event("e0").killed(), 5, rc.Source(f"few {k}", kind=kind))
        for k, kind in enumerate(["media", "media", "monitor"])
    ]
    corpus, found = posed([*busy, *few])
    labels = [name for _, name in found.speakers]
    shared = [f"sources with few claims: {kind}" for kind in ("media", "monitor", "unknown")]
    assert labels[:alone] == [f"busy {j:03}" for j in range(alone)]
    assert sorted(labels[alone:]) == shared[: 2 if alone == speakers else 3]
    speaker = {source.name: labels[k] for source, k in zip(corpus.columns.sources, found.speaker, strict=True)}
    assert speaker["few 0"] == speaker["few 1"] == shared[0]
    assert speaker["few 2"] == shared[1]
    assert speaker["busy 007"] == "busy 007"


def test_an_anchored_source_is_never_one_of_many():
    many = [claim(rc.Event(f"e{k}").killed(), 5, f"s{j:03}") for j in range(BUSIEST + 5) for k in range(2)]
    _, found = posed([*many, claim(rc.Event("e0").killed(), 5, "hospital")], rc.Model(anchors={"hospital": 0.1}))
    assert "hospital" in {name for _, name in found.speakers}


def test_a_claim_that_follows_a_copy_of_itself():
    """What may be repeated is whatever was said before: half of it here, and nothing before the first."""
    said = [(5, "a", "01"), (6, "b", "02"), (5, "c", "03")]
    corpus, found = posed([claim(MARKET.killed(T), n, name, reported=f"2020-02-{day}") for n, name, day in said])
    order = [corpus.columns.claim(int(row)).source.name for row in found.rows]
    assert order == ["a", "b", "c"]
    floor = found.problem.echoes.floor(found.problem.source)
    assert floor.tolist() == [[0, 0, 0.5], [0, 1, 1]]


def test_exact_values_differ_from_vague_ones():
    _, found = posed([claim(MARKET.killed(T), Exactly(5), "a"), claim(MARKET.killed(T), AtLeast(5), "b")])
    assert len(set(found.problem.claims.value.tolist())) == 2
