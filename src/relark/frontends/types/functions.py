"""The arguments of a function as a type: a dict with a key for each parameter that can be given by name.

``f(**arguments)`` works with every value of it.  Parameters with a default may be missing; ``**others: T`` takes any
further name.  Parameters that cannot be given by name are refused.
"""

from __future__ import annotations

import functools
import inspect
import typing
from collections.abc import Callable
from typing import Any

from pydantic.fields import FieldInfo
from pydantic_core import core_schema

from relark.errors import ArgumentError

__all__ = ["arguments_type", "is_function"]


def is_function(tp: object) -> bool:
    """Whether ``tp`` is a function, a method or an object that can be called, and not a type."""
    if inspect.isroutine(tp) or isinstance(tp, functools.partial):
        return True
    known = isinstance(tp, type) or hasattr(tp, "__origin__") or hasattr(tp, "__get_pydantic_core_schema__")
    return callable(tp) and not known and type(tp).__module__ not in ("typing", "typing_extensions", "types")


def arguments_type(function: Callable[..., Any]) -> Any:
    """A type for `pydantic.TypeAdapter` whose values are the keyword arguments of ``function``."""
    name = getattr(function, "__qualname__", None) or type(function).__qualname__
    try:
        parameters = inspect.signature(function).parameters
        hints = typing.get_type_hints(_annotated(function), include_extras=True)
    except (TypeError, ValueError) as error:
        raise ArgumentError(f"schema: the parameters of {name} cannot be told: {error}") from error
    except NameError as error:
        raise ArgumentError(
            f"schema: an annotation of {name} names something that does not exist yet: {error}; define it first"
        ) from error
    fields: dict[str, tuple[Any, bool]] = {}
    others: Any = inspect.Parameter.empty
    for parameter in parameters.values():
        hint = hints.get(parameter.name, Any)
        if parameter.kind in (parameter.POSITIONAL_ONLY, parameter.VAR_POSITIONAL):
            shown = f"*{parameter.name}" if parameter.kind is parameter.VAR_POSITIONAL else parameter.name
            raise ArgumentError(
                f"schema: the parameter {shown} of {name} cannot be given by name; "
                "pass a function whose parameters all can, or a model of the arguments"
            )
        if parameter.kind is parameter.VAR_KEYWORD:
            others = hint
            continue
        default = parameter.default
        if isinstance(default, FieldInfo):  # x: int = Field(5, gt=3)
            hint = typing.Annotated[hint, default]
            fields[parameter.name] = (hint, default.is_required())
        else:
            fields[parameter.name] = (hint, default is parameter.empty)

    class Arguments:
        @classmethod
        def __get_pydantic_core_schema__(cls, source: Any, handler: Any) -> core_schema.CoreSchema:
            made = {
                key: core_schema.typed_dict_field(_without_default(handler.generate_schema(hint)), required=required)
                for key, (hint, required) in fields.items()
            }
            if others is inspect.Parameter.empty:
                return core_schema.typed_dict_schema(made, extra_behavior="forbid")
            return core_schema.typed_dict_schema(
                made, extra_behavior="allow", extras_schema=handler.generate_schema(others)
            )

    Arguments.__qualname__ = Arguments.__name__ = name
    return Arguments


def _annotated(function: Any) -> Any:
    """What holds the annotations: under wrappers and partial applications."""
    while isinstance(function, functools.partial):
        function = function.func
    function = inspect.unwrap(function)
    if not inspect.isroutine(function):  # an object that can be called
        function = type(function).__call__
    return function.__func__ if inspect.ismethod(function) else function


def _without_default(schema: Any) -> Any:
    return schema["schema"] if schema["type"] == "default" else schema
