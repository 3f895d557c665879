# SPDX-License-Identifier: MIT
"""Draws of nearly the same claims, weighted anew or where chains begin: they give what a fit by itself gives."""

from __future__ import annotations

import functools

import attrs
import numpy as np
import pytest
from test_fit import FEW, NOISE, SUM, gaps, solve
from worlds import problem_of

from reconcile.claims import Corpus
from reconcile.inference import fit as fitting
from reconcile.inference.evidence import AllEvidence
from reconcile.inference.reweighting import Reweighting
from reconcile.simulate import simulate

pytestmark = pytest.mark.filterwarnings("ignore::reconcile.Unidentified")

MANY = simulate(events=20, sources=10, claims_per_event=(1, 3), outcomes=("killed",), seed=1).claims
WORLDS = {
    "few": FEW["two counts"],
    "a tree": [*simulate(events=8, sources=5, claims_per_event=2, seed=3).claims, *SUM],
    "many": list(MANY),
}


def without(claims, name):
    return list(Corpus(claims).without(name))


def last(claims):
    """The source with the last name."""
    return max(claim.source.name for claim in claims)


@functools.cache
def problems(name):
    """With all claims and without those of a source, of one model as `leave_one_source_out` has it."""
    claims = WORLDS[name]
    whole = problem_of(claims)
    return whole, problem_of(without(claims, last(claims)), whole.model)


@functools.cache
def fitted(name, at, **options):
    """What either of the problems gives by itself, which many tests begin from or compare with."""
    return solve(problems(name)[at], **options)


@pytest.mark.parametrize("name", WORLDS)
@pytest.mark.parametrize("way", ["reweighted", "chains"])
def test_a_fit_is_the_same_with_and_without_one_of_nearly_the_same(name, way, monkeypatch):
    _, fewer = problems(name)
    near, alone = fitted(name, 0, ess=200), fitted(name, 1, seed=2, ess=200)
    if way == "chains":
        monkeypatch.setattr(fitting, "TRUSTED", -9.0)
    found = solve(fewer, seed=1, near=near, error=0.1, ess=10)
    assert (found.way == way) or near.way == "prior points"
    assert len(found.problem.claims.outcome) == len(alone.problem.claims.outcome)
    off = np.array([*gaps(found, alone).values()])
    assert off.max() < NOISE + 3 * np.hypot(found.error, alone.error)


@pytest.mark.parametrize("name", WORLDS)
def test_claims_may_be_more_too(name):
    whole, _ = problems(name)
    found = solve(whole, seed=1, near=fitted(name, 1, seed=2, ess=200))
    alone = fitted(name, 0, ess=200)
    assert max(gaps(found, alone).values()) < NOISE + 3 * np.hypot(found.error, alone.error)


def test_what_is_remembered_is_what_would_be_computed():
    """Weights and masses, counts that differ or not, are those of the whole problem at the same draws."""
    whole, fewer = problems("a tree")
    near = solve(whole, ess=10)
    weighing = Reweighting(near.reference, AllEvidence.of(fewer, map), np.random.default_rng(0))
    plain = AllEvidence.of(fewer, map)
    xs = fewer.hierarchy.unfold(weighing.z)
    value, taken = plain.values(xs)
    before, _ = AllEvidence.of(whole, map).values(near.xs)
    mean, sd = weighing._normal()
    gone = near.z[:, weighing._dropped]
    prior = np.sum(0.5 * ((gone - mean) / sd) ** 2 - 0.5 * gone**2 + np.log(sd), axis=1)
    log_weight = value - before - prior
    raw = np.exp(log_weight - log_weight.max())
    kept = np.argsort(weighing._weight)[: len(raw) // 2]  # the tail is smoothed
    np.testing.assert_allclose(
        weighing._weight[kept] / weighing._weight[kept].sum(), raw[kept] / raw[kept].sum(), rtol=0.05, atol=1e-9
    )
    found = weighing.solve()
    sums = plain.sums(xs, np.exp(found.log_weight[:, None] + taken - (found.log_weight[:, None] + taken).max(axis=0)))
    first = plain.cells.first
    total = np.add.reduceat(sums.sum(axis=0), first[:-1])
    np.testing.assert_allclose(found.means, sums.sum(axis=0) / np.repeat(total, np.diff(first)), atol=1e-3)


def test_points_beside_the_draws_make_weights_more_even():
    _, fewer = problems("many")
    weighing = Reweighting(fitted("many", 0).reference, AllEvidence.of(fewer, map), np.random.default_rng(0))
    assert weighing.integrates
    alone = weighing.kept
    weighing.integrate(16)
    assert weighing.kept > alone


def test_the_same_claims_weigh_alike_and_more_draws_can_be_asked_for():
    whole, _ = problems("many")
    near = fitted("many", 0)
    again = solve(whole, near=near)
    assert again.way == "reweighted"
    assert np.ptp(again.log_weight) < 1e-9
    assert max(gaps(again, near).values()) < 0.005  # cells are left out that hold next to nothing at other draws
    more = solve(whole, near=near, draws=2 * len(near.z))
    assert more.way == "chains"
    assert len(more.z) >= 2 * len(near.z)
    assert more.normal is near.normal
    assert max(gaps(more, near).values()) < NOISE + 3 * np.hypot(more.error, near.error)
    few = more.thinned(2)
    assert len(few.z) == pytest.approx(len(more.z) / 2, rel=0.05)
    assert len(few.z) % 8 == 0


def test_chains_that_are_asked_for_afresh_do_not_count_the_draws_that_they_begin_with():
    whole, _ = problems("many")
    near = fitted("many", 0)
    found = solve(whole, near=near, afresh=True)
    assert found.way == "chains"
    assert np.ptp(found.log_weight) == 0
    assert not np.isin(found.z[:, 0], near.z[:, 0]).mean() > 0.2


def test_another_model_is_no_help():
    _, fewer = problems("many")
    near = fitted("many", 0)
    other = attrs.evolve(fewer, model=attrs.evolve(fewer.model))
    assert solve(other, near=near, ess=10).way == "chains"
