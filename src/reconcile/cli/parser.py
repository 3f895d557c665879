# SPDX-License-Identifier: MIT
"""What can be said on the command line."""

from __future__ import annotations

import argparse
import math
from pathlib import Path
from typing import Any

from reconcile.cli.checks import run_check
from reconcile.cli.estimation import run_estimate
from reconcile.cli.explanations import run_explain
from reconcile.cli.reports import run_report
from reconcile.errors import InvalidValue
from reconcile.plumbing import to_moment

__all__ = ["EXAMPLE", "make_parser"]

EXAMPLE = """\
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
    reconcile report claims.csv -o r.html writes all of it as one page, with pictures

  The file may be CSV or Parquet; "-" reads CSV from the standard input.

exit status:
  0 all is well; 1 rows, or a column whose name is nearly a known one, could not be read (check, or --strict);
  2 wrong usage, or nothing could be read
"""


def make_parser() -> argparse.ArgumentParser:
    """Make the parser of the command line; what it gives has a `run`."""
    from reconcile import __version__

    parser = argparse.ArgumentParser(
        prog="reconcile",
        description="Estimate casualties from the conflicting numbers that different sources give.",
        epilog=EXAMPLE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"reconcile {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND", title="commands")

    shared = argparse.ArgumentParser(add_help=False)
    shared.add_argument("file", metavar="FILE", help="a table of claims, CSV or Parquet; - is the standard input")
    shared.add_argument("--encoding", metavar="NAME", help="of a CSV file, such as cp1251; default UTF-8")
    shared.add_argument(
        "--format",
        choices=("table", "json", "ucdp", "acled", "airwars", "radford"),
        help="of the file; default what its header tells, else a table of claims",
    )
    shared.add_argument(
        "--outcome", metavar="NAME", action="append", default=[], help="allow this outcome too; may be repeated"
    )

    solved = argparse.ArgumentParser(add_help=False)
    solved.add_argument(
        "--as-of", type=_to_date, metavar="DATE", help="use only what had been said by this day, as 2020-02-10"
    )
    solved.add_argument(
        "--seed",
        type=_to_seed,
        default=0,
        metavar="N",
        help="of the random numbers (default 0); same seed, same result",
    )
    solved.add_argument(
        "--draws",
        type=_to_draws,
        metavar="N",
        help="draws of what sources may be like, at least so many, from 64; more are more exact and take longer",
    )
    solved.add_argument(
        "--learn",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="learn what sources of a kind are like from all claims together (default), or each source by itself",
    )
    solved.add_argument(
        "--without",
        metavar="SOURCE",
        action="append",
        default=[],
        help="leave out this source and the relays that quote it; may be repeated",
    )
    solved.add_argument(
        "--model", metavar="MODEL", help="go on from what --save-model wrote, with claims that it has not seen"
    )

    estimate = commands.add_parser(
        "estimate",
        parents=[shared, solved],
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
        "--rules", action="store_true", help="show what the field's coding rules give, beside the estimates"
    )
    estimate.add_argument(
        "--strict", action="store_true", help="stop if any row cannot be read, or a column has nearly a known name"
    )
    estimate.add_argument("-o", "--output", metavar="OUT", help="write to this file instead of the terminal")
    estimate.add_argument(
        "--provenance",
        type=_to_provenance,
        metavar="OUT",
        help="write to this file where every estimate comes from, as W3C PROV: .json, .provn, .ttl or .xml",
    )
    estimate.add_argument(
        "--save-model", metavar="OUT", help="write to this file what the claims taught of the sources, for --model"
    )
    estimate.set_defaults(run=run_estimate)

    explain = commands.add_parser(
        "explain",
        parents=[shared, solved],
        help="say where an estimate comes from, claim by claim",
        epilog='example: reconcile explain claims.csv "killed, market"',
    )
    explain.add_argument(
        "quantity",
        metavar="QUANTITY",
        nargs="?",
        help="what was counted, as reconcile prints it, how that begins, or an event; default: list what there is",
    )
    explain.add_argument("--history", action="store_true", help="say too how the estimate moved as claims came in")
    explain.set_defaults(run=run_explain)

    report = commands.add_parser(
        "report",
        parents=[shared, solved],
        help="write a report as one HTML page: estimates, pictures, and where every number comes from",
        epilog="example: reconcile report claims.csv -o report.html",
    )
    report.add_argument("-o", "--output", metavar="OUT", help="write to this file; default the standard output")
    report.add_argument("--title", type=_to_title, metavar="TEXT", help="of the page")
    report.add_argument("--level", type=_to_level, default=0.9, metavar="P", help="how sure the intervals are to be")
    report.add_argument(
        "--most",
        type=_to_seed,
        default=24,
        metavar="N",
        help="pictures and explanations of so many counts (default 24)",
    )
    report.add_argument("--history", action="store_true", help="show too how the estimates moved as claims came in")
    report.add_argument("--dated", type=_to_date, metavar="DATE", help="print this day on the page; default none")
    report.add_argument(
        "--strict", action="store_true", help="stop if any row cannot be read, or a column has nearly a known name"
    )
    report.set_defaults(run=run_report)

    check = commands.add_parser(
        "check",
        parents=[shared],
        help="say what can be read in a table, and what cannot and why",
        epilog="example: reconcile check claims.csv",
    )
    check.set_defaults(run=run_check)
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


def _to_draws(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= 9 and int(text) >= 64):
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 64")
    return int(text)


def _to_title(text: str) -> str:
    if not text.strip():
        raise argparse.ArgumentTypeError("a title has at least one letter")
    return text


def _to_provenance(text: str) -> str:
    from reconcile.provenance import FORMATS

    if Path(text).suffix[1:].casefold() not in FORMATS:
        raise argparse.ArgumentTypeError(f"{text!r} ends in none of {', '.join(f'.{name}' for name in FORMATS)}")
    return text
