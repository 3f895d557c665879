# SPDX-License-Identifier: MIT
"""ACLED: one event is one claim that at least so many were killed, and none where no deaths were reported."""

import datetime
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sheets import ACLED, HOSTILE, SPOILT_CELLS, UCDP, quietly, read_or_refuse, spoil

import reconcile as rc
from reconcile.io.acled import SOURCE, read


def read_text(text, zeros=True, **options):
    """Read, with the row of 0 as a claim; what it is otherwise has tests of its own."""
    return read(io.StringIO(text), zeros=zeros, **options)


def test_a_row_is_a_floor_by_acled():
    corpus = read_text(ACLED)
    assert not corpus.rejected
    assert [claim.value for claim in corpus] == [rc.AtLeast(3), rc.Exactly(0), rc.AtLeast(12)]
    assert {claim.source for claim in corpus} == {SOURCE}
    assert [claim.value for claim in read_text(ACLED, floor=False)] == [rc.Exactly(3), rc.Exactly(0), rc.Exactly(12)]


@pytest.mark.parametrize("floor", [True, False])
def test_a_zero_is_no_claim_unless_it_is_asked_for(floor):
    """584 protests of which nobody had reported a death came out as "2 killed (0-100)" each."""
    with pytest.warns(rc.ClaimsWarning, match=r"1 row left out: ACLED codes 0, that no deaths were reported") as caught:
        corpus = read_text(ACLED, zeros=False, floor=floor)
    assert len(caught) == 1
    assert [claim.quantity.event.id for claim in corpus] == ["acled-UTO1", "acled-UTO3"]
    assert not corpus.rejected
    assert "acled-UTO2" not in {quantity.event.id for quantity in rc.estimate(corpus)}
    assert rc.Exactly(0) in [claim.value for claim in read_text(ACLED, floor=floor)]


def test_a_row_of_zero_is_read_like_the_others_before_it_is_left_out():
    """Its cells may be wrong, and its event may stand again."""
    (row,) = quietly(read_text, spoil(ACLED, "event_date", "soon", row=2), zeros=False).rejected
    assert (row.line, row.column) == (3, "event_date")
    again = ACLED + ACLED.splitlines()[2].replace(",0,", ",7,") + "\n"
    (row,) = quietly(read_text, again, zeros=False).rejected
    assert row.reason == "line 3 has this event already"


def test_dates_are_as_wide_as_their_precision():
    day, week, month = ((claim.quantity.event.start, claim.quantity.event.end) for claim in read_text(ACLED))
    assert day == (datetime.date(2031, 1, 5),) * 2
    assert week == (datetime.date(2031, 2, 4), datetime.date(2031, 2, 16))
    assert month == (datetime.date(2031, 3, 1), datetime.date(2031, 3, 31))


def test_notes_are_the_quote_and_sources_the_publisher():
    first, second, _ = read_text(ACLED).claims
    assert first.citation == rc.Citation(
        title="Armed clash: Army of Utopia - Rebels",
        publisher="Daily; Weekly (National)",
        quote="On 5 January, the army clashed with rebels.",
    )
    assert first.reported == datetime.datetime.fromtimestamp(1_925_000_000, datetime.UTC).date()
    assert second.reported is None
    assert first.quantity.event.place == "Hillton, Hills, Utopia"


def test_only_violence_against_civilians_has_a_perpetrator():
    assert [set(claim.quantity.event.perpetrators) for claim in read_text(ACLED)] == [set(), {"Rebels"}, set()]


def test_long_notes_are_cut_and_say_so():
    quote = read_text(spoil(ACLED, "notes", "a long note " * 500)).claims[0].citation.quote
    assert len(quote) <= 1_000
    assert quote.endswith("...")


@pytest.mark.parametrize(
    ("column", "cell", "reason"),
    [
        ("fatalities", "2.5", "a whole number"),
        ("fatalities", "", "is empty"),
        ("event_date", "05/13/2031", "month must be in"),
        ("event_date", "5 Smarch 2031", "month must be in"),
        ("time_precision", "7", "allowed: 1 (the day)"),
        ("event_id_cnty", "UTO2", "has this event already"),
    ],
)
def test_bad_cells_are_rejected_with_the_column(column, cell, reason):
    corpus = read_text(spoil(ACLED, column, cell))
    (row,) = corpus.rejected
    assert row.column == column
    assert reason in row.reason
    assert len(corpus) == 2


def test_another_format_is_named():
    with pytest.raises(rc.UnreadableTable, match=r"looks like a UCDP GED table: use reconcile.io.ucdp.read"):
        read_text(UCDP)


@pytest.mark.parametrize("cell", HOSTILE)
@pytest.mark.parametrize("column", ["event_id_cnty", "event_date", "fatalities", "notes", "actor1", "timestamp"])
def test_hostile_cells_stay_text_or_are_rejected(column, cell):
    corpus = quietly(read_text, spoil(ACLED, column, cell, row=2))
    assert len(corpus) + len(corpus.rejected) == 3


@given(st.sampled_from(ACLED.splitlines()[0].split(",")), st.integers(1, 3), SPOILT_CELLS)
def test_every_row_is_a_claim_or_rejected(column, row, cell):
    corpus = quietly(read_text, spoil(ACLED, column, cell, row))
    assert len(corpus) + len(corpus.rejected) == 3


@given(st.binary(max_size=200))
def test_bytes_are_read_or_refused(content):
    for start in (b"", ACLED.encode()):
        assert read_or_refuse(read, io.BytesIO(start + content)) != ""


def test_estimates_lie_above_the_floor():
    corpus = read_text(ACLED)
    posterior = rc.estimate(corpus)
    for claim in corpus:
        assert posterior[claim.quantity].median() >= claim.value.n
