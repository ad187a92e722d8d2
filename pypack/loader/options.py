"""What a loader is asked for besides its data: how batches look."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence

from pypack import _core
from pypack._common.arguments import check_choice, whole_number
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
