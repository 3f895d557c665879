# SPDX-License-Identifier: MIT
"""What the strategies draw is valid, reaches the edges, and shrinks to what a person would write."""

from __future__ import annotations

import datetime
import io
import json
import pathlib
import pickle
import random
import subprocess
import sys
import textwrap
import tomllib
import typing
import warnings

import attrs
import pytest
from hypothesis import Phase, find, given, settings
from hypothesis import strategies as st

import reconcile as rc
from reconcile.accounts import build_accounts
from reconcile.channels import Denial, Fidelity, GrossError, LogStudent
from reconcile.io.table import COLUMNS, read
from reconcile.roles import assign_roles
from reconcile.speech import LEXICON, Speech
from reconcile.testing import _plugin, strategies
from reconcile.testing.strategies import _tables, _values
from reconcile.values.kinds import LARGEST

ROOT = pathlib.Path(__file__).parents[1]
PUBLIC = {
    "abouts": rc.About,
    "at_leasts": rc.AtLeast,
    "at_mosts": rc.AtMost,
    "betweens": rc.Between,
    "channels": (Denial, Fidelity, GrossError, LogStudent),
    "citations": rc.Citation,
    "claims": rc.Claim,
    "corpora": list,
    "count_priors": rc.CountPrior,
    "counts": int,
    "event_kinds": rc.EventKind,
    "events": rc.Event,
    "exactlys": rc.Exactly,
    "groups": rc.Group,
    "models": rc.Model,
    "moments": object,
    "names": str,
    "normals": rc.Normal,
    "outcomes": rc.Outcome,
    "periods": rc.Period,
    "quantities": rc.Quantity,
    "rejects": rc.Rejected,
    "relations": rc.Relation,
    "shares": rc.Share,
    "small_corpora": list,
    "source_kinds": rc.SourceKind,
    "sources": rc.Source,
    "speeches": Speech,
    "surveyeds": rc.Surveyed,
    "tables": bytes,
    "vagues": rc.Vague,
    "values": rc.Value,
}
NAMES_IN_REPRS = {name: getattr(rc, name) for name in rc.__all__} | {"datetime": datetime, "Speech": Speech}
RECORDS = [kind for kind in PUBLIC.values() if isinstance(kind, type) and attrs.has(kind) and kind is not rc.Model]


def test_every_strategy_is_listed_here():
    assert sorted(PUBLIC) == strategies.__all__


@pytest.mark.parametrize("name", PUBLIC)
def test_what_is_drawn_is_of_its_kind(name):
    @settings(max_examples=30)
    @given(getattr(strategies, name)())
    def look(drawn):
        assert isinstance(drawn, PUBLIC[name])
        if type(drawn) in RECORDS:
            assert eval(repr(drawn), NAMES_IN_REPRS) == drawn
            assert pickle.loads(pickle.dumps(drawn)) == drawn

    look()


@given(strategies.corpora() | strategies.small_corpora())
def test_lists_of_claims_can_be_read_together(claims):
    corpus = rc.Corpus(claims)
    assert len({claim.id for claim in claims}) == len(claims)
    assert len(assign_roles(corpus)) == len(claims)
    build_accounts(claim.quantity for claim in claims)


@given(strategies.corpora(claims=strategies.claims(), min_size=2, max_size=4))
def test_claims_drawn_apart_are_made_fit_to_be_read_together(claims):
    assert 2 <= len(claims) <= 4
    assert len(assign_roles(rc.Corpus(claims))) == len(claims)


@given(strategies.small_corpora(counts=st.integers(3, 5), max_size=3, max_sources=2, links=False))
def test_small_corpora_are_as_small_as_asked(claims):
    assert 1 <= len(claims) <= 3
    assert {claim.source.name for claim in claims} <= {"a", "b"}
    assert all(claim.quoted_from is None and claim.revises is None for claim in claims)
    numbers = [n for claim in claims for n in attrs.astuple(claim.value) if isinstance(n, int)]
    assert all(3 <= n <= 5 for n in numbers)


@given(strategies.tables())
def test_no_table_breaks_the_reader(table):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", rc.ClaimsWarning)
        try:
            corpus = read(io.BytesIO(table))
        except rc.UnreadableTable:
            return
        assert read(io.BytesIO(table)) == corpus


def test_tables_are_read_and_refused():
    def outcome(table):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", rc.ClaimsWarning)
            try:
                corpus = read(io.BytesIO(table))
            except rc.UnreadableTable:
                return "refused"
        return {(True, False): "read", (True, True): "read in part", (False, True): "rejected"}.get(
            (len(corpus) > 0, len(corpus.rejected) > 0), "empty"
        )

    for what in ("refused", "read", "read in part", "rejected", "empty"):
        reaches(strategies.tables(), lambda table, what=what: outcome(table) == what)


def test_tables_know_every_column_and_words_stand_in_the_lexicon():
    assert {*_tables._REQUIRED, *_tables._OPTIONAL} == set(COLUMNS)
    assert set(_values._WORDS) <= set(LEXICON)


# --- edges ---------------------------------------------------------------------------------------------------------


# `find` prints no explanation, so needs none.
FIND = settings(max_examples=3_000, database=None, report_multiple_bugs=False, phases=[Phase.generate, Phase.shrink])
UNSHRUNK = settings(FIND, derandomize=True, phases=[Phase.generate])


def reaches(strategy, *conditions):
    """Whether each condition is met by something drawn; `find` raises where one is not."""
    for condition in conditions:
        find(strategy, condition, settings=UNSHRUNK)


def test_numbers_reach_their_edges():
    reaches(strategies.counts(), lambda n: n == 0, lambda n: n == 1, lambda n: n == 10**9, lambda n: n > 10**6)
    reaches(strategies.counts(), lambda n: n > 1_000 and n % 1_000 == 0)
    reaches(strategies.counts(max_value=10**12), lambda n: n == LARGEST)
    reaches(strategies.betweens(), lambda v: v.high == v.low, lambda v: v.high == v.low + 1 > 1_000)
    reaches(
        strategies.shares(), lambda v: v.low == v.high == 0, lambda v: v.low == v.high == 1, lambda v: v.low < v.high
    )
    reaches(strategies.counts(max_value=0), lambda n: n == 0)


def test_names_reach_their_edges():
    reaches(
        strategies.names(),
        lambda name: not name.isprintable(),
        lambda name: any(ord(sign) in range(0x5D0, 0x700) for sign in name),
        lambda name: name.startswith("="),
        lambda name: len(name) == 1_000,
    )


def test_claims_have_to_do_with_each_other():
    def outcomes(claims):
        events = {claim.quantity.event for claim in claims}
        return {(event, str(c.quantity.outcome)) for event in events for c in claims if c.quantity.event == event}

    reaches(
        strategies.corpora(),
        lambda claims: any(
            {(e, "killed"), (e, "injured"), (e, "casualties")} <= outcomes(claims) for e, _ in outcomes(claims)
        ),
        lambda claims: any(claim.quantity.event.part_of for claim in claims),
        lambda claims: any(isinstance(claim.quoted_from, str) for claim in claims),
        lambda claims: any(isinstance(claim.quoted_from, rc.Source) for claim in claims),
        lambda claims: any(claim.revises for claim in claims),
        lambda claims: any(isinstance(claim.value, rc.Share) for claim in claims),
        lambda claims: len({claim.quantity.group for claim in claims}) > 2,
    )


# --- shrinking -----------------------------------------------------------------------------------------------------

A, DAY = "Event('a')", "datetime.date(2000, 1, 1)"
KILLED = f"Quantity({A}, Outcome('killed'))"


@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize(
    "strategy, condition, simplest",
    [
        (strategies.counts(), lambda n: n > 100, "101"),
        (strategies.counts(), lambda n: n >= 1_000, "1000"),
        (strategies.names(), lambda _: True, "'a'"),
        (strategies.names(), lambda name: name != "a", "'b'"),
        (strategies.sources(), lambda source: source.sides, "Source('a', sides={'a'})"),
        (strategies.sources(), lambda source: source.kind != "unknown", "Source('a', kind='government')"),
        (strategies.groups(), lambda group: group["age"], "Group(age='child')"),
        (strategies.events(), lambda event: event.part_of, "Event('a', part_of=Event('b'))"),
        (strategies.quantities(), lambda quantity: quantity.period,
         f"Quantity({A}, Outcome('killed'), period=Period({DAY}, {DAY}))"),
        (strategies.values(), lambda _: True, "Exactly(0)"),
        (strategies.values(), lambda value: not isinstance(value, rc.Exactly), "AtLeast(0)"),
        (strategies.betweens(), lambda value: value.high > value.low, "Between(0, 1)"),
        (strategies.surveyeds(), lambda value: value.low < value.point < value.high, "Surveyed(1, 0, 2)"),
        (strategies.claims(), lambda _: True, f"Claim({KILLED}, Exactly(0), Source('a'))"),
        (strategies.claims(), lambda claim: claim.citation,
         f"Claim({KILLED}, Exactly(0), Source('a'), citation=Citation())"),
        (strategies.claims(), lambda claim: claim.reported,
         f"Claim({KILLED}, Exactly(0), Source('a'), reported={DAY})"),
        (strategies.claims(), lambda claim: isinstance(claim.value, rc.Share),
         f"Claim(Quantity({A}, Outcome('killed'), group=Group(age='child')), Share(0.5, 0.5), Source('a'))"),
        (strategies.corpora(), lambda claims: claims, f"[Claim({KILLED}, Exactly(0), Source('a'))]"),
    ],
)  # fmt: skip
def test_the_simplest_is_what_a_person_would_write(strategy, condition, simplest, seed):
    assert repr(find(strategy, condition, settings=FIND, random=random.Random(seed))) == simplest


def test_two_sources_shrink_to_two_claims():
    claims = find(
        strategies.small_corpora(),
        lambda claims: len({c.source for c in claims}) > 1,
        settings=FIND,
        random=random.Random(0),
    )
    assert list(map(str, claims)) == ["a: 0 killed, a", "b: 0 killed, a"]


def test_a_relay_shrinks_to_few_claims():
    claims = find(
        strategies.small_corpora(),
        lambda claims: any(isinstance(c.quoted_from, str) for c in claims),
        settings=FIND,
        random=random.Random(1),
    )
    # Hypothesis does not always find the way from three claims to two.
    assert len(claims) <= 3
    assert claims[-1].quoted_from == claims[0].id
    assert {str(claim) for claim in claims} == {"a: 0 killed, a"}


# --- entry point ---------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """A folder that tells Hypothesis of the entry point, as an installed package does."""
    folder = tmp_path_factory.mktemp("site")
    points = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["entry-points"]["hypothesis"]
    info = folder / "reconcile_claims-0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: reconcile-claims\nVersion: 0\n")
    (info / "entry_points.txt").write_text(
        "[hypothesis]\n" + "\n".join(f"{name} = {target}" for name, target in points.items()) + "\n"
    )
    return folder


def run(installed, script):
    """Run a script where the entry point is installed, and read the JSON that it prints."""
    path = [str(installed), str(ROOT / "src")]
    head = f"import sys; sys.path[:0] = {path!r}\n"
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", head + textwrap.dedent(script)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_importing_hypothesis_imports_no_room_of_ours(installed):
    loaded = run(
        installed,
        """
        import json, hypothesis
        ours = ("reconcile", "numpy", "scipy")
        print(json.dumps([name for name in sys.modules if name.partition(".")[0] in ours]))
        """,
    )
    assert set(loaded) == {"reconcile", "reconcile.testing", "reconcile.testing._plugin"}


@pytest.mark.parametrize("first", ["hypothesis", "reconcile.model, reconcile.claims", "reconcile.testing.strategies"])
def test_types_are_drawn_whatever_is_imported_first(installed, first):
    drawn = run(
        installed,
        f"""
        import {first}
        import json
        import reconcile as rc
        from reconcile.channels import Channel
        from reconcile.speech import Speech
        import hypothesis
        from hypothesis import strategies as st
        from reconcile.testing._plugin import STRATEGIES
        phases = [hypothesis.Phase.generate, hypothesis.Phase.shrink]
        once = hypothesis.settings(database=None, report_multiple_bugs=False, phases=phases)
        found = {{}}
        for room, kinds in STRATEGIES.items():
            for name in kinds:
                kind = getattr(sys.modules[room], name)
                found[name] = repr(hypothesis.find(st.from_type(kind), lambda _: True, settings=once))
        found["Value"] = repr(hypothesis.find(st.from_type(rc.Value), lambda _: True, settings=once))
        print(json.dumps(found))
        """,
    )
    assert drawn["Claim"] == "Claim(Quantity(Event('a'), Outcome('killed')), Exactly(0), Source('a'))"
    assert drawn["Value"].split("(")[0] in {kind.__name__ for kind in typing.get_args(rc.Value)}
    assert drawn["Corpus"] == "Corpus([])"
    assert drawn["CountPrior"].startswith("CountPrior(zero=0.5")


def test_the_entry_point_knows_every_record_that_users_make():
    made = {
        kind.__name__
        for kind in (*RECORDS, *typing.get_args(rc.Value), rc.Model, rc.Corpus, rc.EventKind, rc.SourceKind)
    }
    assert made <= {name for kinds in _plugin.STRATEGIES.values() for name in kinds}
    assert {name for kinds in _plugin.STRATEGIES.values() for name in kinds.values()} <= set(strategies.__all__)
