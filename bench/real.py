# SPDX-License-Identifier: MIT
"""Compare methods on real claims: against a later record, a known truth, or a source that is left out.

usage: real.py [--only NAME] [--limit EVENTS] [--halves] [--variational] [--skip-ours] [--shared FOLDER]

One function a data set. For each it prints a table of all methods; how far `reconcile` is from the best rule, with the
standard error of the difference; and coverage and error of `reconcile` by the number of sources and, where claims have
times, by the days from the event to the newest claim.

A source that is left out is no truth: `reconcile` answers for the true count, so its intervals are scored twice, as
they are, and widened to what another source like those heard would say ("as said": with the share of claims that equal
our median, and the spread of the others around it).

With `--halves` one more table has the scores on two halves of the events apart (`claims.half`, by a hash of their
names): what is fitted to the truths of one half is to be judged on the other. The estimates are of all claims either
way.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from claims import Claims, arguments, half, of_rows, ours, ours_one_by_one
from peers import available, crh, highest, last, lowest, majority, mean, median
from rising import KINDS
from scipy.special import ndtr
from scores import FLOOR, Answer, covered, print_table, probability, score, summarise, take

import reconcile as rc
from reconcile.columns import Moments
from reconcile.inference.rising import round_hours
from reconcile.model import CountPrior
from reconcile.times import hours_of

MANY = ("casualties", "killed", "killed_wounded", "wounded", "missing", "captured")
HORIZONS = {"6 h": 6, "24 h": 24, "72 h": 72, "7 d": 168}  # hours after the event
DAYS = {"before it": (-np.inf, 0), "under 1": (0, 1), "1-3": (1, 3), "3-7": (3, 7), "over 7": (7, np.inf)}
AS_SAID = "reconcile, as said"
FLAT = "reconcile, tolls that do not rise"


def event_name(quantity):
    return quantity.event.id


class Case(NamedTuple):
    """Claims, and for each of their quantities the true or left-out number (NaN where it is not known)."""

    name: str
    claims: Claims
    truth: np.ndarray
    options: dict[str, Any] = {}  # noqa: RUF012  # of `ours`
    left_out: bool = False  # whether the numbers are another source's, not the truth
    variants: dict[str, Callable[[], Answer]] = {}  # noqa: RUF012  # other uses of `reconcile`, and bounds
    compared: np.ndarray | None = None  # which quantities the methods are compared on; default all known
    days: np.ndarray | None = None  # from the event to the newest claim about each quantity
    halved_by: Callable[[rc.Quantity], str] = event_name  # quantities of the same name lie on the same half
    wrong_together: bool = False  # whether to print how often claims are wrong alone and together


def by_quantity(claims, names):
    """Line the named numbers up with the quantities, by event and outcome (and group)."""
    keys = [(q.event.id, q.outcome.name, str(q.group)) for q in claims.quantities]
    return np.array([names.get(key, np.nan) for key in keys], float)


def some(frame, limit, column="event"):
    """Keep the first so many events, for a quick look."""
    return frame if limit is None else frame[frame[column].isin(frame[column].unique()[:limit])]


def days_until_heard(claims, start):
    """Count the days from the start of each quantity's event, by its name, to the newest claim about it."""
    newest = pd.Series(claims.time).groupby(claims.event).max().to_numpy("datetime64[us]")
    begun = pd.to_datetime([start[quantity.event.id] for quantity in claims.quantities]).to_numpy("datetime64[us]")
    return (newest - begun) / np.timedelta64(1, "D")


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
    """What news sites wrote of US shootings, against the later record.

    Methods are compared on quantities with two claims or more; the table by number of sources has those with one, too.
    "exact claims" are those of peers.md, section 5, whose figures of points they give again (.071, .065). Days are
    from the date of the incident to that of the newest article; a few are of before it (another incident).
    """
    rows = pd.read_csv(data / "gva_news" / "claims.csv", dtype={"incident": str})
    truth = pd.read_csv(data / "gva_news" / "truth.csv", dtype={"incident": str}).dropna(subset="truth")
    rows = some(rows, limit, "incident")
    start = pd.to_datetime(truth.drop_duplicates("incident").set_index("incident")["date"], format="mixed")
    rows = rows.assign(
        event=rows["incident"], outcome=rows["quantity"], reported=rows["doc_date"], source_kind="media",
        start=rows["incident"].map(start.dt.date),
        value=rows["low"].fillna(rows["high"]), low=rows["low"].fillna(0),
        high=rows["high"].where(rows["form"] != "at_least").fillna(np.inf),
    )  # fmt: skip
    shot = rc.Outcome("shot", {"killed", "injured"})
    known = {(row.incident, row.quantity, "everyone"): row.truth for row in truth.itertuples()}
    found = []
    for name, kept in (("all claims", rows), ("exact claims", rows[rows["form"] == "exact"])):
        claims = of_rows(kept, [shot])
        variants = {
            "reconcile, each incident by itself": partial(ours_one_by_one, claims, [shot]),
            "reconcile, told of attacks whose tolls rise": partial(
                ours, of_rows(kept.assign(event_kind="attack"), [shot]), [shot]
            ),
        }
        case = Case(name, claims, by_quantity(claims, known), {"outcomes": [shot]}, variants=variants)
        several = np.bincount(claims.event) >= 2
        found.append(case._replace(compared=several, days=days_until_heard(claims, start), wrong_together=True))
    return found


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


def rising(data, limit):
    """Tolls that rose: what outlets had reported 6 h, 24 h, 72 h and 7 d after an event, against the final toll.

    Final tolls are those commonly given; events whose toll is disputed, or whose hazard went on for more than three
    days, are left out. At 6 h only events whose time of day is known. Half of the events were chosen because a report
    said that the toll was rising. A report without an outlet counts as a source of its own. `reconcile` is told the
    kind of each event, and when it began: to the minute, or only the day.
    """
    rows = rising_reports(data, limit)
    start = rows.groupby("event")["event_time"].first()
    final = {(event, "killed", "everyone"): n for event, n in zip(rows["event"], rows["final"], strict=True)}
    found = []
    for name, hours in HORIZONS.items():
        claims = of_rows(heard_until(rows, hours))
        variants = {
            "reconcile, each event by itself": partial(ours_one_by_one, claims),
            FLAT: partial(ours, claims, model=rc.Model(rising=None)),
        }
        days = days_until_heard(claims, start)
        found.append(Case(name, claims, by_quantity(claims, final), variants=variants, days=days))
    return found


def rising_reports(data, limit):
    """Read the reports of tolls that rose, with their claims: of events whose time is known a moment, else the day."""
    rows = pd.read_csv(data / "rising_tolls" / "claims.csv", parse_dates=["event_time", "report_time"])
    rows = some(rows[rows["final_flag"] == "k"], limit).drop(columns="kind").rename(columns={"group": "event_kind"})
    nameless = "unnamed outlet " + rows.index.astype(str)
    begun = rows["event_time"].dt.tz_localize("UTC").astype(object)
    return rows.assign(
        outcome="killed", source_kind="media", source=rows["source"].where(rows["source"] != "unknown", nameless),
        reported=rows["report_time"].dt.tz_localize("UTC"), form=rows["qualifier"],
        event_kind=rows["event_kind"].map(KINDS),
        start=begun.where(rows["event_precision"] == "hour", rows["event_time"].dt.date),
        low=rows["value"], high=rows["value"].where(rows["qualifier"] != "at_least", np.inf),
    )  # fmt: skip


def next_reports(data, limit):
    """Tolls that rose: what will be known by the time of the next report, against the figure of that report.

    The events of `rising`, from the reports of the first 6 h, 24 h and 72 h; the next report is the first exact figure
    after those hours (of several at once the highest). It is no truth but what an outlet said, so the intervals are
    scored as they are and "as said".
    """
    rows = rising_reports(data, limit)
    found = []
    for name, hours in list(HORIZONS.items())[:3]:
        claims = of_rows(heard_until(rows, hours))
        later = rows[(rows["lag_h"] > hours) & (rows["form"] == "exact")]
        later = later.sort_values(["lag_h", "value"], ascending=[True, False]).drop_duplicates("event")
        later = later.set_index("event")[["value", "reported"]]
        asked = {q: later.loc[q.event.id] for q in claims.quantities if q.event.id in later.index}
        truth = np.array([asked[q]["value"] if q in asked else np.nan for q in claims.quantities], float)
        moments = {quantity: of["reported"] for quantity, of in asked.items()}
        flat = {FLAT: partial(ours, claims, model=rc.Model(rising=None))}
        found.append(Case(f"after {name}", claims, truth, {"then": partial(known_then, moments)}, True, flat))
    return found


def known_then(moments, posterior):
    """Say what is known of each quantity at a moment of its own, all at once; others as in the end."""
    fit, quantities = posterior.corpus_fit, list(posterior.corpus.columns.quantities)
    count, hours = fit.corpus_problem.count, np.full(len(fit.corpus_problem.problem.claims.outcome), np.nan)
    code = {quantity: quantities.index(quantity) for quantity in moments}
    for quantity, moment in moments.items():
        hours[count[code[quantity]]] = hours_of(fit.columns, code[quantity], Moments.of([moment.to_pydatetime()]))
    found = fit.fit.known_then(round_hours(hours))
    return {quantity: found[int(count[code[quantity]])] for quantity in moments}


def heard_until(rows, hours):
    """Keep the reports of the first hours; where these are few, only of events whose time of day is known."""
    heard = rows[rows["lag_h"] <= hours]
    return heard if hours >= 24 else heard[heard["event_precision"] == "hour"]


def west_bank(data, limit):
    """Casualties in the West Bank since 7 October 2023: OCHA's flash figure against the one that it verified later.

    Of each date there are four cumulative figures (killed, injured, and the children among them), and each is taken
    for a quantity of its own, though it is nearly that of the day before: there is much less to learn from 710 of them
    than from 710 events, and standard errors are too small. So halves are parted by month. The source is "OCHA flash
    update" for the claim and "OCHA verified database" for the truth; with one claim, every rule gives that claim.
    """
    rows = pd.read_csv(data / "gaza_westbank" / "west_bank_claims.csv")
    rows = some(rows, limit, "date")
    verified = rows[rows["source"] == "OCHA verified database"].set_index("event")["value"]
    flash = rows[(rows["source"] == "OCHA flash update") & rows["event"].isin(verified.index)]
    children = flash["quantity"].str.contains("children")
    flash = flash.assign(
        outcome=flash["quantity"].str.partition("_")[0], group=np.where(children, "children", ""),
        low=flash["value"], high=flash["value"], source_kind="intergovernmental", reported=flash["date"],
        truth=flash["event"].map(verified), event="West Bank until " + flash["date"],
    )  # fmt: skip
    claims = of_rows(flash)
    return [Case("flash figures", claims, flash["truth"].to_numpy(float), halved_by=month_of)]


def month_of(quantity):
    """Name the month of a quantity of the West Bank, as 2023-10."""
    return quantity.event.id.removeprefix("West Bank until ")[:7]


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


def rules(case, options):
    """Name the methods that take one of the claims, or their middle, and those that need other packages if wanted."""
    if np.bincount(case.claims.event).max() == 1:
        return {"the one claim": median}
    peers = {"lowest claim": lowest, "mean of claims": mean, "median of claims": median, "CRH": crh}
    peers |= {"majority, lower of equals": majority}
    if case.claims.time is not None:
        peers |= {"last figure": last, "plain maximum": highest}
    if options.variational:
        peers |= available(["DerSimonian-Laird (PyMARE)", "NumPyro by hand, variational"])[0]
    return peers


def answers(case, options):
    """Run the methods one after the other: yield the name of each, and its answer or the error that it raised."""
    for method, solve in rules(case, options).items():
        yield method, solve(case.claims)
    if options.skip_ours:
        return
    for method, run in ({"reconcile": partial(ours, case.claims, **case.options)} | case.variants).items():
        print(f"{case.name}, {len(case.claims.value)} claims: {method}", file=sys.stderr)
        try:
            answer = run()
        except Exception as error:  # noqa: BLE001  # a failure is a result of this method, and the others go on
            yield method, error
            continue
        yield method, answer
        if case.left_out:
            yield f"{method}, as said", as_said(answer, case.claims)


def judge(answer, truth):
    """Score an answer, the plain distances from the truth included; shape (quantities,) each."""
    off = np.abs(answer.guess - truth)
    return score(answer, truth.astype(np.int64)) | {"off": off, "far off": off > 0.01 * truth}


def halves_of(case, known):
    """Say of each known quantity on which half of the events it lies."""
    return np.array([half(case.halved_by(case.claims.quantities[number])) for number in known])


def shown(name, method, scores, seconds):
    """Put the scores of one method in a row."""
    written = summarise(scores)
    off = scores["off"]
    return [
        name, method, len(off), written["error"], written["exact"], f"{scores['far off'].mean():.3f}",
        f"{off.mean():,.1f}", f"{np.sqrt(np.mean(off**2)):,.1f}",
        *(written[column] for column in ("50 %", "90 %", "95 %", "CRPS", "log score")), f"{seconds:.2f}",
    ]  # fmt: skip


def kinds_of_quantity(case):
    """Part the quantities by the number of their sources, and by the days until the newest claim: masks by name."""
    told = np.unique(np.stack([case.claims.event, case.claims.source]), axis=1)[0]
    number = np.bincount(told, minlength=case.claims.events)
    found = {("sources", str(n)): number == n for n in (1, 2, 3)} | {("sources", "4+"): number >= 4}
    if case.days is not None:
        found |= {("days", name): (case.days >= low) & (case.days < high) for name, (low, high) in DAYS.items()}
    return found


def shown_by_kind(case, method, scores, known):
    """Put coverage and error of one method by kind of quantity in rows; `known` numbers the quantities scored."""
    rows = []
    for (what, which), mask in kinds_of_quantity(case).items():
        part = take(scores, mask[known])
        if len(part["error"]):
            error = f"{part['error'].mean():.3f}"
            rows.append([case.name, method, what, which, len(part["error"]), error, covered(part, 0.9)])
    return rows


def shown_together(case, answer):
    """Put in rows how often exact claims are wrong alone and together, and how often our posterior says so.

    Of each source the last exact claim about a quantity counts, every pair of sources both ways round. The posterior,
    given all claims, is asked about the same claims: if it is calibrated, the two columns are alike.
    """
    claims = case.claims
    exact = (claims.low == claims.high) & np.isfinite(case.truth[claims.event])
    columns = {"event": claims.event, "source": claims.source, "value": claims.value.astype(int), "time": claims.time}
    said = pd.DataFrame(columns)[exact].sort_values(["time", "value"]).drop_duplicates(["event", "source"], keep="last")
    said["wrong"] = said["value"] != case.truth[said["event"]]
    said["doubt"] = [1 - probability(answer.cdfs[row.event], row.value) for row in said.itertuples()]

    pairs = said.merge(said, on="event", suffixes=("", "_2"))
    pairs = pairs[pairs["source"] != pairs["source_2"]]
    neither = pairs["doubt"] + pairs["doubt_2"] - 1  # that the truth is neither of two values, if they differ
    neither = neither.where(pairs["value"] != pairs["value_2"], pairs["doubt"])
    both_wrong = (pairs["wrong"] & pairs["wrong_2"]).sum()
    rows = [["one exact claim is wrong", len(said), said["wrong"].mean(), said["doubt"].mean()]]
    if pairs["wrong"].any():
        rows += [
            ["first of two sources is wrong", len(pairs), pairs["wrong"].mean(), pairs["doubt"].mean()],
            [
                "second is wrong if the first is", pairs["wrong"].sum(), both_wrong / pairs["wrong"].sum(),
                neither.sum() / pairs["doubt"].sum(),
            ],
        ]  # fmt: skip
    counted = said.groupby("event").agg(
        sources=("source", "size"), values=("value", "nunique"), wrong=("wrong", "first"), doubt=("doubt", "first")
    )
    agreed = counted[counted["values"] == 1]
    for name, mask in {"2": agreed["sources"] == 2, "3": agreed["sources"] == 3, "4+": agreed["sources"] >= 4}.items():
        if mask.any():
            right = 1 - agreed.loc[mask, ["wrong", "doubt"]].astype(float).mean()
            rows.append([f"right where {name} sources all agree", mask.sum(), right["wrong"], right["doubt"]])
    return [[case.name, what, number, f"{data:.2f}", f"{ours_:.2f}"] for what, number, data, ours_ in rows]


def shown_beside_best(case, errors):
    """Compare `reconcile` with the best of the rules, quantity by quantity, in a row; `errors` by method."""
    best = min((name for name in errors if name != "reconcile"), key=lambda name: errors[name].mean())
    more = errors["reconcile"] - errors[best]
    spread = more.std() / np.sqrt(len(more))
    return [case.name, best, f"{errors[best].mean():.3f}", f"{more.mean():+.3f} ± {spread:.3f}"]


def compare(cases, options):
    """Run all methods on the cases of one set, and print its tables."""
    rows, beside, by_half, by_kind, together = [], [], {}, [], []
    for case in cases:
        known = np.flatnonzero(np.isfinite(case.truth))
        if not len(known):
            print(f"{case.name}: nothing to score among so few events", file=sys.stderr)
            continue
        compared = np.ones(len(known), bool) if case.compared is None else case.compared[known]
        sides, errors = halves_of(case, known), {}
        for method, answer in answers(case, options):
            if isinstance(answer, Exception):
                rows.append([case.name, f"{method}: {type(answer).__name__}: {answer}", *[""] * 12])
                continue
            scores = judge(answer.of(known), case.truth[known])
            rows.append(shown(case.name, method, take(scores, compared), answer.seconds))
            for side in np.unique(sides[compared]):
                name, on_side = f"{case.name}, half {side}", take(scores, compared & (sides == side))
                by_half.setdefault(name, []).append(shown(name, method, on_side, answer.seconds))
            if method == "reconcile" or (answer.cdfs is None and method not in case.variants):
                errors[method] = scores["error"][compared]
            if method in ("reconcile", AS_SAID):
                by_kind += shown_by_kind(case, method, scores, known)
            if method == "reconcile" and case.wrong_together:
                together += shown_together(case, answer)
        if "reconcile" in errors:
            beside.append(shown_beside_best(case, errors))
    header = [
        "case", "method", "quantities", "error", "exact", "> 1 % off", "MAE", "RMSE", "50 %", "90 %", "95 %", "CRPS",
        "log score", "CPU s",
    ]  # fmt: skip
    print_table(header, rows)
    print(f"Log score: mean log of the probability of the truth, which counts as {FLOOR:g} where it is less.\n")
    if beside:
        print_table(["case", "best rule", "its error", "reconcile's error less that"], beside)
    if options.halves and by_half:
        print_table(header, [row for of_side in by_half.values() for row in of_side])
    if by_kind:
        print_table(["case", "method", "by", "", "quantities", "error", "90 %"], by_kind)
    if together:
        print_table(["case", "what", "of", "in the data", "by our posterior"], together)


SETS = {
    "shootings": shootings, "earthquakes": earthquakes, "civil_war": civil_war, "population": population,
    "dots": dots, "rising": rising, "next_reports": next_reports, "west_bank": west_bank,
}  # fmt: skip


def main():
    parser = arguments(__doc__.splitlines()[0])
    parser.add_argument("--limit", type=int, metavar="EVENTS", help="only so many events, for a quick look")
    parser.add_argument("--halves", action="store_true", help="also print each half of the events by itself")
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
