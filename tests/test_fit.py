# SPDX-License-Identifier: MIT
"""One posterior whichever way it is computed: ways, switches, machines, names and hostile claims."""

from __future__ import annotations

import attrs
import numpy as np
import pytest
from oracles import weigh_prior
from worlds import AGENCY, CASUALTIES, MARKET, MONITOR, S, T, claim, estimated, posed_of, problem_of

import reconcile as rc
from reconcile.inference import fit as fitting
from reconcile.inference import modes
from reconcile.inference.evidence import AllEvidence
from reconcile.inference.fit import fit
from reconcile.simulate import simulate

# Beyond the standard errors that are stated, by how much two computations of one probability may differ: the largest of
# some dozens of differences, each of errors that are estimates themselves.
NOISE = 0.03
AT = (0, 2, 4, 5, 6, 8, 9, 12, 15, 20, 25, 30, 40, 60, 100)
E, F = rc.Event("e"), rc.Event("f")


def day(n):
    return f"2020-03-{n:02d}"


def solve(problem, seed=0, **options):
    return fit(problem, seed=seed, **options)


def pmfs_of(found):
    """Posteriors of all counts, by number."""
    posteriors = {int(count): found.pmf(int(count)) for count in found.problem.alone}
    for linked, nodes in found.pmfs():
        posteriors |= {count: pmf for count, pmf in zip(linked.counts, nodes, strict=True) if count >= 0}
    return posteriors


def gap(one, other):
    """Largest distance of two distribution functions."""
    high = np.union1d(one.lattice.high, other.lattice.high)
    both = [np.interp(high, pmf.lattice.high, np.cumsum(pmf.mass)) for pmf in (one, other)]
    # Between its ends a cell is filled evenly, and only where a cell of one begins do the two compare exactly.
    common = np.intersect1d(one.lattice.high, other.lattice.high)
    return float(np.max(np.abs(both[0] - both[1])[np.isin(high, common)]))


def gaps(one, other):
    first, second = pmfs_of(one), pmfs_of(other)
    assert first.keys() == second.keys()
    return {count: gap(pmf, second[count]) for count, pmf in first.items()}


# --- ways ----------------------------------------------------------------------------------------------------------

FEW = {
    "one claim": [claim(E.killed(), 5, "a")],
    "two claims": [claim(E.killed(), 5, "a", reported=day(1)), claim(E.killed(), 9, "b", reported=day(2))],
    "three of a number": [
        claim(E.killed(), 12, "a", reported=day(1)), claim(E.killed(), 12, "b", reported=day(2)),
        claim(E.killed(), 14, "c", reported=day(3)),
    ],
    "two counts": [
        claim(E.killed(), 5, "a", reported=day(1)), claim(E.killed(), 9, "b", reported=day(2)),
        claim(F.killed(), 20, "a", reported=day(1)), claim(F.killed(), 30, "b", reported=day(2)),
    ],
    "one of each": [
        claim(E.killed(), 5, "a", reported=day(1)), claim(E.killed(), 9, "b", reported=day(2)),
        claim(F.killed(), 20, "b", reported=day(1)),
    ],
    "words": [
        claim(E.killed(), rc.AtLeast(9), "a", reported=day(1)),
        claim(E.killed(), rc.Vague("dozens"), "b", reported=day(2)),
        claim(E.killed(), 13, "c", reported=day(2), hedged=True),
    ],
    "parties": [
        claim(MARKET.killed(T), 30, rc.Source("army", kind="government", sides={"S"}), reported=day(1)),
        claim(MARKET.killed(T), 50, rc.Source("ministry", kind="government", sides={"T"}), reported=day(2)),
    ],
}  # fmt: skip
SUM = [
    claim(MARKET.killed(T), 5, "a", reported=day(1)), claim(MARKET.injured(T), 9, "b", reported=day(2)),
    claim(MARKET.count(CASUALTIES, T), 20, "c", reported=day(3)),
]  # fmt: skip


def hold_against_prior_draws(claims, draws, *, learn, tolerance):
    """Within three standard errors, of either, of draws from the prior that are weighted by what the claims say."""
    posterior = rc.estimate(claims, learn=learn)
    wanted = weigh_prior(claims, AT, draws=draws, rng=np.random.default_rng(1), learn=learn)
    assert set(posterior) == set(wanted)
    for quantity, (probability, error) in wanted.items():
        off = np.abs(posterior[quantity].cdf(np.array(AT)) - probability)
        assert np.all(off < 3 * np.hypot(error, posterior.diagnostics.error) + tolerance), (quantity, off.max())


@pytest.mark.filterwarnings("ignore::reconcile.Unidentified")
@pytest.mark.parametrize("learn", [True, False], ids=["learning", "each by itself"])
@pytest.mark.parametrize("name", FEW)
def test_estimates_are_those_of_draws_from_the_prior(name, learn):
    hold_against_prior_draws(FEW[name], 4_000, learn=learn, tolerance=0.005)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::reconcile.Unidentified")
@pytest.mark.parametrize("learn", [True, False], ids=["learning", "each by itself"])
@pytest.mark.parametrize("name", FEW)
def test_estimates_are_those_of_many_draws_from_the_prior(name, learn):
    hold_against_prior_draws(FEW[name], 100_000, learn=learn, tolerance=0.001)


FEWER = {name: claims for name, claims in FEW.items() if name != "two counts"}  # of which it takes too many points


@pytest.mark.parametrize("learn", [True, False], ids=["learning", "each by itself"])
@pytest.mark.parametrize("claims", [*FEWER.values(), SUM], ids=[*FEWER, "sum"])
def test_chains_find_what_points_of_the_prior_find(claims, learn, monkeypatch):
    problem = problem_of(claims, learn=learn)
    monkeypatch.setattr(fitting, "POINTS", 2**16)
    points = solve(problem)
    monkeypatch.setattr(fitting, "POINTS", 0)
    chains = solve(problem, ess=200)
    assert (points.way, chains.way) == ("prior points", "chains")
    assert max(gaps(points, chains).values()) < NOISE + points.error + chains.error
    sd = points.xs.std(axis=0)
    moved = sd > 1e-6
    off = np.abs(points.xs.mean(axis=0) - chains.xs.mean(axis=0))[moved] / sd[moved]
    assert np.max(off) < 0.5
    assert np.mean(off) < 0.12


@pytest.mark.parametrize(
    "options", [{}, {"outcomes": ("killed",)}, {"sources": 12}], ids=["outcomes", "killed", "many sources"]
)
def test_the_normal_finds_what_chains_find_where_claims_are_many(options, monkeypatch):
    """Of several hundred claims already, on average, though it is used of several thousands only."""
    world = simulate(**{"events": 100, "sources": 5, "claims_per_event": (3, 4), "seed": 2} | options)
    problem = problem_of(world.claims)
    chains = solve(problem)
    monkeypatch.setattr(fitting, "NORMAL", 0)
    normal = solve(problem)
    assert (chains.way, normal.way) == ("chains", "Laplace")
    off = np.array([*gaps(chains, normal).values()])
    assert off.mean() < 0.04
    assert np.quantile(off, 0.9) < 0.12


@pytest.mark.slow
def test_the_normal_is_the_posterior_from_as_many_claims_as_it_is_used_for(monkeypatch):
    world = simulate(events=1_500, sources=8, claims_per_event=(3, 4), seed=2)
    problem = problem_of(world.claims)
    assert len(problem.source) > fitting.NORMAL
    normal = solve(problem)
    monkeypatch.setattr(fitting, "NORMAL", 10**9)
    chains = solve(problem)
    off = np.array([*gaps(chains, normal).values()])
    assert (chains.way, normal.way) == ("chains", "Laplace")
    assert off.mean() < 0.01 + 0.25 * (chains.error + normal.error)
    assert np.quantile(off, 0.99) < NOISE + chains.error + normal.error


@pytest.mark.slow
def test_chains_forget_where_they_began():
    """On average over seeds short runs are where a long one is: what a warm-up leaves over has the same sign in all."""
    sources = [rc.Source("a"), rc.Source("b", kind="media"), rc.Source("c", kind="monitor")]
    claims = [claim(event.killed(), 5 + at * n, who) for n, event in ((1, E), (2, F)) for at, who in enumerate(sources)]
    problem = problem_of(claims)
    runs = [pmfs_of(solve(problem, seed, ess=400.0)) for seed in range(30)]
    long = pmfs_of(solve(problem, seed=99, draws=24_000))
    for count, pmf in long.items():
        mean = np.mean([run[count].cdf(np.arange(40)) for run in runs], axis=0)
        # A run is off by .033, their mean by .006 and the long one by .004; after four sweeps it was off by .05.
        assert np.max(np.abs(mean - pmf.cdf(np.arange(40)))) < 0.018


def test_seeds_differ_by_no_more_than_is_stated():
    problem = problem_of(simulate(events=6, sources=4, claims_per_event=3, seed=5).claims)
    found = [solve(problem, seed) for seed in range(3)]
    for one in found[1:]:
        assert max(gaps(found[0], one).values()) < NOISE + found[0].error + one.error


def two_readings(numbers):
    """Two sources, of which either may be the one that knows: as often as one says a number the other says it too."""
    claims = []
    for j, n in enumerate(numbers):
        for k, (first, second) in enumerate((("a", "b"), ("b", "a"))):
            quantity = rc.Event(f"e{j}{k}").killed()
            claims += [claim(quantity, n, first, reported=day(1)), claim(quantity, n + 1, second, reported=day(2))]
    return claims


@pytest.mark.parametrize("numbers", [(40, 60), pytest.param((40, 60, 80), marks=pytest.mark.slow)], ids=str)
def test_of_two_readings_of_the_sources_neither_is_preferred(numbers):
    """What is known of the first of two counts and of the second is the same, but for who said what."""
    posterior = rc.estimate(two_readings(numbers))
    for j in range(len(numbers)):
        one, other = (posterior[rc.Event(f"e{j}{k}").killed()].distribution for k in (0, 1))
        # Chains seldom go from one reading to the other, and errors that they state are short by a half or so.
        assert gap(one, other) < 6 * posterior.diagnostics.error


# --- what is found -------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def problem():
    return problem_of(simulate(events=10, sources=4, claims_per_event=(2, 4), seed=1).claims)


@pytest.fixture(scope="module")
def chains(problem):
    return solve(problem)


@pytest.mark.parametrize("way", ["chains", "prior points", "Laplace"])
def test_a_fit_is_whole(problem, chains, way, monkeypatch):
    if way == "Laplace":
        monkeypatch.setattr(fitting, "NORMAL", 0)
    if way == "prior points":
        problem = problem_of(FEW["two claims"])
    found = chains if way == "chains" else solve(problem)
    layout = problem.hierarchy
    assert found.way == way
    assert found.z.shape == (len(found.log_weight), layout.size)
    assert found.xs.shape == (len(found.z), len(layout))
    assert np.all(np.isfinite(found.z))
    assert 0 < found.ess <= 4 * len(found.z)
    assert 0 <= found.error < 0.1
    assert np.isnan(found.rhat) == (way != "chains")
    assert np.isinf(found.khat) == (way != "prior points")
    assert (found.normal is None) == (way == "prior points")
    assert found.even(64).shape == (64, layout.size)
    assert len(found.start) == len(problem.claims.outcome) + 1
    for first, last in zip(found.start[:-1], found.start[1:], strict=True):
        assert found.low[first] == 0
        assert np.all(np.diff(found.low[first:last]) > 0)
        assert found.mass[first:last].min() >= 0
        assert found.mass[first:last].sum() == pytest.approx(1)
    learned = found.learned(None)
    np.testing.assert_allclose(learned.covariance, learned.covariance.T, atol=1e-9)
    assert np.linalg.eigvalsh(learned.covariance).min() > 0
    np.testing.assert_allclose(learned.mean, found.xs.mean(axis=0))
    assert learned.names == layout.names


def test_chains_go_on_until_there_are_enough_draws(problem, chains):
    assert chains.ess >= 40
    assert chains.error <= fitting.COARSE
    assert chains.rhat < 1.3
    assert chains.notes == ()
    more = solve(problem, ess=2 * chains.ess)
    assert more.ess >= 2 * chains.ess
    assert len(more.z) > len(chains.z)
    assert more.error < chains.error


def test_where_chains_do_not_get_there_that_is_said(problem, monkeypatch):
    monkeypatch.setattr(fitting, "SWEEPS", 16)
    monkeypatch.setattr(fitting, "MIXED", 9.0)
    assert any("independent draws" in note for note in solve(problem, ess=1_000).notes)
    monkeypatch.setattr(fitting, "MIXED", 0.5)
    assert any("R-hat" in note for note in solve(problem, ess=1_000).notes)


def test_weighted_draws_are_picked_as_often_as_they_weigh():
    found = solve(problem_of(FEW["two claims"]))
    assert np.ptp(found.log_weight) > 0
    weight = np.exp(found.log_weight)
    picked = found.even(len(found.z))
    for column in (0, 3):
        assert picked[:, column].mean() == pytest.approx(
            float(weight @ found.z[:, column] / weight.sum()), abs=4 / np.sqrt(found.ess)
        )


def test_parameters_of_the_busiest_sources_are_looked_at_together(problem, chains, monkeypatch):
    """Of the others correlations are left out; chains move them all the same."""
    every = chains
    monkeypatch.setattr(modes, "EVERY", 0)
    monkeypatch.setattr(modes, "DENSE", len(problem.hierarchy) - 12)
    some = solve(problem)
    assert len(some.dense) < len(every.dense) == len(problem.hierarchy)
    assert max(gaps(every, some).values()) < NOISE + every.error + some.error
    monkeypatch.setattr(fitting, "NORMAL", 0)
    normal = solve(problem)
    assert np.all(np.isfinite(normal.z))
    free = np.setdiff1d(np.arange(len(problem.hierarchy)), normal.dense)
    assert 0.3 < normal.z[:, free].std() < 2  # they begin at the prior, and stay near it where little is said


def test_linear_algebra_has_one_thread_while_it_fits_and_its_own_number_again_after(problem, monkeypatch):
    from threadpoolctl import threadpool_info, threadpool_limits

    def numbers():
        return {one["num_threads"] for one in threadpool_info() if one["user_api"] == "blas"}

    seen, inner = [], fitting._fit
    monkeypatch.setattr(fitting, "_fit", lambda *given: seen.append(numbers()) or inner(*given))
    with threadpool_limits(limits=2, user_api="blas"):
        before = numbers()
        solve(problem, ess=10)
        assert seen == [{1}]
        assert numbers() == before


def same_bits(one, other):
    return all(np.array_equal(getattr(one, name), getattr(other, name)) for name in ("z", "mass", "low", "log_weight"))


@pytest.mark.parametrize("way", ["chains", "Laplace"])
def test_any_number_of_threads_gives_the_same_bits(way, monkeypatch):
    from threadpoolctl import threadpool_limits

    monkeypatch.setattr("reconcile.inference.shards._WORK", 300)  # several shards of few claims
    monkeypatch.setattr(fitting, "POINTS", 0)
    claims = [*simulate(events=5, sources=3, claims_per_event=(2, 3), seed=1).claims, *SUM]
    problem = problem_of(claims)
    assert len(AllEvidence.of(problem, map).alone.joint.shards) > 2
    if way == "Laplace":
        monkeypatch.setattr(fitting, "NORMAL", 0)
    found = [solve(problem, ess=10, error=1.0)]
    monkeypatch.setattr(fitting, "THREADED", 1)
    for cores in (2, 3):
        monkeypatch.setattr(fitting, "_cores", lambda cores=cores: cores)
        with threadpool_limits(limits=cores, user_api="blas"):
            found.append(solve(problem, ess=10, error=1.0))
    assert found[0].way == way
    assert all(same_bits(found[0], other) for other in found[1:])


def test_a_report_is_told_how_far_the_work_is(problem, chains):
    said = []
    again = solve(problem, report=said.append)
    assert same_bits(again, chains)
    assert any("mode" in line for line in said)
    assert any("effective draws" in line for line in said)


# --- continuity ----------------------------------------------------------------------------------------------------


def moved(before, after, *, most=NOISE):
    """Assert that no estimate moved by more than `most`, and noise; give by how much they did."""
    off = np.array([gap(before[q].distribution, after[q].distribution) for q in before])
    assert off.max() < most + 3 * np.hypot(before.diagnostics.error, after.diagnostics.error), off.max()
    return off


MANY = 1_000  # effective draws, at which noise is small beside what is looked for
WORLD = simulate(events=8, sources=3, claims_per_event=3, outcomes=("killed",), seed=5)
ELSEWHERE = {
    "count": [claim(rc.Event("new").killed(), 7, AGENCY)],
    "counts of a source": [claim(rc.Event(f"new {k}").killed(), 7 + k, MONITOR) for k in range(3)],
    "bound counts": [attrs.evolve(one, source=rc.Source(f"new {k}")) for k, one in enumerate(SUM)],
    "one-off sources": [claim(rc.Event("new").killed(), 7 + k % 2, f"new {k}", reported=day(k + 1)) for k in range(4)],
}  # fmt: skip


@pytest.mark.parametrize("name", ELSEWHERE)
def test_claims_elsewhere_by_others_move_no_estimate(name):
    """Estimates were found to move by .025, .031, .006 and .036 at most, and by .004 to .008 in the median.

    Of seeds 3, 4 and 5, one count of eight moved by more than is allowed here: where sources said 10, 22 and 93, by .10
    to .18, and by .08 to .12 without an error that all share. What is said elsewhere decides whom to believe.
    """
    before, after = (estimated(claims, ess=MANY) for claims in (WORLD.claims, [*WORLD.claims, *ELSEWHERE[name]]))
    assert max(before.diagnostics.error, after.diagnostics.error) < 0.03
    assert np.median(moved(before, after)) < NOISE / 2


def test_one_more_count_of_the_same_sources_moves_no_estimate():
    """Of 42 claims instead of 39, sources were learned: all other estimates moved by a third.

    What three claims teach about their sources is seen elsewhere too: of the worlds of seeds 3 to 8, the median was
    .005, .033, .002, .002, .084 and .001, with and without an error that all share.
    """
    off = []
    for seed in (4, 5):
        world = simulate(events=14, sources=3, claims_per_event=3, outcomes=("killed",), seed=seed)
        last = max(world.counts, key=str)
        fewer = [one for one in world.claims if one.quantity != last]
        before, after = rc.estimate(fewer, ess=MANY), rc.estimate(world.claims, ess=MANY)
        off += [gap(before[q].distribution, after[q].distribution) for q in before]
    assert np.median(off) < NOISE


@pytest.mark.filterwarnings("ignore::reconcile.Unidentified")
def test_an_estimate_does_not_jump_where_the_way_changes():
    """Two claims, and then one more about another count each time by sources that nobody heard before."""
    claims, ways = list(FEW["two claims"]), []
    before = rc.estimate(claims, ess=MANY)
    for k in range(4):
        claims.append(claim(rc.Event(f"e{k // 2}").killed(), 7 + k, f"s{k}", reported=day(k + 1)))
        after = rc.estimate(claims, ess=MANY)
        off = gap(before[E.killed()].distribution, after[E.killed()].distribution)
        assert off < NOISE + 3 * np.hypot(before.diagnostics.error, after.diagnostics.error)
        ways.append(after.diagnostics.way)
        before = after
    assert {*ways} == {"prior points", "chains"}


def off(posterior, world):
    return np.mean([abs(np.log((posterior[q].median() + 1) / (n + 1))) for q, n in world.counts.items()])


def test_accurate_one_off_sources_turn_nothing_off():
    """They once made a corpus one of too few claims a source, and tripled the error."""
    world = simulate(events=25, sources=4, claims_per_event=3, outcomes=("killed",), seed=6)
    once = [claim(q, max(n, 0), f"once {k}") for k, (q, n) in enumerate(world.counts.items())]
    without, with_them = rc.estimate(world.claims), rc.estimate([*world.claims, *once])
    assert off(with_them, world) < off(without, world) + 0.02
    for name in world.sources:
        one, other = (posterior.sources[name].draws for posterior in (without, with_them))
        for key, draws in one.items():
            assert other[key].std() < 1.5 * draws.std() + 0.05


@pytest.mark.parametrize("dated", [True, False])
def test_names_of_sources_decide_nothing(dated):
    """Renamed, they are drawn otherwise, and who spoke first of those undated is told by what they say."""
    world = simulate(events=8, sources=4, claims_per_event=3, outcomes=("killed",), seed=7)
    names = dict(zip(sorted(world.sources), "zyxw", strict=True))

    def told(rename):
        return [
            rc.Claim(
                one.quantity, one.value, attrs.evolve(one.source, name=rename(one.source.name)),
                reported=one.reported if dated else None,
            )
            for one in world.claims
        ]  # fmt: skip

    moved(rc.estimate(told(str), ess=MANY), rc.estimate(told(names.get), ess=MANY), most=0.01)


# --- counts by themselves ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("claims", [*FEW.values(), SUM], ids=[*FEW, "sum"])
def test_without_learning_counts_of_other_sources_change_nothing_to_the_bit(claims):
    far = rc.Event("far")
    others = [claim(far.killed(S), 20 + 9 * k, f"far {k}", reported=day(k + 1)) for k in range(3)]
    sums = zip((far.killed(T), far.injured(T), far.count(CASUALTIES, T)), (5, 9, 20), strict=True)
    others += [claim(quantity, n, f"far {n}", reported=day(n)) for quantity, n in sums]
    before, after = (solve(problem_of(given, learn=False)) for given in (claims, [*claims, *others]))
    mine = {pmf.mass.tobytes() for pmf in pmfs_of(before).values()}
    assert mine <= {pmf.mass.tobytes() for pmf in pmfs_of(after).values()}
    assert len(after.problem.claims.outcome) > len(before.problem.claims.outcome)


def test_parts_that_have_nothing_in_common_are_solved_apart_and_put_together():
    claims = [*FEW["two counts"], *ELSEWHERE["bound counts"]]
    claims += [claim(rc.Event("g").killed(), 3, "z"), claim(rc.Event("g").killed(), 4, "y")]
    problem = problem_of(claims, learn=False)
    parts = problem.split()
    assert sorted(len(part.source) for part, *_ in parts) == [2, 3, 4]
    assert sorted(int(count) for _, _, counts, _ in parts for count in counts) == list(range(6))
    assert [int(account) for *_, accounts in parts for account in accounts] == [0]
    for part, kept, counts, _ in parts:
        assert part.hierarchy.names == tuple(problem.hierarchy.names[k] for k in kept)
        assert len(part.claims.outcome) == len(counts)
    found = solve(problem)
    assert found.z.shape[1] == problem.hierarchy.size
    assert len(found.start) == 7 + sum(q is None for one in problem.linked for q in one.account.nodes)
    assert len(problem_of(claims).split()) == 1  # classes and count priors are learned from all together


@pytest.mark.filterwarnings("ignore::reconcile.Unidentified")
def test_without_learning_a_count_of_the_same_source_still_tells_of_it():
    """Of the source itself, not of its class: who ran high elsewhere runs high here."""
    high = [
        claim(rc.Event(f"e{k}").killed(), n, source, reported=day(1 + (source == "loud")))
        for k in range(6)
        for source, n in (("calm", 20 + k), ("cool", 20 + k), ("loud", 40 + 2 * k))
    ]
    here = claim(E.killed(), 100, "loud")
    alone = rc.estimate([here], learn=False)[E.killed()]
    assert rc.estimate([*high, here], learn=False)[E.killed()].median() < 0.8 * alone.median()


def test_a_problem_knows_its_parts():
    corpus_problem = posed_of([*FEW["two counts"], *SUM])
    found = solve(corpus_problem.problem, ess=10)
    assert sorted(pmfs_of(found)) == list(range(5))
    assert len(corpus_problem.problem.alone) == 2
