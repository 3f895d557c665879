# SPDX-License-Identifier: MIT
"""Count what must be read to understand a module: files, lines, and floors of rooms that import each other.

    python bench/reading.py                        reconcile.posterior, as it stands here
    python bench/reading.py SRC reconcile.model    another tree, another module

Every import counts that runs, in functions too, but not what only types need. A floor is a step on the longest way
down; modules that import each other stand on one.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

SOURCE = Path(__file__).parents[1] / "src"
START = "reconcile.posterior"


class Reading(NamedTuple):
    """How much there is to read."""

    files: int
    lines: int
    floors: int


def measure(source: Path = SOURCE, start: str = START) -> Reading:
    """Follow the imports from a module, and count the files, their lines and the floors."""
    imports = follow(source, start)
    lines = sum(len(find(source, name).read_text(encoding="utf-8").splitlines()) for name in imports)
    return Reading(len(imports), lines, count_floors(imports))


def follow(source: Path, start: str) -> dict[str, set[str]]:
    """Give what each module imports that is reached from one, by name."""
    imports: dict[str, set[str]] = {}
    ahead = [start]
    while ahead:
        name = ahead.pop()
        if name not in imports:
            imports[name] = set(read_imports(source, name)) - {name}
            ahead += imports[name]
    return imports


def read_imports(source: Path, name: str) -> Iterator[str]:
    """Give the modules of its own package that a module imports when it runs."""
    package = name.partition(".")[0]
    tree = ast.parse(find(source, name).read_text(encoding="utf-8"))
    for node in walk(tree):
        if isinstance(node, ast.Import):
            yield from (
                one.name for one in node.names if one.name.startswith(f"{package}.") and exists(source, one.name)
            )
        elif isinstance(node, ast.ImportFrom) and node.module and node.module.partition(".")[0] == package:
            for one in node.names:
                inner = f"{node.module}.{one.name}"
                if exists(source, inner):
                    yield inner
                elif exists(source, node.module):
                    yield node.module


def walk(node: ast.AST) -> Iterator[ast.AST]:
    """Give all nodes of a tree but those that only a type checker reads."""
    for child in ast.iter_child_nodes(node):
        if not (isinstance(child, ast.If) and ast.unparse(child.test) == "TYPE_CHECKING"):
            yield child
            yield from walk(child)


def find(source: Path, name: str) -> Path:
    """Give the file of a module."""
    path = source.joinpath(*name.split("."))
    return path / "__init__.py" if path.is_dir() else path.with_suffix(".py")


def exists(source: Path, name: str) -> bool:
    """Tell whether a module is one of this tree; packages that say nothing are none."""
    return find(source, name).is_file() and name.count(".") > 0


def count_floors(imports: dict[str, set[str]]) -> int:
    """Give the number of modules on the longest way down, those that import each other taken as one."""
    reach = {name: reachable(imports, name) for name in imports}
    group = {
        name: min(other for other in reach[name] | {name} if name in reach[other] or other == name) for name in imports
    }
    floors: dict[str, int] = {}

    def floor(name: str) -> int:
        if name not in floors:
            below = {group[other] for one in imports if group[one] == name for other in imports[one]} - {name}
            floors[name] = 1 + max((floor(other) for other in below), default=0)
        return floors[name]

    return max(floor(name) for name in set(group.values()))


def reachable(imports: dict[str, set[str]], start: str) -> set[str]:
    """Give the modules that one reaches, at any distance."""
    reached: set[str] = set()
    ahead = [*imports[start]]
    while ahead:
        name = ahead.pop()
        if name not in reached:
            reached.add(name)
            ahead += imports[name]
    return reached


if __name__ == "__main__":
    source, start = (Path(sys.argv[1]), sys.argv[2]) if len(sys.argv) > 2 else (SOURCE, START)
    reading = measure(source, start)
    print(f"{start}: {reading.files} files, {reading.lines:,} lines, {reading.floors} floors")
