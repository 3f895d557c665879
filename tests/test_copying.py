# SPDX-License-Identifier: MIT
"""Who may have copied whom, against plain loops over claims."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconcile.inference.copying import ANYONE, EACH, FAVOURITES, FEWEST, LOYAL, NEAREST, find_echoes

EXACT = 1e-12  # sums of a few numbers in another order
rows = st.lists(st.tuples(st.integers(0, 5), st.integers(0, 2), st.integers(0, 6)), min_size=1, max_size=60)


@st.composite
def worlds(draw):
    """Claims in any order of rows, told in any order: event, value, source, order."""
    claims = draw(rows)
    order = draw(st.permutations(range(len(claims))))
    return (*(np.array(column) for column in zip(*claims, strict=True)), np.array(order))


def plain(event, value, source, order):
    """Find there, same and favourites, claim by claim."""
    claims = range(len(event))
    before = [
        sorted((j for j in claims if event[j] == event[i] and order[j] < order[i]), key=lambda j: order[j])
        for i in claims
    ]
    followed = Counter()
    for i in claims:
        equal = [j for j in before[i] if value[j] == value[i]]
        followed.update((source[i], source[j]) for j in equal[-NEAREST:] if source[j] != source[i])
    favourites = {}
    for me in range(max(source) + 1):
        mine = [(-number, other) for (one, other), number in followed.items() if one == me and number >= FEWEST]
        favourites[me] = [other for _, other in sorted(mine)][:FAVOURITES]
    there, same = np.zeros((2, 1 + FAVOURITES, len(event)))
    for i in claims:
        there[0, i] = bool(before[i])
        same[0, i] = np.mean([value[j] == value[i] for j in before[i]]) if before[i] else 0
        for k, other in enumerate(favourites[source[i]], start=1):
            said = [value[j] for j in before[i] if source[j] == other]
            there[k, i] = bool(said)
            same[k, i] = bool(said) and said[0] == value[i]
    return there, same, favourites


@given(worlds())
def test_echoes_are_those_of_a_plain_loop(world):
    found = find_echoes(*world)
    there, same, favourites = plain(*world)
    np.testing.assert_allclose(found.there, there)
    np.testing.assert_allclose(found.same, same, atol=EXACT)
    for source, wanted in favourites.items():
        column = found.favourites[:, source].tolist()
        assert column == wanted + [-1] * (FAVOURITES - len(wanted))
        shares = [ANYONE, *(EACH for _ in wanted), *(0.0 for _ in range(FAVOURITES - len(wanted)))]
        np.testing.assert_allclose(found.shares[:, source], np.array(shares) / sum(shares))


def test_a_favourite_is_found():
    """Source 1 repeats source 0 on six counts, and says else on one; source 2 agrees with nobody."""
    event = np.repeat(np.arange(7), 3)
    source = np.tile([0, 1, 2], 7)
    same = np.arange(7)
    value = np.stack([same, np.where(same < 6, same, 20), 30 + same], axis=1).ravel()
    found = find_echoes(event, value, source, np.arange(21))
    assert found.favourites[0].tolist() == [-1, 0, -1]
    assert found.there[1].tolist() == [0, 1, 0] * 7
    assert found.same[1].tolist() == [0, 1, 0] * 6 + [0, 0, 0]
    few = slice(3 * (FEWEST - 1))  # one time less than it takes
    assert find_echoes(event[few], value[few], source[few], np.arange(3 * (FEWEST - 1))).favourites.max() == -1


def evidence(echoes, source, chance, own):
    """P(claim), by hand: its source either speaks for itself, or goes one of its ways and copies what is there."""
    total = []
    for i, (speaker, c, p) in enumerate(zip(source, chance, own, strict=True)):
        ways = zip(echoes.shares[:, speaker], echoes.same[:, i], echoes.there[:, i], strict=True)
        total.append((1 - c) * p + c * sum(share * (same + (1 - there) * p) for share, same, there in ways))
    return np.array(total)


@given(worlds(), st.integers(0, 2**32 - 1))
def test_the_floor_is_the_evidence_of_a_copy(world, seed):
    rng = np.random.default_rng(seed)
    echoes, source = find_echoes(*world), world[2]
    chance, own = rng.random((2, len(source)))
    same, there = echoes.floor(source)
    assert np.all((same >= 0) & (same <= there + EXACT) & (there <= 1 + EXACT))
    np.testing.assert_allclose(chance * same + (1 - chance * there) * own, evidence(echoes, source, chance, own))


@given(worlds(), st.integers(0, 2**32 - 1))
def test_revised_shares_are_a_step_uphill(world, seed):
    """Where nothing else is unknown, expectation-maximisation never lowers the posterior of what it fits."""
    rng = np.random.default_rng(seed)
    echoes, source = find_echoes(*world), world[2]
    chance, own = rng.random((2, len(source)))
    prior = np.where(np.vstack([np.zeros_like(echoes.favourites[:1]), echoes.favourites]) >= 0, EACH, 0.0)
    prior[0] = ANYONE

    def target(echoes):
        inside = prior > 0
        return (
            np.log(evidence(echoes, source, chance, own)).sum() + (prior[inside] * np.log(echoes.shares[inside])).sum()
        )

    before = target(echoes)
    for _ in range(3):
        total = evidence(echoes, source, chance, own)
        echoes = echoes.revised(source, chance, np.array([1 / total, own / total]))
        np.testing.assert_allclose(echoes.shares.sum(axis=0), 1)
        assert np.all(echoes.shares[prior == 0] == 0)
        after = target(echoes)
        assert after >= before - 1e-9
        before = after


def test_revised_shares_are_pseudo_claims_and_expected_copies():
    event, source = np.repeat(np.arange(FEWEST), 2), np.tile([0, 1], FEWEST)
    echoes = find_echoes(event, event, source, np.arange(2 * FEWEST))
    assert echoes.favourites[0].tolist() == [-1, 0]
    # If every claim of source 1 is a copy and would else be impossible, both ways explain it equally well.
    total = evidence(echoes, source, np.where(source == 1, 1.0, 0.0), np.where(source == 1, 0.0, 1.0))
    found = echoes.revised(
        source, np.where(source == 1, 1.0, 0.0), np.array([1 / total, np.where(source == 1, 0.0, 1.0)])
    )
    start = np.array([ANYONE, EACH]) / (ANYONE + EACH)
    assert found.shares[:2, 1] == pytest.approx((np.array([ANYONE, EACH]) + FEWEST * start) / (ANYONE + EACH + FEWEST))
    assert found.shares[:, 0].tolist() == [1, 0, 0, 0, 0]


def test_no_claims():
    empty = np.zeros(0, dtype=np.int64)
    found = find_echoes(empty, empty, empty, empty)
    assert found.there.shape == found.same.shape == (1 + FAVOURITES, 0)


@given(worlds())
def test_the_loyal_mostly_copy_their_first_favourite(world):
    found = find_echoes(*world)
    loyal = found.loyal()
    np.testing.assert_allclose(loyal.shares.sum(axis=0), 1)
    for source, favourites in enumerate(found.favourites.T):
        if favourites[0] < 0:
            assert np.array_equal(loyal.shares[:, source], found.shares[:, source])
            continue
        assert loyal.shares[1, source] == LOYAL
        known = np.append(True, favourites >= 0)
        assert np.all((loyal.shares[:, source] > 0) == known)
