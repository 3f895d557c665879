# SPDX-License-Identifier: MIT
"""Small sets of claims that several tests share."""

from __future__ import annotations

import reconcile as rc

T, S = rc.Group(party="T"), rc.Group(party="S")
CHILD, ADULT, CIVILIAN = rc.Group(age="child"), rc.Group(age="adult"), rc.Group(status="civilian")
BOTH = rc.Group(age="child", status="civilian")
CASUALTIES = rc.Outcome("casualties", {"killed", "injured"})
MARKET = rc.Event("market", perpetrators={"S"})
MINISTRY = rc.Source("ministry", kind="government", sides={"T"})
MONITOR = rc.Source("monitor", kind="monitor")
AGENCY = rc.Source("agency", kind="media")


def claim(quantity, value, source=MONITOR, **more):
    value = rc.Exactly(value) if isinstance(value, int) else value
    return rc.Claim(quantity, value, rc.Source(source) if isinstance(source, str) else source, **more)


def component_of(claims, model=None):
    """The component that `estimate` would solve for claims that hang together."""
    from reconcile import conductor
    from reconcile.components import Component

    caught = []

    class Stop(Exception):
        pass

    def catch(component, **_):
        caught.append(component)
        raise Stop

    original = conductor.integrate, conductor.sample_component
    conductor.integrate = conductor.sample_component = catch
    try:
        rc.estimate(claims, model, learn=False)
    except Stop:
        pass
    finally:
        conductor.integrate, conductor.sample_component = original
    (component,) = caught
    assert isinstance(component, Component)
    return component
