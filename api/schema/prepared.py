"""Documents, parsed, validated and compiled once.

Whether a document is valid depends on its text and the schema alone, so that it is found again by its text; what it
costs depends on its variables too and is worked out for each set of page sizes (:class:`api.limits.Cost`).
"""

from __future__ import annotations

from collections import OrderedDict
from threading import Lock
from typing import Any

from graphql import (
    DocumentNode,
    FieldNode,
    GraphQLError,
    GraphQLSchema,
    OperationDefinitionNode,
    OperationType,
    Visitor,
    parse,
    specified_rules,
    validate,
    visit,
)
from strawberry.schema.schema import validate_document

from api.execution import Operation, Shortcuts, UnsupportedError
from api.limits import MAX_TOKENS, RULES, Cost, LimitError, operation_of
from api.schema.organizations import OrganizationQueries

__all__ = ["Document", "Documents", "Pace", "Prepared"]

#: The documents kept, by the number of their characters in all, and the longest one of them: 500,000 characters of
#: documents take some 100 MB at the worst.
KEPT_CHARACTERS = 500_000
LONG = 8_000
#: An operation is quick that takes less of the processor, in seconds, and has shown so this often: to hand it to a
#: thread takes a quarter of a thousandth.
QUICK, SEEN = 0.002, 3
#: The first times do not count: the operation's functions are made then (:mod:`api.execution.fused`).
WARMING = 2


class Prepared:
    """One operation of a valid document: what it costs, and how it is executed."""

    def __init__(
        self, schema: GraphQLSchema, shortcuts: Shortcuts, document: DocumentNode, node: OperationDefinitionNode
    ) -> None:
        self.node = node
        self.cost = Cost(schema, document, node)
        self.pace = Pace()
        self.reads = node.operation is OperationType.QUERY
        #: Whether it surely does not ask the store of organisations.
        self.offline = self.reads and not _asks_store(document)
        try:
            self.operation: Operation | None = Operation(schema, document, node, shortcuts)
        except UnsupportedError:
            self.operation = None


#: The fields of the root that read the store; everything else of it is reached through them.
STORE = frozenset(f.name for f in OrganizationQueries.__strawberry_definition__.fields) - {"viewer"}  # type: ignore


def _asks_store(document: DocumentNode) -> bool:
    asked = False

    class Fields(Visitor):
        def enter_field(self, node: FieldNode, *_: Any) -> None:
            nonlocal asked
            asked = asked or node.name.value in STORE

    visit(document, Fields())
    return asked


class Pace:
    """How long an operation has taken so far, in seconds of the processor and at which costs."""

    __slots__ = ("cost", "seen", "slowest")

    def __init__(self) -> None:
        self.seen, self.slowest, self.cost = 0, 0.0, 0

    def quick(self, cost: int) -> bool:
        """Whether it will take little, as far as anybody knows."""
        return self.seen >= WARMING + SEEN and self.slowest < QUICK and cost <= self.cost

    def note(self, seconds: float, cost: int) -> None:
        """It took so long.  What is long past weighs less."""
        self.seen += 1
        if self.seen > WARMING:
            self.slowest = max(0.99 * self.slowest, seconds)
        self.cost = max(self.cost, cost)


class Document:
    """A document as it was parsed, and everything that is wrong with it."""

    def __init__(self, schema: GraphQLSchema, shortcuts: Shortcuts, text: str) -> None:
        self._schema, self._shortcuts = schema, shortcuts
        self._prepared: dict[int, Prepared] = {}
        self.node: DocumentNode | None = None
        #: Why nothing of it can be run, whichever operation is meant: the first of the limits, or what does not parse.
        self.refused: GraphQLError | None = None
        self.errors: list[GraphQLError] = []
        try:
            self.node = parse(text, max_tokens=MAX_TOKENS)
        except GraphQLError as error:
            self.refused = error
            return
        self.refused = next(iter(validate(schema, self.node, RULES)), None)
        if self.refused is None:
            self.errors = validate_document(schema, self.node, tuple(specified_rules))  # with Strawberry's own rules

    def operation(self, name: str | None, writable: bool) -> OperationDefinitionNode:
        """The operation that is meant.  Raises :class:`~api.limits.LimitError` where it is not clear."""
        assert self.node is not None
        return operation_of(self.node, name, writable)

    def quick(self, name: str | None) -> Prepared | None:
        """The operation that is meant, if it has been prepared and is clear."""
        if self.refused is not None or self.errors or not self._prepared:
            return None
        try:
            node = self.operation(name, True)
        except LimitError:
            return None
        return self._prepared.get(id(node))

    def prepared(self, node: OperationDefinitionNode) -> Prepared:
        """One of its operations, if it is valid."""
        assert self.node is not None
        found = self._prepared.get(id(node))
        if found is None:
            found = self._prepared[id(node)] = Prepared(self._schema, self._shortcuts, self.node, node)
        return found


class Documents:
    """The documents last asked with.  Thread-safe; one that several ask with at once may be read several times."""

    def __init__(self, schema: GraphQLSchema, shortcuts: Shortcuts) -> None:
        self._schema, self._shortcuts = schema, shortcuts
        self._kept: OrderedDict[str, Document] = OrderedDict()
        self._characters = 0
        self._lock = Lock()

    def known(self, text: str) -> Document | None:
        """The document of that text, if it is at hand."""
        with self._lock:
            found = self._kept.get(text)
            if found is not None:
                self._kept.move_to_end(text)
        return found

    def prepared(self, text: str | None, name: str | None) -> Prepared | None:
        """The operation of that text and name, if it has been prepared and is at hand."""
        document = self.known(text or "")
        return document.quick(name) if document is not None else None

    def get(self, text: str) -> Document:
        """The document of that text."""
        found = self.known(text)
        if found is None:
            found = Document(self._schema, self._shortcuts, text)
            if len(text) <= LONG:
                self._keep(text, found)
        return found

    def _keep(self, text: str, document: Document) -> None:
        with self._lock:
            if text not in self._kept:
                self._kept[text] = document
                self._characters += len(text)
            while self._characters > KEPT_CHARACTERS:
                self._characters -= len(self._kept.popitem(last=False)[0])
