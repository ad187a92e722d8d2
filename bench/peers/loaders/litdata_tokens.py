"""LitData's TokensLoader over its own chunks."""

from __future__ import annotations

from typing import Any

import torch

from bench.peers.loaders.corpus import Batches, Corpus, Peer, chunk_check


def litdata(corpus: Corpus) -> Peer:
    """Chunks of 8192 rows, read as blocks of a row's tokens."""
    import litdata as library
    from litdata.streaming.cache import Cache

    folder, loader = corpus.folder("litdata"), library.TokensLoader(block_size=corpus.row_length)
    if not (folder / "index.json").exists():
        cache = Cache(str(folder), chunk_size=8192 * corpus.row_length, item_loader=loader)
        for i, chunk in enumerate(corpus.chunks):
            cache[i] = torch.from_numpy(chunk.copy())
        cache.done()
        cache.merge()

    def collate(rows: list[Any]) -> dict[str, Any]:
        return {"input_ids": torch.stack(rows).long()}

    dataset = library.StreamingDataset(str(folder), item_loader=loader, shuffle=True, drop_last=True)

    def batches() -> Batches:
        return iter(
            library.StreamingDataLoader(
                dataset, batch_size=corpus.rows, num_workers=0, collate_fn=collate, drop_last=True
            )
        )

    return batches, chunk_check(corpus), "litdata"
