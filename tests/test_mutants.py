# SPDX-License-Identifier: MIT
"""The laws have teeth: each mutant is caught by the laws that it was made to break, and each law catches one."""

from __future__ import annotations

import pytest

import reconcile as rc
from reconcile.testing import laws, mutants
from reconcile.testing.laws import _scenes
from reconcile.testing.mutants import Verdict, _holding, hold

PAIRS = [(mutant, law) for mutant in mutants.ALL for law in mutant.breaks]


@pytest.mark.parametrize("mutant, law", PAIRS, ids=lambda one: one.name)
def test_the_mutant_is_caught(mutant, law, monkeypatch):
    # In fewer worlds than the law asks for, which are harder to be caught in.
    monkeypatch.setattr(_scenes, "EVENTS", 20)
    assert hold(law, mutant) is Verdict.CAUGHT


def test_every_law_catches_a_mutant():
    caught = {law for _, law in PAIRS}
    assert [law.name for law in (*laws.ALL, *laws.CONDITIONAL) if law not in caught] == []


def test_mutants_say_what_is_wrong():
    assert len(mutants.ALL) >= 12
    assert len({mutant.name for mutant in mutants.ALL}) == len(mutants.ALL)
    for mutant in mutants.ALL:
        assert mutant.wrong.endswith("."), mutant
        assert mutant.breaks, mutant


def test_a_table_without_one_at_large_ends_well(capsys):
    """The whole table, which `make mutants` prints, does: see the tests above, of which each pair is a part."""
    mutant = mutants.ALL[0]
    assert mutants.main([mutant], mutant.breaks) == 0
    said = capsys.readouterr().out
    assert "caught by none: none" in said
    assert "catching none: none" in said


def test_a_mutant_at_large_is_told(capsys, monkeypatch):
    for name in ("EXAMPLES", "FEW"):
        monkeypatch.setattr(_holding, name, 3)
    right = mutants.Mutant("right", "Nothing.", (laws.a_hedge_weakens,), rc.estimate)
    assert mutants.main([right], [laws.a_hedge_weakens, laws.a_contradiction_weakens]) == 1
    said = capsys.readouterr().out
    assert "1 mutants, caught by none: right" in said
    assert "catching none: a_hedge_weakens, a_contradiction_weakens" in said
