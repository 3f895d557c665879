# SPDX-License-Identifier: MIT
"""What estimates owe to what is assumed: each prior, and the claims, weakened and strengthened a little.

Power-scaling (Kallioinen et al. 2023): a prior is raised to a power, and draws of source parameters are weighted anew.
"""

from __future__ import annotations

import html
from collections.abc import Iterable, Sequence
from typing import Any, Literal, TypeAlias

import attrs
import numpy as np
from numpy.typing import NDArray

from reconcile.estimates import html_table, name_peaks, span
from reconcile.inference.diagnostics import smooth_weights
from reconcile.inference.evidence import AllEvidence
from reconcile.inference.fit import TRUSTED, Fit, one_thread
from reconcile.inference.hierarchy import Hierarchy
from reconcile.influence.coalitions import Sampled
from reconcile.influence.preparation import Prepared, prepare
from reconcile.plumbing import check, count_of, in_words, to_frame
from reconcile.pmf import PMF, Lattice
from reconcile.posterior import Posterior
from reconcile.vocabulary import Quantity

__all__ = ["PriorSensitivity", "Sensitivity", "sensitivity"]

Floats: TypeAlias = NDArray[np.float64]

POWERS = (0.8, 1.25)
COLUMNS = (
    "quantity", "assumption", "change", "median_weaker", "peaks_weaker", "median_stronger", "peaks_stronger", "shift",
    "khat",
)  # fmt: skip
NOTABLE = 0.05  # change beyond which Kallioinen et al. speak of sensitivity
COUNTS, CLAIMS = "count prior", "claims"


@attrs.frozen(eq=False)
class PriorSensitivity:
    """What one estimate owes to one assumption.

    Attributes
    ----------
    quantity : Quantity
    assumption : str
        Name of a source parameter, ``"count prior"``, or ``"claims"`` for the likelihood.
    change : float
        How fast the estimate changes as the power doubles: gradient of the cumulative Jensen-Shannon distance, which
        is itself from 0 to 1; so from 0 to 3.1. Above .05 is notable.
    weaker, stronger : PMF
        The estimate with the power 0.8 and with 1.25; for a normal prior, with a standard deviation 1.12 times as large
        and as small.
    shift : float
        By how much the mean of the logarithm of the count moves when the power doubles.
    khat : float
        Pareto shape of the weights; above .7 the row is not to be trusted.
    """

    quantity: Quantity
    assumption: str
    change: float
    weaker: PMF
    stronger: PMF
    shift: float
    khat: float


@attrs.frozen(eq=False, repr=False)
class Sensitivity:
    """What estimates owe to priors and to claims.

    Attributes
    ----------
    sensitivities : tuple of PriorSensitivity
        By quantity; within each the largest change first.
    notes : tuple of str
    """

    sensitivities: tuple[PriorSensitivity, ...]
    notes: tuple[str, ...]

    def rows(self) -> list[dict[str, object]]:
        """Give a plain row for each estimate and assumption.

        Returns
        -------
        list of dict
            With keys quantity, assumption, change, median_weaker, peaks_weaker (see `Posterior.rows`), median_stronger,
            peaks_stronger, shift, khat.
        """
        return [
            {
                "quantity": str(one.quantity),
                "assumption": one.assumption,
                "change": one.change,
                "median_weaker": one.weaker.median(),
                "peaks_weaker": name_peaks(one.weaker),
                "median_stronger": one.stronger.median(),
                "peaks_stronger": name_peaks(one.stronger),
                "shift": one.shift,
                "khat": one.khat,
            }
            for one in self.sensitivities
        ]

    def to_frame(self, backend: Literal["pandas", "polars", "pyarrow"] = "pandas") -> Any:
        """Give `rows` as a dataframe.

        Raises
        ------
        MissingDependency
            If the backend is not installed.
        """
        return to_frame(self.rows(), COLUMNS, backend)

    def of(self, quantity: Quantity) -> tuple[PriorSensitivity, ...]:
        """What one estimate owes to each assumption."""
        return tuple(one for one in self.sensitivities if one.quantity == quantity)

    def __str__(self) -> str:
        lines = [self.summary]
        for quantity in dict.fromkeys(one.quantity for one in self.sensitivities):
            lines.append(f"{quantity}")
            for one in self.of(quantity):
                mark = "" if one.khat <= TRUSTED else "; not to be trusted"
                found = f"{span(one.weaker)} if weaker, {span(one.stronger)} if stronger"
                lines.append(
                    f"  {one.assumption}: {one.change:.2f}{'' if one.change < NOTABLE else ' *'}; {found}{mark}"
                )
        return "\n".join([*lines, *self.notes])

    @property
    def summary(self) -> str:
        """In one statement: how many estimates owe how much to what is assumed, and the largest change of all."""
        quantities = {one.quantity for one in self.sensitivities}
        if not quantities:
            return "No estimate was looked at."
        priors = [one for one in self.sensitivities if one.assumption != CLAIMS]
        notable = [one for one in priors if one.change >= NOTABLE]
        number = len({one.quantity for one in notable})
        asked = count_of(len(quantities), "estimate")
        if not priors or not notable:
            return f"Of {asked} none moves notably with a prior that is given a little more or less weight."
        names = in_words({one.assumption for one in notable})
        most = max(notable, key=lambda one: one.change)
        found = f"{span(most.weaker)} if it weighs less, {span(most.stronger)} if more"
        moved = "moves" if number == 1 else "move"
        return (
            f"Of {asked} {number:,} {moved} notably with a prior that is given a little more or less weight ({names});"
            f" most of all {most.quantity} with {most.assumption}: {found}."
        )

    def __repr__(self) -> str:
        return f"<Sensitivity of {len({one.quantity for one in self.sensitivities})} quantities>"

    def _repr_html_(self) -> str:
        header = ("quantity", "assumption", "change", "if weaker", "if stronger", "khat")
        rows = [
            (one.quantity, one.assumption, f"{one.change:.2f}", span(one.weaker), span(one.stronger), f"{one.khat:.2f}")
            for one in self.sensitivities
        ]
        above = f"<p>{html.escape(self.summary)}</p>"
        return above + html_table(header, rows) + "".join(f"<p>{html.escape(note)}</p>" for note in self.notes)


def sensitivity(posterior: Posterior, quantities: Iterable[Quantity] | None = None) -> Sensitivity:
    """Say what estimates owe to what is assumed.

    Every prior of source parameters, by name of the parameter, the prior of the counts, and the likelihood of the
    claims are raised to the powers 0.8 and 1.25, one after the other, and the change is measured by the cumulative
    Jensen-Shannon distance over the logarithm of the count (Kallioinen, Paananen, Buerkner and Vehtari 2023, Detecting
    and diagnosing prior and likelihood sensitivity with power-scaling, *Statistics and Computing* 34, 57). An
    estimate that moves with a prior, but hardly with the claims, owes itself to that prior.

    Parameters
    ----------
    posterior : Posterior
    quantities : iterable of Quantity, optional
        Default all; each takes some ten milliseconds.

    Returns
    -------
    Sensitivity

    Raises
    ------
    UnknownQuantity
        For a quantity that has no estimate.

    Notes
    -----
    Posterior draws of all parameters are weighted anew; given these, counts are summed out exactly. The prior of a
    parameter is that of its classes, of the spread within them, and of sources within classes together. The count prior
    is that of the counts in question and of its own parameters. Where more than 5,000 claims were taken together, the
    likelihood is left out: so few draws cannot say what a whole corpus would teach if it weighed less.

    Examples
    --------
    >>> import reconcile as rc
    >>> clash = rc.Event("clash").killed()
    >>> found = rc.sensitivity(rc.estimate([rc.Claim(clash, rc.Exactly(40), rc.Source("ministry"))]))
    >>> sorted(row.assumption for row in found.of(clash) if row.change >= 0.05)
    ['claims', 'count prior']
    """
    check(isinstance(posterior, Posterior), "sensitivity(posterior)", posterior, "a Posterior, as `estimate` gives")
    wanted = tuple(posterior.quantities if quantities is None else quantities)
    for quantity in wanted:
        posterior[quantity]
    found = posterior.corpus_fit.fit
    notes = [
        f"The number says how fast the estimate changes as an assumption is given twice the weight; * from {NOTABLE:g}."
    ]
    likelihood = None
    if found.way == "Laplace":
        notes.append("How the estimates would change if all claims weighed less is not shown for so many claims.")
    else:
        likelihood, _ = AllEvidence.of(found.problem, map).values(found.hierarchy.unfold(found.z))
    with one_thread():
        prepared = {quantity: prepare(posterior, quantity, again=False) for quantity in wanted}
        every = [one for quantity, ready in prepared.items() for one in _of_one(quantity, ready, found, likelihood)]
    skipped = [str(quantity) for quantity, one in prepared.items() if isinstance(one.coalitions, Sampled)]
    if skipped:
        notes.append(f"Not shown, since counts that cross each other are sampled otherwise: {'; '.join(skipped)}.")
    return Sensitivity(tuple(every), tuple(notes))


def _of_one(quantity: Quantity, prepared: Prepared, found: Fit, likelihood: Floats | None) -> list[PriorSensitivity]:
    """What one estimate owes to each assumption, the largest change first; nothing where counts cross."""
    stage, pool = prepared.coalitions, prepared.pool
    if isinstance(stage, Sampled):
        return []
    lattice, whole = stage.lattice, np.ones(len(stage.roles), dtype=bool)
    marginals, evidence = stage.at(whole)
    weight = pool.log_base + evidence
    base = _average(weight, marginals)
    rows = []

    def add(name: str, masses: Sequence[tuple[Floats, float]]) -> None:
        (low, low_khat), (high, high_khat) = masses
        rows.append(_compare(quantity, name, lattice, (base[0], low, high), max(low_khat, high_khat)))

    groups = _groups(found.hierarchy)
    for name, places in groups.items():
        prior = -0.5 * np.sum(pool.z[:, places] ** 2, axis=1)
        if name != COUNTS:
            add(name, [_average(weight + (power - 1) * prior, marginals) for power in POWERS])
    masses = []
    prior = -0.5 * np.sum(pool.z[:, groups.get(COUNTS, np.zeros(0, dtype=np.intp))] ** 2, axis=1)
    for power in POWERS:
        bent = stage.with_priors(power)
        there, value = bent.at(whole)
        # Both as shares of what they are without a claim, so that each prior sums to 1.
        scale = value - bent.evidence(~whole) + stage.evidence(~whole)
        masses.append(_average(pool.log_base + scale + (power - 1) * prior, there))
    add(COUNTS, masses)
    if likelihood is not None:
        masses = []
        others = likelihood[pool.place] - pool.taught
        for power in POWERS:
            there, value = stage.with_claims(power).at(whole)
            masses.append(_average(pool.log_base + value + (power - 1) * others, there))
        add(CLAIMS, masses)
    return sorted(rows, key=lambda one: (-one.change, one.assumption))


def _average(log_weight: Floats, marginals: Floats) -> tuple[Floats, float]:
    """Average over weighted draws; with the Pareto shape of the weights."""
    weight, khat = smooth_weights(log_weight)
    return weight @ marginals, khat


def _groups(layout: Hierarchy) -> dict[str, NDArray[np.intp]]:
    """Which standardised coordinates belong to each parameter: sources, classes, and spreads of classes."""
    names = [COUNTS if name.scope == "count" else name.name for name in (*layout.names, *layout.classes)]
    free = np.ones(len(names), dtype=bool)
    free[layout.counts.ravel()] = layout.sd[layout.counts.ravel()] > 0
    free[layout.joint] = True
    return {name: np.flatnonzero(free & (np.array(names) == name)) for name in sorted(set(names))}


def _compare(
    quantity: Quantity, name: str, lattice: Lattice, masses: Sequence[Floats], khat: float
) -> PriorSensitivity:
    base, low, high = (PMF(lattice, mass / mass.sum()) for mass in masses)
    logs = np.log(lattice.center + 0.5)
    steps = np.abs(np.log2(POWERS))
    change = float(np.mean([_distance(base, other) / step for other, step in zip((low, high), steps, strict=True)]))
    shift = float((high.mass - low.mass) @ logs) / float(steps.sum())
    return PriorSensitivity(quantity, name, change, low, high, shift, float(khat))


def _distance(one: PMF, other: PMF) -> float:
    """Cumulative Jensen-Shannon distance over the logarithm of the count, from 0 to 1."""
    step = np.diff(np.log(one.lattice.center + 0.5))
    p, q = (np.cumsum(pmf.mass)[:-1] for pmf in (one, other))
    return max(_half(p, q, step), _half(1 - p, 1 - q, step))


def _half(p: Floats, q: Floats, step: Floats) -> float:
    p, q = np.clip(p, 0.0, 1.0), np.clip(q, 0.0, 1.0)

    def divergence(a: Floats, b: Floats) -> float:
        ratio = np.where(a > 0, 2 * a / np.maximum(a + b, 1e-300), 1.0)
        return float(step @ (a * np.log2(ratio) + (b - a) / (2 * np.log(2))))

    bound = float(step @ (p + q))
    return float(np.sqrt(max(divergence(p, q) + divergence(q, p), 0.0) / bound)) if bound > 0 else 0.0
