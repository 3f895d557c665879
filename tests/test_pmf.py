# SPDX-License-Identifier: MIT
import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reconcile.errors import InvalidValue
from reconcile.pmf import PMF, TOP, Lattice

counts = st.integers(0, TOP)


@given(st.sets(counts, min_size=1, max_size=6), st.sets(counts, max_size=6))
def test_a_lattice_covers_every_count_once(points, edges):
    lattice = Lattice.around(points, edges)
    assert lattice.low[0] == 0
    assert lattice.high[-1] == TOP
    assert np.array_equal(lattice.low[1:], lattice.high[:-1] + 1)
    assert np.all(lattice.width >= 1)
    for point in points:
        assert lattice.width[lattice.find(point)] == 1
    for edge in edges:
        assert edge in lattice.low


@given(st.sets(st.integers(0, 10**9), min_size=1, max_size=4))
def test_cells_near_a_claimed_number_are_at_most_two_percent_wide(points):
    lattice = Lattice.around(points)
    for point in points:
        near = (lattice.low > point / 1.4) & (lattice.low < point * 1.4)
        assert np.all((lattice.width[near] == 1) | (lattice.width[near] <= 0.02 * lattice.low[near] + 1e-9))


def test_pairs_of_cells_count_pairs_of_counts():
    lattice = Lattice(np.array([0, 1, 2, 5, 9, 20]), np.array([0, 1, 4, 8, 19, 30]))
    pairs = lattice.pairs
    found = np.zeros((6, 6, 6))
    np.add.at(found, (pairs.left, pairs.right, pairs.whole), pairs.number)
    wanted = np.zeros((6, 6, 6))
    for a, b in itertools.product(range(31), repeat=2):
        if a + b <= 30:
            wanted[lattice.find(a), lattice.find(b), lattice.find(a + b)] += 1
    assert np.array_equal(found, wanted)
    for by, cell in ((pairs.by_left, pairs.left), (pairs.by_right, pairs.right), (pairs.by_whole, pairs.whole)):
        assert np.allclose(by.sum(axis=1), np.bincount(cell, pairs.number, 6))


@st.composite
def pmfs(draw):
    widths = draw(st.lists(st.integers(1, 30), min_size=1, max_size=12))
    low = np.cumsum([0, *widths[:-1]])
    mass = np.array(draw(st.lists(st.floats(0, 1), min_size=len(widths), max_size=len(widths)))) + 1e-3
    return PMF(Lattice(low, low + np.array(widths) - 1), mass / mass.sum())


def spelled_out(pmf):
    return np.repeat(pmf.mass / pmf.lattice.width, pmf.lattice.width.astype(int))


@given(pmfs(), st.floats(0, 1))
def test_a_pmf_is_what_its_counts_spell_out(pmf, p):
    each = spelled_out(pmf)
    n = np.arange(len(each))
    assert np.allclose(pmf.pmf(n), each)
    assert np.allclose(pmf.cdf(n), np.cumsum(each))
    assert np.allclose(pmf.ccdf(n), 1 - np.cumsum(each))
    assert pmf.mean() == pytest.approx(each @ n)
    assert pmf.variance() == pytest.approx(each @ (n - each @ n) ** 2)
    assert pmf.entropy() == pytest.approx(-np.sum(each * np.log(each)))
    # The reference is rounded too: the answer must be right for some p within rounding.
    first = [int(np.argmax(np.cumsum(each) >= q)) for q in (p - 1e-9, min(p + 1e-9, np.cumsum(each)[-1]))]
    assert first[0] <= pmf.icdf(p) <= first[1]
    assert pmf.pmf(-1) == 0
    assert pmf.pmf(len(each)) == 0
    assert pmf.cdf(-1) == 0
    assert pmf.cdf(1e18) == pytest.approx(1)


@given(pmfs(), st.floats(0.05, 0.95))
def test_intervals_hold_what_they_promise_and_hdi_is_no_wider(pmf, p):
    for low, high in (pmf.eti(p), pmf.hdi(p)):
        assert pmf.cdf(high) - pmf.cdf(low - 1) >= p - 1e-9
    assert pmf.hdi(p)[1] - pmf.hdi(p)[0] <= pmf.eti(p)[1] - pmf.eti(p)[0]


def test_the_hdi_of_integers_is_the_narrowest():
    rng = np.random.default_rng(1)
    for _ in range(50):
        mass = rng.dirichlet(np.full(12, 0.5))
        pmf = PMF(Lattice.integers(11), mass)
        spans = [
            b - a for a, b in itertools.combinations_with_replacement(range(12), 2) if mass[a : b + 1].sum() >= 0.8
        ]
        low, high = pmf.hdi(0.8)
        assert high - low == min(spans)


@settings(max_examples=10)
@given(pmfs())
def test_samples_follow_the_mass(pmf):
    drawn = pmf.sample(4_000, seed=1)
    shares = np.bincount(pmf.lattice.find(drawn), minlength=len(pmf.mass)) / 4_000
    assert np.all(np.abs(shares - pmf.mass) < 5 * np.sqrt(pmf.mass * (1 - pmf.mass) / 4_000) + 1e-9)
    assert np.array_equal(drawn, pmf.sample(4_000, seed=1))


@pytest.mark.parametrize("bad", [-0.1, 1.1, float("nan")])
def test_probabilities_outside_the_range_are_refused(bad):
    pmf = PMF(Lattice.integers(1), np.array([0.5, 0.5]))
    for ask in (pmf.icdf, pmf.eti, pmf.hdi):
        with pytest.raises(InvalidValue, match="probability"):
            ask(bad)


@pytest.mark.parametrize("count", [0, 1, 7, 10**6, 10**9])
def test_a_count_that_is_certain_has_one_hill(count):
    """A large certain count once made the smoothed density longer than its grid, and `str` of an estimate fail."""
    lattice = Lattice.around([count])
    mass = np.where(lattice.low == count, 1.0, 0.0)
    (hill,) = PMF(lattice, mass).modes
    assert hill.median == count
