"""Several stores as one at a URL: the bytes of a folder, copied by the service, whoever is killed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from dataclasses import dataclass
from pathlib import Path

import pytest
from conftest import SCALE
from fixtures.corpus_files import json_lines, write
from fixtures.forwarding import forwarding
from fixtures.jobs import tree_bytes
from fixtures.objects_below import objects_below, put_folder

from pypack.cli import main
from pypack.jobs.output import OutputError
from pypack.jobs.repair import repair_store
from pypack.jobs.store_merge import merge_stores
from pypack.jobs.tokenize import TokenizeOptions, tokenize
from pypack.remote import Url, objects
from pypack.store.alike import StoresDifferError
from pypack.store.remote_index import RemoteIndex
from pypack.tokenizer.tokenizer import Tokenizer

_PYPACK = [sys.executable, "-c", "import sys; from pypack.cli import main; sys.exit(main())"]
_OPTIONS = TokenizeOptions(keep=("id",), shard_tokens=200, unit_bytes=1000)


def _lines(first: int, count: int) -> bytes:
    return json_lines([{"text": f"document {i} " * (i % 5), "id": i} for i in range(first, first + count)])


def _store(folder: Path, name: str, first: int, tokenizer: Tokenizer, options: TokenizeOptions) -> Path:
    file = write(folder / f"{name}.in/x.jsonl", _lines(first, 15) + b"bad\n" + _lines(first + 15, 15))
    tokenize([file], folder / name, tokenizer, options)
    return folder / name


_SERVICES = ["s3", "azure_store", "google_store", "no_condition_store"]


@dataclass(frozen=True)
class _Merged:
    """Two stores, and both as one."""

    a: Path
    b: Path
    made: Path

    def wanted(self, *stores: Url) -> dict[str, bytes]:
        """What the store at a URL is to have: that of the folder, which says where others came from."""
        files = tree_bytes(self.made)
        for name in ("store.json", "job.json"):
            if name in files:
                files[name] = _without_names(files[name])
        return files


def _without_names(data: bytes) -> bytes:
    values = json.loads(data)
    values.pop("checksum", None)
    for part in values.get("counts", values.get("notes", {})).get("merged", ()):
        part["store"] = ""
    return json.dumps(values).encode()


def _found(url: Url) -> dict[str, bytes]:
    files = objects_below(url)
    return {
        name: _without_names(data) if name in ("store.json", "job.json") else data
        for name, data in files.items()
    }


@pytest.fixture(scope="module", params=["one job", "two"])
def merged(
    request: pytest.FixtureRequest, tokenizer: Tokenizer, tmp_path_factory: pytest.TempPathFactory
) -> _Merged:
    """Of stores whose jobs are one but for the inputs, and of stores that have no job of all."""
    folder = tmp_path_factory.mktemp("merged")
    a = _store(folder, "a", 0, tokenizer, _OPTIONS)
    other = _OPTIONS if request.param == "one job" else TokenizeOptions(keep=("id",), where="id > 110")
    b = _store(folder, "b", 100, tokenizer, other)
    merge_stores([a, b], folder / "m")
    return _Merged(a, b, folder / "m")


@pytest.mark.parametrize("service", _SERVICES if SCALE > 1 else _SERVICES[::3])
def test_each_service_gets_the_bytes_of_a_folder(
    service: str, request: pytest.FixtureRequest, merged: _Merged, tokenizer: Tokenizer
) -> None:
    url: Url = request.getfixturevalue(service)
    put_folder(merged.a, url / "a store")
    put_folder(merged.b, url / "b")
    before = objects_below(url)
    told: list[str] = []
    made = merge_stores([url / "a store", str(url / "b")], url / "m", on_message=told.append)
    assert _found(url / "m") == merged.wanted()
    assert {name: data for name, data in objects_below(url).items() if name[0] != "m"} == before
    info = made.store.info
    assert info is not None
    assert [part["store"] for part in info.counts["merged"]] == [f"{url}/a store", f"{url}/b"]
    assert (made.copied, made.linked) == (0, 3 * len(info.shards))
    assert not any("this machine" in line for line in told)
    # One that is finished is not taken for one that was begun.
    with pytest.raises(OutputError, match="stands there already"):
        merge_stores([url / "a store", url / "b"], url / "m")


def test_tokens_do_not_come_to_this_machine(
    s3: Url, merged: _Merged, monkeypatch: pytest.MonkeyPatch
) -> None:
    put_folder(merged.a, s3 / "a")
    put_folder(merged.b, s3 / "b")
    with forwarding(os.environ["AWS_ENDPOINT_URL"]) as proxy:
        with monkeypatch.context() as patched:
            patched.setenv("AWS_ENDPOINT_URL", proxy.url)
            objects().close()
            merge_stores([s3 / "a", s3 / "b"], s3 / "m")
        asked = list(proxy.asked)
    objects().close()
    assert not [
        path
        for method, path in asked
        if method == "GET" and path.partition("?")[0].endswith((".bin", ".idx"))
    ]


def test_of_this_machine_and_of_another_bucket(
    s3: Url, merged: _Merged, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    put_folder(merged.b, s3 / "b")
    assert main(["merge", str(merged.a), str(s3 / "b"), "-o", str(s3 / "m"), "--json"]) == 0
    printed = capsys.readouterr()
    told = json.loads(printed.out)
    assert "went through this machine" in printed.err
    own = [path for path in merged.a.iterdir() if path.suffix in (".bin", ".idx", ".parquet")]
    assert (told["copied"], told["copied_bytes"]) == (len(own), sum(path.stat().st_size for path in own))
    assert _found(s3 / "m") == merged.wanted()
    elsewhere = Url.of(f"local://{tmp_path}/m")
    made = merge_stores([s3 / "b", merged.a], elsewhere)
    assert made.linked == 0
    assert RemoteIndex(elsewhere).verify()["strangers"] == []


_POINTS = ["begun", "shards", "units", "described"]


@pytest.mark.parametrize("point", _POINTS if SCALE > 1 else _POINTS[1:2])
def test_killed(point: str, s3: Url, merged: _Merged) -> None:
    if point == "units" and not (merged.made / "job.json").exists():
        point = "shards"
    put_folder(merged.a, s3 / "a")
    put_folder(merged.b, s3 / "b")
    command = [*_PYPACK, "merge", str(s3 / "a"), str(s3 / "b"), "-o", str(s3 / "m")]
    environment = {**os.environ, "PYPACK_CRASH_AT": f"merge-stores:{point}"}
    assert subprocess.run(command, env=environment, stdout=-3, stderr=-3).returncode == -signal.SIGKILL
    assert (objects().stat(s3 / "m/store.json") is not None) == (point == "described")
    with pytest.raises(OutputError, match="a merge of other stores has begun there"):
        merge_stores([s3 / "b", s3 / "a"], s3 / "m")
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert _found(s3 / "m") == merged.wanted()


def test_twins(s3: Url, merged: _Merged) -> None:
    put_folder(merged.a, s3 / "a")
    put_folder(merged.b, s3 / "b")
    failed: list[BaseException] = []

    def run() -> None:
        try:
            merge_stores([s3 / "a", s3 / "b"], s3 / "m")
        except BaseException as error:
            failed.append(error)

    twins = [threading.Thread(target=run) for _ in range(2)]
    for twin in twins:
        twin.start()
    for twin in twins:
        twin.join()
    assert all(isinstance(error, OutputError) for error in failed)  # who came when it was finished
    assert _found(s3 / "m") == merged.wanted()


def test_a_merged_store_goes_on_living(s3: Url, tokenizer: Tokenizer, tmp_path: Path) -> None:
    stores = []
    for i, name in enumerate("ab"):
        objects().write(s3 / f"{name}.in/x.jsonl", _lines(100 * i, 20) + b"bad\n")
        tokenize([str(s3 / f"{name}.in")], s3 / name, tokenizer, _OPTIONS)
        stores.append(s3 / name)
    merge_stores(stores, s3 / "ab")
    objects().remove(s3 / "ab/000001-000.idx")
    assert repair_store(s3 / "ab").repaired == ["000001-000.idx"]
    new = write(tmp_path / "new.jsonl", _lines(300, 5))
    result = tokenize([str(s3 / "a.in"), str(s3 / "b.in"), new], s3 / "ab", tokenizer, _OPTIONS, append=True)
    assert result.appended is not None
    assert (result.appended.known_inputs, result.appended.documents) == (2, 5)
    index = RemoteIndex(s3 / "ab")
    index.verify()
    assert index.info.documents == 45
    assert objects().read(s3 / "ab/rejected.jsonl").count(b"\n") == 2


def test_what_cannot_be_merged(s3: Url, merged: _Merged, tokenizer: Tokenizer, tmp_path: Path) -> None:
    put_folder(merged.a, s3 / "a")
    with pytest.raises(FileNotFoundError, match=r"absent: no store \(it has no store\.json\)"):
        merge_stores([s3 / "a", s3 / "absent"], s3 / "m")
    with pytest.raises(OutputError, match="stands there already"):
        merge_stores([s3 / "a", merged.b], s3 / "a")
    other = _store(tmp_path, "c", 0, tokenizer, TokenizeOptions(keep=("text",), append_eos=False))
    put_folder(other, s3 / "c")
    with pytest.raises(StoresDifferError, match=rf"{s3}/a and {s3}/c differ in .*columns"):
        merge_stores([s3 / "a", s3 / "c"], s3 / "m")
    put_folder(merged.b, s3 / "b")
    objects().write(s3 / "b/000000-000.bin", b"short")
    with pytest.raises(ValueError, match=r"b/000000-000\.bin: missing, or not of the size"):
        merge_stores([s3 / "a", s3 / "b"], s3 / "m")
    assert main(["merge", str(s3 / "a"), str(s3 / "b"), "-o", "hf://datasets/a/b"]) == 2
