# SPDX-License-Identifier: MIT
"""Claims in JSON: everything comes back; strangers' files are read, rejected claim by claim, or refused."""

import contextlib
import copy
import io
import json
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sheets import HOSTILE, quietly, read_or_refuse
from test_claims import CLAIMS, OWN_IDS

import reconcile as rc
from reconcile.io import table, ucdp
from reconcile.io.json import FORMAT, dumps, loads, read, schema, write
from reconcile.testing import strategies

MARKET = rc.Event("market", place="Hillton", perpetrators={"A", "B"}, part_of=rc.Event("war"))
FIRST = rc.Claim(MARKET.killed(), rc.AtLeast(12), rc.Source("ministry", kind="government", sides={"A"}))
CORPUS = rc.Corpus(
    [
        FIRST,
        rc.Claim(MARKET.killed(), rc.Exactly(12), rc.Source("agency"), quoted_from=FIRST, hedged=True),
        rc.Claim(
            rc.Event("flood").count(rc.Outcome("sick", {"coughing", "feverish"}), rc.Group(age="child", sex="female")),
            rc.Surveyed(100, 90, 130, 0.9),
            rc.Source("survey"),
            reported="2031-01-02T10:00:00+02:00",
            quoted_from=rc.Source("doctors", opposes={"B"}),
            citation=rc.Citation(url="https://example.org", quote="about a hundred"),
            id="mine",
        ),
        FIRST,
    ],
    [rc.Rejected(7, "value", "cannot be read", "a,b,c")],
)
REJECTED = st.builds(rc.Rejected, st.integers(), st.none() | st.text(), st.text(), st.text())


def spoilt(change):
    """Write the corpus with a change made to its document, and read it."""
    document = json.loads(dumps(CORPUS))
    change(document)
    return loads(json.dumps(document))


def test_everything_comes_back():
    again = loads(dumps(CORPUS))
    assert again == CORPUS
    assert repr(again) == repr(CORPUS)
    assert dumps(again) == dumps(CORPUS)


def test_the_kind_and_the_time_of_an_event_come_back():
    start = "2031-02-03T04:17:00+03:00"
    quake = rc.Event(
        "quake", kind="earthquake", start=start, end="2031-02-04", part_of=rc.Event("year", start="2031-01-01")
    )
    corpus = rc.Corpus([rc.Claim(quake.killed(), rc.AtLeast(12), rc.Source("ministry"))])
    told = json.loads(dumps(corpus))["events"]
    assert told == [
        {"id": "quake", "kind": "earthquake", "start": start, "end": "2031-02-04", "part_of": "year"},
        {"id": "year", "start": "2031-01-01"},  # as it was before events had kinds and times
    ]
    assert repr(loads(dumps(corpus))) == repr(corpus)


@given(st.lists(strategies.events(most_wholes=0), max_size=3, unique_by=lambda event: event.id))
def test_events_come_back(events):
    corpus = rc.Corpus(rc.Claim(event.killed(), rc.Exactly(1), rc.Source("a")) for event in events)
    assert repr(loads(dumps(corpus))) == repr(corpus)


def test_a_claim_that_speaks_of_a_later_day_is_rejected():
    corpus = spoilt(lambda d: d["claims"][2].update(as_of="2031-01-03"))
    (row,) = corpus.rejected[1:]
    assert (row.line, row.column) == (3, "Claim.as_of")
    assert "not after Claim.reported, 2031-01-02 10:00:00+02:00" in row.reason


def test_claims_of_the_first_edition_are_read(root):
    files = root / "tests" / "first_edition"
    village = rc.Event("village", place="Taftanaz", start="2020-02-10", perpetrators={"army"})
    found = read(files / "claims.json")
    first, relay, *_ = found
    ids = "c44ae8cbbc4b9f9b2 cfb64cb3c65fb96c3 c5e9e13d02428fa52 c31d5cef47449744b c541521ddfb047025 c620b2a4746941fc5"
    assert [claim.id for claim in found] == ids.split()
    assert first.quantity.event == rc.Event("market", part_of=village)
    assert (relay.value, relay.quoted_from.name, relay.hedged) == (rc.About(8), "monitor", True)
    assert f"{dumps(found)}\n" == (files / "claims.json").read_text(encoding="utf-8")
    assert list(table.read(files / "claims.csv")) == list(found)


@given(st.lists(CLAIMS | OWN_IDS, max_size=4), st.lists(REJECTED, max_size=2))
def test_any_corpus_comes_back(claims, rejected):
    try:
        corpus = rc.Corpus(claims, rejected)
    except rc.InconsistentClaims:
        return
    written = dumps(corpus)
    assert loads(written) == corpus
    jsonschema = pytest.importorskip("jsonschema")
    jsonschema.validate(json.loads(written), schema())


def test_files_are_written_and_read(tmp_path):
    path = tmp_path / "claims.json"
    write(CORPUS, path)
    assert read(path) == CORPUS
    with path.open("rb") as file:
        assert read(file) == CORPUS
    assert loads(b"\xef\xbb\xbf" + path.read_bytes()) == CORPUS
    with pytest.raises(rc.UnreadableTable, match="cannot be opened"):
        read(tmp_path / "none.json")
    with pytest.raises(rc.UnreadableTable, match="neither a path nor an open file"):
        read(17)


def test_the_published_schema_is_that_of_the_code(root):
    published = json.loads((root / "docs" / "claims.schema.json").read_text(encoding="utf-8"))
    assert published == schema()


def test_the_schema_refuses_what_the_reader_refuses():
    jsonschema = pytest.importorskip("jsonschema")
    jsonschema.Draft202012Validator.check_schema(schema())
    good = json.loads(dumps(CORPUS))
    jsonschema.validate(good, schema())
    for change in (
        lambda d: d.update(version=FORMAT + 1),
        lambda d: d["claims"][0].pop("source"),
        lambda d: d["claims"][0]["value"].update(n=-1),
        lambda d: d["claims"][0]["value"].update(kind="Guess"),
        lambda d: d["claims"][0].update(mood="sad"),
        lambda d: d["sources"][0].update(kind="rumour"),
    ):
        document = json.loads(dumps(CORPUS))
        change(document)
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(document, schema())
        with contextlib.suppress(rc.UnreadableTable):
            assert loads(json.dumps(document)).rejected[1:]


@pytest.mark.parametrize(
    ("change", "column", "reason"),
    [
        (lambda c: c["value"].update(n=-1), "AtLeast.n", "a whole number"),
        (lambda c: c["value"].update(n=10**5_000), "value.n", "too large"),
        (lambda c: c["value"].update(n=1.5), "AtLeast.n", "a whole number"),
        (lambda c: c["value"].update(n=True), "AtLeast.n", "a whole number"),
        (lambda c: c["value"].update(kind="Guess"), "value.kind", "Exactly"),
        (lambda c: c["value"].update(extra=1), None, "extra"),
        (lambda c: c["value"].pop("n"), None, "is missing"),
        (lambda c: c.update(value=12), "value", "an object"),
        (lambda c: c.pop("outcome"), "outcome", "it is required"),
        (lambda c: c.update(source="nobody"), "source", "one of the sources"),
        (lambda c: c.update(event=["market"]), "event", "one of the events"),
        (lambda c: c.update(group={"age": "child"}), "group.age", "a list of texts"),
        (lambda c: c.update(group={"": ["child"]}), "Group(**facets)", "a name"),
        (lambda c: c.update(period={"start": "2031-01-02", "end": "2031-01-01"}), None, "not before"),
        (lambda c: c.update(reported="yesterday"), "Claim.reported", "a date"),
        (lambda c: c.update(hedged="yes"), "Claim.hedged", "a bool"),
        (lambda c: c.update(quoted_from="agency"), "quoted_from", "{'claim': id}"),
        (lambda c: c.update(citation={"mood": "sad"}), None, "mood"),
        (lambda c: c.update(mood="sad"), "a claim, fields", "hedged"),
        (lambda c: c.update(id="mine"), "id", "claim 3 has it with another content"),
    ],
)
def test_bad_claims_are_rejected_with_the_field(change, column, reason):
    if reason == "too large":
        with pytest.raises(rc.UnreadableTable):
            loads(dumps(CORPUS).replace('"n": 12', '"n": ' + "9" * 5_000))
        return
    document = json.loads(dumps(CORPUS))
    document["claims"].append({k: copy.deepcopy(v) for k, v in document["claims"][0].items() if k != "id"})
    change(document["claims"][-1])
    corpus = loads(json.dumps(document))
    assert corpus.claims == CORPUS.claims
    old, row = corpus.rejected
    assert old == CORPUS.rejected[0]
    assert row.line == 5
    assert reason in row.reason
    assert column is None or row.column == column
    with pytest.raises(rc.RejectedRows):
        loads(json.dumps(document), strict=True)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda d: d.update(version=FORMAT + 1), "use a newer one"),
        (lambda d: d.update(version="1"), "use a newer one"),
        (lambda d: d.update(version=True), "use a newer one"),
        (lambda d: d.update(format="claims"), "is no file of claims"),
        (lambda d: d.update(mood="sad"), "not known: mood"),
        (lambda d: d.update(claims={}), "claims is no list"),
        (lambda d: d["sources"].append(d["sources"][0]), "is the second"),
        (lambda d: d["sources"].append("agency"), "an object with fields"),
        (lambda d: d["sources"][0].update(kind="rumour"), "government"),
        (lambda d: d["events"][0].update(part_of="nowhere"), "none of the events"),
        (lambda d: [event.update(part_of=event["id"]) for event in d["events"]], "part of itself"),
        (lambda d: d["rejected"][0].update(line="seven"), "a line"),
        (lambda d: d["claims"].append([[[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]]]), "nested more than"),
    ],
)
def test_bad_documents_are_refused_with_the_reason(change, reason):
    with pytest.raises(rc.UnreadableTable, match=reason):
        spoilt(change)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        "null",
        "17",
        '{"format": NaN}',
        '{"format": 1, "format": 2}',
        "[" * 100_000,
        "\ud800",
        b"\xff\xfe",
    ],
)
def test_what_is_no_file_of_claims_is_refused(text):
    with pytest.raises(rc.UnreadableTable):
        loads(text)


def test_events_in_a_long_chain_are_refused():
    with pytest.raises(rc.UnreadableTable, match="nested more than"):
        spoilt(lambda d: d["events"].extend({"id": f"e{n}", "part_of": f"e{n + 1}"} for n in range(5_000)))


@pytest.mark.parametrize("cell", HOSTILE)
@pytest.mark.parametrize("field", ["event", "source", "id", "reported", "revises"])
def test_hostile_texts_stay_text_or_are_rejected(field, cell):
    corpus = spoilt(lambda d: d["claims"][2].update({field: cell}))
    assert len(corpus) + len(corpus.rejected) == 5


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
FIELDS = ["id", "event", "outcome", "group", "period", "value", "source", "quoted_from", "hedged", "citation", "as_of"]


@given(st.sampled_from(FIELDS), JSON)
def test_any_field_is_read_or_rejected(field, given_):
    corpus = spoilt(lambda d: d["claims"][3].update({field: given_}))
    assert len(corpus) + len(corpus.rejected) == 5


@given(st.sampled_from(["sources", "events", "outcomes", "claims", "rejected"]), JSON)
def test_any_part_is_read_or_refused(part, given_):
    for change in (lambda d: d[part].append(given_), lambda d: d.update({part: given_})):
        assert read_or_refuse(spoilt, change) != ""


@given(st.binary(max_size=100) | st.text(max_size=100))
def test_bytes_are_read_or_refused(content):
    with pytest.raises(rc.UnreadableTable):
        loads(content)
    file = io.BytesIO(content) if isinstance(content, bytes) else io.StringIO(content)
    with pytest.raises(rc.UnreadableTable):
        read(file)


def test_real_claims_come_back(shared_data):
    path = shared_data / "ucdp_ged_car" / "ged231_central_african_republic.csv"
    corpus = rc.Corpus(quietly(ucdp.read, path).claims[:300])
    assert loads(dumps(corpus)) == corpus


def test_the_standard_library_is_not_shadowed():
    assert sys.modules["json"] is json
    assert hasattr(json, "JSONDecoder")
