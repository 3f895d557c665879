# SPDX-License-Identifier: MIT
"""The scores of the benchmarks, against brute force: who measures others must be measured first."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import gammaln

from reconcile.pmf import PMF, Lattice

COUNTS = np.arange(400)
POISSON = np.exp(COUNTS * np.log(12.5) - 12.5 - gammaln(COUNTS + 1))
GEOMETRIC = 0.1 * 0.9**COUNTS
POINT = (COUNTS == 7).astype(float)


@pytest.fixture(scope="module")
def scores(load):
    return load("bench/scores.py")


def cdf_of(mass):
    below = np.cumsum(mass)
    return lambda n: np.where(np.asarray(n) < 0, 0.0, below[np.clip(np.asarray(n, int), 0, len(mass) - 1)])


@pytest.mark.parametrize("mass", [POISSON, GEOMETRIC, POINT], ids=["poisson", "geometric", "point"])
@pytest.mark.parametrize("truth", [0, 1, 7, 90])
def test_crps_equals_the_sum_over_counts_and_the_form_by_expectations(scores, mass, truth):
    found = scores.crps(cdf_of(mass), truth)
    assert found == pytest.approx(np.sum((np.cumsum(mass) - (truth <= COUNTS)) ** 2), abs=1e-9)
    apart = np.abs(COUNTS[:, None] - COUNTS[None, :])
    by_expectations = mass @ np.abs(COUNTS - truth) - mass @ apart @ mass / 2  # Gneiting and Raftery 2007
    assert found == pytest.approx(by_expectations, abs=1e-6)


def test_crps_of_a_wide_cell_is_that_of_its_counts(scores):
    """Half the mass on 3, half evenly on 1,000 to 80,000: beyond the exact counts the grid takes steps of 1 %."""
    lattice = Lattice(np.array([0, 3, 4, 1_000]), np.array([2, 3, 999, 80_000]))
    pmf = PMF(lattice, np.array([0.0, 0.5, 0.0, 0.5]))
    counts = np.arange(80_001)
    for truth in (3, 40):
        brute = np.sum((pmf.cdf(counts) - (truth <= counts)) ** 2)
        assert scores.crps(pmf.cdf, truth) == pytest.approx(brute, rel=1e-4)


def test_coverage_is_the_level_if_and_only_if_calibrated(scores):
    rng = np.random.default_rng(0)
    truths = rng.choice(COUNTS, size=4_000, p=GEOMETRIC / GEOMETRIC.sum())
    for level in scores.LEVELS:
        share, error = scores.within([scores.pit(cdf_of(GEOMETRIC), truth) for truth in truths], level)
        assert abs(share - level) < 3.3 * error
        wrong, error = scores.within([scores.pit(cdf_of(POISSON), truth) for truth in truths], level)
        assert abs(wrong - level) > 5 * error


def test_coverage_is_that_of_drawn_transforms_on_average(scores):
    rng = np.random.default_rng(0)
    for truth in (0, 5, 12):
        below, upto = scores.pit(cdf_of(GEOMETRIC), truth)
        assert (below, upto) == (pytest.approx(1 - 0.9**truth), pytest.approx(1 - 0.9 ** (truth + 1)))
        drawn = below + rng.random(20_000) * (upto - below)
        share, _ = scores.within([(below, upto)], 0.9)
        assert share == pytest.approx(np.mean((drawn > 0.05) & (drawn < 0.95)), abs=0.012)


def test_share_within_an_interval_and_its_error(scores):
    share, error = scores.within([(p - 1e-9, p + 1e-9) for p in (0.01, 0.06, 0.5, 0.94, 0.99)], 0.9)
    assert share == pytest.approx(0.6)
    assert error == pytest.approx(np.sqrt(0.6 * 0.4 / 5))
    assert scores.within([(0.5, 0.5)], 0.9)[0] == 0  # a truth that had no chance


def test_cdf_of_draws_counts_them(scores):
    cdf = scores.from_draws([3, 1, 1, 8])
    assert cdf(np.array([0, 1, 2, 3, 8])).tolist() == [0.0, 0.5, 0.5, 0.75, 1.0]


def test_scores_are_pooled_over_seeds_event_by_event(scores):
    answer = scores.Answer(np.array([12.0, 7.0]), [cdf_of(POISSON), cdf_of(POINT)], 0.0)
    parts = [scores.score(answer, np.array(truth)) for truth in ([12, 7], [0, 7])]
    found = scores.summarise(scores.pool(parts))
    assert found["error"] == f"{np.log(25) / 4:.3f}"
    assert found["exact"] == "0.75"
    bare = scores.score(scores.Answer(np.array([12.0]), None, 0.0), np.array([12]))
    assert scores.summarise(bare)["90 %"] == "-"
