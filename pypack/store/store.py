"""TokenStore: documents of token ids, memory-mapped."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from pypack import _core
from pypack._common.files import checksum, require_regular
from pypack._common.fingerprint import lengths_fingerprint
from pypack._common.paths import local_path
from pypack.store.format import STORE_FILE, TOKENIZER_FILE, StoreInfo

if TYPE_CHECKING:
    import pyarrow as pa

    from pypack.tokenizer.tokenizer import Tokenizer


class TokenStore(Sequence["NDArray[np.integer[Any]]"]):
    """Read access to a store directory, or to one bare Megatron-Core `.bin`/`.idx` pair.

    `store[i]` is a read-only view of the mapping: nothing is copied or read before it is used. A store
    pickles as its path, so that worker processes map the files themselves.
    """

    def __init__(self, path: Path, view: _core.StoreView, info: StoreInfo | None) -> None:
        self.path = path
        self.info = info
        self._view = view

    @classmethod
    def open(cls, path: str | os.PathLike[str]) -> TokenStore:
        """Maps a store; checks the headers against the files' real sizes, and reads nothing else.

        Args:
            path: a directory with a `store.json`; or a Megatron-Core dataset, given as its common prefix
                or as either of its two files.

        Raises:
            FileNotFoundError: there is neither.
            ValueError: a file is truncated, foreign, or of a newer version; the message names the file and
                the field.
        """
        path = local_path(path)
        if path.is_dir():
            if not (path / STORE_FILE).is_file():
                raise FileNotFoundError(
                    f"{path}: has no {STORE_FILE}: not a store, or one whose job did not finish "
                    "(run the same command again to go on)"
                )
            return cls._open_directory(path)
        prefix = path.with_suffix("") if path.suffix in (".bin", ".idx") else path
        files = [prefix.with_name(prefix.name + suffix) for suffix in (".bin", ".idx")]
        for file in files:
            if not file.is_file():
                raise FileNotFoundError(
                    f"{path}: neither a store directory nor a Megatron-Core dataset ({file} is missing)"
                )
        view = _core.StoreView([(str(files[0]), str(files[1]))], one_sequence_per_document=False)
        return cls(prefix, view, None)

    @classmethod
    def _open_directory(cls, path: Path) -> TokenStore:
        info = StoreInfo.read(path / STORE_FILE)
        if not info.shards:
            raise ValueError(f"{path / STORE_FILE}: shards: the store is empty")
        names = [(str(path / f"{shard.name}.bin"), str(path / f"{shard.name}.idx")) for shard in info.shards]
        for pair in names:
            for name in pair:
                if Path(name).exists():  # the kernel says what is missing
                    require_regular(Path(name))
        view = _core.StoreView(names, one_sequence_per_document=True)
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
        """What a plan records of the lengths it was made from."""
        return lengths_fingerprint(self.lengths) if self.info is None else self.info.lengths_fingerprint

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

    def _special_id(self, role: str) -> int | None:
        return None if self.info is None else self.info.special_ids.get(role)

    def tokenizer(self) -> Tokenizer:
        """The tokenizer that made the store.

        Raises:
            FileNotFoundError: the store does not hold its tokenizer.
        """
        from pypack.tokenizer.tokenizer import Tokenizer

        file = self.path / TOKENIZER_FILE
        if not file.is_file():
            raise FileNotFoundError(
                f"{self.path}: holds no {TOKENIZER_FILE}; load the tokenizer from elsewhere"
            )
        return Tokenizer.from_file(file)

    def columns(self, names: Sequence[str] | None = None) -> pa.Table:
        """The per-document columns kept from the input, one row a document, in document order.

        A column has the narrowest type that holds the values of all shards (see `pypack.store.column_types`).

        Raises:
            FileNotFoundError: the store keeps no columns.
        """
        import pyarrow.parquet as pq

        from pypack.store.column_types import joined_tables

        if self.info is None or any(shard.columns_checksum is None for shard in self.info.shards):
            raise FileNotFoundError(f"{self.path}: keeps no columns (tokenize with --keep)")
        tables = [
            pq.read_table(self.path / f"{shard.name}.parquet", columns=None if names is None else list(names))
            for shard in self.info.shards
        ]
        return joined_tables(tables)

    def verify(self) -> list[str]:
        """Reads everything: index layout, checksums, and the lengths' fingerprint.

        Returns:
            The files of which nothing tells whether they have changed, as no checksum is recorded: all of a
            bare Megatron-Core dataset, none of a store that pypack wrote.

        Raises:
            ValueError: names the first file that is not what was written.
        """
        self._view.check_layout()
        if self.info is None:
            return [f"{self.path.name}.bin", f"{self.path.name}.idx"]
        unchecked = []
        for shard in self.info.shards:
            expected = {
                ".bin": shard.bin_checksum,
                ".idx": shard.idx_checksum,
                ".parquet": shard.columns_checksum,
            }
            for suffix, recorded in expected.items():
                file = self.path / f"{shard.name}{suffix}"
                if recorded is None:
                    unchecked += [file.name] if file.exists() else []
                elif checksum(file) != recorded:
                    raise ValueError(
                        f"{file}: its checksum is not the recorded {recorded}: the file has changed"
                    )
        if lengths_fingerprint(self.lengths) != self.info.lengths_fingerprint:
            raise ValueError(
                f"{self.path / STORE_FILE}: lengths_fingerprint: not that of the shards' lengths"
            )
        return unchecked

    def __len__(self) -> int:
        return self.num_documents

    def __getitem__(self, index: int) -> NDArray[np.integer[Any]]:  # type: ignore[override]  # no slices
        if not -len(self) <= index < len(self):
            raise IndexError(f"document {index} of a store with {len(self)} documents")
        return self._view.document(index % len(self))

    def __iter__(self) -> Iterator[NDArray[np.integer[Any]]]:
        for i in range(len(self)):
            yield self._view.document(i)

    def __reduce__(self) -> tuple[Any, ...]:
        return TokenStore.open, (self.path,)

    def __repr__(self) -> str:
        return f"TokenStore({str(self.path)!r}, {self.num_documents} documents, {self.num_tokens} tokens)"
