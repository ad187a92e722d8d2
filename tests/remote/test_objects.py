"""What is done with objects, at each service that starts here: equal everywhere."""

from __future__ import annotations

import io
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from fixtures.forwarding import forwarding
from fixtures.object_servers import open_uploads
from fixtures.web_files import web_files

from pypack.remote import (
    ChangedObjectError,
    DirectObjects,
    MissingLibraryError,
    NoObjectError,
    RefusedError,
    RemoteError,
    RemoteFile,
    UnsupportedError,
    Url,
    objects,
)
from pypack.remote.process import ProcessObjects

_BIG = 17 << 20  # more than a part
SERVICES = ("s3", "azure_store", "google_store", "no_condition_store")


@pytest.fixture(params=SERVICES)
def store(request: pytest.FixtureRequest) -> Url:
    """A folder at each service."""
    found: Url = request.getfixturevalue(request.param)
    return found


def test_a_bucket_that_is_not_there_is_told_at_once(
    moto_server: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in moto_server.items():
        monkeypatch.setenv(name, value)
    begun = time.monotonic()
    with pytest.raises(RefusedError, match="the service knows no bucket 'mistyped'"):
        objects().list(Url.of("s3://mistyped/corpus.store"))
    assert time.monotonic() - begun < 30  # not PYPACK_REMOTE_SECONDS


def test_a_bucket_that_is_missing_is_no_missing_object(store: Url) -> None:
    """An answer to HEAD does not tell which it is."""
    nowhere = Url.of(f"{store.scheme}://mistyped/corpus.store/store.json")
    for ask in (
        lambda: objects().stat(nowhere),
        lambda: objects().read(nowhere),
        lambda: objects().read(nowhere, 0, 5),
    ):
        with pytest.raises(RefusedError, match="the service knows no bucket 'mistyped'"):
            ask()
    assert objects().stat(store / "none") is None
    with pytest.raises(NoObjectError, match="there is no such object"):
        objects().read(store / "none", 0, 5)


def test_who_may_not_list_is_told_of_a_missing_object(s3: Url, monkeypatch: pytest.MonkeyPatch) -> None:
    with forwarding(os.environ["AWS_ENDPOINT_URL"]) as proxy:
        proxy.fault = lambda method, path, headers: "403" if "list-type" in path else None
        monkeypatch.setenv("AWS_ENDPOINT_URL", proxy.url)
        there = DirectObjects()
        for _ in range(3):
            assert there.stat(s3 / "none") is None
        assert len([path for _, path in proxy.asked if "list-type" in path]) == 1


def test_objects_are_written_read_listed_and_removed(store: Url, tmp_path: Path) -> None:
    there = objects()
    assert there.stat(store / "a") is None
    assert there.list(store) == []
    there.write(store / "a", b"0123456789")
    found = there.stat(store / "a")
    assert found is not None
    assert found.size == 10
    assert found.etag
    assert abs(found.modified_ns / 1e9 - time.time()) < 3600
    assert there.read(store / "a") == b"0123456789"
    assert there.read(store / "a", 3) == b"3456789"
    assert there.read(store / "a", 3, 5) == b"34"
    assert there.read(store / "a", 5, 5) == b""
    data = random.Random(1).randbytes(_BIG + 5)
    (tmp_path / "big").write_bytes(data)
    there.upload(store / "d/e/big", str(tmp_path / "big"))
    assert there.read(store / "d/e/big") == data
    assert there.read(store / "d/e/big", 7_000_001, 16_000_003) == data[7_000_001:16_000_003]
    there.write(store / "d-e", b"")
    assert there.read(store / "d-e") == b""
    listed = {entry.path: entry.stat for entry in there.list(store)}
    assert list(listed) == ["a", "d/e/big", "d-e"]
    assert listed["a"] == found
    assert [entry.path for entry in there.list(store / "d")] == ["e/big"]
    there.remove(store / "a")
    there.remove(store / "a")
    assert there.stat(store / "a") is None
    with pytest.raises(NoObjectError, match=r"/a: there is no such object"):
        there.read(store / "a")


@pytest.mark.parametrize("service", SERVICES[:3])
def test_one_of_several_makes_an_object(service: str, request: pytest.FixtureRequest) -> None:
    store, there = request.getfixturevalue(service), objects()
    assert there.has_create(store)
    assert there.list(store) == []  # nothing is left of the probe
    assert there.create(store / "y", b"mine")
    assert there.create(store / "y", b"mine")  # of a twin, or of this one whose answer was lost
    assert not there.create(store / "y", b"not mine")
    assert there.read(store / "y") == b"mine"


@pytest.mark.parametrize("service", SERVICES[:3])
def test_one_of_several_replaces_an_object(service: str, request: pytest.FixtureRequest) -> None:
    store, there = request.getfixturevalue(service), objects()
    assert there.has_swap(store)
    assert there.list(store) == []
    there.write(store / "y", b"first")
    seen = there.stat(store / "y")
    assert seen is not None
    assert there.swap(store / "y", b"second", seen)
    assert there.swap(store / "y", b"second", seen)  # a lost answer, or a twin's
    assert not there.swap(store / "y", b"other", seen)
    assert there.read(store / "y") == b"second"
    there.remove(store / "y")
    assert not there.swap(store / "y", b"other", seen)
    assert there.stat(store / "y") is None


def test_an_object_is_copied_within_the_service(store: Url) -> None:
    there, data = objects(), random.Random(5).randbytes(100_000)
    there.write(store / "a b", data)
    there.copy(store / "a b", store / "c/d é")
    there.copy(store / "a b", store / "c/d é")
    assert there.read(store / "c/d é") == data
    with pytest.raises(NoObjectError):
        there.copy(store / "absent", store / "e")


def test_what_fsspec_and_web_servers_cannot(tmp_path: Path) -> None:
    folder, there = Url.of(f"local://{tmp_path}"), objects()
    there.write(folder / "a", b"12")
    there.copy(folder / "a", folder / "d/b")
    assert there.read(folder / "d/b") == b"12"
    assert not there.has_swap(folder)
    assert not there.has_create(folder)
    assert [entry.path for entry in there.list(folder)] == ["a", "d/b"]
    seen = there.stat(folder / "a")
    assert seen is not None
    for url in (folder / "a", Url.of("https://127.0.0.1:1/a")):
        with pytest.raises(UnsupportedError):
            there.swap(url, b"3", seen)


def test_a_service_that_makes_an_object_twice_is_found_out(no_condition_store: Url) -> None:
    assert not objects().has_create(no_condition_store)
    assert not objects().has_swap(no_condition_store)
    assert objects().list(no_condition_store) == []


def test_another_version_is_refused(s3: Url) -> None:
    there = objects()
    there.write(s3 / "a", b"first")
    found = there.stat(s3 / "a")
    assert found is not None
    assert there.read(s3 / "a", 0, 3, etag=found.etag) == b"fir"
    there.write(s3 / "a", b"other")
    with pytest.raises(ChangedObjectError, match=r"/a: is not the object that it was"):
        there.read(s3 / "a", 0, 3, etag=found.etag)


def test_an_object_as_a_file(s3: Url) -> None:
    data = random.Random(2).randbytes(100_003)
    objects().write(s3 / "a", data)
    with io.BufferedReader(RemoteFile(objects(), s3 / "a", block_bytes=1000), 300) as file:
        assert file.read() == data
        file.seek(50_500)
        assert file.read(1_700) == data[50_500:52_200]
        file.seek(-3, io.SEEK_END)
        assert file.read() == data[-3:]
    with pytest.raises(NoObjectError):
        RemoteFile(objects(), s3 / "b")


def test_what_is_begun_and_given_up_leaves_no_part(s3: Url, tmp_path: Path) -> None:
    (tmp_path / "big").write_bytes(bytes(33 << 20))
    asked = []

    def stopped() -> bool:
        asked.append(1)
        return len(asked) > 2

    with pytest.raises(RefusedError, match="given up"):
        DirectObjects(stopped).upload(s3 / "big", str(tmp_path / "big"))
    assert open_uploads(os.environ["AWS_ENDPOINT_URL"]) == []
    assert objects().stat(s3 / "big") is None


def test_faults_of_a_server_pass(s3: Url, monkeypatch: pytest.MonkeyPatch) -> None:
    rng = random.Random(3)
    with forwarding(os.environ["AWS_ENDPOINT_URL"]) as proxy:
        monkeypatch.setenv("AWS_ENDPOINT_URL", proxy.url)
        there = ProcessObjects()
        data = random.Random(1).randbytes(300_000)
        there.write(s3 / "a", data)
        proxy.fault = lambda method, *_: rng.choice(["503", "reset", "lost", "short", None, None])
        for i in range(12):
            begin = rng.randrange(300_000)
            assert there.read(s3 / "a", begin, begin + 9) == data[begin : begin + 9]
            there.write(s3 / f"b{i}", data[:i])
        proxy.fault = lambda *_: None
        assert all(there.read(s3 / f"b{i}") == data[:i] for i in range(12))
        there.close()


def test_a_lost_answer_to_a_condition_is_read_back(s3: Url, monkeypatch: pytest.MonkeyPatch) -> None:
    with forwarding(os.environ["AWS_ENDPOINT_URL"]) as proxy:
        monkeypatch.setenv("AWS_ENDPOINT_URL", proxy.url)
        there = ProcessObjects()
        lost = []

        def fault(method: str, path: str, headers: dict[str, str]) -> str | None:
            if "if-none-match" in headers and len(lost) < 1:
                lost.append(path)
                return "lost"
            return None

        proxy.fault = fault
        assert there.create(s3 / "a", b"mine")
        assert lost
        assert there.read(s3 / "a") == b"mine"
        lost.clear()
        assert not there.create(s3 / "a", b"other")
        there.close()


def test_what_does_not_pass_is_told_with_its_object(s3: Url, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYPACK_REMOTE_SECONDS", "1")
    with forwarding(os.environ["AWS_ENDPOINT_URL"]) as proxy:
        monkeypatch.setenv("AWS_ENDPOINT_URL", proxy.url)
        there = ProcessObjects()
        proxy.fault = lambda *_: "403"
        with pytest.raises(RefusedError, match=r"^s3://.*/a: the service does not allow it"):
            there.read(s3 / "a", 0, 3)
        proxy.fault = lambda *_: "503"
        with pytest.raises(RemoteError, match=r"^s3://.*/a: .*503"):
            there.read(s3 / "a", 0, 3)
        there.close()


def test_a_forked_child_and_its_parent(s3: Url) -> None:
    objects().write(s3 / "a", b"content")
    child = os.fork()
    if child == 0:
        os._exit(0 if objects().read(s3 / "a") == b"content" else 1)
    deadline = time.monotonic() + 30
    while (ended := os.waitpid(child, os.WNOHANG)) == (0, 0) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert ended == (child, 0)
    assert objects().read(s3 / "a") == b"content"


def test_the_process_of_a_client_ends_with_its_owner(s3: Url) -> None:
    objects().write(s3 / "a", b"content")
    program = (
        "import os, signal\nfrom pypack.remote import Url, objects\n"
        f"objects().read(Url.of('{s3}/a')); print(objects()._idle[0].pid, flush=True)\n"
        "os.kill(os.getpid(), signal.SIGKILL)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == -signal.SIGKILL
    deadline = time.monotonic() + 10
    while Path(f"/proc/{done.stdout.strip()}/cmdline").exists():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_files_of_a_web_server(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(b"0123456789")
    with web_files(tmp_path) as server:
        web = Url.of(server)
        found = objects().stat(web / "a.txt")
        assert found is not None
        assert (found.size, bool(found.etag), found.modified_ns > 0) == (10, True, True)
        assert objects().read(web / "a.txt", 2, 5, etag=found.etag) == b"234"
        assert objects().read(web / "a.txt") == b"0123456789"
        assert objects().stat(web / "b") is None
        (tmp_path / "a.txt").write_bytes(b"9876543210x")
        with pytest.raises(ChangedObjectError):
            objects().read(web / "a.txt", 2, 5, etag=found.etag)
        with pytest.raises(UnsupportedError, match="can be read only"):
            objects().write(web / "c", b"")
        with pytest.raises(UnsupportedError, match="name each file"):
            objects().list(web)


def test_what_fsspec_knows(tmp_path: Path) -> None:
    pytest.importorskip("fsspec")
    store = Url.of(f"local://{tmp_path}/folder")
    assert objects().list(store) == []
    objects().write(store / "a/b", b"content")
    assert objects().read(store / "a/b", 3) == b"tent"
    assert [entry.path for entry in objects().list(store)] == ["a/b"]
    assert not objects().has_create(store)
    assert [path.name for path in (tmp_path / "folder/a").iterdir()] == ["b"]
    objects().remove(store / "a/b")
    assert objects().stat(store / "a/b") is None
    with pytest.raises(UnsupportedError, match=r"nosuch://x: neither pypack nor fsspec knows it"):
        objects().stat(Url.of("nosuch://x"))


def test_keys_of_a_profile(s3: Url, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from pypack.remote.aws_profile import profile_options

    (tmp_path / "credentials").write_text("[default]\naws_access_key_id=A\n[me]\naws_access_key_id=B\n")
    (tmp_path / "config").write_text("[default]\nregion=r1\n[profile me]\nregion=r2\nendpoint_url=http://e\n")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    assert profile_options() == {}  # the variables say it all
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_REGION")
    assert profile_options() == {"access_key_id": "A", "region": "r1"}
    monkeypatch.setenv("AWS_PROFILE", "me")
    assert profile_options() == {"access_key_id": "B", "region": "r2", "endpoint": "http://e"}


def test_a_library_that_is_missing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "obstore", None)
    with pytest.raises(MissingLibraryError, match=r"s3://b/x: needs the library obstore: pip install"):
        DirectObjects().stat(Url.of("s3://b/x"))


def test_no_credentials_are_told_in_words(s3: Url, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    monkeypatch.setenv("AWS_METADATA_ENDPOINT", "http://169.254.169.254")
    with pytest.raises(RefusedError, match="there are no credentials for it: set AWS_ACCESS_KEY_ID"):
        objects().read(s3 / "a", 0, 3)  # a process that was started with others is not asked
