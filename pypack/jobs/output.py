"""The directory that a job writes: new, finished, or left unfinished by a run before."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pypack._common.files import TEMPORARY_SUFFIX
from pypack.jobs.journal import Entry, Journal, only_job_in
from pypack.store.format import REJECTED_FILE, STORE_FILE, TOKENIZER_FILE

# Everything that a job leaves in its directory, finished or not.
_OURS = (STORE_FILE, TOKENIZER_FILE, REJECTED_FILE)
_SHARD_SUFFIXES = (".bin", ".idx", ".parquet")


class OutputError(ValueError):
    """The output directory does not allow the job; the message says what stands there and what to do."""


@contextmanager
def claimed(directory: Path, job: dict[str, Any], overwrite: bool) -> Iterator[list[Entry]]:
    """Keeps the directory for one job, and gives the shards that an earlier run of the same job finished.

    Raises:
        OutputError: another process writes there; it holds a finished store and `overwrite` is false, an
            unfinished one of another job, or files that are not pypack's.
    """
    if directory.exists() and not directory.is_dir():
        raise OutputError(f"{directory}: is a file; the output is a directory")
    directory.mkdir(parents=True, exist_ok=True)
    try:
        with only_job_in(directory):
            yield _prepare(directory, job, overwrite)
    except BlockingIOError:
        raise OutputError(f"{directory}: another process is writing there; wait for it, or stop it") from None


def _prepare(directory: Path, job: dict[str, Any], overwrite: bool) -> list[Entry]:
    journal = Journal(directory)
    finished, begun = (directory / STORE_FILE).exists(), journal.exists()
    strangers = [path.name for path in sorted(directory.iterdir()) if not _is_ours(path, journal)]
    if strangers and not (finished or begun):
        raise OutputError(
            f"{directory}: holds files that are not a store's ({', '.join(strangers[:3])}); "
            "choose a new directory"
        )
    if finished and not overwrite:
        raise OutputError(
            f"{directory}: already holds a finished store; choose another path or add --overwrite"
        )
    if begun and not overwrite:
        return _resume(directory, journal, job)
    _clear(directory, journal)
    journal.start(job)
    return []


def _resume(directory: Path, journal: Journal, job: dict[str, Any]) -> list[Entry]:
    before, entries = journal.read()
    differences = _differences(before, job)
    if differences and entries:
        raise OutputError(
            f"{directory}: holds {len(entries)} finished shards of a job that differs from this one in "
            f"{'; '.join(differences)}. Run it as before to go on, or add --overwrite to start over"
        )
    if differences:
        _clear(directory, journal)
        journal.start(job)
        return []
    for entry in entries:
        for suffix, size in ((".bin", entry.shard.bin_bytes), (".idx", entry.shard.idx_bytes)):
            file = directory / f"{entry.shard.name}{suffix}"
            if not file.exists() or file.stat().st_size != size:
                raise OutputError(
                    f"{file}: missing or changed since it was finished; add --overwrite to start over"
                )
    for path in directory.glob(f"*{TEMPORARY_SUFFIX}*"):
        if not path.name.startswith(REJECTED_FILE):
            path.unlink()
    return entries


def _differences(before: dict[str, Any], now: dict[str, Any]) -> list[str]:
    def brief(value: Any) -> str:
        text = repr(value)
        return text if len(text) <= 60 else f"{text[:57]}..."

    return [
        f"{name} (before {brief(before.get(name))}, now {brief(now.get(name))})"
        for name in sorted({*before, *now})
        if before.get(name) != now.get(name)
    ]


def _is_ours(path: Path, journal: Journal) -> bool:
    name = path.name.split(TEMPORARY_SUFFIX)[0]
    return name in (*_OURS, journal.name) or (name[:5].isdigit() and name[5:] in _SHARD_SUFFIXES)


def _clear(directory: Path, journal: Journal) -> None:
    # The store's description goes first: what is left then is not a store any more, whenever this is killed.
    (directory / STORE_FILE).unlink(missing_ok=True)
    for path in directory.iterdir():
        if _is_ours(path, journal) and path.name != journal.name:
            path.unlink()
    journal.remove()
