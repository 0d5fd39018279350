"""Forced text: the bytes that must come next, as the tokens that the model's own tokenizer would write.

Where a constraint leaves one way to go on (the name of a required property, the rest of a constant), there is nothing
to ask a model. What there is to decide is where tokens begin and end, and that is the tokenizer's business: the forced
bytes are tokenized together with the tokens before them, as running text.

The end of the forced bytes need not be the end of a token: after ``"city": "`` a model may write ``"P`` as one token.
So only tokens are given that are right however the text goes on. Let F be the forced bytes and F[q:] an end of them
that some longer token starts with, one that the constraint allows to go on. If such a token is written, what stands
before it is the tokenization of F[:q]; if none is, that of F. Tokens that all of these begin with are given; the model
chooses the rest. (llguidance's ``chop_tokens`` looks at the tokens of F alone.) That is exact for tokenizers that split
a part of a text between two borders of tokens as they split it within the text. BPE, Unigram and WordPiece do, but for
white space: where several blanks end F, GPT-2's pattern and its heirs look at the character after them. So these are
left to the model, too.

Cost: some calls of the tokenizer for each distinct end of a text, 0.1 to 0.5 ms together, where bytes are forced.

What it cannot do: it gives nothing where the tokenizer does not spell the bytes as they are (it normalizes or lowers
them). The model writes such bytes token by token, as it writes all others.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from relark.language import derive
from relark.language.completion import is_empty

if TYPE_CHECKING:
    from relark.language import Term
    from relark.matcher import Matcher
    from relark.tokens.vocabulary import Vocabulary

__all__ = ["CONTEXT", "LONGEST_RUN", "Speller"]

CONTEXT = 4  # tokens before the forced text that are looked at
LONGEST_RUN = 64  # tokens
_LOOKED_AT = 8 * LONGEST_RUN  # bytes of forced text that are tokenized at once
_REMEMBERED = 4096  # answers
_CONTEXTS = (CONTEXT, 1, 0)  # so many of them are tokenized with it: the first number that works
_ANCHORS = ("", "\n")  # what is put before those: tokenizers treat the start of a text in ways of their own


class Speller:
    """Tokenizes forced text for one model.

    tokenizer    a transformers tokenizer, or what is called like one
    vocabulary   its vocabulary, as wide as the model's logits
    """

    def __init__(self, tokenizer: Any, vocabulary: Vocabulary) -> None:
        self._tokenizer, self._vocabulary = tokenizer, vocabulary
        self._known: dict[tuple[tuple[int, ...], bytes, Term], tuple[int, ...]] = {}

    def tokens(self, matcher: Matcher, before: Sequence[int]) -> tuple[int, ...]:
        """Token ids to append after ``before``: none where the model has a choice to make.

        matcher   the constraint, after ``before``'s generated part; not moved
        before    the ids of the text so far, the prompt's too; the last `CONTEXT` are enough

        There may be more to force after what is given.
        """
        forced = matcher.forced_bytes()
        if not forced:
            return ()
        context = self._context(before)
        forced = _whole_characters(self._bytes(context), forced[:_LOOKED_AT])
        if not forced:
            return ()
        key = context, forced, matcher.state
        known = self._known.get(key)
        if known is None:
            if len(self._known) >= _REMEMBERED:
                self._known.clear()
            known = self._known[key] = self._spell(context, forced, matcher.state)
        return known

    def _context(self, before: Sequence[int]) -> tuple[int, ...]:
        """The last tokens of ``before``, back to one that is no text."""
        found: list[int] = []
        for token in reversed(before[-CONTEXT:]):
            if not self._vocabulary.token_bytes[token]:
                break
            found.append(token)
        return tuple(reversed(found))

    def _bytes(self, tokens: Sequence[int]) -> bytes:
        return self._vocabulary.decode(tokens)

    def _spell(self, context: tuple[int, ...], forced: bytes, state: Term) -> tuple[int, ...]:
        starts = self._crossings(forced, state)
        if 0 in starts:
            return ()
        for length in _CONTEXTS:
            if length > len(context):
                continue
            last = context[len(context) - length :]
            text = self._bytes(last)
            if not _is_text(text + forced):
                continue
            for anchor in _ANCHORS:
                head = (*self._encode(anchor), *last)
                spelled = self._tail(head, anchor, text + forced)
                if spelled is None or self._bytes(spelled) != forced:
                    continue
                for start in starts:
                    other = self._tail(head, anchor, _whole(text + forced[:start]))
                    spelled = () if other is None else _shared(spelled, other)
                return spelled
        return ()

    def _encode(self, text: str) -> tuple[int, ...]:
        return tuple(self._tokenizer(text, add_special_tokens=False)["input_ids"]) if text else ()

    def _tail(self, head: tuple[int, ...], anchor: str, data: bytes) -> tuple[int, ...] | None:
        """The tokens of ``anchor + data`` after ``head``; None where they do not begin with ``head``."""
        ids = self._encode(anchor + data.decode())
        return ids[len(head) :] if ids[: len(head)] == head else None

    def _crossings(self, forced: bytes, state: Term) -> list[int]:
        """The places in ``forced`` where a token may start, for all that ``state`` says, that goes on after it; and
        where white space starts that depends on what goes on.
        """
        end = state
        for byte in forced:
            end = derive(end, byte)
        trie = self._vocabulary.trie
        blanks = len(forced) - len(forced.rstrip())
        found = [len(forced) - blanks] if blanks > 1 and end.first else []
        for start in range(max(0, len(forced) - trie.max_token_length + 1), len(forced)):
            node = 0
            for byte in forced[start:]:
                children = self._children(node)
                place = int(trie.byte[children.start : children.stop].searchsorted(byte))
                if place == len(children) or trie.byte[children[place]] != byte:
                    break
                node = children[place]
            else:
                if self._leads_on(node, end):
                    found.append(start)
        return found

    def _children(self, node: int) -> range:
        trie = self._vocabulary.trie
        first = int(trie.first_child[node])
        return range(first, first + int(trie.n_children[node]))  # in the order of their bytes

    def _leads_on(self, node: int, state: Term) -> bool:
        """Whether a token below ``node``, where ``state`` holds, leads to where a text can be completed."""
        trie = self._vocabulary.trie
        work = [(node, state)]
        while work:
            above, language = work.pop()
            for child in self._children(above):
                byte = int(trie.byte[child])
                if language.first >> byte & 1:
                    after = derive(language, byte)
                    if not is_empty(after):
                        if trie.token_start[child] < trie.token_start[child + 1]:
                            return True
                        work.append((child, after))
        return False


def _is_text(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True


def _whole(data: bytes) -> bytes:
    """``data`` without the character that it may end inside of."""
    for size in range(len(data), max(-1, len(data) - 4), -1):
        if _is_text(data[:size]):
            return data[:size]
    return data


def _whole_characters(before: bytes, data: bytes) -> bytes:
    """As much of ``data`` as ends in whole characters, after ``before``, whose own start may lie inside one."""
    for size in range(len(data), max(-1, len(data) - 4), -1):
        if (before + data[:size]).decode(errors="ignore").encode()[-1:] == (before + data[:size])[-1:]:
            return data[:size]
    return b""


def _shared(one: tuple[int, ...], other: tuple[int, ...]) -> tuple[int, ...]:
    """What both begin with."""
    for i, (a, b) in enumerate(zip(one, other, strict=False)):
        if a != b:
            return one[:i]
    return one[: len(other)]
