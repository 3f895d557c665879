# SPDX-License-Identifier: MIT
"""Strategies for the eight kinds of value."""

from __future__ import annotations

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from reconcile.groups import Group
from reconcile.testing.strategies._vocabulary import groups
from reconcile.values import About, AtLeast, AtMost, Between, Exactly, Share, Surveyed, Vague, Value

__all__ = [
    "abouts",
    "at_leasts",
    "at_mosts",
    "betweens",
    "counts",
    "exactlys",
    "shares",
    "surveyeds",
    "vagues",
    "values",
]

_SMALL = 20
# Words of the default lexicon, the plainest first; a test keeps them in it.
_WORDS = ("several", "a couple", "a few", "some", "many", "dozens", "scores", "hundreds", "thousands", "millions")


def _rounded(digits: int, number: int, most: int) -> int:
    return min(round(number, digits - len(str(number))), most) if digits else number


def counts(*, max_value: int = 10**9) -> SearchStrategy[int]:
    """Draw numbers of people: 0, 1 and other small ones, any up to the largest, and round ones.

    Parameters
    ----------
    max_value : int, keyword
        From 0 to 10^12, the largest that a value may hold.

    Returns
    -------
    SearchStrategy of int

    Examples
    --------
    >>> from hypothesis import find
    >>> find(counts(), lambda n: n > 100)
    101
    """
    # The digits are drawn beside the number and not in place of it: so a round number shrinks to any other.
    large = st.builds(_rounded, st.integers(0, 2), st.integers(0, max_value), st.just(max_value))
    return st.integers(0, min(_SMALL, max_value)) | large


_any_counts = counts


def exactlys(*, counts: SearchStrategy[int] | None = None) -> SearchStrategy[Exactly]:
    """Draw bare numbers, as `Exactly`.

    Parameters
    ----------
    counts : strategy of int, keyword, optional
    """
    return st.builds(Exactly, _any_counts() if counts is None else counts)


def at_leasts(*, counts: SearchStrategy[int] | None = None) -> SearchStrategy[AtLeast]:
    """Draw floors, as `AtLeast`.

    Parameters
    ----------
    counts : strategy of int, keyword, optional
    """
    return st.builds(AtLeast, _any_counts() if counts is None else counts)


def at_mosts(*, counts: SearchStrategy[int] | None = None) -> SearchStrategy[AtMost]:
    """Draw ceilings, as `AtMost`.

    Parameters
    ----------
    counts : strategy of int, keyword, optional
    """
    return st.builds(AtMost, _any_counts() if counts is None else counts)


def abouts(*, counts: SearchStrategy[int] | None = None) -> SearchStrategy[About]:
    """Draw rough numbers, as `About`.

    Parameters
    ----------
    counts : strategy of int, keyword, optional
    """
    return st.builds(About, _any_counts() if counts is None else counts)


def betweens(*, counts: SearchStrategy[int] | None = None) -> SearchStrategy[Between]:
    """Draw ranges, as `Between`: of one number, of two neighbours, and of any two.

    Parameters
    ----------
    counts : strategy of int, keyword, optional
        Of both ends. Where it is given, neighbours come up as it draws them.
    """
    ends = _any_counts() if counts is None else counts
    wide = st.lists(ends, min_size=2, max_size=2).map(lambda pair: Between(*sorted(pair)))
    if counts is not None:
        return wide
    return wide | st.builds(lambda low, width: Between(low, low + width), ends, st.integers(0, 1))


def vagues(*, words: SearchStrategy[str] | None = None) -> SearchStrategy[Vague]:
    """Draw words in place of numbers, as `Vague`, that the default lexicon holds.

    Parameters
    ----------
    words : strategy of str, keyword, optional
    """
    # Of two ways in, so that a word takes as many choices as a number: what takes fewer counts as simpler.
    known = st.sampled_from(_WORDS[:3]) | st.sampled_from(_WORDS)
    return st.builds(Vague, known if words is None else words)


def surveyeds(*, counts: SearchStrategy[int] | None = None) -> SearchStrategy[Surveyed]:
    """Draw results of surveys, as `Surveyed`: of any level from one half to nearly 1.

    Parameters
    ----------
    counts : strategy of int, keyword, optional
        Of the point and of both ends of the interval.
    """
    three = st.lists(_any_counts() if counts is None else counts, min_size=3, max_size=3).map(sorted)
    levels = st.sampled_from((0.95, 0.5, 0.9, 0.99)) | st.floats(0.5, 1, exclude_max=True)
    return st.builds(lambda n, level: Surveyed(n[1], n[0], n[2], level), three, levels)


def shares(*, of: SearchStrategy[Group] | None = None) -> SearchStrategy[Share]:
    """Draw parts of a larger group, as `Share`: none, all, "half", "most", and any range.

    Parameters
    ----------
    of : strategy of Group, keyword, optional
        Default any group; a claim takes a share of a group that its own is a proper part of.
    """
    plain = st.sampled_from(((0.5, 0.5), (0.5, 1.0), (0.0, 0.0), (1.0, 1.0), (0.0, 1.0), (1 / 3, 1 / 3)))
    any_range = st.lists(st.floats(0, 1), min_size=2, max_size=2).map(lambda pair: (min(pair), max(pair)))
    return st.builds(
        lambda ends, group: Share(ends[0], ends[1], group), plain | any_range, groups() if of is None else of
    )


def values(
    *,
    counts: SearchStrategy[int] | None = None,
    words: SearchStrategy[str] | None = None,
    of: SearchStrategy[Group] | None = None,
) -> SearchStrategy[Value]:
    """Draw values of all eight kinds; the simplest is ``Exactly(0)``.

    Parameters
    ----------
    counts : strategy of int, keyword, optional
    words : strategy of str, keyword, optional
        Of vague values.
    of : strategy of Group, keyword, optional
        What shares are shares of.

    Returns
    -------
    SearchStrategy of Value
    """
    return st.one_of(
        exactlys(counts=counts),
        at_leasts(counts=counts),
        at_mosts(counts=counts),
        betweens(counts=counts),
        abouts(counts=counts),
        vagues(words=words),
        surveyeds(counts=counts),
        shares(of=of),
    )
