# SPDX-License-Identifier: MIT
"""Time the likelihood of learned sources by each kernel that there is here; run as `make bench`."""

import numpy as np
import pytest

from reconcile.inference import kernel
from reconcile.inference.lone_counts import ConditionalEvidence
from reconcile.inference.problems import build_problem
from reconcile.model import Model
from reconcile.roles import assign_roles
from reconcile.simulate import simulate

DRAWS = 16
NAMES = [*(level for level in kernel.LEVELS if kernel.load(level)), "numpy"]


@pytest.fixture(scope="module")
def learned():
    """Some hundred claims, at the cells that matter, and parameters to ask at."""
    claims = simulate(events=20, sources=5, claims_per_event=5, outcomes=("killed",), seed=0).claims
    problem = build_problem(claims.columns, assign_roles(claims), Model()).problem
    layout = problem.hierarchy
    xs = layout.unfold(np.random.default_rng(1).standard_normal((DRAWS, layout.size)))
    return ConditionalEvidence.of(problem, map).reduced(xs)[0], xs


@pytest.mark.parametrize("name", NAMES)
def bench_gradient(benchmark, learned, name, monkeypatch):
    monkeypatch.setenv(kernel.VARIABLE, name)
    corpus, xs = learned
    benchmark(corpus.evaluate, xs)


@pytest.mark.parametrize("name", NAMES)
def bench_curvature(benchmark, learned, name, monkeypatch):
    monkeypatch.setenv(kernel.VARIABLE, name)
    corpus, xs = learned
    benchmark(corpus.curvature, xs[0])
