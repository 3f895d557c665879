# SPDX-License-Identifier: MIT
"""Estimates with HXL hashtags: tags of the standard's form, the right numbers, nothing that a spreadsheet runs."""

import csv
import functools
import io
import re

import pytest

import reconcile as rc
from reconcile.io.hxl import tabulate, write

# Hashtags and attributes begin with a letter, in small letters, digits and underscores (HXL 1.1, tagging conventions).
TAG = re.compile(r"#[a-z][a-z0-9_]*(\+[a-z][a-z0-9_]*)*")


@functools.cache
def three_counts():
    market = rc.Event("market", place="=Hillton", start="2031-01-02", end="2031-01-03")
    return rc.estimate(
        [
            rc.Claim(market.killed(), rc.Exactly(9), rc.Source("daily")),
            rc.Claim(market.injured(), rc.Exactly(20), rc.Source("daily")),
            rc.Claim(market.killed(rc.Group(age="child")), rc.Exactly(2), rc.Source("weekly")),
            rc.Claim(
                rc.Event("fire").count("3rd-degree burns", period=rc.Period("2031-01-02", "2031-01-02")),
                rc.Exactly(4),
                rc.Source("weekly"),
            ),
        ]
    )


def test_every_estimate_stands_under_its_tags():
    posterior = three_counts()
    headings, tags, *lines = tabulate(posterior)
    assert len(headings) == len(tags) == len(set(tags))
    assert all(TAG.fullmatch(tag) for tag in tags)
    assert len(lines) == 3
    cells = {(line[6], line[4] is not None): dict(zip(tags, line, strict=True)) for line in lines}
    for quantity in posterior:
        group = None if quantity.group == rc.Group() else str(quantity.group)
        line = cells[group, quantity.period is not None]
        tag = {"3rd-degree burns": "o_3rd_degree_burns"}.get(quantity.outcome.name, quantity.outcome.name)
        one = posterior[quantity]
        found = tuple(line[f"#affected+{tag}+{end}"] for end in ("median", "p5", "p95"))
        assert found == (one.median(), *one.eti(0.9))
    assert cells[None, False]["#meta+claims+num"] == 2
    assert cells["child", False]["#affected+injured+median"] is None


def test_events_begin_at_a_day_or_at_a_time():
    events = [rc.Event("a", start="2031-01-02", end="2031-01-03"), rc.Event("b", start="2031-01-02 14:30")]
    posterior = rc.estimate([rc.Claim(event.killed(), rc.Exactly(4), rc.Source("weekly")) for event in events])
    text = io.StringIO()
    write(posterior, text)
    cells = [line.split(",")[:4] for line in text.getvalue().splitlines()[2:]]
    assert sorted(cells) == [["a", "", "2031-01-02", "2031-01-03"], ["b", "", "2031-01-02T14:30:00", ""]]


def test_two_peaks_stand_beside_the_median():
    killed = rc.Event("market").killed()
    posterior = rc.estimate([rc.Claim(killed, rc.Exactly(n), rc.Source(f"s{n}")) for n in (3, 17)])
    _, tags, line = tabulate(posterior)
    assert dict(zip(tags, line, strict=True))["#description+killed+peaks"] == posterior.rows()[0]["peaks"] != ""


def test_the_level_names_the_quantiles():
    tags = tabulate(three_counts(), level=0.98)[1]
    assert "#affected+killed+p1" in tags
    assert "#affected+killed+p99" in tags


@pytest.mark.parametrize("level", [0.95, 0, 1, 1.5, -0.9, float("nan")])
def test_levels_that_leave_no_whole_percent_are_refused(level):
    with pytest.raises(rc.InvalidValue, match="a whole percent"):
        tabulate(three_counts(), level=level)


def test_files_hold_what_is_tabulated_and_no_formula(tmp_path):
    posterior = three_counts()
    path = tmp_path / "estimates.csv"
    write(posterior, path)
    out = io.StringIO()
    write(posterior, out)
    assert path.read_text(encoding="utf-8") == out.getvalue()
    cells = list(csv.reader(io.StringIO(out.getvalue())))
    said = [["" if cell is None else str(cell) for cell in line] for line in tabulate(posterior)]
    assert [[cell.removeprefix("'") for cell in line] for line in cells] == said
    assert "'=Hillton" in {line[1] for line in cells}
