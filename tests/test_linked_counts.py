# SPDX-License-Identifier: MIT
"""The evidence of counts that identities bind together, against enumeration of every small world."""

from __future__ import annotations

import math

import attrs
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from oracles import count_probability, enumerate_account, known_probability, logistic
from worlds import ADULT, AGENCY, CASUALTIES, CHILD, MARKET, MINISTRY, MONITOR, S, T, claim, posed_of

import reconcile as rc
from reconcile.inference import trees
from reconcile.inference.arrays import Cells
from reconcile.inference.evidence import AllEvidence, Masses
from reconcile.inference.importance import BLOCKS
from reconcile.inference.likelihood import Term, share_index
from reconcile.inference.linked_counts import LinkedEvidence, find_openers
from reconcile.inference.lone_counts import FAINT
from reconcile.model import COUNT_DOUBT, REMAINDER_ZERO, Model
from reconcile.vocabulary import Relation

TOP = 9
EXACT = 1e-9
KILLED, INJURED, BOTH = MARKET.killed(T), MARKET.injured(T), MARKET.count(CASUALTIES, T)
HALF = rc.Share(0.5, 0.5)


def day(n):
    return f"2020-03-{n:02d}"


def told(*said):
    """Claims of one source after the other, on one day after the other."""
    return [claim(quantity, value, f"s{k}", reported=day(k + 1)) for k, (quantity, value) in enumerate(said)]


def openers(claims):
    """Which of the claims open a count, in the order in which they are given."""
    corpus_problem = posed_of(claims)
    (linked,) = corpus_problem.problem.linked
    rows, shares = find_openers(corpus_problem.problem, linked)
    ids = {role.id for role in claims}
    columns = rc.Corpus(claims).columns
    first = {columns.id(int(corpus_problem.rows[row])) for row in rows}
    first |= {columns.id(one.row) for one, opens in zip(linked.shares, shares, strict=True) if opens}
    assert first <= ids
    return [one.id in first for one in claims]


@pytest.mark.parametrize(
    "said, opens",
    [
        ([(KILLED, 5), (INJURED, 9), (BOTH, 14)], [True, True, False]),
        ([(BOTH, 14), (KILLED, 5), (INJURED, 9)], [True, True, False]),
        ([(KILLED, 5), (KILLED, 6), (BOTH, 14), (BOTH, 15), (INJURED, 9)], [True, False, True, False, False]),
        ([(MARKET.killed(), 9), (MARKET.killed(T), 5), (MARKET.killed(S), 4)], [True, True, True]),  # and others
        ([(MARKET.killed(), 9), (MARKET.killed(T), 5), (MARKET.killed(), 9)], [True, True, False]),
        ([(MARKET.killed(CHILD), 2), (MARKET.killed(ADULT), 5), (MARKET.killed(), 7)], [True, True, True]),
        ([(MARKET.displaced(), 600), (MARKET.displaced(CHILD), HALF)], [True, True]),
        ([(MARKET.displaced(), 600), (MARKET.displaced(CHILD), 200), (MARKET.displaced(CHILD), HALF)],
         [True, True, False]),
        ([(MARKET.displaced(), 600), (MARKET.displaced(CHILD), HALF), (MARKET.displaced(CHILD), HALF)],
         [True, True, False]),
        ([(MARKET.displaced(), 600), (MARKET.displaced(CHILD), HALF), (MARKET.displaced(), 500)], [True, True, False]),
    ],
    ids=["third of a sum", "third of a sum, the whole first", "several of each", "parts of a whole", "whole again",
         "parts that leave a rest", "share", "share of what is known", "share again", "whole of a share again"],
)  # fmt: skip
def test_a_claim_opens_what_those_before_it_leave_open(said, opens):
    assert openers(told(*said)) == opens


@given(st.lists(st.sampled_from([KILLED, INJURED, BOTH]), min_size=2, max_size=7), st.randoms(use_true_random=False))
@settings(max_examples=20)
def test_as_many_claims_open_something_as_there_are_counts_to_open(quantities, random):
    """Whatever their order: of killed, injured and their sum two are free, and no more than are spoken of."""
    quantities = [*quantities, BOTH] if BOTH not in quantities else quantities  # without it nothing binds them
    claims = [claim(q, random.randrange(20), f"s{k}", reported=day(k + 1)) for k, q in enumerate(quantities)]
    if len(set(quantities)) > 1:
        assert sum(openers(claims)) == 2


# --- evidence ------------------------------------------------------------------------------------------------------

WORLDS = {
    "sum": told((KILLED, 2), (INJURED, 3), (BOTH, 6), (KILLED, 2)),
    "whole first": told((BOTH, 6), (BOTH, rc.AtLeast(5)), (KILLED, 2), (INJURED, rc.About(3))),
    "part": told((MARKET.killed(), 5), (MARKET.killed(T), 3), (MARKET.killed(T), 2), (MARKET.killed(), 5)),
    "parts": told((MARKET.killed(T), 3), (MARKET.killed(S), 2), (MARKET.killed(), 7), (MARKET.killed(T), 3)),
    "share": told((MARKET.displaced(), 6), (MARKET.displaced(CHILD), HALF), (MARKET.displaced(CHILD), 2)),
    "only openers": told((MARKET.killed(), 5), (MARKET.killed(T), 3)),
}  # fmt: skip


def figures(claims):
    """Two of a source, to be told from the same figure said for two groups."""
    return [attrs.evolve(one, source=rc.Source("a" if k % 2 else "b")) for k, one in enumerate(claims)]


@pytest.fixture
def small(monkeypatch):
    """Every node has a cell for each count to `TOP`, and no count is larger."""

    def integers(accounts, claims, node, proportions):
        start = np.tile(np.arange(TOP + 1), int(node[-1]))
        first = (TOP + 1) * np.arange(int(node[-1]) + 1)
        return Cells(start, start + 1, first, np.log(start + 0.5), np.zeros(len(start)))

    monkeypatch.setattr(trees, "_lay_cells", integers)


def points_of(problem, draws=2, seed=0):
    layout = problem.hierarchy
    return layout.mean + 0.3 * np.random.default_rng(seed).standard_normal((draws, len(layout)))


def with_prior_sources(layout, x):
    found = layout.mean.copy()
    found[layout.counts] = x[layout.counts]
    return found


def enumerated(corpus_problem, columns, x, heard):
    """Log evidence of the one account and the marginals of its nodes, by those claims whose rows are `heard`."""
    problem, (linked,) = corpus_problem.problem, corpus_problem.problem.linked
    account, layout, counts = linked.account, problem.hierarchy, np.arange(TOP + 1)
    at = dict(zip(layout.names, x, strict=True))
    potentials = [np.ones((1, TOP + 1)) for _ in account.nodes]
    for node, prior in account.priors.items():
        zero, location, log_scale, broad = (at["count", prior.outcome, name, None] for name in COUNT_DOUBT)
        one = attrs.evolve(
            problem.model.count_prior(prior.outcome), zero=REMAINDER_ZERO if prior.remainder else logistic(zero),
            location=location, scale=math.exp(log_scale), broad=logistic(broad),
        )  # fmt: skip
        potentials[node] = np.array([[count_probability(int(n), one) for n in counts]])
    for whole, parts in account.splits:
        for k in range(1, parts + 1):
            potentials[whole] = potentials[whole] * k / (counts + k)
    floor, said = problem.echoes.floor(problem.source), {}
    for place, row in enumerate(corpus_problem.rows):
        if int(row) not in heard:
            continue
        one = columns.claim(int(row))
        term = attrs.evolve(
            Term.of(one, one.source, one.relation, problem.model), echo=tuple(floor[:, place]),
            power=problem.power[place],
        )  # fmt: skip
        theta = {
            name: np.array([at["source", one.source.name, name, relation]])
            for name, (relation, _, _) in term.priors().items()
        }
        node = account.index(one.quantity)
        said[node] = said.get(node, 1.0) * term.row(counts.astype(float), theta)
    known = np.array([[known_probability(k, y, problem.model.known) for k in counts.tolist()] for y in counts.tolist()])
    for node, rows in said.items():
        potentials[node] = potentials[node] * (rows @ known.T)
    tables = {}
    index = share_index(counts[:, None].astype(float), counts[None].astype(float))
    for share in linked.shares:
        if share.row in heard:
            join = account.shares[share.part, share.whole]
            factor = share.term.curve_near(x[[share.place]])[:, index]
            tables[join] = tables.get(join, 1.0) * factor
    evidence, marginals = enumerate_account(account, potentials, tables, TOP)
    return float(evidence[0]), marginals


@pytest.mark.parametrize("name", WORLDS)
@pytest.mark.parametrize("speak", [list, figures], ids=["a source each", "two sources"])
def test_evidence_is_that_of_every_world_by_all_claims_given_those_that_open_something(small, name, speak):
    claims = speak(WORLDS[name])
    corpus_problem, columns = posed_of(claims), rc.Corpus(claims).columns
    problem, (linked,) = corpus_problem.problem, corpus_problem.problem.linked
    evidence, xs = LinkedEvidence.of(problem, map), points_of(problem)
    first, shares = find_openers(problem, linked)
    opened = {int(corpus_problem.rows[row]) for row in first}
    opened |= {one.row for one, opens in zip(linked.shares, shares, strict=True) if opens}
    every = {*map(int, corpus_problem.rows), *(one.row for one in linked.shares)}
    value, taken = evidence.values(xs)
    assert taken.shape == (len(xs), 1)
    nodes = [node for node in range(len(linked.account.nodes)) if linked.account.nodes[node] is not None]
    weight = np.ones((1, 1))
    for k, x in enumerate(xs):
        prior = with_prior_sources(problem.hierarchy, x)
        joint, marginals = enumerated(corpus_problem, columns, x, every)
        by_source, by_prior = (enumerated(corpus_problem, columns, at, opened)[0] for at in (x, prior))
        assert value[k] == pytest.approx(joint - by_source + by_prior, abs=EXACT)
        assert taken[k, 0] == pytest.approx(by_source - by_prior, abs=EXACT)
        mass = evidence.sums(x[None], weight).sum(axis=0)
        for node in nodes:
            mine = slice((TOP + 1) * node, (TOP + 1) * (node + 1))
            np.testing.assert_allclose(mass[mine], marginals[node][0], atol=EXACT)


@pytest.mark.parametrize("name", WORLDS)
def test_the_gradient_is_a_finite_difference(name):
    problem = posed_of(figures(WORLDS[name])).problem
    evidence, layout, xs, h = LinkedEvidence.of(problem, map), problem.hierarchy, points_of(problem) + 0.013, 1e-5
    value, slope = evidence.evaluate(xs)
    np.testing.assert_allclose(value, evidence.values(xs)[0], atol=EXACT)
    for k in range(len(layout)):
        step = h * np.eye(len(layout))[k]
        numeric = (evidence.evaluate(xs + step)[0] - evidence.evaluate(xs - step)[0]) / (2 * h)
        np.testing.assert_allclose(slope[:, k], numeric, rtol=2e-5, atol=2e-5, err_msg=str(layout.names[k]))


def test_claims_that_open_something_teach_nothing_of_their_sources():
    problem = posed_of(WORLDS["only openers"]).problem
    layout, (slope,) = problem.hierarchy, LinkedEvidence.of(problem, map).evaluate(points_of(problem, 1))[1]
    counts = np.isin(np.arange(len(layout)), layout.counts)
    assert not slope[~counts].any()
    assert slope[counts].any()


SEVERAL = [
    *figures(WORLDS["sum"]),
    claim(rc.Event("e").killed(), 12, "a", reported=day(1)), claim(rc.Event("e").killed(), 15, "b", reported=day(2)),
    claim(rc.Event("f").killed(), 3, "b", reported=day(2)),
    claim(rc.Event("g").displaced(), 600, AGENCY), claim(rc.Event("g").displaced(CHILD), HALF, MONITOR),
    claim(rc.Event("g").displaced(CHILD), 250, MINISTRY), claim(rc.Event("h").killed(), 5, MONITOR),
    claim(rc.Event("h").killed(CHILD), 2, MONITOR),
]  # fmt: skip


def test_all_evidence_is_that_of_counts_alone_and_of_accounts():
    problem = posed_of(SEVERAL).problem
    every, xs = AllEvidence.of(problem, map), points_of(problem, 3)
    value, slope = every.evaluate(xs)
    total, taken = every.values(xs)
    parts = [every.alone.evaluate(xs), every.linked.evaluate(xs)]
    np.testing.assert_allclose(value, sum(one for one, _ in parts))
    np.testing.assert_allclose(slope, sum(one for _, one in parts))
    np.testing.assert_allclose(total, value, atol=2e-3)
    assert taken.shape == (3, 2 + 3)  # e and f; market, g and h
    assert every.units.max() == 4
    assert len(every.units) == len(every.cells.first) - 1
    masses = Masses(every)
    masses.add(xs, np.zeros((3, 5)))
    np.testing.assert_allclose(np.add.reduceat(masses.mean, every.cells.first[:-1]), 1)
    assert masses.errors.shape == every.units.shape


def test_leaving_cells_out_hardly_changes_evidence_and_slope():
    problem = posed_of(SEVERAL).problem
    every, layout, xs = AllEvidence.of(problem, map), problem.hierarchy, points_of(problem, 3)
    few, mass, kept = every.reduced(xs)
    assert len(few.cells.start) == len(kept) < 0.8 * len(mass)
    np.testing.assert_allclose(np.add.reduceat(mass, every.cells.first[:-1]), 1)
    # At typical parameters and by prior means together a cell holds half of what it holds at the former, or more.
    assert np.all(np.isin(np.flatnonzero(mass > 2 * FAINT), kept))
    np.testing.assert_allclose(few.values(xs)[0], every.values(xs)[0], atol=0.02)
    np.testing.assert_allclose(few.values(xs)[1], every.values(xs)[1], atol=0.01)
    prior = np.zeros((1, layout.size))
    gap = layout.pull(prior, few.evaluate(xs)[1]) - layout.pull(prior, every.evaluate(xs)[1])
    assert np.max(np.abs(gap)) < 0.01
    weight = np.ones((3, 5))
    whole = every.sums(xs, weight)
    assert whole.shape == (BLOCKS, len(mass))
    np.testing.assert_allclose(few.sums(xs, weight).sum(axis=0), whole.sum(axis=0)[kept], atol=1e-4)


@pytest.mark.parametrize("only_linked", [False, True])
def test_where_nothing_is_bound_or_all_is(only_linked):
    claims = WORLDS["sum"] if only_linked else [claim(rc.Event("f").killed(), 3, "b"), claim(KILLED, 3, "c")]
    problem = posed_of(claims).problem
    every, xs = AllEvidence.of(problem, map), points_of(problem)
    value, slope = every.evaluate(xs)
    assert np.isfinite(value).all()
    assert np.isfinite(slope).all()
    assert every.values(xs)[1].shape == (2, 1 if only_linked else 2)
    dense = np.arange(len(problem.hierarchy))
    assert np.isfinite(every.curvature(xs[0], dense)).all()
    assert every.reduced(xs)[0].evaluate(xs)[0] == pytest.approx(value, abs=0.02)


# --- what it teaches -----------------------------------------------------------------------------------------------


def test_a_source_whose_sums_are_off_is_learned_to_be_inexact():
    """Its killed and injured, held against what it says of both: nobody else speaks."""
    random, found = np.random.default_rng(0), {}
    for off in (0, 4):
        claims = []
        for k in range(3):
            event, (a, b) = rc.Event(f"e{k}"), random.integers(10, 60, 2).tolist()
            said = zip((event.killed(), event.injured(), event.count("casualties")),
                       (a, b, a + b + off * (-1) ** k * (k + 1)), strict=True)  # fmt: skip
            claims += [claim(quantity, n, "clerk", reported=day(1)) for quantity, n in said]
        posterior = rc.estimate(claims, ess=10)
        found[off] = posterior.sources["clerk"].draws["fidelity", None]
        assert len(posterior) == 9
    _, prior = Model().source_prior("fidelity", rc.Source("clerk"), Relation.THIRD)
    assert found[0].mean() > prior.mean > found[4].mean()
    assert found[0].mean() - found[4].mean() > prior.sd
