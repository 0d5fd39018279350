"""The decoding loop: a batch of prompts, each with a constraint of its own or none, to finished texts.

One forward pass of the model per step for the whole batch, with a KV cache. Each step: mask the logits of every
row by what its matcher allows, pick a token per row, advance the matchers; a row that is complete leaves the batch
(re-indexing the cache costs a tenth of a step, once; a finished row kept along would cost that at every step).
Prompts of different lengths are padded on the left, here, with an attention mask and position ids; the tokenizer's
own padding settings are neither used nor touched.

What it guarantees: a constrained text is complete when the loop ends, because masks are asked for with the tokens
that are left and EOS is allowed only where the text is complete; `BudgetError` is raised beforehand where even the
cheapest text needs more tokens. A matcher may be optimistic where deciding emptiness took too long: when no token
is left, the last token is taken back and forbidden there, and the context is rebuilt by one more prefill; after
`SETBACKS` of those, `DeadEndError`. The mask is never dropped.

Cost: per step and row a few microseconds beside the model, plus the mask (see ``relark.matcher``), which is filled
while a GPU runs the forward pass. Models that return no cache that is known here (``past_key_values``,
``cache_params``) are run over the whole text at each step: slow, and correct.

What it cannot do: beams, assisted decoding and other processors (``relark.LogitsProcessor`` is for the model's own
``generate``); encoder-decoder models.
"""

from __future__ import annotations

import inspect
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import torch

from relark.decoding.sampling import Sampler, Sampling
from relark.errors import BudgetError, DeadEndError, ModelError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from relark.constraint import Constraint
    from relark.matcher import Matcher
    from relark.tokens.vocabulary import Vocabulary

__all__ = [
    "Batch",
    "Decoded",
    "Ending",
    "FinishReason",
    "Request",
    "Row",
    "allowed_tokens",
    "decode",
    "starts",
    "unpack",
]

SETBACKS = 64  # dead ends that one row may back out of

FinishReason = Literal["stop", "length", "stop_string"]
Ending = Literal["eos", "first", "longest"]


@dataclass(frozen=True)
class Request:
    """One row: what to continue, under what.

    place            the row's place in the user's request; seeds its draws
    prompt_ids       1 token or more
    constraint       None: free text, up to EOS
    max_new_tokens   1 or more, EOS not counted
    """

    place: int
    prompt_ids: tuple[int, ...]
    constraint: Constraint | None
    max_new_tokens: int


@dataclass(frozen=True)
class Decoded:
    """One finished row; ``token_ids`` and ``logprobs`` without the EOS that may have ended it."""

    data: bytes
    token_ids: tuple[int, ...]
    logprobs: tuple[float, ...]
    finish_reason: FinishReason


@dataclass
class Clock:
    """Seconds spent by a batch: in the first forward pass, in masks and matchers, in everything after the first
    pass.
    """

    prefill: float = 0.0
    mask: float = 0.0
    decode: float = 0.0
    tokens: int = 0


@dataclass(eq=False)
class Row:
    """A text in the making; ``data`` is what has been written.

    ``handed_out``: so many of its bytes are out of the house, and it does not go back behind them.
    """

    request: Request
    matcher: Matcher | None
    tokens: list[int] = field(default_factory=list)
    logprobs: list[float] = field(default_factory=list)
    data: bytearray = field(default_factory=bytearray)
    forbidden: dict[int, set[int]] = field(default_factory=dict)  # number of tokens before -> tokens that led nowhere
    setbacks: int = 0
    reason: FinishReason | None = None
    handed_out: int = 0


def starts(requests: Sequence[Request], vocabulary: Vocabulary) -> list[Matcher | None]:
    """A matcher at the start of each request's text.

    Raises BudgetError where no text fits a request's tokens, UnsatisfiableError where there is no text at all.
    """
    made: dict[tuple[int, int], Matcher] = {}
    matchers: list[Matcher | None] = []
    for request in requests:
        constraint = request.constraint
        if constraint is None:
            matchers.append(None)
            continue
        key = id(constraint), request.max_new_tokens
        if key not in made:
            made[key] = constraint.matcher(vocabulary)
            needed = made[key].min_tokens(request.max_new_tokens)
            if needed > request.max_new_tokens:
                raise BudgetError(
                    f"the shortest text that satisfies {constraint} takes {needed} tokens and max_new_tokens is "
                    f"{request.max_new_tokens}; pass max_new_tokens={needed} or more.",
                    needed,
                )
        matchers.append(made[key].fork())
    return matchers


def decode(
    model: Any,
    vocabulary: Vocabulary,
    requests: Sequence[Request],
    matchers: Sequence[Matcher | None],
    *,
    sampling: Sampling,
    stop: Sequence[bytes] = (),
    ending: Ending = "eos",
    clock: Clock | None = None,
    on_token: Callable[[int, bytes], None] | None = None,
    on_step: Callable[[int, int], None] | None = None,
) -> list[Decoded]:
    """The texts of ``requests``, run as one batch.

    matchers    from `starts`; they are advanced
    stop        where one of these is written, the text ends before it: at once in free text; under a constraint
                only where what stands before it satisfies the constraint
    ending      "eos": when the model chooses EOS or nothing can follow. "first": as soon as the constraint is
                satisfied, after one token at least. "longest": only when nothing can follow, or at max_new_tokens
    on_token    called with a row's place and its bytes so far, after each token
    on_step     called with the tokens written and the rows finished by each step
    """
    batch = Batch(model, vocabulary, requests, matchers, sampling=sampling, stop=stop, ending=ending, clock=clock)
    for step in batch.steps():
        if on_token is not None:
            for row in step:
                on_token(row.request.place, bytes(row.data))
        if on_step is not None:
            on_step(len(step), sum(row.reason is not None for row in step))
    return [batch.finished(row) for row in batch.rows]


class Batch:
    """The same, one step at a time: for those who look at ``rows`` in between, or stop before the end.

    Arguments as for `decode`. Between the steps nothing is held: no lock, no mode of torch.
    """

    def __init__(
        self,
        model: Any,
        vocabulary: Vocabulary,
        requests: Sequence[Request],
        matchers: Sequence[Matcher | None],
        *,
        sampling: Sampling,
        stop: Sequence[bytes] = (),
        ending: Ending = "eos",
        clock: Clock | None = None,
    ) -> None:
        self.vocabulary, self.stop, self.ending, self.clock = vocabulary, stop, ending, clock or Clock()
        self.eos = frozenset(vocabulary.eos_ids)
        self.rows = [Row(request, matcher) for request, matcher in zip(requests, matchers, strict=True)]
        self.context = _Context(model)
        self.sampler = Sampler(sampling)

    def steps(self) -> Iterator[list[Row]]:
        """Each step gives every row that is not finished a token, and yields these rows.

        A step in which some row goes back a token yields nothing.
        """
        live = list(self.rows)
        clock = self.clock
        began = time.perf_counter()
        with torch.inference_mode():
            logits: torch.Tensor | None = self._prefill(live)
        clock.prefill += time.perf_counter() - began
        while live:
            began = time.perf_counter()
            with torch.inference_mode():  # not around the yield: it would reach into the caller's code
                if logits is None:
                    logits = self.context.extend([row.tokens[-1] for row in live])
                chosen = self._choose(live, logits)
                if chosen is None:  # some rows went back a token
                    logits = self._prefill(live)
                    clock.decode += time.perf_counter() - began
                    continue
                step = live
                for row, (token, logprob) in zip(step, chosen, strict=True):
                    self._take(row, token, logprob)
                going = [i for i, row in enumerate(step) if row.reason is None]
                if len(going) < len(step):
                    live = [step[i] for i in going]
                    self.context.keep(going)
                logits = None
            clock.tokens += len(step)
            clock.decode += time.perf_counter() - began
            yield step

    def _prefill(self, live: list[Row]) -> torch.Tensor:
        return self._checked_width(self.context.prefill([[*row.request.prompt_ids, *row.tokens] for row in live]))

    def _checked_width(self, logits: torch.Tensor) -> torch.Tensor:
        if logits.shape[-1] != self.vocabulary.size:
            raise ModelError(
                f"the model gives {logits.shape[-1]} logits for each position, but its vocabulary was read as "
                f"{self.vocabulary.size} ids; does the tokenizer belong to this model?"
            )
        return logits

    # --- one step -----------------------------------------------------------------------------------------------------

    def _choose(self, live: list[Row], logits: torch.Tensor) -> list[tuple[int, float]] | None:
        """A token and its log-probability for each row; None where a row had to go back instead."""
        began = time.perf_counter()
        packed = np.full((len(live), self.vocabulary.n_words), -1, np.int32)
        dead = [
            i for i, row in enumerate(live) if row.matcher is not None and not self._fill(row, row.matcher, packed[i])
        ]
        self.clock.mask += time.perf_counter() - began
        if not dead:
            norms = logits.logsumexp(dim=-1)
            scores = logits
            if any(row.matcher is not None for row in live):
                scores = logits.masked_fill(~allowed_tokens(packed, self.vocabulary.size, logits.device), -torch.inf)
            best = scores.amax(dim=-1)
            for i, (norm, top) in enumerate(torch.stack((norms, best)).T.tolist()):
                if norm != norm or norm in (float("inf"), float("-inf")):
                    raise ModelError(
                        f"the model's logits for token {len(live[i].tokens) + 1} of text "
                        f"{live[i].request.place + 1} are NaN or infinite. Weights in float16 often overflow: load "
                        "the model in bfloat16 or float32."
                    )
                if top == float("-inf"):  # the model itself rules out every token that is left
                    dead.append(i)
        if dead:
            for i in dead:
                self._go_back(live[i])
            return None
        chosen = self.sampler.choose(scores, [row.request.place for row in live])
        logprobs = logits.gather(1, chosen[:, None])[:, 0] - norms
        return list(zip(chosen.tolist(), logprobs.tolist(), strict=True))

    def _fill(self, row: Row, matcher: Matcher, packed: NDArray[np.int32]) -> bool:
        """Write the tokens that ``row`` may take into ``packed``; whether there are any."""
        matcher.fill(packed, row.request.max_new_tokens - len(row.tokens))
        for token in row.forbidden.get(len(row.tokens), ()):
            _clear(packed, token)
        if self.ending == "longest" or (self.ending == "first" and not row.tokens):
            with_eos = packed.copy()
            for token in self.vocabulary.eos_ids:
                _clear(packed, token)
            if not packed.any():
                packed[:] = with_eos
        return bool(packed.any())

    def _take(self, row: Row, token: int, logprob: float) -> None:
        if token in self.eos:
            row.reason = "stop"
            return
        matcher = row.matcher
        if matcher is not None:
            matcher.advance(token)
        row.tokens.append(token)
        row.logprobs.append(logprob)
        before = len(row.data)
        row.data += self.vocabulary.token_bytes[token] or b""
        cut = self._stopped_at(row, before)
        if cut is not None:
            del row.data[cut:]
            row.reason = "stop_string"
        elif matcher is not None and (matcher.is_finished or (self.ending == "first" and matcher.is_accepting)):
            row.reason = "stop"
        elif len(row.tokens) >= row.request.max_new_tokens:
            row.reason = "length"

    def _stopped_at(self, row: Row, before: int) -> int | None:
        """Where the text ends because of a stop string that was completed after its first ``before`` bytes."""
        found = []
        for stop in self.stop:
            at = row.data.find(stop, max(0, before - len(stop) + 1))
            while at >= 0:
                found.append(at)
                at = row.data.find(stop, at + 1)
        constraint = row.request.constraint
        for at in sorted(found):
            if constraint is None or constraint.fullmatch(row.data[:at].decode()):
                return at
        return None

    def _go_back(self, row: Row) -> None:
        row.setbacks += 1
        if row.matcher is None or not row.tokens or row.setbacks > SETBACKS:
            raise DeadEndError(
                f"text {row.request.place + 1}: no token leads on after {bytes(row.data[-60:])!r}, also not after "
                f"going back {row.setbacks - 1} times ({row.request.constraint})."
            )
        data = self.vocabulary.decode(row.tokens[:-1])
        if len(data) < row.handed_out:
            raise DeadEndError(
                f"text {row.request.place + 1}: no token leads on after {bytes(row.data[-60:])!r}, and what went wrong "
                f"has been streamed already ({row.request.constraint}); without streaming relark would go back."
            )
        token = row.tokens.pop()
        row.logprobs.pop()
        row.matcher.rollback(1)
        row.data = bytearray(data)
        here = len(row.tokens)
        row.forbidden = {place: tokens for place, tokens in row.forbidden.items() if place <= here}
        row.forbidden.setdefault(here, set()).add(token)

    def finished(self, row: Row) -> Decoded:
        """What became of ``row``, after the last step."""
        if row.reason is None:
            raise DeadEndError(f"text {row.request.place + 1} was never finished; this is a bug in relark.")
        return Decoded(bytes(row.data), tuple(row.tokens), tuple(row.logprobs), row.reason)


def _clear(packed: NDArray[np.int32], token: int) -> None:
    packed.view(np.uint32)[token >> 5] &= np.uint32(~(1 << (token & 31)) & 0xFFFFFFFF)


def allowed_tokens(packed: NDArray[np.int32], size: int, device: torch.device) -> torch.Tensor:
    """Packed masks as booleans on ``device``: int32[B, ceil(size/32)] -> bool[B, size]."""
    if device.type == "cpu":
        bits = np.unpackbits(packed.view(np.uint8), axis=1, bitorder="little", count=size)
        return torch.from_numpy(bits.view(np.bool_))
    return unpack(torch.from_numpy(packed).to(device, non_blocking=True), size)  # a 32nd of the traffic


def unpack(words: torch.Tensor, size: int) -> torch.Tensor:
    """`allowed_tokens` for words that are on the device already."""
    shifts = torch.arange(32, dtype=torch.int32, device=words.device)
    return (words[:, :, None] >> shifts).bitwise_and_(1).view(len(words), -1)[:, :size].bool()


class _Context:
    """What the model has read: its KV cache, and the attention mask and positions that go with it."""

    def __init__(self, model: Any) -> None:
        self.model = model
        whole = getattr(model, "_orig_mod", model)  # torch.compile
        whole = whole.get_base_model() if hasattr(whole, "get_base_model") else whole  # PEFT
        self._accepts = set(inspect.signature(whole.forward).parameters)
        self.device: torch.device = getattr(model, "device", None) or next(model.parameters()).device
        self._cache_name: str | None = None
        self._cache: Any = None
        self._attention: torch.Tensor | None = None  # int64[B, columns]; None where nothing is padding
        self._lengths: list[int] = []  # tokens of each row that the model has read
        self._sequences: list[list[int]] | None = None  # kept only for models without a cache

    def prefill(self, sequences: list[list[int]]) -> torch.Tensor:
        """Forget everything, read ``sequences``; the logits after each, float32[B, V]."""
        self._cache, self._cache_name, self._sequences = None, None, None
        longest = max(len(s) for s in sequences)
        padding = [longest - len(s) for s in sequences]
        ids = torch.tensor([[0] * n + s for n, s in zip(padding, sequences, strict=True)], device=self.device)
        positions = torch.tensor([[0] * n + list(range(longest - n)) for n in padding], device=self.device)
        self._attention = None
        if any(padding):
            if "attention_mask" not in self._accepts:
                raise ModelError(
                    f"{type(self.model).__name__} takes no attention_mask, so prompts of different lengths cannot "
                    "share a batch; pass batch_size=1."
                )
            self._attention = torch.tensor([[0] * n + [1] * (longest - n) for n in padding], device=self.device)
        self._lengths = [len(s) for s in sequences]
        outputs = self._forward(ids, positions)
        for name in ("past_key_values", "cache_params"):
            cache = getattr(outputs, name, None)
            if cache is not None and name in self._accepts and hasattr(cache, "reorder_cache"):
                self._cache_name, self._cache = name, cache
                break
        else:
            self._sequences = [list(s) for s in sequences]
        return _last(outputs)

    def extend(self, tokens: list[int]) -> torch.Tensor:
        """Read one more token in each row; the logits after it, float32[B, V]."""
        if self._sequences is not None:
            return self.prefill([[*s, token] for s, token in zip(self._sequences, tokens, strict=True)])
        ids = torch.tensor(tokens, device=self.device)[:, None]
        positions = torch.tensor(self._lengths, device=self.device)[:, None]
        if self._attention is not None:
            self._attention = torch.cat((self._attention, self._attention.new_ones((len(tokens), 1))), dim=1)
        self._lengths = [n + 1 for n in self._lengths]
        return _last(self._forward(ids, positions))

    def keep(self, rows: list[int]) -> None:
        """Drop all rows but these."""
        if not rows:
            self._cache = self._attention = None
            return
        self._lengths = [self._lengths[i] for i in rows]
        if self._sequences is not None:
            self._sequences = [self._sequences[i] for i in rows]
        index = torch.tensor(rows, device=self.device)
        if self._attention is not None:
            self._attention = self._attention[index]
        if self._cache is not None:
            self._cache.reorder_cache(index)

    def _forward(self, ids: torch.Tensor, positions: torch.Tensor) -> Any:
        options: dict[str, Any] = {"input_ids": ids, "return_dict": True}
        if "use_cache" in self._accepts:
            options["use_cache"] = True
        if "position_ids" in self._accepts:
            options["position_ids"] = positions
        if self._cache_name is not None:
            options[self._cache_name] = self._cache
        if self._attention is not None and self._cache_name != "cache_params":
            options["attention_mask"] = self._attention  # a recurrent state has read its padding, masked, already
        if "logits_to_keep" in self._accepts:
            options["logits_to_keep"] = 1
        return self.model(**options)


def _last(outputs: Any) -> torch.Tensor:
    logits: torch.Tensor = outputs.logits[:, -1]
    return logits.float()
