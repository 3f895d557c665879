# SPDX-License-Identifier: MIT
"""What is said when a law is broken, or does not apply."""

from __future__ import annotations

import unittest
from collections.abc import Sequence
from typing import TypeAlias

from reconcile.claims import Claim
from reconcile.errors import ReconcileError

__all__ = ["LawBroken", "NotApplicable", "Told", "tell"]

Told: TypeAlias = tuple[str, tuple[Claim, ...]]


class LawBroken(ReconcileError, AssertionError):
    """A reconciler breaks a law; the claims are as few and as plain as could be found.

    Parameters
    ----------
    law : str
        Its name.
    statement : str
        The law in words.
    told : tuple of (str, tuple of Claim)
        What the reconciler was told, each time it was asked, with what to call it.
    expected, found : str
        In words.
    """

    def __init__(self, law: str, statement: str, told: tuple[Told, ...], expected: str, found: str) -> None:
        super().__init__(law, statement, told, expected, found)
        self.law, self.statement, self.told, self.expected, self.found = law, statement, told, expected, found

    @property
    def claims(self) -> tuple[Claim, ...]:
        """All claims that the reconciler was told, each once."""
        return tuple(dict.fromkeys(claim for _, claims in self.told for claim in claims))

    def __str__(self) -> str:
        lines, before = [f"broken: {self.statement}"], None
        for name, claims in self.told:
            lines += [f"  {name}:", *_tell_all(claims, before)]
            before = claims if before is None else before
        return "\n".join([*lines, f"  expected: {self.expected}", f"  found: {self.found}"])


class NotApplicable(ReconcileError, unittest.SkipTest):
    """A law asks more than a reconciler's answers say; pytest and unittest report the test as skipped.

    Parameters
    ----------
    law : str
    reason : str
    """

    def __init__(self, law: str, reason: str) -> None:
        super().__init__(law, reason)  # type: ignore[call-arg]
        self.law, self.reason = law, reason

    def __str__(self) -> str:
        return f"{self.law}: not applicable, {self.reason}"


def tell(claim: Claim) -> str:
    """Say a claim with all that a law may turn on: relays, revisions, hedges, sides and days."""
    told = str(claim)
    if claim.quoted_from is not None:
        told += f", quoting {claim.quoted_from}"
    if claim.revises is not None:
        told += f", revising {claim.revises}"
    if claim.source.sides:
        told += f" [for {', '.join(sorted(claim.source.sides))}]"
    if claim.source.sides & claim.quantity.event.perpetrators:
        told += " [held responsible]"
    if claim.citation is not None:
        told += f" [{claim.citation}]"
    return told


def _tell_all(claims: Sequence[Claim], before: Sequence[Claim] | None) -> list[str]:
    """List claims; of a long list that was told before, only what is new or gone."""
    names = {claim.id: f"claim {at}" for at, claim in enumerate(claims, 1)}

    def written(claim: Claim) -> str:
        told = tell(claim)
        for name, short in names.items():
            told = told.replace(name, short)
        return told

    if not claims:
        return ["    nothing"]
    shown = [f"    {at}. {written(claim)}" for at, claim in enumerate(claims, 1)]
    if before is not None and len(shown) > 8:
        new = [line for line, claim in zip(shown, claims, strict=True) if claim not in before]
        shown = [f"    {len(shown) - len(new)} of the same claims", *new]
    return shown if len(shown) <= 8 else [*shown[:6], f"    and {len(shown) - 6} more"]
