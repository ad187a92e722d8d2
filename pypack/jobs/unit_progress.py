"""Writing the encoded batches of a unit, with its progress and an eye on what it refuses."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from pypack._common.words import counted
from pypack.corpus import DocumentBatch, InputFile
from pypack.corpus.piece import lines_before
from pypack.jobs.reject_limit import RejectLimit, TooManyRejectsError, UnitRejects, commonest
from pypack.jobs.unit_writer import UnitWriter
from pypack.ragged import Ragged
from pypack.store.beside import Beside


@dataclass
class UnitProgress:
    """What an attempt at a unit has done so far.

    Attributes:
        documents, tokens: of the unit, those of earlier attempts included.
        run_documents, run_tokens, input_bytes, disk_bytes, blank_lines, rejected: of this attempt; disk_bytes
            count what an earlier one had read, too.
    """

    documents: int = 0
    tokens: int = 0
    run_documents: int = 0
    run_tokens: int = 0
    input_bytes: int = 0
    disk_bytes: int = 0
    blank_lines: int = 0
    rejected: int = 0


class ToldWriter:
    """Writes batches, and tells after each what is done.

    Args:
        writer: of the unit, as an earlier attempt has left it.
        files: of the unit.
        max_rejects: how many records may be refused, see `RejectLimit`; None: all.
        on_progress: called after every batch.
    """

    def __init__(
        self,
        writer: UnitWriter,
        files: list[InputFile],
        max_rejects: str | None,
        on_progress: Callable[[UnitProgress], None] | None,
    ) -> None:
        self._writer, self._files, self._on_progress = writer, files, on_progress
        self._begun = writer.num_documents, writer.num_tokens
        self._progress = UnitProgress(disk_bytes=sum(file.size for file in files[: writer.start.file]))
        self._rejects: UnitRejects | None = None
        if max_rejects is not None:
            limit = RejectLimit(max_rejects)
            self._rejects = UnitRejects(limit, writer.num_documents, writer.rejects.total)

    def __call__(self, item: tuple[DocumentBatch, Ragged, Beside | None]) -> None:
        """Writes a batch, its ids, and what stands beside them.

        Raises:
            TooManyRejectsError: one reject of it is one too many.
        """
        batch, ids, beside = item
        self._writer.write(batch, ids, beside)
        if self._rejects is not None and not self._rejects.add(batch):
            raise _too_many_rejects(self._rejects, self._writer, self._files)
        self._count(batch)
        if self._on_progress is not None:
            self._on_progress(self._progress)

    def _count(self, batch: DocumentBatch) -> None:
        progress, (documents, tokens) = self._progress, self._begun
        progress.documents, progress.tokens = self._writer.num_documents, self._writer.num_tokens
        progress.run_documents = progress.documents - documents
        progress.run_tokens = progress.tokens - tokens
        progress.input_bytes += batch.input_bytes
        progress.disk_bytes += batch.disk_bytes
        progress.blank_lines += batch.blank_lines
        progress.rejected += len(batch.rejects)


def _too_many_rejects(seen: UnitRejects, writer: UnitWriter, files: list[InputFile]) -> TooManyRejectsError:
    """The error for a unit that has refused more than it may."""
    is_piece = len(files) == 1 and files[0].end is not None and files[0].has_lines
    log = writer.tell_rejects(lines_before(files[0], files[0].begin) if is_piece else 0)
    first, last = files[0].path, files[-1].path
    return TooManyRejectsError(
        f"{first if len(files) == 1 else f'{first} to {last}'}: {seen.rejected:,} of the first "
        f"{counted(seen.rejected + seen.documents, 'record was', 'records were')} rejected, more than "
        f"--max-rejects {seen.limit}: {commonest(writer.rejects.by_kind, log)}. Mend what is wrong and "
        "start over with --overwrite, or run the same command with a larger --max-rejects, which goes on"
    )
