"""Borders of both sides: a model whose attention is by spans, beside the same with masked rows."""

from __future__ import annotations

import pytest
from fixtures.frameworks import require
from fixtures.loader_data import make_store, web_lengths

import pypack
from pypack import Loader
from pypack.objectives import UL2, Denoiser, SpanCorruption, pack_pairs

torch = require("torch")

# The models of these tests have embeddings for the sentinels behind the vocabulary of the store.
pytestmark = pytest.mark.filterwarnings("ignore:.*beyond the vocabulary:UserWarning")

IDS = {"sentinel_ids": range(299, 199, -1), "end_id": 1, "start_id": 0}
OBJECTIVES = [
    SpanCorruption(0.15, 3, **IDS),
    UL2([Denoiser("spans", 0.5, 4, (3,)), Denoiser("prefix", 0.5, mode=(4,))], **IDS),
]
HEADS, DIM = 2, 8


def flash_attn_varlen_func(
    q, k, v, cu_seqlens_q, cu_seqlens_k, max_seqlen_q, max_seqlen_k, dropout_p=0.0, causal=False
):
    """The definition: every span's queries with the keys of the span of the same number."""
    assert cu_seqlens_q.dtype == cu_seqlens_k.dtype == torch.int32
    assert len(cu_seqlens_q) == len(cu_seqlens_k)
    assert max_seqlen_q == int(cu_seqlens_q.diff().max())
    assert max_seqlen_k == int(cu_seqlens_k.diff().max())
    queries, keys, values = (
        torch.tensor_split(tensor, borders[1:-1].long())
        for tensor, borders in ((q, cu_seqlens_q), (k, cu_seqlens_k), (v, cu_seqlens_k))
    )
    attend = torch.nn.functional.scaled_dot_product_attention
    parts = [
        attend(*(one.transpose(0, 1) for one in span), is_causal=causal).transpose(0, 1)
        for span in zip(queries, keys, values, strict=True)
    ]
    return torch.cat(parts)


class Block(torch.nn.Module):
    """Attention of queries to keys and values of `states`, by what it is given."""

    def __init__(self):
        super().__init__()
        self.project = torch.nn.ModuleList(torch.nn.Linear(HEADS * DIM, HEADS * DIM) for _ in range(4))

    def forward(self, hidden, states, attend):
        shape = (*hidden.shape[:-1], HEADS, DIM)
        query, key, value = (
            layer(one).view(*one.shape[:-1], HEADS, DIM)
            for layer, one in zip(self.project, (hidden, states, states), strict=False)
        )
        out = attend(query, key, value)
        assert out.shape == shape
        return hidden + self.project[3](out.flatten(-2))


class Model(torch.nn.Module):
    """A layer of an encoder, and of a decoder with attention to it; positions are learned."""

    def __init__(self):
        super().__init__()
        self.tokens = torch.nn.Embedding(300, HEADS * DIM)
        self.places = torch.nn.Embedding(128, HEADS * DIM)
        self.encoder, self.decoder, self.cross = Block(), Block(), Block()

    def forward(self, batch, attention):
        """The sum of the losses. `attention`: of the three, functions of queries, keys and values."""
        states = self.tokens(batch.input_ids) + self.places(batch.position_ids)
        states = self.encoder(states, states, attention[0])
        hidden = self.tokens(batch.decoder_input_ids) + self.places(batch.decoder_position_ids)
        hidden = self.decoder(hidden, hidden, attention[1])
        logits = self.cross(hidden, states, attention[2]) @ self.tokens.weight.T
        return torch.nn.functional.cross_entropy(
            logits.flatten(0, -2), batch.labels.flatten(), ignore_index=-100, reduction="sum"
        )


def by_borders(batch):
    from pypack.adapters.encoder_decoder import flash_attention_arguments

    return [
        lambda q, k, v, arguments=arguments: flash_attn_varlen_func(q, k, v, **arguments)
        for arguments in flash_attention_arguments(batch)
    ]


def by_masks(batch):
    from pypack.adapters.encoder_decoder import masks

    def attend(q, k, v, mask):
        rows = (one.transpose(1, 2) for one in (q, k, v))
        return torch.nn.functional.scaled_dot_product_attention(*rows, attn_mask=mask).transpose(1, 2)

    return [lambda q, k, v, mask=mask: attend(q, k, v, mask) for mask in masks(batch)]


@pytest.mark.parametrize("objective", OBJECTIVES, ids=["spans", "ul2"])
def test_losses_and_gradients_are_those_of_padded_rows(tmp_path, objective):
    store = make_store(tmp_path / "a.store", web_lengths(40), vocab_size=200, shard_tokens=10**9)
    plan = pack_pairs(store.lengths, objective, 96, 64)
    options = {"batch_sequences": 4, "objective": objective, "seed": 1}
    torch.manual_seed(0)
    model = Model().double()
    found = []
    for layout, attention in (("varlen", by_borders), ("padded", by_masks)):
        batch = Loader(store, plan, layout=layout, **options).batch_at(0).to_torch()
        assert batch.num_spans > 6
        model.zero_grad()
        loss = model(batch, attention(batch))
        loss.backward()
        found.append([loss.detach(), *(one.grad.clone() for one in model.parameters())])
    torch.testing.assert_close(found[0], found[1])
    with torch.no_grad():  # and of micro-batches of it
        batch = Loader(store, plan, layout="varlen", **options).batch_at(0).to_torch()
        parts = [model(part, by_borders(part)) for part in batch.split(2)]
    torch.testing.assert_close(sum(parts), found[0][0])


def test_torch_takes_the_same_borders(tmp_path):
    """The names of `varlen_attn`, with which the flash signature's arguments agree one by one."""
    from pypack.adapters.encoder_decoder import flash_attention_arguments, varlen_arguments

    store = make_store(tmp_path / "a.store", web_lengths(40), vocab_size=200)
    plan = pack_pairs(store.lengths, OBJECTIVES[0], 96, 64)
    batch = Loader(store, plan, batch_sequences=2, objective=OBJECTIVES[0], layout="varlen").batch_at(0)
    for own, flash in zip(varlen_arguments(batch), flash_attention_arguments(batch), strict=True):
        assert torch.equal(own["cu_seq_q"], flash["cu_seqlens_q"])
        assert torch.equal(own["cu_seq_k"], flash["cu_seqlens_k"])
        assert (own["max_q"], own["max_k"]) == (flash["max_seqlen_q"], flash["max_seqlen_k"])
        assert own["window_size"] == ((-1, 0) if flash["causal"] else (-1, -1))
    assert [one["causal"] for one in flash_attention_arguments(batch)] == [False, True, False]


def test_each_layout_has_its_own_words(tmp_path):
    from pypack.adapters import encoder_decoder, torch_attention

    store = make_store(tmp_path / "a.store", web_lengths(40), vocab_size=200)
    plan = pack_pairs(store.lengths, OBJECTIVES[0], 96, 64)
    options = {"batch_sequences": 2, "objective": OBJECTIVES[0]}
    padded, varlen = (
        Loader(store, plan, layout=name, **options).batch_at(0) for name in ("padded", "varlen")
    )
    with pytest.raises(ValueError, match="a varlen batch has no rows to mask: flash_attention_arguments"):
        encoder_decoder.masks(varlen)
    one_side = Loader(store, pypack.pack(store.lengths, 64), batch_sequences=2, layout="varlen").batch_at(0)
    for adapt in (encoder_decoder.flash_attention_arguments, encoder_decoder.varlen_arguments):
        for batch in (padded, one_side):
            with pytest.raises(ValueError, match="make the loader with layout='varlen' and a plan of"):
                adapt(batch)
    for adapt in (
        torch_attention.varlen_arguments,
        torch_attention.flash_attention_arguments,
        torch_attention.segment_mask,
    ):
        with pytest.raises(ValueError, match="inputs of an encoder and targets of a decoder"):
            adapt(varlen)
