"""Which files a corpus is made of, in an order that does not depend on the file system."""

from __future__ import annotations

import glob
import os
import stat
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from pypack._common.files import kind_of_mode
from pypack._common.paths import local_path
from pypack.corpus.braces import braced, has_braces
from pypack.corpus.decoders import missing_library
from pypack.corpus.errors import CorpusError
from pypack.corpus.input_file import InputFile as InputFile
from pypack.corpus.kinds import (
    FORMATS,
    KNOWN_SUFFIXES,
    can_be_compressed,
    is_bare_compression,
    is_output,
    kind_by_content,
    kind_by_name,
    suffix_of,
)
from pypack.corpus.left_out import LeftOut
from pypack.corpus.remote_inputs import find_objects
from pypack.corpus.walk import Report, walk
from pypack.remote import is_url

STDIN = "-"


@dataclass(frozen=True)
class FoundInputs:
    """The files of a corpus, and what was left out of its folders."""

    files: list[InputFile]
    left_out: LeftOut


def list_inputs(
    inputs: Sequence[str | os.PathLike[str]],
    *,
    exclude: Sequence[str | os.PathLike[str]] = (),
    on_skip: Callable[[str], None] | None = None,
    format: str | None = None,
) -> list[InputFile]:
    """The files of `find_inputs`; `on_skip` is told of each that is left out, as "path: why"."""
    return find_inputs(inputs, exclude=exclude, on_skip=on_skip, format=format).files


def find_inputs(
    inputs: Sequence[str | os.PathLike[str]],
    *,
    exclude: Sequence[str | os.PathLike[str]] = (),
    on_skip: Callable[[str], None] | None = None,
    format: str | None = None,
) -> FoundInputs:
    """Expands files, directories (recursive), glob patterns, URLs of them, and "-" into files.

    Arguments keep their order; what one directory or pattern holds is sorted by its path, part by part, in
    byte order. `{a,b}` in a pattern stands for each of them. Names say what files hold, unless their first
    bytes say otherwise: compressed data is unpacked whatever it is called, a JSON array is read as one, and
    where a name says nothing, the bytes alone decide.

    Left out of directories, and counted, are: what is hidden or of an unknown kind; outputs of pypack (a
    store or a plan); the card of a dataset or model, as the Hugging Face Hub has it (`README.md` with a head
    in YAML); `.json` files, which are more often a tokenizer or a description than text: they are read where
    they are named or matched; what would be read twice, such as links, hard links, caches of `datasets`, and
    what Spark has not committed (`_temporary`). Pipes, sockets, devices and links to them are left out of
    folders and patterns, too; by name they are read once `format` says what they hold.

    A URL (`s3://bucket/folder`, `https://host/file.jsonl.gz`) names an object, a folder of objects, or a
    pattern. See `pypack.corpus.remote_inputs` for what is different there.

    Args:
        exclude: paths never read, such as the output of the job.
        on_skip: told of each that is left out, as "path: why".
        format: what the files that are named themselves hold, whatever their names say, and standard input:
            one of `pypack.corpus.kinds.FORMATS`. Compressed data is unpacked still.

    Raises:
        CorpusError: an input does not exist, is of an unknown kind, matches nothing, or is named twice (its
            documents would be stored twice).
    """
    if format is not None and format not in FORMATS:
        raise CorpusError(f"format must be one of {', '.join(FORMATS)}, got {format!r}")
    excluded = {str(path) if is_url(path) else os.path.realpath(path) for path in exclude}
    finder = _Finder(excluded, on_skip, format)
    for argument in [_local(path) for path in inputs]:
        finder.add(argument)
    if not finder.files:
        raise CorpusError(
            "no inputs: name at least one file, directory, glob pattern, or - for standard input"
        )
    return FoundInputs(finder.files, finder.left_out)


@dataclass
class _Finder:
    """Gathers files, each once."""

    excluded: set[str]
    on_skip: Callable[[str], None] | None
    format: str | None
    files: list[InputFile] = field(default_factory=list)
    left_out: LeftOut = field(default_factory=LeftOut)
    _seen: dict[str, str] = field(default_factory=dict)  # real path → path
    _linked: dict[tuple[int, int], str] = field(default_factory=dict)  # device and inode → path
    _in_folder: bool = False  # of the argument at hand, whether it names a folder

    def add(self, argument: str) -> None:
        before, left_out_before = len(self.files), self.left_out.total
        if is_url(argument):
            for file in find_objects(argument, self.excluded, self._seen, self.format, self.report):
                self._seen[file.path] = file.path
                self.files.append(file)
        else:
            self._add_local(argument)
        if len(self.files) == before:
            left_out = self.left_out.summary() if self.left_out.total > left_out_before else ""
            raise CorpusError(
                f"{argument}: no file to read in it{f' but {left_out}' if left_out else ''}; "
                f"pypack reads {KNOWN_SUFFIXES}"
            )

    def _add_local(self, argument: str) -> None:
        self._in_folder = os.path.isdir(argument)  # noqa: PTH112
        for path, real, explicit in _expand(argument, self.excluded, self.report):
            self._add_file(path, real, explicit)

    def report(self, path: str, reason: str, words: str, is_folder: bool = False) -> None:
        self.left_out.add(path, reason, words, is_folder=is_folder)
        if self.on_skip is not None:
            self.on_skip(f"{path}: {words}")

    def _add_file(self, path: str, real: str, explicit: bool) -> None:
        try:
            status = None if path == STDIN else Path(path).stat()
        except OSError as error:
            raise CorpusError(f"{path}: cannot be read: {error.strerror}") from None
        special = status is not None and not stat.S_ISREG(status.st_mode)
        if status is not None and special:
            kind = kind_of_mode(status.st_mode)
            if not explicit:
                self.report(path, "special", kind)
                return
            if self.format is None:
                raise CorpusError(f"{path}: is {kind}; say with --format what it holds")
        twin = self._twin(path, real, status)
        if twin is not None:
            if explicit:
                raise CorpusError(
                    f"{path} is named twice (before as {twin}): its documents would be stored twice; "
                    "name it once"
                )
            self.report(path, "same_file", f"the same file as {twin}")
            return
        asked = self.format if explicit else None
        found = _describe(path, asked, None if special else status, looks=explicit or self._is_nameless(path))
        if found is None:
            if explicit:
                raise CorpusError(
                    f"{path}: unknown kind of file; pypack reads {KNOWN_SUFFIXES}; others with --format"
                )
            self.report(path, "unknown_kind", "unknown kind of file")
            return
        self._seen[real] = path
        if status is not None and status.st_nlink > 1:
            self._linked[status.st_dev, status.st_ino] = path
        self.files.append(found)

    def _is_nameless(self, path: str) -> bool:
        """Whether only its bytes can say what a file holds. Of folders what has no suffix is left alone."""
        name = os.path.basename(path)  # noqa: PTH119
        return is_bare_compression(name) or (not self._in_folder and not suffix_of(name))

    def _twin(self, path: str, real: str, status: os.stat_result | None) -> str | None:
        """The file found before that this one is, under whatever name."""
        if real in self._seen:
            return self._seen[real]
        if status is None or status.st_nlink < 2 or not stat.S_ISREG(status.st_mode):
            return None
        return self._linked.get((status.st_dev, status.st_ino))


def _local(path: str | os.PathLike[str]) -> str:
    if is_url(path):
        return str(path)
    try:
        local_path(path)
    except ValueError as error:
        raise CorpusError(str(error)) from None
    return os.fspath(path)  # as it was given: a str keeps its "./" and its "**"


def _expand(argument: str, excluded: set[str], report: Report) -> Iterator[tuple[str, str, bool]]:
    """Paths of one argument, each with its real path and whether the user named that very file."""
    if argument == STDIN:
        yield STDIN, STDIN, True
    elif os.path.isdir(argument):  # noqa: PTH112  # str paths keep "./" and non-UTF-8 names as they were given
        if is_output(argument):
            raise CorpusError(f"{argument}: an output of pypack, not a corpus")
        yield from _walked(argument, excluded, report)
    elif os.path.exists(argument):  # noqa: PTH110
        yield argument, os.path.realpath(argument), True
    elif glob.has_magic(argument) or has_braces(argument):
        found = {path for one in braced(argument) for path in glob.glob(one, recursive=True)}  # noqa: PTH207
        matches = sorted(found, key=_byte_order)
        if not matches:
            raise CorpusError(f"{argument}: the pattern matches no file")
        # "**" lists a folder and what is in it: only the files are taken then, each once.
        folders = [] if "**" in argument else [path for path in matches if Path(path).is_dir()]
        for path in matches:
            real = os.path.realpath(path)
            if path in folders:
                yield from _walked(path, excluded, report)
            elif not Path(path).is_dir() and real not in excluded:
                yield path, real, False
    else:
        raise CorpusError(f"{argument}: no such file or directory")


def _walked(folder: str, excluded: set[str], report: Report) -> Iterator[tuple[str, str, bool]]:
    try:
        yield from ((path, real, False) for path, real in walk(folder, excluded, report))
    except OSError as error:
        raise CorpusError(f"{error.filename or folder}: cannot be listed: {error.strerror}") from None


def _byte_order(path: str) -> list[bytes]:
    return os.fsencode(path).split(os.fsencode(os.sep))


def _describe(
    path: str, asked: str | None, status: os.stat_result | None, *, looks: bool
) -> InputFile | None:
    """A file by its name and first bytes; without a status a stream. None where its kind is unknown.

    Args:
        looks: whether the bytes of a file whose name says nothing are looked at.
    """
    if path == STDIN:
        return InputFile(STDIN, asked or "json_lines", None, 0, 0, is_stream=True)
    kind, compression = kind_by_name(path)
    kind = asked or kind
    if kind is None and (not looks or status is None):
        return None
    if kind is not None and compression is not None and not can_be_compressed(kind):
        return None
    if status is None:
        assert kind is not None
        return InputFile(path, kind, compression, 0, 0, is_stream=True)
    found, compression = kind_by_content(path, kind, compression)
    found = asked or found
    if found is None:
        return None
    if (missing := missing_library(compression)) is not None:
        raise CorpusError(f"{path}: {missing}")
    return InputFile(path, found, compression, status.st_size, status.st_mtime_ns, inode=status.st_ino)
