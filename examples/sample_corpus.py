"""The corpus of the examples: text that comes with Python, tokenized, packed, and split for validation."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from pypack import Source, StoreWriter, TokenStore
from pypack.demo.run import train_tokenizer
from pypack.demo.sample import standard_library_texts

ROW = 256  # tokens of a row


def sample_sources(folder: Path) -> tuple[Source, Source, int]:
    """Makes the store in `folder`, unless it is there. Returns what to train on, what to validate on (a tenth
    of the documents, always the same), and the size of the vocabulary."""
    path = folder / "sample.store"
    if not path.exists():
        _write_store(folder, path)
    store = TokenStore.open(path)
    split = store.split(0.1)
    train = Source.select(store, ROW, where=split.train)
    validation = Source.select(store, ROW, where=split.validation)
    assert store.vocab_size is not None
    return train, validation, store.vocab_size


def _write_store(folder: Path, path: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    texts = standard_library_texts(600_000)
    tokenizer = train_tokenizer(texts, folder / "tokenizer.json")
    unfinished = path.with_suffix(f".{os.getpid()}")
    with StoreWriter(
        unfinished, vocab_size=tokenizer.vocab_size, append_id=tokenizer.eos_id, tokenizer=tokenizer
    ) as writer:
        writer.append(tokenizer.encode_batch(texts))
    try:
        unfinished.rename(path)
    except OSError:
        if not path.exists():
            raise
        shutil.rmtree(unfinished)  # another process was first
