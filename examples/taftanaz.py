# SPDX-License-Identifier: MIT
"""
One news report, fourteen claims
================================

On 10 February 2020 a news agency reported from Idlib, in north-western Syria. In one short text a ministry, a
monitoring group, activists and the agency itself give numbers, some of which contradict each other. Here they are
written down, each with who said it and in the words in which it was said, and estimated.

The same claims stand in ``taftanaz.csv`` beside this file, for those who would rather fill in a table; at the end we
check that both give the same estimates.
"""

from pathlib import Path

import reconcile as rc
from reconcile.io import table

# %%
# Who speaks
# ----------
# A ministry counts its own soldiers; the activists speak for a side; the other two stand outside the fight.

ministry = rc.Source("Turkish defence ministry", kind="government", sides={"Turkey"})
observatory = rc.Source("Syrian Observatory for Human Rights", kind="monitor")
activists = rc.Source("opposition activists", kind="witness", sides={"Syrian opposition"})
agency = rc.Source("news agency", kind="media")

# %%
# What happened
# -------------
# The ministry speaks of Syrian shelling in Idlib, the Observatory of the shelling of the Taftanaz air base. That both
# mean one event is the coder's judgement. Who doubts it would write the other reading, in which the air base is one of
# the places that were shelled that day, and the ministry counts them all:
#
# .. code-block:: python
#
#     idlib = rc.Event("idlib-shelling-2020-02-10", place="Idlib", perpetrators={"Syria"})
#     shelling = rc.Event("taftanaz-2020-02-10", place="Taftanaz, Idlib", perpetrators={"Syria"}, part_of=idlib)
#
# give the ministry's claims to ``idlib`` and the Observatory's to ``shelling`` (in the table: the column ``part_of``).

shelling = rc.Event(
    "taftanaz-2020-02-10", place="Taftanaz, Idlib", start="2020-02-10", end="2020-02-10", perpetrators={"Syria"}
)
air_strike = rc.Event("idlib-air-strike", place="a rebel-held region near Taftanaz")
clash = rc.Event("idlib-clash-2020-02-03", place="Idlib", start="2020-02-03", end="2020-02-03")
flight = rc.Event("idlib-displacement", place="Idlib")

# %%
# Who was counted
# ---------------

turkish_soldiers = rc.Group(party="Turkey", status="military")
turkish_personnel = rc.Group(party="Turkey", status={"military", "civilian"})
syrian_soldiers = rc.Group(party="Syria", status="military")
rebels = rc.Group(party="Syrian rebels", status="militant")
children = rc.Group(age="child")
badly_housed = rc.Group(shelter={"open-air", "temporary"})

# %%
# What was claimed
# ----------------
# "Nine people, including children" is two claims: nine people, and a plural of children, which is at least two. "Half
# of them are believed to be children" is a share, and hedged. "13 Syrian soldiers" and "13 Syrian troops" are one count
# told twice by one source: both are written down, and count once.

said: list[tuple[rc.Quantity, rc.Value, rc.Source, bool]] = [
    (shelling.killed(turkish_soldiers), rc.Exactly(5), ministry, False),
    (shelling.injured(turkish_soldiers), rc.Exactly(5), ministry, False),
    (shelling.killed(turkish_soldiers), rc.Exactly(6), observatory, False),
    (shelling.injured(turkish_soldiers), rc.Exactly(7), observatory, False),
    (shelling.killed(rebels), rc.Exactly(4), observatory, False),
    (air_strike.killed(), rc.Exactly(9), activists, False),
    (air_strike.killed(children), rc.AtLeast(2), activists, False),
    (clash.killed(turkish_personnel), rc.Exactly(8), agency, False),
    (clash.killed(syrian_soldiers), rc.Exactly(13), agency, False),
    (clash.killed(turkish_soldiers), rc.Exactly(8), agency, False),
    (clash.killed(syrian_soldiers), rc.Exactly(13), agency, False),
    (flight.displaced(), rc.About(600_000), agency, False),
    (flight.displaced(children), rc.Share(0.5, 0.5), agency, True),
    (flight.displaced(badly_housed), rc.Share(0.5, 1), agency, False),
]
claims = [
    rc.Claim(quantity, value, source, hedged=hedged, reported="2020-02-10", id=f"t{number}")
    for number, (quantity, value, source, hedged) in enumerate(said, start=1)
]

# %%
# What to believe
# ---------------
# Each estimate is a probability for every possible count. The median is the most even bet; the interval holds the true
# number nine times in ten, given these claims and the assumptions of the model.

posterior = rc.estimate(claims)
for quantity in posterior.quantities:
    print(f"{quantity}:\n    {posterior[quantity]}")

# %%
# The table gives the same
# ------------------------
# A claim read from the table also carries its wording and its publisher, which move no number.

here = Path(__file__).parent if "__file__" in globals() else Path()
from_table = rc.estimate(table.read(here / "taftanaz.csv", strict=True))
assert from_table.rows() == posterior.rows()
