"""The relation words of each source, and what they say in ours.

A word is read only where its source defines it so; whatever is weaker than a set relation is ``related``: that the two
have something to do with each other.  Every table reads *subject relation object* in the direction of its source.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from kg.errors import UsageError, nearest
from kg.model import RationaleKind
from kg.relations import RELATIONS

__all__ = ["CISO", "IR8477", "KINDS", "OSCAL", "OWN", "SSSOM", "declared_words", "plain", "spread"]

#: Our own words, as the workbooks of this project write them.
OWN: dict[str, str] = {word.replace("_", " "): word for word in RELATIONS}
#: NIST IR 8477, section 4.3 (set theory relationship mapping), and NIST IR 8278A Rev. 1, section 3.2.6 (OLIR, which
#: writes "not related to").  Read from the focal document element to the reference document element: "subset of" says
#: that the reference element contains everything the focal element does, and more.  So also in the STRM sheets of the
#: Secure Controls Framework, whose reference element is the SCF control.
IR8477: dict[str, str] = {
    "equal": "equal",
    "equal to": "equal",
    "subset of": "subset_of",
    "superset of": "superset_of",
    "intersects with": "intersects_with",
    "no relationship": "no_relationship",
    "not related": "no_relationship",
    "not related to": "no_relationship",
}
#: OSCAL 1.2, control mapping model (oscal_mapping-common_metaschema.xml, ``relationship``), from source to target.
#: "equivalent-to" is said of what is "similar, although not necessarily identical": it is not ``equal``.
OSCAL: dict[str, str] = {
    "equal to": "equal",
    "equivalent to": "related",
    "subset of": "subset_of",
    "superset of": "superset_of",
    "intersects with": "intersects_with",
    "no relationship": "no_relationship",
}
#: CISO Assistant, ``requirement_mappings`` of a library (intuitem/ciso-assistant-community, documentation of the
#: mappings sheet), from source to target.
CISO: dict[str, str] = {
    "equal": "equal",
    "subset": "subset_of",
    "superset": "superset_of",
    "intersect": "intersects_with",
    "not related": "no_relationship",
}
#: Predicates of SSSOM files that are not our own (SKOS Reference, sections 8 and 10; OWL 2; RDF Schema).
#: ``skos:closeMatch`` and ``relatedMatch`` are no set relation; "S broadMatch O" says that O is the broader.  A
#: subclass may be the class itself.
SSSOM: dict[str, str] = {
    "skos:exactMatch": "equal",
    "owl:sameAs": "equal",
    "owl:equivalentClass": "equal",
    "skos:broadMatch": "at_most",
    "rdfs:subClassOf": "at_most",
    "skos:narrowMatch": "at_least",
    "sssom:superClassOf": "at_least",
    "skos:closeMatch": "related",
    "skos:relatedMatch": "related",
}
#: NIST IR 8477's rationale, and OSCAL's matching-rationale, which is the same.
KINDS = tuple(kind.value for kind in RationaleKind)


def plain(text: str) -> str:
    """Lower case, single blanks, no punctuation: how headings and relation words are compared.

    >>> plain("Subset-Of")
    'subset of'
    """
    return " ".join(re.findall(r"[^\W_]+", text.casefold()))


def spread(relation: str, sources: int, targets: int) -> str:
    """What a relation between a group of subjects and a group of objects, each taken together, says of every pair.

    Who contains the union contains each member; who is contained in a union is contained in no certain one of them.
    What is left is that a member has something to do with the other side, or it would not be named.

    >>> spread("equal", 1, 3), spread("subset_of", 1, 3), spread("subset_of", 3, 1)
    ('at_least', 'related', 'subset_of')
    """
    if (sources <= 1 and targets <= 1) or relation == "no_relationship":
        return relation
    if sources <= 1 and relation in ("superset_of", "equal", "at_least"):
        return "superset_of" if relation == "superset_of" else "at_least"
    if targets <= 1 and relation in ("subset_of", "equal", "at_most"):
        return "subset_of" if relation == "subset_of" else "at_most"
    return "related"


def declared_words(said: Mapping[str, str]) -> dict[str, str]:
    """What a person says words of their file mean, checked.  Raises :class:`~kg.errors.UsageError`."""
    found = {}
    for word, relation in said.items():
        name = plain(relation).replace(" ", "_")
        if name not in RELATIONS:
            near = nearest(name, RELATIONS)
            hint = f"did you mean {near}? " if near else ""
            raise UsageError(f"{relation!r} is no relation", f"{hint}one of: {', '.join(RELATIONS)}")
        found[word.strip() if ":" in word else plain(word)] = name
    return found
