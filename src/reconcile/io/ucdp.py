# SPDX-License-Identifier: MIT
"""The Georeferenced Event Dataset of the Uppsala Conflict Data Program (UCDP GED): one row, one claim by UCDP.

The data are UCDP's, under CC BY 4.0; name UCDP GED and its version where you publish. Nothing of them is in this
package. Columns are as in version 23.1; those of other versions are read as long as the names are the same.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from reconcile.claims import Citation, Claim, Corpus
from reconcile.io._cells import cut, to_text
from reconcile.io._foreign import Fault, LeftOut, Reading, Row, finish, go_through, open_sheet
from reconcile.values import AtLeast, Between, Exactly, Value
from reconcile.vocabulary import Event, Group, Source

__all__ = ["SOURCE", "read"]

SOURCE = Source("UCDP", kind="compiler")
_ONE_SIDED = 3  # type_of_violence
_FIGHTERS = {"military", "militant"}


def read(source: Any, *, parts: bool = False, strict: bool = False, encoding: str | None = None) -> Corpus:
    r"""Read a table of UCDP GED events.

    Low, best and high are one compiler's reading of the same reports, so a row is *one* claim by UCDP on the number
    killed: the number where the three agree, else `Between` low and high. An event of UCDP has at least one death in
    one of the three (UCDP Methodology, after Sundberg and Melander 2013): best 0 beside a high of 20 says that deaths
    were reported and are in doubt, and is read as 0 to 20; where all three are 0 no death was reported, and the row
    makes no claim. The citation holds the reports that UCDP
    names (``source_article``, ``source_office``), and as its quote all of UCDP's figures. Events last from
    ``date_start`` to ``date_end``, so how precisely the day is known shows in their length. One-sided violence has
    side A as its perpetrator. A row whose ``code_status`` is not "Clear" is hedged.

    Parameters
    ----------
    source : path, file or dataframe
    parts : bool, keyword
        Also make claims of the deaths of side A, side B and civilians. They are exact where nobody is unknown and low,
        best and high agree, else at least as many, as any of the unknown may belong to them; parts of which that
        says nothing ("at least 0"), and those of a row with low under best, make no claim. Nor does a part of which no
        death is recorded: nobody need have said that a side had no losses, and that the other parts add up to the total
        says it where it is so. In the names of sides, the signs | ; = become /, as groups do not allow them.
    strict : bool, keyword
        Raise if any row cannot be read.
    encoding : str, keyword, optional
        As in `reconcile.io.table.read`.

    Returns
    -------
    Corpus
        Every row that is not blank is one claim (with its parts, if asked for), one rejected row, or is left out as no
        death was reported.

    Raises
    ------
    UnreadableTable
        If it is no such table.
    RejectedRows
        If `strict` and a row cannot be read.

    Warns
    -----
    ClaimsWarning
        Where low, best and high are out of order: their smallest and largest are then read; and with the number of rows
        that were left out.

    Examples
    --------
    >>> import io
    >>> row = "id,deaths_a,deaths_b,deaths_civilians,deaths_unknown,best,high,low\n17,0,3,1,0,4,9,4"
    >>> print(read(io.StringIO(row)).claims[0])
    UCDP: 4 to 9 killed, ucdp-17
    """
    reading = Reading()
    sheet = open_sheet(source, "ucdp", encoding, reading.notes)
    lines: dict[str, int] = {}
    unordered: list[int] = []
    go_through(sheet, lambda row: _make(row, lines, unordered, parts=parts), reading)
    if unordered:
        shown = ", ".join(map(str, unordered[:10])) + (", ..." if len(unordered) > 10 else "")
        what = "low, best and high are out of order, and their smallest and largest were read"
        reading.notes.append(f"{sheet.where}: {what}, on {len(unordered)} lines: {shown}")
    return finish(reading, sheet.where, strict=strict)


def _make(row: Row, lines: dict[str, int], unordered: list[int], *, parts: bool) -> Iterator[Claim]:
    name = f"ucdp-{row.must('id')}"
    if name in lines:
        raise Fault("id", f"line {lines[name]} has this event already")
    low, best, high = (row.count(column) for column in ("low", "best", "high"))
    dead = {column: row.count(f"deaths_{column}") for column in ("a", "b", "civilians", "unknown")}
    if sum(dead.values()) != best:
        raise Fault("best", f"the four parts add up to {sum(dead.values()):,}, and best is {best:,}")
    event = _event(row, name)
    citation = _cite(row, f"low {low}, best {best}, high {high}; " + ", ".join(f"{k} {n}" for k, n in dead.items()))
    hedged = (row.name("code_status") or "Clear").casefold() != "clear"

    def claim(group: Group, value: Value) -> Claim:
        return Claim(event.killed(group), value, SOURCE, hedged=hedged, citation=citation)

    least, most = min(low, best, high), max(low, best, high)
    total = claim(Group(), Exactly(best) if least == most else Between(least, most))
    several = list(_parts(row, dead, exact=least == most, sure=least == best)) if parts else []
    made = [claim(group, value) for group, value in several]
    lines[name] = row.line
    if (low, best, high) != tuple(sorted((low, best, high))):
        unordered.append(row.line)
    if not most:
        raise LeftOut("low, best and high are all 0: no death was reported")
    yield total
    yield from made


def _event(row: Row, name: str) -> Event:
    where = row.name("where_coordinates")
    if where and row.name("where_prec") == "2":
        where = f"near {where}"
    places = dict.fromkeys(place for place in (where, row.name("adm_1"), row.name("country")) if place)
    one_sided = row.name("type_of_violence") == str(_ONE_SIDED)
    attacker = row.name("side_a") if one_sided else None
    return Event(
        name,
        place=cut(", ".join(places)) or None,
        start=row.day("date_start"),
        end=row.day("date_end"),
        perpetrators={attacker} if attacker else (),
    )


def _cite(row: Row, figures: str) -> Citation:
    reports = row.get("source_article", to_text) or row.get("source_headline", to_text)
    who = row.get("source_original", to_text)
    office = row.get("source_office", to_text)
    quote = f"{figures}; according to {who}" if who else figures
    return Citation(
        title=cut(" ".join(reports.split())) if reports else None,
        publisher=cut(" ".join(office.split())) if office else None,
        quote=cut(" ".join(quote.split())),
    )


def _parts(row: Row, dead: dict[str, int], *, exact: bool, sure: bool) -> Iterator[tuple[Group, Value]]:
    groups = {"civilians": Group(status="civilian")}
    for side in ("a", "b"):
        party = row.name(f"side_{side}")
        fights = side == "a" or row.name("type_of_violence") != str(_ONE_SIDED)  # side B is then "Civilians"
        if party and fights:
            for sign in "|;=":
                party = party.replace(sign, "/")
            groups[side] = Group(party=party, status=_FIGHTERS)
    for part, group in groups.items():
        number = dead[part]
        if number and exact and not dead["unknown"]:
            yield group, Exactly(number)
        elif number and sure:
            yield group, AtLeast(number)
