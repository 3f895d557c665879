# SPDX-License-Identifier: MIT
"""Three worlds in which sources err together: the count is not known yet, is known wrongly, or is off for all alike.

Each takes a seed, and gives claims and the true count of each of their quantities.
"""

from __future__ import annotations

from functools import partial

import numpy as np
import pandas as pd
from claims import START, of_rows

EVENTS = 40
EXACT = 0.5  # chance that a source says just what is known
SPREAD = 0.2  # of the logarithm of what it says otherwise


def rising(seed, events=EVENTS):
    """Report tolls while bodies are still being found, and some never are.

    One death in twelve is never known; of the others, the share 1 - exp(-(d + .3) / tau) is known d days after the
    event, the same to everybody, with a tau of about 16 hours. Three outlets report within hours, three after days;
    each says what is known when it reports, a quarter of them as "at least". In a quarter of events nobody died.
    """
    rng = np.random.default_rng([seed, 1])
    truth = np.where(rng.random(events) < 0.25, 0, counts(rng, events, median=15, spread=1.2))
    rows = []
    for event, true in enumerate(truth):
        found = day_found(rng, true, tau=rng.lognormal(-0.4, 0.5), never=1 / 12)
        for outlet in np.sort(rng.choice(6, size=rng.integers(2, 6), replace=False)):
            lag = rng.exponential(0.3) if outlet < 3 else 1 + rng.exponential(3)
            known = np.count_nonzero(found <= lag)
            low_end = known > 0 and rng.random() < 0.25
            rows.append(report(event, f"outlet {outlet}", known, at_least=low_end, day=lag))
    return finish(rows, truth, started=True)


def day_found(rng, people, tau, never):
    """Draw the day after the event on which each death becomes known: before 0 if at once, infinite if never."""
    rank = rng.random(people) / (1 - never)
    return np.where(rank < 1, -tau * np.log1p(-np.minimum(rank, 1 - 1e-12)) - 0.3, np.inf)


def official(seed, events=EVENTS):
    """Let media repeat an official figure that is wrong by a quarter, and others count something else; none says so.

    In six events of ten there is one, with a log error of mean -.1 and standard deviation .25; two reports of six media
    in three then give it, all others are counts of their own. A monitor counts the civilians (three in five of the
    dead), an NGO adds the missing, a hospital stops counting at 40, and a rumour has three times the dead.
    """
    rng = np.random.default_rng([seed, 2])
    truth = counts(rng, events, median=40, spread=1.0)
    rows = []
    for event, true in enumerate(truth):
        announced = rng.random() < 0.6
        figure = np.round(true * np.exp(rng.normal(-0.1, 0.25)))
        if announced:
            rows.append(report(event, "ministry", figure, kind="government", day=0.5))
        for outlet in np.flatnonzero(rng.random(6) < 0.5):
            repeats = announced and rng.random() < 2 / 3
            said = figure if repeats else count_anew(rng, true)
            rows.append(report(event, f"outlet {outlet}", said, day=0.6 + rng.random()))
        if rng.random() < 0.5:
            civilians = rng.binomial(true, 0.6)
            rows.append(report(event, "monitor", civilians, kind="monitor", day=2))
        if rng.random() < 0.5:
            rows.append(report(event, "relief NGO", true + rng.poisson(0.1 * true), kind="NGO", day=2))
        if rng.random() < 0.4:
            rows.append(report(event, "hospital", min(true, 40), kind="witness", at_least=true >= 40, day=1))
        if rng.random() < 0.1:
            rows.append(report(event, f"rumour {event}", 3 * true, kind="witness", day=0.3))
    return finish(rows, truth)


def shared(seed, sources, spread, events=EVENTS, *, dated=True):
    """Give all sources of an event the same log-normal error; each is exact about that wrong number half the time."""
    rng = np.random.default_rng([seed, 3, sources])
    truth = counts(rng, events, median=60, spread=1.0)
    believed = np.round(truth * np.exp(spread * rng.standard_normal(events)))
    rows = [
        report(event, f"outlet {outlet}", count_anew(rng, figure), day=rng.random())
        for event, figure in enumerate(believed)
        for outlet in range(sources)
    ]
    return finish(rows, truth, dated=dated)


def counts(rng, number, median, spread):
    """Draw true counts of at least one."""
    return np.maximum(np.round(median * np.exp(spread * rng.standard_normal(number))), 1).astype(int)


def count_anew(rng, figure):
    """Draw what a source says that counts by itself: just that, or with an error of its own."""
    return figure if rng.random() < EXACT else np.round(figure * np.exp(SPREAD * rng.standard_normal()))


def report(event, source, figure, kind="media", day=0.0, *, at_least=False):
    """Make one row of a table of claims."""
    high = np.inf if at_least else figure
    return {
        "event": f"event {event}", "outcome": "killed", "source": source, "source_kind": kind,
        "value": figure, "low": figure, "high": high, "reported": START + pd.Timedelta(days=day),
    }  # fmt: skip


def finish(rows, truth, *, dated=True, started=False):
    """Make claims of rows, and line the truths up with their quantities."""
    frame = pd.DataFrame(rows)
    frame["reported"] = frame["reported"].dt.tz_localize("UTC").dt.round("s")
    if started:
        frame["start"] = START.date()
    claims = of_rows(frame if dated else frame.drop(columns="reported"))
    true = {f"event {event}": count for event, count in enumerate(truth)}
    return claims, np.array([true[quantity.event.id] for quantity in claims.quantities])


WORLDS = {
    "rising": rising,
    "official": official,
    "shared_2": partial(shared, sources=2, spread=0.1),
    "shared_5": partial(shared, sources=5, spread=0.1),
    "shared_10": partial(shared, sources=10, spread=0.1),
    "control": partial(shared, sources=5, spread=0.0),
    "undated": partial(shared, sources=5, spread=0.0, dated=False),
}
