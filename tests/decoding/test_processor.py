"""relark.LogitsProcessor in transformers' own generate: every mode, every known way to break a constraint."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest
import torch
import transformers
from decoding_doubles import llama, train

import relark
from relark.errors import ArgumentError, BudgetError, DeadEndError, ModelError, TokenNotAllowed

PROMPTS = ["The capital", "x", "The capital of France is Paris. The capital of Italy is", "12 345 6"]


@pytest.fixture(scope="module")
def inputs(tokenizer: Any) -> Any:
    return tokenizer(PROMPTS, return_tensors="pt", padding=True, padding_side="left")


@pytest.fixture
def one(tokenizer: Any) -> Any:
    return tokenizer(PROMPTS[0], return_tensors="pt")


@pytest.fixture
def make(model: Any, tokenizer: Any) -> Callable[..., relark.LogitsProcessor]:
    def processor(constraint: Any, **options: Any) -> relark.LogitsProcessor:
        return relark.LogitsProcessor(constraint, **{"tokenizer": tokenizer, "model": model, **options})

    return processor


MODES: dict[str, dict[str, Any]] = {
    "greedy": {},
    "sampling": {"do_sample": True, "temperature": 1.7},
    "all warpers": {
        "do_sample": True, "top_k": 5, "top_p": 0.9, "min_p": 0.01, "typical_p": 0.95, "epsilon_cutoff": 1e-4,
        "eta_cutoff": 1e-4,
    },
    "top_h": {"do_sample": True, "top_h": 0.5},
    "beams": {"num_beams": 4},
    "beams, early stopping": {"num_beams": 3, "early_stopping": True, "length_penalty": -1.0},
    "several beams": {"num_beams": 4, "num_return_sequences": 3},
    "beam sampling": {"num_beams": 2, "do_sample": True, "temperature": 2.0, "top_k": 0},
    "several samples": {"do_sample": True, "num_return_sequences": 3, "top_k": 0},
    "repetition penalty": {"repetition_penalty": 1.5},
    "renormalized": {"renormalize_logits": True, "do_sample": True},
    "sequence bias": {"sequence_bias": [[[300], 9.0], [[20, 21], -9.0]]},
    "length decay": {"exponential_decay_length_penalty": (2, 1.5)},
    "watermark": {"do_sample": True, "watermarking_config": transformers.WatermarkingConfig(bias=2.5)},
    "removes invalid values": {"remove_invalid_values": True},
    "without cache": {"use_cache": False},
    "scores": {"output_scores": True, "output_logits": True, "return_dict_in_generate": True},
}  # fmt: skip


def assert_nothing_follows_eos(output: Any, inputs: Any) -> None:
    for row in getattr(output, "sequences", output)[:, inputs["input_ids"].shape[1] :].tolist():
        end = next((i for i, t in enumerate(row) if t in (2, 3)), len(row))
        assert set(row[end:]) <= {0, 2, 3}


@pytest.mark.parametrize("mode", list(MODES))
@pytest.mark.parametrize("name", ["number", "date", "list", "unicode", "until"])
def test_modes(mode: str, name: str, make: Any, model: Any, inputs: Any, constraints: Any) -> None:
    processor = make(constraints[name], max_new_tokens=18)
    torch.manual_seed(0)
    for _ in range(2):  # the same processor, again
        output = model.generate(**inputs, max_new_tokens=18, logits_processor=[processor], **MODES[mode])
        texts = processor.texts(output)
        assert len(texts) == len(PROMPTS) * MODES[mode].get("num_return_sequences", 1)
        assert all(constraints[name].fullmatch(t) for t in texts)
        assert_nothing_follows_eos(output, inputs)


def test_greedy_gives_what_our_own_loop_gives(
    make: Any, model: Any, generator: Any, inputs: Any, constraints: Any
) -> None:
    for name in ("number", "date", "list", "unicode", "until"):
        processor = make(constraints[name], max_new_tokens=18)
        output = model.generate(**inputs, max_new_tokens=18, logits_processor=[processor], do_sample=False)
        assert processor.texts(output) == [
            r.text for r in generator.run(PROMPTS, constraint=constraints[name], max_new_tokens=18, fast_forward=False)
        ]


def test_a_constraint_for_each_prompt(make: Any, model: Any, inputs: Any, constraints: Any) -> None:
    chosen = [constraints["number"], None, constraints["date"], constraints["list"]]
    for mode in ("greedy", "beams", "several samples", "several beams"):
        processor = make(chosen, max_new_tokens=15)
        torch.manual_seed(1)
        output = model.generate(**inputs, max_new_tokens=15, logits_processor=[processor], **MODES[mode])
        texts = processor.texts(output)
        repeats = len(texts) // 4
        for i, text in enumerate(texts):
            constraint = chosen[i // repeats]
            assert constraint is None or constraint.fullmatch(text)
    with pytest.raises(ArgumentError, match="3 constraints for 4 rows"):
        model.generate(**inputs, max_new_tokens=5, logits_processor=[make(chosen[:3])])


def test_scores_of_the_caller_are_not_modified(make: Any, model: Any, one: Any, constraints: Any) -> None:
    output = model.generate(
        **one, max_new_tokens=9, logits_processor=[make(constraints["date"])], output_logits=True,
        return_dict_in_generate=True,
    )  # fmt: skip
    assert all(torch.isfinite(logits).all() for logits in output.logits)


# --- assisted decoding


def test_assisted_decoding(
    make: Any, model: Any, one: Any, constraints: Any, models_by_seed: Callable[[int], Any]
) -> None:
    for assistant in (models_by_seed(5), model):
        for options in ({}, {"do_sample": True}):
            for name in ("list", "number", "until"):
                torch.manual_seed(0)
                processor = make(constraints[name], max_new_tokens=16, prompt=one)
                output = model.generate(
                    **one, max_new_tokens=16, logits_processor=[processor], assistant_model=assistant, **options
                )
                [text] = processor.texts(output)
                assert constraints[name].fullmatch(text)
                if not options:
                    plain = make(constraints[name], max_new_tokens=16)
                    assert plain.texts(model.generate(**one, max_new_tokens=16, logits_processor=[plain])) == [text]


def test_prompt_lookup(make: Any, model: Any, tokenizer: Any, constraints: Any) -> None:
    for prompt in ("red, green, red, green, [red, green", "2026-01-31 2026-01-31 2026"):
        inputs = tokenizer(prompt, return_tensors="pt")
        for name in ("list", "date", "number", "until"):
            for how in (inputs, inputs["input_ids"].shape[1]):
                processor = make(constraints[name], max_new_tokens=14, prompt=how)
                output = model.generate(
                    **inputs, max_new_tokens=14, logits_processor=[processor], prompt_lookup_num_tokens=5
                )
                [text] = processor.texts(output)
                plain = make(constraints[name], max_new_tokens=14)
                assert plain.texts(model.generate(**inputs, max_new_tokens=14, logits_processor=[plain])) == [text]


def test_assisted_decoding_without_prompt_is_right_or_refused(
    make: Any, model: Any, tokenizer: Any, one: Any, constraints: Any, models_by_seed: Callable[[int], Any]
) -> None:
    refused = 0
    for options in ({"assistant_model": models_by_seed(5)}, {"prompt_lookup_num_tokens": 4}):
        for name in ("list", "number", "until", "date"):
            for seed in range(3):
                torch.manual_seed(seed)
                processor = make(constraints[name], max_new_tokens=16)
                try:
                    output = model.generate(
                        **one, max_new_tokens=16, logits_processor=[processor], do_sample=True, **options
                    )
                except ArgumentError as error:
                    refused += "for_prompt" in str(error)
                else:
                    assert constraints[name].fullmatch(processor.texts(output)[0])
    assert refused


@pytest.mark.parametrize("options", [{}, {"do_sample": True}], ids=["greedy", "sampling"])
def test_assistant_with_another_tokenizer(
    options: dict[str, Any], make: Any, model: Any, tokenizer: Any, one: Any, constraints: Any
) -> None:
    other = train(330, ["[red, green] 2026 12 and other words, capital letters, of quite another corpus"] * 3)
    assistant = llama(3, vocab_size=len(other))
    arguments = {"assistant_model": assistant, "tokenizer": tokenizer, "assistant_tokenizer": other, **options}
    for name in ("list", "number", "until"):
        torch.manual_seed(0)
        processor = make(constraints[name], max_new_tokens=12, prompt=one, foreign_assistant=True)
        output = model.generate(**one, max_new_tokens=12, logits_processor=[processor], **arguments)
        assert constraints[name].fullmatch(processor.texts(output)[0])
    if not options:
        with pytest.raises((ModelError, ArgumentError), match="foreign_assistant=True"):
            model.generate(
                **one, max_new_tokens=12, logits_processor=[make(constraints["list"], prompt=one)], **arguments
            )


# --- reuse


def test_one_processor_for_many_calls(make: Any, model: Any, tokenizer: Any, constraints: Any) -> None:
    """Other prompts, other batch sizes, longer and shorter, and prompts that grow by what was written."""
    constraint = constraints["list"]
    processor = make(constraint, max_new_tokens=12)
    grown = "x"
    for prompts in (["x"], PROMPTS, ["x"], ["The"], PROMPTS[:2], ["The capital of"], ["x", "x", "x"]):
        inputs = tokenizer(prompts, return_tensors="pt", padding=True, padding_side="left")
        output = model.generate(**inputs, max_new_tokens=12, logits_processor=[processor])
        assert all(constraint.fullmatch(t) for t in processor.texts(output))
    for _ in range(4):
        inputs = tokenizer(grown, return_tensors="pt")
        [text] = processor.texts(model.generate(**inputs, max_new_tokens=12, logits_processor=[processor]))
        assert constraint.fullmatch(text)
        grown += text + "\nand more: "


def test_output_passed_in_again_is_never_taken_wrongly(make: Any, model: Any, one: Any, constraints: Any) -> None:
    for name in ("date", "list", "choices", "number"):
        processor = make(constraints[name], max_new_tokens=12)
        output = model.generate(**one, max_new_tokens=12, logits_processor=[processor])
        start = one["input_ids"].shape[1]
        for end in range(start + 1, output.shape[1] + 1):
            ids = output[:, :end]
            try:
                again = model.generate(
                    input_ids=ids, attention_mask=torch.ones_like(ids), max_new_tokens=12, logits_processor=[processor]
                )
            except ArgumentError:
                pass
            else:  # the whole, which had been cut, was continued
                assert end == output.shape[1]
                assert int(ids[0, -1]) not in (2, 3)
                assert processor.texts(again)
            exact = processor.for_prompt(ids)
            again = model.generate(
                input_ids=ids, attention_mask=torch.ones_like(ids), max_new_tokens=12, logits_processor=[exact]
            )
            assert constraints[name].fullmatch(exact.texts(again)[0])


def test_for_prompt_refuses_other_prompts(make: Any, model: Any, tokenizer: Any, one: Any, constraints: Any) -> None:
    processor = make(constraints["number"]).for_prompt(tokenizer("another prompt", return_tensors="pt"))
    with pytest.raises(ArgumentError, match="other input_ids than the prompt="):
        model.generate(**one, max_new_tokens=4, logits_processor=[processor])


def test_pipeline_over_independent_prompts(make: Any, model: Any, tokenizer: Any, constraints: Any) -> None:
    pipe = transformers.pipeline("text-generation", model=model, tokenizer=tokenizer)
    processor = make(constraints["list"], max_new_tokens=12)
    for batch_size in (1, 2):
        outputs = pipe(
            PROMPTS, max_new_tokens=12, logits_processor=[processor], return_full_text=False, batch_size=batch_size
        )
        texts = [output[0]["generated_text"] for output in outputs]
        assert all(constraints["list"].fullmatch(t) for t in texts)


def test_threads_share_a_processor(make: Any, model: Any, tokenizer: Any, constraints: Any) -> None:
    processor = make(constraints["list"], max_new_tokens=12)
    found: list[str] = []

    def work(prompt: str) -> None:
        inputs = tokenizer(prompt, return_tensors="pt")
        for _ in range(3):
            found.extend(processor.texts(model.generate(**inputs, max_new_tokens=12, logits_processor=[processor])))

    threads = [threading.Thread(target=work, args=(p,)) for p in PROMPTS]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 12
    assert all(constraints["list"].fullmatch(t) for t in found)


def test_without_a_model_width_and_eos_come_from_the_scores_and_the_tokenizer(
    model: Any, tokenizer: Any, inputs: Any, constraints: Any
) -> None:
    processor = relark.LogitsProcessor(constraints["date"], tokenizer=tokenizer)
    output = model.generate(**inputs, max_new_tokens=18, logits_processor=[processor])
    assert all(constraints["date"].fullmatch(t) for t in processor.texts(output))
    vocabulary = relark.Vocabulary.from_tokenizer(tokenizer, 416)
    processor = relark.LogitsProcessor(constraints["date"], tokenizer=vocabulary)
    assert processor.texts(model.generate(**inputs, max_new_tokens=18, logits_processor=[processor]))


def test_eos_ids_given_to_generate(model: Any, tokenizer: Any, one: Any, constraints: Any) -> None:
    newline = tokenizer("\n")["input_ids"][0]
    processor = relark.LogitsProcessor(constraints["number"], tokenizer=tokenizer, model=model, eos_token_id=newline)
    output = model.generate(**one, max_new_tokens=30, logits_processor=[processor], eos_token_id=newline)
    assert constraints["number"].fullmatch(processor.texts(output)[0])


def test_encoder_decoder_models(tokenizer: Any, constraints: Any) -> None:
    torch.manual_seed(0)
    config = transformers.T5Config(
        vocab_size=416, d_model=32, d_kv=8, d_ff=48, num_layers=2, num_heads=4, eos_token_id=2, pad_token_id=0,
        decoder_start_token_id=0,
    )  # fmt: skip
    model: Any = transformers.T5ForConditionalGeneration(config).eval()
    inputs = tokenizer(PROMPTS, return_tensors="pt", padding=True)
    for options in ({}, {"num_beams": 3}):
        processor = relark.LogitsProcessor(constraints["date"], tokenizer=tokenizer, model=model, max_new_tokens=14)
        output = model.generate(
            input_ids=inputs["input_ids"], attention_mask=inputs["attention_mask"], max_new_tokens=14,
            logits_processor=[processor], **options,
        )  # fmt: skip
        assert all(constraints["date"].fullmatch(t) for t in processor.texts(output))


# --- budgets


def test_budget(make: Any, model: Any, one: Any, constraints: Any) -> None:
    least = constraints["date"].matcher(make(constraints["date"])._vocabulary).min_tokens()
    for budget in range(least, least + 4):
        processor = make(constraints["date"], max_new_tokens=budget)
        output = model.generate(**one, max_new_tokens=budget, logits_processor=[processor], do_sample=True, top_k=0)
        assert constraints["date"].fullmatch(processor.texts(output)[0])
    with pytest.raises(BudgetError) as caught:
        model.generate(**one, max_new_tokens=3, logits_processor=[make(constraints["date"], max_new_tokens=3)])
    assert caught.value.needed == least


def test_text_that_was_cut_is_reported(make: Any, model: Any, one: Any, constraints: Any) -> None:
    processor = make(constraints["date"])
    output = model.generate(**one, max_new_tokens=3, logits_processor=[processor])
    with pytest.raises(BudgetError, match="row 1 of the output was cut"):
        processor.texts(output)


def test_other_budget_than_generate(make: Any, model: Any, one: Any, constraints: Any) -> None:
    processor = make(constraints["number"], max_new_tokens=4)
    with pytest.raises(ArgumentError, match="max_new_tokens"):
        model.generate(**one, max_new_tokens=9, logits_processor=[Ban([2, 3]), processor])
    with pytest.raises(ArgumentError, match="max_new_tokens"):
        make(constraints["number"], max_new_tokens=4).check(max_new_tokens=5)


# --- what breaks constraints


class Ban(transformers.LogitsProcessor):
    def __init__(self, tokens: Any) -> None:
        self.tokens = tokens

    def __call__(self, input_ids: Any, scores: Any) -> Any:
        scores = scores.clone()
        scores[:, self.tokens] = -torch.inf
        return scores


class Force(transformers.LogitsProcessor):
    def __init__(self, token: int, at: int) -> None:
        self.token, self.at = token, at

    def __call__(self, input_ids: Any, scores: Any) -> Any:
        if input_ids.shape[1] == self.at:
            scores = torch.full_like(scores, -torch.inf)
            scores[:, self.token] = 0.0
        return scores


@pytest.mark.parametrize(
    "options",
    [
        {"no_repeat_ngram_size": 1},
        {"min_new_tokens": 12},
        {"min_length": 20},
        {"forced_eos_token_id": 2, "max_new_tokens": 2},
        {"suppress_tokens": list(range(4, 416))},
        {"begin_suppress_tokens": list(range(4, 416))},
        {"bad_words_ids": [[i] for i in range(4, 416)]},
        {"prefix_allowed_tokens_fn": lambda batch, ids: [1]},
        {"forced_bos_token_id": 1, "input_ids": torch.tensor([[5]]), "attention_mask": torch.tensor([[1]])},
    ],
    ids=lambda o: next(iter(o)),
)
@pytest.mark.parametrize("mode", [{}, {"do_sample": True}, {"num_beams": 3}], ids=["greedy", "sampling", "beams"])
def test_banning_every_allowed_token_is_an_error(
    options: dict[str, Any], mode: dict[str, Any], make: Any, model: Any, one: Any
) -> None:
    processor = make(relark.choices(["aaaaaaaa", "aaaaaaab"]))
    with pytest.raises(DeadEndError, match="banned by something else"):
        model.generate(**{**one, "max_new_tokens": 20, "logits_processor": [processor], **mode, **options})
    with pytest.raises(ArgumentError, match=next(iter(options))):
        processor.check(**options)


@pytest.mark.parametrize(
    "options",
    [{"no_repeat_ngram_size": 2}, {"min_new_tokens": 5}, {"suppress_tokens": [40, 41]}, {"bad_words_ids": [[300]]}],
    ids=lambda o: next(iter(o)),
)
@pytest.mark.parametrize("mode", [{}, {"do_sample": True}, {"num_beams": 3}], ids=["greedy", "sampling", "beams"])
def test_bans_that_leave_something_keep_the_constraint(
    options: dict[str, Any], mode: dict[str, Any], make: Any, model: Any, inputs: Any
) -> None:
    constraint = relark.text(until=".")
    processor = make(constraint, max_new_tokens=12)
    torch.manual_seed(0)
    output = model.generate(**inputs, max_new_tokens=12, logits_processor=[processor], **mode, **options)
    assert all(constraint.fullmatch(t) for t in processor.texts(output))


def test_forced_eos_where_the_text_is_complete(make: Any, model: Any, one: Any, constraints: Any) -> None:
    processor = make(constraints["number"], max_new_tokens=6)
    output = model.generate(**one, max_new_tokens=6, logits_processor=[processor], forced_eos_token_id=2)
    assert constraints["number"].fullmatch(processor.texts(output)[0])


@pytest.mark.parametrize("mode", [{}, {"do_sample": True}], ids=["greedy", "sampling"])
def test_a_processor_behind_that_forces_a_token_is_found_out(
    mode: dict[str, Any], make: Any, model: Any, tokenizer: Any, one: Any, constraints: Any
) -> None:
    wrong = tokenizer("x")["input_ids"][0]
    start = one["input_ids"].shape[1]
    processor = make(constraints["date"], max_new_tokens=10)
    with pytest.raises(TokenNotAllowed, match="put it before"):
        model.generate(**one, max_new_tokens=10, logits_processor=[processor, Force(wrong, start + 2)], **mode)
    processor = make(constraints["number"], max_new_tokens=4)  # the very last token: nobody is called after it
    output = model.generate(
        **one, max_new_tokens=4, logits_processor=[Ban([2, 3]), processor, Force(wrong, start + 3)], **mode
    )
    with pytest.raises(TokenNotAllowed, match="row 1 of the output"):
        processor.texts(output)
    with pytest.raises(DeadEndError):  # before ours: no allowed token is left
        model.generate(**one, max_new_tokens=4, logits_processor=[Force(wrong, start), make(constraints["number"])])


def test_more_beams_than_texts(make: Any, model: Any, inputs: Any) -> None:
    constraint = relark.choices(["a", "no"])
    for count in (1, 2, 6):
        processor = make(constraint, max_new_tokens=6)
        output = model.generate(
            **inputs, max_new_tokens=6, logits_processor=[processor], num_beams=6, num_return_sequences=count
        )
        try:
            texts = processor.texts(output)
        except BudgetError:
            assert count == 6
        else:
            assert all(constraint.fullmatch(t) for t in texts)
            assert count > 2 or len(texts) == 4 * count
            assert_nothing_follows_eos(output, inputs)


def test_beam_sampling_with_few_texts_is_right_or_an_error(make: Any, model: Any, inputs: Any) -> None:
    constraint = relark.choices(["a", "no"])
    processor = make(constraint, max_new_tokens=6)
    try:
        output = model.generate(
            **inputs, max_new_tokens=6, logits_processor=[processor], num_beams=4, do_sample=True, top_k=0
        )
        assert all(constraint.fullmatch(t) for t in processor.texts(output))
    except (RuntimeError, relark.RelarkError):
        pass


def test_stop_strings_are_reported(make: Any, model: Any, tokenizer: Any, one: Any) -> None:
    processor = make(relark.choices(["abc"]))
    for option in ({"stop_strings": ["b"]}, {"max_time": 3.0}, {"stopping_criteria": [print]}):
        with pytest.raises(ArgumentError, match=next(iter(option))):
            processor.check(**option)
    output = model.generate(
        **one, max_new_tokens=9, logits_processor=[processor], stop_strings=["a"], tokenizer=tokenizer
    )
    with pytest.raises((BudgetError, TokenNotAllowed)):
        processor.texts(output)


def test_a_dropped_processor_is_reported(make: Any, model: Any, one: Any, constraints: Any) -> None:
    processor = make(constraints["number"])
    with pytest.raises(ArgumentError, match="never called"):
        processor.texts(model.generate(**one, max_new_tokens=4))
    with pytest.raises(ArgumentError, match="continuous batching"):
        processor.check(cache_implementation="paged")
    assert processor.supports_continuous_batching is False


def test_check_reads_the_models_own_config(tokenizer: Any, constraints: Any) -> None:
    model = llama(0)
    relark.LogitsProcessor(constraints["number"], tokenizer=tokenizer, model=model).check()
    model.generation_config.no_repeat_ngram_size = 3
    processor = relark.LogitsProcessor(constraints["number"], tokenizer=tokenizer, model=model)
    with pytest.raises(ArgumentError, match="no_repeat_ngram_size=3"):
        processor.check()
    processor.check(no_repeat_ngram_size=0)
    with pytest.raises(ArgumentError, match="suppress_tokens"):
        processor.check(transformers.GenerationConfig(suppress_tokens=[5]))
    relark.LogitsProcessor(constraints["number"], tokenizer=tokenizer).check(cache_implementation="static")


def test_scores_that_are_not_numbers(make: Any, constraints: Any) -> None:
    with pytest.raises(ModelError, match="NaN"):
        make(constraints["number"])(torch.tensor([[5]]), torch.full((1, 416), torch.nan))


def test_scores_of_another_width(make: Any, constraints: Any) -> None:
    with pytest.raises(ModelError, match="scores for 300 tokens, but the vocabulary has 416"):
        make(constraints["number"])(torch.tensor([[5]]), torch.zeros(1, 300))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"constraint": r"\d+"}, "relark.regex"),
        ({"constraint": []}, "empty"),
        ({"constraint": None}, "expected a relark constraint"),
        ({"max_new_tokens": 0}, "max_new_tokens=0"),
        ({"prompt": -1}, "columns"),
        ({"foreign_assistant": True}, "needs prompt="),
    ],
)
def test_arguments(arguments: dict[str, Any], message: str, tokenizer: Any) -> None:
    given = {"constraint": relark.text(), "tokenizer": tokenizer, **arguments}
    with pytest.raises(ArgumentError, match=message):
        relark.LogitsProcessor(given.pop("constraint"), **given)
