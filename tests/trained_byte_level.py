"""Small byte-level BPE tokenizers in the manner of the known ones, trained here."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

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
from training_texts import training_texts

from pypack.native.patterns import (
    BLOOM,
    CL100K,
    CL100K_TRAILING,
    CLIP,
    DEEPSEEK_V3,
    O200K,
    QWEN2,
    QWEN3_5,
    TEKKEN,
)


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


def _chain(*steps: pre_tokenizers.PreTokenizer) -> Tokenizer:
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(list(steps))
    return tokenizer


def _to_bytes(use_regex: bool = False) -> pre_tokenizers.PreTokenizer:
    return pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=use_regex)


def _split(pattern: str, behavior: str = "isolated", invert: bool = False) -> Tokenizer:
    return _chain(pre_tokenizers.Split(Regex(pattern), behavior, invert), _to_bytes())


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


def gpt4() -> Tokenizer:
    """tiktoken's own cl100k: whitespace at the end of a text is one word."""
    return _byte_level_bpe(_split(CL100K_TRAILING))


def olmo2() -> Tokenizer:
    return _byte_level_bpe(_split(CL100K, "removed", True))


def qwen2() -> Tokenizer:
    tokenizer = _split(QWEN2)
    tokenizer.normalizer = normalizers.NFC()
    return _byte_level_bpe(tokenizer)


def o200k() -> Tokenizer:
    return _byte_level_bpe(_split(O200K))


def qwen3() -> Tokenizer:
    """Qwen 2's, with markers that are not special and a ByteLevel that concerns offsets."""
    tokenizer = qwen2()
    tokenizer.add_special_tokens(
        [f"<|{name}|>" for name in ("im_start", "im_end", "vision_pad", "fim_prefix")]
    )
    tokenizer.add_tokens(
        [
            AddedToken(f"<{mark}{name}>", normalized=False)
            for name in ("tool_call", "think")
            for mark in ("", "/")
        ]
    )
    tokenizer.post_processor = processors.ByteLevel(trim_offsets=False)
    return tokenizer


def qwen3_5() -> Tokenizer:
    tokenizer = _split(QWEN3_5)
    tokenizer.normalizer = normalizers.NFC()
    return _byte_level_bpe(tokenizer)


def tekken() -> Tokenizer:
    tokenizer = _byte_level_bpe(_split(TEKKEN))
    tokenizer.add_special_tokens(["[INST]", "[/INST]"])
    return tokenizer


def starcoder() -> Tokenizer:
    tokenizer = _byte_level_bpe(
        _chain(pre_tokenizers.Digits(individual_digits=True), _to_bytes(use_regex=True))
    )
    tokenizer.add_special_tokens(["<fim_prefix>", "<fim_middle>", "<issue_start>", "<reponame>"])
    return tokenizer


def command_r() -> Tokenizer:
    tokenizer = starcoder()
    tokenizer.normalizer = normalizers.NFC()
    return tokenizer


def falcon() -> Tokenizer:
    tokenizer = _byte_level_bpe(
        _chain(
            pre_tokenizers.Punctuation("contiguous"),
            _to_bytes(use_regex=True),
            pre_tokenizers.Digits(individual_digits=False),
            pre_tokenizers.Split(Regex("[0-9][0-9][0-9]"), "isolated"),
        )
    )
    tokenizer.add_special_tokens([">>TITLE<<", ">>QUESTION<<"])
    return tokenizer


def deepseek_v3() -> Tokenizer:
    """The file has the line breaks themselves in its regex, and a normalizer of no steps."""
    steps = [pattern.replace(r"\r", "\r").replace(r"\n", "\n") for pattern in DEEPSEEK_V3]
    tokenizer = _chain(*(pre_tokenizers.Split(Regex(step), "isolated") for step in steps), _to_bytes())
    tokenizer.normalizer = normalizers.Sequence([])
    tokenizer = _byte_level_bpe(tokenizer)
    tokenizer.add_special_tokens(["<｜begin▁of▁sentence｜>", "<｜end▁of▁sentence｜>"])
    tokenizer.add_tokens([AddedToken("<｜User｜>", normalized=False), "<think>", "</think>"])
    begin = tokenizer.token_to_id("<｜begin▁of▁sentence｜>")
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<｜begin▁of▁sentence｜> $A", special_tokens=[("<｜begin▁of▁sentence｜>", begin)]
    )
    return tokenizer


def bloom() -> Tokenizer:
    return _byte_level_bpe(_split(BLOOM))


def clip() -> Tokenizer:
    """Words end with </w>; text without an entry is the end of text."""
    tokenizer = Tokenizer(models.BPE(end_of_word_suffix="</w>", unk_token="<|endoftext|>"))
    tokenizer.normalizer = normalizers.Sequence(
        [normalizers.NFC(), normalizers.Replace(Regex(r"\s+"), " "), normalizers.Lowercase()]
    )
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Split(Regex(CLIP), "removed", invert=True), _to_bytes(use_regex=True)]
    )
    trainer = trainers.BpeTrainer(
        vocab_size=900,
        special_tokens=["<|startoftext|>", "<|endoftext|>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        end_of_word_suffix="</w>",
        show_progress=False,
    )
    tokenizer.train_from_iterator(training_texts(), trainer)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.post_processor = processors.RobertaProcessing(
        ("<|endoftext|>", 1), ("<|startoftext|>", 0), trim_offsets=False, add_prefix_space=False
    )
    return tokenizer


def whisper() -> Tokenizer:
    """GPT-2's, with tokens of languages and times."""
    tokenizer = gpt2()
    tokenizer.add_special_tokens(["<|startoftranscript|>", "<|en|>", "<|notimestamps|>"])
    tokenizer.add_tokens([AddedToken(f"<|{i / 50:.2f}|>", normalized=False) for i in range(0, 1501, 50)])
    ids = {
        name: tokenizer.token_to_id(name)
        for name in ("<|startoftranscript|>", "<|notimestamps|>", "<|endoftext|>")
    }
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<|startoftranscript|> <|notimestamps|> $A:0 <|endoftext|>", special_tokens=list(ids.items())
    )
    return tokenizer


def phi() -> Tokenizer:
    """CodeGen's and Phi's: GPT-2's, with runs of blanks and tabs as normalized added tokens."""
    tokenizer = gpt2()
    blanks = [" " * n for n in range(31, 1, -1)] + ["\t" * n for n in range(9, 1, -1)]
    tokenizer.add_tokens([AddedToken(blank, normalized=True) for blank in blanks])
    return tokenizer


def modernbert() -> Tokenizer:
    """GPT-NeoX's, with [MASK] taking in the blanks before it, and a template."""
    tokenizer = gpt_neox()
    tokenizer.add_tokens(["|||IP_ADDRESS|||"])
    tokenizer.add_special_tokens(["[UNK]", "[CLS]", "[SEP]", "[PAD]", AddedToken("[MASK]", lstrip=True)])
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]",
        special_tokens=[(name, tokenizer.token_to_id(name)) for name in ("[CLS]", "[SEP]")],
    )
    return tokenizer


def blenderbot() -> Tokenizer:
    """A space goes before each text that has none."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=True)
    tokenizer = _byte_level_bpe(tokenizer)
    tokenizer.add_special_tokens([AddedToken("<mask>", lstrip=True)])
    return tokenizer


def prefixed_whole() -> Tokenizer:
    """The same where a text is one word."""
    tokenizer = blenderbot()
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=True, use_regex=False)
    return tokenizer


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


BYTE_LEVEL: dict[str, Callable[[], Tokenizer]] = {
    make.__name__: make
    for make in (
        gpt2,
        gpt_neox,
        roberta,
        llama3,
        gpt4,
        olmo2,
        qwen2,
        o200k,
        qwen3,
        qwen3_5,
        tekken,
        starcoder,
        command_r,
        falcon,
        deepseek_v3,
        bloom,
        clip,
        whisper,
        phi,
        modernbert,
        blenderbot,
        prefixed_whole,
        every_flag,
    )
}
