"""Writing one shard, a Megatron-Core indexed dataset, under temporary names."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from pypack._common.checksums import SMALL_BLOCK_BYTES, BlockChecksum, block_checksum
from pypack._common.early_writing import EarlyWriting
from pypack._common.files import create
from pypack._common.fingerprint import lengths_fingerprint
from pypack._common.number_pieces import ArrayNumbers
from pypack.store.beside import BesideWriter
from pypack.store.column_writer import ColumnWriter
from pypack.store.format import ShardInfo
from pypack.store.index_file import index_pieces

if TYPE_CHECKING:
    import pyarrow as pa

# Of which who fetches parts of a .bin fetches the first: small beside 8 MiB, and 4 KiB of checksums a GiB.
BIN_BLOCK_BYTES = 2 << 20


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
        columns_checksum = None
        if self._columns is not None:
            self._columns.close()
            columns_checksum = block_checksum(self._paths[".parquet"])
        index_digest = BlockChecksum(SMALL_BLOCK_BYTES)
        with create(self._paths[".idx"]) as file:
            for piece in index_pieces(ArrayNumbers(lengths), self._dtype):
                file.write(piece)
                index_digest.update(piece)
            file.flush()
            index_size = file.tell()
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
            idx_bytes=index_size,
            bin_checksum=self._digest.of_larger_blocks(),
            idx_checksum=index_digest.of_larger_blocks(),
            columns_checksum=columns_checksum,
            inputs=tuple(self._inputs),
            lengths_fingerprint=lengths_fingerprint(lengths),
            beside=beside,
            block_checksums={
                ".bin": str(self._digest),
                ".idx": str(index_digest),
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
