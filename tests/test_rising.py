# SPDX-License-Identifier: MIT
from __future__ import annotations

import datetime
import itertools
import pickle

import attrs
import numpy as np
import pytest

import reconcile as rc
from reconcile.inference.arrays import Cells
from reconcile.inference.batches import PLAIN
from reconcile.inference.kernel import LEVELS, load
from reconcile.inference.known import Lift
from reconcile.inference.rising import (
    EARLIEST,
    FIELDS,
    LOG_ENDS,
    SHARES,
    STEP,
    Averages,
    Looks,
    Rises,
    find_path,
    round_hours,
)
from reconcile.model import KnownCount, Model, RisingToll

RISING = RisingToll()
UTC = datetime.UTC
SIX = datetime.datetime(2024, 5, 1, 6, tzinfo=UTC)
FIRE = rc.Event("fire", kind="fire", start=SIX)
SHARE_ENDS = np.append(np.exp(LOG_ENDS), 1.0)


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def times_of(*hours):
    return tuple(round_hours(np.array(hours, dtype=float)).tolist())


def said_at(*pairs, event=FIRE, same=False):
    """Claims (figure, hours after the event), by one agency or each by another."""
    return [
        rc.Claim(
            event.killed(), rc.Exactly(n), rc.Source("agency" if same else f"agency {k}", kind="media"),
            reported=SIX + datetime.timedelta(hours=hours),
        )
        for k, (n, hours) in enumerate(pairs)
    ]  # fmt: skip


def rounded(*hours):
    """Hours as they are computed with."""
    return tuple(EARLIEST * np.exp(STEP * np.array(times_of(*hours))))


def drawn_shares(rising, kind, hours, number, rng):
    """Cells of the known share at some hours, drawn from the process itself; shape (number, hours)."""
    center, sd = rising.half_time(kind)
    half = center * np.exp(sd * rng.standard_normal(number))
    mean = np.log(2) * (np.array(hours)[None] / half[:, None]) ** rising.shape
    grown = rng.gamma(np.diff(mean, axis=1, prepend=0.0) / rising.jump, rising.jump)
    share = -np.expm1(-np.cumsum(grown, axis=1))
    share[rng.random(number) < rising.complete] = 1.0
    return np.clip(np.searchsorted(SHARE_ENDS, share, side="right") - 1, 0, SHARES - 1)


@pytest.mark.parametrize("kind", ["attack", "storm", "other"])
def test_shares_are_those_of_the_process(kind, rng):
    hours = rounded(3, 20, 70)
    path = find_path(RISING, kind, times_of(*hours), day=False)
    drawn = drawn_shares(RISING, kind, hours, 200_000, rng)
    here = path.start
    for at in range(3):
        seen = np.bincount(drawn[:, at], minlength=SHARES) / len(drawn)
        np.testing.assert_allclose(np.cumsum(here), np.cumsum(seen), atol=0.01)
        if at < 2:
            here = path.steps[at].T @ here


def test_shares_never_fall_and_go_as_in_the_process(rng):
    hours = rounded(3, 20)
    path = find_path(RISING, "fire", times_of(*hours), day=False)
    step = path.steps[0]
    assert np.all(np.tril(step, -1) == 0)
    np.testing.assert_allclose(step.sum(axis=1), 1.0, atol=1e-9)
    drawn = drawn_shares(RISING, "fire", hours, 400_000, rng)
    for cell in np.flatnonzero(np.bincount(drawn[:, 0], minlength=SHARES) > 10_000):
        seen = np.bincount(drawn[drawn[:, 0] == cell, 1], minlength=SHARES)
        np.testing.assert_allclose(np.cumsum(step[cell]), np.cumsum(seen) / seen.sum(), atol=0.03)


def test_an_event_of_which_the_day_is_known_is_at_three_times_of_it():
    day = find_path(RISING, "fire", times_of(30.0), day=True)
    known = [find_path(RISING, "fire", times_of(30.0 - hour), day=False).start for hour in (4, 12, 20)]
    np.testing.assert_allclose(day.start, np.mean(known, axis=0), atol=0.01)  # times are told apart by 2 %


def test_averages_are_over_the_figures_of_a_share(rng):
    cells = Cells.around(np.zeros(2, dtype=np.int64), np.array([3.0, 40.0]), 1)
    kept = np.flatnonzero(cells.stop <= 5_000)
    first, beyond = cells.start[kept], cells.stop[kept]
    said = rng.random((len(first), 2))
    found = Averages.of(first, beyond).average(said)
    edge = np.log(np.append(np.maximum(first - 0.5, np.exp(-12.0)), beyond[-1] - 0.5))
    for count, share in [(0, 3), (1, 5), (7, 10), (15, 18), (30, SHARES - 1)]:
        middle = np.log(max(np.sqrt(first[count] * (beyond[count] - 1.0)), 0.25))
        if count == 0 or share == SHARES - 1:
            expected = said[0] if count == 0 else said[count]
        else:
            low, high = middle + LOG_ENDS[share], middle + LOG_ENDS[share + 1]
            overlap = np.clip(np.minimum(edge[1:], high) - np.maximum(edge[:-1], low), 0.0, None)
            expected = overlap @ said / (high - low)
        np.testing.assert_allclose(found[share, count], expected, rtol=1e-9)


def lifted(time, cells, known, asked=-1):
    """The lift of one count, whose claims look at it at some times (-1 for none)."""
    claims, size = len(time), len(cells.start)
    ends = cells.start, cells.stop, np.array([0, size])
    rises = Rises(
        RISING, np.array(["fire"], dtype=object), np.array([False]), np.ones(1), np.array(time), np.array([asked])
    )
    claim = np.array([0, claims])
    looks = Looks.of(rises, claim, ends[2], cells.start, cells.stop)
    return Lift(known, ends, ends, np.zeros(size, dtype=bool), claim, np.arange(claims + 1) * size, looks)


@pytest.mark.parametrize("hours", [(5.0, 20.0, 20.0), (np.nan, 8.0, 30.0), (2.0, 9.0, 50.0), (np.nan, np.nan, 4.0)])
def test_paths_are_summed_out_as_by_enumeration(hours, rng):
    every = Cells.around(np.zeros(2, dtype=np.int64), np.array([5.0, 11.0]), 1)
    cells, _ = every.without((every.stop <= 200).astype(float), 0.5)
    known, size = KnownCount(0.8, 0.3, 0.02), len(cells.start)
    time, rows = round_hours(np.array(hours)), rng.random((2, 3 * size))
    lift = lifted(time, cells, known)
    read = lift.read(rows)

    said = rows.reshape(2, 3, size)
    moments = sorted(set(time[time >= 0].tolist()))
    path, averages = find_path(RISING, "fire", tuple(moments), day=False), Averages.of(cells.start, cells.stop)
    for draw in range(2):
        given = np.prod(said[draw, time < 0], axis=0)
        each = [averages.average(np.prod(said[draw, time == one], axis=0)[:, None])[:, :, 0] for one in moments]
        total = np.zeros(size)
        for shares in itertools.product(range(SHARES), repeat=len(moments)):
            chance = path.start[shares[0]]
            for step, (before, after) in zip(path.steps, itertools.pairwise(shares), strict=True):
                chance = chance * step[before, after]
            if chance:
                total += chance * np.prod([one[share] for one, share in zip(each, shares, strict=True)], axis=0)
        expected = lift.sum_out((given * total)[:, None])[:, 0]
        np.testing.assert_allclose(read.said[:, draw] * np.exp(read.scale[0, draw]), expected, rtol=1e-9)


def test_what_is_taken_back_is_the_slope_of_what_is_said(rng):
    every = Cells.around(np.zeros(2, dtype=np.int64), np.array([5.0, 11.0]), 1)
    cells, _ = every.without((every.stop <= 60).astype(float), 0.5)
    size, time = len(cells.start), round_hours(np.array([np.nan, 5.0, 20.0, 20.0]))
    lift, rows, weight = lifted(time, cells, KnownCount()), rng.random((1, 4 * size)) + 0.1, rng.random((size, 1))

    def total(given):
        read = lift.read(given)
        return float(np.log(weight[:, 0] @ read.said[:, 0]) + read.scale[0, 0])

    read = lift.read(rows)
    posterior = weight * read.said / (weight * read.said).sum()
    slope = lift.back(posterior, read)[lift.cell_of, 0] / rows[0]
    for pair in rng.choice(4 * size, 25, replace=False):
        step = np.zeros_like(rows)
        step[0, pair] = 1e-6
        np.testing.assert_allclose((total(rows + step) - total(rows - step)) / 2e-6, slope[pair], rtol=1e-4, atol=1e-9)


# Of five counts: two of one path, one without a time, one that is looked at by no claim of a time but asked for.
HOURS = [(5.0, 20.0, 20.0), (5.0, 20.0), (np.nan, np.nan), (np.nan, 1.0, 8.0, 30.0, 90.0), (9.0,)]


def looks_of(hours=HOURS):
    """Looks at counts, the cells of some of which are filled up."""
    every = [Cells.around(np.zeros(1, dtype=np.int64), np.array([3.0 + 7 * at]), 1) for at in range(len(hours))]
    kept = [(cells.start[: 16 + 8 * at], cells.stop[: 16 + 8 * at]) for at, cells in enumerate(every)]
    for at, (start, stop) in enumerate(kept):
        start[len(start) - at :], stop[len(start) - at :] = 0, 1
    cell, claim = (np.append(0, np.cumsum([len(x) for x in some])) for some in ([start for start, _ in kept], hours))
    count = len(hours)
    rises = Rises(
        RISING, np.array(["fire", "fire", "storm", "storm", "attack"][:count], dtype=object), np.zeros(count, bool),
        np.ones(count), round_hours(np.concatenate(hours)), np.array([-1, -1, -1, 150, -1])[:count],
    )  # fmt: skip
    first, beyond = (np.concatenate([ends[at] for ends in kept]) for at in range(2))
    return Looks.of(rises, claim, cell, first, beyond)


def check_all(engine):
    """Hold an engine against NumPy for looks of every kind; what a sanitizer watches."""
    rng = np.random.default_rng(3)
    for looks in (looks_of(), looks_of(HOURS[:1]), looks_of(HOURS[:2]), looks_of(HOURS[-2:])):
        cells = int(np.sum(np.diff(looks.cell) * np.diff(looks.first)))
        for draws in (0, 1, 8, 17, 100):
            given = rng.random((cells, draws)) ** rng.choice([1.0, 30.0, 2000.0], (cells, 1))
            given[rng.random(given.shape) < 0.2] = 0.0
            weight = rng.random((int(looks.cell[-1]), draws))
            mine, plain = (
                (one.merge_looks(looks, given), one.share_looks(looks, given, weight)) for one in (engine, PLAIN)
            )
            for a, b in zip(mine, plain, strict=True):
                assert a.shape == b.shape
                assert np.all(np.isfinite(b))
                assert np.array_equal(a, b)


@pytest.mark.parametrize("level", LEVELS)
def test_the_kernel_is_numpy_to_the_last_bit(level):
    engine = load(level)
    if engine is None:
        pytest.skip(f"no kernel of level {level} was built, or this processor cannot run it")
    check_all(engine)


@pytest.mark.parametrize("level", ["numpy", *LEVELS])
def test_what_is_shared_is_the_slope_of_what_is_merged(level, rng):
    engine, looks = PLAIN if level == "numpy" else load(level), looks_of()
    if engine is None:
        pytest.skip(f"no kernel of level {level} was built, or this processor cannot run it")
    cells = int(np.sum(np.diff(looks.cell) * np.diff(looks.first)))
    given, weight = rng.random((cells, 1)) + 0.1, rng.random((int(looks.cell[-1]), 1))
    found = engine.share_looks(looks, given, weight)
    # Of a path no look is taken twice, so that the sum is linear in each of its looks.
    where = np.repeat(np.arange(int(looks.first[-1])), np.repeat(np.diff(looks.cell), np.diff(looks.first)))
    count = np.repeat(np.arange(len(looks.cell) - 1), np.diff(looks.first))[where]
    owner = np.repeat(np.arange(len(looks.cell) - 1), np.diff(looks.cell))
    total = np.bincount(owner, (weight * engine.merge_looks(looks, given))[:, 0])
    np.testing.assert_allclose(np.bincount(where, found[:, 0]), total[count[np.unique(where, return_index=True)[1]]])
    for at in rng.choice(cells, 30, replace=False):
        moved = given.copy()
        moved[at] *= 2.0
        more = weight * (engine.merge_looks(looks, moved) - engine.merge_looks(looks, given))
        np.testing.assert_allclose(found[at, 0], more.sum(), rtol=1e-9, atol=1e-12)


def test_looks_that_were_sent_elsewhere_are_the_same(rng):
    looks = looks_of()
    again = pickle.loads(pickle.dumps(looks))
    for name in FIELDS:
        np.testing.assert_array_equal(getattr(again.course, name), getattr(looks.course, name))
    assert looks.course.line[0] == looks.course.line[1]  # the same path


@pytest.mark.parametrize("name", FIELDS)
def test_courses_that_lead_elsewhere_are_refused(name):
    course = looks_of().course
    right = getattr(course, name)
    wrong = [right.astype(complex), right.tolist(), right[..., None], np.repeat(right, 2, axis=0)[::2], right[:-1]]
    if name in {"cell", "first", "risen", "line", "place"}:
        for at, by in ((0, -5), (1, 10**6), (-1, 100), (-1, -(10**6))):
            wrong.append(right.copy())
            wrong[-1][at] += by
    for one in wrong:
        with pytest.raises(rc.InvalidValue, match=r"Course\."):
            attrs.evolve(course, **{name: one})


@pytest.mark.parametrize("level", ["numpy", *LEVELS])
def test_arguments_of_another_kind_or_shape_are_refused(level):
    engine, looks = PLAIN if level == "numpy" else load(level), looks_of()
    if engine is None:
        pytest.skip(f"no kernel of level {level} was built, or this processor cannot run it")
    given = np.ones((int(np.sum(np.diff(looks.cell) * np.diff(looks.first))), 3))
    weight = np.ones((int(looks.cell[-1]), 3))
    for wrong in (given.astype(np.float32), given[:-1], np.asfortranarray(given), given[:, 0], given.tolist()):
        with pytest.raises(rc.InvalidValue, match=r"merge_looks\.given"):
            engine.merge_looks(looks, wrong)
        with pytest.raises(rc.InvalidValue, match=r"share_looks\.given"):
            engine.share_looks(looks, wrong, weight)
    for wrong in (weight.astype(np.float32), weight[:-1], np.asfortranarray(weight), weight[:, :-1], weight.tolist()):
        with pytest.raises(rc.InvalidValue, match=r"share_looks\.weight"):
            engine.share_looks(looks, given, wrong)


def test_without_usable_times_nothing_changes():
    late, other = rc.Event("late", kind="fire", start="2024-05-01"), rc.Event("no start", kind="fire")
    war = rc.Event("war", start="2024-05-01", end="2024-06-01")
    day_after = [(quantity, "2024-05-02") for quantity in (other.killed(), war.killed(), FIRE.missing())]
    claims = [
        rc.Claim(quantity, rc.Exactly(n), rc.Source(f"s{n}"), reported=day)
        for quantity, day in ((late.killed(), "2024-12-01"), *day_after)
        for n in (5, 9)
    ]
    rising, flat = (rc.estimate(claims, Model(rising=one)) for one in (RISING, None))
    assert list(rising) == list(flat)
    for quantity in rising:
        np.testing.assert_array_equal(rising[quantity].distribution.mass, flat[quantity].distribution.mass)


def test_a_toll_that_rises_goes_on_rising():
    claims = said_at((5, 3), (11, 6), (18, 13))
    rising, flat = (rc.estimate(claims, Model(rising=one))[FIRE.killed()] for one in (RISING, None))
    assert flat.eti(0.9)[1] < 30
    assert rising.median() >= 18
    assert rising.eti(0.9)[1] > 60
    # The next morning 29 are known.
    assert rising.eti(0.9)[0] <= 29 <= rising.eti(0.9)[1]


@pytest.mark.parametrize("before", [(5, 11), (3, 3), (12, 9)])
def test_a_larger_last_figure_never_lowers_the_final_toll(before):
    medians = [
        rc.estimate(said_at((before[0], 3), (before[1], 9), (n, 20)), learn=False)[FIRE.killed()].median()
        for n in (21, 24, 29, 38)  # not round ones, which may say less
    ]
    assert medians == sorted(medians)


def test_a_figure_that_is_repeated_later_never_widens_upward():
    upper = [
        rc.estimate(said_at((5, 3), (11, 6), (18, 13), *((18, hours) for hours in repeats)))[FIRE.killed()].eti(0.9)[1]
        for repeats in ((), (30,), (30, 60), (30, 60, 100))
    ]
    assert upper == sorted(upper, reverse=True)


def test_order_of_claims_matters_only_through_their_times():
    claims = said_at((5, 3), (11, 6), (18, 13), same=True)
    one, other = (rc.estimate(some)[FIRE.killed()] for some in (claims, claims[::-1]))
    np.testing.assert_array_equal(one.distribution.mass, other.distribution.mass)
