"""What a loader is asked for besides its data: how batches look."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence

from pypack import _core
from pypack._common.arguments import check_choice, number_within, whole_number
from pypack.loader.ranks import Ranks as Ranks
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
        if pad_id is not None:
            pad_id = _pad_id(sources, dtype, pad_id)
        else:
            stores = [source.store for source in sources.values()]
            known = [i for store in stores for i in (store.pad_id, store.eos_id) if i is not None]
            pad_id = known[0] if known else 0
        sizes = [
            0 if value is None else number_within(name, value, 32)
            for name, value in (("pad_to", pad_to), ("max_documents", max_documents))
        ]
        return cls(layout, dtype, tuple(arrays), positions, pad_id, *sizes)

    def format(self, *, writes_labels: bool = False) -> _core.BatchFormat:
        """The same for the kernels.

        Args:
            writes_labels: an objective writes the labels.
        """
        return _core.BatchFormat(
            varlen=self.layout == "varlen",
            int32=self.dtype == "int32",
            labels="labels" in self.arrays,
            position_ids="position_ids" in self.arrays,
            segment_ids="segment_ids" in self.arrays,
            loss_mask="loss_mask" in self.arrays,
            positions_by_row=self.positions == "row",
            leaves_labels=writes_labels,
            pad_id=self.pad_id,
            pad_to=self.pad_to,
            max_documents=self.max_documents,
        )


def _pad_id(sources: Mapping[str, Source], dtype: str, pad_id: int) -> int:
    """The padding id as a plain number.

    Raises:
        ValueError: it is not in the vocabulary of every store, where they tell theirs, or not of the dtype.
    """
    pad_id = number_within("pad_id", pad_id, 32 if dtype == "int32" else 64)
    sizes = [source.store.vocab_size for source in sources.values()]
    smallest = min((size for size in sizes if size is not None), default=None)
    if pad_id < 0 or (smallest is not None and pad_id >= smallest):
        known = "" if smallest is None else f" to {smallest - 1}, in the vocabulary"
        raise ValueError(
            f"pad_id must be an id from 0{known}, got {pad_id}: models look it up as they do tokens; labels "
            "are -100 at padding by themselves"
        )
    return pad_id
