# SPDX-License-Identifier: MIT
"""Claims, their citations and ids, rejected rows, and the corpus that holds them."""

from __future__ import annotations

import copy
import pickle

import attrs
import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconcile import claims, values, vocabulary
from reconcile.claims import Citation, Claim, Corpus, Rejected
from reconcile.columns import Moments
from reconcile.errors import InconsistentClaims, InvalidValue
from reconcile.testing import strategies
from reconcile.values import About, AtLeast, Exactly, Share, Vague
from reconcile.vocabulary import Event, Group, Period, Relation, Source

MARKET = Event("market", place="Idlib", perpetrators={"Syria", "Russia"}, part_of=Event("war"))
KILLED = MARKET.killed()
CHILDREN = MARKET.killed(Group(age="child"))
CIVIL_CHILDREN = MARKET.injured(Group(age="child", status="civilian", party={"a", "b", "c"}))
MINISTRY = Source("ministry", kind="government", sides={"Turkey"})
MONITOR = Source("monitor", kind="monitor")

TEXTS = strategies.names()
# Zones of all kinds: those with a name write themselves in other ways than ISO text does.
MOMENTS = strategies.moments() | st.datetimes(timezones=st.none() | st.timezones())


def link(claim, quoted_from, revises):
    fields = {field.name: getattr(claim, field.name) for field in attrs.fields(Claim) if field.name != "id"}
    return Claim(**fields | {"quoted_from": quoted_from, "revises": revises})


CLAIMS = st.builds(
    link, strategies.claims(moments=MOMENTS), st.none() | TEXTS | strategies.sources(), st.none() | TEXTS
)
OWN_IDS = st.builds(lambda claim, name: attrs.evolve(claim, id=name), CLAIMS, TEXTS)

NAMES_IN_REPRS = {**vars(vocabulary), **vars(values), **vars(claims)}

# --- claims -------------------------------------------------------------------------------------------------------


@given(CLAIMS | OWN_IDS)
def test_repr_rebuilds_and_copies_are_equal(claim):
    twins = [eval(repr(claim), NAMES_IN_REPRS), copy.copy(claim), copy.deepcopy(claim), attrs.evolve(claim)]
    twins += [pickle.loads(pickle.dumps(claim, protocol)) for protocol in range(2, pickle.HIGHEST_PROTOCOL + 1)]
    for twin in twins:
        assert type(twin) is Claim
        assert (twin, hash(twin), repr(twin), str(twin)) == (claim, hash(claim), repr(claim), str(claim))
        assert twin.id == claim.id


@given(CLAIMS)
def test_claims_are_frozen(claim):
    for field in attrs.fields(Claim):
        with pytest.raises(attrs.exceptions.FrozenInstanceError):
            setattr(claim, field.name, getattr(claim, field.name))


@given(CLAIMS, CLAIMS)
def test_claims_alike_in_everything_have_one_id(one, other):
    alike = all(
        (getattr(one, f.name), repr(getattr(one, f.name))) == (getattr(other, f.name), repr(getattr(other, f.name)))
        for f in attrs.fields(Claim)
        if f.name != "id"
    )
    assert (one.id == other.id) == (one == other) == alike


PLAIN = Claim(KILLED, Exactly(5), MINISTRY)
OTHERS = [
    Claim(CHILDREN, Exactly(5), MINISTRY),
    Claim(KILLED, AtLeast(5), MINISTRY),
    Claim(KILLED, Exactly(5), MONITOR),
    Claim(KILLED, Exactly(5), MINISTRY, reported="2020-02-10"),
    Claim(KILLED, Exactly(5), MINISTRY, reported="2020-02-10T00:00"),
    Claim(KILLED, Exactly(5), MINISTRY, reported="2020-02-10T00:00Z"),
    Claim(KILLED, Exactly(5), MINISTRY, as_of="2020-02-10"),
    Claim(KILLED, Exactly(5), MINISTRY, quoted_from="monitor"),
    Claim(KILLED, Exactly(5), MINISTRY, quoted_from=MONITOR),
    Claim(KILLED, Exactly(5), MINISTRY, revises="monitor"),
    Claim(KILLED, Exactly(5), MINISTRY, hedged=True),
    Claim(KILLED, Exactly(5), MINISTRY, citation=Citation(quote="five")),
    Claim(KILLED, Exactly(5), MINISTRY, citation=Citation(title="five")),
]


def test_every_field_is_part_of_the_id():
    assert len({PLAIN.id, *(claim.id for claim in OTHERS)}) == len(OTHERS) + 1
    assert all(claim.id.startswith("c") and len(claim.id) == len(PLAIN.id) for claim in OTHERS)


def test_the_id_is_that_of_the_content_however_it_was_given():
    assert Claim(KILLED, Exactly(5), MINISTRY, quoted_from=PLAIN) == Claim(
        KILLED, Exactly(5), MINISTRY, quoted_from=PLAIN.id
    )
    assert Claim(KILLED, Exactly(5), MINISTRY, revises=PLAIN).revises == PLAIN.id
    stamped = Claim(KILLED, Exactly(5), MINISTRY, reported=pd.Timestamp("2020-02-10T12:00", tz="Europe/Berlin"))
    assert stamped == Claim(KILLED, Exactly(5), MINISTRY, reported="2020-02-10T12:00+01:00")
    assert Claim(KILLED, Exactly(5), MINISTRY, id=PLAIN.id) == PLAIN
    assert repr(Claim(KILLED, Exactly(5), MINISTRY, id=PLAIN.id)) == repr(PLAIN)
    assert Claim(KILLED, Exactly(5), MINISTRY, id=" x ").id == "x"


@pytest.mark.parametrize(
    "claim, text",
    [
        (PLAIN, "ministry: 5 killed, market"),
        (Claim(CHILDREN, AtLeast(1_200), MONITOR), "monitor: at least 1,200 killed (child), market"),
        (
            Claim(KILLED, About(12), MONITOR, hedged=True, reported="2020-02-10"),
            "monitor: about 12 killed, market, hedged (2020-02-10)",
        ),
        (Claim(CHILDREN, Share(0.5, 1), MONITOR), "monitor: 50 to 100 % of everyone killed (child), market"),
        (Citation(quote="five dead", publisher="The Paper", url="https://x.org"), '"five dead", The Paper, https://x.org'),
        (Citation(title="On the dead"), "On the dead"),
        (Rejected(3, "value", "no number"), "line 3, value: no number"),
        (Rejected(3, None, "no number", "a,b"), "line 3: no number"),
    ],
)  # fmt: skip
def test_in_words(claim, text):
    assert str(claim) == text


def test_relation_and_whole():
    assert Claim(MARKET.killed(Group(party="Turkey")), Exactly(5), MINISTRY).relation is Relation.OWN
    assert Claim(KILLED, Exactly(5), Source("s", sides={"Russia"})).relation is Relation.RESPONSIBLE
    period = Period("2020-01-01", "2020-02-01")
    share = Claim(
        MARKET.injured(Group(age="child", sex="female"), period), Share(0, 0.5, of=Group(age="child")), MONITOR
    )
    assert share.whole == MARKET.injured(Group(age="child"), period)
    assert PLAIN.whole is None


@pytest.mark.parametrize(
    "make, message",
    [
        (lambda: Claim("killed", Exactly(5), MINISTRY), r"Claim\.quantity: got 'killed'; allowed: a Quantity"),
        (lambda: Claim(KILLED, 5, MINISTRY), r"Claim\.value: got 5; allowed: a value, such as Exactly\(5\)"),
        (lambda: Claim(KILLED, "five", MINISTRY), r"Claim\.value: got 'five'"),
        (lambda: Claim(KILLED, Exactly(5), "ministry"), r"Claim\.source: got 'ministry'; allowed: a Source"),
        (lambda: Claim(KILLED, Exactly(5), MINISTRY, hedged=1), r"Claim\.hedged: got 1; allowed: a bool"),
        (
            lambda: Claim(KILLED, Exactly(5), MINISTRY, reported="soon"),
            r"Claim\.reported: got 'soon'; allowed: a date or",
        ),
        (lambda: Claim(KILLED, Exactly(5), MINISTRY, as_of=2020), r"Claim\.as_of: got 2020"),
        (
            lambda: Claim(KILLED, Exactly(5), MINISTRY, as_of="2020-02-11", reported="2020-02-10T23:00"),
            r"Claim\.as_of: got datetime\.date\(2020, 2, 11\); allowed: a day or moment not after Claim\.rep",
        ),
        (lambda: Claim(KILLED, Exactly(5), MINISTRY, quoted_from=""), r"Claim\.quoted_from: got ''"),
        (lambda: Claim(KILLED, Exactly(5), MINISTRY, quoted_from=5), r"Claim\.quoted_from: got 5"),
        (lambda: Claim(KILLED, Exactly(5), MINISTRY, revises=MONITOR), r"Claim\.revises: got Source\('monitor'"),
        (lambda: Claim(KILLED, Exactly(5), MINISTRY, citation="x"), r"Claim\.citation: got 'x'; allowed: a Citation"),
        (lambda: Claim(KILLED, Exactly(5), MINISTRY, id=""), r"Claim\.id: got ''"),
        (
            lambda: Claim(KILLED, Share(0, 1), MINISTRY),
            r"Claim\.value: got Share.*; allowed: a share of a group that every",
        ),
        (lambda: Claim(CHILDREN, Share(0, 1, of=Group(sex="female")), MINISTRY), r"Claim\.value: got Share"),
        (lambda: Claim(CHILDREN, Share(0, 1, of=Group(age="child")), MINISTRY), r"Claim\.value: got Share"),
        (lambda: Citation(url=""), r"Citation\.url: got ''"),
        (lambda: Citation(quote="x" * 1001), r"Citation\.quote: got 'xxx"),
        (lambda: Corpus(None), r"Corpus\.claims: got None; allowed: a list of claims"),
        (lambda: Corpus(PLAIN), r"Corpus\.claims: got Claim"),
        (lambda: Corpus([PLAIN, "five dead"]), r"Corpus\.claims: got 'five dead'; allowed: a Claim"),
        (lambda: Corpus([], 5), r"Corpus\.rejected: got 5; allowed: rejected rows"),
        (lambda: Corpus([], ["line 5"]), r"Corpus\.rejected: got 'line 5'; allowed: a Rejected"),
    ],
)
def test_refusals_say_what_was_given_and_what_is_allowed(make, message):
    with pytest.raises(InvalidValue, match=f"^{message}"):
        make()


# --- corpus -------------------------------------------------------------------------------------------------------


def test_corpus():
    corpus = Corpus([PLAIN, *OTHERS, PLAIN], [Rejected(7, "value", "no number", "e,killed,,x,s")])
    assert len(corpus) == len(OTHERS) + 2
    assert list(corpus) == [PLAIN, *OTHERS, PLAIN]
    assert [claim.id for claim in corpus.ordered] == sorted({claim.id for claim in corpus})
    assert corpus.sources == (MINISTRY, MONITOR)
    assert str(corpus) == f"{len(OTHERS) + 2} claims by 2 sources about 1 event; 1 row rejected"
    assert str(Corpus()) == "0 claims by 0 sources about 0 events"
    assert Corpus(iter([PLAIN])) == Corpus((PLAIN,)) == Corpus(Corpus([PLAIN]))


@given(strategies.corpora(max_size=3), st.lists(strategies.rejects(), max_size=2))
def test_corpus_repr_rebuilds_and_copies_are_equal(claims, rejected):
    """A rejected row once forgot its text in its repr."""
    corpus = Corpus(claims, rejected)
    for twin in (eval(repr(corpus), NAMES_IN_REPRS), copy.deepcopy(corpus), pickle.loads(pickle.dumps(corpus))):
        assert (twin, hash(twin), twin.ordered) == (corpus, hash(corpus), corpus.ordered)


@given(st.permutations([PLAIN, *OTHERS]))
def test_order_of_claims_is_irrelevant(claims):
    one, other = Corpus(claims), Corpus([PLAIN, *OTHERS])
    assert (one.ordered, one.sources, str(one)) == (other.ordered, other.sources, str(other))


OTHER_MINISTRY = Source("ministry", kind="government", sides={"Syria"})


@pytest.mark.parametrize(
    "other, reason",
    [
        (Claim(KILLED, Exactly(6), MINISTRY, id=PLAIN.id), "two different claims have one id"),
        (Claim(CHILDREN, Exactly(5), OTHER_MINISTRY), "source 'ministry' is described in two ways: .*Turkey.*Syria"),
        (Claim(KILLED, Exactly(5), MONITOR, quoted_from=OTHER_MINISTRY), "source 'ministry' is described in two ways"),
        (Claim(KILLED, Exactly(5), OTHER_MINISTRY, quoted_from=OTHER_MINISTRY), "'ministry' is described in two ways"),
        (Claim(Event("market").killed(), Exactly(5), MONITOR), "event 'market' is described in two ways"),
        (Claim(Event("war", place="Syria").killed(), Exactly(5), MONITOR), "event 'war' is described in two ways"),
        (
            Claim(Event("street", part_of=Event("market")).killed(), Exactly(5), MONITOR),
            "event 'market' is described in two ways",
        ),
        (
            Claim(Event("x", part_of=Event("y", part_of=Event("war", place="z"))).killed(), Exactly(5), MONITOR),
            "event 'war' is described in two ways",
        ),
    ],
)  # fmt: skip
@pytest.mark.parametrize("swap", [False, True])
def test_claims_that_cannot_stand_together(other, reason, swap):
    pair = [other, PLAIN] if swap else [PLAIN, other]
    with pytest.raises(InconsistentClaims) as caught:
        Corpus(pair)
    caught.match(reason if not swap else "two")
    assert set(caught.value.claims) == {PLAIN.id, other.id}


def test_a_source_that_describes_itself_in_two_ways_in_one_claim():
    claim = Claim(KILLED, Exactly(5), MINISTRY, quoted_from=OTHER_MINISTRY)
    with pytest.raises(InconsistentClaims, match="described in two ways"):
        Corpus([claim])


def test_claims_that_can_stand_together():
    far = Event("market", place="Idlib", perpetrators=["Russia", "Syria"], part_of=Event("war"))
    corpus = Corpus(
        [
            PLAIN,
            Claim(far.killed(), Exactly(5), MONITOR),
            Claim(Event("war").injured(), Exactly(50), Source("monitor", kind="Monitor")),
            Claim(Event("street", part_of=far).killed(), Vague("dozens"), MONITOR, quoted_from=MINISTRY),
        ]
    )
    assert len({claim.quantity.event for claim in corpus}) == 3


def test_a_corpus_in_a_notebook_is_a_table_and_escapes_what_was_said():
    bad = "<script>alert('x')</script>&"
    quantity = Event(bad).killed()
    claims = [Claim(quantity, Exactly(n), Source(f"{bad}{n}"), hedged=n == 1) for n in range(60)]
    shown = Corpus(claims, [Rejected(n, bad, bad) for n in range(55)])._repr_html_()
    assert "<script" not in shown
    assert "&lt;script&gt;" in shown
    assert "1, hedged" in shown
    assert shown.count("<tr>") == 2 * 51
    assert "<p>and 10 more</p>" in shown
    assert "<p>and 5 more</p>" in shown
    assert "60 claims by 60 sources about 1 event; 55 rows rejected" in shown


def test_a_corpus_that_was_read_shows_the_same_in_a_notebook():
    from reconcile.io import table

    claims = [Claim(Event("market").killed(), Exactly(n), Source(f"s{n}")) for n in range(3)]
    rows = [{"event": "market", "outcome": "killed", "group": "", "value": n, "source": f"s{n}"} for n in range(3)]
    read = table.read(pd.DataFrame(rows))
    assert read._repr_html_() == Corpus(claims)._repr_html_()


# --- when -----------------------------------------------------------------------------------------------------------


@given(strategies.moments(), strategies.moments())
def test_a_claim_speaks_of_no_day_after_it_was_reported(as_of, reported):
    table = Moments.of([as_of, reported])
    if table.take(np.array([0])).later(table.take(np.array([1])))[0]:
        with pytest.raises(InvalidValue, match=r"Claim\.as_of"):
            Claim(KILLED, Exactly(5), MINISTRY, as_of=as_of, reported=reported)
    else:
        claim = Claim(KILLED, Exactly(5), MINISTRY, as_of=as_of, reported=reported)
        assert (claim.as_of, claim.reported) == (as_of, reported)


@pytest.mark.parametrize(
    "as_of, reported",
    [
        ("2020-02-10", "2020-02-10T00:00"),
        ("2020-02-10T23:00", "2020-02-10"),
        ("2020-02-10T23:00", "2020-02-10T01:00+03:00"),
        ("2020-02-11T01:00+03:00", "2020-02-10T22:00+00:00"),
    ],
)
def test_a_day_and_a_time_within_it_have_no_order(as_of, reported):
    assert Claim(KILLED, Exactly(5), MINISTRY, as_of=as_of, reported=reported).as_of is not None
