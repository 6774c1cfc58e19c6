"""Breadth-first execution gives what graphql-core gives, to the letter: data, errors, their order, paths and places."""

from __future__ import annotations

import datetime
import enum
from collections.abc import Callable, Iterator
from operator import attrgetter
from typing import Annotated, Any

import orjson
import pytest
import strawberry
from graphql import (
    ExecutionResult,
    GraphQLEnumType,
    GraphQLEnumValue,
    GraphQLField,
    GraphQLObjectType,
    GraphQLScalarType,
    GraphQLSchema,
    OperationDefinitionNode,
    Undefined,
    build_schema,
    execute_sync,
    get_introspection_query,
    parse,
    print_schema,
    validate,
)
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis_graphql import from_schema, nodes, queries

from api.context import Context
from api.execution import Operation, Shortcuts, UnsupportedError, completion
from api.execution import operation as operations
from api.execution.operation import VARIANTS
from api.execution.strawberry import StrawberryShortcuts
from api.schema import schema
from kg import Release

# ---------------------------------------------------------------------------- both ways


def written(result: ExecutionResult) -> bytes:
    """Everything a client can see of a result, the order of keys and errors included."""
    errors = [
        (e.message, e.path, [(at.line, at.column) for at in e.locations or ()], type(e.original_error).__name__)
        for e in result.errors or ()
    ]
    return orjson.dumps({"data": result.data, "errors": errors}, default=repr)


def both(
    of: GraphQLSchema, text: str, variables: dict[str, Any] | None = None, root: Any = None, shortcuts: Any = None
) -> tuple[bytes, bytes]:
    """What this executor and graphql-core give for the document's first operation."""
    document = parse(text)
    assert not validate(of, document), validate(of, document)
    operation = next(d for d in document.definitions if isinstance(d, OperationDefinitionNode))
    name = operation.name.value if operation.name else None
    ours = Operation(of, document, operation, shortcuts).execute(None, variables, root)
    theirs = execute_sync(of, document, root, None, variables, operation_name=name)
    return written(ours), written(theirs)


# ---------------------------------------------------------------------------- a schema with everything

SDL = """
scalar Even
enum Colour { RED GREEN }
interface Named { name: String! also: Named any: Any }
union Any = Leaf | Branch | Odd
type Odd { wrong: Boolean! }
type Leaf implements Named { name: String! also: Named any: Any colour: Colour! weight: Float even: Even }
type Branch implements Named {
  name: String! also: Named any: Any
  leaves: [Leaf!]! holes: [Leaf] strict: [Leaf!] grid: [[Int!]]! matrix: [[Leaf]!] ids: [ID!]
  child(depth: Int = 1, how: How): Branch needed(fail: Boolean = false): Branch! count: Int! lazy: [Named!] gone: [Int!]
}
input How { depth: Int! = 2 colour: Colour = RED tags: [String!] deeper: How }
type Query {
  branch(n: Int = 3): Branch strictBranch(n: Int!): Branch! everything: [Any] named(of: [Colour!] = [RED]): [Named!]!
  said(how: How, words: [String], even: Even = 4): String boom: String! maybe: Int
}
type Mutation { add(n: Int!): Int! refuse(n: Int!): Int! branch: Branch }
"""


class Leaf:
    def __init__(self, n: int) -> None:
        self.n = n

    name = property(lambda self: None if self.n % 11 == 7 else f"leaf {self.n}")
    colour = property(lambda self: ["red", "green", "blue"][self.n % 3 if self.n % 5 == 0 else self.n % 2])
    weight = property(lambda self: [1.5, 2, None, float("inf"), "3.5", ValueError("weight")][self.n % 6])
    even = property(lambda self: self.n)
    also = property(lambda self: Branch(self.n - 1) if self.n > 0 else None)

    def any(self, info: Any) -> Any:
        if self.n % 7 == 3:
            raise RuntimeError(f"any {self.n} at {info.path.as_list()}")
        return [Leaf(self.n - 2), Branch(self.n - 2), 5, None][self.n % 4] if self.n > 1 else None


class Branch(Leaf):
    name = property(lambda self: f"branch {self.n}")
    leaves = property(lambda self: [Leaf(self.n + i) for i in range(self.n % 4)])
    # as many as asked for, but not the two thousand million that an Int may ask for
    holes = property(lambda self: tuple(None if i % 3 == 1 else Leaf(i) for i in range(min(self.n, 40))))
    strict = property(lambda self: self.holes if self.n % 2 else iter(self.leaves))
    grid = property(lambda self: [[1, 2], None, [], [self.n, None if self.n % 2 else 3]])
    matrix = property(lambda self: [[Leaf(1), None], None if self.n % 3 == 0 else [], "ab" if self.n % 5 == 0 else []])
    ids = property(lambda self: [1, "two", 3.0 if self.n % 2 else 3.5])
    count = property(lambda self: [self.n, 2**40, "4", None, True][self.n % 5])
    gone = property(lambda self: self.cut() if self.n % 2 else {1: 2})

    def cut(self) -> Iterator[int | None]:
        yield 1
        if self.n % 3 == 0:
            yield None
        raise KeyError("cut")

    def lazy(self, info: Any) -> Iterator[Any]:
        yield Leaf(4)
        yield from self.leaves
        if self.n % 4 == 3:
            raise RuntimeError("lazy")

    def child(self, info: Any, depth: int, how: Any = None) -> Any:
        if how and how["deeper"]:
            return RuntimeError("returned, not raised")
        return Branch(self.n - depth - (how or {}).get("depth", 0)) if self.n > depth else None

    def needed(self, info: Any, fail: bool) -> Any:
        if fail and self.n % 2:
            raise StopIteration
        return Branch(self.n // 2) if self.n % 5 else None


class Root:
    def __init__(self) -> None:
        self.added: list[int] = []

    maybe = property(lambda self: self.missing)
    everything = property(lambda self: [Leaf(1), Branch(3), None, "neither", ValueError("item"), Leaf(7), object()])

    def branch(self, info: Any, n: int = 5) -> Any:
        return Branch(n)

    strictBranch = branch

    def named(self, info: Any, of: list[str]) -> Any:
        return [Branch(n + 1) if colour == "red" else Leaf(n) for n, colour in enumerate(of)]

    def said(self, info: Any, **arguments: Any) -> str:
        return repr((sorted(arguments.items()), info.field_name, str(info.return_type), info.variable_values.coerced))

    def boom(self, info: Any) -> str:
        raise RuntimeError("boom")

    def add(self, info: Any, n: int) -> int:
        self.added.append(n)
        return len(self.added)

    def refuse(self, info: Any, n: int) -> int:
        self.added.append(-n)
        raise RuntimeError(f"refused {n}")


def even(value: Any) -> Any:
    if value == 10:
        return None
    if int(value) % 2:
        raise ValueError(f"{value} is odd")
    return int(value)


def toy() -> GraphQLSchema:
    made = build_schema(SDL)
    colours = made.type_map["Colour"]
    assert isinstance(colours, GraphQLEnumType)
    colours.values["RED"], colours.values["GREEN"] = GraphQLEnumValue("red"), GraphQLEnumValue("green")
    colours._value_lookup = {"red": "RED", "green": "GREEN"}
    scalar = made.type_map["Even"]
    assert isinstance(scalar, GraphQLScalarType)
    scalar.coerce_output_value = scalar.coerce_input_value = even  # type: ignore[method-assign]
    for name, cls in (("Leaf", Leaf), ("Branch", Branch)):
        made.type_map[name].is_type_of = lambda value, info, cls=cls: type(value) is cls  # type: ignore[attr-defined]

    def kind(value: Any, info: Any, type_: Any) -> Any:
        if value == "neither":
            return "Odd"
        return {Leaf: "Leaf", Branch: "Branch", int: "Nothing"}.get(type(value))

    made.type_map["Any"].resolve_type = kind  # type: ignore[attr-defined]
    return made


TOY = toy()


@settings(max_examples=150, suppress_health_check=list(HealthCheck))
@given(st.data())
def test_any_query_of_a_schema_with_everything_gives_the_same(data: st.DataObject) -> None:
    text = data.draw(from_schema(SDL, custom_scalars={"Even": st.sampled_from((2, 4)).map(nodes.Int)}))
    if text.lstrip().startswith("mutation"):
        document = parse(text)
        operation = next(d for d in document.definitions if isinstance(d, OperationDefinitionNode))
        ours, theirs = Root(), Root()
        found = Operation(TOY, document, operation).execute(None, None, ours)
        assert written(found) == written(execute_sync(TOY, document, theirs))
        assert ours.added == theirs.added
    else:
        ours_, theirs_ = both(TOY, text, None, Root())
        assert ours_ == theirs_


FRAGMENTS = """
query ($on: Boolean! = true, $n: Int = 6, $how: How, $words: [String] = ["a"]) {
  first: branch(n: $n) { ...Part @include(if: $on) name @skip(if: $on) child(depth: $n, how: $how) { ...Part } }
  branch(n: 9) { ...Part leaves { name } leaves { colour weight } lazy { __typename name ... on Leaf { even } } }
  everything { __typename ... on Named { name } ... on Leaf { l: even } ... on Branch { ids gone } }
  said(how: $how, words: $words)
  strictBranch(n: 5) { needed { name } }
}
fragment Part on Branch { name count holes { name } strict { name weight } grid any { ... on Named { name } } ...More }
fragment More on Branch { matrix { name also { name } } needed { needed { name } } also { name any { __typename } } }
"""


@pytest.mark.parametrize(
    "variables",
    [
        {}, {"on": False}, {"n": 7}, {"n": None}, {"on": True, "how": {"depth": 1}}, {"how": {"deeper": {}}},
        {"how": {"colour": "BLUE"}}, {"n": "7"}, {"n": 2**31}, {"words": [None, "x"]}, {"words": "one", "n": 15},
        {"how": {"nothing": 1}},
    ],
)  # fmt: skip
def test_fragments_aliases_directives_and_variables_give_the_same(variables: dict[str, Any]) -> None:
    ours, theirs = both(TOY, FRAGMENTS, variables, Root())
    assert ours == theirs


@pytest.mark.parametrize("n", range(1, 16))
def test_nulls_where_none_may_be_go_up_to_the_same_place_with_the_same_errors(n: int) -> None:
    text = f"""{{ branch(n: {n}) {{ leaves {{ name colour weight even }} strict {{ name colour }}
      holes {{ colour name }} matrix {{ name }} grid ids count gone
      lazy {{ name ... on Leaf {{ colour }} }} needed(fail: true) {{ name }} }}
      a: strictBranch(n: {n}) {{ child {{ needed {{ needed {{ name count }} }} }} any {{ ... on Named {{ name }} }} }}
      maybe }}"""
    ours, theirs = both(TOY, text, None, Root())
    assert ours == theirs


def test_a_mutation_stops_where_graphql_core_stops() -> None:
    text = "mutation { a: add(n: 1) branch { count } b: refuse(n: 2) c: add(n: 3) }"
    document = parse(text)
    ours, theirs = Root(), Root()
    found = Operation(TOY, document, document.definitions[0]).execute(None, None, ours)  # type: ignore[arg-type]
    assert written(found) == written(execute_sync(TOY, document, theirs))
    assert ours.added == theirs.added == [1, -2]


def test_a_root_that_may_not_be_null_makes_all_of_it_null() -> None:
    ours, theirs = both(TOY, "{ maybe branch { grid } boom named { name } }", None, Root())
    assert ours == theirs


def test_introspection_gives_the_same() -> None:
    ours, theirs = both(TOY, get_introspection_query())
    assert ours == theirs


# ---------------------------------------------------------------------------- what is left to graphql-core


@pytest.mark.parametrize(
    "text",
    ["query { branch { name } } ", "{ branch { ... @defer { name } } }", "{ branch { leaves @stream { name } } }"],
)
def test_what_is_not_supported_is_said_before_anything_is_resolved(text: str) -> None:
    document = parse(text)
    operation = document.definitions[0]
    assert isinstance(operation, OperationDefinitionNode)
    if "@" not in text:
        Operation(TOY, document, operation)
    else:
        with pytest.raises(UnsupportedError):
            Operation(TOY, document, operation)


def test_awaitables_are_left_to_graphql_core() -> None:
    made = build_schema("type Query { a: Int later: Int all: [Int] } type Mutation { later: Int }")

    async def later(*_: Any) -> int:
        return 1

    class Source:
        a = 1
        all = property(lambda self: [1, later()])

        def later(self, info: Any) -> Any:
            return later()

    for text in ("{ a later }", "{ a all }"):
        document = parse(text)
        with pytest.raises(UnsupportedError):
            Operation(made, document, document.definitions[0]).execute(None, None, Source())  # type: ignore[arg-type]
    document = parse("mutation { later }")
    with pytest.raises(RuntimeError):
        Operation(made, document, document.definitions[0]).execute(None, None, Source())  # type: ignore[arg-type]
    made.mutation_type.fields["later"].resolve = later  # type: ignore[union-attr]
    with pytest.raises(UnsupportedError):
        Operation(made, document, document.definitions[0])  # type: ignore[arg-type]


def test_an_operation_is_kept_for_a_bounded_number_of_switches() -> None:
    names = [f"v{i}" for i in range(8)]
    asked = " ".join(f"f{n}: maybe @skip(if: ${n})" for n in names)
    document = parse(f"query ({' '.join(f'${n}: Boolean!' for n in names)}) {{ {asked} }}")
    operation = Operation(TOY, document, document.definitions[0])  # type: ignore[arg-type]
    for i in range(256):
        variables = {n: bool(i >> k & 1) for k, n in enumerate(names)}
        ours = operation.execute(None, variables, Root())
        assert written(ours) == written(execute_sync(TOY, document, Root(), None, variables))
    assert len(operation._plans) <= VARIANTS


# ---------------------------------------------------------------------------- selections that are attributes alone


@pytest.fixture(autouse=True, scope="module")
def _short_lists_are_long() -> Iterator[None]:
    """So that lists of two are written, and in several parts."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(completion, "LONG", 0)
        patch.setattr(operations, "PART", 2)
        yield


def both_forms(operation: Operation, variables: dict[str, Any], root: Callable[[], Any]) -> list[bytes]:
    """The result as Python's objects, and with its lists written."""
    return [written(operation.execute(None, variables, root(), written=how)) for how in (False, True)]


class Attributes(Shortcuts):
    """The properties of the toy's objects, which are no methods."""

    def attribute(self, field: GraphQLField) -> str | None:
        return field.extensions.get("attribute")


def unchecked() -> GraphQLSchema:
    """The toy whose objects are what they are said to be, and whose properties are known to be attributes."""
    made = toy()
    for name, cls in (("Leaf", Leaf), ("Branch", Branch)):
        type_ = made.type_map[name]
        assert isinstance(type_, GraphQLObjectType)
        type_.is_type_of = None
        for key, field in type_.fields.items():
            if isinstance(getattr(cls, key, None), property):
                field.extensions["attribute"] = key
    return made


UNCHECKED = unchecked()
PROPERTIES = ("name", "count", "ids", "grid", "gone", "leaves", "holes", "strict", "matrix")


@settings(max_examples=100, deadline=None)
@given(
    st.lists(st.integers(0, 16), min_size=2, max_size=7),
    st.lists(st.sampled_from(PROPERTIES), min_size=1, max_size=5, unique=True),
    st.lists(st.sampled_from(("name", "colour", "weight", "even", "__typename", "a: name")), min_size=1, unique=True),
)
def test_one_operation_gives_the_same_whatever_it_met_before(ns: list[int], keys: list[str], leaves: list[str]) -> None:
    below = f"{{ {' '.join(leaves)} }}"
    nested = ("leaves", "holes", "strict", "matrix")
    text = f"query ($n: Int) {{ branch(n: $n) {{ {' '.join(k + below if k in nested else k for k in keys)} }} }}"
    document = parse(text)
    operation = Operation(UNCHECKED, document, document.definitions[0], Attributes())  # type: ignore[arg-type]
    for n in ns:
        theirs = execute_sync(UNCHECKED, document, Root(), None, {"n": n})
        assert both_forms(operation, {"n": n}, Root) == [written(theirs)] * 2


class Plain:
    """Any values for any fields, as a library's objects hold them."""

    def __init__(self, **held: Any) -> None:
        self.__dict__.update(held)


class Word(str):
    pass


class Odd(Exception):
    pass


PLAIN = build_schema("""
enum Colour { RED GREEN }
scalar Any
type One { s: String n: String! i: Int j: Int! f: Float b: Boolean d: ID! c: Colour e: Colour! x: Any y: Any!
  one: One other: One! many: [One!] lists: [[String!]]! }
type Query { ones: [One] }
""")
ANY_VALUE = st.sampled_from(
    [None, "RED", "", Word("GREEN"), 0, 1, -(2**31), 2**31, True, 1.5, 2.0, float("inf"), float("nan"), Odd("raised"),
     [], ["a"], [["a"], None], (("b",), []), [[None]], Undefined, b"bytes"]
)  # fmt: skip


def ones(values: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Objects most of whose fields are as they should be."""
    fine = {"s": "s", "n": "n", "i": 1, "j": 2, "f": 0.5, "b": False, "d": "1", "c": "RED", "e": "GREEN", "x": "x"}
    bases = st.fixed_dictionaries(
        {"one": values, "other": values, "many": st.none() | st.lists(values, max_size=2) | st.tuples(values)}
    )
    odd = st.dictionaries(st.sampled_from([*fine, "lists"]), ANY_VALUE, max_size=1)
    return st.builds(lambda base, more: Plain(**fine | {"y": "y", "lists": [["l"], None]} | base | more), bases, odd)


LEAF = "s n i j f b d c e x y lists"
ONES = parse(f"{{ ones {{ {LEAF} one {{ {LEAF} }} other {{ n __typename }} many {{ s many {{ e c }} }} }} }}")
OBJECTS = st.recursive(st.none() | st.builds(Plain, n=st.just("n"), s=ANY_VALUE) | ANY_VALUE, ones, max_leaves=4)


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(st.lists(ones(OBJECTS) | OBJECTS, max_size=3), min_size=2, max_size=5))
def test_attributes_of_any_values_give_the_same(rounds: list[list[Any]]) -> None:
    made = PLAIN.type_map["One"]
    assert isinstance(made, GraphQLObjectType)
    for key, field in made.fields.items():
        field.extensions["attribute"] = key
        field.resolve = lambda source, info, key=key: getattr(source, key)
    operation = Operation(PLAIN, ONES, ONES.definitions[0], Attributes())  # type: ignore[arg-type]
    for ones_ in rounds:
        theirs = execute_sync(PLAIN, ONES, {"ones": ones_})
        assert both_forms(operation, {}, lambda ones_=ones_: {"ones": ones_}) == [written(theirs)] * 2


VALUES = [
    None, "RED", "BLUE", "", Word("GREEN"), 0, -(2**31), 2**31, True, 1.5, float("inf"), float("nan"), Odd("given"), [],
    [["a"], None], (("b",), []), [[None]], [None], {"a": 1}, Undefined, b"bytes", Plain(), Plain(n="n"), Leaf(2),
]  # fmt: skip


@pytest.mark.parametrize("key", [*LEAF.split(), "one", "other", "many"])
def test_after_a_function_was_made_any_value_is_completed_the_same(key: str) -> None:
    made = PLAIN.type_map["One"]
    assert isinstance(made, GraphQLObjectType)
    for name, field in made.fields.items():
        field.extensions["attribute"] = name
    scalar = made.fields["x"].type
    assert isinstance(scalar, GraphQLScalarType)
    scalar.coerce_output_value = lambda v: {"RED": None, "": Undefined}.get(v, 5) if type(v) is str else v  # type: ignore
    asked = f"{key} {{ n many {{ s }} }}" if key in ("one", "other", "many") else key
    document = parse(f"{{ ones {{ n {asked} }} }}")
    plain = {"one": Plain(n="n", many=None), "many": [], "lists": [["l"]], "c": "RED", "e": "RED", "i": 1, "j": 1}
    fine = Plain(**dict.fromkeys(made.fields, "s") | plain | {"other": plain["one"], "f": 1.5, "b": True})
    for value in VALUES:
        operation = Operation(PLAIN, document, document.definitions[0], Attributes())  # type: ignore[arg-type]
        other = Plain(**vars(fine) | {key: value})
        for one in (fine, fine, other, fine, other):
            theirs = execute_sync(PLAIN, document, {"ones": [one, fine]})
            assert both_forms(operation, {}, lambda one=one: {"ones": [one, fine]}) == [written(theirs)] * 2


def functions(plan: Any) -> list[Any]:
    """The functions made for an operation's selections."""
    below = [found for field in plan.fields for each in field._below.values() for found in functions(each)]
    return [plan._fused, *below] if plan._fused else below


def test_attributes_are_read_by_a_function_from_the_second_time_on() -> None:
    leaf = {"s": "s", "n": "n", "i": 1, "j": 2, "f": 0.5, "b": False, "d": "1", "c": "RED", "e": "GREEN", "x": "x"}
    one = Plain(**leaf, y=1, lists=[["l"], None], one=None, other=Plain(n="n"), many=(Plain(s=None, many=None),))
    for field in PLAIN.type_map["One"].fields.values():  # type: ignore[attr-defined]
        field.extensions["attribute"] = field.ast_node.name.value
    operation = Operation(PLAIN, ONES, ONES.definitions[0], Attributes())  # type: ignore[arg-type]
    counts = []
    for _ in range(3):
        found = operation.execute(None, {}, {"ones": [one, one]})
        assert written(found) == written(execute_sync(PLAIN, ONES, {"ones": [one, one]}))
        (plan,) = operation._plans.values()
        counts.append(len(functions(plan)))
    assert counts == [0, 1, 1]


TEXTS = st.text(st.sampled_from('a"\\\n\x00\x7f\u2028é\U0001f600\ud800,'), max_size=4)
TOLD = st.builds(
    Plain, s=st.none() | TEXTS, n=TEXTS, c=st.sampled_from([None, "RED"]), e=st.just("GREEN"), x=TEXTS, y=TEXTS,
    f=st.none() | st.floats(allow_nan=False, allow_infinity=False), i=st.none() | st.integers(-9, 9), j=st.integers(),
    b=st.sampled_from([None, True, False]), d=TEXTS, lists=st.lists(st.lists(TEXTS, max_size=2), max_size=2),
    one=st.none(), other=st.builds(Plain, n=TEXTS),
    many=st.none() | st.lists(st.builds(Plain, s=st.none() | TEXTS, many=st.none()), max_size=2),
)  # fmt: skip


@settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(TOLD, min_size=1, max_size=6), st.lists(TOLD, max_size=6))
def test_what_is_written_at_once_is_what_orjson_writes(first: list[Any], then: list[Any]) -> None:
    """Whatever must be escaped, wherever it stands, and where orjson refuses, so that who asked is told."""
    made = PLAIN.type_map["One"]
    assert isinstance(made, GraphQLObjectType)
    for key, field in made.fields.items():
        field.extensions["attribute"] = key
    operation = Operation(PLAIN, ONES, ONES.definitions[0], Attributes())  # type: ignore[arg-type]

    def said(ones_: list[Any], how: bool) -> Any:
        try:
            return orjson.dumps(operation.execute(None, {}, {"ones": ones_}, written=how).data)
        except TypeError as error:
            return str(error)

    for ones_ in (first, first, then, then):
        assert said(ones_, True) == said(ones_, False)


def test_long_lists_are_written_from_the_second_time_on() -> None:
    for field in PLAIN.type_map["One"].fields.values():  # type: ignore[attr-defined]
        field.extensions["attribute"] = field.ast_node.name.value
    document = parse("{ ones { n b } }")
    operation = Operation(PLAIN, document, document.definitions[0], Attributes())  # type: ignore[arg-type]
    ones_ = [Plain(n="n", b=i % 2 == 0) for i in range(40)]
    kinds = [type(operation.execute(None, {}, {"ones": ones_}, written=True).data["ones"]) for _ in range(3)]  # type: ignore[index]
    assert kinds == [list, orjson.Fragment, orjson.Fragment]


def test_a_property_along_a_path_is_read_as_the_class_has_it() -> None:
    class Viewed:
        def __init__(self, it: Any) -> None:
            self.it = it

        s = property(attrgetter("it.word"))

    class Watched(Viewed):
        def __getattribute__(self, name: str) -> Any:
            return "watched" if name == "s" else super().__getattribute__(name)

    document = parse("{ ones { s } }")
    for field in PLAIN.type_map["One"].fields.values():  # type: ignore[attr-defined]
        field.extensions["attribute"] = field.ast_node.name.value
    for classes in ([Viewed], [Watched], [Viewed, Watched]):
        operation = Operation(PLAIN, document, document.definitions[0], Attributes())  # type: ignore[arg-type]
        values = [cls(Plain(word="told")) for cls in classes]
        for _ in range(3):
            told = operation.execute(None, {}, {"ones": values}).data
            assert told == {"ones": [{"s": "watched" if type(v) is Watched else "told"} for v in values]}


# ---------------------------------------------------------------------------- Strawberry


@strawberry.enum
class Size(enum.Enum):
    SMALL = "s"
    LARGE = "l"
    ALSO_SMALL = "s"  # noqa: PIE796


@strawberry.interface
class Thing:
    name: str


@strawberry.type
class Cat(Thing):
    size: Size = Size.SMALL

    @strawberry.field
    def twice(self, info: strawberry.Info) -> str:
        return f"{self.name * 2} {info.field_name} {info.path.key} {info.variable_values} {info.python_name}"

    @strawberry.field
    def friend(self, of: Annotated[Size, strawberry.argument(description="x")] = Size.LARGE) -> Thing | None:
        if self.name == "lonely":
            raise ValueError("nobody")
        return Cat(name="lonely", size=of)

    @strawberry.field
    def bare(self) -> list[Size | None]:
        return [self.size, None]


@strawberry.type
class Dog(Thing):
    missing: str = "x"

    @strawberry.field
    @staticmethod
    def fixed(root: Thing) -> str:
        return root.name


class AlwaysNo(strawberry.BasePermission):
    message = "no"

    def has_permission(self, source: Any, info: Any, **kwargs: Any) -> bool:
        return source is None or source.name != "lonely"


@strawberry.input
class Wish:
    names: list[str]
    size: Size | None = Size.LARGE


@strawberry.type
class Query:
    @strawberry.field
    def things(self, wish: Wish) -> list[Thing]:
        return [Dog(name=n) if n.startswith("d") else Cat(name=n, size=wish.size) for n in wish.names]

    @strawberry.field
    def either(self) -> list[Cat | Dog | None]:
        return [Cat(name="a"), None, Dog(name="d"), strawberry.cast(Dog, Cat(name="cast")), Cat(name="lonely")]

    @strawberry.field(permission_classes=[AlwaysNo])
    def guarded(self) -> Cat:
        return Cat(name="guarded")

    @strawberry.field
    def torn(self) -> list[Dog]:
        return [Dog(name="d"), Dog(name="e", missing=None), 5]  # type: ignore[list-item]


PETS = strawberry.Schema(query=Query, types=[Cat, Dog])
ALL = """fragment All on Thing { __typename name ... on Cat { size twice bare
  friend { name ... on Cat { friend { name } } } f: friend(of: SMALL) { ... on Cat { size } } }
  ... on Dog { missing fixed } }"""


@pytest.mark.parametrize(
    ("text", "variables"),
    [
        (f"query ($w: Wish!) {{ things(wish: $w) {{ ...All }} }} {ALL}", {"w": {"names": ["a", "dd", "lonely"]}}),
        (f"query ($w: Wish!) {{ things(wish: $w) {{ ...All }} }} {ALL}", {"w": {"names": [], "size": None}}),
        (f"query ($w: Wish!) {{ things(wish: $w) {{ ...All }} }} {ALL}", {"w": {"names": ["a"], "size": None}}),
        (f"{{ either {{ ...All }} guarded {{ ...All }} }} {ALL}", None),
        ("{ torn { name missing } }", None),
        ("{ torn { name } }", None),
    ],
)
def test_strawberry_s_resolvers_are_called_as_strawberry_calls_them(text: str, variables: Any) -> None:
    document = parse(text)
    operation = Operation(PETS._schema, document, document.definitions[0], StrawberryShortcuts(PETS))  # type: ignore
    theirs = PETS.execute_sync(text, variables)
    for _ in range(3):
        assert written(operation.execute(None, variables)) == written(ExecutionResult(theirs.data, theirs.errors))


@strawberry.input
class Deep:
    text: str
    day: datetime.date
    again: Deep | None = None
    several: list[Deep | None] | None = None
    grid: list[list[int | None]] = strawberry.field(default_factory=lambda: [[1]])
    sizes: list[Size] | None = strawberry.UNSET
    perhaps: strawberry.Maybe[str] = None
    truly: strawberry.Maybe[Deep | None] = None
    late: Annotated[Late, strawberry.lazy(__name__)] | None = None
    of: strawberry.relay.GlobalID | None = strawberry.field(default=None, name="from")


@strawberry.input
class Late:
    ids: list[strawberry.relay.GlobalID] | None
    number: int = 3


@strawberry.type
class Asking:
    @strawberry.field
    def said(
        self, info: strawberry.Info, deep: Deep | None = None, deeps: list[Deep] | None = None, n: int = 1,
        perhaps: strawberry.Maybe[Deep] = None, size: Annotated[Size, strawberry.argument(name="sized")] = Size.LARGE,
    ) -> str:  # fmt: skip
        return repr((deep, deeps, n, perhaps, size, info.path.key))


ASKING = strawberry.Schema(query=Asking)
ID_ = strawberry.relay.to_base64("Node", 1)


@pytest.mark.parametrize(
    "arguments",
    [
        "", "deep: null, n: 4", "deeps: [], sized: SMALL", "perhaps: null",
        'deep: { text: "t", day: "2026-11-23", again: { text: "u", day: "2026-11-24", again: null } }',
        'deeps: { text: "t", day: "2026-11-23", several: [null, { text: "u", day: "2026-11-24", several: null }] }',
        'deep: { text: "t", day: "2026-11-23", grid: [[1, null], []], sizes: [SMALL], perhaps: "x" }',
        'deep: { text: "t", day: "2026-11-23", sizes: null, truly: null }',
        'deep: { text: "t", day: "2026-11-23", truly: { text: "u", day: "2026-11-24" }, late: { ids: null } }',
        f'deep: {{ text: "t", day: "2026-11-23", from: "{ID_}", late: {{ ids: ["{ID_}"], number: 4 }} }}',
        'deep: { text: "t", day: "2026-11-23", from: "!" }',
        'deep: { text: "t", day: "2026-11-23", late: { ids: ["!"] } }',
        'deep: { text: "t", day: "2026-11-23", perhaps: null }',
    ],
)  # fmt: skip
def test_arguments_are_what_strawberry_makes_of_them(arguments: str) -> None:
    text = f"{{ said{f'({arguments})' if arguments else ''} }}"
    document = parse(text)
    operation = Operation(ASKING._schema, document, document.definitions[0], StrawberryShortcuts(ASKING))  # type: ignore
    theirs = execute_sync(ASKING._schema, document)
    assert [written(operation.execute()) for _ in range(2)] == [written(theirs)] * 2


# ---------------------------------------------------------------------------- the schema itself


@pytest.fixture(scope="module")
def ask_both(release: Release) -> Callable[[str], tuple[bytes, bytes]]:
    """The server's own answer to a query, and graphql-core's."""

    def ask(text: str) -> tuple[bytes, bytes]:
        found = []
        for schema.breadth_first, form in ((False, False), (True, False), (True, True)):
            result = schema.execute_sync(text, None, Context(release, "request"), written=form)
            found.append(written(ExecutionResult(result.data, result.errors, result.extensions)))
        assert found[1] == found[2]  # the second time by functions, which write
        return found[1], found[0]

    return ask


@pytest.fixture(autouse=True)
def _as_it_was() -> Iterator[None]:
    before = schema.breadth_first
    yield
    schema.breadth_first = before


SCALARS = {
    "Date": st.sampled_from(("2026-11-23", "2025-01-01", "yesterday")).map(nodes.String),
    "DateTime": st.just("2026-11-23T12:00:00Z").map(nodes.String),
    "JSON": st.just(1).map(nodes.Int),
}
CHEAP = [
    "release", "stats", "disclaimers", "vocabulary", "frameworks", "framework", "requirement", "catalogues", "controls",
    "control", "jointNode", "mappingSets", "mapping", "threats", "threat", "incidents", "questionnaire", "node",
    "mappings", "viewer", "organization",
]  # fmt: skip


def asked() -> st.SearchStrategy[Any]:
    """Queries over what the release holds: no long computations."""
    return queries(print_schema(schema._schema), fields=CHEAP, custom_scalars=SCALARS)


@settings(max_examples=60, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_any_query_of_our_schema_gives_the_same(data: st.DataObject, ask_both: Any) -> None:
    ours, theirs = ask_both(data.draw(QUERIES))
    assert ours == theirs


QUERIES = asked()


def test_introspection_of_our_schema_gives_the_same(ask_both: Any) -> None:
    ours, theirs = ask_both("{ __schema { types { name kind fields { name type { name } args { name } } } } }")
    assert ours == theirs
