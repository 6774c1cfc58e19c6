"""Namespaces and CURIEs: the one place where an IRI is made or taken apart.

Every node of the graph lives at ``BASE + prefix + "/" + local`` and is written ``prefix:local``
everywhere (``iso42001:6.1.2``, ``eu-ai-act:art-10.2.f``).  The ontology's own terms live at
``BASE + "ontology#"`` and are written ``kg:``.  The w3id redirect is not registered yet; the names
are stable all the same.
"""

from __future__ import annotations

import re
from functools import cache

__all__ = [
    "BASE", "KG", "PREFIXES", "curie", "iri", "natural_key", "prefix_of", "resolve_reference",
    "set_iri", "split",
]  # fmt: skip

BASE = "https://w3id.org/aigov-kg/"
KG = BASE + "ontology#"
SETS = BASE + "mappings/"
FRAMEWORKS = BASE + "frameworks/"

#: Prefix → namespace, for files we write and queries we read.
PREFIXES: dict[str, str] = {
    "aiid": BASE + "aiid/",
    "airo": "https://w3id.org/airo#",
    "aisb": BASE + "aisb/",
    "atlas": BASE + "atlas/",
    "dcat": "http://www.w3.org/ns/dcat#",
    "dcterms": "http://purl.org/dc/terms/",
    "dpv": "https://w3id.org/dpv#",
    "eli": "http://data.europa.eu/eli/ontology#",
    "eu-ai-act": BASE + "eu-ai-act/",
    "eu-aiact": "https://w3id.org/dpv/legal/eu/aiact#",
    "eu-gdpr": "https://w3id.org/dpv/legal/eu/gdpr#",
    "fact": BASE + "fact/",
    "gdpr": BASE + "gdpr/",
    "iso42001": BASE + "iso42001/",
    "kg": KG,
    "kgfw": FRAMEWORKS,
    "kgset": SETS,
    "mit-ai-risk": BASE + "mit-ai-risk/",
    "nist-ai-rmf": BASE + "nist-ai-rmf/",
    "nist-aml": BASE + "nist-aml/",
    "owl": "http://www.w3.org/2002/07/owl#",
    "prov": "http://www.w3.org/ns/prov#",
    "question": BASE + "question/",
    "rdf": "http://www.w3.org/1999/02/22-rdf-syntax-ns#",
    "rdfs": "http://www.w3.org/2000/01/rdf-schema#",
    "semapv": "https://w3id.org/semapv/vocab/",
    "sh": "http://www.w3.org/ns/shacl#",
    "skos": "http://www.w3.org/2004/02/skos/core#",
    "sssom": "https://w3id.org/sssom/",
    "threat": BASE + "threat/",
    "vann": "http://purl.org/vocab/vann/",
    "vocabulary": BASE + "vocabulary/",
    "vs": "http://www.w3.org/2003/06/sw-vocab-status/ns#",
    "xsd": "http://www.w3.org/2001/XMLSchema#",
}
_FOREIGN = {ns: p for p, ns in PREFIXES.items() if not ns.startswith(BASE)}


def split(value: str) -> tuple[str, str]:
    """A CURIE's prefix and local name; the prefix is empty where there is none.

    >>> split("iso42001:A.6.2.4")
    ('iso42001', 'A.6.2.4')
    """
    prefix, colon, local = value.partition(":")
    return (prefix, local) if colon else ("", value)


def prefix_of(value: str) -> str:
    """The prefix of a CURIE: for a node of a framework, the framework's id."""
    return value.partition(":")[0]


@cache
def iri(value: str) -> str:
    """The IRI of a CURIE.

    >>> iri("gdpr:art-32.1")
    'https://w3id.org/aigov-kg/gdpr/art-32.1'
    """
    prefix, local = split(value)
    return PREFIXES.get(prefix, f"{BASE}{prefix}/") + local


@cache
def curie(value: str) -> str:
    """The CURIE of an IRI; an IRI outside every known namespace comes back unchanged.

    >>> curie("https://w3id.org/aigov-kg/ontology#Provision")
    'kg:Provision'
    """
    if value.startswith(KG):
        return "kg:" + value[len(KG) :]
    if value.startswith(SETS):
        return "kgset:" + value[len(SETS) :]
    if value.startswith(FRAMEWORKS):
        return "kgfw:" + value[len(FRAMEWORKS) :]
    if value.startswith(BASE):
        prefix, slash, local = value[len(BASE) :].partition("/")
        return f"{prefix}:{local}" if slash and local else value
    for namespace, prefix in _FOREIGN.items():
        if value.startswith(namespace):
            return f"{prefix}:{value[len(namespace) :]}"
    return value


def set_iri(name: str) -> str:
    """The IRI of a mapping set, which is also the name of its RDF graph."""
    return SETS + name


_ROMAN = {
    numeral: number
    for number, numeral in enumerate(
        "I II III IV V VI VII VIII IX X XI XII XIII XIV XV XVI XVII XVIII XIX XX".split(), 1
    )
}
_TOKEN = re.compile(r"\d+|[A-Za-z]+")
_HEAD = {"ch": 0, "chapter": 0, "art": 1, "annex": 2}


@cache
def natural_key(value: str) -> tuple[tuple[int, int, str], ...]:
    """A sort key that reads ids as a person does: 9 before 10, 4 before 4a, Annex IV before Annex IX,
    clauses before Annex A, chapters before articles before annexes.

    >>> sorted(["gdpr:art-10", "gdpr:art-9.2", "gdpr:art-9"], key=natural_key)
    ['gdpr:art-9', 'gdpr:art-9.2', 'gdpr:art-10']
    >>> sorted(["x:art-5.1.c", "x:art-5.1.ba", "x:art-5.1.b", "x:art-5.1.b.iv", "x:art-5.1.b.ii"], key=natural_key)
    ['x:art-5.1.b', 'x:art-5.1.b.ii', 'x:art-5.1.b.iv', 'x:art-5.1.ba', 'x:art-5.1.c']
    """
    prefix, local = split(value)
    roman = local.startswith(("ch-", "annex-"))
    key: list[tuple[int, int, str]] = [(0, 0, prefix)]
    before = ""
    for index, token in enumerate(_TOKEN.findall(local)):
        number = _ROMAN.get(token) if roman and index == 1 else None
        if len(before) == 1 and before.islower():  # a point's sub-points: i, ii, iii, iv
            number = _ROMAN.get(token.upper())
        if token.isdigit():
            key.append((0, int(token), ""))
        elif index == 0 and token in _HEAD:
            key.append((1, _HEAD[token], ""))
        elif number is not None:
            key.append((0, number, ""))
        else:
            key.append((1, 0, token))
        before = token
    key.append((-1, 0, local))
    return tuple(key)


# Compiled when a reference is resolved.  Possessive throughout, so that what does not match is refused in linear time.
_REST = r"(?P<rest>(?:[\s.,]*+(?:point)?+\s*+\(?+\s*+[0-9a-z]++\s*+\)?+)*+)$"
_ARTICLE = r"^(?:art(?:icle|\.)?|§)?[\s.\-]*+(?P<number>\d+[a-z]?)" + _REST
_ANNEX = r"^annex[\s.\-]*+(?P<number>[ivxlc]++)(?:[\s,.]*+section[\s.]*+(?P<section>[a-z]))?" + _REST
_LONGEST_REFERENCE = 200
_PIECE = r"(?i:[0-9]+[a-z]?|[a-z]+)"


def resolve_reference(framework: str, text: str) -> list[str]:
    """The CURIEs that what a person typed may mean inside ``framework``, most likely first.

    Nothing here knows which exist: the caller takes the first that does.

    >>> "eu-ai-act:art-10.2.f" in resolve_reference("eu-ai-act", "Article 10(2)(f)")
    True
    >>> "nist-ai-rmf:GOVERN-1.1" in resolve_reference("nist-ai-rmf", "govern 1.1")
    True
    >>> "iso42001:A.6.2.4" in resolve_reference("iso42001", "a.6.2.4")
    True
    """
    if len(text) > _LONGEST_REFERENCE:
        return []
    text = " ".join(text.split())
    if text.lower().startswith(framework.lower() + ":"):
        text = text[len(framework) + 1 :].strip()
    found = [f"{framework}:{text}"]
    if match := re.match(_ANNEX, text, re.IGNORECASE):
        pieces = [match["number"].upper()]
        if match["section"]:
            pieces.append(match["section"].upper())
        pieces += [p.lower() for p in re.findall(_PIECE, re.sub("point", " ", match["rest"] or "", flags=re.I))]
        found.append(f"{framework}:annex-" + ".".join(pieces))
    elif match := re.match(_ARTICLE, text, re.IGNORECASE):
        pieces = [match["number"].lower(), *(p.lower() for p in re.findall(_PIECE, match["rest"]))]
        found.append(f"{framework}:art-" + ".".join(pieces))
    found.append(f"{framework}:" + text.upper().replace(" ", "-"))
    found.append(f"{framework}:" + re.sub(r"^(clause|control|annex a)\s+", "", text, flags=re.I).upper())
    found.append(f"{framework}:" + text.lower().replace(" ", "-"))
    return list(dict.fromkeys(found))
