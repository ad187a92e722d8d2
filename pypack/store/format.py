"""What `store.json` says: the description of a store and of its shards, versions 1 and 2.

Version 2 names in `requires` the features that a reader must know; what else it does not know it may pass
over. So later things are features, not versions. Its last field is a checksum of all before it.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import orjson

from pypack._common.checksums import check_checksum
from pypack._common.schema import (
    COUNT,
    TEXT,
    Field,
    brief,
    check,
    check_required,
    is_plain_name,
    json_value,
    read_json,
)

FORMAT_NAME = "pypack.store"
FORMAT_VERSION = 2
# What a store may require of its reader, and this one knows.
FEATURES: frozenset[str] = frozenset({"loss_mask", "groups", "loss_weights", "word_borders"})
STORE_FILE = "store.json"
# Bytes of names that are not UTF-8, as Python holds them.
_SURROGATE = re.compile("[\ud800-\udfff]")
TOKENIZER_FILE = "tokenizer.json"
REJECTED_FILE = "rejected.jsonl"
# The rejects of the store that is about to be, or has just become, until the file above is replaced by it.
NEXT_REJECTED_FILE = "rejected.next.jsonl"

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
        "lengths_fingerprint": Field("text", null=True, optional=True),
        "beside": Field("dict", items=TEXT, optional=True),
        "block_checksums": Field("dict", items=TEXT, optional=True),
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
        "prepended_ids": Field("list", items=Field("int", 0, 2**31 - 1), optional=True),
        "options": Field("dict", optional=True),
        "requires": Field("list", items=TEXT, optional=True),
        "files": Field("dict", items=TEXT, optional=True),
        "counts": Field("dict", optional=True),
        "checksum": Field("text", optional=True),
    },
)
# Version 2 may hold more.
OPEN_SHARD = replace(SHARD, open=True)
_OPEN_STORE = replace(
    _STORE, open=True, fields={**(_STORE.fields or {}), "shards": Field("list", items=OPEN_SHARD)}
)


@dataclass(frozen=True)
class ShardInfo:
    """One shard: its base name, totals, sizes in bytes, checksums, and the inputs it came from.

    `beside` has the checksums of the files of `pypack.store.beside`, by suffix.

    `block_checksums` has, by suffix, checksums of smaller blocks than 8 MiB, for who fetches parts.

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
    lengths_fingerprint: str | None = None
    beside: dict[str, str] = field(default_factory=dict)
    block_checksums: dict[str, str] = field(default_factory=dict)

    def checksums(self) -> dict[str, str]:
        """The recorded checksums of its files, by suffix."""
        known = {".bin": self.bin_checksum, ".idx": self.idx_checksum, ".parquet": self.columns_checksum}
        return {suffix: sum for suffix, sum in {**known, **self.beside}.items() if sum is not None}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> ShardInfo:
        """The reverse of `asdict`, from JSON; what it does not know is passed over."""
        known = {name: values[name] for name in _SHARD_FIELDS if name in values}
        return cls(**{**known, "inputs": tuple(values.get("inputs", ()))})


_SHARD_FIELDS = tuple(one.name for one in dataclasses.fields(ShardInfo))


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
        prepended_ids: the ids that begin every document.
        options: what the job that wrote the store was asked to do.
        requires: features that a reader must know, of `FEATURES`.
        files: checksums of the other files that belong to the store, by name.
        counts: what the job that wrote the store counted.
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
    prepended_ids: tuple[int, ...] = ()
    options: dict[str, Any] = field(default_factory=dict)
    requires: tuple[str, ...] = ()
    files: dict[str, str] = field(default_factory=dict)
    counts: dict[str, Any] = field(default_factory=dict)

    def to_json(self) -> bytes:
        """The file's bytes."""
        return b"".join(self.json_parts())

    def json_parts(self) -> Iterator[bytes]:
        """The file's bytes, in parts: a shard a line, so that many take no memory."""
        digest = hashlib.sha256()
        for text in self._texts():
            part = _SURROGATE.sub(lambda found: f"\\u{ord(found[0]):04x}", text).encode()
            digest.update(part)
            yield part
        yield _CHECKSUM_MARK + digest.hexdigest().encode() + _CHECKSUM_END

    def _texts(self) -> Iterator[str]:
        head = {"format": FORMAT_NAME, "version": FORMAT_VERSION}
        rest = {one.name: getattr(self, one.name) for one in dataclasses.fields(self) if one.name != "shards"}
        text = json.dumps(head | rest, indent=1, ensure_ascii=False)
        yield text.removesuffix("\n}") + ',\n "shards": ['
        for i, shard in enumerate(self.shards):
            yield (",\n  " if i else "\n  ") + _shard_text(shard)
        yield "\n ]"

    @classmethod
    def read(cls, path: Path) -> StoreInfo:
        """Reads and checks a `store.json`.

        Raises:
            ValueError: the file is not one, is of a newer version, requires a feature that this pypack does
                not know, or its parts contradict each other.
        """
        return cls._from_values(read_json(path), str(path))

    @classmethod
    def from_json(cls, data: bytes, path: str) -> StoreInfo:
        """The same of the bytes of one; `path`: where it stands, for messages."""
        return cls._from_values(json_value(data, path), path)

    @classmethod
    def _from_values(cls, values: Any, path: str) -> StoreInfo:
        if not isinstance(values, dict) or values.pop("format", None) != FORMAT_NAME:
            raise ValueError(f'{path}: format: not a pypack store (it must say "format": "{FORMAT_NAME}")')
        version = values.pop("version", None)
        if version not in (1, FORMAT_VERSION) or isinstance(version, bool):
            raise ValueError(
                f"{path}: version: {brief(version)}; only 1 to {FORMAT_VERSION} can be read, "
                "use a newer pypack"
            )
        check_required(values.get("requires"), FEATURES, path)
        try:
            check(values, _STORE if version == 1 else _OPEN_STORE, "here")
        except ValueError as error:
            why = str(error).removeprefix("here: ")
            raise ValueError(f"{path}: a field is missing, unknown or of the wrong type: {why}") from error
        values["shards"] = tuple(ShardInfo.from_dict(shard) for shard in values["shards"])
        values["requires"] = tuple(values.get("requires", ()))
        values["prepended_ids"] = tuple(values.get("prepended_ids", ()))
        info = cls(**{one.name: values[one.name] for one in dataclasses.fields(cls) if one.name in values})
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

    def verify_files(self, path: Path) -> None:
        """Checks what `store.json`, which stands at `path`, says of itself and of other files than shards.

        Raises:
            ValueError: a file is missing or has changed since it was written; the message names it.
        """
        check_own_checksum(path)
        for name, recorded in self.files.items():
            if not is_plain_name(name):
                raise ValueError(f"{path}: files: {brief(name)} is no plain file name")
            file = path.with_name(name)
            if name == REJECTED_FILE and _has(path.with_name(NEXT_REJECTED_FILE), recorded):
                continue  # a job was killed behind its store.json: the file only lacks its name
            if not file.is_file():
                raise ValueError(f"{file}: missing, and {path.name} says that it belongs to the store")
            check_checksum(file, recorded)


def _has(file: Path, recorded: str) -> bool:
    """Whether a file is there with this checksum."""
    try:
        check_checksum(file, recorded)
    except (FileNotFoundError, ValueError):
        return False
    return True


def _shard_text(shard: ShardInfo) -> str:
    try:
        return orjson.dumps(vars(shard)).decode()
    except TypeError:  # names that are not UTF-8
        return json.dumps(vars(shard), ensure_ascii=False)


_CHECKSUM_MARK, _CHECKSUM_END = b',\n "checksum": "sha256:', b'"\n}\n'


def check_own_checksum(path: Path) -> None:
    """Raises ValueError if a `store.json` of version 2 has changed; of version 1 nothing tells."""
    check_own_bytes(path.read_bytes(), str(path))


def check_own_bytes(data: bytes, place: str) -> None:
    """The same for the bytes of a `store.json`; `place`: for the message."""
    content, mark, rest = data.rpartition(_CHECKSUM_MARK)
    if mark and rest == hashlib.sha256(content).hexdigest().encode() + _CHECKSUM_END:
        return
    try:
        values = json.loads(data)
    except ValueError as error:
        raise ValueError(f"{place}: is no JSON: {error}") from None
    if not isinstance(values, dict) or values.get("version") != 1:
        raise ValueError(f"{place}: checksum: not that of what stands before it: the file has changed")
