# SPDX-License-Identifier: MIT
"""The strongest peer: a model written by hand in NumPyro for this kind of world, by variational inference or NUTS.

Figures are Student-t (4 degrees) around the logarithm of the count, with a bias by source and relation and a spread by
source; a claim has the probability of the interval that it leaves open, so that bounds, ranges and words are censored
figures, and points discretised ones. Class means and spreads of the biases are learned. It starts from the medians.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import numpyro
import numpyro.distributions as dist
import pandas as pd
from claims import RELATIONS
from numpyro.infer import MCMC, NUTS, SVI, Trace_ELBO, init_to_value
from numpyro.infer.autoguide import AutoNormal
from scores import from_draws

jax.config.update("jax_enable_x64", True)
STEPS = 2_000
OUTSIDERS = jnp.array([0.1, 0.1, 1.0, 1.0])  # prior spread of the class means of bias, by relation


def t4_cdf(t):
    """Give the cdf of Student's t with 4 degrees of freedom; the lower tail is exact, so look from there."""
    below = -jnp.abs(t)
    root = jnp.sqrt(below**2 + 4)
    a = 1 + below / root  # 1 - |t| / sqrt(t^2 + 4)
    tail = a**2 * (3 - a) / 4
    return jnp.where(t < 0, tail, 1 - tail)


def interval(low, high):
    """Log probability of a t between two points, computed in the nearer tail."""
    flip = low + high > 0
    low, high = jnp.where(flip, -high, low), jnp.where(flip, -low, high)
    return jnp.log(jnp.maximum(t4_cdf(high) - t4_cdf(low), 1e-12))


def model(data):
    mean = numpyro.sample("mean", dist.Normal(2.0, 2.0))
    sd = numpyro.sample("sd", dist.HalfNormal(2.0))
    leaning = numpyro.sample("leaning", dist.Normal(0.0, OUTSIDERS).to_event(1))
    apart = numpyro.sample("apart", dist.HalfNormal(0.3 * jnp.ones(len(RELATIONS))).to_event(1))
    usual = numpyro.sample("usual", dist.Normal(jnp.log(0.2), 0.5))
    vary = numpyro.sample("vary", dist.HalfNormal(0.5))
    with numpyro.plate("sources", data["sources"]):
        own = numpyro.sample("own", dist.Normal(jnp.zeros(len(RELATIONS)), 1.0).to_event(1))
        spread = jnp.exp(usual + vary * numpyro.sample("z_spread", dist.Normal(0.0, 1.0)))
    bias = leaning + apart * own
    with numpyro.plate("events", data["events"]):
        count = numpyro.sample("log_count", dist.Normal(mean, sd))
    center = count[data["event"]] + bias[data["source"], data["relation"]]
    scale = spread[data["source"]]
    numpyro.factor("claims", interval((data["low"] - center) / scale, (data["high"] - center) / scale).sum())


def prepare(claims):
    with np.errstate(divide="ignore"):
        low, high = np.log(claims.low), np.log(claims.high + 1)  # of log(figure + 1/2), rounded at the halves
    data = {
        "event": claims.event, "source": claims.source, "relation": claims.relation, "events": claims.events,
        "sources": claims.sources, "low": np.maximum(low, -50.0), "high": np.minimum(high, 50.0),
    }  # fmt: skip
    middle = pd.Series(np.log(claims.value + 0.5)).groupby(claims.event).median().to_numpy()
    start = {
        "log_count": middle, "mean": middle.mean(), "sd": middle.std(), "own": np.zeros((claims.sources, 4)),
        "leaning": np.zeros(4), "apart": np.full(4, 0.1), "usual": np.log(0.2), "vary": 0.3,
        "z_spread": np.zeros(claims.sources),
    }  # fmt: skip
    return data, init_to_value(values={name: jnp.asarray(value) for name, value in start.items()})


def fit_variational(claims, steps=STEPS):
    """Give center and spread of the normal distribution of each log(count + 1/2)."""
    data, start = prepare(claims)
    guide = AutoNormal(model, init_loc_fn=start, init_scale=0.1)
    optimiser = numpyro.optim.Adam(lambda step: 0.03 * 0.05 ** (step / steps))
    run = SVI(model, guide, optimiser, Trace_ELBO()).run(jax.random.PRNGKey(0), steps, data, progress_bar=False)
    return tuple(np.asarray(run.params[f"log_count_auto_{name}"]) for name in ("loc", "scale"))


def fit_nuts(claims, warmup=300, draws=300):
    """Give median and cdf of each count, from draws."""
    data, start = prepare(claims)
    sampler = MCMC(NUTS(model, init_strategy=start), num_warmup=warmup, num_samples=draws, progress_bar=False)
    sampler.run(jax.random.PRNGKey(0), data)
    counts = np.maximum(np.round(np.exp(np.asarray(sampler.get_samples()["log_count"])) - 0.5), 0)
    return np.median(counts, axis=0), [from_draws(column) for column in counts.T]
