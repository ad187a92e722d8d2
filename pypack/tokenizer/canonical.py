"""Parts of a tokenizer.json brought to one spelling, as far as they decide the ids of a document.

Two files may differ in much that changes no id: how ids are decoded, what offsets are trimmed to, a sequence
of one step, an empty prefix. What is said here of a part must hold for every text.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from pypack.tokenizer.byte_alphabet import byte_characters
from pypack.tokenizer.native.templates import recognize_template
from pypack.tokenizer.native.unsupported import UnsupportedError

if TYPE_CHECKING:
    from pypack._core import Vocabulary


def canonical_steps(part: Mapping[str, Any] | None, items: str) -> list[dict[str, Any]]:
    """The steps of a normalizer (`items`: "normalizers") or pretokenizer ("pretokenizers"), in one list.

    What a step does to offsets is left out.
    """
    if part is None:
        return []
    if part["type"] == "Sequence":
        return [step for one in part[items] for step in canonical_steps(one, items)]
    return [{name: value for name, value in part.items() if name != "trim_offsets"}]


def canonical_template(part: Mapping[str, Any] | None) -> Any:
    """The ids that a post-processor puts before and behind one document; the part where it does more."""
    try:
        template = recognize_template(part)
    except UnsupportedError:
        return part
    return [template.before, template.behind]


def canonical_model(
    model: Mapping[str, Any], pretokenizer: list[dict[str, Any]], vocabulary: Vocabulary
) -> dict[str, Any]:
    """The model's options; those of a BPE without what cannot act.

    Args:
        pretokenizer: its steps, see `canonical_steps`.
    """
    options = dict(model)
    if options.get("type") != "BPE":
        return options
    for name in ("continuing_subword_prefix", "end_of_word_suffix", "dropout"):
        options[name] = options.get(name) or None
    bare = not options["continuing_subword_prefix"] and not options["end_of_word_suffix"]
    spells_bytes = bare and bool(pretokenizer) and pretokenizer[-1]["type"] == "ByteLevel"
    if spells_bytes and _has_all(vocabulary, byte_characters()):  # which all words are made of
        options |= {"unk_token": None, "byte_fallback": False}
    elif options["byte_fallback"] and _has_all(vocabulary, [f"<0x{byte:02X}>" for byte in range(256)]):
        options["unk_token"] = None
    if options["unk_token"] is None:
        options["fuse_unk"] = False
    return options


def _has_all(vocabulary: Vocabulary, tokens: list[str]) -> bool:
    return all(vocabulary.get(token) is not None for token in tokens)


def canonical_vocabulary(data: bytes) -> bytes:
    """The bytes of a vocabulary with scores, these rounded to the precision that they were trained in.

    Libraries read the decimals of a file to the nearest float64 or to a neighbour of it.

    Args:
        data: see `Vocabulary.canonical_bytes`: id, length of the token, the token, its score.
    """
    parts, scores, at = [], [], 0
    while at < len(data):
        _, size = struct.unpack_from("<QQ", data, at)
        end = at + 16 + size
        parts.append(data[at:end])
        scores.append(data[end : end + 8])
        at = end + 8
    rounded = np.frombuffer(b"".join(scores), "<f8").astype("<f4")
    return b"".join(parts) + rounded.tobytes()
