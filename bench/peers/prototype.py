"""The prototype of bulk best fit that the targets of the packing engine were set with, as a yardstick: its
times tell how fast this machine is beside that one.

Its source, prototypes/bulk_best_fit.cpp, is no part of this repository: it is compiled from the folder that
PYPACK_SHARED names. Without it the columns are empty. It writes to fresh memory of numpy, page by page of
4 KiB, which is part of its time; pypack's outputs come from common/large_memory.
"""

from __future__ import annotations

import ctypes
import os
import subprocess
import tempfile
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

_POINTER, _U64 = ctypes.c_void_p, ctypes.c_uint64


@cache
def _library() -> ctypes.CDLL | None:
    source = Path(os.environ.get("PYPACK_SHARED", "")) / "prototypes" / "bulk_best_fit.cpp"
    if not os.environ.get("PYPACK_SHARED") or not source.is_file():
        return None
    with tempfile.TemporaryDirectory() as folder:
        built = Path(folder) / "prototype.so"
        flags = ["-O3", "-march=native", "-std=c++17", "-shared", "-fPIC", "-pthread"]
        subprocess.run(["c++", *flags, "-o", str(built), str(source)], check=True, capture_output=True)
        library = ctypes.CDLL(str(built))
    for function in (library.bfd_hist, library.bfd_csr):
        function.restype = _U64
    return library


def available() -> bool:
    """Whether its source is here."""
    return _library() is not None


def ids(lengths: NDArray[np.int32], sequence_length: int, threads: int) -> tuple[NDArray[np.uint32], int]:
    """Sequence of each document, truncated to the sequence; and the number of sequences."""
    library = _library()
    assert library is not None
    out = np.empty(len(lengths), np.uint32)
    full, runs = _U64(), _U64()
    sequences = library.bfd_hist(
        *(_POINTER(lengths.ctypes.data), _U64(len(lengths)), ctypes.c_uint32(sequence_length), 0, threads),
        *(_POINTER(out.ctypes.data), ctypes.byref(full), ctypes.byref(runs)),
    )
    return out, sequences


def documents(
    lengths: NDArray[np.int32], sequence_length: int, threads: int, most_sequences: int
) -> tuple[NDArray[np.uint32], NDArray[np.uint32]]:
    """Offsets and documents of the sequences."""
    library = _library()
    assert library is not None
    out, offsets = np.empty(len(lengths), np.uint32), np.empty(most_sequences + 2, np.uint32)
    full, items = _U64(), _U64()
    sequences = library.bfd_csr(
        *(_POINTER(lengths.ctypes.data), _U64(len(lengths)), ctypes.c_uint32(sequence_length), 0, threads),
        *(_POINTER(offsets.ctypes.data), _U64(len(offsets)), _POINTER(out.ctypes.data)),
        *(ctypes.byref(full), ctypes.byref(items)),
    )
    return offsets[: sequences + 1], out
