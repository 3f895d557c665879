# SPDX-License-Identifier: MIT
"""What claims teach given the first one about each count.

All that the first claim about a count says of its source's errors comes from the shape of the count prior, and real
counts do not have that shape. So sources are learned from the other claims given the first one, and count priors from
the first one too, read by the prior mean of its source: a cut between modules (Plummer 2015). A count with one claim
teaches nothing of its source.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, TypeAlias

import attrs
import numpy as np
from numpy.typing import NDArray

from reconcile.batches import recall, refer
from reconcile.evidence import Claimed, Problem, estimate_counts

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
        First claims, of counts with more of them and of those with one alone; blocks have a `reference`.
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
        return cls(joint, tuple(map(_refer, first)), tuple(kind for kind, events in kinds if len(events)))

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
            first.append(_refer(claimed.without(faint, FAINT)[0]))
        return Opened(joint, tuple(first), self.shared), mass, kept

    def _later(self) -> Claimed:
        """All claims but those about counts with one alone."""
        shards = (
            attrs.evolve(shard, blocks=tuple(b for b in shard.blocks if len(b.claims) > len(b.events)))
            for shard in self.joint.shards
        )
        return attrs.evolve(self.joint, shards=tuple(shards))

    def evaluate(self, xs: Floats) -> tuple[Floats, Floats, Floats]:
        """Log evidence of each draw, its gradient, and how far each claim calls for a copy; as `Claimed.evaluate`."""
        total, slope, copies = self._later().evaluate(xs)
        layout = self.problem.hierarchy
        for claimed, shared in zip(self.first, self.shared, strict=True):
            if shared:
                known, back, _ = claimed.evaluate(xs)
                total, slope = total - known, slope - back
            tables = layout.tables(xs, claimed.edge)
            for _, found in claimed.each(recall, shared=[tables]):
                total = total + found.log_evidence
                for k, table in enumerate(tables):
                    slope[k, layout.counts] += table.by_parameter(found.prior[k])
        return total, slope, copies

    def curvature(self, x: Floats) -> Floats:
        """Observed information at `x`; shape (p, p)."""
        layout = self.problem.hierarchy
        total = self._later().curvature(x)
        for claimed, shared in zip(self.first, self.shared, strict=True):
            if shared:
                total = total - claimed.curvature(x)
            table, moved = layout.table(x, claimed.edge), [layout.table(x, claimed.edge, k) for k in range(4)]
            for _, found in claimed.each(recall, shared=[[table], moved]):
                for at, part in zip(layout.counts, found.information, strict=True):
                    total[np.ix_(at, at)] += part
        return total


def _refer(claimed: Claimed) -> Claimed:
    layout = claimed.problem.hierarchy
    theta = layout.theta(layout.mean, claimed.problem.columns)
    shards = tuple(refer(shard, theta[:, shard.rows]) for shard in claimed.shards)
    return attrs.evolve(claimed, shards=shards)
