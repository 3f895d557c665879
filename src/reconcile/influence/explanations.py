# SPDX-License-Identifier: MIT
"""Where an estimate comes from: what each claim did, and what the estimate would be without it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import TypeAlias

import attrs
import numpy as np
from numpy.typing import NDArray

from reconcile.accounts import box
from reconcile.estimates import Part
from reconcile.influence.coalitions import Coalitions, Found
from reconcile.influence.preparation import Prepared, load_of, prepare
from reconcile.influence.records import Bearing, Explanation, SourceBearing
from reconcile.influence.shapley import every_subset, shares_exactly, shares_sampled
from reconcile.influence.words import describe_reading, describe_source, list_parameters
from reconcile.likelihood import TINY
from reconcile.plumbing import check
from reconcile.pmf import PMF
from reconcile.posterior import Posterior
from reconcile.speech import Meaning
from reconcile.values import AtLeast, AtMost
from reconcile.vocabulary import Quantity

__all__ = ["explain"]

Floats: TypeAlias = NDArray[np.float64]
Bools: TypeAlias = NDArray[np.bool_]

EXACT = 12  # claims up to which all subsets are looked at
SUBSETS = 4_096  # about so many are, at most
COSTLY_SUBSETS, SAMPLED_SUBSETS = 256, 32  # where one takes sums over pairs of cells, or a sampler
DRAWS, COSTLY_DRAWS = 256, 8  # of source parameters at which subsets are looked at
COSTLY_WORK = 1_000_000_000  # pairs of cells times draws times subsets, at most
LEAST_PAIRS = 2
ENOUGH = 64  # draws from which their spread tells the error


def explain(posterior: Posterior, quantity: Quantity) -> Explanation:
    """Say where an estimate comes from: what each claim did, and what the estimate would be without it.

    A claim stands here for itself and for what it replaces: its relays, repeats and earlier versions go with it. The
    counts that claims mention, and the identities between them, stay as they are. Shares of the information are
    Shapley values (Shapley 1953) of ``v(S) = KL(p_all || p_none) - KL(p_all || p_S)``, with p_S the estimate from the
    claims S alone: how far S goes from what was assumed before any claim to the estimate from all. They add up to
    ``KL(p_all || p_none)``. The share of a claim that leads away from the estimate is negative.

    Parameters
    ----------
    posterior : Posterior
    quantity : Quantity

    Returns
    -------
    Explanation

    Raises
    ------
    UnknownQuantity
        For a quantity that has no estimate.

    Notes
    -----
    Where each source speaks once, and where sources were learned, subsets of claims are solved exactly: all of them up
    to 12 claims, beyond that those that occur in random orders of the claims, whose spread gives the standard error.
    Where a source that is integrated over its priors speaks several times, draws of its parameters are weighted anew
    for each subset. Where sources were learned, they stay as they were learned from all claims. Where counts form no
    tree, each subset is sampled anew, which takes as long as the estimate took.

    Examples
    --------
    >>> import reconcile as rc
    >>> clash = rc.Event("clash").killed()
    >>> claims = [rc.Claim(clash, rc.Exactly(n), rc.Source(s)) for n, s in [(5, "ministry"), (6, "monitor")]]
    >>> explanation = rc.explain(rc.estimate(claims), clash)
    >>> [one.without.median() for one in sorted(explanation.claims, key=lambda one: one.role.claim.source.name)]
    [6, 5]
    """
    check(isinstance(posterior, Posterior), "explain(posterior)", posterior, "what estimate gives")
    estimate = posterior[quantity]
    prepared = prepare(posterior, quantity)
    coalitions = prepared.coalitions
    roles, number, lattice = coalitions.roles, len(coalitions.roles), coalitions.lattice
    names = list(dict.fromkeys(role.origin.name for role in roles))
    theirs = np.array([[role.origin.name == name for role in roles] for name in names], dtype=bool)
    every, none = np.ones((1, number), dtype=bool), np.zeros((1, number), dtype=bool)
    subsets = np.concatenate([every, none, ~np.eye(number, dtype=bool), ~theirs.reshape(-1, number)])
    found = coalitions.solve(subsets, each=True)
    full, before = (PMF(lattice, found.mass[k]) for k in (0, 1))
    information = _divergence(found.mass[0], found.mass[1])
    shares, errors, how = _shares(prepared)
    # Fewer draws serve for the shares than for the estimate: scaled, so that they add up to the same.
    total = float(shares.sum())
    if number and not prepared.exact and total > 0:
        shares, errors = shares * information / total, errors * information / total
    bearings = []
    for at, role in enumerate(roles):
        without = PMF(lattice, found.mass[2 + at])
        place, tail, surprise, agreement = _check_against(coalitions, found, at)
        bearings.append(
            Bearing(
                role,
                describe_reading(coalitions.terms[at].meaning, share=coalitions.terms[at].is_share),
                describe_source(coalitions.terms[at], prepared.staged, full.median()),
                without,
                *_shift(full, without),
                float(shares[at]),
                float(errors[at]),
                place,
                tail,
                surprise,
                agreement,
                _copied(coalitions, found, at),
            )
        )
    sources = []
    for k, name in enumerate(names):
        without = PMF(lattice, found.mass[2 + number + k])
        mine = [bearing for bearing in bearings if bearing.role.origin.name == name]
        sources.append(SourceBearing(name, len(mine), without, *_shift(full, without), sum(b.share for b in mine)))
    sources.sort(key=lambda one: (-one.share, one.name))
    bearings.sort(key=lambda one: (-one.share, one.role.claim.id))
    silent = [Bearing(role) for role in prepared.roles if role.role is not Part.USED]
    return Explanation(
        estimate,
        full,
        before,
        (*bearings, *silent),
        tuple(sources),
        information,
        estimate.origins,
        _effective(bearings, quantity),
        _assumptions(prepared, quantity),
        _notes(posterior, prepared, found, how),
    )


def _divergence(one: Floats, other: Floats) -> float:
    some = one > 0
    return float(np.sum(one[some] * (np.log(one[some]) - np.log(np.maximum(other[some], TINY)))))


def _shift(full: PMF, without: PMF) -> tuple[int, float, float]:
    logs = np.log(full.lattice.center + 0.5)
    gap = float((full.mass - without.mass) @ logs)
    return full.median() - without.median(), gap, max(_divergence(full.mass, without.mass), 0.0)


def _shares(prepared: Prepared) -> tuple[Floats, Floats, str]:
    """Shapley shares, their standard errors, and how they were found."""
    coalitions, number = prepared.coalitions, len(prepared.coalitions.roles)
    coalitions = coalitions.thinned(COSTLY_DRAWS if prepared.costly else DRAWS)
    ends = coalitions.solve(np.array([[False] * number, [True] * number]).reshape(2, number)).mass
    final = ends[1]
    some = final > 0

    def worth(subsets: Bools) -> Floats:
        mass = coalitions.solve(subsets).mass[:, some]
        log_gain: Floats = np.log(np.maximum(mass, TINY)) - np.log(np.maximum(ends[0][some], TINY))
        gain: Floats = log_gain @ final[some]
        return gain

    most = SUBSETS
    if prepared.costly:
        room = COSTLY_WORK // (load_of(prepared.account, coalitions.lattice) * coalitions.draws)
        most = int(np.clip(room, SAMPLED_SUBSETS, COSTLY_SUBSETS))
    if not prepared.account.is_tree:
        most = SAMPLED_SUBSETS
    if number <= EXACT and 1 << number <= most:
        return shares_exactly(worth(every_subset(number))), np.zeros(number), f"all {1 << number:,} subsets"
    pairs = max(most // (2 * number), LEAST_PAIRS)
    shares, errors = shares_sampled(worth, number, pairs, np.random.default_rng(0))
    return shares, errors, f"{2 * pairs:,} random orders of the claims"


def _check_against(coalitions: Coalitions, found: Found, at: int) -> tuple[float, float, float, float]:
    """Hold a claim against what the others make of it, as if its source had not copied."""
    term = attrs.evolve(coalitions.terms[at], echo=(0.0, 0.0), power=1.0)
    if term.is_share:
        return np.nan, np.nan, np.nan, np.nan
    meaning = term.meaning
    weight = meaning.plain / meaning.plain.sum()
    value = coalitions.roles[at].claim.value
    rows = [(low, high, w) for low, high, w in zip(meaning.low, meaning.high, weight, strict=True) if w > 0]
    below = Meaning.of(*((0, low - 1, w, w) for low, _, w in rows if low > 0))
    within = Meaning.of(*((low, high, w, w) for low, high, w in rows))
    others = 2 + at

    def chance(meaning: Meaning, subset: int) -> float:
        if not len(meaning.low):
            return 0.0
        return coalitions.average(found, subset, coalitions.row(at, attrs.evolve(term, meaning=meaning)))

    lower, equal = chance(below, others), chance(within, others)
    place = min(max(lower + 0.5 * equal, 0.0), 1.0)
    row = coalitions.row(at, term)
    given, alone = (max(coalitions.average(found, subset, row), TINY) for subset in (others, 1))
    tail = min(2 * min(place, 1 - place), 1.0)
    # A floor or a ceiling is far out only where the figure is beyond it: "at least 10" does not speak against 500.
    if isinstance(value, AtLeast):
        tail = min(chance(Meaning.of((value.n, np.inf, 1.0, 1.0)), others), 1.0)
    elif isinstance(value, AtMost):
        tail = min(chance(Meaning.of((0, value.n, 1.0, 1.0)), others), 1.0)
    return place, tail, -float(np.log(given)), float(np.log(given / alone))


def _copied(coalitions: Coalitions, found: Found, at: int) -> float:
    """Posterior probability that a claim is a copy of an earlier one."""
    term = coalitions.terms[at]
    every = np.ones((1, len(coalitions.roles)), dtype=bool)
    same = float(coalitions.telling.heard(every)[0][0, at])
    if term.is_share or same <= 0:
        return 0.0
    there = float(coalitions.telling.heard(every)[1][0, at])
    chance = coalitions.chance_of(at)[:, None]
    row = coalitions.row(at, attrs.evolve(term, echo=(0.0, 0.0), power=1.0))
    copied = chance * same
    return coalitions.average(found, 0, copied / np.maximum(copied + (1 - chance * there) * row, TINY))


def _effective(bearings: Sequence[Bearing], quantity: Quantity) -> float:
    """Count origins of the claims about a count, each with the probability that it observed for itself."""
    best: dict[str, float] = defaultdict(float)
    for one in bearings:
        if box(one.role.claim.quantity) == box(quantity):
            best[one.role.origin.name] = max(best[one.role.origin.name], 1 - one.copied)
    return float(sum(best.values()))


def _assumptions(prepared: Prepared, quantity: Quantity) -> tuple[str, ...]:
    outcome = str(quantity.outcome)
    prior = prepared.model.count_prior(outcome)
    said = [f"The prior of {outcome}: {prior.numbers}; {prior.evidence}."]
    if len(prepared.account.quantities) > 1:
        linked = [str(q) for q in prepared.account.quantities if box(q) != box(quantity)]
        said.append(f"Bound to this count, since one holds the other or they add up: {'; '.join(linked)}.")
    if prepared.staged is None:
        said += list_parameters(prepared.coalitions.terms)
    return tuple(said)


def _notes(posterior: Posterior, prepared: Prepared, found: Found, how: str) -> tuple[str, ...]:
    notes = []
    if prepared.staged is not None:
        notes.append(
            f"Sources were learned from all {len(posterior.corpus):,} claims, and stay as learned when a claim is left"
            " out: what it taught of its source is still there."
        )
    elif prepared.exact:
        notes.append("Each source was integrated over its prior; nothing was drawn at random.")
    elif prepared.account.is_tree:
        draws = found.weights.shape[1]
        error = f"a standard error of up to {100 * found.error:.1f} points on a probability"
        notes.append(
            f"Sources with several claims were integrated over their priors by {draws:,} weighted draws; these leave"
            f" {error if draws >= ENOUGH else 'errors of some points: more would have taken too long'}."
        )
    else:
        notes.append("The counts cross each other, so every subset of claims was sampled anew: errors of some points.")
    notes.append(
        "A claim that is left out takes its relays, repeats and earlier versions with it. Shares of the information"
        f" are Shapley values over {how}."
    )
    notes.append(
        "A value is read as intervals with heights, in percent: a figure counts with the sum of those that hold it."
        " Whether a claim is likelier for the others leaves out copying."
    )
    settings = posterior.settings
    asked = [f"seed {settings.seed}"]
    asked += [f"as of {settings.as_of}"] if settings.as_of else []
    asked += [f"{settings.draws} draws"] if settings.draws else []
    asked += [f"learn={settings.learn}"] if settings.learn is not None else []
    notes.append(f"Made with estimate(): {', '.join(asked)}; model.assumptions has every prior with its source.")
    return tuple(notes)
