# SPDX-License-Identifier: MIT
"""
Ranges and gradings, as Airwars publishes them
==============================================

Airwars records each incident of civilian harm with a lowest and a highest number of killed, gathered from all that
was said in public, and a grading of how well the incident is attested. Its range is an envelope over sources. It is
not an interval with a probability, and it is one compiler's claim, not one claim for each of its sources.

Three incidents in Gaza, with the figures of Airwars' public pages (airwars.org) by incident code. The attributed
claims were read from the pages' text by pattern, and are what is named there, not all that Airwars' researchers saw.
"""

import reconcile as rc
from reconcile import rules

airwars = rc.Source("Airwars", kind="monitor")
civilians = rc.Group(status="civilian")

# %%
# The range as one claim
# ----------------------
# ``Between(low, high)`` is softened: a tenth of the weight is for numbers beyond its ends, since ranges often miss.

rafah = rc.Event("ISPT0316", place="Rafah", start="2023-10-18", end="2023-10-18")
roads = rc.Event("ISPT0175", place="Salah al-Din road, Gaza", start="2023-10-13", end="2023-10-13")
radwan = rc.Event("ISPT1669", place="Sheikh Radwan, Gaza", start="2023-12-11", end="2023-12-11")
published = {rafah: rc.Between(13, 15), roads: rc.Between(12, 71), radwan: rc.Between(102, 200)}
ranges = rc.estimate([rc.Claim(event.killed(civilians), value, airwars) for event, value in published.items()])
for event, value in published.items():
    print(f"{event}: Airwars {value}; {ranges[event.killed(civilians)]}")

# %%
# The narrow range is taken as it stands. A wide one does not say where in it the number lies, so the prior does, and
# most incidents have few dead: the estimate leans to the low end. Whoever knows the middle, and trusts the range to
# hold the number nine times in ten, says so, with a level:

trusting = rc.Claim(radwan.killed(civilians), rc.Surveyed(143, 102, 200, level=0.9), airwars)
print(rc.estimate([trusting])[radwan.killed(civilians)])

# %%
# The claims beneath
# ------------------
# Where the pages name who said what, the claims themselves tell more than their envelope. They count people, not
# civilians only; that is a difference that no arithmetic mends, and here we take them as they are.

said: dict[rc.Event, list[tuple[str, rc.Value]]] = {
    rafah: [("Shehab Agency", rc.Exactly(10)), ("YPAgency", rc.Exactly(13)), ("a person, 867f", rc.Exactly(15))],
    roads: [("Almamlakah TV", rc.About(40)), ("Shehab Agency", rc.AtLeast(71))],
    radwan: [
        ("a person, 6233", rc.Exactly(32)),
        ("a person, 896d", rc.Exactly(70)),
        ("a person, df09", rc.Exactly(100)),
    ],
}
claims = [
    rc.Claim(event.killed(), value, rc.Source(name, kind="media" if name[0].isupper() else "witness"))
    for event, all_said in said.items()
    for name, value in all_said
]
beneath = rc.estimate(claims)
for event in said:
    about = [claim for claim in claims if claim.quantity == event.killed()]
    print(f"{event}: {beneath[event.killed()]}")
    print(f"    the rule of the envelope on the same claims: {rules.apply(rules.MIN_MAX, about)}")

# %%
# In the first incident the envelope of the claims named is 10 to 15, and Airwars' is 13 to 15: perhaps its researchers
# took the ten for an early count, or for another strike. In the third the claims named are all below Airwars' lowest
# number: what it rests on is not among them. A rule cannot know that, and neither can an estimate from these claims.

# %%
# Never both
# ----------
# To give both the envelope and the claims beneath it is to count every claim twice. If one must, the envelope has to
# say whom it quotes. ``quoted_from`` then makes it a relay, which counts for nothing beside its origin:

quoted = beneath[rafah.killed()].claims[0]
envelope = rc.Claim(rafah.killed(), rc.Between(13, 15), airwars, quoted_from=quoted)
about_rafah = [claim for claim in claims if claim.quantity == rafah.killed()]
for role in rc.estimate([*about_rafah, envelope])[rafah.killed()].roles:
    print(f"{role.claim.source}: {role.claim.value}, {role.role}")

# %%
# The grading
# -----------
# *Confirmed*, *fair*, *weak* and *contested* are about whether the incident is well attested and who is responsible;
# they are no accuracy of the number. *Weak* rests on a single source. We suggest to code a weak report as hedged, which
# widens it and never drops it, and to leave the others alone.

weak = rc.Event("a weak one").killed(civilians)
for hedged in (False, True):
    one = rc.estimate([rc.Claim(weak, rc.Exactly(12), airwars, hedged=hedged)])[weak]
    print(f"hedged: {hedged!s:5} {one}; just twelve: {one.pmf(12):.0%}")

# %%
# What this does not know
# -----------------------
# *Contested* means that several parties may be responsible. Here that changes nothing in the number, but it decides who
# has cause to deny: put every party named into ``perpetrators=``, and its own claims are read accordingly. And the
# estimate is for those who were killed in the incident; it says nothing of incidents that nobody reported.
