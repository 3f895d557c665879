# SPDX-License-Identifier: MIT
"""How Hypothesis is asked to look for counterexamples, outside of a test that is decorated with `given`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from hypothesis import settings as Settings  # noqa: N812 - the type of the parameter `given`

__all__ = ["settle"]


def settle(given: Settings | None, effort: float = 1.0) -> Settings:
    """Give settings that look and tell, and leave nothing behind.

    Parameters
    ----------
    given : hypothesis.settings or None
        None for those in force.
    effort : float
        Share of the number of examples.
    """
    from hypothesis import HealthCheck, Phase, Verbosity, settings

    base: Any = settings.default if given is None else given
    return settings(
        base,
        max_examples=max(round(base.max_examples * effort), 1),
        database=None,
        deadline=None,
        phases=[phase for phase in base.phases if phase is not Phase.explain],  # its comments are on what is not shown
        print_blob=False,
        report_multiple_bugs=False,
        verbosity=Verbosity.quiet if base.verbosity is Verbosity.normal else base.verbosity,
        suppress_health_check=list(HealthCheck),
    )
