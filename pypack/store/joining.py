"""`pypack join`: columns of a table for the documents that have its keys."""

from __future__ import annotations

import itertools
import os
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from pypack._common.asked import looking_at_what_is_asked
from pypack._common.paths import local_path
from pypack.store.key_join import JoinCounts, KeyJoin, key_batches
from pypack.store.new_columns import (
    AddColumns,
    add_columns,
    column_batches,
    column_names,
    kept_columns,
    refuse_remote,
)
from pypack.store.store import TokenStore

if TYPE_CHECKING:
    import pyarrow as pa


def join_columns(
    store: TokenStore | str | os.PathLike[str],
    table: str | os.PathLike[str],
    on: str,
    *,
    columns: Sequence[str] | None = None,
    replace: bool = False,
    add: AddColumns = add_columns,
) -> JoinCounts:
    """Adds the columns of a Parquet file to the documents of a store that have the same key.

    Tokens stay as they are. Killed at any moment, it leaves the old store or the new one.

    Memory is bounded, whatever the numbers of documents and rows: what it works on lies in files beside the
    store, some times as large as keys and columns.

    Args:
        store: a store that keeps the column `on`.
        table: a Parquet file with the column `on`, one row a key; of several rows the first counts.
        on: the key, of whole numbers or texts.
        columns: those to add; None: all but the key.
        replace: take the place of columns of the same names.
        add: what adds them; to a store at a URL, `pypack.jobs.with_columns.columns_to(output)`.

    Returns:
        How many documents and rows had no partner, and how many rows came again.

    Raises:
        ValueError: a column is missing, is there already, or the keys are of different types.
    """
    opened = TokenStore.open(store)
    if add is add_columns:
        refuse_remote(opened)
    path = local_path(table)
    if not path.is_file():
        raise FileNotFoundError(f"{path}: no such Parquet file")
    with looking_at_what_is_asked():
        names = _names_to_add(opened, path, on, columns, replace)
    beside = None if opened.is_remote else opened.path.parent
    with tempfile.TemporaryDirectory(prefix=f".{opened.path.name}.join-", dir=beside) as folder:
        keys = key_batches(_of_store(opened, on), on)
        first = next(keys)  # of no rows
        join = KeyJoin(Path(folder), opened.num_documents, _rows(path), first.type)
        join.add_documents(itertools.chain([first], keys))
        join.add_rows(column_batches(path, [on, *names]), on)
        join.join()
        add(opened, names, join.values, replaces=replace)
    return join.counts


def _names_to_add(
    store: TokenStore, path: Path, on: str, columns: Sequence[str] | None, replace: bool
) -> list[str]:
    """Raises ValueError where the table or the store has not the columns that are asked for."""
    found = column_names(path)
    names = [name for name in found if name != on]
    if on not in found:
        raise ValueError(f"{path}: has no column {on!r}, but {', '.join(map(repr, names))}")
    if columns is not None:
        for name in columns:
            if name not in names:
                raise ValueError(f"{path}: has no column {name!r}, but {', '.join(map(repr, names))}")
        names = list(columns)
    kept = kept_columns(store)
    if on not in kept:
        raise ValueError(
            f"{store.place}: keeps no column {on!r}, but {', '.join(map(repr, kept)) or 'none'} "
            "(tokenize with --keep)"
        )
    if not names:
        raise ValueError(f"{path}: has no column beside the key {on!r}")
    if (both := [name for name in names if name in kept]) and not replace:
        raise ValueError(
            f"{store.place}: keeps a column {both[0]!r} already: replace it (--replace), or choose another "
            "name"
        )
    return names


def _rows(path: Path) -> int:
    from pypack.columnar.process import row_groups

    return sum(rows for rows, _ in row_groups(str(path)))


def _of_store(store: TokenStore, name: str) -> Iterator[pa.RecordBatch]:
    assert store.info is not None
    for shard in store.info.shards:
        yield from column_batches(store.local_file(f"{shard.name}.parquet"), [name])
