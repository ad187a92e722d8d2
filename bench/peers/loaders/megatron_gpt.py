"""Megatron-Core's GPTDataset."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch

from bench.peers.loaders.corpus import EOS, VOCABULARY, Corpus, Peer, loader_passes


class _Tokenizer:
    """What the dataset asks of one."""

    def __init__(self) -> None:
        self.eod, self.vocab_size = EOS, VOCABULARY
        self.pad = VOCABULARY  # no token is
        self.unique_identifiers = {"class": "bench"}


def _indexed(corpus: Corpus) -> Path:
    """The prefix of an indexed dataset over the flat tokens, written if it is not there."""
    from megatron.core.datasets.indexed_dataset import DType, _IndexWriter

    prefix = corpus.folder("megatron") / "rows"
    if not prefix.with_suffix(".idx").exists():
        prefix.with_suffix(".bin").symlink_to(corpus.path)
        with _IndexWriter(str(prefix.with_suffix(".idx")), DType.optimal_dtype(VOCABULARY)) as writer:
            writer.write(corpus.lengths.tolist(), None, np.arange(len(corpus.lengths) + 1).tolist())
    return prefix


def megatron(corpus: Corpus, resets: bool) -> Peer:
    """Rows of the concatenated documents; `resets`: positions start anew after EOS, whose loss is masked."""
    from megatron.core.datasets.gpt_dataset import GPTDataset, GPTDatasetConfig
    from megatron.core.datasets.indexed_dataset import IndexedDataset
    from megatron.core.datasets.utils import Split

    prefix = _indexed(corpus)
    config = GPTDatasetConfig(
        random_seed=0, sequence_length=corpus.row_length, tokenizer=_Tokenizer(), split="1",
        path_to_cache=str(corpus.folder("megatron") / "cache"), reset_position_ids=resets,
        reset_attention_mask=False, eod_mask_loss=resets, create_attention_mask=False,
    )  # fmt: skip
    low = IndexedDataset(str(prefix), multimodal=False, mmap=True)
    documents = np.arange(len(corpus.lengths), dtype=np.int32)
    dataset = GPTDataset(low, str(prefix), documents, None, Split.train, config)
    starts = np.concatenate([[0], np.cumsum(corpus.lengths)])
    place = 0

    def expected(index: int) -> np.ndarray:
        """One row and a token, by the dataset's own indices, from the store."""
        at = dataset.shuffle_index[index]
        (first, offset), (last, end) = dataset.sample_index[at], dataset.sample_index[at + 1]
        parts = []
        for i in range(first, last + 1):
            document = dataset.document_index[i]
            from_, to = offset if i == first else 0, end + 1 if i == last else corpus.lengths[document]
            parts.append(corpus.flat[starts[document] + from_ : starts[document] + to])
        return np.concatenate(parts)

    def check(batch: dict[str, Any]) -> None:
        nonlocal place
        assert batch["tokens"].dtype == torch.int64
        for r in range(corpus.rows):
            row = expected(place)
            tokens, labels = batch["tokens"][r].numpy(), batch["labels"][r].numpy()
            assert np.array_equal(tokens, row[:-1])
            assert np.array_equal(labels, row[1:])
            if resets:
                ends = np.flatnonzero(tokens == EOS)
                starting = np.zeros(len(tokens), np.int64)
                inside = ends[ends + 1 < len(tokens)] + 1
                starting[inside] = inside
                positions = np.arange(len(tokens)) - np.maximum.accumulate(starting)
                assert np.array_equal(batch["position_ids"][r].numpy(), positions)
                assert np.array_equal(batch["loss_mask"][r].numpy(), (tokens != EOS).astype(np.float32))
            place += 1

    # The dataset holds its shuffled order itself.
    return loader_passes(dataset, corpus, shuffle=False), check, "megatron-core"
