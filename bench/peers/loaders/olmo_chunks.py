"""OLMo-core's NumpyFSLDataset."""

from __future__ import annotations

from typing import Any

import numpy as np

from bench.peers.loaders.corpus import EOS, VOCABULARY, Batches, Corpus, Peer, chunk_check


def olmo_core(corpus: Corpus, doc_lens: bool) -> Peer:
    """Rows of the concatenated documents; `doc_lens`: with the lengths of the documents in them."""
    from olmo_core.data import DataCollator, NumpyFSLDataLoader, NumpyFSLDataset

    dataset = NumpyFSLDataset(
        corpus.path, sequence_length=corpus.row_length, pad_token_id=0, eos_token_id=EOS,
        vocab_size=VOCABULARY, dtype=np.uint16, generate_doc_lengths=doc_lens,
        include_instance_metadata=False,
    )  # fmt: skip
    dataset.prepare()
    loader = NumpyFSLDataLoader(
        dataset, collator=DataCollator(pad_token_id=0), work_dir=corpus.folder("olmo_core"), shuffle=True,
        global_batch_size=corpus.rows * corpus.row_length, num_workers=0, fs_local_rank=0,
    )  # fmt: skip
    checks, epoch = chunk_check(corpus), 0

    def batches() -> Batches:
        nonlocal epoch
        epoch += 1
        loader.reset()
        loader.reshuffle(epoch=epoch)
        return iter(loader)

    def check(batch: dict[str, Any]) -> None:
        checks(batch)
        if doc_lens:
            for row, lengths in zip(batch["input_ids"], batch["doc_lens"], strict=True):
                ends = np.flatnonzero(row.numpy() == EOS) + 1
                cuts = np.unique(np.concatenate([[0], ends, [corpus.row_length]]))
                assert lengths[lengths > 0].tolist() == np.diff(cuts).tolist()

    return batches, check, "ai2-olmo-core"
