# SPDX-License-Identifier: MIT
"""Hypothesis profiles, and the fixtures that all tests share."""

from __future__ import annotations

import os
from pathlib import Path

import hypothesis
import pytest

import reconcile

ROOT = Path(__file__).resolve().parent.parent

# No deadline: the first example of a test pays for lazy imports.
hypothesis.settings.register_profile("dev", max_examples=50, deadline=None)
hypothesis.settings.register_profile("ci", max_examples=100, deadline=None, derandomize=True)
hypothesis.settings.register_profile("nightly", max_examples=2_000, deadline=None)


def pytest_configure(config):
    # `pytest --hypothesis-profile=nightly` has the last word.
    if not config.getoption("--hypothesis-profile", default=None):
        hypothesis.settings.load_profile("ci" if os.environ.get("CI") else "dev")


def pytest_report_header(config):
    return f"reconcile: {reconcile.__version__} in {Path(reconcile.__file__).parent}"


@pytest.fixture(scope="session")
def root():
    """The root of the repository."""
    return ROOT


@pytest.fixture(scope="session")
def shared_data():
    """Real data sets, which are not part of the repository."""
    data = ROOT.parent / "shared" / "data"
    if not data.is_dir():
        pytest.skip("the shared data sets are not beside the repository, in ../shared/data")
    return data
