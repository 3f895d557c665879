# SPDX-License-Identifier: MIT
"""The Gibbs sampler of accounts that cross: against sum-product at draws from the prior, and against enumeration."""

import numpy as np
import pytest
from oracles import enumerate_account, known_cells, solve_layout
from worlds import (
    AGENCY,
    BOTH,
    CASUALTIES,
    CHILD,
    CIVILIAN,
    MARKET,
    MINISTRY,
    MONITOR,
    T,
    claim,
    draw_prior,
    layouts_of,
)

import reconcile as rc
from reconcile.accounts import build_accounts
from reconcile.inference.layouts import Layout
from reconcile.inference.likelihood import Term
from reconcile.inference.sampling import sample_account
from reconcile.inference.sum_product import count_potentials
from reconcile.model import Model
from reconcile.pmf import Lattice

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


def weigh_prior(layouts, draws, rng):
    """Average the exact marginals of the first account over draws from the prior, weighted by all evidence."""
    theta = draw_prior(layouts, draws, rng)
    solved = [solve_layout(layout, theta, marginals=True) for layout in layouts]
    evidence = [np.broadcast_to(one.log_evidence, draws) for one in solved]
    weight = np.exp(sum(evidence) - np.max(sum(evidence)))
    weight = weight / weight.sum()
    below = [np.cumsum(np.broadcast_to(m, (draws, m.shape[1])), axis=1) for m in solved[0].marginals]
    mean = [weight @ rows for rows in below]
    error = max(np.sqrt(weight**2 @ (rows - one) ** 2).max() for rows, one in zip(below, mean, strict=True))
    return mean, float(error), theta, sum(evidence[1:], np.zeros(draws))


@pytest.mark.parametrize("name", TREES)
def test_gibbs_agrees_with_sum_product(name):
    layouts = layouts_of(TREES[name])
    costly = bool(layouts[0].shares) or any(join.right is not None for join in layouts[0].account.joins)
    exact, error, theta, others = weigh_prior(layouts, 1_000 if costly else 10_000, np.random.default_rng(1))
    found, stated = sample_account(layouts[0], theta, others, rng=np.random.default_rng(2))
    for quantity, below, mass in zip(layouts[0].account.nodes, exact, found, strict=True):
        if quantity is not None:
            assert np.max(np.abs(below - np.cumsum(mass))) < 4 * np.hypot(stated, error) + 0.01


@pytest.mark.parametrize("seed", range(3))
def test_a_part_and_its_whole_grow_together(seed):
    """Half of some 600,000: chains that began among the hundreds stayed there, and moved either count by little."""
    layouts = layouts_of(TREES["share"])
    exact, error, theta, others = weigh_prior(layouts, 1_000, np.random.default_rng(1))
    found, stated = sample_account(layouts[0], theta, others, rng=np.random.default_rng(seed))
    assert stated < 0.03
    for below, mass in zip(exact, found, strict=True):
        assert np.max(np.abs(below - np.cumsum(mass))) < 0.03 + 3 * error


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
    layout = Layout(account, lattice, tuple(potentials), (), ())
    found, error = sample_account(layout, {}, np.zeros(1), rng=np.random.default_rng(1), top=8)
    _, wanted = enumerate_account(account, potentials, {}, 8)
    for node in range(len(quantities)):
        assert np.max(np.abs(np.cumsum(found[node]) - np.cumsum(wanted[node][0]))) < 5 * error + 0.005


CROSSING = [MARKET.killed(), MARKET.killed(CHILD), MARKET.killed(CIVILIAN), MARKET.killed(BOTH)]


def crossing_layout(seed):
    """Crossing counts up to 8, each claimed once by a source of its own."""
    (account,) = build_accounts(CROSSING)
    lattice, rng = Lattice.integers(8), np.random.default_rng(seed)
    claims = [claim(quantity, int(rng.integers(1, 8)), f"s{k}") for k, quantity in enumerate(CROSSING)]
    terms = [Term.of(one, one.source, one.relation, Model()) for one in claims]
    rows = tuple((account.index(one.quantity), term) for one, term in zip(claims, terms, strict=True))
    return Layout(account, lattice, tuple(count_potentials(account, lattice, Model())), rows, ())


@pytest.mark.parametrize("seed", range(3))
def test_draws_of_sources_are_picked_as_the_counts_have_it(seed):
    """Six draws, of any weights: the posterior is a sum over these and over every small world."""
    task, rng = crossing_layout(seed), np.random.default_rng(seed)
    theta = draw_prior([task], 6, rng)
    log_weight = rng.standard_normal(6)
    found, error = sample_account(task, theta, log_weight, rng=rng, top=8)
    total, wanted = 0.0, [0.0] * len(CROSSING)
    for k in range(6):
        potentials = list(task.potentials)
        for node, term in task.rows:
            mine = {name: theta[term.source.name, name, where][[k]] for name, (where, _, _) in term.priors().items()}
            potentials[node] = potentials[node] * term.row(task.lattice.center, mine)
        (evidence,), marginals = enumerate_account(task.account, potentials, {}, 8)
        weight = np.exp(evidence + log_weight[k])
        total += weight
        wanted = [one + weight * marginals[node][0] for node, one in enumerate(wanted)]
    for node, one in enumerate(wanted):
        assert np.max(np.abs(np.cumsum(found[node]) - np.cumsum(one / total))) < 4 * error + 0.01


@pytest.mark.filterwarnings("ignore::reconcile.Unidentified")
@pytest.mark.parametrize("numbers", [(30, 10, 25, 8), (30, 40, 25, 8)], ids=["possible", "contradictory"])
def test_crossing_counts_are_solved_with_their_sources_together(numbers):
    """More children than people: sources drawn by each count by itself once left the counts off by .13."""
    claims = [claim(q, n, f"s{k}") for k, (q, n) in enumerate(zip(CROSSING, numbers, strict=True))]
    (layout,), posterior = layouts_of(claims), rc.estimate(claims, learn=False)
    theta = draw_prior([layout], 20_000, np.random.default_rng(9))
    none = np.zeros(20_000)
    sampled = [sample_account(layout, theta, none, rng=np.random.default_rng(seed)) for seed in range(2)]
    for quantity in CROSSING:
        node = layout.account.index(quantity)
        below = np.mean([np.cumsum(found[node]) for found, _ in sampled], axis=0)
        at = layout.lattice.high[layout.lattice.high < 200]
        off = np.abs(posterior[quantity].cdf(at) - below[: len(at)])
        assert off.max() < 0.01 + 3 * np.hypot(posterior.diagnostics.error, sampled[0][1] / np.sqrt(2))


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
    said = {}
    for one in claims:
        node, term = account.index(one.quantity), Term.of(one, one.source, one.relation, Model())
        said[node] = said.get(node, 1.0) * term.row_marginal(lattice.center)
    for node, row in said.items():
        potentials[node] = potentials[node] * (row @ known_cells(lattice, Model().known).T)
    _, wanted = enumerate_account(account, potentials, {}, 12)
    for seed in range(2):
        posterior = rc.estimate(claims, seed=seed, learn=False)
        for q in quantities:
            found = posterior[q].cdf(np.arange(13))
            off = np.abs(found - np.cumsum(wanted[account.index(q)][0]))
            assert off.max() < 0.01 + 3 * posterior.diagnostics.error


@pytest.mark.filterwarnings("ignore::reconcile.Unidentified")
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
