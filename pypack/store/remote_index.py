"""A store at a URL as far as its descriptions tell: `store.json` and the `.idx` files, read by ranges.

Enough to pack and to verify it, without a copy of its tokens on this machine. Memory: 4 bytes a document for
the lengths, and some blocks of 8 MiB.
"""

from __future__ import annotations

import hashlib
import io
import struct
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import suppress
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from pypack._common.checksums import BlockChecksum, check_checksum
from pypack._common.fingerprint import is_of_lengths
from pypack._common.schema import parse_json
from pypack.remote import NoObjectError, RemoteFile, Url, objects
from pypack.store.asked_again import asked_again
from pypack.store.contents import REPLACED_FILE, extra_objects, grows, shard_files
from pypack.store.format import (
    REJECTED_FILE,
    STORE_FILE,
    TOKENIZER_FILE,
    ShardInfo,
    StoreInfo,
    check_own_checksum,
)

if TYPE_CHECKING:
    from pypack.tokenizer.tokenizer import Tokenizer

_HEADER = struct.Struct("<9sQBQQ")
_MAGIC = b"MMIDIDX\x00\x00"
_CODES = {4: "int32", 8: "uint16"}
_CHUNK = 8 << 20
_DOCUMENTS_AT_ONCE = 1 << 20


class RemoteIndex:
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
        self._check_header(shard, objects().read(url, 0, _HEADER.size))
        view = memoryview(room).cast("B")  # type: ignore[arg-type]
        for begin in range(0, len(view), _CHUNK):
            end = min(begin + _CHUNK, len(view))
            view[begin:end] = objects().read(url, _HEADER.size + begin, _HEADER.size + end)
        if len(room) and (int(room.min()) < 0 or int(room.sum(dtype=np.int64)) != shard.tokens):
            raise ValueError(f"{url}: lengths: they do not come to the {shard.tokens:,} tokens of the shard")

    def _check_header(self, shard: ShardInfo, data: bytes) -> None:
        magic, version, code, count, ends = _HEADER.unpack(data)
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

    def first_ids(self, count: int, most: int = 48) -> list[list[int]]:
        """The first ids, `most` of them at most, of the first documents of the first shard."""
        return self.ids(0, min(count, self.info.shards[0].documents), most)

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

    def verify(self) -> dict[str, Any]:
        """Reads everything, and proves it as `TokenStore.verify` and `pypack verify` do.

        Returns:
            unchecked: files without a recorded checksum; strangers: objects that are no part of the store;
            largest_id; growing: a job has begun to add to it.

        Raises:
            ValueError: names the first object that is not what was written, is missing, or is a shard that
                the store does not name.
        """
        here = self._contents()
        unchecked: list[str] = []
        for name, recorded in self.info.files.items():
            asked_again(partial(self._check_file, name, recorded, here))
        largest = -1
        for shard in self.info.shards:
            asked_again(partial(self._check_index, shard))
            largest = max(largest, asked_again(partial(self._check_tokens, shard)))
            for suffix, checksum in (
                (".idx", shard.idx_checksum), (".parquet", shard.columns_checksum), *shard.beside.items(),
            ):  # fmt: skip
                if checksum is not None:
                    asked_again(partial(self._check, f"{shard.name}{suffix}", checksum))
                elif f"{shard.name}{suffix}" in here:
                    unchecked.append(f"{shard.name}{suffix}")
            unchecked += [] if shard.bin_checksum is not None else [f"{shard.name}.bin"]
        strangers = extra_objects(here, self.info, self._replaced(here))[1]
        return {"unchecked": unchecked, "strangers": strangers, "largest_id": largest, "growing": grows(here)}

    def verify_quick(self) -> dict[str, Any]:
        """Compares `store.json` with the names and sizes of the objects, by one listing.

        Returns:
            files: how many were looked at; growing: a job has begun to add to the store.

        Raises:
            ValueError: names the first object that is missing, or has another size.
        """
        sizes = {entry.path: entry.stat.size for entry in objects().children(self.url)}
        expected: dict[str, int | None] = dict.fromkeys(shard_files(self.info.shards))
        for shard in self.info.shards:
            expected |= {f"{shard.name}.bin": shard.bin_bytes, f"{shard.name}.idx": shard.idx_bytes}
        for name, size in {**expected, **dict.fromkeys(self.info.files)}.items():
            is_waiting = name == REJECTED_FILE and any(one.startswith("rejected.next-") for one in sizes)
            if name not in sizes and not is_waiting:
                raise ValueError(f"{self.url / name}: missing, and {STORE_FILE} names it")
            if size is not None and sizes[name] != size:
                raise ValueError(f"{self.url / name}: has {sizes[name]:,} bytes instead of {size:,}")
        return {"files": len(expected), "growing": grows(sizes)}

    def _contents(self) -> list[str]:
        """The names of the objects; where there are others than should be, and `store.json` is another by
        now, of the store as it is now."""
        while True:
            here = [entry.path for entry in objects().children(self.url)]
            try:
                self._check_contents(here)
            except ValueError:
                now = RemoteIndex(self.url).info
                if now == self.info:
                    raise
                self.info = now
            else:
                return here

    def _replaced(self, here: Sequence[str]) -> list[str]:
        """The names of the shards of stores that were there before."""
        if REPLACED_FILE not in here:
            return []
        with suppress(NoObjectError):  # gone meanwhile
            return [str(name) for name in parse_json(objects().read(self.url / REPLACED_FILE))]
        return []

    def _check_file(self, name: str, recorded: str, here: Sequence[str]) -> None:
        """Compares one of the files beside the shards. That of the rejects may lack its name yet."""
        waiting = [one for one in here if one.startswith("rejected.next-")] if name == REJECTED_FILE else []
        for one in waiting:
            with suppress(ValueError, NoObjectError):
                self._check(one, recorded)
                return
        self._check(name, recorded)

    def _check_contents(self, here: Sequence[str]) -> None:
        missing = sorted({*shard_files(self.info.shards), *self.info.files} - set(here))
        if REJECTED_FILE in missing and any(name.startswith("rejected.next-") for name in here):
            missing.remove(REJECTED_FILE)  # a job was killed behind its store.json: it only lacks its name
        shards = extra_objects(here, self.info, self._replaced(here))[0]
        for names, what in (
            (missing, f"missing, and {STORE_FILE} names it"),
            (shards, f"a shard that {STORE_FILE} does not name: remove it"),
        ):
            if names:
                more = f" (and {len(names) - 1:,} more such objects)" if len(names) > 1 else ""
                raise ValueError(f"{self.url / names[0]}: {what}{more}")

    def _chunks(self, url: Url) -> Iterator[bytes]:
        with RemoteFile(objects(), url) as file:
            while chunk := file.read(_CHUNK):
                yield chunk

    def _check(self, name: str, recorded: str) -> None:
        digest: Any = hashlib.sha256() if recorded.startswith("sha256:") else BlockChecksum()
        for chunk in self._chunks(self.url / name):
            digest.update(chunk)
        self._compare(name, digest, recorded)

    def _compare(self, name: str, digest: Any, recorded: str) -> None:
        found = str(digest) if isinstance(digest, BlockChecksum) else f"sha256:{digest.hexdigest()}"
        if found != recorded:
            raise ValueError(f"{self.url / name}: its checksum is not the recorded one: it has changed")

    def _check_tokens(self, shard: ShardInfo) -> int:
        """The largest id of a shard, whose bytes are what was written; -1 if it has none."""
        url, recorded = self.url / f"{shard.name}.bin", shard.bin_checksum
        digest: Any = hashlib.sha256() if (recorded or "").startswith("sha256:") else BlockChecksum()
        low, high, size = 0, -1, 0
        for chunk in self._chunks(url):
            digest.update(chunk)
            size += len(chunk)
            if len(chunk) % np.dtype(self.info.dtype).itemsize == 0:
                ids = np.frombuffer(chunk, self.info.dtype)
                low, high = min(low, int(ids.min())), max(high, int(ids.max()))
        if size != shard.bin_bytes:
            raise ValueError(f"{url}: size: {size:,} bytes, {shard.bin_bytes:,} were written")
        if recorded is not None:
            self._compare(f"{shard.name}.bin", digest, recorded)
        if low < 0 or high >= self.info.vocab_size:
            raise ValueError(f"{url}: holds an id that is not from 0 to {self.info.vocab_size - 1}")
        return high

    def _check_index(self, shard: ShardInfo) -> None:
        """Raises ValueError where an `.idx` is not laid out as its lengths say."""
        url, count = self._index(shard), shard.documents
        found = objects().stat(url)
        if found is not None and found.size != shard.idx_bytes:
            raise ValueError(f"{url}: size: {found.size:,} bytes, {shard.idx_bytes:,} were written")
        lengths = np.empty(count, np.int32)
        self._read_lengths(shard, lengths)
        begin = _HEADER.size + 4 * count
        offset = 0
        with io.BufferedReader(RemoteFile(objects(), url), 1 << 20) as file:
            file.seek(begin)
            for i in range(0, count, _DOCUMENTS_AT_ONCE):
                part = lengths[i : i + _DOCUMENTS_AT_ONCE].astype(np.int64)
                part *= np.dtype(self.info.dtype).itemsize
                ends = offset + np.cumsum(part)
                if not np.array_equal(np.frombuffer(file.read(8 * len(part)), "<i8"), ends - part):
                    raise ValueError(f"{url}: offsets: not those of its lengths")
                offset = int(ends[-1])
            for i in range(0, count + 1, _DOCUMENTS_AT_ONCE):
                wanted = np.arange(i, min(i + _DOCUMENTS_AT_ONCE, count + 1))
                if not np.array_equal(np.frombuffer(file.read(8 * len(wanted)), "<i8"), wanted):
                    raise ValueError(f"{url}: documents: not one sequence each")
            if file.read(1):
                raise ValueError(f"{url}: goes on behind its end")
