# SPDX-License-Identifier: MIT
"""Fit what could be known of a count jointly with the exactness of sources, where a later record of the truth exists.

usage: known.py [--shared FOLDER]

News of US shootings: exact claims of up to 200 people, against later records of one at least. Fitted on one half of
the incidents, judged on the other, and the other way round: the log score of a claim given the record and those before
it, and how often a second site is wrong if the first is. "Independent" is the same without the layer. `KnownCount`
quotes what both halves give, and what each is worth on the other.
"""

from __future__ import annotations

import argparse
import hashlib
from collections import defaultdict
from pathlib import Path

import numpy as np
import pandas as pd
from claims import SHARED
from scipy.optimize import minimize
from scores import print_table

from reconcile.channels import Denial
from reconcile.inference.known import chance_on_lattice
from reconcile.model import SOURCE_PRIORS, KnownCount
from reconcile.vocabulary import Relation

MOST = 200  # people, of claims and records that are looked at
COUNTS = np.arange(MOST + 1)
CHANNEL = Denial()
DENIAL = SOURCE_PRIORS["denial", Relation.THIRD].mean
# Where the search begins, and how far the numbers may go from there: standard deviations, wide.
NAMES = ("fidelity", "slope", "log_spread", "gross", "exact (logit)", "log spread (shared)", "zero (logit)")
START = np.array([2.0, 0.8, -1.4, -4.0, 2.0, -1.0, -3.0])
DOUBT = np.array([2.0, 1.0, 1.0, 2.0, 1.5, 1.0, 1.5])


def half_of(incident: str) -> int:
    """Which half an incident belongs to, by its name."""
    return hashlib.sha256(incident.encode()).digest()[0] % 2


def shootings(folder: Path) -> tuple[list[tuple[np.ndarray, int]], list[tuple[np.ndarray, int]]]:
    """Read both halves: for each quantity its exact claims, one a site, and the record."""
    claims = pd.read_csv(folder / "gva_news" / "claims.csv", dtype={"incident": str})
    truth = pd.read_csv(folder / "gva_news" / "truth.csv", dtype={"incident": str}).dropna(subset="truth")
    claims = claims[(claims["form"] == "exact") & (claims["low"] <= MOST)].drop_duplicates(["event", "source", "low"])
    record = {row.event: int(row.truth) for row in truth.itertuples() if 1 <= row.truth <= MOST}
    halves: defaultdict[int, list[tuple[np.ndarray, int]]] = defaultdict(list)
    for (incident, event), rows in claims.groupby(["incident", "event"]):
        if event in record:
            halves[half_of(incident)].append((rows["low"].to_numpy(int), record[event]))
    return halves[0], halves[1]


def figures(numbers: np.ndarray) -> np.ndarray:
    """P(figure | known count), a usual source; shape (known counts, figures)."""
    names = ("fidelity", "slope", "log_spread", "gross")
    theta = {name: np.full((1, 1, 1), x) for name, x in zip(names, numbers, strict=False)}
    theta |= {"bias": np.zeros((1, 1, 1)), "denial": np.full((1, 1, 1), DENIAL)}
    edges = COUNTS[:, None].astype(float)
    return np.maximum(CHANNEL.mass(edges, edges, COUNTS.astype(float), theta)[0].T, 1e-12)


def layer(numbers: np.ndarray) -> np.ndarray:
    """P(known count | record); shape (records, known counts)."""
    exact, zero = 1 / (1 + np.exp(-numbers[[4, 6]]))
    return chance_on_lattice(KnownCount(float(exact), float(np.exp(numbers[5])), float(zero)), COUNTS, COUNTS + 1)


def log_scores(data, numbers: np.ndarray, known: np.ndarray) -> np.ndarray:
    """Log probability of the claims about each quantity, given its record."""
    said = figures(numbers)
    return np.log([known[truth] @ np.prod(said[:, claims], axis=1) for claims, truth in data])


def fit(data, *, shared: bool) -> np.ndarray:
    """Find the numbers, those of the layer held where nothing is shared."""
    free = np.arange(len(START) if shared else 4)

    def target(moved: np.ndarray) -> float:
        numbers = START.copy()
        numbers[free] = moved
        known = layer(numbers) if shared else np.eye(MOST + 1)
        return -log_scores(data, numbers, known).sum() + 0.5 * np.sum(((numbers - START) / DOUBT) ** 2)

    found = START.copy()
    found[free] = minimize(target, START[free], method="L-BFGS-B", options={"maxiter": 60}).x
    return found


def wrong(data) -> tuple[float, float]:
    """How often a claim is wrong, and a second one if the first is, over all pairs."""
    off = [np.asarray(claims) != truth for claims, truth in data]
    pairs = [(a, b) for one in off for i, a in enumerate(one) for j, b in enumerate(one) if i != j]
    return float(np.mean(np.concatenate(off))), float(np.mean([b for a, b in pairs if a]))


def expected(data, numbers: np.ndarray, known: np.ndarray) -> tuple[float, float]:
    """The same by the fit, for the records of the claims of `data`."""
    right = figures(numbers)[:, COUNTS].T  # figure, known count
    one, both, singles = 0.0, 0.0, 0.0
    number = claims = 0
    for said, truth in data:
        off = 1 - right[truth]
        claims += len(said)
        singles += len(said) * float(known[truth] @ off)
        pairs = len(said) * (len(said) - 1)
        number += pairs
        one += pairs * float(known[truth] @ off)
        both += pairs * float(known[truth] @ off**2)
    return singles / claims, both / one


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--shared", type=Path, default=SHARED, help="folder of data (default %(default)s)")
    halves = shootings(parser.parse_args().shared / "data")
    numbers, judged = [], []
    for mine, name in enumerate(("first", "second")):
        for shared in (False, True):
            label = "shared error" if shared else "independent"
            found = fit(halves[mine], shared=shared)
            known = layer(found) if shared else np.eye(MOST + 1)
            of_layer = [*1 / (1 + np.exp(-found[[4, 6]])), np.exp(found[5])] if shared else ["-"] * 3
            fidelity, slope, log_spread, gross = found[:4]
            cells = [fidelity, slope, np.exp(log_spread), 1 / (1 + np.exp(-gross)), *of_layer]
            numbers.append([name, label, *(x if isinstance(x, str) else f"{x:.3f}" for x in cells)])
            for other, where in ((mine, "fitted"), (1 - mine, "other")):
                score = log_scores(halves[other], found, known)
                claims = sum(len(said) for said, _ in halves[other])
                several = [k for k, (said, _) in enumerate(halves[other]) if len(said) > 1]
                shares = [*wrong(halves[other]), *expected(halves[other], found, known)]
                of_several = score[several].sum() / sum(len(halves[other][k][0]) for k in several)
                scores = [f"{x:.3f}" for x in (score.sum() / claims, of_several, *shares)]
                judged.append([name, label, where, claims, *scores])
    header = ["half", "model", "fidelity", "slope", "spread", "gross", "exact", "zero", "shared spread"]
    print_table(header, numbers)
    header = ["fitted on", "model", "judged on", "claims", "log score", "of several", "wrong", "2nd if 1st"]
    print_table([*header, "wrong, fitted", "2nd if 1st, fitted"], judged)


if __name__ == "__main__":
    main()
