# SPDX-License-Identifier: MIT
"""Airwars: an incident's least and largest number are one claim; attributed claims are their sources' own."""

import datetime
import io

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sheets import ATTRIBUTED, HOSTILE, INCIDENTS, SPOILT_CELLS, quietly, read_or_refuse, spoil

import reconcile as rc
from reconcile.io.airwars import CIVILIANS, SOURCE, read


def read_texts(incidents=INCIDENTS, claims=None, **options):
    return quietly(read, io.StringIO(incidents), claims and io.StringIO(claims), **options)


def test_an_incident_is_one_claim_for_each_outcome():
    with pytest.warns(rc.ClaimsWarning, match="1 row left out: Airwars gives no number"):
        corpus = read(io.StringIO(INCIDENTS))
    said = [(c.quantity.event.id, c.quantity.outcome.name, c.value, c.hedged) for c in corpus]
    assert said == [
        ("UTP1", "killed", rc.Between(3, 7), False),
        ("UTP1", "injured", rc.Exactly(12), False),
        ("UTP2", "injured", rc.Exactly(4), True),
    ]
    assert {claim.source for claim in corpus} == {SOURCE}
    assert {claim.quantity.group for claim in corpus} == {CIVILIANS}
    assert corpus.claims[0].citation.quote == "3 \u2013 7 killed"


@pytest.mark.parametrize(
    ("said", "start", "end"),
    [
        ("March 3, 2031", (2031, 3, 3), (2031, 3, 3)),
        ("March 9\u201310, 2031", (2031, 3, 9), (2031, 3, 10)),
        ("April 30 - May 1, 2031", (2031, 4, 30), (2031, 5, 1)),
        ("December 31, 2031\u2013January 1, 2032", (2031, 12, 31), (2032, 1, 1)),
        ("2031-03-03", (2031, 3, 3), (2031, 3, 3)),
    ],
)
def test_dates(said, start, end):
    event = read_texts(spoil(INCIDENTS, "date", said)).claims[0].quantity.event
    assert (event.start, event.end) == (datetime.date(*start), datetime.date(*end))


def test_attributed_claims_are_of_their_form_and_about_the_same_counts():
    corpus = read_texts(claims=ATTRIBUTED)
    assert not corpus.rejected
    said = [(str(claim.source), claim.value) for claim in corpus.claims[3:]]
    assert said == [
        ("Daily", rc.Exactly(5)),
        ("Weekly", rc.AtLeast(4)),
        ("Daily", rc.AtLeast(24)),
        ("Daily", rc.AtMost(9)),
        ("Weekly", rc.Between(2, 6)),
        ("Monthly", rc.About(5)),
    ]
    assert {claim.quantity for claim in corpus} == {claim.quantity for claim in corpus.claims[:3]}


def test_whom_the_figures_count_can_be_said():
    everyone = read_texts(claims=ATTRIBUTED, group=rc.Group())
    assert {claim.quantity.group for claim in everyone} == {rc.Group()}


@pytest.mark.parametrize(
    ("column", "cell", "reason"),
    [
        ("incident", "utp9", "claims: the table of incidents has no 'utp9'"),
        ("form", "hearsay", "claims: got 'hearsay'"),
        ("quantity", "houses", "claims: got 'houses'"),
        ("low", "", "claims: is empty"),
    ],
)
def test_bad_attributed_claims_are_rejected(column, cell, reason):
    corpus = read_texts(claims=spoil(ATTRIBUTED, column, cell))
    (row,) = corpus.rejected
    assert (row.line, row.column) == (2, column)
    assert row.reason.startswith(reason)


def test_a_minimum_above_the_maximum_is_rejected():
    (row,) = read_texts(spoil(INCIDENTS, "killed_min", "9")).rejected
    assert row.reason == "is 9, more than killed_max, 7"


def test_attributed_claims_alone_are_told_what_they_need():
    with pytest.raises(rc.UnreadableTable, match="looks like an Airwars table of attributed claims"):
        read(io.StringIO(ATTRIBUTED))


@pytest.mark.parametrize("cell", HOSTILE)
@pytest.mark.parametrize("column", ["incident_code", "date", "location", "belligerent", "killed_max"])
def test_hostile_cells_stay_text_or_are_rejected(column, cell):
    corpus = read_texts(spoil(INCIDENTS, column, cell))
    events = {claim.quantity.event.id for claim in corpus}
    assert len(events) + len(corpus.rejected) == 2


@given(st.sampled_from(ATTRIBUTED.splitlines()[0].split(",")), st.integers(1, 6), SPOILT_CELLS)
def test_every_attributed_row_is_a_claim_or_rejected(column, row, cell):
    corpus = read_texts(claims=spoil(ATTRIBUTED, column, cell, row))
    assert len(corpus) + len(corpus.rejected) == 9


@given(st.binary(max_size=200))
def test_bytes_are_read_or_refused(content):
    for start in (b"", INCIDENTS.encode()):
        assert read_or_refuse(read, io.BytesIO(start + content)) != ""


def test_real_incidents_go_through_the_whole_pipe(shared_data):
    paths = [shared_data / "airwars_gaza" / name for name in ("incidents.csv", "attributed_claims.csv")]
    corpus = quietly(read, *paths)
    incidents, attributed = map(pd.read_csv, paths)
    assert not corpus.rejected
    given_figures = int(incidents.killed_min.notna().sum() + incidents.injured_min.notna().sum())
    assert len(corpus) == given_figures + len(attributed)
    posterior = rc.estimate(corpus.claims[:40], learn=False)
    assert len(posterior) == len({claim.quantity for claim in corpus.claims[:40]})
