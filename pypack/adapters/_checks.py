"""What adapters ask of a batch."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

from pypack.batch import IGNORE_LABEL, PAIRS_REFUSED, PackedBatch, weights_refused

if TYPE_CHECKING:
    import torch


def need(batch: PackedBatch, layout: str, *arrays: str) -> None:
    """Raises ValueError unless the batch has tokens, one side, the layout, and the arrays that the adapter
    passes on.

    Warns of a batch with labels none of which is to be learned.
    """
    if not batch.tokens:
        raise ValueError(
            f"the batch of step {batch.step} holds no token, and a model makes errors or NaN of it: skip it "
            'where batch.tokens == 0, or make the loader with tail="drop"'
        )
    if "decoder_input_ids" in (batch.extras or ()):
        raise ValueError(PAIRS_REFUSED)
    if batch.layout != layout:
        raise ValueError(
            f'the batch has layout "{batch.layout}", this adapter takes "{layout}": make the loader with '
            f'layout="{layout}"'
        )
    missing = [name for name in arrays if getattr(batch, name) is None]
    if missing:
        raise ValueError(f"the batch has no {', '.join(missing)}: name them in the loader's arrays")
    if "labels" in arrays and not _learns(batch.labels):
        warnings.warn(
            f"no token of the batch of step {batch.step} is to be learned (all labels are {IGNORE_LABEL}): a "
            "mean over them is NaN",
            stacklevel=3,
        )


def refuse_weights(batch: PackedBatch, consumer: str) -> None:
    """Raises ValueError for a batch with weights of losses, which a consumer has no place for."""
    if batch.loss_weights is not None:
        raise ValueError(weights_refused(consumer))


def weighted_mask(shifted: PackedBatch) -> torch.Tensor:
    """The loss mask of a batch of tensors, float32: its `loss_weights`, or 1 where there is a label. For
    consumers that take sum(losses * mask) / sum(mask)."""
    weights = shifted.loss_weights
    mask: torch.Tensor = (shifted.labels != IGNORE_LABEL).float() if weights is None else weights
    return mask


def _learns(labels: Any) -> bool:
    """Whether any label counts; labels on a device are not waited for."""
    on_device = getattr(getattr(labels, "device", None), "type", "cpu") != "cpu"
    return on_device or bool((labels != IGNORE_LABEL).any())
