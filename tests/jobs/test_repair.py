"""Broken files of a store, made again from its inputs: the same as before, or left as they are and named."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from conftest import SCALE
from fixtures.corpus_files import json_lines, write
from fixtures.jobs import Corpus, copy_store, tree_bytes
from fixtures.loader_data import make_store
from hypothesis import given, settings
from hypothesis import strategies as st

from pypack.cli import main
from pypack.jobs.output import OutputError, only_job_in
from pypack.jobs.recheck import compare_with_inputs
from pypack.jobs.repair import repair_store
from pypack.jobs.store_merge import merge_stores
from pypack.jobs.tokenize import RecordOptions, TokenizeOptions, tokenize
from pypack.store.store import TokenStore
from pypack.tokenizer.tokenizer import Tokenizer

_OPTIONS = TokenizeOptions(shard_tokens=100, unit_bytes=1000)


def _lines(first: int, count: int) -> bytes:
    return json_lines([{"text": f"document {i} " * (i % 5), "id": i} for i in range(first, first + count)])


@pytest.fixture
def store(tokenizer: Tokenizer, tmp_path: Path) -> Path:
    """Several units, some of several shards, with rejects."""
    a = write(tmp_path / "in/a.jsonl", _lines(0, 40) + b"bad\n" + _lines(40, 10))
    tokenize([a], tmp_path / "s", tokenizer, _OPTIONS)
    return tmp_path / "s"


def _damage(file: Path, how: str, rng: random.Random) -> None:
    data = bytearray(file.read_bytes())
    file.unlink()  # which may be linked: of this name alone
    if how == "missing":
        return
    if how == "cut":
        file.write_bytes(data[: len(data) // 2])
    elif how == "empty":
        file.write_bytes(b"")
    elif how == "longer":
        file.write_bytes(data + b"x")
    else:
        place = rng.randrange(len(data))
        data[place] ^= 1 << rng.randrange(8)
        file.write_bytes(data)


_HOWS = ["missing", "cut", "empty", "longer", "bit"]


@settings(max_examples=max(4, round(4 * SCALE)))
@given(data=st.data())
def test_whatever_is_broken(
    data: st.DataObject, many_units: Corpus, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Files of all kinds, of a store of inputs of all kinds, with columns and rejects."""
    source = tmp_path_factory.mktemp("repair")
    store = source / "s"
    for name, content in many_units.store.items():
        write(store / name, content)
    names = sorted(name for name in many_units.store if name not in ("job.json", "tokenizer.json"))
    shards = [name for name in names if name[0].isdigit()]
    broken = data.draw(st.lists(st.sampled_from(shards), min_size=1, max_size=3, unique=True))
    broken += data.draw(st.lists(st.sampled_from(sorted(set(names) - set(shards))), max_size=1))
    manifests = [name for name in broken if name.startswith("units/") and name.endswith(".json")]
    hows = {name: data.draw(st.sampled_from(_HOWS)) for name in broken}
    rng = random.Random(data.draw(st.integers(0, 1000)))
    for name, how in hows.items():
        if name in manifests:  # of which nothing is recorded: a broken one is one that cannot be read
            how = "missing"
        _damage(store / name, how, rng)
    if "store.json" in broken:
        broken = [name for name in broken if name != "store.json"] + ["store.json"]
    result = repair_store(store)
    assert result.not_repaired == {}
    assert sorted(result.repaired) == sorted(broken)
    assert tree_bytes(store) == many_units.store


def test_what_is_whole_is_left_alone(store: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in store.rglob("*")}
    result = repair_store(store)
    assert (result.repaired, result.not_repaired, result.units) == ([], {}, [])
    assert {path: path.stat().st_mtime_ns for path in store.rglob("*")} == before


def test_of_several_kinds_of_stores(tokenizer: Tokenizer, store: Path, tmp_path: Path) -> None:
    """Appended to, mended and merged; with masks and groups; cut by a limit."""
    b = write(tmp_path / "in/b.jsonl", _lines(100, 10))
    tokenize([b], store, tokenizer, _OPTIONS, append=True)
    write(tmp_path / "in/a.jsonl", _lines(0, 40) + _lines(99, 1) + _lines(40, 10))
    tokenize([tmp_path / "in"], store, tokenizer, _OPTIONS, retry_rejected=True)
    mended = TokenStore.open(store)
    last = mended.info.shards[-1].name if mended.info else ""
    c = write(tmp_path / "c.jsonl", _lines(200, 30))
    tokenize([c], tmp_path / "c", tokenizer, _OPTIONS)
    merge_stores([tmp_path / "c", store], tmp_path / "m")
    pairs = json_lines([{"p": f"ask {i}", "c": f"good {i}", "d": f"bad {i}"} for i in range(20)])
    records = RecordOptions(prompt_field="p", completion_fields=("c", "d"))
    write(tmp_path / "pairs.jsonl", pairs)
    tokenize([tmp_path / "pairs.jsonl"], tmp_path / "p", tokenizer, TokenizeOptions(records=records))
    few = TokenizeOptions(limit=25, shard_tokens=100, unit_bytes=1000)
    tokenize([c], tmp_path / "l", tokenizer, few)
    for folder, pattern in (
        (store, f"{last}.bin"),
        (tmp_path / "m", "000000-000.bin"),
        (tmp_path / "m", "*-000.idx"),
        (tmp_path / "p", "*.mask"),
        (tmp_path / "p", "*.group"),
        (tmp_path / "l", "*.bin"),
    ):
        before = tree_bytes(folder)
        file = sorted(folder.glob(pattern))[-1]
        _damage(file, "cut", random.Random(0))
        result = repair_store(folder)
        if folder == tmp_path / "m" and pattern == "*-000.idx":
            # The merged store holds a unit of mended records of a file that has changed since.
            assert result.not_repaired or tree_bytes(folder) == before
            continue
        assert (result.repaired, result.not_repaired) == ([file.name], {}), folder
        assert tree_bytes(folder) == before
        TokenStore.open(folder).verify("deep")


def test_inputs_that_changed(store: Path, tmp_path: Path) -> None:
    file = store / "000001-000.bin"
    _damage(file, "bit", random.Random(1))
    before = tree_bytes(store)
    text = (tmp_path / "in/a.jsonl").read_bytes()
    os.utime(tmp_path / "in/a.jsonl")
    result = repair_store(store)
    assert "a.jsonl: was written to since the job began" in result.not_repaired[file.name]
    (tmp_path / "in/a.jsonl").unlink()
    result = repair_store(store)
    assert "a.jsonl: has gone since the job began" in result.not_repaired[file.name]
    assert result.repaired == []
    # As large and as old as it was, and yet another: its sums tell.
    described = json.loads((store / "job.json").read_text())["files"][0]
    write(tmp_path / "in/a.jsonl", text.replace(b"document 2", b"document 3"))
    os.utime(tmp_path / "in/a.jsonl", ns=(described[4], described[4]))
    result = repair_store(store)
    assert "came out otherwise than it was recorded" in result.not_repaired[file.name]
    assert result.units == [1]
    assert tree_bytes(store) == before


def test_what_no_job_has_made(tmp_path: Path) -> None:
    make_store(tmp_path / "s", [3, 5, 7])
    _damage(tmp_path / "s/00000.bin", "bit", random.Random(1))
    result = repair_store(tmp_path / "s")
    assert result.not_repaired == {"00000.bin": "no job of units has made it"}
    (tmp_path / "s/store.json").write_bytes(b"{")
    assert repair_store(tmp_path / "s").not_repaired == {
        "store.json": "it is broken, and there is no job.json"
    }
    (tmp_path / "empty").mkdir()
    with pytest.raises(OutputError, match="nothing to repair"):
        repair_store(tmp_path / "empty")
    with only_job_in(tmp_path / "s"), pytest.raises(OutputError, match="another process is writing there"):
        repair_store(tmp_path / "s")


def test_the_tokenizer(store: Path, tokenizer_file: Path, tmp_path: Path) -> None:
    before = tree_bytes(store)
    (store / "tokenizer.json").write_bytes(b"{}")
    _damage(store / "000000-000.idx", "missing", random.Random(1))
    assert main(["verify", str(store), "--repair"]) == 1
    assert repair_store(store).not_repaired.keys() == {"tokenizer.json", "000000-000.idx"}
    definition = json.loads(tokenizer_file.read_text())
    definition["pre_tokenizer"]["add_prefix_space"] = True
    write(tmp_path / "other.json", json.dumps(definition).encode())
    assert main(["verify", str(store), "--repair", "--tokenizer", str(tmp_path / "other.json")]) == 1
    assert main(["verify", str(store), "--repair", "--tokenizer", str(tokenizer_file)]) == 0
    assert tree_bytes(store) == before


def test_an_append_that_is_under_way_stays(
    store: Path, tokenizer: Tokenizer, tokenizer_file: Path, tmp_path: Path
) -> None:
    write(tmp_path / "in/b.jsonl", _lines(100, 40))
    copy_store(store, tmp_path / "whole")
    tokenize([tmp_path / "in"], tmp_path / "whole", tokenizer, _OPTIONS, append=True)
    command = [
        *_PYPACK, "tokenize", str(tmp_path / "in"), "-o", str(store), "--tokenizer", str(tokenizer_file),
        "--shard-tokens", "100", "--unit-bytes", "1000", "--workers", "1", "--append",
    ]  # fmt: skip
    units = len(list((store / "units").glob("*.json")))
    killed = subprocess.run(command, env={**os.environ, "PYPACK_CRASH_AT": f"commit:{units}"}, check=False)
    assert killed.returncode == -signal.SIGKILL
    assert (store / "job.next.json").exists()
    for name in ("000001-000.bin", "store.json"):
        _damage(store / name, "cut", random.Random(1))
        assert repair_store(store).repaired == [name]
        assert len(TokenStore.open(store)) == 50
    assert (store / "job.next.json").exists()
    tokenize([tmp_path / "in"], store, tokenizer, _OPTIONS, append=True)
    assert {name: data for name, data in tree_bytes(store).items() if name != "job.json"} == {
        name: data for name, data in tree_bytes(tmp_path / "whole").items() if name != "job.json"
    }


_PYPACK = [sys.executable, "-c", "import sys; from pypack.cli import main; sys.exit(main())"]


def test_killed(store: Path) -> None:
    before = tree_bytes(store)
    for name in ("000000-000.bin", "000001-000.bin"):
        _damage(store / name, "bit", random.Random(2))
    environment = {**os.environ, "PYPACK_CRASH_AT": "repair:000001-000.bin"}
    command = [*_PYPACK, "verify", str(store), "--repair"]
    assert subprocess.run(command, env=environment, check=False).returncode == -signal.SIGKILL
    assert list(store.glob("repair.partial.*"))
    assert (store / "000000-000.bin").read_bytes() == before["000000-000.bin"]
    assert main(["verify", str(store), "--repair"]) == 0
    assert tree_bytes(store) == before


def test_the_command(store: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["verify", str(store), "--repair"]) == 0
    assert capsys.readouterr().out == f"{store}: nothing was made again, and it is whole\n"
    _damage(store / "000001-000.bin", "missing", random.Random(1))
    for level in ([], ["--quick"], ["--deep"]):
        assert main(["verify", str(store), *level]) == 1
        assert "000001-000.bin" in capsys.readouterr().err
    assert main(["verify", str(store), "--repair"]) == 0
    told = capsys.readouterr()
    assert told.out == f"{store}: 1 file was made again, and it is whole\n"
    assert "unit 1 is made again: 000001-000.bin" in told.err
    for level in ([], ["--quick"], ["--deep"]):
        assert main(["verify", str(store), *level]) == 0
    assert "read and encoded again: 50 documents of" in capsys.readouterr().out
    assert main(["verify", str(store), "--quick", "--deep"]) == 2
    assert main(["verify", str(store), "--quick", "--repair"]) == 2
    assert main(["verify", str(store), "--tokenizer", "x"]) == 2
    (store / "000001-000.bin").unlink()
    Path(json.loads((store / "job.json").read_text())["files"][0][0]).unlink()
    capsys.readouterr()
    assert main(["verify", str(store), "--repair", "--json"]) == 1
    found = json.loads(capsys.readouterr().out)
    assert (found["ok"], list(found["not_repaired"])) == (False, ["000001-000.bin"])


def test_documents_are_compared_with_their_inputs(store: Path, tmp_path: Path) -> None:
    opened = TokenStore.open(store)
    compared = compare_with_inputs(opened, documents=3)
    assert (compared.documents, compared.not_compared) == (3 * compared.units, [])
    assert compared.units == len(list((store / "units").glob("*.json")))
    assert compare_with_inputs(opened, units=2).units == 2
    # A store that was written wrong, sums and all.
    ids = np.fromfile(store / "000001-000.bin", opened.dtype)
    ids[0] += 1
    ids.tofile(store / "000001-000.bin")
    with pytest.raises(
        ValueError, match=r"document \d+ is not what .*a\.jsonl gives now: token 0 is \d+, and"
    ):
        compare_with_inputs(TokenStore.open(store))
    os.utime(tmp_path / "in/a.jsonl")
    compared = compare_with_inputs(opened)
    assert compared.documents == 0
    assert compared.decoded == 50
    assert "was written to since" in compared.not_compared[0]


def test_a_deep_look_at_what_is_whole_again(
    store: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = tree_bytes(store)
    _damage(store / "000001-000.bin", "bit", random.Random(1))
    assert main(["verify", str(store), "--deep", "--repair"]) == 0
    told = capsys.readouterr().out
    assert f"{store}: 1 file was made again\n{store}: whole" in told
    assert "read and encoded again: 50 documents of" in told
    assert tree_bytes(store) == before
    _damage(store / "000002-000.idx", "missing", random.Random(1))
    assert main(["verify", str(store), "--deep", "--repair", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["level"], found["repaired"], found["compared_documents"]) == (
        "deep",
        ["000002-000.idx"],
        50,
    )
    # What is as recorded is not made again, and yet may not be what the input gives.
    text = tmp_path / "in/a.jsonl"
    status, data = text.stat(), text.read_bytes()
    text.write_bytes(data.replace(b"document 3 ", b"DOCUMENT 3 "))
    os.utime(text, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert main(["verify", str(store), "--repair"]) == 0
    assert main(["verify", str(store), "--deep", "--repair"]) == 1
    assert "a.jsonl gives now" in capsys.readouterr().err
