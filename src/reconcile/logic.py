# SPDX-License-Identifier: MIT
"""What logic alone says of claims, with no prior: which counts are left, and which claims cannot all be true.

Claims are read literally. "About 600" and "dozens" mean the interval to which `speech` gives most weight, a survey its
interval, a share that is one number the nearest whole person; a hedge does not change what is said. Quantities are
bound by all that they have in common: see `crossings`.
"""

from __future__ import annotations

import itertools
import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, TypeAlias

import attrs
import numpy as np

from reconcile.accounts import box
from reconcile.claims import Claim, Corpus
from reconcile.constraints import Statement, System, read_literally, shrink
from reconcile.crossings import bind
from reconcile.errors import ContradictoryClaims, InvalidValue, UnknownQuantity
from reconcile.estimates import ClaimRole, Role
from reconcile.plumbing import check
from reconcile.roles import assign_roles
from reconcile.speech import Speech
from reconcile.vocabulary import Quantity, Source

__all__ = ["Bound", "Bounds", "Contradiction", "Contradictions", "Trust", "bounds", "contradictions", "radius"]

Trust: TypeAlias = Callable[[Claim], bool] | Iterable[str | Source]


@attrs.frozen
class Bound:
    """The counts that logic leaves to one quantity: `low` to `high`, both counted in; `high` is None without an end."""

    quantity: Quantity
    low: int
    high: int | None

    def __str__(self) -> str:
        if self.low == self.high:
            return f"exactly {self.low:,} {self.quantity}"
        return f"{self.low:,} {'or more' if self.high is None else f'to {self.high:,}'} {self.quantity}"


@attrs.frozen(eq=False, repr=False)
class Bounds(Mapping[Quantity, Bound]):
    """Bounds by quantity, in a fixed order.

    Attributes
    ----------
    complete : bool
        Whether no world is left out of account: False where quantities cross in too many ways, and bounds may be wider
        than need be.
    """

    _found: Mapping[Quantity, Bound]
    _parts: Mapping[Quantity, tuple[_Part, int]]
    complete: bool = True

    def __getitem__(self, quantity: Quantity) -> Bound:
        if quantity not in self._found:
            raise UnknownQuantity(str(quantity), tuple(map(str, self._found)))
        return self._found[quantity]

    def __iter__(self) -> Iterator[Quantity]:
        return iter(self._found)

    def __len__(self) -> int:
        return len(self._found)

    def forced_by(self, quantity: Quantity) -> tuple[tuple[Claim, ...], tuple[Claim, ...]]:
        """Give a smallest set of claims that forces the low end, and one that forces the high end."""
        bound = self[quantity]
        part, node = self._parts[quantity]
        ends = [
            Statement(node, 0, bound.low - 1) if bound.low else None,
            None if bound.high is None else Statement(node, bound.high + 1, math.inf),
        ]
        return part.force(ends[0]), part.force(ends[1])

    def __str__(self) -> str:
        return "\n".join(map(str, self._found.values()))

    def __repr__(self) -> str:
        return f"<Bounds of {len(self)} quantities>"


@attrs.frozen
class Contradiction:
    """Claims that cannot all be literally true, while all but any one of them can.

    Attributes
    ----------
    claims : tuple of Claim
    radius : float
        Smallest relative change with which they fit, if every number may be multiplied or divided by up to
        ``1 + radius``; infinite where none will do, as for none against some.
    size : int
        By how many people the numbers must change, all changes together, for the claims to fit.
    """

    claims: tuple[Claim, ...]
    radius: float
    size: int

    @property
    def quantities(self) -> tuple[Quantity, ...]:
        """The quantities that the claims speak of."""
        return tuple(sorted({claim.quantity for claim in self.claims}, key=lambda q: q.key))

    def __str__(self) -> str:
        one = len(self.quantities) == 1
        said = "; ".join(f'{c.source}: "{c.value}"{"" if one else f" {c.quantity}"}' for c in self.claims)
        percent = f"{100 * self.radius:.3g} %" if math.isfinite(self.radius) else "no relative change makes them fit"
        about = f"{self.quantities[0]}: " if one else ""
        both = "both" if len(self.claims) == 2 else "all"
        return f"{about}{said} cannot {both} be literally true (off by {self.size:,}; {percent})"


@attrs.frozen(repr=False)
class Contradictions(Sequence[Contradiction]):
    """Contradictions, the largest radius first.

    Attributes
    ----------
    found : tuple of Contradiction
    left_out : int
        How many more are known, beyond the limit.
    complete : bool
        Whether `found` and `left_out` are all there are; else the search stopped at the limit, or quantities cross in
        too many ways to be told apart.
    """

    found: tuple[Contradiction, ...]
    left_out: int = 0
    complete: bool = True

    def __len__(self) -> int:
        return len(self.found)

    def __getitem__(self, at: Any) -> Any:
        return self.found[at]

    def __str__(self) -> str:
        more = [f"and {self.left_out:,} more"] if self.left_out else []
        more += [] if self.complete else ["the search stopped at a limit; there may be more"]
        return "\n".join([*map(str, self.found), *more]) or "no contradictions"

    def __repr__(self) -> str:
        return f"<Contradictions: {len(self)}, {self.left_out} left out{'' if self.complete else ', incomplete'}>"


@attrs.frozen(eq=False)
class _Part:
    """An account, with who says what of it."""

    system: System
    said: Mapping[Statement, tuple[Claim, ...]]

    @property
    def statements(self) -> list[Statement]:
        return list(self.said)

    def force(self, end: Statement | None) -> tuple[Claim, ...]:
        if end is None:
            return ()
        forcing = shrink(lambda some: self.system.fits([*some, end]), self.statements)
        return tuple(self.said[one][0] for one in forcing)


def _trusted(roles: Sequence[ClaimRole], trust: Trust | None) -> list[Claim]:
    used = [role for role in roles if role.role is Role.USED]
    if trust is None:
        return [role.claim for role in used]
    if callable(trust):
        return [role.claim for role in used if trust(role.claim)]
    given = [trust] if isinstance(trust, str | Source) else list(trust)
    check(
        all(isinstance(one, str | Source) for one in given), "trust", given, "a callable, sources, names or claim ids"
    )
    names = {one.name if isinstance(one, Source) else one for one in given}
    known = {role.origin.name for role in roles} | {role.claim.source.name for role in roles}
    known |= {role.claim.id for role in used}
    if names - known:
        raise InvalidValue("trust", sorted(names - known), "names of sources of the claims, or ids of claims in use")
    return [role.claim for role in used if role.origin.name in names or role.claim.id in names]


def _parts(
    claims: Iterable[Claim], trust: Trust | None, more: Iterable[Quantity], speech: Speech
) -> tuple[list[_Part], list[Quantity], bool]:
    corpus = claims if isinstance(claims, Corpus) else Corpus(claims)
    roles = list(assign_roles(corpus))
    trusted = sorted(_trusted(roles, trust), key=lambda claim: claim.id)
    mentioned = {role.claim.quantity for role in roles} | {q for r in roles if (q := r.claim.whole) is not None}
    quantities = sorted(mentioned | set(more), key=lambda q: q.key)
    pairs = {(claim.quantity, claim.whole) for claim in trusted if claim.whole is not None}
    accounts, complete = bind(quantities, pairs)
    home = {box(q): (at, node) for at, one in enumerate(accounts) for node, q in enumerate(one.nodes) if q is not None}
    said: list[dict[Statement, list[Claim]]] = [defaultdict(list) for _ in accounts]
    for claim in trusted:
        at, node = home[box(claim.quantity)]
        low, high = read_literally(claim.value, speech)
        whole = None if claim.whole is None else home[box(claim.whole)][1]
        said[at][Statement(node, low, high, whole)].append(claim)
    found = [
        _Part(System(account), {one: tuple(some) for one, some in told.items()})
        for account, told in zip(accounts, said, strict=True)
    ]
    return found, quantities, complete


def bounds(
    claims: Iterable[Claim],
    trust: Trust | None = None,
    *,
    quantities: Iterable[Quantity] = (),
    speech: Speech | None = None,
) -> Bounds:
    """Give the counts that are left to every quantity if the trusted claims are literally true.

    Parameters
    ----------
    claims : iterable of Claim, or Corpus
        Relays, duplicates and superseded claims add nothing.
    trust : callable or collection, optional
        Which claims are true: a function of a claim, or sources, names of sources and claim ids. A source is who
        speaks: the one that is quoted. Default all.
    quantities : iterable of Quantity, keyword
        Further quantities to bound, which no claim mentions.
    speech : Speech, keyword, optional
        What vague words mean.

    Returns
    -------
    Bounds
        A mapping of quantities to `Bound`, for all that the claims mention, trusted or not.

    Raises
    ------
    ContradictoryClaims
        If the trusted claims cannot all be literally true.
    InvalidValue
        For sources and ids that are not among the claims.
    InconsistentClaims
        As `estimate` does.

    Examples
    --------
    >>> import reconcile as rc
    >>> clash, agency = rc.Event("clash"), rc.Source("agency")
    >>> claims = [rc.Claim(clash.killed(), rc.Exactly(8), agency)]
    >>> claims += [rc.Claim(clash.killed(rc.Group(age="child")), rc.AtLeast(2), agency)]
    >>> print(rc.bounds(claims)[clash.killed(rc.Group(age="child"))])
    2 to 8 killed (child), clash
    """
    parts, wanted, complete = _parts(claims, trust, quantities, speech or Speech())
    found: dict[tuple[object, ...], tuple[Any, _Part, int]] = {}
    clashes = []
    for part in parts:
        ends = part.system.intervals(part.statements)
        if ends is None:
            clashes.append(_tell(part, shrink(part.system.fits, part.statements)))
            continue
        for node, quantity in enumerate(part.system.account.nodes):
            if quantity is not None:
                found[box(quantity)] = ends[node], part, node
    if clashes:
        sets = tuple(tuple(claim.id for claim in one.claims) for one in clashes)
        raise ContradictoryClaims("; ".join(map(str, clashes)), sets)
    every, homes = {}, {}
    for quantity in wanted:
        (low, high), part, node = found[box(quantity)]
        every[quantity] = Bound(quantity, int(low), None if high == math.inf else int(high))
        homes[quantity] = part, node
    return Bounds(every, homes, complete)


def contradictions(
    claims: Iterable[Claim], trust: Trust | None = None, *, limit: int = 1_000, speech: Speech | None = None
) -> Contradictions:
    """Find the minimal sets of claims that cannot all be literally true.

    Parameters
    ----------
    claims, trust, speech
        As for `bounds`.
    limit : int, keyword
        How many to give at most, and how many steps to search each account for sets across quantities.

    Returns
    -------
    Contradictions

    Examples
    --------
    >>> import reconcile as rc
    >>> said = [("ministry", 5), ("monitor", 6)]
    >>> claims = [rc.Claim(rc.Event("market").killed(), rc.Exactly(n), rc.Source(name)) for name, n in said]
    >>> print(rc.contradictions(claims))
    killed, market: ministry: "5"; monitor: "6" cannot both be literally true (off by 1; 20 %)
    """
    check(limit > 0, "contradictions(limit)", limit, "a whole number from 1")
    parts, _, complete = _parts(claims, trust, (), speech or Speech())
    sets: list[tuple[_Part, list[Statement]]] = []
    searched: list[bool] = []
    for part in parts:
        some, complete = _minimal(part.system, part.statements, limit)
        sets += [(part, one) for one in some]
        searched.append(complete)
    sets.sort(key=lambda pair: -_reach(*pair))
    found: list[Contradiction] = []
    total = 0
    for part, one in sets:
        total += math.prod(len(part.said[statement]) for statement in one)
        if len(found) < limit:
            first = _tell(part, one)
            each = itertools.islice(itertools.product(*(part.said[s] for s in one)), limit - len(found))
            found += [Contradiction(_sorted(chosen), first.radius, first.size) for chosen in each]
    found.sort(key=lambda c: (-c.radius, -c.size, [claim.id for claim in c.claims]))
    return Contradictions(tuple(found), total - len(found), complete and all(searched))


def radius(claims: Iterable[Claim], trust: Trust | None = None, *, speech: Speech | None = None) -> float:
    """Give the smallest relative change with which all claims fit together; 0 if they do as they are.

    Every number may be multiplied or divided by up to one plus the radius. Infinite where some say none, others some.

    Examples
    --------
    >>> import reconcile as rc
    >>> said = [("ministry", 5), ("monitor", 6)]
    >>> rc.radius([rc.Claim(rc.Event("market").killed(), rc.Exactly(n), rc.Source(name)) for name, n in said])
    0.2
    """
    parts, *_ = _parts(claims, trust, (), speech or Speech())
    return max((part.system.radius(part.statements) for part in parts), default=0.0)


def _sorted(claims: Iterable[Claim]) -> tuple[Claim, ...]:
    return tuple(sorted(claims, key=lambda claim: (claim.source.name, claim.id)))


def _tell(part: _Part, statements: Sequence[Statement]) -> Contradiction:
    size = _gap(statements) or part.system.excess(statements)
    return Contradiction(_sorted(part.said[s][0] for s in statements), part.system.radius(statements), int(size))


def _reach(part: _Part, statements: Sequence[Statement]) -> float:
    """About how large a radius is: of pairs about one count told from their ends, since there may be very many."""
    if not _gap(statements):
        return part.system.radius(statements)
    least, most = min(s.high for s in statements), max(s.low for s in statements)
    return math.sqrt(most / least) - 1 if least else math.inf


def _gap(statements: Sequence[Statement]) -> float:
    """How far two statements about one count are apart; 0 for any other set."""
    if len(statements) != 2 or len({(s.node, s.whole) for s in statements}) > 1 or statements[0].whole is not None:
        return 0
    return float(max(s.low for s in statements) - min(s.high for s in statements))


def _minimal(system: System, statements: list[Statement], limit: int) -> tuple[list[list[Statement]], bool]:
    """Find the minimal sets: pairs about one count by their intervals, the others by MARCO."""
    counts: dict[int, list[int]] = defaultdict(list)
    for at, one in enumerate(statements):
        if one.whole is None:
            counts[one.node].append(at)
    pairs = [
        pair
        for members in counts.values()
        for pair in itertools.combinations(members, 2)
        if max(statements[at].low for at in pair) > min(statements[at].high for at in pair)
    ]
    found = [frozenset(pair) for pair in pairs]
    complete = True
    if len({one.node for one in statements}) > 1 or any(one.whole is not None for one in statements):
        complete = _search(system, statements, found, limit)
    return [[statements[at] for at in sorted(one)] for one in found], complete


def _search(system: System, statements: list[Statement], found: list[frozenset[int]], limit: int) -> bool:
    """Add the minimal sets not found yet (MARCO: Liffiton et al., Constraints 2016); False if the limit came first."""
    from scipy.optimize import Bounds as Ends
    from scipy.optimize import LinearConstraint, milp

    size = len(statements)
    place = {one: at for at, one in enumerate(statements)}
    rows = [np.isin(np.arange(size), list(one)).astype(float) for one in found]
    ends = [(-math.inf, len(one) - 1.0) for one in found]
    for _ in range(limit):
        within = LinearConstraint(np.array(rows), *zip(*ends, strict=True)) if rows else ()
        seed = milp(-np.ones(size), constraints=within, integrality=np.ones(size, dtype=np.int64), bounds=Ends(0, 1))
        if seed.status != 0:
            return True
        chosen = np.flatnonzero(seed.x > 0.5)
        some = [statements[at] for at in chosen]
        if system.fits(some):
            # The largest that is left fits, so no set within it is new: something else must come in.
            outside = np.ones(size)
            outside[chosen] = 0
            if not outside.any():
                return True
            rows.append(outside)
            ends.append((1.0, math.inf))
        else:
            least = frozenset(place[one] for one in shrink(system.fits, some))
            found.append(least)
            rows.append(np.isin(np.arange(size), list(least)).astype(float))
            ends.append((-math.inf, len(least) - 1.0))
    return False
