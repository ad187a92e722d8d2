"""`pypack verify --deep` of a store at a URL: what it finds in a folder it finds there, in the same words."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import SCALE
from fixtures.corpus_files import json_lines, write
from fixtures.forwarding import forwarding
from fixtures.full_store import make_full_store
from fixtures.object_server_fixtures import *  # noqa: F403
from fixtures.objects_below import put_folder

from pypack import Ragged, StoreWriter, TokenStore
from pypack._common.checksums import block_checksum
from pypack.cli import main
from pypack.jobs.tokenize import TokenizeOptions, tokenize
from pypack.remote import Url, objects
from pypack.tokenizer.tokenizer import Tokenizer

_PYPACK = [sys.executable, "-c", "import sys; from pypack.cli import main; sys.exit(main())"]


def _told(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str]:
    """Exit status, and what was printed, without where the store is."""
    status = main([str(one) for one in arguments])
    printed = capsys.readouterr()
    text = printed.err if status else printed.out
    return status, text.replace(f"{arguments[1]}", "STORE")


def test_the_same_in_the_same_words(
    s3: Url, tokenizer_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whole; then without an input, with another one in its place; and with the store's job gone."""
    records = json_lines([{"text": f"some words {i}", "id": i} for i in range(60)])
    files = [write(tmp_path / f"in/{name}.jsonl", records) for name in "abc"]
    objects().write(s3 / "in/d.jsonl", records)
    options = TokenizeOptions(keep=("id",), unit_bytes=1000)
    tokenizer = Tokenizer.from_file(tokenizer_file)
    tokenize([*files, str(s3 / "in")], tmp_path / "s", tokenizer, options)
    put_folder(tmp_path / "s", s3 / "s")

    def same() -> dict[str, Any]:
        here, there = (_told(capsys, "verify", one, "--deep", "--json") for one in (tmp_path / "s", s3 / "s"))
        assert here[0] == there[0] == 0, (here, there)
        found: dict[str, Any] = json.loads(here[1])
        assert (there[0], json.loads(there[1])) == (here[0], found)
        return found

    words = _told(capsys, "verify", tmp_path / "s", "--deep")
    assert words[0] == 0
    figures = sorted(_told(capsys, "verify", s3 / "s", "--deep")[1].split())
    assert [one.strip("(),") for one in figures] == [one.strip("(),") for one in sorted(words[1].split())]
    whole = same()
    assert (whole["level"], whole["compared_units"], whole["not_compared"]) == ("deep", 8, [])
    Path(files[0]).unlink()
    Path(files[1]).write_bytes(records[:-5])
    objects().write(s3 / "in/d.jsonl", records + b"\n")
    some = same()
    assert 0 < some["compared_units"] < 8
    assert some["decoded_documents"] > 0
    assert any("d.jsonl" in one for one in some["not_compared"])
    if SCALE > 1:
        objects().remove(s3 / "in/d.jsonl")
        assert same()["compared_units"] == some["compared_units"]
    (tmp_path / "s/job.json").unlink()
    objects().remove(s3 / "s/job.json")
    assert same()["compared_units"] == 0


def test_it_finds_what_was_written_wrong(s3: Url, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What has the checksum that was recorded, and is wrong."""
    store = make_full_store(tmp_path / "s")
    assert store.info is not None
    put_folder(store.path, s3 / "s")
    shard = store.info.shards[-1]
    ids = np.fromfile(store.path / f"{shard.name}.bin", store.dtype)
    mask = (store.path / f"{shard.name}.mask").read_bytes()
    columns = (tmp_path / "s" / f"{store.info.shards[0].name}.parquet").read_bytes()
    cases = [
        (".bin", np.where(np.arange(len(ids)) == 0, 9, ids).astype(ids.dtype), "lacks the id 1, which"),
        (".bin", np.where(ids == 2, 9, ids).astype(ids.dtype), "lacks the id 2, which"),
        (".mask", np.frombuffer(mask[:-1] + bytes([mask[-1] | 0x80]), np.uint8), "bits are set behind"),
        (".group", np.array([0, 2], "<i4"), "document 1 of the shard is number 2 of a group"),
        (".weight", np.array([1, np.nan], "<f4"), "document 1 of the shard has the weight nan"),
        (".parquet", np.frombuffer(columns, np.uint8), "4 rows for 2 documents"),
    ]
    for suffix, data, words in cases if SCALE > 1 else cases[::5]:
        wrong = tmp_path / "wrong"
        shutil.copytree(store.path, wrong)
        file = wrong / f"{shard.name}{suffix}"
        file.write_bytes(data.tobytes())
        recorded = block_checksum(file)
        if suffix == ".bin":
            changed = replace(shard, bin_checksum=recorded)
        elif suffix == ".parquet":
            changed = replace(shard, columns_checksum=recorded)
        else:
            changed = replace(shard, beside={**shard.beside, suffix: recorded})
        info = replace(store.info, shards=(*store.info.shards[:-1], changed))
        (wrong / "store.json").write_bytes(info.to_json())
        for name in (file.name, "store.json"):
            objects().write(s3 / "s" / name, (wrong / name).read_bytes())
        here = _told(capsys, "verify", wrong, "--deep")
        assert here[0] == 1
        assert words in here[1]
        assert _told(capsys, "verify", s3 / "s", "--deep") == here
        shutil.rmtree(wrong)
        objects().write(s3 / "s" / file.name, (store.path / file.name).read_bytes())


def test_levels_from_python(s3: Url, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYPACK_CACHE", str(tmp_path / "cache"))
    store = make_full_store(tmp_path / "s")
    put_folder(store.path, s3 / "s")
    there = TokenStore.open(str(s3 / "s"))
    assert [there.verify(level) for level in ("quick", "deep")] == [[], []]
    with pytest.raises(ValueError, match="level must be one of quick, full, deep, got 'deeper'"):
        there.verify("deeper")  # type: ignore[arg-type]
    objects().write(s3 / "s/00001.idx", b"short")
    for level in ("quick", "deep"):
        with pytest.raises(ValueError, match=rf"{s3}/s/00001\.idx: "):
            there.verify(level)  # type: ignore[arg-type]


@pytest.mark.parametrize("option", ["--deep", None])
def test_a_bit_that_flips_on_the_way_is_no_fault_of_the_store(
    option: str | None, s3: Url, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each first answer of an object has one; and what lies there so is found."""
    store = make_full_store(tmp_path / "s")
    put_folder(store.path, s3 / "s")
    seen: set[str] = set()

    def fault(method: str, path: str, headers: dict[str, str]) -> str | None:
        name = path.partition("?")[0].rpartition("/")[2]
        if method != "GET" or "." not in name or name in seen:
            return None
        seen.add(name)
        return "flip"

    arguments = ["verify", str(s3 / "s"), *([option] if option else [])]
    with forwarding(os.environ["AWS_ENDPOINT_URL"]) as proxy:
        proxy.fault = fault
        monkeypatch.setenv("AWS_ENDPOINT_URL", proxy.url)
        assert main(arguments) == 0
    objects().close()
    assert {"store.json", "00001.bin", "00001.idx", "00001.parquet"} <= seen


def test_memory_does_not_grow_with_the_store(tmp_path: Path) -> None:
    """A store of 192 MB of ids in one shard: no more than a look at its sizes, and some pieces of 8 MiB."""
    folder = tmp_path / "s"
    rows = Ragged(np.full(1 << 20, 5, np.uint32), np.arange(0, (1 << 20) + 1, 1 << 12))
    with StoreWriter(folder, vocab_size=100_000, shard_tokens=1 << 30, beside=[".mask"]) as writer:
        for _ in range(48):
            writer.append(rows, learned=np.ones(1 << 20, bool))
    url = f"local://{folder}"

    def most(*arguments: str) -> int:
        code = (
            "import sys, resource; from pypack.cli import main; status = main(); "
            "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, file=sys.stderr); sys.exit(status)"
        )
        done = subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return int(done.stderr.split()[-1])

    assert most("verify", url, "--deep") < most("verify", url, "--quick") + 100_000  # KiB
