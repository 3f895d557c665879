# SPDX-License-Identifier: MIT
"""The evidence unit by unit, and which parameters are independent given the others."""

from __future__ import annotations

import numpy as np
import pytest
from worlds import CHILD, MARKET, claim, problem_of

import reconcile as rc
from reconcile.inference.evidence import AllEvidence


def events(number):
    return [rc.Event(f"e{n}") for n in range(number)]


def claims():
    """Counts that stand alone, some by one source and some by several, a sum, and a share of a whole."""
    first, second, third, fourth = events(4)
    return [
        claim(first.killed(), 5, "a"), claim(first.killed(), 7, "b"), claim(first.killed(), 6, "c"),
        claim(second.killed(), 12, "d"), claim(second.killed(), 15, "e"), claim(second.killed(), 12, "a"),
        claim(third.killed(), 4, "f"), claim(fourth.killed(), 4, "f"), claim(fourth.killed(), 9, "g"),
        claim(MARKET.killed(), 3, "h"), claim(MARKET.injured(), 9, "i"), claim(MARKET.casualties(), 14, "a"),
        claim(MARKET.displaced(), 60, "j"), claim(MARKET.displaced(CHILD), rc.Share(0.5, 0.5), "k"),
        claim(MARKET.displaced(CHILD), 40, "b"),
    ]  # fmt: skip


@pytest.fixture(scope="module")
def evidence():
    return AllEvidence.of(problem_of(claims()), map)


@pytest.fixture(scope="module")
def xs(evidence):
    layout = evidence.problem.hierarchy
    return layout.unfold(np.random.default_rng(0).standard_normal((3, layout.size)))


def test_units_add_up_to_the_whole(evidence, xs):
    each, by_each = evidence.evaluate_each(xs)
    value, slope = evidence.evaluate(xs)
    assert each.shape == (3, int(evidence.units.max()) + 1)
    np.testing.assert_allclose(each.sum(axis=1), value, rtol=1e-12)
    assert np.array_equal(by_each, slope)


def test_far_out_no_unit_has_a_value(evidence, xs):
    xs = xs.copy()
    xs[1, 0] = np.inf
    assert np.array_equal(np.isnan(evidence.evaluate_each(xs)[0]).all(axis=1), [False, True, False])


def places_of(evidence, names):
    layout = evidence.problem.hierarchy
    return np.array([k for k, one in enumerate(layout.names) if one.scope == "source" and one.owner in names])


def test_no_unit_depends_on_two_blocks(evidence, xs):
    """Moving a block changes the units that are said to be its own, and no other."""
    places = places_of(evidence, set("bcdefghijk"))
    order, first, block = evidence.find_blocks(places)
    assert np.array_equal(np.sort(order), places)
    before, _ = evidence.evaluate_each(xs)
    member = block.toarray()
    assert member.shape == (before.shape[1], len(first))
    assert member.sum(axis=1).max() == 1
    moved = set()
    for at, mine in enumerate(np.split(order, first[1:])):
        there = xs.copy()
        there[:, mine] += 0.7
        (units,) = np.nonzero(np.any(np.abs(evidence.evaluate_each(there)[0] - before) > 1e-12, axis=0))
        assert set(units) <= set(np.flatnonzero(member[:, at]))
        moved |= {(at, int(unit)) for unit in units}
    assert len({at for at, _ in moved}) >= 3  # else nothing was tried


def test_sources_of_one_count_are_one_block(evidence):
    layout = evidence.problem.hierarchy
    order, first, _ = evidence.find_blocks(places_of(evidence, set("cdegjk")))
    blocks = [{layout.names[int(k)].owner for k in mine} for mine in np.split(order, first[1:])]
    of = {name: {frozenset(block) for block in blocks if name in block} for name in "cdegjk"}
    assert frozenset("de") in of["d"]
    assert of["d"] & of["e"]
    assert not of["c"] & of["d"]
    assert not of["g"] & of["d"]
    assert of["j"] & of["k"]
