"""Reading through the cache, against its definition, on ranges and items of all kinds."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from fixtures.range_server import RangeServer, range_server
from fixtures.remote_data import cache_folder, kill_fetcher
from hypothesis import given
from hypothesis import strategies as st
from reference import cached_files as reference

from pypack._common.checksums import block_checksum
from pypack.cache import Cache, RemoteFile, RemoteFiles
from pypack.cache.layout import PRESENT, STATES

SIZES = [1, 4096, 70_001, 131_072, 300_000]
BLOCK = 64 << 10


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Files of some sizes, of random bytes."""
    made = tmp_path_factory.mktemp("files")
    for i, size in enumerate(SIZES):
        (made / f"{i}.bin").write_bytes(np.random.default_rng(i).bytes(size))
    return made


@pytest.fixture(scope="module")
def opened(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[RemoteFiles, Path]]:
    """The files through a cache, and the cache."""
    cache = tmp_path_factory.mktemp("reading") / "cache"
    with range_server(folder) as server:
        yield RemoteFiles.open(Cache.at(cache), remote(folder, server)), cache
        kill_fetcher(cache)


def remote(folder: Path, server: RangeServer) -> list[RemoteFile]:
    return [
        RemoteFile(f"{server.url}/{i}.bin", size, block_checksum(folder / f"{i}.bin", BLOCK))
        for i, size in enumerate(SIZES)
    ]


def present(cache: Path) -> list[set[int]]:
    """Of each file the blocks that the states call present."""
    (states,) = cache_folder(cache).glob("*/states")
    counts = [-(-size // BLOCK) for size in SIZES]
    data = states.read_bytes()[STATES.size + 4 * len(SIZES) :]  # each is one segment
    ends = np.cumsum(counts)
    return [
        {block for block in range(count) if data[end - count + block] == PRESENT}
        for count, end in zip(counts, ends.tolist(), strict=True)
    ]


@given(st.integers(0, len(SIZES) - 1), st.data())
def test_reading_is_that_of_the_definition(
    folder: Path, opened: tuple[RemoteFiles, Path], file: int, data: st.DataObject
) -> None:
    files, cache = opened
    start = data.draw(st.integers(0, SIZES[file]))
    stop = data.draw(st.integers(start, SIZES[file]))
    whole = (folder / f"{file}.bin").read_bytes()
    assert files.read(file, start, stop) == reference.read(whole, start, stop)
    assert reference.blocks(BLOCK, start, stop) <= present(cache)[file]


@given(st.integers(0, len(SIZES) - 1), st.sampled_from(["u1", "<i4", "<f4", "<i8"]), st.data())
def test_gathering_is_that_of_the_definition(
    folder: Path, opened: tuple[RemoteFiles, Path], file: int, dtype: str, data: st.DataObject
) -> None:
    files, _ = opened
    kind = np.dtype(dtype)
    count = SIZES[file] // kind.itemsize
    items = data.draw(st.lists(st.integers(0, max(0, count - 1)), max_size=0 if count == 0 else 30))
    whole = (folder / f"{file}.bin").read_bytes()
    found = files.core.gather(file, np.array(items, np.int64), kind)
    assert found.tobytes() == reference.gather(whole, items, kind).tobytes()


def test_what_is_not_in_the_files(opened: tuple[RemoteFiles, Path]) -> None:
    files, _ = opened
    for start, stop in ((-1, 1), (2, 1), (0, SIZES[1] + 1)):
        with pytest.raises(ValueError, match=f"bytes {start} to {stop} of a file of {SIZES[1]}"):
            files.read(1, start, stop)
    with pytest.raises(IndexError, match="item 1024"):
        files.core.gather(1, np.array([1024]), np.dtype("<i4"))
    with pytest.raises(IndexError):
        files.read(len(SIZES), 0, 1)
