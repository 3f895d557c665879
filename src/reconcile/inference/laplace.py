# SPDX-License-Identifier: MIT
"""The Laplace approximation: the evidence as a normal around its mode, in standardised coordinates.

Spreads within classes are not put at a joint mode, which would be far off: they are fitted by expectation-maximisation
on the normal, all other parameters being normal given them.
"""

from __future__ import annotations

import contextlib
from typing import TypeAlias

import attrs
import numpy as np
from numpy.typing import NDArray

from reconcile.inference.hierarchy import Hierarchy
from reconcile.inference.importance import normal_points

__all__ = ["Laplace", "flatten", "invert"]

Floats: TypeAlias = NDArray[np.float64]
Ints: TypeAlias = NDArray[np.int64]

DENSE = 600  # parameters up to which matrices of them are factored again and again
FURTHEST = 3  # standard deviations that the spread of a class may be fitted from where it was assumed
MOST_TURNED = 3_000  # parameters up to which a matrix of them is taken apart into its axes, some ten seconds


@attrs.frozen(eq=False)
class Laplace:
    """The evidence as a normal around a mode, and the posterior given the spreads of the classes.

    Attributes
    ----------
    hierarchy : Hierarchy
    x : ndarray, shape (p,)
        Where the evidence was looked at.
    slope : ndarray, shape (p,)
        Of the log evidence there.
    curvature : ndarray, shape (p, p)
        Observed information there.
    """

    hierarchy: Hierarchy
    x: Floats
    slope: Floats
    curvature: Floats

    def around(self, z: Floats) -> Floats:
        """Curvature by the standardised coordinates, spreads among them, around z; shape (p + k, p + k)."""
        at = z[None]
        found: Floats = self.hierarchy.pull(at, self.hierarchy.pull(at, self.curvature).T)
        return 0.5 * (found + found.T)

    def turned(self, t: Floats) -> Floats:
        """Curvature by the standardised coordinates, the spreads given; shape (p, p)."""
        size = len(self.x)
        z = np.concatenate([np.zeros(size), (t - self.hierarchy.log_spread) / self.hierarchy.log_spread_sd])
        return self.around(z)[:size, :size]

    def covariance(self, t: Floats) -> Floats:
        """Posterior covariance of the parameters given the spreads; shape (p, p)."""
        layout, size = self.hierarchy, len(self.x)
        z = np.zeros((size, layout.size))
        z[:, size:] = (t - layout.log_spread) / layout.log_spread_sd
        none = layout.unfold(z)
        z[:, :size] = invert(self.given(t)[0])
        half = layout.unfold(z) - none
        z[:, :size] = half.T
        found: Floats = layout.unfold(z) - none
        return 0.5 * (found + found.T)

    def given(self, t: Floats) -> tuple[Floats, Floats]:
        """Posterior of the standardised coordinates given the spreads.

        Parameters
        ----------
        t : ndarray, shape (k,)

        Returns
        -------
        root : ndarray, shape (p, p)
            Lower Cholesky factor of the precision.
        center : ndarray, shape (p,)
        """
        layout, size = self.hierarchy, len(self.x)
        none = layout.fold(layout.mean[None], t[None])
        none[:, :size] = 0.0
        precision = self.turned(t)
        slope = self.slope + self.curvature @ (self.x - layout.unfold(none)[0])
        root = _cholesky(precision)
        from scipy.linalg import cho_solve

        return root, cho_solve((root, True), layout.pull(none, slope[None])[0, :size])

    def scaled(self, factor: float) -> Laplace:
        """Give the same for so many times as many claims."""
        return attrs.evolve(self, slope=factor * self.slope, curvature=factor * self.curvature)

    def definite(self) -> Laplace:
        """Flatten directions in which the evidence is curved upwards, so that the prior alone decides there."""
        layout, size = self.hierarchy, len(self.x)
        turned = self.turned(layout.log_spread)
        curvature = self.curvature.copy()
        if size > DENSE:
            # Most such directions concern one source; to flatten those costs next to nothing.
            flat = turned.copy()
            for place in layout.place:
                at = np.unique(place[place < size])
                flat[np.ix_(at, at)] = flatten(turned[np.ix_(at, at)])
            curvature = self._back(flat)
            with contextlib.suppress(np.linalg.LinAlgError):
                np.linalg.cholesky(flat + np.eye(size))
                return attrs.evolve(self, curvature=curvature)
            if size > MOST_TURNED:
                return attrs.evolve(self, curvature=curvature)
            turned = flat
        return attrs.evolve(self, curvature=self._back(flatten(turned)))

    def _back(self, turned: Floats) -> Floats:
        """Curvature by x of one by the standardised coordinates, at the spreads that were assumed."""
        layout = self.hierarchy
        found: Floats = layout.push(layout.log_spread, layout.push(layout.log_spread, turned).T)
        return found

    def fit_spreads(self, t: Floats, steps: int) -> tuple[Floats, Floats]:
        """Fit t, shape (k,), by expectation-maximisation; give it with its standard deviation."""
        layout = self.hierarchy
        sd, number = layout.log_spread_sd, layout.by_class(np.ones(len(layout.leaning)))
        variance = np.zeros(len(layout.leaning))
        for _ in range(max(steps, 1)):
            root, center = self.given(t)
            variance = np.diag(invert(root))[layout.leaning]
            if not steps:
                break
            square = layout.by_class(center[layout.leaning] ** 2 + variance) * np.exp(2 * t)
            for _ in range(20):  # of Newton's method, for each class by itself
                lean = square * np.exp(-2 * t)
                slope = lean - number - (t - layout.log_spread) / sd**2
                t = t + np.clip(slope / (2 * lean + 1 / sd**2), -0.5, 0.5)
                # A source that fits no class can have its normal far out, and would take the spread with it.
                t = np.clip(t, layout.log_spread - FURTHEST * sd, layout.log_spread + FURTHEST * sd)
        known = layout.by_class((1 - np.minimum(variance, 1)) ** 2)
        return t, 1 / np.sqrt(1 / sd**2 + 2 * known)

    def draw(self, t: Floats, t_sd: Floats, draws: int, rng: np.random.Generator) -> Floats:
        """Draw spreads, and given them all else; shape (draws, p + k), standardised."""
        from scipy.linalg import solve_triangular

        size, layout = len(self.x), self.hierarchy
        most = 64 if size <= 200 else 16 if size <= 800 else 2
        kinds = max(k for k in range(1, most + 1) if draws % k == 0)
        each = draws // kinds
        of_spreads = normal_points(max(kinds, 8), len(t), rng)[:kinds]
        unit = normal_points(draws, size, rng)
        found = np.empty((draws, layout.size))
        for k in range(kinds):
            mine = slice(k * each, (k + 1) * each)
            here = t + t_sd * of_spreads[k]
            root, center = self.given(here)
            found[mine, :size] = center + solve_triangular(root, unit[mine].T, lower=True, trans="T").T
            found[mine, size:] = (here - layout.log_spread) / layout.log_spread_sd
        return found


def flatten(matrix: Floats) -> Floats:
    """Take away from a matrix what is curved upwards."""
    level, axes = np.linalg.eigh(matrix)
    found: Floats = matrix - (axes * np.minimum(level, 0.0)) @ axes.T
    return found


def _cholesky(curvature: Floats) -> Floats:
    """Lower factor with the prior's precision added; where the evidence is curved upwards, more and more of that."""
    ridge, one = 1.0, np.eye(len(curvature))
    while True:
        with contextlib.suppress(np.linalg.LinAlgError):
            return np.asarray(np.linalg.cholesky(curvature + ridge * one), dtype=np.float64)
        ridge = 1.125 if ridge == 1.0 else 2 * ridge - 1.0


def invert(root: Floats) -> Floats:
    """Give the inverse of a matrix by its lower Cholesky factor."""
    from scipy.linalg.lapack import dpotri

    upper, _ = dpotri(root, lower=1)
    found: Floats = np.tril(upper) + np.tril(upper, -1).T
    return found
