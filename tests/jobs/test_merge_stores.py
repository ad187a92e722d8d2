"""Several stores as one: the documents of each behind one another, no token copied, nothing of it lost."""

from __future__ import annotations

import errno
import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import pytest
from conftest import SCALE
from fixtures.corpus_files import json_lines, write
from fixtures.jobs import copy_store, tree_bytes
from fixtures.loader_data import make_store
from hypothesis import given, settings
from hypothesis import strategies as st

import pypack
from pypack.cli import main
from pypack.jobs.output import OutputError, only_job_in
from pypack.jobs.store_merge import MergeResult, merge_stores
from pypack.jobs.tokenize import RecordOptions, TokenizeOptions, tokenize
from pypack.store.alike import StoresDifferError
from pypack.store.store import TokenStore
from pypack.tokenizer.tokenizer import Tokenizer

_OPTIONS = TokenizeOptions(shard_tokens=200, unit_bytes=1000)
_WITH_IDS = TokenizeOptions(keep=("id",), shard_tokens=200, unit_bytes=1000)


def _lines(first: int, count: int) -> bytes:
    return json_lines([{"text": f"document {i} " * (i % 5), "id": i} for i in range(first, first + count)])


def _store(
    folder: Path, name: str, first: int, tokenizer: Tokenizer, options: TokenizeOptions = _OPTIONS
) -> Path:
    """A store of 30 lines and a bad one, in some units."""
    file = write(folder / f"{name}.in/x.jsonl", _lines(first, 15) + b"bad\n" + _lines(first + 15, 15))
    tokenize([file], folder / name, tokenizer, options)
    return folder / name


def _documents(store: TokenStore | Path) -> list[list[int]]:
    return [document.tolist() for document in TokenStore.open(store)]


def _merge(stores: Sequence[Path], output: Path) -> tuple[MergeResult, list[str]]:
    told: list[str] = []
    return merge_stores(stores, output, on_message=told.append), told


def test_documents_in_the_order_given(tokenizer: Tokenizer, tmp_path: Path) -> None:
    stores = [_store(tmp_path, name, first, tokenizer, _WITH_IDS) for name, first in _FIRSTS]
    before = [tree_bytes(store) for store in stores]
    made, told = _merge(stores, tmp_path / "m")
    assert told == []
    merged = made.store
    assert merged.verify() == []
    assert _documents(merged) == [d for store in stores for d in _documents(store)]
    ids = [i for first in (100, 0, 200) for i in range(first, first + 30)]
    assert merged.columns(["id"]).column("id").to_pylist() == ids
    assert merged.lengths_fingerprint == TokenStore.open(stores).lengths_fingerprint
    assert merged.lengths_fingerprint == pypack.pack(merged.lengths, 32).lengths_fingerprint
    assert [(p.store, p.first_document, p.documents) for p in merged.merged_from] == [
        (str(store), 30 * i, 30) for i, store in enumerate(stores)
    ]
    parts = [part.lengths_fingerprint for part in merged.merged_from]
    assert parts == [TokenStore.open(store).lengths_fingerprint for store in stores]
    assert merged.first_fingerprint(30) == parts[0]
    assert made.rejected == {"bad_json": 3}
    log = [json.loads(line) for line in (tmp_path / "m/rejected.jsonl").read_bytes().splitlines()]
    assert [(Path(one["file"]).parent.name, one["line"]) for one in log] == [
        (f"{name}.in", 16) for name in "bac"
    ]
    assert (made.copied, made.linked) == (0, 3 * len(merged.info.shards if merged.info else ()))
    shard = (tmp_path / "m/000000-000.bin").stat()
    assert shard.st_ino == (stores[0] / "000000-000.bin").stat().st_ino
    assert [tree_bytes(store) for store in stores] == before
    assert not list(tmp_path.glob(".m*"))


def test_a_merged_store_goes_on_living(tokenizer: Tokenizer, tmp_path: Path) -> None:
    stores = [_store(tmp_path, "a", 0, tokenizer), _store(tmp_path, "b", 100, tokenizer)]
    new = write(tmp_path / "new.jsonl", _lines(200, 10))
    tokenize([new], stores[1], tokenizer, _OPTIONS, append=True)  # one that has grown itself
    inner, _ = _merge(stores, tmp_path / "ab")
    assert inner.has_job
    more = write(tmp_path / "more.jsonl", _lines(300, 10))
    result = tokenize(
        [tmp_path / "a.in", tmp_path / "b.in", new, more], tmp_path / "ab", tokenizer, _OPTIONS, append=True
    )
    assert result.appended is not None
    assert (result.appended.documents, result.appended.known_inputs) == (10, 3)
    grown = TokenStore.open(tmp_path / "ab")
    assert grown.verify() == []
    assert len(grown) == 80
    assert len(grown.merged_from) == 2
    # Merged once more: what came by appending is of the merged store itself.
    outer, _ = _merge([stores[0], tmp_path / "ab"], tmp_path / "aab")
    assert [(Path(p.store).name, p.first_document, p.documents) for p in outer.store.merged_from] == [
        ("a", 0, 30),
        ("ab", 30, 80),
    ]
    again, told = _merge([tmp_path / "ab", stores[0]], tmp_path / "aba")
    assert again.doubled_inputs == [str(tmp_path / "a.in/x.jsonl")]
    assert any("whose documents are in the new one that often" in line for line in told)
    lines = (tmp_path / "a.in/x.jsonl").read_bytes().replace(b"bad\n", _lines(99, 1))
    write(tmp_path / "a.in/x.jsonl", lines)
    tokenize([tmp_path / "a.in"], stores[0], tokenizer, _OPTIONS, retry_rejected=True)
    mended, _ = _merge(stores, tmp_path / "mended")
    assert mended.rejected == {"bad_json": 1}
    assert mended.store.verify() == []
    assert len(mended.store) == 71


def test_of_other_folders(tokenizer: Tokenizer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for i, day in enumerate(("monday", "tuesday")):
        write(tmp_path / day / "a.jsonl", _lines(100 * i, 10) + b"bad\n")
        monkeypatch.chdir(tmp_path / day)
        tokenize(["a.jsonl"], tmp_path / f"{day}.store", tokenizer, _OPTIONS)
    made, _ = _merge([tmp_path / "monday.store", tmp_path / "tuesday.store"], tmp_path / "m")
    log = [json.loads(line)["file"] for line in (tmp_path / "m/rejected.jsonl").read_bytes().splitlines()]
    assert log == ["a.jsonl", str(tmp_path / "tuesday/a.jsonl")]
    monkeypatch.chdir(tmp_path / "monday")
    result = tokenize(["a.jsonl", "../tuesday"], tmp_path / "m", tokenizer, _OPTIONS, append=True)
    assert result.appended is not None
    assert (result.appended.known_inputs, result.appended.inputs) == (2, 0)
    assert made.store.verify() == []


@settings(max_examples=max(3, round(3 * SCALE)))
@given(sizes=st.lists(st.lists(st.integers(0, 40), min_size=1, max_size=12), min_size=2, max_size=4))
def test_what_a_store_writer_made(sizes: list[list[int]]) -> None:
    """No job, no tokenizer: the documents all the same, and the fingerprint of their lengths."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        stores = [make_store(folder / str(i), lengths, shard_tokens=50) for i, lengths in enumerate(sizes)]
        with pytest.warns(UserWarning, match="none of these stores tells"):
            made, told = _merge([store.path for store in stores], folder / "m")
        assert told == ["the store cannot be appended to, nor repaired: one of them has no job.json"]
        assert made.store.lengths.tolist() == [length for lengths in sizes for length in lengths]
        assert _documents(made.store) == [d for store in stores for d in _documents(store)]
        assert made.store.verify() == []
        plan = pypack.pack(made.store.lengths, 16)
        assert plan.lengths_fingerprint == made.store.lengths_fingerprint


def test_jobs_that_differ_in_what_does_not_matter(tokenizer: Tokenizer, tmp_path: Path) -> None:
    a = _store(tmp_path, "a", 0, tokenizer)
    b = _store(tmp_path, "b", 100, tokenizer, TokenizeOptions(where="id > 110"))
    made, told = _merge([a, b], tmp_path / "m")
    assert not made.has_job
    assert told[0].startswith(
        "the store cannot be appended to, nor repaired: their jobs differ in shard_tokens"
    )
    assert made.store.verify() == []
    assert made.store.info is not None
    assert made.store.info.counts["passed_over"] == {"where": 11}
    assert made.store.info.counts["rejected"] == {"bad_json": 2}
    assert (tmp_path / "m/rejected.jsonl").read_bytes().count(b"\n") == 2
    new = write(tmp_path / "c.jsonl", _lines(0, 3))
    with pytest.raises(OutputError, match=r"holds no job\.json"):
        tokenize([new], tmp_path / "m", tokenizer, _OPTIONS, append=True)


def test_what_differs_is_named(tokenizer: Tokenizer, tmp_path: Path) -> None:
    a = _store(tmp_path, "a", 0, tokenizer, _WITH_IDS)
    template = RecordOptions(template="{text}", mask_template=True)
    others = {
        "columns": _store(tmp_path, "b", 0, tokenizer, TokenizeOptions(keep=("text",))),
        "the id that ends documents": _store(
            tmp_path, "c", 0, tokenizer, TokenizeOptions(keep=("id",), append_eos=False)
        ),
        "the template": _store(tmp_path, "d", 0, tokenizer, TokenizeOptions(keep=("id",), records=template)),
    }
    for name, other in others.items():
        with pytest.raises(StoresDifferError, match=rf"{a} and {other} differ in .*{name} \("):
            merge_stores([a, other], tmp_path / "m")
    definition = json.loads(tokenizer.to_json())
    definition["pre_tokenizer"]["add_prefix_space"] = True
    write(tmp_path / "other.json", json.dumps(definition).encode())
    other = _store(tmp_path, "e", 0, Tokenizer.from_file(tmp_path / "other.json"))
    with pytest.raises(ValueError, match=f"{a} and {other} were made by tokenizers that give different ids"):
        merge_stores([a, other], tmp_path / "m")
    small, large = make_store(tmp_path / "small", [3]), make_store(tmp_path / "large", [3], 70_000)
    with (
        pytest.warns(UserWarning, match="none of these stores tells"),
        pytest.raises(StoresDifferError, match=r"the type of tokens \('uint16' and 'int32'\); vocab_size"),
    ):
        merge_stores([small.path, large.path], tmp_path / "m")
    assert not (tmp_path / "m").exists()
    assert not list(tmp_path.glob(".m*"))


def test_what_cannot_be_merged(tokenizer: Tokenizer, tmp_path: Path) -> None:
    a, b = _store(tmp_path, "a", 0, tokenizer), _store(tmp_path, "b", 100, tokenizer)
    with pytest.raises(ValueError, match="two stores or more, got 1"):
        merge_stores([a], tmp_path / "m")
    with pytest.raises(FileNotFoundError):
        merge_stores([a, tmp_path / "absent"], tmp_path / "m")
    with pytest.raises(OutputError, match="stands there already"):
        merge_stores([a, b], b)
    with pytest.raises(ValueError, match="is no store of pypack"):
        merge_stores([a, b / "000000-000"], tmp_path / "m")
    with only_job_in(b), pytest.raises(OutputError, match="another process is writing there"):
        merge_stores([a, b], tmp_path / "m")
    shard = b / "000000-000.idx"
    shard.rename(tmp_path / "kept")
    with pytest.raises((ValueError, FileNotFoundError), match=r"000000-000\.idx"):
        merge_stores([a, b], tmp_path / "m")
    (tmp_path / "kept").rename(shard)
    merge_stores([a, b], tmp_path / "m")


def test_copies_where_there_are_no_links(
    tokenizer: Tokenizer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    a, b = _store(tmp_path, "a", 0, tokenizer), _store(tmp_path, "b", 100, tokenizer)

    def none(*_: object, **__: object) -> None:
        raise OSError(errno.EXDEV, "Invalid cross-device link")

    with monkeypatch.context() as patched:
        patched.setattr("pypack.store.second_name.os.link", none)
        made, told = _merge([a, b], tmp_path / "m")
    assert made.linked == 0
    assert made.copied_bytes == sum(path.stat().st_size for store in (a, b) for path in store.glob("0*-*.*"))
    assert told == [f"{made.copied} files had to be copied ({made.copied_bytes:,} bytes)"]
    assert made.store.verify() == []
    damaged = b / "000000-000.bin"
    data = bytearray(damaged.read_bytes())
    data[7] ^= 1
    damaged.write_bytes(data)
    with monkeypatch.context() as patched:
        patched.setattr("pypack.store.second_name.os.link", none)
        with pytest.raises(ValueError, match=rf"^{damaged}: its checksum is not the recorded one"):
            _merge([a, b], tmp_path / "n")


_FIRSTS = (("b", 100), ("a", 0), ("c", 200))
_POINTS = ["shards", "units", "described", "named"]
_PYPACK = [sys.executable, "-c", "import sys; from pypack.cli import main; sys.exit(main())"]


@pytest.mark.parametrize("point", _POINTS if SCALE > 1 else _POINTS[1::2])
def test_killed(point: str, tokenizer: Tokenizer, tmp_path: Path) -> None:
    a, b = _store(tmp_path, "a", 0, tokenizer), _store(tmp_path, "b", 100, tokenizer)
    merge_stores([a, b], tmp_path / "whole")
    command = [*_PYPACK, "merge", str(a), str(b), "-o", str(tmp_path / "m")]
    environment = {**os.environ, "PYPACK_CRASH_AT": f"merge-stores:{point}"}
    killed = subprocess.run(command, env=environment, check=False)
    assert killed.returncode == -signal.SIGKILL
    assert (tmp_path / "m").exists() == (point == "named")
    assert main(command[3:]) == (2 if point == "named" else 0)
    assert tree_bytes(tmp_path / "m") == tree_bytes(tmp_path / "whole")
    assert not list(tmp_path.glob(".m*"))


def test_what_was_begun_of_other_stores_is_not_used(tokenizer: Tokenizer, tmp_path: Path) -> None:
    a, b = _store(tmp_path, "a", 0, tokenizer), _store(tmp_path, "b", 100, tokenizer)
    staged = tmp_path / ".m.merging"
    copy_store(b, staged)
    (staged / "merge.json").write_text("[]")
    merge_stores([a, b], tmp_path / "m")
    merge_stores([a, b], tmp_path / "whole")
    assert tree_bytes(tmp_path / "m") == tree_bytes(tmp_path / "whole")


def test_the_command(tokenizer: Tokenizer, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    a, b = _store(tmp_path, "a", 0, tokenizer), _store(tmp_path, "b", 100, tokenizer)
    out = str(tmp_path / "m")
    assert main(["merge", str(a), str(b)]) == 2
    assert main(["merge", str(a), "-o", out]) == 2
    assert main(["merge", str(a), str(b), "-o", out, "--missing"]) == 2
    capsys.readouterr()
    assert main(["merge", str(a), str(b), "-o", out, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["documents"], found["rejected"], found["copied"]) == (60, {"bad_json": 2}, 0)
    assert [part["store"] for part in found["merged"]] == [str(a), str(b)]
    assert main(["merge", str(a), str(b), "-o", out]) == 2
    assert "stands there already" in capsys.readouterr().err
