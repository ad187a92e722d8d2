"""JSON strings are decoded alike by every instruction set, and as Python does it."""

from __future__ import annotations

import json

import hypothesis.strategies as st
import pytest
from hypothesis import given, settings

from pypack import _core

INSTRUCTIONS = ("best", "portable")  # there is nothing between
_PARTS = st.one_of(
    st.text(alphabet="ab \x7f", max_size=70),
    st.text(max_size=12),
    st.sampled_from(["\\", "\\\\", '"', "\n", "\t\r\b\f", "/", "é", "漢字", "😀", "\u2028", "\x00"]),
)
_TEXTS = st.lists(_PARTS, max_size=12).map("".join)
# What a string may not hold, or holds half of.
_WRONG = st.sampled_from(
    [
        *(
            b"\n",
            b"\x1f",
            b"\xff",
            b"\xc3",
            b"\xe4\xb8",
            b"\xf0\x9f\x98",
            b"\xc0\x80",
            b"\xed\xa0\x80",
            b"\x80",
        ),
        *(rb"\q", b"\\", rb"\u12", rb"\ud800", rb"\udc00x", rb"\u00e9", rb"\ud83d\ude00", rb"\/", b"\\\\"),
    ]
)


def plain(text: bytes) -> tuple[bytes, int] | None:
    """By Python's own parser, up to the first quote that ends the string."""
    end, escaped = 0, False
    while end < len(text) and (escaped or text[end] != ord('"')):
        escaped = not escaped and text[end] == ord("\\")
        end += 1
    if end == len(text):
        return None
    try:
        value = json.loads(b'"' + text[: end + 1])
        return value.encode(), end + 1
    except (ValueError, UnicodeError):  # a lone surrogate is no text
        return None


@pytest.mark.parametrize("instructions", INSTRUCTIONS)
@settings(deadline=None, max_examples=200)
@given(text=_TEXTS, behind=st.binary(max_size=80), ascii=st.booleans())
def test_strings(instructions: str, text: str, behind: bytes, ascii: bool) -> None:
    spelled = json.dumps(text, ensure_ascii=ascii)[1:].encode("utf-8", "surrogatepass")
    expected = text.encode(), len(spelled)
    assert _core._testing.copy_json_string(spelled + behind, instructions) == expected


@pytest.mark.parametrize("instructions", INSTRUCTIONS)
@settings(deadline=None, max_examples=300)
@given(
    parts=st.lists(_TEXTS.map(lambda text: json.dumps(text)[1:-1].encode()) | _WRONG, max_size=4),
    before=st.integers(0, 130),
    behind=st.integers(0, 130),
)
def test_strings_with_something_wrong(
    instructions: str, parts: list[bytes], before: int, behind: int
) -> None:
    text = b"a" * before + b"".join(parts) + b"z" * behind + b'"' + b" " * (behind // 2)
    assert _core._testing.copy_json_string(text, instructions) == plain(text)


@pytest.mark.parametrize("instructions", INSTRUCTIONS)
@pytest.mark.parametrize(
    "piece", [b"\\n", b"\\\\", b"\\u00e9", "é".encode(), "😀".encode(), b"\xe4\xb8", b"\\"]
)
def test_every_place_in_a_block(instructions: str, piece: bytes) -> None:
    for before in range(140):
        for behind in (0, 1, 70):
            text = b"a" * before + piece + b"z" * behind + b'"'
            assert _core._testing.copy_json_string(text, instructions) == plain(text), (before, behind)
