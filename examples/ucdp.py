# SPDX-License-Identifier: MIT
"""
Low, best and high, as UCDP publishes them
==========================================

The Uppsala Conflict Data Program gives three numbers for each event: the lowest and the highest that its sources
support, and a best estimate. They are one compiler's reading of reports that we do not see. How to code them is a
choice, and this page shows what each choice says.

Six events in the Central African Republic, from the UCDP Georeferenced Event Dataset, version 23.1 (Sundberg and
Melander 2013; CC BY 4.0), by its event ids.
"""

import csv
import os
import sys
from pathlib import Path

import reconcile as rc

EVENTS = {  # id: place, year, low, best, high
    "62993": ("Bangui", 2013, 450, 800, 1200),
    "266602": ("Bouca", 2014, 0, 198, 198),
    "238093": ("Bangassou", 2017, 72, 108, 115),
    "238201": ("Alindao", 2017, 32, 81, 81),
    "241763": ("Gambo", 2017, 6, 30, 80),
    "244610": ("Pombolo", 2017, 26, 26, 100),
}
ucdp = rc.Source("UCDP", kind="compiler")
year = rc.Event("Central African Republic 2017", start="2017-01-01", end="2017-12-31")
events = {
    number: rc.Event(f"{place} {number}", place=place, part_of=year if when == 2017 else None)
    for number, (place, when, *_) in EVENTS.items()
}

# %%
# Three codings
# -------------
# * ``Exactly(best)`` takes the best number as said to the last man. It throws the range away.
# * ``Between(low, high)`` takes the range, and throws the best number away.
# * ``Surveyed(best, low, high, level=...)`` takes all three, as an interval around a point. UCDP states no level: 0.9
#   is ours, and it is an assumption. It also wants a low of at least 1, and low < best < high.
#
# Where low, best and high agree, all of UCDP's sources do, and ``Exactly`` is right.


def three_codings(low: int, best: int, high: int) -> dict[str, rc.Value]:
    """Code the three numbers in each way that they allow."""
    codings: dict[str, rc.Value] = {"best alone": rc.Exactly(best), "low to high": rc.Between(low, high)}
    if 1 <= low < best < high:
        codings["all three"] = rc.Surveyed(best, low, high, level=0.9)
    return codings


for number, (place, when, low, best, high) in EVENTS.items():
    print(f"{place} {when}: low {low}, best {best}, high {high}")
    for coding, value in three_codings(low, best, high).items():
        killed = events[number].killed()
        print(f"    {coding:12} {rc.estimate([rc.Claim(killed, value, ucdp)])[killed]}")

# %%
# A range alone does not say where in it the number lies, so the prior does: most events have few dead, and the estimate
# leans to the low end. From 0 to 198 it is all but lost. And a low of 0 beside a best of 198 need not mean that perhaps
# nobody died; one of two sources may give no number. Code all three numbers where they allow it, else the best one.
#
# ``reconcile.io.ucdp`` reads UCDP's own files. Where the numbers agree, as in most events, it takes the number, else
# the range, since UCDP states no level; for events with a wide range, code by hand as here.
#
# The best number alone is read as it would be from any compiler: probably rounded or off by some, either way. It knows
# nothing of the high of 1,200 or the low of 26.

# %%
# A year
# ------
# Events are parts of the year, so their counts add up. Adding all lows and all highs gives a range that is far too
# wide: it is reached only if every event is at its end at once.

in_2017 = [number for number, (_, when, *_) in EVENTS.items() if when == 2017]
claims = []
for number in in_2017:
    codings = three_codings(*EVENTS[number][2:])
    claims.append(rc.Claim(events[number].killed(), codings.get("all three", codings["best alone"]), ucdp))
claims.append(rc.Claim(year.killed(), rc.AtLeast(0), ucdp))  # says nothing, but asks for the total
whole = rc.estimate(claims)
numbers_2017 = [EVENTS[number][2:] for number in in_2017]
lows, bests, highs = (sum(three[at] for three in numbers_2017) for at in range(3))
print(f"sums over the four events: low {lows}, best {bests}, high {highs}")
for number in in_2017:
    print(f"    {events[number]}: {whole[events[number].killed()]}")
print(f"the year: {whole[year.killed()]}")

# %%
# The total also has room for those killed in events that are not listed here; with four events of a year that had
# hundreds, that is the larger question, and no arithmetic answers it.

# %%
# The whole file
# --------------
# With a path to the country file, on the command line or in ``RECONCILE_DATA``, this prints where the best number lies
# when low and high differ.

folder = next(iter(sys.argv[1:]), os.environ.get("RECONCILE_DATA")) or "data"
path = Path(folder, "ucdp_ged_car", "ged231_central_african_republic.csv")
if not path.is_file():
    print(f"no file {path}: name the folder that holds ucdp_ged_car/ on the command line or in RECONCILE_DATA")
else:
    with path.open(encoding="utf-8", newline="") as file:
        numbers = [tuple(int(row[name]) for name in ("low", "best", "high")) for row in csv.DictReader(file)]
    open_ones = [(low, best, high) for low, best, high in numbers if low < high]
    at_low = sum(best == low for low, best, _ in open_ones) / len(open_ones)
    at_high = sum(best == high for _, best, high in open_ones) / len(open_ones)
    print(f"{len(numbers):,} events, in {len(open_ones)} of which low is below high")
    print(f"of these, best is the low in {at_low:.0%} and the high in {at_high:.0%}")

# %%
# What this does not know
# -----------------------
# UCDP counts deaths that it can attribute to an event with known parties and place. What it could not place is not in
# its numbers, and so not in ours. If you have the reports that UCDP read, code those and not their summary.
