# SPDX-License-Identifier: MIT
"""From columns of claims to a problem: counts, what binds them, speakers, relations, and the order of telling."""

from __future__ import annotations

import datetime
import functools
from collections import defaultdict
from collections.abc import Sequence
from typing import TypeAlias

import attrs
import numpy as np
from numpy.typing import NDArray

from reconcile.accounts import Account, box, build_accounts, contains, group_linked
from reconcile.columns import CALENDAR, KINDS, MISSING, Columns, Moments, QuantityTable
from reconcile.inference.arrays import PARAMETERS, Claims
from reconcile.inference.copying import Echoes, find_echoes
from reconcile.inference.hierarchy import RELATIONS, Hierarchy
from reconcile.inference.likelihood import Term
from reconcile.inference.rising import Rises, round_hours
from reconcile.inference.rows import COPYING, HEAPING, SPREAD
from reconcile.model import Model
from reconcile.plumbing import check
from reconcile.roles import Roles
from reconcile.times import DOUBTS, find_times, hours_of
from reconcile.values import Share
from reconcile.vocabulary import Quantity, Relation, Source, relate

__all__ = [
    "CorpusProblem",
    "Linked",
    "Problem",
    "ShareClaim",
    "build_problem",
    "count_codes",
    "known_quantities",
    "outermost",
    "used_rows",
]

Floats: TypeAlias = NDArray[np.float64]
Ints: TypeAlias = NDArray[np.int64]

THIRD = RELATIONS.index(Relation.THIRD)


@attrs.frozen(eq=False)
class ShareClaim:
    """A claim that sets a part in proportion to its whole.

    Attributes
    ----------
    row : int
        In the columns of the corpus.
    part, whole : int
        Nodes of the account.
    term : Term
    place : int
        Where the spread of its source stands among the parameters.
    """

    row: int
    part: int
    whole: int
    term: Term
    place: int


@attrs.frozen(eq=False)
class Linked:
    """Counts that identities bind together.

    Attributes
    ----------
    account : Account
    counts : tuple of int
        Which count of the problem each node is; -1 for one of which no claim gives a number.
    shares : tuple of ShareClaim
    """

    account: Account
    counts: tuple[int, ...]
    shares: tuple[ShareClaim, ...]


@attrs.frozen(eq=False)
class Problem:
    """Claims about counts, and who makes them.

    Attributes
    ----------
    claims : Claims
    source : ndarray of int, shape (n,)
        Speaker of each claim.
    columns : ndarray of int, shape (8, n)
        Places of the parameters of each claim in the vector of `hierarchy`.
    hierarchy : Hierarchy
    echoes : Echoes
    power : ndarray, shape (n,)
        Exponent of what each claim says of counts that are bound to others.
    told : ndarray of int, shape (n,)
        Order of telling.
    linked : tuple of Linked
    speakers : tuple of Source
    slots : tuple of str
        Names of the eight parameters that a source may have.
    model : Model
    rises : Rises, optional
        When claims speak of counts that rise; None where none does.
    """

    claims: Claims
    source: Ints
    columns: Ints
    hierarchy: Hierarchy
    echoes: Echoes
    power: Floats
    told: Ints
    linked: tuple[Linked, ...]
    speakers: tuple[Source, ...]
    slots: tuple[str, ...]
    model: Model
    rises: Rises | None = None

    def only(self, events: Ints) -> Problem:
        """Keep some of the counts, in ascending order."""
        renamed = np.full(len(self.claims.outcome), -1, dtype=np.int64)
        renamed[events] = np.arange(len(events))
        kept = np.flatnonzero(renamed[self.claims.event] >= 0)
        return self.take(kept, renamed[self.claims.event[kept]], events)

    def take(self, rows: Ints, event: Ints, events: Ints) -> Problem:
        """Keep the claims at some rows, about counts that are numbered anew by `event` and are those at `events`."""
        claims = attrs.evolve(
            self.claims,
            event=event,
            value=self.claims.value[rows],
            hedged=self.claims.hedged[rows],
            outcome=self.claims.outcome[events],
        )
        echoes = attrs.evolve(self.echoes, there=self.echoes.there[:, rows], same=self.echoes.same[:, rows])
        return attrs.evolve(
            self, claims=claims, source=self.source[rows], columns=self.columns[:, rows], echoes=echoes,
            power=self.power[rows], told=self.told[rows], linked=(),
            rises=None if self.rises is None else self.rises.take(rows, events),
        )  # fmt: skip

    def split(self) -> list[tuple[Problem, Ints, Ints, Ints]]:
        """Take apart what has no parameter in common.

        Nothing is learned of classes and count priors then, else all claims hang together.

        Returns
        -------
        list of (Problem, parameters, counts, accounts)
            With the places here of what each has, in ascending order.
        """
        layout, counts = self.hierarchy, len(self.claims.outcome)
        if len(layout.classes) or len(layout.joint) or layout.sd[layout.counts].any():
            return [(self, np.arange(len(layout)), np.arange(counts), np.arange(len(self.linked)))]
        speakers = len(layout.place)
        pairs = list(zip(self.source.tolist(), (speakers + self.claims.event).tolist(), strict=True))
        owner = {int(place): who for who, table in enumerate(layout.place) for place in np.unique(table)}
        for at, one in enumerate(self.linked):
            node = speakers + counts + at
            pairs += [(node, speakers + count) for count in one.counts if count >= 0]
            pairs += [(node, owner[share.place]) for share in one.shares]
        groups = group_linked(speakers + counts + len(self.linked), pairs)
        found = []
        for members in groups:
            some = np.array(members, dtype=np.int64)
            who = some[some < speakers]
            which = some[(some >= speakers) & (some < speakers + counts)] - speakers
            accounts = some[some >= speakers + counts] - speakers - counts
            places = np.unique(layout.place[who])
            outcomes = self._outcomes_of(which, accounts)
            kept = np.union1d(places[places < len(layout)], layout.counts[outcomes].ravel())
            found.append((self._part(kept, outcomes, which, accounts), kept, which, accounts))
        return [one for one in found if len(one[2]) or len(one[3])]

    def _outcomes_of(self, counts: Ints, accounts: Ints) -> Ints:
        """Outcomes of some counts, and those whose priors some accounts ask for, in ascending order."""
        names = [self.hierarchy.names[int(at)].owner for at in self.hierarchy.counts[:, 0]]
        priors = (prior for at in accounts.tolist() for prior in self.linked[at].account.priors.values())
        asked = {names.index(prior.outcome) for prior in priors}
        return np.array(sorted({*self.claims.outcome[counts].tolist(), *asked}), dtype=np.int64)

    def _part(self, kept: Ints, outcomes: Ints, counts: Ints, accounts: Ints) -> Problem:
        """Keep some parameters, outcomes, counts and accounts, so that no others can be told from none."""
        part, layout = self.only(counts), self.hierarchy
        new = np.full(len(layout) + 1, len(kept), dtype=np.int64)
        new[kept] = np.arange(len(kept))
        renamed = {int(count): at for at, count in enumerate(counts)} | {-1: -1}
        linked = tuple(
            Linked(
                one.account,
                tuple(renamed[count] for count in one.counts),
                tuple(attrs.evolve(share, place=int(new[share.place])) for share in one.shares),
            )
            for one in (self.linked[at] for at in accounts.tolist())
        )
        fewer = layout.only(kept)
        hierarchy = attrs.evolve(fewer, counts=fewer.counts[outcomes], wide=fewer.wide[outcomes])
        claims = attrs.evolve(part.claims, outcome=np.searchsorted(outcomes, part.claims.outcome))
        return attrs.evolve(part, claims=claims, columns=new[part.columns], hierarchy=hierarchy, linked=linked)

    @functools.cached_property
    def alone(self) -> Ints:
        """Counts that are summed out by themselves, in ascending order.

        Nothing binds them to others, or they cross with others, and then it is each by itself that teaches.
        """
        bound = [at for one in self.linked if one.account.is_tree for at in one.counts if at >= 0]
        return np.setdiff1d(np.arange(len(self.claims.outcome)), np.array(bound, dtype=np.int64))


@attrs.frozen(eq=False)
class CorpusProblem:
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
    wholes : frozenset of Quantity
        Those that only shares speak of.
    """

    problem: Problem
    rows: Ints
    relation: Ints
    count: Ints
    speaker: Ints
    wholes: frozenset[Quantity]


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


def known_quantities(columns: Columns, roles: Roles) -> Ints:
    """Codes of the quantities of which a claim is heard, in ascending order."""
    return np.unique(columns.quantity[roles.heard]).astype(np.int64)


def outermost(whole: Ints) -> Ints:
    """Outermost event of each, `whole` being the one that each is part of, or -1."""
    root = np.where(whole >= 0, whole, np.arange(len(whole)))
    # Each step goes twice as far up as the one before, so that so many reach the top of any chain.
    for _ in range(len(whole).bit_length()):
        root = root[root]
    return root


def _is_share(columns: Columns) -> NDArray[np.bool_]:
    kinds = np.array([isinstance(value, Share) for value in columns.values], dtype=bool)
    found: NDArray[np.bool_] = kinds[columns.value]
    return found


def used_rows(columns: Columns, roles: Roles) -> Ints:
    """Rows of the claims that are used and speak of counts, not shares."""
    return np.flatnonzero(roles.used & ~_is_share(columns))


def _find_accounts(columns: Columns, roles: Roles) -> tuple[list[tuple[Account, list[int]]], Ints]:
    """Find the accounts that bind several counts, each with the rows of its shares; and the rows of all shares."""
    table, known = columns.quantities, known_quantities(columns, roles)
    root = outermost(table.events.whole.astype(np.int64))
    family = root[table.event[known]]
    order = np.argsort(family, kind="stable")
    kinds, first, number = np.unique(family[order], return_index=True, return_counts=True)
    families = {
        int(kinds[k]): [int(q) for q in known[order[first[k] : first[k] + number[k]]]]
        for k in np.flatnonzero(number > 1)
    }
    shares = np.flatnonzero(roles.used & _is_share(columns))
    rows: dict[int, list[int]] = defaultdict(list)
    for row in shares.tolist():
        of = int(columns.quantity[row])
        rows[int(root[table.event[of]])].append(row)
        families.setdefault(int(root[table.event[of]]), [of])
    plain: dict[object, bool] = {}  # patterns of counts of one event between which there is no identity
    found = []
    for event, members in families.items():
        pattern = tuple(sorted((int(table.outcome[q]), int(table.group[q]), int(table.period[q])) for q in members))
        single = len({int(table.event[q]) for q in members}) == 1 and event not in rows
        if single and plain.get(pattern):
            continue
        said = {row: columns.claim(row) for row in rows.get(event, ())}
        pairs = {(one.quantity, one.whole) for one in said.values()}
        accounts = build_accounts({*(table[q] for q in members), *(whole for _, whole in pairs)}, pairs)
        if single:
            plain[pattern] = all(len(account.nodes) == 1 for account in accounts)
        for account in accounts:
            if len(account.nodes) > 1:
                inside = {box(q) for q in account.quantities}
                found.append((account, [row for row, one in said.items() if box(one.quantity) in inside]))
    return found, shares


def _powers(columns: Columns, rows: Ints, origin: Ints, linked: NDArray[np.bool_]) -> Floats:
    """Exponent of each claim: 1 over how often its speaker at once gives this figure for these people or some of them.

    "Eight military and civilian personnel" and, further down, "eight military personnel" are one figure told twice: if
    it is wrong, it is wrong in both. It weighs in full for the people of both, and half for the wider group. Only
    counts that are bound together can hold each other.
    """
    power = np.ones(len(rows))
    table = columns.quantities
    root = outermost(table.events.whole.astype(np.int64))
    told: dict[object, list[int]] = defaultdict(list)
    for at in np.flatnonzero(linked).tolist():
        row = int(rows[at])
        event = int(root[table.event[columns.quantity[row]]])
        told[event, int(origin[at]), int(columns.value[row]), columns.reported[row]].append(at)
    for places in told.values():
        if len(places) > 1:
            mine = [table[int(columns.quantity[rows[at]])] for at in places]
            for at, one in zip(places, mine, strict=True):
                power[at] = 1 / sum(contains(one, other) for other in mine)
    return power


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


def build_problem(
    columns: Columns,
    roles: Roles,
    model: Model,
    *,
    learn: bool = True,
    looked_until: datetime.date | None = None,
) -> CorpusProblem:
    """Make a problem of the claims that are used; each quantity is taken by itself.

    Parameters
    ----------
    columns : Columns
    roles : Roles
    model : Model
    learn : bool, keyword
        Whether classes and count priors are learned too; see `Hierarchy.of`.
    looked_until : date or datetime, keyword, optional
        Until when the newest figures of tolls that rise stand.

    Returns
    -------
    CorpusProblem
    """
    slots = _name_slots(model)
    rows = used_rows(columns, roles)
    accounts, shares = _find_accounts(columns, roles)
    share_by = roles.origin[shares].astype(np.int64)
    share_told = dict(
        zip(shares.tolist(), _order(columns, shares, share_by, np.full(len(shares), THIRD)).tolist(), strict=True)
    )
    origin = roles.origin[rows].astype(np.int64)
    code = count_codes(columns.quantities)
    relation = _relations(columns, rows, origin)
    told = _order(columns, rows, origin, relation)
    order = np.lexsort((told, code[columns.quantity[rows]]))
    rows, origin, told, relation = rows[order], origin[order], told[order], relation[order]
    kinds, event = np.unique(code[columns.quantity[rows]], return_inverse=True)
    count = np.full(int(code.max(initial=-1)) + 1, -1, dtype=np.int64)
    count[kinds] = np.arange(len(kinds))
    used, value = np.unique(columns.value[rows], return_inverse=True)
    meanings = tuple(model.speech.read(columns.values[int(v)]) for v in used)
    first = np.unique(event, return_index=True)[1]
    table = columns.quantities
    named = [str(outcome) for outcome in table.outcomes]
    outcome_of = [named[int(k)] for k in table.outcome[columns.quantity[rows[first]]]]
    priors = {prior.outcome for account, _ in accounts for prior in account.priors.values()}
    outcomes = sorted({*outcome_of, *priors})
    outcome = np.array([outcomes.index(name) for name in outcome_of], dtype=np.int64)

    told_by = np.unique(np.concatenate([origin, share_by]))
    speaker = np.full(len(columns.sources), -1, dtype=np.int64)
    speaker[told_by] = np.arange(len(told_by))
    speakers = [columns.sources[int(k)] for k in told_by]
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
        heard[who, RELATIONS[how]] = frozenset({*model.channel_of(speakers[who]).parameters, *more})
    for who in np.unique(speaker[share_by]).tolist():
        at = (who, Relation.THIRD)  # the spread is the same whatever the relation
        heard[at] = heard.get(at, frozenset()) | {PARAMETERS[SPREAD]}
    hierarchy = Hierarchy.of(speakers, heard, outcomes, model, parameters=slots, learn=learn)
    node_of = {box(table[int(q)]): int(count[code[q]]) for q in known_quantities(columns, roles)} if accounts else {}
    linked = []
    for account, share_rows in accounts:
        counts = tuple(-1 if q is None else node_of.get(box(q), -1) for q in account.nodes)
        said = []
        for row in sorted(share_rows, key=share_told.__getitem__):
            role = roles[row]
            term = Term.of(role.claim, role.origin, role.relation, model)
            part, whole = account.places(role.claim.quantity, role.claim.whole)
            place = int(hierarchy.place[speaker[roles.origin[row]], THIRD, SPREAD])
            said.append(ShareClaim(row, part, whole, term, place))
        linked.append(Linked(account, counts, tuple(said)))
    rises = _find_rises(columns, rows, event, model, looked_until)
    asked = np.zeros(len(kinds), dtype=bool)
    asked[event[rises.time >= 0] if rises is not None else []] = True
    if rises is not None or not model.is_standard:
        linked += _alone_as_accounts(columns, rows, event, linked, asked | (not model.is_standard))
    bound = np.zeros(len(kinds), dtype=bool)
    bound[[at for one in linked for at in one.counts if at >= 0]] = True
    claims = Claims(event, value, columns.hedged[rows], meanings, outcome)
    places = hierarchy.place[mine, relation].T
    problem = Problem(
        claims, mine, np.ascontiguousarray(places), hierarchy, echoes, _powers(columns, rows, origin, bound[event]),
        told, tuple(linked), tuple(speakers), slots, model, rises,
    )  # fmt: skip
    wholes = {q for account, _ in accounts for q in account.quantities if box(q) not in node_of}
    return CorpusProblem(problem, rows, relation, count[code], speaker, frozenset(wholes))


def _name_slots(model: Model) -> tuple[str, ...]:
    """Name the eight parameters that a source may have: where channels are one's own, theirs stand in free places.

    Raises
    ------
    InvalidValue
        For channels of more than six parameters between them.
    """
    mine = dict.fromkeys(name for one in (model.channel, *model.channels.values()) for name in one.parameters)
    own = [name for name in mine if name not in PARAMETERS]
    free = [k for k, name in enumerate(PARAMETERS) if name not in mine and k not in (HEAPING, COPYING)]
    check(
        len(own) <= len(free), "Model.channels", tuple(mine), f"at most {len(PARAMETERS) - 2} parameters between them"
    )
    found = list(PARAMETERS)
    for name, slot in zip(own, free, strict=False):
        found[slot] = name
    return tuple(found)


def _find_rises(
    columns: Columns, rows: Ints, event: Ints, model: Model, looked_until: datetime.date | None
) -> Rises | None:
    """Say when claims speak of counts that rise; None where none does, or the model knows of no rise."""
    if model.rising is None or not (usable := (times := find_times(columns)).usable[rows]).any():
        return None
    first = columns.quantity[rows[np.unique(event, return_index=True)[1]]]
    of, events = columns.quantities.event[first], columns.quantities.events
    kind = np.array([KINDS[code] for code in events.kind[of]], dtype=object)
    outcomes = columns.quantities.outcomes
    doubt = np.array([DOUBTS.get(outcomes[k].elements, 1.0) for k in columns.quantities.outcome[first]])
    hours = np.where(usable, times.hours[rows], np.nan)
    if looked_until is not None:
        until = Moments.of([looked_until])
        newest = np.full(len(first), -np.inf)
        np.maximum.at(newest, event, np.where(usable, hours, -np.inf))
        for at in np.flatnonzero(usable & (hours == newest[event])).tolist():
            hours[at] = max(hours[at], np.nan_to_num(hours_of(columns, int(columns.quantity[rows[at]]), until)))
    time = round_hours(hours)
    day = events.start.clock[of] == CALENDAR
    return Rises(model.rising, kind, day, doubt, time, np.full(len(first), -1, dtype=np.int64))


def _alone_as_accounts(
    columns: Columns, rows: Ints, event: Ints, linked: Sequence[Linked], asked: NDArray[np.bool_]
) -> list[Linked]:
    """Make accounts of counts that nothing binds to others: only there channels of one's own, and rises, are asked."""
    bound = {count for one in linked for count in one.counts}
    first = np.unique(event, return_index=True)[1]
    found = []
    for count, at in enumerate(first.tolist()):
        if asked[count] and count not in bound:
            (account,) = build_accounts([columns.quantities[int(columns.quantity[rows[at]])]])
            found.append(Linked(account, (count,), ()))
    return found


def _order(columns: Columns, rows: Ints, origin: Ints, relation: Ints) -> Ints:
    """Order of telling; shape (n,). Where no date tells, the busier source is taken to have spoken first.

    What is still undecided is decided by what is said, and by whom only where all is alike: names decide nothing else.
    """
    moment = columns.reported.take(rows)
    time = np.where(moment.clock == MISSING, np.iinfo(np.int64).max, moment.at)
    activity = np.bincount(origin, minlength=len(columns.sources))[origin]
    kinds = sorted({str(source.kind) for source in columns.sources})
    kind = np.array([kinds.index(str(source.kind)) for source in columns.sources], dtype=np.int64)
    said = {
        value: at for at, value in enumerate(sorted(range(len(columns.values)), key=lambda k: str(columns.values[k])))
    }
    value = np.array([said[k] for k in range(len(said))], dtype=np.int64)[columns.value[rows]]
    told = np.empty(len(rows), dtype=np.int64)
    told[np.lexsort((origin, value, kind[origin], relation, -activity, time))] = np.arange(len(rows))
    return told
