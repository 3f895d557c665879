# SPDX-License-Identifier: MIT
"""Strategies for what is assumed: priors, channels, wording and models."""

from __future__ import annotations

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from reconcile.channels import Channel, Denial, Fidelity, GrossError, LogStudent
from reconcile.model import SOURCE_PRIORS, CountPrior, Model, Normal
from reconcile.speech import PRESETS, Speech
from reconcile.testing.strategies._vocabulary import names, relations, source_kinds
from reconcile.vocabulary import STANDARD_OUTCOMES

__all__ = ["channels", "count_priors", "models", "normals", "speeches"]

_EVIDENCE = st.just("drawn")


def count_priors() -> SearchStrategy[CountPrior]:
    """Draw priors of counts, from nearly surely 0 to nearly never 0, narrow and wide, with and without a broad part.

    Returns
    -------
    SearchStrategy of CountPrior
    """
    return st.builds(
        CountPrior,
        zero=st.sampled_from((0.5, 0.1, 0.001, 0.999)) | st.floats(0.001, 0.999),
        location=st.integers(0, 3).map(float) | st.floats(-3, 12),
        scale=st.sampled_from((1.0, 0.1, 5.0)) | st.floats(0.1, 5),
        evidence=_EVIDENCE,
        broad=st.just(0.0) | st.floats(0, 0.9),
    )


def normals() -> SearchStrategy[Normal]:
    """Draw priors of source parameters.

    Returns
    -------
    SearchStrategy of Normal
    """
    return st.builds(
        Normal,
        mean=st.just(0.0) | st.floats(-6, 6),
        sd=st.sampled_from((1.0, 0.01, 3.0)) | st.floats(0.01, 3),
        evidence=_EVIDENCE,
        shared=st.just(0.5) | st.floats(0, 0.99),
    )


def channels() -> SearchStrategy[Channel]:
    """Draw channels, each wrapped by others or bare.

    Returns
    -------
    SearchStrategy of Channel
    """
    bare = st.builds(LogStudent)
    gross = st.builds(GrossError, bare)
    faithful = st.builds(Fidelity, gross | bare)
    return st.one_of(st.builds(Denial), st.builds(Denial, faithful | gross | bare), faithful, gross, bare)


def speeches() -> SearchStrategy[Speech]:
    """Draw ways to put figures in words: the default lexicon, and each preset.

    Returns
    -------
    SearchStrategy of Speech
    """
    return st.sampled_from(("default", *PRESETS)).map(Speech)


def models() -> SearchStrategy[Model]:
    """Draw models: the default one, and those with other channels, priors, lexicons and anchors.

    Returns
    -------
    SearchStrategy of Model
    """
    parameters = st.sampled_from(tuple(dict.fromkeys(name for name, _ in SOURCE_PRIORS)))
    return st.builds(
        Model,
        channel=channels(),
        channels=st.dictionaries(source_kinds(), channels(), max_size=2),
        speech=speeches(),
        counts=st.dictionaries(st.sampled_from(tuple(STANDARD_OUTCOMES)), count_priors(), max_size=2),
        sources=st.dictionaries(st.tuples(parameters, st.none() | relations()), normals(), max_size=2),
        anchors=st.dictionaries(names(), st.sampled_from((0.1, 1.0)), max_size=2),
    )
