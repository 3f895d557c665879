# SPDX-License-Identifier: MIT
"""Compile the likelihood when the package is built: with the C compiler that is there, else with that of `ziglang`.

One library for any processor of the architecture, and on x86-64 a second for those with AVX2. They need no C library
beyond what Python has loaded and no Python headers, so one wheel for a platform serves every Python. Where nothing can
be compiled the wheel is pure Python, does the same in NumPy, and the build says so.

Environment variables: RECONCILE_PURE=1 compiles nothing; CC names a compiler; RECONCILE_TARGET names one of `TARGETS`
to compile for with `ziglang`, whatever the machine.
"""

from __future__ import annotations

import os
import platform
import shlex
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

ZIG = "ziglang>=0.13"
SOURCE = Path("src/reconcile/kernel/likelihood.c")
# The bits of results may depend neither on contraction nor on the width of vectors.
FLAGS = [
    "-std=c11", "-O3", "-g0", "-s", "-shared", "-fvisibility=hidden", "-ffp-contract=off", "-fno-math-errno",
    "-fno-trapping-math", "-Wno-psabi",
]  # fmt: skip
# What a wheel may be made for: its tag, and what zig calls the target.
TARGETS = {
    "linux-x86_64": ("manylinux_2_17_x86_64", "x86_64-linux-gnu.2.17"),
    "linux-aarch64": ("manylinux_2_17_aarch64", "aarch64-linux-gnu.2.17"),
    "musl-x86_64": ("musllinux_1_1_x86_64", "x86_64-linux-musl"),
    "musl-aarch64": ("musllinux_1_1_aarch64", "aarch64-linux-musl"),
    "macos-x86_64": ("macosx_11_0_x86_64", "x86_64-macos.11.0"),
    "macos-arm64": ("macosx_11_0_arm64", "aarch64-macos.11.0"),
    "windows-x86_64": ("win_amd64", "x86_64-windows-gnu"),
}
SUFFIXES = {"windows": ".dll", "macos": ".dylib"}
LEVELS = {"baseline": None, "v3": "x86-64-v3"}  # libraries, and the level of x86-64 that each is for
TRIAL = "typedef double v __attribute__((vector_size(16))); v f(v x) { return x + x; }\n"


def is_pure() -> bool:
    """Whether nothing is to be compiled."""
    return os.environ.get("RECONCILE_PURE", "") not in {"", "0"}


def find_target() -> str | None:
    """Name what to compile for; None for a machine that is not known."""
    wanted = os.environ.get("RECONCILE_TARGET")
    if wanted:
        if wanted not in TARGETS:
            raise SystemExit(f"RECONCILE_TARGET: got {wanted!r}; allowed: {', '.join(TARGETS)}")
        return wanted
    machine = {"amd64": "x86_64", "arm64": "arm64" if sys.platform == "darwin" else "aarch64"}.get(
        platform.machine().lower(), platform.machine().lower()
    )
    system = {"darwin": "macos", "win32": "windows", "linux": "linux"}.get(sys.platform, sys.platform)
    if system == "linux" and "musl" in (sysconfig.get_config_var("HOST_GNU_TYPE") or ""):
        system = "musl"
    found = f"{system}-{machine}"
    # A Python of 32 bits on a machine of 64 could not load the library.
    return found if found in TARGETS and sys.maxsize > 2**32 else None


def find_compiler() -> list[str] | None:
    """Give the command of a C compiler that makes shared libraries here."""
    if sys.platform == "win32" or os.environ.get("RECONCILE_TARGET"):
        return None
    for command in ([os.environ["CC"]] if os.environ.get("CC") else []) + ["cc", "gcc", "clang"]:
        words = shlex.split(command)
        if not words or shutil.which(words[0]) is None:
            continue
        with tempfile.TemporaryDirectory() as folder:
            trial = Path(folder, "trial.c")
            trial.write_text(TRIAL)
            if compile_file([*words, "-fPIC", "-shared"], trial, trial.with_suffix(".so")) is None:
                return words
    return None


def compile_file(command: list[str], source: Path, output: Path) -> str | None:
    """Compile a file; None if that went well, else what the compiler said."""
    try:
        ran = subprocess.run(  # noqa: S603 - the compiler's command is ours, or the builder's own
            [*command, "-o", str(output), str(source)], capture_output=True, text=True, check=False
        )
    except OSError as error:
        return str(error)
    return None if ran.returncode == 0 and output.is_file() else ran.stderr.strip() or f"exit code {ran.returncode}"


class CustomBuildHook(BuildHookInterface):
    """Put the libraries into the wheel, or beside the source for an editable install."""

    def dependencies(self) -> list[str]:
        """Ask for `ziglang` only where no compiler works: it is 80 MB and more to fetch."""
        needed = self.target_name == "wheel" and not is_pure() and find_target() and find_compiler() is None
        return [ZIG] if needed else []

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Compile, and tag the wheel; or say why it is pure."""
        if self.target_name != "wheel":
            return
        target, here = find_target(), Path(self.root, SOURCE).parent
        if version == "editable":
            for path in (p for p in here.glob("likelihood_*") if p.suffix in {".so", ".dylib", ".dll"}):
                path.unlink()  # of an earlier build
        if is_pure() or target is None:
            why = "RECONCILE_PURE is set" if is_pure() else f"{platform.machine()} on {sys.platform} is not known"
            self.app.display_warning(f"reconcile: no compiled likelihood, since {why}; NumPy will be used")
            return
        tag, triple = TARGETS[target]
        compiler = find_compiler()
        suffix = SUFFIXES.get(target.partition("-")[0], ".so")
        folder = here if version == "editable" else Path(self.root, "build", "kernel", target)
        folder.mkdir(parents=True, exist_ok=True)
        for level, architecture in LEVELS.items():
            if architecture and not target.endswith("x86_64"):
                continue
            if compiler:
                command = [*compiler, *([f"-march={architecture}"] if architecture else [])]
            else:
                cpu = [f"-mcpu={architecture.replace('-', '_')}"] if architecture else []
                command = [sys.executable, "-m", "ziglang", "cc", "-target", triple, *cpu, "-fno-sanitize=undefined"]
            output = folder / f"likelihood_{level}{suffix}"
            code = [] if target.startswith("windows") else ["-fPIC"]
            said = compile_file([*command, *FLAGS, *code], Path(self.root, SOURCE), output)
            if said is not None:
                self.app.display_warning(f"reconcile: the likelihood could not be compiled ({level}): {said}")
                continue
            if version != "editable":
                build_data["force_include"][str(output)] = f"reconcile/kernel/{output.name}"
            build_data["pure_python"] = False
        if build_data.get("pure_python", True):
            self.app.display_warning("reconcile: no compiled likelihood; NumPy will be used")
            return
        local = sysconfig.get_platform().replace("-", "_").replace(".", "_")
        build_data["tag"] = f"py3-none-{local if compiler else tag}"
