# SPDX-License-Identifier: MIT
"""Small sets of claims that several tests share."""

from __future__ import annotations

import functools

import attrs
import numpy as np

import reconcile as rc
from reconcile import simulate
from reconcile.accounts import box, build_accounts
from reconcile.channels import expit
from reconcile.claims import Corpus
from reconcile.inference.known import chance_on_lattice
from reconcile.inference.layouts import Layout
from reconcile.inference.likelihood import Term
from reconcile.inference.problems import build_problem
from reconcile.pmf import TOP, Lattice
from reconcile.roles import assign_roles
from reconcile.vocabulary import relate

T, S = rc.Group(party="T"), rc.Group(party="S")
CHILD, ADULT, CIVILIAN = rc.Group(age="child"), rc.Group(age="adult"), rc.Group(status="civilian")
BOTH = rc.Group(age="child", status="civilian")
CASUALTIES = rc.Outcome("casualties", {"killed", "injured"})
MARKET = rc.Event("market", perpetrators={"S"})
MINISTRY = rc.Source("ministry", kind="government", sides={"T"})
MONITOR = rc.Source("monitor", kind="monitor")
AGENCY = rc.Source("agency", kind="media")


def claim(quantity, value, source=MONITOR, **more):
    value = rc.Exactly(value) if isinstance(value, int) else value
    return rc.Claim(quantity, value, rc.Source(source) if isinstance(source, str) else source, **more)


@functools.cache
def _estimated(claims, options):
    return rc.estimate(claims, **dict(options))


def estimated(claims, **options):
    """What `estimate` gives of some claims, computed once however many tests look at it."""
    return _estimated(tuple(claims), tuple(sorted(options.items())))


def posed_of(claims, model=None, *, learn=True):
    """What `estimate` would make of claims before it computes."""
    corpus = claims if isinstance(claims, Corpus) else Corpus(claims)
    return build_problem(corpus.columns, assign_roles(corpus), model or rc.Model(), learn=learn)


def problem_of(claims, model=None, *, learn=True):
    """The problem that `estimate` would solve."""
    return posed_of(claims, model, learn=learn).problem


def layouts_of(claims, model=None):
    """The accounts of some claims, laid out."""
    model = model or rc.Model()
    shares = [(one.quantity, one.whole) for one in claims if one.whole is not None]
    found = []
    for account in build_accounts({*(one.quantity for one in claims), *(whole for _, whole in shares)}, shares):
        inside = {box(quantity) for quantity in account.quantities}
        terms = [
            (account.places(one.quantity, one.whole), Term.of(one, one.source, one.relation, model))
            for one in claims
            if box(one.quantity) in inside
        ]
        found.append(Layout.of(account, terms, model))
    return found


def draw_prior(layouts, draws, rng):
    """Draws of all sources of some accounts, each with the whole prior for itself; by column."""
    terms = [term for layout in layouts for *_, term in (*layout.rows, *layout.shares)]
    priors = {
        (term.source.name, name, relation): (mean, sd)
        for term in terms
        for name, (relation, mean, sd) in term.priors().items()
    }
    return {column: mean + sd * rng.standard_normal(draws) for column, (mean, sd) in sorted(priors.items(), key=str)}


@functools.lru_cache(maxsize=4)
def _chance(known, low):
    """P(known count in the second cell | count in the first), of a lattice by the bytes of its first counts."""
    first = np.frombuffer(low, dtype=np.int64)
    return chance_on_lattice(known, first, np.append(first[1:], TOP + 1))


def open_anew(world, random):
    """Draw the claims of a simulated world again, and its counts, as learning reads them.

    What the first claim about a count tells of its source is cut off (`lone_counts`). Of this world that is exact: a
    usual source of its class, as the prior has it, sees some count and makes the first claim; the true count is drawn
    anew from what that claim says of it if its source is as in this world; of this count the others speak.
    """
    model, claims = world.model, world.claims.ordered
    event, turn = world._event, np.arange(len(claims)) - np.searchsorted(world._event, world._event)
    own, usual = ({name: np.empty(len(claims)) for name in simulate._PARAMETERS} for _ in range(2))
    relations = [relate(claim.source, claim.quantity) for claim in claims]
    for k, (claim, relation) in enumerate(zip(claims, relations, strict=True)):
        for name in own:
            special, prior = model.source_prior(name, claim.source, relation)
            own[name][k], usual[name][k] = world.sources[claim.source.name][name, special], prior.mean

    def speak(truth, theta):
        figure, known = simulate._draw_figures(truth, theta, random)
        return simulate._say(figure, np.where(known, 0.0, expit(theta["heaping"])), random)

    (first,) = np.nonzero(turn == 0)
    starts = np.append(np.arange(300), np.unique(np.round(np.geomspace(300, TOP, 900)).astype(np.int64))[:-1])
    value, truth, seen = np.empty(len(claims), dtype=np.int64), np.empty_like(world.truth), np.empty_like(world.known)
    value[first] = speak(world.known[event[first]], {name: values[first] for name, values in usual.items()})
    for k in first:
        said = int(value[k])
        low = np.union1d(starts, [said, said + 1])
        lattice = Lattice(low, np.append(low[1:] - 1, TOP))
        term = Term.of(attrs.evolve(claims[k], value=rc.Exactly(said)), claims[k].source, relations[k], model)
        theta = {name: own[name][[k]] for name in term.parameters}
        middle = np.round(np.sqrt(lattice.low.astype(float) * lattice.high))
        prior, row = world.priors[claims[k].quantity.outcome.name].mass(lattice), term.row(middle, theta)[0]
        if model.known is None:
            cell = random.choice(len(row), p=prior * row / (prior @ row))
            truth[event[k]] = seen[event[k]] = random.integers(lattice.low[cell], lattice.high[cell], endpoint=True)
            continue
        chance = _chance(model.known, lattice.low.tobytes())
        of_known = (prior @ chance) * row
        at = random.choice(len(row), p=of_known / of_known.sum())
        of_truth = prior * chance[:, at]
        cell = random.choice(len(row), p=of_truth / of_truth.sum())
        truth[event[k]] = random.integers(lattice.low[cell], lattice.high[cell], endpoint=True)
        same = at == cell and random.random() < model.known.exact / chance[cell, at]
        seen[event[k]] = truth[event[k]] if same else random.integers(lattice.low[at], lattice.high[at], endpoint=True)
    later = turn > 0
    value[later] = speak(seen[event[later]], {name: values[later] for name, values in own.items()})
    value = simulate._repeat(value, turn, expit(own["copying"]), random)
    return attrs.evolve(world, truth=truth, known=seen, frame={**world.frame, "value": value})
