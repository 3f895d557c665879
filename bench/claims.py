# SPDX-License-Identifier: MIT
"""Claims as every method here takes them: a frame of words for `reconcile`, arrays of numbers for the others."""

from __future__ import annotations

import argparse
import hashlib
import importlib.util
import sys
import time
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from scores import Answer

import reconcile as rc
from reconcile.io import table

SHARED = Path(__file__).resolve().parents[2] / "shared"
RELATIONS = ("neutral", "civ", "own", "enemy")  # of a source to the people counted; the first two are outsiders
START = pd.Timestamp("2020-01-01")
OF_EVENT = {"event_kind": "kind", "start": "start"}  # columns of a table, and what an `Event` calls them
OPTIONAL = ("group", "source_kind", "reported", *OF_EVENT)


class Claims(NamedTuple):
    """Claims about quantities numbered from 0, one row each.

    `value` is the one number that a method of points reads in a claim; `low` and `high` are what the claim leaves
    open (equal for a point; `high` infinite for "at least"). `frame` has the words, as `reconcile.io.table` reads them.
    `time` says when each was reported, if that is known.
    """

    frame: pd.DataFrame
    quantities: list[rc.Quantity]
    event: np.ndarray
    source: np.ndarray
    relation: np.ndarray
    value: np.ndarray
    low: np.ndarray
    high: np.ndarray
    time: np.ndarray | None = None

    @property
    def events(self):
        return len(self.quantities)

    @property
    def sources(self):
        return int(self.source.max()) + 1


def words(kind, value, low, high, word):
    """Put the claims of the simulated worlds in words."""
    text = {
        "point": lambda: f"{value:.0f}",
        "at_least": lambda: f"at least {low:.0f}",
        "at_most": lambda: f"at most {high:.0f}",
        "range": lambda: f"{low:.0f} to {high:.0f}",
        "vague": lambda: word,
    }
    return text[kind]()


def of_world(events, claims, sources):
    """Read a simulated world: `events` (side), `claims`, `sources` (alignment); nothing hidden is read."""
    side, alignment = events["side"].to_numpy(), sources["alignment"].to_numpy()
    group = {"A": "party=A", "B": "party=B", "C": "civilians"}
    by, about = alignment[claims["source"]], side[claims["event"]]
    columns = (claims[name] for name in ("kind", "value", "lo", "hi", "word"))
    frame = pd.DataFrame(
        {
            "event": "event " + claims["event"].astype(str),
            "outcome": "killed",
            "group": [group[one] for one in about],
            "value": [words(*row) for row in zip(*columns, strict=True)],
            "source": "source " + claims["source"].astype(str),
            "source_kind": np.where(by == "N", "media", "government"),
            "sides": np.where(by == "N", "", by),
            "opposes": np.where(by == "N", "", np.where(by == "A", "B", "A")),
            # An hour's tenth or so: order in time tells who may have copied whom.
            "reported": START + pd.to_timedelta((claims["day"] * 86_400).round(), unit="s"),
        }
    )
    relation = np.select([by == "N", about == "C", about == by], [0, 1, 2], 3)
    quantities = [rc.Event(f"event {at}").killed(rc.Group.parse(group[one])) for at, one in enumerate(side)]
    numbers = (claims[name].to_numpy() for name in ("event", "source"))
    figures = (claims[name].to_numpy(float) for name in ("value", "lo", "hi"))
    return Claims(frame, quantities, *numbers, relation, *figures, frame["reported"].to_numpy())


def of_rows(frame, outcomes=()):
    """Read rows of claims: columns event, outcome, source, value, low, high, and those of `OPTIONAL` if it has them.

    `value` is the one number that a method of points reads; the words are made of `low`, `high` and, if the frame has
    it, `form` ("about"). `start` is the first day of the event, or the moment at which it began.
    """
    frame = frame.reset_index(drop=True)
    known = {one.name: one for one in outcomes}
    groups = frame["group"] if "group" in frame else pd.Series("", index=frame.index)
    keys = list(zip(frame["event"], frame["outcome"], groups, strict=True))
    at = {key: number for number, key in enumerate(dict.fromkeys(keys))}
    first = frame.drop_duplicates("event").set_index("event")
    told = {name: first[column] for column, name in OF_EVENT.items() if column in first}
    events = {event: rc.Event(event, **{name: of[event] for name, of in told.items()}) for event in first.index}
    quantities = [
        events[event].count(known.get(outcome, outcome), rc.Group.parse(group)) for event, outcome, group in at
    ]
    low, high = frame["low"].to_numpy(float), frame["high"].to_numpy(float)
    forms = frame["form"] if "form" in frame else [""] * len(frame)
    said = [bounds(*row) for row in zip(low, high, forms, strict=True)]
    kept = ["event", "outcome", "source", *(column for column in OPTIONAL if column in frame)]
    table_ = frame[kept].assign(value=said)
    if "group" not in table_:
        table_["group"] = ""
    source = pd.factorize(frame["source"])[0]
    event = np.array([at[key] for key in keys])
    time_ = pd.to_datetime(frame["reported"], utc=True).to_numpy("datetime64[us]") if "reported" in frame else None
    return Claims(
        table_, quantities, event, source, np.zeros(len(frame), int), frame["value"].to_numpy(float), low, high, time_
    )


def bounds(low, high, form=""):
    if form == "about":
        return f"about {low:.0f}"
    if low == high:
        return f"{low:.0f}"
    if high == np.inf:
        return f"at least {low:.0f}"
    return f"at most {high:.0f}" if low == 0 else f"{low:.0f} to {high:.0f}"


def ours(claims: Claims, outcomes: Any = (), then: Any = None, **options: Any):
    """Estimate with `reconcile`, the reading of the table included in the time.

    With `then`, take what it makes of the posterior for the quantities that it gives.
    """
    start = time.process_time()
    posterior = rc.estimate(table.read(claims.frame, strict=True, outcomes=outcomes), **options)
    other = then(posterior) if then else {}
    found = [other.get(quantity) or posterior[quantity] for quantity in claims.quantities]
    seconds = time.process_time() - start
    return Answer(np.array([one.median() for one in found], float), [one.cdf for one in found], seconds)


def ours_one_by_one(claims: Claims, outcomes: Any = ()):
    """Estimate each event without the others: nothing can be learned of the sources."""
    quantities = {}
    for quantity in claims.quantities:
        quantities.setdefault(quantity.event.id, []).append(quantity)
    guess, cdfs, seconds = {}, {}, 0.0
    for event, rows in claims.frame.groupby("event", sort=False):
        answer = ours(claims._replace(frame=rows, quantities=quantities[event]), outcomes, learn=False)
        guess |= dict(zip(quantities[event], answer.guess, strict=True))
        cdfs |= dict(zip(quantities[event], answer.cdfs, strict=True))
        seconds += answer.seconds
    return Answer(np.array([guess[q] for q in claims.quantities]), [cdfs[q] for q in claims.quantities], seconds)


def half(name):
    """Say on which half of its set an event lies, 0 or 1, by a hash of its name: the same on every machine."""
    return hashlib.sha256(name.encode()).digest()[0] % 2


def arguments(description):
    """Make the options that every script here has."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--shared", type=Path, default=SHARED, help="folder of data and tools (default %(default)s)")
    parser.add_argument("--only", action="append", metavar="NAME", help="may be given several times")
    return parser


def load_generator(shared):
    """Load the independent generator of simulated worlds; None, with a word on why, where it is not there."""
    path = shared / "tools" / "generate_reports.py"
    if not path.is_file():
        print(f"no generator at {path}: name its folder with --shared", file=sys.stderr)
        return None
    spec = importlib.util.spec_from_file_location("generate_reports", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
