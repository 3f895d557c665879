# SPDX-License-Identifier: MIT
"""Compare methods on simulated casualty reports.

usage: scenarios.py [--only NAME] [--events 200] [--sources 20] [--seeds 5] [--method NAME] [--nuts] [--shared FOLDER]
                    [--round-from FIGURE]

Seven kinds of world are made by a generator that is none of ours, and `--events`, `--sources` and `--round-from` are
about these. Hidden columns of the generator and the truths are for scoring alone. Rows marked "quoted" are not run
here: they are the figures of ../shared/peers.md, section 2, for 200 events x 20 sources.

In the others (`shared_errors.py`) sources err together: `rising` (tolls that rise, bodies that are never found),
`official` (a wrong figure that media repeat without saying so), `shared_2`, `shared_5` and `shared_10` (one log error
of standard deviation .1 for all of so many sources), `control` (five sources without it) and `undated` (the same claims
without times). `--only shared_errors` runs these alone, `--only seven` the others. Methods that take long are run here
only if named by `--method`, as is `reconcile` on each event by itself.
"""

from __future__ import annotations

import sys

import numpy as np
from claims import arguments, load_generator, of_world, ours, ours_one_by_one
from peers import METHODS, available
from scores import FLOOR, pool, print_table, score, summarise, within
from shared_errors import EVENTS, WORLDS

SCENARIOS = ("clean", "base", "bias", "copy", "censored", "small", "long_tail")
OURS = "reconcile"
ONE_BY_ONE = "reconcile, each event by itself"
TAKE_LONG = (ONE_BY_ONE, "NumPyro by hand, variational", "NumPyro by hand, NUTS")
GROUPS = {"seven": SCENARIOS, "shared_errors": tuple(WORLDS)}
NEED_TIMES = ("last figure", "plain maximum")
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


def generated(generator, name, options):
    """Make one of the seven kinds of world: claims and the truths, by seed."""

    def make(seed):
        events, reports, sources, _ = generator.generate(options.events, options.sources, seed, name)
        return of_world(events, reports, sources), events["true"].to_numpy()

    return make


def run(make, methods, name, seeds):
    """Score every method that can be used on one kind of world, the seeds pooled: method -> (scores, mean seconds)."""
    parts, seconds = {}, {}
    for seed in range(seeds):
        claims, truth = make(seed)
        for method, solve in methods.items():
            if method in NEED_TIMES and claims.time is None:
                continue
            answer = solve(claims)
            parts.setdefault(method, []).append(score(answer, truth))
            seconds.setdefault(method, []).append(answer.seconds)
            print(f"{name}, seed {seed}, {len(claims.value)} claims: {method} {answer.seconds:.2f} s", file=sys.stderr)
    return {method: (pool(parts[method]), np.mean(seconds[method])) for method in parts}


def short_rows(found, names):
    """Give a row for each method: error and coverage in each kind of world, and mean seconds."""
    rows = []
    for method in dict.fromkeys(method for name in names for method in found[name]):
        cells = [short(found[name][method][0]) if method in found[name] else "-" for name in names]
        seconds = np.mean([found[name][method][1] for name in names if method in found[name]])
        rows.append([method, *cells, f"{seconds:.2f}"])
    return rows


def print_seven(found, names, missing, options):
    """Print errors and coverage in the worlds of the generator, quoted rows included."""
    world = f"{options.events} events x {options.sources} sources, {options.seeds} seeds"
    print(f"\nSimulated reports, {world}: mean abs log error of the median / truths in the 90 % interval\n")
    rows = short_rows(found, names)
    for method, cells in QUOTED.items():
        if method not in found[names[0]]:
            why = f"; {missing[method]}" if method in missing else ""
            rows.append([f"{method} (quoted{why})", *(cells[SCENARIOS.index(name)] for name in names), ""])
    print_table(["method", *names, "CPU s"], rows)
    print("Coverage is by randomised PIT; the quoted figures count the truths in closed intervals, which hold more.\n")


def main():
    parser = arguments(__doc__.splitlines()[0])
    parser.add_argument("--events", type=int, default=200)
    parser.add_argument("--sources", type=int, default=20)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--method", action="append", help=f"one of: {', '.join((OURS, ONE_BY_ONE, *METHODS))}")
    parser.add_argument("--nuts", action="store_true", help="also sample the model written by hand (slow)")
    parser.add_argument(
        "--round-from", type=int, default=0, metavar="FIGURE",
        help="let the generator round no figure below this (it rounds 1 and 2 to 1, and 3 to 7 to 5)",
    )  # fmt: skip
    options = parser.parse_args()
    names = [name for given in options.only or GROUPS for name in GROUPS.get(given, [given])]
    if unknown := set(names) - {*SCENARIOS, *WORLDS}:
        parser.error(f"--only {', '.join(unknown)}: known are {', '.join((*GROUPS, *SCENARIOS, *WORLDS))}")
    known = (OURS, ONE_BY_ONE, *METHODS)
    wanted = options.method or [name for name in (OURS, *METHODS) if options.nuts or "NUTS" not in name]
    if unknown := set(wanted) - set(known):
        parser.error(f"--method {', '.join(unknown)}: the methods are {', '.join(known)}")
    seven, others = [name for name in SCENARIOS if name in names], [name for name in WORLDS if name in names]
    methods, missing = available([name for name in METHODS if name in wanted])
    methods = ({OURS: ours} if OURS in wanted else {}) | methods
    found = {}
    generator = load_generator(options.shared) if seven else None
    if generator is None:
        seven = []
    else:
        rounded = generator.heapv
        generator.heapv = lambda figure: figure if figure < options.round_from else rounded(figure)
    for name in seven:
        found[name] = run(generated(generator, name, options), methods, name, options.seeds)
    if seven:
        print_seven(found, seven, missing, options)
    methods = {name: solve for name, solve in methods.items() if options.method or name not in TAKE_LONG}
    if ONE_BY_ONE in wanted:
        methods[ONE_BY_ONE] = ours_one_by_one
    for name in others:
        found[name] = run(WORLDS[name], methods, name, options.seeds)
    if others:
        world = f"{EVENTS} events, {options.seeds} seeds"
        print(f"\nErrors that sources share, {world}: mean abs log error of the median / truths in the 90 % interval\n")
        print_table(["method", *others, "CPU s"], short_rows(found, others))
    for method in missing.keys() - QUOTED.keys():
        print(f"not run: {method}: {missing[method]}\n")
    if not found:
        return
    print("All scores: coverage by randomised PIT, with its standard error; CRPS in people; log score, the mean log of")
    print(f"the probability of the truth, which counts as {FLOOR:g} where it is less\n")
    rows = []
    for name, by_method in found.items():
        for method, (scores, seconds) in by_method.items():
            rows.append([name, method, len(scores["error"]), *summarise(scores).values(), f"{seconds:.2f}"])
    header = ["scenario", "method", "events", "error", "exact", "50 %", "90 %", "95 %", "CRPS", "log score", "CPU s"]
    print_table(header, rows)


if __name__ == "__main__":
    main()
