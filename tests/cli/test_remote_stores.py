"""`pypack verify`, `pack`, `inspect` and `merge` of stores at URLs."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fixtures.corpus_files import json_lines, write
from fixtures.object_server_fixtures import *  # noqa: F403

import pypack
from pypack.cli import main
from pypack.jobs.tokenize import TokenizeOptions, tokenize
from pypack.remote import Url, objects
from pypack.store.remote_index import RemoteIndex
from pypack.tokenizer.tokenizer import Tokenizer


@pytest.fixture
def store(s3: Url, tokenizer_file: Path, sample_texts: list[str], tmp_path: Path) -> tuple[Url, Path]:
    """The same store at a URL and in a folder: several shards, with columns and rejects."""
    lines = json_lines([{"text": text, "id": i} for i, text in enumerate(sample_texts)])
    text = write(tmp_path / "in/a.jsonl", lines + b"not json\n")
    tokenizer = Tokenizer.from_file(tokenizer_file)
    options = TokenizeOptions(keep=("id",), shard_tokens=2_000)
    tokenize([text], s3 / "a.store", tokenizer, options)
    tokenize([text], tmp_path / "a.store", tokenizer, options)
    return s3 / "a.store", tmp_path / "a.store"


def told(capsys: pytest.CaptureFixture[str], *arguments: object, status: int = 0) -> str:
    assert main([str(one) for one in arguments]) == status
    printed = capsys.readouterr()
    return printed.err if status else printed.out


def test_verify(store: tuple[Url, Path], capsys: pytest.CaptureFixture[str]) -> None:
    url, folder = store
    there: dict[str, Any] = json.loads(told(capsys, "verify", url, "--json"))
    here: dict[str, Any] = json.loads(told(capsys, "verify", folder, "--json"))
    assert {**there, "path": ""} == {**here, "path": ""}


@pytest.mark.parametrize(
    ("name", "change", "wanted"),
    [
        ("000000-000.bin", "flip", "its checksum is not the recorded one"),
        ("000000-001.idx", "flip", "offsets|lengths|header|documents|checksum"),
        ("000000-001.parquet", "flip", "its checksum is not the recorded one"),
        ("tokenizer.json", "flip", "its checksum is not the recorded one"),
        ("store.json", "flip", "store.json: "),
        ("000000-000.bin", "cut", "size: "),
        ("000000-001.idx", "remove", "missing, and store.json names it"),
        ("000009-000.bin", "add", "a shard that store.json does not name"),
    ],
)
def test_verify_names_what_is_wrong(
    name: str, change: str, wanted: str, store: tuple[Url, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    url, _ = store
    data = bytearray(objects().read(url / name) if change != "add" else b"")
    if change == "flip":
        data[len(data) // 2] ^= 1
    if change == "cut":
        del data[-2:]
    if change == "remove":
        objects().remove(url / name)
    else:
        objects().write(url / name, bytes(data))
    error = told(capsys, "verify", url, status=1)
    assert f"{url / name}: " in error
    assert any(one in error for one in wanted.split("|"))


def test_pack_reads_the_lengths_alone(
    store: tuple[Url, Path],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    url, folder = store
    read: list[tuple[str, int]] = []
    whole = type(objects()).read

    def counted(self: Any, at: Url, begin: int = 0, end: int | None = None, *, etag: str = "") -> bytes:
        data = whole(self, at, begin, end, etag=etag)
        read.append((at.name, len(data)))
        return data

    monkeypatch.setattr(type(objects()), "read", counted)
    told(capsys, "pack", url, "-o", tmp_path / "there", "--sequence-length", "256")
    told(capsys, "pack", folder, "-o", tmp_path / "here", "--sequence-length", "256")
    for path in sorted((tmp_path / "here").rglob("*")):
        other = tmp_path / "there" / path.relative_to(tmp_path / "here")
        assert path.is_dir() or path.read_bytes() == other.read_bytes()
    info = RemoteIndex(url).info
    assert sum(size for name, size in read if name.endswith(".idx")) == 4 * info.documents + 34 * len(
        info.shards
    )
    assert not any(name.endswith((".bin", ".parquet")) for name, _ in read)
    # A plan at a URL.
    told(
        capsys,
        "pack",
        url,
        "-o",
        url.with_name("a.plan"),
        "--sequence-length",
        "256",
        "--strategy",
        "best_fit",
    )
    names = [entry.path for entry in objects().list(url.with_name("a.plan"))]
    assert "plan.json" in names
    assert "exists" in told(
        capsys, "pack", url, "-o", url.with_name("a.plan"), "--sequence-length", "256", status=2
    )


def test_lengths_that_are_not_those_of_the_store(store: tuple[Url, Path]) -> None:
    url, folder = store
    assert np.array_equal(RemoteIndex(url).lengths, pypack.TokenStore.open(folder).lengths)
    data = bytearray(objects().read(url / "000000-000.idx"))
    data[34], data[38] = data[38], data[34]  # the first two documents in the other order
    objects().write(url / "000000-000.idx", bytes(data))
    if data[34] != data[38]:
        with pytest.raises(ValueError, match="lengths_fingerprint: not that of the shards' lengths"):
            _ = RemoteIndex(url).lengths


def test_what_is_not_there(s3: Url, capsys: pytest.CaptureFixture[str], tokenizer_file: Path) -> None:
    for command in (["verify"], ["inspect"]):
        assert "no store (store.json) and no plan" in told(capsys, *command, s3 / "none", status=2)
    assert "no store" in told(capsys, "pack", s3 / "none", "-o", "plan", "--sequence-length", "256", status=2)
    assert "holds no job" in told(capsys, "merge", s3 / "none", status=2)
    refused = subprocess.run(
        [sys.executable, "-c", "import sys; from pypack.cli import main; sys.exit(main())", "verify", "s3://a:b@c/d"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (refused.returncode, "holds a user or password" in refused.stderr) == (2, True)


def test_inspect(store: tuple[Url, Path], capsys: pytest.CaptureFixture[str]) -> None:
    url, folder = store
    there = json.loads(told(capsys, "inspect", url, "--json", "--first", "0"))
    here = json.loads(told(capsys, "inspect", folder, "--json", "--first", "0"))
    assert {**there, "path": ""} == {**here, "path": ""}


def test_quick(store: tuple[Url, Path], capsys: pytest.CaptureFixture[str]) -> None:
    url, folder = store
    there: dict[str, Any] = json.loads(told(capsys, "verify", url, "--quick", "--json"))
    here: dict[str, Any] = json.loads(told(capsys, "verify", folder, "--quick", "--json"))
    assert {**there, "path": ""} == {**here, "path": ""}
    data = objects().read(url / "000000-001.idx")
    objects().write(url / "000000-001.idx", data[:-1])
    assert f"has {len(data) - 1:,} bytes instead of {len(data):,}" in told(
        capsys, "verify", url, "--quick", status=1
    )
    objects().remove(url / "000000-000.parquet")
    assert "000000-000.parquet: missing" in told(capsys, "verify", url, "--quick", status=1)


def test_plans(store: tuple[Url, Path], capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """Proved and shown as those of a folder, against stores here and there, also such as have grown."""
    url, folder = store
    plan, here = url.with_name("a.plan"), tmp_path / "a.plan"
    for one, of in ((plan, url), (here, folder)):
        told(capsys, "pack", of, "-o", one, "--sequence-length", "64")

    def found(*arguments: object) -> dict[str, Any]:
        values: dict[str, Any] = json.loads(told(capsys, *arguments, "--json"))
        return {**values, "path": "", "store": ""}

    for options in ((), ("--quick",)):
        assert found("verify", plan, *options) == found("verify", here, *options)
        wanted = found("verify", here, "--store", folder, *options)
        for a, b in ((plan, url), (plan, folder), (here, url)):
            assert found("verify", a, "--store", b, *options) == wanted
    assert found("inspect", plan, "--first", "2") == found("inspect", here, "--first", "2")
    assert f"{plan}: plan by" in told(capsys, "inspect", plan)
    assert "--deep is for stores" in told(capsys, "verify", plan, "--deep", status=2)
    assert "--objective" in told(capsys, "inspect", url, "--objective", "MaskedLM()", status=2)
    new = write(tmp_path / "in/b.jsonl", json_lines([{"text": "new words", "id": 1}] * 3))
    grow = ["tokenize", new, "--tokenizer", folder / "tokenizer.json", "--keep", "id", "--append"]
    for one in (url, folder):
        told(capsys, *grow, "-o", one, "--shard-tokens", "2000")
    for options in ((), ("--quick",)):
        grown = found("verify", plan, "--store", url, *options)
        assert grown == found("verify", here, "--store", folder, *options)
        assert grown["documents_behind"] == 3
    told(capsys, "tokenize", new, "--tokenizer", folder / "tokenizer.json", "-o", url.with_name("other"))
    assert "store" in told(capsys, "verify", plan, "--store", url.with_name("other"), status=1)
    objects().write(plan / "span_start.npy", objects().read(plan / "span_start.npy")[:-8])
    assert f"{plan}/span_start.npy" in told(capsys, "verify", plan, status=1)
