# SPDX-License-Identifier: MIT
"""The prior of everything that a corpus teaches, against scalar normal densities."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconcile.arrays import PARAMETERS, CountEdges
from reconcile.batches import PLAIN
from reconcile.hierarchy import COUNT_PARAMETERS, RELATIONS, Hierarchy
from reconcile.model import COUNT_DOUBT, SPREAD_DOUBT, Learned, Model, Normal, Parameter
from reconcile.vocabulary import Relation, Source

MODEL = Model()
PAPER, RADIO = Source("paper", kind="media"), Source("radio", kind="media")
MINISTRY = Source("ministry", kind="government", sides={"T"})
FIGURES = frozenset(PARAMETERS) - {"heaping", "copying"}
OUTCOMES = ("displaced", "killed")


def hierarchy(model=MODEL, speakers=(PAPER, RADIO, MINISTRY)):
    heard = {}
    for k, source in enumerate(speakers):
        heard[k, Relation.THIRD] = frozenset(PARAMETERS) if k else FIGURES
        if source.sides:
            heard[k, Relation.OWN] = FIGURES
    return Hierarchy.of([(source, source.name) for source in speakers], heard, OUTCOMES, model)


def log_normal(x, mean, sd):
    return -0.5 * ((x - mean) / sd) ** 2 - math.log(sd)


def scalar_prior(layout, x, t, model=MODEL, known=None):
    """Sum the log densities, one parameter after the other; what is `known` comes as one joint normal."""
    at = {name: float(x[k]) for k, name in enumerate(layout.names)}
    log_spread = dict(zip(layout.classes, t, strict=True))
    total = 0.0
    for (scope, owner, parameter, relation), value in at.items():
        if known is not None and Parameter(scope, owner, parameter, relation) in known.places:
            continue
        if scope == "count":
            prior = model.count_prior(owner)
            mean = {
                "zero": math.log(prior.zero / (1 - prior.zero)), "location": prior.location,
                "log_scale": math.log(prior.scale), "broad": math.log(prior.broad / (1 - prior.broad)),
            }[parameter]  # fmt: skip
            total += log_normal(value, mean, COUNT_DOUBT[parameter])
            continue
        source = next(s for s in (PAPER, RADIO, MINISTRY) if owner in (s.name, model.class_of(s)))
        _, normal = model.source_prior(parameter, source, relation or Relation.THIRD)
        if scope == "class":
            total += log_normal(value, normal.mean, normal.class_sd)
        else:
            group = Parameter("class", model.class_of(source), parameter, relation)
            total += log_normal(value, at[group], math.exp(log_spread[group]))
    for group, value in log_spread.items():
        if known is not None and group in known.spreads:
            total += log_normal(value, *known.spreads[group])
            continue
        source = next(s for s in (PAPER, MINISTRY) if model.class_of(s) == group.owner)
        _, normal = model.source_prior(group.name, source, group.relation or Relation.THIRD)
        total += log_normal(value, math.log(normal.spread), SPREAD_DOUBT)
    if known is not None:
        mine = [name for name in layout.names if name in known.places]
        place = [known.places[name] for name in mine]
        gap = np.array([at[name] for name in mine]) - known.mean[place]
        total -= 0.5 * gap @ np.linalg.solve(known.covariance[np.ix_(place, place)], gap)
    return total


def drawn(layout, seed, draws=2):
    rng = np.random.default_rng(seed)
    xs = layout.mean + rng.standard_normal((draws, len(layout)))
    return xs, layout.log_spread + 0.5 * rng.standard_normal((draws, len(layout.log_spread)))


def teacher(seed=0):
    """What another corpus taught of the paper, the media and the killed, with correlations, and of a stranger."""
    layout = hierarchy(speakers=(PAPER,))
    names = [name for name in layout.names if name.owner != "displaced"] + [
        Parameter("source", "stranger", "bias", None)
    ]
    rng = np.random.default_rng(seed)
    root = rng.standard_normal((len(names), len(names)))
    spreads = {group: (float(rng.normal(-1, 0.3)), 0.2) for group in layout.classes}
    return Learned(tuple(names), rng.standard_normal(len(names)), root @ root.T + np.eye(len(names)), spreads)


@given(st.integers(0, 2**32 - 1))
def test_the_prior_is_a_sum_of_normal_densities(seed):
    layout = hierarchy()
    (x, y), (t, u) = drawn(layout, seed)
    found = layout.log_prior(x, t) - layout.log_prior(y, u)
    assert found == pytest.approx(scalar_prior(layout, x, t) - scalar_prior(layout, y, u), rel=1e-9, abs=1e-9)


@given(st.integers(0, 2**32 - 1))
def test_what_was_learned_comes_as_one_joint_normal(seed):
    known = teacher()
    model = Model(learned=known)
    layout = hierarchy(model)
    (x, y), (t, u) = drawn(layout, seed)
    found = layout.log_prior(x, t) - layout.log_prior(y, u)
    wanted = [scalar_prior(layout, a, b, known=known) for a, b in ((x, t), (y, u))]
    assert found == pytest.approx(wanted[0] - wanted[1], rel=1e-8, abs=1e-8)


def test_precision_is_the_curvature_of_the_prior():
    for layout in (hierarchy(), hierarchy(Model(learned=teacher()))):
        (x, _), (t, _) = drawn(layout, 1)
        precision = layout.precision(t)
        np.testing.assert_allclose(precision, precision.T, atol=1e-12)
        assert np.linalg.eigvalsh(precision).min() > 0
        gap = x - layout.mean
        difference = layout.log_prior(x, t) - layout.log_prior(layout.mean, t)
        assert difference == pytest.approx(-0.5 * gap @ precision @ gap)


def test_the_mean_is_the_mode():
    for layout in (hierarchy(), hierarchy(Model(learned=teacher()))):
        (x, y), (t, _) = drawn(layout, 2)
        for other in (x, y, layout.mean + 1e-3):
            assert layout.log_prior(layout.mean, t) > layout.log_prior(other, t)


def test_places():
    layout = hierarchy()
    assert len(set(layout.names)) == len(layout) == len(layout.mean)
    assert layout.place.shape == (3, len(RELATIONS), len(PARAMETERS))
    third, own = RELATIONS.index(Relation.THIRD), RELATIONS.index(Relation.OWN)
    for k, name in enumerate(PARAMETERS):
        where = Relation.THIRD if name in ("bias", "denial") else None
        wanted = (
            len(layout)
            if name in ("heaping", "copying")
            else layout.names.index(Parameter("source", "paper", name, where))
        )
        assert layout.place[0, third, k] == wanted
        assert layout.place[0, own, k] == len(layout)  # nobody heard it speak so
        same = name not in ("bias", "denial", "heaping", "copying")
        assert (layout.place[2, own, k] == layout.place[2, third, k]) == same
    for outcome, at in zip(OUTCOMES, layout.counts, strict=True):
        assert [layout.names[k] for k in at] == [Parameter("count", outcome, name, None) for name in COUNT_PARAMETERS]
    for k, group in enumerate(layout.class_of):
        mine = layout.names[k]
        assert (group >= 0) == (mine.scope == "source")
        if group >= 0:
            source = {"paper": PAPER, "radio": RADIO, "ministry": MINISTRY}[mine.owner]
            assert layout.names[group] == Parameter("class", Model.class_of(source), mine.name, mine.relation)


def test_parameters_of_claims():
    layout = hierarchy()
    columns = np.stack(
        [layout.place[0, RELATIONS.index(Relation.THIRD)], layout.place[2, RELATIONS.index(Relation.OWN)]], 1
    )
    (x, y), _ = drawn(layout, 3)
    theta = layout.theta(x, columns)
    assert theta.shape == (8, 2)
    assert theta[0, 0] == x[layout.names.index(Parameter("source", "paper", "bias", Relation.THIRD))]
    assert theta[0, 1] == x[layout.names.index(Parameter("source", "ministry", "bias", Relation.OWN))]
    assert theta[-1].tolist() == [0, 0]
    assert np.array_equal(layout.theta(np.array([x, y]), columns), [theta, layout.theta(y, columns)])


def test_count_parameters_are_those_of_the_count_priors():
    layout, edge = hierarchy(), np.array([0, 1, 2, 10, 1_000])
    xs, _ = drawn(layout, 4)
    values = layout.count_values(xs)
    assert values.shape == (*xs.shape[:1], len(OUTCOMES), 4)
    assert np.array_equal(layout.count_values(xs[0]), values[0])
    tail, _ = PLAIN.tails(CountEdges.of(edge, layout.wide), values, slopes=False)
    for k, outcome in enumerate(OUTCOMES):
        known = Learned(
            tuple(Parameter("count", outcome, name, None) for name in COUNT_DOUBT), values[0, k], np.eye(4), {}
        )
        prior = Model(learned=known).count_prior(outcome)
        from oracles import count_probability

        below = np.cumsum([count_probability(n, prior) for n in range(1_000)])
        np.testing.assert_allclose(tail[0, k, : len(edge)], [1, *(1 - below[edge[1:] - 1])], atol=1e-9)


def test_count_parameters_far_out_are_held_back():
    layout = hierarchy()
    far = layout.count_values(np.full(len(layout), 1e6))
    assert np.array_equal(far, np.broadcast_to([40.0, 60.0, 4.0, 40.0], far.shape))
    assert np.array_equal(layout.count_values(np.full(len(layout), -1e6))[0], [-40.0, -60.0, -6.0, -40.0])


def test_what_is_learned_is_kept_beside_what_was_learned_before():
    before = teacher()
    layout = hierarchy(Model(learned=before))
    size = len(layout)
    covariance = np.diag(np.arange(1.0, size + 1))
    t, t_sd = layout.log_spread + 0.1, np.full(len(layout.log_spread), 0.3)
    found = layout.learned(layout.mean, covariance, t, t_sd, before)
    assert found.names[:size] == layout.names
    assert set(found.names) == {*layout.names, *before.names}
    assert found.normal(layout.names[3]) == (layout.mean[3], 2.0)
    stranger = Parameter("source", "stranger", "bias", None)
    assert found.normal(stranger) == before.normal(stranger)
    assert found.spreads == {
        **before.spreads, **{group: (one, 0.3) for group, one in zip(layout.classes, t, strict=True)}
    }  # fmt: skip
    again = hierarchy(Model(learned=found))
    np.testing.assert_allclose(again.mean, layout.mean)
    np.testing.assert_allclose(np.linalg.inv(again.precision(t)), covariance, atol=1e-9)


def test_a_class_without_doubt_about_its_mean():
    """All variance between sources: the prior of a source is then as wide as the class says, whatever the corpus."""
    model = Model(sources={("bias", None): Normal(0.4, 0.7, "ours", shared=0)})
    layout = hierarchy(model)
    inverse = np.linalg.inv(layout.precision(layout.log_spread))
    at = layout.names.index(Parameter("source", "paper", "bias", None))
    assert layout.mean[at] == 0.4
    assert inverse[at, at] == pytest.approx(0.7**2, rel=1e-4)


def test_the_prior_of_a_source_is_that_of_the_model():
    layout = hierarchy()
    inverse = np.linalg.inv(layout.precision(layout.log_spread))
    for k, (scope, owner, name, relation) in enumerate(layout.names):
        if scope == "source":
            source = {"paper": PAPER, "radio": RADIO, "ministry": MINISTRY}[owner]
            _, normal = MODEL.source_prior(name, source, relation or Relation.THIRD)
            assert layout.mean[k] == normal.mean
            assert inverse[k, k] == pytest.approx(normal.sd**2)
