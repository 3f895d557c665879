# SPDX-License-Identifier: MIT
"""The compiled likelihood against its writing in NumPy: the same bits, whatever the input, and nothing read too far."""

from __future__ import annotations

import os
import pickle
import platform
import re
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import attrs
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_batches import MEAN, OUTCOMES, PRIOR, VALUES, WIDE, echo_of, lay_out, world

import reconcile as rc
from reconcile.claims import Corpus
from reconcile.inference import kernel
from reconcile.inference.arrays import COUNTS, FIELDS, Cells, Claims, Evaluated
from reconcile.inference.batches import PLAIN, STEP, choose_likelihood
from reconcile.inference.kernel import LEVELS, VARIABLE, Compiled, choose, load
from reconcile.inference.lone_counts import ConditionalEvidence, theta_of
from reconcile.inference.problems import build_problem
from reconcile.inference.shards import Tasks, build_shards
from reconcile.model import Model
from reconcile.roles import assign_roles
from reconcile.simulate import simulate
from reconcile.testing.strategies import values as any_values

# Second derivatives of a claim are differences of slopes over a step of 3e-5, whose last bits they show.
CURVED = 1e-9
ROOT = Path(__file__).resolve().parent.parent
SOURCE = ROOT / "src" / "reconcile" / "inference" / "kernel" / "likelihood.c"
# Parameters as no source has them, and as a step of a chain may have them before it is refused.
HOSTILE = [0.0, 1.0, -1.0, 12.0, -12.0, 60.0, -60.0, 750.0, -750.0, 1e8, -1e8]


@pytest.fixture(params=LEVELS, scope="module")
def compiled(request):
    found = load(request.param)
    if found is None:
        pytest.skip(f"no kernel of level {request.param} was built, or this processor cannot run it")
    return found


def ask_everything(engine, shard, edges, thetas, echo, counts):
    """All that an engine computes, by name."""
    tail, slopes = engine.tails(edges, counts, slopes=True)
    weight = np.linspace(0.5, 1.5, len(thetas) * len(shard.sign)).reshape(len(thetas), -1)
    found = engine.evaluate(shard, thetas, echo, tail, slopes=True, copies=True, weight=weight)
    alone = engine.evaluate(shard, thetas, echo, tail)
    pull = np.linspace(-1.0, 2.0, len(thetas) * len(shard.exact)).reshape(len(thetas), -1)
    low, width = np.zeros(len(shard.base)), np.ones(len(shard.base))
    low[shard.cells] = edges.edge[shard.left[shard.cells]]
    width[shard.cells] = (edges.edge[shard.right] - edges.edge[shard.left])[shard.cells]
    return {
        "tail": tail,
        "slopes": slopes,
        **{field.name: getattr(found, field.name) for field in attrs.fields(Evaluated)},
        "value alone": alone.value,
        "by_counts": engine.by_counts(slopes, found.prior),
        "rows": engine.rows(shard, thetas, echo),
        "slopes of rows": engine.slopes(shard, thetas, echo, pull),
        **dict(
            zip(("exact", "slip", "slip_tilt"), engine.cover(shard, low, width, np.zeros(len(shard.rows))), strict=True)
        ),
    }


def curvature(engine, shard, edges, theta, echo, counts):
    moved = np.repeat(counts[None], 1 + COUNTS, axis=0)
    for k in range(COUNTS):
        moved[1 + k, :, k] += STEP
    return engine.curve(shard, theta, echo, *engine.tails(edges, moved, slopes=True))


def assert_same(engine, laid_out, x, echo, counts):
    """Hold an engine against NumPy, to the last bit."""
    shards, edges = laid_out
    for shard in shards:
        heard, thetas = echo_of(shard, echo), theta_of(shard, x)
        mine, plain = (ask_everything(one, shard, edges, thetas, heard, counts) for one in (engine, PLAIN))
        for name, value in plain.items():
            assert value.shape == mine[name].shape
            assert np.array_equal(mine[name], value), f"{name}: {np.max(np.abs(mine[name] - value))}"
            assert np.all(np.isfinite(value)), name
        both = [curvature(one, shard, edges, thetas[0], heard, counts[0]) for one in (engine, PLAIN)]
        scale = np.sqrt(np.maximum(np.abs(np.diag(both[1])), 1.0))
        assert np.max(np.abs(both[0] - both[1]) / scale / scale[:, None], initial=0.0) < CURVED


def test_all_kinds_of_value_hedged_and_copied(compiled):
    claims, theta, echo = world()
    rng = np.random.default_rng(0)
    x = theta.ravel() + 0.3 * rng.standard_normal((3, theta.size))
    counts = PRIOR + 0.3 * rng.standard_normal((3, *PRIOR.shape))
    assert_same(compiled, lay_out(claims), x, echo, counts)


@st.composite
def small_worlds(draw):
    """Few claims of any wording, by sources of any kind and of no kind at all."""
    said = draw(st.lists(any_values().filter(lambda v: not isinstance(v, rc.Share)), min_size=1, max_size=6))
    meanings = tuple(Model().speech.read(value) for value in said)
    number = draw(st.integers(1, 12))
    events = draw(st.integers(1, number))
    event = np.sort(draw(st.lists(st.integers(0, events - 1), min_size=number, max_size=number)))
    known, event = np.unique(event, return_inverse=True)
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    value, hedged = rng.integers(0, len(said), number), rng.random(number) < 0.5
    claims = Claims(event, value, hedged, meanings, rng.integers(0, len(OUTCOMES), len(known)))
    place = st.one_of(st.floats(-3, 3), st.sampled_from(HOSTILE))
    theta = draw(st.lists(place, min_size=16, max_size=16))
    there = rng.random(number) * (rng.random(number) < 0.5)
    columns = np.where(rng.random((8, number)) < 0.9, 8 * rng.integers(0, 2, number) + np.arange(8)[:, None], 16)
    counts = np.array([draw(st.lists(st.floats(-4, 4), min_size=8, max_size=8))]).reshape(1, 2, 4)
    return claims, np.array([theta]), np.array([there * rng.random(number), there]), columns, counts


@given(small_worlds())
@settings(max_examples=60)
def test_hostile_parameters(world_):
    claims, x, echo, columns, counts = world_
    laid_out = build_shards(claims, columns, Tasks.of(claims, Cells.of(claims)), WIDE, 16)
    for engine in filter(None, map(load, LEVELS)):
        assert_same(engine, laid_out, x, echo, counts)


def test_parameters_at_their_limits(compiled):
    claims, _, echo = world(6, seed=3)
    columns = np.tile(np.arange(8)[:, None], (1, len(claims)))
    x = np.array([np.where(np.arange(8) == k, value, MEAN) for k in range(8) for value in HOSTILE])
    counts = np.repeat(PRIOR[None], len(x), axis=0)
    assert_same(compiled, lay_out(claims, columns), x, echo, counts)
    far = np.array([[[s * 40.0, s * 60.0, 4.0 if s > 0 else -6.0, s * 40.0]] * 2 for s in (1, -1)])
    assert_same(compiled, lay_out(claims, columns), np.array([MEAN, MEAN]), echo, far)


def test_one_claim(compiled):
    claims, theta, echo = world(1, seed=9)
    one = attrs.evolve(claims, event=claims.event[:1], value=claims.value[:1], hedged=claims.hedged[:1])
    assert_same(compiled, lay_out(one), theta[:, :1].reshape(1, -1), echo[:, :1], PRIOR[None])


def test_no_claims_and_no_counts(compiled):
    claims, theta, echo = world(4)
    tasks = Tasks.of(claims, Cells.of(claims))
    silent = attrs.evolve(tasks, end=tasks.begin)
    columns, x = np.arange(theta.size).reshape(8, -1), theta.reshape(1, -1)
    assert_same(compiled, build_shards(claims, columns, silent, WIDE, theta.size), x, echo, PRIOR[None])
    shards, edges = build_shards(claims, columns, tasks.only(np.zeros(0, dtype=np.int64)), WIDE, theta.size)
    assert shards == ()
    assert len(edges.edge) == 0
    none = np.zeros(0, dtype=np.int64)
    empty = attrs.evolve(claims, event=none, value=none, hedged=none.astype(bool))
    laid_out = lay_out(empty, np.zeros((8, 0), dtype=np.int64))
    assert_same(compiled, laid_out, np.zeros((2, 0)), np.zeros((2, 0)), np.repeat(PRIOR[None], 2, axis=0))


def test_no_draws(compiled):
    claims, _, echo = world(3)
    (shard,), edges = lay_out(claims)
    thetas, heard = np.zeros((0, len(shard.shift), 8)), echo_of(shard, echo)
    for engine in (compiled, PLAIN):
        tail, _ = engine.tails(edges, np.zeros((0, 2, 4)), slopes=False)
        found = engine.evaluate(shard, thetas, heard, tail, slopes=True)
        assert found.value.shape == (0,)
        assert found.score.shape == (0, len(shard.shift), 8)
        assert engine.rows(shard, thetas, heard).shape == (0, len(shard.exact))
        assert engine.slopes(shard, thetas, heard, np.zeros((0, len(shard.exact)))).shape == found.score.shape


def test_many_claims_of_one_count(compiled):
    rng = np.random.default_rng(1)
    claims, _, _ = world(1)
    number = 203  # three more than a multiple of four
    value, hedged = rng.integers(0, len(VALUES), number), rng.random(number) < 0.5
    crowd = attrs.evolve(claims, event=np.zeros(number, dtype=int), value=value, hedged=hedged)
    columns = 8 * rng.integers(0, 3, number) + np.arange(8)[:, None]
    x = np.tile(MEAN, 3)[None] + 0.3 * rng.standard_normal((1, 24))
    there = rng.random(number)
    assert_same(compiled, lay_out(crowd, columns), x, np.array([there * rng.random(number), there]), PRIOR[None])


@pytest.mark.slow
def test_a_hundred_thousand_claims():
    rng = np.random.default_rng(2)
    claims, theta, _ = world(34_000, seed=4)
    number = len(claims)
    assert number > 100_000
    cells = Cells.of(claims)
    few, _ = cells.without((rng.random(len(cells.start)) < 0.05).astype(float), 0.5)
    columns = 8 * rng.integers(0, 40, number) + np.arange(8)[:, None]
    x = theta[:, :40].T.reshape(1, -1)
    there = rng.random(number)
    (shards, edges), echo = lay_out(claims, columns, few), np.array([there * rng.random(number), there])
    tail, _ = PLAIN.tails(edges, PRIOR[None], slopes=False)
    for shard in shards:
        asked = shard, theta_of(shard, x), echo_of(shard, echo), tail
        plain = PLAIN.evaluate(*asked, slopes=True)
        for engine in filter(None, map(load, LEVELS)):
            mine = engine.evaluate(*asked, slopes=True)
            assert np.array_equal(mine.value, plain.value)
            assert np.array_equal(mine.score, plain.score)
            assert np.array_equal(mine.prior, plain.prior)


def test_counts_from_zero_to_ten_million_million(compiled):
    """Cells by hand, since the lattice of today ends earlier."""
    start = np.concatenate([[0, 1, 2], 10 ** np.arange(1, 14, dtype=np.int64)])
    stop = np.append(start[1:], 2 * 10**13)
    middle = np.sqrt((start + 0.5) * (stop - 0.5))
    blur = np.where(stop - start > 1, np.log(stop / np.maximum(start, 0.5)) ** 2 / 12, 0.0)
    said = [rc.Exactly(0), rc.Exactly(10**9), rc.AtLeast(10**12), rc.Between(10, 10**12)]
    claims = Claims(
        np.repeat([0, 1], 4), np.tile(np.arange(4), 2), np.zeros(8, dtype=bool),
        tuple(Model().speech.read(value) for value in said), np.array([0, 1]),
    )  # fmt: skip
    cells = Cells.join([Cells(start, stop, np.array([0, len(start)]), np.log(middle), blur)] * 2)
    x = np.repeat(MEAN, 8)[None]
    assert_same(compiled, lay_out(claims, cells=cells), x, np.zeros((2, 8)), PRIOR[None])


# --- the same bits, however it is computed --------------------------------------------------------------------------


@pytest.fixture(scope="module")
def corpus():
    return simulate(events=150, sources=12, claims_per_event=(3, 6), seed=5).claims


def problem_of(claims):
    return build_problem(claims.columns, assign_roles(claims), Model()).problem


def ask_of_all(problem, spread=map):
    layout = problem.hierarchy
    xs = layout.mean + 0.3 * np.random.default_rng(0).standard_normal((4, len(layout)))
    opened = ConditionalEvidence.of(problem, spread)
    assert len(opened._signed.shards) > 1
    return *opened.evaluate(xs), opened.curvature(xs[0]), *opened.reduced(xs)[1:]


@pytest.mark.parametrize("threads", [1, 2, 3, 8])
def test_any_number_of_threads_gives_the_same_bits(corpus, threads):
    problem = problem_of(corpus)
    wanted = ask_of_all(problem)
    with ThreadPoolExecutor(threads) as pool:
        found = ask_of_all(problem, pool.map)
    assert all(np.array_equal(a, b) for a, b in zip(found, wanted, strict=True))


def test_any_order_of_claims_gives_the_same_bits(corpus):
    rng = np.random.default_rng(3)
    wanted = ask_of_all(problem_of(corpus))
    mixed = Corpus([list(corpus)[k] for k in rng.permutation(len(corpus))])
    one, two = (problem_of(claims).hierarchy.names for claims in (corpus, mixed))
    assert one == two
    assert all(np.array_equal(a, b) for a, b in zip(ask_of_all(problem_of(mixed)), wanted, strict=True))


def test_all_levels_give_the_same_bits(corpus, monkeypatch):
    problem, found = problem_of(corpus), {}
    for level in [level for level in LEVELS if load(level)]:
        monkeypatch.setenv(VARIABLE, level)
        found[level] = ask_of_all(problem)
    assert all(np.array_equal(a, b) for one in found.values() for a, b in zip(one, found["baseline"], strict=True))


def test_a_shard_that_was_sent_elsewhere_is_the_same(compiled):
    claims, theta, echo = world(5)
    (shard,), edges = lay_out(claims)
    again = pickle.loads(pickle.dumps(shard))
    tail, _ = compiled.tails(edges, PRIOR[None], slopes=False)
    asked = theta_of(shard, theta.reshape(1, -1)), echo_of(shard, echo), tail
    assert np.array_equal(compiled.evaluate(shard, *asked).value, compiled.evaluate(again, *asked).value)


def test_draws_that_are_no_numbers_have_no_evidence(corpus):
    problem = problem_of(corpus)
    xs = np.repeat(problem.hierarchy.mean[None], 3, axis=0)
    xs[1, 0], xs[2, -1] = np.nan, np.inf
    value, _ = ConditionalEvidence.of(problem, map).evaluate(xs)
    assert np.isfinite(value).tolist() == [True, False, False]


# --- which kernel runs ----------------------------------------------------------------------------------------------


def flags_of_processor():
    """What Linux says of the processor, which the kernel finds out by itself."""
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:
        return None
    line = next((line for line in text.splitlines() if line.startswith("flags")), None)
    return None if line is None else set(line.partition(":")[2].split())


def test_the_best_kernel_that_the_processor_runs_is_loaded(monkeypatch):
    monkeypatch.delenv(VARIABLE, raising=False)
    if not kernel.find_libraries():
        assert choose_likelihood() is PLAIN
        assert not os.environ.get("CI"), "the package was built without its kernel"
        pytest.skip("the package was built without its kernel")
    flags = flags_of_processor()
    if platform.machine() != "x86_64" or flags is None:
        assert choose() is load("baseline")
        return
    modern = {"avx2", "bmi1", "bmi2", "f16c", "fma", "abm", "movbe", "popcnt", "xsave"} <= flags
    assert choose().level == ("v3" if modern else "baseline")
    assert choose().width == (4 if modern else 2)
    assert load("baseline").width == 2


def test_the_environment_chooses(monkeypatch):
    monkeypatch.setenv(VARIABLE, "numpy")
    assert choose_likelihood() is PLAIN
    assert rc.show_config(mode="dicts")["likelihood"]["kernel"] == "numpy"
    monkeypatch.setenv(VARIABLE, "")
    assert choose_likelihood() is (choose() or PLAIN)
    monkeypatch.setenv(VARIABLE, "fast")
    said = r"environment variable RECONCILE_KERNEL: got 'fast'; allowed: .*numpy"
    with pytest.raises(rc.InvalidValue, match=said):
        choose_likelihood()
    assert re.search(said, rc.show_config(mode="dicts")["likelihood"]["kernel"])


@pytest.fixture
def libraries(monkeypatch, tmp_path):
    """Copies of the libraries, in a folder where the package looks for them."""
    monkeypatch.delenv(VARIABLE, raising=False)
    found = {level: shutil.copy(path, tmp_path) for level, path in kernel.find_libraries().items()}
    monkeypatch.setattr(kernel, "__file__", str(tmp_path / "__init__.py"))
    kernel.attempt.cache_clear()
    kernel._choose.cache_clear()
    yield {level: Path(path) for level, path in found.items()}
    kernel.attempt.cache_clear()
    kernel._choose.cache_clear()


def test_without_libraries_numpy_runs(libraries, monkeypatch):
    for path in libraries.values():
        path.unlink()
    assert choose_likelihood() is PLAIN
    assert "it was not built" in rc.show_config(mode="dicts")["likelihood"]["not baseline"]
    monkeypatch.setenv(VARIABLE, "v3")
    with pytest.raises(rc.InvalidValue, match="allowed: numpy"):
        choose_likelihood()


@pytest.mark.parametrize("content", [b"", b"no library", b"\x7fELF"])
def test_a_library_that_cannot_be_loaded_is_done_without(libraries, content):
    if not libraries:
        pytest.skip("the package was built without its kernel")
    best = next(iter(libraries))
    libraries[best].write_bytes(content)
    assert choose_likelihood().name == ("baseline" if best == "v3" else "numpy")
    assert "it cannot be loaded: " in rc.show_config(mode="dicts")["likelihood"][f"not {best}"]
    libraries["baseline"].unlink()
    assert choose_anew() is PLAIN
    assert rc.show_config(mode="dicts")["likelihood"]["kernel"] == "numpy"


def choose_anew():
    kernel.attempt.cache_clear()
    kernel._choose.cache_clear()
    return choose_likelihood()


def test_a_library_of_another_version_of_the_source_is_done_without(libraries, monkeypatch):
    if not libraries:
        pytest.skip("the package was built without its kernel")
    monkeypatch.setattr(kernel, "VERSION", kernel.VERSION + 1)
    assert choose_likelihood() is PLAIN
    said = rc.show_config(mode="dicts")["likelihood"]
    assert all(
        "another version of the source; install the package again" in said[f"not {level}"] for level in libraries
    )


@pytest.mark.skipif(shutil.which("gcc") is None, reason="needs gcc")
def test_a_library_of_something_else_is_done_without(libraries, tmp_path):
    source = tmp_path / "other.c"
    source.write_text("int other(void) { return 1; }\n")
    path = libraries.get("baseline", tmp_path / f"likelihood_baseline{kernel.SUFFIX}")
    path.unlink(missing_ok=True)
    subprocess.run(["gcc", "-shared", "-fPIC", "-o", str(path), str(source)], check=True)
    assert choose_likelihood() is PLAIN
    assert "reconcile_version" in rc.show_config(mode="dicts")["likelihood"]["not baseline"]


def test_an_estimate_is_the_same_without_the_kernel():
    """Learned, so by chains that accept or refuse: in the same places."""
    claims = list(simulate(events=8, sources=3, claims_per_event=3, outcomes=("killed",), seed=1).claims)
    code = (
        "import pickle, sys, reconcile as rc; claims = pickle.load(sys.stdin.buffer);"
        "found = rc.estimate(claims, learn=True, draws=64, seed=1);"
        "print([[round(x, 6) for x in found[q].distribution.mass[:5].tolist()] for q in found])"
    )
    said = {}
    for name in ("", "numpy"):
        environment = os.environ | {VARIABLE: name, "OPENBLAS_NUM_THREADS": "1"}
        ran = subprocess.run(
            [sys.executable, "-c", code], input=pickle.dumps(claims), env=environment, capture_output=True, check=True
        )
        said[name] = ran.stdout
    assert said[""] == said["numpy"]


# --- bad input ------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def shard():
    (found,), _ = lay_out(world(5)[0])
    return found


@pytest.mark.parametrize("name", FIELDS)
def test_arrays_of_another_kind_or_shape_are_refused(shard, name):
    given_ = getattr(shard, name)
    strided = np.repeat(given_, 2, axis=0)[::2]
    assert np.array_equal(strided, given_)
    for wrong in (given_.astype(complex), given_.tolist(), given_[..., None], strided):
        with pytest.raises(rc.InvalidValue, match=rf"Shard\.{name}: "):
            attrs.evolve(shard, **{name: wrong})
    with pytest.raises(rc.InvalidValue, match=r"Shard\."):  # some other array has one too many then
        attrs.evolve(shard, **{name: np.ascontiguousarray(given_[:-1])})


@pytest.mark.parametrize("name", ["cell", "claim", "edge", "pair"])
def test_offsets_that_lead_elsewhere_are_refused(shard, name):
    offset = getattr(shard, name)
    for at, by in ((0, 8), (1, 10**6), (-1, 8), (-1, -8), (1, -(10**6))):
        wrong = offset.copy()
        wrong[at] += by
        with pytest.raises(rc.InvalidValue, match=r"Shard\."):
            attrs.evolve(shard, **{name: wrong})


@pytest.mark.parametrize("name", ["cell", "claim", "edge", "pair"])
def test_offsets_whose_differences_wrap_around_are_refused(shard, name):
    offset = getattr(shard, name)
    wrong = offset.copy()
    wrong[1], wrong[2:-1] = 2**62, -(2**63) + int(offset[-1]) + 5
    with pytest.raises(rc.InvalidValue, match=r"Shard\."):
        attrs.evolve(shard, **{name: wrong})


@pytest.mark.parametrize("name", ["outcome", "left", "right", "voice", "place", "cells"])
@pytest.mark.parametrize("wrong", [-1, 10**6])
def test_indices_out_of_range_are_refused(shard, name, wrong):
    found = getattr(shard, name).copy()
    found.ravel()[-1] = wrong
    with pytest.raises(rc.InvalidValue, match=rf"(?s)Shard\.{name}: .*whole numbers from 0"):
        attrs.evolve(shard, **{name: found})


def test_arguments_of_another_kind_or_shape_are_refused(engine_and_input):
    engine, shard, edges, thetas, echo, tail, slopes = engine_and_input
    low, constant = np.zeros(len(shard.base)), np.zeros(len(shard.rows))
    asked = {
        "tails.counts": (lambda x: engine.tails(edges, x, slopes=False), PRIOR[None]),
        "by_counts.slopes": (lambda x: engine.by_counts(x, tail), slopes),
        "rows.theta": (lambda x: engine.rows(shard, x, echo), thetas),
        "rows.echo": (lambda x: engine.rows(shard, thetas, x), echo),
        "slopes.theta": (lambda x: engine.slopes(shard, x, echo, np.ones((1, len(shard.exact)))), thetas),
        "slopes.echo": (lambda x: engine.slopes(shard, thetas, x, np.ones((1, len(shard.exact)))), echo),
        "slopes.weight": (lambda x: engine.slopes(shard, thetas, echo, x), np.ones((1, len(shard.exact)))),
        "evaluate.theta": (lambda x: engine.evaluate(shard, x, echo, tail), thetas),
        "evaluate.echo": (lambda x: engine.evaluate(shard, thetas, x, tail), echo),
        "evaluate.tail": (lambda x: engine.evaluate(shard, thetas, echo, x), tail),
        "evaluate.weight": (
            lambda x: engine.evaluate(shard, thetas, echo, tail, weight=x),
            np.ones((1, len(shard.sign))),
        ),
        "cover.low": (lambda x: engine.cover(shard, x, low + 1, constant), low),
        "cover.width": (lambda x: engine.cover(shard, low, x, constant), low + 1),
        "cover.constant": (lambda x: engine.cover(shard, low, low + 1, x), constant),
        "curve.theta": (lambda x: engine.curve(shard, x, echo, *five(tail, slopes)), thetas[0]),
        "curve.echo": (lambda x: engine.curve(shard, thetas[0], x, *five(tail, slopes)), echo),
        "curve.tail": (lambda x: engine.curve(shard, thetas[0], echo, x, five(tail, slopes)[1]), five(tail, slopes)[0]),
        "curve.slopes": (
            lambda x: engine.curve(shard, thetas[0], echo, five(tail, slopes)[0], x),
            five(tail, slopes)[1],
        ),
    }
    for name, (call, right) in asked.items():
        call(right)
        flipped = np.asfortranarray(right) if right.ndim > 1 and right.size > len(right) > 1 else right[..., :-1]
        for wrong in (right.astype(np.float32), right[..., :-1], flipped):
            with pytest.raises(rc.InvalidValue, match=name):
                call(wrong)


def test_places_that_are_no_multiple_are_refused(engine_and_input):
    engine = engine_and_input[0]
    with pytest.raises(rc.InvalidValue, match=r"by_counts\.prior: .*multiple of 8"):
        engine.by_counts(np.ones((1, 1, 4, 5)), np.ones((1, 1, 5)))


def five(tail, slopes):
    return np.repeat(tail, 5, axis=0), np.repeat(slopes, 5, axis=0)


@pytest.fixture(params=["numpy", *LEVELS])
def engine_and_input(request):
    engine = PLAIN if request.param == "numpy" else load(request.param)
    if engine is None:
        pytest.skip(f"no kernel of level {request.param} was built, or this processor cannot run it")
    claims, theta, echo = world(5)
    (shard,), edges = lay_out(claims)
    tail, slopes = engine.tails(edges, PRIOR[None], slopes=True)
    return engine, shard, edges, theta_of(shard, theta.reshape(1, -1)), echo_of(shard, echo), tail, slopes


# --- nothing is read or written beyond the arrays -------------------------------------------------------------------


def check_all(path):
    """Ask a library everything about worlds of every kind; what a sanitizer watches."""
    import ctypes

    engine = Compiled("sanitized", Path(path), ctypes.CDLL(path))
    for seed, events in ((1, 40), (2, 1), (3, 7)):
        claims, theta, echo = world(events, seed=seed)
        assert_same(engine, lay_out(claims), theta.reshape(1, -1), echo, PRIOR[None])
        x = np.array([np.where(np.arange(8) == k, value, MEAN) for k in range(8) for value in HOSTILE])
        columns = np.tile(np.arange(8)[:, None], (1, len(claims)))
        assert_same(engine, lay_out(claims, columns), x, echo, np.repeat(PRIOR[None], len(x), axis=0))
    import test_pools
    import test_rising
    import test_trees

    for test in (test_trees, test_pools, test_rising):
        test.check_all(engine)
    print("nothing found")


def read_too_far(path):
    """Let the library read one claim more than there is, which a sanitizer must see."""
    import ctypes

    engine = Compiled("sanitized", Path(path), ctypes.CDLL(path))
    claims, theta, _ = world(40)
    shards, _ = lay_out(claims)
    shard = shards[0]
    shard.claim[-1] += 1_000
    engine.rows(shard, theta_of(shard, theta.reshape(1, -1)), np.zeros((len(shard.rows), 2)))


@pytest.mark.slow
@pytest.mark.parametrize("width", [[], ["-mavx2"]], ids=["baseline", "avx2"])
def test_the_address_sanitizer_finds_nothing(tmp_path, width):
    compiler = shutil.which("gcc")
    if width and "avx2" not in (flags_of_processor() or ()):
        pytest.skip("needs AVX2")
    if compiler is None or not SOURCE.is_file() or sys.platform != "linux":
        pytest.skip("needs gcc on Linux and the source of the kernel")
    runtime = [
        subprocess.run(
            [compiler, f"-print-file-name={name}"], capture_output=True, text=True, check=True
        ).stdout.strip()
        for name in ("libasan.so", "libubsan.so")
    ]
    if not all(Path(one).is_absolute() for one in runtime):
        pytest.skip("gcc has no sanitizers here")
    path = tmp_path / "sanitized.so"
    flags = ["-std=c11", "-O1", "-g", *width, "-ffp-contract=off", "-fPIC", "-shared", "-Wno-psabi"]
    watched = ["-fsanitize=address,undefined", "-fno-sanitize-recover=all"]
    subprocess.run([compiler, *flags, *watched, "-o", str(path), str(SOURCE)], check=True)
    environment = os.environ | {
        "LD_PRELOAD": " ".join(runtime), "ASAN_OPTIONS": "detect_leaks=0", "OPENBLAS_NUM_THREADS": "1",
        "PYTHONPATH": os.pathsep.join([str(ROOT / "tests"), *sys.path]), "PYTHONMALLOC": "malloc",
    }  # fmt: skip

    def run(name):
        code = f"import test_kernel; test_kernel.{name}({str(path)!r})"
        return subprocess.run(
            [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False
        )

    ran = run("check_all")
    assert ran.returncode == 0, ran.stderr[-3000:]
    assert "nothing found" in ran.stdout
    assert "heap-buffer-overflow" in run("read_too_far").stderr
