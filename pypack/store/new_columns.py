"""Columns that a store gets after it was written: its tokens stay, its files of columns are written anew."""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

from pypack._common.checksums import block_checksum
from pypack._common.files import exchange, sync_directory, write_atomically
from pypack.columnar.process import ColumnarReader, DamagedColumnsError
from pypack.remote import Url
from pypack.store.column_batches import column_batches as column_batches
from pypack.store.column_writer import ColumnWriter
from pypack.store.contents import extra_files
from pypack.store.described import DescribedStore
from pypack.store.format import REJECTED_FILE, STORE_FILE, TOKENIZER_FILE, ShardInfo, StoreInfo
from pypack.store.only_here import ADD_COLUMNS_HERE
from pypack.store.store import TokenStore

if TYPE_CHECKING:
    import pyarrow as pa

# (first document, document after the last) → their values, one row a document.
Rows: TypeAlias = "Callable[[int, int], pa.Table]"
_OF_A_JOB = ("job.json", "units", "journal.jsonl")


class AddColumns(Protocol):
    """What adds columns to a store, such as `add_columns`."""

    def __call__(
        self, store: TokenStore, names: Iterable[str], rows: Rows, *, replaces: bool = False
    ) -> None: ...


def add_columns(
    store: TokenStore,
    names: Iterable[str],
    rows: Rows,
    *,
    replaces: bool = False,
) -> None:
    """Adds columns to a store in its place; whoever has it open goes on with what it was.

    A folder beside it gets the shards (as further names of the same files) and new files of columns, and
    takes the store's place in one step: killed at any moment, it leaves the old store or the new one. What a
    job left there to go on with stays behind: the store is finished.

    Args:
        names: of the new columns.
        rows: (first document, document after the last) → their values, one row a document.
        replaces: take the place of columns of the same names.

    Raises:
        ValueError: the store keeps such a column already, is a bare Megatron-Core dataset, or its file system
            cannot swap folders.
        FileExistsError: a folder beside the store is in the way.
    """
    names = list(names)
    refuse_remote(store)
    info = checked_columns(store, names, replaces=replaces)
    strangers = [name for name in extra_files(store.path, info)[1] if name not in _OF_A_JOB]
    with staged_beside(store.path) as folder:
        shards: list[ShardInfo] = []
        first = 0
        for shard in info.shards:
            path = folder / f"{shard.name}.parquet"
            old = store.path / path.name if shard.columns_checksum is not None else None
            write_columns(path, old, names, rows, first, first + shard.documents)
            shards.append(replace(shard, columns_checksum=block_checksum(path)))
            first += shard.documents
            for suffix in (".bin", ".idx", *shard.beside):
                _link(store.path / f"{shard.name}{suffix}", folder)
        for name in [*info.files, TOKENIZER_FILE, REJECTED_FILE, *strangers]:
            if not (folder / name).exists() and (store.path / name).exists():
                _link(store.path / name, folder)
        write_atomically(folder / STORE_FILE, replace(info, shards=tuple(shards)).to_json())
        sync_directory(folder)
        if not exchange(folder, store.path):
            raise ValueError(
                f"{store.path}: its file system cannot swap folders in one step, and columns are not added "
                "in several: copy the store to another one"
            )
        sync_directory(store.path.parent)


def checked_columns(store: TokenStore, names: Sequence[str], *, replaces: bool) -> StoreInfo:
    """What the `store.json` of a store says that may get such columns.

    Raises:
        ValueError: it keeps such a column already, or is a bare Megatron-Core dataset.
    """
    if store.info is None:
        raise ValueError(
            f"{store.path}: is no store of pypack (it has no {STORE_FILE}), and keeps no columns"
        )
    kept = kept_columns(store)
    if (both := [name for name in names if name in kept]) and not replaces:
        raise ValueError(
            f"{store.place}: keeps a column {both[0]!r} already: replace it (--replace), or choose another "
            "name"
        )
    return store.info


def refuse_remote(store: TokenStore) -> None:
    """Raises ValueError for a store at a URL: no service puts many objects in the place of others at once."""
    if store.is_remote:
        raise ValueError(f"{store.place}: columns are added to stores in folders: {ADD_COLUMNS_HERE}")


def kept_columns(store: TokenStore | DescribedStore) -> list[str]:
    """The names of the columns that a store keeps."""
    if store.info is None or not store.info.shards or store.info.shards[0].columns_checksum is None:
        return []
    name = f"{store.info.shards[0].name}.parquet"
    return column_names(store.local_file(name) if isinstance(store, TokenStore) else store.path / name)


def column_names(path: Path | Url) -> list[str]:
    """The names of the columns of a Parquet file.

    Raises:
        ValueError: it is damaged; the message names the file.
    """
    try:
        with ColumnarReader() as reader:
            return [name for name, _ in reader.fields(str(path), "columns")]
    except DamagedColumnsError as error:
        raise ValueError(f"{path}: {error.reason}") from error


def write_columns(
    path: Path,
    old: Path | None,
    names: list[str],
    rows: Rows,
    first: int,
    last: int,
) -> None:
    """Writes the columns of a shard: the old ones, batch by batch, with the new ones beside them."""
    import pyarrow as pa

    writer: ColumnWriter | None = None
    at = first
    for size, batch in _old_batches(old, last - first):
        new = rows(at, at + size).select(names).combine_chunks()
        arrays: dict[str, Any] = {}
        fields: dict[str, pa.Field] = {}
        if batch is not None:
            for field, column in zip(batch.schema, batch.columns, strict=True):
                if field.name not in names:
                    arrays[field.name], fields[field.name] = column, field
        for field in new.schema:
            column = new.column(field.name)
            arrays[field.name] = column.combine_chunks() if column.num_chunks != 1 else column.chunk(0)
            fields[field.name] = field
        joined = pa.RecordBatch.from_arrays(list(arrays.values()), schema=pa.schema(list(fields.values())))
        if writer is None:
            writer = ColumnWriter(path, joined.schema)
        writer.append(joined)
        at += size
    assert writer is not None
    if at != last:
        raise ValueError(f"{old}: {at - first} rows for {last - first} documents; it is not its store's")
    writer.close()


_ROWS = 1 << 16


def _old_batches(path: Path | None, documents: int) -> Iterator[tuple[int, pa.RecordBatch | None]]:
    if path is not None:
        for batch in column_batches(path):
            yield batch.num_rows, batch
        return
    yield 0, None
    for first in range(0, documents, _ROWS):
        yield min(_ROWS, documents - first), None


def _link(path: Path, folder: Path) -> None:
    """A further name of a file, or a copy where the file system has no such names."""
    try:
        os.link(path, folder / path.name)
    except OSError:
        shutil.copytree(path, folder / path.name) if path.is_dir() else shutil.copy2(path, folder)


@contextmanager
def staged_beside(path: Path) -> Iterator[Path]:
    """A new folder beside a store, removed at the end; of one that was killed, at the next time."""
    for stale in path.parent.glob(f".{path.name}.columns-*"):
        shutil.rmtree(stale, ignore_errors=True)
    folder = path.parent / f".{path.name}.columns-{secrets.token_hex(6)}"
    folder.mkdir()
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
