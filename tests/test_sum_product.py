# SPDX-License-Identifier: MIT
"""The exact engine against enumeration of every small world."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from oracles import enumerate_account

from reconcile.accounts import build_accounts
from reconcile.inference.sum_product import Table, count_potentials, solve
from reconcile.model import Model
from reconcile.pmf import Lattice
from reconcile.vocabulary import CASUALTIES, Event, Group

TOP = 9
EXACT = 1e-9  # the promise of the design; observed differences are a few units of rounding
E = Event("battle")
SUB = Event("left flank", part_of=E)
T, S = Group(party="T"), Group(party="S")
CHILD, ADULT, CIVILIAN = Group(age="child"), Group(age="adult"), Group(status="civilian")
WORLDS = {
    "one": ([E.killed(T)], []),
    "casualties": ([E.count(CASUALTIES, T), E.killed(T), E.injured(T)], []),
    "casualties and killed": ([E.count(CASUALTIES), E.killed()], []),
    "two classifications": ([E.killed(), E.killed(CHILD), E.killed(CIVILIAN)], []),
    "two parts": ([E.killed(), E.killed(CHILD), E.killed(ADULT)], []),
    "parties": ([E.killed(), E.killed(T), E.killed(S)], []),
    "party within event": ([E.killed(), SUB.killed(), SUB.killed(T)], []),
    "split below a sum": ([E.count(CASUALTIES), E.killed(), E.killed(CHILD)], []),
    "share": ([E.displaced(), E.displaced(CHILD)], [(E.displaced(CHILD), E.displaced())]),
    "share of a party": ([E.killed(), E.killed(T), E.killed(S)], [(E.killed(T), E.killed())]),
}  # fmt: skip


@pytest.mark.parametrize("name", WORLDS)
@settings(max_examples=8)
@given(seed=st.integers(0, 2**32 - 1))
def test_sum_product_is_enumeration(name, seed):
    quantities, shares = WORLDS[name]
    rng = np.random.default_rng(seed)
    (account,) = build_accounts(quantities, shares)
    assert account.is_tree
    lattice = Lattice.integers(TOP)
    potentials = count_potentials(account, lattice, Model())
    for node, quantity in enumerate(account.nodes):
        row = rng.random((2, TOP + 1)) * 10.0 ** rng.integers(-8, 1, (2, TOP + 1))
        potentials[node] = potentials[node] * (row if quantity is not None else np.ones((2, 1)))
    index = np.arange((TOP + 1) ** 2).reshape(TOP + 1, TOP + 1)
    curves = {join: rng.random((2, (TOP + 1) ** 2)) for join in account.shares.values()}
    found = solve(account, lattice, potentials, {j: Table.single(c, index) for j, c in curves.items()}, pairs=True)
    tables = {join: curve.reshape(2, TOP + 1, TOP + 1) for join, curve in curves.items()}
    evidence, marginals = enumerate_account(account, potentials, tables, TOP)
    assert np.allclose(found.log_evidence, evidence, atol=EXACT, rtol=0)
    for node, marginal in marginals.items():
        assert np.allclose(found.marginals[node], marginal, atol=EXACT, rtol=0)
    for (part, whole), join in account.shares.items():
        assert np.allclose(found.tables[join].sum(axis=2), marginals[part], atol=EXACT)
        assert np.allclose(found.tables[join].sum(axis=1), marginals[whole], atol=EXACT)


def test_cells_two_percent_wide_change_no_probability_by_a_thousandth():
    # 2,000 integers against some 200 cells: killed + injured = casualties, every row smooth beside a claimed spike.
    quantities = [E.killed(T), E.injured(T), E.count(CASUALTIES, T)]
    (account,) = build_accounts(quantities)
    claimed = {quantities[0]: 150, quantities[1]: 400, quantities[2]: 600}
    marginals = []
    for lattice in (Lattice.integers(2_000), Lattice.around(claimed.values())):
        potentials = count_potentials(account, lattice, Model())
        for quantity, n in claimed.items():
            row = np.exp(-0.5 * ((np.log(lattice.center + 0.5) - np.log(n + 0.5)) / 0.3) ** 2) / n
            row = row + 0.05 * (lattice.center == n)
            node = account.index(quantity)
            potentials[node] = potentials[node] * row
        marginals.append((lattice, solve(account, lattice, potentials).marginals))
    (exact, fine), (coarse, cells) = marginals
    for quantity in quantities:
        node = account.index(quantity)
        below = np.cumsum(fine[node][0])
        for edge in coarse.high[coarse.high < exact.high[-1]]:
            assert abs(below[edge] - cells[node][0][: coarse.find(edge) + 1].sum()) < 2e-3


def test_a_table_between_curves_is_their_weighted_mean():
    (account,) = build_accounts([E.displaced(), E.displaced(CHILD)], [(E.displaced(CHILD), E.displaced())])
    rng = np.random.default_rng(0)
    lattice = Lattice.integers(TOP)
    potentials = count_potentials(account, lattice, Model())
    index = np.arange((TOP + 1) ** 2).reshape(TOP + 1, TOP + 1)
    curves = rng.random((3, (TOP + 1) ** 2))
    first, share = np.array([0, 1, 1, 2]), np.array([0.2, 0.7, 0.0, 0.0])
    (join,) = account.shares.values()
    between = Table(curves, index, first, share)
    spelled = Table.single(between.curve(), index)
    one, other = (solve(account, lattice, potentials, {join: table}) for table in (between, spelled))
    assert np.allclose(one.log_evidence, other.log_evidence)
    for a, b in zip(one.marginals, other.marginals, strict=True):
        assert np.allclose(a, b)


def test_many_draws_are_worked_in_pieces_with_the_same_result_up_to_rounding(monkeypatch):
    (account,) = build_accounts([E.count(CASUALTIES), E.killed(), E.injured()])
    rng = np.random.default_rng(0)
    lattice = Lattice.integers(TOP)
    potentials = [p * rng.random((7, TOP + 1)) for p in count_potentials(account, lattice, Model())]
    whole = solve(account, lattice, potentials)
    monkeypatch.setattr("reconcile.inference.sum_product._CHUNK", 2 * len(lattice.pairs.number))
    pieces = solve(account, lattice, potentials)
    assert np.allclose(whole.log_evidence, pieces.log_evidence, rtol=1e-13)
    assert all(np.allclose(a, b, rtol=1e-12) for a, b in zip(whole.marginals, pieces.marginals, strict=True))
