"""Packing documents as they come: from a generator, a socket, a live tokenizer."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pypack import _core
from pypack._common.schema import Field, check
from pypack.packing.narrow_ids import narrow_ids, widened_ids
from pypack.packing.packing import shared_options
from pypack.packing.strategies import Overflow, checked_options
from pypack.plan.stats import PlanCounts

_VERSION = 2  # 1: starts, lengths and documents as numbers, 16 bytes a piece
# What a state must be before anything looks into it; which counts are missing, the kernel says.
_COUNT = Field("int", 0, 2**62, optional=True)
_STATE = Field(
    "dict",
    open=True,
    fields={
        "version": Field(),
        "options": Field("dict"),
        "counts": Field("dict", fields={field.name: _COUNT for field in dataclasses.fields(PlanCounts)}),
        "pieces": Field(),
        "ids": Field(),
    },
)


@dataclasses.dataclass(frozen=True)
class PackedSequence:
    """One sequence of a `StreamPacker`.

    Attributes:
        input_ids: uint32 [T], the tokens of its spans end to end, without padding.
        cu_seqlens: int32 [n + 1], span i is `input_ids[cu_seqlens[i]:cu_seqlens[i + 1]]`.
        documents: int64 [n], which document each span is from, counted from the first one added.
        starts: int32 [n], where the span starts in its document.
    """

    input_ids: NDArray[np.uint32]
    cu_seqlens: NDArray[np.int32]
    documents: NDArray[np.int64]
    starts: NDArray[np.int32]


class StreamPacker:
    """The strategy "stream" online: documents in, full sequences out, with a bounded buffer between them.

    The same documents give the same sequences as `pypack.pack(lengths, ..., strategy="stream")`, and a packer
    restored from `state_dict` goes on exactly where the other one stood.

        packer = pypack.StreamPacker(8192)
        for sequence in packer.pack(tokenize(line) for line in sys.stdin):
            train_on(sequence.input_ids, sequence.cu_seqlens)

    Args:
        sequence_length: tokens of a sequence.
        overflow: as in `pypack.pack`, like the next three.
        max_documents: most spans of a sequence.
        align: each span takes up a multiple of so many tokens.
        drop_shorter_than: shorter pieces are left out.
        buffer_documents: the buffer gives sequences while it holds at least so many documents
        buffer_tokens: and at least so many tokens; None: 8 * sequence_length.
    """

    def __init__(
        self,
        sequence_length: int,
        *,
        overflow: Overflow = "split",
        max_documents: int | None = None,
        align: int = 1,
        drop_shorter_than: int = 0,
        buffer_documents: int = 1000,
        buffer_tokens: int | None = None,
    ) -> None:
        shared_options(sequence_length, overflow, max_documents, align, drop_shorter_than)  # or raises
        buffer = {"buffer_documents": buffer_documents, "buffer_tokens": buffer_tokens}
        if buffer_tokens is None:
            buffer["buffer_tokens"] = 8 * int(sequence_length)
        self._options: dict[str, Any] = {
            "sequence_length": int(sequence_length),
            "overflow": overflow,
            "max_documents": None if max_documents is None else int(max_documents),
            "align": int(align),
            "drop_shorter_than": int(drop_shorter_than),
            **checked_options(buffer),
        }
        self._packer = self._empty_packer()
        self._waiting: dict[int, NDArray[np.uint32]] = {}  # tokens of the buffered piece of each document

    def _empty_packer(self) -> _core.OnlinePacker:
        shared = {name: value for name, value in self._options.items() if not name.startswith("buffer_")}
        return _core.OnlinePacker(
            shared_options(**shared), self._options["buffer_documents"], self._options["buffer_tokens"]
        )

    def __repr__(self) -> str:
        own = ", ".join(f"{name}={value!r}" for name, value in self._options.items())
        return (
            f"StreamPacker({own}; {self.num_buffered_documents} documents, {self.num_buffered_tokens} tokens "
            "in the buffer)"
        )

    def __getstate__(self) -> dict[str, Any]:
        return self.state_dict()

    def __setstate__(self, state: Mapping[str, Any]) -> None:
        self._options = dict(state["options"])
        self.load_state_dict(state)

    @property
    def counts(self) -> PlanCounts:
        """Where the tokens of the documents added so far went; those in the buffer count as packed."""
        return PlanCounts(**self._packer.counts())

    @property
    def num_buffered_documents(self) -> int:
        """Documents added that are in no finished sequence yet."""
        return len(self._waiting)

    @property
    def num_buffered_tokens(self) -> int:
        """Their tokens."""
        return sum(map(len, self._waiting.values()))

    def add(self, document: Sequence[int] | NDArray[np.integer]) -> list[PackedSequence]:
        """Takes the next document, its token ids [T], and returns the sequences that are finished, if any.

        Raises:
            ValueError: the document is longer than sequence_length and overflow is "error", or an id is not
                from 0 to 2^32-1.
            TypeError: the ids are not integers.
        """
        ids = _token_ids(document)
        index = self._packer.counts()["documents"]
        finished, start, length = self._packer.add(len(ids))
        if length:
            self._waiting[index] = ids[start : start + length].copy()
        return [self._sequence(*pieces, newest=index, newest_ids=ids) for pieces in finished]

    def flush(self) -> list[PackedSequence]:
        """Empties the buffer: the rest as sequences, packed by best fit. Further documents may follow."""
        return [self._sequence(*pieces) for pieces in self._packer.flush()]

    def pack(self, documents: Iterable[Sequence[int] | NDArray[np.integer]]) -> Iterator[PackedSequence]:
        """Adds all documents, yields sequences as they are finished, and flushes at the end."""
        for document in documents:
            yield from self.add(document)
        yield from self.flush()

    def _sequence(
        self,
        documents: NDArray[np.int64],
        starts: NDArray[np.int32],
        lengths: NDArray[np.int32],
        newest: int = -1,
        newest_ids: NDArray[np.uint32] | None = None,
    ) -> PackedSequence:
        parts = []
        for document, start, length in zip(
            documents.tolist(), starts.tolist(), lengths.tolist(), strict=True
        ):
            if document == newest and newest_ids is not None:
                parts.append(newest_ids[start : start + length])
            else:
                parts.append(self._waiting.pop(document))
        cu_seqlens = np.zeros(len(parts) + 1, np.int32)
        np.cumsum(lengths, out=cu_seqlens[1:])
        return PackedSequence(np.concatenate(parts), cu_seqlens, documents, starts)

    def state_dict(self) -> dict[str, Any]:
        """The state as plain values and arrays.

        Its arrays are no larger than the buffered ids are in the packer, 4 bytes each, where ids are below
        2^24 and buffered pieces hold 8 tokens or more on average: ids take up as many whole bytes as the
        largest of them needs, and a piece about 3. (Options and counts come beside them, a few hundred bytes
        whatever is buffered.)

        Returns:
            "version", "options", "counts"; "pieces", uint8 [n], the buffered pieces as
            csrc/core/pack/stream/piece_bytes.hpp writes them; "ids", uint8 [tokens, bytes an id], their ids
            in order of arrival, the lowest byte first.
        """
        documents, _, _ = self._packer.buffered()
        return {
            "version": _VERSION,
            "options": dict(self._options),
            "counts": self._packer.counts(),
            "pieces": self._packer.buffered_bytes(),
            "ids": narrow_ids([self._waiting[document] for document in documents.tolist()]),
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Goes on where the packer stood that gave `state`, whatever this one did before.

        Raises:
            ValueError: the state is of another version, of a packer with other options, or damaged. This
                packer is then as it was.
            TypeError: its pieces are no bytes.
        """
        check(state, Field("dict"), "the state")
        if state.get("version") != _VERSION:
            raise ValueError(
                f"state version {state.get('version')!r} is not {_VERSION}, the one this pypack reads"
            )
        check(state, _STATE, "the state")
        if state["options"] != self._options:
            raise ValueError(
                f"the state is of a packer with {state['options']}, this one has {self._options}: "
                "make a packer with the options of the state"
            )
        packer = self._empty_packer()
        pieces = np.asarray(state["pieces"])
        if pieces.dtype != np.uint8:
            raise TypeError(f"damaged state: pieces are uint8 [n], not {pieces.dtype} {list(pieces.shape)}")
        packer.restore(pieces, state["counts"])
        documents, _, lengths = packer.buffered()
        ids = widened_ids(np.asarray(state["ids"]))
        if int(lengths.sum()) != len(ids):
            raise ValueError(f"damaged state: {len(ids)} ids for pieces of {int(lengths.sum())} tokens")
        self._packer = packer
        parts = np.split(ids, np.cumsum(lengths)[:-1])
        self._waiting = dict(zip(documents.tolist(), parts, strict=False)) if len(documents) else {}


def _token_ids(document: Sequence[int] | NDArray[np.integer]) -> NDArray[np.uint32]:
    given = np.asarray(document)
    if given.ndim != 1:
        raise ValueError(f"a document is a vector of token ids, got shape {given.shape}")
    if not len(given):
        return np.empty(0, np.uint32)
    if given.dtype.kind not in "iu":
        raise TypeError(f"token ids must be integers, got {given.dtype}")
    if given.dtype != np.uint32 and (given.min() < 0 or given.max() > np.iinfo(np.uint32).max):
        raise ValueError(f"token ids must be from 0 to 2^32-1, got {given.min()} to {given.max()}")
    return given.astype(np.uint32, copy=False)
