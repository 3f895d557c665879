# SPDX-License-Identifier: MIT
"""Estimate real claims and compare with the later record, beside the ways people use today.

usage: accuracy.py [DATA], DATA being the folder of claims; default ../shared/data beside the project.

US shootings (`gva_news`): what news sites wrote, extracted by machine, against the later record of the Gun Violence
Archive. Each incident is estimated by itself, sources at their priors; nothing is learned from the others.
"""

from __future__ import annotations

import csv
import sys
from collections import defaultdict
from pathlib import Path

import numpy as np

import reconcile as rc

DATA = Path(sys.argv[1] if len(sys.argv) > 1 else Path(__file__).parents[2] / "shared" / "data")
KINDS = {"exact": rc.Exactly, "at_least": rc.AtLeast, "at_most": rc.AtMost, "about": rc.About}
SHOT = rc.Outcome("shot", {"killed", "injured"})


def rows(name):
    with (DATA / "gva_news" / name).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def read(row):
    event = rc.Event(row["incident"])
    quantity = event.count(SHOT if row["quantity"] == "shot" else row["quantity"])
    low, high = float(row["low"] or 0), float(row["high"] or "nan")
    if row["form"] == "vague":
        value = rc.Between(int(low), int(high)) if np.isfinite(high) else rc.AtLeast(int(low))
    else:
        value = KINDS[row["form"]](int(high if row["form"] == "at_most" else low))
    return rc.Claim(quantity, value, rc.Source(row["source"], kind="media"), reported=row["doc_date"] or None)


def main():
    if not DATA.is_dir():
        sys.exit(f"no data at {DATA}: name the folder, as accuracy.py DATA")
    truth = {row["event"]: int(float(row["truth"])) for row in rows("truth.csv") if row["truth"]}
    incidents = defaultdict(list)
    for row in rows("claims.csv"):
        incidents[row["incident"]].append(row)
    errors, inside, pit, exact = defaultdict(list), defaultdict(list), [], defaultdict(list)
    rng = np.random.default_rng(0)
    for found in incidents.values():
        posterior = rc.estimate([read(row) for row in found], draws=256)
        for name in {row["event"] for row in found}:
            said = [float(row["low"] or row["high"]) for row in found if row["event"] == name]
            if len(said) < 2 or name not in truth:
                continue
            quantity = next(q for q in posterior.quantities if f"{q.event}/{q.outcome}" == name)
            one, true = posterior[quantity], truth[name]
            guesses = {
                "lowest claim": min(said), "mean of claims": np.mean(said), "median of claims": np.median(said),
                "reconcile, median": one.median(),
            }  # fmt: skip
            for method, guess in guesses.items():
                errors[method].append(abs(np.log((guess + 0.5) / (true + 0.5))))
                exact[method].append(guess == true)
            for level in (0.5, 0.9, 0.95):
                low, high = one.eti(level)
                inside[level].append(low <= true <= high)
            pit.append(one.cdf(true) - rng.random() * one.pmf(true))
    print(f"US shootings: {len(pit)} quantities with two claims or more, from {len(incidents)} incidents")
    print(f"{'method':<20} {'mean abs log error':>18} {'exact':>7}")
    for method, found in errors.items():
        print(f"{method:<20} {np.mean(found):>18.3f} {np.mean(exact[method]):>7.2f}")
    for level, found in inside.items():
        u = np.array(pit)
        randomised = np.mean((u > (1 - level) / 2) & (u < (1 + level) / 2))
        print(f"truths in the {100 * level:g} % interval: {np.mean(found):.2f} (by randomised PIT {randomised:.2f})")


if __name__ == "__main__":
    main()
