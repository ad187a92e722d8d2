"""Memory of large results is used again, within bounds; seen through the arrays that the core gives out."""

from __future__ import annotations

import multiprocessing
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest

from pypack.best_fit import best_fit_sequence_of

MEGABYTE = 1 << 20


def large(values: int) -> np.ndarray:
    """The numbers below `values` as an array of the core, 4 bytes each."""
    return best_fit_sequence_of(np.ones(values, np.int32), 1)[0]


def test_memory_is_used_again_by_a_result_of_its_size():
    first = large(MEGABYTE)
    address = first.ctypes.data
    held = large(MEGABYTE)  # both are alive
    assert held.ctypes.data != address
    expected = first.copy()
    del first
    again = large(MEGABYTE)
    assert again.ctypes.data == address
    assert np.array_equal(again, expected)
    assert np.array_equal(held, expected)


def test_a_view_keeps_the_memory():
    whole = large(MEGABYTE)
    expected = whole[-3:].copy()
    view = whole[-3:]
    del whole
    others = [best_fit_sequence_of(np.ones(MEGABYTE, np.int32), 2)[0] for _ in range(3)]
    assert all(other[-1] == MEGABYTE // 2 - 1 for other in others)
    assert np.array_equal(view, expected)


CHILD = """
from pathlib import Path
import numpy as np
from pypack.best_fit import best_fit_sequence_of

def resident():
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096

ones = np.ones(4 << 20, np.int32)
best_fit_sequence_of(ones[:1000], 1)
before = resident()
arrays = [best_fit_sequence_of(ones, 1)[0] for _ in range(16)]  # 256 MiB
during = resident()
del arrays
print(during - before, resident() - before)
"""


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="reads /proc")
def test_what_nobody_uses_is_bounded():
    """At most 64 MiB stay of 256."""
    done = subprocess.run([sys.executable, "-c", CHILD], capture_output=True, text=True, check=True)
    during, after = map(int, done.stdout.split())
    assert during >= 256 * MEGABYTE
    assert after <= 80 * MEGABYTE  # the interpreter keeps something, too


def child_packs(result) -> None:
    result.put(int(large(MEGABYTE).sum()))


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_forked_child_and_other_threads_have_their_own():
    lengths = np.full(600_000, 700, np.int32)
    stop = threading.Event()
    wrong: list[int] = []

    def work() -> None:
        while not stop.is_set():
            sequence = best_fit_sequence_of(lengths, 1400, overflow="truncate")[0]
            if int(sequence[-1]) != len(lengths) // 2 - 1:
                wrong.append(int(sequence[-1]))

    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    context = multiprocessing.get_context("fork")
    for _ in range(5):
        result = context.Queue()
        child = context.Process(target=child_packs, args=(result,))
        child.start()
        assert result.get(timeout=60) == MEGABYTE * (MEGABYTE - 1) // 2
        child.join()
    stop.set()
    for thread in threads:
        thread.join()
    assert not wrong
