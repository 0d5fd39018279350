"""Forced text: in the tokenizer's own tokens, never past what it leaves open; and the loop that appends it."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
import torch
from decoding_doubles import CORPUS, WIDTH, ScriptedModel, llama, train
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast

import relark
from relark.decoding import context, loop
from relark.decoding.forced import Speller
from relark.decoding.loop import Batch, Request, decode, starts
from relark.decoding.sampling import Sampling
from relark.errors import ArgumentError, BudgetError, DeadEndError, ModelError

ORDER = {
    "type": "object",
    "properties": {
        "name": {"enum": ["Alice", "Bob", "the red there"]},
        "age": {"type": "integer", "minimum": 0, "maximum": 999},
        "tags": {"type": "array", "items": {"type": "string", "maxLength": 4}, "maxItems": 2},
        "capital of Italy": {"const": "Rome 日本 €"},
        "is_blue": {"type": "boolean"},
    },
    "required": ["name", "age", "tags", "capital of Italy", "is_blue"],
    "additionalProperties": False,
}
FORCING = {
    "schema": relark.schema(ORDER),
    "compact": relark.schema(ORDER, whitespace="compact"),
    "date": relark.regex(r"The capital is (?:Paris|Rome), since 20\d\d-\d\d-01\."),
    "constant": relark.choices(["The capital of France is Paris. The capital of Italy is Rome."]),
    "unicode": relark.regex("(?:日本 😀|日本 😂){1,3} café"),
}


def unigram() -> Any:
    """Like SentencePiece: a space before the text, pieces by probability, bytes for what has no piece."""
    backend = Tokenizer(models.Unigram())
    backend.pre_tokenizer = pre_tokenizers.Metaspace()
    backend.decoder = decoders.Sequence(
        [
            decoders.Replace("▁", " "),
            decoders.ByteFallback(),
            decoders.Fuse(),
            decoders.Strip(content=" ", left=1),
        ]
    )
    spelled = [f"<0x{byte:02X}>" for byte in range(256)]
    trainer = trainers.UnigramTrainer(vocab_size=200, special_tokens=["<unk>", "</s>"], unk_token="<unk>")
    backend.train_from_iterator(CORPUS, trainer)
    pieces = json.loads(backend.to_str())["model"]["vocab"]
    pieces = [*pieces[:2], *([piece, -20.0] for piece in spelled), *pieces[2:]]
    backend.model = models.Unigram([tuple(p) for p in pieces], unk_id=0, byte_fallback=True)
    made: Any = PreTrainedTokenizerFast
    return made(tokenizer_object=backend, eos_token="</s>", unk_token="<unk>", clean_up_tokenization_spaces=False)


@pytest.fixture(scope="session")
def tokenizers(tokenizer: Any) -> dict[str, Any]:
    return {"bytes": train(260), "few merges": train(300), "BPE": tokenizer, "Unigram": unigram()}


@pytest.fixture(scope="session")
def in_bytes(model: Any, tokenizers: dict[str, Any]) -> relark.Generator:
    """A random model whose tokenizer has one token for each byte: there is one way to spell a text."""
    return relark.Generator(model, tokenizers["bytes"])


# --- which tokens

WORDS = ["a", " ", "  ", "the", " then", "there", '"', '": "', '", "', "12", "3.14", "name", "\n", "日", "é", "{", ","]


@settings(max_examples=200)
@given(data=st.data())
def test_forced_tokens_are_the_tokenizers_own_however_the_text_goes_on(
    data: st.DataObject, tokenizers: dict[str, Any]
) -> None:
    """A text of the constraint is tokenized as a whole; what is forced along it must be the next of these tokens."""
    tokenizer = tokenizers[data.draw(st.sampled_from(sorted(tokenizers)))]
    word = st.sampled_from(WORDS)
    pieces = data.draw(st.lists(st.lists(word, min_size=1, max_size=3, unique=True), min_size=1, max_size=8))
    constraint, text = relark.choices([""]), ""
    for piece in pieces:
        constraint, text = constraint + relark.choices(piece), text + data.draw(st.sampled_from(piece))
    prompt = data.draw(st.sampled_from(["x", "The capital is ", '{"a": ', "red\n"]))
    before = tokenizer(prompt)["input_ids"]
    ids = tokenizer(prompt + text)["input_ids"]
    if ids[: len(before)] != before:  # the text begins in the middle of a token
        return
    vocabulary = relark.Vocabulary.from_tokenizer(tokenizer)
    speller = Speller(tokenizer, vocabulary)
    matcher = constraint.matcher(vocabulary)
    written = list(before)
    for token in ids[len(before) :]:
        run = list(speller.tokens(matcher, written))
        assert run == ids[len(written) : len(written) + len(run)], (tokenizer.decode(written), run)
        matcher.advance(token)
        written.append(token)


def test_what_is_forced_and_what_is_left_open(tokenizer: Any) -> None:
    vocabulary = relark.Vocabulary.from_tokenizer(tokenizer)
    speller = Speller(tokenizer, vocabulary)

    def run(constraint: relark.Constraint, prompt: str = "x\n") -> str:
        return vocabulary.decode(
            speller.tokens(constraint.matcher(vocabulary), tokenizer(prompt)["input_ids"])
        ).decode()

    assert run(relark.choices(["The capital"])) == "The capital"  # the end of the text: nothing can follow
    assert run(relark.choices(["cat", "dog"])) == ""
    assert run(relark.regex('"name": [ab]')) == '"name": '  # no token of this vocabulary is " a" or " b"
    assert run(relark.regex('"name": \\d')) == '"name":'  # but one is " 3"
    assert run(relark.regex('"name": "[^"]*"')) == '"name":'  # and one is more than the quote
    assert run(relark.regex("(?:é|è)")) == ""  # the first byte alone, which is no text
    assert run(relark.regex("x?The capital")) == ""
    assert run(relark.text()) == ""


def test_tokenizers_that_write_another_text_force_nothing(tokenizers: dict[str, Any]) -> None:
    lower = PreTrainedTokenizerFast(tokenizer_object=Tokenizer.from_str(tokenizers["BPE"].backend_tokenizer.to_str()))  # type: ignore[no-untyped-call]
    vocabulary = relark.Vocabulary.from_tokenizer(tokenizers["BPE"])

    class Lowering:
        def __call__(self, text: str, **options: Any) -> Any:
            return lower(text.lower(), **options)

    matcher = relark.choices(["The capital"]).matcher(vocabulary)
    assert Speller(Lowering(), vocabulary).tokens(matcher, ()) == ()
    assert Speller(lower, vocabulary).tokens(matcher, ()) != ()


def test_long_texts_are_looked_at_piece_by_piece(tokenizer: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    text = "The capital of France is Paris. " * 40
    vocabulary = relark.Vocabulary.from_tokenizer(tokenizer)
    speller, matcher = Speller(tokenizer, vocabulary), relark.choices([text]).matcher(vocabulary)
    written: list[int] = []
    while not matcher.is_finished:
        run = speller.tokens(matcher, written)
        assert run
        for token in run:
            matcher.advance(token)
            written.append(token)
    assert written == tokenizer(text)["input_ids"]


# --- the loop


def own_logprobs(generator: relark.Generator, prompt: str, result: relark.Result) -> list[float]:
    """The log-probabilities of a text's tokens, from one pass over everything without a cache."""
    ids = generator.tokenizer(prompt)["input_ids"]
    with torch.no_grad():
        logits = generator.model(torch.tensor([[*ids, *result.token_ids]])).logits[0].log_softmax(-1)
    return [float(logits[len(ids) - 1 + i][token]) for i, token in enumerate(result.token_ids)]


PROMPTS = ["x", "The capital of", '{"name": "Bob"}\n', "12 345 6789 the red there"]


@settings(max_examples=25)
@given(data=st.data())
def test_where_a_text_has_one_spelling_nothing_changes(
    data: st.DataObject, models_by_seed: Callable[[int], Any], tokenizers: dict[str, Any]
) -> None:
    """The same tokens, log-probabilities and reasons; greedy and sampled, at every budget, with stop strings."""
    generator = relark.Generator(models_by_seed(data.draw(st.integers(0, 7))), tokenizers["bytes"], batch_size=3)
    names = data.draw(st.lists(st.sampled_from([*FORCING, "free"]), min_size=1, max_size=5))
    chosen = [FORCING.get(name) for name in names]
    least = max(
        (one.matcher(generator.vocabulary).min_tokens() for one in chosen if one is not None),
        default=1,
    )
    sampled = data.draw(st.booleans())
    options: dict[str, Any] = {
        "constraint": chosen,
        "max_new_tokens": least + data.draw(st.integers(0, 5)),
        "stop": data.draw(st.sampled_from([None, "e", [": ", "Rome"], "capital is Paris"])),
        "temperature": 1.5 if sampled else None,
        "top_k": 30 if sampled else None,
        "seed": data.draw(st.integers(0, 9)),
    }
    prompts = [PROMPTS[i % len(PROMPTS)] for i in range(len(names))]
    plain = generator.run(prompts, fast_forward=False, **options)
    for one, other in zip(generator.run(prompts, **options), plain, strict=True):
        assert (one.text, one.token_ids, one.finish_reason) == (other.text, other.token_ids, other.finish_reason)
        assert one.logprobs == pytest.approx(other.logprobs, abs=1e-3)


@pytest.mark.parametrize("name", FORCING)
def test_logprobs_are_the_models_own_and_passes_are_fewer(
    name: str, generator: relark.Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    passes = []
    forward = context.Context._forward
    monkeypatch.setattr(
        context.Context, "_forward", lambda self, *given: passes.append(given[0].shape) or forward(self, *given)
    )
    for prompt in PROMPTS[:2]:
        for options in ({}, {"temperature": 1.0, "seed": 4}):
            result = generator.run(prompt, constraint=FORCING[name], **options)  # type: ignore[call-overload]
            assert FORCING[name].fullmatch(result.text)
            assert generator.vocabulary.decode(result.token_ids).decode() == result.text
            assert result.logprobs == pytest.approx(own_logprobs(generator, prompt, result), abs=1e-3)
            assert len(passes) < len(result.token_ids)
            passes.clear()


def test_a_text_without_a_choice_takes_one_pass_or_none(
    generator: relark.Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    passes = []
    forward = context.Context._forward
    monkeypatch.setattr(
        context.Context, "_forward", lambda self, *given: passes.append(given[0].shape) or forward(self, *given)
    )
    text = "The capital of France is Paris."
    result = generator.run("x", choices=[text])
    assert result.text == text
    assert list(result.token_ids) == generator.tokenizer(text)["input_ids"]
    assert [tuple(shape) for shape in passes] == [(1, len(result.token_ids))]  # all but the last, after the prompt
    passes.clear()
    assert relark.generate("x", choices=[text], model=generator.model, tokenizer=generator.tokenizer) == text
    assert passes == []  # nobody sees log-probabilities
    pieces = relark.stream("x", choices=[text], model=generator.model, tokenizer=generator.tokenizer)
    assert next(pieces) == text
    assert passes == []
    assert list(pieces) == []
    assert len(passes) == 1


def test_off_means_token_by_token(tokenizer: Any) -> None:
    ids = [*tokenizer("The capital")["input_ids"], 2]
    assert len(ids) > 2
    single = [i for i, data in enumerate(relark.Vocabulary.from_tokenizer(tokenizer).token_bytes) if data == b"T"]
    model = ScriptedModel([single[0], *tokenizer("he capital")["input_ids"], 2], WIDTH, 1, eos_token_id=2)
    options: dict[str, Any] = {"choices": ["The capital"], "model": model, "tokenizer": tokenizer}
    found = relark.Generator(model, tokenizer).run("x", choices=["The capital"], fast_forward=False)
    assert found.token_ids[0] == single[0]
    assert relark.Generator(model, tokenizer).run("x", choices=["The capital"]).token_ids == tuple(ids[:-1])
    for call in (relark.generate, relark.stream):
        with pytest.raises(ArgumentError, match="fast_forward=2: expected True or False"):
            call("x", fast_forward=2, **options)  # type: ignore[operator]


@pytest.mark.parametrize("name", FORCING)
def test_every_budget_that_fits_is_kept(name: str, models_by_seed: Callable[[int], Any], tokenizers: Any) -> None:
    """The tokenizer's own spelling can take more tokens than the cheapest one, and then is not forced."""
    for kind in ("few merges", "BPE"):
        generator = relark.Generator(models_by_seed(1), tokenizers[kind])
        least = FORCING[name].matcher(generator.vocabulary).min_tokens()
        for budget in range(least, least + 4):
            result = generator.run("The capital of", constraint=FORCING[name], max_new_tokens=budget)
            assert FORCING[name].fullmatch(result.text)
            assert len(result.token_ids) <= budget
        with pytest.raises(BudgetError):
            generator.run("x", constraint=FORCING[name], max_new_tokens=least - 1)


def test_a_spelling_that_is_too_long_is_not_forced() -> None:
    """The tokenizer writes "abc" in three tokens; the vocabulary has it as one."""

    class ByBytes:
        def __call__(self, text: str, **options: Any) -> Any:
            return {"input_ids": ["abc".index(c) for c in text]}

    vocabulary = relark.Vocabulary.from_bytes([b"a", b"b", b"c", b"abc", None], eos_ids=[4])
    for budget, expected in ((1, (3,)), (2, (3,)), (3, (0, 1, 2))):
        request = Request(0, (0,), relark.choices(["abc"]), budget)
        model = ScriptedModel([0, 1, 2], 5, prompt_length=1)
        [result] = decode(
            model,
            vocabulary,
            [request],
            starts([request], vocabulary),
            sampling=Sampling(),
            speller=Speller(ByBytes(), vocabulary),
        )
        assert result.token_ids == expected, budget


def test_a_model_that_gives_the_last_logits_only(tokenizer: Any) -> None:
    model = ScriptedModel([5, 5, 5], WIDTH, prompt_length=1)
    forward = model.forward

    def last(input_ids: torch.Tensor, position_ids: torch.Tensor, past_key_values: Any = None) -> Any:
        outputs = forward(input_ids, position_ids, past_key_values)
        outputs.logits = outputs.logits[:, -1:]
        return outputs

    model.forward = last  # type: ignore[method-assign]
    generator = relark.Generator(model, tokenizer)
    with pytest.raises(ModelError, match="pass fast_forward=False"):
        generator.run("x", constraint=FORCING["constant"])
    assert FORCING["constant"].fullmatch(generator.run("x", constraint=FORCING["constant"], fast_forward=False).text)


@pytest.mark.parametrize("longest", [1, 2, 5])
def test_runs_longer_than_a_pass_go_on_in_the_next(
    longest: int, generator: relark.Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = generator.run(PROMPTS, constraint=FORCING["compact"])
    monkeypatch.setattr(loop, "LONGEST_RUN", longest)
    for one, other in zip(generator.run(PROMPTS, constraint=FORCING["compact"]), expected, strict=True):
        assert (one.text, one.token_ids) == (other.text, other.token_ids)
        assert one.logprobs == pytest.approx(other.logprobs, abs=1e-3)


def test_pieces_of_a_stream_are_those_of_the_text(generator: relark.Generator) -> None:
    for name, constraint in FORCING.items():
        result = generator.run("x", constraint=constraint, stop="Rome")
        pieces = list(
            relark.stream("x", constraint=constraint, model=generator.model, tokenizer=generator.tokenizer, stop="Rome")
        )
        assert "".join(pieces) == result.text
        assert len(pieces) < len(result.token_ids) or name == "unicode"


def test_every_token_is_told_though_a_step_writes_several(generator: relark.Generator) -> None:
    told: list[bytes] = []
    [result] = generator.decode(
        ["x"], [FORCING["date"]], 60, Sampling(), on_token=lambda place, data: told.append(data)
    )
    table = generator.vocabulary.token_bytes
    expected = [b"".join(table[t] or b"" for t in result.token_ids[: n + 1]) for n in range(len(result.token_ids))]
    assert told[: len(expected)] == expected
    assert told[len(expected) :] in ([], [expected[-1]])  # EOS


# --- batches, and caches of all kinds


def _architectures() -> dict[str, Callable[[], Any]]:
    from transformers import (
        FalconConfig,
        FalconForCausalLM,
        Gemma3ForCausalLM,
        Gemma3TextConfig,
        GPT2Config,
        GPT2LMHeadModel,
        Lfm2Config,
        Lfm2ForCausalLM,
        MambaConfig,
        MambaForCausalLM,
        MistralConfig,
        MistralForCausalLM,
        OPTConfig,
        OPTForCausalLM,
        Qwen3Config,
        Qwen3ForCausalLM,
    )

    size = {"vocab_size": WIDTH, "bos_token_id": 1, "eos_token_id": 2, "pad_token_id": 0, "initializer_range": 0.3}
    width = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4}
    groups = {**width, "num_key_value_heads": 2, "intermediate_size": 48}
    return {
        "llama": lambda: llama(1),
        "qwen3": lambda: Qwen3ForCausalLM(Qwen3Config(**groups, head_dim=8, **size)),
        "gpt2": lambda: GPT2LMHeadModel(GPT2Config(n_embd=32, n_layer=2, n_head=4, n_positions=256, **size)),
        "opt": lambda: OPTForCausalLM(
            OPTConfig(**width, ffn_dim=48, word_embed_proj_dim=32, max_position_embeddings=256, init_std=0.3, **size)
        ),
        "falcon, alibi": lambda: FalconForCausalLM(FalconConfig(**width, alibi=True, **size)),
        "mistral, sliding window": lambda: MistralForCausalLM(MistralConfig(**groups, sliding_window=8, **size)),
        "gemma3, mixed windows": lambda: Gemma3ForCausalLM(
            Gemma3TextConfig(**groups, head_dim=8, sliding_window=8, sliding_window_pattern=2, **size)
        ),
        "lfm2, convolutions": lambda: Lfm2ForCausalLM(
            Lfm2Config(**groups, layer_types=["conv", "full_attention"], block_multiple_of=8, **size)
        ),
        "mamba": lambda: MambaForCausalLM(MambaConfig(hidden_size=32, num_hidden_layers=2, state_size=4, **size)),
    }


@pytest.mark.parametrize("slack", [0, 64])
@pytest.mark.parametrize(
    "name",
    [
        "llama",
        "qwen3",
        "gpt2",
        "opt",
        "falcon, alibi",
        "mistral, sliding window",
        "gemma3, mixed windows",
        "lfm2, convolutions",
        "mamba",
    ],
)
def test_rows_with_different_runs_share_passes(
    name: str, slack: int, tokenizer: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each row's log-probabilities are those of a pass over its whole text, alone and without a cache."""
    monkeypatch.setattr(context, "POSITIONS_ON_CPU", 60)  # so that passes are padded as on an accelerator
    monkeypatch.setattr(context, "_SLACK", slack)
    torch.manual_seed(1)
    generator = relark.Generator(_architectures()[name]().eval(), tokenizer)
    chosen = [FORCING["schema"], FORCING["date"], None, FORCING["constant"], FORCING["compact"]]
    prompts = ["x", "The capital of", '{"name": "Bob"}\n', "12 345 6789 the red there", "yes"]
    for first, second in ((0, 5), (0, 1)):
        together = generator.run(prompts[first:second], constraint=chosen[first:second], max_new_tokens=120)
        for prompt, constraint, result in zip(prompts, chosen, together, strict=False):
            assert constraint is None or constraint.fullmatch(result.text)
            assert result.logprobs == pytest.approx(own_logprobs(generator, prompt, result), abs=2e-3)


def test_holes_are_closed(generator: relark.Generator, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(context, "POSITIONS_ON_CPU", 60)
    monkeypatch.setattr(context, "_SLACK", 0)
    columns, closed = [], []
    extend, close = context.Context.extend, context.Context._close_holes

    def watched(self: context.Context, tokens: Any) -> Any:
        found = extend(self, tokens)
        columns.append((self._columns, max(self._lengths), self._cache.get_seq_length()))
        return found

    monkeypatch.setattr(context.Context, "extend", watched)
    monkeypatch.setattr(context.Context, "_close_holes", lambda self: closed.append(close(self)))
    generator.run(["x"] * 3, constraint=[FORCING["schema"], FORCING["date"], None], max_new_tokens=120)
    assert closed
    assert all(n == cached and n <= 2 * longest for n, longest, cached in columns)


def test_padding_is_limited_and_rows_wait(generator: relark.Generator, monkeypatch: pytest.MonkeyPatch) -> None:
    shapes: list[tuple[int, int]] = []
    forward = context.Context._forward
    monkeypatch.setattr(
        context.Context, "_forward", lambda self, *given: shapes.append(tuple(given[0].shape)) or forward(self, *given)
    )
    chosen = [FORCING["constant"], FORCING["compact"], None, None]
    found = []
    for positions in (1, 8, 60):
        monkeypatch.setattr(context, "POSITIONS_ON_CPU", positions)
        found.append([r.token_ids for r in generator.run(PROMPTS, constraint=chosen, max_new_tokens=110)])
        assert all(rows * columns <= max(rows, positions) for rows, columns in shapes[1:] if rows > 2)
        shapes.clear()
    assert found[0] == found[1] == found[2]


# --- dead ends


def test_dead_ends_behind_forced_text_are_backed_out_of() -> None:
    """``x*`` after ``ab`` leads nowhere, which masks do not know; "ab" is given as forced."""
    vocabulary = relark.Vocabulary.from_bytes([b"a", b"b", b"c", b"x", b"ab", None], eos_ids=[5])

    class Optimist:
        def __init__(self) -> None:
            self.tokens: list[int] = []

        @property
        def text(self) -> bytes:
            return vocabulary.decode(self.tokens)

        @property
        def is_accepting(self) -> bool:
            return self.text == b"ac"

        is_finished = is_accepting

        def fill(self, row: Any, tokens_left: int | None = None) -> None:
            row[:] = 0
            for token, data in enumerate(vocabulary.token_bytes[:5]):
                if any(word.startswith(self.text + (data or b"")) for word in (b"ac", b"abxx")):
                    row[0] |= 1 << token

        def advance(self, token: int) -> None:
            self.tokens.append(token)

        def rollback(self, n: int = 1) -> None:
            del self.tokens[-n:]

    class Eager:
        """Forces "ab", and later "xx"."""

        def tokens(self, matcher: Optimist, before: Any) -> tuple[int, ...]:
            return {b"": (0, 1), b"ab": (3, 3)}.get(matcher.text, ())

    for seed in range(3):
        model = llama(seed, vocab_size=vocabulary.size)
        requests = [Request(0, (0,), relark.text(), 8), Request(1, (0, 1), None, 4)]
        options: Any = {"sampling": Sampling(), "speller": Eager()}
        [found, free] = decode(model, vocabulary, requests, [Optimist(), None], **options)  # type: ignore[list-item]
        assert found.data == b"ac"
        alone = decode(model, vocabulary, requests[1:], [None], sampling=Sampling())[0]
        assert free.token_ids == alone.token_ids
        assert free.logprobs == pytest.approx(alone.logprobs, abs=1e-4)
        with torch.no_grad():
            logits = model(torch.tensor([[0, *found.token_ids]])).logits[0].log_softmax(-1)
        assert found.logprobs == pytest.approx([float(logits[i][t]) for i, t in enumerate(found.token_ids)], abs=1e-4)
        batch = Batch(model, vocabulary, requests[:1], [Optimist()], **options)  # type: ignore[list-item]
        with pytest.raises(DeadEndError, match="streamed already"):
            for [row] in batch.steps():
                row.handed_out = len(row.data)


# --- the embedded model

CUSTOMER = {
    "type": "object",
    "properties": {
        "customer_name": {"type": "string", "maxLength": 20},
        "order": {
            "type": "object",
            "properties": {"quantity": {"type": "integer"}, "is_gift_wrapped": {"type": "boolean"}},
            "required": ["quantity", "is_gift_wrapped"],
            "additionalProperties": False,
        },
        "order_status": {"enum": ["pending", "delivered"]},
    },
    "required": ["customer_name", "order", "order_status"],
    "additionalProperties": False,
}
SHOWN = 'Bob: {"customer_name": "Bob", "order": {"quantity": 3, "is_gift_wrapped": false}, "order_status": "pending"}\n'


@pytest.mark.real_model
@pytest.mark.parametrize(
    ("prompt", "constraint"),
    [
        (SHOWN + "Alice, 2 lamps, delivered: ", relark.schema(CUSTOMER)),
        (SHOWN.replace(": ", ":").replace(", ", ",") + "Alice:", relark.schema(CUSTOMER, whitespace="compact")),
        ("What is the capital of Italy?\n", relark.regex(r"The capital of Italy is [A-Z][a-z]{2,8}\.")),
        ("12 + 30 =", relark.grammar('start: " " sum " is the result."\nsum: /[0-9]+/ ("+" sum)?')),
    ],
    ids=["schema", "compact", "regex", "grammar"],
)
def test_the_embedded_model_writes_the_same_text(
    prompt: str, constraint: relark.Constraint, embedded: tuple[Any, Any]
) -> None:
    generator = relark.Generator(*embedded)
    forced_, plain = (
        generator.run(prompt, constraint=constraint, max_new_tokens=60, fast_forward=f) for f in (True, False)
    )
    assert forced_.text == plain.text
    assert len(forced_.token_ids) <= len(plain.token_ids)
    if forced_.token_ids == plain.token_ids:
        assert forced_.logprobs == pytest.approx(plain.logprobs, abs=1e-2)
