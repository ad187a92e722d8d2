"""What objectives take from the tokenizer of a store: its special ids, its mask, and where words begin."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pypack.store.store import TokenStore
from pypack.tokenizer.byte_alphabet import byte_characters
from pypack.tokenizer.tokenizer import Tokenizer

_MASKS = ("[MASK]", "<mask>", "<|mask|>")
# Control tokens of infilling, before the prefix, the suffix and the middle: of StarCoder, of Qwen and
# StarCoder2, of SantaCoder, CodeLlama, DeepSeek and Codestral.
_INFILLING = (
    ("<fim_prefix>", "<fim_suffix>", "<fim_middle>"),
    ("<|fim_prefix|>", "<|fim_suffix|>", "<|fim_middle|>"),
    ("<fim-prefix>", "<fim-suffix>", "<fim-middle>"),
    ("\u2581<PRE>", "\u2581<SUF>", "\u2581<MID>"),
    ("<\uff5cfim\u2581begin\uff5c>", "<\uff5cfim\u2581hole\uff5c>", "<\uff5cfim\u2581end\uff5c>"),
    ("[PREFIX]", "[SUFFIX]", "[MIDDLE]"),
)
_BLANKS = b" \t\n\r\x0b\x0c"


def tokenizer_of(stores: Sequence[TokenStore]) -> Tokenizer | None:
    """The tokenizer of the first store that holds one; a loader's stores have equal ones."""
    parts = (part for store in stores for part in store.parts)
    return next((part.tokenizer() for part in parts if part.holds_tokenizer), None)


def special_ids(stores: Sequence[TokenStore], tokenizer: Tokenizer | None) -> NDArray[np.uint32]:
    """The ids of special tokens, rising: those that the tokenizer marks so, and those that the stores name.

    Raises:
        ValueError: nothing is known of them.
    """
    found: set[int] = set()
    for store in stores:
        for part in store.parts:
            known = () if part.info is None else tuple(part.info.special_ids.values())
            found.update(i for i in (*known, *part.prepended_ids, part.appended_id) if i is not None)
    if tokenizer is not None:
        ids = map(tokenizer.token_to_id, tokenizer.special_texts)
        found.update(i for i in ids if i is not None)
    elif not found:
        raise ValueError(
            "no store holds its tokenizer, so that it is not known which ids are special tokens, which are "
            "never masked: give special_ids=[...] ([] if there are none)"
        )
    return np.array(sorted(found), np.uint32)


def mask_id(tokenizer: Tokenizer | None) -> int:
    """The id of the mask, by its usual names.

    Raises:
        ValueError: the tokenizer has none, or is not known.
    """
    for name in _MASKS:
        found = None if tokenizer is None else tokenizer.token_to_id(name)
        if found is not None:
            return found
    why = "no store holds its tokenizer" if tokenizer is None else f"the tokenizer has none of {_MASKS}"
    raise ValueError(f"{why}: give mask_id=, the id that stands where a token is masked")


def infilling_ids(tokenizer: Tokenizer | None) -> tuple[int, int, int]:
    """The ids of the control tokens before prefix, suffix and middle, by their usual names.

    Raises:
        ValueError: the tokenizer has none, or is not known.
    """
    for names in _INFILLING:
        found = [None if tokenizer is None else tokenizer.token_to_id(name) for name in names]
        prefix, suffix, middle = found
        if prefix is not None and suffix is not None and middle is not None:
            return prefix, suffix, middle
    usual = ", ".join(names[0] for names in _INFILLING)
    why = "no store holds its tokenizer" if tokenizer is None else f"the tokenizer has none of {usual}"
    raise ValueError(f"{why}: give prefix_id=, suffix_id= and middle_id=, the ids of the control tokens")


def sentinel_ids(tokenizer: Tokenizer | None) -> NDArray[np.uint32]:
    """The ids of <extra_id_0>, <extra_id_1>, ..., as many as there are.

    Raises:
        ValueError: the tokenizer has none, or is not known.
    """
    found: list[int] = []
    while tokenizer is not None:
        number = tokenizer.token_to_id(f"<extra_id_{len(found)}>")
        if number is None:
            break
        found.append(number)
    if not found:
        why = "no store holds its tokenizer" if tokenizer is None else "the tokenizer has no <extra_id_0>"
        raise ValueError(
            f"{why}: give sentinel_ids=, the ids that stand for the first, second, ... run of tokens that is "
            "left out (of T5's vocabularies the last 100, from the last one down)"
        )
    return np.array(found, np.uint32)


def end_id(stores: Sequence[TokenStore]) -> int:
    """The id that ends a document.

    Raises:
        ValueError: no store names one.
    """
    known = [store.eos_id for store in stores if store.eos_id is not None]
    if not known:
        raise ValueError("no store names its end of a document: give end_id=, or ends=False")
    return known[0]


def start_id(stores: Sequence[TokenStore]) -> int:
    """What a decoder is given first: the padding id, as of T5.

    Raises:
        ValueError: no store names one.
    """
    known = [store.pad_id for store in stores if store.pad_id is not None]
    if not known:
        raise ValueError("no store names its padding id: give start_id=, what a decoder is given first")
    return known[0]


def ids_of(name: str, values: Any) -> NDArray[np.uint32]:
    """Token ids, in their order.

    Raises:
        ValueError: they are none; the message names the argument.
    """
    array = np.asarray(values)
    if array.ndim != 1 or (array.size and (array.dtype.kind not in "iu" or array.min() < 0)):
        raise ValueError(f"{name} is a list of token ids, got {values!r}")
    if array.size and array.max() >= 2**31:
        raise ValueError(f"{name}: {array.max()} is no token id")
    return array.astype(np.uint32)


def check_distinct(name: str, ids: NDArray[np.uint32], why: str) -> None:
    """Raises ValueError where an id stands twice, by which a model could not tell its places."""
    values, counts = np.unique(ids, return_counts=True)
    if (counts > 1).any():
        raise ValueError(
            f"{name} has {values[counts > 1][0]} more than once, and {why}: give each its own id"
        )


def vocab_size(stores: Sequence[TokenStore]) -> int:
    """The size of the vocabulary, the smallest that a store names.

    Raises:
        ValueError: no store names one.
    """
    sizes = [store.vocab_size for store in stores if store.vocab_size is not None]
    if not sizes:
        raise ValueError("no store says how large its vocabulary is: give vocab_size=")
    return min(sizes)


def word_starts(tokenizer: Tokenizer | None) -> NDArray[np.uint32]:
    """The ids of tokens that begin a word, rising.

    By the vocabulary: with WordPiece those without the prefix of continuations ("##"), so that a punctuation
    mark is a word; with SentencePiece those that begin with its blank ("▁"), with byte-level BPE those that
    begin with a blank or a line break, so that a punctuation mark belongs to the word before it. Special
    tokens are words by themselves.

    Raises:
        ValueError: the tokenizer is not known, or is of another kind.
    """
    if tokenizer is None:
        raise ValueError(
            "no store holds its tokenizer, which says where words begin: give whole_word=[ids of the tokens "
            "that begin a word]"
        )
    sections = json.loads(tokenizer.to_json())
    names = [tokenizer.id_to_token(i) or "" for i in range(tokenizer.vocab_size)]
    special = set(tokenizer.special_texts)
    prefix = sections["model"].get("continuing_subword_prefix")
    if sections["model"].get("type") == "WordPiece" and prefix:
        starts = [not name.startswith(prefix) for name in names]
    else:
        blanks = _blanks(sections)
        starts = [name.startswith(blanks) or name in special for name in names]
    return np.flatnonzero(starts).astype(np.uint32)


def _blanks(sections: dict[str, Any]) -> tuple[str, ...]:
    """What the first token of a word begins with."""
    used = [sections.get(name) for name in ("normalizer", "pre_tokenizer", "decoder")]
    parts = json.dumps(used, ensure_ascii=False)
    if '"ByteLevel"' in parts:
        return tuple(byte_characters()[byte] for byte in _BLANKS)
    if '"Metaspace"' in parts or "\u2581" in parts:
        return ("\u2581",)
    raise ValueError(
        "the vocabulary does not say where words begin (no WordPiece, SentencePiece or byte-level BPE): "
        "give whole_word=[ids of the tokens that begin a word]"
    )
