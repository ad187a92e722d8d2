"""What every conversion goes through: rows of documents in blocks of arrays, and what is known of them.

One idea for all formats: a reader makes a `Stream` of its files, a writer takes one. A row is what a format
keeps as one record: a document, or a packed sequence of several. What a block does not bring is None.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from pypack.ragged import Ragged

if TYPE_CHECKING:
    import pyarrow as pa

# So many tokens make a block, unless a single row has more.
BLOCK_TOKENS = 2**20


@dataclass(frozen=True)
class Block:
    """Some rows, end to end.

    Attributes:
        documents: the ids of each document; in a packed row, of each span.
        row_documents: int64 [rows + 1]: row r holds documents row_documents[r] to row_documents[r + 1].
        learned: bool [N], of each id of the documents. The first id of a document is learned by nobody; what
            is said of it is kept all the same.
        groups: int64 [D]: neighbouring documents of one number are a group.
        weights: float32 [D], how much the loss of a document counts.
        columns: one row a document.
    """

    documents: Ragged
    row_documents: NDArray[np.int64]
    learned: NDArray[np.bool_] | None = None
    groups: NDArray[np.int64] | None = None
    weights: NDArray[np.float32] | None = None
    columns: pa.RecordBatch | None = None

    @property
    def num_rows(self) -> int:
        """Rows."""
        return len(self.row_documents) - 1

    @property
    def row_offsets(self) -> NDArray[np.int64]:
        """int64 [rows + 1]: row r is ids row_offsets[r] to row_offsets[r + 1]."""
        return self.documents.offsets[self.row_documents]

    def part(self, start: int, stop: int) -> Block:
        """Rows start to stop."""
        first, last = int(self.row_documents[start]), int(self.row_documents[stop])
        ids = slice(int(self.documents.offsets[first]), int(self.documents.offsets[last]))

        def cut(values: Any, places: slice) -> Any:
            return None if values is None else values[places]

        chosen = slice(first, last)
        return Block(
            self.documents[chosen],
            self.row_documents[start : stop + 1] - first,
            cut(self.learned, ids),
            cut(self.groups, chosen),
            cut(self.weights, chosen),
            None if self.columns is None else self.columns.slice(first, last - first),
        )


@dataclass(frozen=True)
class About:
    """What is known of the tokens beside them: small, and no reader of another library needs it.

    Attributes:
        vocab_size: every id is below it.
        dtype: of the tokens on disk.
        tokenizer: the text of the tokenizer.json.
        tokenizer_fingerprint, special_ids, appended_id, prepended_ids, options: as in `store.json`.
        features: what the store requires of its readers: "loss_mask", "groups", "loss_weights".
        columns: the kept columns, by name; those that hold JSON text are in `json_columns`, too.
        column_types: the Arrow type of each.
        derived_columns: columns that the format's reader makes of what else is there.
        capacities: runs of rows of one capacity, as (capacity, rows); none where rows are documents.
    """

    vocab_size: int | None = None
    dtype: str | None = None
    tokenizer: str | None = None
    tokenizer_fingerprint: str | None = None
    special_ids: dict[str, int | None] = field(default_factory=dict)
    appended_id: int | None = None
    prepended_ids: tuple[int, ...] = ()
    options: dict[str, Any] = field(default_factory=dict)
    features: tuple[str, ...] = ()
    columns: tuple[str, ...] = ()
    column_types: tuple[str, ...] = ()
    json_columns: tuple[str, ...] = ()
    derived_columns: tuple[str, ...] = ()
    capacities: tuple[tuple[int, int], ...] = ()

    def kind_of(self, column: str) -> str | None:
        """The Arrow type of a kept column, None if it is not known."""
        return dict(zip(self.columns, self.column_types, strict=False)).get(column)


@dataclass(frozen=True)
class Contents:
    """How much there is of what a format may not be able to hold; what is not known is left at nothing.

    Attributes:
        documents, rows: in all.
        masked_tokens: tokens that are not learned.
        packed_rows: rows that hold another number of documents than one.
        grouped_documents: documents of groups of two or more.
        weighted_documents: documents whose weight is not 1.
        bordered_tokens: tokens of which it is kept whether a word begins with them.
        parted_groups: groups of the store whose documents are no neighbours any more.
        joined_documents: documents that are parts of one text with others and with tokens of their plan: what
            is said of a document has no place there.
        columns: the schema of the kept columns, without those that are derived.
        joined_columns: names of those that documents had which are joined.
        notes: what is not in the stream, though the files say it, in words.
        name: of the store.
    """

    documents: int = 0
    rows: int = 0
    masked_tokens: int = 0
    packed_rows: int = 0
    grouped_documents: int = 0
    weighted_documents: int = 0
    bordered_tokens: int = 0
    parted_groups: int = 0
    joined_documents: int = 0
    columns: pa.Schema | None = None
    joined_columns: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    name: str = ""


@dataclass(frozen=True)
class Stream:
    """Rows on their way from one format to another; the blocks are read once.

    Attributes:
        has_mask, has_groups, has_weights, is_packed: blocks bring `learned`, `groups`, `weights`, rows of
            several documents.
    """

    blocks: Generator[Block, None, None]
    about: About = About()
    contents: Contents = Contents()
    has_mask: bool = False
    has_groups: bool = False
    has_weights: bool = False
    is_packed: bool = False


def one_document_rows(documents: Ragged, **beside: Any) -> Block:
    """Documents that are each a row."""
    return Block(documents, np.arange(len(documents) + 1, dtype=np.int64), **beside)


def block_bounds(ends: NDArray[np.int64], most: int = BLOCK_TOKENS) -> Iterator[tuple[int, int]]:
    """(first, last + 1) of rows that make up blocks, by where the ids of each row end."""
    start = 0
    while start < len(ends):
        before = int(ends[start - 1]) if start else 0
        stop = max(start + 1, int(np.searchsorted(ends, before + most, side="right")))
        yield start, stop
        start = stop


def with_first_tokens(learned: NDArray[np.bool_], offsets: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Flags of tokens, where nothing tells of the first one of each document: it is as the second one.

    Nobody learns it. So a document that is learned needs no mask, and a prompt is masked from its begin.
    """
    filled = np.diff(offsets) > 0
    first, long = offsets[:-1][filled], np.diff(offsets)[filled] > 1
    learned[first[~long]] = True
    learned[first[long]] = learned[first[long] + 1]
    return learned
