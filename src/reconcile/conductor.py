# SPDX-License-Identifier: MIT
"""Small sets of claims: sorted into accounts and solved, each source integrated over its priors."""

from __future__ import annotations

import functools
import itertools
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence

import attrs
import numpy as np

from reconcile.accounts import Account, box, build_accounts, contains
from reconcile.claims import Claim
from reconcile.columns import Moments
from reconcile.components import Component, Fit, Task
from reconcile.constraints import read_literally
from reconcile.estimates import Diagnostics, Estimate, Part, Role
from reconcile.integration import integrate
from reconcile.likelihood import Term
from reconcile.model import Model
from reconcile.notes import describe_contradiction, find_contradictions, find_repetitions
from reconcile.plumbing import in_words
from reconcile.pmf import PMF
from reconcile.sampling import sample_component
from reconcile.vocabulary import Quantity

__all__ = ["COARSE", "DRAWS", "Conductor", "conduct", "find_outvoted"]

DRAWS = 1024
# Claims solved together because they share sources; with more, each account goes by itself, else it takes too long
# (judgement).
MOST_LINKED = 200
COARSE = 0.03  # standard error of a probability beyond which a reader is told


def conduct(roles: Iterable[Role], model: Model, *, draw_all: bool = False) -> Conductor:
    """Sort claims into accounts, and make them ready for integrating each source over its priors.

    Parameters
    ----------
    roles : iterable of Role
        By claim id.
    model : Model
    draw_all : bool, keyword
        Draw the parameters of every source, and not only of those that make several claims.
    """
    roles = tuple(roles)
    used = [role for role in roles if role.role is Part.USED]
    # A quantity whose claims all are still to come has no estimate yet, and no account.
    known = [r for r in roles if r.role.heard]
    mentioned = {r.claim.quantity for r in known} | {r.claim.whole for r in known if r.claim.whole is not None}
    shares = {(r.claim.quantity, r.claim.whole) for r in used if r.claim.whole is not None}
    accounts = build_accounts(mentioned, shares)
    terms = [Term.of(r.claim, r.origin, r.relation, model) for r in used]
    told, heard = _times_told(used), _echoes(used)
    terms = [attrs.evolve(term, power=1 / n, echo=echo) for term, n, echo in zip(terms, told, heard, strict=True)]
    return Conductor(model, accounts, used, terms, mentioned, draw_all=draw_all)


class Conductor:
    """Accounts with their claims, and what it takes to solve those together that share sources.

    Attributes
    ----------
    accounts : tuple of Account
    home : mapping of box to int
        The account of each count.
    used : list (accounts) of list of (Role, Term)
    """

    def __init__(
        self,
        model: Model,
        accounts: tuple[Account, ...],
        used: list[Role],
        terms: list[Term],
        mentioned: set[Quantity],
        *,
        draw_all: bool = False,
    ) -> None:
        self.model, self.accounts, self.mentioned = model, accounts, mentioned
        self.home = {box(q): at for at, account in enumerate(accounts) for q in account.quantities}
        self.used: list[list[tuple[Role, Term]]] = [[] for _ in accounts]
        speakers: dict[str, int] = defaultdict(int)
        for role, term in zip(used, terms, strict=True):
            self.used[self.home[box(role.claim.quantity)]].append((role, term))
            speakers[role.origin.name] += 1
        self._draw_all = draw_all
        self._busy = frozenset(name for name, count in speakers.items() if draw_all or count > 1)

    def fit(self, draws: int, rng: np.random.Generator) -> list[tuple[Component, Fit]]:
        """Solve the accounts, those together that share sources."""
        found = []
        for members in self.components():
            component = Component.of([self.task(at) for at in members])
            exact = all(task.account.is_tree for task in component.tasks)
            fit = integrate(component, draws=draws, rng=rng) if exact else sample_component(component, rng=rng)
            found.append((component, fit))
        return found

    def conclude(
        self, roles: Sequence[Role], solved: list[tuple[Component, Fit]]
    ) -> tuple[dict[Quantity, Estimate], Diagnostics]:
        """Write the estimates and what there is to say of them."""
        pmfs: dict[tuple[object, ...], PMF] = {}
        engines: dict[str, str] = {}
        fits = [fit for _, fit in solved]
        for component, fit in solved:
            exact = all(task.account.is_tree for task in component.tasks)
            for task, marginals in zip(component.tasks, fit.marginals, strict=True):
                for node, quantity in enumerate(task.account.nodes):
                    if quantity is not None:
                        mass = marginals[node]
                        pmfs[box(quantity)] = PMF(task.lattice.bare(), mass / mass.sum())
                        engines[quantity.key] = "exact" if exact else "gibbs"
        by_quantity: dict[Quantity, list[Role]] = defaultdict(list)
        for role in roles:
            by_quantity[role.claim.quantity].append(role)
        estimates = {}
        for quantity in sorted(self.mentioned, key=lambda q: q.key):
            pmf, mine = pmfs[box(quantity)], tuple(by_quantity[quantity])
            estimates[quantity] = Estimate(quantity, pmf, mine, self._furthest.get(quantity, ""))
        bound = (one for q, one in estimates.items() if len(self.accounts[self.home[box(q)]].nodes) > 1)
        diagnostics = Diagnostics(
            engines,
            max((fit.draws for fit in fits), default=0),
            min((fit.ess for fit in fits), default=np.inf),
            max((fit.khat for fit in fits), default=-np.inf),
            max((fit.error for fit in fits), default=0.0),
            (*self._notes(), *self._limits(), *find_outvoted(bound, self.model), *_doubts(fits)),
        )
        return estimates, diagnostics

    def components(self) -> list[list[int]]:
        """Sort accounts into groups that share a source with several claims; too large ones are taken apart."""
        apart, found = self._apart, []
        for group in self._linked:
            found += [[at] for at in group] if group[0] in apart else [group]
        return sorted(found)

    def drawn_in(self, at: int) -> frozenset[str]:
        """Name the sources whose parameters are drawn where an account is solved."""
        said = Counter(term.source.name for _, term in self.used[at])
        if at not in self._apart or self._draw_all:
            return self._busy & frozenset(said)
        return frozenset(name for name, number in said.items() if number > 1)

    @functools.cached_property
    def _linked(self) -> list[list[int]]:
        groups: list[tuple[set[str], list[int]]] = []
        for at, pairs in enumerate(self.used):
            names, members = {term.source.name for _, term in pairs} & self._busy, [at]
            for group in [g for g in groups if g[0] & names]:
                groups.remove(group)
                names, members = names | group[0], group[1] + members
            groups.append((names, members))
        return [sorted(members) for _, members in groups]

    @functools.cached_property
    def _apart(self) -> frozenset[int]:
        """The accounts that share sources with others, but are solved by themselves."""
        return self._crowded | frozenset(itertools.chain(*filter(self._is_monologue, self._linked)))

    @functools.cached_property
    def _crowded(self) -> frozenset[int]:
        many = [g for g in self._linked if len(g) > 1 and sum(len(self.used[at]) for at in g) > MOST_LINKED]
        return frozenset(itertools.chain(*many))

    def _is_monologue(self, group: list[int]) -> bool:
        """Whether one source is all that is heard: its errors and the shape of the counts cannot be told apart."""
        return len({term.source.name for at in group for _, term in self.used[at]}) == 1

    def task(self, at: int) -> Task:
        """Make an account ready for computing."""
        account = self.accounts[at]
        terms = [(account.places(role.claim.quantity, role.claim.whole), term) for role, term in self.used[at]]
        return Task.of(account, terms, self.drawn_in(at), self.model)

    @functools.cached_property
    def _furthest(self) -> dict[Quantity, str]:
        """The two claims that lie furthest apart, of counts of which some lie far apart."""
        heard: dict[Quantity, list[tuple[float, float, Claim]]] = defaultdict(list)
        for role, term in itertools.chain(*self.used):
            if not term.is_share:
                heard[role.claim.quantity].append((term.meaning.low.min(), term.meaning.high.max(), role.claim))
        return {quantity: describe_contradiction(said)[0] for quantity, said in heard.items()}

    def _limits(self) -> list[str]:
        if not self._crowded:
            return []
        said = (
            f"{len(self._crowded):,} groups of counts share sources, with more than {MOST_LINKED} claims between them"
        )
        return [f"{said}: each is estimated by itself, as if its sources spoke nowhere else; `learn=True` learns them"]

    def _notes(self) -> list[str]:
        """Say what is doubtful in the claims; see `notes`."""
        pairs = [(role, term) for some in self.used for role, term in some if not term.is_share]
        quantities = sorted({role.claim.quantity for role, _ in pairs}, key=lambda quantity: quantity.key)
        place = {quantity: k for k, quantity in enumerate(quantities)}
        sources = sorted({role.origin.name: role.origin for role, _ in pairs}.values(), key=lambda one: one.name)
        name = {source.name: k for k, source in enumerate(sources)}
        count = np.array([place[role.claim.quantity] for role, _ in pairs], dtype=np.int64)
        origin = np.array([name[role.origin.name] for role, _ in pairs], dtype=np.int64)
        low, high = np.array([(t.meaning.low.min(), t.meaning.high.max()) for _, t in pairs]).reshape(-1, 2).T

        def claim(at: int) -> Claim:
            return pairs[at][0].claim

        return [*find_contradictions(count, low, high, claim), *find_repetitions(count, origin, sources, claim)]


def _echoes(used: list[Role]) -> list[tuple[float, float]]:
    """Find for each claim how probably a copied claim would be this one, and whether there is one to copy."""
    found = [(0.0, 0.0)] * len(used)
    busy = Counter(role.origin.name for role in used)
    together: dict[object, list[int]] = defaultdict(list)
    for at, role in enumerate(used):
        if role.claim.whole is None:
            together[box(role.claim.quantity)].append(at)
    moments = Moments.of([role.claim.reported for role in used]) if any(len(g) > 1 for g in together.values()) else None
    for group in together.values():
        if moments is None or len(group) == 1:
            continue

        def told(at: int) -> tuple[object, ...]:
            time = int(moments.at[at]) if moments.clock[at] else np.iinfo(np.int64).max
            return time, -busy[used[at].origin.name], used[at].relation, used[at].origin.kind, used[at].origin.name

        ordered = sorted(group, key=told)
        for k, at in enumerate(ordered[1:], start=1):
            same = sum(used[other].claim.value == used[at].claim.value for other in ordered[:k])
            found[at] = (same / k, 1.0)
    return found


def _times_told(used: list[Role]) -> list[int]:
    """Count, for each claim, how often its speaker at once gives the same figure for these people or for some of them.

    "Eight military and civilian personnel" and, further down, "eight military personnel" are one figure told twice: if
    it is wrong, it is wrong in both. It weighs in full for the people of both, and half for the wider group.
    """
    figures: dict[object, list[int]] = defaultdict(list)
    for at, role in enumerate(used):
        if role.claim.whole is None:
            figures[role.origin.name, role.claim.value, role.claim.reported].append(at)
    told = [1] * len(used)
    for places in figures.values():
        for at in places:
            one = used[at].claim.quantity
            others = (used[other].claim.quantity for other in places)
            told[at] = sum(contains(one, q) for q in others)
    return told


def find_outvoted(estimates: Iterable[Estimate], model: Model) -> list[str]:
    """Name counts whose median is outside of all that is claimed of them, because of counts that they are bound to."""
    found = []
    for one in estimates:
        claims = [role.claim for role in one.roles if role.role is Part.USED and role.claim.whole is None]
        ends, median = [read_literally(claim.value, model.speech) for claim in claims], one.median()
        if not claims or min(low for low, _ in ends) <= median <= max(high for _, high in ends):
            continue
        said = in_words(f"{claim.source}: {claim.value}" for claim in claims[:3])
        more = f" and {len(claims) - 3} more" if len(claims) > 3 else ""
        found.append(
            f"{one.quantity}: {median:,} is outside of all that is claimed of it ({said}{more}); "
            "what is claimed of counts that it is bound to speaks against that"
        )
    return found


def _doubts(fits: list[Fit]) -> list[str]:
    notes = []
    error = max((fit.error for fit in fits), default=0.0)
    if error > COARSE:
        notes.append(
            f"probabilities are exact to about {100 * error:.0f} points only: raise `draws` (--draws) for more"
        )
    if any(fit.khat > 0.7 for fit in fits):
        notes.append(
            "the draws of source parameters fit the claims badly (khat above 0.7): intervals may be too narrow"
        )
    return notes
