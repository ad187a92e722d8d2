"""Fixtures that every test module may use."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

SCALE = float(os.environ.get("PYPACK_TEST_SCALE", "1"))

settings.register_profile(
    "pypack",
    max_examples=max(1, int(100 * SCALE)),
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
settings.load_profile("pypack")


if "PYPACK_SHARED" in os.environ:
    # Absolute, because the tests run in another folder than pytest was started in, see below.
    os.environ["PYPACK_SHARED"] = os.path.realpath(os.environ["PYPACK_SHARED"])


@pytest.fixture(scope="session", autouse=True)
def _away_from_the_source_tree(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Runs all tests in an empty folder: `python -c` in a subprocess would take the source tree's pypack/,
    which has no compiled extension, for the installed package."""
    before = Path.cwd()
    os.chdir(tmp_path_factory.mktemp("cwd"))
    yield
    os.chdir(before)


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of real data that PYPACK_SHARED names; tests that need it are skipped without it."""
    folder = os.environ.get("PYPACK_SHARED")
    if not folder:
        pytest.skip("PYPACK_SHARED is not set: the real data is not here")
    path = Path(folder)
    assert path.is_dir(), f"PYPACK_SHARED={folder} is not a folder"
    return path


@pytest.fixture(scope="session")
def sample_texts() -> list[str]:
    """A few hundred short documents of mixed scripts, the same in every run."""
    line = "the packer takes each document and finds the row where it fits best über naïve 東京 🙂 café"
    words = line.split()
    return [
        " ".join(words[(i * 7 + j * j) % len(words)] for j in range(1 + i * 37 % 60)) + "\n" * (i % 3)
        for i in range(300)
    ]


@pytest.fixture(scope="session")
def tokenizer_file(tmp_path_factory: pytest.TempPathFactory, sample_texts: list[str]) -> Path:
    """A tokenizer.json: byte-level BPE of 600 tokens with <|endoftext|>, trained on sample_texts."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=600,
        special_tokens=["<|endoftext|>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(sample_texts, trainer)
    path = tmp_path_factory.mktemp("tokenizer") / "tokenizer.json"
    tokenizer.save(str(path))
    return path
