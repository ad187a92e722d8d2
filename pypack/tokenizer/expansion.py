"""How far a tokenizer may blow up a text: chains of replacements multiply."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

# One byte becomes at most so many. NFKC makes eleven of one; nine steps of "a" to sixteen "a" make
# 7e10 of it.
_MOST = 1024
_MOST_STEPS = 1000


def check_expansion(sections: Mapping[str, Any], source: str) -> None:
    """Refuses a normalizer or decoder whose replacements multiply a text beyond all measure.

    Raises:
        ValueError: names the part.
    """
    for name, members in (("normalizer", "normalizers"), ("decoder", "decoders")):
        factor, steps = 1, 0
        todo = [sections.get(name)]
        while todo:
            part = todo.pop()
            steps += 1
            if not isinstance(part, Mapping):
                continue
            inner = part.get(members)
            if isinstance(inner, list):
                todo.extend(inner)
            factor *= _factor(part)
            if factor > _MOST or steps > _MOST_STEPS:
                raise ValueError(
                    f"{source}: the {name} is refused: its replacements may make more than {_MOST} bytes "
                    f"of one, or are more than {_MOST_STEPS}"
                )


def _factor(part: Mapping[str, Any]) -> int:
    """Bytes that a byte of text may become in a step."""
    pattern, content = part.get("pattern"), part.get("content")
    if part.get("type") != "Replace" or not isinstance(pattern, Mapping) or not isinstance(content, str):
        return 1
    size = len(content.encode("utf-8", "surrogatepass"))
    text = pattern.get("String")
    if isinstance(text, str) and text:
        return -(-size // len(text.encode("utf-8", "surrogatepass"))) or 1
    return max(1, size + _may_be_empty(pattern.get("Regex")))


def _may_be_empty(expression: object) -> bool:
    """Whether an expression matches between characters, where its replacement is put in beside them."""
    try:
        return not isinstance(expression, str) or re.match(expression, "") is not None
    except (re.error, RecursionError, OverflowError):  # another dialect
        return False
