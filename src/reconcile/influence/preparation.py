# SPDX-License-Identifier: MIT
"""From a posterior to one account that can be solved for any subset of its claims."""

from __future__ import annotations

import functools
from collections import Counter
from collections.abc import Sequence
from typing import TypeAlias

import attrs
import numpy as np
from numpy.typing import NDArray

from reconcile.accounts import Account, box
from reconcile.estimates import ClaimRole
from reconcile.inference.corpus_fit import (
    POOL,
    CorpusFit,
    PreparedAccount,
    account_of,
    node_priors,
    places_of,
    prepare_account,
)
from reconcile.influence.coalitions import Coalitions, Found, Sampled, Stage
from reconcile.influence.pools import LARGE, Pool, Unit, collect
from reconcile.influence.telling import Telling
from reconcile.model import Model
from reconcile.pmf import Lattice
from reconcile.posterior import Posterior
from reconcile.vocabulary import Quantity

__all__ = ["FEWEST", "Prepared", "is_costly", "load_of", "prepare", "subsets_told"]

Floats: TypeAlias = NDArray[np.float64]
Bools: TypeAlias = NDArray[np.bool_]

# Draws at which claims are read: at most, and such that cells times draws times claims fit into memory.
MOST_DRAWS, CELLS = 2_048, 12_000_000
SHOWN = 400  # draws from which it is told what is known of a source
# Where every draw takes sums over pairs of cells: draws times subsets times pairs, at most; fewest and most draws.
PAIRS, FEWEST, MOST_COSTLY = 300_000_000, 16, 512
# Standard error of a probability beyond which the model is fitted without the claims in question; fits in all.
VAGUE, MOST_FITS = 0.07, 5


@attrs.frozen(eq=False)
class Prepared:
    """An account, its claims, and the draws at which they are read.

    Attributes
    ----------
    coalitions : Coalitions
    roles : tuple of ClaimRole
        Of all claims about counts of the account, whatever they do, by claim id.
    model : Model
    staged : PreparedAccount
        The claims at draws of the posterior, each as good as any other.
    claims_by : mapping of str to int
        Number of claims that are used by source, over all accounts.
    pool : Pool
        The draws that are weighted.
    solved : Found or None
        See `told`, where that is known already.
    """

    coalitions: Coalitions
    roles: tuple[ClaimRole, ...]
    model: Model
    staged: PreparedAccount
    claims_by: Counter[str]
    pool: Pool
    solved: Found | None

    @functools.cached_property
    def told(self) -> Found:
        """The subsets that are told of; see `subsets_told`."""
        return self.solved or _solve(self.coalitions, subsets_told(self.coalitions.roles))

    @property
    def account(self) -> Account:
        """The account."""
        return self.coalitions.account

    @property
    def costly(self) -> bool:
        """Whether a subset takes sums over pairs of cells."""
        return is_costly(self.account)


def prepare(posterior: Posterior, quantity: Quantity, *, again: bool = True) -> Prepared:
    """Make the account of a quantity ready.

    Parameters
    ----------
    posterior : Posterior
    quantity : Quantity
    again : bool, keyword
        Whether the model may be fitted without the account; see `pools.collect`.

    Raises
    ------
    UnknownQuantity
        For a quantity that has no estimate.
    """
    posterior[quantity]
    corpus_fit, settings = posterior.corpus_fit, posterior.settings
    columns, problem = corpus_fit.columns, corpus_fit.fit.problem
    account, rows = account_of(corpus_fit, quantity)
    inside = {box(q) for q in account.quantities}
    at = next((k for k, one in enumerate(problem.linked) if box(one.account.quantities[0]) in inside), None)
    if at is not None:
        account = problem.linked[at].account
    rows = sorted(rows, key=columns.id)
    roles = tuple(corpus_fit.roles[row] for row in rows)
    used = [row for row, role in zip(rows, roles, strict=True) if role.role.used]
    said = [corpus_fit.roles[row] for row in used]
    claims_by = _count_claims(corpus_fit)
    telling, node = _tell(corpus_fit, used, said, claims_by), account.index(quantity)
    counts = _counts_of(corpus_fit, quantity) if at is None else _known(problem.linked[at].counts)
    unit, rng = Unit(problem, counts, at), np.random.default_rng([settings.seed, 1])
    even = corpus_fit.fit.hierarchy.unfold(corpus_fit.fit.even(SHOWN))
    model = posterior.model
    if not account.is_tree:
        model = attrs.evolve(model, learned=corpus_fit.learned(model.learned))
    staged, told = prepare_account(corpus_fit, model, account, used, even), subsets_told(said)

    def ready(pool: Pool) -> Coalitions:
        mine = prepare_account(corpus_fit, model, account, used, pool.xs)
        placed = [(role, nodes, term) for role, (nodes, term) in zip(said, mine.terms, strict=True)]
        if not account.is_tree:
            return Sampled.of(mine.layout, node, placed, mine.theta, pool, telling, settings.seed)
        priors = node_priors(account, mine.layout.lattice, corpus_fit.fit.hierarchy, model, pool.xs)
        return Stage.of(mine.layout, node, priors, placed, mine.theta, pool, telling)

    pool, most = collect(corpus_fit.fit, unit, rng=rng, ess=settings.ess, again=again), _most(staged, len(used))
    few = pool.thinned(most)
    coalitions = ready(few)
    found = None
    if not account.is_tree:
        return Prepared(coalitions, roles, posterior.model, staged, claims_by, few, found)
    place = places_of(corpus_fit.corpus_problem, used)
    while again and len(problem.source) <= LARGE and len(pool.made) < MOST_FITS:
        found = _solve(coalitions, told)
        errors = found.errors
        worst = 2 + int(np.argmax(errors[2:])) if len(errors) > 2 else 0
        if errors[worst] <= VAGUE:
            break
        gone = [row for row, here in zip(used, told[worst], strict=True) if not here]
        places = np.array([place[row] for row in gone if row in place], dtype=np.int64)
        pool = pool.with_fit(unit.without(places, frozenset(gone)), corpus_fit.fit, rng, settings.ess)
        few = pool.thinned(most)
        coalitions, found = ready(few), None
    return Prepared(coalitions, roles, posterior.model, staged, claims_by, few, found)


def _solve(coalitions: Coalitions, told: Bools) -> Found:
    """Solve what is told of, with the marginals of every draw where they fit into memory."""
    return coalitions.solve(told, each=told.shape[0] * coalitions.draws * len(coalitions.lattice) <= CELLS)


def _most(staged: PreparedAccount, claims: int) -> int:
    """Say at how many draws to solve an account, at most."""
    account, lattice = staged.layout.account, staged.layout.lattice
    if not account.is_tree:
        return POOL
    most = min(MOST_DRAWS, CELLS // (len(lattice) * max(claims, 1)))
    if is_costly(account):
        most = min(most, int(np.clip(PAIRS // (load_of(account, lattice) * (2 * claims + 2)), FEWEST, MOST_COSTLY)))
    return max(most // 8 * 8, FEWEST)


def subsets_told(roles: Sequence[ClaimRole]) -> Bools:
    """Pick what is told of: all claims, none, all but each, all but those of each source; shape (b, claims)."""
    names = list(dict.fromkeys(role.origin.name for role in roles))
    theirs = np.array([[role.origin.name == name for role in roles] for name in names], dtype=bool)
    number = len(roles)
    ends = np.array([[True] * number, [False] * number], dtype=bool).reshape(2, number)
    return np.concatenate([ends, ~np.eye(number, dtype=bool), ~theirs.reshape(len(names), number)])


def is_costly(account: Account) -> bool:
    """Whether a subset takes sums over pairs of cells."""
    return bool(account.shares) or any(join.right is not None for join in account.joins)


def load_of(account: Account, lattice: Lattice) -> int:
    """Count the pairs of cells that are summed over for one subset and draw."""
    joins = sum(join.right is not None for join in account.joins) + len(account.shares)
    return max(joins * len(lattice.pairs.number), 1) if joins else 1


def _known(counts: Sequence[int]) -> tuple[int, ...]:
    return tuple(at for at in counts if at >= 0)


def _counts_of(corpus_fit: CorpusFit, quantity: Quantity) -> tuple[int, ...]:
    """Which count of the problem a quantity is that stands alone; none where no claim about it is used."""
    table = corpus_fit.columns.quantities
    codes = [k for k in np.unique(corpus_fit.columns.quantity).tolist() if box(table[k]) == box(quantity)]
    return _known([int(max(corpus_fit.corpus_problem.count[codes], default=-1))])


def _count_claims(corpus_fit: CorpusFit) -> Counter[str]:
    """Count the claims that give numbers and are used, by source."""
    origin = corpus_fit.roles.origin[corpus_fit.corpus_problem.rows]
    number = np.bincount(origin, minlength=len(corpus_fit.columns.sources))
    return Counter({one.name: int(n) for one, n in zip(corpus_fit.columns.sources, number, strict=True)})


def _tell(corpus_fit: CorpusFit, used: list[int], said: list[ClaimRole], claims_by: Counter[str]) -> Telling:
    """Take the favourites from what was learned."""
    corpus_problem, echoes = corpus_fit.corpus_problem, corpus_fit.fit.problem.echoes
    found = Telling.of(said, claims_by)
    speaker = corpus_problem.speaker[corpus_fit.roles.origin[used]] if used else np.zeros(0, dtype=np.int64)
    known = np.minimum(speaker, echoes.shares.shape[1] - 1)  # a source that states shares alone copies nobody
    return attrs.evolve(found, origin=speaker, shares=echoes.shares[:, known], favourites=echoes.favourites[:, known])
