# SPDX-License-Identifier: MIT
"""The command line: ``reconcile estimate``, ``reconcile explain`` and ``reconcile check``."""

from __future__ import annotations

import argparse
import contextlib
import csv
import json
import math
import os
import sys
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from reconcile.errors import ClaimsWarning, InvalidValue, ReconcileError, RejectedRows
from reconcile.plumbing import to_moment

if TYPE_CHECKING:
    from reconcile.claims import Corpus, Rejected
    from reconcile.estimates import Estimate
    from reconcile.posterior import Posterior

__all__ = ["main"]

PIPED_WIDTH = 120
NARROW = 110  # below this the columns of the table are put together
_MOST_CONTRADICTIONS = 20
_EXIT_OK, _EXIT_REJECTED, _EXIT_UNUSABLE, _EXIT_INTERRUPTED, _EXIT_PIPE = 0, 1, 2, 130, 141

_EXAMPLE = """\
example:
  A file claims.csv holds, one claim a row,

    event,outcome,group,value,source
    taftanaz,killed,party=Turkey; status=military,5,Turkish defence ministry
    taftanaz,killed,party=Turkey; status=military,6,Syrian Observatory
    market,killed,,at least nine,opposition activists

  and then

    reconcile check claims.csv            says what was read, what could not be, and which claims contradict each other
    reconcile estimate claims.csv         prints a table of estimates
    reconcile estimate --csv claims.csv   prints them for a spreadsheet
    reconcile explain claims.csv          lists what can be explained; with a name, says where the number comes from

  The file may be CSV or Parquet; "-" reads CSV from the standard input.

exit status:
  0 all is well; 1 rows could not be read (check, or estimate --strict); 2 wrong usage, or nothing could be read
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line.

    Parameters
    ----------
    argv : sequence of str, optional
        Default the arguments of the process.

    Returns
    -------
    int
        The exit status.
    """
    try:
        options = _make_parser().parse_args(argv)
    except SystemExit as stop:
        return stop.code if isinstance(stop.code, int) else _EXIT_OK
    try:
        with contextlib.suppress(AttributeError):
            # A terminal that knows only ASCII should show an escape, not a traceback.
            sys.stdout.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
            sys.stderr.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
        with _telling_warnings():
            status: int = options.run(options)
            sys.stdout.flush()
    except RejectedRows as error:
        for row in error.rows:
            _tell(_point_at(options.file, row))  # type: ignore[arg-type]
        _tell(f"{_count(len(error.rows), 'row')} could not be read, and --strict was given")
        return _EXIT_REJECTED
    except BrokenPipeError:
        # Whoever read our output has had enough; Python would still complain when it flushes at exit.
        with contextlib.suppress(OSError, ValueError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return _EXIT_PIPE
    except (ReconcileError, OSError) as error:
        _tell(str(error))
        return _EXIT_UNUSABLE
    except KeyboardInterrupt:
        return _EXIT_INTERRUPTED
    return status


def _make_parser() -> argparse.ArgumentParser:
    from reconcile import __version__

    parser = argparse.ArgumentParser(
        prog="reconcile",
        description="Estimate casualties from the conflicting numbers that different sources give.",
        epilog=_EXAMPLE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"reconcile {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND", title="commands")

    shared = argparse.ArgumentParser(add_help=False)
    shared.add_argument("file", metavar="FILE", help="a table of claims, CSV or Parquet; - is the standard input")
    shared.add_argument("--encoding", metavar="NAME", help="of a CSV file, such as cp1251; default UTF-8")
    shared.add_argument(
        "--outcome", metavar="NAME", action="append", default=[], help="allow this outcome too; may be repeated"
    )

    estimate = commands.add_parser(
        "estimate",
        parents=[shared],
        help="print an estimate for everything that was counted",
        epilog="example: reconcile estimate --as-of 2020-02-10 claims.csv",
    )
    form = estimate.add_mutually_exclusive_group()
    form.add_argument("--json", dest="form", action="store_const", const="json", help="print JSON")
    form.add_argument("--csv", dest="form", action="store_const", const="csv", help="print CSV")
    estimate.add_argument(
        "--level", type=_to_level, default=0.9, metavar="P", help="how sure the interval is to be (default 0.9)"
    )
    estimate.add_argument(
        "--as-of", type=_to_date, metavar="DATE", help="use only what had been said by this day, as 2020-02-10"
    )
    estimate.add_argument(
        "--seed",
        type=_to_seed,
        default=0,
        metavar="N",
        help="of the random numbers (default 0); same seed, same result",
    )
    estimate.add_argument(
        "--rules", action="store_true", help="show what the field's coding rules give, beside the estimates"
    )
    estimate.add_argument("--strict", action="store_true", help="stop if any row cannot be read")
    estimate.add_argument("-o", "--output", metavar="OUT", help="write to this file instead of the terminal")
    estimate.add_argument(
        "--provenance",
        type=_to_provenance,
        metavar="OUT",
        help="write to this file where every estimate comes from, as W3C PROV: .json, .provn, .ttl or .xml",
    )
    estimate.set_defaults(run=_run_estimate)

    explain = commands.add_parser(
        "explain",
        parents=[shared],
        help="say where an estimate comes from, claim by claim",
        epilog='example: reconcile explain claims.csv "killed, market"',
    )
    explain.add_argument(
        "quantity",
        metavar="QUANTITY",
        nargs="?",
        help="what was counted, as reconcile prints it, or how that begins; without it, the list of what there is",
    )
    explain.add_argument("--as-of", type=_to_date, metavar="DATE", help="use only what had been said by this day")
    explain.add_argument("--seed", type=_to_seed, default=0, metavar="N", help="of the random numbers (default 0)")
    explain.add_argument("--history", action="store_true", help="say too how the estimate moved as claims came in")
    explain.set_defaults(run=_run_explain)

    check = commands.add_parser(
        "check",
        parents=[shared],
        help="say what can be read in a table, and what cannot and why",
        epilog="example: reconcile check claims.csv",
    )
    check.set_defaults(run=_run_check)
    return parser


def _to_level(text: str) -> float:
    try:
        level = float(text)
    except ValueError:
        level = math.nan
    if not 0 < level < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a probability between 0 and 1, such as 0.9")
    return level


def _to_date(text: str) -> Any:
    try:
        return to_moment("--as-of")(text)
    except InvalidValue as error:
        raise argparse.ArgumentTypeError(f"{text!r} is not {error.allowed}") from None


def _to_seed(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= 18):
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 0 up")
    return int(text)


def _to_provenance(text: str) -> str:
    from reconcile.provenance import FORMATS

    if Path(text).suffix[1:].casefold() not in FORMATS:
        raise argparse.ArgumentTypeError(f"{text!r} ends in none of {', '.join(f'.{name}' for name in FORMATS)}")
    return text


def _run_check(options: argparse.Namespace) -> int:
    corpus = _read(options, strict=False)
    events = set(corpus.columns.quantities.event.tolist())
    said = f"{_count(len(corpus), 'claim')} by {_count(len(corpus.sources), 'source')}"
    print(_plain(f"{options.file}: {said} about {_count(len(events), 'event')}"))
    if corpus.rejected:
        print(f"{_count(len(corpus.rejected), 'row')} could not be read:")
        for row in corpus.rejected:
            print(_point_at(options.file, row))
    _print_contradictions(corpus)
    return _EXIT_REJECTED if corpus.rejected else _EXIT_OK


def _print_contradictions(corpus: Corpus) -> None:
    """List the claims that cannot all be literally true, which is no fault of the file."""
    from reconcile.logic import contradictions

    found = contradictions(corpus, limit=_MOST_CONTRADICTIONS)
    if not found:
        return
    number = len(found) + found.left_out
    at_least = "" if found.complete else "at least "
    print(f"claims that cannot all be literally true, {at_least}{_count(number, 'set')}, the furthest apart first:")
    for one in found:
        print(f"  {_plain(str(one))}")
    if found.left_out:
        print(f"  and {found.left_out:,} more: reconcile.contradictions() gives them all")


def _run_estimate(options: argparse.Namespace) -> int:
    out = options.output
    for path, option in ((out, "--output"), (options.provenance, "--provenance")):
        if path and Path(path).exists() and options.file != "-" and Path(path).samefile(options.file):
            _tell(f"{path}: is the file of the claims, and would be lost; choose another for {option}")
            return _EXIT_UNUSABLE
    if options.provenance:
        from reconcile import provenance

        if out and Path(out).resolve() == Path(options.provenance).resolve():
            _tell(f"{out}: --output and --provenance are one file; choose two")
            return _EXIT_UNUSABLE
        provenance.choose_format(options.provenance)  # before the work, so that a missing package is not told after it
    corpus = _read_some(options, "estimate", strict=options.strict)
    if corpus is None:
        return _EXIT_UNUSABLE

    from reconcile.posterior import estimate

    posterior = estimate(corpus, as_of=options.as_of, rng=options.seed)
    for note in posterior.diagnostics.notes:
        _tell(f"note: {note}")
    write = {"json": _write_json, "csv": _write_csv, None: _write_table}[options.form]
    if options.rules:
        write = {"json": _write_rules_json, "csv": _write_rules_csv, None: _write_rules}[options.form]
    with Path(out).open("w", encoding="utf-8", newline="") if out else contextlib.nullcontext(sys.stdout) as file:
        write(posterior, options.level, file)
    if options.provenance:
        provenance.write(posterior, options.provenance)
    return _EXIT_OK


def _run_explain(options: argparse.Namespace) -> int:
    corpus = _read_some(options, "explain", strict=False)
    if corpus is None:
        return _EXIT_UNUSABLE

    from reconcile.influence import explain, history
    from reconcile.posterior import estimate

    posterior = estimate(corpus, as_of=options.as_of, rng=options.seed)
    wanted = None if options.quantity is None else " ".join(options.quantity.split())
    named = {_plain(str(quantity)): quantity for quantity in posterior.quantities}
    named |= {quantity.key: quantity for quantity in posterior.quantities} if wanted else {}
    found = [named[wanted]] if wanted in named else [q for n, q in named.items() if wanted and n.startswith(wanted)]
    if not named:
        _tell("no dated claim had been made by then (column `reported`), so there is nothing to explain")
    if len(set(found)) != 1:
        if wanted is not None:
            said = "nothing there is called" if not found else "more than one count is called"
            _tell(f"{said} {options.quantity!r}; there are estimates for:")
        for quantity in found or posterior.quantities:
            print(_plain(str(quantity)), file=sys.stdout if wanted is None else sys.stderr)
        return _EXIT_OK if wanted is None else _EXIT_UNUSABLE
    for line in str(explain(posterior, found[0])).splitlines():
        print("  " * ((len(line) - len(line.lstrip())) // 2) + _plain(line))
    if options.history:
        print("\nHow it moved as claims came in:")
        for line in str(history(corpus, found[0], as_of=options.as_of, rng=options.seed)).splitlines()[1:]:
            print(f"  {_plain(line)}")
    return _EXIT_OK


def _read(options: argparse.Namespace, *, strict: bool) -> Corpus:
    from reconcile.io import table

    source = options.file
    if source == "-":
        source = getattr(sys.stdin, "buffer", sys.stdin)
    return table.read(source, strict=strict, outcomes=options.outcome, encoding=options.encoding)


def _read_some(options: argparse.Namespace, purpose: str, *, strict: bool) -> Corpus | None:
    """Read claims, and say which rows could not be read; None, and a word, where none could."""
    corpus = _read(options, strict=strict)
    if corpus.rejected:
        _tell(f"{_count(len(corpus.rejected), 'row')} could not be read; run: reconcile check {options.file}")
    if len(corpus):
        return corpus
    _tell(f"{options.file}: no claim could be read, so there is nothing to {purpose}")
    return None


# --- what is printed --------------------------------------------------------------------------------------------


def _write_json(posterior: Posterior, level: float, file: TextIO) -> None:
    corpus = posterior.corpus
    document = {
        "level": level,
        "estimates": [
            row | {"claimed": [_describe(one) for one in posterior[quantity].roles]}
            for quantity, row in _pair(posterior, level)
        ],
        "rejected": [{"line": row.line, "column": row.column, "reason": row.reason} for row in corpus.rejected],
        "notes": list(posterior.diagnostics.notes),
    }
    json.dump(document, file, indent=2, ensure_ascii=False, default=_to_json)
    file.write("\n")


def _write_rules_json(posterior: Posterior, level: float, file: TextIO) -> None:
    from reconcile import rules

    json.dump({"level": level, "rules": rules.compare(posterior, level=level).rows()}, file, indent=2, default=_to_json)
    file.write("\n")


def _write_rules_csv(posterior: Posterior, level: float, file: TextIO) -> None:
    from reconcile import rules

    writer = csv.DictWriter(file, rules.COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows({k: _guard(v) for k, v in row.items()} for row in rules.compare(posterior, level=level).rows())


def _write_rules(posterior: Posterior, level: float, file: TextIO) -> None:
    from reconcile import rules

    for line in str(rules.compare(posterior, level=level)).splitlines():
        print(_printable(line), file=file)  # the spaces of the layout are kept
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
    rows = [row | {"claimed": _claimed(posterior[quantity])} for quantity, row in _pair(posterior, level)]
    if rows:
        writer = csv.DictWriter(file, rows[0], lineterminator="\n")
        writer.writeheader()
        writer.writerows({name: _guard(cell) for name, cell in row.items()} for row in rows)


def _guard(cell: Any) -> Any:
    """Keep a spreadsheet from running a text as a formula."""
    if cell is None or isinstance(cell, int | float) or hasattr(cell, "item"):
        return cell
    text = str(cell)
    return f"'{text}" if text.startswith(("=", "+", "-", "@", "\t", "\r")) else text


def _pair(posterior: Posterior, level: float) -> Iterator[tuple[Any, dict[str, Any]]]:
    return zip(posterior.quantities, posterior.rows(level), strict=True)


def _write_table(posterior: Posterior, level: float, file: TextIO) -> None:
    estimates = [posterior[quantity] for quantity in posterior.quantities]
    if not estimates:
        print("No dated claim had been made by then (column `reported`), so there is nothing to estimate.", file=file)
        return
    try:
        _print_table(estimates, level, file)
    except ImportError:
        for one in estimates:
            print(_plain(f"{one.quantity.event}: {one}"), file=file)
        print(f"\n{_caption(estimates[0], level)}", file=file)
        print("(pip install 'reconcile-claims[cli]' prints this as a table)", file=file)


def _print_table(estimates: list[Estimate], level: float, file: TextIO) -> None:
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

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
        longest = max(len(_plain(one.quantity.event.id)) for one in estimates)
        table.add_column("who and what", ratio=4, min_width=min(longest, 24), overflow="fold")
        table.add_column(f"estimate\n({interval})", justify="right", max_width=16)
        table.add_column("claims,\norigins", justify="right")
        table.add_column("what was claimed, and by whom", ratio=5, overflow="fold")
    event = None
    for one in estimates:
        number, low, high = one.readable(level)
        median, span, claims, origins = f"{number:,}", f"{low:,} to {high:,}", len(one.claims), one.origins
        name = _plain(one.quantity.event.id)
        what, claimed = Text(_plain(_what(one))), Text(_plain(_claimed(one)))
        if wide:
            first = Text(name if name != event else "")
            table.add_row(first, what, Text(median, style="bold"), span, str(claims), str(origins), claimed)
        else:
            if name != event:
                table.add_row(Text(name, style="bold"))
            table.add_row(what, f"{median}\n({span})", f"{claims},\n{origins}", claimed)
        event = name
    console.print(table)
    console.print(Text(_caption(estimates[0], level)))


def _what(one: Estimate) -> str:
    quantity = one.quantity
    return f"{quantity.outcome}, {quantity.group}" + (f", {quantity.period}" if quantity.period else "")


def _claimed(one: Estimate) -> str:
    said = "; ".join(
        f"{role.claim.source}: {'perhaps ' if role.claim.hedged else ''}{role.claim.value}"
        + ("" if role.role == "used" else f" ({role.role})")
        for role in one.roles
    )
    return said or "nothing; it follows from the other claims"


def _caption(one: Estimate, level: float) -> str:
    number, low, high = one.readable(level)
    median, span = f"{number:,}", f"{low:,} to {high:,}"
    often = {0.5: "half of the time", 0.9: "nine times in ten", 0.95: "19 times in 20", 0.99: "99 times in 100"}
    how_often = often.get(level, f"{100 * level:g} times in 100")
    return (
        f"How to read it: '{median} ({span})': {median} is the middle of what is likely, and {how_often} "
        f"the true number lies from {span}, given what these sources said and the assumptions of the "
        "model. Claims that go back to one origin count once."
    )


def _count(n: int, noun: str) -> str:
    return f"{n:,} {noun}{'' if n == 1 else 's'}"


def _point_at(file: str, row: Rejected) -> str:
    return _plain(f"{file}:{row.line}: {f'{row.column}: ' if row.column else ''}{row.reason}")


def _printable(text: str) -> str:
    """Without the control codes that could write over a terminal."""
    return "".join(sign if sign.isprintable() else "\ufffd" for sign in text)


def _plain(text: str) -> str:
    """The same, and on one line."""
    return _printable(" ".join(text.split()))


def _tell(text: str) -> None:
    print(_plain(f"reconcile: {text}"), file=sys.stderr)


@contextlib.contextmanager
def _telling_warnings() -> Iterator[None]:
    """Say our own warnings in a line each, without the lines of code that Python adds."""
    with warnings.catch_warnings():
        usual = warnings.showwarning

        def show(message: Warning | str, category: type[Warning], *rest: Any, **more: Any) -> None:
            if issubclass(category, ClaimsWarning):
                _tell(f"warning: {message}")
            else:
                usual(message, category, *rest, **more)

        warnings.simplefilter("always", ClaimsWarning)
        warnings.showwarning = show
        yield
