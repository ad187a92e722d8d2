"""TokenStore: documents of token ids, memory-mapped."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any, Literal, TypeAlias, cast

from pypack.cache import Cache, RemoteFiles
from pypack.remote import Url, is_url
from pypack.store.checking import check_store
from pypack.store.documents import Document as Document
from pypack.store.fingerprints import Fingerprinted
from pypack.store.learning import LearnedDocuments
from pypack.store.opening import mapped
from pypack.store.own_tokenizer import OwnTokenizer
from pypack.store.provenance import MergedPart, merged_parts
from pypack.store.split import Split, split_documents

StorePath: TypeAlias = "str | os.PathLike[str] | TokenStore"
StorePaths: TypeAlias = "StorePath | Sequence[StorePath]"


class TokenStore(LearnedDocuments, OwnTokenizer, Fingerprinted):
    """Read access to a store directory, or to one bare Megatron-Core `.bin`/`.idx` pair.

    `store[i]` is a read-only view of the mapping: nothing is copied or read before it is used. A store
    pickles as its path, so that worker processes map the files themselves.
    """

    @classmethod
    def open(
        cls,
        path: StorePaths,
        *,
        cache: str | os.PathLike[str] | None = None,
        cache_bytes: int | None = None,
    ) -> TokenStore:
        """Maps a store; checks the headers against the files' real sizes, and reads nothing else.

        Args:
            path: a directory with a `store.json`; or a Megatron-Core dataset, given as its common prefix
                or as either of its two files. A list of them, or of stores, is opened as one store, the
                documents numbered through; a store that stands in it twice gives its documents twice.
                Or a URL, such as `s3://bucket/corpus.store`: only what is needed is fetched, through a cache.
            cache: for a URL: a folder on a disk of this host that its blocks are kept in, which all
                processes of the user share; None: that of the variable PYPACK_CACHE, or the user's usual one.
            cache_bytes: for a URL: how much the cache may take, from now on; None: what it had, at first half
                of what is free on the disk.

        Raises:
            FileNotFoundError: there is neither.
            OSError: the storage of a URL does not answer, or refuses.
            ValueError: a file is truncated, foreign, or of a newer version; the message names the file and
                the field. Or stores of a list have tokens of different types, or of different tokenizers.
        """
        if isinstance(path, TokenStore):
            return path
        if isinstance(path, str | os.PathLike | Url):
            if is_url(path):
                from pypack.store.remote import RemoteStore

                return RemoteStore.at(Url.of(cast("str | Url", path)), Cache.at(cache, cache_bytes))
            return cls(*mapped(path))
        from pypack.store.joined import JoinedStore

        stores = [cls.open(one, cache=cache, cache_bytes=cache_bytes) for one in path]
        if not stores:
            raise ValueError("a list of stores must hold at least one")
        return stores[0] if len(stores) == 1 else JoinedStore(stores)

    @property
    def merged_from(self) -> tuple[MergedPart, ...]:
        """Which documents come from which store, where `pypack merge` has made this one of others."""
        return () if self.info is None else merged_parts(self.info)

    @property
    def parts(self) -> tuple[TokenStore, ...]:
        """The stores that this one is made of: itself, or those of a list that was opened as one."""
        return (self,)

    @property
    def cached_groups(self) -> list[RemoteFiles]:
        """What stores of URLs are read through; none of a store of this host."""
        return []

    @property
    def is_remote(self) -> bool:
        """Whether the store, or one of those that it is made of, is of a URL."""
        return bool(self.cached_groups)

    def split(self, validation: float = 0.01, *, seed: int = 0, key: str | None = None) -> Split:
        """Holds documents out for validation, each by its own hash, so that the two sides share none.

        A document keeps its side when the store grows, and a larger share holds out the same documents and
        more. Give the sides to `Source.select`:

            train, validation = store.split(0.01, key="url")
            Loader(Source.select(store, 2048, where=train), batch_sequences=64)
            Loader(Source.select(store, 2048, where=validation), batch_sequences=64, epochs=1)

        Args:
            validation: the share of the documents, or of the keys, to hold out, between 0 and 1. It is kept
                on average: a small store may get more, fewer or none.
            seed: another seed, other documents.
            key: a column that the store keeps, to decide by: documents of one key are on one side, whatever
                stores they are in, merged or not. None: by the document's number in its store.

        Raises:
            ValueError: the share is not between 0 and 1, or a key is null.
            FileNotFoundError: the store keeps no columns.
        """
        return split_documents(self, self._first_documents, validation, seed, key)

    def verify(self, level: Literal["quick", "full", "deep"] = "full") -> list[str]:
        """Compares the store with what was recorded when it was written.

        Args:
            level: "quick" looks at `store.json`, and at the names and sizes of all files. "full" reads
                everything: index layout, checksums, the lengths' fingerprint, and what lies in the folder.
                "deep" reads it once more, for what was wrong from the beginning: ids that are not of the
                vocabulary, documents without the ids around them, masks, groups, weights and columns that do
                not fit.

        Returns:
            The files of which nothing tells whether they have changed, as no checksum is recorded: all of a
            bare Megatron-Core dataset, none of a store that pypack wrote.

        Raises:
            ValueError: names the first file that is not what was written, is missing, or is a shard that the
                store does not name.
        """
        return check_store(self, level)

    def __reduce__(self) -> tuple[Any, ...]:
        return TokenStore.open, (self.path,)

    def __repr__(self) -> str:
        return f"TokenStore({str(self.path)!r}, {self.num_documents} documents, {self.num_tokens} tokens)"
