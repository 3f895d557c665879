# SPDX-License-Identifier: MIT
"""``reconcile estimate``: estimates as a table, as JSON and as CSV, and what coding rules give."""

from __future__ import annotations

import argparse
import contextlib
import json
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from reconcile.cli import reading
from reconcile.cli.outputs import check_outputs
from reconcile.cli.tables import tell_claims, write_table
from reconcile.cli.terminal import EXIT_OK, EXIT_UNUSABLE, printable, tell
from reconcile.errors import Unidentified

if TYPE_CHECKING:
    from reconcile.estimates import Estimate
    from reconcile.posterior import Posterior

__all__ = ["run_estimate"]

FORMAT = 1  # of the JSON of estimates, and of that of rules


def run_estimate(options: argparse.Namespace) -> int:
    """Print estimates, or write them to a file; give the exit status."""
    out = options.output
    check_outputs(options, "output", "provenance", "save_model")
    if options.provenance:
        from reconcile import provenance

        provenance.choose_format(options.provenance)  # before the work, so that a missing package is not told after it
    asked = reading.settings(options)  # before the work too, for a model that cannot be read
    corpus = reading.read_some(options, "estimate", strict=options.strict)
    if corpus is None:
        return EXIT_UNUSABLE

    from reconcile.posterior import estimate

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", Unidentified)  # a note says the same
        posterior = estimate(corpus, **asked)
    for note in posterior.diagnostics.notes:
        tell(f"note: {note}")
    write = {"json": _write_json, "csv": _write_csv, None: write_table}[options.form]
    if options.rules:
        write = {"json": _write_rules_json, "csv": _write_rules_csv, None: _write_rules}[options.form]
    with Path(out).open("w", encoding="utf-8", newline="") if out else contextlib.nullcontext(sys.stdout) as file:
        write(posterior, options.level, file)
    if options.provenance:
        provenance.write(posterior, options.provenance)
    if options.save_model:
        from reconcile.io import models

        models.save(posterior.as_model(), options.save_model)
    return EXIT_OK


def _write_json(posterior: Posterior, level: float, file: TextIO) -> None:
    document = {
        "format": "reconcile estimates",
        "version": FORMAT,
        "level": level,
        "estimates": [row | _describe_estimate(posterior[quantity]) for quantity, row in _pair(posterior, level)],
        **_left_over(posterior),
    }
    json.dump(document, file, indent=2, ensure_ascii=False, default=_to_json)
    file.write("\n")


def _describe_estimate(one: Estimate) -> dict[str, Any]:
    """Write the peaks (a single one where the median lies in no valley) and the claims as they are to be read again."""
    names = ("count", "low", "high", "probability")
    peaks = [{name: getattr(peak, name) for name in names} for peak in one.peaks()]
    return {"peaks": peaks, "claimed": [_describe(role) for role in one.roles]}


def _left_over(posterior: Posterior) -> dict[str, Any]:
    """Say what could not be read, and what there is to note."""
    rejected = [{"line": one.line, "column": one.column, "reason": one.reason} for one in posterior.corpus.rejected]
    return {"rejected": rejected, "notes": list(posterior.diagnostics.notes)}


def _write_rules_json(posterior: Posterior, level: float, file: TextIO) -> None:
    from reconcile import rules

    document = {
        "format": "reconcile rules",
        "version": FORMAT,
        "level": level,
        "rules": rules.compare(posterior, level=level).rows(),
        **_left_over(posterior),
    }
    json.dump(document, file, indent=2, ensure_ascii=False, default=_to_json)
    file.write("\n")


def _write_rules_csv(posterior: Posterior, level: float, file: TextIO) -> None:
    from reconcile import rules
    from reconcile.io.export import write_csv

    write_csv(rules.compare(posterior, level=level).rows(), rules.COLUMNS, file)


def _write_rules(posterior: Posterior, level: float, file: TextIO) -> None:
    from reconcile import rules

    for line in str(rules.compare(posterior, level=level)).splitlines():
        print(printable(line), file=file)  # the spaces of the layout are kept
    print(
        "\nbelow, inside, above: how probably the true number lies below, within and above a rule's answer.",
        file=file,
    )


def _describe(role: Any) -> dict[str, Any]:
    claim = role.claim
    return {
        "id": claim.id,
        "source": claim.source.name,
        "value": str(claim.value),
        "hedged": claim.hedged,
        "reported": claim.reported,
        "role": role.role,
        "by": role.by,
    }


def _to_json(thing: Any) -> Any:
    return thing.item() if hasattr(thing, "item") else str(thing)


def _write_csv(posterior: Posterior, level: float, file: TextIO) -> None:
    from reconcile.io.export import write_csv

    rows = [row | {"claimed": tell_claims(posterior[quantity])} for quantity, row in _pair(posterior, level)]
    if rows:
        write_csv(rows, tuple(rows[0]), file)


def _pair(posterior: Posterior, level: float) -> Iterator[tuple[Any, dict[str, Any]]]:
    return zip(posterior.quantities, posterior.rows(level), strict=True)
