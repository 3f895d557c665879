# SPDX-License-Identifier: MIT
"""
A number against logic alone
============================

Before any model, arithmetic: do the parts add up, can all of these claims be true, and what must follow if they are?
``rc.bounds`` and ``rc.contradictions`` answer with no prior at all.
"""

import reconcile as rc

# %%
# A slip in a table
# -----------------
# The Confederate losses at Shiloh (6-7 April 1862), as Bodart (1908) stands in the collection of J. B. Arnold,
# *acw_battle_data* (CC BY 4.0). He gives the dead, the wounded, and both together.

shiloh = rc.Event("Shiloh", start="1862-04-06", end="1862-04-07")
south = rc.Group(party="Confederate")
bodart = rc.Source("Bodart 1908", kind="compiler")
fox = rc.Source("Fox 1898", kind="compiler")
dead, wounded, both = shiloh.killed(south), shiloh.injured(south), shiloh.count("casualties", south)

claims = [
    rc.Claim(dead, rc.Exactly(1_730), bodart),
    rc.Claim(wounded, rc.Exactly(1_000), bodart),
    rc.Claim(both, rc.Exactly(9_800), bodart),
]
print(rc.contradictions(claims))

# %%
# 1,730 and 1,000 are not 9,800. Some digit slipped, in 1908 or since; which one, logic does not say. But it says what
# any two of the three imply. Trusting the dead and the sum:

trusted = rc.bounds(claims, trust=[claims[0].id, claims[2].id])
print(trusted[wounded])

# %%
# Fox has 8,012 wounded. With him, the 1,000 stands in two contradictions, by thousands of men; without it all that is
# left is a difference of 58, which is rounding. That is where the slip is likely to be:

for contradiction in rc.contradictions([*claims, rc.Claim(wounded, rc.Exactly(8_012), fox)]):
    print(contradiction)

# %%
# What must follow
# ----------------
# "A clash killed eight Turkish military and civilian personnel", and further down in the same report: "eight Turkish
# military personnel". Then no civilian died; the sentence only sounds as if some had.

agency = rc.Source("news agency", kind="media")
clash = rc.Event("Idlib, 3 February 2020")
personnel = clash.killed(rc.Group(party="Turkey", status={"military", "civilian"}))
soldiers = clash.killed(rc.Group(party="Turkey", status="military"))
civilians = clash.killed(rc.Group(party="Turkey", status="civilian"))
report = [rc.Claim(personnel, rc.Exactly(8), agency), rc.Claim(soldiers, rc.Exactly(8), agency)]
bounds = rc.bounds(report, quantities=[civilians])
print(bounds[civilians])
for claim in bounds.forced_by(civilians)[1]:
    print(f"    because {claim}")

# %%
# A headline
# ----------
# "At least 40 killed, most of them children": how many children is that, at the least? And can "fewer than 15
# children", said by another, be true as well?

strike, paper = rc.Event("strike"), rc.Source("paper", kind="media")
children = strike.killed(rc.Group(age="child"))
headline = [rc.Claim(strike.killed(), rc.AtLeast(40), paper), rc.Claim(children, rc.Share(0.5, 1.0), paper)]
print(rc.bounds(headline)[children])
print(rc.contradictions([*headline, rc.Claim(children, rc.AtMost(14), rc.Source("ministry"))]))

# %%
# How far is too far?
# -------------------
# Reports of war contradict each other; that is no error of the table. ``radius`` is the smallest relative change with
# which all of them fit together: the smaller, the less one needs to explain.

for one, other in ((5, 6), (50, 60), (12, 90)):
    pair = [rc.Claim(strike.killed(), rc.Exactly(n), rc.Source(name)) for n, name in ((one, "A"), (other, "B"))]
    print(f"{one} against {other}: {rc.radius(pair):.0%}")

# %%
# What this does not know
# -----------------------
# Logic takes every claim at its word. It does not know that 90 is a typing slip for 9, that a ministry denies, or that
# two books count different things. ``estimate`` weighs all that; logic only says what cannot be.
