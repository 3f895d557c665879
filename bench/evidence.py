# SPDX-License-Identifier: MIT
"""Print the measured numbers behind the defaults of the model, from real claims read where they lie.

usage: evidence.py [DATA], DATA being the folder of claims; default ../shared/data beside the project.
"""

from __future__ import annotations

import csv
import sys
from collections import defaultdict
from pathlib import Path

import numpy as np
from scipy.optimize import minimize, nnls
from scipy.special import expit, ndtr, stdtr

DATA = Path(sys.argv[1] if len(sys.argv) > 1 else Path(__file__).parents[2] / "shared" / "data")


def rows(name, **wanted):
    with (DATA / name).open(encoding="utf-8", errors="replace", newline="") as file:
        return [row for row in csv.DictReader(file) if all(row[k] == v for k, v in wanted.items())]


def number(text):
    try:
        return float(text)
    except ValueError:
        return float("nan")


if not DATA.is_dir():
    sys.exit(f"no data at {DATA}: name the folder, as evidence.py DATA")
CIVIL_WAR = [row for row in rows("acw_battles/claims.csv", form="exact") if row["quantity"] != "strength"]
QUAKES = rows("quakes/claims.csv", form="exact")
SHOOTINGS = {row["event"]: number(row["truth"]) for row in rows("gva_news/truth.csv")}


def heading(text):
    print(f"\n{text}")


def rounding(label, figures):
    """Solve for the shares of figures that were rounded to each multiple."""
    for low, high, steps in ((10, 99, (10, 5)), (100, 999, (100, 50, 10, 5))):
        x = np.array([n for n in figures if low <= n <= high])
        multiples = np.array([np.mean(x % step == 0) for step in steps])
        # Share of the multiples of `step` among figures rounded to `by` (unrounded ones last).
        mix = np.array([[1.0 if by % step == 0 else by / np.lcm(by, step) for by in (*steps, 1)] for step in steps])
        shares = nnls(np.vstack([mix, 100 * np.ones(len(steps) + 1)]), np.append(multiples, 100.0))[0]
        rounded = shares[:-1].sum()
        split = ", ".join(f"to {s}: {share / rounded:.2f}" for s, share in zip(steps, shares, strict=False))
        print(f"  {label}, {low}-{high} ({len(x)} figures): rounded {rounded:.2f}; of these {split}")


def fives(label, figures):
    """Say how many of the figures from 3 to 7 are a five more than its neighbours let expect."""
    count = {n: sum(figure == n for figure in figures) for n in range(3, 8)}
    excess = count[5] - np.sqrt(count[4] * count[6])
    total = sum(count.values())
    print(f"  {label}, 3-7 ({total} figures): rounded to 5 {excess / total:.2f}")


def round_or_plain(label, claims):
    """Say how far another figure of the same count lies from a round one (hundreds) and from one that is not."""
    pairs = [(a, b) for a, b in pairs_of(claims, both=True) if 100 <= a < 1_000]
    for name, kept in (("round", [p for p in pairs if p[0] % 100 == 0]), ("plain", [p for p in pairs if p[0] % 100])):
        plain = np.abs(np.log([b / a for a, b in kept if b % 100]))
        print(
            f"  {label}, 100-999, {name} beside a plain figure ({len(plain)} pairs): median ratio of the unequal"
            f" {np.exp(np.median(plain[plain > 0])):.2f}, within 10 % {np.mean(plain < np.log(1.1)):.2f}"
        )


def fit_lognormal(counts):
    """Fit a log-normal rounded at the half-integers to counts of at least 1."""
    x = np.array([n for n in counts if n >= 1])

    def loss(p):
        mu, sigma = p[0], np.exp(p[1])
        mass = ndtr((np.log(x + 0.5) - mu) / sigma) - ndtr((np.log(x - 0.5) - mu) / sigma)
        return -np.sum(np.log(np.maximum(mass, 1e-300))) + len(x) * np.log(ndtr(-(np.log(0.5) - mu) / sigma))

    found = minimize(loss, [np.median(np.log(x)), 0.5], method="Nelder-Mead").x
    return f"log-normal({found[0]:.2f}, {np.exp(found[1]):.2f}) from {len(x)} counts"


def by_event(claims, quantity):
    grouped = defaultdict(list)
    for row in claims:
        if row["quantity"] == quantity:
            grouped[row["event"]].append(number(row["low"]))
    return [float(np.median(values)) for values in grouped.values()]


def ratios(label, pairs):
    """Disagreement of two figures of one count."""
    ratio = np.abs(np.log([max(a, b) / min(a, b) for a, b in pairs]))
    apart = ratio[ratio > 0]
    size = np.array([max(a, b) for a, b in pairs])
    print(
        f"  {label}: {len(pairs)} pairs, equal {np.mean(ratio == 0):.2f}; of the unequal, median ratio"
        f" {np.exp(np.median(apart)):.2f}, 90 % within {np.exp(np.quantile(apart, 0.9)):.2f}; spread of one figure, if"
        f" both err, {np.median(apart) / 0.6745 / np.sqrt(2):.2f}; beyond a factor 20 {np.mean(ratio > np.log(20)):.4f}"
    )
    cells = []
    for low, high in ((1, 1), (2, 4), (5, 9), (10, 24), (25, 99), (100, 999), (1_000, 9_999), (10_000, 1e12)):
        here = (size >= low) & (size <= high)
        if here.sum() >= 20:
            cells.append(f"from {low:,}: {np.mean(ratio[here] > 0):.2f}")
    print(f"    share unequal {', '.join(cells)}")


def exactness(label, pairs, spread, *, known=False):
    """Fit how often a figure is known, logit a - b sqrt(log n), of pairs of figures, or of figures and `known` truths.

    Other figures are Student's t with 4 degrees around the truth on the log scale, and may hit it. Both figures of a
    pair are taken to be known, or to hit the truth, by themselves; that errs where one copies the other.
    """
    size = np.array([b if known else min(a, b) for a, b in pairs])
    equal, root = np.array([a == b for a, b in pairs]), np.sqrt(np.log(np.maximum(size, 1)))
    hit = stdtr(4, np.log((size + 1) / (size + 0.5)) / spread) - stdtr(4, np.log(size / (size + 0.5)) / spread)

    def loss(p):
        faithful = expit(p[0] - p[1] * root)
        chance = np.clip((faithful + (1 - faithful) * hit) ** (1 if known else 2), 1e-9, 1 - 1e-9)
        return -np.sum(np.where(equal, np.log(chance), np.log1p(-chance)))

    a, b = minimize(loss, [2.0, 1.0], method="Nelder-Mead").x
    unknown = ", ".join(f"{1 - expit(a - b * np.sqrt(np.log(n))):.2f} at {n}" for n in (5, 30, 300))
    print(f"  {label}, spread {spread}: logit {a:.2f} - {b:.2f} sqrt(log n); not known {unknown}")


def pairs_of(claims, keys=("event",), *, both=False):
    grouped = defaultdict(list)
    for row in claims:
        if number(row["low"]) > 0:
            grouped[tuple(row[key] for key in keys)].append(number(row["low"]))
    found = [(v[i], v[j]) for v in grouped.values() for i in range(len(v)) for j in range(i)]
    return found + [(b, a) for a, b in found] if both else found


def main():
    heading("Heaping: share of figures that were rounded")
    rounding("Civil War", [number(row["low"]) for row in CIVIL_WAR])
    rounding("earthquakes", [number(row["low"]) for row in QUAKES])
    fives("Civil War", [number(row["low"]) for row in CIVIL_WAR])
    fives("earthquakes", [number(row["low"]) for row in QUAKES if row["quantity"] == "killed"])
    for source in ("Bodart1908", "Fox1898"):
        x = np.array([number(row["low"]) for row in CIVIL_WAR if row["source"] == source])
        x = x[x >= 100]
        print(f"  {source}: {np.mean(x % 100 == 0):.2f} of {len(x)} figures from 100 end in 00")

    round_or_plain("Civil War", CIVIL_WAR)
    round_or_plain("earthquakes", [row for row in QUAKES if row["quantity"] == "killed"])

    heading("Counts")
    ged = [number(row["best"]) for row in rows("ucdp_ged_car/ged231_central_african_republic.csv")]
    print(f"  UCDP GED, Central African Republic: 0 in {np.mean(np.array(ged) == 0):.2f}; {fit_lognormal(ged)}")
    airwars = rows("airwars_gaza/incidents.csv")
    for outcome in ("killed", "injured"):
        most = [number(row[f"{outcome}_max"]) for row in airwars]
        print(f"  Airwars Gaza, {outcome}, maximum: {fit_lognormal(most)}")
        shot = [n for event, n in SHOOTINGS.items() if event.endswith(f"/{outcome}")]
        print(f"  US shootings, {outcome}: 0 in {np.mean(np.array(shot) == 0):.2f}; {fit_lognormal(shot)}")
    for outcome in ("killed", "wounded"):
        print(f"  earthquakes, {outcome}: {fit_lognormal(by_event(QUAKES, outcome))}")
    for outcome in ("killed", "wounded", "missing", "captured", "casualties"):
        print(f"  Civil War, {outcome}: {fit_lognormal([n for n in by_event(CIVIL_WAR, outcome) if n < 1e6])}")
    least = np.array([number(row["killed_min"]) for row in airwars])
    most = np.array([number(row["killed_max"]) for row in airwars])
    known = np.isfinite(least) & np.isfinite(most)
    print(
        f"  Airwars Gaza: minimum 0 beside a positive maximum in {np.mean((least == 0)[known] & (most > 0)[known]):.4f}"
    )

    heading("Disagreement: fidelity, spread, gross errors")
    ratios("Civil War historians", pairs_of(CIVIL_WAR))
    ratios("earthquake catalogues", pairs_of(QUAKES))
    news = [
        (number(row["low"]), SHOOTINGS[row["event"]])
        for row in rows("gva_news/claims.csv", form="exact")
        if number(row["low"]) > 0 and SHOOTINGS.get(row["event"], 0) > 0
    ]
    ratios("shooting news against the later record", news)

    heading("Known numbers, besides those that noise hits")
    for spread in (0.12, 0.25):
        exactness("Civil War historians", pairs_of(CIVIL_WAR), spread)
    for spread in (0.25, 0.5):
        exactness("earthquake catalogues", pairs_of([r for r in QUAKES if r["quantity"] == "killed"]), spread)
    killed = [
        (number(row["low"]), SHOOTINGS[row["event"]])
        for row in rows("gva_news/claims.csv", form="exact", quantity="killed")
        if number(row["low"]) > 0 and SHOOTINGS.get(row["event"], 0) > 0
    ]
    for spread in (0.25, 0.43):
        exactness("shooting news, killed, against the later record", killed, spread, known=True)
    told = pairs_of(rows("airwars_gaza/attributed_claims.csv", form="exact"), ("incident", "quantity"))
    print(f"  Airwars Gaza, attributed claims: {len(told)} pairs, equal {sum(a == b for a, b in told)}")


if __name__ == "__main__":
    main()
