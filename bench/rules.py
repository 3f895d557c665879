# SPDX-License-Identifier: MIT
"""Set our coding rules beside what compilers coded from reports, as far as the claims that they saw are known.

usage: rules.py [DATA], DATA being the folder of claims; default ../shared/data beside the project.

Airwars: the claims were extracted by regular expression and are not all that the compilers read, so their range should
hold ours more often than equal it. Words ("dozens") are left out: the extract keeps a number in their place.
UCDP: no claims, but it shows where the best estimate lies between low and high.
"""

from __future__ import annotations

import sys
from pathlib import Path

import pandas as pd

import reconcile as rc
from reconcile import rules

VALUES = {"exact": rc.Exactly, "at_least": rc.AtLeast, "about": rc.About, "at_most": rc.AtMost}


def airwars(folder):
    """Give our ranges beside the coded ones, for counts with two claims in figures or more."""
    coded = pd.read_csv(folder / "airwars_gaza" / "incidents.csv").set_index("page")
    said = pd.read_csv(folder / "airwars_gaza" / "attributed_claims.csv")
    found = []
    for (page, outcome), rows in said[said["form"].isin(VALUES)].groupby(["incident", "quantity"]):
        low, high = coded.loc[page, f"{outcome}_min"], coded.loc[page, f"{outcome}_max"]
        quantity = rc.Event(page).count(outcome)
        claims = [
            rc.Claim(quantity, VALUES[row.form](int(row.high if row.form == "at_most" else row.low)), source)
            for row in rows.itertuples()
            for source in [rc.Source(row.source)]
        ]
        if pd.notna(low) and len(claims) > 1:
            answer = rules.apply(rules.MIN_MAX, claims)
            lowest, highest = rules.apply(rules.LOWEST, claims).point, rules.apply(rules.HIGHEST, claims).point
            assert (answer.low, answer.high) == (lowest, highest)
            found.append((answer.low, answer.high, low, high))
    return pd.DataFrame(found, columns=["low", "high", "coded_low", "coded_high"])


def ucdp(folder):
    """Give low, best and high of events where low and high differ."""
    name = folder / "ucdp_ged_car" / "ged231_central_african_republic.csv"
    rows = pd.read_csv(name, usecols=["low", "best", "high"])
    return rows[rows["low"] < rows["high"]]


def main(arguments):
    data = Path(*arguments[:1] or [Path(__file__).resolve().parents[2] / "shared" / "data"])
    ours = airwars(data)
    low, high = ours["low"] == ours["coded_low"], ours["high"] == ours["coded_high"]
    inside = (ours["low"] >= ours["coded_low"]) & (ours["high"] <= ours["coded_high"])
    print(f"Airwars Gaza, counts with two claims in figures or more: {len(ours)}")
    print(f"  same minimum {low.mean():.0%}, same maximum {high.mean():.0%}, both {(low & high).mean():.0%}")
    print(f"  our range within the coded one {inside.mean():.0%}")
    events = ucdp(data)
    best = events["best"]
    print(f"UCDP, Central African Republic, events with low below high: {len(events)}")
    between = (best > events["low"]) & (best < events["high"])
    shares = [(best == events["low"]).mean(), between.mean(), (best == events["high"]).mean()]
    print("  best is the low {:.0%}, between {:.0%}, the high {:.0%}".format(*shares))


if __name__ == "__main__":
    main(sys.argv[1:])
