"""`pypack dedup`: which documents of a store are the same as, or much like, earlier ones."""

from __future__ import annotations

import dataclasses
import os
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from pypack import _core
from pypack._common.arguments import number_within, whole_number
from pypack._common.threads import resolve_num_threads
from pypack.store.new_columns import AddColumns, add_columns, refuse_remote
from pypack.store.store import TokenStore

if TYPE_CHECKING:
    import pyarrow as pa


@dataclasses.dataclass(frozen=True)
class Duplicates:
    """Documents in clusters of equal, or of similar ones.

    Attributes:
        first: int64 [D], the first document of the cluster of each; its own number, if it is that.
    """

    first: NDArray[np.int64]

    @property
    def is_duplicate(self) -> NDArray[np.bool_]:
        """bool [D]: not the first of its cluster."""
        marks: NDArray[np.bool_] = self.first != np.arange(len(self.first))
        return marks

    @property
    def cluster_sizes(self) -> NDArray[np.int64]:
        """int64 [D]: documents of the cluster of each, itself among them."""
        return np.bincount(self.first, minlength=len(self.first))[self.first]


def exact_duplicates(
    store: TokenStore | str | os.PathLike[str], *, num_threads: int | None = None
) -> Duplicates:
    """Documents with the same ids, by a hash of 128 bits. Memory: 40 bytes a document."""
    view = TokenStore.open(store).kernel_view
    return Duplicates(_core.first_equals(view, resolve_num_threads(num_threads)))


def near_duplicates(
    store: TokenStore | str | os.PathLike[str],
    threshold: float = 0.8,
    *,
    shingle: int = 5,
    num_hashes: int = 128,
    seed: int = 0,
    num_threads: int | None = None,
) -> Duplicates:
    """Documents that share most of their runs of ids, found by MinHash and then compared exactly.

    Two documents whose runs have a Jaccard similarity of `threshold` or more are joined where they agree in
    a band of hashes; at the threshold nine in ten do, above it more. No others are joined, but by others
    between them.

    Args:
        store: the tokens.
        threshold: above 0, up to 1.
        shingle: ids of a run.
        num_hashes: of a document. Memory: 8 bytes a band, 16 of these bands or more at 0.8, and 40.
        seed: of the hash functions.
        num_threads: None: all available cores.
    """
    num_hashes = whole_number("num_hashes", num_hashes)
    if not 0 < threshold <= 1:
        raise ValueError(f"threshold must be above 0, and at most 1, got {threshold}")
    if not 1 <= num_hashes <= 4096:
        raise ValueError(f"num_hashes must be from 1 to 4096, got {num_hashes}")
    rows = rows_of_band(threshold, num_hashes)
    options = _core.MinHashOptions(
        shingle=whole_number("shingle", shingle),
        bands=num_hashes // rows,
        rows=rows,
        threshold=float(threshold),
        seed=number_within("seed", seed, 64, signed=False),
        max_ids=1 << 20,
    )
    view = TokenStore.open(store).kernel_view
    return Duplicates(_core.first_similar(view, options, resolve_num_threads(num_threads)))


def rows_of_band(threshold: float, num_hashes: int, sure: float = 0.9) -> int:
    """The most hashes of a band with which two documents at the threshold agree in some band at least so
    surely: the fewer agree by chance."""
    fitting = [
        rows for rows in range(1, num_hashes + 1) if 1 - (1 - threshold**rows) ** (num_hashes // rows) >= sure
    ]
    return max(fitting, default=1)


def mark_duplicates(
    store: TokenStore | str | os.PathLike[str],
    *,
    near: float | None = None,
    shingle: int = 5,
    num_hashes: int = 128,
    seed: int = 0,
    replace: bool = False,
    num_threads: int | None = None,
    add: AddColumns = add_columns,
) -> dict[str, Duplicates]:
    """Adds columns to a store that say which documents are duplicates, for `where=`: "duplicate" (bool) and
    "duplicates" (int64, documents of its cluster), and with `near` also "near_duplicate" and
    "near_duplicates". Tokens stay as they are.

    Args:
        store: the tokens.
        near: the threshold of `near_duplicates`; None: exact ones alone.
        shingle, num_hashes, seed, num_threads: as there.
        replace: take the place of columns of the same names.
        add: what adds them; to a store at a URL, `pypack.jobs.with_columns.columns_to(output)`.
    """
    import pyarrow as pa

    opened = TokenStore.open(store)
    if add is add_columns:
        refuse_remote(opened)
    found = {"duplicate": exact_duplicates(opened, num_threads=num_threads)}
    if near is not None:
        found["near_duplicate"] = near_duplicates(
            opened, near, shingle=shingle, num_hashes=num_hashes, seed=seed, num_threads=num_threads
        )
    columns: dict[str, NDArray[Any]] = {}
    for name, one in found.items():
        columns |= {name: one.is_duplicate, f"{name}s": one.cluster_sizes}

    def rows(first: int, last: int) -> pa.Table:
        return pa.table({name: pa.array(values[first:last]) for name, values in columns.items()})

    add(opened, columns, rows, replaces=replace)
    return found
