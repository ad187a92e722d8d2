"""Which files a corpus is made of, in an order that does not depend on the file system."""

from __future__ import annotations

import glob
import os
import stat
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from pypack._common.files import kind_of_mode
from pypack._common.paths import local_path
from pypack.corpus.errors import CorpusError

STDIN = "-"
FORMATS = ("json_lines", "text", "parquet", "arrow")
_FORMATS = {
    ".jsonl": "json_lines",
    ".ndjson": "json_lines",
    ".json": "json_lines",
    ".txt": "text",
    ".parquet": "parquet",
    ".arrow": "arrow",
    ".feather": "arrow",
}
_NAMED_ONLY = (".json", ".json.gz", ".json.zst")
_COMPRESSIONS = {".gz": "gzip", ".zst": "zstd"}
KNOWN_SUFFIXES = (
    ".jsonl, .ndjson, .json (JSON lines), .txt, each also with .gz or .zst; .parquet, .arrow, .feather"
)


@dataclass(frozen=True, slots=True)
class InputFile:
    """One file of a corpus.

    Attributes:
        path: as named or found; "-" is JSON lines on standard input.
        format: "json_lines", "text", "parquet" or "arrow".
        compression: "gzip", "zstd" or None.
        size: bytes on disk, 0 for standard input and pipes.
        modified_ns: modification time in nanoseconds since the epoch, 0 for standard input and pipes.
        is_stream: it can be read once, from its start: standard input, a pipe, a device.
        begin, end: the piece of the file that is read, end None for all of it: of lines those that start at
            these bytes, of Parquet these rows.
        refused: why the file is not read at all, but rejected; None if it is read.
    """

    path: str
    format: str
    compression: str | None
    size: int
    modified_ns: int
    is_stream: bool = False
    begin: int = 0
    end: int | None = None
    refused: str | None = None


def list_inputs(
    inputs: Sequence[str | os.PathLike[str]],
    *,
    exclude: Sequence[str | os.PathLike[str]] = (),
    on_skip: Callable[[str], None] | None = None,
    format: str | None = None,
) -> list[InputFile]:
    """Expands files, directories (recursive), glob patterns and "-" into files.

    Arguments keep their order; what one directory or pattern holds is sorted by its path, part by part, in
    byte order. Files and folders in a directory that are hidden, of an unknown kind, or outputs of pypack (a
    store or a plan) are left out, each reported to `on_skip` as "path: why"; so are `.json` files, which are
    more often a tokenizer or a description than text: they are read where they are named or matched. Pipes,
    sockets, devices and links to them are left out of folders and patterns, too; by name they are read once
    `format` says what they hold.

    Args:
        exclude: paths never read, such as the output of the job.
        format: what the files that are named themselves hold, whatever their names say, and standard input:
            "json_lines", "text", "parquet" or "arrow". A name that ends in .gz or .zst is unpacked still.

    Raises:
        CorpusError: an input does not exist, is of an unknown kind, matches nothing, or is named twice (its
            documents would be stored twice).
    """
    if format is not None and format not in FORMATS:
        raise CorpusError(f"format must be one of {', '.join(FORMATS)}, got {format!r}")
    report = on_skip or (lambda message: None)
    excluded = {os.path.realpath(path) for path in exclude}
    files: list[InputFile] = []
    seen: dict[str, str] = {}
    for argument in [_local(path) for path in inputs]:
        before = len(files)
        for path, explicit in _expand(argument, excluded, report):
            kind = None if path == STDIN else _kind_of_special(path)
            if kind is not None and not explicit:
                report(f"{path}: {kind}")
                continue
            if kind is not None and format is None:
                raise CorpusError(f"{path}: is {kind}; say with --format what it holds")
            found = _describe(path, format if explicit else None, is_stream=kind is not None)
            if found is None:
                if explicit:
                    raise CorpusError(
                        f"{path}: unknown kind of file; pypack reads {KNOWN_SUFFIXES}; others with --format"
                    )
                report(f"{path}: unknown kind of file")
                continue
            real = path if path == STDIN else os.path.realpath(path)
            if real in seen:
                raise CorpusError(
                    f"{path} is named twice (before as {seen[real]}): its documents would be stored twice; "
                    "name it once"
                )
            seen[real] = path
            files.append(found)
        if len(files) == before:
            raise CorpusError(f"{argument}: no file to read in it; pypack reads {KNOWN_SUFFIXES}")
    if not files:
        raise CorpusError(
            "no inputs: name at least one file, directory, glob pattern, or - for standard input"
        )
    return files


def _local(path: str | os.PathLike[str]) -> str:
    try:
        local_path(path)
    except ValueError as error:
        raise CorpusError(str(error)) from None
    return os.fspath(path)  # as it was given: a str keeps its "./" and its "**"


def _expand(argument: str, excluded: set[str], report: Callable[[str], None]) -> Iterator[tuple[str, bool]]:
    """Paths of one argument, each with whether the user named that very file."""
    if argument == STDIN:
        yield STDIN, True
    elif os.path.isdir(argument):  # noqa: PTH112  # str paths keep "./" and non-UTF-8 names as they were given
        if _is_output(argument):
            raise CorpusError(f"{argument}: an output of pypack, not a corpus")
        yield from ((path, False) for path in _walk(argument, excluded, report, ()))
    elif os.path.exists(argument):  # noqa: PTH110
        yield argument, True
    elif glob.has_magic(argument):
        matches = sorted(glob.glob(argument, recursive=True), key=_byte_order)  # noqa: PTH207
        if not matches:
            raise CorpusError(f"{argument}: the pattern matches no file")
        # "**" lists a folder and what is in it: only the files are taken then, each once.
        folders = [] if "**" in argument else [path for path in matches if Path(path).is_dir()]
        for path in matches:
            if path in folders:
                yield from ((inner, False) for inner in _walk(path, excluded, report, ()))
            elif not Path(path).is_dir() and os.path.realpath(path) not in excluded:
                yield path, False
    else:
        raise CorpusError(f"{argument}: no such file or directory")


def _walk(
    folder: str, excluded: set[str], report: Callable[[str], None], parents: tuple[str, ...]
) -> Iterator[str]:
    real = os.path.realpath(folder)
    if real in parents:  # a link that leads back up
        report(f"{folder}: a link to a folder above it")
        return
    for name in sorted(os.listdir(folder), key=os.fsencode):  # noqa: PTH208
        path = os.path.join(folder, name)  # noqa: PTH118
        if os.path.realpath(path) in excluded:
            continue
        if name.startswith("."):
            report(f"{path}: hidden")
        elif Path(path).is_dir():
            if _is_output(path):
                report(f"{path}: an output of pypack")
            else:
                yield from _walk(path, excluded, report, (*parents, real))
        elif path.lower().endswith(_NAMED_ONLY):
            report(f"{path}: name it, or use a pattern, if it is JSON lines")
        else:
            yield path


def _is_output(folder: str) -> bool:
    """Whether a folder is a store or plan, finished or not."""
    return any((Path(folder) / mark).exists() for mark in ("store.json", "plan.json", "journal.jsonl"))


def _byte_order(path: str) -> list[bytes]:
    return os.fsencode(path).split(os.fsencode(os.sep))


def _kind_of_special(path: str) -> str | None:
    """What a path is that is no file on disk, in words: a reader would wait for it, or never end."""
    try:
        mode = Path(path).stat().st_mode
    except OSError as error:
        raise CorpusError(f"{path}: cannot be read: {error.strerror}") from None
    return None if stat.S_ISREG(mode) else kind_of_mode(mode)


def _describe(path: str, asked: str | None, is_stream: bool) -> InputFile | None:
    if path == STDIN:
        return InputFile(STDIN, asked or "json_lines", None, 0, 0, is_stream=True)
    stem, suffix = os.path.splitext(path)  # noqa: PTH122
    compression = _COMPRESSIONS.get(suffix.lower())
    if compression is not None:
        suffix = os.path.splitext(stem)[1]  # noqa: PTH122
    kind = asked or _FORMATS.get(suffix.lower())
    if kind is None or (compression is not None and kind not in ("json_lines", "text")):
        return None
    if is_stream:
        return InputFile(path, kind, compression, 0, 0, is_stream=True)
    try:
        status = Path(path).stat()
    except OSError as error:
        raise CorpusError(f"{path}: cannot be read: {error.strerror}") from None
    return InputFile(path, kind, compression, status.st_size, status.st_mtime_ns)
