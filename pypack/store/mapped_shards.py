"""The files of a store as they are mapped: shards, and the lengths of their documents."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pypack import _core
from pypack._common.paths import native_name
from pypack.store.beside import MASK
from pypack.store.format import ShardInfo, StoreInfo


def files_at(prefix: Path) -> tuple[Path, Path]:
    """The `.bin` and the `.idx` of a shard."""
    return prefix.with_name(f"{prefix.name}.bin"), prefix.with_name(f"{prefix.name}.idx")


def as_native(files: tuple[Path, Path]) -> tuple[str, str]:
    """Paths as the kernels take them."""
    return native_name(files[0]), native_name(files[1])


def mask_of(store: Path, shard: ShardInfo) -> str:
    """Path of a shard's loss mask as the kernels take it, "" if it has none."""
    return native_name(store / f"{shard.name}{MASK}") if MASK in shard.beside else ""


class MappedShards:
    """The lowest room of `TokenStore`.

    Attributes:
        path: of the store.
        info: what its `store.json` says; None where there is none.
    """

    def __init__(self, path: Path, view: _core.StoreView, info: StoreInfo | None) -> None:
        self.path = path
        self.info = info
        self._view = view

    @property
    def parts(self) -> tuple[MappedShards, ...]:
        """The stores that this one is made of: itself, or those of a list that was opened as one."""
        return (self,)

    @property
    def shard_files(self) -> list[tuple[str, str]]:
        """Paths of the `.bin` and the `.idx` of each shard, as the kernels take them."""
        if self.info is None:
            return [as_native(files_at(self.path))]
        return [as_native(files_at(self.path / shard.name)) for shard in self.info.shards]

    @property
    def mask_files(self) -> list[str]:
        """Paths of the loss mask of each shard, "" where it has none, as the kernels take them."""
        return [""] if self.info is None else [mask_of(self.path, shard) for shard in self.info.shards]

    def kernel_parts(self, bits: str = MASK) -> list[tuple[Any, ...]]:
        """What `_core.mixed_store` takes of each shard, with the loss mask or other bits a token."""
        if self.info is None:
            return [(*files, "", False) for files in self.shard_files]
        beside = [
            native_name(self.path / f"{shard.name}{bits}") if bits in shard.beside else ""
            for shard in self.info.shards
        ]
        return [(*files, of, True) for files, of in zip(self.shard_files, beside, strict=True)]

    def local_file(self, name: str) -> Path:
        """Where a file of the store is on this machine; of a remote one it is fetched whole, at first use."""
        return self.path / name

    @property
    def place(self) -> str:
        """Where the store is, for messages."""
        return str(self.path)

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

    @property
    def kernel_view(self) -> _core.StoreView:
        """The mapped shards as the kernels take them."""
        return self._view

    @property
    def _first_documents(self) -> list[int]:
        """Where the documents of each of the stores begin that this one is made of."""
        return [0]
