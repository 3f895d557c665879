# SPDX-License-Identifier: MIT
"""What the estimates would be without each source: the model fitted anew to all other claims."""

from __future__ import annotations

import html
import warnings
from collections.abc import Iterable
from concurrent.futures import Executor
from typing import Any, Literal

import attrs
import numpy as np

from reconcile.claims import Corpus
from reconcile.errors import Unidentified
from reconcile.estimates import headline, html_table, name_peaks, span
from reconcile.inference.fit import Fit, fit
from reconcile.plumbing import check, count_of, to_frame
from reconcile.pmf import PMF
from reconcile.posterior import Posterior, estimate_again
from reconcile.vocabulary import Quantity, Source

__all__ = ["SourceOmission", "SourceOmissions", "leave_one_source_out"]

COLUMNS = (
    "source", "removed", "quantity", "median", "peaks", "median_without", "peaks_without", "shift", "low_without",
    "high_without", "level", "distance",
)  # fmt: skip
MOST = 12  # effects that are told in words
# Sources from which more draws are made of all claims first, times as many, and claims up to which that is done.
SEVERAL, TIMES, FEW = 4, 3, 1_000
UNSURE = 0.06  # standard error of a probability that is enough, since a difference has that of the whole besides
NOTHING = 0.01  # distance of two estimates up to which they are told as equal, at least


@attrs.frozen(eq=False)
class SourceOmission:
    """The estimates without one source.

    Attributes
    ----------
    source : Source
    removed : tuple of str
        Ids of the claims that are gone: its own, and relays that quote it.
    posterior : Posterior or None
        Without them; None where no claim is left.
    """

    source: Source
    removed: tuple[str, ...]
    posterior: Posterior | None

    def without(self, quantity: Quantity) -> PMF | None:
        """Estimate of a count without the source; None where nobody else speaks of it."""
        if self.posterior is None or quantity not in self.posterior:
            return None
        return self.posterior[quantity].distribution


@attrs.frozen(eq=False, repr=False)
class SourceOmissions:
    """The estimates without each of several sources.

    Attributes
    ----------
    posterior : Posterior
        With all sources.
    omissions : tuple of SourceOmission
        By name of the source.
    """

    posterior: Posterior
    omissions: tuple[SourceOmission, ...]

    def rows(self, level: float = 0.9) -> list[dict[str, object]]:
        """Give a plain row for each source and count.

        Parameters
        ----------
        level : float
            Probability of the equal-tailed interval.

        Returns
        -------
        list of dict
            With keys source, removed (number of claims), quantity, median, peaks (see `Posterior.rows`),
            median_without, peaks_without, shift (by how much the source moves the median), low_without, high_without,
            level, distance (largest difference between the two cumulative distributions). None where nobody else
            speaks of the count.
        """
        found: list[dict[str, object]] = []
        for one in self.omissions:
            for quantity in self.posterior:
                mine, other = self.posterior[quantity].distribution, one.without(quantity)
                low, high = other.eti(level) if other else (None, None)
                found.append(
                    {
                        "source": one.source.name,
                        "removed": len(one.removed),
                        "quantity": str(quantity),
                        "median": mine.median(),
                        "peaks": name_peaks(mine),
                        "median_without": other.median() if other else None,
                        "peaks_without": name_peaks(other) if other else None,
                        "shift": mine.median() - other.median() if other else None,
                        "low_without": low,
                        "high_without": high,
                        "level": level,
                        "distance": _distance(mine, other) if other else None,
                    }
                )
        return found

    def to_frame(self, backend: Literal["pandas", "polars", "pyarrow"] = "pandas", *, level: float = 0.9) -> Any:
        """Give `rows` as a dataframe.

        Raises
        ------
        MissingDependency
            If the backend is not installed.
        """
        return to_frame(self.rows(level), COLUMNS, backend)

    def _notable(self) -> list[tuple[float, SourceOmission, Quantity, PMF]]:
        """List the counts that others speak of too and that move, by how far; the farthest first."""
        found = [
            (_distance(self.posterior[quantity].distribution, other), one, quantity, other)
            for one in self.omissions
            for quantity in self.posterior
            if (other := one.without(quantity)) is not None
        ]
        return sorted((effect for effect in found if effect[0] > self._least()), key=lambda effect: -effect[0])

    def __str__(self) -> str:
        if not self.omissions:
            return "No source was left out."
        effects = self._notable()
        lines = [self._summary(effects)]
        for distance, one, quantity, other in effects[:MOST]:
            mine = self.posterior[quantity].distribution
            lines.append(
                f"  {quantity} without {one.source} ({count_of(len(one.removed), 'claim')}): {span(other)};"
                f" with it {span(mine)}; distance {distance:.2f}"
            )
        if len(effects) > MOST:
            lines.append(f"  and {count_of(len(effects) - MOST, 'smaller effect')}")
        alone = {
            quantity: one.source
            for one in self.omissions
            for quantity in self.posterior
            if one.without(quantity) is None
        }
        if alone:
            lines.append("Rests on one source alone:")
            lines += [f"  {quantity}: {source}" for quantity, source in alone.items()]
        lines.append(
            "Each line is a fit of the model to all other claims; distance is the largest difference between two"
            f" cumulative distributions. Below {self._least():.2f} it may come from drawing, and is not shown."
        )
        return "\n".join(lines)

    def _summary(self, effects: list[tuple[float, SourceOmission, Quantity, PMF]]) -> str:
        asked = count_of(len(self.omissions), "source")
        if not effects:
            return f"No estimate moves, beyond the error of drawing, as one of {asked} is left out."
        _, one, quantity, other = effects[0]
        mine = self.posterior[quantity].distribution
        return (
            f"Of {asked}, {one.source} moves an estimate most: {quantity} is estimated at {headline(mine)} with it and"
            f" at {headline(other)} without it."
        )

    def _least(self) -> float:
        """Distance up to which two estimates are told as equal: two standard errors, from both."""
        errors = [one.posterior.diagnostics.error for one in self.omissions if one.posterior is not None]
        return max(NOTHING, 2 * float(np.hypot(self.posterior.diagnostics.error, max(errors, default=0.0))))

    def __repr__(self) -> str:
        return f"<SourceOmissions of {count_of(len(self.omissions), 'source')}>"

    def _repr_html_(self) -> str:
        effects = self._notable()
        rows = [
            (
                one.source,
                len(one.removed),
                quantity,
                span(self.posterior[quantity].distribution),
                span(other),
                f"{d:.2f}",
            )
            for d, one, quantity, other in effects[:MOST]
        ]
        header = ("without", "claims removed", "quantity", "with it", "without it", "distance")
        said = html.escape(self._summary(effects)) if self.omissions else "No source was left out."
        return f"<p>{said}</p>" + html_table(header, rows, of=len(effects))


def leave_one_source_out(
    posterior: Posterior, sources: Iterable[str | Source] | None = None, *, executor: Executor | None = None
) -> SourceOmissions:
    """Estimate without each source in turn, from all other claims, with the same settings.

    The draws that all claims gave are weighted for the others where that tells enough; else the model is fitted anew.
    With a source go the relays that quote it; see `Corpus.without`. Other than in `explain`, all of its claims go,
    about whatever count, and all that they taught.

    Parameters
    ----------
    posterior : Posterior
    sources : iterable of str or Source, optional
        Which to leave out; default all that speak for themselves.
    executor : concurrent.futures.Executor, keyword, optional
        See `estimate`.

    Returns
    -------
    SourceOmissions

    Raises
    ------
    InvalidValue
        For a source that made no claim.

    Examples
    --------
    >>> import reconcile as rc
    >>> clash = rc.Event("clash").killed()
    >>> claims = [rc.Claim(clash, rc.Exactly(n), rc.Source(s)) for n, s in [(5, "ministry"), (9, "monitor")]]
    >>> found = rc.leave_one_source_out(rc.estimate(claims))
    >>> [(row["source"], row["median_without"]) for row in found.rows()]
    [('ministry', 9), ('monitor', 5)]
    """
    check(isinstance(posterior, Posterior), "leave_one_source_out(posterior)", posterior, "what estimate gives")
    known = posterior.corpus_fit.names
    wanted = known if sources is None else [one.name if isinstance(one, Source) else one for one in sources]
    by_name = {source.name: source for source in posterior.corpus_fit.columns.sources}
    names, found = [*dict.fromkeys(wanted)], []
    near = _more_draws(posterior, executor) if len(names) >= SEVERAL else posterior.corpus_fit.fit
    for name in names:
        rest = posterior.corpus.without(name)
        left = {claim.id for claim in rest.claims}
        removed = tuple(claim.id for claim in posterior.corpus.ordered if claim.id not in left)
        found.append(SourceOmission(by_name[name], removed, _again(posterior, rest, near, executor)))
    return SourceOmissions(posterior, tuple(sorted(found, key=lambda one: one.source.name)))


def _more_draws(posterior: Posterior, executor: Executor | None) -> Fit:
    """Draw more, once: weighted for the claims of all but one source, they are to tell as much as those of a fit."""
    asked, found = posterior.settings, posterior.corpus_fit.fit
    if found.way != "chains" or len(found.problem.source) > FEW:
        return found
    draws = TIMES * len(found.z)
    more = fit(found.problem, seed=asked.seed, draws=draws, ess=asked.ess, near=found, executor=executor)
    return more.thinned(TIMES)


def _again(posterior: Posterior, rest: Corpus, near: Fit, executor: Executor | None) -> Posterior | None:
    if not len(rest):
        return None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", Unidentified)  # known of the whole, or what leaving out is to show
        return estimate_again(posterior, rest, near=near, error=UNSURE, executor=executor)


def _distance(one: PMF, other: PMF) -> float:
    """Largest difference between two cumulative distributions."""
    at = np.union1d(one.lattice.high, other.lattice.high)
    return float(np.max(np.abs(one.cdf(at) - other.cdf(at))))
