"""The store of a URL as far as its descriptions tell, and whether its objects are what was written.

Memory: 4 bytes a document for the lengths, and some blocks of 8 MiB.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterator, Sequence
from contextlib import suppress
from functools import partial
from typing import Any

import numpy as np

from pypack._common.checksums import BlockChecksum
from pypack._common.schema import parse_json
from pypack.remote import NoObjectError, RemoteFile, Url, objects
from pypack.store.asked_again import asked_again
from pypack.store.contents import REPLACED_FILE, extra_objects, grows, shard_files
from pypack.store.format import (
    REJECTED_FILE,
    STORE_FILE,
    ShardInfo,
)
from pypack.store.remote_description import HEADER, RemoteDescription

_CHUNK = 8 << 20
_DOCUMENTS_AT_ONCE = 1 << 20


class RemoteIndex(RemoteDescription):
    """The descriptions of a store at a URL, and what proves them; see `RemoteDescription`."""

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
        begin = HEADER.size + 4 * count
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
