# SPDX-License-Identifier: MIT
import dataclasses
import datetime
import enum
import functools
import io
import itertools
import os
import random
import subprocess
import sys
from typing import NamedTuple

import attrs
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from worlds import claim

import reconcile as rc
from reconcile.channels import Denial, Fidelity, LogStudent
from reconcile.claims import Citation, Corpus
from reconcile.digests import canonical, digest, digest_corpus, digest_model
from reconcile.io import table
from reconcile.model import CountPrior, Model, Normal
from reconcile.speech import Speech

STREET = rc.Event("street")
MARKET = rc.Event("market", place="Idlib", start="2020-02-01", end="2020-02-02", perpetrators={"S"}, part_of=STREET)
TOLD = rc.Claim(STREET.killed(), rc.Exactly(3), rc.Source("ministry"))
RELAY = rc.Claim(
    MARKET.killed(rc.Group(party="T")),
    rc.Between(3, 5),
    rc.Source("agency", kind="media", sides={"T"}, opposes={"S"}),
    reported="2020-02-03T10:00:00+02:00",
    as_of="2020-02-02",
    quoted_from=rc.Source("hospital"),
    revises=TOLD,
    hedged=True,
    citation=Citation(url="https://example.org/1", publisher="agency", title="Strike", quote="3 to 5 dead"),
    id="r1",
)


def changed(**fields):
    return attrs.evolve(RELAY, **fields)


def regroup(**facets):
    return attrs.evolve(RELAY.quantity, group=rc.Group(**facets))


def reevent(**fields):
    return attrs.evolve(RELAY.quantity, event=attrs.evolve(MARKET, **fields))


CHANGES = {
    "event": changed(quantity=reevent(id="square")),
    "place": changed(quantity=reevent(place="Aleppo")),
    "start": changed(quantity=reevent(start="2020-01-31")),
    "end": changed(quantity=reevent(end="2020-02-03")),
    "kind of event": changed(quantity=reevent(kind="fire")),
    "time of day": changed(quantity=reevent(start="2020-02-01T10:00")),
    "perpetrators": changed(quantity=reevent(perpetrators={"R"})),
    "part_of": changed(quantity=reevent(part_of=None)),
    "outcome": changed(quantity=attrs.evolve(RELAY.quantity, outcome="injured")),
    "group": changed(quantity=regroup(party="T", age="child")),
    "period": changed(quantity=attrs.evolve(RELAY.quantity, period=rc.Period("2020-02-01", "2020-02-01"))),
    "value": changed(value=rc.Between(3, 6)),
    "kind of value": changed(value=rc.About(3)),
    "source": changed(source=rc.Source("agence", kind="media", sides={"T"}, opposes={"S"})),
    "kind of source": changed(source=rc.Source("agency", kind="monitor", sides={"T"}, opposes={"S"})),
    "sides": changed(source=rc.Source("agency", kind="media", sides={"T", "U"}, opposes={"S"})),
    "opposes": changed(source=rc.Source("agency", kind="media", sides={"T"})),
    "reported": changed(reported="2020-02-03T10:00:01+02:00"),
    "zone": changed(reported="2020-02-03T09:00:00+01:00"),
    "clock": changed(reported="2020-02-03T10:00:00"),
    "day": changed(reported="2020-02-03"),
    "no day": changed(reported=None),
    "as_of": changed(as_of="2020-02-03"),
    "quoted source": changed(quoted_from=rc.Source("clinic")),
    "kind of the quoted source": changed(quoted_from=rc.Source("hospital", kind="witness")),
    "quoted claim": changed(quoted_from=TOLD),
    "no quotation": changed(quoted_from=None),
    "revises": changed(revises=None),
    "hedged": changed(hedged=False),
    "url": changed(citation=attrs.evolve(RELAY.citation, url="https://example.org/2")),
    "publisher": changed(citation=attrs.evolve(RELAY.citation, publisher="radio")),
    "title": changed(citation=attrs.evolve(RELAY.citation, title=None)),
    "quote": changed(citation=attrs.evolve(RELAY.citation, quote="3 to 5 deads")),
    "no citation": changed(citation=None),
    "id": changed(id="r2"),
}


# --- claims -----------------------------------------------------------------------------------------------------


def test_every_field_of_a_claim_tells():
    told = {
        f.name
        for f in attrs.fields(rc.Claim)
        if any(getattr(one, f.name) != getattr(RELAY, f.name) for one in CHANGES.values())
    }
    assert told == {f.name for f in attrs.fields(rc.Claim)}, "a field that no case changes"
    found = [digest_corpus(Corpus([TOLD, one])) for one in (RELAY, *CHANGES.values())]
    assert len(set(found)) == len(found)


def test_order_and_repeats_do_not_tell():
    claims = [TOLD, RELAY, *(claim(STREET.killed(), n) for n in range(20))]
    said = digest_corpus(Corpus(claims))
    assert digest_corpus(Corpus(reversed(claims))) == said
    assert digest_corpus(Corpus(claims + claims[:5])) == said
    assert digest_corpus(Corpus(claims[1:])) != said


def test_a_rejected_row_does_not_tell():
    assert digest_corpus(Corpus([TOLD], [rc.Rejected(2, "value", "cannot be read")])) == digest_corpus(Corpus([TOLD]))


def test_an_id_that_the_content_makes_may_be_given_or_not():
    assert digest_corpus(Corpus([attrs.evolve(TOLD, id=TOLD.id)])) == digest_corpus(Corpus([TOLD]))
    lookalike = attrs.evolve(TOLD, id="c0123456789abcdef")
    assert digest_corpus(Corpus([lookalike])) != digest_corpus(Corpus([TOLD]))


def test_a_table_and_its_claims_have_one_digest():
    rng = random.Random(0)
    lines = ["event,outcome,group,value,source,reported,quote,quoted_from,id"]
    lines += [
        f"e{k % 40},killed,,{rng.randint(1, 90)},s{rng.randint(0, 9)},2020-01-{1 + k % 28:02d},said {k % 50},"
        f"{'' if k % 40 or not k else 'r0'},{'' if k % 5 else f'r{k}'}"
        for k in range(300)
    ]
    corpus = table.read(io.BytesIO("\n".join(lines).encode()))
    assert len(corpus) == 300
    assert digest_corpus(corpus) == digest_corpus(Corpus(corpus.claims))


texts = st.text(min_size=1, max_size=6).filter(str.strip)


@given(st.lists(st.builds(claim, texts.map(lambda t: rc.Event(t).killed()), st.integers(0, 5), texts), max_size=4))
def test_two_sets_of_claims_have_one_digest_only_if_they_are_one(claims):
    for some, others in itertools.pairwise([claims[:k] for k in range(len(claims) + 1)]):
        same = set(some) == set(others)
        assert (digest_corpus(Corpus(some)) == digest_corpus(Corpus(others))) is same


def test_claims_keep_their_digest_in_other_versions():
    # Made with this version; a change of it is to be a decision. Text, numbers and dates of every kind are in it.
    found = digest_corpus(Corpus([TOLD, RELAY, claim(STREET.killed(rc.Group(age="child")), rc.Share(0.1, 0.25), "ü")]))
    assert found == "82f94469e4b17f922093539636e780b06269730aae9bfe3e1a8bafd1c1e4bced"


# --- models and settings ----------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def learned():
    claims = [claim(rc.Event(f"e{n}").killed(), n + k, f"s{k}") for n in range(3, 9) for k in (0, 1)]
    return rc.estimate(claims, learn=True, draws=64).as_model()


def test_every_part_of_a_model_tells(learned):
    taught = learned.learned
    bumped = {name: getattr(taught, name).copy() for name in ("mean", "covariance")}
    for array in bumped.values():
        array.flat[-1] += 1e-12
    first, *others = taught.names
    models = [
        Model(),
        learned,
        attrs.evolve(learned, learned=attrs.evolve(taught, mean=bumped["mean"])),
        attrs.evolve(learned, learned=attrs.evolve(taught, covariance=bumped["covariance"])),
        attrs.evolve(learned, learned=attrs.evolve(taught, names=(first._replace(owner="another"), *others))),
        attrs.evolve(learned, learned=attrs.evolve(taught, spreads={})),
        attrs.evolve(learned, learned=attrs.evolve(taught, seen=frozenset())),
        Model(speech=Speech("ACLED")),
        Model(counts={"killed": CountPrior(0.2, 1.0, 1.5, "ours")}),
        Model(counts={"killed": CountPrior(0.2, 1.0, 1.6, "ours")}),
        Model(counts={"injured": CountPrior(0.2, 1.0, 1.5, "ours")}),
        Model(sources={("bias", None): Normal(0, 1, "ours")}),
        Model(sources={("bias", rc.Relation.OWN): Normal(0, 1, "ours")}),
        Model(channel=Fidelity()),
        Model(channels={rc.SourceKind.MEDIA: Fidelity()}),
    ]
    found = [digest_model(model) for model in models]
    assert len(set(found)) == len(found)


def test_equal_models_have_one_digest():
    priors = {name: CountPrior(0.2, 1, 1.5, "ours") for name in ("killed", "injured")}
    turned = {name: CountPrior(0.2, 1.0, 1.5, "ours") for name in ("injured", "killed")}
    assert digest_model(Model(counts=priors)) == digest_model(Model(counts=turned))


def test_another_default_is_another_model(monkeypatch):
    before = digest_model(Model())
    monkeypatch.setattr("reconcile.model.SPREAD_DOUBT", 0.6)
    assert digest_model(Model()) != before


@attrs.frozen
class Mine:
    scale: float
    inner: object = attrs.field(factory=LogStudent)


@dataclasses.dataclass(frozen=True)
class Other:
    scale: float


class Opaque:
    pass


def test_a_channel_of_ones_own_is_known_by_its_fields():
    found = {digest_model(Model(channel=one)) for one in (Mine(1.0), Mine(2.0), Other(1.0), Other(2.0), Denial())}
    assert len(found) == 5
    assert digest_model(Model(channel=Mine(1.0))) == digest_model(Model(channel=Mine(1.0)))


@pytest.mark.parametrize("channel", [Opaque(), Mine(Opaque()), Other(lambda: 1), Opaque, Mine(b"x")])
def test_a_channel_that_is_no_data_is_refused(channel):
    with pytest.raises(rc.InvalidValue, match="attrs record or a dataclass"):
        digest_model(Model(channel=channel))


def test_every_setting_tells(monkeypatch):
    claims = [claim(STREET.killed(), n, f"s{n}", reported="2020-01-01") for n in (3, 4)]
    asked = [
        {},
        {"as_of": "2020-01-02"},
        {"as_of": "2020-01-02T00:00:00"},
        {"seed": 1},
        {"draws": 128},
        {"ess": 50},
        {"learn": False},
    ]
    posteriors = [rc.estimate(claims, **more) for more in asked]
    found = [digest(posterior) for posterior in posteriors]
    assert len(set(found)) == len(found)
    assert digest(rc.estimate(claims[::-1], seed=np.int64(0))) == found[0]
    assert digest(rc.estimate(claims[:1])) != found[0]
    assert digest(rc.estimate(claims, Model(channel=Fidelity()))) != found[0]
    posterior = rc.estimate(claims)
    monkeypatch.setattr(rc, "__version__", "0.0.0")
    assert digest(posterior) != found[0]


def test_a_seed_that_nobody_chose_is_kept():
    posterior = rc.estimate([TOLD], seed=None)
    assert digest(rc.estimate([TOLD], seed=posterior.settings.seed)) == digest(posterior)


def test_a_generator_is_known_by_the_seed_that_it_gave():
    found = [digest(rc.estimate([TOLD], seed=np.random.default_rng(n))) for n in (0, 0, 1)]
    assert found[0] == found[1] != found[2]


def test_same_digest_same_numbers():
    claims = [claim(STREET.killed(), n, f"s{n}") for n in (3, 40)]
    one, two = rc.estimate(claims, seed=5), rc.estimate(claims[::-1], seed=5)
    assert digest(one) == digest(two)
    assert np.array_equal(*(each[STREET.killed()].pmf(np.arange(100)) for each in (one, two)))


def test_the_digest_is_the_same_in_every_process(tmp_path):
    code = (
        "import io, sys, reconcile as rc; from reconcile.io import table; from reconcile.digests import digest;"
        "from reconcile.model import Model, CountPrior;"
        "corpus = table.read(io.BytesIO(sys.stdin.buffer.read()));"
        "model = Model(counts={n: CountPrior(.2, 1, 1.5, n) for n in {'killed', 'injured', 'missing'}});"
        "print(digest(rc.estimate(corpus, model, learn=False, draws=64)))"
    )
    lines = b"event,outcome,group,value,source,sides\n" + b"".join(
        f"e{n},killed,party=A|B|C,{n},s{n},A; B; C\n".encode() for n in range(5)
    )
    run = functools.partial(subprocess.run, [sys.executable, "-c", code], input=lines, capture_output=True, check=True)
    found = {run(env={**os.environ, "PYTHONHASHSEED": seed}).stdout for seed in ("0", "1", "2")}
    assert len(found) == 1
    assert len(found.pop().strip()) == 64


# --- the canonical text -----------------------------------------------------------------------------------------


class Pair(NamedTuple):
    a: int
    b: int


class Colour(enum.Enum):
    RED = 1


def test_kinds_do_not_mix():
    things = [
        None, True, False, 1, 0, 1.5, "1", "", "None", "true", [], {}, set(), [1], {1}, {1: 1}, [[1, 1]],
        "1.5", Colour.RED, Pair(1, 2), (1, 2), Mine(1), Other(1), np.array([1.0]), np.array([1]), np.array([[1.0]]),
        datetime.date(2020, 1, 1), datetime.datetime(2020, 1, 1, tzinfo=None),  # noqa: DTZ001
         "2020-01-01", float("inf"), float("nan"), "inf",
        ["set", 1], ["sequence", 1], ["record", "Pair", ["a", 1], ["b", 2]], "\ud800", "\\ud800",
    ]  # fmt: skip
    found = [canonical(thing) for thing in things]
    assert len(set(found)) == len(found)
    assert all(text.isascii() for text in found)


def test_what_is_equal_is_written_alike():
    for one, other in [(1, 1.0), (0.0, -0.0), (1, np.int8(1)), (0.5, np.float32(0.5)), ([1], (1,)), (True, np.True_)]:
        assert canonical(one) == canonical(other)
    big = np.arange(3, dtype=">f8")
    assert canonical(big) == canonical(big.astype("<f8")) == canonical(np.arange(6, dtype="<f8")[::2] / 2)


@given(st.dictionaries(st.text() | st.integers(), st.sets(st.text() | st.integers())), st.randoms())
def test_order_inside_is_no_matter(thing, shuffler):
    pairs = list(thing.items())
    shuffler.shuffle(pairs)
    assert canonical(thing) == canonical({key: {*sorted(found, key=repr, reverse=True)} for key, found in pairs})
