"""Whatever tokenizer the native engine accepts, it gives the ids, offsets and texts of `tokenizers`."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from conftest import SCALE
from fixtures.adversarial import random_texts
from fixtures.random_tokenizers import KINDS, definition
from fixtures.table_generators import load_generator
from tokenizers import Tokenizer as HuggingFaceTokenizer

import pypack

make_charsmap = load_generator("generate_grapheme_table").make_charsmap
MAPPED = {"ﬁ": "fi", "①": "1", "é": "e\u0301", "\u3000": " ", "\u200b": "", "ｶﾞ": "ガ"}
CHARSMAP = make_charsmap({key.encode(): text.encode() for key, text in MAPPED.items()})
# Of the definitions of a kind: what has no native form (a Metaspace 'first' behind a normalizer, say) stays
# with the library, but if most did, nothing would be compared.
NATIVE_SHARE = 0.4


@pytest.mark.parametrize("kind", KINDS)
def test_a_random_tokenizer(kind: str) -> None:
    count = max(1, int(30 * SCALE))
    native = sum(check(kind, seed) for seed in range(count))
    assert native > NATIVE_SHARE * count


def check(kind: str, seed: int) -> bool:
    """Compares both engines; false where there is no native form."""
    source = random.Random(f"{kind} {seed}")
    defined = definition(kind, source, CHARSMAP)
    reference = HuggingFaceTokenizer.from_str(json.dumps(defined))
    ours = pypack.Tokenizer.from_huggingface(reference)
    if ours.engine != "native":
        assert ours.engine_reason
        return False
    contents = tuple(token["content"] for token in defined["added_tokens"])
    texts = random_texts(seed, 40, (*contents, "abcde", "ab" * 40, "don't", "e\u0301", "<0x41>", "##a"))
    for special, split in ((False, False), (True, False), (False, True)):
        reference.encode_special_tokens = split
        encoded = [(text, found) for text in texts if (found := attempt(reference.encode, text, special))]
        compare(ours, encoded, add_special_tokens=special, split_special_tokens=split)
        rows = [found.ids for _, found in encoded]
        rows += [[source.randrange(ours.vocab_size) for _ in range(source.randint(0, 12))] for _ in range(20)]
        for skip in (False, True):
            compare_decoded(ours, reference, rows, skip)
    return True


def attempt(call: Callable[..., Any], text: Any, option: bool) -> Any:
    """None where the library panics, as on some added tokens within what the one before them stripped."""
    try:
        return call(text, add_special_tokens=option)
    except BaseException as error:  # PanicException is no Exception
        assert type(error).__name__ == "PanicException", error
        return None


def compare(ours: pypack.Tokenizer, encoded: list[tuple[str, Any]], **options: bool) -> None:
    texts = [text for text, _ in encoded]
    rows = ours.encode_batch(texts, num_threads=2, **options)
    for (text, expected), row in zip(encoded, rows, strict=True):
        assert row.tolist() == expected.ids, ascii(text)
    try:
        again, offsets = ours.encode_batch(texts, return_offsets="char", **options)
    except ValueError as error:
        assert "no native form" in str(error)
        return
    assert again == rows
    for (text, expected), found in zip(encoded, np.split(offsets, rows.offsets[1:-1]), strict=True):
        assert found.tolist() == [list(place) for place in expected.offsets], ascii(text)


def compare_decoded(
    ours: pypack.Tokenizer, reference: HuggingFaceTokenizer, rows: list[list[int]], skip: bool
) -> None:
    for row, text in zip(rows, ours.decode_batch(rows, skip_special_tokens=skip), strict=True):
        assert text == reference.decode(row, skip_special_tokens=skip), row
