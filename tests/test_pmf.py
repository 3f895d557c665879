# SPDX-License-Identifier: MIT
import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reconcile.errors import HeavyTail, InvalidValue
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


# --- peaks --------------------------------------------------------------------------------------------------------


def bell(lattice, center, width, weight=1.0):
    """A normal over the logarithm of the count plus one, as mass by cell."""
    edges = np.log(np.append(lattice.low, lattice.high[-1] + 1) + 0.5)
    steps = np.array([math.erf((x - math.log(center + 1)) / width / math.sqrt(2)) for x in edges])
    return weight * np.diff(steps) / (steps[-1] - steps[0])


@st.composite
def hills(draw):
    """Densities over the logarithm of the count that rise and then fall, on cells of any width."""
    widths = draw(st.lists(st.integers(1, 30), min_size=1, max_size=20))
    low = np.cumsum([0, *widths[:-1]])
    lattice = Lattice(low, low + np.array(widths) - 1)
    top = draw(st.integers(0, len(widths)))
    rising = sorted(draw(st.lists(st.floats(1e-6, 1), min_size=top, max_size=top)))
    rest = len(widths) - top
    falling = sorted(draw(st.lists(st.floats(1e-6, 1), min_size=rest, max_size=rest)), reverse=True)
    mass = np.array([*rising, *falling]) * np.log((lattice.high + 1.5) / (lattice.low + 0.5))
    return PMF(lattice, mass / mass.sum())


@given(hills())
def test_what_rises_and_then_falls_has_one_peak_whatever_the_cells(pmf):
    (peak,) = pmf.peaks()
    assert peak.count == pmf.median()
    assert (peak.low, peak.high) == pmf.eti(0.9)
    assert peak.probability == pytest.approx(1)


@pytest.mark.parametrize("size", [0, 1, 3, 5, 10, 33, 100, 1_000, 44_000, 10**6, 10**7])
@pytest.mark.parametrize("width", [0.02, 0.1, 0.3, 1.0, 2.5])
def test_smooth_posteriors_of_any_size_have_one_peak(size, width):
    near = Lattice.around([size, 7 * size + 3])  # the cells do not suit the bell
    for lattice in (Lattice.around([size]), near, Lattice.around([10**4])):
        mass = bell(lattice, size, width)
        assert len(PMF(lattice, mass / mass.sum()).peaks()) == 1


@pytest.mark.parametrize("mean", [3, 4.5, 12, 90])
def test_counts_drawn_as_whole_numbers_have_one_peak(mean):
    n = np.arange(400)
    poisson = np.exp(n * math.log(mean) - mean - np.array([math.lgamma(k + 1) for k in n]))
    geometric = (mean / (1 + mean)) ** n
    power = 1 / (n + 1.0) ** 1.5
    for mass in (poisson, geometric, power):
        assert len(PMF(Lattice.integers(399), mass / mass.sum()).peaks()) == 1


@given(st.integers(0, 10**7), st.floats(2.5, 1_000), st.floats(0.02, 0.12), st.floats(0.03, 0.2), st.floats(-0.3, 0.3))
def test_two_bells_apart_are_two_peaks_at_any_size(low, ratio, width, between, tilt):
    high = round(ratio * (low + 1)) + 1
    lattice = Lattice.around([low, high])
    inside = (lattice.low > low) & (lattice.high < high)
    flat = np.where(inside, np.log((lattice.high + 1.5) / (lattice.low + 0.5)), 0.0)
    weight = (1 - between) / 2 + between * tilt
    mass = bell(lattice, low, width, weight) + bell(lattice, high, width, 1 - between - weight)
    pmf = PMF(lattice, mass + between * flat / flat.sum())  # the median is in the valley
    first, second = pmf.peaks()
    assert first.count == pytest.approx(low, rel=0.1, abs=1)
    assert second.count == pytest.approx(high, rel=0.1, abs=1)
    assert first.low <= first.count <= first.high < second.low <= second.count <= second.high
    assert first.probability == pytest.approx(weight, abs=between + 0.02)
    assert first.probability + second.probability == pytest.approx(1)


def test_finer_cells_do_not_change_the_peaks():
    spikes = {30: 0.2, 60: 0.15}
    found = []
    for lattice in (Lattice.around([30, 60]), Lattice.around([30, 60], edges=range(200)), Lattice.integers(10**4)):
        mass = bell(lattice, 40, 0.4, 1 - sum(spikes.values()))
        for at, share in spikes.items():
            mass[lattice.find(at)] += share
        found.append(PMF(lattice, mass / mass.sum()).peaks())
    for peaks in found:
        assert [peak.count for peak in peaks] == [30, 60]
        assert peaks[0].probability == pytest.approx(found[-1][0].probability, abs=0.02)


def test_three_spikes_with_the_median_between_two_are_three_peaks():
    mass = np.full(401, 0.1 / 401)
    mass[[10, 60, 300]] += [0.45, 0.25, 0.2]
    found = PMF(Lattice.integers(400), mass / mass.sum()).peaks()
    assert [peak.count for peak in found] == [60]  # the median is on the second
    mass[10] += 0.06
    mass[60] -= 0.06
    mass[20:45] += 0.2 / 25
    found = PMF(Lattice.integers(400), mass / mass.sum()).peaks()
    assert [peak.count for peak in found] == [10, 60, 300]


@pytest.mark.parametrize("gap", [1, 2])
def test_neighbours_are_not_two_peaks(gap):
    """103 between 102 and 104 misleads nobody."""
    mass = np.zeros(300)
    mass[[103 - gap, 103 + gap]] = 0.49
    mass[103] = 0.02
    assert len(PMF(Lattice.integers(299), mass).peaks()) == 1


def test_a_small_peak_is_not_named():
    lattice = Lattice.around([10, 1_000])
    mass = bell(lattice, 10, 0.1, 0.95) + bell(lattice, 1_000, 0.1, 0.05)
    (peak,) = PMF(lattice, mass / mass.sum()).peaks()
    assert peak.count == 10


def test_hills_over_decades_are_not_called_by_a_number():
    """A lone "at most 143,212" would have been told as "1 or 140,000"."""
    lattice = Lattice.around([1, 10**5])
    for width, peaks in ((0.5, 2), (2.5, 1)):
        mass = bell(lattice, 3, width, 0.48) + bell(lattice, 10**5, width, 0.48)
        mass[(lattice.low > 3) & (lattice.high < 10**5)] += 1e-9
        mass[lattice.find(500)] += 0.04
        assert len(PMF(lattice, mass / mass.sum()).peaks()) == peaks


# --- means that rest on a tail ------------------------------------------------------------------------------------


def with_tail(share):
    """One of ten, with a chance of huge counts."""
    lattice = Lattice.around([10])
    mass = np.zeros(len(lattice))
    mass[lattice.find(10)] = 1 - share
    mass[lattice.find(10**6)] = share
    return PMF(lattice, mass)


def test_a_mean_that_rests_on_a_thin_tail_is_not_given():
    """One medium "0" had a mean of 388, and the party's own ministry 2,320."""
    pmf = with_tail(1e-4)
    assert pmf.mass @ pmf.lattice.low > 50
    with pytest.warns(HeavyTail, match=r"the mean is not given: .* % of the mean comes from counts beyond 10, which"):
        assert math.isnan(pmf.mean())
    with pytest.warns(HeavyTail, match="the variance is not given"):
        assert math.isnan(pmf.variance())


def test_a_mean_is_given_where_the_tail_is_none_or_no_tail_at_all():
    assert with_tail(1e-9).mean() == pytest.approx(10, rel=1e-3)
    assert with_tail(0.5).mean() > 10**5  # not beyond the .999 quantile


@given(pmfs())
def test_means_without_huge_counts_are_given(pmf):
    assert math.isfinite(pmf.mean())
