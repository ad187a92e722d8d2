"""JSON as corpora have it: what nobody asks for may be NaN, beyond all numbers, or half a character."""

from __future__ import annotations

import json
from typing import Any

import orjson

# Fewer digits are always exact in 64 bits.
# Digits in a row, all of them alike: a regular expression takes seven times as long to find them.
_ALIKE = bytes.maketrans(b"123456789", b"000000000")
_MANY_DIGITS = b"0" * 19
# Python refuses to make numbers of longer texts (sys.set_int_max_str_digits).
_MOST_DIGITS = 4000


def _whole_number(text: str) -> int | float:
    return int(text) if len(text) <= _MOST_DIGITS else float(text)


_decoder = json.JSONDecoder(parse_int=_whole_number)


def parse_json(data: bytes) -> tuple[Any, bool]:
    """(value, whether it is JSON for every parser).

    Taken besides, as by Python's json: NaN, Infinity and -Infinity, numbers that no float can hold (they
    become infinite), and lone surrogates, which no text and no column can hold.

    Raises:
        orjson.JSONDecodeError: it is no JSON even so; the message is orjson's.
    """
    try:
        return orjson.loads(data), True
    except orjson.JSONDecodeError:
        try:
            return _decoder.decode(data.decode("utf-8")), False
        except (ValueError, RecursionError):
            pass
        raise


def parsed_exactly(data: bytes, parsed: Any) -> Any:
    """The value of a JSON text, its integers exact whatever their size; `parsed`: what `parse_json` says.

    orjson makes a float of an integer beyond 64 bits, in which its last digits are lost.
    """
    if _MANY_DIGITS not in data.translate(_ALIKE):
        return parsed
    try:
        return _decoder.decode(data.decode("utf-8"))
    except (ValueError, RecursionError):  # a thousand brackets deep: Python's parser ends before orjson
        return parsed


def has_lone_surrogate(value: Any) -> bool:
    """Whether a string of a value cannot be written as UTF-8."""
    try:
        orjson.dumps(value)
    except TypeError:  # orjson.JSONEncodeError; also of integers that it has no room for
        try:
            json.dumps(value, ensure_ascii=False, default=str).encode("utf-8")
        except UnicodeEncodeError:
            return True
    return False
