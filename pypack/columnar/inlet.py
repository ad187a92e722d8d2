"""What the reading process has sent, taken out of the pipe."""

from __future__ import annotations

import json
import struct
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Any

from pypack.columnar.request import MESSAGE, ReadRequest

if TYPE_CHECKING:
    import pyarrow as pa

    from pypack.columnar.values import Faults

_HEAD = struct.Struct(MESSAGE)
_MOST_HEAD_BYTES = 1 << 30  # a process that was damaged may say anything


@dataclass(frozen=True)
class ColumnarBatch:
    """Some rows of a file; see `pypack.columnar.piece.Piece`.

    Attributes:
        row, rows: the first, and how many, refused ones among them.
        disk_bytes: their share of the file.
        faults: (row counted from `row`, kind, reason) of the refused ones.
        columns: the other rows: the field, then the columns that are kept, in order.
        schema: of these columns; their names are those of the file only where the format is "columns".
    """

    row: int
    rows: int
    disk_bytes: int
    faults: list[tuple[int, str, str]]
    columns: list[pa.Array]
    schema: pa.Schema


def received(stream: IO[bytes]) -> tuple[bytes, dict[str, Any]]:
    """The next message: what it is, and its object; a batch stands behind the message that announces it.

    Raises:
        EOFError: there is none, or it is none.
    """
    kind, length = _HEAD.unpack(_exactly(stream, _HEAD.size))
    if length > _MOST_HEAD_BYTES:
        raise EOFError
    return kind, json.loads(_exactly(stream, length))


def _exactly(stream: IO[bytes], size: int) -> bytes:
    data = stream.read(size)
    if len(data) < size:
        raise EOFError
    return data


def received_batch(head: dict[str, Any], stream: IO[bytes], request: ReadRequest) -> ColumnarBatch:
    """The batch that stands behind its message, validated in full: its process may have been damaged.

    Rows whose text is not UTF-8 are refused here where the process has left that to this one.

    Raises:
        EOFError: it is none.
    """
    import pyarrow as pa

    faults = {int(row): (str(kind), str(reason)) for row, kind, reason in head["faults"]}
    try:
        reader = pa.ipc.open_stream(pa.PythonFile(_Room(stream), "r"))
        batch = reader.read_next_batch()
        while next(reader, None) is not None:  # its end mark
            pass
        try:
            batch.validate(full=True)
        except pa.ArrowInvalid:
            if head["is_checked"]:
                raise
            batch = _without_undecodable(batch, int(head["rows"]), faults, request)
    except (pa.ArrowException, OSError, StopIteration, MemoryError) as error:
        raise EOFError from error
    told = [(row, *fault) for row, fault in sorted(faults.items())]
    return ColumnarBatch(head["row"], head["rows"], head["disk_bytes"], told, batch.columns, batch.schema)


def _without_undecodable(
    batch: pa.RecordBatch, rows: int, faults: Faults, request: ReadRequest
) -> pa.RecordBatch:
    """The rows of a batch whose text is UTF-8; the others are added to the faults.

    Raises:
        pa.ArrowInvalid: it is damaged beyond that.
    """
    import numpy as np
    import pyarrow as pa

    from pypack.columnar.values import check_structure, undecodable_rows

    found: Faults = {}
    for column, path in zip(batch.columns, request.paths, strict=True):
        if not check_structure(column):
            found |= undecodable_rows(column, path)
    places = np.delete(np.arange(rows), list(faults))
    if len(places) != batch.num_rows:
        raise pa.ArrowInvalid("rows are missing")
    faults |= {int(places[row]): fault for row, fault in found.items()}
    good = np.ones(batch.num_rows, bool)
    good[list(found)] = False
    return batch.filter(pa.array(good))


class _Room:
    """A stream as a file that `pyarrow` reads, into memory of Arrow's own, which it uses again and again."""

    closed = False

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream

    def read(self, size: int) -> bytes:
        return self._stream.read(size)

    def read_buffer(self, size: int) -> Any:
        """At most so many bytes, fewer only at the end."""
        import pyarrow as pa

        room = pa.allocate_buffer(size, resizable=True)
        count: int = self._stream.readinto(memoryview(room))  # type: ignore[attr-defined]
        if count < size:
            room.resize(count)
        return room
