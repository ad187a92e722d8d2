"""What a job is: `job.json`, written once and read by every process of the job."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import orjson

from pypack._common.schema import brief, check_required
from pypack.corpus import InputFile
from pypack.jobs.place import FolderPlace
from pypack.jobs.units import Unit

JOB_FILE = "job.json"
_FORMAT, _VERSION = "pypack.job", 1
FEATURES: frozenset[str] = frozenset()


@dataclass(frozen=True)
class JobDescription:
    """The content of `job.json`.

    Attributes:
        job: what makes this job this job, in values of JSON: who goes on with it must be the same in all of
            it. Options, tokenizer, versions, inputs as they were named.
        inputs: the files.
        units: what they are cut into.
        notes: what is to be told of the inputs at the end, such as what was left out.
    """

    job: dict[str, Any]
    inputs: tuple[InputFile, ...]
    units: tuple[Unit, ...]
    notes: dict[str, Any] = field(default_factory=dict)

    @cached_property
    def total_bytes(self) -> int:
        """Bytes on disk of all inputs; 0 where a stream makes it unknown."""
        return 0 if any(f.is_stream for f in self.inputs) else sum(f.size for f in self.inputs)

    def to_json(self) -> bytes:
        """The bytes of the file: a line for each file and each unit."""
        head = {"format": _FORMAT, "version": _VERSION, "requires": [], "job": self.job, "notes": self.notes}
        parts = [json.dumps(head, indent=1).removesuffix("\n}")]
        parts.append(',\n "files": [\n  ')
        parts.append(",\n  ".join(json.dumps(_file_values(file)) for file in self.inputs))
        parts.append('\n ],\n "units": [\n  ')
        parts.append(",\n  ".join(json.dumps(unit.to_json()) for unit in self.units))
        parts.append("\n ]\n}\n")
        return "".join(parts).encode()

    @classmethod
    def from_json(cls, data: bytes, place: str) -> JobDescription:
        """The reverse of `to_json`; `place`: the file, for messages.

        Raises:
            ValueError: it is no description of a job, or one of a newer version.
        """
        try:  # by hand, as a job may have a million files
            values = orjson.loads(data)
            if values["format"] != _FORMAT:
                raise ValueError("not the description of a job of pypack")
            if values["version"] != _VERSION:
                raise ValueError(f"version {brief(values['version'])}; use a newer pypack")
            check_required(values.get("requires"), FEATURES, place)
            files = tuple(InputFile(*_checked(file)) for file in values["files"])
            units = tuple(Unit.from_json(i, unit) for i, unit in enumerate(values["units"]))
            for unit in units:
                if not 0 <= unit.first < unit.stop <= len(files):
                    raise ValueError(f"unit {unit.number} is no run of its files")
            return cls(dict(values["job"]), files, units, dict(values.get("notes", {})))
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise ValueError(f"{place}: damaged: {error}; start over with --overwrite") from None


def _checked(values: list[Any]) -> list[Any]:
    """The fields of a file, if they are of its types."""
    path, kind, compression, size, modified_ns, is_stream = values
    kinds = (type(path), type(kind), type(size), type(modified_ns), type(is_stream))
    if kinds != (str, str, int, int, bool) or type(compression) not in (str, type(None)) or size < 0:
        raise ValueError(f"{brief(values)} is no file")
    return values


def _file_values(file: InputFile) -> list[Any]:
    return [file.path, file.format, file.compression, file.size, file.modified_ns, file.is_stream]


def read_description(place: FolderPlace) -> JobDescription | None:
    """The job of a place, None if none was begun there."""
    data = place.read(JOB_FILE)
    return None if data is None else JobDescription.from_json(data, str(place.path(JOB_FILE)))


def differences(before: JobDescription, now: JobDescription) -> list[str]:
    """In words what makes two jobs two."""

    def brief_value(value: Any) -> str:
        text = repr(value)
        return text if len(text) <= 60 else f"{text[:57]}..."

    found = [
        f"{name} (before {brief_value(before.job.get(name))}, now {brief_value(now.job.get(name))})"
        for name in sorted({*before.job, *now.job})
        if before.job.get(name) != now.job.get(name)
    ]
    return found + _different_files(before.inputs, now.inputs)


def _different_files(before: Sequence[InputFile], now: Sequence[InputFile]) -> list[str]:
    then, here = ({file.path: _file_values(file) for file in files} for files in (before, now))
    told = [f"{path}: is not there any more" for path in then if path not in here]
    told += [f"{path}: was not there before" for path in here if path not in then]
    told += [
        f"{path}: has changed (before {then[path][3]:,} bytes, now {here[path][3]:,})"
        for path in then
        if path in here and then[path] != here[path]
    ]
    if not told and list(then) != list(here):
        told = ["the order of the files"]
    more = f" and {len(told) - 3:,} more" if len(told) > 3 else ""
    return [f"files ({'; '.join(told[:3])}{more})"] if told else []
