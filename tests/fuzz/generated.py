"""Targets that make their input themselves, and compare two ways to the same result."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from typing import Any

import orjson
from fixtures.compared_scanners import same_block
from fixtures.compared_tokenizers import check
from fixtures.random_tokenizers import KINDS
from fuzz.mutate import mutated

_LETTERS = 'ab "\\/\b\n\t\x00\x7f\u00e9\u4e2d\U0001f642\u2028\ufeff\ud800\udc00'
_NAMES = ("text", "id", "other", "textual", "\u00e9", "t\\u0065xt")


def _value(rng: random.Random, depth: int = 0) -> Any:
    kind = rng.randrange(8 if depth < 3 else 5)
    if kind < 2:
        return "".join(
            rng.choices(_LETTERS[: rng.choice([3, len(_LETTERS)])], k=rng.choice([0, 1, 7, 40, 130]))
        )
    if kind < 5:
        return rng.choice([None, True, False, 0, -1, 2**63, 1.5, -0.0, 1e300])
    inner = [_value(rng, depth + 1) for _ in range(rng.randrange(4))]
    return inner if kind < 7 else dict(zip(_NAMES, inner, strict=False))


def _line(rng: random.Random) -> bytes:
    record = {rng.choice(_NAMES): _value(rng) for _ in range(rng.randrange(4))}
    if rng.random() < 0.7:
        record = {"text": "".join(rng.choices(_LETTERS[:-2], k=rng.randrange(60))), **record}
    if rng.random() < 0.5:
        try:
            return orjson.dumps(record)
        except TypeError:  # half a surrogate pair, or an integer that orjson does not write
            pass
    separators = rng.choice([(",", ":"), (", ", ": "), (" ,\t", "\r : ")])
    text = json.dumps(record, ensure_ascii=rng.random() < 0.5, separators=separators)
    return text.encode("utf-8", "surrogatepass")


def _scanner(rng: random.Random) -> None:
    """The compiled scanner of JSON lines against orjson, on lines of any shape, damaged or not."""
    lines = [_line(rng) for _ in range(rng.randrange(1, 8))]
    data = rng.choice([b"\n", b"\r\n", b"\n\n"]).join(lines) + rng.choice([b"", b"\n"])
    same_block(
        mutated(data, rng) if rng.random() < 0.6 else data, rng.choice([(), ("id", "text"), ("other",)])
    )


def _tokenizer(rng: random.Random) -> None:
    """The native engine against `tokenizers`, on a small tokenizer and texts made for it."""
    check(rng.choice(KINDS), rng.randrange(2**60), num_texts=8, num_random_rows=6, short=True)


GENERATED: dict[str, Callable[[random.Random], None]] = {"scanner": _scanner, "random_tokenizer": _tokenizer}
