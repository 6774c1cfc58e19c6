"""The GraphQL schema, thin over :mod:`kg.answers` and :mod:`kg.release`.

    queries        the root; mutations what changes an organisation
    organizations  what is kept of organisations; tenants who may see it
    frameworks, controls, mappings, threats    what the release holds
    crosswalks, assessments, reports, inputs, steps    what is answered
    lookup         from ids of any sort to things
    enums, ids, connections, nodes             conventions

Conventions: `id` is opaque and for `node(id:)`, `curie` is what people write, `iri` what RDF says; a list that can
exceed 50 is a Relay connection; enum values are written as in the JSON exports; no number without its denominator.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import strawberry
from graphql import GraphQLError
from strawberry.extensions import ParserCache, ValidationCache
from strawberry.schema.config import StrawberryConfig

from api.limits import Limits
from api.schema.mutations import Mutation
from api.schema.queries import Query

__all__ = ["KgSchema", "schema"]


#: How many documents are kept, and how long such a document may be.
CACHED = 64
LONG = 8_000


class KgSchema(strawberry.Schema):
    """The schema; errors are logged once, where they are presented (:mod:`api.errors`)."""

    def process_errors(self, errors: list[GraphQLError], execution_context: Any = None) -> None:
        """Nothing: refusing a request is no fault of the server."""


class CachedParser(ParserCache):
    """Keeps parsed documents, unless they are long: 64 of 8,000 characters take some 100 MB at the worst."""

    def __init__(self) -> None:
        super().__init__(CACHED)

    def on_parse(self) -> Iterator[None]:
        """Take the document from the cache, or leave it to be parsed."""
        if len(self.execution_context.query or "") <= LONG:
            yield from super().on_parse()
        else:
            yield


class CachedValidation(ValidationCache):
    """Keeps what was found wrong with a document, for the same documents."""

    def __init__(self) -> None:
        super().__init__(CACHED)

    def on_validate(self) -> Iterator[None]:
        """Take the result from the cache, or leave the document to be validated."""
        if len(self.execution_context.query or "") <= LONG:
            yield from super().on_validate()
        else:
            yield


schema = KgSchema(
    query=Query,
    mutation=Mutation,
    config=StrawberryConfig(auto_camel_case=True),
    extensions=[Limits, CachedParser, CachedValidation],
)
