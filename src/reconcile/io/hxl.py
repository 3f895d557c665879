# SPDX-License-Identifier: MIT
"""Estimates as a table with hashtags of the Humanitarian Exchange Language (HXL 1.1), for humanitarian tools."""

from __future__ import annotations

import csv
import datetime
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from reconcile.estimates import name_peaks
from reconcile.io.export import disarm
from reconcile.plumbing import check
from reconcile.posterior import Posterior
from reconcile.vocabulary import Group, Outcome

__all__ = ["tabulate", "write"]

# The core attributes of #affected for what happened to people; HXL has none for captured or missing people.
_CORE = {"killed": "killed", "injured": "injured", "displaced": "displaced"}
_FRONT = (
    ("event", "#event+code"),
    ("place", "#loc+name"),
    ("start", "#date+start"),
    ("end", "#date+end"),
    ("period start", "#date+start+period"),
    ("period end", "#date+end+period"),
    ("group", "#description+group"),
)
_BACK = (("claims", "#meta+claims+num"), ("independent sources", "#meta+source+num"))


def tabulate(posterior: Posterior, *, level: float = 0.9) -> list[list[Any]]:
    """Lay estimates out as HXL: a row of headings, a row of hashtags, and a row for every event, group and period.

    Each outcome has four columns: the median, such as ``#affected+killed+median``; what to name in its place where it
    lies in a valley, ``#description+killed+peaks``, empty elsewhere; and both ends of the equal-tailed interval, at a
    level of 0.9 ``#affected+killed+p5`` and ``#affected+killed+p95``. The attributes +killed, +injured and +displaced
    are those of the HXL standard; those for other outcomes, for medians, peaks and quantiles are our own, which it
    allows. A cell is empty where nothing was estimated.

    Parameters
    ----------
    posterior : Posterior
    level : float, keyword
        Probability of the interval, from 0.02 to 0.98 in whole hundredths that leave whole percent at either end.

    Returns
    -------
    list of list
        Cells are texts, numbers or None.

    Raises
    ------
    InvalidValue
        If the level is not of the form above.

    Examples
    --------
    >>> import reconcile as rc
    >>> market = rc.Event("market")
    >>> posterior = rc.estimate([rc.Claim(market.killed(), rc.Exactly(3), rc.Source("monitor"))])
    >>> tabulate(posterior)[1][7:11]
    ['#affected+killed+median', '#description+killed+peaks', '#affected+killed+p5', '#affected+killed+p95']
    """
    tail = 50 * (1 - level) if 0 < level < 1 else 0.0
    whole = round(tail)
    allowed = "a probability that leaves a whole percent at either end, such as 0.9 or 0.98"
    check(1 <= whole <= 49 and abs(tail - whole) < 1e-9, "tabulate(level)", level, allowed)
    outcomes = sorted({quantity.outcome for quantity in posterior}, key=lambda one: one.name)
    columns = [*_FRONT]
    for outcome in outcomes:
        tag = f"#affected+{_attribute(outcome)}"
        columns.append((f"{outcome}, median", f"{tag}+median"))
        columns.append((f"{outcome}, peaks", f"#description+{_attribute(outcome)}+peaks"))
        columns += [(f"{outcome}, {end} %", f"{tag}+p{end}") for end in (whole, 100 - whole)]
    columns += _BACK
    found: dict[Any, dict[Outcome, Any]] = {}
    for quantity in posterior:
        key = quantity.event, quantity.group, quantity.period
        found.setdefault(key, {})[quantity.outcome] = posterior[quantity]
    lines = [list(_line(key, some, outcomes, level)) for key, some in found.items()]
    return [[heading for heading, _ in columns], [tag for _, tag in columns], *lines]


def _attribute(outcome: Outcome) -> str:
    plain = re.sub("[^a-z0-9_]+", "_", outcome.name.casefold()).strip("_")
    return _CORE.get(outcome.name, plain if plain[:1].isalpha() else f"o_{plain}")


def _line(key: Any, some: dict[Outcome, Any], outcomes: list[Outcome], level: float) -> Iterator[Any]:
    event, group, period = key
    start = event.start.isoformat() if isinstance(event.start, datetime.datetime) else event.start
    yield from (event.id, event.place, start, event.end)
    yield from (period.start, period.end) if period else (None, None)
    yield None if group == Group() else str(group)
    for outcome in outcomes:
        one = some.get(outcome)
        yield from (
            (one.median(), name_peaks(one.distribution) or None, *one.eti(level)) if one else (None, None, None, None)
        )
    yield sum(len(one.roles) for one in some.values())
    yield max(one.origins for one in some.values())


def write(posterior: Posterior, to: str | os.PathLike[str] | IO[str], *, level: float = 0.9) -> None:
    """Write `tabulate` as CSV to a path or an open text file.

    Texts that a spreadsheet would run as formulas are disarmed with an apostrophe.
    """
    lines = [[disarm(cell) for cell in line] for line in tabulate(posterior, level=level)]
    if isinstance(to, str | os.PathLike):
        with Path(to).open("w", encoding="utf-8", newline="") as file:
            csv.writer(file, lineterminator="\n").writerows(lines)
    else:
        csv.writer(to, lineterminator="\n").writerows(lines)
