"""Documents, parsed, validated and compiled once.

Whether a document is valid depends on its text and the schema alone, so that it is found again by its text; what it
costs depends on its variables too and is worked out for each set of page sizes (:class:`api.limits.Cost`).
"""

from __future__ import annotations

from collections import OrderedDict
from threading import Lock

from graphql import (
    DocumentNode,
    GraphQLError,
    GraphQLSchema,
    OperationDefinitionNode,
    parse,
    specified_rules,
    validate,
)
from strawberry.schema.schema import validate_document

from api.execution import Operation, Shortcuts, UnsupportedError
from api.limits import MAX_TOKENS, RULES, Cost, operation_of

__all__ = ["Document", "Documents", "Prepared"]

#: The documents kept, by the number of their characters in all, and the longest one of them: 500,000 characters of
#: documents take some 100 MB at the worst.
KEPT_CHARACTERS = 500_000
LONG = 8_000


class Prepared:
    """One operation of a valid document: what it costs, and how it is executed."""

    def __init__(
        self, schema: GraphQLSchema, shortcuts: Shortcuts, document: DocumentNode, node: OperationDefinitionNode
    ) -> None:
        self.node = node
        self.cost = Cost(schema, document, node)
        try:
            self.operation: Operation | None = Operation(schema, document, node, shortcuts)
        except UnsupportedError:
            self.operation = None


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
