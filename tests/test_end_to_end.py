"""Text → store → plan → batches through the public doors; the totals reconcile at every stage."""

from __future__ import annotations

import io
import json
from pathlib import Path

import numpy as np
import pytest
import zstandard

import pypack
from pypack.cli import main

CORPORA = ("english", "multilingual", "code", "instruct", "weird")


def run(capsys, *arguments: str) -> dict:
    status = main([*arguments, "--json"])
    output = capsys.readouterr()
    assert status == 0, output.err
    return json.loads(output.out)


def count_lines(path: Path) -> int:
    with zstandard.open(path, "rb") as file:
        return sum(1 for _ in io.BufferedReader(file))


def check_reconciles(corpus: Path, tokenizer_file: Path, directory: Path, capsys) -> None:
    store_path, documents = directory / "c.store", count_lines(corpus)
    arguments = [str(corpus), "-o", str(store_path), "--tokenizer", str(tokenizer_file)]
    told = run(capsys, "tokenize", *arguments, "--keep", "id")
    assert told["documents"] + told["rejected"] == documents

    store = pypack.TokenStore.open(store_path)
    run(capsys, "verify", str(store_path))
    assert (store.num_documents, store.num_tokens) == (told["documents"], told["tokens"])
    assert int(store.lengths.sum(dtype=np.int64)) == store.num_tokens

    for strategy in ("concat", "best_fit", "pad"):
        plan = pypack.pack(store.lengths, 2048, strategy=strategy)
        plan.verify(store.lengths)
        counts = plan.counts
        assert plan.num_tokens + counts.dropped_tokens + counts.truncated_tokens == store.num_tokens
        loader = pypack.Loader(store, plan, batch_sequences=7, seed=3)
        assert sum(batch.tokens for batch in loader) == plan.num_tokens
    check_plan_of_the_command(store_path, store.num_tokens, directory, capsys)


def test_small_corpus(tmp_path, tokenizer_file, sample_texts, capsys):
    corpus = tmp_path / "corpus.jsonl.zst"
    lines = "".join(json.dumps({"text": text, "id": i}) + "\n" for i, text in enumerate(sample_texts))
    corpus.write_bytes(zstandard.compress(lines.encode()))
    check_reconciles(corpus, tokenizer_file, tmp_path, capsys)


@pytest.mark.parametrize("name", CORPORA)
def test_real_corpora(shared, name, tmp_path, capsys):
    tokenizer_file = shared / "data" / "tokenizers" / "gpt2.json"
    check_reconciles(shared / "data" / "corpus" / f"{name}.jsonl.zst", tokenizer_file, tmp_path, capsys)


def check_plan_of_the_command(store_path: Path, tokens: int, directory: Path, capsys) -> None:
    plan_path = str(directory / "c.plan")
    arguments = [str(store_path), "-o", plan_path, "--sequence-length", "2048", "--overflow", "drop"]
    packed = run(capsys, "pack", *arguments)
    assert packed["tokens"] == tokens == packed["num_tokens"] + packed["dropped_tokens"]
    proved = run(capsys, "verify", plan_path, "--store", str(store_path))
    assert proved["planned"] + proved["dropped"] == tokens
