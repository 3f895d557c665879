# SPDX-License-Identifier: MIT
"""The table of Radford et al.: cumulative and daily claims about people; equipment is left out, and that is said."""

import datetime
import io

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sheets import HOSTILE, RADFORD, SPOILT_CELLS, quietly, read_or_refuse, spoil

import reconcile as rc
from reconcile.io.radford import SOURCES, WAR, read


def read_text(text, **options):
    return quietly(read, io.StringIO(text), **options)


def test_claims_have_their_day_value_side_and_status():
    with pytest.warns(rc.ClaimsWarning, match="1 row left out: equipment"):
        corpus = read(io.StringIO(RADFORD))
    assert not corpus.rejected
    first, second, third, fourth = corpus
    day = datetime.date(2022, 2, 24)
    assert first.quantity == WAR.killed(rc.Group(party="Ukraine", status="civilian"), rc.Period(day, day))
    assert (first.value, first.source, first.reported, first.as_of) == (rc.Exactly(10), SOURCES["UA Source"], day, None)
    later = datetime.date(2022, 3, 5)
    assert second.quantity == WAR.killed(rc.Group(party="Ukraine", status="military"))
    assert (second.value, second.reported, second.as_of) == (rc.AtLeast(100_000), later, later)
    assert (third.value, third.quantity.outcome, third.source) == (
        rc.AtMost(300),
        rc.Outcome("casualties", {"killed", "injured"}),
        rc.Source("Other"),
    )
    assert fourth.quantity.outcome.name == "injured"


def test_relations_are_those_of_the_sides():
    relations = [claim.relation for claim in read_text(RADFORD)]
    assert relations == [rc.Relation.OWN, rc.Relation.ENEMY, rc.Relation.THIRD, rc.Relation.THIRD]


def test_a_later_cumulative_claim_replaces_an_earlier_one():
    lines = RADFORD.splitlines()
    more = '20,1200,"","RU Source","Cumulative","Ukraine",0,0,"Military Deaths",""'
    corpus = read_text("\n".join([lines[0], lines[2], more]))
    with pytest.warns(rc.Unidentified, match="RU Source"):  # nobody else speaks of the dead of its enemy
        posterior = rc.estimate(corpus)
    assert sorted(str(role.role) for role in posterior.roles) == ["superseded", "used"]


@pytest.mark.parametrize(
    ("column", "cell", "reason"),
    [
        ("days", "0", "days since 2022-02-23"),
        ("days", "1.5", "a whole number"),
        ("loss_count", "-1", "a whole number"),
        ("loss_count", "1.5e+00", "a whole number"),
        ("time_frame", "Week", "allowed: Cumulative, Day"),
        ("minimum", "maybe", "allowed: 0, 1"),
        ("claim_source", "", "is empty"),
    ],
)
def test_bad_cells_are_rejected_with_the_column(column, cell, reason):
    corpus = read_text(spoil(RADFORD, column, cell))
    (row,) = corpus.rejected
    assert (row.line, row.column) == (2, column)
    assert reason in row.reason


def test_minimum_and_maximum_at_once_are_rejected():
    (row,) = read_text(spoil(RADFORD, "maximum", "1", row=2)).rejected
    assert row.reason == "the number is both a minimum and a maximum"


@pytest.mark.parametrize("cell", HOSTILE)
@pytest.mark.parametrize("column", ["days", "loss_count", "claim_source", "loss_country"])
def test_hostile_cells_stay_text_or_are_rejected(column, cell):
    corpus = read_text(spoil(RADFORD, column, cell))
    assert len(corpus) + len(corpus.rejected) == 4


@given(
    st.integers(1, 5), SPOILT_CELLS, st.sampled_from(["days", "claim_source", "minimum", "time_frame", "loss_count"])
)
def test_every_row_is_a_claim_rejected_or_left_out(row, cell, column):
    corpus = read_text(spoil(RADFORD, column, cell, row))
    assert len(corpus) + len(corpus.rejected) == 4


@given(st.binary(max_size=200))
def test_bytes_are_read_or_refused(content):
    for start in (b"", RADFORD.encode()):
        assert read_or_refuse(read, io.BytesIO(start + content)) != ""


def test_real_losses_go_through_the_whole_pipe(shared_data):
    path = shared_data / "radford2023" / "replication-data-pnas.csv"
    frame = pd.read_csv(path)
    people = frame.category.str.contains("Deaths|Injuries|Casualties")
    with pytest.warns(rc.ClaimsWarning, match=f"{int((~people).sum()):,} rows left out: equipment"):
        corpus = read(path)
    assert not corpus.rejected
    assert len(corpus) == int(people.sum())
    killed = WAR.killed(rc.Group(party="Ukraine", status="civilian"))
    some = [claim for claim in corpus if claim.quantity == killed]
    estimate = rc.estimate(some, as_of="2022-06-01", learn=False)[killed]
    assert estimate.origins > 1
    assert estimate.median() > 1_000
