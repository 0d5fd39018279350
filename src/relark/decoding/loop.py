"""The decoding loop: a batch of prompts, each with a constraint of its own or none, to finished texts.

One forward pass of the model per step for the whole batch, with a KV cache. Each step: mask the logits of every
row by what its matcher allows, pick a token per row, advance the matchers; a row that is complete leaves the batch
(re-indexing the cache costs a tenth of a step, once; a finished row kept along would cost that at every step).
Prompts of different lengths are padded on the left, here, with an attention mask and position ids; the tokenizer's
own padding settings are neither used nor touched.

Forced text (`decoding.forced`) is appended to a row as soon as it is forced, and read by the next pass together with
the token before it; its log-probabilities come from that pass, one position for each. How rows that have different
numbers of tokens to read share a pass is the business of `decoding.context`.

What it guarantees: a constrained text is complete when the loop ends, because masks are asked for with the tokens
that are left and EOS is allowed only where the text is complete; `BudgetError` is raised beforehand where even the
cheapest text needs more tokens. A matcher may be optimistic where deciding emptiness took too long: when no token
is left, the last token is taken back and forbidden there, and the context is rebuilt by one more prefill; after
`SETBACKS` of those, `DeadEndError`. The mask is never dropped.

Cost: per step and row a few microseconds beside the model, plus the mask (see ``relark.matcher``), which is filled
while an accelerator runs the forward pass.

What it cannot do: beams, assisted decoding and other processors (``relark.LogitsProcessor`` is for the model's own
``generate``); encoder-decoder models.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import torch

from relark.decoding.context import Context
from relark.decoding.forced import CONTEXT, LONGEST_RUN
from relark.decoding.masking import blank, masked
from relark.decoding.sampling import Sampler, Sampling
from relark.errors import BudgetError, DeadEndError, ModelError
from relark.matcher import fill_masks

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from relark.constraint import Constraint
    from relark.decoding.forced import Speller
    from relark.matcher import Matcher
    from relark.tokens.vocabulary import Vocabulary

__all__ = [
    "Batch",
    "Decoded",
    "Ending",
    "FinishReason",
    "Request",
    "Row",
    "decode",
    "starts",
]

SETBACKS = 64  # dead ends that one row may back out of
_LOGITS = 2**26  # that one pass over forced text may give, all rows together

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

    ``read``: so many of its tokens the model has read.  ``logprobs`` lack those of forced tokens until it has.
    ``handed_out``: so many of its bytes are out of the house, and it does not go back behind them.
    """

    request: Request
    matcher: Matcher | None
    tokens: list[int] = field(default_factory=list)
    logprobs: list[float] = field(default_factory=list)
    data: bytearray = field(default_factory=bytearray)
    read: int = 0
    has_more: bool = False  # forced text, beyond what one pass was given
    forbidden: dict[int, set[int]] = field(default_factory=dict)  # number of tokens before -> tokens that led nowhere
    setbacks: int = 0
    reason: FinishReason | None = None
    handed_out: int = 0

    @property
    def unread(self) -> list[int]:
        """What the model has to read yet: all, or where the text is complete all that its log-probabilities need."""
        return self.tokens[self.read :] if self.reason is None else self.tokens[self.read : -1]


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
    speller: Speller | None = None,
    all_logprobs: bool = True,
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
    speller     writes forced text, without asking the model; None: the model writes it token by token
    all_logprobs  False: the log-probabilities of forced tokens at a text's end may be missing, which can save a pass
    on_token    called with a row's place and its bytes so far, after each token
    on_step     called with the tokens written and the rows finished by each step
    """
    batch = Batch(
        model,
        vocabulary,
        requests,
        matchers,
        sampling=sampling,
        stop=stop,
        ending=ending,
        speller=speller,
        all_logprobs=all_logprobs,
        clock=clock,
    )
    tokens = batch.clock.tokens
    known = dict.fromkeys((row.request.place for row in batch.rows), 0)
    for step in batch.steps():
        if on_token is not None:
            for row in step:
                place = row.request.place
                for n in range(known[place] + 1, len(row.tokens)):
                    on_token(place, vocabulary.decode(row.tokens[:n]))
                on_token(place, bytes(row.data))
                known[place] = len(row.tokens)
        if on_step is not None:
            on_step(batch.clock.tokens - tokens, sum(row.reason is not None for row in step))
            tokens = batch.clock.tokens
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
        speller: Speller | None = None,
        all_logprobs: bool = True,
        clock: Clock | None = None,
    ) -> None:
        self.vocabulary, self.stop, self.ending, self.clock = vocabulary, stop, ending, clock or Clock()
        self.eos = frozenset(vocabulary.eos_ids)
        self.rows = [Row(request, matcher) for request, matcher in zip(requests, matchers, strict=True)]
        self.context = Context(model)
        self.sampler = Sampler(sampling)
        self.speller, self.all_logprobs = speller, all_logprobs
        self.longest_run = max(1, min(LONGEST_RUN, _LOGITS // max(1, len(self.rows) * vocabulary.size)))

    def steps(self) -> Iterator[list[Row]]:
        """Each step writes into rows that are not finished, a token or several, and yields these rows.

        A row that is finished is in no later step.  Nothing is yielded by passes that write nothing: where a row goes
        back a token, or log-probabilities of forced text are all that is missing.
        """
        clock = self.clock
        live = list(self.rows)
        began = time.perf_counter()
        written = [row for row in live if self._force(row)]
        clock.decode += time.perf_counter() - began
        if written:
            yield written
        live = [row for row in live if not self._is_finished(row)]
        first, again = True, True
        while live:
            began = time.perf_counter()
            with torch.inference_mode():  # not around the yield: it would reach into the caller's code
                logits = self._read(live, again)
                if first:
                    clock.prefill += time.perf_counter() - began
                    began, first = time.perf_counter(), False
                written, again = self._write(live, logits)
                going = [i for i, row in enumerate(live) if not self._is_finished(row)]
                if len(going) < len(live):
                    live = [live[i] for i in going]
                    self.context.keep(going)
            clock.decode += time.perf_counter() - began
            if written:
                yield written

    def _is_finished(self, row: Row) -> bool:
        return row.reason is not None and not (self.all_logprobs and len(row.logprobs) < len(row.tokens))

    def _read(self, live: list[Row], again: bool) -> torch.Tensor:
        """Let the model read on, or ``again`` from the start; the logits after what it read, float32[B, n, V]."""
        if again:
            texts = [[*row.request.prompt_ids, *row.tokens[: row.read], *row.unread] for row in live]
            for row in live:
                row.read += len(row.unread)
            return self._checked_width(
                self.context.prefill(texts, max(row.read - len(row.logprobs) for row in live) + 1)
            )
        logits, read = self.context.extend([row.unread for row in live])
        for row, n in zip(live, read, strict=True):
            row.read += n
        return self._checked_width(logits)

    def _write(self, live: list[Row], logits: torch.Tensor) -> tuple[list[Row], bool]:
        """Write into the rows of which the model has read everything; these rows, and whether others went back.

        On an accelerator the model is still at it: what needs no logits comes first.
        """
        ready = [i for i, row in enumerate(live) if row.reason is None and row.read == len(row.tokens)]
        forced = [i for i in ready if live[i].has_more and self._force(live[i])]
        if forced:
            ready = [i for i in ready if i not in forced]
        written, rows = [live[i] for i in forced], [live[i] for i in ready]
        masks = self._masks(rows)
        self._score(live, logits)
        if not rows:
            return written, False
        if isinstance(masks, list):
            for row in masks:
                self._go_back(row)
            return written, True
        last = logits[:, -1]
        chosen = self._choose(rows, last if len(ready) == len(live) else last[ready], masks)
        if chosen is None:
            return written, True
        for row, (token, logprob) in zip(rows, chosen, strict=True):
            self._take(row, token)
            if token not in self.eos:
                row.logprobs.append(logprob)
            self._force(row)
        self.clock.tokens += len(rows)
        return written + rows, False

    def _score(self, live: list[Row], logits: torch.Tensor) -> None:
        """Note the log-probabilities of forced tokens that ``logits`` tell."""
        last = logits.shape[1] - 1
        rows, columns, tokens = [], [], []
        for i, row in enumerate(live):
            for n in range(len(row.logprobs), min(row.read + 1, len(row.tokens))):
                rows.append(i)
                columns.append(last - row.read + n)
                tokens.append(row.tokens[n])
        if not rows:
            return
        found = logits[rows, columns]
        norms = found.logsumexp(dim=-1)
        chosen = found.gather(1, torch.tensor(tokens, device=found.device)[:, None])[:, 0]
        for i, (norm, logprob) in zip(rows, torch.stack((norms, chosen - norms), dim=1).tolist(), strict=True):
            self._check_norm(live[i], norm)
            live[i].logprobs.append(logprob)

    def _checked_width(self, logits: torch.Tensor) -> torch.Tensor:
        if logits.shape[-1] != self.vocabulary.size:
            raise ModelError(
                f"the model gives {logits.shape[-1]} logits for each position, but its vocabulary was read as "
                f"{self.vocabulary.size} ids; does the tokenizer belong to this model?"
            )
        return logits

    # --- one step -----------------------------------------------------------------------------------------------------

    def _masks(self, rows: list[Row]) -> torch.Tensor | list[Row]:
        """The packed masks of ``rows``, int32[B, words]; or the rows that have no token left, if there are any."""
        began = time.perf_counter()
        words = blank(len(rows), self.vocabulary.n_words, self.context.device)
        packed = words.numpy()
        fill_masks(
            [row.matcher for row in rows], packed, [row.request.max_new_tokens - len(row.tokens) for row in rows]
        )
        dead = [row for row, mask in zip(rows, packed, strict=True) if not self._narrow(row, mask)]
        self.clock.mask += time.perf_counter() - began
        return dead or words

    def _choose(self, rows: list[Row], logits: torch.Tensor, masks: torch.Tensor) -> list[tuple[int, float]] | None:
        """A token and its log-probability for each row; None where a row had to go back instead.

        logits   float32[B, V], after what each row has read
        """
        norms = logits.logsumexp(dim=-1)
        scores = logits if all(row.matcher is None for row in rows) else masked(logits, masks)
        best, chosen = scores.max(dim=-1)
        if not self.sampler.is_greedy:
            chosen = torch.zeros_like(chosen)
        found = torch.stack((norms, best, chosen.float()), dim=1).tolist()  # one wait for the model; ids stay exact
        dead = []
        for row, (norm, top, _) in zip(rows, found, strict=True):
            self._check_norm(row, norm)
            if top == float("-inf"):  # the model itself rules out every token that is left
                dead.append(row)
        for row in dead:
            self._go_back(row)
        if dead:
            return None
        if self.sampler.is_greedy:
            return [(int(token), top - norm) for norm, top, token in found]
        drawn = self.sampler.choose(scores, [(row.request.place, len(row.data)) for row in rows])
        logprobs = logits.gather(1, drawn[:, None])[:, 0] - norms
        return list(zip(drawn.tolist(), logprobs.tolist(), strict=True))

    def _check_norm(self, row: Row, norm: float) -> None:
        if norm != norm or norm in (float("inf"), float("-inf")):
            raise ModelError(
                f"the model's logits for token {len(row.logprobs) + 1} of text {row.request.place + 1} are NaN or "
                "infinite. Weights in float16 often overflow: load the model in bfloat16 or float32."
            )

    def _narrow(self, row: Row, packed: NDArray[np.int32]) -> bool:
        """Take from ``packed``, the mask of ``row``, what the loop itself forbids; whether anything is left."""
        if row.matcher is None:
            return True
        for token in row.forbidden.get(len(row.tokens), ()):
            _clear(packed, token)
        if self.ending == "longest" or (self.ending == "first" and not row.tokens):
            with_eos = packed.copy()
            for token in self.vocabulary.eos_ids:
                _clear(packed, token)
            if not packed.any():
                packed[:] = with_eos
        return bool(packed.any())

    def _force(self, row: Row) -> bool:
        """Append what is forced, as far as the budget allows it in these tokens; whether there was anything."""
        matcher, speller = row.matcher, self.speller
        row.has_more = False
        if matcher is None or speller is None or row.reason is not None:
            return False
        began = time.perf_counter()
        before = len(row.tokens)
        run = speller.tokens(matcher, (*row.request.prompt_ids[-CONTEXT:], *row.tokens[-CONTEXT:])[-CONTEXT:])
        row.has_more = len(run) > self.longest_run
        packed = np.empty(self.vocabulary.n_words, np.int32)
        for token in run[: self.longest_run]:
            matcher.fill(packed, row.request.max_new_tokens - len(row.tokens))
            if not self._narrow(row, packed) or not _allows(packed, token):
                break
            self._take(row, token)
            if row.reason is not None:
                break
        self.clock.tokens += len(row.tokens) - before
        self.clock.mask += time.perf_counter() - began
        return len(row.tokens) > before

    def _take(self, row: Row, token: int) -> None:
        if token in self.eos:
            row.reason = "stop"
            return
        matcher = row.matcher
        if matcher is not None:
            matcher.advance(token)
        row.tokens.append(token)
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
        row.logprobs.pop()  # a row goes back when it is to choose, and then its forced tokens have theirs
        row.read -= 1
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


def _allows(packed: NDArray[np.int32], token: int) -> bool:
    return bool(int(packed[token >> 5]) >> (token & 31) & 1)


def _clear(packed: NDArray[np.int32], token: int) -> None:
    packed.view(np.uint32)[token >> 5] &= np.uint32(~(1 << (token & 31)) & 0xFFFFFFFF)
