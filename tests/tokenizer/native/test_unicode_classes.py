"""The Unicode tables, asked again of the installed `tokenizers` over every code point."""

from __future__ import annotations

import hashlib
import unicodedata
from types import ModuleType

import numpy as np
import pytest
from conftest import SCALE
from fixtures.library_version import GRAPHEMES_SINCE_0_23, TRAITS_SINCE_0_22
from fixtures.table_generators import load_generator
from numpy.typing import NDArray

from pypack import _core


@pytest.fixture(scope="module")
def generator() -> ModuleType:
    return load_generator("generate_unicode_tables")


@pytest.fixture(scope="module")
def categories() -> NDArray[np.uint8]:
    return _core._testing.unicode_categories()


def count(categories: NDArray[np.uint8], names: list[str], major: str) -> int:
    members = [i for i, name in enumerate(names) if name.startswith(major)]
    return int(np.isin(categories, members).sum())


def test_categories_are_those_of_the_library(generator: ModuleType, categories: NDArray[np.uint8]) -> None:
    np.testing.assert_array_equal(categories, np.array(generator.category_table(), np.uint8))


def test_traits_are_those_of_the_library(generator: ModuleType) -> None:
    expected = np.array(generator.trait_table(), np.uint8)
    differs = np.flatnonzero(_core._testing.unicode_traits() != expected)
    assert set(differs.tolist()) == TRAITS_SINCE_0_22


def test_the_regexes_have_unicode_16(generator: ModuleType, categories: NDArray[np.uint8]) -> None:
    # As many letters, numbers and marks as unicodedata2 16.0.0 counts.
    names = generator.CATEGORIES
    assert [count(categories, names, major) for major in "LNM"] == [141_028, 1_911, 2_501]
    assert categories[0x1C89] == names.index("Lu")  # new in 16
    assert categories[0x16EA0] == names.index("Cn")  # new in 17


def test_space_has_25_members_without_the_separators_of_ascii(
    generator: ModuleType, categories: NDArray[np.uint8]
) -> None:
    names = generator.CATEGORIES
    space = np.isin(categories, [len(names), *(names.index(c) for c in ("Zs", "Zl", "Zp"))])
    assert int(space.sum()) == 25
    assert not space[0x1C:0x20].any()
    whitespace = _core._testing.unicode_traits() & 1
    np.testing.assert_array_equal(space, whitespace)


def test_older_characters_agree_with_python(generator: ModuleType, categories: NDArray[np.uint8]) -> None:
    """An independent witness: where Python's Unicode (13 to 17) knows a letter, mark, number or separator."""
    names = [*generator.CATEGORIES, "Cc"]
    changed_in_14 = {0x1734} if unicodedata.unidata_version < "14" else set()
    for cp in sorted(set(range(0x3000)) - changed_in_14):
        expected = unicodedata.category(chr(cp))
        if expected != "Cn" and expected[0] in "LMNZ":
            assert names[categories[cp]] == expected, hex(cp)


def test_grapheme_classes_are_those_of_the_library() -> None:
    generator = load_generator("generate_grapheme_table")
    classes = _core._testing.unicode_grapheme_classes()
    profiles = list(generator.CLASSES.values())
    plain = [cp for cp in generator.CODE_POINTS if classes[cp] == 0]
    assert len(plain) < len(generator.CODE_POINTS) - 20_000
    differs = [
        int(cp)
        for cp in [*np.flatnonzero(classes), *plain[:: 1 if SCALE >= 10 else 50]]
        if generator.profile(chr(cp)) != profiles[classes[cp]]
    ]
    if GRAPHEMES_SINCE_0_23[0] and SCALE >= 10:
        pytest.skip("what an older library does otherwise is told of the usual run alone")
    digest = hashlib.sha256(np.array(differs, "<i4").tobytes()).hexdigest()[:16] if differs else ""
    assert (len(differs), digest) == GRAPHEMES_SINCE_0_23, [*map(hex, differs[:9])]
