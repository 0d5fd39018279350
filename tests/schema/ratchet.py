"""How many public test cases `relark.schema` judges right; what is not right is kept in ``baseline/``.

    python tests/schema/ratchet.py                     # all suites: a table, and what changed against the baseline
    python tests/schema/ratchet.py draft7 maskbench    # some
    python tests/schema/ratchet.py --update            # and write the baseline
    python tests/schema/ratchet.py --masks maskbench   # token by token through the masks of the embedded vocabulary
    python tests/schema/ratchet.py --judge jsonschema  # how the package jsonschema does, for comparison

A baseline names the instances that are not judged right, with one of the verdicts

    over      an invalid instance is accepted
    under     a valid instance is not accepted
    refused   the schema is not supported (or held malformed)
    timeout   the schema and its instances take more than `LIMIT` seconds of processor time
    crash     an error that relark does not document

A schema which nothing satisfies raises when it is compiled: that rejects every instance.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import resource
import signal
import sys
import time
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any, Literal

import schema_cases
from schema_cases import Case, Json

if TYPE_CHECKING:
    from relark import Vocabulary

BASELINE = Path(__file__).resolve().parent / "baseline"
LIMIT = 10.0  # seconds of processor time a case
MEMORY = 8 << 30  # bytes of address space, for the command only

Verdict = Literal["right", "over", "under", "refused", "timeout", "crash"]
VERDICTS: tuple[Verdict, ...] = ("right", "over", "under", "refused", "timeout", "crash")
Recogniser = Callable[[str], bool]
Judge = Callable[[Case], Recogniser]  # may raise the errors of relark


class OutOfTime(BaseException):
    """Not an Exception, so that nothing on the way takes it for its own."""


@contextlib.contextmanager
def time_limit(seconds: float) -> Iterator[None]:
    """Raises `OutOfTime` after ``seconds`` of processor time of this process."""

    def stop(number: int, frame: FrameType | None) -> None:
        raise OutOfTime

    previous = signal.signal(signal.SIGPROF, stop)
    signal.setitimer(signal.ITIMER_PROF, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, previous)


# --- judges -------------------------------------------------------------------------------------------


def by_texts(case: Case) -> Recogniser:
    """relark on whole texts."""
    import relark

    return relark.schema(
        case.schema, property_order="any", formats=case.formats, registry=schema_cases.registry(case.draft)
    ).fullmatch


def by_masks(vocabulary: Vocabulary) -> Judge:
    """relark token by token: each token must be in the mask, and the text complete at its end."""
    import relark

    def judge(case: Case) -> Recogniser:
        constraint = relark.schema(
            case.schema, property_order="any", formats=case.formats, registry=schema_cases.registry(case.draft)
        )
        start = constraint.matcher(vocabulary)

        def recognise(text: str) -> bool:
            matcher = start.fork()
            for token_id in vocabulary.encode(text.encode()):
                if not matcher.allows(token_id):
                    return False
                matcher.advance(token_id)
            return matcher.is_accepting

        return recognise

    return judge


def by_jsonschema(case: Case) -> Recogniser:
    """The package jsonschema."""
    import jsonschema
    from jsonschema.validators import validator_for

    kind = validator_for(case.schema, default=jsonschema.Draft202012Validator)
    validator = kind(
        case.schema,
        registry=schema_cases.registry(case.draft),
        format_checker=kind.FORMAT_CHECKER if case.formats == "assert" else None,
    )
    return lambda text: bool(validator.is_valid(json.loads(text)))


# --- verdicts -----------------------------------------------------------------------------------------


def verdicts(case: Case, judge: Judge = by_texts, limit: float = LIMIT) -> dict[str, tuple[Verdict, str]]:
    """The verdict on each instance, by ``CASE/INSTANCE``, and what there is to say about it."""
    from relark.errors import RelarkError, UnsatisfiableError

    found: dict[str, tuple[Verdict, str]] = {}

    def rest(verdict: Verdict, why: object) -> dict[str, tuple[Verdict, str]]:
        told = f"{type(why).__name__}: {why}" if isinstance(why, BaseException) else str(why)
        return {
            f"{case.name}/{i.name}": (verdict, told) for i in case.instances if f"{case.name}/{i.name}" not in found
        }

    try:
        with time_limit(limit):
            try:
                recognise = judge(case)
            except UnsatisfiableError:
                recognise = _nothing
            for instance in case.instances:
                found[f"{case.name}/{instance.name}"] = _verdict(recognise, instance.texts, instance.valid)
    except OutOfTime:
        found |= rest("timeout", "")
    except RelarkError as refusal:
        found |= rest("refused", refusal)
    except Exception as bug:  # whatever it is: the others are judged all the same
        found |= rest("crash", bug)
    return found


def _nothing(text: str) -> bool:
    return False


def _verdict(recognise: Recogniser, texts: tuple[str, ...], valid: bool) -> tuple[Verdict, str]:
    for text in texts:
        if recognise(text) != valid:
            return "under" if valid else "over", text
    return "right", ""


def measure(
    suite: str, judge: Judge = by_texts, *, only: str = "", limit: float = LIMIT
) -> dict[str, tuple[Verdict, str]]:
    """The verdicts on a suite, or on the cases of it whose name starts with ``only``."""
    found: dict[str, tuple[Verdict, str]] = {}
    for case in schema_cases.cases(suite):
        if case.name.startswith(only):
            found |= verdicts(case, judge, limit)
    return found


# --- the baseline -------------------------------------------------------------------------------------


def baseline(suite: str) -> dict[str, Verdict]:
    """The instances that were not judged right when the baseline was written."""
    file = BASELINE / f"{suite}.json"
    if not file.exists():
        return {}
    not_right: dict[str, Verdict] = json.loads(file.read_text("utf-8"))["not right"]
    return not_right


def write_baseline(suite: str, found: dict[str, tuple[Verdict, str]]) -> None:
    not_right = {name: verdict for name, (verdict, _) in found.items() if verdict != "right"}
    content: dict[str, Json] = {"instances": len(found), "right": len(found) - len(not_right), "not right": not_right}
    BASELINE.mkdir(exist_ok=True)
    (BASELINE / f"{suite}.json").write_text(json.dumps(content, indent=1) + "\n", "utf-8")


def changes(suite: str, found: dict[str, tuple[Verdict, str]]) -> tuple[dict[str, str], dict[str, str]]:
    """What is wrong against the baseline, and what is better than it."""
    known = baseline(suite)
    worse = {
        name: f"{verdict} {told[:300]}"
        for name, (verdict, told) in found.items()
        if verdict not in ("right", known.get(name))
    }
    better = {name: known[name] for name, (verdict, _) in found.items() if verdict == "right" and name in known}
    return worse, better


# --- the command --------------------------------------------------------------------------------------


def main(arguments: list[str] | None = None) -> int:
    assert __doc__
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("suites", nargs="*", choices=[*schema_cases.SUITES, []], help="default: all")
    parser.add_argument("--only", default="", help="only the cases whose name starts so")
    parser.add_argument("--update", action="store_true", help="write the baseline")
    parser.add_argument("--show", action="store_true", help="every instance that is not judged right")
    parser.add_argument("--masks", action="store_true", help="through the masks of the embedded vocabulary")
    parser.add_argument("--judge", choices=["relark", "jsonschema"], default="relark")
    parser.add_argument("--limit", type=float, default=LIMIT, help="seconds of processor time a case")
    options = parser.parse_args(arguments)
    if not schema_cases.is_present():
        print(f"the test data is not at {schema_cases.ROOT}", file=sys.stderr)
        return 2
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    warnings.simplefilter("ignore", FutureWarning)  # of Python's re about patterns of the test data
    judge: Judge = by_jsonschema if options.judge == "jsonschema" else by_texts
    if options.masks:
        judge = by_masks(_embedded_vocabulary())
    failed = False
    print(f"{'suite':<22}{'total':>7}" + "".join(f"{v:>9}" for v in VERDICTS) + f"{'seconds':>9}", flush=True)
    for suite in options.suites or schema_cases.SUITES:
        began = time.process_time()
        found = measure(suite, judge, only=options.only, limit=options.limit)
        took = time.process_time() - began
        counts = Counter(verdict for verdict, _ in found.values())
        print(
            f"{suite:<22}{len(found):>7}" + "".join(f"{counts[v]:>9}" for v in VERDICTS) + f"{took:>9.1f}", flush=True
        )
        worse, better = changes(suite, found)
        if options.show:
            for name, (verdict, told) in found.items():
                if verdict != "right":
                    print(f"    {name}: {verdict} {told[:300]!r}", flush=True)
        else:
            for name, told in worse.items():
                print(f"    worse: {name}: {told[:160]}")
            for name, was in better.items():
                print(f"    better: {name}: was {was}")
        failed |= bool(worse)
        if options.update and not options.only:
            write_baseline(suite, found)
    return int(failed and not options.update)


def _embedded_vocabulary() -> Any:
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "benchmarks"))
    import bench_mask

    return bench_mask.smollm2()


if __name__ == "__main__":
    sys.exit(main())
