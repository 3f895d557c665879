# SPDX-License-Identifier: MIT
"""Hypothesis strategies for claims and all they are made of, for tests of reconcilers, ours and other people's.

Plural nouns; arguments are strategies (numbers say only how many, and how large). What is drawn is valid, sits at the
edges of what is allowed, and shrinks to what a person would write. It is not distributed as any world is: to measure
calibration, draw worlds from a model (``reconcile.testing.calibration``).

>>> import reconcile as rc
>>> from hypothesis import given
>>> @given(small_corpora())
... def check_that_some_source_is_named(claims):
...     assert not claims or rc.Corpus(claims).sources
>>> check_that_some_source_is_named()
"""

from __future__ import annotations

from reconcile.errors import MissingDependency

try:
    import hypothesis as _hypothesis
except ModuleNotFoundError as missing:
    raise MissingDependency("hypothesis", "reconcile.testing.strategies", "reconcile-claims[testing]") from missing

from reconcile.testing.strategies._claims import citations, claims, corpora, rejects, small_corpora
from reconcile.testing.strategies._models import (
    channels,
    count_priors,
    models,
    normals,
    speeches,
)
from reconcile.testing.strategies._tables import tables
from reconcile.testing.strategies._values import (
    abouts,
    at_leasts,
    at_mosts,
    betweens,
    counts,
    exactlys,
    shares,
    surveyeds,
    vagues,
    values,
)
from reconcile.testing.strategies._vocabulary import (
    event_kinds,
    events,
    groups,
    moments,
    names,
    outcomes,
    periods,
    quantities,
    relations,
    source_kinds,
    sources,
)

del _hypothesis

__all__ = [
    "abouts",
    "at_leasts",
    "at_mosts",
    "betweens",
    "channels",
    "citations",
    "claims",
    "corpora",
    "count_priors",
    "counts",
    "event_kinds",
    "events",
    "exactlys",
    "groups",
    "models",
    "moments",
    "names",
    "normals",
    "outcomes",
    "periods",
    "quantities",
    "rejects",
    "relations",
    "shares",
    "small_corpora",
    "source_kinds",
    "sources",
    "speeches",
    "surveyeds",
    "tables",
    "vagues",
    "values",
]
