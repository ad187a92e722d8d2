"""Packed batches in real transformers models, Trainer and SFTTrainer."""

from __future__ import annotations

import pytest
from fixtures.frameworks import require, without_compiling
from fixtures.packed_documents import (
    assert_no_leak,
    assert_same_gradients,
    loss_alone,
    make_documents,
    make_loader,
)
from fixtures.tiny_models import CONFIGS, causal_model

from pypack.adapters import huggingface

torch = require("torch")
transformers = require("transformers")


def documents_and_batch(tmp_path, layout):
    documents = make_documents()
    loader = make_loader(tmp_path / "store", documents, layout=layout)
    return documents, loader.batch_at(0)


@pytest.mark.parametrize("attention", ["eager", "sdpa"])
@pytest.mark.parametrize("name", CONFIGS)
def test_padding_free_equals_one_document_at_a_time(tmp_path, name, attention):
    documents, batch = documents_and_batch(tmp_path, "varlen")
    model = causal_model(name, attention)
    inputs = huggingface.padding_free(batch)
    loss = model(**inputs).loss
    assert_same_gradients(model, loss, loss_alone(lambda ids: model(ids).logits, documents))
    fixed = {key: value for key, value in inputs.items() if key not in ("input_ids", "labels")}
    assert_no_leak(
        lambda ids: model(input_ids=ids, **fixed).logits, inputs["input_ids"], inputs["seq_idx"] + 1
    )


@pytest.mark.parametrize("attention", ["eager", "sdpa"])
@pytest.mark.parametrize("name", CONFIGS)
def test_masked_equals_one_document_at_a_time(tmp_path, name, attention):
    documents, batch = documents_and_batch(tmp_path, "padded")
    model = causal_model(name, attention)
    inputs = huggingface.masked(batch, model.config)
    loss = model(**inputs).loss
    assert_same_gradients(model, loss, loss_alone(lambda ids: model(ids).logits, documents))
    fixed = {key: value for key, value in inputs.items() if key not in ("input_ids", "labels")}
    assert_no_leak(
        lambda ids: model(input_ids=ids, **fixed).logits,
        inputs["input_ids"],
        torch.from_numpy(batch.segment_ids),
    )


@pytest.mark.parametrize("name", ["llama", "mistral"])
def test_flex_attention_gets_a_block_mask(tmp_path, name):
    documents, batch = documents_and_batch(tmp_path, "padded")
    model = causal_model(name, "flex_attention")
    with without_compiling(), torch.no_grad():  # torch has no backward of flex attention on a CPU
        inputs = huggingface.masked(batch, model.config)
        assert type(inputs["attention_mask"]).__name__ == "BlockMask"
        loss = model(**inputs).loss
        torch.testing.assert_close(loss, loss_alone(lambda ids: model(ids).logits, documents))
        assert_no_leak(
            lambda ids: model(**{**inputs, "input_ids": ids}).logits,
            inputs["input_ids"],
            torch.from_numpy(batch.segment_ids),
        )


def test_keys_are_those_of_the_flattening_collator(tmp_path):
    """Names, types and values, except labels: the collator leaves the first token of a batch unmasked."""
    documents, batch = documents_and_batch(tmp_path, "varlen")
    inputs = huggingface.padding_free(batch)
    collator = transformers.DataCollatorWithFlattening(return_flash_attn_kwargs=True, return_seq_idx=True)
    order = [documents[d] for d in batch.document_ids]
    expected = collator([{"input_ids": document} for document in order])
    assert inputs.keys() == {*expected, "use_cache"}
    for key, value in expected.items():
        if isinstance(value, int):
            assert inputs[key] == value
        else:
            assert inputs[key].dtype == value.dtype, key
            assert torch.equal(inputs[key], value), key


def test_tensors_share_the_memory_of_the_batch(tmp_path):
    _documents, batch = documents_and_batch(tmp_path, "varlen")
    inputs = huggingface.padding_free(batch)
    for key in ("input_ids", "labels", "position_ids"):
        assert inputs[key].data_ptr() == getattr(batch, key).__array_interface__["data"][0]


def test_the_wrong_layout_is_refused(tmp_path):
    _documents, batch = documents_and_batch(tmp_path, "padded")
    with pytest.raises(ValueError, match='this adapter takes "varlen"'):
        huggingface.padding_free(batch)
    loader = make_loader(tmp_path / "other", make_documents(), layout="varlen", arrays=["labels"])
    with pytest.raises(ValueError, match="no position_ids"):
        huggingface.padding_free(loader.batch_at(0))
