# SPDX-License-Identifier: MIT
"""The report: one page that holds everything, escapes everything, asks nobody, and is the same every time."""

from __future__ import annotations

import hashlib
import os
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from worlds import CHILD, MARKET, MINISTRY, MONITOR, claim

import reconcile as rc
from reconcile import report
from reconcile.digests import digest
from reconcile.io import table
from reconcile.plots import draw_claims
from reconcile.plots.lettering import legible
from reconcile.report.contents import link_of
from reconcile.report.drawings import to_svg
from reconcile.report.sentences import how_often, say_bearing, say_estimate

EXAMPLE = Path(__file__).parents[1] / "examples" / "taftanaz.csv"
KILLED = MARKET.killed()
TAGS = {
    "html", "head", "meta", "title", "style", "body", "header", "main", "section", "article", "h1", "h2", "h3", "p",
    "ul", "ol", "li", "div", "table", "colgroup", "col", "thead", "tbody", "tr", "th", "td", "a", "bdi",
    "q", "span", "strong",
    "code", "pre", "figure", "figcaption", "svg", "g", "path", "defs", "use", "text", "tspan", "clipPath", "rect",
}  # fmt: skip
ATTRIBUTES = {
    "lang", "charset", "name", "content", "http-equiv", "class", "id", "href", "rel", "data-label", "viewBox", "role",
    "aria-label", "style", "d", "x", "y", "width", "height", "transform", "clip-path",
}  # fmt: skip
HOSTILE = [
    "<script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "evil\u202egnp.exe", "nul\x00\x07bell",
    "]]>&amp;&#60;<!--",
    "{{ 7*7 }}{% raw %}", "$\\frac{1}{2}", "</style></title></svg><b>", "a\ud800b", "\ufffe", "وزارة الصحة", "x" * 300,
    "'; DROP TABLE", "url(http://example.org/a.png)", "<!DOCTYPE x>",
]  # fmt: skip


def parse(page):
    """Read the page as XML, which forgives nothing."""
    assert page.startswith("<!DOCTYPE html>\n")
    root = ET.fromstring(page.partition("\n")[2])
    assert root.tag == "html"
    return root


def words(element):
    return " ".join("".join(element.itertext()).split())


def assert_harmless(page):
    root = parse(page)
    ids = [element.attrib["id"] for element in root.iter() if "id" in element.attrib]
    assert len(ids) == len(set(ids))
    for element in root.iter():
        assert element.tag in TAGS
        for name, value in element.attrib.items():
            assert name in ATTRIBUTES
            if name == "href":
                assert re.match(r"https?://", value) if element.tag == "a" and value[0] != "#" else value[1:] in ids
            if name in ("style", "clip-path"):
                assert "http" not in value
                assert all(found in ids for found in re.findall(r"url\(#(.*?)\)", value))
                assert len(re.findall(r"url\(", value)) == len(re.findall(r"url\(#", value))
            if name == "style" or element.tag == "style":
                assert "expression" not in value
    (style,) = root.iter("style")
    assert "@import" not in style.text
    assert "url(" not in style.text
    for sign in page:
        assert (
            sign.isprintable()
            or sign in "\n\u200c\u200d\u200e\u200f\u061c\u00ad"
            or sign.isspace()
            or ord(sign) > 0x2FFF
        )
    assert "<script" not in page.lower()
    page.encode()
    return root


@pytest.fixture(scope="module")
def taftanaz():
    return rc.estimate(table.read(EXAMPLE), draws=64)


@pytest.fixture(scope="module")
def market():
    cited = rc.Citation(url="https://example.org/a", publisher="agency", quote="at least twelve were killed")
    claims = [
        claim(KILLED, rc.AtLeast(12), MINISTRY, reported="2020-02-01", citation=cited, id="c1"),
        claim(KILLED, 14, MONITOR, reported="2020-02-02", id="c2"),
        claim(KILLED, rc.About(15), "radio", reported="2020-02-03", id="c3"),
        claim(rc.Event("raid").injured(), 4, "hospital", id="c4"),
        claim(rc.Event("siege").displaced(), rc.Vague("hundreds"), "witness", id="c5"),
    ]
    return rc.estimate(claims)


@pytest.fixture(scope="module")
def page(market):
    return report.render(market, most=2)


@pytest.fixture(scope="module")
def troubled():
    claims = [
        claim(KILLED, 10, MONITOR, reported="2020-01-01", id="old"),
        claim(KILLED, 12, MONITOR, reported="2020-01-03", id="new"),
        claim(KILLED, 12, "wire", quoted_from=MONITOR, reported="2020-01-04", id="relay"),
        claim(KILLED, 95, MINISTRY, reported="2020-01-04", id="other"),
        claim(MARKET.killed(CHILD), rc.Vague("dozens"), "witness", reported="2020-01-04", id="children", hedged=True),
    ]
    rejected = [rc.Rejected(7, "value", "cannot read 'none or some'", "market,killed,,none or some,radio")]
    return rc.estimate(rc.Corpus(claims, rejected))


def test_the_page_is_well_formed_and_harmless(page):
    root = assert_harmless(page)
    assert root.attrib["lang"] == "en"
    HTMLParser().feed(page)


def test_every_claim_source_and_count_is_on_the_page(taftanaz):
    root = assert_harmless(report.render(taftanaz, most=0))
    said = words(root)
    listed = [words(row[0]) for row in root.findall(".//*[@id='claims']/../table/tbody/tr")]
    for one in taftanaz.corpus:
        assert f"{one.id}{one.reported}" in listed
        assert one.citation.quote in said
        assert str(one.source) in said
        assert str(one.value) in said
    for quantity, row in zip(taftanaz.quantities, taftanaz.rows(), strict=True):
        number, low, high = taftanaz[quantity].readable()
        assert re.search(re.escape(f"{quantity}") + rf"\W*{number:,}\W+{low:,}–{high:,}\s+{row['claims']}\b", said)


def test_nothing_is_left_out_in_silence(market, page):
    root = parse(page)
    assert len(list(root.iter("article"))) == 2
    said = words(root)
    left = len(market) - 2
    assert f"given for 2 counts, those with the most claims. {left} more is in the table" in said
    assert len(root.findall(".//*[@id='estimates']/../table/tbody/tr")) == len(market)
    assert len(root.findall(".//*[@id='claims']/../table/tbody/tr")) == len(market.roles)
    none = parse(report.render(market, most=0))
    assert not list(none.iter("svg"))
    assert f"{len(market)} more are in the table" in words(none)


def test_what_is_not_counted_is_listed_with_the_reason(troubled):
    root = assert_harmless(report.render(troubled, most=1))
    silent = words(root.find(".//*[@id='silent']/.."))
    for role in troubled.roles:
        assert (f"claim {role.claim.id} " in silent) == (role.role != "used")
    assert "replaced by a later claim of the same source (new" in silent or "(relay)" in silent
    rejected = words(root.find(".//*[@id='rejected']/.."))
    for text in ("7", "value", "cannot read 'none or some'", "market,killed,,none or some,radio"):
        assert text in rejected
    assert "cannot both be literally true" in words(root.find(".//*[@id='contradictions']/.."))
    short = words(root.find(".//*[@id='short']/.."))
    assert "1 row of the input could not be read and is in no estimate" in short
    assert "the claims contradict each other" in short
    assert "12 to 99" in words(root.find(".//*[@id='assumptions']/.."))


def test_contradictions_are_those_of_the_day_asked_for(troubled):
    claims = [one for one in troubled.corpus if one.id in ("old", "new", "relay")] + [
        claim(KILLED, 20, "radio", reported="2020-01-02")
    ]
    then = rc.estimate(claims, as_of="2020-01-02")
    said = words(parse(report.render(then, most=1)).find(".//*[@id='contradictions']/.."))
    assert 'monitor: "10"; radio: "20"' in said
    assert '"12"' not in said


def test_every_assumption_stands_with_its_evidence(market, page):
    rows = parse(page).findall(".//*[@id='assumptions']/../table/tbody/tr")
    found = [tuple(words(cell) for cell in row) for row in rows]
    for one in market.model.assumptions:
        assert tuple(" ".join(text.split()) for text in (one.what, one.number, one.evidence)) in found
    changed = rc.estimate(
        [claim(KILLED, 3)], rc.Model(counts={"killed": rc.CountPrior(0.2, 1, 1.5, "our own archive")})
    )
    assert "our own archive" in report.render(changed, most=0)


def test_figures_say_what_they_show(market, page):
    figures = list(parse(page).iter("svg"))
    told = [words(one) for one in parse(page).iter("h3")]
    explained = [rc.explain(market, quantity) for quantity in market if str(quantity) in told]
    assert len(figures) == 2 + sum(sum(one.without is not None for one in each.claims) > 1 for each in explained)
    for svg in figures:
        assert svg.attrib["role"] == "img"
        assert any(str(quantity) in svg.attrib["aria-label"] for quantity in market)
        assert "viewBox" in svg.attrib
        assert not {"width", "height"} & svg.attrib.keys()
    names = {word for source in market.corpus.sources for word in source.name.split()}
    assert names & {word for text in figures[0].iter("text") for word in words(text).split()}


def test_ids_of_two_figures_do_not_collide(market):
    quantity = market.quantities[0]
    one, other = (ET.fromstring(to_svg(draw_claims(market, quantity), name, "x")) for name in ("a", "b"))
    ids = [{element.attrib["id"] for element in svg.iter() if "id" in element.attrib} for svg in (one, other)]
    assert ids[0]
    assert not ids[0] & ids[1]
    assert {name.removeprefix("a-") for name in ids[0]} == {name.removeprefix("b-") for name in ids[1]}


def test_the_explanation_is_the_one_that_explain_gives(market, page):
    article = next(parse(page).iter("article"))
    quantity = next(q for q in market if words(article.find("h3")) == str(q))
    explanation = rc.explain(market, quantity)
    said = words(article)
    for one in explanation.claims:
        for line in say_bearing(explanation, one):
            assert " ".join(line.split()) in said
    for line in explanation.assumptions:
        assert " ".join(line.split()) in said


def test_a_claim_that_pulls_against_the_others_is_called_so():
    said = [("ministry", 12, 1), ("monitor", 12, 2), ("hospital", 13, 3), ("radio", 90, 4)]
    claims = [claim(KILLED, n, name, reported=f"2020-02-0{day}") for name, n, day in said]
    found = words(parse(report.render(rc.estimate(claims), histories=True)))
    assert found.count("It pulls against the others") == 1
    assert "How it moved as claims came in" in found


# --- hostile texts ----------------------------------------------------------------------------------------------


def make(text):
    event = rc.Event(f"event {text}", place=f"in {text}")
    source = rc.Source(f"s {text}", sides={f"side {text}"}, opposes={f"enemy {text}"})
    citation = rc.Citation(
        url=f"https://example.org/{text}"[:900], publisher=f"p {text}", title=f"t {text}", quote=f"q {text}"
    )
    group = rc.Group(party="party " + "".join(sign for sign in text if sign not in "|;="))
    claims = [
        rc.Claim(event.count(f"o {text}", group), rc.Exactly(4), source, citation=citation, id=f"i {text}"),
        rc.Claim(event.count(f"o {text}", group), rc.AtLeast(60), MONITOR),
    ]
    return rc.Corpus(claims, [rc.Rejected(3, f"c {text}", f"r {text}", f"x {text}")])


def assert_all_is_shown(corpus, text, most):
    posterior = rc.estimate(corpus)
    root = assert_harmless(report.render(posterior, title=f"title {text}", most=most, command=f"command {text}"))
    said = words(root)
    first = corpus.claims[0]
    wanted = [first.id, first.source.name, first.quantity.event.id, *filter(None, first.citation.texts)]
    wanted += [f"{kind} {text}" for kind in ("title", "command", "side", "enemy", "c", "r", "x")]
    for one in wanted:
        assert " ".join(legible(one).split()) in said


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_names_are_shown_and_do_nothing(text):
    assert_all_is_shown(make(text), text, most=0)


@pytest.mark.parametrize("text", [" ".join(HOSTILE[:6]), " ".join(HOSTILE[6:11])])
def test_hostile_names_do_nothing_in_explanations_and_pictures(text):
    assert_all_is_shown(make(text), text, most=1)


def test_hostile_names_do_nothing_in_pictures():
    posterior = rc.estimate([claim(KILLED, 5 + n, text, id=f"id {text}") for n, text in enumerate(HOSTILE)])
    svg = ET.fromstring(to_svg(draw_claims(posterior, KILLED, title=HOSTILE[0]), "one", HOSTILE[2]))
    assert {element.tag for element in svg.iter()} <= TAGS
    assert svg.attrib["aria-label"] == "evil\ufffdgnp.exe"
    texts = {words(text) for text in svg.iter("text")}
    assert "<script>alert(1)</script>" in texts
    assert "evil\ufffdgnp.exe" in texts


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.text(st.sampled_from("<>&\"'`={}%$\\/;:#-!?[]() abx\u202e\u2066\x00\x1b\ud800\ufffeا漢\U0001f600"), max_size=40)
)
def test_any_name_is_shown_and_does_nothing(text):
    assert_all_is_shown(make(text), text, most=0)


@pytest.mark.parametrize(
    "url",
    [
        "javascript:alert(1)", "JaVaScRiPt:alert(1)", "data:text/html,x", "//example.org", "ftp://example.org/a",
        "file:///etc",
        "http://", "https:///path", "http://user:word@example.org", "http://example.org/\u202egnp",
        "https://exa mple.org",
        "http://[::1",
        "https://example.org/<script>", "\x01https://example.org", "vbscript:x", "", None,
    ],
)  # fmt: skip
def test_only_honest_addresses_become_links(url):
    assert link_of(url) is None
    if url:
        one = claim(KILLED, 3, citation=rc.Citation(url=url))
        links = [a.attrib["href"] for a in parse(report.render(rc.estimate([one]), most=0)).iter("a")]
        assert all(link.startswith("#") for link in links)


def test_an_address_is_a_link():
    url = "https://example.org/report?id=1&lang=ar#top"
    one = claim(KILLED, 3, citation=rc.Citation(url=url))
    links = [a for a in parse(report.render(rc.estimate([one]), most=1)).iter("a") if a.attrib["href"] == url]
    assert len(links) == 2
    assert {a.attrib["rel"] for a in links} == {"nofollow noopener noreferrer"}


# --- again ------------------------------------------------------------------------------------------------------


def test_the_same_claims_give_the_same_bytes(market, page):
    again = rc.Corpus(reversed(market.corpus.claims))
    code = (
        "import datetime, hashlib; from reconcile import *; from reconcile import report;"
        f"page = report.render(estimate({again!r}), most=2);"
        "print(hashlib.sha256(page.encode()).hexdigest())"
    )
    environment = os.environ | {"PYTHONHASHSEED": "7", "TZ": "Asia/Gaza"}
    ran = subprocess.run(
        [sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=False, env=environment
    )
    assert ran.stdout.strip() == hashlib.sha256(page.encode()).hexdigest(), ran.stderr


def test_no_day_is_on_the_page_unless_it_is_given(market):
    assert "Made on" not in report.render(market, most=0)
    assert "Made on 2020-03-01." in report.render(market, most=0, dated="2020-03-01")
    with pytest.raises(rc.InvalidValue, match="dated"):
        report.render(market, dated="March")


def test_the_recipe_on_the_page_gives_the_digest_on_the_page(tmp_path, monkeypatch, capsys):
    rows = ["market,killed,,5,ministry,2020-02-01", "market,killed,,6,monitor,2020-02-12"]
    text = "\n".join(["event,outcome,group,value,source,reported", *rows])
    (tmp_path / "claims.csv").write_text(text, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    posterior = rc.estimate(table.read("claims.csv"), as_of="2020-02-10", seed=3)
    root = parse(report.render(posterior, most=0))
    pre = root.findall(".//*[@id='again']/../pre")[-1]
    exec(compile("".join(pre.itertext()), "recipe", "exec"), {})
    printed = capsys.readouterr().out.strip()
    assert printed == digest(posterior)
    assert printed in words(root.find(".//*[@id='again']/.."))
    assert f"reconcile {rc.__version__}" in words(root)


def test_a_page_on_disk(market, tmp_path):
    report.write(market, tmp_path / "r.html", most=0, title="Ж")
    assert (tmp_path / "r.html").read_bytes() == report.render(market, most=0, title="Ж").encode()


def test_nothing_was_said_by_then():
    posterior = rc.estimate([claim(KILLED, 3, reported="2020-02-10")], as_of="2019-01-01")
    said = words(assert_harmless(report.render(posterior)))
    assert "nothing to estimate" in said
    assert "said after the day asked for" in said
    assert "as known on 2019-01-01" in said


def test_a_corpus_that_was_learned_from_shows_its_sources():
    events = [rc.Event(f"e{n:02d}") for n in range(4)]
    claims = [claim(e.killed(), 5 + 7 * n + k, f"s{k}") for n, e in enumerate(events) for k in range(3)]
    posterior = rc.estimate(claims, learn=True, draws=64)
    root = assert_harmless(report.render(posterior, most=1))
    sources = root.find(".//*[@id='sources']/..")
    assert len(list(sources.iter("svg"))) == 1
    assert "was learned from all claims together" in words(sources)


@pytest.mark.parametrize("package", ["jinja2", "matplotlib"])
def test_a_missing_package_is_named(market, package, monkeypatch):
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(rc.MissingDependency, match=rf"a report needs {package}.*reconcile-claims\[report\]"):
        report.render(market)


def test_bad_arguments_are_refused(market):
    with pytest.raises(rc.InvalidValue, match="level"):
        report.render(market, level=90)
    with pytest.raises(rc.InvalidValue, match="most"):
        report.render(market, most=-1)


def test_a_count_with_two_peaks_is_shown_with_both():
    posterior = rc.estimate([claim(KILLED, 3, MINISTRY), claim(KILLED, 17, MONITOR)])
    root = assert_harmless(report.render(posterior, most=1))
    estimates = root.find(".//*[@id='estimates']/..")
    assert words(estimates.find(".//strong")) == "3 or 17"
    assert "Either about 3 (" in words(root)
    assert "above the estimate, 3 or 17 (90 %" in " ".join(svg.attrib["aria-label"] for svg in root.iter("svg"))


# --- sentences --------------------------------------------------------------------------------------------------


def test_sentences_say_what_the_estimate_says():
    def say(*numbers, level=0.9, model=None):
        claims = [claim(KILLED, n, f"s{n}{k}") for k, n in enumerate(numbers)]
        return say_estimate(rc.estimate(claims, model)[KILLED], level)

    assert say(*[3] * 6, model=rc.Model(known=None)) == "3 killed: nine times in ten that is the true number."
    posterior = rc.estimate([claim(KILLED, 5, MINISTRY), claim(KILLED, 6, MONITOR)])
    number, low, high = posterior[KILLED].readable(0.5)
    said = say_estimate(posterior[KILLED], 0.5)
    assert f"{number} killed" in said
    assert "half of the time" in said
    assert str(low) in said
    assert str(high) in said
    assert say(50, 5_000).startswith("Either about")
    said = say(3, 17)
    assert re.match(r"Either about 3 \(\d\d %\) or about 17 \(\d\d %\) killed: the claims leave it open; nine", said)
    assert how_often(0.8) == "four times in five"
    assert how_often(0.99) == "99 times in 100"
