# SPDX-License-Identifier: MIT
"""Processor seconds of what people ask of few claims, and of the rows of one recorder.

Each is asked once before it is timed, so that imports do not count; linear algebra has one thread. Of several
quantities or repetitions the median is given, and the most.
"""

from __future__ import annotations

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import datetime
import time
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
from scores import print_table

import reconcile as rc
from reconcile.io import table
from reconcile.simulate import simulate

EXAMPLE = Path(__file__).parents[1] / "examples" / "taftanaz.csv"
BATTLE = rc.Event("battle")
WORLD = simulate(events=28, sources=15, claims_per_event=(1, 3), seed=10)  # 57 claims


def used(work: Callable[[], object]) -> float:
    """Processor seconds of one call."""
    start = time.process_time()
    work()
    return time.process_time() - start


def several(work: Callable[[], object], times: int = 3) -> list[float]:
    """Processor seconds of some calls, after one that does not count."""
    work()
    return [used(work) for _ in range(times)]


def two_claims() -> list[rc.Claim]:
    return [rc.Claim(BATTLE.killed(), rc.Exactly(n), rc.Source(f"source {n}")) for n in (5, 6)]


def daily_and_cumulative() -> list[rc.Claim]:
    """Figures of each of four days, and for all days until then, by two sources."""
    days = [datetime.date(2024, 3, day) for day in range(1, 5)]
    claims = []
    for at, day in enumerate(days):
        alone, so_far = (BATTLE.killed(period=rc.Period(first, day)) for first in (day, days[0]))
        claims.append(rc.Claim(alone, rc.Exactly(3 + at), rc.Source("monitor")))
        claims.append(rc.Claim(so_far, rc.Exactly(4 * at + 3), rc.Source("ministry")))
    return claims


def total_with_parts() -> list[rc.Claim]:
    parts = [rc.Group(sex=sex, age=age) for sex in ("female", "male") for age in ("adult", "child")]
    claims = [rc.Claim(BATTLE.killed(), rc.Exactly(30), rc.Source("ministry"))]
    return claims + [
        rc.Claim(BATTLE.killed(part), rc.Exactly(6 + k), rc.Source("monitor")) for k, part in enumerate(parts)
    ]


def one_recorder(events: int) -> list[rc.Claim]:
    """Two counts of each event, by one source."""
    rng, recorder = np.random.default_rng(0), rc.Source("recorder", kind="monitor")
    counts = [quantity for n in range(events) for quantity in (rc.Event(f"e{n}").killed(), rc.Event(f"e{n}").injured())]
    return [
        rc.Claim(one, rc.Exactly(int(n)), recorder) for one, n in zip(counts, rng.poisson(4, len(counts)), strict=True)
    ]


def main() -> None:
    posterior = rc.estimate(WORLD.claims)
    every = list(WORLD.quantities)
    tasks: dict[str, Callable[[], list[float]]] = {
        "two claims": lambda: several(lambda: rc.estimate(two_claims()), 20),
        "the example of the command line, 14 claims": lambda: several(lambda: rc.estimate(table.read(EXAMPLE))),
        "8 claims, daily and cumulative": lambda: several(lambda: rc.estimate(daily_and_cumulative())),
        "a total and four parts": lambda: several(lambda: rc.estimate(total_with_parts())),
        "8,000 rows of one recorder": lambda: several(lambda: rc.estimate(one_recorder(4_000)), 1),
        "57 claims, `explain`, each count": lambda: [used(lambda q=q: rc.explain(posterior, q)) for q in every],
        "57 claims, `history`, ten counts": lambda: [used(lambda q=q: rc.history(WORLD.claims, q)) for q in every[:10]],
        "57 claims, `leave_one_source_out`": lambda: several(lambda: rc.leave_one_source_out(posterior), 1),
    }
    rows = []
    for name, work in tasks.items():
        found = work()
        rows.append([name, f"{np.median(found):.3f}", f"{max(found):.3f}"])
    print_table(["what", "CPU s", "most"], rows)


if __name__ == "__main__":
    warnings.simplefilter("ignore", rc.Unidentified)
    main()
