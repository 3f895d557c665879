# SPDX-License-Identifier: MIT
"""``reconcile report``: everything as one HTML page."""

from __future__ import annotations

import argparse
import shlex
import sys
from pathlib import Path

from reconcile.cli import reading
from reconcile.cli.outputs import check_outputs
from reconcile.cli.terminal import EXIT_OK, EXIT_UNUSABLE, plain

__all__ = ["run_report"]


def run_report(options: argparse.Namespace) -> int:
    """Write a report; give the exit status."""
    out = options.output
    check_outputs(options, "output")

    from reconcile import report

    report.require()  # before the work, so that a missing package is not told after it
    asked = reading.settings(options)  # and for a model that cannot be read
    corpus = reading.read_some(options, "report", strict=options.strict)
    if corpus is None:
        return EXIT_UNUSABLE

    from reconcile.posterior import estimate

    posterior = estimate(corpus, **asked)
    page = report.render(
        posterior, title=options.title, level=options.level, most=options.most, histories=options.history,
        command=_again(options), dated=options.dated,
    )  # fmt: skip
    if out:
        Path(out).write_text(page, encoding="utf-8", newline="\n")
    else:
        _print(page)
    return EXIT_OK


def _print(page: str) -> None:
    """Print a page, which says of itself that it is UTF-8, whatever the terminal is."""
    binary = getattr(sys.stdout, "buffer", None)
    if binary is None:
        print(page, end="")
    else:
        binary.write(page.encode())


def _again(options: argparse.Namespace) -> str:
    """Write the command, without where the page goes and with the file's name alone."""
    file = "-" if options.file == "-" else Path(options.file).name
    said = ["reconcile", "report", file]
    for name in ("format", "encoding", "title", "level", "as_of", "seed", "draws", "most", "dated"):
        given = getattr(options, name)
        if given is not None and given != _USUAL.get(name):
            said += [f"--{name.replace('_', '-')}", given.isoformat() if hasattr(given, "isoformat") else str(given)]
    said += [word for outcome in options.outcome for word in ("--outcome", outcome)]
    said += [f"--{name}" for name in ("history", "strict") if getattr(options, name)]
    said += ["--model", Path(options.model).name] if options.model else []
    said += [] if options.learn else ["--no-learn"]
    said += [word for source in options.without for word in ("--without", source)]
    return plain(shlex.join(said))


_USUAL = {"level": 0.9, "seed": 0, "most": 24}
