# SPDX-License-Identifier: MIT
"""Reading the claims that a command is asked about."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING, Any

from reconcile.cli.terminal import tell
from reconcile.plumbing import count_of

if TYPE_CHECKING:
    from reconcile.claims import Corpus

__all__ = ["read", "read_some", "settings"]


def read(options: argparse.Namespace, *, strict: bool) -> Corpus:
    """Read the claims of a file, or of the standard input, in the format that is asked for or that its header tells."""
    from reconcile.io import formats

    source = options.file
    if source == "-":
        source = getattr(sys.stdin, "buffer", sys.stdin)
    more = {"outcomes": options.outcome} if options.outcome else {}
    return formats.read(source, options.format, strict=strict, encoding=options.encoding, **more)


def settings(options: argparse.Namespace) -> dict[str, Any]:
    """Give what `estimate` is told besides the claims; reads the model that is to be gone on from."""
    found = {"as_of": options.as_of, "seed": options.seed, "draws": options.draws, "learn": options.learn}
    if options.model:
        from reconcile.io import models

        found["model"] = models.load(options.model)
    return found


def read_some(options: argparse.Namespace, purpose: str, *, strict: bool) -> Corpus | None:
    """Read claims, and say which rows could not be read; None, and a word, where none could."""
    corpus = read(options, strict=strict)
    if corpus.rejected:
        tell(f"{count_of(len(corpus.rejected), 'row')} could not be read; run: reconcile check {options.file}")
    if len(corpus):
        for name in getattr(options, "without", ()):
            corpus = corpus.without(name)
        if not len(corpus):
            tell(f"{options.file}: no claim is left without those sources, so there is nothing to {purpose}")
            return None
        return corpus
    tell(f"{options.file}: no claim could be read, so there is nothing to {purpose}")
    return None
