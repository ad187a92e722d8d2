"""What a unit has made: a file that is created once, and says that the unit is done."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from pypack._common.schema import brief, check_required, parse_json
from pypack.jobs.places import Place
from pypack.store.format import ShardInfo

UNITS_FOLDER = "units"
_HEAD = {"format": "pypack.unit", "version": 1, "requires": []}
FEATURES: frozenset[str] = frozenset()
_SHARD_NAME = re.compile(r"\d{6,}-\d{3,}")


def manifest_name(unit: int) -> str:
    """Where the manifest of a unit is."""
    return f"{UNITS_FOLDER}/{unit:06d}.json"


def rejects_name(unit: int) -> str:
    """Where the rejects of a unit are, if it has any."""
    return f"{UNITS_FOLDER}/{unit:06d}.rejected.jsonl"


def shard_prefix(unit: int) -> str:
    """What the names of all shards of a unit begin with."""
    return f"{unit:06d}-"


def shard_name(unit: int, number: int) -> str:
    """The name of a shard, without suffix; final at once."""
    return f"{shard_prefix(unit)}{number:03d}"


@dataclass(frozen=True)
class Manifest:
    """What a unit has made. Equal for every attempt at it.

    Attributes:
        unit: its number.
        documents, tokens: totals of its shards.
        rejected: how many were refused, by kind.
        rejected_files: how many of them stand for (the rest of) a file.
        rejects_bytes, rejects_checksum: of the file of them; 0 and None where there is none.
        lines: lines of a piece of a file, by which those of the pieces behind it are numbered; None of whole
            files and of rows.
        shards: its shards, in order.
        passed_over: documents left out as asked, by reason, see `pypack.jobs.choosing`.
        is_cut: it ended with the last document that it might have, see `pypack.jobs.limit`.
        look_alikes: how often its documents spell special tokens that are plain text.
    """

    unit: int
    documents: int
    tokens: int
    rejected: dict[str, int] = field(default_factory=dict)
    rejected_files: int = 0
    rejects_bytes: int = 0
    rejects_checksum: str | None = None
    lines: int | None = None
    shards: tuple[ShardInfo, ...] = ()
    passed_over: dict[str, int] = field(default_factory=dict)
    is_cut: bool = False
    look_alikes: int = 0

    def to_json(self) -> bytes:
        """The bytes of the file."""
        values = asdict(self)
        for name in ("passed_over", "is_cut", "look_alikes"):  # of few jobs
            if not values[name]:
                del values[name]
        return json.dumps(_HEAD | values, sort_keys=True).encode() + b"\n"

    @classmethod
    def from_json(cls, data: bytes, place: str) -> Manifest:
        """The reverse of `to_json`; `place`: the file, for messages.

        Raises:
            ValueError: it is no manifest, or one of a newer version.
        """
        try:  # by hand, as a job may have a million of them
            values = parse_json(data)
            if values["format"] != _HEAD["format"]:
                raise ValueError("not the manifest of a unit")
            if values["version"] != _HEAD["version"]:
                raise ValueError(f"version {brief(values['version'])}; use a newer pypack")
            if values["requires"]:
                check_required(values["requires"], FEATURES, place)
            shards = tuple(ShardInfo.from_dict(shard) for shard in values["shards"])
            return cls(
                _count(values["unit"]),
                _count(values["documents"]),
                _count(values["tokens"]),
                {str(kind): _count(count) for kind, count in values["rejected"].items()},
                _count(values["rejected_files"]),
                _count(values["rejects_bytes"]),
                values["rejects_checksum"],
                values["lines"],
                tuple(map(_checked, shards)),
                {str(reason): _count(count) for reason, count in values.get("passed_over", {}).items()},
                values.get("is_cut", False) is True,
                _count(values.get("look_alikes", 0)),
            )
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise ValueError(f"{place}: damaged: {error}") from None

    def files(self) -> Iterator[tuple[str, int]]:
        """(name, bytes) of the files of its shards of which the size is known."""
        for shard in self.shards:
            yield f"{shard.name}.bin", shard.bin_bytes
            yield f"{shard.name}.idx", shard.idx_bytes


def _count(value: Any) -> int:
    if type(value) is not int or value < 0:
        raise ValueError(f"{brief(value)} is no count")
    return value


def _checked(shard: ShardInfo) -> ShardInfo:
    """The shard, if its fields are what they must be."""
    if not _SHARD_NAME.fullmatch(shard.name):
        raise ValueError(f"{brief(shard.name)} is no name of a shard")
    for count in (shard.documents, shard.tokens, shard.bin_bytes, shard.idx_bytes):
        _count(count)
    return shard


def read_manifest(place: Place, unit: int) -> Manifest | None:
    """What a unit has made, None if it is not done.

    Raises:
        ValueError: its manifest is damaged.
    """
    name = manifest_name(unit)
    data = place.read(name)
    return None if data is None else Manifest.from_json(data, place.told(name))


def read_manifests(place: Place, units: Sequence[int]) -> Iterator[Manifest | None]:
    """The same of many units."""
    names = [manifest_name(unit) for unit in units]
    for name, data in zip(names, place.read_many(names), strict=True):
        yield None if data is None else Manifest.from_json(data, place.told(name))


def finished_units(place: Place) -> set[int]:
    """The numbers of the units that are done, by the names of their manifests."""
    stems = (name.removesuffix(".json") for name in place.names(UNITS_FOLDER) if name.endswith(".json"))
    return {int(stem) for stem in stems if stem.isascii() and stem.isdigit()}
