"""Prepacking: prompts of varying length in few rows, for prefill without padding."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pypack import _core
from pypack._common.threads import resolve_num_threads
from pypack.packing.packing import pack
from pypack.packing.prepacked import Layout, Prepacked
from pypack.plan.plan import Plan
from pypack.ragged import Ragged

PromptStrategy = Literal["best_fit", "next_fit", "pad"]  # those that keep documents whole


def prepack(
    prompts: Ragged | Sequence[Any],
    capacity: int | None = None,
    strategy: PromptStrategy = "best_fit",
    drop_last: bool = False,
    max_rows: int | None = None,
    *,
    layout: Layout = "padded",
    overflow: Literal["error"] = "error",
    pad_id: int = 0,
    num_threads: int | None = None,
) -> Prepacked:
    """Packs prompts into rows, so that prefill computes hardly any padding.

    The method of Zhao et al. 2024, "Prepacking: A Simple Method for Fast Prefilling and Increased Throughput
    in Large Language Models" (arXiv 2404.09529), with all tokens of a prompt packed (the paper leaves the
    last one to the first decoding step; here its logits come out of prefill) and borders carried as
    `cu_seqlens` and `segment_ids` instead of a dense mask.

    Args:
        prompts: token ids, as a `Ragged` (taken without a copy) or a sequence of lists or integer arrays.
        capacity: items of a row, at least the longest prompt; None: the longest prompt.
        strategy: a strategy of `pypack.pack` that keeps documents whole: "best_fit", "next_fit", or "pad"
            (one prompt a row, the baseline).
        drop_last: with `max_rows`: leave out the prompts of the rows beyond it and list them in `dropped`,
            in order to prepack them next time. Without it such a batch is refused.
        max_rows: most rows; with `layout="varlen"`, max_rows * capacity is the budget of tokens.
        layout: "padded" gives rows [R, C]; "varlen" all prompts end to end [T], for kernels that take
            `cu_seqlens`.
        overflow: only "error". A prompt cannot be split over rows: its later part would have to attend to
            keys and values that another row of the same pass computes.
        pad_id: token at padding.
        num_threads: threads that copy; None: all available cores.

    Raises:
        ValueError: a prompt is longer than `capacity`, more rows than `max_rows` are needed, or an argument
            is out of its range; the message says which.
    """
    if layout not in ("padded", "varlen"):
        raise ValueError(f'layout must be "padded" or "varlen", got {layout!r}')
    if overflow != "error":
        raise ValueError(
            f"overflow={overflow!r} is refused for prefill: the rows of a pass are computed side by side, so "
            "the later part of a split prompt cannot attend to the earlier one (and a dropped or truncated "
            "prompt would give the wrong answer); raise capacity, or shorten the prompt"
        )
    if max_rows is not None and max_rows < 1:
        raise ValueError(f"max_rows must be at least 1 or None, got {max_rows}")
    ragged = as_ragged(prompts)
    lengths = ragged.lengths
    plan = plan_prompts(lengths, capacity, strategy, num_threads)
    rows = plan.num_sequences
    if max_rows is not None and rows > max_rows:
        if not drop_last:
            raise ValueError(
                f"{len(lengths)} prompts need {rows} rows of {plan.sequence_length}, max_rows is {max_rows}: "
                "raise it or capacity, or pass drop_last=True to leave out the prompts of the last rows"
            )
        rows = max_rows
    spans = int(plan.sequence_offsets[rows])
    packed = _core.prepack(
        ragged.values,
        ragged.offsets,
        _core.PlanView(
            plan.sequence_offsets[: rows + 1],
            plan.span_document[:spans],
            plan.span_start[:spans],
            plan.span_length[:spans],
            plan.sequence_capacity[:rows],
        ),
        row_length=plan.sequence_length if layout == "padded" else None,
        pad_id=pad_id,
        num_threads=resolve_num_threads(num_threads),
    )
    placed = packed["row"] >= 0
    return Prepacked(
        **packed,
        length=np.where(placed, lengths, 0),
        dropped=np.flatnonzero(~placed & (lengths > 0)),
        layout=layout,
    )


def plan_prompts(
    lengths: NDArray[np.int64],
    capacity: int | None = None,
    strategy: PromptStrategy = "best_fit",
    num_threads: int | None = None,
) -> Plan:
    """The plan behind `prepack`: sequences are rows, documents are prompts; arguments and errors as there."""
    longest = int(lengths.max(initial=1))
    if capacity is not None and capacity < longest:
        raise ValueError(
            f"prompt {int(lengths.argmax())} has {longest} tokens, capacity is {capacity}: a prompt is never "
            f"split for prefill, pass capacity={longest} or more, or None"
        )
    # Best fit spreads documents of equal length over the plan, for training; prompts may keep their order.
    options: dict[str, Any] = {"seed": None} if strategy == "best_fit" else {}
    return pack(
        lengths,
        longest if capacity is None else capacity,
        strategy=strategy,
        overflow="error",
        num_threads=num_threads,
        **options,
    )


def as_ragged(prompts: Ragged | Sequence[ArrayLike]) -> Ragged:
    """Prompts as a `Ragged`, without a copy if they are one already.

    Raises:
        TypeError: a prompt is no vector of integers.
        ValueError: a token id is not from 0 to 2^31-1.
    """
    if isinstance(prompts, Ragged):
        return prompts
    rows = [np.asarray(prompt) for prompt in prompts]
    for i, row in enumerate(rows):
        if row.ndim != 1 or (row.dtype.kind not in "iu" and len(row)):
            raise TypeError(
                f"prompt {i} must be a vector of integer token ids, got {row.dtype} with shape {row.shape}"
            )
    offsets = np.zeros(len(rows) + 1, np.int64)
    np.cumsum([len(row) for row in rows], out=offsets[1:])
    # Through int64, so that an id that uint32 cannot hold is seen instead of wrapped.
    values = np.concatenate([*rows, np.zeros(0, np.int64)], dtype=np.int64, casting="unsafe")
    if len(values) and not 0 <= int(values.min()) <= int(values.max()) < 2**31:
        first = int(np.argmax((values < 0) | (values >= 2**31)))
        prompt = int(np.searchsorted(offsets, first, side="right")) - 1
        raise ValueError(f"prompt {prompt} has token id {values[first]}: ids must be from 0 to 2^31-1")
    return Ragged(values.astype(np.uint32), offsets)
