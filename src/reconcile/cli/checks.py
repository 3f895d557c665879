# SPDX-License-Identifier: MIT
"""``reconcile check``: what can be read, what cannot, and what cannot all be true."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from reconcile.cli import doubts, reading
from reconcile.cli.terminal import EXIT_OK, EXIT_REJECTED, EXIT_UNUSABLE, plain, point_at, tell, telling_warnings
from reconcile.errors import MisspeltColumn
from reconcile.notes import find_duplicates
from reconcile.plumbing import count_of

if TYPE_CHECKING:
    from reconcile.claims import Corpus

__all__ = ["run_check"]

_MOST_CONTRADICTIONS = 20
_MOST_DOUBTS = 20


def run_check(options: argparse.Namespace) -> int:
    """Say what was read, what was not, and which claims contradict each other; give the exit status."""
    with telling_warnings() as told:
        corpus = reading.read(options, strict=False)
    if not len(corpus) and not corpus.rejected:
        tell(f"{options.file}: no claim could be read, so there is nothing to check")
        return EXIT_UNUSABLE
    events = set(corpus.columns.quantities.event.tolist())
    said = f"{count_of(len(corpus), 'claim')} by {count_of(len(corpus.sources), 'source')}"
    print(plain(f"{options.file}: {said} about {count_of(len(events), 'event')}"))
    if corpus.rejected:
        print(f"{count_of(len(corpus.rejected), 'row')} could not be read:")
        for row in corpus.rejected:
            print(point_at(options.file, row))
    for note in find_duplicates(corpus):
        print(note)
    alike = doubts.pair_names(corpus)
    _print_doubts("names that differ only in capitals or in signs around them, and were read as different:", alike)
    near = doubts.question_facets(corpus)
    _print_doubts("facets of groups that nearly are common ones, and were read as they stand:", near)
    _print_contradictions(corpus)
    return EXIT_REJECTED if corpus.rejected or MisspeltColumn in told else EXIT_OK


def _print_doubts(title: str, found: list[str]) -> None:
    """List what may be a slip of the pen, which is no fault of the file."""
    if not found:
        return
    print(title)
    for one in found[:_MOST_DOUBTS]:
        print(f"  {plain(one)}")
    if len(found) > _MOST_DOUBTS:
        print(f"  and {len(found) - _MOST_DOUBTS:,} more")


def _print_contradictions(corpus: Corpus) -> None:
    """List the claims that cannot all be literally true, which is no fault of the file."""
    from reconcile.logic import contradictions

    found = contradictions(corpus, limit=_MOST_CONTRADICTIONS)
    if not found:
        return
    number = len(found) + found.left_out
    at_least = "" if found.complete else "at least "
    print(f"claims that cannot all be literally true, {at_least}{count_of(number, 'set')}, the furthest apart first:")
    for one in found:
        print(f"  {plain(str(one))}")
    if found.left_out:
        print(f"  and {found.left_out:,} more: reconcile.contradictions() gives them all")
