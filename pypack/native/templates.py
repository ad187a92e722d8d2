"""The `post_processor` of a tokenizer.json: the ids that it puts before and behind a document."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pypack.native.unsupported import UnsupportedError

Affixes = tuple[list[int], list[int]]


def recognize_template(part: Mapping[str, Any] | None) -> Affixes:
    """The ids before and behind one document under add_special_tokens.

    Raises:
        UnsupportedError: the post-processor is not one of those that only add ids around a document.
    """
    if part is None:
        return [], []
    kind = part.get("type")
    if kind == "ByteLevel":  # concerns offsets alone
        return [], []
    if kind == "TemplateProcessing":
        return _template(part)
    if kind in ("RobertaProcessing", "BertProcessing"):
        return [part["cls"][1]], [part["sep"][1]]
    if kind == "Sequence":
        before: list[int] = []
        behind: list[int] = []
        for step in part["processors"]:
            step_before, step_behind = recognize_template(step)
            before = step_before + before
            behind = behind + step_behind
        return before, behind
    raise UnsupportedError(f"post_processor {kind!r} has no native form")


def _template(part: Mapping[str, Any]) -> Affixes:
    before: list[int] = []
    behind: list[int] = []
    current = before
    for piece in part["single"]:
        if "Sequence" in piece:
            if current is behind or piece["Sequence"]["id"] != "A":
                raise UnsupportedError("post_processor TemplateProcessing does not hold its text once")
            current = behind
        else:
            name = piece["SpecialToken"]["id"]
            current.extend(part["special_tokens"][name]["ids"])
    if current is before:
        raise UnsupportedError("post_processor TemplateProcessing does not hold its text once")
    return before, behind
