# SPDX-License-Identifier: MIT
"""Shards in other processes: a worker is sent what it lacks, and the bits are those of one process."""

import os
import pickle
import signal
import threading
from concurrent.futures import Executor, Future, ThreadPoolExecutor

import attrs
import numpy as np
import pytest

import reconcile as rc
from reconcile.inference import workers
from reconcile.simulate import simulate


@attrs.frozen(eq=False)
class Piece:
    numbers: np.ndarray


def add(piece, more, shared):
    if more < 0:
        raise ValueError("below 0")
    return piece.numbers * more + shared


class Elsewhere(Executor):
    """Runs each call as any one of so many other processes would, with what that was sent; writes down what is sent."""

    def __init__(self, monkeypatch, number=1):
        self.monkeypatch, self.shelves = monkeypatch, [workers._Shelf() for _ in range(number)]
        self.sent, self.calls, self.random = [], 0, np.random.default_rng(0)

    def submit(self, work, *given):
        future, self.calls = Future(), self.calls + 1
        work, given = pickle.loads(pickle.dumps((work, given)))
        self.sent += [len(pickle.dumps(piece)) for piece in given[1].values()]
        self.monkeypatch.setattr(workers, "_SHELF", self.random.choice(self.shelves))
        try:
            future.set_result(pickle.loads(pickle.dumps(work(*given))))
        except ValueError as error:
            future.set_exception(error)
        return future


def passes(executor, pieces, number=5):
    run = workers.map_over(executor)
    for shared in range(number):
        given = range(len(pieces)), [np.full(3, float(shared))] * len(pieces)
        wanted = list(map(add, pieces, *given))
        assert all(map(np.array_equal, run(add, pieces, *given), wanted))


@pytest.mark.parametrize("number", [0, 1, 3, 40, 1_000])
def test_a_shard_is_sent_once(monkeypatch, number):
    executor = Elsewhere(monkeypatch)
    passes(executor, [Piece(np.arange(3.0) + k) for k in range(number)])
    assert len(executor.sent) == number
    assert executor.calls <= number + 4 * min(64, max(number // 8, 2))


def test_every_worker_is_sent_what_it_lacks(monkeypatch):
    """Any of three workers may be given any shard; once all have all, nothing is sent."""
    executor = Elsewhere(monkeypatch, 3)
    run, pieces = workers.map_over(executor), [Piece(np.arange(3.0) + k) for k in range(16)]
    given = range(16), [0.0] * 16
    wanted, sent = list(map(add, pieces, *given)), []
    for _ in range(150):
        assert all(map(np.array_equal, run(add, pieces, *given), wanted))
        sent.append(len(executor.sent))
    assert sent[0] == 16 < sent[-1] == sent[100]
    assert all(len(shelf._kept) == 16 for shelf in executor.shelves)


def test_a_worker_that_was_started_anew_is_sent_all_again(monkeypatch):
    executor, pieces = Elsewhere(monkeypatch), [Piece(np.arange(3.0)), Piece(np.ones(3))]
    run, given = workers.map_over(executor), ([1, 2], [0.0, 0.0])
    before = run(add, pieces, *given)
    executor.shelves = [workers._Shelf()]
    assert all(map(np.array_equal, before, run(add, pieces, *given)))
    assert len(executor.sent) == 4


def test_what_calls_have_in_common_is_written_once(monkeypatch):
    sizes, submit = [], Elsewhere.submit
    monkeypatch.setattr(Elsewhere, "submit", lambda self, *given: sizes.append(len(given[1])) or submit(self, *given))
    pieces, shared = [Piece(np.zeros(1)) for _ in range(100)], np.zeros(10_000)
    run = workers.map_over(Elsewhere(monkeypatch))
    for _ in range(2):
        run(add, pieces, range(100), [shared] * 100)
    assert sum(sizes[100:]) < (100 // 8) * 1.1 * shared.nbytes


def test_a_worker_keeps_the_shards_used_last(monkeypatch):
    monkeypatch.setattr(workers, "_KEPT", 100)
    shelf = workers._Shelf()
    for name in "abac":
        shelf.put(name, name.upper(), 50)
        shelf.get("a")
    assert [shelf.get(name) for name in "abc"] == ["A", None, "C"]
    shelf.put("d", "D", 1_000)
    assert [shelf.get(name) for name in "acd"] == [None, None, "D"]


def test_an_error_of_a_worker_is_raised(monkeypatch):
    run = workers.map_over(Elsewhere(monkeypatch))
    with pytest.raises(ValueError, match="below 0"):
        run(add, [Piece(np.ones(1))] * 2, [1, -1], [0, 0])


def test_threads_are_sent_nothing():
    with ThreadPoolExecutor(1) as executor:
        assert workers.map_over(executor) == executor.map


def test_another_process_gives_linear_algebra_one_thread(monkeypatch):
    from threadpoolctl import threadpool_info, threadpool_limits

    def numbers():
        return {one["num_threads"] for one in threadpool_info() if one["user_api"] == "blas"}

    workers._limit_linear_algebra.cache_clear()
    with threadpool_limits(limits=2, user_api="blas"):
        before = numbers()
        asked = pickle.dumps((workers._this_process(), add, []))
        workers._run(asked, {})
        assert numbers() == before
        monkeypatch.setattr(workers, "_IMPORT", "another")
        workers._run(asked, {})
        assert numbers() == {1}
    workers._limit_linear_algebra.cache_clear()


@pytest.fixture(scope="module")
def claims():
    return simulate(events=150, sources=4, claims_per_event=3, outcomes=("killed",), seed=3).claims


@pytest.fixture(scope="module")
def alone(claims):
    return rc.estimate(claims, ess=10)


@pytest.fixture
def client(tmp_path):
    """Two processes of a cluster of Dask."""
    distributed = pytest.importorskip("distributed", reason="the tests of a cluster need distributed")
    options = {"host": "127.0.0.1", "dashboard_address": ":0", "local_directory": str(tmp_path)}
    with (
        distributed.LocalCluster(n_workers=2, threads_per_worker=1, processes=True, **options) as cluster,
        distributed.Client(cluster) as found,
    ):
        yield found


def assert_same_bits(one, other):
    assert list(one) == list(other)
    assert all(np.array_equal(one[q].distribution.mass, other[q].distribution.mass) for q in one)
    assert one.sources.keys() == other.sources.keys()
    for name, source in one.sources.items():
        assert all(np.array_equal(draws, other.sources[name].draws[key]) for key, draws in source.draws.items())


def has_linear_algebra_of_one_thread():
    from threadpoolctl import threadpool_info

    return all(one["num_threads"] == 1 for one in threadpool_info() if one["user_api"] == "blas")


@pytest.mark.slow
def test_two_processes_of_a_cluster_are_one_to_the_last_bit(claims, alone, client):
    assert_same_bits(alone, rc.estimate(claims, ess=10, executor=client.get_executor()))
    kept = [set(names) for names in client.run(lambda: list(workers._SHELF._kept)).values()]
    assert len(kept) == 2
    assert all(kept)
    assert not kept[0] & kept[1], "a shard was sent to both"
    assert all(client.run(has_linear_algebra_of_one_thread).values())


@pytest.mark.slow
def test_a_worker_that_is_killed_costs_no_bit(claims, alone, client):
    """The cluster computes again what was lost, and the worker in its place is sent its shards again."""
    executor, calls, lock = client.get_executor(), [0], threading.Lock()
    before, submit = client.run(os.getpid), executor.submit

    def kill_after_a_while(*given, **where):
        future = submit(*given, **where)
        with lock:
            calls[0] += 1
            if calls[0] == 100:
                os.kill(min(before.values()), signal.SIGKILL)
        return future

    executor.submit = kill_after_a_while
    assert_same_bits(alone, rc.estimate(claims, ess=10, executor=executor))
    assert calls[0] > 200
    client.wait_for_workers(2)
    assert min(before.values()) not in client.run(os.getpid).values()
