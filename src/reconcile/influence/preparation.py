# SPDX-License-Identifier: MIT
"""From a posterior to one account that can be solved for any subset of its claims."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import TypeAlias

import attrs
import numpy as np
from numpy.typing import NDArray

from reconcile.accounts import Account, box
from reconcile.arrays import CountEdges
from reconcile.batches import choose_likelihood
from reconcile.components import Component
from reconcile.conductor import COARSE, DRAWS, Conductor, conduct
from reconcile.errors import UnknownQuantity
from reconcile.estimates import Part, Role
from reconcile.inference import count_potentials
from reconcile.influence.coalitions import Coalitions, Sampled, Stage
from reconcile.influence.telling import Telling
from reconcile.integration import Sample, aim, sample
from reconcile.lessons import Staged, Teaching, account_of, places_of, stage
from reconcile.likelihood import Term
from reconcile.model import Model
from reconcile.pmf import TOP, Lattice
from reconcile.posterior import Posterior
from reconcile.sampling import CHAINS
from reconcile.vocabulary import Quantity

__all__ = ["Prepared", "load_of", "prepare"]

Floats: TypeAlias = NDArray[np.float64]
Bools: TypeAlias = NDArray[np.bool_]
Index: TypeAlias = NDArray[np.intp]

MOST_DRAWS = 4_096  # of source parameters, for a count that stands alone
MOST_LEARNED = 256
# Where every draw takes sums over pairs of cells: draws times subsets times pairs, at most; fewest and most draws.
PAIRS, FEWEST, MOST_COSTLY = 600_000_000, 16, 512
ROUNDS = 4  # of further draws, aimed at where what is told is known least


@attrs.frozen(eq=False)
class Prepared:
    """An account, its claims, and the model under which they are read.

    Attributes
    ----------
    coalitions : Coalitions
    account : Account
    roles : tuple of Role
        Of all claims about counts of the account, whatever they do, by claim id.
    model : Model
        With what was learned.
    staged : Staged or None
        Where sources were learned: what of them.
    exact : bool
        Whether nothing was drawn.
    """

    coalitions: Coalitions
    account: Account
    roles: tuple[Role, ...]
    model: Model
    staged: Staged | None
    exact: bool

    @property
    def subsets(self) -> Bools:
        """What is told of: all claims, none, all but each, all but those of each source; shape (b, claims)."""
        return _told(self.coalitions.roles)

    @property
    def costly(self) -> bool:
        """Whether a subset takes sums over pairs of cells."""
        return is_costly(self.account)


def prepare(posterior: Posterior, quantity: Quantity) -> Prepared:
    """Make the account of a quantity ready.

    Raises
    ------
    UnknownQuantity
        For a quantity that has no estimate.
    """
    posterior[quantity]
    teaching = posterior.teaching if posterior.diagnostics.learned else None
    if teaching is None:
        return _of_small(posterior, quantity)
    return _of_corpus(posterior, teaching, quantity)


def _of_small(posterior: Posterior, quantity: Quantity) -> Prepared:
    model, seed = posterior.model, posterior.settings.seed
    conductor = conduct(posterior.roles, model)
    at = conductor.home[box(quantity)]
    account, said = conductor.accounts[at], conductor.used[at]
    inside = {box(q) for q in account.quantities}
    roles = tuple(role for role in posterior.roles if box(role.claim.quantity) in inside)
    busy = Counter(role.origin.name for role in posterior.roles if role.role is Part.USED)
    telling = Telling.of([role for role, _ in said], busy)
    placed = _place(account, said)
    task = conductor.task(at)
    priors = count_potentials(account, task.lattice, model)
    node = account.index(quantity)
    drawn = conductor.drawn_in(at)
    others = _others(conductor, at) if drawn else ()
    if not account.is_tree or not all(conductor.accounts[k].is_tree for k in others):
        terms = tuple(term for _, _, term in placed)
        nodes = tuple(where for _, where, _ in placed)
        rest = tuple(conductor.task(k) for k in others)
        sampled = Sampled(
            task, rest, node, tuple(priors), tuple(role for role, _ in said), terms, nodes, drawn, None, seed, telling
        )
        return Prepared(sampled, account, roles, model, None, exact=False)
    # Shares are told apart by their terms, which `task` holds too.
    prepared = Stage.of(task, node, priors, placed, {}, frozenset(), telling)
    if drawn:
        component = Component.of([task, *(conductor.task(k) for k in others)])

        def ready(found: Sample, random: np.random.Generator) -> tuple[Stage, Index]:
            theta, log_weight, block, kept = found.mixed(MOST_DRAWS, random)
            mine = {column: values for column, values in theta.items() if column[0] in drawn}
            return Stage.of(task, node, priors, placed, mine, drawn, telling).weighed(log_weight, block), kept

        draws, costly = posterior.settings.draws or DRAWS, is_costly(account)
        prepared = _cover(component, ready, draws, np.random.default_rng(seed), costly=costly)
        most = _draws(account, task.lattice, len(prepared.roles), MOST_COSTLY if costly else MOST_DRAWS)
        prepared = prepared.thinned(max(most * draws // DRAWS, FEWEST) if costly else most)
    return Prepared(prepared, account, roles, model, None, exact=not drawn)


def _cover(
    component: Component,
    ready: Callable[[Sample, np.random.Generator], tuple[Stage, Index]],
    draws: int,
    random: np.random.Generator,
    *,
    costly: bool,
) -> Stage:
    """Draw source parameters until all that is told is known well enough, or there were enough rounds."""
    found = sample(component, draws=draws, rng=random)
    points = len(found.sets[-1].points.z)
    stage, kept = ready(found, random)
    subsets = _told(stage.roles)
    for _ in range(1 if costly else ROUNDS):
        weight = stage.aim  # to solve for every subset would cost more than to draw for all of them at once
        if not costly:
            solved = stage.solve(subsets)
            worst = int(np.argmax(solved.errors))
            if solved.errors[worst] <= COARSE:
                break
            weight = solved.weights[worst]
        total: Floats = np.bincount(kept, weight, len(found.log_weight)).astype(np.float64)
        found = aim(component, found, total, points, random)
        stage, kept = ready(found, random)
    return stage


def _told(roles: Sequence[Role]) -> Bools:
    """Pick the subsets of claims that are told of; see `Prepared.subsets`."""
    names = list(dict.fromkeys(role.origin.name for role in roles))
    theirs = np.array([[role.origin.name == name for role in roles] for name in names], dtype=bool)
    number = len(roles)
    ends = np.array([[True] * number, [False] * number], dtype=bool).reshape(2, number)
    return np.concatenate([ends, ~np.eye(number, dtype=bool), ~theirs.reshape(-1, number)])


def is_costly(account: Account) -> bool:
    """Whether a subset takes sums over pairs of cells."""
    return bool(account.shares) or any(join.right is not None for join in account.joins)


def _draws(account: Account, lattice: Lattice, claims: int, most: int) -> int:
    """Say at how many draws to solve an account for each claim that may be left out."""
    if not is_costly(account):
        return most
    each = load_of(account, lattice) * (2 * claims + 2)
    return int(np.clip(PAIRS // each, FEWEST, most)) // 2 * 2


def load_of(account: Account, lattice: Lattice) -> int:
    """Count the pairs of cells that are summed over for one subset and draw."""
    joins = sum(join.right is not None for join in account.joins) + len(account.shares)
    return max(joins * len(lattice.pairs.number), 1) if joins else 1


def _others(conductor: Conductor, at: int) -> tuple[int, ...]:
    members = next(group for group in conductor.components() if at in group)
    return tuple(k for k in members if k != at)


def _place(account: Account, said: list[tuple[Role, Term]]) -> list[tuple[Role, tuple[int, ...], Term]]:
    return [(role, account.places(role.claim.quantity, role.claim.whole), term) for role, term in said]


def _of_corpus(posterior: Posterior, teaching: Teaching, quantity: Quantity) -> Prepared:
    account, rows = account_of(teaching, quantity)
    rows = sorted(rows, key=teaching.columns.id)
    roles = tuple(teaching.roles[row] for row in rows)
    used = [row for row, role in zip(rows, roles, strict=True) if role.role is Part.USED]
    model = attrs.evolve(posterior.model, learned=teaching.learned(posterior.model.learned))
    single = len(account.nodes) == 1
    ready = stage(teaching, model, account, used, CHAINS)
    if account.is_tree:
        most = _draws(account, ready.task.lattice, len(used), MOST_LEARNED)
        ready = stage(teaching, model, account, used, min(len(teaching.lesson.xs), most))
    task, node = ready.task, account.index(quantity)
    said = [teaching.roles[row] for row in used]
    telling = _tell(teaching, used, said)
    priors = count_potentials(account, task.lattice, model)
    if single:
        priors = [_count_priors(teaching, ready, quantity, task.lattice.low, task.lattice.width)]
    placed = [(role, nodes, term) for role, (nodes, term) in zip(said, ready.terms, strict=True)]
    if not account.is_tree:
        sampled = Sampled(
            task, (), node, tuple(priors), tuple(said), tuple(term for _, term in ready.terms),
            tuple(nodes for nodes, _ in ready.terms), ready.drawn, ready.theta, posterior.settings.seed, telling,
        )  # fmt: skip
        return Prepared(sampled, account, roles, model, ready, exact=False)
    return Prepared(
        Stage.of(task, node, priors, placed, ready.theta, ready.drawn, telling),
        account, roles, model, ready, exact=False,
    )  # fmt: skip


def _tell(teaching: Teaching, used: list[int], said: list[Role]) -> Telling:
    """Take the order of telling and the favourites from what was learned."""
    posed, echoes = teaching.posed, teaching.lesson.problem.echoes
    place = places_of(posed, used)
    order = [place.get(row, len(posed.rows)) for row in used]
    found = Telling.of(said, Counter(role.origin.name for role in said), order)
    speaker = posed.speaker[teaching.roles.origin[used]] if used else np.zeros(0, dtype=np.int64)
    return attrs.evolve(
        found, origin=speaker, shares=echoes.shares[:, speaker], favourites=echoes.favourites[:, speaker]
    )


def _count_priors(
    teaching: Teaching, ready: Staged, quantity: Quantity, low: NDArray[np.int64], width: Floats
) -> Floats:
    """Average prior probability of a count in each cell, for each draw of the count priors; shape (draws, n)."""
    posed, problem = teaching.posed, teaching.lesson.problem
    table = teaching.columns.quantities
    code = next(k for k in np.unique(teaching.columns.quantity).tolist() if box(table[k]) == box(quantity))
    if posed.count[code] < 0:
        raise UnknownQuantity(str(quantity))
    outcome = problem.claims.outcome[posed.count[code]]
    edges = CountEdges.of(np.append(low, TOP + 1), problem.hierarchy.wide)
    tails, _ = choose_likelihood().tails(edges, problem.hierarchy.count_values(ready.xs), slopes=False)
    return np.maximum(-np.diff(tails[:, outcome, : len(low) + 1], axis=1), 0.0) / width
