# SPDX-License-Identifier: MIT
"""What many claims say of many cells, against one claim and one count at a time."""

from __future__ import annotations

import attrs
import numpy as np
from test_batches import ROUNDING, SINGLE, SLOPES, VALUES, echo_of, lay_out, term_of, theta_of_claim, world

from reconcile.inference.arrays import PARAMETERS
from reconcile.inference.likelihood import TINY
from reconcile.inference.lone_counts import theta_of
from reconcile.inference.rows import Pairs, speak


def test_rows_are_those_of_one_claim_at_cells_of_one_count():
    claims, theta, echo = world()
    shards, edges = lay_out(claims)
    seen = set()
    for shard in shards:
        pairs = Pairs.of(shard)
        found = speak(shard, pairs, theta_of(shard, theta.reshape(1, -1)), echo_of(shard, echo))
        by_cell = found.combine(found.terms(np.ones(found.row.shape)), pairs.claim)[:, :, 0]
        weight = np.random.default_rng(0).random(found.row.shape)
        slopes, sums = found.slopes(weight)
        for k, by in enumerate(by_cell):
            summed = np.bincount(pairs.claim, by * weight[:, 0], len(shard.rows))
            np.testing.assert_allclose(slopes[k, :, 0], summed, 1e-9, 1e-9)
        np.testing.assert_allclose(sums[1, :, 0], np.bincount(pairs.claim, (weight * found.own)[:, 0]))
        single = edges.edge[shard.right] - edges.edge[shard.left] == 1
        for i, row in enumerate(shard.rows):
            at = np.arange(shard.pair[i], shard.pair[i + 1])
            at = at[single[pairs.cell[at]] & (shard.base[pairs.cell[at]] == 0)]
            counts = edges.edge[shard.left[pairs.cell[at]]].astype(float)
            term = term_of(claims, row, echo)
            wanted, by = term.row_gradient(counts, theta_of_claim(term, theta, row))
            np.testing.assert_allclose(found.row[at, 0], np.maximum(wanted[0], TINY), SINGLE, ROUNDING)
            own = attrs.evolve(term, echo=(0.0, 0.0)).row(counts, theta_of_claim(term, theta, row))
            np.testing.assert_allclose(found.own[at, 0], own[0], SINGLE, ROUNDING)
            for k, name in enumerate(PARAMETERS):
                slope = by[name][0] if name in by else np.zeros(len(counts))
                np.testing.assert_allclose(by_cell[k, at], slope, SINGLE, SLOPES, err_msg=name)
            seen.add((claims.value[row], bool(claims.hedged[row]), bool(echo[1, row] > 0)))
    assert len(seen) == 4 * len(VALUES)
