# SPDX-License-Identifier: MIT
"""Compile the likelihood when the package is built: with the C compiler that is there, else with that of `ziglang`.

One library for any processor of the architecture, and on x86-64 a second for those with AVX2. They need no C library
beyond what Python has loaded and no Python headers, so one wheel for a platform serves every Python. Where nothing can
be compiled the wheel is pure Python, does the same in NumPy, and the build says so.

Environment variables: RECONCILE_PURE=1 compiles nothing; CC names a compiler; RECONCILE_TARGET names one of `TARGETS`
to compile for with `ziglang`, whatever the machine, and then a wheel that cannot be compiled is an error.
"""

from __future__ import annotations

import ctypes
import os
import platform
import shlex
import shutil
import struct
import subprocess
import sys
import sysconfig
import tempfile
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

ZIG = "ziglang>=0.13"
SOURCE = Path("src/reconcile/inference/kernel/likelihood.c")
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
# Libraries, with what tells gcc and clang, and zig, for which level of x86-64. Before gcc 11 levels had no names.
LEVELS = {
    "baseline": ([], []),
    "v3": (["-mavx2", "-mfma", "-mbmi", "-mbmi2", "-mlzcnt", "-mmovbe", "-mf16c"], ["-mcpu=x86_64_v3"]),
}


def is_pure() -> bool:
    """Whether nothing is to be compiled."""
    return os.environ.get("RECONCILE_PURE", "").lower() not in {"", "0", "no", "false"}


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


def find_compiler(source: Path) -> tuple[list[str] | None, str | None]:
    """Find a C compiler that compiles the source into a library which can be loaded here.

    Returns
    -------
    command : list of str, optional
    complaint : str, optional
        Why the compiler that CC names is not it.
    """
    if sys.platform == "win32" or os.environ.get("RECONCILE_TARGET"):
        return None, None
    complaint = None
    named = os.environ.get("CC")
    for command in ([named] if named else []) + ["cc", "gcc", "clang"]:
        said = try_compiler(command, source)
        if said is None:
            return shlex.split(command), complaint
        if command == named:
            complaint = f"CC={command} is not used: {said}"
    return None, complaint


def try_compiler(command: str, source: Path) -> str | None:
    """Compile the source and load it; None if that went well, else what is wrong."""
    try:
        words = shlex.split(command)
    except ValueError as error:
        return str(error)
    if not words or shutil.which(words[0]) is None:
        return "there is no such program"
    with tempfile.TemporaryDirectory() as folder:
        output = Path(folder, "trial.so")
        said = compile_file([*words, *FLAGS, "-O0", "-fPIC"], source, output)
        if said is None:
            try:
                ctypes.CDLL(str(output))
            except OSError as error:
                said = f"what it makes cannot be loaded: {error}"
    return said


def compile_file(command: list[str], source: Path, output: Path) -> str | None:
    """Compile a file; None if that went well, else what the compiler said."""
    try:
        ran = subprocess.run(  # noqa: S603 - the compiler's command is ours, or the builder's own
            [*command, "-o", str(output), str(source)], capture_output=True, check=False
        )
    except OSError as error:
        return str(error)
    said = ran.stderr.decode(errors="replace").strip()
    return None if ran.returncode == 0 and output.is_file() else said or f"it ended with exit code {ran.returncode}"


class CustomBuildHook(BuildHookInterface):
    """Put the libraries into the wheel, or beside the source for an editable install."""

    def dependencies(self) -> list[str]:
        """Ask for `ziglang` only where no compiler works: it is some 100 MB to fetch."""
        wanted = self.target_name == "wheel" and not is_pure() and find_target() is not None
        return [ZIG] if wanted and find_compiler(Path(self.root, SOURCE))[0] is None else []

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Compile, and tag the wheel; or say why it is pure."""
        if self.target_name != "wheel":
            return
        here = Path(self.root, SOURCE).parent
        if version == "editable":
            for path in (p for p in here.glob("likelihood_*") if p.suffix in {".so", ".dylib", ".dll"}):
                path.unlink()  # of an earlier build
        target = find_target()
        if is_pure() or target is None:
            machine = f"{platform.machine()} on {sys.platform}, {8 * struct.calcsize('P')} bits, is not one of"
            why = "RECONCILE_PURE is set" if is_pure() else f"{machine} {', '.join(TARGETS)}"
            self.app.display_warning(f"reconcile: no compiled likelihood, since {why}; NumPy will be used")
            return
        compiler, complaint = find_compiler(Path(self.root, SOURCE))
        if complaint:
            self.app.display_warning(f"reconcile: {complaint}")
        # Nothing but an editable install writes into the tree, which may be read-only; `finalize` removes the folder.
        self.folder = here if version == "editable" else Path(tempfile.mkdtemp(prefix="reconcile-"))
        made = self.compile(target, compiler, self.folder)
        if not made:
            if os.environ.get("RECONCILE_TARGET"):
                raise SystemExit(f"RECONCILE_TARGET={target}: the likelihood could not be compiled")
            self.app.display_warning("reconcile: no compiled likelihood; NumPy will be used")
            return
        if version != "editable":
            build_data["force_include"].update({str(path): f"reconcile/inference/kernel/{path.name}" for path in made})
        local = sysconfig.get_platform().replace("-", "_").replace(".", "_")
        # One architecture is compiled, also for a Python that was made for two.
        local = local.replace("universal2", platform.machine())
        build_data["pure_python"] = False
        build_data["tag"] = f"py3-none-{local if compiler else TARGETS[target][0]}"

    def compile(self, target: str, compiler: list[str] | None, folder: Path) -> list[Path]:
        """Compile every level for a target, with a compiler or else with zig; give the files, and say what failed."""
        made = []
        for level, (flags, zig_flags) in LEVELS.items():
            if flags and not target.endswith("x86_64"):
                continue
            zig = [sys.executable, "-m", "ziglang", "cc", "-target", TARGETS[target][1], "-fno-sanitize=undefined"]
            command = [*compiler, *flags] if compiler else [*zig, *zig_flags]
            output = folder / f"likelihood_{level}{SUFFIXES.get(target.partition('-')[0], '.so')}"
            code = [] if target.startswith("windows") else ["-fPIC"]
            said = compile_file([*command, *FLAGS, *code], Path(self.root, SOURCE), output)
            if said is None:
                made.append(output)
            else:
                self.app.display_warning(f"reconcile: the likelihood could not be compiled ({level}): {said}")
        return made

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:
        """Remove what was compiled, which is in the wheel now."""
        if version != "editable" and getattr(self, "folder", None) is not None:
            shutil.rmtree(self.folder, ignore_errors=True)
