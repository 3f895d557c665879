# SPDX-License-Identifier: MIT
"""Claims as columns: what goes in comes out, in an order of its own."""

from __future__ import annotations

import datetime
import pickle
import tracemalloc

import attrs
import numpy as np
import pandas as pd
from hypothesis import example, given
from hypothesis import strategies as st

from reconcile.claims import Citation, Claim, Corpus, make_claim
from reconcile.columns import KINDS, LOST, NONE, EventTable, Moments, QuantityTable, TextTable, number, rank
from reconcile.io import table
from reconcile.testing import strategies
from reconcile.values import AtLeast, Exactly, Share, Vague
from reconcile.vocabulary import EVERYONE, Event, Group, Period, Source

OFFSETS = st.timedeltas(datetime.timedelta(hours=-23, minutes=-59), datetime.timedelta(hours=23, minutes=59))
TIMES = st.datetimes(timezones=st.none() | st.builds(datetime.timezone, OFFSETS))
MOMENTS = st.none() | st.dates() | TIMES.map(lambda moment: moment.replace(fold=0))  # as claims hold them

# --- dates --------------------------------------------------------------------------------------------------------


@given(st.lists(MOMENTS))
@example([datetime.datetime.min.replace(tzinfo=datetime.timezone(datetime.timedelta(hours=14)))])
@example([datetime.datetime.max.replace(tzinfo=datetime.timezone(datetime.timedelta(hours=-12)))])
@example([datetime.date.min, datetime.date.max, None])
def test_moments_are_restored(moments):
    found = Moments.of(moments)
    restored = [found[row] for row in range(len(found))]
    assert (restored, list(map(repr, restored))) == (moments, list(map(repr, moments)))
    backwards = found.take(np.arange(len(found))[::-1])
    assert [backwards[row] for row in range(len(found))] == moments[::-1]


def later(one, other):
    if one is None or other is None:
        return False
    clocks = [(isinstance(m, datetime.datetime), getattr(m, "tzinfo", None) is not None) for m in (one, other)]
    return one > other if clocks[0] == clocks[1] else one.timetuple()[:3] > other.timetuple()[:3]


@given(st.lists(st.tuples(MOMENTS, MOMENTS)))
def test_later_is_that_of_python_on_one_clock_and_of_the_days_on_two(pairs):
    one, other = (Moments.of(column) for column in (zip(*pairs, strict=True) if pairs else ((), ())))
    assert one.later(other).tolist() == [later(*pair) for pair in pairs]


# --- tables -------------------------------------------------------------------------------------------------------


@given(st.lists(st.integers(-3, 3)), st.randoms())
def test_rank_knows_no_order(things, random):
    distinct, codes = rank(things, key=lambda n: -n)
    assert list(distinct) == sorted(set(things), reverse=True)
    assert [distinct[code] for code in codes] == things
    assert rank(random.sample(things, len(things)), key=lambda n: -n)[0] == distinct


@given(st.lists(st.tuples(*[st.integers(-2, 2)] * 3)))
def test_numbers_of_rows(rows):
    codes, first = number(*np.array(rows, dtype=np.int64).reshape(-1, 3).T)
    distinct = sorted(set(rows))
    assert codes.tolist() == [distinct.index(row) for row in rows]
    assert first.tolist() == [rows.index(row) for row in distinct]


def test_events_and_what_they_are_part_of():
    records = {
        "market": {"place": "Idlib", "perpetrators": frozenset({"b", "a"}), "part_of": "war"},
        "war": {"start": datetime.date(2011, 3, 15), "end": datetime.date(2024, 12, 8)},
    }
    events = EventTable.of(records)
    assert (len(events), events.ids.tolist(), events.whole.tolist()) == (2, ["market", "war"], [1, NONE])
    war = Event("war", start="2011-03-15", end="2024-12-08")
    assert events[1] == war
    assert events[0] == Event("market", place="Idlib", perpetrators={"a", "b"}, part_of=war)
    assert [events.parties[code] for code in events.perpetrators] == [{"a", "b"}, set()]


@given(st.lists(strategies.events(), unique_by=lambda event: event.id))
def test_events_are_restored(events):
    known = {}
    for event in events:
        if all(known.get(whole.id, whole) == whole for whole in (event, *event.wholes)):
            known |= {whole.id: whole for whole in (event, *event.wholes)}
    quantities = [event.killed() for event in known.values()]
    found, codes = QuantityTable.of_quantities(quantities)
    bare = attrs.evolve(found, made={})
    assert list(map(repr, (bare[int(code)] for code in codes))) == list(map(repr, quantities))
    rows = found.event[codes]
    assert [KINDS[code] for code in found.events.kind[rows]] == [event.kind for event in known.values()]
    assert [found.events.start[row] for row in rows] == [event.start for event in known.values()]


def test_quantities():
    market = Event("market", part_of=Event("war"))
    counts = [
        market.killed(),
        Event("war").injured(Group(age="child")),
        market.killed(period=Period("2020-01-01", "2020-01-02")),
    ]
    found, codes = QuantityTable.of_quantities([*counts, market.killed()])
    assert (len(found), len(found.events)) == (3, 2)
    assert [found[int(code)] for code in codes] == [*counts, market.killed()]
    bare = attrs.evolve(found, made={})
    assert [bare[row] for row in range(3)] == [found[row] for row in range(3)]
    assert bare[0] is bare[0]
    assert found.event.tolist() == sorted(found.event)


def test_texts():
    columns = [np.array(codes, dtype=np.int32) for codes in ([0, NONE, 1, 0], [NONE, NONE, 0, NONE])]
    texts, rows = TextTable.of(["b", "a"], columns)
    assert texts.texts == ("a", "b")
    assert rows.tolist() == [1, NONE, 0, 1]
    assert [texts[row] for row in range(len(texts))] == [("a", "b"), ("b", None)]
    assert len(TextTable.of([], columns[1:])[0]) == 0


# --- claims -------------------------------------------------------------------------------------------------------

MARKET = Event("market", place="Idlib", part_of=Event("war"))
CHILDREN = MARKET.killed(Group(age="child"))
A, B = Source("a", kind="media"), Source("b")
CLAIMS = [
    Claim(MARKET.killed(), Exactly(5), A),
    Claim(MARKET.killed(), Exactly(5), A, hedged=True, reported="2020-01-01"),
    Claim(CHILDREN, Share(0.5, 0.5), A, reported="2020-01-01T10:00", as_of="2020-01-01"),
    Claim(CHILDREN, Share(0.5, 0.5, of=EVERYONE), B, reported="2020-01-01T10:00+02:00", quoted_from=A),
    Claim(CHILDREN, AtLeast(2), B, quoted_from=Source("c"), citation=Citation(quote="two", url="https://x.org")),
    Claim(Event("war").injured(), Vague("dozens"), B, id="x"),
    Claim(Event("war").injured(), Exactly(24), B, id="y", revises="x"),
    Claim(Event("war").injured(), Exactly(24), A, id="z", quoted_from="y"),
]


def same_arrays(one, other):
    """Whether two sets of columns hold the same codes of the same things."""
    for field in attrs.fields(type(one)):
        mine, theirs = getattr(one, field.name), getattr(other, field.name)
        if field.name in {"_make", "_made"}:
            continue
        if attrs.has(type(mine)):
            same_arrays(mine, theirs)
        elif isinstance(mine, np.ndarray):
            assert mine.dtype == theirs.dtype, field.name
            np.testing.assert_array_equal(mine, theirs)
        else:
            assert mine == theirs, field.name


@given(st.permutations(CLAIMS))
def test_claims_in_any_order_are_the_same_columns(claims):
    columns = Corpus([*claims, claims[0]]).columns
    same_arrays(columns, Corpus(CLAIMS).columns)
    assert [columns.id(row) for row in range(len(columns))] == sorted(claim.id for claim in CLAIMS)


def test_columns_of_claims():
    columns = Corpus(CLAIMS).columns
    assert len(columns) == len(CLAIMS)
    assert columns.sources == (A, B, Source("c"))
    claims = [columns.claim(row) for row in range(len(columns))]
    assert sorted(claims, key=lambda c: c.id) == claims
    row = {claim.id: at for at, claim in enumerate(claims)}
    assert (columns.quoted[row["z"]], columns.revises[row["y"]]) == (row["y"], row["x"])
    for at, claim in enumerate(claims):
        assert columns.values[columns.value[at]] == claim.value  # noqa: PD011 - no frame
        assert columns.quantities[int(columns.quantity[at])] == claim.quantity
        assert (columns.origin[at] >= 0) == isinstance(claim.quoted_from, Source)
        assert make_claim(columns, at) == claim
        assert repr(make_claim(columns, at)) == repr(claim)


def test_links_that_lead_nowhere_are_kept():
    columns = Corpus([Claim(MARKET.killed(), Exactly(5), A, quoted_from="r", revises="s", id="q")]).columns
    assert (columns.quoted.tolist(), columns.revises.tolist()) == ([LOST], [LOST])
    assert columns.lost == {(0, "quoted_from"): "r", (0, "revises"): "s"}
    assert make_claim(columns, 0) == columns.claim(0)


def frame_of(claims):
    named = {claim.revises for claim in claims} | {claim.quoted_from for claim in claims}
    cells = [
        {
            "event": claim.quantity.event.id,
            "part_of": claim.quantity.event.part_of and claim.quantity.event.part_of.id,
            "place": claim.quantity.event.place,
            "outcome": claim.quantity.outcome.name,
            "group": "children" if claim.quantity.group.facets else "",
            "value": "half" if isinstance(claim.value, Share) else str(claim.value),
            "source": claim.source.name,
            "source_kind": claim.source.kind.value,
            "reported": claim.reported,
            "as_of": claim.as_of,
            "quoted_from": f"source:{origin.name}" if isinstance(origin := claim.quoted_from, Source) else origin,
            "revises": claim.revises,
            "hedged": claim.hedged,
            "quote": claim.citation and claim.citation.quote,
            "url": claim.citation and claim.citation.url,
            "id": claim.id if claim.id in named or len(claim.id) == 1 else None,
        }
        for claim in claims
    ]
    return pd.DataFrame(cells, dtype=object)


@given(st.permutations(CLAIMS), st.sampled_from(CLAIMS))
def test_a_table_in_any_order_is_the_same_columns(claims, repeated):
    corpus = table.read(frame_of([*claims, repeated]), strict=True)
    assert corpus.claims == (*claims, repeated)
    assert (len(corpus), len(corpus.columns)) == (len(claims) + 1, len(claims))
    same_arrays(corpus.columns, table.read(frame_of(CLAIMS)).columns)


def test_a_table_is_the_corpus_of_its_claims():
    corpus = table.read(frame_of(CLAIMS))
    assert corpus.sources == (A, B)
    twin = Corpus(CLAIMS)
    assert str(corpus) == str(twin) == "8 claims by 2 sources about 2 events"
    assert (corpus, hash(corpus), repr(corpus), corpus.ordered) == (twin, hash(twin), repr(twin), twin.ordered)
    again = pickle.loads(pickle.dumps(corpus))
    assert again == corpus
    same_arrays(again.columns, corpus.columns)
    assert [corpus.columns.id(row) for row in range(8)] == [corpus.columns.claim(row).id for row in range(8)]
    assert sorted(filter(None, corpus.columns.ids)) == ["x", "y", "z"]


def many(n):
    rng = np.random.default_rng(0)
    return pd.DataFrame(
        {
            "event": [f"event {k}" for k in rng.integers(0, n // 5, n)],
            "outcome": rng.choice(["killed", "injured"], n),
            "group": rng.choice(["", "children"], n),
            "value": rng.choice(["at least nine", "dozens", *map(str, range(3_000))], n),
            "source": [f"source {k}" for k in rng.integers(0, 500, n)],
            "reported": pd.Timestamp("2020-01-01") + pd.to_timedelta(rng.integers(0, 2_500, n), unit="D"),
        }
    )


def test_a_claim_of_a_table_takes_less_than_200_bytes():
    """As an object it takes some 500."""
    n = 100_000
    frame = many(n)
    table.read(frame.head())  # what is loaded once
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        corpus = table.read(frame)
        after, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert len(corpus) == n
    assert (after - before) / n < 200  # 110 here
    assert (peak - before) / n < 400  # 200 here
