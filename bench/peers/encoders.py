"""Tokenizer libraries behind one signature, to be timed and to be compared by their ids.

Each is imported where it is called: one that is not installed (peers/requirements/tokenize.txt), or refuses a
tokenizer, raises there.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

import pypack
from pypack.tokenizer.tiktoken_file import byte_characters

Rows = list[list[int]]
# Encodes a list of str, keeping its own form of the ids, which the second function turns into lists.
Peer = tuple[Callable[[list[str]], Any], Callable[[Any], Rows]]


def _rows_of(values: Any, offsets: Any) -> Rows:
    """Lists of ids from the flat ids of all documents and where each begins."""
    values, offsets = np.asarray(values), np.asarray(offsets)
    return [values[offsets[i] : offsets[i + 1]].tolist() for i in range(len(offsets) - 1)]


def _pypack(path: Path, threads: int) -> Peer:
    """pypack's own engine."""
    tokenizer = pypack.Tokenizer.from_file(path, engine="native")
    return (
        lambda texts: tokenizer.encode_batch(texts, num_threads=threads),
        lambda found: _rows_of(found.values, found.offsets),
    )


def _tokenizers(path: Path, threads: int) -> Peer:
    """The library whose ids are the right ones, without truncation and padding."""
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(path))
    tokenizer.no_truncation()
    tokenizer.no_padding()

    def encode(texts: list[str]) -> Any:
        return tokenizer.encode_batch_fast(texts, add_special_tokens=False)

    return encode, lambda found: [encoding.ids for encoding in found]


def _gigatoken(path: Path, threads: int) -> Peer:
    """gigatoken, which takes its threads from RAYON_NUM_THREADS."""
    import gigatoken

    tokenizer = gigatoken.Tokenizer.from_json(path.read_text(encoding="utf-8"))

    # It gives an awkward array, or a list of arrays where that package is missing.
    def as_rows(found: Any) -> Rows:
        return [list(row) for row in (found if isinstance(found, list) else found.to_list())]

    return tokenizer.encode_batch, as_rows


def _fastokens(path: Path, threads: int) -> Peer:
    """fastokens."""
    import fastokens

    tokenizer = fastokens.Tokenizer.from_file(str(path))

    def encode(texts: list[str]) -> Any:
        return tokenizer.encode_batch_flat(texts, add_special_tokens=False)

    return encode, lambda found: _rows_of(
        np.frombuffer(found[0], np.uint32), np.frombuffer(found[1], np.int64)
    )


def _tokie(path: Path, threads: int) -> Peer:
    """tokie."""
    import tokie

    tokenizer = tokie.Tokenizer.from_json(str(path))

    def encode(texts: list[str]) -> Any:
        return tokenizer.encode_batch_flat(texts, add_special_tokens=False)

    return encode, lambda found: _rows_of(
        found[0], np.concatenate([[0], np.cumsum(found[1].astype(np.int64))])
    )


def _tiktoken(path: Path, threads: int) -> Peer:
    """tiktoken, by the ranks and pattern of the tokenizer.json; ValueError where it is of another kind."""
    import tiktoken

    from pypack.tokenizer.native.pretokenizers import is_byte_level

    definition = json.loads(path.read_text(encoding="utf-8"))
    splits = definition["pre_tokenizer"]
    if not is_byte_level(splits) or splits["type"] != "Sequence" or definition["normalizer"] is not None:
        raise ValueError("not a tokenizer of tiktoken's kind")
    byte_of = {character: byte for byte, character in enumerate(byte_characters())}
    ranks = {bytes(byte_of[c] for c in token): rank for token, rank in definition["model"]["vocab"].items()}
    pattern = splits["pretokenizers"][0]["pattern"]["Regex"]
    encoding = tiktoken.Encoding(path.stem, pat_str=pattern, mergeable_ranks=ranks, special_tokens={})
    return (lambda texts: encoding.encode_ordinary_batch(texts, num_threads=threads)), list


# By name: makes the library's encoder of a tokenizer.json and a number of threads.
PEERS: dict[str, Callable[[Path, int], Peer]] = {
    "pypack": _pypack,
    "tokenizers": _tokenizers,
    "tiktoken": _tiktoken,
    "gigatoken": _gigatoken,
    "fastokens": _fastokens,
    "tokie": _tokie,
}

# Whose versions a record names, besides pypack's.
DISTRIBUTIONS = tuple(name for name in PEERS if name != "pypack")
