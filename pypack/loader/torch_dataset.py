"""A loader as a torch IterableDataset. The only module of the loader that imports torch."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from torch.utils.data import IterableDataset, get_worker_info

from pypack.batch import PackedBatch
from pypack.loader.loader import Loader


class LoaderDataset(IterableDataset[PackedBatch]):
    """Steps of a `pypack.Loader`, divided among DataLoader workers: worker w of n gives every n-th, from w.

    A DataLoader asks its workers in turn, so the steps come in order. `state_dict` and `load_state_dict`
    serve `torchdata.stateful_dataloader`: in a worker they keep the step that this worker gives next.

    Workers that live for one pass (`persistent_workers=False`) begin as copies of this object in the main
    process, which does not hear of their progress: call `set_epoch` before each pass, as with torch's
    samplers.
    """

    def __init__(self, loader: Loader) -> None:
        super().__init__()
        self.loader = loader
        self._next: int | None = None  # in a worker, during a pass

    def __iter__(self) -> Iterator[PackedBatch]:
        worker = get_worker_info()
        if worker is None:
            yield from self.loader
            return
        end = self.loader.pass_end()
        if self._next is None:
            self._next = self.loader.step + worker.id
        while self._next < end:
            batch = self.loader.batch_at(self._next)
            self._next += worker.num_workers
            yield batch
        self._next = None
        self.loader.seek(end)  # a persistent worker's next pass is the next epoch

    def set_epoch(self, epoch: int) -> None:
        """Goes to the start of an epoch."""
        self.loader.set_epoch(epoch)

    def state_dict(self) -> dict[str, Any]:
        return {"loader": self.loader.state_dict(), "next": self._next}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        self.loader.load_state_dict(state["loader"])
        self._next = state["next"]
