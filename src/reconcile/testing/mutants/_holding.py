# SPDX-License-Identifier: MIT
"""Laws held against mutants, and the table of what came of it."""

from __future__ import annotations

import enum
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from reconcile.testing import laws
from reconcile.testing.laws import Law, LawBroken, NotApplicable
from reconcile.testing.mutants._mutant import REGISTER, Mutant

if TYPE_CHECKING:
    from hypothesis import settings as Settings  # noqa: N812 - the type of the keyword `settings`

__all__ = ["COSTLY", "EXAMPLES", "FEW", "Verdict", "hold", "main", "try_all"]

EXAMPLES, FEW = 30, 12  # for a law that a mutant was made to break, and for any other
COSTLY = 0.05  # the effort below which a law is held only against mutants that were made to break it


class Verdict(enum.StrEnum):
    """What came of holding a law against a mutant."""

    CAUGHT = "#"
    KEPT = "."
    NOT_APPLICABLE = "-"
    NOT_TRIED = " "


def hold(law: Law, mutant: Mutant, *, settings: Settings | None = None) -> Verdict:
    """Hold a law against a mutant; nothing is shrunk, only found.

    Parameters
    ----------
    law : Law
    mutant : Mutant
    settings : hypothesis.settings, keyword, optional
        Default 30 examples, the same in every run.

    Returns
    -------
    Verdict

    Examples
    --------
    >>> from reconcile.testing import laws, mutants
    >>> loud = next(mutant for mutant in mutants.ALL if mutant.name == "relays count")
    >>> hold(laws.a_relay_adds_nothing, loud).name
    'CAUGHT'
    """
    from hypothesis import Phase
    from hypothesis import settings as make

    base = make(max_examples=EXAMPLES, derandomize=True) if settings is None else settings
    try:
        law.check(mutant, settings=make(base, phases=[Phase.explicit, Phase.generate]))
    except LawBroken:
        return Verdict.CAUGHT
    except NotApplicable:
        return Verdict.NOT_APPLICABLE
    return Verdict.KEPT


def try_all(mutant: Mutant, every: Sequence[Law]) -> list[Verdict]:
    """Hold every law against a mutant: the laws that it was made to break longer than others.

    A law that holds under a special model says nothing of a mutant that is made of another, and a few laws take long:
    these are held only against mutants that were made to break them.
    """
    from hypothesis import settings as make

    few, found = make(max_examples=FEW, derandomize=True), []
    for law in every:
        if law in mutant.breaks:
            found.append(hold(law, mutant))
        elif law in laws.CONDITIONAL or law.effort < COSTLY:
            found.append(Verdict.NOT_TRIED)
        else:
            found.append(hold(law, mutant, settings=few))
    return found


def main(mutants: Sequence[Mutant] | None = None, every: Sequence[Law] | None = None) -> int:
    """Print every law against every mutant.

    Parameters
    ----------
    mutants : sequence of Mutant, optional
        Default all.
    every : sequence of Law, optional
        Default all.

    Returns
    -------
    int
        1 if a mutant is caught by no law, or a law catches no mutant, else 0.
    """
    tried = REGISTER if mutants is None else mutants
    every = (*laws.ALL, *laws.CONDITIONAL) if every is None else every
    numbers = range(1, len(every) + 1)
    _say(f"{'':{_WIDTH}}{''.join(str(at // 10) if at % 10 == 0 else ' ' for at in numbers)}")
    _say(f"{'':{_WIDTH}}{''.join(str(at % 10) for at in numbers)}")
    idle, free = set(every), []
    for mutant in tried:
        row = try_all(mutant, every)
        caught = {law for law, found in zip(every, row, strict=True) if found is Verdict.CAUGHT}
        idle -= caught
        if not caught:
            free.append(mutant)
        _say(f"{mutant.name:{_WIDTH}}{''.join(row)}".rstrip())
    _say("", "# caught, . not caught, - not applicable, blank not tried", "")
    _say(*(f"{at:2}  {law.statement}" for at, law in enumerate(every, 1)), "")
    _say(f"{len(tried)} mutants, caught by none: {', '.join(map(str, free)) or 'none'}")
    _say(f"{len(every)} laws, catching none: {', '.join(law.name for law in every if law in idle) or 'none'}")
    return int(bool(free or idle))


_WIDTH = 32  # of the column of names


def _say(*lines: str) -> None:
    sys.stdout.write("".join(f"{line}\n" for line in lines))
    sys.stdout.flush()
