# SPDX-License-Identifier: MIT
"""How good an answer is: errors, coverage by randomised PIT, CRPS, log score; and Markdown tables to print."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

LEVELS = (0.5, 0.9, 0.95)
TOP = 10**10  # no count of people is larger
FLOOR = 1e-12  # of the probability of a truth, so that one that had no chance costs 27.6 nats and not all


class Answer(NamedTuple):
    """What a method says of each quantity: a best guess and, where it gives one, a distribution, as its cdf."""

    guess: np.ndarray
    cdfs: Sequence[Callable[[Any], Any]] | None
    seconds: float  # of the processor

    def of(self, wanted):
        """Keep the answers about the quantities of these numbers."""
        cdfs = None if self.cdfs is None else [self.cdfs[number] for number in wanted]
        return Answer(self.guess[wanted], cdfs, self.seconds)


def log_error(guess, truth):
    """Absolute log error, with half a person added to both so that zeros count."""
    return np.abs(np.log((np.asarray(guess) + 0.5) / (np.asarray(truth) + 0.5)))


def pit(cdf, truth):
    """Give the ends between which the probability integral transform of a count is uniform if it is calibrated."""
    return (float(cdf(truth - 1)) if truth > 0 else 0.0), float(cdf(truth))


def within(pits, level):
    """Share of the truths in the equal-tailed interval of this level by randomised PIT, and its standard error.

    Each transform counts with its chance to lie inside, instead of being drawn: the same on average, with less noise.
    """
    below, upto = np.asarray(pits).T
    low, high = (1 - level) / 2, (1 + level) / 2
    width = np.maximum(upto - below, 1e-300)
    inside = np.clip((np.minimum(upto, high) - np.maximum(below, low)) / width, 0.0, 1.0)
    return float(inside.mean()), float(inside.std() / np.sqrt(len(inside)))


def _grid(truth):
    """Give every count to well beyond the truth, then steps of 1 %: between them a cdf is taken as a straight line."""
    exact = 4 * int(truth) + 400
    far = np.unique(np.ceil(np.geomspace(exact, TOP, 1 + int(np.log(TOP / exact) / np.log(1.01)))))
    return np.concatenate([np.arange(-1, exact), far[far >= exact]])


def crps(cdf, truth):
    """Continuous ranked probability score of a count: the sum over all counts n of (cdf(n) - [truth <= n])^2.

    Exact where the distribution has all its mass below four times the truth and 400.
    """
    counts = _grid(truth)
    off = np.append(0.0, np.asarray(cdf(counts[1:]), float)) - (counts >= truth)
    width, start, rise = np.diff(counts), off[:-1], np.diff(off)
    start, rise = np.where(width == 1, off[1:], start), np.where(width == 1, 0.0, rise)
    # Sum of (start + rise j / width)^2 over j = 1 ... width.
    squares = width * start**2 + start * rise * (width + 1) + rise**2 * (width + 1) * (2 * width + 1) / (6 * width)
    return float(squares.sum())


def probability(cdf, count):
    """Give the probability of one count, from the cdf there and one below."""
    below, upto = pit(cdf, count)
    return upto - below


def from_draws(draws):
    """Make the cdf of a sample of counts."""
    ordered = np.sort(np.asarray(draws, float))
    return lambda n: np.searchsorted(ordered, np.asarray(n, float), side="right") / len(ordered)


def score(answer, truth):
    """Score every quantity apart; shape (quantities,) each. Pool them over seeds, then `summarise`."""
    found = {"error": log_error(answer.guess, truth), "exact": np.asarray(answer.guess) == truth}
    if answer.cdfs is not None:
        pairs = list(zip(answer.cdfs, truth, strict=True))
        found["pit"] = np.array([pit(cdf, true) for cdf, true in pairs])
        found["crps"] = np.array([crps(cdf, true) for cdf, true in pairs])
        found["log"] = np.log(np.maximum([probability(cdf, true) for cdf, true in pairs], FLOOR))
    return found


def pool(parts):
    """Join the scores of several seeds."""
    return {key: np.concatenate([part[key] for part in parts]) for key in parts[0]}


def take(scores, wanted):
    """Keep the scores of some quantities, by number or mask."""
    return {key: of_all[wanted] for key, of_all in scores.items()}


def covered(scores, level):
    """Give the share of the truths in the interval of this level, with its standard error, as text."""
    if "pit" not in scores:
        return "-"
    share, error = within(scores["pit"], level)
    return f"{share:.3f} ± {error:.3f}"


def summarise(scores):
    """Give as text: error, exact share, coverage at each of `LEVELS` (with its standard error), CRPS and log score.

    The log score is the mean logarithm of the probability of the truth, taken as `FLOOR` where it is less; how many
    are at the floor is said beside it.
    """
    found = {"error": f"{scores['error'].mean():.3f}", "exact": f"{scores['exact'].mean():.2f}"}
    for level in LEVELS:
        found[f"{100 * level:g} %"] = covered(scores, level)
    found |= {"CRPS": "-", "log score": "-"}
    if "pit" in scores:
        at_floor = np.count_nonzero(scores["log"] <= np.log(FLOOR))
        found["CRPS"] = f"{scores['crps'].mean():,.2f}"
        found["log score"] = f"{scores['log'].mean():.2f}" + (f" ({at_floor} at the floor)" if at_floor else "")
    return found


def print_table(header, rows):
    """Print a Markdown table."""
    cells = [[str(cell) for cell in row] for row in (header, *rows)]
    wide = [max(map(len, column)) for column in zip(*cells, strict=True)]
    cells.insert(1, ["-" * w for w in wide])
    for row in cells:
        print("| " + " | ".join(cell.ljust(w) for cell, w in zip(row, wide, strict=True)) + " |")
    print(flush=True)
