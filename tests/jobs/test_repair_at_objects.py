"""Broken objects of a store at a URL, made again from its inputs: the same as before, or left and named."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import SCALE
from fixtures.corpus_files import json_lines, write
from fixtures.jobs import Corpus, tree_bytes
from fixtures.objects_below import objects_below, put

from pypack.cli import main
from pypack.jobs.output import OutputError
from pypack.jobs.repair import repair_store
from pypack.jobs.tokenize import TokenizeOptions, tokenize
from pypack.remote import Url, objects
from pypack.tokenizer.tokenizer import Tokenizer

_PYPACK = [sys.executable, "-c", "import sys; from pypack.cli import main; sys.exit(main())"]

_SERVICES = ["azure_store", "google_store", "no_condition_store"]


def _damage(url: Url, how: str, rng: random.Random) -> None:
    data = bytearray(objects().read(url))
    if how == "missing":
        objects().remove(url)
    elif how == "cut":
        objects().write(url, bytes(data[: len(data) // 2]))
    else:
        data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
        objects().write(url, bytes(data))


def _drawn(store: dict[str, bytes], rng: random.Random) -> list[str]:
    """Files of the kinds that a store has, one of each."""
    kinds: dict[str, list[str]] = {}
    for name in store:
        if name not in ("job.json", "tokenizer.json"):
            kinds.setdefault(name.partition(".")[2] + name.rpartition("/")[0], []).append(name)
    return [rng.choice(names) for names in kinds.values()]


@pytest.mark.parametrize("seed", range(max(2, round(2 * SCALE))))
def test_whatever_is_broken(seed: int, s3: Url, few_units: Corpus) -> None:
    put(few_units.store, s3)
    rng = random.Random(seed)
    broken = _drawn(few_units.store, rng)
    assert {name.rpartition(".")[2] for name in broken} == {"bin", "idx", "parquet", "json", "jsonl"}
    manifests = {name for name in broken if name.startswith("units/") and name.endswith(".json")}
    # Of a store.json that is broken together with a manifest nobody knows any more what it said; and then
    # rejected.jsonl is made in any case.
    spared = manifests | {"rejected.jsonl"} if seed % 2 else {"store.json"}
    broken = [name for name in broken if name not in spared]
    for name in broken:
        _damage(s3 / name, "missing" if name in manifests else rng.choice(["missing", "cut", "bit"]), rng)
    result = repair_store(s3)
    assert result.not_repaired == {}
    assert sorted(result.repaired) == sorted(broken)
    assert objects_below(s3) == few_units.store
    again = repair_store(str(s3))
    assert (again.repaired, again.units) == ([], [])


@pytest.mark.parametrize("service", _SERVICES if SCALE > 1 else _SERVICES[:1])
def test_at_each_service(service: str, request: pytest.FixtureRequest, few_units: Corpus) -> None:
    store: Url = request.getfixturevalue(service) / "s"
    put(few_units.store, store)
    for name in ("store.json", "000001-000.bin"):
        objects().write(store / name, few_units.store[name][:-7])
    assert sorted(repair_store(store).repaired) == ["000001-000.bin", "store.json"]
    assert objects_below(store) == few_units.store


def test_the_command(
    s3: Url, few_units: Corpus, tokenizer_file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    put(few_units.store, s3)
    objects().remove(s3 / "000001-000.idx")
    objects().write(s3 / "tokenizer.json", b"{}")
    assert main(["verify", str(s3)]) == 1
    assert main(["verify", str(s3), "--repair"]) == 1
    told = capsys.readouterr().err
    assert "tokenizer.json: it is missing or has changed" in told
    assert main(["verify", str(s3), "--repair", "--tokenizer", str(tokenizer_file), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (sorted(found["repaired"]), found["ok"]) == (["000001-000.idx", "tokenizer.json"], True)
    assert objects_below(s3) == few_units.store
    with pytest.raises(OutputError, match="nothing to repair"):
        repair_store(s3 / "nothing")
    assert main(["verify", str(s3), "--deep"]) == 0
    objects().remove(s3 / "000001-000.idx")
    assert main(["verify", str(s3), "--deep", "--repair", "--json"]) == 0
    found = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert (found["repaired"], found["level"]) == (["000001-000.idx"], "deep")
    assert found["compared_documents"] > 0


def test_killed(s3: Url, few_units: Corpus) -> None:
    put(few_units.store, s3)
    broken = ["000001-000.bin", "000001-000.idx"]
    for name in broken:
        objects().remove(s3 / name)
    command = [*_PYPACK, "verify", str(s3), "--repair"]
    environment = {**os.environ, "PYPACK_CRASH_AT": f"repair:{broken[1]}"}
    assert subprocess.run(command, env=environment, stdout=-3, stderr=-3).returncode == -signal.SIGKILL
    assert subprocess.run(command, stdout=-3, stderr=-3).returncode == 0
    assert objects_below(s3) == few_units.store


def test_inputs_that_are_objects_and_changed(s3: Url, tokenizer: Tokenizer) -> None:
    objects().write(s3 / "in/a.jsonl", json_lines([{"text": "some words"}] * 30))
    tokenize([str(s3 / "in")], s3 / "s", tokenizer)
    whole = objects_below(s3 / "s")
    objects().remove(s3 / "s/000000-000.bin")
    assert repair_store(s3 / "s").repaired == ["000000-000.bin"]
    assert objects_below(s3 / "s") == whole
    objects().remove(s3 / "s/000000-000.bin")
    objects().write(s3 / "in/a.jsonl", json_lines([{"text": "other words"}] * 30))
    before = objects_below(s3 / "s")
    assert "a.jsonl" in repair_store(s3 / "s").not_repaired["000000-000.bin"]
    assert objects_below(s3 / "s") == before


def test_while_the_store_grows(s3: Url, tokenizer: Tokenizer, tmp_path: Path) -> None:
    """A broken `store.json` of a store to which an append has been made, as far as its last unit."""
    options = TokenizeOptions(unit_bytes=300)
    files = [write(tmp_path / f"{i}.jsonl", json_lines([{"text": f"words {i}"}] * 9)) for i in range(3)]
    tokenize(files[:1], tmp_path / "s", tokenizer, options)
    old = tree_bytes(tmp_path / "s")
    tokenize(files, tmp_path / "s", tokenizer, options, append=True)
    put(old, s3)
    command = [
        *_PYPACK, "tokenize", *files, "-o", str(s3), "--tokenizer", str(tmp_path / "s/tokenizer.json"),
        "--unit-bytes", "300", "--workers", "1", "--append",
    ]  # fmt: skip
    environment = {**os.environ, "PYPACK_CRASH_AT": "merge:store"}
    assert subprocess.run(command, env=environment, stdout=-3, stderr=-3).returncode == -signal.SIGKILL
    objects().write(s3 / "store.json", b"{}")
    assert "store.json" in repair_store(s3).repaired
    assert objects_below(s3) == tree_bytes(tmp_path / "s")
