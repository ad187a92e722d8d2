"""Mistral's tekken.json: the ids of its vocabulary by tiktoken, behind those of its special tokens."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import pytest
from conftest import SCALE
from fixtures.adversarial import random_texts
from fixtures.training_texts import training_texts

import pypack
from pypack.tokenizer.native import patterns

tiktoken = pytest.importorskip("tiktoken")


def write(folder: Path, *, special: bool, num_special: int = 30, room: int = 500) -> dict[bytes, int]:
    ranks = {bytes([byte]): byte for byte in range(256)}
    for text in training_texts():
        for word in text.encode().split():
            for length in range(2, min(len(word), 6) + 1):
                if len(ranks) < 600:
                    ranks.setdefault(word[:length], len(ranks))
    content = {
        "config": {
            "pattern": patterns.TEKKEN,
            "num_vocab_tokens": len(ranks),
            "default_vocab_size": room + num_special,
            "default_num_special_tokens": num_special,
            "version": "v7",
        },
        "vocab": [
            {"rank": rank, "token_bytes": base64.b64encode(token).decode(), "token_str": None}
            for token, rank in ranks.items()
        ],
    }
    if special:
        names = ["<unk>", "<s>", "</s>", "[INST]", "[/INST]"]
        content["special_tokens"] = [
            {"rank": i, "token_str": name, "is_control": True} for i, name in enumerate(names)
        ]
    (folder / "tekken.json").write_text(json.dumps(content))
    return {token: rank for token, rank in ranks.items() if rank < room}


@pytest.mark.parametrize("special", [False, True])
def test_ids(tmp_path: Path, special: bool) -> None:
    ranks = write(tmp_path, special=special)
    encoding = tiktoken.Encoding("tekken", pat_str=patterns.TEKKEN, mergeable_ranks=ranks, special_tokens={})
    for place in (tmp_path, tmp_path / "tekken.json"):
        tokenizer = pypack.Tokenizer.from_file(place)
        assert tokenizer.engine == "native"
        assert tokenizer.vocab_size == 530
        assert (tokenizer.bos_id, tokenizer.eos_id) == (1, 2)
        for text in [*training_texts(), *random_texts(5, int(200 * SCALE) or 1)]:
            expected = [token + 30 for token in encoding.encode_ordinary(text)]
            assert tokenizer.encode(text, split_special_tokens=True).tolist() == expected, ascii(text)
            assert tokenizer.encode(text, add_special_tokens=True).tolist()[0] == 1
    assert tokenizer.encode("[INST]a[/INST]").tolist() == [3, 97 + 30, 4]
    assert tokenizer.id_to_token(29) == "<SPECIAL_29>"
    again = pypack.Tokenizer.from_file(_written(tmp_path / "again", tokenizer))
    assert again.fingerprint == tokenizer.fingerprint


def _written(folder: Path, tokenizer: pypack.Tokenizer) -> Path:
    folder.mkdir()
    (folder / "tokenizer.json").write_text(tokenizer.to_json(), encoding="utf-8")
    return folder


def test_what_is_not_understood(tmp_path: Path) -> None:
    (tmp_path / "tekken.json").write_text('{"config": {}, "vocab": [{"token_bytes": "AA=="}]}')
    with pytest.raises(ValueError, match=r"not a tekken\.json as Mistral writes it: KeyError"):
        pypack.Tokenizer.from_file(tmp_path)
