"""The bare C++ loop of bare_loop.cpp over a store and a plan, its outputs allocated once."""

from __future__ import annotations

import ctypes
import subprocess
from pathlib import Path

import numpy as np

from pypack import Plan, TokenStore


def flat_file(store: TokenStore) -> Path:
    """The tokens of a store of one shard, documents end to end."""
    (shard,) = store.info.shards if store.info is not None else ()
    return store.path / f"{shard.name}.bin"


def compile_bare_loop(directory: Path) -> ctypes.CDLL:
    """Compiles it for this very processor."""
    source = Path(__file__).parent / "bare_loop.cpp"
    library = directory / "bare_loop.so"
    command = ["c++", "-O3", "-march=native", "-shared", "-fPIC", str(source), "-o", str(library)]
    subprocess.run(command, check=True)
    return ctypes.CDLL(str(library))


class BareLoop:
    """Calls it; `rows` are sequences of the plan, `batch` of them to a batch."""

    def __init__(self, library: ctypes.CDLL, store: TokenStore, plan: Plan, batch: int) -> None:
        self._library, self._batch = library, batch
        self._tokens = np.memmap(flat_file(store), np.uint16, "r")
        starts = np.zeros(store.num_documents + 1, np.int64)
        np.cumsum(store.lengths, out=starts[1:])
        self._offsets = starts[plan.span_document] + plan.span_start
        self._lengths = np.ascontiguousarray(plan.span_length)
        self._first_span = np.ascontiguousarray(plan.sequence_offsets)
        self._row_length = plan.sequence_length
        self.out = [np.empty((batch, plan.sequence_length), np.int64) for _ in range(4)]

    def __call__(self, rows: np.ndarray, arrays: int) -> list[np.ndarray]:
        function = self._library.bare_four if arrays == 4 else self._library.bare_ids
        inputs = (self._tokens, self._offsets, self._lengths, self._first_span, rows)
        function(
            *(ctypes.c_void_p(array.ctypes.data) for array in inputs),
            ctypes.c_int64(len(rows)),
            ctypes.c_int64(self._batch),
            ctypes.c_int64(self._row_length),
            *(ctypes.c_void_p(array.ctypes.data) for array in self.out[:arrays]),
        )
        return self.out[:arrays]
