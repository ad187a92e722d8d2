"""A store with more columns at another place: what `pypack join` and `pypack dedup` make with `-o OUT`.

At a URL nothing can be put in the place of a store in one step. So a new one is made: the service copies the
tokens within its bucket, columns are written anew, and `store.json` comes last.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from pypack._common.checksums import block_checksum
from pypack._common.files import sync_directory, write_atomically
from pypack.jobs.attempts import Attempt
from pypack.jobs.crash import crash_at
from pypack.jobs.fetching import fetch
from pypack.jobs.merge_parts import MERGE_PLAN
from pypack.jobs.moved import Moved
from pypack.jobs.open_place import place_at
from pypack.jobs.output import OutputError
from pypack.jobs.place import FolderPlace
from pypack.jobs.remote_place import RemotePlace
from pypack.jobs.transfer import transfer
from pypack.remote import Url
from pypack.store.contents import shard_files
from pypack.store.format import STORE_FILE, ShardInfo, StoreInfo
from pypack.store.new_columns import AddColumns, Rows, checked_columns, staged_beside, write_columns
from pypack.store.remote import RemoteStore
from pypack.store.second_name import SecondNames
from pypack.store.store import TokenStore

_COLUMNS = ".parquet"


def columns_to(output: Path | Url) -> AddColumns:
    """What adds columns to a store by making another one, at `output`; the store stays as it is.

    Killed at any moment, it leaves no store or the whole one there, and the same call goes on. The new one
    has no job: nothing can be appended to it, and nothing of it be made again.

    What it returns raises:
        OutputError: something else stands there, or cannot be written there.
        ValueError: the store keeps such a column already, or a file of it is not what was recorded.
        RemoteError: a service does not answer, or does not allow it.
    """

    def add(store: TokenStore, names: Iterable[str], rows: Rows, *, replaces: bool = False) -> None:
        chosen = list(names)
        made = _Made(store, checked_columns(store, chosen, replaces=replaces), chosen, rows)
        if isinstance(output, Url):
            made.at_url(output)
        else:
            made.in_folder(output)

    return add


def check_output(output: Path | Url) -> None:
    """Raises OutputError where a new store cannot be made."""
    if isinstance(output, Url):
        if output.is_read_only or not output.key:
            raise OutputError(f"{output}: name a folder at s3://, gs:// or az:// that can be written")
        names = RemotePlace(output).names()
        if names and MERGE_PLAN not in names:
            raise OutputError(f"{output}: stands there already; choose another name")
    elif output.exists():
        raise OutputError(f"{output}: stands there already; choose another path")


class _Made:
    """A store with more columns, on its way."""

    def __init__(self, store: TokenStore, info: StoreInfo, names: Sequence[str], rows: Rows) -> None:
        self._store, self._info, self._names, self._rows = store, info, list(names), rows
        self._place = place_at(store.url if isinstance(store, RemoteStore) else store.path)

    def at_url(self, url: Url) -> None:
        """Makes it of objects."""
        check_output(url)
        target = RemotePlace(url)
        told = [str(self._place.folder), hashlib.sha256(self._info.to_json()).hexdigest(), *self._names]
        if not target.create(MERGE_PLAN, json.dumps(told).encode()):
            raise OutputError(
                f"{target.told(MERGE_PLAN)}: another store has been begun there: choose another name, or "
                f"remove what is at {url}"
            )
        transfer(self._files(), target)
        shards, attempt = [], Attempt()
        try:
            for shard, first in self._shards():
                name = f"{shard.name}{_COLUMNS}"
                temporary = target.temporary(name, attempt)
                try:
                    shards.append(self._written(temporary, shard, first))
                    crash_at("columns", name)
                    target.replace(temporary, name)
                finally:
                    temporary.unlink(missing_ok=True)
        finally:
            attempt.end()
        target.write_once(STORE_FILE, replace(self._info, shards=tuple(shards)).to_json())
        target.settle()
        target.remove(MERGE_PLAN)

    def in_folder(self, path: Path) -> None:
        """Makes it of files: hard links of those that lie here."""
        check_output(path)
        names = SecondNames()
        with staged_beside(path) as folder:
            if isinstance(self._place, FolderPlace):
                for file in self._files():
                    names.give(self._place.path(file.name), folder / file.new_name, file.recorded)
            else:
                size_of = self._place.sizes()
                fetch([replace(file, size=size_of(file.name)) for file in self._files()], folder)
            shards = [
                self._written(folder / f"{shard.name}{_COLUMNS}", shard, first)
                for shard, first in self._shards()
            ]
            write_atomically(folder / STORE_FILE, replace(self._info, shards=tuple(shards)).to_json())
            sync_directory(folder)
            folder.rename(path)
        sync_directory(path.parent)

    def _shards(self) -> Iterator[tuple[ShardInfo, int]]:
        """Each shard, and the number of its first document."""
        first = 0
        for shard in self._info.shards:
            yield shard, first
            first += shard.documents

    def _files(self) -> Iterator[Moved]:
        """All but the columns and `store.json`."""
        for shard in self._info.shards:
            sums = shard.checksums()
            for name in shard_files((shard,)):
                suffix = name.removeprefix(shard.name)
                if suffix != _COLUMNS:
                    yield Moved(self._place, name, name, recorded=sums.get(suffix))
        for name, recorded in self._info.files.items():
            yield Moved(self._place, name, name, recorded=recorded)

    def _written(self, path: Path, shard: ShardInfo, first: int) -> ShardInfo:
        old = None
        if shard.columns_checksum is not None:
            old = self._store.local_file(f"{shard.name}{_COLUMNS}")
        with suppress(FileNotFoundError):
            path.unlink()
        write_columns(path, old, self._names, self._rows, first, first + shard.documents)
        return replace(shard, columns_checksum=block_checksum(path))
