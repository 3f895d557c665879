# SPDX-License-Identifier: MIT
"""Worlds drawn from a model: counts, sources and their claims, all parameters known.

The generative form of `channels` and `speech`, one random choice after the other. A world is what a method that knows
the model should recover: rank statistics over many worlds show whether it does.
"""

from __future__ import annotations

import datetime
import functools
import itertools
import numbers
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeAlias

import attrs
import numpy as np
from numpy.typing import NDArray

from reconcile.channels import SLIP, Denial, expit, size_of
from reconcile.claims import Claim, Corpus
from reconcile.errors import InvalidValue
from reconcile.model import COUNT_DOUBT, SPREAD_DOUBT, CountPrior, KnownCount, Model, RisingToll
from reconcile.plumbing import check, count_of, refuse_old, to_generator
from reconcile.pmf import TOP
from reconcile.speech import HEAPED, ROUNDING_LARGE, ROUNDING_TENS
from reconcile.times import DOUBTS
from reconcile.values import LARGEST, Exactly
from reconcile.vocabulary import Event, EventKind, Group, Outcome, Quantity, Relation, Source, relate

__all__ = ["World", "simulate"]

Floats: TypeAlias = NDArray[np.float64]
Ints: TypeAlias = NDArray[np.int64]
ClassKey: TypeAlias = tuple[str, str, Relation | None]

_PARAMETERS = (*Denial().parameters, "heaping", "copying")
_RELATIONS = tuple(Relation)
# What an integer for `sources` stands for, in turn: kind, side, and the side it fights.
_MIX: tuple[tuple[str, str, str], ...] = (
    ("media", "", ""), ("government", "A", "B"), ("monitor", "", ""), ("government", "B", "A"), ("media", "", ""),
)  # fmt: skip
# The clock ticks once a minute, at each claim. Midnight is kept free: in a table it stands for the whole day.
_START, _TICK = np.datetime64("2020-01-01T00:00:30", "ms"), np.timedelta64(60_000, "ms")
_MOST = 10**10  # no count that is drawn is larger, else its figures could not be said
_TRIES = 100  # redraws of what is too large to be said
_CHUNK = 4_000_000  # random numbers drawn at once to choose the sources of many events


@attrs.frozen(eq=False, repr=False)
class World:
    """A simulated world: what was claimed, and what is behind it.

    Attributes
    ----------
    frame : mapping of str to ndarray, shape (claims,)
        The claims as columns of a table, in order of time: ``id, event, perpetrators, outcome, group, value, source,
        source_kind, sides, opposes, reported``. Any dataframe made of it is read by ``reconcile.io.table.read``.
    truth : ndarray of int, shape (events,)
        The true counts, in the order of `quantities`.
    known : ndarray of int, shape (events,)
        What is known of each count in the end, by all who speak of it; see `KnownCount`.
    share : ndarray, shape (claims,)
        Which share of that is known when each claim is made; see `RisingToll`.
    sources : mapping of str to mapping
        For each source, by name, its parameters by (parameter, relation or None).
    classes : mapping of (parameter, class, relation or None) to tuple of float
        Mean and spread of each parameter among the sources of a class.
    priors : mapping of str to CountPrior
        Distribution of the counts of each outcome.
    model : Model
        What the world was drawn from.
    """

    frame: Mapping[str, NDArray[Any]]
    truth: Ints
    known: Ints
    share: Floats
    sources: Mapping[str, Mapping[tuple[str, Relation | None], float]]
    classes: Mapping[ClassKey, tuple[float, float]]
    priors: Mapping[str, CountPrior]
    model: Model
    _kinds: tuple[Quantity, ...]
    _kind_of: Ints
    _speakers: tuple[Source, ...]
    _event: Ints
    _speaker: Ints
    _starts: Sequence[datetime.datetime | None]

    @functools.cached_property
    def quantities(self) -> tuple[Quantity, ...]:
        """What is counted: one quantity for each event."""
        names = _names("event", len(self.truth))
        kinds = [self._kinds[kind] for kind in self._kind_of]
        return tuple(
            attrs.evolve(kind, event=attrs.evolve(kind.event, id=name, start=start))
            for name, kind, start in zip(names.tolist(), kinds, self._starts, strict=True)
        )

    @functools.cached_property
    def counts(self) -> Mapping[Quantity, int]:
        """The true count of each quantity."""
        return dict(zip(self.quantities, self.truth.tolist(), strict=True))

    @functools.cached_property
    def claims(self) -> Corpus:
        """The claims, in order of time; made when first asked for, which takes longer than all the drawing."""
        moments: list[datetime.datetime] = self.frame["reported"].tolist()
        columns = (self._event.tolist(), self.frame["value"].tolist(), self._speaker.tolist(), moments)
        ids = self.frame["id"].tolist()
        return Corpus(
            Claim(self.quantities[event], Exactly(value), self._speakers[speaker], reported=moment, id=name)
            for event, value, speaker, moment, name in zip(*columns, ids, strict=True)
        )

    def __str__(self) -> str:
        claims, sources = count_of(len(self._event), "claim"), count_of(len(self.sources), "source")
        return f"{claims} by {sources} about {count_of(len(self.truth), 'event')}"

    def __repr__(self) -> str:
        return f"<World: {self}>"


def simulate(
    model: Model | None = None,
    *,
    events: int = 20,
    sources: int | Sequence[Source] = 10,
    claims_per_event: int | tuple[int, int] = (2, 5),
    outcomes: Sequence[str] = ("killed", "injured"),
    hours: tuple[float, float] | None = None,
    event_kind: EventKind | str = EventKind.OTHER,
    seed: int | np.random.Generator | None = 0,
    **old: object,
) -> World:
    """Draw a world from a model: parameters from their priors, counts, and claims about them.

    Each event has one count that claims are about: the soldiers of one side, killed by another, or civilians killed by
    one side, or injured, all equally often. The sides are those that sources belong to or fight. The sources of an
    event are drawn at random; they speak one after the other, once each. All say `Exactly`, and hedge nothing.

    Counts above 10,000,000,000 and figures above 1,000,000,000,000, which no claim may name, are drawn again.

    Parameters
    ----------
    model : Model, optional
        Default ``Model()``. Only the standard channel can be drawn from.
    events : int, keyword
    sources : int or sequence of Source, keyword
        So many sources, of five kinds in turn: two of the media, a monitor, and the governments of sides A and B, each
        the enemy of the other; or these sources.
    claims_per_event : int or pair of int, keyword
        How many claims each event has; or the fewest and the most, all numbers between them equally often.
    outcomes : sequence of str, keyword
        Of these an event has one, all equally often.
    hours : pair of float, keyword, optional
        Tolls rise, and sources speak between so many hours after the event, evenly by logarithms. By default they speak
        of all that can be known.
    event_kind : EventKind or str, keyword
        Of all events.
    seed : int or numpy Generator, keyword
        None makes one up.

    Returns
    -------
    World

    Raises
    ------
    InvalidValue
        For a number that is not whole or too small, more claims about an event than there are sources, sources of one
        name, or a model with channels of its own.

    Examples
    --------
    >>> world = simulate(events=3, sources=5, claims_per_event=2, seed=1)
    >>> print(world)
    6 claims by 5 sources about 3 events
    >>> len(world.claims), len(world.counts)
    (6, 3)
    """
    refuse_old("simulate", old, rng="seed")
    model = Model() if model is None else model
    check(isinstance(model, Model), "simulate(model)", model, "a Model")
    for channel in (model.channel, *model.channels.values()):
        check(channel == Denial(), "simulate(model)", channel, "the standard channel, Denial()")
    check(_is_whole(events) and events >= 1, "simulate(events)", events, "a whole number from 1")
    speakers = _to_speakers(sources)
    least, most = _to_span(claims_per_event, len(speakers))
    named = _to_outcomes(outcomes)
    random = to_generator("simulate", seed)

    lag = None if hours is None else _to_hours(hours)
    kind = Event("event", kind=event_kind).kind
    rises = lag is None or (model.rising is not None and kind is not EventKind.OTHER)
    check(rises, "simulate(hours)", hours, "None where tolls do not rise: they do after events of a kind that is named")

    kinds = _kinds(speakers, named, kind)
    relation = np.array([[_RELATIONS.index(relate(s, kind)) for kind in kinds] for s in speakers])
    theta, by_source, classes = _draw_sources(model, speakers, relation, random)
    priors = {outcome: _draw_prior(model.count_prior(outcome), random) for outcome in named}

    kind_of = random.integers(len(kinds), size=events)
    truth = np.zeros(events, dtype=np.int64)
    for outcome in named:
        mine = np.flatnonzero(np.array([kind.outcome.name == outcome for kind in kinds])[kind_of])
        truth[mine] = _draw_counts(priors[outcome], len(mine), random)

    number = random.integers(least, most, size=events, endpoint=True)
    event = np.repeat(np.arange(events), number)
    turn = np.arange(len(event)) - np.repeat(np.cumsum(number) - number, number)
    speaker = _choose(len(speakers), number, random)
    own = {name: values[speaker, relation[speaker, kind_of[event]]] for name, values in theta.items()}
    known = truth if model.known is None else _draw_known(model.known, truth, random)
    share, after = np.ones(len(event)), np.zeros(len(event))
    if lag is not None and model.rising is not None:
        after = np.exp(random.uniform(np.log(lag[0]), np.log(lag[1]), size=len(event)))
        after = after[np.lexsort((after, event))]
        doubt = np.array([DOUBTS.get(kind.outcome.elements, 0.0) for kind in kinds])[kind_of]
        share = _draw_shares(model.rising, kinds[0].event.kind, doubt, event, turn, after, random)
    figure, exact = _draw_figures(np.floor(share * known[event] + 0.5).astype(np.int64), own, random)
    value = _say(figure, np.where(exact, 0.0, expit(own["heaping"])), random)
    value = _repeat(value, turn, expit(own["copying"]), random)

    begun = _START + np.arange(events) * np.timedelta64(1, "D")
    starts: list[datetime.datetime | None] = [None] * events if lag is None else begun.tolist()
    frame = _frame(event, speaker, value, kinds, kind_of, speakers)
    if lag is not None:
        frame["start"] = begun[event]
        frame["event_kind"] = np.full(len(event), str(kinds[0].event.kind))
        frame["reported"] = begun[event] + (after * 3_600_000).astype("timedelta64[ms]")
    return World(
        frame,
        truth,
        known,
        share,
        by_source,
        classes,
        priors,
        model,
        kinds,
        kind_of,
        speakers,
        event,
        speaker,
        starts,
    )


def _to_hours(given: Any) -> tuple[float, float]:
    allowed = "a pair of positive numbers in order, at most 2,000"
    well = isinstance(given, tuple | list) and len(given) == 2 and all(isinstance(one, int | float) for one in given)
    check(well and 0 < given[0] < given[1] <= 2_000, "simulate(hours)", given, allowed)
    return float(given[0]), float(given[1])


def _is_whole(given: Any) -> bool:
    return isinstance(given, numbers.Integral) and not isinstance(given, bool)


def _to_speakers(given: Any) -> tuple[Source, ...]:
    allowed = "a whole number from 1, or a list of sources of different names"
    if _is_whole(given):
        check(given >= 1, "simulate(sources)", given, allowed)
        mix = itertools.islice(itertools.cycle(_MIX), int(given))
        return tuple(
            Source(f"{kind} {at}", kind=kind, sides={side} if side else None, opposes={enemy} if enemy else None)
            for at, (kind, side, enemy) in enumerate(mix, start=1)
        )
    check(isinstance(given, Sequence), "simulate(sources)", given, allowed)  # a set would have no order to be drawn in
    check(bool(given) and all(isinstance(one, Source) for one in given), "simulate(sources)", given, allowed)
    check(len({one.name for one in given}) == len(given), "simulate(sources)", given, allowed)
    return tuple(given)


def _to_span(given: Any, sources: int) -> tuple[int, int]:
    span = (given, given) if _is_whole(given) else given
    allowed = f"a whole number from 1 to the number of sources, {sources}, or a pair of such numbers in order"
    well = isinstance(span, tuple | list) and len(span) == 2 and all(map(_is_whole, span))
    check(well and 1 <= span[0] <= span[1] <= sources, "simulate(claims_per_event)", given, allowed)
    return int(span[0]), int(span[1])


def _to_outcomes(given: Any) -> tuple[str, ...]:
    allowed = "a list of different names of outcomes, one at least, such as ('killed', 'injured')"
    check(isinstance(given, Sequence) and not isinstance(given, str), "simulate(outcomes)", given, allowed)
    check(all(isinstance(name, str) for name in given), "simulate(outcomes)", given, allowed)
    names = tuple(Outcome(name).name for name in given)
    check(0 < len(names) == len(set(names)), "simulate(outcomes)", given, allowed)
    return names


def _kinds(speakers: Sequence[Source], outcomes: Sequence[str], kind: EventKind) -> tuple[Quantity, ...]:
    """Every kind of count: soldiers of each side killed by the next one, civilians by each side, of every outcome."""
    parties = sorted(frozenset().union(*(s.sides | s.opposes for s in speakers))) or ["A", "B"]
    found = []
    for at, party in enumerate(parties):
        other = parties[(at + 1) % len(parties)]
        fought = Event("event", kind=kind, perpetrators={other} if other != party else None)
        found.append((fought, Group(party=party, status="military")))
        found.append((Event("event", kind=kind, perpetrators={party}), Group(status="civilian")))
    return tuple(Quantity(event, outcome, group) for outcome in outcomes for event, group in found)


def _draw_sources(
    model: Model, speakers: Sequence[Source], relation: Ints, random: np.random.Generator
) -> tuple[dict[str, Floats], dict[str, dict[tuple[str, Relation | None], float]], dict[ClassKey, tuple[float, float]]]:
    """Draw classes and sources: each parameter as an array (sources, relations), and the same by name."""
    theta = {name: np.full((len(speakers), len(_RELATIONS)), np.nan) for name in _PARAMETERS}
    by_source: dict[str, dict[tuple[str, Relation | None], float]] = {}
    classes: dict[ClassKey, tuple[float, float]] = {}
    for at, source in enumerate(speakers):
        values = by_source.setdefault(source.name, {})
        for code, name in itertools.product(np.unique(relation[at]).tolist(), _PARAMETERS):
            special, prior = model.source_prior(name, source, _RELATIONS[code])
            key = (name, model.class_of(source), special)
            if key not in classes:
                mean = random.normal(prior.mean, prior.class_sd)
                classes[key] = mean, float(prior.spread * np.exp(random.normal(0.0, SPREAD_DOUBT)))
            if (name, special) not in values:
                values[name, special] = float(random.normal(*classes[key]))
            theta[name][at, code] = values[name, special]
    return theta, by_source, classes


def _draw_prior(prior: CountPrior, random: np.random.Generator) -> CountPrior:
    """Draw the distribution of a count around its prior."""
    moved = {name: random.normal(0.0, sd) for name, sd in COUNT_DOUBT.items()}

    def lift(chance: float, by: float) -> float:
        odds = chance / (1 - chance) * float(np.exp(by))
        return odds / (1 + odds)

    return attrs.evolve(
        prior,
        zero=lift(prior.zero, moved["zero"]),
        location=prior.location + moved["location"],
        scale=prior.scale * float(np.exp(moved["log_scale"])),
        broad=lift(prior.broad, moved["broad"]),
        evidence=f"drawn around: {prior.evidence}",
    )


def _draw_counts(prior: CountPrior, size: int, random: np.random.Generator) -> Ints:
    """Draw counts of at most `_MOST`."""
    from scipy.special import ndtr, ndtri

    found = np.zeros(size, dtype=np.int64)
    missing = np.flatnonzero(random.random(size) >= prior.zero)
    for _ in range(_TRIES):
        wide = random.random(len(missing)) < prior.broad
        location = np.where(wide, prior.broad_location, prior.location)
        scale = np.where(wide, prior.broad_scale, prior.scale)
        # The upper tail of a normal above log(1/2), turned over so that far tails keep their digits.
        beyond = ndtr((location - np.log(0.5)) / scale) * (1 - random.random(len(missing)))
        log = np.minimum(location - scale * ndtri(beyond), 700.0)
        free = wide & (random.random(len(missing)) < prior.scale_free)
        level = np.log(0.5) + random.random(len(missing)) * (np.log(TOP + 0.5) - np.log(0.5))
        count = np.floor(np.exp(np.where(free, level, log)) + 0.5)
        well = count <= _MOST
        found[missing[well]] = np.maximum(count[well], 1)
        missing = missing[~well]
        if not len(missing):
            return found
    raise InvalidValue("simulate(model)", prior, f"counts most of which are at most {_MOST:,}")


def _choose(sources: int, number: Ints, random: np.random.Generator) -> Ints:
    """Choose different sources for each event, in a random order; shape (claims,)."""
    found, step = [], max(_CHUNK // sources, 1)
    for start in range(0, len(number), step):
        some = number[start : start + step]
        keys = random.random((len(some), sources))
        most = int(some.max())
        first = np.argpartition(keys, most - 1, axis=1)[:, :most]
        # The smallest keys come in no order that depends on them alone, so they are put in order.
        order = np.take_along_axis(first, np.argsort(np.take_along_axis(keys, first, axis=1), axis=1), axis=1)
        found.append(order[np.arange(most) < some[:, None]])
    return np.concatenate(found).astype(np.int64)


def _draw_known(known: KnownCount, truth: Ints, random: np.random.Generator) -> Ints:
    """Draw what is known of each count."""
    found = truth.copy()
    wrong = np.flatnonzero((truth > 0) & (random.random(len(truth)) >= known.exact))
    nobody = random.random(len(wrong)) < known.zero
    found[wrong[nobody]] = 0
    missing = wrong[~nobody]
    for _ in range(_TRIES):
        y = truth[missing]
        ratio = np.minimum(known.spread * random.standard_t(4, len(missing)), 600.0)
        drawn = np.floor(np.minimum((y + 0.5) * np.exp(ratio), 2.0 * _MOST)).astype(np.int64)
        well = (drawn >= 1) & (drawn != y) & (drawn <= _MOST)
        found[missing[well]] = drawn[well]
        missing = missing[~well]
        if not len(missing):
            return found
    raise InvalidValue("simulate(model)", known, f"errors that leave most counts from 1 to {_MOST:,}")


def _draw_shares(
    rising: RisingToll, kind: str, doubt: Floats, event: Ints, turn: Ints, after: Floats, random: np.random.Generator
) -> Floats:
    """Draw the known share at each claim, so many hours `after` its event; `doubt` 0 is of counts that do not rise."""
    center, sd = rising.half_time(kind)
    half_time = center * np.exp(sd * doubt * random.standard_normal(len(doubt)))
    mean = np.log(2.0) * (after / half_time[event]) ** rising.shape
    before = np.where(turn > 0, np.concatenate([[0.0], mean[:-1]]), 0.0)
    grown = random.gamma((mean - before) / rising.jump) * rising.jump
    every = np.cumsum(grown)
    first = np.flatnonzero(turn == 0)[event]  # events are numbered in the order of their claims
    share = -np.expm1(-(every - every[first] + grown[first]))
    complete = (random.random(len(doubt)) < rising.complete) | (doubt == 0)
    found: Floats = np.where(complete[event], 1.0, share)
    return found


def _draw_figures(
    truth: Ints, theta: Mapping[str, Floats], random: np.random.Generator
) -> tuple[Ints, NDArray[np.bool_]]:
    """Draw what each source believes, at most `LARGEST`, and whether it knows the truth and tells it."""
    found, known = np.zeros(len(truth), dtype=np.int64), np.zeros(len(truth), dtype=np.bool_)
    missing = np.arange(len(truth))
    for _ in range(_TRIES):
        y, own = truth[missing].astype(float), {name: values[missing] for name, values in theta.items()}
        denied, faithful, strays = random.random((3, len(missing)))
        ratio = own["bias"] + np.exp(own["log_spread"]) * random.standard_t(4, len(missing))
        ratio = np.where(strays < expit(own["gross"]), SLIP * random.standard_t(4, len(missing)), ratio)
        figure = np.floor((y + 0.5) * np.exp(np.minimum(ratio, 600.0)))
        knows = faithful < expit(own["fidelity"] - own["slope"] * size_of(y))
        denies = (denied < expit(own["denial"])) & (y > 0)
        figure = np.where(denies, 0, np.where(knows, y, figure))
        well = figure <= LARGEST
        found[missing[well]], known[missing[well]] = figure[well], (knows & ~denies)[well]
        missing = missing[~well]
        if not len(missing):
            return found, known
    raise InvalidValue("simulate(model)", float(np.max(theta["bias"])), f"biases that leave figures below {LARGEST:,}")


def _say(figure: Ints, heaping: Floats, random: np.random.Generator) -> Ints:
    """Round figures as their sources do: to multiples of parts of the power of ten that they are about."""
    powers = 10 ** np.arange(1, len(str(LARGEST)), dtype=np.int64)
    # A figure is about 10 from 8 to 74, about 100 from 75 to 749, and so on.
    decade = np.searchsorted(3 * powers, 4 * figure, side="right")
    starts, shares = np.array(HEAPED).T
    heaps = random.random(len(figure)) < heaping * shares[np.searchsorted(starts, figure, side="right") - 1]
    step: Ints = np.where(heaps & (decade == 0), 5, 1)  # from 3 to 7 to 5
    for large, table in ((False, ROUNDING_TENS), (True, ROUNDING_LARGE)):
        at = np.flatnonzero(heaps & (decade >= 1) & ((decade > 1) == large))
        parts, shares = np.array(table).T
        part = random.choice(parts, size=len(at), p=shares / shares.sum())
        step[at] = np.rint(part * powers[decade[at] - 1]) if large else part
    # Halves go up; an odd step has none.
    return step * ((figure + step // 2) // step)


def _repeat(value: Ints, turn: Ints, chance: Floats, random: np.random.Generator) -> Ints:
    """Let some claims repeat an earlier one about the same count, in order of time."""
    copies = (random.random(len(value)) < chance) & (turn > 0)
    pattern = np.arange(len(value)) - 1 - np.floor(random.random(len(value)) * turn).astype(np.int64)
    said = value.copy()
    for at in range(1, int(turn.max()) + 1):
        mine = np.flatnonzero(copies & (turn == at))
        said[mine] = said[pattern[mine]]
    return said


def _names(what: str, number: int) -> NDArray[np.str_]:
    """Number things, with zeros in front, so that they sort."""
    digits = np.char.zfill(np.arange(1, number + 1).astype(str), len(str(number)))
    return np.char.add(f"{what} ", digits)


def _frame(
    event: Ints, speaker: Ints, value: Ints, kinds: Sequence[Quantity], kind_of: Ints, speakers: Sequence[Source]
) -> dict[str, NDArray[Any]]:
    """Write the claims as columns."""

    def listed(names: Iterable[str]) -> str:
        return "|".join(sorted(names))

    def written(group: Group) -> str:
        return "; ".join(f"{name}={listed(values)}" for name, values in group.facets)

    kind = kind_of[event]
    of_kind = {
        "perpetrators": [listed(one.event.perpetrators) for one in kinds],
        "outcome": [one.outcome.name for one in kinds],
        "group": [written(one.group) for one in kinds],
    }
    of_source = {
        "source": [one.name for one in speakers],
        "source_kind": [str(one.kind) for one in speakers],
        "sides": [listed(one.sides) for one in speakers],
        "opposes": [listed(one.opposes) for one in speakers],
    }
    return {
        "id": _names("claim", len(event)),
        "event": _names("event", len(kind_of))[event],
        **{name: np.array(texts)[kind] for name, texts in of_kind.items()},
        "value": value,
        **{name: np.array(texts)[speaker] for name, texts in of_source.items()},
        "reported": _START + _TICK * np.arange(len(event)),
    }
