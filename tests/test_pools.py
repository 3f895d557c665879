# SPDX-License-Identifier: MIT
from __future__ import annotations

import pickle

import attrs
import numpy as np
import pytest

import reconcile as rc
from reconcile.inference.batches import PLAIN
from reconcile.inference.kernel import LEVELS, load
from reconcile.inference.pools import FIELDS, Pool


@pytest.fixture(params=["numpy", *LEVELS])
def engine(request):
    found = PLAIN if request.param == "numpy" else load(request.param)
    if found is None:
        pytest.skip(f"no kernel of level {request.param} was built, or this processor cannot run it")
    return found


def pool_of(look, number):
    """Claims that look at some of several things, each of so many cells, the last of which are filled up."""
    number, look = np.array(number, dtype=np.int64), np.array(look, dtype=np.int64)
    cell = np.append(0, np.cumsum(number))
    filled = np.zeros(int(cell[-1]), dtype=bool)
    for at, cells in enumerate(number):
        filled[cell[at + 1] - cells // 3 : cell[at + 1]] = True
    return Pool.of(look, np.append(0, np.cumsum(number[look])), cell, filled)


POOLS = [
    pool_of([0], [1]),
    pool_of([0, 0, 0], [16]),
    pool_of([0, 2, 0, 2, 2, 4, 3], [8, 24, 40, 16, 8]),  # nothing is said of one of these
    pool_of([1, 0, 1], [3, 13]),
]


def asked_of(pool, draws, rng):
    rows = rng.random((draws, pool.sizes["pairs"])) ** rng.choice([1.0, 30.0], (1, pool.sizes["pairs"]))
    return np.maximum(rows, 1e-70), rng.random(pool.sizes["claims"]) + 0.5


def check_all(engine):
    """Hold an engine against NumPy for pools of every kind; what a sanitizer watches."""
    rng = np.random.default_rng(5)
    for pool in POOLS:
        for draws in (0, 1, 8, 17):
            asked = asked_of(pool, draws, rng)
            for a, b in zip(engine.pool(pool, *asked), PLAIN.pool(pool, *asked), strict=True):
                assert a.shape == b.shape
                assert np.array_equal(a, b)


@pytest.mark.parametrize("level", LEVELS)
def test_the_kernel_is_numpy_to_the_last_bit(level):
    found = load(level)
    if found is None:
        pytest.skip(f"no kernel of level {level} was built, or this processor cannot run it")
    check_all(found)


def test_rows_are_multiplied(engine):
    pool, rng = POOLS[2], np.random.default_rng(0)
    rows, power = rng.random((3, pool.sizes["pairs"])) + 0.1, rng.random(7) + 0.5
    given, scale = engine.pool(pool, rows, power)
    for look, claims in enumerate(([0, 2], [], [1, 3, 4], [6], [5])):
        cells, real = slice(*pool.cell[look : look + 2]), ~pool.filled[pool.cell[look] : pool.cell[look + 1]]
        expected = np.ones((cells.stop - cells.start, 3))
        for claim in claims:
            expected *= rows[:, pool.pair[claim] : pool.pair[claim + 1]].T ** power[claim]
        found = given[cells] * np.exp(scale[look])
        np.testing.assert_allclose(found[real], expected[real], rtol=1e-12)
        np.testing.assert_array_equal(given[cells].max(axis=0), 1.0)
        assert np.all(given[cells][~real] == 0)


def test_many_unlikely_claims_leave_something(engine):
    pool = pool_of(np.zeros(1_000, dtype=int), [8])
    given, scale = engine.pool(pool, np.full((1, 8_000), 1e-70), np.ones(1_000))
    assert np.all(given[:6] == 1.0)
    np.testing.assert_allclose(scale, -70_000 * np.log(10))


def test_a_pool_that_was_sent_elsewhere_is_the_same(engine):
    pool, asked = POOLS[2], asked_of(POOLS[2], 3, np.random.default_rng(1))
    again = pickle.loads(pickle.dumps(pool))
    for a, b in zip(engine.pool(pool, *asked), engine.pool(again, *asked), strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("name", FIELDS)
def test_arrays_that_lead_elsewhere_are_refused(name):
    pool = POOLS[2]
    right = getattr(pool, name)
    wrong = [right.astype(complex), right.tolist(), right[..., None], np.repeat(right, 2)[::2], right[:-1]]
    if name != "filled":
        for at, by in ((0, -8), (1, 10**6), (2, 8), (-1, 8), (-1, -(10**6))):
            wrong.append(right.copy())
            wrong[-1][at] += by
    for one in wrong:
        with pytest.raises(rc.InvalidValue, match=r"Pool\."):
            attrs.evolve(pool, **{name: one})


def test_arguments_of_another_kind_or_shape_are_refused(engine):
    pool = POOLS[2]
    rows, power = asked_of(pool, 3, np.random.default_rng(1))
    for wrong in (rows.astype(np.float32), rows[:, :-1], np.asfortranarray(rows), rows[0], rows.tolist()):
        with pytest.raises(rc.InvalidValue, match=r"pool\.rows"):
            engine.pool(pool, wrong, power)
    for wrong in (power.astype(np.float32), power[:-1], power[:, None], np.repeat(power, 2)[::2], power.tolist()):
        with pytest.raises(rc.InvalidValue, match=r"pool\.power"):
            engine.pool(pool, rows, wrong)
