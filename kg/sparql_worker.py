"""The process that evaluates SPARQL: started by :mod:`kg.sparql`, alone with the dataset, and killed at the deadline.

    python -m kg.sparql_worker FILE_DESCRIPTOR MEMORY

The dataset comes as N-Quads in an open file.  Once it is read the process gives up what it does not need
(:func:`confine`): from then on it can open nothing, neither a file nor a connection, whatever a query asks for.
Requests come on standard input and answers go to standard output as frames: a letter, the length in four bytes, the
content.  ``R`` ready; ``D`` a piece of the result; ``Z`` the end; ``E`` an error, both as JSON.
"""

from __future__ import annotations

import csv
import io
import itertools
import mmap
import os
import re
import resource
import struct
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from html import escape
from typing import IO, Any, BinaryIO, cast

import orjson
import pyoxigraph as ox

from kg.rdf import SparqlError, evaluate
from kg.terms import PREFIXES

__all__ = ["FORMATS", "GRAPH_FORMATS", "confine", "main", "read_frame", "write_frame"]

#: Ending → media type of the results of SELECT and ASK, the one given where a client takes anything first.
FORMATS = {
    "json": "application/sparql-results+json",
    "xml": "application/sparql-results+xml",
    "csv": "text/csv",
    "tsv": "text/tab-separated-values",
}
#: Ending → media type of the results of CONSTRUCT and DESCRIBE.
GRAPH_FORMATS = {
    "ttl": "text/turtle",
    "nt": "application/n-triples",
    "rdf": "application/rdf+xml",
    "jsonld": "application/ld+json",
}
_RDF = {
    "ttl": ox.RdfFormat.TURTLE,
    "nt": ox.RdfFormat.N_TRIPLES,
    "rdf": ox.RdfFormat.RDF_XML,
    "jsonld": ox.RdfFormat.JSON_LD,
}
_PIECE = 64 * 1024
_HEAD = struct.Struct(">cI")


def write_frame(out: BinaryIO, kind: bytes, content: bytes = b"") -> None:
    """Write one frame."""
    out.write(_HEAD.pack(kind, len(content)) + content)


def read_frame(read: Callable[[int], bytes]) -> tuple[bytes, bytes] | None:
    """One frame by ``read(n)``, which returns less than ``n`` bytes only at the end; ``None`` at the end."""
    head = read(_HEAD.size)
    if len(head) < _HEAD.size:
        return None
    kind, length = _HEAD.unpack(head)
    content = read(length)
    return (kind, content) if len(content) == length else None


def confine(memory: int) -> None:
    """Give up opening files and connections, writing files, dumping core, and more than ``memory`` further bytes.

    This is the guard that does not depend on what a query says: without a free file descriptor there is no socket, so
    that neither ``SERVICE`` nor anything else that a parser lets through reaches another host or a file.
    """
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    try:  # the size of the address space now; only Linux tells, and only there it is enforced
        with open("/proc/self/statm", encoding="ascii") as file:
            now = int(file.read().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (now + memory, now + memory))
    except OSError:
        pass
    resource.setrlimit(resource.RLIMIT_NOFILE, (0, 0))


class _Out:
    """A file that passes what is written on as frames, and counts."""

    def __init__(self, out: BinaryIO) -> None:
        self._out, self._kept, self.bytes = out, bytearray(), 0

    def write(self, data: bytes) -> int:
        self._kept += data
        self.bytes += len(data)
        if len(self._kept) >= _PIECE:
            self.flush()
        return len(data)

    def flush(self) -> None:
        for start in range(0, len(self._kept), _PIECE):
            write_frame(self._out, b"D", bytes(self._kept[start : start + _PIECE]))
        self._kept.clear()


# ---------------------------------------------------------------- results of SELECT, a row at a time


def _json_term(term: Any) -> dict[str, Any]:
    if isinstance(term, ox.NamedNode):
        return {"type": "uri", "value": term.value}
    if isinstance(term, ox.BlankNode):
        return {"type": "bnode", "value": term.value}
    if isinstance(term, ox.Triple):
        names = ("subject", "predicate", "object")
        return {"type": "triple", "value": {name: _json_term(getattr(term, name)) for name in names}}
    found = {"type": "literal", "value": term.value}
    if term.language:
        found["xml:lang"] = term.language
        if term.direction is not None:
            found["its:dir"] = str(term.direction.value)
    elif term.datatype.value != "http://www.w3.org/2001/XMLSchema#string":
        found["datatype"] = term.datatype.value
    return found


def _json(names: Sequence[str], rows: Iterable[Sequence[Any]]) -> Iterator[bytes]:
    yield b'{"head":{"vars":' + orjson.dumps(list(names)) + b'},"results":{"bindings":['
    before = b""
    for row in rows:
        bound = {name: _json_term(term) for name, term in zip(names, row, strict=True) if term is not None}
        yield before + b"\n" + orjson.dumps(bound)
        before = b","
    yield b"\n]}}\n"


_XML_UNSAID = dict.fromkeys([*range(9), 11, 12, *range(14, 32), 0xFFFE, 0xFFFF], "\ufffd")


#: What readers make one line end of, or trim.
_XML_BLANK = re.compile(r"\r|^\s+|\s+\Z")


def _xml_text(text: str) -> str:
    """Text in XML 1.0, which has no words for control characters."""
    text = escape(text.translate(_XML_UNSAID), quote=True)
    return _XML_BLANK.sub(lambda found: "".join(f"&#{ord(c)};" for c in found[0]), text)


def _xml_term(term: Any) -> str:
    if isinstance(term, ox.NamedNode):
        return f"<uri>{_xml_text(term.value)}</uri>"
    if isinstance(term, ox.BlankNode):
        return f"<bnode>{_xml_text(term.value)}</bnode>"
    if isinstance(term, ox.Triple):
        names = ("subject", "predicate", "object")
        return f"<triple>{''.join(f'<{n}>{_xml_term(getattr(term, n))}</{n}>' for n in names)}</triple>"
    more = ""
    if term.language:
        more = f' xml:lang="{term.language}"'
    elif term.datatype.value != "http://www.w3.org/2001/XMLSchema#string":
        more = f' datatype="{_xml_text(term.datatype.value)}"'
    return f"<literal{more}>{_xml_text(term.value)}</literal>"


def _xml(names: Sequence[str], rows: Iterable[Sequence[Any]]) -> Iterator[bytes]:
    head = "".join(f'<variable name="{name}"/>' for name in names)
    yield (
        f'<?xml version="1.0"?>\n<sparql xmlns="http://www.w3.org/2005/sparql-results#"><head>{head}</head><results>'
    ).encode()
    for row in rows:
        cells = "".join(
            f'<binding name="{name}">{_xml_term(term)}</binding>'
            for name, term in zip(names, row, strict=True)
            if term is not None
        )
        yield f"\n<result>{cells}</result>".encode()
    yield b"\n</results></sparql>\n"


def _plain(term: Any) -> str:
    if term is None:
        return ""
    if isinstance(term, ox.BlankNode | ox.Triple):
        return str(term)
    return str(term.value)


def _csv(names: Sequence[str], rows: Iterable[Sequence[Any]]) -> Iterator[bytes]:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    for row in itertools.chain([names], ([_plain(term) for term in row] for row in rows)):
        writer.writerow(row)
        yield out.getvalue().encode()
        out.seek(0)
        out.truncate()


def _tsv(names: Sequence[str], rows: Iterable[Sequence[Any]]) -> Iterator[bytes]:
    yield ("\t".join(f"?{name}" for name in names) + "\n").encode()
    for row in rows:
        cells = ("" if term is None else str(term).replace("\t", "\\t") for term in row)
        yield ("\t".join(cells) + "\n").encode()


_WRITERS = {"json": _json, "xml": _xml, "csv": _csv, "tsv": _tsv}


# ---------------------------------------------------------------- one request


class _Cut:
    """The first items of an iterable, until there are ``rows`` of them or ``full()``; ``said`` why it ended early."""

    def __init__(self, items: Iterable[Any], rows: int, full: Callable[[], bool]) -> None:
        self._items, self._rows, self._full = items, rows, full
        self.rows, self.said = 0, ""

    def __iter__(self) -> Iterator[Any]:
        for item in self._items:
            if self.rows >= self._rows:
                self.said = "rows"
                return
            if self._full():
                self.said = "bytes"
                return
            self.rows += 1
            yield item


def _answer(store: ox.Store, asked: dict[str, Any], out: BinaryIO) -> dict[str, Any]:
    """Evaluate one request into ``D`` frames; what the end says."""
    result = evaluate(store, asked["query"], asked.get("default_graphs", ()), asked.get("named_graphs", ()))
    wanted = asked["graph"] if isinstance(result, ox.QueryTriples) else asked["results"]
    if not wanted:
        kinds = GRAPH_FORMATS if isinstance(result, ox.QueryTriples) else FORMATS
        hint = "this query can be answered as " + ", ".join(kinds.values())
        raise SparqlError("none of the formats the client accepts can be given", hint, code="NOT_ACCEPTABLE")
    pieces = _Out(out)
    if isinstance(result, ox.QueryBoolean):
        _write_boolean(bool(result), wanted, pieces)
        pieces.flush()
        return {"kind": "ask", "format": wanted, "rows": 1, "cut": ""}
    cut = _Cut(result, asked["rows"], lambda: pieces.bytes >= asked["bytes"])
    if isinstance(result, ox.QueryTriples):
        ox.serialize(
            iter(cut),
            output=cast("IO[bytes]", pieces),
            format=_RDF[wanted],
            prefixes=PREFIXES if wanted != "nt" else None,
        )
        kind = "graph"
    else:
        names = [variable.value for variable in result.variables]
        for piece in _WRITERS[wanted](names, cut):
            pieces.write(piece)
        kind = "select"
    pieces.flush()
    return {"kind": kind, "format": wanted, "rows": cut.rows, "cut": cut.said}


def _write_boolean(value: bool, wanted: str, out: _Out) -> None:
    word = "true" if value else "false"
    if wanted == "json":
        out.write(f'{{"head":{{}},"boolean":{word}}}\n'.encode())
    elif wanted == "xml":
        head = '<?xml version="1.0"?>\n<sparql xmlns="http://www.w3.org/2005/sparql-results#"><head/>'
        out.write(f"{head}<boolean>{word}</boolean></sparql>\n".encode())
    else:  # the recommendation has no CSV for ASK: the word alone, as other stores write it
        out.write(f"{word}\n".encode())


def _refusal(error: Exception) -> dict[str, str]:
    if isinstance(error, SparqlError):
        return {"code": error.code, "message": error.message, "hint": error.hint}
    if isinstance(error, MemoryError):
        return {"code": "QUERY_TOO_LARGE", "message": "the query needs more memory than one query may have", "hint": ""}
    if isinstance(error, OSError):
        message = "the query asks for something outside this graph"
        return {"code": "BAD_QUERY", "message": message, "hint": str(error)[:200]}
    return {"code": "BAD_QUERY", "message": "the query cannot be evaluated", "hint": str(error)[:200]}


def main(arguments: Sequence[str]) -> int:
    """Read the dataset, then answer requests until standard input ends."""
    descriptor, memory = int(arguments[0]), int(arguments[1])
    store = ox.Store()
    with mmap.mmap(descriptor, 0, access=mmap.ACCESS_READ) as data:
        store.bulk_load(input=data, format=ox.RdfFormat.N_QUADS)  # type: ignore[arg-type]
    os.close(descriptor)
    confine(memory)
    out = sys.stdout.buffer
    write_frame(out, b"R")
    out.flush()
    while (frame := read_frame(sys.stdin.buffer.read)) is not None:
        asked = orjson.loads(frame[1])
        used = resource.getrusage(resource.RUSAGE_SELF)
        seconds = int(used.ru_utime + used.ru_stime + asked["seconds"]) + 2
        hard = resource.getrlimit(resource.RLIMIT_CPU)[1]
        resource.setrlimit(resource.RLIMIT_CPU, (seconds if hard < 0 else min(seconds, hard), hard))
        try:
            end = _answer(store, asked, out)
        except BrokenPipeError:
            return 0
        except Exception as error:
            write_frame(out, b"E", orjson.dumps(_refusal(error)))
        else:
            write_frame(out, b"Z", orjson.dumps(end))
        out.flush()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
