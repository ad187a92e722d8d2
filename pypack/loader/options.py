"""What a loader is asked for besides its data: how batches look, and how they are dealt to ranks."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence

from pypack import _core
from pypack._common.arguments import check_choice, make_whole, whole_number
from pypack.schedule.order import Order
from pypack.source.source import Source

_ARRAYS = ("labels", "position_ids", "segment_ids", "loss_mask")


@dataclasses.dataclass(frozen=True)
class BatchOptions:
    """How the batches look; the fields are those of `Loader`, checked."""

    layout: str
    dtype: str
    arrays: tuple[str, ...]
    positions: str
    pad_id: int
    pad_to: int
    max_documents: int

    @classmethod
    def make(
        cls,
        sources: Mapping[str, Source],
        layout: str,
        dtype: str,
        arrays: Sequence[str],
        positions: str,
        pad_id: int | None,
        pad_to: int | None,
        max_documents: int | None,
    ) -> BatchOptions:
        check_choice("layout", layout, ("padded", "varlen"))
        check_choice("dtype", dtype, ("int64", "int32"))
        check_choice("positions", positions, ("span", "row"))
        if isinstance(arrays, str):
            raise ValueError(f"arrays is a list of names, got {arrays!r}: write [{arrays!r}]")
        for name in arrays:
            if name not in _ARRAYS:
                raise ValueError(f"arrays can name {', '.join(_ARRAYS)}, got {name!r}")
        for name, value in (("pad_to", pad_to), ("max_documents", max_documents)):
            if value is not None and (whole_number(name, value) < 1 or layout != "varlen"):
                raise ValueError(
                    f"{name} is for layout='varlen' and must be at least 1, got {value} with {layout!r}"
                )
        if pad_id is None:
            stores = [source.store for source in sources.values()]
            known = [i for store in stores for i in (store.pad_id, store.eos_id) if i is not None]
            pad_id = known[0] if known else 0
        return cls(layout, dtype, tuple(arrays), positions, pad_id, pad_to or 0, max_documents or 0)

    def format(self) -> _core.BatchFormat:
        """The same for the kernels."""
        return _core.BatchFormat(
            varlen=self.layout == "varlen",
            int32=self.dtype == "int32",
            labels="labels" in self.arrays,
            position_ids="position_ids" in self.arrays,
            segment_ids="segment_ids" in self.arrays,
            loss_mask="loss_mask" in self.arrays,
            positions_by_row=self.positions == "row",
            pad_id=self.pad_id,
            pad_to=self.pad_to,
            max_documents=self.max_documents,
        )


@dataclasses.dataclass(frozen=True)
class Ranks:
    """Who shares a global batch.

    Attributes:
        rank: this process's part.
        world_size: number of parts.
        remainder: "error", "pad" or "drop", for a global batch that does not divide.
        balance: "none", "deal" or "lpt", how rows are assigned.
    """

    rank: int
    world_size: int
    remainder: str
    balance: str

    def __post_init__(self) -> None:
        make_whole(self, "rank", "world_size")
        if self.world_size < 1:
            raise ValueError(f"world_size must be at least 1, got {self.world_size}")
        if not 0 <= self.rank < self.world_size:
            raise ValueError(
                f"rank must be from 0 to world_size - 1 = {self.world_size - 1}, got {self.rank}"
            )
        check_choice("remainder", self.remainder, ("error", "pad", "drop"))
        check_choice("balance", self.balance, ("none", "deal", "lpt"))

    def check(self, order: Order) -> None:
        """Raises ValueError for a global batch that the ranks cannot share."""
        for rows in sorted(order.batch_rows()):
            if rows % self.world_size and self.remainder == "error":
                divisors = [n for n in range(1, rows + 1) if rows % n == 0]
                raise ValueError(
                    f"a global batch of {rows} sequences cannot be dealt to {self.world_size} ranks; "
                    f"possible world sizes: {divisors}; or choose remainder='pad' or 'drop'"
                )
            if rows < self.world_size and self.remainder == "drop":
                raise ValueError(
                    f"a global batch of {rows} sequences for {self.world_size} ranks is all remainder, which "
                    "remainder='drop' would leave out; make the batch larger"
                )

    def slots(self, rows: int) -> int:
        """Rows of a global batch once it divides: more than it has, by empty ones, or fewer."""
        rest = rows % self.world_size
        if rest == 0:
            return rows
        return rows - rest if self.remainder == "drop" else rows - rest + self.world_size
