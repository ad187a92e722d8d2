"""Descriptions that lie: a field of another type, out of bounds, missing or unknown is refused by name."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fixtures.bombs import laughs
from fixtures.store_json import write_sealed

import pypack
from pypack import Loader, Plan, Ragged, Schedule, Source, StoreWriter, TokenStore
from pypack._common.schema import brief
from pypack.cli import main

_WRONG: list[Any] = [None, True, -1, 2**64, 1.5, float("nan"), "x", [], [[]], {}, {"a": 1}]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("whole")
    rng = np.random.default_rng(0)
    with StoreWriter(folder / "a.store", vocab_size=300, shard_tokens=500) as writer:
        writer.append(Ragged.from_rows([rng.integers(0, 300, n) for n in rng.integers(1, 60, 40)]))
    pypack.pack(TokenStore.open(folder / "a.store").lengths, 64).save(folder / "a.plan")
    return folder


def _edits(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Every place in a JSON value."""
    yield path
    items = (
        value.items() if isinstance(value, dict) else enumerate(value[:2]) if isinstance(value, list) else ()
    )
    for key, inner in items:
        yield from _edits(inner, (*path, key))


def _edited(value: Any, path: tuple[Any, ...], new: Any) -> Any:
    if not path:
        return new
    copy = dict(value) if isinstance(value, dict) else list(value)
    copy[path[0]] = _edited(value[path[0]], path[1:], new)
    return copy


@pytest.mark.parametrize("name", ["a.store/store.json", "a.plan/plan.json"])
def test_every_field_of_a_description(name: str, whole: Path, tmp_path: Path) -> None:
    """Whatever stands in it: it is read, or a ValueError that names the file; verify, too."""
    shutil.copytree(whole, tmp_path / "x")
    path = tmp_path / "x" / name
    content = json.loads(path.read_text())
    kind: Any = TokenStore if "store" in name else Plan
    refused = 0
    for place in _edits(content):
        for new in _WRONG:
            path.write_text(json.dumps(_edited(content, place, new)))
            try:
                kind.open(path.parent).verify()
            except ValueError as error:
                refused += 1
                assert str(path.parent) in str(error)
                assert len(str(error)) < 1000
            except FileNotFoundError as error:
                assert str(path.parent) in str(error)
    assert refused > 200


def test_shards_stay_in_their_store(whole: Path, tmp_path: Path) -> None:
    shutil.copytree(whole / "a.store", tmp_path / "a.store")
    path = tmp_path / "a.store" / "store.json"
    content = json.loads(path.read_text())
    for name in (
        "../a.store/00000",
        f"{tmp_path}/a.store/00000",
        "./00000",
        "..",
        "",
        "0\0",
        "a\x1b[31m",
        "c:x",
        "a\\b",
    ):
        path.write_text(json.dumps(_edited(content, ("shards", 0, "name"), name)))
        with pytest.raises(ValueError, match=r"store\.json: .*'shards\[0\]\.name' must be a plain file name"):
            TokenStore.open(tmp_path / "a.store")


def test_verify_says_what_it_did_not_check(
    whole: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(whole / "a.store", tmp_path / "a.store")
    assert TokenStore.open(tmp_path / "a.store").verify() == []
    path = tmp_path / "a.store" / "store.json"
    write_sealed(path, _edited(json.loads(path.read_text()), ("shards", 0, "bin_checksum"), None))
    data = bytearray((tmp_path / "a.store" / "00000.bin").read_bytes())
    data[0] ^= 1
    (tmp_path / "a.store" / "00000.bin").write_bytes(data)
    assert TokenStore.open(tmp_path / "a.store").verify() == ["00000.bin"]
    assert main(["verify", str(tmp_path / "a.store")]) == 0
    told = capsys.readouterr().out
    assert "not proved, as no checksum is recorded: 00000.bin" in told
    assert "whole" not in told


def test_counts_ask_for_no_memory(whole: Path, tmp_path: Path) -> None:
    """`verify` of a plan needs memory for its arrays, not for what plan.json claims."""
    path = tmp_path / "a.plan" / "plan.json"
    for extra in ({}, {"empty_documents": 2_000_000_000 - 40}):
        shutil.rmtree(path.parent, ignore_errors=True)
        shutil.copytree(whole / "a.plan", path.parent)
        content = json.loads(path.read_text())
        content["counts"] |= {"documents": 2_000_000_000, **extra}
        path.write_text(json.dumps(content))
        program = (
            "import sys\nfrom pypack import Plan\n"
            "try: Plan.open(sys.argv[1]).verify(); print('whole')\nexcept ValueError as error: print(error)\n"
            "print([l for l in open('/proc/self/status') if l.startswith('VmHWM')][0].split()[1])"
        )
        done = subprocess.run(
            [sys.executable, "-c", program, str(path.parent)], capture_output=True, text=True, check=True
        )
        told, kilobytes = done.stdout.splitlines()
        wrong = f"{path.parent}: the plan states documents without span=0, but its spans give 1999999960"
        assert told == ("whole" if extra else wrong)
        assert int(kilobytes) < 200_000


def test_pipes_in_the_place_of_files(whole: Path, tmp_path: Path) -> None:
    for kind, name in (
        (TokenStore, "a.store/00000.bin"),
        (TokenStore, "a.store/00001.idx"),
        (Plan, "a.plan/span_start.npy"),
    ):
        shutil.rmtree(tmp_path / "x", ignore_errors=True)
        shutil.copytree(whole, tmp_path / "x")
        path = tmp_path / "x" / name
        path.unlink()
        os.mkfifo(path)
        with pytest.raises(ValueError, match="is a named pipe, not a file"):
            kind.open(path.parent)
        path.unlink()
        path.symlink_to("/dev/zero")
        with pytest.raises(ValueError, match="is a device, not a file"):
            kind.open(path.parent)


def _deep(n: int) -> str:
    return "[" * n + "]" * n


def test_deep_and_large_texts(whole: Path, tmp_path: Path) -> None:
    shutil.copytree(whole, tmp_path / "x")
    for text in (
        _deep(100_000),
        '{"a":' * 100_000,
        "9" * 100_000,
        '{"format": "pypack.store", "version": ' + "9" * 100_000 + "}",
    ):
        for name, kind in (("a.store/store.json", TokenStore), ("a.plan/plan.json", Plan)):
            (tmp_path / "x" / name).write_text(text)
            with pytest.raises(ValueError, match=r"\.json: ") as raised:
                kind.open(tmp_path / "x" / Path(name).parent)
            assert len(str(raised.value)) < 1000


_YAML = {
    "laughs": laughs("curriculum"),
    "laughs elsewhere": laughs("weights"),
    "merges": "a0: &a0 {k0: 1}\n"
    + "".join(f"a{i + 1}: &a{i + 1} {{<<: [{', '.join([f'*a{i}'] * 9)}]}}\n" for i in range(12)),
    "itself": "&a [*a, *a]\n",
    "a phase of itself": "phases: &a\n- *a\n",
    "deep": "a: " + _deep(5000) + "\n",
    "deep blocks": "".join(" " * i + "- \n" for i in range(500)),
    "large": "a: [" + "1, " * 400_000 + "]\n",
    "colliding keys": "phases:\n- steps: 1\n  curriculum: {"
    + ", ".join(f"{i * (2**61 - 1)}: 1" for i in range(30_000)) + "}\n",
    "tag": "phases: !!python/object/apply:os.system ['true']\n",
    "a date that is none": "phases: 2024-99-99\n",
    "a long number": "phases: " + "9" * 10_000 + "\n",
    "controls": "phases: \x07\n",
    "numbers as names": "phases:\n- steps: 1\n  weights: {1: 1}\n",
    "a list as a name": "phases:\n- steps: 1\n  weights: {[1]: 1}\n",
    "weights of texts": "phases:\n- steps: 1\n  weights: {web: heavy}\n",
    "infinite": "phases:\n- steps: .inf\n",
    "no number": "phases:\n- steps: .nan\n",
    "phases of numbers": "phases: [1]\n",
    "text": "phases: abc\n",
    "shapes": "phases:\n- steps: 3\n  shapes: {long: 7}\n",
    "shapes of zero": "phases:\n- steps: 3\n  shapes: {long: [8], short: [0]}\n",
    "shapes of a name": "phases:\n- steps: 3\n  shapes: x\n",
    "flag": "phases:\n- steps: 3\n  longest_first: maybe\n",
}  # fmt: skip


@pytest.mark.parametrize("kind", _YAML)
def test_schedules_that_are_none(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "mix.yaml"
    path.write_text(_YAML[kind])
    for source in (path, _YAML[kind]):
        begin = time.monotonic()
        with pytest.raises(ValueError) as raised:  # many words
            Schedule.from_yaml(source)
        assert len(str(raised.value)) < 1000
        assert time.monotonic() - begin < 10


def test_schedules_of_json() -> None:
    good = {"phases": [{"steps": 3, "weights": {"a": 1.0}, "shapes": {"long": [8]}}], "total_steps": 10}
    Schedule.from_dict(good)
    for place in _edits(good):
        for new in _WRONG:
            try:
                Schedule.from_dict(_edited(good, place, new))
            except ValueError as error:
                assert len(str(error)) < 500


def test_every_field_of_a_state(whole: Path) -> None:
    store = TokenStore.open(whole / "a.store")
    source = Source(store, Plan.open(whole / "a.plan"))
    sources = {"a": source, "b": source}
    loader = Loader(sources, schedule=Schedule([pypack.Phase(steps=9)]), batch_sequences=2)
    loader.set_weights({"a": 1, "b": 3}, from_step=2)
    state = json.loads(json.dumps(loader.state_dict()))
    for place in _edits(state):
        for new in _WRONG:
            try:
                loader.load_state_dict(_edited(state, place, new))
            except ValueError as error:
                assert len(str(error)) < 2000
    loader.load_state_dict(state)


def test_the_state_of_many_sources(whole: Path) -> None:
    """They stand in it as one digest."""
    source = Source(TokenStore.open(whole / "a.store"), Plan.open(whole / "a.plan"))
    sources = {f"source {i}": source for i in range(12)}
    loader = Loader(sources, schedule=Schedule([pypack.Phase(steps=9)]), batch_sequences=2)
    state = json.loads(json.dumps(loader.state_dict(3)))
    assert isinstance(state["order"]["sources"], str)
    loader.load_state_dict(state)
    assert loader.state_dict()["step"] == 3


def test_values_in_messages_are_short() -> None:
    value: Any = "x" * 10_000
    for _ in range(30):
        value = [value] * 10
    assert len(brief(value)) <= 120
    assert brief({"a": [1, 2]}) == "{'a': [1, 2]}"
