"""The GraphQL schema, thin over :mod:`kg.answers` and :mod:`kg.release`.

    queries        the root; mutations what changes an organisation
    organizations  what is kept of organisations; tenants who may see it
    frameworks, controls, mappings, threats    what the release holds
    crosswalks, assessments, reports, inputs, steps    what is answered
    lookup         from ids of any sort to things
    enums, ids, connections, nodes             conventions

Conventions: `id` is opaque and for `node(id:)`, `curie` is what people write, `iri` what RDF says; a list that can
exceed 50 is a Relay connection; enum values are written as in the JSON exports; no number without its denominator.

Modules that define types have no ``from __future__ import annotations``: Strawberry reads every annotation when it is
imported, and to evaluate some thousands of strings took a third of the time that the schema takes to make.  Only what
is defined further on is quoted, and what Strawberry does not read and only an annotation would import.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import Any

import strawberry
from graphql import GraphQLError
from strawberry.exceptions import MissingQueryError
from strawberry.schema.config import StrawberryConfig
from strawberry.types import ExecutionResult
from strawberry.types.graphql import OperationType

from api.execution import UnsupportedError
from api.execution.strawberry import StrawberryShortcuts
from api.limits import MAX_COST, check_cost
from api.schema.mutations import Mutation
from api.schema.prepared import Documents, Prepared
from api.schema.queries import Query

__all__ = ["KgSchema", "schema"]


class KgSchema(strawberry.Schema):
    """The schema, executed breadth first (:mod:`api.execution`) over documents that are read once
    (:mod:`api.schema.prepared`), within the limits of :mod:`api.limits`.

    ``KG_GRAPHQL_EXECUTOR=graphql-core`` in the environment has graphql-core execute everything: the answers are the
    same.  Errors are logged once, where they are presented (:mod:`api.errors`).
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.documents = Documents(self._schema, StrawberryShortcuts(self))
        self.breadth_first = os.environ.get("KG_GRAPHQL_EXECUTOR") != "graphql-core"

    def process_errors(self, errors: list[GraphQLError], execution_context: Any = None) -> None:
        """Nothing: refusing a request is no fault of the server."""

    def execute_sync(
        self,
        query: str | None,
        variable_values: dict[str, Any] | None = None,
        context_value: Any = None,
        root_value: Any = None,
        operation_name: str | None = None,
        allowed_operation_types: Iterable[OperationType] | None = None,
        operation_extensions: dict[str, Any] | None = None,
        *,
        written: bool = False,
    ) -> ExecutionResult:
        """Check and execute one operation.  With ``written``, long lists may stand in the data as ``orjson.Fragment``.

        Raises :class:`strawberry.exceptions.MissingQueryError` where there is no document."""
        if not query:
            raise MissingQueryError
        cost: int | None = None
        try:
            document = self.documents.get(query)
            if document.refused is not None:
                raise document.refused
            node = document.operation(operation_name, context_value.writable)
            if document.errors:
                return ExecutionResult(data=None, errors=list(document.errors), extensions={})
            prepared = document.prepared(node)
            cost = prepared.cost.of(variable_values)
            check_cost(cost)
            data, errors = self._executed(
                prepared, query, variable_values, context_value, root_value, operation_extensions, written
            )
        except Exception as error:
            found = error if isinstance(error, GraphQLError) else GraphQLError(str(error), original_error=error)
            data, errors = None, [found]
        told = {} if cost is None else {"cost": {"requested": cost, "limit": MAX_COST}}
        return ExecutionResult(data=data, errors=errors, extensions=told)

    async def execute(self, *args: Any, **kwargs: Any) -> ExecutionResult:
        """The same: no resolver of this schema waits for anything."""
        return self.execute_sync(*args, **kwargs)

    def _executed(
        self,
        prepared: Prepared,
        query: str,
        variables: dict[str, Any] | None,
        context: Any,
        root: Any,
        extensions: Any,
        written: bool,
    ) -> tuple[dict[str, Any] | None, list[GraphQLError] | None]:
        """Data and errors of an operation that may be executed."""
        if self.breadth_first and prepared.operation is not None:
            try:
                found = prepared.operation.execute(context, variables, root, extensions, written=written)
                return found.data, found.errors
            except UnsupportedError:
                pass  # a query: nothing was changed
        name = prepared.node.name.value if prepared.node.name else None
        result = super().execute_sync(
            query, variables, context, root, name, set(OperationType), operation_extensions=extensions
        )
        return result.data, result.errors


schema = KgSchema(query=Query, mutation=Mutation, config=StrawberryConfig(auto_camel_case=True))
