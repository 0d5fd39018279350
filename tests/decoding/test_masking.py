"""Packed masks applied to logits: bit by bit what a loop over the bits gives, on every device."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from relark.decoding.masking import blank, forbidden, masked


@pytest.mark.parametrize("size", [1, 31, 32, 400, 416, 1000])
def test_bits_forbid_what_they_do_not_allow(size: int) -> None:
    n_words = (size + 31) // 32
    packed = np.random.default_rng(size).integers(-(2**31), 2**31, (3, n_words), dtype=np.int32)
    expected = [[not int(packed[row, i >> 5]) >> (i & 31) & 1 for i in range(size)] for row in range(3)]
    words = blank(3, n_words, torch.device("cpu"))
    words.numpy()[:] = packed
    assert forbidden(words, size).tolist() == expected
    logits = torch.randn(3, size)
    before = logits.clone()
    scores = masked(logits, words)
    assert (scores == -torch.inf).tolist() == expected
    assert torch.equal(scores[~forbidden(words, size)], logits[~forbidden(words, size)])
    assert torch.equal(logits, before)


def test_no_device_needs_more_than_the_words() -> None:
    """Shapes and types on a device that holds no data: what an accelerator would be asked to do."""
    words = torch.empty((5, 13), dtype=torch.int32, device="meta")
    found = forbidden(words, 400)
    assert (found.shape, found.dtype, found.device.type) == ((5, 400), torch.bool, "meta")
    logits = torch.empty((5, 400), device="meta")
    scores = masked(logits, blank(5, 13, torch.device("cpu")))
    assert (scores.shape, scores.dtype, scores.device.type) == ((5, 400), torch.float32, "meta")


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_on_cuda_the_copy_is_pinned_and_the_scores_are_the_same() -> None:
    cuda = torch.device("cuda")
    words = blank(64, 4008, cuda)
    assert words.is_pinned()
    words.numpy()[:] = np.random.default_rng(0).integers(-(2**31), 2**31, (64, 4008), dtype=np.int32)
    logits = torch.randn(64, 128256)
    assert torch.equal(masked(logits.to(cuda), words).cpu(), masked(logits, words))
