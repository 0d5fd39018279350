"""The JSON Schema of a pydantic core schema, such that every text of it is one that pydantic reads.

Pydantic's own generator describes values for other programs: it says nothing of digits of decimals, of keys that must
be integers, of days that exist, and it leaves open what pydantic ignores.  `SchemaGenerator` extends it (the documented
way to do so) where it says too little:

    objects     closed unless ``extra="allow"``; names are the first alias, ``AliasPath`` becomes the nesting it reads
    numbers     integers without fraction and exponent; floats finite, with bounds that rounding cannot cross
    strings     patterns in the notation that the type uses, formats of Python's types (see `formats`)
    no value    a part without a JSON form (a callable, an arbitrary class) has no text, instead of no schema

What only Python code can check stands under ``relark:checked``; such texts may still fail.  Titles, defaults and other
annotations are left out.  Private keywords: ``relark:compactNumbers`` (integral numbers are written as integers),
``relark:contentSchema`` (the string is itself a JSON text of that schema), ``relark:checked``, ``relark:unsupported``.
"""

from __future__ import annotations

import functools
import math
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from enum import Enum, Flag
from fractions import Fraction
from typing import Any

from pydantic.errors import PydanticInvalidForJsonSchema
from pydantic.json_schema import GenerateJsonSchema
from pydantic_core import PydanticOmit, SchemaValidator, ValidationError, core_schema, to_json

from relark.frontends.types.patterns import pattern_schema

__all__ = ["SchemaGenerator"]

Json = dict[str, Any]
Core = Any  # the dicts of pydantic_core.core_schema: their types are unions of some 50 TypedDicts

COMPACT = "relark:compactNumbers"
CONTENT = "relark:contentSchema"
CHECKED = "relark:checked"
UNSUPPORTED = "relark:unsupported"

_BOUNDS = {"ge": "minimum", "gt": "exclusiveMinimum", "le": "maximum", "lt": "exclusiveMaximum"}

# What pydantic's own types add to a string, in the terms of `formats`.
_FORMATS = {
    "base64": "relark:base64",
    "base64url": "relark:base64url",
    "email": "relark:email",
    "fraction": "relark:fraction",  # before pydantic 2.14
    "ipv4": "relark:ipv4-address",
    "ipv4interface": "relark:ipv4-interface",
    "ipv4network": "relark:ipv4-network",
    "ipv6": "relark:ipv6-address",
    "ipv6interface": "relark:ipv6-interface",
    "ipv6network": "relark:ipv6-network",
    "ipvanyaddress": "relark:ip-address",
    "ipvanyinterface": "relark:ip-interface",
    "ipvanynetwork": "relark:ip-network",
    "name-email": "relark:name-email",
    "regex": "relark:regex",
    "zoneinfo": "relark:time-zone",
    **{f"uuid{n}": f"relark:uuid{n}" for n in range(1, 9)},
}
_DROPPED_FORMATS = {"path", "password", "binary"}  # any string
_CHECKED_FORMATS = {
    "file-path": "that the file exists",
    "directory-path": "that the folder exists",
    "new-path": "that the path is new",
    "socket-path": "that the socket exists",
    "import-string": "that the import works",
}

# Constraints that pydantic adds as functions, and those that it adds by mistake.
_LENGTHS = {
    (f"{way}_length_validator", kind): f"{way}{noun}"
    for way in ("min", "max")
    for kind, noun in (("string", "Length"), ("array", "Items"), ("object", "Properties"))
}
_MISTAKEN = {"gt", "ge", "lt", "le", "multiple_of", "min_length", "max_length"}

# Functions of pydantic around a schema that never refuse a value that the schema has let pass.
_HARMLESS = re.compile(
    r"path_validator|Secret|EncodedBytes|EncodedStr|wrap_val|_validate|IPv|ip_v|pattern_.*validator|fraction_validator"
    r"|sequence_validator|mapping_like_validator|defaultdict_validator|deque|Counter|ordered_dict|forbid_inf_nan"
)

LARGEST_FLOAT = 1.7976931348623157e308
EXACT_DIGITS = 15  # so many significant digits of a decimal number survive a float


def impossible(why: str) -> Json:
    return {"not": {}, UNSUPPORTED: why}


def is_impossible(schema: Json) -> bool:
    return UNSUPPORTED in schema


def with_checked(schema: Json, what: str) -> Json:
    return {**schema, CHECKED: [*schema.get(CHECKED, ()), what]}


def union_of(schemas: Iterable[Json]) -> Json:
    """Any of ``schemas``; those without values are dropped while others remain."""
    found: list[Json] = []
    for schema in schemas:
        if schema not in found:
            found.append(schema)
    possible = [s for s in found if not is_impossible(s)] or found[:1]
    if not possible:
        return impossible("a union of nothing")
    return possible[0] if len(possible) == 1 else {"anyOf": possible}


class SchemaGenerator(GenerateJsonSchema):
    """One use makes one schema: ``SchemaGenerator().generate(core_schema)``."""

    def __init__(self) -> None:
        super().__init__()
        self._definitions: dict[str, Core] = {}

    # --- the frame ----------------------------------------------------------------------------------------------------

    def generate_inner(self, schema: Core) -> Json:
        made: Json = super().generate_inner(schema)
        if made.keys() & _MISTAKEN:
            made = {k: v for k, v in made.items() if k not in _MISTAKEN}
        form = made.get("format")
        if form is None or made.get("type") != "string" or schema["type"] == "str":  # a user's own format stays
            return made
        if form == "base64" and schema["type"] == "function-after" and "EncodedStr" in _name_of(schema):
            return {**made, "format": "relark:base64-text"}
        if form in _FORMATS:
            return {**made, "format": _FORMATS[form]}
        if form in _DROPPED_FORMATS or form in _CHECKED_FORMATS:
            made = {k: v for k, v in made.items() if k != "format"}
        return with_checked(made, _CHECKED_FORMATS[form]) if form in _CHECKED_FORMATS else made

    def sort(self, value: Json, parent_key: str | None = None) -> Json:
        return value

    def emit_warning(self, kind: Any, detail: str) -> None:
        """Nothing that pydantic warns of (defaults, skipped choices) matters here."""

    def field_title_should_be_set(self, schema: Core) -> bool:
        return False

    def default_schema(self, schema: Core) -> Json:
        return self.generate_inner(schema["schema"])

    def handle_invalid_for_json_schema(self, schema: Core, error_info: str) -> Json:
        return impossible(f"{error_info.removeprefix('core_schema.')} has no JSON form")

    # --- numbers ------------------------------------------------------------------------------------------------------

    def int_schema(self, schema: Core) -> Json:
        made: Json = {"type": "integer", COMPACT: True}
        for name, keyword in _BOUNDS.items():
            bound = schema.get(name)
            if bound is not None and not math.isinf(bound):
                made[keyword] = bound
        if schema.get("multiple_of") is not None:
            made["multipleOf"] = abs(schema["multiple_of"])
        return made

    def float_schema(self, schema: Core) -> Json:
        """Bounds are of floats: the text 0.99999999999999999999 is the float 1.0, so that ``lt=1`` means the float
        before 1.0 at most.  Around zero, texts are short enough for floats to tell them apart.

        Of ``multiple_of``, pydantic's remainder is right to 1e-9 only as far as the bound that is set here.
        """
        limit = LARGEST_FLOAT
        step = schema.get("multiple_of")
        if step is not None:
            limit = _exact_multiples(abs(float(step)))
        made: Json = {"type": "number", "minimum": -limit, "maximum": limit}
        for name, keyword in _BOUNDS.items():
            bound = schema.get(name)
            if bound is None or math.isinf(bound):
                continue
            low = name in ("ge", "gt")
            key = "minimum" if low else "maximum"
            if bound == 0 and name in ("gt", "lt"):
                made[keyword] = 0
                continue
            value = float(bound) if name in ("ge", "le") else _next_float(float(bound), up=low)
            made[key] = max(made[key], value) if low else min(made[key], value)
        for key, exclusive in (("minimum", "exclusiveMinimum"), ("maximum", "exclusiveMaximum")):
            if exclusive in made and (made[key] < 0) == (key == "minimum"):
                del made[key]  # 0 is the narrower bound
        if step is not None:
            made["multipleOf"] = abs(step)
        return made

    def decimal_schema(self, schema: Core) -> Json:
        """A string with a number in it; or a number, as far as a float holds it exactly, for pydantic reads numbers as
        floats.
        """
        limits = {n: Decimal(schema[n]) for n in (*_BOUNDS, "multiple_of") if schema.get(n) is not None}
        bounds = {_BOUNDS[n]: _plain(v) for n, v in limits.items() if n in _BOUNDS and v.is_finite()}
        if "multiple_of" in limits:
            bounds["multipleOf"] = _plain(abs(limits["multiple_of"]))
        digits, places = schema.get("max_digits"), schema.get("decimal_places")
        shapes = list(_digit_shapes(digits, places))
        if "multiple_of" in limits:  # Python's remainder of decimals is defined while the quotient has 28 digits
            room = 27 - _places(limits["multiple_of"])
            text = union_of(_within(bounds, room if w is None else min(w, room), p) for w, p in shapes)
        else:
            text = union_of(_within(bounds, *shape) for shape in shapes)
        number: Json
        if digits is None and places is None and "multiple_of" not in limits:
            number = self.float_schema({n: float(v) for n, v in limits.items()})
        else:
            exact = []
            for whole, part in shapes:
                fraction = max(part or 0, _places(limits.get("multiple_of", Decimal(0))))
                room = EXACT_DIGITS - fraction
                if room >= 0:
                    exact.append((room if whole is None else min(whole, room), part))
            number = union_of(_within(bounds, *shape) for shape in exact)
        return union_of([number, {"type": "string", CONTENT: text}])

    def fraction_schema(self, schema: Core) -> Json:
        """A number, a decimal number in a string, and without bounds also "1/3"."""
        bounds = {n: float(schema[n]) for n in _BOUNDS if schema.get(n) is not None}
        number = self.float_schema(bounds)
        if bounds:
            return union_of([number, {"type": "string", CONTENT: number}])
        return union_of([number, {"type": "string", "format": "relark:fraction"}])

    def complex_schema(self, schema: Core) -> Json:
        return {"type": "string", "format": "relark:complex"}

    # --- strings ------------------------------------------------------------------------------------------------------

    def str_schema(self, schema: Core) -> Json:
        made: Json = {"type": "string"}
        least = self._string_option(schema, "min_length")
        most = self._string_option(schema, "max_length")
        if least:
            made["minLength"] = least
        if most is not None:
            made["maxLength"] = most
        parts: list[Json] = []
        for option, form in (("strip_whitespace", "stripped"), ("to_lower", "lower"), ("to_upper", "upper")):
            if self._string_option(schema, option):
                parts.append({"format": f"relark:{form}"})
        if schema.get("ascii_only"):
            parts.append({"format": "relark:ascii"})
        if schema.get("pattern") is not None:
            engine = schema.get("regex_engine") or self._config.config_dict.get("regex_engine") or "rust-regex"
            parts.append(pattern_schema(schema["pattern"], engine))
        return _joined(made, parts)

    def _string_option(self, schema: Core, name: str) -> Any:
        found = schema.get(name)
        return self._config.config_dict.get(f"str_{name}") if found is None else found

    def bytes_schema(self, schema: Core) -> Json:
        kind = self._config.config_dict.get("val_json_bytes", "utf8")
        least, most = schema.get("min_length") or 0, schema.get("max_length")
        if kind == "utf8" and not least and most is None:
            return {"type": "string"}
        form = {"utf8": "utf8", "base64": "base64url", "hex": "hex"}[kind]
        return {"type": "string", "format": f"relark:{form}:{least}..{'' if most is None else most}"}

    def date_schema(self, schema: Core) -> Json:
        low = schema.get("ge")
        high = schema.get("le")
        if schema.get("gt") is not None and (low is None or schema["gt"] >= low):
            low = _day_after(schema["gt"], 1)
        if schema.get("lt") is not None and (high is None or schema["lt"] <= high):
            high = _day_after(schema["lt"], -1)
        if low == () or high == ():
            return impossible("no date is beyond the first and the last that Python has")
        bounds = f":{low or ''}..{high or ''}" if low or high else ""
        return self._now({"type": "string", "format": f"relark:date{bounds}"}, schema)

    def time_schema(self, schema: Core) -> Json:
        return self._temporal("time", schema)

    def datetime_schema(self, schema: Core) -> Json:
        return self._temporal("date-time", schema)

    def timedelta_schema(self, schema: Core) -> Json:
        return self._bounds_checked({"type": "string", "format": "relark:duration"}, schema)

    def _temporal(self, form: str, schema: Core) -> Json:
        zone = schema.get("tz_constraint")
        suffix = "" if zone is None else ":naive" if zone == "naive" else ":aware"
        low, high = schema.get("ge"), schema.get("le")
        if high is None and schema.get("lt") is not None:
            high = schema["lt"]
        plain = [b for b in (low, high) if b is not None and b.tzinfo is None and not b.microsecond]
        if plain and len(plain) == len([n for n in _BOUNDS if schema.get(n) is not None]):
            before = "<" if schema.get("le") is None else ""
            bounds = f"{low.isoformat() if low else ''}..{before + high.isoformat() if high else ''}"
            made: Json = {"type": "string", "format": f"relark:{form}{suffix or ':'}:{bounds}"}
        else:  # bounds with an offset, or gt
            made = self._bounds_checked({"type": "string", "format": f"relark:{form}{suffix}"}, schema)
        if isinstance(zone, int):
            made = with_checked(made, f"that the UTC offset is {zone} seconds")
        return self._now(made, schema)

    def _bounds_checked(self, made: Json, schema: Core) -> Json:
        for name in _BOUNDS:
            if schema.get(name) is not None:
                made = with_checked(made, f"{name}={schema[name]}")
        return made

    def _now(self, made: Json, schema: Core) -> Json:
        return with_checked(made, f"that it is in the {schema['now_op']}") if schema.get("now_op") else made

    def uuid_schema(self, schema: Core) -> Json:
        return {"type": "string", "format": f"relark:uuid{schema.get('version') or ''}"}

    def url_schema(self, schema: Core) -> Json:
        return self._url("url", schema)

    def multi_host_url_schema(self, schema: Core) -> Json:
        return self._url("multi-host-url", schema)

    def _url(self, form: str, schema: Core) -> Json:
        schemes = ",".join(schema.get("allowed_schemes") or ())
        made: Json = {"type": "string", "format": f"relark:{form}" + (f":{schemes}" if schemes else "")}
        if schema.get("max_length") is not None:
            made["maxLength"] = schema["max_length"]
        return made

    def json_schema(self, schema: Core) -> Json:
        return {"type": "string", CONTENT: self.generate_inner(schema.get("schema") or core_schema.any_schema())}

    # --- listed values ------------------------------------------------------------------------------------------------

    def literal_schema(self, schema: Core) -> Json:
        return self._listed([v.value if isinstance(v, Enum) else v for v in schema["expected"]], schema)

    def enum_schema(self, schema: Core) -> Json:
        values = [member.value for member in schema["members"]]
        if issubclass(schema["cls"], Flag) and values and 0 <= max(values) < 2**10:
            values = list(range(2 * max(values)))  # combinations; those that are none are dropped
        return self._listed(values, schema)

    def _listed(self, values: list[Any], schema: Core) -> Json:
        """Those of ``values`` whose JSON pydantic accepts: not bytes, and of ``True`` and ``1`` both."""
        bare = {k: v for k, v in schema.items() if k not in ("ref", "metadata", "serialization")}
        validator = SchemaValidator(bare)
        kept: list[Any] = []
        for value in values:
            if not isinstance(value, str | int | float | None):
                continue
            if isinstance(value, float) and not math.isfinite(value):
                continue
            plain = _plain_scalar(value)
            try:
                validator.validate_json(to_json(plain))
            except ValidationError:
                continue
            kept.append(plain)
        if not kept:
            return impossible(f"none of {values!r:.80} has a JSON form")
        made: Json = {"enum": kept}
        if any(type(v) is int for v in kept):
            made[COMPACT] = True
        return made

    # --- containers ---------------------------------------------------------------------------------------------------

    def list_schema(self, schema: Core) -> Json:
        return self._array(schema)

    def deque_schema(self, schema: Core) -> Json:
        return self._array(schema)

    def generator_schema(self, schema: Core) -> Json:
        return self._array(schema)

    def set_schema(self, schema: Core) -> Json:
        return self._set(schema)

    def frozenset_schema(self, schema: Core) -> Json:
        return self._set(schema)

    def _array(self, schema: Core) -> Json:
        made: Json = {"type": "array"}
        items = self.generate_inner(schema["items_schema"]) if "items_schema" in schema else {}
        if items:
            made["items"] = items
        return _counted(made, schema, "minItems", "maxItems")

    def _set(self, schema: Core) -> Json:
        items = self._hashable(schema.get("items_schema") or core_schema.any_schema())
        made = _counted({"type": "array", "items": items, "uniqueItems": True}, schema, "minItems", "maxItems")
        if (schema.get("min_length") or 0) > 1 and schema.get("items_schema", {}).get("type") not in _PLAIN_KEYS:
            made = with_checked(made, "min_length, should different texts mean equal items")
        return made

    def _hashable(self, schema: Core) -> Json:
        """The schema of ``schema``'s values that Python can put in a set."""
        inner: Core = schema
        if schema["type"] == "definition-ref":
            inner = self._definitions.get(schema["schema_ref"], schema)
        kind = inner["type"]
        if kind == "any":
            return {"type": ["string", "number", "boolean", "null"]}
        if kind == "nullable":
            return union_of([self._hashable(inner["schema"]), {"type": "null"}])
        if kind == "union":
            return union_of(self._hashable(choice) for choice in _choices(inner))
        if kind in _UNHASHABLE or (kind in ("model", "dataclass") and inner["cls"].__hash__ is None):
            return impossible(f"no set holds values of type {inner['cls'].__name__ if 'cls' in inner else kind}")
        made = self.generate_inner(schema)
        parts = inner["items_schema"] if kind == "tuple" else _fields(inner) if kind in ("model", "dataclass") else ()
        for part in parts:
            if is_impossible(self._hashable(part)):
                return with_checked(made, "that it can be in a set")
        return made

    def tuple_schema(self, schema: Core) -> Json:
        items = [self.generate_inner(item) for item in schema["items_schema"]]
        variadic = schema.get("variadic_item_index")
        if variadic is None:
            made: Json = {"type": "array", "prefixItems": items, "items": False, "minItems": len(items)}
            return made if items else {"type": "array", "maxItems": 0}
        before, repeated, after = items[:variadic], items[variadic], items[variadic + 1 :]
        if after:
            return _with_end(before, repeated, after, schema)
        made = {"type": "array", "items": repeated}
        if before:
            made |= {"prefixItems": before, "minItems": len(before)}
        return _counted(made, schema, "minItems", "maxItems")

    def dict_schema(self, schema: Core) -> Json:
        return self._mapping(schema)

    def frozendict_schema(self, schema: Core) -> Json:
        return self._mapping(schema)

    def ordered_dict_schema(self, schema: Core) -> Json:
        return self._mapping(schema)

    def counter_schema(self, schema: Core) -> Json:
        return self._mapping({"values_schema": core_schema.int_schema(), **schema})

    def _mapping(self, schema: Core) -> Json:
        made: Json = {"type": "object"}
        if "values_schema" in schema:
            values = self.generate_inner(schema["values_schema"])
            if values:
                made["additionalProperties"] = values
        if "keys_schema" in schema:
            keys = schema["keys_schema"]
            names = self._names(keys)
            if is_impossible(names):
                made = {"type": "object", "maxProperties": 0}
                return _counted(made, {"min_length": schema.get("min_length")}, "minProperties", "maxProperties")
            if names not in ({}, {"type": "string"}):
                made["propertyNames"] = names
            if (schema.get("min_length") or 0) > 1 and keys["type"] not in _PLAIN_KEYS:
                made = with_checked(made, "min_length, should different texts mean equal keys")
        return _counted(made, schema, "minProperties", "maxProperties")

    def _names(self, keys: Core) -> Json:
        """The strings that serve as keys, which pydantic reads as it does a string where the type is none."""
        if keys["type"] == "definition-ref" and keys["schema_ref"] in self._definitions:
            target = self._definitions[keys["schema_ref"]]
            if target["type"] in ("enum", "literal", "int", "float", "bool"):
                keys = target
        kind = keys["type"]
        if kind in ("int", "float"):
            plain = self.generate_inner({**keys, "metadata": {}})
            return {"type": "string", CONTENT: plain, "not": {"const": "-0"}}
        if kind == "bool":
            return {"enum": ["true", "false"]}
        if kind == "nullable" or kind == "default":
            return self._names(keys["schema"])
        if kind == "union":
            return union_of(self._names(choice) for choice in _choices(keys))
        if kind.startswith("function-") and keys.get("schema", {}).get("type") in ("int", "float", "bool"):
            return with_checked(self._names(keys["schema"]), _name_of(keys))
        if kind in ("literal", "enum"):
            return self._listed_names(keys)
        made = self.generate_inner(keys)
        return _only_strings(made)

    def _listed_names(self, keys: Core) -> Json:
        bare: Core = {k: v for k, v in keys.items() if k not in ("ref", "metadata", "serialization")}
        validator = SchemaValidator(core_schema.dict_schema(keys_schema=bare))
        values = keys["expected"] if keys["type"] == "literal" else keys["members"]
        kept = []
        for value in values:
            plain = value.value if isinstance(value, Enum) else value
            text = plain if isinstance(plain, str) else str(plain) if isinstance(plain, int | float) else None
            if text is None:
                continue
            try:
                validator.validate_json(to_json({text: None}))
            except ValidationError:
                continue
            kept.append(str(text))
        return {"enum": kept} if kept else impossible(f"none of {values!r:.80} can be a key in JSON")

    # --- objects ------------------------------------------------------------------------------------------------------

    def model_fields_schema(self, schema: Core) -> Json:
        made = self._object(
            (name, each, each["schema"]["type"] != "default") for name, each in schema["fields"].items()
        )
        extra = schema.get("extra_behavior") or self._config.config_dict.get("extra")
        return self._closed(made, extra, schema)

    def typed_dict_schema(self, schema: Core) -> Json:
        cls = schema.get("cls")
        config = getattr(cls, "__pydantic_config__", None)
        total = schema.get("total", True)
        with self._config_wrapper_stack.push(config):
            made = self._object((name, each, each.get("required", total)) for name, each in schema["fields"].items())
            extra = schema.get("extra_behavior") or schema.get("config", {}).get("extra_fields_behavior")
            return self._closed(made, extra or self._config.config_dict.get("extra"), schema)

    def dataclass_args_schema(self, schema: Core) -> Json:
        made = self._object(
            (each["name"], each, each["schema"]["type"] != "default")
            for each in schema["fields"]
            if each.get("init", True)
        )
        extra = schema.get("extra_behavior") or self._config.config_dict.get("extra")
        return self._closed(made, extra, schema)

    def model_schema(self, schema: Core) -> Json:
        made: Json = super().model_schema(schema)
        made.pop("title", None)
        cls = schema["cls"]
        if schema.get("custom_init"):
            made = with_checked(made, f"{cls.__name__}.__init__")
        after = schema.get("post_init")
        if after and not getattr(cls, after).__module__.startswith("pydantic."):  # not what sets private attributes
            made = with_checked(made, f"{cls.__name__}.{after}")
        return made

    def dataclass_schema(self, schema: Core) -> Json:
        made: Json = super().dataclass_schema(schema)
        made.pop("title", None)
        if schema.get("post_init"):
            made = with_checked(made, f"{schema['cls'].__name__}.__post_init__")
        return made

    def _closed(self, made: Json, extra: str | None, schema: Core) -> Json:
        if extra != "allow":
            made["additionalProperties"] = False
            made["properties"] = {name: each for name, each in made["properties"].items() if each is not False}
        elif schema.get("extras_schema"):
            made["additionalProperties"] = self.generate_inner(schema["extras_schema"])
        else:
            made["additionalProperties"] = True
        return made

    def _object(self, fields: Iterable[tuple[str, Core, bool]]) -> Json:
        root = _Place()
        hidden: set[str] = set()  # read by pydantic as well, though never written
        for name, each, required in fields:
            hidden.update(self._first_names(name, each))
            try:
                made = self.generate_inner(each)
            except PydanticOmit:
                continue
            if is_impossible(made) and not required:
                continue
            place = root
            for step in self._path(name, each):
                place.required = place.required or required
                place = place.children.setdefault(step, _Place())
            place.required = place.required or required
            place.schemas.append(made)
        made = root.object_schema()
        names = made.setdefault("properties", {})
        for name in sorted(hidden - names.keys()):
            names[name] = False
        return made

    def _path(self, name: str, each: Core) -> Sequence[str | int]:
        """Where the field stands in the text: its name or first alias; an `AliasPath` where there is no plain one."""
        alias = each.get("validation_alias")
        if alias is None or self._config.config_dict.get("validate_by_alias") is False:
            return [name]
        if isinstance(alias, str):
            return [alias]
        paths = alias if isinstance(alias[0], list) else [alias]
        plain = [p for p in paths if len(p) == 1]
        usable = plain or [p for p in paths if all(isinstance(s, str) or s >= 0 for s in p)]
        if not usable:
            raise PydanticInvalidForJsonSchema(f"the field {name!r} has aliases that count from the end only: {alias}")
        return list(usable[0])

    def _first_names(self, name: str, each: Core) -> Iterable[str]:
        """The members of the object that pydantic looks at for the field."""
        options = self._config.config_dict
        alias = each.get("validation_alias")
        if alias is None or options.get("validate_by_name") or options.get("populate_by_name"):
            yield name
        if isinstance(alias, str):
            yield alias
        elif alias:
            yield from (str(path[0]) for path in (alias if isinstance(alias[0], list) else [alias]))

    # --- choices ------------------------------------------------------------------------------------------------------

    def nullable_schema(self, schema: Core) -> Json:
        return union_of([self.generate_inner(schema["schema"]), {"type": "null"}])

    def union_schema(self, schema: Core) -> Json:
        made = []
        for choice in _choices(schema):
            try:
                made.append(self.generate_inner(choice))
            except PydanticOmit:
                continue
        return union_of(made)

    def get_union_of_schemas(self, schemas: list[Json]) -> Json:
        return union_of(schemas)

    def tagged_union_schema(self, schema: Core) -> Json:
        """The tag is required even where the field has a default."""
        discriminator = schema["discriminator"]
        made = [self._tagged(choice, discriminator) for choice in schema["choices"].values()]
        found = union_of(made)
        if callable(discriminator):
            found = with_checked(found, f"the discriminator {_function_name(discriminator)}")
        return found

    def _tagged(self, choice: Core, *discriminators: Any) -> Json:
        inner = self._unwrapped(choice)
        if inner["type"] == "tagged-union":  # its tag counts as well
            both = (*discriminators, inner["discriminator"])
            return union_of(self._tagged(each, *both) for each in inner["choices"].values())
        made = self.generate_inner(choice)
        tags = [tag for tag in (self._tag(inner, each) for each in discriminators) if tag is not None]
        required = list(dict.fromkeys([*made.get("required", ()), *tags]))
        return {**made, "required": required} if required else made

    def _tag(self, fields: Core, discriminator: Any) -> str | None:
        """The name under which the discriminating field of an object is written."""
        if callable(discriminator):
            return None
        paths = [discriminator] if isinstance(discriminator, str) else discriminator
        names = {p if isinstance(p, str) else p[0] for p in paths if isinstance(p, str) or len(p) == 1}
        each = fields.get("fields", {})
        found = each.items() if isinstance(each, dict) else ((f["name"], f) for f in each)
        for name, one in found:
            path = self._path(name, one)
            if len(path) == 1 and path[0] in names:
                return str(path[0])
        return None

    def _unwrapped(self, schema: Core) -> Core:
        """The schema of fields, or a union, under models, references and validators."""
        while True:
            if schema["type"] == "definition-ref" and schema["schema_ref"] in self._definitions:
                schema = self._definitions[schema["schema_ref"]]
            elif schema["type"] != "tagged-union" and isinstance(schema.get("schema"), dict):
                schema = schema["schema"]
            else:
                return schema

    def definitions_schema(self, schema: Core) -> Json:
        self._definitions.update((each["ref"], each) for each in schema["definitions"])
        made: Json = super().definitions_schema(schema)
        return made

    # --- functions ----------------------------------------------------------------------------------------------------

    def function_before_schema(self, schema: Core) -> Json:
        return self._function(schema, super().function_before_schema(schema))

    def function_after_schema(self, schema: Core) -> Json:
        if "ByteSize" in _name_of(schema):
            return union_of(
                [{"type": "integer", "minimum": 0, COMPACT: True}, {"type": "string", "format": "relark:byte-size"}]
            )
        return self._function(schema, super().function_after_schema(schema))

    def function_wrap_schema(self, schema: Core) -> Json:
        return self._function(schema, super().function_wrap_schema(schema))

    def function_plain_schema(self, schema: Core) -> Json:
        given = schema.get("json_schema_input_schema")
        return self._function(schema, self.generate_inner(given) if given else {})

    def _function(self, schema: Core, made: Json) -> Json:
        function = schema["function"]["function"]
        inner = function.func if isinstance(function, functools.partial) else function
        module = getattr(inner, "__module__", None) or type(inner).__module__
        name = _name_of(schema)
        if name in ("min_length_validator", "max_length_validator") and not _mentions(schema, "bytes"):
            [limit] = function.keywords.values()
            limited: Json | None = _limited(made, name, limit)
            if limited is not None:
                return limited
        if module.partition(".")[0] in ("pydantic", "pydantic_core", "ipaddress", "collections"):
            if _HARMLESS.search(name):
                return made
            name = "a predicate" if name.startswith("apply_known_metadata") else name
        return with_checked(made, name)

    def chain_schema(self, schema: Core) -> Json:
        first, *rest = schema["steps"]
        made = self.generate_inner(first)
        for step in rest:
            if step["type"] == "is-instance" and getattr(step["cls"], "__name__", "") == "Hashable":
                made = {"type": ["string", "number", "boolean", "null"]}
            elif step["type"] == "is-instance":
                made = impossible(f"JSON has no {step['cls']!r}")
            elif step["type"] != "any":
                made = with_checked(made, f"a further {step['type']} schema")
        return made

    def is_subclass_schema(self, schema: Core) -> Json:
        return impossible("a class has no JSON form")

    def call_schema(self, schema: Core) -> Json:
        return self.generate_inner(schema["arguments_schema"])


_UNHASHABLE = {"list", "set", "dict", "deque", "typed-dict", "ordered-dict", "counter", "generator"}

# Keys and items whose different texts are different values.
_PLAIN_KEYS = {"str", "int", "literal", "enum", "bool", "uuid", "any"}


@dataclass
class _Place:
    """A place in the text that fields are read from; ``AliasPath("a", 0)`` and ``AliasPath("a", 1)`` share "a"."""

    schemas: list[Json] = field(default_factory=list)
    required: bool = False
    children: dict[str | int, _Place] = field(default_factory=dict)

    def schema(self) -> Json:
        parts = list(self.schemas)
        names = {k: v for k, v in self.children.items() if isinstance(k, str)}
        places = {k: v for k, v in self.children.items() if isinstance(k, int)}
        if names and places:
            return impossible("aliases ask for an object and an array at one place")
        if names:
            parts.append(self.object_schema())
        if places:
            length = max(places) + 1
            needed = max((i + 1 for i, place in places.items() if place.required), default=0)
            items = [places[i].schema() if i in places else {} for i in range(length)]
            parts.append({"type": "array", "prefixItems": items, "items": False, "minItems": needed})
        return parts[0] if len(parts) == 1 else {"allOf": parts}

    def object_schema(self) -> Json:
        made: Json = {"type": "object"}
        made["properties"] = {str(name): place.schema() for name, place in self.children.items()}
        required = [str(name) for name, place in self.children.items() if place.required]
        if required:
            made["required"] = required
        made["additionalProperties"] = False
        return made


def _joined(made: Json, parts: list[Json]) -> Json:
    """``made`` and all of ``parts``; side by side where no keyword occurs twice."""
    rest = []
    for part in parts:
        if part.keys() & made.keys():
            rest.append(part)
        else:
            made |= part
    return {**made, "allOf": rest} if rest else made


def _with_end(before: list[Json], repeated: Json, after: list[Json], schema: Core) -> Json:
    """``tuple[A, *tuple[B, ...], C]``: JSON Schema cannot tie items to the end; up to 16 B are spelt out."""
    lengths = range(len(before) + len(after), len(before) + len(after) + 17)
    least, most = schema.get("min_length") or 0, schema.get("max_length")
    shapes = []
    for length in lengths:
        if length >= least and (most is None or length <= most):
            items = [*before, *[repeated] * (length - len(before) - len(after)), *after]
            shapes.append({"type": "array", "prefixItems": items, "items": False, "minItems": length})
    return union_of(shapes)


def _counted(made: Json, schema: Core, least: str, most: str) -> Json:
    if schema.get("min_length"):
        made[least] = max(schema["min_length"], made.get(least, 0))
    if schema.get("max_length") is not None:
        made[most] = schema["max_length"]
    return made


def _next_float(value: float, *, up: bool) -> float:
    """The float after ``value``, or before it (``math.nextafter`` in Python 3.9 and later)."""
    return math.nextafter(value, math.inf if up else -math.inf)


def _exact_multiples(step: float) -> float:
    """How far the floating-point remainder by ``step`` tells multiples from others."""
    error = abs(Fraction(step) - Fraction(repr(step))) / Fraction(step)
    if not error:  # step is a sum of few powers of two, and so are its multiples
        return min(step * 2**53, LARGEST_FLOAT)
    return 5e-10 / (float(error) + 2**-53)


def _plain(value: Decimal) -> int | float | Decimal:
    """``value`` as JSON would have it, if that can say it exactly."""
    if value == value.to_integral_value() and abs(value) < 10**30:
        return int(value)
    return float(value) if Decimal(repr(float(value))) == value else value


def _plain_scalar(value: Any) -> Any:
    """Without subclasses: an `IntEnum` member is an int."""
    for kind in (bool, int, float, str):
        if isinstance(value, kind):
            return kind(value)
    return value


def _places(value: Decimal) -> int:
    exponent = value.normalize().as_tuple().exponent
    return max(0, -exponent) if isinstance(exponent, int) else 0


def _digit_shapes(digits: int | None, places: int | None) -> Iterable[tuple[int | None, int | None]]:
    """How many digits may stand before and after the point, each None where that is free.

    pydantic counts the places after the point as digits, zeros at the end as neither; with both limits, before the
    point are at most ``digits - places``.
    """
    if digits is None:
        yield None, places
    elif places is not None:
        yield max(0, digits - places), min(places, digits)
    else:
        for part in range(digits + 1):
            yield digits - part, part


def _within(bounds: Json, whole: int | None, part: int | None) -> Json:
    """Numbers with at most ``whole`` digits before the point (a zero alone counts as one) and ``part`` after it."""
    made = {"type": "number", **bounds}
    if part is not None:
        step = 10**-part if part else 1
        if "multipleOf" in made:
            made["allOf"] = [{"multipleOf": step}]
        else:
            made["multipleOf"] = step
    if whole is not None:
        limit = 10**whole
        made["exclusiveMaximum"] = min(limit, made.get("exclusiveMaximum", limit))
        made["exclusiveMinimum"] = max(-limit, made.get("exclusiveMinimum", -limit))
        if whole == 0:
            made["not"] = {"const": 0}
    return made


def _fields(schema: Core) -> list[Core]:
    """The schemas of the fields of a model or dataclass."""
    while isinstance(schema.get("schema"), dict):
        schema = schema["schema"]
    fields = schema.get("fields", ())
    return [each["schema"] for each in (fields.values() if isinstance(fields, dict) else fields)]


def _choices(union: Core) -> list[Core]:
    """The schemas of a union; a choice may carry a label."""
    return [choice[0] if isinstance(choice, tuple) else choice for choice in union["choices"]]


def _day_after(day: Any, count: int) -> Any:
    try:
        return day + timedelta(days=count)
    except OverflowError:
        return ()


def _only_strings(schema: Json) -> Json:
    """Those branches of ``schema`` that can be strings."""
    if "anyOf" in schema:
        return union_of(_only_strings(s) for s in schema["anyOf"])
    if schema.get("type", "string") != "string":
        return impossible(f"a key in JSON is a string, not of type {schema['type']}")
    return schema


def _limited(made: Json, name: str, limit: int) -> Any:
    """``made`` with a constraint on its length; None where that does not apply to all of it."""
    if "anyOf" in made:
        branches = [_limited(branch, name, limit) for branch in made["anyOf"]]
        return None if None in branches else {**made, "anyOf": branches}
    keyword = _LENGTHS.get((name, str(made.get("type"))))
    return None if keyword is None else _joined({**made}, [{keyword: limit}])


def _mentions(schema: Core, kind: str) -> bool:
    if isinstance(schema, dict):
        return schema.get("type") == kind or any(_mentions(part, kind) for part in schema.values())
    return isinstance(schema, list) and any(_mentions(part, kind) for part in schema)


def _function_name(function: Callable[..., Any]) -> str:
    while isinstance(function, functools.partial):
        function = function.func
    return getattr(function, "__qualname__", None) or type(function).__qualname__


def _name_of(schema: Core) -> str:
    """The qualified name of the function of a function schema."""
    return _function_name(schema["function"]["function"])
