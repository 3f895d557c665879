# SPDX-License-Identifier: MIT
"""Made-up rows of other formats, and what every reader owes to bad ones."""

from __future__ import annotations

import io
import warnings

from hypothesis import strategies as st

from reconcile import ReconcileError

UCDP = (
    "id,type_of_violence,code_status,side_a,side_b,source_article,source_office,source_original,where_prec,"
    "where_coordinates,adm_1,country,date_start,date_end,deaths_a,deaths_b,deaths_civilians,deaths_unknown,best,high,low\n"
    '1,1,Clear,Government of Utopia,Rebels,"Daily 2/1-31; Weekly",Daily,colonel,2,Hillton town,Hills,Utopia,'
    "2031-01-02T00:00:00,2031-01-02T00:00:00,2,3,0,0,5,5,5\n"
    "2,3,Check,Rebels,Civilians,Daily 9/1-31,,,1,Valley town,Valley,Utopia,2031-01-05,2031-01-11,0,0,4,2,6,11,6\n"
    "3,1,Clear,Government of Utopia,Rebels,,,,6,Utopia,,Utopia,2031-02-01,2031-02-28,0,0,0,0,0,20,0\n"
)
ACLED = (
    "event_id_cnty,event_date,year,time_precision,event_type,sub_event_type,actor1,actor2,location,admin1,country,source,"
    "source_scale,notes,fatalities,timestamp\n"
    "UTO1,05 January 2031,2031,1,Battles,Armed clash,Army of Utopia,Rebels,Hillton,Hills,Utopia,Daily; Weekly,National,"
    '"On 5 January, the army clashed with rebels.",3,1925000000\n'
    "UTO2,2031-02-10,2031,2,Violence against civilians,Attack,Rebels,Civilians,Valley,Valley,Utopia,Weekly,Other,,0,\n"
    "UTO3,15/03/2031,2031,3,Riots,Mob violence,Rioters,,Valley,Valley,Utopia,,,,12,\n"
)
INCIDENTS = (
    "page,incident_code,date,location,civ_killed,civ_injured,grading,belligerent,killed_min,killed_max,injured_min,"
    "injured_max\n"
    'utp1,UTP1,"March 3, 2031","Hillton, Utopia",3 \u2013 7,12,Fair,Army of Utopia,3,7,12,12\n'
    'utp2,UTP2,"March 9\u201310, 2031",Valley,Unknown,4,Contested,Rebels,,,4,4\n'
    'utp3,UTP3,"April 30 - May 1, 2031",Valley,Unknown,,Weak,,,,,\n'
)
ATTRIBUTED = (
    "event,incident,source,quantity,form,low,high\n"
    "utp1/killed,utp1,Daily,killed,exact,5,5\n"
    "utp1/killed,utp1,Weekly,killed,at_least,4,\n"
    "utp1/injured,UTP1,Daily,injured,vague,24,\n"
    "utp2/injured,utp2,Daily,injured,at_most,,9\n"
    "utp2/injured,utp2,Weekly,injured,range,2,6\n"
    "utp2/injured,utp2,Monthly,injured,about,5,5\n"
)
RADFORD = (
    '"days","loss_count","loss_type","claim_source","time_frame","loss_country","minimum","maximum","category",'
    '"source_target"\n'
    '1,10,"","UA Source","Day","Ukraine",0,0,"Civilian Deaths",""\n'
    '10,1e+05,"","RU Source","Cumulative","Ukraine",1,0,"Military Deaths",""\n'
    '20,300,"","Other","Cumulative","Russia",0,1,"Military Casualties",""\n'
    '20,40,"","UA Source","Cumulative","Russia",0,0,"Tanks",""\n'
    '30,70,"","United Nations","Cumulative","Ukraine",0,0,"Civilian Injuries",""\n'
)
SHEETS = {"ucdp": UCDP, "acled": ACLED, "airwars": INCIDENTS, "radford": RADFORD}

HOSTILE = [
    "<script>alert(1)</script>",
    "=1+2",
    "@SUM(A1)",
    "../../etc/passwd",
    "\u202egpj.exe",
    "-1",
    "1e999",
    "9" * 5_000,
    "nan",
    "\0",
    "\ud800",
    "x" * 100_000,
    "a;b|c=d",
    "",
]


def quietly(read, *args, **options):
    """Read without the warnings, which other tests are about."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return read(*args, **options)


def read_or_refuse(read, *args, **options):
    """Give what was read, or the message of the refusal; anything but a ReconcileError goes through."""
    try:
        return quietly(read, *args, **options)
    except ReconcileError as error:
        return str(error)


def spoil(text, column, cell, row=1):
    """Put a cell into one row of a sheet, whatever was there."""
    import csv

    lines = list(csv.reader(io.StringIO(text)))
    lines[row][lines[0].index(column)] = cell
    out = io.StringIO()
    csv.writer(out).writerows(lines)
    return out.getvalue()


SPOILT_CELLS = st.sampled_from(HOSTILE) | st.text(max_size=12) | st.integers(-5, 10**13).map(str)
