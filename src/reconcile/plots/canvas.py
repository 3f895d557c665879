# SPDX-License-Identifier: MIT
"""Paper and ink: figures that nothing has to close, colours that everyone can tell apart, rows with names."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from reconcile.errors import MissingDependency
from reconcile.plots.lettering import break_all, distinguish, legible, wrap

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = [
    "BLUE",
    "GREEN",
    "GREY",
    "INK",
    "ORANGE",
    "PALE",
    "PURPLE",
    "SKY",
    "VERMILLION",
    "Rows",
    "entitle",
    "height_of",
    "paper",
    "remark",
]

# Okabe and Ito (2008), told apart by all kinds of colour vision; shapes and words say the same for print in grey.
BLUE, SKY, GREEN, ORANGE, VERMILLION, PURPLE = "#0072B2", "#56B4E9", "#009E73", "#E69F00", "#D55E00", "#CC79A7"
INK, GREY, PALE = "#222222", "#6B6B6B", "#DDDDDD"

TEXT_SIZE = 8.5  # points
ROW, DENSE_ROW, MANY = 26.0, 21.0, 16  # points from one row to the next, and rows from which they move together
_COLUMN = 0.54  # mean width of a letter, in sizes of the text (DejaVu Sans; most others are narrower)
_WIDE = 0.7  # the same for capitals
_LEFT_TO_RIGHT = "\u200e"
_LEADING = 1.15  # from line to line, in sizes of the text
_SMALLER = (0.8, 0.7, 0.6, 0.5)
_TWO_LINES = 2.35  # a row must be so many sizes of the text high to hold two lines
# A name such as "$x_" is no formula.
_PLAIN_TEXT = {"text.parse_math": False, "text.usetex": False}


@contextlib.contextmanager
def paper(ax: Axes | None, width: float, height: float) -> Iterator[Axes]:
    """Give the axes to draw on, new ones of so many inches where there are none; settings stay as they were.

    Raises
    ------
    MissingDependency
        If matplotlib is not installed.
    """
    try:
        import matplotlib as mpl
        from matplotlib.figure import Figure
    except ModuleNotFoundError as missing:
        raise MissingDependency("matplotlib", "a picture", "'reconcile-claims[plot]'") from missing
    with mpl.rc_context():
        if ax is None:
            mpl.rcdefaults()
        mpl.rcParams.update(_PLAIN_TEXT)
        if ax is None:
            # Not by pyplot, which would keep it until it is closed.
            ax = Figure(figsize=(width, height), layout="constrained").add_subplot()
            for side in ("top", "right", "left"):
                ax.spines[side].set_visible(False)
            ax.spines["bottom"].set_color(GREY)
            ax.tick_params(colors=INK, labelsize=TEXT_SIZE - 0.5, length=3)
        ax.set_axisbelow(True)
        yield ax


def entitle(ax: Axes, title: str, *, own: bool) -> None:
    """Write a title, at the left of a figure of our own, else over the axes."""
    if not title:
        return
    columns = int(ax.get_figure().get_figwidth() * 72 / ((TEXT_SIZE + 1) * _COLUMN))
    said = wrap(legible(title), columns if own else columns // 2, 3)
    if own:
        ax.get_figure().suptitle(said, x=0.01, ha="left", fontsize=TEXT_SIZE + 1, fontweight="bold", color=INK)
    else:
        ax.set_title(said, loc="left", fontsize=TEXT_SIZE + 1)


def height_of(rows: float, *, around: float) -> float:
    """Give the height of a figure of so many rows, with so many points around them, in inches."""
    return (rows * _pitch(rows) + around) / 72


def _pitch(rows: float) -> float:
    return ROW if rows < MANY else DENSE_ROW


class Rows:
    """Rows of a picture: a name to the left of the axes, words to the right, marks between them.

    Parameters
    ----------
    ax : Axes
    number : float
        How many rows; the axis runs downwards.
    own : bool, keyword
        Whether the figure was made for them, see `height_of`.
    """

    def __init__(self, ax: Axes, number: float, *, own: bool) -> None:
        figure = ax.get_figure()
        pitch = ax.get_position().height * figure.get_figheight() * 72 / max(number, 1)
        if own:  # the axes will grow into the room that there is
            pitch = _pitch(number)
        self.ax, self.pitch = ax, float(pitch)
        self.size: float = min(TEXT_SIZE, max(0.8 * pitch, 3.0))
        self.lines = 2 if pitch >= _TWO_LINES * self.size else 1
        letters = figure.get_figwidth() * 72 / (self.size * _COLUMN)
        self.name_columns = max(min(int(0.27 * letters), 28), 10)
        self.word_columns = max(min(int(0.23 * letters), 26), 10)
        ax.set_ylim(number - 0.5, -0.5)
        ax.set_yticks([])

    def label(self, names: Sequence[str]) -> list[str]:
        """Shorten names such that they stay apart."""
        return distinguish([legible(name) for name in names], self.name_columns * self.lines - 2)

    @property
    def inner(self) -> float:
        """How wide the axes will be, about, in points."""
        letters = self.name_columns + self.word_columns
        width = float(self.ax.get_figure().get_figwidth())
        return max(width * 72 - letters * self.size * _COLUMN - 20, 60.0)

    def write(
        self,
        y: float,
        name: str,
        words: str | Sequence[str],
        *,
        color: str = INK,
        weight: str = "normal",
        room: float = 1.0,
    ) -> None:
        """Write the name and the words of a row; words in parts have a line each where there is room.

        A long name loses its middle. Words, which hold numbers, rather become smaller. `room` is how many rows high the
        row is.
        """
        parts = [legible(words)] if isinstance(words, str) else [legible(part) for part in words]
        if len(parts) > self.lines:
            parts = [" ".join(parts)]
        said, size = self._fit(parts, self.pitch * room)
        self._put(y, 0, wrap(legible(name), self.name_columns, self.lines).splitlines(), self.size, color, weight)
        self._put(y, 1, said, size, color, weight)

    def _fit(self, parts: Sequence[str], height: float) -> tuple[list[str], float]:
        said = [line for part in parts for line in break_all(part, self.word_columns)]
        if len(said) <= max(self.lines, int(height / (_LEADING * self.size))):
            return said, self.size
        text, size = " ".join(parts), self.size
        for share in _SMALLER:
            size = share * self.size
            said = break_all(text, int(self.word_columns / share))
            if len(said) <= height / (_LEADING * size):
                return said, size
        return wrap(text, int(self.word_columns / _SMALLER[-1]), self.lines).splitlines(), size

    def _put(self, y: float, x: int, lines: Sequence[str], size: float, color: str, weight: str) -> None:
        for at, line in enumerate(lines):
            # Each line by itself, so that whoever draws it in another font aligns it in the same way.
            down = (at - (len(lines) - 1) / 2) * _LEADING * size
            self.ax.annotate(
                line, (x, y), xycoords=self.ax.get_yaxis_transform(), xytext=(16 * x - 8, -down),
                textcoords="offset points", ha="left" if x else "right", va="center_baseline",
                fontsize=size, color=color, fontweight=weight, annotation_clip=False,
            )  # fmt: skip


def remark(ax: Axes, lines: Sequence[str], *, own: bool) -> None:
    """Write remarks at the foot of a figure of our own, else under the label of the axis."""
    if not lines:
        return
    size = TEXT_SIZE - 0.5
    columns = int(ax.get_figure().get_figwidth() * 72 / (size * _WIDE))
    # A line that begins with a name in Arabic is still read from left to right.
    said = "\n".join(_LEFT_TO_RIGHT * (not line.isascii()) + wrap(legible(line), columns, 4) for line in lines)
    if own:
        ax.get_figure().supxlabel(said, x=0.01, ha="left", fontsize=size, color=GREY)
    else:
        label = ax.get_xlabel()
        ax.set_xlabel(f"{label}\n{said}" if label else said)
