# SPDX-License-Identifier: MIT
"""What is drawn has the frequencies that the plain words of the model give it."""

from __future__ import annotations

import math

import numpy as np
import oracles
import pytest
from oracles import figure_probability, logistic
from scipy.special import chdtrc, ndtri, stdtr

import reconcile as rc
from reconcile import simulate as room
from reconcile.channels import Fidelity
from reconcile.claims import Corpus
from reconcile.io import table
from reconcile.model import COUNT_DOUBT, SPREAD_DOUBT, CountPrior, KnownCount, Normal
from reconcile.simulate import simulate
from reconcile.values import LARGEST
from reconcile.vocabulary import Relation, relate

# A chi-square test refuses a faithful simulator once in ten thousand seeds; the seeds are fixed.
CHANCE = 1e-4
EXACTLY = 1e-9  # standard deviation of a parameter that is as good as known
THETA = {
    "plain": {"bias": 0.0, "log_spread": -1.4, "fidelity": 2.8, "slope": 1.45, "denial": -2.9, "gross": -4.0},
    "loud": {"bias": 0.7, "log_spread": -0.3, "fidelity": -1.0, "slope": 0.5, "denial": -8.0, "gross": -1.0},
    "shy": {"bias": -1.2, "log_spread": -0.9, "fidelity": 0.0, "slope": 3.0, "denial": 1.0, "gross": -9.0},
}


def assert_frequencies(observed, probability):
    """Compare counts with probabilities of the same cells, what is left being a cell more; rare cells are pooled."""
    observed, total = np.asarray(observed, dtype=float), sum(observed)
    expected = total * np.asarray(probability, dtype=float)
    assert expected.sum() == pytest.approx(total, rel=1e-6)
    order = np.argsort(-expected)
    observed, expected = observed[order], expected[order]
    often = int(np.searchsorted(-expected, -5.0))
    observed = np.append(observed[:often], observed[often:].sum())
    expected = np.append(expected[:often], expected[often:].sum())
    if expected[-1] < 5:  # too rare for the chi-square law even together
        assert observed[-1] <= 20
        observed, expected = observed[:-1], expected[:-1]
    assert len(expected) == 1 or chdtrc(len(expected) - 1, np.sum((observed - expected) ** 2 / expected)) > CHANCE


def tally(values, kinds):
    """Count each of `kinds` and, last, all else."""
    found = [np.sum(values == kind) for kind in kinds]
    return [*found, len(values) - sum(found)]


def rest(probability):
    return [*probability, 1 - sum(probability)]


def assert_standard_normal(z):
    cells = np.searchsorted(ndtri(np.arange(1, 20) / 20), z)
    assert_frequencies(np.bincount(cells, minlength=20), np.full(20, 1 / 20))


def known(**theta):
    """A model in which every source has these parameters, counts the default prior, and what is known is the truth."""
    defaults = {**THETA["plain"], "heaping": -0.65, "copying": -30.0}
    sources = {(name, None): Normal(x, EXACTLY, "") for name, x in {**defaults, **theta}.items()}
    return rc.Model(sources=sources, known=None)


@pytest.mark.parametrize("truth", [0, 1, 7, 120])
def test_what_is_known(truth):
    layer, kinds = KnownCount(exact=0.6, spread=0.5, zero=0.1), range(400)
    drawn = room._draw_known(layer, np.full(100_000, truth), np.random.default_rng(1))
    assert_frequencies(tally(drawn, kinds), rest([oracles.known_probability(k, truth, layer) for k in kinds]))


def test_all_speak_of_what_is_known():
    sure = {"fidelity": 50.0, "slope": 0.0, "denial": -50.0, "copying": -50.0}
    sources = {(name, None): Normal(x, EXACTLY, "") for name, x in sure.items()}
    world = simulate(rc.Model(sources=sources, known=KnownCount(exact=0.5)), events=200, claims_per_event=3, seed=2)
    known_of = dict(zip(world.quantities, world.known.tolist(), strict=True))
    assert all(claim.value == rc.Exactly(known_of[claim.quantity]) for claim in world.claims)
    assert 0.3 < np.mean(world.known != world.truth) < 0.6


@pytest.mark.parametrize("theta", THETA.values(), ids=THETA)
@pytest.mark.parametrize("truth", [0, 1, 7, 120])
def test_figures(theta, truth):
    size = 100_000
    drawn, knows = room._draw_figures(
        np.full(size, truth), {name: np.full(size, x) for name, x in theta.items()}, np.random.default_rng(1)
    )
    kinds = range(400)
    expected = np.array([figure_probability(m, truth, **theta) for m in kinds])
    faithful = logistic(theta["fidelity"] - theta["slope"] * math.sqrt(math.log(max(truth, 1))))
    denied = logistic(theta["denial"]) * (truth > 0)
    assert_frequencies(tally(drawn, kinds), rest(expected))
    assert_frequencies(tally(knows, [True]), rest([(1 - denied) * faithful]))
    assert np.all(drawn[knows] == truth)


def test_gross_errors_are_off_by_digits():
    size = 100_000
    theta = {"bias": 0.0, "log_spread": 0.0, "fidelity": -99.0, "slope": 0.0, "denial": -99.0, "gross": 99.0}
    drawn, _ = room._draw_figures(
        np.full(size, 5), {name: np.full(size, x) for name, x in theta.items()}, np.random.default_rng(2)
    )
    edges = np.append(0, 10 ** np.arange(13))
    below = np.array([0.0, *stdtr(4, np.log10(edges[1:] / 5.5))])
    below[-1] = 1.0
    assert_frequencies(np.histogram(drawn, edges)[0], np.diff(below))
    assert drawn.max() <= LARGEST


@pytest.mark.parametrize("heaping", [0.2, 0.9])
@pytest.mark.parametrize("figure", [0, 1, 2, 3, 5, 7, 8, 42, 74, 75, 149, 748, 749, 750, 12_345, 749_999, LARGEST])
def test_rounding(figure, heaping):
    size = 20_000
    drawn = room._say(np.full(size, figure), np.full(size, heaping), np.random.default_rng(figure))
    said = oracles.say(figure, heaping)
    assert_frequencies(tally(drawn, list(said)), [*said.values(), 0.0])


PRIORS = {
    "killed": rc.Model().count_prior("killed"),
    "displaced": rc.Model().count_prior("displaced"),
    "mostly below one": CountPrior(0.3, -6.0, 0.9, "far below one half", broad=0.01),
    "no broad part": CountPrior(0.5, 3.0, 0.2, "narrow", broad=0.0),
}


@pytest.mark.parametrize("prior", PRIORS.values(), ids=PRIORS)
def test_counts(prior):
    drawn = room._draw_counts(prior, 200_000, np.random.default_rng(3))
    kinds = range(1_000)
    # Those above `TOP` are drawn again: at most one in 3,000 of `displaced`, which 200,000 draws cannot show.
    assert_frequencies(tally(drawn, kinds), rest([oracles.count_probability(n, prior) for n in kinds]))
    assert drawn.max() <= room._MOST


def test_counts_and_figures_never_pass_what_can_be_said():
    prior = CountPrior(0.01, 22.0, 2.0, "as many as there are people")
    drawn = room._draw_counts(prior, 10_000, np.random.default_rng(4))
    assert room._MOST / 2 < drawn.max() <= room._MOST
    world = simulate(rc.Model(counts={"killed": prior}), outcomes=["killed"], events=200, seed=5)
    assert world.frame["value"].max() <= LARGEST


def test_models_whose_numbers_cannot_be_said_are_refused():
    with pytest.raises(rc.InvalidValue, match="at most 10,000,000,000"):
        simulate(rc.Model(counts={"killed": CountPrior(0.01, 90.0, 0.1, "more than there are", broad=0.0)}))
    with pytest.raises(rc.InvalidValue, match="biases"):
        simulate(known(bias=90.0, fidelity=-90.0))


def test_copies_repeat_an_earlier_claim_drawn_evenly():
    events, most = 100_000, 4
    turn = np.tile(np.arange(most), events)
    own = np.arange(events * most)  # all different, so that a copy tells what it copied
    said = room._repeat(own, turn, np.full(len(own), 0.3), np.random.default_rng(6))
    first = own - turn
    for at in range(most):
        mine = turn == at
        kept = said[mine] == own[mine]
        assert_frequencies([kept.sum(), (~kept).sum()], [0.7, 0.3] if at else [1.0, 0.0])
        assert np.all((said >= first) & (said <= own))
    # The second to copy may copy a copy: of two copies in a row, the second tells the first's original half the time.
    copied = (said != own).reshape(events, most)
    third = (said - first).reshape(events, most)[:, 2][~copied[:, 1] & copied[:, 2]]
    assert_frequencies(np.bincount(third, minlength=2), [0.5, 0.5])
    third = (said - first).reshape(events, most)[:, 2][copied[:, 1] & copied[:, 2]]
    assert np.all(third == 0)


def test_classes_and_sources_have_their_priors():
    means, spreads, own = [], [], []
    model = rc.Model()
    for seed in range(150):
        world = simulate(model, events=1, sources=10, claims_per_event=1, seed=seed)
        speakers = {source.name: source for source in world._speakers}
        for (name, of_class, relation), (mean, spread) in world.classes.items():
            member = next(s for s in speakers.values() if model.class_of(s) == of_class)
            special, prior = model.source_prior(name, member, relation or Relation.THIRD)
            assert special == relation
            means.append((name, (mean - prior.mean) / prior.class_sd))
            spreads.append((name, np.log(spread / prior.spread) / SPREAD_DOUBT))
        for source, values in world.sources.items():
            for (name, relation), x in values.items():
                mean, spread = world.classes[name, model.class_of(speakers[source]), relation]
                own.append((name, (x - mean) / spread))
    for drawn in (means, spreads, own):
        for name in {name for name, _ in drawn}:
            assert_standard_normal([z for one, z in drawn if one == name])


def test_priors_of_counts_are_drawn():
    given = rc.Model().count_prior("killed")
    moved = {name: [] for name in COUNT_DOUBT}
    for seed in range(500):
        drawn = room._draw_prior(given, np.random.default_rng(seed))
        assert (drawn.broad_location, drawn.broad_scale) == (given.broad_location, given.broad_scale)
        for name in ("zero", "broad"):
            odds = [x / (1 - x) for x in (getattr(drawn, name), getattr(given, name))]
            moved[name].append(np.log(odds[0] / odds[1]))
        moved["location"].append(drawn.location - given.location)
        moved["log_scale"].append(np.log(drawn.scale / given.scale))
    for name, values in moved.items():
        assert_standard_normal(np.array(values) / COUNT_DOUBT[name])


def test_truth_and_value_from_end_to_end():
    """All steps together, for one source of which everything is known, against sums over all figures."""
    theta = {"bias": 0.3, "log_spread": -0.8, "fidelity": 0.4, "slope": 0.9, "denial": -1.5, "gross": -4.0}
    world = simulate(
        known(**theta, heaping=1.0), events=100_000, sources=1, claims_per_event=1, outcomes=["killed"], seed=7
    )
    truths, values = range(12), range(40)
    expected = []
    for y in truths:
        prior = oracles.count_probability(y, world.priors["killed"])
        expected += [prior * oracles.claim_probability(v, y, logistic(1.0), **theta) for v in values]
    value = world.frame["value"]
    observed = [np.sum((world.truth == y) & (value == v)) for y in truths for v in values]
    assert_frequencies([*observed, len(value) - sum(observed)], rest(expected))


def test_a_source_speaks_by_its_relation():
    bias = {Relation.OWN: -2.0, Relation.ENEMY: 2.0, Relation.RESPONSIBLE: -1.0, Relation.THIRD: 0.0}
    priors = {("bias", relation): Normal(x, EXACTLY, "") for relation, x in bias.items()}
    quiet = {"fidelity": -50.0, "log_spread": -4.0, "denial": -50.0, "gross": -50.0, "heaping": -50.0, "copying": -50.0}
    model = rc.Model(sources={**priors, **{(name, None): Normal(x, EXACTLY, "") for name, x in quiet.items()}})
    world = simulate(model, events=400, sources=8, claims_per_event=4, seed=8)
    seen = set()
    known_of = dict(zip(world.quantities, world.known.tolist(), strict=True))
    for claim in world.claims:
        truth = known_of[claim.quantity]
        if truth > 100:
            assert math.log(claim.value.n / truth) == pytest.approx(bias[claim.relation], abs=0.5)
            seen.add(claim.relation)
    assert seen == set(Relation)


def test_claims_and_columns_are_one_thing():
    world = simulate(events=30, seed=9)
    assert isinstance(world.claims, Corpus)
    pandas, polars = pytest.importorskip("pandas"), pytest.importorskip("polars")
    assert table.read(pandas.DataFrame(world.frame)) == world.claims
    assert table.read(polars.DataFrame(dict(world.frame))) == world.claims
    assert list(world.counts.values()) == world.truth.tolist()
    assert {claim.quantity for claim in world.claims} == set(world.quantities)


def test_midnight_is_no_time_of_a_claim():
    """A table reads midnight as the whole day, in which other times have no order."""
    reported = simulate(events=1_000, claims_per_event=3, seed=10).frame["reported"]
    assert np.all(reported != reported.astype("datetime64[D]"))
    assert np.all(np.diff(reported) > np.timedelta64(0, "ms"))


def test_sources_of_an_event_are_different_and_drawn_evenly():
    world = simulate(events=6_000, sources=7, claims_per_event=(1, 5), seed=11)
    event, source = world.frame["event"], world.frame["source"]
    assert len({*zip(event.tolist(), source.tolist(), strict=True)}) == len(event)
    number = np.unique(event, return_counts=True)[1]
    assert_frequencies(np.bincount(number, minlength=6)[1:], np.full(5, 0.2))
    turn = np.arange(len(event)) - np.searchsorted(event, event)
    for at in range(3):
        assert_frequencies(np.unique(source[turn == at], return_counts=True)[1], np.full(7, 1 / 7))


def test_all_sources_may_speak_of_every_event():
    world = simulate(events=50, sources=3, claims_per_event=3, seed=12)
    assert len(world.frame["event"]) == 150


def test_chunks_do_not_change_who_may_speak(monkeypatch):
    monkeypatch.setattr(room, "_CHUNK", 10)
    world = simulate(events=50, sources=4, claims_per_event=(1, 4), seed=13)
    assert len(np.unique(world.frame["event"])) == 50


def test_own_sources_with_sides_meet_every_relation():
    army = rc.Source("army", kind="government", sides={"North"}, opposes={"South"})
    world = simulate(sources=[army, rc.Source("paper", kind="media")], claims_per_event=1, events=50, seed=14)
    assert {relate(army, quantity) for quantity in world.quantities} == set(Relation)
    assert {key for key in world.sources["army"] if key[0] == "bias"} == {("bias", relation) for relation in Relation}
    assert {key for key in world.sources["paper"] if key[0] == "bias"} == {("bias", Relation.THIRD)}
    assert len(world.sources["paper"]) == len(room._PARAMETERS)


def test_own_outcomes():
    world = simulate(outcomes=["displaced", "abducted"], events=40, seed=15)
    assert set(world.priors) == set(world.frame["outcome"]) == {"displaced", "abducted"}


def test_same_seed_same_world():
    one, same, other = (simulate(events=50, seed=seed) for seed in (16, np.random.default_rng(16), 17))
    assert one.frame.keys() == same.frame.keys()
    assert all(np.array_equal(one.frame[name], same.frame[name]) for name in one.frame)
    assert (one.sources, one.classes, one.priors) == (same.sources, same.classes, same.priors)
    assert one.counts == same.counts
    assert one.sources != other.sources
    assert one.claims == same.claims != other.claims


def test_a_world_is_estimated():
    world = simulate(events=3, sources=5, claims_per_event=2, seed=18)
    posterior = rc.estimate(world.claims)
    assert set(posterior) == set(world.counts)
    assert str(world) in repr(world) == "<World: 6 claims by 5 sources about 3 events>"


@pytest.mark.parametrize(
    "wrong",
    [
        {"model": "Model"},
        {"model": rc.Model(channel=Fidelity())},
        {"model": rc.Model(channels={"media": Fidelity()})},
        {"events": 0},
        {"events": 2.0},
        {"events": True},
        {"sources": 0},
        {"sources": []},
        {"sources": ["ministry"]},
        {"sources": {rc.Source("a"), rc.Source("b")}},
        {"sources": [rc.Source("ministry"), rc.Source("ministry", kind="government")]},
        {"sources": None},
        {"claims_per_event": 0},
        {"claims_per_event": 11},
        {"claims_per_event": (3, 2)},
        {"claims_per_event": (1, 2, 3)},
        {"claims_per_event": 2.5},
        {"outcomes": []},
        {"outcomes": "killed"},
        {"outcomes": {"killed", "injured"}},
        {"outcomes": ["killed", "killed"]},
        {"outcomes": [3]},
        {"outcomes": [" "]},
        {"outcomes": None},
    ],
    ids=lambda given: str(sorted(given)),  # a set prints in another order in every process
)
def test_bad_arguments_are_refused(wrong):
    with pytest.raises(rc.InvalidValue, match=r"simulate\(|Outcome"):
        simulate(**wrong)


def test_tolls_rise_in_worlds_that_say_when():
    world = simulate(events=300, sources=6, claims_per_event=3, hours=(2, 60), event_kind="fire", seed=3)
    event = np.unique(world.frame["event"], return_inverse=True)[1]
    after = (world.frame["reported"] - world.frame["start"]) / np.timedelta64(1, "h")
    assert 2 <= after.min() < 3
    assert 50 < after.max() <= 60
    later = np.diff(event) == 0
    assert np.all(np.diff(after)[later] >= 0)
    assert np.all(np.diff(world.share)[later] >= 0)
    complete = np.array([np.all(world.share[event == at] == 1) for at in range(300)])
    assert 0.15 < complete.mean() < 0.45  # at once, or after the first figure
    assert world.quantities[0].event.kind == "fire"
    assert [claim.reported for claim in world.claims] == world.frame["reported"].tolist()
    assert world.claims.claims[0].quantity.event.start == world.frame["start"][0].item()


def test_figures_are_of_what_is_known():
    exact = {key: Normal(8.0, 0.01, "exact") for key in [("fidelity", None)]}
    exact |= {("slope", None): Normal(0.0, 0.01, "exact"), ("copying", None): Normal(-20.0, 0.01, "none")}
    exact |= {("denial", one): Normal(-20.0, 0.01, "none") for one in Relation}
    said = {"claims_per_event": 3, "hours": (1, 20), "outcomes": ("killed",), "event_kind": "fire"}
    world = simulate(rc.Model(sources=exact), events=200, seed=1, **said)
    event = np.unique(world.frame["event"], return_inverse=True)[1]
    known = np.floor(world.share * world.known[event] + 0.5)
    assert np.mean(world.frame["value"] == known) > 0.98


@pytest.mark.parametrize("hours", [(0, 5), (5, 1), (1, 3_000), 5])
def test_hours_are_a_pair(hours):
    with pytest.raises(rc.InvalidValue, match=r"simulate\(hours\)"):
        simulate(events=1, hours=hours)
