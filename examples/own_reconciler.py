# SPDX-License-Identifier: MIT
"""
Holding a reconciler of your own to the laws
============================================

Whatever a method assumes, some things must hold: the order of the claims does not matter, a relay adds nothing, "at
least 12" does not leave the estimate lower than "exactly 12" would. ``reconcile.testing.laws`` has such laws as
objects that search, with Hypothesis, for the fewest and plainest claims with which a method breaks them. It needs the
extra ``testing``.
"""

from collections.abc import Sequence

from hypothesis import settings

import reconcile as rc
from reconcile.testing import adapters, laws

# %%
# A method
# --------
# The one that is most used: the mean of what is said. A reconciler is anything that takes claims and gives a mapping
# from quantities to answers; an answer may be a distribution, an interval or, as here, a number.


def mean_of_claims(claims: Sequence[rc.Claim]) -> float | None:
    """Average the numbers of the claims about one quantity, floors and rough figures among them."""
    numbers = [claim.value.n for claim in claims if isinstance(claim.value, rc.Exactly | rc.About | rc.AtLeast)]
    return sum(numbers) / len(numbers) if numbers else None


method = adapters.by_quantity(mean_of_claims)
SAME = settings(derandomize=True)  # so that this page shows the same cases every time

# %%
# One law
# -------
# "A relay of a claim adds nothing." The search ends with a world so small that the fault can be seen at a glance:

try:
    laws.a_relay_adds_nothing.check(method, settings=SAME)
except laws.LawBroken as broken:
    print(broken)

# %%
# All laws
# --------
# Those that ask for more than a number says, such as what an estimate is as of a day, say that they do not apply.

verdicts: dict[str, list[str]] = {"kept": [], "broken": [], "not applicable": []}
for law in laws.ALL:
    try:
        law.check(method, settings=SAME)
    except laws.LawBroken:
        verdicts["broken"].append(law.name)
    except laws.NotApplicable:
        verdicts["not applicable"].append(law.name)
    else:
        verdicts["kept"].append(law.name)
for verdict, names in verdicts.items():
    print(f"{verdict} ({len(names)}):")
    for name in names:
        print(f"    {name}")

# %%
# In a test suite
# ---------------
# Every law is one test; those that do not apply are reported as skipped:
#
# .. code-block:: python
#
#     @pytest.mark.parametrize("law", laws.ALL, ids=lambda law: law.name)
#     def test_law(law):
#         law.check(method)
#
# What this does not know
# -----------------------
# A method that keeps all laws may still be wrong: a constant keeps most of them. Laws say that a method is coherent.
# Whether it is right takes worlds with known truth (:doc:`how to test a reconciler </howto/own_reconciler>`), and
# claims about real events with a later record.
