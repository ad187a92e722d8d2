"""Packed inputs and targets on a tiny T5: the loss and gradients of one span at a time."""

from __future__ import annotations

import pytest
from fixtures.frameworks import require
from fixtures.loader_data import make_store, web_lengths

import pypack
from pypack import Loader
from pypack.objectives import UL2, Denoiser, SpanCorruption, pack_pairs

torch = require("torch")
transformers = require("transformers")

# The models of these tests have embeddings for the sentinels behind the vocabulary of the store.
pytestmark = pytest.mark.filterwarnings("ignore:.*beyond the vocabulary:UserWarning")

IDS = {"sentinel_ids": range(299, 199, -1), "end_id": 1, "start_id": 0}
OBJECTIVES = [
    SpanCorruption(0.15, 3, **IDS),
    UL2([Denoiser("spans", 0.5, 4, (3,)), Denoiser("prefix", 0.5, mode=(4,))], **IDS),
]


@pytest.fixture(scope="module")
def model():
    torch.manual_seed(0)
    config = transformers.T5Config(
        vocab_size=300,
        d_model=32,
        d_kv=8,
        d_ff=64,
        num_layers=2,
        num_heads=4,
        dropout_rate=0.0,
        decoder_start_token_id=0,
    )
    return transformers.T5ForConditionalGeneration(config).double().eval()


def loss_of_packed(model, batch):
    """The sum of the losses of a packed batch."""
    from pypack.adapters.encoder_decoder import additive, masks

    tensors = batch.to_torch()
    encoder, decoder, cross = (additive(mask, torch.float64) for mask in masks(tensors))
    states = model.encoder(tensors.input_ids, attention_mask=encoder)
    out = model(
        encoder_outputs=states,
        attention_mask=cross,
        decoder_input_ids=tensors.decoder_input_ids,
        decoder_attention_mask=decoder,
    )
    return torch.nn.functional.cross_entropy(
        out.logits.flatten(0, 1), tensors.labels.flatten(), ignore_index=-100, reduction="sum"
    )


def loss_of_spans(model, batch):
    """The same of each span by itself, as transformers makes the decoder's inputs."""
    total = torch.zeros((), dtype=torch.float64)
    for row in range(batch.num_rows):
        for number in range(1, int(batch.segment_ids[row].max()) + 1):
            inputs = torch.from_numpy(batch.input_ids[row][batch.segment_ids[row] == number][None])
            labels = torch.from_numpy(batch.labels[row][batch.decoder_segment_ids[row] == number][None])
            total = total + model(input_ids=inputs, labels=labels).loss * labels.numel()
    return total


@pytest.mark.parametrize("objective", OBJECTIVES, ids=["spans", "ul2"])
def test_losses_and_gradients_are_those_of_single_spans(tmp_path, model, objective):
    store = make_store(tmp_path / "a.store", web_lengths(40), vocab_size=200, shard_tokens=10**9)
    plan = pack_pairs(store.lengths, objective, 96, 64)
    batch = Loader(store, plan, batch_sequences=4, objective=objective, seed=1).batch_at(0)
    assert batch.num_spans > 6
    found = []
    for loss_of in (loss_of_packed, loss_of_spans):
        model.zero_grad()
        loss = loss_of(model, batch)
        loss.backward()
        found.append((float(loss.detach()), model.shared.weight.grad.clone()))
    assert found[0][0] == pytest.approx(found[1][0], rel=1e-9)
    torch.testing.assert_close(found[0][1], found[1][1])


def test_batches_with_one_side_are_refused(tmp_path):
    from pypack.adapters.encoder_decoder import masks

    store = make_store(tmp_path / "a.store", web_lengths(40))
    batch = Loader(store, pypack.pack(store.lengths, 64), batch_sequences=2).batch_at(0)
    with pytest.raises(ValueError, match="need both sides' segment_ids"):
        masks(batch)
