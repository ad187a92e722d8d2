"""A conversion that is killed leaves the old state or the new one, and the same command ends the same."""

from __future__ import annotations

import hashlib
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from fixtures.format_needs import needs

import pypack
from pypack import Ragged, StoreWriter, TokenStore
from pypack.cli import main
from pypack.formats.convert import export
from pypack.formats.formats import FORMATS
from pypack.formats.output import clean_leftovers, written_whole

# By hand: PYPACK_KILLS=50 pytest tests/formats/test_killed_conversions.py
KILLS = int(os.environ.get("PYPACK_KILLS", "2"))


def content(folder: Path) -> dict[str, str]:
    """What lies in a folder, but for the inputs."""
    files = (path for path in sorted(folder.rglob("*")) if path.is_file())
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> TokenStore:
    path = tmp_path_factory.mktemp("killed") / "store"
    numbers = np.random.default_rng(0)
    with StoreWriter(path, vocab_size=300, beside=[".mask"], shard_tokens=1 << 16) as writer:
        for _ in range(8):
            documents = Ragged.from_rows([numbers.integers(0, 300, n) for n in numbers.integers(0, 400, 200)])
            writer.append(documents, learned=numbers.random(len(documents.values)) < 0.5)
    pypack.pack(TokenStore.open(path).lengths, 512).save(path.with_name("plan"))
    return TokenStore.open(path)


def run_and_kill(arguments: list[str], seconds: float) -> int | None:
    """Runs a command and kills it after a while; its status, if it came to an end before."""
    program = f"import sys; from pypack.cli import main; sys.exit(main({['convert', *arguments]!r}))"
    child = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.DEVNULL)
    try:
        return child.wait(seconds)
    except subprocess.TimeoutExpired:
        child.send_signal(signal.SIGKILL)
        child.wait()
        return None


@pytest.mark.parametrize("form", [*FORMATS, "store"])
def test_killed_at_any_moment(form: str, store: TokenStore, tmp_path: Path) -> None:
    needs(form)
    source = store.path
    more = ["--plan", str(store.path.with_name("plan")), "--allow-loss"]
    if form == "store":
        source = tmp_path / "source.parquet"
        export(store, source, "parquet", pypack.Plan.open(store.path.with_name("plan")))
        more = []
    whole, target = tmp_path / "whole", tmp_path / "target"
    for folder in (whole, target):
        folder.mkdir()
    begin = time.monotonic()
    assert run_and_kill([str(source), str(whole / "out"), "--to", form, *more], 600) == 0
    took = time.monotonic() - begin
    moments, last = random.Random(form), "out.idx" if form == "megatron" else "out"
    for _ in range(KILLS):
        status = run_and_kill(
            [str(source), str(target / "out"), "--to", form, *more], moments.uniform(0.3, 1.0) * took
        )
        assert status in (None, 0)
        if (target / last).exists():  # the new state, whether it was killed behind it or not
            clean_leftovers(target / "out")
            assert content(target) == content(whole)
            for path in target.iterdir():
                shutil.rmtree(path) if path.is_dir() else path.unlink()
        else:  # the old one
            assert status is None
    assert main(["convert", str(source), str(target / "out"), "--to", form, *more]) == 0
    assert content(target) == content(whole)


def test_a_rename_that_was_not_the_last_is_taken_back(tmp_path: Path) -> None:
    """As if it were killed between the two: the first of them is undone by the next run."""

    target = tmp_path / "data"
    work = tmp_path / f"data.partial.{'0' * 12}"
    work.mkdir()
    (work / "data.idx").write_bytes(b"index")
    (tmp_path / "data.bin").write_bytes(b"tokens")
    number = (tmp_path / "data.bin").stat().st_ino
    (work / ".renames.json").write_text(f'{{"data.bin": {number}, "data.idx": 1}}')
    with written_whole(target, ["data.bin", "data.idx"]) as place:
        (place / "data.bin").write_bytes(b"new tokens")
        (place / "data.idx").write_bytes(b"new index")
    assert content(tmp_path).keys() == {"data.bin", "data.idx"}
    assert (tmp_path / "data.bin").read_bytes() == b"new tokens"


def test_a_file_of_somebody_else_is_not_taken_back(tmp_path: Path) -> None:
    work = tmp_path / f"data.partial.{'0' * 12}"
    work.mkdir()
    (work / "data.idx").write_bytes(b"index")
    (tmp_path / "data.bin").write_bytes(b"theirs")
    (work / ".renames.json").write_text('{"data.bin": 1, "data.idx": 2}')
    with (
        pytest.raises(FileExistsError, match=r"data\.bin exists"),
        written_whole(tmp_path / "data", ["data.bin", "data.idx"]),
    ):
        pass
    assert (tmp_path / "data.bin").read_bytes() == b"theirs"


def test_what_a_living_run_writes_is_left_alone(tmp_path: Path) -> None:
    with written_whole(tmp_path / "data", ["data"]) as place:
        (place / "data").write_bytes(b"here")
        clean_leftovers(tmp_path / "data")
        assert (place / "data").read_bytes() == b"here"
    assert content(tmp_path).keys() == {"data"}


def test_an_error_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(KeyError), written_whole(tmp_path / "data", ["data"]) as place:
        (place / "data").write_bytes(b"half")
        raise KeyError
    assert list(tmp_path.iterdir()) == []
