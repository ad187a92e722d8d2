"""A look at the first documents of the inputs before any work: what would fail is told in seconds."""

from __future__ import annotations

import random
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from pypack._common.words import counted
from pypack.columnar.process import ColumnarReader
from pypack.corpus import CorpusError, InputFile
from pypack.corpus.field import TextFields
from pypack.corpus.look import Look, Wanted, look_at
from pypack.corpus.similar import close_to, listed

# Time for all looks together; where there are more files than that allows, a sample is looked at.
MOST_SECONDS = 5.0
_MOST_TOLD = 3


class PreflightError(CorpusError):
    """The whole job would fail, as far as the first documents of its inputs show."""


@dataclass(frozen=True)
class Preflight:
    """What the looks have shown.

    Attributes:
        looked: files looked at.
        files: all files.
        warnings: a sentence for each thing that part of the job will trip over.
    """

    looked: int
    files: int
    warnings: tuple[str, ...]

    @property
    def sample(self) -> str:
        """How many files were looked at, in words."""
        if self.looked == self.files:
            return counted(self.files, "file") if self.files != 1 else "the file"
        return f"{self.looked:,} of {counted(self.files, 'file')}, chosen at random,"


def look(
    files: Sequence[InputFile],
    *,
    field: str | Sequence[str] = "text",
    keep: Sequence[str] = (),
    txt_per_line: bool = False,
    records: Sequence[str] = (),
    where: Sequence[str] = (),
    most_seconds: float = MOST_SECONDS,
) -> Preflight:
    """Looks at the first documents of every file that is no stream, in bounded time.

    Args:
        files: the inputs.
        field, keep, txt_per_line: see `pypack.corpus.read`.
        records: names or dotted paths that records must have, where they become texts; then `field` is not
            looked for.
        where: names or dotted paths of the fields that a condition looks at.
        most_seconds: no further file is looked at after that; which ones are then is chosen at random, always
            the same.

    Raises:
        PreflightError: no file looked at would give a document, or nobody has a field that is to be kept.
    """
    text = TextFields.of(field)
    where = [name for name in where if name not in text.names]
    wanted = Wanted(text, tuple(dict.fromkeys([*keep, *where])), txt_per_line, tuple(records))
    looks = _looks([file for file in files if not file.is_stream], wanted, most_seconds)
    with_content = [one for one in looks if one.documents or one.fault is not None]
    faulty = [one for one in with_content if one.fault is not None]
    has_streams = any(file.is_stream for file in files)
    report = Preflight(len(looks), sum(not file.is_stream for file in files), ())
    if faulty and len(faulty) == len(with_content) and not has_streams:
        raise PreflightError(_whole_job(faulty, report))
    good = [one for one in with_content if one.fault is None]
    if good and not has_streams:
        _check_fields(good, keep, "--keep", "keeps it all the same")
        _check_fields(good, where, "--where", "asks all the same")
    warnings = [*_grouped(faulty), *_drift(good, keep)]
    return Preflight(report.looked, report.files, tuple(warnings))


def _looks(files: Sequence[InputFile], wanted: Wanted, most_seconds: float) -> list[Look]:
    # The first is always among them. In a shuffled order, whatever is left when time is up is a sample.
    order = list(range(1, len(files)))
    random.Random(0).shuffle(order)
    end = time.monotonic() + most_seconds
    found: dict[int, Look] = {}
    with ColumnarReader() as reader:
        for index in [0, *order] if files else []:
            if found and time.monotonic() > end:
                break
            found[index] = look_at(files[index], wanted, reader)
    return [found[index] for index in sorted(found)]


def _whole_job(faulty: Sequence[Look], report: Preflight) -> str:
    if report.files == 1:
        one = faulty[0]
        return f"{one.file.path}: {one.fault} (nothing was written)"
    reasons = "; ".join(_grouped(faulty))
    return f"nothing was written, as no input would give a document ({report.sample} looked at): {reasons}"


def _grouped(faulty: Iterable[Look]) -> list[str]:
    """A sentence for each kind of fault, with how many files have it and the first of them; worst first."""
    by_fault: dict[str, list[Look]] = {}
    for one in faulty:
        by_fault.setdefault(one.fault or "", []).append(one)
    groups = sorted(by_fault.items(), key=lambda item: -len(item[1]))
    told = [f"{_named(looks)}: {fault}" for fault, looks in groups[:_MOST_TOLD]]
    rest = sum(len(looks) for _, looks in groups[_MOST_TOLD:])
    return [*told, f"{rest:,} more files give no document for other reasons"] if rest else told


def _named(looks: Sequence[Look]) -> str:
    first = looks[0].file.path
    return first if len(looks) == 1 else f"{first} and {len(looks) - 1:,} more files"


def _check_fields(looks: Sequence[Look], names: Sequence[str], option: str, otherwise: str) -> None:
    """Raises PreflightError for a field that no record has: it would be nothing but nulls."""
    for name in names:
        if any(name in one.kinds for one in looks):
            continue
        others = list(dict.fromkeys(other for one in looks for other in one.names))
        near = close_to(name, others)
        hint = f"did you mean {near}?" if near else f"there are {listed(others) or 'none'}"
        raise PreflightError(
            f"{option} {name}: no document at the start of {_named(looks)} has such a field; {hint} "
            f"(--no-preflight {otherwise}, for documents further on)"
        )


def _drift(looks: Sequence[Look], keep: Sequence[str]) -> list[str]:
    """What is kept here and missing there, or of another kind."""
    found = []
    for name in keep:
        lacking = [one for one in looks if name not in one.kinds]
        if lacking and len(lacking) < len(looks):
            found.append(
                f"{_named(lacking)}: no field {name!r} at the start, which --keep asks for: nulls there"
            )
        first: dict[str, str] = {}
        for one in looks:
            for kind in sorted(one.kinds.get(name, ())):
                first.setdefault(kind, one.file.path)
        if len(first) > 1:
            seen = ", ".join(f"{kind} ({path})" for kind, path in first.items())
            found.append(f"--keep {name}: values of several kinds, kept as JSON text: {seen}")
    return found
