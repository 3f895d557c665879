# SPDX-License-Identifier: MIT
"""The model: priors of counts and of sources, and the assumptions in words."""

from __future__ import annotations

import copy
import math
import pickle
import statistics

import attrs
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconcile.channels import Denial, Fidelity, LogStudent
from reconcile.errors import InvalidValue
from reconcile.model import (
    COUNT_DOUBT,
    COUNT_PRIORS,
    HEDGED_SPREAD,
    OTHER_COUNT,
    PARTY_FIDELITY,
    REMAINDER_ZERO,
    SOURCE_PRIORS,
    SPREAD_DOUBT,
    Assumption,
    CountPrior,
    Learned,
    Model,
    Normal,
    Parameter,
)
from reconcile.pmf import TOP, Lattice
from reconcile.vocabulary import STANDARD_OUTCOMES, Relation, Source, SourceKind

OWN = CountPrior(0.2, 1.0, 1.5, "our own archive")
WIDE = Normal(0.0, 2.0, "our own judgement")
ALL_COUNTS = {**COUNT_PRIORS, "other": OTHER_COUNT, "own": OWN, "narrow": CountPrior(0.5, 3, 0.2, "", broad=0)}
PLAIN, PARTY = Source("s"), Source("s", sides={"Turkey"})
EXACT = 1e-12  # both ways differ in nothing but rounding


# --- priors of counts ---------------------------------------------------------------------------------------------


def tail(x):
    """P(Z > x) of a standard normal."""
    return math.erfc(x / math.sqrt(2)) / 2


def above(prior, n):
    """P(count >= n), n from 1, given that it is at most TOP."""
    beyond = above_unbounded(prior, TOP + 1)
    return (above_unbounded(prior, n) - beyond) / (1 - beyond / (1 - prior.zero))


def above_unbounded(prior, n):
    """P(count >= n), n from 1, by the complementary error function; by its asymptote where that is too small."""
    top = math.log(TOP + 0.5)
    level = (top - min(math.log(n - 0.5), top)) / (top - math.log(0.5))
    total = prior.broad * prior.scale_free * level
    for share, location, scale in (
        (1 - prior.broad, prior.location, prior.scale),
        (prior.broad * (1 - prior.scale_free), prior.broad_location, prior.broad_scale),
    ):
        far, near = ((math.log(x) - location) / scale for x in (n - 0.5, 0.5))
        total += share * (tail(far) / tail(near) if near < 30 else math.exp((near**2 - far**2) / 2) * near / far)
    return (1 - prior.zero) * total


@pytest.mark.parametrize("prior", ALL_COUNTS.values(), ids=ALL_COUNTS)
@pytest.mark.parametrize("points", [[], [0], [1], [7, 600], [600_000, 12]], ids=str)
def test_mass_of_a_count(prior, points):
    lattice = Lattice.around(points)
    mass = prior.mass(lattice)
    expected = [
        (prior.zero if low == 0 else 0) + (above(prior, max(low, 1)) - above(prior, high + 1) if high else 0)
        for low, high in zip(lattice.low.tolist(), lattice.high.tolist(), strict=True)
    ]
    np.testing.assert_allclose(mass, expected, rtol=1e-9, atol=EXACT)
    assert mass.sum() == pytest.approx(1, abs=EXACT)
    assert mass[0] == prior.zero


def test_mass_on_few_counts_leaves_out_what_lies_beyond():
    mass = OWN.mass(Lattice.integers(9))
    assert mass.sum() == pytest.approx(1 - above(OWN, 10), abs=EXACT)
    assert mass[0] == OWN.zero
    np.testing.assert_allclose(mass, OWN.mass(Lattice.around(range(10)))[:10], atol=EXACT)


def test_a_prior_of_counts_far_below_one_is_a_prior_still():
    """Given one at least, it is one; but a chance of one that is too small to write made it no number at all."""
    mass = CountPrior(0.5, -5.0, 0.1, "", broad=0).mass(Lattice.integers(3))
    assert mass == pytest.approx([0.5, 0.5, 0, 0], abs=EXACT)


@given(
    st.floats(0.01, 0.99), st.floats(-5, 12), st.floats(0.1, 4), st.floats(-2, 12), st.floats(0.1, 5),
    st.floats(0, 0.99), st.floats(0, 1), st.lists(st.integers(0, 10**6), max_size=3),
)  # fmt: skip
def test_mass_of_any_prior(zero, location, scale, broad_location, broad_scale, broad, scale_free, points):
    prior = CountPrior(zero, location, scale, "any", broad_location, broad_scale, broad, scale_free)
    lattice = Lattice.around(points)
    mass = prior.mass(lattice)
    assert (mass >= 0).all()
    assert mass.sum() == pytest.approx(1, abs=1e-9)
    # Coarser cells hold what the finer ones in them hold.
    coarse = Lattice(lattice.low[::2], np.append(lattice.low[2::2] - 1, lattice.high[-1]))
    np.testing.assert_allclose(prior.mass(coarse), np.add.reduceat(mass, range(0, len(mass), 2)), atol=1e-9)


def test_a_narrow_prior_is_a_rounded_normal_of_logarithms():
    prior = CountPrior(0.25, math.log(40), 0.5, "", broad=0)
    normal = statistics.NormalDist(math.log(40), 0.5)
    mass = prior.mass(Lattice.integers(200))
    for n in (1, 20, 40, 199):
        inside = normal.cdf(math.log(n + 0.5)) - normal.cdf(math.log(n - 0.5))
        assert mass[n] == pytest.approx(0.75 * inside / (1 - normal.cdf(math.log(0.5))), abs=EXACT)


@pytest.mark.parametrize("prior", ALL_COUNTS.values(), ids=ALL_COUNTS)
def test_the_broad_part_leaves_room_for_wars(prior):
    """Else a report of 600,000 dead would be taken for a slip: the reason that the docstring gives."""
    if prior.broad:
        assert above(prior, 600_000) > 1e-7
        assert above(attrs.evolve(prior, broad=0), 600_000) < above(prior, 600_000)


@pytest.mark.parametrize(
    "make, message",
    [
        (lambda: CountPrior(0, 1, 1, ""), r"CountPrior\.zero: got 0; allowed: a probability between 0 and 1"),
        (lambda: CountPrior(1, 1, 1, ""), r"CountPrior\.zero: got 1"),
        (lambda: CountPrior(math.nan, 1, 1, ""), r"CountPrior\.zero: got nan"),
        (lambda: CountPrior(0.5, math.nan, 1, ""), r"CountPrior\.location: got nan; allowed: a finite number"),
        (lambda: CountPrior(0.5, math.inf, 1, ""), r"CountPrior\.location: got inf"),
        (lambda: CountPrior(0.5, 1, 0, ""), r"CountPrior\.scale: got 0; allowed: a positive number"),
        (lambda: CountPrior(0.5, 1, math.inf, ""), r"CountPrior\.scale: got inf"),
        (lambda: CountPrior(0.5, 1, math.nan, ""), r"CountPrior\.scale: got nan"),
        (lambda: CountPrior(0.5, 1, 1, "", broad_scale=-1), r"CountPrior\.broad_scale: got -1"),
        (lambda: CountPrior(0.5, 1, 1, "", scale_free=1.5), r"CountPrior\.scale_free: got 1\.5; allowed: a share"),
        (lambda: CountPrior(0.5, 1, 1, "", broad_location=-math.inf), r"CountPrior\.broad_location: got -inf"),
        (lambda: CountPrior(0.5, 1, 1, "", broad=1), r"CountPrior\.broad: got 1; allowed: a probability below 1"),
        (lambda: CountPrior(0.5, 1, 1, "", broad=-0.1), r"CountPrior\.broad: got -0\.1"),
        (lambda: Normal(0, 0, ""), r"Normal\.sd: got 0; allowed: a positive number"),
        (lambda: Normal(0, math.nan, ""), r"Normal\.sd: got nan"),
        (lambda: Normal(0, math.inf, ""), r"Normal\.sd: got inf"),
        (lambda: Normal(math.nan, 1, ""), r"Normal\.mean: got nan; allowed: a finite number"),
        (lambda: Normal(0, 1, "", shared=1), r"Normal\.shared: got 1; allowed: a share below 1"),
        (lambda: Normal(0, 1, "", shared=-0.1), r"Normal\.shared: got -0\.1"),
        (lambda: Normal(0, 1, "", shared=math.nan), r"Normal\.shared: got nan"),
        (lambda: Model(counts={"killed": 5}), r"Model\.counts\['killed'\]: got 5; allowed: a CountPrior"),
        (lambda: Model(counts={5: OWN}), r"Model\.counts: got 5; allowed: names of outcomes"),
        (lambda: Model(sources={"bias": WIDE}), r"Model\.sources: got 'bias'; allowed: \(parameter, relation\)"),
        (lambda: Model(sources={("bias", "friend"): WIDE}), r"Model\.sources: got \('bias', 'friend'\)"),
        (lambda: Model(sources={("bias", None): 0.3}), r"Model\.sources\[\('bias', None\)\]: got 0\.3; allowed: a Nor"),
        (lambda: Model(channels={"press": Denial()}), r"Model\.channels: got 'press'; allowed: government, armed"),
        (
            lambda: Model().source_prior("charm", PLAIN, Relation.OWN),
            r"Model\.sources: got 'charm'; allowed: a prior for every parameter of the channel",
        ),
    ],
)
def test_refusals_say_what_was_given_and_what_is_allowed(make, message):
    """A prior under a name that nobody asks for was kept and never used; one that is no number gave no number."""
    with pytest.raises(InvalidValue, match=f"^{message}"):
        make()


# --- looking up ---------------------------------------------------------------------------------------------------


def test_count_priors_are_laid_over_the_defaults():
    model = Model(counts={"killed": OWN, "arrested": OWN})
    assert model.count_prior("killed") == model.count_prior("arrested") == OWN
    assert model.count_prior("injured") == COUNT_PRIORS["injured"] == Model().count_prior("injured")
    assert model.count_prior("enslaved") == OTHER_COUNT
    assert COUNT_PRIORS["killed"] != OWN
    assert COUNT_PRIORS.keys() == STANDARD_OUTCOMES.keys()


@pytest.mark.parametrize("outcome", [*COUNT_PRIORS, "anything"])
def test_a_remainder_is_as_likely_nobody_as_anybody(outcome):
    whole, rest = Model().count_prior(outcome), Model().count_prior(outcome, remainder=True)
    assert rest == attrs.evolve(whole, zero=max(whole.zero, REMAINDER_ZERO))
    sparse = attrs.evolve(OWN, zero=0.8)
    assert Model(counts={outcome: sparse}).count_prior(outcome, remainder=True) == sparse


def test_channels_by_kind():
    model = Model(channel=LogStudent(), channels={SourceKind.MEDIA: Fidelity()})
    assert model.channel_of(Source("s", kind="media")) == Fidelity()
    assert model.channel_of(Source("s", kind="monitor")) == LogStudent()
    assert Model().channel_of(PLAIN) == Denial()


@pytest.mark.parametrize("relation", Relation)
@pytest.mark.parametrize(
    "parameter", ["bias", "log_spread", "fidelity", "slope", "denial", "gross", "heaping", "copying"]
)
def test_default_priors_of_sources(parameter, relation):
    found = Model().source_prior(parameter, PLAIN, relation)
    assert found in [(where, SOURCE_PRIORS.get((parameter, where))) for where in (relation, None)]
    assert (found[0] is relation) == (parameter in ("bias", "denial"))


def test_every_parameter_of_the_default_channel_has_a_prior():
    names = {name for name, _ in SOURCE_PRIORS}
    assert {*Denial().parameters} <= names
    for name in names:
        relations = {relation for parameter, relation in SOURCE_PRIORS if parameter == name}
        assert relations in ({None}, set(Relation))


@pytest.mark.parametrize(
    "source, prior",
    [
        (PLAIN, SOURCE_PRIORS["fidelity", None]), (PARTY, PARTY_FIDELITY),
        (Source("s", kind="government"), PARTY_FIDELITY), (Source("s", kind="armed group"), PARTY_FIDELITY),
        (Source("s", kind="monitor"), SOURCE_PRIORS["fidelity", None]),
        (Source("s", opposes="Turkey"), SOURCE_PRIORS["fidelity", None]),
    ],
)  # fmt: skip
@pytest.mark.parametrize("relation", Relation)
def test_parties_are_less_exact(source, prior, relation):
    assert Model().source_prior("fidelity", source, relation) == (None, prior)


@pytest.mark.parametrize("source", [PLAIN, PARTY])
@pytest.mark.parametrize("parameter", ["bias", "fidelity", "charm"])
def test_source_priors_are_laid_over_the_defaults(source, parameter):
    own = Normal(-1, 0.5, "ours")
    for_all = Model(sources={(parameter, None): WIDE})
    for_some = Model(sources={(parameter, None): WIDE, (parameter, Relation.OWN): own})
    for relation in Relation:
        assert for_all.source_prior(parameter, source, relation) == (None, WIDE)
    assert for_some.source_prior(parameter, source, Relation.OWN) == (Relation.OWN, own)
    assert for_some.source_prior(parameter, source, Relation.ENEMY) == (None, WIDE)
    assert for_some.source_prior("heaping", source, Relation.OWN) == (None, SOURCE_PRIORS["heaping", None])


@pytest.mark.parametrize("shared", [0, 0.25, 0.5])
def test_a_variance_is_split_between_the_class_and_its_sources(shared):
    normal = attrs.evolve(WIDE, shared=shared)
    assert normal.class_sd**2 == pytest.approx(shared * WIDE.sd**2)
    assert normal.class_sd**2 + normal.spread**2 == pytest.approx(WIDE.sd**2)


def test_a_count_prior_that_was_learned():
    names = tuple(Parameter("count", "killed", name, None) for name in COUNT_DOUBT)
    x = dict(zip((name.name for name in names), (-1.0, 0.7, 0.2, -2.0), strict=True))
    model = Model(learned=Learned(names, np.array(list(x.values())), np.eye(4), {}, frozenset({"c1"})))
    found, before = model.count_prior("killed"), Model().count_prior("killed")
    assert found.zero == pytest.approx(1 / (1 + math.exp(1.0)))
    assert found.broad == pytest.approx(1 / (1 + math.exp(2.0)))
    assert (found.location, found.scale) == pytest.approx((0.7, math.exp(0.2)))
    assert (found.broad_location, found.broad_scale) == (before.broad_location, before.broad_scale)
    assert before.evidence in found.evidence
    assert model.count_prior("injured") == Model().count_prior("injured")
    assert model.learned.normal(names[1]) == (0.7, 1.0)
    assert model.learned.normal(Parameter("count", "injured", "zero", None)) is None
    assert repr(model.learned) == "<Learned: 0 sources, from 1 claim>"


@pytest.mark.parametrize(
    "source, name",
    [
        (PLAIN, "unknown"),
        (PARTY, "unknown, of a side"),
        (Source("s", kind="government", sides={"T"}), "government, of a side"),
    ],
)
def test_classes_are_kinds_and_whether_of_a_side(source, name):
    assert Model.class_of(source) == name


# --- in words -----------------------------------------------------------------------------------------------------


def test_assumptions_name_every_prior_with_its_evidence():
    rows = {row.what: row for row in Model().assumptions}
    assert len(rows) == len(Model().assumptions) == len(COUNT_PRIORS) + 1 + len(SOURCE_PRIORS) + 8
    assert all(isinstance(row, Assumption) and row.number and row.evidence for row in rows.values())
    prior = COUNT_PRIORS["killed"]
    assert rows["count: killed"].number.startswith(f"0 with probability {prior.zero:g}; else log-normal(-0.2, 1.8)")
    assert rows["count: killed"].evidence == prior.evidence
    assert rows["count: any other outcome"].evidence == OTHER_COUNT.evidence
    assert rows["bias, own side"].number == "normal(-0.30, 0.8), 50 % of the variance by class"
    assert rows["spread within a class: log sd"].number == f"{SPREAD_DOUBT:g}"
    said = rows["count priors: how far a corpus may move them"].number
    assert said == ", ".join(f"{name} {sd:g}" for name, sd in COUNT_DOUBT.items())
    assert rows["hedged: spread"].number == f"x {HEDGED_SPREAD:g}"


def test_assumptions_are_those_in_force():
    """Defaults that a model had laid its own prior over were still said to be assumed."""
    model = Model(
        counts={"killed": OWN},
        sources={("bias", None): WIDE, ("fidelity", None): WIDE, ("denial", Relation.OWN): WIDE},
    )
    rows = {row.what: row for row in model.assumptions}
    assert len(rows) == len(model.assumptions)
    assert rows["count: killed"].evidence == OWN.evidence
    assert [what for what in rows if what.startswith("bias")] == ["bias"]
    assert [what for what in rows if what.startswith("fidelity")] == ["fidelity"]
    assert rows["denial, own side"].evidence == WIDE.evidence
    assert rows["denial, enemy side"].evidence == SOURCE_PRIORS["denial", Relation.ENEMY].evidence
    said = {row.evidence for row in model.assumptions}
    for source in (PLAIN, PARTY):
        for parameter, relation in {(name, relation) for name, _ in SOURCE_PRIORS for relation in Relation}:
            assert model.source_prior(parameter, source, relation)[1].evidence in said


# --- records ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("record", [OWN, WIDE, OTHER_COUNT, Assumption("a", "1", "b")], ids=lambda r: type(r).__name__)
def test_priors_are_records(record):
    for twin in (eval(repr(record)), copy.copy(record), pickle.loads(pickle.dumps(record))):
        assert (twin, hash(twin)) == (record, hash(record))
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        setattr(record, attrs.fields(type(record))[0].name, 0.3)


@pytest.mark.parametrize(
    "model",
    [Model(), Model(counts={"killed": OWN}, sources={("bias", None): WIDE}, channels={SourceKind.MEDIA: Fidelity()})],
    ids=["default", "own"],
)
def test_models_are_bundles(model):
    for twin in (copy.deepcopy(model), pickle.loads(pickle.dumps(model)), attrs.evolve(model)):
        assert twin == model
        assert twin.assumptions == model.assumptions
    assert model != Model(counts={"killed": OWN, "injured": OWN})
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        model.channel = LogStudent()


def test_a_model_keeps_its_own_copy_of_what_it_was_given():
    counts = {"killed": OWN}
    model = Model(counts=counts)
    counts["killed"] = OTHER_COUNT
    assert model.count_prior("killed") == OWN


@pytest.mark.parametrize(
    "anchors", [{"a": True}, {"a": 0}, {"a": "0.1"}, {"a": math.inf}, {"": 0.1}, {3: 0.1}, ["a"], {"a"}, None]
)
def test_anchors_are_names_with_positive_numbers(anchors):
    with pytest.raises(InvalidValue, match="anchors"):
        Model(anchors=anchors)


def test_names_of_anchors_are_cleaned_as_those_of_sources_are():
    assert Model(anchors={" hospital ": 0.1}).anchors == {"hospital": 0.1}
