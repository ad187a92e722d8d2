"""A loader as datasets of torch: iterable, and map-style. With the passes' own, the loader's modules that
import torch."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from types import FrameType
from typing import Any, NoReturn

from torch.utils.data import Dataset, IterableDataset, SequentialSampler, get_worker_info
from torch.utils.data._utils.collate import default_collate_fn_map

from pypack._common.callers import called_from
from pypack.batch import PackedBatch
from pypack.loader.data_loader_passes import (
    Position,
    Travelling,
    follow,
    is_under,
    iterator_above,
    order_of,
    refuse_dispatching,
)
from pypack.loader.loader import Loader

_ONE_BATCH = (
    "a pypack Loader gives whole batches: DataLoader(..., batch_size=None), and the size of a batch in the "
    "Loader (batch_tokens or batch_sequences)"
)


class LoaderDataset(Travelling, IterableDataset[PackedBatch]):
    """Steps of a `pypack.Loader`, divided among DataLoader workers: worker w of n gives every n-th, from w.

    A DataLoader asks its workers in turn, so the steps come in order. A pass is the same with any number of
    workers, whether they live on or not: it begins where the loader in the main process stands, which goes on
    by each batch that is given out; after `break` the rest of the pass comes next, then the next epoch.

    `state_dict` and `load_state_dict` serve `torchdata.stateful_dataloader`: in a worker they keep where the
    pass began and the step that this worker gives next.
    """

    def __init__(self, loader: Loader) -> None:
        super().__init__()
        self.loader = loader
        self.position = Position(loader)
        self._next: int | None = None  # in a worker, during a pass
        self._restored = False
        self._fetched_ahead: int | None = None  # by Accelerate, and not given out

    def __iter__(self) -> Iterator[PackedBatch]:
        worker = get_worker_info()
        if worker is None:
            return self._in_main(sys._getframe(1))
        is_whole = worker.dataset is self
        if not is_whole:
            raise RuntimeError(
                f"the DataLoader is over a {type(worker.dataset).__name__} around the loader's, so that its "
                "workers cannot know where a pass begins: give it the dataset itself, or num_workers=0"
            )
        if not self._restored:
            self._next = None
        else:
            self.position.restore(begun=self._next is not None)
        first = self.position.first
        self._restored = False
        if self._next is None:
            self.loader.seek(first)  # of which a state tells
            self._next = first + worker.id
        return self._in_worker(self.loader.order.pass_end(first), worker.num_workers)

    def _in_worker(self, end: int, workers: int) -> Iterator[PackedBatch]:
        assert self._next is not None
        while self._next < end:
            batch = self.loader.batch_at(self._next)
            self._next += workers
            yield batch

    def _in_main(self, frame: FrameType) -> Iterator[PackedBatch]:
        refuse_dispatching(frame)
        if self._fetched_ahead is not None and self.loader.step == self._fetched_ahead + 1:
            self.loader.seek(self._fetched_ahead)
        self._fetched_ahead = None
        return self._steps(is_under(frame, "accelerate.data_loader"))

    def _steps(self, fetched_ahead: bool) -> Iterator[PackedBatch]:
        for batch in self.loader:
            if fetched_ahead:
                self._fetched_ahead = batch.step
            yield batch
        self._fetched_ahead = None

    def set_epoch(self, epoch: int) -> None:
        """Goes to the start of an epoch."""
        if not called_from("accelerate"):
            self.loader.set_epoch(epoch)

    def state_dict(self) -> dict[str, Any]:
        """The loader's state, and which item comes next: what a StatefulDataLoader keeps for a worker."""
        return {"loader": self.loader.state_dict(), "next": self._next}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Goes on from a state of `state_dict`.

        Raises:
            ValueError: it is none, or of another run.
            RuntimeError: in a worker, whose main process's loader has another order.
        """
        _load(self.loader, state["loader"])
        self._next = state["next"]
        self._restored = True


class LoaderPass(Travelling, Dataset[PackedBatch]):
    """The rest of a loader's pass as a map-style dataset, in a DataLoader over the loader itself.

    Item k is the batch of the k-th step from where the pass began.
    """

    def __init__(self, loader: Loader) -> None:
        self.loader = loader
        self.position = Position(loader)

    def __len__(self) -> int:
        return self.position.end - self.position.first

    def __getitem__(self, index: int) -> PackedBatch:
        if not 0 <= index < len(self):
            raise IndexError(
                f"step {self.position.first + index} is behind the pass, which ends at {self.position.end}: "
                "a pass that began within an epoch was resumed by the DataLoader's state; load the "
                "loader's state (loader.load_state_dict) instead"
            )
        return self.loader.batch_at(self.position.first + index)

    def state_dict(self) -> dict[str, Any]:
        """The loader's state where this pass begins."""
        return self.loader.state_dict(self.position.first)

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Begins the pass where a state of `state_dict` does.

        Raises:
            ValueError: it is none, or of another run.
            RuntimeError: in a worker, whose main process's loader has another order.
        """
        _load(self.loader, state)
        self.position.restore()


def steps_asked_by(sampler: FrameType, loader: Loader) -> int:
    """The steps of a loader, as `len(loader)` tells a function of torch's samplers.

    Where a DataLoader begins a pass, those from the loader's step to the end of its pass; the DataLoader then
    reads from a `LoaderPass`, which knows from where.

    Raises:
        ValueError: the sampler would change the order, or deal steps to ranks.
        TypeError: the DataLoader would make batches of batches.
    """
    asking = sampler.f_locals.get("self")
    if "RandomSampler" in type(asking).__name__:
        raise ValueError(
            "a random sampler (shuffle=True) would reorder the steps of a pypack Loader, which has shuffled "
            "already: DataLoader(loader, batch_size=None, shuffle=False)"
        )
    if sampler.f_code.co_name != "__iter__":
        return loader.steps_per_epoch
    if hasattr(asking, "num_replicas"):
        raise ValueError(
            "a DistributedSampler would deal steps to ranks: leave it out and make each rank's Loader with "
            "rank and world_size"
        )
    iterator = iterator_above(sampler)
    if iterator is None or not isinstance(asking, SequentialSampler):
        return loader.steps_per_epoch
    if iterator._auto_collation:
        raise TypeError(_ONE_BATCH)
    if loader._map_style is None:
        loader._map_style = LoaderPass(loader)
    if iterator._dataset is loader:
        iterator._dataset = loader._map_style
    follow(iterator._dataset, sampler)
    return len(iterator._dataset)


def _load(loader: Loader, state: Mapping[str, Any]) -> None:
    before = order_of(loader)
    loader.load_state_dict(state)
    if get_worker_info() is not None and order_of(loader) != before:
        raise RuntimeError(
            "the DataLoader's state has changes of weights, skips, or another batch size, of which the main "
            "process's loader does not know: load the loader's own state there instead "
            "(loader.load_state_dict)"
        )


def _refuse_collating(_batches: Any, **_options: Any) -> NoReturn:
    raise TypeError(_ONE_BATCH)


default_collate_fn_map[PackedBatch] = _refuse_collating
