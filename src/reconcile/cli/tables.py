# SPDX-License-Identifier: MIT
"""Estimates as a table for people to read, in a terminal or in a file."""

from __future__ import annotations

from typing import TYPE_CHECKING, TextIO

from reconcile.cli.terminal import plain

if TYPE_CHECKING:
    from reconcile.estimates import Estimate
    from reconcile.posterior import Posterior

__all__ = ["tell_claims", "write_table"]

PIPED_WIDTH = 120
_LIKELIER = "are each likelier than the numbers between them"
NARROW = 110  # below this the columns of the table are put together


def write_table(posterior: Posterior, level: float, file: TextIO) -> None:
    """Print estimates as a table, or line by line where no package lays out tables."""
    estimates = [posterior[quantity] for quantity in posterior.quantities]
    if not estimates:
        print("No dated claim had been made by then (column `reported`), so there is nothing to estimate.", file=file)
        return
    try:
        _print_table(estimates, level, file)
    except ImportError:
        for one in estimates:
            print(plain(f"{one.quantity.event}: {one}"), file=file)
        print(f"\n{_caption(estimates, level)}", file=file)
        print("(pip install 'reconcile-claims[cli]' prints this as a table)", file=file)


def _print_table(estimates: list[Estimate], level: float, file: TextIO) -> None:
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from reconcile.estimates import headline

    terminal = file.isatty()
    # Text that is handed over as Text is never read as rich's markup.
    console = Console(file=file) if terminal else Console(file=file, width=PIPED_WIDTH, color_system=None)
    interval = f"{100 * level:g} % interval"
    table = Table(box=SIMPLE_HEAD, expand=True, padding=(0, 1, 0, 0), pad_edge=False)
    wide = console.width >= NARROW
    if wide:
        table.add_column("event", max_width=24, overflow="fold")
        table.add_column("who and what", ratio=2, overflow="fold")
        table.add_column("estimate", justify="right", no_wrap=True)
        table.add_column(interval, justify="right", no_wrap=True)
        table.add_column("claims", justify="right")
        table.add_column("independent\norigins", justify="right")
        table.add_column("what was claimed, and by whom", ratio=3, overflow="fold")
    else:
        longest = max(len(plain(one.quantity.event.id)) for one in estimates)
        table.add_column("who and what", ratio=4, min_width=min(longest, 24), overflow="fold")
        table.add_column(f"estimate\n({interval})", justify="right", max_width=16)
        table.add_column("claims,\norigins", justify="right")
        table.add_column("what was claimed, and by whom", ratio=5, overflow="fold")
    event = None
    for one in estimates:
        _, low, high = one.readable(level)
        number, span = headline(one.distribution, level), f"{low:,} to {high:,}"
        claims, origins = len(one.claims), one.origins
        name = plain(one.quantity.event.id)
        what, claimed = Text(plain(_what(one))), Text(plain(tell_claims(one)))
        if wide:
            first = Text(name if name != event else "")
            table.add_row(first, what, Text(number, style="bold"), span, str(claims), str(origins), claimed)
        else:
            if name != event:
                table.add_row(Text(name, style="bold"))
            table.add_row(what, f"{number}\n({span})", f"{claims},\n{origins}", claimed)
        event = name
    console.print(table)
    console.print(Text(_caption(estimates, level)))


def _what(one: Estimate) -> str:
    quantity = one.quantity
    return f"{quantity.outcome}, {quantity.group}" + (f", {quantity.period}" if quantity.period else "")


def tell_claims(one: Estimate) -> str:
    """Say in one line who claimed what, and which claims are not used."""
    said = "; ".join(
        f"{role.claim.source}: {'perhaps ' if role.claim.hedged else ''}{role.claim.value}"
        + ("" if role.role == "used" else f" ({role.role})")
        for role in one.roles
    )
    return said or "nothing; it follows from the other claims"


def _caption(estimates: list[Estimate], level: float) -> str:
    from reconcile.estimates import headline

    one = min(estimates, key=lambda one: len(one.peaks()))
    _, low, high = one.readable(level)
    number, span = headline(one.distribution, level), f"{low:,} to {high:,}"
    often = {0.5: "half of the time", 0.9: "nine times in ten", 0.95: "19 times in 20", 0.99: "99 times in 100"}
    how_often = often.get(level, f"{100 * level:g} times in 100")
    middle = f"{number} is the middle of what is likely" if len(one.peaks()) == 1 else f"{number} {_LIKELIER}"
    torn = next((other for other in estimates if len(other.peaks()) > len(one.peaks())), None)
    either = f" '{headline(torn.distribution, level)}' {_LIKELIER}." if torn else ""
    return (
        f"How to read it: '{number} ({span})': {middle}, and {how_often} "
        f"the true number lies from {span}, given what these sources said and the assumptions of the "
        f"model.{either} Claims that go back to one origin count once."
    )
