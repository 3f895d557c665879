# SPDX-License-Identifier: MIT
"""What the record types share: checking fields, and a ``repr`` that rebuilds and hides defaults."""

from __future__ import annotations

import contextlib
import datetime
import enum
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NoReturn

import attrs

from reconcile.errors import InvalidValue, MissingDependency

if TYPE_CHECKING:
    import numpy as np

__all__ = [
    "LEFT_OUT_IF_DEFAULT",
    "OLD_NAMES",
    "check",
    "clean_name",
    "clean_names",
    "count_of",
    "day_of",
    "html_table",
    "in_words",
    "rebuilding_repr",
    "refuse_old",
    "refuse_old_names",
    "surely_later",
    "to_frame",
    "to_generator",
    "to_moment",
]

LONGEST_NAME = 1_000
# The metadata of a field that came after digests had been handed out: these stay as they were while it is not used.
LEFT_OUT_IF_DEFAULT = {"left out if default": True}
# Public names that are gone, by module, and what stands for each.
OLD_NAMES: Mapping[str, Mapping[str, str]] = {
    "reconcile.estimates": {"Part": "Role (and ClaimRole for a claim with its role, which was Role)"},
    "reconcile.influence": {"Sway": "PriorSensitivity"},
}


def check(ok: bool, what: str, given: object, allowed: str) -> None:
    """Raise `InvalidValue` unless `ok`."""
    if not ok:
        raise InvalidValue(what, given, allowed)


def refuse_old(what: str, given: Mapping[str, object], **names: str) -> None:
    """Refuse keywords that a function had once, by the name of what came in their place, and all that it never had.

    Raises
    ------
    InvalidValue
        For one of `names`.
    TypeError
    """
    for name, value in given.items():
        if name not in names:
            raise TypeError(f"{what}() got an unexpected keyword argument {name!r}")
        new = names[name]
        raise InvalidValue(f"{what}({name})", value, f"{new}=, its new name" if new.isidentifier() else new)


def refuse_old_names(module: str) -> Callable[[str], NoReturn]:
    """Make the `__getattr__` of a module that refuses its `OLD_NAMES` by what stands for them."""

    def refuse(name: str) -> NoReturn:
        if name in OLD_NAMES[module]:
            raise InvalidValue(module, name, OLD_NAMES[module][name])
        raise AttributeError(f"module {module!r} has no attribute {name!r}")

    return refuse


def to_generator(what: str, seed: Any) -> np.random.Generator:
    """Make the generator that a seed stands for: itself, of a whole number, or of None any one."""
    import numpy as np

    whole = isinstance(seed, int | np.integer) and not isinstance(seed, bool)
    well = seed is None or isinstance(seed, np.random.Generator) or (whole and seed >= 0)
    check(well, f"{what}(seed)", seed, "a whole number from 0, a Generator or None")
    return np.random.default_rng(seed)


def clean_name(what: str, *, optional: bool = False) -> Callable[[Any], Any]:
    """Make a converter that strips a name and refuses an empty one."""

    def convert(given: Any) -> str | None:
        if given is None and optional:
            return None
        if not isinstance(given, str) or not given.strip() or len(given) > LONGEST_NAME:
            raise InvalidValue(what, given, f"a text of 1 to {LONGEST_NAME} characters")
        return given.strip()

    return convert


def clean_names(what: str) -> Callable[[Any], frozenset[str]]:
    """Make a converter that turns one name or several into a frozenset of names."""

    def convert(given: Any) -> frozenset[str]:
        if given is None:
            return frozenset()
        if not isinstance(given, str | set | frozenset | list | tuple):
            raise InvalidValue(what, given, "a name, or a set, list or tuple of names")
        one = clean_name(what)
        return frozenset(one(name) for name in ([given] if isinstance(given, str) else given))

    return convert


def to_moment(what: str, *, time: bool = True) -> Callable[[Any], Any]:
    """Make a converter that reads a date, a datetime (if `time`) or their ISO 8601 text; None stays None."""
    allowed = f"a date{' or datetime' if time else ''}, or its ISO 8601 text such as '2020-02-10'"

    def convert(given: Any) -> datetime.date | None:
        if given is None:
            return None
        if isinstance(given, str):
            return convert(_from_iso(given.strip()) or wrong(given))
        if isinstance(given, datetime.datetime) and time:
            return _plain(given) or wrong(given)
        if isinstance(given, datetime.date):
            return _plain_day(given) or wrong(given)
        return wrong(given)

    def wrong(given: Any) -> NoReturn:
        raise InvalidValue(what, given, allowed)

    return convert


def _from_iso(text: str) -> datetime.date | None:
    for kind in (datetime.date, datetime.datetime):
        with contextlib.suppress(ValueError):
            return kind.fromisoformat(text)
    return None


def _plain(moment: datetime.datetime) -> datetime.datetime | None:
    # What the ISO text would say: subclasses (pandas) and zones with a name write themselves in other ways, and ids are
    # made of that text. A NaT is a datetime too, of no year.
    with contextlib.suppress(TypeError, ValueError):
        offset = moment.utcoffset()
        day = moment.year, moment.month, moment.day
        clock = moment.hour, moment.minute, moment.second, moment.microsecond
        return datetime.datetime(*day, *clock, tzinfo=None if offset is None else datetime.timezone(offset))
    return None


def _plain_day(moment: datetime.date) -> datetime.date | None:
    with contextlib.suppress(TypeError, ValueError):
        return datetime.date(moment.year, moment.month, moment.day)
    return None


def day_of(moment: datetime.date) -> datetime.date:
    """Give the day of a moment, on the calendar of who said it."""
    return moment.date() if isinstance(moment, datetime.datetime) else moment


def surely_later(one: datetime.date, other: datetime.date) -> bool:
    """Whether one moment is surely later than another: a day and a time within it have no order.

    Moments of unlike clocks, one with a zone and one without, are compared by their days.
    """
    if isinstance(one, datetime.datetime) and isinstance(other, datetime.datetime):
        alike = (one.tzinfo is None) == (other.tzinfo is None)
        return one > other if alike else one.date() > other.date()
    return day_of(one) > day_of(other)


def html_table(header: Sequence[str], rows: Sequence[Sequence[object]], *, title: str = "", of: int = 0) -> str:
    """Write an HTML table, with the number of rows that are left out where there are more; all texts are escaped."""
    import html

    head = "".join(f"<th>{html.escape(cell)}</th>" for cell in header)
    body = "".join(f"<tr>{''.join(f'<td>{html.escape(str(cell))}</td>' for cell in row)}</tr>" for row in rows)
    above = f"<p>{html.escape(title)}</p>" if title else ""
    below = f"<p>and {of - len(rows):,} more</p>" if of > len(rows) else ""
    return f"{above}<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>{below}"


def in_words(names: Iterable[str], word: str = "and") -> str:
    """Join names for a sentence, in alphabetical order."""
    ordered = sorted(names)
    return f"{', '.join(ordered[:-1])} {word} {ordered[-1]}" if len(ordered) > 1 else "".join(ordered)


def count_of(number: int, noun: str) -> str:
    """Write a number with its noun: "1 claim", "2 claims"."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def _written(value: Any) -> str:
    # Sets print in hash order, which differs from run to run; ids are made of this text, so sort.
    if isinstance(value, frozenset):
        inner = ", ".join(sorted(map(repr, value)))
        return f"{{{inner}}}" if value else "set()"
    if isinstance(value, enum.Enum):
        return f"{type(value).__name__}.{value.name}"
    return repr(value)


def rebuilding_repr(self: Any) -> str:
    """Write the call that makes `self` again: required fields by position, others by name, defaults left out."""
    parts = []
    for field in attrs.fields(type(self)):
        if not field.repr:
            continue
        value = getattr(self, field.name)
        if field.default is attrs.NOTHING:
            parts.append(_written(value))
        elif isinstance(field.default, attrs.Factory):  # type: ignore[arg-type]
            if field.default.takes_self or value != field.default.factory():
                parts.append(f"{field.name}={_written(value)}")
        elif value != field.default:
            parts.append(f"{field.name}={_written(value)}")
    return f"{type(self).__name__}({', '.join(parts)})"


def to_frame(rows: Sequence[Mapping[str, object]], names: Iterable[str], backend: str) -> Any:
    """Make a dataframe of rows that all have these names; raises `MissingDependency` where the backend is absent."""
    import narwhals as nw

    check(backend in ("pandas", "polars", "pyarrow"), "to_frame(backend)", backend, "'pandas', 'polars' or 'pyarrow'")
    columns: dict[str, list[Any]] = {name: [row[name] for row in rows] for name in names}
    try:
        return nw.from_dict(columns, backend=backend).to_native()  # type: ignore[arg-type]
    except ModuleNotFoundError as missing:
        raise MissingDependency(backend, "to_frame", backend) from missing
