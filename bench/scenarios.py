# SPDX-License-Identifier: MIT
"""Compare methods on simulated casualty reports: seven kinds of world, made by a generator that is none of ours.

usage: scenarios.py [--only NAME] [--events 200] [--sources 20] [--seeds 5] [--method NAME] [--nuts] [--shared FOLDER]
                    [--round-from FIGURE]

Hidden columns of the generator and the truths are for scoring alone. Rows marked "quoted" are not run here: they are
the figures of ../shared/peers.md, section 2, for 200 events x 20 sources.
"""

from __future__ import annotations

import sys

import numpy as np
from claims import arguments, load_generator, of_world, ours
from peers import METHODS, available
from scores import pool, print_table, score, summarise, within

SCENARIOS = ("clean", "base", "bias", "copy", "censored", "small", "long_tail")
OURS = "reconcile"
QUOTED = {
    "ACCUSIM with copy detection": (".049 / -", ".158 / -", ".249 / -", ".220 / -", ".177 / -", ".139 / -", ".349 / -"),
    "TrustFuse GTM": ("-", ".154 / -", "-", ".211 / -", "-", "-", "-"),
    "GTM": (".069 / .83", ".166 / .64", ".259 / .62", ".272 / .49", ".189 / .59", ".135 / .72", ".345 / .46"),
    "negative-binomial hierarchy, NUTS": ("-", ".228 / .89", ".240 / .95", ".234 / .88", ".226 / .91", "-", "-"),
    "NumPyro by hand, variational": (
        ".057 / .98", ".127 / .93", ".116 / .96", ".251 / .68", ".133 / .96", ".081 / .99", ".259 / .91",
    ),
    "NumPyro by hand, NUTS": (
        ".049 / .99", ".127 / .95", ".125 / .98", ".293 / .54", ".164 / .95", ".061 / .99", ".259 / .92",
    ),
}  # fmt: skip


def short(scores):
    """Give error and 90 % coverage as the quoted rows have them."""
    covered = f"{within(scores['pit'], 0.9)[0]:.2f}" if "pit" in scores else "-"
    return f"{scores['error'].mean():.3f} / {covered}".replace("0.", ".")


def run(generator, methods, name, options):
    """Score every method on one scenario, the seeds pooled: method -> (scores, mean seconds)."""
    parts, seconds = {m: [] for m in methods}, {m: [] for m in methods}
    for seed in range(options.seeds):
        events, reports, sources, _ = generator.generate(options.events, options.sources, seed, name)
        claims, truth = of_world(events, reports, sources), events["true"].to_numpy()
        for method, solve in methods.items():
            answer = solve(claims)
            parts[method].append(score(answer, truth))
            seconds[method].append(answer.seconds)
            print(f"{name}, seed {seed}, {len(claims.value)} claims: {method} {answer.seconds:.2f} s", file=sys.stderr)
    return {method: (pool(parts[method]), np.mean(seconds[method])) for method in methods}


def main():
    parser = arguments(__doc__.splitlines()[0])
    parser.add_argument("--events", type=int, default=200)
    parser.add_argument("--sources", type=int, default=20)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--method", action="append", help=f"one of: {', '.join((OURS, *METHODS))}")
    parser.add_argument("--nuts", action="store_true", help="also sample the model written by hand (slow)")
    parser.add_argument(
        "--round-from", type=int, default=0, metavar="FIGURE",
        help="let the generator round no figure below this (it rounds 1 and 2 to 1, and 3 to 7 to 5)",
    )  # fmt: skip
    options = parser.parse_args()
    names = options.only or SCENARIOS
    if unknown := set(names) - set(SCENARIOS):
        parser.error(f"--only {', '.join(unknown)}: the scenarios are {', '.join(SCENARIOS)}")
    wanted = options.method or [OURS, *(name for name in METHODS if options.nuts or "NUTS" not in name)]
    if unknown := set(wanted) - {OURS, *METHODS}:
        parser.error(f"--method {', '.join(unknown)}: the methods are {', '.join((OURS, *METHODS))}")
    generator = load_generator(options.shared)
    if generator is None:
        return
    rounded = generator.heapv
    generator.heapv = lambda figure: figure if figure < options.round_from else rounded(figure)
    methods, missing = available([name for name in wanted if name != OURS])
    methods = ({OURS: ours} if OURS in wanted else {}) | methods
    found = {name: run(generator, methods, name, options) for name in names}

    world = f"{options.events} events x {options.sources} sources, {options.seeds} seeds"
    print(f"\nSimulated reports, {world}: mean abs log error of the median / truths in the 90 % interval\n")
    rows = []
    for method in methods:
        cells = [short(found[name][method][0]) for name in names]
        seconds = np.mean([found[name][method][1] for name in names])
        rows.append([method, *cells, f"{seconds:.2f}"])
    for method, cells in QUOTED.items():
        if method not in methods:
            why = f"; {missing[method]}" if method in missing else ""
            rows.append([f"{method} (quoted{why})", *(cells[SCENARIOS.index(name)] for name in names), ""])
    print_table(["method", *names, "seconds"], rows)
    print("Coverage is by randomised PIT; the quoted figures count the truths in closed intervals, which hold more.\n")
    for method in missing.keys() - QUOTED.keys():
        print(f"not run: {method}: {missing[method]}\n")
    print("All scores (coverage by randomised PIT, with its standard error; CRPS in people)\n")
    rows = []
    for name in names:
        for method in methods:
            scores, seconds = found[name][method]
            rows.append([name, method, len(scores["error"]), *summarise(scores).values(), f"{seconds:.2f}"])
    print_table(["scenario", "method", "events", "error", "exact", "50 %", "90 %", "95 %", "CRPS", "seconds"], rows)


if __name__ == "__main__":
    main()
