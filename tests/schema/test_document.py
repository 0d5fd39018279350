"""Loading schema documents: references, dialects, errors."""

from __future__ import annotations

import collections
import functools
import json
import re
import urllib.parse
from decimal import Decimal
from typing import Any

import jsonschema
import node_judge
import pytest
import referencing
import schema_cases
from hypothesis import given, settings
from hypothesis import strategies as st
from referencing.jsonschema import DRAFT7, DRAFT201909, DRAFT202012

from relark.errors import ArgumentError, RelarkError, SchemaError
from relark.frontends.schema.document import Node, load, unknown_keywords
from relark.frontends.schema.vocabulary import DIALECTS, keywords_of
from timing import timed

DRAFT_4 = "http://json-schema.org/draft-04/schema#"
DRAFT_6 = "http://json-schema.org/draft-06/schema#"
DRAFT_7 = "http://json-schema.org/draft-07/schema#"
OF_2019 = "https://json-schema.org/draft/2019-09/schema"
OF_2020 = "https://json-schema.org/draft/2020-12/schema"

needs_suites = pytest.mark.skipif(
    not schema_cases.is_present(), reason=f"needs the public test data in {schema_cases.ROOT}"
)


# Other people's judges


REFERENCES = {
    "anchor.json", "defs.json", "definitions.json", "dynamicRef.json", "id.json", "infinite-loop-detection.json",
    "recursiveRef.json", "ref.json", "refOfUnknownKeyword.json", "refRemote.json", "unknownKeyword.json",
    "unevaluatedItems.json", "unevaluatedProperties.json", "vocabulary.json", "cross-draft.json",
}  # fmt: skip
# What a judge over nodes is not about: ECMA-262 in Python's `re`, assertions of content and format, and an appendix.
OTHERWISE = {"ecmascript-regex.json", "content.json", "format-assertion.json", "dependencies-compatibility.json"}
SUITES = (*schema_cases.REQUIRED, *schema_cases.OPTIONAL)


def official(suite: str) -> list[schema_cases.Case]:
    return [c for c in schema_cases.cases(suite) if c.file not in OTHERWISE and "\\p{" not in json.dumps(c.schema)]


@needs_suites
@pytest.mark.parametrize("suite", SUITES)
def test_the_suite_is_judged_right_over_nodes(suite: str) -> None:
    wrong = []
    for case in official(suite):
        node = load(case.schema, registry=schema_cases.registry(case.draft))
        wrong += [
            f"{case.name} {instance.name}"
            for instance in case.instances
            if node_judge.is_valid(node, json.loads(instance.texts[0])) != instance.valid
        ]
    assert wrong == []


@needs_suites
@pytest.mark.parametrize("suite", SUITES)
def test_references_lead_where_jsonschema_goes(suite: str) -> None:
    """Every schema on every instance of its file, many more than the suite has."""
    cases = [case for case in official(suite) if case.file in REFERENCES]
    texts: dict[str, dict[str, None]] = collections.defaultdict(dict)
    for case in cases:
        texts[case.file].update(dict.fromkeys(instance.texts[0] for instance in case.instances))
    wrong = []
    for case in cases:
        registry = schema_cases.registry(case.draft)
        node = load(case.schema, registry=registry)
        judge = jsonschema.validators.validator_for(case.schema, jsonschema.Draft202012Validator)(
            case.schema, registry=registry
        )
        for instance in case.instances:
            if judge.is_valid(json.loads(instance.texts[0])) != instance.valid:
                break  # jsonschema itself is wrong here
        else:
            values = [json.loads(text) for text in texts[case.file]]
            wrong += [(case.name, v) for v in values if node_judge.is_valid(node, v) != judge.is_valid(v)]
    assert wrong == []


@needs_suites
@pytest.mark.parametrize("suite", SUITES)
def test_documents_are_finite_graphs(suite: str) -> None:
    for case in official(suite):
        node = load(case.schema, registry=schema_cases.registry(case.draft))
        assert len(reached(node)) < 1000, case.name


@needs_suites
def test_schemas_in_use_load() -> None:
    for case in schema_cases.cases("maskbench"):
        node = load(case.schema)
        assert all(isinstance(found.why, str) for found in unknown_keywords(node))
        assert reached(node)


def reached(root: Node) -> set[Node]:
    """All nodes that an instance could meet."""
    seen, pending = {root}, [root]
    while pending:
        node = pending.pop()
        following = [child for _, child in node.children()]
        following += [n for n in (node.reference(), node.dynamic_reference()) if n is not None]
        for child in following:
            if child not in seen:
                seen.add(child)
                pending.append(child)
    return seen


NAMES = ("a", "b/c", "d~e", "f%g", "items", "0")
URIS = ("x", "y.json", "dir/", "dir/z", "/top", "http://other.org/", "http://other.org/deep/er", "urn:example:u")


@st.composite
def documents(draw: st.DrawFn) -> dict[str, Any]:
    """Schemas in schemas, each with a title of its own, with identifiers and anchors in them, and many references."""
    titles = iter(range(1000))
    uris = draw(st.permutations(URIS))
    anchors = ["one", "two", "three"]
    made: list[dict[str, Any]] = []
    targets: list[str] = []

    def schema(bases: list[tuple[str, str]], depth: int) -> dict[str, Any]:
        """``bases``: the URIs of the resources around, with pointers from them to here."""
        here: dict[str, Any] = {"title": str(next(titles))}
        made.append(here)
        if not depth or (uris and draw(st.integers(0, 2)) == 0):
            here["$id"] = ROOT if not bases else uris.pop()
            bases = [*bases, (urllib.parse.urljoin(bases[-1][0] if bases else "", here["$id"]), "")]
        if anchors and draw(st.integers(0, 2)) == 0:
            here["$anchor"] = anchors.pop()
            targets.append(f"{bases[-1][0]}#{here['$anchor']}")
        targets.extend(f"{uri}#{pointer}" for uri, pointer in bases)

        def inside(*steps: str | int) -> dict[str, Any]:
            if steps[0] == "other":  # no keyword; without identifiers, as it is not clear there what they do
                targets.extend(f"{uri}#{pointer}/other" for uri, pointer in bases)
                return {"title": str(next(titles))}
            more = "".join("/" + str(s).replace("~", "~0").replace("/", "~1").replace("%", "%25") for s in steps)
            return schema([(uri, pointer + more) for uri, pointer in bases], depth + 1)

        for keyword in draw(st.lists(st.sampled_from(KEYWORDS), unique=True, max_size=2 if depth < 3 else 0)):
            if keyword in ("not", "other"):
                here[keyword] = inside(keyword)
            elif keyword == "allOf":
                here[keyword] = [inside(keyword, i) for i in range(draw(st.integers(1, 2)))]
            else:
                names = draw(st.lists(st.sampled_from(NAMES), unique=True, min_size=1, max_size=2))
                here[keyword] = {name: inside(keyword, name) for name in names}
        return here

    root = schema([], 0)
    for place in made:
        if draw(st.booleans()):
            target = draw(st.one_of(st.sampled_from(targets), st.sampled_from(targets), references))
            whole, _, fragment = target.partition("#")
            place["$ref"] = draw(st.sampled_from([target, "#" + fragment, whole.rpartition("/")[2] + "#" + fragment]))
    return root


KEYWORDS = ("$defs", "properties", "allOf", "not", "other")
ROOT = "http://example.org/base/doc"
pointers = st.lists(st.sampled_from([*KEYWORDS, *NAMES, "1"]), max_size=4).map(lambda steps: "/".join(["", *steps]))
references = st.builds(
    lambda uri, fragment: f"{uri}#{fragment}",
    st.sampled_from(["", *URIS]),
    pointers | st.sampled_from(["one", "two", "three", "four"]),
)


@settings(max_examples=200)
@given(documents())
def test_references_lead_where_referencing_goes(document: dict[str, Any]) -> None:
    resource = DRAFT202012.create_resource(document)
    resolver = referencing.Registry().with_resource(ROOT, resource).resolver_with_root(resource)
    root = load({"$defs": {"whole": document}})  # broken references that nothing reaches are no errors
    compared(root.child("$defs", "whole"), document, resolver, set())


def compared(node: Node, schema: Any, resolver: Any, seen: set[Node]) -> None:
    """Every reference below has the same target."""
    assert node.schema == schema
    if node in seen or isinstance(schema, bool):
        return
    seen.add(node)
    if "$ref" in schema:
        try:
            expected = resolver.lookup(schema["$ref"])
        except (referencing.exceptions.Unresolvable, ValueError):  # ValueError: a step into a list that is no index
            with pytest.raises(SchemaError):
                node.reference()
        else:
            if isinstance(expected.contents, dict) and "title" in expected.contents:
                target = node.reference()
                assert target is not None
                compared(target, expected.contents, expected.resolver, seen)
    for keyword in ("$defs", "properties", "allOf", "oneOf", "not"):
        inner = schema.get(keyword)
        if keyword == "not" and inner is not None:
            places: list[tuple[Any, ...]] = [("not",)]
        elif isinstance(inner, dict):
            places = [(keyword, name) for name in inner]
        else:
            places = [(keyword, i) for i in range(len(inner or ()))]
        for place in places:
            value = functools.reduce(lambda v, step: v[step], place, schema)
            if isinstance(value, dict):
                into = resolver.in_subresource(DRAFT202012.create_resource(value))
                compared(node.child(*place), value, into, seen)


# Nodes


def test_a_schema_in_a_scope_is_one_node() -> None:
    root = load(
        {
            "properties": {"a": {"$ref": "#/$defs/b"}, "c": {"$ref": "#/properties/a"}},
            "$defs": {"b": {"$anchor": "b", "items": {"$ref": "#b"}, "not": {"$ref": "#"}}},
        }
    )
    a = root.child("properties", "a")
    b = a.reference()
    assert b is not None
    assert root.child("properties", "a") is a
    assert root.child("properties", "c").reference() is a
    assert root.child("$defs", "b") is b
    assert b.child("items").reference() is b
    assert b.child("not").reference() is root
    assert len(reached(root)) == 6


def test_a_node_is_one_by_whatever_pointer() -> None:
    root = load(
        {
            "other": {"properties": {"x": {"type": "null"}}},
            "allOf": [{"$ref": "#/other"}, {"$ref": "#/other/properties/x"}, {"$ref": "#/oth%65r/properties/x"}],
        }
    )
    found = [root.child("allOf", i).reference() for i in range(3)]
    assert found[0] is not None
    assert found[0].child("properties", "x") is found[1] is found[2]


def test_pointers() -> None:
    registry = referencing.Registry().with_contents(
        [("http://example.org/far", {"$defs": {"a/b": {"type": "null"}}, "$anchor": "all"})],
        default_specification=DRAFT202012,
    )
    root = load(
        {
            "properties": {"a~b/c d": {"items": {"$ref": "http://example.org/far#/$defs/a~1b"}}},
            "anyOf": [{"$id": "http://example.org/near", "not": {"$ref": "far#all"}}, {"$ref": "#/anyOf/0/not"}],
        },
        registry=registry,
    )
    item = root.child("properties", "a~b/c d", "items")
    assert root.pointer == "#"
    assert item.pointer == "#/properties/a~0b~1c d/items"
    assert pointer(item.reference()) == "http://example.org/far#/$defs/a~1b"
    assert root.child("anyOf", 0).pointer == "#/anyOf/0"
    assert root.child("anyOf", 0, "not").pointer == "#/anyOf/0/not"
    assert pointer(root.child("anyOf", 0, "not").reference()) == "http://example.org/far#"
    assert pointer(root.child("anyOf", 1).reference()) == "#/anyOf/0/not"


def pointer(node: Node | None) -> str | None:
    return None if node is None else node.pointer


def test_no_schema_there() -> None:
    root = load({"properties": {"a": True}, "required": ["a"]})
    for path in [("properties", "b"), ("properties",), ("required", 0), ("allOf", 0), ("properties", "a", "x")]:
        if path == ("properties",):
            continue  # an object like any schema: nothing tells it from one
        with pytest.raises(KeyError):
            root.child(*path)


@pytest.mark.parametrize(
    ("schema", "children"),
    [
        (True, []),
        ({"type": "object", "$defs": {"a": {}}}, []),
        ({"properties": {"a": {}, "b": True}, "not": {}}, [("properties", "a"), ("properties", "b"), ("not",)]),
        ({"allOf": [{}, {}], "if": True, "then": {}}, [("allOf", 0), ("allOf", 1), ("if",), ("then",)]),
        ({"prefixItems": [{}], "items": {}}, [("prefixItems", 0), ("items",)]),
        ({"$ref": "#", "items": {}}, [("items",)]),
        ({"$schema": DRAFT_7, "$ref": "#", "items": {}}, []),
        ({"$schema": DRAFT_7, "items": [{}, {}]}, [("items", 0), ("items", 1)]),
        ({"$schema": DRAFT_7, "dependencies": {"a": ["b"], "c": {}}}, [("dependencies", "c")]),
        ({"relark:contentSchema": {"type": "integer"}}, [("relark:contentSchema",)]),
        ({"const": {"properties": {"a": {}}}, "contentSchema": {}, "unknown": {"not": {}}}, []),
    ],
)
def test_children(schema: Any, children: list[tuple[Any, ...]]) -> None:
    root = load(schema)
    assert [path for path, _ in root.children()] == children
    assert all(root.child(*path) is node for path, node in root.children())


def test_data_is_copied() -> None:
    shared = {"$id": "x", "type": "string"}
    data = {"properties": {"a": shared, "b": {"$id": "http://example.org/", "allOf": [shared]}}}
    root = load(data)
    shared["type"] = "null"
    data.clear()
    assert root.child("properties", "a").schema == {"$id": "x", "type": "string"}


def test_numbers_in_text_are_exact() -> None:
    root = load('{"minimum": 0.1, "maximum": 1e400, "multipleOf": 0.1000000000000000000000001, "minLength": 1.0}')
    assert root.get("minimum") == 0.1
    assert isinstance(root.get("minimum"), float)
    assert root.get("maximum") == Decimal("1e400")
    assert root.get("multipleOf") == Decimal("0.1000000000000000000000001")
    assert type(root.get("minLength")) is int


# Dialects


@pytest.mark.parametrize(
    ("uri", "dialect"),
    [
        (DRAFT_4, "draft4"),
        (DRAFT_4[:-1], "draft4"),
        ("http://json-schema.org/draft-05/schema#", "draft4"),
        (DRAFT_6, "draft6"),
        (DRAFT_7, "draft7"),
        ("https://json-schema.org/draft-07/schema", "draft7"),
        (OF_2019, "2019-09"),
        ("http://json-schema.org/draft/2019-09/schema#", "2019-09"),
        (OF_2020, "2020-12"),
        (OF_2020 + "#", "2020-12"),
        ("http://json-schema.org/schema#", "2020-12"),
    ],
)
def test_dialects(uri: str, dialect: str) -> None:
    root = load({"$schema": uri, "not": {"type": "null"}})
    assert root.dialect == root.child("not").dialect == dialect


def test_the_dialect_of_a_document_that_does_not_say() -> None:
    assert load({}).dialect == load(True).dialect == "2020-12"


BOUNDS = {"minimum": 1, "exclusiveMinimum": True, "maximum": 5, "exclusiveMaximum": False}


@pytest.mark.parametrize(
    ("schema", "meaningful"),
    [
        ({"$schema": DRAFT_4, **BOUNDS}, {"$schema": DRAFT_4, "exclusiveMinimum": 1, "maximum": 5}),
        ({"$schema": DRAFT_4, "exclusiveMinimum": True}, {"$schema": DRAFT_4}),
        ({"$schema": DRAFT_4, "const": 1, "id": "x", "$id": "y"}, {"$schema": DRAFT_4, "id": "x"}),
        ({"$schema": DRAFT_6, "const": 1, "if": {}, "id": 5}, {"$schema": DRAFT_6, "const": 1}),
        ({"$schema": DRAFT_7, "prefixItems": 1, "$defs": 1, "if": {}}, {"$schema": DRAFT_7, "if": {}}),
        ({"$schema": DRAFT_7, "$ref": "#", "type": "null"}, {"$ref": "#"}),
        ({"$schema": OF_2019, "$ref": "#", "dependencies": 1}, {"$schema": OF_2019, "$ref": "#"}),
        ({"$schema": OF_2019, "prefixItems": 1, "items": [{}]}, {"$schema": OF_2019, "items": [{}]}),
        ({"$ref": "#", "type": "null", "additionalItems": 1}, {"$ref": "#", "type": "null"}),
        ({"$recursiveRef": 1, "minItems": 2.0, "title": 5, "x-y": 0}, {"minItems": 2, "title": 5}),
        (True, {}),
    ],
)
def test_keywords_mean_something_in_their_dialect(schema: Any, meaningful: dict[str, Any]) -> None:
    node = load(schema)
    assert {keyword: node.get(keyword) for keyword in node.keywords()} == meaningful
    if isinstance(schema, dict):
        assert all(node.get(keyword, "none") == "none" for keyword in schema.keys() - meaningful.keys())


def test_embedded_documents_have_their_dialect() -> None:
    root = load(
        {
            "$defs": {
                "seven": {"$schema": DRAFT_7, "$id": "http://example.org/", "not": {"$ref": "#/definitions/a"},
                          "definitions": {"a": {"prefixItems": True, "minimum": 1}}},
                "pasted": {"$schema": DRAFT_7, "items": [{"dependencies": {"a": ["b"]}}]},
                "unknown": {"$schema": "http://example.org/unknown", "prefixItems": [True]},
            },
            "anyOf": [{"$ref": "http://example.org/"}, {"$ref": "#/$defs/pasted/items/0"}],
        }
    )  # fmt: skip
    seven = root.child("anyOf", 0).reference()
    assert seven is not None
    assert seven.dialect == "draft7"
    assert seven.child("not").reference().keywords() == ("minimum",)  # type: ignore[union-attr]
    pasted = root.child("anyOf", 1).reference()
    assert pasted is not None
    assert pasted.dialect == "draft7"
    assert pasted.get("dependencies") == {"a": ["b"]}
    assert root.child("$defs", "pasted").child("items", 0) is pasted
    assert root.child("$defs", "unknown").keywords() == ("$schema", "prefixItems")


META = "http://example.org/meta"


def with_metaschema(**keywords: Any) -> referencing.Registry[Any]:
    contents = [(META, {"$schema": OF_2020, "$id": META, **keywords})]
    return referencing.Registry().with_contents(contents, default_specification=DRAFT202012)


def test_a_metaschema_may_choose_vocabularies() -> None:
    vocabularies = {
        "https://json-schema.org/draft/2020-12/vocab/core": True,
        "https://json-schema.org/draft/2020-12/vocab/applicator": True,
        "http://example.org/made-up": False,
    }
    registry = with_metaschema(**{"$vocabulary": vocabularies})
    root = load({"$schema": META, "properties": {"a": {"minimum": "1"}}, "minProperties": 1}, registry=registry)
    assert root.dialect == "2020-12"
    assert root.keywords() == ("$schema", "properties")
    assert root.child("properties", "a").keywords() == ()
    assert [found.keyword for found in unknown_keywords(root)] == ["minProperties", "minimum"]


def test_a_metaschema_without_vocabularies_is_of_its_own_dialect() -> None:
    assert load({"$schema": META, "minimum": 1}, registry=with_metaschema()).keywords() == ("$schema", "minimum")
    seven = with_metaschema(**{"$schema": DRAFT_7, "$id": META})
    assert load({"$schema": META + "#"}, registry=seven).dialect == "draft7"


def test_a_metaschema_may_demand_what_nobody_knows() -> None:
    registry = with_metaschema(**{"$vocabulary": {"http://example.org/made-up": True}})
    with pytest.raises(
        SchemaError, match=r'^#/\$schema: the metaschema "http://example.org/meta" demands a vocabulary'
    ):
        load({"$schema": META}, registry=registry)


def test_a_metaschema_that_is_its_own() -> None:
    with pytest.raises(SchemaError, match="unknown dialect"):
        load({"$schema": META}, registry=with_metaschema(**{"$schema": META}))


# References


@pytest.mark.parametrize(
    ("reference", "target"),
    [
        ("#", "#"),
        ("", "#"),
        ("http://example.org/a/root", "#"),
        ("root", "#"),
        ("root#", "#"),
        ("/a/root#/$defs/plain", "#/$defs/plain"),
        ("#/$defs/plain", "#/$defs/plain"),
        ("#/%24defs/pl%61in", "#/$defs/plain"),
        ("#/$defs/a~1b~0c%25d", "#/$defs/a~1b~0c%d"),
        ("#/$defs/~01", "#/$defs/~01"),
        ("#/$defs//", "#/$defs//"),
        ("#plain", "#/$defs/plain"),
        ("#pl%61in", "#/$defs/plain"),
        ("other", "#/$defs/other"),
        ("../a/other", "#/$defs/other"),
        ("other#/not", "#/$defs/other/not"),
        ("other#within", "#/$defs/other/not"),
        ("#/$defs/other/not", "#/$defs/other/not"),
        ("urn:example:thing", "#/$defs/urn"),
        ("urn:example:thing#/items", "#/$defs/urn/items"),
        ("urn:example:thing#deep", "#/$defs/urn/items"),
        ("#/prefixItems/1", "#/prefixItems/1"),
        ("#/unknown/list/0", "#/unknown/list/0"),
        ("#/const", "#/const"),
        ("https://json-schema.org/draft/2020-12/schema", "https://json-schema.org/draft/2020-12/schema#"),
        ("http://json-schema.org/draft/2020-12/schema#", "https://json-schema.org/draft/2020-12/schema#"),
        (
            "http://json-schema.org/draft-07/schema#/definitions/simpleTypes",
            "http://json-schema.org/draft-07/schema#/definitions/simpleTypes",
        ),
    ],
)
def test_references(reference: str, target: str) -> None:
    document = {
        "$id": "http://example.org/a/root",
        "not": {"$ref": reference},
        "prefixItems": [{}, {}],
        "const": {"$id": "other", "type": "null"},
        "unknown": {"list": [{"type": "null"}], "schema": {"$id": "other"}},
        "$defs": {
            "plain": {"$anchor": "plain"},
            "": {"": {}, "not": {}},
            "a/b~c%d": {},
            "~1": {},
            "/": {},
            "other": {"$id": "other", "not": {"$anchor": "within"}},
            "urn": {"$id": "urn:example:thing", "items": {"$anchor": "deep"}},
        },
    }
    if target == "#/$defs//":
        document["$defs"] = {"": {"$comment": "the next is no place for schemas", "": {}}}
    assert pointer(load(document).child("not").reference()) == target


def test_no_references() -> None:
    node = load({"type": "null"})
    assert node.reference() is None
    assert node.dynamic_reference() is None
    assert load(True).reference() is None


@pytest.mark.parametrize(
    ("uri", "document", "target"),
    [
        (DRAFT_4, {"id": "#there"}, "#/definitions/a"),
        (DRAFT_6, {"$id": "#there"}, "#/definitions/a"),
        (DRAFT_7, {"$id": "#there", "type": "null"}, "#/definitions/a"),
    ],
)
def test_anchors_before_2019(uri: str, document: dict[str, Any], target: str) -> None:
    root = load({"$schema": uri, "definitions": {"a": document}, "not": {"$ref": "#there"}})
    assert pointer(root.child("not").reference()) == target


def test_an_identifier_beside_a_reference_is_ignored_before_2019() -> None:
    document = {
        "$id": "http://example.org/base",
        "definitions": {"a": {"$id": "inner/", "$ref": "near"}, "near": {"$id": "near"}, "far": {"$id": "inner/near"}},
    }
    assert pointer(load({"$schema": DRAFT_7, **document}).child("definitions", "a").reference()) == "#/definitions/near"
    assert pointer(load({"$schema": OF_2019, **document}).child("definitions", "a").reference()) == "#/definitions/far"


def test_names_in_unknown_keywords_are_not_known_elsewhere() -> None:
    root = load(
        {
            "other": {"$anchor": "a", "items": {"$id": "http://example.org/b", "$anchor": "c", "not": {"$ref": "#c"}}},
            "not": {"$ref": "#/other"},
            "$defs": {"a": {"$ref": "#a"}, "b": {"$ref": "http://example.org/b"}},
        }
    )
    other = root.child("not").reference()
    assert other is not None
    inner = other.child("items")
    assert inner.child("not").reference() is inner
    for name in ("a", "b"):
        with pytest.raises(SchemaError):
            root.child("$defs", name).reference()


def test_relative_identifiers() -> None:
    root = load(
        {"$id": "b/c", "not": {"$ref": "http://example.org/b/d"}, "$defs": {"d": {"$id": "d"}}},
        base_uri="http://example.org/a#x",
    )
    assert root.child("not").reference() is root.child("$defs", "d")


def test_a_base_uri() -> None:
    registry = referencing.Registry().with_contents(
        [("file:///schemas/other.json", {"title": "other"})], default_specification=DRAFT7
    )
    root = load({"$ref": "other.json"}, registry=registry, base_uri="file:///schemas/this.json")
    target = root.reference()
    assert target is not None
    assert target.schema == {"title": "other"}
    assert target.dialect == "draft7"


def test_documents_of_a_registry_refer_to_each_other_and_back() -> None:
    registry = referencing.Registry().with_resources(
        [
            ("http://example.org/b", DRAFT201909.create_resource({"items": {"$ref": "c"}})),
            ("http://example.org/c", DRAFT202012.create_resource({"items": {"$ref": "a"}, "not": {"$ref": "b"}})),
        ]
    )
    root = load({"$id": "http://example.org/a", "$ref": "b"}, registry=registry)
    b = root.reference()
    assert b is not None
    c = b.child("items").reference()
    assert c is not None
    assert (b.dialect, c.dialect) == ("2019-09", "2020-12")
    assert c.child("items").reference() is root
    assert c.child("not").reference() is b


def test_a_registry_may_retrieve() -> None:
    asked = []

    def retrieve(uri: str) -> referencing.Resource[Any]:
        asked.append(uri)
        if uri != "http://example.org/a":
            raise OSError("no such host")
        return DRAFT202012.create_resource({"title": "a"})

    registry: referencing.Registry[Any] = referencing.Registry(retrieve=retrieve)  # type: ignore[call-arg]
    root = load({"items": {"$ref": "http://example.org/a"}, "not": {"$ref": "http://example.org/a"}}, registry=registry)
    assert root.child("items").reference() is root.child("not").reference()
    assert asked == ["http://example.org/a"]
    with pytest.raises(SchemaError, match=r'^#/\$ref: the registry failed to retrieve "http://example.org/b"') as error:
        load({"$ref": "http://example.org/b"}, registry=registry)
    assert isinstance(error.value.__cause__, referencing.exceptions.Unretrievable)


def test_a_registry_knows_what_is_inside_its_documents() -> None:
    document = {
        "$id": "http://example.org/a",
        "$defs": {"b": {"$id": "deep/er/b", "items": {"$ref": "c"}}, "c": {"$id": "deep/er/c", "type": "null"}},
    }
    registry = referencing.Registry().with_contents(
        [("http://example.org/a", document)], default_specification=DRAFT202012
    )
    b = load({"$ref": "http://example.org/deep/er/b"}, registry=registry).reference()
    assert b is not None
    c = b.child("items").reference()
    assert c is not None
    assert c.get("type") == "null"


def test_a_registry_with_malformed_documents() -> None:
    registry = referencing.Registry().with_contents(
        [("http://example.org/a", {"properties": []}), ("http://example.org/b", {})],
        default_specification=DRAFT202012,
    )
    assert load({"$ref": "http://example.org/b"}, registry=registry)
    with pytest.raises(SchemaError, match=r"^http://example.org/a#/properties: properties takes an object"):
        load({"$ref": "http://example.org/a"}, registry=registry)
    with pytest.raises(
        SchemaError, match=r'^#/\$ref: the registry failed to look for "http://example.org/c": a document'
    ):
        load({"$ref": "http://example.org/c"}, registry=registry)


def test_plain_documents_ask_no_registry() -> None:
    def retrieve(uri: str) -> Any:
        raise AssertionError(uri)

    registry: referencing.Registry[Any] = referencing.Registry(retrieve=retrieve)  # type: ignore[call-arg]
    assert load({"$id": "http://example.org/a", "items": {"$ref": "a"}}, registry=registry)


def test_what_no_registry_is() -> None:
    with pytest.raises(ArgumentError, match=r"expected a referencing\.Registry"):
        load({}, registry={"http://example.org/": {}})  # type: ignore[arg-type]


# Dynamic scope


def tree(node: str) -> dict[str, Any]:
    return {
        "$schema": OF_2020,
        "$id": "http://example.org/tree",
        "$dynamicAnchor": "node",
        "properties": {"children": {"items": {"$dynamicRef": node}}},
    }


def test_dynamic_references_go_to_the_outermost() -> None:
    registry = referencing.Registry().with_contents([("http://example.org/tree", tree("#node"))])
    strict = load(
        {"$id": "http://example.org/strict", "$dynamicAnchor": "node", "$ref": "tree", "maxProperties": 1},
        registry=registry,
    )
    inside = strict.reference()
    assert inside is not None
    again = inside.child("properties", "children", "items").dynamic_reference()
    assert again is strict
    alone = load(tree("#node"))
    assert alone.child("properties", "children", "items").dynamic_reference() is alone
    assert inside.schema == alone.schema
    assert len(reached(strict)) == 5 - 1  # root, tree, children, items


@pytest.mark.parametrize("node", ["#", "#/properties/children", "tree"])
def test_dynamic_references_without_a_dynamic_anchor_are_plain(node: str) -> None:
    root = load(
        {"$id": "http://example.org/strict", "$dynamicAnchor": "node", "$ref": "tree", "$defs": {"t": tree(node)}}
    )
    inside = root.reference()
    assert inside is not None
    target = inside.child("properties", "children", "items").dynamic_reference()
    assert target is (inside.child("properties", "children") if "/" in node else inside)


def test_scopes_hold_only_what_matters() -> None:
    """Two ways to a schema are one node unless a dynamic anchor tells them apart."""
    library = {"$id": "http://example.org/list", "items": {"$dynamicRef": "#item"},
               "$defs": {"default": {"$dynamicAnchor": "item"}}}  # fmt: skip
    root = load(
        {
            "anyOf": [
                {"$id": "http://example.org/1", "$ref": "list"},
                {"$id": "http://example.org/2", "$ref": "list", "$anchor": "item"},
                {"$id": "http://example.org/3", "$ref": "list", "$defs": {"i": {"$dynamicAnchor": "item"}}},
                {"$id": "http://example.org/4", "$ref": "3"},
            ],
            "$defs": {"list": library},
        }
    )
    one, two, three, four = (root.child("anyOf", i).reference() for i in range(4))
    assert one is two
    assert one is not three
    assert four is root.child("anyOf", 2)
    assert three is not None
    target = three.child("items").dynamic_reference()
    assert pointer(target) == "#/anyOf/2/$defs/i"
    assert one is not None
    assert pointer(one.child("items").dynamic_reference()) == "#/$defs/list/$defs/default"


def test_recursive_references_skip_what_has_no_anchor() -> None:
    """As the text of 2019-09 says; the referencing library stops at the resource between."""
    root = load(
        {
            "$schema": OF_2019,
            "$id": "http://example.org/outer",
            "$recursiveAnchor": True,
            "$ref": "between",
            "$defs": {
                "between": {"$id": "between", "$ref": "inner"},
                "inner": {"$id": "inner", "$recursiveAnchor": True, "items": {"$recursiveRef": "#"}},
                "plain": {"$id": "plain", "items": {"$recursiveAnchor": True, "$recursiveRef": "#"}},
            },
        }
    )
    between = root.reference()
    assert between is not None
    inner = between.reference()
    assert inner is not None
    assert inner.child("items").dynamic_reference() is root
    plain = root.child("$defs", "plain")
    assert plain.child("items").dynamic_reference() is plain


def test_the_metaschemas_are_finite_graphs() -> None:
    for uri in (DRAFT_4, DRAFT_6, DRAFT_7, OF_2019, OF_2020):
        root = load({"$ref": uri})
        assert 50 < len(reached(root)) < 400
        for schema in ({"properties": {"a": {"type": "null"}}}, {"type": "wrong"}, {"properties": {"a": {"type": 5}}}):
            judge = jsonschema.validators.validator_for({"$schema": uri})
            assert node_judge.is_valid(root, schema) == judge(judge.META_SCHEMA).is_valid(schema)


# Errors


MALFORMED: list[tuple[Any, str]] = [
    (5, "#: a schema is an object, true or false; found 5"),
    (None, "#: a schema is an object, true or false; found null"),
    ([{}], "#: a schema is an object, true or false; found [{}]"),
    ({1: {}}, "#: keys are strings in JSON; found 1"),
    ({"enum": [1, {"a": {1, 2}}]}, "#/enum/1/a: {1, 2} is no JSON value"),
    ({"const": float("nan")}, "#/const: NaN is no JSON value"),
    ({"properties": {"a": 5}}, "#/properties/a: a schema is an object, true or false; found 5"),
    (
        {"properties": {"type": "object", "a": {}}},
        '#/properties/type: a schema is an object, true or false; found "object". '
        "If the keyword `type` is meant, move it out of `properties`",
    ),
    ({"properties": []}, "#/properties: properties takes an object whose values are schemas; found []"),
    ({"items": 5}, "#/items: items takes a schema: an object, true or false; found 5"),
    (
        {"items": [{}]},
        "#/items: items takes a schema: an object, true or false; found [{}]. Lists are `prefixItems` since 2020-12; "
        'or declare "$schema": "http://json-schema.org/draft-07/schema#".',
    ),
    ({"$schema": DRAFT_7, "items": "x"}, '#/items: items takes a schema or a list of schemas; found "x"'),
    ({"prefixItems": {}}, "#/prefixItems: prefixItems takes a list of one or more schemas; found {}"),
    ({"anyOf": []}, "#/anyOf: anyOf takes a list of one or more schemas; found []"),
    ({"anyOf": [{}, 5]}, "#/anyOf/1: a schema is an object, true or false; found 5"),
    ({"not": None}, "#/not: not takes a schema: an object, true or false; found null"),
    (
        {"additionalProperties": "false"},
        '#/additionalProperties: additionalProperties takes a schema: an object, true or false; found "false". '
        "Did you mean false, without quotes?",
    ),
    (
        {"minLength": "5"},
        '#/minLength: minLength takes an integer of at least 0; found "5". Did you mean 5, without quotes?',
    ),
    ({"minLength": -1}, "#/minLength: minLength takes an integer of at least 0; found -1"),
    ({"minLength": 1.5}, "#/minLength: minLength takes an integer of at least 0; found 1.5"),
    ({"minLength": True}, "#/minLength: minLength takes an integer of at least 0; found true"),
    ({"minimum": "1"}, '#/minimum: minimum takes a number; found "1". Did you mean 1, without quotes?'),
    ({"minimum": True}, "#/minimum: minimum takes a number; found true"),
    (
        {"exclusiveMinimum": True, "minimum": 1},
        "#/exclusiveMinimum: exclusiveMinimum takes a number; found true. "
        "Give the bound itself, in place of `minimum` (true and false were draft 4).",
    ),
    (
        {"$schema": DRAFT_4, "exclusiveMaximum": 5},
        "#/exclusiveMaximum: exclusiveMaximum takes true or false; found 5. In draft 4 the bound is in `maximum`; "
        'numbers came with draft 6: declare a later "$schema".',
    ),
    ({"multipleOf": 0}, "#/multipleOf: multipleOf takes a number greater than 0; found 0"),
    (
        {"properties": {"a": {"required": True}}},
        "#/properties/a/required: required takes a list of property names; found true. "
        "List the names of the required properties in the enclosing object (true and false were draft 3).",
    ),
    ({"required": "a"}, '#/required: required takes a list of property names; found "a"'),
    ({"required": ["a", 1]}, '#/required: required takes a list of property names; found ["a", 1]'),
    ({"enum": "a"}, '#/enum: enum takes a list of values; found "a"'),
    ({"enum": {"a": 1}}, '#/enum: enum takes a list of values; found {"a": 1}'),
    (
        {"type": "int"},
        "#/type: type takes one of array, boolean, integer, null, number, object, string, or a list of these; "
        'found "int". Did you mean "integer"?',
    ),
    (
        {"type": ["String", "null"]},
        "#/type: type takes one of array, boolean, integer, null, number, object, string, or a list of these; "
        'found ["String", "null"]. Did you mean "string"?',
    ),
    (
        {"type": "any"},
        "#/type: type takes one of array, boolean, integer, null, number, object, string, or a list of these; "
        'found "any". Leave `type` out to allow any.',
    ),
    (
        {"type": []},
        "#/type: type takes one of array, boolean, integer, null, number, object, string, or a list of these; found []",
    ),
    ({"pattern": 5}, "#/pattern: pattern takes a string; found 5"),
    ({"format": ["date"]}, '#/format: format takes a string; found ["date"]'),
    (
        {"uniqueItems": "true"},
        '#/uniqueItems: uniqueItems takes true or false; found "true". Did you mean true, without quotes?',
    ),
    (
        {"dependentRequired": {"a": "b"}},
        "#/dependentRequired: dependentRequired takes an object whose values are lists of property names; "
        'found {"a": "b"}',
    ),
    (
        {"$schema": DRAFT_7, "dependencies": {"not": [1]}},
        "#/dependencies/not: dependencies takes an object whose values are schemas or lists of property names; "
        "found [1]",
    ),
    ({"$ref": 5}, "#/$ref: $ref takes a string; found 5"),
    ({"$id": 5}, "#/$id: $id takes a URI; found 5"),
    (
        {"$id": "http://example.org/#a"},
        '#/$id: $id takes a URI without a fragment; a name goes into $anchor; found "http://example.org/#a"',
    ),
    ({"$anchor": "#a"}, '#/$anchor: $anchor takes a name, such as "item"; found "#a"'),
    ({"$schema": 5}, "#/$schema: $schema takes the URI of a dialect; found 5"),
    ({"$schema": OF_2019, "$recursiveRef": "#a"}, '#/$recursiveRef: $recursiveRef takes "#"; found "#a"'),
    ({"$defs": {"a/b": {"not": {"minItems": None}}}},
     "#/$defs/a~1b/not/minItems: minItems takes an integer of at least 0; found null"),
    ({"not": {"$id": "http://example.org/", "pattern": 1}}, "#/not/pattern: pattern takes a string; found 1"),
    (
        {"$schema": "http://json-schema.org/draft-03/schema#"},
        '#/$schema: unknown dialect "http://json-schema.org/draft-03/schema#"; relark knows '
        "https://json-schema.org/draft/2020-12/schema, https://json-schema.org/draft/2019-09/schema, "
        "http://json-schema.org/draft-07/schema#, http://json-schema.org/draft-06/schema#, "
        "http://json-schema.org/draft-04/schema#. Leave $schema out for 2020-12, or pass the metaschema as "
        "registry=referencing.Registry().with_contents([(uri, schema)], default_specification=DRAFT202012).",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("schema", "text"), MALFORMED)
def test_malformed_schemas(schema: Any, text: str) -> None:
    with pytest.raises(SchemaError) as error:
        load(schema)
    assert str(error.value) == text
    assert error.value.pointer == text.partition(": ")[0]
    assert isinstance(error.value, RelarkError | ValueError)


WORDS = sorted(
    {keyword for dialect in DIALECTS for keyword in keywords_of(dialect).rules if ":" not in keyword} - {"$schema"}
)
scalars = st.one_of(
    st.none(), st.booleans(), st.integers(-1, 3), st.sampled_from([0.5, 2.0, "", "#", "a", "#/not", "null", "#a", "x#"])
)


def schemas_gone_wrong(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    lists = st.lists(inner, max_size=2)
    named = st.dictionaries(st.sampled_from(["a", "not"]), inner | lists, max_size=2)
    return st.dictionaries(st.sampled_from(WORDS), inner | lists | named, max_size=3)


@settings(max_examples=300)
@given(
    st.recursive(scalars, schemas_gone_wrong, max_leaves=8),
    st.sampled_from([DRAFT_4, DRAFT_6, DRAFT_7, OF_2019, OF_2020]),
)
def test_whatever_it_is_it_loads_or_is_refused(schema: Any, uri: str) -> None:
    """No other error; and what the dialect's metaschema passes is refused for its references only."""
    refused = None
    if isinstance(schema, dict):
        schema = {"$schema": uri, **schema}
    try:
        root = load(json.dumps(schema) if isinstance(schema, str) else schema)
    except SchemaError as error:
        refused = str(error)
    if refused is not None:
        judge = jsonschema.validators.validator_for({"$schema": uri if isinstance(schema, dict) else OF_2020})
        if judge(judge.META_SCHEMA).is_valid(schema):
            assert re.search(
                r"\$ref takes|leads nowhere|leads to|ambiguous|is not in this document|no URI|fragment", refused
            )
        return
    for node in reached(root):
        assert isinstance(node.schema, bool) or node.schema.keys() >= set(node.keywords())
        assert node.pointer.partition("#")[1]
    unknown_keywords(root)


LOOSE = [
    {"required": ["a", "a"]},
    {"required": []},
    {"enum": []},
    {"enum": [1, 1]},
    {"type": ["null", "null"]},
    {"title": 5, "description": [], "examples": {}, "deprecated": "yes", "$comment": 1},
    {"unknown": {"type": 5}, "const": {"type": 5}, "enum": [{"$ref": "#nowhere"}], "default": {"$id": 5}},
    {"$schema": DRAFT_7, "prefixItems": 5, "$anchor": 5, "minContains": "x"},
    {"properties": {"$ref": {}, "$id": {}, "type": {}, "$schema": {}}},
    {"minLength": 2.0, "maxLength": Decimal("3.0"), "multipleOf": Decimal("0.1")},
]


@pytest.mark.parametrize("schema", LOOSE)
def test_what_a_metaschema_forbids_for_tidiness_passes(schema: dict[str, Any]) -> None:
    assert load(schema).schema == schema


BROKEN: list[tuple[Any, str]] = [
    ({"$ref": "#/$defs/a"}, '#/$ref: "#/$defs/a" leads nowhere: # has no "$defs"'),
    (
        {"$ref": "#/$defs/Adress", "$defs": {"address": {}}},
        '#/$ref: "#/$defs/Adress" leads nowhere: #/$defs has no "Adress"; did you mean "address"?',
    ),
    (
        {"items": {"$ref": "#/prefixItems/2"}, "prefixItems": [{}, {}]},
        '#/items/$ref: "#/prefixItems/2" leads nowhere: #/prefixItems has no 2',
    ),
    (
        {"items": {"$ref": "#/prefixItems/01"}, "prefixItems": [{}, {}]},
        '#/items/$ref: "#/prefixItems/01" leads nowhere: #/prefixItems has no "01"',
    ),
    ({"$ref": "#/type", "type": "null"}, '#/$ref: "#/type" leads to "null", which is no schema'),
    ({"$ref": "#/a", "a": {"type": 5}}, None),
    ({"$ref": "#a", "$defs": {"b": {"$anchor": "b"}}}, '#/$ref: "#a" leads nowhere: no schema has that anchor'),
    (
        {"$ref": "#adress", "$defs": {"b": {"$anchor": "address"}}},
        '#/$ref: "#adress" leads nowhere: no schema has that anchor; did you mean "#address"?',
    ),
    (
        {"$ref": "#b", "$defs": {"b": {}}},
        '#/$ref: "#b" leads nowhere: no schema has that anchor; did you mean "#/$defs/b"?',
    ),
    (
        {"$ref": "#definitions/b", "definitions": {"b": {}}},
        '#/$ref: "#definitions/b" leads nowhere: no schema has that anchor; did you mean "#/definitions/b"?',
    ),
    (
        {"$ref": "#b", "$defs": {"a": {"$anchor": "b"}, "b": {"$anchor": "b"}}},
        '#/$ref: "#b" is ambiguous: several schemas have that anchor',
    ),
    (
        {"$ref": "b", "$defs": {"a": {"$id": "b"}, "b": {"$id": "b", "type": "null"}}},
        '#/$ref: "b" is ambiguous: different schemas have that $id',
    ),
    (
        {"properties": {"a": {"$ref": "other.json#/a"}}},
        '#/properties/a/$ref: "other.json#/a" is not in this document, and relark fetches nothing. Pass it as '
        "registry=referencing.Registry().with_contents([(uri, schema)], default_specification=DRAFT202012).",
    ),
    (
        {"$id": "http://example.org/dir/a", "not": {"$ref": "b"}},
        '#/not/$ref: "b" (http://example.org/dir/b) is not in this document, and relark fetches nothing. Pass it as '
        "registry=referencing.Registry().with_contents([(uri, schema)], default_specification=DRAFT202012).",
    ),
    ({"$id": "http://example.org/", "$ref": "http://[a"}, '#/$ref: "http://[a" is no URI: Invalid IPv6 URL'),
    ({"$id": "http://example.org/", "not": {"$id": "http://[a"}}, '#/not/$id: "http://[a" is no URI: Invalid IPv6 URL'),
    ({"not": {"$dynamicRef": "#a"}}, '#/not/$dynamicRef: "#a" leads nowhere: no schema has that anchor'),
]


@pytest.mark.parametrize(("schema", "text"), BROKEN)
def test_broken_references(schema: Any, text: str | None) -> None:
    with pytest.raises(SchemaError) as error:
        load(schema)
    text = text or (
        "#/a/type: type takes one of array, boolean, integer, null, number, object, string, or a list of these; found 5"
    )
    assert str(error.value) == text


@pytest.mark.parametrize(
    "schema",
    [
        {"$defs": {"unused": {"$ref": "#/nowhere"}}},
        {"$defs": {"unused": {"$ref": "http://example.org/nowhere"}, "too": {"$ref": "#/$defs/unused"}}},
        {"$defs": {"unused": {"$ref": "#/unknown/a"}}, "unknown": {"a": {"type": 5}}},
        {"$schema": DRAFT_7, "$ref": "#/definitions/a", "items": {"$ref": "#/nowhere"}, "definitions": {"a": {}}},
        {"$defs": {"a": {"$anchor": "b"}, "b": {"$anchor": "b"}}},
    ],
)
def test_what_nobody_reaches_may_be_broken(schema: dict[str, Any]) -> None:
    root = load(schema)
    for name in schema.get("$defs", ()):
        if name == "unused":
            with pytest.raises(SchemaError):
                root.child("$defs", name).reference()


def test_errors_in_documents_of_a_registry_say_where() -> None:
    registry = referencing.Registry().with_contents(
        [
            ("http://example.org/a", {"properties": {"x": {"minimum": "1"}}}),
            ("http://example.org/b", {"properties": {"x": {"$ref": "#/nowhere"}}}),
        ],
        default_specification=DRAFT202012,
    )
    for name, pointer in (("a", "properties/x/minimum"), ("b", "properties/x/$ref")):
        with pytest.raises(SchemaError) as error:
            load({"$ref": f"http://example.org/{name}"}, registry=registry)
        assert error.value.pointer == f"http://example.org/{name}#/{pointer}"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "not JSON: Expecting value (line 1, column 1)\n    \n    ^"),
        (
            '{\n  "type": "null"\n  "title": "x"}',
            'not JSON: Expecting \',\' delimiter (line 3, column 3)\n      "title": "x"}\n      ^',
        ),
        (
            "schemas/person.json",
            "not JSON: Expecting value (line 1, column 1). Pass what the file holds, not its name\n"
            "    schemas/person.json\n    ^",
        ),
        ('{"minimum": NaN}', "not JSON: NaN is no JSON value"),
        ("[" * 100_000, "nested too deep to be read"),
    ],
)
def test_text_that_is_not_json(text: str, message: str) -> None:
    with pytest.raises(SchemaError) as error:
        load(text)
    assert str(error.value) == message


def test_a_number_with_too_many_digits() -> None:
    with pytest.raises(SchemaError, match="a number that Python does not read: Exceeds the limit"):
        load('{"minimum": ' + "1" * 5000 + "}")


def test_data_that_contains_itself() -> None:
    data: dict[str, Any] = {}
    data["properties"] = {"a": data, "b": [data]}
    with pytest.raises(SchemaError, match=r"^#: nested too deep, or contains itself"):
        load(data)


# Reports


@pytest.mark.parametrize(
    ("schema", "found"),
    [
        ({"propertis": {}}, [("#/propertis", "did you mean `properties`?")]),
        ({"maxlength": 5}, [("#/maxlength", "did you mean `maxLength`?")]),
        ({"x-order": 1, "_meta": 2, "order": 3}, [("#/x-order", ""), ("#/_meta", ""), ("#/order", "")]),
        (
            {"properties": {"a": {"nullable": True}, "nullable": {}}},
            [("#/properties/a/nullable", 'OpenAPI 3.0; in JSON Schema null is a type: "type": ["string", "null"]')],
        ),
        (
            {"$schema": DRAFT_7, "prefixItems": [{}], "unevaluatedItems": False},
            [
                ("#/prefixItems", "it is a list of schemas in `items` before 2020-12"),
                ("#/unevaluatedItems", "a keyword of 2019-09, 2020-12, not of draft7"),
            ],
        ),
        (
            {"$schema": DRAFT_7, "title": "x", "not": {"$ref": "#", "type": "null", "description": "y"}},
            [("#/not/type", "beside `$ref` everything is ignored in draft7")],
        ),
        ({"id": "x"}, [("#/id", "it is `$id` since draft 6")]),
        (
            {"dependencies": {}, "additionalItems": False},
            [
                ("#/dependencies", "it is `dependentRequired` and `dependentSchemas` since 2019-09"),
                ("#/additionalItems", "it is `items`, beside `prefixItems`, since 2020-12"),
            ],
        ),
        ({"$defs": {"a": {"foo": {}}}, "const": {"bar": 1}}, [("#/$defs/a/foo", "")]),
        ({"$id": "http://example.org/", "not": {"$id": "b", "zig": 1}}, [("#/not/zig", "")]),
        (True, []),
    ],
)
def test_unknown_keywords(schema: Any, found: list[tuple[str, str]]) -> None:
    root = load(schema)
    assert [(u.pointer, u.why) for u in unknown_keywords(root)] == found
    assert all(u.pointer.endswith(u.keyword) for u in unknown_keywords(root))
    for _, child in root.children():
        assert unknown_keywords(child) == unknown_keywords(root)


# Cost


@pytest.mark.benchmark
def test_the_cost_of_loading() -> None:
    small = json.dumps({"properties": {f"p{i}": {"type": "string", "minLength": 1} for i in range(10)}})
    large = json.dumps({"$defs": {f"d{i}": json.loads(small) for i in range(300)}, "$ref": "#/$defs/d299"})
    assert len(large) > 130_000
    for text, seconds in ((small, 0.0003), (large, 0.1)):
        best = min(seconds_to_load(text) for _ in range(5))
        assert best < seconds


def seconds_to_load(text: str) -> float:
    with timed() as watch:
        load(text)
    return watch.seconds
