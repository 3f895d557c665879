# SPDX-License-Identifier: MIT
"""
First reports, and what became of them
======================================

The United Nations office for humanitarian affairs (OCHA) publishes flash updates on Palestinians killed in the West
Bank since 7 October 2023, the same or the next day. Months later its database has the verified numbers. So a body
corrects itself in public, and one can look at how far the first figures were off.

Ten days, typed from the public record (as collected by *Palestine Datasets*, public domain): people killed since 7
October, as the flash update had it on that day, and as the verified database has it for that day.
"""

import csv
import os
import sys
from collections import defaultdict
from pathlib import Path

import reconcile as rc

FIGURES = {
    "2023-10-07": (3, 6),
    "2023-10-08": (13, 14),
    "2023-10-10": (19, 23),
    "2023-10-12": (33, 36),
    "2023-10-17": (61, 63),
    "2023-11-06": (147, 158),
    "2023-11-16": (186, 199),
    "2023-12-16": (278, 287),
    "2024-02-05": (373, 372),
    "2024-11-11": (751, 739),
}
VERIFIED = "2025-01-01"  # stands for "later": the collection does not say when a number was verified

# %%
# One source, two figures
# -----------------------
# Both are OCHA's, so the later one replaces the earlier one: ``revises`` says which. Each count is one of its own, from
# 7 October to the day.

ocha = rc.Source("OCHA", kind="intergovernmental")
west_bank = rc.Event("West Bank since 2023-10-07", place="West Bank", start="2023-10-07")


def count_to(day: str) -> rc.Quantity:
    """People killed up to and with this day."""
    return west_bank.killed(period=rc.Period("2023-10-07", day))


flash = {
    day: rc.Claim(count_to(day), rc.Exactly(first), ocha, reported=day, as_of=day)
    for day, (first, _) in FIGURES.items()
}
verified = {
    day: rc.Claim(count_to(day), rc.Exactly(later), ocha, reported=VERIFIED, as_of=day, revises=flash[day])
    for day, (_, later) in FIGURES.items()
}

# %%
# What could be known on the day
# ------------------------------
# ``as_of=`` forgets what was said later. Each day by itself, as a reader of that day's flash update would have
# estimated:

print("day          flash   estimate that day   verified   inside?")
held = 0
for day, (first, later) in FIGURES.items():
    then = rc.estimate([flash[day], verified[day]], as_of=day)[count_to(day)]
    low, high = then.eti(0.9)
    held += low <= later <= high
    told, inside = f"{then.median()} ({low}-{high})", "yes" if low <= later <= high else "no"
    print(f"{day} {first:>7}   {told:>17} {later:>10}   {inside}")
print(f"{held} of {len(FIGURES)} verified numbers are in the 90 % interval of the day")

# %%
# The first day fails: three dead were taken for exactly three, since small counts mostly are, and three bodies were
# still to be found. The later intervals hold, and are far wider than the corrections: a source of which nothing else is
# known is believed within a factor of two. A reader who has seen many such pairs gives this source a prior of its own.

# %%
# What is known now
# -----------------
# The flash figure stays on record, and no longer counts:

day = "2023-11-06"
now = rc.estimate([flash[day], verified[day]])
print(now[count_to(day)])
for role in now[count_to(day)].roles:
    print(f"    {role}")
print()
print(rc.history([flash[day], verified[day]], count_to(day)))

# %%
# How far first figures are off
# -----------------------------

off = [first / later - 1 for first, later in FIGURES.values()]
print("flash against verified:", ", ".join(f"{100 * one:+.0f} %" for one in off))
print(f"too low on {sum(one < 0 for one in off)} of {len(off)} days")

# %%
# All days
# --------
# With a path to the collection, on the command line or in ``RECONCILE_DATA``, all days that have both figures are
# compared, for all four counts: killed, injured, and the children among them.

folder = next(iter(sys.argv[1:]), os.environ.get("RECONCILE_DATA")) or "data"
path = Path(folder, "gaza_westbank", "west_bank_claims.csv")
if not path.is_file():
    print(f"no file {path}: name the folder that holds gaza_westbank/ on the command line or in RECONCILE_DATA")
else:
    by_day: dict[tuple[str, str], dict[str, int]] = defaultdict(dict)
    with path.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            by_day[row["quantity"], row["date"]][row["source"]] = int(row["value"])
    for counted in sorted({quantity for quantity, _ in by_day}):
        pairs = [
            (said["OCHA flash update"], said["OCHA verified database"])
            for (quantity, _), said in by_day.items()
            if quantity == counted and len(said) == 2
        ]
        below = sum(first < later for first, later in pairs) / len(pairs)
        ratios = sorted(first / later for first, later in pairs if later)
        print(
            f"{counted}: {len(pairs)} days; flash too low on {below:.0%}; median ratio {ratios[len(ratios) // 2]:.2f}"
        )

# %%
# What this does not know
# -----------------------
# These are ten days, picked to be spread over the period, and not ten independent trials: every count contains the one
# before, so one late correction moves all that follow. "Verified" is the same body's later word; nobody else counted.
# And a correction may change what is counted (who is included, which day a death is booked on) as well as how many.
