"""Vocabularies of tiktoken, from a `.tiktoken` file above all, as a tokenizer.json."""

from __future__ import annotations

import operator
import re
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

import orjson

from pypack._core import rank_json, rank_model, read_tiktoken
from pypack.tokenizer.byte_alphabet import byte_characters as byte_characters
from pypack.tokenizer.definition import TokenizerDefinition
from pypack.tokenizer.native.patterns import CL100K, CL100K_TRAILING, GPT2, O200K, QWEN2, TEKKEN, canonical

_NAMED_PATTERNS = {"gpt2": GPT2, "cl100k": CL100K, "o200k": O200K, "qwen2": QWEN2, "tekken": TEKKEN}
_MOST_UNUSED_IDS = 2**20  # each becomes an entry of the vocabulary; cl100k and o200k leave some twenty
_POSSESSIVE_COUNT = re.compile(r"(\{\d*,?\d*\})\+")


class RanksDefinition(TokenizerDefinition):
    """The tokenizer.json of tiktoken's ranks, as the converter of transformers writes it.

    A tiktoken merge is known by its result, whose rank orders it; a tokenizer.json lists pairs. So every
    way to make a token of two others is a merge, the ways of one token by the ranks of their sides. The text
    itself is written when it is asked for.

    Args:
        ranks: token → rank, which is its id; ranks that are missing are ids of special tokens.
        source: where they came from, for messages.

    Raises:
        ValueError: ranks are missing, the pattern means something else to `tokenizers`, or a special token
            has an id or a text that is taken.
    """

    def __init__(
        self,
        ranks: dict[bytes, int],
        pattern: str,
        special_tokens: dict[str, int],
        source: str,
        post_processor: dict[str, Any] | None = None,
    ) -> None:
        _check_ranks(ranks, special_tokens, source)
        self._ranks = ranks
        self._further = _special_entries(ranks, special_tokens)
        split = {
            "type": "Split", "pattern": {"Regex": _regex(pattern)}, "behavior": "Isolated", "invert": False
        }  # fmt: skip
        self._rest: dict[str, Any] = {
            "version": "1.0",
            "truncation": None,
            "padding": None,
            "added_tokens": [
                {"id": token_id, "content": content, **_PLAIN_SPECIAL_TOKEN}
                for content, token_id in sorted(special_tokens.items(), key=lambda item: item[1])
            ],
            "normalizer": None,
            "pre_tokenizer": {"type": "Sequence", "pretokenizers": [split, _BYTE_LEVEL]},
            "post_processor": post_processor,
            "decoder": _BYTE_LEVEL,
        }
        super().__init__(None, source)

    @cached_property
    def data(self) -> bytes:  # type: ignore[override]
        """The text of the tokenizer.json."""
        vocabulary, merges = rank_json(self._ranks)
        more = orjson.dumps(self._further)[1:-1]
        model = orjson.dumps(_BARE_BPE)[:-1] + b',"vocab":' + vocabulary + (b"," if more else b"") + more
        return orjson.dumps(self._rest)[:-1] + b',"model":' + model + b'},"merges":' + merges + b"}}"

    @cached_property
    def sections(self) -> dict[str, Any]:
        """See `TokenizerDefinition.sections`."""
        vocabulary, merges = rank_model(self._ranks, self._further)
        return {**self._rest, "model": {**_BARE_BPE, "vocab": vocabulary, "merges": merges}}


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


def _special_entries(ranks: dict[bytes, int], special_tokens: dict[str, int]) -> dict[str, int]:
    """What makes `tokenizers` give the special tokens their ids, beside the ranks, in a vocabulary.

    It numbers them on from the size of the vocabulary. Where that would leave ids unused (cl100k, o200k), or
    they stand between the ranks (p50k), they become entries of the vocabulary with their ids, between entries
    that no word can spell: a word has no space, which stands as another character.
    """
    if not special_tokens:
        return {}
    # Of ranks that count up from 0 it is known without a look at each which are taken.
    counts_up = _counts_up(ranks)
    taken = set() if counts_up else set(ranks.values())
    special: dict[int, str] = {}
    for content, token_id in special_tokens.items():
        if not content or _spelled_bytes(content) in ranks:
            raise ValueError(f"special token {content!r} is empty, or one of the file's tokens")
        if token_id in taken or (counts_up and token_id < len(ranks)):
            other = special.get(token_id)
            if other is None:
                other = next(_spell(token) for token, rank in ranks.items() if rank == token_id)
            raise ValueError(f"special token {content!r} has the id of {other!r}, {token_id}")
        special[token_id] = content
        taken.add(token_id)
    num_taken = len(taken) + (len(ranks) if counts_up else 0)
    if max(taken) == num_taken - 1 and min(special) == len(ranks):
        return {}
    unused = max(taken) + 1 - num_taken
    if unused > _MOST_UNUSED_IDS:
        last = max(special_tokens, key=special_tokens.__getitem__)
        raise ValueError(
            f"special token {last!r} has the id {max(taken)}, which leaves {unused} ids unused: more than "
            f"{_MOST_UNUSED_IDS}, so it is likely a mistake"
        )
    first = len(ranks) if counts_up else 0
    free = sorted({*range(first, max(taken) + 1)} - (set() if counts_up else {*ranks.values()}))
    return {special.get(token_id, f"<unused {token_id}>"): token_id for token_id in free}


def read_ranks(path: Path) -> dict[bytes, int]:
    """Token → rank of a `.tiktoken` file.

    Raises:
        ValueError: a line is malformed.
    """
    content = path.read_bytes()
    ranks = read_tiktoken(content)
    if isinstance(ranks, int):
        line = content.split(b"\n", ranks)[ranks - 1]
        raise ValueError(f"{path}: line {ranks} is not a token in base64 and its rank: {line[:60]!r}")
    return ranks


def _counts_up(ranks: Mapping[bytes, int]) -> bool:
    """Whether ranks are 0, 1, ... in this order, as in nearly every file."""
    return all(map(operator.eq, ranks.values(), range(len(ranks))))


def _check_ranks(ranks: Mapping[bytes, int], special_tokens: Mapping[str, int], source: str) -> None:
    """Raises ValueError for ranks that are missing and are no special token's, or that are there twice."""
    if _counts_up(ranks):
        return
    used = set(ranks.values())
    missing = set(range(max(used, default=-1) + 1)) - used if min(used, default=0) >= 0 else {0}
    if len(used) == len(ranks) and missing <= set(special_tokens.values()):
        return
    raise ValueError(
        f"{source}: ranks must run from 0 to {len(ranks) - 1}, each once; those that are missing must be ids "
        "of special tokens"
    )


_CHARACTER_OF_BYTE = byte_characters()


_BYTE_OF_CHARACTER = {character: byte for byte, character in enumerate(_CHARACTER_OF_BYTE)}


def _spelled_bytes(text: str) -> bytes | None:
    """The bytes that a text spells in that alphabet; None if it spells none."""
    try:
        return bytes(map(_BYTE_OF_CHARACTER.__getitem__, text))
    except KeyError:
        return None


def _spell(token: bytes) -> str:
    return "".join(map(_CHARACTER_OF_BYTE.__getitem__, token))
