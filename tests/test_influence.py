# SPDX-License-Identifier: MIT
"""Where a number comes from: against estimating by hand without a claim, and against power-scaling by hand."""

from __future__ import annotations

import csv
import itertools
import math

import attrs
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from steps import steps_of
from worlds import AGENCY, BOTH, CASUALTIES, CHILD, CIVILIAN, MARKET, MINISTRY, MONITOR, T, claim, estimated

import reconcile as rc
from reconcile.influence.preparation import prepare
from reconcile.influence.shapley import every_subset, shares_exactly, shares_sampled
from reconcile.influence.telling import Telling
from reconcile.io.table import read
from reconcile.model import SOURCE_PRIORS
from reconcile.simulate import simulate

pytestmark = [
    pytest.mark.filterwarnings("ignore::reconcile.errors.Unidentified"),
    pytest.mark.usefixtures("prepare_once"),
]

Q = MARKET.killed()
GRID = np.arange(400)
LATTICE = 0.004  # by hand, cells are wider where only the claim that is left out made them narrow
SURE = 3  # standard errors
NOBODY = rc.Source("nobody", kind="monitor")


def gap(one, other):
    return float(np.max(np.abs(one.cdf(GRID) - other.cdf(GRID))))


def by_hand(claims, quantity, left_out, **more):
    """Estimate without some claims; a claim that says nothing keeps the quantity mentioned."""
    kept = [c for c in claims if c.id not in left_out]
    if not any(c.quantity == quantity for c in kept):
        kept.append(rc.Claim(quantity, rc.AtLeast(0), NOBODY))
    return estimated(kept, **more)


def agrees(one, hand, quantity, error):
    """Whether an estimate is that made by hand, within the stated errors of both."""
    return gap(one, hand[quantity]) < LATTICE + SURE * np.hypot(error, hand.diagnostics.error)


def once(values, **more):
    """Every source speaks once, day after day."""
    return [claim(Q, value, f"source {k}", reported=f"2020-01-{k + 1:02d}", **more) for k, value in enumerate(values)]


def test_leaving_out_is_estimating_without_it():
    claims = once([5, rc.About(40), rc.AtLeast(4), 5])
    posterior = estimated(claims)
    explanation = rc.explain(posterior, Q)
    for one in explanation.claims:
        assert one.known
        assert agrees(one.without, by_hand(claims, Q, {one.role.claim.id}), Q, one.error)
    assert "takes away what it taught of its source" in str(explanation)


@pytest.mark.parametrize("learn", [True, False])
def test_what_is_explained_is_the_estimate(learn, prepare_once):
    """The draws that are weighted, and their lattice, are other than those of the estimate."""
    worlds = [once([5, 9]), once([5, 6, 5, rc.Vague("several"), 50]), _bound()]
    for claims in [*worlds, _two_events(), _shares(), _cross()] if learn else worlds:
        posterior = estimated(claims, learn=learn)
        quantity = claims[learn and claims == worlds[2]].quantity
        coalitions = prepare_once(posterior, quantity).coalitions
        found = coalitions.solve(np.ones((1, len(coalitions.roles)), dtype=bool))
        mine = attrs.evolve(posterior[quantity].distribution, lattice=coalitions.lattice, mass=found.mass[0])
        assert agrees(mine, posterior, quantity, found.errors[0])


def _two_events():
    said = [(Q, 40, MINISTRY), (Q, 60, MONITOR), (Q, 58, "late")]
    said += [
        (rc.Event(f"e{k}").killed(), n, who) for k in range(3) for n, who in [(9 + k, MINISTRY), (12 + k, MONITOR)]
    ]
    return [claim(*one) for one in said]


def _bound():
    whole = rc.Quantity(MARKET, CASUALTIES, T)
    said = [(MARKET.killed(T), 9, "a"), (whole, 20, "b"), (whole, 26, "c"), (MARKET.killed(T), 7, "d")]
    return [claim(*one) for one in said]


def _shares():
    half = rc.Claim(MARKET.displaced(CHILD), rc.Share(0.5, 0.5, of=rc.Group()), AGENCY)
    whole = rc.Claim(MARKET.displaced(), rc.About(60), AGENCY)
    return [whole, half, rc.Claim(MARKET.displaced(CHILD), rc.Exactly(20), MONITOR)]


def _cross():
    said = [(MARKET.killed(CHILD), 3, "b"), (MARKET.killed(CIVILIAN), 8, "c"), (MARKET.killed(BOTH), 2, "d")]
    return [claim(*one) for one in said]


@pytest.mark.parametrize("dated", [True, False])
def test_any_subset_is_an_estimate_of_it(dated):
    values = [5, 5, 40]
    claims = once(values) if dated else [claim(Q, value, f"source {k}") for k, value in enumerate(values)]
    coalitions = prepare(estimated(claims), Q).coalitions
    subsets = every_subset(len(claims))
    found = coalitions.solve(subsets)
    for subset, mass, error in zip(subsets[1:], found.mass[1:], found.errors[1:], strict=True):
        kept = [role.claim for role, here in zip(coalitions.roles, subset, strict=True) if here]
        hand = estimated(kept)
        mine = attrs.evolve(hand[Q].distribution, lattice=coalitions.lattice, mass=mass)
        assert agrees(mine, hand, Q, error)


def test_what_a_claim_taught_of_its_source_goes_with_it():
    """A ministry that is far off elsewhere is not believed here; without the other's claim here it is no more so."""
    claims = _two_events()
    explanation = rc.explain(estimated(claims), Q)
    for one in explanation.claims:
        hand = by_hand(claims, Q, {one.role.claim.id})
        assert agrees(one.without, hand, Q, one.error)
    assert {one.name for one in explanation.sources} == {"ministry", "monitor", "late"}
    for one in explanation.sources:
        gone = {c.id for c in claims if c.source.name == one.name and c.quantity == Q}
        assert agrees(one.without, by_hand(claims, Q, gone), Q, one.error)


@pytest.mark.parametrize("make", [_bound, _shares])
def test_bound_counts_are_left_out_as_by_hand(make):
    claims = make()
    quantity = claims[0].quantity if make is _shares else claims[1].quantity
    explanation = rc.explain(estimated(claims), quantity)
    assert len(explanation.claims) == len(claims)
    for one in explanation.claims:
        if one.role.claim.whole is None and sum(c.quantity == one.role.claim.quantity for c in claims) > 1:
            hand = by_hand(claims, quantity, {one.role.claim.id})
            assert agrees(one.without, hand, quantity, one.error)
    assert sum(one.share for one in explanation.claims) == pytest.approx(explanation.information)
    assert "Bound to this count" in str(explanation)


def test_counts_that_cross_are_sampled():
    claims = _cross()
    posterior = estimated(claims)
    assert set(posterior.diagnostics.engines.values()) == {"gibbs"}
    explanation = rc.explain(posterior, MARKET.killed(CHILD))
    assert "sampled anew" in str(explanation)
    assert sum(one.share for one in explanation.claims) == pytest.approx(explanation.information)
    (own,) = (one for one in explanation.claims if one.role.claim.quantity == MARKET.killed(CHILD))
    hand = by_hand(claims, MARKET.killed(CHILD), {own.role.claim.id})
    assert agrees(own.without, hand, MARKET.killed(CHILD), own.error)


def test_the_model_is_fitted_again_where_claims_taught_much_and_only_there():
    few, many = (prepare(estimated(once(values)), Q) for values in ([5, 6], [5, 5, 12, 40]))
    assert len(few.pool.made) == 1
    assert len(many.pool.made) > 1
    weights = many.coalitions.solve(np.zeros((1, 4), dtype=bool)).weights
    assert 1 / np.sum(weights**2) > 300


def test_relays_repeats_and_old_versions_add_nothing():
    origin = claim(Q, 5, MONITOR, reported="2020-01-02")
    old = claim(Q, 4, MONITOR, reported="2020-01-01")
    relay = rc.Claim(Q, rc.Exactly(5), AGENCY, quoted_from=origin.id, reported="2020-01-03")
    other = claim(Q, 7, "hospital", reported="2020-01-02")
    late = claim(Q, 50, "late", reported="2020-02-02")
    posterior = rc.estimate([origin, old, relay, other, late], as_of="2020-01-10")
    explanation = rc.explain(posterior, Q)
    by_id = {one.role.claim.id: one for one in explanation.claims}
    assert len(by_id) == 5
    for silent in (old, relay, late):
        assert by_id[silent.id].share == 0
        assert by_id[silent.id].without is None
    # Without the origin, what stands for it is gone too.
    hand = rc.estimate([other], as_of="2020-01-10")
    assert agrees(by_id[origin.id].without, hand, Q, by_id[origin.id].error)
    text = str(explanation)
    assert f"passes on what {origin.id} says" in text
    assert f"replaced it by {origin.id}" in text
    assert "reported after the day asked for" in text


# --- shares -----------------------------------------------------------------------------------------------------


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 5), st.integers(0, 2**31))
def test_shapley_values_are_averages_over_all_orders(players, seed):
    value = np.random.default_rng(seed).normal(size=1 << players)
    value[0] = 0.0
    plain = np.zeros(players)
    for order in itertools.permutations(range(players)):
        here = 0
        for player in order:
            plain[player] += value[here | (1 << player)] - value[here]
            here |= 1 << player
    assert shares_exactly(value) == pytest.approx(plain / math.factorial(players))

    def worth(subsets):
        return value[subsets @ (1 << np.arange(players))]

    shares, error = shares_sampled(worth, players, 400, np.random.default_rng(1))
    assert shares.sum() == pytest.approx(value[-1])
    assert np.all(np.abs(shares - plain / math.factorial(players)) < 6 * error + 1e-9)


@pytest.mark.parametrize("count", [1, 4, 12])
def test_shares_add_up(count):
    claims = once([5 + k % 3 for k in range(count)])
    explanation = rc.explain(rc.estimate(claims, learn=False), Q)
    assert sum(one.share for one in explanation.claims) == pytest.approx(explanation.information)
    assert sum(one.share for one in explanation.sources) == pytest.approx(explanation.information)
    assert all(one.share_error < 0.1 * explanation.information for one in explanation.claims)
    assert ("random orders" in str(explanation)) == (count > 11)


def test_equal_claims_have_equal_shares():
    claims = [claim(Q, 12, name, reported="2020-01-01") for name in ("a", "b", "c")]
    shares = [one.share for one in rc.explain(rc.estimate(claims), Q).claims]
    # The first to speak cannot have copied, but all three say the same.
    assert max(shares) - min(shares) < 0.05 * sum(shares)


# --- checks -----------------------------------------------------------------------------------------------------


def test_one_that_pulls_against_the_others_is_named():
    claims = once([12, 12, 13, 90])
    explanation = rc.explain(estimated(claims), Q)
    assert [str(one.role.claim.value) for one in explanation.claims if one.against] == ["90"]
    odd = next(one for one in explanation.claims if one.against)
    assert odd.tail < 0.05
    assert odd.agreement < 0
    assert odd.place > 0.95
    assert "pulls against the others" in str(explanation)
    assert "contradict" in explanation.unresolved


def test_places_are_those_of_figures_drawn_from_the_others():
    """Mid-p by plain Monte Carlo: a count from the estimate without the claim, a figure from the channel.

    Its source says nothing else, so that without its claim it is as its class is.
    """
    claims = once([20, 24, 31])
    model = rc.Model(known=None)  # else what is known of the count would have to be drawn too
    explanation = rc.explain(rc.estimate(claims, model, learn=False), Q)
    one = next(b for b in explanation.claims if b.role.claim.value == rc.Exactly(31))
    rng, size = np.random.default_rng(3), 200_000
    truth = one.without.sample(size, seed=rng).astype(float)
    draw = {}
    for name in rc.Model().channel.parameters:
        prior = rc.Model().source_prior(name, rc.Source("source 2"), rc.Relation.THIRD)[1]
        draw[name] = rng.normal(prior.mean, prior.class_sd, size) + rng.normal(0, prior.spread, size)
    logit = draw["fidelity"] - draw["slope"] * np.sqrt(np.log(np.maximum(truth, 1)))
    ratio = draw["bias"] + np.exp(draw["log_spread"]) * rng.standard_t(4, size)
    slip = np.log(10) * rng.standard_t(4, size)
    ratio = np.where(rng.random(size) < 1 / (1 + np.exp(-draw["gross"])), slip, ratio)
    figure = np.floor((truth + 0.5) * np.exp(np.minimum(ratio, 600)))
    figure = np.where(rng.random(size) < 1 / (1 + np.exp(-logit)), truth, figure)
    figure = np.where((rng.random(size) < 1 / (1 + np.exp(-draw["denial"]))) & (truth > 0), 0, figure)
    place = np.mean(figure < 31) + 0.5 * np.mean(figure == 31)
    assert place == pytest.approx(one.place, abs=0.01 + 2 * one.error)


def test_an_echo_counts_in_part():
    claims = once([31, 31])
    explanation = rc.explain(rc.estimate(claims), Q)
    copied = {one.role.claim.source.name: one.copied for one in explanation.claims}
    assert copied["source 0"] == 0
    assert 0 < copied["source 1"] < 1
    assert explanation.origins == 2
    assert explanation.effective_origins == pytest.approx(2 - copied["source 1"])


def test_order_of_telling_is_that_of_estimates():
    """Busy sources speak first where no date tells; taking a claim away makes its source less busy."""
    claims = [claim(Q, 5, "a"), claim(Q, 7, "a"), claim(Q, 5, "b")]
    posterior = estimated(claims)
    roles = [role for role in posterior.roles if role.role == "used"]
    telling = Telling.of(roles, {"a": 2, "b": 1})
    for subset in every_subset(3)[1:]:
        kept = [role.claim for role, here in zip(roles, subset, strict=True) if here]
        coalitions = prepare(estimated(kept, learn=False), Q, again=False).coalitions
        theirs = {role.claim.id: term.echo for role, term in zip(coalitions.roles, coalitions.terms, strict=True)}
        same, there, _ = (row[0] for row in telling.heard(subset[None]))
        for k in np.flatnonzero(subset):
            assert (same[k], there[k]) == pytest.approx(theirs[roles[k].claim.id])


# --- what is unresolved -----------------------------------------------------------------------------------------


def test_two_hills_are_not_one_interval():
    monitors = [rc.Source(name, kind="monitor") for name in ("a", "b")]
    estimate = rc.estimate([claim(Q, n, monitor) for n, monitor in zip((37, 412), monitors, strict=True)])[Q]
    assert [mode.median for mode in estimate.modes] == [37, 412]
    assert sum(mode.probability for mode in estimate.modes) == pytest.approx(1)
    assert "unresolved: either about 37" in str(estimate)


@pytest.mark.parametrize("values", [[5, 6], [600], [600, 650, 700], [rc.About(600)], [rc.Vague("dozens")], [0], [1, 1]])
def test_one_hill_with_spikes_is_one(values):
    estimate = rc.estimate(once(values))[Q]
    assert len(estimate.modes) == 1
    assert estimate.unresolved == ""


# --- sources that were learned ----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def learned():
    world = simulate(events=20, sources=6, claims_per_event=4, outcomes=["killed"], seed=3)
    return rc.estimate(world.claims, draws=64)


def test_a_corpus_is_explained(learned):
    for quantity in learned.quantities[:2]:
        explanation = rc.explain(learned, quantity)
        assert all(one.known for one in explanation.claims)
        assert sum(one.share for one in explanation.claims) == pytest.approx(explanation.information)
        assert f"learned from all {len(learned.corpus)} claims" in str(explanation)
        assert "claims and those of its class" in str(explanation)


def test_echoes_are_those_that_were_learned():
    """One source repeats another ever again, so that it has a favourite, and goes its way."""
    rng, claims = np.random.default_rng(0), []
    for k, n in enumerate(rng.integers(3, 60, 14).tolist()):
        quantity = rc.Event(f"e{k}").killed()
        told = [("first", n), ("second", max(n + int(rng.integers(-2, 3)), 1)), ("echo", n)]
        claims += [claim(quantity, m, s, reported=f"2020-01-{day + 1:02d}") for day, (s, m) in enumerate(told)]
    posterior = rc.estimate(claims, draws=64)
    for quantity in posterior.quantities[:3]:
        coalitions = prepare(posterior, quantity).coalitions
        assert (coalitions.telling.favourites >= 0).any()
        same, there, power = (row[0] for row in coalitions.telling.heard(np.ones((1, 3), dtype=bool)))
        assert [term.echo for term in coalitions.terms] == [
            pytest.approx(pair) for pair in zip(same, there, strict=True)
        ]
        assert np.all(power == 1)
        echo = [role.claim.source.name for role in coalitions.roles].index("echo")
        alone = np.eye(3, dtype=bool)[[echo]]
        assert [row[0, echo] for row in coalitions.telling.heard(alone)] == [0, 0, 1]


def test_a_learned_count_is_explained_by_its_own_claims(learned):
    """It takes about as much as if there were no others, of which this corpus has 76."""
    quantity = learned.quantities[0]
    mine = [one for one in learned.corpus if one.quantity == quantity]
    alone = rc.estimate(mine)

    def read(posterior):
        return prepare(posterior, quantity, again=False).coalitions.solve(every_subset(len(mine)))

    assert steps_of(read, learned) < 2 * steps_of(read, alone)


# --- history ----------------------------------------------------------------------------------------------------


def test_history_is_a_replay():
    claims = [*once([5, 9, 6]), claim(rc.Event("elsewhere").killed(), 3, "stranger", reported="2019-01-01")]
    found = rc.history(claims, Q)
    assert [moment.day.day for moment in found.moments] == [1, 2, 3]
    for moment in found.moments:
        replay = rc.estimate(claims, as_of=moment.day)[Q]
        assert gap(moment.estimate, replay) < 1e-12
        assert [c.reported for c in moment.fresh] == [moment.day]
    assert found.rows()[-1]["claims"] == 3
    assert "2020-01-02" in str(found)
    assert "<table>" in found._repr_html_()


def test_history_looks_at_days_that_touch_the_count():
    """Also those on which a claim elsewhere replaces one, and not those on which other counts are spoken of."""
    other, said = rc.Event("elsewhere").killed(), once([5, 9])
    whole = claim(MARKET.killed(CHILD), 2, "source 7", reported="2020-01-05")
    later = [
        claim(other, 3, "source 0", reported="2020-01-07", revises=said[0]),
        claim(other, 4, "x", reported="2020-01-09"),
    ]
    found = rc.history([*said, whole, *later], Q, seed=3, learn=False)
    assert [moment.day.day for moment in found.moments] == [1, 2, 5, 7]
    assert [row["claims"] for row in found.rows()] == [1, 2, 2, 1]
    replay = rc.estimate([*said, whole, *later], as_of="2020-01-07", seed=3, learn=False)[Q]
    assert gap(found.moments[-1].estimate, replay) < 1e-12


def test_history_knows_what_has_no_date_and_what_is_unknown():
    claims = [claim(Q, 5, "a", reported="2020-01-01T12:30"), claim(Q, 6, "b")]
    found = rc.history(claims, Q)
    assert len(found.moments) == 1
    assert len(found.undated) == 1
    assert "for want of a date: 1 claim" in str(found)
    with pytest.raises(rc.UnknownQuantity):
        rc.history(claims, rc.Event("nowhere").killed())


# --- sensitivity ------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_weights_agree_with_priors_scaled_by_hand():
    quantity = MARKET.killed(T)
    claims = [claim(quantity, 400, MINISTRY), claim(quantity, rc.About(700), MONITOR)]
    runs = [
        {one.assumption: one for one in rc.sensitivity(rc.estimate(claims, seed=seed)).of(quantity)}
        for seed in range(3)
    ]
    found, grid = runs[0], np.arange(0, 3000, 10)
    # Spreads are scaled with what they are the spreads of; by hand they are not, which moves next to nothing.
    for power, name in ((0.8, "weaker"), (1.25, "stronger")):
        weighted = np.mean([getattr(run["bias"], name).cdf(grid) for run in runs], axis=0)
        scaled = {k: attrs.evolve(n, sd=n.sd * power**-0.5) for k, n in SOURCE_PRIORS.items() if k[0] == "bias"}
        hand = rc.estimate(claims, rc.Model(sources=scaled))[quantity]
        assert np.max(np.abs(weighted - hand.cdf(grid))) < 0.02
    # The claims of one party leave much to the prior of its bias.
    alone = {one.assumption: one for one in rc.sensitivity(rc.estimate(claims[:1])).of(quantity)}
    assert alone["bias"].change > 5 * alone["denial"].change
    assert found["claims"].change > 0


def test_a_count_prior_scaled_by_hand():
    claims = [claim(Q, rc.About(40), MONITOR)]
    posterior = rc.estimate(claims)
    one = next(row for row in rc.sensitivity(posterior).of(Q) if row.assumption == "count prior")
    lattice = posterior[Q].distribution.lattice
    prior = rc.Model().count_prior("killed").mass(lattice) / lattice.width
    mass = posterior[Q].distribution.mass * prior**0.25
    hand = attrs.evolve(posterior[Q].distribution, mass=mass / mass.sum())
    assert gap(one.stronger, hand) < 0.02


def test_each_prior_of_a_corpus_is_scaled(learned):
    found = rc.sensitivity(learned, learned.quantities[:2])
    assert {one.quantity for one in found.sensitivities} == set(learned.quantities[:2])
    assert {"bias", "log_spread", "count prior", "claims"} <= {one.assumption for one in found.sensitivities}
    assert str(found).startswith("Of 2 estimates ")
    assert len(found.rows()) == len(found.sensitivities)
    assert "<table>" in found._repr_html_()
    for one in found.sensitivities:
        logs = np.log(one.weaker.lattice.center + 0.5)
        steps = np.log2(1.25) - np.log2(0.8)
        assert one.shift == pytest.approx((one.stronger.mass - one.weaker.mass) @ logs / steps)


def test_a_lone_claim_leaves_more_to_the_priors_than_many_do():
    lone, many = (rc.sensitivity(rc.estimate(once(values))) for values in ([30], [30, 30, 31, 29]))
    change = [max(one.change for one in found.of(Q) if one.assumption != "claims") for found in (lone, many)]
    assert change[0] > change[1]
    assert "moves notably with a prior" in lone.summary


# --- without a source -------------------------------------------------------------------------------------------


def test_leaving_a_source_out_is_estimating_without_it_and_what_quotes_it():
    claims = _two_events()[:7]
    relay = rc.Claim(Q, rc.Exactly(40), AGENCY, quoted_from=claims[0].id)
    again = rc.Claim(Q, rc.Exactly(40), rc.Source("wire"), quoted_from=relay.id)
    quoted = rc.Claim(rc.Event("e0").injured(), rc.Exactly(4), AGENCY, quoted_from=MINISTRY)
    claims += [relay, again, quoted]
    posterior = rc.estimate(claims)
    found = rc.leave_one_source_out(posterior)
    assert [one.source.name for one in found.omissions] == ["late", "ministry", "monitor"]
    ministry = found.omissions[1]
    assert {*ministry.removed} == {c.id for c in claims if c.source == MINISTRY} | {relay.id, again.id, quoted.id}
    hand = rc.estimate([c for c in claims if c.id not in ministry.removed])
    assert agrees(ministry.without(Q), hand, Q, ministry.posterior.diagnostics.error)
    assert ministry.without(quoted.quantity) is None
    rows = found.rows()
    assert len(rows) == 3 * len(posterior)
    row = next(row for row in rows if row["source"] == "ministry" and row["quantity"] == str(Q))
    alone = ministry.without(Q)
    assert row["shift"] == posterior[Q].median() - alone.median()
    assert row["distance"] == pytest.approx(gap(posterior[Q], alone), abs=1e-9)
    assert (row["low_without"], row["high_without"]) == alone.eti()
    text = str(found)
    assert text.startswith("Of 3 sources, ")
    assert f"{quoted.quantity}: ministry" in text.partition("Rests on one source alone")[2]
    assert "<table>" in found._repr_html_()
    assert list(rc.leave_one_source_out(posterior, ["late"]).omissions[0].removed) == [claims[2].id]
    with pytest.raises(rc.InvalidValue, match="without"):
        rc.leave_one_source_out(posterior, ["nobody"])


def test_a_single_source_leaves_nothing():
    found = rc.leave_one_source_out(rc.estimate([claim(Q, 5, "a")]))
    assert found.omissions[0].posterior is None
    assert found.rows()[0]["median_without"] is None
    assert "Rests on one source alone" in str(found)
    pytest.importorskip("pandas")
    assert len(found.to_frame()) == 1


def test_an_anchor_holds_the_level():
    quantity = MARKET.killed(T)
    claims = [claim(quantity, 400, MINISTRY)]
    loose, tight = (rc.estimate(claims, model)[quantity] for model in (None, rc.Model(anchors={"ministry": 0.05})))
    assert np.diff(tight.eti()) < 0.7 * np.diff(loose.eti())
    assert "declared unbiased" in str(rc.explain(rc.estimate(claims, rc.Model(anchors={"ministry": 0.05})), quantity))
    with pytest.raises(rc.InvalidValue, match="anchors"):
        rc.Model(anchors={"ministry": 0})


def test_an_anchor_is_learned_with_and_kept(tmp_path):
    from reconcile.io import models

    world = simulate(events=12, sources=4, claims_per_event=4, outcomes=["killed"], seed=1)
    name = world.claims.sources[0].name
    model = rc.Model(anchors={name: 0.05})
    posterior = rc.estimate(world.claims, model, draws=64)
    free = rc.estimate(world.claims, draws=64)
    width = [np.diff(next(iter(p.sources[name].bias.values())).eti())[0] for p in (posterior, free)]
    assert width[0] < 0.8 * width[1]
    models.save(model, tmp_path / "model.npz")
    assert models.load(tmp_path / "model.npz").anchors == {name: 0.05}


# --- what is shown ----------------------------------------------------------------------------------------------


def test_tables_and_html():
    pytest.importorskip("pandas")
    claims = [claim(Q, 5, "<b>source</b>"), claim(Q, 6, "b", hedged=True)]
    explanation = rc.explain(rc.estimate(claims), Q)
    frame = explanation.to_frame()
    assert list(frame["id"]) == [one.role.claim.id for one in explanation.claims]
    assert frame["share"].sum() == pytest.approx(explanation.information)
    shown = explanation._repr_html_()
    assert "<b>source</b>" not in shown
    assert "&lt;b&gt;" in shown
    with pytest.raises(rc.InvalidValue):
        explanation.to_frame("numbers")  # type: ignore[arg-type]


def test_what_has_no_estimate_is_refused():
    posterior = rc.estimate(once([5]))
    for ask in (rc.explain, lambda p, q: rc.sensitivity(p, [q])):
        with pytest.raises(rc.UnknownQuantity):
            ask(posterior, rc.Event("nowhere").killed())
    with pytest.raises(rc.InvalidValue):
        rc.explain("posterior", Q)


def test_subsets_of_claims_are_solved_together():
    """Ten claims have 32 times as many subsets as five, and take few times the lines: subsets are rows of an array."""
    few, many = (rc.estimate(once(said), learn=False) for said in ([5, 6, 5, 50, 7], [5, 6, 5, 50, 7, 8, 6, 5, 30, 9]))

    def solve(posterior):
        coalitions = prepare(posterior, Q, again=False).coalitions.thinned(64)
        coalitions.solve(every_subset(len(coalitions.roles)))

    solve(few)  # pays for imports
    assert steps_of(solve, many) < 4 * steps_of(solve, few)


# --- real data --------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_taftanaz_is_explained():
    posterior = rc.estimate(read("examples/taftanaz.csv"))
    for quantity in posterior:
        explanation = rc.explain(posterior, quantity)
        assert sum(one.share for one in explanation.claims) == pytest.approx(explanation.information)
        assert "How this was computed" in str(explanation)


def _real(path, wanted):
    with path.open(encoding="utf-8") as file:
        for row in csv.DictReader(file):
            if wanted(row) and row["form"] in ("exact", "at_least"):
                value = (rc.Exactly if row["form"] == "exact" else rc.AtLeast)(int(float(row["low"])))
                day = f"{row['pub_year']}-01-01" if "pub_year" in row else None
                yield rc.Claim(Q, value, rc.Source(row["source"], kind="monitor"), reported=day)


def test_gettysburg_is_explained(shared_data):
    wanted = "PA002/Confederate/casualties"
    claims = list(_real(shared_data / "acw_battles" / "claims.csv", lambda row: row["event"] == wanted))[-6:]
    explanation = rc.explain(rc.estimate(claims), Q)
    assert explanation.origins == len(claims) > 5
    assert explanation.effective_origins < explanation.origins - 0.5  # several say 28,000
    assert sum(one.share for one in explanation.claims) == pytest.approx(explanation.information)


def test_an_incident_in_gaza_is_explained(shared_data):
    claims = list(
        _real(shared_data / "airwars_gaza" / "attributed_claims.csv", lambda r: r["event"] == "ispt0004/killed")
    )
    explanation = rc.explain(rc.estimate(claims), Q)
    assert explanation.origins == len(claims) == 2
    assert all(one.share != 0 for one in explanation.claims)


def test_a_history_ends_on_the_day_asked_for():
    said = [(5, "a", "2020-01-01"), (500, "b", "2020-03-01")]
    claims = [claim(MARKET.killed(), n, source, reported=day) for n, source, day in said]
    found = rc.history(claims, MARKET.killed(), as_of="2020-01-15")
    assert [row["day"] for row in found.rows()] == ["2020-01-01"]
    by_hour = [
        claim(MARKET.killed(), 5, "a", reported="2020-01-01T08:00"),
        claim(MARKET.killed(), 9, "b", reported="2020-01-01T20:00"),
    ]
    (moment,) = rc.history(by_hour, MARKET.killed(), as_of="2020-01-01T12:00").moments
    assert [one.source.name for one in moment.fresh] == ["a"]


def test_linked_claims_without_a_date_are_named_as_left_out():
    claims = [claim(MARKET.killed(), 5, "a", reported="2020-01-01"), claim(MARKET.killed(CHILD), 50, "b")]
    assert "left out, for want of a date: 1 claim" in str(rc.history(claims, MARKET.killed()))


def test_a_quote_cannot_write_lines_of_its_own():
    quoted = claim(MARKET.killed(), 5, citation=rc.Citation(quote="five\nEstimate: 99 killed"))
    lines = str(rc.explain(rc.estimate([quoted]), MARKET.killed())).splitlines()
    assert not any(line.startswith("Estimate: 99") for line in lines)


def test_a_prior_that_rules_counts_out_keeps_doing_so_at_any_weight():
    prior = rc.CountPrior(0.2, 1.0, 0.3, "narrow", broad=0.0)
    claims = [claim(MARKET.killed(), n, f"s{n}") for n in (5, 6)]
    found = rc.sensitivity(rc.estimate(claims, rc.Model(counts={"killed": prior})))
    for one in found.sensitivities:
        assert np.isfinite([one.change, one.shift]).all()
        assert one.weaker.mass.sum() == pytest.approx(1)


@pytest.mark.slow
def test_what_is_left_without_a_claim_is_what_the_other_claims_alone_give():
    """Draws once came from the prior's few distinct points, and the stated error did not cover how far that was off."""
    said = [(MARKET.killed(T), 5, MINISTRY), (MARKET.injured(T), 5, MINISTRY)]
    said += [(MARKET.killed(T), 6, MONITOR), (MARKET.injured(T), 7, MONITOR)]
    claims = [claim(quantity, n, source, id=f"c{k}") for k, (quantity, n, source) in enumerate(said)]
    counts = np.arange(3, 10)
    left = [rc.explain(rc.estimate(claims, seed=seed), MARKET.killed(T)) for seed in range(6)]
    found = [next(b.without for b in one.claims if b.role.claim.id == "c2").pmf(counts) for one in left]
    alone = [rc.estimate(claims[:2] + claims[3:], seed=seed)[MARKET.killed(T)].pmf(counts) for seed in range(6)]
    assert np.max(np.abs(np.mean(found, axis=0) - np.mean(alone, axis=0))) < 0.006  # some .0015 of it chance


@pytest.mark.parametrize(("value", "high"), [(rc.AtLeast(10), 512), (rc.AtMost(100), 3)])
def test_a_floor_or_ceiling_that_may_be_true_does_not_pull_against_the_others(value, high):
    claims = [claim(MARKET.killed(), n, f"s{n}") for n in (high, high - 1)] + [claim(MARKET.killed(), value, "limit")]
    one = next(b for b in rc.explain(rc.estimate(claims), MARKET.killed()).claims if b.role.claim.value == value)
    assert one.tail > 0.9
    assert not one.against


def test_a_floor_that_the_others_do_not_reach_pulls_against_them():
    claims = [claim(MARKET.killed(), n, f"s{n}") for n in (5, 6)] + [claim(MARKET.killed(), rc.AtLeast(60), "limit")]
    explanation = rc.explain(rc.estimate(claims), MARKET.killed())
    assert "so high a floor" in str(explanation)
    assert next(b for b in explanation.claims if b.role.claim.source.name == "limit").against


def test_what_lies_in_a_valley_is_told_as_its_peaks():
    claims = [claim(Q, n, name) for n, name in ((3, "a"), (17, "b"), (9, "c"))]
    posterior = estimated(claims)
    explanation = rc.explain(posterior, Q)
    (without,) = [row for row in explanation.rows() if row["value"] == "9"]
    assert without["peaks_without"].startswith("3 (")
    assert "Without it: 3 or 17 (90 %" in str(explanation)
    omitted = rc.leave_one_source_out(posterior, ["c"])
    (row,) = omitted.rows()
    assert (row["peaks"] == "") == (len(posterior[Q].peaks()) == 1)
    assert row["peaks_without"].startswith("3 (")
    assert "at 3 or 17 without it" in str(omitted)
    found = rc.sensitivity(rc.estimate(claims[:2]))
    assert all(row["peaks_weaker"].startswith("3 (") for row in found.rows() if row["assumption"] == "heaping")
    assert "peaks_stronger" in found.to_frame()
    (first, second) = rc.history(
        [claim(Q, n, s, reported=f"2020-02-0{n % 9}") for n, s in ((3, "a"), (17, "b"))], Q
    ).rows()
    assert first["peaks"] == ""
    assert second["peaks"].startswith("3 (")
