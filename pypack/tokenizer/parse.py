"""The text of a tokenizer.json as its sections."""

from __future__ import annotations

from typing import Any

_MAY_BE_MISSING = ("truncation", "padding", "normalizer", "pre_tokenizer", "post_processor", "decoder")


def parse_definition(data: bytes, *, nearest_scores: bool) -> dict[str, Any]:
    """The parsed JSON, with `model.vocab` and `model.merges` as C++ objects.

    Args:
        nearest_scores: scores are read to the nearest number, and not as the library reads a file.

    Raises:
        ValueError: it is not understood.
    """
    import orjson

    from pypack._core import read_definition

    rest, vocabulary, merges = read_definition(data, nearest_scores)
    definition: dict[str, Any] = orjson.loads(rest)
    if vocabulary is not None:
        definition["model"]["vocab"] = vocabulary
    if merges is not None:
        definition["model"]["merges"] = merges
    # Which the library takes for said where a file leaves them out.
    for section in _MAY_BE_MISSING:
        definition.setdefault(section, None)
    definition.setdefault("version", "1.0")
    if definition.get("added_tokens") is None:
        definition["added_tokens"] = []
    return definition
