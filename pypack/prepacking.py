"""Prepacking: prompts of varying length in few rows, for prefill without padding."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal, TypeVar

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from pypack import _core
from pypack._threads import resolve_num_threads
from pypack.packing import pack
from pypack.plan import Plan
from pypack.ragged import Ragged

Layout = Literal["padded", "varlen"]
Side = Literal["left", "right"]
_Tensor = TypeVar("_Tensor")  # of numpy or torch


@dataclass(frozen=True, eq=False)
class Prepacked:
    """Prompts in packed rows, and how to take apart what a model computes on them.

    P prompts lie in R rows of C items (`layout="padded"`), or end to end in one row of T tokens
    (`layout="varlen"`); "items" below are R * C or T. A prompt without tokens, or one in `dropped`, is in no
    row.

    Attributes:
        input_ids: int64 [R, C] or [T]; `pad_id` behind the last prompt of a row.
        position_ids: int64, shaped alike; 0, 1, ... from the first token of each prompt, 0 at padding.
        segment_ids: int64, shaped alike; 1, 2, ... for the prompts of a row, 0 at padding.
        cu_seqlens: int32 [segments + 1], where segments begin in the flattened items, and at the end their
            number. The padding of a row is a segment of its own, so that kernels for packed sequences can run
            on the flattened rows.
        max_seqlen: the longest segment, in tokens.
        row: int64 [P], the row of each prompt (0 in "varlen"), -1 for a prompt in no row.
        start: int64 [P], where it begins in its row.
        length: int64 [P], its tokens; 0 for a prompt in no row.
        dropped: int64, the prompts that `max_rows` left no room for.
        layout: "padded" or "varlen".
    """

    input_ids: NDArray[np.int64]
    position_ids: NDArray[np.int64]
    segment_ids: NDArray[np.int64]
    cu_seqlens: NDArray[np.int32]
    max_seqlen: int
    row: NDArray[np.int64]
    start: NDArray[np.int64]
    length: NDArray[np.int64]
    dropped: NDArray[np.int64]
    layout: Layout

    @property
    def num_prompts(self) -> int:
        return len(self.row)

    @property
    def num_tokens(self) -> int:
        """Tokens of prompts, padding not counted."""
        return int(self.length.sum())

    @property
    def utilization(self) -> float:
        """Tokens / items; 1.0 without items."""
        return self.num_tokens / self.input_ids.size if self.input_ids.size else 1.0

    @cached_property
    def _first_index(self) -> NDArray[np.int64]:
        row_length = self.input_ids.shape[-1]
        return np.where(self.length > 0, self.row * row_length + self.start, 0)

    @cached_property
    def last_index(self) -> NDArray[np.int64]:
        """int64 [P]: the last token of each prompt in the flattened items, -1 for a prompt in no row.

        The logits there are those of the first new token: `logits.reshape(-1, vocabulary)[last_index]`.
        """
        return np.where(self.length > 0, self._first_index + self.length - 1, -1)

    def gather_index(self, side: Side = "left") -> NDArray[np.int64]:
        """int64 [P, longest]: where the tokens of each prompt are in the flattened items, -1 at padding.

        Args:
            side: the end at which shorter prompts are padded; "left" is what decoding goes on from.
        """
        if side not in ("left", "right"):
            raise ValueError(f'side must be "left" or "right", got {side!r}')
        longest = int(self.length.max(initial=0))
        within = np.arange(longest) - ((longest - self.length)[:, None] if side == "left" else 0)
        inside = (within >= 0) & (within < self.length[:, None])
        return np.where(inside, self._first_index[:, None] + within, -1)

    def unpack(self, array: Any) -> list[Any]:
        """What belongs to each prompt, as P views of [length, ...].

        Args:
            array: one value or vector an item: [R, C, ...], [1, T, ...] or [items, ...], of numpy or torch.

        Raises:
            ValueError: the array has another shape.
        """
        size, shape = self.input_ids.size, tuple(array.shape)
        if shape[: self.input_ids.ndim] == self.input_ids.shape:
            flat = array.reshape((size, *shape[self.input_ids.ndim :]))
        elif shape[:1] == (size,):
            flat = array
        elif shape[:2] == (1, size):
            flat = array[0]
        else:
            raise ValueError(
                f"unpack takes an array that begins with {self.input_ids.shape} or ({size},), got {shape}"
            )
        first, length = self._first_index.tolist(), self.length.tolist()
        return [flat[begin : begin + count] for begin, count in zip(first, length, strict=True)]

    def unpack_kv(self, keys: _Tensor, values: _Tensor, side: Side = "left") -> tuple[_Tensor, _Tensor]:
        """The cached keys and values of one layer, one prompt a row.

        Args:
            keys, values: [R, heads, C, dim], or [1, heads, T, dim] of "varlen"; numpy or torch.
            side: the end at which shorter prompts are padded (with zeros).

        Returns:
            Keys and values as [P, heads, longest, dim].

        Raises:
            ValueError: an array has another shape.
        """
        index = self.gather_index(side)
        destination = np.flatnonzero(index >= 0)
        source = index.reshape(-1)[destination]
        for array in (keys, values):
            self._check_kv(array)
        return (
            take_kv(keys, index.shape, source, destination),
            take_kv(values, index.shape, source, destination),
        )

    def _check_kv(self, array: Any) -> None:
        expected = self.input_ids.shape if self.input_ids.ndim == 2 else (1, self.input_ids.size)
        if array.ndim != 4 or (array.shape[0], array.shape[2]) != expected:
            raise ValueError(
                f"unpack_kv takes [{expected[0]}, heads, {expected[1]}, dim], got {tuple(array.shape)}"
            )

    def attention_mask(self, dtype: DTypeLike = np.bool_) -> NDArray[Any]:
        """The dense mask [R, 1, C, C] ([1, 1, T, T] for "varlen"): causal within each segment.

        Quadratic in the row; kernels that take `segment_ids` or `cu_seqlens` need none. Padding attends to
        the padding before it, so that no row of the mask is empty.

        Args:
            dtype: bool gives True where a query (third axis) attends to a key (fourth); a float type gives
                the bias to add to the scores, 0 or the type's lowest number.

        Raises:
            TypeError: neither bool nor float.
        """
        segments = np.atleast_2d(self.segment_ids)
        length = segments.shape[1]
        attends = (segments[:, :, None] == segments[:, None, :]) & np.tri(length, dtype=np.bool_)
        kind: np.dtype[Any] = np.dtype(dtype)
        if kind == np.bool_:
            return np.expand_dims(attends, 1)
        if kind.kind != "f":
            raise TypeError(f"attention_mask: dtype must be bool or a float type, got {kind}")
        bias = np.full(attends.shape, np.finfo(kind.type).min, kind)
        bias[attends] = 0
        return np.expand_dims(bias, 1)

    def __repr__(self) -> str:
        return (
            f"Prepacked({self.num_prompts} prompts, {self.num_tokens} tokens in {self.input_ids.shape}, "
            f"{self.utilization:.1%} full)"
        )


def take_kv(array: Any, shape: tuple[int, ...], source: Any, destination: Any) -> Any:
    """`Prepacked.unpack_kv` for one array.

    Args:
        array: [R, heads, C, dim].
        shape: prompts, and the longest of them.
        source, destination: of each token, the place in the flattened items, and in `shape` flattened.
    """
    rows, heads, length, dim = array.shape
    size = (shape[0] * shape[1], heads, dim)
    taken = array.new_zeros(size) if hasattr(array, "new_zeros") else np.zeros(size, array.dtype)
    taken[destination] = array.swapaxes(1, 2).reshape((rows * length, heads, dim))[source]
    return taken.reshape((*shape, heads, dim)).swapaxes(1, 2)


def prepack(
    prompts: Ragged | Sequence[Any],
    capacity: int | None = None,
    strategy: str = "best_fit",
    drop_last: bool = False,
    max_rows: int | None = None,
    *,
    layout: Layout = "padded",
    overflow: str = "error",
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
    plan = _plan(lengths, capacity, strategy, num_threads)
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
        plan.sequence_offsets[: rows + 1],
        plan.span_document[:spans],
        plan.span_start[:spans],
        plan.span_length[:spans],
        plan.sequence_capacity[:rows],
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


def _plan(lengths: NDArray[np.int64], capacity: int | None, strategy: str, num_threads: int | None) -> Plan:
    longest = int(lengths.max(initial=1))
    if capacity is not None and capacity < longest:
        raise ValueError(
            f"prompt {int(lengths.argmax())} has {longest} tokens, capacity is {capacity}: a prompt is never "
            f"split for prefill, pass capacity={longest} or more, or None"
        )
    return pack(
        lengths,
        longest if capacity is None else capacity,
        strategy=strategy,
        overflow="error",
        num_threads=num_threads,
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
