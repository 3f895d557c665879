# SPDX-License-Identifier: MIT
"""The parameters that a corpus teaches: those of sources, of their classes, and of the count priors, in one vector.

Source parameters are normal around the mean of their class, with the spread of their class; class means, logarithms of
spreads and count parameters are normal. What was learned before comes as one joint normal.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeAlias

import attrs
import numpy as np
from numpy.typing import NDArray

from reconcile.arrays import PARAMETERS
from reconcile.model import COUNT_DOUBT, SPREAD_DOUBT, CountPrior, Learned, Model, Parameter
from reconcile.vocabulary import Relation, Source

__all__ = ["COUNT_PARAMETERS", "Hierarchy"]

Floats: TypeAlias = NDArray[np.float64]
Ints: TypeAlias = NDArray[np.int64]

COUNT_PARAMETERS = ("zero", "location", "log_scale", "broad")
RELATIONS = tuple(Relation)


def _logit(p: float) -> float:
    return float(np.log(p) - np.log1p(-p)) if 0 < p < 1 else -30.0


def _count_mean(prior: CountPrior) -> list[float]:
    return [_logit(prior.zero), prior.location, float(np.log(prior.scale)), _logit(prior.broad)]


@attrs.frozen(eq=False)
class Hierarchy:
    """Places of all parameters in a vector x, and their prior.

    Class means come first, then count parameters, then source parameters. The logarithms of the spreads of classes, t,
    are kept apart: given t, x is normal.

    Attributes
    ----------
    names : tuple of Parameter
        Of x, shape (p,).
    classes : tuple of Parameter
        Of t, shape (k,); class k has its mean at x[k].
    class_of : ndarray of int, shape (p,)
        Class of a source parameter that leans on it; -1 for others.
    mean : ndarray, shape (p,)
    base : ndarray, shape (p, p)
        Prior precision of what does not lean on a class of this corpus.
    log_spread, log_spread_sd : ndarray, shape (k,)
        Prior of t.
    place : ndarray of int, shape (sources, relations, 8)
        Where the parameters of a source stand in x; p where it has none.
    counts : ndarray of int, shape (outcomes, 4)
    wide : ndarray, shape (outcomes, 2)
        Location and scale of the broad part of each count prior.
    """

    names: tuple[Parameter, ...]
    classes: tuple[Parameter, ...]
    class_of: Ints
    mean: Floats
    base: Floats
    log_spread: Floats
    log_spread_sd: Floats
    place: Ints
    counts: Ints
    wide: Floats

    @classmethod
    def of(
        cls,
        speakers: Sequence[tuple[Source, str]],
        heard: Mapping[tuple[int, Relation], frozenset[str]],
        outcomes: Sequence[str],
        model: Model,
    ) -> Hierarchy:
        """Lay out the parameters.

        Parameters
        ----------
        speakers : sequence of (Source, name)
            Those who have parameters of their own, and the name under which these are learned.
        heard : mapping of (speaker, relation) to names of parameters
            Which parameters the claims of each speaker depend on.
        outcomes : sequence of str
        model : Model
        """
        known = model.learned
        classes: dict[Parameter, tuple[float, float, float]] = {}
        own: dict[Parameter, Parameter] = {}
        slots: dict[tuple[int, int, int], Parameter] = {}
        for (speaker, relation), wanted in sorted(heard.items(), key=lambda item: (item[0][0], str(item[0][1]))):
            source, name = speakers[speaker]
            for k, parameter in enumerate(PARAMETERS):
                if parameter not in wanted:
                    continue
                where, normal = model.source_prior(parameter, source, relation)
                label = f"anchor: {name}" if parameter == "bias" and name in model.anchors else model.class_of(source)
                group = Parameter("class", label, parameter, where)
                mine = Parameter("source", name, parameter, where)
                classes[group] = (normal.mean, normal.class_sd, normal.spread)
                own[mine] = group
                slots[speaker, RELATIONS.index(relation), k] = mine
        groups = sorted(classes, key=str)
        count_names = [Parameter("count", outcome, name, None) for outcome in outcomes for name in COUNT_PARAMETERS]
        names = [*groups, *count_names, *own]
        at = {name: k for k, name in enumerate(names)}
        priors = [model.count_prior(outcome) for outcome in outcomes]
        mean = np.array(
            [classes[g][0] for g in groups]
            + [value for prior in priors for value in _count_mean(prior)]
            + [classes[g][0] for g in own.values()]
        )
        doubt = [COUNT_DOUBT[name] for name in COUNT_PARAMETERS]
        sd = np.array([*(max(classes[g][1], 1e-3) for g in groups), *doubt * len(priors)])
        base = np.zeros((len(names), len(names)))
        base[np.arange(len(sd)), np.arange(len(sd))] = sd**-2.0
        class_of = np.full(len(names), -1, dtype=np.int64)
        for mine, group in own.items():
            class_of[at[mine]] = at[group]
        log_spread = np.log([classes[g][2] for g in groups]) if groups else np.zeros(0)
        log_spread_sd = np.full(len(groups), SPREAD_DOUBT)
        if known is not None:
            shared = [name for name in names if name in known.places]
            here = np.array([at[name] for name in shared], dtype=np.int64)
            there = np.array([known.places[name] for name in shared], dtype=np.int64)
            base[here] = 0.0
            base[:, here] = 0.0
            if len(here):
                base[np.ix_(here, here)] = np.linalg.inv(known.covariance[np.ix_(there, there)])
            mean[here] = known.mean[there]
            class_of[here] = -1
            for k, group in enumerate(groups):
                if group in known.spreads:
                    log_spread[k], log_spread_sd[k] = known.spreads[group]
            unknown = class_of >= 0
            mean[unknown] = mean[class_of[unknown]]
        place = np.full((len(speakers), len(RELATIONS), len(PARAMETERS)), len(names), dtype=np.int64)
        for slot, mine_name in slots.items():
            place[slot] = at[mine_name]
        counts = len(groups) + np.arange(4 * len(priors)).reshape(-1, 4)
        wide = np.array([[prior.broad_location, prior.broad_scale] for prior in priors])
        return cls(tuple(names), tuple(groups), class_of, mean, base, log_spread, log_spread_sd, place, counts, wide)

    def __len__(self) -> int:
        return len(self.names)

    def precision(self, t: Floats) -> Floats:
        """Prior precision of x, given the logarithms of the spreads; shape (p, p)."""
        found = self.base.copy()
        mine = np.flatnonzero(self.class_of >= 0)
        group = self.class_of[mine]
        weight = np.exp(-2 * t[group])
        found[mine, mine] += weight
        found[mine, group] -= weight
        found[group, mine] -= weight
        found[np.arange(len(t)), np.arange(len(t))] += np.bincount(group, weight, len(t))
        return found

    def log_prior(self, x: Floats, t: Floats) -> float:
        """Log density of x and t, up to a constant."""
        gap = x - self.mean
        mine = self.class_of >= 0
        total = -0.5 * gap @ self.precision(t) @ gap - float(t[self.class_of[mine]].sum())
        return float(total - 0.5 * np.sum(((t - self.log_spread) / self.log_spread_sd) ** 2))

    def theta(self, x: Floats, columns: Ints) -> Floats:
        """Parameters of each claim; `x` of shape (p,) or (draws, p), result (8, n) or (draws, 8, n)."""
        padded = np.concatenate([x, np.zeros((*x.shape[:-1], 1))], axis=-1)
        found: Floats = padded[..., columns]
        return found

    def count_values(self, x: Floats) -> Floats:
        """Parameters of the count priors; `x` of shape (..., p), result (..., outcomes, 4)."""
        # A draw may be far out before it is refused; beyond these limits nothing changes any more.
        values = np.clip(x[..., self.counts], [-40.0, -60.0, -6.0, -40.0], [40.0, 60.0, 4.0, 40.0])
        return np.ascontiguousarray(values)

    def learned(self, x: Floats, covariance: Floats, t: Floats, t_sd: Floats, before: Learned | None) -> Learned:
        """Put what was learned into a form for later claims."""
        spreads = {g: (float(m), float(s)) for g, m, s in zip(self.classes, t, t_sd, strict=True)}
        if before is None:
            return Learned(self.names, x, covariance, spreads)
        # What these claims do not speak of stays as it was, and is taken as independent of what they changed.
        kept = [name for name in before.names if name not in set(self.names)]
        theirs = [before.places[name] for name in kept]
        size, more = len(x), len(kept)
        joint = np.zeros((size + more, size + more))
        joint[:size, :size] = covariance
        joint[size:, size:] = before.covariance[np.ix_(theirs, theirs)]
        mean = np.concatenate([x, before.mean[theirs]])
        return Learned((*self.names, *kept), mean, joint, {**before.spreads, **spreads})
