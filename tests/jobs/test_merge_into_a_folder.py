"""Stores at URLs, here and there, as one in a folder: the bytes of a merge of folders."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
from conftest import SCALE
from fixtures.corpus_files import json_lines, write
from fixtures.forwarding import forwarding
from fixtures.jobs import tree_bytes
from fixtures.objects_below import put_folder

from pypack._common.checksums import checksum
from pypack.cli import main
from pypack.jobs.repair import repair_store
from pypack.jobs.store_merge import merge_stores
from pypack.jobs.tokenize import TokenizeOptions, tokenize
from pypack.remote import Url, objects
from pypack.store.format import StoreInfo
from pypack.store.store import TokenStore
from pypack.tokenizer.tokenizer import Tokenizer

_PYPACK = [sys.executable, "-c", "import sys; from pypack.cli import main; sys.exit(main())"]
_OPTIONS = TokenizeOptions(keep=("id",), shard_tokens=200, unit_bytes=1000)


def _lines(first: int, count: int) -> bytes:
    return json_lines([{"text": f"document {i} " * (i % 5), "id": i} for i in range(first, first + count)])


@pytest.fixture(scope="module")
def two(tokenizer: Tokenizer, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the stores `a` and `b`, and `m`, both as one."""
    folder = tmp_path_factory.mktemp("two")
    for name, first in (("a", 0), ("b", 100)):
        file = write(folder / f"{name}.in/x.jsonl", _lines(first, 15) + b"bad\n" + _lines(first + 15, 15))
        tokenize([file], folder / name, tokenizer, _OPTIONS)
    merge_stores([folder / "a", folder / "b"], folder / "m")
    return folder


def _plain(folder: Path) -> dict[str, bytes]:
    """The files of a store, without where it says that the others lie."""
    files = tree_bytes(folder)
    for name in ("store.json", "job.json"):
        values = json.loads(files[name])
        values.pop("checksum", None)
        for part in values.get("counts", values.get("notes", {})).get("merged", ()):
            part["store"] = ""
        files[name] = json.dumps(values).encode()
    return files


_SERVICES = ["s3", "azure_store", "google_store", "no_condition_store"]


_CASES = [(service, there) for service in _SERVICES for there in ("ab", "a", "b")]


@pytest.mark.parametrize(
    ("service", "there"), _CASES if SCALE > 1 else [("s3", "a"), ("s3", "b"), ("no_condition_store", "ab")]
)
def test_whichever_lies_there(
    service: str, there: str, request: pytest.FixtureRequest, two: Path, tmp_path: Path
) -> None:
    url: Url = request.getfixturevalue(service)
    places: list[Path | Url] = [url / name if name in there else two / name for name in "ab"]
    for name in there:
        put_folder(two / name, url / name)
    told: list[str] = []
    made = merge_stores(places, tmp_path / "m", on_message=told.append)
    assert _plain(tmp_path / "m") == _plain(two / "m")
    fetched = [
        path for name in there for path in (two / name).iterdir()
        if path.suffix in (".bin", ".idx", ".parquet")
    ]  # fmt: skip
    assert (made.copied, made.copied_bytes) == (len(fetched), sum(path.stat().st_size for path in fetched))
    assert any("came to this machine" in line for line in told)
    assert [
        part["store"] for part in json.loads((tmp_path / "m/store.json").read_bytes())["counts"]["merged"]
    ] == [str(place) for place in places]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["m"]


def test_the_command_and_what_it_goes_on_with(
    s3: Url, two: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Killed at a shard: those that have come are not fetched again, and the rest comes."""
    put_folder(two / "a", s3 / "a")
    command = [*_PYPACK, "merge", str(s3 / "a"), str(two / "b"), "-o", str(tmp_path / "m")]
    files = sorted(path.name for path in (two / "a").iterdir() if path.suffix in (".bin", ".idx", ".parquet"))
    assert len(files) > 8  # which are fetched at once: the last begins when another has come
    last = files[-1]
    environment = {**os.environ, "PYPACK_CRASH_AT": f"fetch:{last}"}
    assert subprocess.run(command, env=environment, stdout=-3, stderr=-3).returncode == -signal.SIGKILL
    assert not (tmp_path / "m").exists()
    there = {path.name for path in (tmp_path / ".m.merging").iterdir()}
    assert f"{last}.partial" in there
    whole = {name for name in there if name.endswith((".bin", ".idx", ".parquet"))}
    assert whole
    with forwarding(os.environ["AWS_ENDPOINT_URL"]) as proxy:
        again = subprocess.run(
            command, env={**os.environ, "AWS_ENDPOINT_URL": proxy.url}, capture_output=True, text=True
        )
    assert again.returncode == 0, again.stderr
    asked = Counter((method, path.partition("?")[0].rpartition("/")[2]) for method, path in proxy.asked)
    assert asked["GET", last] == 1
    # What is read for the columns that it has is asked for by HEAD before.
    assert {name for name in whole if asked["GET", name] != asked["HEAD", name]} == set()
    assert _plain(tmp_path / "m") == _plain(two / "m")
    assert main(["verify", str(tmp_path / "m"), "--deep", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["strangers"] == []


@pytest.mark.parametrize("kind", ["flip", "503", "short", "reset"] if SCALE > 1 else ["flip"])
@pytest.mark.parametrize("is_old", [False, True])
def test_faults_delay_and_never_corrupt(
    kind: str, is_old: bool, s3: Url, two: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first, third ... answer of each of a shard's files; also of stores that have checksums of whole
    files alone. Of all files together it would be chance which of those that ask at once meets how many."""
    put_folder(two / "a", s3 / "a")
    if is_old:
        info = StoreInfo.read(two / "a/store.json")
        shards = tuple(
            replace(shard, bin_checksum=checksum(two / f"a/{shard.name}.bin"), block_checksums={})
            for shard in info.shards
        )
        objects().write(s3 / "a/store.json", replace(info, shards=shards).to_json())
    with forwarding(os.environ["AWS_ENDPOINT_URL"]) as proxy:
        seen: Counter[str] = Counter()

        def fault(method: str, path: str, headers: dict[str, str]) -> str | None:
            name = path.partition("?")[0]
            if method != "GET" or not name.endswith((".bin", ".idx")):
                return None
            seen[name] += 1
            return kind if seen[name] % 2 else None

        proxy.fault = fault
        monkeypatch.setenv("AWS_ENDPOINT_URL", proxy.url)
        merge_stores([s3 / "a", two / "b"], tmp_path / "m")
    objects().close()
    assert len(seen) == 2 * len(list((two / "a").glob("*.bin")))
    assert min(seen.values()) >= 2
    made = _plain(tmp_path / "m")
    wanted = _plain(two / "m")
    assert {name for name in wanted if made[name] != wanted[name]} <= ({"store.json"} if is_old else set())
    TokenStore.open(tmp_path / "m").verify("deep")


def test_what_is_broken_is_named(s3: Url, two: Path, tmp_path: Path) -> None:
    put_folder(two / "a", s3 / "a")
    data = bytearray(objects().read(s3 / "a/000000-000.bin"))
    data[7] ^= 1
    objects().write(s3 / "a/000000-000.bin", bytes(data))
    with pytest.raises(ValueError, match=rf"{s3}/a/000000-000\.bin: bytes 0 to .* do not have the recorded"):
        merge_stores([s3 / "a", two / "b"], tmp_path / "m")
    assert not (tmp_path / "m").exists()
    repair_store(s3 / "a")
    merge_stores([s3 / "a", two / "b"], tmp_path / "m")
    assert _plain(tmp_path / "m") == _plain(two / "m")
    objects().remove(s3 / "a/000000-000.idx")
    with pytest.raises(ValueError, match=r"000000-000\.idx: missing, or not of the size"):
        merge_stores([s3 / "a", two / "b"], tmp_path / "n")
    with pytest.raises(FileNotFoundError, match=r"absent: no store \(it has no store\.json\)"):
        merge_stores([s3 / "absent", two / "b"], tmp_path / "n")


def test_it_goes_on_living(s3: Url, two: Path, tokenizer: Tokenizer, tmp_path: Path) -> None:
    put_folder(two / "a", s3 / "a")
    made = merge_stores([s3 / "a", two / "b"], tmp_path / "m")
    assert made.has_job
    (tmp_path / "m/000001-000.idx").unlink()
    assert repair_store(tmp_path / "m").repaired == ["000001-000.idx"]
    new = write(tmp_path / "new.jsonl", _lines(300, 5))
    result = tokenize(
        [two / "a.in", two / "b.in", new], tmp_path / "m", tokenizer, _OPTIONS, append=True
    )  # fmt: skip
    assert result.appended is not None
    assert (result.appended.known_inputs, result.appended.documents) == (2, 5)
