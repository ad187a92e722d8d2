"""Writes the golden files of the installed version into a folder of its name, beside this script.

Run once for a version whose formats differ from those of the versions before; the files are never changed
afterwards. `python tests/golden/formats/write.py`
"""

from __future__ import annotations

import json
import os
import pickle
import shutil
from pathlib import Path

import numpy as np
import pyarrow as pa

import pypack
from pypack import Loader, Phase, Ragged, Schedule, Source, StoreWriter, Tokenizer, TokenStore
from pypack.cli import main

HERE = Path(__file__).parent
TEXTS = ["to be or not to be", "über naïve 東京 🙂", "", "that is the question", "be " * 40]


def small_tokenizer(path: Path) -> None:
    """A byte-level BPE of 260 tokens, written by hand so that no library has a part in it."""
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    rest = [b for b in range(256) if b not in printable]
    alphabet = {b: chr(b) for b in printable} | {b: chr(256 + i) for i, b in enumerate(rest)}
    vocabulary = {alphabet[b]: b for b in range(256)}
    merges = [("t", "o"), ("b", "e"), ("Ġ", "be")]
    for i, (left, right) in enumerate(merges):
        vocabulary[left + right] = 256 + i
    special = {"id": 259, "content": "<|endoftext|>", "single_word": False, "lstrip": False, "rstrip": False}
    definition = {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": [{**special, "normalized": False, "special": True}],
        "normalizer": None,
        "pre_tokenizer": {
            "type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True
        },
        "post_processor": None,
        "decoder": {
            "type": "ByteLevel", "add_prefix_space": True, "trim_offsets": True, "use_regex": True
        },
        "model": {
            "type": "BPE",
            "dropout": None,
            "unk_token": None,
            "continuing_subword_prefix": None,
            "end_of_word_suffix": None,
            "fuse_unk": False,
            "byte_fallback": False,
            "ignore_merges": False,
            "vocab": vocabulary,
            "merges": [list(pair) for pair in merges],
        },
    }  # fmt: skip
    path.write_text(json.dumps(definition, ensure_ascii=False), encoding="utf-8")


def write(folder: Path) -> None:
    folder.mkdir()
    os.chdir(folder)  # so that the files hold no path of this machine
    folder = Path()
    tokenizer_file = folder / "tokenizer.json"
    small_tokenizer(tokenizer_file)

    # A store of the job, with a kept column, two shards and a reject.
    corpus = folder / "corpus.jsonl"
    lines = [json.dumps({"text": text, "id": i}) for i, text in enumerate(TEXTS)]
    corpus.write_text("\n".join([*lines, "{broken"]) + "\n", encoding="utf-8")
    job = ["tokenize", str(corpus), "-o", str(folder / "store"), "--tokenizer", str(tokenizer_file)]
    assert main([*job, "--append-eos", "--keep", "id", "--shard-tokens", "60", "--max-rejects", "1"]) == 0

    # A store of StoreWriter, without a tokenizer, with tokens of 4 bytes.
    rng = np.random.default_rng(0)
    lengths = rng.integers(0, 40, 50)
    values = rng.integers(0, 100_000, lengths.sum()).astype(np.uint32)
    documents = Ragged(values, np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64))
    with StoreWriter(folder / "bare", vocab_size=100_000) as writer:
        writer.append(documents, pa.record_batch({"score": np.arange(50) / 50}))

    store = TokenStore.open(folder / "bare")
    pypack.pack(store.lengths, 32, strategy="stream").save(folder / "stream")
    pypack.pack(store.lengths, 32, strategy="decompose").save(folder / "decompose")

    # States: of epochs; of a schedule whose weights were changed.
    sources = {
        name: Source(store, pypack.pack(store.lengths, 32, strategy="best_fit", overflow="split", seed=i))
        for i, name in enumerate(("a", "b"))
    }
    epochs = Loader(sources["a"], batch_sequences=4, seed=3)
    epochs.load_state_dict(epochs.state_dict(7))
    schedule = Schedule([Phase(steps=30, weights={"a": 0.75, "b": 0.25}), Phase(steps=10, weights={"a": 1})])
    mixed = Loader(sources, schedule=schedule, batch_sequences=4, seed=3)
    mixed.set_weights({"a": 0.5, "b": 0.5}, from_step=12)
    states = {"epochs": epochs.state_dict(7), "mixed": mixed.state_dict(15)}
    (folder / "states.json").write_text(json.dumps(states), encoding="utf-8")
    (folder / "schedule.yaml").write_text(schedule.to_yaml(), encoding="utf-8")
    with (folder / "pickles.pkl").open("wb") as file:
        pickle.dump(
            {
                "tokenizer": Tokenizer.from_file(tokenizer_file),
                "ragged": documents,
                "schedule": schedule,
            },
            file,
        )

    # What those who read the files must find in them.
    job_store = TokenStore.open(folder / "store")
    expected = {
        "documents": [document.tolist() for document in job_store],
        "ids": job_store.columns(["id"]).column("id").to_pylist(),
        "fingerprint": Tokenizer.from_file(tokenizer_file).fingerprint,
        "bare": [document.tolist() for document in store],
        "plans": {
            name: [
                getattr(pypack.Plan.open(folder / name), array).tolist()
                for array in (
                    "sequence_offsets", "span_document", "span_start", "span_length", "sequence_capacity"
                )
            ]
            for name in ("stream", "decompose")
        },
        "rows": {
            "epochs": [part.tolist() for part in epochs.rows_at(7)],
            "mixed": [part.tolist() for part in mixed.rows_at(15)],
        },
        "labels": mixed.batch_at(15).labels.tolist(),
    }  # fmt: skip
    (folder / "expected.json").write_text(json.dumps(expected), encoding="utf-8")
    corpus.unlink()


if __name__ == "__main__":
    target = HERE / pypack.__version__
    shutil.rmtree(target, ignore_errors=True)
    write(target)
