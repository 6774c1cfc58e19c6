"""Breadth-first execution of GraphQL operations over graphql-core's schemas: the same answers, many times faster.

graphql-core executes depth first: every field of every object is a chain of calls.  Here an operation is compiled once
into a :class:`Plan`, and a field is executed over *all* objects of its level at once: one pass fetches the values, one
pass completes them.  Strings, numbers, booleans and enums are checked by the column, not by the value.  Where nothing
but attributes is selected, one compiled function does all of it (:mod:`.fused`).

    operation = Operation(schema, document, node)     compiled once, executed often, by any number of threads
    operation.execute(context, variables)             a graphql.ExecutionResult

The result is the one that graphql-core gives, to the letter: argument and variable coercion, fragments, abstract types,
null propagation, and the same errors with the same paths and locations in the same order.  What differs is the order in
which resolvers of *different* objects of a query are called, and that objects beside one that failed may be resolved
although their result is dropped.  Root fields of a mutation run one after the other.

Not executed here are subscriptions, ``@defer``, ``@stream``, variables of fragments, disabled error propagation, and
whatever is asynchronous: :class:`UnsupportedError` says so, before anything ran if the operation is a mutation, and
graphql-core's own ``execute`` is to be asked instead.

Nothing here knows the application; :mod:`.strawberry` knows which of Strawberry's resolvers may be called directly.
"""

from __future__ import annotations

from .operation import Operation, UnsupportedError
from .shortcuts import Shortcuts

__all__ = ["Operation", "Shortcuts", "UnsupportedError"]
