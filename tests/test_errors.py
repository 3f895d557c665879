# SPDX-License-Identifier: MIT
"""What the errors say; that they survive pickling is in test_project."""

from __future__ import annotations

import copy
import pickle
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconcile import errors
from reconcile.claims import Rejected
from reconcile.values import Exactly

CASES = [
    (errors.InvalidValue("Exactly.n", -1, "a whole number"), "Exactly.n: got -1; allowed: a whole number"),
    (errors.UnreadablePhrase("12 x", 3, "no unit"), "cannot read '12 x' at character 4: no unit"),
    (errors.UnreadableTable("claims.csv", "no header"), "claims.csv: no header"),
    (
        errors.RejectedRows(tuple(Rejected(n, "value", "why") for n in range(2, 7))),
        "5 rows could not be read: line 2, value: why; line 3, value: why; line 4, value: why; and 2 more",
    ),
    (errors.RejectedRows((Rejected(2, None, "why"),)), "1 row could not be read: line 2: why"),
    (errors.InconsistentClaims("no good"), "no good"),
    (errors.InconsistentClaims("no good", ("a", "b")), "no good (claims a, b)"),
    (errors.InconsistentClaims("no good", tuple("abcdef")), "no good (claims a, b, c, d, e, ...)"),
    (errors.UnknownQuantity("killed, market"), "no estimate for killed, market; there are estimates for: nothing"),
    (errors.UnknownQuantity("x", ("a", "b")), "no estimate for x; there are estimates for: a; b"),
    (
        errors.MissingDependency("pandas", "to_frame", "'reconcile-claims[all]'"),
        "to_frame needs pandas, which is not installed: pip install 'reconcile-claims[all]'",
    ),
]


@pytest.mark.parametrize("error, text", CASES, ids=lambda case: type(case).__name__)
def test_what_errors_say(error, text):
    assert str(error) == text
    assert str(copy.copy(error)) == str(pickle.loads(pickle.dumps(error))) == text
    with pytest.raises(errors.ReconcileError):
        raise error


@pytest.mark.parametrize(
    "error, kind",
    [
        (errors.InvalidValue, ValueError), (errors.UnreadablePhrase, ValueError), (errors.UnreadableTable, ValueError),
        (errors.RejectedRows, ValueError), (errors.InconsistentClaims, ValueError), (errors.UnknownQuantity, KeyError),
        (errors.MissingDependency, ImportError), (errors.ClaimsWarning, UserWarning),
    ],
)  # fmt: skip
def test_errors_are_builtin_kinds(error, kind):
    assert issubclass(error, kind)


def test_long_things_are_cut_short():
    assert len(str(errors.InvalidValue("a", "x" * 10_000, "b"))) < 300
    assert len(str(errors.UnreadablePhrase("x" * 10_000, 0, "b"))) < 300
    assert "; ..." in str(errors.UnknownQuantity("x", tuple("abcdefghi")))


def test_a_number_too_long_to_write_is_refused_in_words():
    """Python writes no integer of more than some 4,300 digits, and the complaint itself failed."""
    with pytest.raises(errors.InvalidValue) as caught:
        Exactly(10 ** (sys.get_int_max_str_digits() + 1))
    assert "Exactly.n: got something of type int that cannot be written; allowed: " in str(caught.value)


class Shy:
    def __repr__(self):
        raise RuntimeError

    def __reduce__(self):
        raise RuntimeError


@pytest.mark.parametrize("given_", [(n for n in ()), lambda: None, Shy(), [Shy()], sys])
def test_what_cannot_be_pickled_does_not_silence_the_error(given_):
    """An error in a worker process comes home pickled; one about a generator did not."""
    error = errors.InvalidValue("Corpus.claims", given_, "claims")
    again = pickle.loads(pickle.dumps(error))
    assert type(again) is errors.InvalidValue
    assert str(again) == str(error)
    assert str(pickle.loads(pickle.dumps(again))) == str(error)


@given(st.recursive(st.none() | st.integers() | st.floats() | st.text() | st.binary(), st.lists, max_leaves=5))
def test_any_value_can_be_complained_of(anything):
    error = errors.InvalidValue("Thing.size", anything, "another")
    assert str(pickle.loads(pickle.dumps(error))) == str(error)
    assert str(error).startswith("Thing.size: got ")
