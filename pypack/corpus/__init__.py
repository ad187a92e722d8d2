"""Reading a corpus: files of many kinds to batches of documents, nothing lost silently.

JSON lines and arrays, text, Markdown and HTML as they stand, CSV, archives of samples (webdataset) and WARC
files of texts (WET), plain or compressed; Parquet, and Arrow files and streams. What is malformed becomes a
Reject that says where and why.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Literal

from pypack.corpus.batch import BatchBuilder, DocumentBatch, Position
from pypack.corpus.errors import (
    ChangedInputError,
    CorpusError,
    DamagedInputError,
    Reject,
    RejectedInputError,
)
from pypack.corpus.field import DEFAULT_JOINER, TextFields
from pypack.corpus.inputs import STDIN, FoundInputs, InputFile, find_inputs, list_inputs
from pypack.corpus.options import ReadOptions
from pypack.corpus.stream_hash import StreamMark
from pypack.remote import ChangedObjectError, RemoteError

__all__ = [
    "STDIN",
    "ChangedInputError",
    "CorpusError",
    "DocumentBatch",
    "FoundInputs",
    "InputFile",
    "Position",
    "Reject",
    "RejectedInputError",
    "StreamMark",
    "find_inputs",
    "list_inputs",
    "read",
]


def read(
    inputs: Sequence[str | os.PathLike[str] | InputFile],
    *,
    field: str | Sequence[str] = "text",
    joiner: str = DEFAULT_JOINER,
    keep: Sequence[str] = (),
    on_error: Literal["reject", "stop"] = "reject",
    txt_per_line: bool = False,
    batch_bytes: int = 8 << 20,
    max_document_bytes: int = 1 << 28,
    start: Position | None = None,
    stream_mark: StreamMark | None = None,
    format: str | None = None,
    record_fields: Sequence[str] = (),
) -> Iterator[DocumentBatch]:
    """Yields the documents of a corpus in order, in batches.

    Blank lines are passed over and counted. Lines are split on b"\\n" only; a byte order mark at the start of
    a file is skipped. A compressed file that is truncated or corrupt gives every whole document before the
    damage, then one reject for the file; so does whatever else a reader or its library makes of a file.
    Parquet and Arrow files are read in a process of their own, which may die of them. An empty string is a
    document.

    Args:
        inputs: what `list_inputs` takes, or the files it returned.
        field: name or dotted path of the text; a key or column that literally has that name wins. Several
            are joined: those that a record has, in this order.
        joiner: what stands between several.
        keep: names or dotted paths of fields to hand on in `DocumentBatch.columns`. Where a record has none,
            the value of a folder of that name on the file's path (`lang=en/`), as text; else null.
        on_error: "reject" puts what is malformed in `DocumentBatch.rejects` and goes on, "stop" raises.
        txt_per_line: text files hold one document a line instead of one a file.
        batch_bytes: a batch is handed out once it holds this many bytes of input. Only the cutting into
            batches depends on it, never the documents.
        max_document_bytes: longer lines, rows (the text and what is kept of them) and text files are rejected
            unread, so that memory stays bounded.
        start: goes on from a place that `DocumentBatch.position_after` gave.
        stream_mark: the `DocumentBatch.mark_at` of that place; another stream is refused.
        format: what named files, pipes and standard input hold, see `list_inputs`.
        record_fields: instead of texts, hand out whole records as JSON (bytes): lines as they are, unparsed;
            of rows these columns, names or dotted paths; of text files an object with the field `text`.

    Raises:
        CorpusError: an input that does not exist or is of an unknown kind; a bad argument.
        RejectedInputError: the first reject, under `on_error="stop"`.
        ChangedInputError: `start` lies in a stream that is not what it was.
    """
    if on_error not in ("reject", "stop"):
        raise CorpusError(f'on_error must be "reject" or "stop", got {on_error!r}')
    if batch_bytes < 1 or max_document_bytes < 1:
        raise CorpusError(
            "batch_bytes and max_document_bytes must be at least 1, "
            f"got {batch_bytes} and {max_document_bytes}"
        )
    if len(set(keep)) != len(keep):
        raise CorpusError(f"keep names a field twice: {', '.join(keep)}")
    files = [file for file in inputs if isinstance(file, InputFile)]
    if len(files) != len(inputs):
        files = list_inputs([path for path in inputs if not isinstance(path, InputFile)], format=format)
    try:
        text = TextFields.of(field, joiner)
    except ValueError as error:
        raise CorpusError(str(error)) from None
    options = ReadOptions(
        text,
        tuple(keep),
        batch_bytes,
        max_document_bytes,
        tuple(record_fields),
    )
    return _read(files, options, on_error, txt_per_line, start, stream_mark)


def _read(
    files: Sequence[InputFile],
    options: ReadOptions,
    on_error: str,
    txt_per_line: bool,
    start: Position | None,
    stream_mark: StreamMark | None,
) -> Iterator[DocumentBatch]:
    from pypack.columnar.process import ColumnarReader
    from pypack.corpus.columnar import read_columnar
    from pypack.corpus.delimited import read_csv
    from pypack.corpus.json_lines import read_json_lines
    from pypack.corpus.tar import read_tar
    from pypack.corpus.text import read_text_file, read_text_lines
    from pypack.corpus.warc import read_warc

    readers = {
        "json_lines": read_json_lines,
        "json_array": read_json_lines,
        "text": read_text_lines if txt_per_line else read_text_file,
        "page": read_text_file,
        "csv": read_csv,
        "tsv": read_csv,
        "tar": read_tar,
        "warc": read_warc,
    }

    start = start or Position()
    builder = BatchBuilder(options.keep, options.batch_bytes, on_error)
    with ColumnarReader() as columnar:
        for index in range(start.file, len(files)):
            file = files[index]
            place, told = (start, stream_mark) if index == start.file else (Position(index), None)
            own = replace(options, stream_mark=told)
            builder.begin_file(file.path, (place.record, place.offset))
            try:
                if file.refused is not None:
                    raise DamagedInputError("kills_its_reader", file.refused)
                if file.format in readers:
                    yield from readers[file.format](file, index, place, builder, own)
                else:
                    yield from read_columnar(file, index, place, builder, own, columnar)
            except DamagedInputError as damage:
                builder.reject(_file_reject(file, index, builder, damage.kind, damage.reason))
            except ChangedObjectError as error:
                raise ChangedInputError(f"{error}: inputs must not change while a job reads them") from None
            except (CorpusError, MemoryError, RemoteError):
                raise
            except Exception as error:  # whatever a decoder or a library raises costs its file, not the job
                reason = f"cannot be read ({type(error).__name__}: {error})"
                builder.reject(_file_reject(file, index, builder, "damaged_file", reason[:500]))
    if not builder.empty:
        yield builder.take()


def _file_reject(file: InputFile, index: int, builder: BatchBuilder, kind: str, reason: str) -> Reject:
    """The reject that stands for the rest of a file, from where reading has come to."""
    record, offset = builder.reached
    return Reject(file.path, index, record, file.unit, offset, kind, reason)
