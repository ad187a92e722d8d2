"""Reads a whole store and compares it with what its `store.json` recorded."""

from __future__ import annotations

from pathlib import Path

from pypack._common.checksums import check_checksum
from pypack._common.fingerprint import is_of_lengths
from pypack.store.contents import extra_files, missing_files
from pypack.store.deep_check import check_documents, largest_id
from pypack.store.format import STORE_FILE, StoreInfo
from pypack.store.own_tokenizer import OwnTokenizer
from pypack.store.quick_check import quick_check

LEVELS = ("quick", "full", "deep")


def check_store(store: OwnTokenizer, level: str = "full") -> list[str]:
    """See `TokenStore.verify`."""
    if level not in LEVELS:
        raise ValueError(f"level must be one of {', '.join(LEVELS)}, got {level!r}")
    if level == "quick":
        if store.info is None:
            return [f"{store.path.name}.bin", f"{store.path.name}.idx"]  # opening has looked at their sizes
        quick_check(store.path)
        return []
    unchecked = _check_all(store)
    if level == "deep":
        largest_id(store)
        check_documents(store)
    return unchecked


def _check_all(store: OwnTokenizer) -> list[str]:
    store.kernel_view.check_layout()
    if store.info is None:
        return [f"{store.path.name}.bin", f"{store.path.name}.idx"]
    store.info.verify_files(store.path / STORE_FILE)
    _check_contents(store.path, store.info)
    unchecked = _check_shards(store.path, store.info)
    if not is_of_lengths(store.info.lengths_fingerprint, store.lengths):
        raise ValueError(f"{store.path / STORE_FILE}: lengths_fingerprint: not that of the shards' lengths")
    return unchecked


def _check_contents(path: Path, info: StoreInfo) -> None:
    """Raises ValueError where shards are missing, or there are some that belong to nobody."""
    for names, what in (
        (missing_files(path, info), f"missing, and {STORE_FILE} names it"),
        (extra_files(path, info)[0], f"a shard that {STORE_FILE} does not name: remove it"),
    ):
        if names:
            more = f" (and {len(names) - 1:,} more such files)" if len(names) > 1 else ""
            raise ValueError(f"{path / names[0]}: {what}{more}")


def _check_shards(path: Path, info: StoreInfo) -> list[str]:
    """Compares checksums; returns the files that have none."""
    unchecked = []
    for shard in info.shards:
        expected = {
            ".bin": shard.bin_checksum,
            ".idx": shard.idx_checksum,
            ".parquet": shard.columns_checksum,
            **shard.beside,
        }
        for suffix, recorded in expected.items():
            file = path / f"{shard.name}{suffix}"
            if recorded is None:
                unchecked += [file.name] if file.exists() else []
            else:
                check_checksum(file, recorded)
    return unchecked
