# SPDX-License-Identifier: MIT
"""What many claims say of many cells, against one claim and one count at a time."""

from __future__ import annotations

import attrs
import numpy as np
from test_batches import ROUNDING, SINGLE, SLOPES, VALUES, places, term_of, theta_of, world

from reconcile.blocks import Cells, build_shards
from reconcile.likelihood import TINY
from reconcile.rows import PARAMETERS, speak


def test_rows_are_those_of_one_claim_at_cells_of_one_count():
    claims, theta, echo = world()
    shards, _ = build_shards(claims, Cells.of(claims))
    seen, last = set(), None
    for row, shard, block, (i, j) in places(shards):
        if block is not last:
            at, last = shard.rows[block.claims], block
            found, plain = (speak(block, theta[:, at], echo[:, at], slopes=slopes) for slopes in (True, False))
            np.testing.assert_allclose(found.row, plain.row, SINGLE, ROUNDING)
            by_cell, weight = found.slopes(), np.random.default_rng(row).random(found.row.shape)
            np.testing.assert_allclose(found.slopes(weight), np.sum(weight * by_cell, axis=2), 1e-9, 1e-9)
        assert at[j] == row
        single = block.width[i] == 1
        counts = block.low[i][single]
        term = term_of(claims, row, echo)
        wanted, slopes = term.row_gradient(counts, theta_of(term, theta, row))
        np.testing.assert_allclose(found.row[j][single], np.maximum(wanted[0], TINY), SINGLE, ROUNDING)
        own = attrs.evolve(term, echo=(0.0, 0.0)).row(counts, theta_of(term, theta, row))
        np.testing.assert_allclose(found.own[j][single], own[0], SINGLE, ROUNDING)
        for k, name in enumerate(PARAMETERS):
            slope = slopes[name][0] if name in slopes else np.zeros(len(counts))
            np.testing.assert_allclose(by_cell[k, j][single], slope, SINGLE, SLOPES, err_msg=name)
        seen.add((claims.value[row], bool(claims.hedged[row]), bool(echo[1, row] > 0)))
    assert len(seen) == 4 * len(VALUES)
