"""A server that is slow, fails or gives other bytes delays a loader; and what it cannot have, it names."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
from fixtures.range_server import Fault, RangeServer
from fixtures.remote_data import same_batch, same_batches, without_block_sums

import pypack

pytestmark = pytest.mark.filterwarnings("ignore:.*hold no token that is learned")  # pieces of a token

OPTIONS: Any = {"batch_sequences": 16, "seed": 5, "locality": 50}


def opened(server: RangeServer, cache: Path) -> pypack.Loader:
    store = pypack.TokenStore.open(f"{server.url}/a.store", cache=cache)
    return pypack.Loader(store, f"{server.url}/stream.plan", **OPTIONS)


def local(corpus: Path) -> pypack.Loader:
    return pypack.Loader(corpus / "a.store", corpus / "stream.plan", **OPTIONS)


@pytest.mark.parametrize("kind", ["503", "reset", "truncate", "slow", "flip"])
def test_faults_delay_and_never_corrupt(corpus: Path, server: RangeServer, cache: Path, kind: str) -> None:
    server.set_faults([Fault(kind, 0.12 if kind == "flip" else 0.25)])
    assert same_batches(opened(server, cache), local(corpus)) > 0
    assert kind in {one.fault for one in server.log()}


@pytest.mark.parametrize(
    ("kind", "error", "words"),
    [
        ("404", FileNotFoundError, "there is no such object"),
        ("403", PermissionError, "answers 403"),
        ("flip", OSError, "do not have the checksum of the store"),
    ],
)
def test_what_cannot_be_had_is_named(
    corpus: Path, server: RangeServer, cache: Path, kind: str, error: type[OSError], words: str
) -> None:
    loader = opened(server, cache)
    server.set_faults([Fault(kind, 1.0, ".bin")])
    with pytest.raises(error, match=rf"^{server.url}/a.store/0000\d.bin: .*{words}"):
        loader.batch_at(0)
    with pytest.raises(error, match=words):  # in the thread that makes batches ahead
        next(iter(loader))
    server.set_faults([])  # and when it can be had again, it is
    time.sleep(0.6)
    same_batch(loader.batch_at(0), local(corpus).batch_at(0))


def test_a_server_that_fails_for_long_is_told(server: RangeServer, cache: Path) -> None:
    with mock.patch.dict(os.environ, {"PYPACK_REMOTE_SECONDS": "0.5"}):
        loader = opened(server, cache)
        server.set_faults([Fault("503", 1.0, ".bin")])
        with pytest.raises(OSError, match=r"\.bin: the server answers 503 .*tries"):
            loader.batch_at(0)


def test_a_description_with_a_flipped_bit_is_read_again(server: RangeServer, cache: Path) -> None:
    server.set_faults([Fault("flip", 0.5, ".json")])
    assert len(pypack.TokenStore.open(f"{server.url}/a.store", cache=cache)) == 8000
    assert pypack.Plan.open(f"{server.url}/stream.plan", cache=cache).num_spans > 8000
    server.set_faults([Fault("flip", 1.0, ".json")])
    with pytest.raises(ValueError, match=r"store\.json"):
        pypack.TokenStore.open(f"{server.url}/a.store", cache=cache)


def test_there_is_no_store(server: RangeServer, cache: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"b\.store: has no store\.json"):
        pypack.TokenStore.open(f"{server.url}/b.store", cache=cache)
    with pytest.raises(FileNotFoundError, match=r"b\.plan is no plan"):
        pypack.Plan.open(f"{server.url}/b.plan", cache=cache)


def test_a_store_without_sums_of_its_parts_is_refused(corpus: Path, server: RangeServer, cache: Path) -> None:
    old = corpus / "old.store"
    old.mkdir()
    (old / "store.json").write_bytes((corpus / "a.store/store.json").read_bytes())
    without_block_sums(old)
    with pytest.raises(ValueError, match=r"00000\.bin has no checksums of its parts.*pypack upgrade"):
        pypack.TokenStore.open(f"{server.url}/old.store", cache=cache)


def test_an_upgraded_store_is_read(corpus: Path, server: RangeServer, cache: Path, tmp_path: Path) -> None:
    from pypack._common.checksums import checksum
    from pypack.store.format import STORE_FILE, StoreInfo
    from pypack.store.upgrade import upgrade_store

    old = corpus / "upgraded.store"
    old.mkdir()
    for file in (corpus / "a.store").iterdir():
        os.link(file, old / file.name)
    (old / STORE_FILE).unlink()
    info = StoreInfo.read(corpus / "a.store" / STORE_FILE)
    (old / STORE_FILE).write_bytes(info.to_json())
    from dataclasses import replace

    shards = tuple(
        replace(
            shard,
            block_checksums={},
            bin_checksum=checksum(old / f"{shard.name}.bin"),
            idx_checksum=checksum(old / f"{shard.name}.idx"),
        )
        for shard in info.shards
    )
    (old / STORE_FILE).write_bytes(replace(info, shards=shards).to_json())
    upgrade_store(pypack.TokenStore.open(old))
    store = pypack.TokenStore.open(f"{server.url}/upgraded.store", cache=cache)
    assert (store[7999] == pypack.TokenStore.open(corpus / "a.store")[7999]).all()


WAITING = """
import sys, pypack
store = pypack.TokenStore.open(sys.argv[1] + "/a.store", cache=sys.argv[2])
loader = pypack.Loader(store, sys.argv[1] + "/stream.plan", batch_sequences=8)
print("ready", flush=True)
{wait}
"""


@pytest.mark.parametrize("wait", ["loader.batch_at(0)", "next(iter(loader))", "store[3]"])
def test_ctrl_c_works_while_waiting(corpus: Path, server: RangeServer, cache: Path, wait: str) -> None:
    server.set_faults([Fault("stall", 1.0, ".bin", 60)])
    program = [sys.executable, "-c", WAITING.format(wait=wait), server.url, str(cache)]
    process = subprocess.Popen(program, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    time.sleep(0.5)
    assert process.poll() is None
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=10)
    assert "KeyboardInterrupt" in errors
