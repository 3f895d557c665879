# SPDX-License-Identifier: MIT
"""The records of an explanation: what each claim did, as text, as a table, as HTML."""

from __future__ import annotations

import html
from typing import Any, Literal

import attrs
import numpy as np

from reconcile.estimates import ClaimRole, Estimate, Role, html_table, name_peaks, span
from reconcile.inference.fit import COARSE
from reconcile.influence.words import describe_prior, in_digits, percent, rounded, tell
from reconcile.plumbing import count_of, to_frame
from reconcile.pmf import PMF
from reconcile.values import AtLeast, AtMost
from reconcile.vocabulary import Quantity

__all__ = ["Bearing", "Explanation", "SourceBearing"]

NOTHING = 5e-4  # nats below which a claim moved nothing
KNOWN = 0.10  # standard error of a probability, and of a share as a part of all, beyond which nothing is told
FAR_OUT = 0.05  # probability of so extreme a figure, given the others, below which a claim pulls against them


@attrs.frozen(eq=False)
class Bearing:
    """What one claim does for an estimate.

    Attributes
    ----------
    role : ClaimRole
    reading : str
        As what the value was read.
    trust : str
        What is assumed or known of the source.
    without : PMF or None
        The estimate without this claim and those that it stands for; None for a claim that is not used, and where it is
        not `known`.
    shift : int or nan
        By how much the claim moves the median.
    log_shift : float
        By how much it moves the mean of the logarithm of count + 1/2.
    nats : float
        Kullback-Leibler divergence of the estimate from the one without the claim.
    share, share_error : float
        Its Shapley share of the information, in nats, and the standard error of it, from the spread between orders of
        the claims and between draws; 0 for a claim that is not used.
    part_error : float
        Standard error of it as a part of the information, from 0 to 1.
    place : float
        Probability, given the other claims, that this source would give a lower figure, and half of that of an equal
        one (mid-p).
    tail : float
        Probability of a figure at least as extreme, on either side; of one that a floor or a ceiling allows.
    surprise : float
        Negative log probability of the value given the other claims, in nats.
    agreement : float
        How much likelier the other claims make the value, in nats; below 0 they speak against it.
    copied : float
        Probability that it is a copy of an earlier claim.
    error : float
        Largest standard error of a cumulative probability of the estimate, with it or without; 0 where it is exact.
    """

    role: ClaimRole
    reading: str = ""
    trust: str = ""
    without: PMF | None = None
    shift: float = 0
    log_shift: float = 0.0
    nats: float = 0.0
    share: float = 0.0
    share_error: float = 0.0
    part_error: float = 0.0
    place: float = np.nan
    tail: float = np.nan
    surprise: float = np.nan
    agreement: float = np.nan
    copied: float = 0.0
    error: float = 0.0

    @property
    def used(self) -> bool:
        """Whether it stands for itself."""
        return self.role.role.used

    @property
    def known(self) -> bool:
        """Whether the estimate without it is known well enough to be told: to 10 points."""
        return self.error <= KNOWN

    @property
    def against(self) -> bool:
        """Whether it pulls against the others: they make it less likely, and a figure so extreme has less than 5 %."""
        return bool(self.tail < FAR_OUT and self.agreement < 0)


@attrs.frozen(eq=False)
class SourceBearing:
    """What all claims of one source do for an estimate.

    Attributes
    ----------
    name : str
    claims : int
        Number of its claims that are used.
    without, shift, log_shift, nats, share, error
        As in `Bearing`; the share is the sum over its claims.
    """

    name: str
    claims: int
    without: PMF | None = None
    shift: float = 0
    log_shift: float = 0.0
    nats: float = 0.0
    share: float = 0.0
    error: float = 0.0

    @property
    def known(self) -> bool:
        """See `Bearing.known`."""
        return self.error <= KNOWN


@attrs.frozen(eq=False, repr=False)
class Explanation:
    """Where an estimate comes from.

    Attributes
    ----------
    estimate : Estimate
    before : PMF
        What is assumed of the count before any of these claims.
    claims : tuple of Bearing
        One for each claim about this count or a linked one: first those that are used, by share.
    sources : tuple of SourceBearing
    information : float
        Kullback-Leibler divergence of the estimate from `before`, in nats: what the shares add up to.
    origins : int
        Number of independent origins of the claims about this count.
    effective_origins : float
        The same, each counted with the probability that it observed for itself and did not copy.
    assumptions : tuple of str
    notes : tuple of str
        How it was computed.
    """

    estimate: Estimate
    before: PMF
    claims: tuple[Bearing, ...]
    sources: tuple[SourceBearing, ...]
    information: float
    origins: int
    effective_origins: float
    assumptions: tuple[str, ...]
    notes: tuple[str, ...]

    @property
    def distribution(self) -> PMF:
        """The estimate. Those without some claims are computed apart from it, see `notes`."""
        return self.estimate.distribution

    @property
    def quantity(self) -> Quantity:
        """What is counted."""
        return self.estimate.quantity

    @property
    def unresolved(self) -> str:
        """See `Estimate.unresolved`."""
        return self.estimate.unresolved

    def rows(self, level: float = 0.9) -> list[dict[str, object]]:
        """Give a plain row for each claim.

        Parameters
        ----------
        level : float
            Probability of the equal-tailed interval without the claim.

        Returns
        -------
        list of dict
            With keys id, quantity, source, value, hedged, reported, role, by, reading, median_without, peaks_without
            (see `Posterior.rows`), low_without, high_without, shift, log_shift, nats, share, share_error, place, tail,
            surprise, agreement, copied, error, against.
        """
        found: list[dict[str, object]] = []
        for one in self.claims:
            claim, without = one.role.claim, one.without
            low, high = without.eti(level) if without else (None, None)
            found.append(
                {
                    "id": claim.id,
                    "quantity": str(claim.quantity),
                    "source": claim.source.name,
                    "value": str(claim.value),
                    "hedged": claim.hedged,
                    "reported": None if claim.reported is None else str(claim.reported),
                    "role": str(one.role.role),
                    "by": one.role.by,
                    "reading": one.reading,
                    "median_without": without.median() if without else None,
                    "peaks_without": name_peaks(without) if without else None,
                    "low_without": low,
                    "high_without": high,
                    **{name: getattr(one, name) for name in _NUMBERS},
                    "against": one.against,
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

    def __str__(self) -> str:
        lines = [f"{self.quantity}", f"Estimate: {self._headline()}", ""]
        lines.append(f"Before any claim: {describe_prior(self.before)}")
        lines += [f"  {said}" for said in self.assumptions]
        used = [one for one in self.claims if one.used]
        lines += ["", f"What the claims say ({count_of(len(used), 'claim')} used, of {len(self.claims)}):"]
        for number, one in enumerate(self.claims, start=1):
            lines += ["", f"[{number}] {tell(one.role, self.quantity)}", *(f"    {said}" for said in self._lines(one))]
        several = [one for one in self.sources if one.claims > 1]
        if several:
            lines += ["", "Without all claims of one source:"]
            lines += [f"  {one.name} ({count_of(one.claims, 'claim')}): {self._moved(one)}" for one in several]
        lines += ["", "How this was computed:", *(f"  {note}" for note in self.notes)]
        return "\n".join(lines)

    def _headline(self) -> str:
        said = str(self.estimate)
        if not self.origins:
            return said
        return (
            f"{said}\nOrigins: {self.origins}; counted with the chance that each copied: {self.effective_origins:.1f}"
        )

    def knows_share(self, one: Bearing) -> bool:
        """Whether the share of a claim is known well enough to be told: to a tenth of all, or of a nat."""
        return one.share_error <= KNOWN * max(self.information, 1.0)

    def tell_share(self, one: Bearing) -> str:
        """Write the share of a claim in per cent, and how far off it may be; that it is not known where it is not."""
        total = self.information if self.information > 0 else 1.0
        share, error = 100 * one.share / total, 100 * one.part_error
        if not self.knows_share(one):
            return f"not known to {max(100 * one.share_error / total, 1):.0f} %"
        return f"{share:.0f} %" + (f" \u00b1 {error:.0f}" if error >= 1 else "")

    @staticmethod
    def _moved(one: Bearing | SourceBearing) -> str:
        if one.without is None:
            return f"not known to better than {100 * one.error:.0f} points on a probability; see below"
        alone = span(one.without)
        if one.error > COARSE:
            alone += f", to {100 * one.error:.0f} points on a probability"
        if one.nats < NOTHING:
            return f"{alone}, as with it"
        moved = f"moves the median by {in_digits(one.shift)}" if one.shift else "leaves the median"
        mean = f"multiplies the geometric mean by {rounded(float(np.exp(one.log_shift)))}"
        return f"{alone}; with it the estimate is {one.nats:.2f} nats away: it {moved} and {mean}"

    def _lines(self, one: Bearing) -> list[str]:
        if not one.used:
            note = f" ({one.role.note})" if one.role.note else ""
            return [f"{_SILENT[one.role.role].format(by=one.role.by)}{note}. It adds nothing: share 0."]
        lines = [f"Read as {one.reading}.", *([one.trust] if one.trust else [])]
        lines.append(f"Without it: {self._moved(one)}.")
        lines.append(f"Share of the information: {self._part(one)}.")
        if not np.isnan(one.tail):
            times = rounded(np.exp(min(abs(one.agreement), 20)))
            seen = f"make it {'likelier' if one.agreement >= 0 else 'less likely'} ({times} times)"
            if len(self.claims) == 1:
                seen = "are none"
            elif times == "1.00":
                seen = "make it neither likelier nor less likely"
            far = {AtLeast: "so high a floor", AtMost: "so low a ceiling"}
            out = far.get(type(one.role.claim.value), "a figure so far out, on either side,")
            extreme = f"{out} has a chance of {percent(one.tail)} %"
            lines.append(
                f"The other claims {seen}; {extreme}." + (" It pulls against the others." if one.against else "")
            )
        if one.copied >= 0.005:
            order = (
                ""
                if one.role.claim.reported
                else " if it was told later; no date tells, so it may be the other way round"
            )
            lines.append(f"It may be a copy of an earlier claim: {percent(one.copied)} %{order}.")
        return lines

    @staticmethod
    def _alone(one: Bearing) -> str:
        if one.without is None:
            return f"not known to {100 * one.error:.0f} points" if one.used else ""
        return span(one.without)

    def _part(self, one: Bearing) -> str:
        if not self.knows_share(one):
            return f"not known to better than {one.share_error:.2g} of {self.information:.2f} nats"
        share = 100 * one.share / self.information if self.information > 0 else 0.0
        error = f", standard error {one.share_error:.2f}" if one.share_error >= 0.005 else ""
        part = f"{share:.0f} %" if 0 <= share <= 100 else "it leads away" if share < 0 else "others lead away"
        return f"{one.share:.2f} of {self.information:.2f} nats ({part}{error})"

    def __repr__(self) -> str:
        return f"<Explanation of {self.quantity}: {count_of(len(self.claims), 'claim')}>"

    def _repr_html_(self) -> str:
        header = ("claim", "role", "read as", "without it", "median moves", "nats", "share", "chance of so far out")
        rows = []
        for one in self.claims:
            told = one.without is not None
            rows.append(
                (
                    one.role.claim,
                    f"{one.role.role}{f' ({one.role.by})' if one.role.by else ''}",
                    one.reading,
                    self._alone(one),
                    in_digits(one.shift) if told else "",
                    f"{one.nats:.2f}" if told else "",
                    self.tell_share(one),
                    "" if np.isnan(one.tail) else f"{percent(one.tail)} %{' (pulls against)' if one.against else ''}",
                )
            )
        title = f"<p><strong>{html.escape(str(self.quantity))}</strong>: {html.escape(self._headline())}</p>"
        said = [f"Before any claim: {describe_prior(self.before)}", *self.assumptions, *self.notes]
        return title + html_table(header, rows) + "".join(f"<p>{html.escape(line)}</p>" for line in said)


_NUMBERS = (
    "shift", "log_shift", "nats", "share", "share_error", "place", "tail", "surprise", "agreement", "copied",
    "error",
)  # fmt: skip
COLUMNS = (
    "id", "quantity", "source", "value", "hedged", "reported", "role", "by", "reading", "median_without",
    "peaks_without", "low_without", "high_without", *_NUMBERS, "against",
)  # fmt: skip
_SILENT = {
    Role.EARLIER: "Counted as what was known then: the source gave {by} later",
    Role.RELAY: "Not counted: it passes on what {by} says",
    Role.DUPLICATE: "Not counted: the same source says the same in {by}",
    Role.SUPERSEDED: "Not counted: the source replaced it by {by}",
    Role.LATER: "Not counted: it was reported after the day asked for",
    Role.UNDATED: "Not counted: it has no date, and a day was asked for",
}
