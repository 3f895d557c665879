# SPDX-License-Identifier: MIT
"""What a mutant is, and what many of them are made of."""

from __future__ import annotations

import functools
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeAlias

import attrs

from reconcile.claims import Claim
from reconcile.model import Model
from reconcile.posterior import Posterior, estimate
from reconcile.testing.adapters import Reconciler
from reconcile.testing.laws import Law
from reconcile.values import Value
from reconcile.vocabulary import Quantity

__all__ = ["REGISTER", "Answer", "Answers", "Mutant", "each", "known", "mutant", "ours", "revalued", "warped"]

Answers: TypeAlias = Any  # a mapping of quantities to answers, or a posterior


@attrs.frozen(eq=False, repr=False)
class Mutant:
    """A reconciler that is wrong in one way.

    Attributes
    ----------
    name : str
    wrong : str
        What is wrong with it, in one sentence.
    breaks : tuple of Law
        Laws that it was made to break; it may break others.
    """

    name: str
    wrong: str
    breaks: tuple[Law, ...]
    __wrapped__: Reconciler

    def __call__(self, claims: Iterable[Claim], **options: Any) -> Any:
        """Reconcile, wrongly."""
        return self.__wrapped__(claims, **options)

    def __str__(self) -> str:
        return self.name

    def __repr__(self) -> str:
        return f"<Mutant: {self.wrong}>"


REGISTER: list[Mutant] = []


def mutant(*breaks: Law) -> Callable[[Reconciler], Reconciler]:
    def add(function: Reconciler) -> Reconciler:
        name = getattr(function, "__name__", "").strip("_").replace("_", " ")
        REGISTER.append(Mutant(name, (function.__doc__ or "").strip(), breaks, function))
        return function

    return add


@functools.lru_cache(maxsize=256)
def _remembered(claims: tuple[Claim, ...], model: Model | None, options: tuple[tuple[str, Any], ...]) -> Posterior:
    return estimate(claims, model, **dict(options))


def ours(claims: Iterable[Claim], model: Model | None = None, **options: Any) -> Posterior:
    """`estimate`, which many mutants ask the same of."""
    if model is not None:
        return estimate(claims, model, **options)
    return _remembered(tuple(claims), model, tuple(sorted(options.items())))


def revalued(claims: Iterable[Claim], change: Callable[[Value], Value]) -> list[Claim]:
    return [attrs.evolve(claim, value=change(claim.value)) for claim in claims]


def each(claims: Iterable[Claim], key: Callable[[Claim], Any], **options: Any) -> dict[Quantity, Any]:
    """Estimate the claims of each group by themselves."""
    groups: dict[Any, list[Claim]] = defaultdict(list)
    for claim in claims:
        groups[key(claim)].append(claim)
    return {quantity: answer for some in groups.values() for quantity, answer in known(some, options).items()}


def known(claims: Sequence[Claim], options: Mapping[str, Any]) -> dict[Quantity, Any]:
    posterior = ours(claims, **options)
    return {quantity: posterior[quantity] for quantity in posterior}


@attrs.frozen(eq=False)
class Answer:
    """A distribution that has been tampered with."""

    cdf: Callable[[float], float]
    icdf: Callable[[float], float] | None = None


def warped(claims: Iterable[Claim], change: Callable[[Any], Any]) -> dict[Quantity, Any]:
    return {quantity: change(answer) for quantity, answer in known(list(claims), {}).items()}
