# SPDX-License-Identifier: MIT
"""What stands on the page, gathered from a posterior: plain records, in the order in which they are shown."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import attrs
import numpy as np

from reconcile.claims import Claim, Rejected
from reconcile.digests import digest, digest_corpus, digest_model
from reconcile.errors import InvalidValue
from reconcile.estimates import Estimate, Role, headline, span
from reconcile.influence import Explanation, explain, history
from reconcile.influence.words import describe_prior
from reconcile.logic import Contradictions, contradictions
from reconcile.model import Assumption
from reconcile.plots import draw_claims, draw_history, draw_sources, draw_without
from reconcile.plumbing import count_of, in_words
from reconcile.posterior import Posterior
from reconcile.report.drawings import to_svg
from reconcile.report.sentences import (
    day_and_name,
    say_bearing,
    say_estimate,
    say_limits,
    say_role,
    say_said,
    say_scope,
)
from reconcile.values import Vague
from reconcile.vocabulary import Quantity

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["Contents", "Detail", "Figure", "Line", "Saying", "gather", "link_of"]

WIDTH = 4.4  # of a figure, in inches: its texts can still be read on a telephone
HEADLINES = 6
MOST_CONTRADICTIONS = 50


@attrs.frozen
class Figure:
    """A picture with its words."""

    svg: str
    caption: str


@attrs.frozen
class Line:
    """A row of the table of estimates."""

    quantity: Quantity
    number: str
    ends: str
    claims: int
    origins: int
    unresolved: str
    anchor: str


@attrs.frozen
class Saying:
    """A claim, and what it does."""

    claim: Claim
    about: str
    role: str
    used: bool
    says: Sequence[str] = ()


@attrs.frozen
class Detail:
    """What is said of one count."""

    quantity: Quantity
    anchor: str
    sentence: str
    estimate: Estimate
    figures: Sequence[Figure]
    sayings: Sequence[Saying]
    before: str
    notes: Sequence[str]


@attrs.frozen
class Contents:
    """All that stands on the page."""

    title: str
    scope: str
    dated: str
    headlines: Sequence[tuple[Quantity, str, Sequence[tuple[str, str]], str]]
    headlines_left_out: int
    limits: Sequence[str]
    level: str
    lines: Sequence[Line]
    details: Sequence[Detail]
    details_left_out: int
    sources: Sequence[tuple[str, str, str, str, int]]
    source_figure: Figure | None
    learned: bool
    silent: Sequence[Saying]
    rejected: Sequence[Rejected]
    contradictions: Contradictions
    assumptions: Sequence[Assumption]
    words: Sequence[tuple[str, str, str]]
    notes: Sequence[str]
    claims: Sequence[Saying]
    digests: Mapping[str, str]
    versions: Mapping[str, str]
    command: str
    recipe: Sequence[str]


def gather(
    posterior: Posterior, *, title: str | None, level: float, most: int, histories: bool, command: str, dated: str
) -> Contents:
    """Gather what stands on the page; see `render`."""
    quantities = posterior.quantities
    estimates = [posterior[quantity] for quantity in quantities]
    rank = [(-len(one.roles), -one.median(), at) for at, one in enumerate(estimates)]
    by_claims = [at for _, _, at in sorted(rank)]
    told = sorted(by_claims[:most])
    anchors = {quantities[at]: f"count-{at + 1}" for at in told}
    heads = [quantities[at] for at in sorted(by_claims[:HEADLINES])]
    roles = sorted(posterior.roles, key=lambda role: (role.claim.quantity.key, *day_and_name(role)))
    claims = [Saying(role.claim, "", say_role(role), role.role.used) for role in roles]
    return Contents(
        title=title or _entitle(posterior),
        scope=say_scope(posterior),
        dated=dated,
        headlines=[_headline(posterior[q], level, anchors.get(q, "")) for q in heads],
        headlines_left_out=len(quantities) - len(heads),
        limits=say_limits(posterior),
        level=f"{100 * level:g}",
        lines=[_line(posterior[q], level, anchors.get(q, "")) for q in quantities],
        details=[_detail(posterior, q, anchors[q], level, histories=histories) for q in anchors],
        details_left_out=len(quantities) - len(told),
        sources=_sources(posterior),
        source_figure=_draw_sources(posterior, level),
        learned=posterior.settings.learn,
        silent=[one for one in claims if not one.used],
        rejected=posterior.corpus.rejected,
        contradictions=_contradictions(posterior),
        assumptions=posterior.model.assumptions,
        words=_words(posterior),
        notes=posterior.diagnostics.notes,
        claims=claims,
        digests=_digests(posterior),
        versions=_versions(),
        command=command,
        recipe=_recipe(posterior),
    )


def link_of(url: str | None) -> str | None:
    """Give an address that may be a link: http or https with a host, and nothing that hides where it leads.

    Examples
    --------
    >>> link_of("https://example.org/a?b=1"), link_of("javascript:alert(1)"), link_of("//example.org")
    ('https://example.org/a?b=1', None, None)
    """
    if not url or not url.isprintable() or any(sign.isspace() or sign in "\\<>\"'`" for sign in url):
        return None
    try:
        parts = urlsplit(url)
        host = parts.hostname
    except ValueError:
        return None
    return url if parts.scheme in ("http", "https") and host and "@" not in parts.netloc else None


def _entitle(posterior: Posterior) -> str:
    events = {quantity.event.id for quantity in posterior}
    if len(events) == 1:
        return f"What the claims say: {events.pop()}"
    return f"What the claims say about {count_of(len(events), 'event')}"


def _headline(one: Estimate, level: float, anchor: str) -> tuple[Quantity, str, Sequence[tuple[str, str]], str]:
    return one.quantity, say_estimate(one, level), say_said(one.roles), anchor


def _line(one: Estimate, level: float, anchor: str) -> Line:
    _, low, high = one.readable(level)
    number, ends = headline(one.distribution, level), f"{low:,}\u2013{high:,}"
    return Line(one.quantity, number, ends, len(one.roles), one.origins, one.unresolved, anchor)


def _detail(posterior: Posterior, quantity: Quantity, anchor: str, level: float, *, histories: bool) -> Detail:
    estimate = posterior[quantity]
    said = ", ".join(f"{name}: {words}" for name, words in say_said(estimate.roles))
    number = span(estimate.distribution, level)
    ax = draw_claims(posterior, quantity, level=level, title="", remarks=False, width=WIDTH)
    label = f"{quantity}: what was claimed ({said or 'nothing about this count itself'}) above the estimate, {number}"
    figures = [_figure(ax, f"{anchor}-claims", label, "What was claimed, above the estimate.")]
    explanation = explain(posterior, quantity)
    if sum(one.used for one in explanation.claims) > 1:
        ax = draw_without(explanation, level=level, title="", width=WIDTH)
        label = f"{quantity}: the estimate without each claim in turn, as the table below says"
        caption = "The estimate without each claim in turn."
        figures.append(_figure(ax, f"{anchor}-without", label, caption))
    if histories:
        figures += _history(posterior, quantity, anchor, level)
    sayings = [
        Saying(
            one.role.claim,
            "" if one.role.claim.quantity == quantity else str(one.role.claim.quantity),
            say_role(one.role),
            one.role.role.used,
            say_bearing(explanation, one),
        )
        for one in explanation.claims
    ]
    before = f"Before any claim: {describe_prior(explanation.before)}"
    notes = [*explanation.assumptions, _origins(explanation), *explanation.notes]
    sentence = say_estimate(estimate, level)
    return Detail(quantity, anchor, sentence, estimate, figures, sayings, before, [note for note in notes if note])


def _origins(explanation: Explanation) -> str:
    if not explanation.origins:
        return ""
    return (
        f"Independent origins: {explanation.origins}; counted with the chance that each copied: "
        f"{explanation.effective_origins:.1f}."
    )


def _history(posterior: Posterior, quantity: Quantity, anchor: str, level: float) -> Iterable[Figure]:
    settings = posterior.settings
    found = history(
        posterior.corpus, quantity, posterior.model, as_of=settings.as_of, seed=settings.seed, draws=settings.draws,
        ess=settings.ess, learn=settings.learn,
    )  # fmt: skip
    if len(found) < 2:
        return []
    ax = draw_history(found, level=level, speech=posterior.model.speech, title="", width=WIDTH)
    days = "; ".join(
        f"{row['day']}: {row['peaks'] or format(row['median'], ',')} ({row['low']:,} to {row['high']:,})"
        for row in found.rows(level)
    )
    caption = "How it moved as claims came in."
    return [_figure(ax, f"{anchor}-history", f"{quantity}: the estimate by day; {days}", caption)]


def _figure(ax: Axes, name: str, label: str, caption: str) -> Figure:
    return Figure(to_svg(ax, name, label), caption)


def _sources(posterior: Posterior) -> list[tuple[str, str, str, str, int]]:
    said = Counter(role.claim.source.name for role in posterior.roles)
    return [
        (one.name, str(one.kind), in_words(one.sides), in_words(one.opposes), said[one.name])
        for one in posterior.corpus.sources
    ]


def _draw_sources(posterior: Posterior, level: float) -> Figure | None:
    # Of sources that said one thing each, next to nothing is known but what is assumed.
    if not any(one.bias and one.claims > 1 for one in posterior.sources.values()):
        return None
    ax = draw_sources(posterior, level=level, title="", width=WIDTH)
    return _figure(
        ax, "sources", "How the figures of each source lean, where they are not exact", "How the sources lean."
    )


def _contradictions(posterior: Posterior) -> Contradictions:
    """Look among the claims in use; those were chosen for the day asked for, so their links have done their work."""
    used = [role.claim for role in posterior.roles if role.role is Role.USED]
    alone = [attrs.evolve(claim, quoted_from=None, revises=None) for claim in used]
    return contradictions(alone, limit=MOST_CONTRADICTIONS, speech=posterior.model.speech)


def _words(posterior: Posterior) -> list[tuple[str, str, str]]:
    """Give what the model takes the vague words to mean that claims use."""
    values = posterior.corpus.columns.values
    lexicon = posterior.model.speech.words
    words = sorted({value.word for value in values if isinstance(value, Vague) and value.word in lexicon})
    return [(word, f"{lexicon[word][0]:,} to {lexicon[word][1]:,}", lexicon[word][2]) for word in words]


def _digests(posterior: Posterior) -> dict[str, str]:
    try:
        return {
            "this estimate": digest(posterior),
            "the claims": digest_corpus(posterior.corpus),
            "the model": digest_model(posterior.model),
        }
    except InvalidValue as error:
        return {"none": str(error)}


def _versions() -> dict[str, str]:
    import scipy

    from reconcile import __version__

    return {"reconcile": __version__, "NumPy": np.__version__, "SciPy": scipy.__version__}


def _recipe(posterior: Posterior) -> list[str]:
    settings = posterior.settings
    day, until = (None if one is None else one.isoformat() for one in (settings.as_of, settings.looked_until))
    model = "model" if posterior.model.learned is not None or posterior.model != type(posterior.model)() else ""
    given = {
        "as_of": day, "seed": settings.seed, "draws": settings.draws, "ess": settings.ess, "learn": settings.learn,
    }  # fmt: skip
    given |= {"looked_until": until} if until else {}
    said = [model, *(f"{name}={value!r}" for name, value in given.items())]
    return [
        "import reconcile as rc",
        "from reconcile.digests import digest",
        "from reconcile.io import table",
        "",
        'corpus = table.read("claims.csv")  # the table of claims',
        *(["# model: the one that was used; reconcile.io.models keeps models in files"] if model else []),
        f"posterior = rc.estimate({', '.join(['corpus', *filter(None, said)])})",
        "print(digest(posterior))  # as above",
    ]
