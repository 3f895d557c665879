# SPDX-License-Identifier: MIT
"""Hypothesis profiles, the fixtures that all tests share, and what each test costs."""

from __future__ import annotations

import functools
import importlib.util
import os
from collections import Counter
from pathlib import Path

import hypothesis
import pytest

import reconcile

ROOT = Path(__file__).resolve().parent.parent
STARTED = pytest.StashKey()

# No deadline: the first example of a test pays for lazy imports.
hypothesis.settings.register_profile("dev", max_examples=50, deadline=None)
hypothesis.settings.register_profile("ci", max_examples=50, deadline=None, derandomize=True)
hypothesis.settings.register_profile("smoke", max_examples=10, deadline=None, derandomize=True)
hypothesis.settings.register_profile("nightly", max_examples=2_000, deadline=None)


def pytest_configure(config):
    # `pytest --hypothesis-profile=nightly` has the last word.
    if not config.getoption("--hypothesis-profile", default=None):
        hypothesis.settings.load_profile("ci" if os.environ.get("CI") else "dev")


def pytest_addoption(parser):
    parser.addoption("--costs", type=int, default=0, metavar="N", help="CPU seconds: the N dearest files and tests")


def cpu():
    """CPU seconds of this process and those that it waited for, which do not tell who else is at work as time does."""
    return sum(os.times()[:4])


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item):
    item.stash[STARTED] = cpu()
    return (yield)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    report = yield
    if call.when == "teardown":
        report.user_properties.append(("cpu", cpu() - item.stash[STARTED]))
    return report


def pytest_terminal_summary(terminalreporter, config):
    number = config.getoption("--costs")
    tests, files = Counter(), Counter()
    for report in (one for several in terminalreporter.stats.values() for one in several):
        for name, seconds in getattr(report, "user_properties", ()):
            if name == "cpu":
                tests[report.nodeid] += seconds
                files[report.nodeid.partition("::")[0]] += seconds
    if number and tests:
        terminalreporter.section(f"{tests.total():.0f} CPU seconds")
        for title, found in (("by file", files), ("by test", tests)):
            terminalreporter.write_line(f"\n{title}:")
            for name, seconds in found.most_common(number):
                terminalreporter.write_line(f"{seconds:7.1f} {name}")


def pytest_report_header(config):
    kernel = reconcile.show_config(mode="dicts")["likelihood"]["kernel"]
    return f"reconcile: {reconcile.__version__} in {Path(reconcile.__file__).parent}, kernel {kernel}"


@pytest.fixture(scope="session")
def root():
    """The root of the repository."""
    return ROOT


@pytest.fixture(scope="session")
def load(root):
    """Give a script of the repository, by its path there, as a module."""

    def load(name):
        path = root / name
        if not path.is_file():
            pytest.skip(f"{name} is not here")
        spec = importlib.util.spec_from_file_location(path.stem, path)
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module

    return load


@pytest.fixture(scope="module")
def prepare_once():
    """Where one posterior is explained several times, what is prepared of it is prepared once."""
    from reconcile.influence import explanations

    kept = functools.cache(explanations.prepare)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(explanations, "prepare", kept)
        yield kept


@pytest.fixture(scope="session")
def shared_data():
    """Real data sets, which are not part of the repository."""
    data = ROOT.parent / "shared" / "data"
    if not data.is_dir():
        pytest.skip("the shared data sets are not beside the repository, in ../shared/data")
    return data
