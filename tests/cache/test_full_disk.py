"""A cache on a disk that is full: the loader goes on with less, or says so; it neither hangs nor dies."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from fixtures.range_server import RangeServer

import pypack

pytestmark = pytest.mark.filterwarnings("ignore:.*hold no token that is learned")  # pieces of a token

PROGRAM = """
import hashlib, json, pathlib, sys, warnings
import pypack
from pypack.cache.measures import read_measures
from pypack.remote import RemoteError

warnings.simplefilter("ignore")
url, cache = sys.argv[1:]
found = {"error": None}
try:
    store = pypack.TokenStore.open(url + "/a.store", cache=cache)
    loader = pypack.Loader(store, url + "/stream.plan", batch_sequences=2, shuffle=False)
    digest = hashlib.sha256()
    for batch in loader:
        digest.update(batch.input_ids.tobytes())
    found["digest"] = digest.hexdigest()
except OSError as error:
    found["error"] = str(error)
found["full"] = sum(read_measures(at.parent)["full"] for at in pathlib.Path(cache).glob("*/*/limit"))
print(json.dumps(found))
"""


@pytest.fixture(scope="module")
def small_disk(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """What stands in front of the bytes of a disk, its place and a program: a file system that the program
    alone sees, and which ends with it."""
    mount = ["unshare", *([] if os.getuid() == 0 else ["-r"]), "-m", "sh", "-c"]
    script = 'mount -t tmpfs -o size="$0" none "$1" && shift && exec "$@"'
    folder = tmp_path_factory.mktemp("disk")
    try:
        subprocess.run([*mount, script, "1m", str(folder), "true"], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError) as error:
        pytest.skip(f"no file system can be mounted here: {getattr(error, 'stderr', error)!r}")
    return [*mount, script]


@pytest.mark.parametrize(
    ("size", "error"),
    [
        ("12m", None),  # the store has as much, and readers and the plan take some: what was read goes
        ("3m", "cannot write to the cache: No space left on device; make room, or name another cache"),
        ("1m", "is the disk of the cache full? Make room"),  # not even for the words
        ("300k", "cannot write to the cache: No space left on device"),  # not for one
    ],
)
def test_a_full_disk(
    corpus: Path, server: RangeServer, tmp_path: Path, small_disk: list[str], size: str, error: str | None
) -> None:
    cache = tmp_path / "cache"
    cache.mkdir()
    run = [*small_disk, size, str(cache), sys.executable, "-c", PROGRAM, server.url, str(cache)]
    done = subprocess.run(run, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    if error is not None:
        assert error in found["error"]
        assert str(cache) in found["error"]
        return
    assert found["error"] is None
    assert found["full"] > 0
    import hashlib

    digest = hashlib.sha256()
    for batch in pypack.Loader(corpus / "a.store", corpus / "stream.plan", batch_sequences=2, shuffle=False):
        digest.update(batch.input_ids.tobytes())
    assert found["digest"] == digest.hexdigest()
