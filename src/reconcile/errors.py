# SPDX-License-Identifier: MIT
"""Everything this library raises or warns: one root, and leaves that are builtin kinds too.

Every leaf keeps its fields in ``args``, so it survives pickling, and says what was given,
what is allowed, and which claims are to blame.
"""

from __future__ import annotations

import pickle
from typing import Any

__all__ = [
    "ClaimsWarning",
    "ContradictoryClaims",
    "CountedTwice",
    "DoubtfulDates",
    "HeavyTail",
    "InconsistentClaims",
    "InvalidValue",
    "MissingDependency",
    "MisspeltColumn",
    "ReconcileError",
    "RejectedRows",
    "Unidentified",
    "UnknownQuantity",
    "UnreadableModel",
    "UnreadablePhrase",
    "UnreadableTable",
]


def _show(given: object) -> str:
    try:
        shown = repr(given)
    except Exception:  # noqa: BLE001 - such as an integer of more digits than Python writes
        return f"something of type {type(given).__name__} that cannot be written"
    return shown if len(shown) <= 200 else shown[:200] + "..."


class _Seen:
    """What is left of a thing that cannot be pickled: how it looked."""

    def __init__(self, shown: str) -> None:
        self.shown = shown

    def __repr__(self) -> str:
        return self.shown


class ReconcileError(Exception):
    """Root of every error this library raises on purpose."""


class InvalidValue(ReconcileError, ValueError):
    """A field was given something it does not allow.

    Parameters
    ----------
    what : str
        The field, as ``"Exactly.n"``.
    given : object
        What was given.
    allowed : str
        What is allowed, in words.
    """

    def __init__(self, what: str, given: object, allowed: str) -> None:
        super().__init__(what, given, allowed)
        self.what, self.given, self.allowed = what, given, allowed

    def __str__(self) -> str:
        return f"{self.what}: got {_show(self.given)}; allowed: {self.allowed}"

    def __reduce__(self) -> tuple[Any, ...]:
        try:
            pickle.dumps(self.given)
        except Exception:  # noqa: BLE001 - anything may be given, and may refuse in any way
            return type(self), (self.what, _Seen(_show(self.given)), self.allowed)
        return type(self), (self.what, self.given, self.allowed)


class UnreadablePhrase(ReconcileError, ValueError):
    """A phrase that cannot be read as a value or a group, with the place where reading stopped.

    Parameters
    ----------
    text : str
        The whole phrase.
    position : int
        Index of the first character that could not be read, from 0.
    reason : str
        Why, in words.
    """

    def __init__(self, text: str, position: int, reason: str) -> None:
        super().__init__(text, position, reason)
        self.text, self.position, self.reason = text, position, reason

    def __str__(self) -> str:
        shown = self.text if len(self.text) <= 200 else self.text[:200] + "..."
        return f"cannot read {shown!r} at character {self.position + 1}: {self.reason}"


class UnreadableTable(ReconcileError, ValueError):
    """A file or frame that is not a claims table at all.

    Parameters
    ----------
    where : str
        The file or frame.
    reason : str
        What is wrong, and what is allowed.
    """

    def __init__(self, where: str, reason: str) -> None:
        super().__init__(where, reason)
        self.where, self.reason = where, reason

    def __str__(self) -> str:
        return f"{self.where}: {self.reason}"


class UnreadableModel(ReconcileError, ValueError):
    """A file that is no fitted model, is damaged, or is of another format.

    Parameters
    ----------
    where : str
        The file.
    reason : str
        What is wrong, and what is allowed.
    """

    def __init__(self, where: str, reason: str) -> None:
        super().__init__(where, reason)
        self.where, self.reason = where, reason

    def __str__(self) -> str:
        return f"{self.where}: {self.reason}"


class RejectedRows(ReconcileError, ValueError):
    """Rows of a table could not be read, and ``strict=True`` was asked for.

    Parameters
    ----------
    rows : tuple
        The rejected rows, each with line, column and reason.
    """

    def __init__(self, rows: tuple[object, ...]) -> None:
        super().__init__(rows)
        self.rows = rows

    def __str__(self) -> str:
        head = "; ".join(str(row) for row in self.rows[:3])
        more = f"; and {len(self.rows) - 3} more" if len(self.rows) > 3 else ""
        return f"{len(self.rows):,} row{'' if len(self.rows) == 1 else 's'} could not be read: {head}{more}"


class InconsistentClaims(ReconcileError, ValueError):
    """Claims that cannot stand together as records (not as numbers), with their ids.

    Parameters
    ----------
    reason : str
        What is inconsistent.
    claims : tuple of str
        The ids of the claims to blame.
    """

    def __init__(self, reason: str, claims: tuple[str, ...] = ()) -> None:
        super().__init__(reason, claims)
        self.reason, self.claims = reason, claims

    def __str__(self) -> str:
        shown = ", ".join(self.claims[:5]) + (", ..." if len(self.claims) > 5 else "")
        return f"{self.reason} (claims {shown})" if self.claims else self.reason


class ContradictoryClaims(ReconcileError, ValueError):
    """Claims that were to be taken as true cannot all be.

    Parameters
    ----------
    reason : str
        What is contradictory, in words.
    sets : tuple of tuple of str
        Ids of claims: one minimal set for each account in which they clash.
    """

    def __init__(self, reason: str, sets: tuple[tuple[str, ...], ...] = ()) -> None:
        super().__init__(reason, sets)
        self.reason, self.sets = reason, sets

    def __str__(self) -> str:
        return f"{self.reason}; trust fewer claims"


class CountedTwice(ReconcileError, ValueError):
    """Claims were offered to a model that has learned from them already.

    Parameters
    ----------
    claims : tuple of str
        The ids of the claims to blame.
    """

    def __init__(self, claims: tuple[str, ...]) -> None:
        super().__init__(claims)
        self.claims = claims

    def __str__(self) -> str:
        shown = ", ".join(self.claims[:5]) + (", ..." if len(self.claims) > 5 else "")
        return f"the model has learned from {len(self.claims):,} of these claims already ({shown}); leave them out"


class UnknownQuantity(ReconcileError, KeyError):
    """A quantity that no claim mentions was asked for.

    Parameters
    ----------
    quantity : object
        What was asked for.
    known : tuple of str
        The quantities that have estimates, in words.
    """

    def __init__(self, quantity: object, known: tuple[str, ...] = ()) -> None:
        super().__init__(quantity, known)
        self.quantity, self.known = quantity, known

    def __str__(self) -> str:
        shown = "; ".join(self.known[:8]) + ("; ..." if len(self.known) > 8 else "")
        return f"no estimate for {self.quantity}; there are estimates for: {shown or 'nothing'}"


class MissingDependency(ReconcileError, ImportError):
    """An optional package is needed and not installed.

    Parameters
    ----------
    package : str
        The package.
    purpose : str
        What it is needed for.
    extra : str
        What to install.
    """

    def __init__(self, package: str, purpose: str, extra: str) -> None:
        super().__init__(package, purpose, extra)
        self.package, self.purpose, self.extra = package, purpose, extra

    def __str__(self) -> str:
        return f"{self.purpose} needs {self.package}, which is not installed: pip install {self.extra}"


class ClaimsWarning(UserWarning):
    """Something about the claims that a reader of the estimate should know."""


class DoubtfulDates(ClaimsWarning):
    """Dates of a table cannot all be right: one was left out, or several were read as the first and the last day."""


class HeavyTail(ClaimsWarning):
    """A mean was not given, since it would rest on a thin tail of huge counts."""


class MisspeltColumn(ClaimsWarning):
    """A column of a table was not read, and its name is nearly that of one which would have been."""


class Unidentified(ClaimsWarning):
    """The claims cannot tell a parameter of the model, so that it rests on its prior alone."""
