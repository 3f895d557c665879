# SPDX-License-Identifier: MIT
"""Many counts at once against one claim and one count at a time, in NumPy and compiled."""

from __future__ import annotations

import attrs
import numpy as np
import pytest
from oracles import solve_layout
from test_model import ALL_COUNTS, above_unbounded

import reconcile as rc
from reconcile.accounts import build_accounts
from reconcile.inference.arrays import COUNTS, PARAMETERS, Cells, Claims, CountEdges
from reconcile.inference.batches import PLAIN, STEP
from reconcile.inference.kernel import LEVELS, load
from reconcile.inference.layouts import Layout
from reconcile.inference.likelihood import Term
from reconcile.inference.lone_counts import theta_of
from reconcile.inference.rows import LEAST, Pairs, speak
from reconcile.inference.shards import Tasks, build_shards
from reconcile.model import COUNT_PRIORS, Model
from reconcile.pmf import TOP, Lattice
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
MODEL = Model(known=None)  # what is known of a count is summed out elsewhere


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
WIDE = np.array([p.wide for p in PRIORS])


@pytest.fixture(params=["numpy", *LEVELS], scope="module")
def engine(request):
    """Each way to compute that there is here."""
    found = PLAIN if request.param == "numpy" else load(request.param)
    if found is None:
        pytest.skip(f"no kernel of level {request.param} was built, or this processor cannot run it")
    return found


def lay_out(claims, columns=None, cells=None):
    """Shards and edges; by default each claim has eight parameters of its own."""
    columns = np.arange(8 * len(claims)).reshape(8, -1) if columns is None else columns
    tasks = Tasks.of(claims, Cells.of(claims) if cells is None else cells)
    return build_shards(claims, columns, tasks, WIDE, int(columns.max(initial=-1)) + 1)


def echo_of(shard, echo):
    return np.ascontiguousarray(echo[:, shard.rows].T)


def total(engine, laid_out, x, echo, prior=PRIOR):
    """Sum shards: log evidence, its slopes by `x`, and by the parameters of the count priors."""
    shards, edges = laid_out
    tail, slopes = engine.tails(edges, prior[None], slopes=True)
    evidence, by, back = 0.0, np.zeros(len(x) + 1), np.zeros(tail.shape)
    for shard in shards:
        found = engine.evaluate(shard, theta_of(shard, x[None]), echo_of(shard, echo), tail, slopes=True)
        evidence += found.value[0]
        mine = np.append(shard.parameters, len(x))
        by += np.bincount(mine[shard.place].ravel(), found.score[0].ravel(), len(by))
        back += found.prior
    return evidence, by[:-1], engine.by_counts(slopes, back)[0]


def test_slopes_of_rows_are_differences_of_their_logarithms(engine):
    claims, theta, echo = world(20)
    (shard,), _ = lay_out(claims)
    heard, x = echo_of(shard, echo), theta.ravel()
    weight = np.random.default_rng(0).random((1, len(shard.exact)))
    weight *= engine.rows(shard, theta_of(shard, x[None]), heard) > 1e-6  # smaller ones leave differences no digits
    slope = np.zeros(len(x) + 1)
    np.add.at(slope, shard.place, engine.slopes(shard, theta_of(shard, x[None]), heard, weight)[0])

    def total(y):
        row = engine.rows(shard, theta_of(shard, y[None]), heard)
        return np.sum(weight * np.log(row) * (row > LEAST))

    for k in np.random.default_rng(1).integers(0, len(x), 60):
        step = 1e-5 * (np.arange(len(x)) == k)
        assert abs((total(x + step) - total(x - step)) / 2e-5 - slope[k]) < DIFFERENCE * max(1, abs(slope[k]))


def term_of(claims, row, echo, values=VALUES):
    source = rc.Source(f"s{row}")
    quantity = rc.Event(f"e{claims.event[row]}").count(OUTCOMES[claims.outcome[claims.event[row]]])
    claim = rc.Claim(quantity, values[claims.value[row]], source, hedged=bool(claims.hedged[row]))
    return attrs.evolve(Term.of(claim, source, claim.relation, MODEL), echo=tuple(echo[:, row]))


def theta_of_claim(term, theta, row):
    return {name: theta[[PARAMETERS.index(name)], [row]] for name in term.parameters}


def test_every_claim_has_one_place_and_every_count_cells_from_zero_to_the_top():
    claims, _, _ = world()
    cells = Cells.of(claims)
    shards, edges = lay_out(claims, cells=cells)
    assert len(shards) > 1
    assert np.concatenate([shard.rows for shard in shards]).tolist() == list(range(len(claims)))
    used, event = len(np.unique(np.concatenate([cells.start, cells.stop]))), 0
    assert np.all(np.diff(edges.edge[:used]) > 0)
    assert len(edges.edge) % 8 == 0
    for shard in shards:
        for t in range(len(shard.sign)):
            number = int(np.diff(cells.first)[event])
            mine = slice(shard.cell[t], shard.cell[t] + number)
            low, high = edges.edge[shard.left[mine]], edges.edge[shard.right[mine]]
            assert low[0] == 0
            assert high[-1] == TOP + 1
            assert np.array_equal(low[1:], high[:-1])
            assert np.array_equal(low, cells.start[cells.first[event] : cells.first[event + 1]])
            assert np.all(shard.base[mine] == 0)
            assert np.all(shard.base[mine.stop : shard.cell[t + 1]] < -1e4)
            for row in shard.rows[shard.claim[t] : shard.claim[t + 1]]:
                assert claims.event[row] == event
                core = claims.meanings[claims.value[row]]
                for n in (core.low[0], core.high[0]):
                    if np.isfinite(n):  # a claimed number has its own cell
                        at = np.searchsorted(low, n, side="right") - 1
                        assert high[at] - low[at] == 1
            assert shard.outcome[t] == claims.outcome[event]
            event += 1


@pytest.mark.parametrize("parameter", range(len(PARAMETERS)), ids=PARAMETERS)
def test_scores_of_sources_are_finite_differences(parameter, engine):
    claims, theta, echo = world()
    laid_out, x = lay_out(claims), theta.ravel()
    _, scores, _ = total(engine, laid_out, x, echo)
    rng, h = np.random.default_rng(parameter), 1e-5
    step = np.zeros(theta.shape)
    step[parameter] = rng.standard_normal(len(claims))
    up, down = (total(engine, laid_out, x + sign * h * step.ravel(), echo)[0] for sign in (1, -1))
    assert (up - down) / (2 * h) == pytest.approx(scores @ step.ravel(), rel=DIFFERENCE, abs=DIFFERENCE)


@pytest.mark.parametrize("parameter, far", [(0, 61.0), (0, -80.0), (1, 9.0), (1, -13.0)])
def test_beyond_its_limits_a_parameter_changes_nothing(parameter, far, engine):
    claims, theta, echo = world(10)
    theta[1] = 3.0  # wide enough for figures to be reached from there
    theta[parameter] = far
    laid_out, h = lay_out(claims), 1e-5
    value, scores, _ = total(engine, laid_out, theta.ravel(), echo)
    step = np.zeros(theta.shape)
    step[parameter] = h
    assert total(engine, laid_out, (theta + step).ravel(), echo)[0] == value
    assert np.all(scores.reshape(theta.shape)[parameter] == 0)


def test_cells_that_only_fill_up_hold_nothing_whatever_is_said(engine):
    """Thousands of claims that no cell explains once made the cells that fill up the likeliest of all."""
    number = 3_000
    meanings = (MODEL.speech.read(Exactly(1)),)
    claims = Claims(
        np.zeros(number, dtype=int), np.zeros(number, dtype=int), np.zeros(number, dtype=bool), meanings, np.array([0])
    )
    start = np.array([0, 1_000, 1_001])
    cells = Cells(start, np.array([1, 1_001, TOP + 1]), np.array([0, 3]), np.log([0.5, 1_000.5, 1e6]), np.zeros(3))
    columns = np.tile(np.arange(8)[:, None], (1, number))
    (shard,), edges = lay_out(claims, columns, cells)
    theta = np.array([[[0.0, -12.0, -50.0, 0.0, -750.0, -750.0, -750.0, -750.0]]])
    tail, _ = engine.tails(edges, PRIOR[None], slopes=False)
    found = engine.evaluate(shard, theta, np.zeros((number, 2)), tail, weight=np.ones((1, 1)))
    assert found.mass[shard.cells].sum() == pytest.approx(1)
    assert np.argmax(found.mass[shard.cells]) == 0
    assert found.value[0] < -110_000


def test_where_a_claim_is_at_its_floor_nothing_has_a_slope(engine):
    """Divided by the floor, the rounding of slopes once made them as large as it is small."""
    meanings = (MODEL.speech.read(Exactly(1)), MODEL.speech.read(Exactly(10**9)))
    event, hedged = np.zeros(8, dtype=int), np.zeros(8, dtype=bool)
    claims = Claims(event, np.arange(8) % 2, hedged, meanings, np.array([0]))
    (shard,), edges = lay_out(claims, np.tile(np.arange(8)[:, None], (1, 8)))
    theta = np.array([[[0.0, -12.0, -750.0, 0.0, -750.0, -750.0, -750.0, -750.0]]])
    assert np.mean(engine.rows(shard, theta, np.zeros((8, 2))) == LEAST) > 0.1
    tail, slopes = engine.tails(edges, np.repeat(PRIOR[None], 5, axis=0), slopes=True)
    found = engine.evaluate(shard, theta, np.zeros((8, 2)), tail[:1], slopes=True)
    assert np.max(np.abs(found.score)) < 1e3
    assert np.max(np.abs(engine.curve(shard, theta[0], np.zeros((8, 2)), tail, slopes))) < 1e6


@pytest.mark.parametrize("parameter", range(4), ids=["zero", "location", "log_scale", "broad"])
@pytest.mark.parametrize("outcome", range(len(OUTCOMES)), ids=OUTCOMES)
def test_scores_of_count_priors_are_finite_differences(outcome, parameter, engine):
    claims, theta, echo = world()
    laid_out, x = lay_out(claims), theta.ravel()
    _, _, slope = total(engine, laid_out, x, echo)
    step = np.zeros(PRIOR.shape)
    step[outcome, parameter] = h = 1e-5
    up, down = (total(engine, laid_out, x, echo, PRIOR + sign * step)[0] for sign in (1, -1))
    assert (up - down) / (2 * h) == pytest.approx(slope[outcome, parameter], rel=DIFFERENCE, abs=DIFFERENCE)


def curvature(engine, laid_out, x, echo, size):
    """Observed information of `x`, and after that of the parameters of the count priors."""
    shards, edges = laid_out
    moved = np.repeat(PRIOR[None], 1 + COUNTS, axis=0)
    for k in range(COUNTS):
        moved[1 + k, :, k] += STEP
    tail, slopes = engine.tails(edges, moved, slopes=True)
    found = np.zeros((size + PRIOR.size, size + PRIOR.size))
    for shard in shards:
        at = np.append(shard.parameters, size + np.arange(PRIOR.size))
        info = engine.curve(shard, theta_of(shard, x[None])[0], echo_of(shard, echo), tail, slopes)
        found[np.ix_(at, at)] += info
    return found


def test_curvature_is_a_finite_difference_of_the_gradient(engine):
    """Three sources share the claims, so that a count has several claims of one source."""
    claims, _, echo = world(60)
    rng = np.random.default_rng(0)
    source = rng.integers(0, 3, len(claims))
    columns = 8 * source + np.arange(8)[:, None]
    laid_out = lay_out(claims, columns)
    x = np.concatenate([(MEAN + 0.5 * rng.standard_normal((3, 8))).ravel(), PRIOR.ravel()])

    def gradient(x):
        _, scores, slope = total(engine, laid_out, x[:24], echo, x[24:].reshape(PRIOR.shape))
        return np.append(scores, slope)

    found = curvature(engine, laid_out, x[:24], echo, 24)
    h = 1e-4
    wanted = -np.array([(gradient(x + h * one) - gradient(x - h * one)) / (2 * h) for one in np.eye(len(x))])
    scale = np.sqrt(np.maximum(np.abs(np.diag(wanted)), 1.0))
    assert np.max(np.abs(found - found.T) / scale / scale[:, None]) < CURVED * STEP
    assert np.max(np.abs(found - wanted) / scale / scale[:, None]) < CURVED * STEP


def test_parameters_without_a_place_are_left_out_of_the_curvature(engine):
    claims, theta, echo = world(20)
    columns = np.tile(np.arange(8)[:, None], (1, len(claims)))
    x = theta[:, 0].copy()
    x[5:] = 0.0  # what a claim has no place for is 0
    every = curvature(engine, lay_out(claims, columns), x, echo, 8)
    shards, edges = build_shards(claims, np.minimum(columns, 5), Tasks.of(claims, Cells.of(claims)), WIDE, 5)
    assert all(np.array_equal(shard.parameters, np.arange(5)) for shard in shards)
    some = curvature(engine, (shards, edges), x[:5], echo, 5)
    kept = np.array([0, 1, 2, 3, 4, *range(8, 16)])
    np.testing.assert_allclose(some, every[np.ix_(kept, kept)], atol=1e-9)


def one_count(claims, theta, echo, event):
    """Log evidence and posterior of a count by the engine for linked counts."""
    rows = np.flatnonzero(claims.event == event)
    terms = [term_of(claims, row, echo) for row in rows]
    quantity = rc.Event(f"e{event}").count(OUTCOMES[claims.outcome[event]])
    (account,) = build_accounts([quantity])
    layout = Layout.of(account, [((account.index(quantity),), term) for term in terms], MODEL)
    points = {}
    for row, term in zip(rows, terms, strict=True):
        for name, (relation, _, _) in term.priors().items():
            points[term.source.name, name, relation] = theta[[PARAMETERS.index(name)], [row]]
    solution = solve_layout(layout, points, marginals=True)
    return float(solution.log_evidence[0]), layout.lattice, solution.marginals[account.index(quantity)][0]


def test_separate_counts_are_those_of_the_engine_for_linked_counts(engine):
    claims, theta, echo = world(40, seed=3)
    evidence = 0.0
    for event in range(40):
        alone, lattice, marginal = one_count(claims, theta, echo, event)
        evidence += alone
        at = np.flatnonzero(claims.event == event)
        mine = attrs.evolve(
            claims, event=np.zeros(len(at), dtype=int), value=claims.value[at], hedged=claims.hedged[at],
            outcome=claims.outcome[[event]],
        )  # fmt: skip
        (shard,), edges = lay_out(mine)
        tail, _ = engine.tails(edges, PRIOR[None], slopes=False)
        x, one = theta[:, at].ravel(), np.ones((1, 1))
        found = engine.evaluate(shard, theta_of(shard, x[None]), echo_of(shard, echo[:, at]), tail, weight=one)
        assert found.value[0] == pytest.approx(alone, abs=0.02)
        assert found.each[0, 0] == found.value[0]
        below = np.cumsum(found.mass[shard.cells])
        ends = edges.edge[shard.right[shard.cells]] - 1
        # The edges of cells differ: compare with the nearest ones on either side.
        other = np.concatenate([[0.0], np.cumsum(marginal)])
        assert np.all(below > other[np.searchsorted(lattice.high, ends, side="right")] - CELLS)
        assert np.all(below < other[np.searchsorted(lattice.high, ends) + 1] + CELLS)
    assert total(engine, lay_out(claims), theta.ravel(), echo)[0] == pytest.approx(evidence, abs=0.2)


def test_draws_together_are_draws_one_by_one(engine):
    claims, theta, echo = world()
    shards, edges = lay_out(claims)
    rng = np.random.default_rng(2)
    xs = theta.ravel() + 0.3 * rng.standard_normal((5, theta.size))
    tail, slopes = engine.tails(edges, PRIOR + 0.2 * rng.standard_normal((5, *PRIOR.shape)), slopes=True)
    for shard in shards:
        weight = rng.random((5, len(shard.sign)))
        thetas, heard = theta_of(shard, xs), echo_of(shard, echo)

        def ask(at, shard=shard, thetas=thetas, heard=heard, weight=weight):
            return engine.evaluate(shard, thetas[at], heard, tail[at], slopes=True, copies=True, weight=weight[at])

        together, apart = ask(slice(None)), [ask(slice(k, k + 1)) for k in range(5)]
        for name in ("value", "each", "score", "prior", "copies"):
            assert np.array_equal(getattr(together, name), np.concatenate([getattr(one, name) for one in apart]))
        mass = sum(one.mass for one in apart)
        np.testing.assert_allclose(together.mass, mass, atol=ROUNDING)
        inside = np.repeat(np.arange(len(shard.sign)), np.diff(shard.cell))
        np.testing.assert_allclose(np.bincount(inside, mass), weight.sum(axis=0))
        assert np.all(mass[shard.base < -1e4] == 0)
        rows = engine.rows(shard, thetas, heard)
        assert np.array_equal(rows, np.concatenate([engine.rows(shard, thetas[[k]], heard) for k in range(5)]))
    back = rng.standard_normal(tail.shape)
    np.testing.assert_allclose(engine.by_counts(slopes, back), np.einsum("koju,kou->koj", slopes, back), atol=1e-9)


def test_copies_are_posterior_means(engine):
    """By hand, for one count with one claim: averages over the cells of 1 / row and of own / row."""
    claims, theta, echo = world(1, seed=5)
    (shard,), edges = lay_out(claims)
    tail, _ = engine.tails(edges, PRIOR[None], slopes=False)
    thetas, heard = theta_of(shard, theta.reshape(1, -1)), echo_of(shard, echo)
    rows = speak(shard, Pairs.of(shard), thetas, heard)
    row, own = (x[:, 0].reshape(len(claims), -1)[:, shard.cells] for x in (rows.row, rows.own))
    found = engine.evaluate(shard, thetas, heard, tail, slopes=True, copies=True)
    before = tail[0, shard.outcome[0]]
    joint = (before[shard.left] - before[shard.right])[shard.cells] * row.prod(axis=0)
    posterior = joint / joint.sum()
    assert found.value[0] == pytest.approx(np.log(joint.sum()))
    np.testing.assert_allclose(found.copies[0, :, 0], (posterior / row).sum(axis=1))
    np.testing.assert_allclose(found.copies[0, :, 1], (posterior * own / row).sum(axis=1))
    np.testing.assert_allclose(engine.rows(shard, thetas, heard)[0], rows.row[:, 0], ROUNDING)


def test_a_count_may_stand_twice_with_another_sign_and_something_else_said_of_it(engine):
    claims, theta, echo = world(6, seed=7)
    plain = Tasks.of(claims, Cells.of(claims))
    said = np.random.default_rng(0).normal(size=len(plain.base))
    empty = attrs.evolve(plain, end=plain.begin, base=said)
    tasks = Tasks.join([plain, attrs.evolve(plain, sign=-plain.sign), empty])
    columns, x = np.arange(theta.size).reshape(8, -1), theta.ravel()
    both = build_shards(claims, columns, tasks, WIDE, theta.size)
    value, slope, _ = total(engine, both, x, echo)
    assert np.max(np.abs(slope)) < 1e-10  # what is added is taken away
    alone = build_shards(claims, columns, empty, WIDE, theta.size)
    assert value == pytest.approx(total(engine, alone, x, echo)[0])
    (shard,), edges = alone
    tail = engine.tails(edges, PRIOR[None], slopes=False)[0][0]
    held = (
        tail[shard.outcome[np.repeat(np.arange(6), np.diff(shard.cell))], shard.left]
        - tail[shard.outcome[np.repeat(np.arange(6), np.diff(shard.cell))], shard.right]
    )
    inside = np.repeat(np.arange(6), np.diff(plain.cells.first))
    wanted = np.log(np.bincount(inside, held[shard.cells] * np.exp(said))).sum()
    assert value == pytest.approx(wanted)


def test_tails_are_those_of_the_count_prior(engine):
    claims, _, _ = world(10)
    (shard,), edges = lay_out(claims)
    tail, slopes = engine.tails(edges, PRIOR[None], slopes=True)
    assert np.array_equal(engine.tails(edges, PRIOR[None], slopes=False)[0], tail)
    owner = np.repeat(np.arange(10), np.diff(shard.cell))
    for t, outcome in enumerate(shard.outcome):
        at = shard.cells[owner[shard.cells] == t]
        low = edges.edge[shard.left[at]]
        wanted = COUNT_PRIORS[OUTCOMES[outcome]].mass(Lattice(low, np.append(low[1:] - 1, TOP)))
        # Here nothing is left out above the top, where at most one in 1,000 of the displaced would be.
        np.testing.assert_allclose(tail[0, outcome][shard.left[at]] - tail[0, outcome][shard.right[at]], wanted, 1e-3)
    h = 1e-5
    for k in range(COUNTS):
        up, down = (engine.tails(edges, (PRIOR + sign * h * np.eye(4)[k])[None], slopes=False)[0] for sign in (1, -1))
        np.testing.assert_allclose(slopes[:, :, k], (up - down) / (2 * h), atol=1e-9)


@pytest.mark.parametrize("prior", ALL_COUNTS.values(), ids=ALL_COUNTS)
def test_tails_of_any_count_prior_are_those_of_a_log_normal_in_whole_numbers(prior, engine):
    edge = np.array([0, 1, 2, 7, 600, 10**6, 10**9])
    edges = CountEdges.of(edge, np.array([prior.wide]))
    zero, broad = (logit(p) if p > 0 else -40.0 for p in (prior.zero, prior.broad))
    counts = np.array([[[zero, prior.location, np.log(prior.scale), broad]]])
    (tail,), (slopes,) = (x[0] for x in engine.tails(edges, counts, slopes=True))
    wanted = [1.0, *(above_unbounded(prior, int(n)) for n in edge[1:])]
    np.testing.assert_allclose(tail[: len(edge)], wanted, rtol=1e-9, atol=1e-12)
    h = 1e-5
    for k in range(COUNTS):
        up, down = (engine.tails(edges, counts + sign * h * np.eye(4)[k], slopes=False)[0][0, 0] for sign in (1, -1))
        np.testing.assert_allclose(slopes[k], (up - down) / (2 * h), atol=1e-8)


def test_tails_far_below_one_are_numbers_still(engine):
    """Given one at least, it is one; but a chance of one that is too small to write made them no numbers at all."""
    edges = CountEdges.of(np.array([1, 2, 10**13]), np.array([[0.0, 1.0, 0.1]]))
    for location, scale in ((-5.0, 0.1), (-60.0, 0.0025)):
        (tail,), (slopes,) = (
            x[0] for x in engine.tails(edges, np.array([[[-40.0, location, np.log(scale), -40.0]]]), slopes=True)
        )
        assert tail[:3] == pytest.approx([1, 0, 0], abs=1e-12)
        assert slopes == pytest.approx(np.zeros(slopes.shape), abs=1e-6)
