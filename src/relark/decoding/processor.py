"""``relark.LogitsProcessor``: a constraint inside the model's own ``generate``.

    processor = relark.LogitsProcessor(relark.regex(r"\\d+"), tokenizer=tokenizer, model=model, max_new_tokens=20)
    output = model.generate(**inputs, max_new_tokens=20, logits_processor=[processor])
    texts = processor.texts(output)

When to use it: for what ``relark.generate`` does not do: beams, assisted decoding, other processors,
``output_scores`` ... Where it need not be this, `relark.generate` is the better tool: it saves the pass that only
finds out that nothing can follow, goes back from dead ends, and knows its prompts.

Works with: greedy search, sampling with any warper, beam search, beam sampling, ``num_return_sequences``, padded
batches, assisted decoding (the same tokenizer, or another with ``foreign_assistant=True``), prompt look-up,
pipelines, and processors that only change finite scores, before or after it.

How: nothing is kept per row. A row's state is the constraint advanced by the tokens after its prompt, looked up by
those tokens, so rows may be reordered, repeated, finished and padded, and shorter prefixes visited again.

Where the prompt ends is known exactly where you say so: ``prompt=`` (or `for_prompt`) takes what you pass to
``generate``, or just the number of columns. Otherwise the first call's ``input_ids`` are taken as the prompt, and
a later call as a new prompt unless it goes on from the last call by one token per row. So one processor may serve
many calls; a call that could be read both ways (ids seen before as generated text: assisted decoding, or output
passed in again as a prompt) raises ArgumentError and asks for ``prompt=``. One case cannot be told: output
that was cut short and is passed in again *whole* is continued under the constraint. Calls from several threads are kept
apart.

What breaks a constraint in ``generate``, and what happens here:

    banned tokens             ``no_repeat_ngram_size``, ``bad_words_ids``, ``suppress_tokens``, ``min_new_tokens``,
                              ``forced_eos_token_id`` ...: the text stays inside the constraint; where no allowed
                              token is left DeadEndError is raised (transformers would go on with token 0). `check`
                              tells beforehand
    tokens forced after us    a processor behind this one that raises scores from -inf: TokenNotAllowed at the next
                              token, for the very last token by `texts`
    text cut short            ``max_new_tokens`` reached: impossible where it is also given here. ``stop_strings``,
                              ``max_time``, stopping criteria: `check` and `texts` raise
    processors dropped        continuous batching (``generate_batch``, ``cache_implementation="paged"``) ignores
                              all custom processors: `check` and `texts` raise
    beams beyond the language when fewer texts than beams exist, transformers pads its result with empty or repeated
                              rows: `texts` raises for rows that are no text of the constraint

Cost: as the matcher's, per row and call. Not thread-safe within one ``generate`` call; several may share the
object.
"""

from __future__ import annotations

import copy
import threading
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
import transformers

from relark.decoding.masking import blank, masked
from relark.decoding.models import logits_width
from relark.errors import ArgumentError, BudgetError, DeadEndError, ModelError, TokenNotAllowed
from relark.matcher import fill_masks
from relark.tokens.vocabulary import Vocabulary

if TYPE_CHECKING:
    from relark.constraint import Constraint
    from relark.matcher import Matcher

__all__ = ["LogitsProcessor"]

_REMEMBERED = 4096  # prefixes with a matcher at hand; others are walked again from the start


class LogitsProcessor(transformers.LogitsProcessor):
    """A constraint for ``model.generate(..., logits_processor=[...])``.

    constraint          a `relark.Constraint`, or a list with one for each prompt of the batch (None: free text)
    tokenizer           the model's tokenizer (or a `relark.Vocabulary`)
    model               gives the width of the logits and the EOS ids at which its ``generate`` stops; recommended.
                        Without it the width is that of the first scores and EOS is the tokenizer's
    eos_token_id        one id or several, where ``generate`` is told other ones than the model's
    max_new_tokens      the same number as ``generate`` gets: then the text is complete within it. None: it is
                        complete when it ends, but may be cut off
    prompt              what ``generate`` gets: its ``input_ids``, a mapping with them, or their number of columns.
                        None: taken from the first call (see the module's page)
    foreign_assistant   let calls pass unmasked whose ids or width are not those of this model: an assistant with
                        another tokenizer. Its drafts are judged by the main model's masks. Needs prompt=

    Raises ArgumentError; UnsatisfiableError; in a call also BudgetError, DeadEndError, TokenNotAllowed, ModelError.
    """

    supports_continuous_batching = False

    def __init__(
        self,
        constraint: Constraint | Sequence[Constraint | None],
        *,
        tokenizer: Any,
        model: Any = None,
        eos_token_id: int | Sequence[int] | None = None,
        max_new_tokens: int | None = None,
        prompt: Any = None,
        foreign_assistant: bool = False,
    ) -> None:
        self._constraints = _constraints(constraint)
        if max_new_tokens is not None and (type(max_new_tokens) is not int or max_new_tokens < 1):
            raise ArgumentError(f"max_new_tokens={max_new_tokens!r}: expected an int of 1 or more, or None.")
        if foreign_assistant and prompt is None:
            raise ArgumentError(
                "foreign_assistant=True needs prompt=, to tell the main model's calls from the assistant's."
            )
        self._tokenizer, self._eos, self._max_new_tokens = tokenizer, eos_token_id, max_new_tokens
        self._foreign_assistant = foreign_assistant
        if eos_token_id is None and model is not None:
            self._eos = getattr(getattr(model, "generation_config", None), "eos_token_id", None)
        self._defaults = None if model is None else model.generation_config
        self._vocabulary: Vocabulary | None = None
        if isinstance(tokenizer, Vocabulary):
            self._vocabulary = tokenizer
        elif model is not None:
            self._vocabulary = Vocabulary.from_tokenizer(tokenizer, logits_width(model), self._eos)
        self._prompt = None if prompt is None else _prompt(prompt)
        self._local = threading.local()

    def for_prompt(self, prompt: Any) -> LogitsProcessor:
        """A processor like this one for a call of ``generate`` with ``prompt`` (as in the constructor)."""
        other = copy.copy(self)
        other._prompt = _prompt(prompt)
        other._local = threading.local()
        return other

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        """Called by ``generate``: ids int64[B, n], scores float[B, V] -> scores with -inf for forbidden tokens."""
        if self._vocabulary is None:
            self._vocabulary = Vocabulary.from_tokenizer(self._tokenizer, scores.shape[-1], self._eos)
        rows = input_ids.detach().to("cpu", torch.int64).numpy()
        if scores.shape[-1] != self._vocabulary.size or not self._is_ours(rows):
            return self._foreign(scores)
        call = self._call_of(rows)
        call.last, call.length = [row.tobytes() for row in rows], rows.shape[1]
        left = self._tokens_left(rows.shape[1] - call.start)
        matchers: list[Matcher | None] = [None] * len(rows)
        judged: list[int] = []
        ended: list[int] = []
        lost: dict[int, TokenNotAllowed] = {}
        for i, row in enumerate(rows):
            which = _which(i, len(rows), len(self._constraints))
            constraint = self._constraints[which]
            if constraint is None:
                continue
            try:
                matcher = self._matcher(call, which, row[call.start :])
            except TokenNotAllowed as error:
                lost[i] = error
                continue
            if matcher is None:
                ended.append(i)
                continue
            judged.append(i)
            if rows.shape[1] == call.start and left is not None:
                self._check_budget(matcher, left, constraint)
            matchers[i] = matcher
        words = blank(len(rows), self._vocabulary.n_words, scores.device)
        fill_masks(matchers, words.numpy(), [left] * len(rows))
        result = masked(scores, words)
        eos = list(self._vocabulary.eos_ids)
        for i in ended:  # generate pads these rows itself; beams of them must stay what they are, and finite
            result[i] = -torch.inf
            result[i, eos] = 0.0
        if lost and not self._foreign_assistant:  # else its draft, which the model will not follow: let it be
            _check_dead_beams(lost, rows[:, : call.start], scores)
            result[list(lost)] = -torch.inf
        if len(ended) == len(call.prompts) == len(rows) and self._prompt is None and scores.device.type != "mps":
            raise ArgumentError(_TWO_WAYS)  # generate asks for nothing after the end, but on mps, and for repeated rows
        _check_scores(judged, scores, result, rows.shape[1] - call.start)
        return result

    # --- before and after ---------------------------------------------------------------------------------------------

    def check(self, generation_config: Any = None, **options: Any) -> None:
        """Raise ArgumentError for settings of ``generate`` that can break a constraint or cut its text short.

        generation_config   a ``GenerationConfig``; None: the model's own, if the processor was given a model
        options             what you pass to ``generate`` by name; these win
        """
        config = self._defaults if generation_config is None else generation_config
        found = {name: getattr(config, name, None) for name in _HARMFUL} if config is not None else {}
        found.update({name: value for name, value in options.items() if name in _HARMFUL})
        for name, value in found.items():
            if value is None or value == 0 or (name == "cache_implementation" and value != "paged"):
                continue
            raise ArgumentError(f"{name}={value!r:.60} {_HARMFUL[name]}")
        limit = options.get("max_new_tokens", getattr(config, "max_new_tokens", None))
        if self._max_new_tokens is not None and limit is not None and limit != self._max_new_tokens:
            raise ArgumentError(
                f"generate gets max_new_tokens={limit} and the processor max_new_tokens={self._max_new_tokens}; "
                "pass the same number to both."
            )

    def texts(self, sequences: Any) -> list[str]:
        """The generated texts, exact (from the tokens' bytes) and verified against the constraint.

        sequences   what ``generate`` returned: ids int64[B, n], prompts included, or an output object with
                    ``sequences``

        Raises TokenNotAllowed for a row with a forbidden token, BudgetError for a row that was cut before it was
        complete, ArgumentError where the processor was never called.
        """
        ids = getattr(sequences, "sequences", sequences)
        rows = torch.as_tensor(ids).detach().to("cpu", torch.int64).numpy()
        call = self._known_call()
        if call is None or self._vocabulary is None:
            raise ArgumentError(
                "generate never called this processor from this thread: it was not passed as "
                "logits_processor=[...], or dropped, as continuous batching does (generate_batch, "
                "cache_implementation='paged')."
            )
        texts = []
        for i, row in enumerate(rows):
            constraint = self._constraints[_which(i, len(rows), len(self._constraints))]
            tokens = []
            for token in row[call.start :].tolist():
                if token in self._vocabulary.eos_ids:
                    break
                tokens.append(token)
            if constraint is not None:
                matcher = constraint.matcher(self._vocabulary)
                try:
                    for token in tokens:
                        matcher.advance(token)
                except TokenNotAllowed as error:
                    raise TokenNotAllowed(
                        f"row {i + 1} of the output is no text of {constraint}: {error}. Another processor, or a "
                        "stopping criterion with padding, came after the mask.",
                        error.token_id,
                    ) from error
                if not matcher.is_accepting:
                    raise BudgetError(
                        f"row {i + 1} of the output was cut before it was complete, after {len(tokens)} tokens; "
                        "give the processor the same max_new_tokens as generate, and no stop strings, time limits "
                        "or more beams than there are texts."
                    )
            data = self._vocabulary.decode(tokens)
            texts.append(data.decode("utf-8", errors="replace" if constraint is None else "strict"))
        return texts

    # --- which call is this -------------------------------------------------------------------------------------------

    def _is_ours(self, rows: np.ndarray[Any, Any]) -> bool:
        """Whether ids belong to the prompt that was given, if one was."""
        prompt = self._prompt
        if prompt is None:
            return True
        if isinstance(prompt, int):
            return bool(rows.shape[1] >= prompt)
        if rows.shape[1] < prompt.shape[1] or len(rows) % len(prompt):
            return False
        return np.array_equal(rows[:, : prompt.shape[1]], np.repeat(prompt, len(rows) // len(prompt), axis=0))

    def _foreign(self, scores: torch.Tensor) -> torch.Tensor:
        if self._foreign_assistant:
            return scores
        size = self._vocabulary.size if self._vocabulary is not None else 0
        if scores.shape[-1] != size:
            raise ModelError(
                f"scores for {scores.shape[-1]} tokens, but the vocabulary has {size}: the processor was made for "
                "another model. Pass model= and its tokenizer; for an assistant with another tokenizer "
                "foreign_assistant=True."
            )
        raise ArgumentError(
            "generate was called with other input_ids than the prompt= that the processor was given; use "
            "processor.for_prompt(inputs) for each call. (For an assistant with another tokenizer: "
            "foreign_assistant=True.)"
        )

    def _known_call(self) -> _Call | None:
        found: _Call | None = getattr(self._local, "call", None)
        return found

    def _call_of(self, rows: np.ndarray[Any, Any]) -> _Call:
        """What is known of the ``generate`` call that ``rows`` belong to."""
        call = self._known_call()
        if self._prompt is not None:
            if call is None:
                start = self._prompt if isinstance(self._prompt, int) else self._prompt.shape[1]
                call = self._local.call = _Call(start, rows)
            return call
        if call is not None:
            width = rows.shape[1]
            before = [row[:-1].tobytes() for row in rows]
            if width == call.length + 1 and set(before) <= set(call.last):
                call.seen.update(map(hash, before))
                return call
            if width == call.start and {row.tobytes() for row in rows} == call.prompts:
                call.seen.update(map(hash, call.last))
                return call  # the same prompts again: their texts start anew
            call.seen.update(map(hash, call.last))
            if width > call.start and all(
                row[: call.start].tobytes() in call.prompts
                and (hash(row.tobytes()) in call.seen or (hash(b) in call.seen and self._may_follow(call, i, rows)))
                for i, (b, row) in enumerate(zip(before, rows, strict=True))
            ):
                raise ArgumentError(_TWO_WAYS)
        self._local.call = _Call(rows.shape[1], rows)
        return self._local.call  # type: ignore[no-any-return]

    # --- states -------------------------------------------------------------------------------------------------------

    def _may_follow(self, call: _Call, place: int, rows: np.ndarray[Any, Any]) -> bool:
        """Whether the last token of a row is one that this processor could have let through."""
        try:
            self._matcher(call, _which(place, len(rows), len(self._constraints)), rows[place, call.start :])
        except TokenNotAllowed:
            return False
        return True

    def _tokens_left(self, depth: int) -> int | None:
        if self._max_new_tokens is None:
            return None
        left = self._max_new_tokens - depth
        if left >= 1:
            return left
        if self._prompt is None:
            raise ArgumentError(
                f"generate writes more than the max_new_tokens={self._max_new_tokens} that the processor was "
                "given, or this is a new prompt that looks like a continuation; pass the same number to both, and "
                "prompt= to the processor."
            )
        return None  # a draft of prompt look-up that goes too far; generate cuts it

    # --- states -------------------------------------------------------------------------------------------------------

    def _matcher(self, call: _Call, which: int, suffix: np.ndarray[Any, Any]) -> Matcher | None:
        """The matcher after ``suffix``; None where EOS has ended the text. Raises TokenNotAllowed."""
        key = which, suffix.tobytes()
        if key in call.matchers:
            return call.matchers[key]
        constraint, vocabulary = self._constraints[which], self._vocabulary
        if constraint is None or vocabulary is None:
            return None
        matcher: Matcher | None
        known = len(suffix) - 1
        previous = which, suffix[:-1].tobytes()
        if known >= 0 and previous in call.matchers:
            parent = call.matchers[previous]
            matcher = None if parent is None else parent.fork()
        else:
            known, matcher = 0, constraint.matcher(vocabulary)
        for depth in range(known, len(suffix)):
            if matcher is None:
                break
            token = int(suffix[depth])
            if self._foreign_assistant and not _affordable(matcher, token, self._tokens_left(depth)):
                raise TokenNotAllowed(f"token {token} of a draft leaves too few tokens", token)
            matcher.advance(token)
            if token in vocabulary.eos_ids:
                matcher = None
        if len(call.matchers) >= _REMEMBERED:
            call.matchers.clear()
        call.matchers[key] = matcher
        return matcher

    def _check_budget(self, matcher: Matcher, left: int, constraint: Constraint) -> None:
        needed = matcher.min_tokens(left)
        if needed > left:
            raise BudgetError(
                f"the shortest text that satisfies {constraint} takes {needed} tokens and max_new_tokens is "
                f"{left}; pass max_new_tokens={needed} or more, to generate as well.",
                needed,
            )


def _affordable(matcher: Matcher, token: int, left: int | None) -> bool:
    return bool(int(matcher.mask(left)[token >> 5]) >> (token & 31) & 1)


def _check_dead_beams(lost: dict[int, TokenNotAllowed], prompts: np.ndarray[Any, Any], scores: torch.Tensor) -> None:
    """Raise, unless the rows with forbidden tokens are beams that ``generate`` holds at a score of -inf.

    Beam sampling fills up with such beams where there are fewer continuations than beams; nothing comes of them.
    They are told from a broken mask by two signs: another row of the same prompt is on its way, and the scores are
    log-probabilities (beam search) and not logits. Where the second sign errs, giving -inf for a whole row makes
    sampling raise, and `LogitsProcessor.texts` finds out the rest.
    """
    on_their_way = {prompts[i].tobytes() for i in range(len(prompts)) if i not in lost}
    sums = scores.logsumexp(dim=-1).tolist()
    for i, error in lost.items():
        if prompts[i].tobytes() not in on_their_way or not sums[i] < 1e-3:
            raise TokenNotAllowed(
                f"row {i + 1}: generate chose a token that was masked: {error}. A logits processor after this one "
                "raises scores from -inf: put it before. (Or this is a new prompt that looks like a continuation: "
                "pass prompt=.)",
                error.token_id,
            ) from error


def _check_scores(judged: list[int], scores: torch.Tensor, masked: torch.Tensor, depth: int) -> None:
    """Raise where a row under a constraint has no token left, or scores that mean nothing."""
    best = masked.amax(dim=-1).tolist()
    for i in judged:
        if best[i] != best[i]:
            raise ModelError(
                f"row {i + 1}: scores are NaN at token {depth + 1}. Weights in float16 often overflow: load the "
                "model in bfloat16 or float32."
            )
        if best[i] == float("-inf"):
            banned = bool((scores[i] == -torch.inf).any())
            why = (
                "every token that the constraint allows was banned by something else: no_repeat_ngram_size, "
                "min_new_tokens, forced_eos_token_id, bad_words_ids, suppress_tokens or another processor "
                "(processor.check(...) names it)"
                if banned
                else "the constraint allows no token here; relark.generate can go back from this, generate cannot"
            )
            raise DeadEndError(f"row {i + 1}, token {depth + 1}: {why}.")


class _Call:
    """One ``generate`` call: where its prompt ends, and what was found out about the texts after it."""

    def __init__(self, start: int, rows: np.ndarray[Any, Any]) -> None:
        self.start = start  # columns of the prompt
        self.prompts = {row[:start].tobytes() for row in rows}
        self.last: list[bytes] = []  # the rows of the last call
        self.length = -1  # their number of columns
        self.seen: set[int] = set()  # hashes of the rows of earlier calls
        self.matchers: dict[tuple[int, bytes], Matcher | None] = {}


def _which(row: int, rows: int, constraints: int) -> int:
    """The constraint of a row: generate repeats each prompt's row for beams and returned sequences."""
    if constraints == 1:
        return 0
    if rows % constraints:
        raise ArgumentError(f"{constraints} constraints for {rows} rows: give one for each prompt of the batch.")
    return row // (rows // constraints)


def _constraints(constraint: Any) -> list[Constraint | None]:
    found = list(constraint) if isinstance(constraint, (list, tuple)) else [constraint]
    for one in found:
        if not callable(getattr(one, "matcher", None)) and not (one is None and isinstance(constraint, (list, tuple))):
            raise ArgumentError(
                "constraint: expected a relark constraint (relark.regex(...), relark.choices(...), ...) or a list "
                f"of them, got {type(one).__name__} {one!r:.60}."
            )
    if not found:
        raise ArgumentError("constraint: the list is empty; give one for each prompt.")
    return found


def _prompt(prompt: Any) -> int | np.ndarray[Any, Any]:
    ids = prompt["input_ids"] if isinstance(prompt, Mapping) else prompt
    if isinstance(ids, int) and not isinstance(ids, bool):
        if ids < 0:
            raise ArgumentError(f"prompt={ids}: expected the number of columns of input_ids.")
        return ids
    rows = np.atleast_2d(torch.as_tensor(ids).detach().to("cpu", torch.int64).numpy())
    if rows.ndim != 2:
        raise ArgumentError(f"prompt: expected input_ids [B, n], got an array of shape {list(rows.shape)}.")
    return rows


_TWO_WAYS = (
    "these input_ids can be read in two ways: as text that this processor has seen being written (assisted "
    "decoding, prompt look-up), or as a new prompt that repeats it. Say which: pass prompt=inputs to the "
    "LogitsProcessor, or processor.for_prompt(inputs) for each call."
)
_BANS = "can leave no token that the constraint allows; leave it out."
_CUTS = "can cut the text before it is complete; leave it out (a constraint ends its text by itself)."
_HARMFUL = {
    "no_repeat_ngram_size": _BANS,
    "encoder_no_repeat_ngram_size": _BANS,
    "bad_words_ids": _BANS,
    "suppress_tokens": _BANS,
    "begin_suppress_tokens": _BANS,
    "min_length": _BANS,
    "min_new_tokens": _BANS,
    "forced_bos_token_id": _BANS,
    "forced_eos_token_id": _BANS,
    "prefix_allowed_tokens_fn": _BANS,
    "stop_strings": _CUTS,
    "max_time": _CUTS,
    "stopping_criteria": _CUTS,
    "cache_implementation": "means continuous batching, which drops logits processors; leave it out.",
    "assistant_ensemble_weight": "mixes in an assistant's scores after the mask; leave it out.",
}
