"""Writing a store: shards of a set size, each a Megatron-Core indexed dataset."""

from __future__ import annotations

import os
import secrets
import struct
from collections.abc import Callable, Collection, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from pypack import _core
from pypack._common.checksums import BlockChecksum, block_checksum, checksum, checksum_of
from pypack._common.files import TEMPORARY_SUFFIX, create, publish, write_atomically
from pypack._common.fingerprint import joined_fingerprint, lengths_fingerprint
from pypack._common.paths import local_path
from pypack.ragged import Ragged
from pypack.store.beside import FEATURE_OF, GROUP, MASK, WEIGHT, BesideWriter
from pypack.store.column_writer import ColumnWriter
from pypack.store.format import (
    STORE_FILE,
    TOKENIZER_FILE,
    ShardInfo,
    StoreInfo,
    dtype_for_vocabulary,
)
from pypack.store.store import TokenStore

if TYPE_CHECKING:
    import pyarrow as pa

    from pypack.tokenizer.tokenizer import Tokenizer

DEFAULT_SHARD_TOKENS = 2**28

_INDEX_HEADER = struct.Struct("<9sQBQQ")  # magic, version, dtype code, sequences, document bounds
_DTYPE_CODES = {"uint8": 1, "int8": 2, "int16": 3, "int32": 4, "int64": 5, "uint16": 8}
_MAX_DOCUMENT_TOKENS = 2**31 - 1


class StoreWriter:
    """Writes documents into a store directory, in the order given.

    A shard takes whole documents until the next one would pass `shard_tokens`; the borders depend on the
    documents alone, never on how they are batched. A shard appears under its name when it is complete,
    `store.json` when all are: before that the directory is not a store. Use as a context manager: leaving
    the block normally completes the store, an exception leaves the finished shards and removes the
    unfinished one.

    Args:
        path: the directory, made if missing.
        vocab_size: every id must be below it; uint16 on disk below 65500, else int32.
        append_id: id written after every document (the tokenizer's eos), None for none.
        prepend_ids, append_ids: ids written before every document, and behind it (before `append_id`).
        beside: which files the shards get beside their tokens, of `pypack.store.beside`: ".mask", ".group",
            ".weight". The former two ids are not learned and learned.
        tokenizer: kept in the store, with its fingerprint and special ids.
        shard_tokens: most tokens in a shard, unless a single document has more.
        options: JSON-able record of the job, kept in `store.json`.
        finished: shards written by an earlier, interrupted job; writing goes on after them.
        on_shard: called with (shard, documents in all finished shards) after each shard is on disk.

    Raises:
        FileExistsError: the directory already holds a complete store.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        vocab_size: int,
        append_id: int | None = None,
        prepend_ids: Sequence[int] = (),
        append_ids: Sequence[int] = (),
        beside: Collection[str] = (),
        tokenizer: Tokenizer | None = None,
        shard_tokens: int = DEFAULT_SHARD_TOKENS,
        options: dict[str, Any] | None = None,
        finished: Sequence[ShardInfo] = (),
        on_shard: Callable[[ShardInfo, int], None] | None = None,
    ) -> None:
        if shard_tokens < 1:
            raise ValueError(f"shard_tokens must be at least 1, got {shard_tokens}")
        if vocab_size < 1:
            raise ValueError(f"vocab_size must be at least 1, got {vocab_size}")
        if append_id is not None and not 0 <= append_id < vocab_size:
            raise ValueError(f"append_id must be in [0, vocab_size={vocab_size}), got {append_id}")
        if not all(0 <= i < vocab_size for i in (*prepend_ids, *append_ids)):
            raise ValueError(
                f"prepend_ids and append_ids must be in [0, vocab_size={vocab_size}), got "
                f"{list(prepend_ids)} and {list(append_ids)}"
            )
        if set(beside) - set(FEATURE_OF):
            raise ValueError(f"beside holds suffixes of {', '.join(FEATURE_OF)}, got {sorted(beside)}")
        self.path = local_path(path)
        if (self.path / STORE_FILE).exists():
            raise FileExistsError(
                f"{self.path} already holds a store: choose another path, or remove it first"
            )
        self.path.mkdir(parents=True, exist_ok=True)
        self.vocab_size = vocab_size
        self.dtype = dtype_for_vocabulary(vocab_size)
        self.append_id = append_id
        self._begin_ids = list(prepend_ids)
        self._end_ids = [*append_ids, *([] if append_id is None else [append_id])]
        self._beside = [suffix for suffix in FEATURE_OF if suffix in beside]
        self.shard_tokens = shard_tokens
        self._tokenizer = tokenizer
        self._options = options or {}
        self._on_shard = on_shard
        self._finished = list(finished)
        self._shard: _ShardWriter | None = None
        self._documents = sum(shard.documents for shard in finished)
        self._tokens = sum(shard.tokens for shard in finished)

    @property
    def num_documents(self) -> int:
        """Documents written so far, those of the unfinished shard included."""
        return self._documents

    @property
    def num_tokens(self) -> int:
        """Tokens written so far, end-of-document ids included."""
        return self._tokens

    @property
    def end_ids(self) -> list[int]:
        """The ids behind every document, `append_id` the last of them."""
        return self._end_ids

    def append(
        self,
        documents: Ragged,
        columns: pa.RecordBatch | None = None,
        source: str | None = None,
        *,
        learned: NDArray[np.bool_] | None = None,
        places: NDArray[np.int32] | None = None,
        weights: NDArray[np.float32] | None = None,
    ) -> None:
        """Writes documents after those before.

        Args:
            documents: the ids of each.
            columns: one row a document, the same names in every call (types may differ, see
                `pypack.store.column_types`); or None in every call.
            source: the input they came from, recorded in the shard's `inputs`.
            learned: with ".mask", bool [N], of each id of `documents.values`; None: all are learned.
            places: with ".group", how many documents of its group stand before each; None: none.
            weights: with ".weight", how much the loss of each document counts; None: 1.

        Raises:
            ValueError: an id is not below `vocab_size`, a document is longer than 2^31-1 tokens, or the
                columns or other values do not fit. Nothing of the batch that follows the bad document is
                written.
        """
        if columns is not None and columns.num_rows != len(documents):
            raise ValueError(f"columns have {columns.num_rows} rows for {len(documents)} documents")
        beside = _Beside(self._beside, documents, learned, places, weights)
        extra = len(self._begin_ids) + len(self._end_ids)
        lengths = documents.lengths + extra
        if len(lengths) and int(lengths.max()) > _MAX_DOCUMENT_TOKENS:
            i = int(lengths.argmax())
            raise ValueError(
                f"document {self._documents + i} has {lengths[i]} tokens, a document may have at most 2^31-1"
            )
        ends = np.cumsum(lengths)  # tokens of the batch up to and with each document
        start = 0
        while start < len(documents):
            if self._shard is None:
                self._shard = _ShardWriter(self.path, f"{len(self._finished):05d}", self.dtype, self._beside)
            before = int(ends[start - 1]) if start else 0
            room = self.shard_tokens - self._shard.tokens
            stop = int(np.searchsorted(ends, before + room, side="right"))
            if stop <= start:
                if self._shard.documents:
                    self._finish_shard()
                    continue
                stop = start + 1  # longer than a whole shard
            data = _core.encode_documents(
                documents.values,
                documents.offsets[start : stop + 1],
                None,
                self.vocab_size,
                self.dtype,
                self._documents,
                self._begin_ids,
                self._end_ids,
            )
            part = None if columns is None else columns.slice(start, stop - start)
            self._shard.append(data, lengths[start:stop], part, source)
            if self._beside:
                beside.add(self._shard, start, stop, len(self._begin_ids), len(self._end_ids))
            self._documents += stop - start
            self._tokens += len(data)
            start = stop

    def close(self) -> TokenStore:
        """Completes the last shard, the tokenizer and `store.json`, and opens the store.

        Raises:
            ValueError: no document was written.
        """
        if self._shard is not None:
            self._finish_shard()
        if not self._finished:
            raise ValueError(f"{self.path}: no document was written, a store cannot be empty")
        tokenizer = self._tokenizer
        if tokenizer is not None:
            write_atomically(self.path / TOKENIZER_FILE, tokenizer.to_json().encode())
        info = StoreInfo(
            dtype=self.dtype,
            vocab_size=self.vocab_size,
            documents=self._documents,
            tokens=self._tokens,
            lengths_fingerprint=joined_fingerprint(
                (shard.lengths_fingerprint or "", shard.documents) for shard in self._finished
            ),
            files={} if tokenizer is None else {TOKENIZER_FILE: checksum(self.path / TOKENIZER_FILE)},
            shards=tuple(self._finished),
            tokenizer_fingerprint=None if tokenizer is None else tokenizer.fingerprint,
            special_ids={} if tokenizer is None else tokenizer.special_tokens.as_dict(),
            appended_id=self._end_ids[-1] if self._end_ids else None,
            prepended_ids=tuple(self._begin_ids),
            options=self._options,
            requires=tuple(sorted(FEATURE_OF[suffix] for suffix in self._beside)),
        )
        write_atomically(self.path / STORE_FILE, info.to_json())
        return TokenStore.open(self.path)

    def abort(self) -> None:
        """Removes the unfinished shard; the finished ones stay."""
        if self._shard is not None:
            self._shard.abort()
            self._shard = None

    def _finish_shard(self) -> None:
        assert self._shard is not None
        info = self._shard.finish()
        self._shard = None
        self._finished.append(info)
        if self._on_shard is not None:
            self._on_shard(info, sum(shard.documents for shard in self._finished))

    def __enter__(self) -> StoreWriter:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if kind is None:
            self.close()
        else:
            self.abort()


class _ShardWriter:
    """One `.bin`/`.idx` pair (and `.parquet` of columns) under temporary names until `finish`."""

    def __init__(self, directory: Path, name: str, dtype: str, beside: Sequence[str] = ()) -> None:
        self._directory = directory
        self._name = name
        self._dtype = dtype
        self._digest = BlockChecksum()
        self._token = secrets.token_hex(6)
        for stale in directory.glob(f"{name}.*{TEMPORARY_SUFFIX}*"):  # of a process that was killed
            stale.unlink()
        self._bin: BinaryIO = create(self._temporary(".bin"))
        self.beside = {suffix: BesideWriter(directory, name, suffix, self._token) for suffix in beside}
        self._lengths: list[NDArray[np.int32]] = []
        self._columns: ColumnWriter | None = None
        self._inputs: dict[str, None] = {}
        self.documents = 0
        self.tokens = 0

    def _temporary(self, suffix: str) -> Path:
        return self._directory / f"{self._name}{suffix}{TEMPORARY_SUFFIX}.{self._token}"

    def append(
        self,
        data: NDArray[np.integer[Any]],
        lengths: NDArray[np.int64],
        columns: pa.RecordBatch | None,
        source: str | None,
    ) -> None:
        if self.documents and (columns is None) != (self._columns is None):
            raise ValueError("columns must be given for every batch of a store, or for none")
        if columns is not None:
            if self._columns is None:
                self._columns = ColumnWriter(self._temporary(".parquet"), columns.schema)
            self._columns.append(columns)
        self._bin.write(data.data)
        self._digest.update(data.data)
        self._lengths.append(lengths.astype(np.int32))
        if source is not None:
            self._inputs[source] = None
        self.documents += len(lengths)
        self.tokens += len(data)

    def finish(self) -> ShardInfo:
        self._bin.flush()
        os.fsync(self._bin.fileno())
        self._bin.close()
        lengths = np.concatenate(self._lengths)
        index = index_bytes(lengths, self._dtype)
        columns_checksum = None
        if self._columns is not None:
            self._columns.close()
            columns_checksum = block_checksum(self._temporary(".parquet"))
            publish(self._temporary(".parquet"), self._directory / f"{self._name}.parquet")
        beside = {suffix: writer.finish() for suffix, writer in self.beside.items()}
        write_atomically(self._directory / f"{self._name}.idx", index)
        publish(self._temporary(".bin"), self._directory / f"{self._name}.bin")
        return ShardInfo(
            name=self._name,
            documents=self.documents,
            tokens=self.tokens,
            bin_bytes=self.tokens * np.dtype(self._dtype).itemsize,
            idx_bytes=len(index),
            bin_checksum=str(self._digest),
            idx_checksum=checksum_of(index),
            columns_checksum=columns_checksum,
            inputs=tuple(self._inputs),
            lengths_fingerprint=lengths_fingerprint(lengths),
            beside=beside,
        )

    def abort(self) -> None:
        # Closing writes what is buffered, which fails again on a full disk: the files go all the same.
        with suppress(OSError):
            self._bin.close()
        if self._columns is not None:
            with suppress(OSError):
                self._columns.close()
        for writer in self.beside.values():
            writer.abort()
        for suffix in (".bin", ".idx", ".parquet"):
            self._temporary(suffix).unlink(missing_ok=True)


class _Beside:
    """What a batch of documents brings for the files beside the tokens."""

    def __init__(
        self,
        suffixes: Sequence[str],
        documents: Ragged,
        learned: NDArray[np.bool_] | None,
        places: NDArray[np.int32] | None,
        weights: NDArray[np.float32] | None,
    ) -> None:
        given = {MASK: learned, GROUP: places, WEIGHT: weights}
        sizes = {MASK: len(documents.values), GROUP: len(documents), WEIGHT: len(documents)}
        for suffix, values in given.items():
            if values is not None and suffix not in suffixes:
                raise ValueError(f"the store was not begun with beside=[{suffix!r}], which these values need")
            if values is not None and values.shape != (sizes[suffix],):
                raise ValueError(
                    f"values for {suffix} must have the shape ({sizes[suffix]},), got {values.shape}"
                )
        self._offsets = documents.offsets
        if MASK in suffixes and learned is None:
            learned = np.ones(len(documents.values), np.bool_)
        if GROUP in suffixes and places is None:
            places = np.zeros(len(documents), np.int32)
        if WEIGHT in suffixes and weights is None:
            weights = np.ones(len(documents), np.float32)
        self._learned, self._values = learned, {GROUP: places, WEIGHT: weights}

    def add(self, shard: _ShardWriter, start: int, stop: int, begins: int, ends: int) -> None:
        """Appends what is of documents start to stop."""
        for suffix, writer in shard.beside.items():
            if suffix == MASK:
                assert self._learned is not None
                writer.add_mask(self._learned, self._offsets[start : stop + 1], begins, ends)
            else:
                values = self._values[suffix]
                assert values is not None
                writer.add_values(values[start:stop])


def index_bytes(lengths: NDArray[np.int32], dtype: str) -> bytes:
    """A Megatron-Core `.idx` (version 1) for documents of these lengths, one sequence each."""
    count = len(lengths)
    offsets = np.zeros(count, np.int64)
    np.cumsum(lengths[:-1], dtype=np.int64, out=offsets[1:])
    offsets *= np.dtype(dtype).itemsize
    header = _INDEX_HEADER.pack(b"MMIDIDX\x00\x00", 1, _DTYPE_CODES[dtype], count, count + 1)
    bounds = np.arange(count + 1, dtype=np.int64)
    return b"".join((header, lengths.astype("<i4").tobytes(), offsets.tobytes(), bounds.tobytes()))
