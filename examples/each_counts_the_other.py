# SPDX-License-Identifier: MIT
"""
A war in which each side counts the other's dead
================================================

By mid-September 2022, some two hundred days into Russia's invasion of Ukraine, Ukraine spoke of 54,810 Russian soldiers
killed and of 9,000 of its own; Russia of 5,937 of its own and of 61,207 Ukrainians. Both cannot be believed as they
stand, and neither is nothing.

The figures are from the replication data of Radford, Dai, Stoehr, Schein, Fernandez and Sajid, "Estimating conflict
losses and reporting biases", *Proceedings of the National Academy of Sciences* 120 (2023): what groups of sources said
of military deaths, by days since 23 February 2022. We take the last figure of each group up to day 210.
"""

import math

import reconcile as rc

# %%
# Who speaks
# ----------
# ``sides`` says to whom a source belongs, ``opposes`` whom it fights. From these follows how it stands to the people it
# counts: its own side, its enemy's, or neither.

ukraine = rc.Source("Ukraine", kind="government", sides={"Ukraine"}, opposes={"Russia"})
russia = rc.Source("Russia", kind="government", sides={"Russia"}, opposes={"Ukraine"})
britain = rc.Source("Britain", kind="government")
states = rc.Source("United States", kind="government")

war = rc.Event("war in Ukraine", start="2022-02-24")
russian = war.killed(rc.Group(party="Russia", status="military"))
ukrainian = war.killed(rc.Group(party="Ukraine", status="military"))

claims = [
    rc.Claim(russian, rc.Exactly(54_810), ukraine, id="day 209"),
    rc.Claim(russian, rc.Exactly(5_937), russia, id="day 210, own"),
    rc.Claim(russian, rc.About(25_000), britain, id="day 198"),
    rc.Claim(russian, rc.About(15_000), states, id="day 210, third"),
    rc.Claim(ukrainian, rc.About(9_000), ukraine, id="day 188"),
    rc.Claim(ukrainian, rc.Exactly(61_207), russia, id="day 210, enemy"),
    rc.Claim(ukrainian, rc.Between(5_500, 11_000), states, id="day 190"),
]

# %%
# Left out, for the data set does not say who they are: the groups "other" and "open-source", one of which is given as
# 83,000 and 87,000 Ukrainian dead. Left out of the picture, too: that Britain and the United States support Ukraine.
# They do not fight, and are taken as third parties; whoever doubts it writes ``opposes={"Russia"}`` and looks again.
#
# The figures are up to three weeks apart, and the dead of these weeks are missing in the earlier ones. Beside
# differences of a factor of ten this is small.

posterior = rc.estimate(claims)
for quantity in (russian, ukrainian):
    print(f"{quantity}:\n    {posterior[quantity]}")

# %%
# Averaging instead
# -----------------
# The mean of what is said of each army, taking the middle of the range:

print(
    f"Russian dead: {(54_810 + 5_937 + 25_000 + 15_000) / 4:,.0f}; Ukrainian dead: {(9_000 + 61_207 + 8_250) / 3:,.0f}"
)

# %%
# The mean says that the two armies lost about as many. That is what happens when the boast of one side about the other
# is as good as a third party's count. The estimate reads each figure in the knowledge of who gives it: parties run low
# on their own dead and high on the enemy's, by how much is in doubt.

# %%
# How each figure compares
# ------------------------
# Claim divided by estimate, beside the bias that Radford et al. found for the first year (of whole groups of sources,
# by their own model):

published = {
    ("Russia", russian): 0.28,
    ("Russia", ukrainian): 4.33,
    ("Ukraine", russian): 1.94,
    ("Ukraine", ukrainian): 0.99,
}
for claim in claims:
    if isinstance(claim.value, rc.Exactly | rc.About):
        ratio = claim.value.n / posterior[claim.quantity].median()
        theirs = published.get((claim.source.name, claim.quantity))
        print(
            f"{claim.source.name:14} on {' and '.join(claim.quantity.group.party)}: {ratio:.2f}"
            f"{'' if theirs is None else f' (published {theirs:.2f})'}"
        )

# %%
# What the estimate owes to the priors
# ------------------------------------
# Do not take this for confirmation. The default doubt about parties was set with that very paper in hand (:doc:`the
# model </explanation/mathematics>` lists it), and seven claims do not teach a bias: what keeps the estimate near the
# third parties is that they are assumed to lean little. What if they were doubted more? Another model is another
# estimate. Here the bias of a third party may be a factor of two and a half either way (one standard deviation),
# instead of 1.35:

doubtful = rc.Model(
    sources={("bias", rc.Relation.THIRD): rc.Normal(0.0, math.log(2.5), "third parties doubted, for this example")}
)
doubted = rc.estimate(claims, doubtful)
for quantity in (russian, ukrainian):
    print(f"{quantity}: {doubted[quantity]}")

# %%
# How well was this computed? Sources that speak of both armies share their leaning between the counts, which is worked
# out with random draws. Any probability above may be off by this much (``draws=`` and ``ess=`` lower it):

print(f"{posterior.diagnostics.error:.3f}")

# %%
# What this does not know
# -----------------------
# No claim here is a count of names, and none is independent of the war of words. If all sources lean the same way,
# nothing in their figures shows it. A list of confirmed names would be a floor, ``AtLeast(n)``, by a source that can
# be anchored: see :doc:`how to anchor a source </howto/anchor>`.
