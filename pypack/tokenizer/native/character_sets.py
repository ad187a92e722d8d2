"""Sets of characters as the regexes of `tokenizers` (Oniguruma, Unicode 16) name them."""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

from pypack._core import character_tables
from pypack.tokenizer.native.scripts import SCRIPTS
from pypack.tokenizer.native.unsupported import UnsupportedError

Characters = NDArray[np.bool_]  # by code point, [0x110000]

_CATEGORIES = (
    "Cc", "Cf", "Cn", "Co", "Ll", "Lm", "Lo", "Lt", "Lu", "Mc", "Me", "Mn", "Nd", "Nl", "No", "Pc", "Pd",
    "Pe", "Pf", "Pi", "Po", "Ps", "Sc", "Sk", "Sm", "So", "Zl", "Zp", "Zs", "CcSpace",
)  # fmt: skip


@cache
def category_named(name: str) -> Characters:
    """The characters of `\\p{name}`: a category, its first letter, or a script.

    Raises:
        UnsupportedError: there is no such name here.
    """
    table, _ = character_tables()
    if name in SCRIPTS:
        found = np.zeros(len(table), np.bool_)
        for first, last in SCRIPTS[name]:
            found[first : last + 1] = True
        found[0xD800:0xE000] = False
        return found
    if name == "Cc":
        wanted = [_CATEGORIES.index("Cc"), _CATEGORIES.index("CcSpace")]
    else:
        wanted = [
            i for i, one in enumerate(_CATEGORIES) if one == name or (len(name) == 1 and one[0] == name)
        ]
    if not wanted:
        raise UnsupportedError(f"regex with \\p{{{name}}}")
    return np.isin(table, wanted)


@cache
def shorthand(letter: str) -> Characters:
    """The characters of `\\s`, `\\d` or `\\w`."""
    if letter == "s":
        table, _ = character_tables()
        return np.isin(table, [_CATEGORIES.index(name) for name in ("Zl", "Zp", "Zs", "CcSpace")])
    if letter == "d":
        return category_named("Nd")
    # \w: that of Rust's regexes, but for the superscripts and fractions of Latin-1, and the joiners.
    _, traits = character_tables()
    word: Characters = (traits >> 1 & 1) == 1
    return (word | just("\u00b2\u00b3\u00b9\u00bc\u00bd\u00be")) & ~just("\u200c\u200d")


def just(text: str) -> Characters:
    """The set of some characters."""
    found = np.zeros(0x110000, np.bool_)
    found[[ord(character) for character in text]] = True
    return found


def nothing() -> Characters:
    """The empty set."""
    return np.zeros(0x110000, np.bool_)
