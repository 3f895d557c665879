# SPDX-License-Identifier: MIT
"""The statistical model as one frozen bundle: priors, channels, wording, and the evidence for each number.

It is what a paper would print; how hard the computer works is not in it.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Any, NamedTuple, TypeAlias

import attrs
import numpy as np
from numpy.typing import NDArray

from reconcile.channels import Channel, Denial, ShareNoise
from reconcile.plumbing import check, clean_name, count_of
from reconcile.pmf import TOP, Lattice
from reconcile.speech import Speech
from reconcile.vocabulary import Relation, Source, SourceKind

__all__ = ["Assumption", "CountPrior", "KnownCount", "Learned", "Model", "Normal", "Parameter", "RisingToll"]

Floats: TypeAlias = NDArray[np.float64]

_LOG_TOP = float(np.log(TOP + 0.5))


@attrs.frozen
class CountPrior:
    """Prior of a count: zero with a probability of its own, else a log-normal with a broad tail, in whole numbers.

    Parameters
    ----------
    zero : float
        Probability of 0.
    location, scale : float
        Mean and standard deviation of the logarithm of the log-normal, before rounding at the half-integers and
        conditioning on at least 1.
    evidence : str
        Where the numbers come from.
    broad_location, broad_scale, broad : float
        The same for a second, wide log-normal, and its share: wars and disasters beside incidents. Without it a
        single report of 600,000 dead would be taken for a typing slip.
    scale_free : float
        Share of the broad part that is log-uniform from 1 to `TOP` instead, so that a lone claim of any size is
        believed: a count may be of anything.
    """

    zero: float
    location: float
    scale: float
    evidence: str
    broad_location: float = -0.8
    broad_scale: float = 4.65
    broad: float = 0.2
    scale_free: float = 0.1

    def __attrs_post_init__(self) -> None:
        check(0 < self.zero < 1, "CountPrior.zero", self.zero, "a probability between 0 and 1")
        check(0 <= self.broad < 1, "CountPrior.broad", self.broad, "a probability below 1")
        check(0 <= self.scale_free <= 1, "CountPrior.scale_free", self.scale_free, "a share")
        for name in ("location", "broad_location"):
            check(bool(np.isfinite(getattr(self, name))), f"CountPrior.{name}", getattr(self, name), "a finite number")
        for name in ("scale", "broad_scale"):
            check(0 < getattr(self, name) < np.inf, f"CountPrior.{name}", getattr(self, name), "a positive number")

    @property
    def numbers(self) -> str:
        """Its numbers in words: mean and standard deviation of logarithms."""
        return (
            f"0 with probability {self.zero:.3g}; else log-normal({self.location:.3g}, {self.scale:.3g}),"
            f" {100 * self.broad:.3g} % log-normal({self.broad_location:.3g}, {self.broad_scale:.3g}), of which"
            f" {100 * self.scale_free:.3g} % log-uniform"
        )

    @property
    def wide(self) -> tuple[float, float, float]:
        """What of it is not learned: location and scale of the broad part, and how much of that is log-uniform."""
        return self.broad_location, self.broad_scale, self.scale_free

    def mass(self, lattice: Lattice) -> Floats:
        """Probability of each cell, given that the count is at most `TOP`; shape (n,)."""
        from scipy.special import log_ndtr

        low, high = lattice.low.astype(float), lattice.high.astype(float)
        positive, inside = np.zeros(len(lattice)), 0.0
        normal = self.broad * (1 - self.scale_free)
        parts = ((1 - self.broad, self.location, self.scale), (normal, self.broad_location, self.broad_scale))
        for share, location, scale in parts:
            below, above = (-(np.log(np.maximum(n, 1) - 0.5) - location) / scale for n in (low, high + 1))
            every = log_ndtr(-(np.log(0.5) - location) / scale)  # may be far out in the tail, so by logarithms
            positive += share * (np.exp(log_ndtr(below) - every) - np.exp(log_ndtr(above) - every))
            inside += share * -np.expm1(log_ndtr(-(np.log(TOP + 0.5) - location) / scale) - every)
        free = self.broad * self.scale_free
        ends = (np.log(np.maximum(n, 1) - 0.5) for n in (low, high + 1))
        below, above = ((_LOG_TOP - np.minimum(end, _LOG_TOP)) / (_LOG_TOP - np.log(0.5)) for end in ends)
        positive, inside = positive + free * (below - above), inside + free
        return (1 - self.zero) * np.where(high >= 1, positive / inside, 0.0) + np.where(low == 0, self.zero, 0.0)


# Fits of a log-normal rounded at the half-integers to counts of at least 1, unless another evidence is named; the
# broad parts make room for wars and disasters beside incidents. `make evidence` prints them.
COUNT_PRIORS: Mapping[str, CountPrior] = {
    "killed": CountPrior(
        0.1, -0.2, 1.8,
        "log-normal: 1,000 events of UCDP GED; broad part: earthquakes (-0.8, 4.65), which range over "
        "all scales, its share judgement; zeros: 5 % (UCDP GED, Central African Republic) to 41 % (US shootings)",
    ),
    "injured": CountPrior(
        0.16, 1.2, 1.4,
        "location between US shootings (1.16) and Airwars Gaza (1.53), scale Airwars (1.41); broad part: earthquakes "
        "(4.9, 2.4), widened; zeros: 16 % of US shootings",
        4.9, 3.0,
    ),
    "missing": CountPrior(
        0.3, 1.2, 2.3,
        "scale and broad location: Civil War battles (5.1, 2.3); location as injured; zeros: judgement",
        5.1, 3.0,
    ),
    "captured": CountPrior(
        0.3, 1.2, 2.1,
        "scale and broad location: Civil War battles (5.8, 2.1); location as injured; zeros: judgement",
        5.8, 3.0,
    ),
    "displaced": CountPrior(
        0.05, 8.0, 4.0, "judgement, nearly scale-free: from a family to millions; median about 3,000", 10.0, 4.0
    ),
    "casualties": CountPrior(
        0.08, 1.4, 2.0,
        "as injured, a little higher: judgement; broad location: Civil War battles (5.8)",
        5.8, 3.0,
    ),
}  # fmt: skip
OTHER_COUNT = CountPrior(0.1, 2.0, 3.0, "judgement, wide: median 17, 90 % up to 2,500", 7.0, 4.0)
# How far a corpus may move a count prior: standard deviations of the logits of `zero` and `broad`, of the location and
# of the logarithm of the scale. Locations of the fits above differ by 1 to 2 between kinds of data, scales by a
# factor 1.3: judgement, rounded up.
COUNT_DOUBT: Mapping[str, float] = {"zero": 1.0, "location": 1.5, "log_scale": 0.4, "broad": 1.0}
REMAINDER_ZERO = 0.5  # even odds that those whom no claim singles out ("other parties") are nobody: judgement


@attrs.frozen
class KnownCount:
    """What could be known of a count, by all who speak of it alike: an error that no number of sources makes smaller.

    The known count is the truth with probability `exact`; else it is 0 with probability `zero`, nobody having known,
    or off by a factor whose logarithm has Student's t distribution with four degrees of freedom. Where nobody died
    nobody is known to have died. Sources are exact, or not, about the known count.

    Parameters
    ----------
    exact : float
        Probability that the known count is the truth.
    spread : float
        Scale of the logarithm of the factor by which it is off otherwise.
    zero : float
        Probability that, if it is off, nobody is known to have died.
    evidence : str
        Where the numbers come from.

    Raises
    ------
    InvalidValue
        If a probability is not between 0 and 1, or `spread` is not a positive number.

    Examples
    --------
    However many agree, more than one in ten is left in doubt; who would doubt more lowers `exact`:

    >>> import reconcile as rc
    >>> killed = rc.Event("raid").killed()
    >>> claims = [rc.Claim(killed, rc.Exactly(137), rc.Source(f"paper {k}")) for k in range(10)]
    >>> for known in (rc.KnownCount(), rc.KnownCount(exact=0.8)):
    ...     print(f"{rc.estimate(claims, model=rc.Model(known=known))[killed].pmf(137):.2f}")
    0.88
    0.79
    """

    exact: float = 0.89
    spread: float = 0.49
    zero: float = 0.01
    evidence: str = (
        "news of US shootings against the later record, fitted jointly with how exact sites are about what is known:"
        " .91 and .88 on two halves of the incidents, spread .48 and .50, zero .014 and .011; on the half that was not"
        " fitted, a claim among several gains .06 to .08 nats, and a second site is wrong with .51 and .58 if the first"
        " is, where independent errors give .23 and .24 and the claims .51 and .61 (bench/known.py)"
    )

    def __attrs_post_init__(self) -> None:
        for name in ("exact", "zero"):
            check(0 <= getattr(self, name) <= 1, f"KnownCount.{name}", getattr(self, name), "a probability")
        check(0 < self.spread < np.inf, "KnownCount.spread", self.spread, "a positive number")

    @property
    def numbers(self) -> str:
        """Its numbers in words."""
        return (
            f"the truth with probability {self.exact:g}; else 0 with probability {self.zero:g}, or off by a factor"
            f" whose logarithm has scale {self.spread:g}"
        )


# By kind of event, the hours after which the mean of U is ln 2; see `RisingToll`. Fitted to dated reports of 180 events
# by `bench/rising.py`, rounded; of unrest and eruptions there are three and two.
HALF_TIMES: Mapping[str, float] = {
    "attack": 2.0, "crash": 6.0, "accident": 12.0, "fire": 8.0, "entrapment": 16.0, "earthquake": 10.0, "ship": 18.0,
    "flood": 13.0, "storm": 26.0, "unrest": 30.0, "eruption": 12.0,
}  # fmt: skip


@attrs.frozen
class RisingToll:
    """How the known share of a toll rises with time after an event, from nobody to all.

    With U a gamma process of mean ln 2 x (hours / half-time) ** `shape`, the known share is 1 - exp(-U): it never
    falls, stands still for a while and jumps. Half-times of events of one kind differ by log-normal noise.

    Parameters
    ----------
    half_times : mapping of str to float
        By `EventKind`, the hours after which the mean of U is ln 2. Since the toll jumps, half of it is known only half
        as long again after that, in the median.
    other : float
        The same for kinds that have none, such as battles. Where the kind is not said, tolls do not rise.
    doubt, doubt_other : float
        Standard deviation of the logarithm of the half-time of events of one kind, and of other kinds.
    shape : float
        Below 1 the toll rises fast at first and slowly then.
    jump : float
        How large the steps are: of the gamma process, the scale of its increments.
    complete : float
        Probability that all are known from the beginning.
    evidence : str
        Where the numbers come from.

    Raises
    ------
    InvalidValue
        If a half-time, `shape`, `jump` or a doubt is not a positive number, or `complete` no probability.
    """

    half_times: Mapping[str, float] = attrs.field(factory=lambda: dict(HALF_TIMES), converter=dict, hash=False)
    other: float = 12.0
    doubt: float = 0.6
    doubt_other: float = 0.85
    shape: float = 0.6
    jump: float = 0.65
    complete: float = 0.2
    evidence: str = (
        "dated reports of tolls that rose, against the final toll (bench/rising.py): half-times 1.8 (attack) to 33"
        " (unrest) hours, known to a factor of 1.3 to 1.8, shape .59, jumps .65, spread of log half-times .45 within"
        " a kind and .75 over all, to which their own doubt is added; complete at once: .05 of these events, half of"
        " which were found because they rose, and a quarter of 533 others, whose first figure was .97 or more"
    )

    def __attrs_post_init__(self) -> None:
        for kind, hours in self.half_times.items():
            check(0 < hours < np.inf, f"RisingToll.half_times[{kind!r}]", hours, "hours, a positive number")
        for name in ("other", "doubt", "doubt_other", "shape", "jump"):
            check(0 < getattr(self, name) < np.inf, f"RisingToll.{name}", getattr(self, name), "a positive number")
        check(0 <= self.complete < 1, "RisingToll.complete", self.complete, "a probability below 1")

    def half_time(self, kind: str) -> tuple[float, float]:
        """Give the median half-time of a kind of event, in hours, and the standard deviation of its logarithm."""
        if kind in self.half_times:
            return self.half_times[kind], self.doubt
        return self.other, self.doubt_other

    @property
    def numbers(self) -> str:
        """Its numbers in words."""
        hours = ", ".join(f"{kind} {hours:g}" for kind, hours in self.half_times.items())
        return (
            f"hours after which the mean of U is ln 2: {hours}, other {self.other:g}, log-normal by {self.doubt:g}"
            f" (other: {self.doubt_other:g}); shape {self.shape:g}, jumps {self.jump:g}; complete at once with"
            f" probability {self.complete:g}"
        )


@attrs.frozen
class Normal:
    """A normal prior of one source parameter, for a source of which nothing is known but its class.

    Parameters
    ----------
    mean, sd : float
    evidence : str
        Where the numbers come from.
    shared : float
        Share of the variance that all sources of a class have in common, from 0 to below 1; the rest is between the
        sources of a class. A corpus learns the mean of each class and the spread within it. One half is judgement.
    """

    mean: float
    sd: float
    evidence: str
    shared: float = 0.5

    def __attrs_post_init__(self) -> None:
        check(bool(np.isfinite(self.mean)), "Normal.mean", self.mean, "a finite number")
        check(0 < self.sd < np.inf, "Normal.sd", self.sd, "a positive number")
        check(0 <= self.shared < 1, "Normal.shared", self.shared, "a share below 1")

    @property
    def class_sd(self) -> float:
        """Standard deviation of the mean of a class."""
        return self.sd * float(np.sqrt(self.shared))

    @property
    def spread(self) -> float:
        """Standard deviation between the sources of a class; a corpus may learn another one."""
        return self.sd * float(np.sqrt(1 - self.shared))


_RADFORD = "Radford et al. 2023, military deaths: log ratios "
# (parameter, relation or None): those with a relation differ by how the source stands to the victims.
SOURCE_PRIORS: Mapping[tuple[str, Relation | None], Normal] = {
    ("bias", Relation.OWN): Normal(
        -0.3, 0.8, _RADFORD + "-1.27 (Russia) and -0.01 (Ukraine) on own dead; half their mean, since one war is little"
    ),
    ("bias", Relation.ENEMY): Normal(
        0.5, 0.8, _RADFORD + "1.47 (Russia) and 0.66 (Ukraine) on enemy dead; half their mean, as above"
    ),
    ("bias", Relation.RESPONSIBLE): Normal(-0.3, 0.8, "as for own side: judgement, a responsible party plays down"),
    ("bias", Relation.THIRD): Normal(0.0, 0.3, "judgement: neutral on average, within a factor 1.8 in 95 of 100"),
    ("log_spread", None): Normal(
        np.log(0.25), 0.6,
        "spread of unequal reports: .12 (Civil War historians), .43 (shooting news against the later record), 1.15 "
        "(earthquake catalogues, definitions differ); 95 % prior interval .08 to .8",
    ),
    ("fidelity", None): Normal(
        2.7, 1.7, "logits of 3.4 (Iraq Body Count and Airwars: sources disagree on 1.4 to 2 % of single deaths, though "
        "the noise hits one death four times in five), 3.4 (Civil War historians), 2.1 (earthquake catalogues) and 1.6 "
        "(shooting news against the later record): mean 2.6, .9 apart; of 63 pairs of attributed claims in Airwars "
        "incidents only 16 are equal, so 1.2 between classes, and as much between the sources of a class: judgement",
    ),
    ("denial", Relation.OWN): Normal(-2.9, 1.0, "judgement: 5 %"),
    ("denial", Relation.RESPONSIBLE): Normal(-2.9, 1.0, "judgement: 5 %"),
    ("denial", Relation.ENEMY): Normal(-5.5, 1.0, "as for third parties"),
    ("denial", Relation.THIRD): Normal(
        -5.5, 1.0, "mean .6 %: a minimum of 0 beside a positive maximum in .6 % of Airwars incidents"
    ),
    ("slope", None): Normal(
        1.1, 0.6, "1.45 by eye through the shares of incidents whose sources disagree in Iraq Body Count (1.4 % of 1 "
        "dead, 10 % of 2-4, 28 % of 5-9, 37 % of 10-24, 79 % of 100 and more) and Airwars Gaza (2 / 25 / 35 / 53 / 75 "
        "%); fits: 1.05 (Civil War historians), .6 (earthquake catalogues), 1.2 (shooting news)",
    ),
    ("gross", None): Normal(
        -5.8, 1.0, ".3 % of figures that are not exact: ratios beyond 20 between two reports of one quantity are .2 % "
        "(Civil War historians), .4 % (shooting news against the later record), 8 % (earthquake catalogues, where "
        "definitions differ too)",
    ),
    ("copying", None): Normal(
        -2.5, 1.5, "Civil War historians equal an earlier one in 97 % (Greer of Kennedy), 53 % (CWSAC of Kennedy) and "
        "2 % (Bodart of Fox) of common quantities: logits 3.5, .1, -3.9; most sources observe: judgement",
    ),
    ("heaping", None): Normal(
        0.5, 1.5, "28 % (Civil War historians) to 44 % (earthquake catalogues) of figures from 100, about as many as "
        "are not known numbers; .04 to .83 of all figures by historian",
    ),
}  # fmt: skip
PARTY_FIDELITY = Normal(1.7, 1.7, "parties are less exact, by a logit of 1: judgement")
SPREAD_DOUBT = 0.5  # standard deviation of the logarithm of the spread within a class, a factor 1.65: judgement
# A hedge ("believed", "reportedly") multiplies the spread and lowers the logit of fidelity: judgement.
HEDGED_SPREAD, HEDGED_FIDELITY = 1.5, -1.0
_PARTY_KINDS = {SourceKind.GOVERNMENT, SourceKind.ARMED_GROUP}


class Parameter(NamedTuple):
    """Name of something that a corpus can teach.

    Attributes
    ----------
    scope : str
        ``"source"``, ``"class"`` (the mean of a class of sources) or ``"count"`` (of the prior of an outcome).
    owner : str
        Name of the source, the class or the outcome.
    name : str
        Such as ``"bias"``.
    relation : Relation or None
        The relation to the people counted that it is particular to.
    """

    scope: str
    owner: str
    name: str
    relation: Relation | None


@attrs.frozen(eq=False, repr=False)
class Learned:
    """What a corpus has taught: one joint normal of sources, classes and count priors.

    Attributes
    ----------
    names : tuple of Parameter, length p
    mean : ndarray, shape (p,)
    covariance : ndarray, shape (p, p)
    spreads : mapping of Parameter to (mean, standard deviation)
        Of the logarithm of the spread within each class.
    seen : frozenset of str
        Ids of the claims that it was learned from, and that must not be counted twice.
    """

    names: tuple[Parameter, ...]
    mean: Floats
    covariance: Floats
    spreads: Mapping[Parameter, tuple[float, float]]
    seen: frozenset[str] = frozenset()

    @functools.cached_property
    def places(self) -> dict[Parameter, int]:
        """Where each name stands."""
        return {name: k for k, name in enumerate(self.names)}

    def normal(self, parameter: Parameter) -> tuple[float, float] | None:
        """Mean and standard deviation of a parameter, or None where nothing was learned of it."""
        at = self.places.get(parameter)
        return None if at is None else (float(self.mean[at]), float(np.sqrt(self.covariance[at, at])))

    def __repr__(self) -> str:
        sources = len({name.owner for name in self.names if name.scope == "source"})
        return f"<Learned: {count_of(sources, 'source')}, from {count_of(len(self.seen), 'claim')}>"


@attrs.frozen
class Assumption:
    """One number of the model, in words, with its evidence."""

    what: str
    number: str
    evidence: str


def _clean_anchors(given: Any) -> dict[str, float]:
    """Clean names as `Source` does, so that they match."""
    allowed = 'a mapping of names of sources to standard deviations, such as {"hospital": 0.1}'
    check(isinstance(given, Mapping), "Model.anchors", given, allowed)
    clean = clean_name("Model.anchors (name of a source)")
    return {clean(name): sd for name, sd in dict(given).items()}


@attrs.frozen
class Model:
    """What is assumed before any claim is heard.

    Parameters
    ----------
    channel : Channel, keyword
        How figures arise from truths.
    channels : mapping of SourceKind to Channel, keyword
        Other channels for sources of some kinds.
    speech : Speech, keyword
        How figures are put in words.
    counts : mapping of str to CountPrior, keyword
        Prior by outcome; laid over the defaults.
    known : KnownCount, keyword, optional
        What could be known of a count, with an error that all sources share. None for sources that err each by itself.
    rising : RisingToll, keyword, optional
        How what is known of a toll rises with time after its event, where the kind of that is said, and it and claims
        have times. None for claims that speak of one known count whenever they are made.
    sources : mapping of (parameter, relation or None) to Normal, keyword
        Priors of source parameters; laid over the defaults.
    learned : Learned, keyword, optional
        What earlier claims have taught; see `Posterior.as_model`.
    anchors : mapping of str to float, keyword
        Sources that are declared unbiased, by name, each with the standard deviation of its bias around 0 (a log
        ratio: 0.1 is within a factor 1.2 in 95 of 100). They hold the level of all others, which the claims alone do
        not show.

    Examples
    --------
    >>> model = Model(counts={"killed": CountPrior(0.2, 1.0, 1.5, "our own archive")})
    >>> model.count_prior("killed").zero
    0.2
    """

    channel: Channel = attrs.field(factory=Denial, kw_only=True)
    channels: Mapping[SourceKind, Channel] = attrs.field(factory=dict, converter=dict, kw_only=True)
    speech: Speech = attrs.field(factory=Speech, kw_only=True)
    share_noise: ShareNoise = attrs.field(factory=ShareNoise, kw_only=True)
    counts: Mapping[str, CountPrior] = attrs.field(factory=dict, converter=dict, kw_only=True)
    known: KnownCount | None = attrs.field(factory=KnownCount, kw_only=True)
    rising: RisingToll | None = attrs.field(factory=RisingToll, kw_only=True)
    sources: Mapping[tuple[str, Relation | None], Normal] = attrs.field(factory=dict, converter=dict, kw_only=True)
    learned: Learned | None = attrs.field(default=None, kw_only=True)
    anchors: Mapping[str, float] = attrs.field(factory=dict, converter=_clean_anchors, kw_only=True)

    def __attrs_post_init__(self) -> None:
        for kind in self.channels:
            check(kind in set(SourceKind), "Model.channels", kind, ", ".join(SourceKind))
        for outcome, prior in self.counts.items():
            check(isinstance(outcome, str), "Model.counts", outcome, "names of outcomes")
            check(isinstance(prior, CountPrior), f"Model.counts[{outcome!r}]", prior, "a CountPrior")
        known: object = self.known
        check(known is None or isinstance(known, KnownCount), "Model.known", known, "a KnownCount, or None")
        rising: object = self.rising
        check(rising is None or isinstance(rising, RisingToll), "Model.rising", rising, "a RisingToll, or None")
        for key, normal in self.sources.items():
            given: object = key
            well = isinstance(given, tuple) and len(given) == 2 and given[1] in {None, *Relation}
            allowed = f"(parameter, relation), the relation one of None, {', '.join(Relation)}"
            check(well and isinstance(key[0], str), "Model.sources", key, allowed)
            check(isinstance(normal, Normal), f"Model.sources[{key!r}]", normal, "a Normal")
        for name, sd in self.anchors.items():
            offered: object = sd
            number = isinstance(offered, int | float | np.number) and not isinstance(offered, bool)
            check(number and 0 < sd < np.inf, f"Model.anchors[{name!r}]", sd, "a standard deviation, a positive number")

    @property
    def is_standard(self) -> bool:
        """Whether every source has the standard channel."""
        return self.channel == Denial() and all(channel == Denial() for channel in self.channels.values())

    def channel_of(self, source: Source) -> Channel:
        """Give the channel of a source, by its kind."""
        return self.channels.get(source.kind, self.channel)

    def count_prior(self, outcome: str, *, remainder: bool = False) -> CountPrior:
        """Give the prior of a count.

        Parameters
        ----------
        outcome : str
        remainder : bool
            Whether it is what a total holds beside the parts that claims mention.
        """
        prior = {**COUNT_PRIORS, **self.counts}.get(outcome, OTHER_COUNT)
        if self.learned is not None and Parameter("count", outcome, "zero", None) in self.learned.places:
            at = [self.learned.places[Parameter("count", outcome, name, None)] for name in COUNT_DOUBT]
            zero, location, log_scale, broad = (float(self.learned.mean[k]) for k in at)
            zero, broad = (float(1 / (1 + np.exp(-x))) for x in (zero, broad))
            evidence = f"learned from earlier claims; before: {prior.evidence}"
            prior = attrs.evolve(
                prior, zero=zero, location=location, scale=float(np.exp(log_scale)), broad=broad, evidence=evidence
            )
        return attrs.evolve(prior, zero=max(prior.zero, REMAINDER_ZERO)) if remainder else prior

    def source_prior(self, parameter: str, source: Source, relation: Relation) -> tuple[Relation | None, Normal]:
        """Give the prior of a parameter of a source, and the relation that it is particular to (or None).

        What was learned of single sources is not in it; see `learned`.

        Raises
        ------
        InvalidValue
            For a parameter that has no prior: name it in ``sources``.
        """
        if parameter == "bias" and source.name in self.anchors:
            evidence = f"{source.name} is declared unbiased (Model.anchors)"
            return relation, Normal(0.0, self.anchors[source.name], evidence, shared=0.0)
        for key in ((parameter, relation), (parameter, None)):
            if key in self.sources:
                return key[1], self.sources[key]
        if parameter == "fidelity" and (source.sides or source.kind in _PARTY_KINDS):
            return None, PARTY_FIDELITY
        for key in ((parameter, relation), (parameter, None)):
            if key in SOURCE_PRIORS:
                return key[1], SOURCE_PRIORS[key]
        check(False, "Model.sources", parameter, "a prior for every parameter of the channel")
        raise AssertionError

    @staticmethod
    def class_of(source: Source) -> str:
        """Name the class whose mean and spread a source leans on: its kind, and whether it belongs to a side."""
        return f"{source.kind}, of a side" if source.sides else str(source.kind)

    @property
    def assumptions(self) -> tuple[Assumption, ...]:
        """Every prior in words, with its evidence; those that `counts` and `sources` overlay are left out."""
        rows = []
        for outcome, count in {**COUNT_PRIORS, **self.counts, "any other outcome": OTHER_COUNT}.items():
            rows.append(Assumption(f"count: {outcome}", count.numbers, count.evidence))
        if self.known is not None:
            rows.append(Assumption("known count", self.known.numbers, self.known.evidence))
        if self.rising is not None:
            rows.append(Assumption("rising toll", self.rising.numbers, self.rising.evidence))
        default = {key: normal for key, normal in SOURCE_PRIORS.items() if (key[0], None) not in self.sources}
        for (name, relation), normal in {**default, **self.sources}.items():
            where = f", {relation}" if relation else ""
            number = f"normal({normal.mean:.2f}, {normal.sd:g}), {100 * normal.shared:g} % of the variance by class"
            rows.append(Assumption(f"{name}{where}", number, normal.evidence))
        if ("fidelity", None) not in self.sources:
            party = PARTY_FIDELITY
            rows.append(Assumption("fidelity, parties", f"normal({party.mean:g}, {party.sd:g})", party.evidence))
        rows.append(Assumption("remainder: 0", f"{REMAINDER_ZERO:g}", "judgement"))
        rows.append(Assumption("spread within a class: log sd", f"{SPREAD_DOUBT:g}", "judgement"))
        doubt = ", ".join(f"{name} {sd:g}" for name, sd in COUNT_DOUBT.items())
        rows.append(Assumption("count priors: how far a corpus may move them", doubt, "judgement"))
        rows.append(Assumption("hedged: spread", f"x {HEDGED_SPREAD:g}", "judgement"))
        rows.append(Assumption("hedged: fidelity", f"{HEDGED_FIDELITY:+g}", "judgement"))
        for name, sd in self.anchors.items():
            rows.append(Assumption(f"bias of {name}", f"normal(0, {sd:g})", "declared unbiased"))
        return tuple(rows)
