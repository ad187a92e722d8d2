"""What adapters ask of a batch."""

from __future__ import annotations

from pypack.batch import PackedBatch


def need(batch: PackedBatch, layout: str, *arrays: str) -> None:
    """Raises ValueError unless the batch has the layout, and the arrays that the adapter passes on."""
    if batch.layout != layout:
        raise ValueError(
            f'the batch has layout "{batch.layout}", this adapter takes "{layout}": make the loader with '
            f'layout="{layout}"'
        )
    missing = [name for name in arrays if getattr(batch, name) is None]
    if missing:
        raise ValueError(f"the batch has no {', '.join(missing)}: name them in the loader's arrays")
