# SPDX-License-Identifier: MIT
"""Accounts that are trees against enumeration of every small world, differences, and one account at a time."""

from __future__ import annotations

import datetime
import pickle

import attrs
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from oracles import enumerate_account, known_probability, solve_layout
from test_batches import MEAN, logit
from test_sum_product import ADULT, CHILD, WORLDS, E, S, T

import reconcile as rc
from reconcile.accounts import build_accounts
from reconcile.inference.arrays import PARAMETERS, Cells, Claims
from reconcile.inference.batches import PLAIN, choose_likelihood
from reconcile.inference.forests import FIELDS, count_couples
from reconcile.inference.kernel import LEVELS, load
from reconcile.inference.layouts import Layout
from reconcile.inference.likelihood import Term, share_index
from reconcile.inference.proportions import Proportion
from reconcile.inference.rows import Pairs
from reconcile.inference.trees import MOST_POINTS, Trees, find_points
from reconcile.model import COUNT_PRIORS, REMAINDER_ZERO, Model
from reconcile.vocabulary import CASUALTIES, Period

TOP = 9
EXACT = 1e-9
DIFFERENCE = 2e-5  # central differences in steps of 1e-5
# Cells of 3.5 % and more, each node's own, against 2 %, common to all; and a prior that ends at 10^10 against one that
# does not.
CELLS = 2e-2
MODEL = Model()
OUTCOMES = ("casualties", "displaced", "injured", "killed")
PRIOR = np.array([
    [logit(p.zero), p.location, np.log(p.scale), logit(p.broad)] for p in (COUNT_PRIORS[name] for name in OUTCOMES)
])  # fmt: skip
COUNTS = range(TOP + 1)
KNOWN = np.array([[known_probability(k, y, MODEL.known) for k in COUNTS] for y in COUNTS])
START = datetime.date(2020, 1, 1)
HALF = rc.Share(0.5, 0.5)


def days(first, last):
    """Who was killed from one day to another."""
    return E.killed(period=Period(START + datetime.timedelta(first - 1), START + datetime.timedelta(last - 1)))


def claim(quantity, value, *, hedged=False, source="s"):
    return rc.Claim(quantity, value, rc.Source(source), hedged=hedged)


def plant(said, *, shares=(), cells=None):
    """Lay out accounts, each claim with parameters of its own.

    `said` and `shares` are lists, one for each account, of (quantity, value, hedged) and of (part, whole, value).
    """
    accounts, event, values, hedged, given_ = [], [], [], [], []
    shares = shares or [[] for _ in said]
    at = 0
    for number, (mine, proportions) in enumerate(zip(said, shares, strict=True)):
        pairs = [(part, whole) for part, whole, _ in proportions]
        (account,) = build_accounts([quantity for quantity, _, _ in mine], pairs)
        rows = sorted((account.index(quantity), k) for k, (quantity, _, _) in enumerate(mine))
        event += [at + node for node, _ in rows]
        values += [mine[k][1] for _, k in rows]
        hedged += [mine[k][2] for _, k in rows]
        for part, whole, value in proportions:
            source = rc.Source("s")
            term = Term.of(rc.Claim(part, value, source), source, rc.Relation.THIRD, MODEL)
            given_.append(Proportion(number, account.index(part), account.index(whole), term))
        at += len(account.nodes)
        accounts.append(account)
    meanings = tuple(MODEL.speech.read(value) for value in values)
    claims = Claims(
        np.array(event, dtype=np.int64), np.arange(len(values)), np.array(hedged, dtype=bool), meanings,
        np.zeros(at, dtype=np.int64),
    )  # fmt: skip
    columns = np.arange(8 * len(values)).reshape(8, -1)
    if cells == "integers":
        start = np.tile(np.arange(TOP + 1), at)
        first = (TOP + 1) * np.arange(at + 1)
        cells = Cells(start, start + 1, first, np.log(start + 0.5), np.zeros(len(start)))
    return Trees.of(accounts, claims, columns, OUTCOMES, MODEL, columns.size, given_, cells)


def ask(trees, x, echo, values, spread=None, power=None, *, slopes=True, weight=None, engine=None, reach=False):
    """All groves together: value, each, gradients by x, counts and spreads, and mass, or what of that is also known."""
    engine = engine or choose_likelihood()
    tail, by = engine.tails(trees.edges, trees.counts(values), slopes=True)
    spread = np.zeros((len(x), len(trees.proportions))) if spread is None else spread
    value, each, mass = np.zeros(len(x)), [], []
    score, prior = np.zeros((len(x), trees.none + 1)), np.zeros(tail.shape)
    by_spread = np.zeros(spread.shape)
    padded = np.concatenate([x, np.zeros((len(x), 1))], axis=1)
    for grove in trees.groves:
        shard, rows = grove.shard, grove.proportions.rows
        theta = np.ascontiguousarray(padded[:, shard.parameters[np.minimum(shard.place, len(shard.parameters) - 1)]])
        found = grove.evaluate(
            theta, np.ascontiguousarray(echo[:, shard.rows].T), tail, np.ascontiguousarray(spread[:, rows]),
            None if power is None else power[shard.rows], slopes=slopes,
            weight=None if weight is None else np.ascontiguousarray(weight[:, grove.accounts]), known=reach,
        )  # fmt: skip
        value += found.value
        each.append(found.each)
        mass.append(np.maximum(found.mass, found.known) if reach else found.mass)
        if slopes:
            np.add.at(score, (slice(None), np.append(shard.parameters, trees.none)[shard.place]), found.score)
            prior += found.prior
            by_spread[:, rows] = found.spread
    counts = trees.by_outcome(by, prior)
    return value, np.concatenate(each, axis=1), score[:, :-1], counts, by_spread, np.concatenate(mass)


def draws_of(trees, number=2, seed=0, scale=0.5):
    rng = np.random.default_rng(seed)
    x = np.repeat(MEAN, len(trees.claims))[None] + scale * rng.standard_normal((number, trees.none))
    there = rng.random(len(trees.claims)) * (rng.random(len(trees.claims)) < 0.5)
    echo = np.array([there * rng.random(len(there)), there])
    values = PRIOR + 0.3 * rng.standard_normal((number, *PRIOR.shape))
    spread = -1.0 + 0.7 * rng.standard_normal((number, len(trees.proportions)))
    return x, echo, values, spread


def potentials_of(trees, x, echo, values, power):
    """Prior, splits and rows of each node of the one account, at each count; and the factors of the shares."""
    (account,), (grove,) = trees.accounts, trees.groves
    shard, kinds = grove.shard, trees.counts(values)
    tail, _ = PLAIN.tails(trees.edges, kinds, slopes=False)
    theta = np.ascontiguousarray(x[:, shard.parameters[shard.place]])
    rows = PLAIN.rows(shard, theta, np.ascontiguousarray(echo[:, shard.rows].T))
    pairs, found = Pairs.of(shard), []
    for node in range(len(account.nodes)):
        cells = slice(int(shard.cell[node]), int(shard.cell[node]) + TOP + 1)
        potential = np.ones((len(x), TOP + 1))
        if node in account.priors:
            held = tail[:, shard.outcome[node]]
            potential = held[:, shard.left[cells]] - held[:, shard.right[cells]]
        said = np.ones((len(x), TOP + 1))
        for i in range(int(shard.claim[node]), int(shard.claim[node + 1])):
            mine = slice(int(shard.pair[i]), int(shard.pair[i]) + TOP + 1)
            assert np.array_equal(pairs.cell[mine], np.arange(cells.start, cells.stop))
            said = said * rows[:, mine] ** power[i]
        if shard.claim[node + 1] > shard.claim[node]:
            potential = potential * (said @ KNOWN.T)
        for whole, parts in account.splits:
            for k in range(1, parts + 1):
                potential = potential * (k / (np.arange(TOP + 1) + k) if whole == node else 1.0)
        found.append(potential)
    return found


def said_of(quantities, rng, values=(0, 1, 2, 3, 5, 8)):
    """Claim something of most of the quantities, of some twice."""
    kinds = [rc.Exactly, rc.Exactly, rc.AtLeast, rc.About]
    said = [
        (quantity, kinds[rng.integers(4)](int(rng.choice(values))), bool(rng.random() < 0.3))
        for quantity in quantities
        for _ in range(int(rng.integers(0, 3)))
    ]
    return [*said, *((quantity, rc.AtLeast(0), False) for quantity in quantities)]


CHAIN = [days(1, 4), days(1, 2), days(1, 1), days(2, 2), days(3, 3)]
MORE = {
    "periods": (CHAIN, []),
    "share of a sum": ([E.killed(), E.killed(T)], [(E.killed(T), E.killed())]),
    "nested shares": (
        [E.displaced(), E.displaced(CHILD), E.displaced(ADULT)],
        [(E.displaced(CHILD), E.displaced()), (E.displaced(CHILD), E.displaced())],
    ),
    "split, then sum": ([E.count(CASUALTIES, T), E.killed(T), E.killed(rc.Group(party="T", age="child"))], []),
}  # fmt: skip


@pytest.mark.parametrize("name", [*WORLDS, *MORE])
@settings(max_examples=5, deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_sum_product_is_enumeration(name, seed):
    quantities, pairs = {**WORLDS, **MORE}[name]
    rng = np.random.default_rng(seed)
    shares = [[(part, whole, HALF if k else rc.Share(0.2, 0.4)) for k, (part, whole) in enumerate(pairs)]]
    trees = plant([said_of(quantities, rng)], shares=shares, cells="integers")
    (account,) = trees.accounts
    x, echo, values, spread = draws_of(trees, seed=seed)
    power = rng.choice([1.0, 0.5, 2.0], len(trees.claims))
    potentials = potentials_of(trees, x, echo, values, power)
    count = np.arange(TOP + 1)
    at = share_index(count[:, None].astype(float), count[None].astype(float))
    tables = {}
    for k, one in enumerate(trees.proportions):
        join = account.shares[one.part, one.whole]
        tables[join] = tables.get(join, 1.0) * one.term.curve_near(spread[:, k])[:, at]
    evidence, marginals = enumerate_account(account, potentials, tables, TOP)
    for k in range(2):
        weight = np.eye(2)[:, [k]]
        _, each, _, _, _, mass = ask(trees, x, echo, values, spread, power, weight=np.ascontiguousarray(weight))
        assert np.allclose(each[:, 0], evidence, atol=EXACT, rtol=0)
        for node, marginal in marginals.items():
            assert np.allclose(mass[trees.cells.first[node] :][: TOP + 1], marginal[k], atol=EXACT, rtol=0)


CIVILIAN = rc.Group(party="T", status="civilian")
FOUR = [(days(n, n), rc.Exactly(n + 2), False) for n in range(1, 5)]
SUMS = [(days(1, n), rc.Exactly((5, 7, 11, 20)[n - 1]), False) for n in range(1, 5)]
ACCOUNTS = [
    [
        (E.count(CASUALTIES), rc.Exactly(60), False), (E.killed(), rc.Exactly(20), False),
        (E.injured(), rc.About(45), True), (E.killed(), rc.AtLeast(15), False), (E.injured(), rc.Exactly(40), False),
    ],
    [*FOUR, *SUMS],
    [(E.killed(), rc.Exactly(300), False), (E.killed(T), rc.About(100), False), (E.killed(S), rc.AtMost(150), False)],
    [(E.killed(T), rc.Exactly(30), False), (E.killed(CIVILIAN), rc.Vague("dozens"), True)],
    [(E.displaced(), rc.Exactly(5000), False), (E.displaced(CHILD), rc.About(2000), False)],
    [(E.killed(), rc.Exactly(12), False)],
]  # fmt: skip
SHARES = [[], [], [(E.killed(T), E.killed(), HALF)], [], [(E.displaced(CHILD), E.displaced(), HALF)] * 2, []]


@pytest.fixture(scope="module")
def trees():
    return plant(ACCOUNTS, shares=SHARES)


def test_gradients_are_differences(trees):
    x, echo, values, spread = draws_of(trees, 1)
    spread += 0.013  # not at a kink
    power = np.linspace(0.5, 1.5, len(trees.claims))
    _, _, score, counts, by_spread, _ = ask(trees, x, echo, values, spread, power)
    rng = np.random.default_rng(2)

    def check(place, at, slope):
        found = []
        for sign in (1, -1):
            moved = [x.copy(), values.copy(), spread.copy()]
            moved[place].ravel()[at] += sign * 1e-5
            found.append(ask(trees, moved[0], echo, *moved[1:], power, slopes=False)[0][0])
        assert abs((found[0] - found[1]) / 2e-5 - slope) < DIFFERENCE * max(1.0, abs(slope))

    for at in rng.permutation(x.size)[:60]:
        check(0, at, score[0, at])
    for at in range(values.size):
        check(1, at, counts.ravel()[at])
    for at in range(spread.size):
        check(2, at, by_spread.ravel()[at])
    assert np.any(counts)
    assert np.all(by_spread)


def test_a_remainder_follows_its_outcome_but_for_the_probability_of_nobody(trees):
    kinds = trees.counts(PRIOR[None])[0]
    rest, own = trees.kinds.index(("killed", True)), trees.kinds.index(("killed", False))
    assert np.array_equal(kinds[own], PRIOR[3])
    assert kinds[rest, 0] == logit(REMAINDER_ZERO)
    assert np.array_equal(kinds[rest, 1:], PRIOR[3, 1:])


def engines():
    return [engine for engine in map(load, LEVELS) if engine is not None]


def sums_of(engine, trees, draws):
    """All that an engine computes of the groves."""
    x, echo, values, spread = draws_of(trees, draws)
    tail, _ = engine.tails(trees.edges, trees.counts(values), slopes=True)
    found = []
    for grove in trees.groves:
        shard, rows = grove.shard, grove.proportions.rows
        theta = np.ascontiguousarray(x[:, shard.parameters[shard.place]])
        heard = np.ascontiguousarray(echo[:, shard.rows].T)
        factor, _ = grove.proportions.factors(np.ascontiguousarray(spread[:, rows]))
        power = np.linspace(0.5, 1.5, len(shard.rows))
        weight = np.linspace(0.5, 1.0, draws * len(grove.accounts)).reshape(draws, len(grove.accounts))
        said = engine.rows(shard, theta, heard)
        for slopes, mine in ((True, weight), (True, None), (False, weight), (False, None)):
            one = engine.sum_product(shard, grove.forest, said, tail, power, factor, slopes=slopes, weight=mine)
            found += [one.each, one.pull, one.prior, one.joint, one.mass]
            if slopes:
                found.append(engine.slopes(shard, theta, heard, one.pull))
    return found


def check_all(engine):
    """Hold an engine against NumPy for accounts of every kind; what a sanitizer watches."""
    for cells, number in ((None, 5), ("integers", 9)):
        trees = plant(ACCOUNTS, shares=SHARES, cells=cells)
        for a, b in zip(sums_of(engine, trees, number), sums_of(PLAIN, trees, number), strict=True):
            assert a.shape == b.shape
            assert np.array_equal(a, b)


@pytest.mark.parametrize("level", LEVELS)
def test_all_sums_have_the_same_bits(level):
    engine = load(level)
    if engine is None:
        pytest.skip(f"no kernel of level {level} was built, or this processor cannot run it")
    check_all(engine)
    one = plant([[(E.killed(), rc.Exactly(3), False)]])
    none = np.zeros(0, dtype=np.int64)
    silent = attrs.evolve(one.claims, event=none, value=none, hedged=none.astype(bool))
    rest = np.zeros((8, 0), dtype=np.int64), OUTCOMES, MODEL, 0
    for trees, draws in (
        (one, 0),
        (one, 2),
        (Trees.of(one.accounts, silent, *rest), 2),
        (Trees.of((), silent, *rest), 2),
    ):
        for a, b in zip(sums_of(engine, trees, draws), sums_of(PLAIN, trees, draws), strict=True):
            assert a.shape == b.shape
            assert np.array_equal(a, b)


@pytest.mark.parametrize("draws", [1, 3, 16])
def test_the_kernel_is_numpy_to_the_last_bit(trees, draws, monkeypatch):
    if not engines():
        pytest.skip("no kernel was built")
    x, echo, values, spread = draws_of(trees, draws)
    power = np.linspace(0.5, 1.5, len(trees.claims))
    weight = np.linspace(0.5, 1.0, draws * len(ACCOUNTS)).reshape(draws, -1)
    small = plant(ACCOUNTS[:3], shares=SHARES[:3], cells="integers")
    a_few = draws_of(small, draws)
    found = []
    for engine in [PLAIN, *engines()]:
        monkeypatch.setattr("reconcile.inference.trees.choose_likelihood", lambda engine=engine: engine)
        one = ask(trees, x, echo, values, spread, power, weight=weight, engine=engine)
        other = ask(small, *a_few, weight=np.ascontiguousarray(weight[:, :3]), engine=engine)
        alone = ask(trees, x, echo, values, spread, power, slopes=False, engine=engine)[:2]
        found.append([*one, *other, *alone])
    for mine in found[1:]:
        for a, b in zip(mine, found[0], strict=True):
            assert a.shape == b.shape
            assert np.all(np.isfinite(b))
            assert np.array_equal(a, b)


@pytest.mark.parametrize("far", [60.0, -60.0, 750.0, -750.0])
def test_hostile_parameters_give_numbers_and_the_same_bits(trees, far, monkeypatch):
    x, echo, values, spread = draws_of(trees, 3)
    x[1:, ::3] = far
    spread[1:] = far
    values[2] = np.array([far, far, 3.0, -far])
    values = np.clip(values, [-40.0, -60.0, -6.0, -40.0], [40.0, 60.0, 4.0, 40.0])
    found = []
    for engine in [PLAIN, *engines()]:
        monkeypatch.setattr("reconcile.inference.trees.choose_likelihood", lambda engine=engine: engine)
        weight = np.ones((3, len(ACCOUNTS)))
        found.append(ask(trees, x, echo, values, spread, weight=weight, engine=engine))
    for mine in found:
        for a, b in zip(mine, found[0], strict=True):
            assert np.all(np.isfinite(a))
            assert np.array_equal(a, b)


@pytest.mark.parametrize("number", range(len(ACCOUNTS)))
def test_one_lattice_for_all_nodes_gives_about_the_same(number):
    said, shares = ACCOUNTS[number], SHARES[number]
    trees = plant([said], shares=[shares])
    (account,) = trees.accounts
    names = [f"s{k}" for k in range(len(said))]
    terms, at = [], []
    rows = sorted((account.index(quantity), k) for k, (quantity, _, _) in enumerate(said))
    for (node, k), name in zip(rows, names, strict=True):
        one = claim(said[k][0], said[k][1], hedged=said[k][2], source=name)
        terms.append(Term.of(one, rc.Source(name), rc.Relation.THIRD, MODEL))
        at.append((node,))
    x, echo, _, spread = draws_of(trees, 3, scale=0.2)
    theta = {}
    for row, term in enumerate(terms):
        for (source, name, relation), parameter in (
            ((term.source.name, p, r), p) for p, (r, _, _) in term.priors().items()
        ):
            theta[source, name, relation] = x[:, 8 * 0 + PARAMETERS.index(parameter) * len(terms) + row]
    for k, one in enumerate(trees.proportions):
        term = attrs.evolve(one.term, source=rc.Source(f"p{k}"))
        ((name, (relation, _, _)),) = term.priors().items()
        theta[f"p{k}", name, relation] = spread[:, k]
        terms.append(term)
        at.append((one.part, one.whole))
    task = Layout.of(account, list(zip(at, terms, strict=True)), MODEL)
    solution = solve_layout(task, theta, marginals=True)
    values = np.repeat(PRIOR[None], 3, axis=0)
    for k in range(3):
        weight = np.ascontiguousarray(np.eye(3)[:, [k]])
        _, each, _, _, _, mass = ask(trees, x, np.zeros_like(echo), values, spread, weight=weight)
        assert abs(each[k, 0] - solution.log_evidence[k]) < CELLS
        for node in range(len(account.nodes)):
            mine = slice(int(trees.cells.first[node]), int(trees.cells.first[node + 1]))
            below, high = np.cumsum(mass[mine]), trees.cells.stop[mine] - 1
            common = np.isin(high, task.lattice.high)
            there = np.cumsum(solution.marginals[node][k])[np.searchsorted(task.lattice.high, high[common])]
            assert common.sum() > 5
            assert np.max(np.abs(below[common] - there)) < CELLS


def test_the_power_of_a_claim_repeats_or_halves_it():
    said = ACCOUNTS[0]
    one, two = plant([said]), plant([[one for one in said for _ in range(2)]])
    x, echo, values, _ = draws_of(one)
    twice = np.repeat(x.reshape(2, 8, -1), 2, axis=2).reshape(2, -1)
    double = ask(one, x, 0 * echo, values, power=np.full(5, 2.0))
    spelled = ask(two, twice, np.zeros((2, 10)), values)
    assert np.allclose(double[0], spelled[0], rtol=1e-12)
    assert np.allclose(double[2], spelled[2].reshape(2, 8, 5, 2).sum(axis=3).reshape(2, -1), atol=1e-9)
    half = ask(two, twice, np.zeros((2, 10)), values, power=np.full(10, 0.5))
    plain = ask(one, x, 0 * echo, values)
    assert np.allclose(half[0], plain[0], rtol=1e-12)


def test_leaving_out_what_holds_nothing_changes_nothing(trees):
    x, echo, values, spread = draws_of(trees, 4, scale=0.2)
    weight = np.full((4, len(ACCOUNTS)), 0.25)
    before = ask(trees, x, echo, values, spread, weight=weight)
    reach = ask(trees, x, echo, values, spread, weight=weight, reach=True)[-1]
    few, kept = trees.reduced(reach)
    assert len(few.cells.start) < 0.9 * len(trees.cells.start)
    after = ask(few, x, echo, values, spread, weight=weight)
    gaps = [float(np.max(np.abs(a - b))) for a, b in zip(before[:-1], after[:-1], strict=True)]
    assert max(gaps) < 1e-4  # all that was left out, of all accounts together
    assert np.max(np.abs(before[-1][kept] - after[-1])) < 1e-6
    exact, _ = trees.reduced(reach, 1e-11)
    for a, b in zip(before[:-1], ask(exact, x, echo, values, spread, weight=weight)[:-1], strict=True):
        assert np.max(np.abs(a - b)) < 1e-6


def test_many_accounts_at_once_are_those_one_by_one(trees, monkeypatch):
    x, echo, values, spread = draws_of(trees, 3)
    weight = np.ones((3, len(ACCOUNTS)))
    every = ask(trees, x, echo, values, spread, weight=weight)
    assert len(trees.groves) == 1
    monkeypatch.setattr("reconcile.inference.trees._WORK", 1)
    apart = plant(ACCOUNTS, shares=SHARES)
    assert len(apart.groves) == len(ACCOUNTS)
    cut = ask(apart, x, echo, values, spread, weight=weight)
    for k in (1, 4, 5):  # by account, so with the same bits
        assert np.array_equal(every[k], cut[k])
    assert np.allclose(every[0], cut[0], rtol=1e-13)
    assert np.array_equal(every[2], cut[2])
    at, claims, shares = 0, 0, 0
    for k, (said, proportions) in enumerate(zip(ACCOUNTS, SHARES, strict=True)):
        alone = plant([said], shares=[proportions])
        number = slice(claims, claims + len(said))
        mine = x.reshape(3, 8, -1)[:, :, number].reshape(3, -1)
        found = ask(
            alone, mine, np.ascontiguousarray(echo[:, number]), values, spread[:, shares : shares + len(proportions)],
            weight=np.ones((3, 1)),
        )  # fmt: skip
        assert np.array_equal(found[1][:, 0], every[1][:, k])
        assert np.array_equal(found[-1], every[-1][at : at + len(found[-1])])
        at, claims, shares = at + len(found[-1]), claims + len(said), shares + len(proportions)


def test_a_grove_that_was_sent_elsewhere_is_the_same(trees):
    sent = attrs.evolve(trees, groves=pickle.loads(pickle.dumps(trees.groves)))
    given_ = draws_of(trees)
    for a, b in zip(ask(trees, *given_), ask(sent, *given_), strict=True):
        assert np.array_equal(a, b)


def test_cells_that_add_up_leave_no_pair_of_counts_out():
    rng = np.random.default_rng(3)
    for _ in range(20):
        starts = [np.unique(np.concatenate([[0], rng.integers(1, 40, 8)])) for _ in range(3)]
        stops = [np.append(s[1:], 45) for s in starts]
        first = np.concatenate([[0], np.cumsum([len(s) for s in starts])])
        start, stop = np.concatenate(starts), np.concatenate(stops)
        cells = Cells(start, stop, first, np.zeros(len(start)), np.zeros(len(start)))
        for right, shared in ((2, False), (2, True), (-1, True)):
            given_ = np.array([0]), np.array([1]), np.array([right]), np.array([shared])
            arrays, ends = count_couples(cells, first, *given_)
            found = {}
            for p, (one, other) in enumerate(zip(arrays["one"], arrays["other"], strict=True)):
                for t in range(int(arrays["run"][p]), int(arrays["run"][p + 1])):
                    step = t - int(arrays["run"][p])
                    key = (int(one), int(other) if right > 0 else -1, int(arrays["first"][p]) + step)
                    found[key] = arrays["number"][t]
                    if shared:
                        slot = int(arrays["slot"][p]) + step
                        assert (ends[0][slot], ends[1][slot]) == (key[0], key[2])
            where = [
                np.repeat(np.arange(a, z), np.diff(np.append(s, 45)))
                for a, z, s in zip(first, first[1:], starts, strict=False)
            ]
            wanted = {}
            for a in range(45):
                for b in range(45 - a):
                    key = (int(where[1][a]), int(where[2][b]) if right > 0 else -1, int(where[0][a + b]))
                    wanted[key] = wanted.get(key, 0) + 1
            assert found == wanted


def test_points_are_what_is_claimed_and_what_it_implies():
    (account,) = build_accounts([E.count(CASUALTIES), E.killed(), E.injured()])
    claimed = [[] for _ in account.nodes]
    whole, killed, injured = (account.index(q) for q in (E.count(CASUALTIES), E.killed(), E.injured()))
    claimed[whole], claimed[killed] = [(600, True)], [(150, True), (90, False)]
    found = find_points(account, claimed)
    assert (found[whole], found[killed], found[injured]) == ([600], [90, 150], [450, 510])
    claimed[injured] = [(440, True)]
    found = find_points(account, claimed)
    assert (found[whole], found[killed], found[injured]) == ([530, 590, 600], [90, 150, 160], [440, 450, 510])
    found = find_points(account, [[], [], []], [])
    assert found == [[], [], []]
    claimed = [[] for _ in account.nodes]
    claimed[whole] = [(600, True)]
    found = find_points(account, claimed, [(killed, whole, 0.2, 0.25)])
    assert (found[killed], found[injured]) == ([120, 150], [450, 480])
    crowd = [[(int(n), True) for n in range(1, 40)] if node != whole else [] for node in range(len(account.nodes))]
    assert len(find_points(account, crowd)[whole]) == MOST_POINTS
    assert len(find_points(account, crowd)[killed]) == 39


def test_thirty_days_are_laid_out_in_proportion_to_their_number():
    for number in (10, 30):
        said = [(days(n, n), rc.Exactly(3 + n % 7), False) for n in range(1, number + 1)]
        trees = plant([[*said, (days(1, number), rc.Exactly(6 * number), False)]])
        assert len(trees.cells.start) < 250 * len(trees.accounts[0].nodes)


# --- bad input ------------------------------------------------------------------------------------------------------


def test_accounts_claims_and_proportions_that_do_not_fit_are_refused(trees):
    args = (trees.claims, trees.columns, OUTCOMES, MODEL, trees.none)
    crossed = build_accounts([E.killed(), E.killed(CHILD), E.killed(rc.Group(status="civilian")),
                              E.killed(rc.Group(age="child", status="civilian"))])  # fmt: skip
    with pytest.raises(rc.InvalidValue, match=r"Trees\.accounts"):
        Trees.of(crossed, *args)
    with pytest.raises(rc.InvalidValue, match=r"Trees\.claims"):
        Trees.of(trees.accounts[:2], *args)
    with pytest.raises(rc.InvalidValue, match=r"Trees\.outcomes"):
        Trees.of(trees.accounts, *args[:2], ("killed",), *args[3:])
    wrong = attrs.evolve(trees.proportions[0], account=0)
    with pytest.raises(rc.InvalidValue, match=r"Trees\.proportions"):
        Trees.of(trees.accounts, *args, [wrong])


@pytest.mark.parametrize("name", FIELDS)
def test_arrays_of_another_kind_or_shape_are_refused(trees, name):
    forest = trees.groves[0].forest
    given_ = getattr(forest, name)
    for wrong in (given_.astype(complex), given_.tolist(), given_[..., None], np.repeat(given_, 2)[::2]):
        with pytest.raises(rc.InvalidValue, match=rf"Forest\.{name}: "):
            attrs.evolve(forest, **{name: wrong})
    with pytest.raises(rc.InvalidValue, match=r"Forest\."):
        attrs.evolve(forest, **{name: np.ascontiguousarray(given_[:-1])})


@pytest.mark.parametrize("name", [name for name in FIELDS if name not in {"owns", "number", "width", "slot"}])
@pytest.mark.parametrize("wrong", [-2, 10**6])
def test_places_out_of_range_are_refused(trees, name, wrong):
    forest = trees.groves[0].forest
    found = getattr(forest, name).copy()
    found[len(found) // 2] = wrong
    with pytest.raises(rc.InvalidValue, match=r"Forest\."):
        attrs.evolve(forest, **{name: found})


def test_factors_and_widths_out_of_range_are_refused(trees):
    forest = trees.groves[0].forest
    shared = np.flatnonzero(np.diff(forest.share)[np.repeat(np.arange(len(forest.whole)), np.diff(forest.couple))])
    slot = forest.slot.copy()
    slot[shared[-1]] += 10**6
    with pytest.raises(rc.InvalidValue, match=r"Forest\.slot"):
        attrs.evolve(forest, slot=slot)
    with pytest.raises(rc.InvalidValue, match=r"Forest\.width"):
        attrs.evolve(forest, width=0 * forest.width)


def test_joins_that_are_no_tree_are_refused(trees):
    forest = trees.groves[0].forest
    twice, turned = forest.left.copy(), forest.whole.copy()
    twice[2] = twice[1]
    turned[1:4] = turned[1:4][::-1]
    for change in ({"left": twice}, {"whole": turned}):
        with pytest.raises(rc.InvalidValue, match=r"Forest\.whole"):
            attrs.evolve(forest, **change)


def test_arguments_of_another_kind_or_shape_are_refused(trees):
    (grove,) = trees.groves
    _, _, values, spread = draws_of(trees)
    for engine in [PLAIN, *engines()]:
        tail, _ = engine.tails(trees.edges, trees.counts(values), slopes=False)
        sizes = grove.forest.sizes | grove.shard.sizes
        right = {
            "rows": np.ones((2, sizes["pairs"])), "tail": tail, "power": np.ones(sizes["claims"]),
            "factor": np.ones((2, sizes["slots"])), "weight": np.ones((2, sizes["accounts"])),
        }  # fmt: skip
        engine.sum_product(grove.shard, grove.forest, **right)
        for name, array in right.items():
            for wrong in (array.astype(np.float32), array[..., :-1], array.tolist()):
                with pytest.raises(rc.InvalidValue, match=rf"sum_product\.{name}"):
                    engine.sum_product(grove.shard, grove.forest, **{**right, name: wrong})
        other = plant(ACCOUNTS[:1]).groves[0].forest
        with pytest.raises(rc.InvalidValue, match=r"sum_product\.forest"):
            engine.sum_product(grove.shard, other, **right)
    with pytest.raises(rc.InvalidValue, match=r"evaluate\.log_spread"):
        grove.evaluate(np.ones((2, len(grove.shard.shift), 8)), np.ones((sizes["claims"], 2)), tail, spread[:1])
