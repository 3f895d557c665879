# SPDX-License-Identifier: MIT
"""Pictures: what is drawn is what the data says, every label has its place, and nothing outside is touched."""

from __future__ import annotations

import itertools
import subprocess
import sys
import unicodedata

import matplotlib as mpl
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.figure import Figure
from worlds import CHILD, MARKET, MINISTRY, MONITOR, claim, estimated

import reconcile as rc
from reconcile import plots
from reconcile.plots import canvas
from reconcile.plots.forests import bin_edges
from reconcile.plots.lettering import distinguish, legible, shorten, width_of, wrap
from reconcile.plots.marks import ARROW
from reconcile.plots.scales import choose_scale, choose_ticks, forward
from reconcile.testing.calibration import ecdf_band

KILLED = MARKET.killed()
LONG = "The Local Coordination Committee of the {} District and its surroundings, press office"
KINDS = [
    claim(KILLED, rc.Exactly(12), "ministry", id="exactly"),
    claim(KILLED, rc.AtLeast(9), "activists", id="at least"),
    claim(KILLED, rc.AtMost(30), "police", id="at most"),
    claim(KILLED, rc.Between(8, 14), "compiler", id="between"),
    claim(KILLED, rc.About(15), "radio", id="about", hedged=True),
    claim(KILLED, rc.Vague("dozens"), "witness", id="vague"),
    claim(KILLED, rc.Surveyed(13, 9, 19), "survey", id="surveyed"),
]


@pytest.fixture(scope="module")
def kinds():
    return rc.estimate(KINDS)


def find(ax, label):
    bars = [bar for container in ax.containers if container.get_label() == label for bar in container]
    return bars + [one for one in [*ax.lines, *ax.patches] if one.get_label() == label]


def written(ax):
    return [text.get_text() for text in ax.texts if text.get_text()]


def draw(ax):
    ax.figure.draw_without_rendering()
    return ax.figure


def boxes(ax):
    figure = draw(ax)
    ticks = [tick.label1 for axis in (ax.xaxis, ax.yaxis) for tick in axis._update_ticks()]
    texts = [*ax.texts, *ticks, ax.xaxis.label, ax.yaxis.label, *figure.texts]
    return [
        (text.get_text(), text.get_window_extent()) for text in texts if text is not None and text.get_text().strip()
    ]


def assert_no_label_lies_on_another(ax):
    found = boxes(ax)
    assert len(found) > 4
    for (one, a), (other, b) in itertools.combinations(found, 2):
        wide = min(a.x1, b.x1) - max(a.x0, b.x0)
        high = min(a.y1, b.y1) - max(a.y0, b.y0)
        assert wide <= 0.5 or high <= 0.25 * min(a.height, b.height), (one, other)
    frame = ax.figure.bbox
    for one, box in found:
        assert box.x0 >= frame.x0 - 1, one
        assert box.x1 <= frame.x1 + 1, one


# --- claims -----------------------------------------------------------------------------------------------------


def test_each_kind_of_value_is_drawn_as_what_it_says(kinds):
    ax = plots.draw_claims(kinds, KILLED)
    (point,) = find(ax, "exactly")
    assert (point.get_xdata()[0], point.get_marker()) == (12, "o")
    for name, n, towards in (("at least", 9, 1), ("at most", 30, -1)):
        (tick,) = find(ax, name)
        assert (tick.get_xdata()[0], tick.get_marker()) == (n, "|")
        y = tick.get_ydata()[0]
        (arrow,) = [one for one in ax.texts if getattr(one, "arrow_patch", None) and one.xy == (n, y)]
        draw(ax)
        arrow.update_positions(ax.figure._get_renderer())
        (tail, _), (head, _) = arrow.arrow_patch._posA_posB
        assert np.isclose((head - tail) / ax.figure.dpi * 72, towards * ARROW)
        assert np.isclose(tail, ax.transData.transform((n, y))[0])
    bar, caps = find(ax, "between")
    assert list(bar.get_xdata()) == list(caps.get_xdata()) == [8, 14]
    assert bar.get_linewidth() > 4
    *bands, middle = sorted(find(ax, "about"), key=lambda one: hasattr(one, "get_marker"))
    assert len(bands) == 2
    assert middle.get_xdata()[0] == 15
    for band in [*bands, *find(ax, "vague")]:
        assert band.get_alpha() < 0.5
    lexicon = kinds.model.speech.read(rc.Vague("dozens"))
    spans = {(band.get_x() + 0.5, band.get_x() + band.get_width() - 0.5) for band in find(ax, "vague")}
    assert spans == set(zip(lexicon.low.tolist(), lexicon.high.tolist(), strict=True))
    interval, mark = find(ax, "surveyed")
    assert (list(interval.get_xdata()), mark.get_xdata()[0], mark.get_marker()) == ([9, 19], 13, "s")


def test_what_was_said_with_a_reserve_is_hollow_and_says_so(kinds):
    ax = plots.draw_claims(kinds, KILLED)
    (middle,) = [one for one in find(ax, "about") if hasattr(one, "get_marker")]
    assert middle.get_markerfacecolor() == "white"
    assert find(ax, "exactly")[0].get_markerfacecolor() == canvas.BLUE
    assert "perhaps about 15" in written(ax)


def test_each_claim_has_a_row_with_its_source_and_words(kinds):
    ax = plots.draw_claims(kinds, KILLED)
    rows = {}
    for text in ax.texts:
        if text.get_text():
            rows.setdefault(text.xy[1], []).append(text.get_text())
    assert {(row[0], row[1]) for row in rows.values()} >= {
        ("ministry", "12"), ("activists", "at least 9"), ("police", "at most 30"), ("compiler", "8 to 14"),
        ("witness", "dozens"), ("survey", "13 (95 % 9\u201319)"),
    }  # fmt: skip
    assert len(rows) == len(KINDS) + 1


def test_the_estimate_is_drawn_beneath(kinds):
    ax = plots.draw_claims(kinds, KILLED, level=0.8, scale="sqrt")
    estimate = kinds[KILLED]
    (interval,), (median,), (density,) = find(ax, "interval"), find(ax, "median"), find(ax, "density")
    assert tuple(interval.get_xdata()) == estimate.eti(0.8)
    assert list(median.get_xdata()) == [estimate.median()]
    lowest = max(one.get_ydata()[0] for one in find(ax, "exactly"))
    assert interval.get_ydata()[0] > lowest  # the axis runs downwards
    values, edges, base = density.get_data()
    mass = (base - values) * np.diff(forward("sqrt", edges))
    wanted = np.diff(estimate.cdf(np.floor(edges)))
    assert np.allclose(mass / mass.sum(), wanted / wanted.sum(), atol=1e-9)
    assert wanted.sum() > 0.98


def test_claims_that_do_not_count_are_grey_and_say_why():
    claims = [
        claim(KILLED, 10, MONITOR, reported="2020-01-01", id="old"),
        claim(KILLED, 12, MONITOR, reported="2020-01-03", id="new"),
        claim(KILLED, 12, "wire", quoted_from=MONITOR, reported="2020-01-04", id="relay"),
        claim(KILLED, 11, MINISTRY, id="other"),
    ]
    posterior = rc.estimate(claims)
    ax = plots.draw_claims(posterior, KILLED)
    silent = {role.claim.id for role in posterior[KILLED].roles if role.role != "used"}
    assert silent
    for one in claims:
        (mark,) = find(ax, one.id)
        assert (mark.get_color() == canvas.GREY) == (one.id in silent)
    assert any("superseded" in text for text in written(ax))
    later = plots.draw_claims(rc.estimate(claims, as_of="2020-01-02"), KILLED)
    assert sum("said later" in text for text in written(later)) == 2
    assert sum("undated" in text for text in written(later)) == 1


def test_a_share_is_drawn_where_it_puts_the_count():
    children = MARKET.killed(CHILD)
    posterior = rc.estimate([claim(KILLED, 100, "a"), claim(children, rc.Share(0.5, 0.6), "b", id="share")])
    line, _ = find(plots.draw_claims(posterior, children), "share")
    low, high = posterior[KILLED].eti(0.9)
    assert list(line.get_xdata()) == [0.5 * low, 0.6 * high]
    assert line.get_linestyle() != "-"


def test_what_is_left_out_is_said():
    claims = [claim(KILLED, 10 + n, f"source {n}") for n in range(9)]
    posterior = rc.estimate(rc.Corpus(claims, [rc.Rejected(7, "value", "no number")]))
    ax = plots.draw_claims(posterior, KILLED, most=4)
    said = ax.figure._supxlabel.get_text()
    assert "5 more claims about this count are not drawn" in said
    assert "(line 7) could not be read" in said
    assert sum(text.startswith("source") for text in written(ax)) == 4
    quiet = plots.draw_claims(posterior, KILLED, most=4, remarks=False)
    assert "5 more claims" in quiet.figure._supxlabel.get_text()
    assert "line 7" not in quiet.figure._supxlabel.get_text()
    follows = MARKET.killed(CHILD)
    other = rc.estimate([*claims, claim(MARKET.killed(rc.Group(age="adult")), 3), claim(follows, rc.AtLeast(1))])
    assert plots.draw_claims(other, follows).figure._supxlabel is None


@pytest.mark.parametrize(
    "claims",
    [
        [claim(KILLED, 3)],
        [claim(KILLED, 20 + 7 * n % 19, LONG.format(n)) for n in range(40)],
        [claim(KILLED, 0, "none"), claim(KILLED, 10**6, "all"), claim(KILLED, rc.AtLeast(999), "some")],
        [claim(KILLED, 5, "وزارة الصحة الفلسطينية في قطاع غزة"), claim(KILLED, rc.About(7), "משרד הביטחון")],
        [
            claim(KILLED, 5, "x" * 900),
            claim(KILLED, rc.AtLeast(600), "$x_{2}$ \\frac & <b>"),
            claim(KILLED, 9, "i" * 50),
        ],
        [claim(KILLED, rc.Surveyed(1_200_000, 900_000, 1_600_000), "survey"), claim(KILLED, rc.AtMost(10**9), "b")],
        KINDS,
    ],
    ids=["one", "forty", "zero and a million", "right to left", "hostile", "large", "kinds"],
)
@pytest.mark.parametrize("width", [4.4, 6.4])
def test_no_label_lies_on_another(claims, width):
    assert_no_label_lies_on_another(plots.draw_claims(estimated(claims), KILLED, width=width))


@pytest.mark.parametrize("width", [4.4, 6.4])
@pytest.mark.parametrize("ten", [10**4, 10**7, 10**9])
def test_no_number_is_shortened(width, ten):
    claims = [claim(KILLED, rc.Surveyed(12 * ten, 9 * ten + 111, 16 * ten + 111), "survey", hedged=True)]
    claims.append(claim(KILLED, rc.Between(11 * ten + 123, 13 * ten + 123), "compiler", reported="2020-01-01"))
    claims.append(claim(KILLED, rc.Between(12 * ten + 123, 14 * ten + 123), "compiler", reported="2020-01-02"))
    posterior = rc.estimate(claims)
    said = " ".join(written(plots.draw_claims(posterior, KILLED, width=width))).replace("\u2013 ", "\u2013")
    number, low, high = posterior[KILLED].readable()
    numbers = [12 * ten, 9 * ten + 111, 16 * ten + 111, 11 * ten + 123, 13 * ten + 123, number, low, high]
    for one in numbers:
        assert f"{one:,}" in said
    assert "\u2026" not in said


def test_an_unresolved_count_is_said_to_be():
    ax = plots.draw_claims(rc.estimate([claim(KILLED, 50, "a"), claim(KILLED, 5_000, "b")]), KILLED)
    assert "either about" in " ".join(ax.figure._supxlabel.get_text().split())


# --- axes of counts ---------------------------------------------------------------------------------------------


def test_scales_are_chosen_by_how_far_counts_are_apart(kinds):
    assert choose_scale(0, 25) == choose_scale(900_000, 1_100_000) == "linear"
    assert choose_scale(0, 100) == "sqrt"
    assert choose_scale(0, 10**6) == choose_scale(1, 5_000) == "log"
    assert choose_scale(0, 10**6, "linear") == "linear"
    with pytest.raises(rc.InvalidValue, match="scale"):
        plots.draw_claims(kinds, KILLED, scale="logit")


COUNTS = st.integers(0, 10**12)


@given(COUNTS, COUNTS, st.sampled_from(["linear", "sqrt", "log"]), st.floats(60, 600))
def test_ticks_lie_on_the_axis_and_apart(one, other, scale, points):
    low, high = sorted((one, other))
    ticks = choose_ticks(low, high, scale, points)
    assert ticks == sorted(set(ticks))
    assert all(low <= tick <= high for tick in ticks)
    start, end = float(forward(scale, low)), float(forward(scale, high))
    places = [(float(forward(scale, n)) - start) / max(end - start, 1e-12) * points for n in ticks]
    widths = [5.0 * len(f"{n:,}") for n in ticks]
    for k in range(1, len(ticks)):
        if scale != "linear" or len(ticks) > 2:
            assert places[k] - places[k - 1] >= (widths[k] + widths[k - 1]) / 2


@given(COUNTS, COUNTS, st.sampled_from(["linear", "sqrt", "log"]))
def test_bins_split_no_count_and_leave_no_gap(one, other, scale):
    low, high = sorted((one, other))
    edges = bin_edges(low - 0.5, high + 0.5, scale)
    assert np.all(np.diff(edges) > 0)
    assert np.all(edges % 1 == 0.5)
    assert edges[-1] >= high * (1 - 1e-9)
    assert len(edges) <= 115


def test_zero_has_a_place_on_a_logarithmic_axis():
    claims = [claim(KILLED, 0, "none"), *(claim(KILLED, 10**6, f"all {k}") for k in range(4))]
    ax = plots.draw_claims(rc.estimate(claims, model=rc.Model(known=None)), KILLED)
    draw(ax)
    ticks = [label.get_text() for label in ax.get_xticklabels()]
    assert {"0", "1,000,000"} <= set(ticks)
    left, right = ax.transData.transform([(0, 0), (10**6, 0)])[:, 0]
    assert np.isfinite(left)
    assert left < right


def test_where_the_median_lies_in_a_valley_the_peaks_are_drawn():
    said = [(3, "a", "2020-02-01"), (17, "b", "2020-02-03"), (17, "c", "2020-02-05")]
    claims = [claim(KILLED, n, s, reported=day) for n, s, day in said]
    posterior = rc.estimate(claims[:2])
    ax = plots.draw_claims(posterior, KILLED)
    (marks,) = find(ax, "median")
    assert list(marks.get_xdata()) == [3, 17]
    assert "3 or 17" in written(ax)
    assert [line.get_xdata()[0] for line in find(plots.draw_without(rc.explain(posterior, KILLED)), "median")] == [
        3,
        17,
    ]
    moved = rc.history(claims, KILLED)
    assert [row["peaks"] != "" for row in moved.rows()] == [False, True, False]
    ax = plots.draw_history(moved)
    assert [line.get_ydata()[0] for line in find(ax, "peak")] == [3, 17]
    assert np.isnan(find(ax, "median")[0].get_ydata()[1])
    assert "Several lines: each is likelier" in ax.figure._supxlabel.get_text()


# --- history ----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def moved():
    said = [(5, "a", "2020-02-01"), (rc.AtLeast(7), "b", "2020-02-03"), (rc.Between(6, 9), "c", "2020-02-20")]
    return rc.history([claim(KILLED, n, s, reported=day) for n, s, day in said] + [claim(KILLED, 8, "d")], KILLED)


def test_a_history_is_drawn_as_it_was(moved):
    ax = plots.draw_history(moved, level=0.8)
    rows = moved.rows(0.8)
    (median,) = find(ax, "median")
    assert [str(day) for day in median.get_xdata()[:-1]] == [row["day"] for row in rows]
    assert list(median.get_ydata()[:-1]) == [row["median"] for row in rows]
    assert median.get_drawstyle() == "steps-post"
    (band,) = [one for one in ax.collections if one.get_label() == "interval"]
    heights = {y for path in band.get_paths() for y in path.vertices[:, 1]}
    assert heights == {row[end] for row in rows for end in ("low", "high")}
    assert [line.get_marker() for line in find(ax, "claim")] == ["o", "^", "_"]
    assert "1 claim without a date left out" in ax.figure._supxlabel.get_text()
    assert_no_label_lies_on_another(ax)


def test_a_history_of_one_day_and_one_of_years():
    one = rc.history([claim(KILLED, 5, "a", reported="2020-02-01")], KILLED)
    ax = plots.draw_history(one)
    assert {"2020-02-01"} <= {text for text, _ in boxes(ax)}
    many = [claim(KILLED, 5 + 400 * n, f"s{n}", reported=f"{1999 + 3 * n}-07-01") for n in range(6)]
    assert_no_label_lies_on_another(plots.draw_history(rc.history(many, KILLED, learn=False), title="A long war"))
    with pytest.raises(rc.InvalidValue, match="at least one day"):
        plots.draw_history(rc.history([claim(KILLED, 5, "a")], KILLED))


# --- sources ----------------------------------------------------------------------------------------------------


def test_sources_are_drawn_by_relation_over_what_was_assumed():
    own, other = MARKET.killed(rc.Group(party="T")), MARKET.killed(rc.Group(party="U"))
    posterior = rc.estimate([claim(own, 50, MINISTRY), claim(other, 20, MINISTRY), claim(own, 80, MONITOR)], draws=64)
    ax = plots.draw_sources(posterior, level=0.8)
    for source in posterior.sources.values():
        for where, bias in source.bias.items():
            ends, middle = np.exp(bias.eti(0.8)), np.exp(np.median(bias.draws))
            (line,) = [one for one in find(ax, str(where)) if np.isclose(one.get_xdata()[0], ends[0])]
            (mark,) = [one for one in find(ax, str(where)) if np.isclose(one.get_xdata()[0], middle)]
            assert np.allclose(line.get_xdata(), ends)
            assert line.get_ydata()[0] == mark.get_ydata()[0]
            (assumed,) = [one for one in find(ax, "assumed") if one.get_ydata()[0] == line.get_ydata()[0]]
            _, prior = posterior.model.source_prior("bias", source.source, where)
            assert np.isclose(np.log(np.prod(assumed.get_xdata())), 2 * prior.mean)
    assert sum(text == "ministry" for text in written(ax)) == 1
    assert {str(where) for where in posterior.sources["ministry"].bias} == {"own side", "third party"}
    assert_no_label_lies_on_another(ax)
    few = plots.draw_sources(posterior, most=1)
    assert "1 source with fewer claims not drawn" in few.figure._supxlabel.get_text()
    with pytest.raises(rc.InvalidValue, match="names"):
        plots.draw_sources(posterior, names=["nobody"])
    named = plots.draw_sources(posterior, names=["monitor"])
    assert "ministry" not in written(named)


# --- influence --------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def odd():
    said = [("ministry", 12, 1), ("monitor", 12, 2), ("hospital", 13, 3), ("radio", 90, 4)]
    claims = [claim(KILLED, n, name, reported=f"2020-02-0{day}", id=name) for name, n, day in said]
    return rc.explain(rc.estimate(claims), KILLED)


def test_shares_are_bars(odd):
    ax = plots.draw_influence(odd)
    total = 0.0
    for one in odd.claims:
        (bar,) = find(ax, one.role.claim.id)
        assert np.isclose(bar.get_width(), 100 * one.share / odd.information)
        assert bool(bar.get_hatch()) == one.against
        total += bar.get_width()
    assert np.isclose(total, 100)
    assert any("pulls against" in text for text in written(ax))
    assert_no_label_lies_on_another(ax)


def test_without_each_claim(odd):
    ax = plots.draw_without(odd, level=0.8)
    for name, pmf in [("all claims", odd.distribution)] + [
        (f"without {one.role.claim.source}", one.without) for one in odd.claims
    ]:
        interval, middle = find(ax, name)[0], None
        assert tuple(interval.get_xdata()) == pmf.eti(0.8)
        (middle,) = [one for one in ax.lines if one.get_marker() in ("D", "o")
                     and one.get_ydata()[0] == interval.get_ydata()[0]]  # fmt: skip
        assert middle.get_xdata()[0] == pmf.median()
    assert_no_label_lies_on_another(ax)
    assert "2 claims with smaller shares not drawn" in plots.draw_without(odd, most=2).figure._supxlabel.get_text()


# --- calibration ------------------------------------------------------------------------------------------------


def test_ranks_are_drawn_less_what_even_ones_would_be():
    ranks = np.random.default_rng(3).beta(0.6, 0.6, 200)
    points, low, high = ecdf_band(200)
    ax = plots.draw_calibration(ranks, (points, low, high))
    (curve,) = find(ax, "ranks")
    x, y = curve.get_xdata(), curve.get_ydata()
    for at in (0.1, 0.35, 0.8):
        k = np.searchsorted(x, at, side="right") - 1
        assert np.isclose(y[k] + x[k], np.mean(ranks <= at))
    (band,) = [one for one in ax.collections if one.get_label() == "band"]
    heights = band.get_paths()[0].vertices[:, 1]
    assert np.isclose(heights.max(), (high - points).max())
    assert np.isclose(heights.min(), (low - points).min())
    assert "leaves the band" in ax.figure._supxlabel.get_text()
    even = plots.draw_calibration((np.arange(200) + 0.5) / 200, (points, low, high))
    assert "stays inside" in even.figure._supxlabel.get_text()


def test_coverage_counts_truths_inside():
    ranks = np.random.default_rng(3).random(300)
    (held,) = find(plots.draw_coverage(ranks), "held")
    for level, share in zip(held.get_xdata() / 100, held.get_ydata() / 100, strict=True):
        assert np.isclose(share, np.mean((ranks >= (1 - level) / 2) & (ranks <= (1 + level) / 2)))


@pytest.mark.parametrize("ranks", [[], [0.5, 1.2], [np.nan], [-0.1]])
def test_ranks_are_shares(ranks):
    with pytest.raises(rc.InvalidValue, match="from 0 to 1"):
        plots.draw_calibration(ranks)
    with pytest.raises(rc.InvalidValue, match="from 0 to 1"):
        plots.draw_coverage(ranks)
    with pytest.raises(rc.InvalidValue, match="one length"):
        plots.draw_calibration([0.5], ([0.1, 0.2], [0.1], [0.2]))


# --- paper and ink ----------------------------------------------------------------------------------------------


def test_settings_stay_as_they_were_and_axes_are_given_back(kinds, odd, moved):
    before = dict(mpl.rcParams)
    ranks = np.linspace(0.01, 0.99, 50)
    for function, *given_ in [
        (plots.draw_claims, kinds, KILLED),
        (plots.draw_history, moved),
        (plots.draw_sources, kinds),
        (plots.draw_influence, odd),
        (plots.draw_without, odd),
        (plots.draw_calibration, ranks, ecdf_band(50)),
        (plots.draw_coverage, ranks),
    ]:
        ax = Figure(figsize=(5, 9)).add_subplot()
        assert function(*given_, ax=ax) is ax
        assert tuple(ax.figure.get_size_inches()) == (5, 9)
        assert ax.get_title(loc="left")
        assert ax.figure._suptitle is None
        draw(ax)
        assert function(*given_, ax=None, title="").figure._suptitle is None
        assert function(*given_, title="A $ title").figure._suptitle.get_text() == "A $ title"
        assert dict(mpl.rcParams) == before


def test_a_user_s_style_is_neither_followed_nor_lost(kinds):
    with mpl.rc_context({"axes.facecolor": "black", "text.usetex": True, "font.size": 30.0}):
        ax = plots.draw_claims(kinds, KILLED)
        assert mpl.colors.to_hex(ax.get_facecolor()) == "#ffffff"
        assert not ax.texts[0].get_usetex()
        assert mpl.rcParams["font.size"] == 30.0
    draw(ax)


def test_nothing_is_left_for_pyplot_to_close():
    code = (
        "import sys, reconcile as rc; from reconcile import plots; q = rc.Event('e').killed();"
        "assert 'matplotlib' not in sys.modules;"
        "plots.draw_claims(rc.estimate([rc.Claim(q, rc.Exactly(3), rc.Source('a'))]), q);"
        "print('matplotlib.pyplot' in sys.modules)"
    )
    ran = subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=False)
    assert ran.stdout.strip() == "False", ran.stderr


def test_without_matplotlib_it_is_named(kinds, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(rc.MissingDependency, match=r"a picture needs matplotlib.*reconcile-claims\[plot\]"):
        plots.draw_claims(kinds, KILLED)


def test_bad_arguments_are_refused(kinds, odd):
    with pytest.raises(rc.InvalidValue, match="level"):
        plots.draw_claims(kinds, KILLED, level=90)
    with pytest.raises(rc.InvalidValue, match="most"):
        plots.draw_claims(kinds, KILLED, most=0)
    with pytest.raises(rc.InvalidValue, match="most"):
        plots.draw_influence(odd, most=0)
    with pytest.raises(rc.UnknownQuantity):
        plots.draw_claims(kinds, MARKET.injured())


# --- lettering --------------------------------------------------------------------------------------------------

NAMES = st.text(st.characters(), max_size=120)


@given(NAMES)
def test_nothing_that_hides_or_turns_is_left(text):
    shown = legible(text)
    assert legible(shown) == shown
    for sign in shown:
        assert unicodedata.category(sign) not in ("Cc", "Cs", "Zl", "Zp")
        assert not 0x202A <= ord(sign) <= 0x202E
        assert not 0x2066 <= ord(sign) <= 0x2069
    shown.encode()


@given(st.text(st.characters(min_codepoint=32, max_codepoint=0x5FF, exclude_categories=["Cc", "Cf"]), max_size=200))
def test_legible_leaves_letters_alone(text):
    assert legible(text) == " ".join(text.split())


@settings(deadline=None)
@given(NAMES, st.integers(8, 40), st.integers(1, 3))
def test_broken_texts_fit(text, columns, lines):
    broken = wrap(legible(text), columns, lines).splitlines()
    assert len(broken) <= lines
    assert all(width_of(line) <= columns for line in broken)


@given(NAMES, st.integers(4, 60))
def test_shortened_texts_fit_and_keep_their_ends(text, columns):
    short = shorten(text, columns)
    assert width_of(short) <= max(columns, 1)
    assert short == text or "\u2026" in short


def test_names_that_differ_in_the_middle_stay_apart():
    names = [LONG.format(which) for which in ("Northern", "Southern", "Eastern")] + ["ministry"]
    assert len({shorten(name, 30) for name in names}) == 2
    assert len({shorten(name, 30) for name in distinguish(names, 30)}) == 4
    assert distinguish(["a", "b"], 30) == ["a", "b"]
