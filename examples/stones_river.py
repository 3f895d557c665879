# SPDX-License-Identifier: MIT
"""
A battle as nine historians tell it
===================================

Stones River, Tennessee, 31 December 1862 to 2 January 1863. How many men did the Confederate army lose: killed,
wounded, missing and captured? Nine books and lists give six different numbers, from 10,000 to 25,560. Some of the
nine had read the others, and do not say so.
"""

import reconcile as rc

# %%
# Who says what
# -------------
# The figures are those of the collection by J. B. Arnold, *acw_battle_data* (CC BY 4.0), which typed them from the
# books named here. CDB90 is the US Army's database of battles; CWSAC the commission on battle sites; CWSS the National
# Park Service's list of soldiers and sailors; the Civil War Trust is a charity that keeps battlefields.
#
# The year of a book says who could have read whom. Historians are compilers: none of them counted on the field.

battle = rc.Event("Stones River", place="Murfreesboro, Tennessee", start="1862-12-31", end="1863-01-02")
losses = rc.Outcome("losses", {"killed", "injured", "missing", "captured"})
lost = battle.count(losses, rc.Group(party="Confederate"))

FIGURES = {
    ("Phisterer", 1883): 25_560,
    ("Fox", 1898): 10_266,
    ("Bodart", 1908): 10_400,
    ("CDB90", 1990): 11_739,
    ("CWSAC", 1993): 10_266,
    ("Kennedy", 1998): 10_000,
    ("Greer", 2005): 10_000,
    ("CWSS", 2010): 10_000,
    ("Civil War Trust", 2015): 11_739,
}
claims = [
    rc.Claim(lost, rc.Exactly(number), rc.Source(name, kind="compiler"), reported=f"{year}-07-01")
    for (name, year), number in FIGURES.items()
]

# %%
# The estimate
# ------------

posterior = rc.estimate(claims)
estimate = posterior[lost]
print(estimate)
for number in sorted(set(FIGURES.values())):
    print(f"  just {number:,}: {estimate.pmf(number):.0%}")

# %%
# Two numbers hold nearly all of the probability: two books say 10,266 to the last man, and two say 11,739. That
# unrelated people make the same error to five digits is not to be believed, so one of the two is likely to be right,
# or was copied. The three that say 10,000 count for less: a round number is what any of the others might have written.
# Phisterer's 25,560 stands alone; it moves the estimate very little.
#
# The 90 % interval runs from the one number to the other. It is not a hill with a top in the middle: read the
# probabilities.

# %%
# Who copied?
# -----------
# ``explain`` says of each claim how likely it is that it repeats an earlier one. An equal five-digit number by a later
# writer is suspicious; an equal round one is less so.

explanation = rc.explain(posterior, lost)
for one in sorted(explanation.claims, key=lambda one: -one.copied):
    print(f"{one.role.claim.source.name:16} {one.role.claim.value!s:>7}   copied: {one.copied:4.0%}")
print(f"\n{explanation.origins} sources; counted with the chance that each copied: {explanation.effective_origins:.1f}")

# %%
# From one battle no more can be known. Greer and CWSS follow Kennedy nearly everywhere, as
# :doc:`thirty-two counts together </gallery/civil_war>` show; here, with 10,000, they may as well have rounded.

# %%
# What if the copiers had been counted?
# -------------------------------------
# Taking the number that most books give, as a vote would, means counting Kennedy three times:

votes = {number: list(FIGURES.values()).count(number) for number in set(FIGURES.values())}
winner = max(votes, key=lambda number: votes[number])
print(
    f"a vote: {winner:,}, with {votes[winner]} of {len(claims)}; our probability that it is just that: "
    f"{estimate.pmf(winner):.1%}"
)

# %%
# What this does not know
# -----------------------
# It does not know that "losses" means the same in every book: some leave out the captured, or the lightly wounded. And
# nobody has a list of the names. An estimate from books is an estimate of what the books' sources could know.
