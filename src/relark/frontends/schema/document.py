"""Schema documents: JSON or Python data in, nodes out that know their keywords and where their references lead.

`load` copies a document, looks at every keyword value in it once, gathers what ``$id`` and the anchors name, and
resolves the references.  A `Node` is one schema in one dynamic scope: the same schema reached in the same scope by
whatever way is the same object, so that a recursive schema is a finite graph whose nodes compare with ``is``.

References lead into the document, into the registry that the caller passes, and to the published metaschemas; relark
never fetches anything.  What is wrong raises `SchemaError` when the document is loaded: malformed values anywhere, and
references that lead nowhere if something reaches them from the root (jsonschema, too, ignores broken ones in
definitions that nobody uses).

*Dynamic scope.* ``$dynamicRef`` goes to the outermost resource on the way from the root that has the anchor; so of
the way all that matters is which resource was the first to have each name, and that is what a node keeps.  Resources
without dynamic anchors leave no trace.  ``$recursiveRef`` of 2019-09 is the same with one name for all; as the text of
that draft says, and unlike the `referencing` library, resources between that have no ``$recursiveAnchor`` do not stop
the search.  A JSON pointer that crosses embedded resources enters only the last.

*Cost.* Measured on one core: documents of 150 KB load in 2 to 3 ms, those of 1 KB in 0.03 ms, the metaschema of 2020-12
in 1 ms; a `Node.child` that was asked for before is a dictionary lookup.

*Departures.* A ``$schema`` inside a document switches the dialect there, even if the schema has no ``$id`` (jsonschema
does so too; the specification wants none there).  Two schemas with the same ``$id`` or anchor are an error only once
something refers to it.

Sources: JSON Schema core, drafts 4 to 2020-12, chapters on identifiers, references and vocabularies; RFC 6901 (JSON
pointers).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from decimal import Decimal
from typing import TYPE_CHECKING, Any, NamedTuple, NoReturn
from urllib.parse import unquote, urljoin

from relark.errors import ArgumentError, SchemaError
from relark.frontends.schema import vocabulary as kw
from relark.frontends.schema.vocabulary import Dialect, Keywords, advice, close_to, dialect_of, shown

if TYPE_CHECKING:
    from collections.abc import Iterator

    from referencing import Registry

__all__ = ["Dialect", "Node", "UnknownKeyword", "load", "unknown_keywords"]

_Path = tuple[str | int, ...]
_Scope = tuple[tuple[str, "_Resource"], ...]  # sorted by name: which resource was the first to have that dynamic anchor

_RECURSIVE = ""  # the one dynamic anchor of 2019-09, which has no name; no anchor can be called so
_REGISTRY = "referencing.Registry().with_contents([(uri, schema)], default_specification=DRAFT202012)"


def load(schema: Mapping[str, Any] | bool | str, *, registry: Registry[Any] | None = None, base_uri: str = "") -> Node:
    """The root of a schema document: Python data, or JSON text.

    ``registry`` holds the documents that the schema refers to (and metaschemas of one's own); ``base_uri`` is where
    the document comes from, if its references are relative to that.  The data is copied.

    Raises `SchemaError`.

    >>> load('{"properties": {"age": {"$ref": "#/$defs/a"}}, "$defs": {"a": {"minimum": 0}}}').child(
    ...     "properties", "age").reference().pointer
    '#/$defs/a'
    """
    if registry is not None:
        from referencing import Registry

        if not isinstance(registry, Registry):
            raise ArgumentError(f"registry={shown(registry)}: expected a referencing.Registry, such as {_REGISTRY}")
    document = _parsed(schema) if isinstance(schema, str) else _copied(schema, "")
    library = _Library(registry)
    root = library.add(document, base_uri, kw.keywords_of("2020-12"), shown_as="")
    node = library.node(root, (), library.enter((), root))
    library.check_references(node)
    return node


class Node:
    """A schema where it stands, in a dynamic scope.  Never changed once made; compare with ``is``."""

    __slots__ = ("_children", "_dynamic", "_keywords", "_path", "_reference", "_resource", "_scope", "_view", "schema")

    schema: dict[str, Any] | bool
    """As it was written (a copy): never to be changed."""

    def __init__(
        self, schema: dict[str, Any] | bool, keywords: Keywords, resource: _Resource, path: _Path, scope: _Scope
    ) -> None:
        self.schema = schema
        self._keywords, self._resource, self._path, self._scope = keywords, resource, path, scope
        self._view: dict[str, Any] | None = None
        self._children: dict[_Path, Node] = {}
        self._reference: Node | None = None
        self._dynamic: Node | None = None

    def __repr__(self) -> str:
        return f"<Node {self.pointer} {shown(self.schema)}>"

    @property
    def pointer(self) -> str:
        """Where the schema is written: ``#/properties/age``; with the URI in front where that is another document."""
        return self._resource.pointer(self._path)

    @property
    def dialect(self) -> Dialect:
        """The dialect in force here."""
        return self._keywords.dialect

    def get(self, keyword: str, default: Any = None) -> Any:
        """The value of ``keyword`` if it is there and the dialect gives it a meaning, else ``default``.

        Counts are ints, even if written ``2.0``.  Bounds are as since draft 6: in draft 4, ``exclusiveMinimum`` is the
        bound and ``minimum`` gone where the former is true.
        """
        view = self._view
        if view is None:
            view = self._view = _view(self.schema, self._keywords)
        return view.get(keyword, default)

    def keywords(self) -> tuple[str, ...]:
        """The keywords that `get` knows here, in written order; annotations such as ``title`` are among them."""
        if self._view is None:
            self._view = _view(self.schema, self._keywords)
        return tuple(self._view)

    def child(self, *path: str | int) -> Node:
        """The schema inside this one: ``child("properties", "a")``, ``child("allOf", 0)``, ``child("not")``."""
        node = self._children.get(path)
        if node is None:
            library = self._resource.library
            resource, inner, value = library.descend(self._resource, self._path, self.schema, path)
            if not isinstance(value, (dict, bool)):
                raise KeyError(f"no schema at {path} in {self.pointer}")
            scope = self._scope if resource is self._resource else library.enter(self._scope, resource)
            node = self._children[path] = library.node(resource, inner, scope)
        return node

    def children(self) -> Iterator[tuple[_Path, Node]]:
        """The schemas in the keywords here that say something of an instance, each with its path for `child`."""
        for path in _places(self.schema, self._keywords, evaluated=True):
            yield path, self.child(*path)

    def reference(self) -> Node | None:
        """Where ``$ref`` leads; None if there is none.  Raises `SchemaError` if it leads nowhere."""
        if self._reference is None and self.get("$ref") is not None:
            library = self._resource.library
            target = library.locate(self._resource, self._path, "$ref", self.get("$ref"))
            self._reference = library.node(target.resource, target.path, library.enter(self._scope, target.resource))
        return self._reference

    def dynamic_reference(self) -> Node | None:
        """Where ``$dynamicRef``, or ``$recursiveRef`` in 2019-09, leads from this scope; None if there is neither."""
        if self._dynamic is None:
            keyword = "$recursiveRef" if self.dialect == "2019-09" else "$dynamicRef"
            text = self.get(keyword)
            if text is not None:
                library = self._resource.library
                target = library.locate(self._resource, self._path, keyword, text)
                resource, path = target.resource, target.path
                name = _RECURSIVE if keyword == "$recursiveRef" else target.anchor
                if name is not None and name in resource.dynamic:
                    resource = dict(self._scope).get(name, resource)
                    path = resource.dynamic[name]
                self._dynamic = library.node(resource, path, library.enter(self._scope, resource))
        return self._dynamic


class UnknownKeyword(NamedTuple):
    """A keyword without a meaning where it stands, ``pointer``.  ``why``: what is known of it, or ""."""

    pointer: str
    keyword: str
    why: str


def unknown_keywords(node: Node) -> list[UnknownKeyword]:
    """The keywords of the whole document around ``node`` that have no meaning where they stand, in written order.

    They are annotations, as the specification says of unknown keywords.  Among them are those beside a ``$ref`` that
    drafts 4 to 7 ignore, if they would ask something of an instance anywhere else.
    """
    found = []
    home = node._resource
    while home.parent is not None:
        home = home.parent
    pending = [home.library.node(home, (), ())]
    while pending:
        here = pending.pop()
        schema, keywords = here.schema, here._keywords
        if isinstance(schema, bool):
            continue
        alone = keywords.reference_alone and "$ref" in schema
        for keyword in schema:
            rule = keywords.rules.get(keyword)
            if rule is None:
                why = kw.unknown(keyword, keywords)
            elif alone and rule.evaluated and rule.takes != "anything" and keyword not in _NAMING:
                why = f"beside `$ref` everything is ignored in {keywords.dialect}"
            else:
                continue
            found.append(UnknownKeyword(_extended(here.pointer, keyword), keyword, why))
        pending += [here.child(*path) for path in _places(schema, keywords)][::-1]
    return found


# Text and data


def _parsed(text: str) -> Any:
    try:
        document = json.loads(text, parse_float=_number, parse_constant=_constant)
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        file = ". Pass what the file holds, not its name" if text.endswith(".json") and "{" not in text else ""
        raise SchemaError(f"not JSON: {error.msg} ({where}){file}", source=text, position=error.pos) from None
    except RecursionError:
        raise SchemaError("nested too deep to be read") from None
    except SchemaError:
        raise
    except ValueError as error:  # digits: more than sys.get_int_max_str_digits()
        raise SchemaError(f"a number that Python does not read: {error}") from None
    return document


def _number(text: str) -> float | Decimal:
    """A float where that is the number that was written, else a Decimal."""
    value, exact = float(text), Decimal(text)
    return value if Decimal(repr(value)) == exact else exact


def _constant(name: str) -> Any:
    raise SchemaError(f"not JSON: {name} is no JSON value")


def _copied(value: Any, uri: str) -> Any:
    """``value`` in plain dicts, lists, strings and numbers: later changes to it do not matter, and no two are one."""
    try:
        return _copy(value, (), uri)
    except RecursionError:
        raise SchemaError("nested too deep, or contains itself", pointer=_pointer(uri, ())) from None


def _copy(value: Any, path: _Path, uri: str) -> Any:
    kind = type(value)
    if kind is str or kind is int or kind is bool or value is None:
        return value
    if kind is dict or isinstance(value, Mapping):
        copy: dict[str, Any] = {}
        for key, member in value.items():
            if not isinstance(key, str):
                raise SchemaError(f"keys are strings in JSON; found {key!r}", pointer=_pointer(uri, path))
            copy[str.__str__(key)] = _copy(member, (*path, key), uri)
        return copy
    if isinstance(value, (list, tuple)):
        return [_copy(item, (*path, i), uri) for i, item in enumerate(value)]
    if isinstance(value, str):
        return str.__str__(value)
    if isinstance(value, int):
        return int(value)
    if isinstance(value, float) and value - value == 0:
        return float(value)
    if isinstance(value, Decimal) and value.is_finite():
        return value
    raise SchemaError(f"{shown(value)} is no JSON value", pointer=_pointer(uri, path))


def _pointer(uri: str, path: _Path) -> str:
    return uri + "#" + "".join("/" + str(step).replace("~", "~0").replace("/", "~1") for step in path)


def _extended(pointer: str, step: str | int) -> str:
    return pointer + _pointer("", (step,))[1:]


# What is in a schema


def _view(schema: dict[str, Any] | bool, keywords: Keywords) -> dict[str, Any]:
    """The keywords that mean something, with the values that `Node.get` promises."""
    if isinstance(schema, bool):
        return {}
    if keywords.reference_alone and "$ref" in schema:
        return {"$ref": schema["$ref"]}
    rules = keywords.rules
    view = {keyword: value for keyword, value in schema.items() if keyword in rules}
    for keyword, value in view.items():
        if rules[keyword].takes.startswith("an integer"):
            view[keyword] = int(value)
    if keywords.dialect == "draft4":
        for plain, exclusive in (("minimum", "exclusiveMinimum"), ("maximum", "exclusiveMaximum")):
            if view.pop(exclusive, False) and plain in view:
                view[exclusive] = view.pop(plain)
    return view


def _places(schema: dict[str, Any] | bool, keywords: Keywords, *, evaluated: bool = False) -> list[_Path]:
    """Where the schemas in ``schema`` are; with ``evaluated`` only those that an instance may meet."""
    places: list[_Path] = []
    if isinstance(schema, bool) or (evaluated and keywords.reference_alone and "$ref" in schema):
        return places
    for keyword, value in schema.items():
        rule = keywords.rules.get(keyword)
        if rule is None or rule.shape == "value" or (evaluated and not rule.evaluated):
            continue
        if rule.shape == "schema" or (rule.shape == "items" and not isinstance(value, list)):
            places.append((keyword,))
        elif rule.shape in ("schemas", "items"):
            places += [(keyword, i) for i in range(len(value))]
        else:
            places += [(keyword, name) for name, inner in value.items() if isinstance(inner, (dict, bool))]
    return places


# Resources


class _Resource:
    """A schema with a URI of its own (the root of a document, or one with ``$id``) and what is named inside it."""

    __slots__ = (
        "anchors", "doubles", "dynamic", "keywords", "library", "nodes", "parent", "schema", "scopes", "shown_as",
        "switches", "targets", "uri", "where",
    )  # fmt: skip

    def __init__(
        self,
        library: _Library,
        schema: dict[str, Any] | bool,
        uri: str,
        keywords: Keywords,
        shown_as: str,
        parent: _Resource | None = None,
        where: _Path = (),
    ) -> None:
        self.library, self.schema, self.uri, self.keywords, self.parent = library, schema, uri, keywords, parent
        self.shown_as = shown_as  # the document's URI in error messages
        self.where = where  # path from the document's root
        self.anchors: dict[str, _Path] = {}  # name -> path from this resource's schema
        self.doubles: set[str] = set()  # anchors with more than one place
        self.dynamic: dict[str, _Path] = {}
        self.switches: dict[_Path, Keywords] = {}  # schemas with a ``$schema`` but without an ``$id``
        self.nodes: dict[tuple[_Path, _Scope], Node] = {}
        self.targets: dict[str, _Target] = {}
        self.scopes: dict[_Scope, _Scope] = {}

    def pointer(self, path: _Path) -> str:
        return _pointer(self.shown_as, self.where + path)

    def keywords_at(self, path: _Path) -> Keywords:
        if self.switches:
            for end in range(len(path), 0, -1):
                if path[:end] in self.switches:
                    return self.switches[path[:end]]
        return self.keywords


class _Target(NamedTuple):
    """Where a reference leads, and by which plain name."""

    resource: _Resource
    path: _Path
    anchor: str | None


class _Library:
    """All documents that are known, by URI."""

    def __init__(self, registry: Registry[Any] | None) -> None:
        self.registry = registry
        self.by_uri: dict[str, _Resource] = {}
        self.doubles: set[str] = set()  # URIs that schemas of different content claim
        self.embedded: dict[int, _Resource] = {}  # by id() of the schema, which the resource keeps alive
        self.walked: set[int] = set()  # id() of the schemas that were checked; their documents are kept alive
        self.references: list[tuple[_Resource, _Path, str, str]] = []  # of walked schemas: keyword and value

    # Gathering

    def add(self, schema: Any, uri: str, default: Keywords, shown_as: str) -> _Resource:
        """A document; ``default`` are the keywords if it does not say itself."""
        uri = uri.partition("#")[0]
        keywords = default
        if isinstance(schema, dict) and "$schema" in schema:
            keywords = self._keywords(schema["$schema"], _pointer(shown_as, ("$schema",)))
        resource = _Resource(self, schema, uri, keywords, shown_as)
        self.by_uri.setdefault(uri, resource)
        self._walk(resource, (), schema, keywords, register=True)
        return resource

    def _keywords(self, uri: Any, pointer: str) -> Keywords:
        """The keywords that a ``$schema`` stands for."""
        if not isinstance(uri, str):
            raise SchemaError(f"$schema takes the URI of a dialect; found {shown(uri)}", pointer=pointer)
        seen: list[str] = []
        vocabularies: Any = None
        name = uri
        while (dialect := dialect_of(name)) is None:
            found = None if name.rstrip("#") in seen else self._retrieve(name.rstrip("#"), pointer)
            if found is None or not isinstance(found[0], Mapping):
                raise SchemaError(
                    f"unknown dialect {shown(uri)}; relark knows {', '.join(kw.URIS.values())}. "
                    f"Leave $schema out for 2020-12, or pass the metaschema as registry={_REGISTRY}.",
                    pointer=pointer,
                )
            seen.append(name.rstrip("#"))
            if vocabularies is None:
                vocabularies = found[0].get("$vocabulary")
            name = found[0].get("$schema", kw.URIS["2020-12"])
        if not isinstance(vocabularies, Mapping):
            return kw.keywords_of(dialect)
        for vocabulary, needed in vocabularies.items():
            if needed and kw.rules_of(vocabulary) is None:
                raise SchemaError(
                    f"the metaschema {shown(uri)} demands a vocabulary that relark does not know: {shown(vocabulary)}",
                    pointer=pointer,
                )
        return kw.keywords_of(dialect, vocabularies)

    def _walk(self, resource: _Resource, path: _Path, schema: Any, keywords: Keywords, *, register: bool) -> None:
        """Check ``schema`` and all below it, and note what is named there.

        Not ``register``: the place is no place for schemas (something refers to it all the same), so that names given
        there are not known outside.
        """
        pending: list[tuple[_Resource, _Path, Any, Keywords]] = [(resource, path, schema, keywords)]
        walked, references = self.walked, self.references
        nameless = None if register else resource
        while pending:
            resource, path, schema, keywords = pending.pop()
            if schema is True or schema is False:
                continue
            if type(schema) is not dict:
                hint = ""
                if len(path) > 1 and path[-2] == "properties" and path[-1] in keywords.rules:
                    hint = f". If the keyword `{path[-1]}` is meant, move it out of `properties`"
                raise SchemaError(
                    f"a schema is an object, true or false; found {shown(schema)}{hint}",
                    pointer=resource.pointer(path),
                )
            walked.add(id(schema))
            if "$schema" in schema and (path or resource.parent is not None):
                keywords = self._switched(resource, path, schema, keywords)
            if keywords.identifier in schema:
                resource, path = self._identified(resource, path, schema, keywords, register)
            if resource.schema is not schema and "$schema" in schema:
                resource.switches[path] = keywords
            rules = keywords.rules
            below: list[tuple[_Resource, _Path, Any, Keywords]] = []
            for keyword, value in schema.items():
                rule = rules.get(keyword)
                if rule is None:
                    continue
                shape, fits, takes, _ = rule
                if fits is not None and not fits(value):
                    self._refuse(resource, (*path, keyword), keyword, value, takes, keywords)
                if shape == "value":
                    if keyword in _REFERRING:
                        references.append((resource, path, keyword, value))
                    elif keyword in _ANCHORS and resource is not nameless:
                        self._name(resource, path, keyword, value)
                elif shape == "schemas" or (shape == "items" and type(value) is list):
                    below += [(resource, (*path, keyword, i), inner, keywords) for i, inner in enumerate(value)]
                elif shape == "schema" or shape == "items":
                    if type(value) is not dict and type(value) is not bool:
                        self._refuse(resource, (*path, keyword), keyword, value, takes, keywords)
                    below.append((resource, (*path, keyword), value, keywords))
                else:
                    for name, inner in value.items():
                        if shape == "dependencies" and type(inner) is list:
                            if not all(type(other) is str for other in inner):
                                self._refuse(resource, (*path, keyword, name), keyword, inner, takes, keywords)
                        else:
                            below.append((resource, (*path, keyword, name), inner, keywords))
            below.reverse()
            pending += below

    def _refuse(
        self, resource: _Resource, path: _Path, keyword: str, value: Any, takes: str, keywords: Keywords
    ) -> NoReturn:
        """``path`` leads to ``value``, which is what ``keyword`` has, or is in that."""
        hint = advice(keyword, value, keywords.dialect)
        message = f"{keyword} takes {takes}; found {shown(value)}" + (f". {hint}" if hint else "")
        raise SchemaError(message, pointer=resource.pointer(path))

    def _switched(self, resource: _Resource, path: _Path, schema: dict[str, Any], keywords: Keywords) -> Keywords:
        """The keywords inside a schema with a ``$schema`` that is no document's root."""
        uri = schema["$schema"]
        if not isinstance(uri, str):
            raise SchemaError(
                f"$schema takes the URI of a dialect; found {shown(uri)}", pointer=resource.pointer((*path, "$schema"))
            )
        dialect = dialect_of(uri)
        if dialect is None and "$id" in schema:
            return self._keywords(uri, resource.pointer((*path, "$schema")))
        return keywords if dialect in (None, keywords.dialect) else kw.keywords_of(dialect)

    def _identified(
        self, resource: _Resource, path: _Path, schema: dict[str, Any], keywords: Keywords, register: bool
    ) -> tuple[_Resource, _Path]:
        """The resource and the path in it of a schema with ``$id``, or ``id`` in draft 4."""
        keyword = keywords.identifier
        value = schema[keyword]
        if type(value) is not str:
            self._refuse(resource, (*path, keyword), keyword, value, "a URI", keywords)
        if keywords.reference_alone and "$ref" in schema:
            return resource, path
        uri, _, name = value.partition("#")
        if name and not keywords.reference_alone:
            self._refuse(
                resource,
                (*path, keyword),
                keyword,
                value,
                "a URI without a fragment; a name goes into $anchor",
                keywords,
            )
        if uri:
            if not path and resource.parent is None:  # the root of the document
                # A registry also hands out schemas from inside its documents, by their full URI; what they say
                # themselves is relative to a base that is not known here.
                if not (resource.shown_as and resource.uri.endswith("/" + uri)):
                    resource.uri = _joined(resource.uri, uri, resource.pointer((*path, keyword)))
                    self.by_uri.setdefault(resource.uri, resource)
            else:
                where = resource.where + path
                uri = _joined(resource.uri, uri, resource.pointer((*path, keyword)))
                resource = _Resource(self, schema, uri, keywords, resource.shown_as, resource, where)
                path = ()
                self.embedded[id(schema)] = resource
                if register:
                    first = self.by_uri.setdefault(resource.uri, resource)
                    if first is not resource and first.schema != schema:
                        self.doubles.add(resource.uri)
        if name and not name.startswith("/"):
            self._name(resource, path, "$anchor", unquote(name))
        return resource, path

    def _name(self, resource: _Resource, path: _Path, keyword: str, value: Any) -> None:
        if keyword == "$recursiveAnchor":
            if value is True and not path:
                resource.dynamic[_RECURSIVE] = ()
            return
        if resource.anchors.setdefault(value, path) != path:
            resource.doubles.add(value)
        if keyword == "$dynamicAnchor":
            resource.dynamic.setdefault(value, path)

    def _retrieve(self, uri: str, pointer: str) -> tuple[Any, Dialect | None] | None:
        """The document with that URI from outside, and its dialect as far as known; None if there is none."""
        import referencing.exceptions  # only now: documents that stand alone need none of it
        from jsonschema_specifications import REGISTRY  # type: ignore[import-untyped]

        for registry in (self.registry, REGISTRY):
            if registry is None:
                continue
            try:
                found = registry.get_or_retrieve(uri)
            except referencing.exceptions.NoSuchResource:
                continue
            except (referencing.exceptions.Unretrievable, referencing.exceptions.CannotDetermineSpecification) as error:
                raise SchemaError(f"the registry failed to retrieve {shown(uri)}", pointer=pointer) from error
            except (AttributeError, TypeError, ValueError) as error:  # it looks through all its documents, unchecked
                raise SchemaError(
                    f"the registry failed to look for {shown(uri)}: a document in it is malformed ({error})",
                    pointer=pointer,
                ) from error
            return found.value.contents, _dialect_of_resource(found.value)
        return None

    # Resolving

    def descend(self, resource: _Resource, path: _Path, value: Any, steps: _Path) -> tuple[_Resource, _Path, Any]:
        """From ``value``, at ``path`` in ``resource``, along ``steps`` and into embedded resources; else KeyError."""
        embedded = self.embedded
        for step in steps:
            if type(value) is dict or (type(value) is list and type(step) is int and 0 <= step < len(value)):
                value = value[step]  # type: ignore[index]  # an index where it is a list
            else:
                raise KeyError(step)
            inner = embedded.get(id(value)) if embedded and type(value) is dict else None
            if inner is not None:
                resource, path = inner, ()
            else:
                path = (*path, step)
        return resource, path, value

    def enter(self, scope: _Scope, resource: _Resource) -> _Scope:
        """The dynamic scope inside ``resource``, entered from ``scope``."""
        if not resource.dynamic:
            return scope
        entered = resource.scopes.get(scope)
        if entered is None:
            first = dict.fromkeys(resource.dynamic, resource)
            first.update(scope)
            entered = resource.scopes[scope] = tuple(sorted(first.items(), key=lambda pair: pair[0]))
        return entered

    def node(self, resource: _Resource, path: _Path, scope: _Scope) -> Node:
        """The one node of that schema in that scope."""
        node = resource.nodes.get((path, scope))
        if node is None:
            value: Any = resource.schema
            for step in path:
                value = value[step]
            new = Node(value, resource.keywords_at(path), resource, path, scope)
            node = resource.nodes.setdefault((path, scope), new)  # another thread may have been faster
        return node

    def check_references(self, root: Node) -> None:
        """Resolve every reference; raise for a broken one that can be reached from ``root``."""
        broken = False
        while self.references:
            resource, path, keyword, text = self.references.pop()
            try:
                self.locate(resource, path, keyword, text, near=True)
            except SchemaError:
                broken = True
        if not broken:
            return
        seen = {root}
        pending = [root]
        while pending:
            node = pending.pop()
            following = [child for _, child in node.children()]
            following += [target for target in (node.reference(), node.dynamic_reference()) if target is not None]
            for child in following:
                if child not in seen:
                    seen.add(child)
                    pending.append(child)

    def locate(self, resource: _Resource, path: _Path, keyword: str, text: str, *, near: bool = False) -> _Target:
        """Where the reference ``text`` in ``keyword`` of the schema at ``path`` leads.

        ``near``: do not look outside the documents that are known already; raise as if it led nowhere.
        """
        target = resource.targets.get(text)
        if target is None:
            target = self._located(resource, text, resource.pointer((*path, keyword)), near)
            resource.targets[text] = target
        return target

    def _located(self, resource: _Resource, text: str, pointer: str, near: bool) -> _Target:
        if text.startswith("#"):
            uri, fragment = resource.uri, text[1:]
            home: _Resource | None = resource
        else:
            uri, _, fragment = text.partition("#")
            uri = _joined(resource.uri, uri, pointer)
            home = self.by_uri.get(uri)
            if uri in self.doubles:
                raise SchemaError(f"{shown(text)} is ambiguous: different schemas have that $id", pointer=pointer)
        if home is None and not near:
            home = self._fetched(uri, resource.keywords, pointer)
        if home is None:
            of = f" ({uri})" if uri != text.partition("#")[0] else ""
            raise SchemaError(
                f"{shown(text)}{of} is not in this document, and relark fetches nothing. Pass it as "
                f"registry={_REGISTRY}.",
                pointer=pointer,
            )
        if not fragment:
            return _Target(home, (), None)
        fragment = unquote(fragment)
        if not fragment.startswith("/"):
            if fragment in home.doubles:
                raise SchemaError(f"{shown(text)} is ambiguous: several schemas have that anchor", pointer=pointer)
            if fragment not in home.anchors:
                hint = "" if near else _nearest_anchor(home, fragment)
                raise SchemaError(f"{shown(text)} leads nowhere: no schema has that anchor{hint}", pointer=pointer)
            return _Target(home, home.anchors[fragment], fragment)
        inner, path, value = self._pointed(home, fragment, text, pointer, near)
        if not isinstance(value, (dict, bool)):
            raise SchemaError(f"{shown(text)} leads to {shown(value)}, which is no schema", pointer=pointer)
        if isinstance(value, dict) and id(value) not in self.walked:
            try:
                self._walk(inner, path, value, inner.keywords_at(path), register=False)
            except SchemaError:
                self.walked.discard(id(value))  # whoever asks next shall hear of it again
                raise
            if id(value) in self.embedded:
                inner, path = self.embedded[id(value)], ()
        return _Target(inner, path, None)

    def _pointed(
        self, home: _Resource, fragment: str, text: str, pointer: str, near: bool
    ) -> tuple[_Resource, _Path, Any]:
        resource, value = home, home.schema
        path: _Path = ()
        for escaped in fragment[1:].split("/"):
            step: str | int = escaped.replace("~1", "/").replace("~0", "~")
            if isinstance(value, list) and escaped.isascii() and escaped.isdigit() and str(int(escaped)) == escaped:
                step = int(escaped)
            try:
                resource, path, value = self.descend(resource, path, value, (step,))
            except KeyError:
                close = close_to(str(step), value) if isinstance(value, dict) and not near else None
                at = resource.pointer(path)
                hint = f"; did you mean {shown(close)}?" if close else ""
                raise SchemaError(
                    f"{shown(text)} leads nowhere: {at} has no {shown(step)}{hint}", pointer=pointer
                ) from None
        return resource, path, value

    def _fetched(self, uri: str, default: Keywords, pointer: str) -> _Resource | None:
        """The document from the registry, walked; ``pointer`` is to the reference."""
        published = dialect_of(uri)
        if published is not None and kw.URIS[published] != uri:
            uri = kw.URIS[published].rstrip("#")
            if uri in self.by_uri:
                return self.by_uri[uri]
        found = self._retrieve(uri, pointer)
        if found is None:
            return None
        contents, dialect = found
        keywords = default if dialect is None else kw.keywords_of(dialect)
        return self.add(_copied(contents, uri), uri, keywords, shown_as=uri)


_REFERRING = frozenset({"$ref", "$dynamicRef", "$recursiveRef"})
_ANCHORS = frozenset({"$anchor", "$dynamicAnchor", "$recursiveAnchor"})
_NAMING = _REFERRING | _ANCHORS | {"$schema", "$id", "id"}


def _nearest_anchor(home: _Resource, name: str) -> str:
    """What may have been meant by an anchor that there is not."""
    if "/" in name:
        return f'; did you mean "#/{name}"?'
    for keyword in ("$defs", "definitions"):
        if isinstance(home.schema, dict) and name in home.schema.get(keyword, ()):
            return f'; did you mean "#/{keyword}/{name}"?'
    close = close_to(name, home.anchors)
    return f'; did you mean "#{close}"?' if close else ""


def _joined(base: str, uri: str, pointer: str) -> str:
    try:
        return urljoin(base, uri)
    except ValueError as error:
        raise SchemaError(f"{shown(uri)} is no URI: {error}", pointer=pointer) from None


def _dialect_of_resource(resource: Any) -> Dialect | None:
    """The dialect that the registry's owner gave a document (which may hold no ``$schema``)."""
    from referencing import jsonschema

    for specification, dialect in (
        (jsonschema.DRAFT202012, "2020-12"),
        (jsonschema.DRAFT201909, "2019-09"),
        (jsonschema.DRAFT7, "draft7"),
        (jsonschema.DRAFT6, "draft6"),
        (jsonschema.DRAFT4, "draft4"),
    ):
        if resource == specification.create_resource(resource.contents):
            return dialect  # type: ignore[return-value]
    return None
