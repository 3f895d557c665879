# SPDX-License-Identifier: MIT
"""Where a number comes from, for other programs: a posterior as W3C PROV, and the digest that identifies it.

Claims and estimates are entities, sources are agents, the estimation is an activity. Nothing is left out: claims that
were not used are there with the reason, and so are the rows that could not be read.
"""

from __future__ import annotations

import datetime
import hashlib
import io
import os
import re
import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from reconcile.claims import Claim, Rejected
from reconcile.digests import canonical, combine, digest, digest_corpus, digest_model
from reconcile.errors import MissingDependency
from reconcile.estimates import ClaimRole, Role, name_peaks
from reconcile.plumbing import check, to_moment
from reconcile.posterior import Posterior
from reconcile.vocabulary import Quantity, Source, SourceKind

if TYPE_CHECKING:
    from prov.model import ProvDocument

__all__ = ["FORMATS", "TERMS", "choose_format", "digest", "digest_corpus", "digest_model", "document", "write"]

TERMS = "urn:reconcile:terms#"  # of our own attributes and types
RECORDS = "urn:reconcile:records#"
LEVEL = 0.9  # of the interval of each estimate

FORMATS: Mapping[str, tuple[str, str, Mapping[str, Any]]] = {
    "json": ("json", "json", {"indent": 1}),
    "provn": ("provn", "prov", {}),
    "ttl": ("rdf", "rdflib", {"rdf_format": "turtle"}),
    "xml": ("xml", "lxml", {}),
}
"""By suffix: what the package ``prov`` calls the format, the package that it needs for it, and how it is asked."""

_TAKEN = {
    TERMS,
    "http://www.w3.org/ns/prov#",
    *(f"http://www.w3.org/2001/XMLSchema{end}" for end in ("#", "-instance#")),
}
_PLAIN = re.compile("[A-Za-z0-9_]{1,64}")
_IRI = re.compile(r"""[A-Za-z][A-Za-z0-9+.-]*:[^\x00-\x20\x7f-\x9f<>"{}|\\^`\ud800-\udfff]*[/#:=]""")
_NO_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_ORGANIZATIONS = {
    SourceKind.GOVERNMENT, SourceKind.ARMED_GROUP, SourceKind.NGO, SourceKind.INTERGOVERNMENTAL, SourceKind.MEDIA,
}  # fmt: skip


def choose_format(path: str | os.PathLike[str], format: str | None = None) -> str:  # noqa: A002 - the usual name
    """Give the format of a file, and make sure that it can be written here.

    Parameters
    ----------
    path : path
    format : str, optional
        One of `FORMATS`; default the suffix of the path.

    Returns
    -------
    str

    Raises
    ------
    InvalidValue
        For a format or suffix that is none of these.
    MissingDependency
        If what the format needs is not installed.

    Examples
    --------
    >>> choose_format("estimate.json")
    'json'
    """
    chosen = Path(path).suffix[1:].casefold() if format is None else format
    what, given = ("format", format) if format is not None else ("path", str(path))
    check(
        chosen in FORMATS,
        what,
        given,
        f"one of {', '.join(f'.{name}' if what == 'path' else name for name in FORMATS)}",
    )
    _import("prov.model", f"provenance as {chosen}")
    _import(FORMATS[chosen][1], f"provenance as {chosen}")
    return chosen


def _import(module: str, purpose: str) -> Any:
    import importlib

    try:
        return importlib.import_module(module)
    except ImportError as missing:
        raise MissingDependency(module.partition(".")[0], purpose, "'reconcile-claims[prov]'") from missing


def write(
    posterior: Posterior,
    path: str | os.PathLike[str],
    format: str | None = None,  # noqa: A002 - the usual name
    *,
    namespace: str = RECORDS,
    started: datetime.datetime | str | None = None,
    ended: datetime.datetime | str | None = None,
) -> None:
    """Write where the estimates come from to a file; the same posterior makes the same bytes.

    Parameters
    ----------
    posterior : Posterior
    path : path
        Replaced where it exists.
    format : {"json", "provn", "ttl", "xml"}, optional
        PROV-JSON, PROV-N, PROV-O in Turtle or PROV-XML; default the suffix of the path.
    namespace, started, ended : keyword, optional
        See `document`.

    Raises
    ------
    InvalidValue
        For another format or suffix, and as `document` does.
    MissingDependency
        If ``prov``, or what it needs for the format, is not installed.
    """
    kind, _, options = FORMATS[choose_format(path, format)]
    found = document(posterior, namespace=namespace, started=started, ended=ended)
    # In memory first, so that no half-written file is left behind.
    buffer = io.BytesIO()
    with warnings.catch_warnings():
        # rdflib warns of its own old names, which prov still uses.
        warnings.filterwarnings("ignore", category=DeprecationWarning, module="rdflib")
        found.serialize(buffer, format=kind, **options)
    Path(path).write_bytes(buffer.getvalue())


def document(
    posterior: Posterior,
    *,
    namespace: str = RECORDS,
    started: datetime.datetime | str | None = None,
    ended: datetime.datetime | str | None = None,
) -> ProvDocument:
    r"""Say in W3C PROV where the estimates come from.

    Parameters
    ----------
    posterior : Posterior
    namespace : str, keyword
        IRI before the identifiers of all records; ends in ``/``, ``#``, ``:`` or ``=``.
    started, ended : datetime or ISO text, keyword, optional
        When the estimate was made. Not filled in by itself: the same posterior gives the same document.

    Returns
    -------
    prov.model.ProvDocument

    Raises
    ------
    InvalidValue
        For a namespace or moment that is none, and for a model without a digest (see `digest_model`).
    MissingDependency
        If ``prov`` is not installed.

    Notes
    -----
    Characters that no XML file may hold are written as Python writes them (``\x07``), backslashes then doubled, and
    the attribute ``reconcile:escaped`` names where. Identifiers are made of ids and names where these are plain, and
    of their SHA-256 where not; ids and names themselves are attributes.

    Examples
    --------
    >>> import reconcile as rc
    >>> market = rc.Event("market").killed()
    >>> found = document(rc.estimate([rc.Claim(market, rc.Exactly(3), rc.Source("monitor"))]))
    >>> [str(one.identifier) for one in found.get_records() if "source" in str(one.identifier)]
    ['record:source-monitor']
    """
    check(isinstance(posterior, Posterior), "document(posterior)", posterior, "a Posterior, as `estimate` gives")
    given: object = namespace
    well = isinstance(given, str) and _IRI.fullmatch(given) is not None and given not in _TAKEN
    check(well, "document(namespace)", namespace, "an absolute IRI of your own that ends in /, #, : or =")
    moments = {}
    for name, moment in (("started", started), ("ended", ended)):
        moments[name] = to_moment(f"document({name})")(moment)
        known = moments[name] is None or isinstance(moments[name], datetime.datetime)
        check(
            known, f"document({name})", moment, "a datetime, or its ISO 8601 text such as '2020-02-10T12:00:00+00:00'"
        )
    if moments["started"] is not None and moments["ended"] is not None:
        in_order = _utc(moments["started"]) <= _utc(moments["ended"])
        check(in_order, "document(ended)", ended, f"a moment not before the start, {started}")
    made: ProvDocument = _Writer(_import("prov.model", "provenance.document"), namespace).write(posterior, **moments)
    return made


def _utc(moment: datetime.datetime) -> datetime.datetime:
    """Make moments comparable; one without a zone is in UTC."""
    return moment if moment.tzinfo else moment.replace(tzinfo=datetime.UTC)


class _Writer:
    def __init__(self, prov: Any, namespace: str) -> None:
        self.prov = prov
        self.found = prov.ProvDocument()
        self.terms = self.found.add_namespace("reconcile", TERMS)
        self.records = self.found.add_namespace("record", namespace)

    def write(self, posterior: Posterior, started: Any, ended: Any) -> Any:
        corpus, model = digest_corpus(posterior.corpus), digest_model(posterior.model)
        self.whole = combine(posterior, corpus, model)
        self.corpus, self.activity = self.id("corpus", corpus[:32]), self.id("estimation", self.whole[:32])
        roles = sorted(posterior.roles, key=lambda role: role.claim.id)
        self.claims = {role.claim.id: role.claim for role in roles}
        self.describe_corpus(roles, posterior.corpus.rejected, corpus)
        for role in roles:
            self.describe_claim(role)
        self.describe_estimation(posterior, started, ended, corpus, model)
        for role in roles:
            if role.role.used:
                self.link("usage", self.activity, self.id("claim", role.claim.id), {"prov:role": str(role.role)})
        for quantity in posterior.quantities:
            self.describe_estimate(posterior, quantity)
        return self.found

    # --- records -----------------------------------------------------------------------------------------------

    def id(self, kind: str, name: str) -> Any:
        """Make an identifier; a hash has two hyphens before it, so that no plain name is like one."""
        plain = _PLAIN.fullmatch(name) is not None
        return self.records[f"{kind}-{name}" if plain else f"{kind}--{_shorten(name)}"]

    def attributes(self, kind: str, label: str, told: Mapping[str, Any], *types: str) -> list[tuple[Any, Any]]:
        """List attributes as prov wants them; None is left out, and each member of a set is one."""
        pairs = [("prov:type", self.terms[kind]), *(("prov:type", self.prov.PROV[name]) for name in types)]
        escaped = []
        for name, value in {"prov:label": label, **told}.items():
            key = name if ":" in name else self.terms[name]
            for one in _each(value):
                if isinstance(one, str) and _NO_XML.search(one):
                    escaped.append(name)
                pairs.append((key, self.literal(one)))
        return pairs + [(self.terms["escaped"], name) for name in dict.fromkeys(escaped)]

    def literal(self, value: Any) -> Any:
        if isinstance(value, datetime.datetime):
            offset = value.utcoffset() or datetime.timedelta(0)
            in_xsd = not offset % datetime.timedelta(minutes=1) and abs(offset) <= datetime.timedelta(hours=14)
            return value if in_xsd else value.isoformat()
        if isinstance(value, datetime.date):
            return self.prov.Literal(value.isoformat(), self.prov.XSD["date"])
        return _escape(str(value)) if isinstance(value, str) else value

    def link(self, how: str, one: Any, other: Any, told: Mapping[str, Any] | None = None) -> None:
        """Add a relation with an identifier of its own: without one, RDF would number it by chance."""
        identifier = self.records[f"{how}-{_shorten(canonical([one.localpart, other.localpart]))}"]
        pairs = [(name if ":" in name else self.terms[name], value) for name, value in (told or {}).items()]
        getattr(self.found, how)(one, other, identifier=identifier, other_attributes=pairs)

    def describe_corpus(self, roles: list[ClaimRole], rejected: tuple[Rejected, ...], said: str) -> None:
        told = {"digest": said, "claims": len(roles), "rejected": len(rejected)}
        self.found.entity(self.corpus, self.attributes("Corpus", "the claims", told, "Collection"))
        for role in roles:
            self.found.membership(self.corpus, self.id("claim", role.claim.id))
        for at, row in enumerate(rejected):
            name = self.id("rejected", canonical([at, row.line, row.column, row.reason, row.text]))
            told = {"line": row.line, "column": row.column, "reason": row.reason, "text": row.text or None}
            self.found.entity(name, self.attributes("RejectedRow", str(row), {**told, "role": "rejected"}))
            self.found.membership(self.corpus, name)
        sources: dict[str, Source] = {}
        for role in roles:
            sources |= {one.name: one for one in (role.claim.source, role.origin)}
            if isinstance(role.claim.quoted_from, Source):
                sources[role.claim.quoted_from.name] = role.claim.quoted_from
        for source in sorted(sources.values(), key=lambda one: one.name):
            types = ("Organization",) if source.kind in _ORGANIZATIONS else ()
            told = {"name": source.name, "kind": str(source.kind), "side": source.sides, "opposes": source.opposes}
            self.found.agent(self.id("source", source.name), self.attributes("Source", source.name, told, *types))
        cited = (claim.citation for claim in self.claims.values())
        for publisher in sorted({one.publisher for one in cited if one is not None and one.publisher}):
            name = self.id("publisher", publisher)
            self.found.agent(name, self.attributes("Publisher", publisher, {"name": publisher}))

    def describe_claim(self, role: ClaimRole) -> None:
        claim, name = role.claim, self.id("claim", role.claim.id)
        cited = claim.citation
        told = {
            "prov:value": str(claim.value),
            "id": claim.id,
            "value": repr(claim.value),
            **_describe(claim.quantity),
            "reported": claim.reported,
            "asOf": claim.as_of,
            "hedged": claim.hedged,
            **({one: getattr(cited, one) for one in ("quote", "title", "url", "publisher")} if cited else {}),
            "role": str(role.role),
            "origin": role.origin.name,
            "by": role.by,
            "note": role.note or None,
        }
        self.found.entity(name, self.attributes("Claim", str(claim), told))
        self.link("attribution", name, self.id("source", claim.source.name), {"prov:role": "source"})
        if cited and cited.publisher:
            self.link("attribution", name, self.id("publisher", cited.publisher), {"prov:role": "publisher"})
        if claim.quoted_from is not None:
            self.link("quotation", name, self.quoted(claim))
            self.link("primary_source", name, self.quoted(self.first(claim)))
        if claim.revises is not None:
            self.link("revision", name, self.id("claim", claim.revises), {"stated": True})
        if (
            role.by is not None
            and role.role in (Role.SUPERSEDED, Role.EARLIER)
            and self.claims[role.by].revises != claim.id
        ):
            self.link("revision", self.id("claim", role.by), name, {"stated": False})
        if role.by not in (None, claim.quoted_from) and role.role in (Role.DUPLICATE, Role.RELAY):
            self.found.alternate(name, self.id("claim", str(role.by)))

    def first(self, claim: Claim) -> Claim:
        """Follow quotations to the last relay, whose origin is the primary source."""
        while isinstance(claim.quoted_from, str) and self.claims[claim.quoted_from].quoted_from is not None:
            claim = self.claims[claim.quoted_from]
        return claim

    def quoted(self, claim: Claim) -> Any:
        """Identify what a claim quotes: a claim, or something that a source said of which there is no claim here."""
        if not isinstance(claim.quoted_from, Source):
            return self.id("claim", str(claim.quoted_from))
        name, source = self.id("statement", claim.id), claim.quoted_from
        if not self.found.get_record(name):
            label = f"what {source} said, as quoted by {claim.source}"
            self.found.entity(name, self.attributes("Statement", label, {}))
            self.link("attribution", name, self.id("source", source.name), {"prov:role": "source"})
        return name

    def describe_estimation(self, posterior: Posterior, started: Any, ended: Any, corpus: str, model: str) -> None:
        from reconcile import __version__

        settings = posterior.settings
        told = {
            "digest": self.whole,
            "corpusDigest": corpus,
            "modelDigest": model,
            "version": __version__,
            "asOf": settings.as_of,
            "lookedUntil": settings.looked_until,
            "seed": int(settings.seed),
            "draws": settings.draws,
            "learn": settings.learn,
            "ess": settings.ess,
            "way": posterior.diagnostics.way,
            "note": posterior.diagnostics.notes,
        }
        pairs = self.attributes("Estimation", "estimation", told)
        self.found.activity(self.activity, started, ended, pairs)
        plan, library = self.id("model", model[:32]), self.id("library", __version__)
        said = tuple(f"{one.what}: {one.number} ({one.evidence})" for one in posterior.model.assumptions)
        told = {"digest": model, "lexicon": posterior.model.speech.lexicon, "assumption": said}
        self.found.entity(plan, self.attributes("Model", "the model", told, "Plan"))
        label = f"reconcile {__version__}"
        self.found.agent(library, self.attributes("Library", label, {"version": __version__}, "SoftwareAgent"))
        identifier = self.records[f"association-{_shorten(self.whole)}"]
        self.found.association(self.activity, library, plan, identifier)
        self.link("usage", self.activity, self.corpus, {"prov:role": "corpus"})

    def describe_estimate(self, posterior: Posterior, quantity: Quantity) -> None:
        one = posterior[quantity]
        name = self.id("estimate", canonical([self.whole, quantity]))
        low, high = one.eti(LEVEL)
        told = {
            **_describe(quantity),
            "median": one.median(),
            "peaks": name_peaks(one.distribution) or None,
            "mode": one.mode(),
            "low": low,
            "high": high,
            "level": LEVEL,
            "claims": len(one.roles),
            "origins": one.origins,
            "engine": posterior.diagnostics.engines.get(quantity.key, "exact"),
        }
        self.found.entity(name, self.attributes("Estimate", f"{quantity}: {one}", told))
        self.found.generation(name, self.activity)
        used = [role.claim.id for role in one.roles if role.role.used]
        # A count that no claim is about follows from all of them.
        for source in [self.id("claim", at) for at in sorted(used)] or [self.corpus]:
            self.found.derivation(name, source)


def _shorten(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:32]


def _each(value: Any) -> Iterator[Any]:
    if isinstance(value, frozenset | tuple):
        yield from sorted(value)
    elif value is not None:
        yield value


def _describe(quantity: Quantity) -> dict[str, Any]:
    event, period = quantity.event, quantity.period
    return {
        "event": event.id,
        "place": event.place,
        "outcome": quantity.outcome.name,
        "group": str(quantity.group),
        "period": str(period) if period else None,
    }


def _escape(text: str) -> str:
    if not _NO_XML.search(text):
        return text
    return _NO_XML.sub(lambda found: ascii(found[0])[1:-1], text.replace("\\", "\\\\"))
