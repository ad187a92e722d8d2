"""What makes two jobs two, in words: why one cannot go on with what the other has begun."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from pypack._common.words import counted
from pypack.corpus import InputFile

if TYPE_CHECKING:
    from pypack.jobs.description import JobDescription

# Said of the tokenizer already, or of the files.
_FOLLOWS = {"vocab_size": "tokenizer", "special_ids": "tokenizer", "appended_id": "tokenizer"}
_NOT_COMPARED = frozenset({"inputs"})
_WORDS = {
    "tokenizer": "the tokenizer",
    "transform_source": "the source of the transform",
    "engine": "the engine of the tokenizer",
    "engine_version": "the version of the tokenizers library, which encodes",
    "pypack": "the version of pypack",
    "split_special_tokens": "split_special_tokens, the default now: --parse-special-tokens is the contrary",
    "pyarrow": "the version of pyarrow, which writes the columns",
}
_MOST_TOLD = 3
_LONGEST = 60


def differences(before: JobDescription, now: JobDescription) -> list[str]:
    """A phrase for each thing that differs; none for jobs that are one.

    How the inputs are named does not matter, but which files they are, and what these were.
    """
    return different_options(before, now) + _files(before, now)


def different_options(before: JobDescription, now: JobDescription) -> list[str]:
    """The same of all but the files."""
    old, new = before.job, _with_kept_day(before.job, now.job)
    unequal = {name for name in {*old, *new} - _NOT_COMPARED if old.get(name) != new.get(name)}
    return [
        _option(name, old.get(name), new.get(name))
        for name in sorted(unequal)
        if _FOLLOWS.get(name) not in unequal
    ]


def _with_kept_day(before: Mapping[str, Any], now: Mapping[str, Any]) -> Mapping[str, Any]:
    """`now` on the day that the job keeps, unless another was asked for: so it goes on the next day."""
    records, then = now.get("records"), (before.get("records_as") or {}).get("chat")
    chat = (now.get("records_as") or {}).get("chat")
    if not (records and then and chat and before.get("records")):
        return now
    day = then["date"] if records.get("chat_date") is None else chat["date"]
    return {
        **now,
        "records": {
            **records,
            "chat_date": before["records"].get("chat_date"),
        },  # the day itself is in `chat`
        "records_as": {**now["records_as"], "chat": {**chat, "date": day}},
    }


def _option(name: str, before: Any, now: Any) -> str:
    if isinstance(before, list) and isinstance(now, list):
        gone = [value for value in before if value not in now]
        new = [value for value in now if value not in before]
        parts = [
            *(["before also " + _listed(gone)] if gone else []),
            *(["now also " + _listed(new)] if new else []),
        ]
        return f"{name} ({'; '.join(parts) or 'in another order'})"
    before, now = _narrowed(before, now)
    return f"{_WORDS.get(name, name)} (before {_brief(before)}, now {_brief(now)})"


def _narrowed(before: Any, now: Any) -> tuple[Any, Any]:
    """Of objects within one another only what differs."""
    if not (isinstance(before, Mapping) and isinstance(now, Mapping)):
        return before, now
    parts = {
        key: _narrowed(before.get(key), now.get(key))
        for key in {**before, **now}
        if before.get(key) != now.get(key)
    }
    return {key: a for key, (a, _) in parts.items()}, {key: b for key, (_, b) in parts.items()}


def _listed(values: Sequence[Any]) -> str:
    more = f" and {len(values) - _MOST_TOLD:,} more" if len(values) > _MOST_TOLD else ""
    return ", ".join(_brief(value) for value in values[:_MOST_TOLD]) + more


def _brief(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 3]}..."


def _files(before: JobDescription, now: JobDescription) -> list[str]:
    then = dict(zip(file_places(before), before.inputs, strict=True))
    here = dict(zip(file_places(now), now.inputs, strict=True))
    if not (then.keys() & here.keys()):  # the folder was moved, or is mounted elsewhere: as they are named
        then = {_normal(file): file for file in before.inputs}
        here = {_normal(file): file for file in now.inputs}
    told = [f"{then[path].path}: is not among them any more" for path in then if path not in here]
    told += [f"{here[path].path}: was not among them before" for path in here if path not in then]
    told += [
        changed_in_words(then[path], here[path])
        for path in then
        if path in here and not is_same_file(then[path], here[path])
    ]
    if not told and list(then) != list(here):
        told = ["their order"]
    more = f" and {len(told) - _MOST_TOLD:,} more" if len(told) > _MOST_TOLD else ""
    return [f"files ({'; '.join(told[:_MOST_TOLD])}{more})"] if told else []


def _normal(file: InputFile) -> str:
    return file.path if file.is_remote else os.path.normpath(file.path)


def file_places(job: JobDescription) -> list[str]:
    """Where the files of a job are, however they are named."""
    return [
        file.path
        if file.is_stream or file.is_remote
        else os.path.normpath(os.path.join(job.folder, file.path))  # noqa: PTH118
        for file in job.inputs
    ]


def is_same_file(then: InputFile, now: InputFile) -> bool:
    """Whether a file is what it was."""
    return _state(then) == _state(now)


def _state(file: InputFile) -> tuple[object, ...]:
    return file.format, file.compression, file.size, file.modified_ns, file.is_stream, file.etag


def changed_in_words(then: InputFile, now: InputFile) -> str:
    """How a file is not what it was."""
    if then.size != now.size:
        return f"{then.path}: has changed (before {counted(then.size, 'byte')}, now {now.size:,})"
    if then.modified_ns != now.modified_ns or then.etag != now.etag:
        return f"{then.path}: was written to since"
    return f"{then.path}: is read as {_kind(now)}, before as {_kind(then)}"


def _kind(file: InputFile) -> str:
    return file.format if file.compression is None else f"{file.compression} {file.format}"
