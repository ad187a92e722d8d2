"""How blocks come: in pieces, written as they come, asked for again only as far as they have not come."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from fixtures.range_server import Fault, RangeServer, range_server
from fixtures.remote_data import same_batches

import pypack
from pypack._common.checksums import block_checksum
from pypack.cache import Cache, RemoteFile, RemoteFiles, place
from pypack.cache.fetching import Fetched, fetch
from pypack.cache.groups import Group
from pypack.cache.measures import Measures, read_measures
from pypack.remote import DirectObjects, RemoteError, Url

BLOCK, BLOCKS = 64 << 10, 24
DATA = np.random.default_rng(0).bytes(BLOCK * BLOCKS - 777)


pytestmark = pytest.mark.filterwarnings("ignore:.*hold no token that is learned")


@pytest.fixture
def files(tmp_path: Path) -> Iterator[tuple[RemoteFiles, Path]]:
    """A file of many blocks that lie in one segment, behind a server; and the folder of its cache."""
    (tmp_path / "here").mkdir()
    (tmp_path / "here/a.bin").write_bytes(DATA)
    with range_server(tmp_path / "here") as server:
        cache = Cache.at(tmp_path / "cache")
        sums = block_checksum(tmp_path / "here/a.bin", BLOCK)
        yield RemoteFiles.open(cache, [RemoteFile(f"{server.url}/a.bin", len(DATA), sums)]), cache.folder


class _Objects:
    """Gives what `changed` makes of the bytes at each try, in pieces that fit no block."""

    def __init__(self, changed: Callable[[bytearray, int, int], None]) -> None:
        self._changed = changed
        self.tries: list[tuple[int, int]] = []

    def read_to(self, url: Url, begin: int, end: int, take: Callable[[memoryview], None]) -> None:
        """Alike of `DirectObjects`."""
        data = bytearray(DATA[begin:end])
        self._changed(data, begin, len(self.tries))
        self.tries.append((begin, end))
        for at in range(0, len(data), 50_001):
            take(memoryview(data)[at : at + 50_001])


def _fetched(group: Group, objects: object, blocks: range) -> Fetched:
    descriptor, is_new = group.opened(0)
    return fetch(objects, group, 0, blocks, descriptor, is_new)  # type: ignore[arg-type]


def test_a_good_block_between_bad_ones_is_not_written_over(files: tuple[RemoteFiles, Path]) -> None:
    """The first answer has the first and the third block wrong, the second one the block between them."""

    def changed(data: bytearray, begin: int, tries: int) -> None:
        for block in {0: (3, 5), 1: (4,)}.get(tries, ()):
            data[block * BLOCK - begin + 11] ^= 1

    (about,) = files[1].glob("*/about.json")
    group, objects = Group(about.parent), _Objects(changed)
    done = _fetched(group, objects, range(2, 8))
    assert done.error is None
    assert sorted(done.good) == list(range(2, 8))
    assert objects.tries == [(2 * BLOCK, 8 * BLOCK), (3 * BLOCK, 6 * BLOCK)]
    assert done.bytes == 9 * BLOCK
    assert group.path(0).read_bytes()[2 * BLOCK : 8 * BLOCK] == DATA[2 * BLOCK : 8 * BLOCK]


def test_a_block_that_is_always_wrong_is_told_and_the_others_are_good(
    files: tuple[RemoteFiles, Path],
) -> None:
    def changed(data: bytearray, begin: int, tries: int) -> None:
        data[-1] ^= 128  # of the last block, which is short

    (about,) = files[1].glob("*/about.json")
    done = _fetched(Group(about.parent), _Objects(changed), range(BLOCKS - 3, BLOCKS))
    assert sorted(done.good) == [BLOCKS - 3, BLOCKS - 2]
    assert done.error is not None
    assert "do not have the checksum" in done.error[2]


@pytest.mark.parametrize("kind", ["reset", "truncate"])
def test_an_answer_that_broke_off_is_gone_on_with(tmp_path: Path, kind: str) -> None:
    data = np.random.default_rng(1).bytes(5_000_000)
    (tmp_path / "a.bin").write_bytes(data)
    with range_server(tmp_path) as server:
        server.set_faults([Fault(kind, 0.6)])
        found = bytearray()
        DirectObjects().read_to(Url.of(f"{server.url}/a.bin"), 1234, len(data), found.extend)
        assert bytes(found) == data[1234:]
        log = server.log()
    assert any(one.fault for one in log)
    starts = [one.start for one in log]
    assert starts == sorted(starts)
    # As long as what came of an answer is kept, each begins behind the one before it.
    assert kind == "reset" or len(set(starts)) == len(starts)


class _Liar:
    def read_to(self, url: Url, begin: int, end: int, take: Callable[[memoryview], None]) -> None:
        """Gives more than it was asked for."""
        take(memoryview(bytes(end - begin + 1)))


def test_more_than_was_asked_for_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYPACK_REMOTE_SECONDS", "0")
    objects, url = DirectObjects(), Url.of("http://127.0.0.1:1/a")
    monkeypatch.setattr(objects, "_client", lambda url: _Liar())
    taken = bytearray()
    with pytest.raises(RemoteError, match="gave 11 bytes of 10"):
        objects.read_to(url, 5, 15, taken.extend)
    assert not taken


_NEVER_BY_ITSELF = "from pypack.cache import fetcher; fetcher._BETWEEN_PLANS = 3600.0; "


@pytest.fixture
def never_by_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fetchers make no plan by themselves."""
    program = place._PROGRAM.replace("from pypack.cache", f"{_NEVER_BY_ITSELF}from pypack.cache", 1)
    assert program != place._PROGRAM
    monkeypatch.setattr(place, "_PROGRAM", program)


def _read_at_once(tmp_path: Path, cache: Path, places: range) -> None:
    """Reads a few bytes at each place, each in a thread of its own, from a server that takes its time."""
    (tmp_path / "a.bin").write_bytes(DATA)
    found: dict[int, bytes] = {}
    with range_server(tmp_path) as server:
        sums = block_checksum(tmp_path / "a.bin", BLOCK)
        files = RemoteFiles.open(Cache.at(cache), [RemoteFile(f"{server.url}/a.bin", len(DATA), sums)])
        server.set_faults([Fault("slow", seconds=0.1)])

        def read(at: int) -> None:
            found[at] = files.read(0, at, at + 4)

        threads = [threading.Thread(target=read, args=(at,), daemon=True) for at in places]
        for thread in threads:
            thread.start()
        end = time.monotonic() + 30
        for thread in threads:
            thread.join(max(0.0, end - time.monotonic()))
    assert found == {at: DATA[at : at + 4] for at in places}


@pytest.mark.usefixtures("never_by_itself")
def test_blocks_of_one_segment_do_not_wait_for_the_next_plan(tmp_path: Path, cache: Path) -> None:
    """Each begins when the one before it has come."""
    _read_at_once(tmp_path, cache, range(0, 10 * BLOCK, 2 * BLOCK))


def test_many_threads_wait_at_once(tmp_path: Path, cache: Path) -> None:
    """More than the batches by which a want grows old: each is a time of the clock that they share."""
    _read_at_once(tmp_path, cache, range(0, len(DATA), BLOCK))


@pytest.mark.usefixtures("never_by_itself")
def test_what_is_wanted_sooner_does_not_wait_for_the_next_plan(
    server: RangeServer, corpus: Path, cache: Path
) -> None:
    """Batches ask for blocks that were asked for ahead."""
    theirs = pypack.TokenStore.open(f"{server.url}/a.store", cache=cache)
    mine = pypack.TokenStore.open(corpus / "a.store")
    loaders = [
        pypack.Loader(store, plan, batch_sequences=4, seed=1, locality=16)
        for store, plan in ((theirs, f"{server.url}/stream.plan"), (mine, corpus / "stream.plan"))
    ]
    found: list[int] = []
    thread = threading.Thread(target=lambda: found.append(same_batches(*loaders)), daemon=True)
    thread.start()
    thread.join(60)
    assert found
    assert found[0] > 500


def test_measures_stay_one_file_that_can_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pypack.cache.measures._BETWEEN_SAVES", 0.0)
    measures = Measures(tmp_path)
    places = set()
    for full in range(1, 12):
        measures.note_full()
        measures.save()
        places.add((tmp_path / "measures.json").stat().st_ino)
        assert read_measures(tmp_path)["full"] == full
        assert json.loads((tmp_path / "measures.json").read_text())["full"] == full
    assert len(places) == 1
    assert Measures(tmp_path)._values["full"] == 11
