# SPDX-License-Identifier: MIT
import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from worlds import claim

import reconcile as rc
from reconcile.channels import LogStudent
from reconcile.io.models import FORMAT, load, save
from reconcile.model import CountPrior, Model, Normal


@pytest.fixture(scope="module")
def fitted():
    claims = [claim(rc.Event(f"e{n}").killed(), n + k, f"s{k}") for n in range(3, 9) for k in (0, 1)]
    model = Model(
        counts={"killed": CountPrior(0.2, 1.0, 1.5, "test")},
        sources={("bias", rc.Relation.OWN): Normal(0.0, 0.5, "test")},
    )
    return rc.estimate(claims, model, learn=True).as_model()


def test_a_model_comes_back_as_it_was(fitted, tmp_path):
    save(fitted, tmp_path / "m")
    found = load(tmp_path / "m")
    assert (found.counts, found.sources, found.speech) == (fitted.counts, fitted.sources, fitted.speech)
    assert found.learned.names == fitted.learned.names
    assert found.learned.spreads == fitted.learned.spreads
    assert found.learned.seen == fitted.learned.seen
    assert np.array_equal(found.learned.mean, fitted.learned.mean)
    assert np.array_equal(found.learned.covariance, fitted.learned.covariance)


def test_a_model_that_learned_nothing_comes_back(tmp_path):
    save(Model(), tmp_path / "m")
    assert load(tmp_path / "m") == Model()


def test_a_newer_format_is_refused_with_both_versions(fitted, tmp_path):
    save(fitted, tmp_path / "m")
    with np.load(tmp_path / "m") as file:
        parts = dict(file)
    header = json.loads(str(parts["header"])) | {"version": FORMAT + 1}
    with (tmp_path / "m").open("wb") as file:
        np.savez(file, **{**parts, "header": np.array(json.dumps(header))})
    with pytest.raises(rc.UnreadableModel, match=f"format {FORMAT + 1}.*up to {FORMAT}"):
        load(tmp_path / "m")


def test_changed_arrays_are_noticed(fitted, tmp_path):
    save(fitted, tmp_path / "m")
    with np.load(tmp_path / "m") as file:
        parts = dict(file)
    with (tmp_path / "m").open("wb") as file:
        np.savez(file, **{**parts, "mean": parts["mean"] + 1e-9})
    with pytest.raises(rc.UnreadableModel, match="digest"):
        load(tmp_path / "m")


def test_channels_are_code_and_not_saved(tmp_path):
    with pytest.raises(rc.InvalidValue, match="standard channel"):
        save(Model(channel=LogStudent()), tmp_path / "m")


@given(st.binary(max_size=300))
def test_any_other_file_is_refused(tmp_path_factory, data):
    path = tmp_path_factory.mktemp("files") / "m"
    path.write_bytes(data)
    with pytest.raises(rc.UnreadableModel):
        load(path)


@given(st.data())
def test_a_damaged_file_is_refused_or_the_same(fitted, tmp_path_factory, data):
    path = tmp_path_factory.mktemp("files") / "m"
    save(fitted, path)
    raw = bytearray(path.read_bytes())
    at = data.draw(st.integers(0, len(raw) - 1))
    raw[at] ^= data.draw(st.integers(1, 255))
    path.write_bytes(bytes(raw[: data.draw(st.sampled_from([len(raw), at + 1]))]))
    try:
        found = load(path)
    except rc.UnreadableModel:
        return
    assert np.array_equal(found.learned.mean, fitted.learned.mean)
