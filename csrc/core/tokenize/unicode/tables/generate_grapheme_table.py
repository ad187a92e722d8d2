"""Writes grapheme_table.cpp: what `tokenizers` takes for one user-perceived character.

    python csrc/core/tokenize/unicode/tables/generate_grapheme_table.py

Its Precompiled normalizer alone looks at grapheme clusters: one of less than six bytes that begins with a
key of the map is replaced as a whole. With maps of one's own that tells, for any two characters, whether they
are one cluster, and from that the class of each character follows (Unicode Standard Annex 29). Regional
indicators need no class: a pair of them has eight bytes, and those are always taken apart.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping

from generate_unicode_tables import CODE_POINTS, array, two_stage, write
from tokenizers import normalizers

# Enumerators of GraphemeClass in graphemes.hpp, and what tells each: the letters of `profile`.
CLASSES = {
    "kOther": "",
    "kControl": "C",
    "kPrepend": "BVT",
    "kL": "lV",
    "kV": "lvVT",
    "kT": "vtT",
    "kLv": "lVT",
    "kLvt": "lT",
    "kPictographic": "D",
    "kConsonant": "I",
    "kExtend": "AEX",
    "kLinker": "AEKX",
    "kNonJoiner": "AE",
    "kJoiner": "AX",
    "kSpacing": "A",
}


def make_charsmap(entries: Mapping[bytes, bytes]) -> bytes:
    """The bytes of a precompiled map with these entries: a Darts double array, then the replacements."""
    replacements = b""
    root: dict[int | None, object] = {}
    for key in sorted(entries):
        node = root
        for byte in key:
            node = node.setdefault(byte, {})  # type: ignore[assignment]
        node[None] = len(replacements)
        replacements += entries[key] + b"\0"
    units = {0: 0}
    bases: set[int] = set()  # two nodes with one base would have their children in common
    pending = [(0, root)]
    while pending:
        place, node = pending.pop()
        labels = [label or 0 for label in node]
        offset = 1
        while place ^ offset in bases or any((place ^ offset ^ label) in units for label in labels):
            offset += 1
        base = place ^ offset
        bases.add(base)
        units[place] |= offset << 10
        for label, child in node.items():
            if label is None:
                units[place] |= 1 << 8
                units[base] = 1 << 31 | child  # type: ignore[operator]
            else:
                units[base ^ label] = label
                pending.append((base ^ label, child))  # type: ignore[arg-type]
    size = (max(units) // 256 + 1) * 256
    return struct.pack(f"<I{size}I", 4 * size, *(units.get(i, 0) for i in range(size))) + replacements


def replacing(*keys: bytes) -> normalizers.Normalizer:
    return normalizers.Precompiled(make_charsmap(dict.fromkeys(keys, b"Q")))


LETTER_A = replacing(b"a")
ACUTE = replacing("\u0301".encode())
NOT_ASCII = replacing(*(bytes([lead]) for lead in range(0xC2, 0xF5)))


def clusters(text: str) -> int:
    """Clusters of a text without ASCII, where one of six bytes or more counts each of its characters."""
    return len(NOT_ASCII.normalize_str(text))


def profile(c: str) -> str:
    """Letters that say with what `c` makes one cluster; in each text the last characters tell."""
    if len(ACUTE.normalize_str(c + "\u0301\u0301").lstrip(c)) == 1:
        return "C"
    if c.isascii():
        return ""
    if LETTER_A.normalize_str("a" + c) == "Q":
        answers = {
            "E": clusters(f"\xa9{c}\u200d\xa9\u0301") == 5,
            "K": clusters(f"\u0915{c}\u0915\u0301") == 4,
            "X": clusters(f"\u0915{c}\u094d\u0915\u0301") == 5,
        }
        return "A" + "".join(letter for letter, yes in answers.items() if yes)
    answers = {
        "B": NOT_ASCII.normalize_str(c + "a") == "Q",
        "D": clusters(f"\xa9\u200d{c}\u0301") == 4,
        "l": clusters(f"\u0600\u1100{c}") == 3,
        "v": clusters(f"\u0600\u1161{c}") == 3,
        "t": clusters(f"\u0600\u11a8{c}") == 3,
        "V": clusters(f"{c}\u1161\u0301") == 3,
        "T": clusters(f"{c}\u11a8\u0301") == 3,
        "I": clusters(f"{c}\u094d\u0915\u0301") == 4,
    }
    return "".join(letter for letter, yes in answers.items() if yes)


def grapheme_table() -> list[int]:
    class_of = {letters: i for i, letters in enumerate(CLASSES.values())}
    table = [0] * 0x110000
    for cp in CODE_POINTS:
        table[cp] = class_of[profile(chr(cp))]
    return table


if __name__ == "__main__":
    blocks, values = two_stage(grapheme_table())
    arrays = [
        array("std::uint8_t", "kGraphemeBlocks", blocks),
        array("std::uint8_t", "kGraphemeValues", values),
    ]
    write("grapheme_table.cpp", "graphemes.hpp", arrays)
