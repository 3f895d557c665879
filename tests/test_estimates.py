# SPDX-License-Identifier: MIT
"""Records of what comes out: roles, estimates, diagnostics."""

from __future__ import annotations

import copy
import html.parser
import pickle

import attrs
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import reconcile as rc
from reconcile import claims, values, vocabulary
from reconcile.claims import Claim
from reconcile.errors import InvalidValue
from reconcile.estimates import ClaimRole, Diagnostics, Estimate, ParameterEstimate, Role, SourceEstimate, html_table
from reconcile.pmf import PMF, Lattice
from reconcile.values import Exactly
from reconcile.vocabulary import Event, Group, Relation, Source

TURKS = Event("shelling").killed(Group(party="Turkey"))
MINISTRY = Source("ministry", sides={"Turkey"})
PAPER = Source("paper", kind="media", sides={"a", "b"})
CLAIM = Claim(TURKS, Exactly(5), MINISTRY, reported="2020-02-10", id="first")
ECHO = Claim(TURKS, Exactly(6), PAPER, quoted_from="first", id="echo")
ROLES = (
    ClaimRole(CLAIM, Role.USED, MINISTRY),
    ClaimRole(ECHO, Role.RELAY, MINISTRY, "first", "says 6, its origin 5"),
)


@pytest.mark.parametrize("role", [*ROLES, *(ClaimRole(CLAIM, part, MINISTRY, by="x") for part in Role)])
def test_role_is_a_record(role):
    """Its repr wrote the part as <Role.USED: 'used'>, which nothing reads."""
    again = eval(repr(role), {**vars(claims), **vars(values), **vars(vocabulary), "ClaimRole": ClaimRole, "Role": Role})
    for twin in (again, copy.deepcopy(role), pickle.loads(pickle.dumps(role))):
        assert (twin, hash(twin), str(twin)) == (role, hash(role), str(role))
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        role.role = Role.LATER


def test_roles_in_words():
    assert str(ROLES[0]) == "ministry: 5 killed (Turkey), shelling (2020-02-10): used"
    assert str(ROLES[1]) == "paper: 6 killed (Turkey), shelling: relay (first); says 6, its origin 5"


def test_the_relation_of_a_role_is_that_of_the_speaker():
    assert ECHO.relation is Relation.THIRD
    assert ROLES[1].relation is Relation.OWN


# --- estimates ----------------------------------------------------------------------------------------------------


def estimate_of(mass, roles=ROLES, quantity=TURKS):
    mass = np.asarray(mass, dtype=float)
    return Estimate(quantity, PMF(Lattice.integers(len(mass) - 1), mass / mass.sum()), roles)


def test_estimate_in_words():
    estimate = estimate_of([0, 0, 0, 0, 0, 1, 3, 1])
    assert str(estimate) == "6 killed (90 % 5-7), from 2 claims by 1 independent source"
    assert repr(estimate) == f"<Estimate of killed (Turkey), shelling: {estimate}>"
    assert str(estimate_of([1], ())) == "0 killed (90 % 0-0), from claims about other counts"
    assert str(estimate_of([1], ROLES[1:])) == "0 killed (90 % 0-0), from 1 claim by 0 independent sources"
    assert estimate.claims == (CLAIM, ECHO)
    assert estimate.origins == 1


def test_origins_are_speakers_that_are_used():
    used = [ClaimRole(CLAIM, Role.USED, Source(name)) for name in ("a", "b", "a")]
    others = [ClaimRole(CLAIM, part, Source(part.value)) for part in Role if part is not Role.USED]
    assert estimate_of([1], (*used, *others)).origins == 2


def test_an_estimate_says_what_its_distribution_says():
    estimate = estimate_of([1, 2, 3, 4, 3, 2, 1])
    dist = estimate.distribution
    counts = np.arange(-2, 10)
    for name in ("mean", "median", "mode", "variance", "entropy"):
        assert getattr(estimate, name)() == getattr(dist, name)()
    for name in ("pmf", "cdf", "ccdf"):
        np.testing.assert_array_equal(getattr(estimate, name)(counts), getattr(dist, name)(counts))
    for p in (0.05, 0.5, 0.8):
        assert (estimate.icdf(p), estimate.eti(p), estimate.hdi(p)) == (dist.icdf(p), dist.eti(p), dist.hdi(p))
    assert (estimate.eti(), estimate.hdi()) == (dist.eti(0.9), dist.hdi(0.9))
    assert estimate.sample(5, seed=1).tolist() == dist.sample(5, seed=1).tolist()
    assert estimate.sample(seed=1).shape == (1,)


@given(st.lists(st.integers(0, 10**13), min_size=3, max_size=3).map(sorted), st.integers(0, 3))
def test_readable_numbers_hold_no_less(numbers, digits):
    low, median, high = (number // 10**digits for number in numbers)

    class Known:
        """A distribution whose quantiles are given."""

        def eti(self, p):
            return low, high

        def median(self):
            return median

    shown, below, above = Estimate(TURKS, Known(), ()).readable()
    assert below <= low <= high <= above
    assert below <= shown <= above
    width = max(high - low, 1)
    for exact, rounded in ((median, shown), (low, below), (high, above)):
        assert abs(exact - rounded) <= width / 100 * (1 + 1e-9) * 10  # three digits of the width
        assert abs(exact - rounded) <= exact / 10  # two digits of its own
    assert high - low > 999 or (shown, below, above) == (median, low, high)


# --- HTML ---------------------------------------------------------------------------------------------------------


class Reader(html.parser.HTMLParser):
    """Notes tags, and fails where they are not nested."""

    def __init__(self, text):
        super().__init__()
        self.open, self.seen, self.text = [], [], []
        self.feed(text)
        assert not self.open

    def handle_starttag(self, tag, attributes):
        assert not attributes
        self.open.append(tag)
        self.seen.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text.append(data)


def test_html_shows_names_and_runs_nothing():
    name = "<script>alert('a')</script>&amp;\""
    claim = Claim(Event(name).killed(), Exactly(5), Source(name))
    page = Reader(
        estimate_of([1], (ClaimRole(claim, Role.USED, claim.source, note=name),), claim.quantity)._repr_html_()
    )
    assert set(page.seen) == {"p", "strong", "table", "thead", "tbody", "tr", "th", "td"}
    assert page.text.count(name) == 2
    assert f"killed, {name}" in page.text


@given(st.lists(st.text(max_size=5), max_size=3), st.lists(st.lists(st.text(max_size=5), max_size=3), max_size=3))
def test_html_table_holds_any_text(header, rows):
    seen = Reader(html_table(header, rows)).seen
    assert seen.count("th") == len(header)
    assert seen.count("td") == sum(map(len, rows))
    assert seen.count("tr") == len(rows) + 1


def test_diagnostics_are_a_record():
    one = Diagnostics({TURKS.key: "exact"}, "chains", 64, 60.5, 1.01, 0.2, 0.001, ("a note",))
    again = pickle.loads(pickle.dumps(one))
    assert attrs.asdict(again) == attrs.asdict(one)
    assert attrs.asdict(eval(repr(one))) == attrs.asdict(one)
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        one.draws = 5


def test_a_parameter_is_described_by_its_draws():
    one = ParameterEstimate(np.linspace(0, 1, 101))
    assert one.mean() == pytest.approx(0.5)
    assert one.eti(0.9) == pytest.approx((0.05, 0.95))
    assert str(one) == "0.50 (90 % 0.05 to 0.95)"
    assert repr(one) == "<ParameterEstimate: 0.50 (90 % 0.05 to 0.95)>"
    for p in (0, 1, 90):
        with pytest.raises(InvalidValue, match="probability"):
            one.eti(p)


def test_a_source_is_read_in_words():
    draws = {
        ("bias", Relation.OWN): np.array([-0.3, -0.1]), ("bias", Relation.THIRD): np.array([0.1, 0.3]),
        ("log_spread", None): np.log([0.1, 0.3]), ("fidelity", None): np.array([0.0, 0.0]),
        ("denial", Relation.OWN): np.array([0.0, 0.0]), ("gross", None): np.array([-30.0, -30.0]),
    }  # fmt: skip
    one = SourceEstimate(PAPER, 3, draws)
    assert {where: bias.mean() for where, bias in one.bias.items()} == pytest.approx(
        {Relation.OWN: -0.2, Relation.THIRD: 0.2}
    )
    assert one.spread.mean() == pytest.approx(0.2)
    assert one.fidelity.mean() == one.denial[Relation.OWN].mean() == 0.5
    assert one.gross.mean() == pytest.approx(0, abs=1e-12)
    assert one.heaping is None
    assert one.copying is None
    more = attrs.evolve(one, draws={**draws, ("heaping", None): np.zeros(2), ("copying", None): np.zeros(2)})
    assert more.heaping.mean() == more.copying.mean() == 0.5
    assert str(one).startswith("paper: bias, own side: -0.20 (90 % ")
    assert repr(one) == f"<SourceEstimate of {one}>"


@pytest.mark.filterwarnings("ignore::reconcile.Unidentified")
def test_a_source_of_shares_alone_says_what_it_has():
    killed, children = rc.Event("e").killed(), rc.Event("e").killed(rc.Group(age="child"))
    shares, counts = rc.Source("shares"), rc.Source("counts")
    found = rc.estimate(
        [rc.Claim(children, rc.Share(0.5, 0.5), shares), rc.Claim(killed, rc.Exactly(50), counts)]
    ).sources
    assert found["shares"].fidelity is None
    assert found["shares"].gross is None
    assert found["shares"].denial == {}
    assert found["shares"].spread.median() > 0
    assert str(found["shares"]).startswith("shares: spread: ")
    assert found["counts"].fidelity is not None
    assert "fidelity: " in repr(found["counts"])
