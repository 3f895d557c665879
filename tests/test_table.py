# SPDX-License-Identifier: MIT
"""Tables of claims: what loads, what is rejected and why; rows in are always claims and rejected rows out."""

import csv
import datetime
import decimal
import io
import itertools
import os
import pathlib
import sys
import warnings

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reconcile import (
    About,
    AtLeast,
    Between,
    Claim,
    ClaimsWarning,
    Corpus,
    DoubtfulDates,
    Event,
    EventKind,
    Exactly,
    Group,
    InconsistentClaims,
    InvalidValue,
    MissingDependency,
    MisspeltColumn,
    Outcome,
    Period,
    Quantity,
    RejectedRows,
    Share,
    Source,
    UnreadableTable,
)
from reconcile.io.table import COLUMNS, REQUIRED, read

HEAD = "event,outcome,group,value,source"
EXAMPLE = pathlib.Path(__file__).parents[1] / "examples" / "taftanaz.csv"


def read_text(text: str, **options) -> Corpus:
    return read(io.StringIO(text), **options)


def one(columns: str, cells: str, **options) -> Corpus:
    """Read a table of one good row with more columns."""
    return read_text(f"{HEAD},{columns}\nmarket,killed,,5,ministry,{cells}\n", **options)


def only(corpus: Corpus) -> Claim:
    assert not corpus.rejected, corpus.rejected
    (claim,) = corpus.claims
    return claim


def blamed(corpus: Corpus) -> list[tuple[int, str | None]]:
    return [(row.line, row.column) for row in corpus.rejected]


def rows(*cells: str, head: str = HEAD) -> Corpus:
    return read_text("\n".join([head, *cells]) + "\n")


# --- what a good table says -------------------------------------------------------------------------------------


def test_a_row_is_a_claim():
    claim = only(rows("market,killed,children,at least nine,ministry"))
    assert claim == Claim(Event("market").killed(Group(age="child")), AtLeast(9), Source("ministry"))


def test_every_column_arrives():
    head = ",".join(COLUMNS)
    cells = (
        "market,killed,children,half,ministry,government,Turkey|NATO,Syria; Russia,2020-02-10,2020-02-09,source:radio,,"
        "yes,https://example.org,The Paper,A title,the words,battle,Idlib,2020-02-01 14:30,2020-02-03,Syria,war,"
        "age=child|adult,2020-02-01,2020-02-02,x1"
    )
    claim = only(rows(cells, head=head))
    source, quantity, citation = claim.source, claim.quantity, claim.citation
    assert source == Source("ministry", kind="government", sides={"Turkey", "NATO"}, opposes={"Syria", "Russia"})
    assert quantity == Quantity(
        Event(
            "market",
            kind="battle",
            place="Idlib",
            start="2020-02-01T14:30",
            end="2020-02-03",
            perpetrators="Syria",
            part_of=Event("war"),
        ),
        "killed",
        Group(age="child"),
        Period("2020-02-01", "2020-02-02"),
    )
    assert claim.value == Share(0.5, 0.5, of=Group(age={"child", "adult"}))
    assert claim.reported == datetime.date(2020, 2, 10)
    assert claim.as_of == datetime.date(2020, 2, 9)
    assert claim.quoted_from == Source("radio")
    assert (claim.hedged, claim.id, claim.revises) == (True, "x1", None)
    assert (citation.url, citation.publisher) == ("https://example.org", "The Paper")
    assert (citation.title, citation.quote) == ("A title", "the words")


def test_the_example_file_loads():
    corpus = read(EXAMPLE, strict=True)
    assert len(corpus) == 14
    assert [str(s) for s in corpus.sources] == [
        "Syrian Observatory for Human Rights",
        "Turkish defence ministry",
        "news agency",
        "opposition activists",
    ]


@pytest.mark.parametrize(
    "head",
    [
        "EVENT,Outcome,Group,VALUE,source,Quoted From,PERIOD_START,Period end",
        " event , outcome ,group,value,source, quoted_from,period start ,PERIOD END",
        '"event","outcome","group","value","source","quoted from","Period_Start","period  end"',
    ],
)
def test_header_names_know_no_case_and_no_underscores(head):
    claim = only(rows("market,killed,,5,ministry,source:radio,2020-01-01,2020-01-02", head=head))
    assert claim.quoted_from == Source("radio")
    assert claim.quantity.period == Period("2020-01-01", "2020-01-02")


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("5", Exactly(5)),
        ("5.0", Exactly(5)),
        ("at least nine", AtLeast(9)),
        ('"some 600,000"', About(600_000)),
        ("8-10", Between(8, 10)),
        ('"1,200"', Exactly(1200)),
    ],
)
def test_values_are_numbers_or_words(written, value):
    assert only(rows(f"market,killed,,{written},ministry")).value == value


@pytest.mark.parametrize(
    ("cell", "value"),
    [
        (5, Exactly(5)),
        (5.0, Exactly(5)),
        (np.int64(5), Exactly(5)),
        (np.float32(5), Exactly(5)),
        (np.uint8(5), Exactly(5)),
        (decimal.Decimal("5.0"), Exactly(5)),
        ("five", Exactly(5)),
    ],
)
def test_values_of_frames(cell, value):
    assert only(read(frame_of(value=cell))).value == value


@pytest.mark.parametrize(
    "cell",
    [
        *(5.5, -1, True, np.True_, float("nan"), None, float("inf"), 1e300, 10**5000, -(10**5000), b"5", [5], {"a": 1}),
        *(
            pd.NA,
            pd.NaT,
            np.float32("nan"),
            decimal.Decimal("NaN"),
            decimal.Decimal("sNaN"),
            decimal.Decimal("1E999999"),
        ),
        *("", "  ", "\ud800", "5\0", "1" * 5000, object(), 2j, np.array([1.0]), datetime.date(2020, 1, 1)),
    ],
    ids=lambda cell: repr(type(cell)),
)
def test_no_value_of_a_frame_does_worse_than_reject_its_row(cell):
    corpus = read(frame_of(value=cell))
    assert blamed(corpus) == [(1, "value")]
    assert str(corpus.rejected[0])


@pytest.mark.parametrize("column", [c for c in COLUMNS if c != "value"])
@pytest.mark.parametrize(
    "cell", [object(), b"x", [1.5], {"a": 1}, "\ud800", "a\0b", "x" * 2000, 10**400, True, decimal.Decimal("sNaN")]
)
def test_no_cell_of_a_frame_does_worse_than_reject_its_row(column, cell):
    corpus = read(frame_of(**{column: cell}))
    assert len(corpus) + len(corpus.rejected) == 1
    if not (cell is True and column == "hedged"):
        assert corpus.rejected[0].column in {column, "period_start", "period_end"}


def test_numbers_may_be_names():
    claim = only(read(frame_of(event=17.0, id=np.int64(3), source=9)))
    assert (claim.quantity.event.id, claim.id, claim.source.name) == ("17", "3", "9")


@pytest.mark.parametrize(
    ("said", "name"),
    [
        *(("killed", "killed"), ("Deaths", "killed"), ("dead", "killed"), ("FATALITIES", "killed"), ("died", "killed")),
        *(("wounded", "injured"), ("wounds", "injured"), ("fled", "displaced"), ("IDPs", "displaced")),
        *(("prisoners", "captured"), ("POW", "captured"), ("missing", "missing"), (" Casualties ", "casualties")),
    ],
)
def test_outcomes_have_other_names(said, name):
    outcome = only(rows(f"market,{said},,5,ministry")).quantity.outcome
    assert outcome.name == name


def test_an_unknown_outcome_is_rejected_with_a_guess():
    (row,) = rows("market,kiled,,5,ministry").rejected
    assert row.column == "outcome"
    assert "did you mean 'killed'?" in row.reason


def test_outcomes_can_be_allowed():
    table = f"{HEAD}\nmarket,Abducted,,5,ministry\nmarket,casualties,,5,ministry\n"
    civil_war = Outcome("casualties", {"killed", "injured", "missing", "captured"})
    corpus = read_text(table, outcomes=["abducted", civil_war])
    assert [claim.quantity.outcome for claim in corpus] == [Outcome("abducted"), civil_war]
    assert len(read_text(table, outcomes="abducted")) == 2
    with pytest.raises(InvalidValue):
        read_text(table, outcomes=[3])


@pytest.mark.parametrize(
    ("cell", "hedged"),
    [(c, True) for c in ("true", "Yes", "1", "TRUE", "1.0")] + [(c, False) for c in ("false", "NO", "0", "", " ")],
)
def test_hedged(cell, hedged):
    assert only(one("hedged", cell)).hedged is hedged


@pytest.mark.parametrize("cell", [True, np.True_, 1, 1.0, "yes"])
def test_hedged_in_frames(cell):
    assert only(read(frame_of(hedged=cell))).hedged is True


@pytest.mark.parametrize(
    ("cell", "moment"),
    [
        ("2020-02-10", datetime.date(2020, 2, 10)),
        ("20200210", datetime.date(2020, 2, 10)),
        ("2020-02-10T14:30", datetime.datetime(2020, 2, 10, 14, 30)),  # noqa: DTZ001  as reports have it
        (datetime.date(2020, 2, 10), datetime.date(2020, 2, 10)),
        (pd.Timestamp("2020-02-10"), datetime.date(2020, 2, 10)),
        (pd.Timestamp("2020-02-10 14:30"), datetime.datetime(2020, 2, 10, 14, 30)),  # noqa: DTZ001
        (np.datetime64("2020-02-10"), datetime.date(2020, 2, 10)),
        (np.datetime64("2020-02-10T14:30:00.000000001"), datetime.datetime(2020, 2, 10, 14, 30)),  # noqa: DTZ001
        (pd.NaT, None),
        (np.datetime64("NaT", "D"), None),
    ],
    ids=str,
)
def test_dates(cell, moment):
    assert only(read(frame_of(reported=cell))).reported == moment


@pytest.mark.parametrize("cell", ["10/02/2020", "2020-02-30", "2020", "Monday", "02.10.2020", 2020, 43871.5])
def test_a_date_that_could_be_another_is_rejected(cell):
    corpus = read(frame_of(reported=cell))
    assert blamed(corpus) == [(1, "reported")]
    assert "ISO" in corpus.rejected[0].reason or "whole number" in corpus.rejected[0].reason


@pytest.mark.parametrize(
    "cell", [["Turkey", "NATO"], ("NATO", "Turkey"), {"NATO", "Turkey"}, np.array(["Turkey", "NATO"])]
)
def test_lists_of_names_in_frames(cell):
    assert only(read(frame_of(sides=cell))).source.sides == {"Turkey", "NATO"}


# --- what is rejected, and what it says -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("columns", "cells", "column"),
    [
        ("source_kind", "goverment", "source_kind"),
        ("event_kind", "quake", "event_kind"),
        ("hedged", "perhaps", "hedged"),
        ("sides", "|", "sides"),
        ("sides,opposes", "Turkey,Turkey", "opposes"),
        ("start,end", "2020-02-02,2020-02-01", "end"),
        ("period_start", "2020-02-02", "period_end"),
        ("period_end", "2020-02-02", "period_start"),
        ("period_start,period_end", "2020-02-02,2020-02-01", "period_end"),
        ("of", "children", "of"),
        ("of", "what", "of"),
        ("of", "=", "of"),
        ("part_of", "market", "part_of"),
        ("quoted_from", "radio", "quoted_from"),
        ("quoted_from", "source:", "quoted_from"),
        ("revises", "source:radio", "revises"),
        ("id,revises", "x,x", "revises"),
        ("id,quoted_from", "x,x", "quoted_from"),
        ("quote", "x" * 1001, "quote"),
        ("place", "x" * 1001, "place"),
        ("id", "x" * 1001, "id"),
    ],
)
def test_a_broken_cell_is_named(columns, cells, column):
    corpus = one(columns, cells)
    assert blamed(corpus) == [(2, column)]
    assert corpus.rejected[0].reason
    assert cells[:20] in corpus.rejected[0].text


@pytest.mark.parametrize("column", [c for c in REQUIRED if c != "group"])
@pytest.mark.parametrize("blank", ["", "  ", '" \n"', "\ufeff", "\u200b"])
def test_required_cells(column, blank):
    cells = {"event": "market", "outcome": "killed", "group": "", "value": "5", "source": "ministry", column: blank}
    corpus = rows(",".join(cells.values()))
    assert blamed(corpus) == [(2, column)]


def test_a_share_needs_a_part_and_its_whole():
    head = f"{HEAD},of"
    corpus = rows(
        "e,displaced,children,half,a,",
        "e,displaced,girls,half,a,children",
        "e,displaced,,half,a,",
        "e,displaced,women,half,a,children",
        "e,displaced,women,5,a,everyone",
        head=head,
    )
    assert [str(claim.value) for claim in corpus] == ["50 % of everyone", "50 % of child", "5"]
    assert blamed(corpus) == [(4, "group"), (5, "group")]


@pytest.mark.parametrize("name", ["self", "cls", "class", "facets", "__init__", "a b", ""])
def test_facets_may_have_odd_names(name):
    corpus = rows(f"e,killed,{name}=x,5,a")
    assert len(corpus) + len(corpus.rejected) == 1
    assert bool(corpus.claims) is name.isidentifier()


def test_too_many_and_too_few_cells():
    corpus = rows(
        "e,killed,,5,a,,extra", "e,killed,,5", "e,killed,,5,a", "e,killed,,5,a,media,,b", head=f"{HEAD},source_kind"
    )
    assert blamed(corpus) == [(2, None), (3, "source"), (5, None)]
    assert corpus.rejected[0].reason == "has 7 cells where the table has 6 columns"
    assert len(corpus) == 1


def test_empty_cells_too_many_are_none():
    """One comma at the end of a line rejected it."""
    corpus = rows("e,killed,,5,a,", "e,killed,,6,b,, ,", "e,killed,,7,c")
    assert [claim.source.name for claim in corpus] == ["a", "b", "c"]
    assert not corpus.rejected


# --- what rows say together -------------------------------------------------------------------------------------


def test_what_is_said_of_a_source_or_event_holds_in_every_row():
    corpus = rows(
        "e,killed,,5,a,,,Idlib,",
        "e,injured,,5,a,government,Turkey,,war",
        "war,injured,,5,b,,,Syria,",
        head=f"{HEAD},source_kind,sides,place,part_of",
    )
    event = Event("e", place="Idlib", part_of=Event("war", place="Syria"))
    assert {claim.quantity.event for claim in corpus} == {event, event.part_of}
    assert corpus.sources == (Source("a", kind="government", sides="Turkey"), Source("b"))


def test_a_contradicting_row_is_rejected_with_the_line_of_the_first():
    corpus = rows(
        "e,killed,,5,a,government,Idlib",
        "e,killed,,6,a,media,",
        "e,killed,,6,b,,Hama",
        "e,killed,,6,b,,Idlib",
        head=f"{HEAD},source_kind,place",
    )
    assert blamed(corpus) == [(3, "source_kind"), (4, "place")]
    assert all("line 2" in row.reason for row in corpus.rejected)
    assert "'government'" in corpus.rejected[0].reason
    assert len(corpus) == 2


def test_sides_and_dates_of_different_rows_must_agree():
    corpus = rows(
        "e,killed,,5,a,Turkey,,2020-01-02,",
        "e,killed,,5,a,,Turkey,,",
        "e,killed,,5,b,,,,2020-01-01",
        head=f"{HEAD},sides,opposes,start,end",
    )
    assert blamed(corpus) == [(3, "opposes"), (4, "end")]


@pytest.mark.parametrize(
    "cell, start",
    [
        ("2024-05-01", datetime.date(2024, 5, 1)),
        ("2024-05-01 00:00", datetime.date(2024, 5, 1)),
        ("2024-05-01 14:30", datetime.datetime.fromisoformat("2024-05-01T14:30")),
        ("2024-05-01T14:30+05:00", datetime.datetime.fromisoformat("2024-05-01T14:30+05:00")),
    ],
)
def test_an_event_may_begin_at_a_time_of_day(cell, start):
    event = only(one("start,end,Event Kind", f"{cell},2024-05-01,EARTHQUAKE")).quantity.event
    assert (event.start, type(event.start), event.kind) == (start, type(start), EventKind.EARTHQUAKE)


def test_days_of_an_event_in_two_ways_are_its_first_and_its_last():
    said = [
        "2020-01-02,2020-01-03",
        "2020-01-01,",
        ",2020-01-05",
        "2020-01-01T10:00,2020-01-04",
        "2020-01-01,2020-01-05",
    ]
    lines = [f"e,killed,,{n},a,{days}" for n, days in enumerate(said)]
    with pytest.warns(
        DoubtfulDates, match="line 3, start: is 2020-01-01 for the event 'e', and 2020-01-02 on line 2; 2020"
    ):
        corpus = rows(*lines, head=f"{HEAD},start,end")
    assert (len(corpus), corpus.rejected) == (5, ())
    assert {claim.quantity.event for claim in corpus} == {Event("e", start="2020-01-01T10:00", end="2020-01-05")}
    with pytest.raises(
        RejectedRows, match=r"3 rows could not be read: line 3, start: .* line 4, end: .* line 5, end: "
    ):
        read_text("\n".join([f"{HEAD},start,end", *lines]), strict=True)


@given(st.permutations(["2020-01-02", "2020-01-01T10:00", "2020-01-01", "2020-01-01T11:00+02:00", "2020-01-01T11:00"]))
def test_the_start_of_an_event_does_not_depend_on_the_order_of_rows(starts):
    with pytest.warns(DoubtfulDates):
        corpus = rows(*(f"e,killed,,{n},a,{start}" for n, start in enumerate(starts)), head=f"{HEAD},start")
    assert repr(corpus.claims[0].quantity.event.start) == "datetime.datetime(2020, 1, 1, 10, 0)"


def test_a_day_and_a_time_within_it_agree():
    corpus = rows("e,killed,,5,a,2020-01-01", "e,killed,,6,b,2020-01-01 10:00", head=f"{HEAD},start")
    assert corpus.claims[0].quantity.event.start == datetime.datetime.fromisoformat("2020-01-01T10:00")


def test_a_row_that_falls_leaves_no_doubt_of_days():
    lines = ["e,killed,,5,a,x,y,2020-01-01", "e,killed,,what,a,y,,", "e,killed,,6,b,,,2020-01-02"]
    corpus = rows(*lines, head=f"{HEAD},id,quoted_from,start")  # no warning, or it would fail
    assert blamed(corpus) == [(2, "quoted_from"), (3, "value")]
    assert corpus.claims[0].quantity.event.start == datetime.date(2020, 1, 2)


def test_a_figure_that_would_speak_of_a_later_day_is_kept_without_it():
    lines = ["e,killed,,5,a,2020-01-01,2020-01-02", "e,killed,,6,b,2020-01-02,2020-01-02", "e,killed,,7,c,,2020-01-02"]
    said = (
        "line 2, as_of: the figure would speak of 2020-01-02, after it was reported on 2020-01-01; as_of was left out"
    )
    with pytest.warns(DoubtfulDates, match=said):
        corpus = rows(*lines, head=f"{HEAD},reported,as_of")
    day = datetime.date(2020, 1, 2)
    assert ([claim.as_of for claim in corpus], corpus.rejected) == ([None, day, day], ())
    with pytest.raises(RejectedRows, match=f"1 row could not be read: {said}"):
        read_text("\n".join([f"{HEAD},reported,as_of", *lines]), strict=True)


def test_only_some_lines_of_doubt_are_named():
    lines = [f"e,killed,,5,a{n},2020-01-01,2020-01-02" for n in range(12)]
    with pytest.warns(DoubtfulDates, match="line 11, as_of: .*; and 2 more$"):
        assert len(rows(*lines, head=f"{HEAD},reported,as_of")) == 12


def test_a_rejected_row_says_nothing_of_its_source_or_event():
    corpus = rows("e,killed,,what,a,media,Hama", "e,killed,,5,a,government,Idlib", head=f"{HEAD},source_kind,place")
    assert blamed(corpus) == [(2, "value")]
    assert corpus.claims[0].source == Source("a", kind="government")
    # Nor does a row that falls later, for what it relays.
    head = f"{HEAD},id,quoted_from,source_kind"
    corpus = rows("e,killed,,5,a,y,x,media", "e,killed,,what,b,x,,", "e,killed,,5,a,z,,", head=head)
    assert blamed(corpus) == [(2, "quoted_from"), (3, "value")]
    assert corpus.sources == (Source("a"),)


def test_events_within_events():
    corpus = rows("a,killed,,1,s,b", "b,killed,,2,s,c", "d,killed,,2,s,nowhere", head=f"{HEAD},part_of")
    a, b, d = (claim.quantity.event for claim in corpus)
    assert a.wholes == (b, Event("c"))
    assert d.part_of == Event("nowhere")


def test_events_in_a_circle():
    corpus = rows("a,killed,,1,s,b", "b,killed,,2,s,c", "c,killed,,2,s,a", "x,killed,,2,s,x", head=f"{HEAD},part_of")
    assert blamed(corpus) == [(4, "part_of"), (5, "part_of")]


@pytest.mark.parametrize("up", [True, False])
def test_events_are_not_nested_without_end(up):
    names = [f"e{n}" for n in range(1500)]
    chain = list(itertools.pairwise(names))
    corpus = rows(*(f"{a},killed,,1,s,{b}" for a, b in (chain if up else reversed(chain))), head=f"{HEAD},part_of")
    assert len(corpus) + len(corpus.rejected) == len(chain)
    assert max(len(claim.quantity.event.wholes) for claim in corpus) == 20
    assert {row.column for row in corpus.rejected} == {"part_of"}


LINKED = f"{HEAD},id,quoted_from,revises"


def test_relays_and_revisions():
    corpus = rows(
        "e,killed,,5,a,x,y,",
        "e,killed,,5,b,y,source: wire ,",
        "e,killed,,6,b,z,,y",
        "e,killed,,6,c,,SOURCE:b,",
        head=LINKED,
    )
    assert not corpus.rejected
    assert [claim.quoted_from for claim in corpus] == ["y", Source("wire"), None, Source("b")]
    assert corpus.claims[2].revises == "y"


def test_a_quoted_source_is_the_one_the_table_knows():
    corpus = rows("e,killed,,5,a,government,", "e,killed,,5,b,,source:a", head=f"{HEAD},source_kind,quoted_from")
    assert corpus.claims[1].quoted_from == Source("a", kind="government")


def test_an_id_that_looks_like_a_quoted_source_is_an_id():
    corpus = rows("e,killed,,5,a,source:b,,", "e,killed,,5,c,,source:b,", head=LINKED)
    assert corpus.claims[1].quoted_from == "source:b"


def test_who_relays_a_rejected_row_falls_with_it():
    corpus = rows(
        "e,killed,,5,a,w,x,",
        "e,killed,,5,b,x,y,",
        "e,killed,,what,c,y,,",
        "e,killed,,5,d,z,,",
        "e,killed,,6,d,,,z",
        "e,killed,,6,d,,,w",
        head=LINKED,
    )
    assert blamed(corpus) == [(2, "quoted_from"), (3, "quoted_from"), (4, "value"), (7, "revises")]
    assert "'x', which was rejected on line 3" in corpus.rejected[0].reason
    assert "'y', which was rejected on line 4" in corpus.rejected[1].reason
    assert "'w', which was rejected on line 2" in corpus.rejected[3].reason


def test_who_relays_a_row_that_contradicts_its_source_falls_with_it():
    corpus = rows(
        "e,killed,,5,a,x,,,media", "e,killed,,5,a,y,,,NGO", "e,killed,,5,b,z,y,,", head=f"{LINKED},source_kind"
    )
    assert blamed(corpus) == [(3, "source_kind"), (4, "quoted_from")]


def test_a_relay_counts_what_its_origin_counts():
    corpus = rows(
        "e,killed,,5,a,x,,",
        "e,dead,everyone,6,b,,x,",
        "e,injured,,5,b,y,x,",
        "f,killed,,5,b,,x,",
        "e,killed,women,5,b,,x,",
        "e,killed,,5,b,,y,",
        head=LINKED,
    )
    assert blamed(corpus) == [(line, "quoted_from") for line in (4, 5, 6, 7)]
    assert "line 2" in corpus.rejected[0].reason


@pytest.mark.parametrize("column", ["quoted_from", "revises"])
def test_circles_of_claims(column):
    corpus = rows(
        "e,killed,,5,a,x,y", "e,killed,,5,b,y,x", "e,killed,,5,c,z,x", "e,killed,,5,c,w,", head=f"{HEAD},id,{column}"
    )
    assert blamed(corpus) == [(2, column), (3, column), (4, column)]
    assert [claim.id for claim in corpus] == ["w"]


def test_one_id_twice():
    corpus = rows("e,killed,,5,a,x,,", "e,killed,,6,a,x,,", "e,killed,,5,a,x,,", "e,killed,,5,b,,x,", head=LINKED)
    assert blamed(corpus) == [(3, "id")]
    assert "line 2" in corpus.rejected[0].reason
    assert len(corpus) == 3  # a row told twice is two rows, and one claim to the estimate
    assert len(corpus.ordered) == 2


def test_an_outcome_of_two_descriptions_is_refused():
    civil_war = Outcome("casualties", {"killed", "missing"})
    with pytest.raises(InconsistentClaims, match="outcome 'casualties' is described in two ways") as caught:
        read_text(f"{HEAD}\ne,casualties,,5,a\ne,casualty,,5,a\n", outcomes=[civil_war])
    assert len(caught.value.claims) == 2


def test_a_claim_and_its_own_hash_are_one():
    own = only(rows("e,killed,,5,a")).id
    corpus = rows("e,killed,,5,a,", f"e,killed,,5,a,{own}", "e,killed,,6,a,", head=f"{HEAD},id")
    assert not corpus.rejected
    assert (len(corpus), len(corpus.ordered), len(corpus.columns)) == (3, 2, 2)


def test_an_id_may_not_be_the_hash_of_another_claim():
    taken = only(rows("e,killed,,5,a")).id
    corpus = rows("e,killed,,5,a,", f"e,killed,,6,a,{taken}", head=f"{HEAD},id")
    assert blamed(corpus) == [(3, "id")]


# --- files ------------------------------------------------------------------------------------------------------

TURKISH = f"{HEAD}\nİdlib,killed,,5,Türkiye Savunma Bakanlığı\n"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32"])
def test_encodings_that_show_themselves(tmp_path, encoding):
    path = tmp_path / "claims.csv"
    path.write_bytes(TURKISH.encode(encoding))
    assert only(read(path)).source.name == "Türkiye Savunma Bakanlığı"
    assert only(read(str(path))) == only(read(path)) == only(read(io.BytesIO(path.read_bytes())))


@pytest.mark.parametrize("order", ["utf-16-le", "utf-16-be"])
def test_utf_16_without_a_mark_is_asked_after(order):
    with pytest.raises(UnreadableTable, match="encoding='utf-16-le'"):
        read(io.BytesIO(TURKISH.encode(order)))
    assert len(read(io.BytesIO(TURKISH.encode(order)), encoding=order)) == 1


def test_windows_1252_is_read_and_said():
    text = f"{HEAD}\nOrléans,killed,,“5”,Ministère – Défense\n".replace("“5”", "5")
    with pytest.warns(ClaimsWarning, match="Windows-1252"):
        corpus = read(io.BytesIO(text.encode("cp1252")))
    assert only(corpus).source.name == "Ministère – Défense"
    assert only(read(io.BytesIO(text.encode("cp1252")), encoding="cp1252")) == only(corpus)


def test_other_encodings_must_be_named():
    content = f"{HEAD}\ne,killed,,5,Ђ‚ђќЏ министерство\n".encode("cp1251")
    with pytest.raises(UnreadableTable, match="encoding="):
        read(io.BytesIO(content))
    assert only(read(io.BytesIO(content), encoding="cp1251")).source.name.endswith("министерство")
    with pytest.raises(UnreadableTable, match="utf-8"):
        read(io.BytesIO(content), encoding="utf-8")
    for name in ("klingon", "rot13", "hex"):
        with pytest.raises(InvalidValue, match="encoding"):
            read(io.BytesIO(content), encoding=name)


@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_dialects_and_line_numbers(tmp_path, newline, delimiter):
    path = tmp_path / "claims.csv"
    with path.open("w", newline="") as file:
        writer = csv.writer(file, delimiter=delimiter, lineterminator=newline, quoting=csv.QUOTE_ALL)
        writer.writerow([*HEAD.split(","), "sides"])
        writer.writerow(["e", "killed", "party=X; status=military|police", "5", "a, b", "X;Y|Z"])
        file.write(newline)
        writer.writerow(["e\nf", "killed", "", "5", f"c{newline}d", ""])
        writer.writerow(["e", "kiled", "", "5", "c", ""])
    corpus = read(path)
    assert corpus.claims[0].source == Source("a, b", sides={"X", "Y", "Z"})
    assert corpus.claims[1].quantity.event.id == "e f"
    assert corpus.claims[1].source.name == "c d"
    assert blamed(corpus) == [(7, "outcome")]


def test_excel_names_its_separator():
    assert len(read_text(f"sep=;\n{HEAD.replace(',', ';')}\ne;killed;;5;a\n")) == 1
    assert blamed(read_text(f"sep=,\n{HEAD}\ne,kiled,,5,a\n")) == [(3, "outcome")]


def test_blank_lines_are_no_rows():
    corpus = read_text(f"\n\n{HEAD}\n\ne,killed,,5,a\n,,,,\n   \ne,kiled,,5,a\n\n")
    assert len(corpus) == 1
    assert blamed(corpus) == [(8, "outcome")]


def test_an_unclosed_quote_costs_one_row():
    corpus = rows("e,killed,,5,a", 'e,killed,,5,"a', "e,killed,,5,b", "e,killed,,5,c")
    assert blamed(corpus) == [(3, None)]
    assert "quote" in corpus.rejected[0].reason
    assert [claim.source.name for claim in corpus] == ["a", "b", "c"]


def test_a_quote_that_swallows_rows_is_said():
    """Two quotes that belong to two cells made one row of all between them, and nobody was told."""
    with pytest.warns(ClaimsWarning, match="lines 3 to 5 were read as one row.*'source'") as caught:
        corpus = rows("e,killed,,5,z", 'e,killed,,5,"a', "e,killed,,5,b", 'e,killed,,5,c"', "e,killed,,5,d")
    assert len(caught) == 1
    assert [claim.source.name for claim in corpus] == ["z", "a e,killed,,5,b e,killed,,5,c", "d"]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert len(one("quote", '"he said: five,\nand more"')) == 1
        assert len(rows('e,killed,,5,"a\nb"')) == 1  # a name on two lines


def test_unclosed_quotes_all_the_way_down_cost_no_time():
    corpus = rows(*['a","b'] * 20_000)
    assert len(corpus.rejected) == 20_000


def test_text_after_a_closing_quote():
    corpus = rows('e,killed,,5,"a" b', "e,killed,,5,c", 'e,killed,,5, "d, e"')
    assert blamed(corpus) == [(2, None)]
    assert [claim.source.name for claim in corpus] == ["c", "d, e"]


def test_huge_cells_nul_bytes_and_many_columns():
    corpus = rows(f"e,killed,,5,{'a' * 200_000}", "e,killed,,5,a\0b", "e,killed,,5,b")
    assert blamed(corpus) == [(2, None), (3, "source")]
    assert len(corpus.rejected[0].text) < 1_000
    with pytest.warns(ClaimsWarning, match="more"):
        wide = read_text(f"{HEAD},{','.join(f'c{n}' for n in range(50_000))}\ne,killed,,5,a\n")
    assert len(wide) == 1


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "empty"),
        (b"\n\n  \n", "empty"),
        (b"\xef\xbb\xbf", "empty"),
        (b"a,b\n1,2\n", "no column event, outcome, group, value, source; .* found: a, b"),
        (b"event,outcome,group,value\n", "no column source"),
        (b"event,outcome,group,value,source,Event\n", "twice"),
        (b"event,outcome,group,value,source,x,X\n", "twice"),
        (b'event,outcome,group,value,"source\n', "column names cannot be read"),
        (b"event,outcome,group,value,source\0\n", "NUL"),
        (b"PK\x03\x04rest", "Excel"),
        (b"\xd0\xcf\x11\xe0rest", "Excel"),
        (b"\x1f\x8brest", "gzip"),
        (b"PAR1rest", "Parquet"),
        (b"\xff\xfe\x00", "utf-16"),
        (b"\x81\x8d", "neither UTF-8 nor"),
    ],
)
def test_what_is_no_table(tmp_path, content, reason):
    path = tmp_path / "claims.csv"
    path.write_bytes(content)
    with pytest.raises(UnreadableTable, match=reason) as caught:
        read(path)
    assert str(path) in str(caught.value)


def test_what_is_no_file(tmp_path):
    for nothing in (tmp_path, tmp_path / "missing.csv", str(tmp_path / "a\0b"), "", f"{HEAD}\ne,killed,,5,a\n"):
        with pytest.raises(UnreadableTable):
            read(nothing)
    for nothing in (None, 3, [1], {"event": ["e"]}, b"bytes", object(), pd.Series([1])):
        with pytest.raises(UnreadableTable, match="allowed: a path"):
            read(nothing)


def test_open_files(tmp_path):
    path = tmp_path / "claims.csv"
    path.write_text(TURKISH, encoding="utf-8")
    with path.open("rb") as binary, path.open(encoding="utf-8-sig") as text, path.open(encoding="ascii") as wrong:
        assert only(read(binary)) == only(read(text))
        with pytest.raises(UnreadableTable, match="ascii"):
            read(wrong)
    with pytest.raises(UnreadableTable):
        read(text)  # closed


def test_columns_that_are_not_known_are_said():
    with pytest.warns(MisspeltColumn, match=r"'quotd' \(did you mean 'quote'\?\), 'notes'; known: event") as caught:
        assert len(one("notes,quotd", "a,b")) == 1
    assert caught[0].filename == __file__ or "test_table" in caught[0].filename
    with pytest.warns(ClaimsWarning, match="no column name"):
        assert len(one("", "a")) == 1
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert len(one("", "")) == 1  # a comma at the end of every line says nothing


def test_strict_raises_with_every_row():
    with pytest.raises(RejectedRows) as caught:
        read_text(f"{HEAD}\ne,kiled,,5,a\ne,killed,,what,a\n", strict=True)
    assert [row.line for row in caught.value.rows] == [2, 3]


@pytest.mark.parametrize("frame", [False, True])
def test_strict_raises_with_columns_that_are_nearly_known(frame):
    good = {"event": "e", "outcome": "killed", "group": "", "value": 5, "source": "a", "Quoted form": "source:b"}
    text = f"\n{HEAD},Quoted form\ne,killed,,5,a,source:b\n"
    with pytest.warns(MisspeltColumn), pytest.raises(RejectedRows) as caught:
        read(pd.DataFrame([good]) if frame else io.StringIO(text), strict=True)
    (row,) = caught.value.rows
    assert (row.line, row.column) == (0 if frame else 2, "Quoted form")
    assert row.reason == "is no known column; did you mean 'quoted_from'?"
    assert row.text.replace(", ", ",") == f"{HEAD},Quoted form"
    with pytest.warns(ClaimsWarning) as told:
        assert len(read_text(f"{HEAD},notes,uid\ne,killed,,5,a,x,y\n", strict=True)) == 1
    assert not isinstance(told[0].message, MisspeltColumn)


# --- frames -----------------------------------------------------------------------------------------------------


def frame_of(**cells) -> pd.DataFrame:
    good = {"event": "market", "outcome": "killed", "group": "", "value": 5, "source": "ministry"}
    return pd.DataFrame({name: pd.Series([cell], dtype=object) for name, cell in (good | cells).items()})


def frame_of_rows(**columns) -> pd.DataFrame:
    good = {"event": "market", "outcome": "killed", "group": "", "value": 5, "source": "ministry"}
    return pd.DataFrame({**good, **columns})


def test_every_kind_of_frame_gives_the_same_claims(tmp_path):
    expected = read(EXAMPLE)
    frames = [
        pd.read_csv(EXAMPLE),
        pd.read_csv(EXAMPLE, parse_dates=["start", "end", "reported"]),
        pd.read_csv(EXAMPLE, dtype="string"),
        pd.read_csv(EXAMPLE).astype({"event": "category"}),
        pl.read_csv(EXAMPLE),
        pl.read_csv(EXAMPLE, try_parse_dates=True),
        pl.scan_csv(EXAMPLE),
        pa.Table.from_pylist(pl.read_csv(EXAMPLE, try_parse_dates=True).to_dicts()),
    ]
    for frame in frames:
        assert read(frame).claims == expected.claims
    parquet = tmp_path / "claims.parquet"
    pq.write_table(frames[-1], parquet)
    assert read(parquet).claims == expected.claims
    assert read(io.BytesIO(parquet.read_bytes())).claims == expected.claims


def test_rows_of_frames_are_numbered_from_one():
    frame = pl.DataFrame({"event": ["e", None, "e"], "outcome": ["killed", None, "kiled"], "group": [None, None, None],
                          "value": [1, None, 2], "source": ["a", None, "b"]})  # fmt: skip
    corpus = read(frame)
    assert len(corpus) == 1
    assert blamed(corpus) == [(3, "outcome")]
    assert "kiled" in corpus.rejected[0].text


def test_frames_that_are_no_tables():
    for frame in (pd.DataFrame([[1, 2]], columns=["a", "a"]), pd.DataFrame(), pl.DataFrame({"a": [1]}), pa.table({})):
        with pytest.raises(UnreadableTable):
            read(frame)
    with pytest.raises(UnreadableTable, match="found: 0, 1"):
        read(pd.DataFrame([[1, 2]]))


def test_parquet_needs_pyarrow(tmp_path, monkeypatch):
    parquet = tmp_path / "claims.parquet"
    pq.write_table(pa.table({"a": [1]}), parquet)
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    monkeypatch.delitem(sys.modules, "pyarrow.parquet")
    with pytest.raises(MissingDependency, match="pyarrow"):
        read(parquet)


@pytest.mark.parametrize("column", ["value", "event", "id", "hedged"])
def test_cells_that_are_equal_and_not_alike(column):
    """1, 1.0 and True are equal in Python, and so are two moments of one instant."""
    cells = pd.Series([1, True, 1.0, "1", None, float("nan"), np.True_, decimal.Decimal(1)], dtype=object)
    whole, single = read(frame_of_rows(**{column: cells})), [read(frame_of(**{column: cell})) for cell in cells]
    assert list(whole) == [claim for corpus in single for claim in corpus]
    assert [row.reason for row in whole.rejected] == [row.reason for corpus in single for row in corpus.rejected]


def test_instants_of_two_zones_stay_apart():
    zones = [pd.Timestamp("2020-01-01T12:00Z"), pd.Timestamp("2020-01-01T13:00+01:00"), "2020-01-01T12:00Z"]
    corpus = read(frame_of_rows(reported=pd.Series(zones, dtype=object)))
    assert [claim.reported.utcoffset() for claim in corpus] == [datetime.timedelta(hours=h) for h in (0, 1, 0)]
    assert len(corpus.columns) == 2


def test_more_rows_than_are_read_at_once(monkeypatch):
    table = [f"e,killed,,{n % 7},s{n % 3}" for n in range(25)]
    expected = rows(*table, "e,kiled,,5,a")
    frame = pd.read_csv(io.StringIO("\n".join([HEAD, *table, "e,kiled,,5,a"])))
    monkeypatch.setattr("reconcile.io._rows.CHUNK", 10)
    assert rows(*table, "e,kiled,,5,a") == expected
    assert read(frame).claims == expected.claims
    assert blamed(read(frame)) == [(26, "outcome")]


# --- fuzz -------------------------------------------------------------------------------------------------------


# Cheap examples, and many ways to be hostile: more of them than the profile asks for.
MANY = settings(max_examples=5 * settings().max_examples)


def read_or_refuse(content: bytes, path: pathlib.Path) -> Corpus | None:
    path.write_bytes(content)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ClaimsWarning)
        try:
            return read(path)
        except UnreadableTable:
            return None


def check(corpus: Corpus) -> None:
    assert Corpus(corpus.claims, corpus.rejected) == corpus
    for row in corpus.rejected:
        assert row.line >= 1
        assert row.reason
        str(row).encode("utf-8")
        row.text.encode("utf-8")


@pytest.fixture(scope="module")
def scratch(tmp_path_factory):
    return tmp_path_factory.mktemp("fuzz") / "claims.csv"


@given(content=st.binary(max_size=300))
@MANY
def test_any_bytes_load_or_are_refused(scratch, content):
    for head in (b"", f"{HEAD},id,revises\n".encode()):
        corpus = read_or_refuse(head + content, scratch)
        if corpus is not None:
            check(corpus)


PIECES = st.sampled_from(
    [
        *'",;|\t\n\r\0=:',
        "\r\n",
        '""',
        "e",
        "killed",
        "5",
        "a",
        "party=X",
        "half",
        "children",
        "source:",
        "2020-01-01",
        "\ufeff",
        "İ",
    ]
)


@given(pieces=st.lists(PIECES, max_size=60), columns=st.permutations(list(COLUMNS)))
@MANY
def test_any_signs_under_a_good_header_load(scratch, pieces, columns):
    corpus = read_or_refuse((",".join(columns) + "\n" + "".join(pieces)).encode(), scratch)
    assert corpus is not None
    check(corpus)


FEW = st.sampled_from(["", "a", "b", "c"])
CELLS = {
    "event": st.sampled_from(["", "e", "f", "g", "h\ni", "x" * 1200]),
    "outcome": st.sampled_from(["killed", "deaths", "kiled", "", "casualties"]),
    "group": st.sampled_from(["", "children", "party=X; status=military|police", "women", "rubbish", "a=;"]),
    "value": st.sampled_from(["5", "at least nine", "half", "most", "dozens", "rubbish", "", "-3", "5.0", "9" * 30]),
    "source": FEW,
    "id": st.sampled_from(["", "1", "2", "3", "4"]),
    "quoted_from": st.sampled_from(["", "", "1", "2", "3", "source:a", "source:z", "rubbish"]),
    "revises": st.sampled_from(["", "", "1", "2", "3", "9"]),
    "source_kind": st.sampled_from(["", "", "media", "NGO", "rubbish"]),
    "sides": st.sampled_from(["", "", "X", "X|Y", ";"]),
    "opposes": st.sampled_from(["", "", "X", "Z"]),
    "event_kind": st.sampled_from(["", "", "fire", "rubbish"]),
    "start": st.sampled_from(["", "2020-01-01", "2020-01-01 10:00", "2020-01-05T01:00+05:00", "01/02/2020"]),
    "reported": st.sampled_from(["", "2020-01-02", "2020-01-02T10:00Z"]),
    "as_of": st.sampled_from(["", "2020-01-01", "2020-01-03 11:00"]),
    "end": st.sampled_from(["", "2020-01-03", "2020-01-09"]),
    "part_of": st.sampled_from(["", "", "e", "f", "g", "h i"]),
    "of": st.sampled_from(["", "", "children", "everyone"]),
    "period_start": st.sampled_from(["", "", "2020-01-01", "2020-01-04"]),
    "period_end": st.sampled_from(["", "", "2020-01-03"]),
    "hedged": st.sampled_from(["", "yes", "rubbish"]),
    "quote": st.sampled_from(["", 'he said "five"\nand more, or so', "=1+1", "\0", "\x1b[31m"]),
}


@st.composite
def hostile_tables(draw):
    """Rows of good and broken cells, and how many rows there are that hold anything."""
    columns = draw(st.permutations([*CELLS]))
    table, count = [columns], 0
    for _ in range(draw(st.integers(0, 12))):
        row = [draw(CELLS[column]) for column in columns]
        broken = draw(st.sampled_from(["no", "no", "no", "blank", "short", "long"]))
        if broken == "blank":
            row = [""] * draw(st.integers(0, len(row)))
        elif broken == "short":
            row = row[: draw(st.integers(1, len(row)))]
        elif broken == "long":
            row.append("more")
        count += any(cell.strip() for cell in row)
        table.append(row)
    return table, count


@given(given=hostile_tables(), delimiter=st.sampled_from(",;\t|"), newline=st.sampled_from(["\n", "\r\n", "\r"]))
@MANY
def test_rows_in_are_claims_and_rejected_rows_out(scratch, given, delimiter, newline):
    table, count = given
    text = io.StringIO(newline="")
    # Left to itself the writer does not quote a \n where lines end in \r.
    quoting = csv.QUOTE_ALL if newline == "\r" else csv.QUOTE_MINIMAL
    csv.writer(text, delimiter=delimiter, lineterminator=newline, quoting=quoting).writerows(table)
    corpus = read_or_refuse(text.getvalue().encode(), scratch)
    assert corpus is not None
    assert len(corpus.claims) + len(corpus.rejected) == count
    check(corpus)
    ids = {claim.id for claim in corpus}
    for claim in corpus:
        assert claim.revises is None or claim.revises in ids
        assert not isinstance(claim.quoted_from, str) or claim.quoted_from in ids
    if all(len(row) == len(table[0]) for row in table):
        frame = pd.DataFrame(table[1:], columns=table[0], dtype=object)
        assert read(frame).claims == corpus.claims


@pytest.mark.skipif(not os.path.exists("/dev/null"), reason="a device of Unix")  # noqa: PTH110
def test_devices_are_no_tables():
    with pytest.raises(UnreadableTable, match="empty"):
        read("/dev/null")
