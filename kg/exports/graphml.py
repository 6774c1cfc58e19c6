"""GraphML of a crosswalk, a mapping set, a framework or the whole graph, for graph editors and network analysis.

Nodes are provisions, reference controls, joint nodes and threats under their CURIEs; edges are rows (with their
provenance), parts of wholes, links to threats and legal references, told apart by ``kind``.  Edges run as their set
writes them.  Release, licences and disclaimers are data of the graph.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any

from kg.answers.crosswalk import Crosswalk
from kg.answers.listing import FrameworkListing, GraphListing, SetListing
from kg.errors import UsageError
from kg.exports.tables import document
from kg.model import Mapping, Provision
from kg.release import Release
from kg.terms import prefix_of

if TYPE_CHECKING:
    import networkx as nx

__all__ = ["graphml", "network_of"]

#: What XML 1.0 cannot hold.
_NOT_XML = re.compile("[^\t\n\r -\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_LINES = 2_000


def _clean(data: dict[str, Any]) -> dict[str, Any]:
    """Attributes that say something, as XML can hold them (a carriage return would come back as a line break)."""
    return {
        k: _NOT_XML.sub(" ", v.replace("\r\n", "\n").replace("\r", "\n")) if isinstance(v, str) else v
        for k, v in data.items()
        if v not in ("", None)
    }


def _node(release: Release, id_: str) -> dict[str, Any]:
    p = release.provisions.get(id_)
    if isinstance(p, Provision):
        said = {"kind": p.kind, "ref": p.ref, "summary": p.summary, "url": p.url, "assessable": p.assessable}
    elif id_ in release.controls:
        said = {"kind": "control", "summary": release.controls[id_].statement}
    elif id_ in release.joints:
        said = {"kind": "joint_node", "summary": release.joints[id_].rationale}
    elif id_ in release.threats:
        said = {"kind": "threat", "summary": release.threats[id_].summary}
    else:
        said = {"kind": "other"}
    return _clean({"title": release.title(id_), "source": prefix_of(id_), **said})


def _edge(release: Release, m: Mapping) -> dict[str, Any]:
    return _clean({
        "kind": "row",
        "relation": m.relation,
        "set": m.set_id,
        "authority": release.sets[m.set_id].authority.value,
        "method": m.method.value,
        "reviewed": m.reviewed,
        "rationale_kind": m.rationale_kind.value,
        "rationale": m.rationale,
        "strength": m.strength,
        "confidence": m.confidence,
        "date": m.date.isoformat() if m.date else "",
        "subject_version": m.subject_version,
        "object_version": m.object_version,
        "citation": m.citation,
        "note": m.note,
    })  # fmt: skip


def network_of(answer: Any, release: Release) -> nx.MultiDiGraph[str]:
    """The answer as a networkx graph whose edge keys are row ids."""
    import networkx as nx

    about = document(answer, release)
    graph: nx.MultiDiGraph[str] = nx.MultiDiGraph()
    graph.graph.update(_clean({
        "title": about.title,
        "release": answer.release,
        "as_of": answer.as_of.isoformat() if isinstance(answer, Crosswalk) else "",
        "licences": "\n".join(f"{what}: {licence}" for what, licence in about.licences),
        "disclaimers": "\n".join(f"{d.text} ({d.basis})" if d.basis else d.text for d in about.disclaimers),
    }))  # fmt: skip
    rows: Iterable[Mapping] = ()
    nodes: list[str] = []
    if isinstance(answer, Crosswalk):
        rows = [r.row for r in answer.rows]
        nodes = [id_ for side in answer.sides for id_ in side.unmapped]
    elif isinstance(answer, FrameworkListing):
        nodes = [*(p.id for p in answer.provisions), *(c.id for c in answer.controls), *(j.id for j in answer.joints)]
    else:
        rows = answer.rows
    if isinstance(answer, GraphListing):
        nodes = [*release.provisions, *release.controls, *release.joints, *release.threats]
    for id_ in nodes:
        graph.add_node(id_, **_node(release, id_))
    for id_ in dict.fromkeys(end for m in rows for end in (m.subject, m.object)):
        graph.add_node(id_, **_node(release, id_))
    parts = answer.parts if isinstance(answer, FrameworkListing) else ()
    for p in release.parts if isinstance(answer, GraphListing) else parts:
        key = f"{p.whole} {p.kind.value} {p.part}"
        graph.add_edge(p.whole, p.part, key=key, kind="part", relation=p.kind.value)
    for j in answer.joints if isinstance(answer, FrameworkListing) else ():
        for member in j.members:
            graph.add_edge(j.id, member, key=f"{j.id} member {member}", kind="part", relation="member")
    for m in rows:
        graph.add_edge(m.subject, m.object, key=m.id, **_edge(release, m))
    if isinstance(answer, SetListing | GraphListing):
        for t in answer.threat_links:
            _link(graph, release, "threat", t.threat, t.relation.value, t.target, t.rationale, t.set_id)
        for r in answer.references:
            _link(graph, release, "reference", r.subject, r.kind, r.object, r.note, r.set_id)
    return graph


def _link(graph: Any, release: Release, kind: str, subject: str, relation: str, object_: str, why: str, set_: str
          ) -> None:  # fmt: skip
    for id_ in (subject, object_):
        if id_ not in graph:
            graph.add_node(id_, **_node(release, id_))
    said = _clean({"kind": kind, "relation": relation, "rationale": why, "set": set_})
    graph.add_edge(subject, object_, key=f"{subject} {relation} {object_}", **said)


def graphml(answers: Sequence[Any], release: Release) -> Iterator[bytes]:
    """The graph as GraphML."""
    import networkx as nx

    if len(answers) != 1:
        raise UsageError("one GraphML file holds one answer", "ask for one at a time")
    lines = iter(nx.generate_graphml(network_of(answers[0], release)))
    yield b'<?xml version="1.0" encoding="UTF-8"?>\n'
    while chunk := list(islice(lines, _LINES)):
        yield "".join(line + "\n" for line in chunk).encode()
