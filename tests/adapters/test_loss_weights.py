"""Weights of losses: every adapter passes them on as its consumer takes them, or refuses them."""

from __future__ import annotations

import importlib

import numpy as np
import pytest
from fixtures.frameworks import require
from fixtures.packed_documents import make_documents, make_loader

from pypack import Loader, Source

torch = require("torch")

HOLDING = [("megatron", "padded", "padded"), ("nemo", "packed_sft", "padded")]
REFUSING = [
    ("torchtitan", "inputs_and_labels", "padded"),
    ("olmo_core", "batch_arguments", "padded"),
    ("llm_foundry", "batch_arguments", "padded"),
    ("jax", "features", "padded"),
    ("huggingface.batches", "padding_free", "varlen"),
]


@pytest.fixture
def loader_with(tmp_path):
    documents = make_documents()
    plain = make_loader(tmp_path / "store", documents)
    values = [0.5 + i / 4 for i in range(len(documents))]
    source = Source(plain.sources[""].store, plain.plan, loss_weights=values)
    return lambda **options: Loader(source, batch_sequences=plain.plan.num_sequences, **options)


@pytest.mark.parametrize(("module", "name", "layout"), HOLDING)
def test_masks_of_floats_hold_them(loader_with, module, name, layout):
    batch = loader_with(layout=layout).batch_at(0)
    arguments = getattr(importlib.import_module(f"pypack.adapters.{module}"), name)(batch)
    expected = batch.shift_labels().loss_weights
    np.testing.assert_array_equal(arguments["loss_mask"].numpy(), expected)
    # As Megatron and NeMo take the mean.
    losses = torch.rand(expected.shape)
    found = (losses * arguments["loss_mask"]).sum() / arguments["loss_mask"].sum()
    assert found == pytest.approx(float((losses.numpy() * expected).sum() / expected.sum()))
    assert set(np.unique(expected)) > {0.0, 0.5}


@pytest.mark.parametrize(("module", "name", "layout"), REFUSING)
def test_who_has_no_place_for_them_says_so(loader_with, module, name, layout):
    batch = loader_with(layout=layout).batch_at(0)
    with pytest.raises(ValueError, match=r"loss_weights, and .* has no place for them: .*losses \* batch"):
        getattr(importlib.import_module(f"pypack.adapters.{module}"), name)(batch)


def test_torchtune_says_so(loader_with):
    require("torchtune")
    from pypack.adapters import torchtune

    with pytest.raises(ValueError, match="torchtune's recipes has no place"):
        torchtune.packed_batch(loader_with().batch_at(0))


def test_transformers_say_so_before_anything_is_read(loader_with):
    require("transformers")
    require("datasets")
    from pypack.adapters import huggingface

    loader = loader_with(layout="varlen")
    with pytest.raises(ValueError, match="the loss of transformers models has no place"):
        loader.for_transformers()
    with pytest.raises(ValueError, match="the loss of transformers models has no place"):
        huggingface.dataset(loader)
    with pytest.raises(ValueError, match="the loss of transformers models has no place"):
        loader.batch_at(0).for_transformers()
    with pytest.raises(ValueError, match="the loss of transformers models has no place"):
        huggingface.masked(loader_with().batch_at(0), None)


def test_attention_needs_no_labels(loader_with):
    from pypack.adapters import torch_attention

    batch = loader_with(layout="varlen").batch_at(0)
    assert torch_attention.varlen_arguments(batch)["max_q"] == batch.max_seqlen


def test_packed_sequences_of_megatron_hold_them(loader_with):
    require("megatron.core")
    from pypack.adapters import megatron

    batch = loader_with(layout="varlen").batch_at(0)
    arguments, _ = megatron.packed_sequence(batch)
    np.testing.assert_array_equal(arguments["loss_mask"][0].numpy(), batch.shift_labels().loss_weights)
