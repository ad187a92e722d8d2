"""Names that are not UTF-8, file systems without locks or synced folders, links where files are written."""

from __future__ import annotations

import errno
import json
import os
import warnings
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from fixtures.corpus_files import json_lines, write, write_arrow, write_parquet
from fixtures.jobs import finished_shards

import pypack
from pypack import Plan, TokenStore
from pypack._common import files as common_files
from pypack.cli import main
from pypack.jobs.tokenize import Progress, TokenizeOptions, tokenize
from pypack.tokenizer.tokenizer import Tokenizer

_ODD = os.fsdecode(b"caf\xe9\xff")


@pytest.fixture
def odd(tmp_path: Path) -> Path:
    try:
        (tmp_path / _ODD).mkdir()
    except (OSError, UnicodeError):
        pytest.skip("this file system takes UTF-8 alone")
    return tmp_path / _ODD


def test_names_that_are_not_utf8(odd: Path, tokenizer_file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lines = json_lines([{"text": f"document {i}", "k": i} for i in range(60)])
    inputs = [
        write(odd / f"{_ODD}.jsonl", lines + b"no json\n"),
        write(odd / f"{_ODD}.txt", b"text"),
        write(odd / f"{_ODD}2.txt", b"\xff"),
    ]
    for name, make in (("parquet", write_parquet), ("arrow", write_arrow)):
        make(odd.parent / "x", pa.table({"text": ["a", "b"], "k": [1, 2]}))
        os.replace(odd.parent / "x", odd / f"{_ODD}.{name}")  # noqa: PTH105
        inputs.append(str(odd / f"{_ODD}.{name}"))
    tokenizer = Tokenizer.from_file(tokenizer_file)
    store = odd / f"{_ODD}.store"
    options = TokenizeOptions(shard_tokens=100, keep=("k",))

    def stop_late(progress: Progress) -> None:
        if finished_shards(store) > 1:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        tokenize(inputs, store, tokenizer, options, batch_bytes=200, on_progress=stop_late)
    result = tokenize(inputs, store, tokenizer, options)
    assert (result.documents, result.rejected_by_kind) == (65, {"bad_json": 1, "invalid_utf8": 1})
    opened = TokenStore.open(store)
    assert opened.verify() == []
    assert opened.info is not None
    assert str(odd / f"{_ODD}.jsonl") in opened.info.shards[0].inputs
    assert opened.columns(["k"]).num_rows == 65
    (store / "store.json").read_bytes().decode()
    rejects = [json.loads(line) for line in (store / "rejected.jsonl").read_text().splitlines()]
    assert rejects[0]["file"] == inputs[0]
    pypack.pack(opened.lengths, 64).save(odd / f"{_ODD}.plan")
    assert Plan.open(odd / f"{_ODD}.plan").num_sequences > 0
    for path in (store, odd / f"{_ODD}.plan"):
        assert main(["verify", str(path)]) == 0
        assert main(["inspect", str(path)]) == 0
    assert r"caf\udce9\udcff.store: whole" in capsys.readouterr().out


@pytest.mark.parametrize("number", [errno.ENOSYS, errno.EINVAL, errno.ENOTSUP])
def test_file_systems_without_locks_and_synced_folders(
    number: int, tokenizer_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import fcntl
    import stat

    fsync = os.fsync

    def no_folders(descriptor: int) -> None:
        if stat.S_ISDIR(os.fstat(descriptor).st_mode):
            raise OSError(number, os.strerror(number))
        fsync(descriptor)

    def no_locks(*_: Any) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "fsync", no_folders)
    monkeypatch.setattr(fcntl, "flock", no_locks)
    monkeypatch.setattr(common_files, "_warned", set())
    inputs = [write(tmp_path / "a.jsonl", json_lines([{"text": f"document {i}"} for i in range(60)]))]
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        tokenize(
            inputs,
            tmp_path / "a.store",
            Tokenizer.from_file(tokenizer_file),
            TokenizeOptions(shard_tokens=50),
        )
        store = TokenStore.open(tmp_path / "a.store")
        pypack.pack(store.lengths, 64).save(tmp_path / "a.plan")
    messages = [str(warning.message) for warning in told]
    assert sum("has no locks" in message for message in messages) == 1
    assert any("cannot sync folders" in message for message in messages)
    assert len(messages) <= 4
    assert store.verify() == []
    monkeypatch.setattr(fcntl, "flock", lambda *_: (_ for _ in ()).throw(OSError(errno.EIO, "broken")))
    with pytest.raises(OSError, match="broken"):
        tokenize(inputs, tmp_path / "b.store", Tokenizer.from_file(tokenizer_file))


def _linked(link: Path, target: Path) -> Path:
    link.symlink_to(target)
    return link


def test_temporary_files_follow_no_links(tmp_path: Path, tokenizer_file: Path) -> None:
    """Whoever may write beside a file could have it written elsewhere."""
    precious = tmp_path / "precious"
    precious.write_text("precious")
    store = tmp_path / "a.store"
    store.mkdir()
    shard = "000000-000"
    names = ("store.json", "tokenizer.json", f"{shard}.bin", f"{shard}.idx", f"{shard}.parquet", "job.json")
    for name in names:
        (store / f"{name}.partial").symlink_to(precious)
    inputs = [write(tmp_path / "a.jsonl", json_lines([{"text": "a", "k": 1}, {"text": "b", "k": "c"}]))]
    tokenize(inputs, store, Tokenizer.from_file(tokenizer_file), TokenizeOptions(keep=("k",)))
    assert TokenStore.open(store).verify() == []
    (tmp_path / "b.store").mkdir()
    (tmp_path / "b.store" / "rejected.jsonl.partial").symlink_to(precious)
    tokenize(
        [*inputs, write(tmp_path / "b.jsonl", b"no json\n")],
        tmp_path / "b.store",
        Tokenizer.from_file(tokenizer_file),
    )
    with pytest.raises(OSError, match="symbolic link"):
        common_files.open_to_append(_linked(tmp_path / "c", precious))
    assert precious.read_text() == "precious"
    with pytest.raises(FileExistsError):
        common_files.create(precious)
    (tmp_path / "link").symlink_to(tmp_path / "absent")
    with pytest.raises(FileExistsError):
        common_files.create(tmp_path / "link")
    assert not (tmp_path / "absent").exists()
