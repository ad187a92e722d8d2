"""BERT and T5 as published, on the documents of every corpus: no id may differ."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest
import zstandard
from conftest import SCALE
from tokenizers import Tokenizer

import pypack

# `weird` holds hostile documents and is always read whole; of the others every 20th document.
STEPS = {"weird": 1, "english": 20, "multilingual": 20, "code": 20, "instruct": 20}


def documents(shared: Path, corpus: str) -> list[str]:
    path = shared / f"data/corpus/{corpus}.jsonl.zst"
    with path.open("rb") as file:
        lines = io.TextIOWrapper(zstandard.ZstdDecompressor().stream_reader(file), encoding="utf-8")
        texts = [json.loads(line)["text"] for line in lines]
    step = STEPS[corpus]
    return texts[:: 1 if SCALE >= 10 else step]


@pytest.mark.parametrize("corpus", STEPS)
@pytest.mark.parametrize("name", ["bert_uncased", "t5_small"])
def test_every_document_has_the_ids_of_the_library(shared: Path, name: str, corpus: str) -> None:
    path = shared / f"data/tokenizers/{name}.json"
    ours = pypack.Tokenizer.from_file(path, engine="native")
    theirs = Tokenizer.from_file(str(path))
    theirs.no_padding()
    theirs.no_truncation()
    texts = documents(shared, corpus)
    assert len(texts) > 50
    rows = ours.encode_batch(texts, add_special_tokens=True)
    encodings = theirs.encode_batch_fast(texts)
    different = [text for text, row, e in zip(texts, rows, encodings, strict=True) if row.tolist() != e.ids]
    assert different == []
