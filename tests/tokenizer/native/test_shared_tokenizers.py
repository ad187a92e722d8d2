"""Every published tokenizer of the shared folder: the ids of `tokenizers` on corpora and hostile pieces.

A PYPACK_TEST_SCALE of 10 takes every document and every code point.
"""

from __future__ import annotations

import functools
import io
import json
import os
from pathlib import Path

import pytest
import zstandard
from conftest import SCALE
from fixtures.adversarial import random_texts
from fixtures.parity import Pair
from fixtures.proofs import code_point_pieces, vocabulary_pieces

# `weird` holds hostile documents and is always read whole; of the others some are.
STEPS = {"weird": 1, "english": 100, "multilingual": 50, "code": 100, "instruct": 50}


def names() -> list[str]:
    folder = os.environ.get("PYPACK_SHARED")
    return (
        sorted(path.stem for path in Path(folder, "data/tokenizers").glob("*.json")) if folder else ["none"]
    )


@functools.cache
def documents(folder: Path, corpus: str) -> list[str]:
    step = 1 if SCALE >= 10 else STEPS[corpus]
    with (folder / f"data/corpus/{corpus}.jsonl.zst").open("rb") as file:
        lines = io.TextIOWrapper(zstandard.ZstdDecompressor().stream_reader(file), encoding="utf-8")
        return [json.loads(line)["text"] for i, line in enumerate(lines) if i % step == 0]


@pytest.fixture(scope="module", params=names())
def pair(request: pytest.FixtureRequest, shared: Path) -> Pair:
    return Pair.from_file(shared / f"data/tokenizers/{request.param}.json")


@pytest.mark.parametrize("corpus", STEPS)
def test_corpora(pair: Pair, shared: Path, corpus: str) -> None:
    texts = documents(shared, corpus)
    assert len(texts) > 10
    pair.check(texts, add_special_tokens=True)


def test_code_points(pair: Pair) -> None:
    pair.check_pieces(code_point_pieces())


def test_vocabulary_entries(pair: Pair) -> None:
    pair.check_pieces(vocabulary_pieces(pair.reference, limit=None if SCALE >= 10 else int(4000 * SCALE)))


@pytest.mark.parametrize("split", [False, True])
def test_random_texts(pair: Pair, split: bool) -> None:
    added = sorted(token.content for token in pair.reference.get_added_tokens_decoder().values())
    pair.check(random_texts(41, int(500 * SCALE), tuple(added[:100])), split=split)
