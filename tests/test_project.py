# SPDX-License-Identifier: MIT
"""The package as a whole: its window, versions, imports, files and errors."""

from __future__ import annotations

import ast
import importlib
import importlib.metadata
import importlib.resources
import inspect
import pickle
import pkgutil
import re
import subprocess
import sys
import typing
from pathlib import Path

import pytest
import yaml

import reconcile
from reconcile import errors
from reconcile.plumbing import OLD_NAMES

PACKAGE = Path(reconcile.__file__).parent
DISTRIBUTION = "reconcile-claims"


def read_mirror():
    """Read the names that the TYPE_CHECKING block of the window imports, by room."""
    for node in ast.parse((PACKAGE / "__init__.py").read_text(encoding="utf-8")).body:
        if isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING":
            return {
                found.module.removeprefix("reconcile."): sorted(alias.name for alias in found.names)
                for found in node.body
                if isinstance(found, ast.ImportFrom)
            }
    raise AssertionError("no TYPE_CHECKING block")


def test_window_equals_its_mirror():
    rooms = {room: sorted(names) for room, names in reconcile._ROOMS.items()}
    assert read_mirror() == rooms
    assert sorted(name for names in rooms.values() for name in names) == sorted(reconcile.__all__)
    assert len(set(reconcile.__all__)) == len(reconcile.__all__)


@pytest.mark.parametrize("name", reconcile.__all__)
def test_public_name_is_there(name):
    assert getattr(reconcile, name) is not None
    assert name in dir(reconcile)


def test_unknown_name_is_refused():
    with pytest.raises(AttributeError, match="no_such_name"):
        reconcile.no_such_name  # noqa: B018


@pytest.mark.parametrize("module, name", [(module, name) for module, names in OLD_NAMES.items() for name in names])
def test_an_old_name_is_refused_with_what_stands_for_it(module, name):
    room, new = importlib.import_module(module), OLD_NAMES[module][name]
    with pytest.raises(reconcile.InvalidValue, match=re.escape(f"{module}: got {name!r}; allowed: {new}")):
        getattr(room, name)
    assert new.split()[0] in room.__all__
    assert name not in room.__all__
    with pytest.raises(AttributeError, match="no_such_name"):
        room.no_such_name  # noqa: B018


def test_no_name_is_a_room():
    rooms = {room.name for room in pkgutil.iter_modules([str(PACKAGE)])}
    assert rooms
    assert not rooms & set(reconcile.__all__)


def test_errors_are_all_in_the_window():
    assert set(errors.__all__) == set(reconcile._ROOMS["errors"])


def test_claims_need_no_numpy():
    code = "import sys; from reconcile import Claim; print({'numpy', 'scipy', 'pandas'} & sys.modules.keys() or 'none')"
    ran = subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "none"


@pytest.mark.parametrize("file", sorted(PACKAGE.rglob("*.py")), ids=lambda file: file.relative_to(PACKAGE).as_posix())
def test_file_names_its_licence(file):
    assert file.read_text(encoding="utf-8").startswith("# SPDX-License-Identifier: MIT\n")


def test_package_is_typed():
    assert importlib.resources.files("reconcile").joinpath("py.typed").is_file()


def public_errors():
    return [getattr(errors, name) for name in errors.__all__]


def make_one(error):
    """Build an error of this class with a telling value for each parameter."""
    # Python 3.11's BaseException has no signature to read: those without an __init__ of their own take a message.
    if "__init__" not in vars(error):
        return error("what happened")
    hints = typing.get_type_hints(error.__init__)
    samples = {str: "text", int: 3, object: frozenset({"given"}), tuple: ("c1", "c2")}
    kinds = [hints[name] for name in inspect.signature(error).parameters]
    return error(*(samples[typing.get_origin(kind) or kind] for kind in kinds))


@pytest.mark.parametrize("error", public_errors(), ids=lambda error: error.__name__)
@pytest.mark.parametrize("protocol", range(2, pickle.HIGHEST_PROTOCOL + 1))
def test_error_survives_pickling(error, protocol):
    one = make_one(error)
    again = pickle.loads(pickle.dumps(one, protocol))
    assert type(again) is error
    assert again.args == one.args
    assert vars(again) == vars(one)
    assert str(again) == str(one)


@pytest.mark.parametrize("error", public_errors(), ids=lambda error: error.__name__)
def test_error_has_the_root_and_a_builtin_kind(error):
    assert issubclass(error, errors.ReconcileError | Warning)
    builtin = [kind for kind in error.__mro__ if kind.__module__ == "builtins"]
    assert error is errors.ReconcileError or builtin[0] not in (Exception, BaseException, object)


def test_versions_agree(root):
    citation = yaml.safe_load((root / "CITATION.cff").read_text(encoding="utf-8"))
    assert importlib.metadata.version(DISTRIBUTION) == reconcile.__version__
    assert citation["version"] == reconcile.__version__
    log = (root / "CHANGELOG.md").read_text(encoding="utf-8")
    released = re.findall(r"^## (\S+) - (\d{4}-\d\d-\d\d)$", log, flags=re.MULTILINE)
    assert released[0] == (reconcile.__version__, str(citation["date-released"]))


def test_citation_is_citable(root):
    citation = yaml.safe_load((root / "CITATION.cff").read_text(encoding="utf-8"))
    assert citation["cff-version"] == "1.2.0"
    assert {"message", "title", "authors"} <= citation.keys()
    assert all(author.keys() <= {"name"} or "family-names" in author for author in citation["authors"])
    assert citation["license"] == importlib.metadata.metadata(DISTRIBUTION)["License-Expression"]


def test_extra_all_is_all():
    needs = {}
    for need in importlib.metadata.requires(DISTRIBUTION):
        if found := re.fullmatch(r"(.+?)\s*;\s*extra == ['\"](.+)['\"]", need):
            needs.setdefault(found[2], set()).add(found[1])
    assert needs["all"] == set().union(*(needs[extra] for extra in needs if extra != "all"))
    assert needs.keys() == set(importlib.metadata.metadata(DISTRIBUTION).get_all("Provides-Extra"))


@pytest.fixture(scope="module")
def reading(load):
    return load("bench/reading.py")


def test_there_is_no_more_to_read_than_there_was(reading):
    measured = reading.measure(PACKAGE.parent)
    assert measured.files <= 55
    assert measured.lines <= 17_939
    assert measured.floors <= 20


def test_what_is_to_be_read_is_counted(reading, tmp_path):
    package = tmp_path / "house"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "top.py").write_text("from house import twin\nif TYPE_CHECKING:\n    from house import unread\n")
    (package / "twin.py").write_text("import json\n\n\ndef f():\n    from house.other import g\n")
    (package / "other.py").write_text("from house import twin, cellar\n")
    (package / "cellar.py").write_text("import neighbour.room\nfrom neighbour import room\n")
    neighbour = tmp_path / "neighbour"
    neighbour.mkdir()
    (neighbour / "__init__.py").write_text("")
    (neighbour / "room.py").write_text("")
    assert reading.measure(tmp_path, "house.top") == (4, 11, 3)
