"""Prompts in packed rows, and what a model computes on them taken apart again."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal, TypeVar

import numpy as np
from numpy.typing import DTypeLike, NDArray

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
        """Prompts, those in no row among them: P."""
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

        Raises:
            ValueError: `side` is neither.
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
            keys: [R, heads, C, dim], or [1, heads, T, dim] of "varlen"; numpy or torch.
            values: alike.
            side: the end at which shorter prompts are padded (with zeros).

        Returns:
            Keys and values as [P, heads, longest, dim].

        Raises:
            ValueError: an array has another shape.
        """
        index = self.gather_index(side)
        destination = np.flatnonzero(index >= 0)
        source = index.reshape(-1)[destination]

        def unpacked(array: Any) -> Any:
            expected = self.input_ids.shape if self.input_ids.ndim == 2 else (1, self.input_ids.size)
            if array.ndim != 4 or (array.shape[0], array.shape[2]) != expected:
                raise ValueError(
                    f"unpack_kv takes [{expected[0]}, heads, {expected[1]}, dim], got {tuple(array.shape)}"
                )
            shape = (*index.shape, array.shape[1], array.shape[3])
            room = array.new_zeros(shape) if hasattr(array, "new_zeros") else np.zeros(shape, array.dtype)
            put_kv(room, array, source, destination)
            return room.swapaxes(1, 2)

        return unpacked(keys), unpacked(values)

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


def put_kv(room: Any, array: Any, source: Any, destination: Any) -> None:
    """Copies keys or values of packed rows to where their prompts have room; of numpy or torch.

    Args:
        room: [P, longest, heads, dim], contiguous.
        array: [R, heads, C, dim].
        source, destination: of each token, its place in the flattened items, and in P * longest.
    """
    rows, heads, length, dim = array.shape
    room.reshape((-1, heads, dim))[destination] = array.swapaxes(1, 2).reshape((rows * length, heads, dim))[
        source
    ]
