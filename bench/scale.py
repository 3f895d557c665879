# SPDX-License-Identifier: MIT
"""Cost per claim from 1,000 to 1,000,000 simulated claims, beside the model written by hand in NumPyro in the same run.

usage: scale.py [--size CLAIMS ...] [--no-peer] [--peer-up-to 119000] [--own-world] [--time-out 600] [--shared FOLDER]

Each run is a process of its own, so that its peak memory is its own. The worlds are those of the independent generator
(scenario "base") where it is there and quick enough, else of a faster one below, of the same kind.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import time

import numpy as np
import pandas as pd
from claims import Claims, arguments, load_generator, of_world
from peers import available
from scores import print_table

import reconcile as rc
from reconcile.io import table

# claims -> events, sources; with six claims an event, as in the scenario "base"
WORLDS = {1_000: (167, 20), 3_000: (500, 30), 12_000: (2_000, 50), 119_000: (20_000, 200), 1_000_000: (167_000, 500)}
QUICK = 119_000  # up to here the independent generator is quick enough
GOALS = {12_000: "< 4 s (NumPyro 44 s)", 119_000: "< 20 s, < 2 GB (NumPyro 58 s)", 1_000_000: "as flat as may be"}
PEER = "NumPyro by hand, variational"
MIX = {"point": 0.72, "at_least": 0.11, "at_most": 0.02, "range": 0.09, "vague": 0.06}
WORDS = (("a few", 2, 5), ("several", 3, 9), ("dozens", 24, 99), ("hundreds", 200, 999), ("thousands", 2_000, 9_999))


def quick_world(n_events, n_sources, seed=0):
    """Make events, claims and sources like those of the independent generator, all events at once.

    Sides, biases, spreads, exactness and heaping of sources are drawn alike. Simpler: every event has about six
    claims whatever its size; one claim in ten repeats another of its event word for word.
    """
    rng = np.random.default_rng([seed, n_events, n_sources])
    side = rng.choice(list("ABC"), n_events, p=[0.4, 0.4, 0.2])
    true = np.minimum(1 + np.floor(np.exp(1.6 + 1.5 * rng.standard_normal(n_events))), 5_000)
    true[rng.random(n_events) < 0.08] = 0
    alignment = rng.choice(list("ABN"), n_sources, p=[0.225, 0.225, 0.55])
    neutral = alignment == "N"
    own, enemy = rng.normal(-0.6, 0.25, n_sources), rng.normal(0.6, 0.35, n_sources)
    other = rng.normal(0, 0.12, n_sources)
    spread = np.exp(np.log(0.25) + 0.4 * rng.standard_normal(n_sources))
    exact = np.where(neutral, rng.beta(3, 3, n_sources), rng.beta(1.24, 8, n_sources))
    heap = np.clip(rng.normal(0.45, 0.15, n_sources), 0, 1)

    activity = np.exp(rng.normal(0, 1, n_sources))
    event = np.repeat(np.arange(n_events), rng.poisson(6, n_events))
    source = rng.choice(n_sources, len(event), p=activity / activity.sum())
    kept = np.unique(event * n_sources + source)  # one claim a source and event
    event, source = kept // n_sources, kept % n_sources
    n, a, s = true[event], alignment[source], side[event]
    bias = np.select([(a == "N") | (s == "C"), a == s], [other[source], own[source]], enemy[source])
    noise = spread[source] * rng.standard_t(4, len(event))
    figure = np.clip(np.round(np.exp(np.log(n + 0.5) + bias + noise) - 0.5), 0, 250_000) + 0.0  # no -0
    step = np.select([figure < 20, figure < 100, figure < 500], [5, 10, 50], 100)
    heaped = np.maximum(step * np.round(figure / step), 1)
    figure = np.where((rng.random(len(event)) < heap[source]) & (figure > 0), heaped, figure)
    figure = np.where((rng.random(len(event)) < exact[source]) | (n == 0), n, figure)

    kind = rng.choice(list(MIX), len(event), p=list(MIX.values())).astype(object)
    word = np.full(len(event), "", dtype=object)
    low, high, value = figure.copy(), figure.copy(), figure.copy()
    below, above = rng.uniform(0.6, 1, len(event)), rng.uniform(1, 1.6, len(event))
    for name, first, last in WORDS:
        fits = (kind == "vague") & (first <= figure) & (figure <= last) & (word == "")
        word[fits], low[fits], high[fits], value[fits] = name, first, last, np.round(np.sqrt(first * last))
    kind[(figure == 0) | ((kind == "vague") & (word == ""))] = "point"
    least, most, between = (kind == name for name in ("at_least", "at_most", "range"))
    low[least], high[least] = np.maximum(np.floor(figure * below), 1)[least], np.inf
    low[most], high[most] = 0, np.ceil(figure * above)[most]
    low[between], high[between] = np.floor(figure * below)[between], np.ceil(figure * above)[between]
    value = np.select([least, most, between], [low, high, (low + high) / 2], value)
    kind[between & (low == high)] = "point"
    day = np.sort(rng.uniform(0, 365, n_events))[event] + rng.exponential(2, len(event))
    claims = pd.DataFrame(
        {
            "event": event,
            "source": source,
            "kind": kind,
            "value": value,
            "lo": low,
            "hi": high,
            "word": word,
            "day": day,
        }
    )
    # A claim that repeats the one before it, of the same event, a while later.
    repeats = np.flatnonzero((rng.random(len(event)) < 0.1)[1:] & (event[1:] == event[:-1])) + 1
    said = ["kind", "value", "lo", "hi", "word"]
    claims.loc[repeats, said] = claims.loc[repeats - 1, said].to_numpy()
    claims.loc[repeats, "day"] = claims.loc[repeats - 1, "day"].to_numpy() + rng.exponential(2, len(repeats))
    claims = claims.astype({"value": float, "lo": float, "hi": float})
    named, claims["event"] = np.unique(claims["event"], return_inverse=True)
    events = pd.DataFrame({"side": side[named], "true": true[named].astype(int)})
    return events, claims, pd.DataFrame({"alignment": alignment})


def make(size, options) -> Claims:
    n_events, n_sources = WORLDS.get(size, (max(size // 6, 1), int(np.clip(size**0.4, 5, 500))))
    generator = None if options.own_world or size > QUICK else load_generator(options.shared)
    if generator is None:
        return of_world(*quick_world(n_events, n_sources))
    return of_world(*generator.generate(n_events, n_sources, 0, "base")[:3])


def child(size, method, options):
    """Run one method on one world, in this process, and print what it cost."""
    claims = make(size, options)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    cost = {"claims": len(claims.value), "sources": len(np.unique(claims.source)), "world": before / 2**20}
    start = time.perf_counter()
    if method == PEER:
        available([PEER])[0][PEER](claims)
        cost["estimate"] = time.perf_counter() - start
    else:
        corpus = table.read(claims.frame, strict=True)
        cost["read"] = time.perf_counter() - start
        start = time.perf_counter()
        posterior = rc.estimate(corpus)
        cost["estimate"] = time.perf_counter() - start
        assert len(posterior) == claims.events
    cost["memory"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(json.dumps(cost))


def spawn(size, method, options):
    """Run `child` in a process of its own; a text where it fails or takes too long."""
    command = [sys.executable, __file__, "--child", method, "--size", str(size), "--shared", str(options.shared)]
    command += ["--own-world"] if options.own_world else []
    try:
        ran = subprocess.run(command, capture_output=True, text=True, timeout=options.time_out, check=False)
    except subprocess.TimeoutExpired:
        return f"more than {options.time_out} s"
    if ran.returncode != 0:
        return (ran.stderr.strip().splitlines() or [f"ended with {ran.returncode}"])[-1][:80]
    return json.loads(ran.stdout.splitlines()[-1])


def main():
    parser = arguments(__doc__.splitlines()[0])
    parser.add_argument("--size", type=int, action="append", help=f"claims; default {', '.join(map(str, WORLDS))}")
    parser.add_argument("--own-world", action="store_true", help="do not use the independent generator")
    parser.add_argument("--no-peer", action="store_true")
    parser.add_argument("--peer-up-to", type=int, default=119_000, metavar="CLAIMS")
    parser.add_argument("--time-out", type=int, default=600, metavar="SECONDS", help="for each run")
    parser.add_argument("--child", help=argparse.SUPPRESS)
    options = parser.parse_args()
    sizes = options.size or list(WORLDS)
    if options.child:
        child(sizes[0], options.child, options)
        return
    missing = {} if options.no_peer else available([PEER])[1]
    for why in missing.values():
        print(f"not run: {PEER}: {why}\n")
    rows = []
    for size in sizes:
        methods = ["reconcile"] + ([PEER] if not (options.no_peer or missing) and size <= options.peer_up_to else [])
        costs = {method: spawn(size, method, options) for method in methods}
        for method, cost in costs.items():
            if isinstance(cost, str):
                rows.append([size, "", method, "", cost, "", "", "", ""])
                continue
            peer, total = costs.get(PEER), cost.get("read", 0) + cost["estimate"]
            ratio = ""
            if method != PEER and isinstance(peer, dict):
                ratio = f"{peer['estimate'] / total:.1f} x"
            rows.append(
                [
                    f"{cost['claims']:,}", cost["sources"], method, f"{cost['read']:.2f}" if "read" in cost else "-",
                    f"{cost['estimate']:.2f}", f"{1e6 * total / cost['claims']:,.0f}",
                    f"{cost['memory']:.2f} ({cost['world']:.2f})", ratio, GOALS.get(size, "") if method != PEER else "",
                ]
            )  # fmt: skip
            print(*rows[-1], sep="  ", file=sys.stderr)
    header = [
        "claims",
        "sources",
        "method",
        "read s",
        "estimate s",
        "us per claim",
        "peak GB (world)",
        "faster",
        "goal",
    ]
    print_table(header, rows)
    print("Peak memory is of the whole process; in brackets, before any method began. Faster: reading and estimating.")


if __name__ == "__main__":
    main()
