"""Files made to harm, through the command line: a line that names them, in little time and memory."""

from __future__ import annotations

import itertools
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import pytest
from fixtures import bombs
from fixtures.corpus_files import json_lines, write
from fixtures.damaged_columns import encrypted_column, lying_footer
from fixtures.evil_pickles import EVIL, npy_of_pickle
from fixtures.measured import Run, pypack_command

import pypack
from pypack import Ragged, StoreWriter, TokenStore

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="measured as Linux measures")

SECONDS = 2.0  # of processor time, with Python's own start in it
MEGABYTES = 512


class Files:
    """What bombs are made of, and where they lie."""

    def __init__(self, folder: Path, tokenizer: Path) -> None:
        self.folder = folder
        self.tokenizer = tokenizer
        self._numbers = itertools.count()
        self.store, self.plan = folder / "good.store", folder / "good.plan"
        with StoreWriter(self.store, vocab_size=300) as writer:
            writer.append(Ragged.from_rows([np.arange(n) for n in range(40)]))
        pypack.pack(TokenStore.open(self.store).lengths, 64).save(self.plan)

    def out(self) -> Path:
        """A path for a store, which is not there yet."""
        return self.folder / f"out{next(self._numbers)}.store"

    def tokenize(self, path: Any, *more: str) -> list[Any]:
        return ["tokenize", path, "-o", self.out(), "--tokenizer", self.tokenizer, *more]

    def convert(self, path: Any) -> list[Any]:
        return ["convert", path, self.out(), "--to", "store", "--vocab-size", "300"]

    def text(self, name: str, content: str) -> Path:
        (self.folder / name).write_text(content)
        return self.folder / name

    def with_tokenizer(self, path: Path) -> list[Any]:
        texts = write(self.folder / "a.jsonl", json_lines([{"text": "a banana"}]))
        return ["tokenize", texts, "-o", self.out(), "--tokenizer", path]

    def schedule(self, path: Path) -> list[Any]:
        return ["inspect", path, "--source", f"web={self.store},{self.plan}", "--batch-sequences", "4"]


@pytest.fixture
def files(tmp_path: Path, tokenizer_file: Path) -> Files:
    return Files(tmp_path, tokenizer_file)


Bomb: TypeAlias = Callable[[Files, Path], "list[Any]"]

# Name of the file → makes it, and gives the command.
_BOMBS: dict[str, Bomb] = {
    "dictionary.parquet": lambda f, p: f.tokenize(bombs.dictionary_bomb(p)),
    "page.parquet": lambda f, p: f.tokenize(bombs.one_long_page(p)),
    "text.arrow": lambda f, p: f.tokenize(bombs.one_long_text(p)),
    "views.arrow": lambda f, p: f.tokenize(bombs.shared_views(p)),
    "indices.arrow": lambda f, p: f.tokenize(bombs.shared_dictionary(p)),
    "ids.parquet": lambda f, p: f.convert(bombs.dictionary_bomb(p)),
    "line.jsonl.zst": lambda f, p: f.tokenize(bombs.long_line(p), "--max-document-bytes", "1M"),
    "deep.jsonl": lambda f, p: f.tokenize(f.text(p.name, '{"text": ' + "[" * 5_000_000 + "\n")),
    "dtype.npy": lambda f, p: f.convert(npy_of_pickle(p, EVIL["pointers"])),
    "memo.npy": lambda f, p: f.convert(npy_of_pickle(p, EVIL["memo of half a billion"])),
    "hex.npy": lambda f, p: f.convert(npy_of_pickle(p, EVIL["doubling"])),
    "normalizer.json": lambda f, p: f.with_tokenizer(
        bombs.multiplying(f.tokenizer, p, "normalizer", "normalizers")
    ),
    "decoder.json": lambda f, p: f.with_tokenizer(bombs.multiplying(f.tokenizer, p, "decoder", "decoders")),
    "deep.json": lambda f, p: f.with_tokenizer(f.text(p.name, '{"model": ' + "[" * 1_000_000)),
    "laughs.yaml": lambda f, p: f.schedule(f.text(p.name, bombs.laughs("curriculum"))),
    "deep.yaml": lambda f, p: f.schedule(f.text(p.name, "a: " + "[" * 100_000)),
    "claims.plan": lambda f, p: ["verify", bombs.claiming_plan(f.plan, p)],
    "claims.store": lambda f, p: ["verify", bombs.claiming_index(f.store, p)],
}


@pytest.mark.parametrize("name", _BOMBS)
def test_a_bomb_is_refused_by_name(name: str, files: Files) -> None:
    run = pypack_command(*_BOMBS[name](files, files.folder / name))
    _check_told(run, name)
    # 2: a tokenizer that cannot be read, so that the job could not begin.
    assert run.status == (2 if name in ("normalizer.json", "decoder.json", "deep.json") else 1), run
    assert run.seconds < SECONDS, run
    assert run.megabytes < MEGABYTES, run


def _check_told(run: Run, name: str) -> None:
    assert name in run.told, run
    assert len(run.told.splitlines()) < 10, run
    assert "Traceback" not in run.told, run
    assert "panicked" not in run.told, run


@pytest.mark.parametrize(("make", "field"), [(lying_footer, "text"), (encrypted_column, "secret")])
def test_parquet_that_aborts_its_reader(make: Callable[[Path], Any], field: str, files: Files) -> None:
    path = files.folder / "bad.parquet"
    make(path)
    for command in (files.tokenize(path, "--field", field), files.convert(path)):
        run = pypack_command(*command)
        _check_told(run, "bad.parquet")
        assert run.status == 1, run


def _columns(f: Files, p: Path) -> list[list[Any]]:
    keep = f.tokenize(p, "--keep", "k")
    return [f.tokenize(p), keep, f.convert(p)]


# What was found by attacking every reader, with the command that each is for.
_SHARED: dict[str, Callable[[Files, Path], list[list[Any]]]] = {
    ".arrow": _columns,
    ".parquet": _columns,
    ".npy": lambda f, p: [f.convert(p)],
    ".yaml": lambda f, p: [f.schedule(p), ["inspect", p]],
    ".store": lambda f, p: [["verify", p], ["inspect", p]],
    ".plan": lambda f, p: [["verify", p], ["inspect", p], ["verify", p, "--store", f.store]],
    ".json": lambda f, p: [f.with_tokenizer(p), ["inspect", p]],
    ".jsonl": lambda f, p: [f.tokenize(p, "--tokenizer", str(p.with_suffix(".json")))],
}


def test_all_that_was_found(files: Files, shared: Path) -> None:
    """No crash, no loop, no traceback, little memory; what it is about is named."""
    cases = [path for name in ("hostile", "arrow") for path in sorted((shared / "cases" / name).iterdir())]
    runs = 0
    for path in cases:
        for command in _SHARED.get(path.suffix, lambda *_: [])(files, path):
            run = pypack_command(*command)
            assert run.status in (0, 1, 2), (command, run)
            assert "Traceback" not in run.told, (command, run)
            assert run.status == 0 or path.name in run.told or "rejected.jsonl" in run.told, (command, run)
            assert run.megabytes < MEGABYTES, (command, run)
            assert run.seconds < 4 * SECONDS, (command, run)
            runs += 1
    assert runs > 40
