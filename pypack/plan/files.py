"""The files of a plan: one .npy an array, and plan.json, which is checked before any array is touched."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import secrets
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from pypack._common.checksums import SMALL_BLOCK_BYTES, block_checksum
from pypack._common.files import exchange, require_regular, sync_directory, write_atomically
from pypack._common.schema import COUNT, NUMBER, TEXT, Field, brief, check, check_required, read_json
from pypack.plan import literals
from pypack.plan.chosen import checked_repeats

FORMAT = "pypack-plan"
VERSION = 2
# What a plan may require of its reader, and this one knows. (Further fields of plan.json are passed over.)
# "documents": of the store's documents it holds those of documents.npy, in that order. "repeats": an epoch
# gives sequences several times. "sides": the spans of a sequence become inputs and targets, each with a
# capacity of its own. "room": every span has room for more tokens than it has. "literals": tokens of no
# document stand between the spans, and every sequence is one segment.
FEATURES: frozenset[str] = frozenset({"documents", "repeats", "sides", "room", "literals"})

_MOST_ENTRIES = 2**59
_LIMIT = Field("int", 1, 2**63 - 1, null=True, optional=True)
_ROOM = Field("int", 0, 2**31 - 1, null=True, optional=True)
_PLAN = Field(
    "dict",
    open=True,
    fields={
        "strategy": TEXT,
        "options": Field("dict", open=True, fields={"align": _LIMIT, "max_documents": _LIMIT, "room": _ROOM}),
        "sequence_length": Field("int", 1, 2**31 - 1),
        "num_sequences": COUNT,
        "num_spans": COUNT,
        "lengths_fingerprint": TEXT,
        "fingerprint": TEXT,
        "counts": Field("dict"),
        "totals": Field("dict", items=NUMBER),
        "stats": Field("dict"),
        "extends": Field(
            "list",
            items=Field(
                "dict",
                fields={
                    "documents": COUNT,
                    "sequences": COUNT,
                    "lengths_fingerprint": TEXT,
                    "fingerprint": TEXT,
                },
            ),
            optional=True,
        ),
        "documents": Field(
            "dict",
            open=True,
            fields={
                "count": COUNT,
                "fingerprint": TEXT,
                "store_fingerprint": Field("text", null=True, optional=True),
            },
            optional=True,
        ),
        "literals": Field("dict", open=True, fields={"count": COUNT, "fingerprint": TEXT}, optional=True),
        "repeats": Field("list", items=Field("list", items=Field("int", 0, 2**62)), optional=True),
        "selection": Field("dict", open=True, optional=True),
        "checksums": Field("dict", items=TEXT, optional=True),
        "checksum": Field("text", optional=True),
        "capacity_runs": Field("list", items=Field("list", items=Field("int", 0, 2**62)), optional=True),
    },
)
# What `Plan` uses of the sums.
_TOTALS = (
    *("tokens", "capacity", "attention_cost", "most_spans", "l2_bound"),
    *("log_length_variance", "between_variance"),
)


def write(
    target: Path, arrays: Mapping[str, NDArray[Any]], header: Mapping[str, Any], *, overwrite: bool
) -> None:
    """Writes everything to a directory beside `target`, syncs it, and puts it at `target` in one step.

    Where the system cannot swap directories, an old plan steps aside first. A process that is killed between
    the two renames leaves it there, where `locate` finds it.
    """
    if (target.exists() or _aside(target).exists()) and not (overwrite and _is_plan(locate(target))):
        advice = "it is no plan, so it is not replaced" if overwrite else "pass overwrite=True to replace it"
        raise FileExistsError(f"{target} exists: {advice}, or choose another path")
    temporary = target.with_name(f".{target.name}.{secrets.token_hex(6)}.tmp")
    temporary.mkdir(parents=True)
    try:
        for name, array in arrays.items():
            with (temporary / f"{name}.npy").open("wb") as file:
                np.save(file, array, allow_pickle=False)
                _sync(file)
        sums = {name: block_checksum(temporary / f"{name}.npy", SMALL_BLOCK_BYTES) for name in arrays}
        values = {"format": FORMAT, "version": VERSION, "requires": [], **header, "checksums": sums}
        with (temporary / "plan.json").open("w", encoding="utf-8") as text:
            json.dump(_with_checksum(values), text, indent=2)
            text.write("\n")
            _sync(text)
        sync_directory(temporary)
        if not target.exists():
            temporary.rename(target)
        elif not exchange(temporary, target):  # else the old plan is removed with the temporary directory
            shutil.rmtree(_aside(target), ignore_errors=True)
            target.rename(_aside(target))
            temporary.rename(target)
        sync_directory(target.parent)
        shutil.rmtree(_aside(target), ignore_errors=True)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def header_bytes(values: Mapping[str, Any]) -> bytes:
    """plan.json, whose last field is the checksum of the others."""
    return json.dumps(_with_checksum(values), indent=2).encode() + b"\n"


def _with_checksum(values: Mapping[str, Any]) -> dict[str, Any]:
    content = {name: value for name, value in values.items() if name != "checksum"}
    return {**content, "checksum": _own_checksum(content)}


def _own_checksum(content: Mapping[str, Any]) -> str:
    text = json.dumps(content, sort_keys=True, separators=(",", ":"))
    return f"sha256:{hashlib.sha256(text.encode()).hexdigest()}"


def check_header_bytes(data: bytes, place: str) -> None:
    """Raises ValueError for a plan.json that is not what was written, or does not say; `place`: for the
    message."""
    try:
        values = json.loads(data)
        recorded = values.pop("checksum", None)
    except (ValueError, AttributeError) as error:
        raise ValueError(f"{place}: is no plan.json: {error}") from None
    if recorded is None:
        raise ValueError(
            f"{place}: has no checksums, so that nothing could tell whether it has come as it is: the plan "
            "is of an older version. Copy it to a disk, `pypack upgrade` it there, and upload its plan.json "
            "again"
        )
    if recorded != _own_checksum(values):
        raise ValueError(f"{place}: checksum: not that of the other fields: the file has changed")


def locate(path: Path) -> Path:
    """Where the plan of `path` is: there, or beside it if a process was killed while it replaced the plan."""
    aside = _aside(path)
    return aside if not path.exists() and _is_plan(aside) else path


def _aside(target: Path) -> Path:
    return target.with_name(f".{target.name}.old")


def _is_plan(directory: Path) -> bool:
    return (directory / "plan.json").is_file()


def _sync(file: IO[Any]) -> None:
    file.flush()
    os.fsync(file.fileno())


def read_header(directory: Path) -> dict[str, Any]:
    """plan.json with the types of its fields checked."""
    path = directory / "plan.json"
    if not path.is_file():
        is_store = (directory / "store.json").is_file()
        advice = "; it is a store, of which pypack pack makes a plan" if is_store else ""
        raise FileNotFoundError(f"{directory} is no plan: it has no plan.json{advice}")
    try:
        header = read_json(path)
    except ValueError as error:
        raise ValueError(f"{error}; make the plan again") from error
    if not isinstance(header, dict) or header.get("format") != FORMAT:
        raise ValueError(f"{path}: field 'format' must be {FORMAT!r}; this is no plan of pypack")
    version = header.get("version")
    if not isinstance(version, int) or version < 1:
        raise ValueError(f"{path}: field 'version' must be a positive integer, is {brief(version)}")
    if version > VERSION:
        raise ValueError(
            f"{path}: format version {version} is newer than {VERSION}, which this pypack reads; update"
        )
    check_required(header.get("requires"), FEATURES, str(path))
    check(header, _PLAN, str(path))
    if ("literals" in header) != ("literals" in (header.get("requires") or ())):
        raise ValueError(f"{path}: fields 'literals' and 'requires' do not agree")
    for name in _TOTALS:
        if name not in header["totals"]:
            raise ValueError(f"{path}: field 'totals.{name}' is missing")
    for name in ("num_sequences", "num_spans"):
        if header[name] > _MOST_ENTRIES:
            raise ValueError(f"{path}: field '{name}' is {header[name]}, more than any array holds")
    return header


def upgrade_header(path: Path, lengths_fingerprint: str | None) -> None:
    """Writes plan.json of the plan at a path in the newest version.

    The fingerprint of the lengths stays in its old form, which is read for ever, unless it is given: it is of
    the lengths of all documents, which a plan does not hold.
    """
    directory = locate(path)
    header = read_header(directory) | {"version": VERSION}
    names = sorted(file.stem for file in directory.glob("*.npy"))
    header["checksums"] = {n: block_checksum(directory / f"{n}.npy", SMALL_BLOCK_BYTES) for n in names}
    header.setdefault("requires", [])
    if lengths_fingerprint is not None:
        header["lengths_fingerprint"] = lengths_fingerprint
    write_atomically(directory / "plan.json", header_bytes(header))


def read_record(directory: Path, header: Mapping[str, Any], field: str, record: type[Any]) -> Any:
    """The dataclass `record` from the field of plan.json that holds its attributes."""
    values = {a.name: a.default for a in dataclasses.fields(record) if a.default is not dataclasses.MISSING}
    values |= header[field]
    for attribute in dataclasses.fields(record):
        if attribute.default is not dataclasses.MISSING and values.get(attribute.name) is None:
            continue  # younger than the plan
        if attribute.name not in values:
            raise ValueError(
                f"{directory / 'plan.json'}: field '{field}.{attribute.name}' is None, not a number"
            )
        bounds = COUNT if field == "counts" else Field("int") if attribute.type == "int" else NUMBER
        check(values[attribute.name], bounds, str(directory / "plan.json"), f"{field}.{attribute.name}")
    names = [attribute.name for attribute in dataclasses.fields(record)]
    return record(**{name: values[name] for name in names if name in values})


def read_runs(directory: Path, header: Mapping[str, Any], sequences: int) -> list[list[int]]:
    """The field capacity_runs of plan.json: [capacity, first sequence, count], which cover all sequences."""
    runs = header["capacity_runs"]
    try:
        if any(len(run) != 3 for run in runs):
            raise ValueError("a run is [capacity, first sequence, count]")
        after = 0
        for _, first, count in sorted(runs, key=lambda run: int(run[1])):
            if first != after or count < 1:
                raise ValueError("runs must follow one another without gap")
            after = first + count
        if after != sequences:
            raise ValueError(f"they hold {after} of {sequences} sequences")
    except (TypeError, ValueError) as error:
        path = directory / "plan.json"
        raise ValueError(f"{path}: field 'capacity_runs': {error}; make the plan again") from error
    return list(runs)


def read_repeats(
    directory: Path, header: Mapping[str, Any], sequences: int
) -> tuple[tuple[int, int, int], ...]:
    """The field repeats of plan.json: [first sequence, count, times], which cover all sequences."""
    runs = header.get("repeats", ())
    try:
        if any(len(run) != 3 for run in runs):
            raise ValueError("a run is [first sequence, count, times]")
        return checked_repeats(runs, sequences)
    except ValueError as error:
        raise ValueError(
            f"{directory / 'plan.json'}: field 'repeats': {error}; make the plan again"
        ) from error


def array_sizes(header: Mapping[str, Any]) -> dict[str, int]:
    """The arrays that a plan has, and their items."""
    sequences, spans = header["num_sequences"], header["num_spans"]
    sizes = {
        "sequence_offsets": sequences + 1,
        "span_document": spans,
        "span_start": spans,
        "span_length": spans,
        "sequence_capacity": sequences,
    }
    if "documents" in header:
        sizes["documents"] = header["documents"]["count"]
    return sizes | literals.sizes(header)


def map_documents(directory: Path, header: Mapping[str, Any]) -> NDArray[np.int64] | None:
    """documents.npy of a plan of a selection, mapped; None of another."""
    told = "documents" in header
    if told != ("documents" in (header.get("requires") or ())):
        raise ValueError(f"{directory / 'plan.json'}: fields 'documents' and 'requires' do not agree")
    if not told:
        return None
    count = header["documents"]["count"]
    if count != header["counts"].get("documents"):
        raise ValueError(
            f"{directory / 'plan.json'}: field 'documents.count' is {count}, 'counts.documents' is "
            f"{header['counts'].get('documents')}"
        )
    return map_array(directory, "documents", np.dtype("<i8"), count)


def map_array(directory: Path, name: str, dtype: np.dtype[Any], size: int) -> NDArray[Any]:
    """The array `name`, memory-mapped for reading, if it has the type and the size that plan.json states."""
    path = directory / f"{name}.npy"
    try:
        require_regular(path)
        array = np.load(path, mmap_mode="r", allow_pickle=False)
    except FileNotFoundError:
        raise ValueError(f"{directory}: {path.name} is missing; make the plan again") from None
    except (
        MemoryError,
        Exception,
    ) as error:  # its header is Python source
        raise ValueError(f"{path}: not readable ({error}); make the plan again") from error
    if array.dtype != dtype or array.shape != (size,):
        raise ValueError(
            f"{path}: has {array.dtype} {array.shape}, but plan.json states {dtype} {(size,)}; "
            "make the plan again"
        )
    if not array.flags.aligned:  # numpy pads the header
        raise ValueError(
            f"{path}: its items do not begin at a multiple of {dtype.itemsize} bytes; make the plan again"
        )
    return np.asarray(array)
