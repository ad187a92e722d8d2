"""Documents into shards: where one ends depends on the documents alone, never on how they are batched."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import TYPE_CHECKING

import numpy as np

from pypack import _core
from pypack.ragged import Ragged
from pypack.store.beside import FEATURE_OF, Beside
from pypack.store.format import ShardInfo, dtype_for_vocabulary
from pypack.store.shard_writer import ShardWriter

if TYPE_CHECKING:
    import pyarrow as pa

DEFAULT_SHARD_TOKENS = 2**28
_MAX_DOCUMENT_TOKENS = 2**31 - 1


class ShardCutter:
    """Fills shards, each with whole documents until the next one would pass `shard_tokens`.

    Args:
        vocab_size: every id must be below it.
        append_id: id written after every document, None for none.
        prepend_ids, append_ids: ids written before every document, and behind it before `append_id`.
        beside: the files of `pypack.store.beside` that shards have, by suffix.
        shard_tokens: most tokens in a shard, unless a single document has more.
        new_shard: makes the writer of the shard of a number.
        on_shard: called with each shard that is complete, its files under temporary names still.
        finished: shards that an earlier run has made; cutting goes on behind them.
    """

    def __init__(
        self,
        *,
        vocab_size: int,
        append_id: int | None,
        prepend_ids: Sequence[int] = (),
        append_ids: Sequence[int] = (),
        beside: Collection[str] = (),
        shard_tokens: int,
        new_shard: Callable[[int], ShardWriter],
        on_shard: Callable[[ShardInfo, ShardWriter], None],
        finished: tuple[ShardInfo, ...] = (),
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
        self.vocab_size = vocab_size
        self.begin_ids = list(prepend_ids)
        self.end_ids = [*append_ids, *([] if append_id is None else [append_id])]
        self.beside = [suffix for suffix in FEATURE_OF if suffix in beside]
        self.shard_tokens = shard_tokens
        self.dtype = dtype_for_vocabulary(vocab_size)
        self.num_documents = sum(shard.documents for shard in finished)
        self.num_tokens = sum(shard.tokens for shard in finished)
        self.shards = list(finished)
        self._new_shard = new_shard
        self._on_shard = on_shard
        self._shard: ShardWriter | None = None

    def append(
        self,
        documents: Ragged,
        columns: pa.RecordBatch | None,
        source: str | None,
        beside: Beside | None = None,
    ) -> None:
        """Writes documents after those before; see `StoreWriter.append`."""
        if columns is not None and columns.num_rows != len(documents):
            raise ValueError(f"columns have {columns.num_rows} rows for {len(documents)} documents")
        more = (beside or Beside()).checked(self.beside, documents)
        extra = len(self.begin_ids) + len(self.end_ids)
        lengths = documents.lengths + extra
        if len(lengths) and int(lengths.max()) > _MAX_DOCUMENT_TOKENS:
            i = int(lengths.argmax())
            raise ValueError(
                f"document {self.num_documents + i} has {lengths[i]} tokens, a document may have at most "
                "2^31-1"
            )
        ends = np.cumsum(lengths)  # tokens of the batch up to and with each document
        start = 0
        while start < len(documents):
            if self._shard is None:
                self._shard = self._new_shard(len(self.shards))
            before = int(ends[start - 1]) if start else 0
            room = self.shard_tokens - self._shard.tokens
            stop = more.whole_groups(start, int(np.searchsorted(ends, before + room, side="right")))
            if stop <= start:
                if self._shard.documents:
                    self.finish()
                    continue
                stop = more.group_end(start)  # longer than a whole shard
            data = _core.encode_documents(
                documents.values,
                documents.offsets[start : stop + 1],
                None,
                self.vocab_size,
                self.dtype,
                self.num_documents,
                self.begin_ids,
                self.end_ids,
            )
            part = None if columns is None else columns.slice(start, stop - start)
            self._shard.append(data, lengths[start:stop], part, source)
            for writer in self._shard.beside.values():
                counts = (len(self.begin_ids), len(self.end_ids))
                writer.add(more, documents.offsets, start, stop, *counts)
            self.num_documents += stop - start
            self.num_tokens += len(data)
            start = stop

    def finish(self) -> None:
        """Completes the shard that is being written, if any."""
        if self._shard is None:
            return
        info = self._shard.close()
        self._on_shard(info, self._shard)
        self.shards.append(info)
        self._shard = None

    def abort(self) -> None:
        """Removes the unfinished shard; the finished ones stay."""
        if self._shard is not None:
            self._shard.abort()
            self._shard = None
