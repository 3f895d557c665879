# SPDX-License-Identifier: MIT
"""``reconcile explain``: where an estimate comes from, claim by claim."""

from __future__ import annotations

import argparse
import sys
from collections import Counter

from reconcile.cli import reading
from reconcile.cli.terminal import EXIT_OK, EXIT_UNUSABLE, plain, tell

__all__ = ["run_explain"]


def run_explain(options: argparse.Namespace) -> int:
    """Say of one count where its estimate comes from, or list the counts; give the exit status."""
    asked = reading.settings(options)  # before the work, for a model that cannot be read
    corpus = reading.read_some(options, "explain", strict=False)
    if corpus is None:
        return EXIT_UNUSABLE

    from reconcile.influence import explain, history
    from reconcile.posterior import estimate

    posterior = estimate(corpus, **asked)
    wanted = None if options.quantity is None else " ".join(options.quantity.split())
    printed = [(plain(str(quantity)), quantity) for quantity in posterior.quantities]
    found = [quantity for name, quantity in printed if wanted in {name, quantity.key}]
    found = found or [quantity for name, quantity in printed if wanted and name.startswith(wanted)]
    found = found or [quantity for _, quantity in printed if wanted == plain(quantity.event.id)]
    number = Counter(name for name, _ in printed)
    if not printed:
        tell("no dated claim had been made by then (column `reported`), so there is nothing to explain")
    if len(found) != 1:
        if wanted is not None:
            said = "no count is called" if not found else "more than one count is called"
            tell(f"{said} {options.quantity!r}; there are estimates for:")
        for quantity in found or posterior.quantities:
            # Two counts may print alike: then each is given by what tells it apart, which QUANTITY may be as well.
            name = plain(str(quantity))
            print(name if number[name] == 1 else plain(quantity.key), file=sys.stdout if wanted is None else sys.stderr)
        return EXIT_OK if wanted is None else EXIT_UNUSABLE
    for line in str(explain(posterior, found[0])).splitlines():
        print("  " * ((len(line) - len(line.lstrip())) // 2) + plain(line))
    if options.history:
        print("\nHow it moved as claims came in:")
        for line in str(history(corpus, found[0], **asked)).splitlines()[1:]:
            print(f"  {plain(line)}")
    return EXIT_OK
