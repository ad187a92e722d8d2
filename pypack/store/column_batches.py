"""The kept columns of a shard, batch by batch."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from pypack.columnar.process import ColumnarReader, DamagedColumnsError
from pypack.columnar.request import ReadRequest
from pypack.remote import Url

if TYPE_CHECKING:
    import pyarrow as pa


def column_batches(path: Path | Url, names: Iterable[str] = ()) -> Iterator[pa.RecordBatch]:
    """The rows of a Parquet file in batches, the first of them empty; all columns without `names`.

    Raises:
        ValueError: it is damaged, or has no such column; the message names the file.
    """
    import pyarrow as pa

    request = ReadRequest(str(path), "columns", "", is_text=False, keep=tuple(names))
    try:
        with ColumnarReader() as reader:
            for batch in reader.read(request):
                yield pa.RecordBatch.from_arrays(batch.columns, schema=batch.schema)
    except DamagedColumnsError as error:
        raise ValueError(f"{path}: {error.reason}") from error
