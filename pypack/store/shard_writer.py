"""Writing one shard, a Megatron-Core indexed dataset, under temporary names."""

from __future__ import annotations

import os
import struct
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from pypack._common.checksums import SMALL_BLOCK_BYTES, BlockChecksum, block_checksum, checksum_of
from pypack._common.early_writing import EarlyWriting
from pypack._common.files import create
from pypack._common.fingerprint import lengths_fingerprint
from pypack.store.beside import BesideWriter
from pypack.store.column_writer import ColumnWriter
from pypack.store.format import ShardInfo

if TYPE_CHECKING:
    import pyarrow as pa

_INDEX_HEADER = struct.Struct("<9sQBQQ")  # magic, version, dtype code, sequences, document bounds
INDEX_HEADER_BYTES = _INDEX_HEADER.size
# Of which who fetches parts of a .bin fetches the first: small beside 8 MiB, and 4 KiB of checksums a GiB.
BIN_BLOCK_BYTES = 2 << 20
_DTYPE_CODES = {"uint8": 1, "int8": 2, "int16": 3, "int32": 4, "int64": 5, "uint16": 8}


class ShardWriter:
    """One `.bin`/`.idx` pair (and `.parquet` of columns): who writes it gives the files their names.

    Attributes:
        documents, tokens: in it so far.
        files: once closed, the temporary file of each name, in the order in which they are to be published:
            the `.bin` last.
    """

    def __init__(
        self, name: str, dtype: str, temporary: Callable[[str], Path], beside: Sequence[str] = ()
    ) -> None:
        """`temporary`: gives the path to write a file at, by the name that it is to have. `beside`: the files
        of `pypack.store.beside` that it has, by suffix."""
        self._name = name
        self._dtype = dtype
        self._digest = BlockChecksum(BIN_BLOCK_BYTES)
        self._paths = {
            suffix: temporary(f"{name}{suffix}") for suffix in (".parquet", *beside, ".idx", ".bin")
        }
        self._bin = create(self._paths[".bin"])
        self._early = EarlyWriting(self._bin)
        self.beside = {suffix: BesideWriter(self._paths[suffix], suffix) for suffix in beside}
        self._lengths: list[NDArray[np.int32]] = []
        self._columns: ColumnWriter | None = None
        self._inputs: dict[str, None] = {}
        self.files: dict[str, Path] = {}
        self.documents = 0
        self.tokens = 0

    def append(
        self,
        data: NDArray[np.integer[Any]],
        lengths: NDArray[np.int64],
        columns: pa.RecordBatch | None,
        source: str | None,
    ) -> None:
        """Adds documents, their tokens end to end in the dtype of the shard."""
        if self.documents and (columns is None) != (self._columns is None):
            raise ValueError("columns must be given for every batch of a store, or for none")
        if columns is not None:
            if self._columns is None:
                self._columns = ColumnWriter(self._paths[".parquet"], columns.schema)
            self._columns.append(columns)
        self._bin.write(data.data)
        self._digest.update(data.data)
        self._early.wrote(data.nbytes)
        self._lengths.append(lengths.astype(np.int32))
        if source is not None:
            self._inputs[source] = None
        self.documents += len(lengths)
        self.tokens += len(data)

    def close(self) -> ShardInfo:
        """Completes and syncs the files."""
        self._bin.flush()
        os.fsync(self._bin.fileno())
        self._bin.close()
        lengths = np.concatenate(self._lengths)
        index = index_bytes(lengths, self._dtype)
        columns_checksum = None
        if self._columns is not None:
            self._columns.close()
            columns_checksum = block_checksum(self._paths[".parquet"])
        with create(self._paths[".idx"]) as file:
            file.write(index)
            file.flush()
            os.fsync(file.fileno())
        beside = {suffix: writer.close() for suffix, writer in self.beside.items()}
        self.files = {
            f"{self._name}{suffix}": path
            for suffix, path in self._paths.items()
            if suffix != ".parquet" or self._columns is not None
        }
        return ShardInfo(
            name=self._name,
            documents=self.documents,
            tokens=self.tokens,
            bin_bytes=self.tokens * np.dtype(self._dtype).itemsize,
            idx_bytes=len(index),
            bin_checksum=self._digest.of_larger_blocks(),
            idx_checksum=checksum_of(index),
            columns_checksum=columns_checksum,
            inputs=tuple(self._inputs),
            lengths_fingerprint=lengths_fingerprint(lengths),
            beside=beside,
            block_checksums={
                ".bin": str(self._digest),
                ".idx": checksum_of(index, SMALL_BLOCK_BYTES),
            },
        )

    def abort(self) -> None:
        """Removes what was written and has no name yet."""
        # Closing writes what is buffered, which fails again on a full disk: the files go all the same.
        with suppress(OSError):
            self._bin.close()
        if self._columns is not None:
            with suppress(OSError, ValueError):  # ValueError: it is closed already
                self._columns.close()
        for writer in self.beside.values():
            writer.abort()
        for path in self._paths.values():
            path.unlink(missing_ok=True)


def index_bytes(lengths: NDArray[np.int32], dtype: str, bounds: NDArray[np.int64] | None = None) -> bytes:
    """A Megatron-Core `.idx` (version 1) for sequences of these lengths.

    `bounds`: int64, the sequence that each document begins with, and their number; None: one each.
    """
    count = len(lengths)
    offsets = np.zeros(count, np.int64)
    np.cumsum(lengths[:-1], dtype=np.int64, out=offsets[1:])
    offsets *= np.dtype(dtype).itemsize
    ends = np.arange(count + 1, dtype=np.int64) if bounds is None else bounds.astype(np.int64)
    header = _INDEX_HEADER.pack(b"MMIDIDX\x00\x00", 1, _DTYPE_CODES[dtype], count, len(ends))
    return b"".join((header, lengths.astype("<i4").tobytes(), offsets.tobytes(), ends.tobytes()))
