# SPDX-License-Identifier: MIT
"""From columns of claims to what is learned from: separate counts, speakers, relations, and the order of telling."""

from __future__ import annotations

from typing import TypeAlias

import attrs
import numpy as np
from numpy.typing import NDArray

from reconcile.arrays import PARAMETERS, Claims
from reconcile.columns import MISSING, Columns, QuantityTable
from reconcile.dependence import PARTS, Roles
from reconcile.echoes import find_echoes
from reconcile.estimates import Part
from reconcile.evidence import Problem
from reconcile.hierarchy import RELATIONS, Hierarchy
from reconcile.model import Model
from reconcile.rows import COPYING, HEAPING
from reconcile.values import Share
from reconcile.vocabulary import Relation, Source, relate

__all__ = ["Posed", "count_codes", "pose", "used_rows"]

Ints: TypeAlias = NDArray[np.int64]

MOST_SPEAKERS = 250  # with parameters of their own; the precision of 2,500 parameters is factored in .3 s
# The joint mode of many sources with few claims each is far from where they are likely to be (on shooting news it has
# all figures too high by 6 %, and next to no spread), and chains go no further than some 600 parameters. So beyond the
# busiest, a source must have said enough to be told from its class.
BUSIEST, ENOUGH = 60, 20
THIRD = RELATIONS.index(Relation.THIRD)


@attrs.frozen(eq=False)
class Posed:
    """A problem, and where its counts and speakers come from.

    Attributes
    ----------
    problem : Problem
    rows : ndarray of int, shape (n,)
        Row of each claim in the columns of the corpus.
    relation : ndarray of int, shape (n,)
        Codes of `RELATIONS`.
    count : ndarray of int, shape (quantities,)
        Which count of the problem each quantity is; -1 for those without a claim.
    speaker : ndarray of int, shape (sources,)
        Which speaker each source of the corpus is; -1 for those that are silent.
    speakers : tuple of (Source, name)
    """

    problem: Problem
    rows: Ints
    relation: Ints
    count: Ints
    speaker: Ints
    speakers: tuple[tuple[Source, str], ...]


def count_codes(quantities: QuantityTable) -> Ints:
    """Number quantities so that those that count the same people have one number."""
    elements = {parts: k for k, parts in enumerate(dict.fromkeys(o.elements for o in quantities.outcomes))}
    outcome = np.array([elements[o.elements] for o in quantities.outcomes], dtype=np.int64)
    keys: list[NDArray[np.integer]] = [
        quantities.event,
        outcome[quantities.outcome],
        quantities.group,
        quantities.period,
    ]
    order = np.lexsort(keys[::-1])
    fresh = np.zeros(len(order), dtype=bool)
    for key in keys:
        fresh[1:] |= np.diff(np.asarray(key, dtype=np.int64)[order]) != 0
    found = np.empty(len(order), dtype=np.int64)
    found[order] = np.cumsum(fresh)
    return found


def used_rows(columns: Columns, roles: Roles) -> Ints:
    """Rows of the claims that are used and speak of counts, not shares."""
    share = np.array([isinstance(value, Share) for value in columns.values], dtype=bool)
    return np.flatnonzero((roles.part == PARTS.index(Part.USED)) & ~share[columns.value])


def _relations(columns: Columns, rows: Ints, origin: Ints) -> Ints:
    """Code of the relation of each speaker to the people counted."""
    found = np.full(len(rows), THIRD, dtype=np.int64)
    partial = np.array([bool(source.sides or source.opposes) for source in columns.sources], dtype=bool)
    some = np.flatnonzero(partial[origin])
    if not len(some):
        return found
    quantity = columns.quantities
    of = columns.quantity[rows[some]].astype(np.int64)
    groups, parties = len(quantity.groups), len(quantity.events.parties)
    key = (origin[some] * groups + quantity.group[of]) * parties + quantity.events.perpetrators[quantity.event[of]]
    _, first, inverse = np.unique(key, return_index=True, return_inverse=True)
    codes = [RELATIONS.index(relate(columns.sources[origin[some[k]]], quantity[int(of[k])])) for k in first]
    found[some] = np.array(codes)[inverse]
    return found


def _speakers(columns: Columns, origin: Ints, model: Model) -> tuple[Ints, list[tuple[Source, str]]]:
    """Say who has parameters of their own: those with most claims; the others share those of their class."""
    number = np.bincount(origin, minlength=len(columns.sources))
    anchored = np.array([source.name in model.anchors for source in columns.sources], dtype=bool)
    heard = np.argsort(np.where(anchored, -len(origin) - 1, 0) - number, kind="stable")
    heard = heard[number[heard] > 0]
    told_apart = (np.arange(len(heard)) < BUSIEST) | (number[heard] >= ENOUGH) | anchored[heard]
    alone = np.sort(heard[:MOST_SPEAKERS][told_apart[:MOST_SPEAKERS]])
    speaker = np.full(len(number), -1, dtype=np.int64)
    speaker[alone] = np.arange(len(alone))
    speakers = [(columns.sources[k], columns.sources[k].name) for k in alone]
    few: dict[str, int] = {}
    for k in np.setdiff1d(heard, alone):
        label = f"sources with few claims: {model.class_of(columns.sources[k])}"
        if label not in few:
            few[label] = len(speakers)
            speakers.append((columns.sources[k], label))
        speaker[k] = few[label]
    return speaker, speakers


def pose(columns: Columns, roles: Roles, model: Model) -> Posed:
    """Make a problem of the claims that are used; each quantity is taken by itself.

    Parameters
    ----------
    columns : Columns
    roles : Roles
    model : Model

    Returns
    -------
    Posed
    """
    rows = used_rows(columns, roles)
    origin = roles.origin[rows].astype(np.int64)
    code = count_codes(columns.quantities)
    moment = columns.reported.take(rows)
    time = np.where(moment.clock == MISSING, np.iinfo(np.int64).max, moment.at)
    activity = np.bincount(origin, minlength=len(columns.sources))[origin]
    # Where no date tells, the busier source is taken to have spoken first.
    told = np.empty(len(rows), dtype=np.int64)
    told[np.lexsort((origin, -activity, time))] = np.arange(len(rows))
    order = np.lexsort((told, code[columns.quantity[rows]]))
    rows, origin, told = rows[order], origin[order], told[order]
    kinds, event = np.unique(code[columns.quantity[rows]], return_inverse=True)
    count = np.full(int(code.max(initial=-1)) + 1, -1, dtype=np.int64)
    count[kinds] = np.arange(len(kinds))
    used, value = np.unique(columns.value[rows], return_inverse=True)
    meanings = tuple(model.speech.read(columns.values[int(v)]) for v in used)
    first = np.unique(event, return_index=True)[1]
    named = [str(outcome) for outcome in columns.quantities.outcomes]
    outcome_of = columns.quantities.outcome[columns.quantity[rows[first]]]
    present, outcome = np.unique(outcome_of, return_inverse=True)
    outcomes = [named[int(k)] for k in present]
    relation = _relations(columns, rows, origin)
    speaker, speakers = _speakers(columns, origin, model)
    mine = speaker[origin]
    echoes = find_echoes(event, value, mine, told)
    heaps = np.array([bool(np.any(m.plain != m.heaped)) for m in meanings], dtype=bool)[value]
    heard: dict[tuple[int, Relation], frozenset[str]] = {}
    pair = mine * len(RELATIONS) + relation
    may_heap = np.bincount(pair, heaps, len(speakers) * len(RELATIONS)) > 0
    may_copy = np.bincount(pair, echoes.there[0], len(speakers) * len(RELATIONS)) > 0
    for key in np.unique(pair):
        who, how = divmod(int(key), len(RELATIONS))
        more = {PARAMETERS[HEAPING]} if may_heap[key] else set()
        more |= {PARAMETERS[COPYING]} if may_copy[key] else set()
        heard[who, RELATIONS[how]] = frozenset({*model.channel.parameters, *more})
    hierarchy = Hierarchy.of(speakers, heard, outcomes, model)
    claims = Claims(event, value, columns.hedged[rows], meanings, outcome)
    places = hierarchy.place[mine, relation].T
    problem = Problem(claims, mine, np.ascontiguousarray(places), hierarchy, echoes)
    return Posed(problem, rows, relation, count[code], speaker, tuple(speakers))
