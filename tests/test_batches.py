# SPDX-License-Identifier: MIT
"""Many counts at once against one claim and one count at a time."""

from __future__ import annotations

import attrs
import numpy as np
import pytest

import reconcile as rc
from reconcile.accounts import build_accounts
from reconcile.batches import STEP, CountTable, average, curve, evaluate
from reconcile.blocks import Cells, Claims, build_shards
from reconcile.components import Draws, Task
from reconcile.likelihood import Term
from reconcile.model import COUNT_PRIORS, Model
from reconcile.pmf import TOP
from reconcile.rows import PARAMETERS, speak
from reconcile.values import About, AtLeast, AtMost, Between, Exactly, Surveyed, Vague

# Wordings are kept as differences of distribution functions, whose rounding is absolute; how far a wording covers a
# cell is kept in single precision, half a unit of which is multiplied with p (1 - p) in a slope.
ROUNDING, SINGLE, SLOPES = 1e-12, 1e-6, 2.0**-25 / 4
DIFFERENCE = 1e-5  # central differences of sums over 150 counts, in steps of 1e-5
CURVED = 20  # times the step of one-sided differences of gradients, half their second derivative
# Cells of 3.5 % and more against cells of 2 %, both averages over what lies in a cell.
CELLS = 5e-3
VALUES = [
    Exactly(5), Exactly(0), Exactly(1), Exactly(120), Exactly(37), Exactly(600), Exactly(10**9), AtLeast(9), AtMost(30),
    About(60), Between(8, 12), Vague("dozens"), Vague("several"), Surveyed(40, 20, 90),
]  # fmt: skip
OUTCOMES = ("killed", "displaced")
MEAN = np.array([0.0, -1.4, 3.0, 1.4, -3.0, -5.0, -0.6, -2.5])
MODEL = Model()


def logit(p):
    return np.log(p) - np.log1p(-p)


def world(events=150, seed=1, values=VALUES):
    """Claims of every wording, hedged or not, each of a source of its own; what each may repeat is drawn too."""
    rng = np.random.default_rng(seed)
    event = np.repeat(np.arange(events), rng.integers(1, 6, events))
    value, hedged = rng.integers(0, len(values), len(event)), rng.random(len(event)) < 0.3
    meanings = tuple(MODEL.speech.read(v) for v in values)
    claims = Claims(event, value, hedged, meanings, rng.integers(0, len(OUTCOMES), events))
    theta = MEAN[:, None] + 0.6 * rng.standard_normal((len(PARAMETERS), len(event)))
    there = (rng.random(len(event)) < 0.7) * rng.random(len(event))
    return claims, theta, np.array([there * rng.random(len(event)), there])


PRIORS = [COUNT_PRIORS[outcome] for outcome in OUTCOMES]
PRIOR = np.array([[logit(p.zero), p.location, np.log(p.scale), logit(p.broad)] for p in PRIORS])


def table_of(edge, prior=PRIOR):
    wide = [(p.broad_location, p.broad_scale) for p in PRIORS]
    return CountTable.of(edge, *prior.T, np.array(wide))


def total(shards, edge, theta, echo, prior=PRIOR):
    """Sum shards: log evidence, its slopes by each claim's parameters, and by the parameters of the count priors."""
    table, evidence, scores, slope = table_of(edge, prior), 0.0, np.empty(theta.shape), np.zeros(prior.shape)
    for shard in shards:
        found = evaluate(shard, theta[None][:, :, shard.rows], echo[:, shard.rows], [table])
        evidence += found.log_evidence[0]
        scores[:, shard.rows] = found.scores[0]
        slope += np.einsum("oku,ou->ok", table.slopes, found.prior[0])
    return evidence, scores, slope


def term_of(claims, row, echo, values=VALUES):
    source = rc.Source(f"s{row}")
    quantity = rc.Event(f"e{claims.event[row]}").count(OUTCOMES[claims.outcome[claims.event[row]]])
    claim = rc.Claim(quantity, values[claims.value[row]], source, hedged=bool(claims.hedged[row]))
    return attrs.evolve(Term.of(claim, source, claim.relation, MODEL), echo=tuple(echo[:, row]))


def theta_of(term, theta, row):
    return {name: theta[[PARAMETERS.index(name)], [row]] for name in term.parameters}


def places(shards):
    """Every claim once: its row, its block, and where it stands in the block."""
    for shard in shards:
        for block in shard.blocks:
            for at, event in enumerate(block.event):
                yield int(shard.rows[block.claims[at]]), shard, block, (event, at)


def test_every_claim_has_one_place_and_every_count_cells_from_zero_to_the_top():
    claims, _, _ = world()
    shards, edge = build_shards(claims, Cells.of(claims))
    assert sorted(row for row, *_ in places(shards)) == list(range(len(claims)))
    assert np.all(np.diff(edge) > 0)
    for row, shard, block, (i, _) in places(shards):
        assert claims.event[row] == shard.events[block.events[i]]
        assert claims.outcome[claims.event[row]] == block.outcome[i]
        inside = block.width[i] > 0
        low, width = block.low[i][inside], block.width[i][inside]
        assert low[0] == 0
        assert np.array_equal(low[1:], (low + width)[:-1])
        assert low[-1] + width[-1] == TOP + 1
        assert np.array_equal(edge[block.left[i]][inside], low)
        assert np.array_equal(edge[block.right[i]][inside], low + width)
        core = claims.meanings[claims.value[row]]
        for n in (core.low[0], core.high[0]):
            if np.isfinite(n):
                assert width[np.searchsorted(low, n, side="right") - 1] == 1  # a claimed number has its own cell


@pytest.mark.parametrize("parameter", range(len(PARAMETERS)), ids=PARAMETERS)
def test_scores_of_sources_are_finite_differences(parameter):
    claims, theta, echo = world()
    shards, edge = build_shards(claims, Cells.of(claims))
    _, scores, _ = total(shards, edge, theta, echo)
    rng, h = np.random.default_rng(parameter), 1e-5
    for _ in range(2):
        step = np.zeros(theta.shape)
        step[parameter] = rng.standard_normal(len(claims))
        up, down = (total(shards, edge, theta + sign * h * step, echo)[0] for sign in (1, -1))
        assert (up - down) / (2 * h) == pytest.approx(np.sum(scores * step), rel=DIFFERENCE, abs=DIFFERENCE)


@pytest.mark.parametrize("parameter", range(4), ids=["zero", "location", "log_scale", "broad"])
@pytest.mark.parametrize("outcome", range(len(OUTCOMES)), ids=OUTCOMES)
def test_scores_of_count_priors_are_finite_differences(outcome, parameter):
    claims, theta, echo = world()
    shards, edge = build_shards(claims, Cells.of(claims))
    _, _, slope = total(shards, edge, theta, echo)
    step = np.zeros(PRIOR.shape)
    step[outcome, parameter] = h = 1e-5
    up, down = (total(shards, edge, theta, echo, PRIOR + sign * step)[0] for sign in (1, -1))
    assert (up - down) / (2 * h) == pytest.approx(slope[outcome, parameter], rel=DIFFERENCE, abs=DIFFERENCE)


@pytest.mark.parametrize("step", [STEP, STEP / 10])
def test_curvature_is_a_finite_difference_of_the_gradient(step, monkeypatch):
    """Three sources share the claims, so that a count has several claims of one source."""
    monkeypatch.setattr("reconcile.batches.STEP", step)
    claims, _, echo = world(60)
    shards, edge = build_shards(claims, Cells.of(claims))
    rng = np.random.default_rng(0)
    source = rng.integers(0, 3, len(claims))
    x = np.concatenate([(MEAN + 0.5 * rng.standard_normal((3, 8))).ravel(), PRIOR.ravel()])
    columns = 8 * source + np.arange(8)[:, None]
    where = 24 + np.arange(PRIOR.size).reshape(PRIOR.shape)

    def gradient(x):
        _, scores, slope = total(shards, edge, x[columns], echo, x[where])
        return np.bincount(columns.ravel(), scores.ravel(), len(x)) + np.append(np.zeros(24), slope)

    moved = [table_of(edge, PRIOR + step * np.eye(4)[k]) for k in range(4)]
    theta, table, size = x[columns], table_of(edge), len(x)
    found = sum(
        curve(s, theta[:, s.rows], echo[:, s.rows], table, moved, columns[:, s.rows], where, size) for s in shards
    )
    h = 1e-4
    wanted = -np.array([(gradient(x + h * one) - gradient(x - h * one)) / (2 * h) for one in np.eye(size)])
    scale = np.sqrt(np.maximum(np.abs(np.diag(wanted)), 1.0))
    assert np.max(np.abs(found - found.T) / scale / scale[:, None]) < CURVED * step
    assert np.max(np.abs(found - wanted) / scale / scale[:, None]) < CURVED * step


def test_parameters_without_a_place_are_left_out_of_the_curvature():
    claims, theta, echo = world(20)
    (shard,), edge = build_shards(claims, Cells.of(claims))
    table, moved = table_of(edge), [table_of(edge, PRIOR + STEP * np.eye(4)[k]) for k in range(4)]
    columns = np.tile(np.arange(8)[:, None], (1, len(claims)))
    where = 8 + np.arange(8).reshape(2, 4)
    rows = shard.rows
    every = curve(shard, theta[:, rows], echo[:, rows], table, moved, columns[:, rows], where, 16)
    fewer = np.where(columns < 5, columns, 13)[:, rows]
    some = curve(shard, theta[:, rows], echo[:, rows], table, moved, fewer, where - 3, 13)
    kept = np.array([0, 1, 2, 3, 4, *range(8, 16)])
    np.testing.assert_allclose(some, every[np.ix_(kept, kept)], atol=1e-9)


def one_count(claims, theta, echo, event):
    """Log evidence and posterior of a count by the engine for linked counts."""
    rows = np.flatnonzero(claims.event == event)
    terms = [term_of(claims, row, echo) for row in rows]
    quantity = rc.Event(f"e{event}").count(OUTCOMES[claims.outcome[event]])
    (account,) = build_accounts([quantity])
    drawn = frozenset(term.source.name for term in terms)
    task = Task.of(account, [((account.index(quantity),), term) for term in terms], drawn, MODEL)
    points = {}
    for row, term in zip(rows, terms, strict=True):
        for name, (relation, _, _) in term.priors().items():
            points[term.source.name, name, relation] = theta[[PARAMETERS.index(name)], [row]]
    solution = task.solve(Draws(points), marginals=True)
    return float(solution.log_evidence[0]), task.lattice, solution.marginals[account.index(quantity)][0]


def test_separate_counts_are_those_of_the_engine_for_linked_counts():
    claims, theta, echo = world(40, seed=3)
    shards, edge = build_shards(claims, Cells.of(claims))
    evidence = 0.0
    for event in range(40):
        alone, lattice, marginal = one_count(claims, theta, echo, event)
        evidence += alone
        at = np.flatnonzero(claims.event == event)
        mine = attrs.evolve(
            claims, event=np.zeros(len(at), dtype=int), value=claims.value[at], hedged=claims.hedged[at],
            outcome=claims.outcome[[event]],
        )  # fmt: skip
        (shard,), few = build_shards(mine, Cells.of(mine))
        found = evaluate(shard, theta[None][:, :, at], echo[:, at], [table_of(few)])
        assert found.log_evidence[0] == pytest.approx(alone, abs=0.02)
        ((mass,),) = average(shard, theta[None][:, :, at], echo[:, at], [table_of(few)])
        below, (block,) = np.cumsum(mass), shard.blocks
        ends = block.low[0] + block.width[0] - 1
        # The edges of cells differ: compare with the nearest ones on either side.
        other = np.concatenate([[0.0], np.cumsum(marginal)])
        assert np.all(below > other[np.searchsorted(lattice.high, ends, side="right")] - CELLS)
        assert np.all(below < other[np.searchsorted(lattice.high, ends) + 1] + CELLS)
    assert total(shards, edge, theta, echo)[0] == pytest.approx(evidence, abs=0.2)


def test_draws_together_are_draws_one_by_one():
    claims, theta, echo = world()
    shards, edge = build_shards(claims, Cells.of(claims))
    rng = np.random.default_rng(2)
    thetas = theta + 0.3 * rng.standard_normal((5, *theta.shape))
    tables = [table_of(edge, PRIOR + 0.2 * rng.standard_normal(PRIOR.shape)) for _ in range(5)]
    for shard in shards:
        rows = shard.rows
        together = evaluate(shard, thetas[:, :, rows], echo[:, rows], tables)
        masses = average(shard, thetas[:, :, rows], echo[:, rows], tables)
        apart = [evaluate(shard, thetas[[k]][:, :, rows], echo[:, rows], [tables[k]]) for k in range(5)]
        singles = [average(shard, thetas[[k]][:, :, rows], echo[:, rows], [tables[k]]) for k in range(5)]
        for name in ("log_evidence", "scores", "copies", "prior"):
            wanted = np.concatenate([getattr(one, name) for one in apart])
            np.testing.assert_allclose(getattr(together, name), wanted, rtol=1e-9, atol=1e-9)
        for at, mass in enumerate(masses):
            np.testing.assert_allclose(mass, np.mean([one[at] for one in singles], axis=0), atol=ROUNDING)
            np.testing.assert_allclose(mass.sum(axis=1), 1)
            assert np.all(mass[shard.blocks[at].width == 0] == 0)


def test_copies_are_posterior_means():
    """By hand, for one count with one claim: averages over the cells of 1 / row and of own / row."""
    claims, theta, echo = world(1, seed=5)
    (shard,), edge = build_shards(claims, Cells.of(claims))
    (block,), table = shard.blocks, table_of(edge)
    rows = speak(block, theta[:, block.claims], echo[:, block.claims], slopes=False)
    found = evaluate(shard, theta[None], echo, [table])
    joint = table.mass(block)[0] * rows.row.prod(axis=0)
    posterior = joint / joint.sum()
    assert found.log_evidence[0] == pytest.approx(np.log(joint.sum()))
    np.testing.assert_allclose(found.copies[0, 0], (posterior / rows.row).sum(axis=1))
    np.testing.assert_allclose(found.copies[0, 1], (posterior * rows.own / rows.row).sum(axis=1))


def test_prior_masses_are_those_of_the_count_prior():
    claims, _, _ = world(10)
    (shard,), edge = build_shards(claims, Cells.of(claims))
    table = table_of(edge)
    from reconcile.pmf import Lattice

    for block in shard.blocks:
        mass, slopes = table.mass(block), table.mass_slopes(block)
        for i, outcome in enumerate(block.outcome):
            inside = block.width[i] > 0
            low = block.low[i][inside].astype(np.int64)
            prior = COUNT_PRIORS[OUTCOMES[outcome]]
            wanted = prior.mass(Lattice(low, np.append(low[1:] - 1, TOP)))
            # Here nothing is left out above the top, where at most one in 1,000 of the displaced would be.
            np.testing.assert_allclose(mass[i][inside], wanted, rtol=1e-3)
            assert np.all(mass[i][~inside] == 0)
        h = 1e-5
        for k in range(4):
            up, down = (table_of(edge, PRIOR + sign * h * np.eye(4)[k]).mass(block) for sign in (1, -1))
            np.testing.assert_allclose(slopes[k], (up - down) / (2 * h), atol=1e-9)
