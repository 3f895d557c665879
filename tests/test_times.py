# SPDX-License-Identifier: MIT
from __future__ import annotations

import datetime

import numpy as np
import pytest

import reconcile as rc
from reconcile.columns import Moments
from reconcile.times import LASTING, WINDOW, find_times, hours_of

UTC = datetime.UTC


def event(start="2024-05-01T06:00+00:00", **more):
    return rc.Event("fire", kind="fire", start=start, **more)


def hours(claim):
    (found,) = find_times(rc.Corpus([claim]).columns).hours
    return float(found)


def said(about, **dates):
    return rc.Claim(about, rc.Exactly(5), rc.Source("agency"), **dates)


@pytest.mark.parametrize(
    ("start", "dates", "expected"),
    [
        ("2024-05-01T06:00+00:00", {"reported": "2024-05-01T09:30+00:00"}, 3.5),
        ("2024-05-01T06:00+00:00", {"reported": "2024-05-01T12:30+03:00"}, 3.5),
        ("2024-05-01T06:00+02:00", {"reported": "2024-05-01T09:30+00:00"}, 5.5),
        ("2024-05-01T06:00", {"reported": "2024-05-01T09:30"}, 3.5),  # without a zone both are of UTC
        ("2024-05-01T06:00", {"reported": "2024-05-01T09:30+01:00"}, 2.5),
        # What it speaks of comes before when it was said.
        ("2024-05-01T06:00+00:00", {"reported": "2024-06-01", "as_of": "2024-05-01T16:00+00:00"}, 10.0),
        # A day is its evening, or half of what is left of it.
        ("2024-05-01T06:00+00:00", {"reported": "2024-05-02"}, 36.0),
        ("2024-05-01T20:00+00:00", {"reported": "2024-05-01"}, 2.0),
        # Where only the day of the event is known, hours are from its beginning.
        ("2024-05-01", {"reported": "2024-05-01T09:30+00:00"}, 9.5),
        ("2024-05-01", {"reported": "2024-05-02"}, 42.0),
    ],
)
def test_hours_after_the_event(start, dates, expected):
    assert hours(said(event(start).killed(), **dates)) == pytest.approx(expected)


@pytest.mark.parametrize(
    "claim",
    [
        said(event().killed()),
        said(event(None).killed(), reported="2024-05-01"),
        said(event().killed(), reported="2024-04-30T09:00+00:00"),  # before the event
        said(event().killed(), reported=datetime.date(2024, 5, 1) + datetime.timedelta(WINDOW + 1)),
        said(event(end="2024-05-04").killed(), reported="2024-05-02"),  # lasted too long
        said(rc.Event("x", start="2024-05-01").killed(), reported="2024-05-02"),  # of no named kind
        said(event().missing(), reported="2024-05-02"),
        said(event().displaced(), reported="2024-05-02"),
        said(event().killed(period=rc.Period("2024-05-01", "2024-05-01")), reported="2024-05-02"),
        rc.Claim(
            event().killed(rc.Group(age="child")), rc.Share(0.5, 0.5, of=rc.Group()), rc.Source("x"),
            reported="2024-05-02",
        ),
    ],
)  # fmt: skip
def test_some_claims_speak_of_all_that_can_be_known(claim):
    assert np.isnan(hours(claim))


def test_an_event_may_last_for_some_days():
    last = datetime.date(2024, 5, 1) + datetime.timedelta(LASTING - 1)
    claim = said(event(end=last).killed(), reported=last + datetime.timedelta(WINDOW))
    assert not np.isnan(hours(claim))


@pytest.mark.parametrize("about", [event().killed(), event().injured(), event().casualties()])
def test_outcomes_that_rise(about):
    assert not np.isnan(hours(said(about, reported="2024-05-02")))


def test_hours_to_a_moment():
    columns = rc.Corpus([said(event().killed(), reported="2024-05-02")]).columns
    found = [
        hours_of(columns, 0, Moments.of([datetime.datetime(2024, 5, day, 12, tzinfo=UTC)])) for day in (1, 2)
    ] + [hours_of(columns, 0, Moments.of([datetime.date(2024, 4, 30)]))]  # fmt: skip
    assert found[:2] == pytest.approx([6.0, 30.0])
    assert np.isnan(found[2])


def test_times_that_leave_something_open_are_told():
    aware = event("2024-05-01T06:00+00:00")
    naive = rc.Event("storm", kind="storm", start="2024-05-01T06:00")
    claims = [
        said(naive.killed(), reported="2024-05-02T09:00"),
        said(aware.killed(), reported="2024-04-30T09:00+00:00"),
        said(aware.killed(), reported="2024-05-02T09:00+00:00", id="later"),
    ]
    notes = rc.estimate(claims, learn=False).diagnostics.notes
    assert "1 claim about a toll that rises: times without a zone are taken for UTC" in notes
    assert not any("before the event" in note for note in notes)  # it was replaced
    notes = rc.estimate(claims[:2], learn=False).diagnostics.notes
    assert "claimed before the event, and taken for final: killed, fire: 5 by agency" in notes
