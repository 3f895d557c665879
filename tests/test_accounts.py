# SPDX-License-Identifier: MIT
import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconcile.accounts import Prior, box, build_accounts, contains, disjoint
from reconcile.errors import InconsistentClaims
from reconcile.vocabulary import CASUALTIES, Event, Group, Outcome, Period, Quantity

E = Event("battle")
LEFT, RIGHT = Event("left", part_of=E), Event("right", part_of=E)
T, S = Group(party="T"), Group(party="S")
CHILD, ADULT, CIVILIAN = Group(age="child"), Group(age="adult"), Group(status="civilian")


def only(*quantities, shares=()):
    (account,) = build_accounts(quantities, shares)
    return account


def test_killed_and_injured_add_up_to_casualties():
    account = only(E.count(CASUALTIES, T), E.killed(T), E.injured(T))
    whole, parts = account.index(E.count(CASUALTIES, T)), {account.index(E.killed(T)), account.index(E.injured(T))}
    (join,) = account.joins
    assert account.is_tree
    assert (join.whole, {join.left, join.right}) == (whole, parts)
    assert set(account.priors) == parts  # the whole has none of its own


def test_what_casualties_hold_beside_the_killed_are_the_injured():
    account = only(E.count(CASUALTIES), E.killed())
    (other,) = set(account.priors) - {account.index(E.killed())}
    assert account.priors[other] == Prior("injured")


def test_parties_add_up_with_room_for_others():
    account = only(E.killed(), E.killed(T), E.killed(S))
    assert account.is_tree
    assert sum(prior.remainder for prior in account.priors.values()) == 1
    assert not account.splits


def test_sub_groups_split_a_party():
    account = only(E.killed(T), E.killed(Group(party="T", status="military")))
    assert account.splits == ((account.index(E.killed(T)), 1),)
    assert set(account.priors) == {account.index(E.killed(T))}


def test_three_parts_are_split_at_once():
    parts = [E.killed(Group(status=s)) for s in ("civilian", "military", "police")]
    account = only(E.killed(), *parts)
    assert account.splits == ((account.index(E.killed()), 3),)
    assert len(account.joins) == 3


def test_parts_of_events_add_up():
    account = only(E.killed(), LEFT.killed(), RIGHT.killed(T))
    assert account.is_tree
    assert account.index(RIGHT.killed(T)) in account.priors


def test_consecutive_periods_that_fill_the_whole_leave_no_rest():
    week = [Period("2020-01-01", "2020-01-03"), Period("2020-01-04", "2020-01-07")]
    whole = Period("2020-01-01", "2020-01-07")
    full = only(E.killed(period=whole), *(E.killed(period=p) for p in week))
    open_ = only(E.killed(period=whole), E.killed(period=week[0]))
    assert len(full.priors) == 2
    assert len(open_.priors) == 2
    assert None not in full.nodes
    assert None in open_.nodes


def test_a_classification_by_two_facets_is_a_tree_until_they_cross():
    assert only(E.killed(), E.killed(CHILD), E.killed(CIVILIAN)).is_tree
    crossed = Group(age="child", status="civilian")
    account = only(E.killed(), E.killed(CHILD), E.killed(CIVILIAN), E.killed(crossed))
    assert not account.is_tree
    assert account.atoms[account.index(E.killed())].all()


def test_outcome_by_group_is_no_tree():
    account = only(E.count(CASUALTIES), E.killed(), E.count(CASUALTIES, CHILD), E.killed(CHILD))
    assert not account.is_tree


def test_a_share_sits_at_its_join():
    account = only(E.displaced(CHILD), shares=[(E.displaced(CHILD), E.displaced())])
    part, whole = account.index(E.displaced(CHILD)), account.index(E.displaced())
    assert account.joins[account.shares[part, whole]].left == part


def test_shares_of_two_parts_of_one_family_are_no_tree():
    pairs = [(E.displaced(g), E.displaced()) for g in (CHILD, ADULT)]
    assert not only(E.displaced(), E.displaced(CHILD), E.displaced(ADULT), shares=pairs).is_tree


def test_unrelated_quantities_are_apart():
    accounts = build_accounts([E.killed(), E.injured(), E.displaced(), Event("other").killed()])
    assert [len(account.nodes) for account in accounts] == [1, 1, 1, 1]


def test_one_count_under_two_names_is_one_node():
    dead = Outcome("deaths", {"killed"})
    assert box(E.killed()) == box(E.count(dead))
    account = only(E.killed(), E.count(dead))
    assert len(account.nodes) == 1
    assert account.index(E.killed()) == account.index(E.count(dead)) == 0


def test_hopeless_crossings_are_refused():
    facets = [Group(**{f"facet{k}": "yes"}) for k in range(9)]
    crossing = [
        E.killed(Group(**{f"facet{j}": "yes", f"facet{k}": "yes"})) for j, k in itertools.combinations(range(9), 2)
    ]
    with pytest.raises(InconsistentClaims, match="cross"):
        build_accounts([*(E.killed(g) for g in facets), *crossing])


values = st.sampled_from(["a", "b", "c"])
groups = st.builds(
    lambda facets: Group(**facets),
    st.dictionaries(st.sampled_from(["party", "age"]), st.sets(values, min_size=1, max_size=2), max_size=2),
)
quantities = st.builds(
    Quantity,
    st.sampled_from([E, LEFT, RIGHT]),
    st.sampled_from(["killed", "injured", "casualties"]),
    groups,
)


def everyone_in(quantity):
    """The cells of a small universe that a quantity counts."""
    return {
        (event.id, outcome, party, age)
        for event in (E, LEFT, RIGHT)
        if event == quantity.event or quantity.event in event.wholes
        for outcome in quantity.outcome.elements
        for party in quantity.group["party"] or "abcd"
        for age in quantity.group["age"] or "abcd"
    }


@given(quantities, quantities)
def test_boxes_are_sets(one, other):
    mine, theirs = everyone_in(one), everyone_in(other)
    assert contains(one, other) == (theirs <= mine)
    assert disjoint(one, other) == (not mine & theirs)


@given(st.sets(quantities, min_size=1, max_size=5))
def test_in_every_world_parts_are_within_wholes_and_nothing_is_lost(chosen):
    accounts = build_accounts(chosen)
    assert {box(q) for account in accounts for q in account.quantities} == {box(q) for q in chosen}
    rng = np.random.default_rng(0)
    for account in accounts:
        free = rng.integers(0, 5, (20, account.atoms.shape[1]))
        value = free @ account.atoms.T.astype(int)
        fits = np.ones(20, dtype=bool)
        for whole, parts in account.slacks:
            fits &= value[:, whole] >= value[:, list(parts)].sum(axis=1)
        for a, b in itertools.permutations(range(len(account.nodes)), 2):
            one, other = account.nodes[a], account.nodes[b]
            if one is not None and other is not None and contains(one, other):
                assert np.all(value[fits, a] >= value[fits, b])
        for join in account.joins:
            if join.right is not None and account.nodes[join.right] is not None:
                assert np.all(value[:, join.whole] == value[:, join.left] + value[:, join.right])


@given(st.lists(quantities, min_size=1, max_size=5, unique=True), st.randoms())
def test_the_order_of_quantities_does_not_matter(chosen, random):
    shuffled = list(chosen)
    random.shuffle(shuffled)
    one, other = build_accounts(chosen), build_accounts(shuffled)
    assert [(a.nodes, a.priors, a.joins, a.splits) for a in one] == [
        (a.nodes, a.priors, a.joins, a.splits) for a in other
    ]
