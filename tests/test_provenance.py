# SPDX-License-Identifier: MIT
import os
import subprocess
import sys
import warnings

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from worlds import MARKET, claim

import reconcile as rc
from reconcile import digests, provenance
from reconcile.claims import Citation, Corpus
from reconcile.cli import main

prov = pytest.importorskip("prov.model")
pytest.importorskip("rdflib")
pytest.importorskip("lxml")

STREET = rc.Event("street")
COUNT = STREET.killed()
MINISTRY = rc.Source("ministry", kind="government", sides={"A", "B"})
FIRST = claim(COUNT, 3, MINISTRY, reported="2020-01-01")
LATER = claim(COUNT, 4, MINISTRY, reported="2020-01-02T10:00:00+02:00")
RELAY = claim(COUNT, 4, "agency", quoted_from=LATER, citation=Citation(publisher="radio", quote='"four"'))
AGAIN = claim(COUNT, 4, "paper", quoted_from=RELAY)
HEARD = claim(COUNT, rc.AtLeast(4), "blog", quoted_from=rc.Source("hospital, 2nd"))
REVISED = claim(COUNT, 6, id="m1")
REVISION = claim(COUNT, 7, revises="m1", hedged=True)
CLAIMS = [FIRST, LATER, RELAY, AGAIN, HEARD, REVISED, REVISION, claim(STREET.count(rc.Outcome("casualties")), 9)]
REJECTED = [rc.Rejected(3, "value", "cannot be read", "street,killed"), rc.Rejected(3, "value", "cannot be read")]


def read(path, kind):
    name, _, options = provenance.FORMATS[kind]
    more = {"rdf_format": "turtle"} if options.get("rdf_format") else {}
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", category=DeprecationWarning, module="rdflib")
        return prov.ProvDocument.deserialize(str(path), format=name, **more)


@pytest.fixture(scope="module")
def posterior():
    return rc.estimate(Corpus(CLAIMS, REJECTED))


@pytest.fixture(scope="module")
def found(posterior):
    return provenance.document(posterior)


def of_type(found, name):
    return [one for one in found.get_records() if f"reconcile:{name}" in map(str, one.get_asserted_types())]


def get(record, name):
    (value,) = record.get_attribute(f"reconcile:{name}" if ":" not in name else name)
    return value


def pairs(found, kind, subtype=None):
    records = [
        one
        for one in found.get_records(getattr(prov, kind))
        if not subtype or prov.PROV[subtype] in one.get_asserted_types()
    ]
    return {tuple(str(value) for _, value in one.formal_attributes[:2]) for one in records}


def name(one):
    return f"record:claim-{one.id}"


def test_every_claim_and_every_rejected_row_is_there_with_its_role(found, posterior):
    told = {get(one, "id"): get(one, "role") for one in of_type(found, "Claim")}
    assert told == {role.claim.id: str(role.role) for role in posterior.roles}
    assert set(told.values()) >= {"used", "relay", "superseded"}
    assert len(of_type(found, "RejectedRow")) == len(REJECTED)
    assert len(list(found.get_records(prov.ProvMembership))) == len(CLAIMS) + len(REJECTED)


def test_only_what_is_used_is_used(found, posterior):
    used = {name(role.claim) for role in posterior.roles if role.role == "used"}
    said = {entity for _, entity in pairs(found, "ProvUsage")}
    assert {one for one in said if "claim" in one} == used
    assert len(said - used) == 1  # the corpus


def test_relations_between_claims_are_those_of_prov(found):
    quoted = pairs(found, "ProvDerivation", "Quotation")
    assert {(name(RELAY), name(LATER)), (name(AGAIN), name(RELAY))} <= quoted
    assert (name(AGAIN), name(LATER)) in pairs(found, "ProvDerivation", "PrimarySource")
    (statement,) = of_type(found, "Statement")
    assert (name(HEARD), str(statement.identifier)) in quoted
    assert pairs(found, "ProvDerivation", "Revision") == {(name(LATER), name(FIRST)), (name(REVISION), name(REVISED))}
    attributed = pairs(found, "ProvAttribution")
    assert {(name(RELAY), "record:source-agency"), (name(RELAY), "record:publisher-radio")} <= attributed


def test_estimates_say_what_they_are_and_whence(found, posterior):
    estimates = of_type(found, "Estimate")
    assert len(estimates) == len(posterior)
    (one,) = [one for one in estimates if get(one, "outcome") == "killed"]
    numbers = posterior[COUNT]
    assert [get(one, key) for key in ("median", "mode", "low", "high", "origins")] == [
        numbers.median(), numbers.mode(), *numbers.eti(0.9), numbers.origins,
    ]  # fmt: skip
    derived = {b for a, b in pairs(found, "ProvDerivation") if a == str(one.identifier)}
    assert derived == {name(role.claim) for role in numbers.roles if role.role == "used"}
    (activity,) = of_type(found, "Estimation")
    assert get(activity, "digest") == provenance.digest(posterior)


@pytest.mark.parametrize("kind", list(provenance.FORMATS))
def test_what_is_written_is_read_again(kind, posterior, found, tmp_path):
    provenance.write(posterior, tmp_path / f"p.{kind}")
    assert read(tmp_path / f"p.{kind}", kind) == found
    provenance.write(posterior, tmp_path / "other", kind)
    assert (tmp_path / "other").read_bytes() == (tmp_path / f"p.{kind}").read_bytes()


STRANGE = [
    '"', "'", "a:b", "a/b", "%", "%20", "\\", "\\x07", "\x07", "a\r\nb", "\x85 x", "\ud800x", "<&>]]>",
    "_", "-", ".",
]  # fmt: skip
hostile = st.text(min_size=1, max_size=8).filter(str.strip) | st.sampled_from(STRANGE)


@settings(max_examples=15)
@given(told=st.lists(st.tuples(hostile, hostile, hostile, hostile), min_size=1, max_size=3))
def test_names_of_any_kind_come_back(told, tmp_path_factory):
    folder = tmp_path_factory.mktemp("hostile")
    said = {
        ident.strip(): rc.Claim(
            rc.Event(event, place=text).killed(),
            rc.Exactly(2),
            rc.Source(source),
            citation=Citation(quote=text, publisher=source),
            id=ident,
        )
        for ident, event, source, text in told
    }
    events = {}
    claims = [one for one in said.values() if events.setdefault(one.quantity.event.id, one.quantity) == one.quantity]
    made = provenance.document(rc.estimate(claims, draws=64))
    assert len(of_type(made, "Claim")) == len(claims)
    assert len(of_type(made, "Source")) == len({one.source for one in claims})
    for kind in provenance.FORMATS:
        provenance.write(rc.estimate(claims, draws=64), folder / "p", kind)
        assert read(folder / "p", kind) == made


def test_the_same_bytes_in_every_process(tmp_path):
    code = (
        "import sys, reconcile as rc; from reconcile import provenance as p;"
        "s = rc.Source('m', sides={'a', 'b', 'c'});"
        "x = rc.estimate([rc.Claim(rc.Event('e').killed(), rc.Exactly(n), s) for n in (3, 4)]);"
        "[p.write(x, f'{sys.argv[1]}.{k}') for k in p.FORMATS]"
    )
    for seed in ("1", "2"):
        env = {**os.environ, "PYTHONHASHSEED": seed}
        subprocess.run([sys.executable, "-W", "error", "-c", code, str(tmp_path / seed)], check=True, env=env)
    for kind in provenance.FORMATS:
        assert (tmp_path / f"1.{kind}").read_bytes() == (tmp_path / f"2.{kind}").read_bytes()


def test_times_are_there_only_if_given(posterior):
    made = provenance.document(posterior, started="2020-01-01T00:00:00+00:00")
    (activity,) = of_type(made, "Estimation")
    assert activity.get_startTime().year == 2020
    assert activity.get_endTime() is None
    with pytest.raises(rc.InvalidValue, match="started"):
        provenance.document(posterior, started="2020-01-01")


@pytest.mark.parametrize("namespace", ["", "here", "urn:x", "http://a b/", provenance.TERMS, 3])
def test_a_namespace_that_is_none_is_refused(namespace, posterior):
    with pytest.raises(rc.InvalidValue, match="namespace"):
        provenance.document(posterior, namespace=namespace)


def test_another_format_is_refused(posterior, tmp_path):
    for path, more in ((tmp_path / "p.pdf", {}), (tmp_path / "p", {}), (tmp_path / "p.json", {"format": "pdf"})):
        with pytest.raises(rc.InvalidValue, match="json"):
            provenance.write(posterior, path, **more)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(("kind", "package"), [("json", "prov"), ("ttl", "rdflib"), ("xml", "lxml")])
def test_a_missing_package_is_named(kind, package, monkeypatch):
    monkeypatch.setitem(sys.modules, "prov.model" if package == "prov" else package, None)
    with pytest.raises(rc.MissingDependency, match=rf"{package}.*reconcile-claims\[prov\]"):
        provenance.choose_format(f"p.{kind}")


def test_the_command_line_writes_it(tmp_path, capsys):
    table, out = tmp_path / "claims.csv", tmp_path / "p.ttl"
    table.write_text("event,outcome,group,value,source\nmarket,killed,,5,ministry\nmarket,killed,,?,radio\n")
    assert main(["estimate", str(table), "--provenance", str(out)]) == 0
    assert len(of_type(read(out, "ttl"), "RejectedRow")) == 1
    assert main(["estimate", str(table), "--provenance", str(tmp_path / "p.pdf")]) == 2
    assert ".json, .provn, .ttl, .xml" in capsys.readouterr().err
    assert main(["estimate", str(table), "-o", str(out), "--provenance", str(out)]) == 2


def test_an_estimate_does_not_end_before_it_starts():
    posterior = rc.estimate([claim(MARKET.killed(), 3)])
    with pytest.raises(rc.InvalidValue, match="ended"):
        provenance.document(posterior, started="2026-11-24T12:00:00+00:00", ended="2026-11-24T11:00:00+00:00")


@pytest.mark.parametrize("ask", [provenance.document, rc.sensitivity, digests.digest])
def test_what_is_no_posterior_is_refused(ask):
    with pytest.raises(rc.InvalidValue, match="Posterior"):
        ask(None)
