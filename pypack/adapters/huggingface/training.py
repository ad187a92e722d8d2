"""A Loader as what `transformers.Trainer` and TRL's `SFTTrainer` train from."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from transformers import TrainerCallback

from pypack._common.files import write_atomically
from pypack.adapters.huggingface.batches import padding_free
from pypack.loader.loader import Loader

if TYPE_CHECKING:
    import datasets

STATE_FILE = "pypack_loader.json"


def dataset(loader: Loader, steps: int | None = None) -> datasets.Dataset:
    """A `datasets.Dataset` whose row k is the whole batch of step k, filled when it is asked for.

    Train with `per_device_train_batch_size=1`, `train_sampling_strategy="sequential"` (the loader has
    shuffled already), `remove_unused_columns=False` and `data_collator=collate`. Then `Trainer` resumes by
    the number of its step, without reading what it skips. With several processes accelerate deals the rows to
    them in turn: make the loader with `world_size=1` and the batch of one process.

    Args:
        loader: with `layout="varlen"`. Pickled into DataLoader workers.
        steps: rows; None: the steps of the loader's `epochs`, or of one epoch if it is endless. They are one
            epoch to the trainer: give it at least `max_steps` times `gradient_accumulation_steps`.

    Raises:
        ValueError: the loader has another layout, or not so many steps.
    """
    import datasets

    if loader.layout != "varlen":
        raise ValueError(f'the loader has layout "{loader.layout}": make it with layout="varlen"')
    if steps is None:
        steps = loader.num_steps or loader.steps_per_epoch
    elif steps < 1 or (loader.num_steps is not None and steps > loader.num_steps):
        raise ValueError(f"steps must be from 1 to the loader's {loader.num_steps}, got {steps}")
    rows = datasets.Dataset.from_dict({"step": range(steps)})
    return rows.with_transform(_Batches(loader))


class _Batches:
    """Steps to batches, as the transform of a `datasets.Dataset`: columns in, columns out."""

    def __init__(self, loader: Loader) -> None:
        self.loader = loader

    def __call__(self, columns: dict[str, list[int]]) -> dict[str, list[Any]]:
        batches = [padding_free(self.loader.batch_at(step)) for step in columns["step"]]
        return {key: [batch[key] for batch in batches] for key in batches[0]}


def collate(rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """The data collator for `dataset`: its row is a batch already.

    Raises:
        ValueError: more than one row, since batches cannot be concatenated without moving their borders.
    """
    if len(rows) != 1:
        raise ValueError(
            f"{len(rows)} batches at once: set per_device_train_batch_size=1, and the size of a batch in the "
            "loader"
        )
    return rows[0]


class LoaderState(TrainerCallback):
    """Keeps the loader's state in each checkpoint, and refuses to resume with another order of the data.

    The trainer itself goes to its step. What it cannot see is that the plan, the seed or the batch size has
    changed in between, so that the steps before were others.

    Args:
        loader: the one that `dataset` was made from.

    Raises:
        ValueError: when training begins: the checkpoint was made with another order (what differs is named),
            or accelerate's `dispatch_batches` is on, which would cut a batch along its first axis and leave
            its borders where they were.
    """

    def __init__(self, loader: Loader) -> None:
        self.loader = loader

    def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Checks the checkpoint that is resumed from."""
        if args.accelerator_config.dispatch_batches:
            raise ValueError(
                "accelerate's dispatch_batches cuts batches along their first axis, which tears packed "
                "documents: set accelerator_config={'dispatch_batches': False}"
            )
        file = self._file(args, state)
        if file.is_file():
            self.loader.load_state_dict(json.loads(file.read_bytes()))

    def on_save(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Writes the state beside the trainer's own files."""
        if state.is_world_process_zero:
            self.loader.seek(state.global_step * args.gradient_accumulation_steps * args.world_size)
            write_atomically(self._file(args, state), json.dumps(self.loader.state_dict()).encode())

    @staticmethod
    def _file(args: Any, state: Any) -> Path:
        return Path(args.output_dir) / f"checkpoint-{state.global_step}" / STATE_FILE
