"""Batches that no trainer can use do not get through an adapter in silence."""

from __future__ import annotations

import dataclasses
import importlib

import pytest
from fixtures.frameworks import require
from fixtures.packed_documents import make_loader

require("torch")

PADDED = {
    "torchtitan": "inputs_and_labels",
    "olmo_core": "batch_arguments",
    "nemo": "packed_sft",
    "llm_foundry": "batch_arguments",
    "jax": "features",
}
VARLEN = {"huggingface.batches": "padding_free"}
ATTENTION = ["segment_mask", "varlen_arguments", "flash_attention_arguments"]


def converters(layout):
    names = list({"padded": PADDED, "varlen": VARLEN}[layout].items())
    names += [("torch_attention", name) for name in ATTENTION if layout == "varlen"]
    return [getattr(importlib.import_module(f"pypack.adapters.{module}"), name) for module, name in names]


@pytest.mark.parametrize("layout", ["padded", "varlen"])
def test_a_batch_without_tokens_is_refused(tmp_path, layout):
    batch = make_loader(tmp_path / "store", [[5, 6, 7]], layout=layout).batch_at(0)
    empty = dataclasses.replace(batch, tokens=0)  # as pypack 0.1 gave them to ranks
    for convert in converters(layout):
        with pytest.raises(ValueError, match="step 0 holds no token"):
            convert(empty)


@pytest.mark.parametrize("layout", ["padded", "varlen"])
def test_a_batch_without_a_label_is_warned_of(tmp_path, layout):
    batch = make_loader(tmp_path / "store", [[5], [6], [7]], layout=layout).batch_at(0)
    for convert in converters(layout):
        if convert.__module__.endswith("torch_attention"):
            convert(batch)
            continue
        with pytest.warns(UserWarning, match="no token of the batch of step 0 is to be learned"):
            convert(batch)
