"""A Loader as what `transformers.Trainer` and TRL's `SFTTrainer` train from."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from transformers import TrainerCallback

from pypack._common.files import write_atomically
from pypack.adapters.huggingface.batches import padding_free
from pypack.adapters.huggingface.step_counts import step_counts
from pypack.adapters.huggingface.trainer_checks import check_trainer, steps_before, steps_of
from pypack.batch import weights_refused
from pypack.loader.loader import Loader

if TYPE_CHECKING:
    import datasets

STATE_FILE = "pypack_loader.json"


def dataset(loader: Loader, steps: int | None = None) -> datasets.Dataset:
    """A `datasets.Dataset` whose row k is the whole batch of step k, filled when it is asked for.

    Train with `per_device_train_batch_size=1`, `train_sampling_strategy="sequential"` (the loader has
    shuffled already), `remove_unused_columns=False` and `data_collator=collate`. Then `Trainer` resumes by
    the number of its step, without reading what it skips. With several processes accelerate deals the rows to
    them in turn: make the loader with `rank=0, world_size=1` and the batch of one process.

    The rows are one epoch to the trainer. In its next epoch they are the steps after them, so that with
    `num_train_epochs` each epoch has an order of its own.

    To evaluate, make another loader with `shuffle=False`, and give its data set as `eval_dataset`, with
    `per_device_eval_batch_size=1`: it has the same rows at every evaluation.

    Args:
        loader: with `layout="varlen"`. Pickled into DataLoader workers.
        steps: rows; None: the steps of the loader's `epochs`, or of one epoch if it is endless.

    Raises:
        ValueError: the loader has another layout, or not so many steps, or a source with loss_weights, which
            the loss of these models does not know.
    """
    from pypack.adapters.huggingface.step_rows import StepRows

    if loader.layout != "varlen":
        raise ValueError(f'the loader has layout "{loader.layout}": make it with layout="varlen"')
    if any(source.loss_weights is not None for source in loader.sources.values()):
        raise ValueError(weights_refused("the loss of transformers models"))
    if steps is None:
        steps = loader.num_steps or loader.steps_per_epoch
    elif steps < 1 or (loader.num_steps is not None and steps > loader.num_steps):
        raise ValueError(
            f"steps must be from 1 to the loader's {loader.num_steps}, got {steps}: make the loader without "
            "epochs= for more"
        )
    return StepRows.of(loader, steps, padding_free)


def collate(rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """The data collator for `dataset`: its row is a batch already.

    Raises:
        ValueError: more than one row, since batches cannot be concatenated without moving their borders.
    """
    if len(rows) != 1:
        raise ValueError(
            f"{len(rows)} batches at once: set per_device_train_batch_size=1 for the training data and "
            "per_device_eval_batch_size=1 for the evaluation data, and the size of a batch in the loader"
        )
    return rows[0]


class LoaderState(TrainerCallback):
    """Keeps the loader's state in each checkpoint, and refuses to train or resume in another order.

    The trainer itself goes to its step. What it cannot see is that the plan, the seed or the batch size has
    changed in between, so that the steps before were others; nor that its own settings reorder the steps.

    `loader.stats` counts what all processes together were trained on, also before a resume.

    Args:
        loader: the one that `dataset` was made from.

    Raises:
        ValueError: when training begins: the checkpoint was made with another order, another
            `gradient_accumulation_steps` or number of processes (what differs is named); or a setting of the
            trainer would reorder, repeat, tear or leave out batches (see `trainer_checks`).
    """

    def __init__(self, loader: Loader) -> None:
        self.loader = loader
        self._rows = 0  # of an epoch
        self._counted = 0  # steps in the statistics

    def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Checks the trainer's settings, and the checkpoint that is resumed from."""
        self._rows = check_trainer(self.loader, args, state, kwargs)
        self._counted = 0
        step = steps_before(state.global_step, self._rows, args)
        file = self._file(args, state)
        if file.is_file():
            saved = json.loads(file.read_bytes())
            self.loader.load_state_dict(saved)
            if saved["step"] != step:
                self._refuse_other_pace(saved, step, args, state)
            if "stats" in saved:
                self.loader.stats.restore(saved["stats"])
                self._counted = step
        else:
            self.loader.seek(step)
        if not self._counted:
            self.loader.stats.restore(None)

    def on_prediction_step(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Sees to it that all evaluations are of the same steps."""
        if (steps := steps_of(kwargs.get("eval_dataloader"))) is not None:
            steps.is_fixed = True

    def on_log(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Brings the loader and its statistics to where the training is."""
        self._go_on(args, state)

    def on_save(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Writes the state beside the trainer's own files."""
        self._go_on(args, state)
        if state.is_world_process_zero:
            saved = {
                **self.loader.state_dict(),
                "trainer": _pace(args, self._rows),
                "stats": self.loader.stats.to_dict(),
            }
            write_atomically(self._file(args, state), json.dumps(saved).encode())

    def on_train_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Brings the loader and its statistics to the end of the training."""
        self._go_on(args, state)

    def _go_on(self, args: Any, state: Any) -> None:
        step = steps_before(state.global_step, self._rows, args)
        self.loader.seek(step)
        for done in range(self._counted, step):
            self.loader._count_given(step_counts(self.loader, done))
        self._counted = step

    def _refuse_other_pace(self, saved: dict[str, Any], step: int, args: Any, state: Any) -> None:
        was, now = saved.get("trainer", {}), _pace(args, self._rows)
        differs = [f"{name} is {now[name]} here, was {was[name]}" for name in was if was[name] != now[name]]
        what = "; ".join(differs) or (
            "gradient_accumulation_steps, the number of processes or the rows of the data set have changed"
        )
        raise ValueError(
            f"the checkpoint was saved before step {saved['step']} of the loader, but this trainer would go "
            f"on with step {step}: {what}. Steps would be trained twice or left out; make them as they were"
        )

    @staticmethod
    def _file(args: Any, state: Any) -> Path:
        return Path(args.output_dir) / f"checkpoint-{state.global_step}" / STATE_FILE


def _pace(args: Any, rows: int) -> dict[str, int]:
    return {
        "gradient_accumulation_steps": args.gradient_accumulation_steps,
        "number of processes": args.world_size,
        "rows of the data set": rows,
    }
