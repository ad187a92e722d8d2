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


NATIVE: dict[str, Callable[[], Tokenizer]] = {
    make.__name__: make for make in (gpt2, gpt_neox, roberta, llama3, olmo2, qwen2, o200k, every_flag)
}
