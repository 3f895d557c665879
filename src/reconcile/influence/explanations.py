# SPDX-License-Identifier: MIT
"""Where an estimate comes from: what each claim did, and what the estimate would be without it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any, TypeAlias

import attrs
import numpy as np
from numpy.typing import NDArray

from reconcile.accounts import box
from reconcile.estimates import Estimate
from reconcile.inference.fit import one_thread
from reconcile.inference.likelihood import TINY
from reconcile.influence.coalitions import Coalitions, Found
from reconcile.influence.preparation import FEWEST, Prepared, load_of, prepare, subsets_told
from reconcile.influence.records import KNOWN, NOTHING, Bearing, Explanation, SourceBearing
from reconcile.influence.shapley import every_subset, shares_exactly, shares_sampled
from reconcile.influence.words import describe_reading, describe_source
from reconcile.plumbing import check, count_of
from reconcile.pmf import PMF
from reconcile.posterior import Posterior
from reconcile.speech import Meaning
from reconcile.values import AtLeast, AtMost
from reconcile.vocabulary import Quantity

__all__ = ["explain"]

Floats: TypeAlias = NDArray[np.float64]
Bools: TypeAlias = NDArray[np.bool_]

EXACT = 11  # claims up to which all subsets are looked at
SUBSETS, DRAWS = 2_048, 128  # about so many are, at most, and at about so many draws of source parameters
SAMPLED_SUBSETS = 32  # where one takes a sampler
COSTLY_WORK = 200_000_000  # pairs of cells times draws times subsets, at most, where one takes sums over pairs
FEW = 64  # draws, where one does
LEAST_PAIRS = 2
_UNKNOWN: dict[str, Any] = {"shift": np.nan, "log_shift": np.nan, "nats": np.nan}


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
    The posterior draws of all parameters are weighted anew for each subset of the claims, so that what a claim taught
    of its source goes with it. Where the claims about a count taught so much that few draws would be left, the model is
    fitted once more without them, and both sets of draws are taken together. Counts are summed out exactly for each
    subset: for all subsets up to 11 claims, beyond that for those that occur in random orders of the claims, whose
    spread gives a standard error. Errors come from independent blocks of draws; what is not known to 10 points is not
    told. Whom each source copies, where claims show it, stays as found from all claims. Where counts form no tree, each
    subset is sampled anew, which takes about as long as the estimate took.

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
    with one_thread():
        return _explain(posterior, quantity)


def _explain(posterior: Posterior, quantity: Quantity) -> Explanation:
    estimate = posterior[quantity]
    prepared = prepare(posterior, quantity)
    coalitions = prepared.coalitions
    roles, number, lattice = coalitions.roles, len(coalitions.roles), coalitions.lattice
    names = list(dict.fromkeys(role.origin.name for role in roles))
    told = subsets_told(roles)
    found = prepared.told

    def look(*rows: int) -> Found:
        """Give some of the subsets with the marginals of every draw."""
        if found.marginals is not None or not coalitions.account.is_tree:
            return found.only(rows)
        return coalitions.solve(told[list(rows)], each=True)

    ends = look(0, 1)
    full, before = (PMF(lattice, found.mass[k]) for k in (0, 1))
    # What is told compares two estimates: it is known as well as the less certain of them.
    unsure = np.maximum(found.errors, found.errors[0])
    information = _divergence(found.mass[0], found.mass[1])
    # Fewer draws serve for the shares than for the estimate: they are parts of a whole, which is known from more.
    parts, errors, how = _shares(prepared)
    blocks = range(parts.shape[1] - 1)
    left = np.array([_divergence(*found.without_block(block)[:2]) for block in blocks])
    shares, part_errors = parts[:, 0] * information, np.hypot(errors, _jackknife(parts[:, 1:]))
    share_errors = np.hypot(errors * information, _jackknife(parts[:, 1:] * left))
    bearings = []
    for at, role in enumerate(roles):
        bearing = Bearing(
            role,
            describe_reading(coalitions.terms[at].meaning, share=coalitions.terms[at].is_share),
            describe_source(coalitions.terms[at], prepared.staged, prepared.claims_by, estimate.median()),
            share=float(shares[at]),
            share_error=float(share_errors[at]),
            part_error=float(part_errors[at]),
            copied=_copied(coalitions, ends, at),
            error=float(unsure[2 + at]),
        )
        if not bearing.known:
            bearing = attrs.evolve(bearing, **_UNKNOWN)
        else:
            without = PMF(lattice, found.mass[2 + at])
            place, tail, surprise, agreement = _check_against(coalitions, look(2 + at), ends, at)
            bearing = attrs.evolve(
                bearing, without=without, **_shift(estimate, full, without),
                place=place, tail=tail, surprise=surprise, agreement=agreement,
            )  # fmt: skip
        bearings.append(bearing)
    sources = []
    for k, name in enumerate(names):
        mine = [bearing for bearing in bearings if bearing.role.origin.name == name]
        share, at = sum(b.share for b in mine), 2 + number + k
        source = SourceBearing(name, len(mine), share=share, error=float(unsure[at]))
        if not source.known:
            source = attrs.evolve(source, **_UNKNOWN)
        else:
            without = PMF(lattice, found.mass[at])
            source = attrs.evolve(source, without=without, **_shift(estimate, full, without))
        sources.append(source)
    sources.sort(key=lambda one: (-one.share, one.name))
    bearings.sort(key=lambda one: (-one.share, one.role.claim.id))
    silent = [Bearing(role) for role in prepared.roles if not role.role.used]
    return Explanation(
        estimate,
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


def _shift(estimate: Estimate, full: PMF, without: PMF) -> dict[str, Any]:
    nats = max(_divergence(full.mass, without.mass), 0.0)
    gap = float((full.mass - without.mass) @ np.log(full.lattice.center + 0.5))
    # Where nothing moved, two computations of one number may still differ.
    shift = estimate.median() - without.median() if nats >= NOTHING else 0
    return {"shift": shift, "log_shift": gap, "nats": nats}


def _shares(prepared: Prepared) -> tuple[Floats, Floats, str]:
    """Shapley shares as parts of their sum, and how they were found.

    Returns
    -------
    parts : ndarray, shape (n, 1 + blocks)
        With all draws, and without each block of them.
    errors : ndarray, shape (n,)
        Standard errors of the first that are due to the orders of the claims.
    how : str
    """
    number, costly, tree = len(prepared.coalitions.roles), prepared.costly, prepared.account.is_tree
    work = COSTLY_WORK // load_of(prepared.account, prepared.coalitions.lattice) if costly else SUBSETS * DRAWS
    most = min(work // (FEW if costly else DRAWS), SUBSETS) if tree else SAMPLED_SUBSETS
    exact = number <= EXACT and 1 << number <= most
    pairs = max(most // (2 * number), LEAST_PAIRS) if number else LEAST_PAIRS
    draws = work // (1 << number if exact else 2 * number * pairs)
    coalitions = prepared.coalitions.thinned(max(min(draws, DRAWS) if costly else draws, FEWEST))
    ends = coalitions.solve(np.array([[False] * number, [True] * number]).reshape(2, number))

    def worth(subsets: Bools) -> Floats:
        """Give the value of each subset, and what it is without each block of draws; shape (b, 1 + blocks)."""
        found = coalitions.solve(subsets)
        blocks = found.by_block.shape[1]
        pools = [(found.mass, ends.mass)]
        pools += [(found.without_block(k), ends.without_block(k)) for k in range(blocks) if blocks > 1]
        return np.stack([_gains(mass, none, final) for mass, (none, final) in pools], axis=1)

    if exact:
        shares = shares_exactly(worth(every_subset(number)))
        return _parts(shares), np.zeros(number), f"all {1 << number:,} subsets"
    shares, errors = shares_sampled(worth, number, pairs, np.random.default_rng(0))
    how = f"{2 * pairs:,} random orders of the claims"
    return _parts(shares), errors[:, 0] / max(shares[:, 0].sum(), TINY), how


def _parts(shares: Floats) -> Floats:
    """Divide shares, with all draws and without each block, by their sums."""
    found: Floats = shares / np.maximum(shares.sum(axis=0), TINY)
    return found


def _gains(mass: Floats, none: Floats, final: Floats) -> Floats:
    """How much nearer to the final mass each of several is than that of no claim, in nats; shape (b,)."""
    some = final > 0
    gains: Floats = (np.log(np.maximum(mass[:, some], TINY)) - np.log(np.maximum(none[some], TINY))) @ final[some]
    return gains


def _jackknife(values: Floats) -> Floats:
    """Standard errors from what is found without each block, shape (n, blocks); 0 without blocks."""
    blocks = values.shape[1]
    if not blocks:
        return np.zeros(len(values))
    errors: Floats = np.sqrt((blocks - 1) * values.var(axis=1))
    return errors


def _check_against(coalitions: Coalitions, others: Found, ends: Found, at: int) -> tuple[float, float, float, float]:
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

    def chance(meaning: Meaning) -> float:
        if not len(meaning.low):
            return 0.0
        return coalitions.average(others, 0, coalitions.row(at, attrs.evolve(term, meaning=meaning)))

    lower, equal = chance(below), chance(within)
    place = min(max(lower + 0.5 * equal, 0.0), 1.0)
    row = coalitions.row(at, term)
    given, alone = max(coalitions.average(others, 0, row), TINY), max(coalitions.average(ends, 1, row), TINY)
    tail = min(2 * min(place, 1 - place), 1.0)
    # A floor or a ceiling is far out only where the figure is beyond it: "at least 10" does not speak against 500.
    if isinstance(value, AtLeast):
        tail = min(chance(Meaning.of((value.n, np.inf, 1.0, 1.0))), 1.0)
    elif isinstance(value, AtMost):
        tail = min(chance(Meaning.of((0, value.n, 1.0, 1.0))), 1.0)
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
    return tuple(said)


def _notes(posterior: Posterior, prepared: Prepared, found: Found, how: str) -> tuple[str, ...]:
    notes, settings = [], posterior.settings
    claims, fits = count_of(len(posterior.corpus), "claim"), len(prepared.pool.made) - 1
    whence = "with all claims" + (f" and in {count_of(fits, 'fit')} without those in question" if fits else "")
    if prepared.account.is_tree:
        how_weighted = f"{found.weights.shape[1]:,} draws of all parameters, made {whence}, were weighted anew"
    else:
        how_weighted = f"the counts cross each other, so they were sampled anew, with draws of sources made {whence},"
    learned = (
        "Sources and count priors were learned from" if settings.learn else "Each source was learned by itself, from"
    )
    notes.append(
        f"{learned} all {claims}. Leaving a claim out also takes away what it taught"
        f" of its source: {how_weighted} for each subset."
    )
    if (prepared.coalitions.telling.favourites >= 0).any():
        notes.append("Whom each source copies stays as it was found from all claims.")
    notes += _doubts(posterior, found)
    notes.append(
        "A claim that is left out takes its relays, repeats and earlier versions with it. Shares of the information"
        f" are Shapley values over {how}."
    )
    notes.append(
        "A value is read as intervals with heights, in percent: a figure counts with the sum of those that hold it."
        " Whether a claim is likelier for the others leaves out copying."
    )
    asked = [f"seed {settings.seed}"]
    asked += [f"as of {settings.as_of}"] if settings.as_of else []
    asked += [f"looked until {settings.looked_until}"] if settings.looked_until else []
    asked += [f"{settings.draws} draws"] if settings.draws else []
    asked += [] if settings.learn else ["learn=False"]
    notes.append(f"Made with estimate(): {', '.join(asked)}; model.assumptions has every prior with its source.")
    return tuple(notes)


def _doubts(posterior: Posterior, found: Found) -> list[str]:
    """Say how far what is told is known, and what to do where it is not."""
    told = np.delete(np.maximum(found.errors, found.errors[0]), 1)
    if not told.any():
        return []
    worst = f"up to {100 * told[told <= KNOWN].max(initial=0):.1f} points on a probability"
    notes = [f"What is told without each claim is known to a standard error of {worst}."]
    own = posterior.diagnostics.error
    if own > 0:
        notes.append(f"The estimate itself was computed apart from that, to {100 * own:.1f} points.")
    if np.any(told > KNOWN):
        notes.append(
            f"What is not known to {100 * KNOWN:.0f} points is not told: estimate() with `ess` above"
            f" {posterior.settings.ess:g}, or with the other claims alone, tells more."
        )
    return notes
