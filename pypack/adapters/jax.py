"""Packed batches for JAX trainers: MaxText, T5X and whoever takes their names."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from pypack.adapters._checks import need, refuse_weights
from pypack.batch import IGNORE_LABEL, PackedBatch

if TYPE_CHECKING:
    import jax


def features(batch: PackedBatch, pad_id: int = 0) -> dict[str, np.ndarray[Any, np.dtype[np.int32]]]:
    """Inputs and targets with segmentation and position, as numpy arrays.

    Args:
        batch: of layout "padded", with `labels`, `position_ids` and `segment_ids`; make the loader with
            `dtype="int32"`, so that only the targets are copied.
        pad_id: the target where there is none.

    Returns:
        int32 [B, T]: `inputs`, `inputs_segmentation` (documents from 1, 0 at padding), `inputs_position`;
        `targets` (shifted to the left: targets[t] is the token after inputs[t]), `targets_segmentation` (0
        where there is no target: at padding and at the last token of each document), `targets_position`.
    """
    need(batch, "padded", "labels", "position_ids", "segment_ids")
    refuse_weights(batch, "MaxText, whose targets count by their segmentation,")
    targets = batch.shift_labels().labels
    learned = targets != IGNORE_LABEL
    arrays = {
        "inputs": batch.input_ids,
        "inputs_segmentation": batch.segment_ids,
        "inputs_position": batch.position_ids,
        "targets": np.where(learned, targets, pad_id),
        "targets_segmentation": np.where(learned, batch.segment_ids, 0),
        "targets_position": batch.position_ids,
    }
    return {name: np.asarray(array, np.int32) for name, array in arrays.items()}


def on_devices(
    arrays: dict[str, np.ndarray[Any, Any]], sharding: jax.sharding.Sharding
) -> dict[str, jax.Array]:
    """This process's rows as parts of global arrays laid out by `sharding`.

    With several processes, give each the loader of its rank: `rank=jax.process_index()`,
    `world_size=jax.process_count()`.
    """
    import jax

    return {name: jax.make_array_from_process_local_data(sharding, array) for name, array in arrays.items()}
