"""Writing a store: shards of a set size, each a Megatron-Core indexed dataset."""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from pypack._common.checksums import checksum
from pypack._common.files import TEMPORARY_SUFFIX, publish, write_atomically
from pypack._common.fingerprint import joined_fingerprint
from pypack._common.paths import local_path
from pypack.ragged import Ragged
from pypack.store.beside import FEATURE_OF, Beside
from pypack.store.format import STORE_FILE, TOKENIZER_FILE, ShardInfo, StoreInfo
from pypack.store.shard_cutter import DEFAULT_SHARD_TOKENS, ShardCutter
from pypack.store.shard_writer import ShardWriter
from pypack.store.store import TokenStore

if TYPE_CHECKING:
    import pyarrow as pa

    from pypack.tokenizer.tokenizer import Tokenizer


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
        prepend_ids: ids written before every document, which are not learned.
        append_ids: ids written behind it (before `append_id`), which are.
        beside: which files the shards get beside their tokens, of `pypack.store.beside`: ".mask", ".group",
            ".weight", ".words".
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
        self.path = local_path(path)
        self._cutter = ShardCutter(
            vocab_size=vocab_size,
            append_id=append_id,
            prepend_ids=prepend_ids,
            append_ids=append_ids,
            beside=beside,
            shard_tokens=shard_tokens,
            new_shard=self._new_shard,
            on_shard=self._publish,
            finished=tuple(finished),
        )
        if (self.path / STORE_FILE).exists():
            raise FileExistsError(
                f"{self.path} already holds a store: choose another path, or remove it first"
            )
        self.path.mkdir(parents=True, exist_ok=True)
        self.vocab_size = vocab_size
        self.dtype = self._cutter.dtype
        self.append_id = append_id
        self.shard_tokens = shard_tokens
        self._tokenizer = tokenizer
        self._options = options or {}
        self._on_shard = on_shard
        self._token = secrets.token_hex(6)

    @property
    def num_documents(self) -> int:
        """Documents written so far, those of the unfinished shard included."""
        return self._cutter.num_documents

    @property
    def num_tokens(self) -> int:
        """Tokens written so far, end-of-document ids included."""
        return self._cutter.num_tokens

    def append(
        self,
        documents: Ragged,
        columns: pa.RecordBatch | None = None,
        source: str | None = None,
        *,
        learned: NDArray[np.bool_] | None = None,
        places: NDArray[np.int32] | None = None,
        weights: NDArray[np.float32] | None = None,
        words: NDArray[np.bool_] | None = None,
    ) -> None:
        """Writes documents after those before.

        Args:
            documents: the ids of each.
            columns: one row a document, the same names in every call (types may differ, see
                `pypack.store.column_types`); or None in every call.
            source: the input they came from, recorded in the shard's `inputs`.
            learned: with ".mask", bool [N], of each id of `documents.values`; None: all are learned.
            places: with ".group", how many documents of its group stand before each; None: none. A group
                stands in one call.
            weights: with ".weight", how much the loss of each document counts; None: 1.
            words: with ".words", bool [N], of each id of `documents.values` whether a word begins with it;
                must be given then.

        Raises:
            ValueError: an id is not below `vocab_size`, a document is longer than 2^31-1 tokens, or the
                columns or other values do not fit. Nothing of the batch that follows the bad document is
                written.
        """
        self._cutter.append(documents, columns, source, Beside(learned, places, weights, words))

    def close(self) -> TokenStore:
        """Completes the last shard, the tokenizer and `store.json`, and opens the store.

        Raises:
            ValueError: no document was written.
        """
        self._cutter.finish()
        shards = tuple(self._cutter.shards)
        if not shards:
            raise ValueError(f"{self.path}: no document was written, a store cannot be empty")
        tokenizer = self._tokenizer
        if tokenizer is not None:
            write_atomically(self.path / TOKENIZER_FILE, tokenizer.to_json().encode())
        info = StoreInfo(
            dtype=self.dtype,
            vocab_size=self.vocab_size,
            documents=self.num_documents,
            tokens=self.num_tokens,
            lengths_fingerprint=joined_fingerprint(
                (shard.lengths_fingerprint or "", shard.documents) for shard in shards
            ),
            shards=shards,
            tokenizer_fingerprint=None if tokenizer is None else tokenizer.fingerprint,
            special_ids={} if tokenizer is None else tokenizer.special_tokens.as_dict(),
            appended_id=self._cutter.end_ids[-1] if self._cutter.end_ids else None,
            prepended_ids=tuple(self._cutter.begin_ids),
            options=self._options,
            requires=tuple(sorted(FEATURE_OF[suffix] for suffix in self._cutter.beside)),
            files={} if tokenizer is None else {TOKENIZER_FILE: checksum(self.path / TOKENIZER_FILE)},
        )
        write_atomically(self.path / STORE_FILE, info.to_json())
        return TokenStore.open(self.path)

    def abort(self) -> None:
        """Removes the unfinished shard; the finished ones stay."""
        self._cutter.abort()

    def _new_shard(self, number: int) -> ShardWriter:
        name = f"{number:05d}"
        for stale in self.path.glob(f"{name}.*{TEMPORARY_SUFFIX}*"):  # of a process that was killed
            stale.unlink()
        return ShardWriter(name, self.dtype, self._temporary, self._cutter.beside)

    def _temporary(self, name: str) -> Path:
        return self.path / f"{name}{TEMPORARY_SUFFIX}.{self._token}"

    def _publish(self, info: ShardInfo, shard: ShardWriter) -> None:
        for name, temporary in shard.files.items():
            publish(temporary, self.path / name)
        if self._on_shard is not None:
            self._on_shard(info, self.num_documents)

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
