# SPDX-License-Identifier: MIT
"""The other ways to one number: simple rules and packages. Each takes `Claims` and gives an `Answer`."""

from __future__ import annotations

import time

import numpy as np
import pandas as pd
from scipy.special import ndtr
from scores import Answer


def timed(method):
    def run(claims):
        start = time.process_time()
        guess, cdfs = method(claims)
        return Answer(np.asarray(guess, float), cdfs, time.process_time() - start)

    run.__name__ = method.__name__
    return run


def _by_event(claims, how):
    found = pd.Series(claims.value).groupby(claims.event).agg(how)
    return found.reindex(range(claims.events)).to_numpy(), None


@timed
def median(claims):
    return _by_event(claims, "median")


@timed
def mean(claims):
    return _by_event(claims, "mean")


@timed
def lowest(claims):
    return _by_event(claims, "min")


@timed
def majority(claims):
    """Take the most frequent number, the lower of two."""
    return _by_event(claims, lambda values: values.mode().iloc[0])


@timed
def last(claims):
    """Take the last figure; of several at the last moment the highest, since tolls rise."""
    order = np.lexsort((claims.value, claims.time, claims.event))
    ends = np.searchsorted(claims.event[order], np.arange(claims.events), side="right")
    return claims.value[order[ends - 1]], None


@timed
def highest(claims):
    return _by_event(claims, "max")


def _weighted_median(event, value, weight, events):
    order = np.lexsort((value, event))
    event, value, weight = event[order], value[order], weight[order]
    total = np.cumsum(weight)
    ends = np.searchsorted(event, np.arange(events), side="right")
    starts = np.searchsorted(event, np.arange(events), side="left")
    before = np.where(starts > 0, total[starts - 1], 0.0)
    half = before + (total[ends - 1] - before) / 2
    return value[np.minimum(np.searchsorted(total, half * (1 - 1e-12)), ends - 1)]


@timed
def crh(claims, rounds=20):
    """Weighted median of Li et al. 2014 (CRH): a source weighs minus the logarithm of its share of all deviations."""
    event, source, value = claims.event, claims.source, claims.value
    spread = pd.Series(value).groupby(event).transform("std").to_numpy()
    spread = np.where(spread > 0, spread, 1.0)
    number = np.maximum(np.bincount(source, minlength=claims.sources), 1)
    weight = np.ones(claims.sources)
    for _ in range(rounds):
        truth = _weighted_median(event, value, weight[source], claims.events)
        off = np.abs(value - truth[event]) / spread
        loss = np.bincount(source, off, minlength=claims.sources) / number + 1e-9
        weight = np.maximum(-np.log(loss / loss.sum()), 1e-6)
    return truth, None


def dersimonian_laird():
    """Give random-effects meta-analysis of the logarithms (PyMARE), the variance of a claim that of a Poisson count."""
    from pymare.estimators import DerSimonianLaird

    @timed
    def run(claims):
        y, number = np.log(claims.value + 0.5), np.bincount(claims.event, minlength=claims.events)
        order = np.argsort(claims.event, kind="stable")
        starts = np.cumsum(number) - number
        center, error = np.empty(claims.events), np.empty(claims.events)
        for size in np.unique(number):  # events with so many claims are fitted at once, side by side
            these = np.flatnonzero(number == size)
            ys = y[order[starts[these][None, :] + np.arange(size)[:, None]]]
            vs = np.exp(-ys)
            if size == 1:
                center[these], error[these] = ys[0], np.sqrt(vs[0])
                continue
            fit = DerSimonianLaird(small_sample_correction="wald").fit(ys, vs, np.ones((size, 1)))
            found = fit.summary().get_fe_stats()
            center[these], error[these] = found["est"][0], found["se"][0]
        return _log_normal(center, error)

    return run


def _log_normal(center, error):
    """Answer with a normal distribution of log(count + 1/2), rounded to whole counts."""

    def cdf(at):
        return lambda n: ndtr((np.log(np.maximum(np.asarray(n, float) + 1, 1e-300)) - center[at]) / error[at])

    return np.maximum(np.round(np.exp(center) - 0.5), 0), [cdf(at) for at in range(len(center))]


def crowd_kit(name):
    """Give an aggregator of crowd-kit, numbers taken for labels (it has none for numbers)."""
    import crowdkit.aggregation

    @timed
    def run(claims):
        frame = pd.DataFrame({"task": claims.event, "worker": claims.source, "label": claims.value})
        found = getattr(crowdkit.aggregation, name)().fit_predict(frame)
        return found.reindex(range(claims.events)).to_numpy(), None

    return run


def by_hand(how):
    """Give the model that an expert writes in NumPyro, see `by_hand.py`."""
    import by_hand as model

    @timed
    def run(claims):
        if how == "variational":
            return _log_normal(*model.fit_variational(claims))
        return model.fit_nuts(claims)

    return run


# name -> what gives the method (and may find that its package is not installed)
METHODS = {
    "median of claims": lambda: median,
    "majority": lambda: majority,
    "last figure": lambda: last,
    "plain maximum": lambda: highest,
    "CRH weighted median": lambda: crh,
    "crowd-kit Wawa": lambda: crowd_kit("Wawa"),
    "DerSimonian-Laird (PyMARE)": dersimonian_laird,
    "NumPyro by hand, variational": lambda: by_hand("variational"),
    "NumPyro by hand, NUTS": lambda: by_hand("nuts"),
}


def available(names):
    """Give the methods of these names that can be had, and why the others cannot."""
    found, missing = {}, {}
    for name in names:
        try:
            found[name] = METHODS[name]()
        except ImportError as error:
            missing[name] = str(error)
    return found, missing
