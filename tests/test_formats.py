# SPDX-License-Identifier: MIT
"""One door: the format is told by the header, and a reader that is handed another format names it."""

import importlib
import io

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sheets import ATTRIBUTED, SHEETS, quietly, read_or_refuse

import reconcile as rc
from reconcile.io import formats, table
from reconcile.io import json as claims_json
from reconcile.io._signatures import FORMATS

TABLE = "event,outcome,group,value,source\nmarket,killed,,5,ministry\n"
WITH_JSON = {**SHEETS, "table": TABLE, "json": claims_json.dumps([])}
READERS = {name: importlib.import_module(f"reconcile.io.{name}").read for name in formats.NAMES}


@pytest.mark.parametrize("name", WITH_JSON)
def test_formats_are_recognised_from_paths_files_and_bytes(name, tmp_path):
    text = WITH_JSON[name]
    path = tmp_path / "file"
    path.write_text(text, encoding="utf-8")
    assert formats.recognise(path) == name
    assert formats.recognise(str(path)) == name
    assert formats.recognise(io.StringIO(text)) == name
    assert formats.recognise(io.BytesIO(b"\xef\xbb\xbf" + text.encode())) == name


@pytest.mark.parametrize("name", WITH_JSON)
def test_the_door_reads_what_the_room_reads(name, tmp_path):
    text = WITH_JSON[name]
    expected = quietly(READERS[name], io.StringIO(text))
    assert quietly(formats.read, io.StringIO(text)) == expected
    assert quietly(formats.read, io.BytesIO(text.encode()), name) == expected
    path = tmp_path / "file"
    path.write_text(text, encoding="utf-8")
    assert quietly(formats.read, path) == expected


@pytest.mark.parametrize("name", SHEETS)
def test_separators_and_frames_do_not_matter(name):
    frame = pd.read_csv(io.StringIO(SHEETS[name]))
    assert formats.recognise(frame) == name
    assert formats.recognise(io.StringIO(frame.to_csv(sep=";", index=False))) == name
    spelt = frame.rename(columns=lambda column: column.upper().replace("_", " "))
    assert formats.recognise(spelt) == name


@pytest.mark.parametrize("given_", SHEETS)
@pytest.mark.parametrize("asked", ["table", *SHEETS])
def test_a_wrong_format_is_named_with_its_reader(given_, asked):
    if given_ == asked:
        return
    with pytest.raises(rc.UnreadableTable) as caught:
        READERS[asked](io.StringIO(SHEETS[given_]))
    assert FORMATS[given_].title in str(caught.value)
    assert f"use reconcile.io.{given_}.read" in str(caught.value)


def test_a_ged_file_given_to_the_table_reader():
    with pytest.raises(rc.UnreadableTable, match=r"this looks like a UCDP GED table: use reconcile\.io\.ucdp\.read"):
        table.read(io.StringIO(SHEETS["ucdp"]))


def test_what_no_format_has_is_read_as_a_table_and_refused():
    assert formats.recognise(io.StringIO("a,b\n1,2\n")) is None
    with pytest.raises(rc.UnreadableTable, match="has no column event"):
        formats.read(io.StringIO("a,b\n1,2\n"))


def test_attributed_claims_alone_are_told_what_they_need():
    assert formats.recognise(io.StringIO(ATTRIBUTED)) == "airwars_claims"
    with pytest.raises(rc.UnreadableTable, match="need the table of incidents"):
        formats.read(io.StringIO(ATTRIBUTED))
    corpus = quietly(formats.read, io.StringIO(SHEETS["airwars"]), claims=io.StringIO(ATTRIBUTED))
    assert len(corpus) == 9


def test_options_go_to_the_reader_and_others_are_refused():
    assert len(formats.read(io.StringIO(SHEETS["ucdp"]), parts=True)) == 6
    with pytest.raises(rc.InvalidValue, match=r"what reconcile.io.ucdp.read takes"):
        formats.read(io.StringIO(SHEETS["ucdp"]), floor=True)
    with pytest.raises(rc.InvalidValue, match="table, json, ucdp"):
        formats.read(io.StringIO(TABLE), "xlsx")


def test_frames_of_any_kind_are_tables():
    frame = pd.read_csv(io.StringIO(TABLE))
    assert formats.read(frame) == table.read(frame)


@pytest.mark.parametrize("name", ["table", *SHEETS])
def test_a_million_columns_are_refused_or_read(name):
    header, first, *_ = WITH_JSON[name].splitlines()
    wide = ",".join(f"x{n}" for n in range(200_000))
    corpus = quietly(READERS[name], io.StringIO(f"{header},{wide}\n{first}\n"))
    assert len(corpus) + len(corpus.rejected) >= 1
    with pytest.raises(rc.UnreadableTable):
        quietly(READERS[name], io.StringIO(f"{wide}\n{wide}\n"))


def test_paths_are_not_followed_from_cells(tmp_path):
    secret = tmp_path / "secret.csv"
    secret.write_text(TABLE, encoding="utf-8")
    corpus = formats.read(io.StringIO(TABLE.replace("market", str(secret))))
    assert corpus.claims[0].quantity.event.id == str(secret)
    with pytest.raises(rc.UnreadableTable):
        formats.read(tmp_path / "none.csv")
    with pytest.raises(rc.UnreadableTable):
        formats.read("a\0b.csv")


@given(st.binary(max_size=300), st.sampled_from([None, *formats.NAMES]))
def test_bytes_are_read_or_refused(content, name):
    assert read_or_refuse(formats.read, io.BytesIO(content), name) != ""


@given(st.text(max_size=300))
def test_texts_are_read_or_refused(content):
    for read in (formats.recognise, formats.read):
        assert read_or_refuse(read, io.StringIO(content)) != ""


def test_real_files_are_recognised(shared_data):
    found = {
        "ucdp_ged_car/ged231_central_african_republic.csv": "ucdp",
        "airwars_gaza/incidents.csv": "airwars",
        "airwars_gaza/attributed_claims.csv": "airwars_claims",
        "radford2023/replication-data-pnas.csv": "radford",
    }
    assert {name: formats.recognise(shared_data / name) for name in found} == found
