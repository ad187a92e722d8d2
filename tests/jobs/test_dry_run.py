"""Predictions of a job from a sample of its inputs."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from fixtures.corpus_files import json_lines, write

from pypack.corpus import CorpusError, find_inputs
from pypack.jobs.describing import describe_job
from pypack.jobs.dry_run import Prediction
from pypack.jobs.dry_run import predict as predict_job
from pypack.jobs.tokenize import TokenizeOptions, predict, tokenize
from pypack.tokenizer.tokenizer import Tokenizer


@pytest.fixture(scope="module")
def tokenizer(tokenizer_file: Path) -> Tokenizer:
    return Tokenizer.from_file(tokenizer_file)


def _folder(folder: Path, files: int, records: int, suffix: str) -> Path:
    rng = random.Random(files)
    for i in range(files):
        lines = [
            {"id": i, "text": " ".join(rng.choices(["one", "two", "three"], k=rng.randrange(20, 200)))}
            for i in range(records)
        ]
        write(folder / f"{i:03}.jsonl{suffix}", json_lines(lines) + b"{}\n" * (records // 10))
    return folder


def _predict(folder: Path, tokenizer: Tokenizer, **limits: int) -> Prediction:
    options = TokenizeOptions(keep=("id",))
    job = describe_job([folder], find_inputs([folder]), tokenizer, options, None)
    return predict_job(job, tokenizer, **limits)


def test_a_small_corpus_is_predicted_exactly(tokenizer: Tokenizer, tmp_path: Path) -> None:
    folder = _folder(tmp_path / "in", 5, 50, "")
    found = _predict(folder, tokenizer)
    result = tokenize([folder], tmp_path / "s", tokenizer, TokenizeOptions(keep=("id",)))
    assert found.is_complete
    assert found.error == 0.0
    assert (found.documents, found.tokens, found.rejected) == (
        result.documents,
        result.tokens,
        result.rejected,
    )
    assert found.sampled_files == found.files == 5
    assert found.sampled_bytes == found.bytes
    written = sum(p.stat().st_size for p in (tmp_path / "s").glob("*0*.*"))
    assert found.disk_bytes == pytest.approx(written, rel=0.3)  # the columns of few rows are mostly headers


@pytest.mark.parametrize("suffix", ["", ".gz", ".zst"])
def test_a_large_one_within_its_error(suffix: str, tokenizer: Tokenizer, tmp_path: Path) -> None:
    folder = _folder(tmp_path / "in", 80, 100, suffix)
    for i in range(3):
        write(folder / f"large{i}.jsonl{suffix}", json_lines([{"text": "one two three " * 40}] * 4000))
    found = _predict(folder, tokenizer, most_bytes=1)
    result = tokenize([folder], tmp_path / "s", tokenizer)
    assert not found.is_complete
    assert found.sampled_files == 64
    assert found.files == 83
    assert found.error is not None
    assert found.tokens == pytest.approx(result.tokens, rel=0.35)
    assert found.documents == pytest.approx(result.documents, rel=0.5)
    assert 0 < found.seconds < 60


def test_time_is_bounded(tokenizer: Tokenizer, tmp_path: Path) -> None:
    found = _predict(_folder(tmp_path, 10, 10, ""), tokenizer, most_seconds=0)
    assert found.sampled_files == 1
    assert found.error is None


def test_streams_are_left_alone(tokenizer: Tokenizer, tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match="only once"):
        predict(["-"], tmp_path / "s", tokenizer)
