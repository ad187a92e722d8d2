"""Small SentencePiece-style BPE tokenizers in the manner of the known ones, trained here."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from tokenizers import AddedToken, Tokenizer, models, normalizers, pre_tokenizers, processors, trainers
from training_texts import training_texts

_MARKER = "\u2581"


def _sentencepiece_bpe(
    tokenizer: Tokenizer, byte_fallback: bool = True, characters: str = "", missing: bytes = b""
) -> Tokenizer:
    """Trained with the marker in place of spaces, then given byte tokens as SentencePiece does.

    `characters` stand for themselves, where their bytes would have tokens; `missing` bytes have none.
    """
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
            name = chr(byte) if chr(byte) in characters else f"<0x{byte:02X}>"
            if byte not in missing:
                model["vocab"].setdefault(name, len(model["vocab"]))
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
    return _sentencepiece_bpe(tokenizer, characters="\t", missing=b"\xff")


def gemma_without_bytes(missing: bytes) -> Tokenizer:
    tokenizer = Tokenizer(models.BPE())
    tokenizer.normalizer = normalizers.Replace(" ", _MARKER)
    return _sentencepiece_bpe(tokenizer, missing=missing)


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


SENTENCEPIECE: dict[str, Callable[[], Tokenizer]] = {
    make.__name__: make
    for make in (
        llama2,
        gemma,
        mistral,
        metaspace_always,
        metaspace_never_unknown,
    )
}
