# SPDX-License-Identifier: MIT
"""Sources visited in turn: what a step of one source changes, and that steps leave a posterior as it is."""

from __future__ import annotations

import attrs
import numpy as np
import pytest

from reconcile.dependence import assign_roles
from reconcile.evidence import Normal
from reconcile.model import Model
from reconcile.openings import Opened
from reconcile.problems import pose
from reconcile.simulate import simulate
from reconcile.visits import Visits, _divide, _Given

CHAINS = 3


@pytest.fixture(scope="module")
def corpus():
    world = simulate(events=20, sources=4, claims_per_event=(1, 4), rng=3)
    return Opened.of(pose(world.claims.columns, assign_roles(world.claims), Model()).problem, map)


@pytest.fixture
def xs(corpus):
    layout = corpus.problem.hierarchy
    return layout.mean + 0.3 * np.random.default_rng(0).standard_normal((CHAINS, len(layout)))


def test_each_claim_belongs_to_one_party_and_no_parameter_to_two(corpus):
    party, kind, groups = _divide(corpus.problem)
    assert party.shape == kind.shape == corpus.problem.source.shape
    whole = [set(np.concatenate([at for at, _ in own]).tolist()) for own in groups]
    assert sum(map(len, whole)) == len(set().union(*whole))
    for name in range(len(groups)):
        spoken = set(corpus.problem.columns[:, party == name].ravel().tolist()) - {len(corpus.problem.hierarchy)}
        assert spoken == whole[name]
        assert any(set(at.tolist()) == whole[name] for at, _ in groups[name])  # all of them may move together
        for at, only in groups[name]:
            concerned = np.isin(corpus.problem.columns, at).any(axis=0)
            assert np.array_equal(concerned, kind == only) or (only < 0 and np.all(party[concerned] == name))
    assert any(only >= 0 for own in groups for _, only in own)


def test_a_step_is_weighed_as_by_all_claims(corpus, xs):
    """What the claims that it concerns tell is the whole change of the evidence; `openings` computes it another way."""
    visits = Visits.of(corpus, CHAINS)
    for _, ledger in visits.ledgers:
        ledger.settle(xs)
    before, rng = corpus.evaluate(xs)[0], np.random.default_rng(4)
    for name in sorted(visits.ledgers[0][1].parties):
        for at, only in visits.groups[name]:
            new = xs.copy()
            new[:, at] += rng.standard_normal((CHAINS, len(at)))
            units = [(sign, ledger, ledger.unit(name, only)) for sign, ledger in visits.ledgers]
            gain = sum(sign * ledger.weigh(unit, new).gain for sign, ledger, unit in units if unit is not None)
            assert gain == pytest.approx(corpus.evaluate(new)[0] - before, abs=1e-8)


def test_what_is_kept_of_the_steps_is_what_settling_anew_would_find(corpus, xs):
    layout = corpus.problem.hierarchy
    normal = Normal(layout, layout.mean, np.zeros(len(layout)), np.zeros((len(layout), len(layout))))
    visits = Visits.of(corpus, CHAINS)
    _, center, prior = normal.root(layout.log_spread)
    centers, priors = (np.array([one] * CHAINS) for one in (center, prior))
    share = visits.go(normal, centers, priors, xs, 3, np.random.default_rng(1))
    assert 0 < share < 1
    for _, ledger in visits.ledgers:
        said, total, evidence = ledger.said.copy(), ledger.total.copy(), ledger.evidence.copy()
        ledger.settle(xs)
        np.testing.assert_allclose(said, ledger.said, atol=1e-8)
        np.testing.assert_allclose(total, ledger.total, atol=1e-8)
        np.testing.assert_allclose(evidence, ledger.evidence, atol=1e-8)


def test_two_claims_of_a_party_about_one_count_both_speak(corpus, xs):
    """Sources that share the parameters of their class are one party, and may speak of one count together."""
    problem = corpus.problem
    same = np.where(problem.columns < len(problem.hierarchy), problem.columns[:, [0]], problem.columns)
    crowd = Opened.of(attrs.evolve(problem, columns=same), map)
    visits = Visits.of(crowd, CHAINS)
    (name,) = visits.ledgers[0][1].parties
    assert not visits.ledgers[0][1].parties[name].once
    for _, ledger in visits.ledgers:
        ledger.settle(xs)
    new = xs + 0.1
    new[:, problem.hierarchy.counts] = xs[:, problem.hierarchy.counts]
    gain = sum(sign * ledger.weigh(ledger.parties[name], new).gain for sign, ledger in visits.ledgers)
    assert gain == pytest.approx(crowd.evaluate(new)[0] - crowd.evaluate(xs)[0], abs=1e-8)


@pytest.mark.parametrize("keep", [0.0, 0.7])
def test_steps_leave_a_normal_as_it_is(keep):
    rng = np.random.default_rng(2)
    root = np.tril(rng.normal(size=(4, 4))) + 2 * np.eye(4)
    precision = np.broadcast_to(root @ root.T, (20_000, 4, 4))
    mean, at = np.array([1.0, -2.0, 0.5, 3.0]), np.array([0, 2])
    xs = mean + np.linalg.solve(root.T, rng.normal(size=(4, 20_000))).T
    before = xs.copy()
    given = _Given.of(precision, mean, xs, at)
    step = given.step(keep, rng)
    xs[:, at] += step
    np.testing.assert_allclose(xs.mean(axis=0), mean, atol=0.03)
    np.testing.assert_allclose(np.cov(xs.T), np.linalg.inv(root @ root.T), atol=0.02)
    # The change of the log density is that of the joint normal, as all else stays.
    density = [-0.5 * np.einsum("cd,de,ce->c", x - mean, root @ root.T, x - mean) for x in (before, xs)]
    np.testing.assert_allclose(given.change(step), density[1] - density[0], atol=1e-9)
