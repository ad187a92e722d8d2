"""The `decoder` of a tokenizer.json, as what the C++ Decoder takes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pypack.tokenizer.native.unsupported import UnsupportedError, check_keys

# kind, pattern, content, count, drops_first: see TokenStep of csrc/core/tokenize/decoder.hpp.
Step = tuple[str, str, str, int, bool]


@dataclass
class DecoderOptions:
    """The steps of a decoder, in the order in which the C++ Decoder goes through them."""

    token_steps: list[Step] = field(default_factory=list)
    byte_fallback: bool = False
    separator: str = ""
    replaces_invalid: bool = False
    text_steps: list[Step] = field(default_factory=list)


def recognize_decoder(part: Mapping[str, Any] | None) -> DecoderOptions:
    """What `part` does, as steps on each token, then on runs of byte tokens, then on the whole text.

    Raises:
        UnsupportedError: there is no exact native form of it.
    """
    if part is None:
        return DecoderOptions(separator=" ")
    steps = part["decoders"] if part["type"] == "Sequence" else [part]
    options = DecoderOptions()
    is_whole = False  # the tokens have become one text
    for step in steps:
        kind = step["type"]
        if kind == "Fuse":
            check_keys(step, ("type",), "Fuse")
            is_whole = True
        elif kind == "Strip" and is_whole:
            options.text_steps.append(_strip(step))
        elif is_whole or options.byte_fallback:
            raise UnsupportedError(f"decoder {kind!r} behind Fuse or ByteFallback has no native form")
        elif kind == "ByteFallback":
            check_keys(step, ("type",), "ByteFallback")
            options.byte_fallback = True
        elif kind == "ByteLevel":
            _ = step["add_prefix_space"], step["trim_offsets"]  # which `tokenizers` asks for
            check_keys(step, ("type", "add_prefix_space", "trim_offsets", "use_regex"), "ByteLevel")
            options.token_steps.append(("byte_level", "", "", 0, False))
            options.replaces_invalid = is_whole = True
        else:
            options.token_steps += _token_steps(kind, step)
    if options.replaces_invalid and options.text_steps:
        raise UnsupportedError("decoder 'Strip' behind ByteLevel has no native form")
    return options


def _token_steps(kind: str, part: Mapping[str, Any]) -> list[Step]:
    if kind == "Replace":
        check_keys(part, ("type", "pattern", "content"), "Replace")
        pattern = part["pattern"].get("String")
        if not pattern:
            raise UnsupportedError(f"decoder Replace has the pattern {part['pattern']}")
        return [("replace", pattern, part["content"], 0, False)]
    if kind == "Strip":
        return [_strip(part)]
    if kind == "Metaspace":
        check_keys(
            part,
            ("type", "replacement", "prepend_scheme", "split", "add_prefix_space", "str_rep"),
            "Metaspace",
        )
        if part.get("add_prefix_space") is False:
            raise UnsupportedError("decoder Metaspace has add_prefix_space false")
        drops_first = part.get("prepend_scheme", "always") != "never"
        return [("metaspace", part["replacement"], "", 0, drops_first)]
    if kind == "WordPiece":
        check_keys(part, ("type", "prefix", "cleanup"), "WordPiece")
        steps = [("wordpiece", part["prefix"], "", 0, False)]
        return [*steps, ("clean_up", "", "", 0, False)] if part["cleanup"] else steps
    raise UnsupportedError(f"decoder {kind!r} has no native form")


def _strip(part: Mapping[str, Any]) -> Step:
    check_keys(part, ("type", "content", "start", "stop"), "Strip")
    if part["stop"] != 0:
        raise UnsupportedError("decoder Strip cuts at the end")
    return ("strip", part["content"], "", part["start"], False)
