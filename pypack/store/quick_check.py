"""Whether a store can be whole, told from its `store.json` and the sizes of its files: no token is read, and
no shard opened."""

from __future__ import annotations

import gc
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pypack import _core
from pypack._common.schema import brief, parse_json
from pypack._common.threads import available_cores
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
    was_on = gc.isenabled()
    gc.disable()  # of what is read here nothing is garbage before the end: looking for some doubles the time
    try:
        return _check(path)
    finally:
        if was_on:
            gc.enable()


def _check(path: Path) -> QuickCheck:
    file = path / STORE_FILE
    data = file.read_bytes()
    try:
        values = parse_json(data)
        if values["format"] != FORMAT_NAME:
            raise ValueError("it is none of pypack's")
        shards = values["shards"]
        documents, tokens = (sum(shard[name] for shard in shards) for name in ("documents", "tokens"))
        if (documents, tokens) != (values["documents"], values["tokens"]):
            raise ValueError(f"documents, tokens: the shards hold {documents}, {tokens}")
        expected = _expected(shards)
        known = values.get("files", {})
        fingerprint = str(values["lengths_fingerprint"])
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError) as error:
        raise ValueError(
            f"{file}: damaged: {error}; pypack verify --repair {path} tries to mend it"
        ) from None
    if values.get("version") != 1:  # of which nothing tells
        check_own_bytes(data, str(file))
    count = sum(len(of.stems) for of in expected)
    wrong = [one for of in (*expected, _Expected("", list(known))) for one in _wrong(path, of)]
    if wrong:
        told = ", ".join(_in_words(*one) for one in wrong[:_MOST_TOLD])
        more = f" and {len(wrong) - _MOST_TOLD:,} more" if len(wrong) > _MOST_TOLD else ""
        raise ValueError(
            f"{path / wrong[0][0]}: {told}{more}; pypack verify --repair {path} makes them again"
        )
    return QuickCheck(documents, tokens, len(shards), fingerprint, count)


@dataclass(frozen=True)
class _Expected:
    """Files of one suffix: what stands before it, and their sizes; None where none is recorded."""

    suffix: str
    stems: list[str]
    sizes: NDArray[np.int64] | None = None


def _expected(shards: list[Mapping[str, Any]]) -> list[_Expected]:
    """The files of all shards."""
    stems = [shard["name"] for shard in shards]
    joined = "/".join(stems)  # one look instead of many: a name has no slash
    if "\0" in joined or joined.count("/") >= max(1, len(stems)) or f"/{joined}".find("/.") >= 0:
        bad = next(name for name in stems if "/" in name or "\0" in name or name.startswith("."))
        raise ValueError(f"{brief(bad)} is no name of a shard")
    expected = [
        _Expected(suffix, stems, _column(shard[field] for shard in shards))
        for suffix, field in ((".bin", "bin_bytes"), (".idx", "idx_bytes"))
    ]
    columns = [shard["name"] for shard in shards if shard.get("columns_checksum") is not None]
    expected.append(_Expected(".parquet", columns))
    for suffix in dict.fromkeys(suffix for shard in shards for suffix in shard.get("beside", ())):
        having = [shard for shard in shards if suffix in shard.get("beside", ())]
        size = _SIZES.get(suffix)
        sizes = size and _column(size(shard["documents"], shard["tokens"]) for shard in having)
        expected.append(_Expected(suffix, [shard["name"] for shard in having], sizes))
    return expected


def _column(values: Iterable[int]) -> NDArray[np.int64]:
    return np.fromiter(values, np.int64)


def _wrong(path: Path, expected: _Expected) -> list[tuple[str, int, int]]:
    """Name, size and expected size of the files that are missing (size -1), or have another size."""
    stems, suffix, wanted = expected.stems, expected.suffix, expected.sizes
    if not stems:
        return []
    joined = os.fsencode(f"{suffix}\0".join(stems) + suffix)
    if joined.count(0) >= len(stems):
        raise ValueError(f"{path / STORE_FILE}: damaged: a name in it holds a zero byte")
    found = _core.file_sizes(os.fsencode(path), joined, len(stems), available_cores())
    wrong = found < 0 if wanted is None else found != wanted
    sizes = found if wanted is None else wanted
    return [(stems[i] + suffix, int(found[i]), int(sizes[i])) for i in np.flatnonzero(wrong).tolist()]


def _in_words(name: str, size: int, wanted: int) -> str:
    return f"{name} is missing" if size < 0 else f"{name} has {size:,} bytes instead of {wanted:,}"
