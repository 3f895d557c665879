# SPDX-License-Identifier: MIT
"""How the package is built: what is compiled for which machine, by what, and what is said where nothing is."""

from __future__ import annotations

import importlib.util
import platform
import shutil
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="module")
def build():
    pytest.importorskip("hatchling")
    spec = importlib.util.spec_from_file_location("hatch_build", ROOT / "hatch_build.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(autouse=True)
def clean(monkeypatch):
    for name in ("RECONCILE_PURE", "RECONCILE_TARGET", "CC"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def hook(build, tmp_path):
    """A hook in a copy of the source, which writes down what it warns of."""
    (tmp_path / build.SOURCE).parent.mkdir(parents=True)
    shutil.copy(ROOT / build.SOURCE, tmp_path / build.SOURCE)
    said = []
    app = SimpleNamespace(display_warning=said.append)
    made = build.CustomBuildHook(str(tmp_path), {}, None, None, str(tmp_path / "dist"), "wheel", app)
    made.said = said
    return made


def fresh():
    return {"force_include": {}, "pure_python": True}


def on(monkeypatch, system, machine):
    monkeypatch.setattr(sys, "platform", system)
    monkeypatch.setattr(platform, "machine", lambda: machine)


@pytest.mark.parametrize(
    "system, machine, wanted",
    [
        ("linux", "x86_64", "linux-x86_64"),
        ("linux", "aarch64", "linux-aarch64"),
        ("darwin", "arm64", "macos-arm64"),
        ("darwin", "x86_64", "macos-x86_64"),
        ("win32", "AMD64", "windows-x86_64"),
        ("linux", "riscv64", None),
        ("freebsd14", "x86_64", None),
    ],
)
def test_machines_are_known_by_name(build, monkeypatch, system, machine, wanted):
    monkeypatch.setattr(build.sysconfig, "get_config_var", lambda _: f"{machine}-pc-linux-gnu")
    on(monkeypatch, system, machine)
    assert build.find_target() == wanted


def test_another_target_may_be_asked_for_by_a_name_that_is_known(build, monkeypatch):
    monkeypatch.setenv("RECONCILE_TARGET", "macos-arm64")
    assert build.find_target() == "macos-arm64"
    assert build.find_compiler() is None  # a compiler of this machine would not do
    monkeypatch.setenv("RECONCILE_TARGET", "amiga")
    with pytest.raises(SystemExit, match=r"RECONCILE_TARGET: got 'amiga'; allowed: linux-x86_64"):
        build.find_target()


def test_a_compiler_is_asked_for_only_where_none_works(build, hook, monkeypatch, tmp_path):
    on(monkeypatch, "linux", "x86_64")
    monkeypatch.setenv("PATH", str(tmp_path))
    assert hook.dependencies() == [build.ZIG]
    broken = tmp_path / "cc"
    broken.write_text("#!/bin/sh\nexit 1\n")
    broken.chmod(0o755)
    assert hook.dependencies() == [build.ZIG]
    monkeypatch.setenv("RECONCILE_PURE", "1")
    assert hook.dependencies() == []
    monkeypatch.delenv("RECONCILE_PURE")
    on(monkeypatch, "sunos5", "sparc")
    assert hook.dependencies() == []


def test_a_compiler_that_works_is_used(build, hook):
    if build.find_target() is None or build.find_compiler() is None:
        pytest.skip("no C compiler here")
    assert hook.dependencies() == []
    data = fresh()
    hook.initialize("standard", data)
    assert hook.said == []
    names = sorted(data["force_include"].values())
    assert "reconcile/kernel/likelihood_baseline" in names[0]
    assert len(names) == (2 if platform.machine() in {"x86_64", "AMD64"} else 1)
    assert all(0 < Path(path).stat().st_size < 200_000 for path in data["force_include"])
    assert data["pure_python"] is False
    assert data["tag"].startswith("py3-none-")


def test_an_editable_install_has_its_libraries_beside_the_source(build, hook):
    if build.find_target() is None or build.find_compiler() is None:
        pytest.skip("no C compiler here")
    folder = Path(hook.root, build.SOURCE).parent
    (folder / "likelihood_v3.so").write_bytes(b"of an earlier build")
    data = fresh()
    hook.initialize("editable", data)
    assert data["force_include"] == {}
    assert (folder / f"likelihood_baseline{build.SUFFIXES.get(sys.platform, '.so')}").stat().st_size > 10_000
    assert not any(path.read_bytes().startswith(b"of an") for path in folder.glob("likelihood_*.so"))


@pytest.mark.parametrize("version", ["standard", "editable"])
def test_a_wheel_without_compiled_code_says_so(build, hook, monkeypatch, version):
    monkeypatch.setenv("RECONCILE_PURE", "1")
    data = fresh()
    hook.initialize(version, data)
    assert data == fresh()
    assert len(hook.said) == 1
    assert "RECONCILE_PURE is set; NumPy will be used" in hook.said[0]


def test_a_compiler_that_fails_is_quoted(build, hook, monkeypatch):
    if build.find_target() is None or build.find_compiler() is None:
        pytest.skip("no C compiler here")
    Path(hook.root, build.SOURCE).write_text("this is no C\n")
    data = fresh()
    hook.initialize("standard", data)
    assert data == fresh()
    assert "could not be compiled (baseline): " in hook.said[0]
    assert "error" in hook.said[0]
    assert hook.said[-1].endswith("NumPy will be used")


def test_a_source_distribution_compiles_nothing(build, hook, tmp_path):
    made = build.CustomBuildHook(str(tmp_path), {}, None, None, str(tmp_path / "dist"), "sdist", None)
    data = fresh()
    made.initialize("standard", data)
    assert made.dependencies() == []
    assert data == fresh()
