# SPDX-License-Identifier: MIT
"""What estimates owe to what is assumed: each prior, and the claims, weakened and strengthened a little.

Power-scaling (Kallioinen et al. 2023): a prior is raised to a power, and draws of source parameters are weighted anew.
"""

from __future__ import annotations

import html
from collections.abc import Iterable, Iterator
from typing import Any, Literal, TypeAlias

import attrs
import numpy as np
from numpy.typing import NDArray

from reconcile.components import Component, Draws, Task
from reconcile.conductor import DRAWS, conduct
from reconcile.diagnostics import smooth_weights
from reconcile.estimates import html_table, span
from reconcile.hierarchy import Hierarchy
from reconcile.inference import count_potentials
from reconcile.influence.preparation import Prepared, prepare
from reconcile.integration import sample
from reconcile.lessons import Teaching
from reconcile.model import Model
from reconcile.plumbing import check, to_frame
from reconcile.pmf import PMF, Lattice
from reconcile.posterior import Posterior
from reconcile.vocabulary import Quantity

__all__ = ["Sensitivity", "Sway", "sensitivity"]

Floats: TypeAlias = NDArray[np.float64]

POWERS = (0.8, 1.25)
COLUMNS = ("quantity", "assumption", "change", "median_weaker", "median_stronger", "lean", "khat")
NOTABLE = 0.05  # change beyond which Kallioinen et al. speak of sensitivity
THINNED, COSTLY = 1_024, 128  # draws, and where each takes sums over pairs of cells
COUNTS, CLAIMS = "count prior", "claims"


@attrs.frozen(eq=False)
class Sway:
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
    lean : float
        By how much the mean of the logarithm of the count moves when the power doubles.
    khat : float
        Pareto shape of the weights; above .7 the row is not to be trusted.
    """

    quantity: Quantity
    assumption: str
    change: float
    weaker: PMF
    stronger: PMF
    lean: float
    khat: float


@attrs.frozen(eq=False, repr=False)
class Sensitivity:
    """What estimates owe to priors and to claims.

    Attributes
    ----------
    sways : tuple of Sway
        By quantity; within each the largest change first.
    notes : tuple of str
    """

    sways: tuple[Sway, ...]
    notes: tuple[str, ...]

    def rows(self) -> list[dict[str, object]]:
        """Give a plain row for each estimate and assumption.

        Returns
        -------
        list of dict
            With keys quantity, assumption, change, median_weaker, median_stronger, lean, khat.
        """
        return [
            {
                "quantity": str(one.quantity),
                "assumption": one.assumption,
                "change": one.change,
                "median_weaker": one.weaker.median(),
                "median_stronger": one.stronger.median(),
                "lean": one.lean,
                "khat": one.khat,
            }
            for one in self.sways
        ]

    def to_frame(self, backend: Literal["pandas", "polars", "pyarrow"] = "pandas") -> Any:
        """Give `rows` as a dataframe.

        Raises
        ------
        MissingDependency
            If the backend is not installed.
        """
        return to_frame(self.rows(), COLUMNS, backend)

    def of(self, quantity: Quantity) -> tuple[Sway, ...]:
        """What one estimate owes to each assumption."""
        return tuple(one for one in self.sways if one.quantity == quantity)

    def __str__(self) -> str:
        lines = []
        for quantity in dict.fromkeys(one.quantity for one in self.sways):
            lines.append(f"{quantity}")
            for one in self.of(quantity):
                mark = "" if one.khat <= 0.7 else "; not to be trusted"
                found = f"{span(one.weaker)} if weaker, {span(one.stronger)} if stronger"
                lines.append(
                    f"  {one.assumption}: {one.change:.2f}{'' if one.change < NOTABLE else ' *'}; {found}{mark}"
                )
        return "\n".join([*lines, *self.notes])

    def __repr__(self) -> str:
        return f"<Sensitivity of {len({one.quantity for one in self.sways})} quantities>"

    def _repr_html_(self) -> str:
        header = ("quantity", "assumption", "change", "if weaker", "if stronger", "khat")
        rows = [
            (one.quantity, one.assumption, f"{one.change:.2f}", span(one.weaker), span(one.stronger), f"{one.khat:.2f}")
            for one in self.sways
        ]
        return html_table(header, rows) + "".join(f"<p>{html.escape(note)}</p>" for note in self.notes)


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
        Default all. Where sources were learned, each takes some ten milliseconds.

    Returns
    -------
    Sensitivity

    Raises
    ------
    UnknownQuantity
        For a quantity that has no estimate.

    Notes
    -----
    Parameters of sources are drawn, and the draws weighted anew; given these, counts are summed out exactly. Where
    sources were learned, the priors are those of classes and of sources within them together, at the mean of the
    spreads, and the likelihood is left out: so few draws cannot say what a whole corpus would teach if it weighed less.

    Examples
    --------
    >>> import reconcile as rc
    >>> clash = rc.Event("clash").killed()
    >>> found = rc.sensitivity(rc.estimate([rc.Claim(clash, rc.Exactly(40), rc.Source("ministry"))]))
    >>> found.of(clash)[0].assumption
    'count prior'
    """
    check(isinstance(posterior, Posterior), "sensitivity(posterior)", posterior, "a Posterior, as `estimate` gives")
    wanted = tuple(posterior.quantities if quantities is None else quantities)
    for quantity in wanted:
        posterior[quantity]
    teaching = posterior.teaching if posterior.diagnostics.learned else None
    sways: list[Sway] = []
    notes = [
        f"The number says how fast the estimate changes as an assumption is given twice the weight; * from {NOTABLE:g}."
    ]
    if teaching is not None:
        notes.append("Sources were learned; how the estimates would change if all claims weighed less is not shown.")
        sways = [one for quantity in wanted for one in _learned(posterior, teaching, quantity)]
    else:
        skipped: list[Quantity] = []
        sways = list(_integrated(posterior, frozenset(wanted), skipped))
        if skipped:
            named = "; ".join(map(str, skipped))
            notes.append(f"Not shown, since counts that cross each other are sampled otherwise: {named}.")
    place = {quantity: k for k, quantity in enumerate(wanted)}
    sways.sort(key=lambda one: (place[one.quantity], -one.change, one.assumption))
    return Sensitivity(tuple(sways), tuple(notes))


def _integrated(posterior: Posterior, wanted: frozenset[Quantity], skipped: list[Quantity]) -> Iterator[Sway]:
    model, settings = posterior.model, posterior.settings
    conductor = conduct(posterior.roles, model, draw_all=True)
    random = np.random.default_rng(settings.seed)
    for members in conductor.components():
        here = [(k, at, q) for k, a in enumerate(members) for at, q in enumerate(conductor.accounts[a].nodes) if q]
        shown = [(k, at, q) for k, at, q in here if q in wanted]
        if not shown:
            continue
        if not all(conductor.accounts[k].is_tree for k in members):
            skipped += [quantity for _, _, quantity in shown]
            continue
        component = Component.of([conductor.task(at) for at in members])
        world = _World.of(component, model, settings.draws or DRAWS, random)
        base = world.masses(component, np.zeros(world.size))
        names = sorted({name for _, name, _ in component.columns})
        bent: dict[str, list[tuple[list[list[Floats]], float]]] = {}
        for name in names:
            mine = [k for k, column in enumerate(component.columns) if column[1] == name]
            prior = -0.5 * np.sum(world.z[:, mine] ** 2, axis=1)
            bent[name] = [world.weighted(component, (power - 1) * prior) for power in POWERS]
        bent[COUNTS] = [world.changed(_with_counts(component, model, power)) for power in POWERS]
        bent[CLAIMS] = [world.changed(_with_claims(component, power)) for power in POWERS]
        for k, at, quantity in shown:
            lattice = component.tasks[k].lattice
            for name, (low, high) in ((name, pair) for name, pair in bent.items()):
                masses = [base[k][at], low[0][k][at], high[0][k][at]]
                yield _sway(quantity, name, lattice, masses, max(low[1], high[1]))


@attrs.frozen(eq=False)
class _World:
    """Draws of all source parameters of a component, each as good as any other, and the evidence at each."""

    theta: dict[Any, Floats]
    z: Floats
    evidence: Floats

    @classmethod
    def of(cls, component: Component, model: Model, draws: int, rng: np.random.Generator) -> _World:
        del model
        if not component.columns:
            return cls({}, np.zeros((1, 0)), component.log_evidence(Draws({})))
        found = sample(component, draws=draws, rng=rng)
        theta, evidence = found.posterior(COSTLY if component.costly else THINNED, rng)
        z = np.stack([theta[column] for column in component.columns], axis=1)
        return cls(theta, (z - component.mean) / component.sd, evidence)

    @property
    def size(self) -> int:
        return len(self.z)

    def masses(self, component: Component, log_weight: Floats) -> list[list[Floats]]:
        """Average the marginals; by task and node."""
        weight, _ = smooth_weights(log_weight)
        found = []
        for task in component.tasks:
            solution = task.solve(Draws(self.theta), marginals=True)
            found.append([weight @ np.broadcast_to(m, (self.size, m.shape[1])) for m in solution.marginals])
        return found

    def weighted(self, component: Component, log_weight: Floats) -> tuple[list[list[Floats]], float]:
        return self.masses(component, log_weight), smooth_weights(log_weight)[1] if self.size > 1 else -np.inf

    def changed(self, component: Component) -> tuple[list[list[Floats]], float]:
        """The same under another prior of the counts, or another likelihood."""
        return self.weighted(component, component.log_evidence(Draws(self.theta)) - self.evidence)


def _with_counts(component: Component, model: Model, power: float) -> Component:
    tasks = []
    for task in component.tasks:
        bare = attrs.evolve(task.account, splits=())
        prior = count_potentials(bare, task.lattice, model)
        potentials = [
            # What the prior rules out stays ruled out, whatever its weight.
            np.where(one > 0, mine * np.maximum(one, np.finfo(float).tiny) ** (power - 1), 0.0)
            for mine, one in zip(task.potentials, prior, strict=True)
        ]
        tasks.append(attrs.evolve(task, potentials=potentials))
    return attrs.evolve(component, tasks=tuple(tasks))


def _with_claims(component: Component, power: float) -> Component:
    def bend(task: Task) -> Task:
        rows = [(node, attrs.evolve(term, power=power * term.power)) for node, term in task.rows]
        return attrs.evolve(task, rows=rows)

    return attrs.evolve(component, tasks=tuple(map(bend, component.tasks)))


def _learned(posterior: Posterior, teaching: Teaching, quantity: Quantity) -> Iterator[Sway]:
    prepared: Prepared = prepare(posterior, quantity)
    layout, staged = teaching.lesson.problem.hierarchy, prepared.staged
    number = len(prepared.coalitions.roles)
    found = prepared.coalitions.solve(np.ones((1, number), dtype=bool), each=True)
    if staged is None or found.marginals is None:
        return
    marginals = found.marginals[0]
    lattice = prepared.coalitions.lattice
    precision = layout.precision(teaching.lesson.t)
    for name, places in _groups(layout).items():
        gap = staged.xs[:, places] - layout.mean[places]
        prior = -0.5 * np.einsum("si,ij,sj->s", gap, precision[np.ix_(places, places)], gap)
        if len(prior) != len(marginals):
            continue
        bent = [smooth_weights((power - 1) * prior) for power in POWERS]
        masses = [marginals.mean(axis=0), *(weight @ marginals for weight, _ in bent)]
        yield _sway(quantity, name, lattice, masses, max(khat for _, khat in bent))


def _groups(layout: Hierarchy) -> dict[str, NDArray[np.intp]]:
    names = [COUNTS if name.scope == "count" else name.name for name in layout.names]
    return {name: np.flatnonzero([one == name for one in names]) for name in sorted(set(names))}


def _sway(quantity: Quantity, name: str, lattice: Lattice, masses: list[Floats], khat: float) -> Sway:
    base, low, high = (PMF(lattice, mass / mass.sum()) for mass in masses)
    logs = np.log(lattice.center + 0.5)
    steps = np.abs(np.log2(POWERS))
    change = float(np.mean([_distance(base, other) / step for other, step in zip((low, high), steps, strict=True)]))
    lean = float((high.mass - low.mass) @ logs) / float(steps.sum())
    return Sway(quantity, name, change, low, high, lean, float(khat))


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
