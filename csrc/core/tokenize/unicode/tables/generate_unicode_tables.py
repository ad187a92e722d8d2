"""Writes the Unicode tables of this folder by asking the installed `tokenizers` about every code point.

    pip install tokenizers==0.23.* && python csrc/core/tokenize/unicode/tables/generate_unicode_tables.py

`tokenizers` has no single Unicode version: its regexes are Oniguruma's (16), whitespace and lower-casing are
the Rust standard library's (17), BERT's categories are an old crate's (8 or so). A table taken from the
library itself is right by construction, and tests/tokenizer/native/test_unicode_classes.py asks again, so
that a release that moves is noticed. Two-stage tables: values[blocks[cp >> SHIFT] << SHIFT | cp & MASK].
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Sequence
from pathlib import Path

from tokenizers import Regex, normalizers, pre_tokenizers

HERE = Path(__file__).parent
SHIFT = 7
CODE_POINTS = [cp for cp in range(0x110000) if not 0xD800 <= cp < 0xE000]

# Order of the enumerators of `Category` in unicode/classes.hpp. Control characters that \s matches are a
# category of their own, so that \s too is a set of categories.
CATEGORIES = ["Cc", "Cf", "Cn", "Co", "Ll", "Lm", "Lo", "Lt", "Lu", "Mc", "Me", "Mn", "Nd", "Nl", "No"]
CATEGORIES += ["Pc", "Pd", "Pe", "Pf", "Pi", "Po", "Ps", "Sc", "Sk", "Sm", "So", "Zl", "Zp", "Zs"]


def removed_by(pre_tokenizer: pre_tokenizers.PreTokenizer) -> set[int]:
    """The code points that `pre_tokenizer` drops from a text that holds each of them once."""
    text = "".join(map(chr, CODE_POINTS))
    removed = bytearray(b"\1") * len(CODE_POINTS)
    for _, (start, end) in pre_tokenizer.pre_tokenize_str(text):
        removed[start:end] = bytes(end - start)
    return {cp for cp, gone in zip(CODE_POINTS, removed, strict=True) if gone}


def matched_by(pattern: str) -> set[int]:
    """The code points that the regex `pattern`, which must match single characters, matches."""
    return removed_by(pre_tokenizers.Split(Regex(pattern), "removed"))


def category_table() -> list[int]:
    """Index of the category of each code point; one question for each bit of the index."""
    table = [CATEGORIES.index("Cn")] * 0x110000
    bits = [
        matched_by("[" + "".join(rf"\p{{{c}}}" for i, c in enumerate(CATEGORIES) if i >> bit & 1) + "]")
        for bit in range(5)
    ]
    for cp in CODE_POINTS:
        table[cp] = sum((cp in members) << bit for bit, members in enumerate(bits))
    for cp in matched_by(r"\s"):
        if CATEGORIES[table[cp]] == "Cc":
            table[cp] = len(CATEGORIES)
    return table


def dropped_after_a(normalizer: normalizers.Normalizer) -> set[int]:
    return {cp for cp in CODE_POINTS if normalizer.normalize_str("a" + chr(cp)) == "a"}


def word_characters() -> set[int]:
    r"""Those of \w in Rust's `regex`, which the Whitespace pre-tokenizer and single_word tokens use."""
    text = "".join(" a" + chr(cp) for cp in CODE_POINTS)
    pieces = pre_tokenizers.Whitespace().pre_tokenize_str(text)
    return {CODE_POINTS[start // 3] for _, (start, end) in pieces if start % 3 == 1 and end - start == 2}


def numeric_characters() -> set[int]:
    text = "".join("a" + chr(cp) for cp in CODE_POINTS)
    pieces = pre_tokenizers.Digits(individual_digits=True).pre_tokenize_str(text)
    return {CODE_POINTS[start // 2] for _, (start, end) in pieces if start % 2 == 1 and end - start == 1}


def bert_normalizer(*, clean: bool = False, strip: bool = False) -> normalizers.Normalizer:
    return normalizers.BertNormalizer(
        clean_text=clean, handle_chinese_chars=False, strip_accents=strip, lowercase=False
    )


def trait_table() -> list[int]:
    """Bits of `Trait` in unicode/classes.hpp, in that order."""
    traits = [
        removed_by(pre_tokenizers.WhitespaceSplit()),
        word_characters(),
        numeric_characters(),
        removed_by(pre_tokenizers.Punctuation("removed")),
        dropped_after_a(bert_normalizer(clean=True)),
        dropped_after_a(bert_normalizer(strip=True)),
        dropped_after_a(normalizers.StripAccents()),
    ]
    table = [0] * 0x110000
    for bit, members in enumerate(traits):
        for cp in members:
            table[cp] |= 1 << bit
    return table


def two_stage(table: Sequence[int]) -> tuple[list[int], list[int]]:
    """(block of each 2^SHIFT code points, values of the distinct blocks end to end)."""
    blocks: list[int] = []
    values: list[int] = []
    seen: dict[tuple[int, ...], int] = {}
    for start in range(0, len(table), 1 << SHIFT):
        block = tuple(table[start : start + (1 << SHIFT)])
        if block not in seen:
            seen[block] = len(seen)
            values.extend(block)
        blocks.append(seen[block])
    return blocks, values


def array(type_name: str, name: str, values: Iterable[int]) -> str:
    values = list(values)
    lines = [f"const {type_name} {name}[] = {{"]
    line = "   "
    for value in values:
        if len(line) + len(str(value)) + 2 > 110:
            lines.append(line)
            line = "   "
        line += f" {value},"
    return "\n".join([*lines, line, "};\n"])


def write(name: str, header: str, arrays: Iterable[str]) -> None:
    (HERE / name).write_text(
        "// Generated from the answers of `tokenizers` by a generate_*.py of this folder. Do not edit.\n"
        f'// clang-format off\n#include "tokenize/unicode/{header}"\n\nnamespace pypack::unicode {{\n\n'
        + "\n".join(arrays)
        + "\n}  // namespace pypack::unicode\n"
    )


def write_classes() -> None:
    arrays = []
    for name, table in [("Category", category_table()), ("Trait", trait_table())]:
        blocks, values = two_stage(table)
        arrays.append(array("std::uint16_t", f"k{name}Blocks", blocks))
        arrays.append(array("std::uint8_t", f"k{name}Values", values))
    write("class_tables.cpp", "classes.hpp", arrays)


def changed_by(normalizer: normalizers.Normalizer) -> dict[int, list[int]]:
    """What `normalizer` makes of each code point alone, where that is not the code point itself."""
    images = {cp: normalizer.normalize_str(chr(cp)) for cp in CODE_POINTS}
    return {cp: [ord(c) for c in image] for cp, image in images.items() if image != chr(cp)}


def is_hangul_syllable(cp: int) -> bool:
    return 0xAC00 <= cp < 0xAC00 + 11172


def combining_classes() -> dict[int, int]:
    """Canonical combining classes that are not 0, of the library's old Unicode.

    NFD tells which characters move past a mark of class 1 or before one of class 240. The number of the
    class is Python's: it never changes once a character is assigned.
    """
    nfd = normalizers.NFD()
    classes = {}
    for cp in CODE_POINTS:
        number = unicodedata.combining(chr(cp))
        lowest, highest = chr(cp) + "\u0334", "\u0345" + chr(cp)
        if number and (nfd.normalize_str(lowest) != lowest or nfd.normalize_str(highest) != highest):
            classes[cp] = number
    return classes


def compositions(nfc: normalizers.Normalizer) -> dict[tuple[int, int], int]:
    """The pairs that `nfc` makes one character, Hangul's arithmetic aside."""
    pairs = {}
    for cp in CODE_POINTS:
        mapping = unicodedata.decomposition(chr(cp))
        if mapping and not mapping.startswith("<") and " " in mapping and not is_hangul_syllable(cp):
            first, second = (int(part, 16) for part in mapping.split())
            if nfc.normalize_str(chr(first) + chr(second)) == chr(cp):
                pairs[first, second] = cp
    return pairs


def write_normalization() -> None:
    nfd, nfkd, nfc, nfkc = (
        changed_by(form)
        for form in (normalizers.NFD(), normalizers.NFKD(), normalizers.NFC(), normalizers.NFKC())
    )
    pairs = compositions(normalizers.NFC())
    classes = combining_classes()
    jamo = [*range(0x1161, 0x1176), *range(0x11A8, 0x11C3)]
    joins_back = {second for _, second in pairs} | set(jamo)

    # Bits as normalization.hpp reads them: the class, then "not inert" for NFD, NFKD, NFC, NFKC.
    records = [
        classes.get(cp, 0)
        | (cp in nfd) << 8
        | (cp in nfkd) << 9
        | (cp in nfc or cp in joins_back) << 10
        | (cp in nfkc or cp in joins_back) << 11
        for cp in range(0x110000)
    ]
    distinct = sorted(set(records))
    index = {record: i for i, record in enumerate(distinct)}
    record_blocks, record_values = two_stage([index[record] for record in records])

    pool, places = [0], [0] * 0x110000
    for cp in sorted(nfkd):
        if not is_hangul_syllable(cp):
            canonical = nfd.get(cp, [])
            compatible = [] if nfkd[cp] == canonical else nfkd[cp]
            places[cp] = len(pool)
            pool += [len(canonical) | len(compatible) << 8, *canonical, *compatible]
    place_blocks, place_values = two_stage(places)

    ordered = sorted(pairs)
    write(
        "normalization_tables.cpp",
        "normalization.hpp",
        [
            array("std::uint16_t", "kNormalizationRecords", distinct),
            array("std::uint16_t", "kNormalizationBlocks", record_blocks),
            array("std::uint8_t", "kNormalizationValues", record_values),
            array("std::uint32_t", "kDecompositions", pool),
            array("std::uint16_t", "kDecompositionBlocks", place_blocks),
            array("std::uint16_t", "kDecompositionValues", place_values),
            f"const std::size_t kNumCompositions = {len(pairs)};\n",
            array("std::uint64_t", "kCompositionPairs", [first << 32 | second for first, second in ordered]),
            array("std::uint32_t", "kComposites", [pairs[pair] for pair in ordered]),
        ],
    )


def write_lowercase() -> None:
    """What to add to a code point to get its lower case; U+0130, whose lower case is two, is left out."""
    images = changed_by(normalizers.Lowercase())
    shifts = {cp: image[0] - cp for cp, image in images.items() if len(image) == 1}
    distinct = sorted({0, *shifts.values()})
    index = {shift: i for i, shift in enumerate(distinct)}
    blocks, values = two_stage([index[shifts.get(cp, 0)] for cp in range(0x110000)])
    write(
        "lowercase_tables.cpp",
        "lowercase.hpp",
        [
            array("std::int32_t", "kLowercaseShifts", distinct),
            array("std::uint8_t", "kLowercaseBlocks", blocks),
            array("std::uint8_t", "kLowercaseValues", values),
        ],
    )


if __name__ == "__main__":
    write_classes()
    write_normalization()
    write_lowercase()
