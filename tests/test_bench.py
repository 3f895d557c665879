# SPDX-License-Identifier: MIT
"""The scores of the benchmarks, against brute force: who measures others must be measured first."""

from __future__ import annotations

import importlib
import sys

import numpy as np
import pytest
from scipy.special import gammaln

from reconcile.pmf import PMF, Lattice

COUNTS = np.arange(400)
POISSON = np.exp(COUNTS * np.log(12.5) - 12.5 - gammaln(COUNTS + 1))
GEOMETRIC = 0.1 * 0.9**COUNTS
POINT = (COUNTS == 7).astype(float)


@pytest.fixture(scope="module")
def bench(root):
    """Import a script of the benchmarks by its name; they import each other."""
    if not (root / "bench").is_dir():
        pytest.skip("the benchmarks are not here")
    pytest.importorskip("pandas")
    before = set(sys.modules)
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(root / "bench")
        yield importlib.import_module
    for name in {path.stem for path in (root / "bench").glob("*.py")} - before:
        sys.modules.pop(name, None)


@pytest.fixture(scope="module")
def scores(bench):
    return bench("scores")


@pytest.fixture(scope="module")
def claims(bench):
    """What three sites wrote of two crashes: of one 3 and 4, then 5 twice; of the other 0, and later "at least 2"."""
    import pandas as pd

    rows = [
        ("a", "x", 3, 3, "2020-01-01 08:00"), ("a", "y", 4, 4, "2020-01-01 09:00"), ("a", "x", 5, 5, "2020-01-02"),
        ("a", "z", 5, 5, "2020-01-02"), ("b", "x", 0, 0, "2020-01-01"), ("b", "y", 2, np.inf, "2020-01-09"),
    ]  # fmt: skip
    frame = pd.DataFrame(rows, columns=["event", "source", "low", "high", "reported"])
    frame["reported"] = pd.to_datetime(frame["reported"], format="mixed", utc=True)
    frame = frame.assign(outcome="killed", source_kind="media", value=frame["low"])
    return bench("claims").of_rows(frame.sample(frac=1, random_state=0))


@pytest.fixture(scope="module")
def case(bench, claims):
    by_event = {"a": 5.0, "b": 2.0}
    days = bench("real").days_until_heard(claims, {"a": "2020-01-01", "b": "2020-01-01"})
    return bench("real").Case("crashes", claims, np.array([by_event[q.event.id] for q in claims.quantities]), days=days)


def cdf_of(mass):
    below = np.cumsum(mass)
    return lambda n: np.where(np.asarray(n) < 0, 0.0, below[np.clip(np.asarray(n, int), 0, len(mass) - 1)])


@pytest.mark.parametrize("mass", [POISSON, GEOMETRIC, POINT], ids=["poisson", "geometric", "point"])
@pytest.mark.parametrize("truth", [0, 1, 7, 90])
def test_crps_equals_the_sum_over_counts_and_the_form_by_expectations(scores, mass, truth):
    found = scores.crps(cdf_of(mass), truth)
    assert found == pytest.approx(np.sum((np.cumsum(mass) - (truth <= COUNTS)) ** 2), abs=1e-9)
    apart = np.abs(COUNTS[:, None] - COUNTS[None, :])
    by_expectations = mass @ np.abs(COUNTS - truth) - mass @ apart @ mass / 2  # Gneiting and Raftery 2007
    assert found == pytest.approx(by_expectations, abs=1e-6)


def test_crps_of_a_wide_cell_is_that_of_its_counts(scores):
    """Half the mass on 3, half evenly on 1,000 to 80,000: beyond the exact counts the grid takes steps of 1 %."""
    lattice = Lattice(np.array([0, 3, 4, 1_000]), np.array([2, 3, 999, 80_000]))
    pmf = PMF(lattice, np.array([0.0, 0.5, 0.0, 0.5]))
    counts = np.arange(80_001)
    for truth in (3, 40):
        brute = np.sum((pmf.cdf(counts) - (truth <= counts)) ** 2)
        assert scores.crps(pmf.cdf, truth) == pytest.approx(brute, rel=1e-4)


def test_coverage_is_the_level_if_and_only_if_calibrated(scores):
    rng = np.random.default_rng(0)
    truths = rng.choice(COUNTS, size=4_000, p=GEOMETRIC / GEOMETRIC.sum())
    for level in scores.LEVELS:
        share, error = scores.within([scores.pit(cdf_of(GEOMETRIC), truth) for truth in truths], level)
        assert abs(share - level) < 3.3 * error
        wrong, error = scores.within([scores.pit(cdf_of(POISSON), truth) for truth in truths], level)
        assert abs(wrong - level) > 5 * error


def test_coverage_is_that_of_drawn_transforms_on_average(scores):
    rng = np.random.default_rng(0)
    for truth in (0, 5, 12):
        below, upto = scores.pit(cdf_of(GEOMETRIC), truth)
        assert (below, upto) == (pytest.approx(1 - 0.9**truth), pytest.approx(1 - 0.9 ** (truth + 1)))
        drawn = below + rng.random(20_000) * (upto - below)
        share, _ = scores.within([(below, upto)], 0.9)
        assert share == pytest.approx(np.mean((drawn > 0.05) & (drawn < 0.95)), abs=0.012)


def test_share_within_an_interval_and_its_error(scores):
    share, error = scores.within([(p - 1e-9, p + 1e-9) for p in (0.01, 0.06, 0.5, 0.94, 0.99)], 0.9)
    assert share == pytest.approx(0.6)
    assert error == pytest.approx(np.sqrt(0.6 * 0.4 / 5))
    assert scores.within([(0.5, 0.5)], 0.9)[0] == 0  # a truth that had no chance


def test_cdf_of_draws_counts_them(scores):
    cdf = scores.from_draws([3, 1, 1, 8])
    assert cdf(np.array([0, 1, 2, 3, 8])).tolist() == [0.0, 0.5, 0.5, 0.75, 1.0]


def test_scores_are_pooled_over_seeds_event_by_event(scores):
    answer = scores.Answer(np.array([12.0, 7.0]), [cdf_of(POISSON), cdf_of(POINT)], 0.0)
    parts = [scores.score(answer, np.array(truth)) for truth in ([12, 7], [0, 7])]
    found = scores.summarise(scores.pool(parts))
    assert found["error"] == f"{np.log(25) / 4:.3f}"
    assert found["exact"] == "0.75"
    bare = scores.score(scores.Answer(np.array([12.0]), None, 0.0), np.array([12]))
    assert scores.summarise(bare)["90 %"] == "-"


def test_log_score_is_the_probability_of_the_truth_and_has_a_floor(scores):
    assert scores.probability(cdf_of(GEOMETRIC), 0) == pytest.approx(0.1)
    assert scores.probability(cdf_of(GEOMETRIC), 3) == pytest.approx(0.1 * 0.9**3)
    answer = scores.Answer(np.array([0.0, 7.0, 7.0]), [cdf_of(GEOMETRIC), cdf_of(POINT), cdf_of(POINT)], 0.0)
    found = scores.score(answer, np.array([3, 7, 8]))
    assert found["log"] == pytest.approx([np.log(0.1 * 0.9**3), 0.0, np.log(1e-12)])
    assert scores.summarise(found)["log score"] == f"{np.mean(found['log']):.2f} (1 at the floor)"
    assert scores.summarise(scores.take(found, [0, 1]))["log score"] == f"{np.log(0.1 * 0.9**3) / 2:.2f}"


def test_a_method_without_distribution_shows_a_dash(scores):
    bare = scores.summarise(scores.score(scores.Answer(np.array([12.0]), None, 0.0), np.array([12])))
    assert {name for name, text in bare.items() if text == "-"} == {"50 %", "90 %", "95 %", "CRPS", "log score"}


def test_answers_about_some_quantities(scores):
    answer = scores.Answer(np.array([12.0, 7.0]), [cdf_of(POISSON), cdf_of(POINT)], 1.5)
    kept = answer.of(np.array([1]))
    assert (kept.guess.tolist(), len(kept.cdfs), kept.cdfs[0](7), kept.seconds) == ([7.0], 1, 1.0, 1.5)
    assert scores.Answer(np.array([12.0, 7.0]), None, 0.0).of([0]).cdfs is None


def test_rules_of_time(bench, claims):
    peers = bench("peers")
    order = [quantity.event.id for quantity in claims.quantities]
    assert dict(zip(order, peers.last(claims).guess, strict=True)) == {"a": 5, "b": 2}
    assert dict(zip(order, peers.highest(claims).guess, strict=True)) == {"a": 5, "b": 2}
    fell = claims._replace(value=np.where(claims.value == 5, 1.0, claims.value))
    assert dict(zip(order, peers.last(fell).guess, strict=True)) == {"a": 1, "b": 2}
    tie = claims._replace(time=np.full(len(claims.value), claims.time[0]))
    assert dict(zip(order, peers.last(tie).guess, strict=True)) == {"a": 5, "b": 2}


def test_halves_are_the_same_everywhere(bench):
    half = bench("claims").half
    assert [half(name) for name in ("a", "b", "2020-01", "Bam2003")] == [0, 0, 1, 1]
    assert 450 < sum(half(str(number)) for number in range(1_000)) < 550


def test_kinds_of_quantity_and_halves_of_events(bench, case):
    real = bench("real")
    order = [quantity.event.id for quantity in case.claims.quantities]
    kinds = {key: [order[i] for i in np.flatnonzero(mask)] for key, mask in real.kinds_of_quantity(case).items()}
    assert {key: names for key, names in kinds.items() if names} == {
        ("sources", "2"): ["b"], ("sources", "3"): ["a"], ("days", "1-3"): ["a"], ("days", "over 7"): ["b"],
    }  # fmt: skip
    by_month = case._replace(halved_by=lambda quantity: {"a": "a", "b": "2020-01"}[quantity.event.id])
    assert real.halves_of(by_month, [0, 1]).tolist() == [int(name == "b") for name in order]
    assert real.halves_of(case, [1]).tolist() == [0]


def test_distance_from_the_best_rule(bench, case):
    errors = {"median": np.array([0.2, 0.4]), "last figure": np.array([0.1, 0.3]), "reconcile": np.array([0.2, 0.2])}
    assert bench("real").shown_beside_best(case, errors) == ["crashes", "last figure", "0.200", "+0.000 ± 0.071"]


def test_how_often_claims_are_wrong_together(bench, scores, case):
    """Of the first crash the sites end at 5, 4 and 5; the "at least 2" and the earlier 3 are left out."""
    chances = {"a": {4: 0.2, 5: 0.7}, "b": {0: 0.4}}
    cdfs = []
    for quantity in case.claims.quantities:
        mass = np.zeros(400)
        for count, chance in chances[quantity.event.id].items():
            mass[count] = chance
        mass[300] = 1 - mass.sum()
        cdfs.append(cdf_of(mass))
    found = {row[1]: row[2:] for row in bench("real").shown_together(case, scores.Answer(np.zeros(2), cdfs, 0.0))}
    assert found == {
        "one exact claim is wrong": [4, "0.50", f"{(0.3 + 0.8 + 0.3 + 0.6) / 4:.2f}"],
        "first of two sources is wrong": [6, "0.33", f"{(0.3 + 0.8 + 0.3) / 3:.2f}"],
        # Pairs 5 and 4: neither with .1; 5 and 5: neither with .3.
        "second is wrong if the first is": [2, "0.00", f"{(4 * 0.1 + 2 * 0.3) / (2 * (0.3 + 0.8 + 0.3)):.2f}"],
    }
    corrected = {
        name: np.where(case.claims.value == 4, 5.0, getattr(case.claims, name)) for name in ("value", "low", "high")
    }
    agreeing = case._replace(claims=case.claims._replace(**corrected))
    found = bench("real").shown_together(agreeing, scores.Answer(np.zeros(2), cdfs, 0.0))
    assert ["crashes", "right where 3 sources all agree", 1, "1.00", "0.70"] in found


@pytest.mark.parametrize("name", ["rising", "official", "shared_2", "shared_10", "control", "undated"])
def test_worlds_of_shared_errors_are_their_seeds(bench, name):
    make = bench("shared_errors").WORLDS[name]
    (claims, truth), (again, same), (other, _) = make(0, events=12), make(0, events=12), make(1, events=12)
    assert claims.frame.equals(again.frame)
    np.testing.assert_array_equal(truth, same)
    assert not claims.frame.equals(other.frame)
    assert len(truth) == len(claims.quantities) == 12
    assert np.all(claims.low <= claims.high)


def test_rising_world_never_tells_more_than_the_truth_nor_less_later(bench):
    claims, truth = bench("shared_errors").rising(3, events=200)
    assert np.all(claims.low <= truth[claims.event])
    order = np.lexsort((claims.time, claims.event))
    step, same = np.diff(claims.low[order]), np.diff(claims.event[order]) == 0
    assert np.all(step[same] >= 0)
    assert 0.15 < np.mean(truth == 0) < 0.35
    final = np.maximum.reduceat(claims.low[order], np.flatnonzero(np.append(True, ~same)))
    assert 0.8 < final.sum() / truth.sum() < 11 / 12  # one death in twelve is never known


def test_shared_error_is_shared(bench):
    """Half of the claims give the same wrong number; without the error they give the truth."""
    claims, truth = bench("shared_errors").shared(0, sources=10, spread=0.1, events=100)
    said = claims.value.reshape(100, 10)
    believed = np.array([max(set(row), key=list(row).count) for row in said])
    assert np.std(np.log(believed / truth)) == pytest.approx(0.1, abs=0.03)
    assert np.mean(said == believed[:, None]) == pytest.approx(0.53, abs=0.05)
    claims, truth = bench("shared_errors").shared(0, sources=10, spread=0.0, events=100)
    assert np.mean(claims.value == truth[claims.event]) == pytest.approx(0.53, abs=0.05)


def test_official_figure_is_repeated(bench):
    claims, truth = bench("shared_errors").official(0, events=200)
    frame = claims.frame.assign(number=claims.value, count=claims.event)
    ministry = frame[frame["source"] == "ministry"].set_index("count")["number"]
    media = frame[frame["source"].str.startswith("outlet") & frame["count"].isin(ministry.index)]
    assert np.mean(media["number"] == media["count"].map(ministry)) == pytest.approx(0.69, abs=0.06)
    assert len(ministry) == pytest.approx(0.6 * 200, abs=25)
    monitor = frame[frame["source"] == "monitor"]
    assert monitor["number"].sum() / truth[monitor["count"]].sum() == pytest.approx(0.6, abs=0.02)


@pytest.mark.parametrize("name", ["shootings", "rising", "west_bank", "earthquakes", "dots"])
def test_real_claims_are_read(bench, shared_data, name):
    """The first events of each set: some truth is known, and every claim has the words of its numbers."""
    real = bench("real")
    cases = real.SETS[name](shared_data, 25)
    assert any(np.isfinite(case.truth).any() for case in cases)
    for case in cases:
        assert len(case.truth) == len(case.claims.quantities)
        assert case.claims.frame["value"].str.fullmatch(r"(at least |at most |about )?\d+( to \d+)?").all()
        assert case.days is None or len(case.days) == len(case.truth)


def test_rising_tolls_are_those_heard_until_then(bench, shared_data):
    for case in bench("real").rising(shared_data, None):
        hours = bench("real").HORIZONS[case.name]
        assert case.days.max() * 24 <= hours
        assert np.isfinite(case.truth).all()
        assert case.claims.frame["reported"].dt.tz is not None
        assert case.claims.frame["reported"].dt.second.any()


def test_west_bank_has_one_flash_figure_a_quantity(bench, shared_data):
    (case,) = bench("real").west_bank(shared_data, None)
    assert len(case.claims.value) == len(case.truth) == 710
    assert np.median(case.claims.value / np.maximum(case.truth, 1)) == pytest.approx(0.99, abs=0.01)
    assert case.halved_by(case.claims.quantities[0]) == "2023-10"


@pytest.fixture(scope="module")
def rises(bench):
    """Reports of three storms: four of one of which the day is known, three of one known to the hour, one of a last."""
    import pandas as pd

    rows = [
        ("a", "day", 6.0, 8, "exact"), ("a", "day", 30.0, 30, "at_least"), ("a", "day", 30.0, 12, "about"),
        ("a", "day", 60.0, 40, "exact"), ("b", "hour", 3.0, 2, "exact"), ("b", "hour", 9.0, 9, "exact"),
        ("b", "hour", 40.0, 7, "exact"), ("c", "hour", 20.0, 100, "exact"),
    ]  # fmt: skip
    frame = pd.DataFrame(rows, columns=["event", "event_precision", "lag_h", "value", "qualifier"])
    frame["final"] = frame["event"].map({"a": 40, "b": 10, "c": 300})
    return frame.assign(group="storm").sample(frac=1, random_state=0)


def test_figures_of_a_share_have_a_density(bench):
    """What a cell gives to logarithms of figures adds up to one, whatever the report says of itself."""
    rising = bench("rising")
    log_figures = np.arange(-12, 20, 0.002)
    for how in range(3):
        data = rising.Tolls(
            kind=np.zeros(1, int), final=np.array([60.0]), number=np.array([len(log_figures)]), lag=None,
            said=(np.exp(log_figures) - 0.5)[None], how=np.full((1, len(log_figures)), how), track=None, shift=None,
            chance=None,
        )  # fmt: skip
        total = rising.densities(data, 0.7, 0.2, rising.CELLS[11]).sum(axis=1) * 0.002
        assert total == pytest.approx(1, abs=0.005)


def test_paths_of_rising_tolls_are_those_of_drawn_gamma_processes(bench, rises):
    rising = bench("rising")
    data = rising.tolls(rises)
    rise = rising.Rise(c=0.75, phi=0.7, sd=0.6, closed=0.2, exact=0.5, scale=0.3)
    edges = rising.CELLS[51]
    rows = rising.densities(data, rise.exact, rise.scale, edges)
    log_times = np.full(3, np.log(20))
    found = rising.mixture(data, rows, log_times, rise, rising.Steps(rise.phi, edges))[:, 0]
    rng = np.random.default_rng(0)
    draws = 200_000
    for event in range(3):
        shift = rng.choice(data.shift[data.track == event], draws)
        tau = 20 * np.exp(rise.sd * rng.standard_normal(draws))
        at = np.maximum(data.lag[event, : data.number[event], None] + shift, 0.5)
        h = np.log(2) * (at / tau) ** rise.c
        u = np.cumsum(rng.gamma(np.diff(h, axis=0, prepend=0) / rise.phi, rise.phi), axis=0)
        u[:, rng.random(draws) < rise.closed] = np.inf
        cell = np.minimum(np.searchsorted(edges, u, side="right") - 1, len(edges) - 2)
        drawn = np.prod([rows[event, j, 0][cell[j]] for j in range(len(cell))], axis=0)
        assert found[event] == pytest.approx(drawn.mean(), rel=0.03, abs=4 * drawn.std() / np.sqrt(draws))


def test_chain_on_the_share_is_the_mixture_for_two_reports(bench, rises):
    """And for any number where there is one half-time; else it is nearly so."""
    rising = bench("rising")
    steps = rising.Steps(0.7, rising.EDGES)
    rise = rising.Rise(c=0.75, phi=0.7, sd=0.6, closed=0.2, exact=0.5, scale=0.3)
    log_times = np.full(3, np.log(20))

    def both(frame, rise):
        data = rising.tolls(frame)
        rows = rising.densities(data, rise.exact, rise.scale, rising.EDGES)
        return [how(data, rows, log_times, rise, steps) for how in (rising.mixture, rising.chain)]

    mixture, chain = both(rises.sort_values("lag_h").groupby("event").head(2), rise)
    assert chain == pytest.approx(mixture, rel=1e-9)
    mixture, chain = both(rises, rise)
    assert chain == pytest.approx(mixture, rel=0.1)
    assert chain[0] != pytest.approx(mixture[0], rel=1e-4)
    mixture, chain = both(rises[rises["event"] == "b"], rise._replace(sd=0.0, closed=0.0))
    assert chain == pytest.approx(mixture, rel=1e-9)


@pytest.mark.slow
def test_fit_of_rising_tolls_finds_kinds_and_draws_those_of_few_events_in(bench):
    import pandas as pd

    rising = bench("rising")
    rng = np.random.default_rng(1)
    rows = []
    for event in range(60):
        kind, tau = ("attack", 4.0) if event % 2 else ("storm", 60.0)
        at = np.sort(rng.uniform(2, 150, size=4))
        h = np.log(2) * (at / (tau * np.exp(0.4 * rng.standard_normal()))) ** 0.75
        u = np.cumsum(rng.gamma(np.diff(h, prepend=0) / 0.7, 0.7))
        said = np.round(500 * -np.expm1(-u) * np.exp(0.02 * rng.standard_normal(4)))
        rows += [(f"event {event}", kind, "hour", t, v, "exact", 500) for t, v in zip(at, said, strict=True)]
    columns = ["event", "group", "event_precision", "lag_h", "value", "qualifier", "final"]
    fit = rising.Search(rising.tolls(pd.DataFrame(rows, columns=columns))).fit()
    found = dict(zip(rising.KINDS, fit.log_times, strict=True))
    error = dict(zip(rising.KINDS, fit.error[len(rising.NAMES) :], strict=True))
    for kind, hours in (("attack", 4), ("storm", 60)):
        assert abs(found[kind] - np.log(hours)) < 3 * error[kind]
        assert error[kind] < 0.35
    assert found["flood"] == pytest.approx(fit.any_time, abs=0.1)  # of which there is none
    assert error["flood"] == pytest.approx(0.8, abs=0.05)
    assert 0.4 < fit.rise.phi < 1.1
    assert fit.rise.closed < 0.15
