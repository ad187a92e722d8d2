"""A store at a URL as far as its descriptions tell: `store.json` and the `.idx` files, read by ranges.

Enough to pack it, without a copy of its tokens on this machine. Memory: 4 bytes a document for
the lengths, and some blocks of 8 MiB.
"""

from __future__ import annotations

import struct
import tempfile
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from pypack._common.checksums import check_checksum
from pypack._common.fingerprint import is_of_lengths
from pypack.remote import NoObjectError, Url, objects
from pypack.store.asked_again import asked_again
from pypack.store.format import (
    STORE_FILE,
    TOKENIZER_FILE,
    ShardInfo,
    StoreInfo,
    check_own_checksum,
)

if TYPE_CHECKING:
    from pypack.tokenizer.tokenizer import Tokenizer

HEADER = struct.Struct("<9sQBQQ")
_MAGIC = b"MMIDIDX\x00\x00"
_CODES = {4: "int32", 8: "uint16"}
_CHUNK = 8 << 20


class RemoteDescription:
    """The descriptions of a store at a URL.

    Attributes:
        url: where it is.
        info: the content of its `store.json`.

    Raises:
        ValueError: there is no store, or its `store.json` is damaged.
        RemoteError: the service does not answer, or does not allow it.
    """

    def __init__(self, url: Url) -> None:
        self.url = url
        try:
            self.info = asked_again(self._read_info)
        except NoObjectError:
            raise FileNotFoundError(f"{url}: no store (it has no {STORE_FILE})") from None

    def _read_info(self) -> StoreInfo:
        data, url = objects().read(self.url / STORE_FILE), self.url
        with tempfile.TemporaryDirectory(prefix="pypack-") as folder:
            copy = Path(folder) / STORE_FILE
            copy.write_bytes(data)
            try:
                info = StoreInfo.read(copy)
                check_own_checksum(copy)
            except ValueError as error:
                raise ValueError(str(error).replace(str(copy), str(url / STORE_FILE))) from None
        return info

    @cached_property
    def lengths(self) -> NDArray[np.int32]:
        """int32 [D]: tokens of each document; 4 bytes of each `.idx` a document are read, and no others.

        Raises:
            ValueError: they are not those that the store was written with.
        """
        return asked_again(self._all_lengths)

    def _all_lengths(self) -> NDArray[np.int32]:
        lengths = np.empty(self.info.documents, np.int32)
        place = 0
        for shard in self.info.shards:
            self._read_lengths(shard, lengths[place : place + shard.documents])
            place += shard.documents
        if not is_of_lengths(self.info.lengths_fingerprint, lengths):
            raise ValueError(f"{self.url / STORE_FILE}: lengths_fingerprint: not that of the shards' lengths")
        return lengths

    def _index(self, shard: ShardInfo) -> Url:
        return self.url / f"{shard.name}.idx"

    def _read_lengths(self, shard: ShardInfo, room: NDArray[np.int32]) -> None:
        url = self._index(shard)
        self._check_header(shard, objects().read(url, 0, HEADER.size))
        view = memoryview(room).cast("B")  # type: ignore[arg-type]
        for begin in range(0, len(view), _CHUNK):
            end = min(begin + _CHUNK, len(view))
            view[begin:end] = objects().read(url, HEADER.size + begin, HEADER.size + end)
        if len(room) and (int(room.min()) < 0 or int(room.sum(dtype=np.int64)) != shard.tokens):
            raise ValueError(f"{url}: lengths: they do not come to the {shard.tokens:,} tokens of the shard")

    def _check_header(self, shard: ShardInfo, data: bytes) -> None:
        magic, version, code, count, ends = HEADER.unpack(data)
        found = (magic, version, _CODES.get(code), count, ends)
        if found != (_MAGIC, 1, self.info.dtype, shard.documents, shard.documents + 1):
            raise ValueError(f"{self._index(shard)}: header: not that of {shard.documents:,} documents")

    @property
    def has_loss_mask(self) -> bool:
        """No: what is learned is not read here."""
        return False

    @property
    def holds_tokenizer(self) -> bool:
        """Whether the store holds the tokenizer that made it."""
        return TOKENIZER_FILE in self.info.files

    def tokenizer(self) -> Tokenizer:
        """The tokenizer that made the store, which is fetched.

        Raises:
            ValueError: it is not the one that was recorded.
        """
        from pypack.tokenizer.tokenizer import Tokenizer

        recorded = self.info.files[TOKENIZER_FILE]
        with tempfile.TemporaryDirectory(prefix="pypack-") as folder:
            copy = Path(folder) / TOKENIZER_FILE

            def fetch() -> None:
                copy.write_bytes(objects().read(self.url / TOKENIZER_FILE))
                try:
                    check_checksum(copy, recorded)
                except ValueError as error:
                    told = str(error).replace(str(copy), str(self.url / TOKENIZER_FILE))
                    raise ValueError(told) from None

            asked_again(fetch)
            return Tokenizer.from_file(copy)

    def ids(self, first: int, count: int, most: int | None = None) -> list[list[int]]:
        """The ids of some documents in a row, read by ranges.

        Args:
            most: so many of the first ids of each, None for all.
        """
        dtype = np.dtype(self.info.dtype)
        begins = np.cumsum([0, *(shard.documents for shard in self.info.shards)])
        found = []
        for number in np.flatnonzero((begins[:-1] < first + count) & (begins[1:] > first)).tolist():
            at, shard = int(begins[number]), self.info.shards[number]
            low, high = max(first - at, 0), min(first + count - at, shard.documents)
            lengths = self.lengths[at : at + high].astype(np.int64)
            places = (np.cumsum(lengths) - lengths) * dtype.itemsize
            for begin, length in zip(places[low:].tolist(), lengths[low:].tolist(), strict=True):
                end = begin + (length if most is None else min(length, most)) * dtype.itemsize
                data = objects().read(self.url / f"{shard.name}.bin", begin, end)
                found.append(np.frombuffer(data, dtype).tolist())
        return found
