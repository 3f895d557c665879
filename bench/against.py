# SPDX-License-Identifier: MIT
"""Time this commit beside an earlier one, in turns, and say how far their estimates are apart.

usage: against.py REF PYTHON_OF_REF PYTHON_OF_NOW [--task NAME ...] [--rounds 3] [--shared FOLDER]

Run it as `make bench-against REF=8eec1a5`, which builds both wheels, each in an environment of its own with the same
versions of everything else. Every run is a process of its own, which first estimates two claims, so that imports do not
count; processor time is of that process alone, with one thread of linear algebra.
"""

from __future__ import annotations

import argparse
import functools
import json
import os
import subprocess
import sys
import time

import numpy as np
from claims import arguments, load_generator, of_world
from scale import quick_world
from scores import log_error, pit, print_table, within

import reconcile as rc
from reconcile.io import table

# name -> events and sources of a simulated world of scenario "base"
WORLDS = {"15 claims": (5, 3), "50 claims": (10, 5), "100 claims": (20, 5), "284 claims": (50, 10),
          "1,142 claims": (200, 20), "11,643 claims": (2_000, 50)}  # fmt: skip
DRAWS = 16  # parameter vectors of one evaluation


def world(size, shared):
    generator = load_generator(shared)
    made = generator.generate(*WORLDS[size], 100, "base") if generator else quick_world(*WORLDS[size])
    return of_world(*made[:3]), made[0]["true"].to_numpy()


def used(work, least=0.5):
    """Processor and wall seconds of one call, the best of as many as fit in some time, and what it gave."""
    best, spent, found = None, 0.0, None
    while best is None or spent < least:
        wall, cpu = time.perf_counter(), time.process_time()
        found = work()
        cost = time.process_time() - cpu, time.perf_counter() - wall
        best, spent = cost if best is None else tuple(map(min, best, cost)), spent + cost[1]
    return {"cpu": best[0], "wall": best[1]}, found


def two_claims(shared):
    event = rc.Event("battle")
    claims = [rc.Claim(event.killed(), rc.Exactly(n), rc.Source(f"source {n}")) for n in (5, 6)]
    return used(lambda: rc.estimate(claims))[0]


def estimated(size, shared):
    claims, truth = world(size, shared)
    corpus = table.read(claims.frame, strict=True)
    cost, posterior = used(lambda: rc.estimate(corpus), least=0.0)
    found = [posterior[quantity] for quantity in claims.quantities]
    counts = np.unique(np.concatenate([np.arange(300), np.geomspace(300, 1e6, 300).astype(int)]))
    return cost | {
        "error": float(log_error([one.median() for one in found], truth).mean()),
        "covered": within([pit(one.cdf, true) for one, true in zip(found, truth, strict=True)], 0.9)[0],
        "cdfs": [np.asarray(one.cdf(counts), float).tolist() for one in found],
    }


def reduced(size, shared):
    """The evidence of learned sources at cells that matter, and parameters to ask it at."""
    corpus = table.read(world(size, shared)[0].frame, strict=True)
    try:
        from reconcile.inference.problems import build_problem
        from reconcile.roles import assign_roles
    except ImportError:  # an earlier commit
        from reconcile.dependence import assign_roles
        from reconcile.problems import pose as build_problem
    problem = build_problem(corpus.columns, assign_roles(corpus), rc.Model()).problem
    layout, rng = problem.hierarchy, np.random.default_rng(1)
    try:
        from reconcile.openings import Opened as Conditional

        sd = 1 / np.sqrt(np.diag(layout.precision(layout.log_spread)))
        xs = layout.mean + rng.standard_normal((DRAWS, len(layout))) * sd
    except ImportError:
        from reconcile.inference.lone_counts import ConditionalEvidence as Conditional

        xs = layout.unfold(rng.standard_normal((DRAWS, layout.size)))
    return Conditional.of(problem, map).reduced(xs)[0], xs


def gradient(size, shared):
    made = reduced(size, shared)
    return made and used(lambda: made[0].evaluate(made[1]))[0]


def curvature(size, shared):
    made = reduced(size, shared)
    return made and used(lambda: made[0].curvature(0.7 * made[0].problem.hierarchy.mean + 0.3 * made[1][0]))[0]


TASKS = {
    "gradient at 16 vectors, 100 claims": functools.partial(gradient, "100 claims"),
    "gradient at 16 vectors, 1,142 claims": functools.partial(gradient, "1,142 claims"),
    "curvature, 100 claims": functools.partial(curvature, "100 claims"),
    "curvature, 1,142 claims": functools.partial(curvature, "1,142 claims"),
    "estimate, two claims": two_claims,
    **{f"estimate, {size}": functools.partial(estimated, size) for size in WORLDS},
}


def child(task, shared):
    two_claims(shared)
    print(json.dumps(TASKS[task](shared)))


def ask(python, task, options):
    """Run a task in a process of its own; a text where it fails."""
    command = [python, __file__, "", "", "", "--child", task, "--shared", str(options.shared)]
    environment = os.environ | {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
    ran = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    if ran.returncode != 0:
        return (ran.stderr.strip().splitlines() or [f"ended with {ran.returncode}"])[-1][:60]
    return json.loads(ran.stdout.splitlines()[-1])


def milliseconds(seconds):
    return f"{1e3 * seconds:,.2f} ms" if seconds < 0.1 else f"{seconds:,.2f} s"


def row_of(task, before, now):
    """One row of the table, from the runs of both sides: the least of each, and their ratio."""
    texts = [side[-1] for side in (before, now) if isinstance(side[-1], str) or side[-1] is None]
    if texts:
        return [task, *(str(side[-1]) if not isinstance(side[-1], dict) else "" for side in (before, now)), *[""] * 5]
    cpu, wall = ([min(run[name] for run in side) for side in (before, now)] for name in ("cpu", "wall"))
    row = [task, *map(milliseconds, cpu), f"{cpu[0] / cpu[1]:.1f}", *map(milliseconds, wall)]
    if "cdfs" not in now[-1]:
        return [*row, "", ""]
    gap = np.max(np.abs(np.subtract(before[-1]["cdfs"], now[-1]["cdfs"])), axis=1)
    quality = " / ".join(f"{run['error']:.3f}, {run['covered']:.2f}" for run in (before[-1], now[-1]))
    return [*row, quality, f"{gap.mean():.4f}, {gap.max():.4f}"]


def main():
    parser = arguments(__doc__.splitlines()[0])
    for name in ("ref", "python_of_ref", "python_of_now"):
        parser.add_argument(name)
    parser.add_argument("--task", action="append", choices=TASKS, help="may be given several times")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--child", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        child(options.child, options.shared)
        return
    rows = []
    for task in options.task or TASKS:
        before, now = [], []
        for _ in range(options.rounds):
            before.append(ask(options.python_of_ref, task, options))
            now.append(ask(options.python_of_now, task, options))
        rows.append(row_of(task, before, now))
        print(*rows[-1], sep="  ", file=sys.stderr)
    ref = options.ref
    header = ["what", f"{ref}, CPU", "now, CPU", "ratio", f"{ref}, wall", "now, wall", "error, 90 % (both)", "cdf gap"]
    print_table(header, rows)
    print(
        f"The least of {options.rounds} runs each, taken in turns. Error: mean absolute log error of the medians; then"
    )
    print("how many truths the 90 % intervals hold. Gap: largest difference of a distribution function, mean and most.")


if __name__ == "__main__":
    main()
