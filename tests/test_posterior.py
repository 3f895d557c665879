# SPDX-License-Identifier: MIT
import datetime
import random
import warnings

import attrs
import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from oracles import count_probability, known_cells
from worlds import AGENCY, BOTH, CASUALTIES, CHILD, CIVILIAN, MARKET, MINISTRY, MONITOR, S, T, claim

import reconcile as rc
from reconcile.estimates import Role, Settings
from reconcile.inference.likelihood import Term
from reconcile.model import COUNT_PRIORS, Model
from reconcile.pmf import Lattice

KILLED = MARKET.killed(T)
# Of a claim by itself it is said that all rests on priors; here it is asked what they make of it.
pytestmark = pytest.mark.filterwarnings("ignore::reconcile.Unidentified")


def test_two_claims_are_bayes_by_hand():
    """Every count to 3,000 one by one, with each claim's row at that count; sources by themselves, by quadrature."""
    claims = [
        claim(KILLED, 5, MINISTRY),
        claim(KILLED, rc.AtLeast(6), MONITOR),
        claim(KILLED, rc.Vague("several"), AGENCY),
    ]
    found = rc.estimate(claims, learn=False)
    posterior, error = found[KILLED], found.diagnostics.error
    counts = np.arange(3_000)
    mass, said = np.array([count_probability(int(n), COUNT_PRIORS["killed"]) for n in counts]), np.ones(len(counts))
    assert not any(one.value == claims[0].value for one in claims[1:])  # of which nothing could be a copy
    for one in claims:
        said *= Term.of(one, one.source, one.relation, Model()).row_marginal(counts.astype(float))[0]
    mass *= known_cells(Lattice.integers(len(counts) - 1), Model().known) @ said
    mass /= mass.sum()
    # Half a percent for cells and for what lies above 3,000.
    assert np.max(np.abs(posterior.cdf(counts) - np.cumsum(mass))) < 3 * error + 5e-3
    assert posterior.pmf(5) == pytest.approx(mass[5], abs=3 * error)


def test_the_readme_example():
    posterior = rc.estimate(
        [
            claim(KILLED, 5, MINISTRY), claim(MARKET.injured(T), 5, MINISTRY),
            claim(KILLED, 6, MONITOR), claim(MARKET.injured(T), 7, MONITOR),
        ]
    )  # fmt: skip
    one = posterior[KILLED]
    assert 5 <= one.median() <= 6
    assert one.origins == 2
    assert "from 2 claims by 2 independent sources" in str(one)
    assert posterior.quantities == (MARKET.injured(T), KILLED)


values = st.one_of(
    st.integers(0, 10**9).map(rc.Exactly),
    st.integers(0, 10**12).map(rc.Exactly),
    st.integers(0, 10**9).map(rc.AtLeast),
    st.integers(0, 10**9).map(rc.AtMost),
    st.integers(0, 10**9).map(rc.About),
    st.tuples(st.integers(0, 10**6), st.integers(0, 10**6)).map(lambda p: rc.Between(*sorted(p))),
    st.sampled_from(["dozens", "several", "millions"]).map(rc.Vague),
    st.lists(st.integers(0, 10**6), min_size=3, max_size=3).map(lambda n: rc.Surveyed(sorted(n)[1], min(n), max(n))),
)
quantities = st.sampled_from(
    [
        KILLED,
        MARKET.injured(T),
        MARKET.count(CASUALTIES, T),
        MARKET.killed(),
        MARKET.killed(S),
        MARKET.killed(rc.Group(party="T", age="child")),
    ]
)
sources = st.sampled_from([MINISTRY, MONITOR, AGENCY, rc.Source("a"), rc.Source("b"), rc.Source("c")])
drawn_claims = st.builds(rc.Claim, quantities, values, sources, hedged=st.booleans())


@settings(max_examples=12)
@given(st.lists(drawn_claims, min_size=1, max_size=4))
def test_any_claims_give_proper_posteriors_and_no_warning(claims):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.simplefilter("ignore", rc.Unidentified)
        posterior = rc.estimate(claims, ess=10)
    assert {one.quantity for one in claims} == set(posterior.quantities)
    for quantity in posterior.quantities:
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
        assert sum(peak.probability for peak in one.peaks()) == pytest.approx(1)
        assert {role.claim.id for role in one.roles} == {c.id for c in claims if c.quantity == quantity}


CROSSING = [claim(MARKET.killed(group), n, f"s{n}") for group, n in ((CHILD, 3), (CIVILIAN, 8), (BOTH, 2))]


@settings(max_examples=8)
@given(st.lists(drawn_claims, min_size=1, max_size=3), st.randoms(use_true_random=False))
@example(CROSSING, random.Random(0))
def test_the_order_of_claims_does_not_matter_to_the_last_bit(claims, shuffle):
    shuffled = list(claims)
    shuffle.shuffle(shuffled)
    one, other = rc.estimate(claims, ess=10), rc.estimate(shuffled, ess=10)
    for quantity in one.quantities:
        assert np.array_equal(one[quantity].distribution.mass, other[quantity].distribution.mass)
    assert one.diagnostics.notes == other.diagnostics.notes


def same(one, other, quantity, tolerance=0.0):
    counts = np.arange(3_000)
    assert np.max(np.abs(one[quantity].cdf(counts) - other[quantity].cdf(counts))) <= tolerance


def test_ten_outlets_with_one_wire_story_are_one_report():
    wire = claim(KILLED, 12, AGENCY, reported="2020-02-10")
    relays = [claim(KILLED, 12, f"outlet {k}", quoted_from=wire, reported="2020-02-11") for k in range(10)]
    alone, echoed = rc.estimate([wire]), rc.estimate([wire, *relays])
    same(alone, echoed, KILLED)
    assert echoed[KILLED].origins == 1
    assert [role.role for role in echoed[KILLED].roles].count(Role.RELAY) == 10
    assert "from 11 claims by 1 independent source" in str(echoed[KILLED])


def test_a_later_claim_replaces_the_earlier_one():
    early = claim(KILLED, 3, AGENCY, reported="2020-02-10")
    late = claim(KILLED, 9, AGENCY, reported="2020-02-11")
    same(rc.estimate([late]), rc.estimate([early, late]), KILLED)
    same(rc.estimate([early]), rc.estimate([early, late], as_of="2020-02-10"), KILLED)


def test_what_is_not_yet_reported_has_no_estimate_yet():
    late = claim(MARKET.injured(T), 9, AGENCY, reported="2020-02-11")
    posterior = rc.estimate([claim(KILLED, 3, MONITOR, reported="2020-02-10"), late], as_of="2020-02-10")
    assert posterior.quantities == (KILLED,)
    assert {role.role for role in posterior.roles} == {Role.USED, Role.LATER}


def average(estimate):
    """The expected count, also where it is not given since it rests on a tail."""
    lattice = estimate.distribution.lattice
    return float(estimate.distribution.mass @ ((lattice.low + lattice.high) / 2))


def noise(*posteriors):
    """Three standard errors of a difference of probabilities."""
    return 3 * float(np.sqrt(sum(one.diagnostics.error**2 for one in posteriors)))


def test_a_vacuous_claim_changes_nothing():
    base = [claim(KILLED, 12, MONITOR)]
    one, other = (rc.estimate(said, draws=4_096) for said in (base, [*base, claim(KILLED, rc.AtLeast(0), "b")]))
    same(one, other, KILLED, noise(one, other))


def test_unconnected_quantities_are_untouched():
    """To the bit, where nothing is learned from all claims together; else what counts are like is learned from all."""
    base = [claim(KILLED, 12, MONITOR)]
    other = claim(rc.Event("elsewhere").killed(), 700, AGENCY)
    same(rc.estimate(base, learn=False), rc.estimate([*base, other], learn=False), KILLED)
    one, two = rc.estimate(base), rc.estimate([*base, other])
    same(one, two, KILLED, 0.03 + noise(one, two))


@pytest.mark.parametrize("n", [1, 2, 9, 40, 600, 5_000])
def test_at_least_never_leaves_the_estimate_lower_than_exactly(n):
    one, other = (rc.estimate([claim(KILLED, kind(n), MONITOR)])[KILLED] for kind in (rc.AtLeast, rc.Exactly))
    assert average(one) >= average(other)
    for p in (0.25, 0.5, 0.75, 0.9):
        assert one.icdf(p) >= other.icdf(p)


@pytest.mark.parametrize("n", [3, 9, 40, 600, 5_000])
def test_at_most_never_leaves_the_estimate_higher_than_exactly(n):
    one, other = (rc.estimate([claim(KILLED, kind(n), MONITOR)])[KILLED] for kind in (rc.AtMost, rc.Exactly))
    for p in (0.25, 0.5, 0.75, 0.9):
        assert one.icdf(p) <= other.icdf(p)


def test_agreement_narrows():
    widths = []
    for k in range(1, 4):
        low, high = rc.estimate([claim(KILLED, rc.About(60), f"s{j}") for j in range(k)])[KILLED].eti()
        widths.append(high - low)
    assert widths[0] > widths[1] > widths[2]


def test_parts_never_exceed_wholes_and_sums_hold():
    posterior = rc.estimate(
        [
            claim(MARKET.count(CASUALTIES, T), 12, MONITOR), claim(KILLED, 7, MINISTRY),
            claim(MARKET.injured(T), 9, AGENCY), claim(MARKET.killed(rc.Group(party="T", age="child")), 8, "a"),
        ]
    )  # fmt: skip
    killed, injured = posterior[KILLED], posterior[MARKET.injured(T)]
    whole = posterior[MARKET.count(CASUALTIES, T)]
    assert average(whole) == pytest.approx(average(killed) + average(injured), rel=0.02)
    child = posterior[MARKET.killed(rc.Group(party="T", age="child"))]
    for n in range(30):
        assert child.cdf(n) >= killed.cdf(n) - 1e-9


def test_half_of_some_number_are_children():
    half = claim(MARKET.displaced(CHILD), rc.Share(0.5, 0.5), AGENCY)
    posterior = rc.estimate([claim(MARKET.displaced(), 600_000, MONITOR), half])
    children, everyone = posterior[MARKET.displaced(CHILD)], posterior[MARKET.displaced()]
    assert 0.4 < children.median() / everyone.median() < 0.6
    assert children.roles[0].claim == half


@pytest.mark.parametrize("numbers", [(5, 5_000), (0, 10**9), (0, 10**12), (3, 40)])
def test_flat_contradictions_are_proper_and_said(numbers):
    posterior = rc.estimate([claim(KILLED, n, f"s{n}") for n in numbers])
    assert posterior[KILLED].distribution.mass.sum() == pytest.approx(1)
    (note,) = posterior.diagnostics.notes
    assert "contradict" in note
    assert all(f"{n:,}" in note for n in numbers)


@pytest.mark.parametrize("numbers", [(5, 6), (0, 1), (100, 120), (1_000, 1_000)])
def test_common_disagreement_is_no_contradiction(numbers):
    assert not rc.estimate([claim(KILLED, n, f"s{k}") for k, n in enumerate(numbers)]).diagnostics.notes


def test_undated_figures_of_one_source_are_all_used_and_said():
    posterior = rc.estimate([claim(KILLED, 5, AGENCY), claim(KILLED, 7, AGENCY)])
    assert any("several figures" in note for note in posterior.diagnostics.notes)


def test_large_single_claims_are_believed_more_than_the_prior():
    for n in (10**4, 10**5, 10**6):
        assert rc.estimate([claim(KILLED, n, MONITOR)])[KILLED].median() > n / 4


def test_asking_for_what_no_claim_mentions():
    posterior = rc.estimate([claim(KILLED, 5, MONITOR)])
    with pytest.raises(rc.UnknownQuantity, match="killed"):
        posterior[MARKET.injured()]
    with pytest.raises(KeyError):
        posterior[MARKET.injured()]


def test_no_claims_no_estimates():
    posterior = rc.estimate([])
    assert posterior.quantities == ()
    assert posterior.rows() == []
    assert str(posterior) == ""


@pytest.mark.parametrize("backend", ["pandas", "polars", "pyarrow"])
def test_frames(backend):
    pytest.importorskip(backend)
    posterior = rc.estimate([claim(KILLED, 5, MONITOR), claim(MARKET.injured(T), 5, AGENCY)])
    frame = posterior.to_frame(backend)
    assert type(frame).__module__.split(".")[0] == backend
    assert frame.shape == (2, 11)
    assert posterior.to_frame(backend, level=0.5).shape == (2, 11)


def test_an_unknown_backend_is_refused():
    with pytest.raises(rc.InvalidValue, match="polars"):
        rc.estimate([claim(KILLED, 5, MONITOR)]).to_frame("excel")


def test_html_escapes_what_comes_from_claims():
    evil = rc.Event("<script>alert(1)</script>")
    posterior = rc.estimate([claim(evil.killed(rc.Group(party="<b>")), 5, "<i>who</i>")])
    for shown in (posterior._repr_html_(), posterior[posterior.quantities[0]]._repr_html_()):
        assert "<script>" not in shown
        assert "<b>" not in shown
        assert "<i>" not in shown


@pytest.mark.parametrize(
    "bad", [{"draws": 7}, {"as_of": "yesterday"}, {"model": 3}, {"ess": 5}, {"ess": np.inf}, {"learn": None}], ids=str
)
def test_bad_arguments_are_named(bad):
    with pytest.raises(rc.InvalidValue, match=next(iter(bad))):
        rc.estimate([claim(KILLED, 5, MONITOR)], **bad)


def test_what_is_no_claim_is_refused():
    with pytest.raises(rc.InvalidValue, match="a Claim"):
        rc.estimate([5])


def test_a_source_of_many_claims_lends_its_leaning_to_each():
    """A source that ran high elsewhere is discounted here."""
    events = [rc.Event(f"e{k}") for k in range(2)]
    rng = random.Random(1)
    truths = [rng.randrange(30, 90) for _ in events]
    known = []
    for event, n in zip(events, truths, strict=True):
        known += [
            claim(event.killed(), n, MONITOR),
            claim(event.killed(), n + 1, AGENCY),
            claim(event.killed(), int(1.7 * n), "boaster"),
        ]
    here = claim(KILLED, 100, "boaster")
    alone, informed = rc.estimate([here]), rc.estimate([*known, here])
    assert informed[KILLED].median() < alone[KILLED].median() - 10


@settings(max_examples=20)
@given(st.integers(0, 10**7), st.integers(0, 10**7))
def test_rounding_for_readers_widens_and_keeps_two_digits(n, width):
    estimate = rc.estimate([claim(KILLED, rc.Between(n, n + width))])[KILLED]
    (median, low, high), (exact_low, exact_high) = estimate.readable(), estimate.eti()
    assert low <= exact_low <= exact_high <= high
    assert high - low <= 1.05 * (exact_high - exact_low) + 2
    assert median == pytest.approx(estimate.median(), rel=0.05)


def test_what_is_left_of_pinned_numbers_is_pinned():
    """8,731 casualties less 1,234 killed leave 7,497 injured, in a cell of their own though nobody claims it."""
    claims = [claim(MARKET.count(CASUALTIES), 8_731, f"a{k}") for k in range(3)]
    claims += [claim(MARKET.killed(), 1_234, f"b{k}") for k in range(3)] + [claim(MARKET.injured(), 7_000, "c")]
    injured = rc.estimate(claims)[MARKET.injured()]
    assert injured.median() == 7_497
    assert injured.pmf(7_497) > 0.5


def test_lower_floors_do_not_pull_down_a_higher_one():
    alone = rc.estimate([claim(KILLED, rc.AtLeast(20), "c")])[KILLED]
    floors = rc.estimate([claim(KILLED, rc.AtLeast(n), f"s{n}") for n in (9, 12, 20)])[KILLED]
    assert floors.ccdf(19) > 0.5
    assert floors.median() >= 20
    assert alone.median() >= 20


@pytest.mark.parametrize("n", [100, 1_000, 10_000])
def test_powers_of_ten_are_not_pushed_up(n):
    neighbours = [rc.estimate([claim(KILLED, m, MONITOR)])[KILLED].median() / m for m in (n // 2, 2 * n)]
    here = rc.estimate([claim(KILLED, n, MONITOR)])[KILLED].median() / n
    assert min(neighbours) - 0.05 < here < max(neighbours) + 0.05


def test_a_posterior_is_asked_like_a_mapping():
    posterior = rc.estimate([claim(KILLED, 5, MONITOR)])
    assert list(posterior) == [KILLED]
    assert KILLED in posterior
    assert MARKET.injured() not in posterior


def test_a_model_rebuilds_from_its_repr():
    from reconcile.channels import Denial, Fidelity, GrossError, LogStudent, ShareNoise
    from reconcile.model import CountPrior, KnownCount, Normal, RisingToll
    from reconcile.speech import Speech

    names = [Denial, Fidelity, GrossError, LogStudent, ShareNoise, Speech]
    names += [CountPrior, KnownCount, Normal, RisingToll, Model]
    model = Model(counts={"killed": CountPrior(0.2, 1.0, 1.5, "ours")}, speech=Speech("ACLED"))
    assert eval(repr(model), {cls.__name__: cls for cls in names}) == model


def test_one_outcome_has_one_meaning():
    loose = MARKET.count(rc.Outcome("casualties", {"killed", "missing"}))
    with pytest.raises(rc.InconsistentClaims, match="outcome 'casualties' is described in two ways"):
        rc.estimate([claim(loose, 5), claim(MARKET.count("casualties"), 6)])
    losses = rc.Outcome("losses", {"casualties", "missing"})
    assert losses.elements == {"killed", "injured", "missing"}


def test_a_figure_told_twice_weighs_as_one():
    """Eight military and civilian personnel; further down, eight military personnel."""
    every, military = rc.Group(party="T", status={"military", "civilian"}), rc.Group(party="T", status="military")
    once = rc.estimate([claim(MARKET.killed(military), 8, AGENCY)])[MARKET.killed(military)]
    twice = rc.estimate([claim(MARKET.killed(every), 8, AGENCY), claim(MARKET.killed(military), 8, AGENCY)])
    apart = rc.estimate([claim(MARKET.killed(every), 8, AGENCY), claim(MARKET.killed(military), 8, MONITOR)])
    assert twice[MARKET.killed(every)].pmf(8) < apart[MARKET.killed(every)].pmf(8)
    assert twice[MARKET.killed(every)].pmf(8) < once.pmf(8) + 0.05


def test_parts_that_share_nobody_stay_within_the_whole_whatever_their_facets():
    """A party on one part and not on the other once let 25 + 25 pass beside 31."""
    rebels, civilians = rc.Group(party="Rebels", status="militant"), rc.Group(status="civilian")
    posterior = rc.estimate(
        [
            claim(MARKET.killed(), 31, "a"),
            claim(MARKET.killed(rebels), 25, "b"),
            claim(MARKET.killed(civilians), 25, "c"),
        ]
    )
    whole, parts = posterior[MARKET.killed()], [posterior[MARKET.killed(g)] for g in (rebels, civilians)]
    assert sum(map(average, parts)) <= average(whole) * 1.01


def test_settings_give_the_same_numbers_again():
    event = rc.Event("e")
    claims = [rc.Claim(event.killed(), rc.Exactly(n), rc.Source("a")) for n in (3, 5)]
    one = rc.estimate(claims, seed=np.random.default_rng(7), draws=64, ess=20, learn=False)
    again = rc.estimate(claims, **attrs.asdict(one.settings))
    assert one.settings == again.settings
    n = np.arange(50)
    assert np.array_equal(one[event.killed()].pmf(n), again[event.killed()].pmf(n))
    assert rc.estimate(claims, seed=3).settings == Settings(None, 3, None, 40.0, True)


def test_a_seed_that_nobody_gives_is_made_up_and_said():
    claims = [claim(KILLED, 3, "a"), claim(KILLED, 5, "b")]
    one, other = (rc.estimate(claims, seed=None) for _ in range(2))
    assert one.settings.seed != other.settings.seed
    same(one, rc.estimate(claims, seed=one.settings.seed), KILLED)


def test_a_method_is_refused():
    with pytest.raises(rc.InvalidValue, match="there is only one now"):
        rc.estimate([claim(KILLED, 3)], method="laplace")


def test_an_anchor_that_names_no_source_is_said():
    posterior = rc.estimate([claim(KILLED, 3)], rc.Model(anchors={"hospitl": 0.1, "monitor": 0.1}))
    (note,) = (note for note in posterior.diagnostics.notes if "anchors" in note)
    assert note.endswith(": hospitl")


def test_claims_that_are_given_twice_are_counted_once_and_that_is_said():
    one = claim(KILLED, 3)
    assert not any("once more" in note for note in rc.estimate([one]).diagnostics.notes)
    (note,) = (note for note in rc.estimate([one, one, one]).diagnostics.notes if "once more" in note)
    assert note.startswith("2 claims")


def test_many_sources_of_few_claims_are_solved_as_one():
    """300 claims by 97 sources; each count once went by itself, and the reader was told so."""
    claims = [
        claim(rc.Event(f"e{n // 3}").killed(), 5 + n % 4, f"s{n % 97}", reported=f"2020-01-{1 + n % 28:02d}")
        for n in range(300)
    ]
    posterior = rc.estimate(claims, ess=10)
    assert len(posterior.sources) == 97
    assert posterior.diagnostics.error < 0.1
    assert all(4 <= posterior[one.quantity].median() <= 9 for one in claims)


def test_a_single_source_is_believed():
    """Of many claims by one compiler half came out as other numbers, with certainty: nothing told them apart."""
    said = [1, 2, 4, 5, 15, 18, 30, 60, 3, 7] * 3
    alone = [claim(rc.Event(f"e{k}").killed(), n, MONITOR) for k, n in enumerate(said)]
    posterior = rc.estimate(alone)
    ends = [posterior[one.quantity].eti(0.9) for one in alone]
    assert np.mean([low <= n <= high for n, (low, high) in zip(said, ends, strict=True)]) >= 0.8


# --- two peaks ------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def torn():
    return rc.estimate([claim(KILLED, n, f"s{n}") for n in (3, 17)])


@pytest.mark.parametrize("low, high", [(3, 17), (30, 60), (100, 190), (44_282, 97_257), (37, 412)])
def test_two_claims_apart_are_both_named_and_never_the_valley(low, high):
    """Medians of 6, 37, 177 and 55,360 had been the headline, with chances of .03, .02, .003 and less."""
    one = rc.estimate([claim(KILLED, n, f"s{n}") for n in (low, high)])[KILLED]
    first, second = one.peaks()
    assert (first.count, second.count) == (low, high)
    assert first.low <= low <= first.high < second.low <= high <= second.high
    assert min(first.probability, second.probability) > 0.3
    digits = 100 if low > 10_000 else 1
    shown = [f"{digits * round(n / digits):,}" for n in (low, high)]
    assert str(one).startswith(f"{shown[0]} or {shown[1]} killed (90 % ")
    assert one.unresolved.startswith(f"unresolved: either about {shown[0]} (")


@pytest.mark.parametrize(
    "values", [[5, 6], [600], [600, 650, 700], [12, 12, 13, 12, 90], [rc.About(600)], [rc.Vague("dozens")], [0], [1, 1]]
)
def test_claims_that_agree_or_stand_alone_have_one_peak(values):
    one = rc.estimate([claim(KILLED, value, f"s{k}") for k, value in enumerate(values)])[KILLED]
    (peak,) = one.peaks()
    assert (peak.count, peak.low, peak.high) == (one.median(), *one.eti())
    assert f"{one.readable()[0]:,} killed" in str(one)


def test_rows_frames_pages_and_trees_name_both(torn):
    one = torn[KILLED]
    (row,) = torn.rows()
    first, second = (round(100 * peak.probability) for peak in one.peaks())
    assert row["peaks"] == f"3 ({first} %) or 17 ({second} %)"
    assert list(torn.to_frame()["peaks"]) == [row["peaks"]]
    assert "<td>3 or 17</td>" in torn._repr_html_()
    assert "3 or 17 killed" in one._repr_html_()
    assert "3 or 17 killed" in str(torn)
    pytest.importorskip("xarray")
    assert torn.to_datatree(10)["summary"]["peaks"].item() == row["peaks"]
    (quiet,) = rc.estimate([claim(KILLED, 5, MONITOR)]).rows()
    assert quiet["peaks"] == ""


def test_a_mean_that_rests_on_the_prior_is_not_given():
    one = rc.estimate([claim(KILLED, 0, "a")])[KILLED]
    with pytest.warns(rc.HeavyTail, match="the mean is not given"):
        assert np.isnan(one.mean())


FIRE = rc.Event("fire", kind="fire", start="2024-05-01T06:00+00:00")
RISING = [
    rc.Claim(FIRE.killed(), rc.Exactly(n), rc.Source("agency"), reported=f"2024-05-01T{hour}:00+00:00")
    for n, hour in ((5, "09"), (11, "12"), (18, "19"))
]


def test_what_is_known_of_a_toll_grows_to_the_final_one():
    posterior = rc.estimate(RISING)
    moments = ("2024-05-01T08:00+00:00", "2024-05-01T12:00+00:00", "2024-05-02", "2024-05-05", "2027-05-01")
    medians = [posterior.known_by(moment)[FIRE.killed()].median() for moment in moments]
    assert medians == sorted(medians)
    assert medians[1] == 11
    # In the end what is known is the count, but for the error that all share.
    final = posterior[FIRE.killed()]
    assert abs(medians[-1] - final.median()) <= 2
    assert posterior.known_by("2027-05-01")[FIRE.killed()].roles == final.roles


def test_nothing_is_known_before_the_event_nor_of_what_does_not_rise():
    posterior = rc.estimate([*RISING, rc.Claim(rc.Event("x").killed(), rc.Exactly(3), rc.Source("agency"))])
    assert posterior.known_by("2024-04-30") == {}
    assert set(posterior.known_by("2024-05-03")) == {FIRE.killed()}
    with pytest.raises(rc.InvalidValue, match="known_by"):
        posterior.known_by("soon")


def test_who_looked_and_found_no_later_figure_narrows_the_final_toll():
    quantity = FIRE.killed()
    upper = [
        rc.estimate(RISING, looked_until=until)[quantity].eti(0.9)[1] for until in (None, "2024-05-03", "2024-05-20")
    ]
    assert upper == sorted(upper, reverse=True)
    assert upper[2] < upper[0] / 2
    assert rc.estimate(RISING, looked_until="2024-05-03").settings.looked_until == datetime.date(2024, 5, 3)
    with pytest.raises(rc.InvalidValue, match="not after as_of, 2024-05-02"):
        rc.estimate(RISING, as_of="2024-05-02", looked_until="2024-05-03")


def test_a_toll_that_rises_is_no_contradiction_and_one_that_falls_is():
    rises, falls = (rc.estimate(some) for some in (RISING, [
        rc.Claim(FIRE.killed(), rc.Exactly(n), rc.Source(name), reported=f"2024-05-01T{hour}:00+00:00")
        for n, name, hour in ((50, "one", "09"), (11, "other", "12"))
    ]))  # fmt: skip
    assert not rises[FIRE.killed()].contradiction
    assert "contradict each other" in falls[FIRE.killed()].contradiction
    assert any(
        "may still rise" in note and "from 5 by agency to 18 by agency" in note for note in rises.diagnostics.notes
    )
    assert not any("outside of all that is claimed" in note for note in rises.diagnostics.notes)
