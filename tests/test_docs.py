# SPDX-License-Identifier: MIT
"""Every Python fence of the documents runs and prints what the document says; examples run with their collections.

Without collections examples are run by `make docs`, which puts what they print on their pages (`docs/_extensions`).
"""

from __future__ import annotations

import contextlib
import io
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).resolve().parent.parent
MADE = {"_build", "generated", "gallery"}  # by `make docs`
SLOW = {"learning.md", "strategies.md", "testing.md"}  # they learn or search
PAGES = [
    pytest.param(path, id=path.relative_to(ROOT).as_posix(), marks=[pytest.mark.slow] * (path.name in SLOW))
    for path in (ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md")))
    if not MADE & set(path.relative_to(ROOT).parts)
]
# What an example does with all rows of a collection, and with many draws, it does with some.
ROWS = 300
WITH_FEW_DRAWS = """
import functools, runpy, reconcile
reconcile.estimate = functools.partial(reconcile.estimate, draws=64)
runpy.run_path("examples/{}", run_name="__main__")
"""
WANTING = [path for path in sorted((ROOT / "examples").glob("*.py")) if "RECONCILE_DATA" in path.read_text("utf-8")]
OUTPUT = "<!-- output -->"
FENCE = re.compile(r"^(?P<indent> *)(?P<ticks>`{3,})(?P<language>[^`\n]*)$")


class Fence(NamedTuple):
    language: str
    text: str
    line: int  # of the first line inside, from 1
    shows_output: bool  # the line before it, blank lines aside, is OUTPUT


def read_fences(text):
    """List the fences of a Markdown page; refuse an OUTPUT line that no `text` fence follows, or no code precedes."""
    fences, inside, ticks, indent, start, language, awaiting = [], None, "", 0, 0, "", False
    for number, line in enumerate(text.splitlines(), 1):
        found = FENCE.match(line)
        if inside is not None:
            if found and found["ticks"].startswith(ticks) and not found["language"].strip():
                fences.append(Fence(language, "".join(inside), start, awaiting))
                inside, awaiting = None, False
            else:
                inside.append(f"{line[min(indent, len(line) - len(line.lstrip())) :]}\n")
        elif found:
            language, ticks, indent = found["language"].strip(), found["ticks"], len(found["indent"])
            inside, start = [], number + 1
            if awaiting and language != "text":
                raise ValueError(f"line {number}: {OUTPUT} wants a text fence, not {language!r}")
        elif line.strip() == OUTPUT:
            if awaiting or not fences or fences[-1].language != "python":
                raise ValueError(f"line {number}: {OUTPUT} wants a python fence before it")
            awaiting = True
        elif awaiting and line.strip():
            raise ValueError(f"line {number}: {OUTPUT} wants a text fence after it")
    if inside is not None or awaiting:
        raise ValueError(f"line {start}: a fence or an {OUTPUT} is left open")
    return fences


def run_fences(text, name="page"):
    """Run the Python fences of one page in one namespace, comparing what they print where the page says it."""
    namespace, printed = {"__name__": "__main__"}, ""
    for fence in read_fences(text):
        if fence.language == "python":
            caught = io.StringIO()
            # Leading newlines make a traceback name the line of the page.
            code = compile("\n" * (fence.line - 1) + fence.text, name, "exec")
            with contextlib.redirect_stdout(caught):
                exec(code, namespace)
            printed = caught.getvalue()
        elif fence.shows_output:
            said = [line.rstrip() for line in fence.text.strip("\n").splitlines()]
            assert [line.rstrip() for line in printed.strip("\n").splitlines()] == said, f"{name}, line {fence.line}"


@pytest.fixture
def workshop(tmp_path, monkeypatch):
    """Run in a directory with a copy of the examples, so that what is written stays out of the repository."""
    if (ROOT / "examples").is_dir():
        shutil.copytree(ROOT / "examples", tmp_path / "examples", ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.usefixtures("prepare_once")
@pytest.mark.parametrize("page", PAGES)
def test_page(page, workshop):
    run_fences(page.read_text(encoding="utf-8"), str(page))


@pytest.mark.slow
@pytest.mark.parametrize("example", WANTING, ids=lambda example: example.name)
def test_example_with_its_collection(example, workshop, shared_data):
    collections = shutil.copytree(shared_data, workshop / "collections")
    large = collections / "acw_battles" / "claims.csv"
    large.write_text("\n".join(large.read_text("utf-8").splitlines()[:ROWS]), encoding="utf-8")
    ran = subprocess.run(
        [sys.executable, "-W", "error", "-c", WITH_FEW_DRAWS.format(example.name)],
        env=os.environ | {"RECONCILE_DATA": str(collections)},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr
    assert "no file" not in ran.stdout


def test_a_wrong_output_is_caught():
    page = "```python\nprint(1 + 1)\n```\n\n<!-- output -->\n```text\n{}\n```\n"
    run_fences(page.format(2))
    with pytest.raises(AssertionError):
        run_fences(page.format(3))


def test_fences_share_a_namespace_and_name_their_line():
    run_fences("```python\nx = 1\n```\n```python\nassert x == 1\n```\n")
    with pytest.raises(ZeroDivisionError) as caught:
        run_fences("words\n\n```python\n1 / 0\n```\n")
    assert caught.traceback[-1].lineno == 3  # counted from 0


@pytest.mark.parametrize(
    "page",
    [
        "<!-- output -->\n```text\n1\n```\n",
        "```python\nprint(1)\n```\n<!-- output -->\n```\n1\n```\n",
        "```python\nprint(1)\n```\n<!-- output -->\nwords\n",
        "```python\nprint(1)\n```\n<!-- output -->\n",
        "```python\nprint(1)\n",
    ],
)
def test_a_check_that_would_check_nothing_is_refused(page):
    with pytest.raises(ValueError, match="line"):
        read_fences(page)
