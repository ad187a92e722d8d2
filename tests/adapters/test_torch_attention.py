"""The attention kernels of torch, xformers and flash-attention's signature, on packed batches."""

from __future__ import annotations

import itertools

import pytest
from fixtures.frameworks import require, without_compiling
from fixtures.packed_documents import make_documents, make_loader

from pypack.adapters import torch_attention

torch = require("torch")
segment_mask = require("pypack.adapters.segment_mask")
HEADS, DIM = 2, 8


def attention_alone(query, key, value, borders, causal=True, window=None):
    """Attention [T, heads, dim], one document at a time: the definition."""
    out = torch.empty_like(query)
    for begin, end in itertools.pairwise(borders):
        q, k, v = (t[begin:end].transpose(0, 1) for t in (query, key, value))
        scores = q @ k.transpose(1, 2) / DIM**0.5
        if causal:
            scores.masked_fill_(torch.ones_like(scores[0], dtype=torch.bool).triu(1), float("-inf"))
        if window is not None:
            scores.masked_fill_(torch.ones_like(scores[0], dtype=torch.bool).tril(-window), float("-inf"))
        out[begin:end] = (scores.softmax(-1) @ v).transpose(0, 1)
    return out


@pytest.fixture
def varlen(tmp_path):
    """A batch with its queries, keys and values, and what attention must give."""
    batch = make_loader(tmp_path / "store", make_documents(), layout="varlen").batch_at(0)
    torch.manual_seed(0)
    projected = [torch.randn(len(batch.input_ids), HEADS, DIM, requires_grad=True) for _ in range(3)]
    return batch, projected, attention_alone(*projected, batch.cu_seqlens.tolist())


def assert_same(found, expected, projected):
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-5)
    weights = torch.randn_like(expected)
    for one, other in zip(
        torch.autograd.grad((found * weights).sum(), projected),
        torch.autograd.grad((expected * weights).sum(), projected),
        strict=True,
    ):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-5)


@pytest.mark.filterwarnings("ignore:The PyTorch API of nested tensors is in prototype stage:UserWarning")
def test_nested_tensors(varlen):
    """Without the causal mask, which torch's nested attention has on GPUs only: the borders are the same."""
    batch, projected, _expected = varlen
    query, key, value = (torch_attention.nested(t, batch) for t in projected)
    out = torch.nn.functional.scaled_dot_product_attention(query, key, value)
    expected = attention_alone(*projected, batch.cu_seqlens.tolist(), causal=False)
    assert_same(out.transpose(1, 2).values(), expected, projected)


@pytest.mark.parametrize("window", [None, 1, 3, 12, 50])
def test_segment_mask(varlen, window):
    batch, projected, _expected = varlen
    mask = torch_attention.segment_mask(batch, window)
    total = len(batch.input_ids)
    assert mask.shape == (1, 1, total, total)
    assert mask.stride()[-2:] == (0, 0)  # no mask in memory
    query, key, value = (t.transpose(0, 1)[None] for t in projected)
    attend = torch.nn.functional.scaled_dot_product_attention
    out = attend(query, key, value, attn_mask=mask)
    expected = attention_alone(*projected, batch.cu_seqlens.tolist(), window=window)
    assert_same(out[0].transpose(0, 1), expected, projected)
    # What is not attention sees the mask itself, whole.
    dense = mask.dense()
    assert type(dense) is torch.Tensor
    assert torch.equal(~mask, ~dense)
    assert torch.equal(mask[:, :, :, :5], dense[:, :, :, :5])
    torch.testing.assert_close(attend(query, key, value, attn_mask=dense), out)
    grouped = attend(query, key[:, :1], value[:, :1], attn_mask=mask, scale=0.5, enable_gqa=True)
    torch.testing.assert_close(
        grouped, attend(query, key[:, :1], value[:, :1], attn_mask=dense, scale=0.5, enable_gqa=True)
    )


def test_segment_mask_refuses_other_tokens():
    mask = segment_mask.SegmentMask([3, 2])
    assert repr(mask) == "SegmentMask(2 segments, 5 tokens, window=None)"
    for shape, is_causal in (((1, 2, 6, 4), False), ((2, 2, 5, 4), False), ((1, 2, 5, 4), True)):
        tokens = torch.zeros(shape)
        with pytest.raises(ValueError, match="a SegmentMask of 5 tokens takes"):
            torch.nn.functional.scaled_dot_product_attention(
                tokens, tokens, tokens, attn_mask=mask, is_causal=is_causal
            )


@pytest.mark.parametrize("window", [None, 3])
def test_flex_attention(tmp_path, window):
    flex = require("torch.nn.attention.flex_attention")
    batch = make_loader(tmp_path / "store", make_documents()).batch_at(0).to_torch()
    rows, length = batch.segment_ids.shape
    torch.manual_seed(0)
    query, key, value = (torch.randn(rows, HEADS, length, DIM) for _ in range(3))
    with without_compiling():
        mask = torch_attention.block_mask(batch.segment_ids, window)
        out = flex.flex_attention(query, key, value, block_mask=mask)
    for row, segment in itertools.product(range(rows), range(1, int(batch.segment_ids.max()) + 1)):
        inside = batch.segment_ids[row] == segment
        q, k, v = (t[row][:, inside] for t in (query, key, value))
        distance = torch.arange(q.shape[1])[:, None] - torch.arange(q.shape[1])
        scores = q @ k.transpose(1, 2) / DIM**0.5
        scores.masked_fill_((distance < 0) | (distance >= (window or length)), float("-inf"))
        torch.testing.assert_close(out[row][:, inside], scores.softmax(-1) @ v, rtol=1e-5, atol=1e-5)
    assert not out.isnan().any()


def test_varlen_attn(varlen):
    """torch's own function, down to its kernel, which needs a GPU: the definition stands in for that."""
    module = require("torch.nn.attention.varlen")
    batch, projected, expected = varlen
    projected = [tensor.detach() for tensor in projected]
    arguments = torch_attention.varlen_arguments(batch)

    class Definition(require("torch.utils._python_dispatch").TorchDispatchMode):
        def __torch_dispatch__(self, func, types, args=(), kwargs=None):
            if func is not torch.ops.torch_attn._varlen_attn.default:
                return func(*args, **(kwargs or {}))
            query, key, value, cu_seq_q, cu_seq_k, max_q, max_k, is_causal, *_ = args
            assert cu_seq_q.dtype == cu_seq_k.dtype == torch.int32
            assert max_q == max_k == int(cu_seq_q.diff().max())
            out = attention_alone(query, key, value, cu_seq_k.tolist(), causal=is_causal)
            return out, torch.empty(0), torch.empty(0)

    with Definition():
        out = module.varlen_attn(*projected, **arguments)
    torch.testing.assert_close(out, expected.detach(), rtol=1e-5, atol=1e-5)


def test_flash_attention_signature(varlen):
    """A minimal consumer with the signature of `flash_attn_varlen_func` (flash-attn needs a GPU)."""

    def flash_attn_varlen_func(
        q, k, v, cu_seqlens_q, cu_seqlens_k, max_seqlen_q, max_seqlen_k, dropout_p=0.0, causal=False
    ):
        assert cu_seqlens_q.dtype == cu_seqlens_k.dtype == torch.int32
        assert causal
        assert max_seqlen_q == max_seqlen_k == int(cu_seqlens_q.diff().max())
        return attention_alone(q, k, v, cu_seqlens_k.tolist())

    batch, projected, expected = varlen
    out = flash_attn_varlen_func(*projected, **torch_attention.flash_attention_arguments(batch))
    assert_same(out, expected, projected)


@pytest.mark.filterwarnings("ignore::DeprecationWarning:xformers")
def test_xformers_bias(varlen):
    """xformers' own block-diagonal mask, materialized by xformers (its kernels need a GPU)."""
    require("xformers.ops.fmha.attn_bias")
    from pypack.adapters import xformers

    batch, (query, key, value), expected = varlen
    bias = xformers.attention_bias(batch)
    length = len(batch.input_ids)
    scores = torch.einsum("qhd,khd->hqk", query, key) / DIM**0.5
    scores = scores + bias.materialize((1, 1, length, length))[0, 0]
    out = torch.einsum("hqk,khd->qhd", scores.softmax(-1), value)
    assert_same(out, expected, [query, key, value])


def test_the_padded_layout_is_refused(tmp_path):
    batch = make_loader(tmp_path / "store", make_documents()).batch_at(0)
    for adapt in (
        torch_attention.varlen_arguments,
        torch_attention.flash_attention_arguments,
        torch_attention.segment_mask,
    ):
        with pytest.raises(ValueError, match='make the loader with layout="varlen"'):
            adapt(batch)
