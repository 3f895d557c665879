# SPDX-License-Identifier: MIT
"""Parameters and their prior: standardised coordinates against scalar normal densities and finite differences."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from oracles import count_probability

from reconcile.inference.arrays import PARAMETERS, CountEdges
from reconcile.inference.batches import PLAIN
from reconcile.inference.hierarchy import COUNT_PARAMETERS, RELATIONS, Hierarchy
from reconcile.model import COUNT_DOUBT, SPREAD_DOUBT, Learned, Model, Normal, Parameter
from reconcile.vocabulary import Relation, Source

MODEL = Model()
PAPER, RADIO = Source("paper", kind="media"), Source("radio", kind="media")
MINISTRY = Source("ministry", kind="government", sides={"T"})
SOURCES = {source.name: source for source in (PAPER, RADIO, MINISTRY)}
FIGURES = frozenset(PARAMETERS) - {"heaping", "copying"}
OUTCOMES = ("displaced", "killed")
DRAWS = 40_000
SEEN = 5  # standard errors within which a moment of so many draws is found


def hierarchy(model=MODEL, speakers=(PAPER, RADIO, MINISTRY), *, learn=True):
    heard = {}
    for k, source in enumerate(speakers):
        heard[k, Relation.THIRD] = frozenset(PARAMETERS) if k else FIGURES
        if source.sides:
            heard[k, Relation.OWN] = FIGURES
    return Hierarchy.of(speakers, heard, OUTCOMES, model, learn=learn)


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


LAYOUTS = {
    "learning": hierarchy(),
    "not learning": hierarchy(learn=False),
    "after learning": hierarchy(Model(learned=teacher())),
    "after learning, not learning": hierarchy(Model(learned=teacher()), learn=False),
}
layouts = st.sampled_from(list(LAYOUTS.values()))
seeds = st.integers(0, 2**32 - 1)


def points(layout, seed, draws=2):
    z = np.random.default_rng(seed).standard_normal((draws, layout.size))
    z[:, : len(layout)][:, held(layout)] = 0.0
    return z


def held(layout):
    """Parameters that nothing moves."""
    found = (layout.sd == 0) & (layout.class_of < 0)
    found[layout.joint] = False
    return found


# --- coordinates ---------------------------------------------------------------------------------------------------


@given(layouts, seeds)
def test_to_fold_is_to_undo_unfolding(layout, seed):
    z = points(layout, seed)
    x = layout.unfold(z)
    np.testing.assert_allclose(layout.fold(x, layout.spreads(z)), z, atol=1e-9)
    np.testing.assert_allclose(layout.unfold(layout.fold(x, layout.spreads(z))), x, atol=1e-9)


@given(layouts, seeds)
def test_pulling_slopes_is_the_jacobian_transposed(layout, seed):
    z, h = points(layout, seed, 1), 1e-6
    slope = np.random.default_rng(seed + 1).standard_normal((1, len(layout)))
    step = h * np.eye(layout.size)
    jacobian = (layout.unfold(z + step) - layout.unfold(z - step)) / (2 * h)  # of shape (p + k, p)
    np.testing.assert_allclose(layout.pull(z, slope)[0], jacobian @ slope[0], rtol=1e-7, atol=1e-7)
    many = np.random.default_rng(seed + 2).standard_normal((3, len(layout)))
    np.testing.assert_allclose(layout.pull(z, many), many @ jacobian.T, rtol=1e-6, atol=1e-6)


@given(layouts, seeds)
def test_pushing_slopes_undoes_pulling_them(layout, seed):
    z = points(layout, seed, 1)
    slope = np.random.default_rng(seed + 1).standard_normal((3, len(layout)))
    slope[:, held(layout)] = 0.0  # of which nothing is left when they are pulled
    back = layout.push(layout.spreads(z)[0], layout.pull(z, slope)[:, : len(layout)])
    np.testing.assert_allclose(back, slope, atol=1e-9)


def test_slopes_at_several_points_are_those_at_each():
    layout = LAYOUTS["after learning"]
    z, slope = points(layout, 0, 3), np.random.default_rng(1).standard_normal((3, len(layout)))
    for k, found in enumerate(layout.pull(z, slope)):
        np.testing.assert_allclose(found, layout.pull(z[[k]], slope[[k]])[0], atol=1e-12)


# --- the prior -----------------------------------------------------------------------------------------------------


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
        source = next(s for s in SOURCES.values() if owner in (s.name, model.class_of(s)))
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


@pytest.mark.parametrize("known", [None, teacher()], ids=["fresh", "after learning"])
@given(seeds)
def test_standard_normal_coordinates_are_the_prior_one_density_after_the_other(known, seed):
    """A density changes with the coordinates by the volume: here the spreads of those that lean."""
    layout = LAYOUTS["learning" if known is None else "after learning"]
    z = points(layout, seed)
    xs, ts = layout.unfold(z), layout.spreads(z)
    found = -0.5 * np.sum(z**2, axis=1) - ts[:, layout.group].sum(axis=1)
    wanted = [scalar_prior(layout, x, t, known=known) for x, t in zip(xs, ts, strict=True)]
    assert found[0] - found[1] == pytest.approx(wanted[0] - wanted[1], rel=1e-8, abs=1e-8)


def drawn(layout):
    z = np.random.default_rng(0).standard_normal((DRAWS, layout.size))
    return layout.unfold(z), layout.spreads(z)


def assert_moments(draws, mean, sd):
    assert draws.mean() == pytest.approx(mean, abs=SEEN * sd / np.sqrt(DRAWS))
    assert draws.std() == pytest.approx(sd, rel=SEEN * 2 / np.sqrt(DRAWS))


def test_prior_draws_have_the_moments_of_the_model():
    layout = LAYOUTS["learning"]
    xs, ts = drawn(layout)
    for name, draws in zip(layout.names, xs.T, strict=True):
        if name.scope == "count":
            prior = MODEL.count_prior(name.owner)
            assert_moments(draws, math.log(prior.scale) if name.name == "log_scale" else draws.mean(),
                           COUNT_DOUBT[name.name])  # fmt: skip
            continue
        source = next(s for s in SOURCES.values() if name.owner in (s.name, MODEL.class_of(s)))
        _, normal = MODEL.source_prior(name.name, source, name.relation or Relation.THIRD)
        if name.scope == "class":
            assert_moments(draws, normal.mean, normal.class_sd)
        else:  # the spread is log-normal, so its mean square is above that of its middle
            square = normal.class_sd**2 + normal.spread**2 * np.exp(2 * SPREAD_DOUBT**2)
            assert draws.mean() == pytest.approx(normal.mean, abs=SEEN * np.sqrt(square / DRAWS))
            assert draws.var() == pytest.approx(square, rel=0.1)
    for group, draws in zip(layout.classes, ts.T, strict=True):
        source = next(s for s in (PAPER, MINISTRY) if MODEL.class_of(s) == group.owner)
        _, normal = MODEL.source_prior(group.name, source, group.relation or Relation.THIRD)
        assert_moments(draws, math.log(normal.spread), SPREAD_DOUBT)


def test_sources_of_a_class_are_alike_as_far_as_the_class_is_unknown():
    layout = LAYOUTS["learning"]
    xs, _ = drawn(layout)
    paper, radio, ministry = (
        xs[:, layout.names.index(Parameter("source", name, "fidelity", None))]
        for name in ("paper", "radio", "ministry")
    )
    _, normal = MODEL.source_prior("fidelity", PAPER, Relation.THIRD)
    assert np.cov(paper, radio)[0, 1] == pytest.approx(normal.class_sd**2, rel=0.1)
    assert abs(np.corrcoef(paper, ministry)[0, 1]) < SEEN / np.sqrt(DRAWS)


def test_without_learning_each_source_has_the_whole_prior_for_itself_and_counts_are_held():
    layout = LAYOUTS["not learning"]
    assert layout.classes == ()
    assert {name.scope for name in layout.names} == {"source", "count"}
    xs, ts = drawn(layout)
    assert ts.shape == (DRAWS, 0)
    for name, draws in zip(layout.names, xs.T, strict=True):
        if name.scope == "count":
            assert np.ptp(draws) == 0
            continue
        _, normal = MODEL.source_prior(name.name, SOURCES[name.owner], name.relation or Relation.THIRD)
        assert_moments(draws, normal.mean, normal.sd)
    free = xs[:, ~held(layout)]
    apart = np.corrcoef(free.T) - np.eye(free.shape[1])
    assert np.max(np.abs(apart)) < SEEN / np.sqrt(DRAWS)


def test_what_was_learned_is_drawn_as_one_joint_normal():
    known = teacher()
    for layout in (LAYOUTS["after learning"], LAYOUTS["after learning, not learning"]):
        xs, _ = drawn(layout)
        place = [known.places[layout.names[at]] for at in layout.joint]
        assert {layout.names[at].scope for at in layout.joint} <= {"source", "class", "count"}
        wanted = known.covariance[np.ix_(place, place)]
        sd = np.sqrt(np.diag(wanted))
        assert np.max(np.abs(xs[:, layout.joint].mean(axis=0) - known.mean[place]) / sd) < SEEN / np.sqrt(DRAWS)
        gap = np.cov(xs[:, layout.joint].T) - wanted
        assert np.max(np.abs(gap / sd / sd[:, None])) < SEEN * np.sqrt(2 / DRAWS)


def test_a_class_that_was_learned_tells_of_new_sources_without_learning_too():
    """The radio was not heard before: it has the mean that the media were found to have, and their spread."""
    known = teacher()
    layout = LAYOUTS["after learning, not learning"]
    group = Parameter("class", "media", "bias", Relation.THIRD)
    at = layout.names.index(Parameter("source", "radio", "bias", Relation.THIRD))
    mean, sd = known.normal(group)
    assert layout.mean[at] == mean
    assert layout.sd[at] == pytest.approx(math.hypot(sd, math.exp(known.spreads[group][0])))


def test_a_class_without_doubt_about_its_mean():
    """All variance between sources: the prior of a source is then as wide as the class says, whatever the corpus."""
    layout = hierarchy(Model(sources={("bias", None): Normal(0.4, 0.7, "ours", shared=0)}))
    at = layout.names.index(Parameter("source", "paper", "bias", None))
    z = np.zeros((2, layout.size))
    z[1, layout.class_of[at]] = 1.0
    middle, moved = layout.unfold(z)[:, at]
    assert middle == 0.4
    assert moved - middle == pytest.approx(0, abs=2e-3)
    assert math.exp(layout.log_spread[layout.class_of[at]]) == pytest.approx(0.7)


# --- places --------------------------------------------------------------------------------------------------------


def test_places():
    layout = hierarchy()
    assert len(set(layout.names)) == len(layout) == len(layout.mean)
    assert layout.size == len(layout) + len(layout.classes)
    assert layout.names[: len(layout.classes)] == layout.classes
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
    for outcome, at in zip(OUTCOMES, layout.counts, strict=True):
        assert [layout.names[k] for k in at] == [Parameter("count", outcome, name, None) for name in COUNT_PARAMETERS]
    for k, group in enumerate(layout.class_of):
        mine = layout.names[k]
        assert (group >= 0) == (mine.scope == "source")
        if group >= 0:
            assert layout.names[group] == Parameter("class", Model.class_of(SOURCES[mine.owner]), mine.name,
                                                    mine.relation)  # fmt: skip


@given(st.sampled_from(["learning", "not learning", "after learning"]), seeds)
def test_some_parameters_are_a_hierarchy_of_their_own(name, seed):
    layout = LAYOUTS[name]
    rng = np.random.default_rng(seed)
    scope = np.array([one.scope != "source" for one in layout.names])
    scope[layout.joint] = True
    kept = np.flatnonzero(scope | (rng.random(len(layout)) < 0.5))
    some = layout.only(kept)
    assert some.names == tuple(layout.names[k] for k in kept)
    z = points(layout, seed)
    mine = np.concatenate([kept, np.arange(len(layout), layout.size)])
    np.testing.assert_allclose(some.unfold(z[:, mine]), layout.unfold(z)[:, kept], atol=1e-12)
    slope = np.zeros((2, len(layout)))
    slope[:, kept] = rng.standard_normal((2, len(kept)))
    np.testing.assert_allclose(some.pull(z[:, mine], slope[:, kept]), layout.pull(z, slope)[:, mine], atol=1e-9)
    at = {int(old): new for new, old in enumerate(kept)}
    assert some.place.ravel().tolist() == [at.get(old, len(kept)) for old in layout.place.ravel().tolist()]
    assert [some.names[k] for k in some.counts.ravel()] == [layout.names[k] for k in layout.counts.ravel()]


def test_parameters_of_claims():
    layout = hierarchy()
    columns = np.stack(
        [layout.place[0, RELATIONS.index(Relation.THIRD)], layout.place[2, RELATIONS.index(Relation.OWN)]], 1
    )
    x, y = layout.unfold(points(layout, 3))
    theta = layout.theta(x, columns)
    assert theta.shape == (8, 2)
    assert theta[0, 0] == x[layout.names.index(Parameter("source", "paper", "bias", Relation.THIRD))]
    assert theta[0, 1] == x[layout.names.index(Parameter("source", "ministry", "bias", Relation.OWN))]
    assert theta[-1].tolist() == [0, 0]
    assert np.array_equal(layout.theta(np.array([x, y]), columns), [theta, layout.theta(y, columns)])


def test_count_parameters_are_those_of_the_count_priors():
    layout, edge = hierarchy(), np.array([0, 1, 2, 10, 1_000])
    xs = layout.unfold(points(layout, 4))
    values = layout.count_values(xs)
    assert values.shape == (*xs.shape[:1], len(OUTCOMES), 4)
    assert np.array_equal(layout.count_values(xs[0]), values[0])
    tail, _ = PLAIN.tails(CountEdges.of(edge, layout.wide), values, slopes=False)
    for k, outcome in enumerate(OUTCOMES):
        known = Learned(
            tuple(Parameter("count", outcome, name, None) for name in COUNT_DOUBT), values[0, k], np.eye(4), {}
        )
        prior = Model(learned=known).count_prior(outcome)
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
    np.testing.assert_allclose(again.root @ again.root.T, covariance[np.ix_(again.joint, again.joint)], atol=1e-9)


@given(layouts, seeds)
def test_classes_are_drawn_anew_and_their_sources_stay(layout, seed):
    z = points(layout, seed, draws=4)
    new = layout.draw_classes(z, np.random.default_rng(seed))
    before, after = layout.unfold(z), layout.unfold(new)
    kept = np.setdiff1d(np.arange(len(layout)), np.arange(len(layout.classes)))
    np.testing.assert_allclose(after[:, kept], before[:, kept], atol=1e-9)
    assert np.array_equal(new[:, layout.joint], z[:, layout.joint])


def test_classes_are_drawn_from_what_their_sources_leave_open():
    """Against the density of mean and spread on a grid, the sources given."""
    layout = hierarchy()
    k = int(np.argmax(layout.by_class(np.ones(len(layout.leaning)))))
    mine = layout.leaning[layout.group == k]
    x = layout.unfold(np.zeros((1, layout.size)))
    x[0, mine] = x[0, k] + np.linspace(0.4, 1.2, len(mine))
    z = np.repeat(layout.fold(x, layout.log_spread[None]), 4_000, axis=0)
    rng, found = np.random.default_rng(0), []
    for _ in range(12):
        z = layout.draw_classes(z, rng)
        found.append(np.stack([layout.unfold(z)[:, k], layout.spreads(z)[:, k]]))
    drawn = np.concatenate(found[4:], axis=1)

    mean = np.linspace(-8, 8, 801)[:, None] * layout.sd[k] + layout.mean[k]
    t = np.linspace(-6, 6, 601)[None] * layout.log_spread_sd[k] + layout.log_spread[k]
    log = -0.5 * ((mean - layout.mean[k]) / layout.sd[k]) ** 2
    log = log - 0.5 * ((t - layout.log_spread[k]) / layout.log_spread_sd[k]) ** 2
    for value in x[0, mine]:
        log = log - t - 0.5 * ((value - mean) * np.exp(-t)) ** 2
    mass = np.exp(log - log.max())
    mass /= mass.sum()
    for got, at in zip(drawn, (mean, t), strict=True):
        middle = np.sum(mass * at)
        assert got.mean() == pytest.approx(middle, abs=0.03)
        assert got.std() == pytest.approx(np.sqrt(np.sum(mass * (at - middle) ** 2)), rel=0.05)
