"""What a job is: `job.json`, written once and read by every process of the job."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from pypack._common.schema import COUNT, TEXT, Field, brief, check, check_required
from pypack.corpus import InputFile
from pypack.jobs.place import FolderPlace
from pypack.jobs.units import Unit

JOB_FILE = "job.json"
_FORMAT, _VERSION = "pypack.job", 1
FEATURES = frozenset({"retries"})
_PLACE = Field("int", 0, 2**63 - 1, null=True)
_RETRY = Field("dict", fields={"rest": _PLACE, "offset": _PLACE})
_JOB = Field(
    "dict",
    open=True,
    fields={
        "job": Field("dict"),
        "files": Field("list", items=Field("list")),
        "units": Field("list", items=Field("list", items=COUNT)),
        "notes": Field("dict", optional=True),
        "folder": Field("text", optional=True),
        "retries": Field("dict", items=_RETRY, optional=True),
    },
)
_FILE_FIELDS = (TEXT, TEXT, Field("text", null=True), COUNT, Field("int", -(2**62), 2**62), Field("flag"))


@dataclass(frozen=True)
class JobDescription:
    """The content of `job.json`.

    Attributes:
        job: what makes this job this job, in values of JSON: who goes on with it must be the same in all of
            it. Options, tokenizer, versions, inputs as they were named.
        inputs: the files.
        units: what they are cut into.
        notes: what is to be told of the inputs at the end, such as what was left out.
        folder: the folder that relative paths of the inputs were said in.
        retries: number of a unit (as text) that tries refused records again → what it reads, see
            `pypack.jobs.retry`.
    """

    job: dict[str, Any]
    inputs: tuple[InputFile, ...]
    units: tuple[Unit, ...]
    notes: dict[str, Any] = field(default_factory=dict)
    folder: str = field(default_factory=os.getcwd)
    retries: dict[str, dict[str, int | None]] = field(default_factory=dict)

    @cached_property
    def total_bytes(self) -> int:
        """Bytes on disk of all inputs; 0 where a stream makes it unknown."""
        return 0 if any(f.is_stream for f in self.inputs) else sum(f.size for f in self.inputs)

    def to_json(self) -> bytes:
        """The bytes of the file: a line for each file and each unit."""
        head = {
            "format": _FORMAT,
            "version": _VERSION,
            "requires": ["retries"] if self.retries else [],
            "folder": self.folder,
            "job": self.job,
            "notes": self.notes,
            "retries": self.retries,
        }
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
        advice = "; start over with --overwrite"
        try:
            values = json.loads(data)
        except (ValueError, RecursionError) as error:
            raise ValueError(f"{place}: not valid JSON ({error}){advice}") from None
        if not isinstance(values, Mapping) or values.get("format") != _FORMAT:
            raise ValueError(f"{place}: not the description of a job of pypack{advice}")
        if values.get("version") != _VERSION:
            raise ValueError(f"{place}: version {brief(values.get('version'))}; use a newer pypack")
        check_required(values.get("requires"), FEATURES, place)
        check(values, _JOB, place)
        for i, file in enumerate(values["files"]):
            if len(file) != len(_FILE_FIELDS):
                raise ValueError(f"{place}: field 'files[{i}]' must have {len(_FILE_FIELDS)} values")
            for value, kind in zip(file, _FILE_FIELDS, strict=True):
                check(value, kind, place, f"files[{i}]")
        for i, unit in enumerate(values["units"]):
            if len(unit) not in (3, 5) or not unit[0] < unit[1] <= len(values["files"]):
                raise ValueError(f"{place}: field 'units[{i}]' is no run of its files")
        folder = values.get("folder", "")
        elsewhere = _elsewhere(folder, values["files"])
        return cls(
            dict(values["job"]),
            tuple(_file(file, elsewhere) for file in values["files"]),
            tuple(Unit.from_json(i, unit) for i, unit in enumerate(values["units"])),
            dict(values.get("notes", {})),
            folder,
            dict(values.get("retries", {})),
        )


def _file_values(file: InputFile) -> list[Any]:
    return [file.path, file.format, file.compression, file.size, file.modified_ns, file.is_stream]


def _file(values: Sequence[Any], folder: str | None) -> InputFile:
    path, kind, compression, size, modified_ns, is_stream = values
    return InputFile(path, kind, compression, size, modified_ns, is_stream, folder=folder)


def _elsewhere(folder: str, files: Sequence[Sequence[Any]]) -> str | None:
    """The folder that relative paths are to be read in, None for the current one.

    Who goes on with a job in another folder finds its files where they were named; on another machine, or
    where the corpus was moved, in the current folder.
    """
    for path, _, _, size, _, is_stream in files:
        if not is_stream and not Path(path).is_absolute():
            is_here = Path(path).is_file() and Path(path).stat().st_size == size
            return None if is_here or not Path(folder, path).is_file() else folder
    return None


def read_description(place: FolderPlace) -> JobDescription | None:
    """The job of a place, None if none was begun there."""
    data = place.read(JOB_FILE)
    return None if data is None else JobDescription.from_json(data, str(place.path(JOB_FILE)))
