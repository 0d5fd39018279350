"""What the members of a value are, while the rest of the value is still missing.

Pydantic validates whole values.  To give the parts of an unfinished one their types, `Members` goes down the core
schema that Pydantic made of the type, along the path of a part, and validates the part by what stands there: with the
configuration of the model around it, and with the validators of its own field.

Cost: a validator for each different place, made once.  What it cannot do: a part gets no type, and remains plain JSON,
where a union leaves open which of its types it belongs to (a discriminator that was written before it decides), where a
validator wants to see the other fields, where a validator of something around it may change it, and where Pydantic
refuses it.  The whole value is validated as a whole in the end, so a validator of a field may run twice.

Source: ``pydantic_core.core_schema`` (2.x), whose schemas are dicts with a ``type``.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypeAlias

from pydantic_core import SchemaError, SchemaValidator, ValidationError
from pydantic_core.core_schema import definitions_schema

__all__ = ["Members"]

Core: TypeAlias = Mapping[str, Any]  # a schema of pydantic_core
_Place: TypeAlias = tuple[Core, Core]  # a schema, and the configuration around it

# Schemas that take what one inner schema takes.
_WRAPPERS = {"default", "nullable", "model", "dataclass", "function-after", "definitions", "call", "custom-error"}
_OBJECTS = {"model", "dataclass", "typed-dict", "named-tuple"}  # where ``info.data`` begins anew


class Members:
    """The parts of one type: ``core`` is the core schema of its `pydantic.TypeAdapter`."""

    def __init__(self, core: Core) -> None:
        self._core = core
        self._definitions: dict[str, Core] = {}
        self._collect(core)
        self._validators: dict[tuple[int, int], SchemaValidator | None] = {}

    def parse_part(self, path: Sequence[str | int], text: str, around: Sequence[Any]) -> Any:
        """The value that ``text``, a JSON text, is at ``path``.

        around   the objects and arrays that it is in, from the outside in, as plain JSON, as far as they are complete
        """
        places: list[_Place] = [(self._core, {})]
        for step, container in zip(path, around, strict=True):
            places = _distinct(
                inner
                for place in places
                for found in self._unfolded(place, container)
                for inner in _members(found, step)
            )
        if len(places) == 1:
            validator = self._validator(*places[0])
            if validator is not None:
                try:
                    return validator.validate_json(text)
                except ValidationError:
                    pass  # something around it may make another value of it
        return json.loads(text)

    def _unfolded(self, place: _Place, container: Any) -> Iterator[_Place]:
        """The schemas of objects and arrays that ``place`` may stand for."""
        core, config = place
        kind = core["type"]
        if kind == "definition-ref":
            yield from self._unfolded((self._definitions[core["schema_ref"]], config), container)
        elif kind in _WRAPPERS:
            inner = core["arguments_schema"] if kind == "call" else core["schema"]
            yield from self._unfolded((inner, core.get("config", config)), container)
        elif kind == "json-or-python":
            yield from self._unfolded((core["json_schema"], config), container)
        elif kind == "lax-or-strict":
            strict = core.get("strict", config.get("strict", False))
            yield from self._unfolded((core["strict_schema" if strict else "lax_schema"], config), container)
        elif kind == "chain":
            yield from self._unfolded((core["steps"][0], config), container)
        elif kind == "union":
            for choice in core["choices"]:
                yield from self._unfolded((choice[0] if isinstance(choice, tuple) else choice, config), container)
        elif kind == "tagged-union":
            for choice in _chosen(core, container):
                yield from self._unfolded((choice, config), container)
        elif kind not in ("function-before", "function-wrap", "function-plain"):
            yield core, core.get("config", config)

    def _validator(self, core: Core, config: Core) -> SchemaValidator | None:
        key = id(core), id(config)  # both live as long as the core schema
        if key not in self._validators:
            self._validators[key] = None if self._looks_around(core) else self._made(core, config)
        return self._validators[key]

    def _made(self, core: Core, config: Core) -> SchemaValidator | None:
        schema: Any = core
        definitions: Any = list(self._definitions.values())
        settings: Any = config or None
        try:
            return SchemaValidator(definitions_schema(schema, definitions) if definitions else schema, settings)
        except SchemaError:  # of a place that makes no sense by itself
            return None

    def _looks_around(self, core: Core) -> bool:
        """Whether a validator in ``core``, outside of what has fields of its own, wants to see the fields around it."""
        if core["type"] in _OBJECTS:
            return False
        function = core.get("function")
        if isinstance(function, Mapping) and function.get("type") == "with-info":
            return True
        return any(self._looks_around(inner) for inner in _inside(core))

    def _collect(self, core: Core) -> None:
        for definition in core.get("definitions", ()) if core["type"] == "definitions" else ():
            self._definitions[definition["ref"]] = definition


def _members(place: _Place, step: str | int) -> Iterator[_Place]:
    """What stands at ``step`` in an object or array."""
    core, config = place
    found: Any = None
    match core["type"], step:
        case (("list" | "set" | "frozenset" | "generator"), int()):
            found = core.get("items_schema")
        case "tuple", int():
            items, variadic = core["items_schema"], core.get("variadic_item_index")
            if variadic is None or step < variadic:
                found = items[step] if step < len(items) else None
            elif variadic == len(items) - 1:  # otherwise the length decides
                found = items[variadic]
        case "dict", str():
            found = core.get("values_schema")
        case (("model-fields" | "typed-dict"), str()):
            found = _field(core["fields"].items(), config, step) or core.get("extras_schema")
        case "dataclass-args", str():
            found = _field(((one["name"], one) for one in core["fields"]), config, step)
        case "named-tuple", int():
            found = core["fields"][step]["schema"] if step < len(core["fields"]) else None
        case "arguments", int():  # a named tuple, to older versions of pydantic
            found = core["arguments_schema"][step]["schema"] if step < len(core["arguments_schema"]) else None
        case "arguments", str():
            found = _field(
                ((one["name"], one) for one in core["arguments_schema"] if one.get("mode") != "positional_only"),
                config,
                step,
            ) or core.get("var_kwargs_schema")
    if found is not None:
        yield found, config


def _field(fields: Any, config: Core, step: str) -> Core | None:
    by_name = config.get("validate_by_name", config.get("populate_by_name", False))
    for name, one in fields:
        alias = one.get("validation_alias", one.get("alias"))
        paths = [[alias]] if isinstance(alias, str) else [alias] if alias and isinstance(alias[0], str) else alias
        if (step == name and (by_name or not paths)) or [step] in (paths or ()):
            found: Core = one["schema"]
            return found
    return None


def _chosen(core: Core, container: Any) -> list[Core]:
    """The choices of a tagged union; one, where the discriminator has been written."""
    discriminator, choices = core["discriminator"], core["choices"]
    if isinstance(container, dict) and not callable(discriminator):
        paths = [[discriminator]] if isinstance(discriminator, str) else discriminator
        for path in paths:
            if len(path) == 1 and path[0] in container:
                tag = container[path[0]]
                for known, choice in choices.items():
                    if known == tag or getattr(known, "value", None) == tag:
                        return [choice]
    return list(choices.values())


def _distinct(places: Iterator[_Place]) -> list[_Place]:
    found: list[_Place] = []
    for place in places:
        if not any(place[0] is other[0] or place == other for other in found):
            found.append(place)
    return found


def _inside(core: Core) -> Iterator[Core]:
    for value in core.values():
        if isinstance(value, Mapping) and "type" in value:
            yield value
        elif isinstance(value, list):
            yield from (one for one in value if isinstance(one, Mapping) and "type" in one)
