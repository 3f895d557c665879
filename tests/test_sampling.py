# SPDX-License-Identifier: MIT
"""Two engines: on trees the Gibbs sampler must agree with exact sum-product; elsewhere with enumeration."""

import numpy as np
import pytest
from oracles import enumerate_account
from worlds import AGENCY, BOTH, CASUALTIES, CHILD, CIVILIAN, MARKET, MINISTRY, MONITOR, T, claim, component_of

import reconcile as rc
from reconcile.accounts import build_accounts
from reconcile.channels import LogStudent
from reconcile.components import Component, Task
from reconcile.inference import count_potentials
from reconcile.integration import integrate
from reconcile.likelihood import Term
from reconcile.model import Model
from reconcile.pmf import Lattice
from reconcile.sampling import sample_component

TREES = {
    "one": [claim(MARKET.killed(T), 5, "a"), claim(MARKET.killed(T), 9, "b")],
    "casualties": [
        claim(MARKET.count(CASUALTIES, T), 12, "a"), claim(MARKET.killed(T), 5, "b"), claim(MARKET.injured(T), 6, "c"),
    ],
    "two classifications": [
        claim(MARKET.killed(), 9, "a"), claim(MARKET.killed(CHILD), rc.AtLeast(2), "b"),
        claim(MARKET.killed(CIVILIAN), rc.Between(5, 7), "c"),
    ],
    "share": [
        claim(MARKET.displaced(), rc.About(600_000), "a"), claim(MARKET.displaced(CHILD), rc.Share(0.5, 0.5), "b"),
    ],
    "flat contradiction": [claim(MARKET.killed(), 5, "a"), claim(MARKET.killed(), 5_000, "b")],
    "shared sources": [
        claim(MARKET.killed(T), 5, MINISTRY), claim(MARKET.injured(T), 5, MINISTRY),
        claim(MARKET.killed(T), 6, MONITOR), claim(MARKET.injured(T), 7, MONITOR),
    ],
}  # fmt: skip


@pytest.mark.parametrize("name", TREES)
def test_gibbs_agrees_with_sum_product(name):
    component = component_of(TREES[name])
    exact = integrate(component, draws=1024, rng=np.random.default_rng(1))
    sampled = sample_component(component, rng=np.random.default_rng(2))
    for task, one, other in zip(component.tasks, exact.marginals, sampled.marginals, strict=True):
        for quantity, a, b in zip(task.account.nodes, one, other, strict=True):
            if quantity is not None:
                assert np.max(np.abs(np.cumsum(a) - np.cumsum(b))) < 5 * (sampled.error + exact.error) + 0.005


@pytest.mark.parametrize("seed", range(3))
def test_a_part_and_its_whole_grow_together(seed):
    """Half of some 600,000: chains that began among the hundreds stayed there, and moved either count by little."""
    component = component_of(TREES["share"])
    exact = integrate(component, draws=1024, rng=np.random.default_rng(1))
    sampled = sample_component(component, rng=np.random.default_rng(seed))
    assert sampled.error < 0.03
    for a, b in zip(exact.marginals[0], sampled.marginals[0], strict=True):
        assert np.max(np.abs(np.cumsum(a) - np.cumsum(b))) < 0.03


def test_gibbs_agrees_with_enumeration_where_identities_cross():
    quantities = [MARKET.killed(), MARKET.killed(CHILD), MARKET.killed(CIVILIAN), MARKET.killed(BOTH)]
    (account,) = build_accounts(quantities)
    assert not account.is_tree
    lattice = Lattice.integers(8)
    rng = np.random.default_rng(0)
    potentials = count_potentials(account, lattice, Model())
    for node in range(len(quantities)):
        potentials[node] = potentials[node] * rng.random((1, 9)) ** 3
    # Keep the sampler inside the small world that is enumerated.
    task = Task(account, lattice, potentials, [], [])
    fit = sample_component(Component.of([task]), rng=np.random.default_rng(1), top=8)
    _, wanted = enumerate_account(account, potentials, {}, 8)
    for node in range(len(quantities)):
        assert np.max(np.abs(np.cumsum(fit.marginals[0][node]) - np.cumsum(wanted[node][0]))) < 5 * fit.error + 0.005


def test_pinned_totals_do_not_pin_the_crossing():
    """Whole and parts told three times each: only four counts at once can move. Chains once stood still here."""
    quantities = [MARKET.killed(), MARKET.killed(CHILD), MARKET.killed(CIVILIAN), MARKET.killed(BOTH)]
    told = [(9, 3), (4, 3), (6, 3), (2, 1)]
    claims = [
        claim(q, n, f"source {k}{j}") for k, (q, (n, times)) in enumerate(zip(quantities, told, strict=True))
        for j in range(times)
    ]  # fmt: skip
    (account,) = build_accounts(quantities)
    lattice = Lattice.integers(12)
    potentials = count_potentials(account, lattice, Model())
    for one in claims:
        node, term = account.index(one.quantity), Term.of(one, one.source, one.relation, Model())
        potentials[node] = potentials[node] * term.row_marginal(lattice.center)
    _, wanted = enumerate_account(account, potentials, {}, 12)
    for seed in range(3):
        posterior = rc.estimate(claims, rng=seed)
        for q in quantities:
            found = posterior[q].cdf(np.arange(13))
            assert np.max(np.abs(found - np.cumsum(wanted[account.index(q)][0]))) < 0.03


def test_an_account_that_is_no_tree_says_so_and_is_coherent():
    posterior = rc.estimate(
        [
            claim(MARKET.killed(), 9, AGENCY), claim(MARKET.killed(CHILD), rc.AtLeast(2), AGENCY),
            claim(MARKET.killed(CIVILIAN), 7, MONITOR), claim(MARKET.killed(BOTH), 2, MONITOR),
        ]
    )  # fmt: skip
    assert set(posterior.diagnostics.engines.values()) == {"gibbs"}
    whole = posterior[MARKET.killed()]
    for group in (CHILD, CIVILIAN, BOTH):
        part = posterior[MARKET.killed(group)]
        for n in range(12):  # parts are within wholes in every world, so their distributions are ordered
            assert part.cdf(n) >= whole.cdf(n) - 0.02


def test_a_channel_that_knows_nothing_can_be_sampled():
    """Truths come one for each chain here, and what is not known must take that shape too."""
    quantities = [MARKET.killed(), MARKET.killed(CHILD), MARKET.killed(CIVILIAN), MARKET.killed(BOTH)]
    claims = [claim(quantity, n, MONITOR) for quantity, n in zip(quantities, (60, 20, 40, 10), strict=True)]
    posterior = rc.estimate(claims, rc.Model(channel=LogStudent()), learn=False)
    assert set(posterior.diagnostics.engines.values()) == {"gibbs"}
    assert 30 <= posterior[quantities[0]].median() <= 120
