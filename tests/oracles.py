# SPDX-License-Identifier: MIT
"""The model written a second time, slowly and plainly: scalar code, enumeration of worlds, draws from the prior."""

from __future__ import annotations

import itertools
import math

import attrs
import numpy as np
from scipy.special import ndtr, stdtr

from reconcile.inference.layouts import pick
from reconcile.inference.likelihood import TINY, Term
from reconcile.inference.sum_product import solve
from reconcile.model import COUNT_DOUBT, SPREAD_DOUBT, Model
from reconcile.pmf import TOP, Lattice


def normal_cdf(x):
    return 0.5 * math.erfc(-x / math.sqrt(2))


def logistic(x):
    return 1 / (1 + math.exp(-x)) if x > 0 else math.exp(x) / (1 + math.exp(x))


def figure_probability(m, y, *, bias, log_spread, fidelity, slope, denial, gross):
    """P(figure = m | truth y) by the words of the model."""

    def below(edge, bias=bias, spread=None):
        spread = math.exp(log_spread) if spread is None else spread
        z = (math.log(edge) - math.log(y + 0.5) - bias) / spread if edge > 0 else -1e9
        return float(stdtr(4, z))

    slip = below(m + 1, 0.0, math.log(10)) - below(m, 0.0, math.log(10))
    astray, denied = logistic(gross), logistic(denial)
    faithful = logistic(fidelity - slope * math.sqrt(math.log(max(y, 1))))
    noisy = astray * slip + (1 - astray) * (below(m + 1) - below(m))
    spoken = faithful * (m == y) + (1 - faithful) * noisy
    return denied * (m == 0) + (1 - denied) * spoken if y > 0 else spoken


def claim_probability(report, y, heaping, **source):
    """P(a bare number | truth y): what is known to be the truth is said as it is, all else may be rounded."""
    known = logistic(source["fidelity"] - source["slope"] * math.sqrt(math.log(max(y, 1))))
    if y > 0:
        known *= 1 - logistic(source["denial"])
    total = known * (report == y)
    for m in range(max(0, report - 60), report + 61):  # rounding moves a figure below 1,000 by at most 50
        total += (figure_probability(m, y, **source) - known * (m == y)) * say(m, heaping).get(report, 0.0)
    return total


def say(m, heaping):
    """All reports of a figure that may be rounded, with their probabilities: rounding as a speaker does it."""
    unit = 1
    while m >= 7.5 * unit:
        unit *= 10
    said = {m: 1.0}
    if 3 <= m <= 7:
        said[m] = 1 - 0.3 * heaping
        said[5] = said.get(5, 0.0) + 0.3 * heaping
    if unit > 1:
        steps = {10: 0.7, 5: 0.3} if unit == 10 else {unit: 0.47, unit // 2: 0.23, unit // 10: 0.14, unit // 20: 0.16}
        heaped = heaping * (0.7 if unit == 10 else 1.0)
        said[m] = 1 - heaped
        for step, share in steps.items():
            n = step * ((m + step // 2) // step) if step % 2 == 0 else step * ((m + (step - 1) // 2) // step)
            said[n] = said.get(n, 0.0) + heaped * share
    return said


def count_probability(n, prior):
    """P(n) of a `CountPrior`, one count at a time."""
    if n == 0:
        return prior.zero

    def part(location, scale):
        def below(x):
            return normal_cdf((math.log(x) - location) / scale)

        return (below(n + 0.5) - below(n - 0.5)) / (1 - below(0.5))

    level = math.log((n + 0.5) / (n - 0.5)) / math.log((TOP + 0.5) / 0.5)
    broad = (1 - prior.scale_free) * part(prior.broad_location, prior.broad_scale) + prior.scale_free * level
    return (1 - prior.zero) * ((1 - prior.broad) * part(prior.location, prior.scale) + prior.broad * broad)


def known_probability(k, y, known):
    """P(known count = k | truth y) of a `KnownCount`, one count at a time."""
    if y == 0:
        return float(k == 0)

    def below(edge):
        return float(stdtr(4, (math.log(edge) - math.log(y + 0.5)) / known.spread))

    others = 1 - below(1) - (below(y + 1) - below(y))
    wrong = (below(k + 1) - below(k)) / others if k not in {0, y} else 0.0
    return known.exact * (k == y) + (1 - known.exact) * (known.zero * (k == 0) + (1 - known.zero) * wrong)


def enumerate_account(account, potentials, tables, top):
    """Sum over every world of an account with counts up to `top`: log evidence, and marginals of the named nodes.

    `potentials` (per node, shape (s, top + 1)) hold priors, splits and rows; `tables` (per join) those of shares.
    """
    named = [n for n, q in enumerate(account.nodes) if q is not None or n in account.priors]
    evidence = np.zeros(len(potentials[0]))
    totals = {n: np.zeros((len(potentials[0]), top + 1)) for n in named}
    for free in itertools.product(range(top + 1), repeat=account.atoms.shape[1]):
        value = account.atoms.astype(int) @ np.array(free)
        if max(value[named]) > top or any(value[w] < sum(value[list(ps)]) for w, ps in account.slacks):
            continue
        weight = np.ones(len(evidence))
        for node in named:
            weight = weight * potentials[node][:, value[node]]
        for (part, whole), join in account.shares.items():
            if join in tables:
                weight = weight * tables[join][:, value[part], value[whole]]
        evidence += weight
        for node in named:
            totals[node][:, value[node]] += weight
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.log(evidence), {n: total / evidence[:, None] for n, total in totals.items()}


# --- all parameters ------------------------------------------------------------------------------------------------


def logit(p):
    return math.log(p / (1 - p))


def read_as_terms(claims, model):
    """The claims about one count in the order of telling, each with what it may be a copy of."""
    told = sorted(claims, key=lambda one: str(one.reported))
    terms = []
    for k, one in enumerate(told):
        same = sum(other.value == one.value for other in told[:k])
        term = Term.of(one, one.source, one.relation, model)
        terms.append(attrs.evolve(term, echo=(same / k, 1.0) if k else (0.0, 0.0)))
    return terms


def log_evidence(problem, x, claims, counts):
    """Log evidence of one count, by its prior and what claims say of it one count after the other."""
    model, at = problem.model, dict(zip(problem.hierarchy.names, x, strict=True))
    outcome = claims[0].quantity.outcome.name
    zero, location, log_scale, broad = (at["count", outcome, name, None] for name in COUNT_DOUBT)
    prior = attrs.evolve(
        model.count_prior(outcome), zero=logistic(zero), location=location, scale=math.exp(log_scale),
        broad=logistic(broad),
    )  # fmt: skip
    mass = np.array([count_probability(n, prior) for n in counts])
    if model.known is not None:
        assert list(counts) == list(range(len(counts)))
        mass = mass @ known_cells(Lattice.integers(len(counts) - 1), model.known)
    for term in read_as_terms(claims, model):
        theta = {
            name: np.array([at["source", term.source.name, name, relation]])
            for name, (relation, _, _) in term.priors().items()
        }
        mass = mass * term.row(np.array(counts, dtype=float), theta)[0]
    return math.log(mass.sum())


class PriorDraws:
    """Independent draws of all parameters from their prior, each when it is first asked for.

    Sources lean on the mean and the spread of their class; count priors are as far off as a corpus may move them.
    Without learning each source has the whole prior for itself, and count priors stay.
    """

    def __init__(self, model, draws, rng, *, learn=True):
        self.model, self.draws, self.rng, self.learn = model, draws, rng, learn
        self.found = {}

    def _once(self, key, make):
        if key not in self.found:
            self.found[key] = make()
        return self.found[key]

    def _normal(self, mean, sd):
        return mean + sd * self.rng.standard_normal(self.draws)

    def source(self, source, name, relation):
        where, prior = self.model.source_prior(name, source, relation)
        if not self.learn:
            return self._once((source.name, name, where), lambda: self._normal(prior.mean, prior.sd))
        group = self.model.class_of(source), name, where
        middle = self._once(("mean", *group), lambda: self._normal(prior.mean, prior.class_sd))
        spread = self._once(("spread", *group), lambda: np.exp(self._normal(math.log(prior.spread), SPREAD_DOUBT)))
        return self._once((source.name, name, where), lambda: middle + spread * self._normal(0, 1))

    def theta(self, term):
        return {name: self.source(term.source, name, term.relation) for name in term.parameters}

    def count_mass(self, outcome, lattice):
        """Probability of each cell at each draw; shape (draws, cells)."""
        prior, doubt = self.model.count_prior(outcome), COUNT_DOUBT if self.learn else dict.fromkeys(COUNT_DOUBT, 0.0)
        means = logit(prior.zero), prior.location, math.log(prior.scale), logit(prior.broad)
        zero, location, log_scale, broad = (
            self._once((outcome, name), lambda m=mean, name=name: self._normal(m, doubt[name]))[:, None]
            for name, mean in zip(COUNT_DOUBT, means, strict=True)
        )
        zero, broad = (1 / (1 + np.exp(-x)) for x in (zero, broad))

        def part(location, scale):
            below, above = (
                ndtr((location - np.log(np.maximum(n, 1) - 0.5)) / scale) for n in (lattice.low, lattice.high + 1)
            )
            return (below - above) / ndtr((location - math.log(0.5)) / scale)

        low, beyond = (np.log(np.maximum(n, 1) - 0.5) for n in (lattice.low, lattice.high + 1))
        level = (np.minimum(beyond, math.log(TOP + 0.5)) - low) / math.log((TOP + 0.5) / 0.5)
        wide = (1 - prior.scale_free) * part(prior.broad_location, prior.broad_scale) + prior.scale_free * level
        positive = (1 - broad) * part(location, np.exp(log_scale)) + broad * wide
        return np.where(lattice.low == 0, zero, (1 - zero) * positive)


def weigh_prior(claims, at, *, draws, rng, model=None, learn=True):
    """Posterior of counts that nothing binds together, by draws from the prior weighted by what the claims say.

    Shares with the library what one claim says of a count (`likelihood.Term`), and nothing else.

    Parameters
    ----------
    claims : list of Claim
    at : sequence of int
        Counts at which distribution functions are wanted; claimed numbers are to be well below the last.

    Returns
    -------
    mapping of quantity to (probabilities, their standard errors), each of the shape of `at`
    """
    model = model or Model()
    far = np.unique(np.geomspace(max(at) + 1, 10**6, 60).astype(np.int64))
    low = np.concatenate([np.arange(max(at) + 1), far])
    lattice = Lattice(low, np.append(low[1:] - 1, TOP))
    known = known_cells(lattice, model.known)
    prior, units = PriorDraws(model, draws, rng, learn=learn), {}
    for one in claims:
        units.setdefault(one.quantity, []).append(one)
    below, total, back = {}, np.zeros(draws), {}
    for quantity, mine in units.items():
        mass = prior.count_mass(quantity.outcome.name, lattice)
        terms = read_as_terms(mine, model)
        thetas = [prior.theta(term) for term in terms]
        usual = {name: np.array([mean]) for name, (_, mean, _) in terms[0].priors().items()}
        center = lattice.center
        first = np.concatenate([terms[0].row(center, cut) for cut in slices(thetas[0], draws)])
        reference = np.log(mass @ (known @ terms[0].row(center, usual)[0]))
        opened = np.log((mass * (first @ known.T)).sum(axis=1))
        for term, theta in zip(terms[1:], thetas[1:], strict=True):
            first *= np.concatenate([term.row(center, cut) for cut in slices(theta, draws)])
        joint = mass * (first @ known.T)
        evidence = joint.sum(axis=1)
        below[quantity] = np.cumsum(joint, axis=1)[:, list(at)] / evidence[:, None]
        back[quantity] = opened - reference
        total += np.log(evidence) - opened + reference
    found = {}
    for quantity, probability in below.items():
        log_weight = total + back[quantity]
        weight = np.exp(log_weight - log_weight.max())
        weight /= weight.sum()
        mean = weight @ probability
        found[quantity] = mean, np.sqrt(weight**2 @ (probability - mean) ** 2)
    return found


def known_cells(lattice, known):
    """P(known count in a cell | count in a cell), each cell's count in its middle; shape (cells, cells)."""
    if known is None:
        return np.eye(len(lattice))
    center = np.log(lattice.center + 0.5)[:, None]

    def below(edge):
        return np.where(edge < 1, 0.0, stdtr(4, (np.log(np.maximum(edge, 0.5)) - center) / known.spread))

    edges = np.append(lattice.low, np.inf).astype(float)
    own = below(np.exp(center) + 0.5) - np.where(lattice.center[:, None] > 0, below(np.exp(center) - 0.5), 0.0)
    near = np.diff(below(edges[None])) - own * np.eye(len(lattice))
    near[:, 0] = 0.0
    others = 1 - below(np.ones(1)[None]) - own
    found = known.exact * np.eye(len(lattice)) + (1 - known.exact) * (1 - known.zero) * np.maximum(near, 0) / others
    found[:, 0] += (1 - known.exact) * known.zero
    found[0] = np.eye(len(lattice))[0]
    return found


def slices(theta, draws, step=1_000):
    for start in range(0, draws, step):
        yield {name: values[start : start + step] for name, values in theta.items()}


def solve_layout(layout, theta, **options):
    """Sum out the counts of an account on its one lattice, at draws of its sources."""
    potentials, said = list(layout.potentials), {}
    for node, term in layout.rows:
        row = np.maximum(term.row(layout.lattice.center, pick(theta, term)), TINY)
        said[node] = said[node] * row if node in said else row
    for node, row in said.items():
        potentials[node] = potentials[node] * (row if layout.chance is None else row @ layout.chance.T)
    joins = {layout.account.shares[part, whole] for part, whole, _ in layout.shares}
    tables = {join: layout.table(join, theta, layout.shares) for join in joins}
    return solve(layout.account, layout.lattice, potentials, tables, **options)
