# SPDX-License-Identifier: MIT
"""
Sixteen battles: historians learned, one left out
=================================================

One battle says little of the historians. Sixteen battles, two armies each, show who rounds, who copies whom, and how
far they are apart; and then one of them can be left out and predicted, which is as near to a test as history allows.
"""

import csv
import os
import sys
from pathlib import Path

import numpy as np

import reconcile as rc

# %%
# The figures
# -----------
# Losses (killed, wounded, missing and captured) as collected by J. B. Arnold, *acw_battle_data* (CC BY 4.0), from the
# books named in the first line. With a path, on the command line or in ``RECONCILE_DATA``, the whole collection is read
# at the end.

HISTORIANS = "Phisterer-1883 Fox-1898 Bodart-1908 CDB90-1990 CWSAC-1993 Kennedy-1998 Greer-2005 CWSS-2010 Trust-2015"
FIGURES = """
First Manassas   Confederate   1752  1982  2000  1982  1750  1982  1982  1982  1982
First Manassas   US            2952  3334  2900  2896  2950  2896  2896  2896  2896
Wilson's Creek   Confederate   1095  1095  1300  1095  1095   464  1222   464  1095
Wilson's Creek   US            1235  1235  1300  1235  1235  1317  1317  1317  1235
Fort Donelson    Confederate  15067 15829 15000  2000 15067 17000 17000 17000 13846
Fort Donelson    US            2331  2832  2900  2609  2331  2832  2832  2832  2691
Shiloh           Confederate  10699 10694 10800 10699 10699 10699 10699 10699 10669
Shiloh           US           13573 13047 13000 13047 13047 13047 13047 13047 13047
Seven Pines      Confederate   7997  6134  7000  6100  7997  6100  6100  6100  7997
Seven Pines      US            5739  5031  5000  5000  5739  5000  5000  5000  5739
Cedar Mountain   Confederate   1367  1314  1300  1338  1307  1400  1400  1400  1307
Cedar Mountain   US            1400  2381  2500  2353  1400  2500  2500  2500  1400
Perryville       Confederate   7000  3396  3400  3396  3196  3396  3396  3396  3401
Perryville       US            4348  4211  4200  4211  4211  4211  4211  4211  4220
Fredericksburg   Confederate   4576  5315  5400  4656  4576  5300  5300  5300  4576
Fredericksburg   US           12353 12653 13000 12653 13353 12600 12600 12600 13353
Stones River     Confederate  25560 10266 10400 11739 10266 10000 10000 10000 11739
Stones River     US           11578 13249 13600 12906 13249 13000 13000 13000 12906
Champion Hill    Confederate   4300  3839  6000  3851  4300  3840  3840  3840  3840
Champion Hill    US            2457  2441  2500  2441  2457  2441  2441  2441  2457
Gettysburg       Confederate  31621 20448 22000 28063 28000 28000 28000 28000 28063
Gettysburg       US           23186 23001 23000 23049 23000 23000 23000 23000 23049
Chickamauga      Confederate  17804 16456 17800 18454 18454 18454 18454 18454 18454
Chickamauga      US           15851 16179 16500 16170 16170 16170 16170 16170 16170
Chattanooga      Confederate   8684  6667  7000  6667  6670  6667  6667  6667  6670
Chattanooga      US            5616  5382  6000  5824  5815  5815  5815  5815  5815
Opequon          Confederate   5500  3611  4000  3921  3610  3610  3610  3610  3610
Opequon          US            4990  5018  5000  5018  5020  5020  5020  5020  5020
Cedar Creek      Confederate   4200  2910  3100  2910  2910  2910  2910  2010  3060
Cedar Creek      US            5995  5665  5700  5665  5665  5672  5672  5672  5764
Bentonville      Confederate   2825  2606  3300  2606  3092  2606  2606  2606  2606
Bentonville      US            1646  1646  1700  1646  1646  1527  1527  1527  1527
"""
losses = rc.Outcome("losses", {"killed", "injured", "missing", "captured"})


def read_figures() -> list[rc.Claim]:
    """Make a claim of every figure above."""
    speakers = [one.split("-") for one in HISTORIANS.split()]
    claims = []
    for line in FIGURES.strip().splitlines():
        battle, (side, *numbers) = line[:17].strip(), line[17:].split()
        lost = rc.Event(battle).count(losses, rc.Group(party=side))
        for (name, year), number in zip(speakers, numbers, strict=True):
            source = rc.Source(name, kind="compiler")
            claims.append(rc.Claim(lost, rc.Exactly(int(number)), source, reported=f"{year}-07-01"))
    return claims


claims = read_figures()
print(rc.Corpus(claims))

# %%
# What the corpus teaches
# -----------------------
# ``estimate`` learns the sources together with the counts. Heaping is the propensity to round. Copying is how
# often a source repeats an earlier one. "Equal" is how often a figure equals one that is earlier.

posterior = rc.estimate(claims)
print(f"effective draws: {posterior.diagnostics.ess:.0f}")
print("source        heaping   copying   equal to an earlier figure")
for one in HISTORIANS.split():
    name, _, year = one.partition("-")
    mine = {claim.quantity: claim.value for claim in claims if claim.source.name == name}
    before = [claim for claim in claims if str(claim.reported) < f"{year}-07-01"]
    equal = np.mean([any(c.quantity == q and c.value == value for c in before) for q, value in mine.items()])
    found = posterior.sources[name]
    heaping = f"{found.heaping.mean():.2f}" if found.heaping else "-"
    copying = f"{found.copying.mean():.2f}" if found.copying else "-"
    print(f"{name:12} {heaping:>8} {copying:>9} {equal:>10.2f}")

# %%
# Greer and CWSS repeat others, nearly always; Bodart rounds, and repeats nobody. To be equal is not to copy: half of
# the figures of CDB90 equal an earlier one, and a fifth of its claims are put down to copying. Careful writers agree
# because they are careful; equality tells only as far as it would be improbable without copying.

# %%
# Leave one out
# -------------
# Fox (1898) went back to the rolls. We take him away, learn from the other eight, and see how far our medians are from
# what he says. Then the same for the usual ways to one number.


def log_error(guess: float, said: int) -> float:
    """Distance of the logarithms: .10 is about ten per cent."""
    return abs(float(np.log((guess + 0.5) / (said + 0.5))))


fox = {
    claim.quantity: claim.value.n
    for claim in claims
    if claim.source.name == "Fox" and isinstance(claim.value, rc.Exactly)
}
others = [claim for claim in claims if claim.source.name != "Fox"]
without = rc.estimate(others)
heard = {q: [c.value.n for c in others if c.quantity == q and isinstance(c.value, rc.Exactly)] for q in fox}
methods = {
    "reconcile": {q: float(without[q].median()) for q in fox},
    "median of claims": {q: float(np.median(heard[q])) for q in fox},
    "mean of claims": {q: float(np.mean(heard[q])) for q in fox},
    "lowest claim": {q: float(min(heard[q])) for q in fox},
}
for method, guesses in methods.items():
    errors = [log_error(guesses[q], said) for q, said in fox.items()]
    print(f"{method:17} mean absolute log error {np.mean(errors):.3f}, median {np.median(errors):.3f}")
low_high = {q: without[q].eti(0.9) for q in fox}
inside = sum(low <= fox[q] <= high for q, (low, high) in low_high.items())
print(f"Fox is within the 90 % interval of {inside} of {len(fox)} counts")

# %%
# Where we are furthest from him:

for q in sorted(fox, key=lambda q: -log_error(methods["reconcile"][q], fox[q]))[:3]:
    low, high = low_high[q]
    print(
        f"{q.event.id}, {q.group}: Fox {fox[q]:,}; the others {sorted(heard[q])}; "
        f"we {methods['reconcile'][q]:,.0f} (90 % {low:,}-{high:,})"
    )

# %%
# How to read this: the plain median of eight claims is a little closer to Fox than we are. Nearly half of that is
# Stones River alone, where :doc:`two books each say two things </gallery/stones_river>`; of thirty-two counts a
# difference of a hundredth is chance. And Fox is no truth. Our interval is for the true number, not for what another
# historian will write, so it need not hold him nine times in ten; where he is outside, either he or the others are
# wrong, and where all the others have copied one book, we are too sure.

# %%
# The whole collection
# --------------------
# With a path to the collection, the sources are learned from the losses in all its battles.

folder = next(iter(sys.argv[1:]), os.environ.get("RECONCILE_DATA")) or "data"
path = Path(folder, "acw_battles", "claims.csv")
if not path.is_file():
    print(f"no file {path}: name the folder that holds acw_battles/ on the command line or in RECONCILE_DATA")
else:
    collected = []
    with path.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            if row["quantity"] == "casualties" and row["form"] == "exact":
                lost = rc.Event(row["battle"]).count(losses, rc.Group(party=row["side"]))
                source = rc.Source(row["source"], kind="compiler")
                said = rc.Exactly(int(row["low"]))
                collected.append(rc.Claim(lost, said, source, reported=f"{row['pub_year']}-07-01"))
    print(rc.Corpus(collected))
    for name, learned in rc.estimate(collected).sources.items():
        print(f"{name:20} copying {learned.copying}, heaping {learned.heaping}")

# %%
# What this does not know
# -----------------------
# Where three sources nearly always agree, two readings fit: that two of them copy the third, or that all three know the
# number. Learning tries both and keeps the likelier. In the whole collection that is the one of history: Greer and CWSS
# took the figures of Kennedy, and where they differ from him tells. Of three that never differ the claims tell nothing,
# and the priors decide, which expect observers. Who knows that one book was typed from another should say so
# (``quoted_from=``), and not leave it to be found.
