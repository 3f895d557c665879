# SPDX-License-Identifier: MIT
"""Rank statistics: where truths fall in their posteriors, and the band that the ranks of a calibrated method keep to.

Draw a world from the model, estimate, and note the rank of the truth in its posterior: over many worlds the ranks of an
exact method are uniform (simulation-based calibration; Talts et al. 2018). `calibrate` does so for any reconciler.
"""

from __future__ import annotations

import functools
import html
import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal, TypeAlias

import attrs
import numpy as np
from numpy.typing import NDArray

from reconcile.estimates import html_table
from reconcile.model import Model
from reconcile.plumbing import check, count_of, refuse_old, to_frame, to_generator
from reconcile.simulate import World, simulate
from reconcile.testing._ranks import ecdf_band, randomised_pit, ranks
from reconcile.testing.adapters import Kind, Reconciler, read
from reconcile.vocabulary import Relation

__all__ = ["Calibration", "Coverage", "RankSet", "calibrate", "ecdf_band", "randomised_pit", "ranks"]

Floats: TypeAlias = NDArray[np.float64]
Ints: TypeAlias = NDArray[np.int64]

LEVELS = (0.5, 0.8, 0.9, 0.95)
FEW = 50  # ranks, below which nothing is said of them


_band = functools.lru_cache(maxsize=64)(ecdf_band)


@attrs.frozen(eq=False, repr=False)
class RankSet:
    """The ranks of one kind of unknown, over all worlds.

    Attributes
    ----------
    name : str
        ``"count"``, or a parameter of sources with the relation that it is particular to: ``"bias, own side"``.
    ranks : ndarray, shape (n,)
        Where each truth fell in its posterior, from 0 to 1; uniform if the method is calibrated.
    worlds : ndarray of int, shape (n,)
        The number of the world of each.
    level : float
        The probability with which the band holds all of a calibrated method's ranks.
    """

    name: str
    ranks: Floats
    worlds: Ints
    level: float = 0.99

    def __len__(self) -> int:
        return len(self.ranks)

    @property
    def number(self) -> int:
        """How many independent ranks these are worth, those of one world being alike (design effect of clusters)."""
        _, at = np.unique(self.worlds, return_inverse=True)
        worst = 1.0
        for x in (self.ranks - 0.5, np.abs(self.ranks - 0.5) - 0.25):
            worst = max(worst, float(np.sum(np.bincount(at, x) ** 2) / np.sum(x**2)))
        return max(round(len(self) / worst), int(at.max()) + 1)

    def ecdf(self) -> tuple[Floats, Floats, Floats, Floats]:
        """Give the distribution function of the ranks, and the band that it should keep to.

        Returns
        -------
        points, share, low, high : ndarray
            The share of ranks that are at most each point, and from where to where it should be; see `ecdf_band`, here
            for as many independent ranks as these are worth.
        """
        points, low, high = _band(self.number, self.level)
        share = np.searchsorted(np.sort(self.ranks), points, side="right") / len(self)
        return points, share, low, high

    @property
    def inside(self) -> bool:
        """Whether the distribution function of the ranks stays in the band."""
        _, share, low, high = self.ecdf()
        return bool(np.all((low - 1e-12 <= share) & (share <= high + 1e-12)))

    @property
    def mean(self) -> float:
        """Mean rank: one half if the method is calibrated; lower where it says too much, higher where too little."""
        return float(self.ranks.mean())

    @property
    def spread(self) -> float:
        """Variance of the ranks by that of a uniform: 1 if calibrated, more if too sure, less if too careful."""
        return float(12 * self.ranks.var())

    def __str__(self) -> str:
        kept = "inside" if self.inside else "outside"
        return (
            f"{self.name}: {count_of(len(self), 'rank')}, worth {self.number:,}, {kept} the {100 * self.level:g} % "
            f"band; mean {self.mean:.3f}, variance {self.spread:.2f} of a uniform's"
        )

    def __repr__(self) -> str:
        return f"<RankSet of {self}>"


@attrs.frozen
class Coverage:
    """How often equal-tailed intervals of one level held the true count.

    Attributes
    ----------
    level : float
    share : float
        Of intervals that held it.
    expected : float
        The mean probability that the method gave to its own intervals; more than `level`, since counts are whole.
    error : float
        Standard error of ``share - expected``, the counts of one world being alike.
    width : float
        Sharpness: the median over counts of the number of people between the ends.
    ratio : float
        Sharpness in proportion: the geometric mean of (high + 1) / (low + 1).
    """

    level: float
    share: float
    expected: float
    error: float
    width: float
    ratio: float

    def __str__(self) -> str:
        return (
            f"{100 * self.level:g} % intervals held {100 * self.share:.1f} % of counts, "
            f"expected {100 * self.expected:.1f} % (standard error {100 * self.error:.1f}); "
            f"they spanned a factor {self.ratio:.2f}"
        )


@attrs.frozen(eq=False, repr=False)
class Calibration:
    """Where truths fell in what a method says of them.

    Attributes
    ----------
    ranks : mapping of str to RankSet
        ``"count"`` and, of a method that estimates sources, their parameters.
    coverage : tuple of Coverage
        Of counts, by level.
    worlds : int
    unanswered : int
        Counts of which the method said nothing; no other number here speaks of them.
    """

    ranks: Mapping[str, RankSet]
    coverage: tuple[Coverage, ...]
    worlds: int
    unanswered: int

    @property
    def judged(self) -> tuple[RankSet, ...]:
        """The kinds with at least 50 ranks; of fewer, nothing is said."""
        return tuple(one for one in self.ranks.values() if len(one) >= FEW)

    @property
    def outside(self) -> tuple[RankSet, ...]:
        """Those judged that leave their band; of a calibrated method, one kind in a hundred does (at level .99)."""
        return tuple(one for one in self.judged if not one.inside)

    def to_frame(self, backend: Literal["pandas", "polars", "pyarrow"] = "pandas") -> Any:
        """Give the ranks as a dataframe: name, world and rank.

        Raises
        ------
        MissingDependency
            If the backend is not installed.
        """
        rows = [
            {"name": one.name, "world": int(world), "rank": float(rank)}
            for one in self.ranks.values()
            for world, rank in zip(one.worlds, one.ranks, strict=True)
        ]
        return to_frame(rows, ("name", "world", "rank"), backend)

    def _summary(self) -> str:
        out = ", ".join(one.name for one in self.outside) or "none"
        few = len(self.ranks) - len(self.judged)
        parts = [
            f"{count_of(self.worlds, 'world')}; outside their band: {out}, of {len(self.judged)} judged",
            f"{few} with fewer than {FEW} ranks not judged" if few else "",
            f"{count_of(self.unanswered, 'count')} unanswered" if self.unanswered else "",
        ]
        return "; ".join(filter(None, parts))

    def __str__(self) -> str:
        return "\n".join([self._summary(), *map(str, self.coverage), *map(str, self.judged)])

    def __repr__(self) -> str:
        return f"<Calibration: {self._summary()}>"

    def _repr_html_(self) -> str:
        coverage = [
            (f"{one.level:g}", f"{one.share:.3f}", f"{one.expected:.3f}", f"{one.error:.3f}", f"{one.ratio:.2f}")
            for one in self.coverage
        ]
        kinds = [
            (
                one.name,
                len(one),
                one.number,
                f"{one.mean:.3f}",
                f"{one.spread:.2f}",
                "inside" if one.inside else "outside",
            )
            for one in self.judged
        ]
        return (
            f"<p>{html.escape(self._summary())}</p>"
            + html_table(("level", "held", "expected", "standard error", "factor spanned"), coverage)
            + html_table(("of", "ranks", "worth", "mean", "variance", "band"), kinds)
        )


def _name_of(parameter: str, relation: Relation | None) -> str:
    return f"{parameter}, {relation}" if relation else parameter


def _rate(world: Ints, held: Floats, level: float) -> Coverage:
    """Sum up intervals: whether each held its count, the probability it was given, its ends."""
    inside, probability, low, high = held.T
    gap = inside - probability
    _, at = np.unique(world, return_inverse=True)
    # Standard error of a mean of clusters, which are the worlds.
    off = np.bincount(at, gap - gap.mean())
    return Coverage(
        level,
        float(inside.mean()),
        float(probability.mean()),
        float(np.sqrt(np.sum(off**2))) / len(gap),
        float(np.median(high - low)),
        math.exp(float(np.mean(np.log((high + 1) / (low + 1))))),
    )


def calibrate(
    estimate: Reconciler | None = None,
    *,
    model: Model | None = None,
    worlds: int | Iterable[World] = 100,
    levels: Sequence[float] = LEVELS,
    band: float = 0.99,
    sources: bool = True,
    seed: int | np.random.Generator | None = 0,
    **old: object,
) -> Calibration:
    """Hold a method against worlds of which the truth is known (simulation-based calibration; Talts et al. 2018).

    Parameters
    ----------
    estimate : callable, optional
        From claims to a mapping of quantities to answers, each a distribution in one of the forms that
        ``reconcile.testing.adapters`` reads: with ``cdf``, ``icdf``, ``pmf``, or counts with their probabilities.
        Default ``reconcile.estimate`` with `model`.
    model : Model, keyword, optional
        That the worlds are drawn from. A method that assumes another will be found out, as it should be.
    worlds : int or iterable of World, keyword
        How many worlds of 12 events, 5 sources and 3 to 5 claims about each event are drawn; or the worlds, drawn by
        `reconcile.simulate.simulate`.
    levels : sequence of float, keyword
        Of intervals of counts.
    band : float, keyword
        Probability with which the band of a calibrated method holds all its ranks.
    sources : bool, keyword
        Whether to rank the parameters of sources too, of a method whose answers have ``sources`` as a `Posterior` has.
        Most of the time of our own estimate goes into these.
    seed : int or numpy Generator, keyword
        For the worlds, and for the place of each truth within its step.

    Returns
    -------
    Calibration

    Raises
    ------
    InvalidValue
        For an answer that is no distribution, levels and bands that are no probabilities, or no world at all.

    Examples
    --------
    >>> worlds = [simulate(events=1, sources=5, claims_per_event=3, seed=seed) for seed in range(60)]
    >>> result = calibrate(worlds=worlds, sources=False)
    >>> print(result.ranks["count"].inside, result.outside)
    True ()
    """
    refuse_old("calibrate", old, rng="seed")
    random = to_generator("calibrate", seed)
    for name, every in (("levels", levels), ("band", (band,))):
        for level in every:
            check(0 < level < 1, f"calibrate({name})", level, "a probability between 0 and 1")
    if estimate is None:
        from reconcile.posterior import estimate as ours

        estimate = functools.partial(ours, model=model)
    if isinstance(worlds, int):
        check(worlds >= 1, "calibrate(worlds)", worlds, "a whole number from 1, or worlds")
        drawn: Iterable[World] = (
            simulate(model, events=12, sources=5, claims_per_event=(3, 5), seed=random) for _ in range(worlds)
        )
    else:
        drawn = worlds
    found: dict[str, list[float]] = defaultdict(list)
    where: dict[str, list[int]] = defaultdict(list)
    held: dict[float, list[tuple[float, float, float, float]]] = {level: [] for level in levels}
    unanswered, number = 0, 0
    for world in drawn:
        answers = estimate(world.claims)
        for quantity, count in world.counts.items():
            if quantity not in answers:
                unanswered += 1
                continue
            belief = read(answers[quantity])
            check(belief.kind is not Kind.INTERVAL, "calibrate(estimate)", answers[quantity], "a distribution")
            found["count"].append(randomised_pit(belief, count, random))
            where["count"].append(number)
            for level in levels:
                low, high = belief.quantile((1 - level) / 2), belief.quantile((1 + level) / 2)
                held[level].append((low <= count <= high, belief.cdf(high) - belief.cdf(low - 1), low, high))
        known = getattr(answers, "sources", {}) if sources else {}
        for name, truth in world.sources.items():
            for key, draws in known[name].draws.items() if name in known else ():
                found[_name_of(*key)].append(float(ranks(draws, truth[key], random)))
                where[_name_of(*key)].append(number)
        number += 1
    check(number > 0, "calibrate(worlds)", worlds, "at least one world")
    sets = {name: RankSet(name, np.array(x), np.array(where[name]), band) for name, x in found.items()}
    coverage = [_rate(sets["count"].worlds, np.array(rows, dtype=float), level) for level, rows in held.items() if rows]
    return Calibration(sets, tuple(coverage), number, unanswered)
