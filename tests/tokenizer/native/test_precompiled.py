"""Precompiled maps: real and made-up ones, applied to grapheme clusters as `tokenizers` does."""

from __future__ import annotations

import base64
import json
import random
import struct
from pathlib import Path

import pytest
from conftest import SCALE
from fixtures.normalizer_offsets import offsets_of_library, offsets_of_pypack
from fixtures.table_generators import load_generator
from tokenizers import normalizers

from pypack._core import Normalizer

make_charsmap = load_generator("generate_grapheme_table").make_charsmap

# A character or two of every grapheme class, and what the maps below replace.
CHARACTERS = [
    *"ae \n\r\0\x01\x7féが漢Ａ",
    *"\u0301\u0323\u200d\u200c\ufe0f\xad\xa9\u203c",
    *"\U0001f468\U0001f469\U0001f3fb\U0001f1e6\U0001f1e7",
    *"\u0600\u06dd\U000110bd\U00011f02\u1100\u1161\u11a8\uac00\uac01\U00016d63",
    *"\u0915\u094d\u093c\u0903\u3042\u3099",
]


def random_text(rng: random.Random) -> str:
    return "".join(rng.choices(CHARACTERS, k=rng.randint(0, rng.choice([4, 12, 60]))))


def random_charsmap(rng: random.Random) -> bytes:
    entries = {}
    for _ in range(rng.randint(0, 12)):
        key = "".join(rng.choices(CHARACTERS, k=rng.choice([1, 1, 1, 2, 2, 3]))).replace("\0", "")
        if key:
            entries[key.encode()] = "".join(
                rng.choices("abcé漢🙂", k=rng.choice([0, 0, 1, 1, 2, 3]))
            ).encode()
    if rng.random() < 0.3:  # a key that ends within a character
        entries[bytes([rng.choice([0xC2, 0xCC, 0xE0, 0xE1, 0xF0])])] = b"Z"
    return make_charsmap(entries)


def assert_same(charsmap: bytes, texts: list[str], texts_with_offsets: int) -> None:
    ours, theirs = Normalizer.precompiled(charsmap), normalizers.Precompiled(charsmap)
    for text in texts:
        assert ours.normalize(text) == theirs.normalize_str(text), ascii(text)
    for text in texts[:texts_with_offsets]:
        assert ours.normalize_aligned(text)[0] == theirs.normalize_str(text), ascii(text)
        assert offsets_of_pypack(ours, text) == offsets_of_library(theirs, text), ascii(text)


@pytest.mark.parametrize("seed", range(int(20 * SCALE) or 1))
def test_random_maps(seed: int) -> None:
    rng = random.Random(seed)
    assert_same(random_charsmap(rng), [random_text(rng) for _ in range(500)], 50)


def test_the_map_of_t5(shared: Path) -> None:
    definition = json.loads((shared / "data/tokenizers/t5_small.json").read_text())
    charsmap = base64.b64decode(definition["normalizer"]["precompiled_charsmap"])
    code_points = [cp for cp in range(0x110000) if not 0xD800 <= cp < 0xE000]
    rng = random.Random(7)
    texts = [random_text(rng) for _ in range(int(2000 * SCALE))]
    texts += ["x".join(map(chr, code_points[i : i + 32])) for i in range(0, len(code_points), 32)]
    texts += ["".join(f"{chr(c)}\u0301" for c in code_points[i : i + 8]) for i in range(0, 0x30000, 8)]
    assert_same(charsmap, texts, 200)


# "ﬁ" is read by the cluster that it makes with what follows, so that its replacement is looked up by bytes.
LIGATURE = make_charsmap({"ﬁ".encode(): b"fi", "ﬁ\u0301".encode(): "é漢".encode()})


@pytest.mark.parametrize("byte", [0xC0, 0xF5, 0xFF])
def test_replacements_that_are_not_utf8_are_refused(byte: int) -> None:
    """They would go on to the model as text: it once read and wrote behind its buffers."""
    for place in range(1, len("fi\0é漢\0".encode())):
        damaged = bytearray(LIGATURE)
        damaged[-place] = byte
        with pytest.raises(ValueError, match=r"precompiled_charsmap: byte .* is not UTF-8|begins at byte"):
            Normalizer.precompiled(bytes(damaged))


@pytest.mark.parametrize("key", ["x", "漢", "ﬁ\u0301"])
def test_replacements_that_begin_within_a_character_are_refused(key: str) -> None:
    charsmap = make_charsmap({key.encode(): "漢".encode()})
    leaf = struct.pack("<I", 1 << 31)
    assert charsmap.count(leaf) == 1
    Normalizer.precompiled(charsmap)
    for start in (1, 2, 5, 2**31 - 1):
        with pytest.raises(ValueError, match="outside of them or within a character"):
            Normalizer.precompiled(charsmap.replace(leaf, struct.pack("<I", 1 << 31 | start)))


@pytest.mark.parametrize("seed", range(int(20 * SCALE) or 1))
def test_damaged_maps_are_refused_or_give_text(seed: int) -> None:
    rng = random.Random(seed)
    texts = [random_text(rng) for _ in range(20)]
    for _ in range(50):
        damaged = bytearray(random_charsmap(rng))
        for _ in range(rng.randint(1, 4)):
            damaged[rng.randrange(len(damaged))] = rng.randrange(256)
        try:
            normalizer = Normalizer.precompiled(bytes(damaged))
        except ValueError:
            continue
        for text in texts:
            normalizer.normalize(text).encode()


@pytest.mark.parametrize(
    ("charsmap", "message"),
    [
        (b"", "0 bytes cannot hold a trie of 0"),
        (struct.pack("<I", 8) + b"abcd", "8 bytes cannot hold a trie of 8"),
        (struct.pack("<I", 3) + b"abcd", "8 bytes cannot hold a trie of 3"),
        (make_charsmap({b"a": b"bc", b"b": b"d"})[:-3], "a replacement begins at byte"),
    ],
)
def test_a_malformed_map_is_refused(charsmap: bytes, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Normalizer.precompiled(charsmap)
