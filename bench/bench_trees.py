# SPDX-License-Identifier: MIT
"""Time accounts that are trees, with gradient, before and after cells are left out; run as `make bench`."""

import datetime

import numpy as np
import pytest

import reconcile as rc
from reconcile.accounts import build_accounts
from reconcile.inference.arrays import Claims
from reconcile.inference.batches import choose_likelihood
from reconcile.inference.trees import Trees
from reconcile.model import COUNT_PRIORS, Model

DRAWS = 16
MEAN = np.array([0.0, -1.4, 3.0, 1.4, -3.0, -5.0, -0.6, -2.5])  # a source of each claim's own
OUTCOMES = ("casualties", "injured", "killed")
CASUALTIES = rc.Outcome("casualties", {"killed", "injured"})
WAR = rc.Event("war")
START = datetime.date(2031, 1, 1)


def killed(first, last):
    """Who was killed from one day to another."""
    return WAR.killed(period=rc.Period(START + datetime.timedelta(first - 1), START + datetime.timedelta(last - 1)))


def sum_of_two(event, killed, injured):
    return [
        (event.count(CASUALTIES), rc.Exactly(killed + injured)), (event.killed(), rc.Exactly(killed)),
        (event.killed(), rc.AtLeast(4 * killed // 5)), (event.injured(), rc.Exactly(injured)),
        (event.injured(), rc.About(injured + 5)),
    ]  # fmt: skip


def days(number):
    daily = [(killed(n, n), rc.Exactly(3 + n % 7)) for n in range(1, number + 1)]
    return [
        *daily,
        *((killed(1, n), rc.Exactly(sum(3 + k % 7 for k in range(1, n + 1)))) for n in range(1, number + 1)),
    ]


def nested(number):
    events = [WAR]
    for level in range(1, number):
        events.append(rc.Event(f"part {level}", part_of=events[-1]))
    return [(event.killed(), rc.Exactly(2000 // 2**level)) for level, event in enumerate(events)]


def many(number):
    sizes = np.random.default_rng(0).lognormal(2.5, 1.5, (number, 2)).astype(int) + 1
    return [sum_of_two(rc.Event(f"event {at:03}"), int(a), int(b)) for at, (a, b) in enumerate(sizes)]


SAID = {
    "killed + injured": [sum_of_two(WAR, 20, 40)],
    "4 days": [days(4)],
    "30 days": [days(30)],
    "7 nested totals": [nested(7)],
    "500 accounts": many(500),
}


class Asked:
    """Accounts laid out, and parameters to ask at."""

    def __init__(self, trees):
        rng = np.random.default_rng(1)
        self.trees, engine = trees, choose_likelihood()
        x = np.repeat(MEAN, len(trees.claims)) + 0.3 * rng.standard_normal((DRAWS, trees.none))
        self.given = [
            (np.ascontiguousarray(x[:, shard.parameters[shard.place]]), np.zeros((len(shard.rows), 2)))
            for shard in (grove.shard for grove in trees.groves)
        ]
        priors = [COUNT_PRIORS[outcome] for outcome in OUTCOMES]
        logit = [(np.log(p / (1 - p)) for p in (prior.zero, prior.broad)) for prior in priors]
        values = [[zero, p.location, np.log(p.scale), broad] for p, (zero, broad) in zip(priors, logit, strict=True)]
        self.values = np.repeat(np.array([values]), DRAWS, axis=0)
        self.tail, _ = engine.tails(trees.edges, trees.counts(self.values), slopes=False)

    def evaluate(self, **more):
        return [
            grove.evaluate(theta, echo, self.tail, slopes=True, **more)
            for grove, (theta, echo) in zip(self.trees.groves, self.given, strict=True)
        ]

    def reduced(self):
        weight = [np.full((DRAWS, len(grove.accounts)), 1 / DRAWS) for grove in self.trees.groves]
        found = [
            grove.evaluate(theta, echo, self.tail, weight=mine).mass
            for grove, (theta, echo), mine in zip(self.trees.groves, self.given, weight, strict=True)
        ]
        return Asked(self.trees.reduced(np.concatenate(found))[0])


def lay_out(said):
    accounts, event, values, at = [], [], [], 0
    for mine in said:
        (account,) = build_accounts([quantity for quantity, _ in mine])
        for node, k in sorted((account.index(quantity), k) for k, (quantity, _) in enumerate(mine)):
            event.append(at + node)
            values.append(mine[k][1])
        at += len(account.nodes)
        accounts.append(account)
    model, number = Model(), len(values)
    meanings = tuple(model.speech.read(value) for value in values)
    claims = Claims(
        np.array(event), np.arange(number), np.zeros(number, dtype=bool), meanings, np.zeros(at, dtype=np.int64)
    )
    return Trees.of(accounts, claims, np.arange(8 * number).reshape(8, -1), OUTCOMES, model, 8 * number)


@pytest.fixture(scope="module", params=SAID)
def asked(request):
    return Asked(lay_out(SAID[request.param]))


def bench_all_cells(benchmark, asked):
    benchmark(asked.evaluate)


def bench_cells_that_matter(benchmark, asked):
    benchmark(asked.reduced().evaluate)


def bench_layout(benchmark, asked):
    old = asked.trees
    benchmark(Trees.of, old.accounts, old.claims, old.columns, old.outcomes, old.model, old.none)
