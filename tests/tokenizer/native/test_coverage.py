"""Families that once fell back to the library: native, with their published pretokenizers."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from conftest import SCALE
from fixtures.adversarial import random_texts
from fixtures.parity import Pair
from fixtures.proofs import code_point_pieces
from fixtures.trained_byte_level import gpt2
from fixtures.training_texts import training_texts
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers

import pypack
from pypack.tokenizer.native import patterns
from pypack.tokenizer.telling_texts import telling_texts

Split = pre_tokenizers.Split
BYTE_LEVEL = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
KIMI = (
    r"[\p{Han}]+|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}&&[^\p{Han}]]*"
    r"[\p{Ll}\p{Lm}\p{Lo}\p{M}&&[^\p{Han}]]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?|"
    r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}&&[^\p{Han}]]+"
    r"[\p{Ll}\p{Lm}\p{Lo}\p{M}&&[^\p{Han}]]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?|\p{N}{1,3}"
    r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)


def trained(model: Any, pretokenizer: Any, normalizer: Any = None, **options: Any) -> Tokenizer:
    """With ASCII letters of training texts, and an added token to separate pieces with."""
    tokenizer = Tokenizer(model)
    if normalizer is not None:
        tokenizer.normalizer = normalizer
    if pretokenizer is not None:
        tokenizer.pre_tokenizer = pretokenizer
    made = getattr(trainers, {"BPE": "Bpe"}.get(type(model).__name__, type(model).__name__) + "Trainer")
    trainer = made(vocab_size=900, show_progress=False, **options)
    tokenizer.train_from_iterator(training_texts(), trainer)
    tokenizer.add_special_tokens([AddedToken("<|sep|>", normalized=False)])
    return tokenizer


def byte_level(*steps: Any, **options: Any) -> Tokenizer:
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    sequence = pre_tokenizers.Sequence([*steps, BYTE_LEVEL])
    return trained(models.BPE(**options), sequence, initial_alphabet=alphabet)


def split(pattern: str, behavior: str = "isolated", invert: bool = False) -> Any:
    return Split(Regex(pattern), behavior, invert)


def nanochat() -> Tokenizer:
    return byte_level(split(patterns.CL100K.replace("{1,3}", "{1,2}")), byte_fallback=True)


def deepseek_coder() -> Tokenizer:
    return byte_level(
        split(r"[\r\n]"),
        split(r"\s?\p{L}+"),
        split(r"\s?\p{P}+"),
        split(r"[一-龥ࠀ-一가-퟿]+"),
        pre_tokenizers.Digits(individual_digits=True),
    )


def deepseek_llm() -> Tokenizer:
    return byte_level(
        split(r"[\r\n]"),
        split(r"\s?[A-Za-zµÀ-ÖØ-öø-ƺƼ-ƿǄ-ʓʕ-ʯͰ-ͳͶͷͻ-ͽͿΆΈ-ΊΌΎ-ΡΣ-ϵϷ-ҁҊ-ԯԱ-ՖႠ-Ⴥ]+"),
        split(r"\s?[!-/:-~！-／：-～‘-‟　-。]+"),
        split(r"\s+$"),
        split(r"[一-龥ࠀ-一가-퟿]+"),
        pre_tokenizers.Digits(individual_digits=True),
    )


def wordlevel() -> Tokenizer:
    return trained(models.WordLevel(unk_token="[UNK]"), pre_tokenizers.Whitespace(), special_tokens=["[UNK]"])


def wordlevel_without_words() -> Tokenizer:
    return trained(models.WordLevel(unk_token="[UNK]"), None, special_tokens=["[UNK]"])


def bpe_of_sequences() -> Tokenizer:
    """BPE without a pretokenizer, as for DNA and phonemes."""
    return trained(models.BPE(unk_token="[UNK]"), None, special_tokens=["[UNK]"])


def bpe_of_sequences_lower() -> Tokenizer:
    return trained(
        models.BPE(unk_token="[UNK]", fuse_unk=True), None, normalizers.Lowercase(), special_tokens=["[UNK]"]
    )


def bert_in_a_sequence() -> Tokenizer:
    sequence = pre_tokenizers.Sequence([pre_tokenizers.BertPreTokenizer()])
    return trained(models.WordPiece(unk_token="[UNK]"), sequence, special_tokens=["[UNK]"])


def metaspace_in_a_sequence() -> Tokenizer:
    sequence = pre_tokenizers.Sequence([pre_tokenizers.Metaspace()])
    return trained(models.Unigram(), sequence, unk_token="<unk>", special_tokens=["<unk>"])


def whitespace_and_digits() -> Tokenizer:
    sequence = pre_tokenizers.Sequence([pre_tokenizers.Whitespace(), pre_tokenizers.Digits(True)])
    return trained(models.WordPiece(unk_token="[UNK]"), sequence, special_tokens=["[UNK]"])


def whitespace_and_punctuation() -> Tokenizer:
    sequence = pre_tokenizers.Sequence([pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Punctuation()])
    return trained(models.BPE(unk_token="[UNK]"), sequence, special_tokens=["[UNK]"])


def unigram_of_words() -> Tokenizer:
    sequence = pre_tokenizers.Sequence([pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Digits(False)])
    return trained(models.Unigram(), sequence, unk_token="<unk>", special_tokens=["<unk>"])


def clip() -> Tokenizer:
    pattern = r"<\|startoftext\|>|<\|endoftext\|>|" + patterns.CLIP
    removed = split(pattern, "removed", invert=True)
    tokenizer = Tokenizer(models.BPE(unk_token="<|endoftext|>", end_of_word_suffix="</w>"))
    tokenizer.normalizer = normalizers.Sequence(
        [normalizers.NFC(), normalizers.Replace(Regex(r"\s+"), " "), normalizers.Lowercase()]
    )
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [removed, pre_tokenizers.ByteLevel(add_prefix_space=False)]
    )
    trainer = trainers.BpeTrainer(
        vocab_size=900,
        show_progress=False,
        end_of_word_suffix="</w>",
        special_tokens=["<|endoftext|>", "<|startoftext|>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
    )
    tokenizer.train_from_iterator(training_texts(), trainer)
    return tokenizer


def cohere2() -> Tokenizer:
    return byte_level(
        pre_tokenizers.Digits(True), split(r"\n+"), pre_tokenizers.ByteLevel(False, use_regex=True)
    )


def digits_and_gpt2(pattern: str) -> Callable[[], Tokenizer]:
    def make() -> Tokenizer:
        tokenizer = byte_level(split(pattern))
        content = json.loads(tokenizer.to_str())
        content["pre_tokenizer"]["pretokenizers"][-1]["use_regex"] = True
        return Tokenizer.from_str(json.dumps(content))

    return make


def split_on_a_string() -> Tokenizer:
    return byte_level(Split(" ", "merged_with_next"), Split("ab", "contiguous"))


def unicode_scripts_wordpiece() -> Tokenizer:
    scripts = pre_tokenizers.UnicodeScripts()
    return trained(models.WordPiece(unk_token="[UNK]"), scripts, special_tokens=["[UNK]"])


def superbpe() -> Tokenizer:
    return byte_level(split(r"\p{N}+"), split(r"(?=(\d{3})+(?!\d))"))


MADE: dict[str, Callable[[], Tokenizer]] = {
    "nanochat": nanochat,
    "deepseek-coder": deepseek_coder,
    "deepseek-llm": deepseek_llm,
    "wordlevel": wordlevel,
    "wordlevel without words": wordlevel_without_words,
    "bpe of sequences": bpe_of_sequences,
    "bpe of sequences, lower": bpe_of_sequences_lower,
    "[bert]": bert_in_a_sequence,
    "[metaspace]": metaspace_in_a_sequence,
    "whitespace, digits": whitespace_and_digits,
    "whitespace, punctuation": whitespace_and_punctuation,
    "unigram of words": unigram_of_words,
    "clip as published": clip,
    "kimi": lambda: byte_level(split(KIMI)),
    "digits in runs": lambda: byte_level(pre_tokenizers.Digits(False), split(patterns.GPT2)),
    "[0-9] before gpt2": digits_and_gpt2("[0-9]"),
    "\\d before gpt2": digits_and_gpt2(r"\d"),
    "\\n+ before gpt2": digits_and_gpt2(r"\n+"),
    "strings": split_on_a_string,
    "punctuation": lambda: byte_level(pre_tokenizers.Punctuation(), split(patterns.GPT2)),
    "fixed length": lambda: byte_level(pre_tokenizers.FixedLength(4)),
    "char delimiter": lambda: byte_level(pre_tokenizers.CharDelimiterSplit("e")),
    "superbpe": superbpe,
    "unicode scripts": lambda: byte_level(pre_tokenizers.UnicodeScripts()),
    "unicode scripts among others": lambda: byte_level(
        pre_tokenizers.Whitespace(), pre_tokenizers.UnicodeScripts(), pre_tokenizers.Digits(True)
    ),
    "unicode scripts, wordpiece": unicode_scripts_wordpiece,
}


@pytest.fixture(scope="module", params=MADE)
def pair(request: pytest.FixtureRequest) -> Pair:
    reference = MADE[request.param]()
    tokenizer = pypack.Tokenizer.from_huggingface(reference)
    assert tokenizer.engine == "native", tokenizer.engine_reason
    return Pair(reference, tokenizer)


def texts() -> list[str]:
    hostile = random_texts(31, max(1, int(400 * SCALE)), ("<|sep|>", "<|startoftext|>", "ab", "123"))
    return [*telling_texts(), *training_texts(), *hostile]


def test_ids(pair: Pair) -> None:
    for special in (False, True):
        pair.check(texts(), add_special_tokens=special)


def test_code_points(pair: Pair) -> None:
    pieces = code_point_pieces()
    pair.check([f"a{piece}1 {piece}" for piece in pieces[:: 5 if SCALE < 10 else 99]])
    if SCALE >= 10:
        pair.check(["\n".join(pieces[i : i + 100]) for i in range(0, len(pieces), 100)])


def test_offsets_and_text(pair: Pair) -> None:
    some = texts()[: int(120 * SCALE) or 1]
    rows, ranges = pair.native.encode_batch(some, return_offsets=True)
    for i, text in enumerate(some):
        expected = pair.reference.encode(text, add_special_tokens=False)
        found = ranges[rows.offsets[i] : rows.offsets[i + 1]]
        assert [tuple(one) for one in found.tolist()] == expected.offsets, ascii(text)
        assert pair.native.decode(rows[i]) == pair.reference.decode(expected.ids)


def test_what_still_falls_back_says_why() -> None:
    for pattern, reason in (
        (r"(?:ab)++b|.", "possessive quantifier of more than one character"),
        (r"(?>ab)|.", "the group (?>"),
        (r"(?<=ab)c|.", "looking back further than one character"),
        (r"(\w)\1|.", "back reference to more than one character"),
        (r"(?=a(?=bc))a|.", "looking ahead while looking ahead"),
        (r"(?i:[à-ö])|.", "a set without regard to case"),
        (r"\X", r"\X"),
    ):
        tokenizer = pypack.Tokenizer.from_huggingface(byte_level(split(pattern)))
        assert tokenizer.engine == "huggingface"
        assert reason in (tokenizer.engine_reason or ""), tokenizer.engine_reason


def test_byte_fallback_where_a_byte_has_no_token() -> None:
    """There it acts, so that it is the library's."""
    content = json.loads(gpt2().to_str())
    content["model"]["byte_fallback"] = True
    assert pypack.Tokenizer.from_huggingface(Tokenizer.from_str(json.dumps(content))).engine == "native"
    del content["model"]["vocab"]["!"]
    content["model"]["merges"] = [m for m in content["model"]["merges"] if "!" not in "".join(m)]
    kept = {token for token in content["model"]["vocab"] if "!" not in token}
    content["model"]["vocab"] = {t: i for t, i in content["model"]["vocab"].items() if t in kept}
    assert pypack.Tokenizer.from_huggingface(Tokenizer.from_str(json.dumps(content))).engine == "huggingface"


def test_decoders_are_those_of_the_library() -> None:
    made = wordlevel()
    made.decoder = decoders.WordPiece()
    pair = Pair(made)
    row = pair.native.encode("the text and the other")
    assert pair.native.decode(row) == made.decode(row.tolist())
