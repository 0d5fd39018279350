"""The fields that the models of this package share, and what a single call may change of them.

What it is: `Settings`, the model, the constraint and the options of `RelarkLLM` and `ChatRelark`. `Settings.resolved`
joins the fields with the arguments of a call (``.bind(regex=...)``, ``invoke(..., temperature=0.7)``), and refuses what
it does not know: LangChain hands on any keyword, and a misspelt ``regx=`` must not come out as free text. When to use
it: as a base class of a model class, before LangChain's own, with ``extra="forbid"`` in the ``model_config`` of the
class.

A constraint given by a call replaces that of the fields. The default is greedy decoding, as in `relark.generate`.

Cost: a constraint in a field is compiled once; one in a call with each call, so bind a `relark.Constraint` where that
costs.

What it cannot do: tell apart in a cache two models that were loaded under one name and changed since.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from pydantic import AliasChoices, BaseModel, ConfigDict, Field, PrivateAttr, field_validator
from typing_extensions import Self

from relark.decoding.generate import DEFAULT_BATCH_SIZE, _constraints, _stops, check_fast_forward, check_max_new_tokens
from relark.decoding.sampling import Sampling
from relark.errors import ArgumentError
from relark.integrations.langchain.engine import Engine, Options

if TYPE_CHECKING:
    from relark.constraint import Constraint

__all__ = ["CONSTRAINTS", "OPTIONS", "Settings"]

CONSTRAINTS = ("regex", "schema", "grammar", "choices", "constraint")
OPTIONS = (*CONSTRAINTS, "max_new_tokens", "max_tokens", "temperature", "top_p", "top_k", "seed", "fast_forward")


class Settings(BaseModel):
    """Fields of `RelarkLLM` and `ChatRelark`, all by name:

    model            as for `relark.generate`: a transformers model with its ``tokenizer``, a text-generation pipeline,
                     a local folder or a hub id; None: the embedded model
    pipeline         a text-generation pipeline (or LangChain's ``HuggingFacePipeline``), instead of ``model``
    batch_size       prompts that share one forward pass
    regex, schema, grammar, choices, constraint
                     what the text must satisfy, as for `relark.generate`; one of them, or none for free text
    max_new_tokens   tokens to write at most, also called ``max_tokens``; None: 256, or what the model's context leaves.
                     A constrained text is complete within them
    temperature, top_p, top_k, seed
                     how tokens are drawn; none of them, or ``temperature=0``: greedily
    stop             a string or several that end a text and are not part of it, also called ``stop_sequences``. Free
                     text is cut before the first one, a constrained text contains none
    fast_forward     whether forced text is written without asking the model
    streaming        whether ``invoke``, too, tells callbacks of each token

    ``api_key``, ``timeout`` and ``max_retries`` are accepted, since code for many models passes them, and are without
    effect: nothing is asked over a network.
    """

    model_config = ConfigDict(
        arbitrary_types_allowed=True, populate_by_name=True, extra="forbid", protected_namespaces=()
    )

    model: Any = Field(default=None, exclude=True, repr=False)
    tokenizer: Any = Field(default=None, exclude=True, repr=False)
    pipeline: Any = Field(default=None, exclude=True, repr=False)
    batch_size: int = Field(default=DEFAULT_BATCH_SIZE, ge=1)

    regex: Any = Field(default=None, exclude=True)
    schema_: Any = Field(default=None, alias="schema", exclude=True)
    grammar: Any = Field(default=None, exclude=True)
    choices: Any = Field(default=None, exclude=True)
    constraint: Any = Field(default=None, exclude=True)

    max_new_tokens: int | None = Field(default=None, validation_alias=AliasChoices("max_new_tokens", "max_tokens"))
    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    seed: int | None = None
    stop: list[str] | None = Field(default=None, validation_alias=AliasChoices("stop", "stop_sequences"))
    fast_forward: bool = True
    streaming: bool = False

    api_key: Any = Field(default=None, exclude=True, repr=False)
    timeout: Any = Field(default=None, exclude=True, repr=False)
    max_retries: int | None = Field(default=None, exclude=True, repr=False)

    _engine: Engine = PrivateAttr()
    _constraint: Constraint | None = PrivateAttr(default=None)

    @field_validator("stop", mode="before")
    @classmethod
    def _several(cls, stop: Any) -> Any:
        return [stop] if isinstance(stop, str) else stop

    def model_post_init(self, context: Any, /) -> None:
        """Check everything that can be checked without loading a model."""
        super().model_post_init(context)
        pipeline = (
            self.pipeline if hasattr(self.pipeline, "task") else getattr(self.pipeline, "pipeline", self.pipeline)
        )
        self._engine = Engine(self.model, self.tokenizer, pipeline, self.batch_size)
        given = {"schema" if name == "schema_" else name: getattr(self, name) for name in _FIELDS}
        self._constraint = _constraint(given)
        self.resolved(None, {})

    @property
    def engine(self) -> Engine:
        """The model; copies of this object share it."""
        return self._engine

    def resolved(self, stop: str | Sequence[str] | None, given: Mapping[str, Any]) -> Options:
        """How a call writes: as the fields say, and what the call was ``given``; ``stop`` None: the field's.

        Raises ArgumentError for a keyword that is not one of `OPTIONS`, and what `relark.generate` raises for values.
        """
        unknown = sorted(set(given) - set(OPTIONS))
        if unknown:
            raise ArgumentError(
                f"{', '.join(unknown)}: not an option of {type(self).__name__}; a call takes {', '.join(OPTIONS)} and "
                "stop."
            )
        has_constraint = any(given.get(name) is not None for name in CONSTRAINTS)
        constraint = _constraint(given) if has_constraint else self._constraint

        def option(name: str, other: str = "") -> Any:
            for value in (given.get(name), given.get(other)):
                if value is not None:
                    return value
            return getattr(self, name)

        most = option("max_new_tokens", "max_tokens")
        check_max_new_tokens(most)
        check_fast_forward(option("fast_forward"))
        sampling = Sampling(option("temperature"), option("top_p"), option("top_k"), option("seed"))
        stops = tuple(found.decode() for found in _stops(self.stop if stop is None else stop))
        return Options(constraint, most, sampling, stops, option("fast_forward"))

    def replaced(self, given: Mapping[str, Any]) -> Self:
        """A copy, on the same engine, whose fields are what a call was ``given``; nothing given: the object itself.

        Raises what `resolved` raises.
        """
        if not given:
            return self
        options = self.resolved(None, given)
        made = self.model_copy(
            update={
                **dict.fromkeys(_FIELDS),
                "constraint": options.constraint,
                "max_new_tokens": options.max_new_tokens,
                "temperature": options.sampling.temperature,
                "top_p": options.sampling.top_p,
                "top_k": options.sampling.top_k,
                "seed": options.sampling.seed,
                "fast_forward": options.fast_forward,
            }
        )
        made._constraint = options.constraint
        return made

    def fingerprint(self, options: Options) -> str:
        """What decides which text a prompt gets, as text: for keys of caches. The same in another process, unless the
        model or the constraint was made by hand.
        """
        parts = {
            "model": self.engine.identity,
            "constraint": None if options.constraint is None else options.constraint.fingerprint,
            "max_new_tokens": options.max_new_tokens,
            "sampling": repr(options.sampling),
            "stop": options.stop,
            "fast_forward": options.fast_forward,
        }
        return json.dumps(parts, sort_keys=True)


_FIELDS = ("regex", "schema_", "grammar", "choices", "constraint")


def _constraint(given: Mapping[str, Any]) -> Constraint | None:
    [found] = _constraints(
        1,
        given.get("regex"),
        given.get("choices"),
        given.get("constraint"),
        schema=given.get("schema"),
        grammar=given.get("grammar"),
    )
    return found
