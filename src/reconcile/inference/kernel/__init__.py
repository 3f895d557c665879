# SPDX-License-Identifier: MIT
"""The compiled likelihood: which library is loaded, and its functions over checked arrays.

``likelihood.c`` is compiled when the package is built (``hatch_build.py``), once for any processor of the architecture
and on x86-64 once more for those with AVX2. It is loaded when it is first needed, through ctypes, so that one build
serves every Python; where none was built, `batches.PLAIN` does the same in NumPy.
"""

from __future__ import annotations

import ctypes
import functools
import os
import sys
import weakref
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeAlias

import attrs
import numpy as np
from numpy.typing import NDArray

from reconcile.errors import InvalidValue
from reconcile.inference.arrays import (
    COUNTS,
    FIELDS,
    LANES,
    PARAMETERS,
    CountEdges,
    Evaluated,
    Shard,
    check_array,
    check_given,
    check_tails,
)
from reconcile.inference.forests import FIELDS as FOREST_FIELDS
from reconcile.inference.forests import Forest, Summed, check_forest
from reconcile.inference.pools import FIELDS as POOL_FIELDS
from reconcile.inference.pools import Pool, check_pool
from reconcile.inference.rising import FIELDS as COURSE_FIELDS
from reconcile.inference.rising import SHARES, Looks, check_looks

__all__ = ["LEVELS", "VARIABLE", "Compiled", "attempt", "choose", "find_libraries", "load"]

Floats: TypeAlias = NDArray[np.float64]

VARIABLE = "RECONCILE_KERNEL"  # environment variable that names a level, or "numpy" for none
LEVELS = {"v3": 3, "baseline": 1}  # by what `reconcile_level` says of the machine, best first
SUFFIX = {"win32": ".dll", "darwin": ".dylib"}.get(sys.platform, ".so")
VERSION = 6  # of the functions of the library and their arguments
SAID = 10  # arrays of cells that the kernel keeps for each claim
VOICE = 10  # numbers that it keeps for each voice and draw

_Pointer = ctypes.c_void_p
_Size = ctypes.c_int64


class _Struct(ctypes.Structure):
    """The kernel's `Shard`."""

    _fields_ = [*((name, _Pointer) for name in FIELDS)] + [
        (name, _Size) for name in ("counts", "claims", "voices", "parameters")
    ]


class _Trees(ctypes.Structure):
    """The kernel's `Forest`."""

    _fields_ = [*((name, _Pointer) for name in FOREST_FIELDS), ("accounts", _Size)]


class _Pool(ctypes.Structure):
    """The kernel's `Pool`."""

    _fields_ = [*((name, _Pointer) for name in POOL_FIELDS), ("looks", _Size), ("pairs", _Size)]


class _Course(ctypes.Structure):
    """The kernel's `Course`."""

    _fields_ = [*((name, _Pointer) for name in COURSE_FIELDS), ("counts", _Size)]


def find_libraries() -> Mapping[str, Path]:
    """Give the libraries that were built, by level, best first."""
    here = Path(__file__).parent
    found = {level: here / f"likelihood_{level}{SUFFIX}" for level in LEVELS}
    return {level: path for level, path in found.items() if path.is_file()}


@functools.cache
def attempt(level: str) -> Compiled | str:
    """Load the library of a level, one of `LEVELS`; where that fails, say why in words."""
    paths = find_libraries()
    for wanted in ("baseline", level):  # any processor can say by the first what it is
        if wanted not in paths:
            return "it was not built when the package was"
    try:
        baseline = _open(paths["baseline"])
        if baseline.reconcile_level() < LEVELS[level]:
            return "this processor cannot run it"
        return Compiled(level, paths[level], _open(paths[level]))
    except (OSError, AttributeError) as error:
        return f"it cannot be loaded: {error}"


def _open(path: Path) -> ctypes.CDLL:
    library = ctypes.CDLL(str(path))
    if library.reconcile_version() != VERSION:
        raise OSError(f"{path} was built from another version of the source; install the package again")
    return library


def load(level: str) -> Compiled | None:
    """Give the library of a level, one of `LEVELS`; None where it does not run here."""
    found = attempt(level)
    return found if isinstance(found, Compiled) else None


def choose() -> Compiled | None:
    """Give the kernel to use, the best that runs here; None for NumPy.

    Raises
    ------
    InvalidValue
        If the environment variable `VARIABLE` names none, or one that does not run here.
    """
    return _choose(os.environ.get(VARIABLE) or None)


@functools.cache
def _choose(wanted: str | None) -> Compiled | None:
    if wanted == "numpy":
        return None
    if wanted is None:
        return next((kernel for kernel in map(load, LEVELS) if kernel), None)
    kernel = load(wanted) if wanted in LEVELS else None
    if kernel is None:
        here = [level for level in LEVELS if load(level)]
        raise InvalidValue(f"environment variable {VARIABLE}", wanted, ", ".join([*here, "numpy"]))
    return kernel


def _at(array: NDArray[Any]) -> int:
    """Address of an array; whoever calls keeps the array alive."""
    return int(array.__array_interface__["data"][0])


def _take(what: str, given: Any, shape: tuple[int, ...]) -> int:
    check_array(what, given, np.float64, shape)
    return _at(given)


@attrs.frozen(eq=False)
class Compiled:
    """The likelihood in C; see `batches.Likelihood` for what each function does.

    Attributes
    ----------
    level : str
        ``"v3"`` or ``"baseline"``.
    path : Path
    library : ctypes.CDLL
    """

    level: str
    path: Path
    library: ctypes.CDLL = attrs.field(repr=False)
    _structs: weakref.WeakKeyDictionary[Shard, _Struct] = attrs.field(
        factory=weakref.WeakKeyDictionary, init=False, repr=False
    )
    _trees: weakref.WeakKeyDictionary[Forest, tuple[_Trees, int]] = attrs.field(
        factory=weakref.WeakKeyDictionary, init=False, repr=False
    )
    _pools: weakref.WeakKeyDictionary[Pool, tuple[_Pool, int]] = attrs.field(
        factory=weakref.WeakKeyDictionary, init=False, repr=False
    )
    _courses: weakref.WeakKeyDictionary[Looks, tuple[_Course, int, int]] = attrs.field(
        factory=weakref.WeakKeyDictionary, init=False, repr=False
    )

    @property
    def name(self) -> str:
        """How the kernel is called in `show_config`."""
        return self.level

    @property
    def built_for(self) -> str:
        """Processor, system and compiler."""
        self.library.reconcile_built_for.restype = ctypes.c_char_p
        return str(self.library.reconcile_built_for().decode()).strip()

    @property
    def width(self) -> int:
        """How many cells are computed at once."""
        return int(self.library.reconcile_width())

    def _struct(self, shard: Shard) -> Any:
        """Pointers to the arrays of a shard, which does not change."""
        found = self._structs.get(shard)
        if found is None:
            sizes = shard.sizes
            pointers = [_at(getattr(shard, name)) for name in FIELDS]
            found = _Struct(*pointers, *(sizes[name] for name in ("counts", "claims", "voices", "parameters")))
            self._structs[shard] = found
        return ctypes.byref(found)

    def tails(self, edges: CountEdges, counts: Floats, *, slopes: bool) -> tuple[Floats, Floats]:
        """Tails of the count priors."""
        draws, outcomes = len(counts), len(edges.far)
        places = len(edges.edge)
        at = _take("tails.counts", counts, (draws, outcomes, COUNTS))
        given = [_take(f"CountEdges.{name}", getattr(edges, name), (places,)) for name in ("log_low", "held")]
        far = _take("CountEdges.far", edges.far, (outcomes, places))
        if places % LANES:
            raise InvalidValue("CountEdges.edge", places, f"a multiple of {LANES} edges")
        tail = np.empty((draws, outcomes, places))
        by = np.empty((draws if slopes else 0, outcomes, COUNTS, places))
        self.library.reconcile_tails(
            _Size(draws), _Size(outcomes), _Size(places), _Pointer(at), *map(_Pointer, given), _Pointer(far),
            _Pointer(_at(tail)), _Pointer(_at(by) if slopes else None),
        )  # fmt: skip
        return tail, by

    def by_counts(self, slopes: Floats, prior: Floats) -> Floats:
        """Turn derivatives by tails into those by the parameters of count priors."""
        draws, outcomes, places = check_tails(slopes, prior)
        at, back = _at(slopes), _at(prior)
        found = np.empty((draws, outcomes, COUNTS))
        self.library.reconcile_by_counts(
            _Size(draws), _Size(outcomes), _Size(places), _Pointer(at), _Pointer(back), _Pointer(_at(found))
        )
        return found

    def cover(
        self, shard: Shard, low: Floats, width: Floats, constant: Floats
    ) -> tuple[NDArray[np.float32], Floats, Floats]:
        """What no parameter changes of each pair."""
        check_given("cover", shard, low=low, width=width, constant=constant)
        given = [_at(x) for x in (low, width, constant)]
        pairs = len(shard.exact)
        found = np.empty(pairs, dtype=np.float32), np.empty(pairs), np.empty(pairs)
        self.library.reconcile_cover(self._struct(shard), *map(_Pointer, given), *(_Pointer(_at(x)) for x in found))
        return found

    def rows(self, shard: Shard, theta: Floats, echo: Floats) -> Floats:
        """P(claim | count in each cell)."""
        sizes, draws = shard.sizes, len(theta)
        check_given("rows", shard, theta=theta, echo=echo)
        found = np.empty((draws, sizes["pairs"]))
        scratch = np.empty(int(np.max(np.diff(shard.cell), initial=LANES)))
        self.library.reconcile_rows(
            self._struct(shard), _Size(draws), *(_Pointer(_at(x)) for x in (theta, echo, found, scratch)),
        )  # fmt: skip
        return found

    def slopes(self, shard: Shard, theta: Floats, echo: Floats, weight: Floats) -> Floats:
        """Weighted sums of the derivatives of the logarithms of rows."""
        check_given("slopes", shard, theta=theta, echo=echo, weight=weight)
        found = np.zeros((len(theta), shard.sizes["voices"], len(PARAMETERS)))
        scratch = np.empty(SAID * int(np.max(np.diff(shard.cell), initial=0)))
        self.library.reconcile_slopes(
            self._struct(shard), _Size(len(theta)), *(_Pointer(_at(x)) for x in (theta, echo, weight, found, scratch)),
        )  # fmt: skip
        return found

    def evaluate(
        self,
        shard: Shard,
        theta: Floats,
        echo: Floats,
        tail: Floats,
        *,
        slopes: bool = False,
        copies: bool = False,
        weight: Floats | None = None,
    ) -> Evaluated:
        """Evidence of the counts, with what is asked for."""
        sizes, draws = shard.sizes, len(theta)
        check_given("evaluate", shard, theta=theta, echo=echo, tail=tail, weight=weight)
        asked = draws if slopes else 0
        found = Evaluated(
            value=np.zeros(draws),
            each=np.empty((draws, sizes["counts"])),
            score=np.zeros((asked, sizes["voices"], len(PARAMETERS))),
            prior=np.zeros((asked, shard.outcomes, shard.places)),
            copies=np.empty((asked if copies else 0, sizes["claims"], 2)),
            mass=np.zeros(0 if weight is None else sizes["cells"]),
        )
        kept = np.diff(shard.claim) if slopes else np.minimum(np.diff(shard.claim), 1)
        work = int(np.max(np.diff(shard.cell) * (3 + SAID * kept), initial=0))
        scratch = np.empty(draws * sizes["voices"] * VOICE + work)
        self.library.reconcile_evaluate(
            self._struct(shard), _Size(draws), _Pointer(_at(theta)), _Pointer(_at(echo)), _Size(shard.outcomes),
            _Size(shard.places), *(_Pointer(_at(x)) for x in (tail, found.value, found.each)),
            _Pointer(_at(found.score) if slopes else None), _Pointer(_at(found.prior) if slopes else None),
            _Pointer(_at(found.copies) if slopes and copies else None),
            _Pointer(None if weight is None else _at(weight)),
            _Pointer(None if weight is None else _at(found.mass)), _Pointer(_at(scratch)),
        )  # fmt: skip
        return found

    def curve(self, shard: Shard, theta: Floats, echo: Floats, tail: Floats, slopes: Floats) -> Floats:
        """Observed information of the parameters of a shard."""
        sizes = shard.sizes
        check_given("curve", shard, theta=theta, echo=echo, tail=tail, slopes=slopes)
        size = sizes["parameters"] + COUNTS * shard.outcomes
        info = np.zeros((size, size))
        number, claims = np.diff(shard.cell), np.diff(shard.claim)
        rows = len(PARAMETERS) * claims + COUNTS
        second = len(PARAMETERS) ** 2 * claims
        work = number * (2 + SAID * (claims + 1) + rows + 1) + rows + second
        scratch = np.empty(int(np.max(work, initial=0)))
        self.library.reconcile_curve(
            self._struct(shard), _Pointer(_at(theta)), _Pointer(_at(echo)), _Size(shard.outcomes),
            _Size(shard.places), *(_Pointer(_at(x)) for x in (tail, slopes, info, scratch)),
        )  # fmt: skip
        return info

    def sum_product(
        self,
        shard: Shard,
        forest: Forest,
        rows: Floats,
        tail: Floats,
        power: Floats,
        factor: Floats,
        *,
        slopes: bool = False,
        weight: Floats | None = None,
    ) -> Summed:
        """Evidence of accounts whose counts add up, with what is asked for."""
        sizes, draws = check_forest(shard, forest, rows, tail, power, factor, weight), len(rows)
        asked = draws if slopes else 0
        found = Summed(
            each=np.empty((draws, sizes["accounts"])),
            pull=np.empty((asked, sizes["pairs"])),
            prior=np.zeros((asked, shard.outcomes, shard.places)),
            joint=np.zeros((asked, sizes["slots"])),
            mass=np.zeros(0 if weight is None else sizes["cells"]),
        )
        if forest not in self._trees:
            pointers = [_at(getattr(forest, name)) for name in FOREST_FIELDS]
            self._trees[forest] = _Trees(*pointers, sizes["accounts"]), _work(forest)
        struct, work = self._trees[forest]
        scratch = np.empty(work)
        results = [(found.pull, slopes), (found.prior, slopes), (found.joint, slopes)]
        self.library.reconcile_trees(
            self._struct(shard), ctypes.byref(struct), *map(_Size, (draws, shard.outcomes, shard.places)),
            *(_Pointer(_at(x)) for x in (rows, tail, power, factor, found.each)),
            *(_Pointer(_at(x) if wanted else None) for x, wanted in results),
            _Pointer(None if weight is None else _at(weight)), _Pointer(None if weight is None else _at(found.mass)),
            _Pointer(_at(scratch)),
        )  # fmt: skip
        return found

    def pool(self, pool: Pool, rows: Floats, power: Floats) -> tuple[Floats, Floats]:
        """Multiply the rows of the claims of each look."""
        draws, cells, looks = check_pool(pool, rows, power)
        if pool not in self._pools:
            pointers = [_at(getattr(pool, name)) for name in POOL_FIELDS]
            most = int(np.max(np.diff(pool.cell), initial=0))
            self._pools[pool] = _Pool(*pointers, looks, rows.shape[1]), (LANES + 1) * (most + LANES)
        struct, work = self._pools[pool]
        found, scratch = (np.empty((cells, draws)), np.empty((looks, draws))), np.empty(work)
        self.library.reconcile_pool(
            ctypes.byref(struct), _Size(draws), *(_Pointer(_at(x)) for x in (rows, power, *found, scratch))
        )
        return found

    def _course(self, looks: Looks) -> tuple[Any, int, int]:
        """Pointers to the arrays of looks, and how many numbers the kernel keeps of a count to merge and to share."""
        found = self._courses.get(looks)
        if found is None:
            course = looks.course
            struct = _Course(*(_at(getattr(course, name)) for name in COURSE_FIELDS), course.sizes["counts"])
            cells, later = np.diff(course.cell), np.diff(course.first) - 1
            room = 2 * LANES * later * (cells + SHARES)
            sizes = [int(np.max(work, initial=0)) for work in (room, room + 3 * LANES * later * cells)]
            found = self._courses[looks] = struct, sizes[0], sizes[1]
        return ctypes.byref(found[0]), found[1], found[2]

    def merge_looks(self, looks: Looks, given: Floats) -> Floats:
        """Sum out which share of counts is known at the times at which claims look at them."""
        draws = check_looks("merge_looks", looks, given)
        struct, work, _ = self._course(looks)
        found, scratch = np.empty((int(looks.cell[-1]), draws)), np.empty(work)
        self.library.reconcile_merge_looks(struct, _Size(draws), *(_Pointer(_at(x)) for x in (given, found, scratch)))
        return found

    def share_looks(self, looks: Looks, given: Floats, weight: Floats) -> Floats:
        """Turn derivatives by what is merged into posteriors of figures at each look."""
        draws = check_looks("share_looks", looks, given, weight)
        struct, _, work = self._course(looks)
        found, scratch = np.empty(given.shape), np.empty(work)
        self.library.reconcile_share_looks(
            struct, _Size(draws), *(_Pointer(_at(x)) for x in (given, weight, found, scratch))
        )
        return found


def _work(forest: Forest) -> int:
    """Count the numbers that the kernel keeps for an account."""
    cell, node = forest.cell, forest.node[:-1]
    cells, joins, slots = (np.diff(x) for x in (cell[forest.node], forest.join, forest.share[forest.join]))
    most = np.maximum.reduceat(np.diff(cell), node) if len(node) else cells
    return LANES * int(np.max(4 * cells + (1 + joins) * most + 2 * slots, initial=0))
