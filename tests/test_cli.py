# SPDX-License-Identifier: MIT
"""The command line: what it prints, where, and the exit status."""

import contextlib
import csv
import inspect
import io
import json
import os
import pathlib
import re
import runpy
import sys
import warnings

import pytest

import reconcile
from reconcile import cli, posterior
from reconcile.cli import main, parser, reading
from reconcile.io.table import read

EXAMPLE = pathlib.Path(__file__).parents[1] / "examples" / "taftanaz.csv"
HEAD = "event,outcome,group,value,source"
GOOD = f"{HEAD}\nmarket,killed,,5,ministry\nmarket,killed,,6,observatory\n"
FEW = ("--draws", "64")  # where the numbers are not what is asked about
AIR_STRIKE = f"""{HEAD},reported,source_kind
idlib-air-strike,killed,,nine,opposition activists,2020-02-10,witness
idlib-air-strike,killed,children,at least two,opposition activists,2020-02-10,witness
idlib-displacement,displaced,,"some 600,000",news agency,2020-02-10,media
"""
HALF = f"{GOOD}market,kiled,,6,radio\nmarket,killed,,none or some,radio\nmarket,killed,,6,radio,more\n"


@pytest.fixture(scope="module", autouse=True)
def estimated():
    """What was estimated, so that a table is estimated once, in however many forms it is told."""
    kept, estimate = {}, posterior.estimate

    def recall(corpus, *args, **options):
        asked = inspect.signature(estimate).bind(corpus, *args, **options)
        asked.apply_defaults()
        if asked.arguments["model"] is not None:
            return estimate(corpus, *args, **options)
        key = corpus.claims, corpus.rejected, repr([*asked.arguments.items()][1:])
        if key not in kept:
            with warnings.catch_warnings(record=True) as said:
                warnings.simplefilter("always")
                kept[key] = estimate(corpus, *args, **options), said
        found, said = kept[key]
        for warning in said:
            warnings.warn(warning.message, stacklevel=2)
        return found

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(posterior, "estimate", recall)
        yield kept


@pytest.fixture
def write(tmp_path):
    def write(text: str, name: str = "claims.csv") -> str:
        path = tmp_path / name
        path.write_text(text, encoding="utf-8")
        return str(path)

    return write


@pytest.fixture
def run(capsys):
    def run(*arguments: object) -> tuple[int, str, str]:
        status = main([str(argument) for argument in arguments])
        said = capsys.readouterr()
        assert "Traceback" not in said.err
        return status, said.out, said.err

    return run


# --- check ------------------------------------------------------------------------------------------------------


def test_check_says_what_was_read(run):
    status, out, err = run("check", EXAMPLE)
    assert (status, err) == (0, "")
    assert "14 claims by 4 sources about 4 events" in out


def test_check_says_what_is_given_twice(run, write):
    line = "market,killed,,5,ministry\n"
    assert "1 claim given once more" in run("check", write(f"{GOOD}{line}"))[1]
    assert "once more" not in run("check", write(GOOD))[1]


def test_check_lists_the_claims_that_cannot_all_be_true(run, write):
    status, out, err = run("check", EXAMPLE)
    assert (status, err) == (0, "")
    first, *lines = out.splitlines()[1:]
    assert first == "claims that cannot all be literally true, 2 sets, the furthest apart first:"
    assert len(lines) == 2
    assert all("cannot both be literally true (off by" in line for line in lines)
    _, out, _ = run("check", write(HEAD + "".join(f"\nmarket,killed,,{n},s{n}" for n in range(1, 10))))
    assert "36 sets" in out
    assert out.splitlines()[-1] == "  and 16 more: reconcile.contradictions() gives them all"
    _, out, _ = run("check", write(f"{HEAD}\nmarket,killed,,5,ministry\n"))
    assert "literally" not in out


def test_check_points_at_every_rejected_row(run, write):
    file = write(HALF)
    status, out, err = run("check", file)
    assert (status, err) == (1, "")
    first, second, *lines = out.splitlines()[:5]
    assert first == f"{file}: 2 claims by 2 sources about 1 event"
    assert second == "3 rows could not be read:"
    assert [line.partition(" ")[0] for line in lines] == [f"{file}:4:", f"{file}:5:", f"{file}:6:"]
    assert lines[0].startswith(f"{file}:4: outcome: got 'kiled'")
    assert lines[1].startswith(f"{file}:5: value: ")


def test_check_lists_names_that_are_almost_one(run, write):
    """A source's `sides` that are written in small letters made it a third party, and nobody was told."""
    head = f"{HEAD},source_kind,sides,perpetrators"
    rows = [
        "Market,killed,party=Turkey,5,Ministry,government,turkey,Syria",
        "market,killed,party=Turkey,6,ministry.,media,,",
        "(market),killed,half=x,5,radio,,,syria ",
        "bridge,killed,party=Türkei; unit=Azov,5,radio 2,,,",
        "की,killed,unit=azov,5,का,,,",
    ]
    status, out, err = run("check", write("\n".join([head, *rows])))
    assert (status, err) == (0, "")
    assert out.splitlines()[1:7] == [
        "names that differ only in capitals or in signs around them, and were read as different:",
        "  event: '(market)', 'Market' and 'market'",
        "  facet unit: 'Azov' and 'azov'",
        "  party: 'Syria' (perpetrators) and 'syria' (perpetrators)",
        "  party: 'Turkey' (group) and 'turkey' (sides)",
        "  source: 'Ministry' and 'ministry.'",
    ]
    _, out, _ = run("check", write(HEAD + "".join(f"\n{name}{n},killed,,5,a" for n in range(25) for name in "eE")))
    assert "\n  and 5 more\n" in out + "\n"
    assert "differ only" not in run("check", EXAMPLE)[1]


def test_check_asks_what_facets_mean_that_are_almost_known(run, write):
    groups = [
        "status=milatary",
        "statsu=military",
        "age=kid",
        "sex=femle",
        "status=soldiers|civilian",
        "age=kid; sex=male",
    ]
    good = ["status=militia|paramilitary", "unit=Azov", "party=Partia", "role=teacher", "stage=1", "age=child", "girls"]
    status, out, err = run("check", write(HEAD + "".join(f"\ne,killed,{group},5,a" for group in groups + good)))
    assert (status, err) == (0, "")
    assert out.splitlines()[1:] == [
        "facets of groups that nearly are common ones, and were read as they stand:",
        "  age=kid: did you mean age=child?",
        "  sex=femle: did you mean sex=female?",
        "  statsu=military: did you mean status=military?",
        "  status=milatary: did you mean status=military?",
        "  status=soldiers: did you mean status=military?",
    ]
    _, out, _ = run("check", write(f"{HEAD}\ne,killed,statsu=a\x1b[31mb,5,a"))
    assert "\x1b" not in out


def test_check_keeps_a_row_on_a_line_and_control_codes_off_the_terminal(run, write):
    _, out, _ = run("check", write(f'{HEAD}\nmarket,"kil\n\x1b[31med",,5,ministry\n'))
    assert len(out.splitlines()) == 3
    assert "\x1b" not in out


def test_check_of_a_table_without_rows(run, write):
    """It was content, where estimate was not; rows that cannot be read are still listed."""
    file = write(f"{HEAD}\n")
    said = f"reconcile: {file}: no claim could be read, so there is nothing to check\n"
    assert run("check", file) == (2, "", said)
    assert run("check", write(f"{HEAD}\nmarket,kiled,,5,a\n"))[0] == 1


def test_warnings_are_a_line(run, write):
    status, _, err = run("check", write(f"{HEAD},quotd\nmarket,killed,,5,ministry,five\n"))
    assert status == 1
    assert re.fullmatch(r"reconcile: warning: .*'quotd' \(did you mean 'quote'\?\); known: event, .*, id\n", err)


def test_a_column_that_is_nearly_a_known_one_stops_strict_readers(run, write):
    """`quoted_form` was warned of, and check and estimate --strict were content."""
    file = write(
        f"{HEAD},quoted_form,notes\nmarket,killed,,5,ministry,source:a,x\nmarket,kiled,,5,ministry,source:a,x\n"
    )
    assert run("estimate", file)[0] == 0
    assert run("check", file)[0] == 1
    for command in ("estimate", "report"):
        status, out, err = run(command, file, "--strict")
        assert (status, out) == (1, "")
        _, header, row, last = err.splitlines()
        assert header == f"reconcile: {file}:1: quoted_form: is no known column; did you mean 'quoted_from'?"
        assert row.startswith(f"reconcile: {file}:3: outcome: ")
        assert last == "reconcile: 2 rows could not be read, and --strict was given"
    other = write(f"{HEAD},notes,of_what,uid\nmarket,killed,,5,ministry,x,y,z\n")
    assert (run("check", other)[0], run("estimate", other, "--strict")[0]) == (0, 0)


def test_outcomes_and_encodings_can_be_named(run, tmp_path):
    path = tmp_path / "claims.csv"
    path.write_bytes(f"{HEAD}\nрынок,abducted,,5,министерство\n".encode("cp1251"))
    assert run("check", path, "--encoding", "cp1251")[0] == 1
    assert run("check", path, "--encoding", "cp1251", "--outcome", "abducted")[0] == 0
    status, _, err = run("check", path, "--encoding", "klingon")
    assert status == 2
    assert "encoding" in err


def test_the_standard_input(run, monkeypatch):
    class Stdin:
        buffer = io.BytesIO(GOOD.encode())

    monkeypatch.setattr(sys, "stdin", Stdin)
    status, out, _ = run("check", "-")
    assert status == 0
    assert "2 claims" in out


# --- usage ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["reckon"],
        ["check"],
        ["estimate"],
        ["check", "a", "b"],
        ["estimate", "a", "--json", "--csv"],
        *(["estimate", "a", "--level", level] for level in ("0", "1", "90", "nan", "inf", "much")),
        *(["estimate", "a", "--as-of", day] for day in ("10/02/2020", "Monday", "")),
        *(["estimate", "a", "--seed", seed] for seed in ("-1", "1.5", "x", "9" * 5000)),
        *(
            [command, "a", "--draws", draws]
            for command in ("estimate", "report", "explain")
            for draws in ("8", "63", "x")
        ),
    ],
)
def test_bad_usage(run, arguments):
    status, out, err = run(*arguments)
    assert (status, out) == (2, "")
    assert "usage: reconcile" in err


@pytest.mark.parametrize("command", ["check", "estimate", "report"])
def test_what_cannot_be_read_is_one_line(run, write, tmp_path, command):
    for file in (tmp_path, tmp_path / "missing", write(""), write("a,b\n1,2\n"), tmp_path / "x\0y", tmp_path / "a\nb"):
        status, out, err = run(command, file)
        assert (status, out) == (2, "")
        assert re.fullmatch(r"reconcile: .+\n", err)


def test_version_and_help(run):
    assert run("--version") == (0, f"reconcile {reconcile.__version__}\n", "")
    status, out, _ = run("--help")
    assert status == 0
    assert "reconcile estimate claims.csv" in out
    for command in ("check", "estimate", "explain", "report"):
        status, out, _ = run(command, "--help")
        assert status == 0
        assert f"example: reconcile {command}" in " ".join(out.split())


def test_the_example_in_the_help_works(run, write):
    lines = parser.EXAMPLE.splitlines()
    start = next(at for at, line in enumerate(lines) if line.strip() == HEAD)
    table = "\n".join(line.strip() for line in lines[start : start + 4])
    status, out, _ = run("check", write(table))
    assert status == 0
    assert "3 claims" in out


def test_python_m(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["reconcile", "--version"])
    with pytest.raises(SystemExit) as stop:
        runpy.run_module("reconcile", run_name="__main__")
    assert stop.value.code == 0
    assert capsys.readouterr().out == f"reconcile {reconcile.__version__}\n"


def test_interrupts_and_broken_pipes_are_quiet(run, monkeypatch):
    def raise_(error):
        raise error

    monkeypatch.setattr(reading, "read", lambda *_, **__: raise_(KeyboardInterrupt()))
    assert run("check", EXAMPLE) == (130, "", "")
    monkeypatch.setattr(reading, "read", lambda *_, **__: raise_(BrokenPipeError()))
    monkeypatch.setattr(cli.os, "dup2", lambda *_: None)
    assert run("check", EXAMPLE) == (141, "", "")
    monkeypatch.setattr(reading, "read", lambda *_, **__: raise_(PermissionError(13, "denied")))
    assert run("check", EXAMPLE)[0] == 2


def test_output_to_a_closed_pipe_ends_quietly(monkeypatch):
    reading, writing = os.pipe()
    os.close(reading)
    with contextlib.suppress(OSError), open(writing, "w") as pipe:  # noqa: PTH123  a descriptor
        monkeypatch.setattr(sys, "stdout", pipe)
        assert main(["check", str(EXAMPLE)]) == 141


def test_an_ascii_terminal_gets_escapes(monkeypatch, write):
    out = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    monkeypatch.setattr(sys, "stdout", out)
    assert main(["estimate", write(f"{HEAD}\nİdlib,killed,,5,Türkiye\n")]) == 0
    assert b"\\u0130dlib" in out.buffer.getvalue()


# --- estimate ---------------------------------------------------------------------------------------------------


def test_the_table(run):
    status, out, err = run("estimate", *FEW, EXAMPLE)
    assert status == 0
    assert "could not be read" not in err
    assert max(map(len, out.splitlines())) <= 120
    assert "\x1b" not in out
    for words in (
        "who and what",
        "90 % interval",
        "taftanaz-2020-02-10",
        "activists:",
        "nine times in ten",
    ):
        assert words in out


@pytest.mark.parametrize("width", [60, 80, 100, 120, 160])
def test_the_table_fits_the_terminal(run, monkeypatch, width):
    monkeypatch.setenv("COLUMNS", str(width))
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr("sys.stdout.isatty", lambda: True, raising=False)
    status, coloured, _ = run("estimate", *FEW, EXAMPLE)
    assert status == 0
    out = re.sub("\x1b\\[[0-9;]*m", "", coloured)
    assert out != coloured
    assert max(map(len, out.splitlines())) <= width
    # Columns may wrap, but no number may be cut.
    assert "…" not in out
    assert re.search(r"\b9\b", out)


def test_without_rich_there_are_lines(run, monkeypatch):
    for name in [name for name in sys.modules if name.partition(".")[0] == "rich"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "rich", None)
    status, out, _ = run("estimate", *FEW, EXAMPLE)
    assert status == 0
    found = posterior.estimate(read(EXAMPLE), draws=64)
    for quantity in found.quantities:
        assert str(found[quantity]) in out
    assert "reconcile-claims[cli]" in out


def test_json(run):
    status, out, _ = run("estimate", *FEW, EXAMPLE, "--json", "--level", "0.5")
    assert status == 0
    document = json.loads(out)
    found = posterior.estimate(read(EXAMPLE), draws=64)
    assert (document["format"], document["version"], document["level"]) == ("reconcile estimates", 1, 0.5)
    assert [row["median"] for row in document["estimates"]] == [row["median"] for row in found.rows(0.5)]
    assert [row["low"] for row in document["estimates"]] == [row["low"] for row in found.rows(0.5)]
    claimed = [claim["id"] for row in document["estimates"] for claim in row["claimed"]]
    assert sorted(claimed) == sorted(claim.id for claim in found.corpus)
    assert document["rejected"] == []


def test_two_peaks_are_named_in_every_form(run, tmp_path):
    file = tmp_path / "claims.csv"
    file.write_text("event,outcome,group,value,source\nraid,killed,,3,a\nraid,killed,,17,b\nwell,killed,,4,a\n")
    status, out, _ = run("estimate", *FEW, file)
    assert status == 0
    assert "3 or 17" in out
    assert "'3 or 17' are each likelier than the numbers between them." in " ".join(out.split())
    (first, second) = json.loads(run("estimate", *FEW, file, "--json")[1])["estimates"]
    assert [peak["count"] for peak in first["peaks"]] == [3, 17]
    assert sum(peak["probability"] for peak in first["peaks"]) == pytest.approx(1)
    assert [peak["count"] for peak in second["peaks"]] == [second["median"]]
    found = list(csv.DictReader(io.StringIO(run("estimate", *FEW, file, "--csv")[1])))
    assert found[0]["peaks"].startswith("3 (")
    assert found[1]["peaks"] == ""
    assert "Estimate: 3 or 17 killed" in run("explain", file, "killed, raid", "--draws", "64")[1]


def test_csv(run, tmp_path):
    status, out, _ = run("estimate", *FEW, EXAMPLE, "--csv")
    assert status == 0
    found = list(csv.DictReader(io.StringIO(out)))
    expected = posterior.estimate(read(EXAMPLE), draws=64).rows()
    assert [row["event"] for row in found] == [row["event"] for row in expected]
    assert [int(row["median"]) for row in found] == [row["median"] for row in expected]
    file = tmp_path / "out.csv"
    status, nothing, _ = run("estimate", *FEW, EXAMPLE, "--csv", "-o", file)
    assert (status, nothing) == (0, "")
    assert file.read_text(encoding="utf-8") == out


@pytest.mark.parametrize("start", ["=", "+", "-", "@"])
def test_csv_runs_no_formulas(run, write, start):
    formula = f'{start}HYPERLINK("http://example.org")'
    text = io.StringIO()
    csv.writer(text).writerows([HEAD.split(","), [formula, "killed", "", "5", formula]])
    _, out, _ = run("estimate", write(text.getvalue()), "--csv")
    (row,) = csv.DictReader(io.StringIO(out))
    assert row["event"] == f"'{formula}"
    assert row["claimed"].startswith(f"'{start}")


def test_markup_and_control_codes_are_plain_text(run, write):
    _, out, _ = run("estimate", write(f"{HEAD}\nmarket,killed,,5,[red]m[/blue] \x1b[31m\n"))
    assert "[red]m[/blue]" in out
    assert "\x1b" not in out


def test_rejected_rows_are_always_said(run, write):
    for form in ("--json", "--csv", None):
        status, out, err = run("estimate", write(HALF), *([form] if form else []))
        assert status == 0
        assert out
        assert "3 rows could not be read; run: reconcile check" in err
    assert [row["line"] for row in json.loads(run("estimate", write(HALF), "--json")[1])["rejected"]] == [4, 5, 6]


def test_strict(run, write):
    file = write(HALF)
    status, out, err = run("estimate", file, "--strict")
    assert (status, out) == (1, "")
    *lines, last = err.splitlines()
    assert all(line.startswith(f"reconcile: {file}:{n}: ") for n, line in zip((4, 5, 6), lines, strict=True))
    assert last == "reconcile: 3 rows could not be read, and --strict was given"
    assert run("estimate", write(GOOD), "--strict")[0] == 0


def test_nothing_to_estimate(run, write):
    for text in (f"{HEAD}\n", f"{HEAD}\nmarket,kiled,,5,a\n"):
        status, out, err = run("estimate", write(text))
        assert (status, out) == (2, "")
        assert "nothing to estimate" in err


def test_as_of(run, write):
    file = write(f"{HEAD},reported\nmarket,killed,,5,a,2020-01-01\nmarket,killed,,50,a,2020-02-01\n")
    early, late = (json.loads(run("estimate", file, "--json", *day)[1]) for day in (["--as-of", "2020-01-15"], []))
    assert early["estimates"][0]["median"] < late["estimates"][0]["median"]
    for form in ([], ["--json"], ["--csv"]):
        assert run("estimate", file, "--as-of", "2019-01-01", *form)[0] == 0


def test_the_same_seed_gives_the_same_bytes(run, write, estimated):
    runs = set()
    for _ in range(2):
        estimated.clear()
        runs.add(run("estimate", *FEW, write(AIR_STRIKE), "--json", "--seed", 7)[1])
    assert len(runs) == 1


def test_draws(run, write, tmp_path):
    """A note asked for more draws, which the command line could not make."""
    file = write(f"{GOOD}bridge,displaced,,700000,ministry\nbridge,displaced,,930000,observatory\n")
    few, many = (run("estimate", file, "--json", "--draws", n)[1] for n in (64, 8192))
    assert few != many
    page = tmp_path / "page.html"
    assert run("report", file, "--draws", "128", "--most", "0", "-o", page)[0] == 0
    assert "reconcile report claims.csv --draws 128 --most 0" in page.read_text(encoding="utf-8")
    status, out, _ = run("explain", file, "killed, market", "--draws", "128", "--history")
    assert (status, "128 draws" in out) == (0, True)


def test_sources_are_left_out_with_what_quotes_them(run, write):
    rows = ["market,killed,,5,ministry,", "market,killed,,6,monitor,", "market,killed,,5,agency,source:ministry"]
    file = write("\n".join(["event,outcome,group,value,source,quoted_from", *rows]))
    status, out, _ = run("estimate", file, "--csv", "--without", "ministry")
    assert status == 0
    assert "monitor" in out
    assert "ministry" not in out
    assert "agency" not in out
    assert run("estimate", file, "--without", "nobody")[0] == 2
    status, out, err = run("estimate", file, "--without", "ministry", "--without", "monitor")
    assert (status, out) == (2, "")
    assert "no claim is left" in err


def test_learn_and_models(run, write, tmp_path):
    """What the claims taught is kept for later ones, which are refused if they are the same."""
    lines = [f"e{n},killed,,{n + extra},{who}" for n in range(3, 7) for extra, who in ((0, "ministry"), (2, "monitor"))]
    file, model = write("\n".join([HEAD, *lines, ""])), tmp_path / "sources.npz"
    plain = run("estimate", *FEW, file, "--csv", "--no-learn")[1]
    assert run("estimate", *FEW, file, "--csv", "--learn")[1] == run("estimate", *FEW, file, "--csv")[1] != plain
    status, learned, _ = run("estimate", file, "--csv", "--learn", "--draws", 64, "--save-model", model)
    assert (status, learned != plain) == (0, True)

    later = write(f"{HEAD}\nraid,killed,,7,monitor\n", "later.csv")
    before, after = (run("estimate", later, "--csv", "--draws", 64, *more)[1] for more in ((), ("--model", model)))
    assert before != after
    assert run("explain", later, "killed, raid", "--model", model, "--draws", 64)[0] == 0
    page = tmp_path / "page.html"
    assert run("report", later, "--model", model, "--draws", 64, "--no-learn", "--most", 0, "-o", page)[0] == 0
    assert "reconcile report later.csv --draws 64 --most 0 --model sources.npz --no-learn" in page.read_text("utf-8")

    status, _, err = run("estimate", file, "--model", model)
    assert (status, "e3" in err or "claim" in err) == (2, True)
    for wrong in (file, tmp_path / "none.npz"):
        status, out, err = run("estimate", later, "--model", wrong)
        assert (status, out, str(wrong) in err) == (2, "", True)
    status, _, err = run("estimate", later, "--save-model", later)
    assert (status, "--save-model" in err) == (2, True)


def test_what_cannot_be_identified_is_said_once(run, write):
    file = write("\n".join([HEAD, *(f"e{n},killed,,{n},monitor" for n in range(3, 15)), ""]))
    for form in ([], ["--json"]):
        assert run("estimate", file, "--learn", "--draws", 64, *form)[2].count("claimed by more than one source") == 1


def test_output_never_overwrites_the_claims(run, write):
    file = write(GOOD)
    status, _, err = run("estimate", file, "-o", file)
    assert status == 2
    assert "would be lost" in err
    assert pathlib.Path(file).read_text(encoding="utf-8") == GOOD
    assert run("estimate", file, "-o", "/no/such/folder/out.csv")[0] == 2


OUTPUTS = [
    ("estimate", "--output", "out.csv"),
    ("estimate", "--provenance", "p.json"),
    ("report", "--output", "r.html"),
]


@pytest.mark.parametrize("command, option, name", OUTPUTS)
def test_what_cannot_be_written_is_said_before_the_work(run, write, tmp_path, monkeypatch, command, option, name):
    """It was said after a minute of work, as "[Errno 2]"."""
    file = write(GOOD)
    monkeypatch.setattr(reading, "read_some", lambda *_, **__: pytest.fail("read too soon"))
    folder = tmp_path / "none"
    status, out, err = run(command, file, option, folder / name)
    assert (status, out) == (2, "")
    why = f"allowed: a file that can be written; there is no folder '{folder}'"
    assert err == f"reconcile: {option}: got '{folder / name}'; {why}\n"
    (tmp_path / name).mkdir()
    assert "this is a folder" in run(command, file, option, tmp_path / name)[2]
    monkeypatch.setattr(os, "access", lambda *_: False)
    assert f"the folder '{tmp_path}' is write-protected" in run(command, file, option, tmp_path / f"new-{name}")[2]
    (tmp_path / f"old-{name}").write_text("kept")
    assert "this one is write-protected" in run(command, file, option, tmp_path / f"old-{name}")[2]
    assert (tmp_path / f"old-{name}").read_text() == "kept"
    assert not (tmp_path / f"new-{name}").exists()


def test_one_file_is_not_written_twice(run, write, tmp_path):
    out = tmp_path / "out.json"
    status, _, err = run("estimate", write(GOOD), "-o", out, "--provenance", out)
    assert (status, "--output and --provenance" in err, "allowed: different files" in err) == (2, True, True)
    out.write_text("kept")
    assert "cannot be opened" in run("estimate", tmp_path / "missing", "-o", out)[2]
    assert out.read_text() == "kept"


# --- rules ------------------------------------------------------------------------------------------------------


def test_rules_beside_the_estimates(run, write):
    file = write(GOOD)
    status, out, _ = run("estimate", "--rules", file)
    assert status == 0
    assert re.search(r"^ +min-max +5 to 6 +\d+ % +\d+ % +\d+ %$", out, re.MULTILINE)
    _, out, _ = run("estimate", "--rules", "--csv", "--level", "0.5", file)
    rows = list(csv.DictReader(io.StringIO(out)))
    assert {row["level"] for row in rows} == {"0.5"}
    assert next(row for row in rows if row["rule"] == "lowest")["point"] == "5"
    _, out, _ = run("estimate", "--rules", "--json", file)
    document = json.loads(out)
    assert (document["format"], document["version"]) == ("reconcile rules", 1)
    found = document["rules"]
    assert [row["rule"] for row in found] == [row["rule"] for row in rows]
    assert next(row for row in found if row["rule"] == "majority")["point"] is None


def test_rules_keep_control_codes_off_the_terminal(run, write):
    _, out, _ = run("estimate", "--rules", write(f"{HEAD}\nmar\x1b[31mket,killed,,5,ministry\n"))
    assert "lowest" in out
    assert "\x1b" not in out


# --- explain ----------------------------------------------------------------------------------------------------


def test_explain_takes_a_name_or_how_it_begins(run, write):
    file = write(AIR_STRIKE)
    whole = run("explain", *FEW, file, "killed, idlib-air-strike")
    for begun in ("killed, idlib-air", " killed,  idlib"):
        assert run("explain", *FEW, file, begun) == whole
    status, out, err = whole
    assert (status, err) == (0, "")
    assert "opposition activists" in out
    assert "Share of the information" in out


def test_explain_takes_an_event(run, write):
    assert run("explain", write(GOOD), "market") == run("explain", write(GOOD), "killed, market")
    status, _, err = run("explain", *FEW, write(AIR_STRIKE), "idlib-air-strike")
    assert (status, len(err.splitlines())) == (2, 3)
    assert "killed (child), idlib-air-strike" in err


def test_explain_lists_what_there_is(run, write):
    file = write(AIR_STRIKE)
    status, out, err = run("explain", *FEW, file)
    assert (status, err) == (0, "")
    assert "killed (child), idlib-air-strike" in out.splitlines()
    status, out, err = run("explain", *FEW, file, "killed")
    assert (status, out) == (2, "")
    assert "more than one count" in err
    assert "displaced" not in err
    status, out, err = run("explain", *FEW, file, "nobody")
    assert (status, out) == (2, "")
    assert "no count is called" in err
    assert "displaced, idlib-displacement" in err


def test_explain_knows_the_day_and_the_history(run, write):
    file = write(AIR_STRIKE)
    status, out, _ = run("explain", *FEW, file, "killed, idlib", "--as-of", "2020-02-10", "--history")
    assert status == 0
    assert "as of 2020-02-10" in out
    assert "How it moved" in out
    status, _, err = run("explain", *FEW, file, "killed, idlib", "--as-of", "2020-02-09")
    assert status == 2
    assert "no count is called" in err


# --- report -----------------------------------------------------------------------------------------------------


def test_report_writes_a_page_and_says_how_to_make_it_again(run, write, tmp_path):
    file, out = write(HALF), tmp_path / "report.html"
    status, said, err = run("report", file, "-o", out, "--title", "A <title>", "--most", 1, "--seed", 3, "--dated", DAY)
    assert (status, said) == (0, "")
    assert "3 rows could not be read" in err
    page = out.read_text(encoding="utf-8")
    assert "<h1><bdi>A &lt;title&gt;</bdi></h1>" in page
    assert f"Made on {DAY}." in page
    again = "reconcile report claims.csv --title &#39;A &lt;title&gt;&#39; --seed 3 --most 1 --dated 2020-03-01"
    assert again in page
    status, said, _ = run("report", file, "--title", "A <title>", "--most", 1, "--seed", 3, "--dated", DAY)
    assert (status, said.encode()) == (0, out.read_bytes())


DAY = "2020-03-01"


def test_report_takes_what_estimate_takes(run, tmp_path):
    path = tmp_path / "claims.csv"
    rows = ["рынок,abducted,,5,министерство,2020-02-01", "рынок,abducted,,7,монитор,2020-02-03"]
    path.write_bytes("\n".join([f"{HEAD},reported", *rows]).encode("cp1251"))
    known = ["--encoding", "cp1251", "--outcome", "abducted", "--most", "0"]
    status, page, _ = run("report", path, *known, "--as-of", "2020-02-02", "--level", "0.8")
    assert status == 0
    assert "as known on 2020-02-02" in page
    assert "80 % interval" in page
    assert "said after the day asked for" in page
    assert "--as-of 2020-02-02" in page
    assert "--outcome abducted" in page
    status, page, _ = run("report", path, *known[:-1], "1", "--history")
    assert status == 0
    assert "How it moved as claims came in" in page


def test_report_does_not_write_over_the_claims(run, write):
    file = write(GOOD)
    status, _, err = run("report", file, "-o", file)
    assert status == 2
    assert "would be lost" in err
    assert pathlib.Path(file).read_text(encoding="utf-8") == GOOD


def test_report_of_what_cannot_be_read(run, write, tmp_path):
    out = tmp_path / "report.html"
    assert run("report", write(HALF), "--strict", "-o", out)[0] == 1
    status, said, err = run("report", write(f"{HEAD}\nmarket,killed,,?,ministry\n"), "-o", out)
    assert (status, said) == (2, "")
    assert "nothing to report" in err
    assert not out.exists()
    for wrong in (["--title", " "], ["--most", "-1"], ["--level", "90"], ["--dated", "March"]):
        assert run("report", EXAMPLE, *wrong)[0] == 2


def test_report_without_the_packages_says_so_before_the_work(run, write, monkeypatch):
    monkeypatch.setitem(sys.modules, "jinja2", None)
    monkeypatch.setattr(reading, "read_some", lambda *_, **__: pytest.fail("read too soon"))
    status, _, err = run("report", write(GOOD))
    assert status == 2
    assert "reconcile-claims[report]" in err


def test_two_counts_that_print_alike_are_told_apart(run, write):
    head = "event,outcome,group,value,source"
    file = write(f'{head}\nraid,killed,party=A; status=military,5,monitor\nraid,killed,"party=A, military",7,agency')
    _, out, _ = run("explain", file)
    first, second = out.splitlines()
    assert first != second
    status, _, err = run("explain", file, "killed (A, military), raid")
    assert status == 2
    assert "more than one count" in err
    assert first in err
    status, out, _ = run("explain", file, first)
    assert status == 0
    assert out.startswith("killed (A, military), raid")


def test_a_file_of_another_format_is_read_by_its_header(run, write):
    file = write("event_id_cnty,event_date,fatalities\nXXX17,2024-01-05,3\n")
    status, out, _ = run("check", file)
    assert (status, "1 claim by 1 source" in out) == (0, True)
    status, _, err = run("check", "--format", "ucdp", file)
    assert status == 2
    assert "ACLED" in err


def test_outcomes_are_for_tables_of_claims(run, write):
    file = write("event_id_cnty,event_date,fatalities\nXXX17,2024-01-05,3\n")
    status, _, err = run("check", "--outcome", "displaced", file)
    assert status == 2
    assert "outcomes" in err


def test_rules_as_json_tell_what_could_not_be_read(run, write):
    file = write(f"{HEAD}\nmarket,killed,,5,monitor\nmarket,killed,,a flock,monitor\n")
    _, out, _ = run("estimate", "--rules", "--json", file)
    assert json.loads(out)["rejected"][0]["line"] == 3
