"""MosaicML Streaming over MDS shards."""

from __future__ import annotations

import importlib.machinery
import sys
import types
from typing import Any

import numpy as np
import torch

from bench.peers.loaders.corpus import Batches, Corpus, Peer, chunk_check


def _without_torchvision() -> None:
    """Streaming imports torchvision for its image datasets; where that fails, empty names stand there."""
    try:
        importlib.import_module("torchvision")
        return
    except (ImportError, RuntimeError):  # the latter: one made for CUDA, beside a torch for CPUs
        for name in [name for name in sys.modules if name.split(".")[0] == "torchvision"]:
            del sys.modules[name]
    names = (
        "torchvision",
        "torchvision.datasets",
        "torchvision.transforms",
        "torchvision.transforms.functional",
    )
    modules = {name: types.ModuleType(name) for name in names}
    for name, module in modules.items():
        module.__spec__ = importlib.machinery.ModuleSpec(name, None)
    modules["torchvision.datasets"].VisionDataset = object  # type: ignore[attr-defined]
    modules["torchvision.transforms.functional"].to_tensor = None  # type: ignore[attr-defined]
    sys.modules.update(modules)


def streaming(corpus: Corpus) -> Peer:
    """One sample a row."""
    _without_torchvision()
    import streaming as library

    folder = corpus.folder("streaming")
    if not (folder / "index.json").exists():
        columns = {"tokens": f"ndarray:uint16:{corpus.row_length}"}
        with library.MDSWriter(out=str(folder), columns=columns, exist_ok=True) as writer:
            for chunk in corpus.chunks:
                writer.write({"tokens": np.array(chunk)})

    class Rows(library.StreamingDataset):  # type: ignore[misc]
        def __getitem__(self, index: int) -> Any:
            return {"input_ids": torch.from_numpy(super().__getitem__(index)["tokens"].astype(np.int64))}

    library.base.util.clean_stale_shared_memory()
    dataset = Rows(local=str(folder), shuffle=True, batch_size=corpus.rows)

    def batches() -> Batches:
        return iter(
            library.StreamingDataLoader(dataset, batch_size=corpus.rows, num_workers=0, drop_last=True)
        )

    return batches, chunk_check(corpus), "mosaicml-streaming"
