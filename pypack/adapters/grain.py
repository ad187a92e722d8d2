"""A Loader as a data source of Grain."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, SupportsIndex

from pypack.adapters.jax import features
from pypack.batch import PackedBatch
from pypack.loader.loader import Loader


class BatchSource:
    """Grain's `RandomAccessDataSource` protocol: record k is the batch of step k.

    Use it with a sequential sampler, or `grain.MapDataset.source(...)` without `shuffle`: the loader has
    shuffled already. Grain then keeps the position in its own checkpoints. Pickled into workers.

    Args:
        loader: of layout "padded".
        steps: records; None: the steps of the loader's `epochs`, or of one epoch if it is endless.
        convert: batch → record, by default `pypack.adapters.jax.features`; a function that pickles.
    """

    def __init__(
        self,
        loader: Loader,
        steps: int | None = None,
        convert: Callable[[PackedBatch], Any] = features,
    ) -> None:
        self.loader = loader
        self.convert = convert
        self._steps = steps or loader.num_steps or loader.steps_per_epoch

    def __len__(self) -> int:
        return self._steps

    def __getitem__(self, record_key: SupportsIndex) -> Any:
        return self.convert(self.loader.batch_at(record_key.__index__()))

    def __repr__(self) -> str:
        return f"BatchSource({self.loader!r}, {self._steps} steps)"
