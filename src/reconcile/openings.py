# SPDX-License-Identifier: MIT
"""What claims teach given the first one about each count.

All that the first claim about a count says of its source's errors comes from the shape of the count prior, and real
counts do not have that shape. So sources are learned from the other claims given the first one, and count priors from
the first one too, read by the prior mean of its source: a cut between modules (Plummer 2015). A count with one claim
teaches nothing of its source.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable
from typing import Any, TypeAlias

import attrs
import numpy as np
from numpy.typing import NDArray

from reconcile.arrays import Shard
from reconcile.batches import choose_likelihood
from reconcile.elementary import logarithm
from reconcile.evidence import Claimed, Problem, estimate_counts, theta_of
from reconcile.shards import Tasks

__all__ = ["Opened", "first_claims"]

Floats: TypeAlias = NDArray[np.float64]
Ints: TypeAlias = NDArray[np.int64]

# Posterior probability by the first claim alone, below which a cell is left out. What is left out is missing from a sum
# that is divided by, so chains would wander to where it matters: at 1e-4 the evidence was up to 5 nats too high there.
FAINT = 1e-6


def first_claims(problem: Problem, events: Ints) -> Problem:
    """Keep the first claim about some of the counts, in ascending order."""
    first = problem.take(np.searchsorted(problem.claims.event, events), np.arange(len(events)), events)
    nothing = np.zeros_like(first.echoes.there)
    return attrs.evolve(first, echoes=attrs.evolve(first.echoes, there=nothing, same=nothing))


@attrs.frozen(eq=False)
class Opened:
    """The claims of a corpus, and apart from them the first about each count.

    Attributes
    ----------
    joint : Claimed
        All claims.
    first : tuple of Claimed
        First claims, of counts with more of them and of those with one alone.
    shared : tuple of bool
        Which of `first` are of counts with more claims.
    """

    joint: Claimed
    first: tuple[Claimed, ...]
    shared: tuple[bool, ...]

    @classmethod
    def of(cls, problem: Problem, spread: Callable[..., Iterable[Any]]) -> Opened:
        """Cut a problem into shards; `spread` maps a function over them."""
        return cls._of(Claimed.of(problem, spread))

    @classmethod
    def _of(cls, joint: Claimed) -> Opened:
        problem = joint.problem
        more = np.bincount(problem.claims.event, minlength=len(problem.claims.outcome)) > 1
        kinds = [(kind, np.flatnonzero(more == kind)) for kind in (True, False)]
        first = [Claimed.of(first_claims(problem, events), joint.spread) for _, events in kinds if len(events)]
        return cls(joint, tuple(first), tuple(kind for kind, events in kinds if len(events)))

    @property
    def problem(self) -> Problem:
        """The problem of all claims."""
        return self.joint.problem

    def only(self, events: Ints) -> Opened:
        """Keep some of the counts, in ascending order."""
        return self._of(self.joint.only(events))

    def reduced(self, xs: Floats) -> tuple[Opened, Floats, Ints]:
        """Leave out cells that hold next to nothing at some parameters; with the mass of all, and which are kept."""
        mass, _ = estimate_counts(self.joint, xs)
        joint, kept = self.joint.without(mass)
        prior = xs.copy()  # of sources, with what was learned of counts
        at = np.arange(xs.shape[1]) > self.problem.hierarchy.counts.max(initial=-1)
        prior[:, at] = self.problem.hierarchy.mean[at]
        first = []
        for claimed, shared in zip(self.first, self.shared, strict=True):
            faint, _ = estimate_counts(claimed, np.concatenate([xs, prior]) if shared else prior)
            first.append(claimed.without(faint, FAINT)[0])
        return Opened(joint, tuple(first), self.shared), mass, kept

    @functools.cached_property
    def _signed(self) -> Claimed:
        """All claims of counts with more than one, less the first, plus the first as the prior mean of its source."""
        tasks = self.joint.tasks
        more = tasks.end - tasks.begin > 1
        parts = [tasks.only(np.flatnonzero(more))]
        for claimed, shared in zip(self.first, self.shared, strict=True):
            begin, first = tasks.begin[more == shared], claimed.tasks
            first = attrs.evolve(first, begin=begin, end=begin + 1, heard=np.zeros(len(begin), dtype=np.bool_))
            if shared:
                parts.append(attrs.evolve(first, sign=-first.sign))
            parts.append(attrs.evolve(first, end=begin, base=_refer(claimed)))
        return Claimed.cut(self.problem, self.joint.spread, Tasks.join(parts), self.joint.echoes)

    def _current(self) -> Claimed:
        self._signed.echoes = self.joint.echoes  # which may have been found anew
        return self._signed

    def evaluate(self, xs: Floats) -> tuple[Floats, Floats]:
        """Log evidence of each draw, and its gradient; as `Claimed.evaluate`."""
        return self._current().evaluate(xs)

    def copies(self, x: Floats) -> Floats:
        """How far each claim calls for a copy; as `Claimed.copies`."""
        return self._current().copies(x)

    def curvature(self, x: Floats) -> Floats:
        """Observed information at `x`; shape (p, p)."""
        return self._current().curvature(x)


def _refer(claimed: Claimed) -> Floats:
    """Logarithm of what first claims say of each of their cells by the prior means of their sources."""
    mean = claimed.problem.hierarchy.mean[None]
    return np.concatenate([np.zeros(0), *(found for _, found in claimed.each(_say, mean))])


def _say(shard: Shard, echo: Floats, xs: Floats) -> Floats:
    rows = choose_likelihood().rows(shard, theta_of(shard, xs), np.zeros(echo.shape))
    return logarithm(rows[0, shard.cells])  # a claim for each count, so pairs are cells
