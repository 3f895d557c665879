# SPDX-License-Identifier: MIT
"""Where an estimate comes from: what each claim did, and what the estimate would be without it."""

from __future__ import annotations

import html
from collections import defaultdict
from collections.abc import Sequence
from typing import Any, Literal, TypeAlias

import attrs
import numpy as np
from numpy.typing import NDArray

from reconcile.accounts import box
from reconcile.estimates import Estimate, Part, Role, html_table
from reconcile.influence.coalitions import Coalitions, Found
from reconcile.influence.preparation import Prepared, prepare
from reconcile.influence.shapley import every_subset, shares_exactly, shares_sampled
from reconcile.influence.tables import to_frame
from reconcile.influence.words import describe_prior, describe_reading, describe_source, in_digits, rounded, span, tell
from reconcile.likelihood import TINY
from reconcile.plumbing import check, count_of
from reconcile.pmf import PMF
from reconcile.posterior import Posterior
from reconcile.speech import Meaning
from reconcile.vocabulary import Quantity

__all__ = ["Bearing", "Explanation", "SourceBearing", "explain"]

Floats: TypeAlias = NDArray[np.float64]
Bools: TypeAlias = NDArray[np.bool_]

EXACT = 12  # claims up to which all subsets are looked at
SUBSETS = 4_096  # about so many are, at most
COSTLY_SUBSETS, SAMPLED_SUBSETS = 256, 32  # where one takes sums over pairs of cells, or a sampler
DRAWS, COSTLY_DRAWS = 256, 8  # of source parameters at which subsets are looked at
LEAST_PAIRS = 2
ENOUGH = 64  # draws from which their spread tells the error
FAR_OUT = 0.05  # probability of so extreme a figure, given the others, below which a claim pulls against them


@attrs.frozen(eq=False)
class Bearing:
    """What one claim does for an estimate.

    Attributes
    ----------
    role : Role
    reading : str
        As what the value was read.
    trust : str
        What is assumed or known of the source.
    without : PMF or None
        The estimate without this claim and those that it stands for; None for a claim that is not used.
    shift : int
        By how much the claim moves the median.
    log_shift : float
        By how much it moves the mean of the logarithm of count + 1/2.
    nats : float
        Kullback-Leibler divergence of the estimate from the one without the claim.
    share, share_error : float
        Its Shapley share of the information, in nats, and the standard error of it; 0 for a claim that is not used.
    place : float
        Probability, given the other claims, that this source would give a lower figure, and half of that of an equal
        one (mid-p).
    tail : float
        Probability of a figure at least as extreme, on either side.
    surprise : float
        Negative log probability of the value given the other claims, in nats.
    agreement : float
        How much likelier the other claims make the value, in nats; below 0 they speak against it.
    copied : float
        Probability that it is a copy of an earlier claim.
    """

    role: Role
    reading: str = ""
    trust: str = ""
    without: PMF | None = None
    shift: int = 0
    log_shift: float = 0.0
    nats: float = 0.0
    share: float = 0.0
    share_error: float = 0.0
    place: float = np.nan
    tail: float = np.nan
    surprise: float = np.nan
    agreement: float = np.nan
    copied: float = 0.0

    @property
    def against(self) -> bool:
        """Whether it pulls against the others: they make it less likely, and a figure so extreme has less than 5 %."""
        return bool(self.tail < FAR_OUT and self.agreement < 0)


@attrs.frozen(eq=False)
class SourceBearing:
    """What all claims of one source do for an estimate.

    Attributes
    ----------
    name : str
    claims : int
        Number of its claims that are used.
    without : PMF
    shift, log_shift, nats, share
        As in `Bearing`; the share is the sum over its claims.
    """

    name: str
    claims: int
    without: PMF
    shift: int
    log_shift: float
    nats: float
    share: float


@attrs.frozen(eq=False, repr=False)
class Explanation:
    """Where an estimate comes from.

    Attributes
    ----------
    estimate : Estimate
    distribution : PMF
        The estimate, computed anew in the way that those without some claims are. It differs from `estimate` by what
        the computing of either leaves open, see `notes`.
    before : PMF
        What is assumed of the count before any of these claims.
    claims : tuple of Bearing
        One for each claim about this count or a linked one: first those that are used, by share.
    sources : tuple of SourceBearing
    information : float
        Kullback-Leibler divergence of the estimate from `before`, in nats: what the shares add up to.
    origins : int
        Number of independent origins of the claims about this count.
    effective_origins : float
        The same, each counted with the probability that it observed for itself and did not copy.
    assumptions : tuple of str
    notes : tuple of str
        How it was computed.
    """

    estimate: Estimate
    distribution: PMF
    before: PMF
    claims: tuple[Bearing, ...]
    sources: tuple[SourceBearing, ...]
    information: float
    origins: int
    effective_origins: float
    assumptions: tuple[str, ...]
    notes: tuple[str, ...]

    @property
    def quantity(self) -> Quantity:
        """What is counted."""
        return self.estimate.quantity

    @property
    def unresolved(self) -> str:
        """See `Estimate.unresolved`."""
        return self.estimate.unresolved

    def rows(self, level: float = 0.9) -> list[dict[str, object]]:
        """Give a plain row for each claim.

        Parameters
        ----------
        level : float
            Probability of the equal-tailed interval without the claim.

        Returns
        -------
        list of dict
            With keys id, quantity, source, value, hedged, reported, role, by, reading, median_without, low_without,
            high_without, shift, log_shift, nats, share, share_error, place, tail, surprise, agreement, against, copied.
        """
        found: list[dict[str, object]] = []
        for one in self.claims:
            claim, without = one.role.claim, one.without
            low, high = without.eti(level) if without else (None, None)
            found.append(
                {
                    "id": claim.id,
                    "quantity": str(claim.quantity),
                    "source": claim.source.name,
                    "value": str(claim.value),
                    "hedged": claim.hedged,
                    "reported": None if claim.reported is None else str(claim.reported),
                    "role": str(one.role.role),
                    "by": one.role.by,
                    "reading": one.reading,
                    "median_without": without.median() if without else None,
                    "low_without": low,
                    "high_without": high,
                    **{name: getattr(one, name) for name in _NUMBERS},
                    "against": one.against,
                }
            )
        return found

    def to_frame(self, backend: Literal["pandas", "polars", "pyarrow"] = "pandas", *, level: float = 0.9) -> Any:
        """Give `rows` as a dataframe.

        Raises
        ------
        MissingDependency
            If the backend is not installed.
        """
        return to_frame(self.rows(level), backend)

    def __str__(self) -> str:
        lines = [f"{self.quantity}", f"Estimate: {self._headline()}", ""]
        lines.append(f"Before any claim: {describe_prior(self.before)}")
        lines += [f"  {said}" for said in self.assumptions]
        used = [one for one in self.claims if one.without is not None]
        lines += ["", f"What the claims say ({count_of(len(used), 'claim')} used, of {len(self.claims)}):"]
        for number, one in enumerate(self.claims, start=1):
            lines += ["", f"[{number}] {tell(one.role, self.quantity)}", *(f"    {said}" for said in self._lines(one))]
        several = [one for one in self.sources if one.claims > 1]
        if several:
            lines += ["", "Without all claims of one source:"]
            lines += [f"  {one.name} ({count_of(one.claims, 'claim')}): {self._moved(one)}" for one in several]
        lines += ["", "How this was computed:", *(f"  {note}" for note in self.notes)]
        return "\n".join(lines)

    def _headline(self) -> str:
        said = str(self.estimate)
        if not self.origins:
            return said
        return (
            f"{said}\nOrigins: {self.origins}; counted with the chance that each copied: {self.effective_origins:.1f}"
        )

    @staticmethod
    def _moved(one: Bearing | SourceBearing) -> str:
        alone = span(one.without) if one.without is not None else ""
        if one.nats < 5e-4:
            return f"{alone}, as with it"
        moved = f"moves the median by {in_digits(one.shift)}" if one.shift else "leaves the median"
        mean = f"multiplies the geometric mean by {rounded(float(np.exp(one.log_shift)))}"
        return f"{alone}; with it the estimate is {one.nats:.2f} nats away: it {moved} and {mean}"

    def _lines(self, one: Bearing) -> list[str]:
        if one.without is None:
            note = f" ({one.role.note})" if one.role.note else ""
            return [f"{_SILENT[one.role.role].format(by=one.role.by)}{note}. It adds nothing: share 0."]
        share = 100 * one.share / self.information if self.information > 0 else 0.0
        error = f", standard error {one.share_error:.2f}" if one.share_error > 0 else ""
        lines = [f"Read as {one.reading}.", *([one.trust] if one.trust else [])]
        lines.append(f"Without it: {self._moved(one)}.")
        lines.append(
            f"Share of the information: {one.share:.2f} of {self.information:.2f} nats ({share:.0f} %{error})."
        )
        if not np.isnan(one.tail):
            seen = "make it likelier" if one.agreement >= 0 else "make it less likely"
            times = rounded(np.exp(min(abs(one.agreement), 20)))
            extreme = f"a figure so far out has a chance of {100 * one.tail:.2g} %"
            lines.append(
                f"The other claims {seen} ({times} times); {extreme}."
                + (" It pulls against the others." if one.against else "")
            )
        if one.copied >= 0.005:
            lines.append(f"It may be a copy of an earlier claim: {100 * one.copied:.0f} %.")
        return lines

    def __repr__(self) -> str:
        return f"<Explanation of {self.quantity}: {count_of(len(self.claims), 'claim')}>"

    def _repr_html_(self) -> str:
        header = ("claim", "role", "read as", "without it", "median moves", "nats", "share", "chance of so far out")
        rows = []
        for one in self.claims:
            share = one.share / self.information if self.information > 0 else 0.0
            known = one.without is not None
            rows.append(
                (
                    one.role.claim,
                    f"{one.role.role}{f' ({one.role.by})' if one.role.by else ''}",
                    one.reading,
                    span(one.without) if one.without is not None else "",
                    in_digits(one.shift) if known else "",
                    f"{one.nats:.2f}" if known else "",
                    f"{100 * share:.0f} %",
                    "" if np.isnan(one.tail) else f"{100 * one.tail:.2g} %{' (pulls against)' if one.against else ''}",
                )
            )
        title = f"<p><strong>{html.escape(str(self.quantity))}</strong>: {html.escape(self._headline())}</p>"
        said = [f"Before any claim: {describe_prior(self.before)}", *self.assumptions, *self.notes]
        return title + html_table(header, rows) + "".join(f"<p>{html.escape(line)}</p>" for line in said)


_NUMBERS = (
    "shift", "log_shift", "nats", "share", "share_error", "place", "tail", "surprise", "agreement", "copied",
)  # fmt: skip
_SILENT = {
    Part.RELAY: "Not counted: it passes on what {by} says",
    Part.DUPLICATE: "Not counted: the same source says the same in {by}",
    Part.SUPERSEDED: "Not counted: the source replaced it by {by}",
    Part.LATER: "Not counted: it was reported after the day asked for",
    Part.UNDATED: "Not counted: it has no date, and a day was asked for",
}


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
                describe_source(coalitions.terms[at], prepared.staged),
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
        most = COSTLY_SUBSETS
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
    return place, min(2 * min(place, 1 - place), 1.0), -float(np.log(given)), float(np.log(given / alone))


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
    said = [f"The prior of {outcome}: {prior.evidence}."]
    if len(prepared.account.quantities) > 1:
        linked = [str(q) for q in prepared.account.quantities if box(q) != box(quantity)]
        said.append(f"Bound to this count, since one holds the other or they add up: {'; '.join(linked)}.")
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
    settings = posterior.settings
    asked = [f"seed {settings.seed}"]
    asked += [f"as of {settings.as_of}"] if settings.as_of else []
    asked += [f"{settings.draws} draws"] if settings.draws else []
    asked += [f"learn={settings.learn}"] if settings.learn is not None else []
    notes.append(f"Made with estimate(): {', '.join(asked)}; model.assumptions has every prior with its source.")
    return tuple(notes)
