"""Whether a store can be whole, told from its `store.json` and the sizes of its files: no token is read, and
no shard opened."""

from __future__ import annotations

import gc
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pypack._common.schema import brief, parse_json
from pypack.store.beside import GROUP, MASK, WEIGHT, WORDS
from pypack.store.format import FORMAT_NAME, STORE_FILE, check_own_bytes

_MOST_TOLD = 3
# Bytes of a file beside the tokens, of so many documents and tokens.
_SIZES = {
    MASK: lambda documents, tokens: (tokens + 7) // 8,
    GROUP: lambda documents, tokens: 4 * documents,
    WEIGHT: lambda documents, tokens: 4 * documents,
    WORDS: lambda documents, tokens: (tokens + 7) // 8,
}


@dataclass(frozen=True)
class QuickCheck:
    """What `store.json` says of a store whose files have the right names and sizes.

    Attributes:
        documents, tokens, shards: totals.
        lengths_fingerprint: which plans of it record.
        files: how many files of shards were looked at.
    """

    documents: int
    tokens: int
    shards: int
    lengths_fingerprint: str
    files: int


def quick_check(path: Path) -> QuickCheck:
    """Compares `store.json` with its own checksum, its totals with the shards, and the sizes of all files.

    Raises:
        ValueError: names the first files that are missing or have another size, or what is wrong with
            `store.json`.
        FileNotFoundError: there is no `store.json`.
    """
    file = path / STORE_FILE
    data = file.read_bytes()
    try:
        values = _parsed(data)
        if values["format"] != FORMAT_NAME:
            raise ValueError("it is none of pypack's")
        shards = values["shards"]
        documents, tokens = (sum(shard[name] for shard in shards) for name in ("documents", "tokens"))
        if (documents, tokens) != (values["documents"], values["tokens"]):
            raise ValueError(f"documents, tokens: the shards hold {documents}, {tokens}")
        expected = _expected(shards)
        known = values.get("files", {})
        fingerprint = str(values["lengths_fingerprint"])
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ValueError(
            f"{file}: damaged: {error}; pypack verify --repair {path} tries to mend it"
        ) from None
    if values.get("version") != 1:  # of which nothing tells
        check_own_bytes(data, str(file))
    sizes = _sizes(path)
    wrong = [name for name, size in expected.items() if not _is(sizes, name, size)]
    wrong += [name for name in known if name not in sizes]
    if wrong:
        told = ", ".join(_in_words(name, sizes, expected.get(name)) for name in wrong[:_MOST_TOLD])
        more = f" and {len(wrong) - _MOST_TOLD:,} more" if len(wrong) > _MOST_TOLD else ""
        raise ValueError(f"{path / wrong[0]}: {told}{more}; pypack verify --repair {path} makes them again")
    return QuickCheck(documents, tokens, len(shards), fingerprint, len(expected))


def _parsed(data: bytes) -> Any:
    """The value of JSON, of which nothing is garbage yet: looking for some doubles the time."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        return parse_json(data)
    finally:
        if was_on:
            gc.enable()


def _expected(shards: list[Mapping[str, Any]]) -> dict[str, int | None]:
    """Name → size of the files of all shards; None where the size is not recorded."""
    expected: dict[str, int | None] = {}
    for shard in shards:
        name = shard["name"]
        if "/" in name or name.startswith("."):
            raise ValueError(f"{brief(name)} is no name of a shard")
        expected[f"{name}.bin"] = shard["bin_bytes"]
        expected[f"{name}.idx"] = shard["idx_bytes"]
        if shard.get("columns_checksum") is not None:
            expected[f"{name}.parquet"] = None
        for suffix in shard.get("beside", ()):
            size = _SIZES.get(suffix)
            expected[name + suffix] = size and size(shard["documents"], shard["tokens"])
    return expected


def _sizes(path: Path) -> dict[str, int]:
    """Name → size of the files of a folder."""
    with os.scandir(path) as entries:
        return {entry.name: entry.stat().st_size for entry in entries if not entry.is_dir()}


def _is(sizes: Mapping[str, int], name: str, size: int | None) -> bool:
    found = sizes.get(name)
    return found is not None if size is None else found == size


def _in_words(name: str, sizes: Mapping[str, int], size: int | None) -> str:
    if name not in sizes:
        return f"{name} is missing"
    return f"{name} has {sizes[name]:,} bytes instead of {size:,}"
