"""How much one request may ask for.

Four limits are read off the document alone and are graphql-core validation rules: depth, aliases, definitions and
repetitions.  They run before all other rules, so that nothing expensive is done for a document that is refused.  The
fifth is the *cost*, which depends on the variables too:

    cost of a field = its weight + page size × cost of what is asked of each item

A weight is 1 unless the schema says otherwise (``metadata={"cost": …}``).  The page size of a connection is its
``first``, that of a plain list what the schema says (``metadata={"size": …}``).  The cost is an upper estimate, in the
order of the number of values in the answer, and is reported with every answer in ``extensions { cost }``.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

from graphql import (
    ArgumentNode,
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLError,
    GraphQLField,
    GraphQLInterfaceType,
    GraphQLNamedType,
    GraphQLObjectType,
    GraphQLSchema,
    InlineFragmentNode,
    IntValueNode,
    OperationDefinitionNode,
    OperationType,
    SelectionSetNode,
    ValidationContext,
    ValidationRule,
    VariableNode,
    Visitor,
    get_named_type,
    is_list_type,
    is_non_null_type,
    visit,
)

__all__ = [
    "DEFAULT_PAGE", "MAX_ALIASES", "MAX_COST", "MAX_DEFINITIONS", "MAX_DEPTH", "MAX_PAGE", "MAX_REPEATS", "MAX_TOKENS",
    "RULES", "Cost", "LimitError", "check_cost", "cost_of", "operation_of",
]  # fmt: skip

#: The most items of one page, and how many there are where nothing is said.
MAX_PAGE = 100
DEFAULT_PAGE = 50
#: Fields within fields.
MAX_DEPTH = 14
#: Aliases in a document.
MAX_ALIASES = 50
#: Operations and fragments in a document.
MAX_DEFINITIONS = 50
#: Times the same name may stand in one selection.
MAX_REPEATS = 20
#: Tokens in a document: send controls as variables, they do not count.
MAX_TOKENS = 10_000
#: The highest cost of one operation.
MAX_COST = 250_000

_DEFINITION = "strawberry-definition"


class LimitError(GraphQLError):
    """A document that asks for too much; ``extensions`` carry the code and a hint."""

    def __init__(self, code: str, message: str, hint: str, nodes: Any = None) -> None:
        super().__init__(message, nodes, extensions={"code": code, "hint": hint})


# ---------------------------------------------------------------------------- rules on the document


class DefinitionRule(ValidationRule):
    """Not more than :data:`MAX_DEFINITIONS` operations and fragments."""

    def __init__(self, context: ValidationContext) -> None:
        super().__init__(context)
        count = len(context.document.definitions)
        if count > MAX_DEFINITIONS:
            message = f"the document has {count} operations and fragments; {MAX_DEFINITIONS} are allowed"
            context.report_error(LimitError("DEFINITION_LIMIT", message, "send several requests"))


class AliasRule(ValidationRule):
    """Not more than :data:`MAX_ALIASES` aliases in all."""

    def __init__(self, context: ValidationContext) -> None:
        super().__init__(context)
        self._count = 0

    def enter_field(self, node: FieldNode, *_: Any) -> None:
        """Count an alias."""
        self._count += node.alias is not None

    def leave_document(self, *_: Any) -> None:
        """Refuse too many."""
        if self._count > MAX_ALIASES:
            message = f"the document has {self._count} aliases; {MAX_ALIASES} are allowed"
            self.report_error(LimitError("ALIAS_LIMIT", message, "send several requests"))


class RepeatRule(ValidationRule):
    """The same name not more than :data:`MAX_REPEATS` times in one selection: merging them is quadratic."""

    def enter_selection_set(self, node: SelectionSetNode, *_: Any) -> None:
        """Refuse too many of the same name."""
        names = Counter(_response_name(s) for s in node.selections)
        name, count = names.most_common(1)[0]
        if count > MAX_REPEATS:
            message = f"{name!r} stands {count} times in one selection; {MAX_REPEATS} are allowed"
            self.report_error(LimitError("REPEAT_LIMIT", message, "once is enough", node))


def _response_name(node: Any) -> str:
    if isinstance(node, FieldNode):
        return node.alias.value if node.alias else node.name.value
    return f"... {node.name.value}" if isinstance(node, FragmentSpreadNode) else "..."


class DepthRule(ValidationRule):
    """Fields not more than :data:`MAX_DEPTH` deep, fragments followed.  What is wrong with the fragments themselves
    (unknown, or in a circle) is for other rules to say.  Introspection has a limit of its own in graphql-core."""

    def __init__(self, context: ValidationContext) -> None:
        super().__init__(context)
        self._depths: dict[str, int] = {}

    def enter_operation_definition(self, node: OperationDefinitionNode, *_: Any) -> None:
        """Refuse an operation that is too deep."""
        depth = self._depth(node.selection_set, frozenset())
        if depth > MAX_DEPTH:
            message = f"the operation is {depth} fields deep; {MAX_DEPTH} are allowed"
            self.report_error(LimitError("DEPTH_LIMIT", message, "go on from an `id` with `node(id:)`", node))

    def _depth(self, selections: SelectionSetNode, above: frozenset[str]) -> int:
        found = 0
        for node in selections.selections:
            if isinstance(node, FragmentSpreadNode):
                found = max(found, self._of_fragment(node.name.value, above))
            elif isinstance(node, FieldNode):
                if not node.name.value.startswith("__"):
                    found = max(found, 1 + (self._depth(node.selection_set, above) if node.selection_set else 0))
            elif isinstance(node, InlineFragmentNode):
                found = max(found, self._depth(node.selection_set, above))
        return found

    def _of_fragment(self, name: str, above: frozenset[str]) -> int:
        fragment = self.context.get_fragment(name)
        if fragment is None or name in above:
            return 0
        if name not in self._depths:
            self._depths[name] = self._depth(fragment.selection_set, above | {name})
        return self._depths[name]


RULES = (DefinitionRule, AliasRule, RepeatRule, DepthRule)


# ---------------------------------------------------------------------------- cost


class _Costs:
    """The cost of selections of one valid document with one set of variables."""

    def __init__(self, schema: GraphQLSchema, document: DocumentNode, variables: Mapping[str, Any]) -> None:
        self._schema = schema
        self._variables = variables
        self._fragments = {d.name.value: d for d in document.definitions if isinstance(d, FragmentDefinitionNode)}
        self._known: dict[str, int] = {}

    def of(self, selections: SelectionSetNode, parent: GraphQLNamedType) -> int:
        """What a selection of one object of ``parent`` costs."""
        return sum(self._of(node, parent) for node in selections.selections)

    def _of(self, node: Any, parent: GraphQLNamedType) -> int:
        if isinstance(node, FieldNode):
            return self._field(node, parent)
        if isinstance(node, FragmentSpreadNode):
            name = node.name.value
            if name not in self._known:
                fragment = self._fragments[name]
                self._known[name] = self.of(fragment.selection_set, self._type(fragment.type_condition.name.value))
            return self._known[name]
        condition = node.type_condition
        return self.of(node.selection_set, self._type(condition.name.value) if condition else parent)

    def _type(self, name: str) -> GraphQLNamedType:
        return self._schema.type_map[name]

    def _field(self, node: FieldNode, parent: GraphQLNamedType) -> int:
        if node.name.value.startswith("__") or not isinstance(parent, GraphQLObjectType | GraphQLInterfaceType):
            return 1
        field = parent.fields[node.name.value]
        metadata = _metadata(field)
        weight = int(metadata.get("cost", 1))
        if node.selection_set is None:
            return weight
        return weight + self._size(node, field, metadata) * self.of(node.selection_set, get_named_type(field.type))

    def _size(self, node: FieldNode, field: GraphQLField, metadata: Mapping[Any, Any]) -> int:
        """How many items a field is taken to give."""
        if "first" in field.args:
            given = next((a.value for a in node.arguments or () if a.name.value == "first"), None)
            asked: Any = field.args["first"].default_value if given is None else self._value(given)
            return max(1, min(asked, MAX_PAGE)) if isinstance(asked, int) else MAX_PAGE
        if "size" in metadata:
            return int(metadata["size"])
        kind = field.type.of_type if is_non_null_type(field.type) else field.type
        return 10 if is_list_type(kind) else 1

    def _value(self, value: Any) -> Any:
        if isinstance(value, IntValueNode):
            return int(value.value)
        return self._variables.get(value.name.value) if isinstance(value, VariableNode) else None


def _metadata(field: GraphQLField) -> Mapping[Any, Any]:
    definition = field.extensions.get(_DEFINITION)
    return definition.metadata if definition is not None else {}


def cost_of(
    schema: GraphQLSchema,
    document: DocumentNode,
    operation: OperationDefinitionNode,
    variables: Mapping[str, Any] | None,
) -> int:
    """The cost of an operation of a *valid* document.  A page size that a variable does not settle is taken as the
    greatest there is."""
    defaults = {
        d.variable.name.value: int(d.default_value.value)
        for d in operation.variable_definitions or ()
        if isinstance(d.default_value, IntValueNode)
    }
    root = schema.mutation_type if operation.operation is OperationType.MUTATION else schema.query_type
    assert root is not None
    return _Costs(schema, document, defaults | dict(variables or {})).of(operation.selection_set, root)


# ---------------------------------------------------------------------------- in the life of a request


class Cost:
    """The cost of one operation of a valid document: a function of the page sizes that its variables settle."""

    def __init__(self, schema: GraphQLSchema, document: DocumentNode, operation: OperationDefinitionNode) -> None:
        self._of = (schema, document, operation)
        asked = (d.variable.name.value for d in operation.variable_definitions or ())
        self._sizes = tuple(name for name in asked if name in _page_sizes(document))
        self._known: dict[tuple[int | None, ...], int] = {}

    def of(self, variables: Mapping[str, Any] | None) -> int:
        """What it costs with these variables, as they were sent."""
        sent = variables or {}
        key = tuple(_size(sent[name]) if name in sent else -1 for name in self._sizes)
        found = self._known.get(key)
        if found is None:
            found = cost_of(*self._of, variables)
            if len(self._known) < _SIZES:
                self._known[key] = found
        return found


#: How many sets of page sizes an operation's cost is kept for.
_SIZES = 256


def _size(value: Any) -> int | None:
    """All of a variable that a cost depends on; -1 stands for a variable that was not sent."""
    return max(0, min(value, MAX_PAGE)) if isinstance(value, int) else None


def _page_sizes(document: DocumentNode) -> set[str]:
    """The names of the variables that stand as ``first`` anywhere."""
    found: set[str] = set()

    class Firsts(Visitor):
        def enter_argument(self, node: ArgumentNode, *_: Any) -> None:
            if node.name.value == "first" and isinstance(node.value, VariableNode):
                found.add(node.value.name.value)

    visit(document, Firsts())
    return found


def operation_of(document: DocumentNode, name: str | None, writable: bool) -> OperationDefinitionNode:
    """The operation that is meant.  Raises :class:`LimitError` where it is not clear, and for what cannot be run."""
    every = [d for d in document.definitions if isinstance(d, OperationDefinitionNode)]
    named = [d for d in every if name is None or (d.name is not None and d.name.value == name)]
    known = ", ".join(d.name.value for d in every if d.name)
    if not every:
        raise LimitError("NO_OPERATION", "the document has no operation", "write `query { … }`")
    if not named:
        raise LimitError("UNKNOWN_OPERATION", f"the document has no operation {name!r}", f"it has: {known}")
    if len(named) > 1 and name is None:
        message = "the document has several operations, and `operationName` does not say which is meant"
        raise LimitError("OPERATION_NAME_REQUIRED", message, f"one of: {known}")
    if named[0].operation is OperationType.SUBSCRIPTION:
        hint = "ask `changesSince` for what has changed in an organisation"
        raise LimitError("NOT_A_QUERY", "a subscription cannot be run", hint)
    if named[0].operation is OperationType.MUTATION and not writable:
        hint = "send mutations by POST to a server that keeps organisations"
        raise LimitError("NOT_A_QUERY", "a mutation cannot be run here", hint)
    return named[0]


def check_cost(cost: int) -> None:
    """Raises :class:`LimitError` for an operation that costs too much."""
    if cost > MAX_COST:
        message = f"the operation would cost {cost}; {MAX_COST} is allowed"
        hint = "ask for smaller pages (`first`), fewer fields of each item, or in several requests"
        raise LimitError("COST_LIMIT", message, hint)
