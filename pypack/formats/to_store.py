"""A stream of rows into a token store, and a plan of its packed rows."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from pypack._common.checksums import checksum
from pypack._common.files import write_atomically
from pypack._common.fingerprint import lengths_fingerprint
from pypack._common.number_pieces import SpilledNumbers
from pypack.formats.stream import About, Block, Stream
from pypack.plan.plan import Plan
from pypack.plan.stats import PlanCounts
from pypack.store.beside import FEATURE_OF, GROUP, MASK, WEIGHT
from pypack.store.format import STORE_FILE, TOKENIZER_FILE, StoreInfo
from pypack.store.writer import StoreWriter

if TYPE_CHECKING:
    import pyarrow as pa


@dataclasses.dataclass(frozen=True)
class Written:
    """What came of a stream; to be closed.

    Attributes:
        rows, documents: how many.
        is_packed: whether a row holds another number of documents than one.
        span_lengths: int32 [documents], in a temporary file.
        row_documents: int64 [rows + 1], in another.
    """

    rows: int
    documents: int
    is_packed: bool
    span_lengths: SpilledNumbers
    row_documents: SpilledNumbers

    def close(self) -> None:
        """Gives the temporary files back."""
        self.span_lengths.close()
        self.row_documents.close()


def write_store(stream: Stream, path: Path, *, vocab_size: int, **options: Any) -> Written:
    """Writes documents into a store; `options` are those of `StoreWriter`.

    What a mask, groups or weights do not say (all is learned, no group, weight 1) is not kept.
    """
    about = stream.about
    flags = ((MASK, stream.has_mask), (GROUP, stream.has_groups), (WEIGHT, stream.has_weights))
    suffixes = [suffix for suffix, there in flags if there]
    says = dict.fromkeys(suffixes, False)
    options = {"beside": suffixes, "options": _record(about), **options}
    with ExitStack() as opened:
        lengths = opened.enter_context(SpilledNumbers(np.int32))
        rows = opened.enter_context(SpilledNumbers(np.int64))
        rows.add(np.zeros(1, np.int64))
        is_packed = False
        with StoreWriter(path, vocab_size=vocab_size, **options) as writer:
            for block in whole_groups(stream.blocks) if stream.has_groups else stream.blocks:
                places = None if block.groups is None else _places(block.groups)
                writer.append(
                    block.documents,
                    _columns(block, about),
                    learned=block.learned,
                    places=places,
                    weights=block.weights,
                )
                if block.learned is not None:
                    says[MASK] |= not block.learned.all()
                if places is not None:
                    says[GROUP] |= bool(places.any())
                if block.weights is not None:
                    says[WEIGHT] |= bool((block.weights != 1).any())
                rows.add(block.row_documents[1:] + len(lengths))
                lengths.add(block.documents.lengths)
                is_packed |= bool((np.diff(block.row_documents) != 1).any())
        silent = [
            suffix for suffix, said in says.items() if not said and FEATURE_OF[suffix] not in about.features
        ]
        _complete(path, about, silent, keeps_tokenizer="tokenizer" in options)
        opened.pop_all()
    return Written(len(rows) - 1, len(lengths), is_packed, lengths, rows)


def _record(about: About) -> dict[str, Any]:
    """What the store is to say of how it was made."""
    if not about.derived_columns:
        return about.options
    return {**about.options, "derived_columns": list(about.derived_columns)}


def whole_groups(blocks: Iterator[Block]) -> Iterator[Block]:
    """The same documents, in blocks that part no group; rows are not kept."""
    waiting: Block | None = None
    for block in blocks:
        block = _joined(waiting, block)
        assert block.groups is not None
        changes = np.flatnonzero(block.groups[1:] != block.groups[:-1])
        last = int(changes[-1]) + 1 if len(changes) else 0
        rows = int(np.searchsorted(block.row_documents, last, side="left"))
        if rows and block.row_documents[rows] == last:
            yield block.part(0, rows)
            waiting = block.part(rows, block.num_rows)
        else:  # a group that two rows share
            waiting = block
    if waiting is not None:
        yield waiting


def _joined(one: Block | None, two: Block) -> Block:
    if one is None or not len(one.documents):
        return two
    from pypack.ragged import Ragged

    def joined(first: Any, second: Any) -> Any:
        return None if first is None else np.concatenate([first, second])

    documents = Ragged(
        np.concatenate([one.documents.values, two.documents.values]),
        np.concatenate([one.documents.offsets, two.documents.offsets[1:] + one.documents.offsets[-1]]),
    )
    columns = None
    if one.columns is not None and two.columns is not None:
        import pyarrow as pa

        table = pa.Table.from_batches([one.columns, two.columns.cast(one.columns.schema)])
        columns = table.combine_chunks().to_batches()[0]
    return Block(
        documents,
        np.concatenate([one.row_documents, two.row_documents[1:] + one.row_documents[-1]]),
        joined(one.learned, two.learned),
        joined(one.groups, two.groups),
        joined(one.weights, two.weights),
        columns,
    )


def _places(groups: NDArray[np.int64]) -> NDArray[np.int32]:
    """How many documents of its group stand before each."""
    begins = np.ones(len(groups), np.bool_)
    begins[1:] = groups[1:] != groups[:-1]
    numbers = np.arange(len(groups))
    return (numbers - np.maximum.accumulate(np.where(begins, numbers, 0))).astype(np.int32)


def _columns(block: Block, about: About) -> pa.RecordBatch | None:
    """The columns in the types of a store's, JSON text marked as such."""
    if block.columns is None:
        return None
    import pyarrow as pa

    from pypack.store.column_types import json_field, record_batch

    given = dict(zip(block.columns.schema.names, block.columns.columns, strict=True))
    ordered = {name: given[name] for name in (*about.columns, *given) if name in given}
    batch = record_batch(ordered, len(block.documents))
    fields = [json_field(one.name) if one.name in about.json_columns else one for one in batch.schema]
    return pa.RecordBatch.from_arrays(batch.columns, schema=pa.schema(fields))


def _complete(path: Path, about: About, silent: list[str], *, keeps_tokenizer: bool) -> None:
    """Says in `store.json` what is known of the tokens, and takes out files that say nothing."""
    info = StoreInfo.read(path / STORE_FILE)
    shards = tuple(
        dataclasses.replace(
            shard, beside={suffix: sum for suffix, sum in shard.beside.items() if suffix not in silent}
        )
        for shard in info.shards
    )
    changes: dict[str, Any] = {"shards": shards}
    changes["requires"] = tuple(one for one in info.requires if one not in {FEATURE_OF[s] for s in silent})
    if not keeps_tokenizer:
        changes |= {
            "tokenizer_fingerprint": about.tokenizer_fingerprint,
            "special_ids": about.special_ids,
            "appended_id": info.appended_id if info.appended_id is not None else about.appended_id,
            "prepended_ids": info.prepended_ids or about.prepended_ids,
        }
        if about.tokenizer is not None:
            write_atomically(path / TOKENIZER_FILE, about.tokenizer.encode())
            changes["files"] = {**info.files, TOKENIZER_FILE: checksum(path / TOKENIZER_FILE)}
    if dataclasses.replace(info, **changes) != info:
        write_atomically(path / STORE_FILE, dataclasses.replace(info, **changes).to_json())
    for shard in info.shards:
        for suffix in silent:
            (path / f"{shard.name}{suffix}").unlink(missing_ok=True)


def plan_of(written: Written, about: About, sequence_length: int | None) -> Plan:
    """The plan whose sequences are the rows, in their order.

    Args:
        sequence_length: the capacity of all rows; None: what the description says, else that of the longest.

    Raises:
        ValueError: a row is longer than the capacity.
    """
    lengths, row_documents = written.span_lengths.whole(), written.row_documents.whole()
    filled = lengths > 0
    ends = np.concatenate([[0], np.cumsum(filled)])
    tokens = np.diff(np.concatenate([[0], np.cumsum(lengths, dtype=np.int64)])[row_documents])
    offsets = ends[row_documents]
    kept = np.diff(offsets) > 0  # a row without tokens is no sequence
    capacity = _capacity(written, about, sequence_length, tokens)
    count = int(np.count_nonzero(filled))
    plan_lengths = np.ascontiguousarray(lengths)
    return Plan(
        np.concatenate([[0], offsets[1:][kept]]).astype(np.int64),
        np.flatnonzero(filled).astype(np.int64),
        np.zeros(count, np.int32),
        lengths[filled],
        np.ascontiguousarray(capacity[kept].astype(np.int32)),
        sequence_length=int(capacity[kept].max(initial=1)),
        strategy="converted",
        options={},
        counts=PlanCounts(
            documents=len(lengths),
            tokens=int(lengths.sum(dtype=np.int64)),
            empty_documents=len(lengths) - count,
            dropped_documents=0,
            dropped_tokens=0,
            truncated_documents=0,
            truncated_tokens=0,
            split_documents=0,
        ),
        lengths_fingerprint=lengths_fingerprint(plan_lengths),
    )


def _capacity(
    written: Written, about: About, sequence_length: int | None, tokens: NDArray[np.int64]
) -> NDArray[np.int64]:
    longest = int(tokens.max(initial=1))
    if sequence_length is not None:
        if longest > sequence_length:
            raise ValueError(f"a row has {longest} tokens, more than --sequence-length {sequence_length}")
        return np.full(len(tokens), sequence_length, np.int64)
    runs = np.array(about.capacities, np.int64).reshape(-1, 2)
    if int(runs[:, 1].sum()) == written.rows:
        capacity = np.repeat(runs[:, 0], runs[:, 1])
        if (capacity >= tokens).all():
            return capacity
    return np.full(len(tokens), longest, np.int64)
