"""A SentencePiece `.model` as a definition that the native engine runs as `sentencepiece` does."""

from __future__ import annotations

import base64
from typing import Any

import orjson

from pypack.tokenizer.protobuf import Value, fields

# Numbers of the fields of sentencepiece_model.proto.
_PIECE, _TRAINER, _NORMALIZER = 1, 2, 3
_TEXT, _SCORE, _KIND = 1, 2, 3
_MODEL_TYPE, _WHITESPACE_AS_SUFFIX, _BYTE_FALLBACK = 3, 24, 35
_IDS = {"bos": 41, "eos": 42, "pad": 43}
_DEFAULT_IDS = {"bos": 1, "eos": 2, "pad": -1}
_CHARSMAP, _DUMMY_PREFIX, _EXTRA_WHITESPACES, _ESCAPE = 2, 3, 4, 5
_MODELS = {1: "SentencePieceUnigram", 2: "SentencePieceBPE"}
_CONTROL, _USER_DEFINED = 3, 4


def definition_from_sentencepiece(data: bytes, source: str) -> bytes:
    """The text of a tokenizer.json, with a normalizer and a model that `tokenizers` does not know.

    Its ids are those of `sentencepiece.SentencePieceProcessor.encode`: normalization rules, byte fallback,
    user-defined symbols and the rounding of scores included. Control symbols (`<s>`) are not looked for
    in text.

    Raises:
        ValueError: the file is not understood, or its model is of words or characters.
    """
    try:
        return _definition(data)
    except (ValueError, TypeError, AttributeError) as error:
        raise ValueError(f"{source}: not a SentencePiece model that can be read: {error}") from error


def _definition(data: bytes) -> bytes:
    pieces: list[tuple[str, float]] = []
    kinds: list[int] = []
    trainer: dict[int, Value] = {}
    normalizer: dict[int, Value] = {}
    for number, value in fields(data):
        if number == _PIECE:
            piece = dict(fields(_bytes(value)))
            pieces.append((_bytes(piece.get(_TEXT, b"")).decode(), float(piece.get(_SCORE, 0.0))))
            kinds.append(int(piece.get(_KIND, 1)))
        elif number == _TRAINER:
            trainer = dict(fields(_bytes(value)))
        elif number == _NORMALIZER:
            normalizer = dict(fields(_bytes(value)))
    kind = _MODELS.get(int(trainer.get(_MODEL_TYPE, 1)))
    if kind is None:
        raise ValueError("a model of words or characters, neither BPE nor Unigram")
    if not pieces:
        raise ValueError("it holds no pieces")
    byte_fallback = bool(trainer.get(_BYTE_FALLBACK, 0))
    prefixed = bool(normalizer.get(_DUMMY_PREFIX, 1))
    decoders: list[dict[str, Any]] = [{"type": "Replace", "pattern": {"String": "\u2581"}, "content": " "}]
    if byte_fallback:
        decoders.append({"type": "ByteFallback"})
    decoders.append({"type": "Fuse"})
    if prefixed:
        decoders.append({"type": "Strip", "content": " ", "start": 1, "stop": 0})
    ids = {role: _signed(trainer.get(number, _DEFAULT_IDS[role])) for role, number in _IDS.items()}
    definition: dict[str, Any] = {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": [],
        "normalizer": {
            "type": "SentencePiece",
            "precompiled_charsmap": base64.b64encode(_bytes(normalizer.get(_CHARSMAP, b""))).decode(),
            "add_dummy_prefix": prefixed,
            "remove_extra_whitespaces": bool(normalizer.get(_EXTRA_WHITESPACES, 1)),
            "escape_whitespaces": bool(normalizer.get(_ESCAPE, 1)),
            "treat_whitespace_as_suffix": bool(trainer.get(_WHITESPACE_AS_SUFFIX, 0)),
            "user_defined": [
                text for (text, _), one in zip(pieces, kinds, strict=True) if one == _USER_DEFINED
            ],
        },
        "pre_tokenizer": None,
        "post_processor": None,
        "decoder": {"type": "Sequence", "decoders": decoders},
        "model": {
            "type": kind,
            "unk_id": kinds.index(2),
            "byte_fallback": byte_fallback,
            "kinds": "".join(map(str, kinds)),
            "roles": {role: token_id for role, token_id in ids.items() if 0 <= token_id < len(pieces)},
            "vocab": pieces,
        },
    }
    return orjson.dumps(definition)


def _bytes(value: Value) -> bytes:
    if not isinstance(value, bytes):
        raise ValueError("a number in the place of a message")
    return value


def _signed(value: Value) -> int:
    number = int(value)
    return number - 2**64 if number >= 2**63 else number
