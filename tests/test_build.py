# SPDX-License-Identifier: MIT
"""How the package is built: what is compiled for which machine, by what, and what is said where nothing is."""

from __future__ import annotations

import platform
import re
import shutil
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="module")
def build(load):
    pytest.importorskip("hatchling")
    return load("hatch_build.py")


@pytest.fixture(scope="module")
def compiler(build):
    """Skip what needs a compiler where there is none."""
    if build.find_target() is None or build.find_compiler(ROOT / build.SOURCE)[0] is None:
        pytest.skip("no C compiler here")


@pytest.fixture(autouse=True)
def clean(monkeypatch):
    for name in ("RECONCILE_PURE", "RECONCILE_TARGET", "CC"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def hook(build, tmp_path, monkeypatch):
    """A hook in a copy of the source, which writes down what it warns of."""
    (tmp_path / build.SOURCE).parent.mkdir(parents=True)
    shutil.copy(ROOT / build.SOURCE, tmp_path / build.SOURCE)
    said = []
    app = SimpleNamespace(display_warning=said.append)
    monkeypatch.setattr(build, "FLAGS", [*build.FLAGS, "-O0"])  # as good here, and quicker
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
    assert build.find_compiler(ROOT / build.SOURCE) == (None, None)  # a compiler of this machine would not do
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


def test_a_compiler_that_works_is_used(build, hook, compiler):
    assert hook.dependencies() == []
    data = fresh()
    hook.initialize("standard", data)
    assert hook.said == []
    names = sorted(data["force_include"].values())
    assert "reconcile/inference/kernel/likelihood_baseline" in names[0]
    assert len(names) == (2 if platform.machine() in {"x86_64", "AMD64"} else 1)
    assert all(0 < Path(path).stat().st_size < 200_000 for path in data["force_include"])
    assert data["pure_python"] is False
    assert data["tag"].startswith("py3-none-")
    hook.finalize("standard", data, "")
    assert not any(Path(path).exists() for path in data["force_include"])


def test_an_editable_install_has_its_libraries_beside_the_source(build, hook, compiler):
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


@pytest.mark.parametrize(
    "named, said",
    [
        ("/no/such/cc", "there is no such program"),
        ("gcc 'x", "No closing quotation"),
        ("sh -c 'exit 3'", "it ended with exit code 3"),
    ],
)
def test_a_compiler_that_was_named_and_does_not_work_is_said(build, hook, compiler, monkeypatch, named, said):
    monkeypatch.setenv("CC", named)
    data = fresh()
    hook.initialize("standard", data)
    assert len(hook.said) == 1
    assert hook.said[0].startswith(f"reconcile: CC={named} is not used: ")
    assert re.search(said, hook.said[0])
    assert data["pure_python"] is False
    hook.finalize("standard", data, "")


def test_a_compiler_that_says_what_is_no_text(build, tmp_path):
    odd = tmp_path / "cc"
    odd.write_text("#!/bin/sh\nprintf '\\377\\n' >&2\nexit 1\n")
    odd.chmod(0o755)
    assert build.try_compiler(str(odd), ROOT / build.SOURCE) == "\N{REPLACEMENT CHARACTER}"


def test_a_compiler_for_another_machine_is_not_used(build, tmp_path):
    odd = tmp_path / "cc"
    odd.write_text('#!/bin/sh\nwhile [ "$1" != -o ]; do shift; done\necho no library > "$2"\n')
    odd.chmod(0o755)
    assert "what it makes cannot be loaded" in build.try_compiler(str(odd), ROOT / build.SOURCE)


def test_what_fails_to_compile_is_quoted(build, hook, compiler, monkeypatch):
    monkeypatch.setitem(build.LEVELS, "v3", (["-mno-such-thing"], []))
    data = fresh()
    hook.initialize("standard", data)
    assert [path.rpartition("/")[2].partition(".")[0] for path in data["force_include"].values()] == [
        "likelihood_baseline"
    ]
    if platform.machine() == "x86_64":
        assert "could not be compiled (v3): " in hook.said[0]
        assert "no-such-thing" in hook.said[0]
    hook.finalize("standard", data, "")


def test_a_target_that_was_asked_for_and_cannot_be_compiled_is_an_error(build, hook, monkeypatch):
    monkeypatch.setenv("RECONCILE_TARGET", "linux-aarch64")
    monkeypatch.setattr(build, "compile_file", lambda *_: "no ziglang")
    with pytest.raises(SystemExit, match="RECONCILE_TARGET=linux-aarch64: the likelihood could not be compiled"):
        hook.initialize("standard", fresh())


@pytest.mark.parametrize("value, pure", [("", False), ("0", False), ("no", False), ("False", False), ("1", True)])
def test_purity_is_asked_for_in_words(build, monkeypatch, value, pure):
    monkeypatch.setenv("RECONCILE_PURE", value)
    assert build.is_pure() is pure


def test_a_source_distribution_compiles_nothing(build, hook, tmp_path):
    made = build.CustomBuildHook(str(tmp_path), {}, None, None, str(tmp_path / "dist"), "sdist", None)
    data = fresh()
    made.initialize("standard", data)
    assert made.dependencies() == []
    assert data == fresh()
