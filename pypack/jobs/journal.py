"""What an unfinished job has finished, so that running it again goes on from there."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from pypack._common.files import NOT_SUPPORTED, open_to_append, warn_once, write_atomically
from pypack._common.schema import COUNT, Field, check
from pypack.corpus import Position
from pypack.store.format import SHARD, ShardInfo

JOURNAL_FILE = "journal.jsonl"
_HEAD = Field("dict", open=True, fields={"job": Field("dict"), "format": Field(), "version": Field()})
_ENTRY = Field(
    "dict",
    fields={
        "shard": SHARD,
        "position": Field("dict", fields={"file": COUNT, "record": COUNT, "offset": COUNT}),
        "reject_bytes": COUNT,
    },
)
_FORMAT = {"format": "pypack.journal", "version": 1}


@dataclass(frozen=True)
class Entry:
    """One finished shard.

    Attributes:
        shard: what `store.json` will say of it.
        position: where reading goes on behind its last document.
        reject_bytes: size of the reject log up to that place.
    """

    shard: ShardInfo
    position: Position
    reject_bytes: int


class Journal:
    """A file of one JSON line for the job, then one for every finished shard, synced as they are written."""

    name = JOURNAL_FILE

    def __init__(self, directory: Path) -> None:
        self._path = directory / JOURNAL_FILE

    def exists(self) -> bool:
        return self._path.exists()

    def start(self, job: dict[str, Any]) -> None:
        """Begins a new journal for a job."""
        write_atomically(self._path, json.dumps(_FORMAT | {"job": job}).encode() + b"\n")

    def read(self) -> tuple[dict[str, Any], list[Entry]]:
        """The job and its finished shards. A last line that was cut by a crash is dropped, from the file too.

        Raises:
            ValueError: the file is not a journal, or of a newer version.
        """
        data = self._path.read_bytes()
        whole = data[: data.rfind(b"\n") + 1]
        try:
            head, *lines = [json.loads(line) for line in whole.splitlines()]
            for line in lines:
                check(line, _ENTRY, "a finished shard")
            check(head, _HEAD, "the job")
            entries = [
                Entry(ShardInfo.from_dict(line["shard"]), Position(**line["position"]), line["reject_bytes"])
                for line in lines
            ]
            job: dict[str, Any] = head["job"]
            version = (head["format"], head["version"])
        except (ValueError, RecursionError) as error:
            raise ValueError(
                f"{self._path}: not a journal of pypack ({error}); start over with --overwrite"
            ) from None
        if version != tuple(_FORMAT.values()):
            raise ValueError(f"{self._path}: version {version}; this pypack reads {tuple(_FORMAT.values())}")
        if len(whole) < len(data):
            os.truncate(self._path, len(whole))
        return job, entries

    def append(self, entry: Entry) -> None:
        """Records a finished shard."""
        with open_to_append(self._path) as file:
            file.write(json.dumps(asdict(entry)).encode() + b"\n")
            file.flush()
            os.fsync(file.fileno())

    def remove(self) -> None:
        """The job is done."""
        self._path.unlink(missing_ok=True)


@contextmanager
def only_job_in(directory: Path) -> Iterator[None]:
    """Keeps a second process from writing into the same directory.

    Raises:
        BlockingIOError: another process does.
    """
    try:
        import fcntl
    except ImportError:  # Windows: no advisory locks; two jobs in one directory are not noticed there
        yield
        return
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise
        except OSError as error:
            if error.errno not in NOT_SUPPORTED:
                raise
            warn_once(
                f"{directory}: this file system has no locks ({error.strerror}): start no second job there"
            )
        yield
    finally:
        os.close(descriptor)
