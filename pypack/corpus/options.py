"""What every reader of a corpus is told."""

from __future__ import annotations

from dataclasses import dataclass

from pypack.corpus.field import TextFields
from pypack.corpus.stream_hash import StreamMark


@dataclass(frozen=True, slots=True)
class ReadOptions:
    """The arguments of `pypack.corpus.read` that are not about one kind of file.

    Attributes:
        text: the fields that are the text.
        keep: names or dotted paths of fields that are handed on.
        batch_bytes: bytes of input in a batch.
        max_document_bytes: a longer document is rejected.
        record_fields: where there are any, documents are whole records, as JSON: the lines as they are, or of
            rows these columns.
        stream_mark: what an earlier run had read of the stream that reading goes on in.
    """

    text: TextFields
    keep: tuple[str, ...]
    batch_bytes: int
    max_document_bytes: int
    record_fields: tuple[str, ...] = ()
    stream_mark: StreamMark | None = None
