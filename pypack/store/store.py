"""TokenStore: documents of token ids, memory-mapped."""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias, overload

import numpy as np
from numpy.typing import NDArray

from pypack import _core
from pypack._common.checksums import check_checksum
from pypack._common.files import require_regular
from pypack._common.fingerprint import (
    integers_fingerprint,
    is_composable,
    is_of_lengths,
    joined_fingerprint,
    lengths_fingerprint,
)
from pypack._common.frames import Framed
from pypack._common.paths import local_path, native_name
from pypack._common.rows import RowsIndex, chosen_rows, equal_rows, first_equal_row
from pypack._common.schema import brief
from pypack.store.beside import FEATURE_OF, GROUP, MASK, WEIGHT, DocumentValues
from pypack.store.contents import extra_files, missing_files
from pypack.store.format import STORE_FILE, TOKENIZER_FILE, ShardInfo, StoreInfo
from pypack.store.many_shards import MOST_MAPPED_SHARDS, open_view
from pypack.store.provenance import MergedPart, merged_parts
from pypack.store.split import Split, split_documents

if TYPE_CHECKING:
    import pyarrow as pa

    from pypack.tokenizer.tokenizer import Tokenizer


Document = NDArray[np.integer[Any]]
StorePath: TypeAlias = "str | os.PathLike[str] | TokenStore"
StorePaths: TypeAlias = "StorePath | Sequence[StorePath]"


def _files_at(prefix: Path) -> tuple[Path, Path]:
    return prefix.with_name(f"{prefix.name}.bin"), prefix.with_name(f"{prefix.name}.idx")


def _native(files: tuple[Path, Path]) -> tuple[str, str]:
    return native_name(files[0]), native_name(files[1])


def _mask_of(store: Path, shard: ShardInfo) -> str:
    """Path of a shard's loss mask as the kernels take it, "" if it has none."""
    return native_name(store / f"{shard.name}{MASK}") if MASK in shard.beside else ""


class TokenStore(Framed, Sequence[Document]):
    """Read access to a store directory, or to one bare Megatron-Core `.bin`/`.idx` pair.

    `store[i]` is a read-only view of the mapping: nothing is copied or read before it is used. A store
    pickles as its path, so that worker processes map the files themselves.
    """

    def __init__(self, path: Path, view: _core.StoreView, info: StoreInfo | None) -> None:
        self.path = path
        self.info = info
        self._view = view

    @classmethod
    def open(cls, path: StorePaths) -> TokenStore:
        """Maps a store; checks the headers against the files' real sizes, and reads nothing else.

        Args:
            path: a directory with a `store.json`; or a Megatron-Core dataset, given as its common prefix
                or as either of its two files. A list of them, or of stores, is opened as one store, the
                documents numbered through; a store that stands in it twice gives its documents twice.

        Raises:
            FileNotFoundError: there is neither.
            ValueError: a file is truncated, foreign, or of a newer version; the message names the file and
                the field. Or stores of a list have tokens of different types, or of different tokenizers.
        """
        if isinstance(path, TokenStore):
            return path
        if isinstance(path, str | os.PathLike):
            return cls._open_one(path)
        from pypack.store.joined import JoinedStore

        stores = [cls.open(one) for one in path]
        if not stores:
            raise ValueError("a list of stores must hold at least one")
        return stores[0] if len(stores) == 1 else JoinedStore(stores)

    @classmethod
    def _open_one(cls, place: str | os.PathLike[str]) -> TokenStore:
        path = local_path(place)
        if path.is_dir():
            if not (path / STORE_FILE).is_file():
                raise FileNotFoundError(
                    f"{path}: has no {STORE_FILE}: not a store, or one whose job did not finish "
                    "(run the same command again to go on)"
                )
            return cls._open_directory(path)
        prefix = path.with_suffix("") if path.suffix in (".bin", ".idx") else path
        for file in _files_at(prefix):
            if not file.is_file():
                raise FileNotFoundError(
                    f"{path}: neither a store directory nor a Megatron-Core dataset ({file} is missing)"
                )
        view = _core.StoreView([_native(_files_at(prefix))], one_sequence_per_document=False)
        return cls(prefix, view, None)

    @classmethod
    def _open_directory(cls, path: Path) -> TokenStore:
        info = StoreInfo.read(path / STORE_FILE)
        if not info.shards:
            raise ValueError(f"{path / STORE_FILE}: shards: the store is empty")
        files = [_files_at(path / shard.name) for shard in info.shards]
        masks = [_mask_of(path, shard) for shard in info.shards]
        if len(files) <= MOST_MAPPED_SHARDS:  # the kernel looks at each of more when it maps it
            for file in itertools.chain.from_iterable(files):
                if file.exists():  # the kernel says what is missing
                    require_regular(file)
        view = open_view(list(map(_native, files)), masks, info.shards, info.dtype)
        if view.num_mapped < len(info.shards):  # too many to map all: each is checked when it is mapped
            return cls(path, view, info)
        for shard, documents, tokens in zip(
            info.shards, view.shard_documents, view.shard_tokens, strict=True
        ):
            if (documents, tokens) != (shard.documents, shard.tokens):
                raise ValueError(
                    f"{path / shard.name}.idx: {documents} documents and {tokens} tokens, {STORE_FILE} says "
                    f"{shard.documents} and {shard.tokens}; the shard is truncated or of another store"
                )
        if view.dtype != info.dtype:
            raise ValueError(f"{path / STORE_FILE}: dtype: {info.dtype}, the shards have {view.dtype}")
        return cls(path, view, info)

    @property
    def merged_from(self) -> tuple[MergedPart, ...]:
        """Which documents come from which store, where `pypack merge` has made this one of others."""
        return () if self.info is None else merged_parts(self.info)

    @property
    def parts(self) -> tuple[TokenStore, ...]:
        """The stores that this one is made of: itself, or those of a list that was opened as one."""
        return (self,)

    @property
    def shard_files(self) -> list[tuple[str, str]]:
        """Paths of the `.bin` and the `.idx` of each shard, as the kernels take them."""
        if self.info is None:
            return [_native(_files_at(self.path))]
        return [_native(_files_at(self.path / shard.name)) for shard in self.info.shards]

    @property
    def mask_files(self) -> list[str]:
        """Paths of the loss mask of each shard, "" where it has none, as the kernels take them."""
        return [""] if self.info is None else [_mask_of(self.path, shard) for shard in self.info.shards]

    @property
    def has_loss_mask(self) -> bool:
        """Whether the store says of its tokens which are learned."""
        return self._view.has_masks

    def loss_mask(self, index: int) -> NDArray[np.bool_]:
        """bool [n]: which tokens of a document are learned; all of them where the store does not say."""
        return self._view.document_mask(int(range(len(self))[index]))

    @cached_property
    def learned_lengths(self) -> NDArray[np.int64]:
        """int64 [D]: how many tokens of every document are learned. Reads the whole mask."""
        if not self.has_loss_mask:
            return self.lengths.astype(np.int64)
        documents = np.arange(len(self), dtype=np.int64)
        return self._view.count_learned(documents, np.zeros_like(documents), self.lengths.astype(np.int64))

    @cached_property
    def group_places(self) -> DocumentValues | None:
        """How many documents of its group stand before each document; None where there are no groups."""
        return self._values_beside(GROUP, 0)

    @cached_property
    def document_weights(self) -> DocumentValues | None:
        """How much the loss of each document counts; None where the store does not say."""
        return self._values_beside(WEIGHT, 1)

    def _values_beside(self, suffix: str, default: float) -> DocumentValues | None:
        files = [
            part.path / f"{shard.name}{suffix}" if suffix in shard.beside else None
            for part in self.parts
            if part.info is not None
            for shard in part.info.shards
        ]
        if not any(files):
            return None
        if any(part.info is None for part in self.parts):
            raise ValueError(
                f"{self!r}: one of the stores has {FEATURE_OF[suffix]}, another is no store of pypack"
            )
        return DocumentValues(files, self._view.shard_documents, suffix, default)

    @property
    def groups(self) -> NDArray[np.int64] | None:
        """int64 [D]: the group of each document, named by the number of its first one; None without groups.

        Documents of one group are neighbours: the answers to one prompt, or the chosen and the rejected one.
        """
        places = self.group_places
        return None if places is None else np.arange(len(self), dtype=np.int64) - places.all()

    def groups_by(self, name: str) -> NDArray[np.int64]:
        """int64 [D]: the group of each document: "group", those of the store; else a column that it keeps, of
        which runs of equal values are groups.

        Raises:
            ValueError: the store has no groups.
            FileNotFoundError: it keeps no columns.
        """
        if name == "group" and self.group_places is not None:
            groups = self.groups
            assert groups is not None
            return groups
        if name == "group" and (self.info is None or "group" not in self.info.options.get("keep", ())):
            raise ValueError(
                f"{self!r} has no groups: they come of records of several texts (pypack tokenize "
                "--completion-field chosen,rejected); or name a column that it keeps"
            )
        values = self.columns([name]).column(name).to_pylist()
        changes = [i > 0 and values[i] != values[i - 1] for i in range(len(values))]
        return np.cumsum(changes, dtype=np.int64)

    @property
    def num_documents(self) -> int:
        """Number of documents."""
        return self._view.num_documents

    @property
    def num_tokens(self) -> int:
        """Number of tokens, end-of-document ids included."""
        return self._view.num_tokens

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of the tokens on disk."""
        return np.dtype(self._view.dtype)

    @cached_property
    def lengths(self) -> NDArray[np.int32]:
        """int32 [D]: tokens of every document. Copied from the indexes at first use (4 bytes a document)."""
        lengths = self._view.lengths()
        lengths.flags.writeable = False
        return lengths

    @cached_property
    def lengths_fingerprint(self) -> str:
        """What a plan records of the lengths it was made from.

        Reads the lengths of all documents where no `store.json` says it, or one of version 1.
        """
        if self.info is not None and is_composable(self.info.lengths_fingerprint):
            return self.info.lengths_fingerprint
        return lengths_fingerprint(self.lengths)

    @cached_property
    def _old_lengths_fingerprint(self) -> str:
        """What a plan of version 1 records."""
        if self.info is not None and not is_composable(self.info.lengths_fingerprint):
            return self.info.lengths_fingerprint
        return integers_fingerprint(self.lengths)

    def has_lengths_of(self, fingerprint: str) -> bool:
        """Whether a plan that records this fingerprint, of version 1 or 2, was made for these documents."""
        own = self.lengths_fingerprint if is_composable(fingerprint) else self._old_lengths_fingerprint
        return fingerprint == own

    def begins_with(self, documents: int, fingerprint: str) -> bool:
        """Whether a plan for so many documents that records this fingerprint, of version 1 or 2, was made for
        the first ones: for the store as it was before it grew."""
        if documents > len(self):
            return False
        if is_composable(fingerprint):
            return self.first_fingerprint(documents) == fingerprint
        return is_of_lengths(fingerprint, np.ascontiguousarray(self.lengths[:documents]))

    def first_fingerprint(self, documents: int) -> str:
        """The `lengths_fingerprint` of the first documents alone: of the store as it was before it grew.

        Reads the lengths of the documents of one shard at most, if the shards record their fingerprints.

        Raises:
            ValueError: the store has fewer documents.
        """
        if not 0 <= documents <= len(self):
            raise ValueError(f"documents must be from 0 to {len(self)}, those of the store, got {documents}")
        if documents == len(self):
            return self.lengths_fingerprint
        known, first = [], 0
        for shard in () if self.info is None else self.info.shards:
            if shard.lengths_fingerprint is None or first + shard.documents > documents:
                break
            known.append((shard.lengths_fingerprint, shard.documents))
            first += shard.documents
        rest = np.ascontiguousarray(self.lengths[first:documents])
        return joined_fingerprint([*known, (lengths_fingerprint(rest), len(rest))])

    @property
    def kernel_view(self) -> _core.StoreView:
        """The mapped shards as the kernels take them."""
        return self._view

    @property
    def vocab_size(self) -> int | None:
        """Every id is below it; None for a bare Megatron-Core dataset, which does not say."""
        return None if self.info is None else self.info.vocab_size

    @property
    def eos_id(self) -> int | None:
        """The tokenizer's end-of-document id, if known."""
        return self._special_id("eos")

    @property
    def pad_id(self) -> int | None:
        """The tokenizer's padding id, if known."""
        return self._special_id("pad")

    @property
    def prepended_ids(self) -> tuple[int, ...]:
        """The ids that begin every document, none if it is not known."""
        return () if self.info is None else self.info.prepended_ids

    @property
    def appended_id(self) -> int | None:
        """The id that ends every document, None if there is none, or if it is not known."""
        return None if self.info is None else self.info.appended_id

    def _special_id(self, role: str) -> int | None:
        return None if self.info is None else self.info.special_ids.get(role)

    @property
    def tokenizer_fingerprint(self) -> str | None:
        """`Tokenizer.fingerprint` of the tokenizer that made the ids, as it was recorded; None if unknown."""
        return None if self.info is None else self.info.tokenizer_fingerprint

    @property
    def holds_tokenizer(self) -> bool:
        """Whether the store holds the tokenizer that made it."""
        return (self.path / TOKENIZER_FILE).is_file()

    @cached_property
    def ids_fingerprint(self) -> str | None:
        """`Tokenizer.ids_fingerprint` of the tokenizer that the store holds; None if it holds none."""
        return self.tokenizer().ids_fingerprint if self.holds_tokenizer else None

    def tokenizer(self) -> Tokenizer:
        """The tokenizer that made the store.

        Raises:
            FileNotFoundError: the store does not hold its tokenizer.
        """
        from pypack.tokenizer.tokenizer import Tokenizer

        if not self.holds_tokenizer:
            raise FileNotFoundError(
                f"{self.path}: holds no {TOKENIZER_FILE}; load the tokenizer from elsewhere"
            )
        return Tokenizer.from_file(self.path / TOKENIZER_FILE)

    def columns(self, names: Sequence[str] | None = None) -> pa.Table:
        """The per-document columns kept from the input, one row a document, in document order.

        A column has the narrowest type that holds the values of all shards (see `pypack.store.column_types`).

        Raises:
            FileNotFoundError: the store keeps no columns.
            ValueError: it keeps columns, but none of this name; or a file of theirs is damaged.
        """
        from pypack.columnar.table import MissingColumnError, read_table
        from pypack.store.column_types import joined_tables

        if self.info is None or any(shard.columns_checksum is None for shard in self.info.shards):
            raise FileNotFoundError(f"{self.path}: keeps no columns (tokenize with --keep)")
        tables: list[pa.Table] = []
        for shard in self.info.shards:
            path = self.path / f"{shard.name}.parquet"
            require_regular(path)
            try:
                table = read_table(path, names)
            except MissingColumnError as error:
                raise ValueError(f"{self.path}: {error}") from None
            if table.num_rows != shard.documents:
                raise ValueError(
                    f"{path}: {table.num_rows} rows for {shard.documents} documents; it is not its store's"
                )
            if tables and table.column_names != tables[0].column_names:
                raise ValueError(
                    f"{path}: keeps the columns {brief(table.column_names)}, the shards before it "
                    f"{brief(tables[0].column_names)}"
                )
            tables.append(table)
        return joined_tables(tables)

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

    @property
    def _first_documents(self) -> list[int]:
        """Where the documents of each of the stores begin that this one is made of."""
        return [0]

    def verify(self) -> list[str]:
        """Reads everything: index layout, checksums, the lengths' fingerprint, and what lies in the folder.

        Returns:
            The files of which nothing tells whether they have changed, as no checksum is recorded: all of a
            bare Megatron-Core dataset, none of a store that pypack wrote.

        Raises:
            ValueError: names the first file that is not what was written, is missing, or is a shard that the
                store does not name.
        """
        self._view.check_layout()
        if self.info is None:
            return [f"{self.path.name}.bin", f"{self.path.name}.idx"]
        self.info.verify_files(self.path / STORE_FILE)
        self._check_contents(self.info)
        unchecked = []
        for shard in self.info.shards:
            expected = {
                ".bin": shard.bin_checksum,
                ".idx": shard.idx_checksum,
                ".parquet": shard.columns_checksum,
                **shard.beside,
            }
            for suffix, recorded in expected.items():
                file = self.path / f"{shard.name}{suffix}"
                if recorded is None:
                    unchecked += [file.name] if file.exists() else []
                else:
                    check_checksum(file, recorded)
        if not is_of_lengths(self.info.lengths_fingerprint, self.lengths):
            raise ValueError(
                f"{self.path / STORE_FILE}: lengths_fingerprint: not that of the shards' lengths"
            )
        return unchecked

    def _check_contents(self, info: StoreInfo) -> None:
        """Raises ValueError where shards are missing, or there are some that belong to nobody."""
        for names, what in (
            (missing_files(self.path, info), f"missing, and {STORE_FILE} names it"),
            (extra_files(self.path, info)[0], f"a shard that {STORE_FILE} does not name: remove it"),
        ):
            if names:
                more = f" (and {len(names) - 1:,} more such files)" if len(names) > 1 else ""
                raise ValueError(f"{self.path / names[0]}: {what}{more}")

    def __len__(self) -> int:
        return self.num_documents

    @overload
    def __getitem__(self, index: int) -> Document: ...

    @overload
    def __getitem__(self, index: RowsIndex) -> list[Document]: ...

    def __getitem__(self, index: int | RowsIndex) -> Document | list[Document]:
        """A document, or a list of several: of a slice, or of a list or array of numbers or of bools."""
        documents = chosen_rows(index, len(self), "document", self._named)
        if isinstance(documents, int):
            return self._view.document(documents)
        return [self._view.document(i) for i in np.asarray(documents).tolist()]

    def to_arrow(self, columns: Sequence[str] | None = None) -> pa.Table:
        """An Arrow table with a row a document: `input_ids` (large_list<uint32>), and the kept columns.

        Reads everything into memory; of a large store, take some: `pypack.Ragged.from_rows(store[:1000])`.

        Args:
            columns: the kept columns that are wanted; None: all, if the store keeps any.
        """
        import pyarrow as pa

        offsets = np.concatenate([np.zeros(1, np.int64), np.cumsum(self.lengths, dtype=np.int64)])
        values = np.concatenate([np.empty(0, self.dtype), *self]).astype(np.uint32)
        table = pa.table({"input_ids": pa.LargeListArray.from_arrays(offsets, values)})
        if columns is None:
            keeps = all(p.info and all(s.columns_checksum for s in p.info.shards) for p in self.parts)
            kept = self.columns() if keeps else pa.table({})
        else:
            kept = self.columns(columns) if columns else pa.table({})
        for field, column in zip(kept.schema, kept.columns, strict=True):
            table = table.append_column(field, column)
        return table

    @property
    def _named(self) -> str:
        return f"a store with {len(self)} documents"

    def __iter__(self) -> Iterator[Document]:
        for i in range(len(self)):
            yield self._view.document(i)

    def __contains__(self, document: object) -> bool:
        return next(equal_rows(self, self.lengths, document), None) is not None

    def index(self, document: object, start: int = 0, stop: int | None = None) -> int:
        """The first document that has these ids. Reads all documents of that length before it.

        Raises:
            ValueError: there is none.
        """
        return first_equal_row(self, self.lengths, document, start, stop, self._named)

    def count(self, document: object) -> int:
        """How many documents have these ids. Reads all documents of that length."""
        return sum(1 for _ in equal_rows(self, self.lengths, document))

    @overload
    def text(self, index: int, *, skip_special_tokens: bool = ...) -> str: ...

    @overload
    def text(self, index: RowsIndex, *, skip_special_tokens: bool = ...) -> list[str]: ...

    def text(self, index: int | RowsIndex, *, skip_special_tokens: bool = True) -> str | list[str]:
        """The text of a document, or of several (see `store[index]`), decoded by the store's tokenizer.

        Raises:
            FileNotFoundError: the store does not hold its tokenizer.
            IndexError: there is no such document.
        """
        documents = self[index]
        if isinstance(documents, list):
            return self._tokenizer.decode_batch(documents, skip_special_tokens=skip_special_tokens)
        return self._tokenizer.decode(documents, skip_special_tokens=skip_special_tokens)

    @cached_property
    def _tokenizer(self) -> Tokenizer:
        return self.tokenizer()

    def __reduce__(self) -> tuple[Any, ...]:
        return TokenStore.open, (self.path,)

    def __repr__(self) -> str:
        return f"TokenStore({str(self.path)!r}, {self.num_documents} documents, {self.num_tokens} tokens)"
