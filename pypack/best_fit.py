"""Best fit as bare indices, for those who have a loader of their own; `pypack.pack` gives whole plans."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pypack import _core
from pypack._common.threads import resolve_num_threads
from pypack.packing.packing import shared_options
from pypack.packing.strategies import Overflow
from pypack.plan.lengths import as_lengths


def best_fit_sequence_of(
    lengths: ArrayLike,
    sequence_length: int,
    *,
    overflow: Overflow = "error",
    max_documents: int | None = None,
    align: int = 1,
    drop_shorter_than: int = 0,
    num_threads: int | None = None,
) -> tuple[NDArray[np.signedinteger], int]:
    """Which sequence each document is in under best-fit-decreasing, and how many sequences there are.

    The sequences are those of `pypack.pack(..., strategy="best_fit", seed=None)`.

    Args:
        lengths: tokens of each document, int [D].
        sequence_length, max_documents, align, drop_shorter_than, num_threads: as in `pypack.pack`.
        overflow: "truncate", "drop" or "error"; "split" needs a plan.

    Returns:
        int32 [D], or int64 from 2^31 documents: the sequence, or -1 for a document that is in none; and the
        number of sequences.
    """
    job = _job(lengths, sequence_length, overflow, max_documents, align, drop_shorter_than, num_threads)
    return _core.best_fit_sequence_of(*job)


def best_fit_documents(
    lengths: ArrayLike,
    sequence_length: int,
    *,
    overflow: Overflow = "error",
    max_documents: int | None = None,
    align: int = 1,
    drop_shorter_than: int = 0,
    num_threads: int | None = None,
) -> tuple[NDArray[np.int64], NDArray[np.signedinteger]]:
    """The documents of each sequence under best-fit-decreasing. Arguments as in `best_fit_sequence_of`.

    Returns:
        offsets int64 [S + 1] and documents int32 [N] (int64 from 2^31 documents): sequence s holds
        `documents[offsets[s]:offsets[s + 1]]`, longest first, equal lengths in input order.
    """
    job = _job(lengths, sequence_length, overflow, max_documents, align, drop_shorter_than, num_threads)
    return _core.best_fit_documents(*job)


def _job(
    lengths: ArrayLike,
    sequence_length: int,
    overflow: Overflow,
    max_documents: int | None,
    align: int,
    drop_shorter_than: int,
    num_threads: int | None,
) -> tuple[NDArray[np.int32], _core.PackOptions, int, bool]:
    """What the kernels take: lengths, options, threads, and whether indices need 64 bits."""
    documents = as_lengths(lengths)
    options = shared_options(sequence_length, overflow, max_documents, align, drop_shorter_than)
    wide = len(documents) > np.iinfo(np.int32).max
    return documents, options, resolve_num_threads(num_threads), wide
