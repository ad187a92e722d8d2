"""torchtune, torchtitan, OLMo-core, NeMo and llm-foundry: their own code on packed batches."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from fixtures.frameworks import require, require_part
from fixtures.packed_documents import (
    assert_no_leak,
    assert_same_gradients,
    loss_alone,
    make_documents,
    make_loader,
)
from fixtures.tiny_models import VOCABULARY

torch = require("torch")


@pytest.fixture
def documents():
    return make_documents()


@pytest.fixture
def batch(tmp_path, documents):
    return make_loader(tmp_path / "store", documents).batch_at(0)


def mean_loss(logits, shifted_labels):
    return torch.nn.functional.cross_entropy(logits.flatten(0, 1), shifted_labels.flatten())


def test_torchtune(batch, documents):
    """Its own decoder and mask, with the recipe's shift of the labels."""
    llama2 = require("torchtune.models.llama2")
    from pypack.adapters import torchtune

    torch.manual_seed(0)
    model = llama2.llama2(
        vocab_size=VOCABULARY, num_layers=2, num_heads=4, num_kv_heads=2, embed_dim=32, max_seq_len=64
    )
    packed = torchtune.packed_batch(batch)
    labels = torch.hstack([packed["labels"][:, 1:], torch.full((len(packed["labels"]), 1), -100)])

    def run(tokens):
        return model(tokens, mask=packed["mask"], input_pos=packed["input_pos"])

    loss = mean_loss(run(packed["tokens"]), labels)
    assert_same_gradients(model, loss, loss_alone(model, documents))
    assert_no_leak(run, packed["tokens"], torch.from_numpy(batch.segment_ids))


def test_torchtune_mask_is_that_of_its_own_collation(batch):
    data = require("torchtune.data")
    from pypack.adapters import torchtune

    packed = torchtune.packed_batch(batch)
    lengths = [np.bincount(np.where(row > 0, row, row.max() + 1))[1:] for row in batch.segment_ids]
    samples = [
        {
            "tokens": packed["tokens"][r],
            "labels": packed["labels"][r],
            "input_pos": packed["input_pos"][r],
            "seq_lens": torch.from_numpy(lengths[r][lengths[r] > 0]),
        }
        for r in range(len(lengths))
    ]
    expected = data.padded_collate_packed(samples)
    assert packed.keys() == expected.keys()
    for key, value in expected.items():
        assert torch.equal(packed[key], value), key


def titan_mask_mod(positions):
    """The rule of torchtitan's documents, for where its package (which imports triton) cannot be loaded."""
    document = (positions == 0).int().cumsum(1)
    return lambda b, h, query, key: document[b, query] == document[b, key]


@pytest.mark.parametrize("real", [True, False], ids=["torchtitan", "minimal"])
def test_torchtitan_positions(batch, real):
    """Documents begin where `positions` is 0: exactly ours, and padding apart."""
    from pypack.adapters import torchtitan

    if real:
        mask_mod_of = require("torchtitan.models.common.attention").get_document_mask_mod
    else:
        mask_mod_of = titan_mask_mod
    inputs, labels = torchtitan.inputs_and_labels(batch)
    assert torch.equal(labels[:, :-1], torch.from_numpy(batch.labels)[:, 1:])
    assert (labels[:, -1] == -100).all()
    mask_mod = mask_mod_of(inputs["positions"])
    place = torch.arange(inputs["positions"].shape[1])
    segments = torch.from_numpy(batch.segment_ids)
    for row in range(len(segments)):
        sees = mask_mod(torch.tensor(row), None, place[:, None], place[None, :])
        same = segments[row][:, None] == segments[row][None, :]
        real_tokens = segments[row] > 0
        assert torch.equal(sees[real_tokens][:, real_tokens], same[real_tokens][:, real_tokens])
        assert not sees[real_tokens][:, ~real_tokens].any()


def test_olmo_core_reads_document_lengths_and_labels(batch, documents):
    utils = require("olmo_core.data.utils")
    from pypack.adapters import olmo_core

    arguments = olmo_core.batch_arguments(batch)
    rows, length = batch.input_ids.shape
    assert (arguments["doc_lens"].sum(1) == length).all()
    borders = utils.get_cumulative_document_lengths(arguments["doc_lens"])
    assert borders[-1] == rows * length
    flat = batch.segment_ids.ravel()
    for begin, end in zip(borders[:-1].tolist(), borders[1:].tolist(), strict=True):
        assert len(set(flat[begin:end].tolist())) == 1  # one document, or padding
    assert max(arguments["max_doc_lens"]) == int(borders.diff().max())
    labels = utils.get_labels(arguments)
    assert torch.equal(labels, batch.to_torch().shift_labels().labels)


def test_nemo_batch(batch, documents):
    """The keys, read as NeMo's forward step does: borders up to their argmin, loss by the mask."""
    from pypack.adapters import nemo

    packed = nemo.packed_sft(batch)
    rows, length = batch.input_ids.shape
    targets = 0
    for row in range(rows):
        end = int(packed["cu_seqlens_argmin"][row])
        assert end == int(packed["cu_seqlens"][row].argmin())
        borders = packed["cu_seqlens"][row, :end]
        assert borders[0] == 0
        assert borders[-1] == length
        assert int(borders.diff().max()) == int(packed["max_seqlen"][row])
        for begin, stop in itertools.pairwise(borders):
            span = packed["tokens"][row, begin:stop].tolist()
            learned = packed["loss_mask"][row, begin:stop]
            if span in documents:
                assert packed["labels"][row, begin : stop - 1].tolist() == span[1:]
                assert learned.tolist() == [1.0] * (len(span) - 1) + [0.0]
                targets += len(span) - 1
            else:
                assert not learned.any()
    assert targets == sum(len(document) - 1 for document in documents)


def test_nemo_finds_the_borders(batch):
    """NeMo's own step from a batch to the arguments of its attention kernels."""
    from pypack.adapters import nemo

    name = "megatron.bridge.training.utils.packed_seq_utils"
    utils = require_part("megatron.bridge", name)
    packed = nemo.packed_sft(batch)
    for row, segments in enumerate(batch.segment_ids):
        one = {key: value[row : row + 1] for key, value in packed.items()}
        parameters = utils.get_packed_seq_params(one)
        borders = [0, *(np.flatnonzero(np.diff(segments)) + 1).tolist(), len(segments)]
        assert parameters.cu_seqlens_q.tolist() == parameters.cu_seqlens_kv.tolist() == borders
        assert int(parameters.max_seqlen_q) == max(np.diff(borders))
        assert parameters.qkv_format == "thd"


def test_llm_foundry_batch_is_that_of_its_own_collator(batch, documents):
    """Names, types and meaning of what its BinPackCollator makes of the same documents."""
    composer = {
        "composer": (),
        "composer.utils": ("dist",),
    }  # which it profiles with, and which needs torchvision
    require_part("llmfoundry", "llmfoundry.utils.consts")
    packing = require_part("llmfoundry", "llmfoundry.data.packing", composer)
    from pypack.adapters import llm_foundry

    longest = max(map(len, documents))
    ids = torch.tensor([document + [0] * (longest - len(document)) for document in documents])
    mask = torch.arange(longest) < torch.tensor([[len(document)] for document in documents])
    rows, length = batch.input_ids.shape
    collator = packing.BinPackCollator(
        collator=lambda padded: padded,
        target_batch_size=rows,
        max_seq_len=length,
        pad_token_id=0,
        padding_side="right",
    )
    theirs = collator.pack({"input_ids": ids, "labels": ids, "attention_mask": mask})
    ours = llm_foundry.batch_arguments(batch)
    assert ours.keys() == theirs.keys()
    for found in (ours, theirs):
        texts = []
        for row, sequences in enumerate(found["sequence_id"]):
            assert sequences.unique().tolist() in (
                [*range(int(sequences.max()) + 1)],
                [*range(-1, int(sequences.max()) + 1)],
            )
            assert torch.equal(sequences >= 0, found["attention_mask"][row].bool())
            texts += [
                found["input_ids"][row, sequences == i].tolist() for i in range(int(sequences.max()) + 1)
            ]
        assert sorted(texts) == sorted(documents)
    for key, value in theirs.items():
        assert ours[key].shape == value.shape, key
        assert ours[key].dtype == value.dtype, key


def test_llm_foundry_batch(batch, documents):
    """The rule of MPT's attention bias (its package needs composer, which does not install here)."""
    from pypack.adapters import llm_foundry

    arguments = llm_foundry.batch_arguments(batch)
    assert arguments["sequence_id"].min() == -1
    assert torch.equal(arguments["attention_mask"], arguments["sequence_id"] >= 0)
    torch.manual_seed(0)
    embedding = torch.nn.Embedding(VOCABULARY, 16)
    head = torch.nn.Linear(16, VOCABULARY)
    model = torch.nn.ModuleList([embedding, head])

    def run(ids, sequence_id, attention_mask):
        hidden = embedding(ids)
        bias = torch.zeros(1, 1, ids.shape[1], ids.shape[1])
        lowest = torch.finfo(bias.dtype).min
        apart = sequence_id[:, :, None] != sequence_id[:, None, :]
        bias = bias.masked_fill(apart[:, None], lowest)
        bias = bias.masked_fill(~attention_mask[:, None, None], lowest)
        bias = bias.masked_fill(torch.ones(bias.shape[-2:], dtype=torch.bool).triu(1), lowest)
        query = hidden[:, None]
        return head(torch.nn.functional.scaled_dot_product_attention(query, query, query, bias)[:, 0])

    def run_packed(ids):
        return run(ids, arguments["sequence_id"], arguments["attention_mask"])

    def run_alone(ids):
        return run(ids, torch.zeros_like(ids), torch.ones_like(ids, dtype=torch.bool))

    targets = torch.roll(arguments["labels"], -1, 1)  # MPT's own shift
    targets[:, -1] = -100
    loss = mean_loss(run_packed(arguments["input_ids"]), targets)
    assert_same_gradients(model, loss, loss_alone(run_alone, documents))
    assert_no_leak(run_packed, arguments["input_ids"], torch.from_numpy(batch.segment_ids))
