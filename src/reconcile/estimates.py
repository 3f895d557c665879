# SPDX-License-Identifier: MIT
"""What comes out: an estimate with its claims, and how the computing went. Records only."""

from __future__ import annotations

import datetime
import enum
import html
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Literal

import attrs
import numpy as np
from numpy.typing import NDArray

from reconcile.claims import Claim
from reconcile.plumbing import check, count_of, rebuilding_repr, refuse_old_names
from reconcile.plumbing import html_table as html_table  # noqa: PLC0414  told on to the rooms above
from reconcile.pmf import PMF, Mode, Peak
from reconcile.vocabulary import Quantity, Relation, Source, relate

__all__ = ["ClaimRole", "Diagnostics", "Estimate", "ParameterEstimate", "Role", "Settings", "SourceEstimate"]

if not TYPE_CHECKING:  # a type checker would take every name for one of the module
    __getattr__ = refuse_old_names(__name__)


class Role(enum.StrEnum):
    """What a claim does for the estimate."""

    USED = "used"
    EARLIER = "earlier"
    RELAY = "relay"
    DUPLICATE = "duplicate"
    SUPERSEDED = "superseded"
    LATER = "reported after the day asked for"
    UNDATED = "undated, and a day was asked for"

    @property
    def used(self) -> bool:
        """Whether the estimate is computed from the claim: as what its source says, or as what it said before."""
        return self in (Role.USED, Role.EARLIER)

    @property
    def heard(self) -> bool:
        """Whether the claim had been made by the day asked for, as far as is known."""
        return self not in (Role.LATER, Role.UNDATED)


@attrs.frozen(repr=False)
class ClaimRole:
    """A claim and what it does for the estimate.

    Attributes
    ----------
    claim : Claim
    role : Role
    origin : Source
        Who is speaking: the claim's source, or the one that it quotes.
    by : str or None
        The claim that stands in its place: its origin, its successor, or the one it repeats.
    note : str
        In words, where there is more to say.
    """

    claim: Claim
    role: Role
    origin: Source
    by: str | None = None
    note: str = ""

    __repr__ = rebuilding_repr

    @property
    def relation(self) -> Relation:
        """How the speaker stands to the people counted."""
        return relate(self.origin, self.claim.quantity)

    def __str__(self) -> str:
        whom = f" ({self.by})" if self.by else ""
        return f"{self.claim}: {self.role}{whom}{'; ' + self.note if self.note else ''}"


def readable(pmf: PMF, level: float = 0.9) -> tuple[int, int, int]:
    """Give median and equal-tailed interval for people to read; see `Estimate.readable`."""
    low, high = pmf.eti(level)
    median, width = pmf.median(), high - low
    down, up = _step(low, width), _step(high, width)
    return _round(median, width), down * (low // down), -up * (-high // up)


def _step(n: int, width: int) -> int:
    return int(10 ** max(min(len(str(width)) - 3, len(str(n)) - 2), 0))


def _round(n: int, width: int) -> int:
    return _step(n, width) * round(n / _step(n, width))


def headline(pmf: PMF, level: float = 0.9) -> str:
    """Write the median, rounded as in `readable`; where it lies in a valley, the peaks: "3 or 17"."""
    low, high = pmf.eti(level)
    return _either(f"{_round(peak.count, high - low):,}" for peak in pmf.peaks())


def name_peaks(pmf: PMF) -> str:
    """Write the peaks with their probabilities where the median lies in a valley; else nothing.

    For a column of a table: numbers are not rounded and have no commas.
    """
    peaks = pmf.peaks()
    return _either(f"{one.count} ({100 * one.probability:.0f} %)" for one in peaks) if len(peaks) > 1 else ""


def _either(said: Iterable[str]) -> str:
    """Join alternatives in the order in which they come."""
    *first, last = said
    return f"{', '.join(first)} or {last}" if first else last


def span(pmf: PMF, level: float = 0.9) -> str:
    """Write median, or peaks where it lies in a valley, and interval, as people read them."""
    _, low, high = readable(pmf, level)
    return f"{headline(pmf, level)} ({100 * level:g} % {low:,}-{high:,})"


def _rounded(n: int) -> int:
    """Keep two digits."""
    step = int(10 ** max(len(str(n)) - 2, 0))
    return step * round(n / step)


@attrs.frozen(repr=False, eq=False)
class Estimate:
    """What the claims say about one quantity: a probability for every count.

    Attributes
    ----------
    quantity : Quantity
    distribution : PMF
        The posterior.
    roles : tuple of ClaimRole
        The claims about this quantity, and what each does.
    contradiction : str
        In words, where claims about this count lie so far apart that at least one of them must be far off.

    Examples
    --------
    >>> import reconcile as rc
    >>> market = rc.Event("market").killed()
    >>> posterior = rc.estimate([rc.Claim(market, rc.Exactly(3), rc.Source("monitor"))])
    >>> posterior[market].median()
    3
    """

    quantity: Quantity
    distribution: PMF
    roles: tuple[ClaimRole, ...]
    contradiction: str = ""

    @property
    def modes(self) -> tuple[Mode, ...]:
        """Hills of the distribution that are apart, see `PMF.modes`; more than one where the claims leave it open.

        The median may lie on one of them. Where it lies between them, `peaks` are what to name.
        """
        return self.distribution.modes

    def peaks(self) -> tuple[Peak, ...]:
        """Give the counts to name in place of a median that lies in a valley; a single peak where it does not.

        See `PMF.peaks`. Texts and tables name them: "3 or 17".

        Examples
        --------
        >>> import reconcile as rc
        >>> clash = rc.Event("clash").killed()
        >>> said = [("ministry", 3), ("monitor", 17)]
        >>> estimate = rc.estimate([rc.Claim(clash, rc.Exactly(n), rc.Source(name)) for name, n in said])[clash]
        >>> [peak.count for peak in estimate.peaks()]
        [3, 17]
        """
        return self.distribution.peaks()

    @property
    def unresolved(self) -> str:
        """What one interval would hide, in words: a distribution in two parts, or claims that contradict each other.

        Empty where there is nothing to say.
        """
        parts = []
        peaks = self.peaks()
        if len(peaks) > 1:
            low, high = self.eti()
            said = (f"about {_round(one.count, high - low):,} ({100 * one.probability:.0f} %)" for one in peaks)
            parts.append(f"unresolved: either {_either(said)}")
        elif len(self.modes) > 1:
            every = [f"about {_rounded(one.median):,} ({100 * one.probability:.0f} %)" for one in self.modes]
            parts.append(f"unresolved: either {' or '.join(every)}")
        if self.contradiction:
            parts.append(self.contradiction)
        return "; ".join(parts)

    @property
    def claims(self) -> tuple[Claim, ...]:
        """The claims about this quantity, whatever their role."""
        return tuple(role.claim for role in self.roles)

    @property
    def origins(self) -> int:
        """Number of independent origins: distinct speakers of the claims that are used."""
        return len({role.origin.name for role in self.roles if role.role is Role.USED})

    def pmf(self, n: int | NDArray[np.integer]) -> NDArray[np.float64]:
        """Probability that the count is `n`."""
        return self.distribution.pmf(n)

    def cdf(self, n: float | NDArray[np.generic]) -> NDArray[np.float64]:
        """Probability that the count is at most `n`."""
        return self.distribution.cdf(n)

    def ccdf(self, n: float | NDArray[np.generic]) -> NDArray[np.float64]:
        """Probability that the count is more than `n`."""
        return self.distribution.ccdf(n)

    def icdf(self, p: float) -> int:
        """Give the smallest count with a probability of at least `p` (0 to 1) at or below it."""
        return self.distribution.icdf(p)

    def mean(self) -> float:
        """Expected count; nan, with the warning `HeavyTail`, where it rests on a thin tail. See `PMF.mean`."""
        return self.distribution.mean()

    def median(self) -> int:
        """Give the count with at least half the probability on either side."""
        return self.distribution.median()

    def mode(self) -> int:
        """Give the most probable count."""
        return self.distribution.mode()

    def variance(self) -> float:
        """Variance of the count; nan where the mean is."""
        return self.distribution.variance()

    def entropy(self) -> float:
        """Entropy in nats."""
        return self.distribution.entropy()

    def sample(
        self, size: int = 1, *, seed: int | np.random.Generator | None = None, **old: object
    ) -> NDArray[np.int64]:
        """Draw counts; shape (size,)."""
        return self.distribution.sample(size, seed=seed, **old)

    def eti(self, p: float = 0.9) -> tuple[int, int]:
        """Give the equal-tailed interval that holds at least `p` of the probability, both ends counted in."""
        return self.distribution.eti(p)

    def hdi(self, p: float = 0.9) -> tuple[int, int]:
        """Give the narrowest interval that holds at least `p` of the probability, both ends counted in."""
        return self.distribution.hdi(p)

    def readable(self, level: float = 0.9) -> tuple[int, int, int]:
        """Give median and equal-tailed interval without digits that mean nothing, for people to read.

        Numbers are rounded to three digits of the interval's width, but keep two of their own; the ends are rounded
        outwards, so that the interval holds no less. Where there are several `peaks`, name these and not the median.
        """
        return readable(self.distribution, level)

    def __str__(self) -> str:
        _, low, high = self.readable()
        claims, sources = count_of(len(self.roles), "claim"), count_of(self.origins, "independent source")
        number = f"{headline(self.distribution)} {self.quantity.outcome} (90 % {low:,}-{high:,})"
        whence = f"from {claims} by {sources}" if self.roles else "from claims about other counts"
        return f"{number}, {whence}{f'; {self.unresolved}' if self.unresolved else ''}"

    def __repr__(self) -> str:
        return f"<Estimate of {self.quantity}: {self}>"

    def _repr_html_(self) -> str:
        rows = [(role.claim.source, role.claim.value, role.role, role.note) for role in self.roles]
        title = f"<p><strong>{html.escape(str(self.quantity))}</strong>: {html.escape(str(self))}</p>"
        return title + html_table(("source", "claims", "role", "note"), rows)


@attrs.frozen(eq=False, repr=False)
class ParameterEstimate:
    """What the claims say about one parameter of a source: draws from its posterior, each as good as any other.

    Attributes
    ----------
    draws : ndarray, shape (draws,)
    """

    draws: NDArray[np.float64]

    def mean(self) -> float:
        """Posterior mean."""
        return float(self.draws.mean())

    def median(self) -> float:
        """Posterior median, which one draw far out does not move."""
        return float(np.median(self.draws))

    def eti(self, p: float = 0.9) -> tuple[float, float]:
        """Give the equal-tailed interval of probability `p`."""
        check(0 < p < 1, "eti(p)", p, "a probability between 0 and 1, such as 0.9")
        low, high = np.quantile(self.draws, [(1 - p) / 2, (1 + p) / 2])
        return float(low), float(high)

    def __str__(self) -> str:
        low, high = self.eti()
        return f"{self.median():.2f} (90 % {low:.2f} to {high:.2f})"

    def __repr__(self) -> str:
        return f"<ParameterEstimate: {self}>"


@attrs.frozen(eq=False, repr=False)
class SourceEstimate:
    """What the claims say about one source.

    Attributes
    ----------
    source : Source
    claims : int
        How many of its claims were used.
    draws : mapping of (parameter, relation or None) to ndarray, shape (draws,)
        Posterior draws as they stand in the model: probabilities as logits, the spread as its logarithm.
    """

    source: Source
    claims: int
    draws: Mapping[tuple[str, Relation | None], NDArray[np.float64]]

    @property
    def bias(self) -> dict[Relation, ParameterEstimate]:
        """Mean log ratio of figure to truth by relation, for figures neither exact, nor denied, nor gross errors."""
        return {where: ParameterEstimate(x) for (name, where), x in self.draws.items() if name == "bias" and where}

    @property
    def denial(self) -> dict[Relation, ParameterEstimate]:
        """Probability to deny deaths, by relation to the people counted."""
        return {where: _chance(x) for (name, where), x in self.draws.items() if name == "denial" and where}

    @property
    def spread(self) -> ParameterEstimate | None:
        """Scale of the log ratio of figure to truth, for the same figures; None of a channel of one's own."""
        found = self.draws.get(("log_spread", None))
        return None if found is None else ParameterEstimate(np.exp(found))

    @property
    def fidelity(self) -> ParameterEstimate | None:
        """Probability that a single death is reported as exactly one; None, as below, of who gives shares alone."""
        return self._chance("fidelity")

    @property
    def gross(self) -> ParameterEstimate | None:
        """Probability that an inexact figure is about something else."""
        return self._chance("gross")

    @property
    def heaping(self) -> ParameterEstimate | None:
        """Probability to round; None where no claim could have been rounded."""
        return self._chance("heaping")

    @property
    def copying(self) -> ParameterEstimate | None:
        """Probability to repeat an earlier claim; None where there was none to repeat."""
        return self._chance("copying")

    def _chance(self, name: str) -> ParameterEstimate | None:
        found = self.draws.get((name, None))
        return None if found is None else _chance(found)

    def __str__(self) -> str:
        parts = [f"bias, {where}: {one}" for where, one in self.bias.items()]
        parts += [f"{name}: {one}" for name in ("spread", "fidelity") if (one := getattr(self, name)) is not None]
        return f"{self.source}: {'; '.join(parts) or 'nothing is asked of it'}"

    def __repr__(self) -> str:
        return f"<SourceEstimate of {self}>"


def _chance(logits: NDArray[np.float64]) -> ParameterEstimate:
    return ParameterEstimate(1 / (1 + np.exp(-logits)))


@attrs.frozen(eq=False)
class Diagnostics:
    """How the computing went, and what a reader should know of the claims.

    Attributes
    ----------
    engines : mapping of quantity key to str
        ``"exact"`` (sum-product) or ``"gibbs"`` (sampling; the account is no tree).
    way : {"prior points", "chains", "Laplace", "reweighted"}
        How the parameters were drawn; see `fit`. It is the same posterior, whichever way.
    draws : int
        Draws of the parameters.
    ess : float
        Effective sample size of these draws: of chains, the number that 95 % of parameters reach.
    rhat : float
        Of chains: split, rank-normalised R-hat that 95 % of parameters stay below; else nan.
    khat : float
        Of weighted points and draws: Pareto shape of the weights, above .7 not to be trusted; else -inf.
    error : float
        Largest estimated standard error of any probability that is reported.
    notes : tuple of str
        In plain words: contradictions, ambiguous order of claims, doubtful computing.
    """

    engines: Mapping[str, str]
    way: Literal["prior points", "chains", "Laplace", "reweighted"]
    draws: int
    ess: float
    rhat: float
    khat: float
    error: float
    notes: tuple[str, ...]


@attrs.frozen
class Settings:
    """How `estimate` was asked to work, apart from claims and model: with these, the same numbers come out again.

    Attributes
    ----------
    as_of : date, datetime or None
        The day of which the estimate is.
    seed : int
        Seed of the draws of source parameters. Where a generator was given, it is drawn from that.
    draws : int or None
    ess : float
    learn : bool
    looked_until : date, datetime or None
        Until when newest figures are known to stand.
    """

    as_of: datetime.date | None
    seed: int
    draws: int | None
    ess: float
    learn: bool
    looked_until: datetime.date | None = None
