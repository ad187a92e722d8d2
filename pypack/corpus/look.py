"""A look at the first documents of a file, before any work: would it give any?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from typing import Any

from pypack.columnar.process import ColumnarReader, DamagedColumnsError
from pypack.corpus.bytes import BOM
from pypack.corpus.delimited import header_names
from pypack.corpus.diagnosis import chat_or_pairs, json_shape, what_it_is_instead
from pypack.corpus.errors import DamagedInputError
from pypack.corpus.field import MISSING, TEXT, TextFields, field_getter
from pypack.corpus.inputs import InputFile
from pypack.corpus.json_array import new_source
from pypack.corpus.json_lines import json_type, parse_with_python
from pypack.corpus.kinds import can_be_compressed
from pypack.corpus.lenient_json import parse_json
from pypack.corpus.lines import split_lines
from pypack.corpus.look_samples import first_samples, kept_kinds
from pypack.corpus.opening import opened
from pypack.corpus.partitions import partitions_of
from pypack.corpus.similar import close_to, listed, text_field

# A first look, and a longer one where that shows no document, or no end of the first line.
_LOOKED_BYTES = (1 << 16, 1 << 22)
_ENOUGH_DOCUMENTS = 100


@dataclass(frozen=True)
class Look:
    """What the beginning of a file shows.

    Attributes:
        file: the file.
        documents: documents found.
        refused: records that give none.
        fault: why the file gives none at all as far as it was looked at, in words without its name; None
            where it gives some, or is empty.
        kinds: each kept name → what its values are ("string", "number", ...); no entry where no record has
            it.
        names: fields and columns that there are.
    """

    file: InputFile
    documents: int = 0
    refused: int = 0
    fault: str | None = None
    kinds: Mapping[str, frozenset[str]] = field(default_factory=dict)
    names: tuple[str, ...] = ()


@dataclass(frozen=True)
class Wanted:
    """What is looked for.

    Attributes:
        text: the fields that are the text.
        keep: names or dotted paths of the kept fields.
        txt_per_line: text files hold a document a line.
        records: names or dotted paths that records must have, where they become texts later; then `text` is
            not looked for.
    """

    text: TextFields = TEXT
    keep: tuple[str, ...] = ()
    txt_per_line: bool = False
    records: tuple[str, ...] = ()


def look_at(file: InputFile, wanted: Wanted, reader: ColumnarReader) -> Look:
    """Looks at the beginning of a file, which is no stream; `reader` opens Parquet and Arrow files."""
    try:
        if file.format in ("tar", "warc"):
            return _look_at_samples(file, wanted)
        if can_be_compressed(file.format):
            look = Look(file)
            for data, whole in _beginnings(file):
                look = _look_at_bytes(file, data, whole, wanted)
                if look.documents or look.fault is not None:
                    break
            return look
        return _look_at_columns(file, wanted, reader)
    except DamagedInputError as damage:
        return Look(file, refused=1, fault=damage.reason)


def _beginnings(file: InputFile) -> Iterator[tuple[bytes, bool]]:
    """(first bytes, whether there are no others): few, then more."""
    with closing(new_source(file)) as source:
        data = b""
        for size in _LOOKED_BYTES:
            room = bytearray(size - len(data))
            count, damage = 0, None
            try:
                count = source.readinto(memoryview(room))
            except DamagedInputError as error:
                damage = error
            data += room[:count]
            if damage is not None and not data:
                raise damage
            whole = count < len(room)
            yield data, whole
            if whole:
                return


def _look_at_bytes(file: InputFile, data: bytes, whole: bool, wanted: Wanted) -> Look:
    instead = what_it_is_instead(data[:4096], file.format, file.compression)
    if instead is not None:
        return Look(file, refused=1, fault=instead)
    lines = data.removeprefix(BOM)
    if not whole:  # the last line is not at hand to its end
        lines = lines[: lines.rfind(b"\n") + 1]
    if file.format in ("csv", "tsv"):
        return _look_at_cells(file, data, wanted)
    if not file.has_lines and file.format != "json_array":
        wanted = replace(wanted, txt_per_line=False)
    if file.format in ("text", "page"):
        return _look_at_text(file, lines if wanted.txt_per_line else data, whole, wanted)
    if wanted.records:
        return _look_at_records(file, data, lines, whole, wanted)
    return _look_at_json(file, data, lines, whole, wanted.text, wanted.keep)


def _look_at_text(file: InputFile, data: bytes, whole: bool, wanted: Wanted) -> Look:
    if wanted.txt_per_line:
        texts = [line for line in split_lines(data) if line.strip()]
    else:
        texts = [data if whole else _without_cut_character(data)] if data else []
    bad = sum(not _is_utf8(text) for text in texts)
    all_bad = bad > 0 and bad == len(texts)
    fault = "not UTF-8 text: convert it, such as with iconv, or leave it out" if all_bad else None
    return Look(file, len(texts) - bad, bad, fault, _from_folders(file, wanted.keep))


def _is_utf8(data: bytes) -> bool:
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def _without_cut_character(data: bytes) -> bytes:
    """A text up to its last whole character, if that is what is wrong with it."""
    return next((data[: len(data) - cut] for cut in range(4) if _is_utf8(data[: len(data) - cut])), data)


def _look_at_json(
    file: InputFile, data: bytes, lines: bytes, whole: bool, text: TextFields, keep: Sequence[str]
) -> Look:
    block = parse_with_python(_first_lines(lines), text, tuple(keep), len(lines) + 1)
    if len(block.texts) == 0:
        block = parse_with_python(lines, text, tuple(keep), len(lines) + 1)
    documents, refused = len(block.texts), len(block.faults)
    records = list(_records(_first_lines(lines)))
    names = dict.fromkeys(name for record in records for name in record)
    kinds = _from_folders(file, keep) | _kinds(records, keep)
    look = Look(file, documents, refused, None, kinds, tuple(names))
    if documents or not data.strip():
        return look
    fault = json_shape(data, whole)
    if fault is None and block.faults:
        # What most of them lack.
        kinds_of_fault = [kind for *_, (kind, _) in block.faults]
        worst = max(set(kinds_of_fault), key=kinds_of_fault.count)
        fault = next(reason for *_, (kind, reason) in block.faults if kind == worst)
        if worst == "missing_text":
            fault = missing_text(text, _text_lengths(records), list(names), "field", "records have")
    return Look(file, 0, max(1, refused) if fault else 0, fault, kinds, tuple(names))


def _look_at_records(file: InputFile, data: bytes, lines: bytes, whole: bool, wanted: Wanted) -> Look:
    records = list(_records(_first_lines(lines)))
    kinds = _from_folders(file, wanted.keep) | _kinds(records, wanted.keep)
    names = tuple(dict.fromkeys(name for record in records for name in record))
    if not records:
        shape = json_shape(data, whole)
        return Look(file, refused=int(shape is not None), fault=shape, kinds=kinds, names=names)
    lacking = [name for name in wanted.records if not _kinds(records, (name,))]
    fault = _missing_field(lacking[0], names, "field", "records have") if lacking else None
    return Look(file, 0 if lacking else len(records), len(records) if lacking else 0, fault, kinds, names)


def _look_at_cells(file: InputFile, data: bytes, wanted: Wanted) -> Look:
    """What the first row of CSV names."""
    if not data.strip(b"\r\n\xef\xbb\xbf"):
        return Look(file)
    names = header_names(data, file.format)
    kinds = _from_folders(file, wanted.keep) | {
        name: frozenset({"string"}) for name in wanted.keep if name in names
    }
    fault = None
    if wanted.records:
        lacking = [name for name in wanted.records if name not in names]
        fault = _missing_field(lacking[0], names, "column", "file has") if lacking else None
    elif not set(wanted.text.names) & set(names):
        fault = missing_text(wanted.text, dict.fromkeys(names, 0.0), names, "column", "file has")
    return Look(file, int(fault is None), int(fault is not None), fault, kinds, tuple(names))


def _look_at_samples(file: InputFile, wanted: Wanted) -> Look:
    batch, damage = first_samples(file, wanted.text, wanted.keep, wanted.records)
    reasons = [reject.reason for reject in batch.rejects] + ([damage] if damage is not None else [])
    fault = reasons[0] if reasons and not len(batch) else None
    kinds = _from_folders(file, wanted.keep) | kept_kinds(batch, wanted.keep)
    return Look(file, len(batch), len(reasons), fault, kinds)


def _missing_field(name: str, names: Sequence[str], noun: str, have: str) -> str:
    near = close_to(name, names)
    return f"no {noun} {name!r}; the {have} {listed(names) or 'none'}" + (
        f"; did you mean {near}?" if near else ""
    )


def _first_lines(lines: bytes) -> bytes:
    end = 0
    for _ in range(_ENOUGH_DOCUMENTS):
        end = lines.find(b"\n", end) + 1
        if end == 0:
            return lines
    return lines[:end]


def _records(lines: bytes) -> Iterator[dict[str, Any]]:
    for line in split_lines(lines):
        try:
            record, _ = parse_json(line.removeprefix(BOM))
        except ValueError:
            continue
        if isinstance(record, dict):
            yield record


def _kinds(records: Sequence[dict[str, Any]], keep: Sequence[str]) -> dict[str, frozenset[str]]:
    found = {}
    for name in keep:
        get = field_getter(name)
        kinds = {json_type(value) for value in map(get, records) if value is not MISSING}
        if kinds:
            found[name] = frozenset(kinds - {"null"})
    return found


def _from_folders(file: InputFile, keep: Sequence[str]) -> dict[str, frozenset[str]]:
    partitions = partitions_of(file.path)
    return {name: frozenset({"string"}) for name in keep if name in partitions}


def _text_lengths(records: Sequence[dict[str, Any]]) -> dict[str, float]:
    """Fields that hold strings, also one level down → their mean length."""
    lengths: dict[str, list[int]] = {}
    for record in records:
        for name, value in record.items():
            inner = value.items() if isinstance(value, dict) else ()
            for path, one in ((name, value), *((f"{name}.{key}", item) for key, item in inner)):
                if isinstance(one, str):
                    lengths.setdefault(path, []).append(len(one))
    return {name: sum(sizes) / len(sizes) for name, sizes in lengths.items()}


def missing_text(
    wanted: TextFields, text_lengths: Mapping[str, float], names: Sequence[str], noun: str, have: str
) -> str:
    """The sentence for records without the text that was asked for, with what may have been meant."""
    text = wanted.names[0]
    meant = text_field(text, text_lengths)
    instead = chat_or_pairs(set(names)) if text not in text_lengths else None
    if instead is not None:
        hint = f": they are {instead}"
    elif meant is not None:
        hint = f"; did you mean --field {meant}?"
    else:
        hint = "; name the one that holds the text with --field"
    return f"no {noun} {wanted.quoted}; the {have} {listed(names) or 'none'}{hint}"


def _look_at_columns(file: InputFile, wanted: Wanted, reader: ColumnarReader) -> Look:
    text, keep = wanted.text, wanted.keep
    try:
        with opened(file, looks=True) as handle:
            head = handle.read(4096)
    except OSError as error:
        return Look(file, refused=1, fault=f"cannot be read: {error.strerror}")
    instead = what_it_is_instead(head, file.format, None)
    if instead is not None:
        return Look(file, refused=1, fault=instead)
    try:
        fields = reader.fields(file.location, file.format, file.etag)
    except DamagedColumnsError as damage:
        return Look(file, refused=1, fault=f"cannot be read as {file.format}: {damage.reason}")
    kind_of = dict(fields)
    kinds = _from_folders(file, keep) | {
        name: frozenset({kind_of[name]} - {"null"}) for name in keep if name in kind_of
    }
    # Deeper than the fields that are listed: reading will tell.
    kinds |= {
        name: frozenset()
        for name in keep
        if name not in kinds and name.count(".") > 1 and _root(name, kind_of)
    }
    names = tuple(name for name, _ in fields if "." not in name)
    fault = None
    if wanted.records:
        lacking = [name for name in wanted.records if name not in kind_of and not _root(name, kind_of)]
        fault = _missing_field(lacking[0], names, "column", "file has") if lacking else None
    elif not any(one in kind_of or (one.count(".") > 1 and _root(one, kind_of)) for one in text.names):
        strings = {name: 0.0 for name, kind in fields if kind == "string"}
        fault = missing_text(text, strings, names, "column", "file has")
    else:
        wrong = [one for one in text.names if kind_of.get(one, "string") not in ("string", "bytes")]
        fault = f"the column {wrong[0]!r} holds {kind_of[wrong[0]]}, not strings" if wrong else None
    return Look(file, int(fault is None), int(fault is not None), fault, kinds, names)


def _root(name: str, kind_of: Mapping[str, str]) -> bool:
    return name.split(".")[0] in kind_of
