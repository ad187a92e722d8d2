"""A process that may map no more files is told so, of a store here and of one behind a cache."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from fixtures.range_server import RangeServer

_LIMIT = Path("/proc/sys/vm/max_map_count")
_MOST = 300_000  # more are not made by a test

_PROGRAM = """
import ctypes, sys, pypack
store = pypack.TokenStore.open(sys.argv[1], cache=sys.argv[2] or None)
assert len(store[0])
last = len(store) - 1
libc = ctypes.CDLL(None)
libc.mmap.restype = ctypes.c_void_p
libc.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t, *[ctypes.c_int] * 3, ctypes.c_long]
for i in range(int(sys.argv[3])):  # two kinds in turns, which the system does not join
    if libc.mmap(None, 4096, i % 2, 0x22, -1, 0) == ctypes.c_void_p(-1).value:
        break
else:
    sys.exit("there is no limit")
try:
    if not sys.argv[2]:  # whose files are mapped when it is opened, as long as they are few
        store = pypack.TokenStore.open(sys.argv[1])
    store[last]
except (ValueError, OSError) as error:
    print(error)
"""


@pytest.mark.skipif(
    not _LIMIT.exists() or int(_LIMIT.read_text()) > _MOST, reason="no limit that can be reached"
)
@pytest.mark.parametrize("is_remote", [False, True])
def test_no_more_mappings(corpus: Path, server: RangeServer, cache: Path, is_remote: bool) -> None:
    place = f"{server.url}/a.store" if is_remote else str(corpus / "a.store")
    arguments = [place, str(cache) if is_remote else "", str(2 * _MOST)]
    done = subprocess.run(
        [sys.executable, "-c", _PROGRAM, *arguments], capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 0, done.stderr
    assert (
        "cannot map: Cannot allocate memory; a process may hold a limited number of mappings" in done.stdout
    )
    assert str(cache if is_remote else corpus) in done.stdout
