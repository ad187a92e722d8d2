"""Pinned batches, with torch's pinned memory stood in for where there is no CUDA."""

from __future__ import annotations

import numpy as np
import pytest
from fixtures.loader_data import make_source

from pypack import Loader

torch = pytest.importorskip("torch")


@pytest.fixture
def source(tmp_path):
    return make_source(tmp_path / "a.store")


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine can pin memory")
def test_without_cuda_the_error_says_what_to_do(source):
    with pytest.raises(RuntimeError, match="pin_memory=True needs a CUDA device; leave it out"):
        Loader(*source, batch_sequences=4, pin_memory=True)


@pytest.mark.parametrize("prefetch", [0, 3])
@pytest.mark.parametrize(
    "options", [{}, {"layout": "varlen"}, {"layout": "varlen", "pad_to": 300}, {"arrays": ["loss_mask"]}]
)
def test_batches_are_made_in_the_pinned_memory(source, monkeypatch, prefetch, options):
    """The stand-in hands out plain memory, and keeps what was asked of it."""
    blocks, copied = [], []
    empty = torch.empty

    def pinned_empty(size, *, dtype, pin_memory):
        assert pin_memory
        blocks.append(empty(size, dtype=dtype))
        return blocks[-1]

    def pin(tensor):
        copied.append(tensor)
        return tensor

    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch, "empty", pinned_empty)
    monkeypatch.setattr(torch.Tensor, "pin_memory", pin)
    options = {"batch_sequences": 4, "prefetch": prefetch, **options}
    plain = Loader(*source, **options)
    loader = Loader(*source, **options, pin_memory=True)
    for batch in loader:
        expected = plain.batch_at(batch.step).to_dict()
        assert batch.to_dict().keys() == expected.keys()
        for name, value in expected.items():
            np.testing.assert_array_equal(np.asarray(getattr(batch, name)), value, err_msg=name)
        ends = [(block.data_ptr(), block.data_ptr() + block.nbytes) for block in blocks]
        for name in ("input_ids", "labels", "position_ids", "segment_ids", "loss_mask"):
            if (tensor := getattr(batch, name)) is not None:
                assert any(low <= tensor.data_ptr() < high for low, high in ends), name
    assert len(blocks) == len(loader)  # one for each batch, none more
    small = sum(tensor.numel() for tensor in copied)
    assert small < sum(block.numel() for block in blocks) / 8  # only the arrays of the spans are copied
