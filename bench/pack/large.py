"""Best fit of 100 million documents: speed, and peak memory beyond input and output."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.common.lengths import GENERATORS
from bench.common.printing import Row
from bench.common.processes import in_new_process, start_peak_here, status_bytes
from bench.peers import prototype
from pypack.best_fit import best_fit_documents, best_fit_sequence_of
from pypack.packing.packing import pack


def _plan(lengths: NDArray[np.int32], sequence_length: int, **options: Any) -> tuple[NDArray[Any], ...]:
    """The arrays of a whole plan, in the order that is the default."""
    return tuple(pack(lengths, sequence_length, "best_fit", **options).arrays().values())


_FORMS: dict[str, Callable[..., Any]] = {
    "ids": best_fit_sequence_of,
    "CSR": best_fit_documents,
    "plan": _plan,
}


def large(documents: int, sequence_length: int) -> list[Row]:
    """A row for each form and number of threads, every call in a fresh process."""
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "lengths.npy"
        np.save(path, GENERATORS["web"](documents, 0))
        for form in _FORMS:
            for threads in (1, 2):
                case = (path, form, sequence_length, threads)
                ours, theirs = [], []
                for _ in range(3):
                    ours.append(in_new_process(_ours, *case))
                    if prototype.available() and form != "plan":  # it has no such form
                        theirs.append(in_new_process(_prototypes, *case))
                rows.append({
                    "form": form,
                    "documents": documents,
                    "L": sequence_length,
                    "threads": threads,
                    "ns/document": min(run[0] for run in ours) / documents * 1e9,
                    "prototype ns/document": min(theirs) / documents * 1e9 if theirs else None,
                    "CPU ns/document": min(run[2] for run in ours) / documents * 1e9,
                    "extra MiB": max(run[1] for run in ours),
                })  # fmt: skip
    return rows


def _ours(path: Path, form: str, sequence_length: int, threads: int) -> tuple[float, float, float]:
    """Seconds, MiB beyond input and output at the peak, and seconds of CPU."""
    lengths = np.load(path)
    best_fit_documents(lengths[:1000], 8192, overflow="truncate")
    start_peak_here()
    before = status_bytes("VmRSS")
    start, cpu_start = time.perf_counter(), time.process_time()
    result = _FORMS[form](lengths, sequence_length, overflow="truncate", num_threads=threads)
    seconds, cpu_seconds = time.perf_counter() - start, time.process_time() - cpu_start
    output = sum(array.nbytes for array in result if isinstance(array, np.ndarray))
    return seconds, (status_bytes("VmHWM") - before - output) / 2**20, cpu_seconds


def _prototypes(path: Path, form: str, sequence_length: int, threads: int) -> float:
    """Seconds; its offsets get as many sequences as it finds."""
    lengths = np.load(path)
    prototype.ids(lengths[:1000], sequence_length, 1)  # compiled
    most = len(lengths) if form == "ids" else prototype.ids(lengths, sequence_length, threads)[1]
    start = time.perf_counter()
    if form == "ids":
        prototype.ids(lengths, sequence_length, threads)
    else:
        prototype.documents(lengths, sequence_length, threads, most)
    return time.perf_counter() - start
