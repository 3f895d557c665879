# SPDX-License-Identifier: MIT
"""The parameters of sources, of their classes and of the count priors, in one vector, and their prior.

A parameter of a source is normal around the mean of its class, with the spread of its class; class means, logarithms of
spreads and count parameters are normal. What was learned before comes as one joint normal.

All that is drawn is drawn in standardised coordinates z, standard normal a priori: how far a source is from the mean of
its class, in spreads (the non-centred form; Papaspiliopoulos, Roberts & Skold 2007). `Hierarchy` turns them into the
parameters x that claims depend on, and slopes by x into slopes by z.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from typing import TypeAlias

import attrs
import numpy as np
from numpy.typing import NDArray

from reconcile.inference.arrays import PARAMETERS
from reconcile.model import COUNT_DOUBT, SPREAD_DOUBT, CountPrior, Learned, Model, Parameter
from reconcile.vocabulary import Relation, Source

__all__ = ["COUNT_PARAMETERS", "Hierarchy"]

Floats: TypeAlias = NDArray[np.float64]
Ints: TypeAlias = NDArray[np.int64]

COUNT_PARAMETERS = ("zero", "location", "log_scale", "broad")
RELATIONS = tuple(Relation)
WIDER = 1.2  # how much wider spreads of classes are proposed than a normal at their mode, whose tails are too thin


def _logit(p: float) -> float:
    return float(np.log(p) - np.log1p(-p)) if 0 < p < 1 else -30.0


def _count_mean(prior: CountPrior) -> list[float]:
    return [_logit(prior.zero), prior.location, float(np.log(prior.scale)), _logit(prior.broad)]


@attrs.frozen(eq=False)
class Hierarchy:
    """Places of all parameters in a vector x, and their prior.

    Class means come first, then count parameters, then source parameters. The standardised vector z has a place for
    each parameter and then one for the logarithm of the spread of each class, t.

    Attributes
    ----------
    names : tuple of Parameter
        Of x, shape (p,).
    classes : tuple of Parameter
        Of t, shape (k,); class k has its mean at x[k].
    class_of : ndarray of int, shape (p,)
        Class of a source parameter that leans on it; -1 for others.
    mean, sd : ndarray, shape (p,)
        Prior of what does not lean on a class; a standard deviation of 0 holds a parameter where it is.
    joint : ndarray of int, shape (q,)
        Places of what earlier claims taught, which is normal with the same `mean` and its own covariance.
    root : ndarray, shape (q, q)
        Lower Cholesky factor of that covariance.
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
    sd: Floats
    joint: Ints
    root: Floats
    log_spread: Floats
    log_spread_sd: Floats
    place: Ints
    counts: Ints
    wide: Floats

    @classmethod
    def of(
        cls,
        speakers: Sequence[Source],
        heard: Mapping[tuple[int, Relation], frozenset[str]],
        outcomes: Sequence[str],
        model: Model,
        *,
        parameters: Sequence[str] = PARAMETERS,
        learn: bool = True,
    ) -> Hierarchy:
        """Lay out the parameters.

        Parameters
        ----------
        speakers : sequence of Source
        heard : mapping of (speaker, relation) to names of parameters
            Which parameters the claims of each speaker depend on.
        outcomes : sequence of str
        model : Model
        parameters : sequence of str, keyword
            Names of the eight parameters that a source may have.
        learn : bool, keyword
            Whether classes and count priors are parameters. Else each source has the prior of its class, with all of
            its doubt, for itself, and count priors stay where they are.
        """
        known = model.learned
        classes: dict[Parameter, tuple[float, float, float]] = {}
        own: dict[Parameter, Parameter] = {}
        slots: dict[tuple[int, int, int], Parameter] = {}
        for (speaker, relation), wanted in sorted(heard.items(), key=lambda item: (item[0][0], str(item[0][1]))):
            source = speakers[speaker]
            for k, parameter in enumerate(parameters):
                if parameter not in wanted:
                    continue
                where, normal = model.source_prior(parameter, source, relation)
                anchored = parameter == "bias" and source.name in model.anchors
                label = f"anchor: {source.name}" if anchored else model.class_of(source)
                group = Parameter("class", label, parameter, where)
                mine = Parameter("source", source.name, parameter, where)
                classes[group] = (normal.mean, normal.class_sd, normal.spread)
                own[mine] = group
                slots[speaker, RELATIONS.index(relation), k] = mine
        groups = sorted(classes, key=str)
        count_names = [Parameter("count", outcome, name, None) for outcome in outcomes for name in COUNT_PARAMETERS]
        names = [*(groups if learn else ()), *count_names, *own]
        at = {name: k for k, name in enumerate(names)}
        priors = [model.count_prior(outcome) for outcome in outcomes]
        spread = {group: (float(np.log(classes[group][2])), SPREAD_DOUBT) for group in groups}
        if known is not None:
            spread |= {group: known.spreads[group] for group in groups if group in known.spreads}
        mean, sd = np.zeros(len(names)), np.zeros(len(names))
        class_of = np.full(len(names), -1, dtype=np.int64)
        for name, group in own.items():
            middle, class_sd, _ = classes[group]
            mean[at[name]] = middle
            if learn:
                class_of[at[name]] = at[group]
                mean[at[group]], sd[at[group]] = middle, max(class_sd, 1e-3)
                continue
            taught = known.normal(group) if known is not None else None
            mean[at[name]], class_sd = taught or (middle, class_sd)
            sd[at[name]] = float(np.hypot(class_sd, np.exp(spread[group][0])))
        counts = np.array([at[name] for name in count_names], dtype=np.int64).reshape(-1, len(COUNT_PARAMETERS))
        for places, prior in zip(counts, priors, strict=True):
            mean[places] = _count_mean(prior)
            sd[places] = [COUNT_DOUBT[name] for name in COUNT_PARAMETERS] if learn else 0.0
        shared = [n for n in names if known is not None and n in known.places and (learn or n.scope == "source")]
        joint = np.array([at[name] for name in shared], dtype=np.int64)
        root = np.zeros((0, 0))
        if known is not None and len(joint):
            there = np.array([known.places[name] for name in shared], dtype=np.int64)
            mean[joint], class_of[joint], sd[joint] = known.mean[there], -1, 0.0
            root = np.asarray(np.linalg.cholesky(known.covariance[np.ix_(there, there)]), dtype=np.float64)
        leaning = class_of >= 0
        mean[leaning] = mean[class_of[leaning]]
        place = np.full((len(speakers), len(RELATIONS), len(parameters)), len(names), dtype=np.int64)
        for slot, name in slots.items():
            place[slot] = at[name]
        log_spread, doubt = np.array([spread[group] for group in groups if learn]).reshape(-1, 2).T
        wide = np.array([prior.wide for prior in priors]).reshape(-1, 3)
        return cls(
            tuple(names), tuple(groups) if learn else (), class_of, mean, sd, joint, root, log_spread, doubt, place,
            counts, wide,
        )  # fmt: skip

    def __len__(self) -> int:
        return len(self.names)

    @property
    def size(self) -> int:
        """Length of z."""
        return len(self.names) + len(self.classes)

    @functools.cached_property
    def leaning(self) -> Ints:
        """Places of the parameters that lean on a class, sorted by class; shape (m,)."""
        found = np.flatnonzero(self.class_of >= 0)
        return found[np.argsort(self.class_of[found], kind="stable")]

    @functools.cached_property
    def group(self) -> Ints:
        """Class of each of those that are `leaning`; shape (m,)."""
        return self.class_of[self.leaning]

    @functools.cached_property
    def _present(self) -> tuple[Ints, Ints]:
        """Classes on which something leans, and where theirs begin among those that lean."""
        present, start = np.unique(self.group, return_index=True)
        return present, start.astype(np.int64)

    def by_class(self, values: Floats) -> Floats:
        """Add up over each class; `values` of shape (..., m) in the order of `leaning`, result (..., k)."""
        found = np.zeros((*values.shape[:-1], len(self.classes)))
        present, start = self._present
        if len(present):
            found[..., present] = np.add.reduceat(values, start, axis=-1)
        return found

    def spreads(self, z: Floats) -> Floats:
        """Logarithms of the spreads of the classes; `z` of shape (draws, p + k), result (draws, k)."""
        found: Floats = self.log_spread + self.log_spread_sd * z[:, len(self) :]
        return found

    def unfold(self, z: Floats) -> Floats:
        """Turn standardised coordinates, shape (draws, p + k), into parameters, shape (draws, p)."""
        x: Floats = self.mean + self.sd * z[:, : len(self)]
        if len(self.joint):
            x[:, self.joint] = self.mean[self.joint] + z[:, self.joint] @ self.root.T
        scale = np.exp(self.spreads(z))
        x[:, self.leaning] = x[:, self.group] + scale[:, self.group] * z[:, self.leaning]
        return x

    def fold(self, x: Floats, t: Floats) -> Floats:
        """Undo `unfold`, the logarithms of the spreads given; `x` (draws, p), `t` (draws, k), result (draws, p + k)."""
        from scipy.linalg import solve_triangular

        z = np.zeros((len(x), self.size))
        z[:, len(self) :] = (t - self.log_spread) / self.log_spread_sd
        free = np.flatnonzero(self.sd > 0)
        z[:, free] = (x[:, free] - self.mean[free]) / self.sd[free]
        if len(self.joint):
            z[:, self.joint] = solve_triangular(self.root, (x[:, self.joint] - self.mean[self.joint]).T, lower=True).T
        z[:, self.leaning] = (x[:, self.leaning] - x[:, self.group]) * np.exp(-t)[:, self.group]
        return z

    def pull(self, z: Floats, slope: Floats) -> Floats:
        """Turn slopes by x into slopes by z, at z.

        Parameters
        ----------
        z : ndarray, shape (draws or 1, p + k)
        slope : ndarray, shape (draws, p)

        Returns
        -------
        ndarray, shape (draws, p + k)
        """
        found, leaning = np.empty((len(slope), self.size)), self.leaning
        own = slope[:, leaning] * np.exp(self.spreads(z))[:, self.group]
        whole = slope.copy()
        whole[:, : len(self.classes)] += self.by_class(slope[:, leaning])
        found[:, : len(self)] = whole * self.sd
        if len(self.joint):
            found[:, self.joint] = whole[:, self.joint] @ self.root
        found[:, leaning] = own
        found[:, len(self) :] = self.by_class(own * z[:, leaning]) * self.log_spread_sd
        return found

    def draw_classes(self, z: Floats, rng: np.random.Generator) -> Floats:
        """Draw means and spreads of classes anew, given what their sources are.

        What claims depend on stays as it is, so they are not asked. Where sources are known well, means and spreads
        hardly move with the standardised coordinates held; with the sources held they do (interweaving; Yu & Meng
        2011).

        Parameters
        ----------
        z : ndarray, shape (draws, p + k)
        rng : numpy Generator

        Returns
        -------
        ndarray, shape (draws, p + k)
        """
        k, found = len(self.classes), z.copy()
        if not len(self.leaning):
            return found
        x, t = self.unfold(z), self.spreads(z)
        own, number = x[:, self.leaning], self.by_class(np.ones(len(self.leaning)))
        # Means that were learned before hang together with others.
        free = np.setdiff1d(np.flatnonzero((number > 0) & (self.sd[:k] > 0)), self.joint)
        weight = np.exp(-2 * t[:, free])
        precision = 1 / self.sd[free] ** 2 + number[free] * weight
        middle = (self.mean[free] / self.sd[free] ** 2 + self.by_class(own)[:, free] * weight) / precision
        x[:, free] = middle + rng.standard_normal(middle.shape) / np.sqrt(precision)
        found[:, free] = (x[:, free] - self.mean[free]) / self.sd[free]

        square, sd = self.by_class((own - x[:, self.group]) ** 2), self.log_spread_sd

        def density(t: Floats) -> Floats:
            return -number * t - 0.5 * square * np.exp(-2 * t) - 0.5 * ((t - self.log_spread) / sd) ** 2

        top = t.copy()
        for _ in range(30):  # of Newton's method: the density is concave
            lean = square * np.exp(-2 * top)
            top += np.clip((lean - number - (top - self.log_spread) / sd**2) / (2 * lean + 1 / sd**2), -1.0, 1.0)
        width = WIDER / np.sqrt(2 * square * np.exp(-2 * top) + 1 / sd**2)
        step = rng.standard_normal(t.shape)
        new = top + width * step
        gain = density(new) + 0.5 * step**2 - density(t) - 0.5 * ((t - top) / width) ** 2
        t = np.where(np.log(rng.random(t.shape)) < gain, new, t)
        found[:, len(self) :] = (t - self.log_spread) / sd
        found[:, self.leaning] = (own - x[:, self.group]) * np.exp(-t)[:, self.group]
        return found

    def push(self, t: Floats, slope: Floats) -> Floats:
        """Turn slopes by z, without those by spreads, back into slopes by x; the inverse of `pull` at these spreads.

        Parameters
        ----------
        t : ndarray, shape (k,)
        slope : ndarray, shape (draws, p)

        Returns
        -------
        ndarray, shape (draws, p)
        """
        from scipy.linalg import solve_triangular

        found, leaning = np.zeros(slope.shape), self.leaning
        free = np.flatnonzero(self.sd > 0)
        found[:, free] = slope[:, free] / self.sd[free]
        if len(self.joint):
            found[:, self.joint] = solve_triangular(self.root, slope[:, self.joint].T, lower=True, trans="T").T
        found[:, leaning] = slope[:, leaning] * np.exp(-t)[self.group]
        found[:, : len(self.classes)] -= self.by_class(found[:, leaning])
        return found

    def only(self, kept: Ints) -> Hierarchy:
        """Keep some parameters, in ascending order, with all classes and whatever was learned before among them."""
        new = np.full(len(self) + 1, len(kept), dtype=np.int64)
        new[kept] = np.arange(len(kept))
        class_of = self.class_of[kept]
        return attrs.evolve(
            self,
            names=tuple(self.names[int(k)] for k in kept),
            class_of=np.where(class_of >= 0, new[class_of], -1),
            mean=self.mean[kept],
            sd=self.sd[kept],
            joint=new[self.joint],
            place=new[self.place],
            counts=new[self.counts],
        )

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
