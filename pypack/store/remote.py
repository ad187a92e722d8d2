"""Stores of object storage, read through a cache on this host."""

from __future__ import annotations

import os
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from pypack import _core
from pypack._common.checksums import has_block_sums
from pypack.cache import Cache, RemoteFile, RemoteFiles
from pypack.cache.mirror import fetch_checked, keep, mirror_folder, mirrored
from pypack.remote import NoObjectError, Url
from pypack.store.beside import DTYPES, GROUP, MASK, WEIGHT, WORDS, DocumentValues
from pypack.store.checking import LEVELS
from pypack.store.format import STORE_FILE, TOKENIZER_FILE, ShardInfo, StoreInfo, check_own_bytes
from pypack.store.index_file import INDEX_HEADER_BYTES
from pypack.store.remote_deep_check import check_documents_at_url
from pypack.store.remote_index import RemoteIndex
from pypack.store.store import TokenStore

if TYPE_CHECKING:
    import pyarrow as pa

    from pypack.tokenizer.tokenizer import Tokenizer

# Each shard has two or three files, of which the fetcher of the cache keeps a state each.
_MOST_SHARDS = 100_000
_READ_BYTES = 8 << 20


class RemoteStore(TokenStore):
    """What `TokenStore.open` gives for a URL. Documents are copies: what lies in the cache may go.

    Attributes:
        url: of the store.
        cache: where its blocks lie.
        files: them.
    """

    def __init__(self, url: Url, cache: Cache, mirror: Path, info: StoreInfo) -> None:
        self.url = url
        self.cache = cache
        self._numbers: dict[str, int] = {}  # of each file, by name
        files: list[RemoteFile] = []
        for shard in info.shards:
            for suffix, size, checksum in _files_of(shard, info, url):
                self._numbers[f"{shard.name}{suffix}"] = len(files)
                read = {".idx": INDEX_HEADER_BYTES + 12 * shard.documents, GROUP: 0, WEIGHT: 0}
                place = str(url / f"{shard.name}{suffix}")
                files.append(RemoteFile(place, size, checksum, min(size, read.get(suffix, size))))
        self.files = RemoteFiles.open(cache, files)
        shards = [self._shard(shard) for shard in info.shards]
        super().__init__(mirror, _core.remote_store(shards, info.dtype), info)

    @classmethod
    def at(cls, url: Url, cache: Cache) -> RemoteStore:
        """Opens the store of a URL: reads its `store.json`, and nothing else.

        Raises:
            FileNotFoundError: there is none.
            OSError: it cannot be read.
            ValueError: it is no store, of a newer version, has too many shards, or none of its files can be
                checked in parts.
        """

        def check(data: bytes) -> None:
            check_own_bytes(data, str(url / STORE_FILE))

        try:
            data = fetch_checked(url / STORE_FILE, check)
        except NoObjectError:
            raise FileNotFoundError(
                f"{url}: has no {STORE_FILE}: not a store, or one whose job did not finish (run the same "
                "command again to go on)"
            ) from None
        mirror = mirror_folder(cache, url, data)
        info = StoreInfo.read(keep(mirror, STORE_FILE, data))
        if not info.shards:
            raise ValueError(f"{url / STORE_FILE}: shards: the store is empty")
        if len(info.shards) > _MOST_SHARDS:
            raise ValueError(
                f"{url}: {len(info.shards):,} shards, more than the {_MOST_SHARDS:,} that are read through a "
                "cache: write larger ones, or copy the store to this host"
            )
        return cls(url, cache, mirror, info)

    def _shard(self, shard: ShardInfo, bits: str = MASK) -> tuple[Any, ...]:
        names = [f"{shard.name}{suffix}" for suffix in (".bin", ".idx", bits)]
        places = [str(self.url / name) for name in names[:2]]
        numbers = [self._numbers.get(name, -1) for name in names]
        return self.files.core, *places, *numbers, shard.documents, shard.tokens

    @property
    def cached_groups(self) -> list[RemoteFiles]:
        """See `files`."""
        return [self.files]

    def kernel_parts(self, bits: str = MASK) -> list[tuple[Any, ...]]:
        """See `MappedShards.kernel_parts`."""
        assert self.info is not None
        return [self._shard(shard, bits) for shard in self.info.shards]

    @property
    def place(self) -> str:
        """See `MappedShards.place`."""
        return str(self.url)

    @property
    def holds_tokenizer(self) -> bool:
        """Whether the store holds the tokenizer that made it."""
        return self.info is not None and TOKENIZER_FILE in self.info.files

    def local_file(self, name: str) -> Path:
        """See `MappedShards.local_file`; it is kept in the cache, and not counted."""
        return mirrored(self.path, self.url / name, self._recorded[name])

    @cached_property
    def _recorded(self) -> dict[str, str]:
        """The checksum of each file by its name."""
        assert self.info is not None
        recorded = dict(self.info.files)
        for shard in self.info.shards:
            sums = {".parquet": shard.columns_checksum, **shard.checksums()}
            recorded |= {f"{shard.name}{suffix}": one for suffix, one in sums.items() if one is not None}
        return recorded

    def tokenizer(self) -> Tokenizer:
        """See `TokenStore.tokenizer`; it is fetched at first use."""
        if self.holds_tokenizer:
            self.local_file(TOKENIZER_FILE)
        return super().tokenizer()

    def columns(self, names: Sequence[str] | None = None) -> pa.Table:
        """See `TokenStore.columns`; their files are fetched whole at first use."""
        for shard in () if self.info is None else self.info.shards:
            if shard.columns_checksum is not None:
                self.local_file(f"{shard.name}.parquet")
        return super().columns(names)

    @cached_property
    def word_view(self) -> _core.StoreView:
        """See `TokenStore.word_view`."""
        self._check_word_borders()
        return _core.remote_store(self.kernel_parts(WORDS), self.dtype.name)

    def _values_beside(self, suffix: str, default: float) -> RemoteValues | None:
        assert self.info is not None
        numbers = [self._numbers.get(f"{shard.name}{suffix}") for shard in self.info.shards]
        if all(number is None for number in numbers):
            return None
        return RemoteValues(self, numbers, suffix, default)

    def verify(self, level: Literal["quick", "full", "deep"] = "full") -> list[str]:
        """See `TokenStore.verify`. At the level "full" everything is read through the cache, which checks
        each block, and lengths are compared; what lies beside the files of the store is not looked at;
        columns and tokenizer are fetched. The other levels read past the cache, as `pypack verify` does.

        Raises:
            OSError: the storage does not answer; or, where not "full", it has no listings (web servers).
        """
        if level not in LEVELS:
            raise ValueError(f"level must be one of {', '.join(LEVELS)}, got {level!r}")
        if level != "full":
            index = RemoteIndex(self.url)
            unchecked: list[str] = []
            if level == "quick":
                index.verify_quick()
            else:
                unchecked = index.verify()["unchecked"]
                check_documents_at_url(index)
            return unchecked
        assert self.info is not None
        for shard in self.info.shards:
            for suffix, size, _ in _files_of(shard, self.info, self.url):
                for start in range(0, size, _READ_BYTES):
                    number = self._numbers[f"{shard.name}{suffix}"]
                    self.files.read(number, start, min(start + _READ_BYTES, size))
        self._check_lengths()
        for name, checksum in self.info.files.items():
            mirrored(self.path, self.url / name, checksum)
        if any(shard.columns_checksum for shard in self.info.shards):
            self.columns()
        return []

    def _check_lengths(self) -> None:
        from pypack._common.fingerprint import is_of_lengths

        assert self.info is not None
        if not is_of_lengths(self.info.lengths_fingerprint, self.lengths):
            raise ValueError(f"{self.url / STORE_FILE}: lengths_fingerprint: not that of the shards' lengths")

    def __reduce__(self) -> tuple[Any, ...]:
        root = None if self.cache.root is None else str(self.cache.root)
        return _opened_again, (str(self.url), root)

    def __repr__(self) -> str:
        return f"TokenStore({str(self.url)!r}, {self.num_documents} documents, {self.num_tokens} tokens)"


class RemoteValues(DocumentValues):
    """One value a document of a remote store; see `pypack.store.beside.DocumentValues`."""

    def __init__(
        self,
        store: RemoteStore,
        numbers: Sequence[int | None],
        suffix: str,
        default: float,
    ) -> None:
        self._store = store
        self._suffix = suffix
        self._numbers = numbers
        self._dtype = DTYPES[suffix]
        self._default = default
        counts = store.kernel_view.shard_documents
        self._firsts = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)

    def of(self, documents: NDArray[np.int64]) -> NDArray[Any]:
        """The values of some documents; waits for them."""
        values = np.full(len(documents), self._default, self._dtype)
        shards = np.searchsorted(self._firsts, documents, side="right") - 1
        for shard in np.unique(shards).tolist():
            number = self._numbers[shard]
            if number is not None:
                inside = shards == shard
                items = np.ascontiguousarray(documents[inside] - self._firsts[shard])
                values[inside] = self._store.files.core.gather(number, items, self._dtype)
        return values

    def all(self) -> NDArray[Any]:
        """The values of all documents."""
        return self.of(np.arange(self._firsts[-1], dtype=np.int64))

    def __reduce__(self) -> tuple[Any, ...]:
        return _values_again, (self._store, self._suffix)


def _files_of(shard: ShardInfo, info: StoreInfo, url: Url) -> list[tuple[str, int, str]]:
    """Suffix, bytes and checksum of the files of a shard that are read by blocks."""
    sizes = {
        ".bin": shard.bin_bytes,
        ".idx": shard.idx_bytes,
        MASK: -(-shard.tokens // 8),
        GROUP: shard.documents * DTYPES[GROUP].itemsize,
        WEIGHT: shard.documents * DTYPES[WEIGHT].itemsize,
        WORDS: -(-shard.tokens // 8),
    }
    checksums = {**shard.checksums(), **shard.block_checksums}
    found = []
    for suffix, size in sizes.items():
        if suffix not in (".bin", ".idx") and suffix not in shard.beside:
            continue
        checksum = checksums.get(suffix)
        if checksum is None or not has_block_sums(checksum):
            raise ValueError(
                f"{url}: {shard.name}{suffix} has no checksums of its parts, so that nothing could tell "
                "whether a part has come as it is: the store is of an older version. Copy it to a disk, "
                "`pypack upgrade` it there, and upload its store.json again (the other files stay as they "
                "are)"
            )
        found.append((suffix, size, checksum))
    return found


def _values_again(store: RemoteStore, suffix: str) -> DocumentValues | None:
    return store.group_places if suffix == GROUP else store.document_weights


def _opened_again(url: str, root: str | os.PathLike[str] | None) -> TokenStore:
    return TokenStore.open(url, cache=root)
