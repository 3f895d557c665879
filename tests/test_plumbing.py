# SPDX-License-Identifier: MIT
"""Names, dates and the repr that the records share."""

from __future__ import annotations

import datetime
import zoneinfo

import attrs
import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

import reconcile as rc
from reconcile.errors import InvalidValue
from reconcile.plumbing import (
    LONGEST_NAME,
    check,
    clean_name,
    clean_names,
    count_of,
    in_words,
    rebuilding_repr,
    to_generator,
    to_moment,
)
from reconcile.pmf import PMF, Lattice
from reconcile.simulate import simulate
from reconcile.testing import calibration

DAY = datetime.date(2020, 2, 10)
NOON = datetime.datetime.fromisoformat("2020-02-10T12:00")
LAST = datetime.datetime.fromisoformat("9999-12-31T23:59:59.999999")


def test_check_says_what_was_given_and_what_is_allowed():
    check(True, "Thing.size", 5, "a small number")
    with pytest.raises(InvalidValue) as caught:
        check(False, "Thing.size", 5, "a small number")
    assert str(caught.value) == "Thing.size: got 5; allowed: a small number"


@pytest.mark.parametrize("given_", ["", "  ", "\t\n", "\u2003", 5, None, b"name", ["name"], "x" * (LONGEST_NAME + 1)])
def test_clean_name_refuses(given_):
    with pytest.raises(InvalidValue, match=r"^Thing\.name: got .*; allowed: a text of 1 to 1000 characters$"):
        clean_name("Thing.name")(given_)


@given(st.text(max_size=20))
def test_clean_name_strips_once(text):
    convert = clean_name("Thing.name", optional=True)
    assert convert(None) is None
    if text.strip():
        assert convert(text) == text.strip() == convert(convert(text))
        assert type(convert(text)) is str
    else:
        with pytest.raises(InvalidValue):
            convert(text)


@pytest.mark.parametrize(
    "given_, names",
    [
        (None, set()), ([], set()), ("Turkey", {"Turkey"}), (" Turkey ", {"Turkey"}), (["a", "b", "a "], {"a", "b"}),
        (("a",), {"a"}), ({"a"}, {"a"}), (frozenset({"a"}), {"a"}),
    ],
)  # fmt: skip
def test_clean_names(given_, names):
    found = clean_names("Thing.names")(given_)
    assert found == names
    assert type(found) is frozenset


@pytest.mark.parametrize("given_", [5, {"a": 1}, iter("ab"), "", ["a", ""], ["a", None], [["a"]], b"a"])
def test_clean_names_refuses(given_):
    with pytest.raises(InvalidValue, match=r"^Thing\.names: got "):
        clean_names("Thing.names")(given_)


@pytest.mark.parametrize(
    "given_, moment",
    [
        (None, None), (DAY, DAY), (NOON, NOON), ("2020-02-10", DAY), (" 2020-02-10\n", DAY), ("20200210", DAY),
        ("2020-W07-1", DAY), ("2020-02-10T12:00", NOON), ("2020-02-10 12:00:00", NOON), ("20200210T12", NOON),
        ("2020-02-10T12:00Z", NOON.replace(tzinfo=datetime.UTC)),
    ],
)  # fmt: skip
def test_to_moment(given_, moment):
    found = to_moment("Thing.when")(given_)
    assert found == moment
    assert type(found) is type(moment)
    day = to_moment("Thing.when", time=False)(given_)
    assert type(day) is type(None if moment is None else DAY)
    assert day is None or day == DAY


def test_short_text_with_a_time_keeps_its_time():
    """Whatever had ten characters was taken for a day, and "2020W07T12" lost its hour."""
    assert to_moment("Thing.when")("2020W07T12") == NOON


@pytest.mark.parametrize("given_", ["", "yesterday", "10.2.2020", "2020-02", "2020-02-30", "2020-02-10T25", 20200210])
@pytest.mark.parametrize("time", [True, False])
def test_to_moment_refuses(given_, time):
    with pytest.raises(InvalidValue, match=r"^Thing\.when: got .*; allowed: a date.*'2020-02-10'$"):
        to_moment("Thing.when", time=time)(given_)


@pytest.mark.parametrize("time", [True, False])
def test_no_time_is_no_moment(time):
    """pandas' NaT is an instance of datetime: it came through, and made claims that are later than nothing."""
    with pytest.raises(InvalidValue, match="NaT"):
        to_moment("Thing.when", time=time)(pd.NaT)


BERLIN = zoneinfo.ZoneInfo("Europe/Berlin")


@pytest.mark.parametrize(
    "given_",
    [
        pd.Timestamp("2020-02-10 12:00"), pd.Timestamp("2020-02-10 12:00", tz="Europe/Berlin"),
        NOON.replace(tzinfo=BERLIN), NOON.replace(fold=1), LAST,
        LAST.replace(tzinfo=datetime.timezone(datetime.timedelta(hours=-12))),
    ],
)  # fmt: skip
def test_moments_are_what_their_iso_text_says(given_):
    """Ids are made of reprs: a Timestamp or a named zone gave a claim another id than its own ISO text did."""
    found = to_moment("Thing.when")(given_)
    assert found == given_
    assert repr(found) == repr(to_moment("Thing.when")(found.isoformat()))
    assert eval(repr(found)) == found
    assert type(found) is datetime.datetime
    assert type(to_moment("Thing.when", time=False)(given_)) is datetime.date


@given(st.datetimes(timezones=st.none() | st.timezones()))
def test_any_moment_survives_its_iso_text(moment):
    found = to_moment("Thing.when")(moment)
    again = to_moment("Thing.when")(found.isoformat())
    assert (again, repr(again)) == (found, repr(found))
    assert found.replace(tzinfo=None) == moment.replace(tzinfo=None)
    assert found.utcoffset() == moment.utcoffset()


COIN = PMF(Lattice.integers(1), np.array([0.5, 0.5]))
CLASH = rc.Event("clash").killed()
TOLD = [rc.Claim(CLASH, rc.Exactly(3), rc.Source("monitor"))]
POSTERIOR = rc.estimate(TOLD)
SEEDED = {
    "estimate": lambda **given: rc.estimate(TOLD, **given),
    "history": lambda **given: rc.history(TOLD, CLASH, **given),
    "to_datatree": lambda **given: POSTERIOR.to_datatree(2, **given),
    "PMF.sample": COIN.sample,
    "Estimate.sample": POSTERIOR[CLASH].sample,
    "simulate": lambda **given: simulate(events=1, **given),
    "calibrate": lambda **given: calibration.calibrate(lambda _: {}, worlds=1, **given),
    "randomised_pit": lambda **given: calibration.randomised_pit(COIN, 1, **given),
    "ranks": lambda **given: calibration.ranks(np.array([1.0, 2.0]), 1.5, **given),
    "ecdf_band": lambda **given: calibration.ecdf_band(10, **given),
}


@pytest.mark.parametrize("name", SEEDED)
def test_what_is_drawn_takes_a_seed_of_one_name(name):
    if name == "to_datatree":
        pytest.importorskip("xarray")
    run = SEEDED[name]
    for seed in (0, np.int64(1), np.random.default_rng(0), None):
        run(seed=seed)
    with pytest.raises(InvalidValue, match=r"\(rng\): got 0; allowed: seed=, its new name$"):
        run(rng=0)
    with pytest.raises(TypeError, match="sed"):
        run(sed=0)


@pytest.mark.parametrize("seed", [-1, 0.5, "seed", True, [1]])
def test_to_generator_refuses(seed):
    with pytest.raises(
        InvalidValue, match=r"^draw\(seed\): got .*; allowed: a whole number from 0, a Generator or None$"
    ):
        to_generator("draw", seed)


def test_to_generator_goes_on_with_a_generator_that_is_given():
    mine = np.random.default_rng(0)
    assert to_generator("draw", mine) is mine
    assert to_generator("draw", 7).random() == np.random.default_rng(7).random()


def test_in_words():
    assert in_words([]) == ""
    assert in_words({"b"}) == "b"
    assert in_words({"b", "a"}) == "a and b"
    assert in_words(["c", "a", "b"], "or") == "a, b or c"


@pytest.mark.parametrize("number, text", [(0, "0 claims"), (1, "1 claim"), (2, "2 claims"), (12_345, "12,345 claims")])
def test_count_of(number, text):
    assert count_of(number, "claim") == text


@attrs.frozen(repr=False)
class Thing:
    one: int
    names: frozenset[str] = frozenset()
    more: list[int] = attrs.field(factory=list, kw_only=True)
    hidden: int = attrs.field(default=7, repr=False)

    __repr__ = rebuilding_repr


@pytest.mark.parametrize(
    "thing, text",
    [
        (Thing(1), "Thing(1)"),
        (Thing(1, frozenset("cab")), "Thing(1, names={'a', 'b', 'c'})"),
        (Thing(1, more=[2]), "Thing(1, more=[2])"),
        (Thing(frozenset()), "Thing(set())"),
    ],
)
def test_rebuilding_repr(thing, text):
    assert repr(thing) == text
    assert eval(text) == thing


def test_rebuilding_repr_leaves_out_what_is_hidden():
    assert repr(Thing(1, hidden=8)) == "Thing(1)"
