# SPDX-License-Identifier: MIT
"""Estimates of a corpus from which sources are learned."""

from __future__ import annotations

import pickle
import random
import warnings
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor

import numpy as np
import pytest
from worlds import CHILD, claim

import reconcile as rc
from reconcile.channels import Denial, Fidelity, LogStudent
from reconcile.inference import fit as fitting
from reconcile.inference import modes
from reconcile.model import Parameter
from reconcile.simulate import simulate

A, B, C = (rc.Source(name) for name in "abc")
ESS = 10  # effective draws, where numbers are not what is asked


def killed(k):
    return rc.Event(f"e{k:03}").killed()


def masses(posterior):
    return {quantity: posterior[quantity].distribution for quantity in posterior.quantities}


def assert_same_bits(one, other):
    first, second = masses(one), masses(other)
    assert first.keys() == second.keys()
    for quantity, distribution in first.items():
        assert np.array_equal(distribution.lattice.low, second[quantity].lattice.low)
        assert np.array_equal(distribution.mass, second[quantity].mass)
    assert one.diagnostics.notes == other.diagnostics.notes


@pytest.fixture(scope="module")
def world():
    return simulate(events=10, sources=4, claims_per_event=3, seed=1)


@pytest.fixture(scope="module")
def posterior(world):
    return rc.estimate(world.claims, ess=ESS)


def test_sources_are_learned_from_all_claims(world, posterior):
    assert set(posterior) == set(world.counts)
    assert set(posterior.sources) == set(world.sources)
    for name, source in posterior.sources.items():
        assert source.claims == sum(one.source.name == name for one in world.claims)
        assert set(source.draws) <= set(world.sources[name])
        assert {len(draws) for draws in source.draws.values()} == {posterior.diagnostics.draws}
        assert str(source)


@pytest.mark.parametrize("number", [1, 2, 5, 12])
def test_from_the_first_claim_on_there_are_sources_and_a_model_for_later_claims(world, number):
    few = list(world.claims)[:number]
    for learn in (True, False):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", rc.Unidentified)
            found = rc.estimate(few, ess=ESS, learn=learn)
        assert set(found.sources) == {one.source.name for one in few}
        names = found.as_model().learned.names
        assert any(name.scope == "class" for name in names) == learn


def test_the_order_of_claims_does_not_matter_to_the_last_bit(world, posterior):
    shuffled = list(world.claims)
    random.Random(0).shuffle(shuffled)
    again = rc.estimate(shuffled, ess=ESS)
    assert_same_bits(posterior, again)


def test_undated_claims_in_any_order():
    """Who spoke first is then guessed from the claims, not from their order."""
    rng = random.Random(1)
    claims = [claim(killed(k), rng.randint(0, 30), f"s{j}") for k in range(8) for j in rng.sample(range(5), 3)]
    one = rc.estimate(claims, ess=ESS)
    rng.shuffle(claims)
    assert_same_bits(one, rc.estimate(claims, ess=ESS))


@pytest.mark.parametrize(
    "pool, workers", [(ThreadPoolExecutor, 1), (ProcessPoolExecutor, 2)], ids=["thread", "processes"]
)
def test_the_number_of_workers_does_not_matter_to_the_last_bit(world, posterior, pool, workers):
    with pool(workers) as executor:
        assert_same_bits(posterior, rc.estimate(world.claims, ess=ESS, executor=executor))


@pytest.mark.slow
def test_many_shards_are_one_with_any_number_of_workers(monkeypatch):
    """Enough counts for several shards; by default they are shared by threads."""
    world = simulate(events=150, sources=4, claims_per_event=2, seed=3)
    found = []
    for threaded in (np.inf, 1):
        monkeypatch.setattr(fitting, "THREADED", threaded)
        monkeypatch.setattr(fitting, "_cores", lambda: 3)
        found.append(rc.estimate(world.claims, ess=ESS))
    with ThreadPoolExecutor(2) as executor:
        found.append(rc.estimate(world.claims, ess=ESS, executor=executor))
    for other in found[1:]:
        assert_same_bits(found[0], other)


def test_biases_are_recovered_in_sign():
    """One source doubles, one halves, two are right."""
    rng = np.random.default_rng(0)
    claims = []
    for k in range(30):
        truth = int(rng.integers(50, 500))
        for name, factor in (("loud", 2.0), ("shy", 0.5), ("calm", 1.0), ("cool", 1.0)):
            claims.append(claim(killed(k), int(truth * factor * np.exp(0.05 * rng.standard_normal())), name))
    posterior = rc.estimate(claims)
    bias = {name: source.bias[rc.Relation.THIRD] for name, source in posterior.sources.items()}
    assert bias["loud"].eti()[0] > 0
    assert bias["shy"].eti()[1] < 0
    for name in ("calm", "cool"):
        assert abs(bias[name].mean()) < 0.2
    assert bias["loud"].mean() - bias["shy"].mean() == pytest.approx(np.log(4), abs=0.2)


def test_what_was_learned_is_used_once(world, posterior):
    model = posterior.as_model()
    assert len(model.learned.seen) == len(world.claims)
    seen = list(world.claims)[7]
    with pytest.raises(rc.CountedTwice, match=seen.id) as caught:
        rc.estimate([seen, claim(killed(0), 5, "stranger")], model)
    assert caught.value.claims == (seen.id,)
    source = seen.source
    later = rc.estimate([claim(killed(0), 120, source)], model, ess=ESS)
    again = later.as_model()
    assert again.learned.seen > model.learned.seen
    with pytest.raises(rc.CountedTwice):
        rc.estimate([seen], again)


@pytest.mark.filterwarnings("ignore::reconcile.Unidentified")
def test_a_model_that_learned_knows_a_loud_source():
    rng = np.random.default_rng(0)
    claims = []
    for k, n in enumerate(rng.integers(100, 400, 3).tolist()):
        claims += [claim(killed(k), 3 * n, "loud"), claim(killed(k), n, "calm"), claim(killed(k), n, "cool")]
    model = rc.estimate(claims, ess=ESS).as_model()
    new = rc.Event("new").killed()
    before, after = (rc.estimate([claim(new, 300, "loud")], m, ess=ESS)[new].median() for m in (None, model))
    assert after < 150 < before


@pytest.mark.filterwarnings("ignore::reconcile.Unidentified")
@pytest.mark.parametrize("number", [0, 30])
def test_claims_in_two_parts_are_as_all_at_once(number):
    """Up to a normal approximation: here of claims enough that it is a good one."""
    world = simulate(events=30, sources=4, claims_per_event=3, outcomes=("killed",), seed=8)
    counts = sorted(world.counts, key=str)
    early = set(counts[:24])
    first, later = ([one for one in world.claims if (one.quantity in early) == known] for known in (True, False))
    whole = rc.estimate(world.claims, seed=number)
    parted = rc.estimate(later, rc.estimate(first, seed=number).as_model(), seed=number)
    off = []
    for quantity in counts[24:]:
        ends = whole[quantity].distribution.lattice.high
        off.append(np.max(np.abs(whole[quantity].cdf(ends) - parted[quantity].cdf(ends))))
    assert np.mean(off) < 0.06
    for name, source in whole.sources.items():
        for key, draws in parted.sources[name].draws.items():
            assert abs(draws.mean() - source.draws[key].mean()) < source.draws[key].std() + 0.05


def test_counts_that_are_linked_add_up():
    """Killed, injured and their sum, and half of the killed of one event: all learned from and solved together."""
    rng = np.random.default_rng(0)
    claims = []
    for k in range(3):
        event, (a, b) = rc.Event(f"e{k}"), rng.integers(2, 60, 2)
        claims += [
            claim(event.killed(), int(a), A), claim(event.injured(), int(b), B),
            claim(event.count("casualties"), int(a + b), C),
        ]  # fmt: skip
    claims.append(claim(rc.Event("e0").killed(CHILD), rc.Share(0.5, 0.5), A))
    posterior = rc.estimate(claims, ess=ESS)
    assert len(posterior) == 3 * 3 + 1
    for k in range(3):
        event = rc.Event(f"e{k}")
        parts = [posterior[event.killed()].median(), posterior[event.injured()].median()]
        assert posterior[event.count("casualties")].median() == pytest.approx(sum(parts), abs=1)
    assert posterior[rc.Event("e0").killed(CHILD)].median() < posterior[rc.Event("e0").killed()].median()


def test_a_share_of_what_nobody_counted():
    claims = [claim(killed(k), 7 + k, name) for k in range(4) for name in ("a", "b")]
    part, whole = rc.Event("e").displaced(CHILD), rc.Event("e").displaced()
    posterior = rc.estimate([*claims, claim(part, rc.Share(0.5, 0.5), A)], ess=ESS)
    assert part in posterior
    assert whole in posterior
    assert set(posterior.quantities) == {killed(k) for k in range(4)} | {part, whole}
    assert posterior[whole].roles == ()


def test_roles_and_estimates_are_those_of_the_claims(world, posterior):
    assert [role.claim.id for role in posterior.roles] == [one.id for one in world.claims]
    for quantity in list(posterior)[:5]:
        mine = [one.id for one in world.claims if one.quantity == quantity]
        assert sorted(role.claim.id for role in posterior[quantity].roles) == sorted(mine)
    with pytest.raises(rc.UnknownQuantity):
        posterior[rc.Event("elsewhere").killed()]
    assert "elsewhere" not in posterior
    assert len(posterior.rows()) == len(posterior) == len(world.counts)


def test_claims_of_later_days_are_left_out(world, posterior):
    days = sorted(one.reported for one in world.claims)
    assert_same_bits(rc.estimate(world.claims, ess=ESS, as_of=days[-1]), posterior)
    half = rc.estimate(world.claims, ess=ESS, as_of=days[len(days) // 2].date())
    heard = [one for one in world.claims if one.reported.date() <= days[len(days) // 2].date()]
    assert set(half) == {one.quantity for one in heard}
    assert set(half.sources) == {one.source.name for one in heard}


def test_progress_is_told_on_standard_error(world, capsys):
    rc.estimate(list(world.claims)[:30], ess=ESS, progress=True)
    out, err = capsys.readouterr()
    assert not out
    assert len(err.splitlines()) > 2


@pytest.mark.parametrize("value", [0, 1, 7, 600, 10**12])
def test_claims_that_all_say_the_same(value):
    proper(rc.estimate([claim(killed(k), value, s) for k in range(6) for s in (A, B, C)], ess=ESS))


def proper(posterior):
    assert 0 <= posterior.diagnostics.error < 0.2
    for quantity in posterior:
        one = posterior[quantity]
        assert one.distribution.mass.min() >= 0
        assert one.distribution.mass.sum() == pytest.approx(1)
        low, high = one.eti(0.9)
        assert 0 <= low <= one.median() <= high
        assert np.isfinite(one.entropy())
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", rc.HeavyTail)
            moments = np.array([one.mean(), one.variance()])
        assert np.isfinite(moments).all() or np.isnan(moments).all()
    assert posterior.diagnostics.draws > 0
    for source in posterior.sources.values():
        assert all(np.isfinite(draws).all() for draws in source.draws.values())
    return posterior


def test_one_source_alone_is_not_identified():
    rng = np.random.default_rng(0)
    claims = [claim(killed(k), int(n), A) for k, n in enumerate(rng.integers(0, 50, 20))]
    with pytest.warns(rc.Unidentified, match="no count is claimed by more than one source") as caught:
        posterior = proper(rc.estimate(claims, ess=ESS))
    assert caught[0].filename == __file__  # who called is told, not this package
    assert any("no count is claimed by more than one source" in note for note in posterior.diagnostics.notes)


def test_one_source_alone_teaches_nothing_of_its_errors():
    """Two dead are put down for "several" in every second count, a shape that no count prior has."""
    rng = np.random.default_rng(0)
    told = np.where(rng.random(150) < 0.5, 2, np.exp(rng.normal(1.2, 1.0, 150)).astype(int) + 1).tolist()
    claims = [claim(killed(k), n, A) for k, n in enumerate(told)]
    with pytest.warns(rc.Unidentified):
        posterior = proper(rc.estimate(claims, ess=ESS))
    layout = posterior.corpus_fit.fit.hierarchy
    mean = dict(zip(layout.names, layout.mean, strict=True))
    for (name, relation), draws in posterior.sources["a"].draws.items():
        prior = mean[Parameter("source", "a", name, relation)]
        if name != "heaping":
            assert draws.mean() == pytest.approx(prior, abs=1.5 * draws.std())
    for one in claims:
        low, high = posterior[one.quantity].eti(0.9)
        assert low <= one.value.n <= high


def test_two_sources_about_one_count_are_identified():
    claims = [claim(killed(k), 5 + k, A) for k in range(12)]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        proper(rc.estimate([*claims, claim(killed(3), 8, B)], ess=ESS))


def test_a_source_that_always_contradicts_everyone():
    rng = np.random.default_rng(0)
    claims = []
    for k, n in enumerate(rng.integers(1, 60, 8).tolist()):
        claims += [claim(killed(k), n, A), claim(killed(k), n, B), claim(killed(k), 1_000 * (n + 1), C)]
    posterior = proper(rc.estimate(claims, ess=ESS))
    for k, n in enumerate(one.value.n for one in claims[::3]):
        assert posterior[killed(k)].median() == pytest.approx(n, rel=0.5, abs=1)
    assert sum("contradict each other" in note for note in posterior.diagnostics.notes) == 8


def test_nobody_and_a_billion_together():
    said = ((A, 0), (B, 10**9), (C, 10))
    proper(rc.estimate([claim(killed(k), n if k % 2 else n + 1, s) for k in range(4) for s, n in said], ess=ESS))


def test_words_only():
    said = ((A, rc.Vague("dozens")), (B, rc.AtLeast(3)), (C, rc.Between(0, 10**6)))
    proper(rc.estimate([claim(killed(k), value, s) for k in range(6) for s, value in said], ess=ESS))


@pytest.mark.parametrize(
    "numbers", [(5, 5_000), (0, 10**9), (5, 5, 5, 5_000), (1, 10**12)], ids=lambda numbers: "-".join(map(str, numbers))
)
@pytest.mark.parametrize("learn", [True, False])
def test_flat_contradictions(numbers, learn):
    claims = [claim(killed(0), n, f"s{k}") for k, n in enumerate(numbers)]
    posterior = proper(rc.estimate(claims, ess=ESS, learn=learn))
    assert any("contradict each other" in note for note in posterior.diagnostics.notes)
    low, high = posterior[killed(0)].eti(0.99)
    assert low <= max(numbers)
    assert high >= min(numbers)


def test_one_source_against_everyone_about_one_count():
    claims = [claim(killed(0), 12, f"s{k}", reported=f"2020-01-{k + 1:02d}") for k in range(12)]
    posterior = proper(rc.estimate([*claims, claim(killed(0), 900, "odd", reported="2020-02-01")], ess=ESS))
    assert posterior[killed(0)].median() == 12


@pytest.mark.slow
def test_three_hundred_sources_with_one_claim_each():
    rng = np.random.default_rng(0)
    claims = [claim(killed(k // 3), int(n), f"s{k}") for k, n in enumerate(rng.integers(0, 50, 300))]
    posterior = proper(rc.estimate(claims, ess=ESS))
    assert len(posterior.sources) == 300


@pytest.mark.parametrize("every", [0, 300], ids=["busy ones", "all"])
def test_sources_with_few_claims_beside_busy_ones(every, monkeypatch):
    """Of them correlations are not looked at, and where claims are many they are drawn given the rest."""
    monkeypatch.setattr(modes, "EVERY", every)
    monkeypatch.setattr(fitting, "NORMAL", 0)
    rng = np.random.default_rng(0)
    claims = [claim(killed(k), int(n), s) for k, n in enumerate(rng.integers(5, 50, 15)) for s in (A, B)]
    claims += [claim(killed(k), int(n), f"once {k}") for k, n in enumerate(rng.integers(5, 50, 15))]
    posterior = proper(rc.estimate(claims, ess=ESS))
    assert posterior.diagnostics.way == "Laplace"


@pytest.mark.parametrize(
    "claims", [[], [claim(rc.Event("e").displaced(CHILD), rc.Share(0.5, 0.5), A)]], ids=["none", "share"]
)
@pytest.mark.parametrize("learn", [False, True])
def test_where_no_claim_gives_a_count(claims, learn):
    """Asking for the sources, or to learn, ended in an error about arrays to concatenate."""
    posterior = rc.estimate(claims, ess=ESS, learn=learn)
    assert set(posterior.sources) == {one.source.name for one in claims}
    model = posterior.as_model()
    assert model.learned.seen == {one.id for one in claims}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", rc.Unidentified)
        assert rc.estimate([claim(killed(0), 5, A)], model, ess=ESS).as_model().learned.seen > model.learned.seen


# --- other channels ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("own", [{"channel": Fidelity()}, {"channels": {"media": Fidelity()}}], ids=["all", "media"])
@pytest.mark.parametrize("learn", [True, False])
def test_sources_with_a_channel_of_their_own(own, learn):
    """Who cannot deny deaths in the model has no such parameter; sources were once refused where they were learned."""
    claims = [claim(killed(k), n + k, s) for k in range(2) for n, s in ((9, rc.Source("a", kind="media")), (10, B))]
    posterior = proper(rc.estimate(claims, rc.Model(**own), ess=ESS, learn=learn))
    parameters = {name: {key[0] for key in source.draws} for name, source in posterior.sources.items()}
    assert "denial" not in parameters["a"]
    assert ("denial" in parameters["b"]) == ("channels" in own)
    assert all(8 <= posterior[killed(k)].median() <= 13 for k in range(2))


def test_the_standard_channel_by_any_name_is_the_standard_one():
    claims = [claim(killed(k), n + k, s) for k in range(2) for n, s in ((9, A), (10, B))]
    one, other = (rc.estimate(claims, model, ess=ESS) for model in (None, rc.Model(channels={"media": Denial()})))
    assert_same_bits(one, other)


def test_a_channel_that_knows_nothing():
    """Figures are noise about the truth, and nobody gives the true one: the posterior is as wide as the noise."""
    claims = [claim(killed(0), 60, A), claim(killed(0), 60, B)]
    blunt, usual = (rc.estimate(claims, model, ess=ESS)[killed(0)] for model in (rc.Model(channel=LogStudent()), None))
    assert blunt.pmf(60) < 0.3 < usual.pmf(60)
    assert 30 <= blunt.median() <= 120


def test_sources_are_learned_after_the_workers_have_gone(world):
    few = list(world.claims)[:3]
    with ThreadPoolExecutor(1) as executor:
        posterior = rc.estimate(few, ess=ESS, executor=executor)
    assert set(posterior.sources) == {one.source.name for one in few}


@pytest.mark.parametrize("learn", [False, True])
def test_a_posterior_can_be_sent(world, learn):
    few = list(world.claims)[:5]
    posterior = rc.estimate(few, ess=ESS, learn=learn)
    again = pickle.loads(pickle.dumps(posterior))
    assert_same_bits(posterior, again)
    assert str(again.sources) == str(posterior.sources)


def test_engines_are_known_for_every_count():
    claims = simulate(events=6, sources=5, seed=4).claims
    posterior = rc.estimate(claims, ess=ESS)
    engines = posterior.diagnostics.engines
    assert {*engines} == {quantity.key for quantity in posterior}
    assert {*engines.values()} == {"exact"}
    assert "elsewhere" not in engines
    assert engines.get("elsewhere") is None
