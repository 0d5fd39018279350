"""relark beside llguidance and xgrammar: the same cases, the same tokenizer, one run.

    python tests/benchmarks/bench_peers.py --tokenizer DIR                      # the cases below
    python tests/benchmarks/bench_peers.py --tokenizer DIR --cases FILE --every 8

As in MaskBench (guidance-ai/jsonschemabench): a schema is compiled, and its instances are fed token by token; before
each token the engine fills a packed mask, in which the token is looked up, then it advances; after the last one EOS
must be allowed.  ``cold`` is the first time through, ``warm`` the valid instances twice more with new matchers; a mask
counts with the advance after it.  Times are over the cases that every engine compiles, each engine in a process of its
own on one core; a case that takes more than ``--limit`` seconds is given up.  Engines that are not installed are named
and left out.

FILE: JSON lines ``{"id", "kind": "json_schema", "spec": text, "tests": [{"text", "valid"}]}``.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import math
import multiprocessing
import statistics
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Annotated, Any, Literal

import measuring
import numpy as np
from pydantic import BaseModel, ConfigDict, Field

PASSES = 2  # after the first

# --- cases --------------------------------------------------------------------------------------------------------


class Place(BaseModel):
    street: str
    city: Annotated[str, Field(min_length=1, max_length=60)]
    postcode: Annotated[str, Field(pattern=r"^\d{5}$")]
    country: Literal["AT", "CH", "DE", "FR", "IT"]


class Person(BaseModel):
    name: str
    age: Annotated[int, Field(ge=0, le=130)]
    born: date | None
    places: Annotated[list[Place], Field(max_length=4)]
    tags: dict[str, str] = {}


class Line(BaseModel):
    article: str
    count: Annotated[int, Field(gt=0)]
    price: float


class Order(BaseModel):
    model_config = ConfigDict(extra="forbid")
    number: int
    state: Literal["open", "paid", "sent", "returned"]
    buyer: Person
    lines: Annotated[list[Line], Field(min_length=1)]
    note: str | None = None


class Search(BaseModel):
    tool: Literal["search"]
    query: str
    most: Annotated[int, Field(ge=1, le=50)] = 10


class Reply(BaseModel):
    tool: Literal["reply"]
    text: Annotated[str, Field(max_length=400)]
    sources: list[str] = []


class Call(BaseModel):
    thought: str
    action: Search | Reply


class Tree(BaseModel):
    name: str
    children: list[Tree] = []


def own_cases() -> list[dict[str, Any]]:
    """Pydantic models with instances, each also without its first member, which all of them require."""
    home = Place(street="Lange Gasse 7", city="Wien", postcode="10800", country="AT")
    person = Person(name="Ada König", age=36, born=date(1990, 12, 10), places=[home, home], tags={"since": "2019"})
    lines = [Line(article=f"candle no. {i}, white", count=i + 1, price=2.5 + i) for i in range(4)]
    tree = Tree(name="root", children=[Tree(name=f"leaf {i}", children=[Tree(name="x")]) for i in range(5)])
    story = "It was a bright cold day in April, and the clocks were striking thirteen. " * 4
    instances: list[BaseModel] = [
        home,
        person,
        Order(number=4711, state="paid", buyer=person, lines=lines, note="Please ring twice."),
        Call(thought="I should look that up.", action=Search(tool="search", query="capital of Maryland", most=3)),
        Call(thought="I know.", action=Reply(tool="reply", text=story, sources=["memory", "atlas"])),
        tree,
    ]
    cases = []
    for i, instance in enumerate(instances):
        value = instance.model_dump(mode="json")
        rest = dict(list(value.items())[1:])
        tests = [{"text": json.dumps(v, ensure_ascii=False), "valid": v is value} for v in (value, rest)]
        schema = json.dumps(type(instance).model_json_schema())
        cases.append({"id": f"{i}:{type(instance).__name__}", "kind": "json_schema", "spec": schema, "tests": tests})
    return cases


# --- engines ------------------------------------------------------------------------------------------------------


class Engine:
    """``row``: int32 ``[ceil(V/32)]``, which `fill` writes."""

    package: str
    row: Any

    def __init__(self, tokenizer: Any) -> None:
        raise NotImplementedError

    def compile(self, spec: str) -> Any:
        """Raises what it likes where it refuses."""
        raise NotImplementedError

    def start(self, compiled: Any) -> None:
        raise NotImplementedError

    def fill(self) -> None:
        raise NotImplementedError

    def advance(self, token_id: int) -> None:
        raise NotImplementedError


class Relark(Engine):
    package = "relark"

    def __init__(self, tokenizer: Any) -> None:
        import relark

        self.vocabulary = relark.Vocabulary.from_tokenizer(tokenizer, size=len(tokenizer))
        self.row = np.zeros(self.vocabulary.n_words, np.int32)

    def compile(self, spec: str) -> Any:
        import relark

        return relark.schema(json.loads(spec), property_order="any")

    def start(self, compiled: Any) -> None:
        self.matcher = compiled.matcher(self.vocabulary)

    def fill(self) -> None:
        self.matcher.fill(self.row)

    def advance(self, token_id: int) -> None:
        self.matcher.advance(token_id)


class LLGuidance(Engine):
    package = "llguidance"

    def __init__(self, tokenizer: Any) -> None:
        import llguidance.hf

        self.tokenizer = llguidance.hf.from_tokenizer(tokenizer, n_vocab=len(tokenizer))
        self.row = np.zeros((len(tokenizer) + 31) // 32, np.int32)
        self.to = self.row.ctypes.data, self.row.nbytes

    def compile(self, spec: str) -> Any:
        from llguidance import LLMatcher

        matcher = LLMatcher(self.tokenizer, json.dumps({"grammars": [{"json_schema": json.loads(spec)}]}), log_level=0)
        if matcher.is_error():
            raise ValueError(matcher.get_error())
        return matcher

    def start(self, compiled: Any) -> None:
        self.matcher = compiled.deep_copy()

    def fill(self) -> None:
        self.matcher.unsafe_compute_mask_ptr(*self.to)

    def advance(self, token_id: int) -> None:
        self.matcher.consume_token(token_id)


class XGrammar(Engine):
    package = "xgrammar"

    def __init__(self, tokenizer: Any) -> None:
        import torch
        import xgrammar

        torch.set_num_threads(1)
        size = len(tokenizer)
        info = xgrammar.TokenizerInfo.from_huggingface(
            tokenizer, vocab_size=size, stop_token_ids=[tokenizer.eos_token_id]
        )
        self.compiler, self.new = xgrammar.GrammarCompiler(info, max_threads=1), xgrammar.GrammarMatcher
        self.rows = xgrammar.allocate_token_bitmask(1, size)
        self.row = self.rows.numpy()[0]

    def compile(self, spec: str) -> Any:
        return self.compiler.compile_json_schema(spec, any_whitespace=True, strict_mode=False)

    def start(self, compiled: Any) -> None:
        self.matcher = self.new(compiled)

    def fill(self) -> None:
        self.matcher.fill_next_token_bitmask(self.rows)

    def advance(self, token_id: int) -> None:
        self.matcher.accept_token(token_id)


ENGINES: dict[str, type[Engine]] = {engine.package: engine for engine in (Relark, LLGuidance, XGrammar)}

# --- one case -----------------------------------------------------------------------------------------------------


@dataclass
class Outcome:
    """Of a case, in seconds.  ``failed``: why there are no times; ``wrong``: instances not judged as they should."""

    failed: str = ""
    compile: float = math.nan
    first: float = math.nan  # with a matcher and the first mask
    cold: list[float] = field(default_factory=list)
    warm: list[float] = field(default_factory=list)
    wrong: int = 0

    def times(self, what: str) -> list[float]:
        found = getattr(self, what)
        return found if isinstance(found, list) else [found]


def accepts(engine: Engine, ids: list[int], eos: int, times: list[float]) -> bool:
    for token_id in [*ids, eos]:
        took = measuring.seconds(engine.fill)
        if not int(engine.row[token_id >> 5]) >> (token_id & 31) & 1:
            times.append(took)
            return False
        times.append(took + (measuring.seconds(engine.advance, token_id) if token_id != eos else 0))
    return True


def run_case(engine: Engine, tokenizer: Any, case: dict[str, Any]) -> Outcome:
    outcome = Outcome()
    compiled: list[Any] = []
    texts = [(tokenizer.encode(t["text"], add_special_tokens=False), t["valid"]) for t in case["tests"]]
    with measuring.undisturbed():
        try:
            outcome.compile = measuring.seconds(lambda: compiled.append(engine.compile(case["spec"])))
            outcome.first = outcome.compile + measuring.seconds(engine.start, compiled[0])
            outcome.first += measuring.seconds(engine.fill)
        except Exception as error:  # an engine of another's may raise anything
            outcome.failed = f"{type(error).__name__}: {error}"
            return outcome
        right = []
        for ids, valid in texts:
            engine.start(compiled[0])
            judged = accepts(engine, ids, tokenizer.eos_token_id, outcome.cold)
            outcome.wrong += judged != valid
            if judged and valid:
                right.append(ids)
        for _ in range(PASSES):
            for ids in right:
                engine.start(compiled[0])
                accepts(engine, ids, tokenizer.eos_token_id, outcome.warm)
    return outcome


def serve(connection: Any, name: str, folder: str) -> None:
    """The process of an engine: cases in, outcomes out."""
    tokenizer = measuring.tokenizer(folder)
    engine = ENGINES[name](tokenizer)
    engine.start(engine.compile('{"type": "null"}'))
    engine.fill()
    connection.send(Outcome())
    while (case := connection.recv()) is not None:
        connection.send(run_case(engine, tokenizer, case))


def run(name: str, folder: str, cases: list[dict[str, Any]], limit: float) -> list[Outcome]:
    context = multiprocessing.get_context("spawn")  # nothing of another engine is loaded
    outcomes: list[Outcome] = []
    process: Any = None
    for case in cases:
        if process is None:
            connection, end = context.Pipe()
            process = context.Process(target=serve, args=(end, name, folder), daemon=True)
            process.start()
            end.close()
            connection.recv()
        connection.send(case)
        lost = "" if connection.poll(limit) else f"more than {limit:g} s"
        try:
            outcomes.append(Outcome(lost) if lost else connection.recv())
        except EOFError:
            lost = "crashed"
            outcomes.append(Outcome(lost))
        if lost:
            process.kill()
            process = None
    if process is not None:
        connection.send(None)
        process.join()
    return outcomes


# --- the table ----------------------------------------------------------------------------------------------------

STATISTICS = {
    "mean": statistics.fmean,
    "p50": lambda v: measuring.quantile(v, 0.5),
    "p99": lambda v: measuring.quantile(v, 0.99),
    "worst": max,
}
SHOWN = (
    ("compile", "compile", ("p50", "worst")),
    ("first", "compile + first mask", ("p50", "p99", "worst")),
    ("cold", "mask + advance, cold", ("mean", "p50", "p99", "worst")),
    ("warm", "mask + advance, warm", ("mean", "p50", "p99", "worst")),
)


def table(results: dict[str, list[Outcome]]) -> str:
    """Markdown; each peer's times with their ratio to relark's."""
    common = [i for i, row in enumerate(zip(*results.values(), strict=True)) if not any(o.failed for o in row)]
    total = len(next(iter(results.values())))
    rows = [
        ["cases compiled"] + [f"{sum(not o.failed for o in v)} of {total}" for v in results.values()],
        ["all instances judged right"] + [str(sum(not o.failed and not o.wrong for o in v)) for v in results.values()],
    ]
    for what, title, shown in SHOWN:
        values = {name: [t for i in common for t in outcomes[i].times(what)] for name, outcomes in results.items()}
        for statistic in shown:
            of = STATISTICS[statistic]
            numbers = {name: of(v) * 1e6 if v else math.nan for name, v in values.items()}
            ours = numbers.get("relark", math.nan)
            cells = [
                measuring.short(n) + (f" ({measuring.short(n / ours)}x)" if name != "relark" else "")
                for name, n in numbers.items()
            ]
            rows.append([f"{title}, {statistic}", *cells])
    return measuring.markdown([f"µs; {len(common)} cases that all compile", *results], rows)


def main() -> None:
    assert __doc__
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tokenizer", required=True, help="folder, see tests/tokens/fetch_tokenizers.py")
    parser.add_argument("--cases", type=Path, help="instead of this script's")
    parser.add_argument("--every", type=int, default=1, help="only each so manieth case")
    parser.add_argument("--limit", type=float, default=60, help="seconds a case")
    parser.add_argument("--engines", nargs="*", choices=ENGINES, default=list(ENGINES))
    options = parser.parse_args()
    cases = own_cases()
    if options.cases is not None:
        cases = [json.loads(line) for line in options.cases.read_text(encoding="utf-8").splitlines()]
    results = {}
    for name in options.engines:
        if importlib.util.find_spec(name) is None:
            print(f"{name} is not installed")
        else:
            results[name] = run(name, options.tokenizer, cases[:: options.every], options.limit)
    peers = [name for name in results if name != "relark"]
    print(f"{measuring.circumstances(*peers)}; {Path(options.tokenizer).name}\n")
    print(table(results))
    for name, outcomes in results.items():
        failed = [o.failed for o in outcomes if o.failed]
        if failed:
            print(f"\n{name}: {len(failed)} failed, such as {failed[0][:120]!r}")


if __name__ == "__main__":
    main()
