# SPDX-License-Identifier: MIT
"""Time `estimate` on one event; run as `make bench`."""

import subprocess
import sys
import time

import pytest

import reconcile as rc

T, S = rc.Group(party="T"), rc.Group(party="S")
EVENT = rc.Event("battle")
MINISTRY = rc.Source("ministry", kind="government", sides={"T"})
MONITOR = rc.Source("monitor", kind="monitor")


def in_group(**facets):
    return rc.Group(party="T", **facets)


CASUALTIES = rc.Outcome("casualties", {"killed", "injured"})
TREE = {
    EVENT.count(CASUALTIES): 40, EVENT.count(CASUALTIES, T): 30, EVENT.killed(T): 12, EVENT.injured(T): 18,
    EVENT.killed(in_group(status="military")): 8, EVENT.killed(in_group(status="civilian")): 4,
    EVENT.killed(in_group(status="civilian", age="child")): 2, EVENT.count(CASUALTIES, S): 10,
    EVENT.injured(in_group(status="military")): 12, EVENT.injured(in_group(status="civilian")): 6,
}  # fmt: skip


def two_claims():
    return [
        rc.Claim(EVENT.killed(T), rc.Exactly(5), MINISTRY),
        rc.Claim(EVENT.killed(T), rc.Exactly(6), MONITOR),
    ]


def four_claims():
    return [
        *two_claims(),
        rc.Claim(EVENT.injured(T), rc.Exactly(5), MINISTRY),
        rc.Claim(EVENT.injured(T), rc.Exactly(7), MONITOR),
    ]


def twenty_claims(sources):
    """Two claims on each of ten quantities of one tree, by so many sources in turn."""
    return [
        rc.Claim(quantity, rc.Exactly(n + again), rc.Source(f"source {(2 * at + again) % sources}"))
        for at, (quantity, n) in enumerate(TREE.items())
        for again in (0, 1)
    ]


@pytest.mark.parametrize(
    "claims",
    [two_claims(), four_claims(), twenty_claims(20), twenty_claims(5)],
    ids=["2 claims, 2 sources", "4 claims, 2 sources", "20 claims, 20 sources", "20 claims, 5 sources"],
)
def bench_estimate(benchmark, claims):
    posterior = rc.estimate(claims)
    assert set(posterior.diagnostics.engines.values()) == {"exact"}
    benchmark(rc.estimate, claims)


def seconds(code):
    start = time.perf_counter()
    subprocess.run([sys.executable, "-c", code], check=True)
    return time.perf_counter() - start


def bench_import(benchmark):
    """Import time beyond bare Python, each the best of several, in one run."""
    benchmark.pedantic(seconds, args=("import reconcile",), rounds=15)
    bare = min(seconds("pass") for _ in range(15))
    both = {name: min(seconds(code) for _ in range(15)) - bare for name, code in {
        "import reconcile": "import reconcile", "from reconcile import Claim": "from reconcile import Claim",
    }.items()}  # fmt: skip
    print()
    for name, extra in both.items():
        print(f"{name}: {1_000 * extra:.0f} ms beyond bare Python")
