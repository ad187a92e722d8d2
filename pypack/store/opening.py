"""Maps the files of a store, after a look at whether they are what they should be."""

from __future__ import annotations

import itertools
import os
from pathlib import Path
from typing import TypeAlias

from pypack import _core
from pypack._common.files import require_regular
from pypack._common.paths import local_path
from pypack.store.format import STORE_FILE, StoreInfo
from pypack.store.many_shards import MOST_MAPPED_SHARDS, open_view
from pypack.store.mapped_shards import as_native, files_at, mask_of

Mapped: TypeAlias = "tuple[Path, _core.StoreView, StoreInfo | None]"  # what a TokenStore is made of


def mapped(place: str | os.PathLike[str]) -> Mapped:
    """Maps the files of a store or of a Megatron-Core dataset; see `TokenStore.open`."""
    path = local_path(place)
    if path.is_dir():
        if not (path / STORE_FILE).is_file():
            if (path / "plan.json").is_file():
                raise FileNotFoundError(
                    f"{path}: is a plan, and here a store is wanted: name the store it is of"
                )
            raise FileNotFoundError(
                f"{path}: has no {STORE_FILE}: not a store, or one whose job did not finish "
                "(run the same command again to go on)"
            )
        return _mapped_directory(path)
    prefix = path.with_suffix("") if path.suffix in (".bin", ".idx") else path
    if not path.exists() and not any(file.exists() for file in files_at(prefix)):
        raise FileNotFoundError(
            f"{path}: there is no such file or folder: neither a store directory nor a Megatron-Core dataset"
        )
    for file in files_at(prefix):
        if not file.is_file():
            raise FileNotFoundError(
                f"{path}: neither a store directory nor a Megatron-Core dataset ({file} is missing)"
                + ("; pypack tokenize makes a store of text" if path.is_file() else "")
            )
    view = _core.StoreView([as_native(files_at(prefix))], one_sequence_per_document=False)
    return prefix, view, None


def _mapped_directory(path: Path) -> Mapped:
    info = StoreInfo.read(path / STORE_FILE)
    if not info.shards:
        raise ValueError(f"{path / STORE_FILE}: shards: the store is empty")
    files = [files_at(path / shard.name) for shard in info.shards]
    masks = [mask_of(path, shard) for shard in info.shards]
    if len(files) <= MOST_MAPPED_SHARDS:  # the kernel looks at each of more when it maps it
        for file in itertools.chain.from_iterable(files):
            if file.exists():  # the kernel says what is missing
                require_regular(file)
    view = open_view(list(map(as_native, files)), masks, info.shards, info.dtype)
    if view.num_mapped < len(info.shards):  # too many to map all: each is checked when it is mapped
        return path, view, info
    for shard, documents, tokens in zip(info.shards, view.shard_documents, view.shard_tokens, strict=True):
        if (documents, tokens) != (shard.documents, shard.tokens):
            raise ValueError(
                f"{path / shard.name}.idx: {documents} documents and {tokens} tokens, {STORE_FILE} says "
                f"{shard.documents} and {shard.tokens}; the shard is truncated or of another store"
            )
    if view.dtype != info.dtype:
        raise ValueError(f"{path / STORE_FILE}: dtype: {info.dtype}, the shards have {view.dtype}")
    return path, view, info
