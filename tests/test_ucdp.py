# SPDX-License-Identifier: MIT
"""UCDP GED: one row is one claim by UCDP, of an interval where it gives one; parts are asked for."""

import datetime
import io

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sheets import ACLED, HOSTILE, SPOILT_CELLS, UCDP, quietly, read_or_refuse, spoil

import reconcile as rc
from reconcile.io.ucdp import SOURCE, read


def read_text(text, **options):
    return read(io.StringIO(text), **options)


def test_a_row_is_one_claim_of_what_low_best_and_high_say():
    corpus = read_text(UCDP)
    assert not corpus.rejected
    assert [claim.value for claim in corpus] == [rc.Exactly(5), rc.Between(6, 11), rc.Between(0, 20)]
    assert {claim.source for claim in corpus} == {SOURCE}
    assert [claim.hedged for claim in corpus] == [False, True, False]
    assert all(claim.quantity.outcome.name == "killed" and not claim.quantity.group.facets for claim in corpus)


def test_events_hold_place_days_and_the_one_side_of_one_sided_violence():
    battle, massacre, month = (claim.quantity.event for claim in read_text(UCDP))
    assert battle.place == "near Hillton town, Hills, Utopia"
    assert massacre.place == "Valley town, Valley, Utopia"
    assert month.place == "Utopia"
    assert (battle.start, battle.end) == (datetime.date(2031, 1, 2),) * 2
    assert (month.start, month.end) == (datetime.date(2031, 2, 1), datetime.date(2031, 2, 28))
    assert not battle.perpetrators
    assert massacre.perpetrators == {"Rebels"}


def test_the_citation_names_reports_and_figures():
    citation = read_text(UCDP).claims[0].citation
    assert citation.title == "Daily 2/1-31; Weekly"
    assert citation.publisher == "Daily"
    assert citation.quote == "low 5, best 5, high 5; a 2, b 3, civilians 0, unknown 0; according to colonel"


def test_parts_are_exact_only_where_nobody_is_unknown():
    said = {(claim.quantity.event.id, str(claim.quantity.group)): claim.value for claim in read_text(UCDP, parts=True)}
    fighters = "militant and military"
    assert said == {
        ("ucdp-1", "everyone"): rc.Exactly(5),
        ("ucdp-1", f"Government of Utopia, {fighters}"): rc.Exactly(2),
        ("ucdp-1", f"Rebels, {fighters}"): rc.Exactly(3),
        ("ucdp-2", "everyone"): rc.Between(6, 11),
        ("ucdp-2", "civilian"): rc.AtLeast(4),
        ("ucdp-3", "everyone"): rc.Between(0, 20),
    }


def test_a_row_without_any_death_is_left_out_and_told():
    """By definition an event of UCDP has a death in its low, best or high; where it has none, nobody spoke of any."""
    empty = spoil(UCDP, "high", "0", row=3)
    with pytest.warns(rc.ClaimsWarning, match="1 row left out: low, best and high are all 0"):
        corpus = read_text(empty)
    assert [claim.quantity.event.id for claim in corpus] == ["ucdp-1", "ucdp-2"]
    assert read_text(UCDP).claims[2].value == rc.Between(0, 20)  # deaths that are in doubt


def test_parts_that_do_not_add_up_are_rejected():
    (row,) = read_text(spoil(UCDP, "deaths_b", "4")).rejected
    assert (row.line, row.column) == (2, "best")
    assert row.reason == "the four parts add up to 6, and best is 5"


def test_an_event_that_stands_twice_is_rejected():
    (row,) = read_text(UCDP + UCDP.splitlines()[1]).rejected
    assert (row.line, row.column, row.reason) == (5, "id", "line 2 has this event already")


def test_figures_out_of_order_are_read_from_the_smallest_to_the_largest_and_told():
    with pytest.warns(rc.ClaimsWarning, match=r"out of order.*on 1 lines: 2"):
        corpus = read_text(spoil(UCDP, "high", "4"))
    assert corpus.claims[0].value == rc.Between(4, 5)


def test_another_format_is_named():
    with pytest.raises(
        rc.UnreadableTable, match=r"no column id.*looks like an ACLED export: use reconcile.io.acled.read"
    ):
        read_text(ACLED)


def test_frames_are_read_as_files_are():
    frame = pd.read_csv(io.StringIO(UCDP), parse_dates=["date_start"])
    assert read(frame).claims == read_text(UCDP).claims


@pytest.mark.parametrize("cell", HOSTILE)
@pytest.mark.parametrize("column", ["id", "best", "side_a", "source_article", "date_start", "where_coordinates"])
def test_hostile_cells_stay_text_or_are_rejected(column, cell):
    corpus = quietly(read_text, spoil(UCDP, column, cell), parts=True)
    events = {claim.quantity.event.id for claim in corpus}
    assert len(events) + len(corpus.rejected) == 3


@given(st.sampled_from(UCDP.splitlines()[0].split(",")), st.integers(1, 3), SPOILT_CELLS)
def test_every_row_is_a_claim_or_rejected(column, row, cell):
    corpus = quietly(read_text, spoil(UCDP, column, cell, row))
    assert len(corpus) + len(corpus.rejected) == 3


@given(st.binary(max_size=200))
def test_bytes_are_read_or_refused(content):
    for start in (b"", UCDP.encode()):
        assert read_or_refuse(read, io.BytesIO(start + content)) != ""


def test_strict_raises():
    with pytest.raises(rc.RejectedRows):
        read_text(spoil(UCDP, "best", "many"), strict=True)


def test_real_events_go_through_the_whole_pipe(shared_data):
    path = shared_data / "ucdp_ged_car" / "ged231_central_african_republic.csv"
    with pytest.warns(rc.ClaimsWarning, match="out of order"):
        corpus = read(path)
    frame = pd.read_csv(path)
    assert len(corpus) + len(corpus.rejected) == len(frame) == 1_848
    said = {claim.quantity.event.id: claim.value for claim in corpus}
    assert sum(isinstance(value, rc.Exactly) for value in said.values()) == int(
        ((frame.low == frame.high) & (frame.best == frame.low)).sum()
    )
    posterior = rc.estimate(quietly(read, path, parts=True).claims[:12], learn=False)
    for quantity in posterior:
        if not quantity.group.facets and isinstance(said[quantity.event.id], rc.Exactly):
            assert posterior[quantity].cdf(said[quantity.event.id].n) > 0.05
