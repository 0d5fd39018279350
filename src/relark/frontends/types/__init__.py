"""Python types as schemas: what `pydantic` can read from JSON, and the value that it reads.

`type_schema` takes whatever `pydantic.TypeAdapter` takes (models, dataclasses, ``TypedDict``, ``list[Item]``, ``int``,
``Annotated[...]``), and functions, whose arguments it means.  The schema that it gives is JSON Schema with a few
private keywords (see `generator`); its texts are values of the type, save for what Python code checks in addition:
`TypeSchema.checked` lists that.

The language is what a model should write, not all that pydantic lets pass: no numbers in strings for ``int``, no
members that a model would ignore, one name where a field has several.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from pydantic import TypeAdapter, ValidationError
from pydantic.errors import PydanticInvalidForJsonSchema, PydanticUserError
from pydantic_core import SchemaError

from relark.errors import ArgumentError, UnsupportedError, ValidationFailed
from relark.frontends.types.functions import arguments_type, is_function
from relark.frontends.types.generator import CHECKED, UNSUPPORTED, SchemaGenerator
from relark.frontends.types.members import Members

__all__ = ["TypeSchema", "type_schema"]


@dataclass(frozen=True, eq=False)
class TypeSchema:
    """A type with its schema.

    ``type``: what was given; ``schema``: JSON Schema, with relark's private keywords; ``adapter``: pydantic's, which
    reads values; ``checked``: pairs of a JSON pointer into the schema and what Python checks there after generation.
    """

    type: Any
    schema: dict[str, Any]
    adapter: TypeAdapter[Any] = field(repr=False)
    checked: tuple[tuple[str, str], ...] = ()

    def parse(self, text: str) -> Any:
        """The value that ``text`` says: of the type itself; for a function a dict of its arguments.

        Raises `ValidationFailed` if pydantic refuses the text.
        """
        try:
            return self.adapter.validate_json(text)
        except ValidationError as error:
            raise ValidationFailed(_refusal(self.type, error), text) from error

    def parse_part(self, path: tuple[str | int, ...], text: str, around: Sequence[Any]) -> Any:
        """The value of ``text``, which stands at ``path`` in an unfinished text; see `Members`."""
        return self._members.parse_part(path, text, around)

    @functools.cached_property
    def _members(self) -> Members:
        return Members(self.adapter.core_schema)


def type_schema(tp: Any) -> TypeSchema:
    """The schema of the JSON texts of ``tp``, a type or a function.

    Raises `ArgumentError` for what is not a type that pydantic knows, `UnsupportedError` if a necessary part of it has
    no JSON form.

    >>> type_schema(list[int]).schema
    {'type': 'array', 'items': {'type': 'integer', 'relark:compactNumbers': True}}
    >>> type_schema(list[int]).parse("[1, 2]")
    [1, 2]
    """
    if isinstance(tp, type) and not hasattr(tp, "__origin__"):  # by identity; generic aliases equal others too easily
        return _class_schema(tp)
    return _made(tp)


@functools.lru_cache(maxsize=128)
def _class_schema(tp: type) -> TypeSchema:
    return _made(tp)


def _made(tp: Any) -> TypeSchema:
    if isinstance(tp, TypeAdapter):
        adapter = tp
    else:
        try:
            adapter = TypeAdapter(arguments_type(tp) if is_function(tp) else tp)
            if not getattr(adapter, "pydantic_complete", True):  # defer_build; before 2.10 it is built when asked for
                adapter.rebuild()
        except (PydanticUserError, SchemaError, NameError) as error:
            raise ArgumentError(
                f"schema: pydantic has no schema for {_shown(tp)}; expected a JSON Schema (dict, bool or text), "
                f"a model, another type, or a function. {str(error).splitlines()[0]}"
            ) from error
    try:
        schema = SchemaGenerator().generate(adapter.core_schema)
    except PydanticInvalidForJsonSchema as error:
        raise UnsupportedError(f"{_shown(tp)}: {error.message}") from error
    obstacle = _obstacle(schema, schema, "#", frozenset())
    if obstacle is not None:
        raise UnsupportedError(f"{obstacle[1]}, and a {_shown(tp)} needs it", pointer=obstacle[0])
    return TypeSchema(tp, schema, adapter, tuple(_checked(schema, "#")))


def _checked(schema: Any, pointer: str) -> Iterator[tuple[str, str]]:
    if isinstance(schema, dict):
        for what in schema.get(CHECKED, ()):
            yield pointer, what
        for key, value in schema.items():
            yield from _checked(value, f"{pointer}/{str(key).replace('~', '~0').replace('/', '~1')}")
    elif isinstance(schema, list):
        for i, value in enumerate(schema):
            yield from _checked(value, f"{pointer}/{i}")


def _obstacle(schema: Any, root: dict[str, Any], pointer: str, above: frozenset[str]) -> tuple[str, str] | None:
    """Why no value has a JSON form, with its pointer, as far as the structure alone tells; None if some may have."""
    if not isinstance(schema, dict):
        return None
    if UNSUPPORTED in schema:
        return pointer, schema[UNSUPPORTED]
    needed = [(f"{pointer}/allOf/{i}", part) for i, part in enumerate(schema.get("allOf", ()))]
    needed += [(f"{pointer}/properties/{n}", schema.get("properties", {}).get(n)) for n in schema.get("required", ())]
    prefix = schema.get("prefixItems", ())[: schema.get("minItems", 0)]
    needed += [(f"{pointer}/prefixItems/{i}", part) for i, part in enumerate(prefix)]
    if schema.get("minItems", 0) > len(prefix):
        needed.append((f"{pointer}/items", schema.get("items")))
    target = schema.get("$ref", "")
    if target.startswith("#/$defs/") and target not in above:
        needed.append((target, root["$defs"].get(target.removeprefix("#/$defs/"))))
        above |= {target}
    for where, part in needed:
        found = _obstacle(part, root, where, above)
        if found is not None:
            return found
    choices = [_obstacle(c, root, f"{pointer}/anyOf/{i}", above) for i, c in enumerate(schema.get("anyOf", ()))]
    return choices[0] if choices and all(choices) else None


def _shown(tp: Any) -> str:
    shown = tp.__qualname__ if isinstance(tp, type) or inspect.isroutine(tp) else repr(tp)
    return shown if len(shown) <= 80 else f"{shown[:77]}..."


def _refusal(tp: Any, error: ValidationError) -> str:
    first, *more = error.errors(include_url=False)
    where = "".join(f"/{part}" for part in first["loc"])
    others = f" (and {len(more)} more)" if more else ""
    return f"#{where}: {first['msg']}{others}; the text has the schema of {_shown(tp)}, but its Python checks refuse it"
