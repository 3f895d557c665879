# SPDX-License-Identifier: MIT
"""When claims speak, measured from the event: only near it does what is known of a toll still rise."""

from __future__ import annotations

from typing import TypeAlias

import attrs
import numpy as np
from numpy.typing import NDArray

from reconcile.columns import CALENDAR, KINDS, LOCAL, MISSING, Columns, Moments
from reconcile.values import Share
from reconcile.vocabulary import EventKind

__all__ = ["DOUBTS", "LASTING", "WINDOW", "Times", "find_times", "hours_of"]

Floats: TypeAlias = NDArray[np.float64]
Bools: TypeAlias = NDArray[np.bool_]

WINDOW = 90  # days after the last of an event within which its toll rises; later figures are final: judgement
LASTING = 3  # days that an event lasts at most: of a longer one the dead rise with what happens, not with what is known
# Doubt of the half-time, as a multiple of that of deaths, by outcome. The injured are fewer reports: judgement; the
# missing, and those displaced or captured, fall as people are found.
DOUBTS = {frozenset({"killed"}): 1.0, frozenset({"injured"}): 2.0, frozenset({"killed", "injured"}): 2.0}
_EVENING = 18  # hour of a day for which only the day is said: news of a day are of its evening
_HOUR, _DAY = 3_600_000_000, 86_400_000_000  # microseconds


@attrs.frozen(eq=False)
class Times:
    """When claims speak.

    Attributes
    ----------
    hours : ndarray, shape (n,)
        Hours from the start of the event of each claim, or, where only its day is known, from the start of that day;
        nan for claims that speak of all that can be known.
    local : ndarray of bool, shape (n,)
        Whether the time of a claim, or of its event, has no zone and is taken for one of UTC.
    early : ndarray of bool, shape (n,)
        Whether a claim about a toll that rises was made before the event.
    """

    hours: Floats
    local: Bools
    early: Bools

    @property
    def usable(self) -> Bools:
        """Which claims have a time within which the toll still rises."""
        return ~np.isnan(self.hours)


def _microseconds(moments: Moments) -> NDArray[np.int64]:
    """Place on one clock: of a day its evening; a moment without a zone is taken for one of UTC."""
    return np.asarray(np.where(moments.clock == CALENDAR, moments.at + _EVENING * _HOUR, moments.at), dtype=np.int64)


def find_times(columns: Columns) -> Times:
    """Say when each claim speaks: as of its `as_of`, or else when it was reported.

    Only tolls of events of a named kind rise: most events are counted by the evening, and how those rise that are not
    was measured on events that were in the news of the world.

    Parameters
    ----------
    columns : Columns
    """
    table, events = columns.quantities, columns.quantities.events
    doubts = np.array([outcome.elements in DOUBTS for outcome in table.outcomes], dtype=bool)
    whole = np.array([period is None for period in table.periods], dtype=bool)
    lasted = np.where(events.end > 0, events.end - 1 - events.start.day, 0)
    rises = (events.start.clock != MISSING) & (lasted < LASTING) & (events.kind != KINDS.index(EventKind.OTHER))
    of = doubts[table.outcome] & whole[table.period] & rises[table.event]
    usable = of[columns.quantity]
    if not usable.any():
        return Times(np.full(len(usable), np.nan), usable, usable)
    event = table.event[columns.quantity]
    start = events.start.take(event)
    usable &= ~np.array([isinstance(value, Share) for value in columns.values], dtype=bool)[columns.value]
    dated = columns.as_of.clock != MISSING
    said = Moments(*(np.where(dated, a, r) for a, r in zip(columns.as_of.keys, columns.reported.keys, strict=True)))
    last = np.where(events.end > 0, events.end - 1, events.start.day)[event]
    early = usable & (said.clock != MISSING) & start.later(said)
    usable &= (said.clock != MISSING) & ~early & (said.day - last <= WINDOW)
    found = (_microseconds(said) - start.at) / _HOUR
    # A day of which the evening came before the event: what was said of it was said in what was left of it.
    ends = said.day * _DAY + _DAY
    late = (said.clock == CALENDAR) & (start.clock != CALENDAR) & (found < 0)
    found = np.where(late, (ends - start.at) / 2 / _HOUR, found)
    local = usable & ((said.clock == LOCAL) | (start.clock == LOCAL))
    return Times(np.where(usable, np.maximum(found, 0.0), np.nan), local, early)


def hours_of(columns: Columns, quantity: int, moment: Moments) -> float:
    """Hours from the start of the event of a quantity to a moment, as in `Times`; nan where that is not known."""
    events = columns.quantities.events
    start = events.start.take(columns.quantities.event[[quantity]])
    if start.clock[0] == MISSING or start.later(moment)[0]:
        return float("nan")
    return max(float((_microseconds(moment) - start.at)[0] / _HOUR), 0.0)
