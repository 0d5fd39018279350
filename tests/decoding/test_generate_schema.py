"""relark.generate(schema=...): the text is JSON of the schema, and what comes back is the value that it means."""

from __future__ import annotations

import enum
import json
import subprocess
import sys
from pathlib import Path
from typing import Annotated, Any, Literal

import pytest
from decoding_doubles import ScriptedModel
from pydantic import AfterValidator, BaseModel, Field, ValidationError

import relark
from relark.errors import ArgumentError, SchemaError, UnsatisfiableError, UnsupportedError, ValidationFailed


class Color(enum.Enum):
    RED = "red"
    BLUE = "blue"


class Tag(BaseModel):
    name: Annotated[str, Field(pattern="^[a-c]{1,3}$")]
    color: Color


class Person(BaseModel):
    age: Annotated[int, Field(ge=0, lt=150)]
    likes: Literal["tea", "coffee"]
    tags: Annotated[list[Tag], Field(max_length=1)] = []


class Tree(BaseModel):
    value: bool
    children: Annotated[list[Tree], Field(max_length=2)] = []


def book(room: Literal["blue", "red"], nights: Annotated[int, Field(gt=0, lt=9)] = 1) -> str:
    return f"{room} for {nights}"


def generate(generator: relark.Generator, schema: Any, **options: Any) -> Any:
    return relark.generate("x", schema=schema, model=generator.model, tokenizer=generator.tokenizer, **options)


def test_a_type_gives_an_object_of_it(generator: relark.Generator) -> None:
    person = generate(generator, Person)
    assert isinstance(person, Person)
    assert isinstance(generate(generator, Tree, max_new_tokens=40), Tree)
    assert generate(generator, Annotated[int, Field(gt=3, lt=6)]) in (4, 5)
    assert generate(generator, Color) in Color
    tags = generate(generator, Annotated[list[Tag], Field(min_length=1, max_length=2)])
    assert all(isinstance(tag, Tag) for tag in tags)


@pytest.mark.parametrize("seed", range(3))
def test_any_budget_that_suffices_gives_a_whole_object(generator: relark.Generator, seed: int) -> None:
    needed = relark.schema(Person).matcher(generator.vocabulary).min_tokens()
    for budget in (needed, needed + 7):
        assert isinstance(generate(generator, Person, max_new_tokens=budget, temperature=1.5, seed=seed), Person)


def test_a_list_of_prompts_gives_a_list_of_objects(generator: relark.Generator) -> None:
    model, tokenizer = generator.model, generator.tokenizer
    people = relark.generate(["x", "y"], schema=Person, model=model, tokenizer=tokenizer)
    assert [type(person) for person in people] == [Person, Person]
    assert relark.generate([], schema=Person, model=model, tokenizer=tokenizer) == []


def test_a_function_gives_its_arguments(generator: relark.Generator) -> None:
    arguments = generate(generator, book)
    assert book(**arguments).startswith(arguments["room"])


def test_a_json_schema_gives_parsed_json(generator: relark.Generator) -> None:
    schema = {"type": "object", "properties": {"a": {"enum": [1, 2]}}, "required": ["a"], "additionalProperties": False}
    assert generate(generator, schema) in ({"a": 1}, {"a": 2})
    assert generate(generator, json.dumps(schema)) in ({"a": 1}, {"a": 2})
    assert generate(generator, {"const": None}) is None
    assert isinstance(generator.run("x", schema=True, max_new_tokens=30).text, str)


def test_what_relark_schema_made_may_be_given(generator: relark.Generator) -> None:
    constraint = relark.schema(Person, whitespace="compact")
    assert isinstance(generate(generator, constraint), Person)
    result = generator.run("x", constraint=constraint)
    assert isinstance(result.value, Person)
    assert " " not in result.text
    text = relark.generate("x", constraint=constraint, model=generator.model, tokenizer=generator.tokenizer)
    assert isinstance(text, str)
    people = generator.run(["x", "y"], constraint=[constraint, None], max_new_tokens=40)
    assert [type(result.value) for result in people] == [Person, type(None)]


def test_results_have_text_and_value(generator: relark.Generator) -> None:
    result = generator.run("x", schema=Person)
    assert result.value == Person.model_validate_json(result.text)
    assert result.value is result.value  # worked out once
    assert generator.run("x", regex="[ab]").value is None


def scripted(generator: relark.Generator, text: str) -> relark.Generator:
    ids = generator.tokenizer(text)["input_ids"]
    return relark.Generator(ScriptedModel([*ids, 2], 416, 1, eos_token_id=2), generator.tokenizer)


def test_the_text_is_what_the_model_wanted_where_it_may(generator: relark.Generator) -> None:
    wanted = '{"age": 30, "likes": "tea", "tags": [{"name": "ab", "color": "red"}]}'
    result = scripted(generator, wanted).run("x", schema=Person)
    assert result.text == wanted
    assert result.value == Person(age=30, likes="tea", tags=[Tag(name="ab", color=Color.RED)])


def test_python_checks_may_refuse_what_was_written(generator: relark.Generator) -> None:
    def never(value: str) -> str:
        raise ValueError("not in the list of guests")

    class Guest(BaseModel):
        name: Annotated[Literal["Ann", "Bob"], AfterValidator(never)]

    with pytest.raises(ValidationFailed, match=r"#/name: .*not in the list of guests") as caught:
        generate(generator, Guest)
    assert relark.schema(Guest).fullmatch(caught.value.text)
    assert isinstance(caught.value.__cause__, ValidationError)
    result = generator.run("x", schema=Guest)  # here the text is there, and only its value is refused
    assert result.text.startswith("{")
    with pytest.raises(ValidationFailed):
        _ = result.value


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"schema": Person, "regex": "a"}, ArgumentError, "regex and schema were given"),
        ({"schema": [Person, Person]}, ArgumentError, "takes one type or schema"),
        ({"schema": 5}, ArgumentError, "pydantic has no schema for 5"),
        ({"schema": relark.regex("a")}, ArgumentError, "pass it as constraint="),
        ({"schema": relark.schema(Person) + "\n"}, ArgumentError, "pass it as constraint="),
        ({"schema": {"type": "strin"}}, SchemaError, "#/type"),
        ({"schema": "{"}, SchemaError, "JSON"),
        ({"schema": {"minimum": 5, "maximum": 3, "type": "integer"}}, UnsatisfiableError, "#/m"),
        ({"schema": object}, None, ""),
        ({"schema": type(print)}, ArgumentError, "pydantic has no schema"),
        ({"schema": type}, UnsupportedError, "no JSON form"),
    ],
)
def test_wrong_schemas_are_refused_before_a_model_is_touched(
    arguments: dict[str, Any], error: type[Exception] | None, message: str
) -> None:
    if error is None:
        with pytest.raises(relark.errors.RelarkError, match="model"):  # the schema is fine, the model is not
            relark.generate("x", model=object(), **arguments)
        return
    with pytest.raises(error, match=message):
        relark.generate("x", model=object(), **arguments)


def test_checking_a_schema_needs_no_torch() -> None:
    code = (
        "import sys, relark\n"
        "try: relark.generate('x', schema={'type': 'strin'})\n"
        "except relark.errors.SchemaError: pass\n"
        "try: relark.generate('x', schema=5)\n"
        "except relark.ArgumentError: pass\n"
        "print(sorted({'torch', 'transformers'} & set(sys.modules)))"
    )
    source = Path(relark.__file__).parents[1]
    found = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env={"PYTHONPATH": str(source)}
    )
    assert found.stdout.strip() == "[]"


def test_importing_relark_needs_no_pydantic() -> None:
    code = "import sys, relark, relark.decoding.generate\nprint('pydantic' in sys.modules, 'jsonschema' in sys.modules)"
    source = Path(relark.__file__).parents[1]
    found = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env={"PYTHONPATH": str(source)}
    )
    assert found.stdout.split() == ["False", "False"]
