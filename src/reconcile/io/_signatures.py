# SPDX-License-Identifier: MIT
"""How the formats that can be read are told apart: by columns that only they have."""

from __future__ import annotations

from collections.abc import Iterable

import attrs

from reconcile.io._cells import fold

__all__ = ["FORMATS", "Format", "fold_column", "hint", "recognise"]


@attrs.frozen
class Format:
    """A kind of table: what people call it, the columns that must be there, and those that are read where they are."""

    name: str
    title: str
    required: tuple[str, ...]
    optional: tuple[str, ...] = ()

    @property
    def columns(self) -> frozenset[str]:
        """All columns that are read."""
        return frozenset((*self.required, *self.optional))


_TABLE = Format("table", "claims table", ("event", "outcome", "group", "value", "source"))
# The first whose required columns are all there is the one.
FORMATS = {
    one.name: one
    for one in (
        _TABLE,
        Format(
            "ucdp",
            "UCDP GED table",
            ("id", "deaths_a", "deaths_b", "deaths_civilians", "deaths_unknown", "best", "high", "low"),
            (
                *("side_a", "side_b", "type_of_violence", "code_status", "source_article", "source_office"),
                *("source_headline", "source_original", "where_prec", "where_coordinates", "adm_1", "country"),
                *("date_start", "date_end"),
            ),
        ),
        Format(
            "acled",
            "ACLED export",
            ("event_id_cnty", "event_date", "fatalities"),
            (
                *("time_precision", "event_type", "sub_event_type", "actor1", "actor2", "source", "source_scale"),
                *("notes", "location", "admin1", "country", "timestamp"),
            ),
        ),
        Format(
            "airwars",
            "Airwars table of incidents",
            ("incident_code", "date", "killed_min", "killed_max", "injured_min", "injured_max"),
            ("page", "location", "civ_killed", "civ_injured", "grading", "belligerent"),
        ),
        Format(
            "airwars_claims",
            "Airwars table of attributed claims",
            ("incident", "source", "quantity", "form", "low", "high"),
        ),
        Format(
            "radford",
            "table of Radford et al.",
            ("days", "loss_count", "claim_source", "time_frame", "loss_country", "minimum", "maximum", "category"),
        ),
    )
}
_READERS = {"airwars_claims": "reconcile.io.airwars.read(incidents, claims)"}


def fold_column(name: str) -> str:
    """Write a column's name as formats spell it."""
    return fold(name).replace(" ", "_")


def recognise(header: Iterable[str]) -> Format | None:
    """Say which format has all its required columns in a header; None where none has."""
    found = frozenset(map(fold_column, header))
    return next((one for one in FORMATS.values() if found.issuperset(one.required)), None)


def hint(header: Iterable[str], *, but: str) -> str:
    """Say, for the end of an error, which other format the table looks like; empty where it looks like none."""
    found = recognise(header)
    if found is None or found.name == but:
        return ""
    reader = _READERS.get(found.name, f"reconcile.io.{found.name}.read")
    article = "an" if found.title[0] in "AEIOU" and not found.title.startswith("UCDP") else "a"
    return f"; this looks like {article} {found.title}: use {reader}"
