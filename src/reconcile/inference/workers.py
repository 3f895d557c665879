# SPDX-License-Identifier: MIT
"""Map over shards in other processes, on this machine or another, without sending shards anew in each pass.

A pass over all shards wants some kilobytes of parameters and megabytes of shards, which stay the same for hundreds of
passes. So a worker keeps what it was sent under a name, and a pass sends names. A worker that does not have a shard,
since it never computed it or was started anew, says so, and the shard is sent along then. A cluster of Dask is asked to
compute with each shard where it is, so that it is sent once; elsewhere, in the end each worker has all.
"""

from __future__ import annotations

import contextlib
import copy
import functools
import os
import pickle
import sys
import threading
import uuid
import weakref
from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from typing import Any, TypeAlias

__all__ = ["map_over"]

Process: TypeAlias = tuple[str, int]

_CALLS = 2, 64  # fewest and most calls in a pass: each sends the parameters once, and takes milliseconds
_SHARDS = 8  # in a call, between these
_KEPT = 2 << 30  # bytes of shards that a worker keeps: about two million claims
_IMPORT = uuid.uuid4().hex  # tells the processes of different machines apart


def map_over(executor: Executor) -> Callable[..., Iterable[Any]]:
    """Give the `map` of an executor, for a function of a shard and more; threads are sent nothing."""
    return executor.map if isinstance(executor, ThreadPoolExecutor) else _Mapper(executor)


def _this_process() -> Process:
    return _IMPORT, os.getpid()


class _Mapper:
    """What stands for the `map` of an executor of other processes, and remembers what it has sent, and whither.

    Parameters
    ----------
    executor : Executor
    """

    def __init__(self, executor: Executor) -> None:
        self._executor = executor
        self._names: weakref.WeakKeyDictionary[Any, str] = weakref.WeakKeyDictionary()
        self._holders: weakref.WeakKeyDictionary[Any, str] = weakref.WeakKeyDictionary()

    def __call__(self, work: Callable[..., Any], shards: Sequence[Any], *given: Iterable[Any]) -> list[Any]:
        """Give ``list(map(work, shards, *given))``."""
        rows = list(zip(*given, strict=True))
        calls: list[tuple[list[int], Future[tuple[str, list[Any]]]]] = []

        def ask(places: list[int], *, send: bool, holder: str = "") -> None:
            pairs = [(self._names[shards[at]], rows[at]) for at in places]
            # Whatever they have in common is written once.
            asked = pickle.dumps((_this_process(), work, pairs), protocol=5)
            sent = {self._names[shards[at]]: shards[at] for at in places} if send else {}
            where: Any = {"workers": [holder], "allow_other_workers": True} if holder else {}
            calls.append((places, self._executor.submit(_run, asked, sent, **where)))

        known: dict[str, list[int]] = {}
        found: dict[int, Any] = {}
        try:
            for at, shard in enumerate(shards):
                if shard in self._holders:
                    known.setdefault(self._holders[shard], []).append(at)
                    continue
                self._names[shard] = uuid.uuid4().hex
                ask([at], send=True)  # one by one, as messages of moderate size
            for holder, places in known.items():
                fewest, most = _CALLS
                number = min(max(len(places) // _SHARDS, fewest), most, len(places))
                for k in range(number):
                    some = places[len(places) * k // number : len(places) * (k + 1) // number]
                    ask(some, send=False, holder=holder)
            for places, call in calls:  # grows meanwhile
                holder, answers = call.result()
                for at, one in zip(places, answers, strict=True):
                    if one is None:
                        ask([at], send=True)
                    else:
                        found[at], self._holders[shards[at]] = one, holder
        finally:
            for _, call in calls:
                call.cancel()
        return [found[at] for at in range(len(shards))]


class _Shelf:
    """The shards that this process was sent, those used last, up to so many bytes."""

    def __init__(self) -> None:
        self._kept: OrderedDict[str, tuple[Any, int]] = OrderedDict()
        self._bytes, self._lock = 0, threading.Lock()

    def put(self, name: str, shard: Any, size: int) -> None:
        with self._lock:
            if name not in self._kept:
                self._bytes += size
            self._kept[name] = shard, size
            while self._bytes > _KEPT and len(self._kept) > 1:
                self._bytes -= self._kept.popitem(last=False)[1][1]

    def get(self, name: str) -> Any:
        """Give a shard, or None."""
        with self._lock:
            if name not in self._kept:
                return None
            self._kept.move_to_end(name)
            return self._kept[name][0]


_SHELF = _Shelf()


def _run(asked: bytes, sent: dict[str, Any]) -> tuple[str, list[Any]]:
    """Compute with some shards; None for each that is neither here nor sent along. Also say where that was."""
    sender, work, pairs = pickle.loads(asked)  # noqa: S301 - from whoever runs code here anyway
    if sender != _this_process():
        _limit_linear_algebra()
    mine = {
        name: copy.deepcopy(shard) for name, shard in sent.items()
    }  # what came over a network may lie askew in memory
    for name, shard in mine.items():
        _SHELF.put(name, shard, len(pickle.dumps(shard, protocol=5)))
    found = []
    for name, row in pairs:
        shard = mine[name] if name in mine else _SHELF.get(name)
        found.append(None if shard is None else work(shard, *row))
    return _address(), found


def _address() -> str:
    """Give the address of this worker in a cluster of Dask; elsewhere a call cannot be sent to a worker, so nothing."""
    dask = sys.modules.get("distributed")
    with contextlib.suppress(AttributeError, ValueError):  # in a worker it is there, and knows which one
        return str(dask.get_worker().address)  # type: ignore[union-attr]
    return ""


@functools.cache
def _limit_linear_algebra() -> None:
    """Leave linear algebra one thread as `fit.one_thread` does, but for good: a worker may run calls side by side."""
    import scipy.linalg  # noqa: F401 - brings a library of its own
    from threadpoolctl import threadpool_limits

    threadpool_limits(limits=1, user_api="blas")
