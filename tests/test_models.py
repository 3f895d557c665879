# SPDX-License-Identifier: MIT
import copy
import hashlib
import json
import pickle
import re

import attrs
import numpy as np
import pytest
from hypothesis import given, settings
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
        sources={("bias", rc.Relation.OWN): Normal(0.0, 0.5, "test"), ("gross", None): Normal(-5.8, 1.0, "test")},
    )
    return rc.estimate(claims, model, learn=True, draws=64).as_model()


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
    with pytest.raises(rc.UnreadableModel, match=f"format {FORMAT + 1}.*format {FORMAT} alone: use a newer one"):
        load(tmp_path / "m")


def test_a_model_that_the_first_edition_learned_is_refused_with_what_to_do(root):
    """The names of its parameters are the same; they were learned by another engine."""
    with pytest.raises(
        rc.UnreadableModel, match=f"has format 1; .* reads format {FORMAT} alone: .*estimate the claims"
    ):
        load(root / "tests" / "first_edition" / "model.npz")


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


def parts_of(path):
    with np.load(path) as file:
        parts = dict(file)
    header = json.loads(str(parts.pop("header")))
    return json.loads(header["content"]), parts


def write(path, content, arrays, more=()):
    """Write a file with a digest that fits, whatever it says; `content` may be text already."""
    text = content if isinstance(content, str) else json.dumps(content)
    digest = hashlib.sha256(text.encode())
    for name in ("mean", "covariance", "spreads"):
        digest.update(np.ascontiguousarray(arrays[name]).tobytes())
    header = {
        "format": "reconcile model",
        "version": FORMAT,
        "digest": digest.hexdigest(),
        "content": text,
        **dict(more),
    }
    with path.open("wb") as file:
        np.savez(file, header=np.array(json.dumps(header)), **arrays)


def replaced(tree, place, thing):
    """Copy a tree of JSON with another thing at one place."""
    if not place:
        return thing
    copied = copy.copy(tree)
    copied[place[0]] = replaced(tree[place[0]], place[1:], thing) if place[1:] else thing
    return copied


@pytest.fixture
def parts(fitted, tmp_path):
    save(fitted, tmp_path / "m")
    content, arrays = parts_of(tmp_path / "m")
    write(tmp_path / "m", content, arrays)
    load(tmp_path / "m")  # so that what is refused below is refused for its change alone
    return tmp_path / "m", content, arrays


KILLED = ("counts", "killed")


@pytest.mark.parametrize(
    "place, thing, said",
    [
        (KILLED, {"zero": 0.2, "location": 1.0}, "counts['killed'], fields"),
        (KILLED, [], "counts['killed']: got []"),
        ((*KILLED, "zero"), None, "counts['killed'].zero: got None; allowed: a finite number"),
        ((*KILLED, "zero"), True, "counts['killed'].zero"),
        ((*KILLED, "zero"), 2, "CountPrior.zero: got 2"),
        ((*KILLED, "scale"), -1, "CountPrior.scale"),
        ((*KILLED, "scale"), float("nan"), "got 'NaN'; allowed: finite numbers"),
        ((*KILLED, "scale"), float("inf"), "got 'Infinity'; allowed: finite numbers"),
        ((*KILLED, "scale"), 10**400, "counts['killed'].scale"),
        ((*KILLED, "evidence"), 1, "counts['killed'].evidence: got 1; allowed: a text"),
        ((*KILLED, "more"), 1, "counts['killed'], fields"),
        (("more",), 1, "content, fields"),
        (("lexicon",), "of nobody", "Speech.lexicon"),
        (("lexicon",), ["default"], "lexicon: got ['default']; allowed: a text"),
        (("counts",), [], "counts: got []"),
        (("sources", 0), ["bias"], "sources[0]: got ['bias']; allowed: a list of 3"),
        (("sources", 0, 1), "friend", "sources[0][1]: got 'friend'"),
        (("sources", 0, 2, "sd"), 0, "Normal.sd: got 0"),
        (("names",), "abc", "names: got 'abc'; allowed: a list"),
        (("names", 0), "abcd", "names[0]: got 'abcd'; allowed: a list of 4"),
        (("names", 0, 0), "planet", "names[0][0]: got 'planet'"),
        (("names", 0, 1), None, "names[0][1]: got None"),
        (("spreads", 0, 0), "source", "spreads[0]"),
        (("seen",), "abc", "seen: got 'abc'; allowed: a list"),
        (("seen",), ["a", "b", "a"], "seen: got ['a']; allowed: different"),
        (("seen", 0), 1, "seen[0]: got 1"),
        (("learned",), 1, "learned: got 1; allowed: true or false"),
        (("learned",), False, "learned: got False; allowed: true"),
    ],
    ids=lambda given: str(given)[:40],
)
def test_a_content_that_is_no_model_is_refused_with_the_place(parts, place, thing, said):
    path, content, arrays = parts
    write(path, replaced(content, place, thing), arrays)
    with pytest.raises(rc.UnreadableModel, match=re.escape(said)) as caught:
        load(path)
    assert str(path) in str(caught.value)
    assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)


@pytest.mark.parametrize("what", ["names", "spreads", "sources"])
def test_what_is_named_twice_is_refused(parts, what):
    path, content, arrays = parts
    content[what][1:2] = [content[what][0]]
    write(path, content, arrays)
    with pytest.raises(rc.UnreadableModel, match=f"{what}.*(different names|once)"):
        load(path)


def test_a_count_that_was_learned_in_part_is_refused(parts):
    path, content, arrays = parts
    at = next(k for k, name in enumerate(content["names"]) if name[0] == "count" and name[2] == "location")
    content["names"][at][2] = "place"
    write(path, content, arrays)
    with pytest.raises(rc.UnreadableModel, match="names, of the count 'killed'"):
        load(path)


@pytest.mark.parametrize(
    "text, said",
    [
        ("[" * 100_000, "no JSON that can be read"),
        ('{"learned": ' * 5_000 + "1" + "}" * 5_000, "no JSON|content, fields"),
        ("", "no JSON"),
        ("1", "content: got 1"),
        ("1" * 5_000, "no JSON"),
        ('{"seen": [], "seen": []}', r"a field: got \['seen'\]; allowed: each field once"),
        ("{}", "content, fields"),
    ],
    ids=lambda text: text[:20],
)
def test_a_content_of_another_form_is_refused(parts, text, said):
    path, _, arrays = parts
    write(path, text, arrays)
    with pytest.raises(rc.UnreadableModel, match=said):
        load(path)


def with_number(at, number):
    def change(array):
        array = array.copy()
        array[at] = number
        return array

    return change


@pytest.mark.parametrize(
    "name, change, said",
    [
        ("mean", with_number(1, np.nan), "mean of class .*got nan; allowed: a number from -300"),
        ("mean", with_number(0, np.inf), "mean of class .*got inf"),
        ("mean", with_number(0, 1e200), "mean of class .*got 1e[+]200"),
        ("mean", lambda mean: mean[:-1], "mean: got 'float64 of shape"),
        ("mean", lambda mean: mean.astype(np.float32), "mean: got 'float32 of shape"),
        ("mean", lambda mean: mean.astype(str), "mean"),
        ("covariance", lambda covariance: -covariance, "covariance .of a parameter with itself. of class"),
        ("covariance", lambda covariance: covariance[0], "covariance: got 'float64 of shape"),
        ("covariance", with_number((0, 1), np.nan), "covariance: got 'numbers that are not finite'"),
        ("covariance", with_number((0, 1), 5.0), "covariance: got 'correlations that differ"),
        ("covariance", lambda covariance: covariance + 9 * (1 - np.eye(len(covariance))), "not positive definite"),
        ("covariance", np.ones_like, "not positive definite"),
        ("spreads", with_number((0, 0), np.nan), "spreads .means. of class"),
        ("spreads", with_number((0, 1), -1), "spreads .standard deviations. of class .*got -1"),
        ("spreads", lambda spreads: spreads.T, "spreads: got"),
    ],
)
def test_arrays_that_no_corpus_teaches_are_refused_with_the_name(parts, name, change, said):
    path, content, arrays = parts
    write(path, content, arrays | {name: change(arrays[name])})
    with pytest.raises(rc.UnreadableModel, match=said):
        load(path)


def test_a_learned_count_prior_that_is_none_is_refused(parts):
    path, content, arrays = parts
    at = next(k for k, name in enumerate(content["names"]) if name[0] == "count" and name[2] == "zero")
    write(path, content, arrays | {"mean": with_number(at, 100.0)(arrays["mean"])})
    with pytest.raises(rc.UnreadableModel, match=r"CountPrior\.zero"):
        load(path)


@pytest.mark.parametrize(
    "more, said",
    [
        ({"version": 0}, "format 0"),
        ({"version": "1"}, "format '1'"),
        ({"version": True}, "format True"),
        ({"format": "another"}, "no model"),
        ({"digest": None}, "digest"),
        ({"content": 1}, r"header\.content"),
        ({"more": 1}, "header, fields"),
    ],
    ids=str,
)
def test_a_wrong_header_is_refused(parts, more, said):
    path, content, arrays = parts
    write(path, content, arrays, more)
    with pytest.raises(rc.UnreadableModel, match=said):
        load(path)


def test_files_within_that_are_not_known_are_refused(parts):
    path, content, arrays = parts
    write(path, content, arrays | {"more": np.zeros(1)})
    with pytest.raises(rc.UnreadableModel, match=r"files within.*more\.npy"):
        load(path)


def test_a_size_is_checked_before_anything_is_unpacked(parts):
    path, content, arrays = parts
    write(path, content, arrays | {"mean": np.zeros(100_000)})
    with pytest.raises(rc.UnreadableModel, match=r"mean has 800,128 bytes; at most 10,\d\d\d"):
        load(path)


def test_what_is_no_file_is_said(tmp_path):
    with pytest.raises(FileNotFoundError):
        load(tmp_path / "none")
    with pytest.raises(rc.UnreadableModel, match="cannot be read: Is a directory"):
        load(tmp_path)


def test_what_would_not_be_loaded_is_not_saved(fitted, tmp_path):
    broken = attrs.evolve(fitted, learned=attrs.evolve(fitted.learned, mean=np.full(len(fitted.learned.mean), np.nan)))
    with pytest.raises(rc.InvalidValue, match="mean of class"):
        save(broken, tmp_path / "m")
    assert not (tmp_path / "m").exists()


def test_numbers_of_numpy_and_odd_names_come_back(tmp_path):
    prior = CountPrior(np.float32(0.25), np.int64(1), 1.5, "a half of a pair: \ud83d, and \0")
    save(Model(counts={"a „word”": prior}), tmp_path / "m")
    assert load(tmp_path / "m").counts == {"a „word”": prior}


def test_estimates_after_loading_are_the_same_to_the_last_bit(fitted, tmp_path):
    save(fitted, tmp_path / "m")
    event = rc.Event("new")
    claims = [claim(event.killed(), n, f"s{k}") for k, n in enumerate((5, 7, 70))]
    one, other = (rc.estimate(claims, model, draws=64)[event.killed()] for model in (fitted, load(tmp_path / "m")))
    assert one.distribution.mass.tobytes() == other.distribution.mass.tobytes()


def places(thing, path=()):
    """All places in a tree of JSON."""
    yield path
    pairs = thing.items() if isinstance(thing, dict) else enumerate(thing) if isinstance(thing, list) else ()
    for key, inner in pairs:
        yield from places(inner, (*path, key))


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9) | st.sampled_from(list(rc.Relation)),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner, max_size=3),
    max_leaves=6,
)
numbers = st.floats() | st.floats(-5, 5) | st.floats(0.9, 1.1).map(lambda x: -x)


@given(st.data())
@settings(max_examples=30, deadline=None)
def test_whatever_a_file_says_it_is_a_usable_model_or_refused(fitted, tmp_path_factory, data):
    path = tmp_path_factory.mktemp("files") / "m"
    save(fitted, path)
    content, arrays = parts_of(path)
    if data.draw(st.booleans(), label="in the content"):
        place = data.draw(st.sampled_from([*places(content)]), label="place")
        content = replaced(content, place, data.draw(anything, label="thing"))
    else:
        name = data.draw(st.sampled_from(sorted(arrays)), label="array")
        changed = arrays[name].copy()
        place = tuple(data.draw(st.integers(0, size - 1)) for size in changed.shape)
        number = data.draw(numbers, label="number")
        changed[place] = number
        if name == "covariance" and data.draw(st.booleans(), label="on both sides"):
            changed[place[::-1]] = number
        arrays[name] = changed
    write(path, content, arrays)
    try:
        model = load(path)
    except rc.UnreadableModel:
        return
    event = rc.Event("new")
    claims = [claim(event.killed(), 5, "s0"), claim(event.killed(), 6, "s1")]
    mass = rc.estimate(claims, model, draws=64, learn=False)[event.killed()].distribution.mass
    assert np.isfinite(mass).all()
    assert mass.sum() == pytest.approx(1)
    assert model.assumptions
    save(model, path)
    again = load(path)
    assert (again.counts, again.sources, again.speech) == (model.counts, model.sources, model.speech)
    if model.learned is not None:
        assert again.learned.mean.tobytes() == model.learned.mean.tobytes()
        rc.estimate(claims, model, draws=64)
