# SPDX-License-Identifier: MIT
"""A claims desk: claims arrive, are revised, relayed and withdrawn, and somebody asks what was known on some day.

Whatever has happened, the answer is that of a plain model: a list, and loops over it.
"""

from __future__ import annotations

import datetime

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

import reconcile as rc
from reconcile.roles import assign_roles
from reconcile.testing import strategies

SOURCES = st.sampled_from([rc.Source(name) for name in "abc"])
EVENT = rc.Event("market")
QUANTITIES = strategies.quantities(
    events=st.just(EVENT),
    outcomes=st.just(rc.Outcome("killed")),
    groups=st.sampled_from([rc.Group(), rc.Group(age="child")]),
    periods=st.none(),
)
FEW = st.integers(0, 3)
VALUES = strategies.exactlys(counts=FEW) | strategies.at_leasts(counts=FEW)
LAST = 20  # day of the month
SOME = st.integers(0, 100)  # which of the claims at hand, modulo their number


def day(number):
    return datetime.date(2020, 2, number)


class Desk(RuleBasedStateMachine):
    """Claims as they come in, by day; those that relay or revise another come no earlier than it."""

    @initialize(quantity=QUANTITIES, value=VALUES, source=SOURCES)
    def opens(self, quantity, value, source):
        self.today, self.claims = 1, [rc.Claim(quantity, value, source, reported=day(1))]

    def one(self, at):
        return self.claims[at % len(self.claims)]

    def file(self, claim):
        """Put a claim on the desk; one that is there already says nothing new, and changes nothing."""
        if claim not in self.claims:
            self.claims.append(claim)

    # --- what happens ---

    @rule(days=st.integers(1, 2))
    def night_falls(self, days):
        self.today = min(self.today + days, LAST)

    @rule(quantity=QUANTITIES, value=VALUES, source=SOURCES, late=st.integers(0, 3), hedged=st.booleans())
    def arrives(self, quantity, value, source, late, hedged):
        reported = day(max(self.today - late, 1))  # an older claim may come to hand late
        self.file(rc.Claim(quantity, value, source, reported=reported, hedged=hedged))

    @rule(quantity=QUANTITIES, value=VALUES, source=SOURCES, quoted=SOURCES)
    def quotes_a_source(self, quantity, value, source, quoted):
        self.file(rc.Claim(quantity, value, source, reported=day(self.today), quoted_from=quoted))

    @rule(at=SOME, value=st.none() | VALUES, source=SOURCES)
    def is_relayed(self, at, value, source):
        first = self.one(at)
        self.file(rc.Claim(first.quantity, value or first.value, source, reported=day(self.today), quoted_from=first))

    @rule(at=SOME, quantity=QUANTITIES, value=VALUES, source=SOURCES)
    def is_revised(self, at, quantity, value, source):
        self.file(rc.Claim(quantity, value, source, reported=day(self.today), revises=self.one(at)))

    @rule(at=SOME)
    def is_withdrawn(self, at):
        gone = self.one(at)
        rest = [claim for claim in self.claims if claim is not gone]
        if any(gone.id in (claim.quoted_from, claim.revises) for claim in rest):
            with pytest.raises(rc.InconsistentClaims, match="is not here"):
                assign_roles(rc.Corpus(rest))
        elif rest:
            self.claims = rest

    # --- the plain model ---

    def known(self, asked):
        return [claim for claim in self.claims if asked is None or claim.reported <= asked]

    def expect(self, claim, asked):
        """The roles that a claim may have, by plain loops."""
        known = self.known(asked)
        if claim not in known:
            return {"reported after the day asked for"}
        if isinstance(claim.quoted_from, str):
            return {"relay"}
        if any(other.revises == claim.id for other in known):
            return {"superseded"}
        rivals = []
        for other in known:
            if isinstance(other.quoted_from, str) or any(third.revises == other.id for third in known):
                continue
            if other.quantity == claim.quantity and speaker(other) == speaker(claim):
                rivals.append(other)
        if any(other.reported > claim.reported for other in rivals):
            return {"superseded"}
        alike = [other for other in rivals if other.reported == claim.reported and said(other) == said(claim)]
        return {"used"} if len(alike) == 1 else {"used", "duplicate", "relay"}

    # --- what is asked ---

    @invariant()
    def roles_are_those_of_the_model(self):
        for asked in {None, *(claim.reported for claim in self.claims)}:
            self.check_roles(asked)

    def check_roles(self, asked):
        roles = {role.claim.id: role for role in assign_roles(rc.Corpus(self.claims), asked)}
        assert set(roles) == {claim.id for claim in self.claims}
        voices = {}
        for claim in self.claims:
            role = roles[claim.id]
            assert role.role.value in self.expect(claim, asked)
            if role.role.value == "used":
                voice = (speaker(claim), claim.quantity, claim.reported, said(claim))
                assert voice not in voices, "one speaker is heard twice with the same words"
                voices[voice] = claim
        for claim in self.known(asked):
            if "used" in self.expect(claim, asked):  # of words that stand, somebody speaks
                assert (speaker(claim), claim.quantity, claim.reported, said(claim)) in voices

    @rule(at=SOME)
    def an_estimate_of_a_day_is_that_of_what_was_known(self, at):
        asked = self.one(at).reported
        known = self.known(asked)
        then = rc.estimate(self.claims, as_of=asked, learn=False)
        plain = rc.estimate(known[::-1], learn=False)
        for quantity in plain:
            assert then[quantity].distribution.mass.tolist() == plain[quantity].distribution.mass.tolist()
            used = {role.claim for role in plain[quantity].roles if role.role == "used"}
            assert {role.claim for role in then[quantity].roles if role.role == "used"} == used


def speaker(claim):
    return claim.quoted_from if isinstance(claim.quoted_from, rc.Source) else claim.source


def said(claim):
    return claim.value, claim.hedged


TestDesk = Desk.TestCase
TestDesk.settings = settings(max_examples=25, stateful_step_count=8)
