"""The decoding loop: complete texts at every budget, batches equal to single rows, one pass per step, dead ends,
errors.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest
import regex
import torch
from decoding_doubles import ScriptedModel, SlowConstraint, llama
from hypothesis import given, settings
from hypothesis import strategies as st

import relark
from relark.decoding import loop
from relark.decoding.loop import Request, decode, starts
from relark.decoding.sampling import Sampling
from relark.errors import ArgumentError, BudgetError, DeadEndError, ModelError

NAMES = ["choices", "number", "date", "list", "unicode", "until", "exclude"]
PROMPTS = ["The capital", "x", "The capital of France is Paris. The capital of Italy is", "12 345 6"]
SMALL = relark.Vocabulary.from_bytes([b"a", b"b", b"c", b"ab", b"bc", b"abc", b"ca", None], eos_ids=[7])


# --- complete, at every budget


@settings(max_examples=120, deadline=None)
@given(data=st.data())
def test_text_is_complete_at_every_budget(
    data: st.DataObject,
    models_by_seed: Callable[[int], Any],
    tokenizer: Any,
    constraints: dict[str, relark.Constraint],
) -> None:
    model = models_by_seed(data.draw(st.integers(0, 7)))
    generator = relark.Generator(model, tokenizer)
    constraint = constraints[data.draw(st.sampled_from(NAMES))]
    least = constraint.matcher(generator.vocabulary).min_tokens()
    budget = least + data.draw(st.integers(0, 12))
    temperature = data.draw(st.sampled_from([None, 0.7, 5.0]))
    result = generator.run(
        data.draw(st.sampled_from(PROMPTS)),
        constraint=constraint,
        max_new_tokens=max(1, budget),
        temperature=temperature,
        top_p=data.draw(st.sampled_from([None, 0.5])) if temperature else None,
        seed=data.draw(st.integers(0, 99)),
    )
    assert constraint.fullmatch(result.text)
    assert len(result.token_ids) == len(result.logprobs) <= max(1, budget)
    assert generator.vocabulary.decode(result.token_ids).decode() == result.text
    if least > 1:
        with pytest.raises(BudgetError) as caught:
            generator.run("x", constraint=constraint, max_new_tokens=least - 1)
        assert caught.value.needed == least


@settings(max_examples=60, deadline=None)
@given(
    pattern=st.sampled_from(["a+", "(?:ab|c){1,3}", "ab?c*", "(?:abc)+", "a(?:b|ca)*c", "[ab]{2}", "(a|b)\\1"]),
    budget=st.integers(1, 4),
    script=st.lists(st.integers(0, 7), min_size=5, max_size=5),
)
def test_loop_follows_a_slow_matcher(pattern: str, budget: int, script: list[int]) -> None:
    """The text is what picking the script's best allowed token at each step gives, worked out here without the
    loop.
    """
    constraint: Any = SlowConstraint(regex.compile(pattern))
    model = ScriptedModel(script, SMALL.size, prompt_length=1)
    request = Request(0, (0,), constraint, budget)
    try:
        matchers = starts([request], SMALL)
    except BudgetError:
        return
    [result] = decode(model, SMALL, [request], matchers, sampling=Sampling())
    expected: list[int] = []
    matcher = constraint.matcher(SMALL)
    while len(expected) < budget and not matcher.is_finished:
        allowed = matcher._allowed(budget - len(expected)) | ({7} if matcher.is_accepting else set())
        scores = model.logits(len(expected))
        best = max(sorted(allowed), key=lambda t: float(scores[t]))
        if best == 7:
            break
        expected.append(best)
        matcher.advance(best)
    assert list(result.token_ids) == expected
    assert constraint.fullmatch(result.data.decode())


def test_budget_error_names_what_is_needed(generator: relark.Generator) -> None:
    with pytest.raises(BudgetError, match=r"max_new_tokens=\d+ or more"):
        generator.run("x", constraint=relark.choices(["a much longer text than that"]), max_new_tokens=2)


def test_budgets_are_checked_before_anything_is_generated(tokenizer: Any) -> None:
    model = ScriptedModel([5], 416, 1)
    with pytest.raises(BudgetError):
        relark.generate(
            ["x"] * 40,
            constraint=[None] * 39 + [relark.choices(["never fits in here"])],
            model=model,
            tokenizer=tokenizer,
            max_new_tokens=2,
        )
    assert model.passes == []


# --- steps


def test_one_forward_pass_per_token_and_none_after_the_last() -> None:
    constraint = relark.choices(["abcabc"])
    model = ScriptedModel([5, 5], SMALL.size, prompt_length=3)
    request = Request(0, (0, 1, 2), constraint, 9)
    [result] = decode(model, SMALL, [request], starts([request], SMALL), sampling=Sampling())
    assert (result.data, result.token_ids, result.finish_reason) == (b"abcabc", (5, 5), "stop")
    assert model.passes == [(1, 3), (1, 1)]


def test_masks_are_filled_between_the_start_of_a_pass_and_the_first_look_at_its_logits(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """On an accelerator a pass has only been started when the model returns: masks cost nothing while it runs."""
    happened: list[str] = []

    class Watched(ScriptedModel):
        def forward(
            self, input_ids: torch.Tensor, position_ids: torch.Tensor, past_key_values: Any = None, _: Any = None
        ) -> Any:
            outputs = super().forward(input_ids, position_ids, past_key_values)
            happened.append("pass")
            return outputs

    def noting(owner: Any, name: str) -> None:
        do = getattr(owner, name)
        monkeypatch.setattr(owner, name, lambda *given: (happened.append(name), do(*given))[1])

    model = Watched([5, 5], SMALL.size, 3)
    request = Request(0, (0, 1, 2), relark.choices(["abcabc", "ca"]), 9)
    matchers = starts([request], SMALL)
    noting(loop, "fill_masks")
    noting(torch.Tensor, "tolist")
    decode(model, SMALL, [request], matchers, sampling=Sampling())
    passes = [i for i, name in enumerate(happened) if name == "pass"]
    assert len(passes) == 2
    for i in passes:
        assert happened[i + 1 : i + 3] == ["fill_masks", "tolist"]


def test_finished_rows_leave_the_batch() -> None:
    texts = ["a", "abc" * 2, "abc" * 4]
    requests = [Request(i, (0,), relark.choices([t]), 20) for i, t in enumerate(texts)]
    model = ScriptedModel([5] * 9, SMALL.size, prompt_length=1)
    results = decode(model, SMALL, requests, starts(requests, SMALL), sampling=Sampling())
    assert [r.data.decode() for r in results] == texts
    assert model.passes == [(3, 1), (2, 1), (1, 1), (1, 1)]


def test_every_eos_id_ends_a_text_where_it_is_complete(tokenizer: Any) -> None:
    for eos in (2, 3):
        model = ScriptedModel([eos, eos], 416, prompt_length=1, eos_token_id=[2, 3])
        result = relark.Generator(model, tokenizer).run("x", constraint=relark.choices(["a"]).repeat(1))
        assert (result.text, result.finish_reason) == ("a", "stop")
        free = relark.Generator(model, tokenizer).run("x")
        assert (free.text, free.token_ids) == ("", ())


def test_tokenizer_eos_ends_a_text_too_where_the_generation_config_names_another(tokenizer: Any) -> None:
    model = ScriptedModel([2], 416, prompt_length=1, eos_token_id=3)
    assert relark.generate("x", model=model, tokenizer=tokenizer) == ""


def test_ending_first_stops_at_the_first_match_and_longest_goes_on() -> None:
    constraint = relark.choices(["a"]).repeat(0)
    for ending, expected in (("first", b"a"), ("longest", b"aaaa"), ("eos", b"")):
        model = ScriptedModel([7, 0, 7, 7, 7], SMALL.size, prompt_length=1)
        request = Request(0, (0,), constraint, 4)
        [result] = decode(
            model,
            SMALL,
            [request],
            starts([request], SMALL),
            sampling=Sampling(),
            ending=ending,  # type: ignore[arg-type]
        )
        assert result.data == expected, ending


def test_free_text_ends_at_the_budget_and_may_end_inside_a_character(tokenizer: Any) -> None:
    first = next(i for i, b in enumerate(relark.Vocabulary.from_tokenizer(tokenizer).token_bytes) if b == b"\xf0")
    model = ScriptedModel([first] * 3, 416, prompt_length=1)
    result = relark.Generator(model, tokenizer).run("x", max_new_tokens=2)
    assert (result.finish_reason, result.token_ids, result.text) == ("length", (first, first), "\ufffd\ufffd")


# --- batches


@pytest.mark.parametrize("seed", range(4))
def test_a_batch_gives_what_its_rows_give_alone(
    seed: int, models_by_seed: Callable[[int], Any], tokenizer: Any, constraints: dict[str, relark.Constraint]
) -> None:
    generator = relark.Generator(models_by_seed(seed), tokenizer)
    prompts = [PROMPTS[i % len(PROMPTS)] for i in range(8)]
    chosen: list[relark.Constraint | None] = [constraints[n] for n in NAMES] + [None]
    for options in ({}, {"temperature": 1.3, "top_k": 40, "seed": 5}):
        together = generator.run(prompts, constraint=chosen, max_new_tokens=24, **options)  # type: ignore[call-overload]
        alone = [
            relark.Generator(generator.model, generator.tokenizer, batch_size=1).run(
                prompts,
                constraint=chosen,
                max_new_tokens=24,
                **options,  # type: ignore[call-overload]
            )
        ][0]
        assert [r.text for r in together] == [r.text for r in alone]
        for one, other in zip(together, alone, strict=True):
            assert one.logprobs == pytest.approx(other.logprobs, abs=1e-3)
            assert one.finish_reason == other.finish_reason


def test_batch_size_does_not_change_sampled_texts(generator: relark.Generator, tokenizer: Any) -> None:
    texts = []
    for size in (1, 3, 16):
        other = relark.Generator(generator.model, tokenizer, batch_size=size)
        texts.append([r.text for r in other.run(["x"] * 7, max_new_tokens=6, temperature=1.0, seed=3)])
    assert texts[0] == texts[1] == texts[2]
    assert len(set(texts[0])) > 1  # rows with the same prompt get draws of their own


def test_free_greedy_text_is_that_of_transformers(generator: relark.Generator) -> None:
    model, tokenizer = generator.model, generator.tokenizer
    for prompt in PROMPTS:
        inputs = tokenizer(prompt, return_tensors="pt")
        output = model.generate(**inputs, max_new_tokens=20, do_sample=False)[
            0, inputs["input_ids"].shape[1] :
        ].tolist()
        expected = output[: next((i for i, t in enumerate(output) if t in (2, 3)), len(output))]
        assert list(generator.run(prompt, max_new_tokens=20).token_ids) == expected


def test_logprobs_are_the_models_own(generator: relark.Generator, constraints: dict[str, relark.Constraint]) -> None:
    result = generator.run(PROMPTS[0], constraint=constraints["date"], temperature=2.0, seed=1)
    prompt = generator.tokenizer(PROMPTS[0])["input_ids"]
    with torch.no_grad():
        logits = generator.model(torch.tensor([prompt + list(result.token_ids)])).logits[0]
    expected = [float(logits[len(prompt) - 1 + i].log_softmax(-1)[token]) for i, token in enumerate(result.token_ids)]
    assert result.logprobs == pytest.approx(expected, abs=1e-3)


def test_seeds_repeat_and_differ(generator: relark.Generator) -> None:
    def text(**options: Any) -> str:
        return str(generator.run("x", max_new_tokens=12, temperature=1.0, **options))

    assert text(seed=1) == text(seed=1)
    assert len({text(seed=s) for s in range(5)}) > 1
    torch.manual_seed(7)
    first = text()
    torch.manual_seed(7)
    assert text() == first


def test_top_k_one_is_greedy_and_temperature_zero_is_greedy(
    generator: relark.Generator, constraints: dict[str, relark.Constraint]
) -> None:
    greedy = generator.run("x", constraint=constraints["until"], max_new_tokens=15).text
    for options in (
        {"top_k": 1},
        {"temperature": 0},
        {"temperature": 3.0, "top_p": 1e-6},
        {"temperature": 0, "top_p": 0.9},
    ):
        found = generator.run("x", constraint=constraints["until"], max_new_tokens=15, **options)  # type: ignore[call-overload]
        assert found.text == greedy


# --- other architectures


def _architectures() -> dict[str, Callable[[], Any]]:
    from transformers import (
        BloomConfig,
        BloomForCausalLM,
        Gemma3ForCausalLM,
        Gemma3TextConfig,
        GPT2Config,
        GPT2LMHeadModel,
        MambaConfig,
        MambaForCausalLM,
        MistralConfig,
        MistralForCausalLM,
        OPTConfig,
        OPTForCausalLM,
    )

    size = {"vocab_size": 416, "bos_token_id": 1, "eos_token_id": 2, "pad_token_id": 0, "initializer_range": 0.3}
    width = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4}
    return {
        "gpt2": lambda: GPT2LMHeadModel(GPT2Config(n_embd=32, n_layer=2, n_head=4, n_positions=128, **size)),
        "opt": lambda: OPTForCausalLM(
            OPTConfig(**width, ffn_dim=48, word_embed_proj_dim=32, max_position_embeddings=128, init_std=0.3, **size)
        ),
        "bloom": lambda: BloomForCausalLM(BloomConfig(hidden_size=32, n_layer=2, n_head=4, **size)),
        "mistral, sliding window": lambda: MistralForCausalLM(
            MistralConfig(**width, num_key_value_heads=2, intermediate_size=48, sliding_window=8, **size)
        ),
        "gemma3, mixed windows": lambda: Gemma3ForCausalLM(
            Gemma3TextConfig(
                **width, num_key_value_heads=2, head_dim=8, intermediate_size=48, sliding_window=8,
                sliding_window_pattern=2, **size,
            )
        ),
        "mamba": lambda: MambaForCausalLM(MambaConfig(hidden_size=32, num_hidden_layers=2, state_size=4, **size)),
    }  # fmt: skip


@pytest.mark.parametrize("name", ["gpt2", "opt", "bloom", "mistral, sliding window", "gemma3, mixed windows", "mamba"])
def test_other_architectures(name: str, tokenizer: Any, constraints: dict[str, relark.Constraint]) -> None:
    torch.manual_seed(1)
    generator = relark.Generator(_architectures()[name]().eval(), tokenizer)
    prompts = PROMPTS[:3]
    together = generator.run(prompts, constraint=[constraints["list"], None, constraints["until"]], max_new_tokens=20)
    for i, (prompt, name_or_none) in enumerate(zip(prompts, ["list", None, "until"], strict=True)):
        constraint = None if name_or_none is None else constraints[name_or_none]
        alone = generator.run(prompt, constraint=constraint, max_new_tokens=20)
        assert together[i].text == alone.text
        assert constraint is None or constraint.fullmatch(alone.text)
    inputs = tokenizer(PROMPTS[2], return_tensors="pt")
    output = generator.model.generate(
        input_ids=inputs["input_ids"], attention_mask=inputs["attention_mask"], max_new_tokens=20, do_sample=False
    )
    expected = tokenizer.decode(output[0, inputs["input_ids"].shape[1] :], skip_special_tokens=True)
    assert generator.run(PROMPTS[2], max_new_tokens=20).text == expected


def test_a_model_without_a_cache_is_run_over_the_whole_text(generator: relark.Generator) -> None:
    model = generator.model

    class Forgetful(torch.nn.Module):
        config, generation_config, device = model.config, model.generation_config, model.device

        def __init__(self) -> None:
            super().__init__()
            self.inner = [model]  # not a submodule

        def get_output_embeddings(self) -> Any:
            return model.get_output_embeddings()

        def forward(
            self, input_ids: torch.Tensor, attention_mask: Any = None, position_ids: Any = None, **_: Any
        ) -> Any:
            return model(input_ids, attention_mask=attention_mask, position_ids=position_ids, use_cache=False)

    other = relark.Generator(Forgetful(), generator.tokenizer)
    prompts = PROMPTS[:3]
    assert [r.text for r in other.run(prompts, max_new_tokens=8)] == [
        r.text for r in generator.run(prompts, max_new_tokens=8)
    ]


# --- stop strings


def scripted(tokenizer: Any, text: str) -> relark.Generator:
    ids = tokenizer(text)["input_ids"]
    return relark.Generator(ScriptedModel([*ids, 2], 416, prompt_length=1, eos_token_id=2), tokenizer)


def test_stop_strings_cut_free_text_before_the_first_one(tokenizer: Any) -> None:
    generator = scripted(tokenizer, "yes, maybe. no, maybe.")
    result = generator.run("x", stop=["maybe", ". no", "zzz"])
    assert (result.text, result.finish_reason) == ("yes, ", "stop_string")
    assert generator.run("x", stop="q").text == "yes, maybe. no, maybe."
    assert generator.run("x", stop=".").text == "yes, maybe"  # literally, not as a pattern
    assert scripted(tokenizer, "café 日本 😀").run("x", stop="本").text == "café 日"


def test_stop_strings_cut_constrained_text_only_into_a_match(tokenizer: Any) -> None:
    generator = scripted(tokenizer, "red, green, blue")
    word = relark.choices(["red", "green", "blue"])
    listing = word + (", " + word).repeat(0)
    cut = generator.run("x", constraint=listing, stop=", g")
    assert (cut.text, cut.finish_reason) == ("red", "stop_string")
    # "re" is no match: the stop string is an ordinary part of the text
    kept = generator.run("x", constraint=listing, stop="d")
    assert (kept.text, kept.finish_reason) == ("red, green, blue", "stop")
    # the pattern's own end is a stop string, and what is before it is no match
    closing = scripted(tokenizer, "red.\nHuman:").run("x", constraint=word + ".\nHuman:", stop="Human:")
    assert (closing.text, closing.finish_reason) == ("red.\nHuman:", "stop")


# --- dead ends


class Optimist:
    """A matcher of ``ac[ab]`` whose masks also allow what leads to ``lure``, which nothing completes."""

    def __init__(self, lure: str) -> None:
        self.lure, self.tokens = lure, []

    def _text(self) -> str:
        return SMALL.decode(self.tokens).decode()

    def fill(self, row: Any, tokens_left: int | None = None) -> None:
        row[:] = 0
        for token, data in enumerate(SMALL.token_bytes):
            text = self._text() + (data or b"").decode()
            known = [p for p in ("ac[ab]", self.lure) if regex.fullmatch(p, text, partial=True)]
            if data and known and (len(text) < 4 or "ac[ab]" in known):
                row[0] |= 1 << token
        if self.is_accepting:
            row[0] |= 1 << 7

    @property
    def is_accepting(self) -> bool:
        return regex.fullmatch("ac[ab]", self._text()) is not None

    is_finished = is_accepting

    def advance(self, token: int) -> None:
        self.tokens.append(token)

    def rollback(self, n: int = 1) -> None:
        del self.tokens[-n:]


@pytest.mark.parametrize("lure", ["ab", "abb", "abbc", "b+"])
def test_dead_ends_are_backed_out_of(lure: str, models_by_seed: Callable[[int], Any]) -> None:
    scripted: Any = ScriptedModel([0, 1, 1, 1, 2], SMALL.size, prompt_length=1)  # wants what the lure offers
    for model in (scripted, *(llama(seed, vocab_size=SMALL.size) for seed in range(3))):
        requests = [Request(0, (0,), relark.text(), 8), Request(1, (0, 5), None, 3)]
        [found, free] = decode(model, SMALL, requests, [Optimist(lure), None], sampling=Sampling())  # type: ignore[list-item]
        assert found.data in (b"aca", b"acb")
        alone = decode(model, SMALL, requests[1:], [None], sampling=Sampling())[0]
        assert free.token_ids == alone.token_ids
        if model is not scripted:  # what the model has read is the text as it stands, without the steps taken back
            with torch.no_grad():
                logits = model(torch.tensor([[0, *found.token_ids]])).logits[0].log_softmax(-1)
            expected = [float(logits[i][token]) for i, token in enumerate(found.token_ids)]
            assert found.logprobs == pytest.approx(expected, abs=1e-4)


def test_a_dead_end_that_cannot_be_backed_out_of_is_an_error() -> None:
    class Hopeless:
        is_accepting = is_finished = False

        def fill(self, row: Any, tokens_left: int | None = None) -> None:
            row[:] = 0

    request = Request(0, (0,), relark.text(), 8)
    with pytest.raises(DeadEndError, match="text 1"):
        decode(ScriptedModel([0], SMALL.size, 1), SMALL, [request], [Hopeless()], sampling=Sampling())  # type: ignore[list-item]


def test_a_model_that_rules_a_token_out_is_led_around_it() -> None:
    """Logits of -inf on every allowed token are a dead end like an empty mask."""
    model = ScriptedModel([0, 1], SMALL.size, prompt_length=1)
    give = model.logits

    def logits(position: int) -> torch.Tensor:
        scores = give(position)
        if position == 1:
            scores[[1, 4]] = -torch.inf  # nothing that starts with b after the first token
        return scores

    model.logits = logits  # type: ignore[method-assign]
    request = Request(0, (0,), relark.choices(["ab", "ca"]), 8)
    [result] = decode(model, SMALL, [request], starts([request], SMALL), sampling=Sampling())
    assert result.token_ids in ((3,), (6,), (2, 0))


# --- refusals


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_logits_that_are_not_numbers(value: float, tokenizer: Any) -> None:
    model = ScriptedModel([5], 416, 1)
    model.logits = lambda position: torch.full((416,), value)  # type: ignore[method-assign]
    with pytest.raises(ModelError, match="NaN or infinite"):
        relark.generate("x", choices=["a", "b"], model=model, tokenizer=tokenizer)


def test_logits_of_another_width_than_the_vocabulary(tokenizer: Any) -> None:
    model = ScriptedModel([5], 416, 1)
    model.config.vocab_size = 420
    with pytest.raises(ModelError, match="416 logits"):
        relark.generate("x", choices=["a", "b"], model=model, tokenizer=tokenizer)


def test_context_that_is_too_short(generator: relark.Generator) -> None:
    long = "12 345 6789 " * 40
    length = len(generator.tokenizer(long)["input_ids"])
    assert 100 < length < 256
    with pytest.raises(ArgumentError, match=f"pass max_new_tokens={256 - length} or less"):
        generator.run(long, max_new_tokens=200)
    with pytest.raises(ArgumentError, match="shorten the prompt"):
        generator.run(long * 3)
    # a default budget shrinks to what the context still holds
    result = generator.run(long, constraint=relark.text(until="zz"), temperature=1.0, seed=0)
    assert len(result.token_ids) <= 256 - length
    assert result.text.endswith("zz")


# --- nothing is changed


def test_the_users_objects_and_settings_stay_as_they_are(
    model: Any, tokenizer: Any, constraints: dict[str, relark.Constraint]
) -> None:
    from transformers.utils import logging

    def snapshot() -> list[Any]:
        return [
            model.config.to_dict(),
            model.generation_config.to_dict(),
            model.training,
            tokenizer.padding_side,
            tokenizer.truncation_side,
            tokenizer.pad_token,
            tokenizer.backend_tokenizer.to_str(),
            torch.get_num_threads(),
            torch.is_grad_enabled(),
            torch.get_default_dtype(),
            torch.random.get_rng_state().tolist(),
            logging.get_verbosity(),
            logging.is_progress_bar_enabled(),
            [(n, p._version, p.requires_grad) for n, p in model.named_parameters()],
            sorted(vars(model)),
        ]

    before = snapshot()
    relark.generate(PROMPTS, constraint=constraints["list"], model=model, tokenizer=tokenizer, max_new_tokens=12)
    relark.generate("x", constraint=constraints["list"], model=model, tokenizer=tokenizer, temperature=1.0, seed=1)
    with pytest.raises(BudgetError):
        relark.generate("x", constraint=constraints["date"], model=model, tokenizer=tokenizer, max_new_tokens=1)
    assert snapshot() == before


def test_threads_share_a_model_and_a_constraint(
    generator: relark.Generator, constraints: dict[str, relark.Constraint]
) -> None:
    def texts(seed: int) -> list[str]:
        return [
            generator.run(p, constraint=constraints["list"], max_new_tokens=20, temperature=1.5, seed=seed).text
            for p in PROMPTS
        ]

    expected = [texts(seed) for seed in range(4)]
    found: dict[int, list[str]] = {}
    threads = [threading.Thread(target=lambda s=s: found.update({s: texts(s)})) for s in range(4)]  # type: ignore[misc]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [found[seed] for seed in range(4)] == expected
