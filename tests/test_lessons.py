# SPDX-License-Identifier: MIT
"""Estimates of a corpus from which sources are learned."""

from __future__ import annotations

import gc
import pickle
import random
import warnings
import weakref
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor

import numpy as np
import pytest
from worlds import CHILD, claim

import reconcile as rc
from reconcile import learning
from reconcile.channels import Fidelity
from reconcile.lessons import _roots
from reconcile.model import Parameter
from reconcile.pmf import Pairs
from reconcile.simulate import simulate

A, B, C = (rc.Source(name) for name in "abc")
LOST = rc.Outcome("losses", {"killed", "injured"})
DRAWS = 64


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
    return simulate(events=14, sources=4, claims_per_event=3, rng=1)  # 42 claims, of which 40 are learned from


@pytest.fixture(scope="module")
def posterior(world):
    return rc.estimate(world.claims, draws=DRAWS)


def test_a_corpus_is_learned_from(world, posterior):
    assert posterior.diagnostics.learned
    assert set(posterior) == set(world.counts)
    assert set(posterior.sources) == set(world.sources)
    for name, source in posterior.sources.items():
        assert source.claims == sum(one.source.name == name for one in world.claims)
        assert not source.shared
        assert set(source.draws) <= set(world.sources[name])
        assert str(source)
    assert not rc.estimate(list(world.claims)[:39], draws=DRAWS).diagnostics.learned
    assert not rc.estimate(world.claims, draws=DRAWS, learn=False).diagnostics.learned


def test_few_counts_are_not_learned_from():
    claims = [claim(killed(k), 5 + k, f"s{j}") for k in range(4) for j in range(10)]
    assert not rc.estimate(claims, draws=DRAWS).diagnostics.learned
    assert rc.estimate(claims[:4], draws=DRAWS, learn=True).diagnostics.learned


def test_the_order_of_claims_does_not_matter_to_the_last_bit(world, posterior):
    shuffled = list(world.claims)
    random.Random(0).shuffle(shuffled)
    again = rc.estimate(shuffled, draws=DRAWS)
    assert again.diagnostics.learned
    assert_same_bits(posterior, again)


def test_undated_claims_in_any_order():
    """Who spoke first is then guessed from the claims, not from their order."""
    rng = random.Random(1)
    claims = [claim(killed(k), rng.randint(0, 30), f"s{j}") for k in range(8) for j in rng.sample(range(5), 3)]
    one = rc.estimate(claims, draws=DRAWS, learn=True)
    rng.shuffle(claims)
    assert_same_bits(one, rc.estimate(claims, draws=DRAWS, learn=True))


@pytest.mark.parametrize(
    "pool, workers", [(ThreadPoolExecutor, 1), (ProcessPoolExecutor, 2)], ids=["thread", "processes"]
)
def test_the_number_of_workers_does_not_matter_to_the_last_bit(world, posterior, pool, workers):
    with pool(workers) as executor:
        assert_same_bits(posterior, rc.estimate(world.claims, draws=DRAWS, executor=executor))


@pytest.mark.slow
def test_many_shards_are_one_with_any_number_of_workers(monkeypatch):
    """Enough counts for several shards; by default they are shared by threads."""
    world = simulate(events=150, sources=4, claims_per_event=2, rng=3)
    found = []
    for threaded in (np.inf, 1):
        monkeypatch.setattr(learning, "THREADED", threaded)
        monkeypatch.setattr(learning, "_cores", lambda: 3)
        found.append(rc.estimate(world.claims, draws=DRAWS))
    with ThreadPoolExecutor(2) as executor:
        found.append(rc.estimate(world.claims, draws=DRAWS, executor=executor))
    assert found[0].diagnostics.learned
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
    posterior = rc.estimate(claims, draws=DRAWS)
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
    later = rc.estimate([claim(killed(0), 120, source)], model, draws=DRAWS)
    assert later.diagnostics.learned
    again = later.as_model()
    assert again.learned.seen > model.learned.seen
    with pytest.raises(rc.CountedTwice):
        rc.estimate([seen], again)


def test_a_model_that_learned_knows_a_loud_source():
    rng = np.random.default_rng(0)
    claims = []
    for k, n in enumerate(rng.integers(100, 400, 14).tolist()):
        claims += [claim(killed(k), 3 * n, "loud"), claim(killed(k), n, "calm"), claim(killed(k), n, "cool")]
    model = rc.estimate(claims, draws=DRAWS).as_model()
    new = rc.Event("new").killed()
    before, after = (rc.estimate([claim(new, 300, "loud")], m, draws=DRAWS)[new].median() for m in (None, model))
    assert after < 150 < before


def test_counts_that_are_linked_add_up():
    """Killed, injured and their sum: learned from each by itself, then solved together."""
    rng = np.random.default_rng(0)
    claims = []
    for k in range(15):
        event, (a, b) = rc.Event(f"e{k}"), rng.integers(2, 60, 2)
        claims += [
            claim(event.killed(), int(a), A), claim(event.injured(), int(b), B),
            claim(event.count("casualties"), int(a + b), C),
        ]  # fmt: skip
    claims.append(claim(rc.Event("e0").killed(CHILD), rc.Share(0.5, 0.5), A))
    with pytest.warns(rc.Unidentified):
        posterior = rc.estimate(claims, draws=DRAWS, learn=True)
    assert posterior.diagnostics.learned
    assert len(posterior) == 3 * 15 + 1
    for k in range(15):
        event = rc.Event(f"e{k}")
        parts = [posterior[event.killed()].median(), posterior[event.injured()].median()]
        assert posterior[event.count("casualties")].median() == pytest.approx(sum(parts), abs=1)
    assert posterior[rc.Event("e0").killed(CHILD)].median() < posterior[rc.Event("e0").killed()].median()


@pytest.mark.parametrize("learn", [True, False])
def test_how_counts_add_up_is_forgotten_with_the_work(monkeypatch, learn):
    """It takes megabytes for each event; a corpus of some hundred battles once kept all of them."""
    made, of = [], Pairs.of

    def recorded(lattice):
        pairs = of(lattice)
        made.append(weakref.ref(pairs))
        return pairs

    monkeypatch.setattr(Pairs, "of", recorded)
    claims = [
        claim(killed(k).event.count(outcome), n + 3 * k, source)
        for k in range(3)
        for source, lean in ((A, 0), (B, 2))
        for outcome, n in (("killed", 5), ("injured", 9), (LOST, 14 + lean))
    ]
    posterior = rc.estimate(claims, learn=learn, draws=DRAWS)
    gc.collect()
    assert made
    assert all(pairs() is None for pairs in made)
    assert all(posterior[quantity].median() > 0 for quantity in posterior.quantities)


def test_a_share_of_what_nobody_counted():
    claims = [claim(killed(k), 7 + k, name) for k in range(20) for name in ("a", "b")]
    part, whole = rc.Event("e").displaced(CHILD), rc.Event("e").displaced()
    posterior = rc.estimate([*claims, claim(part, rc.Share(0.5, 0.5), A)], draws=DRAWS)
    assert posterior.diagnostics.learned
    assert part in posterior
    assert whole in posterior
    assert set(posterior.quantities) == {killed(k) for k in range(20)} | {part, whole}
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


def test_claims_of_later_days_are_left_out(world):
    days = sorted(one.reported for one in world.claims)
    assert rc.estimate(world.claims, draws=DRAWS, as_of=days[-1]).diagnostics.learned
    half = rc.estimate(world.claims, draws=DRAWS, as_of=days[0].date(), learn=True)
    assert set(half) <= set(world.counts)


def test_progress_is_told_on_standard_error(world, capsys):
    rc.estimate(list(world.claims)[:12], draws=DRAWS, learn=True, progress=True)
    out, err = capsys.readouterr()
    assert not out
    assert len(err.splitlines()) > 2


@pytest.mark.parametrize("value", [0, 1, 7, 600, 10**12])
def test_claims_that_all_say_the_same(value):
    proper(rc.estimate([claim(killed(k), value, s) for k in range(6) for s in (A, B, C)], draws=DRAWS, learn=True))


def proper(posterior):
    assert posterior.diagnostics.learned
    assert 0 <= posterior.diagnostics.error < 1
    for quantity in posterior:
        one = posterior[quantity]
        assert one.distribution.mass.min() >= 0
        assert one.distribution.mass.sum() == pytest.approx(1)
        low, high = one.eti(0.9)
        assert 0 <= low <= one.median() <= high
        assert np.isfinite([one.mean(), one.variance(), one.entropy()]).all()
    for source in posterior.sources.values():
        assert all(np.isfinite(draws).all() for draws in source.draws.values())
    return posterior


def test_one_source_alone_is_not_identified():
    rng = np.random.default_rng(0)
    claims = [claim(killed(k), int(n), A) for k, n in enumerate(rng.integers(0, 50, 45))]
    with pytest.warns(rc.Unidentified, match="no count is claimed by more than one source") as caught:
        posterior = proper(rc.estimate(claims, draws=DRAWS, learn=True))
    assert caught[0].filename == __file__  # who called is told, not this package
    assert any("no count is claimed by more than one source" in note for note in posterior.diagnostics.notes)


def test_one_source_alone_teaches_nothing_of_its_errors():
    """Two dead are put down for "several" in every second count, a shape that no count prior has."""
    rng = np.random.default_rng(0)
    told = np.where(rng.random(400) < 0.5, 2, np.exp(rng.normal(1.2, 1.0, 400)).astype(int) + 1).tolist()
    claims = [claim(killed(k), n, A) for k, n in enumerate(told)]
    with pytest.warns(rc.Unidentified):
        posterior = proper(rc.estimate(claims, learn=True, draws=64))
    layout = posterior.teaching.lesson.problem.hierarchy
    mean = dict(zip(layout.names, layout.mean, strict=True))
    for (name, relation), draws in posterior.sources["a"].draws.items():
        prior = mean[Parameter("source", "a", name, relation)]
        if name != "heaping":
            assert draws.mean() == pytest.approx(prior, abs=1.5 * draws.std())
    for one in claims:
        low, high = posterior[one.quantity].eti(0.9)
        assert low <= one.value.n <= high


def test_two_sources_about_one_count_are_identified():
    claims = [claim(killed(k), 5 + k, A) for k in range(45)]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        proper(rc.estimate([*claims, claim(killed(3), 8, B)], draws=DRAWS, learn=True))


def test_a_source_that_always_contradicts_everyone():
    rng = np.random.default_rng(0)
    claims = []
    for k, n in enumerate(rng.integers(1, 60, 14).tolist()):
        claims += [claim(killed(k), n, A), claim(killed(k), n, B), claim(killed(k), 1_000 * (n + 1), C)]
    posterior = proper(rc.estimate(claims, draws=DRAWS))
    for k, n in enumerate(one.value.n for one in claims[::3]):
        assert posterior[killed(k)].median() == pytest.approx(n, rel=0.5, abs=1)
    assert sum("contradict each other" in note for note in posterior.diagnostics.notes) == 14


def test_nobody_and_a_billion_together():
    said = ((A, 0), (B, 10**9), (C, 10))
    proper(rc.estimate([claim(killed(k), n if k % 2 else n + 1, s) for k in range(14) for s, n in said], draws=DRAWS))


def test_words_only():
    said = ((A, rc.Vague("dozens")), (B, rc.AtLeast(3)), (C, rc.Between(0, 10**6)))
    proper(rc.estimate([claim(killed(k), value, s) for k in range(6) for s, value in said], draws=DRAWS, learn=True))


@pytest.mark.parametrize(
    "claims", [[], [claim(rc.Event("e").displaced(CHILD), rc.Share(0.5, 0.5), A)]], ids=["none", "share"]
)
@pytest.mark.parametrize("learn", [None, False, True])
def test_where_no_claim_gives_a_count_nothing_is_learned(claims, learn):
    """Asking for the sources, or to learn, ended in an error about arrays to concatenate."""
    posterior = rc.estimate(claims, draws=DRAWS, learn=learn)
    assert not posterior.diagnostics.learned
    assert posterior.sources == {}
    model = posterior.as_model()
    assert model.learned.seen == {one.id for one in claims}
    assert rc.estimate([claim(killed(0), 5, A)], model, draws=DRAWS).as_model().learned.seen > model.learned.seen


@pytest.mark.parametrize("own", [{"channel": Fidelity()}, {"channels": {"media": Fidelity()}}], ids=["all", "media"])
def test_other_channels_are_not_learned(world, own):
    """Sources were learned as if their channel were the standard one, with an even chance to deny deaths."""
    few, model = list(world.claims)[:3], rc.Model(**own)
    assert not rc.estimate(few, model, draws=DRAWS).diagnostics.learned
    with pytest.raises(rc.InvalidValue, match="the default, where sources are learned"):
        rc.estimate(few, model, draws=DRAWS, learn=True)
    with pytest.raises(rc.InvalidValue, match="the default, where sources are learned"):
        rc.estimate(few, model, draws=DRAWS).sources  # noqa: B018


def test_sources_are_learned_after_the_workers_have_gone(world):
    few = list(world.claims)[:3]
    with ThreadPoolExecutor(1) as executor:
        posterior = rc.estimate(few, draws=DRAWS, executor=executor)
    assert set(posterior.sources) == {one.source.name for one in few}


@pytest.mark.parametrize("learn", [False, True])
def test_a_posterior_can_be_sent(world, learn):
    few = list(world.claims)[:5]
    posterior = rc.estimate(few, draws=DRAWS, learn=learn)
    again = pickle.loads(pickle.dumps(posterior))
    assert_same_bits(posterior, again)
    assert str(again.sources) == str(posterior.sources)


@pytest.mark.parametrize("depth", [0, 1, 2, 5, 64, 1_000])
def test_every_event_finds_its_outermost_at_any_depth(depth):
    """A chain of nested events, and some that stand alone, numbered in any order."""
    rng = np.random.default_rng(depth)
    name = rng.permutation(depth + 4)
    whole = np.full(len(name), -1)
    whole[name[:depth]] = name[1 : depth + 1]
    expected = np.arange(len(name))
    expected[name[: depth + 1]] = name[depth]
    assert _roots(whole).tolist() == expected.tolist()


@pytest.mark.slow
def test_sixty_sources_with_one_claim_each():
    rng = np.random.default_rng(0)
    claims = [claim(killed(k // 3), int(n), f"s{k}") for k, n in enumerate(rng.integers(0, 50, 60))]
    proper(rc.estimate(claims, draws=DRAWS, learn=True))


@pytest.mark.slow
def test_sixty_sources_alone():
    rng = np.random.default_rng(0)
    claims = [claim(killed(k), int(n), f"s{k}") for k, n in enumerate(rng.integers(0, 50, 60))]
    with pytest.warns(rc.Unidentified):
        proper(rc.estimate(claims, draws=DRAWS, learn=True))


def test_engines_are_known_for_every_count():
    claims = simulate(events=6, sources=5, rng=4).claims
    posterior = rc.estimate(claims, draws=DRAWS, learn=True)
    engines = posterior.diagnostics.engines
    assert {*engines} == {quantity.key for quantity in posterior}
    assert {*engines.values()} == {"exact"}
    assert "elsewhere" not in engines
    assert engines.get("elsewhere") is None
