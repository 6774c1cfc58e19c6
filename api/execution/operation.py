"""An operation, compiled: which fields stand in which object, and how each is resolved and completed."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from enum import Enum
from functools import lru_cache
from itertools import islice
from typing import Any, cast

import orjson
from graphql import (
    BooleanValueNode,
    DocumentNode,
    EnumValueNode,
    ExecutionResult,
    FieldNode,
    FloatValueNode,
    FragmentDefinitionNode,
    GraphQLError,
    GraphQLField,
    GraphQLObjectType,
    GraphQLResolveInfo,
    GraphQLSchema,
    IntValueNode,
    NullValueNode,
    OperationDefinitionNode,
    OperationType,
    StringValueNode,
    VariableNode,
    Visitor,
    default_field_resolver,
    get_argument_values,
    get_variable_values,
    is_interface_type,
    is_object_type,
    visit,
)
from graphql.execution.collect_fields import FieldDetails, FragmentDetails, collect_fields, collect_subfields
from graphql.pyutils import Path
from graphql.pyutils.is_awaitable import is_awaitable

from .completion import FAILURES, Failure, UnsupportedError, completer, odd
from .fused import MAX_CLASSES, Fused, fused
from .places import FieldPlaces, Places, RootPlaces, SomePlaces
from .shortcuts import Shortcuts
from .written import Writer, joined, writer

__all__ = ["Operation", "UnsupportedError"]

#: How many sets of values of the variables in ``@skip`` and ``@include`` an operation is kept compiled for.
VARIANTS = 16
#: How often a function is made for a selection, if it met what it was not made for.
MADE = 8
#: Objects that are written at once: one that has a quotation mark in its title costs no more than these their speed.
PART = 128
#: Of how many parts one is tried, where the others before had to be escaped.
MOST_WAITS = 63
_CONSTANT = (BooleanValueNode, EnumValueNode, FloatValueNode, IntValueNode, NullValueNode, StringValueNode)
_IMMUTABLE = (str, int, float, type(None), Enum)
#: What graphql-core answers an operation that selects too deeply with.
_TOO_DEEP = "the selections are nested too deeply"


class Operation:
    """One operation of a valid document, to be executed any number of times, by several threads at once.

    Raises :class:`UnsupportedError` for what only graphql-core executes.
    """

    def __init__(
        self,
        schema: GraphQLSchema,
        document: DocumentNode,
        operation: OperationDefinitionNode,
        shortcuts: Shortcuts | None = None,
    ) -> None:
        self.schema, self.operation, self.shortcuts = schema, operation, shortcuts or Shortcuts()
        self.fragments = {d.name.value: d for d in document.definitions if isinstance(d, FragmentDefinitionNode)}
        self.details = {name: FragmentDetails(d) for name, d in self.fragments.items()}
        self._plans: OrderedDict[tuple[bool, ...], ObjectPlan] = OrderedDict()
        root = schema.get_root_type(operation.operation)
        if root is None or operation.operation is OperationType.SUBSCRIPTION:
            raise UnsupportedError("a subscription, or nothing that the schema has")
        self._root = root
        self._mutates = operation.operation is OperationType.MUTATION
        if self._mutates and _asynchronous(schema, self.shortcuts):
            raise UnsupportedError("a mutation of a schema with asynchronous resolvers")
        if any(d.name.value not in ("skip", "include") for d in operation.directives or ()):
            raise UnsupportedError("a directive of the operation")
        declared = {d.variable.name.value for d in operation.variable_definitions or ()}
        found = _Directives()
        visit(document, found)
        if found.unsupported:
            raise UnsupportedError(found.unsupported)
        self._switches = tuple(sorted(declared & found.variables))

    def execute(
        self,
        context: Any = None,
        variables: Mapping[str, Any] | None = None,
        root: Any = None,
        extensions: Any = None,
        *,
        written: bool = False,
    ) -> ExecutionResult:
        """The result, as :func:`graphql.execute_sync` gives it.  ``extensions`` is what ``info.operation_extensions``
        tells resolvers.  With ``written``, long lists may stand in the data as the JSON that they are, each an
        ``orjson.Fragment``: for who writes the data with orjson and does nothing else with it.

        Raises :class:`UnsupportedError` where a query turns out to need graphql-core.  A mutation does so only before
        anything was resolved; an awaitable in a mutation is a :class:`RuntimeError`.
        """
        definitions = self.operation.variable_definitions or ()
        values = get_variable_values(self.schema, definitions, dict(variables or {}), max_errors=50)
        if isinstance(values, list):
            return ExecutionResult(None, values)
        run = Run(self, values, context, root, extensions, written)
        plan = self._plan(run)
        try:
            found, flags = plan.execute(run, [root], RootPlaces())
        except UnsupportedError as error:
            if self._mutates:
                raise RuntimeError("GraphQL execution failed to complete synchronously.") from error
            raise
        if flags & FAILURES:
            run.errors.append((found[0].order, (), found[0].error))
            found = [None]
        return ExecutionResult(found[0], run.told())

    def _plan(self, run: Run) -> ObjectPlan:
        """What is executed with these values of the variables in ``@skip`` and ``@include``."""
        switches = tuple(run.variables.coerced.get(name) for name in self._switches)
        if not all(type(s) is bool for s in switches):
            raise UnsupportedError("a directive without a value")
        found = self._plans.get(cast(Any, switches))
        if found is None:
            try:
                fields = collect_fields(self.schema, self.details, run.variables, self._root, self.operation)
            except RecursionError:
                raise UnsupportedError(_TOO_DEEP) from None
            found = ObjectPlan(self, self._root, fields.grouped_field_set)
            self._plans[cast(Any, switches)] = found
            while len(self._plans) > VARIANTS:
                self._plans.popitem(last=False)
        return found


class _Directives(Visitor):
    """The variables that decide what is selected, and what is not supported."""

    def __init__(self) -> None:
        super().__init__()
        self.variables: set[str] = set()
        self.unsupported = ""

    def enter_directive(self, node: Any, *_: Any) -> None:
        name = node.name.value
        if name in ("defer", "stream"):
            self.unsupported = f"@{name}"
        elif name in ("skip", "include"):
            values = (a.value for a in node.arguments or ())
            self.variables.update(v.name.value for v in values if isinstance(v, VariableNode))

    def enter_fragment_definition(self, node: FragmentDefinitionNode, *_: Any) -> None:
        if node.variable_definitions:
            self.unsupported = "variables of a fragment"


@lru_cache(maxsize=16)
def _asynchronous(schema: GraphQLSchema, shortcuts: Shortcuts) -> bool:
    """Whether any resolver of the schema is known to be asynchronous."""
    return any(
        shortcuts.is_async(field)
        for type_ in schema.type_map.values()
        if is_object_type(type_) or is_interface_type(type_)
        for field in type_.fields.values()
    )


class Run:
    """One execution: what its resolvers are told, and the errors so far."""

    def __init__(
        self, operation: Operation, variables: Any, context: Any, root: Any, extensions: Any, written: bool
    ) -> None:
        self.of, self.schema, self.variables = operation, operation.schema, variables
        self.context, self.root, self.extensions = context, root, extensions
        self.written = written  #: whether long lists may be given as the text that they are
        #: Each with its order and that of the place that became null for it.
        self.errors: list[tuple[tuple[int, ...], tuple[int, ...], GraphQLError]] = []
        self._arguments: dict[FieldPlan, dict[str, Any]] = {}

    def arguments(self, field: FieldPlan) -> dict[str, Any]:
        """The coerced arguments of a field; raises what is wrong with them."""
        if field.constant is not None:
            return field.constant
        found = self._arguments.get(field)
        if found is None:
            found = get_argument_values(field.definition, field.nodes[0], self.variables)
            self._arguments[field] = found
            simple = all(isinstance(a.value, _CONSTANT) for a in field.nodes[0].arguments or ())
            if simple and all(isinstance(v, _IMMUTABLE) for v in found.values()):
                field.constant = found
        return found

    def info(self, field: FieldPlan, path: Path | None) -> GraphQLResolveInfo[Any]:
        """What a predicate of a type is told."""
        return cast(GraphQLResolveInfo[Any], _Info(self, field, None, 0, path))

    def nulled(self, column: list[Any], places: Places) -> list[Any]:
        """The column with nulls for failures, whose errors are kept."""
        found = list(column)
        for i, value in enumerate(column):
            if type(value) is Failure:
                self.errors.append((value.order, places.order(i), value.error))
                found[i] = None
        return found

    def told(self) -> list[GraphQLError] | None:
        """The errors that a depth-first execution meets, in its order: it does not go on beneath a place that an error
        has made null."""
        kept, nulls = [], set()
        for order, null, error in sorted(self.errors, key=lambda e: e[0]):
            if not any(order[:n] in nulls for n in range(len(order) + 1)):
                kept.append(error)
                nulls.add(null)
        return kept or None


class _Info:
    """``GraphQLResolveInfo``, worked out when it is asked for."""

    __slots__ = ("_field", "_i", "_path", "_places", "_run")

    def __init__(self, run: Run, field: FieldPlan, places: Places | None, i: int, path: Path | None = None) -> None:
        self._run, self._field, self._places, self._i, self._path = run, field, places, i, path

    @property
    def field_name(self) -> str:
        return self._field.name

    @property
    def field_nodes(self) -> list[FieldNode]:
        return self._field.nodes

    @property
    def return_type(self) -> Any:
        return self._field.definition.type

    @property
    def parent_type(self) -> GraphQLObjectType:
        return self._field.parent_type

    @property
    def path(self) -> Path | None:
        return self._path if self._places is None else self._places.path(self._i)

    @property
    def schema(self) -> GraphQLSchema:
        return self._run.schema

    @property
    def fragments(self) -> dict[str, FragmentDefinitionNode]:
        return self._run.of.fragments

    @property
    def root_value(self) -> Any:
        return self._run.root

    @property
    def operation(self) -> OperationDefinitionNode:
        return self._run.of.operation

    @property
    def variable_values(self) -> Any:
        return self._run.of.shortcuts.variable_values(self._run.variables)

    @property
    def context(self) -> Any:
        return self._run.context

    @property
    def is_awaitable(self) -> Any:
        return is_awaitable

    @property
    def abort_signal(self) -> None:
        return None

    @property
    def operation_extensions(self) -> Any:
        return self._run.extensions


class ObjectPlan:
    """The fields of one object type in one place of the operation."""

    def __init__(self, of: Operation, type_: GraphQLObjectType, grouped: Mapping[str, list[FieldDetails]]) -> None:
        fields = (FieldPlan(of, type_, key, i, details) for i, (key, details) in enumerate(grouped.items()))
        self.fields = [f for f in fields if f.definition is not None]
        self.type = type_
        #: The classes of the objects that the columns were made of so far.
        self.classes: frozenset[type] = frozenset()
        self._rows = _row_maker(tuple(f.key for f in self.fields))
        self._fused: Fused | None = None
        self._left = MADE if all(f.attribute or f.name == "__typename" for f in self.fields) else 0
        self._writer: Writer | None = None
        self._writers_left = self._left
        self._in_vain = self._waits = 0  #: lists that had to be written otherwise, and those until the next attempt

    def execute(self, run: Run, sources: list[Any], places: Places) -> tuple[list[Any], int]:
        """An object, or the failure of a field that may not be null, for each source."""
        rows = self._at_once(sources)
        if rows is not None:
            return rows, 0
        if len(self.classes) <= MAX_CLASSES:
            self.classes |= set(islice(set(map(type, sources)), MAX_CLASSES + 1))
        columns: list[list[Any]] = []
        failed: dict[int, Failure] = {}
        n, indices = len(sources), list[int]()
        for field in self.fields:
            column, flags = field.column(run, sources, places)
            if flags & FAILURES and any(type(v) is Failure for v in column):
                # graphql-core leaves an object at its first such field: the others go on without it
                live = [i for i, v in enumerate(column) if type(v) is not Failure]
                failed |= {indices[i] if indices else i: v for i, v in enumerate(column) if type(v) is Failure}
                columns = [[c[i] for i in live] for c in (*columns, column)]
                sources = [sources[i] for i in live]
                places = SomePlaces(places, live)
                indices = [indices[i] for i in live] if indices else live
                if not live:
                    break
            else:
                columns.append(column)
        if not failed:
            return self._rows(n, *columns), 0
        found: list[Any] = [failed.get(i) for i in range(n)]
        if indices:
            for i, row in zip(indices, self._rows(len(indices), *columns), strict=True):
                found[i] = row
        return found, FAILURES

    def _at_once(self, sources: list[Any]) -> list[dict[str, Any]] | None:
        """The objects by one function, where there is one and nothing stands in its way."""
        made = self._fused
        if made is None:
            if not self._left or not self.classes:  # what is executed once is not worth a function
                return None
            self._left -= 1
            made = self._fused = fused(self, odd)
            if made is None:
                self._left = 0
                return None
        try:
            found = made(sources)
        except Exception:
            found = None
        if found is None and self._left:
            self._fused = None  # the next one knows what the columns meet now
        return found

    @property
    def writable(self) -> bool:
        """Whether :meth:`text` may give any."""
        return bool(self.classes) and (self._writer is not None or self._writers_left > 0)

    def text(self, sources: Sequence[Any]) -> bytes | None:
        """The JSON of a list of objects, where one function writes them and nothing stands in its way."""
        parts = []
        for start in range(0, len(sources), PART):
            some = list(sources[start : start + PART])
            part = self._text(some)
            if part is None:  # a string that must be escaped, or more
                rows = self._at_once(some)
                if rows is None:
                    return None
                try:
                    part = orjson.dumps(rows)[1:-1]
                except TypeError:  # who writes the answer will say so
                    return None
            parts.append(part)
        return b"[" + b",".join(parts) + b"]"

    def _text(self, sources: list[Any]) -> bytes | None:
        """The JSON of some objects without the brackets of their list, or ``None``."""
        if self._waits:  # it was tried in vain before
            self._waits -= 1
            return None
        made = self._writer
        if made is None:
            if not self._writers_left:
                return None
            self._writers_left -= 1
            made = self._writer = writer(self, odd)
            if made is None:
                self._writers_left = 0
                return None
        try:
            parts = made(sources)
        except Exception:
            parts = None
        if parts is None:
            if self._writers_left:
                self._writer = None  # the next one knows what the columns meet now
            return None
        found = joined(*parts)
        self._in_vain = 0 if found is not None else self._in_vain + 1
        self._waits = min(2**self._in_vain - 1, MOST_WAITS)
        return found


@lru_cache(maxsize=4096)
def _row_maker(keys: tuple[str, ...]) -> Callable[..., list[dict[str, Any]]]:
    """A function of the number of rows and a column for each key that gives the rows.

    It is compiled: a literal dict takes half the time of ``dict(zip(keys, row))``.  The keys are GraphQL names, which
    are letters, digits and underscores, and are written as literals of strings all the same."""
    if not keys:
        return lambda n: [{} for _ in range(n)]
    columns = ", ".join(f"c{i}" for i in range(len(keys)))
    values = ", ".join(f"v{i}" for i in range(len(keys)))
    pairs = ", ".join(f"{key!r}: v{i}" for i, key in enumerate(keys))
    code = f"lambda n, {columns}: [{{{pairs}}} for {values}, in zip({columns})]"
    return cast(Callable[..., list[dict[str, Any]]], eval(code, {"zip": zip}))


class FieldPlan:
    """One field of one object type in one place of the operation."""

    def __init__(
        self, of: Operation, parent_type: GraphQLObjectType, key: str, position: int, details: list[FieldDetails]
    ) -> None:
        self.key, self.position, self.parent_type, self.details = key, position, parent_type, details
        self.nodes = [d.node for d in details]
        self.name = self.field_name = self.nodes[0].name.value
        self.shortcuts = of.shortcuts
        self._of = of
        #: The coerced arguments, once known to be the same always.
        self.constant: dict[str, Any] | None = None
        #: The attribute of the source that is the value, if it is no more than that.
        self.attribute: str | None = None
        #: Object types by abstract type and class of value.
        self.kinds: dict[tuple[Any, type], GraphQLObjectType] = {}
        self._below: dict[GraphQLObjectType, ObjectPlan] = {}
        definition = of.schema.get_field(parent_type, self.name)
        self.definition: GraphQLField = cast(GraphQLField, definition)
        if definition is None:  # as graphql-core: it is left out
            return
        if self.shortcuts.is_async(definition):
            raise UnsupportedError(f"{parent_type}.{self.name} is asynchronous")
        self._bare = not definition.args and not self.nodes[0].arguments
        self.attribute = self.shortcuts.attribute(definition) if self._bare else None
        self._plain = self.shortcuts.plain(definition) if self._bare else None
        self._method = self.shortcuts.method(definition) or _resolver(definition)
        self._completer = completer(self, definition.type)

    def below(self, run: Run, type_: GraphQLObjectType) -> ObjectPlan:
        """What is selected of an object of ``type_`` in this field."""
        found = self._below.get(type_)
        if found is None:
            of = self._of
            fields = collect_subfields(of.schema, of.details, run.variables, of.operation, type_, self.details)
            found = self._below[type_] = ObjectPlan(of, type_, fields.grouped_field_set)
        return found

    def known(self, type_: GraphQLObjectType) -> ObjectPlan | None:
        """The same, if an object of ``type_`` was ever met."""
        return self._below.get(type_)

    def column(self, run: Run, sources: Sequence[Any], places: Places) -> tuple[list[Any], int]:
        """The completed values of the field for all sources."""
        if self.name == "__typename":
            return [self.parent_type.name] * len(sources), 0
        here = FieldPlaces(places, self.key, self.position, self.parent_type.name)
        if self._plain is not None:
            values = self._resolved(sources, self._plain, here)
        else:
            try:
                arguments = {} if self._bare else run.arguments(self)
            except Exception as error:
                failed = [self._completer.failure(error, here, i) for i in range(len(sources))]
                return self._completer.complete(run, failed, here)
            method, counted = self._method, iter(range(len(sources)))

            def resolve(source: Any) -> Any:
                return method(source, _Info(run, self, here, next(counted)), arguments)

            values = self._resolved(sources, resolve, here)
        return self._completer.complete(run, values, here)

    def _resolved(self, sources: Sequence[Any], resolve: Callable[[Any], Any], here: Places) -> list[Any]:
        """What ``resolve`` gives for each source, or a failure."""
        values: list[Any] = []
        n, rest = len(sources), iter(sources)
        while True:
            try:
                values.extend(map(resolve, rest))
                if len(values) == n:
                    return values
                error: Exception = StopIteration()  # a resolver raised it, and map took it for its end
            except Exception as raised:
                error = raised
            values.append(self._completer.failure(error, here, len(values)))
            if len(values) == n:
                return values
            rest = islice(sources, len(values), None)


def _resolver(definition: GraphQLField) -> Callable[[Any, Any, dict[str, Any]], Any]:
    resolve = definition.resolve or default_field_resolver

    def resolved(source: Any, info: Any, arguments: dict[str, Any]) -> Any:
        return resolve(source, info, **arguments)

    return resolved
