"""Rows as records with named fields: what Parquet, `datasets`, MDS, LitData and ArrayRecord share.

| field             | one value a | says                                                                  |
|-------------------|-------------|-----------------------------------------------------------------------|
| `input_ids`       | token       | the ids; MDS calls it `tokens`                                        |
| `labels`          | token       | the id where it is learned, else -100, as at the first of a document  |
| `seq_lengths`     | document    | tokens of each document of the row                                    |
| `completion_mask` | token       | 1 where the token itself is learned, first tokens among them          |
| `group`           | document    | a number that neighbours of one group share                           |
| `loss_weight`     | document    | how much its loss counts                                              |
| any other         | document    | a kept column                                                         |

Where rows are documents, a value a document is one a row; in packed rows it is a list.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from pypack.batch import IGNORE_LABEL
from pypack.formats.stream import Block, Stream

IDS, LABELS, LENGTHS, COMPLETION = "input_ids", "labels", "seq_lengths", "completion_mask"
GROUP, WEIGHT = "group", "loss_weight"
# Read, but never written.
ASSISTANT, POSITIONS, ATTENTION = "assistant_masks", "position_ids", "attention_mask"
RESERVED = (IDS, LABELS, LENGTHS, COMPLETION, GROUP, WEIGHT, ASSISTANT, POSITIONS, ATTENTION)


@dataclass(frozen=True)
class Layout:
    """Which fields the records of a stream have.

    Attributes:
        is_packed: rows are sequences; a value a document is a list.
        fields: the names in their order.
        columns: the kept columns.
    """

    fields: tuple[str, ...]
    is_packed: bool
    columns: pa.Schema = field(default_factory=lambda: pa.schema([]))
    ids: str = IDS

    @classmethod
    def of(cls, stream: Stream, *, ids: str = IDS, always: tuple[str, ...] = ()) -> Layout:
        """The fields that a stream needs, and those that a format `always` has."""
        needed = {
            ids: True,
            LABELS: stream.has_mask or LABELS in always,
            LENGTHS: stream.is_packed or LENGTHS in always,
            COMPLETION: stream.has_mask,
            GROUP: stream.has_groups,
            WEIGHT: stream.has_weights,
        }
        columns = stream.contents.columns
        kept = [] if columns is None else [one for one in columns if one.name not in (*RESERVED, ids)]
        names = tuple(name for name, there in needed.items() if there)
        return cls(names, stream.is_packed, pa.schema(kept), ids)

    @property
    def schema(self) -> pa.Schema:
        """The Arrow types of the records."""
        ints, small = pa.list_(pa.int32()), pa.list_(pa.int8())
        kinds = {self.ids: ints, LABELS: ints, LENGTHS: ints, COMPLETION: small}
        each = {GROUP: pa.int64(), WEIGHT: pa.float32()}
        fields = [
            (name, kinds[name] if name in kinds else self._of_document(each[name])) for name in self.fields
        ]
        columns = [pa.field(c.name, self._of_document(c.type), metadata=c.metadata) for c in self.columns]
        return pa.schema([*(pa.field(*one) for one in fields), *columns])

    def _of_document(self, kind: pa.DataType) -> pa.DataType:
        return pa.list_(kind) if self.is_packed else kind

    def records(self, block: Block) -> pa.RecordBatch:
        """The rows of a block, in the types of `schema`."""
        offsets = block.row_offsets
        arrays = []
        for name in self.fields:
            if name == self.ids:
                values = lists(block.documents.values.view(np.int32), offsets)
            elif name == LABELS:
                values = lists(labels_of(block), offsets)
            elif name == LENGTHS:
                values = lists(block.documents.lengths.astype(np.int32), block.row_documents)
            elif name == COMPLETION:
                assert block.learned is not None
                values = lists(block.learned.view(np.int8), offsets)
            else:
                each = block.groups if name == GROUP else block.weights
                assert each is not None
                values = self._for_rows(pa.array(each), block)
            arrays.append(values)
        for one in self.columns:
            assert block.columns is not None
            arrays.append(self._for_rows(block.columns.column(one.name), block))
        return pa.RecordBatch.from_arrays(arrays, schema=self.schema)

    def _for_rows(self, values: pa.Array, block: Block) -> pa.Array:
        return lists(values, block.row_documents) if self.is_packed else values


def labels_of(block: Block) -> NDArray[np.int32]:
    """int32 [N]: the ids, -100 where a token is not learned, and at the first one of each document."""
    labels = block.documents.values.view(np.int32)
    if block.learned is None:
        labels = labels.copy()
    else:
        labels = np.where(block.learned, labels, np.int32(IGNORE_LABEL))
    offsets = block.documents.offsets
    labels[offsets[:-1][np.diff(offsets) > 0]] = IGNORE_LABEL
    return labels


def lists(values: NDArray[np.generic] | pa.Array, offsets: NDArray[np.int64]) -> pa.Array:
    """One list a row: items offsets[r] to offsets[r + 1]."""
    items = values if isinstance(values, pa.Array) else pa.array(values)
    return pa.ListArray.from_arrays(pa.array(offsets.astype(np.int32)), items)
