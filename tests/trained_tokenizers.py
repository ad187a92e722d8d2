"""Small tokenizers of every native kind, trained here with the `tokenizers` library."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from adversarial import random_texts
from tokenizers import (
    AddedToken,
    Regex,
    Tokenizer,
    decoders,
    models,
    normalizers,
    pre_tokenizers,
    processors,
    trainers,
)

from pypack.native.patterns import CL100K, O200K, QWEN2

_LINE = (
    "the packer's row don't I'LL we've 12345 naïve café über 東京都 한국어 тест if (x == 10) {\n"
    "\t\treturn foo_bar(x);\n}\n\n   def f(self):\n        pass  # TODO: HelloWorld camelCase <html></html>\n"
)


def training_texts() -> list[str]:
    words = _LINE.split(" ")
    lines = [
        " ".join(words[(i * 7 + j * j) % len(words)] for j in range(3 + i * 37 % 60)) for i in range(200)
    ]
    return [_LINE, *lines, *random_texts(1, 100)]


def _byte_level_bpe(tokenizer: Tokenizer, vocab_size: int = 900) -> Tokenizer:
    trainer = trainers.BpeTrainer(
        vocab_size=vocab_size,
        special_tokens=["<|endoftext|>", "<s>", "</s>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(training_texts(), trainer)
    tokenizer.decoder = decoders.ByteLevel()
    return tokenizer


def _split(pattern: str, behavior: str = "isolated", invert: bool = False) -> Tokenizer:
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(pattern), behavior, invert),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    return tokenizer


def gpt2() -> Tokenizer:
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    return _byte_level_bpe(tokenizer)


def gpt_neox() -> Tokenizer:
    tokenizer = gpt2()
    tokenizer.normalizer = normalizers.NFC()
    tokenizer.add_tokens([AddedToken(" " * n, normalized=True) for n in range(2, 25)])
    return tokenizer


def roberta() -> Tokenizer:
    tokenizer = gpt2()
    tokenizer.post_processor = processors.RobertaProcessing(("</s>", 2), ("<s>", 1))
    tokenizer.add_special_tokens([AddedToken("<mask>", lstrip=True)])
    return tokenizer


def llama3() -> Tokenizer:
    """ignore_merges, with a token that no merges lead to."""
    tokenizer = _byte_level_bpe(_split(CL100K))
    definition = json.loads(tokenizer.to_str())
    definition["model"]["ignore_merges"] = True
    definition["model"]["vocab"]["ĠTODOx"] = len(definition["model"]["vocab"])
    tokenizer = Tokenizer.from_str(json.dumps(definition))
    tokenizer.add_special_tokens([AddedToken("<|begin_of_text|>")])
    tokenizer.post_processor = processors.Sequence(
        [
            processors.ByteLevel(),
            processors.TemplateProcessing(
                single="<|begin_of_text|> $A",
                special_tokens=[("<|begin_of_text|>", tokenizer.token_to_id("<|begin_of_text|>"))],
            ),
        ]
    )
    return tokenizer


def olmo2() -> Tokenizer:
    return _byte_level_bpe(_split(CL100K, "removed", True))


def qwen2() -> Tokenizer:
    tokenizer = _split(QWEN2)
    tokenizer.normalizer = normalizers.NFC()
    return _byte_level_bpe(tokenizer)


def o200k() -> Tokenizer:
    return _byte_level_bpe(_split(O200K))


def every_flag() -> Tokenizer:
    """Added tokens of every combination of flags, and some that begin alike or hold spaces."""
    tokenizer = qwen2()
    flags = ("single_word", "lstrip", "rstrip", "normalized")
    for bits in range(16):
        chosen: dict[str, Any] = {flag: bool(bits >> i & 1) for i, flag in enumerate(flags)}
        token = AddedToken(f"<f{bits}é>", **chosen)
        (tokenizer.add_special_tokens if bits % 3 == 0 else tokenizer.add_tokens)([token])
    tokenizer.add_tokens(["<f", "<f1", "ab", AddedToken("cab", single_word=True), " \n", "A\u030a"])
    return tokenizer


_MARKER = "\u2581"


def _sentencepiece_bpe(tokenizer: Tokenizer, byte_fallback: bool = True) -> Tokenizer:
    """Trained with the marker in place of spaces, then given byte tokens as SentencePiece does."""
    trainer = trainers.BpeTrainer(
        vocab_size=700, special_tokens=["<unk>", "<s>", "</s>"], show_progress=False, limit_alphabet=150
    )
    words = [_MARKER + word for text in training_texts() for word in text.split(" ")]
    bare = Tokenizer(models.BPE(unk_token="<unk>", fuse_unk=True))
    bare.train_from_iterator(words, trainer)
    definition = json.loads(bare.to_str())
    model = definition["model"]
    model["byte_fallback"] = byte_fallback
    if byte_fallback:
        for byte in range(256):
            model["vocab"].setdefault(f"<0x{byte:02X}>", len(model["vocab"]))
    for left, right in [(_MARKER, _MARKER), (_MARKER * 2, _MARKER * 2), (_MARKER * 2, "a"), ("a", _MARKER)]:
        for token in (left, right, left + right):
            model["vocab"].setdefault(token, len(model["vocab"]))
        model["merges"].append([left, right])
    made = Tokenizer.from_str(json.dumps({**json.loads(tokenizer.to_str()), "model": model}))
    made.add_special_tokens(["<s>", "</s>", "<unk>"])
    made.post_processor = processors.TemplateProcessing(
        single="<s> $A", special_tokens=[("<s>", made.token_to_id("<s>"))]
    )
    return made


def llama2() -> Tokenizer:
    tokenizer = Tokenizer(models.BPE())
    tokenizer.normalizer = normalizers.Sequence(
        [normalizers.Prepend(_MARKER), normalizers.Replace(" ", _MARKER)]
    )
    made = _sentencepiece_bpe(tokenizer)
    made.add_tokens(
        [AddedToken("<pad>", normalized=True), AddedToken("<end>", rstrip=True, normalized=False)]
    )
    return made


def gemma() -> Tokenizer:
    tokenizer = Tokenizer(models.BPE())
    tokenizer.normalizer = normalizers.Replace(" ", _MARKER)
    tokenizer.pre_tokenizer = pre_tokenizers.Split(" ", "merged_with_previous")
    return _sentencepiece_bpe(tokenizer)


def _metaspace(**options: Any) -> Tokenizer:
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(**options)
    return tokenizer


def mistral() -> Tokenizer:
    return _sentencepiece_bpe(_metaspace(prepend_scheme="first", split=False))


def metaspace_always() -> Tokenizer:
    return _sentencepiece_bpe(_metaspace(prepend_scheme="always", split=True))


def metaspace_never_unknown() -> Tokenizer:
    """No byte fallback: runs of unknown characters are one token, so nothing is cut."""
    return _sentencepiece_bpe(_metaspace(prepend_scheme="never", split=False), byte_fallback=False)


NATIVE: dict[str, Callable[[], Tokenizer]] = {
    make.__name__: make
    for make in (
        gpt2,
        gpt_neox,
        roberta,
        llama3,
        olmo2,
        qwen2,
        o200k,
        every_flag,
        llama2,
        gemma,
        mistral,
        metaspace_always,
        metaspace_never_unknown,
    )
}
