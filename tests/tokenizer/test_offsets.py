"""Offsets are those of `tokenizers`, of both engines: `Encoding.offsets` in characters, and their bytes."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Sequence
from functools import cache
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
import zstandard
from conftest import SCALE
from fixtures.adversarial import random_texts
from fixtures.parity import joined_pieces, parts
from fixtures.proofs import code_point_pieces
from fixtures.shared_names import SHARED_NAMES
from fixtures.trained_byte_level import gpt2
from fixtures.trained_tokenizers import NATIVE
from fixtures.trained_word_tokenizers import WORD_NATIVE
from fixtures.training_texts import training_texts
from numpy.typing import NDArray
from tokenizers import AddedToken, Tokenizer, models, normalizers, pre_tokenizers, processors

import pypack


def trims_after_the_template() -> Tokenizer:
    tokenizer = gpt2()
    template = processors.TemplateProcessing(single="<s> $A </s>", special_tokens=[("<s>", 1), ("</s>", 2)])
    tokenizer.post_processor = processors.Sequence([template, processors.ByteLevel(add_prefix_space=True)])
    tokenizer.normalizer = normalizers.Strip()
    tokenizer.add_tokens([AddedToken(" \u3000x ", rstrip=True), AddedToken("Ġy", lstrip=True)])
    return tokenizer


def trims_twice() -> Tokenizer:
    tokenizer = trims_after_the_template()
    trim = processors.ByteLevel(add_prefix_space=False, trim_offsets=True)
    tokenizer.post_processor = processors.Sequence([trim, processors.ByteLevel(add_prefix_space=True)])
    return tokenizer


def trims_after_roberta() -> Tokenizer:
    tokenizer = trims_after_the_template()
    roberta = processors.RobertaProcessing(("</s>", 2), ("<s>", 1), trim_offsets=False)
    tokenizer.post_processor = processors.Sequence([roberta, processors.ByteLevel(add_prefix_space=True)])
    return tokenizer


def growing_text() -> Tokenizer:
    """Normalizers that insert, drop and join characters, one behind the other."""
    tokenizer = gpt2()
    tokenizer.normalizer = normalizers.Sequence(
        [
            normalizers.NFD(),
            normalizers.StripAccents(),
            normalizers.Replace("a", "abc"),
            normalizers.Replace("e", ""),
            normalizers.Prepend("> "),
            normalizers.Lowercase(),
            normalizers.NFKC(),
        ]
    )
    return tokenizer


def marked_subwords() -> Tokenizer:
    """BPE over characters with both marks, whose merged tokens are longer than what they stand for."""
    vocabulary = {token: i for i, token in enumerate(["<u>", "a", "b", "c", "é", "a</w>", "b</w>"])}
    for token in ("##a", "##b", "##c", "##é", "##b</w>", "##c</w>", "##é</w>", "ab", "cab", "##ab</w>"):
        vocabulary[token] = len(vocabulary)
    vocabulary["ab</w>"] = len(vocabulary)
    merges = [("a", "##b"), ("c", "##a"), ("##a", "##b</w>"), ("a", "##b</w>")]
    vocabulary["ca"] = len(vocabulary)
    model = models.BPE(
        vocabulary, merges, unk_token="<u>", continuing_subword_prefix="##", end_of_word_suffix="</w>"
    )
    tokenizer = Tokenizer(model)
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="never", split=True)
    return tokenizer


OWN = {
    f.__name__: f
    for f in (trims_after_the_template, trims_twice, trims_after_roberta, growing_text, marked_subwords)
}
KINDS: dict[str, Callable[[], Tokenizer]] = {**NATIVE, **WORD_NATIVE, **OWN}


def byte_positions(text: str) -> NDArray[np.int64]:
    """Where each character begins in the UTF-8 of a text, and where the last one ends."""
    characters = np.frombuffer(text.encode("utf-32-le"), np.uint32)
    sizes = 1 + (characters >= 0x80) + (characters >= 0x800) + (characters >= 0x10000)
    return np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)


def check(
    ours: pypack.Tokenizer, reference: Tokenizer, texts: list[str], *, special: bool, split: bool = False
) -> None:
    reference.encode_special_tokens = split
    options = {"add_special_tokens": special, "split_special_tokens": split}
    for begin, end in parts(texts):
        check_part(ours, reference, texts[begin:end], options)


def check_part(
    ours: pypack.Tokenizer, reference: Tokenizer, texts: list[str], options: dict[str, bool]
) -> None:
    expected = reference.encode_batch(texts, add_special_tokens=options["add_special_tokens"])
    rows, characters = ours.encode_batch(texts, return_offsets=True, num_threads=2, **options)
    byte_rows, byte_ranges = ours.encode_batch(texts, return_offsets="byte", num_threads=1, **options)
    assert rows == byte_rows == ours.encode_batch(texts, **options)
    assert characters.shape == byte_ranges.shape == (len(rows.values), 2)
    assert characters.dtype == byte_ranges.dtype == np.uint32
    for i, (text, encoding) in enumerate(zip(texts, expected, strict=True)):
        here = slice(rows.offsets[i], rows.offsets[i + 1])
        offsets = np.array(encoding.offsets, np.int64).reshape(-1, 2)
        assert np.array_equal(characters[here], offsets), (text, encoding.tokens)
        assert np.array_equal(byte_ranges[here], byte_positions(text)[offsets]), (text, encoding.tokens)


@pytest.fixture(scope="module", params=list(KINDS))
def reference(request: pytest.FixtureRequest) -> Tokenizer:
    return KINDS[request.param]()


@pytest.fixture(scope="module")
def native(reference: Tokenizer) -> pypack.Tokenizer:
    return pypack.Tokenizer.from_huggingface(reference, engine="native")


def added(tokenizer: Tokenizer) -> tuple[str, ...]:
    return tuple(sorted(token.content for token in tokenizer.get_added_tokens_decoder().values()))


@pytest.mark.parametrize("special", [False, True])
def test_texts(native: pypack.Tokenizer, reference: Tokenizer, special: bool) -> None:
    texts = ["", " ", *training_texts()[:60], *random_texts(11, int(300 * SCALE) + 1, added(reference))]
    check(native, reference, texts, special=special)
    check(native, reference, texts[::5], special=special, split=True)


def test_code_points(native: pypack.Tokenizer, reference: Tokenizer) -> None:
    """Each in a text of its own; at a PYPACK_TEST_SCALE of 10 a sample of these, and all in long texts."""
    pieces = code_point_pieces()
    step = max(1, int(4 / SCALE)) if SCALE < 10 else 99
    check(native, reference, list(pieces[::step]), special=True)
    if SCALE >= 10:
        check(native, reference, joined(reference, pieces), special=True)


def joined(reference: Tokenizer, pieces: Sequence[str]) -> list[str]:
    """Long texts of pieces, with a special token between them where there is one."""
    try:
        return joined_pieces(reference, pieces)
    except ValueError:
        return ["\n".join(pieces[i : i + 200]) for i in range(0, len(pieces), 200)]


@pytest.mark.parametrize("kind", ["gpt2", "roberta", "llama2", "every_flag"])
def test_the_other_engine_gives_the_same(kind: str) -> None:
    reference = KINDS[kind]()
    ours = pypack.Tokenizer.from_huggingface(reference, engine="huggingface")
    texts = ["", *random_texts(12, 60, added(reference)), "naïve 漢字 x"]
    check(ours, reference, texts, special=True)
    check(ours, reference, texts, special=False, split=True)


def test_ids_that_share_a_character_have_all_of_it() -> None:
    ours = pypack.Tokenizer.from_huggingface(gpt2(), engine="native")
    rows, ranges = ours.encode_batch(["a\U0001f9ff"], return_offsets="byte")
    assert ranges.tolist() == [[0, 1], *[[1, 5]] * (len(rows.values) - 1)]
    assert len(rows.values) > 2


def test_no_documents() -> None:
    ours = pypack.Tokenizer.from_huggingface(gpt2(), engine="native")
    for texts in ([], [""]):
        rows, ranges = ours.encode_batch(texts, return_offsets=True)
        assert len(rows) == len(texts)
        assert ranges.shape == (0, 2)


def test_what_has_no_exact_form_is_refused() -> None:
    ours = pypack.Tokenizer.from_huggingface(gpt2(), engine="native")
    with pytest.raises(ValueError, match="return_offsets must be True, False, 'char' or 'byte', got 'word'"):
        ours.encode_batch(["a"], return_offsets="word")  # type: ignore[call-overload]
    with pytest.raises(ValueError, match="document 1: invalid UTF-8 at byte 1"):
        ours.encode_batch([b"ok", b"a\xff"], return_offsets=True)

    drops = Tokenizer(models.BPE({"a": 0, "b": 1}, []))
    drops.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    native = pypack.Tokenizer.from_huggingface(drops, engine="native")
    check(native, drops, ["ab", "ba"], special=False)
    with pytest.raises(ValueError, match="document 1: the model drops a character"):
        native.encode_batch(["ab", "axb"], return_offsets=True)

    trimmed = WORD_NATIVE["t5"]()
    trimmed.post_processor = processors.ByteLevel(trim_offsets=True)
    native = pypack.Tokenizer.from_huggingface(trimmed, engine="native")
    with pytest.raises(ValueError, match="post_processor trims the offsets of tokens that are not spelled"):
        native.encode_batch(["a"], return_offsets=True)


@cache
def published(path: Path) -> tuple[pypack.Tokenizer, Tokenizer]:
    reference = Tokenizer.from_file(str(path))
    reference.no_truncation()
    reference.no_padding()
    return pypack.Tokenizer.from_file(path, engine="native"), reference


@cache
def first_documents(path: Path, count: int) -> list[str]:
    with zstandard.open(path, "rt", encoding="utf-8") as lines:
        return [json.loads(line)["text"] for line in islice(lines, count)]


@pytest.mark.parametrize("name", SHARED_NAMES)
def test_published_tokenizers_on_the_corpora(shared: Path, name: str) -> None:
    native, reference = published(shared / f"data/tokenizers/{name}.json")
    rng = random.Random(name)
    for corpus, count in (
        ("weird", 400),
        ("english", 5),
        ("multilingual", 20),
        ("code", 4),
        ("instruct", 20),
    ):
        texts = first_documents(shared / f"data/corpus/{corpus}.jsonl.zst", 20_000 if count == 400 else 300)
        chosen = rng.sample(texts, min(len(texts), int(count * SCALE) or 1))
        check(native, reference, chosen, special=True)
