# SPDX-License-Identifier: MIT
"""Claims out: dataframes and Parquet that come back as they were, CSV that no spreadsheet runs, HXL and ArviZ."""

import csv
import io

import attrs
import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sheets import HOSTILE, UCDP, quietly

import reconcile as rc
from reconcile.io import table, ucdp
from reconcile.io.export import COLUMNS, disarm, rows, to_frame, write, write_csv

NAMES = st.text("abc XYZ\u00e9=+-@'\"", min_size=1, max_size=6).map(lambda t: " ".join(t.split())).filter(bool)
WAR = rc.Event("war")  # without details: those of an event that no row is about do not fit into a table
MARKET = rc.Event("market", place="Hillton", perpetrators={"A", "B"}, part_of=WAR)
QUAKE = rc.Event("quake", kind="earthquake", start="2031-02-03T04:17+03:00", end="2031-02-04")
NUMBERS = st.integers(0, 10**9)
VALUES = st.one_of(
    *(st.builds(kind, NUMBERS) for kind in (rc.Exactly, rc.AtLeast, rc.AtMost, rc.About)),
    st.tuples(NUMBERS, NUMBERS).map(lambda ends: rc.Between(*sorted(ends))),
    st.tuples(NUMBERS, NUMBERS, NUMBERS).map(sorted).map(lambda n: rc.Surveyed(n[1], n[0], n[2], 0.9)),
    st.sampled_from([rc.Vague("dozens"), rc.Vague("several")]),
)
CLAIMS = st.builds(
    rc.Claim,
    st.sampled_from(
        [MARKET.killed(), MARKET.injured(rc.Group(party={"A", "B"}, age="child")), WAR.missing(), QUAKE.killed()]
    ),
    VALUES,
    st.builds(rc.Source, NAMES),
    reported=st.none() | st.dates() | st.datetimes(),
    hedged=st.booleans(),
    citation=st.none() | st.builds(rc.Citation, title=st.none() | NAMES, quote=NAMES),
)
BACKENDS = ["pandas", "polars", "pyarrow"]


def days(claim):
    """Midnights come back as days."""
    midnight = claim.reported is not None and getattr(claim.reported, "hour", None) == 0
    return attrs.evolve(claim, reported=None) if midnight else claim


@given(st.lists(CLAIMS, max_size=5), st.sampled_from(BACKENDS))
def test_frames_come_back_as_they_were(claims, backend):
    claims = [days(claim) for claim in claims]
    corpus = table.read(to_frame(claims, backend))
    assert not corpus.rejected
    assert corpus.claims == tuple(claims)


@given(st.fractions(0, 1).map(float), st.fractions(0, 1).map(float))
def test_shares_come_back_to_the_last_bit(one, other):
    low, high = sorted((one, other))
    share = rc.Claim(MARKET.killed(rc.Group(age="child")), rc.Share(low, high), rc.Source("daily"))
    assert table.read(to_frame([share])).claims == (share,)


def test_links_shares_and_periods_come_back(tmp_path):
    first = rc.Claim(MARKET.killed(), rc.AtLeast(12), rc.Source("ministry", kind="government", sides={"A"}))
    claims = [
        first,
        rc.Claim(MARKET.killed(), rc.Exactly(12), rc.Source("agency"), quoted_from=first),
        rc.Claim(MARKET.killed(), rc.Exactly(14), rc.Source("ministry", kind="government", sides={"A"}), revises=first),
        rc.Claim(MARKET.killed(), rc.Exactly(12), rc.Source("daily"), quoted_from=rc.Source("doctors")),
        rc.Claim(MARKET.killed(rc.Group(age="child")), rc.Share(0.5, 0.5), rc.Source("daily"), as_of="2031-02-03"),
        rc.Claim(WAR.killed(period=rc.Period("2031-01-01", "2031-01-31")), rc.Between(3, 9), rc.Source("daily")),
    ]
    for name in ("claims.csv", "claims.parquet"):
        path = tmp_path / name
        write(claims, path)
        corpus = table.read(path)
        assert not corpus.rejected
        # The linked claim gets an id of its own in the file; that id is its hash.
        assert corpus.claims == tuple(claims)


@pytest.mark.parametrize("name", ["claims.xlsx", "claims", "csv"])
def test_other_endings_are_refused(tmp_path, name):
    with pytest.raises(rc.InvalidValue, match=r"\.csv or \.parquet"):
        write([], tmp_path / name)


@pytest.mark.parametrize(
    "cell", ["=1+2", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", " =1", "\uff1d1", "-", "\u3000=1"]
)
def test_formulas_are_disarmed(cell):
    assert disarm(cell) == f"'{cell}"
    assert disarm(disarm(cell)) == disarm(cell)


@given(st.text(), st.integers(), st.none() | st.floats())
def test_only_texts_are_disarmed_and_none_is_left_armed(text, number, other):
    assert not disarm(text).lstrip().startswith(("=", "+", "-", "@"))
    assert disarm(text) in (text, f"'{text}")
    assert disarm(number) is number
    assert disarm(other) is other


def test_no_cell_of_a_written_file_is_a_formula(tmp_path):
    evil = rc.Event("=cmd|' /C calc'!A0", place="@SUM(A1)", perpetrators={"+1"})
    quote = rc.Citation(quote="-2+3", title="<script>alert(1)</script>")
    path = tmp_path / "claims.csv"
    write([rc.Claim(evil.killed(rc.Group(party="-x")), rc.Exactly(3), rc.Source("=1+2"), citation=quote)], path)
    cells = [cell for row in csv.reader(io.StringIO(path.read_text(encoding="utf-8"))) for cell in row]
    assert not [cell for cell in cells if cell.lstrip().startswith(("=", "+", "-", "@"))]
    assert "<script>alert(1)</script>" in cells


def test_headings_are_disarmed_too():
    out = io.StringIO()
    write_csv([{"=evil": -5}], ["=evil"], out)
    assert out.getvalue() == "'=evil\n-5\n"


@pytest.mark.parametrize("cell", HOSTILE)
def test_what_is_read_is_written(cell, tmp_path):
    text = UCDP.replace("Rebels", cell.replace("\n", " ")) if "\ud800" not in cell else UCDP
    corpus = quietly(ucdp.read, io.StringIO(text), parts=True)
    write(corpus, tmp_path / "claims.csv")
    assert len(pd.read_csv(tmp_path / "claims.csv")) == len(corpus)


def test_all_columns_are_known_to_the_reader():
    assert set(COLUMNS) == set(table.COLUMNS)
    (row,) = rows([rc.Claim(MARKET.killed(), rc.Exactly(3), rc.Source("daily"))])
    assert tuple(row) == COLUMNS


# --- ArviZ --------------------------------------------------------------------------------------------------------


def two_counts():
    clash = rc.Event("clash")
    return rc.estimate(
        [
            rc.Claim(clash.killed(), rc.Exactly(9), rc.Source("daily")),
            rc.Claim(clash.injured(), rc.Between(12, 30), rc.Source("weekly")),
        ]
    )


def test_draws_follow_the_estimates():
    pytest.importorskip("xarray")
    posterior = two_counts()
    tree = posterior.to_datatree(4_000, seed=1)
    counts = tree["posterior"]["count"]
    assert counts.dims == ("chain", "draw", "quantity")
    assert counts.shape == (1, 4_000, 2)
    for quantity in posterior:
        draws = counts.sel(quantity=str(quantity)).to_numpy().ravel()
        low, high = posterior[quantity].eti(0.9)
        inside = float(posterior[quantity].cdf(high) - posterior[quantity].cdf(low - 1))
        # Four standard errors of a share of 4,000 draws.
        assert (
            abs(np.mean((draws >= low) & (draws <= high)) - inside) < 4 * np.sqrt(inside * (1 - inside) / 4_000) + 1e-3
        )
    for row, at in zip(posterior.rows(), range(2), strict=True):
        for name in ("median", "low", "high", "claims", "origins"):
            assert tree["summary"][name].to_numpy()[at] == row[name]
        assert str(counts["event"].to_numpy()[at]) == row["event"]


def test_learned_sources_come_with_their_draws():
    pytest.importorskip("xarray")
    names = ("daily", "weekly")
    claims = [
        rc.Claim(rc.Event(f"e{n}").killed(), rc.Exactly(5 + n + (n % 3 == 0) * (name == "daily")), rc.Source(name))
        for n in range(21)
        for name in names
    ]
    posterior = rc.estimate(claims, draws=64)
    sources = posterior.to_datatree(20)["sources"]
    for name in names:
        one = posterior.sources[name]
        assert {parameter for parameter, _ in one.draws} <= set(sources.data_vars)
        for (parameter, relation), draws in one.draws.items():
            found = sources[parameter].sel(source=name, **({} if relation is None else {"relation": str(relation)}))
            assert np.array_equal(found.to_numpy().ravel(), draws)
    assert "sources" in two_counts().to_datatree(20)


def test_draws_are_the_same_for_the_same_seed():
    xarray = pytest.importorskip("xarray")
    posterior = two_counts()
    one, same, other = (posterior.to_datatree(50, seed=seed)["posterior"].to_dataset() for seed in (3, 3, 4))
    xarray.testing.assert_identical(one, same)
    assert not one.equals(other)


@pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::DeprecationWarning", "ignore::UserWarning")
def test_arviz_takes_the_tree():
    arviz = pytest.importorskip("arviz")
    posterior = two_counts()
    tree = posterior.to_datatree(500)
    old = arviz.__version__.startswith("0.")
    summary = arviz.summary(tree["posterior"].to_dataset() if old else tree, kind="stats")
    assert list(summary.index) == [f"count[{quantity}]" for quantity in posterior]
    if old:
        assert arviz.InferenceData.from_datatree(tree).groups() == ["posterior", "summary", "sources"]


def test_without_an_estimate_there_is_no_tree():
    with pytest.raises(rc.InvalidValue, match="a posterior with an estimate"):
        rc.estimate([]).to_datatree()
    with pytest.raises(rc.InvalidValue, match="a whole number from 1"):
        two_counts().to_datatree(0)


def test_xarray_is_named_where_it_is_absent(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "xarray", None)
    with pytest.raises(rc.MissingDependency, match=r"reconcile-claims\[arviz\]"):
        two_counts().to_datatree()
