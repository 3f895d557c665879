# SPDX-License-Identifier: MIT
"""What `estimate` sends to workers in other processes and gets back: bytes, calls and passes, by number of claims.

usage: cluster.py [--size CLAIMS ...] [--dask]

The bytes are counted in an executor that pickles what it is given, as any does that has other processes, and is one
worker itself; each further worker is sent the shards once more. With `--dask`, the time of a cluster of two processes
on this machine is held against that of two threads, one after the other in the same run.
"""

from __future__ import annotations

import argparse
import pickle
import time
from collections import Counter
from concurrent.futures import Executor, Future, ThreadPoolExecutor

import pandas as pd
from scores import print_table

import reconcile as rc
from reconcile.inference import workers
from reconcile.io import table
from reconcile.simulate import simulate

SIZES = (1_000, 10_000, 100_000)
CLAIMS_PER_EVENT = 4


class Counted(Executor):
    """One worker, to which everything is sent as bytes."""

    def __init__(self):
        self.counts = Counter()

    def submit(self, work, asked, sent):
        shards = pickle.dumps(sent, protocol=5) if sent else b""
        future, answer = Future(), work(asked, pickle.loads(shards) if sent else {})
        self.counts.update(
            calls=1, asked=len(asked), shards=len(shards), answered=len(pickle.dumps(answer, protocol=5))
        )
        self.counts["sent"] += len(sent)
        future.set_result(answer)
        return future


class CountedPasses(workers._Mapper):
    def __call__(self, *given):
        self._executor.counts["passes"] += 1
        return super().__call__(*given)


def world(claims):
    sources = max(round(claims**0.4), CLAIMS_PER_EVENT)
    found = simulate(events=claims // CLAIMS_PER_EVENT, sources=sources, claims_per_event=CLAIMS_PER_EVENT, seed=1)
    return table.read(pd.DataFrame(found.frame), strict=True)


def count(corpus):
    executor = Counted()
    posterior = rc.estimate(corpus, executor=executor)
    found = executor.counts
    each = [f"{found[name] / found['passes'] / 1e6:.2f}" for name in ("asked", "answered")]
    shards = f"{found['sent']:,}", f"{found['shards'] / 1e6:,.0f}"
    return [f"{len(corpus):,}", posterior.diagnostics.way, found["passes"], *shards, f"{found['calls']:,}", *each]


def clock(corpus, executor):
    start = time.perf_counter()
    rc.estimate(corpus, executor=executor)
    return time.perf_counter() - start


def compare(sizes):
    from distributed import Client, LocalCluster

    rows = []
    options = {"host": "127.0.0.1", "dashboard_address": ":0"}
    with LocalCluster(n_workers=2, threads_per_worker=1, **options) as cluster, Client(cluster) as client:
        for size in sizes:
            corpus = world(size)
            with ThreadPoolExecutor(2) as threads:
                pairs = [(clock(corpus, threads), clock(corpus, client.get_executor())) for _ in range(2)]
            (threads_s, first), (threads_again, second) = pairs
            ratios = [f"{first / threads_s:.1f}", f"{second / threads_again:.1f}"]
            rows.append(
                [f"{len(corpus):,}", f"{min(threads_s, threads_again):.1f}", f"{min(first, second):.1f}", *ratios]
            )
    print_table(["claims", "two threads s", "two processes s", "ratio", "ratio again"], rows)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--size", type=int, action="append", help=f"claims; default {', '.join(map(str, SIZES))}")
    parser.add_argument("--dask", action="store_true", help="time a cluster of two processes beside two threads")
    options = parser.parse_args()
    sizes = options.size or SIZES
    if options.dask:
        compare(sizes)
        return
    workers._Mapper = CountedPasses
    header = ["claims", "way", "passes", "shards", "MB of shards", "calls", "MB to, a pass", "MB back, a pass"]
    print_table(header, [count(world(size)) for size in sizes])


if __name__ == "__main__":
    main()
