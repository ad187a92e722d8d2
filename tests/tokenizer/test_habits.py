"""Names and ways that people bring along from other tokenizers."""

from __future__ import annotations

import copy
import os
import pickle
import threading
from pathlib import Path

import numpy as np
import pytest
from conftest import SCALE
from fixtures.adversarial import random_texts
from fixtures.trained_byte_level import BYTE_LEVEL, gpt2
from fixtures.trained_tokenizers import KINDS, training_texts
from tokenizers import AddedToken

import pypack


@pytest.fixture(scope="module")
def tokenizer() -> pypack.Tokenizer:
    return pypack.Tokenizer.from_huggingface(gpt2())


def texts() -> list[str]:
    return [*training_texts(), *random_texts(3, int(100 * SCALE) or 1, ("<|endoftext|>",))]


@pytest.mark.parametrize("kind", KINDS)
def test_one_text_is_a_batch_of_one(kind: str) -> None:
    made = pypack.Tokenizer.from_huggingface(KINDS[kind]())
    for text in ["", *texts(), "".join(training_texts() * 20)]:
        for special in (False, True):
            for split in (False, True):
                options = {"add_special_tokens": special, "split_special_tokens": split}
                expected = made.encode_batch([text], **options).values  # type: ignore[call-overload]
                assert np.array_equal(made.encode(text, **options), expected)
                assert np.array_equal(made.encode(text.encode(), **options), expected)


def test_one_text_in_threads_forks_and_copies(tokenizer: pypack.Tokenizer) -> None:
    text = "".join(training_texts()) * 3
    expected = tokenizer.encode_batch([text]).values.tolist()
    wrong: list[int] = []

    def encode() -> None:
        for _ in range(50):
            if tokenizer.encode(text).tolist() != expected:
                wrong.append(1)

    threads = [threading.Thread(target=encode) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong
    for other in (copy.deepcopy(tokenizer), copy.copy(tokenizer), pickle.loads(pickle.dumps(tokenizer))):
        assert other.encode(text).tolist() == expected
    child = os.fork()
    if child == 0:
        os._exit(0 if tokenizer.encode(text).tolist() == expected else 1)
    assert os.waitpid(child, 0)[1] == 0


def test_errors_of_one_text(tokenizer: pypack.Tokenizer) -> None:
    for wrong, kind in (("\ud800", ValueError), (b"\xff", ValueError), (None, ValueError), (5, TypeError)):
        with pytest.raises(kind, match="document 0"):
            tokenizer.encode(wrong)  # type: ignore[arg-type]


def test_names_of_transformers(tokenizer: pypack.Tokenizer) -> None:
    assert len(tokenizer) == tokenizer.vocab_size
    assert tokenizer.eos_token_id == tokenizer.eos_id
    assert (tokenizer.bos_token_id, tokenizer.pad_token_id) == (tokenizer.bos_id, tokenizer.pad_id)
    assert tokenizer.get_vocab() == gpt2().get_vocab()
    row = tokenizer.encode("some text").tolist()
    assert tokenizer("some text") == {"input_ids": row, "attention_mask": [1] * len(row)}
    assert tokenizer(["some text", "a"])["input_ids"][0] == row
    assert tokenizer.batch_decode([row]) == ["some text"]
    assert tokenizer("some text", truncation=True, max_length=2)["input_ids"] == row[:2]
    assert (
        tokenizer("some text", truncation=True, max_length=2, truncation_side="left")["input_ids"] == row[-2:]
    )
    with pytest.raises(ValueError, match="needs max_length"):
        tokenizer("a", truncation=True)


def test_truncation_keeps_the_template() -> None:
    made = BYTE_LEVEL["roberta"]()
    ours = pypack.Tokenizer.from_huggingface(made)
    made.enable_truncation(6)
    text = "one two three four five six"
    assert ours(text, truncation=True, max_length=6)["input_ids"] == made.encode(text).ids


def test_counts(tokenizer: pypack.Tokenizer) -> None:
    assert tokenizer.count_batch(["a", "", "some text"]).tolist() == [
        len(tokenizer.encode(text)) for text in ("a", "", "some text")
    ]


def test_wrong_rows_are_told(tokenizer: pypack.Tokenizer) -> None:
    with pytest.raises(TypeError, match=r"decode\(\[5\]\)"):
        tokenizer.decode(5)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="decode_batch"):
        tokenizer.decode([[1, 2], [3]])  # type: ignore[list-item]
    with pytest.raises(TypeError, match="vector of ids"):
        tokenizer.decode_batch([[[1, 2], [3]]])  # type: ignore[list-item]


def test_special_tokens_as_tiktoken_has_them(tokenizer: pypack.Tokenizer) -> None:
    text = "a<|endoftext|>b"
    with pytest.raises(ValueError, match="at character 1"):
        tokenizer.encode_allowed(text)
    assert tokenizer.encode_allowed(text, allowed_special="all").tolist() == tokenizer.encode(text).tolist()
    plain = tokenizer.encode(text, split_special_tokens=True).tolist()
    assert tokenizer.encode_allowed(text, disallowed_special=()).tolist() == plain


@pytest.mark.parametrize("kind", KINDS)
def test_streaming(kind: str) -> None:
    made = pypack.Tokenizer.from_huggingface(KINDS[kind]())
    for text in [*training_texts()[:3], "emoji 👩🏽\u200d🚀 日本語 тест", "a\ufffdb"]:
        ids = made.encode(text).tolist()
        decoder = made.decoder()
        parts = [decoder.feed(token) for token in ids]
        whole = made.decode(ids)
        if "\ufffd" not in whole:
            assert not any("\ufffd" in part for part in parts)
        assert "".join(parts) + decoder.finish() == whole


def test_bytes_of_tokens(tokenizer: pypack.Tokenizer) -> None:
    for text in ("emoji 👩🏽 日本語", "plain text", "<|endoftext|>x"):
        assert b"".join(map(tokenizer.token_bytes, tokenizer.encode(text).tolist())) == text.encode()
    with pytest.raises(KeyError):
        tokenizer.token_bytes(10**6)


@pytest.mark.parametrize("special", [False, True])
def test_added_tokens_make_a_new_tokenizer(tokenizer: pypack.Tokenizer, special: bool) -> None:
    reference = gpt2()
    texts = ["<|im_start|>", "<|im_end|>"]
    added = [AddedToken(text, special=special, normalized=not special) for text in texts]
    (reference.add_special_tokens if special else reference.add_tokens)(added)
    more = tokenizer.add_tokens([*texts, texts[0], "<|endoftext|>"], special=special)
    text = "<|im_start|>user hi<|im_end|><|endoftext|>"
    assert more.encode(text).tolist() == reference.encode(text).ids
    assert more.vocab_size == tokenizer.vocab_size + 2 == reference.get_vocab_size()
    assert more.special_tokens == tokenizer.special_tokens
    assert tokenizer.token_to_id("<|im_start|>") is None


def test_added_tokens_are_kept(tokenizer: pypack.Tokenizer, tmp_path: Path) -> None:
    more = tokenizer.add_tokens(["<|x|>"], special=True)
    (tmp_path / "tokenizer.json").write_text(more.to_json(), encoding="utf-8")
    assert pypack.Tokenizer.from_file(tmp_path).fingerprint == more.fingerprint
