"""A function of the user's that edits texts: in this process and in workers, and what it may not do."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from fixtures.corpus_files import json_lines, write

from pypack import Tokenizer, TokenStore
from pypack.corpus import RejectedInputError
from pypack.jobs.output import OutputError
from pypack.jobs.partition import Partition
from pypack.jobs.tokenize import TokenizeOptions, tokenize
from pypack.jobs.transform import TransformError

_TEXTS = [f"text {i}" for i in range(18)]
_KEPT = [text.upper() for text in _TEXTS if "2" not in text and "13" not in text]


@pytest.fixture(scope="module")
def tokenizer(tokenizer_file: Path) -> Tokenizer:
    return Tokenizer.from_file(tokenizer_file)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    write(tmp_path / "in/a.jsonl", json_lines([{"text": text} for text in _TEXTS[:9]]))
    write(tmp_path / "in/b.jsonl", json_lines([{"text": text} for text in _TEXTS[9:]]))
    return tmp_path / "in"


def _texts(store: Path, tokenizer: Tokenizer) -> list[str]:
    opened = TokenStore.open(store)
    return [tokenizer.decode(opened[i][:-1]) for i in range(len(opened))]


@pytest.mark.parametrize("workers", [1, 2])
def test_texts_are_edited_once_a_batch(
    workers: int, source: Path, tokenizer: Tokenizer, tmp_path: Path
) -> None:
    options = TokenizeOptions(transform="fixtures.edits:shouted", unit_bytes=100)
    result = tokenize([source], tmp_path / "s", tokenizer, options, num_workers=workers, max_rejects="50%")
    assert _texts(tmp_path / "s", tokenizer) == _KEPT
    assert result.passed_over == {"transform": 2}
    assert result.rejected_by_kind == {"transform_failed": 1}
    (reject,) = map(json.loads, (tmp_path / "s/rejected.jsonl").read_text().splitlines())
    assert (reject["file"], reject["line"]) == (str(source / "b.jsonl"), 5)
    assert reject["reason"] == "the transform fails at the text: RuntimeError: thirteen"
    TokenStore.open(tmp_path / "s").verify()


def test_its_failure_under_stop_names_the_document(
    source: Path, tokenizer: Tokenizer, tmp_path: Path
) -> None:
    options = TokenizeOptions(transform="fixtures.edits:shouted")
    with pytest.raises(RejectedInputError, match=r"b\.jsonl: line 5 .*thirteen"):
        tokenize([source], tmp_path / "s", tokenizer, options, on_error="stop")


@pytest.mark.parametrize(
    ("name", "word"),
    [("short", "17 results for 18 texts"), ("numbers", "a result is a int, not a str or None")],
)
def test_what_is_no_answer_ends_the_job(
    name: str, word: str, source: Path, tokenizer: Tokenizer, tmp_path: Path
) -> None:
    options = TokenizeOptions(transform=f"fixtures.edits:{name}")
    with pytest.raises(TransformError, match=word):
        tokenize([source], tmp_path / "s", tokenizer, options)


def test_a_file_and_its_source_are_part_of_the_job(
    source: Path, tokenizer: Tokenizer, tmp_path: Path
) -> None:
    edits = tmp_path / "edits.py"
    edits.write_text("def f(texts):\n    return [text[:4] for text in texts]\n")
    options = TokenizeOptions(transform=f"{edits}:f", unit_bytes=100)
    tokenize([source], tmp_path / "s", tokenizer, options, partition=Partition(0, 2))
    edits.write_text("def f(texts):\n    return [text[:3] for text in texts]\n")
    for name in [name for name in sys.modules if name.startswith("_pypack_transform_")]:
        del sys.modules[name]
    with pytest.raises(OutputError, match=r"the source of the transform \(before 'sha256:"):
        tokenize([source], tmp_path / "s", tokenizer, options, partition=Partition(1, 2))


def test_the_command_finds_modules_in_the_current_folder(
    source: Path, tokenizer_file: Path, tmp_path: Path, tokenizer: Tokenizer
) -> None:
    (tmp_path / "my_edits.py").write_text("def cut(texts):\n    return [text[5:] for text in texts]\n")
    command = [
        sys.executable, "-m", "pypack.cli", "tokenize", str(source), "-o", "out",
        "--tokenizer", str(tokenizer_file), "--transform", "my_edits:cut",
        "--where", "not ends_with(text, '1')", "--sample", "100%", "--limit", "9",
        "--workers", "2", "--unit-bytes", "100", "--json",
    ]  # fmt: skip
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["passed_over"] == {"where": 1}
    assert _texts(tmp_path / "out", tokenizer) == [str(i) for i in (0, 2, 3, 4, 5, 6, 7, 8, 9)]
