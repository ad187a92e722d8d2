"""What is asked of the reading process, and what it sends."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class ReadRequest:
    """One file to read.

    Attributes:
        path: of the file, or of the folder of a dataset; or the URL of a file.
        format: "parquet", "arrow" (file and stream format), or "dataset" (what `datasets` saved to disk);
            "row groups": no rows, but where the row groups of a Parquet file end;
            "columns": columns of Parquet as they are, every row, by `keep` alone (all if it is empty);
            "arrow columns": the same of an Arrow file or stream.
        field: the column to read, or a dotted path into structs.
        is_text: the column must hold strings, or bytes of UTF-8; what is no document is told row by row.
        texts: further columns of that kind, of which any may be missing; a row without a value in all of them
            is no document.
        keep: names or dotted paths of further columns; null where there is none.
        start_row: rows before it are passed over.
        stop_row: nor is it read, nor what follows it; the end of a row group. None: to the end.
        batch_bytes: a batch is cut once its values take so many bytes.
        max_document_bytes: rows above it are refused.
        only_fields: no rows, but which columns there are.
        etag: of an object, the version that is wanted.
    """

    path: str
    format: str
    field: str
    is_text: bool
    keep: tuple[str, ...] = ()
    start_row: int = 0
    batch_bytes: int = 8 << 20
    max_document_bytes: int = 1 << 28
    stop_row: int | None = None
    only_fields: bool = False
    texts: tuple[str, ...] = ()
    etag: str = ""

    @property
    def text_paths(self) -> tuple[str, ...]:
        """The columns that hold text."""
        return (self.field, *self.texts)

    @property
    def paths(self) -> tuple[str, ...]:
        """All columns, the field first."""
        return (*self.text_paths, *self.keep)


# A message: one of these, the length of an object in JSON, and that object. A batch is followed by an Arrow
# stream of one record batch, and answered by TAKEN: until then its process keeps what it has sent as it is.
# The last message of a request for fields alone says what they are.
MESSAGE = "<cQ"
BATCH, REFUSED, DONE = b"B", b"R", b"D"
TAKEN = b"\n"
# The kind of a refusal that is no fault of the file.
REMOTE_ERROR = "remote_error"
