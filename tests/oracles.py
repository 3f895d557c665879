# SPDX-License-Identifier: MIT
"""The model written a second time, slowly and plainly: scalar code, enumeration of worlds, no lattice."""

from __future__ import annotations

import itertools
import math

import numpy as np
from scipy.special import stdtr

TOP = 10**13


def normal_cdf(x):
    return 0.5 * math.erfc(-x / math.sqrt(2))


def logistic(x):
    return 1 / (1 + math.exp(-x)) if x > 0 else math.exp(x) / (1 + math.exp(x))


def figure_probability(m, y, *, bias, log_spread, fidelity, slope, denial, gross):
    """P(figure = m | truth y) by the words of the model."""

    def below(edge):
        z = (math.log(edge) - math.log(y + 0.5) - bias) / math.exp(log_spread) if edge > 0 else -1e9
        return float(stdtr(4, z))

    anything = math.log((m + 2) / (m + 1)) / math.log(TOP + 2)
    astray, denied = logistic(gross), logistic(denial)
    faithful = logistic(fidelity - slope * math.sqrt(math.log(max(y, 1))))
    noisy = astray * anything + (1 - astray) * (below(m + 1) - below(m))
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

    return (1 - prior.zero) * (
        (1 - prior.broad) * part(prior.location, prior.scale)
        + prior.broad * part(prior.broad_location, prior.broad_scale)
    )


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
