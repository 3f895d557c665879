# SPDX-License-Identifier: MIT
"""The page itself: one file of HTML that needs nothing else, runs nothing and asks nobody."""

from __future__ import annotations

import datetime
import functools
import os
from pathlib import Path
from typing import Any

from reconcile.errors import MissingDependency
from reconcile.plots.lettering import legible
from reconcile.plumbing import check, count_of, to_moment
from reconcile.posterior import Posterior

__all__ = ["render", "require", "write"]

MOST = 24


def require() -> None:
    """Raise `MissingDependency` unless the packages that a report needs are installed."""
    for package in ("jinja2", "matplotlib"):
        try:
            __import__(package)
        except ModuleNotFoundError as missing:
            raise MissingDependency(package, "a report", "'reconcile-claims[report]'") from missing


def render(
    posterior: Posterior,
    *,
    title: str | None = None,
    level: float = 0.9,
    most: int = MOST,
    histories: bool = False,
    command: str = "",
    dated: datetime.date | str | None = None,
) -> str:
    """Write a report as one page of HTML, with pictures as SVG inside it.

    The page holds no script and asks nobody for anything. Whatever came from claims is escaped, control and direction
    signs are made visible, and only addresses that begin with http or https become links. The same posterior gives the
    same bytes.

    Parameters
    ----------
    posterior : Posterior
    title : str, keyword, optional
        Default says which events it is about.
    level : float, keyword
        Probability of the intervals.
    most : int, keyword
        Counts of which a picture and an explanation are given, at most: those with the most claims. Every count is in
        the table, every claim in the list; the page says how many counts have no picture.
    histories : bool, keyword
        Draw too how the estimates moved as claims came in; it takes an estimate for each day.
    command : str, keyword
        The command that makes the page again.
    dated : date or ISO text, keyword, optional
        The day to print on the page; by default none.

    Returns
    -------
    str

    Raises
    ------
    MissingDependency
        If Jinja or matplotlib is not installed.

    Examples
    --------
    >>> import reconcile as rc
    >>> claims = [rc.Claim(rc.Event("market").killed(), rc.Exactly(5), rc.Source("ministry"))]
    >>> page = render(rc.estimate(claims), title="The market")
    >>> "<h1><bdi>The market</bdi></h1>" in page
    True
    """
    require()
    check(0 < level < 1, "render(level)", level, "a probability between 0 and 1, such as 0.9")
    check(most >= 0, "render(most)", most, "a whole number from 0")
    day = to_moment("render(dated)")(dated)
    from reconcile.report.contents import gather

    contents = gather(
        posterior, title=title, level=level, most=most, histories=histories, command=command,
        dated="" if day is None else day.isoformat(),
    )  # fmt: skip
    page: str = _template().render(page=contents, style=_trusted(_read("page.css")), trusted=_trusted)
    return page


def write(
    posterior: Posterior,
    path: str | os.PathLike[str],
    *,
    title: str | None = None,
    level: float = 0.9,
    most: int = MOST,
    histories: bool = False,
    command: str = "",
    dated: datetime.date | str | None = None,
) -> None:
    """Write a report to a file; see `render`.

    Parameters
    ----------
    posterior : Posterior
    path : str or path-like
    title, level, most, histories, command, dated
        As for `render`.

    Examples
    --------
    >>> import reconcile as rc
    >>> claims = [rc.Claim(rc.Event("market").killed(), rc.Exactly(5), rc.Source("ministry"))]
    >>> write(rc.estimate(claims), "market.html")  # doctest: +SKIP
    """
    page = render(
        posterior, title=title, level=level, most=most, histories=histories, command=command, dated=dated
    )  # fmt: skip
    Path(path).write_text(page, encoding="utf-8", newline="\n")


@functools.cache
def _template() -> Any:
    from jinja2 import Environment, StrictUndefined

    from reconcile.report.contents import link_of

    environment = Environment(
        autoescape=True, undefined=StrictUndefined, finalize=_finalize, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters["link"] = link_of
    environment.filters["counted"] = lambda n: f"{n:,}"
    environment.filters["count_of"] = count_of
    return environment.from_string(_read("page.html"))


def _read(name: str) -> str:
    return Path(__file__).with_name(name).read_text(encoding="utf-8")


def _trusted(text: str) -> Any:
    """Mark what we wrote ourselves, so that it is not escaped."""
    from markupsafe import Markup

    return Markup(text)  # noqa: S704  our own style, and figures whose texts the writer of XML has escaped


def _finalize(thing: Any) -> Any:
    """Make every text fit to be shown, before it is escaped."""
    return thing if hasattr(thing, "__html__") else legible(str(thing))
