"""Packed prompts cut into parts that a model runs one after the other."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pypack.packing.prepacked import Prepacked


@dataclass(frozen=True, eq=False)
class Pass:
    """Some of the rows of a `Prepacked`, or of the prompts of its one row, that a model runs at once.

    Attributes:
        input_ids, position_ids: int64 [R, C], or [1, T].
        lengths: tokens of each of its segments, end to end.
        prompts: int64 [n], which prompts it holds.
        first: int64 [n], where each of them begins in its flattened items.
    """

    input_ids: NDArray[np.int64]
    position_ids: NDArray[np.int64]
    lengths: NDArray[np.int64]
    prompts: NDArray[np.int64]
    first: NDArray[np.int64]


def passes(packed: Prepacked, most_tokens: int) -> Iterator[Pass]:
    """Cuts packed rows (layout "padded") or prompts ("varlen") into passes.

    Args:
        packed: what is cut.
        most_tokens: items of a pass; a row, or a prompt, that has more is a pass by itself.
    """
    ids, positions = packed.input_ids.reshape(-1), packed.position_ids.reshape(-1)
    borders = packed.cu_seqlens.astype(np.int64)
    shape: tuple[int, int]
    if packed.layout == "padded":
        rows, row_length = packed.input_ids.shape
        ends, shape = np.arange(1, rows + 1) * row_length, (-1, row_length)
    else:
        ends, shape = borders[1:], (1, -1)
    first = packed.last_index - packed.length + 1
    placed = np.flatnonzero(packed.length)
    placed = placed[np.argsort(first[placed])]
    done = begin = 0
    while done < len(ends):
        done = max(done + 1, int(np.searchsorted(ends, begin + most_tokens, side="right")))
        end = int(ends[done - 1])
        from_border, to_border = np.searchsorted(borders, [begin, end])
        from_prompt, to_prompt = np.searchsorted(first[placed], [begin, end])
        prompts = placed[from_prompt:to_prompt]
        yield Pass(
            ids[begin:end].reshape(shape),
            positions[begin:end].reshape(shape),
            np.diff(borders[from_border : to_border + 1]),
            prompts,
            first[prompts] - begin,
        )
        begin = end
