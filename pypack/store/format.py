"""What `store.json` says: the description of a store and of its shards, version 1."""

from __future__ import annotations

import json
import re
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from pypack._common.schema import COUNT, TEXT, Field, brief, check, read_json

FORMAT_NAME = "pypack.store"
FORMAT_VERSION = 1
STORE_FILE = "store.json"
# Bytes of names that are not UTF-8, as Python holds them.
_SURROGATE = re.compile("[\ud800-\udfff]")
TOKENIZER_FILE = "tokenizer.json"
REJECTED_FILE = "rejected.jsonl"

# Megatron-Core's own choice (DType.optimal_dtype): uint16 below this vocabulary size, else int32.
_SMALL_VOCABULARY = 65500


def dtype_for_vocabulary(vocab_size: int) -> str:
    """Name of the on-disk dtype of a vocabulary: "uint16" or "int32"."""
    return "uint16" if vocab_size < _SMALL_VOCABULARY else "int32"


_ID = Field("int", 0, 2**31 - 1, null=True)
_CHECKSUM = Field("text", null=True)
# A shard of `store.json`, and of a journal; its name is that of files in the store's own folder.
SHARD = Field(
    "dict",
    fields={
        "name": Field("name"),
        "documents": COUNT,
        "tokens": COUNT,
        "bin_bytes": COUNT,
        "idx_bytes": COUNT,
        "bin_checksum": _CHECKSUM,
        "idx_checksum": _CHECKSUM,
        "columns_checksum": Field("text", null=True, optional=True),
        "inputs": Field("list", items=TEXT, optional=True),
    },
)
_STORE = Field(
    "dict",
    fields={
        "dtype": TEXT,
        "vocab_size": Field("int", 1, 2**32),
        "documents": COUNT,
        "tokens": COUNT,
        "lengths_fingerprint": TEXT,
        "shards": Field("list", items=SHARD),
        "tokenizer_fingerprint": Field("text", null=True, optional=True),
        "special_ids": Field("dict", items=_ID, optional=True),
        "appended_id": Field("int", 0, 2**31 - 1, null=True, optional=True),
        "options": Field("dict", optional=True),
    },
)


@dataclass(frozen=True)
class ShardInfo:
    """One shard: its base name, totals, sizes in bytes, checksums, and the inputs it came from.

    A checksum of None says that none was recorded: nothing tells then whether the file has changed.
    """

    name: str
    documents: int
    tokens: int
    bin_bytes: int
    idx_bytes: int
    bin_checksum: str | None
    idx_checksum: str | None
    columns_checksum: str | None = None
    inputs: tuple[str, ...] = ()

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> ShardInfo:
        """The reverse of `asdict`, from JSON."""
        return cls(**{**values, "inputs": tuple(values.get("inputs", ()))})


@dataclass(frozen=True)
class StoreInfo:
    """The content of `store.json`.

    Attributes:
        dtype: on-disk type of the tokens.
        vocab_size: every id is below it.
        documents, tokens: totals of the shards; tokens count the end-of-document ids.
        lengths_fingerprint: of the documents' lengths, which ties a plan to its store.
        tokenizer_fingerprint: of the tokenizer that made the ids, None if unknown.
        special_ids: eos, bos, pad → id or None.
        appended_id: the id that ends every document, None if none was appended.
        options: what the job that wrote the store was asked to do.
    """

    dtype: str
    vocab_size: int
    documents: int
    tokens: int
    lengths_fingerprint: str
    shards: tuple[ShardInfo, ...]
    tokenizer_fingerprint: str | None = None
    special_ids: dict[str, int | None] = field(default_factory=dict)
    appended_id: int | None = None
    options: dict[str, Any] = field(default_factory=dict)

    def to_json(self) -> bytes:
        """The file's bytes."""
        head = {"format": FORMAT_NAME, "version": FORMAT_VERSION}
        text = json.dumps(head | asdict(self), indent=1, ensure_ascii=False)
        return _SURROGATE.sub(lambda found: f"\\u{ord(found[0]):04x}", text).encode() + b"\n"

    @classmethod
    def read(cls, path: Path) -> StoreInfo:
        """Reads and checks a `store.json`.

        Raises:
            ValueError: the file is not one, is of a newer version, or its parts contradict each other.
        """
        values = read_json(path)
        if not isinstance(values, dict) or values.pop("format", None) != FORMAT_NAME:
            raise ValueError(f'{path}: format: not a pypack store (it must say "format": "{FORMAT_NAME}")')
        version = values.pop("version", None)
        if version != FORMAT_VERSION:
            raise ValueError(
                f"{path}: version: {brief(version)}; only {FORMAT_VERSION} can be read, use a newer pypack"
            )
        try:
            check(values, _STORE, "here")
        except ValueError as error:
            why = str(error).removeprefix("here: ")
            raise ValueError(f"{path}: a field is missing, unknown or of the wrong type: {why}") from error
        values["shards"] = tuple(ShardInfo.from_dict(shard) for shard in values["shards"])
        info = cls(**values)
        totals = (sum(s.documents for s in info.shards), sum(s.tokens for s in info.shards))
        names = {shard.name for shard in info.shards}
        if len(names) < len(info.shards):
            raise ValueError(f"{path}: shards: two have one name")
        if totals != (info.documents, info.tokens):
            raise ValueError(
                f"{path}: documents, tokens: {info.documents}, {info.tokens}; "
                f"the shards hold {totals[0]}, {totals[1]}"
            )
        return info
