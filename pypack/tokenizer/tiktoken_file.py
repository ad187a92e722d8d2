"""A `.tiktoken` file as a tokenizer.json."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import orjson

from pypack.tokenizer.native.patterns import CL100K, CL100K_TRAILING, GPT2, O200K, QWEN2, TEKKEN, canonical

_NAMED_PATTERNS = {"gpt2": GPT2, "cl100k": CL100K, "o200k": O200K, "qwen2": QWEN2, "tekken": TEKKEN}
_MOST_UNUSED_IDS = 2**20  # each becomes an entry of the vocabulary; cl100k and o200k leave some twenty
_POSSESSIVE_COUNT = re.compile(r"(\{\d*,?\d*\})\+")


def definition_from_tiktoken(path: Path, pattern: str, special_tokens: dict[str, int]) -> bytes:
    """The tokenizer.json of a `.tiktoken` file, as the converter of transformers writes it.

    A tiktoken merge is known by its result, whose rank orders it; a tokenizer.json lists pairs. So every
    way to make a token of two others is a merge, the ways of one token by the ranks of their sides.

    Raises:
        ValueError: a line is malformed, the pattern means something else to `tokenizers`, or a special token
            has an id or a text that is taken.
    """
    ranks = _read_ranks(path)
    vocabulary = {_spell(token): rank for token, rank in ranks.items()}
    _place_special_tokens(vocabulary, special_tokens)
    split = {
        "type": "Split", "pattern": {"Regex": _regex(pattern)}, "behavior": "Isolated", "invert": False
    }  # fmt: skip
    definition: dict[str, Any] = {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": [
            {"id": token_id, "content": content, **_PLAIN_SPECIAL_TOKEN}
            for content, token_id in sorted(special_tokens.items(), key=lambda item: item[1])
        ],
        "normalizer": None,
        "pre_tokenizer": {"type": "Sequence", "pretokenizers": [split, _BYTE_LEVEL]},
        "post_processor": None,
        "decoder": _BYTE_LEVEL,
        "model": {**_BARE_BPE, "vocab": vocabulary, "merges": _merges(ranks)},
    }
    return orjson.dumps(definition)


_PLAIN_SPECIAL_TOKEN = {
    "single_word": False,
    "lstrip": False,
    "rstrip": False,
    "normalized": False,
    "special": True,
}
_BYTE_LEVEL = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": False}
_BARE_BPE = {
    "type": "BPE",
    "dropout": None,
    "unk_token": None,
    "continuing_subword_prefix": None,
    "end_of_word_suffix": None,
    "fuse_unk": False,
    "byte_fallback": False,
    "ignore_merges": True,
}


def _merges(ranks: Mapping[bytes, int]) -> list[list[str]]:
    """Every way to make a token of two others, in the order of `definition_from_tiktoken`."""
    merges: list[list[str]] = []
    for token in sorted(ranks, key=ranks.__getitem__):
        ways = [
            (ranks[token[:cut]], ranks[token[cut:]], cut)
            for cut in range(1, len(token))
            if token[:cut] in ranks and token[cut:] in ranks
        ]
        merges.extend([_spell(token[:cut]), _spell(token[cut:])] for _, _, cut in sorted(ways))
    return merges


def _regex(pattern: str) -> str:
    """The pattern as `tokenizers` (Oniguruma) says what tiktoken (Rust) means by it."""
    if pattern in _NAMED_PATTERNS:
        return _NAMED_PATTERNS[pattern]
    # For tiktoken {1,3}+ is possessive; for Oniguruma it is a repetition of {1,3}.
    greedy = canonical(_POSSESSIVE_COUNT.sub(r"\1", pattern))
    if greedy in _NAMED_PATTERNS.values() or greedy == CL100K_TRAILING:
        return greedy
    if _POSSESSIVE_COUNT.search(pattern):
        raise ValueError(
            f"pattern {pattern!r} has a possessive {{n,m}}+, which `tokenizers` reads as a repetition of"
            " {n,m}; write it as an atomic group, (?>x{n,m})"
        )
    return pattern


def _place_special_tokens(vocabulary: dict[str, int], special_tokens: dict[str, int]) -> None:
    """Adds to the vocabulary what makes `tokenizers` give the special tokens their ids.

    It numbers them on from the size of the vocabulary. Where that leaves ids unused (cl100k, o200k), they
    become entries of the vocabulary with their ids, between entries that no word can spell: a word has no
    space, which stands as another character.
    """
    taken = {token_id: content for content, token_id in vocabulary.items()}
    for content, token_id in special_tokens.items():
        if not content or content in vocabulary:
            raise ValueError(f"special token {content!r} is empty, or one of the file's tokens")
        if token_id in taken:
            raise ValueError(f"special token {content!r} has the id of {taken[token_id]!r}, {token_id}")
        taken[token_id] = content
    if not special_tokens or max(taken) == len(taken) - 1:
        return
    unused = max(taken) + 1 - len(taken)
    if unused > _MOST_UNUSED_IDS:
        last = max(special_tokens, key=special_tokens.__getitem__)
        raise ValueError(
            f"special token {last!r} has the id {max(taken)}, which leaves {unused} ids unused: more than "
            f"{_MOST_UNUSED_IDS}, so it is likely a mistake"
        )
    for token_id in range(len(vocabulary), max(taken) + 1):
        vocabulary[taken.get(token_id, f"<unused {token_id}>")] = token_id


def _read_ranks(path: Path) -> dict[bytes, int]:
    ranks: dict[bytes, int] = {}
    for number, line in enumerate(path.read_bytes().splitlines(), 1):
        if not line:
            continue
        try:
            encoded, rank = line.split()
            ranks[base64.b64decode(encoded, validate=True)] = int(rank)
        except (ValueError, binascii.Error) as error:
            raise ValueError(
                f"{path}: line {number} is not a token in base64 and its rank: {line[:60]!r}"
            ) from error
    if sorted(ranks.values()) != list(range(len(ranks))):
        raise ValueError(f"{path}: ranks must run from 0 to {len(ranks) - 1}, each once")
    return ranks


def byte_characters() -> list[str]:
    """The character that stands for each byte: itself where it is printable, else the next from U+0100."""
    printable = {*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)}
    characters = []
    following = 0x100
    for byte in range(256):
        if byte in printable:
            characters.append(chr(byte))
        else:
            characters.append(chr(following))
            following += 1
    return characters


_CHARACTER_OF_BYTE = byte_characters()


def _spell(token: bytes) -> str:
    return "".join(map(_CHARACTER_OF_BYTE.__getitem__, token))
