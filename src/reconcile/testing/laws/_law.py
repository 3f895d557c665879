# SPDX-License-Identifier: MIT
"""What a law is, and how a reconciler is asked."""

from __future__ import annotations

import enum
import inspect
import math
import unittest
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import attrs

from reconcile.claims import Claim
from reconcile.errors import MissingDependency, ReconcileError
from reconcile.plumbing import check
from reconcile.speech import Speech
from reconcile.testing._settings import settle
from reconcile.testing.adapters import Belief, Kind, Reconciler, read
from reconcile.testing.laws._broken import LawBroken, NotApplicable, Told
from reconcile.values import Share
from reconcile.vocabulary import Quantity

if TYPE_CHECKING:
    from hypothesis import settings as Settings  # noqa: N812 - the type of the keyword `settings`
    from hypothesis.strategies import SearchStrategy

__all__ = ["ROUNDING", "Asking", "Law", "Regime", "Reply", "law", "numbers_in", "probes"]

# Largest difference between two probabilities that is put down to computing. A lattice of counts costs .002 beyond 100.
TOLERANCE = 0.01
ROUNDING = 1e-9  # what sums in another order may differ by
STATED = 4.0  # standard errors that an answer may be off by, beside, where it states one


class Regime(enum.StrEnum):
    """When a law holds."""

    ANY = "any"
    KNOWN = "sources known"
    LEARNED = "sources learned"
    MONOTONE = "sources known, and a larger figure always speaks for a larger count"
    RIGHT = "sources known to be right"


@attrs.frozen(eq=False)
class Reply:
    """What a reconciler answered.

    Attributes
    ----------
    answer : object
        As it came.
    claims : tuple of Claim
    error : float
        Standard error of its probabilities, where the answer states one.
    """

    answer: Any
    claims: tuple[Claim, ...]
    error: float = 0.0

    def __contains__(self, quantity: Quantity) -> bool:
        return quantity in self.answer

    def __getitem__(self, quantity: Quantity) -> Belief:
        """Read the answer about a quantity; a world in which there is none is passed over."""
        if quantity not in self:
            _pass_over()
        return read(self.answer[quantity])

    def __iter__(self) -> Iterator[Quantity]:
        """Go through the claimed quantities that are answered; a world in which none is is passed over."""
        found = [quantity for quantity in dict.fromkeys(claim.quantity for claim in self.claims) if quantity in self]
        if not found:
            _pass_over()
        return iter(found)


class Asking:
    """Asks a reconciler on behalf of a law, and remembers what it was told."""

    def __init__(self, law: Law, estimate: Reconciler, tolerance: float) -> None:
        self.law, self.estimate, self.tolerance = law, estimate, tolerance
        self.told: list[Told] = []

    def __call__(self, claims: Iterable[Claim], name: str = "told", **options: Any) -> Reply:
        """Ask; claims that the reconciler refuses in the proper way are passed over."""
        given = tuple(claims)
        self.told.append((name, given))
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # what a reconciler warns of is no part of its answer
                answer = self.estimate(list(given), **options)
        except unittest.SkipTest:
            raise
        except ReconcileError:
            _pass_over()
        except Exception as error:  # whatever it raises
            raise self.broken("an answer", f"it raised {type(error).__name__}: {error}") from error
        like_a_mapping = hasattr(answer, "__contains__") and hasattr(answer, "__getitem__")
        check(like_a_mapping, "answers", answer, "a mapping of quantities to answers")
        stated = getattr(getattr(answer, "diagnostics", None), "error", 0.0)
        return Reply(answer, given, float(stated) if isinstance(stated, float) and math.isfinite(stated) else 0.0)

    def broken(self, expected: str, found: str) -> LawBroken:
        """Say how the law is broken."""
        return LawBroken(self.law.name, self.law.statement, tuple(self.told), expected, found)

    def need(self, ok: bool, expected: str, found: str) -> None:
        """Raise `LawBroken` unless `ok`."""
        if not ok:
            raise self.broken(expected, found)

    def wants(self, ok: bool, reason: str) -> None:
        """Raise `NotApplicable` unless `ok`."""
        if not ok:
            raise NotApplicable(self.law.name, reason)

    def takes(self, option: str) -> None:
        """Raise `NotApplicable` unless the reconciler takes a keyword."""
        ok = any(one.name == option or one.kind is inspect.Parameter.VAR_KEYWORD for one in self.parameters)
        self.wants(ok, f"the reconciler takes no {option}=")

    @property
    def parameters(self) -> tuple[inspect.Parameter, ...]:
        """What the reconciler takes, as far as it says."""
        try:
            return tuple(inspect.signature(self.estimate).parameters.values())
        except (TypeError, ValueError):
            return ()

    def distribution(self, reply: Reply, quantity: Quantity) -> Belief:
        """Give a belief that has probabilities."""
        belief = reply[quantity]
        self.wants(belief.kind is Kind.DISTRIBUTION, f"the answer is {_article(belief.kind)} without probabilities")
        return belief

    def located(self, reply: Reply, quantity: Quantity) -> Belief:
        """Give a belief that has a median or a point."""
        belief = reply[quantity]
        self.wants(belief.kind is not Kind.INTERVAL, "the answer is an interval without a middle")
        return belief

    def allowance(self, *replies: Reply) -> float:
        """How far two probabilities may lie apart."""
        return self.tolerance + STATED * sum(reply.error for reply in replies)

    def same(
        self,
        before: Reply,
        after: Reply,
        renamed: Mapping[Quantity, Quantity] | None = None,
        *,
        about: Iterable[Quantity] | None = None,
        tolerance: float | None = None,
    ) -> None:
        """Break the law unless two replies agree about every quantity of the first, or about some."""
        allowed = self.allowance(before, after) if tolerance is None else tolerance
        for quantity in before if about is None else about:
            target = quantity if renamed is None else renamed[quantity]
            one = before[quantity]
            self.need(target in after, f"an answer for {target}, as before: {one}", "none")
            other = after[target]
            self._same(one, other, target, allowed, (*before.claims, *after.claims))

    def _same(self, one: Belief, other: Belief, target: Quantity, allowed: float, claims: Sequence[Claim]) -> None:
        where = f"for {target}"
        self.need(one.kind is other.kind, f"{_article(one.kind)} {where}, as before", _article(other.kind))
        if one.kind is not Kind.DISTRIBUTION:
            near = all(
                abs(a - b) <= max(allowed * max(abs(a), abs(b)), ROUNDING)
                for a, b in zip(one.ends, other.ends, strict=True)
            )
            self.need(near, f"the same answer {where} as before: {one}", str(other))
            return
        n, gap = widest_gap(one, other, probes(claims, one, other))
        self.need(
            gap <= allowed,
            f"the same answer {where} as before: {one}, at most {n:,} with probability {one.cdf(n):.1%}",
            f"{other}, at most {n:,} with probability {other.cdf(n):.1%}",
        )

    def never_lower(self, low: Reply, high: Reply, quantity: Quantity, other: Quantity | None = None) -> None:
        """Break the law unless the second reply is stochastically as large as the first."""
        target = quantity if other is None else other
        one, two = low[quantity], high[target]
        told = f"{target} no fewer than {quantity}" if other is not None else f"{quantity} no fewer than before"
        if Kind.DISTRIBUTION not in (one.kind, two.kind) or Kind.INTERVAL in (one.kind, two.kind):
            ok = all(a <= b + ROUNDING for a, b in zip(one.ends, two.ends, strict=True))
            self.need(ok, f"{told}, {one}", str(two))
            return
        allowed = self.allowance(low, high)
        for n in probes((*low.claims, *high.claims), one, two):
            self.need(
                two.cdf(n) <= one.cdf(n) + allowed,
                f"{told}, {one}: at most {n:,} with a probability of no more than {one.cdf(n):.1%}",
                f"{two}, at most {n:,} with probability {two.cdf(n):.1%}",
            )


def _article(kind: Kind) -> str:
    return f"{'an' if kind is Kind.INTERVAL else 'a'} {kind}"


def _pass_over() -> None:
    import hypothesis

    hypothesis.reject()


def numbers_in(claims: Iterable[Claim]) -> list[int]:
    """Every number that the claims name, in rising order."""
    words = Speech().words
    found: set[int] = set()
    for claim in claims:
        if isinstance(claim.value, Share):
            continue
        word = words.get(getattr(claim.value, "word", ""))
        found |= set(word[:2]) if word else set()
        found |= {n for name in ("n", "low", "high", "point") if isinstance(n := getattr(claim.value, name, None), int)}
    return sorted(found)


def probes(claims: Iterable[Claim], *beliefs: Belief) -> list[int]:
    """Counts at which distributions are compared: claimed numbers, quantiles, and their neighbours."""
    near = {int(belief.quantile(p)) for belief in beliefs for p in (0.05, 0.25, 0.5, 0.75, 0.95)}
    near |= {0, *numbers_in(claims)}
    return sorted(n for n in {at + step for at in near for step in (-1, 0, 1)} if n >= 0)


def widest_gap(one: Belief, other: Belief, at: Iterable[int]) -> tuple[int, float]:
    """Where two distribution functions lie furthest apart, and by how much."""
    gaps = {n: abs(one.cdf(n) - other.cdf(n)) for n in at}
    n = max(gaps, key=gaps.__getitem__)
    return n, gaps[n]


@attrs.frozen(eq=False, repr=False)
class Law:
    """What a reconciler must do, in one sentence, with the means to look for a case in which it does not.

    Attributes
    ----------
    name : str
    statement : str
        The law in one sentence.
    reason : str
        Why it is true, and of what.
    regime : Regime
        When it holds.
    effort : float
        Share of the usual number of examples.
    """

    name: str
    statement: str
    reason: str
    regime: Regime
    effort: float
    _worlds: Callable[[], SearchStrategy[Any]]
    _inspect: Callable[[Asking, Any], None]

    def check(self, estimate: Reconciler, *, settings: Settings | None = None, tolerance: float = TOLERANCE) -> None:
        """Look for claims with which a reconciler breaks the law.

        Parameters
        ----------
        estimate : callable
            From a list of claims to a mapping of quantities to answers; see `reconcile.testing.adapters`.
        settings : hypothesis.settings, keyword, optional
            How hard to look. Default: those in force, without a database.
        tolerance : float, keyword
            Largest difference between two probabilities that is put down to computing. An answer that states a
            standard error (``diagnostics.error``) is allowed four of these beside.

        Raises
        ------
        LawBroken
            With the fewest and plainest claims that were found to break it.
        NotApplicable
            If the law asks more than the answers say, or no world of the law is answered.
        MissingDependency
            If Hypothesis is not installed.

        Examples
        --------
        >>> import reconcile as rc
        >>> from reconcile.testing import laws
        >>> laws.a_hedge_weakens.check(rc.estimate)
        """
        check(callable(estimate), "Law.check(estimate)", estimate, "a function of claims")
        check(0 <= tolerance < 1, "Law.check(tolerance)", tolerance, "a difference of probabilities")
        try:
            import hypothesis
        except ModuleNotFoundError as missing:
            raise MissingDependency("hypothesis", "Law.check", "'reconcile-claims[testing]'") from missing

        def inspect_case(case: _Untold) -> None:
            self._inspect(Asking(self, estimate, tolerance), case.given)

        worlds = self._worlds()

        @hypothesis.strategies.composite
        def untold(draw: Callable[[Any], Any]) -> _Untold:
            return _Untold(draw(worlds))

        seek = settle(settings, self.effort)(hypothesis.given(untold())(inspect_case))
        try:
            seek()
        except LawBroken as broken:
            broken.__notes__ = []  # the example once more, as Hypothesis writes it
            raise broken.with_traceback(None) from broken.__cause__
        except hypothesis.errors.Flaky:
            found = "several: it does not answer the same claims alike, see the law `same_bits`"
            raise LawBroken(self.name, self.statement, (), "one answer to one question", found) from None
        except hypothesis.errors.Unsatisfiable:
            raise NotApplicable(self.name, "no world of the law was answered") from None

    def __str__(self) -> str:
        return self.name

    def __repr__(self) -> str:
        return f"<Law: {self.statement}>"


class _Untold:
    """A case that Hypothesis need not write out, which takes long: its claims are told in words."""

    def __init__(self, given: Any) -> None:
        self.given = given

    def __repr__(self) -> str:
        return "<case>"


def law(
    regime: Regime, worlds: Callable[[], SearchStrategy[Any]], *, effort: float = 1.0
) -> Callable[[Callable[[Asking, Any], None]], Law]:
    """Make a law of a function: its name is the law's, the first line of its docstring the statement, the rest why."""

    def make(function: Callable[[Asking, Any], None]) -> Law:
        statement, _, reason = (inspect.getdoc(function) or "").partition("\n")
        return Law(function.__name__, statement, " ".join(reason.split()), regime, effort, worlds, function)

    return make
