# SPDX-License-Identifier: MIT
"""Compare methods on real claims: against a later record, a known truth, or a source that is left out.

usage: real.py [--only NAME] [--limit EVENTS] [--variational] [--skip-ours] [--shared FOLDER]

One function a data set, one table each. A source that is left out is no truth: `reconcile` answers for the true count,
so its intervals are scored twice, as they are, and widened to what another source like those heard would say ("as
said": with the share of claims that equal our median, and the spread of the others around it).
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from claims import Claims, arguments, of_rows, ours
from peers import available, crh, lowest, majority, mean, median
from scipy.special import ndtr
from scores import Answer, print_table, score, summarise

import reconcile as rc
from reconcile.model import CountPrior

MANY = ("casualties", "killed", "killed_wounded", "wounded", "missing", "captured")


class Case(NamedTuple):
    """Claims, and for each of their quantities the true or left-out number (NaN where it is not to be scored)."""

    name: str
    claims: Claims
    truth: np.ndarray
    options: dict[str, Any] = {}  # noqa: RUF012  # of `ours`
    left_out: bool = False  # whether the numbers are another source's, not the truth
    variants: dict[str, Callable[[], Answer]] = {}  # noqa: RUF012  # other uses of `reconcile`, and bounds


def by_quantity(claims, names):
    """Line the named numbers up with the quantities, by event and outcome (and group)."""
    keys = [(q.event.id, q.outcome.name, str(q.group)) for q in claims.quantities]
    return np.array([names.get(key, np.nan) for key in keys], float)


def some(frame, limit, column="event"):
    """Keep the first so many events, for a quick look."""
    return frame if limit is None else frame[frame[column].isin(frame[column].unique()[:limit])]


# Data sets


def population(data, limit):
    """Wikipedia on how many live in a place: cleaned, two different numbers or more; truth: the census, public part.

    Cleaning, as far as it can be reconstructed: numbers from 1, within a factor of 1,000 of the median of their
    quantity, and then two different ones or more, but for the quantities with a public truth, which all stay: 3,647
    claims, to which those on the 139 quantities whose truths are not public would add some 500 (peers.md, section 3,
    has 4,183, and 277 truths). Quoted from there, on all 277 (MAE / RMSE / share more than 1 % off):
    CATD 1,524 / 8,318 / .224; majority 1,580 / 8,719 / .152; CRH 1,595 / 8,904 / .144;
    TruthFinder 1,742 / 8,893 / .166; ACCU 1,828 / 9,389 / .152.
    The public half is harder: compare with the rows of this run. A population is no count of casualties: it has a
    wide prior of its own.
    """
    rows = pd.read_csv(data / "population" / "claims.csv")
    truth = pd.read_csv(data / "population" / "truth_public.csv")
    rows = rows[rows["value"] >= 1]
    middle = rows.groupby("event")["value"].transform("median")
    rows = rows[np.abs(np.log(rows["value"] / middle)) < np.log(1_000)]
    first = rows["event"].isin(truth["event"])
    rows = rows[first | (rows.groupby("event")["value"].transform("nunique") >= 2)]
    rows = rows.sort_values("event", key=lambda event: ~event.isin(truth["event"]), kind="stable")
    rows = some(rows, limit).assign(low=lambda x: x["value"], high=lambda x: x["value"], outcome="population")
    outcome = rc.Outcome("population")
    claims = of_rows(rows, [outcome])
    known = {(event, "population", "everyone"): n for event, n in truth.itertuples(index=False)}
    prior = CountPrior(0.001, 8.0, 2.5, "places: from hamlets to cities of millions", 10.0, 4.0, 0.2)
    options = {"model": rc.Model(counts={"population": prior}), "outcomes": [outcome]}
    truth = by_quantity(claims, known)
    bound = {"majority, ties broken by the truth": partial(luckiest, claims, truth)}
    return [Case("population", claims, truth, options, variants=bound)]


def luckiest(claims, truth):
    """Choose the nearest to the truth of the numbers that are said most often: a bound for all who take one of them."""
    often = pd.Series(claims.value).groupby(claims.event).agg(lambda values: tuple(values.mode()))
    pairs = zip(often.reindex(range(claims.events)), truth, strict=True)
    return Answer(np.array([min(said, key=lambda n, true=true: abs(n - true)) for said, true in pairs]), None, 0.0)


def civil_war(data, limit):
    """Losses in the battles of the US Civil War, one historian left out: figures where two others or more are exact.

    The figures of peers.md, section 4 (356 quantities, median of claims .075, exact .42) seem to be of a historian who
    is not in the public part: it holds twelve, the other twelve, and none of these gives 356 quantities with such
    figures, whichever kinds of loss are taken and whether one, two, three or four other claims are asked for. Three
    careful ones stand in: Fox 1898 (from the rolls), Clodfelter 2008, and Kennedy 1998, whom others copy.
    """
    rows = pd.read_csv(data / "acw_battles" / "claims.csv")
    rows = rows[rows["quantity"].isin(MANY) & (rows["low"] <= rows["high"])]
    lost = rc.Outcome("losses", {"killed", "injured", "missing", "captured"})
    names = {"casualties": "losses", "wounded": "injured", "killed_wounded": "casualties"}
    rows = rows.assign(
        outcome=rows["quantity"].replace(names), group="party=" + rows["side"], event=rows["battle"],
        value=rows[["low", "high"]].mean(axis=1), reported=rows["pub_year"].astype(str) + "-07-01",
        source_kind="compiler",
    )  # fmt: skip
    rows = some(rows, limit)
    found = []
    key = ["event", "outcome", "group"]
    for historian in ("Fox1898", "Clodfelter2008", "Kennedy1998"):
        his = (rows["source"] == historian) & (rows["form"] == "exact")
        heard = rows[rows["source"] != historian]
        others = heard[heard["form"] == "exact"].groupby(key)["source"].nunique()
        wanted = rows[his].set_index(key)["low"].loc[lambda x, o=others: o.reindex(x.index).fillna(0).to_numpy() >= 2]
        left = {(event, outcome, group.removeprefix("party=")): n for (event, outcome, group), n in wanted.items()}
        claims = of_rows(heard, [lost])
        apart = heard.assign(event=heard["event"] + "/" + heard["outcome"])
        alone = of_rows(apart, [lost])
        variants = {"reconcile, each quantity by itself": partial(ours, alone, outcomes=[lost])}
        truth = by_quantity(claims, left)
        found.append(
            Case(f"without {historian}", claims, truth, {"outcomes": [lost]}, left_out=True, variants=variants)
        )
    return found


def shootings(data, limit):
    """What news sites wrote of US shootings, against the later record: quantities with two claims or more.

    "exact claims" are those of peers.md, section 5, whose figures of points they give again (.071, .065).
    """
    rows = pd.read_csv(data / "gva_news" / "claims.csv", dtype={"incident": str})
    truth = pd.read_csv(data / "gva_news" / "truth.csv", dtype={"incident": str}).dropna(subset="truth")
    rows = some(rows, limit, "incident")
    rows = rows.assign(
        event=rows["incident"], outcome=rows["quantity"], reported=rows["doc_date"], source_kind="media",
        value=rows["low"].fillna(rows["high"]), low=rows["low"].fillna(0),
        high=rows["high"].where(rows["form"] != "at_least").fillna(np.inf),
    )  # fmt: skip
    shot = rc.Outcome("shot", {"killed", "injured"})
    known = {(row.incident, row.quantity, "everyone"): row.truth for row in truth.itertuples()}
    found = []
    for name, kept in (("all claims", rows), ("exact claims", rows[rows["form"] == "exact"])):
        claims = of_rows(kept, [shot])
        scored = np.where(np.bincount(claims.event) >= 2, by_quantity(claims, known), np.nan)
        variants = {"reconcile, each incident by itself": partial(_one_by_one, kept, claims.quantities, [shot])}
        found.append(Case(name, claims, scored, {"outcomes": [shot]}, variants=variants))
    return found


def _one_by_one(rows, quantities, outcomes):
    """Estimate each event without the others: nothing can be learned of the sources."""
    guess, cdfs, seconds = {}, {}, 0.0
    for _, part in rows.groupby("event", sort=False):
        claims = of_rows(part, outcomes)
        answer = ours(claims, outcomes, learn=False)
        guess |= dict(zip(claims.quantities, answer.guess, strict=True))
        cdfs |= dict(zip(claims.quantities, answer.cdfs, strict=True))
        seconds += answer.seconds
    return Answer(np.array([guess[q] for q in quantities]), [cdfs[q] for q in quantities], seconds)


def earthquakes(data, limit):
    """Deaths in earthquakes, one catalogue left out; definitions differ, and catalogues copy each other."""
    rows = pd.read_csv(data / "quakes" / "claims.csv")
    rows = some(rows[rows["quantity"] == "killed"], limit).assign(outcome="killed", source_kind="compiler")
    high = rows["high"].fillna(np.inf)
    middle = np.where(np.isfinite(high), np.sqrt(rows["low"] * high), rows["low"])
    rows = rows.assign(high=high, value=np.where(rows["form"] == "exact", rows["low"], np.round(middle)))
    found = []
    for catalogue in ("NOAA_NCEI", "Utsu", "EM-DAT", "USGS_PDE"):
        heard = rows[rows["source"] != catalogue]
        theirs = rows[(rows["source"] == catalogue) & (rows["form"] == "exact")]
        claims = of_rows(heard)
        left = {(event, "killed", "everyone"): n for event, n in zip(theirs["event"], theirs["low"], strict=True)}
        found.append(Case(f"without {catalogue}", claims, by_quantity(claims, left), left_out=True))
    return found


def dots(data, limit):
    """Count dots in an image: the first guess of each worker; the truth is known."""
    rows = pd.read_csv(data / "dots_guesses" / "claims.csv")
    rows = rows[rows["elicitation"].str.endswith("#1")].drop_duplicates(["event", "source"])
    rows = some(rows, limit).assign(outcome="dots", value=lambda x: x["low"], source_kind="witness")
    truth = pd.read_csv(data / "dots_guesses" / "truth.csv")
    outcome = rc.Outcome("dots")
    claims = of_rows(rows, [outcome])
    known = {(event, "dots", "everyone"): n for event, n in truth.itertuples(index=False)}
    return [Case("dots", claims, by_quantity(claims, known), {"outcomes": [outcome]})]


# Running them


def as_said(answer, claims):
    """Widen an answer to what another source would say: our own rule, from how the claims lie around our medians."""
    exact = claims.low == claims.high
    off = np.log((claims.value[exact] + 0.5) / (answer.guess[claims.event[exact]] + 0.5))
    same, apart = np.mean(off == 0), max(np.median(np.abs(off[off != 0])) / 0.6745, 1e-3) if np.any(off) else 1e-3

    def widen(cdf, guess):
        edge = np.unique(np.round(np.concatenate([[-1], np.geomspace(0.05, 20, 400) * (guess + 0.5)])))
        mass, middle = np.diff(cdf(edge)), np.log((edge[:-1] + 1 + edge[1:]) / 2 + 0.5)

        def said(n):
            n = np.asarray(n, float)
            noisy = ndtr((np.log(np.maximum(n, -1 + 1e-9) + 1)[..., None] - middle) / apart) @ mass / mass.sum()
            return np.where(n < 0, 0.0, same * np.asarray(cdf(n)) + (1 - same) * noisy)

        return said

    return Answer(answer.guess, [widen(*pair) for pair in zip(answer.cdfs, answer.guess, strict=True)], answer.seconds)


def shown(name, method, answer, case):
    """Score one method on one case, as a row."""
    at = np.flatnonzero(np.isfinite(case.truth))
    truth = case.truth[at].astype(np.int64)
    kept = Answer(answer.guess[at], None if answer.cdfs is None else [answer.cdfs[i] for i in at], answer.seconds)
    scores = summarise(score(kept, truth))
    off = np.abs(kept.guess - truth)
    scores |= {
        "MAE": f"{off.mean():,.1f}", "RMSE": f"{np.sqrt(np.mean(off**2)):,.1f}",
        "> 1 % off": f"{np.mean(off > 0.01 * truth):.3f}",
    }  # fmt: skip
    columns = ("error", "exact", "> 1 % off", "MAE", "RMSE", "50 %", "90 %", "95 %", "CRPS")
    return [name, method, len(at), *(scores[column] for column in columns), f"{answer.seconds:.2f}"]


def compare(cases, options):
    rows = []
    for case in cases:
        if not np.isfinite(case.truth).any():
            print(f"{case.name}: nothing to score among so few events", file=sys.stderr)
            continue
        peers = {"lowest claim": lowest, "mean of claims": mean, "median of claims": median, "CRH": crh}
        peers |= {"majority, lower of equals": majority}
        if options.variational:
            peers |= available(["DerSimonian-Laird (PyMARE)", "NumPyro by hand, variational"])[0]
        for method, solve in peers.items():
            rows.append(shown(case.name, method, solve(case.claims), case))
        if options.skip_ours:
            continue
        runs = {"reconcile": partial(ours, case.claims, **case.options)} | case.variants
        for method, run in runs.items():
            print(f"{case.name}, {len(case.claims.value)} claims: {method}", file=sys.stderr)
            try:
                answer = run()
            except Exception as error:  # noqa: BLE001  # a failure is a result of this method, and the others go on
                rows.append([case.name, f"{method}: {type(error).__name__}: {error}", *[""] * 11])
                continue
            rows.append(shown(case.name, method, answer, case))
            if case.left_out:
                rows.append(shown(case.name, f"{method}, as said", as_said(answer, case.claims), case))
    header = ["case", "method", "quantities", "error", "exact", "> 1 % off", "MAE", "RMSE", "50 %", "90 %", "95 %"]
    print_table([*header, "CRPS", "seconds"], rows)


SETS = {
    "population": population, "civil_war": civil_war, "shootings": shootings, "earthquakes": earthquakes, "dots": dots,
}  # fmt: skip


def main():
    parser = arguments(__doc__.splitlines()[0])
    parser.add_argument("--limit", type=int, metavar="EVENTS", help="only so many events, for a quick look")
    parser.add_argument("--variational", action="store_true", help="also the peers that give intervals")
    parser.add_argument("--skip-ours", action="store_true", help="only the other methods")
    options = parser.parse_args()
    if unknown := set(options.only or ()) - SETS.keys():
        parser.error(f"--only {', '.join(unknown)}: the data sets are {', '.join(SETS)}")
    for name in options.only or SETS:
        load = SETS[name]
        print(f"\n## {name}\n\n{inspect.cleandoc(load.__doc__)}\n", flush=True)
        try:
            cases = load(options.shared / "data", options.limit)
        except FileNotFoundError as missing:
            print(f"skipped: no {missing.filename}: name the folder with --shared")
            continue
        compare(cases, options)


if __name__ == "__main__":
    main()
