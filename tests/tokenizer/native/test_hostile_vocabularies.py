"""A tokenizer.json may be anybody's: what it holds costs neither time nor memory beyond its size."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
from fixtures.colliding_words import colliding_words

import pypack

WORDS = 10_000


def word_piece(path: Path, words: Iterable[str], first_id: int = 1) -> Path:
    vocabulary = {"[UNK]": 0, **{word: first_id + i for i, word in enumerate(words)}}
    definition: dict[str, Any] = {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": [],
        "normalizer": None,
        "pre_tokenizer": {"type": "WhitespaceSplit"},
        "post_processor": None,
        "decoder": {"type": "WordPiece", "prefix": "##", "cleanup": True},
        "model": {
            "type": "WordPiece",
            "unk_token": "[UNK]",
            "continuing_subword_prefix": "##",
            "max_input_chars_per_word": 100,
            "vocab": vocabulary,
        },
    }
    path.write_text(json.dumps(definition))
    return path


def seconds(path: Path, text: str) -> float:
    begin = time.process_time()
    tokenizer = pypack.Tokenizer.from_file(path, engine="native")
    tokenizer.encode_batch([text], num_threads=1)
    tokenizer.encode_batch([text], num_threads=1, return_offsets=True)
    return time.process_time() - begin


def test_words_of_one_hash_cost_what_others_cost(tmp_path: Path) -> None:
    colliding = colliding_words(WORDS)
    ordinary = [word[::-1] for word in colliding]
    plain = min(seconds(word_piece(tmp_path / "a.json", ordinary), " ".join(ordinary)) for _ in range(3))
    hostile = min(seconds(word_piece(tmp_path / "b.json", colliding), " ".join(colliding)) for _ in range(3))
    assert hostile < 5 * plain + 0.05  # 40 times and more while hashes had no key


def test_ids_of_colliding_words_are_right(tmp_path: Path) -> None:
    words = colliding_words(2000)
    tokenizer = pypack.Tokenizer.from_file(word_piece(tmp_path / "t.json", words), engine="native")
    assert tokenizer.encode(" ".join(words)).tolist() == list(range(1, 2001))


@pytest.mark.parametrize("engine", ["huggingface", None])
def test_ids_that_the_library_would_make_a_table_of_are_refused(tmp_path: Path, engine: Any) -> None:
    path = word_piece(tmp_path / "t.json", ["a"], first_id=2**31)
    try:
        tokenizer = pypack.Tokenizer.from_file(path, engine=engine)
    except ValueError as error:
        assert "t.json: the vocabulary has the id 2147483648; ids must be from 0 to 2147483647" in str(error)
    else:  # the native engine has no table by id
        assert tokenizer.engine == "native"
        assert tokenizer.encode("a").tolist() == [2**31]


@pytest.mark.parametrize(
    ("token_id", "message"),
    [
        (2**63, r"the id of special token '<s>' must be from 0 to 2\*\*31 - 1, got 9223372036854775808"),
        (-1, r"the id of special token '<s>' must be from 0 to 2\*\*31 - 1, got -1"),
        (2.5, "the id of special token '<s>' must be a whole number, got 2.5"),
        (2**31 - 1, "special token '<s>' has the id 2147483647, which leaves 2147483391 ids unused"),
    ],
)
def test_ids_of_special_tokens_are_bounded(tmp_path: Path, token_id: Any, message: str) -> None:
    path = tmp_path / "ranks.tiktoken"
    path.write_bytes(b"".join(base64.b64encode(bytes([b])) + b" %d\n" % b for b in range(256)))
    with pytest.raises(ValueError, match=message):
        pypack.Tokenizer.from_tiktoken(path, pattern="gpt2", special_tokens={"<s>": token_id})
