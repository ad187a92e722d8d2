"""Settings of `transformers.Trainer` that would give a loader's steps in another order than the loader's."""

from __future__ import annotations

import math
from typing import Any

from pypack.loader.loader import Loader


def steps_before(global_step: int, rows: int, args: Any) -> int:
    """Steps of the loader that all processes together were trained on in so many updates.

    The last update of an epoch takes what is left of it, which may be less than an accumulation.

    Args:
        global_step: updates.
        rows: steps of an epoch of the trainer.
        args: the trainer's, for accumulation and processes.
    """
    processes, accumulated = int(args.world_size), int(args.gradient_accumulation_steps)
    each = -(-rows // processes)
    epochs, updates = divmod(global_step, max(1, -(-each // accumulated)))
    return epochs * rows + min(updates * accumulated, each) * processes


def check_trainer(loader: Loader, args: Any, state: Any, given: dict[str, Any]) -> int:
    """Refuses what would change the order. Returns the rows of an epoch.

    Args:
        loader: of `LoaderState`.
        args, state: the trainer's.
        given: what the trainer gives to callbacks besides: its DataLoaders.

    Raises:
        ValueError: a setting does not go with packed batches; the message names it and what to set.
    """
    if args.accelerator_config.dispatch_batches:
        raise ValueError(
            "accelerate's dispatch_batches cuts batches along their first axis, which tears packed "
            "documents: set accelerator_config={'dispatch_batches': False}"
        )
    if args.accelerator_config.split_batches and args.world_size > 1:
        raise ValueError(
            "accelerate's split_batches deals the rows of a batch to processes, and a batch of packed "
            "documents is one row: set accelerator_config={'split_batches': False}"
        )
    _check_batch_size("per_device_train_batch_size", args.per_device_train_batch_size)
    if str(getattr(args.eval_strategy, "value", args.eval_strategy)) != "no":
        _check_batch_size("per_device_eval_batch_size", args.per_device_eval_batch_size)
    strategy = getattr(args, "train_sampling_strategy", "sequential")
    if strategy != "sequential":
        raise ValueError(
            f'train_sampling_strategy="{strategy}" would reorder the loader\'s steps, which are shuffled '
            'already: set train_sampling_strategy="sequential"'
        )
    steps = steps_of(given.get("train_dataloader"))
    if steps is None:
        raise ValueError(
            "the trainer's train_dataset is not from pypack.adapters.huggingface.dataset, so that "
            "LoaderState cannot know which steps it gives: train_dataset=huggingface.dataset(loader)"
        )
    if steps.loader is not loader:
        raise ValueError("train_dataset was made from another Loader than LoaderState: give both the same")
    if not loader.shuffle:
        raise ValueError(
            "the loader that is trained from has shuffle=False, which is for evaluation: every epoch would "
            "be the same; leave it out"
        )
    if loader.world_size != 1:
        raise ValueError(
            f"the loader is of rank {loader.rank} of {loader.world_size}, and accelerate deals its steps to "
            "processes too, so that rows would be left out: make it with rank=0, world_size=1 and the batch "
            "of one process"
        )
    rows: int = steps.rows
    if rows % args.world_size:
        fewer = rows - rows % args.world_size
        raise ValueError(
            f"{rows} rows do not divide among {args.world_size} processes: accelerate would train some of "
            f"them twice (even_batches), or let processes wait for one another for ever. Make the data set "
            f"with steps={fewer or args.world_size}, or another multiple"
        )
    if state.global_step and args.ignore_data_skip:
        raise ValueError(
            "ignore_data_skip=True begins the epoch again when it resumes, and trains its steps twice: leave "
            "it out, skipping costs nothing here"
        )
    _check_enough(loader, rows, args, state)
    return rows


def _check_batch_size(name: str, size: int) -> None:
    if size != 1:
        raise ValueError(f"{name}={size}: a row is a batch already, set {name}=1 and its size in the loader")


def _check_enough(loader: Loader, rows: int, args: Any, state: Any) -> None:
    if loader.num_steps is None:
        return
    needed = steps_before(state.max_steps, rows, args)
    if needed <= loader.num_steps:
        return
    asked = (
        f"max_steps={args.max_steps}" if args.max_steps > 0 else f"num_train_epochs={args.num_train_epochs:g}"
    )
    fits = math.floor(loader.num_steps / rows)
    raise ValueError(
        f"{asked} takes {needed} steps of the loader, which ends after {loader.num_steps}: make it without "
        f"an end (epochs=None), so that every epoch has an order of its own, or set num_train_epochs={fits}"
    )


def steps_of(data_loader: Any) -> Any:
    """What gives the batches of a DataLoader over `dataset`; None for another data set."""
    return getattr(getattr(data_loader, "dataset", None), "steps", None)
