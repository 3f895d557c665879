# SPDX-License-Identifier: MIT
"""The model under a general sampler, NUTS (NumPyro), beside `estimate`: how far apart, and how much slower.

The second writing of the whole model. It is for bare numbers about separate counts, shares no arithmetic with the
library (priors and their names are read from `Model`), and sums the counts out too, so that NUTS has only the
parameters left. Sources are learned from the claims given the first one about each count here as well, and what is cut
of the claims about a count is taken back for the estimate of that count.

usage: nuts.py [--only CASE ...] [--warmup N] [--draws N] [--chains N] [--seed N] [--once]; run as `make bench-nuts`.
"""

from __future__ import annotations

import argparse
import math
import time

import jax
import jax.numpy as jnp
import numpy as np
import numpyro
import numpyro.distributions as dist
from jax.scipy.special import logsumexp, ndtr
from numpyro.diagnostics import effective_sample_size, split_gelman_rubin
from numpyro.infer import MCMC, NUTS, init_to_median

import reconcile as rc
from reconcile.model import COUNT_DOUBT, SPREAD_DOUBT
from reconcile.simulate import simulate

jax.config.update("jax_enable_x64", val=True)

NAMES = ("bias", "log_spread", "fidelity", "slope", "denial", "gross", "heaping", "copying")
MOST = 10**13  # of a count
LONGEST = math.log((MOST + 0.5) / 0.5)  # what a log-uniform count may be
TINY = 1e-290
# A parameter is drawn around its class (centred) where this many claims speak for it, else as a deviation in units of
# the class's spread, which NUTS finds easier. Rare things (denial, gross errors, copies) are never well known.
MANY, OFTEN = 100, {"bias", "log_spread", "fidelity", "heaping"}


def lattice(values):
    """First numbers of cells from 0 to `MOST`: single counts up to 40, fine ones near the claimed values."""
    starts, count = [0], 0
    while count < MOST:
        ratio = min((max((count + 0.5) / (v + 0.5), (v + 0.5) / (count + 0.5)) for v in values), default=1.0)
        width = 0.02 if ratio < 2 else 0.06 if ratio < 8 else 0.3 if ratio < 60 else 1.0
        count += 1 if count < 40 else max(1, int(width * count))
        starts.append(count)
    known = {*starts, *values, *(v + 1 for v in values)}
    return np.array([*sorted(n for n in known if n <= MOST), MOST + 1], dtype=float)


def wording(value):
    """All ways to come to say `value`: first and last figure, chance without heaping, and by how much heaping adds."""

    def heaped(figure):
        return 0.0 if figure < 3 else 0.3 if figure < 8 else 0.7 if figure < 75 else 1.0

    ways = [(value, value, 1.0, -heaped(value))] + ([(3, 7, 0.0, heaped(value))] if value == 5 else [])
    unit = 10
    while unit <= 100 * max(value, 1):
        first, last = -(-3 * unit // 4), -(-15 * unit // 2) - 1
        steps = {10: 0.7, 5: 0.3} if unit == 10 else {unit: 0.47, unit // 2: 0.23, unit // 10: 0.14, unit // 20: 0.16}
        for step, share in steps.items():
            low, high = max(value - step // 2, first), min(value - step // 2 + step - 1, last)
            if value % step == 0 and low <= high:
                ways.append((low, high, 0.0, share * heaped(unit)))
        unit *= 10
    return ways


def student_below(t):
    """P(T < t), Student's t with 4 degrees of freedom; t = 2 tan(a) turns the density into (3/4) cos^3 a da."""
    sine = t / jnp.sqrt(4.0 + t * t)
    return 0.5 + 0.75 * (sine - sine**3 / 3)


class Block:
    """Claims about counts with about as many cells: claims n, edges of their wordings k, events e, cells w."""

    def __init__(self, claims, starts):
        """Read claims in order of events and time; `starts` hold the cells of each event."""
        by_event = {}
        for n, claim in enumerate(claims):
            by_event.setdefault(claim.quantity, []).append(n)
        self.quantities = list(by_event)
        self.event = np.repeat(np.arange(len(by_event)), [len(rows) for rows in by_event.values()])
        values = [c.value.n for c in claims]

        width = max(map(len, starts))
        self.bound = np.array([np.append(s, np.full(width - len(s), MOST + 1)) for s in starts])
        self.low, self.size = self.bound[:, :-1], np.diff(self.bound)
        high = self.low + np.maximum(self.size, 1) - 1
        center = np.where(self.size <= 1, self.low, np.sqrt((self.low + 0.5) * (high + 0.5)) - 0.5)
        self.log_center, self.root = np.log(center + 0.5), np.sqrt(np.log(np.maximum(center, 1)))

        # Words: the exact share of every cell, the chance of 0, and edges of the noise.
        shape = (2, len(claims), width - 1)
        self.covered, self.zero = np.zeros(shape), np.zeros((2, len(claims)))
        edges = []
        for n, (value, e) in enumerate(zip(values, self.event, strict=True)):
            slopes = {}
            for first, last, plain, tilt in wording(value):
                overlap = np.minimum(high[e], last) - np.maximum(self.low[e], first) + 1
                share = np.clip(overlap / np.maximum(self.size[e], 1), 0, 1)
                weight = np.array([plain, tilt])
                self.covered[:, n] += weight[:, None] * share
                self.zero[:, n] += weight * (first == 0)
                slopes[last + 1] = slopes.get(last + 1, 0) + weight
                slopes[first] = slopes.get(first, 0) - weight
            edges.append({edge: weight for edge, weight in slopes.items() if edge > 0 and any(weight)})
        most = max(map(len, edges))
        self.log_edge, self.weights = np.zeros((len(claims), most)), np.zeros((2, len(claims), most))
        for n, found in enumerate(edges):
            self.log_edge[n, : len(found)] = np.log(np.array(list(found), dtype=float))
            self.weights[:, n, : len(found)] = np.array(list(found.values())).T

        slip = student_below((self.log_edge[:, :, None] - self.log_center[self.event][:, None, :]) / math.log(10))
        self.slip = np.sum(self.weights[:, :, :, None] * np.asarray(slip), axis=2)

        _, first = np.unique(self.event, return_index=True)
        self.opening = np.isin(np.arange(len(claims)), first).astype(float)[:, None]

        # Copies: which share of the earlier claims about this count says the same, and whether there is one.
        self.same, self.earlier = np.zeros(len(claims)), np.zeros(len(claims))
        for n, claim in enumerate(claims):
            before = [values[m] for m in by_event[claim.quantity] if claims[m].reported < claim.reported]
            if before:
                self.earlier[n], self.same[n] = 1.0, np.mean([v == values[n] for v in before])

    def layer(self, known):
        """P(known count in cell | count in cell), shape (e, w, w); None where nothing stands between."""
        if known is None:
            return None
        middle = np.exp(self.log_center)

        def below(edge):  # of the known count, by the error alone: (e, y, edges)
            z = (np.log(np.maximum(edge, 0.5))[:, None, :] - self.log_center[:, :, None]) / known.spread
            return np.where(edge[:, None, :] < 1, 0.0, np.asarray(student_below(z)))

        def beside(by):
            return np.asarray(student_below((np.log(np.maximum(middle + by, 0.5)) - self.log_center) / known.spread))

        one = np.eye(middle.shape[1])[None]
        own, least = beside(0.5) - beside(-0.5), np.asarray(student_below(-self.log_center / known.spread))
        near = np.diff(below(np.where(self.bound > MOST, 1e30, self.bound))) - own[:, :, None] * one
        near[:, :, 0] = 0.0
        off = (1 - known.zero) * np.maximum(near, 0) / (1 - least - own)[:, :, None]
        off[:, :, 0] += known.zero
        found = known.exact * one + (1 - known.exact) * off
        found[:, 0] = one[:, 0]  # where nobody died nobody is known to have
        return found

    def joint(self, theta, tails, heard=1.0):
        """Log of P(count in cell, claims), shape (e, w), from the parameters of each claim; of those that are heard."""
        bias, log_spread, fidelity, slope, denial, gross, heaping, copying = theta[self.column]
        heap = jax.nn.sigmoid(heaping)

        def mixed(pair):
            return pair[0] + heap.reshape(-1, *[1] * (pair.ndim - 2)) * pair[1]

        z = (self.log_edge - bias[:, None])[:, :, None] - self.log_center[self.event][:, None, :]
        below = student_below(z * jnp.exp(-log_spread)[:, None, None])
        noise = jnp.sum(mixed(self.weights)[:, :, None] * below, axis=1)
        strays = jax.nn.sigmoid(gross)[:, None]
        noisy = (1 - strays) * noise + strays * mixed(self.slip)
        faithful = jax.nn.sigmoid(fidelity[:, None] - slope[:, None] * self.root[self.event])
        spoken = faithful * self.covered[0] + (1 - faithful) * noisy
        denied = jax.nn.sigmoid(denial)[:, None] * (self.low[self.event] > 0)
        own = (1 - denied) * spoken + denied * mixed(self.zero)[:, None]
        copied = (jax.nn.sigmoid(copying) * self.earlier)[:, None]
        row = jnp.log(jnp.maximum((1 - copied) * own + copied * self.same[:, None], TINY))
        said = jax.ops.segment_sum(row * heard, self.event, len(self.quantities), indices_are_sorted=True)
        if self.chance is not None:
            peak = said.max(axis=1, keepdims=True)
            said = peak + jnp.log(jnp.einsum("eyk,ek->ey", self.chance, jnp.exp(said - peak)))
        tail = tails[self.outcome[:, None], self.left]
        mass = jnp.where(self.size > 0, jnp.maximum(tail[:, :-1] - tail[:, 1:], TINY), 1.0)
        return jnp.where(self.size > 0, said + jnp.log(mass), -jnp.inf)


class Problem:
    """The claims, in blocks, and the parameters: one for each source and key, drawn around those of classes."""

    def __init__(self, claims, model=None):
        model = model or rc.Model()
        assert all(isinstance(c.value, rc.Exactly) and not c.hedged for c in claims)
        assert len({(c.quantity, c.source) for c in claims}) == len(claims)
        by_event = {}
        for claim in sorted(claims, key=lambda c: (c.quantity.key, c.reported, c.id)):
            by_event.setdefault(claim.quantity, []).append(claim)
        groups = {}
        for about in by_event.values():
            starts = lattice([c.value.n for c in about])
            # Small numbers have two edges, others up to ten.
            group = int(math.log(len(starts)) / math.log(1.5)), max(c.value.n for c in about) >= 8
            groups.setdefault(group, []).append((about, starts))
        self.blocks = []
        for group in sorted(groups):
            spoken = [claim for about, _ in groups[group] for claim in about]
            self.blocks.append((Block(spoken, [starts for _, starts in groups[group]]), spoken))

        classes, sources = {}, {}
        for block, spoken in self.blocks:
            block.column = np.zeros((len(NAMES), len(spoken)), dtype=int)
            for n, claim in enumerate(spoken):
                for at, name in enumerate(NAMES):
                    relation, prior = model.source_prior(name, claim.source, claim.relation)
                    key = classes.setdefault((name, model.class_of(claim.source), relation), (len(classes), prior))[0]
                    own = sources.setdefault((claim.source.name, name, relation), (len(sources), key))
                    block.column[at, n] = own[0]
        self.sources = list(sources)
        self.key = np.array([key for _, key in sources.values()])
        self.classes = [prior for _, prior in classes.values()]
        columns = np.concatenate([block.column.ravel() for block, _ in self.blocks])
        claimed = np.bincount(columns, minlength=len(sources))
        often = np.array([name in OFTEN for _, name, _ in sources])
        self.centred = ((claimed >= MANY) & often).astype(float)

        outcomes = sorted({q.outcome.name for q in by_event})
        self.priors = [model.count_prior(name) for name in outcomes]
        self.edge, place = np.unique(np.concatenate([b.bound.ravel() for b, _ in self.blocks]), return_inverse=True)
        ends = np.cumsum([b.bound.size for b, _ in self.blocks])[:-1]
        for (block, _), left in zip(self.blocks, np.split(place.ravel(), ends), strict=True):
            block.left = left.reshape(block.bound.shape)
            block.chance = block.layer(model.known)
            block.outcome = np.array([outcomes.index(q.outcome.name) for q in block.quantities])
        self.blocks = [block for block, _ in self.blocks]

    def tails(self, moved):
        """P(count >= edge) for each outcome, given that it is at most `MOST`; `moved` of shape (outcomes, 4)."""
        log_edge = jnp.log(jnp.maximum(self.edge, 1.0) - 0.5)

        def part(location, scale):
            return ndtr((location - log_edge) / scale) / ndtr((location - math.log(0.5)) / scale)

        rows = []
        for prior, (zero, location, log_scale, broad) in zip(self.priors, moved, strict=True):
            none = jax.nn.sigmoid(math.log(prior.zero / (1 - prior.zero)) + zero)
            wide = jax.nn.sigmoid(math.log(prior.broad / (1 - prior.broad)) + broad)
            positive = (1 - wide) * part(prior.location + location, prior.scale * jnp.exp(log_scale))
            level = 1 - (log_edge - math.log(0.5)) / LONGEST
            free = prior.scale_free
            positive += wide * ((1 - free) * part(prior.broad_location, prior.broad_scale) + free * level)
            positive = (positive - positive[-1]) / (1 - positive[-1])
            rows.append(jnp.where(self.edge < 1, 1.0, (1 - none) * positive))
        return jnp.stack(rows)

    def joint(self, theta, moved):
        """Log of P(count in cell, claims), shape (e, w), for each block."""
        tails = self.tails(moved)
        return [block.joint(theta, tails) for block in self.blocks]

    def __call__(self):
        """The model as NumPyro reads it."""
        mean, class_sd, spread = np.array([(p.mean, p.class_sd, p.spread) for p in self.classes]).T
        unit = dist.Normal(0.0, 1.0)
        class_mean = mean + class_sd * numpyro.sample("class_mean", unit.expand(mean.shape))
        class_spread = spread * jnp.exp(SPREAD_DOUBT * numpyro.sample("class_spread", unit.expand(mean.shape)))
        m, s, c = class_mean[self.key], class_spread[self.key], self.centred
        raw = numpyro.sample("raw", dist.Normal(c * m, s**c))
        theta = numpyro.deterministic("theta", m + s ** (1 - c) * (raw - c * m))
        doubt = np.array([COUNT_DOUBT[name] for name in ("zero", "location", "log_scale", "broad")])
        moved = numpyro.deterministic("moved", doubt * numpyro.sample("count", unit.expand((len(self.priors), 4))))
        tails = self.tails(moved)
        # Less the evidence of first claims, plus the same by the prior means of their sources.
        every = (logsumexp(block.joint(theta, tails), axis=1) for block in self.blocks)
        numpyro.factor("claims", sum(map(jnp.sum, every)))
        numpyro.factor("cut", -sum(map(jnp.sum, self.cut(theta, tails))))

    def cut(self, theta, tails):
        """Log evidence of first claims less that by prior means of their sources, for each block."""
        usual = np.array([p.mean for p in self.classes])[self.key]
        return [
            logsumexp(block.joint(theta, tails, block.opening), axis=1)
            - logsumexp(block.joint(usual, tails, block.opening), axis=1)
            for block in self.blocks
        ]

    def masses(self, theta, moved):
        """Posterior of each count by cell, averaged over draws that what was cut of it weighs, for each block."""

        @jax.jit
        def one(t, m):
            return [jax.nn.softmax(part, axis=1) for part in self.joint(t, m)], self.cut(t, self.tails(m))

        most = [np.asarray(part) for part in one(theta[0], moved[0])[1]]
        sums, totals = [0.0] * len(self.blocks), [0.0] * len(self.blocks)
        for t, m in zip(theta, moved, strict=True):
            for k, (mass, log_weight) in enumerate(zip(*one(t, m), strict=True)):
                weight = np.exp(np.asarray(log_weight) - most[k])
                sums[k] = sums[k] + weight[:, None] * np.asarray(mass)
                totals[k] = totals[k] + weight
        return [part / total[:, None] for part, total in zip(sums, totals, strict=True)]


def two_claims():
    battle = rc.Event("battle").killed(rc.Group(party="T"))
    ministry = rc.Source("ministry", kind="government", sides={"T"})
    return [
        rc.Claim(battle, rc.Exactly(5), ministry, reported="2020-02-10"),
        rc.Claim(battle, rc.Exactly(6), rc.Source("monitor", kind="monitor"), reported="2020-02-11"),
    ]


def world(events, sources, claims):
    return lambda seed: simulate(events=events, sources=sources, claims_per_event=claims, seed=seed).claims


CASES = {
    "2 claims": (lambda _: two_claims(), 1_000, 20_000),
    "20 x 5": (world(20, 5, (3, 5)), 500, 500),
    "200 x 20": (world(200, 20, (3, 9)), 300, 300),
    "2000 x 50": (world(2_000, 50, 6), 100, 50),
}
USUAL = ("2 claims", "20 x 5", "200 x 20")


def compare(posterior, problem, mass):
    """Total variation between the two posteriors of each count, on the cells of `problem`."""
    found = []
    for block, masses in zip(problem.blocks, mass, strict=True):
        for quantity, low, size, cells in zip(block.quantities, block.low, block.size, masses, strict=True):
            below = np.append(posterior[quantity].cdf(low[size > 0] - 1), 1.0)
            found.append(0.5 * np.sum(np.abs(np.diff(below) - cells[size > 0])))
    return np.array(found)


def compare_bias(posterior, problem, theta):
    """Differences of posterior means of biases, in standard deviations of the posterior by NUTS."""
    sources = getattr(posterior, "sources", None)
    found = []
    for at, (source, name, relation) in enumerate(problem.sources):
        if sources is None or name != "bias" or source not in sources or not hasattr(sources[source], "bias"):
            continue
        if relation in sources[source].bias:
            mean = sources[source].bias[relation].mean()
            found.append((mean - theta[:, at].mean()) / theta[:, at].std())
    return np.array(found)


def clock(run, *arguments):
    start = time.perf_counter()
    found = run(*arguments)
    return found, time.perf_counter() - start


def measure(case, arguments):
    make, warmup, draws = CASES[case]
    claims = list(make(arguments.seed))
    rc.estimate(claims[:2])  # imports
    posterior, ours = clock(rc.estimate, claims)
    ours = min([ours, *(clock(rc.estimate, claims)[1] for _ in range(4 if ours < 1 else 0))])
    problem = Problem(claims)
    sampler = MCMC(
        NUTS(problem, init_strategy=init_to_median(num_samples=15), target_accept_prob=0.9),
        num_warmup=arguments.warmup or warmup,
        num_samples=arguments.draws or draws,
        num_chains=arguments.chains,
        chain_method="sequential",
        progress_bar=False,
    )
    first, second = jax.random.split(jax.random.PRNGKey(arguments.seed))

    def run(key):
        sampler.run(key, extra_fields=("num_steps",))
        jax.block_until_ready(sampler.get_samples())

    compiling = clock(run, first)[1]
    warm = math.nan if arguments.once else clock(run, second)[1]
    found = {name: np.asarray(x) for name, x in sampler.get_samples(group_by_chain=True).items()}
    parts = [found["theta"], found["moved"].reshape(*found["moved"].shape[:2], -1)]
    drawn = np.concatenate(parts, axis=2)
    theta, moved = (found[name].reshape(-1, *found[name].shape[2:]) for name in ("theta", "moved"))
    half = len(theta) // 2
    halves = [problem.masses(theta[mine], moved[mine]) for mine in (slice(half), slice(half, 2 * half))]
    apart = compare(posterior, problem, [(a + b) / 2 for a, b in zip(*halves, strict=True)])
    # Halves lie twice as far from each other as the whole lies from the truth, if NUTS has found all of it.
    chance = np.concatenate([np.abs(a - b).sum(axis=1) / 4 for a, b in zip(*halves, strict=True)])
    bias = np.abs(compare_bias(posterior, problem, theta))
    ess, rhat = np.min(effective_sample_size(drawn)), np.max(split_gelman_rubin(drawn))
    steps = np.mean(sampler.get_extra_fields()["num_steps"])
    return {
        "case": case,
        "claims": f"{len(claims):,}",
        "parameters": str(drawn.shape[2]),
        "total variation: mean, max": f"{apart.mean():.4f}, {apart.max():.4f}",
        "of which NUTS by chance": f"{chance.mean():.4f}, {chance.max():.4f}",
        "biases, in sd: mean, max": f"{bias.mean():.2f}, {bias.max():.2f}" if len(bias) else "-",
        "estimate": f"{1e3 * ours:,.1f} ms",
        "NUTS, compiling": f"{compiling:,.1f} s",
        "NUTS": f"{warm:,.1f} s",
        "ratios": f"{compiling / ours:,.0f}, {warm / ours:,.0f}",
        "least ess": f"{ess:,.0f} of {len(theta):,}",
        "largest rhat": f"{rhat:.3f}",
        "leapfrogs a draw": f"{steps:.0f}",
    }


def main():
    parser = argparse.ArgumentParser(description="Compare `estimate` with NUTS.")
    known = f"of {', '.join(CASES)}; the last takes some hours"
    parser.add_argument("--only", nargs="+", choices=CASES, default=USUAL, metavar="CASE", help=known)
    parser.add_argument("--warmup", type=int, help="draws to adapt in, for each chain")
    parser.add_argument("--draws", type=int, help="draws to keep, for each chain")
    parser.add_argument("--chains", type=int, default=1, help="one after the other")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--once", action="store_true", help="do not run again without compiling")
    arguments = parser.parse_args()
    for at, case in enumerate(arguments.only):
        row = measure(case, arguments)
        for cells in (row, ("---",) * len(row), row.values()) if at == 0 else (row.values(),):
            print(f"| {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
