# SPDX-License-Identifier: MIT
"""Coding rules: each against its statement, by hand and by property, and beside a posterior."""

import datetime
import pathlib
import pickle
import runpy
import statistics
import subprocess
import sys

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st
from steps import steps_of

import reconcile as rc
from reconcile import errors, rules
from reconcile.io import table
from reconcile.speech import PRESETS

MARKET = rc.Event("market").killed()


def claim(value, source="s", **more):
    value = rc.Exactly(value) if isinstance(value, int) else value
    return rc.Claim(MARKET, value, rc.Source(source), **more)


def told(*values):
    return [claim(value, f"s{at}") for at, value in enumerate(values)]


def numbers(rule, claims, **options):
    found = rules.apply(rule, claims, **options)
    return found.low, found.point, found.high


@pytest.mark.parametrize(
    "rule, values, expected",
    [
        (rules.LOWEST, (6, 5, 9), (5, 5, 5)),
        (rules.HIGHEST, (6, 5, 9), (9, 9, 9)),
        (rules.MIN_MAX, (6, 5, 9), (5, None, 9)),
        (rules.MIN_MAX, (6, 6), (6, 6, 6)),
        (rules.LOW_BEST_HIGH, (6, 5, 9), (5, 6, 9)),
        (rules.MEDIAN, (6, 5, 9, 8), (6, 6, 6)),
        (rules.MAJORITY, (6, 6, 9), (6, 6, 6)),
        (rules.MAJORITY, (6, 6, rc.Between(5, 7)), (6, 6, 6)),
        (rules.LOWEST, (rc.AtLeast(12), rc.About(20), rc.AtMost(30)), (12, 12, 12)),
        (rules.HIGHEST, (rc.AtLeast(12), rc.About(20), rc.AtMost(30)), (30, 30, 30)),
        (rules.MIN_MAX, (rc.Between(8, 10), 9), (8, None, 10)),
        (rules.MEDIAN, (rc.Between(8, 11),), (9, 9, 9)),
        (rules.LOW_BEST_HIGH, (rc.Surveyed(120, 90, 160),), (90, 120, 160)),
    ],
)
def test_rules_give_what_they_state(rule, values, expected):
    assert numbers(rule, told(*values)) == expected


@pytest.mark.parametrize(
    "word, low, high",
    [
        ("dozens", (12, 12, 12), (12, None, 24)),
        ("hundreds", (100, 100, 100), (100, None, 999)),
        ("some", (3, 3, 3), (2, 2, 2)),
    ],
)
def test_published_rules_read_words_by_their_own_lexicon(word, low, high):
    said = told(rc.Vague(word))
    for lexicon in ("default", *PRESETS):  # what the caller says does not matter to them
        assert numbers(rules.LOWEST, said, lexicon=lexicon) == low
        assert numbers(rules.MIN_MAX, said, lexicon=lexicon) == high


def test_other_rules_read_words_as_they_are_told():
    said = told(rc.Vague("hundreds"))
    assert numbers(rules.HIGHEST, said) == (999, 999, 999)
    assert numbers(rules.HIGHEST, said, lexicon="Crowd Counting Consortium") == (200, 200, 200)
    with pytest.raises(errors.InvalidValue, match="lexicon"):
        rules.apply(rules.MEDIAN, said, lexicon="acled")
    with pytest.raises(errors.InvalidValue, match="lexicon"):
        rules.apply(rules.LOWEST, told(rc.Vague("oodles")))


def test_no_majority_is_no_answer_with_the_reason():
    for values in ((5, 6), (5, 5, 6, 6), (5, 6, 7), (rc.Between(5, 6),), (5, rc.Between(5, 6))):
        found = rules.apply(rules.MAJORITY, told(*values))
        assert (found.low, found.point, found.high, found.claims) == (None, None, None, len(values))
        assert "more than half" in str(found)


def test_most_recent_by_day_with_ties_and_without_dates():
    early, late = claim(5, "a", reported="2020-02-10"), claim(9, "b", reported="2020-02-11")
    undated, tied = claim(1, "c"), claim(7, "d", reported="2020-02-11T08:00")
    assert numbers(rules.MOST_RECENT, [late, early, undated]) == (9, 9, 9)
    assert numbers(rules.MOST_RECENT, [late, early, tied]) == (7, None, 9)  # a day and a time in it have no order
    assert numbers(rules.MOST_RECENT, [late, early], as_of="2020-02-10") == (5, 5, 5)
    assert "date" in rules.apply(rules.MOST_RECENT, [undated]).reason


@pytest.mark.parametrize("rule", rules.ALL, ids=lambda rule: rule.name)
def test_nothing_to_read_is_no_answer(rule):
    children = rc.Event("market").killed(rc.Group(age="child"))
    share = rc.Claim(children, rc.Share(0.5, 0.5), rc.Source("s"))
    assert rules.apply(rule, []).reason == "no claim"
    assert rules.apply(rule, [share]).reason == "no claim gives a number"
    assert rules.apply(rule, told(rc.AtLeast(0))).reason == "no claim gives a number"


def test_roles_decide_what_a_rule_sees():
    first = claim(5, "wire", reported="2020-02-10", id="w")
    relays = [claim(5, f"paper {n}", quoted_from="w", reported="2020-02-11") for n in range(3)]
    others = [claim(8, "hospital", reported="2020-02-10"), claim(8, "police", reported="2020-02-10")]
    said = [first, *relays, *others]
    assert numbers(rules.MAJORITY, said) == (8, 8, 8)
    assert numbers(rules.MAJORITY, said, every=True) == (5, 5, 5)  # four outlets, one story
    assert rules.apply(rules.MAJORITY, said, every=True).claims == 6
    newer = claim(9, "wire", reported="2020-02-12")
    assert numbers(rules.LOWEST, [first, newer]) == (9, 9, 9)
    assert numbers(rules.LOWEST, [first, newer], every=True) == (5, 5, 5)
    assert numbers(rules.HIGHEST, [first, newer], every=True, as_of="2020-02-11") == (5, 5, 5)


def test_bad_calls_are_refused():
    other = rc.Claim(rc.Event("school").killed(), rc.Exactly(1), rc.Source("s"))
    for call in (
        lambda: rules.apply(rules.LOWEST, [*told(5), other]),
        lambda: rules.apply("lowest", told(5)),
        lambda: rules.apply(rules.LOWEST, rc.estimate(told(5))[MARKET], as_of="2020-02-10"),
        lambda: rules.compare(told(5)),
        lambda: rules.compare(rc.estimate(told(5)), level=90),
        lambda: rules.compare(rc.estimate(told(5)), rules=["lowest"]),
        lambda: rules.Rule("x", "y", None),
        lambda: rules.Rule("x", "y", len, lexicon="acled"),
    ):
        with pytest.raises(errors.InvalidValue):
            call()
    with pytest.raises(errors.UnknownQuantity):
        rules.compare(rc.estimate(told(5)), rc.Event("school").killed())


counts = st.integers(0, 10**6)
ranges = st.tuples(counts, counts).map(lambda pair: rc.Between(min(pair), max(pair)))
words = st.sampled_from(["dozens", "hundreds", "some", "several"]).map(rc.Vague)
values = st.one_of(
    counts.map(rc.Exactly), counts.map(rc.AtLeast), counts.map(rc.AtMost), counts.map(rc.About), ranges, words
)
days = st.none() | st.dates(datetime.date(2020, 2, 1), datetime.date(2020, 2, 3))
corpora = st.lists(st.tuples(values, days), min_size=1, max_size=6).map(
    lambda said: [claim(value, f"s{at}", reported=day) for at, (value, day) in enumerate(said)]
)


@given(corpora, st.randoms(use_true_random=False))
def test_neither_order_nor_names_matter(claims, random):
    before = [numbers(rule, claims) for rule in rules.ALL]
    mixed = list(claims)
    random.shuffle(mixed)
    assert [numbers(rule, mixed) for rule in rules.ALL] == before
    renamed = [claim(one.value, f"n{7 * at % 11}", reported=one.reported) for at, one in enumerate(claims)]
    assert [numbers(rule, renamed) for rule in rules.ALL] == before


@given(corpora, st.data())
def test_a_relay_changes_nothing(claims, data):
    relayed = data.draw(st.sampled_from(claims))
    relay = rc.Claim(MARKET, relayed.value, rc.Source("paper"), quoted_from=relayed.id)
    for rule in rules.ALL:
        assert numbers(rule, [*claims, relay]) == numbers(rule, claims)


@given(st.lists(values, min_size=1, max_size=6))
def test_answers_are_in_order(said):
    claims = told(*said)
    # Under one lexicon, since "hundreds" is 100 to one rule and 999 to another.
    lowest, median, low_best_high, highest = (
        numbers(attrs.evolve(rule, lexicon="default"), claims)
        for rule in (rules.LOWEST, rules.MEDIAN, rules.LOW_BEST_HIGH, rules.HIGHEST)
    )
    if lowest[1] is None:
        return
    assert lowest[1] <= median[1] <= highest[1]
    assert low_best_high == (lowest[1], median[1], highest[1])
    envelope = numbers(rules.MIN_MAX, claims)
    points = [value.n for value in said if isinstance(value, rc.Exactly)]
    assert all(envelope[0] <= n <= envelope[2] for n in points)


@given(st.lists(st.integers(0, 20), min_size=1, max_size=7))
def test_points_against_the_standard_library(said):
    claims = told(*said)
    assert numbers(rules.MEDIAN, claims)[1] == statistics.median_low(said)
    mode = statistics.mode(said)
    assert numbers(rules.MAJORITY, claims)[1] == (mode if 2 * said.count(mode) > len(said) else None)


@pytest.fixture(scope="module")
def article():
    return rc.estimate(table.read(pathlib.Path(__file__).parents[1] / "examples" / "taftanaz.csv"))


def find(posterior, words):
    return next(q for q in posterior.quantities if str(q).startswith(words))


def test_the_article_five_against_six(article):
    soldiers = find(article, "killed (Turkey, military), taftanaz")
    found = {one.answer.rule.name: one for one in rules.compare(article, soldiers).lines}
    assert [str(found[name].answer) for name in ("lowest", "min-max", "low / best / high", "most recent")] == [
        "5", "5 to 6", "5 (5 to 6)", "5 to 6",
    ]  # fmt: skip
    assert found["majority"].answer.reason
    estimate = article[soldiers]
    for one in found.values():
        assert (one.median, one.low, one.high) == (estimate.median(), *estimate.eti(0.9))
    lowest, span = found["lowest"], found["min-max"]
    assert lowest.cdf == pytest.approx(estimate.cdf(5))
    assert lowest.inside == pytest.approx(estimate.pmf(5))
    assert span.below == pytest.approx(estimate.cdf(4))
    assert span.inside == pytest.approx(estimate.pmf(5) + estimate.pmf(6))
    assert span.above == pytest.approx(estimate.ccdf(6))
    assert span.cdf is None


def test_a_comparison_as_rows_frame_text_and_page(article):
    found = rules.compare(article, level=0.5)
    rows = found.rows()
    assert len(rows) == len(found) == len(article) * len(rules.ALL)
    assert all(tuple(row) == rules.COLUMNS for row in rows)
    assert {row["level"] for row in rows} == {0.5}
    for row in rows:
        shares = [row[name] for name in ("below", "inside", "above")]
        assert sum(shares) == pytest.approx(1) if not row["reason"] else shares == [None] * 3
    for backend in ("pandas", "polars", "pyarrow"):
        frame = found.to_frame(backend)
        assert len(frame) == len(rows)
    with pytest.raises(errors.InvalidValue):
        found.to_frame("dask")
    text = str(found)
    assert "low / best / high" in text
    assert all(len(line) < 120 for line in text.splitlines())
    assert "<td>low / best / high</td>" in found._repr_html_()
    assert str(rules.compare(article, [])) == ""


def test_claims_about_other_counts_give_no_answer(article):
    assert (
        rules.compare(article, find(article, "displaced (child)")).lines[0].answer.reason == "no claim gives a number"
    )


def test_rules_of_ones_own_read_words_as_the_model_does():
    model = rc.Model(speech=rc.Model().speech.__class__("Airwars"))
    posterior = rc.estimate(told(rc.Vague("dozens")), model)
    assert rules.compare(posterior, rules=[rules.HIGHEST]).lines[0].answer.point == 24


def test_it_is_a_module_of_the_window_and_records_pickle():
    code = "from reconcile import rules; import sys; assert 'scipy.stats' not in sys.modules; print(rules.LOWEST)"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.startswith("lowest (ACLED): ")
    found = pickle.loads(pickle.dumps(rules.compare(rc.estimate(told(5, 6)))))
    assert str(found.lines[0].answer) == "5"


def test_comparing_a_corpus_takes_no_more_for_each_count_than_a_few():
    """Every count is compared by its own claims, and the roles of all claims are not gone through again for each."""

    def compare(events):
        posterior = rc.estimate(
            rc.Claim(rc.Event(f"e{at}").killed(), rc.Exactly(at % 9 + k % 3), rc.Source(f"s{k}"))
            for at in range(events)
            for k in range(6)
        )
        assert len(rules.compare(posterior)) == events * len(rules.ALL)
        return steps_of(rules.compare, posterior)

    assert compare(30) < 3.3 * compare(10)


def test_the_range_beside_what_airwars_coded(root, shared_data):
    path = root / "bench" / "rules.py"
    if not path.is_file():
        pytest.skip("the benchmarks are not here")
    bench = runpy.run_path(str(path))
    found = bench["airwars"](shared_data)
    assert len(found) > 50
    # A range of claims on the same counts must at least meet the coded one far more often than that of other counts.
    meets = lambda other: ((found["low"] <= other["coded_high"]) & (found["high"] >= other["coded_low"])).mean()  # noqa: E731
    shifted = found.iloc[[*range(1, len(found)), 0]].reset_index(drop=True)
    assert meets(found) > 2 * meets(shifted)


def test_counts_that_print_alike_are_not_one():
    day = rc.Period("2020-01-01", "2020-01-01")
    one, other = rc.Event("m, 2020-01-01").killed(), rc.Event("m").killed(period=day)
    assert str(one) == str(other)
    with pytest.raises(rc.InvalidValue, match="one quantity"):
        rules.apply(rules.MIN_MAX, [rc.Claim(q, rc.Exactly(n), rc.Source(f"s{n}")) for q, n in ((one, 1), (other, 9))])


@pytest.mark.parametrize("settled", [(5, 3, 8), (9, None, 8), (-1, 3, 8), (None, 3, 8), (1, 2), 5, None, (1.5, 2, 3)])
def test_what_no_rule_may_answer_is_refused_with_its_name(settled):
    rule = rules.Rule("ours", "Something.", lambda _: settled)
    with pytest.raises(rc.InvalidValue, match="'ours'"):
        rules.apply(rule, [claim(3)])
